"""``proofolio demo``: the main job on the bundled real prices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from proofolio.cli.output import BAD_NEWS, GOOD, complain, print_document, stdout_kept_free

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from proofolio.report.demo_case import DemoResult

__all__ = ["demo_command"]


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
    from proofolio.cli.output import progress_console  # rich and the solvers are slow to import
    from proofolio.report.demo import run_demo

    with stdout_kept_free(), _Shown(progress_console()) as steps:
        result = run_demo(out, steps)
    if as_json:
        print_document(result.document())
    else:
        _print(result)
    for run in result.runs:
        if not run.ok:
            complain(f"{run.name} is {run.status}: {run.message}")
    if not result.agreement.ok:
        complain(result.agreement.sentence)
    if not result.refutation.ok:
        complain(f"the published bound on M was not caught: its status is {result.refutation.status}")
    return GOOD if result.ok else BAD_NEWS


class _Shown:
    """The steps of the demo, each a line with its time; the one under way turns."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def started(self, title: str) -> None:
        if self._console.is_terminal:
            self._status = self._console.status(title)
            self._status.start()

    def going(self, words: str) -> None:
        if self._status is not None:
            self._status.update(words)

    def done(self, words: str, seconds: float, ok: bool) -> None:
        self._stop()
        title, _, rest = words.partition(": ")
        mark = "[green]✓[/green]" if ok else "[red]✗[/red]"
        from rich.markup import escape

        self._console.print(
            f"{mark} [dim]{seconds:5.1f} s[/dim]  {escape(title)}: {escape(rest)}", soft_wrap=True
        )

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _print(result: DemoResult) -> None:
    from rich.table import Table

    from proofolio.cli.output import answer_console
    from proofolio.report.demo_case import small

    console = answer_console()
    between = 2 if console.width >= 90 else 1
    table = Table(box=None, pad_edge=False, padding=(0, between, 0, 0), header_style="bold")
    for name in ("lowering", "solver", "status"):
        table.add_column(name)
    for name in ("objective", "bound", "gap", "time"):
        table.add_column(name, justify="right")
    table.add_column("checks")
    for run in result.runs:
        failed = [check.name for check in run.checks if not check.ok]
        colour = "green" if run.ok else "red"
        table.add_row(
            run.lowering,
            f"{run.solver} {run.version}",
            f"[{colour}]{run.status}[/{colour}]",
            "" if run.objective is None else f"{run.objective:.6f}",
            "" if run.bound is None else f"{run.bound:.6f}",
            "" if run.gap is None else small(run.gap),
            f"{run.seconds:.2f} s",
            f"[red]failed: {', '.join(failed)}[/red]" if failed else f"{len(run.checks)}/{len(run.checks)}",
        )
    console.print()
    console.print(table)
    console.print()
    sentence = result.agreement.sentence
    console.print(f"{sentence[:1].upper()}{sentence[1:]}.", markup=False, soft_wrap=True)
    found = result.refutation
    if found.ok:
        console.print(
            f"The published bound on M is refuted: M = {found.big_m:.3f} where {found.needed_m:.3f} is "
            f"needed makes {found.claimed:.3f} of the optimum {found.optimum:.3f}.",
            markup=False,
            soft_wrap=True,
        )
    for file in result.files:
        console.print(f"Report: {file} ({result.seconds:.0f} s in all)", markup=False, soft_wrap=True)
