"""Two checkouts beside each other: what of this package's own times got slower since another commit.

``python -m benchmarks paired CHECKOUT [--rounds N] [--only NAMES] [--json FILE] [--markdown FILE]``

Each round runs the benchmarks of both checkouts in turn, each in a process of its own, with this environment's
dependencies. The lines compared are those of the package's own methods that have a target; the figure is CPU time, of
which each side's least is taken, since neighbours of a process only ever add to it (seconds on the clock where the
clock of the CPU ticks too coarsely). A line counts as slower above 10 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.record import Sheet, add_options, keep

HERE = Path(__file__).resolve().parent.parent
OPTIONS: Mapping[str, tuple[str, ...]] = {"regime_switching": ("--quick",), "mpc": (), "risk_parity": ()}
ROUNDS = 3
SLOWER = 1.1
COARSE = 0.2  # seconds: twenty ticks of the CPU's clock
COLUMNS = ("benchmark", "line", "there, ms", "here, ms", "here / there", "verdict")
# Words of 0.1.0 for the fields that name a line.
NAMED = ("case", "n", "H", "method", "way", "solver")


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return the number of lines that got slower."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks paired")
    parser.add_argument(
        "checkout", type=Path, help="the other checkout, for instance a git worktree of a tag"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each side (default {ROUNDS})")
    parser.add_argument("--only", help="benchmarks to run, separated by commas (default: all three)")
    add_options(parser, "one round")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(OPTIONS)
    there: dict[tuple[str, str], float] = {}
    here: dict[tuple[str, str], float] = {}
    for turn in range(1 if options.quick else options.rounds):
        for name in names:
            sides = [(options.checkout.resolve(), there), (HERE, here)]
            for checkout, least in sides if turn % 2 == 0 else reversed(sides):
                print(f"round {turn + 1}: {name} in {checkout.name}", file=sys.stderr)
                for line, cpu in _run(checkout, name):
                    least[name, line] = min(cpu, least.get((name, line), cpu))
    rows, slower = [], 0
    for key in here:
        if key not in there:
            continue
        ratio = here[key] / there[key]
        slower += ratio > SLOWER
        verdict = "slower" if ratio > SLOWER else "as fast" if ratio > 1 / SLOWER else "faster"
        rows.append((*key, f"{there[key]:.3f}", f"{here[key]:.3f}", f"{ratio:.2f}", verdict))
    keep("paired", [Sheet("CPU time here against the other checkout", COLUMNS, rows)], options)
    return slower


def _run(checkout: Path, name: str) -> Iterator[tuple[str, float]]:
    """Run one benchmark of a checkout and yield its own lines that have a target, in CPU milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        subprocess.run(
            [sys.executable, "-m", "benchmarks", name, *OPTIONS[name], "--json", str(record)],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": f"{checkout / 'src'}{os.pathsep}{checkout}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if not record.exists():
            sys.exit(f"python -m benchmarks {name} in {checkout} wrote no record; run it there to see why.")
        found = json.loads(record.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = found.get("runs") or [
        row for table in found["tables"] for row in table["rows"]
    ]
    for row in rows:
        if not row.get("target") or row.get("solver", "ours") != "ours":
            continue
        line = " ".join(
            f"{field}={row[field]:g}" if isinstance(row[field], float) else str(row[field])
            for field in NAMED
            if field in row and row[field] != "ours"
        )
        seconds = row["cpu"] if row.get("cpu", 0.0) > COARSE else row.get("seconds")
        yield line, row["CPU ms"] if "CPU ms" in row else 1e3 * seconds


if __name__ == "__main__":
    sys.exit(min(main(), 1))
