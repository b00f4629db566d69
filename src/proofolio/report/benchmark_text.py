"""Two benchmarks side by side, in words: what got slower, lost, gained or wrong.

What a benchmark's page and its Markdown both say: tables as plain text, made once.

A benchmark's results as Markdown, for a repository's own pages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofolio.benchmarking.comparison import Comparison
from proofolio.benchmarking.judgement import BAD, SOLVED
from proofolio.benchmarking.measures import Ratio
from proofolio.benchmarking.summary import Field, Line, Summary

__all__ = [
    "LINE_NOTE",
    "Grid",
    "bench_markdown",
    "change_grid",
    "comparison_sentences",
    "environments",
    "line_grid",
    "markdown_table",
    "moved_grid",
    "ratio_grid",
    "ratio_words",
    "record_grid",
    "seconds_words",
]


Record = Mapping[str, Any]
LINE_HEAD = (
    "solver",
    "runs",
    "verified",
    "claims that did not hold",
    "unsupported",
    "other",
    "compared",
    "mean s",
    "PAR10 s",
    "CPU s",
    "integral s",
    "build s",
    "nodes",
    "MB",
)
LINE_NOTE = (
    "Verified: an optimum whose every check held. Compared: runs the means are over, those of programs that every "
    "solver can take and none found infeasible or unbounded. Mean: shifted geometric mean of wall seconds, in which "
    "a run without a verified optimum counts its time limit; PAR10: arithmetic mean, in which it counts ten times "
    "that. CPU: as the mean, of CPU seconds. Integral: primal-dual integral. Build and nodes are medians, MB is the "
    "most a process held."
)


@dataclass(frozen=True)
class Grid:
    """A table as text.

    Attributes
    ----------
    head : tuple of str
    rows : tuple of tuples of str
    numbers : tuple of int
        Columns that align right.
    bad : tuple of (row, column)
        Cells to be seen first.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    bad: tuple[tuple[int, int], ...] = ()


def seconds_words(value: float | None) -> str:
    """Return seconds to three digits; empty for none.

    Examples
    --------
    >>> seconds_words(0.0012345), seconds_words(12.345), seconds_words(1234.5), seconds_words(float("nan"))
    ('0.00123', '12.3', '1234', '')
    """
    if value is None or math.isnan(value):
        return ""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def line_grid(lines: Iterable[Line], names: str = "solver") -> Grid:
    """Return the table of lines; `names` heads their first column."""
    rows, bad = [], []
    for k, line in enumerate(lines):
        other = line.runs - line.solved - line.wrong - line.unsupported
        kinds = {s: n for s, n in line.statuses.items() if s not in (SOLVED, "unsupported", *BAD)}
        said = ", ".join(f"{n} {s}" for s, n in kinds.items()) if other else ""
        rows.append(
            (
                line.name,
                str(line.runs),
                str(line.solved),
                str(line.wrong),
                str(line.unsupported),
                said,
                str(line.compared),
                seconds_words(line.mean),
                seconds_words(line.par10),
                seconds_words(line.cpu),
                seconds_words(line.integral),
                seconds_words(line.build),
                _number(line.nodes),
                _number(line.memory),
            )
        )
        if line.wrong:
            bad.append((k, 3))
    return Grid((names, *LINE_HEAD[1:]), tuple(rows), (1, 2, 3, 4, *range(6, len(LINE_HEAD))), tuple(bad))


def ratio_words(ratio: Ratio) -> str:
    """Return a ratio with its interval.

    Examples
    --------
    >>> ratio_words(Ratio(2.0, 1.5, 2.5, 9, 3)), ratio_words(Ratio(2.0, None, None, 2, 2))
    ('2.00 (1.50 to 2.50)', '2.00 (too few cases for an interval)')
    """
    if ratio.low is None or ratio.high is None:
        return f"{_three(ratio.value)} (too few cases for an interval)"
    return f"{_three(ratio.value)} ({_three(ratio.low)} to {_three(ratio.high)})"


def _three(value: float) -> str:
    if not 1e-3 <= value < 1000:
        return f"{value:.3g}"
    return f"{value:.{2 - math.floor(math.log10(value))}f}"


def ratio_grid(field: Field) -> Grid:
    """Return the pairwise ratios of a field."""
    rows = [
        (first, second, ratio_words(ratio), str(ratio.runs), str(ratio.cases))
        for first, second, ratio in field.ratios
    ]
    return Grid(("time of", "over that of", "ratio (95 % interval)", "runs", "cases"), tuple(rows), (3, 4))


