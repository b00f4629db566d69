"""What is wrong with a table of prices or returns, in a sentence that says where."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import BadData
from proofolio.forecasts.cells import is_number
from proofolio.forecasts.suspicions import fat_finger

__all__ = [
    "Resample",
    "Table",
    "between",
    "from_where_all_have_begun",
    "is_missing",
    "one_field",
    "require_full_rows",
    "resampled",
    "sound_prices",
    "sound_rates",
    "sound_returns",
]

Resample = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read: numbers by date, for a text file the line of each row, and what was left aside in reading."""

    frame: pd.DataFrame
    lines: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()

    def without(self, column: str) -> Table:
        """Return the table without a column."""
        return replace(self, frame=self.frame.drop(columns=column))


def is_missing(cell: object) -> bool:
    """Return whether `cell` is None, NaN, NaT or pandas' NA."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


@dataclass(frozen=True, eq=False)
class _Place:
    """Names the cells of a table for a message."""

    names: tuple[str, ...]
    index: pd.Index
    lines: tuple[int, ...] | None

    def row(self, row: int) -> str:
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def date(self, row: int) -> str:
        return f"{_day(self.index[row])} ({self.row(row)})"

    def cell(self, row: int, column: int) -> str:
        return f"column {self.names[column]!r} at {self.date(row)}"


def between(missing: Mask) -> Mask:
    """Return which missing values lie between two others of their column: the rule for prices and returns everywhere.

    An asset may begin after the first row and end before the last one; what is missing in between is a gap.
    """
    begun = np.maximum.accumulate(~missing, axis=0)
    gaps: Mask = missing & begun & np.maximum.accumulate(~missing[::-1], axis=0)[::-1]
    return gaps


def require_full_rows(table: object, what: str) -> None:
    """Refuse a frame in which an asset begins after the first row or ends before the last one.

    For what needs every asset in every row. Anything but a frame, and gaps between values, are not looked at.

    Parameters
    ----------
    table : object
    what : str
        The plural that the message calls its values, such as "the returns".

    Raises
    ------
    BadData
        Naming the asset, where it begins or ends, and what to do.
    """
    if not isinstance(table, pd.DataFrame) or table.empty:
        return
    first = _first_rows(table, what)
    late = int(first.argmax())
    if first[late]:
        start = _day(table.index[first[late]])
        raise BadData(
            f"{what} of {table.columns[late]} begin on {start}, after the first row ({_day(table.index[0])}), and "
            f'every row is needed here; start there (.loc["{start}":]) or drop the column.'
        )


def from_where_all_have_begun(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows from where every asset has begun, and what was left out, in a sentence if anything was.

    Raises
    ------
    BadData
        When an asset ends before the last row.
    """
    first = _first_rows(frame, f"{where}: the values")
    start = int(first.max(initial=0))
    if not start:
        return frame, ()
    day = _day(frame.index[start])
    late = [str(name) for name in frame.columns[first == start]]
    begin = f"{late[0]} begins" if len(late) == 1 else f"{', '.join(late)} begin"
    rows = "1 row is" if start == 1 else f"{start:,} rows are"
    left_out = (
        f"{where} is read from {day} on, when {begin}: {rows} left out before, since every asset is needed in every "
        "row; drop the column for a longer history."
    )
    return frame.iloc[start:], (left_out,)


def _first_rows(frame: pd.DataFrame, what: str) -> Integers:
    """Return the first row in which each asset has a value, or refuse one that ends before the last row."""
    known = frame.notna().to_numpy()
    last = len(frame) - 1 - known[::-1].argmax(axis=0)
    if (known.any(axis=0) & (last < len(frame) - 1)).any():
        column = int(np.argmin(last))
        raise BadData(
            f"{what} of {frame.columns[column]} end on {_day(frame.index[last[column]])}, before the last row "
            f"({_day(frame.index[-1])}), and every row is needed here; drop the column."
        )
    return np.asarray(known.argmax(axis=0))


def _day(label: object) -> str:
    return f"{label:%Y-%m-%d}" if isinstance(label, pd.Timestamp) else str(label)


