r"""One of several sets, each given by affine rows.

Meaning: with one binary :math:`d_k` a set, :math:`d_k = 1 \Rightarrow x \in S_k = \{x : A_k x \le b_k\}`, and
:math:`\sum_k d_k = 1`, or :math:`\sum_k d_k \ge 1` (``at_least_one=True``).

Lowering ``"big-m"``, with M over the box, row by row:

.. math:: a'x \le b + M (1 - d_k), \qquad M \ge \max a'x - b

Lowering ``"multiple-big-m"`` (Trespalacios & Grossmann 2015), with M over the box and each other set:

.. math:: a'x \le b + \sum_{s \ne k} M_s d_s, \qquad M_s \ge \max_{x \in S_s} a'x - b

and, where several sets may be chosen, :math:`a'x \le b + \max(M_s) (1 - d_k)`: x lies in one of the others.

Lowering ``"hull"`` (Balas 1985), with copies :math:`y_k` of x, which is sharp and ideal:

.. math:: x = \sum_k y_k, \qquad L d_k \le y_k \le U d_k, \qquad A_k y_k \le b_k d_k

and, where several sets may be chosen, the hull of each implication apart (see `implies`).

Lowering ``"indicator"`` (native, no M): :math:`d_k = 1 \Rightarrow A_k x \le b_k`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as cartesian
from typing import Any

import numpy as np

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.disjunction_hull import hull_of_sets
from proofolio.formulations.disjunction_sides import largest_over, sides_of
from proofolio.formulations.implies import implies
from proofolio.program.expression import Expression, Rows
from proofolio.program.model import Model
from proofolio.program.quadratic import Quadratic

__all__ = ["disjunction", "disjunction_meaning"]

Sets = Sequence[Rows | Sequence[Rows]]


def disjunction(
    model: Model,
    name: str,
    sets: Sets,
    *,
    at_least_one: bool = False,
    lowering: str = "hull",
    big_m: str = "interval",
) -> Expression:
    r"""Put x into exactly one (or at least one) of K sets; return which.

    Parameters
    ----------
    model : Model
    name : str
        Name of the binaries; rows of set k are called ``{name}_{k}_...``.
    sets : sequence of K, each affine rows or a sequence of them
        All rows have one shape S, and every entry chooses its set on its own.
    at_least_one : bool
        Let several sets be chosen at once.
    lowering : {"hull", "big-m", "multiple-big-m", "indicator"}
    big_m : str
        For ``"big-m"``: a tier of bounds. ``"multiple-big-m"`` takes, for every row and other set, the least of
        the interval bounds of the row less a multiple of one row of that set.

    Returns
    -------
    Expression, shape (K, *S)
        The binaries; with exactly one, a point in several sets may choose any of them.

    Raises
    ------
    UnboundedExpression
        When a body (Big-M) or a variable (hull) has no finite bounds.
    BadData
        For fewer than two sets, rows that are not affine, or shapes that differ.
    """
    check_lowering("disjunction", lowering, ("hull", "big-m", "multiple-big-m", "indicator"))
    groups = [[rows] if isinstance(rows, Rows) else list(rows) for rows in sets]
    shape = _shape(name, groups)
    K = len(groups)
    chosen = model.variable(name, (K, *shape), binary=True)
    model.add(f"{name}_one", chosen.sum(0) >= 1 if at_least_one else chosen.sum(0) == 1)
    if lowering == "hull" and not at_least_one:
        hull_of_sets(model, name, groups, chosen)
        return chosen
    if lowering == "multiple-big-m":
        _multiple(model, name, groups, chosen, at_least_one)
        return chosen
    for k, group in enumerate(groups):
        for j, rows in enumerate(group):
            implies(model, f"{name}_{k}_{j}", chosen[k], rows, lowering=lowering, big_m=big_m)
    return chosen


def _shape(name: str, groups: list[list[Any]]) -> tuple[int, ...]:
    if len(groups) < 2 or not all(groups):
        raise BadData(f"disjunction {name!r} needs at least two sets, each with rows")
    for rows in (rows for group in groups for rows in group):
        if not isinstance(rows, Rows) or isinstance(rows.body, Quadratic):
            raise BadData(f"disjunction {name!r} needs affine rows, written with <=, >= or ==")
    shapes: set[tuple[int, ...]] = {rows.shape for group in groups for rows in group}
    if len(shapes) > 1:
        raise BadData(f"the rows of disjunction {name!r} have shapes {sorted(shapes)}: give them one")
    return shapes.pop()


def _multiple(
    model: Model, name: str, groups: list[list[Rows]], chosen: Expression, at_least_one: bool
) -> None:
    sides = [sides_of(group) for group in groups]
    K = len(groups)
    for k in range(K):
        others = [s for s in range(K) if s != k]
        for j, body in enumerate(sides[k]):
            M = np.stack([largest_over(model, body, sides[s]) for s in others])
            label = f"{name}_{k}_{j}"
            if at_least_one or K == 2:
                one = M.max(axis=0) if K == 2 and not at_least_one else np.maximum(M.max(axis=0), 0.0)
                switch = model.switch("disjunction", chosen[k], 1, one, "interval", body.shape)
                model.add(label, body <= one * (1 - chosen[k]), switch)
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
