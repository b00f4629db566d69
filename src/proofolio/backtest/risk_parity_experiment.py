"""Successive convex approximation against SLSQP: time, and how far risk contributions are from equal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from proofolio.backtest.forecast_book import Progress
from proofolio.backtest.forecast_plan import ForecastPlan
from proofolio.backtest.market import Floats, Market
from proofolio.backtest.slsqp import contribution_error, objective, slsqp_risk_parity
from proofolio.errors import BadData
from proofolio.models.risk_parity import RiskParity

__all__ = ["HORIZONS", "TRADE_AVERSIONS", "SolverRow", "compare_solvers"]

HORIZONS = (1, 5, 15, 30)
TRADE_AVERSIONS = (1e-6, 1e-4, 1e-3)
AFTERWARDS = 60


@dataclass(frozen=True)
class SolverRow:
    """One way to solve the risk-parity program at one horizon and trade aversion, over the days tried.

    Attributes
    ----------
    way : {"sca", "slsqp"}
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
        Mean; `worse` counts the days on which it was above the other way's by more than 1e-9.
    worse : int
    least_weight : float
        The smallest of any asset, period and day: 0 is a dead asset.
    failed : int
        Days on which the solver itself did not claim success.
    """

    way: str
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
        """Return the row as plain data."""
        return asdict(self)


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
    horizons: Sequence[int] = HORIZONS,
    gamma_trades: Sequence[float] = TRADE_AVERSIONS,
    progress: Progress | None = None,
) -> list[SolverRow]:
    """Return two rows for each horizon and trade aversion, on `days` days spread evenly over the span.

    Both ways start from holdings of 1/n and solve the same program, with the regimes' forecast covariances of
    that day. The covariance afterwards is used to judge only.

    Raises
    ------
    BadData
        When the span is shorter than the 60 days needed afterwards.
    """
    last = stop - AFTERWARDS
    if last <= start:
        raise BadData(
            f"the comparison judges on {AFTERWARDS} days afterwards, and the span has {stop - start}."
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
                stepper = RiskParity(n, H, gamma_trade=gamma).stepper()
                ways: dict[str, list[_Step]] = {"sca": [], "slsqp": []}
                for covariance in covariances:
                    known = covariance[:H]
                    began = time.perf_counter()
                    step = stepper.solve(known, w0)
                    seconds = time.perf_counter() - began
                    W = step.W.T
                    ways["sca"].append(_Step(seconds, W, objective(W, known, w0, gamma), step.ok))
                    began = time.perf_counter()
                    W, value, ok = slsqp_risk_parity(known, w0, gamma)
                    ways["slsqp"].append(_Step(time.perf_counter() - began, W, value, ok))
                done += 1
                if progress is not None:
                    progress("SCA against SLSQP", done, len(horizons) * len(gamma_trades))
                for way, other in (("sca", "slsqp"), ("slsqp", "sca")):
                    rows.append(_row(way, H, gamma, ways[way], ways[other], covariances, market, chosen))
    return rows


def _row(
    way: str,
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
        way=way,
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