def sound_prices(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> pd.DataFrame:
    """Return the prices as floats by date, or raise BadData; see `validate_prices`."""
    frame, place = _sound(table, where, minimum_rows, minimum_assets)
    values = frame.to_numpy()
    negative = int((values < 0).sum())
    # A few negative prices are typing errors; returns are negative nearly every second day.
    if negative > 0.05 * values.size and np.nanmedian(np.abs(values)) < 10:
        raise BadData(
            f"{where}: these look like returns, not prices: {negative} of {values.size} values are "
            f"negative, the first in {place.cell(*_first(values < 0))}; read them as returns "
            "(read_returns, or --returns on the command line)."
        )
    if (values <= 0).any():
        row, column = _first(values <= 0)
        raise BadData(
            f"{where}: {place.cell(row, column)} is {values[row, column]:g}; correct it or drop the date, "
            "since a price is above zero."
        )
    _no_fat_finger(values, place, where)
    return frame


def sound_returns(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> pd.DataFrame:
    """Return the returns as floats by date, or raise BadData; see `validate_returns`."""
    frame, place = _sound(table, where, minimum_rows, minimum_assets)
    values = frame.to_numpy()
    middle = float(np.nanmedian(np.abs(values))) if values.size else 0.0
    if middle > 0.2 and np.nanmin(values) > 0:
        raise BadData(
            f"{where}: these look like prices, not returns: every value is positive, the first "
            f"{values[0, 0]:g} in {place.cell(0, 0)}; read them as prices "
            "(read_prices, or no --returns on the command line)."
        )
    if middle > 0.2:
        raise BadData(
            f"{where}: these look like percents: half of the values are beyond +-{middle:.3g}; divide by "
            "100, so that one percent is 0.01."
        )
    if (values <= -1).any():
        row, column = _first(values <= -1)
        raise BadData(
            f"{where}: {place.cell(row, column)} is {values[row, column]:g}; correct it, since a return "
            "of -1 leaves nothing to go on from."
        )
    grown: Floats = np.cumprod(
        np.vstack([np.ones(values.shape[1]), 1.0 + np.nan_to_num(values)]), axis=0, dtype=np.float64
    )
    _no_fat_finger(grown, place, where, 1)
    return frame


def sound_rates(table: Table, column: str, index: pd.DatetimeIndex, where: str) -> Floats:
    """Return one column as finite numbers, by the dates of its table; or raise BadData naming the date."""
    place = _Place((column,), index, table.lines)
    at = [str(name) for name in table.frame.columns].index(column)
    values = _numbers(table.frame.iloc[:, at], 0, where, place)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadData(
            f"{where}: {len(bad)} values of the risk-free column are missing or infinite, the first in "
            f"{place.cell(int(bad[0]), 0)}; fill them or drop the dates."
        )
    return values


def _no_fat_finger(values: Floats, place: _Place, where: str, before: int = 0) -> None:
    """Refuse a price many times those before and after it; row 0 of `values` is row ``-before`` of the table."""
    found = fat_finger(values)
    if found is not None:
        row, column, times = found
        neighbours = (
            "those beside it" if 0 < row < len(values) - 1 else "the next" if row == 0 else "the one before"
        )
        factor = f"{times:.3g} times" if times > 1 else f"1/{1 / times:.3g} of"
        what = f"is {values[row, column]:g}, {factor} {neighbours}" if before == 0 else (
            f"makes the value {factor} {neighbours}"
        )  # fmt: skip
        raise BadData(
            f"{where}: {place.cell(max(row - before, 0), column)} {what}, which looks like a slip of the keyboard; "
            "correct it or drop the date."
        )


def _sound(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> tuple[pd.DataFrame, _Place]:
    """Check all that prices and returns have in common; return floats by date."""
    if isinstance(table.frame.columns, pd.MultiIndex):
        table = one_field(table.frame, table.lines, where)
    frame = table.frame
    names = _names(frame, where, minimum_assets)
    times = _dates(frame.index, where, _Place(names, frame.index, table.lines))
    place = _Place(names, times, table.lines)
    values = np.column_stack([_numbers(frame.iloc[:, i], i, where, place) for i in range(len(names))])
    index = _one_row_a_day(times, values, where, place)
    place = _Place(names, index, table.lines)
    missing = np.isnan(values)
    if len(values) and missing.all(axis=0).any():
        empty = names[int(np.argmax(missing.all(axis=0)))]
        raise BadData(f"{where}: column {empty!r} has no value at all; drop it.")
    gaps = between(missing)
    if gaps.any():
        count = int(gaps.sum())
        values_are = "1 value is" if count == 1 else f"{count:,} values are"
        raise BadData(
            f"{where}: {values_are} missing between others, the first in {place.cell(*_first(gaps))}; fill the "
            "gaps or drop the dates."
        )
    if np.isinf(values).any():
        first = _first(np.isinf(values))
        raise BadData(f"{where}: {place.cell(*first)} is infinite; correct it or drop the date.")
    if len(values) < minimum_rows:
        span = f" ({index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d})" if len(values) else ""
        raise BadData(
            f"{where}: {len(values)} dates{span}, but {minimum_rows} are needed; give a longer history or "
            "lower minimum_rows."
        )
    if len(values) > 1:
        several = np.isfinite(values).sum(axis=0) > 1
        constant = several & (np.nanmax(values, axis=0) == np.nanmin(values, axis=0))
        if constant.any():
            column = int(np.argmax(constant))
            row = int(np.argmax(np.isfinite(values[:, column])))
            raise BadData(
                f"{where}: {place.cell(row, column)} is {values[row, column]:g} and never changes until "
                f"{place.date(len(values) - 1)}; drop the column, or check that it is the right series."
            )
    return pd.DataFrame(values, index=index, columns=frame.columns), place


def _names(frame: pd.DataFrame, where: str, minimum_assets: int) -> tuple[str, ...]:
    names = tuple(str(name) for name in frame.columns)
    for i, name in enumerate(names):
        if not name.strip():
            raise BadData(f"{where}: asset column {i + 1} has no name; name it in the first line.")
        if name in names[:i]:
            raise BadData(
                f"{where}: asset columns {names.index(name) + 1} and {i + 1} are both named {name!r}; rename "
                "or drop one."
            )
    _no_fields(names, where)
    if not names or len(names) < minimum_assets:
        raise BadData(
            f"{where}: the assets are {', '.join(names) or 'none'}, but {max(minimum_assets, 1)} are needed; "
            "give one column an asset beside the dates."
        )
    return names


# What one share's table holds, as Yahoo, Stooq and others call it.
_CLOSES = ("adj close", "adj. close", "adjclose", "adjusted close", "adjusted", "close", "close/last", "last")
_FIELDS = (*_CLOSES, "open", "high", "low", "volume")


def _no_fields(names: tuple[str, ...], where: str) -> None:
    """Refuse the fields of one share where assets should be: Open, High, Low, Close, or AAPL.Open, AAPL.High, ..."""
    for parts in ([name.strip().lower() for name in names], [_last_word(name) for name in names]):
        found = [name for name, part in zip(names, parts, strict=True) if part in _FIELDS]
        if {"high", "low"} <= set(parts) or "volume" in parts:
            raise BadData(
                f"{where}: the columns {', '.join(found)} are fields of a share, not assets; give one column an asset, "
                "such as the adjusted close of each share."
            )


def _last_word(name: str) -> str:
    return re.split(r"[._: ]", name.strip().lower())[-1]


def one_field(frame: pd.DataFrame, lines: tuple[int, ...] | None, where: str) -> Table:
    """Return the adjusted closes, or the closes, of a table whose columns are fields of shares (yfinance's).

    Raises
    ------
    BadData
        When the columns have other levels than a field and an asset, or no close is among them.
    """
    levels = [
        [str(name).strip().lower() for name in frame.columns.get_level_values(k)]
        for k in range(frame.columns.nlevels)
    ]
    at = next((k for k in range(len(levels)) if any(name in _CLOSES for name in levels[k])), None)
    if at is None or len(levels) != 2:
        raise BadData(
            f"{where}: the columns have {len(levels)} levels of names, and two with a field such as Close and an asset "
            "are understood; give one column an asset."
        )
    field = next(close for close in _CLOSES if close in levels[at])
    kept = [i for i, name in enumerate(levels[at]) if name == field]
    chosen = frame.iloc[:, kept]
    chosen.columns = pd.Index([str(name) for name in frame.columns.get_level_values(1 - at)[kept]])
    spelt = str(frame.columns.get_level_values(at)[kept[0]])
    rest = sorted({str(name) for name in frame.columns.get_level_values(at)} - {spelt})
    note = f"{where}: the column {spelt} of each share is read" + (
        f", and {', '.join(rest)} left aside." if rest else "."
    )
    return Table(chosen, lines, (note,))


def resampled(table: Table, rule: Resample, where: str, *, compounded: bool | str = False) -> Table:
    """Return one row a day, week (Monday to Sunday) or month: the last value of each asset, on the last date there is.

    Parameters
    ----------
    table : Table
    rule : {"daily", "weekly", "monthly"}
    where : str
        What messages call the table.
    compounded : bool or str
        Whether the values are returns, which are compounded; or the one column that holds them.

    Raises
    ------
    BadData
        For another rule, or dates that are not sound.
    """
    if rule not in get_args(Resample):
        raise BadData(f"resample is {rule!r}; choose daily, weekly or monthly.")
    if isinstance(table.frame.columns, pd.MultiIndex):
        table = one_field(table.frame, table.lines, where)
    frame = table.frame
    names = tuple(str(name) for name in frame.columns)
    place = _Place(names, frame.index, table.lines)
    times = _dates(frame.index, where, place)
    if not len(times):
        return table
    days = times.normalize()
    periods = days if rule == "daily" else days.to_period("W" if rule == "weekly" else "M").start_time
    last = np.flatnonzero(np.concatenate([periods[1:] != periods[:-1], [True]]))
    first = np.concatenate([[0], last[:-1] + 1])
    place = _Place(names, times, table.lines)
    columns = []
    for i, name in enumerate(names):
        values = pd.Series(_numbers(frame.iloc[:, i], i, where, place))
        if compounded is True or compounded == name:
            # A missing return stays missing: nothing is known of that period.
            columns.append(np.multiply.reduceat(1.0 + values.to_numpy(), first) - 1.0)
        else:
            groups = np.repeat(np.arange(len(last)), last - first + 1)
            columns.append(np.array(values.groupby(groups).last(), dtype=np.float64))
    made = pd.DataFrame(
        np.column_stack(columns), index=days[last].rename(frame.index.name), columns=frame.columns
    )
    lines = None if table.lines is None else tuple(table.lines[row] for row in last)
    return Table(made, lines, table.notes)


def _one_row_a_day(times: pd.DatetimeIndex, values: Floats, where: str, place: _Place) -> pd.DatetimeIndex:
    """Return the dates without their hours, or refuse several rows a day."""
    days = times.normalize()
    again = np.flatnonzero(days.duplicated())
    if not len(again):
        return days.rename(times.name)
    row = int(again[0])
    known = np.isfinite(values)
    if known.any(axis=0).all() and not known.all(axis=1).any():
        i = int(np.argmax(~known[row]))
        j = int(np.argmax(known[row]))
        other = int(np.argmax(known[:, i]))
        raise BadData(
            f"{where}: the hours of the assets never meet: {place.names[j]!r} has a value at "
            f"{times[row]:%Y-%m-%d %H:%M} and {place.names[i]!r} at {times[other]:%Y-%m-%d %H:%M}; keep one row a "
            'day (--resample daily, or resample="daily" when a file is read), or drop the hours '
            "before the tables are joined."
        )
    raise BadData(
        f"{where}: {days[again].nunique()} dates have several rows, the first {times[row]:%Y-%m-%d %H:%M} "
        f"({place.row(row)}); "
        'one row a day is understood: keep the last of each day (--resample daily, or resample="daily" when a file is '
        "read)."
    )


def _dates(given: pd.Index, where: str, place: _Place) -> pd.DatetimeIndex:
    if isinstance(given, pd.PeriodIndex):
        given = given.to_timestamp(how="end").normalize()
    if isinstance(given, pd.DatetimeIndex):
        index = given.tz_localize(None)
    elif len(given) and all(hasattr(day, "isoformat") for day in given):
        # Dates of the standard library, or time stamps of several zones: the local day counts.
        local = [pd.Timestamp(day) for day in given]
        index = pd.DatetimeIndex([day.tz_localize(None) for day in local], name=given.name)
    else:
        # Numbers would be taken for nanoseconds since 1970; but 20200131 is a day.
        compact = given.inferred_type == "integer" and bool(((given > 19000000) & (given < 21000000)).all())
        numbers = not compact and given.inferred_type in ("integer", "floating", "boolean", "mixed-integer")
        texts = [
            None
            if numbers or is_missing(day)
            else f"{str(day)[:4]}-{str(day)[4:6]}-{str(day)[6:]}"
            if compact
            else str(day)
            for day in given
        ]
        index = pd.DatetimeIndex(
            pd.to_datetime(pd.Series(texts, dtype=object), errors="coerce", format="%Y-%m-%d"),
            name=given.name,
        )
    if index.isna().any():
        row = int(np.argmax(index.isna()))
        raise BadData(
            f"{where}: the date in {place.row(row)} is {str(given[row])!r}; write dates like 2020-01-31, in the "
            "first column of a file or the index of a frame."
        )
    dated = _Place(place.names, index, place.lines)
    # Before the order: in unsorted dates, too, a repeated one is the more telling message.
    repeated = np.flatnonzero(index.duplicated())
    if len(repeated):
        raise BadData(
            f"{where}: {len(repeated)} dates are repeated, the first {dated.date(int(repeated[0]))}; keep "
            "one row a date."
        )
    back = np.flatnonzero(index[1:] < index[:-1])
    if len(back):
        row = int(back[0])
        raise BadData(
            f"{where}: dates go back from {dated.date(row)} to {dated.date(row + 1)}; sort the rows, oldest "
            "first."
        )
    return index


def _numbers(series: pd.Series, column: int, where: str, place: _Place) -> Floats:
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    cells = series.tolist()
    for row, cell in enumerate(cells):
        if not (is_missing(cell) or is_number(cell)):
            raise BadData(
                f"{where}: {place.cell(row, column)} is {cell!r}, not a number; correct it or leave it empty."
            )
    return np.array([np.nan if is_missing(cell) else float(cell) for cell in cells], dtype=np.float64)


def _first(where_true: Mask) -> tuple[int, int]:
    row, column = np.argwhere(where_true)[0]
    return int(row), int(column)
