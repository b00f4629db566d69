"""The charts of a backtest: wealth, drawdown, weights, regimes, turnover, risk contributions, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from proofolio.backtesting.backtests import Context
from proofolio.backtesting.market import Dates
from proofolio.backtesting.metrics import drawdowns
from proofolio.backtesting.simulator import NO_TRADE, Simulation
from proofolio.backtesting.strategies import WITHOUT
from proofolio.charts.figures import (
    COLOURS,
    chart_style,
    is_narrow,
    legend_beside,
    new_figure,
    panels_across,
    percent_axis,
    plain_logarithms,
    without_frame,
)
from proofolio.models.portfolio.risk_budgeting import risk_contributions

__all__ = [
    "cost_chart",
    "drawdown_chart",
    "regime_chart",
    "risk_chart",
    "turnover_chart",
    "wealth_chart",
    "weights_chart",
]


POINTS = 450  # across a drawing 700 pixels wide a daily line is wider than a day
STACKED = 19  # assets in the chart of weights; the others are one
MOVING = 0.02  # a strategy is drawn there when some weight of it moves by more
IDLE = 1e-6  # cash below it is rounding
LOG_MARKS = (
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.8,
    1.0,
    1.2,
    1.5,
    2.0,
    2.5,
    3.0,
    4.0,
    5.0,
    7.0,
    10.0,
    20.0,
    50.0,
    100.0,
)


@chart_style
def wealth_chart(runs: Sequence[Simulation]) -> Figure:
    """Draw what one unit became under each strategy, on a logarithmic scale."""
    figure = new_figure("wealth", "Wealth of each strategy over time, from 1", height=4.6)
    axes = figure.add_subplot()
    for run, line in zip(runs, _lines(runs), strict=True):
        rows = _thinned(len(run.dates))
        axes.plot(run.dates[rows], run.wealth[1:][rows], label=run.name, **line)
    axes.set_yscale("log")
    low, high = min(r.wealth.min() for r in runs), max(r.wealth.max() for r in runs)
    marks = _log_marks(float(low), float(high))
    axes.set_yticks(marks, [f"{m:g}" for m in marks], minor=False)
    axes.set_yticks([], minor=True)
    axes.set_ylabel("wealth, from 1")
    legend_beside(figure, axes)
    return figure


@chart_style
def drawdown_chart(runs: Sequence[Simulation]) -> Figure:
    """Draw how far each strategy was below its highest close."""
    figure = new_figure("drawdown", "Loss of each strategy from its highest close", height=3.6)
    axes = figure.add_subplot()
    for run, line in zip(runs, _lines(runs), strict=True):
        lost = drawdowns(run.returns)[1:]
        starts = np.arange(0, len(lost), max(1, len(lost) // POINTS))
        # The deepest point of each stretch: thinning must not make a fall look smaller.
        axes.plot(run.dates[starts], -np.maximum.reduceat(lost, starts), label=run.name, **line)
    percent_axis(axes)
    legend_beside(figure, axes)
    return figure


@chart_style
def weights_chart(runs: Sequence[Simulation], names: Sequence[str], *, still: bool = False) -> Figure | None:
    """Draw the weights of each strategy over time, the largest assets by name, and cash where any is held.

    Strategies whose weights hardly move are left out unless `still`; None where no strategy remains.
    """
    moving = [run for run in runs if still or np.ptp(run.weights, axis=0).max() > MOVING]
    if not moving:
        return None
    overall = np.mean([run.weights.mean(axis=0) for run in moving], axis=0)
    shown = np.argsort(-overall, kind="stable")[: STACKED if len(names) > STACKED + 1 else len(names)]
    labels = [names[i] for i in shown] + (["others"] if len(shown) < len(names) else [])
    # Ten colours, and the same again paler.
    colours = [(COLOURS[f"s{k % 10}"], 1.0 if k < 10 else 0.5) for k in range(len(labels))]
    in_cash = any(run.cash.max() > IDLE for run in moving)
    if in_cash:
        labels.append("cash")
        colours.append((COLOURS["muted"], 0.5))

    across = panels_across(2)
    lines = -(-len(moving) // across)
    figure = new_figure("weights", "Weights of each strategy over time", height=0.6 + 1.75 * lines)
    grid = figure.subplots(lines, across, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(moving) :]:
        axes.set_visible(False)
    for run, axes in zip(moving, grid.flat, strict=False):
        rows = _thinned(len(run.dates), POINTS // 2)
        parts = [run.weights[rows][:, i] for i in shown]
        if len(shown) < len(names):
            parts.append(run.weights[rows].sum(axis=1) - np.sum(parts, axis=0))
        if in_cash:
            parts.append(np.maximum(run.cash[rows], 0.0))
        axes.stackplot(run.dates[rows], parts, colors=colours, labels=labels, linewidth=0)
        axes.set_title(run.name)
        axes.set_ylim(0, 1)
        axes.set_xlim(run.dates[0], run.dates[-1])
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        axes.set_xticks(*_few_dates(run.dates))
        axes.tick_params(axis="x", labelbottom=True)
    legend_beside(figure, grid.flat[0], squares=True)
    return figure


@chart_style
def regime_chart(context: Context) -> Figure | None:
    """Draw the filtered probability of each regime over time; None without regimes."""
    book = context.regimes
    if book is None or book.probabilities is None:
        return None
    today = book.probabilities[:, 0, :]
    dates = context.market.dates[book.first : book.first + len(book)]

    figure = new_figure("regimes", "Filtered probability of each regime over time", height=2.2)
    axes = figure.add_subplot()
    rows = _thinned(len(dates), 2 * POINTS)
    axes.stackplot(
        dates[rows],
        today[rows].T,
        colors=[COLOURS[f"r{k % 4}"] for k in range(today.shape[1])],
        labels=[f"regime {k + 1}{_kind(k, today.shape[1])}" for k in range(today.shape[1])],
        linewidth=0,
    )
    axes.set_ylim(0, 1)
    axes.set_xlim(dates[0], dates[-1])
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    legend_beside(figure, axes)
    return figure


@chart_style
def turnover_chart(runs: Sequence[Simulation]) -> Figure:
    """Draw what each strategy has traded so far, in portfolios (bought and sold), from its first trade on."""
    figure = new_figure("turnover", "Cumulative turnover of each strategy, logarithmic", height=3.4)
    axes = figure.add_subplot()
    for run, line in zip(runs, _lines(runs), strict=True):
        rows = _thinned(len(run.dates))
        traded = np.cumsum(np.abs(run.trades).sum(axis=1))
        # A logarithm has no place for 0, nor for what is rounding: nothing is drawn before the first trade.
        drawn = np.where(traded > NO_TRADE, traded, np.nan)[rows]
        name = run.name if traded[-1] > NO_TRADE else f"{run.name} (never traded)"
        axes.plot(run.dates[rows], drawn, label=name, **line)
    axes.set_yscale("log")
    plain_logarithms(axes.yaxis)
    axes.set_ylabel("‖u‖₁, summed")
    legend_beside(figure, axes)
    return figure


@chart_style
def risk_chart(context: Context, runs: Sequence[Simulation]) -> Figure | None:
    """Draw the mean share of each asset in each strategy's risk, under the forecast of the day."""
    book = context.regimes if context.regimes is not None else context.history
    if book is None:
        return None
    rows = np.arange(0, len(book), 5)
    # An asset that had no price has no covariance, and nobody holds it: it has no share.
    covariance = np.nan_to_num(book.covariance[rows, 0], nan=0.0)
    shares = np.array([np.nanmean(risk_contributions(run.weights[rows], covariance), axis=0) for run in runs])

    figure = new_figure("risk", "Mean risk contributions in percent", height=0.7 + 0.27 * len(runs))
    axes = figure.add_subplot()
    axes.grid(False)
    most = max(2.0 / shares.shape[1], float(np.quantile(shares, 0.97)))
    for (i, j), share in np.ndenumerate(shares):
        # Blue above nothing, red below it; strength is the share, full at `most`.
        colour = COLOURS["s0"] if share >= 0 else COLOURS["s2"]
        axes.fill_between(
            [j - 0.5, j + 0.5],
            i - 0.47,
            i + 0.47,
            color=colour,
            alpha=0.5 * min(1.0, abs(share) / most),  # text must be read on it, light and dark
            linewidth=0,
        )
        axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center")
    upright = sum(len(name) + 2 for name in context.market.names) > (36 if is_narrow() else 110)
    axes.set_xticks(range(shares.shape[1]), context.market.names, rotation=90 if upright else 0)
    axes.set_yticks(range(len(runs)), [run.name for run in runs])
    axes.invert_yaxis()
    axes.set_xlim(-0.5, shares.shape[1] - 0.5)
    without_frame(axes)
    return figure


