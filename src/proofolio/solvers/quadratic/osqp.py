"""OSQP: convex quadratic programs set up once, updated in place, started from the last answer.

It is fast to three or four digits; at 1e-8 it may not come to an end on long horizons, and then says so.
Source: Stellato, Banjac, Goulart, Bemporad, Boyd, "OSQP: an operator splitting solver for quadratic
programs", Mathematical Programming Computation 12 (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import osqp
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData, SolverFailure
from proofolio.solvers.quadratic.problem import QP, DirectAnswer

__all__ = ["Osqp"]


STATUS = {
    osqp.SolverStatus.OSQP_SOLVED: "solved",
    osqp.SolverStatus.OSQP_PRIMAL_INFEASIBLE: "infeasible",
    osqp.SolverStatus.OSQP_DUAL_INFEASIBLE: "unbounded",
}
# Before the polish, which adds digits where it finds the binding sides: to 1e-8 OSQP often does not come by itself.
TOLERANCE = 1e-7
DEFAULTS = {"max_iter": 10_000, "polishing": True, "verbose": False}


class Osqp:
    """OSQP on a program whose numbers change and whose shape does not; it starts from its last answer.

    Parameters
    ----------
    qp : QP
        Arrays count as full patterns.
    tolerance : float
        Absolute and relative, before the polish.
    **options
        OSQP's own settings.
    """

    def __init__(self, qp: QP, *, tolerance: float = TOLERANCE, **options: Any) -> None:
        self._qp = qp
        self._P, self._A = _pattern(qp.P, upper=True), _pattern(qp.A)
        self._solver = osqp.OSQP()
        settings = DEFAULTS | {"eps_abs": tolerance, "eps_rel": tolerance} | options
        try:
            self._solver.setup(self._P, qp.q, self._stacked(), *self._limits(), **settings)
        except (TypeError, ValueError):
            raise BadData(f"OSQP does not take the options {options}: check their names and types") from None
        except osqp.OSQPException as error:
            raise SolverFailure(f"OSQP refused the program: {error}") from error

    @property
    def qp(self) -> QP:
        """The program as it stands."""
        return self._qp

    def update(self, **changes: Any) -> None:
        """Replace some of P, q, A, row_lower, row_upper, lower, upper; patterns must stay."""
        qp = self._qp = self._qp.with_changes(changes)
        vectors: dict[str, Any] = {}
        matrices: dict[str, Any] = {}
        if "P" in changes:
            self._P = _pattern(qp.P, upper=True)
            matrices["Px"] = self._P.data
        if "A" in changes:
            self._A = _pattern(qp.A)
            matrices["Ax"] = self._stacked().data
        if "q" in changes:
            vectors["q"] = qp.q
        if changes.keys() & {"row_lower", "row_upper", "lower", "upper"}:
            vectors["l"], vectors["u"] = self._limits()
        if vectors or matrices:
            self._solver.update(**vectors, **matrices)

    def solve(self) -> DirectAnswer:
        """Solve the program as it stands."""
        qp = self._qp
        found = self._solver.solve(raise_error=False)
        status = STATUS.get(found.info.status_val, "limit")
        x, both = np.array(found.x, dtype=float), -np.array(found.y, dtype=float)
        y, z = both[: qp.m], both[qp.m :]
        return DirectAnswer(status, x, y, z, int(found.info.iter), qp, str(found.info.status))

    def _stacked(self) -> Any:
        return sparse.vstack([self._A, sparse.eye(self._qp.n)], format="csc")

    def _limits(self) -> tuple[Floats, Floats]:
        qp = self._qp
        return np.concatenate([qp.row_lower, qp.lower]), np.concatenate([qp.row_upper, qp.upper])


def _pattern(matrix: Any, upper: bool = False) -> Any:
    """Return a CSC matrix that stores every entry of an array, or those that a sparse matrix stores."""
    if isinstance(matrix, np.ndarray):
        rows, columns = matrix.shape
        at = np.arange(columns)
        mask = np.arange(rows)[:, None] <= at if upper else np.ones(matrix.shape, bool)
        counts = mask.sum(axis=0)
        pointer = np.concatenate([[0], np.cumsum(counts)])
        return sparse.csc_matrix((matrix.T[mask.T], np.nonzero(mask.T)[1], pointer), shape=matrix.shape)
    stored = sparse.csc_matrix(matrix)
    return sparse.triu(stored, format="csc") if upper else stored
