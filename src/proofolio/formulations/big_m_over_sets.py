"""How large a row of one set can become over another set: computed for multiple Big-M, or given and checked.

`largest_over` serves the lowering ``"multiple-big-m"`` of `disjunction`, and `checked` the numbers a user gives for it
or for ``"big-m"``. The M of ``"big-m"`` with a tier does not pass here: the table in `disjunctions` says where each is
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, UnboundedExpression
from proofolio.formulations.big_m import named
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows
from proofolio.program.quadratic import Quadratic

__all__ = ["checked", "largest_over", "sides_of"]


def sides_of(group: Sequence[Rows]) -> list[Expression | Quadratic]:
    """Return every side of the rows as a body that must be <= 0; each is finite in every entry or in none."""
    found: list[Expression | Quadratic] = []
    for rows in group:
        for limit, sign in ((rows.upper, 1.0), (rows.lower, -1.0)):
            finite = np.isfinite(limit)
            if np.any(finite) and not np.all(finite):
                raise BadData("a side of rows must be finite in every entry, or in none")
            if np.all(finite):
                found.append(sign * (rows.body - limit))
    return found


def largest_over(
    model: Builder, body: Expression | Quadratic, others: Sequence[Expression | Quadratic]
) -> Floats:
    r"""Bound a body from above over the box and a set, rounded outward.

    For every row h <= 0 of the set, and every ratio :math:`\lambda` of the coefficients of a variable that the
    body and h share, :math:`\max (g - \lambda h)` over the box is a bound (g <= g - lambda h on the set); the
    least is taken. With one row in the set it is the true maximum, where the dual of that linear program lies.
    A quadratic body is bounded over the box alone, and quadratic rows of the set bound nothing.

    Raises
    ------
    UnboundedExpression
        When none of the bounds is finite.
    """
    if isinstance(body, Quadratic):
        return model.bounds(body, side="upper").upper
    best = model.interval(body).upper
    for other in others:
        if isinstance(other, Quadratic):
            continue
        for ratio in _ratios(body, other):
            reduced = body - ratio * other
            # forming the difference rounds each coefficient: four units of its size pay for that
            size = _size(model, body) + np.abs(ratio) * _size(model, other)
            room = 4.0 * float(np.finfo(float).eps) * np.where(ratio > 0, size, 0.0)
            found = np.nextafter(model.interval(reduced).upper + room, np.inf)
            best = np.where(ratio > 0, np.minimum(best, found), best)
    if not np.all(np.isfinite(best)):
        model.bounds(body, side="upper")  # names the variables
        raise UnboundedExpression("a row of a disjunction has no finite bound over another set")
    return best


def _ratios(body: Expression, other: Expression) -> list[Floats]:
    """Return arrays of positive ratios of coefficients, zero where an entry has no more of them."""
    a, b = body.matrix.tocsr(), other.matrix.tocsr()
    found: list[list[float]] = []
    for k in range(body.size):
        left, right = _row(a, k), _row(b, k)
        found.append([left[j] / right[j] for j in left if j in right and left[j] * right[j] > 0])
    depth = max(map(len, found), default=0)
    table = np.zeros((depth, body.size))
    for k, ratios in enumerate(found):
        table[: len(ratios), k] = ratios
    return [row.reshape(body.shape) for row in table]


def _row(matrix: Any, k: int) -> dict[int, float]:
    found: dict[int, float] = {}
    start, stop = matrix.indptr[k], matrix.indptr[k + 1]
    for j, value in zip(matrix.indices[start:stop], matrix.data[start:stop], strict=True):
        found[int(j)] = found.get(int(j), 0.0) + float(value)
    return {j: value for j, value in found.items() if value}


def _size(model: Builder, e: Expression) -> Floats:
    bounds = model.interval(Expression(abs(e.matrix), np.abs(e.constant), e.owner))
    wide = np.maximum(np.abs(bounds.lower), np.abs(bounds.upper))
    return np.where(np.isfinite(wide), wide, 0.0)


Body = Expression | Quadratic


def checked(
    model: Builder,
    name: str,
    body: Body,
    M: Floats,
    own: Expression,
    other: Expression,
    rows: Sequence[Body],
    keep: bool,
    signed: bool,
) -> Floats:
    """Return the M to use in ``body <= M`` while a point lies in another set, entry by entry.

    The model's `m_checker` is asked about a copy of the model that holds, for one entry at a time, the rows of
    the other set, which are not yet written and are why an M may be enough.

    Parameters
    ----------
    model : Model
        With an `m_checker`.
    name : str
        What the rows are called in messages.
    body : Expression or Quadratic
        At most zero in the own set.
    M : ndarray
    own, other : Expression
        The binaries of the own set (held at 0) and of the other (held at 1).
    rows : sequence of Expression or Quadratic
        The other set's, each at most zero.
    keep, signed : bool
        As for the `m_checker`.
    """
    assert model.m_checker is not None
    flat = M.ravel().copy()
    before = len(model.proofs)
    for entry in range(flat.size):
        copy = model.copy()
        at = np.unravel_index(entry, body.shape)
        copy.add(f"{name} off", _moved(own[at], copy) == 0)
        for k, row in enumerate(rows):
            copy.add(f"{name} other {k}", _moved(row[at], copy) <= 0)
        flat[entry] = model.m_checker(
            copy, name, _moved(body[at], copy), flat[entry],
            binary=_affine_moved(other[at], copy), off=1, keep=keep, signed=signed,
        )  # fmt: skip
    named(model, name, before)
    return flat.reshape(M.shape)


def _moved(body: Body, owner: Builder) -> Body:
    if isinstance(body, Quadratic):
        return Quadratic(_affine_moved(body.affine, owner), body.forms)
    return _affine_moved(body, owner)


def _affine_moved(body: Expression, owner: Builder) -> Expression:
    return Expression(body.matrix, body.constant, owner)