def record_grid(records: Sequence[Record]) -> Grid:
    """Return runs one by one, with what became of them."""
    rows = [
        (
            r["case"],
            r["solver"],
            f"{r['seed']}/{r['permutation']}",
            r["status"],
            seconds_words(r.get("seconds")),
            _value(r.get("objective")),
            _value(r.get("bound")),
            " ".join(str(r.get("message") or "").split())[:240],
        )
        for r in records
    ]
    head = ("case", "solver", "seed/shuffle", "status", "seconds", "objective", "bound", "why")
    bad = tuple((k, 3) for k, r in enumerate(records) if r["status"] in BAD)
    return Grid(head, tuple(rows), (4, 5, 6), bad)


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def environments(summary: Summary) -> Grid:
    """Return what the records were made on: machine, versions and command, with the load meanwhile."""
    counted = Counter(r["environment"].get("id", "") for r in summary.records)
    by_id = {r["environment"].get("id", ""): r["environment"] for r in summary.records}
    rows = []
    for name, count in sorted(counted.items()):
        found = by_id[name]
        loads = sorted(
            r["load"]
            for r in summary.records
            if r["environment"].get("id", "") == name and r.get("load") is not None
        )
        versions = ", ".join(f"{k} {v}" for k, v in (found.get("versions") or {}).items() if v)
        rows.append(
            (
                str(count),
                ", ".join(str(v) for v in (found.get("machine") or {}).values()),
                versions,
                f"{loads[len(loads) // 2]:.1f}, at most {loads[-1]:.1f}" if loads else "",
                f"`{found['command']}`" if found.get("command") else "",
            )
        )
    return Grid(("runs", "machine", "versions", "load", "command"), tuple(rows), (0,))


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
    >>> print(markdown_table(Grid(("solver", "s"), (("a|b", "1"),), (1,))))
    | solver | s |
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
        f"{field.compared} programs (with seeds and shuffles) that every solver can take; the shift of the geometric "
        f"mean is {field.shift:g} s."
    )
    parts = [f"## {field.name}", lead, markdown_table(line_grid(field.lines))]
    if field.by_lowering:
        parts.append(markdown_table(line_grid(field.by_lowering, "lowering, solver")))
    if field.ratios:
        parts += ["Ratios of times, over the runs both verified:", markdown_table(ratio_grid(field))]
    return parts


def change_grid(found: Comparison) -> Grid:
    """Return the changes of times, the slowest first."""
    rows = [
        (c.suite, c.problem or "all", c.solver, c.verdict, ratio_words(c.ratio), str(c.ratio.runs))
        for c in found.changes
    ]
    bad = tuple((k, 3) for k, c in enumerate(found.changes) if c.verdict == "slower")
    head = ("suite", "problem", "solver", "verdict", "second over first (95 % interval)", "runs")
    return Grid(head, tuple(rows), (5,), bad)


def moved_grid(found: Comparison) -> Grid:
    """Return the runs whose status changed for the worse or the better."""
    before = {a["id"]: a for a, _ in (*found.lost, *found.gained)}
    rows = [("wrong", r["id"], "", r["status"], str(r.get("message") or "")) for r in found.wrong]
    for word, pairs in (("lost", found.lost), ("gained", found.gained)):
        rows += [
            (word, b["id"], before[a["id"]]["status"], b["status"], str(b.get("message") or ""))
            for a, b in pairs
        ]
    return Grid(
        ("", "run", "first", "second", "why"), tuple(rows), (), tuple((k, 0) for k in range(len(found.wrong)))
    )


def comparison_sentences(found: Comparison) -> list[str]:
    """Return what is to be known before any table: how many runs, and why times may be hard to compare."""
    words = [f"{found.both} runs in both"]
    if found.only_first or found.only_second:
        words.append(f"{found.only_first} only in the first and {found.only_second} only in the second")
    counts = {w: sum(c.verdict == w for c in found.changes) for w in ("slower", "faster", "same", "too few")}
    said = ", ".join(
        f"{n} {w if w != 'too few' else 'with too few cases to say'}" for w, n in counts.items() if n
    )
    sentences = [f"{'; '.join(words)}."]
    if said:
        sentences.append(f"Solvers on problems: {said}.")
    sentences.append(
        f"{len(found.lost)} lost, {len(found.gained)} gained, {len(found.wrong)} claims that no longer hold."
    )
    return sentences + [f"Beware: {note}." for note in found.notes]
