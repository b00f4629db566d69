"""A small market with two regimes, and forecasts of it that cost nothing to make."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Decision


def _market_of(returns, risk_free=0.0, first="2019-01-01", names=None):
    days = pd.bdate_range(first, periods=len(returns))
    names = [f"A{i}" for i in range(np.shape(returns)[1])] if names is None else names
    return Market.from_returns(pd.DataFrame(returns, index=days, columns=names), risk_free)


def _two_regimes(days=260, n=4, seed=0):
    """Returns that are calm or wild, half a year each."""
    rng = np.random.default_rng(seed)
    wild = (np.arange(days) // 60) % 2
    root = rng.normal(size=(n, n)) * 0.3 + np.eye(n)
    shocks = rng.normal(size=(days, n)) @ root.T
    return shocks * np.where(wild, 0.02, 0.006)[:, None] + np.where(wild, -0.001, 0.0008)[:, None]


@pytest.fixture(scope="session")
def market():
    return _market_of(_two_regimes())


@dataclass(frozen=True)
class _Momentum:
    """Holds what went up: a strategy of one's own, that remembers the rows it was shown."""

    name: str = "momentum"
    needs: str = field(default="nothing", init=False)
    horizon: int = field(default=1, init=False)

    def start(self, history):
        return _Trend(history.mean(axis=0))


class _Trend:
    def __init__(self, mean):
        self.mean = mean

    def decide(self, day, row, forecast, holdings):
        self.mean = 0.9 * self.mean + 0.1 * row
        weights = np.exp(100 * self.mean)
        return Decision(weights / weights.sum())


@pytest.fixture(scope="session")
def market_of():
    """From an array of returns to a market."""
    return _market_of


@pytest.fixture(scope="session")
def two_regimes():
    """A function of (days, n, seed)."""
    return _two_regimes


@pytest.fixture(scope="session")
def momentum():
    return _Momentum()
