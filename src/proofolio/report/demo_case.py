"""What the demo found: its runs, the refuted M, and whether the runs agree.

A program from the bundled prices: which regime to believe, and what to hold, month by month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Integers
from proofolio.forecasts import RegimeFit, regime_moments, simple_returns
from proofolio.models import RegimeSolution
from proofolio.models.regime_switching.model import RegimeSwitching
from proofolio.solvers.solution import Check

__all__ = [
    "ASSETS",
    "Agreement",
    "CaseSettings",
    "DemoResult",
    "History",
    "MarketCase",
    "Refutation",
    "Run",
    "agreement",
    "check_document",
    "market_case",
    "market_history",
    "small",
]


ASSETS = ("AAPL", "CVX", "HD", "JNJ", "JPM", "MSFT", "PG", "WMT")
REGIME_NAMES = {
    2: ("calm", "turbulent"),
    3: ("calm", "normal", "turbulent"),
    4: ("calm", "normal", "nervous", "turbulent"),
}
TRADING_DAYS = 21


@dataclass(frozen=True)
class CaseSettings:
    """The numbers of the case; rates and costs are fractions, per month where time matters.

    Attributes
    ----------
    assets : tuple of str
    periods : int
        The last months of the sample that are planned.
    risk_aversion : float
        gamma in ``gamma/2 w'Sigma w - mu'w``.
    evidence_price : float
        What it costs to assume a regime that the data give probability p is this times ln(1/p).
    least_probability : float
        p is not taken below this.
    turnover_cost, switch_cost, most : float
        Cost of a unit traded, cost of changing the regime, and the largest weight.
    shrink : float
        Days of the whole sample added to each regime's own (see `regime_moments`).
    """

    assets: tuple[str, ...] = ASSETS
    periods: int = 18
    risk_aversion: float = 5.0
    evidence_price: float = 0.02
    least_probability: float = 0.01
    turnover_cost: float = 0.001
    switch_cost: float = 0.001
    most: float = 0.35
    shrink: float = 250.0


@dataclass(frozen=True, eq=False)
class History:
    """The market month by month.

    Attributes
    ----------
    months : tuple of str
        Such as ``"2021-07"``.
    price : ndarray, shape (months,)
        The index at the end of the month.
    probability : ndarray, shape (R, months)
        Filtered probability of each regime, averaged over the days of the month.
    names : tuple of str
        Of the regimes, calmest first.
    mean, volatility : ndarray, shape (R,)
        Of the market in each regime, a year of 252 days.
    """

    months: tuple[str, ...]
    price: Floats
    probability: Floats
    names: tuple[str, ...]
    mean: Floats
    volatility: Floats


@dataclass(frozen=True, eq=False)
class MarketCase:
    """The declared program, and what its periods and assets are called.

    Attributes
    ----------
    program : RegimeSwitching
    months : tuple of str
    evidence : ndarray, shape (R, T)
        The probability each month gives each regime, as `History.probability`.
    settings : CaseSettings
    """

    program: RegimeSwitching
    months: tuple[str, ...]
    evidence: Floats
    settings: CaseSettings

    @property
    def likeliest(self) -> Integers:
        """The regime with the largest probability in each month."""
        best: Integers = self.evidence.argmax(axis=0)
        return best


def market_history(market: pd.Series, fit: RegimeFit) -> History:
    """Return the market and its regimes by month.

    Parameters
    ----------
    market : Series
        Daily prices of the index, by date.
    fit : RegimeFit
        Of its daily returns, ordered by volatility.
    """
    daily = _filtered(market, fit)
    by_month = daily.groupby(pd.DatetimeIndex(daily.index).to_period("M"))
    closes = market.groupby(pd.DatetimeIndex(market.index).to_period("M")).last()
    probability = by_month.mean()
    K = len(fit.initial)
    return History(
        tuple(str(month) for month in probability.index),
        closes.reindex(probability.index).to_numpy(dtype=float),
        probability.to_numpy(dtype=float).T,
        REGIME_NAMES.get(K, tuple(f"regime {k}" for k in range(K))),
        252 * fit.means[:, 0],
        np.sqrt(252 * fit.covariances[:, 0, 0]),
    )


def market_case(
    prices: pd.DataFrame, market: pd.Series, fit: RegimeFit, settings: CaseSettings | None = None
) -> MarketCase:
    r"""Return the program that plans the last months of the sample.

    In month t regime r costs

    .. math::
        f_{r,t}(w) = \tfrac{\gamma}{2} w'\Sigma_{r,t} w - \mu_{r,t}'w + \lambda \ln(1/p_{r,t})

    with the moments of the stocks over the earlier days of that regime, and p the month's filtered
    probability; the regimes themselves are those of a model of the whole sample. So the program picks
    the regimes and the weights together: it may disbelieve the
    data where that saves a trade, and pays for it.

    Parameters
    ----------
    prices : DataFrame
        Daily prices of the stocks, by date.
    market : Series
        Daily prices of the index, on the same days.
    fit : RegimeFit
    settings : CaseSettings, optional
    """
    chosen = settings or CaseSettings()
    returns = simple_returns(prices[list(chosen.assets)])
    daily = _filtered(market, fit).reindex(returns.index)
    month = pd.DatetimeIndex(returns.index).to_period("M")
    months = month.unique()[-chosen.periods :]
    R, T, n = daily.shape[1], len(months), len(chosen.assets)
    Q, c, evidence = np.empty((R, T, n, n)), np.empty((R, T, n)), np.empty((R, T))
    for t, this in enumerate(months):
        before = np.asarray(month < this)
        mean, covariance = regime_moments(
            returns[before].to_numpy(), daily[before].to_numpy(), shrink=chosen.shrink
        )
        Q[:, t] = chosen.risk_aversion / 2.0 * TRADING_DAYS * covariance
        c[:, t] = -TRADING_DAYS * mean
        evidence[:, t] = daily[np.asarray(month == this)].mean().to_numpy()
    doubt = -np.log(np.maximum(evidence, chosen.least_probability))
    program = RegimeSwitching(
        Q,
        c,
        chosen.evidence_price * doubt,
        upper=chosen.most,
        turnover_cost=chosen.turnover_cost,
        switch_cost=chosen.switch_cost,
        initial=np.full(n, 1.0 / n),
    )
    return MarketCase(program, tuple(str(m) for m in months), evidence, chosen)


def _filtered(market: pd.Series, fit: RegimeFit) -> pd.DataFrame:
    returns = simple_returns(market)
    return pd.DataFrame(fit.filtered_probabilities(returns), index=returns.index)


GOOD = ("verified-optimal", "verified-feasible")
AGREE = 1e-6


@dataclass(frozen=True, eq=False)
class Run:
    """One lowering given to one solver; without an `answer`, `message` says why."""

    lowering: str
    solver: str
    status: str
    seconds: float
    answer: RegimeSolution | None = None
    message: str = ""

    @property
    def name(self) -> str:
        """Lowering and solver in one word."""
        return f"{self.lowering} · {self.solver}"

    @property
    def ok(self) -> bool:
        """Whether there is an answer and every check holds."""
        return self.status in GOOD

    @property
    def objective(self) -> float | None:
        """The objective found."""
        return self.answer.objective if self.answer is not None else None

    @property
    def bound(self) -> float | None:
        """The proven lower bound."""
        return self.answer.bound if self.answer is not None else None

    @property
    def gap(self) -> float | None:
        """Relative gap; None without an objective and a bound."""
        known = self.answer is not None and self.objective is not None and self.bound is not None
        return self.answer.gap if known and self.answer is not None else None

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check that was run."""
        return self.answer.checks if self.answer is not None else ()

    @property
    def version(self) -> str:
        """Of the solver; empty when it gave no answer."""
        return self.answer.version if self.answer is not None else ""

    def document(self) -> dict[str, Any]:
        """Return the run as plain data."""
        claim = self.answer if self.answer is not None else None
        return {
            "lowering": self.lowering,
            "solver": self.solver,
            "solver_version": self.version,
            "status": self.status,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "seconds": self.seconds,
            "nodes": claim.nodes if claim is not None else None,
            "method": claim.method if claim is not None else "",
            "message": self.message,
            "checks": [check_document(c) for c in self.checks],
        }


