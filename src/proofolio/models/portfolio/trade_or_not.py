r"""In which periods to trade at all, where that costs a fee: by the enumeration of all patterns.

A period without trades keeps the weights of the one before, so that such a run of periods is one with the sums of
their means and covariances, and a pattern is a mean-variance step over fewer periods. The best of the :math:`2^H`
patterns is the optimum, and the largest of the values that they prove is a bound on it: no solver's word is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, NoPlan
from proofolio.models.arguments import FEASIBLE
from proofolio.models.portfolio.plan_set import PlanSet

__all__ = ["MOST_PERIODS", "TradingPeriods", "trading_periods"]


MOST_PERIODS = 10  # 1,024 patterns
Step = Callable[[PlanSet, Floats, Floats, Floats], Any]


@dataclass(frozen=True, eq=False)
class TradingPeriods:
    """The best plan with a fee for each period with trades.

    Attributes
    ----------
    W : ndarray, shape (H, n)
    trades : ndarray of bool, shape (H,)
        In which periods anything is traded.
    objective : float
        To be maximised, fees included.
    gap : float
        No plan has more than this above it.
    ok : bool
        Whether every pattern's step was proved within its tolerance.
    patterns : int
        That could be kept to and were solved.
    """

    W: Floats
    trades: Floats
    objective: float
    gap: float
    ok: bool
    patterns: int


def trading_periods(
    plans: PlanSet, solved: Step, risk: float, mean: Floats, covariance: Floats, w0: Floats, charge: float
) -> TradingPeriods:
    """Return the best plan over all patterns.

    Parameters
    ----------
    plans : PlanSet
        Of bounds only.
    solved : function of (plan set, mean, covariance, w0)
        Returns a `MeanVarianceStep` of so many periods as the plan set has.
    risk : float
    mean : ndarray, shape (H, n)
    covariance : ndarray, shape (H, n, n)
    w0 : ndarray, shape (n,)
    charge : float
        Fee of a period with trades, a fraction of the portfolio.
    """
    H, n = mean.shape
    best: tuple[float, Floats, tuple[bool, ...]] | None = None
    bound, ok, count = -np.inf, True, 0
    for pattern in product((False, True), repeat=H):
        starts = np.flatnonzero(pattern)
        first = int(starts[0]) if starts.size else H
        # before the first trade the holdings must be allowed as they are
        off = np.maximum(plans.lower[:first] - w0, w0 - plans.upper[:first])
        if off.size and off.max() > FEASIBLE:
            continue
        kept = sum(float(mean[t] @ w0) - risk * float(w0 @ covariance[t] @ w0) for t in range(first))
        W = np.tile(w0, (H, 1))
        value, above = kept, 0.0
        if starts.size:
            blocks = np.split(np.arange(first, H), starts[1:] - first)
            lower = np.array([plans.lower[block].max(axis=0) for block in blocks])
            upper = np.array([plans.upper[block].min(axis=0) for block in blocks])
            try:
                merged = PlanSet(n, len(blocks), lower, upper, cash=plans.cash)
            except BadData:  # no weights keep the bounds of all periods of a block
                continue
            try:
                step = solved(
                    merged,
                    np.array([mean[block].sum(axis=0) for block in blocks]),
                    np.array([covariance[block].sum(axis=0) for block in blocks]),
                    w0,
                )
            except NoPlan:
                continue
            value += step.objective - charge * len(blocks)
            above, ok = step.residuals.gap, ok and step.ok
            for weights, block in zip(step.W, blocks, strict=True):
                W[block] = weights
        count += 1
        bound = max(bound, value + above)
        if best is None or value > best[0]:
            best = value, W, pattern
    if best is None:
        raise NoPlan(
            "no pattern of trades keeps the bounds of every period from these holdings: widen one of them"
        )
    value, W, pattern = best
    return TradingPeriods(W, np.array(pattern), value, max(bound - value, 0.0), ok, count)
