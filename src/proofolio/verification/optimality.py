r"""Whether a claim about the objective holds: its value, its bound, and the optimality conditions.

Everything is relative to the objective without its constant, so that a large constant hides nothing, or to a
thousandth of the sum of its terms where these cancel: that is as far as solvers and double precision carry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proofolio.program.features import features
from proofolio.program.program import Program
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import Solution
from proofolio.verification.check_rows import Check, Tolerances

__all__ = ["allowance", "bound_check", "objective_check", "optimality_checks"]

Floats = NDArray[np.float64]
CANCELLED = 1e-3
# What a claimed number may be off because a constant was added to it.
OF_CONSTANT = 1e-12
# A multiplier with the wrong sign is noise below this part of the largest term of any reduced cost.
OF_LARGEST = 1e-2


def allowance(program: Program, x: Floats, relative: float) -> float:
    """Return how far the objective at a point may be from another for the two to count as equal."""
    parts = float(np.abs(program.q * x).sum() + 0.5 * np.abs(x) @ (abs(program.P) @ np.abs(x)))
    own = abs(program.objective(x) - (-program.c if program.maximise else program.c))
    # where nothing is left of the objective, its size is that of the columns it is made of
    unit = float(np.abs(program.q) @ natural_units(program))
    return relative * max(own, CANCELLED * parts, CANCELLED * unit, 1e-12) + OF_CONSTANT * abs(program.c)


def objective_check(program: Program, claim: Solution, tol: Tolerances) -> Check:
    """Hold the claimed objective to the one recomputed from the program's data."""
    value = program.objective(claim.point)
    claimed = value if claim.objective is None else claim.objective
    allowed = allowance(program, claim.point, tol.objective)
    error = abs(value - claimed)
    ok = error <= allowed
    error = error if np.isfinite(error) else float("inf")
    return Check(
        "objective", ok, error, allowed, "" if ok else f"claimed {claimed:.9g}, recomputed {value:.9g}"
    )


def bound_check(
    program: Program, claim: Solution, reached: Sequence[tuple[float, str]], tol: Tolerances
) -> Check:
    """Hold the claimed bound to values that feasible points reach, in the user's sense, each with how."""
    sign = -1.0 if program.maximise else 1.0
    allowed = allowance(program, claim.point, tol.objective)
    if claim.bound is None or not reached:
        return Check("bound", True, 0.0, allowed)
    best, how = min((sign * value, how) for value, how in reached)
    over = sign * claim.bound - best
    ok = over <= allowed  # a bound of minus infinity claims nothing
    said = "" if ok else f"claimed {claim.bound:.9g}, but {sign * best:.9g} is reached{how}"
    return Check(
        "bound", ok, 0.0 if ok and over < 0 else over if np.isfinite(over) else float("inf"), allowed, said
    )


def optimality_checks(program: Program, claim: Solution, tol: Tolerances) -> list[Check]:
    r"""Hold a claimed optimum of a continuous convex program with linear rows to the conditions for one.

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
    names = (*program.column_names, *program.row_names)
    allowed = allowance(program, x, tol.objective)
    signs = _ratio(np.concatenate([wrong, row_wrong]), np.concatenate([size, largest_y]))
    worth = float(program.c - 0.5 * x @ pull + y @ row_side + g @ side)
    gap = abs(0.5 * float(x @ pull) + float(program.q @ x) + program.c - worth)
    return [
        _largest("dual feasibility", signs, tol.objective, names, "a multiplier of {} has the wrong sign"),
        _largest(
            "complementarity",
            np.concatenate([product, row_product]),
            allowed,
            names,
            "{} has a multiplier and room",
        ),
        Check(
            "duality gap",
            gap <= allowed,
            gap,
            allowed,
            "" if gap <= allowed else "the multipliers prove less",
        ),
    ]


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


def _largest(name: str, values: Floats, tolerance: float, names: Sequence[str], said: str) -> Check:
    if not values.size:
        return Check(name, True, 0.0, tolerance)
    at = int(np.argmax(values))
    ok = bool(values[at] <= tolerance)
    return Check(name, ok, float(values[at]), tolerance, "" if ok else said.format(names[at]))
