"""Limits and rates given in percents: refused with the fraction that is meant."""

import re

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.market import Market
from proofolio.backtesting.rules_file import rules_of
from proofolio.backtesting.tuning import Rule
from proofolio.errors import BadData

NAMES = ["A", "B", "C"]


@pytest.mark.parametrize(
    "rules",
    [
        {"weights": {"upper": 40}},
        {"weights": {"upper": 2}},
        {"weights": {"lower": -20}},
        {"weights": {"assets": {"A": {"upper": 30}}}},
        {"groups": {"g": {"assets": ["A", "B"], "upper": 40}}},
        {"exposure": {"cash": [0, 20]}},
        {"exposure": {"net": [0.8, 100]}},
        {"exposure": {"gross": 130}, "weights": {"lower": -0.3}},
        {"trading": {"turnover": 50}},
    ],
)
def test_rules_in_percents_are_refused(rules):
    with pytest.raises(BadData, match=re.escape("0.4 for 40 %")):
        rules_of(rules, NAMES)


@pytest.mark.parametrize(
    "rules",
    [
        {"weights": {"upper": 1}},
        {"weights": {"lower": -0.5, "upper": 1.5}, "exposure": {"gross": 2.0}},
        {"weights": {"upper": 1.3}, "exposure": {"cash": [-0.3, 0.2]}},
        {"groups": {"g": {"assets": ["A", "B"], "upper": 1}}},
        {"trading": {"turnover": 2}},
    ],
)
def test_fractions_are_not(rules):
    assert rules_of(rules, NAMES) is not None


def test_a_drawdown_of_more_than_all_is_refused():
    with pytest.raises(BadData, match=re.escape("0.2 for a fall by 20 %")):
        Rule(max_drawdown=20)
    assert Rule(max_drawdown=1.0).max_drawdown == 1.0


WEEKS = 300
RNG = np.random.default_rng(5)


def market(column, **options):
    dates = pd.date_range("2015-01-02", periods=WEEKS, freq="W-FRI")
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.001, 0.02, (WEEKS, 3)), axis=0))
    frame = pd.DataFrame(prices, index=dates, columns=NAMES).assign(RF=column)
    return Market.from_prices(frame, "RF", **options)


@pytest.mark.parametrize(
    "column",
    [
        5.3 + np.cumsum(RNG.normal(0, 0.01, WEEKS)),
        np.where(np.arange(WEEKS) < 150, 5.25, 5.5),
        np.where(np.arange(WEEKS) < 150, 5.5, 5.25),
        0.5 + 0.25 * (np.arange(WEEKS) // 60),
    ],
)
def test_percents_are_no_prices_of_cash(column):
    with pytest.raises(BadData, match="yearly-rate"):
        market(column)
    # Said to be prices, a column that is one is believed.
    growing = market(np.cumprod(np.full(WEEKS, 1.0005)))
    assert np.allclose(growing.risk_free, 0.0005)


@pytest.mark.parametrize(
    ("rate", "kind"),
    [(0.3, "yearly-rate"), (0.9, "yearly-rate"), (0.012, "period-rate"), (0.006, "period-rate")],
)
def test_rates_beside_which_every_asset_loses_are_refused(rate, kind):
    column = np.full(WEEKS, rate) + RNG.normal(0, 1e-5, WEEKS)
    with pytest.raises(BadData, match="no asset of the table has a Sharpe ratio"):
        market(column, risk_free_as=kind)


def test_high_rates_are_believed_where_assets_earn_them_too():
    dates = pd.date_range("2015-01-02", periods=WEEKS, freq="W-FRI")
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.008, 0.02, (WEEKS, 3)), axis=0))
    frame = pd.DataFrame(prices, index=dates, columns=NAMES)
    assert np.allclose(Market.from_prices(frame, 0.4).risk_free, 1.4 ** (1 / 52) - 1)
