"""Multi-period risk parity: the dead-asset trap, and the times of a step beside SLSQP's and CVXPY's.

``python -m benchmarks risk_parity [--returns FILE] [--assets A,B,...] [--days N] [--quick] [--full] [--json FILE]
[--markdown FILE]``

First the trap: with the sample covariance of the first window of the returns, the same in every period, and with
the forecasts after the last, which differ. With holdings w0 = 1/n, the method begins at 1/n and at 100 random
positive weights: "dead" counts the ends with an asset at weight 0, "spread" is the largest difference of two
objectives. Then it begins anew for 100 random holdings. Beside it stands the best end of SLSQP from 1/n and random
weights (20 with ``--full``), also from the ERC, and what the published rule makes of 1/n. An answer fails here
when an asset dies, ends differ, or SLSQP is better by more than 1e-9.

Then the times: medians over days, in milliseconds, checks included in ours. The covariances differ in every
period; holdings are those our plans led to. "ours above" is the worst of our objective minus theirs over the days.
Beside SLSQP from 1/n stands whether ours is 30 times faster.

Last the ERC of one covariance at n = 10, 50, 200 and 500, with the largest error of a risk contribution; a peer with a
tolerance also as it is at 1e-12.

Without a file the returns are synthetic, with the covariances of ten exchange-traded funds, bonds to sectors.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import risk_parity_peers as peers
from benchmarks.mpc_data import WINDOW, days, read_returns
from benchmarks.record import Sheet, add_options, keep
from proofolio.models.portfolio.risk_budgeting import equal_risk, risk_contributions
from proofolio.models.portfolio.risk_parity import RiskParity

Floats = NDArray[np.float64]
TARGETS = {1: 1.0, 5: 3.0, 15: 6.0, 30: 12.0}  # milliseconds
FASTER = 30.0  # times SLSQP from 1/n
ERC_TARGETS = {10: 0.1, 50: 0.5, 200: 2.0, 500: 15.0}  # milliseconds
BETTER = 1e-9
DEAD = 1e-6
GAMMA = 1e-3
TRAP_COLUMNS = (
    "window", "H", "cost", "dead", "spread", "objective", "least weight", "SLSQP best", "excess", "SLSQP dead",
    "published rule from 1/n", "verdict",
)  # fmt: skip
FROM_EQUAL = "SLSQP from 1/n"
STEP_COLUMNS = ("H", "solver", "ms", "CPU ms", "target", "x ours", "ours above", "days with a dead asset")
ERC_COLUMNS = ("n", "solver", "ms", "CPU ms", "target", "x ours", "error")
# Squared percent a day, of the ten funds over 2,000 days to 2014, rounded; the lower triangle.
COVARIANCE = """
 .13
 .19  .92
 .05  .08 1.82
-.02 -.39  .82 1.86
-.13 -.74  .08 1.09 6.18
-.05 -.61  .15  .90 2.82 1.97
-.06 -.82  .65 1.80 3.06 2.40 4.08
-.14 -.91 -.06 1.11 5.20 2.99 3.23 6.14
-.07 -.56  .08  .77 2.55 1.83 2.14 2.66 2.01
 .00 -.35  .12  .59 1.72 1.29 1.74 1.72 1.17 1.48
