"""What benchmarks of MPC, risk parity and backtests share: options, the machine, and their tables in files."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

__all__ = ["Sheet", "add_options", "keep"]

PACKAGES = ("proofolio", "numpy", "scipy", "piqp", "osqp", "clarabel", "cvxpy", "hmmlearn")
PEERS = ("cvxportfolio", "riskparityportfolio", "skfolio")


class Sheet(NamedTuple):
    """A table: its title, its columns, and its lines as text."""

    title: str
    columns: tuple[str, ...]
    rows: list[Sequence[str]]


def add_options(parser: argparse.ArgumentParser, quick: str) -> None:
    """Add what every benchmark takes."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the records to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file")


def keep(name: str, sheets: Iterable[Sheet], asked: argparse.Namespace, notes: Sequence[str] = ()) -> None:
    """Print the tables, and write them where the options say."""
    console, kept = Console(width=170), list(sheets)
    for sheet in kept:
        table = Table(*sheet.columns, title=sheet.title)
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
    for note in notes:
        print(note)
    if asked.json is not None:
        tables = [
            {
                "title": sheet.title,
                "rows": [
                    {column: _value(text) for column, text in zip(sheet.columns, row, strict=True)}
                    for row in sheet.rows
                ],
            }
            for sheet in kept
        ]
        record = {"benchmark": name, "machine": machine(), "tables": tables, "notes": list(notes)}
        asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if asked.markdown is not None:
        lines = [f"# {name}", "", machine()]
        for sheet in kept:
            lines += ["", f"## {sheet.title}", "", "| " + " | ".join(sheet.columns) + " |"]
            lines += ["|" + " --- |" * len(sheet.columns)]
            lines += ["| " + " | ".join(row) + " |" for row in sheet.rows]
        lines += ["", *notes] if notes else []
        asked.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def machine() -> str:
    """Return the machine and the versions a table was made with."""
    packages = ", ".join(f"{name} {found}" for name in (*PACKAGES, *PEERS) if (found := _version(name)))
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors; "
        f"Python {platform.python_version()}; {packages}."
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
