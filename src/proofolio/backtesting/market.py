"""The numbers a backtest runs on: dates, names, returns and the risk-free rate, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Mask
from proofolio.backtesting.risk_free import RiskFreeAs, column_rate, require_plausible, yearly_rate
from proofolio.errors import BadData, did_you_mean
from proofolio.forecasts.calendars import DAILY, Calendar, calendar_of
from proofolio.forecasts.prices import simple_returns
from proofolio.forecasts.suspicions import data_warnings
from proofolio.forecasts.tables import Table, one_field, sound_prices, sound_rates, sound_returns

__all__ = ["Dates", "Market", "market_of", "require_wide"]


Dates = NDArray[np.datetime64]
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Market:
    """Simple returns per period of n assets and of the risk-free asset; the arrays are read-only.

    Assets may begin and end inside the table: before its second price and after its last one an asset's return is
    NaN, and nowhere in between.

    Parameters
    ----------
    dates : (T,) array of datetime64[D]
    names : tuple of str
        The n assets.
    returns : (T, n) array
        Row t holds what was earned from the close before ``dates[t]`` to the close of ``dates[t]``.
    risk_free : (T,) array
        A period.
    calendar : Calendar
        What a period is, and how many a year has.
    warnings : tuple of str
        What in the table is to be doubted, in sentences.
    last_prices : (n,) array, optional
        At the last date, where the table had prices; NaN where an asset has ended.
    """

    dates: Dates
    names: tuple[str, ...]
    returns: Floats
    risk_free: Floats
    calendar: Calendar = DAILY
    warnings: tuple[str, ...] = ()
    last_prices: Floats | None = None

    @classmethod
    def from_returns(
        cls,
        frame: pd.DataFrame,
        risk_free: str | float = 0.0,
        *,
        risk_free_as: RiskFreeAs | None = None,
        periods_per_year: float | None = None,
        where: str = "returns",
        minimum_rows: int = 2,
    ) -> Market:
        """Return the market in a table of simple returns.

        Parameters
        ----------
        frame : (T, n) DataFrame
            By date, oldest first.
        risk_free : str or float
            A column, which is then no asset, or a yearly rate r, charged as ``(1 + r)^(1/P) - 1`` a period, of which
            a year has P.
        risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
            What the column holds, each value for its own row; by default what the table holds: rates a period in a
            table of returns, prices in a table of prices.
        periods_per_year : float, optional
            P; by default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
        where : str
            What messages call the table.
        minimum_rows : int
            Fewer are refused.

        Raises
        ------
        BadData
            As `proofolio.forecasts.validate_returns`; when `risk_free` is no column and no rate, or no rate that could
            be; or when the dates follow no calendar.
        """
        return cls.from_table(
            Table(frame),
            risk_free,
            are_returns=True,
            risk_free_as=risk_free_as,
            periods_per_year=periods_per_year,
            where=where,
            minimum_rows=minimum_rows,
        )

    @classmethod
    def from_prices(
        cls,
        frame: pd.DataFrame,
        risk_free: str | float = 0.0,
        *,
        risk_free_as: RiskFreeAs | None = None,
        periods_per_year: float | None = None,
        where: str = "prices",
    ) -> Market:
        """Return the market in a table of prices, one row fewer; see `from_returns`."""
        return cls.from_table(
            Table(frame), risk_free, risk_free_as=risk_free_as, periods_per_year=periods_per_year, where=where
        )

    @classmethod
    def from_table(
        cls,
        table: Table,
        risk_free: str | float = 0.0,
        *,
        are_returns: bool = False,
        risk_free_as: RiskFreeAs | None = None,
        periods_per_year: float | None = None,
        where: str = "table",
        minimum_rows: int = 2,
    ) -> Market:
        """Return the market in a table as it was read; see `from_returns`."""
        if isinstance(table.frame.columns, pd.MultiIndex):
            table = one_field(table.frame, table.lines, where)
        column = risk_free if isinstance(risk_free, str) else None
        assets = table if column is None else _without(table, column, where)
        sound = sound_returns if are_returns else sound_prices
        frame = sound(assets, where, minimum_rows if are_returns else minimum_rows + 1, 1)
        dates = pd.DatetimeIndex(frame.index)
        calendar = calendar_of(dates, periods_per_year, where)
        returns = frame if are_returns else simple_returns(frame)
        # A table of prices has one row before its first return.
        before = len(frame) - len(returns)
        doubts = list(table.notes)
        if periods_per_year is not None:
            doubts += _other_calendar(dates, calendar, where)
        doubts += data_warnings(returns, dates, calendar, where)
        what = f"{where}: the risk-free " + ("rate" if column is None else f"column {column!r}")
        if not isinstance(risk_free, str):
            rate = yearly_rate(risk_free, calendar, len(returns))
        else:
            values = sound_rates(table, risk_free, dates, where)
            kind = risk_free_as or ("period-rate" if are_returns else "price")
            rate = column_rate(values, dates, kind, calendar, before, what, said=risk_free_as is not None)
        require_plausible(rate, returns.to_numpy(dtype=np.float64), calendar, what)
        return cls(
            dates=_frozen(returns.index.to_numpy().astype("datetime64[D]")),
            names=tuple(str(name) for name in returns.columns),
            returns=_frozen(np.ascontiguousarray(returns.to_numpy(dtype=np.float64))),
            risk_free=_frozen(rate),
            calendar=calendar,
            warnings=tuple(doubts),
            last_prices=None if are_returns else _frozen(frame.to_numpy(dtype=np.float64)[-1]),
        )

    def column(self, name: str) -> int:
        """Return the number of an asset.

        Raises
        ------
        BadData
            When there is none of this name; the message lists those there are.
        """
        if name not in self.names:
            raise BadData(
                f"there is no asset {name!r}{did_you_mean(name, self.names)}; the assets are {', '.join(self.names)}."
            )
        return self.names.index(name)

    @property
    def complete(self) -> bool:
        """Whether every asset has a return in every period."""
        return not np.isnan(self.returns).any()

    def universe(self, row: int, window: int = 1) -> Mask:
        """Return which assets can be decided on at the close of a row.

        They have a price at this close and returns in the last `window` rows: nothing later is looked at.
        """
        found: Mask = self._unbroken[row] >= window
        return found

    @cached_property
    def _unbroken(self) -> Integers:
        """How many returns without a gap an asset has had up to each row, (T, n)."""
        rows = np.arange(1, len(self.returns) + 1)[:, None]
        gaps = np.where(np.isfinite(self.returns), 0, rows)
        return np.asarray(rows - np.maximum.accumulate(gaps, axis=0))

    def of(self, members: Mask) -> Market:
        """Return the market of some of the assets; the rows stay."""
        if members.all():
            return self
        names = tuple(name for name, member in zip(self.names, members, strict=True) if member)
        prices = None if self.last_prices is None else self.last_prices[members]
        returns = _frozen(self.returns[:, members])
        return replace(self, names=names, returns=returns, last_prices=prices)

    def history(self, stop: int) -> Floats:
        """Return a copy of the returns before row `stop`, from where every asset has begun: no NaN, oldest first."""
        rows = self.returns[:stop]
        known = np.logical_and.reduce(np.isfinite(rows), axis=1)
        return rows[stop - int(np.argmin(np.append(known[::-1], False))) :].copy()

    def row(self, date: str) -> int:
        """Return the first row on or after a date; `len(dates)` when all are before it."""
        return int(np.searchsorted(self.dates, _day(date)))

    def first_row(self, given: int | str | None, otherwise: int) -> int:
        """Return a first row: as given, or the first one on or after a date."""
        if given is None or isinstance(given, int | np.integer):
            return otherwise if given is None else int(given)
        return int(np.searchsorted(self.dates, _day(given)))

    def stop_row(self, given: int | str | None, otherwise: int) -> int:
        """Return the row after the last: as given, or the first one after a date."""
        if given is None or isinstance(given, int | np.integer):
            return otherwise if given is None else int(given)
        return int(np.searchsorted(self.dates, _day(given), side="right"))

    def since(self, first: int) -> Market:
        """Return the market from row `first` on."""
        return replace(
            self, dates=self.dates[first:], returns=self.returns[first:], risk_free=self.risk_free[first:]
        )

    def until(self, stop: int) -> Market:
        """Return the market as it was known before row `stop`."""
        last = self.last_prices if stop >= len(self.dates) else None
        return replace(
            self,
            dates=self.dates[:stop],
            returns=self.returns[:stop],
            risk_free=self.risk_free[:stop],
            last_prices=last,
        )


def _day(given: Any) -> np.datetime64:
    """Return a date given as text like 2020-01-31, as a date or as a time stamp, as numpy's."""
    try:
        day = pd.to_datetime(given, format="%Y-%m-%d") if isinstance(given, str) else pd.Timestamp(given)
        return np.datetime64(day.date(), "D")
    except (TypeError, ValueError, AttributeError):
        raise BadData(f"the date is {given!r}; give one like 2020-01-31.") from None


