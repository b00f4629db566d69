"""The report of a backtest: what it found, as a table and as a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from proofolio.backtesting.backtests import Context
from proofolio.backtesting.charts import (
    cost_chart,
    drawdown_chart,
    regime_chart,
    risk_chart,
    turnover_chart,
    wealth_chart,
    weights_chart,
)
from proofolio.backtesting.experiments import regime_summary
from proofolio.backtesting.results import BacktestRecord, closes_asked
from proofolio.backtesting.simulator import Simulation
from proofolio.backtesting.strategies import WITHOUT
from proofolio.charts.figures import inline_svg
from proofolio.report.environment import machine, package_versions
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Cell, Table

__all__ = ["LESS_NEEDED", "backtest_page", "figures_table", "span_text"]


def span_text(context: Context) -> str:
    """Return the first and last day traded, as text."""
    return f"{context.market.dates[context.start]} to {context.market.dates[context.stop - 1]}"


def traded_text(context: Context) -> str:
    """Return how often is traded, as text: the name "daily" stands for every row, of a weekly table too."""
    return "every period" if context.rebalance == "daily" else context.rebalance


CORRELATED = 12  # assets whose correlations fit beside one another on a page; of more, the CSV has them
# On a narrow terminal the first of these that are too many are left out.
LESS_NEEDED = ("worst month", "against fix-mix", "Calmar", "cost", "volatility", "answered")
HEAD = (
    "strategy",
    "return",
    "volatility",
    "Sharpe",
    "max drawdown",
    "Calmar",
    "turnover",
    "against fix-mix",
    "cost",
    "worst month",
)


def backtest_page(result: BacktestRecord) -> str:
    """Return the page."""
    runs, context = result.runs, result.context
    without = any(run.name.endswith(WITHOUT) for run in runs)
    best = max(runs, key=lambda run: _or(run.metrics.sharpe, -math.inf))
    shallow = min(runs, key=lambda run: run.metrics.max_drawdown)
    parts = [
        tiles(
            [
                (f"{context.stop - context.start:,}", f"periods traded, {span_text(context)}", ""),
                (str(len(runs)), f"strategies on {len(context.market.names)} assets", ""),
                (f"{best.metrics.sharpe:.2f}", f"highest Sharpe ratio: {best.name}", ""),
                (_percent(shallow.metrics.max_drawdown), f"smallest max drawdown: {shallow.name}", ""),
            ]
        ),
        _table_section(result),
        section(
            "Wealth and drawdown",
            chart(
                inline_svg(wealth_chart(runs)),
                "One unit invested at the start, after costs; logarithmic."
                + (" Dashed: the same strategy without the hidden Markov model." if without else ""),
            ),
            chart(inline_svg(drawdown_chart(runs)), "Loss from the highest close so far."),
        ),
        _regime_section(result),
        _weights_section(result),
        _risk_section(result),
        section(
            "Turnover",
            chart(
                inline_svg(turnover_chart(runs)),
                "Sum of ‖u‖₁ over the trades so far, bought and sold, in portfolios; logarithmic.",
            ),
        ),
        _crisis_section(result),
        _cost_section(result),
        _solver_section(result),
        _how_section(result),
    ]
    return page(
        "Backtest",
        f"{result.source}: {context.market.calendar}, {len(context.market.names)} assets, {span_text(context)}, traded "
        f"{traded_text(context)}. Every "
        "decision uses only what was known at the close on which it was made.",
        [part for part in parts if part],
        footer="Past returns of a rule chosen afterwards say little about its future ones.",
    )


def figures_table(result: BacktestRecord) -> Table:
    """Return the figures of every run."""
    rows = [_figures(run, result.reference) for run in result.runs]
    if not any(run.unanswered.any() for run in result.runs):
        return Table(HEAD, rows, range(1, len(HEAD)))
    # Beside the figures: those of a strategy without answers are those of its first holdings.
    asked = closes_asked(result.runs[0], result.context)
    answered = [f"{asked - int(run.unanswered.sum()):,} of {asked:,}" for run in result.runs]
    rows = [[row[0], text, *row[1:]] for row, text in zip(rows, answered, strict=True)]
    return Table((HEAD[0], "answered", *HEAD[1:]), rows, range(1, len(HEAD) + 1))


def _figures(run: Simulation, reference: Simulation | None) -> list[str]:
    m = run.metrics
    against = ""
    if reference is not None and reference.metrics.turnover > 0:
        change = m.turnover / reference.metrics.turnover - 1.0
        against = "" if run is reference else f"{100 * change:+.0f} %"
    return [
        run.name,
        _percent(m.annual_return),
        _percent(m.volatility),
        _number(m.sharpe),
        _percent(m.max_drawdown),
        _number(m.calmar),
        f"{m.turnover:.2f}",
        against,
        f"{1e4 * m.costs:.1f} bp",
        f"{_percent(m.worst_month)} {m.worst_month_name}",
    ]


def _table_section(result: BacktestRecord) -> str:
    return section(
        "Figures",
        figures_table(result).html("dense"),
        paragraph(
            f"Return, volatility, turnover and cost are those of a year; rows are {result.context.market.calendar}. "
            "Sharpe is over the risk-free rate. Turnover is the sum of `|u|` over all trades, bought and sold: 2 is "
            "the whole portfolio once. Cost is a fraction of the portfolio."
        ),
        *(paragraph(sentence, "bad") for sentence in result.warnings),
    )


def _regime_section(result: BacktestRecord) -> str:
    figure, summary = regime_chart(result.context), regime_summary(result.context)
    if figure is None or summary is None:
        return ""
    rows = [
        [
            str(regime),
            str(asset),
            f"{periods:.0f}",
            _percent(mean),
            _percent(volatility),
            *map(_number, correlations),
        ]
        for (regime, asset), (periods, mean, volatility, *correlations) in zip(
            summary.index, summary.to_numpy(), strict=True
        )
    ]
    names = result.context.market.names
    shown = names if len(names) <= CORRELATED else ()
    head = ("regime", "asset", "periods", "mean", "volatility", *(f"with {name}" for name in shown))
    return section(
        "Regimes",
        chart(
            inline_svg(figure),
            f"Probability given the returns up to each close (filtered, not smoothed), from "
            f"{result.options.get('regime assets', 'the driving series')}; the model is refitted as time goes on.",
        ),
        paragraph(
            "Mean and volatility of each asset a year, and its correlations, over the periods at whose close the "
            "regime was believed in. It describes the span; no decision was made on it."
        ),
        Table(head, [row[: len(head)] for row in rows], range(2, len(head))).html("dense"),
    )  # fmt: skip


def _weights_section(result: BacktestRecord) -> str:
    figure = weights_chart(result.runs, result.context.market.names)
    if figure is None:
        return ""
    caption = "Strategies whose weights hardly move are left out."
    return section("Weights", chart(inline_svg(figure), caption))


def _risk_section(result: BacktestRecord) -> str:
    figure = risk_chart(result.context, result.runs)
    if figure is None:
        return ""
    return section(
        "Risk contributions",
        chart(
            inline_svg(figure),
            "Share of each asset in the portfolio's variance, in percent, under the covariance forecast for the next "
            "period; mean over every fifth close. Equal contributions would be "
            f"{100 / len(result.context.market.names):.1f} each.",
        ),
    )


def _crisis_section(result: BacktestRecord) -> str:
    if not result.crises:
        return ""
    names = result.names
    crises = list(dict.fromkeys(c.crisis for c in result.crises))
    found = {(c.crisis, c.strategy): c for c in result.crises}
    rows = [
        [name]
        + [
            f"{_percent(found[c, name].metrics.total_return)} / {_percent(found[c, name].metrics.max_drawdown)}"
            for c in crises
        ]
        for name in names
    ]
    head = ["strategy"]
    for c in crises:
        one = found[c, names[0]]
        head.append(f"{c.name}, {one.first} to {one.last}, {one.metrics.days} periods")
    zooms = []
    for c in crises:
        assets = found[c, names[0]].assets
        mean = [found[c, name].weights.mean(axis=0) for name in names]
        lines = [
            [asset, _percent(grown), *(_percent(weights[i]) for weights in mean)]
            for i, (asset, grown) in enumerate(assets.items())
        ]
        zooms.append(f"<h3>{c.name}: what each asset did, and its mean weight</h3>")
        zooms.append(Table(("asset", "return", *names), lines, range(1, len(names) + 2)).html("dense"))
    return section(
        "In the crises",
        paragraph(
            "Return over the span / deepest fall within it. The span is the periods of the crisis that were traded, "
            "each earned from the close before it; the runs go on through it, and none begins anew."
        ),
        Table(head, rows, range(1, len(head))).html("dense"),
        *zooms,
    )


def _cost_section(result: BacktestRecord) -> str:
    tried = result.costs_tried
    if not tried:
        return ""
    head = ["strategy", *(f"{bp:g} bp" for bp in tried)]
    rows = [
        [run.name, *(_number(runs[k].metrics.sharpe) for runs in tried.values())]
        for k, run in enumerate(next(iter(tried.values())))
    ]
    return section(
        "If trading cost more, or less",
        chart(
            inline_svg(cost_chart(tried)),
            "Sharpe ratio. Only what is charged changes; the strategies' own trade aversion stays as it is.",
        ),
        Table(head, rows, range(1, len(head))).html(),
    )


def _solver_section(result: BacktestRecord) -> str:
    if not result.solvers:
        return ""
    head = ("method", "H", "γ trade", "ms", "ex ante mean", "max", "ex post mean", "max", "objective", "worse on",
            "least weight", "failed")  # fmt: skip
    rows = [
        [
            r.method,
            str(r.horizon),
            f"{r.gamma_trade:g}",
            f"{r.milliseconds:.1f}",
            f"{r.ante_mean:.2e}",
            f"{r.ante_max:.2e}",
            f"{r.post_mean:.3f}",
            f"{r.post_max:.3f}",
            f"{r.objective:.3e}",
            f"{r.worse}/{r.days}",
            f"{r.least_weight:.1e}",
            f"{r.failed}/{r.days}",
        ]
        for r in result.solvers
    ]
    return section(
        "Successive convex approximation against SLSQP",
        paragraph(
            "The same risk-parity program, solved from holdings of 1/n at closes spread over the span. Errors are L1 "
            "distances of risk contributions from 1/n: ex ante under the forecast, ex post under the 60 periods that "
            "followed. `worse on` counts closes with an objective above the other method's."
        ),
        Table(head, rows, range(1, len(head))).html("dense"),
    )


def _how_section(result: BacktestRecord) -> str:
    where = machine()
    versions = ", ".join(f"{name} {found}" for name, found in package_versions().items() if found)
    shown = dict(result.options) | (
        {"rebalance": traded_text(result.context)} if "rebalance" in result.options else {}
    )
    rows: list[Sequence[Cell]] = [[name, value] for name, value in shown.items()]
    return section(
        "How it was made",
        Table(("option", "value"), rows).html("compact"),
        paragraph(
            f"{result.seconds:.0f} s on {where['processor']}, {where['cores']} cores, {where['system']}, "
            f"{where['python']}; {versions}."
        ),
    )


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.1f} %"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _or(value: float, instead: float) -> float:
    return instead if math.isnan(value) else value
