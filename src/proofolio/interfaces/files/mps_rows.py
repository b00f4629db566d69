"""The lines of ROWS and RHS taken all at once, as long as there is nothing about them that must be said."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Integers
from proofolio.interfaces.files.words import Words

__all__ = ["RowNames", "Sides", "pairs", "rows_of", "sides_of"]


class RowNames(NamedTuple):
    """Kind and name of each row, and on which line of the section it stands, from zero."""

    kinds: list[str]
    names: list[str]
    lines: list[int]


class Sides(NamedTuple):
    """Right-hand sides of one set: the row's name and the number of each."""

    set_name: str
    names: list[str]
    values: list[float]


def rows_of(text: str) -> RowNames | None:
    """Return what the lines of ROWS say; None where one is not N, L, G or E and a name, or a name stands twice."""
    words = Words.of(text)
    if words is None or not len(words):
        return None
    counts = words.per_line()
    lines = np.flatnonzero(counts)
    if not np.all(counts[lines] == 2):
        return None
    kinds, names = words[::2].texts(), words[1::2].texts()
    if not {*kinds} <= {"N", "L", "G", "E"} or len({*names}) < len(names):
        return None
    return RowNames(kinds, names, lines.tolist())


def sides_of(text: str, read: Callable[[str], float]) -> Sides | None:
    """Return what the lines of RHS say; None where one has no set or another one, no number, or a row stands twice.

    Parameters
    ----------
    text : str
        The lines.
    read : callable
        Reads a side that is not a few digits with a point.
    """
    words = Words.of(text)
    if words is None or not len(words):
        return None
    counts = words.per_line()
    counts = counts[counts > 0]
    if not np.all((counts == 3) | (counts == 5)):
        return None
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    at, _ = pairs(first, counts)
    names = words[at].texts()
    if np.any(words[first].changes()[1:]) or len({*names}) < len(names):
        return None
    try:
        values = words[at + 1].numbers(read)
    except ValueError:
        return None
    return Sides(words[:1].texts()[0], names, values.tolist())


def pairs(first: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Return where the pairs of row and number begin in lines of one and of two, and the line of each."""
    long = np.flatnonzero(counts == 5)
    if not long.size:
        return first + 1, np.arange(first.size)
    # a second pair comes right after the first
    return np.insert(first + 1, long + 1, first[long] + 3), np.insert(np.arange(first.size), long + 1, long)
