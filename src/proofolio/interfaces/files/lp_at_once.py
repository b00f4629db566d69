"""Sections of LP files that are taken at once, as `lp_sums` reads them, if nothing about them must be said."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from math import inf

import numpy as np

from proofolio.arrays import Integers
from proofolio.interfaces.files.contents import INFINITE, has_twice
from proofolio.interfaces.files.lp_expressions import SIDE, Expressions
from proofolio.interfaces.files.lp_sums import bounds_of, rows_of, sum_of
from proofolio.interfaces.files.lp_words import NUM, SECTION, Columns
from proofolio.interfaces.files.words import Words
from proofolio.program.decimals import exact_sum

__all__ = ["SectionsAtOnce"]


_PLAIN_NUMBER = re.compile(NUM)
_NO_LABEL = re.compile("[:<>=]")


class SectionsAtOnce(Expressions):
    """Takes an objective, rows or bounds in a few steps, or leaves them to be read a term at a time.

    Attributes
    ----------
    labels : dict
        Names of rows, and their lines.
    """

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self.labels: dict[str, int] = {}

    def _section(self) -> Words | None:
        """Return the words up to the end of the section."""
        if self.words is None:
            return None
        first, last = np.searchsorted(self.words.begin, [self.at + 1, self.end + 1]).tolist()
        return self.words[first:last]

    def _plain_number(self, word: str) -> float:
        if not _PLAIN_NUMBER.fullmatch(word):
            raise ValueError
        return self.number(word)

    def _plain_bound(self, word: str) -> float:
        if not SIDE.fullmatch(word):
            raise ValueError
        return self.number.bound(word)

    def _sum_taken(self) -> bool:
        """Take the objective at once, if nothing about it must be said."""
        found, words = self.found, self._section()
        if words is not None and not self._has_plain_label(words):
            return False
        try:
            sum_ = None if words is None else sum_of(words, self._plain_number)
        except ValueError:
            return False
        columns = None if sum_ is None else Columns.of(sum_.names, self.place)
        if sum_ is None or columns is None or columns.at.size > columns.different:
            return False
        self._add(columns)
        cost = np.zeros(len(found.columns))
        cost[columns.at] = sum_.values
        found.cost = cost.tolist()
        found.constant = exact_sum(sum_.constants)
        return True

    def _rows_taken(self) -> bool:
        """Take all rows of a section at once, if nothing about them must be said."""
        found, words = self.found, self._section()
        try:
            rows = None if words is None else rows_of(words, self._plain_number)
        except ValueError:
            return False
        columns = None if rows is None else Columns.of(rows.terms.names, self.place)
        if (
            rows is None
            or columns is None
            or has_twice(rows.row, columns.at, (len(rows.labels), columns.end))
        ):
            return False
        sides = np.where(np.abs(rows.sides) < INFINITE, rows.sides, np.copysign(inf, rows.sides))
        low, high = np.where(rows.more, sides, -inf), np.where(rows.less, sides, inf)
        labels = [label[:-1] for label in rows.labels.texts()]
        if np.any(low == inf) or np.any(high == -inf) or not self._are_labels(labels):
            return False
        self._add(columns)
        lines = np.searchsorted(self.starts, rows.labels.begin).tolist()
        self.labels.update(zip(labels, lines, strict=True))
        found.entries.take(len(found.rows) + rows.row, columns.at, rows.terms.values)
        found.rows += labels
        found.row_lines += lines
        found.row_lower += low.tolist()
        found.row_upper += high.tolist()
        return True

    def _has_plain_label(self, words: Words) -> bool:
        """Whether the first colon, if there is any, ends a first word that can be a name."""
        if not words.size.size:
            return True
        label, colon, _ = words.text[int(words.begin[0]) - 1 : int(words.end[-1]) - 1].partition(":")
        return not colon or (words[:1].texts() == [f"{label}:"] and self._are_labels([label]))

    def _add(self, columns: Columns) -> None:
        self.place.update(zip(columns.new, range(len(self.place), columns.end), strict=True))
        self.found.add_columns(columns.new, [False] * len(columns.new))

    def _are_labels(self, labels: Sequence[str]) -> bool:
        """Whether words can be names of rows, and are none yet."""
        fresh = len({*labels}) == len(labels) and self.labels.keys().isdisjoint(labels)
        return fresh and not _NO_LABEL.search("".join(labels)) and not any(map(SECTION.fullmatch, labels))

    def _bounds_taken(self) -> bool:
        """Take all bounds at once, if nothing about them must be said."""
        found, words = self.found, self._section()
        try:
            # the first line of the section is the rest of the one that begins it
            lines = None if words is None else np.diff(np.searchsorted(words.begin, self._lines_of_section()))
            bounds = None if words is None or lines is None else bounds_of(words, lines, self._plain_bound)
        except ValueError:
            return False
        if bounds is None:
            return False
        columns = [self.place.get(name, -1) for name in bounds.names]
        if -1 in columns or len({*columns}) < len(columns) or inf in bounds.lower or -inf in bounds.upper:
            return False
        for column, low, high in zip(columns, bounds.lower, bounds.upper, strict=True):
            if low == low:
                found.lower[column] = low
            if high == high:
                found.upper[column] = high
        return True

    def _lines_of_section(self) -> Integers:
        """Return where the lines of the section begin, and where it ends, among the words."""
        first, last = bisect_right(self.starts, self.at), bisect_right(self.starts, self.end)
        return np.array([self.at, *self.starts[first:last], self.end]) + 1
