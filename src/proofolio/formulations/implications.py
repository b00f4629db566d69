"""Rows that must hold only while a binary is at one value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.big_m import Need, check_lowering, resolve
from proofolio.formulations.convex_rows import (
    affine_part,
    curved_columns,
    is_curved,
    perspective_squares,
    upright,
)
from proofolio.formulations.exclusive_pairs import as_variable, exclusive
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows, apply_matrix, as_expression, broadcast_to
from proofolio.program.quadratic import Quadratic

__all__ = ["implies", "implies_meaning"]


def implies(
    model: Builder,
    name: str,
    z: Any,
    rows: Any,
    *,
    when: int = 1,
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> None:
    r"""Add ``z = when  =>  rows``, elementwise.

    Meaning: :math:`z = 1 \Rightarrow \ell \le a'x \le b` (or ``when=0``), each row with its own switch.

    Lowering ``"big-m"``, for each finite side:

    .. math:: a'x \le b + M (1 - z), \qquad M \ge \max a'x - b

    Lowering ``"hull"`` (Balas 1985), with a copy :math:`y_j` of every variable of the row in the case z = 1:

    .. math::
        L_j z \le y_j \le U_j z, \quad L_j (1 - z) \le x_j - y_j \le U_j (1 - z), \quad \ell z \le a'y \le b z

    Lowering ``"indicator"`` (native, no M): the implication itself.

    Lowering ``"sos1"`` (native, no M), with a slack of which at most one of (s, z) is nonzero:

    .. math:: a'x \le b + s, \qquad s \ge 0

    Rows may be convex quadratic, :math:`x'Qx + a'x \le b`, in each lowering. The hull then has
    :math:`s + a'y \le b z` with the perspective :math:`s z \ge y'Qy`, a rotated cone (Ceria & Soares 1999), and the
    indicator :math:`z = 1 \Rightarrow s + a'x \le b` with :math:`s \ge x'Qx`. Outer approximation of either is how
    HiGHS solves them: quadratic rows and cones become tangents, cut by cut.

    Parameters
    ----------
    model : Model
    name : str
        Rows are called ``{name}_upper`` and ``{name}_lower`` (Big-M), ``{name}`` (indicator) or ``{name}_...``.
    z : Expression
        Binary (a variable, or one minus one); broadcasts to the shape of the rows.
    rows : Rows
        Affine rows, made with ``<=``, ``>=``, ``==`` or `between`, or quadratic ones with one finite side.
    when : {1, 0}
        The value of z at which the rows hold.
    lowering : {"big-m", "hull", "indicator", "sos1"}
    big_m : str or array_like
        A tier of bounds, ``"published"`` (the largest size of the body plus that of the bound), or numbers.
    keep : bool
        For numbers, where the model checks given M: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Raises
    ------
    UnboundedExpression
        When a body (Big-M) or a variable (hull) has no finite bounds.
    BadData
        When z is not binary.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: with S the shape of the rows, for each finite side (``upper``, ``lower``):

    - ``"big-m"``: rows ``{name}_{side}`` (S), quadratic where the rows are.
    - ``"sos1"``: variables ``{name}_{side}_slack`` (S); rows ``{name}_{side}`` (S); one ordered set for each entry.
    - ``"indicator"``: implications ``{name}`` (S), both sides in one. For quadratic rows also variables
      ``{name}_square`` (S) and quadratic rows ``{name}_square_at_least`` (S).
    - ``"hull"``: variables ``{name}_copies``, one for each variable of each row; rows ``{name}_copies_lower``,
      ``{name}_copies_upper``, ``{name}_rest_lower``, ``{name}_rest_upper``, one for each copy; rows ``{name}_{side}``
      (S). For quadratic rows also variables ``{name}_square`` (S) and cones ``{name}_square_cone`` (S).

    Examples
    --------
    One switch for each row of a matrix: `z` with a last axis of one broadcasts along the columns.

    >>> from proofolio import Model
    >>> model = Model()
    >>> ship = model.variable("ship", (5, 3), lower=0, upper=40)
    >>> open_ = model.variable("open", 5, binary=True)
    >>> implies(model, "closed", open_.reshape(5, 1), ship <= 0, when=0)
    >>> model.freeze().row_names[:4]
    ('closed_upper[0,0]', 'closed_upper[0,1]', 'closed_upper[0,2]', 'closed_upper[1,0]')
    """
    check_lowering("implies", lowering, ("big-m", "hull", "indicator", "sos1"))
    if when not in (0, 1):
        raise BadData(f"when is {when!r}; it must be 1 or 0")
    if not isinstance(rows, Rows):
        raise BadData(f"implies {name!r} needs affine or quadratic rows, written with <=, >= or ==")
    rows = upright(name, rows)
    z = broadcast_to(as_expression(z), rows.shape)
    model.check_binary(f"the switch z of implies {name!r}", z)
    on = z if when == 1 else 1 - z
    sides = [("upper", rows.upper, 1.0), ("lower", rows.lower, -1.0)]
    for side, limit, _ in sides:
        if np.any(np.isfinite(limit)) and not np.all(np.isfinite(limit)):
            raise BadData(f"implies {name!r}: the {side} side must be finite in every entry, or in none")
    if lowering == "hull":
        _hull(model, name, on, rows)
        return
    if lowering == "indicator":
        model.indicator(name, z, _straightened(model, name, rows) if is_curved(rows) else rows, when)
        return
    if lowering == "sos1":
        on = as_variable(model, f"{name}_on", on, rows.shape)
    body, straight = rows.body, affine_part(rows)
    plain: Any = Expression(
        straight.matrix, np.zeros(body.shape), straight.owner
    )  # as one writes it: numbers on the right
    if isinstance(body, Quadratic):
        plain = Quadratic(plain, body.forms)
    switch_of = None if model.switch("implies", on, 1, 0.0, "given", rows.shape) is None else on
    for side, limit, sign in sides:
        if not np.any(np.isfinite(limit)):
            continue
        slack = sign * (body - limit)  # the row is slack <= 0
        if lowering == "sos1":
            most = np.maximum(model.interval(slack).upper, 0.0)
            room = model.variable(f"{name}_{side}_slack", rows.shape, 0.0, most)
            model.add(f"{name}_{side}", slack <= room)
            exclusive(model, f"{name}_{side}_set", room, on)
            continue
        M = resolve(
            model,
            f"{name}_{side}",
            big_m,
            rows.shape,
            lambda tier, slack=slack: model.bounds(slack, tier, "upper", switch_of).upper,  # type: ignore[misc]
            lambda limit=limit: _size(model, plain) + np.abs(limit - straight.constant),  # type: ignore[misc]
            lambda slack=slack: [Need(slack, switch_of)],  # type: ignore[misc]
            keep,
        )
        switch = model.switch("implies", on, 1, M.value, M.tier, rows.shape)
        model.add(f"{name}_{side}", slack <= M.value * (1 - on), switch)


def _straightened(model: Builder, name: str, rows: Rows) -> Rows:
    """Return affine rows in s and x, with s at least the quadratic part."""
    assert isinstance(rows.body, Quadratic)
    zero = Expression(sparse.csr_array((rows.body.size, model.n)), np.zeros(rows.shape), rows.body.owner)
    curved = Quadratic(zero, rows.body.forms)
    bounds = model.interval(curved)
    s = model.variable(f"{name}_square", rows.shape, bounds.lower, bounds.upper)
    model.add(f"{name}_square_at_least", curved - s <= 0)
    return Rows(s + rows.body.affine, rows.lower, rows.upper)


def _size(model: Builder, body: Any) -> Floats:
    bounds = model.bounds(body)
    return np.maximum(np.abs(bounds.lower), np.abs(bounds.upper))


def _hull(model: Builder, name: str, on: Expression, rows: Rows) -> None:
    body = affine_part(rows)
    matrix = sparse.csr_array(body.matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    row = np.repeat(np.arange(body.size), np.diff(matrix.indptr))
    used = sorted({*zip(row.tolist(), matrix.indices.tolist(), strict=True), *curved_columns(rows)})
    place = {pair: k for k, pair in enumerate(used)}
    entry, column = np.array(used, dtype=np.intp).reshape(-1, 2).T
    count, width = len(used), max(matrix.shape[1], int(column.max(initial=-1)) + 1)
    picked = sparse.csr_array((np.ones(count), (np.arange(count), column)), shape=(count, width))
    x = Expression(picked, np.zeros(count), body.owner)
    bounds = model.bounds(x)
    case = on.ravel()[entry]
    y = model.variable(f"{name}_copies", count, np.minimum(bounds.lower, 0), np.maximum(bounds.upper, 0))
    model.add(f"{name}_copies_lower", y >= bounds.lower * case)
    model.add(f"{name}_copies_upper", y <= bounds.upper * case)
    model.add(f"{name}_rest_lower", x - y >= bounds.lower * (1 - case))
    model.add(f"{name}_rest_upper", x - y <= bounds.upper * (1 - case))
    at = [place[pair] for pair in zip(row.tolist(), matrix.indices.tolist(), strict=True)]
    gather = sparse.csr_array((matrix.data, (row, at)), shape=(body.size, count))
    value = apply_matrix(gather, y).reshape(body.shape) + body.constant * on
    if is_curved(rows):
        value = value + perspective_squares(model, f"{name}_square", rows, place, y, on)
    if np.any(np.isfinite(rows.upper)):
        model.add(f"{name}_upper", value <= rows.upper * on)
    if np.any(np.isfinite(rows.lower)):
        model.add(f"{name}_lower", value >= rows.lower * on)


def implies_meaning(rows: Callable[..., Rows], when: int = 1) -> list[Callable[..., list[Any]]]:
    """Return the pieces of ``z = when => rows(x)``, in (z, x): switched off, or on with its rows."""
    return [lambda z, x: [z == 1 - when], lambda z, x: [z == when, rows(x)]]
