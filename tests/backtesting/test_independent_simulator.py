"""Backtests against a second simulator, written by someone who had not read the first one."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.account import Account
from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.backtesting.simulator import Simulation

from tests.backtesting import independent_simulator as desk
from tests.backtesting.independent_simulator import Known, Ledger, Rule, Terms, Weights

NAMES = ("A", "B", "C", "D", "E", "F")
RELATIVE = 1e-10  # the agreement asked for
ABSOLUTE = 1e-13  # a trade is a difference of two weights: below this nothing but rounding is left


def table(rows: int = 150, *, seed: int = 3, ends: dict[str, tuple[int, int]] | None = None) -> pd.DataFrame:
    """Return daily prices of six assets; `ends` has the first and the last row of those that are not always there."""
    random = np.random.default_rng(seed)
    steps = 1 + random.normal(0.0004, 0.015, (rows, len(NAMES))) * [0.5, 1, 1, 1.5, 2, 1]
    prices = pd.DataFrame(
        100 * np.cumprod(steps, axis=0), index=pd.bdate_range("2021-01-05", periods=rows, name="date"), columns=NAMES
    )
    for name, (first, last) in (ends or {}).items():
        prices.loc[prices.index[:first], name] = np.nan
        prices.loc[prices.index[last + 1 :], name] = np.nan
    return prices


CHANGING = {"B": (0, 61), "C": (45, 149), "E": (70, 110), "F": (0, 109)}


def columns_of(prices: pd.DataFrame) -> dict[str, list[float | None]]:
    return {
        str(name): [None if np.isnan(price) else float(price) for price in prices[name]] for name in prices.columns
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
    calm = {name: 1 / statistics.stdev(row[i] for row in known.history[-20:]) for i, name in enumerate(known.assets)}
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
    return {
        name: held + 0.6 * (target[i] - held) for i, (name, held) in enumerate(known.holdings.items())
    }


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
        terms=Terms(each(0.001, 0.002, 0.0005, 0.003, 0.001, 0.0), each(0.0005, -0.001, 0.0, 0.003, -0.001, 0.0)),
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
            IMPACT.half_spread, each(0.0001, -0.0005, 0.0, 0.0005, 0.001, 0.0), IMPACT.impact, IMPACT.volume, 20, 3e7, 0.03, 0.01
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
    from proofolio.backtesting.market import market_of

    return pf.simulate(
        market_of(prices, case.rate),
        own(case.rule, cash=case.cash),
        costs_of(case.terms),
        start=str(prices.index[case.first].date()),
        rebalance=case.rebalance,
        window=case.window,
        holdings=None if case.holdings is None else np.array([case.holdings.get(name, 0.0) for name in NAMES]),
        account=Account(case.terms.value, case.terms.borrow, case.terms.margin),
    )


@pytest.mark.parametrize("name", CASES)
def test_simulate_agrees(name: str) -> None:
    case = CASES[name]
    prices = table(ends=case.ends)
    agree(by_product(case, prices), by_desk(case, prices))
