"""Days for the MPC benchmark: returns, and two-regime forecasts of their means and covariances."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WINDOW = 2000
FUNDS = ("AGG", "TLT", "GLD", "DBC", "VNQ", "VTI", "XLE", "XLF", "XLK", "XLU")
RECENT = 20  # days whose labels stand for today's probability
TURBULENT = 0.3  # the share of days called turbulent


class Day(NamedTuple):
    """Means (H, n) and covariances (H, n, n), different in every period, and the returns that came (n,)."""

    mean: Floats
    covariance: Floats
    came: Floats


def synthetic_returns(n: int, days: int, seed: int = 0) -> Floats:
    """Return daily returns of n assets: three factors, and a calm and a turbulent regime that take turns."""
    rng = np.random.default_rng(seed)
    state, stay = 0, (0.99, 0.96)
    loads = 0.5 * rng.standard_normal((n, 3)) + np.array([1.0, 0.0, 0.0])
    own = rng.uniform(0.3, 1.0, n)
    drift = np.stack([rng.uniform(1e-4, 6e-4, n), rng.uniform(-1.2e-3, 3e-4, n)])
    found = np.empty((days, n))
    for t in range(days):
        state = state if rng.random() < stay[state] else 1 - state
        shock = loads @ rng.standard_normal(3) + own * rng.standard_normal(n)
        found[t] = drift[state] + (0.005, 0.013)[state] * shock
    return found


def read_returns(path: str, assets: str | None = None) -> Floats:
    """Read a CSV of simple daily returns; of its columns those asked for, or the ten funds where all are there."""
    table = pd.read_csv(Path(path), index_col=0).dropna()
    wanted = assets.split(",") if assets else [name for name in FUNDS if set(FUNDS) <= set(table.columns)]
    return (table[wanted] if wanted else table).to_numpy(dtype=float)


def days(returns: Floats, H: int, count: int) -> Iterator[Day]:
    """Yield the last `count` days, each forecast from the WINDOW days before it and nothing later."""
    for t in range(returns.shape[0] - count, returns.shape[0]):
        yield Day(*_forecast(returns[t - WINDOW : t], H), returns[t])


def _forecast(window: Floats, H: int) -> tuple[Floats, Floats]:
    """Mix the moments of turbulent and other days by the probability of each, period by period."""
    size = pd.Series(np.abs(window).mean(axis=1)).ewm(halflife=5).mean().to_numpy()
    turbulent = size > np.quantile(size, 1.0 - TURBULENT)
    means = [window[~turbulent].mean(axis=0), window[turbulent].mean(axis=0)]
    covariances = [np.cov(window[~turbulent].T), np.cov(window[turbulent].T)]
    before, after = turbulent[:-1], turbulent[1:]
    entered, left = after[~before].mean(), (~after[before]).mean()
    q = float(turbulent[-RECENT:].mean())
    n = window.shape[1]
    mean, covariance = np.empty((H, n)), np.empty((H, n, n))
    for t in range(H):
        q = q * (1.0 - left) + (1.0 - q) * entered
        mean[t] = (1.0 - q) * means[0] + q * means[1]
        covariance[t] = sum(
            share * (spread + np.outer(m - mean[t], m - mean[t]))
            for share, m, spread in zip((1.0 - q, q), means, covariances, strict=True)
        )
    return mean, covariance
