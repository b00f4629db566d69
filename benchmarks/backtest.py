"""A backtest of four strategies with the hidden Markov model refitted daily, beside what others take for its parts.

``python -m benchmarks backtest [--returns FILE] [--assets A,B,...] [--days N] [--quick] [--json FILE]
[--markdown FILE]``

Ours is run in full, in one process and one thread: 2,193 days after a window of 2,000 with FILE (ten funds where they
are all there), else as many synthetic ones; SPO, MPO, SPO-RP and MPO-RP (H = 5, gamma_risk = 5, gamma_trade = 0.001,
10 bp). The machine code of the kernels is loaded before, by a few days that do not count, and the seconds that took
are said: compiling it takes many, once on a machine. hmmlearn's cold fit (200 iterations, 1e-4), cvxportfolio's MPO
step and SLSQP's MPO-RP step are timed on some of the same days with the same forecasts and holdings; their seconds are
the mean of those days times all days.

Checked: every step proved, no day without an answer; the warm fits' log-likelihood no more than 0.1 below the cold
fit's on 95 % of the days looked at; on the peers' days our objective no worse than theirs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import proofolio as pf
from benchmarks import mpc_peers, risk_parity_peers
from benchmarks.mpc import Asked
from benchmarks.mpc_data import FUNDS, WINDOW, Day, read_returns, synthetic_returns
from benchmarks.record import Sheet, add_options, keep
from proofolio.backtesting.backtests import Context
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Strategy
from proofolio.backtesting.simulator import Simulation, simulate
from proofolio.backtesting.strategies import strategies_named
from proofolio.backtesting.tasks import TaskRunner
from proofolio.models.portfolio.risk_budgeting import equal_risk
from proofolio.models.portfolio.risk_parity import RiskParity

Floats = NDArray[np.float64]
NAMES = ("spo", "mpo", "spo-rp", "mpo-rp")
H, GAMMA_RISK, GAMMA_TRADE, COST = 5, 5.0, 1e-3, 0.001
TARGET = 3.0  # seconds, of the forecasts and the four strategies
DAYS, QUICK_DAYS = 2193, 150
LOADING_DAYS = 20  # so many that a cold start is among the refits
SHORT = 0.1  # of a log-likelihood
LOOKED_AT = 100  # days whose warm fit is compared with a cold one
PEER_DAYS = 30
BETTER = 1e-5  # relative, of an objective
COLUMNS = ("what", "solver", "seconds", "CPU s", "ms a day", "target", "checked")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the number of checks that did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks backtest")
    parser.add_argument("--returns", help="CSV of simple daily returns, dates first, one column an asset")
    parser.add_argument("--assets", help="its columns to use, separated by commas")
    parser.add_argument("--days", type=int, help="days traded (default: all after the window)")
    add_options(parser, f"{QUICK_DAYS} days")
    options = parser.parse_args(arguments)
    names = options.assets.split(",") if options.assets else list(FUNDS)
    days = options.days or (QUICK_DAYS if options.quick else DAYS)
    if options.returns:
        returns = read_returns(options.returns, options.assets)[: WINDOW + days]
        names = names if returns.shape[1] == len(names) else [f"A{i}" for i in range(returns.shape[1])]
    else:
        returns = synthetic_returns(len(names), WINDOW + days)
    dates = pd.bdate_range("2000-01-03", periods=len(returns))
    market = Market.from_returns(pd.DataFrame(returns, index=dates, columns=names), 0.0)
    with threadpool_limits(1):
        return _measured(market, options)


def _measured(market: Market, options: argparse.Namespace) -> int:
    driving = tuple(market.column(name) for name in ("VTI", "TLT") if name in market.names) or (0, 1)
    plan, days = ForecastPlan(driving=driving, window=WINDOW), len(market.dates) - WINDOW
    strategies = strategies_named(
        NAMES, market.names, horizon=H, gamma_risk=GAMMA_RISK, gamma_trade=GAMMA_TRADE
    )
    loaded = _loaded(market, plan, strategies)
    rows, failed, runs = [], 0, {}
    clock = _Clock(days)
    book = clock.taken(lambda: plan.book(market, "regimes", H, WINDOW, len(market.dates), TaskRunner()))
    short, looked = shortfalls(market, plan, days)
    fits = float(np.mean(short <= SHORT))
    failed += fits < 0.95
    rows.append(
        ("forecasts, HMM refitted daily", "ours, warm", *clock.last(), "",
         f"{100 * fits:.0f} % of {len(short)} fits at most {SHORT:g} below cold; worst {short.max():.2g}")
    )  # fmt: skip
    context = Context(market, WINDOW, len(market.dates), regimes=book)
    for strategy in strategies:
        run: Simulation = clock.taken(
            lambda s=strategy: simulate(context.market, s, LinearCost(COST), start=WINDOW, forecasts=book)
        )
        runs[strategy.name] = run
        wrong = int(run.unanswered.sum() + run.unproved.sum())
        failed += wrong > 0
        rows.append((strategy.name, "ours", *clock.last(), "", f"{days - wrong} of {days} steps proved"))
    met = "met" if clock.wall <= TARGET else "met (CPU)" if clock.cpu <= TARGET else "missed"
    scaled = f"{TARGET:g} {met}" if days == DAYS else ""
    rows.append(
        ("all together", "ours", f"{clock.wall:.2f}", f"{clock.cpu:.2f}", f"{1e3 * clock.wall / days:.2f}", scaled,
         "" if failed == 0 else f"{failed} checks failed")
    )  # fmt: skip
    rows.append(
        ("forecasts, HMM refitted daily", "hmmlearn, cold", *_all(looked, days), "", f"{len(looked)} days")
    )
    for name, solver, peer in (
        ("mpo", "cvxportfolio", _cvxportfolio),
        ("mpo-rp", "SLSQP from the ERC", _slsqp),
    ):
        if solver == "cvxportfolio" and find_spec("cvxportfolio") is None:
            continue
        took, above = peer(context, runs[name])
        failed += above > BETTER
        rows.append(
            (name, solver, *_all(took, days), "", f"{len(took)} days; ours worse by {above:.1e} at most")
        )
    notes = [
        f"Before, {loaded:.1f} s went into loading machine code, and into compiling what had not run here."
    ]
    if not find_spec("cvxportfolio"):
        notes.append("cvxportfolio is not installed, so its line is missing.")
    title = f"{days} days, {len(market.names)} assets, H = {H}"
    keep("backtest", [Sheet(title, COLUMNS, rows)], options, notes)
    return failed


def _loaded(market: Market, plan: ForecastPlan, strategies: Sequence[Strategy]) -> float:
    """Run a few days, so that all machine code is there; return the seconds that took."""
    began, stop = time.perf_counter(), min(WINDOW + LOADING_DAYS, len(market.dates))
    book = plan.book(market, "regimes", H, WINDOW, stop, TaskRunner())
    for strategy in strategies:
        simulate(market, strategy, LinearCost(COST), start=WINDOW, stop=stop, forecasts=book)
    return time.perf_counter() - began


class _Clock:
    """Adds up what is done under it."""

    def __init__(self, days: int) -> None:
        self.wall = self.cpu = 0.0
        self._days, self._last = days, (0.0, 0.0)

    def taken(self, work: Callable[[], Any]) -> Any:
        began, cpu = time.perf_counter(), time.process_time()
        found = work()
        self._last = time.perf_counter() - began, time.process_time() - cpu
        self.wall, self.cpu = self.wall + self._last[0], self.cpu + self._last[1]
        print(f"{self._last[0]:.1f} s", file=sys.stderr)
        return found

    def last(self) -> tuple[str, str, str]:
        wall, cpu = self._last
        return f"{wall:.2f}", f"{cpu:.2f}", f"{1e3 * wall / self._days:.2f}"


def _all(took: Sequence[tuple[float, float]], days: int) -> tuple[str, str, str]:
    """Return seconds and CPU seconds of all days, and milliseconds of one, from those of some."""
    wall, cpu = np.mean(took, axis=0)
    return f"{wall * days:.0f}", f"{cpu * days:.0f}", f"{1e3 * wall:.2f}"


def shortfalls(market: Market, plan: ForecastPlan, days: int) -> tuple[Floats, list[tuple[float, float]]]:
    """Return by how much warm fits fall short of cold ones in log-likelihood, and the seconds of the cold ones."""
    columns, each = list(plan.driving), max(1, days // LOOKED_AT)
    fitted: Any = plan.forecaster("regimes", H).fit(market.returns[:WINDOW])
    short, took = [], []
    for day in range(WINDOW, len(market.dates)):
        fitted.predict_online(market.returns[day])
        if (day - WINDOW) % each:
            continue
        # hmmlearn's prior on covariances is meant for numbers near 1: percents, and no prior
        seen = 100.0 * market.returns[day - WINDOW + 1 : day + 1, columns]
        cold = GaussianHMM(2, "full", n_iter=200, tol=1e-4, covars_prior=0.0, random_state=0)
        began, cpu = time.perf_counter(), time.process_time()
        cold.fit(seen)
        took.append((time.perf_counter() - began, time.process_time() - cpu))
        likelihood = cold.score(seen) + seen.size * np.log(100.0)
        short.append(likelihood - fitted.regime_fit.log_likelihood)
    return np.array(short), took


def _asked(context: Context, run: Simulation) -> list[tuple[int, Day, Floats, Floats]]:
    """Return some consecutive days, their forecasts, what was held before, and what was decided."""
    assert context.regimes is not None
    first = len(run.dates) // 2
    found = []
    for d in range(first, min(first + PEER_DAYS, len(run.dates))):
        known = context.regimes.at(context.start - 1 + d, H)
        held = run.weights[d] - run.trades[d]
        day = Day(known.mean, known.covariance, context.market.returns[context.start + d])
        found.append((d, day, held, run.weights[d]))
    return found


def _cvxportfolio(context: Context, run: Simulation) -> tuple[list[tuple[float, float]], float]:
    """Return the seconds of cvxportfolio's steps, and by how much it was better at most, relatively."""
    model = pf.MeanVariance(len(context.market.names), H, GAMMA_RISK, GAMMA_TRADE)
    stepper, problems = model.stepper(), []
    for _, day, held, _ in _asked(context, run):
        problems.append(Asked(day, held, stepper.solve(day.mean, day.covariance, held).objective))
    plan, took, above = mpc_peers.through_cvxportfolio(model, problems), [], -np.inf
    for day, held, best in problems:
        began, cpu = time.perf_counter(), time.process_time()
        W = plan(day.mean, day.covariance, held)
        took.append((time.perf_counter() - began, time.process_time() - cpu))
        if W is not None:
            W = np.maximum(W, 0.0)
            W /= W.sum(axis=1, keepdims=True)
            trades = np.abs(np.diff(np.vstack([held, W]), axis=0)).sum()
            risk = np.einsum("ti,tij,tj", W, day.covariance, W)
            value = (day.mean * W).sum() - GAMMA_RISK * risk - GAMMA_TRADE * trades
            above = max(above, (value - best) / abs(best))
    return took[1:], float(above)


def _slsqp(context: Context, run: Simulation) -> tuple[list[tuple[float, float]], float]:
    """Return the seconds of SLSQP's steps, and by how much it was better at most, relatively."""
    program = RiskParity(len(context.market.names), H, GAMMA_TRADE)
    stepper, took, above = program.stepper(starts="erc"), [], -np.inf
    for _, day, held, _ in _asked(context, run)[: PEER_DAYS // 2]:
        best = stepper.solve(day.covariance, held).objective
        began, cpu = time.perf_counter(), time.process_time()
        W = risk_parity_peers.slsqp_plain(program, day.covariance, held, equal_risk(day.covariance))
        took.append((time.perf_counter() - began, time.process_time() - cpu))
        above = max(above, (best - program.objective(W, day.covariance, held)) / best)
    return took, float(above)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
