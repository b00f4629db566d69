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
from proofolio.backtesting.account import Account
from proofolio.backtesting.costs import Costs, costs_of, terms_of
from proofolio.backtesting.forecasts import ForecastBook
from proofolio.backtesting.market import Dates, Market, market_of
from proofolio.backtesting.metrics import Metrics, measure
from proofolio.backtesting.policy import Decision, Policy, Strategy, begun
from proofolio.brief import number_of
from proofolio.errors import BadData, SolverFailure
from proofolio.forecasts.calendars import DAILY
from proofolio.forecasts.forecast import Forecast
from proofolio.progress import Progress, shows_progress

__all__ = ["Rebalance", "Simulation", "last_holdings", "simulate", "trading_days"]


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


# A close has a trade where more than a basis point of the portfolio is traded: plans are proved within 1e-6 of their
# objective, which leaves smaller trades open.
NO_TRADE = 1e-4
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
    cash : (D,) array
        The rest of the portfolio during day d: what a strategy with cash leaves there (owed, where below zero), and
        what an asset that ended was paid out for until the next trade.
    trades : (D, n) array
        The trade at the close before day d, as fractions of the portfolio.
    costs : (D,) array
        Its cost, likewise.
    gross : (D,) array
        ``weights[d] @ r_d + cash[d] * risk_free[d]``.
    charges : (D,) array
        What shorts and money owed cost in day d, see `Account.charge`.
    paid_out : (D, n) array
        The weights of assets that ended in day d: paid out at their last price, without cost.
    risk_free : (D,) array
    unanswered : (D,) booleans
        Closes at which the strategy had no answer and kept its holdings.
    unproved : (D,) booleans
        Closes at which what was traded was not proved to be the best; see `Decision`.
    rules_missed : (D,) booleans
        Closes at which no trade kept every rule, and a step on the way back was made; see `Decision`.
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
    cash: Floats
    trades: Floats
    costs: Floats
    gross: Floats
    charges: Floats
    paid_out: Floats
    risk_free: Floats
    unanswered: Mask
    unproved: Mask
    rules_missed: Mask
    collapsed: Mask
    seconds: float
    periods_per_year: float = DAILY.periods_per_year

    def __repr__(self) -> str:
        span = f", {self.dates[0]} to {self.dates[-1]}" if len(self.dates) else ""
        held = number_of(self.weights.shape[1], "asset")
        return f"Simulation({self.name!r}{span}, {number_of(len(self.dates), 'period')} of {held})"

    @property
    def returns(self) -> Floats:
        """Returns per period after costs, ``(1 - c_d)(1 + gross_d - charges_d) - 1``."""
        return (1.0 - self.costs) * (1.0 + self.gross - self.charges) - 1.0

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


