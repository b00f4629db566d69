"""The lines of COLUMNS taken all at once, as long as there is nothing about them that must be said.

`mps_reader` reads a line at a time, and can name the line that is wrong. Most lines of a file are coefficients, and
right: the functions here take them in a few steps, or leave them as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.interfaces.files.contents import has_twice
from proofolio.interfaces.files.mps_rows import pairs
from proofolio.interfaces.files.words import Words

__all__ = ["MARKER", "Stretch", "indented", "stretch_of"]


MARKER = "'MARKER'"
_OPENS = {"'INTORG'": True, "'INTEND'": False}


class Stretch(NamedTuple):
    """New columns and their coefficients.

    Attributes
    ----------
    names : list of str
        The new columns, in order.
    integer : ndarray of bool
        Which of them stand between markers.
    rows, columns, values : ndarray
        One entry a coefficient: the place of its row, that of its column among the new ones, and its value.
    open_marker : bool
        Whether integer columns follow.
    """

    names: list[str]
    integer: Mask
    rows: Integers
    columns: Integers
    values: Floats
    open_marker: bool


def indented(text: str, start: int) -> str:
    """Return the lines that begin at a place of the text, up to the first that is not indented.

    They are no lines where the text is not ASCII.
    """
    if not text.isascii():
        return ""
    raw = np.frombuffer(text[start:].encode(), dtype=np.uint8)
    begins = np.concatenate([[0], np.flatnonzero(raw == ord("\n")) + 1])
    begins = begins[begins < raw.size]
    other = np.flatnonzero((raw[begins] != ord(" ")) & (raw[begins] != ord("\t")))
    return text[start : start + int(begins[other[0]])] if other.size else text[start:]


def stretch_of(
    text: str, known_rows: Mapping[str, int], open_marker: bool, read: Callable[[str], float]
) -> Stretch | None:
    """Return what lines say, the first of a section; None where one of them needs a look of its own.

    That is: another number of words, a row that is not known, a word that is no number, a column that does not stand
    together, a row twice in one column, a marker that opens what is open.

    Parameters
    ----------
    text : str
        The lines.
    known_rows : mapping
        The place of each row.
    open_marker : bool
        Whether the first column is an integer.
    read : callable
        Reads a number that is not a few digits with a point.
    """
    words = Words.of(text)
    rows = Words.of_names([*known_rows])
    if words is None or rows is None:
        return None
    counts = words.per_line()
    counts = counts[counts > 0]
    if not counts.size or not np.all((counts == 3) | (counts == 5)):
        return None
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    marks = np.zeros(counts.size, dtype=bool)
    if MARKER in text:
        marks = words[first + 1].are(MARKER) & (counts == 3)
    opened = _opened(words[first[marks] + 2].texts(), open_marker)
    if opened is None:
        return None
    kept = np.flatnonzero(~marks)
    if not kept.size:
        return None
    first, counts = first[kept], counts[kept]
    names = words[first]
    begins = names.changes()
    column_of_line = np.cumsum(begins) - 1
    pair, line = pairs(first, counts)
    at = words[pair].places(rows)
    columns = column_of_line[line]
    if np.any(at < 0) or has_twice(at, columns, (len(rows), int(columns[-1]) + 1)):
        return None
    try:
        values = words[pair + 1].numbers(read)
    except ValueError:
        return None
    state = np.array(opened)[np.cumsum(marks)[kept]]
    place = np.array([*known_rows.values()], dtype=np.intp)
    return Stretch(names[begins].texts(), state[begins], place[at], columns, values, opened[-1])


def _opened(markers: list[str], before: bool) -> list[bool] | None:
    """Return whether columns are integers before the first marker, after it, after the second, ..."""
    opened = [before]
    for word in markers:
        opens = _OPENS.get(word.upper(), opened[-1])
        if opens is opened[-1]:
            return None
        opened.append(opens)
    return opened
