"""Strategies written as functions: what they are given, what they cannot see, and what is said when they are wrong."""

import functools
import re

import numpy as np
import pandas as pd
import pytest

import proofolio as pf

WINDOW = 120
ASSETS = ["US", "BONDS", "GOLD", "OIL"]


def equal(context):
    return np.full(4, 0.25)


def test_it_is_given_the_window_up_to_the_close_and_the_weights_held(prices):
    seen = []

    def watch(context):
        seen.append(context)
        return pd.Series({"GOLD": 0.7, "US": 0.3})

    result = pf.backtest(prices, [pf.strategy(watch)], window=WINDOW)
    returns = prices.pct_change().iloc[1:]
    run = result["watch"]
    held = run.weights - run.trades
    assert [c.date for c in seen] == list(prices.index[WINDOW:-1])
    for k in (0, 1, 57, len(seen) - 1):
        known = returns.loc[: seen[k].date].tail(WINDOW)
        pd.testing.assert_frame_equal(
            seen[k].returns,
            known,
            check_names=False,
            check_freq=False,
            check_index_type=False,
            atol=1e-15,
            rtol=0,
        )
        assert seen[k].holdings.to_numpy() == pytest.approx(held.iloc[k].to_numpy(), abs=1e-15)
        assert list(seen[k].holdings.index) == ASSETS
        assert seen[k].assets == ASSETS
        assert seen[k].forecast is None
    assert (run.weights == [0.3, 0.0, 0.7, 0.0]).all(axis=None)


def test_the_future_replaced_changes_no_decision_of_the_past(prices, tmp_path):
    """And a weekly one, which is not asked at every close, still sees every row up to it."""

    def trend(context):
        score = np.exp(100 * context.returns.ewm(halflife=10).mean().iloc[-1])
        return score / score.sum()

    change = 180
    noise = np.random.default_rng(9).lognormal(0.0, 0.05, prices.iloc[change:].shape)
    other = prices.copy()
    other.iloc[change:] *= noise
    for rebalance in ("daily", "weekly", "monthly"):
        for needs in ("nothing", "regimes"):
            own = pf.strategy(trend, forecasts=needs)
            # a folder for each table: its forecasts, which no rebalancing changes, are made once
            one, two = (
                pf.backtest(p, own, window=WINDOW, rebalance=rebalance, folder=tmp_path / name)["trend"]
                for p, name in ((prices, "one"), (other, "two"))
            )
            past = one.trades.index[: change - WINDOW - 1]
            assert (one.trades.loc[past] == two.trades.loc[past]).all(axis=None)
            assert (one.weights.loc[past] == two.weights.loc[past]).all(axis=None)
            assert not (one.trades == two.trades).all(axis=None)


def test_a_weekly_strategy_sees_the_days_between(prices):
    lengths = []

    def count(context):
        lengths.append(len(context.returns))
        assert context.returns.index[-1] == context.date
        return np.full(4, 0.25)

    pf.simulate(prices, pf.strategy(count), start=60, rebalance="weekly")
    assert lengths[0] == 60
    assert set(np.diff(lengths[1:])) == {5}


def test_what_it_changes_changes_nothing(prices):
    def vandal(context):
        context.returns.iloc[:, :] = 9.0
        context.holdings[:] = 9.0
        return np.full(4, 0.25)

    found = pf.backtest(prices, ["fix-mix", pf.strategy(vandal), "erc-no-hmm"], window=WINDOW)
    untouched = pf.backtest(prices, ["fix-mix", "erc-no-hmm"], window=WINDOW)
    assert (found["vandal"].wealth == found["fix-mix"].wealth).all()
    assert (found["erc-no-hmm"].wealth == untouched["erc-no-hmm"].wealth).all()


def test_it_may_decide_on_forecasts(prices):
    def forecasting(context):
        assert context.forecast.mean.shape == (3, 4)
        return pf.equal_risk(context.forecast.covariance[0])

    own = pf.strategy(forecasting, name="mine", forecasts="history", horizon=3)
    found = pf.backtest(prices, [own, "erc-no-hmm"], window=WINDOW)
    assert found["mine"].weights.to_numpy() == pytest.approx(
        found["erc-no-hmm"].weights.to_numpy(), abs=1e-12
    )


