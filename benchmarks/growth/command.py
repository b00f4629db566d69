"""The command: options, the jobs in turn, and the files."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.growth import portfolio_jobs, program_jobs
from benchmarks.growth.measuring import Curve, Job, Limits, announce, judged, measured
from benchmarks.growth.page import growth_page
from benchmarks.growth.record import exponents_table, is_ours, markdown, record_of
from proofolio.report.files import make_folder, write_document, write_markdown, write_page

__all__ = ["main"]

FILES = ("report.html", "report.md", "record.json")
QUICK = Limits(run=0.5, curve=0.6, settled=0.02)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the curves; return how many of our own points are wrong."""
    known = {job.name: job for module in (portfolio_jobs, program_jobs) for job in module.jobs()}
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth")
    parser.add_argument("--quick", action="store_true", help="few small sizes, under a minute")
    parser.add_argument("--jobs", help=f"separated by commas, of {', '.join(known)}; mpc is mpc-n and mpc-H")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record to this file as well")
    parser.add_argument(
        "--out", type=Path, default=Path("growth"), help="folder of the page, tables and record"
    )
    options = parser.parse_args(arguments)
    jobs = _chosen(known, options.jobs)
    make_folder(options.out, FILES)
    limits = QUICK if options.quick else Limits()
    began, found = time.perf_counter(), []
    for number, job in enumerate(jobs, 1):
        found.append((job, _drawn(job, f"[{number}/{len(jobs)}]", limits, quick=options.quick)))
    command = "python -m benchmarks growth" + " --quick" * options.quick
    record = record_of(found, limits, command, time.perf_counter() - began)
    _write(options.out, record)
    if options.json is not None:
        write_document(options.json, record, named=True)
    return sum(
        bool(point["wrong"])
        for job in record["jobs"]
        for curve in job["curves"]
        if is_ours(job, curve)
        for point in curve["points"]
    )


def _chosen(known: dict[str, Job], names: str | None) -> list[Job]:
    if names is None:
        return list(known.values())
    chosen = []
    for wanted in names.split(","):
        fitting = [job for name, job in known.items() if name == wanted or name.startswith(f"{wanted}-")]
        if not fitting:
            raise SystemExit(f"--jobs: there is no job {wanted!r}; choose of {', '.join(known)}.")
        chosen += fitting
    return chosen


def _drawn(job: Job, number: str, limits: Limits, *, quick: bool) -> list[Curve]:
    curves = []
    for solver in job.solvers:
        began = time.perf_counter()
        curve = measured(job, solver, job.quick if quick else job.sizes, limits)
        curves.append(curve)
        reached = f"{len(curve.points)} sizes" + (f", stopped: {curve.ended}" if curve.ended else "")
        announce(f"{number} {job.title}: {solver}: {reached} ({time.perf_counter() - began:.0f} s)")
    return judged(curves, job.tolerance, same=job.same)


def _write(out: Path, record: dict[str, Any]) -> None:
    console = Console(width=150)
    for job in record["jobs"]:
        console.print(f"\n{job['title']}, by {job['across']}", style="bold")
        console.print(exponents_table(job).terminal(console.width))
    write_page(out / FILES[0], growth_page(record))
    write_markdown(out / FILES[1], markdown(record))
    write_document(out / FILES[2], record)
    console.print(f"\n{out / FILES[0]}")
