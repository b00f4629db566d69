"""Which way the package chooses at which size, what the other would take, and the package's table of it.

``python -m benchmarks step_sizes [--write] [--quick] [--json FILE] [--markdown FILE]``

A step of the mean-variance MPC: machine code against the same interior point by LAPACK, and that against PIQP. Then the
other choices that are made by size, and machine code against numpy (`step_choices`). Both ways get the same data in
turn, and CPU times are compared within the pair, so that what else the machine does matters little. Where the ratio
crosses 1 is interpolated; ``--write`` puts the crossings into ``src/proofolio/models/portfolio/step_sizes.py``, and
the constants of other choices that lose more than 10 % somewhere into their modules. Without it the command says of
every size whether the way that is chosen is at most 10 % slower than the other, and returns how many are not.
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
from benchmarks.step_choices import CHOICES, Choice, replaced
from benchmarks.step_choices import timed as timed_choice
from proofolio import compiled
from proofolio.models.portfolio import step_sizes
from proofolio.models.portfolio.mean_variance_kernel import CompiledSteps

TABLE = Path(step_sizes.__file__)
PERIODS = (1, 5, 30)
SIZES = {"COMPILED": (35, 50, 70, 100, 140, 200, 300), "SPARSE": (10, 20, 30, 45, 65, 100, 150)}
ENOUGH, SLOWER = 1.6, 1.1  # a ratio beyond which no larger size is tried; what a choice may lose
GAMMA_RISK, GAMMA_TRADE = 5.0, 1e-3
BOTH = ("first: CPU ms", "then: CPU ms", "ratio", "chosen", "at most 10 % slower")
COLUMNS, MORE_COLUMNS = ("choice", "H", "n", *BOTH), ("choice", "size", *BOTH)
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


def steps(quick: bool) -> Iterator[tuple[str, int, list[tuple[int, float]], list[Sequence[str]]]]:
    """Yield of each choice of a step and count of periods the ratios by size, and the lines of the table."""
    for choice, H in [(c, H) for c in SIZES for H in (PERIODS[:1] if quick else PERIODS)]:
        present = (step_sizes.compiled_up_to if choice == "COMPILED" else step_sizes.sparse_up_to)(H)
        ratios: list[tuple[int, float]] = []
        rows: list[Sequence[str]] = []
        for n in SIZES[choice][1:4] if quick else SIZES[choice]:
            print(f"{choice} H={H} n={n}", file=sys.stderr)
            count = 5 if n * H < 500 else 2
            given = list(days(synthetic_returns(n, WINDOW + count), H, count))
            first, then = timed(ways(choice, n, H), given, 20 if n * H < 100 else 5 if n * H < 1000 else 2)
            ratios.append((n, first / then))
            rows.append((choice, str(H), str(n), *_compared(first, then, n <= present, ("first", "then"))))
            if first > ENOUGH * then:
                break
        yield choice, H, ratios, rows


def others(quick: bool) -> Iterator[tuple[Choice, list[tuple[int, float]], list[Sequence[str]]]]:
    """Yield of each other choice the ratios by size, and the lines of the table."""
    for choice in CHOICES:
        ratios: list[tuple[int, float]] = []
        rows: list[Sequence[str]] = []
        for size in choice.quick if quick else choice.sizes:
            print(f"{choice.name}: {size}", file=sys.stderr)
            first, then = timed_choice(choice, size, without_machine_code, 0.1 if quick else 1.0)
            ratios.append((size, first / then))
            names = (choice.first, choice.then)
            rows.append((choice.name, str(size), *_compared(first, then, size <= choice.present(), names)))
        yield choice, ratios, rows


def _compared(first: float, then: float, chosen: bool, names: tuple[str, str]) -> Sequence[str]:
    """Return the cells of two times: `chosen` says whether the first way is."""
    good = first <= SLOWER * then if chosen else then <= SLOWER * first
    name = names[0] if chosen else names[1]
    return f"{first:.3f}", f"{then:.3f}", f"{first / then:.2f}", name, "yes" if good else "no"


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; write what was measured, or return how many choices are more than 10 % slower."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks step_sizes")
    parser.add_argument("--write", action="store_true", help="put what was measured into the package")
    add_options(parser, "H = 1 and few sizes")
    options = parser.parse_args(arguments)
    if options.write and options.quick:
        raise SystemExit("--quick measures too little to be written")
    if not compiled.active():
        raise SystemExit("numba is needed to measure where machine code is quicker: install the extra fast")
    rows: list[Sequence[str]] = []
    more: list[Sequence[str]] = []
    found: dict[str, dict[int, int]] = {name: {} for name in SIZES}
    constants: list[tuple[Choice, int]] = []
    with threadpool_limits(1):
        for name, H, ratios, lines in steps(options.quick):
            found[name][H] = crossing(ratios)
            rows += lines
        for choice, ratios, lines in others(options.quick):
            more += lines
            # a constant that loses nowhere stays: where both ways take the same time its last digits are noise
            if choice.module is not None and any(line[-1] == "no" for line in lines):
                constants.append((choice, crossing(ratios)))
    notes = [f"{name} = {numbers}" for name, numbers in found.items()]
    notes += [f"{choice.constant} = {value}, for {choice.name}" for choice, value in constants]
    sheets = [Sheet("Which way at which size", COLUMNS, rows), Sheet("Other choices", MORE_COLUMNS, more)]
    keep("step_sizes", sheets, options, notes)
    if options.write:
        TABLE.write_text(written(TABLE.read_text(encoding="utf-8"), found), encoding="utf-8")
        for choice, value in constants:
            replaced(choice.module, choice.constant, value)
        return 0
    return sum(line[-1] == "no" for line in (*rows, *more))


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
