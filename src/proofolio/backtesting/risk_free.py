"""The risk-free rate a period, from a yearly rate or from a column that is said to be what it is."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData
from proofolio.forecasts.calendars import Calendar

__all__ = ["RiskFreeAs", "column_rate", "require_plausible", "yearly_rate"]

RiskFreeAs = Literal["yearly-rate", "period-rate", "price"]

# What a risk-free asset earns a year and how much it varies, at most. The wide bounds hold for what the user has said
# himself; the narrow ones where a column is taken for what the table holds. A share varies by .15 or more.
WIDE, NARROW = (-0.5, 1.0), (-0.05, 0.15)
VOLATILITY = 0.05
# Percents are the usual mistake: 5.3 for .053.
LARGEST_YEARLY = 1.0
# Less is a rate that stands among prices.
LEAST_PRICE = 0.2
# What a bill is worth, or what one unit became in bills, grows from row to row; below this a column that in more than
# so many steps does not is one of rates in percents, such as a central bank sets.
LARGEST_PERCENT, STANDING = 20.0, 0.1
# A rate above that of most currencies is believed where assets earn it too: beside a high inflation they do.
HIGH, LEAST_SHARPE = 0.15, -1.0


def yearly_rate(rate: float, calendar: Calendar, count: int) -> Floats:
    """Return a yearly rate as `count` equal rates a period.

    Raises
    ------
    BadData
        When it is not between -0.5 and 1.
    """
    if not WIDE[0] < rate < WIDE[1]:  # NaN fails too
        raise BadData(f"the risk-free rate is {rate:g} a year; give a decimal, 0.02 for two percent.")
    return np.full(count, calendar.rate(rate))


def column_rate(
    values: Floats,
    dates: pd.DatetimeIndex,
    kind: RiskFreeAs,
    calendar: Calendar,
    before: int,
    what: str,
    *,
    said: bool,
) -> Floats:
    """Return the rates a period in a column.

    Parameters
    ----------
    values : (before + T,) array
    dates : (before + T,) DatetimeIndex
    kind : {"yearly-rate", "period-rate", "price"}
        A rate counts for its own row; a price for the period from the row before, the first one for none.
    calendar : Calendar
    before : int
        Rows before the first period: 1 in a table of prices, 0 in one of returns.
    what : str
        What messages call the column.
    said : bool
        Whether the user has said what the column holds.

    Raises
    ------
    BadData
        When a risk-free asset does not earn such rates; the message says what else the column may be.
    """
    if kind not in get_args(RiskFreeAs):
        raise BadData(f"risk_free_as is {kind!r}; choose yearly-rate, period-rate or price.")
    least, most = WIDE if said else NARROW
    if kind == "yearly-rate":
        bad = (values >= LARGEST_YEARLY) | (values <= WIDE[0])
        _refuse(values, bad, dates, what, "yearly rate", kind)
        return np.array((1.0 + values[before:]) ** (1.0 / calendar.periods_per_year) - 1.0)
    if kind == "price":
        bad = values < LEAST_PRICE
        _refuse(values, bad, dates, what, "price", kind)
        standing = float(np.mean(np.diff(values) <= 0.0)) if len(values) > 1 else 0.0
        if not said and float(np.max(values)) < LARGEST_PERCENT and standing > STANDING:
            raise BadData(
                f"{what} lies between {np.min(values):g} and {np.max(values):g} and does not rise in {standing:.0%} of "
                f"its steps, so it seems to hold rates in percents, and a price of cash rises; divide percents by 100 "
                "and say yearly-rate (--risk-free-as yearly-rate; in Python risk_free_as=), or say price if it is one."
            )
        rates = np.diff(values) / values[:-1]
        if before == 0:
            raise BadData(
                f"{what} holds prices in a table of returns, whose first row has no price before it; give a table of "
                "prices, or the returns of the risk-free asset as period-rate."
            )
    else:
        rates = values[before:]
    mean = calendar.yearly(float(np.mean(rates)))
    if not least < mean < most:
        raise BadData(
            f"{what}, read as {kind}, earns {_percent(mean)} a year, which no risk-free asset does; "
            f"{_advice(kind)}."
        )
    spread = float(np.std(rates)) * float(np.sqrt(calendar.periods_per_year))
    if spread > VOLATILITY:
        raise BadData(
            f"{what}, read as {kind}, varies by {_percent(spread)} a year, which no risk-free asset does; "
            f"{_advice(kind)}."
        )
    return np.array(rates, dtype=np.float64)


def require_plausible(rates: Floats, returns: Floats, calendar: Calendar, what: str) -> None:
    """Refuse a high rate beside which every asset of the table loses: percents, or yearly rates taken for others.

    Parameters
    ----------
    rates : (T,) array
        A period.
    returns : (T, n) array
        Of the assets, NaN where there is none.

    Raises
    ------
    BadData
    """
    mean = calendar.yearly(float(np.mean(rates)))
    if mean <= HIGH:
        return
    best = -np.inf
    for column in returns.T:
        excess = (column - rates)[np.isfinite(column)]
        if len(excess) < 2:
            continue
        spread = float(np.std(excess))
        sharpe = float(np.mean(excess)) / spread if spread > 0.0 else np.sign(float(np.mean(excess))) * np.inf
        best = max(best, sharpe * float(np.sqrt(calendar.periods_per_year)))
    if best < LEAST_SHARPE:
        raise BadData(
            f"{what} is {_percent(mean)} a year, beside which no asset of the table has a Sharpe ratio above "
            f"{best:.1f}; where it holds percents, divide them by 100, and where yearly rates were read as rates a "
            "period, say yearly-rate (--risk-free-as, in Python risk_free_as=)."
        )


def _refuse(
    values: Floats, bad: Mask, dates: pd.DatetimeIndex, what: str, called: str, kind: RiskFreeAs
) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise BadData(
            f"{what} is {values[row]:g} at {dates[row]:%Y-%m-%d}, which is no {called}; {_advice(kind)}."
        )


def _advice(kind: RiskFreeAs) -> str:
    others = " or ".join(f"--risk-free-as {other}" for other in get_args(RiskFreeAs) if other != kind)
    percents = "" if kind == "price" else ", divide percents by 100"
    return f"say what it holds ({others}; in Python risk_free_as=){percents}, or give a yearly rate like 0.02"


def _percent(value: float) -> str:
    return "more than 1000 %" if value > 10 else f"{100 * value:.3g} %"
