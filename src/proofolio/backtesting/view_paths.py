r"""Portfolios that follow a view on two assets, many of them beside each other, week after week.

One view on :math:`p = e_a - e_b` of share c has the posterior of `proofolio.forecasts.views.formulas` in closed form,

.. math::
    \mu = \pi + c\, x (v - p'\pi) / p'x, \qquad S = (1 + \tau)\Sigma - c \tau\, x x' / p'x, \qquad x = \Sigma p,

and so have both opposite views at once: with :math:`k = c / (1 - c)` they are one view of share
:math:`(k_1 + k_2) / (1 + k_1 + k_2)` and value :math:`v (k_1 - k_2) / (k_1 + k_2)`. So the plans of a week
are one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.models.portfolio.mean_variance import MeanVariance

__all__ = ["Followed", "WeeklyMarket", "both_at_once", "follow", "held"]

# A rule's confidence below or above which k = c / (1 - c) is as good as 0 or infinite.
EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class WeeklyMarket:
    """What the plans of D decisions know, and what came after each.

    Attributes
    ----------
    Sigma : (D, n, n) array
        Covariance per week, from the days before the decision.
    prior : (D, n) array
        ``delta Sigma w``, per week.
    market : (D, n) array
        Weights of the market at the decision.
    returns : (D, n) array
        Of the assets from this decision to the next: known only then.
    half_spread, power_impact : (n,) arrays
        Costs of a trade, ``a |u| + k |u|^1.5`` of the portfolio's value.
    gamma_risk, gamma_trade, tau : float
    horizon : int
        Weeks that plans look ahead, with the same forecast for each.
    """

    Sigma: Floats
    prior: Floats
    market: Floats
    returns: Floats
    half_spread: Floats
    power_impact: Floats
    gamma_risk: float
    gamma_trade: float
    tau: float
    horizon: int = 1


@dataclass(frozen=True, eq=False)
class Followed:
    """B portfolios over W weeks.

    Attributes
    ----------
    net, cost, turnover : (B, W) arrays
        Return after costs, costs, and what was traded, fractions of the value.
    gap : (B, W) array
        Proven relative gap of each plan.
    unproved : (B, W) booleans
        Plans that were not proved optimal within the tolerance.
    """

    net: Floats
    cost: Floats
    turnover: Floats
    gap: Floats
    unproved: Mask


def both_at_once(up: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return share, and value in units of v, of the one view that equals both opposite ones at these confidences."""
    k = [np.clip(c, EDGE, 1.0 - EDGE) / (1.0 - np.clip(c, EDGE, 1.0 - EDGE)) for c in (up, down)]
    total = k[0] + k[1]
    return np.asarray(total / (1.0 + total)), np.asarray((k[0] - k[1]) / total)


def follow(
    market: WeeklyMarket,
    pairs: Integers,
    starts: Integers,
    share: Floats,
    value: Floats,
    tolerance: float = 1e-6,
) -> Followed:
    """Return what B portfolios earn that begin with the market's weights and follow a view each.

    Parameters
    ----------
    market : WeeklyMarket
    pairs : (B, 2) integers
        The assets a and b of each view on ``r_a - r_b``.
    starts : (B,) integers
        First decision of each.
    share, value : (B, W) arrays
        Confidence in the view, and v per week.
    tolerance : float
        Of the proven relative gap of each plan.
    """
    B, W = share.shape
    n = market.prior.shape[1]
    batch = MeanVariance(
        n,
        market.horizon,
        market.gamma_risk,
        market.gamma_trade,
        half_spread=market.half_spread,
        power_impact=market.power_impact,
    ).batch(tolerance=tolerance)
    each = np.arange(B)
    w = market.market[starts]
    net, cost, turnover, gap = (np.empty((B, W)) for _ in range(4))
    unproved = np.empty((B, W), dtype=np.bool_)
    for t in range(W):
        at = starts + t
        Sigma, prior, later = market.Sigma[at], market.prior[at], market.returns[at]
        x = Sigma[each, :, pairs[:, 0]] - Sigma[each, :, pairs[:, 1]]
        variance = x[each, pairs[:, 0]] - x[each, pairs[:, 1]]
        away = value[:, t] - (prior[each, pairs[:, 0]] - prior[each, pairs[:, 1]])
        mean = prior + (share[:, t] * away / variance)[:, None] * x
        known = (share[:, t] * market.tau / variance)[:, None, None] * (x[:, :, None] * x[:, None, :])
        covariance = (1.0 + market.tau) * Sigma - known
        plan = batch.solve(
            np.repeat(mean[:, None], market.horizon, axis=1),
            np.repeat(covariance[:, None], market.horizon, axis=1),
            w,
        )
        chosen = plan.W[:, 0]
        traded = np.abs(chosen - w)
        cost[:, t] = traded @ market.half_spread + traded**1.5 @ market.power_impact
        turnover[:, t], gap[:, t], unproved[:, t] = traded.sum(axis=1), plan.gap_relative, ~plan.ok
        grown = chosen * (1.0 + later)
        net[:, t] = (1.0 - cost[:, t]) * grown.sum(axis=1) - 1.0
        w = grown / grown.sum(axis=1, keepdims=True)
    return Followed(net, cost, turnover, gap, unproved)


def held(market: WeeklyMarket, starts: Integers, weeks: int) -> Floats:
    """Return (B, W) returns of the market's weights at the start of each window, held without a trade."""
    rows = starts[:, None] + np.arange(weeks)
    worth = np.cumprod(1.0 + market.returns[rows], axis=1)
    total = np.einsum("btn,bn->bt", worth, market.market[starts])
    return np.asarray(total / np.hstack([np.ones((len(starts), 1)), total[:, :-1]]) - 1.0)
