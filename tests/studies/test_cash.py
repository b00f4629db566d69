"""Cash: a column whose returns are the risk-free rate, kept by those that ask for it."""

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.strategies import MeanVarianceControl
from proofolio.errors import BadData

WINDOW = 120


@pytest.fixture(scope="module")
def with_bills(table_of):
    prices = table_of(170)
    rates = 1e-4 * (1 + 0.5 * np.sin(np.arange(len(prices)) / 20))
    return prices.assign(BIL=100 * np.cumprod(1 + rates))


def half(context):
    assert context.assets == ["US", "BONDS", "GOLD", "OIL"]
    return pd.Series({"GOLD": 0.5})


def test_cash_earns_its_column_and_costs_nothing_to_trade(with_bills):
    own = pf.strategy(half, cash=True)
    result = pf.backtest(with_bills, ["fix-mix", own], window=WINDOW, cost_bps=20, cash="BIL")
    run = result["half"]
    returns = with_bills.pct_change().loc[run.weights.index]
    assert list(run.weights.columns) == ["US", "BONDS", "GOLD", "OIL"]
    assert run.cash.to_numpy() == pytest.approx(0.5)
    gross = 0.5 * returns["GOLD"] + 0.5 * returns["BIL"]
    drifted = 0.5 * (1 + returns["GOLD"]) / (1 + gross)
    traded = (0.5 - drifted.shift()).abs().fillna(1.0)  # from 1/4 of each: 0.75 sold, 0.25 bought
    net = (1 - 0.002 * traded) * (1 + gross) - 1
    assert run.returns.to_numpy() == pytest.approx(net.to_numpy(), abs=1e-14)
    excess = net - returns["BIL"]
    assert result.figures.loc["half", "sharpe"] == pytest.approx(excess.mean() / excess.std() * 252**0.5)
    assert (result["fix-mix"].cash == 0).all()


def test_mpo_keeps_cash_where_cvxpy_would(with_bills):
    """Each plan solved again from the tables of the result, with the rate of the close as cash's forecast."""
    plan = MeanVarianceControl("plan", 1, gamma_trade=1e-4, needs="history", cash=True)
    result = pf.backtest(with_bills, [plan, "spo-no-hmm"], window=WINDOW, cash="BIL", cost_bps=0)
    run = result["plan"]
    assert result["spo-no-hmm"].cash.abs().max() < 1e-6  # at its price of trading nothing is sold for cash
    forecasts, rates = run.forecasts, with_bills["BIL"].pct_change()
    held = run.weights - run.trades
    history = with_bills.pct_change().drop(columns="BIL")
    assert run.cash.iloc[0] > 0.01
    for k in (0, 20):
        close = with_bills.index[WINDOW + k]
        mean = forecasts["mean"].iloc[k].to_numpy()
        covariance = history.loc[:close].tail(WINDOW).cov(ddof=0).to_numpy()
        w, before = cp.Variable(5), np.append(held.iloc[k], 1 - held.iloc[k].sum())
        value = mean @ w[:4] + rates[close] * w[4] - 5.0 * cp.quad_form(w[:4], cp.psd_wrap(covariance))
        value -= 1e-4 * cp.norm1(w[:4] - before[:4])
        best = cp.Problem(cp.Maximize(value), [cp.sum(w) == 1, w >= 0])
        best.solve(solver="CLARABEL")
        ours = np.append(run.weights.iloc[k], run.cash.iloc[k])
        w.value = ours
        assert value.value >= best.value - 1e-8
        assert ours.sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cash": "BILL"}, r"cash is 'BILL', which is no column \(did you mean 'BIL'\?\)"),
        ({"cash": "OIL"}, "OIL"),
        ({"cash": "BIL", "risk_free": 0.02}, "leave risk_free out"),
    ],
)
def test_cash_that_is_none(with_bills, change, words):
    with pytest.raises(pf.BadData, match=words):
        pf.backtest(with_bills, window=WINDOW, **change)


def test_tune_keeps_the_cash_of_a_backtest(with_bills):
    grid = {"horizon": [2], "gamma_risk": [5.0], "gamma_trade": [1e-4]}
    found = pf.tune(with_bills, "mpo-no-hmm", grid, window=WINDOW, cash="BIL", cost_bps=0)
    assert found.run.cash.max() > 0.01
    plan = MeanVarianceControl("mpo-no-hmm", 2, gamma_trade=1e-4, needs="history", cash=True)
    start = found.run.weights.index[0]
    again = pf.backtest(with_bills, [plan], window=WINDOW, cash="BIL", cost_bps=0, start=str(start.date()))
    assert found.run.weights.to_numpy() == pytest.approx(again["mpo-no-hmm"].weights.to_numpy(), abs=1e-9)


