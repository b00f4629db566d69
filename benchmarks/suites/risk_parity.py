"""Risk parity: equal risk contributions and budgets by every solver, and plans over several periods.

Weights are checked against the risk contributions they are meant to have, recomputed from the covariance. A plan with
costs of trading is not convex and has no bound but zero: its answer is verified, and no more than feasible.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import proofolio as pf
from proofolio.benchmarking import Answer, problem
from proofolio.errors import UnsupportedProgram
from proofolio.models.portfolio.risk_budgeting import EqualRisk
from proofolio.solvers.solution import Settings

# The largest error of a risk contribution, of the smallest budget: what conic solvers come to by default.
NEAR = 1e-3
# An objective so small is zero: the contributions are within 1e-6 of their budgets.
ZERO = 1e-12
ERC = ("newton", "cvxpy-clarabel", "skfolio", "riskparityportfolio")


def covariance(n: int, instance: int) -> Any:
    """Return the covariance of daily returns with three factors."""
    rng = np.random.default_rng(instance)
    loads, own = rng.standard_normal((n, 3)), rng.uniform(0.3, 1.0, n)
    return 2.5e-5 * (loads @ loads.T + np.diag(own**2))


@problem(solvers=ERC, n=[10, 50, 200], instance=[0, 1, 2], quick=lambda n, instance: n == 10)
def equal_risk(n: int, instance: int, solver: str) -> Callable[[], Answer]:
    """Find the weights whose risk contributions are equal."""
    sigma = covariance(n, instance)
    solve = _erc(solver)
    return lambda: _answer(np.asarray(solve(sigma), dtype=float), sigma, np.full(n, 1.0 / n))


def _answer(w: Any, sigma: Any, budgets: Any) -> Answer:
    error = float(np.abs(pf.risk_contributions(w, sigma) - budgets).max() / budgets.min())

    def verify() -> tuple[str, str]:
        if abs(w.sum() - 1) > 1e-6 or w.min() < 0:
            return "claim-wrong", f"weights add up to {w.sum():.9g}, the least is {w.min():.3g}"
        return (
            "verified-optimal" if error <= NEAR else "verified-feasible"
        ), f"a contribution is off by {error:.2g} of a budget"

    return Answer("verified-feasible", error, 0.0, allowance=NEAR, verify=verify)


def _erc(solver: str) -> Callable[[Any], Any]:
    if solver == "newton":
        return lambda sigma: EqualRisk(sigma).solve()
    if solver == "cvxpy-clarabel":
        return _by_cvxpy
    peers = import_module("benchmarks.risk_parity_peers")
    found = getattr(peers, f"{solver}_budgets")()
    if found is None:
        raise UnsupportedProgram(f"{solver} is not installed: pip install {solver}")
    return found


def _by_cvxpy(sigma: Any) -> Any:
    compiled = EqualRisk(sigma).to_cvxpy()
    compiled.solve(solver="CLARABEL")
    x = compiled.var_dict["x"].value
    return x / x.sum()


@problem(solvers=("newton",), n=[10, 50], instance=[0, 1, 2], quick=lambda n, instance: n == 10)
def regime_budgets(n: int, instance: int, solver: str) -> Callable[[], Answer]:
    """Find the weights that meet budgets from the scores of two regimes."""
    rng = np.random.default_rng(instance)
    means = np.stack([rng.uniform(0, 1e-3, n), rng.uniform(-2e-3, 0, n)])
    calm = covariance(n, instance)
    sigmas, likely = np.stack([calm, 4 * calm]), np.array([0.8, 0.2])
    model = pf.RegimeEqualRisk(kappa=0.5)
    spread = means - likely @ means
    mixture = np.einsum("k,kij->ij", likely, sigmas) + np.einsum("k,ki,kj->ij", likely, spread, spread)
    budgets = model.budgets(likely, means, sigmas)
    return lambda: _answer(model.weights(likely, means, sigmas), mixture, budgets)


@problem(
    solvers=("gauss-newton", "published"),
    n=[8, 20],
    H=[1, 5],
    gamma=[0.0, 1e-4],
    instance=[0, 1, 2],
    quick=lambda n, H, gamma, instance: n == 8,
)
def plan(n: int, H: int, gamma: float, instance: int, solver: str) -> Callable[[Settings], Answer]:
    """Plan weights whose risk contributions stay near equal; without costs of trading the optimum is 0."""
    program = pf.RiskParity(n=n, H=H, gamma_trade=gamma)
    growing = 1.0 + 0.1 * np.arange(H)
    sigma = growing[:, None, None] * covariance(n, instance)
    held = np.full(n, 1.0 / n)
    stepper = program.stepper(solver, starts="erc")

    def work(settings: Settings) -> Answer:
        found = stepper.solve(sigma, held)

        def verify() -> tuple[str, str]:
            W = found.W
            failed = [c.name for c in found.checks if not c.ok]
            again = program.objective(W, sigma, held)
            if abs(W.sum(axis=1) - 1).max() > 1e-6 or W.min() < -1e-8 or abs(again - found.objective) > 1e-9:
                return "claim-wrong", "the plan misses its budget, its bounds or its objective"
            if failed:
                return "verified-feasible", f"not met: {', '.join(failed)}"
            return ("verified-optimal" if found.objective <= ZERO else "verified-feasible"), ""

        return Answer("verified-feasible", found.objective, 0.0, allowance=ZERO, verify=verify)

    return work
