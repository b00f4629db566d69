"""What ``proofolio bench`` writes and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proofolio.cli.output import answer_console, print_document
from proofolio.errors import BadData
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import Grid, bench_markdown, line_grid, record_grid

if TYPE_CHECKING:
    from proofolio.benchmarking.suite import Suite
    from proofolio.benchmarking.summary import Line, Summary

__all__ = ["document", "list_suites", "print_grid", "show", "write_reports"]


SHOWN = 10
COLUMNS = (0, 1, 2, 3, 4, 5, 7, 8, 9)


def write_reports(summary: Summary, title: str, folder: Path) -> tuple[Path, ...]:
    """Write the page and its Markdown, and return their paths."""
    texts = {"report.html": bench_page(summary, title), "report.md": bench_markdown(summary, title)}
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadData(f"{folder / name} cannot be written: {error.strerror}") from None
    return tuple(folder / name for name in texts)


def document(summary: Summary, folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Return the JSON document."""
    table = []
    for field in summary.fields:
        table += [_line(field.name, "solver", line) for line in field.lines]
        table += [_line(field.name, "lowering, solver", line) for line in field.by_lowering]
    return {
        "out": str(folder),
        "runs": len(summary.records),
        "by_status": summary.by_status,
        "table": table,
        "wrong": [_short(r) for r in summary.wrong],
        "differing": list(summary.differing),
        "claims": summary.claims,
        "notes": list(summary.notes),
        "files": [str(file) for file in files],
        "ok": summary.ok,
    }


def _line(suite: str, by: str, line: Line) -> dict[str, Any]:
    return {"suite": suite, "by": by, **asdict(line)}


def _short(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: record.get(name) for name in ("id", "case", "solver", "status", "message", "objective", "bound")
    }


def show(summary: Summary, files: Sequence[Path]) -> None:
    """Print what a person wants to know first, and where the rest is."""
    for field in summary.fields:
        words = (
            f"{field.compared} programs every solver can take"
            if len(field.solvers) > 1
            else f"{field.compared} programs"
        )
        print_grid(_narrow(line_grid(field.lines)), f"{field.name}: {words}")
        if field.by_lowering:
            print_grid(_narrow(line_grid(field.by_lowering, "lowering, solver")))
    for words in summary.differing:
        click.echo(f"Different optima: {words}.")
    for words in summary.notes:
        click.echo(f"Different programs: {words}.")
    if summary.wrong:
        print_grid(record_grid(summary.wrong[:SHOWN]), "Claims that did not hold")
    elif not summary.differing:
        click.echo(_held(summary))
    rest = [r for r in summary.worst if r["status"] in ("crash", "memory", "error")]
    if rest:
        print_grid(record_grid(rest[:SHOWN]), "Lost runs")
    click.echo(f"Written: {', '.join(str(file) for file in files)}")


def _held(summary: Summary) -> str:
    if not summary.claims:
        return f"No claims were made in {len(summary.records)} runs."
    if summary.claims == 1:
        return "The only claim made held."
    return f"Every claim held: {summary.claims} were made in {len(summary.records)} runs."


def _narrow(grid: Grid) -> Grid:
    """Return the columns a terminal has room for."""
    place = {old: new for new, old in enumerate(COLUMNS)}
    return Grid(
        tuple(grid.head[j] for j in COLUMNS),
        tuple(tuple(row[j] for j in COLUMNS) for row in grid.rows),
        tuple(place[j] for j in grid.numbers if j in place),
        tuple((k, place[j]) for k, j in grid.bad if j in place),
    )


def print_grid(grid: Grid, title: str | None = None) -> None:
    """Print a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for j, name in enumerate(grid.head):
        right = j in grid.numbers
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    bad = set(grid.bad)
    for k, row in enumerate(grid.rows):
        table.add_row(*(Text(words, "bold red" if (k, j) in bad else "") for j, words in enumerate(row)))
    answer_console().print(table)


def list_suites(suites: Sequence[Suite], as_json: bool) -> None:
    """Print suites with their problems, and solvers with what they can take."""
    found: list[dict[str, Any]] = [
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
    ]
    if as_json:
        print_document({"suites": found})
        return
    solvers: dict[str, list[str]] = {}
    for suite in found:
        click.echo(f"{suite['suite']}")
        for p in suite["problems"]:
            grid = ", ".join(name for name in p["grid"])
            own = f"; its own solvers: {', '.join(p['solvers'])}" if p["solvers"] else ""
            click.echo(f"  {p['name']}: {p['cases']} cases" + (f" over {grid}" if grid else "") + own)
        solvers |= suite["solvers"]
    click.echo("solvers")
    for name, can in solvers.items():
        click.echo(f"  {name}: {', '.join(can)}")
