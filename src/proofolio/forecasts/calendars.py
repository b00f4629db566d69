"""How many periods a year has: the calendar that the dates of a table follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

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
        ``daily``, ``six days a week``, ``every day``, ``weekly``, ``every two weeks``, ``twice a month``,
        ``every four weeks``, ``monthly``, ``quarterly``, ``half-yearly``, ``yearly``, or ``as given``.
    periods_per_year : float
        P; a variance a period times P is one a year.
    period : str
        What one row is called: ``day``, ``week``, ..., ``period``.
    doubt : str
        Where the table has not so many rows a year, a sentence that says so.
    """

    name: str
    periods_per_year: float
    period: str = "period"
    doubt: str = field(default="", compare=False)

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
SIX_DAYS = Calendar("six days a week", 313, "day")  # Monday to Saturday, or currencies from Sunday to Friday

# A step in days, how far the usual one may be from it, and any that still belongs to it: the last trading days of two
# months are 27 to 35 days apart, and holidays stretch a week or a quarter by a few days.
_KNOWN = (
    (Calendar("every day", 365, "day"), 1.0, 0.5, 1),
    (Calendar("weekly", 52, "week"), 7.0, 1.0, 3),
    (Calendar("every two weeks", 26, "period"), 14.0, 1.0, 3),
    (Calendar("twice a month", 24, "period"), 15.2, 1.5, 4),
    (Calendar("monthly", 12, "month"), 30.4, 2.5, 5),
    (Calendar("every four weeks", 13, "period"), 28.0, 0.5, 3),
    (Calendar("quarterly", 4, "quarter"), 91.3, 3.0, 7),
    (Calendar("half-yearly", 2, "half-year"), 182.6, 4.0, 8),
    (Calendar("yearly", 1, "year"), 365.2, 4.0, 10),
)
# Of the steps, so many follow the calendar; the rest may be gaps. A table that is monthly first and daily later
# would be wrong by a factor of 21 in one of its parts.
_FOLLOWING = 0.9
# Apart from gaps, so much may the rows a year differ from P before that is said, and before it is refused: exchanges
# are open on 243 to 253 days, and the days that two of them share may be 235. So few rows too many or missing are the
# holidays of a short table.
_RATE_SAID, _RATE_REFUSED, _FEW = 0.05, 0.10, 5
_YEAR = 365.25  # days


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
    if _weekdays_only(dates) and np.median(weekdays := _weekdays_between(dates)) <= 1.0:
        fitting = weekdays <= 3  # two holidays in a row and a weekend
        years = float(weekdays[fitting].sum()) * 7.0 / 5.0 / _YEAR
        return _checked(
            {DAILY: fitting, SIX_DAYS: fitting}, {DAILY: years, SIX_DAYS: years}, steps, dates, where
        )
    near = {
        calendar: np.abs(steps - days) <= far
        for calendar, days, close, far in _KNOWN
        if abs(usual - days) <= close
    }
    if near:
        years_of = {calendar: float(steps[fitting].sum()) / _YEAR for calendar, fitting in near.items()}
        return _checked(near, years_of, steps, dates, where)
    raise BadData(
        f"{where}: from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d} the dates are usually {usual:g} days apart, "
        "which is neither daily, weekly, monthly, quarterly nor yearly; say how many there are in a year "
        "(--periods-per-year N, periods_per_year=N)."
    )


def calendar_steps(calendar: Calendar, dates: pd.DatetimeIndex) -> Floats:
    """Return (T - 1,) steps between dates in usual steps: 1 from a Friday to a Monday of a daily table."""
    if len(dates) < 2:
        return np.empty(0)
    if calendar in (DAILY, SIX_DAYS):
        return _weekdays_between(dates)
    steps = _days_between(dates)
    usual = next((days for known, days, *_ in _KNOWN if known.name == calendar.name), float(np.median(steps)))
    if calendar.name == "as given" and _weekdays_only(dates) and np.median(_weekdays_between(dates)) <= 1.0:
        return _weekdays_between(dates)
    found: Floats = steps / usual
    return found


def _checked(
    near: dict[Calendar, Mask],
    years: dict[Calendar, float],
    steps: Floats,
    dates: pd.DatetimeIndex,
    where: str,
) -> Calendar:
    """Return the calendar whose rows a year are nearest to those there are, once the steps that fit it prove it.

    Parameters
    ----------
    near : dict
        Calendars with the usual step of the table, and which steps are theirs; the others are gaps.
    years : dict
        How long the steps that fit a calendar are together.
    """
    rows = {calendar: int(fitting.sum()) for calendar, fitting in near.items()}

    def off(calendar: Calendar) -> float:
        """Return how many rows there are beyond those that a calendar has in this time."""
        return rows[calendar] - calendar.periods_per_year * years[calendar]

    # Two months of four weeks follow one another every winter; a short table is what the first of them says.
    broken = {c: bool((~fits).sum() > max(1, (1.0 - _FOLLOWING) * len(fits))) for c, fits in near.items()}
    calendar = next(iter(near)) if len(steps) < _FEW else min(near, key=lambda c: (broken[c], abs(off(c))))
    fitting = near[calendar]
    if broken[calendar]:
        row = int(np.argmin(fitting))
        raise BadData(
            f"{where}: the dates follow no one calendar: {int(fitting.sum())} of {len(steps)} steps are "
            f"{calendar.name}, the others are not, the first from {dates[row]:%Y-%m-%d} to {dates[row + 1]:%Y-%m-%d} "
            f"({steps[row]:g} days); keep the dates of one calendar (--resample monthly), or say how many there are in "
            "a year (--periods-per-year N, periods_per_year=N)."
        )
    beyond, expected = off(calendar), calendar.periods_per_year * years[calendar]
    if abs(beyond) <= max(_FEW, _RATE_SAID * expected):
        return calendar
    a_year = round(rows[calendar] / years[calendar])
    sentence = (
        f"the dates look {calendar}, and apart from gaps there are {a_year} rows a year; figures a year are wrong by "
        f"that; {'add the rows that are missing' if beyond < 0 else 'drop the rows too many'}, or say how many there "
        f"are in a year (--periods-per-year {a_year}, periods_per_year={a_year})."
    )
    if abs(beyond) > _RATE_REFUSED * expected:
        raise BadData(f"{where}: {sentence}")
    return replace(calendar, doubt=sentence)


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
