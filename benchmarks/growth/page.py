"""The page of growth: of each job two charts, time and memory over size, the exponents and every point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.growth.record import (
    FLOOR,
    exponents_table,
    figure,
    how,
    is_ours,
    made_on,
    points_table,
    right_points,
)
from proofolio.charts.figures import (
    COLOURS,
    add_tips,
    chart_style,
    inline_svg,
    is_narrow,
    legend_beside,
    new_figure,
    panels_across,
)
from proofolio.report.page import chart, page, paragraph, section, tiles

__all__ = ["growth_chart", "growth_page"]

# Lines are told apart without their colours too.
MARKS, DASHES = "os^Dv", ("-", "--", "-.", ":", (0, (6, 2, 1, 2)))
MOST = 6  # labels of an axis
APART = 0.055  # of the height, between marks of curves that stopped at one size
STYLE = (
    "<style>table.growth th{white-space:normal;vertical-align:bottom}"
    "@media screen and (min-width:900px){table.growth td{padding-right:9px}}"
    "table.growth td:last-child{white-space:normal;min-width:13em;overflow-wrap:anywhere}"
    "@media screen and (max-width:899px){table.dense td:empty{display:none}}"
    "details{margin:6px 0}summary{cursor:pointer;color:var(--muted);font-size:.92rem}</style>"
)


@chart_style
def growth_chart(job: Mapping[str, Any]) -> Figure:
    """Draw time and memory of each solver of a job over its size, both axes logarithmic."""
    solvers = ", ".join(curve["solver"] for curve in job["curves"])
    drawn = new_figure(
        f"growth-{job['name']}",
        f"{job['title']}: CPU time and memory over {job['across']}, logarithmic axes; {solvers}. {_said(job)}",
        3.5,
        narrow_height=6.6,
    )
    across = panels_across(2)
    time, memory = drawn.subplots(2 // across, across)
    stops: dict[int, int] = {}
    for k, curve in enumerate(job["curves"]):
        line = {
            "color": COLOURS[f"s{k}"], "marker": MARKS[k % 5], "linestyle": DASHES[k % 5], "markersize": 4.5,
            "linewidth": 2.0 if is_ours(job, curve) else 1.3,
        }  # fmt: skip
        right = right_points(curve)
        fit = curve["time"]
        label = f"{curve['solver']} ({fit['exponent']:.1f})" if fit else curve["solver"]
        seen = time.plot([p["size"] for p in right], [1e3 * p["seconds"] for p in right], label=label, **line)
        add_tips(seen, [_tip(curve)])
        large = [p for p in right if p["megabytes"] >= FLOOR]
        memory.plot([p["size"] for p in large], [p["megabytes"] for p in large], **line)
        if curve["ended"]:
            at = stops[curve["ended_at"]] = stops.get(curve["ended_at"], -1) + 1
            crossed = time.plot(
                [curve["ended_at"]], [0.965 - APART * at], transform=time.get_xaxis_transform(), color=COLOURS[f"s{k}"],
                marker="x", markersize=7, markeredgewidth=2, linestyle="", clip_on=False,
            )  # fmt: skip
            add_tips(crossed, [f"{curve['solver']}: stopped at {curve['ended_at']}, {curve['ended']}"])
    sizes = [p["size"] for curve in job["curves"] for p in curve["points"]] + list(stops)
    for axes, title, none in (
        (time, "CPU time, ms", "no answer that holds"),
        (memory, "memory, MB", f"all below {FLOOR:g} MB"),
    ):
        axes.set_title(title)
        axes.set_xlabel(job["across"])
        drawn_at_all = any(len(line.get_data()[0]) for line in axes.lines if line.get_marker() != "x")
        _logarithmic(axes, sizes, APART * (1 + max(stops.values(), default=-1)) if axes is time else 0.0)
        if not drawn_at_all:
            axes.text(0.5, 0.5, none, transform=axes.transAxes, ha="center", color=COLOURS["muted"])
            axes.set_yticks([])
    legend_beside(drawn, time)
    return drawn


def _logarithmic(axes: Axes, sizes: Sequence[int], above: float) -> None:
    """Give both axes logarithms and round numbers; `above` is a share of the height that is kept free at the top."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(sizes) / 1.12, max(sizes) * 1.12)
    heights = [float(y) for line in axes.lines if line.get_marker() != "x" for y in line.get_data()[1]]
    low, high = min(heights, default=1.0) / 1.3, max(heights, default=1.0) * 1.3
    if high < 5.0 * low:
        low, high = low / 2.0, high * 2.0
    axes.set_ylim(low, high * (high / low) ** (above / (1.0 - above)))
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        marks = _marks(low, high)
        axis.set_ticks(marks, [f"{mark:,g}" if mark < 1e5 else f"{mark:,.0f}" for mark in marks], minor=False)
        axis.set_ticks([], minor=True)
    axes.tick_params(length=0)


