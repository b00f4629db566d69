"""A step of the mean-variance MPC as others take it; each returns the weights (H, n) as they came.

cvxportfolio is under the GPL: it is used here when it happens to be installed, and nowhere in the package.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import cvxpy as cp
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

import proofolio as pf
from proofolio.solvers.quadratic.problem import QP
from proofolio.solvers.quadratic.table import direct_qp

Floats = NDArray[np.float64]
Plan = Callable[[Floats, Floats, Floats], "Floats | None"]
OPTIONS: dict[str, dict[str, Any]] = {"piqp": {}, "osqp": {"tolerance": 1e-7, "max_iter": 20_000}}


def plain(model: pf.MeanVariance, solver: str) -> Plan:
    """Write what is bought and sold as two columns each, W_t - W_(t-1) = buy - sell, and keep it in the solver."""
    H, n = model.H, model.n
    N = H * n
    apart = sparse.eye_array(N) - sparse.eye_array(N, k=-n)
    one = sparse.eye_array(N)
    budget = sparse.hstack([sparse.kron(sparse.eye_array(H), np.ones((1, n))), sparse.csr_array((H, 2 * N))])
    A = sparse.csc_matrix(sparse.vstack([budget, sparse.hstack([apart, -one, one])]))
    nothing = sparse.csc_array((2 * N, 2 * N))
    price = np.full(2 * N, model.gamma_trade)
    keeper = None

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        nonlocal keeper
        P = sparse.csc_matrix(sparse.block_diag([*(2.0 * model.gamma_risk * covariance), nothing]))
        q = np.concatenate([-mean.ravel(), price])
        sides = np.concatenate([np.ones(H), w0, np.zeros(N - n)])
        if keeper is None:
            keeper = direct_qp(solver, QP(P, q, A, sides, sides, lower=np.zeros(3 * N)), **OPTIONS[solver])
        else:
            keeper.update(P=P, q=q, row_lower=sides, row_upper=sides)
        answer = keeper.solve()
        return answer.x[:N].reshape(H, n) if answer.status == "solved" else None

    return plan


def through_cvxpy(model: pf.MeanVariance, solver: str) -> Plan:
    """Compile once with Parameters (DPP), then solve with CVXPY's own settings for the solver."""
    made = model.to_cvxpy()

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        made.assign(mean, covariance, w0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inaccurate solutions: the table says how inaccurate
            made.problem.solve(solver=getattr(cp, solver), warm_start=True)
        return None if made.W.value is None else made.weights

    return plan


def cvxportfolio_found() -> bool:
    """Return whether cvxportfolio is installed."""
    return find_spec("cvxportfolio") is not None


def through_cvxportfolio(model: pf.MeanVariance, problems: Sequence[Any]) -> Plan:
    """Give cvxportfolio every day's forecasts as tables, compile its policy once, and ask it day by day."""
    import cvxportfolio as cvx

    logging.getLogger("cvxportfolio").setLevel(logging.ERROR)
    n, H = model.n, model.H
    assets = pd.Index([f"asset {i}" for i in range(n)])
    universe = assets.append(pd.Index(["cash"]))
    dates = pd.date_range("2000-01-03", periods=len(problems), freq="D", tz="UTC")
    objective: list[Any] = []
    charged: dict[str, Any] = {"a": pd.Series(model.step.cost, assets)}
    if model.step.power is not None:  # k = b sigma (value / volume)^(1/2)
        charged |= {"b": pd.Series(model.step.power, assets), "sigma": 1.0, "volume_hat": 1.0}
    for t in range(H):
        mean = pd.DataFrame([asked.day.mean[t] for asked in problems], index=dates, columns=assets)
        tables = [pd.DataFrame(asked.day.covariance[t], index=assets, columns=assets) for asked in problems]
        covariance = pd.concat(dict(zip(dates, tables, strict=True)))
        objective.append(
            cvx.ReturnsForecast(mean)
            - model.gamma_risk * cvx.FullCovariance(covariance)
            - cvx.TransactionCost(**charged)
        )
    rules = [[cvx.LongOnly(), cvx.NoCash()] for _ in range(H)]
    policy = cvx.MultiPeriodOptimization(objective, rules, include_cash_return=False)
    policy.initialize_estimator_recursive(universe=universe, trading_calendar=dates)
    when = {id(asked.day.mean): date for asked, date in zip(problems, dates, strict=True)}

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        policy.values_in_time_recursive(
            t=when[id(mean)],
            current_weights=pd.Series(np.append(w0, 0.0), universe),
            current_portfolio_value=1.0,
            past_returns=None,
            past_volumes=None,
            current_prices=None,
        )
        return np.array([w.value[:n] for w in policy._w_plus_at_lags])

    return plan
