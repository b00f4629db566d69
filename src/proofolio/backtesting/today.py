"""One decision, after the last close there is, with what led to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats
from proofolio.backtesting.costs import Costs, costs_of, terms_of
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import PERIODS_PER_YEAR, Market, market_of
from proofolio.backtesting.policy import Strategy, begun
from proofolio.backtesting.strategies import RiskParityControl, strategies_of
from proofolio.errors import BadData, SolverFailure
from proofolio.forecasts.forecast import Forecast
from proofolio.models.portfolio.risk_budgeting import risk_contributions

__all__ = ["Today", "trades_today"]


# Less than a hundredth of a basis point is rounding of the solver's, not a trade.
NO_TRADE = 1e-6


@dataclass(frozen=True, eq=False)
class Today:
    """Holdings, what a strategy wants instead, and why; arrays by asset.

    Attributes
    ----------
    date : str
        Of the last close known.
    strategy : str
    names : tuple of str
    driving : tuple of str
        Assets the regimes are read from.
    value : float
        Sum of the amounts held, in their unit.
    held, wanted, trade, costs : (n,) arrays
        Fractions of the portfolio.
    forecast : Forecast or None
    proved : bool
        See `proofolio.backtesting.policy.Decision`.
    """

    date: str
    strategy: str
    names: tuple[str, ...]
    driving: tuple[str, ...]
    value: float
    held: Floats
    wanted: Floats
    trade: Floats
    costs: Floats
    forecast: Forecast | None
    proved: bool

    @property
    def traded(self) -> bool:
        """Whether anything is traded."""
        return bool(np.abs(self.trade).max() > NO_TRADE)

    def reasons(self) -> list[str]:
        """Return why, in sentences: regime, forecast, cost."""
        lines = [
            f"After the close of {self.date}, {self.strategy} "
            + ("trades:" if self.traded else "trades nothing:")
        ]
        known = self.forecast
        if known is not None and known.probabilities is not None:
            q = known.probabilities[0]
            k = int(q.argmax())
            ahead = known.probabilities[-1][k]
            kind = " (the calmest)" if k == 0 else " (the wildest)" if k == len(q) - 1 else ""
            lines.append(
                f"  regime    {k + 1} of {len(q)}{kind}, read from {', '.join(self.driving)}: probability {q[k]:.3f} "
                f"today, {ahead:.3f} in {len(known.probabilities) - 1} days"
            )
        if known is not None:
            before, after = (self._expected(w) for w in (self.held, self.wanted))
            lines.append(
                f"  forecast  {before[0]:+.1%} a year at {before[1]:.1%} volatility as held, {after[0]:+.1%} at "
                f"{after[1]:.1%} after the trade"
            )
        lines.append(
            f"  cost      {1e4 * self.costs.sum():.2f} bp of the portfolio ({self.value * self.costs.sum():,.2f}) for "
            f"trading {np.abs(self.trade).sum():.2%} of it"
        )
        return lines

    def _expected(self, weights: Floats) -> tuple[float, float]:
        """Return return and volatility of weights under tomorrow's forecast, a year."""
        assert self.forecast is not None
        variance = float(weights @ self.forecast.covariance[0] @ weights)
        return (
            float(self.forecast.mean[0] @ weights) * PERIODS_PER_YEAR,
            math.sqrt(variance * PERIODS_PER_YEAR),
        )

    def rows(self) -> list[list[str]]:
        """Return a row of text an asset."""
        known = self.forecast
        share = None if known is None else risk_contributions(self.wanted, known.covariance[0])
        rows = []
        for i, name in enumerate(self.names):
            small = abs(self.trade[i]) <= NO_TRADE
            rows.append(
                [
                    name,
                    f"{self.held[i]:.2%}",
                    f"{self.wanted[i]:.2%}",
                    "" if small else f"{self.trade[i]:+.2%}",
                    "" if small else f"{self.value * self.trade[i]:+,.2f}",
                    "" if known is None else f"{known.mean[0, i] * PERIODS_PER_YEAR:+.1%}",
                    "" if known is None else f"{math.sqrt(known.covariance[0, i, i] * PERIODS_PER_YEAR):.1%}",
                    "" if share is None else f"{share[i]:.1%}",
                    "" if small else f"{1e4 * self.costs[i]:.2f} bp",
                ]
            )
        return rows

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        known = self.forecast
        return {
            "date": self.date,
            "strategy": self.strategy,
            "value": self.value,
            "proved": self.proved,
            "regime": None
            if known is None or known.probabilities is None
            else {
                "probabilities": known.probabilities.tolist(),
                "believed": known.regime,
                "read_from": list(self.driving),
            },
            "turnover": float(np.abs(self.trade).sum()),
            "cost": float(self.costs.sum()),
            "trades": {
                name: {
                    "held": self.held[i],
                    "wanted": self.wanted[i],
                    "trade": self.trade[i],
                    "amount": self.value * self.trade[i],
                    "cost": self.costs[i],
                    "forecast_mean": None if known is None else known.mean[:, i].tolist(),
                    "forecast_volatility": None
                    if known is None
                    else np.sqrt(known.covariance[:, i, i]).tolist(),
                }
                for i, name in enumerate(self.names)
            },
        }


