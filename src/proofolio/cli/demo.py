"""``proofolio demo``: the main job on the bundled real prices."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import click
from rich.console import Console
from rich.status import Status

from proofolio.cli.output import BAD_NEWS, GOOD, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import answer_console, progress_console
from proofolio.report.demo import DemoResult, run_demo, runs_table, step
from proofolio.report.demo_page import regime_page
from proofolio.report.files import make_folder, write_page

__all__ = ["demo_command"]


REPORT = "report.html"
COLUMNS = (0, 1, 2, 3, 4, 6, 7, 9)  # of the table of runs: those a terminal has room for
EXAMPLE = """
\b
Example:
  proofolio demo --out proofolio-demo
"""


@click.command("demo", epilog=EXAMPLE)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("proofolio-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the report.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def demo_command(out: Path, as_json: bool) -> int:
    """Run the main job on real prices, in under a minute.

    Fits market regimes to 33 years of prices, builds the regime-switching program for the last 18 months,
    solves it in two lowerings with HiGHS and SCIP, compares the four optima, refutes a published bound on M,
    and writes a report.

    The exit status is 1 when an answer is not verified, when the optima differ, or when the wrong M is not
    caught.
    """
    make_folder(out, (REPORT,))
    report = out / REPORT
    with stdout_kept_free(), _Steps(progress_console()) as steps:
        result = run_demo(steps)
        with step(steps, "Writing the report") as done:
            write_page(report, regime_page(result))
            done(f"{report} ({report.stat().st_size / 1000:.0f} kB)")
    if as_json:
        print_document(result.document() | {"files": [str(report)]})
    else:
        _print(result, report)
    for run in result.runs:
        if not run.ok:
            complain(f"{run.name} is {run.status}: {run.message}")
    if not result.agreement.ok:
        complain(result.agreement.sentence)
    if not result.refutation.ok:
        complain(f"the published bound on M was not caught: its status is {result.refutation.status}")
    return GOOD if result.ok else BAD_NEWS


class _Steps:
    """The steps of the demo, each a line with its time; the one under way turns."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def started(self, title: str) -> None:
        if self._console.is_terminal:
            self._status = self._console.status(title)
            self._status.start()

    def going(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)

    def done(self, text: str, seconds: float, ok: bool) -> None:
        self._stop()
        self._console.print("✓" if ok else "✗", style="green" if ok else "red", end=" ")
        self._console.print(f"{seconds:5.1f} s", style="dim", end="  ")
        self._console.print(text, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _print(result: DemoResult, report: Path) -> None:
    console = answer_console()
    console.print()
    console.print(runs_table(result.runs).columns(COLUMNS).terminal(console.width))
    sentence = result.agreement.sentence
    say(f"\n{sentence[:1].upper()}{sentence[1:]}.")
    found = result.refutation
    if found.ok:
        say(
            f"The published bound on M is refuted: M = {found.big_m:.3f} where {found.needed_m:.3f} is "
            f"needed makes {found.claimed:.3f} of the optimum {found.optimum:.3f}."
        )
    say(f"Report: {report} ({result.seconds:.0f} s in all)")
