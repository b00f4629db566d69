"""A benchmark's results as Markdown, for a repository's own pages."""

from __future__ import annotations

from proofolio.benchmarking.summary import Field, Summary
from proofolio.report.bench_words import (
    LINE_NOTE,
    Grid,
    environments,
    line_grid,
    ratio_grid,
    record_grid,
)

__all__ = ["bench_markdown", "markdown_table"]

LISTED = 30


def bench_markdown(summary: Summary, title: str) -> str:
    """Return the results as Markdown; the same records give the same bytes."""
    counted = ", ".join(f"{n} {status}" for status, n in summary.by_status.items())
    parts = [f"# Benchmark: {title}", f"{len(summary.records)} runs: {counted}.", *_wrong(summary)]
    parts += [f"- Different programs: {words}." for words in summary.notes]
    if summary.fields:
        parts.append(LINE_NOTE)
    for field in summary.fields:
        parts += _field(field)
    if summary.worst:
        parts += ["## Worst runs, worst first", markdown_table(record_grid(summary.worst[:LISTED]))]
        parts += _more(len(summary.worst))
    parts += ["## Machine and versions", markdown_table(environments(summary))]
    return "\n\n".join(parts) + "\n"


def markdown_table(grid: Grid) -> str:
    r"""Return a table.

    Examples
    --------
    >>> print(markdown_table(Grid(("way", "s"), (("a|b", "1"),), (1,))))
    | way | s |
    | --- | ---: |
    | a\|b | 1 |
    """
    lines = [
        _row(grid.head),
        _row(tuple("---:" if j in grid.numbers else "---" for j in range(len(grid.head)))),
    ]
    lines += [_row(tuple(cell.replace("|", "\\|") for cell in row)) for row in grid.rows]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _wrong(summary: Summary) -> list[str]:
    if not summary.wrong and not summary.differing:
        none = "None." if summary.claims else f"No claims were made in {len(summary.records)} runs."
        return ["## Claims that did not hold", none]
    parts = ["## Claims that did not hold"]
    parts += [f"- Different optima: {words}." for words in summary.differing[:LISTED]]
    if summary.wrong:
        parts.append(markdown_table(record_grid(summary.wrong[:LISTED])))
    return parts + _more(len(summary.wrong))


def _more(count: int) -> list[str]:
    return [f"{count - LISTED} more are in the records."] if count > LISTED else []


def _field(field: Field) -> list[str]:
    lead = (
        f"{field.compared} programs (with seeds and shuffles) that every way can take; the shift of the geometric "
        f"mean is {field.shift:g} s."
    )
    parts = [f"## {field.name}", lead, markdown_table(line_grid(field.lines))]
    if field.by_lowering:
        parts.append(markdown_table(line_grid(field.by_lowering, "lowering, way")))
    if field.ratios:
        parts += ["Ratios of times, over the runs both verified:", markdown_table(ratio_grid(field))]
    return parts
