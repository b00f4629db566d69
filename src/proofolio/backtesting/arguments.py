"""What the public functions of a backtest are given: a sentence for each argument of a type that it cannot have."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from proofolio.backtesting.account import Account
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.errors import BadData, shown_value

__all__ = ["require_arguments", "require_flag"]


def _real(given: Any) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool | np.bool_)


def _whole(given: Any) -> bool:
    return isinstance(given, Integral) and not isinstance(given, bool | np.bool_)


def _text(given: Any) -> bool:
    return isinstance(given, str)


def _costs(given: Any) -> bool:
    # A table of pandas has an `at` too.
    return callable(getattr(given, "at", None)) and hasattr(given, "memory")


def _row(given: Any) -> bool:
    return _whole(given) or isinstance(given, str | datetime.date | np.datetime64)


def _pair(given: Any) -> bool:
    return isinstance(given, tuple | list) and len(given) == 2 and all(map(_whole, given))


def _span(given: Any) -> bool:
    return (
        isinstance(given, tuple | list) and len(given) == 2 and all(end is None or _row(end) for end in given)
    )


# An argument, whether it may be None, what it must be, and what a sentence asks for.
_WANTED: dict[str, tuple[bool, Callable[[Any], bool], str]] = {
    "account": (True, lambda given: isinstance(given, Account), "an Account, such as Account(value=1e6)"),
    "choose": (False, _text, "sharpe, return or calmar"),
    "cost_bps": (False, _real, "basis points of what is traded, a number like 10"),
    "costs": (
        True, lambda given: _real(given) or _costs(given),
        "a model of costs or a fraction of what is traded, or basis points of it as cost_bps=10",
    ),
    "folder": (True, lambda given: isinstance(given, str | os.PathLike), "the path of a folder"),
    "holdings_in": (True, _text, "weights, shares or money"),
    "jobs": (False, _whole, "the number of processes, 1 or more"),
    "lot": (True, _whole, "a whole number of shares, 1 or more"),
    "max_drawdown": (True, _real, "a fraction, 0.2 for a fall by 20 %"),
    "max_turnover": (True, _real, "a number a year, bought and sold"),
    "periods_per_year": (True, _real, "a positive number: 252 for trading days, 52 for weeks"),
    "plan": (True, lambda given: isinstance(given, ForecastPlan), "a ForecastPlan, or its options by name"),
    "progress": (True, callable, "a function of what, done and total"),
    "rebalance": (False, _text, "daily, weekly or monthly"),
    "risk_free": (
        False, lambda given: _real(given) or _text(given), "a yearly rate like 0.02, or the name of a column",
    ),
    "risk_free_as": (True, _text, "yearly-rate, period-rate or price"),
    "scheduler": (True, _text, "the address of a dask scheduler"),
    "smallest": (False, lambda given: _real(given) and 0.0 <= given < np.inf, "money, 0 or more"),
    "start": (True, _row, "a date like 2020-01-31, or a row"),
    "stop": (True, _row, "a date like 2020-01-31, or a row"),
    "test": (True, _span, 'first and last, like ("2010-01-01", "2014-12-31")'),
    "train": (True, _span, 'first and last, like ("2010-01-01", "2014-12-31")'),
    "value": (True, _real, "money, a number"),
    "walk_forward": (True, _pair, "periods to look back on and between choices, like (500, 60)"),
}  # fmt: skip


def require_arguments(**given: Any) -> None:
    """Refuse arguments of a type that they cannot have; their ranges are for those who use them.

    Raises
    ------
    BadData
        Naming the argument and what it may be.
    """
    for name, value in given.items():
        optional, fits, wanted = _WANTED[name]
        if not ((optional and value is None) or fits(value)):
            raise BadData(f"{name} is {shown_value(value)}; give {wanted}.")


def require_flag(name: str, given: Any) -> None:
    """Refuse what is neither True nor False.

    Raises
    ------
    BadData
    """
    if not isinstance(given, bool | np.bool_):
        raise BadData(f"{name} is {shown_value(given)}; give True or False.")
