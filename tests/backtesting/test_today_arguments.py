"""Money, lots and holdings of `trades_today`: what cannot be meant is refused, and shares stay shares."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf

DAYS = pd.bdate_range("2021-01-04", periods=60)


def prices():
    moves = np.random.default_rng(4).normal(0.0, 0.01, (60, 4)).cumsum(axis=0)
    return pd.DataFrame((np.array([20.0, 50.0, 9.0, 33.0]) * np.exp(moves)).round(2), DAYS, list("ABCD"))


def asked(**given):
    return pf.trades_today(
        prices(), {"A": 0.5, "B": 0.5}, "fix-mix", window=20, cash=True, costs=0.0, **given
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"value": 0.0}, "value is 0; give its money, above 0"),
        ({"value": -5.0}, "value is -5; give its money, above 0"),
        ({"value": float("inf")}, "above 0"),
        ({"value": float("nan")}, "value holds NaN"),
        ({"value": "1e6"}, "value is '1e6'; give money"),
        ({"value": True}, "value is True"),
        ({"smallest": float("nan")}, "smallest is nan; give money, 0 or more"),
        ({"smallest": -5.0}, "smallest is -5.0; give money, 0 or more"),
        ({"lot": True}, "lot is True"),
        ({"lot": 0}, "lot is 0"),
        ({"lot": 1.5}, "lot is 1.5"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(given, words):
    with pytest.raises(pf.BadData, match=words):
        asked(**({"value": 1000.0} | given))


@pytest.mark.parametrize("many", [1, 7, 10, 31, 94, 148])
def test_a_position_is_sold_out(many):
    held = {"A": 10.0, "B": float(many), "C": 3.0 * many + 1.0, "D": 7.0}
    first = pf.strategy(lambda close: [1.0, 0.0, 0.0, 0.0], name="first")
    today = pf.trades_today(
        prices(), held, first, holdings_in="shares", lot=1, cash=True, costs=0.0, window=20
    )
    assert today.lots.shares[1:].tolist() == [-held["B"], -held["C"], -7.0]
    assert "no plan of lots is nearer" in " ".join(today.reasons())
