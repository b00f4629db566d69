"""The picture of a posterior: what was expected of assets and views before, and what is after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proofolio.arrays import Floats
from proofolio.charts.figures import COLOURS, chart_style, is_narrow, legend_beside, new_figure

__all__ = ["posterior_chart"]


NAME, NARROW_NAME = 32, 16  # characters of a line of a view's name in a drawing


@chart_style
def posterior_chart(
    prior: pd.Series, mean: pd.Series, rows_of_views: pd.DataFrame, residual: pd.Series, periods: float
) -> Figure:
    """Draw prior and posterior of every asset, and of every view beside its value, in % a year."""
    said, stacked = "Expected returns before and after the views, in % a year", 2.5 + 0.3 * len(mean)
    height = 1.2 + 0.26 * max(len(mean), 2 * len(residual), 6)  # a row of bars an asset, two a view
    figure = new_figure("posterior", said, height, narrow_height=stacked + 0.6 * len(residual))
    panels = (len(mean), 1 + 2 * len(residual))
    left, right = figure.subplots(2, 1, height_ratios=panels) if is_narrow() else figure.subplots(1, 2)
    rows, colours = rows_of_views.to_numpy(), [COLOURS[name] for name in ("s9", "s0", "s1")]
    bars = {
        "prior": rows @ prior.to_numpy(),
        "posterior": rows @ mean.to_numpy(),
        "view": residual.to_numpy() + rows @ mean.to_numpy(),
    }
    yearly = 100.0 * periods
    _bars(left, list(mean.index), {"prior": prior, "posterior": mean}, yearly, colours)
    longest = NARROW_NAME if is_narrow() else NAME
    _bars(right, [fill(str(name), longest) for name in residual.index], bars, yearly, colours)
    left.set_title("expected return of assets, % a year")
    right.set_title("of views, % a year")
    legend_beside(figure, right, squares=True)
    return figure


def _bars(
    axes: Axes,
    names: list[str],
    series: Mapping[str, pd.Series | Floats],
    scale: float,
    colours: Sequence[str],
) -> None:
    """Draw horizontal bars, a group a name, the first on top."""
    places = np.arange(len(names), dtype=np.float64)
    height = 0.8 / len(series)
    for k, ((label, values), colour) in enumerate(zip(series.items(), colours, strict=False)):
        offset = (k - (len(series) - 1) / 2) * height
        axes.barh(places + offset, scale * np.asarray(values), height, label=label, color=colour)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
