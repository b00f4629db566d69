"""A grid of parameters tried on a training span; the best one then runs on the test span, once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

from proofolio.backtesting.costs import Costs
from proofolio.backtesting.forecast_plan import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.run import backtest, set_scene
from proofolio.backtesting.simulator import Rebalance, Run
from proofolio.backtesting.strategies import FixMix, MeanVarianceControl, RiskParityControl
from proofolio.backtesting.tasks import Workshop
from proofolio.errors import BadData

__all__ = [
    "GAMMA_RISKS",
    "GAMMA_TRADES",
    "HORIZONS",
    "Choice",
    "Grid",
    "Trial",
    "Tuning",
    "best_trial",
    "tune",
]


HORIZONS = (1, 2, 5, 10, 15, 30)
GAMMA_RISKS = (0.01, 0.1, 1.0, 3.0, 5.0, 10.0)
GAMMA_TRADES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 5.0, 25.0)

Choice = Literal["sharpe", "return", "calmar"]
Tuned = MeanVarianceControl | RiskParityControl


@dataclass(frozen=True)
class Grid:
    """Every combination of these is tried; `gamma_risks` count for mean-variance only."""

    horizons: tuple[int, ...] = HORIZONS
    gamma_risks: tuple[float, ...] = GAMMA_RISKS
    gamma_trades: tuple[float, ...] = GAMMA_TRADES

    def candidates(self, strategy: Tuned) -> list[Tuned]:
        """Return `strategy` with each combination.

        Raises
        ------
        BadData
            When the grid is empty.
        """
        found: list[Tuned]
        if isinstance(strategy, MeanVarianceControl):
            found = [
                replace(strategy, horizon=h, gamma_risk=risk, gamma_trade=trade)
                for h, risk, trade in product(self.horizons, self.gamma_risks, self.gamma_trades)
            ]
        else:
            found = [
                replace(strategy, horizon=h, gamma_trade=trade)
                for h, trade in product(self.horizons, self.gamma_trades)
            ]
        if not found:
            raise BadData("the grid is empty; give at least one horizon, gamma_risk and gamma_trade.")
        return found


@dataclass(frozen=True)
class Trial:
    """One combination and what it did on the training span."""

    strategy: Tuned
    metrics: Metrics
    unanswered: int
    unproved: int


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and what came of it.

    Attributes
    ----------
    trials : tuple of Trial
        On the training span.
    chosen : Trial
    test : Run
        The chosen strategy on the test span; it was run there once, after the choice.
    reference_train, reference_test : Run
        Fix-mix on both spans.
    """

    trials: tuple[Trial, ...]
    chosen: Trial
    test: Run
    reference_train: Run
    reference_test: Run


def tune(
    market: Market,
    strategy: Tuned,
    grid: Grid,
    plan: ForecastPlan,
    costs: Costs,
    *,
    train: tuple[int, int],
    test: tuple[int, int],
    choose: Choice = "sharpe",
    rebalance: Rebalance = "daily",
    workshop: Workshop | None = None,
) -> Tuning:
    """Return the trials on the training span, the choice, and its single run on the test span.

    Forecasts are made once a span, for the longest horizon, and shared by the trials. What is tried sees no row
    from the test span on: the training scene is built from the market as it was known before it.

    Parameters
    ----------
    market : Market
    strategy : MeanVarianceControl or RiskParityControl
        What is not on the grid is taken from it.
    grid : Grid
    plan : ForecastPlan
    costs : Costs
    train, test : (start, stop)
        Rows of the days earned; the training span ends where the test span begins, or before.
    choose : {"sharpe", "return", "calmar"}
        The largest on the training span is chosen.
    rebalance : {"daily", "weekly", "monthly"}
    workshop : Workshop, optional

    Raises
    ------
    BadData
        When the spans overlap or are empty, or no trial has the figure to choose by.
    """
    if not train[0] < train[1] <= test[0] < test[1] <= len(market.dates):
        raise BadData(
            f"the training rows {train[0]} to {train[1] - 1} must come before the test rows {test[0]} to "
            f"{test[1] - 1}, and both hold a day at least."
        )
    workshop = Workshop() if workshop is None else workshop
    candidates = grid.candidates(strategy)
    known = market.until(train[1])
    scene = set_scene(known, candidates, plan, start=train[0], rebalance=rebalance, workshop=workshop)
    *runs, reference_train = backtest(scene, [*candidates, FixMix()], costs, workshop)
    trials = tuple(
        Trial(candidate, run.metrics, int(run.unanswered.sum()), int(run.unproved.sum()))
        for candidate, run in zip(candidates, runs, strict=True)
    )
    chosen = best_trial(trials, choose)
    scene = set_scene(
        market, [chosen.strategy], plan, start=test[0], stop=test[1], rebalance=rebalance, workshop=workshop
    )
    run, reference_test = backtest(scene, [chosen.strategy, FixMix()], costs, workshop)
    return Tuning(trials, chosen, run, reference_train, reference_test)


def best_trial(trials: Sequence[Trial], choose: Choice) -> Trial:
    """Return the trial with the largest figure; the first of equals.

    Raises
    ------
    BadData
        When no trial has the figure.
    """
    if choose not in get_args(Choice):
        raise BadData(f"choose is {choose!r}; choose by sharpe, return or calmar.")
    attribute = {"return": "annual_return"}.get(choose, choose)
    having = [trial for trial in trials if not math.isnan(getattr(trial.metrics, attribute))]
    if not having:
        raise BadData(
            f"no trial has a {choose} on the training span; give a longer one, or choose by return."
        )
    return max(having, key=lambda trial: float(getattr(trial.metrics, attribute)))
