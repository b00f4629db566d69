"""PIQP: continuous convex quadratic programs with linear rows, fast enough for a control loop.

`Piqp` is set up once and updated in place. It has no warm start, and needs none to be fast. `solve` is for a program.

Source: Schwan, Jiang, Kuhn, Jones, "PIQP: A Proximal Interior-Point Quadratic Programming Solver", CDC 2023.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import piqp
from scipy import sparse

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData
from proofolio.program.program import Program
from proofolio.solvers.answers import answer, apply_options, empty, objective_unit, seconds_left
from proofolio.solvers.highs.linear import diagnosis
from proofolio.solvers.quadratic.problem import QP, DirectAnswer
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "NOT_BEGUN", "VERSION", "Piqp", "solve"]


VERSION: str = piqp.__version__
CAN = frozenset({"quadratic-objective"})
WHO = ("piqp", VERSION, "proximal interior point")
# As far as PIQP comes on programs in natural size; answers are checked to 1e-7.
TOLERANCE = 1e-9
# Up to this many columns dense factors are faster than sparse ones, whatever the program's pattern
# (`python -m benchmarks step_sizes`).
DENSE = 120
# Iterations that a solve takes, about; and how many times as long as setting it up it may take with much fill-in.
ITERATIONS, SETUPS = 20, 50.0
NOT_BEGUN = "not begun"
STATUS = {
    piqp.PIQP_SOLVED: "solved",
    piqp.PIQP_PRIMAL_INFEASIBLE: "infeasible",
    piqp.PIQP_DUAL_INFEASIBLE: "unbounded",
}


class Piqp:
    """PIQP on a program whose numbers change and whose shape does not.

    Parameters
    ----------
    qp : QP
        Which rows are equalities is decided here, once.
    tolerance : float
        Absolute, and relative a tenth of it: the sizes of the terms are often above one.
    **options
        PIQP's own settings; ``kkt_solver`` by its name (``"sparse_multistage"``).
    """

    def __init__(self, qp: QP, *, tolerance: float = TOLERANCE, **options: Any) -> None:
        self._qp = qp
        self._dense = isinstance(qp.P, np.ndarray) and isinstance(qp.A, np.ndarray)
        low, high = qp.row_lower, qp.row_upper
        equal = (low == high) & np.isfinite(low)
        self._equal, self._ranged = _positions(equal), _positions(~equal)
        self._solver = piqp.DenseSolver() if self._dense else piqp.SparseSolver()
        config = self._solver.settings
        config.eps_abs = config.eps_duality_gap_abs = tolerance
        config.eps_rel = config.eps_duality_gap_rel = 0.1 * tolerance
        if options:
            chosen = dict(options)
            if isinstance(chosen.get("kkt_solver"), str):
                chosen["kkt_solver"] = getattr(piqp.KKTSolver, chosen["kkt_solver"])
            names = [name for name in dir(config) if not name.startswith("_")]
            apply_options("piqp", chosen, names, partial(setattr, config))
        rows = self._split = self._rows(qp.A)
        self._solver.setup(
            self._matrix(qp.P), qp.q, rows[0], low[self._equal], rows[1], low[self._ranged],
            high[self._ranged], qp.lower, qp.upper,
        )  # fmt: skip

    @property
    def qp(self) -> QP:
        """The program as it stands."""
        return self._qp

    def update(self, **changes: Any) -> None:
        """Replace some of P, q, A, row_lower, row_upper, lower, upper; patterns and equalities must stay.

        Parameters
        ----------
        **changes
            New arrays, of the old kind. They are kept, not copied: do not write into them.

        Raises
        ------
        BadData
            When a row is an equality now and was not, or the other way round.
        """
        qp = self._qp = self._qp.with_changes(changes)
        given: dict[str, Any] = {}
        # Scaled anew, PIQP 0.6.4 forgets to scale the matrices it is not given: wrong answers follow.
        together = not self._solver.settings.preconditioner_reuse_on_update and (
            "P" in changes or "A" in changes
        )
        if "P" in changes or together:
            given["P"] = self._matrix(qp.P)
        if "q" in changes:
            given["c"] = qp.q
        if "A" in changes:
            self._split = self._rows(qp.A)
        if "A" in changes or together:
            given["A"], given["G"] = self._split
        if "row_lower" in changes or "row_upper" in changes:
            low, high = qp.row_lower, qp.row_upper
            if np.any(low[self._equal] != high[self._equal]):
                raise BadData("a row that was an equality at setup no longer is: set a new solver up")
            given |= {"b": low[self._equal], "h_l": low[self._ranged], "h_u": high[self._ranged]}
        if "lower" in changes:
            given["x_l"] = qp.lower
        if "upper" in changes:
            given["x_u"] = qp.upper
        self._solver.update(**given)

    def solve(self) -> DirectAnswer:
        """Solve the program as it stands."""
        status = STATUS.get(self._solver.solve(), "limit")
        found, qp = self._solver.result, self._qp
        x, z = found.x.copy(), found.z_bl - found.z_bu
        y = np.empty(qp.m)
        y[self._equal] = -found.y
        y[self._ranged] = found.z_l - found.z_u
        said = found.info.status.name.removeprefix("PIQP_").lower()
        return DirectAnswer(status, x, y, z, int(found.info.iter), qp, said)

    def seconds_an_iteration(self) -> float:
        """Try one iteration and return about how long each takes; the next solve begins anew."""
        config = self._solver.settings
        allowed = config.max_iter
        before = time.perf_counter()
        config.max_iter = 1
        self._solver.solve()  # two factorisations
        config.max_iter = allowed
        return 0.5 * (time.perf_counter() - before)

    @property
    def most_iterations(self) -> int:
        """After how many iterations a solve ends at the latest."""
        return int(self._solver.settings.max_iter)

    def _matrix(self, matrix: Any) -> Any:
        if self._dense:
            return np.asfortranarray(matrix, dtype=float)
        return matrix if isinstance(matrix, sparse.csc_matrix) else sparse.csc_matrix(matrix)

    def _rows(self, A: Any) -> tuple[Any, Any]:
        if self._dense:
            return np.asfortranarray(A[self._equal]), np.asfortranarray(A[self._ranged])
        rows = sparse.csr_array(A)
        return sparse.csc_matrix(rows[self._equal]), sparse.csc_matrix(rows[self._ranged])


def _positions(mask: Mask) -> Any:
    """Return where a mask holds: as a slice when in one run, which is read without copying."""
    at = np.flatnonzero(mask)
    if at.size and at[-1] - at[0] + 1 > at.size:
        return at
    return slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 0)


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
    unit = objective_unit(program)
    P = (program.P.toarray(order="F") if dense else sparse.csc_matrix(program.P)) / unit
    A = program.A.toarray() if dense else program.A
    sides, box = _met(program.row_lower, program.row_upper), _met(program.lower, program.upper)
    if sides is None or box is None:
        return answer(program, settings, started, WHO, "a lower side is above an upper one", "infeasible")
    qp = QP(P, program.q / unit, A, *sides, *box)
    condensed = {"kkt_solver": "sparse_ldlt_eq_cond"} if not dense and _condenses(program) else {}
    solver = Piqp(qp, **(condensed | dict(settings.options)))
    if _too_long(solver, settings, started):
        return answer(program, settings, started, WHO, NOT_BEGUN, "limit")
    found = solver.solve()
    said, status = found.message, found.status
    if status != "solved":
        # PIQP recognises few contradictions and rays before its iterations end.
        if status == "limit":
            status = diagnosis(program, settings, started)
        return answer(program, settings, started, WHO, said, status, iterations=found.iterations)
    duals, count = unit * found.y, found.iterations
    return answer(program, settings, started, WHO, said, status, found.x, None, duals, count, unit)


def _met(low: Floats, high: Floats) -> tuple[Floats, Floats] | None:
    """Return sides without those that cross by rounding; None where they cross by more."""
    crossed = low > high
    if not crossed.any():
        return low, high
    size = np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    if np.any(low[crossed] - high[crossed] > TOLERANCE * size[crossed]):
        return None
    return np.minimum(low, high), high


def _too_long(solver: Piqp, settings: Settings, started: float) -> bool:
    """Whether one iteration, tried where it might matter, says that all of them take longer than there is."""
    left = seconds_left(settings, started)
    if not np.isfinite(left) or SETUPS * (time.perf_counter() - started) <= left:
        return False
    each = solver.seconds_an_iteration()
    return bool(min(ITERATIONS, solver.most_iterations) * each > seconds_left(settings, started))


def _condenses(program: Program) -> bool:
    """Whether eliminating the equalities (adding A'A to P) fills in little: PIQP then factors far faster."""
    equal = (program.row_lower == program.row_upper) & np.isfinite(program.row_lower)
    rows = sparse.csr_array(program.A)[np.flatnonzero(equal)]
    lengths = np.diff(rows.indptr).astype(float)
    return bool(lengths @ lengths <= 4.0 * (program.P.nnz + program.A.nnz))
