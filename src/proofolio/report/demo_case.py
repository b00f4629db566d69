"""The demo's program, from the bundled prices: which regime to believe, and what to hold, month by month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Integers
from proofolio.forecasts import RegimeFit, regime_moments, simple_returns
from proofolio.models.regime_switching.model import RegimeSwitching

__all__ = ["ASSETS", "CaseSettings", "History", "MarketCase", "market_case", "market_history"]


ASSETS = ("AAPL", "CVX", "HD", "JNJ", "JPM", "MSFT", "PG", "WMT")
REGIME_NAMES = {
    2: ("calm", "turbulent"),
    3: ("calm", "normal", "turbulent"),
    4: ("calm", "normal", "nervous", "turbulent"),
}
TRADING_DAYS = 21


@dataclass(frozen=True)
class CaseSettings:
    """The numbers of the case; rates and costs are fractions, per month where time matters.

    Attributes
    ----------
    assets : tuple of str
    periods : int
        The last months of the sample that are planned.
    risk_aversion : float
        gamma in ``gamma/2 w'Sigma w - mu'w``.
    evidence_price : float
        What it costs to assume a regime that the data give probability p is this times ln(1/p).
    least_probability : float
        p is not taken below this.
    turnover_cost, switch_cost, most : float
        Cost of a unit traded, cost of changing the regime, and the largest weight.
    shrink : float
        Days of the whole sample added to each regime's own (see `regime_moments`).
    """

    assets: tuple[str, ...] = ASSETS
    periods: int = 18
    risk_aversion: float = 5.0
    evidence_price: float = 0.02
    least_probability: float = 0.01
    turnover_cost: float = 0.001
    switch_cost: float = 0.001
    most: float = 0.35
    shrink: float = 250.0


@dataclass(frozen=True, eq=False)
class History:
    """The market month by month.

    Attributes
    ----------
    months : tuple of str
        Such as ``"2021-07"``.
    price : ndarray, shape (months,)
        The index at the end of the month.
    probability : ndarray, shape (R, months)
        Filtered probability of each regime, averaged over the days of the month.
    names : tuple of str
        Of the regimes, calmest first.
    mean, volatility : ndarray, shape (R,)
        Of the market in each regime, a year of 252 days.
    """

    months: tuple[str, ...]
    price: Floats
    probability: Floats
    names: tuple[str, ...]
    mean: Floats
    volatility: Floats


@dataclass(frozen=True, eq=False)
class MarketCase:
    """The declared program, and what its periods and assets are called.

    Attributes
    ----------
    program : RegimeSwitching
    months : tuple of str
    evidence : ndarray, shape (R, T)
        The probability each month gives each regime, as `History.probability`.
    settings : CaseSettings
    """

    program: RegimeSwitching
    months: tuple[str, ...]
    evidence: Floats
    settings: CaseSettings

    @property
    def likeliest(self) -> Integers:
        """The regime with the largest probability in each month."""
        best: Integers = self.evidence.argmax(axis=0)
        return best


def market_history(market: pd.Series, fit: RegimeFit) -> History:
    """Return the market and its regimes by month.

    Parameters
    ----------
    market : Series
        Daily prices of the index, by date.
    fit : RegimeFit
        Of its daily returns, ordered by volatility.
    """
    daily = _filtered(market, fit)
    by_month = daily.groupby(pd.DatetimeIndex(daily.index).to_period("M"))
    closes = market.groupby(pd.DatetimeIndex(market.index).to_period("M")).last()
    probability = by_month.mean()
    K = len(fit.initial)
    return History(
        tuple(str(month) for month in probability.index),
        closes.reindex(probability.index).to_numpy(dtype=float),
        probability.to_numpy(dtype=float).T,
        REGIME_NAMES.get(K, tuple(f"regime {k}" for k in range(K))),
        252 * fit.means[:, 0],
        np.sqrt(252 * fit.covariances[:, 0, 0]),
    )


def market_case(
    prices: pd.DataFrame, market: pd.Series, fit: RegimeFit, settings: CaseSettings | None = None
) -> MarketCase:
    r"""Return the program that plans the last months of the sample.

    In month t regime r costs

    .. math::
        f_{r,t}(w) = \tfrac{\gamma}{2} w'\Sigma_{r,t} w - \mu_{r,t}'w + \lambda \ln(1/p_{r,t})

    with the moments of the stocks over the earlier days of that regime, and p the month's filtered
    probability; the regimes themselves are those of a model of the whole sample. So the program picks
    the regimes and the weights together: it may disbelieve the
    data where that saves a trade, and pays for it.

    Parameters
    ----------
    prices : DataFrame
        Daily prices of the stocks, by date.
    market : Series
        Daily prices of the index, on the same days.
    fit : RegimeFit
    settings : CaseSettings, optional
    """
    chosen = settings or CaseSettings()
    returns = simple_returns(prices[list(chosen.assets)])
    daily = _filtered(market, fit).reindex(returns.index)
    month = pd.DatetimeIndex(returns.index).to_period("M")
    months = month.unique()[-chosen.periods :]
    R, T, n = daily.shape[1], len(months), len(chosen.assets)
    Q, c, evidence = np.empty((R, T, n, n)), np.empty((R, T, n)), np.empty((R, T))
    for t, this in enumerate(months):
        before = np.asarray(month < this)
        mean, covariance = regime_moments(
            returns[before].to_numpy(), daily[before].to_numpy(), shrink=chosen.shrink
        )
        Q[:, t] = chosen.risk_aversion / 2.0 * TRADING_DAYS * covariance
        c[:, t] = -TRADING_DAYS * mean
        evidence[:, t] = daily[np.asarray(month == this)].mean().to_numpy()
    doubt = -np.log(np.maximum(evidence, chosen.least_probability))
    program = RegimeSwitching(
        Q,
        c,
        chosen.evidence_price * doubt,
        upper=chosen.most,
        turnover_cost=chosen.turnover_cost,
        switch_cost=chosen.switch_cost,
        initial=np.full(n, 1.0 / n),
    )
    return MarketCase(program, tuple(str(m) for m in months), evidence, chosen)


def _filtered(market: pd.Series, fit: RegimeFit) -> pd.DataFrame:
    returns = simple_returns(market)
    return pd.DataFrame(fit.filtered_probabilities(returns), index=returns.index)
