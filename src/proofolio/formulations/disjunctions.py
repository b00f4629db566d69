"""One of several sets, each given by affine rows and convex quadratic ones.

Where M is computed:

=================  ================  ==================================================================
lowering           big_m             function
=================  ================  ==================================================================
"hull" (default)   not used          none: it has no M
"indicator"        not used          none
"big-m"            a tier            `implies` -> `big_m.resolve` -> `Builder.bounds`, which asks
                                     `program.interval` or `verification.big_m.tiers`
"big-m"            "published"       `implies` -> `big_m.resolve`, with the rule in `implications`
"multiple-big-m"   "interval"        `big_m_over_sets.largest_over`
either             the user's own    `big_m_over_sets.checked` -> `verification.big_m.given.check_big_m`
=================  ================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as cartesian
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering, given
from proofolio.formulations.big_m_over_sets import checked, largest_over, sides_of
from proofolio.formulations.convex_rows import (
    affine_part,
    curved_columns,
    is_curved,
    perspective_squares,
    upright,
)
from proofolio.formulations.implications import implies
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows, apply_matrix, broadcast_to

__all__ = ["disjunction", "disjunction_meaning", "hull_of_sets"]


def hull_of_sets(model: Builder, name: str, groups: Sequence[Sequence[Rows]], chosen: Expression) -> None:
    """Add the copies and rows of `disjunction`'s hull; chosen has shape (K, *S).

    Entries of S share no copies; ``{name}_copies`` has one column for each entry and each variable in the rows
    of that entry, in whatever set.
    """
    K = len(groups)
    entry, column = _used(groups)
    count = entry.size
    body = affine_part(groups[0][0])
    width = int(column.max(initial=-1)) + 1
    picked = sparse.csr_array((np.ones(count), (np.arange(count), column)), shape=(count, width))
    x = Expression(picked, np.zeros(count), body.owner)
    bounds = model.bounds(x)
    case = chosen.reshape((K, -1))[:, entry]
    y = model.variable(
        f"{name}_copies", (K, count), np.minimum(bounds.lower, 0.0), np.maximum(bounds.upper, 0.0)
    )
    model.add(f"{name}_copies_sum", y.sum(0) == x)
    model.add(f"{name}_copies_lower", y >= broadcast_to(bounds.lower, (K, count)) * case)
    model.add(f"{name}_copies_upper", y <= broadcast_to(bounds.upper, (K, count)) * case)
    place = {(int(e), int(j)): i for i, (e, j) in enumerate(zip(entry, column, strict=True))}
    for k, group in enumerate(groups):
        for index, rows in enumerate(group):
            value = _on_copies(rows, place, y[k])
            if is_curved(rows):
                value = value + perspective_squares(
                    model, f"{name}_{k}_{index}_square", rows, place, y[k], chosen[k]
                )
            for word, limit in (("upper", rows.upper), ("lower", rows.lower)):
                if np.all(np.isfinite(limit)):
                    bound = (limit - affine_part(rows).constant) * chosen[k]
                    side = value <= bound if word == "upper" else value >= bound
                    model.add(f"{name}_{k}_{index}_{word}", side)


def _merged(rows: Rows) -> Any:
    matrix = sparse.csr_array(affine_part(rows).matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _used(groups: Sequence[Sequence[Rows]]) -> tuple[Any, Any]:
    """Return, sorted and once each, the entries and the columns that their rows use."""
    found: set[tuple[int, int]] = set()
    for rows in (rows for group in groups for rows in group):
        matrix = _merged(rows)
        entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        found |= set(zip(entry.tolist(), matrix.indices.tolist(), strict=True)) | set(curved_columns(rows))
    pairs = np.array(sorted(found), dtype=np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _on_copies(rows: Rows, place: dict[tuple[int, int], int], y: Expression) -> Expression:
    matrix = _merged(rows)
    entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    columns = [place[e, j] for e, j in zip(entry.tolist(), matrix.indices.tolist(), strict=True)]
    gather = sparse.csr_array((matrix.data, (entry, columns)), shape=(matrix.shape[0], y.size))
    return apply_matrix(gather, y).reshape(rows.shape)


Sets = Sequence[Rows | Sequence[Rows]]


def disjunction(
    model: Builder,
    name: str,
    sets: Sets,
    *,
    at_least_one: bool = False,
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Put x into exactly one (or at least one) of K sets; return which.

    Meaning: with one binary :math:`d_k` a set, :math:`d_k = 1 \Rightarrow x \in S_k = \{x : A_k x \le b_k\}`, where
    rows may also be :math:`x'Qx + a'x \le b` with Q positive semidefinite, and
    :math:`\sum_k d_k = 1`, or :math:`\sum_k d_k \ge 1` (``at_least_one=True``).

    Lowering ``"big-m"``, with M over the box, row by row:

    .. math:: a'x \le b + M (1 - d_k), \qquad M \ge \max a'x - b

    Lowering ``"multiple-big-m"`` (Trespalacios & Grossmann 2015), with M over the box and each other set:

    .. math:: a'x \le b + \sum_{s \ne k} M_s d_s, \qquad M_s \ge \max_{x \in S_s} a'x - b

    and, where several sets may be chosen, :math:`a'x \le b + \max(M_s) (1 - d_k)`: x lies in one of the others.

    Lowering ``"hull"`` (Balas 1985), with copies :math:`y_k` of x, which is sharp and ideal:

    .. math:: x = \sum_k y_k, \qquad L d_k \le y_k \le U d_k, \qquad A_k y_k \le b_k d_k

    and, where several sets may be chosen, the hull of each implication apart (see `implies`).

    A quadratic row becomes a rotated cone, the perspective of its quadratic part (Ceria & Soares 1999):

    .. math:: s_k d_k \ge y_k'Q y_k, \qquad s_k + a'y_k \le b\,d_k

    Lowering ``"indicator"`` (native, no M): :math:`d_k = 1 \Rightarrow A_k x \le b_k`, and for a quadratic row
    :math:`d_k = 1 \Rightarrow s_k + a'x \le b` with :math:`s_k \ge x'Qx`. It cannot be written to Pyomo or
    CVXPY: an attached builder raises `UnsupportedProgram` when its ``with`` block is left.

    Outer approximation of either is how HiGHS solves them: with ``solver="highs"`` quadratic rows and cones become
    tangents, cut by cut.

    Parameters
    ----------
    model : Model
    name : str
        Name of the binaries; rows of set k are called ``{name}_{k}_...``.
    sets : sequence of K, each rows or a sequence of them
        Affine rows, and quadratic ones with one finite side. All have one shape S, and every entry chooses its
        set on its own.
    at_least_one : bool
        Let several sets be chosen at once.
    lowering : {"hull", "big-m", "multiple-big-m", "indicator"}
    big_m : str or array_like
        For ``"big-m"``: a tier of bounds, ``"published"``, or numbers broadcasting to (K, \*S), one for all rows of
        a set.
        ``"multiple-big-m"`` takes, for every row and other set, the least of the interval bounds of the row
        less a multiple of one row of that set, or numbers broadcasting to (K, K, \*S): entry [k, s] is the room
        rows of set k have in set s, and may be negative where K > 2 and exactly one set is chosen.
    keep : bool
        For numbers, where the model checks given M: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Returns
    -------
    Expression, shape (K, *S)
        The binaries; with exactly one, a point in several sets may choose any of them.

    Raises
    ------
    UnboundedExpression
        When a body (Big-M) or a variable (hull) has no finite bounds.
    BadData
        For fewer than two sets, things that are not rows, quadratic rows with two sides, or shapes that differ.
    InvalidBigM
        When numbers for M cut off a point of another set, and the model checks given M.
    UnsupportedProgram
        For an indefinite Q with the hull lowering.

    Notes
    -----
    Adds: for K sets of rows of shape S, row j of set k, and each finite side (``upper``, ``lower``) of it:

    - all: binaries ``{name}`` (K, S); rows ``{name}_one`` (S).
    - ``"big-m"``: rows ``{name}_{k}_{j}_{side}`` (S), quadratic where the row is.
    - ``"multiple-big-m"``: rows ``{name}_{k}_{j}`` (S), likewise.
    - ``"indicator"``: implications ``{name}_{k}_{j}`` (S); for a quadratic row also variables
      ``{name}_{k}_{j}_square`` (S) and quadratic rows ``{name}_{k}_{j}_square_at_least`` (S).
    - ``"hull"``: variables ``{name}_copies`` (K, V) for the V variables in the rows; rows ``{name}_copies_sum`` (V),
      ``{name}_copies_lower`` and ``{name}_copies_upper`` (K, V), ``{name}_{k}_{j}_{side}`` (S); for a quadratic row
      also variables ``{name}_{k}_{j}_square`` (S) and cones ``{name}_{k}_{j}_square_cone`` (S). With
      ``at_least_one``: what `implies` adds for every row, under the name ``{name}_{k}_{j}``.
    """
    check_lowering("disjunction", lowering, ("hull", "big-m", "multiple-big-m", "indicator"))
    groups = [[rows] if isinstance(rows, Rows) else list(rows) for rows in sets]
    shape = _shape(name, groups)
    groups = [[upright(name, rows) for rows in group] for group in groups]
    K = len(groups)
    if lowering == "multiple-big-m" and isinstance(big_m, str) and big_m != "interval":
        raise BadData(
            f"multiple-big-m of disjunction {name!r} takes interval bounds or numbers, not {big_m!r}"
        )
    numbers = None
    if lowering in ("big-m", "multiple-big-m") and not isinstance(big_m, str):
        numbers = _numbers(big_m, K, shape, lowering, at_least_one)
    chosen = model.variable(name, (K, *shape), binary=True)
    model.add(f"{name}_one", chosen.sum(0) >= 1 if at_least_one else chosen.sum(0) == 1)
    if lowering == "hull" and not at_least_one:
        hull_of_sets(model, name, groups, chosen)
        return chosen
    if lowering == "multiple-big-m" or numbers is not None:
        one = at_least_one or K == 2 or lowering == "big-m"
        _rooms(model, name, groups, chosen, numbers, one, at_least_one, keep)
        return chosen
    assert isinstance(big_m, str)
    for k, group in enumerate(groups):
        for j, rows in enumerate(group):
            implies(model, f"{name}_{k}_{j}", chosen[k], rows, lowering=lowering, big_m=big_m)
    return chosen


