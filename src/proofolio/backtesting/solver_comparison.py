"""Successive convex approximation against SciPy's SLSQP: time, and how far risk contributions are from equal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.errors import BadData
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.progress import Progress

__all__ = [
    "SolverRow",
    "compare_solvers",
    "contribution_error",
    "slsqp_risk_parity",
]


def slsqp_risk_parity(
    covariance: Floats, w0: Floats, gamma_trade: float, start: Floats | None = None
) -> tuple[Floats, float, bool]:
    """Return weights (n, H), their objective and whether SLSQP says it has converged.

        minimise sum_t sum_i g_ti(w_t)^2 + gamma_trade sum_t ||w_t - w_{t-1}||_1
        1'w_t = 1,  w >= 0,  g_ti(w) = w_i (Sigma_t w)_i / w'Sigma_t w - 1/n

    The trades keep their kinks, as in the published comparison: SLSQP is given a gradient of one side there, exact
    elsewhere. (With bought and sold shares as variables of their own it takes minutes from 15 periods on.)

    Parameters
    ----------
    covariance : (H, n, n) array
    w0 : (n,) array
        First holdings.
    gamma_trade : float
    start : (n, H) array, optional
        Where it begins; ``w0`` in every period by default.
    """
    H, n, _ = covariance.shape
    size = H * n
    x0 = (np.tile(w0, (H, 1)) if start is None else start.T).ravel()

    def value(x: Floats) -> tuple[float, Floats]:
        w = x.reshape(H, n)
        marginal = np.einsum("hij,hj->hi", covariance, w)
        variance = (w * marginal).sum(axis=1, keepdims=True)
        share = w * marginal / variance
        g = share - 1.0 / n
        # d/dw_j sum_i g_i^2 = 2/v (g_j m_j + sum_i g_i w_i S_ij - 2 m_j sum_i g_i share_i)
        inner = (g * share).sum(axis=1, keepdims=True)
        pulled = np.einsum("hij,hi->hj", covariance, g * w)
        slope = 2.0 / variance * (g * marginal + pulled - 2.0 * marginal * inner)
        moves = np.diff(w, axis=0, prepend=w0[None])
        side = gamma_trade * np.sign(moves)
        slope += side
        slope[:-1] -= side[1:]
        return float((g * g).sum() + gamma_trade * np.abs(moves).sum()), slope.ravel()

    budget = np.kron(np.eye(H), np.ones(n))
    found: Any = minimize(  # type: ignore[call-overload]  # the stubs know no exact gradient beside constraints
        value,
        x0,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * size,
        constraints={"type": "eq", "fun": lambda x: budget @ x - 1.0, "jac": lambda x: budget},
        options={"maxiter": 200, "ftol": 1e-10},
    )
    w = found.x.reshape(H, n)
    return w.T, objective(w.T, covariance, w0, gamma_trade), bool(found.success)


def objective(W: Floats, covariance: Floats, w0: Floats, gamma_trade: float) -> float:
    """Return the risk-parity objective of weights (n, H) with equal budgets."""
    n, H = W.shape
    total = 0.0
    for t in range(H):
        w = W[:, t]
        marginal = covariance[t] @ w
        share = w * marginal / (w @ marginal)
        total += float(((share - 1.0 / n) ** 2).sum())
    moves = np.diff(np.column_stack([w0, W]), axis=1)
    return total + gamma_trade * float(np.abs(moves).sum())


def contribution_error(weights: Floats, covariance: Floats) -> float:
    """Return ``sum_i |w_i (Sigma w)_i / w'Sigma w - 1/n|``, the L1 distance from equal contributions."""
    marginal = covariance @ weights
    share = weights * marginal / (weights @ marginal)
    return float(np.abs(share - 1.0 / len(weights)).sum())


TRIED_HORIZONS = (1, 5, 15, 30)
TRADE_AVERSIONS = (1e-6, 1e-4, 1e-3)
AFTERWARDS = 60  # days whose covariance judges the weights: a quarter


