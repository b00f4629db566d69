r"""The published five-asset example, as far as it is known, and the strategies it is compared with.

The source (HFThot Lab, "Adaptive portfolio construction and execution") prints mean lengths, a stationary distribution
and results, and no covariance. The generator here is the one with :math:`-1/g_{ii} = 5` years in each regime and the
stationary distribution 2/7, 3/7, 2/7 that treats bull and risk-off alike. **Drifts and covariances are assumed**: every
figure depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.regime_control import RegimeControl

__all__ = [
    "ASSETS",
    "COSTS",
    "EqualWeights",
    "Jump",
    "Scaled",
    "Static",
    "published_chain",
    "published_control",
]


ASSETS = ("equity", "tech", "gold", "bonds", "bitcoin")
REGIMES = ("bull", "range", "risk-off")
COSTS = np.array([2.0, 2.0, 2.0, 1.0, 5.0]) * 1e-4  # of what is traded, a side
GENERATOR = ((-0.20, 0.15, 0.05), (0.10, -0.20, 0.10), (0.05, 0.15, -0.20))  # a year
# Assumed: expected excess returns a year; bull, range, risk-off.
DRIFTS = (
    (0.10, 0.14, 0.01, 0.01, 0.45),
    (0.03, 0.03, 0.02, 0.02, 0.05),
    (-0.12, -0.17, 0.06, 0.05, -0.45),
)
# Assumed: volatilities a year, and correlations of pairs in the order of the assets.
VOLATILITIES = (
    (0.12, 0.17, 0.14, 0.09, 0.55),
    (0.17, 0.22, 0.15, 0.11, 0.70),
    (0.30, 0.36, 0.20, 0.15, 0.95),
)
CORRELATIONS = (
    (0.80, 0.05, -0.10, 0.20, 0.05, -0.10, 0.25, 0.20, 0.10, 0.00),
    (0.85, 0.05, -0.05, 0.25, 0.05, -0.05, 0.30, 0.20, 0.10, 0.00),
    (0.90, -0.10, -0.30, 0.45, -0.10, -0.30, 0.50, 0.30, 0.00, -0.10),
)


def published_chain(speed: float = 1.0) -> RegimeChain:
    """Return the chain, with all rates times `speed`."""
    return RegimeChain(np.array(GENERATOR) * speed, REGIMES)


def published_control(*, eta: float = 0.1, speed: float = 1.0, **options: Any) -> RegimeControl:
    """Return the control: gamma 3, Lambda the mean covariance; options as for `RegimeControl`."""
    i, j = np.triu_indices(len(ASSETS), 1)
    Sigma = np.empty((len(REGIMES), len(ASSETS), len(ASSETS)))
    for regime, (volatility, pairs) in enumerate(zip(VOLATILITIES, CORRELATIONS, strict=True)):
        correlation = np.eye(len(ASSETS))
        correlation[i, j] = correlation[j, i] = pairs
        Sigma[regime] = np.outer(volatility, volatility) * correlation
    return RegimeControl(published_chain(speed), np.array(DRIFTS), Sigma, eta=eta, **options)


@dataclass(frozen=True, eq=False)
class Jump:
    """Mean-variance positions of the present regime, or of a filter's mixture, reached at once."""

    control: RegimeControl

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        z = np.asarray(z)
        alpha, Sigma = self.control.alpha, self.control.Sigma
        if z.dtype.kind in "iu":
            best = np.linalg.solve(self.control.gamma * Sigma, alpha[..., None])[..., 0][z]
        else:
            best = np.linalg.solve(self.control.gamma * np.tensordot(z, Sigma, 1), (z @ alpha)[..., None])[
                ..., 0
            ]
        return np.asarray(best - theta)


@dataclass(frozen=True, eq=False)
class Static:
    """Mean-variance positions of the long-run mean and covariance, rebalanced every so many years."""

    control: RegimeControl
    every: float = 0.0

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        shares = self.control.chain.stationary
        alpha = shares @ self.control.alpha
        Sigma = np.tensordot(shares, self.control.Sigma, 1)
        if not _due(t, self.every):
            return np.zeros_like(theta)
        return np.asarray(np.linalg.solve(self.control.gamma * Sigma, alpha) - theta)


@dataclass(frozen=True, eq=False)
class EqualWeights:
    """The same share of every asset, rebalanced every step."""

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        return np.asarray(1.0 / theta.shape[-1] - theta)


@dataclass(frozen=True, eq=False)
class Scaled:
    """Another policy's positions, scaled down to a gross exposure where they are above it.

    The other policy is asked from the scaled positions, as they are what is held.
    """

    policy: Any
    gross: float = 1.0

    def at(self, steps_per_year: float) -> Scaled:
        """Return it with other steps."""
        inner = self.policy.at(steps_per_year) if hasattr(self.policy, "at") else self.policy
        return Scaled(inner, self.gross)

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        wanted = theta + self.policy.trade(theta, z, t)
        size = np.abs(wanted).sum(-1, keepdims=True)
        return np.asarray(wanted * np.minimum(1.0, self.gross / np.maximum(size, self.gross)) - theta)


def _due(t: float, every: float) -> bool:
    """Return whether a rebalancing falls on the step at t: the first at 0."""
    if every <= 0.0:
        return True
    return abs(t / every - round(t / every)) < 1e-6