"""


def synthetic_returns(count: int, seed: int = 0) -> Floats:
    """Return daily returns with the covariances of the funds, calm and loud days taking turns."""
    lower = np.zeros((10, 10))
    for row, line in zip(lower, COVARIANCE.split("\n")[1:-1], strict=True):
        numbers = [float(text) for text in line.split()]
        row[: len(numbers)] = numbers
    sigma = 1e-4 * (lower + np.tril(lower, -1).T)
    rng = np.random.default_rng(seed)
    root, loud, state = np.linalg.cholesky(sigma), np.empty(count, dtype=bool), False
    for t in range(count):
        state = bool(rng.random() < (0.95 if state else 0.02))
        loud[t] = state
    own = np.where(loud[:, None], 1.6, 0.8) * rng.standard_normal((count, 10))
    common = np.where(loud, 0.006, 0.0) * rng.standard_normal(count)
    found: Floats = own @ root.T + common[:, None] * np.array([0.0, 0.0, *[1.0] * 8])
    return found


# --------------------------------------------------------------------- the trap
def trap(returns: Floats, full: bool, quick: bool) -> Iterator[tuple[list[str], bool]]:
    """Yield the lines of the first table, and whether each is as it should be."""
    n, rng = returns.shape[1], np.random.default_rng(0)
    equal, count = np.full(n, 1.0 / n), 10 if quick else 100
    spans = ("first, sample",) if quick else ("first, sample", "last, forecast")
    for span, H in product(spans, (1, 5) if quick else (1, 5, 15)):
        if span == "first, sample":
            sigma = np.tile(np.cov(returns[:WINDOW].T), (H, 1, 1))
        else:
            sigma = next(iter(days(returns, H, 1))).covariance
        erc = equal_risk(sigma)
        for gamma in (1e-3, 1e-4, 1e-6) if full else (1e-3,):
            program = RiskParity(n, H, gamma)
            stepper = program.stepper(starts="erc")
            starts = [equal, *(rng.dirichlet(np.ones(n), size=H) + 1e-9 for _ in range(count))]
            ends = [stepper.solve(sigma, equal, start=start) for start in starts]
            values = np.array([step.objective for step in ends])
            others = [stepper.solve(sigma, rng.dirichlet(np.ones(n))) for _ in range(count)]
            tried = 20 if full else 2 if quick or H > 5 else 8
            best, died = np.inf, 0
            for start in [erc, equal, *(rng.dirichlet(np.ones(n), size=H) for _ in range(tried - 1))]:
                W = peers.slsqp(program, sigma, equal, start)
                best = min(best, program.objective(W, sigma, equal))
                died += bool(W.min() <= DEAD)
                print(f"trap H={H} {gamma:g}: SLSQP", file=sys.stderr)
            rule = program.stepper("published").solve(sigma, equal, start=equal)
            dead = sum(bool(step.dead) for step in (*ends, *others))
            right = dead == 0 and all(step.ok for step in (*ends, *others))
            right = right and float(np.ptp(values)) <= BETTER and float(values.max()) <= best + BETTER
            yield (
                [
                    span,
                    str(H),
                    f"{gamma:g}",
                    f"{dead} of {len(ends) + len(others)}",
                    f"{np.ptp(values):.1e}",
                    f"{values.max():.9f}",
                    f"{min(step.smallest_weight for step in (*ends, *others)):.4f}",
                    f"{best:.9f}",
                    f"{values.max() - best:.1e}",
                    f"{died} of {tried + 1}",
                    f"{rule.objective:.6f}, {len(rule.dead)} dead",
                    "right" if right else "WRONG",
                ],
                right,
            )


# -------------------------------------------------------------------- the times
class Rival(NamedTuple):
    """Who solves a step."""

    name: str
    solve: Callable[[Floats, Floats], Floats]


def rivals(program: RiskParity) -> Iterator[Rival]:
    """Yield the others; each is given what it begins at within its time."""
    n = program.n
    equal, sca = np.full(n, 1.0 / n), peers.CvxpySca(program)
    yield Rival(FROM_EQUAL, lambda sigma, w0: peers.slsqp_plain(program, sigma, w0, equal))
    yield Rival(
        "SLSQP from the ERC", lambda sigma, w0: peers.slsqp_plain(program, sigma, w0, equal_risk(sigma))
    )
    yield Rival("CVXPY SCA from the ERC", lambda sigma, w0: sca.solve(sigma, w0, equal_risk(sigma)))


def _faster(times: float) -> str:
    return f"{FASTER:g} x {'met' if times >= FASTER else 'missed'}"


def times(returns: Floats, H: int, count: int, gamma: float) -> Iterator[tuple[list[str], bool]]:
    """Yield the lines of a horizon: ours first."""
    n = returns.shape[1]
    program = RiskParity(n, H, gamma)
    stepper, w0 = program.stepper(starts="erc"), np.full(n, 1.0 / n)
    asked, wall, cpu, failed = [], [], [], 0
    _ = stepper.solve(np.cov(returns.T), w0).ok  # machine code is loaded, as it is once in a process
    for day in days(returns, H, count):
        started, cpu_started = time.perf_counter(), time.process_time()
        step = stepper.solve(day.covariance, w0)
        well = step.ok  # the checks are put into words when they are asked for, so within the time
        wall.append(1e3 * (time.perf_counter() - started))
        cpu.append(1e3 * (time.process_time() - cpu_started))
        failed += not well or bool(step.dead)
        asked.append((day.covariance, w0, step.objective))
        grown = step.W[0] * (1.0 + day.came)
        w0 = grown / grown.sum()
    ours, target = float(np.median(wall)), TARGETS[H]
    lines = []
    for rival in rivals(program):
        took, above, dead = [], -np.inf, 0
        for sigma, held, objective in asked[: max(3, 60 // H)]:
            started = time.perf_counter()
            W = rival.solve(sigma, held)
            took.append(1e3 * (time.perf_counter() - started))
            above = max(above, objective - program.objective(W, sigma, held))
            dead += bool(W.min() <= DEAD)
        failed += above > BETTER
        print(f"times H={H}: {rival.name}", file=sys.stderr)
        median = float(np.median(took))
        lines.append(
            [
                str(H),
                rival.name,
                f"{median:.2f}",
                "",
                _faster(median / ours) if rival.name == FROM_EQUAL else "",
                f"{median / ours:.1f}",
                f"{above:.1e}",
                f"{dead} of {len(took)}",
            ]
        )
    met = "met" if ours <= target else "met (CPU)" if np.median(cpu) <= target else "missed"
    said = f"{target:g} {'missed (answers)' if failed else met}"
    yield (
        [str(H), "ours", f"{ours:.2f}", f"{np.median(cpu):.2f}", said, "1.0", "", f"0 of {count}"],
        not failed,
    )
    yield from ((line, True) for line in lines)


def budgets(returns: Floats) -> Iterator[list[str]]:
    """Yield the lines of ERC: one covariance of the returns, and some of more assets with five factors."""
    rng = np.random.default_rng(0)
    known = {
        "ours": equal_risk,
        "skfolio": peers.skfolio_budgets(),
        "riskparityportfolio": peers.riskparityportfolio_budgets(),
        "riskparityportfolio to 1e-12": peers.riskparityportfolio_budgets(tol=1e-12, maxiter=2000),
    }
    for n, target in ERC_TARGETS.items():
        loads = 0.01 * rng.standard_normal((n, 5)) + np.array([0.01, 0, 0, 0, 0])
        sigma = loads @ loads.T + np.diag(rng.uniform(0.005, 0.03, n) ** 2)
        if n == returns.shape[1]:
            sigma = np.cov(returns[-WINDOW:].T)
        ours = 0.0
        for name, solve in known.items():
            if solve is None:
                continue
            w = solve(sigma)  # once for what is made or loaded
            took, cpu = [], []
            for _ in range(
                5 if name == "skfolio" or (n >= 200 and name != "ours") else 200 if n < 200 else 40
            ):
                started, cpu_started = time.perf_counter(), time.process_time()
                w = solve(sigma)
                took.append(1e3 * (time.perf_counter() - started))
                cpu.append(1e3 * (time.process_time() - cpu_started))
            median, error = (
                float(np.median(took)),
                np.abs(risk_contributions(w, sigma) - 1.0 / len(sigma)).max(),
            )
            ours = ours or median
            said = ""
            if name == "ours":
                within = target is None or median <= target
                met = "met" if within else "met (CPU)" if np.median(cpu) <= target else "missed"
                said = (
                    f"{'' if target is None else f'{target:g} '}{met if error <= 1e-12 else 'missed (error)'}"
                )
            yield [
                str(len(sigma)),
                name,
                f"{median:.4f}",
                f"{np.median(cpu):.4f}",
                said,
                f"{median / ours:.1f}",
                f"{error:.1e}",
            ]


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; return how many lines of ours are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks risk_parity")
    parser.add_argument("--returns", help="CSV of simple daily returns, dates first, one column an asset")
    parser.add_argument("--assets", help="its columns to use, separated by commas")
    parser.add_argument("--days", type=int, default=60, help="days of the times (default: 60)")
    parser.add_argument("--gamma-trade", type=float, default=GAMMA, help=f"of the times (default: {GAMMA:g})")
    add_options(parser, "short horizons and few starts")
    parser.add_argument(
        "--full", action="store_true", help="20 SLSQP starts, three costs of trading (minutes)"
    )
    options = parser.parse_args(arguments)
    returns = (
        read_returns(options.returns, options.assets)
        if options.returns
        else synthetic_returns(WINDOW + options.days)
    )
    if returns.shape[0] < WINDOW + options.days:
        raise SystemExit(f"{returns.shape[0]} days of returns: {WINDOW + options.days} are needed")
    with threadpool_limits(1):
        return _print_tables(returns, options)


def _print_tables(returns: Floats, options: argparse.Namespace) -> int:
    failed, traps, steps = 0, [], []
    for line, right in trap(returns, options.full, options.quick):
        traps.append(line)
        failed += not right
    for H in (1, 5) if options.quick else TARGETS:
        for line, right in times(returns, H, 10 if options.quick else options.days, options.gamma_trade):
            steps.append(line)
            failed += not right
    sheets = [
        Sheet("The dead-asset trap", TRAP_COLUMNS, traps),
        Sheet(f"A step, cost of trading {options.gamma_trade:g}", STEP_COLUMNS, steps),
        Sheet("ERC of one covariance", ERC_COLUMNS, list(budgets(returns))),
    ]
    missing = [name for name in ("skfolio", "riskparityportfolio") if find_spec(name) is None]
    notes = [f"{', '.join(missing)} not installed, so their lines are missing."] if missing else []
    keep("risk_parity", sheets, options, notes)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
