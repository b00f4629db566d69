"""The public functions, called with tables of prices as a user would, rightly and wrongly."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategies import BuyAndHold, FixMix

WINDOW = 120


def test_a_table_of_prices_is_the_market_of_its_returns(prices):
    market = Market.from_prices(prices)
    assert market.returns == pytest.approx(prices.pct_change().iloc[1:].to_numpy(), abs=1e-12)
    assert market.dates[0] == np.datetime64(prices.index[1], "D")


def test_backtest_simulates_named_strategies_and_own_ones(prices, tmp_path):
    span = {"start": "2019-07-01", "stop": "2019-09-30"}
    strategies = ["fix-mix", "erc", BuyAndHold("GOLD", "gold")]
    found = pf.backtest(prices, strategies, cost_bps=20, window=WINDOW, folder=tmp_path, **span)
    assert found.names == ["fix-mix", "erc", "gold"]
    assert f"{found['erc'].weights.index[0]:%Y-%m-%d}" == span["start"]
    assert f"{found['erc'].weights.index[-1]:%Y-%m-%d}" == span["stop"]
    alone = pf.simulate(prices, strategies[2], 0.002, **span)
    assert (alone.wealth == found["gold"].simulation.wealth).all()
    again = pf.backtest(prices, ["erc"], costs=LinearCost(0.002), window=WINDOW, **span)
    assert (again["erc"].weights == found["erc"].weights).all(axis=None)
    assert len(list(tmp_path.iterdir())) == 4  # three simulations, one book of forecasts


def test_trades_today_start_from_amounts(prices):
    today = pf.trades_today(prices, {"US": 300.0, "GOLD": 100.0}, "erc", holdings_in="money", window=WINDOW)
    assert today.held.tolist() == [0.75, 0.0, 0.25, 0.0]
    assert today.wanted * (1 - today.costs.sum()) == pytest.approx(today.held + today.trade)
    same = pf.trades_today(prices, pd.Series({"US": 0.75, "GOLD": 0.25}), "erc", window=WINDOW)
    assert (same.wanted == today.wanted).all()
    for holdings, words in (
        ({"B": 1.0}, "no asset 'B'"),
        ({"US": -1.0}, "worth more than 0"),
        ({}, "nothing is held"),
    ):
        with pytest.raises(pf.BadData, match=words):
            pf.trades_today(prices, holdings, "erc", window=WINDOW)


def test_trades_today_show_themselves(prices):
    held = {"US": 300.0, "GOLD": 100.0}
    today = pf.trades_today(prices, held, "erc", holdings_in="money", window=WINDOW)
    assert len(repr(today)) <= 120
    assert today.date in repr(today)
    frame = today.to_frame()
    assert list(frame.index) == list(prices.columns)
    assert frame["amount"].to_numpy() == pytest.approx(400 * today.trade)
    assert frame["cost"].sum() == pytest.approx(today.costs.sum())
    text, page = str(today), today._repr_html_()
    for row in today.rows():
        assert all(cell in text and cell in page for cell in row)
    assert all(line in text for line in today.reasons())


def test_a_plan_for_a_market_takes_stocks_and_bonds_where_they_are(prices):
    market = Market.from_prices(prices.iloc[:61].set_axis(["SPY", "TLT", "VTI", "X"], axis=1))
    plan = ForecastPlan.for_market(market, K=3)
    assert (plan.driving, plan.window, plan.K) == ((2, 1), 30, 3)
    assert ForecastPlan.for_market(Market.from_prices(prices)).driving == (0, 1)


# What a user gets wrong: a sentence of type BadData each, that says what to do.
MISUSES = {
    "a Series": (lambda p: pf.backtest(p["US"]), r"are a Series.*to_frame"),
    "an array": (lambda p: pf.backtest(p.to_numpy()), r"without dates and names; give a DataFrame"),
    "a list of lists": (lambda p: pf.tune(p.to_numpy().tolist()), r"are a list without dates"),
    "the wrong axis": (lambda p: pf.backtest(p.T), r"dates in the columns; turn the table, prices\.T"),
    "the wrong axis, as text": (
        lambda p: pf.backtest(p.set_axis(p.index.strftime("%Y-%m-%d")).T),
        r"turn the table",
    ),
    "a misspelt strategy": (lambda p: pf.backtest(p, ["mpo-pr"], window=120), r"did you mean 'mpo-rp'\?"),
    "a misspelt asset": (
        lambda p: pf.backtest(p, "mpo", window=120, regime_assets=["BOND"]),
        r"no asset 'BOND' \(did you mean 'BONDS'\?\)",
    ),
    "a misspelt asset to hold": (lambda p: pf.backtest(p, "buy-and-hold:GLOD"), r"did you mean 'GOLD'\?"),
    "a name instead of a list": (
        lambda p: pf.backtest(p, "mpo", window=120, regime_assets="US"), r"give a list of names, \['US'\]"
    ),
    "a misspelt option": (lambda p: pf.backtest(p, windw=120), r"no option 'windw' \(did you mean 'window'\?\)"),
    "a misspelt option of the backtest": (
        lambda p: pf.backtest(p, cost_bp=5), r"no option 'cost_bp' \(did you mean 'cost_bps'\?\)"
    ),
    "a misspelt option of tune": (
        lambda p: pf.tune(p, max_turnovr=5), r"no option 'max_turnovr' \(did you mean 'max_turnover'\?\)"
    ),
    "a function as it is": (lambda p: pf.backtest(p, [np.mean]), r"wrap your function: pf\.strategy\(f\)"),
    "a number as a strategy": (lambda p: pf.backtest(p, [3]), r"one is a int"),
    "two of the same name": (lambda p: pf.backtest(p, ["fix-mix", FixMix()]), r"the same name"),
    "no strategy": (lambda p: pf.backtest(p, []), r"no strategy"),
    "basis points for a fraction": (lambda p: pf.backtest(p, costs=10), r"the cost is 10 .*0\.001 for 10 bp"),
    "a model of costs as text": (lambda p: pf.backtest(p, costs="10"), r"cost_bps=10"),
    "a negative cost": (lambda p: pf.backtest(p, cost_bps=-5), r"cost_bps is -5"),
    "a cost of text": (lambda p: pf.backtest(p, cost_bps="ten"), r"cost_bps is 'ten'"),
    "a window longer than the table": (lambda p: pf.backtest(p, "erc", window=2000), r"2000"),
    "an unknown rebalancing": (lambda p: pf.backtest(p, rebalance="hourly"), r"rebalance is 'hourly'"),
    "a date that is none": (lambda p: pf.backtest(p, start="yesterday"), r"'yesterday'.*2020-01-31"),
    "a window of text": (lambda p: pf.backtest(p, window="long"), r"window is 'long'"),
    "prices with a hole": (
        lambda p: pf.backtest(p.mask(p.index.to_series() == p.index[7])), r"missing.*column 'US' at 2019-01-10"
    ),
    "an unknown figure to choose by": (lambda p: pf.tune(p, choose="sortino"), r"choose is 'sortino'"),
    "nothing to tune": (lambda p: pf.tune(p, "erc"), r"no parameters to tune"),
    "an unknown grid": (lambda p: pf.tune(p, grid="publised"), r"did you mean 'published'\?"),
    "an unknown parameter": (
        lambda p: pf.tune(p, grid={"gamma-risk": [1]}), r"no parameter 'gamma-risk' \(did you mean 'gamma_risk'\?\)"
    ),
    "a horizon of 1.5": (lambda p: pf.tune(p, grid={"horizon": [1.5]}), r"horizon is \[1.5\]; give whole"),
    "a span of one date": (lambda p: pf.tune(p, train="2019-07-01"), r"train is '2019-07-01'; give first and last"),
    "spans that overlap": (
        lambda p: pf.tune(p, window=120, train=(None, "2019-08-01"), test=("2019-07-01", None)), r"must come before"
    ),
    "a scheduler that is not there": (
        lambda p: pf.backtest(p, window=120, scheduler="nonsense"), r"no dask scheduler answers at nonsense"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_is_one_sentence(prices, name):
    call, words = MISUSES[name]
    with pytest.raises(pf.BadData, match=words) as found:
        call(prices)
    assert "\n" not in str(found.value)
