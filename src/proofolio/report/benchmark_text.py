"""A benchmark as text: the tables that page, Markdown and terminal share, and what a comparison says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from proofolio.benchmarking.comparison import ENOUGH, SHORT, Comparison
from proofolio.benchmarking.judgement import BAD, SOLVED
from proofolio.benchmarking.measures import Ratio
from proofolio.benchmarking.suite import Suite
from proofolio.benchmarking.summary import Field, Line, Summary
from proofolio.brief import number_of
from proofolio.report.benchmark_cases import CASES_NOTE, case_lines, cases_left_out, cases_table
from proofolio.report.table import Cell, Table
from proofolio.report.words import words_table
from proofolio.solvers.capabilities import SOLVERS

__all__ = [
    "LINE_NOTE",
    "OWN_STATUSES",
    "RATIO_NOTE",
    "bench_document",
    "bench_markdown",
    "changes_table",
    "comparison_sentences",
    "environments_table",
    "lines_table",
    "moved_table",
    "ratio_text",
    "ratios_table",
    "runs_table",
    "seconds_text",
    "show_bench",
    "show_suites",
    "suites_document",
]


Record = Mapping[str, Any]
LISTED = 30  # runs in a table of the Markdown
SHOWN = 10  # runs in a table of the terminal
REASON = 240  # characters of the reason of a run
GAP = "gap at limit"
LINE_HEAD = (
    "runs",
    "optimal",
    "certified",
    "verified",
    "claims that did not hold",
    "unsupported",
    "other",
    GAP,
    "compared",
    "mean s",
    "PAR10 s",
    "CPU s",
    "integral s",
    "build s",
    "confirm s",
    "nodes",
    "MB",
)
# Of the table of lines: those a terminal has room for.
TERMINAL_COLUMNS = (*LINE_HEAD[: LINE_HEAD.index(GAP) + 1], "mean s", "CPU s")
# On a narrow terminal the first of these that are too many are left out.
LESS_NEEDED = ("certified", "verified", "CPU s", "unsupported", "runs", "other")
OWN_STATUSES = {
    "memory": "the process held more than its memory limit and was ended",
    "crash": "the process ended, or did not end in time and was killed",
    "error": "the solver, or what surrounds it, raised an error",
    "unsupported": "the solver cannot express the program, which was known before it was asked",
}
# What a comparison says of times, as counted.
VERDICTS = {
    "slower": "slower",
    "faster": "faster",
    "same": "same",
    "too few": f"with too few cases to say (fewer than {ENOUGH})",
    "too short": f"with runs too short to say (under {SHORT:g} CPU seconds)",
}
LINE_NOTE = (
    "Optimal: an optimum whose every check held; of these, certified and verified say what else it rests on (below). "
    "Gap at limit: the largest relative gap left by a run that ended at its limit with a point. "
    "Compared: runs the means are over, those of programs that every solver can take and that were not found "
    "infeasible or unbounded. Mean: shifted geometric mean of wall seconds, in which a run without an optimum counts "
    "its time limit; PAR10: arithmetic mean, in which it counts ten times that. CPU: as the mean, of CPU seconds. "
    "Integral: primal-dual integral. Build, confirm and nodes are medians, of which none is in the other times; MB is "
    "the most a process held."
)


RATIO_NOTE = (
    "Ratios: geometric means of times over the runs in which both found an optimum. The intervals draw cases; cases of "
    "one model are alike, so that over few models an interval is narrower than it should be."
)


# ------------------------------------------------------------------------- tables
def lines_table(lines: Iterable[Line], names: str = "solver", title: str = "") -> Table:
    """Return the table of lines, with a column of gaps where there are any; `names` heads their first column."""
    rows: list[Sequence[Cell]] = []
    for line in lines:
        other = line.runs - line.solved - line.wrong - line.unsupported
        kinds = {s: n for s, n in line.statuses.items() if s not in (*SOLVED, "unsupported", *BAD)}
        rows.append(
            (
                line.name,
                str(line.runs),
                str(line.solved),
                str(line.certified),
                str(line.verified),
                (str(line.wrong), "bad" if line.wrong else ""),
                str(line.unsupported),
                ", ".join(f"{n} {s}" for s, n in kinds.items()) if other else "",
                _gap(line.gap),
                str(line.compared),
                *map(seconds_text, (line.mean, line.par10, line.cpu, line.integral, line.build)),
                seconds_text(line.confirm),
                *map(_whole, (line.nodes, line.memory)),
            )
        )
    table = Table((names, *LINE_HEAD), rows, (1, 2, 3, 4, 5, 6, *range(8, len(LINE_HEAD) + 1)), title)
    gap = table.head.index(GAP)
    return (
        table
        if any(row[gap] for row in rows)
        else table.columns([j for j in range(len(table.head)) if j != gap])
    )


def ratios_table(field: Field) -> Table:
    """Return the pairwise ratios of a field."""
    rows = [
        (first, second, ratio_text(ratio), str(ratio.runs), str(ratio.cases), str(ratio.models))
        for first, second, ratio in field.ratios
    ]
    return Table(
        ("time of", "over that of", "ratio (95 % interval)", "runs", "cases", "models"), rows, (3, 4, 5)
    )


def runs_table(records: Sequence[Record], title: str = "") -> Table:
    """Return runs one by one, with their status and its reason."""
    rows: list[Sequence[Cell]] = [
        (
            r["case"],
            r["solver"],
            f"{r['seed']}/{r['permutation']}",
            (r["status"], "bad" if r["status"] in BAD else ""),
            seconds_text(r.get("seconds")),
            _value(r.get("objective")),
            _value(r.get("bound")),
            " ".join(str(r.get("message") or "").split())[:REASON],
        )
        for r in records
    ]
    head = ("case", "solver", "seed/shuffle", "status", "seconds", "objective", "bound", "why")
    return Table(head, rows, (4, 5, 6), title)


def environments_table(summary: Summary) -> Table:
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
    return Table(("runs", "machine", "versions", "load", "command"), rows, (0,))


def changes_table(found: Comparison) -> Table:
    """Return the changes of times, the slowest first."""
    rows: list[Sequence[Cell]] = [
        (
            c.suite,
            c.problem or "all",
            c.solver,
            (c.verdict, "bad" if c.verdict == "slower" else ""),
            ratio_text(c.ratio),
            str(c.ratio.runs),
            str(c.ratio.cases),
            str(c.ratio.models),
        )
        for c in found.changes
    ]
    head = (
        "suite", "problem", "solver", "verdict", "second over first (95 % interval)", "runs", "cases", "models",
    )  # fmt: skip
    return Table(head, rows, (5, 6, 7))


def moved_table(found: Comparison) -> Table:
    """Return the runs whose status changed for the worse or the better."""
    before = {a["id"]: a for a, _ in (*found.lost, *found.gained)}
    rows: list[Sequence[Cell]] = [
        (("wrong", "bad"), r["id"], "", r["status"], str(r.get("message") or "")) for r in found.wrong
    ]
    for kind, pairs in (("lost", found.lost), ("gained", found.gained)):
        rows += [
            (kind, b["id"], before[a["id"]]["status"], b["status"], str(b.get("message") or ""))
            for a, b in pairs
        ]
    return Table(("change", "run", "first", "second", "why"), rows)


# ------------------------------------------------------------------------ numbers
def seconds_text(value: float | None) -> str:
    """Return seconds to three digits; empty for none.

    Examples
    --------
    >>> seconds_text(0.0012345), seconds_text(12.345), seconds_text(1234.5), seconds_text(float("nan"))
    ('0.00123', '12.3', '1234', '')
    """
    if value is None or math.isnan(value):
        return ""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio with its interval.

    Examples
    --------
    >>> ratio_text(Ratio(2.0, 1.5, 2.5, 9, 3, 1)), ratio_text(Ratio(2.0, None, None, 2, 2, 2))
    ('2.00 (1.50 to 2.50)', '2.00 (too few cases for an interval)')
    """
    if ratio.low is None or ratio.high is None:
        return f"{_three(ratio.value)} (too few cases for an interval)"
    return f"{_three(ratio.value)} ({_three(ratio.low)} to {_three(ratio.high)})"


