"""Reads what `pytest --cov` measured: prints a table of the packages, and fails below the floor of the verification.

    python scripts/coverage_floor.py

The floor is of branches: each condition of `proofolio.verification` has to be seen both ways by some test.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import coverage

PACKAGE = Path("src/proofolio")
FLOORS = {"verification": 95.0}  # per cent of branches


def main() -> int:
    """Print the table; return the exit status."""
    measured = coverage.Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        measured.json_report(outfile=str(file))
        files = json.loads(file.read_text())["files"]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, found in files.items():
        parts = Path(name).relative_to(PACKAGE).parts
        summary = found["summary"]
        keys = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        for package in (parts[0] if len(parts) > 1 else ".", "all"):
            counts[package] = [a + summary[key] for a, key in zip(counts[package], keys, strict=True)]
    print(f"{'package':16}{'lines':>9}{'branches':>10}")
    below = []
    for package, (lines, of_lines, branches, of_branches) in sorted(counts.items()):
        share = 100 * branches / max(of_branches, 1)
        floor = FLOORS.get(package, 0.0)
        print(
            f"{package:16}{100 * lines / max(of_lines, 1):8.1f}%{share:9.1f}%"
            + (f"  floor {floor:g} %" if floor else "")
        )
        if share < floor:
            below.append(package)
    for package in below:
        print(
            f"The tests take less than {FLOORS[package]:g} % of the branches of {package}: see `coverage report -m`."
        )
    missing = FLOORS.keys() - counts.keys()
    return 1 if below or missing else 0


if __name__ == "__main__":
    sys.exit(main())
