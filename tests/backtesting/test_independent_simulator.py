"""Backtests against a second simulator, written by someone who had not read the first one."""

from __future__ import annotations

import datetime
import statistics
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.backtesting.market import market_of
from proofolio.backtesting.simulator import Simulation
from proofolio.backtesting.strategies import BuyAndHold

from . import independent_simulator as desk
from .independent_simulator import Known, Ledger, Rule, Terms, Weights

NAMES = ("A", "B", "C", "D", "E", "F")
RELATIVE = 1e-10  # the agreement asked for
ABSOLUTE = 1e-13  # a trade is a difference of two weights: below this nothing but rounding is left


def table(rows: int = 150, *, seed: int = 3, ends: dict[str, tuple[int, int]] | None = None) -> pd.DataFrame:
    """Return daily prices of six assets; `ends` has the first and the last row of those that are not always there."""
    random = np.random.default_rng(seed)
    steps = 1 + random.normal(0.0004, 0.015, (rows, len(NAMES))) * [0.5, 1, 1, 1.5, 2, 1]
    prices = pd.DataFrame(
        100 * np.cumprod(steps, axis=0),
        index=pd.bdate_range("2021-01-05", periods=rows, name="date"),
        columns=NAMES,
    )
    for name, (first, last) in (ends or {}).items():
        prices.loc[prices.index[:first], name] = np.nan
        prices.loc[prices.index[last + 1 :], name] = np.nan
    return prices


CHANGING = {"B": (0, 61), "C": (45, 149), "E": (70, 110), "F": (0, 109)}


def columns_of(prices: pd.DataFrame) -> dict[str, list[float | None]]:
    return {
        str(name): [None if np.isnan(price) else float(price) for price in prices[name]]
        for name in prices.columns
    }


def dates_of(prices: pd.DataFrame) -> list[datetime.date]:
    return [stamp.date() for stamp in pd.DatetimeIndex(prices.index)]


def own(rule: Rule, *, cash: bool = False, window: int | None = None) -> Any:
    """Return the rule as a strategy of the product: the same function of what the product says is known."""

    def weigh(context: pf.DecisionContext) -> Weights:
        found = rule(
            Known(
                context.date.date(),
                context.returns.to_numpy().tolist(),
                {str(name): float(held) for name, held in context.holdings.items()},
            )
        )
        if found is None:
            raise pf.SolverFailure("no answer")
        return found

    return pf.strategy(weigh, name="rule", cash=cash, window=window)


def agree(run: Simulation, ledger: Ledger, names: tuple[str, ...] = NAMES) -> None:
    """Compare everything that both simulators say."""

    def wide(rows: list[Weights]) -> np.ndarray:
        return np.array([[float(row[name]) for name in names] for row in rows])

    def same(what: str, ours: np.ndarray, theirs: Any) -> None:
        np.testing.assert_allclose(
            ours, np.array(theirs, dtype=float), rtol=RELATIVE, atol=ABSOLUTE, err_msg=what
        )

    assert [day.astype(object) for day in run.dates] == ledger.dates
    same("weights", run.weights, wide(ledger.weights))
    same("cash", run.cash, ledger.cash)
    same("trades", run.trades, wide(ledger.trades))
    same("costs", run.costs, ledger.costs)
    same("interest", run.cash * run.risk_free, ledger.interest)
    same("gross", run.gross, ledger.gross)
    same("charges", run.charges, ledger.charges)
    same("paid out", run.paid_out, wide(ledger.paid_out))
    same("wealth", run.wealth, ledger.wealth)
    assert run.unanswered.tolist() == ledger.unanswered


# The rules. Each is given what is known at a close by one of the two simulators, and nothing else.


def fix_mix(known: Known) -> Weights:
    return {name: 1 / len(known.assets) for name in known.assets}


def all_in_d(known: Known) -> Weights:
    return {"D": 1.0}


def sixty_forty(known: Known) -> Weights:
    return {"A": 0.35, "B": 0.5}


