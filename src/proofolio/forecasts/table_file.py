"""Read a wide table of dates and numbers from a CSV or Parquet file, saying where it is wrong."""

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