def test_the_trade_of_today_is_that_of_the_backtest_with_cash(with_bills):
    plan = MeanVarianceControl("plan", 1, gamma_trade=1e-4, needs="history")
    held = {"US": 0.25, "BONDS": 0.25, "GOLD": 0.25, "OIL": 0.25}
    given = {"window": WINDOW, "risk_free": "BIL"}
    today = pf.trades_today(with_bills.iloc[: WINDOW + 1], held, plan, costs=0.0, cash=True, **given)
    first = pf.backtest(with_bills, [plan], window=WINDOW, cost_bps=0, cash="BIL")["plan"]
    assert today.wanted == pytest.approx(first.weights.iloc[0].to_numpy(), abs=1e-9)
    assert today.cash[1] == pytest.approx(first.cash.iloc[0], abs=1e-9)
    assert today.cash[1] > 0.01


def test_the_cost_experiment_is_separate_runs(with_bills):
    """Solved once and charged at each cost, with cash and without, it says what a run at that cost says."""
    named = [pf.strategy(half, cash=True), "fix-mix", "spo-no-hmm"]
    given = {"window": WINDOW, "cash": "BIL"}
    tried = pf.backtest(with_bills, named, cost_bps=10, **given).cost_sensitivity([1, 50, 150])
    for bp in (1.0, 50.0, 150.0):
        alone = pf.backtest(with_bills, named, cost_bps=bp, **given).figures["sharpe"]
        assert tried[bp].to_numpy() == pytest.approx(alone.to_numpy(), abs=1e-12)
    assert (tried[1.0] > tried[150.0]).all()


def test_every_combination_of_a_grid_may_keep_cash(with_bills):
    grid = {"horizon": [1], "gamma_risk": [5.0, 5000.0], "gamma_trade": [1e-4]}
    found = pf.tune(with_bills, "mpo-no-hmm", grid, window=WINDOW, cash="BIL", cost_bps=0)
    assert all(trial.strategy.cash for trial in found.trials)
    shy = pf.backtest(with_bills, [found.trials[1].strategy], window=WINDOW, cash="BIL", cost_bps=0)
    assert (
        shy[found.trials[1].strategy.name].cash.iloc[-1] > 0.5
    )  # a fearful one holds bills for the most part


@pytest.mark.parametrize("names", [["erc-no-hmm"], ["fix-mix", "mpo-rp-no-hmm"]])
def test_shares_of_risk_leave_no_place_for_cash(with_bills, names):
    with pytest.raises(BadData, match="can keep cash: name spo or mpo"):
        pf.backtest(with_bills, names, window=WINDOW, cash="BIL")


def test_a_strategy_without_cash_is_told_how_to_name_the_rate(with_bills):
    with pytest.raises(pf.BadData, match=r"risk_free='BIL' instead\.$"):
        pf.backtest(with_bills, ["fix-mix"], cash="BIL", window=WINDOW)
    with pytest.raises(pf.BadData, match="risk_free='BIL' for a column"):
        pf.trades_today(with_bills, {"BIL": 1.0}, "fix-mix", cash="BIL", window=WINDOW)


def test_the_chart_of_weights_shows_cash(with_bills):
    run = pf.backtest(with_bills, [pf.strategy(half, cash=True), "fix-mix"], cash="BIL", window=WINDOW)
    drawn = run.plot_weights("half", "fix-mix")
    for axes, name in zip(drawn.axes, ("half", "fix-mix"), strict=False):
        stack = axes.collections
        assert stack[-1].get_label() == "cash"
        top, below = (part.get_paths()[0].vertices[:, 1].max() for part in stack[-1:-3:-1])
        assert top == pytest.approx(1.0)
        assert below == pytest.approx(0.5 if name == "half" else 1.0)
        assert len(stack) == len(run.context.market.names) + 1, name
    alone = run.plot_weights("fix-mix")
    assert "cash" not in [part.get_label() for part in alone.axes[0].collections]


def test_a_strategy_that_never_trades_is_warned_of(with_bills):
    still = pf.strategy(lambda close: close.holdings, name="still")
    found = pf.backtest(with_bills, [still, "fix-mix"], window=WINDOW).warnings
    assert [sentence.split(" at ")[0] for sentence in found if "never traded" in sentence] == [
        "still never traded"
    ]
