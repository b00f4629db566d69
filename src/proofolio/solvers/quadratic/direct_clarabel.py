"""Clarabel as a direct solver: the accurate reference, which starts anew every time.

Source: Goulart, Chen, "Clarabel: An interior-point solver for conic programs with quadratic objectives",
2024.
"""

from __future__ import annotations

from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from proofolio.errors import BadData
from proofolio.solvers.quadratic.problem import QP, DirectAnswer

__all__ = ["DirectClarabel"]


STATUS = {
    "Solved": "solved",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded",
}


class DirectClarabel:
    """Clarabel behind the same calls as the other direct solvers; nothing is kept between solves.

    Parameters
    ----------
    qp : QP
    tolerance : float
        Absolute and relative.
    **options
        Clarabel's own settings.
    """

    def __init__(self, qp: QP, *, tolerance: float = 1e-10, **options: Any) -> None:
        self._qp = qp
        self._config = clarabel.DefaultSettings()
        self._config.verbose = False
        self._config.max_threads = 1
        self._config.tol_gap_abs = self._config.tol_gap_rel = self._config.tol_feas = tolerance
        for name, value in options.items():
            if not hasattr(self._config, name):
                raise BadData(f"clarabel has no option named {name!r}")
            setattr(self._config, name, value)

    @property
    def qp(self) -> QP:
        """The program as it stands."""
        return self._qp

    def update(self, **changes: Any) -> None:
        """Replace some of P, q, A, row_lower, row_upper, lower, upper."""
        self._qp = self._qp.with_changes(changes)

    def solve(self) -> DirectAnswer:
        """Solve the program as it stands."""
        qp = self._qp
        body = sparse.vstack([sparse.csr_array(qp.A), sparse.eye_array(qp.n)], format="csr")
        low, high = np.concatenate([qp.row_lower, qp.lower]), np.concatenate([qp.row_upper, qp.upper])
        equal = np.flatnonzero((low == high) & np.isfinite(low))
        above = np.flatnonzero((low != high) & np.isfinite(high))
        below = np.flatnonzero((low != high) & np.isfinite(low))
        matrix = sparse.csc_matrix(sparse.vstack([body[equal], body[above], -body[below]]))
        sides = np.concatenate([low[equal], high[above], -low[below]])
        cones = [clarabel.ZeroConeT(equal.size)] if equal.size else []
        if above.size + below.size:
            cones.append(clarabel.NonnegativeConeT(above.size + below.size))
        P = sparse.csc_matrix(sparse.triu(sparse.csc_matrix(qp.P)))
        found = clarabel.DefaultSolver(P, qp.q, matrix, sides, cones, self._config).solve()
        multipliers = np.array(found.z)
        both = np.zeros(qp.m + qp.n)
        both[equal] = multipliers[: equal.size]
        both[above] += multipliers[equal.size : equal.size + above.size]
        both[below] -= multipliers[equal.size + above.size :]
        x, y, z = np.array(found.x), both[: qp.m], both[qp.m :]
        status = STATUS.get(str(found.status), "limit")
        return DirectAnswer(status, x, y, z, int(found.iterations), qp)
