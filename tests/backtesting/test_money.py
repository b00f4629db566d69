"""Money is kept: a tiny book followed in fractions, with cash, debt, shorts, costs and assets that end."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from proofolio.backtesting.account import Account
from proofolio.backtesting.costs import LinearCost, SpreadAndImpact
from proofolio.backtesting.policy import Decision
from proofolio.backtesting.simulator import simulate
from proofolio.errors import BadData, SolverFailure

F = Fraction
PERIODS = 252


@dataclass(frozen=True)
class Scripted:
    """Holds the weights written down for each close, of the assets of the day; None keeps what is held."""

    plan: tuple[tuple[float, ...] | None, ...]
    name: str = "scripted"
    cash: bool = True
    needs: str = field(default="nothing", init=False)
    horizon: int = field(default=1, init=False)

    def start(self, history):
        return self

    def decide(self, day, row, forecast, holdings):
        if self.plan[day] is None:
            raise SolverFailure("no answer")
        return Decision(np.array(self.plan[day])[: len(row)])


def book(returns, rates, plan, start, a, c, borrow, margin):
    """Money by asset and in cash, in fractions, from the rules as they are written in docs/backtest.md.

    At each close: trade to the weights, pay the cost out of everything in proportion; then the period: assets and cash
    earn, shorts and debt are charged out of everything in proportion, what ended is paid out.
    """
    n = len(returns[0])
    alive = [i for i in range(n) if returns[start - 1][i] is not None]
    money = [F(1, len(alive)) if i in alive else F(0) for i in range(n)]
    cash, totals, ended = F(0), [F(1)], []
    for t in range(start, len(returns)):
        total = sum(money) + cash
        alive = [i for i in range(n) if returns[t - 1][i] is not None]
        if plan[t - 1] is not None:
            wanted = [F(0)] * n
            for i, w in zip(alive, plan[t - 1], strict=False):
                wanted[i] = F(w)
            trade = [wanted[i] * total - money[i] for i in range(n)]
            cost = sum(a[i] * abs(u) + c[i] * u for i, u in enumerate(trade))
            total -= cost
            money = [w * total for w in wanted]
            cash = total - sum(money)
        charge = (borrow * sum(max(-m, F(0)) for m in money) + margin * max(-cash, F(0))) / PERIODS
        grown = [m * (1 + (returns[t][i] or F(0))) for i, m in enumerate(money)]
        cash *= 1 + rates[t]
        for i in range(n):
            if returns[t][i] is None and grown[i]:
                cash += grown[i]
                ended.append((t, i, grown[i]))
                grown[i] = F(0)
        before = sum(grown) + cash
        keep = (before - charge) / before
        money, cash = [g * keep for g in grown], cash * keep
        totals.append(sum(money) + cash)
    return totals, ended


def halves(values):
    return [[None if v is None else F(v) for v in row] for row in values]


# Powers of two, so that floats say the same as fractions.
RETURNS = halves(
    [
        ["1/64", "-1/128", None],
        ["-1/32", "1/64", None],
        ["1/16", "1/128", "1/32"],
        ["1/32", "-1/64", "-1/16"],
        ["-1/64", "1/32", "1/64"],
        ["1/128", None, "1/32"],
        ["1/64", None, "-1/64"],
        ["-1/32", None, "1/128"],
    ]
)
RATES = [F(k, 4096) for k in (1, 2, 3, 1, 4, 2, 0, 1)]
PLANS = {
    "long with cash": ((0.5, 0.25, 0.125),) * 8,
    "long, traded twice": (None, (0.5, 0.25, 0.125), None, None, None, None, (0.25, 0.25, 0.25), None),
    "short, traded once": ((1.5, -0.75, 0.5), *(None,) * 7),
    "in debt": ((0.75, 0.5, 0.25),) * 8,
    "short": ((1.0, -0.5, 0.25), (0.25, 0.5, 0.25), (1.0, -0.5, -0.25), (-0.5, 1.0, 0.25)) * 2,
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize(("borrow", "margin"), [(F(0), F(0)), (F(1, 64), F(1, 32))])
def test_wealth_is_that_of_a_book_in_fractions(market_of, name, borrow, margin):
    plan = PLANS[name]
    floats = [[np.nan if v is None else float(v) for v in row] for row in RETURNS]
    market = market_of(np.array(floats))
    object.__setattr__(market, "risk_free", np.array([float(r) for r in RATES]))
    a, c = [F(1, 1024), F(1, 512), F(1, 256)], [F(1, 2048), F(0), F(-1, 256)]
    costs = SpreadAndImpact(tuple(map(float, a)), asymmetry=tuple(map(float, c)))
    run = simulate(market, Scripted(plan), costs, start=1, account=Account(1e6, float(borrow), float(margin)))
    expected, ended = book(RETURNS, RATES, plan, 1, a, c, borrow, margin)
    assert run.wealth == pytest.approx([float(v) for v in expected], rel=1e-13)
    # the money of B, which has no price from row 5 on, was paid out once
    assert [(t, i) for t, i, _ in ended] == [(5, 1)]
    assert np.argwhere(run.paid_out).tolist() == [[4, 1]]
    assert run.weights.sum(axis=1) + run.cash == pytest.approx(np.ones(7), abs=1e-15)
    # and what is earned, charged and paid is all that changes wealth
    worth = np.diff(run.wealth)
    parts = run.wealth[:-1] * (-run.costs + (1 - run.costs) * (run.gross - run.charges))
    assert worth == pytest.approx(parts, abs=1e-15)


def test_cash_earns_the_rate_and_costs_nothing_to_trade(market_of, two_regimes):
    market = market_of(two_regimes(60), 0.05)
    nothing = Scripted(((0.0,) * 4,) * 60)
    run = simulate(market, nothing, LinearCost(0.001), start=10)
    assert run.costs[0] == pytest.approx(0.001)  # 1/n is sold once
    assert not run.costs[1:].any()
    assert run.cash == pytest.approx(np.ones(50))
    assert run.wealth[-1] == pytest.approx(0.999 * np.prod(1 + market.risk_free[10:]), rel=1e-14)


def test_debt_and_shorts_by_hand(market_of):
    market = market_of(np.array([[0.01, -0.01], [0.02, -0.02], [0.03, 0.01]]), 0.0)
    account = Account(1e6, borrow=0.0252, margin=0.0504)
    run = simulate(market, Scripted(((2.0, -0.5), (2.0, -0.5), (2.0, -0.5))), 0.0, start=1, account=account)
    # 0.5 is short and 0.5 is owed: 0.5 (0.0252 + 0.0504) / 252 a period
    assert run.charges == pytest.approx([1.5e-4, 1.5e-4])
    assert run.returns == pytest.approx([0.04 + 0.01 - 1.5e-4, 0.06 - 0.005 - 1.5e-4])
    assert simulate(market, Scripted(((2.0, -0.5),) * 3), 0.0, start=1).charges.tolist() == [0.0, 0.0]


def test_a_strategy_without_cash_must_hold_all_of_it(market_of, two_regimes):
    market = market_of(two_regimes(20))
    with pytest.raises(BadData, match=r"scripted on .*weights that add to 1"):
        simulate(market, Scripted(((0.2,) * 4,) * 20, cash=False), start=5)
    with pytest.raises(BadData, match="of which the rest is cash"):
        simulate(market, Scripted(((np.nan,) * 4,) * 20), start=5)


def test_a_book_a_hundred_times_as_large_pays_ten_times_the_impact(market, momentum):
    """Impact follows the square root of the value: 2e9 is not charged like 2e7."""
    costs = SpreadAndImpact(0.0, 1.0, (1e8, 2e8, 3e8, 4e8), memory=20)
    small, large = (
        simulate(market, momentum, costs, start=50, stop=51, account=Account(value)) for value in (2e7, 2e9)
    )
    assert large.costs[0] == pytest.approx(10 * small.costs[0], rel=1e-12)
    sigma = market.returns[30:50].std(axis=0, ddof=1)
    volume = np.array([1e8, 2e8, 3e8, 4e8])
    size = np.abs(small.trades[0])
    assert small.costs[0] == pytest.approx((sigma * size**1.5 * np.sqrt(2e7 / volume)).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0.0,), "value is 0"), ((1.0, -0.1), "borrow is -0.1"), ((1.0, 0.0, np.nan), "margin is nan")],
)
def test_terms_that_cannot_be_meant_are_refused(arguments, words):
    with pytest.raises(BadData, match=words):
        Account(*arguments)
