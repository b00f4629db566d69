"""The table of `trades_today`: its numbers are those of the answer, and no column stands empty."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.costs import LinearCost

HELD = {"A": 0.5, "B": 0.5}


@pytest.fixture(scope="module")
def prices():
    moves = np.random.default_rng(4).normal(0.0, 0.01, (60, 4)).cumsum(axis=0)
    start = np.array([20.0, 50.0, 9.0, 33.0])
    return pd.DataFrame(start * np.exp(moves), pd.bdate_range("2021-01-04", periods=60), list("ABCD"))


def test_costs_are_spelt_as_in_a_backtest(prices):
    def cost(**given):
        return pf.trades_today(prices, HELD, "fix-mix", window=20, **given).costs

    assert cost().sum() > 0
    same = [{"cost_bps": 10}, {"costs": 0.001}, {"costs": LinearCost(0.001)}, {"costs": None}]
    for given in same:
        np.testing.assert_array_equal(cost(**given), cost())
    twice = cost(cost_bps=20)
    assert cost().sum() * 1.99 < twice.sum() < cost().sum() * 2.01
    np.testing.assert_array_equal(cost(costs=0.002), twice)
    by_rate = pf.backtest(prices, "fix-mix", window=20, costs=0.002)
    by_points = pf.backtest(prices, "fix-mix", window=20, cost_bps=20)
    np.testing.assert_array_equal(by_rate["fix-mix"].wealth, by_points["fix-mix"].wealth)
    for bad in (
        {"cost_bps": 9000},
        {"cost_bps": "10"},
        {"cost_bps": float("nan")},
        {"costs": "10"},
        {"costs": True},
    ):
        with pytest.raises(pf.BadData, match=next(iter(bad))):
            cost(**bad)


def test_the_table_of_a_forecast_is_what_the_answer_says(prices):
    today = pf.trades_today(prices, HELD, "erc-no-hmm", window=50, holdings_in="weights", value=1e6)
    frame = today.to_frame()
    assert frame.index.tolist() == list("ABCD")
    np.testing.assert_array_equal(
        frame[["held", "wanted", "trade"]].T, [today.held, today.wanted, today.trade]
    )
    np.testing.assert_allclose(frame["amount"], 1e6 * today.trade)
    np.testing.assert_array_equal(frame["cost"], today.costs)
    # independently: moments of the last 50 returns, and the share of each asset in w'Sw
    returns = (prices / prices.shift() - 1).iloc[-50:]
    covariance = 252 * returns.cov(ddof=0).to_numpy()
    np.testing.assert_allclose(frame["forecast a year"], 252 * returns.mean(), rtol=1e-9)
    np.testing.assert_allclose(frame["volatility"], np.sqrt(np.diagonal(covariance)), rtol=1e-9)
    part = today.wanted * (covariance @ today.wanted)
    np.testing.assert_allclose(frame["risk share"], part / part.sum(), rtol=1e-9)
    np.testing.assert_allclose(frame["risk share"], 0.25, rtol=1e-6)  # what ERC is
    page = today._repr_html_()
    assert "erc-no-hmm trades:" in page
    assert all(f"<td>{name}</td>" in page for name in "ABCD")
    assert all(line in str(today) for line in today.reasons())
    assert str(today).splitlines()[-1].split()[0] == "D"
    assert repr(today).startswith("Today(erc-no-hmm, 2021-03-26: trades ")


def test_a_strategy_without_a_forecast_has_no_columns_for_one(prices):
    today = pf.trades_today(prices, HELD, "fix-mix", window=20)
    assert list(today.to_frame().columns) == ["held", "wanted", "trade", "amount", "cost"]
    assert all(len(row) == 6 for row in today.rows())


def test_what_views_lead_to_fills_the_columns(prices):
    views = pf.Views(prices.columns).relative("A", "B", 0.04, per="year", confidence=0.6)
    today = pf.trades_today(prices, HELD, "views", window=20, views=views)
    frame = today.to_frame()
    np.testing.assert_allclose(100 * frame["forecast a year"], today.views.assets()["posterior (% a year)"])
    np.testing.assert_allclose(100 * frame["volatility"], today.views.assets()["volatility (% a year)"])
    assert frame["risk share"].sum() == pytest.approx(1.0)
    assert all(row[5] and row[6] and row[7] for row in today.rows())
    assert any(line.startswith("  forecast") for line in today.reasons())


def test_lots_have_a_column_of_shares(prices):
    today = pf.trades_today(
        prices, HELD, "fix-mix", window=20, holdings_in="weights", value=1e4, lot=1, cash=True
    )
    shares = today.to_frame()["shares"]
    np.testing.assert_allclose(shares * prices.iloc[-1], today.to_frame()["amount"], rtol=1e-9, atol=1e-6)


def test_an_asset_outside_the_universe_has_blank_cells_and_no_share_of_risk(prices):
    late = prices.copy()
    late.iloc[:55, 3] = np.nan
    today = pf.trades_today(late, HELD, "erc-no-hmm", window=50)
    assert today.to_frame().loc["D"].isna().tolist() == [False] * 4 + [True] * 3 + [False]
    assert today.rows()[3] == ["D", "0.00%", "0.00%", "", "", "", "", "", ""]
    assert today.to_frame()["risk share"].sum() == pytest.approx(1.0)