def _shape(name: str, groups: list[list[Any]]) -> tuple[int, ...]:
    if len(groups) < 2 or not all(groups):
        raise BadData(f"disjunction {name!r} needs at least two sets, each with rows")
    for rows in (rows for group in groups for rows in group):
        if not isinstance(rows, Rows):
            raise BadData(f"disjunction {name!r} needs affine or quadratic rows, written with <=, >= or ==")
    shapes: set[tuple[int, ...]] = {rows.shape for group in groups for rows in group}
    if len(shapes) > 1:
        raise BadData(f"the rows of disjunction {name!r} have shapes {sorted(shapes)}: give them one")
    return shapes.pop()


def _numbers(big_m: ArrayLike, K: int, shape: tuple[int, ...], lowering: str, at_least_one: bool) -> Floats:
    """Return the numbers as (K, K, *S): the room that rows of set k have in set s."""
    if lowering == "big-m":
        each = given(big_m, (K, *shape), signed=False)
        return np.broadcast_to(each[:, None], (K, K, *shape))
    return given(big_m, (K, K, *shape), signed=K > 2 and not at_least_one)


def _rooms(
    model: Builder,
    name: str,
    groups: list[list[Rows]],
    chosen: Expression,
    numbers: Floats | None,
    one: bool,
    at_least_one: bool,
    keep: bool,
) -> None:
    """Add Big-M rows: one constant a row, or one for each other set."""
    sides = [sides_of(group) for group in groups]
    K = len(groups)
    for k in range(K):
        others = [s for s in range(K) if s != k]
        for j, body in enumerate(sides[k]):
            label = f"{name}_{k}_{j}"
            if numbers is None:
                M = np.stack([largest_over(model, body, sides[s]) for s in others])
            else:
                M = np.stack([numbers[k, s] for s in others])
                if model.m_checker is not None:
                    each = zip(M, others, strict=True)
                    M = np.stack(
                        [
                            checked(model, label, body, m, chosen[k], chosen[s], sides[s], keep, not one)
                            for m, s in each
                        ]
                    )
            if one:
                most = M.max(axis=0)
                if numbers is not None or at_least_one or K > 2:
                    most = np.maximum(most, 0.0)
                tier = "interval" if numbers is None else "given"
                switch = model.switch("disjunction", chosen[k], 1, most, tier, body.shape)
                model.add(label, body <= most * (1 - chosen[k]), switch)
            else:
                model.add(label, body <= (M * chosen[others]).sum(0))


def disjunction_meaning(
    sets: Sequence[Callable[..., list[Any]]], at_least_one: bool = False
) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (x, d_0, ..., d_K-1): one for each set, or for each choice of some of them.

    Parameters
    ----------
    sets : sequence of functions
        ``sets[k](x)`` returns the rows of set k.
    at_least_one : bool
    """
    K = len(sets)
    choices = [c for c in cartesian((0, 1), repeat=K) if (any(c) if at_least_one else sum(c) == 1)]

    def piece(choice: tuple[int, ...]) -> Callable[..., list[Any]]:
        def rows(x: Any, *chosen: Any) -> list[Any]:
            own = [row for k in range(K) if choice[k] for row in sets[k](x)]
            return [*(chosen[k] == choice[k] for k in range(K)), *own]

        return rows

    return [piece(choice) for choice in choices]
