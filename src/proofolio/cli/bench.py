"""``proofolio bench``: which solver and which lowering, by answers that were checked before they were timed.

``proofolio bench compare``: what got slower between two benchmarks, and how sure that is.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from proofolio.benchmarking.benchmark import benchmark
from proofolio.benchmarking.comparison import compare
from proofolio.benchmarking.records import read_records
from proofolio.benchmarking.runs import plan
from proofolio.benchmarking.suite import find_suites, open_suite
from proofolio.benchmarking.summary import summarise
from proofolio.cli.models import names_in
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import (
    bench_document,
    bench_markdown,
    changes_table,
    comparison_sentences,
    moved_table,
    show_bench,
    show_suites,
    suites_document,
)
from proofolio.report.environment import machine, package_versions
from proofolio.report.files import make_folder, write_markdown, write_page
from proofolio.verification.certified.confirming import CONFIRM

__all__ = ["bench_command"]


REPORT, TABLES = "report.html", "report.md"
COMPARE_EXAMPLE = """
\b
Example:
  proofolio bench compare bench-before bench-after
"""


@click.command("compare", epilog=COMPARE_EXAMPLE)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def compare_command(first: Path, second: Path, as_json: bool) -> int:
    """Say what got slower, lost or wrong from the records of FIRST to those of SECOND.

    Both are folders that `proofolio bench --out` wrote, or their runs.jsonl. Something got slower when the 95 %
    bootstrap interval of its ratio of times lies above 1, and the ratio above 1.05, over six cases or more. Runs that
    took less than 0.05 CPU seconds in both are left out.

    The exit status is 1 when something got slower, lost or wrong.
    """
    found = compare(read_records(first), read_records(second))
    if as_json:
        print_document(
            {
                "changes": [asdict(c) for c in found.changes],
                "lost": [b["id"] for _, b in found.lost],
                "gained": [b["id"] for _, b in found.gained],
                "wrong": [_short(r) for r in found.wrong],
                "both": found.both,
                "only_first": found.only_first,
                "only_second": found.only_second,
                "moved": moved_table(found).records(),
                "notes": list(found.notes),
                "ok": found.ok,
            }
        )
        return GOOD if found.ok else BAD_NEWS
    for sentence in comparison_sentences(found):
        say(sentence)
    console = answer_console()
    for table in (changes_table(found), moved_table(found)):
        if table.rows:
            console.print()
            console.print(table.terminal(console.width))
    return GOOD if found.ok else BAD_NEWS


def _short(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in ("id", "status", "message")}


EXAMPLE = """
\b
Examples:
  proofolio bench my_models.py --solvers highs,scip
  proofolio bench folder_of_mps_files --time-limit 30 --jobs 2
  proofolio bench regime-switching --formulations hull,big-m
  proofolio bench compare bench-before bench-after
