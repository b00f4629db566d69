"""What solvers' answers have in common: the bound that multipliers prove, when a gap is closed, what is no claim.

From 1e20 on HiGHS, SCIP and Clarabel take a number for infinite. A side left out for that makes a relaxation:
infeasible stays infeasible, a bound stays a bound, and a point is checked against the program's own data afterwards.
Only a ray of the relaxation is none of the program's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Sparse
from proofolio.errors import BadData
from proofolio.program.program import Program
from proofolio.solvers.fixing import fix
from proofolio.solvers.natural_units import power_of_two
from proofolio.solvers.solution import NOTHING, Settings, Solution

__all__ = [
    "INFINITE",
    "answer",
    "apply_options",
    "closes",
    "dual_bound",
    "empty",
    "has_far_sides",
    "objective_unit",
    "seconds_left",
    "without_false_ray",
]


# Solvers take a number of this size for infinite.
INFINITE = 1e20
# A gap below what double precision can tell apart is closed.
ROUNDING = 1e-9


def closes(objective: float, bound: float, gap: float, unit: float = 0.0) -> bool:
    """Whether a gap is within the one asked for, or within rounding of terms of size `unit`."""
    room = max(gap * max(NOTHING, abs(objective)), ROUNDING * max(unit, abs(objective)))
    return abs(objective - bound) <= room


def objective_unit(program: Program) -> float:
    """Return the size of the objective's largest coefficient, as a power of two; 1 when there is none."""
    largest = max(np.max(np.abs(program.q), initial=0.0), np.max(np.abs(program.P.data), initial=0.0))
    return float(power_of_two(largest)) if largest > 0.0 else 1.0


def dual_bound(program: Program, x: Floats, rows: Floats, transposed: Any = None) -> float:
    r"""Return the lower bound that row multipliers y prove on a convex program with linear rows.

    By convexity :math:`f(v) \ge f(x) + \nabla f(x)'(v - x)`, and for feasible v, with the reduced cost
    :math:`g = \nabla f(x) - A'y`,

    .. math::
        \nabla f(x)'v \ge \sum_i \min_{\ell_i \le s \le u_i} y_i s + \sum_j \min_{\ell_j \le s \le u_j} g_j s.

    Any x and y will do; the better they solve the program, the better the bound. A reduced cost that points
    to a missing bound is a solver's residual, and is taken at x.
    """
    y = np.where((rows > 0.0) & np.isinf(program.row_lower), 0.0, rows)
    y = np.where((y < 0.0) & np.isinf(program.row_upper), 0.0, y)
    pull = program.P @ x
    g = pull + program.q - (program.A.T if transposed is None else transposed) @ y
    row_side = np.where(y > 0.0, program.row_lower, program.row_upper)
    side = np.where(g > 0.0, program.lower, program.upper)
    side = np.where(np.isfinite(side), side, x)
    return float(program.c - 0.5 * x @ pull + y[y != 0.0] @ row_side[y != 0.0] + g @ side)


