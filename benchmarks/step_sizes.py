"""Which way of taking a step of the mean-variance MPC is the quickest at which size, and the package's table of it.

``python -m benchmarks step_sizes [--write] [--quick] [--json FILE] [--markdown FILE]``

Machine code against the same interior point by LAPACK, and that against PIQP: both ways get the same days in turn, and
CPU times are compared within the pair, so that what else the machine does matters little. Where the ratio crosses 1 is
interpolated; ``--write`` puts the crossings into ``src/proofolio/models/portfolio/step_sizes.py``. Without it the
command says of every size whether the way that the table chooses is at most 10 % slower than the other, and returns
how many are not.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import proofolio as pf
from benchmarks.mpc_data import WINDOW, Day, days, synthetic_returns
from benchmarks.record import Sheet, add_options, keep
from proofolio import compiled
from proofolio.models.portfolio import step_sizes
from proofolio.models.portfolio.mean_variance_kernel import CompiledSteps

TABLE = Path(step_sizes.__file__)
PERIODS = (1, 5, 30)
SIZES = {"COMPILED": (35, 50, 70, 100, 140, 200, 300), "SPARSE": (10, 20, 30, 45, 65, 100, 150)}
ENOUGH, SLOWER = 1.6, 1.1  # a ratio beyond which no larger size is tried; what a choice may lose
GAMMA_RISK, GAMMA_TRADE = 5.0, 1e-3
COLUMNS = ("choice", "H", "n", "first: CPU ms", "then: CPU ms", "ratio", "chosen", "at most 10 % slower")
Step = Callable[[Day], object]


@contextmanager
def without_machine_code() -> Iterator[None]:
    """Keep what is set up inside to numpy."""
    before = os.environ.get("PROOFOLIO_COMPILED")
    os.environ["PROOFOLIO_COMPILED"] = "0"
    compiled.active.cache_clear()
    try:
        yield
    finally:
        del os.environ["PROOFOLIO_COMPILED"]
        if before is not None:
            os.environ["PROOFOLIO_COMPILED"] = before
        compiled.active.cache_clear()


def ways(choice: str, n: int, H: int) -> tuple[Step, Step]:
    """Return the way up to the crossing, and the one from there."""
    model, held = pf.MeanVariance(n, H, GAMMA_RISK, GAMMA_TRADE), np.full(n, 1.0 / n)
    with without_machine_code():
        blocks = model.stepper("riccati")
    piqp = model.stepper("piqp")
    kernel = CompiledSteps(model.plan_set, model.charged, 1e-6)

    def by_kernel(day: Day) -> object:
        return kernel.one(day.mean, day.covariance, held, GAMMA_RISK, 0.0)

    def by_blocks(day: Day) -> object:
        return blocks.solve(day.mean, day.covariance, held)

    def by_piqp(day: Day) -> object:
        return piqp.solve(day.mean, day.covariance, held)

    return (by_kernel, by_blocks) if choice == "COMPILED" else (by_piqp, by_blocks)


def timed(steps: Sequence[Step], given: Sequence[Day], rounds: int) -> list[float]:
    """Return the median CPU milliseconds of each, taken in turn, after one step that sets it up."""
    found: list[list[float]] = [[] for _ in steps]
    for step in steps:
        step(given[0])
    for _ in range(rounds):
        for day in given:
            for step, each in zip(steps, found, strict=True):
                started = time.process_time()
                step(day)
                each.append(time.process_time() - started)
    return [1e3 * float(np.median(each)) for each in found]


def crossing(ratios: Sequence[tuple[int, float]]) -> int:
    """Return the n at which the ratio passes 1 for the last time, by interpolation; the ends where it never does."""
    for (n, ratio), (further, beyond) in reversed(tuple(pairwise(ratios))):
        if ratio <= 1.0 < beyond:
            share = math.log(ratio) / (math.log(ratio) - math.log(beyond))
            return round(math.exp(math.log(n) + share * (math.log(further) - math.log(n))))
    return ratios[0][0] if ratios[0][1] > 1.0 else ratios[-1][0]


def written(text: str, found: dict[str, dict[int, int]]) -> str:
    """Return the module with other numbers."""
    for name, numbers in found.items():
        line = f"{name} = {{{', '.join(f'{H}: {n}' for H, n in numbers.items())}}}"
        text, count = re.subn(rf"(?m)^{name} = \{{.*\}}$", line, text)
        if count != 1:
            raise SystemExit(f"{TABLE} has no line '{name} = {{...}}' to write to")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Print the table; write the crossings, or return how many choices are more than 10 % slower."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks step_sizes")
    parser.add_argument("--write", action="store_true", help="put the crossings into the package")
    add_options(parser, "H = 1 and few sizes")
    options = parser.parse_args(arguments)
    if not compiled.active():
        raise SystemExit("numba is needed to measure where machine code is quicker: install the extra fast")
    rows: list[Sequence[str]] = []
    found: dict[str, dict[int, int]] = {"COMPILED": {}, "SPARSE": {}}
    slow = 0
    with threadpool_limits(1):
        for choice, H in [(c, H) for c in found for H in (PERIODS[:1] if options.quick else PERIODS)]:
            ratios: list[tuple[int, float]] = []
            present = (step_sizes.compiled_up_to if choice == "COMPILED" else step_sizes.sparse_up_to)(H)
            for n in SIZES[choice][1:4] if options.quick else SIZES[choice]:
                print(f"{choice} H={H} n={n}", file=sys.stderr)
                count = 5 if n * H < 500 else 2
                given = list(days(synthetic_returns(n, WINDOW + count), H, count))
                first, then = timed(
                    ways(choice, n, H), given, 20 if n * H < 100 else 5 if n * H < 1000 else 2
                )
                ratios.append((n, first / then))
                good = (first <= SLOWER * then) if n <= present else (then <= SLOWER * first)
                slow += not good
                rows.append(
                    (
                        choice, str(H), str(n), f"{first:.3f}", f"{then:.3f}", f"{first / then:.2f}",
                        "first" if n <= present else "then", "yes" if good else "no",
                    )
                )  # fmt: skip
                if first > ENOUGH * then:
                    break
            found[choice][H] = crossing(ratios)
    notes = [f"{name} = {numbers}" for name, numbers in found.items()]
    keep("step_sizes", [Sheet("Which way at which size", COLUMNS, rows)], options, notes)
    if options.write:
        if options.quick:
            raise SystemExit("--quick measures too little to be written")
        TABLE.write_text(written(TABLE.read_text(encoding="utf-8"), found), encoding="utf-8")
        return 0
    return slow


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
