"""How many periods a year has: the calendar that the dates of a table follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import BadData

__all__ = ["DAILY", "Calendar", "calendar_of", "calendar_steps", "weekdays"]


@dataclass(frozen=True)
class Calendar:
    """What one row of a table is, and how many of them a year has.

    Attributes
    ----------
    name : str
        ``daily``, ``every day``, ``weekly``, ``every two weeks``, ``monthly``, ``quarterly``, ``half-yearly``,
        ``yearly``, or ``as given``.
    periods_per_year : float
        P; a variance a period times P is one a year.
    period : str
        What one row is called: ``day``, ``week``, ..., ``period``.
    """

    name: str
    periods_per_year: float
    period: str = "period"

    def __str__(self) -> str:
        """Return the name with its periods, ``weekly (52 a year)``."""
        return f"{self.name} ({self.periods_per_year:g} a year)"

    def document(self) -> dict[str, str | float]:
        """Return what ``--json`` prints."""
        return {"name": self.name, "periods_per_year": self.periods_per_year}

    def rate(self, yearly: float) -> float:
        """Return the rate a period that compounds to a yearly one, ``(1 + r)^(1/P) - 1``."""
        return float((1.0 + yearly) ** (1.0 / self.periods_per_year)) - 1.0

    def yearly(self, rate: float) -> float:
        """Return what a rate a period compounds to in a year, ``(1 + r)^P - 1``; infinite when no number holds it."""
        if rate <= -1.0:
            return -1.0
        exponent = self.periods_per_year * math.log1p(rate)
        return math.expm1(exponent) if exponent < 700.0 else math.inf

    def periods(self, years: float) -> int:
        """Return how many periods so many years have, 1 at least."""
        return max(1, round(years * self.periods_per_year))


DAILY = Calendar("daily", 252, "day")

# A step in days, how far the usual one may be from it, and any that still belongs to it: the last trading days of two
# months are 27 to 35 days apart, and holidays stretch a week or a quarter by a few days.
_KNOWN = (
    (Calendar("every day", 365, "day"), 1.0, 0.5, 1),
    (Calendar("weekly", 52, "week"), 7.0, 1.0, 3),
    (Calendar("every two weeks", 26, "period"), 14.0, 1.0, 3),
    (Calendar("monthly", 12, "month"), 30.4, 2.5, 5),
    (Calendar("quarterly", 4, "quarter"), 91.3, 3.0, 7),
    (Calendar("half-yearly", 2, "half-year"), 182.6, 4.0, 8),
    (Calendar("yearly", 1, "year"), 365.2, 4.0, 10),
)
# Of the steps, so many follow the calendar; the rest may be gaps. A table that is monthly first and daily later
# would be wrong by a factor of 21 in one of its parts.
_FOLLOWING = 0.9


def calendar_of(
    dates: pd.DatetimeIndex, periods_per_year: float | None = None, where: str = "the table"
) -> Calendar:
    """Return the calendar that dates follow: daily, every day, weekly, monthly, quarterly, ...

    Parameters
    ----------
    dates : DatetimeIndex
        Sorted, one row a day at most.
    periods_per_year : float, optional
        Overrides what the dates say.
    where : str
        What messages call the table.

    Raises
    ------
    BadData
        When the dates follow none, or `periods_per_year` is not a positive number.

    Examples
    --------
    >>> str(calendar_of(pd.date_range("2020-01-03", periods=9, freq="W-FRI")))
    'weekly (52 a year)'
    """
    if periods_per_year is not None:
        if not 0.0 < periods_per_year < math.inf:
            raise BadData(
                f"periods_per_year is {periods_per_year:g}; give a positive number: 252 for trading days, 52 for weeks."
            )
        return Calendar("as given", float(periods_per_year))
    if len(dates) < 2:
        return DAILY  # nothing can be annualised from one row
    steps = _days_between(dates)
    usual = float(np.median(steps))
    if _weekdays_only(dates):
        weekdays = _weekdays_between(dates)
        usual_weekdays = float(np.median(weekdays))
        if usual_weekdays <= 1.0:
            return _checked(DAILY, weekdays <= 3, steps, dates, where)  # two holidays in a row and a weekend
    for calendar, days, near, far in _KNOWN:
        if abs(usual - days) <= near:
            return _checked(calendar, np.abs(steps - days) <= far, steps, dates, where)
    raise BadData(
        f"{where}: from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d} the dates are usually {usual:g} days apart, "
        "which is neither daily, weekly, monthly, quarterly nor yearly; say how many there are in a year "
        "(--periods-per-year N, periods_per_year=N)."
    )


def calendar_steps(calendar: Calendar, dates: pd.DatetimeIndex) -> Floats:
    """Return (T - 1,) steps between dates in usual steps: 1 from a Friday to a Monday of a daily table."""
    if len(dates) < 2:
        return np.empty(0)
    if calendar.name == "daily":
        return _weekdays_between(dates)
    steps = _days_between(dates)
    usual = next((days for known, days, *_ in _KNOWN if known.name == calendar.name), float(np.median(steps)))
    if calendar.name == "as given" and _weekdays_only(dates) and np.median(_weekdays_between(dates)) <= 1.0:
        return _weekdays_between(dates)
    found: Floats = steps / usual
    return found


def _checked(
    calendar: Calendar, fitting: Mask, steps: Floats, dates: pd.DatetimeIndex, where: str
) -> Calendar:
    if (~fitting).sum() <= max(1, (1.0 - _FOLLOWING) * len(fitting)):
        return calendar
    row = int(np.argmin(fitting))
    raise BadData(
        f"{where}: the dates follow no one calendar: {int(fitting.sum())} of {len(steps)} steps are {calendar.name}, "
        f"the others are not, the first from {dates[row]:%Y-%m-%d} to {dates[row + 1]:%Y-%m-%d} ({steps[row]:g} days); "
        "keep the dates of one calendar (--resample monthly), or say how many there are in a year "
        "(--periods-per-year N, periods_per_year=N)."
    )


def weekdays(dates: pd.DatetimeIndex) -> Integers:
    """Return the number of each weekday, Monday being 0."""
    days = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    return (days + 3) % 7  # 1970-01-01 was a Thursday


def _days_between(dates: pd.DatetimeIndex) -> Floats:
    days = dates.to_numpy().astype("datetime64[D]")
    return np.diff(days).astype(np.float64)


def _weekdays_between(dates: pd.DatetimeIndex) -> Floats:
    days = dates.to_numpy().astype("datetime64[D]")
    found: Floats = np.busday_count(days[:-1], days[1:]).astype(np.float64)
    return found


def _weekdays_only(dates: pd.DatetimeIndex) -> bool:
    """Return whether Saturdays or Sundays are rare; a market that trades on Sundays still has no Saturdays."""
    weekday = weekdays(dates)
    usual = len(dates) / 7.0
    return bool(min((weekday == 5).sum(), (weekday == 6).sum()) < 0.5 * usual)
