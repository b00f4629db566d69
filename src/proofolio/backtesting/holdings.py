"""What is held, in the unit in which it was said: weights, shares or money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.backtesting.market import Market
from proofolio.errors import BadData

__all__ = ["CASH", "Holdings", "Unit", "holdings_of"]


Unit = Literal["weights", "shares", "money"]

CASH = "cash"  # the name of what is held in no asset, where no asset is called so
WHOLE = 1e-6  # weights that add up to 1 within this are the whole portfolio


@dataclass(frozen=True)
class Holdings:
    """Amounts by asset.

    Parameters
    ----------
    unit : {"weights", "shares", "money"}
    amounts : mapping from asset to number
        Below 0 what is sold short; assets left out are not held.
    cash : float
        Money beside the assets, or its weight where the unit is weights; below 0 it is owed.
    where : str
        What messages call them.
    """

    unit: Unit
    amounts: Mapping[str, float]
    cash: float = 0.0
    where: str = field(default="holdings", compare=False)

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise BadData(f"{self.where} are in {self.unit!r}; say weights, shares or money.")
        for name, amount in (*self.amounts.items(), (CASH, self.cash)):
            if not math.isfinite(amount):
                raise BadData(f"{self.where}: the amount of {name!r} is {amount:g}; give a finite one.")
        total = sum(self.amounts.values()) + self.cash
        if not any((*self.amounts.values(), self.cash)):
            raise BadData(f"{self.where}: nothing is held; give one amount above 0.")
        if self.unit != "shares":  # what shares are worth is known with their prices
            self._require_worth(total)
        if not math.isfinite(total):
            raise BadData(
                f"{self.where}: the amounts add to more than a number can hold; give them in a larger unit."
            )

    def _require_worth(self, total: float) -> None:
        if not total > 0.0:
            raise BadData(
                f"{self.where}: what is held, sold short and owed adds up to {total:g}; a portfolio is worth "
                "more than 0."
            )

    def require_allowed(self, names: tuple[str, ...], lower: Sequence[float], least_cash: float) -> None:
        """Refuse shorts and debts that the rules do not allow.

        Parameters
        ----------
        names : tuple of str
            Assets of the market.
        lower : sequence of float
            The least weight of each; one below 0 allows to hold less than none of it, how much is not looked at,
            since weights drift.
        least_cash : float
            That of the cash.

        Raises
        ------
        BadData
            Naming the rule to give.
        """
        short = next(
            (n for n, low in zip(names, lower, strict=True) if low >= 0.0 > self.amounts.get(n, 0.0)), None
        )
        if short is not None:
            raise BadData(
                f"{self.where}: the amount of {short!r} is {self.amounts[short]:g}, which is sold short; correct it, "
                f"or allow shorts by rules for spo or mpo: weights.lower, or weights.assets.{short}.lower, below 0."
            )
        if self.cash < 0.0 and least_cash >= 0.0:
            raise BadData(
                f"{self.where}: the cash is {self.cash:g}, which is owed; correct it, or allow debts by rules for spo "
                "or mpo: exposure.cash = [low, high] with low below 0."
            )

    def with_cash(self) -> Holdings:
        """Return weights whose rest to 1 is cash; shares and money are as they are.

        Raises
        ------
        BadData
            When the weights add up to more than 1.
        """
        if self.unit != "weights":
            return self
        total = sum(self.amounts.values())
        if self.cash or total > 1.0:
            return self
        return Holdings(self.unit, self.amounts, 1.0 - total, self.where)

    def weigh(self, market: Market, value: float | None) -> tuple[Floats, float, float | None]:
        """Return the weights (n,), that of the cash, and the money of the whole, as far as it is known.

        Parameters
        ----------
        market : Market
        value : float or None
            Money of a portfolio given in weights.

        Raises
        ------
        BadData
            When an asset has no price, shares come without prices, weights do not add up to 1, or `value` says what
            the holdings say already.
        """
        last = len(market.dates) - 1
        held = np.zeros(len(market.names))
        for name, amount in self.amounts.items():
            held[market.column(name)] = amount
        gone = np.flatnonzero((held != 0) & ~np.isfinite(market.returns[last]))
        if gone.size:
            raise BadData(
                f"{self.where}: {market.names[gone[0]]} has no price on {market.dates[last]}, when the table ends; "
                "hold what it was paid out for as cash."
            )
        if self.unit == "weights":
            total = float(held.sum()) + self.cash
            if abs(total - 1.0) > WHOLE:
                rest = "say that the rest is cash" if total < 1.0 else "correct them"
                raise BadData(
                    f"{self.where}: the weights add up to {total:g}, not to 1; {rest}, or say that these are shares or "
                    "money."
                )
            return held / total, self.cash / total, value
        if value is not None:
            raise BadData(
                f"{self.where} are {self.unit} and say themselves what the portfolio is worth; leave the value out."
            )
        if self.unit == "shares":
            if market.last_prices is None:
                raise BadData(
                    f"{self.where} are shares, and a table of returns has no prices; give a table of prices, or money."
                )
            held = held * np.where(held != 0, market.last_prices, 0.0)
        money = float(held.sum()) + self.cash
        self._require_worth(money)
        return held / money, self.cash / money, money


def holdings_of(
    given: Holdings | Mapping[str, float] | pd.Series, unit: Unit | None, assets: tuple[str, ...]
) -> Holdings:
    """Return holdings as they are, or those of a mapping from asset to amount; `CASH` is the cash, if no asset is.

    Without a unit, amounts that add up to 1 are weights.

    Raises
    ------
    BadData
        When there is no unit and the amounts do not add up to 1.
    """
    if isinstance(given, Holdings):
        return given
    amounts = {str(name): float(amount) for name, amount in dict(given).items()}
    cash = 0.0 if CASH in assets else amounts.pop(CASH, 0.0)
    found = Holdings("weights" if unit is None else unit, amounts, cash)
    total = sum(amounts.values()) + cash
    if unit is None and abs(total - 1.0) > WHOLE:
        raise BadData(
            f"the holdings add up to {total:g}; say whether they are weights, shares or money, since they are no "
            "weights that add up to 1."
        )
    return found
