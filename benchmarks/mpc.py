"""One step of the mean-variance MPC: ours, the plain direct solvers, CVXPY with parameters, cvxportfolio.

``python -m benchmarks mpc [--returns FILE] [--assets A,B,...] [--days N] [--quick] [--json FILE] [--markdown FILE]
[--gamma-risk X] [--gamma-trade X]``

Every solver gets the same days (n = 10: synthetic returns, or those of FILE, simple returns by day, one column an
asset) and the same holdings, those a reference plan led to. Times are medians over the days after the first, in
milliseconds; ours include everything a step does: reading and checking the data, updating, solving, recovering the
plan, proving its gap. Those of the peers are updating and solving. Every answer is checked against the reference,
Clarabel with a proved relative gap of at most 1e-7: "gap" is the worst relative difference of the objectives,
"violation" the worst miss of budget and bounds by the plan as it came. A target counts as met only with a gap of at
most 1e-5 and a violation of at most 1e-8.
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
from benchmarks.mpc_data import WINDOW, Day, days, read_returns, synthetic_returns
from benchmarks.record import Sheet, add_options, keep

Floats = NDArray[np.float64]
Plan = Callable[[Floats, Floats, Floats], Floats | None]
GAP, VIOLATION, PROVED = 1e-5, 1e-8, 1e-7


class Case(NamedTuple):
    """A size, the milliseconds wanted, and for how many days it is run."""

    n: int
    H: int
    target: float
    days: int


CASES = (
    Case(10, 1, 0.1, 100),
    Case(10, 5, 0.3, 100),
    Case(10, 15, 0.8, 60),
    Case(10, 30, 1.6, 60),
    Case(50, 5, 3.0, 20),
    Case(100, 30, 100.0, 6),
)
COLUMNS = ("n", "H", "solver", "ms", "CPU ms", "target", "x ours", "gap", "violation", "answers")
# CVXPY compiles an entry of the constraint matrix for every number of every factor: minutes from here on.
MOST_PARAMETERS = 50_000
# cvxportfolio takes longer to come to its first step than it is worth waiting for.
MOST_ASSETS = 50


class Asked(NamedTuple):
    """A day with the holdings, and the best there is: the reference's objective."""

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


def solvers(model: pf.MeanVariance, problems: list[Asked]) -> Iterator[tuple[str, Callable[[], Plan]]]:
    """Yield the solvers that plan a step: a name, and what sets it up."""
    yield "ours", lambda: _ours(model)
    yield "PIQP direct, plain", lambda: mpc_peers.plain(model, "piqp")
    yield "OSQP direct, plain, warm", lambda: mpc_peers.plain(model, "osqp")
    if model.H * model.n**2 <= MOST_PARAMETERS:
        yield "CVXPY DPP, OSQP", lambda: mpc_peers.through_cvxpy(model, "OSQP")
        yield "CVXPY DPP, Clarabel", lambda: mpc_peers.through_cvxpy(model, "CLARABEL")
    if mpc_peers.cvxportfolio_found() and model.n <= MOST_ASSETS:
        yield "cvxportfolio", lambda: mpc_peers.through_cvxportfolio(model, problems)


def _ours(model: pf.MeanVariance) -> Plan:
    stepper = model.stepper()

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        step = stepper.solve(mean, covariance, w0)
        return step.W if step.ok else None

    return plan


def asked(model: pf.MeanVariance, case: Case, returns: Floats) -> list[Asked]:
    """Return the days, the holdings the reference's plans lead to, and its objectives."""
    reference, w0, found = model.stepper("clarabel", tolerance=PROVED), np.full(case.n, 1.0 / case.n), []
    for day in days(returns, case.H, case.days):
        step = reference.solve(day.mean, day.covariance, w0)
        if not step.ok:
            raise SystemExit(
                f"the reference proved a gap of {step.residuals.gap_relative:.1e} only: no comparison"
            )
        found.append(Asked(day, w0, step.objective))
        grown = step.W[0] * (1.0 + day.came)
        w0 = grown / grown.sum()
    return found