@chart_style
def cost_chart(tried: Mapping[float, Sequence[Simulation]]) -> Figure:
    """Draw the Sharpe ratio of each strategy against what a trade costs."""
    figure = new_figure("costs", "Sharpe ratio against the cost of a trade", height=3.4)
    axes = figure.add_subplot()
    points = list(tried)
    names = [run.name for run in tried[points[0]]]
    for k, line in enumerate(_lines(tried[points[0]])):
        axes.plot(points, [tried[bp][k].metrics.sharpe for bp in points], label=names[k], marker=".", **line)
    axes.set_xlabel("cost in basis points of what is traded")
    axes.set_ylabel("Sharpe ratio")
    legend_beside(figure, axes)
    return figure


def _lines(runs: Sequence[Simulation]) -> list[dict[str, Any]]:
    """Return colour and dashes: a strategy with and without regimes share the colour."""
    kinds = list(dict.fromkeys(run.name.removesuffix(WITHOUT) for run in runs))
    return [
        {
            "color": COLOURS[f"s{kinds.index(run.name.removesuffix(WITHOUT)) % 10}"],
            "linestyle": (0, (3, 1.5)) if run.name.endswith(WITHOUT) else "-",
        }
        for run in runs
    ]


def _few_dates(dates: Dates) -> tuple[Dates, list[str]]:
    """Return three dates and what to call them: more overlap below a panel half as wide as the page."""
    days = (dates[-1] - dates[0]).astype(int)
    marks = dates[0] + np.array([days // 6, days // 2, days - days // 6]).astype("timedelta64[D]")
    unit = "datetime64[M]" if days > 90 else "datetime64[D]"
    return marks, [str(mark) for mark in marks.astype(unit)]


def _thinned(count: int, points: int = POINTS) -> Any:
    step = max(1, count // points)
    return np.unique(np.append(np.arange(0, count, step), count - 1))


def _log_marks(low: float, high: float) -> list[float]:
    return [m for m in LOG_MARKS if low * 0.95 <= m <= high * 1.05] or [1.0]


def _kind(k: int, count: int) -> str:
    return " (calmest)" if k == 0 else " (wildest)" if k == count - 1 else ""