def market_of(
    data: Market | pd.DataFrame,
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
) -> Market:
    """Return a market as it is, or the one in a table of prices; the options as for `Market.from_returns`."""
    if isinstance(data, Market):
        return data
    require_wide(data)
    return Market.from_prices(data, risk_free, risk_free_as=risk_free_as, periods_per_year=periods_per_year)


def require_wide(data: object) -> None:
    """Refuse what is no wide table of prices: a Series, an array, a table with its dates in the columns.

    Raises
    ------
    BadData
        Which of them it is, and what to do.
    """
    if isinstance(data, pd.Series):
        raise BadData(
            "prices are a Series, one column; give a DataFrame by date with a column an asset, such as "
            "prices.to_frame()."
        )
    if not isinstance(data, pd.DataFrame):
        raise BadData(
            f"prices are a {type(data).__name__} without dates and names; give a DataFrame: "
            "pd.DataFrame(prices, index=dates, columns=names), or read a file with pf.read_prices."
        )
    if not isinstance(data.index, pd.DatetimeIndex) and len(data.columns) > 1:
        names = pd.Series([str(name) for name in data.columns])
        if pd.to_datetime(names, errors="coerce", format="ISO8601").notna().all():
            raise BadData(
                "prices have their dates in the columns; turn the table, prices.T, so that each row is a date."
            )


