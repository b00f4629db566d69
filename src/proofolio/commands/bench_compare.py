"""``proofolio bench compare``: what got slower between two benchmarks, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from proofolio.commands.output import BAD_NEWS, GOOD, print_document

__all__ = ["compare_command"]

EXAMPLE = """
\b
Example:
  proofolio bench compare bench-before bench-after
"""


@click.command("compare", epilog=EXAMPLE)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def compare_command(first: Path, second: Path, as_json: bool) -> int:
    """Say what got slower, lost or wrong from the records of FIRST to those of SECOND.

    Both are folders that `proofolio bench --out` wrote, or their runs.jsonl. Something got slower when the 95 %
    bootstrap interval of its ratio of times lies above 1, and the ratio above 1.05.

    The exit status is 1 when something got slower, lost or wrong.
    """
    from proofolio.benchmarking.comparison import compare
    from proofolio.benchmarking.records import read_records
    from proofolio.commands.bench_words import print_grid
    from proofolio.report.bench_comparison import change_grid, comparison_sentences, moved_grid

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
                "notes": list(found.notes),
                "ok": found.ok,
            }
        )
        return GOOD if found.ok else BAD_NEWS
    for sentence in comparison_sentences(found):
        click.echo(sentence)
    for grid in (change_grid(found), moved_grid(found)):
        if grid.rows:
            print_grid(grid)
    return GOOD if found.ok else BAD_NEWS


def _short(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in ("id", "status", "message")}