def test_its_runs_are_the_same_in_two_processes_and_never_found_again(prices, tmp_path):
    calls = []

    def counted(context):
        calls.append(context.date)
        return np.full(4, 0.25)

    for _ in range(2):
        pf.backtest(prices, ["fix-mix", pf.strategy(counted)], window=WINDOW, folder=tmp_path)
    assert len(calls) == 2 * (len(prices) - 1 - WINDOW)
    assert len(list(tmp_path.iterdir())) == 1  # fix-mix
    two = pf.backtest(prices, ["fix-mix", pf.strategy(equal)], window=WINDOW, jobs=2)
    assert (two["equal"].wealth == two["fix-mix"].wealth).all()


def test_names(prices):
    assert pf.strategy(equal).name == "equal"
    assert pf.strategy(equal, name="mine").name == "mine"
    assert pf.strategy(functools.partial(equal)).name == "equal"
    with pytest.raises(pf.BadData, match="lambda has no name"):
        pf.strategy(lambda context: None)
    today = pf.trades_today(prices, {"US": 1.0}, pf.strategy(equal), window=WINDOW)
    assert today.wanted == pytest.approx(0.25)


def wrong(answer):
    def faulty(context):
        return (
            answer(context) if callable(answer) and context.date >= pd.Timestamp("2019-08-01") else [0.25] * 4
        )

    return faulty


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda c: np.full(3, 1 / 3), r"shape \(3,\), and there are 4 assets"),
        (lambda c: np.full((4, 1), 0.25), r"shape \(4, 1\)"),
        (lambda c: 1.0, r"shape \(\)"),
        (lambda c: [[0.5], [0.2, 0.3]], r"shape \(0,\)"),
        (lambda c: np.array([0.5, 0.5, np.nan, 0.0]), "the weight of 'GOLD' is .*nan.*finite"),
        (lambda c: pd.Series({"US": np.inf, "GOLD": 0.5}), "the weight of 'US' is .*inf"),
        (lambda c: {"US": 0.5, "GLOD": 0.5}, r"weight of 'GLOD', which is no asset \(did you mean 'GOLD'\?\)"),
        (lambda c: pd.Series([0.5, 0.5], index=["US", "US"]), "'US' has two weights"),
        (lambda c: {"US": "much"}, "the weight of 'US' is 'much'"),
        (lambda c: np.full(4, 0.3), r"add to 1\.2; return weights that add to 1"),
        (lambda c: np.zeros(4), "add to 0;"),
        (lambda c: None, "returned nothing"),
        (lambda c: 1 / 0, r"raised ZeroDivisionError: division by zero \(line \d+ of test_own_strategies.py\)"),
        (lambda c: c.returns["SPY"], r"raised KeyError: 'SPY'"),
        (lambda c: pf.equal_risk(-np.eye(4)), "raised BadData: "),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_one_sentence_with_the_name_and_the_date(prices, answer, words):
    with pytest.raises(pf.BadData) as found:
        pf.backtest(prices, pf.strategy(wrong(answer), name="mine"), window=WINDOW)
    sentence = str(found.value)
    assert sentence.startswith("strategy 'mine' on 2019-08-01: ")
    assert re.search(words, sentence), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pf.strategy("mpo"), "is a function .* and this is a str"),
        (lambda: pf.strategy(lambda: None, name="a"), "takes one argument"),
        (lambda: pf.strategy(lambda a, b: None, name="a"), "takes one argument"),
        (lambda: pf.strategy(equal, forecasts="regime"), r"did you mean 'regimes'\?"),
        (lambda: pf.strategy(equal, window=0), "window is 0"),
        (lambda: pf.strategy(equal, horizon=1.5), "horizon is 1.5"),
    ],
)
def test_what_is_no_strategy_is_refused_at_once(make, words):
    with pytest.raises(pf.BadData, match=words):
        make()
