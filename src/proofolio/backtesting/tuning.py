"""Choosing on the past: a grid on a training span and one test of the choice, and walk-forward choices."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from proofolio.backtesting.account import Account
from proofolio.backtesting.backtests import Context, prepare, simulate_all
from proofolio.backtesting.control_strategy import ControlStrategy
from proofolio.backtesting.costs import Costs
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.policy import Strategy
from proofolio.backtesting.results import doubts, figures_of, short_span, trades_made
from proofolio.backtesting.simulator import Rebalance, Simulation, last_holdings
from proofolio.backtesting.strategies import (
    FixMix,
    MeanVarianceControl,
    RiskParityControl,
    require_followed,
    strategies_named,
)
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.view_strategies import ViewControl
from proofolio.errors import BadData, did_you_mean
from proofolio.forecasts.views.stated_views import Views

__all__ = [
    "GAMMA_RISKS",
    "GAMMA_TRADES",
    "HORIZONS",
    "PUBLISHED_TRADES",
    "Choice",
    "Fold",
    "Grid",
    "Rule",
    "Trial",
    "TuningRecord",
    "Walk",
    "grid_of",
    "parameters",
    "tunable",
    "tuned",
    "walk_forward",
]


HORIZONS = (1, 2, 5, 10, 15, 30)
GAMMA_RISKS = (0.01, 0.1, 1.0, 3.0, 5.0, 10.0)
GAMMA_TRADES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 5.0, 25.0)
# The paper's grid has the same horizons and risk aversions, and these; ours above is every second of them or so.
PUBLISHED_TRADES = (1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 25.0)

Choice = Literal["sharpe", "return", "calmar"]
Tuned = MeanVarianceControl | RiskParityControl | ControlStrategy | ViewControl


# ------------------------------------------------------------------ what is tried
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
        if isinstance(strategy, MeanVarianceControl | ControlStrategy | ViewControl):
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


GRIDS = {"default": Grid(), "published": Grid(gamma_trades=PUBLISHED_TRADES)}


def grid_of(given: Grid | Mapping[str, Sequence[float]] | str | None) -> Grid:
    """Return a grid as it is, the default or the published one by its name, or one of lists by parameter.

    Raises
    ------
    BadData
        For an unknown name or parameter, or values that are no horizons and no aversions.

    Examples
    --------
    >>> grid_of({"horizon": [1, 5], "gamma_trade": [0.01]}).horizons
    (1, 5)
    """
    if given is None or isinstance(given, Grid):
        return Grid() if given is None else given
    if isinstance(given, str):
        if given not in GRIDS:
            raise BadData(
                f"there is no grid {given!r}{did_you_mean(given, GRIDS)}; choose {' or '.join(GRIDS)}, or give lists."
            )
        return GRIDS[given]
    if not isinstance(given, Mapping):
        raise BadData(
            f'the grid is a {type(given).__name__}; give lists like {{"horizon": [1, 5], "gamma_trade": [0.01]}}.'
        )
    fields = {"horizon": "horizons", "gamma_risk": "gamma_risks", "gamma_trade": "gamma_trades"}
    values: dict[str, Any] = {}
    for name, listed in given.items():
        if name not in fields:
            raise BadData(
                f"the grid has no parameter {name!r}{did_you_mean(name, fields)}; it has {', '.join(fields)}."
            )
        try:
            numbers = tuple(float(v) for v in np.atleast_1d(np.asarray(listed, dtype=np.float64)))
        except (TypeError, ValueError):
            raise BadData(f"the grid's {name} is {listed!r}; give a list of numbers.") from None
        whole = name == "horizon"
        if not all(0.0 <= v < math.inf and (not whole or (v >= 1 and v == int(v))) for v in numbers):
            what = "whole numbers of periods, 1 or more" if whole else "finite numbers, 0 or more"
            raise BadData(f"the grid's {name} is {list(listed)!r}; give {what}.")
        values[fields[name]] = tuple(int(v) for v in numbers) if whole else numbers
    return Grid(**values)


def tunable(given: Tuned | str, assets: Sequence[str], views: Views | ViewControl | None = None) -> Tuned:
    """Return a strategy that has parameters to tune, or the one of this name.

    Raises
    ------
    BadData
        When it has none.
    """
    require_followed(views, [given] if isinstance(given, str) else [])
    named = strategies_named([given], assets, views=views) if isinstance(given, str) else (given,)
    if len(named) == 1 and isinstance(named[0], Tuned):
        return named[0]
    name = given if isinstance(given, str) else getattr(given, "name", type(given).__name__)
    raise BadData(
        f"strategy {name!r} has no parameters to tune: choose mpo, mpo-rp, these with -no-hmm, control, or views."
    )


@dataclass(frozen=True)
class Trial:
    """One combination and what it did on the training span."""

    strategy: Tuned
    metrics: Metrics
    unanswered: int
    unproved: int
    trades: int


def parameters(strategy: Tuned) -> dict[str, Any]:
    """Return what the grid varies of a strategy, by name."""
    risk = {} if isinstance(strategy, RiskParityControl) else {"gamma_risk": strategy.gamma_risk}
    return {"horizon": strategy.horizon, **risk, "gamma_trade": strategy.gamma_trade}


# ------------------------------------------------------------------ how is chosen
FIGURES = {"sharpe": "Sharpe ratio", "return": "return", "calmar": "Calmar ratio"}
TIE = 1e-9  # relative: figures that differ by less are of the same trades, up to rounding


@dataclass(frozen=True)
class Rule:
    """The rule of choice: the largest figure on the training span among the trials that keep every ceiling.

    Parameters
    ----------
    by : {"sharpe", "return", "calmar"}
    max_turnover : float, optional
        A year, bought and sold: 2 is the whole portfolio once.
    max_drawdown : float, optional
        0.2 is a fall by 20 %.
    """

    by: Choice = "sharpe"
    max_turnover: float | None = None
    max_drawdown: float | None = None

    def __post_init__(self) -> None:
        if self.by not in get_args(Choice):
            raise BadData(f"choose is {self.by!r}; choose by sharpe, return or calmar.")
        for name, ceiling in self.ceilings.items():
            if not 0.0 <= ceiling < math.inf:  # NaN fails too
                raise BadData(f"max_{name} is {ceiling:g}; give a number, 0 or more.")
        if self.max_drawdown is not None and self.max_drawdown > 1.0:
            raise BadData(
                f"max_drawdown is {self.max_drawdown:g}, and nothing falls by more than 1; give 0.2 for a fall by 20 %."
            )

    @property
    def ceilings(self) -> dict[str, float]:
        """Those given, by figure."""
        given = {"turnover": self.max_turnover, "drawdown": self.max_drawdown}
        return {name: float(value) for name, value in given.items() if value is not None}

    def __str__(self) -> str:
        """Say the rule, as text."""
        text = f"the highest {FIGURES[self.by]}"
        kept = []
        if self.max_turnover is not None:
            kept.append(f"a turnover of at most {self.max_turnover:g} a year")
        if self.max_drawdown is not None:
            kept.append(f"a drawdown of at most {self.max_drawdown:.3g}")
        return text + (f" among those with {' and '.join(kept)}" if kept else "")

    def figure(self, metrics: Metrics) -> float:
        """Return the figure chosen by."""
        return float(metrics.annual_return if self.by == "return" else getattr(metrics, self.by))

    def allows(self, metrics: Metrics) -> bool:
        """Return whether every ceiling is kept, and the figure is a number."""
        return not (
            math.isnan(self.figure(metrics))
            or (self.max_turnover is not None and metrics.turnover > self.max_turnover)
            or (self.max_drawdown is not None and metrics.max_drawdown > self.max_drawdown)
        )

    def chosen(self, trials: Sequence[Trial]) -> Trial:
        """Return the trial with the largest figure; the first of equals.

        Raises
        ------
        BadData
            When no trial has the figure, or none keeps the ceilings.
        """
        having = [trial for trial in trials if not math.isnan(self.figure(trial.metrics))]
        if not having:
            raise BadData(
                f"no trial has a {self.by} on the training span; give a longer one, or choose by return."
            )
        allowed = [trial for trial in having if self.allows(trial.metrics)]
        if not allowed:
            least = min(t.metrics.turnover for t in having), min(t.metrics.max_drawdown for t in having)
            raise BadData(
                f"no trial keeps the ceilings of the choice: the least turnover of the {len(having)} is {least[0]:.3g} "
                f"a year and the least drawdown {least[1]:.3g}; raise max_turnover or max_drawdown."
            )
        return max(allowed, key=lambda trial: self.figure(trial.metrics))


# ------------------------------------------------------------------ what was found
@dataclass(frozen=True, eq=False, repr=False)
class TuningRecord:
    """What was tried, what was chosen, and how it did on the test span.

    Attributes
    ----------
    source : str
        The file, or what stands for it.
    market : Market
    rule : Rule
        Of the choice.
    train, test : (int, int)
        Rows traded, the last not included.
    trials : tuple of Trial
        On the training span.
    chosen : Trial
    test_run : Simulation
        The chosen strategy on the test span; it was simulated there once, after the choice.
    reference_train, reference_test : Simulation
        Fix-mix on both spans.
    test_context : Context
        Of the test span.
    seconds : float
    walked : Walk or None
        The walk-forward run, where it was asked for.
    """

    source: str
    market: Market
    rule: Rule
    train: tuple[int, int]
    test: tuple[int, int]
    trials: tuple[Trial, ...]
    chosen: Trial
    test_run: Simulation
    reference_train: Simulation
    reference_test: Simulation
    test_context: Context
    seconds: float
    walked: Walk | None = None

    def span(self, which: tuple[int, int]) -> tuple[str, str]:
        """Return first and last date of the rows of a span."""
        return str(self.market.dates[which[0]]), str(self.market.dates[which[1] - 1])

    def dated(self) -> str:
        """Return a sentence with the first and the last date of each span, and how many periods it has."""
        train, test = self.span(self.train), self.span(self.test)
        return (
            f"Trained from {train[0]} to {train[1]} ({self.train[1] - self.train[0]:,} periods), tested from {test[0]} "
            f"to {test[1]} ({self.test[1] - self.test[0]:,} periods)."
        )

    def rank(self, metrics: Metrics) -> int:
        """Return 1 + the number of trials whose figure on the training span is larger by more than a tie."""
        own = self.rule.figure(metrics)
        if math.isnan(own):
            return 1 + len(self.trials)
        figures = [self.rule.figure(trial.metrics) for trial in self.trials]
        return 1 + sum(f > own and not _tied(f, own) for f in figures)

    @property
    def worth(self) -> dict[str, Any]:
        """What the choice is worth: trades made, ties, ranks on the training span, and fix-mix beside it.

        ``trades`` counts the closes at which it traded, ``ties`` the other trials with the same figure, ``rank`` is
        among all trials, whether or not they keep the ceilings, and so is fix-mix's.
        """
        chosen, own = self.chosen, self.rule.figure(self.chosen.metrics)
        tied = [t for t in self.trials if t is not chosen and _tied(self.rule.figure(t.metrics), own)]
        return {
            "trials": len(self.trials),
            "trials_without_trades": sum(trial.trades == 0 for trial in self.trials),
            "chosen": {
                "rank": self.rank(chosen.metrics),
                "ties": len(tied),
                "trades_train": chosen.trades,
                "trades_test": trades_made(self.test_run),
            },
            "fix-mix": {
                "rank": self.rank(self.reference_train.metrics),
                "trades_train": trades_made(self.reference_train),
                "trades_test": trades_made(self.reference_test),
            },
        }

    def verdict(self) -> list[str]:
        """Return sentences that say what the choice is worth; see `worth`."""
        worth, total = self.worth, len(self.trials)
        own, fixed = worth["chosen"], worth["fix-mix"]
        name, what = self.test_run.name, FIGURES[self.rule.by]
        closes = self.train[1] - self.train[0], self.test[1] - self.test[0]
        found = [
            f"The choice has {self.rule} while training; by {what} alone it is number {own['rank']} of {total} trials"
            + (f", with {own['ties']} others the same" if own["ties"] else "")
            + f", and fix-mix would be number {fixed['rank']}."
        ]
        if own["trades_train"] == own["trades_test"] == 0:
            found.append(
                f"The choice never trades, on neither span: its figures are those of the first holdings left alone, "
                f"not of {name}; a smaller gamma_trade trades."
            )
        else:
            found.append(
                f"It traded at {own['trades_train']:,} of {closes[0]:,} closes while training and at "
                f"{own['trades_test']:,} of {closes[1]:,} in the test; fix-mix at {fixed['trades_train']:,} and "
                f"{fixed['trades_test']:,}."
            )
            if own["trades_train"] == 0:
                found.append(
                    "It never traded while training, so what it was chosen for is that of the first holdings."
                )
        still = worth["trials_without_trades"]
        if still:
            found.append(f"{still} of the {total} trials never traded while training.")
        gap = self.rule.figure(self.test_run.metrics) - self.rule.figure(self.reference_test.metrics)
        if math.isfinite(gap):
            found.append(
                f"In the test its {what} is {abs(gap):.3f} {'above' if gap > 0 else 'below'} fix-mix's."
                if abs(gap) >= 5e-4
                else f"In the test its {what} is fix-mix's."
            )
        return found

    @property
    def warnings(self) -> list[str]:
        """Sentences about what is to be doubted: of the data, of the trials, and of the choice in the test."""
        found = [*self.market.warnings]
        found += short_span(self.reference_train, self.market, "traded while training")
        found += short_span(self.reference_test, self.market, "traded in the test")
        for what, flag in (("had no answer", "unanswered"), ("were not proved to be the best", "unproved")):
            counts = [getattr(trial, flag) for trial in self.trials]
            if any(counts):
                found.append(
                    f"While training {sum(c > 0 for c in counts)} of {len(counts)} trials {what} at some closes, at "
                    f"most {max(counts):,}."
                )
        runs = [self.test_run, *([self.walked.run] if self.walked else [])]
        return found + doubts(runs, self.test_context)

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, without the files."""
        spans = {
            name: {**dict(zip(("first", "last"), self.span(rows), strict=True)), "periods": rows[1] - rows[0]}
            for name, rows in (("train", self.train), ("test", self.test))
        }
        found: dict[str, Any] = {
            "source": self.source,
            "calendar": self.market.calendar.document(),
            **spans,
            "choose": self.rule.by,
            "rule": {**asdict(self.rule), "text": str(self.rule)},
            "warnings": self.warnings,
            "trials": [
                parameters(t.strategy)
                | t.metrics.document()
                | {"unanswered": t.unanswered, "unproved": t.unproved, "trades": t.trades}
                for t in self.trials
            ],
            "chosen": parameters(self.chosen.strategy),
            "worth": self.worth | {"text": self.verdict()},
            "out_of_sample": {
                self.test_run.name: self.test_run.metrics.document(),
                "fix-mix": self.reference_test.metrics.document(),
            },
            "in_sample": {
                self.test_run.name: self.chosen.metrics.document(),
                "fix-mix": self.reference_train.metrics.document(),
            },
            "seconds": self.seconds,
        }
        if self.walked is not None:
            found["walk_forward"] = self.walked.document(self.market)
        return found


