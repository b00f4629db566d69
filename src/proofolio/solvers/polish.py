"""Replace a point that is feasible to a solver's tolerance by one that is feasible outright."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from proofolio.program.program import Program
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.effort import finishing_seconds
from proofolio.solvers.fix import fix
from proofolio.solvers.integers_fixed import solve_with_integers
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import Settings, Solution

__all__ = ["polish"]

INTEGRAL = 1e-9
EXPLAINED, CANCELLED = 1e-4, 1e-3
OUTRIGHT = 1e-9


def polish(program: Program, claim: Solution, settings: Settings, deadline: Deadline) -> Solution:
    """Solve the continuous rest again with the integers of the claim, and return the claim at that point.

    A branch-and-bound code accepts rows violated by 1e-6, which is much where costs are small; the continuous
    solvers go to 1e-9. The bound stays, so the gap says what is now known. A point met on the way to a solver's
    stop may have slack left in its costs: that goes as well. A claim is left as it is, for the checks to judge,
    when its integers are not integral to 1e-9 (rounding could then hide a leak), when the objective would get
    worse, or better than the claimed bound, by more than 1e-4 of its terms (more than tolerances explain), or
    when the time left is too short.

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
    if np.any(np.abs(x[columns] - rounded) > INTEGRAL):
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
