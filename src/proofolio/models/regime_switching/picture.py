"""The picture of a regime path: weights as stacked bars, a row a regime above them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from proofolio.arrays import Floats
from proofolio.charts.figures import COLOURS, chart_style, new_figure, percent_axis, without_frame

__all__ = ["path_chart"]


NAMED = 10  # assets with a colour and a name of their own; the others are one


@chart_style
def path_chart(W: Floats, Z: Floats) -> Figure:
    """Draw weights, shape (n, T), and which regimes are chosen, shape (R, T), period by period."""
    regimes, periods = Z.shape
    figure = new_figure("path", "Weights and regimes, period by period", height=3.4 + 0.22 * regimes)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(0.4 + 0.35 * regimes, 3.0))
    for regime, chosen in enumerate(Z > 0.5):
        at = np.flatnonzero(chosen)
        above.barh(np.full(len(at), regime), 1.0, 0.8, at - 0.5, color=COLOURS[f"r{regime % 4}"])
    above.set_yticks(range(regimes), [f"regime {regime}" for regime in range(regimes)])
    above.set_ylim(regimes - 0.5, -0.5)
    above.grid(visible=False)
    largest = np.argsort(-np.abs(W).max(axis=1), kind="stable")
    named = [int(k) for k in np.sort(largest[:NAMED])]
    rows = [(f"asset {k}", W[k]) for k in named]
    if len(W) > NAMED:
        rows.append(("the others", W[largest[NAMED:]].sum(axis=0)))
    up, down = np.zeros(periods), np.zeros(periods)
    for k, (name, weights) in enumerate(rows):
        under = np.where(weights >= 0, up, down)
        below.bar(range(periods), weights, 0.92, under, label=name, color=COLOURS[f"s{k % 10}"])
        up, down = up + np.maximum(weights, 0.0), down + np.minimum(weights, 0.0)
    percent_axis(below)
    below.set_ylabel("weights")
    below.set_xlabel("period")
    below.set_xlim(-0.5, periods - 0.5)
    below.grid(visible=False, axis="x")
    without_frame(above)
    without_frame(below)
    handles, names = below.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=4, handlelength=0.9, handleheight=0.9)
    return figure
