"""What is left of a convex program once its integers are fixed, solved in the smallest form it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.program.features import features
from proofolio.program.program import Program
from proofolio.solvers.assignment import assign
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.lifted import lift
from proofolio.solvers.repair import feasible_at_no_cost
from proofolio.solvers.solution import Settings

__all__ = ["solve_with_integers"]

Floats = NDArray[np.float64]
CONVEX = frozenset({"integer", "quadratic-objective", "quadratic-rows", "cones"})


def solve_with_integers(
    program: Program, values: Floats, settings: Settings, violation: float
) -> Floats | None:
    """Return the best point of a convex program with its integers at given values; None where this way has none.

    Rows that a regime which is not chosen switches off are left out, which makes a quadratic program of most
    conic ones, many times faster to solve. The point is optimal when it satisfies those rows all the same,
    or can be made to at no cost; otherwise, and where nothing is curved, the answer is None, which says
    nothing about the program.

    Parameters
    ----------
    values : ndarray
        Of the integer columns, in order.
    violation : float
        The most that rows and cones may be violated, relative to the size of their terms.
    """
    used = features(program)
    if used <= {"integer"} or not used <= CONVEX:
        return None
    lifted = lift(program)
    deadline = Deadline.after(settings.time_limit)
    left = assign(lifted, values, values, hopeful=True)
    if left is None:
        return None
    found = left.solve(settings)
    if found is None:
        return None
    point = feasible_at_no_cost(lifted, found, violation, deadline)
    return None if point is None else point[: program.n]
