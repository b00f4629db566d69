"""Dates and numbers as people write them, read where only one meaning is possible, else refused with the option to say.

Whole columns are judged, not cells: 13/02/2020 in one row says what 03/02/2020 means in another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["Cells", "is_number", "number_columns", "read_dates"]


MISSING = frozenset({"", "-", "na", "n/a", "#n/a", "nan", "null", "none"})

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$")
_COMPACT = re.compile(r"(19|20)\d{6}$")
_NAMED = re.compile(r"(\d{1,2}[- ][A-Za-z]{3}[- ]\d{4}|[A-Za-z]{3} \d{1,2},? \d{4})$")
_TWO_SIDED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}$")
_TIME = re.compile(
    r"[ T](?P<hour>\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)(?P<half> ?[AaPp][Mm])?\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?$"
)
_MIDNIGHT = re.compile(r"0?0:00(:00(\.0+)?)?$")
# Summer time moves a clock by one hour; further apart are other places.
_SUMMER_TIME = 60


class Cells:
    """Names the cells of a file for a message: the file, and the line of each row."""

    def __init__(self, where: str, lines: Sequence[int]) -> None:
        self.where = where
        self.lines = lines

    def wrong(self, row: int, what: str) -> BadData:
        """Return the error that says what is wrong in a row."""
        return BadData(f"{self.where}, line {self.lines[row]}: {what}")


def read_dates(texts: Sequence[str], cells: Cells, day_first: bool | None) -> pd.DatetimeIndex:
    """Return the dates, with their hour where one is written, as the local clock shows it.

    Raises
    ------
    BadData
        For a text that is no date, days and months that cannot be told apart, or rows of several time zones.
    """
    days: list[str] = []
    hours: list[str] = []
    offsets: list[str | None] = []
    for text in texts:
        found = _TIME.search(text)
        days.append(text if found is None else text[: found.start()])
        if found is None or (_MIDNIGHT.match(found["hour"]) and not found["half"]):
            # What programs append to a day: no hour, wherever it is midnight.
            hours.append("")
            offsets.append(None)
        else:
            hours.append(found["hour"] + (found["half"] or ""))
            offsets.append(found["offset"])
    _one_place(offsets, texts, cells)
    two_sided = [_TWO_SIDED.match(day) for day in days]
    first = _day_first(two_sided, days, cells, day_first) if any(two_sided) else True
    stamps = [_day(row, texts[row], days[row], two_sided[row], first, cells) for row in range(len(texts))]
    for row, hour in enumerate(hours):
        if hour:
            try:
                clock = pd.Timestamp(f"2000-01-01 {hour}")
            except ValueError:
                raise cells.wrong(row, f"the hour in {texts[row]!r} is none; write it like 16:00.") from None
            stamps[row] += clock - pd.Timestamp("2000-01-01")
    return pd.DatetimeIndex(stamps)


def _one_place(offsets: Sequence[str | None], texts: Sequence[str], cells: Cells) -> None:
    known: dict[int, int] = {}
    for row, offset in enumerate(offsets):
        if offset:
            known.setdefault(_minutes(offset), row)
    if known and max(known) - min(known) > _SUMMER_TIME:
        east, west = texts[known[max(known)]], texts[known[min(known)]]
        raise cells.wrong(
            max(known.values()),
            f"the rows are of different time zones ({west!r} and {east!r}), whose days do not meet; write every date "
            "without its hour, one row a day.",
        )


def _minutes(offset: str) -> int:
    if offset in ("Z", "UTC"):
        return 0
    sign = -1 if offset[0] == "-" else 1
    digits = offset[1:].replace(":", "")
    return sign * (60 * int(digits[:2]) + int(digits[2:]))


def _day_first(
    found: Sequence[re.Match[str] | None], days: Sequence[str], cells: Cells, given: bool | None
) -> bool:
    """Return whether the day comes before the month, as all rows together show."""
    day_rows = [row for row, match in enumerate(found) if match and int(match[1]) > 12]
    month_rows = [row for row, match in enumerate(found) if match and int(match[3]) > 12]
    if given is None and day_rows and month_rows:
        row = max(day_rows[0], month_rows[0])
        other = min(day_rows[0], month_rows[0])
        raise cells.wrong(
            row,
            f"in {days[row]!r} the day and the month stand the other way round than in {days[other]!r} (line "
            f"{cells.lines[other]}); write dates like 2020-01-31.",
        )
    if given is not None:
        against = month_rows if given else day_rows
        if against:
            option = "--day-first" if given else "--month-first"
            raise cells.wrong(
                against[0], f"{days[against[0]]!r} has no month {_month_of(days[against[0]], given)}; leave "
                f"{option} out, or correct the date."
            )  # fmt: skip
        return given
    if not day_rows and not month_rows:
        row = next(row for row, match in enumerate(found) if match)
        raise cells.wrong(
            row,
            f"whether {days[row]!r} begins with the day or the month, no row of the file tells; say --day-first or "
            "--month-first (day_first=True or False), or write dates like 2020-01-31.",
        )
    return bool(day_rows)


def _month_of(day: str, day_first: bool) -> str:
    """Return what stands where the month should."""
    parts = re.split(r"[-/.]", day)
    return parts[1] if day_first else parts[0]


def _day(
    row: int, text: str, day: str, two_sided: re.Match[str] | None, day_first: bool, cells: Cells
) -> pd.Timestamp:
    try:
        if two_sided:
            a, b, year = int(two_sided[1]), int(two_sided[3]), int(two_sided[4])
            return pd.Timestamp(year, b if day_first else a, a if day_first else b)
        if iso := _ISO.match(day):
            return pd.Timestamp(int(iso[1]), int(iso[2]), int(iso[3]))
        if _COMPACT.match(day):
            return pd.Timestamp(int(day[:4]), int(day[4:6]), int(day[6:]))
        if _NAMED.match(day):
            return pd.Timestamp(day)
    except ValueError:
        pass
    if _SHORT_YEAR.match(day):
        raise cells.wrong(row, f"the date is {text!r}; write the year with four digits, like 2020-01-31.")
    if re.fullmatch(r"\d{5}(\.\d+)?", day):
        raise cells.wrong(
            row, f"the date is {text!r}, a number such as Excel keeps for a day; save the column as dates."
        )
    raise cells.wrong(row, f"the date is {text!r}; write dates like 2020-01-31, in the first column.")


# ------------------------------------------------------------------ numbers
# Between groups of thousands: spaces of all widths and apostrophes mean nothing else.
_HARMLESS = re.compile(r"(?<=\d)['’\u00a0\u202f\u2009 ](?=\d{3})")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|[+-]?inf(inity)?$", re.IGNORECASE)
_COMMA_DECIMAL = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+([eE][+-]?\d+)?$|[+-]?\d{1,3}(\.\d{3}){2,}$")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+$|[+-]?\d{1,3}(,\d{3}){2,}$")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}$")  # 1,234
_DOT_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}$")  # 1.234


def is_number(cell: object) -> bool:
    """Return whether `cell` is a number, or a text that is one."""
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(cell, bool | np.bool_)


def number_columns(
    columns: Sequence[Sequence[str]],
    names: Sequence[str],
    days: pd.DatetimeIndex,
    cells: Cells,
    decimal_comma: bool | None,
) -> list[Floats]:
    """Return the numbers of each column, missing ones as NaN; commas mean the same in all of them.

    Raises
    ------
    BadData
        For a cell that is no number, commas whose meaning no cell of the file tells, or two meanings in one file.
    """
    plain = [["nan" if cell.lower() in MISSING else cell for cell in column] for column in columns]
    if not decimal_comma:
        try:
            return [np.array(column, dtype=np.float64) for column in plain]
        except ValueError:
            pass
    cleaned = [[_HARMLESS.sub("", cell) for cell in column] for column in plain]
    comma = _comma_is_decimal(cleaned, names, cells) if decimal_comma is None else decimal_comma
    found = []
    for name, column, as_written in zip(names, cleaned, columns, strict=True):
        numbers = np.empty(len(column))
        for row, cell in enumerate(column):
            numbers[row] = _number(cell, comma)
            if np.isnan(numbers[row]) and cell != "nan":
                remedy = "write it plainly, like 1234.5, or leave the cell empty"
                if days.has_duplicates and not any(map(is_number, column)):
                    remedy = "is there a line for each date and asset? then give a line a date and a column an asset"
                raise cells.wrong(
                    row,
                    f"column {name!r} at {days[row]:%Y-%m-%d} is {as_written[row]!r}, not a number; {remedy}.",
                )
        found.append(numbers)
    return found


def _number(cell: str, comma: bool) -> float:
    """Return the number a text is, or NaN."""
    if comma:
        if not (_COMMA_DECIMAL.match(cell) or _DOT_EITHER.match(cell) or re.match(r"[+-]?\d+$", cell)):
            return np.nan
        return float(cell.replace(".", "").replace(",", "."))
    if _COMMA_THOUSANDS.match(cell) or _EITHER.match(cell):
        cell = cell.replace(",", "")
    return float(cell) if _PLAIN.match(cell) else np.nan


def _comma_is_decimal(columns: Sequence[Sequence[str]], names: Sequence[str], cells: Cells) -> bool:
    """Return whether the comma is the decimal sign, as all cells together show."""
    decimal: tuple[int, int] | None = None
    thousands: tuple[int, int] | None = None
    open_: tuple[int, int] | None = None
    for i, column in enumerate(columns):
        for row, cell in enumerate(column):
            if "," not in cell:
                # 100.25 has a point and no thousands; 1.234 may be either.
                if thousands is None and "." in cell and _PLAIN.match(cell) and not _DOT_EITHER.match(cell):
                    thousands = i, row
                elif decimal is None and _COMMA_DECIMAL.match(cell):
                    decimal = i, row
            elif _EITHER.match(cell):
                open_ = (i, row) if open_ is None else open_
            elif _COMMA_DECIMAL.match(cell):
                decimal = (i, row) if decimal is None else decimal
            elif _COMMA_THOUSANDS.match(cell):
                thousands = (i, row) if thousands is None else thousands
    if decimal is not None and thousands is not None:
        (i, row), (j, other) = sorted([decimal, thousands], key=lambda at: -at[1])
        raise cells.wrong(
            row,
            f"column {names[i]!r} is {columns[i][row]!r}, and column {names[j]!r} in line {cells.lines[other]} is "
            f"{columns[j][other]!r}: commas and points mean one thing here and another there; write 1234.5.",
        )
    if decimal is None and thousands is None and open_ is not None:
        i, row = open_
        raise cells.wrong(
            row,
            f"column {names[i]!r} is {columns[i][row]!r}, and no cell of the file tells whether the comma is a decimal "
            "one; say --decimal-comma or --decimal-point (decimal_comma=True or False), or write numbers like 1234.5.",
        )
    return decimal is not None
