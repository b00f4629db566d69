"""PIQP: continuous convex quadratic programs with linear rows, fast enough for a control loop.

Source: Schwan, Jiang, Kuhn, Jones, "PIQP: A Proximal Interior-Point Quadratic Programming Solver", CDC 2023.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import piqp
from scipy import sparse

from proofolio.program.program import Program
from proofolio.solvers.capabilities import SolverEntry
from proofolio.solvers.continuous_answer import answer, apply_options, empty, objective_unit, seconds_left
from proofolio.solvers.highs.linear import diagnosis
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "ENTRY", "NOT_BEGUN", "VERSION", "solve"]


VERSION: str = piqp.__version__
CAN = frozenset({"quadratic-objective"})
WHO = ("piqp", VERSION, "proximal interior point")
# Up to this many columns dense factors are faster than sparse ones, whatever the program's pattern.
DENSE = 150
# Iterations that a solve takes, about; and how many times as long as setting it up it may take with much fill-in.
ITERATIONS, SETUPS = 20, 50.0
NOT_BEGUN = "not begun"
STATUS = {
    piqp.PIQP_SOLVED: "solved",
    piqp.PIQP_PRIMAL_INFEASIBLE: "infeasible",
    piqp.PIQP_DUAL_INFEASIBLE: "unbounded",
}


def solve(program: Program, settings: Settings) -> Solution:
    """Solve a convex quadratic program with PIQP.

    Parameters
    ----------
    program : Program
        Convex, with linear rows only and without integers.
    settings : Settings
        `options` are the names of PIQP's own settings. It cannot use a start. Nothing stops it once begun, so
        with a time limit a solve that would not end in time by the length of its first iteration is not begun;
        the message then ends in ``not begun``.

    Returns
    -------
    Solution
        ``duals["rows"]``, ``["lower"]`` and ``["upper"]`` satisfy ``Px + q = A'rows + lower - upper`` for the
        minimised objective; the bound is what they prove.

    Raises
    ------
    BadData
        For an option PIQP does not have or does not take.
    """
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    dense = program.n <= DENSE and program.m <= 4 * DENSE
    solver = piqp.DenseSolver() if dense else piqp.SparseSolver()
    config = solver.settings
    config.eps_abs, config.eps_rel = 1e-9, 1e-10
    config.eps_duality_gap_abs, config.eps_duality_gap_rel = 1e-9, 1e-10
    low, high = program.row_lower, program.row_upper
    equal = (low == high) & np.isfinite(low)
    ranged = ~equal
    A, G = _parts(program, equal, ranged, dense)
    if not dense and _condenses(A, G, program.P):
        config.kkt_solver = piqp.KKTSolver.sparse_ldlt_eq_cond
    if settings.options:
        names = [name for name in dir(config) if not name.startswith("_")]
        apply_options("piqp", settings.options, names, lambda name, value: setattr(config, name, value))
    unit = objective_unit(program)
    P = (program.P.toarray(order="F") if dense else sparse.csc_matrix(program.P)) / unit
    solver.setup(
        P, program.q / unit, A, low[equal], G, low[ranged], high[ranged], program.lower, program.upper
    )
    if _too_long(solver, settings, started):
        return answer(program, settings, started, WHO, NOT_BEGUN, "limit")
    status = STATUS.get(solver.solve(), "limit")
    found = solver.result
    said, iterations = found.info.status.name.removeprefix("PIQP_").lower(), int(found.info.iter)
    if status != "solved":
        # PIQP recognises few contradictions and rays before its iterations end.
        if status == "limit":
            status = diagnosis(program, settings, started)
        return answer(program, settings, started, WHO, said, status, iterations=iterations)
    rows = np.empty(program.m)
    rows[equal] = -unit * found.y
    rows[ranged] = unit * (found.z_l - found.z_u)
    return answer(program, settings, started, WHO, said, status, found.x.copy(), None, rows, iterations)


def _too_long(solver: Any, settings: Settings, started: float) -> bool:
    """Whether one iteration, tried where it might matter, says that all of them take longer than there is."""
    left = seconds_left(settings, started)
    if not np.isfinite(left) or SETUPS * (time.perf_counter() - started) <= left:
        return False
    allowed = solver.settings.max_iter
    before = time.perf_counter()
    solver.settings.max_iter = 1
    solver.solve()  # two factorisations; what comes next begins anew
    solver.settings.max_iter = allowed
    each = 0.5 * (time.perf_counter() - before)
    return bool(min(ITERATIONS, allowed) * each > seconds_left(settings, started))


def _parts(program: Program, equal: Any, ranged: Any, dense: bool) -> tuple[Any, Any]:
    if dense:
        full = program.A.toarray()
        return np.asfortranarray(full[equal]), np.asfortranarray(full[ranged])
    rows = sparse.csr_matrix(program.A)
    return sparse.csc_matrix(rows[np.flatnonzero(equal)]), sparse.csc_matrix(rows[np.flatnonzero(ranged)])


def _condenses(A: Any, G: Any, P: Any) -> bool:
    """Whether eliminating the equalities (adding A'A to P) fills in little: it then factors far faster."""
    lengths = np.bincount(A.indices, minlength=A.shape[0]).astype(float)
    return bool(lengths @ lengths <= 4.0 * (P.nnz + G.nnz + A.nnz))


ENTRY = SolverEntry("piqp", VERSION, CAN, solve)