def _tied(one: float, other: float) -> bool:
    return abs(one - other) <= TIE * max(1.0, abs(one), abs(other))  # NaN never is


def tuned(
    market: Market,
    strategy: Tuned,
    grid: Grid,
    plan: ForecastPlan,
    costs: Costs,
    *,
    train: tuple[int, int],
    test: tuple[int, int],
    rule: Rule,
    rebalance: Rebalance = "daily",
    runner: TaskRunner | None = None,
    walk: tuple[int, int] | None = None,
    account: Account | None = None,
    source: str = "prices",
) -> TuningRecord:
    """Try a grid on the training rows, choose, and simulate the choice on the test rows, once; see `proofolio.tune`.

    What is tried sees no row from the test span on: the training context is built from the market as it was known
    before it.
    """
    began, total = time.perf_counter(), len(market.dates)
    runner = TaskRunner() if runner is None else runner
    (start, middle), (later, stop) = train, test
    if not start < middle <= later < stop <= total:
        raise BadData(
            f"the training rows {start} to {middle - 1} must come before the test rows {later} to "
            f"{stop - 1}, and both hold a period at least."
        )
    candidates = grid.candidates(strategy)
    known = market.until(middle)
    context = prepare(
        known, candidates, plan, start=start, rebalance=rebalance, account=account, runner=runner
    )
    *runs, reference_train = simulate_all(context, [*candidates, FixMix()], costs, runner)
    trials = tuple(
        Trial(candidate, run.metrics, int(run.unanswered.sum()), int(run.unproved.sum()), trades_made(run))
        for candidate, run in zip(candidates, runs, strict=True)
    )
    chosen = rule.chosen(trials)
    context = prepare(
        market,
        [chosen.strategy],
        plan,
        start=later,
        stop=stop,
        rebalance=rebalance,
        account=account,
        runner=runner,
    )
    run, reference_test = simulate_all(context, [chosen.strategy, FixMix()], costs, runner)
    walked = None
    if walk is not None:
        whole = prepare(
            market,
            candidates,
            plan,
            start=start,
            stop=stop,
            rebalance=rebalance,
            account=account,
            runner=runner,
        )
        walked = walk_forward(
            whole, candidates, costs, look_back=walk[0], step=walk[1], rule=rule, runner=runner
        )
    return TuningRecord(
        source, market, rule, train, test, trials, chosen, run, reference_train, reference_test, context,
        time.perf_counter() - began, walked,
    )  # fmt: skip