@shows_progress("simulate")
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
    account: Account | None = None,
    window: int = 1,
    progress: Progress | None = None,
) -> Simulation:
    """Simulate one strategy period by period: drift, decide, trade, pay.

    At each close the strategy is given this period's returns, the forecast made after them and its drifted holdings
    ``h``, of the assets that have a price now and `window` returns behind them, and decides on weights ``w``. A
    strategy whose attribute ``cash`` is true may leave a rest ``k = 1 - 1'w`` in cash, or owe it; the others' weights
    add to 1. The trade is ``u = w - h``. It costs ``c(u)`` of the portfolio, and what remains earns the next
    period's returns and the risk-free rate s, less the charge f of shorts and of money owed (`Account.charge`):

        V[t+1] = V[t] (1 - c(u_t)) (1 + g[t+1] - f(w_t, k_t)),    g[t+1] = w_t' r[t+1] + k_t s[t+1],
        h[t+1] = w_t (1 + r[t+1]) / (1 + g[t+1])

    Costs and charges are paid by the whole portfolio: they change its value, not its weights. An asset that has no
    price any more is paid out at its last one, without cost: its return is 0 in that period, and at the close its
    weight has moved to k, where it earns the risk-free rate until the next trade.

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
        Weights before the first trade; 1/n of the assets of that close by default. What is missing to 1 is cash.
    account : Account, optional
        The money, and what shorts and money owed pay; a million and nothing by default.
    window : int
        Returns an asset needs behind it before the strategy sees it.
    progress : function of (what, done, total), optional
        A bar by default in a notebook, and nothing elsewhere.

    Raises
    ------
    BadData
        When the span is empty, forecasts are missing, no asset can be held, or the weights decided do not add to 1.

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
            f"{len(returns)} rows cannot be traded from row {start + 1} to row {stop}; start after the first row, "
            "and before the last."
        )
    if strategy.needs != "nothing" and forecasts is None:
        raise BadData(f"{strategy.name} needs forecasts ({strategy.needs}), and none are given.")
    account = Account() if account is None else account
    in_cash = bool(getattr(strategy, "cash", False))
    held, idle = _first_holdings(market, holdings, start - 1, window)
    days = stop - start
    trading = trading_days(market.dates, rebalance)
    weights, trades, paid_out = np.empty((days, n)), np.zeros((days, n)), np.zeros((days, n))
    cash, paid, gross, charges = np.zeros(days), np.zeros(days), np.empty(days), np.zeros(days)
    unanswered, unproved, rules_missed, collapsed = (np.zeros(days, dtype=np.bool_) for _ in range(4))
    wealth, began = 1.0, time.perf_counter()
    decider = _Decider(market, strategy, forecasts, window)
    for d in range(days):
        day = start - 1 + d
        if d == 0 or trading[day]:
            members = decider.members(day)
            forecast = decider.forecast(day, members)
            collapsed[d] = forecast is not None and forecast.collapsed
            where = f"{strategy.name} on {market.dates[day]}"
            try:
                decided, proved, missed = decider.decide(day, members, forecast, held)
                unproved[d], rules_missed[d] = not proved and not missed, bool(missed)
                wanted = np.zeros(n)
                wanted[members] = _weights(decided, int(members.sum()), where, in_cash)
                left = 1.0 - float(wanted.sum()) if in_cash else 0.0
            except SolverFailure:
                unanswered[d] = True
                wanted, left = held, idle
            trades[d] = wanted - held
            terms = terms_of(costs, returns[: day + 1], trades[d], account.value * wealth)
            paid[d] = terms.total(trades[d])
            if not paid[d] < 1.0:  # NaN fails too
                raise BadData(
                    f"{where}: the trade costs {paid[d]:g} of the portfolio, and wealth cannot go on from there; check "
                    "the costs, and the volume and value if there is market impact."
                )
            held, idle = wanted, left
        weights[d], cash[d] = held, idle
        charges[d] = account.charge(held, idle, market.calendar.periods_per_year)
        earned, rate = returns[start + d], float(market.risk_free[start + d])
        ended = np.isnan(earned)
        if ended.any():
            paid_out[d] = np.where(ended, held, 0.0)
            earned = np.where(ended, 0.0, earned)
        gross[d] = held @ earned + idle * rate
        held = held * (1.0 + earned) / (1.0 + gross[d])
        idle = idle * (1.0 + rate) / (1.0 + gross[d])
        if ended.any():
            idle += float(held[ended].sum())
            held = np.where(ended, 0.0, held)
        wealth *= (1.0 - paid[d]) * (1.0 + gross[d] - charges[d])
        if not 0.0 < wealth < np.inf:
            raise BadData(
                f"{strategy.name} on {market.dates[start + d]}: wealth is {wealth:g} times the first, and cannot be "
                "followed on; check the returns of that row."
            )
        if progress is not None:
            progress(strategy.name, d + 1, days)
    return Simulation(
        name=strategy.name,
        start=start,
        dates=market.dates[start:stop],
        weights=weights,
        cash=cash,
        trades=trades,
        costs=paid,
        gross=gross,
        charges=charges,
        paid_out=paid_out,
        risk_free=market.risk_free[start:stop],
        unanswered=unanswered,
        unproved=unproved,
        rules_missed=rules_missed,
        collapsed=collapsed,
        seconds=time.perf_counter() - began,
        periods_per_year=market.calendar.periods_per_year,
    )


class _Decider:
    """A strategy under way, begun anew where an asset enters or leaves the universe it decides on."""

    def __init__(
        self, market: Market, strategy: Strategy, forecasts: ForecastBook | None, window: int
    ) -> None:
        self._market, self._strategy, self._window = market, strategy, window
        for name in getattr(strategy, "assets", ()):
            market.column(name)  # refuses a name of no asset
        self._forecasts = forecasts if strategy.needs != "nothing" else None
        self._members: Mask | None = None
        self._policy: Policy | None = None

    def members(self, day: int) -> Mask:
        """Return the universe at the close of a row."""
        found = self._market.universe(day, self._window)
        return found if self._forecasts is None else found & self._forecasts.members(day)

    def forecast(self, day: int, members: Mask) -> Forecast | None:
        """Return the forecast of the universe made after this close."""
        if self._forecasts is None:
            return None
        return self._forecasts.at(day, self._strategy.horizon, members)

    def decide(self, day: int, members: Mask, forecast: Forecast | None, held: Floats) -> Decision:
        """Return what the strategy wants of the universe."""
        if not members.any():
            raise SolverFailure("there is no asset to decide on.")
        if self._policy is None or self._members is None or (members != self._members).any():
            self._members = members
            self._policy = begun(self._strategy, self._market.of(members), day)
        row = self._market.returns[day][members]
        return self._policy.decide(day, row, forecast, held[members])


def last_holdings(market: Market, run: Simulation) -> Floats:
    """Return the weights at the last close of a run, drifted; what is missing to 1 is cash."""
    earned = np.nan_to_num(market.returns[run.start + len(run.dates) - 1])
    grown: Floats = np.where(run.paid_out[-1] != 0.0, 0.0, run.weights[-1] * (1.0 + earned))
    return grown / (1.0 + float(run.gross[-1]))


def _first_holdings(market: Market, holdings: Floats | None, day: int, window: int) -> tuple[Floats, float]:
    """Return weights before the first trade, and the cash beside them."""
    members, date = market.universe(day, window), market.dates[day]
    if holdings is None:
        if not members.any():
            raise BadData(
                f"no asset has a price on {date} and {window} returns up to it; start later, or use a shorter window."
            )
        return members / members.sum(), 0.0
    given = _weights(holdings, len(market.names), "the first holdings", with_cash=True)
    lost = np.flatnonzero((given != 0.0) & ~np.isfinite(market.returns[day]))
    if lost.size:
        raise BadData(
            f"the first holdings have {market.names[lost[0]]}, which has no price on {date}; hold cash instead."
        )
    left = 1.0 - float(given.sum())
    return (given / given.sum(), 0.0) if abs(left) <= BUDGET_TOLERANCE else (given, left)


def _weights(given: Floats, n: int, what: str, with_cash: bool) -> Floats:
    weights = np.asarray(given, dtype=np.float64)
    if with_cash and weights.shape == (n,) and np.isfinite(weights).all():
        return weights
    if weights.shape != (n,) or not abs(weights.sum() - 1.0) <= BUDGET_TOLERANCE:  # NaN fails too
        rest = "finite weights, of which the rest is cash," if with_cash else "weights that add to 1"
        raise BadData(f"{what}: {n} {rest} are needed, and these are {weights}.")
    # Exactly 1 but for rounding, or what is missing would be money made or lost at every trade.
    exact: Floats = weights / weights.sum()
    return exact
