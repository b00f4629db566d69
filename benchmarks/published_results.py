"""The tables that README quotes, from the records in ``benchmarks/results``.

``python -m benchmarks published_results [--write]`` prints them; with ``--write`` README is brought up to date, and so
are the reports beside the records.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofolio.benchmarking.judgement import BAD, SOLVED
from proofolio.benchmarking.measures import ratio_of
from proofolio.benchmarking.records import read_records
from proofolio.benchmarking.summary import Summary, summarise
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import bench_markdown, ratio_text, seconds_text
from proofolio.report.table import Table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
BEGIN, END = "<!-- published results -->", "<!-- end of published results -->"
SOLVERS = ("highs", "scip")
OURS = "proofolio"


def summaries() -> dict[str, Summary]:
    """Return what the published records amount to, by suite."""
    folders = sorted(file.parent for file in RESULTS.glob("*/runs.jsonl"))
    return {folder.name: summarise(read_records(folder)) for folder in folders}


def lowering_table(summary: Summary) -> Table:
    """Return lowerings x solvers: seconds, optima of all runs, and claims that did not hold."""
    (field,) = [f for f in summary.fields if f.by_lowering]
    lines = {line.name: line for line in field.by_lowering}
    names = dict.fromkeys(name.rpartition(", ")[0] for name in lines)
    rows = []
    for name in names:
        row = [name]
        wrong = 0
        for solver in SOLVERS:
            line = lines[f"{name}, {solver}"]
            able = line.runs - line.unsupported
            row += [seconds_text(line.mean), f"{line.solved} of {able}" if able else "unsupported"]
            wrong += line.wrong
        rows.append((*row, str(wrong)))
    head = ("lowering", "HiGHS s", "optimal", "SCIP s", "optimal", "claims that did not hold")
    return Table(head, tuple(rows), (1, 3, 5))


def peer_table(summary: Summary) -> Table:
    """Return the solvers of the regime-switching program: optima, and their seconds over ours with an interval."""
    records = [r for r in summary.records if r["problem"] in ("regime_switching", "multiple_big_m")]
    solvers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for r in records:
        solvers[r["solver"]].append(r)
    ours = {_instance(r): r["seconds"] for r in solvers[OURS] if r["status"] in SOLVED}
    rows = []
    for solver, found in solvers.items():
        pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for r in found:
            if r["status"] in SOLVED and _instance(r) in ours:
                pairs[r["case"]].append((r["seconds"], ours[_instance(r)]))
        ratio = ratio_of(pairs)
        solved = sum(r["status"] in SOLVED for r in found)
        wrong = sum(r["status"] in BAD for r in found)
        compared = "" if solver == OURS else "none optimal" if ratio is None else ratio_text(ratio)
        rows.append((solved, (solver, f"{solved} of {len(found)}", str(wrong), compared)))
    rows.sort(key=lambda row: (-row[0] / len(solvers[row[1][0]]), row[1]))
    head = (
        "solver",
        "optimal",
        "claims that did not hold",
        f"seconds over those of `{OURS}`, where both are optimal",
    )
    return Table(head, tuple(row for _, row in rows), (2,))


def _instance(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["case"], record["seed"], record["permutation"]


def text() -> str:
    """Return the section of README."""
    found = summaries()
    regime, peers = found["regime-switching"], found["peers"]
    first = (
        f"The regime-switching suite, {len(regime.records)} runs, {_limit(regime)}; seconds are shifted geometric "
        "means of wall time in which a run without an optimum counts its limit. Optimal: every check held; that "
        "nothing is better is the solver's own word (`solver-optimal`), as searches are timed without confirmation:"
    )
    second = (
        f"The same program as others write it, from data to answer, {_limit(peers)}. `proofolio` chooses its method, "
        "which here is separation into small quadratic programs; the others solve the whole program:"
    )
    tables = lowering_table(regime).markdown(), peer_table(peers).markdown()
    return "\n\n".join([first, tables[0], second, tables[1]])


def _limit(summary: Summary) -> str:
    limits = sorted({r["time_limit"] for r in summary.records})
    return f"limit {' and '.join(f'{limit:g}' for limit in limits)} s each"


def main(arguments: Sequence[str] = ()) -> int:
    """Print the section, or write it and the reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks published_results", description=__doc__)
    parser.add_argument("--write", action="store_true", help="bring README and the reports up to date")
    if not parser.parse_args(arguments).write:
        print(text())
        return 0
    for name, summary in summaries().items():
        (RESULTS / name / "report.html").write_text(bench_page(summary, name), encoding="utf-8")
        (RESULTS / name / "report.md").write_text(bench_markdown(summary, name), encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n\n{text()}\n\n{END}{after}", encoding="utf-8")
    return 0
