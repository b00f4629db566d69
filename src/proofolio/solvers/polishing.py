"""Replace a point that is feasible to a solver's tolerance by one that is feasible outright.

What is left of a convex program once its integers are fixed, solved in the smallest form it has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.limits import Deadline, finishing_seconds
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.outer_approximation.assignment import assign, feasible_at_no_cost
from proofolio.solvers.outer_approximation.lifted import lift
from proofolio.solvers.solution import Settings, Solution

__all__ = ["polish", "solve_with_integers"]


CONVEX = frozenset({"integer", "quadratic-objective", "quadratic-rows", "cones"})


def solve_with_integers(
    program: Program, values: Floats, settings: Settings, violation: float
) -> Floats | None:
    """Return the best point of a convex program with its integers at given values; None where this has none.

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


# Integers further than this from whole are left for the checks: rounding them could hide a leak.
INTEGRAL = 1e-9
# What tolerances explain of a change of the objective, relative to its terms; of terms that cancel, this part counts.
EXPLAINED, CANCELLED = 1e-4, 1e-3
# Rows and cones of a polished point, relative to their terms: what the continuous solvers come to.
OUTRIGHT = 1e-9


def polish(program: Program, claim: Solution, settings: Settings, deadline: Deadline) -> Solution:
    """Solve the continuous rest again with the integers of the claim, and return the claim at that point.

    A branch-and-bound code accepts rows violated by 1e-6, which is much where costs are small; the continuous
    solvers go to 1e-9. The bound stays, so the gap says what is now known. A point met on the way to a solver's
    stop may have slack left in its costs: that goes as well. A claim is left as it is, for the checks to judge,
    when its integers are not integral to 1e-9 (rounding could then hide a leak), when the objective would get
    worse, or better than the claimed bound, by more than 1e-4 of its terms (more than tolerances explain), or
    when the time left is too short. Where a linear point satisfies its rows outright, and its value is at the
    bound, there is nothing to gain.

    Parameters
    ----------
    program : Program
    claim : Solution
    settings : Settings
        For the gap at which the polished claim still counts as optimal.
    deadline : Deadline
    """
    x = claim.x
    if x is None:
        return claim
    columns = np.flatnonzero(program.integer)
    rounded = np.round(x[columns])
    if np.any(np.abs(x[columns] - rounded) > INTEGRAL) or _is_outright(program, claim, x):
        return claim
    if finishing_seconds(program) > deadline.left:
        return claim
    point = solve_with_integers(program, rounded, Settings().until(deadline), OUTRIGHT)
    if point is None:
        fixed = fix(program, columns, rounded)
        if fixed.infeasible is not None or deadline.passed:
            return claim
        again = solve_continuous(fixed.program, Settings().until(deadline))
        if again.x is None or again.status not in ("optimal", "feasible"):
            return claim
        point = fixed.expand(again.x)
    before, after = program.objective(x), program.objective(point)
    size = float(np.abs(program.q * x).sum() + abs(program.c)) + abs(before)
    # where nothing is left of the objective, its size is a part of that of the columns it is made of
    size = max(size, CANCELLED * float(np.abs(program.q) @ natural_units(program)))
    sign = -1.0 if program.maximise else 1.0
    best = -sign * np.inf if claim.bound is None else claim.bound
    explained = EXPLAINED * max(size, 1e-12)
    if sign * (after - before) > explained or sign * (best - after) > explained:
        return claim
    polished = replace(claim, x=point, objective=after)
    if claim.status == "optimal" and polished.gap > settings.gap:
        return replace(polished, status="feasible", message="optimal to the solver's own tolerances only")
    return polished


def _is_outright(program: Program, claim: Solution, x: Floats) -> bool:
    """Whether an optimum of a linear program satisfies all rows as well as a polished point would, at its bound."""
    if claim.gap > OUTRIGHT or not features(program) <= {"integer"}:
        return False
    # a Big-M lends its row no room
    terms = abs(program.A) @ np.where(program.integer, 0.0, np.abs(x))
    body = program.A @ x
    off = np.maximum(program.row_lower - body, body - program.row_upper)
    outside = np.any(x < program.lower) or np.any(x > program.upper)
    whole = np.array_equal(x[program.integer], np.round(x[program.integer]))
    return bool(whole and not outside and np.all(off <= OUTRIGHT * terms))
