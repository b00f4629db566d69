"""Continuous linear programs through HiGHS, for the solvers above that need one now and then."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.continuous_answer import answer, empty, objective_unit, seconds_left
from proofolio.solvers.solution import Settings, Solution

__all__ = ["has_a_point", "solve_linear"]

WHO = ("highs", highspy.Highs().version(), "simplex")


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


def has_a_point(program: Program, settings: Settings, started: float) -> bool | None:
    """Whether linear rows and bounds leave anything feasible; None when the time limit came first."""
    still = replace(program, P=sparse.csc_array((program.n, program.n)), q=np.zeros(program.n), c=0.0)
    left = replace(settings, time_limit=max(seconds_left(settings, started), 1e-3), options={})
    found = solve_linear(still, left)
    return None if found.status == "limit" else found.x is not None
