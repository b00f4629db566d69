"""Columns from CVXPY variables: bounds by attribute and by constraint, integrality, names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import cvxpy
import numpy as np
from numpy.typing import NDArray

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.cvxpy_matrices import Affine

__all__ = [
    "Box",
    "Names",
    "declare",
    "foreign_attribute",
    "joined_boxes",
    "user_name",
    "variable_box",
    "with_posted",
]

cp: Any = cvxpy  # its annotations cover a part of what it exports

Floats = NDArray[np.float64]


class Box(NamedTuple):
    """Bounds and integrality of columns."""

    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]

    def part(self, which: Any) -> Box:
        """Return the box of some of the columns."""
        return Box(self.lower[which], self.upper[which], self.integer[which])


class Names:
    """Tells names apart that were given twice, by a number at the end."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def __call__(self, name: str) -> str:
        """Return the name, or the first numbered one that is free."""
        found, k = name, 2
        while found in self._taken:
            found, k = f"{name}_{k}", k + 1
        self._taken.add(found)
        return found


def user_name(position: int, variable: Any) -> str:
    """Return the name the user gave, or one by position: CVXPY's own changes from run to run."""
    name: str = variable.name()
    return f"var{position}" if name == f"var{variable.id}" else name


def foreign_attribute(variable: Any) -> str:
    """Return the attribute that no Program can express, or nothing."""
    names = ("complex", "imag", "hermitian", "PSD", "NSD")
    return next((name for name in names if variable.attributes[name]), "")


def variable_box(variable: Any) -> Box:
    """Return bounds and integrality of a variable's entries, as its attributes say, in its shape.

    Raises
    ------
    UnsupportedProgram
        For complex, semidefinite and Hermitian variables.
    """
    attributes, shape = variable.attributes, variable.shape
    foreign = foreign_attribute(variable)
    if foreign:
        raise UnsupportedProgram(
            f"variable {variable.name()!r} is {foreign}: a Program has real columns and no semidefinite cones"
        )
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    if attributes["nonneg"] or attributes["pos"]:
        lower = np.zeros(shape)
    if attributes["nonpos"] or attributes["neg"]:
        upper = np.zeros(shape)
    if attributes["bounds"] is not None:
        low, high = (_bound(variable, side) for side in attributes["bounds"])
        lower, upper = np.maximum(lower, low), np.minimum(upper, high)
    zero = _structural_zeros(variable)
    lower, upper = np.where(zero, 0.0, lower), np.where(zero, 0.0, upper)
    boolean, whole = (_marked(shape, index) for index in (variable.boolean_idx, variable.integer_idx))
    lower = np.where(boolean, np.maximum(lower, 0.0), lower)
    upper = np.where(boolean, np.minimum(upper, 1.0), upper)
    integer = boolean | whole
    return Box(np.where(integer, np.ceil(lower), lower), np.where(integer, np.floor(upper), upper), integer)


def joined_boxes(variables: Sequence[Any]) -> Box:
    """Return the box of all columns of the variables, in row-major order."""
    boxes = [variable_box(v) for v in variables]
    return Box(
        np.concatenate([np.empty(0), *(b.lower.ravel() for b in boxes)]),
        np.concatenate([np.empty(0), *(b.upper.ravel() for b in boxes)]),
        np.concatenate([np.empty(0, dtype=bool), *(b.integer.ravel() for b in boxes)]),
    )


def _bound(variable: Any, side: Any) -> Floats:
    value: Any = side.value if isinstance(side, cp.Expression) else side
    if value is None:
        raise BadData(f"a parameter in the bounds of {variable.name()!r} has no value: give it one first")
    dense = value.toarray() if hasattr(value, "toarray") else np.asarray(value, dtype=float)
    return np.broadcast_to(dense, variable.shape)


def _structural_zeros(variable: Any) -> NDArray[np.bool_]:
    if variable.attributes["diag"]:
        return ~np.eye(variable.shape[0], dtype=bool)
    zero = np.zeros(variable.shape, dtype=bool)
    if variable.sparse_idx is not None:
        zero[...] = True
        zero[variable.sparse_idx] = False
    return zero


def _marked(shape: tuple[int, ...], index: Any) -> NDArray[np.bool_]:
    marks = np.zeros(shape or (1,), dtype=bool)
    if len(index):
        marks[tuple(np.asarray(axis) for axis in index)] = True
    return marks.reshape(shape)


def with_posted(part: Affine, lower: Floats, upper: Floats, box: Box) -> tuple[Box, NDArray[np.bool_]]:
    """Take rows on a single column for bounds, and return the tighter box and which rows it now says.

    Only bounds that are exact as doubles are taken, and none that would leave a column without a value: such
    rows stay rows.
    """
    matrix = part.matrix
    single = np.flatnonzero(np.diff(matrix.indptr) == 1)
    column, factor = matrix.indices[matrix.indptr[single]], matrix.data[matrix.indptr[single]]
    low, high = lower[single] - part.constant[single], upper[single] - part.constant[single]
    exact = np.abs(factor) == 1.0
    for k in np.flatnonzero(~exact):
        exact[k] = all(_divides(float(factor[k]), side) for side in (float(low[k]), float(high[k])))
    column, factor, low, high, single = (part[exact] for part in (column, factor, low, high, single))
    low, high = np.where(factor > 0, low, high) / factor, np.where(factor > 0, high, low) / factor
    low, high = low + 0.0, high + 0.0
    new_low, new_high = box.lower.copy(), box.upper.copy()
    np.maximum.at(new_low, column, low)
    np.minimum.at(new_high, column, high)
    new_low = np.where(box.integer, np.ceil(new_low), new_low)
    new_high = np.where(box.integer, np.floor(new_high), new_high)
    crossed = new_low > new_high
    new_low, new_high = np.where(crossed, box.lower, new_low), np.where(crossed, box.upper, new_high)
    said = np.zeros(lower.size, dtype=bool)
    said[single[~crossed[column]]] = True
    return Box(new_low, new_high, box.integer), said


def _divides(factor: float, side: float) -> bool:
    if not np.isfinite(side):
        return True
    quotient = side / factor
    return bool(np.isfinite(quotient)) and Fraction(quotient) * Fraction(factor) == Fraction(side)


def declare(model: Any, name: str, shape: tuple[int, ...], box: Box) -> Any:
    """Add a block of columns, some of them integer, under a name made unique by a number at its end."""
    found, k = name, 2
    while not _nameable(model, found, shape):
        found, k = f"{name}_{k}", k + 1
    made = model.variable(found, shape, box.lower.reshape(shape), box.upper.reshape(shape))
    model._integer[-1] = box.integer.ravel().copy()
    return made


def _nameable(model: Any, name: str, shape: tuple[int, ...]) -> bool:
    container = name.partition("[")[0]
    clash = name in model._containers if shape else container != name and container in model._arrays
    return bool(name) and name not in model._names and not clash
