"""The daily loop: drift, decide, trade, pay.

On which days a portfolio is traded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Mask
from proofolio.backtesting.costs import Costs, costs_of
from proofolio.backtesting.forecasts import ForecastBook
from proofolio.backtesting.market import Dates, Market, market_of
from proofolio.backtesting.metrics import Metrics, measure
from proofolio.backtesting.strategy import Strategy
from proofolio.backtesting.tasks import Progress
from proofolio.errors import BadData, SolverFailure
from proofolio.forecasts.calendars import DAILY

__all__ = ["Rebalance", "Simulation", "simulate", "trading_days"]


Rebalance = Literal["daily", "weekly", "monthly"]


def trading_days(dates: Dates, rebalance: Rebalance) -> Mask:
    """Return for each date whether a trade is made at its close.

    Weekly and monthly trades are made on the first date of a week (Monday to Sunday) or month: whether a date is
    the last of its week only the next one tells, and that one is in the future.

    Examples
    --------
    >>> days = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-04"], dtype="datetime64[D]")
    >>> trading_days(days, "monthly").tolist()
    [False, False, True, False]
    """
    if rebalance not in get_args(Rebalance):
        raise BadData(f"rebalance is {rebalance!r}; choose daily, weekly or monthly.")
    days = dates.astype("datetime64[D]")
    if rebalance == "daily":
        return np.ones(len(days), dtype=np.bool_)
    if rebalance == "weekly":
        number = (days.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday
    else:
        number = days.astype("datetime64[M]").astype(np.int64)
    first = np.zeros(len(days), dtype=np.bool_)
    first[1:] = number[1:] != number[:-1]
    return first


BUDGET_TOLERANCE = 1e-6  # weights that add up to 1 within this are scaled to do so exactly


@dataclass(frozen=True, eq=False)
class Simulation:
    """What one strategy did on D days; day d is row ``start + d`` of the market.

    Attributes
    ----------
    name : str
    start : int
    dates : (D,) array of datetime64[D]
    weights : (D, n) array
        Held during day d, after the trade at the close before it.
    trades : (D, n) array
        That trade, as fractions of the portfolio.
    costs : (D,) array
        Its cost, likewise.
    gross : (D,) array
        ``weights[d] @ r_d``.
    risk_free : (D,) array
    unanswered : (D,) booleans
        Closes at which the strategy had no answer and kept its holdings.
    unproved : (D,) booleans
        Closes at which what was traded was not proved to be the best; see `Decision`.
    collapsed : (D,) booleans
        Closes at which the forecast used had a collapsed regime; see `Forecast`.
    seconds : float
    periods_per_year : float
        Of the market's calendar.
    """

    name: str
    start: int
    dates: Dates
    weights: Floats
    trades: Floats
    costs: Floats
    gross: Floats
    risk_free: Floats
    unanswered: Mask
    unproved: Mask
    collapsed: Mask
    seconds: float
    periods_per_year: float = DAILY.periods_per_year

    @property
    def returns(self) -> Floats:
        """Daily returns after costs, ``(1 - c_d)(1 + gross_d) - 1``."""
        return (1.0 - self.costs) * (1.0 + self.gross) - 1.0

    @property
    def wealth(self) -> Floats:
        """(D + 1,) closing values; 1 before the first trade."""
        return np.concatenate([[1.0], np.cumprod(1.0 + self.returns)])

    @property
    def metrics(self) -> Metrics:
        """Figures of the whole span."""
        return self.within(0, len(self.dates))

    def within(self, first: int, stop: int) -> Metrics:
        """Return the figures of days ``first`` to ``stop - 1``."""
        days = slice(first, stop)
        return measure(
            self.returns[days],
            self.risk_free[days],
            self.trades[days],
            self.costs[days],
            self.dates[days],
            self.periods_per_year,
        )


def simulate(
    market: Market | pd.DataFrame,
    strategy: Strategy,
    costs: Costs | float = 0.001,
    *,
    start: int | str = 1,
    stop: int | str | None = None,
    forecasts: ForecastBook | None = None,
    rebalance: Rebalance = "daily",
    holdings: Floats | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Simulate one strategy day by day: drift, decide, trade, pay.

    At each close the strategy is given this day's returns, the forecast made after them and its drifted
    holdings ``h``, and decides on weights ``w``. The trade is ``u = w - h``; it costs ``c(u)`` of the portfolio, and
    what remains earns the next day's returns:

        V[t+1] = V[t] (1 - c(u_t)) (1 + w_t' r[t+1]),    h[t+1] = w_t (1 + r[t+1]) / (1 + w_t' r[t+1])

    The first trade is made on the first day whatever `rebalance` says. Nothing from row t + 1 on is given
    to the strategy, or to the costs, before its decision at the close of row t.

    Parameters
    ----------
    market : Market or DataFrame
        A table of prices is wide: by date, oldest first, a column an asset.
    strategy : Strategy
        One of `proofolio.backtesting.strategies`, or your own.
    costs : Costs or float
        A number is a rate of what is traded.
    start : int or str
        Row or date of the first day whose returns are earned; the second row of returns by default.
    stop : int or str, optional
        Row after the last, or the last date; all by default.
    forecasts : ForecastBook, optional
        Those the strategy needs; `backtest` makes them itself.
    rebalance : {"daily", "weekly", "monthly"}
    holdings : (n,) array, optional
        Weights before the first trade; 1/n by default.
    progress : function of (what, done, total), optional

    Raises
    ------
    BadData
        When the span is empty, forecasts are missing, or the weights decided do not add to 1.

    Examples
    --------
    >>> import proofolio as pf
    >>> from proofolio.backtesting.strategies import FixMix
    >>> found = pf.simulate(pf.load_prices(), FixMix(), costs=0.001, start="2020-01-02", rebalance="monthly")
    >>> found.weights.shape, round(float(found.wealth[-1]), 3), round(found.metrics.sharpe, 2)
    ((754, 20), 1.726, 0.87)
    """
    market, costs = market_of(market), costs_of(costs)
    returns, n = market.returns, len(market.names)
    start, stop = market.first_row(start, 1), market.stop_row(stop, len(returns))
    if not 1 <= start < stop <= len(returns):
        raise BadData(
            f"{len(returns)} days cannot be traded from day {start + 1} to day {stop}; start after the first day, "
            "and before the last."
        )
    if strategy.needs != "nothing" and forecasts is None:
        raise BadData(f"{strategy.name} needs forecasts ({strategy.needs}), and none are given.")
    held = np.full(n, 1.0 / n) if holdings is None else _weights(holdings, n, "the first holdings")
    days = stop - start
    trading = trading_days(market.dates, rebalance)
    weights, trades = np.empty((days, n)), np.zeros((days, n))
    paid, gross = np.zeros(days), np.empty(days)
    unanswered, unproved, collapsed = (np.zeros(days, dtype=np.bool_) for _ in range(3))
    wealth, began = 1.0, time.perf_counter()
    policy = strategy.start(returns[: start - 1].copy())
    for d in range(days):
        day = start - 1 + d
        if d == 0 or trading[day]:
            forecast = (
                forecasts.at(day, strategy.horizon) if forecasts and strategy.needs != "nothing" else None
            )
            collapsed[d] = forecast is not None and forecast.collapsed
            try:
                wanted, proved = policy.decide(day, returns[day].copy(), forecast, held.copy())
                unproved[d] = not proved
            except SolverFailure:
                unanswered[d] = True
                wanted = held
            wanted = _weights(wanted, n, f"{strategy.name} on {market.dates[day]}")
            trades[d] = wanted - held
            recent = returns[max(0, day + 1 - costs.memory) : day + 1]
            paid[d] = costs.paid(trades[d], recent, wealth).sum()
            if not paid[d] < 1.0:  # NaN fails too
                raise BadData(
                    f"{strategy.name} on {market.dates[day]}: the trade costs {paid[d]:g} of the portfolio, and wealth "
                    "cannot go on from there; check the costs, and the volume and value if there is market impact."
                )
            held = wanted
        weights[d] = held
        earned = returns[start + d]
        gross[d] = held @ earned
        held = held * (1.0 + earned) / (1.0 + gross[d])
        wealth *= (1.0 - paid[d]) * (1.0 + gross[d])
        if not 0.0 < wealth < np.inf:
            raise BadData(
                f"{strategy.name} on {market.dates[start + d]}: wealth is {wealth:g} times the first, and cannot be "
                "followed on; check the returns of that day."
            )
        if progress is not None:
            progress(strategy.name, d + 1, days)
    return Simulation(
        name=strategy.name,
        start=start,
        dates=market.dates[start:stop],
        weights=weights,
        trades=trades,
        costs=paid,
        gross=gross,
        risk_free=market.risk_free[start:stop],
        unanswered=unanswered,
        unproved=unproved,
        collapsed=collapsed,
        seconds=time.perf_counter() - began,
        periods_per_year=market.calendar.periods_per_year,
    )


def _weights(given: Floats, n: int, what: str) -> Floats:
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (n,) or not abs(weights.sum() - 1.0) <= BUDGET_TOLERANCE:  # NaN fails too
        raise BadData(f"{what}: {n} weights that add to 1 are needed, and these are {weights}.")
    # Exactly 1 but for rounding, or what is missing would be money made or lost at every trade.
    exact: Floats = weights / weights.sum()
    return exact
