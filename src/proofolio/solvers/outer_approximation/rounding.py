"""From a point of the relaxation to integers: one-hot groups, rounding, and fixing step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.solvers.outer_approximation.lifted import Lifted

if TYPE_CHECKING:
    from proofolio.solvers.outer_approximation.cutting_planes import Approximation

__all__ = ["DECIDED", "leaves", "one_hot_groups", "round_and_try", "rounded", "roundings"]


DECIDED = 1e-6
PLUNGES = 60
NEARLY = 0.1


def round_and_try(state: Approximation, x: Floats) -> None:
    """Round a point of the relaxation and solve what is left, step by step while there is no incumbent."""
    values = rounded(state.lifted, state.group, x)
    if not state.incumbents.tried(values):
        if _promising(state, values):
            state.try_values(values)
        else:
            state.incumbents.dismiss(values)
    if state.incumbents.point is None:
        _plunge(state, x)


def _promising(state: Approximation, values: Floats) -> bool:
    """Whether the relaxation, with the integers at these values, leaves room to beat the incumbent."""
    if state.incumbents.point is None:
        return True
    low, high = state.relaxation.column_bounds(state.integers)
    state.relaxation.bound_columns(state.integers, values, values)
    answer = state.relax()
    state.relaxation.bound_columns(state.integers, low, high)
    return answer.status != "infeasible" and answer.bound < state.incumbents.value


def _plunge(state: Approximation, x: Floats) -> None:
    """Fix integers in the relaxation, the most decided first, until they are all integral."""
    integers, relaxation = state.integers, state.relaxation
    low, high = relaxation.column_bounds(integers)
    low_now, high_now = low.copy(), high.copy()
    for _ in range(PLUNGES):
        values = x[integers]
        fraction = np.abs(values - np.round(values))
        if np.all(fraction <= DECIDED):
            break
        settled = fraction <= NEARLY
        settled[np.argmin(np.where(fraction > DECIDED, fraction, np.inf))] = True
        low_now[settled] = high_now[settled] = np.round(values[settled])
        relaxation.bound_columns(integers, low_now, high_now)
        answer = state.relax()
        if answer.status != "optimal":
            break
        x = answer.x
    relaxation.bound_columns(integers, low, high)
    state.try_values(x[integers])


def one_hot_groups(lifted: Lifted, binary: Mask) -> Integers:
    """Return, for each column, the number of the row ``sum of binaries == 1`` it stands in, or -1."""
    matrix = lifted.A
    rows = matrix.shape[0]
    row = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    fits = (matrix.data == 1.0) & binary[matrix.indices]
    whole = np.bincount(row, fits, minlength=rows) == np.diff(matrix.indptr)
    chosen = np.flatnonzero(whole & (lifted.row_lower == 1.0) & (lifted.row_upper == 1.0))
    group = np.full(lifted.q.size, -1, dtype=np.intp)
    for i in chosen:
        own = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]]
        if np.all(group[own] < 0):
            group[own] = i
    return group


def leaves(lifted: Lifted, group: Integers, binary: Mask) -> Integers:
    """Return the one-hot groups with each member that a row makes a sum of other binaries replaced by those.

    In regime programs a regime whose cost has a concave maximum is the sum of its convex pieces: only with a
    piece chosen are the cones of the regime quadratics.
    """
    group = group.copy()
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    fits = (np.abs(matrix.data) == 1.0) & binary[matrix.indices]
    whole = np.bincount(row, fits, minlength=matrix.shape[0]) == np.diff(matrix.indptr)
    for i in np.flatnonzero(whole & (lifted.row_lower == 0.0) & (lifted.row_upper == 0.0)):
        entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
        own, sign = matrix.indices[entries], matrix.data[entries]
        head = group[own] >= 0
        if np.count_nonzero(head) == 1 and np.all(sign[~head] == -sign[head]):
            group[own[~head]] = group[own[head]]
            group[own[head]] = -1
    return group


def roundings(lifted: Lifted, group: Integers, x: Floats) -> Iterator[Floats]:
    """Yield the integers of a point rounded (see `rounded`), and those of no group rounded up.

    Nearly everything that is bought at all is bought in small parts, whose switches round to zero.
    """
    nearest = rounded(lifted, group, x)
    yield nearest
    alone = group[lifted.integer] < 0
    up = np.where(alone, np.ceil(x[lifted.integer] - DECIDED), nearest)
    yield np.clip(up, lifted.lower[lifted.integer], lifted.upper[lifted.integer])


def rounded(lifted: Lifted, group: Integers, x: Floats) -> Floats:
    """Round the integers: the largest of each one-hot group to one, the others to the nearest."""
    point = np.round(x)
    members = np.flatnonzero(group >= 0)
    if members.size:
        order = members[np.lexsort((-x[members], group[members]))]
        first = np.concatenate([[True], np.diff(group[order]) != 0])
        point[members] = 0.0
        point[order[first]] = 1.0
    values: Floats = point[lifted.integer]
    return np.clip(values, lifted.lower[lifted.integer], lifted.upper[lifted.integer])
