"""OSQP: continuous convex quadratic programs with linear rows, by operator splitting and a final polish.

Source: Stellato, Banjac, Goulart, Bemporad, Boyd, "OSQP: an operator splitting solver for quadratic
programs", Mathematical Programming Computation 12 (2020).
"""

from __future__ import annotations

import time

import numpy as np
import osqp
from scipy import sparse

from proofolio.errors import BadData, SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.capabilities import SolverEntry
from proofolio.solvers.continuous_answer import answer, apply_options, empty, objective_unit, seconds_left
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "ENTRY", "VERSION", "solve"]


VERSION: str = osqp.__version__
CAN = frozenset({"quadratic-objective"})
WHO = ("osqp", VERSION, "operator splitting")
STATUS = {
    osqp.SolverStatus.OSQP_SOLVED: "solved",
    osqp.SolverStatus.OSQP_PRIMAL_INFEASIBLE: "infeasible",
    osqp.SolverStatus.OSQP_DUAL_INFEASIBLE: "unbounded",
}
TOLERANCE = 1e-8
DEFAULTS = {
    "eps_abs": TOLERANCE,
    "eps_rel": TOLERANCE,
    "eps_prim_inf": 1e-7,
    "eps_dual_inf": 1e-7,
    "max_iter": 200_000,
    "polishing": True,
    "verbose": False,
}


def solve(program: Program, settings: Settings) -> Solution:
    """Solve a convex quadratic program with OSQP, to 1e-8 and polished.

    Parameters
    ----------
    program : Program
        Convex, with linear rows only and without integers.
    settings : Settings
        `options` are the names of OSQP's own settings. A complete start is used.

    Returns
    -------
    Solution
        ``duals["rows"]``, ``["lower"]`` and ``["upper"]`` satisfy ``Px + q = A'rows + lower - upper`` for the
        minimised objective; the bound is what they prove.

    Raises
    ------
    BadData
        For an option OSQP does not have or does not take.
    SolverFailure
        When OSQP refuses the program.
    """
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    solver = osqp.OSQP()
    options = dict(DEFAULTS)
    apply_options("osqp", settings.options, _option_names(solver), options.__setitem__)
    unit = objective_unit(program)
    A = sparse.vstack([sparse.csc_matrix(program.A), sparse.eye(program.n)], format="csc")
    lower = np.concatenate([program.row_lower, program.lower])
    upper = np.concatenate([program.row_upper, program.upper])
    if np.isfinite(settings.time_limit):
        options["time_limit"] = max(seconds_left(settings, started), 1e-6)
    try:
        P = sparse.csc_matrix(sparse.triu(program.P)) / unit
        solver.setup(P, program.q / unit, A, lower, upper, **options)
    except TypeError:
        raise BadData(f"OSQP does not take the options {dict(settings.options)}: check their types") from None
    except osqp.OSQPException as error:
        raise SolverFailure(f"OSQP refused the program: {error}") from error
    if settings.start is not None and np.all(np.isfinite(settings.start)):
        solver.warm_start(x=np.asarray(settings.start, dtype=float))
    found = solver.solve(raise_error=False)
    status = STATUS.get(found.info.status_val, "limit")
    said, iterations = str(found.info.status), int(found.info.iter)
    if status != "solved":
        return answer(program, settings, started, WHO, said, status, iterations=iterations)
    rows = -unit * np.array(found.y[: program.m])
    return answer(program, settings, started, WHO, said, status, np.array(found.x), None, rows, iterations)


def _option_names(solver: osqp.OSQP) -> list[str]:
    return [name for name in vars(solver.ext.OSQPSettings) if not name.startswith("_")]


ENTRY = SolverEntry("osqp", VERSION, CAN, solve)
