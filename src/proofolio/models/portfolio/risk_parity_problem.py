r"""The risk-parity program as data: what is minimised over a plan set, its errors, their derivatives and curvature.

.. math::
    g_i(w) = \frac{w_i (\Sigma w)_i}{w'\Sigma w} - b_i, \qquad
    \frac{\partial g_i}{\partial w_j} =
    \frac{\delta_{ij} (\Sigma w)_i + w_i \Sigma_{ij}}{w'\Sigma w} - 2\,(g_i + b_i)\,\frac{(\Sigma w)_j}{w'\Sigma w}

g does not change when w is scaled: the Jacobian takes w to 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.models.arguments import finite, not_negative, whole
from proofolio.models.portfolio.plan_set import Group, PlanSet, plan_set_of
from proofolio.models.portfolio.quadratic_step import QuadraticStep
from proofolio.models.portfolio.risk_budgeting import read_budgets, read_covariance
from proofolio.models.portfolio.risk_parity_kernels import CONVEX, PROXIMAL

__all__ = [
    "PROXIMAL",
    "RiskParityProblem",
    "approximation",
    "curvature",
    "death_threshold",
    "diagonals",
    "errors_and_jacobian",
    "risk_errors",
]


CERTIFIED = 5  # the most assets; boxes grow in number like a power of n - 1


class RiskParityProblem:
    """The data of the risk-parity program; arguments as for `proofolio.models.portfolio.risk_parity.RiskParity`.

    Attributes
    ----------
    n, H : int
    gamma_trade : float
    budgets : ndarray, shape (H, n)
    plan_set : PlanSet
        What may be held and traded.
    step : QuadraticStep
        The form of a convex subproblem.
    certify : bool
    """

    def __init__(
        self,
        n: int,
        H: int,
        gamma_trade: float,
        *,
        budgets: ArrayLike | None = None,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        groups: Sequence[Group] = (),
        cash: int | None = None,
        turnover_limit: ArrayLike = np.inf,
        plan_set: PlanSet | None = None,
        certify: bool = False,
    ) -> None:
        self.n, self.H = whole("n", n, 1), whole("H", H, 1)
        least, most = finite("lower", lower), finite("upper", upper)
        if np.any(least < 0.0):
            raise BadData(f"lower holds {least.min():.6g}; risk parity is long-only: it must be from 0")
        self.gamma_trade = not_negative("gamma_trade", gamma_trade)
        self.plan_set = plan_set_of(
            self.n, self.H, plan_set, lower=least, upper=most, groups=groups, turnover_limit=turnover_limit, cash=cash
        )  # fmt: skip
        _require_long(self.plan_set)
        self.budgets = _budgets(budgets, self.n, self.H, self.plan_set.cash)
        self.step = QuadraticStep.priced(self.plan_set, self.gamma_trade, 0.5)
        self.certify = bool(certify)
        if self.certify:
            _require_small(self.n, self.H)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self.n}, H={self.H}, gamma_trade={self.gamma_trade:g})"

    @cached_property
    def harmless(self) -> float:
        """An objective below which no asset with a budget can be at 0 (see `death_threshold`)."""
        return death_threshold(self.budgets)

    @property
    def cash(self) -> int | None:
        """The asset without risk, or None."""
        return self.plan_set.cash

    @property
    def risky(self) -> Integers:
        """The assets that carry risk."""
        return np.flatnonzero(self.plan_set.counted)

    def read(self, covariance: ArrayLike, w0: ArrayLike, uninvested: float = 0.0) -> tuple[Floats, Floats]:
        """Return the covariances (H, n, n), cash without risk, and the first holdings (n,).

        Raises
        ------
        BadData
            Naming what is wrong.
        """
        n, H = self.n, self.H
        if self.cash is None:
            sigma = read_covariance(covariance)
        else:
            sigma = np.array(finite("covariance", covariance))
            if sigma.shape[-2:] == (n, n):
                read_covariance(sigma[..., self.risky[:, None], self.risky])
                sigma[..., self.cash, :] = sigma[..., :, self.cash] = 0.0
        if sigma.shape == (n, n):
            sigma = np.broadcast_to(sigma, (H, n, n))
        if sigma.shape != (H, n, n):
            raise BadData(
                f"covariance has shape {sigma.shape}; it must be ({H}, {n}, {n}), or ({n}, {n}) for all"
            )
        held = finite("w0", w0)
        if held.shape != (n,):
            raise BadData(f"w0 has shape {held.shape}; it must be ({n},)")
        self.plan_set.check_holdings("w0", held, uninvested)
        return np.ascontiguousarray(sigma), held  # the quadratic programs are given its numbers as they lie

    def objective(self, W: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> float:
        """Return the objective at weights (H, n)."""
        sigma, held = self.read(covariance, w0)
        weights = self.weights_given(W)
        squares = float((risk_errors(weights, sigma, self.budgets) ** 2).sum())
        traded = np.abs(np.diff(weights[:, self.risky], axis=0, prepend=held[None, self.risky]))
        return squares + self.gamma_trade * float(traded.sum())

    def weights_given(self, W: ArrayLike) -> Floats:
        """Return weights (H, n), read and checked."""
        weights = finite("weights", W)
        if weights.shape != (self.H, self.n):
            raise BadData(f"weights have shape {weights.shape}; they must be ({self.H}, {self.n})")
        return weights


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
    diagonals(A)[:] += u
    return share - b, A


def diagonals(matrices: Floats) -> Floats:
    """Return a view of the diagonals (H, n) of matrices (H, n, n), however these lie in memory.

    A product with a covariance lies as that one does, and `reshape` would then make a copy.
    """
    view: Floats = np.einsum("tii->ti", matrices)
    return view


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
    shifted = hessian + size
    diagonals(shifted)[:] -= CONVEX * size[:, 0]
    try:
        np.linalg.cholesky(shifted)
    except np.linalg.LinAlgError:
        convex = np.linalg.eigvalsh(shifted)[:, 0] > 0.0
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


def approximation(
    W: Floats, sigma: Floats, b: Floats, proximal: float = PROXIMAL
) -> tuple[Floats, Floats, float]:
    r"""Return Q (H, n, n), q (H, n) and a constant of the convex approximation at W.

    .. math:: \|g + A(v - w)\|^2 + \tfrac12\delta\|v - w\|^2 = \tfrac12 v'Qv + q'v + c, \qquad
              Q = 2A'A + \delta I, \quad q = 2A'g - Qw
    """
    g, A = errors_and_jacobian(W, sigma, b)
    Q = 2.0 * np.matmul(A.swapaxes(1, 2), A) + proximal * np.eye(W.shape[1])
    slope = 2.0 * np.matmul(g[:, None, :], A)[:, 0]
    Qw = np.matmul(Q, W[..., None])[..., 0]
    constant = float((g * g).sum() - (slope * W).sum() + 0.5 * (W * Qw).sum())
    return Q, slope - Qw, constant


def _require_small(n: int, H: int) -> None:
    """Refuse a program that is too large for a certificate."""
    if H != 1 or n > CERTIFIED:
        raise BadData(
            f"certify is for H = 1 and n of at most {CERTIFIED}, and this program has H = {H} and n = {n}: leave it "
            "out, or ask for a smaller program"
        )


def _require_long(plans: PlanSet) -> None:
    """Refuse a plan set whose plans are not long-only and invested, or that is mixed-integer."""
    if plans.lower.min() < 0.0:
        raise BadData(
            f"plan_set has the lower bound {plans.lower.min():.6g}; risk parity is long-only: it must be from 0"
        )
    if plans.net != (1.0, 1.0) or plans.mixed_integer or plans.gross_binds:
        raise BadData(
            "plan_set asks for net or gross exposure, or for positions, minimum sizes or lots; risk parity takes "
            "bounds, groups, cash and turnover limits"
        )


def _budgets(budgets: ArrayLike | None, n: int, H: int, cash: int | None) -> Floats:
    if cash is None:
        b = read_budgets(budgets, n)
    else:
        if n == 1 or whole("cash", cash, 0) >= n:
            raise BadData(f"cash is {cash}; it must be one of several assets, counted 0 to {n - 1}")
        given = np.ones(n) if budgets is None else finite("budgets", budgets)
        if given.ndim not in (1, 2) or given.shape[-1] != n:
            raise BadData(f"budgets have shape {given.shape}; they must be ({n},) or ({H}, {n})")
        b = np.insert(read_budgets(np.delete(given, cash, axis=-1), n - 1), cash, 0.0, axis=-1)
    if b.ndim == 2 and b.shape[0] != H:
        raise BadData(f"budgets have shape {b.shape}; they must be ({n},) or ({H}, {n})")
    return np.array(np.broadcast_to(b, (H, n)), order="C")  # a copy in the order of a broadcast lies across
