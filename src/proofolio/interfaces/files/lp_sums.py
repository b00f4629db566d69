"""The sections of an LP file taken at once: an objective, rows or bounds, as most programs write them.

`lp_reader` reads a term at a time, and can say what is wrong with it. Here words are sorted into signs, numbers, names,
relations and labels, and it is checked that they follow each other as they must::

    objective = [ label ] { sum }
    section   = { label sum relation [ sign ] number }
    sum       = term { term }
    term      = [ sign ] [ number ] name | [ sign ] number          the latter in objectives only

with blanks between words, though a sign may touch what it belongs to; and bounds one a line. Anything else needs a look
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Mask
from proofolio.interfaces.files.words import Words

__all__ = ["Bounds", "Rows", "Sum", "bounds_of", "rows_of", "sum_of"]


_OTHER, _START, _SIGN, _NUMBER, _NAME, _RELATION, _LABEL = range(7)
_KINDS = np.full(256, _OTHER, dtype=np.int8)
_KINDS[list(b"0123456789.")] = _NUMBER
_KINDS[list(b"<>=")] = _RELATION
_KINDS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!\"#$%&')?@_`{|}~")] = _NAME
_PLUS, _MINUS, _COLON, _LESS, _EQUAL, _MORE = b"+-:<=>"


class Sum(NamedTuple):
    """Terms: the name of each, as a word, and its number; and the numbers without a name."""

    names: Words
    values: Floats
    constants: Floats


class Rows(NamedTuple):
    """Rows in order.

    Attributes
    ----------
    labels : Words
        With their colons.
    row : ndarray of int
        The row of each term.
    terms : Sum
    less, more : ndarray of bool
        Which rows have an upper side, and which a lower one.
    sides : ndarray
    """

    labels: Words
    row: Integers
    terms: Sum
    less: Mask
    more: Mask
    sides: Floats


class Bounds(NamedTuple):
    """Bounds of columns, in no order; NaN for a side that is not given."""

    names: list[str]
    lower: list[float]
    upper: list[float]


class _Words:
    """Words of sums, sorted by what they are."""

    def __init__(self, words: Words) -> None:
        first = words.first
        signed = (first == _PLUS) | (first == _MINUS)
        alone = signed & (words.size == 1)
        self.whole = words
        self.bare = Words(words.text, words.raw, words.begin + (signed & ~alone), words.end)
        kind = _KINDS[self.bare.first]
        kind[signed & (kind == _RELATION)] = _OTHER
        kind[~signed & (words.last == _COLON) & (words.size > 1)] = _LABEL
        kind[alone] = _SIGN
        # a start before the first word and one behind the last
        self.kind: NDArray[np.int8] = np.concatenate([[_START], kind, [_START]]).astype(np.int8)
        sign = np.where(signed, np.where(first == _MINUS, -1, 1), 0)
        self.sign: NDArray[np.int8] = np.concatenate([[0], sign, [0]]).astype(np.int8)
        self.used = np.zeros(kind.size + 2, dtype=np.int8)
        self.used[[0, -1]] = 1

    def __getitem__(self, at: Integers) -> Words:
        return self.bare[at - 1]

    def where(self, kind: int) -> Integers:
        return np.flatnonzero(self.kind == kind)

    def signs(self, at: Integers, begins: tuple[int, ...]) -> Floats | None:
        """Return the sign of what begins at some words; None where one has none and does not follow what may begin.

        The words, and signs before them, count as used.
        """
        own, before = self.sign[at], np.where(self.kind[at - 1] == _SIGN, self.sign[at - 1], 0)
        if not np.all((own != 0) | (before != 0) | np.isin(self.kind[at - 1], begins)):
            return None
        self.used[at] += 1
        self.used[at[before != 0] - 1] += 1
        return np.where(own < 0, -1.0, 1.0) * np.where(before < 0, -1.0, 1.0)

    def terms(self, sides: Integers, read: Callable[[str], float]) -> tuple[Integers, Sum] | None:
        """Return the terms, and at which word each has its name; `sides` are numbers of another kind."""
        counted = (self.kind[:-1] == _NUMBER) & (self.kind[1:] == _NAME) & (self.sign[1:] == 0)
        names = self.where(_NAME)
        with_number = counted[names - 1]
        alone = (self.kind == _NUMBER) & ~np.append(counted, False)
        alone[sides] = False
        constants = np.flatnonzero(alone)
        signs = self.signs(names - with_number, (_START, _LABEL))
        constant_signs = self.signs(constants, (_START, _LABEL))
        if signs is None or constant_signs is None:
            return None
        self.used[names[with_number]] += 1
        values = np.ones(names.size)
        values[with_number] = self[names[with_number] - 1].numbers(read)
        shifts = constant_signs * self[constants].numbers(read)
        return names, Sum(self[names], signs * values, shifts)

    @property
    def all_used(self) -> bool:
        return bool(np.all(self.used == 1))


def sum_of(words: Words, read: Callable[[str], float]) -> Sum | None:
    """Return the sum that is an objective, whatever its label; None where a word needs a look of its own.

    Parameters
    ----------
    words : Words
    read : callable
        Reads a number that is not a few digits with a point; a `ValueError` of it passes.
    """
    found = _Words(words)
    labels = found.where(_LABEL)
    if labels.size > 1 or np.any(labels != 1):
        return None
    found.used[labels] += 1
    terms = found.terms(np.empty(0, dtype=np.intp), read)
    return terms[1] if terms is not None and found.all_used else None


def rows_of(words: Words, read: Callable[[str], float]) -> Rows | None:
    """Return the rows of a section, each with a label; None where a word needs a look of its own."""
    found = _Words(words)
    labels, relations = found.where(_LABEL), found.where(_RELATION)
    if not labels.size or labels.size != relations.size or labels[0] != 1:
        return None
    apart = found.kind[relations + 1] == _SIGN
    sides = relations + 1 + apart
    ends = np.append(labels[1:], found.kind.size - 1)
    if np.any(sides + 1 != ends) or np.any(found.kind[sides] != _NUMBER) or np.any(found.sign[sides[apart]]):
        return None
    directions = _directions(found[relations])
    signs = found.signs(sides, (_RELATION,))
    terms = found.terms(sides, read)
    found.used[labels] += 1
    found.used[relations] += 1
    if directions is None or signs is None or terms is None or terms[1].constants.size or not found.all_used:
        return None
    at, sums = terms
    row = np.searchsorted(labels, at) - 1
    if np.any(np.bincount(row, minlength=labels.size) == 0) or np.any(at > relations[row]):
        return None
    less, more = directions
    return Rows(found[labels], row, sums, less, more, signs * found[sides].numbers(read) + 0.0)


def bounds_of(words: Words, counts: Integers, read: Callable[[str], float]) -> Bounds | None:
    """Return bounds, each of them on a line of its own; None where one needs a look of its own.

    Parameters
    ----------
    words : Words
    counts : ndarray of int
        How many words stand on each line.
    read : callable
        Reads a bound that is not a few digits with a point; a `ValueError` of it passes.
    """
    counts = counts[counts > 0]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    free, one, two = (first[counts == count] for count in (2, 3, 5))
    if free.size + one.size + two.size < counts.size or not np.all(words[free + 1].are("free")):
        return None
    relation = words[one + 1]
    below, above, equal = (relation.are(word) for word in ("<=", ">=", "="))
    both = words[np.concatenate([two + 1, two + 3])].are("<=")
    if not np.all(below | above | equal) or not np.all(both):
        return None
    side = words[one + 2].numbers(read)
    lower = [np.full(free.size, -np.inf), np.where(below, np.nan, side), words[two].numbers(read)]
    upper = [np.full(free.size, np.inf), np.where(above, np.nan, side), words[two + 4].numbers(read)]
    names = words[np.concatenate([free, one, two + 2])].texts()
    return Bounds(names, np.concatenate(lower).tolist(), np.concatenate(upper).tolist())


def _directions(relations: Words) -> tuple[Mask, Mask] | None:
    """Return which relations bound from above and which from below."""
    first, last, size = relations.first, relations.last, relations.size
    equal = (first == _EQUAL) & (last == _EQUAL) & (size == 1)
    one = (size == 1) | ((size == 2) & ((first == _EQUAL) != (last == _EQUAL)))
    less, more = (((first == which) | (last == which)) & one for which in (_LESS, _MORE))
    mixed = less & more
    return None if np.any(mixed | ~(less | more | equal)) else (less | equal, more | equal)
