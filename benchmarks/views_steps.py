"""A step with half-spread and 3/2-power costs: ours, CVXPY, cvxportfolio with market impact; and batches.

``python -m benchmarks views_steps [--days N] [--quick] [--json FILE] [--markdown FILE]``

Every solver gets the same days: means and covariances that change from period to period and from day to day, as the
posterior of views does, and the holdings a reference plan led to. Times are medians over the days after the first, in
milliseconds; ours include checking the data and proving the gap, those of the peers are updating and solving. "x L1"
is the CPU time beside that of our step without the power 3/2, for ours in pairs on the same days; the target is 1.3.
Every answer is held against the reference, ours with a proved relative gap of at most 1e-8: "gap" is the worst
difference of the objectives, of their size or of a thousandth of the largest coefficient, "violation" the worst miss of
budget and bounds.

The second table plans many paths at once, week after week, each from the holdings of its own past: microseconds of a
step, the worst gap and how many steps were not proved within 1e-6, and what 1,000 paths of 500 weeks would take.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import proofolio as pf
from benchmarks import mpc_peers
from benchmarks.mpc import MOST_PARAMETERS
from benchmarks.mpc_data import WINDOW, Day, days, synthetic_returns
from benchmarks.record import Sheet, add_options, keep

Floats = NDArray[np.float64]
Plan = Callable[[Floats, Floats, Floats], "Floats | None"]
GAMMA_RISK, SPREAD, IMPACT = 1.25, 2.5e-4, 1e-3
# Ours and the direct solvers prove 1e-6; what a peer stops at is its own.
GAP, VIOLATION, PROVED, TARGET = 1e-5, 1e-8, 1e-8, 1.3
ROUNDS = 5  # of all days, where two of our own ways are compared
MOST_ASSETS = 20  # cvxportfolio takes longer to compile more than it is worth waiting for
COLUMNS = ("n", "H", "solver", "ms", "CPU ms", "x L1", "target", "gap", "violation", "answers")
BATCH_COLUMNS = (
    "n",
    "H",
    "paths",
    "weeks",
    "CPU us a step",
    "worst gap",
    "unproved",
    "1,000 x 500: s",
    "target",
)
BATCHES = ((20, 1, 1000, 10, 60.0), (20, 5, 200, 3, None))


class Asked(NamedTuple):
    """A day with the holdings, and the best there is."""

    day: Day
    w0: Floats
    best: float


class Run(NamedTuple):
    """One line of the table: medians in milliseconds, and the worst of the answers."""

    wall: float
    cpu: float
    gap: float
    violation: float
    answered: int


def model_of(n: int, H: int, impact: float = IMPACT) -> pf.MeanVariance:
    """Return the program: every other asset trades at twice the costs."""
    dear = 1.0 + np.arange(n) % 2
    return pf.MeanVariance(n, H, GAMMA_RISK, 1.0, half_spread=SPREAD * dear, power_impact=impact * dear)


def value(model: pf.MeanVariance, W: Floats, mean: Floats, covariance: Floats, w0: Floats) -> float:
    """Return what a plan earns less risk and costs."""
    u = np.diff(np.vstack([w0, W]), axis=0)
    paid = sum(model.charged.total(each) for each in u)
    return float((mean * W).sum() - GAMMA_RISK * np.einsum("ti,tij,tj", W, covariance, W) - paid)


def asked(model: pf.MeanVariance, count: int) -> list[Asked]:
    """Return the days, the holdings the reference's plans lead to, and its objectives."""
    reference, w0, found = model.stepper(tolerance=PROVED), np.full(model.n, 1.0 / model.n), []
    for day in days(synthetic_returns(model.n, WINDOW + count), model.H, count):
        step = reference.solve(day.mean, day.covariance, w0)
        if not step.ok:
            raise SystemExit(
                f"the reference proved a gap of {step.residuals.gap_relative:.1e} only: no comparison"
            )
        found.append(Asked(day, w0, step.objective))
        grown = step.W[0] * (1.0 + day.came)
        w0 = grown / grown.sum()
    return found


def solvers(model: pf.MeanVariance, problems: list[Asked]) -> Iterator[tuple[str, Callable[[], Plan]]]:
    """Yield what plans a step: a name, and what sets it up."""
    yield "ours", lambda: _steps(model, "auto")
    yield "Clarabel direct, cones", lambda: _steps(model, "clarabel")
    if model.H * model.n**2 <= MOST_PARAMETERS // 5:
        yield "CVXPY DPP, Clarabel", lambda: mpc_peers.through_cvxpy(model, "CLARABEL")
    if mpc_peers.cvxportfolio_found() and model.n <= MOST_ASSETS:
        yield "cvxportfolio, market impact", lambda: mpc_peers.through_cvxportfolio(model, problems)


def _steps(model: pf.MeanVariance, solver: str) -> Plan:
    stepper = model.stepper(solver)

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        step = stepper.solve(mean, covariance, w0)
        return step.W if step.ok else None

    return plan