@dataclass(frozen=True)
class SolverRow:
    """One method for the risk-parity program at one horizon and trade aversion, over the days tried.

    Attributes
    ----------
    method : {"sca", "slsqp"}
    horizon : int
    gamma_trade : float
    days : int
    milliseconds : float
        Median of a step.
    ante_mean, ante_max : float
        L1 distance of the first period's risk contributions from 1/n, under the forecast covariance.
    post_mean, post_max : float
        The same weights, under the covariance of the 60 days that followed.
    objective : float
        Mean; `worse` counts the days on which it was above the other method's by more than 1e-9.
    worse : int
    least_weight : float
        The smallest of any asset, period and day: 0 is a dead asset.
    failed : int
        Days on which the solver itself did not claim success.
    """

    method: str
    horizon: int
    gamma_trade: float
    days: int
    milliseconds: float
    ante_mean: float
    ante_max: float
    post_mean: float
    post_max: float
    objective: float
    worse: int
    least_weight: float
    failed: int

    def document(self) -> dict[str, Any]:
        """Return the row as plain data, the method under ``way``."""
        return {"way": self.method} | {k: v for k, v in asdict(self).items() if k != "method"}


@dataclass(frozen=True, eq=False)
class _Step:
    seconds: float
    W: Floats  # (n, H)
    objective: float
    ok: bool


def compare_solvers(
    market: Market,
    plan: ForecastPlan,
    *,
    start: int,
    stop: int,
    days: int = 12,
    horizons: Sequence[int] = TRIED_HORIZONS,
    gamma_trades: Sequence[float] = TRADE_AVERSIONS,
    progress: Progress | None = None,
) -> list[SolverRow]:
    """Return two rows for each horizon and trade aversion, on `days` days spread evenly over the span.

    Both methods start from holdings of 1/n and solve the same program, with the regimes' forecast covariances of
    that day. The covariance afterwards is used to judge only.

    Raises
    ------
    BadData
        When the span is shorter than the 60 days needed afterwards.
    """
    last = stop - AFTERWARDS
    if last <= start:
        raise BadData(
            f"the comparison judges on {AFTERWARDS} periods afterwards, and the span has {stop - start}."
        )
    chosen = np.unique(np.linspace(start, last, days).astype(int))
    n = len(market.names)
    w0 = np.full(n, 1.0 / n)
    forecaster = plan.forecaster("regimes", max(horizons))
    # Every day is fitted cold to the window before it: a dozen days do not need those between.
    covariances = []
    with threadpool_limits(1):
        for day in chosen:
            covariances.append(forecaster.fit(market.returns[:day]).predict().covariance)
            if progress is not None:
                progress("forecasts for the comparison", len(covariances), len(chosen))
        rows, done = [], 0
        for H in horizons:
            for gamma in gamma_trades:
                stepper = RiskParity(n, H, gamma_trade=gamma).stepper(starts="erc")
                steps: dict[str, list[_Step]] = {"sca": [], "slsqp": []}
                for covariance in covariances:
                    known = covariance[:H]
                    began = time.perf_counter()
                    step = stepper.solve(known, w0)
                    seconds = time.perf_counter() - began
                    W = step.W.T
                    steps["sca"].append(_Step(seconds, W, objective(W, known, w0, gamma), step.ok))
                    began = time.perf_counter()
                    W, value, ok = slsqp_risk_parity(known, w0, gamma)
                    steps["slsqp"].append(_Step(time.perf_counter() - began, W, value, ok))
                done += 1
                if progress is not None:
                    progress("SCA against SLSQP", done, len(horizons) * len(gamma_trades))
                for method, other in (("sca", "slsqp"), ("slsqp", "sca")):
                    rows.append(
                        _row(method, H, gamma, steps[method], steps[other], covariances, market, chosen)
                    )
    return rows


def _row(
    method: str,
    H: int,
    gamma: float,
    steps: list[_Step],
    others: list[_Step],
    covariances: list[Floats],
    market: Market,
    days: Any,
) -> SolverRow:
    ante = [contribution_error(s.W[:, 0], c[0]) for s, c in zip(steps, covariances, strict=True)]
    post = [
        contribution_error(s.W[:, 0], np.cov(market.returns[day : day + AFTERWARDS].T))
        for s, day in zip(steps, days, strict=True)
    ]
    return SolverRow(
        method=method,
        horizon=H,
        gamma_trade=gamma,
        days=len(steps),
        milliseconds=1e3 * float(np.median([s.seconds for s in steps])),
        ante_mean=float(np.mean(ante)),
        ante_max=float(np.max(ante)),
        post_mean=float(np.mean(post)),
        post_max=float(np.max(post)),
        objective=float(np.mean([s.objective for s in steps])),
        worse=sum(s.objective > o.objective + 1e-9 for s, o in zip(steps, others, strict=True)),
        least_weight=float(min(s.W.min() for s in steps)),
        failed=sum(not s.ok for s in steps),
    )
