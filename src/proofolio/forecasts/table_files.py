"""Read a wide table of dates and numbers from a CSV, Excel or Parquet file, saying where it is wrong."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from proofolio.errors import BadData
from proofolio.forecasts.cells import Cells, is_number, number_columns, read_dates
from proofolio.forecasts.tables import Table, one_field

__all__ = ["read_table"]

KINDS = ".csv, .csv.gz, .tsv, .txt, .xlsx and .parquet"
TEXTS = (".csv", ".csv.gz", ".tsv", ".txt")
SEPARATORS = (",", ";", "\t", "|")


def read_table(
    path: str | Path, *, day_first: bool | None = None, decimal_comma: bool | None = None
) -> Table:
    """Return the table in a file, first column dates.

    Cells are separated by commas, semicolons, tabs or bars, whichever the first line has most of. Empty cells and the
    usual words for a missing value become NaN. Of yfinance's tables with two lines of names the (adjusted) closes are
    read. Nothing else is judged here but what cannot be read as a table of dates and numbers.

    Parameters
    ----------
    path : str or Path
        .csv, .csv.gz, .tsv, .txt; .xlsx with ``proofolio[excel]``; .parquet with ``proofolio[parquet]``.
    day_first : bool, optional
        Whether 03/02/2020 is the third of February; by default as the rows of the file show.
    decimal_comma : bool, optional
        Whether 1,5 is one and a half; by default as the cells of the file show.

    Raises
    ------
    BadData
        If the file is missing, empty, unreadable or of another kind, a row has too many or too few
        cells, a date is none or may be two, or a cell is not a number; names the line and column.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise BadData(f"{path} {what}; give the path of a file, one of {KINDS}.")
    if file.stat().st_size == 0:
        raise BadData(f"{path} is empty; give a file with a line of names and a line a date.")
    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        return _read_parquet(file)
    if name.endswith((".xlsx", ".xlsm")):
        rows = _excel_rows(file)
    elif name.endswith(TEXTS):
        rows = _text_rows(file)
    else:
        raise BadData(f"{path} is none of {KINDS}; save the table as one of these.")
    return _parse(str(path), rows, day_first, decimal_comma)


def _text_rows(file: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with its number."""
    try:
        raw = gzip.decompress(file.read_bytes()) if file.name.lower().endswith(".gz") else file.read_bytes()
        # Excel puts a byte order mark before the first name, and saves "Unicode text" in 16 bits.
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        separator = _separator(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise BadData(
            f"{file} cannot be read ({error}); save it again as comma-separated UTF-8 text."
        ) from error


def _separator(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = {separator: len(next(csv.reader([first], delimiter=separator), [])) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: counts[separator])


def _excel_rows(file: Path) -> list[tuple[int, list[str]]]:
    try:
        import openpyxl
    except ImportError as error:
        raise BadData(
            f'{file} is an Excel file, which needs openpyxl: pip install "proofolio[excel]", or save it as CSV.'
        ) from error
    # openpyxl fails in many ways on a file that is none.
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        rows = [
            (number, ["" if cell is None else str(cell) for cell in row])
            for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
        ]
        book.close()
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadData(f"{file} cannot be read as Excel ({first}); save it again.") from error
    width = max((max((i + 1 for i, cell in enumerate(row) if cell), default=0) for _, row in rows), default=0)
    return [(number, row[:width] + [""] * (width - len(row))) for number, row in rows if any(row)]


def _parse(
    where: str, rows: Sequence[tuple[int, list[str]]], day_first: bool | None, decimal_comma: bool | None
) -> Table:
    if not rows:
        raise BadData(f"{where} is empty; give a file with a line of names and a line a date.")
    header = [cell.strip() for cell in rows[0][1]]
    # Excel writes separators for columns that were once used.
    while len(header) > 2 and not header[-1] and not any(row[len(header) - 1 :] != [""] for _, row in rows):
        header, rows = header[:-1], [(line, row[:-1]) for line, row in rows]
    if len(header) < 2:
        raise BadData(
            f"{where}, line {rows[0][0]}: only one column ({header[0][:40]!r}); separate the date and the "
            "assets by commas."
        )
    for line, row in rows[1:]:
        if len(row) != len(header):
            commas = (
                "; are there decimal commas? then separate by semicolons"
                if len(row) == 2 * len(header) - 1
                else ""
            )
            raise BadData(
                f"{where}, line {line}: {len(row)} cells, but the first line has {len(header)}; give every "
                f"column a cell, empty where a value is missing{commas}."
            )
    names, rows = _names(where, header, [(line, [cell.strip() for cell in row]) for line, row in rows])
    lines = tuple(line for line, _ in rows)
    cells = Cells(where, lines)
    days = read_dates([row[0] for _, row in rows], cells, day_first)
    columns = [[row[i] for _, row in rows] for i in range(1, len(header))]
    shown = [" ".join(name) if isinstance(name, tuple) else name for name in names]
    values = number_columns(columns, shown, days, cells, decimal_comma) if rows else []
    data = np.column_stack(values) if values else np.empty((0, len(header) - 1))
    index = days.rename(header[0] if isinstance(names[0], str) and header[0] else "Date")
    if isinstance(names[0], tuple):
        return one_field(
            pd.DataFrame(data, index=index, columns=pd.MultiIndex.from_tuples(names)), lines, where
        )
    return Table(pd.DataFrame(data, index=index, columns=list(names)), lines)


def _names(
    where: str, header: list[str], rows: list[tuple[int, list[str]]]
) -> tuple[list[str] | list[tuple[str, str]], list[tuple[int, list[str]]]]:
    """Return the names of the columns and the rows below them; yfinance writes two lines of names, then "Date"."""
    second = rows[1][1] if len(rows) > 1 else [""]
    if (header[0] in ("Price", "Ticker", "") and second[0] in ("Ticker", "Price")) or (
        header[0] == second[0] == "" and any(second) and not any(is_number(cell) for cell in second)
    ):
        below = rows[2:]
        if below and below[0][1][0] in ("Date", "Datetime") and not any(below[0][1][1:]):
            below = below[1:]
        return list(zip(header[1:], second[1:], strict=True)), below
    return header[1:], rows[1:]


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