def run(model: pf.MeanVariance, plan: Plan, problems: list[Asked]) -> Run:
    """Time a solver on every day, and hold every answer against the reference."""
    wall, cpu, gaps, missed = [], [], [0.0], [0.0]
    for day, w0, best in problems:
        started, cpu_started = time.perf_counter(), time.process_time()
        W = plan(day.mean, day.covariance, w0)
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - cpu_started)
        if W is None:
            continue
        size = max(abs(best), 1e-3 * model.step.size(day.mean, day.covariance))
        gaps.append(abs(value(model, W, day.mean, day.covariance, w0) - best) / size)
        missed.append(max(float(np.abs(W.sum(axis=1) - 1.0).max()), float(-W.min())))
    after = slice(1, None) if len(wall) > 1 else slice(None)
    return Run(
        1e3 * float(np.median(wall[after])), 1e3 * float(np.median(cpu[after])), max(gaps), max(missed), len(gaps) - 1
    )  # fmt: skip


def beside(plan: Plan, other: Plan, problems: list[Asked]) -> float:
    """Return the median ratio of CPU times of two ways on the same days, taken in turn."""
    ratios = []
    for day, w0, _ in problems[1:] * ROUNDS:
        times = []
        for each in (plan, other):
            started = time.process_time()
            each(day.mean, day.covariance, w0)
            times.append(time.process_time() - started)
        ratios.append(times[0] / times[1])
    return float(np.median(ratios))


def together(n: int, H: int, paths: int, weeks: int, target: float | None) -> tuple[str, ...]:
    """Return the line of many paths beside each other."""
    rng = np.random.default_rng(0)
    made = list(days(synthetic_returns(n, WINDOW + weeks + 20), H, weeks + 20))
    planner = model_of(n, H).batch()
    held, seconds, worst, unproved = np.full((paths, n), 1.0 / n), 0.0, 0.0, 0
    for t in range(weeks):
        # every path has its own forecast: another day's covariance, and means off by as much as a view moves them
        which = rng.integers(t, t + 20, paths)
        covariance = np.stack([made[k].covariance for k in which])
        mean = np.stack([made[k].mean for k in which]) + 2e-4 * rng.standard_normal((paths, 1, n))
        started = time.process_time()
        steps = planner.solve(mean, covariance, held)
        seconds += time.process_time() - started
        worst, unproved = max(worst, float(steps.gap_relative.max())), unproved + int((~steps.ok).sum())
        grown = steps.W[:, 0] * (1.0 + made[t].came)
        held = grown / grown.sum(axis=1, keepdims=True)
    each = seconds / (paths * weeks)
    whole = 500_000 * each
    verdict = (
        "" if target is None else f"{target:g} {'met' if whole <= target and unproved == 0 else 'missed'}"
    )
    numbers = (n, H, paths, weeks, f"{1e6 * each:.0f}", f"{worst:.1e}", unproved, f"{whole:.0f}", verdict)
    return tuple(map(str, numbers))


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; return how many of our own answers were not proved or not the reference's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks views_steps")
    parser.add_argument("--days", type=int, help="days of every case (default: 20, 5 with --quick)")
    add_options(parser, "n = 10, H = 1 and 5, and a small batch")
    with threadpool_limits(1):
        return _print_tables(parser.parse_args(arguments))


def _print_tables(options: argparse.Namespace) -> int:
    sizes = [(10, 1), (10, 5)] if options.quick else [(n, H) for n in (10, 20, 50, 100) for H in (1, 2, 5)]
    count, rows, failed = options.days or (5 if options.quick else 20), list[Sequence[str]](), 0
    for n, H in sizes:
        model = model_of(n, H)
        problems = asked(model, count)
        flat = run(
            model, _steps(model_of(n, H, 0.0), "riccati"), problems
        )  # its plans answer another question
        for name, setup in solvers(model, problems):
            print(f"n={n} H={H}: {name}", file=sys.stderr)
            result = run(model, setup(), problems)
            target, times = "", result.cpu / flat.cpu
            if name == "ours":
                times = beside(_steps(model, "auto"), _steps(model_of(n, H, 0.0), "riccati"), problems)
                good = result.answered == count and result.gap <= GAP and result.violation <= VIOLATION
                failed += not good
                target = f"{TARGET:g} {'met' if good and times <= TARGET else 'missed'}"
            rows.append(
                (
                    str(n), str(H), name, f"{result.wall:.2f}", f"{result.cpu:.2f}", f"{times:.2f}", target,
                    f"{result.gap:.1e}", f"{result.violation:.1e}", f"{result.answered} of {count}",
                )
            )  # fmt: skip
        rows.append(
            (str(n), str(H), "ours, L1 only", f"{flat.wall:.2f}", f"{flat.cpu:.2f}", "1.00", "", "", "", "")
        )
    batches = [(10, 1, 100, 2, None)] if options.quick else BATCHES
    paths = [together(*each) for each in batches]
    failed += sum(int(line[6]) for line in paths)
    notes = (
        [] if mpc_peers.cvxportfolio_found() else ["cvxportfolio is not installed, so its lines are missing."]
    )
    sheets = [
        Sheet("A step with 3/2-power costs", COLUMNS, rows),
        Sheet("Many paths at once", BATCH_COLUMNS, paths),
    ]
    keep("views_steps", sheets, options, notes)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
