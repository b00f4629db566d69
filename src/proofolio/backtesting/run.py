"""Several strategies on the same days, with the same forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from proofolio.backtesting.costs import Costs
from proofolio.backtesting.forecast_book import ForecastBook
from proofolio.backtesting.forecast_plan import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.simulator import Rebalance, Run, simulate
from proofolio.backtesting.strategy import Needs, Strategy
from proofolio.backtesting.tasks import Piece, Workshop, digest

__all__ = ["Scene", "backtest", "play", "set_scene"]


@dataclass(frozen=True, eq=False)
class Scene:
    """What every strategy is shown alike.

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


def set_scene(
    market: Market,
    strategies: Sequence[Strategy],
    plan: ForecastPlan,
    *,
    start: int | None = None,
    stop: int | None = None,
    rebalance: Rebalance = "daily",
    workshop: Workshop | None = None,
) -> Scene:
    """Return the scene for some strategies, with the forecasts they need, made once.

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
    workshop : Workshop, optional

    Raises
    ------
    BadData
        When the window leaves no day to trade.
    """
    workshop = Workshop() if workshop is None else workshop
    start = plan.window if start is None else start
    stop = len(market.dates) if stop is None else stop
    books: dict[Needs, ForecastBook] = {}
    kinds: tuple[Needs, ...] = ("regimes", "history")
    for needs in kinds:
        horizons = [s.horizon for s in strategies if s.needs == needs]
        if horizons:
            books[needs] = plan.book(market, needs, max(horizons), start, stop, workshop, workshop.progress)
    return Scene(market, start, stop, books.get("regimes"), books.get("history"), rebalance)


def backtest(
    scene: Scene, strategies: Sequence[Strategy], costs: Costs, workshop: Workshop | None = None
) -> list[Run]:
    """Return one run a strategy, in their order; see `simulate`."""
    return play(scene, [(strategy, costs) for strategy in strategies], workshop)


def play(
    scene: Scene, pairs: Sequence[tuple[Strategy, Costs]], workshop: Workshop | None = None
) -> list[Run]:
    """Return one run for each pair of a strategy and the costs it is charged."""
    workshop = Workshop() if workshop is None else workshop
    market = scene.market
    span = digest(market.dates, market.names, market.returns[: scene.stop], market.risk_free[: scene.stop])
    books = {needs: digest(scene.book(needs)) for needs in {s.needs for s, _ in pairs}}
    pieces = [
        Piece(
            digest(
                "run", span, scene.start, scene.stop, scene.rebalance, books[strategy.needs], strategy, costs
            ),
            strategy.name,
            (strategy, costs),
        )
        for strategy, costs in pairs
    ]
    return workshop.run(_played, scene, pieces, Run)


def _played(scene: Scene, pair: tuple[Strategy, Costs]) -> Run:
    strategy, costs = pair
    with threadpool_limits(1):  # see record_forecasts
        return simulate(
            scene.market,
            strategy,
            costs,
            start=scene.start,
            stop=scene.stop,
            forecasts=scene.book(strategy.needs),
            rebalance=scene.rebalance,
        )
