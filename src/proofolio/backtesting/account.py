"""What a book is worth in money, and what it pays for shorts and for borrowed money."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["Account"]


@dataclass(frozen=True)
class Account:
    """The terms a portfolio is kept on.

    Parameters
    ----------
    value : float
        Money at the beginning, in the currency of the volumes that market impact follows.
    borrow : float
        A year, of what is sold short: 0.01 is 1 % (100 basis points).
    margin : float
        A year, above the risk-free rate, of money owed.
    """

    value: float = 1e6
    borrow: float = 0.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.value < math.inf:  # NaN fails too
            raise BadData(f"the portfolio's value is {self.value:g}; give the money it begins with, above 0.")
        for name, rate in (("borrow", self.borrow), ("margin", self.margin)):
            if not 0.0 <= rate < 10.0:
                raise BadData(f"{name} is {rate:g} a year; give a fraction from 0, 0.01 for one percent.")

    def charge(self, weights: Floats, cash: float, periods_per_year: float) -> float:
        """Return what one period costs beside trading, as a fraction of the portfolio when the period begins.

        Parameters
        ----------
        weights : (n,) array
            Held during the period.
        cash : float
            The rest; below zero it is owed, and what is charged here is the margin without the risk-free rate.
        periods_per_year : float
            Of the calendar: a rate of b a year is ``b / periods_per_year`` a period.
        """
        short = float(np.maximum(-weights, 0.0).sum())
        return (self.borrow * short + self.margin * max(-cash, 0.0)) / periods_per_year
