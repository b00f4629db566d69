"""The amounts of `trades_today` fund their own cost: cash before - net bought - cost is cash after."""

import numpy as np
import pytest

import proofolio as pf
from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.backtesting.strategies import FixMix
from tests.backtesting.test_today_shorts import RULES, SHORTS, prices

HELD = {
    "without cash": {"A": 60_000.0, "B": 40_000.0},
    "with cash": {"A": 50_000.0, "B": 30_000.0, "cash": 20_000.0},
    "only cash": {"cash": 100_000.0},
}
EVERY = [
    "buy-and-hold:A", "fix-mix", "spo", "mpo", "spo-rp", "mpo-rp", "erc", "regime-erc", "spo-no-hmm", "mpo-no-hmm",
    "erc-no-hmm",
]  # fmt: skip


def asked(strategy, held, **given):
    return pf.trades_today(
        prices(), held, strategy, holdings_in="money", window=40, **{"costs": 0.003, **given}
    )


def adds_up(today, each):
    money = today.value * today.trade
    before, after = (today.value * weight for weight in today.cash)
    assert today.costs == pytest.approx(each(today.trade), abs=1e-15)
    assert before - money.sum() - today.value * today.costs.sum() == pytest.approx(after, abs=1e-9)
    left = 1.0 - today.costs.sum()  # every weight is of this, as in the backtest
    assert today.wanted * left == pytest.approx(today.held + today.trade, abs=1e-12)
    assert today.wanted.sum() + today.cash[1] / left == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("strategy", EVERY)
def test_of_every_strategy(strategy, held):
    today = asked(strategy, HELD[held])
    adds_up(today, lambda u: 0.003 * np.abs(u))
    assert today.cash[1] == 0.0
    if held == "only cash":  # w of what is left, and 3 in 1,000 of what is bought
        assert today.costs.sum() == pytest.approx(0.003 / 1.003, abs=1e-12)


@pytest.mark.parametrize("rules", [None, RULES, SHORTS])
@pytest.mark.parametrize("strategy", ["spo-no-hmm", "mpo-no-hmm"])
def test_with_cash_kept_or_owed_and_with_shorts(strategy, rules):
    today = asked(strategy, HELD["with cash"], rules=rules, cash=rules is not SHORTS)
    adds_up(today, lambda u: 0.003 * np.abs(u))
    if rules is not None:
        assert today.wanted.min() < -0.1


def test_with_impact_lots_and_what_is_printed():
    costs = SpreadAndImpact(0.001, 1.0, 1e6, 0.0005, memory=20)
    today = asked("fix-mix", HELD["with cash"], costs=costs)
    sigma = prices().pct_change().tail(20).std(ddof=1).to_numpy()
    adds_up(
        today,
        lambda u: 0.001 * abs(u) + 0.0005 * u + sigma * np.sqrt(today.value / 1e6) * abs(u) ** 1.5,
    )
    assert "paid by every holding alike" in "\n".join(today.reasons())
    lots = asked("fix-mix", HELD["with cash"], lot=1, cash=True)
    adds_up(lots, lambda u: 0.003 * np.abs(u))
    assert lots.lots is not None
    assert lots.value * lots.cash[1] == pytest.approx(lots.lots.cash, abs=1e-6)
    text = "\n".join(lots.reasons())
    assert "paid from cash" in text
    assert f"20.00% (20,000.00) before, {lots.cash[1] / (1 - lots.costs.sum()):.2%}" in text


def test_the_weights_after_it_are_those_the_backtest_holds():
    market, costs = prices(), 0.003
    ran = pf.simulate(market, FixMix(), costs, start=41, holdings=np.array([0.5, 0.3, 0.0]))
    today = pf.trades_today(
        market.iloc[:42], {"A": 0.5, "B": 0.3, "cash": 0.2}, "fix-mix", costs=costs, window=40
    )
    assert today.wanted == pytest.approx(ran.weights[0], abs=1e-12)
    assert today.costs.sum() == pytest.approx(ran.costs[0], rel=costs)  # of trades as much smaller


def test_costs_above_the_portfolio_are_refused():
    dear = SpreadAndImpact(0.001, 900.0, 1.0, memory=20)
    with pytest.raises(pf.BadData, match="nothing is left of it"):
        asked("fix-mix", HELD["without cash"], costs=dear)
