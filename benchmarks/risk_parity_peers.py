"""Risk parity as others solve it: SLSQP, successive convex approximation through CVXPY, and ERC libraries."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.risk_parity_problem import errors_and_jacobian

Floats = NDArray[np.float64]


def slsqp(program: RiskParity, sigma: Floats, w0: Floats, start: Floats, tolerance: float = 1e-12) -> Floats:
    """Return the weights SLSQP ends at; trades are split into bought and sold, so that all is smooth.

    Bounds and groups are those of the program's plan set; rounding outside the bounds is cut off.
    """
    plans, H, n = program.plan_set, program.H, program.n
    N, gamma, b = H * n, program.gamma_trade, program.budgets

    def value(x: Floats) -> tuple[float, Floats]:
        W = x[:N].reshape(H, n)
        g, A = errors_and_jacobian(W, sigma, b)
        slope = 2.0 * np.matmul(g[:, None, :], A)[:, 0]
        return float((g * g).sum() + 2.0 * gamma * x[N:].sum()), np.concatenate(
            [slope.ravel(), np.full(N, 2.0 * gamma)]
        )

    begin = np.broadcast_to(start, (H, n))
    bought = np.maximum(np.diff(begin, axis=0, prepend=w0[None]), 0.0)
    budget = np.hstack([np.kron(np.eye(H), np.ones((1, n))), np.zeros((H, N))])
    change = np.hstack([np.eye(N) - np.eye(N, k=-n), -np.eye(N)])
    inequalities, sides = [-change], [np.concatenate([w0, np.zeros(N - n)])]
    if plans.groups:
        held = np.hstack([np.kron(np.eye(H), plans.group_members), np.zeros((H * len(plans.groups), N))])
        inequalities += [held, -held]
        sides += [-np.tile(plans.group_lower, H), np.tile(plans.group_upper, H)]
    rows, side = np.vstack(inequalities), np.concatenate(sides)
    constraints: list[Any] = [
        {"type": "eq", "fun": lambda x: budget @ x - 1.0, "jac": lambda _: budget},
        {"type": "ineq", "fun": lambda x: rows @ x + side, "jac": lambda _: rows},
    ]
    found = minimize(
        value,
        np.concatenate([begin.ravel(), bought.ravel()]),
        jac=True,
        method="SLSQP",
        bounds=Bounds(np.append(plans.lower, np.zeros(N)), np.append(plans.upper, np.full(N, np.inf))),
        constraints=constraints,
        options={"ftol": tolerance, "maxiter": 500},
    )
    W: Floats = np.clip(found.x[:N].reshape(H, n), plans.lower, plans.upper)
    ruled = bool(plans.groups) or bool((plans.lower != 0.0).any() or (plans.upper != 1.0).any())
    return W if ruled else _allowed(W)


def slsqp_plain(
    program: RiskParity, sigma: Floats, w0: Floats, start: Floats, tolerance: float = 1e-9
) -> Floats:
    """Return the weights SLSQP ends at when it is given the objective as it stands, with the kinks of its trades."""
    H, n = program.H, program.n
    gamma, b = program.gamma_trade, program.budgets

    def value(x: Floats) -> tuple[float, Floats]:
        W = x.reshape(H, n)
        g, A = errors_and_jacobian(W, sigma, b)
        slope = 2.0 * np.matmul(g[:, None, :], A)[:, 0]
        u = np.diff(W, axis=0, prepend=w0[None])
        side = gamma * np.sign(u)
        slope += side
        slope[:-1] -= side[1:]
        return float((g * g).sum() + gamma * np.abs(u).sum()), slope.ravel()

    budget = np.kron(np.eye(H), np.ones((1, n)))
    found = minimize(
        value,
        np.broadcast_to(start, (H, n)).ravel(),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * (H * n),
        constraints=[{"type": "eq", "fun": lambda x: budget @ x - 1.0, "jac": lambda _: budget}],
        options={"ftol": tolerance, "maxiter": 500},
    )
    return _allowed(found.x.reshape(H, n))


class CvxpySca:
    """The published rule on the CVXPY form of the problem, which is compiled once."""

    def __init__(self, program: RiskParity, solver: str = "CLARABEL") -> None:
        self.program, self.solver, self.problem = program, solver, program.to_cvxpy()

    def solve(self, sigma: Floats, w0: Floats, start: Floats) -> Floats:
        """Return the weights where the objective stops improving."""
        program, problem = self.program, self.problem
        W = np.array(np.broadcast_to(start, (program.H, program.n)))
        objective, a = program.objective(W, sigma, w0), 0.8
        for _ in range(100):
            for name, value in program.subproblem_data(W, sigma, w0).items():
                problem.param_dict[name].value = value
            problem.solve(solver=self.solver)
            moved = W + a * (_allowed(problem.var_dict["W"].value) - W)
            after = program.objective(moved, sigma, w0)
            if not after < objective - 1e-10:
                break
            W, objective = moved, after
            a *= 1.0 - 1e-7 * a
        return W


def _allowed(W: Any) -> Floats:
    inside = np.maximum(W, 0.0)
    scaled: Floats = inside / inside.sum(axis=1, keepdims=True)
    return scaled


def skfolio_budgets() -> Callable[[Floats], Floats] | None:
    """Return skfolio's ERC of one covariance, or None where it is not installed.

    It wants returns: it is given as many as there are assets and one more, made to have that covariance exactly.
    """
    if find_spec("skfolio") is None:
        return None
    optimization = import_module("skfolio.optimization")
    moments, prior = import_module("skfolio.moments"), import_module("skfolio.prior")

    def solve(sigma: Floats) -> Floats:
        n = sigma.shape[0]
        centred, _ = np.linalg.qr(np.eye(n + 1) - 1.0 / (n + 1))
        X = np.sqrt(n) * centred[:, :n] @ np.linalg.cholesky(sigma).T
        estimator = prior.EmpiricalPrior(covariance_estimator=moments.EmpiricalCovariance(nearest=False))
        weights: Floats = optimization.RiskBudgeting(prior_estimator=estimator).fit(X).weights_
        return weights

    return solve


def riskparityportfolio_budgets(**options: Any) -> Callable[[Floats], Floats] | None:
    """Return riskparityportfolio's ERC of one covariance, or None where it is not installed.

    The ERC is an extension module of its own; the package around it opens JAX, which it does not need.

    Parameters
    ----------
    **options
        Of its `design`: ``tol`` and ``maxiter``.
    """
    package = find_spec("riskparityportfolio")
    places = None if package is None else package.submodule_search_locations
    found = None if places is None else PathFinder.find_spec("vanilla", list(places))
    if found is None or found.loader is None:
        return None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    design: Any = module.design

    def solve(sigma: Floats) -> Floats:
        n = sigma.shape[0]
        weights: Floats = np.asarray(design(sigma, np.full(n, 1.0 / n), **options))
        return weights

    return solve
