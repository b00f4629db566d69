r"""Continuous convex programs: the fastest solver whose answer passes the optimality conditions."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from proofolio.errors import SolverFailure, UnsupportedProgram
from proofolio.program.features import features
from proofolio.program.program import Program
from proofolio.solvers import clarabel, piqp
from proofolio.solvers.continuous_answer import answer, empty, objective_unit, seconds_left
from proofolio.solvers.epigraphs import Absorbed, absorb_epigraphs
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import Settings, Solution

__all__ = ["kkt_residual", "solve_continuous", "solve_linear"]

RESIDUAL = 1e-7
WHO = ("highs", highspy.Highs().version(), "simplex")


def solve_continuous(program: Program, settings: Settings) -> Solution:
    """Solve a continuous convex program with the solver that suits its class.

    Linear programs go to HiGHS, quadratic objectives over linear rows to PIQP, quadratic rows and cones to
    Clarabel, after cones that are mere epigraphs were taken into the objective. PIQP's answer is held against the optimality conditions; when they fail by more than 1e-7, or it
    claims anything but a solution, Clarabel is asked instead.

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
        raise UnsupportedProgram(f"a continuous convex program was needed, and this has {', '.join(sorted(beyond))}")
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
    if found.x is None or found.duals is None:
        return replace(found, program=program, seconds=seconds)
    x = np.clip(absorbed.point(found.x), program.lower, program.upper)
    rows = absorbed.multipliers(found.duals["rows"])
    value = program.objective(x)
    return replace(found, program=program, x=x, objective=value, seconds=seconds, duals={"rows": rows})


def kkt_residual(program: Program, solution: Solution) -> float:
    r"""Return how far a solution of a program with linear rows is from optimal, relative to its own terms.

    The largest of: the violation of each row, over the size of its terms in natural units; and the gap between
    the objective and the bound its multipliers prove, over the sum of the objective's terms.
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


def solve_linear(program: Program, settings: Settings) -> Solution:
    """Solve a linear program with HiGHS; duals as in `proofolio.solvers.clarabel`."""
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    highs = highspy.Highs()
    unit = objective_unit(program)
    for name, value in {
        "output_flag": False,
        "threads": settings.threads,
        "random_seed": settings.seed % 2**31,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
    }.items():
        highs.setOptionValue(name, value)
    _pass(highs, program, unit)
    status = _run(highs, settings, started)
    if status == highspy.HighsModelStatus.kUnboundedOrInfeasible:
        highs.setOptionValue("presolve", "off")
        status = _run(highs, settings, started)
    said, iterations = highs.modelStatusToString(status), int(highs.getInfo().simplex_iteration_count)
    ours = {
        highspy.HighsModelStatus.kOptimal: "solved",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnbounded: "unbounded",
    }.get(status, "limit")
    if ours != "solved":
        return answer(program, settings, started, WHO, said, ours, iterations=iterations)
    found = highs.getSolution()
    rows = unit * np.array(found.row_dual, dtype=float)
    return answer(program, settings, started, WHO, said, ours, np.array(found.col_value), None, rows, iterations)


def _pass(highs: Any, program: Program, unit: float) -> None:
    A = sparse.csr_array(program.A)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.n, program.m
    model.col_cost_ = program.q / unit
    model.col_lower_, model.col_upper_ = program.lower, program.upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = A.indptr, A.indices, A.data
    if highs.passModel(model) == highspy.HighsStatus.kError:
        raise SolverFailure("HiGHS refused the linear program: check it for numbers beyond 1e15 or NaN")


def _run(highs: Any, settings: Settings, started: float) -> Any:
    # HiGHS counts its time over all runs of one object.
    highs.setOptionValue("time_limit", highs.getRunTime() + seconds_left(settings, started))
    highs.run()
    return highs.getModelStatus()