def long_short(known: Known) -> Weights:
    """Hold the four calmest, pay for them with the two that fell most in 20 periods; they add to 1."""
    last = [sum(row[i] for row in known.history[-20:]) for i in range(len(known.assets))]
    fallen = sorted(range(len(last)), key=last.__getitem__)[:2]
    return {name: -0.25 if i in fallen else 1.5 / (len(last) - 2) for i, name in enumerate(known.assets)}


def leveraged(known: Known) -> Weights:
    """Owe more when it was calm."""
    mean = [statistics.fmean(row) for row in known.history[-15:]]
    lever = min(2.0, 0.012 / statistics.stdev(mean)) + 0.3
    return {name: lever / len(known.assets) for name in known.assets}


def momentum(known: Known) -> Weights:
    """Hold the half of what there is that rose most, in proportion."""
    rise = {name: sum(row[i] for row in known.history) for i, name in enumerate(known.assets)}
    best = sorted(known.assets, key=rise.__getitem__)[len(known.assets) // 2 :]
    total = sum(1 + rise[name] for name in best)
    return {name: (1 + rise[name]) / total for name in best}


def inverse_volatility(known: Known) -> Weights:
    calm = {
        name: 1 / statistics.stdev(row[i] for row in known.history[-20:])
        for i, name in enumerate(known.assets)
    }
    return {name: each / sum(calm.values()) for name, each in calm.items()}


def a_third_of_the_way(known: Known) -> Weights:
    """Trade a third of the way to 1/n of 90 %, from where the holdings are."""
    return {name: held + (0.9 / len(known.assets) - held) / 3 for name, held in known.holdings.items()}


def sometimes(known: Known) -> Weights | None:
    """Have no answer in some weeks, among them the first one."""
    return None if known.date.isocalendar()[1] % 3 == 0 else inverse_volatility(known)


def everything(known: Known) -> Weights | None:
    """Be short of what moved most, owe money, trade part of the way, and have no answer now and then."""
    if known.date.day in (3, 17):
        return None
    size = [statistics.stdev(row[i] for row in known.history[-12:]) for i in range(len(known.assets))]
    wild = max(range(len(size)), key=size.__getitem__)
    target = [-0.3 if i == wild else 1.5 / (len(size) - 1) for i in range(len(size))]
    return {name: held + 0.6 * (target[i] - held) for i, (name, held) in enumerate(known.holdings.items())}


@dataclass(frozen=True)
class Case:
    """A strategy of both simulators, and on what terms it is run."""

    rule: Rule
    first: int = 30  # row of the prices on which the first period traded ends
    rebalance: Any = "daily"
    window: int = 1
    cash: bool = False
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    rate: float = 0.0
    terms: Terms = field(default_factory=lambda: Terms(half_spread=dict.fromkeys(NAMES, 0.001)))
    holdings: Weights | None = None


def each(*numbers: float) -> dict[str, float]:
    return dict(zip(NAMES, numbers, strict=True))


ALL = dict.fromkeys
IMPACT = Terms(
    half_spread=each(0.0002, 0.0005, 0.0005, 0.001, 0.0015, 0.0005),
    impact=each(0.8, 1.0, 1.0, 1.2, 1.0, 0.9),
    volume=each(5e8, 1e8, 4e7, 2e7, 9e6, 6e7),
    value=4e7,
    memory=25,
)
CASES = {
    "fix-mix": Case(fix_mix, rebalance="weekly"),
    "buy and hold": Case(all_in_d),
    "60/40 with cash": Case(sixty_forty, rebalance="monthly", cash=True, rate=0.03),
    "long-short": Case(
        long_short, rebalance="weekly", terms=Terms(ALL(NAMES, 0.0005), borrow=0.035), rate=0.02
    ),
    "leveraged": Case(leveraged, cash=True, rate=0.04, terms=Terms(ALL(NAMES, 0.0008), margin=0.015)),
    "momentum, changing universe": Case(momentum, window=15, ends=CHANGING, rebalance="weekly", rate=0.03),
    "asymmetric costs": Case(
        inverse_volatility,
        terms=Terms(
            each(0.001, 0.002, 0.0005, 0.003, 0.001, 0.0), each(0.0005, -0.001, 0.0, 0.003, -0.001, 0.0)
        ),
    ),
    "impact": Case(inverse_volatility, terms=IMPACT),
    "part of the way": Case(a_third_of_the_way, cash=True, rate=0.025, rebalance="weekly"),
    "no answer on some days": Case(sometimes, window=20, ends=CHANGING, first=35, rate=0.05),
    "all of it": Case(
        everything,
        window=12,
        ends=CHANGING,
        cash=True,
        rate=0.04,
        rebalance="weekly",
        holdings={"A": 0.7, "B": -0.4, "D": 1.1},
        terms=Terms(
            IMPACT.half_spread,
            each(0.0001, -0.0005, 0.0, 0.0005, 0.001, 0.0),
            IMPACT.impact,
            IMPACT.volume,
            20,
            3e7,
            0.03,
            0.01,
        ),
    ),
}


def by_desk(case: Case, prices: pd.DataFrame, history: int | None = None) -> Ledger:
    return desk.simulate(
        dates_of(prices),
        columns_of(prices),
        [(1 + case.rate) ** (1 / 252) - 1] * len(prices),
        case.rule,
        case.terms,
        first=case.first,
        rebalance=case.rebalance,
        window=case.window,
        history=history,
        holdings=case.holdings,
    )


def costs_of(terms: Terms) -> SpreadAndImpact:
    def tuple_of(given: Any) -> tuple[float, ...]:
        return tuple(given.get(name, 0.0) for name in NAMES)

    return SpreadAndImpact(
        tuple_of(terms.half_spread),
        tuple_of(terms.impact),
        tuple_of(terms.volume) if terms.volume else (),
        tuple_of(terms.asymmetry),
        terms.memory,
    )


def by_product(case: Case, prices: pd.DataFrame) -> Simulation:
    return pf.simulate(
        market_of(prices, case.rate),
        own(case.rule, cash=case.cash),
        costs_of(case.terms),
        start=str(prices.index[case.first].date()),
        rebalance=case.rebalance,
        window=case.window,
        holdings=None
        if case.holdings is None
        else np.array([case.holdings.get(name, 0.0) for name in NAMES]),
        account=pf.Account(case.terms.value, case.terms.borrow, case.terms.margin),
    )


@pytest.mark.parametrize("name", CASES)
def test_simulate_agrees(name: str) -> None:
    case = CASES[name]
    prices = table(ends=case.ends)
    agree(by_product(case, prices), by_desk(case, prices))


WINDOW = 30
SHIPPED = [
    "buy-and-hold:D", "buy-and-hold:E", "fix-mix", "spo", "mpo", "spo-rp", "mpo-rp", "erc", "regime-erc",
    "spo-no-hmm", "mpo-no-hmm", "spo-rp-no-hmm", "mpo-rp-no-hmm", "erc-no-hmm",
]  # fmt: skip
LATE = {"C": (25, 89), "D": (0, 74), "E": (0, 64)}  # the regime assets, A and B, are always there


def as_it_traded(run: Simulation) -> Rule:
    """Return the rule that wants what a run held after its trades: its decisions are another test's."""
    wanted = {
        day: None if late else dict(zip(NAMES, map(float, row), strict=True))
        for day, row, late in zip(run.dates[:-1].tolist(), run.weights[1:], run.unanswered[1:], strict=True)
    }
    first = dict(zip(NAMES, map(float, run.weights[0]), strict=True))
    return lambda known: wanted.get(known.date, first)


def test_backtest_keeps_the_same_books_for_every_shipped_strategy() -> None:
    prices = table(90, ends=LATE)
    rates = np.random.default_rng(5).uniform(0.0, 3e-4, len(prices)).tolist()
    first = 45
    terms = Terms(IMPACT.half_spread, {}, IMPACT.impact, IMPACT.volume, 30, 2e7)
    found = pf.backtest(
        prices.assign(RATE=rates),
        [*SHIPPED, own(momentum)],
        start=str(prices.index[first].date()),
        risk_free="RATE",
        risk_free_as="period-rate",
        rebalance="weekly",
        costs=costs_of(terms),
        account=pf.Account(2e7),
        window=WINDOW,
        regime_assets=["A", "B"],
    )
    for name in found.names:
        run = found[name].simulation
        ledger = desk.simulate(
            dates_of(prices),
            columns_of(prices),
            rates,
            momentum if name == "rule" else as_it_traded(run),
            terms,
            first=first,
            rebalance="weekly",
            window=WINDOW,
            history=WINDOW,
        )
        agree(run, ledger)


def test_buy_and_hold_is_of_the_asset_it_names_whatever_the_universe_is() -> None:
    """E is in the universe of closes 45 to 64 only, D from the first one to 74, C from 55 on."""
    prices = table(90, ends=LATE)
    found = pf.backtest(
        prices, ["buy-and-hold:E", "buy-and-hold:D", "buy-and-hold:C"], start=str(prices.index[45].date()),
        window=WINDOW, cost_bps=0.0,
    )  # fmt: skip
    for name, rows in (("E", (45, 65)), ("D", (45, 75)), ("C", (56, 89))):
        run = found[f"buy-and-hold:{name}"]
        held = run.weights[name].to_numpy() == 1.0
        assert held.tolist() == [rows[0] <= row <= rows[1] for row in range(45, 90)]
        assert run.weights[name].to_numpy().tolist() == held.astype(float).tolist()
        owned = prices[name].ffill()
        wealth = run.wealth.to_numpy()[-90 + rows[0] - 1 :]
        assert wealth[-1] / wealth[0] == pytest.approx(owned.iloc[-1] / owned.iloc[rows[0] - 1], rel=RELATIVE)
        # no answer before it can be held, when 1/n of the others is kept, nor after it has ended
        assert run.unanswered.to_numpy().tolist() == (~held).tolist()
    with pytest.raises(pf.BadData, match=r"no asset 'Z'"):
        pf.simulate(prices, BuyAndHold("Z"))


def test_a_small_book_by_hand() -> None:
    """Three periods in fractions: short, owing, an asset that ends; worked out here line by line."""
    F = Fraction
    days = dates_of(table(5))
    prices = {"A": [F(100), F(110), F(121), F(121)], "B": [F(50), F(40), None, None]}
    terms = Terms(ALL("AB", F(1, 100)), value=F(1000), borrow=F(2, 10), margin=F(1, 10), periods_per_year=10)
    ledger = desk.simulate(
        days[:4],
        prices,
        [F(0), F(1, 100), F(1, 50), F(1, 20)],
        lambda known: {"A": F(3, 2), "B": F(-3, 4)} if "B" in known.assets else {"A": F(2)},
        terms,
        first=1,
        window=0,
    )
    # From 1/2 of each to 3/2 and -3/4 trades 9/4, and costs 9/400. Cash is 1/4, and earns 1/100 of it.
    gain = F(3, 2) / 10 + F(3, 4) / 5 + F(1, 400)
    charge = F(3, 4) * F(2, 100)
    one = (1 - F(9, 400)) * (1 + gain - charge)
    assert (ledger.costs[0], ledger.gross[0], ledger.charges[0]) == (F(9, 400), gain, charge)
    assert ledger.wealth[1] == one
    # The second trade, back to the same weights; then A rises by a tenth, and B ends: bought back at 40.
    held = [F(3, 2) * F(11, 10) / (1 + gain), F(-3, 4) * F(4, 5) / (1 + gain)]
    trade = [F(3, 2) - held[0], F(-3, 4) - held[1]]
    assert list(ledger.trades[1].values()) == trade
    again = F(3, 20) + F(1, 200)
    two = one * (1 - (abs(trade[0]) + abs(trade[1])) / 100) * (1 + again - charge)
    assert ledger.wealth[2] == two
    assert ledger.paid_out[1] == {"A": 0, "B": F(-3, 4)}
    # What was short is now owed: from A at 3/2 * 11/10 to 2, and 1 is owed at 1/20 and 1/100 more.
    last = F(2) - F(3, 2) * F(11, 10) / (1 + again)
    assert ledger.trades[2] == {"A": last, "B": 0}
    assert ledger.gross[2] == F(-1, 20)
    assert ledger.wealth[3] == two * (1 - last / 100) * (1 - F(1, 20) - F(1, 100))
