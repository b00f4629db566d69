"""A second simulator, of a desk that counts shares and money; written from the documented order of events alone.

The product keeps weights in arrays. Here a portfolio is a number of shares of each asset and an amount of cash, in
plain Python, with floats or with fractions. The only things shared with the product are the words of
`proofolio.simulate`, `SpreadAndImpact` and `Account`.
"""

from __future__ import annotations

import datetime
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Prices = Mapping[str, Sequence[Any]]  # by asset, a price a row; None where there is none
Weights = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What a rule is told at a close."""

    date: datetime.date
    history: list[list[float]]  # a row a period, oldest first; a number an asset
    holdings: Weights  # of the universe, drifted

    @property
    def assets(self) -> list[str]:
        """Names, in the order of the columns of the history."""
        return list(self.holdings)


Rule = Callable[[Known], Weights | None]  # None: no answer


@dataclass(frozen=True)
class Terms:
    """What is charged: of a trade by asset, and a year for shorts and for money owed."""

    half_spread: Mapping[str, Any] = field(default_factory=dict)
    asymmetry: Mapping[str, Any] = field(default_factory=dict)
    impact: Mapping[str, Any] = field(default_factory=dict)
    volume: Mapping[str, Any] = field(default_factory=dict)
    memory: int = 250
    value: Any = 1_000_000
    borrow: Any = 0
    margin: Any = 0
    periods_per_year: Any = 252


@dataclass
class Ledger:
    """What happened, a row a period: in fractions of the portfolio, but for the wealth."""

    dates: list[datetime.date] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    cash: list[Any] = field(default_factory=list)
    trades: list[Weights] = field(default_factory=list)
    costs: list[Any] = field(default_factory=list)
    gross: list[Any] = field(default_factory=list)
    interest: list[Any] = field(default_factory=list)
    charges: list[Any] = field(default_factory=list)
    paid_out: list[Weights] = field(default_factory=list)
    unanswered: list[bool] = field(default_factory=list)
    wealth: list[Any] = field(default_factory=lambda: [1])


def simulate(
    dates: Sequence[datetime.date],
    prices: Prices,
    rates: Sequence[Any],
    rule: Rule,
    terms: Terms,
    *,
    first: int,
    stop: int | None = None,
    rebalance: str = "daily",
    window: int = 1,
    history: int | None = None,
    holdings: Weights | None = None,
) -> Ledger:
    """Return the ledger of the periods that end on rows ``first`` to ``stop - 1`` of the prices.

    `rates` has what cash earns in the period that ends on each row, `window` how many returns an asset needs before
    the rule sees it, and `history` how many rows the rule is given at most.
    """
    ledger = Ledger()
    last = {name: _last_prices(column) for name, column in prices.items()}
    universe = _universe(prices, first - 1, window)
    start = holdings if holdings is not None else {name: _one(prices) / len(universe) for name in universe}
    shares = {name: start.get(name, 0) * terms.value / last[name][first - 1] for name in prices}
    cash = terms.value - sum(start.values()) * terms.value

    for row in range(first, len(dates) if stop is None else stop):
        # The close of row - 1: what is there, the decision, the trade, what it costs.
        now = row - 1
        money = {name: shares[name] * last[name][now] for name in prices}
        value = sum(money.values()) + cash
        held = {name: money[name] / value for name in prices}
        wanted: Weights | None = held
        answered = True
        if row == first or is_trading_day(dates, now, rebalance):
            universe = _universe(prices, now, window)
            past = _history(prices, universe, now, history)
            wanted = rule(Known(dates[now], past, {name: held[name] for name in universe}))
            answered = wanted is not None
        target = held if wanted is None else {name: wanted.get(name, 0) for name in prices}
        trade = {name: target[name] - held[name] for name in prices}
        cost = sum(_cost(prices, terms, name, trade[name], value, now) for name in prices)
        left = value * (1 - cost)
        shares = {name: target[name] * left / last[name][now] for name in prices}
        cash = left - sum(shares[name] * last[name][now] for name in prices)

        # The period: prices move, cash earns, those that lend shares and money are paid by the whole portfolio.
        ledger.dates.append(dates[row])
        ledger.weights.append(target)
        ledger.cash.append(cash / left)
        ledger.trades.append(trade)
        ledger.costs.append(cost)
        ledger.unanswered.append(not answered)
        short = sum(-shares[name] * last[name][now] for name in prices if shares[name] < 0)
        owed = max(-cash, 0)
        charge = (short * terms.borrow + owed * terms.margin) / terms.periods_per_year
        interest = cash * rates[row]
        cash += interest
        total = sum(shares[name] * last[name][row] for name in prices) + cash
        ledger.interest.append(interest / left)
        ledger.gross.append(total / left - 1)
        ledger.charges.append(charge / left)
        kept = (total - charge) / total
        shares = {name: shares[name] * kept for name in prices}
        cash *= kept

        # The close of row: assets without a price are paid out at their last one.
        ended = {name for name in prices if prices[name][row] is None and shares[name] != 0}
        ledger.paid_out.append({name: target[name] if name in ended else 0 for name in prices})
        for name in ended:
            cash += shares[name] * last[name][row]
            shares[name] = shares[name] * 0
        value = sum(shares[name] * last[name][row] for name in prices) + cash
        ledger.wealth.append(value / terms.value)
    return ledger


def _one(prices: Prices) -> Any:
    """Return a 1 of the kind the prices are of, so that 1/n is exact among fractions."""
    return next(type(price)(1) for column in prices.values() for price in column if price is not None)


def _last_prices(column: Sequence[Any]) -> list[Any]:
    """Return the last price on or before each row; 1 before the first one, when nothing can be held."""
    last: list[Any] = []
    for price in column:
        last.append(price if price is not None else last[-1] if last else 1)
    return last


def _universe(prices: Prices, row: int, window: int) -> list[str]:
    """Return the assets with a price now and at every one of the `window` closes before."""
    return [
        name
        for name, column in prices.items()
        if row >= window and all(price is not None for price in column[row - window : row + 1])
    ]


def _history(prices: Prices, names: Sequence[str], row: int, most: int | None) -> list[list[float]]:
    """Return the returns up to a row, from where all of the assets have begun."""

    def all_priced(t: int) -> bool:
        return all(prices[name][t] is not None and prices[name][t - 1] is not None for name in names)

    rows = [t for t in range(1, row + 1) if all_priced(t)]
    if most is not None:
        rows = rows[-most:]
    return [[prices[name][t] / prices[name][t - 1] - 1 for name in names] for t in rows]


def is_trading_day(dates: Sequence[datetime.date], row: int, rebalance: str) -> bool:
    """Return whether a row is the first one of its day, week or month."""
    if rebalance == "daily" or row == 0:
        return True
    today, before = dates[row], dates[row - 1]
    if rebalance == "weekly":
        return today.isocalendar()[:2] != before.isocalendar()[:2]
    return (today.year, today.month) != (before.year, before.month)


def _cost(prices: Prices, terms: Terms, name: str, trade: Any, value: Any, row: int) -> Any:
    """Return ``a |u| + b sigma sqrt(value / V) |u|^(3/2) + c u`` of one asset."""
    cost = terms.half_spread.get(name, 0) * abs(trade) + terms.asymmetry.get(name, 0) * trade
    impact = terms.impact.get(name, 0)
    if not impact or not trade:
        return cost
    column = prices[name]
    returns = [
        column[t] / column[t - 1] - 1
        for t in range(max(1, row + 1 - terms.memory), row + 1)
        if column[t] is not None and column[t - 1] is not None
    ]
    sigma = statistics.stdev(returns)
    return cost + impact * sigma * math.sqrt(value / terms.volume[name]) * abs(trade) ** 1.5
