"""Big-M rows of models with many of them: how many sides the audit decides within a time limit.

A unit commitment of 20 units and 24 hours, with ramps upwards and both ways, a lot sizing of 900 sides, and a network
design of 254. Beside them gdp.mbigm, which solves a program of its own for every M, on one same model in the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.audit_models import lot_sizing, unit_commitment
from benchmarks.audit_speed import beside_mbigm, disjunctions, network_design
from benchmarks.record import Sheet, add_options, keep
from proofolio.verification.audit.auditing import audit

COLUMNS = (
    "model",
    "rows",
    "sides",
    "decided",
    "undecided",
    "share %",
    "seconds",
    "CPU seconds",
    "sides a CPU second",
)
BESIDE = ("model", "M's", "gdp.mbigm", "bounds", "certified M's", "whole audit", "same M's")
LIMIT = 30.0
BEFORE = (
    "Version 0.1.0 decided 480 of the 1,420 sides of the unit commitment in 30 s, on another day and machine."
)
MODELS: dict[str, Callable[[], Any]] = {
    "unit commitment, 20 x 24": unit_commitment,
    "the same with ramps downwards": lambda: unit_commitment(falls=True),
    "lot sizing, 30 x 30": lot_sizing,
    "network design, 254 arcs": lambda: network_design(254),
}


def line(name: str, build: Callable[[], Any], limit: float) -> Sequence[str]:
    """Audit one model within a limit."""
    model = build()
    started = time.process_time()
    found = audit(model, time_limit=limit)
    spent = time.process_time() - started
    n, open_ = len(found.rows), found.summary["undecided"]
    share = 100.0 * (n - open_) / n
    speed = f"{(n - open_) / spent:.0f}"
    return (
        name, str(found.rows_total), str(n), str(n - open_), str(open_), f"{share:.1f}", f"{found.seconds:.1f}",
        f"{spent:.1f}", speed,
    )  # fmt: skip


def main(arguments: Sequence[str] = ()) -> int:
    """Run everything; returns 1 where the M's of gdp.mbigm and of the audit differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of each audit")
    parser.add_argument("--periods", type=int, default=96, help="of the model that gdp.mbigm is given")
    add_options(parser, "the two small ones")
    options = parser.parse_args(arguments)
    chosen = list(MODELS)[2:] if options.quick else list(MODELS)
    lines = []
    for name in chosen:
        lines.append(line(name, MODELS[name], options.limit))
        print("  ".join(lines[-1]), flush=True)
    b = beside_mbigm(lambda: disjunctions(options.periods), True)
    speeds = (
        f"{b.theirs:.0f}",
        *(f"{v:.0f} ({v / b.theirs:.0f} x)" for v in (b.bounds, b.certified, b.audit)),
    )
    name = f"a plant in two modes, {options.periods} periods"
    beside = [(name, str(b.count), *speeds, "yes" if b.same else "NO")]
    sheets = [
        Sheet(f"Sides decided within {options.limit:g} s", COLUMNS, lines),
        Sheet("M's a CPU second, beside gdp.mbigm", BESIDE, beside),
    ]
    keep("audit_scale", sheets, options, [BEFORE])
    return int(not b.same)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
