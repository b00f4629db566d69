"""The picture of an audit: M of each row against what is proved to be needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerLine2D
from matplotlib.lines import Line2D

from proofolio.charts.figures import (
    COLOURS,
    add_tips,
    chart_style,
    is_narrow,
    new_figure,
    shortened,
    without_frame,
)
from proofolio.verification.audit.verdicts import RowVerdict
from proofolio.verification.audit.words import ORDER, VERDICT_TEXTS, needed_text, number, ratio_text

__all__ = ["needed_chart"]


LONGEST, LONGEST_NARROW = 27, 16  # characters of a row's name in the chart, on a wide and a narrow page
LARGEST_SPAN = 1e18  # of the chart's logarithmic axis


@chart_style
def needed_chart(rows: Sequence[RowVerdict]) -> Figure:
    """Draw M (a dot) and what is proved to be needed (between two dark marks) of some rows, on a log axis."""
    description = f"M against the proved needed M of {len(rows)} rows on a logarithmic axis, worst first"
    figure = new_figure("needed", description, height=0.75 + 0.225 * max(2, len(rows)))
    if is_narrow():
        figure.set_figheight(figure.get_figheight() + 0.6)  # for more lines of the legend
    axes = figure.add_subplot()
    first, last = _span(rows)
    for y, row in enumerate(rows):
        lo, hi = (min(max(value, first), last) for value in row.needed)
        known_lo, known_hi = row.needed[0] > 0, row.needed[1] < math.inf
        at, colour = min(max(row.big_m, first), last), COLOURS[VERDICT_TEXTS[row.verdict].colour]
        needs_none = known_hi and row.needed[1] <= 0
        if row.verdict == "forcing":
            said = "forced"
        else:
            # From what is needed to M: what is given away, or what is missing.
            near = hi if known_hi and at > hi else lo if known_lo and at < lo else at
            axes.hlines(y, min(near, at), max(near, at), color=colour, linewidth=2.2)
            said = "none needed" if needs_none else "unknown"
            if (known_hi or known_lo) and not needs_none:
                axes.hlines(y, lo, hi, color=COLOURS["muted"], alpha=0.4, linewidth=6)
                marks = [value for value, known in ((lo, known_lo), (hi, known_hi)) if known]
                axes.scatter(
                    marks,
                    [y] * len(marks),
                    marker="|",
                    s=75,
                    linewidth=2.6,
                    color=COLOURS["ink"],
                    label="needed",
                )
            if said == "unknown" and row.ratio is not None:
                said = f"× {ratio_text(row.ratio)}"
        axes.scatter([at], [y], s=52, color=colour, label=row.verdict, zorder=3)
        axes.text(1.02, y, said, transform=axes.get_yaxis_transform(), va="center")
        if row.safe is False:
            leaks: dict[str, Any] = {"color": COLOURS["bad"], "weight": "bold", "va": "center"}
            beside: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
            axes.annotate("leaks", (1.02, y), (7 * mpl.rcParams["font.size"], 0), **beside, **leaks)
    axes.text(
        1.02, -1.0, "M / needed", transform=axes.get_yaxis_transform(), va="center", color=COLOURS["muted"]
    )
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    decades = range(round(math.log10(first)), round(math.log10(last)) + 1)
    ticks = [10.0**k for k in decades][:: max(1, math.ceil(len(decades) / (4 if is_narrow() else 12)))]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(
        range(len(rows)), shortened([row.row for row in rows], LONGEST_NARROW if is_narrow() else LONGEST)
    )
    axes.grid(visible=False, axis="y")
    without_frame(axes)
    for name, row in zip(axes.get_yticklabels(), rows, strict=True):
        name.set_color(COLOURS["bad" if row.verdict == "invalid" or row.safe is False else "ink"])
    bands = [
        axes.axhspan(y - 0.5, y + 0.5, -0.4, 1.25, color="none", clip_on=False) for y in range(len(rows))
    ]
    for band in bands:
        band.set_in_layout(False)
    add_tips(bands, map(_tip, rows), bands=True)
    _key(figure, [v for v in ORDER if any(row.verdict == v for row in rows)])
    return figure


def _key(figure: Figure, present: Sequence[str]) -> None:
    marks: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 7.2}
    needed = Line2D(
        [0, 1], [0, 0], color=(COLOURS["muted"], 0.4), linewidth=6, marker="|", markersize=8.5,
        markeredgewidth=2.6, markeredgecolor=COLOURS["ink"],
    )  # fmt: skip
    dots = [Line2D([], [], color=COLOURS[VERDICT_TEXTS[verdict].colour], **marks) for verdict in present]
    figure.legend(
        [needed, *dots], ["M needed" if is_narrow() else "M needed: at least, and proved enough", *present],
        loc="outside upper left", ncols=2 if is_narrow() else 6, columnspacing=1.1,
        handletextpad=0.5, handlelength=1.5, borderpad=0.0,
        handler_map={needed: HandlerLine2D(marker_pad=0.0, numpoints=2)},
    )  # fmt: skip


def _span(rows: Sequence[RowVerdict]) -> tuple[float, float]:
    values = [v for row in rows for v in (row.big_m, *row.needed) if 0 < v < math.inf]
    low, high = min(values, default=1.0), max(values, default=1.0)
    first, last = 10.0 ** math.floor(math.log10(low) - 0.05), 10.0 ** math.ceil(math.log10(high) + 0.05)
    return max(first, last / LARGEST_SPAN), last


def _tip(row: RowVerdict) -> str:
    return (
        f"{row.row}, switched by {row.binary}: {row.verdict}\nM = {number(row.big_m)}, "
        f"needed {needed_text(row.needed)}\n{row.reason}"
    )
