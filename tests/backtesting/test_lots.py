"""Lots and smallest trades against enumeration of every plan, in exact fractions."""

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from proofolio.backtesting import lots
from proofolio.backtesting.lots import nearest_lots
from proofolio.errors import BadData
from proofolio.models.portfolio.trade_cost import TradeCost


def nearest(prices, held, cash, target, buy, sell, lot, smallest):
    """The least distance of any plan: money as fractions, plans one by one."""
    p, a, w = ([Fraction(float(v)) for v in values] for values in (prices, held, target))
    m, low = Fraction(float(cash)), Fraction(float(smallest))
    value = sum(x * y for x, y in zip(p, a, strict=True)) + m
    ranges = [range(-int(h // lot), int(value // (q * lot)) + 1) for q, h in zip(p, a, strict=True)]
    best = None
    for plan in itertools.product(*ranges):
        money = [q * lot * k for q, k in zip(p, plan, strict=True)]
        if any(k and abs(x) < low for k, x in zip(plan, money, strict=True)):
            continue
        cost = sum(
            x * Fraction(float(b)) if x > 0 else -x * Fraction(float(s))
            for x, b, s in zip(money, buy, sell, strict=True)
        )
        if m - sum(money) - cost < 0:
            continue
        far = sum(abs(q * h + x - t) for q, h, x, t in zip(p, a, money, w, strict=True))
        if best is None or far < best[0]:
            best = far, plan, m - sum(money) - cost
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_plan_is_the_nearest_of_all(seed):
    rng = np.random.default_rng(seed)
    n = 3
    prices = rng.uniform(80, 400, n).round(2)
    held = rng.integers(0, 4, n).astype(float) + (0.25 if seed % 3 == 0 else 0.0)
    cash = round(float(rng.uniform(0, 500)), 2)
    lot, smallest = (1, 0.0) if seed % 2 else (2, round(float(rng.uniform(100, 500)), 2))
    value = float(prices @ held) + cash
    target = rng.dirichlet(np.ones(n)) * value
    cost = TradeCost.of(n, [0.001, 0.01, 0.02], 0.0, [0.0005, -0.005, 0.0])
    found = nearest_lots(prices, held, cash, target, cost, lot=lot, smallest=smallest)
    far, _, _ = nearest(prices, held, cash, target, cost.buy, cost.sell, lot, smallest)
    assert found.status in ("certified-optimal", "verified-optimal")
    assert found.distance == pytest.approx(float(far), rel=1e-9)
    assert (found.shares % lot == 0).all()
    assert (held + found.shares >= 0).all()
    assert found.cash >= -1e-9 * value
    assert found.cash == pytest.approx(
        cash - prices @ found.shares - value * cost.total(prices * found.shares / value), abs=1e-9
    )
    traded = np.abs(prices * found.shares)
    assert (traded[traded > 0] >= smallest).all()


def test_nothing_is_traded_where_nothing_can_be():
    found = nearest_lots(
        np.array([100.0, 100.0]),
        np.array([3.0, 3.0]),
        0.0,
        np.array([600.0, 0.0]),
        TradeCost.of(2),
        smallest=400.0,
    )
    assert found.shares.tolist() == [0.0, 0.0]
    assert found.distance == 600.0


def test_impact_leaves_no_debt():
    """Impact of 5 % at a full turn, of which the linear rate looked at is no less."""
    cost = TradeCost.of(2, 0.001, 0.05)
    found = nearest_lots(np.array([10.0, 7.0]), np.array([100.0, 0.0]), 0.0, np.array([0.0, 980.0]), cost)
    assert found.shares[0] < 0 < found.shares[1]
    assert found.cash >= 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prices": np.array([0.0, 1.0])}, "above 0"),
        ({"held": np.array([-1.0, 1.0])}, "short positions have none"),
        ({"cash": -1.0}, "0 or more"),
        ({"lot": 0}, "1 or more shares"),
        ({"smallest": np.nan}, "money from 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, words):
    given = {
        "prices": np.ones(2),
        "held": np.ones(2),
        "cash": 0.0,
        "target": np.ones(2),
        "cost": TradeCost.of(2),
    }
    with pytest.raises(BadData, match=words):
        nearest_lots(**(given | change))


@pytest.mark.parametrize("seed", range(8))
def test_with_impact_the_plan_is_the_nearest_of_all(seed):
    """Every plan of two assets, with the true cost of each."""
    rng = np.random.default_rng(seed)
    prices, held = rng.uniform(5, 30, 2).round(2), rng.integers(0, 30, 2).astype(float)
    cash = round(float(rng.uniform(0, 300)), 2)
    value = float(prices @ held) + cash
    target = rng.dirichlet(np.ones(2)) * value * 0.95
    found = nearest_lots(prices, held, cash, target, TradeCost.of(2, 0.001, 0.08, 0.0))
    ranges = [range(-int(h), int(value // p) + 1) for h, p in zip(held, prices, strict=True)]
    plans = np.array(list(itertools.product(*ranges)), dtype=float)
    part = np.abs(plans * prices) / value
    left = cash - plans @ prices - value * (0.001 * part + 0.08 * part**1.5).sum(axis=1)
    far = np.abs(prices * (held + plans) - target).sum(axis=1)
    assert found.proved
    assert found.distance == pytest.approx(far[left >= 0].min(), rel=1e-9)
    assert found.cash >= 0.0


@pytest.mark.parametrize(
    ("status", "proved"),
    [
        ("certified-optimal", True),
        ("verified-optimal", True),
        ("solver-optimal", False),
        ("verified-feasible", False),
    ],
)
def test_a_plan_has_the_word_of_its_program_and_only_what_was_checked_is_proved(status, proved, monkeypatch):
    real = lots.solve
    monkeypatch.setattr(lots, "solve", lambda p, time_limit: replace(real(p), status=status))
    found = nearest_lots(np.array([10.0]), np.array([3.0]), 5.0, np.array([20.0]), TradeCost.of(1, 0.001))
    assert (found.status, found.proved) == (status, proved)
    page = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
    before, _, after = page.partition('"a plan of lots\nmay be nearer"')
    assert f"`{status}`" in (
        before if proved else after
    )  # of the two sentences, the page has it in the same one


def test_out_of_time_no_plan_is_called_nearest():
    cost = TradeCost.of(2, 0.001, 0.05)
    prices, held = np.array([10.0, 7.0]), np.array([100.0, 0.0])
    ended = iter([0.0, 100.0, 200.0])
    with pytest.MonkeyPatch.context() as patch:
        real = lots.solve
        patch.setattr(
            lots, "solve", lambda p, time_limit: replace(real(p), x=None) if next(ended) < 50 else real(p)
        )
        found = nearest_lots(prices, held, 0.0, np.array([0.0, 980.0]), cost)
    assert found.status == "feasible"
    assert not found.proved
    assert found.cash >= 0.0


def test_shares_a_rounding_short_of_whole_are_sold_out():
    found = nearest_lots(
        np.array([9.37, 20.0]),
        np.array([30.999999999999996, 1.0]),
        0.0,
        np.array([0.0, 310.0]),
        TradeCost.of(2),
    )
    assert found.shares[0] == -31.0


@pytest.mark.parametrize(("price", "smallest"), [(0.7, 2.1), (1.1, 3.3), (0.1, 0.3), (19.99, 59.97)])
def test_a_trade_of_just_the_smallest_is_allowed(price, smallest):
    found = nearest_lots(
        np.array([price]), np.zeros(1), 100.0, np.array([smallest]), TradeCost.of(1), smallest=smallest
    )
    assert found.shares.tolist() == [3.0]


def test_impact_far_below_the_trade_wanted_is_exact():
    """A thousand is wanted, and half of its power 3/2 is charged: the most whole k with k + cost(k) <= 1000."""
    found = nearest_lots(np.ones(1), np.zeros(1), 1000.0, np.array([1000.0]), TradeCost.of(1, 0.0, 0.5))
    most = max(k for k in range(1001) if k + 500 * (k / 1000) ** 1.5 <= 1000)
    assert found.shares.tolist() == [most]
    assert found.proved
    assert found.cash >= 0.0
