r"""Quadratic programs with costs of the power 3/2, by Clarabel's power cones.

.. math:: \min\ \tfrac12 x'Px + q'x + \sum_k p_k |c_k'x - d_k|^{3/2}

over rows and bounds: :math:`\tau \ge |u|^{3/2}` is :math:`(\tau, 1, u)` in the cone
:math:`\tau^{2/3} 1^{1/3} \ge |u|`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import clarabel
import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Sparse
from proofolio.solvers.quadratic.clarabel import STATUS, Sides, configured
from proofolio.solvers.quadratic.problem import QP

__all__ = ["PowerAnswer", "solve_with_powers"]


POWER = 2.0 / 3.0
STEPS = (1.0, 10.0, 100.0)  # times the tolerance: what is asked for where the last digits cannot be had


class PowerAnswer(NamedTuple):
    """A point, the multipliers of the rows (positive at a lower side), and those of c'x - d."""

    x: Floats
    y: Floats
    s: Floats


def solve_with_powers(
    qp: QP, C: Sparse, d: Floats, prices: Floats, tolerance: float = 1e-10
) -> PowerAnswer | None:
    """Solve; None where Clarabel has no answer.

    Parameters
    ----------
    qp : QP
        P, q, rows and bounds.
    C : sparse matrix, shape (k, n)
    d : ndarray, shape (k,)
    prices : ndarray, shape (k,)
        p, above 0.
    tolerance : float
        Absolute and relative.
    """
    k, n = C.shape
    linear = Sides(qp.A, (qp.row_lower, qp.row_upper), (qp.lower, qp.upper))
    m, each = linear.side.size, np.arange(k)
    # three rows a cone: tau, the number 1, and u
    tau = sparse.csr_array((-np.ones(k), (3 * each, each)), shape=(3 * k, k))
    place = sparse.csr_array((-np.ones(k), (3 * each + 2, each)), shape=(3 * k, k))
    A = sparse.block_array([[linear.matrix, None], [place @ C, tau]], format="csc")
    b = np.zeros(m + 3 * k)
    b[:m] = linear.side
    b[m + 1 :: 3], b[m + 2 :: 3] = 1.0, -d
    P = sparse.block_diag([sparse.triu(sparse.csc_matrix(qp.P)), sparse.csc_matrix((k, k))], format="csc")
    cones = [clarabel.ZeroConeT(linear.equal.size), clarabel.NonnegativeConeT(m - linear.equal.size)]
    cones += [clarabel.PowerConeT(POWER) for _ in range(k)]
    for step in STEPS:
        settings = configured(step * tolerance, {}, 1, math.inf)
        solver = clarabel.DefaultSolver(
            sparse.csc_matrix(P),
            np.concatenate([qp.q, prices]),
            sparse.csc_matrix(A),
            b,
            cones,
            settings,
        )
        found = solver.solve()
        if STATUS.get(str(found.status)) == "solved":
            z = np.array(found.z)
            return PowerAnswer(np.array(found.x)[:n], linear.multipliers(z[:m])[0], -z[m + 2 :: 3])
    return None
