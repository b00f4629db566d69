"""Instances of the regime-switching program: random ones, and one from real prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from proofolio.errors import BadData
from proofolio.forecasts import fit_regimes, regime_moments, simple_returns
from proofolio.forecasts.tables import require_full_rows
from proofolio.formulations.costs import MaxTerm
from proofolio.models.regime_switching.model import RegimeSwitching
from proofolio.progress import Progress

__all__ = ["market_instance", "published_maxima", "random_instance"]


def published_maxima(n: int, a: float = 0.1, b: float = 0.1, regime: int = 2) -> tuple[MaxTerm, MaxTerm]:
    """Return the published case's terms ``+ max(W[0,t], -a) - max(-W[1,t], -b)`` on one regime."""
    if n < 2:
        raise BadData(f"n is {n}; the published terms speak of assets 0 and 1")
    first, second = np.eye(n)[0], np.eye(n)[1]
    return MaxTerm(regime, +1, first, 0.0, -a), MaxTerm(regime, -1, -second, 0.0, -b)


def random_instance(
    n: int,
    T: int,
    R: int,
    seed: int = 0,
    *,
    varying: bool = False,
    coupled: bool = False,
    kappa: float = 0.05,
    sigma: float = 0.05,
    **changes: Any,
) -> RegimeSwitching:
    r"""Return a random instance: :math:`Q_r = A A'/n` with standard normal A, :math:`c_r` half standard normal.

    Regime 2 carries the published max terms with a = b = 0.1 when there are three regimes or more.

    Parameters
    ----------
    n, T, R : int
        Assets, periods, regimes.
    seed : int
        For ``numpy.random.default_rng``.
    varying : bool
        Add 0.3 standard normal numbers to c in every period (from ``default_rng(1)``).
    coupled : bool
        Add the L1 turnover cost kappa, the cost sigma per switch, and first holdings 1/n.
    **changes
        Passed on to `RegimeSwitching`.
    """
    rng = np.random.default_rng(seed)
    Q, c = np.empty((R, n, n)), np.empty((R, n))
    for r in range(R):
        A = rng.standard_normal((n, n))
        Q[r] = A @ A.T / n
        c[r] = 0.5 * rng.standard_normal(n)
    Q = (Q + np.swapaxes(Q, 1, 2)) / 2.0
    slope = c[:, None, :] + 0.3 * np.random.default_rng(1).standard_normal((R, T, n)) if varying else c
    options: dict[str, Any] = {"maxima": published_maxima(n) if R >= 3 and n >= 2 else ()}
    if coupled:
        options |= {"turnover_cost": kappa, "switch_cost": sigma, "initial": np.full(n, 1.0 / n)}
    return RegimeSwitching(Q, slope, periods=T, **(options | changes))


def market_instance(
    prices: pd.DataFrame,
    R: int = 3,
    T: int = 12,
    gamma: float = 5.0,
    *,
    market: pd.Series | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> RegimeSwitching:
    r"""Return an instance from prices: :math:`Q_r = \gamma \Sigma_r`, :math:`c_r = -\mu_r`, per period of the prices.

    The regimes are those of a Gaussian hidden Markov model of the market series, ordered from the highest mean return;
    the moments of every asset are taken over the days of each regime.

    Parameters
    ----------
    prices : DataFrame
        Wide, one column an asset.
    R, T : int
        Regimes and periods.
    gamma : float
        Risk aversion.
    market : Series, optional
        Prices of the market; the equally weighted average of the assets' returns when left out.
    seed : int
        Of the regime fit.
    time_limit, progress : optional
        Of the regime fit, as in `fit_regimes`: eight regimes on thirty years of days take half a minute.
        The first fit in a process also imports hmmlearn, for a second or two, which no limit can cut short.
    **changes
        Passed on to `RegimeSwitching`.
    """
    if gamma <= 0:
        raise BadData(f"gamma is {gamma}; risk aversion must be positive")
    require_full_rows(prices, "the prices")
    returns = simple_returns(prices)
    driver = returns.mean(axis=1) if market is None else market.pct_change().reindex(returns.index).dropna()
    fit = fit_regimes(
        driver.to_numpy()[:, None], R, order_by="mean", seed=seed, time_limit=time_limit, progress=progress
    )
    labels = fit.labels(driver.to_numpy()[:, None])
    mean, covariance = regime_moments(returns.loc[driver.index].to_numpy(), labels)
    return RegimeSwitching(gamma * covariance, -mean, periods=T, **changes)
