"""A small market with two regimes, as a table of prices with dates and names."""

import numpy as np
import pandas as pd
import pytest

NAMES = ("US", "BONDS", "GOLD", "OIL")


def table(days=240, seed=0, first="2019-01-01"):
    rng = np.random.default_rng(seed)
    wild = (np.arange(days) // 60) % 2
    root = rng.normal(size=(4, 4)) * 0.3 + np.eye(4)
    returns = (rng.normal(size=(days, 4)) @ root.T) * np.where(wild, 0.02, 0.006)[:, None]
    returns += np.where(wild, -0.001, 0.0008)[:, None]
    levels = 100.0 * np.vstack([np.ones(4), np.cumprod(1.0 + returns, axis=0)])
    return pd.DataFrame(levels, index=pd.bdate_range(first, periods=days + 1), columns=list(NAMES))


@pytest.fixture(scope="session")
def table_of():
    """A function of (days, seed, first)."""
    return table


@pytest.fixture(scope="session")
def prices():
    return table()
