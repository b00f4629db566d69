"""Several strategies on the same days, with the same forecasts; under other costs, and through the crises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from proofolio.backtesting.costs import Costs, LinearCost, costs_of
from proofolio.backtesting.forecasts import ForecastBook, ForecastPlan
from proofolio.backtesting.market import Market, market_of
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.simulator import Rebalance, Simulation, simulate
from proofolio.backtesting.strategies import strategies_of
from proofolio.backtesting.strategy import Needs, Strategy
from proofolio.backtesting.tasks import Progress, Task, TaskRunner, digest

__all__ = [
    "BASIS_POINTS",
    "CRISES",
    "Context",
    "Crisis",
    "CrisisFigures",
    "backtest",
    "cost_sensitivity",
    "crisis_figures",
    "prepare",
    "simulate_all",
    "simulate_pairs",
]


def backtest(
    prices: Market | pd.DataFrame,
    strategies: Sequence[Strategy | str] = ("fix-mix", "mpo"),
    costs: Costs | float = 0.001,
    *,
    start: int | str | None = None,
    stop: int | str | None = None,
    rebalance: Rebalance = "daily",
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
    plan: ForecastPlan | None = None,
    jobs: int = 1,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    **forecasts: Any,
) -> dict[str, Simulation]:
    """Backtest strategies on the same days of a table of prices, and return what each did, by its name.

    Forecasts are made once, day by day, from the days before only, and shared by the strategies.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    strategies : sequence of Strategy or str
        Names are those of the command line (``"fix-mix"``, ``"mpo"``, ``"mpo-rp"``, ``"erc-no-hmm"``, ...), with their
        defaults; see `proofolio.backtesting.strategies`.
    costs : Costs or float
        A number is a rate of what is traded: 0.001 is 10 basis points.
    start, stop : int or str, optional
        First and last date traded, or rows (the last not included); all days after the window by default.
    rebalance : {"daily", "weekly", "monthly"}
    risk_free : str or float
        A column (see `risk_free_as`), or a yearly rate.
    risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
        What the column holds; prices by default.
    periods_per_year : float, optional
        By default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
    plan : ForecastPlan, optional
        All options of the forecasts.
    jobs : int
        Processes.
    folder : path, optional
        Results are kept there, and found again instead of computed.
    progress : function of (what, done, total), optional
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    dict of Simulation

    Raises
    ------
    BadData
        For a table that is not sound, an unknown strategy, or no day to trade.

    Examples
    --------
    >>> import proofolio as pf
    >>> prices = pf.load_prices().loc["2019":, ["KO", "XOM", "JPM", "MSFT"]]
    >>> found = pf.backtest(prices, ["fix-mix", "erc-no-hmm"], window=250, start="2020-06-01", stop="2020-12-31")
    >>> {name: round(run.metrics.annual_return, 3) for name, run in found.items()}
    {'fix-mix': 0.325, 'erc-no-hmm': 0.326}
    >>> found["erc-no-hmm"].weights[-1].round(3)
    array([0.315, 0.213, 0.195, 0.277])
    """
    market = market_of(prices, risk_free, risk_free_as, periods_per_year)
    chosen = strategies_of(strategies, market.names, market.calendar.periods_per_year)
    plan = ForecastPlan.for_market(market, **forecasts) if plan is None else plan
    runner = TaskRunner(jobs, None if folder is None else Path(folder), progress=progress)
    context = prepare(
        market, chosen, plan, start=market.first_row(start, plan.window),
        stop=market.stop_row(stop, len(market.dates)), rebalance=rebalance, runner=runner,
    )  # fmt: skip
    return {found.name: found for found in simulate_all(context, chosen, costs_of(costs), runner)}


@dataclass(frozen=True, eq=False)
class Context:
    """What all strategies have in common.

    Attributes
    ----------
    market : Market
    start, stop : int
        Rows of the first day earned and after the last.
    regimes, history : ForecastBook or None
        Forecasts with the hidden Markov model and without, where a strategy needs them.
    rebalance : {"daily", "weekly", "monthly"}
    """

    market: Market
    start: int
    stop: int
    regimes: ForecastBook | None = None
    history: ForecastBook | None = None
    rebalance: Rebalance = "daily"

    def book(self, needs: Needs) -> ForecastBook | None:
        """Return the forecasts a strategy needs."""
        return {"nothing": None, "regimes": self.regimes, "history": self.history}[needs]


def prepare(
    market: Market,
    strategies: Sequence[Strategy],
    plan: ForecastPlan,
    *,
    start: int | None = None,
    stop: int | None = None,
    rebalance: Rebalance = "daily",
    runner: TaskRunner | None = None,
) -> Context:
    """Return the context of some strategies, with the forecasts they need, made once.

    Parameters
    ----------
    market : Market
    strategies : sequence of Strategy
    plan : ForecastPlan
    start : int, optional
        Row of the first day earned; the first one after the window by default.
    stop : int, optional
        Row after the last.
    rebalance : {"daily", "weekly", "monthly"}
    runner : TaskRunner, optional

    Raises
    ------
    BadData
        When the window leaves no day to trade.
    """
    runner = TaskRunner() if runner is None else runner
    start = plan.window if start is None else start
    stop = len(market.dates) if stop is None else stop
    books: dict[Needs, ForecastBook] = {}
    kinds: tuple[Needs, ...] = ("regimes", "history")
    for needs in kinds:
        horizons = [s.horizon for s in strategies if s.needs == needs]
        if horizons:
            books[needs] = plan.book(market, needs, max(horizons), start, stop, runner, runner.progress)
    return Context(market, start, stop, books.get("regimes"), books.get("history"), rebalance)


def simulate_all(
    context: Context, strategies: Sequence[Strategy], costs: Costs, runner: TaskRunner | None = None
) -> list[Simulation]:
    """Return one simulation a strategy, in their order; see `simulate`."""
    return simulate_pairs(context, [(strategy, costs) for strategy in strategies], runner)


def simulate_pairs(
    context: Context, pairs: Sequence[tuple[Strategy, Costs]], runner: TaskRunner | None = None
) -> list[Simulation]:
    """Return one simulation for each pair of a strategy and the costs it is charged."""
    runner = TaskRunner() if runner is None else runner
    market = context.market
    span = digest(
        market.dates,
        market.names,
        market.returns[: context.stop],
        market.risk_free[: context.stop],
        market.calendar,
    )
    books = {needs: digest(context.book(needs)) for needs in {s.needs for s, _ in pairs}}
    tasks = [
        Task(
            digest(
                "run",
                span,
                context.start,
                context.stop,
                context.rebalance,
                books[strategy.needs],
                strategy,
                costs,
            ),
            strategy.name,
            (strategy, costs),
        )
        for strategy, costs in pairs
    ]
    return runner.run(_simulated, context, tasks, Simulation)


def _simulated(context: Context, pair: tuple[Strategy, Costs]) -> Simulation:
    strategy, costs = pair
    with threadpool_limits(1):  # see record_forecasts
        return simulate(
            context.market,
            strategy,
            costs,
            start=context.start,
            stop=context.stop,
            forecasts=context.book(strategy.needs),
            rebalance=context.rebalance,
        )


BASIS_POINTS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0)


@dataclass(frozen=True)
class Crisis:
    """A span of falling markets, first and last date."""

    name: str
    first: str
    last: str


# From a high of the S&P 500 to the low that followed.
CRISES = (
    Crisis("financial crisis", "2007-10-09", "2009-03-09"),
    Crisis("euro and debt ceiling", "2011-07-22", "2011-10-03"),
    Crisis("end of 2018", "2018-09-20", "2018-12-24"),
    Crisis("pandemic", "2020-02-19", "2020-03-23"),
    Crisis("inflation", "2022-01-03", "2022-10-12"),
)


@dataclass(frozen=True)
class CrisisFigures:
    """What one strategy did within a crisis, on the days of it that were traded: `first` to `last`."""

    crisis: Crisis
    strategy: str
    metrics: Metrics
    first: str
    last: str


def cost_sensitivity(
    context: Context,
    strategies: Sequence[Strategy],
    basis_points: Sequence[float] = BASIS_POINTS,
    runner: TaskRunner | None = None,
) -> dict[float, list[Simulation]]:
    """Return, for each cost in basis points of what is traded, one simulation a strategy.

    Only what is charged changes: the strategies' own trade aversion stays as it is.
    """
    pairs = [(strategy, LinearCost(bp / 1e4)) for bp in basis_points for strategy in strategies]
    runs = simulate_pairs(context, pairs, runner)
    n = len(strategies)
    return {bp: runs[k * n : (k + 1) * n] for k, bp in enumerate(basis_points)}


def crisis_figures(
    runs: Sequence[Simulation], crises: Sequence[Crisis] = CRISES, least_days: int = 10
) -> list[CrisisFigures]:
    """Return the figures within each crisis with at least `least_days` days among those of the runs."""
    found = []
    for crisis in crises:
        for run in runs:
            first = int(np.searchsorted(run.dates, np.datetime64(crisis.first, "D"), side="right"))
            stop = int(np.searchsorted(run.dates, np.datetime64(crisis.last, "D"), side="right"))
            if stop - first >= least_days:
                days = str(run.dates[first]), str(run.dates[stop - 1])
                found.append(CrisisFigures(crisis, run.name, run.within(first, stop), *days))
    return found
