"""Checks of a solution: what a claim about a program is checked against, whoever made it.

The point (`rows`, `leak`), and here what is claimed of the objective: its value, its bound, and the optimality
conditions of a continuous program whose multipliers are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.program.structure import features, recognise_cones
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import Check, Solution
from proofolio.verification.checks.curvature import objective_is_convex
from proofolio.verification.checks.leak import better_neighbour, delicate, leak_check
from proofolio.verification.checks.rows import Tolerances, allowance, feasibility_checks

__all__ = ["LIMIT", "certified_checks", "check", "check_until", "is_suspect", "status", "status_after"]


# The name of the check that fails where time was up.
LIMIT = "time limit"
# The name of the check that multipliers prove the objective of a continuous program.
DUALITY = "duality gap"
# The checks whose failure means that the point breaks the model's own rows.
BREAKS = {"bounds", "rows", "integrality", "quadratic rows", "cones", "indicators", "sos"}
# A multiplier with the wrong sign is noise below this part of the largest term of any reduced cost.
OF_LARGEST = 1e-2
# What of a reduced cost is the rounding of its terms: some hundreds of units in the last place.
ROUNDING = 1e-13
# Directions of less than this part of the largest curvature are flat; the most curved columns that are looked at.
FLAT, MOST_CURVED = 1e-12, 500
# A gap counts as reached up to rounding: a part of it, and next to a gap of nothing.
GAP_PART, GAP_REST = 1e-6, 1e-12


def check(
    model: Any, solution: Any, tolerances: Tolerances | None = None, known: Sequence[float] = ()
) -> tuple[Check, ...]:
    """Check a solution against the model's own data.

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
    *,
    neighbours: bool = True,
) -> tuple[Check, ...]:
    """Check a claim about a program, its cones recognised, as `check` does, but only until a deadline.

    Without `neighbours` no points next to a delicate optimum are tried.

    The point is always checked against the data. Where time did not suffice to solve what is left with the integers
    exact, or to try points next to a delicate optimum, a last check named ``time limit`` fails and says so.
    """
    tol = tol or Tolerances()
    unit = natural_units(program)
    found = feasibility_checks(program, claim.point, tol, unit)
    if not np.all(np.isfinite(claim.point)):
        return tuple(found)
    allowed = allowance(program, claim.point, tol.objective, unit)
    found.append(objective_check(program, claim, allowed))
    found += optimality_checks(program, claim, tol, allowed)
    reached = [(value, "") for value in known]
    if claim.objective is not None:
        reached.append((claim.objective, ""))
    if program.integer.any():
        leak = leak_check(program, claim.point, tol, deadline)
        found.append(leak.check)
        reached += [] if leak.reached is None else [(leak.reached, "")]
        suspect = neighbours and is_suspect(program, claim)
        left = [] if leak.finished else ["solving again with the integers exact"]
        left += ["trying points next to the optimum"] if suspect and deadline.passed else []
        if suspect:
            reached += _neighbours(program, claim, tol, deadline)
    found.append(bound_check(program, claim, reached, allowed))
    if program.integer.any() and left:
        found.append(Check(LIMIT, False, math.nan, 0.0, f"no time was left for {' and '.join(left)}"))
    return tuple(found)


def is_suspect(program: Program, claim: Solution) -> bool:
    """Whether the optimum that is claimed is so delicate that points next to it are tried."""
    return claim.bound is not None and claim.status == "optimal" and delicate(program, claim.point)


def certified_checks(program: Program, claim: Solution) -> tuple[Check, ...]:
    """Check a point whose certificate holds as it stands in doubles.

    Its integers are exact and nothing is better, so that nothing can leak and no point next to it is tried.
    """
    tol = Tolerances()
    unit = natural_units(program)
    found = feasibility_checks(program, claim.point, tol, unit)
    allowed = allowance(program, claim.point, tol.objective, unit)
    found.append(objective_check(program, claim, allowed))
    if program.integer.any():
        found.append(Check("leak", True, 0.0, tol.worse))
    reached = () if claim.objective is None else ((claim.objective, ""),)
    return (*found, bound_check(program, claim, reached, allowed))


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


def objective_check(program: Program, claim: Solution, allowed: float) -> Check:
    """Check the claimed objective against the one recomputed from the program's data, up to what is allowed."""
    value = program.objective(claim.point)
    claimed = value if claim.objective is None else claim.objective
    error = abs(value - claimed)
    ok = error <= allowed
    error = error if np.isfinite(error) else float("inf")
    return Check(
        "objective", ok, error, allowed, "" if ok else f"claimed {claimed:.9g}, recomputed {value:.9g}"
    )


def bound_check(
    program: Program, claim: Solution, reached: Sequence[tuple[float, str]], allowed: float
) -> Check:
    """Check the claimed bound against values that feasible points reach, in the user's sense, each with how."""
    sign = -1.0 if program.maximise else 1.0
    if claim.bound is None or not reached:
        return Check("bound", True, 0.0, allowed)
    best, how = min((sign * value, how) for value, how in reached)
    over = sign * claim.bound - best
    ok = over <= allowed  # a bound of minus infinity claims nothing
    said = "" if ok else f"claimed {claim.bound:.9g}, but {sign * best:.9g} is reached{how}"
    return Check(
        "bound", ok, 0.0 if ok and over < 0 else over if np.isfinite(over) else float("inf"), allowed, said
    )


