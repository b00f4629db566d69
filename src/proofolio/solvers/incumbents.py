"""Points of a convex mixed-integer program: integers chosen, the rest solved exactly, the best one kept."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from proofolio.solvers.assignment import assign
from proofolio.solvers.lifted import Lifted
from proofolio.solvers.solution import Settings

__all__ = ["Incumbents"]

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
        return (np.round(values) + 0.0).tobytes() in self._tried

    def dismiss(self, values: Floats) -> None:
        """Count an assignment as tried."""
        self._tried.add((np.round(values) + 0.0).tobytes())

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
        point = None
        for hopeful in (True, False):
            left = assign(self.lifted, lower, upper, hopeful)
            if left is None:
                break
            point = left.solve(Settings(time_limit=remaining, gap=1e-9))
            if point is None or self.lifted.violation(self.lifted.raised(point)) <= ACCEPTED:
                break
        self.seconds += time.perf_counter() - started
        return point