def trades_today(
    prices: Market | pd.DataFrame,
    holdings: Mapping[str, float] | pd.Series,
    strategy: Strategy | str = "mpo",
    plan: ForecastPlan | None = None,
    costs: Costs | float = 0.001,
    *,
    risk_free: str | float = 0.0,
    **forecasts: Any,
) -> Today:
    """Return what a strategy trades after the last close of a table of prices, and why.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    holdings : mapping or Series
        Amounts held by asset, in one unit (weights, or money), not all 0; assets left out are not held.
    strategy : Strategy or str
        A name as for `backtest`.
    plan : ForecastPlan, optional
        All options of the forecasts.
    costs : Costs or float
        A number is a rate of what is traded: 0.001 is 10 basis points.
    risk_free : str or float
        A column of daily rates, or a yearly rate.
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    Today

    Raises
    ------
    BadData
        When the history is shorter than the forecasts' window, or holdings name an asset without prices.
    SolverFailure
        When the strategy has no answer.

    Examples
    --------
    >>> import proofolio as pf
    >>> prices = pf.load_prices().loc["2021":, ["KO", "XOM", "JPM"]]
    >>> today = pf.trades_today(prices, {"KO": 6000.0, "JPM": 4000.0}, "erc-no-hmm", window=250)
    >>> dict(zip(today.names, today.trade.round(3).tolist()))
    {'KO': -0.151, 'XOM': 0.27, 'JPM': -0.119}
    >>> print(today.reasons()[0])
    After the close of 2022-12-28, erc-no-hmm trades:
    """
    market, costs = market_of(prices, risk_free), costs_of(costs)
    named = strategies_of([strategy], market.names)
    if len(named) != 1:
        raise BadData(
            f"strategy is {strategy!r}, which is {len(named)} strategies; name the one to trade by."
        )
    strategy = named[0]
    if isinstance(strategy, RiskParityControl):
        strategy = replace(strategy, starts="all")  # one step may take longer than a day of a backtest
    plan = ForecastPlan.for_market(market, **forecasts) if plan is None else plan
    amounts = {str(name): float(amount) for name, amount in dict(holdings).items()}
    for name, amount in amounts.items():
        market.column(name)
        if not 0.0 <= amount < math.inf:  # NaN fails too
            raise BadData(f"the amount of {name!r} is {amount:g}; give a finite one, 0 or more.")
    if not sum(amounts.values()) > 0.0:
        raise BadData("nothing is held; give one amount above 0.")
    held = np.array([amounts.get(name, 0.0) for name in market.names])
    value = float(held.sum())
    held = held / value
    last = len(market.dates) - 1
    with threadpool_limits(1):  # as in the backtest: the last digits depend on the number of threads
        forecast = None
        if strategy.needs != "nothing":
            plan.require_regimes(market, strategy.needs)
            forecaster = plan.forecaster(strategy.needs, strategy.horizon)
            forecast = forecaster.fit(market.returns).predict()
        policy = begun(strategy, market, last)
        try:
            wanted, proved = policy.decide(last, market.returns[last].copy(), forecast, held.copy())
        except SolverFailure:
            if (
                forecast is None
                or not (still := np.flatnonzero(np.diagonal(forecast.covariance[0]) <= 0.0)).size
            ):
                raise
            names = ", ".join(market.names[i] for i in still)
            raise BadData(
                f"{names} did not move in the days {strategy.name} decides on, up to {market.dates[last]}, and without "
                "variance there is no share of risk; leave it out, or use a longer --window."
            ) from None
    wanted = wanted / wanted.sum()
    trade = wanted - held
    return Today(
        date=str(market.dates[last]),
        strategy=strategy.name,
        names=market.names,
        driving=tuple(market.names[i] for i in plan.driving),
        value=value,
        held=held,
        wanted=wanted,
        trade=trade,
        costs=terms_of(costs, market.returns, trade, value).each(trade),
        forecast=forecast,
        proved=proved,
    )
