"""Checks of a solution: what a claim about a program is held to, whoever made it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.solution import Check, Solution
from proofolio.verification.checks.leak import leak_check
from proofolio.verification.checks.optimality import (
    allowance,
    better_neighbour,
    bound_check,
    delicate,
    objective_check,
    optimality_checks,
)
from proofolio.verification.checks.rows import Tolerances, feasibility_checks

__all__ = ["LIMIT", "check", "check_until", "status", "status_after"]


LIMIT = "time limit"
BREAKS = {"bounds", "rows", "integrality", "quadratic rows", "cones", "indicators", "sos"}


def check(
    model: Any, solution: Any, tolerances: Tolerances | None = None, known: Sequence[float] = ()
) -> tuple[Check, ...]:
    """Hold a solution to the model's own data.

    Bounds, rows, cones and integrality; then every row a binary switches, with the binary at its exact
    value, so that no room is left by M times an integrality tolerance; then all integers are rounded and
    fixed and the rest is solved again: an answer that gets worse, or has no solution, *leaks*. Last, what is
    claimed of the objective: its value, the optimality conditions of a continuous program whose multipliers
    are known, and the bound against every feasible value known. Where coefficients are so large, or so
    small, that solvers lose better answers, points next to the claim are tried too.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
    solution : Solution, dict or array_like
        A solver's claim; or values by name, such as those of a file; or one number a column. Values
        alone claim neither an objective nor a bound.
    tolerances : Tolerances, optional
    known : sequence of float
        Objective values of points known to be feasible, in the user's sense.

    Returns
    -------
    tuple of Check
        For `status`.

    Raises
    ------
    BadData
        For names the model does not have or that are missing, values that are not finite numbers, and
        something that is no model or no solution.
    SolverFailure
        For a claim without a point.

    Examples
    --------
    >>> from proofolio import Model, check
    >>> model = Model()
    >>> x, on = model.variable("x", lower=0, upper=10), model.variable("on", binary=True)
    >>> model.add("switched", x <= 1e7 * on)
    >>> model.minimise(3 * on - x)
    >>> [c.name for c in check(model, {"x": 9.99999, "on": 9.99999e-7}) if not c.ok]
    ['leak']
    """
    program = model if isinstance(model, Program) else open_model(model).program
    program = recognise_cones(program)
    claim = _claim(program, solution)
    return check_until(program, claim, NEVER, tolerances or Tolerances(), known)


def check_until(
    program: Program,
    claim: Solution,
    deadline: Deadline,
    tol: Tolerances | None = None,
    known: Sequence[float] = (),
) -> tuple[Check, ...]:
    """Hold a claim about a program, its cones recognised, to the data as `check` does, but only until a deadline.

    The point is always held to the data. Where time did not suffice to solve what is left with the integers
    exact, or to try points next to a delicate optimum, a last check named ``time limit`` fails and says so.
    """
    tol = tol or Tolerances()
    found = feasibility_checks(program, claim.point, tol)
    if not np.all(np.isfinite(claim.point)):
        return tuple(found)
    found.append(objective_check(program, claim, tol))
    found += optimality_checks(program, claim, tol)
    reached = [(value, "") for value in known]
    if claim.objective is not None:
        reached.append((claim.objective, ""))
    if program.integer.any():
        leak = leak_check(program, claim.point, tol, deadline)
        found.append(leak.check)
        reached += [] if leak.reached is None else [(leak.reached, "")]
        suspect = claim.bound is not None and claim.status == "optimal" and delicate(program, claim.point)
        left = [] if leak.finished else ["solving again with the integers exact"]
        left += ["trying points next to the optimum"] if suspect and deadline.passed else []
        if suspect:
            reached += _neighbours(program, claim, tol, deadline)
    found.append(bound_check(program, claim, reached, tol))
    if program.integer.any() and left:
        found.append(Check(LIMIT, False, math.nan, 0.0, f"no time was left for {' and '.join(left)}"))
    return tuple(found)


def _neighbours(
    program: Program, claim: Solution, tol: Tolerances, deadline: Deadline
) -> list[tuple[float, str]]:
    """Return a feasible point that beats the bound claimed for a delicate program, if one is near."""
    if claim.bound is None:
        return []
    sign = -1.0 if program.maximise else 1.0
    beaten = sign * claim.bound - allowance(program, claim.point, tol.objective)
    better = better_neighbour(program, claim.point, beaten, deadline)
    return [] if better is None else [(better[0], f" with {better[1]}")]


def _claim(program: Program, solution: Any) -> Solution:
    """Return the claim; for values alone, one that claims nothing but that they are feasible."""
    if isinstance(solution, Solution):
        if solution.point.shape != (program.n,):
            raise BadData(f"the solution has {solution.point.size} values and the model {program.n} columns")
        return solution.unchecked()
    return Solution(program, "feasible", None, None, _point(program, solution), 0.0, "values", "")


def _point(program: Program, values: Any) -> Floats:
    if isinstance(values, Mapping):
        for name, value in values.items():
            if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
                raise BadData(f"the value of {name!r} is {value!r}; it must be a finite number")
        return program.point(values)
    try:
        point = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise BadData(
            f"{type(values).__name__} is no solution: give values by name, or one a column"
        ) from None
    if point.shape != (program.n,):
        raise BadData(f"the values have shape {point.shape}; they must be ({program.n},), one a column")
    if not np.all(np.isfinite(point)):
        column = program.column_names[int(np.argmin(np.isfinite(point)))]
        raise BadData(f"the value of {column!r} is not finite; it must be a number")
    return point


def status(checks: Sequence[Check]) -> str:
    """Return what the checks of values from elsewhere amount to.

    ``verified-feasible``, ``leaks``, ``infeasible-solution`` or ``claim-wrong``. A leak test that no solver
    could decide says nothing against the point, and nothing for its being optimal; one that a time limit cut
    short is a check not made, and leaves the point unverified: ``limit``.
    """
    undecided = {c.name for c in checks if not c.ok and math.isnan(c.value)}
    failed = {c.name for c in checks if not c.ok and c.name not in undecided & {"leak", LIMIT}}
    if "leak" in failed or "logic" in failed:
        return "infeasible-solution" if failed & BREAKS else "leaks"
    if failed & BREAKS:
        return "infeasible-solution"
    if failed:
        return "claim-wrong"
    return "limit" if undecided >= {"leak", LIMIT} else "verified-feasible"


def status_after(claim: Solution, checks: Sequence[Check], gap: float) -> str:
    """Return the status a claim deserves once its checks are known.

    Those of `status`, or ``verified-optimal``, or the solver's own ``limit``, ``infeasible``, ``unbounded``.
    """
    if claim.x is None:
        return claim.status
    found = status(checks)
    proven = claim.status == "optimal" and claim.gap <= gap * (1 + 1e-6) + 1e-12
    if found == "verified-feasible" and proven and all(c.ok for c in checks):
        return "verified-optimal"
    return found