@dataclass(frozen=True)
class Agreement:
    """Whether all runs found the same optimum, in one sentence."""

    ok: bool
    sentence: str


@dataclass(frozen=True, eq=False)
class Refutation:
    """The published M on a program of two lines: what it claims and what is true.

    Attributes
    ----------
    status : str
        ``claim-wrong`` when the published M was caught.
    big_m, needed_m : float or None
    claimed, optimum : float or None
        The optimum of the program as built with that M, and of the program as meant.
    detail : str
        The check that failed, in its own words.
    """

    status: str
    big_m: float | None
    needed_m: float | None
    claimed: float | None
    optimum: float | None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the wrong M was caught, with its numbers."""
        return self.status == "claim-wrong" and None not in (
            self.big_m,
            self.needed_m,
            self.claimed,
            self.optimum,
        )

    def document(self) -> dict[str, Any]:
        """Return the refutation as plain data."""
        return {
            "status": self.status,
            "big_m": self.big_m,
            "needed_m": self.needed_m,
            "claimed": self.claimed,
            "optimum": self.optimum,
            "detail": self.detail,
        }


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Everything the demo found; `files` are the files written.

    Attributes
    ----------
    history : History
    case : MarketCase
    baseline : float
        Cost of following the likeliest regime of every month, at its best weights.
    sizes : mapping from lowering to sentence
        How large each lowering is.
    runs : tuple of Run
    agreement : Agreement
    refutation : Refutation
    machine, versions : mapping
    seconds : float
    files : tuple of str
    """

    history: History
    case: MarketCase
    baseline: float
    sizes: dict[str, str]
    runs: tuple[Run, ...]
    agreement: Agreement
    refutation: Refutation
    machine: dict[str, str]
    versions: dict[str, str | None]
    seconds: float
    files: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every run is verified, all agree, and the wrong M was caught."""
        return all(run.ok for run in self.runs) and self.agreement.ok and self.refutation.ok

    @property
    def best(self) -> RegimeSolution | None:
        """The verified answer with the smallest gap, the first of equals."""
        verified = [run for run in self.runs if run.ok and run.answer is not None]
        return min(verified, key=lambda run: run.gap or 0.0).answer if verified else None

    def document(self) -> dict[str, Any]:
        """Return the document `proofolio demo --json` prints."""
        return {
            "solves": [run.document() for run in self.runs],
            "agree": self.agreement.ok,
            "agreement": self.agreement.sentence,
            "refuted": self.refutation.document(),
            "files": list(self.files),
            "seconds": self.seconds,
        }


def check_document(check: Check) -> dict[str, Any]:
    """Return a check as plain data."""
    return {
        "name": check.name,
        "ok": bool(check.ok),
        "value": float(check.value),
        "tolerance": float(check.tolerance),
        "detail": check.detail,
    }


def agreement(runs: Sequence[Run]) -> Agreement:
    """Return whether all runs tell of one optimum, as far as each run's own gap allows.

    Two proven optima may differ by the larger of the two gaps plus 1e-6, relative. A run that stopped at its
    time limit must leave the proven optimum between its bound and its objective.
    """
    failed = [run.name for run in runs if not run.ok]
    if failed or not runs:
        return Agreement(False, f"no verified answer from {', '.join(failed) or 'any run'}")
    proven = [run for run in runs if run.status == "verified-optimal"]
    stopped = [f"{run.name} (gap {small(run.gap or 0.0)})" for run in runs if run not in proven]
    if not proven:
        return Agreement(True, f"no run proved its optimum within its time limit: {', '.join(stopped)}")
    found = {run: run.objective or 0.0 for run in proven}
    low, high = min(found, key=lambda run: found[run]), max(found, key=lambda run: found[run])
    size = max(abs(found[low]), abs(found[high]), 1e-12)
    allowed = AGREE + max(run.gap or 0.0 for run in proven)
    apart = (found[high] - found[low]) / size
    if apart > allowed:
        return Agreement(
            False,
            f"the runs disagree: {low.name} says {found[low]:.9g} and {high.name} says {found[high]:.9g}, "
            f"{small(apart)} apart where their gaps allow {small(allowed)}",
        )
    for run in runs:
        over = (run.bound if run.bound is not None else -float("inf")) - found[low]
        under = found[low] - (run.objective if run.objective is not None else float("inf"))
        if max(over, under) > allowed * size:
            return Agreement(
                False, f"{run.name} leaves no room for the optimum {found[low]:.9g} of {low.name}"
            )
    who = f"all {len(runs)} runs" if len(proven) == len(runs) else f"{len(proven)} of {len(runs)} runs"
    sentence = (
        f"{who} proved the same optimum, {found[low]:.6f}: they differ by {small(apart)}, relative, and "
        f"their gaps allow {small(allowed)}"
    )
    return Agreement(True, sentence + (f"; stopped at the limit: {', '.join(stopped)}" if stopped else ""))


def small(value: float) -> str:
    """Return a gap or an error to one digit.

    Examples
    --------
    >>> small(2.3e-7), small(0.0)
    ('2e-07', '0')
    """
    return f"{value:.0e}" if value else "0"
