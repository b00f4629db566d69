"""A grid of parameters tried on a training span, a choice, its test, and a result that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from proofolio.backtesting.account import Account
from proofolio.backtesting.arguments import require_arguments
from proofolio.backtesting.charts import wealth_chart
from proofolio.backtesting.costs import Costs, costs_of
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.obedience import under_rules
from proofolio.backtesting.results import StrategyRun
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.rules_file import GivenRules, rules_of
from proofolio.backtesting.simulator import Rebalance
from proofolio.backtesting.strategies import keeping_cash
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.tuning import (
    Choice,
    Grid,
    Rule,
    Tuned,
    TuningRecord,
    grid_of,
    parameters,
    tunable,
    tuned,
)
from proofolio.backtesting.views_file import GivenViews, views_of
from proofolio.charts.figures import image
from proofolio.progress import Progress, shows_progress
from proofolio.report.files import write_page
from proofolio.report.tuning import compared_table, grid_chart, tuning_page
from proofolio.studies.given import market_given, plan_given

__all__ = ["TuningResult", "tune"]


@dataclass(frozen=True, eq=False, repr=False)
class TuningResult(TuningRecord):
    """What was tried, what was chosen, what that is worth: tables of pandas, charts, a page.

    ``result.trials_table`` has a row a combination, ``result.run`` is the `StrategyRun` of the choice on the test span,
    and ``result.verdict()`` says what the choice is worth.
    """

    def __repr__(self) -> str:
        """Return two lines: what was chosen, and of how many trials; `str` says what it is worth."""
        chosen = ", ".join(f"{k}={v:g}" for k, v in parameters(self.chosen.strategy).items())
        tried = f"{len(self.trials)} trials; Sharpe ratio {self.test_run.metrics.sharpe:.2f} in the test"
        return f"TuningResult: {self.test_run.name} with {chosen}\n  {tried}"

    def __str__(self) -> str:
        """Return a few lines: what was chosen, and what it is worth."""
        return "\n".join([repr(self), self.dated(), *self.verdict(), *self.warnings])

    def _repr_html_(self) -> str:
        """Return the choice on both spans and what it is worth, for a notebook."""
        from html import escape

        said = "".join(f"<p>{escape(line)}</p>" for line in (self.dated(), *self.verdict(), *self.warnings))
        return said + compared_table(self).html() + image(self.plot())

    def to_frame(self) -> pd.DataFrame:
        """Return `trials_table`: a row a combination."""
        return self.trials_table

    @property
    def trials_table(self) -> pd.DataFrame:
        """A row a combination: its parameters, its figures on the training span, and whether it was chosen."""
        rows = [
            parameters(t.strategy)
            | t.metrics.document()
            | {
                "trades": t.trades,
                "unanswered": t.unanswered,
                "unproved": t.unproved,
                "chosen": t is self.chosen,
            }
            for t in self.trials
        ]
        return pd.DataFrame(rows)

    @property
    def figures(self) -> pd.DataFrame:
        """The choice and fix-mix on both spans."""
        rows = {
            ("train", self.test_run.name): self.chosen.metrics,
            ("train", "fix-mix"): self.reference_train.metrics,
            ("test", self.test_run.name): self.test_run.metrics,
            ("test", "fix-mix"): self.reference_test.metrics,
        }
        index = pd.MultiIndex.from_tuples(list(rows), names=["span", "strategy"])
        return pd.DataFrame([m.document() for m in rows.values()], index=index)

    @property
    def run(self) -> StrategyRun:
        """The choice on the test span."""
        book = self.test_context.book(self.chosen.strategy.needs)
        return StrategyRun(self.test_run, self.test_context, book)

    def plot(self) -> Figure:
        """Draw the figure chosen by over the grid, a panel a horizon."""
        return grid_chart(self)

    def plot_test(self) -> Figure:
        """Draw what one unit became on the test span, of the choice and of fix-mix."""
        return wealth_chart([self.test_run, self.reference_test])

    def to_html(self, path: str | Path) -> Path:
        """Write the report as one page, and return where it is."""
        place = Path(path)
        write_page(place, tuning_page(self), named=True)
        return place


@shows_progress("tune")
def tune(
    prices: Market | pd.DataFrame,
    strategy: Tuned | str = "mpo",
    grid: Grid | Mapping[str, Sequence[float]] | str | None = None,
    *,
    rules: GivenRules = None,
    cost_bps: float = 10.0,
    costs: Costs | float | None = None,
    train: tuple[int | str | None, int | str | None] | None = None,
    test: tuple[int | str | None, int | str | None] | None = None,
    choose: Choice = "sharpe",
    max_turnover: float | None = None,
    max_drawdown: float | None = None,
    walk_forward: tuple[int, int] | None = None,
    rebalance: Rebalance = "daily",
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
    plan: ForecastPlan | None = None,
    jobs: int = 1,
    folder: str | Path | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    views: GivenViews = None,
    cash: str | bool = False,
    **forecasts: Any,
) -> TuningResult:
    """Try a grid of parameters on a training span, choose by a rule, and simulate the choice on the test span, once.

    Forecasts are made once a span, for the longest horizon, and shared by the trials. What is tried sees no row
    from the test span on.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    strategy : MeanVarianceControl, RiskParityControl or str
        What is not on the grid is taken from it; a name is ``"mpo"``, ``"mpo-rp"``, or these with ``-no-hmm``.
    grid : Grid, mapping or str, optional
        Lists like ``{"horizon": [1, 5], "gamma_risk": [5], "gamma_trade": [1e-3, 1e-2]}``, or ``"published"`` for the
        432 combinations of the paper (72 for mpo-rp, which has no gamma_risk).
    rules : path, mapping or PlanSet, optional
        As for `backtest`; every combination obeys them, and fix-mix, which it is compared with, does not.
    cost_bps : float
        Basis points of what is traded.
    costs : Costs or float, optional
        A model of costs instead, or a fraction of what is traded: 0.001 is 10 basis points.
    train, test : (first, last), optional
        Dates, or rows (the last not included), of the periods traded; the training span ends before the test span
        begins. By default the halves of what follows the window.
    choose : {"sharpe", "return", "calmar"}
        The largest on the training span is chosen, the first of equals,
    max_turnover, max_drawdown : float, optional
        among the combinations that keep these ceilings there: turnover a year, bought and sold; 0.2 is a fall by 20 %.
    walk_forward : (look_back, step), optional
        Also run over both spans, choosing anew every `step` periods by the last `look_back`.
    rebalance : {"daily", "weekly", "monthly"}
    risk_free : str or float
        A column (see `risk_free_as`), or a yearly rate.
    risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
        What the column holds; prices by default.
    periods_per_year : float, optional
        By default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
    plan : ForecastPlan, optional
        All options of the forecasts.
    jobs, folder, scheduler, progress
        As for `backtest`.
    views : Views, ViewControl or path, optional
        What ``"views"`` follows, as for `backtest`; each combination is then of its horizon, risk and costs.
    cash : str or bool
        As for `backtest`: mpo may keep it, with every combination.
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    TuningResult

    Raises
    ------
    BadData
        When the spans overlap or are empty, no trial has the figure to choose by or keeps the ceilings, or the
        strategy has no parameters.

    Examples
    --------
    >>> import proofolio as pf
    >>> prices = pf.load_prices().loc["2019":"2020", ["KO", "XOM", "JPM", "MSFT"]]
    >>> grid = {"horizon": [1, 2], "gamma_risk": [5], "gamma_trade": [0.001, 0.1]}
    >>> found = pf.tune(prices, "mpo-no-hmm", grid, window=250)
    >>> len(found.trials), found.chosen.strategy.horizon, found.chosen.strategy.gamma_trade
    (4, 2, 0.001)
    >>> round(found.test_run.metrics.sharpe, 2), round(found.reference_test.metrics.sharpe, 2)
    (1.12, 1.56)
    """
    require_arguments(
        cost_bps=cost_bps, costs=costs, train=train, test=test, choose=choose, max_turnover=max_turnover,
        max_drawdown=max_drawdown, walk_forward=walk_forward, rebalance=rebalance, risk_free=risk_free,
        risk_free_as=risk_free_as, periods_per_year=periods_per_year, plan=plan, jobs=jobs, folder=folder,
        scheduler=scheduler, progress=progress,
    )  # fmt: skip
    market = market_given(prices, risk_free, risk_free_as, periods_per_year, cash)
    lists = grid_of(grid)
    rule, charge = Rule(choose, max_turnover, max_drawdown), costs_of(costs, cost_bps)
    plan = plan_given(tune, market, plan, forecasts)
    total = len(market.dates)
    first, last = train or (None, None)
    start = market.first_row(first, plan.window)
    candidate: Any = tunable(strategy, market.names, views_of(views, market.names))
    if cash is not False:
        (candidate,) = keeping_cash([candidate])
    (candidate,), plan = under_rules(
        rules_of(rules, market.names), [candidate], plan, charge, market, start - 1, Account().value
    )
    middle = market.stop_row(last, start + (total - start) // 2)
    first, last = test or (None, None)
    later, stop = market.first_row(first, middle), market.stop_row(last, total)
    record = tuned(
        market, candidate, lists, plan, charge, train=(start, middle), test=(later, stop), rule=rule,
        rebalance=rebalance, runner=TaskRunner(jobs, None if folder is None else Path(folder), scheduler, progress),
        walk=walk_forward,
    )  # fmt: skip
    return shown(record)


def shown(record: TuningRecord) -> TuningResult:
    """Return a record as a result that shows itself."""
    return TuningResult(**vars(record))
