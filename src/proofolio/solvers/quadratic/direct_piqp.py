"""PIQP as a direct solver: set up once, updated in place. It has no warm start, and needs none to be fast.

Source: Schwan, Jiang, Kuhn, Jones, "PIQP: A Proximal Interior-Point Quadratic Programming Solver", CDC 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import piqp
from scipy import sparse

from proofolio.arrays import Mask
from proofolio.errors import BadData
from proofolio.solvers.quadratic.problem import QP, DirectAnswer

__all__ = ["DirectPiqp"]


STATUS = {
    piqp.PIQP_SOLVED: "solved",
    piqp.PIQP_PRIMAL_INFEASIBLE: "infeasible",
    piqp.PIQP_DUAL_INFEASIBLE: "unbounded",
}


class DirectPiqp:
    """PIQP on a program whose numbers change and whose shape does not.

    Parameters
    ----------
    qp : QP
        Which rows are equalities is decided here, once.
    tolerance : float
        Absolute, and relative a tenth of it.
    **options
        PIQP's own settings; ``kkt_solver`` by its name (``"sparse_multistage"``).
    """

    def __init__(self, qp: QP, *, tolerance: float = 1e-9, **options: Any) -> None:
        self._qp = qp
        self._dense = isinstance(qp.P, np.ndarray) and isinstance(qp.A, np.ndarray)
        low, high = qp.row_lower, qp.row_upper
        equal = (low == high) & np.isfinite(low)
        self._equal, self._ranged = _positions(equal), _positions(~equal)
        self._solver = piqp.DenseSolver() if self._dense else piqp.SparseSolver()
        config = self._solver.settings
        config.eps_abs = config.eps_duality_gap_abs = tolerance
        config.eps_rel = config.eps_duality_gap_rel = 0.1 * tolerance
        for name, value in options.items():
            if not hasattr(config, name):
                raise BadData(f"piqp has no option named {name!r}")
            chosen = (
                getattr(piqp.KKTSolver, value) if name == "kkt_solver" and isinstance(value, str) else value
            )
            setattr(config, name, chosen)
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
        x, z = found.x.copy(), found.z_bu - found.z_bl
        y = np.empty(qp.m)
        y[self._equal] = found.y
        y[self._ranged] = found.z_u - found.z_l
        return DirectAnswer(status, x, y, z, int(found.info.iter), qp)

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
