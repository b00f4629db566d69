"""Several strategies on the same periods, with the same forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats
from proofolio.backtesting.account import Account
from proofolio.backtesting.costs import Costs
from proofolio.backtesting.forecasts import ForecastBook, ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Needs, Strategy
from proofolio.backtesting.simulator import Rebalance, Simulation, simulate
from proofolio.backtesting.tasks import Task, TaskRunner, digest, digested

__all__ = ["Context", "prepare", "simulate_all", "simulate_pairs"]


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
    account : Account
    window : int
        Returns an asset needs behind it before a strategy sees it: those the forecasts look back on.
    """

    market: Market
    start: int
    stop: int
    regimes: ForecastBook | None = None
    history: ForecastBook | None = None
    rebalance: Rebalance = "daily"
    account: Account = field(default_factory=Account)
    window: int = 1

    def book(self, needs: Needs) -> ForecastBook | None:
        """Return the forecasts a strategy needs."""
        return {"nothing": None, "regimes": self.regimes, "history": self.history}[needs]

    def run(
        self,
        strategy: Strategy,
        costs: Costs,
        *,
        start: int | None = None,
        stop: int | None = None,
        holdings: Floats | None = None,
        account: Account | None = None,
    ) -> Simulation:
        """Return the simulation of a strategy, between these rows or those of the context; see `simulate`."""
        return simulate(
            self.market,
            strategy,
            costs,
            start=self.start if start is None else start,
            stop=self.stop if stop is None else stop,
            forecasts=self.book(strategy.needs),
            rebalance=self.rebalance,
            holdings=holdings,
            account=self.account if account is None else account,
            window=self.window,
        )


def prepare(
    market: Market,
    strategies: Sequence[Strategy],
    plan: ForecastPlan,
    *,
    start: int | None = None,
    stop: int | None = None,
    rebalance: Rebalance = "daily",
    account: Account | None = None,
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
    account : Account, optional
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
    account = Account() if account is None else account
    return Context(
        market, start, stop, books.get("regimes"), books.get("history"), rebalance, account, plan.window
    )


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
            # A function cannot be told from another: what it did is computed anew every time.
            digested(
                "run", span, context.start, context.stop, context.rebalance, context.account, context.window,
                books[strategy.needs], strategy, costs,
            ),
            strategy.name,
            (strategy, costs),
        )
        for strategy, costs in pairs
    ]  # fmt: skip
    return runner.run(_simulated, context, tasks, Simulation)


def _simulated(context: Context, pair: tuple[Strategy, Costs]) -> Simulation:
    strategy, costs = pair
    with threadpool_limits(1):  # see record_forecasts
        return context.run(strategy, costs)
