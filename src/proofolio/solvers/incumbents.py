"""Points of a convex mixed-integer program: integers chosen, the rest solved exactly, the best one kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.solvers.assignment import assign
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.effort import reducing_seconds
from proofolio.solvers.lifted import Lifted
from proofolio.solvers.repair import feasible_at_no_cost
from proofolio.solvers.solution import Settings

__all__ = ["Incumbents"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

ACCEPTED = 1e-7


class Incumbents:
    """The best point known of a program, and every assignment of its integers that was tried.

    Points are lifted ones, and values those of the minimisation, whatever sense the user speaks in.
    """

    def __init__(self, lifted: Lifted, deadline: Deadline) -> None:
        self.lifted = lifted
        self.deadline = deadline
        self.point: Floats | None = None
        self.value = np.inf
        self.longest = 0.0
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

    def quick(self, lower: Floats, upper: Floats, within: float = np.inf) -> Floats | None:
        """Solve as `solve` does where leaving out what seldom matters gives a feasible point; None elsewhere."""
        return self._timed(lower, upper, within, (True,))

    def solve(self, lower: Floats, upper: Floats, within: float = np.inf) -> Floats | None:
        """Solve the convex program with the integers between these bounds, integrality dropped.

        None as well when time is short: not every solver can be stopped, so once there is an incumbent
        nothing is begun that may take longer than what is left. `within` is a limit of its own, in seconds.
        """
        return self._timed(lower, upper, within, (True, False))

    def _timed(self, lower: Floats, upper: Floats, within: float, ways: tuple[bool, ...]) -> Floats | None:
        if self.deadline.passed or (self.point is not None and self.deadline.left < self.longest):
            return None
        before, until = self.deadline.elapsed, self.deadline.within(within)
        if reducing_seconds(self.lifted) > until.left:
            return None
        point = None
        for hopeful in ways:
            left = assign(self.lifted, lower, upper, hopeful)
            found = left.solve(Settings(gap=1e-9).until(until)) if left is not None else None
            if found is None:
                break
            if not hopeful:
                point = found
                break
            point = feasible_at_no_cost(self.lifted, found, ACCEPTED, until)
            if point is not None or not until.left:
                break
        self.longest = max(self.longest, self.deadline.elapsed - before)
        return point
