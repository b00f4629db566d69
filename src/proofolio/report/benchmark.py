"""The page of a benchmark: claims that did not hold first, then curves, tables, the worst runs and the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from proofolio.benchmarking.measures import Curve, performance_profile, solved_within
from proofolio.benchmarking.summary import Field, Summary
from proofolio.charts.figures import (
    COLOURS,
    add_tips,
    chart_style,
    inline_svg,
    legend_beside,
    new_figure,
    percent_axis,
    shortened,
)
from proofolio.report.benchmark_cases import CASES_NOTE, case_lines, cases_left_out, cases_table
from proofolio.report.benchmark_text import (
    LINE_NOTE,
    OWN_STATUSES,
    RATIO_NOTE,
    environments_table,
    lines_table,
    ratios_table,
    runs_table,
)
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.words import words_table
from proofolio.solvers.solution import OPTIMAL

__all__ = ["bench_page", "curve_chart"]


LISTED = 60  # runs in a table
LONGEST = 38  # characters of a name in a legend
SERIES = 10  # colours, and then the same again with other dashes
DASHES = ("-", (0, (5, 3)), (0, (1.5, 2)), (0, (6, 2, 1.5, 2)))
LEAST_SPAN = 2.0  # of the logarithmic axis: last over first
STEPS = 1200  # places on the axis: one for every half pixel
# Wide tables: heads and reasons may wrap, so that what went wrong is seen without scrolling.
STYLE = (
    "<style>main{max-width:1180px}table.bench{font-size:.8rem}table.bench th{white-space:normal;vertical-align:bottom}"
    "table.bench th,table.bench td{padding-right:5px;white-space:normal}"
    "table.runs td:first-child,table.runs td:last-child{white-space:normal;overflow-wrap:anywhere}"
    "table.runs td:last-child{min-width:14em}</style>"
)


@chart_style
def curve_chart(name: str, curves: Mapping[str, Curve], across: str) -> Figure:
    """Draw steps on a logarithmic axis, shares of 0 to 1 upright; `across` names the horizontal axis."""
    figure = new_figure(
        name, f"Share of programs, {across}: {', '.join(curves)}", height=max(3.4, 0.4 + 0.185 * len(curves))
    )
    axes = figure.add_subplot()
    found = [at for curve in curves.values() for at, _ in curve]
    start = min(found, default=1.0)
    stop = 1.05 * max(max(found, default=1.0), start * LEAST_SPAN)
    names = shortened(curves, LONGEST)
    for k, (solver, curve) in enumerate(curves.items()):
        places = {start: 0.0} | {_rounded(at, start, stop): share for at, share in curve}
        last = curve[-1][1] if curve else 0.0
        line = axes.step(
            [start, *places, stop],
            [0.0, *places.values(), last],
            where="post",
            color=COLOURS[f"s{k % SERIES}"],
            linestyle=DASHES[k // SERIES % len(DASHES)],
            linewidth=1.6,
            label=f"{names[k]} ({last:.0%})",
        )
        add_tips(line, [solver])
    axes.set_xscale("log")
    axes.set_xlim(start, stop)
    axes.set_ylim(-0.01, 1.02)
    marks = _marks(start, stop)
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(across)
    percent_axis(axes)
    axes.tick_params(length=0)
    legend_beside(figure, axes)
    return figure


def _rounded(at: float, start: float, stop: float) -> float:
    """Return the place of a step, on a grid that is as fine as what can be seen."""
    span = math.log(stop / start)
    return start * math.exp(round(STEPS * math.log(at / start) / span) / STEPS * span) if at > 0 else start


def _marks(start: float, stop: float) -> list[float]:
    powers = range(math.floor(math.log10(start)) - 1, math.ceil(math.log10(stop)) + 1)
    for within in ((1,), (1, 2, 5)):
        marks = [float(f"{m}e{p}") for p in powers for m in within if start <= float(f"{m}e{p}") <= stop]
        if len(marks) >= 3:
            return marks[:: max(1, math.ceil(len(marks) / 12))]
    return marks or [float(f"{start:.3g}")]  # all within a little more than one time


def bench_page(summary: Summary, title: str) -> str:
    """Return the whole page; the same records give the same bytes."""
    parts = [STYLE, _headline(summary), _wrong(summary)]
    if summary.notes:
        parts.append(section("Different programs", *(paragraph(f"{note}.") for note in summary.notes)))
    if summary.fields:
        words = words_table(summary.by_status, OWN_STATUSES).html("bench")
        parts.append(section("How to read the tables", paragraph(LINE_NOTE), words))
    parts += [_field(k, field) for k, field in enumerate(summary.fields)]
    parts += [_cases(summary), _worst(summary), _made_on(summary)]
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
            (str(sum(count.get(s, 0) for s in OPTIMAL)), "optima whose checks hold", ""),
            (str(wrong), "claims that did not hold", "bad" if wrong else "good"),
            (str(lost), "crashed, out of memory or in error", "bad" if lost else ""),
            (str(count.get("limit", 0) + count.get("verified-feasible", 0)), "stopped by their limit", ""),
            (str(count.get("unsupported", 0)), "unsupported", ""),
        ]
    )


def _runs(records: Sequence[Mapping[str, Any]]) -> str:
    return runs_table(records).html("bench runs")


def _wrong(summary: Summary) -> str:
    if not summary.wrong and not summary.differing:
        none = "None: every claim survived its checks."
        if not summary.claims:
            none = f"No claims were made in {len(summary.records)} runs."
        return section("Claims that did not hold", paragraph(none))
    parts = [paragraph(f"Different optima: {sentence}.") for sentence in summary.differing[:LISTED]]
    if summary.wrong:
        parts.append(_runs(summary.wrong[:LISTED]))
    return section("Claims that did not hold", *parts, _more(len(summary.wrong)))


def _more(count: int) -> str:
    return paragraph(f"{count - LISTED} more are in the records.") if count > LISTED else ""


def _field(number: int, field: Field) -> str:
    lead = f"{field.compared} programs (with seeds and shuffles) that every solver can take."
    parts = [paragraph(f"{lead} The shift of the geometric mean is {field.shift:g} s.")]
    parts.append(lines_table(field.lines).html("bench"))
    if field.by_lowering:
        about = "Each lowering and solver over the programs that the solver can take in that lowering."
        parts += [
            "<h3>Lowerings</h3>",
            paragraph(about),
            lines_table(field.by_lowering, "lowering, solver").html("bench"),
        ]
    if field.compared and len(field.solvers) > 1:
        caption = "Dolan-Moré profile: the share solved within a multiple of the fastest time."
        parts.append(
            chart(
                inline_svg(
                    curve_chart(
                        f"profile-{number}",
                        performance_profile(field.times),
                        "times the fastest solver's seconds",
                    )
                ),
                caption,
            )
        )
    if field.compared:
        caption = "The share solved within a time."
        parts.append(
            chart(inline_svg(curve_chart(f"within-{number}", solved_within(field.times), "seconds")), caption)
        )
    if field.ratios:
        parts += ["<h3>Ratios</h3>", paragraph(RATIO_NOTE), ratios_table(field).html("bench")]
    return section(field.name, *parts)


def _cases(summary: Summary) -> str:
    lines = case_lines(summary.records)
    if not lines:
        return ""
    left = cases_left_out(lines)
    parts = [paragraph(CASES_NOTE), cases_table(lines).html("bench runs")]
    return section("Model by model", *parts, paragraph(left) if left else "")


def _worst(summary: Summary) -> str:
    if not summary.worst:
        return section(
            "Worst runs", paragraph("Every run that could be made ended in an optimum whose checks hold.")
        )
    return section("Worst runs, worst first", _runs(summary.worst[:LISTED]), _more(len(summary.worst)))


def _made_on(summary: Summary) -> str:
    said = [
        paragraph(f"{row[0]} runs on {row[1]}; {row[2]}; load (median) {row[3]}; {row[4]}")
        for row in environments_table(summary).rows
    ]
    return section("Machine and versions", *said)
