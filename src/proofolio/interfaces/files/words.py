"""The words of a text as arrays: cut out, compared, looked up and read as numbers, all of them in a few steps.

Both readers take most of a file this way. Nothing is said here about what is wrong with a text: where something needs a
look of its own, there is no answer, and the readers look at one line or one term after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Mask
from proofolio.program.decimals import DIGITS, POWERS

__all__ = ["Words"]


LONGEST = 256  # characters of a word; what is longer is left to the readers
CHUNK = 8  # characters compared in one step
_KEPT = np.array([(1 << (8 * k)) - 1 for k in range(CHUNK + 1)], dtype=np.uint64)
_FACTOR = 0x9E3779B97F4A7C15
_BLANK, _TAB, _NEWLINE, _ZERO, _DOT, _PLUS, _MINUS = b" \t\n0.+-"


class Words:
    """Words between blanks and line ends of a text in plain ASCII, in order.

    Attributes
    ----------
    raw : ndarray of uint8
        The text, a line end before it and enough of them behind it.
    begin, end : ndarray of int, shape (n,)
        Where each word begins and ends in `raw`: one more than in the text.
    """

    def __init__(self, text: str, raw: NDArray[np.uint8], begin: Integers, end: Integers) -> None:
        self.text, self.raw, self.begin, self.end = text, raw, begin, end

    @classmethod
    def of(cls, text: str) -> Words | None:
        """Return the words of a text; None where it is not plain: other letters, control characters, long words."""
        if not text.isascii():
            return None
        raw = np.frombuffer(b"\n" + text.encode() + b"\n" * (LONGEST + CHUNK), dtype=np.uint8)
        blank = raw <= _BLANK
        if np.any((raw < _BLANK) & (raw != _NEWLINE) & (raw != _TAB)):
            return None
        edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
        words = cls(text, raw, np.ascontiguousarray(edges[::2]), np.ascontiguousarray(edges[1::2]))
        return words if np.max(words.size, initial=0) <= LONGEST else None

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Words | None:
        """Return names, each of them a word; None where they are not."""
        words = cls.of("\n".join(names))
        return words if words is not None and len(words) == len(names) else None

    def __len__(self) -> int:
        return self.begin.size

    def __getitem__(self, which: slice | Integers | Mask) -> Words:
        return Words(self.text, self.raw, self.begin[which], self.end[which])

    @property
    def size(self) -> Integers:
        """How many characters each word has."""
        return self.end - self.begin

    @property
    def first(self) -> NDArray[np.uint8]:
        """The first character of each word."""
        return self.raw[self.begin]

    @property
    def last(self) -> NDArray[np.uint8]:
        """The last character of each word."""
        return self.raw[self.end - 1]

    def texts(self) -> list[str]:
        """Return the words themselves."""
        text = self.text
        return [text[a:b] for a, b in zip((self.begin - 1).tolist(), (self.end - 1).tolist(), strict=True)]

    def lines(self) -> list[int]:
        """Return where each line of the text begins, in the text."""
        found: list[int] = np.flatnonzero(self.raw[: len(self.text) + 1] == _NEWLINE).tolist()
        return found

    def per_line(self) -> Integers:
        """Return how many words stand on each line of the text."""
        unfinished = int(not self.text.endswith("\n"))
        ends = np.flatnonzero(self.raw[self.end] == _NEWLINE)
        if ends.size == self.text.count("\n") + unfinished:  # right behind the last word of every line
            return np.diff(ends, prepend=-1)
        breaks = np.flatnonzero(self.raw[: len(self.text) + 1 + unfinished] == _NEWLINE)
        return np.diff(np.searchsorted(self.begin, breaks))

    # --------------------------------------------------------- words as numbers of eight bytes
    @cached_property
    def chunks(self) -> list[NDArray[np.uint64]]:
        """Eight characters of each word at a time, zeros behind its end: words are equal where these are."""
        size = self.size
        bytes_ = self.raw.view()
        eight: NDArray[np.uint64] = np.ndarray(bytes_.size - CHUNK + 1, "<u8", bytes_.data, strides=(1,))
        count = -(-int(np.max(size, initial=1)) // CHUNK)
        return [
            eight[self.begin + CHUNK * k] & _KEPT[np.clip(size - CHUNK * k, 0, CHUNK)] for k in range(count)
        ]

    def _chunk(self, k: int) -> NDArray[np.uint64]:
        return self.chunks[k] if k < len(self.chunks) else np.zeros(len(self), dtype=np.uint64)

    @cached_property
    def _key(self) -> NDArray[np.uint64]:
        """A number of each word, the same for equal words and hardly ever for two others."""
        key = np.zeros(len(self), dtype=np.uint64)
        for k, chunk in enumerate(self.chunks):
            key += chunk * np.uint64(pow(_FACTOR, 2 * k + 1, 2**64))
        return key ^ (key >> np.uint64(32))

    def changes(self) -> Mask:
        """Return whether each word differs from the one before it; the first one does."""
        differs = np.ones(len(self), dtype=bool)
        differs[1:] = np.logical_or.reduce([chunk[1:] != chunk[:-1] for chunk in self.chunks])
        return differs

    def are(self, word: str) -> Mask:
        """Return which words are this one."""
        other = Words.of(word)
        assert other is not None
        return self._equal(other, np.zeros(len(self), dtype=np.intp))

    def places(self, names: Words) -> Integers:
        """Return where each word stands among names, all different; -1 where it does not, or may not."""
        if not len(names):
            return np.full(len(self), -1)
        order = np.argsort(names._key)
        at = order[np.minimum(np.searchsorted(names._key[order], self._key), order.size - 1)]
        return np.where(self._equal(names, at), at, -1)

    def _equal(self, others: Words, at: Integers) -> Mask:
        count = max(len(self.chunks), len(others.chunks))
        same = [self._chunk(k) == others._chunk(k)[at] for k in range(count)]
        return np.asarray(np.logical_and.reduce(same))

    def distinct(self) -> tuple[Integers, Integers] | None:
        """Return the first occurrence of each different word, in order, and which of them each word is.

        None where two words could not be told from each other.
        """
        _, first, which = np.unique(self._key, return_index=True, return_inverse=True)
        if not np.all(self._equal(self, first[which])):
            return None
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size)
        return first[order], rank[which]

    # ------------------------------------------------------------------------------- numbers
    def numbers(self, read: Callable[[str], float]) -> Floats:
        """Return the numbers that the words say, rounded once.

        A few digits with a point are read here, the words of one length together: 0.25 is 25 / 10^2, both of them
        doubles. `read` is asked for every other word.

        Raises
        ------
        ValueError
            As `read` does, for a word that is no number.
        """
        found = np.empty(len(self))
        size = self.size
        for length in np.flatnonzero(np.bincount(size)).tolist():
            which = np.flatnonzero(size == length)
            found[which] = self[which]._of_one_length(length, read)
        return found

    def _of_one_length(self, length: int, read: Callable[[str], float]) -> Floats:
        count = len(self)
        value, digits, places = (
            np.zeros(count),
            np.zeros(count, dtype=np.int8),
            np.zeros(count, dtype=np.int8),
        )
        dots = np.zeros(count, dtype=np.int8)
        plain = np.ones(count, dtype=bool)
        first = self.first
        signed = (first == _PLUS) | (first == _MINUS)
        for k in range(length if length <= DIGITS + 2 else 0):
            letter = self.raw[self.begin + k]
            figure = letter - np.uint8(_ZERO)  # of anything else more than 9
            digit, dot = figure < 10, letter == _DOT
            value = np.where(digit, 10.0 * value + figure, value)
            digits += digit
            places += digit & (dots > 0)
            dots += dot
            plain &= digit | dot | (signed if k == 0 else False)
        plain &= (dots <= 1) & (digits > 0) & (digits <= DIGITS)
        value = value / POWERS[places]
        value = np.where(first == _MINUS, 0.0 - value, value)
        others = np.flatnonzero(~plain)
        value[others] = [read(word) for word in self[others].texts()]
        return np.asarray(value)
