r"""The data of a risk-parity step as its methods see them.

How far risk contributions are from their budgets, and the derivative of that.

.. math::
    g_i(w) = \frac{w_i (\Sigma w)_i}{w'\Sigma w} - b_i, \qquad
    \frac{\partial g_i}{\partial w_j} =
    \frac{\delta_{ij} (\Sigma w)_i + w_i \Sigma_{ij}}{w'\Sigma w} - 2\,(g_i + b_i)\,\frac{(\Sigma w)_j}{w'\Sigma w}

g does not change when w is scaled: the Jacobian takes w to 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats
from proofolio.models.portfolio.step import Rules

__all__ = ["Periods", "curvature", "death_threshold", "errors_and_jacobian", "risk_errors"]


CONVEX = 1e-9  # of the trace


def risk_errors(W: Floats, sigma: Floats, b: Floats) -> Floats:
    """Return g for weights (H, n), covariances (H, n, n) and budgets (H, n), shape (H, n)."""
    part = W * np.matmul(sigma, W[..., None])[..., 0]
    errors: Floats = part / part.sum(axis=-1, keepdims=True) - b
    return errors


def errors_and_jacobian(W: Floats, sigma: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return g (H, n) and its Jacobian (H, n, n)."""
    m = np.matmul(sigma, W[..., None])[..., 0]
    part = W * m
    variance = part.sum(axis=-1, keepdims=True)
    u = m / variance
    share = W * u
    A = (W / variance)[:, :, None] * sigma
    A -= (2.0 * share)[:, :, None] * u[:, None, :]
    n = W.shape[1]
    A.reshape(len(W), n * n)[:, :: n + 1] += u
    return share - b, A


def curvature(W: Floats, sigma: Floats, g: Floats, A: Floats) -> Floats:
    r"""Return positive semidefinite Q (H, n, n): the curvature of :math:`\sum_i g_i^2` where weights add up to 1.

    It is that of the Hessian :math:`N = 2A'A + 2\sum_i g_i \nabla^2 g_i`, and Gauss and Newton's :math:`2A'A` in
    periods where the Hessian is not convex. With g held, :math:`\phi = \sum_i g_i w_i (\Sigma w)_i / w'\Sigma w`,
    :math:`K = D_g\Sigma + \Sigma D_g` and :math:`u = \Sigma w / w'\Sigma w`,

    .. math:: \nabla^2 \phi = \frac{K - 2\phi\Sigma - 2(Kwu' + u(Kw)')}{w'\Sigma w} + 8\phi\,uu'.

    Steps d from w have :math:`1'd = 0`. As scaling changes nothing, :math:`Nw = -s` with the gradient s, so that
    :math:`Q = N + s1' + 1s'` agrees with N on them and has :math:`Qw = 0`.
    """
    gauss: Floats = 2.0 * np.matmul(A.swapaxes(1, 2), A)
    if not g.any():
        return gauss
    m = np.matmul(sigma, W[..., None])[..., 0]
    variance = (W * m).sum(axis=1)[:, None]
    u = m / variance
    phi = (g * W * u).sum(axis=1)[:, None, None]
    K = (g[:, :, None] + g[:, None, :]) * sigma
    half = np.matmul(g[:, None, :], A)[:, 0, :, None] - 2.0 * u[:, :, None] * (
        np.matmul(K, W[..., None]) / variance[..., None]
    ).swapaxes(1, 2)
    hessian: Floats = (K - 2.0 * phi * sigma) * (2.0 / variance[..., None]) + (16.0 * phi) * (
        u[:, :, None] * u[:, None, :]
    )
    hessian += gauss + 2.0 * (half + half.swapaxes(1, 2))
    size = np.trace(gauss, axis1=1, axis2=2)[:, None, None]
    try:
        np.linalg.cholesky(hessian + size)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(hessian + size)[:, 0]
        convex = lowest > CONVEX * size[:, 0, 0]
        hessian = np.where(convex[:, None, None], hessian, gauss)
    return hessian


def death_threshold(b: Floats) -> float:
    r"""Return a number below which the sum of the squares of g is only where every asset with a budget is held.

    An asset at weight 0 has :math:`g_i = -b_i`; the other errors then add up to :math:`b_i`, so that

    .. math:: \textstyle\sum_j g_j^2 \ge b_i^2 + b_i^2 / (n - 1),

    n counting all assets. A method that never goes up and starts below the smallest of these keeps all alive.

    Parameters
    ----------
    b : ndarray, shape (H, n)
        Budgets; zeros are of assets that are not asked to carry risk.
    """
    n = b.shape[1]
    if n == 1:
        return np.inf
    return float((b[b > 0.0] ** 2).min() * n / (n - 1.0))


class Periods(NamedTuple):
    """The data of a step, runs of equal periods taken together; `times` counts each."""

    sigma: Floats
    budgets: Floats
    times: Floats
    rules: Rules
    w0: Floats

    def objective(self, W: Floats) -> float:
        """Return the objective at weights (h, n)."""
        g = risk_errors(W, self.sigma, self.budgets)
        return float(self.times @ (g * g).sum(axis=1)) + self.trading(W)

    def trading(self, W: Floats) -> float:
        """Return the cost of trading at weights (h, n)."""
        cost = float(np.abs(W[0] - self.w0) @ self.rules.cost)
        return cost + float((np.abs(W[1:] - W[:-1]) @ self.rules.cost).sum()) if len(W) > 1 else cost
