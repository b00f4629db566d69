"""What a benchmark's page and its Markdown both say: tables as plain text, made once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofolio.benchmarking.bootstrap import Ratio
from proofolio.benchmarking.judging import BAD, SOLVED
from proofolio.benchmarking.summary import Field, Line, Summary

__all__ = [
    "LINE_NOTE",
    "Grid",
    "environments",
    "line_grid",
    "ratio_grid",
    "ratio_words",
    "record_grid",
    "seconds_words",
]

Record = Mapping[str, Any]
LINE_HEAD = (
    "way",
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
    "way can take and nobody found infeasible or unbounded. Mean: shifted geometric mean of wall seconds, in which "
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


def line_grid(lines: Iterable[Line], names: str = "way") -> Grid:
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
            r["way"],
            f"{r['seed']}/{r['permutation']}",
            r["status"],
            seconds_words(r.get("seconds")),
            _value(r.get("objective")),
            _value(r.get("bound")),
            " ".join(str(r.get("message") or "").split())[:240],
        )
        for r in records
    ]
    head = ("case", "way", "seed/shuffle", "status", "seconds", "objective", "bound", "why")
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
