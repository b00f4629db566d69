"""Points of a convex mixed-integer program: integers chosen, the rest solved exactly, the best one kept."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from proofolio.errors import ProofolioError
from proofolio.solvers.assignment import assign
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.cuts import Lifted
from proofolio.solvers.solution import Settings

__all__ = ["Incumbents", "one_hot_groups", "rounded"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

ACCEPTED = 1e-7


class Incumbents:
    """The best point known of a program, and every assignment of its integers that was tried.

    Points are lifted ones, and values those of the minimisation, whatever sense the user speaks in.
    """

    def __init__(self, lifted: Lifted, deadline: float) -> None:
        self.lifted = lifted
        self.deadline = deadline
        self.point: Floats | None = None
        self.value = np.inf
        self.seconds = 0.0
        self._tried: set[bytes] = set()

    def tried(self, values: Floats) -> bool:
        """Whether an assignment of the integers has been solved before."""
        return np.round(values).tobytes() in self._tried

    def consider(self, values: Floats) -> Floats | None:
        """Solve the program with its integers fixed; return the lifted point, or None when there is none."""
        values = np.round(values) + 0.0
        if values.tobytes() in self._tried:
            return None
        self._tried.add(values.tobytes())
        point = self.solve(values, values)
        if point is not None:
            self.offer(point)
        return point

    def offer(self, point: Floats) -> bool:
        """Keep a lifted point when it is feasible and better than the best so far."""
        point = self.lifted.raised(point)
        value = self.lifted.value(point)
        if value < self.value and self.lifted.violation(point) <= ACCEPTED:
            self.value, self.point = value, point
            return True
        return False

    def solve(self, lower: Floats, upper: Floats) -> Floats | None:
        """Solve the convex program with the integers between these bounds, integrality dropped."""
        started = time.perf_counter()
        remaining = self.deadline - started
        if remaining <= 0:
            return None
        left = assign(self.lifted, lower, upper)
        point = None
        if left is not None and not left.program.n:
            point = left.expand(np.empty(0))
        elif left is not None:
            try:
                answer = solve_continuous(left.program, Settings(time_limit=remaining, gap=1e-9))
            except ProofolioError:
                answer = None  # an approximation goes on without this point
            if answer is not None and answer.x is not None:
                point = left.expand(answer.x)
        self.seconds += time.perf_counter() - started
        return point


def one_hot_groups(lifted: Lifted, binary: NDArray[np.bool_]) -> Integers:
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
