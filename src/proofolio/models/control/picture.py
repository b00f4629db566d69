"""Pictures of a control: figures of simulated policies, and how far a policy is from the best on each path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from proofolio.arrays import Floats
from proofolio.charts.figures import COLOURS, chart_style, new_figure, without_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gap_chart", "policies_chart"]


@chart_style
def policies_chart(frame: pd.DataFrame) -> Figure:
    """Draw the mean Sharpe ratio of each policy with the 95 % interval of the mean, and its turnover."""
    figure = new_figure(
        "policies", "Sharpe ratio and turnover of each policy", height=1.2 + 0.32 * len(frame)
    )
    left, right = figure.subplots(1, 2, sharey=True)
    rows, wide = range(len(frame)), 1.96 * frame["sharpe_error"]
    left.errorbar(frame["sharpe"], rows, xerr=wide, fmt="o", color=COLOURS["s0"], capsize=3)
    left.set_xlabel("Sharpe ratio, mean and its 95 % interval")
    left.set_yticks(rows, list(frame.index))
    left.set_ylim(len(frame) - 0.5, -0.5)
    right.barh(rows, frame["turnover"], 0.5, color=COLOURS["s1"])
    right.set_xlabel("turnover a year")
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
        without_frame(axes)
    return figure


@chart_style
def gap_chart(per_path: Floats, policy: str) -> Figure:
    """Draw how far the value of a policy is from the bound on each path."""
    figure = new_figure("gap", f"Upper bound less the value of {policy}, path by path", height=2.8)
    axes = figure.add_subplot()
    axes.hist(per_path, bins=min(40, max(5, len(per_path) // 4)), color=COLOURS["s0"])
    axes.set_xlabel(f"upper bound less the value of {policy}, per path")
    axes.set_ylabel("paths")
    axes.grid(visible=False, axis="x")
    without_frame(axes)
    return figure