def answer(
    program: Program,
    settings: Settings,
    started: float,
    who: tuple[str, str, str],
    said: str,
    status: str,
    x: Floats | None = None,
    bound: float | None = None,
    rows: Floats | None = None,
    iterations: int = 0,
    unit: float | None = None,
) -> Solution:
    """Return the solution a continuous solver claims.

    Parameters
    ----------
    who : tuple of str
        Solver, version and method.
    said : str
        The solver's own word for its status.
    status : str
        Ours; ``"solved"`` becomes optimal or feasible by the gap.
    bound : float, optional
        A lower bound on the minimised objective.
    rows : ndarray, optional
        Row multipliers; they give the bound of a program with linear rows, and the multipliers of the bounds.
    unit : float, optional
        `objective_unit` of the program, where it is known already.
    """
    objective, claimed, duals = None, None, None
    message = f"{who[0]}: {said}" + (f", {iterations} iterations" if iterations else "")
    if status == "solved" and x is not None and np.all(np.isfinite(x)):
        x = np.clip(x, program.lower, program.upper)
        objective = program.objective(x)
        minimised = -objective if program.maximise else objective
        if rows is not None:
            transposed = program.A.T  # made once: for small programs that takes a tenth of the time
            g = program.P @ x + program.q - transposed @ rows
            duals = {"rows": rows, "lower": np.maximum(g, 0.0), "upper": np.maximum(-g, 0.0)}
            if bound is None:
                bound = dual_bound(program, x, rows, transposed)
        status = "feasible"
        if bound is not None:
            claimed = min(bound, minimised)
            if closes(minimised, claimed, settings.gap, objective_unit(program) if unit is None else unit):
                status = "optimal"
            claimed = -claimed if program.maximise else claimed
    else:
        x, status = None, "limit" if status == "solved" else status
    solver, version, method = who
    seconds = time.perf_counter() - started
    return Solution(
        program, status, objective, claimed, x, seconds, solver, version, method, message=message, duals=duals
    )


def empty(program: Program, settings: Settings, started: float, who: tuple[str, str, str]) -> Solution:
    """Answer for a program without columns."""
    decided = fix(program, [], [])
    if decided.infeasible is not None:
        return answer(program, settings, started, who, f"{decided.infeasible} cannot hold", "infeasible")
    return answer(program, settings, started, who, "nothing to decide", "solved", np.empty(0), program.c)


def seconds_left(settings: Settings, started: float) -> float:
    """Return how much of the time limit is left, never negative."""
    return max(settings.time_limit - (time.perf_counter() - started), 0.0)


def apply_options(
    solver: str, options: Mapping[str, Any], known: Iterable[str], put: Callable[[str, Any], None]
) -> None:
    """Pass options on by name; an unknown name or a wrong value is `BadData`."""
    names = set(known)
    for name, value in options.items():
        if name not in names:
            raise BadData(f"{solver} has no option named {name!r}: there are {', '.join(sorted(names))}")
        try:
            put(name, value)
        except (TypeError, ValueError, OverflowError):
            raise BadData(f"{solver}'s option {name!r} does not take {value!r}") from None


def has_far_sides(program: Program) -> bool:
    r"""Whether a bound is finite and 1e20 or more, or a row may keep one of its columns within such a bound.

    A row does so when :math:`|s| \ge 10^{20} |a_j|` for a finite side s and a coefficient :math:`a_j \ne 0`;
    solvers that multiply rows, so that their coefficients are of order one, lose such a side too.
    """
    columns = np.concatenate([program.lower, program.upper])
    rows, curved, implied = program, program.quadratic, program.indicators
    return bool(
        np.any(np.isfinite(columns) & (np.abs(columns) >= INFINITE))
        or _far_row(rows.A, rows.row_lower, rows.row_upper)
        or _far_row(curved.matrix, curved.lower, curved.upper)
        or _far_row(implied.matrix, implied.lower, implied.upper)
    )


def without_false_ray(claim: Solution, lost: bool) -> Solution:
    """Return a claim that is not ``unbounded`` where a finite side was lost: then it is not known, ``limit``."""
    if claim.status != "unbounded" or not lost:
        return claim
    said = f"{claim.message}, but numbers of 1e20 and more count as infinite: tighten such bounds or rescale"
    return replace(claim, status="limit", message=said)


def _far_row(matrix: Sparse, lower: Floats, upper: Floats) -> bool:
    rows = matrix.tocsr()
    least = np.full(lower.size, np.inf)
    used = rows.data != 0.0
    row = np.repeat(np.arange(lower.size), np.diff(rows.indptr))
    np.minimum.at(least, row[used], np.abs(rows.data[used]))
    least = np.minimum(least, 1.0)  # a side of a curved row may bound what its linear part does not
    sides = (np.where(np.isfinite(side), np.abs(side), 0.0) for side in (lower, upper))
    return any(bool(np.any(side >= INFINITE * least)) for side in sides)
