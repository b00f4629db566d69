r"""What a step of the mean-variance MPC answers, and the certificate that says how good it is.

With :math:`f(W) = \sum_t \gamma w_t'\Sigma_t w_t - \mu_t'w_t + \sum_i c_i |u_{t,i}|`, trades
:math:`u_t = w_t - w_{t-1}`, any multipliers :math:`|s_{t,i}| \le c_i + \lambda_t` of the trades,
:math:`\lambda_t \ge 0` of the limits :math:`\|u_t\|_1 \le L_t` and y of the groups :math:`a \le Gw_t \le b`, and
any W, convexity gives for **every** feasible V

.. math::
    f(V) \ge \sum_t \Bigl(-\gamma w_t'\Sigma_t w_t - \lambda_t L_t - h(y_t)
    + \min_{1'v = 1,\ \ell_t \le v \le u_t} g_t'v\Bigr) - s_1'w_0, \qquad
    g_t = 2\gamma\Sigma_t w_t - \mu_t + s_t - s_{t+1} + G'y_t

(h supports the interval [a, b]). The minimum is a knapsack, solved exactly. So the gap between f(W) and the
right-hand side, zero exactly where the KKT conditions of the original problem hold, needs no solver's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats, Mask

__all__ = ["Kkt", "MpcStep", "Multipliers", "Rules", "measure", "objective_size", "settle"]


FEASIBLE = 1e-8
NEARLY_ZERO = 1e-3


@dataclass(frozen=True)
class Kkt:
    """KKT residuals of the original problem, from its data; all zero exactly at an optimum.

    The multipliers of bounds and budget are those that the gradient asks for, so that stationarity holds by
    construction, and what is left of the conditions is feasibility and complementarity.

    Attributes
    ----------
    violation : float
        The largest amount by which a weight, the budget, a group or the turnover limit is missed.
    gap : float
        The sum of all complementarity products, of bounds, trades, groups and limits: how much better than W
        any feasible point can be at most.
    gap_relative : float
        Of the objective's size, or of a thousandth of its largest coefficient where that is more: an objective
        that is zero, or nearly, has no relative error of its own.
    """

    violation: float
    gap: float
    gap_relative: float


@dataclass(frozen=True, eq=False)
class MpcStep:
    """The plan of one step; its first row is to be traded into.

    Attributes
    ----------
    W : ndarray, shape (H, n)
    objective : float
        Of the plan, as declared (to be maximised), recomputed from the data.
    residuals : Kkt
    seconds : float
        Wall time of the whole step: updating, solving, checking.
    solver : str
        Who answered.
    ok : bool
        Whether the plan is feasible to 1e-8 and proved optimal within the tolerance. When it is not, W is the
        best that was found, and no more is claimed.
    """

    W: Floats
    objective: float
    residuals: Kkt
    seconds: float
    solver: str
    ok: bool


class Multipliers(NamedTuple):
    """What a solver says of the trades, shape (H, n), the turnover limits (H,) and the groups (H, groups)."""

    s: Floats
    limit: Floats | None = None
    groups: Floats | None = None


class Rules(NamedTuple):
    """The rules of a plan as arrays.

    Attributes
    ----------
    lower, upper : ndarray, shape (H, n)
    cost : ndarray, shape (n,)
        Of the size of each trade.
    counted : ndarray of bool, shape (n,)
        Whose trades count against the turnover limit.
    turnover_limit : ndarray, shape (H,), or None
        None where there is none.
    groups : ndarray, shape (groups, n), or None
    group_lower, group_upper : ndarray, shape (groups,)
    simplex : bool
        Whether the bounds say no more than that no weight is negative.
    dearest : float
        The largest cost.
    """

    lower: Floats
    upper: Floats
    cost: Floats
    counted: Mask
    turnover_limit: Floats | None
    groups: Floats | None
    group_lower: Floats
    group_upper: Floats
    simplex: bool
    dearest: float


class Measured(NamedTuple):
    """The minimised objective and the residuals."""

    value: float
    kkt: Kkt


def settle(W: Floats, rules: Rules) -> Floats:
    """Return weights moved into their bounds and onto the budget, where rounding or a solver left them beside."""
    if rules.simplex:
        inside = np.maximum(W, 0.0)
        inside /= inside.sum(axis=1, keepdims=True)
        return inside
    inside = np.clip(W, rules.lower, rules.upper)
    missing = 1.0 - inside.sum(axis=1, keepdims=True)
    room = np.where(missing > 0.0, rules.upper - inside, inside - rules.lower)
    total = room.sum(axis=1, keepdims=True)
    settled: Floats = inside + missing * room / np.where(total > 0.0, total, 1.0)
    return settled


def objective_size(rules: Rules, mean: Floats, covariance: Floats, gamma: float) -> float:
    """Return the largest coefficient of the objective, where the budget makes only differences of means count."""
    # the largest entry of a semidefinite matrix stands on its diagonal
    curved = 2.0 * gamma * float(covariance.max())
    return max(float(mean.max()) - float(mean.min()), curved, rules.dearest, 1e-300)


def measure(
    rules: Rules,
    mean: Floats,
    covariance: Floats,
    gamma: float,
    w0: Floats,
    W: Floats,
    multipliers: Multipliers,
    size: float,
) -> Measured:
    """Evaluate a plan and prove how far from optimal it can be; `size` is that of `objective_size`."""
    u = np.empty_like(W)
    u[0] = W[0] - w0
    np.subtract(W[1:], W[:-1], out=u[1:])
    amount = np.abs(u)
    risk_gradient = np.matmul(covariance, W[:, :, None])[:, :, 0]
    risk_gradient *= 2.0 * gamma
    risk = 0.5 * float(np.vdot(risk_gradient, W))
    earned = float(np.vdot(mean, W))
    traded = float((amount @ rules.cost).sum())
    value = risk - earned + traded

    most: Floats = rules.cost
    proved = -risk
    if rules.turnover_limit is not None and multipliers.limit is not None:
        price = np.where(np.isfinite(rules.turnover_limit), np.maximum(multipliers.limit, 0.0), 0.0)
        most = rules.cost + price[:, None] * rules.counted
        proved -= float((price * np.where(price > 0.0, rules.turnover_limit, 0.0)).sum())
    s = np.minimum(np.maximum(multipliers.s, -most), most)
    g = risk_gradient
    g -= mean
    g += s
    g[:-1] -= s[1:]
    proved -= float(s[0] @ w0)
    if rules.groups is not None and multipliers.groups is not None:
        y, support = _supported(multipliers.groups, rules.group_lower, rules.group_upper)
        g += y @ rules.groups
        proved -= support
    proved += float(g.min(axis=1).sum()) if rules.simplex else _knapsack(g, rules.lower, rules.upper)
    gap = value - proved
    relative = gap / max(abs(value), NEARLY_ZERO * size)
    return Measured(value, Kkt(_violation(rules, W, amount), gap, abs(relative)))


def _violation(rules: Rules, W: Floats, amount: Floats) -> float:
    budget = float(np.abs(W.sum(axis=1) - 1.0).max())
    if rules.simplex:
        worst = max(budget, -float(W.min()))
    else:
        worst = max(budget, float((rules.lower - W).max()), float((W - rules.upper).max()))
    if rules.turnover_limit is not None:
        worst = max(worst, float((amount @ rules.counted - rules.turnover_limit).max()))
    if rules.groups is not None:
        held = W @ rules.groups.T
        worst = max(worst, float((rules.group_lower - held).max()), float((held - rules.group_upper).max()))
    return max(worst, 0.0)


def _supported(y: Floats, low: Floats, high: Floats) -> tuple[Floats, float]:
    """Return multipliers of intervals without those of infinite sides, and the support function at them."""
    limit = np.where(y > 0.0, high, low)
    finite = np.isfinite(limit)
    kept = np.where(finite, y, 0.0)
    return kept, float((kept * np.where(finite, limit, 0.0)).sum())


def _knapsack(g: Floats, lower: Floats, upper: Floats) -> float:
    """Return the sum over rows of min g'v over 1'v = 1 and the bounds: the cheapest assets are filled up first."""
    order = np.argsort(g, axis=1)
    room = np.take_along_axis(upper - lower, order, axis=1)
    left = 1.0 - lower.sum(axis=1, keepdims=True)
    put = np.clip(left - (np.cumsum(room, axis=1) - room), 0.0, room)
    return float((np.take_along_axis(g, order, axis=1) * put).sum() + (g * lower).sum())
