"""A second look at a claimed optimum whose numbers a solver cannot tell apart: a neighbour may be better.

Beside coefficients that differ by many orders of magnitude, branch-and-bound loses not only answers that leak
but also better ones: it prunes them. Nothing inside the claim shows that, so a few points next to it are tried:
one binary changed, or one switched on for one that is switched off, and the rest solved again. A better one
refutes the claim; none proves nothing.

Whether a claim about the objective holds: its value, its bound, and the optimality conditions.

Everything is relative to the objective without its constant, so that a large constant hides nothing, or to a
thousandth of the sum of its terms where these cancel: that is as far as solvers and double precision carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import ProofolioError
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.solution import Check, Settings, Solution
from proofolio.verification.checks.rows import (
    FIRM,
    NOISE,
    Tolerances,
    feasibility_checks,
    largest_terms,
    rounded,
)

__all__ = ["allowance", "better_neighbour", "bound_check", "delicate", "objective_check", "optimality_checks"]


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


INTEGRALITY = 1e-6
SECONDS = 1.0


def delicate(program: Program, x: Floats) -> bool:
    """Whether a row's meaning is near what solvers call noise.

    It is when an integer that is off by 1e-6 moves a row by more than a thousandth of its continuous
    terms, or when these terms are below a thousandth, where tolerances of 1e-6 are worth as much.
    """
    absolute = abs(program.A.tocsr())
    loose = ~program.integer
    both = (absolute @ loose.astype(float) > 0.0) & (absolute @ program.integer.astype(float) > 0.0)
    size = np.where(loose, np.maximum(np.abs(x), natural_units(program)), 0.0)
    continuous = largest_terms(absolute, size)
    discrete = largest_terms(absolute, program.integer.astype(float))
    return bool(np.any(both & ((INTEGRALITY * discrete > NOISE * continuous) | (continuous < NOISE))))


def better_neighbour(
    program: Program, x: Floats, than: float, deadline: Deadline = NEVER
) -> tuple[float, str] | None:
    """Return a better objective, in the user's sense, and the change that reaches it; None when none is found.

    Parameters
    ----------
    than : float
        The minimised objective to be beaten.
    deadline : Deadline
        The search ends then, and after a second in any case.
    """
    until = deadline.within(SECONDS)
    sign = -1.0 if program.maximise else 1.0
    columns = np.flatnonzero(program.integer)
    exact = rounded(program, x)
    for change in _changes(np.flatnonzero(program.binary), exact):
        if until.passed:
            break
        point = _with(program, columns, exact, change, until)
        if point is None:
            continue
        value = program.objective(point)
        if sign * value < than and all(c.ok for c in feasibility_checks(program, point, FIRM)):
            names = [f"{program.column_names[j]} = {1.0 - exact[j]:g}" for j in change]
            return value, " and ".join(names)
    return None


def _changes(binaries: Integers, exact: Floats) -> Iterator[list[int]]:
    """Yield one binary to change, then one that is on with one that is off."""
    yield from ([j] for j in binaries.tolist())
    on = exact[binaries] == 1.0
    yield from ([i, j] for i in binaries[on].tolist() for j in binaries[~on].tolist())


def _with(
    program: Program, columns: Integers, exact: Floats, change: list[int], deadline: Deadline
) -> Floats | None:
    """Return the best point with these binaries changed and the other integers kept."""
    values = exact.copy()
    values[change] = 1.0 - exact[change]
    left = fix(program, columns, values[columns])
    if left.small is None or not features(left.small) <= clarabel.CAN:
        return None
    try:
        again = solve_continuous(left.small, Settings().until(deadline))
    except ProofolioError:
        return None
    return None if again.x is None else left.expand(again.x)
