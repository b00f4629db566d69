"""What is wrong with a table of prices or returns, in a sentence that says where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from proofolio.errors import BadData
from proofolio.forecasts.forward_backward import Floats
from proofolio.forecasts.table_file import Table, is_missing, is_number


@dataclass(frozen=True, eq=False)
class _Place:
    """Names the cells of a table for a message."""

    names: tuple[str, ...]
    index: pd.Index
    lines: tuple[int, ...] | None

    def row(self, row: int) -> str:
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def date(self, row: int) -> str:
        day = self.index[row]
        shown = f"{day:%Y-%m-%d}" if isinstance(day, pd.Timestamp) else str(day)
        return f"{shown} ({self.row(row)})"

    def cell(self, row: int, column: int) -> str:
        return f"column {self.names[column]!r} at {self.date(row)}"


def sound_prices(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> pd.DataFrame:
    """Return the prices as floats by date, or raise BadData; see `validate_prices`."""
    frame, place = _sound(table, where, minimum_rows, minimum_assets)
    values = frame.to_numpy()
    negative = int((values < 0).sum())
    # A few negative prices are typing errors; returns are negative nearly every second day.
    if negative > 0.05 * values.size and np.median(np.abs(values)) < 10:
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
    return frame


def sound_returns(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> pd.DataFrame:
    """Return the returns as floats by date, or raise BadData; see `validate_returns`."""
    frame, place = _sound(table, where, minimum_rows, minimum_assets)
    values = frame.to_numpy()
    middle = float(np.median(np.abs(values))) if values.size else 0.0
    if middle > 0.2 and values.min() > 0:
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
    return frame


def _sound(table: Table, where: str, minimum_rows: int, minimum_assets: int) -> tuple[pd.DataFrame, _Place]:
    """Check all that prices and returns have in common; return floats by date."""
    frame = table.frame
    names = _names(frame, where, minimum_assets)
    index = _dates(frame.index, where, _Place(names, frame.index, table.lines))
    place = _Place(names, index, table.lines)
    values = np.column_stack([_numbers(frame.iloc[:, i], i, where, place) for i in range(len(names))])
    if np.isnan(values).any():
        first = _first(np.isnan(values))
        raise BadData(
            f"{where}: {np.isnan(values).sum()} values are missing, the first in {place.cell(*first)}; fill "
            "the gaps, drop the dates, or start where every asset has a value."
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
        constant = (values == values[0]).all(axis=0)
        if constant.any():
            column = int(np.argmax(constant))
            raise BadData(
                f"{where}: {place.cell(0, column)} is {values[0, column]:g} and never changes until "
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
    if not names or len(names) < minimum_assets:
        raise BadData(
            f"{where}: the assets are {', '.join(names) or 'none'}, but {max(minimum_assets, 1)} are needed; "
            "give one column an asset beside the dates."
        )
    return names


def _dates(given: pd.Index, where: str, place: _Place) -> pd.DatetimeIndex:
    if isinstance(given, pd.DatetimeIndex):
        index = given.tz_localize(None)
    else:
        # Numbers would be taken for nanoseconds since 1970.
        numbers = given.inferred_type in ("integer", "floating", "boolean", "mixed-integer")
        texts = [None if numbers or is_missing(day) else str(day) for day in given]
        index = pd.DatetimeIndex(
            pd.to_datetime(pd.Series(texts, dtype=object), errors="coerce", format="%Y-%m-%d"),
            name=given.name,
        )
    if index.isna().any():
        row = int(np.argmax(index.isna()))
        raise BadData(
            f"{where}: the date in {place.row(row)} is {given[row]!r}; write dates like 2020-01-31, in the "
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


def _first(where_true: NDArray[np.bool_]) -> tuple[int, int]:
    row, column = np.argwhere(where_true)[0]
    return int(row), int(column)
