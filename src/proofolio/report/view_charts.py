"""Drawings of views: posteriors, differences with intervals, placebos, confidences over time."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from proofolio.backtesting.view_experiment import ViewExperiment
from proofolio.backtesting.view_frontier import HALVES, ViewFrontier
from proofolio.backtesting.view_trial import Difference
from proofolio.charts.figures import (
    COLOURS,
    chart_style,
    is_narrow,
    legend_beside,
    new_figure,
    panels_across,
)

__all__ = [
    "confidence_chart",
    "differences_chart",
    "frontier_chart",
    "placebo_chart",
    "whole_name",
]

WHOLE = ("both views at once", "H = ")  # how a difference begins whose name says both its sides
LIMITS = (-0.02, 1.02)  # of confidences, so that lines at 0 and 1 are seen
WIDE_NAME, NARROW_NAME = 60, 24  # characters of a line of a name


def whole_name(d: Difference, less: str) -> str:
    """Return what a difference is called, `less` before one whose name is that of the alternative."""
    return d.name if d.name.startswith(WHOLE) else f"{less}{d.name}"


@chart_style
def differences_chart(found: ViewExperiment) -> Figure:
    """Draw the differences with their intervals."""
    shown = (*found.differences, *found.horizons)
    figure = new_figure(
        "differences",
        "Differences of certainty equivalents with 95 % intervals",
        0.9 + 0.36 * len(shown),
        narrow_height=0.9 + 0.6 * len(shown),
    )
    axes = figure.add_subplot()
    for k, d in enumerate(shown):
        colour = COLOURS["s2" if d.decided else "s0"]
        axes.plot([d.low, d.high], [k, k], color=colour, linewidth=2.2)
        axes.plot([d.mean], [k], "o", color=colour, markersize=6)
    axes.axvline(0.0, color=COLOURS["muted"], linewidth=0.9)
    names = [fill(whole_name(d, "the rule less "), NARROW_NAME if is_narrow() else WIDE_NAME) for d in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.invert_yaxis()
    axes.set_xlabel("% a year")
    return figure


@chart_style
def placebo_chart(found: ViewExperiment) -> Figure:
    """Draw the placebos' certainty equivalents and where the rule stands among them."""
    figure = new_figure(
        "placebos", "Certainty equivalents with shifted confidences, and that of the rule", 2.6
    )
    axes = figure.add_subplot()
    axes.hist(found.placebos, bins=min(12, max(4, len(found.placebos) // 2)), color=COLOURS["s0"], alpha=0.7)
    axes.axvline(found.strategies["rule"]["certainty_equivalent"], color=COLOURS["s2"], linewidth=2.0)
    axes.set_xlabel("certainty equivalent, % a year; the line is the rule")
    axes.set_ylabel("shifts")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@chart_style
def confidence_chart(found: ViewExperiment) -> Figure:
    """Draw the confidences in both views of the pair whose two confidences differ most, and of a usual one."""
    said = "Confidence in two opposite views over time"
    figure = new_figure("confidences", said, 3.8, narrow_height=8.0)
    up, down = found.confidence
    spread = np.abs(up.mean(axis=1) - down.mean(axis=1))
    order = np.argsort(spread, kind="stable")
    across = panels_across(2)
    panels = figure.subplots(2 // across, across, sharey=True)
    for axes, i, title in zip(panels, (order[-1], order[len(order) // 2]), ("widest", "usual"), strict=True):
        a, b = (found.names[k] for k in found.pairs[i])
        axes.plot(up[i], color=COLOURS["s0"], label=f"{a} - {b}")
        axes.plot(down[i], color=COLOURS["s1"], label=f"{b} - {a}")
        edges = np.arange(up.shape[1] + 1) - 0.5
        shaded = np.where(found.believed[i], *LIMITS[::-1])
        axes.stairs(
            shaded, edges, baseline=LIMITS[0], fill=True, color=COLOURS["grid"], label="regimes believed"
        )
        axes.set_title(f"{title}: {a}, {b}")
        axes.set_xlabel("week of the window")
        axes.set_ylim(*LIMITS)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3 if across == 2 else 2)
    panels[0].set_ylabel("confidence")
    return figure


@chart_style
def frontier_chart(found: ViewFrontier) -> Figure:
    """Draw return against risk of every strategy: the two halves of the weeks beside each other, a row a horizon."""
    across, rows = panels_across(2), len(found.horizons)
    said = "Return against risk over risk aversions"
    figure = new_figure("frontier", said, 0.4 + 3.0 * rows, narrow_height=0.8 + 6.0 * rows)
    grid = figure.subplots(rows * 2 // across, across, squeeze=False).reshape(rows, 2)
    for H, panels in zip(found.horizons, grid, strict=True):
        for axes, half in zip(panels, HALVES[1:], strict=True):
            for strategy, colour in zip(found.strategies, ("s2", "s5", "s4", "s0", "s9"), strict=True):
                points = found.of(strategy, H, half)
                risks, earned = [p.risk for p in points], [p.net for p in points]
                axes.plot(risks, earned, "o-", color=COLOURS[colour], markersize=4, label=strategy)
            axes.set_title(half if len(found.horizons) == 1 else f"H = {H}, {half}")
            axes.set_xlabel("risk, % a year")
        panels[0].set_ylabel("return, % a year")
    legend_beside(figure, grid[0, 0])
    return figure
