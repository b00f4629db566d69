"""A model at 50 assets and 100 periods through CVXPY and Pyomo, beside the same model built by hand.

``python -m benchmarks interfaces [--assets N] [--periods H] [--quick]``

The model is a mean-variance plan: expected returns less risk and proportional trading costs, weights between 0 and a
quarter that add up to 1. Timed in CPU seconds, once each: the program itself, written out to CVXPY and to Pyomo and
read back, and the same plan written by hand. A second run in which memory is traced gives the most that Python and
numpy held. Every model is solved, Pyomo models as they are read, and all must come to the value that the plan has by
the data alone.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

from benchmarks.record import Sheet, add_options, keep
from proofolio import MeanVariance
from proofolio.interfaces.opening import open_model

COLUMNS = ("what", "CPU s", "peak MB", "objective", "answer")
CAP, RISK, TRADE = 0.25, 5.0, 0.001
GAP = 1e-6


class Data:
    """One day's numbers: a forecast for each period, one covariance, and holdings."""

    def __init__(self, n: int, H: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        factors = 0.01 * rng.standard_normal((n, n))
        self.n, self.H = n, H
        self.mean = 0.0005 * rng.standard_normal((n, H))
        self.covariance = factors @ factors.T / n
        self.w0 = np.full(n, 1.0 / n)


def by_hand_cvxpy(data: Data) -> cp.Problem:
    """Write the plan in CVXPY as its own documentation would."""
    W = cp.Variable((data.n, data.H), name="W")
    factor = np.linalg.cholesky(data.covariance)
    before = cp.hstack([data.w0[:, None], W[:, :-1]]) if data.H > 1 else data.w0[:, None]
    utility = cp.sum(cp.multiply(data.mean, W)) - RISK * cp.sum_squares(factor.T @ W)
    utility -= TRADE * cp.sum(cp.abs(W - before))
    return cp.Problem(cp.Maximize(utility), [W >= 0, W <= CAP, cp.sum(W, axis=0) == 1])


def by_hand_pyomo(data: Data) -> pyo.ConcreteModel:
    """Write the plan in Pyomo with sums over indices."""
    model, n, sigma = pyo.ConcreteModel(), range(data.n), data.covariance.tolist()
    times, mean, w0 = range(data.H), data.mean.tolist(), data.w0.tolist()
    model.W, model.u = pyo.Var(n, times, bounds=(0, CAP)), pyo.Var(n, times, bounds=(0, None))
    model.all = pyo.Constraint(times, rule=lambda m, t: sum(m.W[i, t] for i in n) == 1)

    def trade(m: Any, i: int, t: int) -> Any:
        return m.W[i, t] - (m.W[i, t - 1] if t else w0[i])

    model.buy = pyo.Constraint(n, times, rule=lambda m, i, t: m.u[i, t] >= trade(m, i, t))
    model.sell = pyo.Constraint(n, times, rule=lambda m, i, t: m.u[i, t] >= -trade(m, i, t))
    risk = sum(sigma[i][j] * model.W[i, t] * model.W[j, t] for t in times for i in n for j in n)
    gain = sum(mean[i][t] * model.W[i, t] - TRADE * model.u[i, t] for i in n for t in times)
    model.utility = pyo.Objective(expr=gain - RISK * risk, sense=pyo.maximize)
    return model


def utility(data: Data, W: np.ndarray) -> float:
    """Return the objective of a plan, from the data alone."""
    trades = np.abs(np.diff(np.column_stack([data.w0, W]), axis=1)).sum()
    return float((data.mean * W).sum() - RISK * np.einsum("it,ij,jt", W, data.covariance, W) - TRADE * trades)


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what work makes, its CPU seconds, and the most memory it held in a second, traced run."""
    gc.collect()
    started = time.process_time()
    made = work()
    spent = time.process_time() - started
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return made, spent, peak / 1e6


def compiled(problem: cp.Problem) -> cp.Problem:
    """Let CVXPY canonicalise a problem for the solver that answers it below."""
    problem.get_problem_data(cp.CLARABEL)
    return problem


def main(arguments: Sequence[str] = ()) -> int:
    """Run everything and return how many answers were wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks interfaces")
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--periods", type=int, default=100)
    add_options(parser, "ten assets and ten periods")
    asked = parser.parse_args(arguments)
    n, H = (10, 10) if asked.quick else (asked.assets, asked.periods)
    data = Data(n, H)
    plan = MeanVariance(n, H, RISK, TRADE, upper=CAP)
    day = (data.mean.T, data.covariance, data.w0)
    program = plan.to_program(*day)
    works: dict[str, Callable[[], Any]] = {
        "Program": lambda: plan.to_program(*day),
        "Program.to_cvxpy": lambda: compiled(program.to_cvxpy()),
        "CVXPY by hand": lambda: compiled(by_hand_cvxpy(data)),
        "CVXPY read back": lambda: open_model(by_hand_cvxpy(data)).program,
        "Program.to_pyomo": program.to_pyomo,
        "Pyomo by hand": lambda: by_hand_pyomo(data),
        "Pyomo read back": lambda: open_model(by_hand_pyomo(data)).program,
    }
    hand = by_hand_cvxpy(data)
    hand.solve(solver=cp.CLARABEL)
    best, W = float(hand.value), np.asarray(hand.var_dict["W"].value)
    print(f"the optimum is {best:.9g}; its plan is worth {utility(data, W):.9g} by the data", flush=True)
    lines, failed = [], abs(utility(data, W) - best) > GAP * abs(best)
    for what, work in works.items():
        made, spent, peak = measured(work)
        problem = made if isinstance(made, cp.Problem) else open_model(made).program.to_cvxpy()
        problem.solve(solver=cp.CLARABEL)
        value = float(problem.value)
        # a program that is minimised is the same plan with the other sign
        right = min(abs(value - best), abs(value + best)) <= 10 * GAP * max(abs(best), 1e-3)
        failed += not right
        lines.append((what, f"{spent:.3f}", f"{peak:.1f}", f"{value:.9g}", "the same" if right else "OTHER"))
        print("  ".join(lines[-1]), flush=True)
    sheet = Sheet(f"{n} assets, {H} periods: built and, for CVXPY, canonicalised", COLUMNS, lines)
    keep("interfaces", [sheet], asked)
    return int(failed)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
