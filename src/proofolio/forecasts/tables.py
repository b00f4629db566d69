"""What is wrong with a table of prices or returns, in a sentence that says where.

Read a wide table of dates and numbers from a CSV or Parquet file, saying where it is wrong.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData

MISSING = frozenset({"", "-", "na", "n/a", "#n/a", "nan", "null", "none"})

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# What programs append to a day: midnight, with or without an offset from UTC.
MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?\s*(Z|[+-]\d{2}:?\d{2})?$")


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read: numbers by date, and for a text file the line of each row."""

    frame: pd.DataFrame
    lines: tuple[int, ...] | None


def read_table(path: str | Path) -> Table:
    """Return the table in a .csv, .csv.gz or .parquet file, first column dates.

    Empty cells and the usual words for a missing value become NaN; nothing else is judged here but
    what cannot be read as a table of dates and numbers.

    Raises
    ------
    BadData
        If the file is missing, empty, unreadable or of another kind, a row has too many or too few
        cells, a date is not ``YYYY-MM-DD``, or a cell is not a number; names the line and column.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise BadData(f"{path} {what}; give the path of a .csv, .csv.gz or .parquet file.")
    if file.stat().st_size == 0:
        raise BadData(f"{path} is empty; give a file with a line of names and a line a date.")
    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        return _read_parquet(file)
    if not name.endswith((".csv", ".csv.gz")):
        raise BadData(f"{path} is none of .csv, .csv.gz and .parquet; save the table as one of these.")
    try:
        with _open(file) as text:
            reader = csv.reader(text, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise BadData(
            f"{path} cannot be read ({error}); save it again as comma-separated UTF-8 text."
        ) from error
    return _parse(str(path), rows)


def _open(file: Path) -> TextIO:
    # utf-8-sig: Excel puts a byte order mark before the first name.
    if file.name.lower().endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _parse(where: str, rows: Sequence[tuple[int, list[str]]]) -> Table:
    if not rows:
        raise BadData(f"{where} is empty; give a file with a line of names and a line a date.")
    header = [cell.strip() for cell in rows[0][1]]
    if len(header) < 2:
        raise BadData(
            f"{where}, line {rows[0][0]}: only one column ({header[0][:40]!r}); separate the date and the "
            "assets by commas."
        )
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise BadData(
                f"{where}, line {line}: {len(row)} cells, but the first line has {len(header)}; give every "
                "column a cell, empty where a value is missing."
            )
    lines = tuple(line for line, _ in rows[1:])
    days = [_day(where, line, row[0].strip()) for line, row in rows[1:]]
    columns = []
    for i in range(1, len(header)):
        cells = [row[i].strip() for _, row in rows[1:]]
        cells = ["nan" if cell.lower() in MISSING else cell for cell in cells]
        try:
            columns.append(np.array(cells, dtype=np.float64))
        except ValueError:
            at = next(j for j, cell in enumerate(cells) if not is_number(cell))
            raise BadData(
                f"{where}, line {lines[at]}: column {header[i]!r} at {days[at]:%Y-%m-%d} is {cells[at]!r}, "
                "not a number; write it plainly, like 1234.5, or leave the cell empty."
            ) from None
    values = np.column_stack(columns) if rows[1:] else np.empty((0, len(header) - 1))
    index = pd.DatetimeIndex(days, name=header[0] or "Date")
    return Table(pd.DataFrame(values, index=index, columns=header[1:]), lines)


def _day(where: str, line: int, text: str) -> pd.Timestamp:
    plain = MIDNIGHT.sub("", text)
    try:
        day = pd.Timestamp(plain) if DATE.match(plain) else None
    except ValueError:
        day = None
    if day is None or day.tzinfo is not None:
        raise BadData(
            f"{where}, line {line}: the date is {text!r}; write dates like 2020-01-31, in the first column."
        )
    return day


def is_number(cell: object) -> bool:
    """Return whether `cell` is a number, or a text that is one."""
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(cell, bool | np.bool_)


def is_missing(cell: object) -> bool:
    """Return whether `cell` is None, NaN, NaT or pandas' NA."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


def _read_parquet(file: Path) -> Table:
    try:
        frame = pd.read_parquet(file)
    except ImportError as error:
        raise BadData(
            f'{file} is Parquet, which needs pyarrow: pip install "proofolio[parquet]", or save it as CSV.'
        ) from error
    # pyarrow has a family of errors of its own, and importing it to name them would need it installed.
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadData(f"{file} cannot be read as Parquet ({first}); save it again.") from error
    if not isinstance(frame.index, pd.DatetimeIndex) and len(frame.columns) > 0:
        frame = frame.set_index(frame.columns[0])
    return Table(frame, None)


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


def sound_prices(
    table: Table, where: str, minimum_rows: int, minimum_assets: int, *, may_end: bool = False
) -> pd.DataFrame:
    """Return the prices as floats by date, or raise BadData; see `validate_prices`.

    With `may_end` an asset may begin after the first date and end before the last one, with NaN before and after.
    """
    frame, place = _sound(table, where, minimum_rows, minimum_assets, may_end)
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
    return frame


def sound_returns(
    table: Table, where: str, minimum_rows: int, minimum_assets: int, *, may_end: bool = False
) -> pd.DataFrame:
    """Return the returns as floats by date, or raise BadData; see `validate_returns`.

    With `may_end` an asset may begin after the first date and end before the last one, with NaN before and after.
    """
    frame, place = _sound(table, where, minimum_rows, minimum_assets, may_end)
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
    return frame


def _sound(
    table: Table, where: str, minimum_rows: int, minimum_assets: int, may_end: bool
) -> tuple[pd.DataFrame, _Place]:
    """Check all that prices and returns have in common; return floats by date."""
    frame = table.frame
    names = _names(frame, where, minimum_assets)
    index = _dates(frame.index, where, _Place(names, frame.index, table.lines))
    place = _Place(names, index, table.lines)
    values = np.column_stack([_numbers(frame.iloc[:, i], i, where, place) for i in range(len(names))])
    missing = np.isnan(values)
    if may_end and missing.any():
        if missing.all(axis=0).any():
            raise BadData(
                f"{where}: column {names[int(np.argmax(missing.all(axis=0)))]!r} has no value at all; drop it."
            )
        begun = np.maximum.accumulate(~missing, axis=0)
        missing &= begun & np.maximum.accumulate(~missing[::-1], axis=0)[::-1]
    if missing.any():
        what = " between others" if may_end else ""
        remedy = "or drop the dates" if may_end else "drop the dates, or start where every asset has a value"
        raise BadData(
            f"{where}: {missing.sum()} values are missing{what}, the first in {place.cell(*_first(missing))}; fill the "
            f"gaps{'' if may_end else ','} {remedy}."
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


def _first(where_true: Mask) -> tuple[int, int]:
    row, column = np.argwhere(where_true)[0]
    return int(row), int(column)
