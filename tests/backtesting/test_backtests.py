"""The four public functions, called with tables of prices as a user would."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategies import FixMix
from proofolio.backtesting.tuning import Grid


@pytest.fixture(scope="module")
def prices(two_regimes):
    returns = two_regimes(days=220)
    days = pd.bdate_range("2019-01-01", periods=len(returns) + 1)
    levels = 100.0 * np.vstack([np.ones(4), np.cumprod(1.0 + returns, axis=0)])
    return pd.DataFrame(levels, index=days, columns=["A0", "A1", "A2", "A3"])


def test_a_table_of_prices_is_the_market_of_its_returns(prices, market_of, two_regimes):
    market = Market.from_prices(prices)
    assert market.returns == pytest.approx(two_regimes(days=220), abs=1e-12)
    assert market.dates[0] == np.datetime64(prices.index[1], "D")
    rates = prices.assign(RF=np.linspace(0.0, 1e-4, len(prices)))
    with_rates = Market.from_prices(rates, "RF", risk_free_as="period-rate")
    assert with_rates.names == market.names
    assert with_rates.risk_free == pytest.approx(rates["RF"].to_numpy()[1:])


def test_backtest_simulates_named_strategies_and_own_ones(prices, momentum, tmp_path):
    found = pf.backtest(
        prices, ["fix-mix", "erc", momentum], 0.002, window=120, start="2019-07-01", stop="2019-09-30",
        folder=tmp_path,
    )  # fmt: skip
    assert list(found) == ["fix-mix", "erc", "momentum"]
    assert str(found["erc"].dates[0]) == "2019-07-01"
    assert str(found["erc"].dates[-1]) == "2019-09-30"
    alone = pf.simulate(prices, momentum, 0.002, start="2019-07-01", stop="2019-09-30")
    assert (alone.wealth == found["momentum"].wealth).all()
    again = pf.backtest(prices, ["erc"], 0.002, window=120, start="2019-07-01", stop="2019-09-30")
    assert (again["erc"].weights == found["erc"].weights).all()
    assert len(list(tmp_path.iterdir())) == 4  # three simulations, one book of forecasts


def test_backtest_refuses_what_it_cannot_tell_apart_or_know(prices):
    with pytest.raises(pf.BadData, match="same name"):
        pf.backtest(prices, ["fix-mix", FixMix()], window=120)
    with pytest.raises(pf.BadData, match="no strategy 'divine'"):
        pf.backtest(prices, ["divine"], window=120)
    with pytest.raises(pf.BadData, match="no asset 'VTI'"):
        pf.backtest(prices, ["mpo"], window=120, regime_assets=["VTI"])


def test_tune_chooses_on_the_first_half_and_tests_on_the_second(prices):
    grid = Grid((1,), (5.0,), (1e-4, 1.0))
    found = pf.tune(prices, "mpo-no-hmm", grid, window=120)
    assert len(found.trials) == 2
    assert found.test.start == 120 + 50
    assert found.reference_test.name == "fix-mix"
    dated = pf.tune(
        prices, "mpo-no-hmm", grid, window=120, train=(None, "2019-08-01"), test=("2019-08-02", None)
    )
    assert str(dated.test.dates[0]) == "2019-08-02"
    with pytest.raises(pf.BadData, match="no parameters to tune"):
        pf.tune(prices, "erc", window=120)
    with pytest.raises(pf.BadData, match="must come before"):
        pf.tune(prices, "mpo-no-hmm", grid, window=120, train=(None, "2019-08-01"), test=("2019-07-01", None))


def test_trades_today_start_from_amounts(prices):
    today = pf.trades_today(prices, {"A0": 300.0, "A2": 100.0}, "erc", window=120)
    assert today.held.tolist() == [0.75, 0.0, 0.25, 0.0]
    assert today.value == 400.0
    assert today.wanted == pytest.approx(today.held + today.trade)
    same = pf.trades_today(prices, pd.Series({"A0": 0.75, "A2": 0.25}), "erc", window=120)
    assert (same.wanted == today.wanted).all()
    for holdings, words in (
        ({"B": 1.0}, "no asset 'B'"),
        ({"A0": -1.0}, "0 or more"),
        ({}, "nothing is held"),
    ):
        with pytest.raises(pf.BadData, match=words):
            pf.trades_today(prices, holdings, "erc", window=120)


def test_a_plan_for_a_market_takes_stocks_and_bonds_where_they_are(market_of):
    returns = np.random.default_rng(0).normal(0, 0.01, (60, 3))
    plan = ForecastPlan.for_market(market_of(returns, names=["SPY", "TLT", "VTI"]), K=3)
    assert (plan.driving, plan.window, plan.K) == ((2, 1), 30, 3)
    assert ForecastPlan.for_market(market_of(returns)).driving == (0, 1)
