"""Continuous convex programs: the fastest solver whose answer passes the optimality conditions."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from proofolio.errors import UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.answers import seconds_left
from proofolio.solvers.epigraphs import Absorbed, absorb_epigraphs
from proofolio.solvers.highs.linear import solve_linear
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.quadratic import clarabel, piqp
from proofolio.solvers.solution import Settings, Solution

__all__ = ["kkt_residual", "solve_continuous"]


RESIDUAL = 1e-7


def solve_continuous(program: Program, settings: Settings) -> Solution:
    """Solve a continuous convex program with the solver that suits its class.

    Linear programs go to HiGHS, quadratic objectives over linear rows to PIQP, quadratic rows and cones to
    Clarabel, after cones that are mere epigraphs were taken into the objective. PIQP's answer is held against
    the optimality conditions; when they fail by more than 1e-7, or it claims anything but a solution,
    Clarabel is asked instead.

    Parameters
    ----------
    program : Program
        Without integers, indicators or special ordered sets, and convex.
    settings : Settings
        Options are for particular solvers and are not passed on.

    Raises
    ------
    UnsupportedProgram
        For a program that is not continuous and convex.
    """
    started = time.perf_counter()
    used = features(program)
    beyond = used - clarabel.CAN
    if beyond:
        has = ", ".join(sorted(beyond))
        raise UnsupportedProgram(f"a continuous convex program was needed, and this has {has}: try scip")
    plain = replace(settings, options={})
    absorbed = absorb_epigraphs(program) if "cones" in used else None
    if absorbed is not None:
        return _lifted(absorbed, program, plain, started)
    if not used:
        return solve_linear(program, plain)
    if used == {"quadratic-objective"}:
        first = piqp.solve(program, plain)
        if first.x is not None and kkt_residual(program, first) <= RESIDUAL:
            return first
    left = replace(plain, time_limit=max(seconds_left(settings, started), 1e-3))
    second = clarabel.solve(program, left)
    return replace(second, seconds=time.perf_counter() - started)


def _lifted(absorbed: Absorbed, program: Program, settings: Settings, started: float) -> Solution:
    """Solve the program without its epigraphs and speak of the original."""
    found = solve_continuous(absorbed.program, settings)
    seconds = time.perf_counter() - started
    if found.x is None:
        return replace(found, program=program, seconds=seconds)
    x = np.clip(absorbed.point(found.x), program.lower, program.upper)
    duals = None if found.duals is None else {"rows": absorbed.multipliers(found.duals["rows"])}
    value = program.objective(x)
    return replace(found, program=program, x=x, objective=value, seconds=seconds, duals=duals)


def kkt_residual(program: Program, solution: Solution) -> float:
    r"""Return how far a solution of a program with linear rows is from optimal, relative to its own terms.

    The largest of: the violation of each row, over the size of its terms in natural units; and the gap
    between the objective and the bound its multipliers prove, over the sum of the objective's terms.
    """
    if solution.objective is None or solution.bound is None:
        return float("inf")
    x = solution.point
    body = program.A @ x
    over = np.maximum(np.maximum(program.row_lower - body, body - program.row_upper), 0.0)
    size = np.maximum(np.abs(x), natural_units(program))
    rows = float(np.max(over / np.maximum(abs(program.A) @ size, 1e-300), initial=0.0))
    terms = np.abs(program.q) @ np.abs(x) + 0.5 * np.abs(x) @ np.abs(program.P @ x) + abs(program.c)
    gap = abs(solution.objective - solution.bound)
    return max(rows, gap / max(float(terms), 1e-300)) if gap else rows
