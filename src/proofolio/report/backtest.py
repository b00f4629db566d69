"""The report of a backtest: what it found, as JSON, as a table and as a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proofolio.backtesting.backtests import Context, CrisisFigures
from proofolio.backtesting.simulator import Simulation
from proofolio.backtesting.solver_comparison import SolverRow
from proofolio.report.backtest_charts import (
    cost_chart,
    drawdown_chart,
    regime_chart,
    risk_chart,
    turnover_chart,
    wealth_chart,
    weights_chart,
)
from proofolio.report.environment import machine, package_versions
from proofolio.report.figures import inline_svg
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Cell, Table

__all__ = ["BacktestResult", "backtest_page", "figures_table", "span_text"]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """One call of the command.

    Attributes
    ----------
    source : str
        The file.
    scene : Context
    runs : list of Simulation
    options : dict
        As given, as text.
    seconds : float
    costs_tried : dict of list of Simulation
        By basis points; empty when not asked for.
    crises : list of CrisisFigures
    solvers : list of SolverRow
        SCA against SLSQP; empty when not asked for.
    """

    source: str
    scene: Context
    runs: list[Simulation]
    options: dict[str, str]
    seconds: float
    costs_tried: dict[float, list[Simulation]] = field(default_factory=dict)
    crises: list[CrisisFigures] = field(default_factory=list)
    solvers: list[SolverRow] = field(default_factory=list)

    @property
    def reference(self) -> Simulation | None:
        """The fix-mix, if it ran: turnovers are compared with its."""
        return next((run for run in self.runs if run.name == "fix-mix"), None)

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, without the files."""
        scene = self.scene
        found: dict[str, Any] = {
            "source": self.source,
            "span": {
                "first": str(scene.market.dates[scene.start]),
                "last": str(scene.market.dates[scene.stop - 1]),
                "days": scene.stop - scene.start,
                "known_before": scene.start,
            },
            "assets": list(scene.market.names),
            "options": self.options,
            "strategies": {
                run.name: {
                    **run.metrics.document(),
                    "unanswered": int(run.unanswered.sum()),
                    "unproved": int(run.unproved.sum()),
                    "collapsed": int(run.collapsed.sum()),
                    "seconds": run.seconds,
                }
                for run in self.runs
            },
            "seconds": self.seconds,
        }
        if self.costs_tried:
            found["cost_sensitivity"] = {
                f"{bp:g}": {run.name: run.metrics.document() for run in runs}
                for bp, runs in self.costs_tried.items()
            }
        if self.crises:
            found["crises"] = [
                {
                    "crisis": c.crisis.name,
                    "first": c.first,
                    "last": c.last,
                    "strategy": c.strategy,
                }
                | c.metrics.document()
                for c in self.crises
            ]
        if self.solvers:
            found["sca_against_slsqp"] = [row.document() for row in self.solvers]
        return found


def span_text(scene: Context) -> str:
    """Return the first and last day traded, as text."""
    return f"{scene.market.dates[scene.start]} to {scene.market.dates[scene.stop - 1]}"


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