def run(model: pf.MeanVariance, plan: Plan, problems: list[Asked]) -> Run:
    """Time a solver on every day, and check every answer against the reference."""
    wall, cpu, gaps, missed = [], [], [0.0], [0.0]
    for day, w0, best in problems:
        started, cpu_started = time.perf_counter(), time.process_time()
        W = plan(day.mean, day.covariance, w0)
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - cpu_started)
        if W is None:
            continue
        trades = np.abs(np.diff(np.vstack([w0, W]), axis=0)).sum()
        risk = np.einsum("ti,tij,tj", W, day.covariance, W)
        found = (day.mean * W).sum() - model.gamma_risk * risk - model.gamma_trade * trades
        gaps.append(abs(found - best) / abs(best))
        missed.append(max(np.abs(W.sum(axis=1) - 1.0).max(), -W.min()))
    after = slice(1, None) if len(wall) > 1 else slice(None)
    return Run(
        1e3 * float(np.median(wall[after])), 1e3 * float(np.median(cpu[after])), max(gaps), max(missed), len(gaps) - 1
    )  # fmt: skip


def _verdict(case: Case, result: Run, count: int) -> str:
    if result.answered < count or result.gap > GAP or result.violation > VIOLATION:
        return f"{case.target:g} missed (answers)"
    met = "met" if result.wall <= case.target else "met (CPU)" if result.cpu <= case.target else "missed"
    return f"{case.target:g} {met}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return how many of our own answers were not proved or not the reference's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mpc")
    parser.add_argument(
        "--returns", help="CSV of simple daily returns for the cases with as many assets as it has"
    )
    parser.add_argument("--assets", help="its columns to use, separated by commas")
    parser.add_argument("--days", type=int, help="days of every case (default: from 100 to 6)")
    add_options(parser, "ten days of n = 10, H = 1 and 5")
    parser.add_argument("--gamma-risk", type=float, default=5.0)
    parser.add_argument("--gamma-trade", type=float, default=1e-3)
    with threadpool_limits(1):
        return _print_table(parser.parse_args(arguments))


def _print_table(options: argparse.Namespace) -> int:
    given = read_returns(options.returns, options.assets) if options.returns else None
    rows: list[Sequence[str]] = []
    failed = 0
    for case in CASES[:2] if options.quick else CASES:
        case = case._replace(days=options.days or (10 if options.quick else case.days))
        if given is not None and given.shape[1] == case.n:
            returns = given
        else:
            returns = synthetic_returns(case.n, WINDOW + case.days)
        if returns.shape[0] < WINDOW + case.days:
            raise SystemExit(
                f"{options.returns} has {returns.shape[0]} days: {WINDOW + case.days} are needed"
            )
        model = pf.MeanVariance(case.n, case.H, options.gamma_risk, options.gamma_trade)
        problems, ours = asked(model, case, returns), 0.0
        for name, setup in solvers(model, problems):
            print(f"n={case.n} H={case.H}: {name}", file=sys.stderr)
            result = run(model, setup(), problems)
            if name == "ours":
                ours = result.wall
                failed += int(_verdict(case, result, case.days).endswith("(answers)"))
            rows.append(
                (
                    str(case.n),
                    str(case.H),
                    name,
                    f"{result.wall:.3f}",
                    f"{result.cpu:.3f}",
                    _verdict(case, result, case.days) if name == "ours" else "",
                    f"{result.wall / ours:.1f}",
                    f"{result.gap:.1e}",
                    f"{result.violation:.1e}",
                    f"{result.answered} of {case.days}",
                )
            )
    notes = []
    if not mpc_peers.cvxportfolio_found():
        notes.append(
            "cvxportfolio is not installed, so its lines are missing: pip install 'proofolio[peers]' adds it."
        )
    keep("mpc", [Sheet("A step of the mean-variance MPC", COLUMNS, rows)], options, notes)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
