"""The lines of COLUMNS taken many at a time, as long as there is nothing about them that must be said.

`mps_reader` reads a line at a time, and can name the line that is wrong. Most lines of a file are coefficients, and
right: the functions here take a stretch of them in a few steps each, or leave it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import ne
from typing import NamedTuple

import numpy as np

__all__ = ["MARKER", "Stretch", "indented", "markers", "stretch_of"]


MARKER = "'MARKER'"


class Stretch(NamedTuple):
    """Coefficients of new columns: one entry of each list a coefficient.

    Attributes
    ----------
    columns : list of str
        The new columns, in order.
    names, rows : list of str
        Column and row of each coefficient.
    places : list of int
        Of the row, -1 for objectives.
    values : list of float
    """

    columns: list[str]
    names: list[str]
    rows: list[str]
    places: list[int]
    values: list[float]


def indented(lines: Sequence[str], start: int) -> Sequence[str]:
    """Return the lines from a place on, up to the first that is empty or not indented."""
    stop = start
    while stop < len(lines) and lines[stop][:1] in (" ", "\t") and not lines[stop].isspace():
        stop += 1
    return lines[start:stop]


def markers(lines: Sequence[str]) -> list[int]:
    """Return which lines open or close a stretch of integer columns."""
    some = [(k, line.split()) for k, line in enumerate(lines) if MARKER in line]
    return [k for k, words in some if len(words) == 3 and words[1] == MARKER]


def stretch_of(
    lines: Sequence[str],
    known_columns: Mapping[str, int],
    known_rows: Mapping[str, int],
    numbers: Callable[[Sequence[str]], list[float]],
) -> Stretch | None:
    """Return what lines say; None where one of them needs a look of its own.

    That is: another number of words, a row that is not known, a word that is no number, a column that is known or does
    not stand together, a row twice in one column, two objectives in one column.
    """
    # no list a line is kept: with many, Python's collector of cycles takes longer than all the rest
    counts = {len(line.split()) for line in lines}
    if not counts <= {3, 5}:
        return None
    if counts == {3}:
        flat = " ".join(lines).split()
        names, rows, words = flat[::3], flat[1::3], flat[2::3]
    else:
        names, rows, words = [], [], []
        for name, *pairs in map(str.split, lines):
            names += [name] * (len(pairs) // 2)
            rows += pairs[::2]
            words += pairs[1::2]
    columns = list(dict.fromkeys(names))
    together = sum(map(ne, names[1:], names)) == len(columns) - 1
    if not together or not known_columns.keys().isdisjoint(columns) or not known_rows.keys() >= {*rows}:
        return None
    places = [known_rows[row] for row in rows]
    number = dict(zip(columns, range(len(columns)), strict=True))
    cell = np.array([number[name] for name in names]) * (len(known_rows) + 1) + np.array(places)
    cell.sort()
    if np.any(cell[1:] == cell[:-1]):
        return None
    try:
        return Stretch(columns, names, rows, places, numbers(words))
    except ValueError:
        return None
