"""The numbers a backtest runs on: dates, names, returns and the risk-free rate, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData, did_you_mean
from proofolio.forecasts.tables import Table, sound_prices, sound_returns

__all__ = [
    "PERIODS_PER_YEAR",
    "Dates",
    "Market",
    "market_of",
    "never_changes",
    "require_wide",
    "returns_of",
    "risk_free_per_day",
]


Dates = NDArray[np.datetime64]
_Kind = TypeVar("_Kind", bound=np.generic)

PERIODS_PER_YEAR = 252


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
        Per day.
    last_prices : (n,) array, optional
        At the last date, where the table had prices; NaN where an asset has ended.
    """

    dates: Dates
    names: tuple[str, ...]
    returns: Floats
    risk_free: Floats
    last_prices: Floats | None = None

    @classmethod
    def from_returns(
        cls,
        frame: pd.DataFrame,
        risk_free: str | float = 0.0,
        *,
        where: str = "returns",
        minimum_rows: int = 2,
    ) -> Market:
        """Return the market in a table of simple returns.

        Parameters
        ----------
        frame : (T, n) DataFrame
            By date, oldest first.
        risk_free : str or float
            A column, which is then no asset, or a yearly rate r, charged as ``(1 + r)^(1/252) - 1`` a day.
        where : str
            What messages call the table.
        minimum_rows : int
            Fewer are refused.

        Raises
        ------
        BadData
            As `proofolio.forecasts.validate_returns`, but that assets may begin late and end early; or when `risk_free`
            is no column and no rate.
        """
        if isinstance(risk_free, str) and never_changes(frame, risk_free):
            fixed = float(frame[risk_free].iloc[0])
            if not -0.5 < (1.0 + fixed) ** PERIODS_PER_YEAR - 1.0 < 1.0:
                raise BadData(
                    f"{where}: the risk-free rate in column {risk_free!r} is {fixed:g} on every day, and rates in a "
                    "column are a day; give a yearly one as a number, 0.02 for two percent."
                )
            frame = frame.drop(columns=risk_free)
            kept = sound_returns(Table(frame, None), where, minimum_rows, 1, may_end=True)
            rate = np.full(len(kept), fixed)
        else:
            frame = sound_returns(Table(frame, None), where, minimum_rows, 1, may_end=True)
            rate, kept = risk_free_per_day(frame, risk_free, where)
        if np.isnan(rate).any():
            raise BadData(
                f"{where}: the risk-free rate in column {risk_free!r} is missing at "
                f"{kept.index[int(np.argmax(np.isnan(rate)))]:%Y-%m-%d}; give one for every date."
            )
        return cls(
            dates=_frozen(kept.index.to_numpy().astype("datetime64[D]")),
            names=tuple(str(name) for name in kept.columns),
            returns=_frozen(np.ascontiguousarray(kept.to_numpy(dtype=np.float64))),
            risk_free=_frozen(rate),
        )

    @classmethod
    def from_prices(
        cls, frame: pd.DataFrame, risk_free: str | float = 0.0, *, where: str = "prices"
    ) -> Market:
        """Return the market in a table of prices, one row fewer; see `from_returns`.

        A risk-free column holds rates, not prices: each rate is earned on its own day.
        """
        column = [risk_free] if isinstance(risk_free, str) and risk_free in frame.columns else []
        prices = sound_prices(Table(frame.drop(columns=column), None), where, 3, 1, may_end=True)
        returns = returns_of(prices)
        for name in column:
            returns[name] = frame[name].iloc[1:].to_numpy()
        market = cls.from_returns(returns, risk_free, where=where)
        return replace(market, last_prices=_frozen(prices.to_numpy(dtype=np.float64)[-1]))

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
        rows = self.returns[max(0, row + 1 - window) : row + 1]
        found: Mask = np.logical_and.reduce(np.isfinite(rows), axis=0) & (row + 1 >= window)
        return found

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


def returns_of(prices: pd.DataFrame) -> pd.DataFrame:
    """Return simple returns of sound prices, one row fewer; NaN where one of the two prices is missing."""
    values = prices.to_numpy(dtype=np.float64)
    return pd.DataFrame(values[1:] / values[:-1] - 1.0, index=prices.index[1:], columns=prices.columns)


def _day(given: Any) -> np.datetime64:
    """Return a date given as text like 2020-01-31, as a date or as a time stamp, as numpy's."""
    try:
        day = pd.to_datetime(given, format="%Y-%m-%d") if isinstance(given, str) else pd.Timestamp(given)
        return np.datetime64(day.date(), "D")
    except (TypeError, ValueError, AttributeError):
        raise BadData(f"the date is {given!r}; give one like 2020-01-31.") from None


def market_of(data: Market | pd.DataFrame, risk_free: str | float = 0.0) -> Market:
    """Return a market as it is, or the one in a table of prices; `risk_free` as for `Market.from_returns`."""
    if isinstance(data, Market):
        return data
    require_wide(data)
    return Market.from_prices(data, risk_free)


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


def never_changes(frame: pd.DataFrame, column: str) -> bool:
    """Return whether a column beside others holds one finite number on every day: sound as a rate, not as an asset."""
    if list(frame.columns).count(column) != 1 or len(frame.columns) < 2 or len(frame) == 0:
        return False
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.isfinite(values[0]) and (values == values[0]).all())


def risk_free_per_day(
    frame: pd.DataFrame, risk_free: str | float, where: str = "returns"
) -> tuple[Floats, pd.DataFrame]:
    """Return the daily risk-free rate and the columns that remain as assets; see `Market.from_returns`."""
    if isinstance(risk_free, str):
        if risk_free not in frame.columns:
            raise BadData(
                f"{where}: the risk-free rate is {risk_free!r}, which is no number and no column; give a yearly "
                f"rate like 0.02 or one of {', '.join(str(c) for c in frame.columns)}."
            )
        if len(frame.columns) < 2:
            raise BadData(
                f"{where}: {risk_free!r} is the only column; give an asset beside the risk-free rate."
            )
        return np.array(frame[risk_free], dtype=np.float64), frame.drop(columns=risk_free)
    if not -0.5 < risk_free < 1.0:
        raise BadData(f"the risk-free rate is {risk_free:g} a year; give a decimal, 0.02 for two percent.")
    return np.full(len(frame), (1.0 + risk_free) ** (1.0 / PERIODS_PER_YEAR) - 1.0), frame


def _frozen(array: NDArray[_Kind]) -> NDArray[_Kind]:
    array = array.copy()
    array.setflags(write=False)
    return array