def backtest_page(result: BacktestResult) -> str:
    """Return the page."""
    runs, scene = result.runs, result.scene
    best = max(runs, key=lambda run: _or(run.metrics.sharpe, -math.inf))
    shallow = min(runs, key=lambda run: run.metrics.max_drawdown)
    parts = [
        tiles(
            [
                (f"{scene.stop - scene.start:,}", f"days traded, {span_text(scene)}", ""),
                (str(len(runs)), f"strategies on {len(scene.market.names)} assets", ""),
                (f"{best.metrics.sharpe:.2f}", f"highest Sharpe ratio: {best.name}", ""),
                (_percent(shallow.metrics.max_drawdown), f"smallest max drawdown: {shallow.name}", ""),
            ]
        ),
        _table_section(result),
        section(
            "Wealth and drawdown",
            chart(
                inline_svg(wealth_chart(runs)),
                "One unit invested at the start, after costs; logarithmic. Dashed: the same strategy without the "
                "hidden Markov model.",
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
        f"{result.source}: {len(scene.market.names)} assets, {span_text(scene)}, traded {scene.rebalance}. Every "
        "decision uses only what was known at the close on which it was made.",
        [part for part in parts if part],
        footer="Past returns of a rule chosen afterwards say little about its future ones.",
    )


def figures_table(result: BacktestResult) -> Table:
    """Return the figures of every run."""
    return Table(HEAD, [_figures(run, result.reference) for run in result.runs], range(1, len(HEAD)))


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


def _table_section(result: BacktestResult) -> str:
    unanswered = [f"{run.name} on {run.unanswered.sum()}" for run in result.runs if run.unanswered.any()]
    notes = [
        paragraph(
            "Return, volatility, turnover and cost are a year. Sharpe is over the risk-free rate. Turnover is the sum "
            "of `|u|` over all trades, bought and sold: 2 is the whole portfolio once. Cost is a fraction of the "
            "portfolio."
        )
    ]
    if unanswered:
        notes.append(
            paragraph(
                f"On some days there was no answer, and the holdings were kept: {', '.join(unanswered)} of "
                f"{len(result.runs[0].dates)} days."
            )
        )
    unproved = [f"{run.name} on {run.unproved.sum()}" for run in result.runs if run.unproved.any()]
    if unproved:
        notes.append(
            paragraph(
                "On some days what was traded keeps every rule, but was not proved to be the best within the solver's "
                f"tolerance: {', '.join(unproved)} of {len(result.runs[0].dates)} days."
            )
        )
    collapsed = [f"{run.name} on {run.collapsed.sum()}" for run in result.runs if run.collapsed.any()]
    if collapsed:
        notes.append(
            paragraph(
                "On some days a regime of the hidden Markov model had collapsed to next to no days or no variance, no "
                "restart found better, and the forecast decided on is to be doubted: "
                f"{', '.join(collapsed)} of {len(result.runs[0].dates)} days."
            )
        )
    return section("Figures", figures_table(result).html("dense"), *notes)


def _regime_section(result: BacktestResult) -> str:
    figure = regime_chart(result.scene)
    if figure is None:
        return ""
    return section(
        "Regimes",
        chart(
            inline_svg(figure),
            f"Probability given the returns up to each day (filtered, not smoothed), from "
            f"{result.options.get('regime assets', 'the driving series')}; the model is refitted as time goes on.",
        ),
    )


def _weights_section(result: BacktestResult) -> str:
    figure = weights_chart(result.runs, result.scene.market.names)
    if figure is None:
        return ""
    caption = "Strategies whose weights hardly move are left out."
    return section("Weights", chart(inline_svg(figure), caption))


def _risk_section(result: BacktestResult) -> str:
    figure = risk_chart(result.scene, result.runs)
    if figure is None:
        return ""
    return section(
        "Risk contributions",
        chart(
            inline_svg(figure),
            "Share of each asset in the portfolio's variance, in percent, under the covariance forecast for the next "
            "day; mean over every fifth day. Equal contributions would be "
            f"{100 / len(result.scene.market.names):.1f} each.",
        ),
    )


def _crisis_section(result: BacktestResult) -> str:
    if not result.crises:
        return ""
    names = [run.name for run in result.runs]
    crises = list(dict.fromkeys(c.crisis for c in result.crises))
    found = {(c.crisis, c.strategy): c.metrics for c in result.crises}
    rows = [
        [name]
        + [
            f"{_percent(found[c, name].total_return)} / {_percent(found[c, name].max_drawdown)}"
            for c in crises
        ]
        for name in names
    ]
    covered = {c.crisis: (c.first, c.last, c.metrics.days) for c in result.crises}
    head = ["strategy"]
    for c in crises:
        first, last, days = covered[c]
        head.append(f"{c.name}, {first} to {last}, {days} days")
    return section(
        "In the crises",
        paragraph(
            "Return over the span / deepest fall within it. The span is the days of the crisis that were traded, "
            "each earned from the close before it."
        ),
        Table(head, rows, range(1, len(head))).html("dense"),
    )


def _cost_section(result: BacktestResult) -> str:
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


def _solver_section(result: BacktestResult) -> str:
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
            "The same risk-parity program, solved from holdings of 1/n on days spread over the span. Errors are L1 "
            "distances of risk contributions from 1/n: ex ante under the forecast, ex post under the 60 days that "
            "followed. `worse on` counts days with an objective above the other method's."
        ),
        Table(head, rows, range(1, len(head))).html("dense"),
    )


def _how_section(result: BacktestResult) -> str:
    where = machine()
    versions = ", ".join(f"{name} {found}" for name, found in package_versions().items() if found)
    rows: list[Sequence[Cell]] = [[name, value] for name, value in result.options.items()]
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
