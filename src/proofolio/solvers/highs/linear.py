"""Continuous linear programs through HiGHS, for the solvers above that need one now and then."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.continuous_answer import answer, empty, objective_unit, seconds_left
from proofolio.solvers.highs.session import rows_for_highs
from proofolio.solvers.solution import Settings, Solution

__all__ = ["diagnosis", "solve_linear"]


# How much an objective of size one must fall along a direction of length one.
FALLS = 1e-7
HIGHS: Any = highspy.Highs
WHO = ("highs", HIGHS().version(), "simplex")


def solve_linear(program: Program, settings: Settings) -> Solution:
    """Solve a linear program with HiGHS; duals as in `proofolio.solvers.quadratic.clarabel`."""
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    highs = HIGHS()
    unit = objective_unit(program)
    for name, value in {
        "output_flag": False,
        "threads": min(settings.threads, os.cpu_count() or 1),
        "random_seed": settings.seed % 2**31,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
    }.items():
        highs.setOptionValue(name, value)
    factor = _pass(highs, program, unit)
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
    x, rows = np.array(found.col_value), unit * factor * np.array(found.row_dual, dtype=float)
    return answer(program, settings, started, WHO, said, ours, x, None, rows, iterations)


def _pass(highs: Any, program: Program, unit: float) -> Floats:
    """Hand the program over; return what its rows were multiplied by."""
    rows = rows_for_highs(program, highs)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.n, program.m
    model.col_cost_ = program.q / unit
    model.col_lower_, model.col_upper_ = program.lower, program.upper
    model.row_lower_, model.row_upper_ = rows.lower, rows.upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    matrix = model.a_matrix_
    matrix.start_, matrix.index_, matrix.value_ = rows.pointer, rows.indices, rows.data
    if highs.passModel(model) == highspy.HighsStatus.kError:
        raise SolverFailure("HiGHS refused the linear program: check it for numbers beyond 1e15 or NaN")
    return rows.factor


def _run(highs: Any, settings: Settings, started: float) -> Any:
    # HiGHS counts its time over all runs of one object.
    highs.setOptionValue("time_limit", highs.getRunTime() + seconds_left(settings, started))
    highs.run()
    return highs.getModelStatus()


def diagnosis(program: Program, settings: Settings, started: float) -> str:
    r"""Return why a convex quadratic program with linear rows has no solution, by two linear programs.

    Infeasible: nothing satisfies the rows and bounds. Unbounded: something does, and along a direction d with
    :math:`Pd = 0` and :math:`q'd < 0` the rows and bounds can be followed for ever. Otherwise ``"limit"``: it
    has a solution, or time ran out.
    """
    n = program.n
    still = replace(program, P=sparse.csc_array((n, n)), q=np.zeros(n), c=0.0, maximise=False)
    direction = replace(
        still,
        q=program.q / objective_unit(program),
        A=sparse.vstack([program.A, program.P / objective_unit(program)], format="csr"),
        row_lower=np.concatenate([_away(program.row_lower, -1.0), np.zeros(n)]),
        row_upper=np.concatenate([_away(program.row_upper, 1.0), np.zeros(n)]),
        lower=_away(program.lower, -1.0),
        upper=_away(program.upper, 1.0),
    )
    for question, verdict in ((still, "infeasible"), (direction, "unbounded")):
        left = replace(settings, time_limit=max(seconds_left(settings, started), 1e-3), options={})
        found = solve_linear(question, left)
        if found.status == "limit":
            return "limit"
        if verdict == "infeasible" and found.x is None:
            return verdict
        if verdict == "unbounded" and found.objective is not None and found.objective < -FALLS:
            return verdict
    return "limit"


def _away(side: Floats, far: float) -> Floats:
    """Return the side of a direction of length one: none may cross a finite bound."""
    return np.where(np.isfinite(side), 0.0, far)