"""
TIME_LIMIT, QUICK_LIMIT = 60.0, 10.0
SEEDS, QUICK_SEEDS = 3, 1


class _Bench(click.Command):
    """The command, and in front of a first word ``compare`` the other one."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["compare"]:
            return compare_command.make_context(f"{info_name} compare", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(names_in(value or ""))


@click.command("bench", cls=_Bench, epilog=EXAMPLE)
@click.argument("targets", nargs=-1, metavar="[SUITE | FILE.py | FOLDER]...")
@click.option("--list", "listed", is_flag=True, help="List suites, their problems, and solvers; run nothing.")
@click.option("--solvers", callback=_names, metavar="A,B", help="Only these solvers, a suite's own ones too.")
@click.option(
    "--formulations",
    callback=_names,
    metavar="A,B",
    help="Only problems, constructs and lowerings that match one of these names; * stands for anything.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Solve each program N times, with a random seed and a shuffle of rows and columns each [{SEEDS}].",
)
@click.option("--quick", is_flag=True, help=f"Small cases, {QUICK_SEEDS} seed, {QUICK_LIMIT:g} seconds each.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="S",
    help=f"Seconds a solver is given; a run is killed after twice that, ten more and the confirmation's own "
    f"[{TIME_LIMIT:g}].",
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(min=0.0, min_open=True),
    default=4096.0,
    show_default=True,
    metavar="MB",
    help="Megabytes above which a run is killed.",
)
@click.option(
    "--gap", type=click.FloatRange(min=0.0), default=1e-6, show_default=True, help="Relative gap asked for."
)
@click.option(
    "--confirm",
    type=click.Choice(CONFIRM),
    default="none",
    show_default=True,
    help="What an optimum has to rest on beside one solver's word, as in `solve`; outside the times, in a column of "
    "its own.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on the workers of this dask scheduler.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the records and reports; the same command goes on where it was stopped [bench-NAME].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def bench_command(
    targets: tuple[str, ...],
    listed: bool,
    solvers: tuple[str, ...],
    formulations: tuple[str, ...],
    seeds: int | None,
    quick: bool,
    time_limit: float | None,
    memory_limit: float,
    gap: float,
    confirm: str,
    jobs: int,
    scheduler: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Time solvers and lowerings on your models or on the suites here; wrong answers get no time.

    FILE.py is any file with functions that return a Pyomo model, a CVXPY problem or a Program; FOLDER holds .mps
    or .lp files (also .gz). SUITE is one of those in benchmarks/suites of a clone (--list shows them); without
    a name all of them are run. Runs are done in worker processes, with hard limits on time and memory; whatever
    crashes, hangs or eats memory costs that run alone, and is recorded. `proofolio bench compare A B` says what
    got slower between two folders of records.

    A page (report.html), its tables (report.md) and the records (runs.jsonl) are written to --out. Stop it at any
    time: the same command finishes the rest.

    The exit status is 0 when every claim held, 1 when one did not or something crashed, and 2 for input that
    cannot be used.
    """
    with stdout_kept_free():
        names = targets or tuple(name.replace("_", "-") for name in find_suites())
        if not names:
            none = (
                "there are no suites here (a clone has them, in benchmarks/suites); give a .py file, or a folder "
                "of .mps or .lp files."
            )
            if not listed:
                raise BadData(none)
            complain(none)
        suites = [open_suite(name) for name in names]
    if listed:
        document = suites_document(suites)
        print_document(document) if as_json else show_suites(answer_console(), document)
        return GOOD
    limit = time_limit if time_limit is not None else QUICK_LIMIT if quick else TIME_LIMIT
    runs = plan(
        suites,
        solvers or None,
        formulations,
        seeds or (QUICK_SEEDS if quick else SEEDS),
        quick=quick,
        time_limit=limit,
        memory_limit=memory_limit,
        gap=gap,
        confirm=confirm,
    )
    title = ", ".join(suite.name for suite in suites) if targets else "all suites"
    folder = out or Path("bench-" + ("-".join(suite.name for suite in suites) if targets else "all"))
    return _run(runs, title, folder, jobs, scheduler, as_json)


def _run(runs: list[Any], title: str, folder: Path, jobs: int, scheduler: str | None, as_json: bool) -> int:
    environment = {
        "machine": machine(),
        "versions": package_versions(),
        "command": shlex.join(["proofolio", *sys.argv[1:]]),
    }
    make_folder(folder, (REPORT, TABLES))
    interrupted = False
    with stdout_kept_free(), CountProgress(progress_console(), "bench") as progress:
        try:
            records = benchmark(
                runs,
                folder,
                environment,
                jobs=jobs,
                scheduler=scheduler,
                progress=progress,
                running=progress.running,
            )
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        keys = {run.key for run in runs}
        try:
            records = [r for r in read_records(folder) if r["key"] in keys]
        except BadData:
            records = []
    summary = summarise(records)
    files = (folder / REPORT, folder / TABLES)
    write_page(files[0], bench_page(summary, title))
    write_markdown(files[1], bench_markdown(summary, title))
    if as_json:
        print_document(bench_document(summary, folder, files))
    else:
        show_bench(answer_console(), summary, files)
    if interrupted:
        complain(
            f"interrupted: {len(records)} of {len(runs)} runs are recorded; the same command does the rest"
        )
        return INTERRUPTED
    return GOOD if summary.ok else BAD_NEWS
