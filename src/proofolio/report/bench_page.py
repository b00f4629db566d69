"""The page of a benchmark: claims that did not hold first, then curves, tables, the worst runs and the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proofolio.benchmarking.profiles import performance_profile, solved_within
from proofolio.benchmarking.summary import Field, Summary
from proofolio.report.bench_charts import curve_chart
from proofolio.report.bench_words import (
    LINE_NOTE,
    Grid,
    environments,
    line_grid,
    ratio_grid,
    record_grid,
)
from proofolio.report.page import Cell, chart, page, paragraph, section, table, tiles

__all__ = ["bench_page"]

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
    lead = f"{field.compared} programs (with seeds and shuffles) that every way can take."
    parts = [paragraph(f"{lead} The shift of the geometric mean is {field.shift:g} s.")]
    parts.append(_table(line_grid(field.lines)))
    if field.by_lowering:
        words = "Each lowering and way over the programs that the way can take in that lowering."
        parts += [
            "<h3>Lowerings</h3>",
            paragraph(words),
            _table(line_grid(field.by_lowering, "lowering, way")),
        ]
    if field.compared and len(field.ways) > 1:
        caption = "Dolan-Moré profile: the share verified within a multiple of the fastest verified time."
        parts.append(
            chart(curve_chart(performance_profile(field.times), "times the fastest way's seconds"), caption)
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
