r"""The convex quadratic program that is left of a coupled program when its path is fixed.

.. math::
    \min \sum_t W_t'Q_tW_t + c_t'W_t + 2\kappa 1'b_t \quad\text{s.t.}\quad b_t \ge W_t - W_{t-1},\ b \ge 0,
    \ \ 1'W_t = 1,\ \ \ell \le W \le u

The multipliers of the buys are the prices on trades of `proofolio.models.regime_switching.methods.prices`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import piqp
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.models.regime_switching.pieces import Pieces

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["best_along", "seconds_along", "within_budget"]


# Measured on n = 50, T = 100 and n = 100, T = 250, one thread.
PER_CUBE = 1e-8


def best_along(program: RegimeSwitching, pieces: Pieces, states: Integers) -> tuple[Floats, Floats] | None:
    """Return weights (T, n) along a path of pieces, and prices on trades (T, n); None when the solver fails."""
    T, n = program.T, program.n
    N, when = T * n, np.arange(T)
    Q = pieces.Q[states, when if pieces.Q.shape[1] > 1 else 0]
    c = pieces.c[states, when if pieces.c.shape[1] > 1 else 0].ravel()
    kappa = 2.0 * program.turnover_cost
    unit = max(float(np.abs(c).max()), float(np.abs(Q).max()), kappa, 1e-300)
    eye = sparse.eye_array(N, format="csc")
    P = sparse.block_diag([*(2.0 / unit * Q), sparse.csc_array((N, N))], format="csc")
    budget = sparse.hstack([sparse.kron(sparse.eye_array(T), np.ones((1, n))), sparse.csc_array((T, N))])
    change = sparse.hstack([eye - sparse.eye_array(N, k=-n), -eye], format="csr")
    held = np.zeros(N)
    skipped = 0
    if program.initial is None:
        skipped = n
    else:
        held[:n] = program.initial
    solver = piqp.SparseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-8, 1e-9
    infinite = np.full(N, np.inf)
    solver.setup(
        sparse.csc_matrix(P),
        np.concatenate([c, np.full(N, kappa)]) / unit,
        sparse.csc_matrix(budget),
        np.ones(T),
        sparse.csc_matrix(change[skipped:]),
        np.full(N - skipped, -np.inf),
        held[skipped:],
        np.concatenate([program.lower.ravel(), np.zeros(N)]),
        np.concatenate([program.upper.ravel(), infinite]),
    )
    solver.solve()
    x = np.asarray(solver.result.x)
    if not np.all(np.isfinite(x)):
        return None
    y = np.zeros(N)
    y[skipped:] = np.clip(unit * np.nan_to_num(solver.result.z_u), 0.0, kappa)
    return within_budget(x[:N].reshape(T, n), program.lower, program.upper), y.reshape(T, n)


def seconds_along(program: RegimeSwitching) -> float:
    """Return about how many seconds `best_along` takes: 1e-8 T n^3."""
    return PER_CUBE * program.T * float(program.n) ** 3


def within_budget(w: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return weights (T, n) within their bounds, what is missing of the budget spread over those with room."""
    w = np.clip(w, lower, upper)
    for _ in range(3):
        short = 1.0 - w.sum(axis=1, keepdims=True)
        room = np.where(short > 0.0, upper - w, w - lower)
        total = room.sum(axis=1, keepdims=True)
        w = np.clip(w + short * room / np.where(total > 0.0, total, 1.0), lower, upper)
    return w
