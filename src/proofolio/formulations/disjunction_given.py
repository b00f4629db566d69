"""Numbers a user gives for the M of a disjunction, each held against the other set it must make room for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.big_m import named
from proofolio.program.expression import Expression
from proofolio.program.model import Model
from proofolio.program.quadratic import Quadratic

__all__ = ["checked", "given_numbers"]

Floats = NDArray[np.float64]
Body = Expression | Quadratic


def given_numbers(big_m: ArrayLike, shape: tuple[int, ...], signed: bool) -> Floats:
    """Return numbers broadcast to a shape; `BadData` when they cannot be an M."""
    try:
        numbers: Floats = np.broadcast_to(np.asarray(big_m, dtype=float), shape).copy()
    except (TypeError, ValueError):
        raise BadData(f"big_m has shape {np.shape(big_m)}; it must broadcast to {shape}") from None
    if not np.all(np.isfinite(numbers)) or (not signed and np.any(numbers < 0)):
        raise BadData(f"big_m must be finite{'' if signed else ' and not negative'}")
    return numbers


def checked(
    model: Model,
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

    The model's checker is asked about a copy of the model that holds, for one entry at a time, the rows of
    the other set, which are not yet written and are why an M may be enough.

    Parameters
    ----------
    model : Model
        With a checker.
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
        As for the checker.
    """
    assert model.checker is not None
    flat = M.ravel().copy()
    before = len(model.proofs)
    for entry in range(flat.size):
        copy = model.copy()
        at = np.unravel_index(entry, body.shape)
        copy.add(f"{name} off", _moved(own[at], copy) == 0)
        for k, row in enumerate(rows):
            copy.add(f"{name} other {k}", _moved(row[at], copy) <= 0)
        flat[entry] = model.checker(
            copy, name, _moved(body[at], copy), flat[entry],
            binary=_moved(other[at], copy), off=1, keep=keep, signed=signed,
        )  # fmt: skip
    named(model, name, before)
    return flat.reshape(M.shape)


def _moved(body: Body, owner: Model) -> Body:
    if isinstance(body, Quadratic):
        affine = Expression(body.affine.matrix, body.affine.constant, owner)
        return Quadratic(affine, body.forms)
    return Expression(body.matrix, body.constant, owner)
