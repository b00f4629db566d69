"""Choosing on the past: a grid on a training span and one test of the choice, and walk-forward choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.backtesting.backtests import Context, prepare, simulate_all
from proofolio.backtesting.costs import Costs, costs_of
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market, market_of
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.simulator import Rebalance, Simulation, simulate
from proofolio.backtesting.strategies import (
    FixMix,
    MeanVarianceControl,
    RiskParityControl,
    strategies_named,
)
from proofolio.backtesting.strategy import Strategy
from proofolio.backtesting.tasks import TaskRunner
from proofolio.errors import BadData

__all__ = [
    "GAMMA_RISKS",
    "GAMMA_TRADES",
    "HORIZONS",
    "Choice",
    "Fold",
    "Grid",
    "Trial",
    "Tuning",
    "best_trial",
    "tune",
    "walk_forward",
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
    """What was tried, what was chosen, and how it did on the test span.

    Attributes
    ----------
    trials : tuple of Trial
        On the training span.
    chosen : Trial
    test : Simulation
        The chosen strategy on the test span; it was simulated there once, after the choice.
    reference_train, reference_test : Simulation
        Fix-mix on both spans.
    """

    trials: tuple[Trial, ...]
    chosen: Trial
    test: Simulation
    reference_train: Simulation
    reference_test: Simulation


def tune(
    prices: Market | pd.DataFrame,
    strategy: Tuned | str = "mpo",
    grid: Grid | None = None,
    plan: ForecastPlan | None = None,
    costs: Costs | float = 0.001,
    *,
    train: tuple[int | str | None, int | str | None] | None = None,
    test: tuple[int | str | None, int | str | None] | None = None,
    choose: Choice = "sharpe",
    rebalance: Rebalance = "daily",
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
    runner: TaskRunner | None = None,
    **forecasts: Any,
) -> Tuning:
    """Try a grid of parameters on a training span, choose, and simulate the choice on the test span, once.

    Forecasts are made once a span, for the longest horizon, and shared by the trials. What is tried sees no row
    from the test span on: the training context is built from the market as it was known before it.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    strategy : MeanVarianceControl, RiskParityControl or str
        What is not on the grid is taken from it; a name is ``"mpo"``, ``"mpo-rp"``, or these with ``-no-hmm``.
    grid : Grid, optional
    plan : ForecastPlan, optional
        All options of the forecasts.
    costs : Costs or float
        A number is a rate of what is traded: 0.001 is 10 basis points.
    train, test : (first, last), optional
        Dates, or rows (the last not included), of the days traded; the training span ends before the test span
        begins. By default the halves of what follows the window.
    choose : {"sharpe", "return", "calmar"}
        The largest on the training span is chosen.
    rebalance : {"daily", "weekly", "monthly"}
    risk_free : str or float
        A column (see `risk_free_as`), or a yearly rate.
    risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
        What the column holds; prices by default.
    periods_per_year : float, optional
        By default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
    runner : TaskRunner, optional
        Processes, a folder of results, progress.
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    Tuning

    Raises
    ------
    BadData
        When the spans overlap or are empty, no trial has the figure to choose by, or the strategy has no parameters.

    Examples
    --------
    >>> import proofolio as pf
    >>> from proofolio.backtesting.tuning import Grid
    >>> prices = pf.load_prices().loc["2019":"2020", ["KO", "XOM", "JPM", "MSFT"]]
    >>> grid = Grid(horizons=(1, 2), gamma_risks=(5.0,), gamma_trades=(0.001, 0.1))
    >>> found = pf.tune(prices, "mpo-no-hmm", grid, window=250)
    >>> len(found.trials), found.chosen.strategy.horizon, found.chosen.strategy.gamma_trade
    (4, 2, 0.001)
    >>> round(found.test.metrics.sharpe, 2), round(found.reference_test.metrics.sharpe, 2)
    (1.12, 1.56)
    """
    market = market_of(prices, risk_free, risk_free_as, periods_per_year)
    plan = ForecastPlan.for_market(market, **forecasts) if plan is None else plan
    if isinstance(strategy, str):
        strategy = _tunable(strategy, market)
    costs, runner = costs_of(costs), TaskRunner() if runner is None else runner
    total = len(market.dates)
    first, last = (None, None) if train is None else train
    start = market.first_row(first, plan.window)
    middle = market.stop_row(last, start + (total - start) // 2)
    first, last = (None, None) if test is None else test
    later, stop = market.first_row(first, middle), market.stop_row(last, total)
    if not start < middle <= later < stop <= total:
        raise BadData(
            f"the training rows {start} to {middle - 1} must come before the test rows {later} to "
            f"{stop - 1}, and both hold a day at least."
        )
    candidates = (Grid() if grid is None else grid).candidates(strategy)
    known = market.until(middle)
    context = prepare(known, candidates, plan, start=start, rebalance=rebalance, runner=runner)
    *runs, reference_train = simulate_all(context, [*candidates, FixMix()], costs, runner)
    trials = tuple(
        Trial(candidate, run.metrics, int(run.unanswered.sum()), int(run.unproved.sum()))
        for candidate, run in zip(candidates, runs, strict=True)
    )
    chosen = best_trial(trials, choose)
    context = prepare(
        market, [chosen.strategy], plan, start=later, stop=stop, rebalance=rebalance, runner=runner
    )
    run, reference_test = simulate_all(context, [chosen.strategy, FixMix()], costs, runner)
    return Tuning(trials, chosen, run, reference_train, reference_test)


def _tunable(name: str, market: Market) -> Tuned:
    named = strategies_named([name], market.names)
    if len(named) == 1 and isinstance(named[0], MeanVarianceControl | RiskParityControl):
        return named[0]
    raise BadData(f"strategy {name!r} has no parameters to tune: choose mpo, mpo-rp, or these with -no-hmm.")


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


# ------------------------------------------------------------------ walk-forward
@dataclass(frozen=True)
class Fold:
    """One choice: rows looked back on, rows then traded, which candidate, and its Sharpe ratio in the past."""

    looked_back: tuple[int, int]
    traded: tuple[int, int]
    chosen: int
    sharpe: float


def walk_forward(
    context: Context,
    candidates: Sequence[Strategy],
    costs: Costs,
    *,
    look_back: int,
    step: int,
    runner: TaskRunner | None = None,
) -> tuple[Simulation, tuple[Fold, ...]]:
    """Return one run that every `step` days goes on with the candidate of the best Sharpe ratio so far.

    Each candidate runs over the whole context on its own; that is causal, so its returns before a day are what was
    known of it on that day. The portfolio itself is one: when the candidate changes, the holdings stay and the
    new one trades them, at a cost.

    Parameters
    ----------
    context : Context
    candidates : sequence of Strategy
    costs : Costs
    look_back : int
        Days of the candidates' past that decide; the first trade is made after so many days of the context.
    step : int
        Days between choices.
    runner : TaskRunner, optional

    Returns
    -------
    run : Simulation
    folds : tuple of Fold

    Raises
    ------
    BadData
        When the context has no day left after `look_back`, or there is no candidate.
    """
    if not candidates or look_back < 2 or step < 1:
        raise BadData(
            "walk-forward needs a candidate, two days or more to look back on and a step of one or more."
        )
    first = context.start + look_back
    if first >= context.stop:
        raise BadData(
            f"the {context.stop - context.start} days leave none to trade after {look_back} to look back on; look back "
            "on fewer."
        )
    past = simulate_all(context, candidates, costs, runner)
    runs, folds, holdings = [], [], None
    for start in range(first, context.stop, step):
        stop = min(start + step, context.stop)
        back = (start - look_back - context.start, start - context.start)
        sharpes = [run.within(*back).sharpe for run in past]
        best = int(np.argmax([-math.inf if math.isnan(s) else s for s in sharpes]))
        run = simulate(
            context.market,
            candidates[best],
            costs,
            start=start,
            stop=stop,
            forecasts=context.book(candidates[best].needs),
            rebalance=context.rebalance,
            holdings=holdings,
        )
        holdings = _drifted(context, run)
        runs.append(run)
        folds.append(Fold((start - look_back, start), (start, stop), best, sharpes[best]))
    return _joined(runs), tuple(folds)


def _drifted(context: Context, run: Simulation) -> Floats:
    """Return the weights at the last close of a run."""
    grown: Floats = run.weights[-1] * (1.0 + context.market.returns[run.start + len(run.dates) - 1])
    shares: Floats = grown / grown.sum()
    return shares


def _joined(runs: Sequence[Simulation]) -> Simulation:
    flags = ("unanswered", "unproved", "collapsed")
    joined = {
        name: np.concatenate([getattr(run, name) for run in runs])
        for name in ("dates", "weights", "trades", "costs", "gross", "risk_free", *flags)
    }
    return Simulation(
        name="walk-forward",
        start=runs[0].start,
        seconds=sum(run.seconds for run in runs),
        periods_per_year=runs[0].periods_per_year,
        **joined,
    )