def _marks(low: float, high: float) -> list[float]:
    """Return round numbers of an axis, as many as can be read."""
    most = MOST - 1 if is_narrow() else MOST
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for within in ((1, 2, 5), (1, 3), (1,)):
        found = [float(f"{m}e{p}") for p in powers for m in within if low <= float(f"{m}e{p}") <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def _tip(curve: Mapping[str, Any]) -> str:
    return "\n".join(
        [curve["solver"], *(f"{p['size']}: {figure(1e3 * p['seconds'])} ms" for p in right_points(curve))]
    )


def _said(job: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{curve['solver']} from {figure(1e3 * right[0]['seconds'])} ms at {right[0]['size']} to "
        f"{figure(1e3 * right[-1]['seconds'])} ms at {right[-1]['size']}"
        for curve in job["curves"]
        if (right := right_points(curve))
    )


def growth_page(record: Mapping[str, Any]) -> str:
    """Return the whole page; the same record gives the same bytes."""
    curves = [curve for job in record["jobs"] for curve in job["curves"]]
    wrong = sum(bool(point["wrong"]) for curve in curves for point in curve["points"])
    head = tiles(
        [
            (str(len(record["jobs"])), "jobs whose size grows", ""),
            (str(len(curves)), "curves, ours and those of peers", ""),
            (
                str(sum(len(right_points(curve)) for curve in curves)),
                "points whose answers were checked and hold",
                "",
            ),
            (str(wrong), "points not drawn: their answers are wrong", ""),
            (str(sum(bool(curve["ended"]) for curve in curves)), "curves stopped before the last size", ""),
        ]
    )
    parts = [STYLE, head, section("How to read it", paragraph(how(record)), paragraph(READING))]
    parts += [_job(job) for job in record["jobs"]]
    parts.append(section("Machine and versions", paragraph(made_on(record))))
    return page(
        "Growth",
        "Time and memory of each main job as its size grows, beside what others take for the same.",
        parts,
        "Made by “python -m benchmarks growth”. The numbers are in record.json beside this page.",
    )


READING = (
    "In brackets behind a solver stands the exponent of its time: 2 means four times the time for twice the size. "
    "An x at the top of a chart says that a solver stopped at that size. In the tables “x ours” is the solver's "
    "time over that of our first line at the largest size both have."
)


def _job(job: Mapping[str, Any]) -> str:
    caption = f"CPU time and memory over {job['across']}. Checked: {job['checked']}"
    tables = "".join(
        f"<h3>{title}</h3>{points_table(job, what).html('dense')}"
        for title, what in (("Milliseconds of CPU", "seconds"), ("Megabytes", "megabytes"))
    )
    return section(
        job["title"],
        chart(inline_svg(growth_chart(job)), caption),
        exponents_table(job).html("dense growth"),
        f"<details><summary>Every point</summary>{tables}</details>",
    )
