"""A benchmark model by model: what each solver answered to each case, over seeds and shuffles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from proofolio.benchmarking.judgement import BAD
from proofolio.report.table import Cell, Table
from proofolio.solvers.solution import VERIFIED

__all__ = ["CASES_NOTE", "CASES_SHOWN", "CaseLine", "case_lines", "cases_left_out", "cases_table"]


Record = Mapping[str, Any]
CASES_SHOWN, LINES_SHOWN = 40, 160  # in a table, whose last case is whole; the JSON has all
CASES_NOTE = (
    "Over seeds and shuffles: the statuses, with their counts where they differ; the best objective and the largest "
    "gap of answers whose checks hold; the median seconds of runs whose claim was not refuted."
)


@dataclass(frozen=True)
class CaseLine:
    """One solver on one case.

    Attributes
    ----------
    case, solver : str
    runs : int
    statuses : mapping
        How many runs ended in each.
    objective, gap : float or None
        The best objective and the largest gap, of answers whose checks hold.
    seconds : float or None
        The median, of runs that have a time and no refuted claim.
    """

    case: str
    solver: str
    runs: int
    statuses: dict[str, int]
    objective: float | None
    gap: float | None
    seconds: float | None

    @property
    def status(self) -> str:
        """The status of all runs, or each with its count."""
        if len(self.statuses) == 1:
            return next(iter(self.statuses))
        return ", ".join(f"{n} {status}" for status, n in self.statuses.items())


def case_lines(records: Iterable[Record]) -> list[CaseLine]:
    """Return what each solver answered to each case, in the order of their names."""
    grouped: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        grouped[record["case"], record["solver"]].append(record)
    return [_line(case, solver, group) for (case, solver), group in sorted(grouped.items())]


def _line(case: str, solver: str, records: Sequence[Record]) -> CaseLine:
    held = [r for r in records if r["status"] in VERIFIED]
    values = [r["objective"] for r in held if r.get("objective") is not None]
    best = max if any(r.get("maximise") for r in held) else min
    gaps = [r["gap"] for r in held if r.get("gap") is not None]
    times = [r["seconds"] for r in records if r["status"] not in BAD and r.get("seconds") is not None]
    return CaseLine(
        case,
        solver,
        len(records),
        dict(sorted(Counter(r["status"] for r in records).items())),
        best(values, default=None),
        max(gaps, default=None),
        float(median(times)) if times else None,
    )


def cases_table(lines: Sequence[CaseLine]) -> Table:
    """Return the table of the first cases, for which there is room."""
    shown = _shown(lines)
    rows: list[Sequence[Cell]] = [
        (
            line.case,
            line.solver,
            str(line.runs),
            (line.status, "bad" if any(s in BAD for s in line.statuses) else ""),
            _number(line.objective, 9),
            _number(line.gap, 2),
            _number(line.seconds, 3),
        )
        for line in lines
        if line.case in shown
    ]
    return Table(("case", "solver", "runs", "status", "objective", "gap", "median s"), rows, (2, 4, 5, 6))


def cases_left_out(lines: Sequence[CaseLine]) -> str:
    """Return the sentence about the cases that the table has no room for; empty where it has all."""
    count, shown = len({line.case for line in lines}), len(_shown(lines))
    if count == shown:
        return ""
    return f"The first {shown} of {count} cases are shown; {count - shown} were left out (--json has all)."


def _shown(lines: Sequence[CaseLine]) -> set[str]:
    counted = Counter(line.case for line in lines)
    found: set[str] = set()
    for case in sorted(counted)[:CASES_SHOWN]:
        if found and sum(counted[c] for c in found) + counted[case] > LINES_SHOWN:
            break
        found.add(case)
    return found


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"