# ------------------------------------------------------------------ walk-forward
@dataclass(frozen=True)
class Fold:
    """One choice: rows looked back on, rows then traded, which candidate, its figure in the past.

    `kept` is whether it kept the ceilings there; where none did, the largest figure was taken all the same.
    """

    looked_back: tuple[int, int]
    traded: tuple[int, int]
    chosen: int
    figure: float
    kept: bool


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk-forward run, its choices, and fix-mix on the same span."""

    run: Simulation
    folds: tuple[Fold, ...]
    candidates: tuple[Strategy, ...]
    reference: Simulation

    def document(self, market: Market) -> dict[str, Any]:
        """Return the figures and the choices, with dates."""
        return {
            "first": str(self.run.dates[0]),
            "last": str(self.run.dates[-1]),
            "walk-forward": figures_of(self.run),
            "fix-mix": figures_of(self.reference),
            "choices": [
                {
                    "looked_back": [
                        str(market.dates[f.looked_back[0]]),
                        str(market.dates[f.looked_back[1] - 1]),
                    ],
                    "traded": [str(market.dates[f.traded[0]]), str(market.dates[f.traded[1] - 1])],
                    "strategy": self.candidates[f.chosen].name,
                    **_own_parameters(self.candidates[f.chosen]),
                    "figure": f.figure,
                    "kept_ceilings": f.kept,
                }
                for f in self.folds
            ],
        }


def _own_parameters(strategy: Strategy) -> dict[str, Any]:
    return parameters(strategy) if isinstance(strategy, MeanVarianceControl | RiskParityControl) else {}


def walk_forward(
    context: Context,
    candidates: Sequence[Strategy],
    costs: Costs,
    *,
    look_back: int,
    step: int,
    rule: Rule | None = None,
    runner: TaskRunner | None = None,
) -> Walk:
    """Return one run that every `step` periods goes on with the candidate that the rule chooses on the last ones.

    Each candidate runs over the whole context on its own; that is causal, so its returns before a close are what was
    known of it at that close. The portfolio itself is one: when the candidate changes, the holdings stay and the
    new one trades them, at a cost.

    Parameters
    ----------
    context : Context
    candidates : sequence of Strategy
    costs : Costs
    look_back : int
        Periods of the candidates' past that decide; the first trade is made after so many of the context.
    step : int
        Periods between choices.
    rule : Rule, optional
        The highest Sharpe ratio by default; where no candidate keeps its ceilings, they are ignored.
    runner : TaskRunner, optional

    Returns
    -------
    Walk

    Raises
    ------
    BadData
        When the context has no period left after `look_back`, or there is no candidate.
    """
    rule = Rule() if rule is None else rule
    if not candidates or look_back < 2 or step < 1:
        raise BadData(
            "walk-forward needs a candidate, two periods or more to look back on and a step of one or more."
        )
    first = context.start + look_back
    if first >= context.stop:
        raise BadData(
            f"the {context.stop - context.start} periods leave none to trade after {look_back} to look back on; look "
            "back on fewer."
        )
    past = simulate_all(context, candidates, costs, runner)
    runs, folds, holdings, wealth = [], [], None, 1.0
    for start in range(first, context.stop, step):
        stop = min(start + step, context.stop)
        back = (start - look_back - context.start, start - context.start)
        metrics = [run.within(*back) for run in past]
        kept = [rule.allows(m) for m in metrics]
        figures = [rule.figure(m) for m in metrics]
        eligible = kept if any(kept) else [True] * len(figures)
        ranked = [
            f if ok and not math.isnan(f) else -math.inf for f, ok in zip(figures, eligible, strict=True)
        ]
        best = int(np.argmax(ranked))
        account = replace(context.account, value=context.account.value * wealth)
        run = context.run(candidates[best], costs, start=start, stop=stop, holdings=holdings, account=account)
        wealth, holdings = wealth * float(run.wealth[-1]), last_holdings(context.market, run)
        runs.append(run)
        folds.append(Fold((start - look_back, start), (start, stop), best, figures[best], kept[best]))
    reference = context.run(FixMix(), costs, start=first)
    return Walk(_joined(runs), tuple(folds), tuple(candidates), reference)


def _joined(runs: Sequence[Simulation]) -> Simulation:
    joined = {
        name: np.concatenate([getattr(run, name) for run in runs])
        for name in (f.name for f in fields(Simulation))
        if name not in ("name", "start", "seconds", "periods_per_year")
    }
    return Simulation(
        name="walk-forward",
        start=runs[0].start,
        seconds=sum(run.seconds for run in runs),
        periods_per_year=runs[0].periods_per_year,
        **joined,
    )