def _three(value: float) -> str:
    if not 1e-3 <= value < 1000:
        return f"{value:.3g}"
    return f"{value:.{2 - math.floor(math.log10(value))}f}"


def _whole(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def _gap(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2g}"


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


# ----------------------------------------------------------------------- Markdown
def bench_markdown(summary: Summary, title: str) -> str:
    """Return the results as Markdown; the same records give the same bytes."""
    counted = ", ".join(f"{n} {status}" for status, n in summary.by_status.items())
    parts = [f"# Benchmark: {title}", f"{len(summary.records)} runs: {counted}.", *_wrong(summary)]
    parts += [f"- Different programs: {note}." for note in summary.notes]
    if summary.fields:
        parts += [LINE_NOTE, words_table(summary.by_status, OWN_STATUSES).markdown()]
    for field in summary.fields:
        parts += _field(field)
    cases = case_lines(summary.records)
    if cases:
        parts += ["## Model by model", CASES_NOTE, cases_table(cases).markdown()]
        parts += filter(None, [cases_left_out(cases)])
    if summary.worst:
        parts += ["## Worst runs, worst first", runs_table(summary.worst[:LISTED]).markdown()]
        parts += _more(len(summary.worst))
    parts += ["## Machine and versions", environments_table(summary).markdown()]
    return "\n\n".join(parts) + "\n"


def _wrong(summary: Summary) -> list[str]:
    if not summary.wrong and not summary.differing:
        none = "None." if summary.claims else f"No claims were made in {len(summary.records)} runs."
        return ["## Claims that did not hold", none]
    parts = ["## Claims that did not hold"]
    parts += [f"- Different optima: {sentence}." for sentence in summary.differing[:LISTED]]
    if summary.wrong:
        parts.append(runs_table(summary.wrong[:LISTED]).markdown())
    return parts + _more(len(summary.wrong))


def _more(count: int) -> list[str]:
    return [f"{count - LISTED} more are in the records."] if count > LISTED else []


def _field(field: Field) -> list[str]:
    lead = (
        f"{number_of(field.compared, 'program')} (with seeds and shuffles) that every solver can take; the shift of "
        f"the geometric mean is {field.shift:g} s."
    )
    parts = [f"## {field.name}", lead, lines_table(field.lines).markdown()]
    if field.by_lowering:
        parts.append(lines_table(field.by_lowering, "lowering, solver").markdown())
    if field.ratios:
        parts += [
            RATIO_NOTE,
            ratios_table(field).markdown(),
        ]
    return parts


# --------------------------------------------------------------- terminal and JSON
def bench_document(summary: Summary, folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Return the document of `proofolio bench --json`."""
    table = []
    for field in summary.fields:
        table += [_line(field.name, "solver", line) for line in field.lines]
        table += [_line(field.name, "lowering, solver", line) for line in field.by_lowering]
    return {
        "out": str(folder),
        "runs": len(summary.records),
        "by_status": summary.by_status,
        "table": table,
        "cases": [asdict(line) for line in case_lines(summary.records)],
        "wrong": [_short(r) for r in summary.wrong],
        "differing": list(summary.differing),
        "claims": summary.claims,
        "notes": list(summary.notes),
        "files": [str(file) for file in files],
        "ok": summary.ok,
    }


def _line(suite: str, by: str, line: Line) -> dict[str, Any]:
    return {"suite": suite, "by": by, **asdict(line)}


def _short(record: Record) -> dict[str, Any]:
    kept = ("id", "case", "solver", "status", "message", "objective", "bound")
    return {name: record.get(name) for name in kept}


def show_bench(console: Console, summary: Summary, files: Sequence[Path]) -> None:
    """Print what a person wants to know first, and where the rest is."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    def show(table: Table) -> None:
        table.show(console, LESS_NEEDED)
        console.print()

    def show_lines(table: Table) -> None:
        columns = [j for j, name in enumerate(table.head) if j == 0 or name in TERMINAL_COLUMNS]
        show(table.columns(columns))

    for field in summary.fields:
        every = " every solver can take" if len(field.solvers) > 1 else ""
        title = f"{field.name}: {number_of(field.compared, 'program')}{every}"
        show_lines(lines_table(field.lines, title=title))
        if field.by_lowering:
            show_lines(lines_table(field.by_lowering, "lowering, solver"))
    for sentence in summary.differing:
        say(f"Different optima: {sentence}.")
    for sentence in summary.notes:
        say(f"Different programs: {sentence}.")
    if summary.wrong:
        show(runs_table(summary.wrong[:SHOWN], _titled("Claims that did not hold", len(summary.wrong))))
    elif not summary.differing:
        say(_claims(summary))
    lost = [r for r in summary.worst if r["status"] in ("crash", "memory", "error")]
    if lost:
        show(runs_table(lost[:SHOWN], _titled("Lost runs", len(lost))))
    say(f"Written: {', '.join(str(file) for file in files)}")


def _titled(title: str, count: int) -> str:
    return f"{title} ({SHOWN} of {count} shown)" if count > SHOWN else title


def _claims(summary: Summary) -> str:
    if not summary.claims:
        return f"No claims were made in {len(summary.records)} runs."
    if summary.claims == 1:
        return "The only claim made held."
    return f"Every claim held: {summary.claims} were made in {len(summary.records)} runs."


def suites_document(suites: Sequence[Suite]) -> dict[str, Any]:
    """Return the document of `proofolio bench --list --json`: suites, their problems, and what solvers can take."""
    return {
        "suites": [
            {
                "suite": suite.name,
                "problems": [
                    {
                        "name": p.name,
                        "cases": len(list(p.cases())),
                        "quick": len(list(p.cases(quick=True))),
                        "grid": {name: list(values) for name, values in p.grid.items()},
                        "solvers": list(p.solvers),
                    }
                    for p in suite.problems.values()
                ],
                "solvers": {name: sorted(entry.can) for name, entry in suite.solvers.items()},
            }
            for suite in suites
        ],
        "solvers": {name: sorted(entry.can) for name, entry in SOLVERS.items()},
    }


def show_suites(console: Console, document: Mapping[str, Any]) -> None:
    """Print what `suites_document` holds."""
    problems: list[Sequence[Cell]] = []
    solvers: dict[str, list[str]] = dict(document["solvers"])
    for suite in document["suites"]:
        problems += [
            (suite["suite"], p["name"], str(p["cases"]), ", ".join(p["grid"]), ", ".join(p["solvers"]))
            for p in suite["problems"]
        ]
        solvers |= suite["solvers"]
    if problems:
        head = ("suite", "problem", "cases", "over", "solvers of its own")
        console.print(Table(head, problems, (2,)).terminal(console.width))
        console.print()
    able = [(name, ", ".join(can)) for name, can in solvers.items()]
    console.print(Table(("solver", "can take"), able).terminal(console.width))


# --------------------------------------------------------------------- comparison
def comparison_sentences(found: Comparison) -> list[str]:
    """Return what is to be known before any table: how many runs, and why times may be hard to compare."""
    counted = [f"{found.both} runs in both"]
    if found.only_first or found.only_second:
        counted.append(f"{found.only_first} only in the first and {found.only_second} only in the second")
    counts = Counter(c.verdict for c in found.changes)
    said = ", ".join(f"{counts[v]} {text}" for v, text in VERDICTS.items() if counts[v])
    sentences = [f"{'; '.join(counted)}."]
    if said:
        sentences.append(f"Solvers on problems: {said}.")
    sentences.append(
        f"{len(found.lost)} lost, {len(found.gained)} gained, {len(found.wrong)} claims that no longer hold."
    )
    return sentences + [f"Beware: {note}." for note in found.notes]
