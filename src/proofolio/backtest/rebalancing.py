"""On which days a portfolio is traded."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from proofolio.backtest.market import Dates
from proofolio.errors import BadData

__all__ = ["Rebalance", "trading_days"]

Rebalance = Literal["daily", "weekly", "monthly"]


def trading_days(dates: Dates, rebalance: Rebalance) -> NDArray[np.bool_]:
    """Return for each date whether a trade is made at its close.

    Weekly and monthly trades are made on the first date of a week (Monday to Sunday) or month: whether a date is
    the last of its week only the next one tells, and that one is in the future.

    Examples
    --------
    >>> days = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-04"], dtype="datetime64[D]")
    >>> trading_days(days, "monthly").tolist()
    [False, False, True, False]
    """
    if rebalance not in get_args(Rebalance):
        raise BadData(f"rebalance is {rebalance!r}; choose daily, weekly or monthly.")
    days = dates.astype("datetime64[D]")
    if rebalance == "daily":
        return np.ones(len(days), dtype=np.bool_)
    if rebalance == "weekly":
        number = (days.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday
    else:
        number = days.astype("datetime64[M]").astype(np.int64)
    first = np.zeros(len(days), dtype=np.bool_)
    first[1:] = number[1:] != number[:-1]
    return first