def _without(table: Table, column: str, where: str) -> Table:
    """Return the table without its risk-free column."""
    names = [str(name) for name in table.frame.columns]
    if column not in names:
        raise BadData(
            f"{where}: the risk-free rate is {column!r}, which is no number and no column; give a yearly "
            f"rate like 0.02 or one of {', '.join(names)}."
        )
    if names.count(column) > 1:
        raise BadData(
            f"{where}: {names.count(column)} columns are named {column!r}; rename or drop all but one."
        )
    if len(names) < 2:
        raise BadData(f"{where}: {column!r} is the only column; give an asset beside the risk-free rate.")
    return replace(table, frame=table.frame.iloc[:, [i for i, name in enumerate(names) if name != column]])


def _other_calendar(dates: pd.DatetimeIndex, given: Calendar, where: str) -> list[str]:
    """Return the doubt about a number of periods a year that is far from what the dates show."""
    try:
        seen = calendar_of(dates)
    except BadData:
        return []
    if 0.8 < seen.periods_per_year / given.periods_per_year < 1.25:
        return []
    return [
        f"{where}: the dates look {seen}, and {given.periods_per_year:g} periods a year are counted, as given."
    ]


def _frozen(array: NDArray[_Kind]) -> NDArray[_Kind]:
    array = array.copy()
    array.setflags(write=False)
    return array
