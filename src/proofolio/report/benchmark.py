"""The page of a benchmark: claims that did not hold first, then curves, tables, the worst runs and the machine.

The curves of a benchmark: who solves what share of the programs, within what time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from proofolio.benchmarking.measures import Curve, performance_profile, solved_within
from proofolio.benchmarking.summary import Field, Summary
from proofolio.report.benchmark_text import (
    LINE_NOTE,
    Grid,
    environments,
    line_grid,
    ratio_grid,
    record_grid,
)
from proofolio.report.page import Cell, chart, page, paragraph, section, table, tiles
from proofolio.report.svg import Scale, element, figure, grid_lines, label, log_ticks

__all__ = ["bench_page", "curve_chart"]


WIDTH, HEIGHT = 980.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 690.0, 20.0, 280.0
SERIES = 10
DASHES = (None, "7 4", "2 3", "9 3 2 3")
LEAST_SPAN = 2.0
LONGEST = 38


def curve_chart(curves: Mapping[str, Curve], words: str) -> str:
    """Draw steps on a logarithmic axis, shares of 0 to 1 upright; `words` names the horizontal axis."""
    found = [at for curve in curves.values() for at, _ in curve]
    start = min(found, default=1.0)
    stop = max(max(found, default=1.0), start * LEAST_SPAN)
    x = Scale(start, stop * 1.05, LEFT, RIGHT, log=True)
    y = Scale(0.0, 1.0, BOTTOM, TOP)
    parts = [
        grid_lines([(y(k / 5), f"{20 * k} %") for k in range(6)], LEFT, RIGHT),
        grid_lines([(x(v), f"{v:g}") for v in _marks(start, stop)], TOP, BOTTOM, vertical=True),
        label((LEFT + RIGHT) / 2, BOTTOM + 38, words, anchor="middle", class_="axis"),
    ]
    for k, (name, curve) in enumerate(curves.items()):
        drawing = f"fill:none;stroke:var(--s{k % SERIES});stroke-width:2"
        dash = DASHES[k // SERIES % len(DASHES)]
        parts.append(element("polyline", points=_steps(curve, x, y), style=drawing, stroke_dasharray=dash))
        height = TOP + 10 + 22 * k
        parts.append(
            element(
                "line",
                x1=RIGHT + 18,
                x2=RIGHT + 44,
                y1=height,
                y2=height,
                style=drawing,
                stroke_dasharray=dash,
            )
        )
        share = curve[-1][1] if curve else 0.0
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        parts.append(label(RIGHT + 52, height + 4, f"{short} ({share:.0%})", class_="key"))
    height = max(HEIGHT, TOP + 20 + 22 * len(curves))
    return figure(WIDTH, height, f"Share of programs, {words}: {', '.join(curves)}", *parts)


def _marks(start: float, stop: float) -> list[float]:
    decades = log_ticks(start, stop * 1.05)
    if len(decades) < 3:
        decades = log_ticks(start, stop * 1.05, (1.0, 2.0, 5.0))
    if not decades:  # all within a little more than one time
        return [float(f"{start:.3g}")]
    return decades[:: max(1, math.ceil(len(decades) / 12))]


def _steps(curve: Curve, x: Scale, y: Scale) -> str:
    """Return the corners of the steps, one at most for every half pixel."""
    corners: dict[float, float] = {}
    for at, share in curve:
        corners[round(2 * x(at)) / 2] = share
    points, height = [], y(0.0)
    if not corners or next(iter(corners)) > LEFT:
        points.append(f"{LEFT:g},{height:.1f}")
    for place, share in corners.items():
        points.append(f"{place:g},{height:.1f}")
        height = y(share)
        points.append(f"{place:g},{height:.1f}")
    points.append(f"{RIGHT:g},{height:.1f}")
    return " ".join(points)


LISTED = 60
# Wide tables: heads and reasons may wrap, so that what went wrong is seen without scrolling.
STYLE = (
    "<style>main{max-width:1180px}table.bench{font-size:.84rem}table.bench th{white-space:normal;vertical-align:bottom}"
    "table.bench th,table.bench td{padding-right:9px}table.runs td:first-child,table.runs td:last-child"
    "{white-space:normal;overflow-wrap:anywhere}table.runs td:last-child{min-width:18em}</style>"
)


def bench_page(summary: Summary, title: str) -> str:
    """Return the whole page; the same records give the same bytes."""
    parts = [STYLE, _headline(summary), _wrong(summary)]
    if summary.notes:
        parts.append(section("Different programs", *(paragraph(f"{words}.") for words in summary.notes)))
    if summary.fields:
        parts.append(section("How to read the tables", paragraph(LINE_NOTE)))
    parts += [_field(field) for field in summary.fields]
    parts += [_worst(summary), _made_on(summary)]
    return page(
        f"Benchmark: {title}",
        "Every answer was checked against its program before its time counted; an answer that did not hold has no "
        "time.",
        parts,
        "Made by “proofolio bench”. The records are in runs.jsonl beside this page.",
    )


def _headline(summary: Summary) -> str:
    count = summary.by_status
    wrong = len(summary.wrong) + len(summary.differing)
    lost = sum(count.get(s, 0) for s in ("crash", "memory", "error"))
    return tiles(
        [
            (str(len(summary.records)), "runs", ""),
            (str(count.get("verified-optimal", 0)), "verified optima", ""),
            (str(wrong), "claims that did not hold", "bad" if wrong else "good"),
            (str(lost), "crashed, out of memory or in error", "bad" if lost else ""),
            (str(count.get("limit", 0) + count.get("verified-feasible", 0)), "stopped by their limit", ""),
            (str(count.get("unsupported", 0)), "unsupported", ""),
        ]
    )


def _runs(records: Sequence[Mapping[str, Any]]) -> str:
    return _table(record_grid(records), "bench runs")


def _table(grid: Grid, class_: str = "bench") -> str:
    marked = set(grid.bad)
    rows: list[Sequence[Cell]] = [
        [(words, "bad") if (k, j) in marked else words for j, words in enumerate(row)]
        for k, row in enumerate(grid.rows)
    ]
    return table(grid.head, rows, grid.numbers, class_)


def _wrong(summary: Summary) -> str:
    if not summary.wrong and not summary.differing:
        none = "None: every claim survived its checks."
        if not summary.claims:
            none = f"No claims were made in {len(summary.records)} runs."
        return section("Claims that did not hold", paragraph(none))
    parts = [paragraph(f"Different optima: {words}.") for words in summary.differing[:LISTED]]
    if summary.wrong:
        parts.append(_runs(summary.wrong[:LISTED]))
    return section("Claims that did not hold", *parts, _more(len(summary.wrong)))


def _more(count: int) -> str:
    return paragraph(f"{count - LISTED} more are in the records.") if count > LISTED else ""


def _field(field: Field) -> str:
    lead = f"{field.compared} programs (with seeds and shuffles) that every solver can take."
    parts = [paragraph(f"{lead} The shift of the geometric mean is {field.shift:g} s.")]
    parts.append(_table(line_grid(field.lines)))
    if field.by_lowering:
        words = "Each lowering and solver over the programs that the solver can take in that lowering."
        parts += [
            "<h3>Lowerings</h3>",
            paragraph(words),
            _table(line_grid(field.by_lowering, "lowering, solver")),
        ]
    if field.compared and len(field.solvers) > 1:
        caption = "Dolan-Moré profile: the share verified within a multiple of the fastest verified time."
        parts.append(
            chart(
                curve_chart(performance_profile(field.times), "times the fastest solver's seconds"), caption
            )
        )
    if field.compared:
        caption = "The share verified within a time."
        parts.append(chart(curve_chart(solved_within(field.times), "seconds"), caption))
    if field.ratios:
        words = "Geometric means over the runs both verified; the intervals are of a bootstrap over cases."
        parts += ["<h3>Ratios</h3>", paragraph(words), _table(ratio_grid(field))]
    return section(field.name, *parts)


def _worst(summary: Summary) -> str:
    if not summary.worst:
        return section("Worst runs", paragraph("Every run that could be made ended in a verified optimum."))
    return section("Worst runs, worst first", _runs(summary.worst[:LISTED]), _more(len(summary.worst)))


def _made_on(summary: Summary) -> str:
    grid = environments(summary)
    words = [
        paragraph(f"{row[0]} runs on {row[1]}; {row[2]}; load (median) {row[3]}; {row[4]}")
        for row in grid.rows
    ]
    return section("Machine and versions", *words)
