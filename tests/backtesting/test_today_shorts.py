"""Shorts and debts of `trades_today`: what rules allow is read back the next day, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.today import NO_TRADE

DAYS = pd.bdate_range("2021-01-04", periods=60)
DRIFT = np.array([0.03, -0.03, 0.001])
RULES = {"weights": {"lower": -0.3, "upper": 1.6}, "exposure": {"cash": [-0.2, 0.2]}}
SHORTS = {"weights": {"lower": -0.3, "upper": 1.6}}


def prices():
    moves = (DRIFT + np.random.default_rng(4).normal(0.0, 0.01, (60, 3))).cumsum(axis=0)
    return pd.DataFrame((np.array([20.0, 50.0, 9.0]) * np.exp(moves)).round(2), DAYS, list("ABC"))


def asked(holdings, unit, rules=RULES, strategy="spo-no-hmm", **given):
    return pf.trades_today(
        prices(), holdings, strategy, rules=rules, holdings_in=unit, window=40, costs=0.0, **given
    )


@pytest.mark.parametrize("rules", [RULES, SHORTS])
@pytest.mark.parametrize("unit", ["weights", "money", "shares"])
def test_what_the_trades_lead_to_is_read_back_and_kept(unit, rules):
    last = prices().iloc[-1]
    each = {"weights": last * 0 + 1.0, "money": last * 0 + 1e-4, "shares": last / 1e4}[unit]
    first = asked({"A": 0.5, "B": 0.5}, "weights", rules)
    bought = pd.Series(first.held + first.trade, first.names) / each
    debt = first.cash[1] / (1e-4 if unit != "weights" else 1.0)
    assert bought["B"] < 0.0 < bought["A"]
    if rules is RULES:
        assert debt < 0.0
    second = asked({**bought, "cash": debt}, unit, rules)
    assert second.held == pytest.approx(first.wanted, abs=1e-9)
    assert second.held.sum() + second.cash[0] == pytest.approx(1.0)
    assert second.value == pytest.approx(1.0 if unit == "weights" else 1e4)
    assert np.abs(second.trade).max() < 100 * NO_TRADE
    assert second.document()["trades"]["B"]["held"] < 0.0


def test_weights_are_amounts_over_long_minus_short_plus_cash():
    today = asked({"A": 900.0, "B": -200.0, "C": 400.0, "cash": -100.0}, "money")
    assert today.value == 1000.0
    assert today.held.tolist() == [0.9, -0.2, 0.4]
    assert today.cash[0] == -0.1
    last = prices().iloc[-1]
    today = asked({"A": 100.0, "B": -10.0}, "shares")  # worth more than 0, whatever the shares add up to
    worth = 100 * last["A"] - 10 * last["B"]
    assert today.held[:2] == pytest.approx([100 * last["A"] / worth, -10 * last["B"] / worth])
    fewer = asked({"A": 3.0, "C": -4.0}, "shares")
    assert fewer.value == pytest.approx(3 * last["A"] - 4 * last["C"])


def test_a_strategy_of_a_users_own_may_hold_any():
    own = pf.strategy(lambda close: [1.2, -0.2, 0.0], name="own")
    today = asked({"A": 1.2, "B": -0.2}, "weights", None, own)
    assert not today.traded


SOME = {"weights": {"lower": 0.0, "assets": {"B": {"lower": -0.3}}}}


@pytest.mark.parametrize(
    ("holdings", "unit", "rules", "more", "words"),
    [
        ({"A": 150.0, "B": -50.0}, "money", None, {}, "weights.lower, or weights.assets.B.lower, below 0"),
        (
            {"A": 150.0, "B": -50.0},
            "shares",
            {"exposure": {"cash": [-0.5, 0]}},
            {},
            "'B' is -50.* weights.lower",
        ),
        ({"A": 150.0, "C": -50.0}, "money", SOME, {}, "'C' is -50.* weights.assets.C.lower"),
        ({"A": 150.0, "cash": -50.0}, "money", None, {}, "cash is -50.* exposure.cash = "),
        ({"A": 150.0, "cash": -50.0}, "money", SHORTS, {}, "cash is -50.* exposure.cash = "),
        ({"A": 1.5, "B": -0.5}, "weights", None, {"strategy": "erc-no-hmm"}, "rules for spo or mpo"),
        ({"A": 50.0, "B": -50.0}, "money", RULES, {}, "adds up to 0; a portfolio is worth more than 0"),
        ({"A": 50.0, "cash": -80.0}, "money", RULES, {}, "adds up to -30"),
        ({"A": 1.0, "B": -100.0, "C": 500.0, "cash": -1e6}, "shares", RULES, {}, "worth more than 0"),
        ({"A": 0.9, "B": -0.1}, "weights", RULES, {}, "add up to 0.8, not to 1"),
        ({"A": 15.0, "B": -1.0}, "shares", RULES, {"lot": 1, "cash": True}, "short positions have none"),
        ({"A": float("nan")}, "shares", RULES, {}, "give a finite one"),
        ({"A": 1.0, "B": float("-inf")}, "shares", RULES, {}, "give a finite one"),
    ],
)
def test_what_the_rules_do_not_allow_is_refused(holdings, unit, rules, more, words):
    with pytest.raises(pf.BadData, match=words):
        asked(holdings, unit, rules, **more)
