"""Strategies on the same periods of a table of prices, and a result that shows what they earned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from proofolio.backtesting.account import Account
from proofolio.backtesting.arguments import require_arguments
from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.charts import (
    drawdown_chart,
    regime_chart,
    risk_chart,
    turnover_chart,
    wealth_chart,
    weights_chart,
)
from proofolio.backtesting.costs import Costs, costs_of
from proofolio.backtesting.experiments import (
    BASIS_POINTS,
    Crisis,
    cost_sensitivity,
    crisis_figures,
    crisis_named,
    regime_summary,
)
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.obedience import under_rules
from proofolio.backtesting.own_strategies import OwnStrategy
from proofolio.backtesting.policy import Strategy
from proofolio.backtesting.results import BacktestRecord
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.rules_file import GivenRules, rules_of
from proofolio.backtesting.simulator import Rebalance, Simulation
from proofolio.backtesting.strategies import keeping_cash, strategies_of
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.views_file import GivenViews, views_of
from proofolio.brief import first_few
from proofolio.charts.figures import image
from proofolio.errors import BadData
from proofolio.progress import Progress, shows_progress
from proofolio.report.backtest import backtest_page, figures_table
from proofolio.report.files import write_page, write_tables
from proofolio.studies.given import market_given, plan_given

__all__ = ["BacktestResult", "backtest"]


@dataclass(frozen=True, eq=False, repr=False)
class BacktestResult(BacktestRecord):
    """What strategies earned: pandas tables by name, charts, a page.

    ``result["mpo"]`` is one strategy's `StrategyRun`: its ``weights``, ``trades``, ``wealth``, ``turnover``,
    ``forecasts`` as tables of pandas. ``result.figures`` has a row a strategy. Charts are matplotlib figures. It can be
    pickled, and two calls with the same arguments give the same but for the seconds.
    """

    def __repr__(self) -> str:
        """Return two lines: span, and the names of the strategies; `str` has a line of figures for each."""
        return f"{self._span}\n  {shorten(first_few(self.names, LINES), 120, placeholder=', ...')}"

    @property
    def _span(self) -> str:
        market, warned = self.context.market, len(self.warnings)
        return (
            f"BacktestResult: {len(self)} strategies on {len(market.names)} assets, "
            f"{market.dates[self.context.start]} to {market.dates[self.context.stop - 1]}"
            + (f"; {warned} warnings" if warned else "")
        )

    def __str__(self) -> str:
        """Return the span and a line a strategy."""
        lines = [self._span]
        for run in self.runs[:LINES]:
            m = run.metrics
            lines.append(
                f"  {run.name:<16} return {m.annual_return:7.1%}  volatility {m.volatility:6.1%}  "
                f"Sharpe {m.sharpe:6.2f}  turnover {m.turnover:6.2f}"
            )
        if len(self) > LINES:
            lines.append(f"  and {len(self) - LINES} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the table of figures, the picture of wealth and the warnings, for a notebook."""
        from html import escape

        warned = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.warnings)
        return figures_table(self).html() + image(self.plot()) + warned

    def to_frame(self) -> pd.DataFrame:
        """Return the figures, a row a strategy."""
        return self.figures

    # ------------------------------------------------------------------ tables
    def regimes(self) -> pd.DataFrame | None:
        """Return mean, volatility and correlations of every asset within each regime; see `regime_summary`."""
        return regime_summary(self.context)

    def cost_sensitivity(self, basis_points: Sequence[float] = BASIS_POINTS) -> pd.DataFrame:
        """Return Sharpe ratios, a row a strategy, a column a cost in basis points of what is traded.

        Nothing is solved again: what is charged changes neither weights nor trades.
        """
        tried = cost_sensitivity(self.context, self.runs, basis_points)
        columns = {bp: [run.metrics.sharpe for run in runs] for bp, runs in tried.items()}
        return pd.DataFrame(columns, index=pd.Index(self.names, name="strategy")).rename_axis(columns="bp")

    def crisis(self, crisis: str | Crisis | tuple[str, str]) -> pd.DataFrame:
        """Return what happened within a crisis, as part of the whole runs: nothing begins anew there.

        Parameters
        ----------
        crisis : str, Crisis or (first, last)
            A name of `proofolio.backtesting.experiments.CRISES`, or two dates.

        Returns
        -------
        DataFrame
            A row a strategy with its figures; columns ``("figures", ...)``, ``("mean weight", asset)`` and
            ``("asset return", asset)``.

        Raises
        ------
        BadData
            When fewer than two of its periods were traded.
        """
        named = crisis_named(crisis)
        found = crisis_figures(self.context, self.runs, [named], least=2)
        if not found:
            dates = self.runs[0].dates
            raise BadData(
                f"fewer than two periods of {named.name} ({named.first} to {named.last}) were traded; this backtest "
                f"runs from {dates[0]} to {dates[-1]}."
            )
        names = self.context.market.names
        parts = {
            "figures": pd.DataFrame([c.metrics.document() for c in found]),
            "mean weight": pd.DataFrame([c.weights.mean(axis=0) for c in found], columns=list(names)),
            "asset return": pd.DataFrame([dict(c.assets) for c in found]),
        }
        return pd.concat(parts, axis=1).set_axis(pd.Index([c.strategy for c in found], name="strategy"))

    # ------------------------------------------------------------------ charts
    def plot(self) -> Figure:
        """Draw what one unit became under each strategy, on a logarithmic scale."""
        return wealth_chart(self.runs)

    def plot_drawdown(self) -> Figure:
        """Draw how far each strategy was below its highest close."""
        return drawdown_chart(self.runs)

    def plot_turnover(self) -> Figure:
        """Draw what each strategy has traded so far."""
        return turnover_chart(self.runs)

    def plot_weights(self, *names: str) -> Figure:
        """Draw the weights of these strategies over time, or of all whose weights move."""
        chosen = [self[name].simulation for name in names] if names else self.runs
        figure = weights_chart(chosen, self.context.market.names, still=bool(names))
        return _drawn(figure, "weights", "the weights of no strategy move")

    def plot_regimes(self) -> Figure:
        """Draw the filtered probability of each regime over time."""
        return _drawn(regime_chart(self.context), "regimes", "no strategy decided on regimes")

    def plot_risk(self) -> Figure:
        """Draw the mean share of each asset in each strategy's risk, under the forecasts."""
        return _drawn(risk_chart(self.context, self.runs), "risk", "no strategy decided on forecasts")

    # ------------------------------------------------------------------ files
    def to_html(self, path: str | Path) -> Path:
        """Write the report as one page, with the crises and other costs, and return where it is.

        Raises
        ------
        BadData
            When it cannot be written.
        """
        place = Path(path)
        whole = replace(
            self,
            crises=self.crises or crisis_figures(self.context, self.runs),
            costs_tried=self.costs_tried or cost_sensitivity(self.context, self.runs),
        )
        write_page(place, backtest_page(whole), named=True)
        return place

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write ``figures.csv``, ``wealth.csv`` and, a strategy, ``weights-NAME.csv`` and ``trades-NAME.csv``.

        Raises
        ------
        BadData
            When the folder or a file in it cannot be written.
        """
        return write_tables(Path(folder), self.tables())


LINES = 12  # strategies that `repr` shows


def _drawn(figure: Figure | None, what: str, why: str) -> Figure:
    if figure is None:
        raise BadData(f"there is no chart of {what}, since {why}.")
    return figure


@shows_progress("backtest")
def backtest(
    prices: Market | pd.DataFrame,
    strategies: Sequence[Strategy | str] | Strategy | str | None = None,
    *,
    rules: GivenRules = None,
    cost_bps: float = 10.0,
    costs: Costs | float | None = None,
    start: int | str | None = None,
    stop: int | str | None = None,
    rebalance: Rebalance = "daily",
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
    cash: str | bool = False,
    account: Account | None = None,
    plan: ForecastPlan | None = None,
    jobs: int = 1,
    folder: str | Path | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    views: GivenViews = None,
    **forecasts: Any,
) -> BacktestResult:
    """Backtest strategies on the same periods of a table of prices.

    Forecasts are made once, period by period, from those before only, and shared by the strategies. At each close a
    strategy is given the returns so far, its forecast and its drifted holdings, and nothing later.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    strategies : sequence of Strategy or str, optional
        Names are those of the command line (``"fix-mix"``, ``"mpo"``, ``"mpo-rp"``, ``"erc-no-hmm"``, ...), with their
        defaults, see `proofolio.backtesting.strategies`; your own are made by `strategy`. By default ``"fix-mix"`` and
        ``"mpo"``; under rules, which fix-mix cannot obey, ``"mpo"``.
    rules : path, mapping or PlanSet, optional
        What every trade leads to obeys: a TOML file, a dictionary of its keys (``{"weights": {"upper": 0.4}}``), or a
        plan set of the assets in their order; see `proofolio.backtesting.rules_file`.
    cost_bps : float
        Basis points of what is traded.
    costs : Costs or float, optional
        A model of costs instead, such as `proofolio.backtesting.costs.SpreadAndImpact`, or a fraction of what is
        traded: 0.001 is 10 basis points.
    start, stop : int or str, optional
        First and last date traded, or rows (the last not included); all after the window by default.
    rebalance : {"daily", "weekly", "monthly"}
    risk_free : str or float
        A column (see `risk_free_as`), or a yearly rate.
    risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
        What the column holds; prices by default.
    periods_per_year : float, optional
        By default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
    cash : str or bool
        A column that is cash, such as a fund of short bills: it is no asset then, and its returns are the risk-free
        rate. Those that ask for cash may keep it, free of cost: ``"spo"`` and ``"mpo"``, also at the rate of
        `risk_free` with True, and strategies of your own made with ``cash=True``.
    account : Account, optional
        The money, and what shorts and money owed pay; a million and nothing by default.
    plan : ForecastPlan, optional
        All options of the forecasts.
    jobs : int
        Processes.
    folder : path, optional
        Results are kept there, and found again instead of computed.
    scheduler : str, optional
        Address of a dask scheduler, instead of processes here.
    progress : function of (what, done, total), optional
        A bar by default in a notebook, and nothing elsewhere.
    views : Views, ViewControl or path, optional
        What the strategies ``"views"``, ``"views-static:C"`` and ``"views-placebo"`` follow; a path is a TOML file.
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    BacktestResult

    Raises
    ------
    BadData
        For a table that is not sound, an unknown strategy, asset or option, no period to trade, or rules that leave no
        plan or that a strategy cannot obey.

    Examples
    --------
    >>> import proofolio as pf
    >>> prices = pf.load_prices().loc["2019":, ["KO", "XOM", "JPM", "MSFT"]]
    >>> result = pf.backtest(prices, ["fix-mix", "erc-no-hmm"], window=250, start="2020-06-01", stop="2021-12-31")
    >>> result.figures["return"].round(3).to_dict()
    {'fix-mix': 0.357, 'erc-no-hmm': 0.352}
    >>> result["erc-no-hmm"].weights.iloc[-1].round(3).to_dict()
    {'KO': 0.333, 'XOM': 0.164, 'JPM': 0.23, 'MSFT': 0.272}
    """
    began = time.perf_counter()
    require_arguments(
        cost_bps=cost_bps, costs=costs, start=start, stop=stop, rebalance=rebalance, risk_free=risk_free,
        risk_free_as=risk_free_as, periods_per_year=periods_per_year, account=account, plan=plan, jobs=jobs,
        folder=folder, scheduler=scheduler, progress=progress,
    )  # fmt: skip
    market = market_given(prices, risk_free, risk_free_as, periods_per_year, cash)
    charge = costs_of(costs, cost_bps)
    plan = plan_given(backtest, market, plan, forecasts)
    obeyed = rules_of(rules, market.names)
    if strategies is None:
        usual = ("fix-mix", "mpo") if views is None else ("fix-mix", "market", "views")
        strategies = ("mpo",) if obeyed is not None and obeyed.restricts else usual
    followed = views_of(views, market.names)
    named = strategies_of(strategies, market.names, market.calendar.periods_per_year, followed)
    if cash is not False:
        named = keeping_cash(named, cash if isinstance(cash, str) else None)
    first = market.first_row(start, plan.window)
    chosen, plan = under_rules(
        obeyed, [_placed(s, plan.window) for s in named], plan, charge, market, first - 1,
        (account or Account()).value,
    )  # fmt: skip
    runner = TaskRunner(jobs, None if folder is None else Path(folder), scheduler, progress)
    return record_of(
        market, chosen, charge, plan, start=first,
        stop=market.stop_row(stop, len(market.dates)), rebalance=rebalance, account=account, runner=runner, began=began,
    )  # fmt: skip


def _placed(strategy: Strategy, window: int) -> Strategy:
    """Return a strategy as this backtest runs it: a function with the window."""
    return (
        replace(strategy, window=window)
        if isinstance(strategy, OwnStrategy) and strategy.window is None
        else strategy
    )


def record_of(
    market: Market,
    strategies: Sequence[Strategy],
    costs: Costs,
    plan: ForecastPlan,
    *,
    start: int,
    stop: int,
    rebalance: Rebalance,
    runner: TaskRunner,
    began: float,
    account: Account | None = None,
    source: str = "prices",
    options: dict[str, str] | None = None,
) -> BacktestResult:
    """Run strategies between two rows and return the result; `began` is when the clock started."""
    context = prepare(
        market, strategies, plan, start=start, stop=stop, rebalance=rebalance, account=account, runner=runner
    )
    runs: list[Simulation] = simulate_all(context, strategies, costs, runner)
    return BacktestResult(
        source=source,
        context=context,
        runs=tuple(runs),
        options=options
        if options is not None
        else {"regime assets": ", ".join(market.names[i] for i in plan.driving)},
        seconds=time.perf_counter() - began,
        needs={strategy.name: strategy.needs for strategy in strategies},
    )
