"""The strategy ``control``: fully invested, slower where speed costs more, tuned and named like others."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.control_strategy import ControlStrategy
from proofolio.backtesting.strategies import strategies_named
from proofolio.errors import BadData

SPAN = {"window": 100, "regime_assets": ["US", "BONDS"], "refit": 20}


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(3)
    wild = (np.arange(160) // 40) % 2
    returns = rng.normal(0.0004, 1.0, (160, 3)) * np.where(wild, 0.02, 0.006)[:, None]
    days = pd.bdate_range("2021-01-04", periods=160, name="Date")
    return pd.DataFrame(100 * np.exp(np.cumsum(returns, axis=0)), index=days, columns=["US", "BONDS", "GOLD"])


def test_it_is_invested_and_slower_where_speed_costs_more(prices):
    slow, fast = ControlStrategy("slow", gamma_trade=1.0), ControlStrategy("fast", gamma_trade=1e-3)
    result = pf.backtest(prices, [slow, fast, "control"], **SPAN)
    for name in ("slow", "fast", "control"):
        weights = result[name].weights.to_numpy()
        assert weights.min() >= 0.0
        assert weights.sum(axis=1) == pytest.approx(np.ones(len(weights)), abs=1e-9)
    turnover = {name: result.figures.loc[name, "turnover"] for name in ("slow", "fast")}
    assert turnover["slow"] < 0.8 * turnover["fast"]


def test_without_cost_of_speed_it_holds_what_one_period_asks_for(prices):
    """With eta next to nothing the weights are the best of a grid for the mixture."""
    strategy = ControlStrategy("free", horizon=1, gamma_trade=1e-7, shrinkage=1.0)
    held = pf.backtest(prices, [strategy], **SPAN)["free"].weights
    assert held.round(3).nunique().max() > 3
    single = pf.backtest(prices, [pf.strategy(_best, "best", forecasts="regimes")], **SPAN)["best"].weights
    assert np.abs(held - single).to_numpy().max() < 0.02


def _best(context):
    known = context.forecast
    p = known.probabilities[1]
    mean, cov = p @ known.means, np.tensordot(p, known.covariances, 1)
    grid = np.linspace(0.0, 1.0, 101)
    a, b = (x.ravel() for x in np.meshgrid(grid, grid))
    kept = a + b <= 1.0
    w = np.stack([a[kept], b[kept], 1.0 - a[kept] - b[kept]], 1)
    worth = w @ mean - 2.5 * np.einsum("ki,ij,kj->k", w, cov, w)
    return np.maximum(w[worth.argmax()], 0.0)


def test_it_is_named_and_tuned(prices):
    (named,) = strategies_named(
        ["control"], ["US"], horizon=7, gamma_risk=2.0, gamma_trade=0.3, periods_per_year=52
    )
    assert named == ControlStrategy("control", 7, 2.0, 0.3, periods_per_year=52)
    with pytest.raises(BadData, match="control is about regimes and has no form without them"):
        strategies_named(["control-no-hmm"], ["US"])
    grid = {"horizon": [1, 3], "gamma_risk": [5.0], "gamma_trade": [1e-3, 0.1]}
    found = pf.tune(prices, "control", grid, **SPAN)
    assert len(found.trials) == 4
    assert found.chosen.strategy.name == "control"
    assert set(found.trials_table.columns) >= {"horizon", "gamma_risk", "gamma_trade"}


def test_it_refuses_forecasts_without_regimes():
    policy = ControlStrategy().start(np.zeros((5, 2)))
    with pytest.raises(BadData, match="control needs forecasts with regimes"):
        policy.decide(3, np.zeros(2), None, np.full(2, 0.5))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gamma_risk": float("nan")}, "gamma_risk of control is nan; give a positive number"),
        ({"gamma_risk": 0.0}, "gamma_risk of control is 0"),
        ({"gamma_trade": -1.0}, "gamma_trade of control is -1; give 0 or a positive number"),
        ({"shrinkage": 1.5}, "shrinkage of control is 1.5"),
        ({"horizon": 0}, "horizon of control is 0"),
    ],
)
def test_numbers_that_make_no_strategy_are_refused(given, said):
    with pytest.raises(pf.BadData, match=said):
        ControlStrategy(**given)
