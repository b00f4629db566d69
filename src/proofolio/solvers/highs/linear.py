"""Continuous linear programs through HiGHS, for the solvers above that need one now and then."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.solvers.answers import answer, empty, objective_unit, seconds_left
from proofolio.solvers.highs.session import VERSION, Session
from proofolio.solvers.solution import Settings, Solution

__all__ = ["diagnosis", "solve_linear"]


# How much an objective of size one must fall along a direction of length one: far above the tolerances below.
FALLS = 1e-7
# The smallest tolerance at which HiGHS was seen to end everywhere; points are checked to 1e-7 afterwards.
TOLERANCE = 1e-9
OPTIONS = {"primal_feasibility_tolerance": TOLERANCE, "dual_feasibility_tolerance": TOLERANCE}
WHO = ("highs", VERSION, "simplex")
STATUS = {"optimal": "solved", "infeasible": "infeasible", "unbounded": "unbounded"}


def solve_linear(program: Program, settings: Settings) -> Solution:
    """Solve a linear program with HiGHS; duals as in `proofolio.solvers.quadratic.clarabel`."""
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    session = Session(OPTIONS, seed=settings.seed, threads=settings.threads)
    unit = objective_unit(program)
    sides = program.row_lower, program.row_upper
    session.load(program.q / unit, (program.lower, program.upper), program.A, sides)
    status = STATUS.get(session.solve_decided(seconds_left(settings, started)), "limit")
    said, iterations = session.message, int(session.info.simplex_iteration_count)
    if status != "solved":
        return answer(program, settings, started, WHO, said, status, iterations=iterations)
    rows = unit * session.row_duals()
    return answer(program, settings, started, WHO, said, status, session.point(), None, rows, iterations)


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