def optimality_checks(program: Program, claim: Solution, tol: Tolerances, allowed: float) -> list[Check]:
    r"""Check a claimed optimum of a continuous convex program with linear rows against the conditions for one.

    With the row multipliers y of the minimised objective and the reduced costs :math:`g = Px + q - A'y`:
    a positive :math:`y_i` or :math:`g_j` needs a lower side, a negative one an upper side (*dual feasibility*);
    each is zero or its row or column stands at that side (*complementarity*); and the objective equals
    :math:`c - \tfrac12 x'Px + \sum_i y_i s_i + \sum_j g_j s_j` over those sides s (*duality gap*).
    Nothing is checked without multipliers, or for a point that is not claimed to be optimal.
    """
    if claim.duals is None or "rows" not in claim.duals or claim.status != "optimal":
        return []
    if features(program) - {"quadratic-objective"}:
        return []
    x, y = claim.point, np.asarray(claim.duals["rows"], dtype=float)
    pull = np.asarray(program.P @ x)
    g = pull + program.q - program.A.T @ y
    body = np.asarray(program.A @ x)
    size = np.abs(program.q) + abs(program.P) @ np.abs(x) + abs(program.A.T) @ np.abs(y)
    size = np.maximum(size, OF_LARGEST * np.max(size, initial=0.0))
    largest_y = np.maximum(np.abs(y), OF_LARGEST * np.max(np.abs(y), initial=0.0))
    row_side, row_wrong, row_product = _against(y, body, program.row_lower, program.row_upper)
    side, wrong, product = _against(g, x, program.lower, program.upper)
    signs = _ratio(np.concatenate([wrong, row_wrong]), np.concatenate([size, largest_y]))
    worth = float(program.c - 0.5 * x @ pull + y @ row_side + g @ side)
    gap = abs(0.5 * float(x @ pull) + float(program.q @ x) + program.c - worth)
    found = [
        _largest("dual feasibility", signs, tol.objective, program, "a multiplier of {} has the wrong sign"),
        _largest(
            "complementarity",
            np.concatenate([product, row_product]),
            allowed,
            program,
            "{} has a multiplier and room",
        ),
    ]
    if gap <= allowed and not (_prove(program, x, y, allowed) and objective_is_convex(program, x)):
        return found  # the gap says nothing
    said = "" if gap <= allowed else "the multipliers prove less"
    return [*found, Check(DUALITY, gap <= allowed, gap, allowed, said)]


def _prove(program: Program, x: Floats, y: Floats, allowed: float) -> bool:
    r"""Whether multipliers prove a bound: what columns without a bound may still gain is at most what is allowed.

    However small, a reduced cost is worth anything where its column can go on for ever, unless the objective is
    curved along it: with h the reduced costs of such columns and :math:`Pv = h`, moving gains at most
    :math:`h'v / 2`; where no v solves that, a direction is flat and the gain has no limit.
    """
    y = np.where(np.isfinite(np.where(y > 0.0, program.row_lower, program.row_upper)), y, 0.0)
    g = np.asarray(program.P @ x) + program.q - program.A.T @ y
    terms = np.abs(program.q) + abs(program.P) @ np.abs(x) + abs(program.A.T) @ np.abs(y)
    endless = np.isinf(np.where(g > 0.0, program.lower, program.upper)) & (np.abs(g) > ROUNDING * terms)
    if not np.any(endless):
        return True
    P = sparse.csr_array(program.P)
    curved = np.flatnonzero(np.diff(P.indptr))
    if not np.all(np.isin(np.flatnonzero(endless), curved)) or curved.size > MOST_CURVED:
        return False
    h, inner = np.where(endless, g, 0.0)[curved], P[curved][:, curved].toarray()
    v = np.linalg.lstsq(inner, h, rcond=FLAT)[0]
    solved = np.abs(inner @ v - h) <= ROUNDING * terms[curved]
    return bool(np.all(solved) and 0.5 * h @ v <= allowed)


def _against(multiplier: Floats, at: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each multiplier's side (its place where there is none), its wrong part, and its product with the room."""
    side = np.where(multiplier > 0.0, lower, upper)
    there = np.isfinite(side)
    wrong = np.where(there, 0.0, np.abs(multiplier))
    side = np.where(there & (multiplier != 0.0), side, at)
    return side, wrong, np.abs(multiplier * (at - side))


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = part / np.where(whole > 0.0, whole, 1.0)
    return ratio


def _largest(name: str, values: Floats, tolerance: float, program: Program, said: str) -> Check:
    if not values.size:
        return Check(name, True, 0.0, tolerance)
    at = int(np.argmax(values))
    ok = bool(values[at] <= tolerance)
    where = "" if ok else said.format((*program.column_names, *program.row_names)[at])
    return Check(name, ok, float(values[at]), tolerance, where)


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

    Those of `status`; ``verified-optimal`` where multipliers prove the bound of a continuous program, otherwise
    ``solver-optimal``; ``limit``, ``solver-infeasible`` or ``solver-unbounded``: nobody else has been asked yet.
    """
    if claim.x is None:
        return f"solver-{claim.status}" if claim.status in ("infeasible", "unbounded") else claim.status
    found = status(checks)
    closed = claim.status == "optimal" and claim.gap <= gap * (1 + GAP_PART) + GAP_REST
    if found == "verified-feasible" and closed and all(c.ok for c in checks):
        return "verified-optimal" if any(c.name == DUALITY for c in checks) else "solver-optimal"
    return found
