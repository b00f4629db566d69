"""Mean-variance MPC: one day's plan by every solver, and with a limit of positions by the mixed-integer solvers.

Seconds of a solver are those of a second day on the same stepper or compiled problem, as in a backtest: the first day
pays for setting up. Every plan is checked against a bound that is proved from the data.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import proofolio as pf
from proofolio.benchmarking import Answer, problem
from proofolio.errors import SolverFailure, UnsupportedProgram
from proofolio.solvers.solution import Settings

STEPPERS = ("riccati", "piqp", "osqp", "clarabel")
# OSQP stops at 1e-5 by default, which is no answer at the tolerance the others keep.
CONIC: dict[str, dict[str, Any]] = {
    "cvxpy-clarabel": {"solver": "CLARABEL"},
    "cvxpy-osqp": {"solver": "OSQP", "eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 100_000},
}
PEER = "cvxportfolio"
# Relative to the objective: what the direct solvers prove by default.
NEAR = 1e-6
FEASIBLE = 1e-6


def day(n: int, H: int, instance: int) -> tuple[Any, Any, Any]:
    """Return means (H, n), covariances (H, n, n) and holdings (n,) of a day: two regimes mixed ever more."""
    rng = np.random.default_rng(instance)
    loads, own = rng.standard_normal((n, 3)), rng.uniform(0.3, 1.0, n)
    calm = 2.5e-5 * (loads @ loads.T + np.diag(own**2))
    drift = rng.uniform(1e-4, 8e-4, n), rng.uniform(-1e-3, 3e-4, n)
    share = 0.5 - 0.4 * 0.8 ** np.arange(H)
    mean = (1 - share)[:, None] * drift[0] + share[:, None] * drift[1]
    covariance = (1 + 5 * share)[:, None, None] * calm
    return mean, covariance, np.full(n, 1.0 / n)


@problem(
    solvers=(*STEPPERS, *CONIC, "highs", PEER),
    n=[10, 50],
    H=[5, 15],
    instance=[0, 1, 2],
    quick=lambda n, H, instance: n == 10 and H == 5,
)
def step(n: int, H: int, instance: int, solver: str) -> Callable[[Settings], Answer]:
    """Plan one day."""
    mpc = pf.MeanVariance(n=n, H=H, gamma_risk=5.0, gamma_trade=0.001)
    first, today = day(n, H, instance + 100), day(n, H, instance)
    plan = _cvxportfolio(mpc, first, today) if solver == PEER else _planner(mpc, solver)
    plan(first)

    def work(settings: Settings) -> Answer:
        W = plan(today)

        def verify() -> tuple[str, str]:
            missed = max(float(np.abs(W.sum(axis=1) - 1).max()), float(-W.min()))
            if missed > FEASIBLE:
                return "claim-wrong", f"the plan misses budget or bounds by {missed:.2g}"
            best = mpc.stepper().solve(*today)
            if not best.ok:
                return "verified-feasible", "no bound could be proved"
            size = best.residuals.gap / max(best.residuals.gap_relative, 1e-300)
            short = (best.objective + best.residuals.gap - _objective(mpc, W, today)) / max(size, 1e-12)
            return (
                ("verified-optimal", "") if short <= 2 * NEAR else ("verified-feasible", f"{short:.2g} short")
            )

        objective = _objective(mpc, W, today)
        return Answer("verified-feasible", objective, maximise=True, allowance=1e-9, verify=verify)

    return work


def _planner(mpc: Any, solver: str) -> Callable[[tuple[Any, Any, Any]], Any]:
    if solver in STEPPERS:
        stepper = mpc.stepper(solver)
        return lambda data: stepper.solve(*data).W
    if solver in CONIC:
        compiled = mpc.to_cvxpy()

        def conic(data: tuple[Any, Any, Any]) -> Any:
            compiled.assign(*data)
            compiled.problem.solve(**CONIC[solver])
            return compiled.weights

        return conic
    return lambda data: mpc.solve(*data, solver="highs", confirm="none")["W"].T


def _cvxportfolio(mpc: Any, *days: tuple[Any, Any, Any]) -> Callable[[tuple[Any, Any, Any]], Any]:
    """Give its policy the forecasts of all days, which it looks up by their dates."""
    from benchmarks import mpc_peers

    if not mpc_peers.cvxportfolio_found():
        raise UnsupportedProgram("cvxportfolio is not installed: pip install cvxportfolio")
    asked = [SimpleNamespace(day=SimpleNamespace(mean=mean, covariance=cov)) for mean, cov, _ in days]
    planned = mpc_peers.through_cvxportfolio(mpc, asked)

    def plan(data: tuple[Any, Any, Any]) -> Any:
        W = planned(*data)
        if W is None:
            raise SolverFailure("cvxportfolio gave no plan")
        return W

    return plan


def _objective(mpc: Any, W: Any, data: tuple[Any, Any, Any]) -> float:
    mean, covariance, held = data
    trades = np.abs(np.diff(np.vstack([held, W]), axis=0)).sum()
    risk = np.einsum("ti,tij,tj->", W, covariance, W)
    return float((mean * W).sum() - mpc.gamma_risk * risk - mpc.gamma_trade * trades)


@problem(
    n=[10, 20],
    H=[1, 3],
    positions=[3, 5],
    instance=[0, 1, 2],
    quick=lambda n, H, positions, instance: n == 10 and H == 1,
)
def limited(n: int, H: int, positions: int, instance: int) -> pf.Program:
    """Return the plan with a limit of positions, which is mixed-integer."""
    mpc = pf.MeanVariance(n=n, H=H, gamma_risk=5.0, gamma_trade=0.001, cardinality=positions)
    mean, covariance, _ = day(n, H, instance)
    return mpc.to_program(mean, covariance, np.eye(n)[0])
