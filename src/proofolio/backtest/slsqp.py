"""The risk-parity program as a general nonlinear solver sees it: SciPy's SLSQP, for comparison only."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from proofolio.backtest.market import Floats

__all__ = ["contribution_error", "slsqp_risk_parity"]


def slsqp_risk_parity(
    covariance: Floats, w0: Floats, gamma_trade: float, start: Floats | None = None
) -> tuple[Floats, float, bool]:
    """Return weights (n, H), their objective and whether SLSQP says it has converged.

        minimise sum_t sum_i g_ti(w_t)^2 + gamma_trade sum_t ||w_t - w_{t-1}||_1
        1'w_t = 1,  w >= 0,  g_ti(w) = w_i (Sigma_t w)_i / w'Sigma_t w - 1/n

    The trades keep their kinks, as in the published comparison: SLSQP is given a gradient of one side there, exact
    elsewhere. (With bought and sold shares as variables of their own it takes minutes from 15 periods on.)

    Parameters
    ----------
    covariance : (H, n, n) array
    w0 : (n,) array
        First holdings.
    gamma_trade : float
    start : (n, H) array, optional
        Where it begins; ``w0`` in every period by default.
    """
    H, n, _ = covariance.shape
    size = H * n
    x0 = (np.tile(w0, (H, 1)) if start is None else start.T).ravel()

    def value(x: Floats) -> tuple[float, Floats]:
        w = x.reshape(H, n)
        marginal = np.einsum("hij,hj->hi", covariance, w)
        variance = (w * marginal).sum(axis=1, keepdims=True)
        share = w * marginal / variance
        g = share - 1.0 / n
        # d/dw_j sum_i g_i^2 = 2/v (g_j m_j + sum_i g_i w_i S_ij - 2 m_j sum_i g_i share_i)
        inner = (g * share).sum(axis=1, keepdims=True)
        pulled = np.einsum("hij,hi->hj", covariance, g * w)
        slope = 2.0 / variance * (g * marginal + pulled - 2.0 * marginal * inner)
        moves = np.diff(w, axis=0, prepend=w0[None])
        side = gamma_trade * np.sign(moves)
        slope += side
        slope[:-1] -= side[1:]
        return float((g * g).sum() + gamma_trade * np.abs(moves).sum()), slope.ravel()

    budget = np.kron(np.eye(H), np.ones(n))
    found: Any = minimize(  # type: ignore[call-overload]  # the stubs know no exact gradient beside constraints
        value,
        x0,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * size,
        constraints={"type": "eq", "fun": lambda x: budget @ x - 1.0, "jac": lambda x: budget},
        options={"maxiter": 200, "ftol": 1e-10},
    )
    w = found.x.reshape(H, n)
    return w.T, objective(w.T, covariance, w0, gamma_trade), bool(found.success)


def objective(W: Floats, covariance: Floats, w0: Floats, gamma_trade: float) -> float:
    """Return the risk-parity objective of weights (n, H) with equal budgets."""
    n, H = W.shape
    total = 0.0
    for t in range(H):
        w = W[:, t]
        marginal = covariance[t] @ w
        share = w * marginal / (w @ marginal)
        total += float(((share - 1.0 / n) ** 2).sum())
    moves = np.diff(np.column_stack([w0, W]), axis=1)
    return total + gamma_trade * float(np.abs(moves).sum())


def contribution_error(weights: Floats, covariance: Floats) -> float:
    """Return ``sum_i |w_i (Sigma w)_i / w'Sigma w - 1/n|``, the L1 distance from equal contributions."""
    marginal = covariance @ weights
    share = weights * marginal / (weights @ marginal)
    return float(np.abs(share - 1.0 / len(weights)).sum())
