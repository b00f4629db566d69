"""Expressions and sides of LP files, read a term at a time; `lp_reader` holds the grammar, and reads the sections."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction
from functools import cached_property
from math import inf
from typing import NamedTuple

from proofolio.errors import BadData
from proofolio.interfaces.files.contents import Contents, FileNumbers, Terms
from proofolio.interfaces.files.lp_words import NAME, NO_NAMES, NUM, is_closed
from proofolio.interfaces.files.words import Words

__all__ = ["RELATION", "SIDE", "Expression", "Expressions", "direction_of"]


_REL = r"(?:<=|=<|>=|=>|<|>|=)(?![<>=])"
_INF = r"inf(?:inity)?(?![^\s<>=+\-:])"
_TERM = re.compile(rf"\s*(?P<sign>[+-](?:\s*[+-])?)?\s*(?P<number>{NUM})?(?P<gap>\s*\*?\s*)(?P<name>{NAME})?")
_SQUARE = re.compile(
    rf"\s*(?P<sign>[+-](?:\s*[+-])?)?\s*(?P<number>{NUM})?(?P<gap>\s*\*?\s*)(?P<first>{NAME})"
    rf"\s*(?:\^\s*2(?![\w.])|\*\s*(?P<second>{NAME}))",
)
_CLOSE = re.compile(r"\s*\](?P<half>\s*/\s*2(?:\.0*)?(?![\w.]))?")
_FOREIGN_SIGN = re.compile(r"\s*(?P<sign>[*^/\[])")
RELATION = re.compile(rf"\s*(?P<relation>{_REL})")
SIDE = re.compile(rf"\s*(?P<side>[+-]?\s*(?:{NUM}|{_INF}))(?![^\s<>=])", re.I)
_BLANK = re.compile(r"\s*")


class Expression(NamedTuple):
    """The terms of a sum, its constants, its products, and whether it has brackets."""

    columns: list[int]
    values: list[float]
    constants: list[float]
    squares: Terms  # column, column, value of x_i x_j, each product once
    bracket: bool


class Expressions:
    """A place in the text of an LP file, and what is read from there on.

    Attributes
    ----------
    found : Contents
        What was read so far.
    text : str
        Without comments.
    words : Words, optional
        Those of the text.
    at, end : int
        Where the next word is looked for, and where the section ends.
    place : dict
        The columns by their names.
    """

    def __init__(self, text: str, file: str) -> None:
        self.found = Contents(file)
        self.text = re.sub(r"\\[^\n]*", "", text)  # the line ends stay, so lines keep their numbers
        self.words = Words.of(self.text)
        self.at = 0
        self.end = 0
        self.number = FileNumbers()
        self.place: dict[str, int] = {}

    @cached_property
    def starts(self) -> list[int]:
        """Where lines begin."""
        if self.words is not None:
            return self.words.lines()
        return [0, *(m.end() for m in re.finditer(r"\n", self.text))]

    # ---------------------------------------------------------------- errors
    def line(self, at: int | None = None) -> int:
        """Return the line of a position; of the next word when none is given."""
        if at is None:
            at = _BLANK.match(self.text, self.at, self.end).end()  # type: ignore[union-attr]
        return bisect_right(self.starts, min(at, max(len(self.text) - 1, 0)))

    def error(self, sentence: str, at: int | None = None) -> BadData:
        """Return the error that something at a position, or the next word, cannot be used."""
        return self.found.error(self.line(at), sentence)

    def here(self) -> str:
        """Return the next words, for an error, or what ends the section."""
        words = self.text[self.at : self.end].split()
        if words:
            return repr(" ".join(words[:5])[:40])
        following = self.text[self.end :].split()
        return f"{following[0]!r} (which begins a section wherever it stands)" if following else "the end"

    def _more(self) -> bool:
        self.at = _BLANK.match(self.text, self.at, self.end).end()  # type: ignore[union-attr]
        return self.at < self.end

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at, self.end)
        if found is not None:
            self.at = found.end()
        return found

    # ------------------------------------------------------------ expressions
    def _column(self, name: str, at: int) -> int:
        column = self.place.get(name)
        if column is None:
            if name.lower() in NO_NAMES:
                raise self.error(f"{name!r} cannot stand here, and cannot be a name", at)
            if not is_closed(name):
                raise self.error(
                    f"{name!r} is not a name: its brackets do not match, or a comma ends it (sums in brackets and "
                    "lists with commas are not of this format)",
                    at,
                )
            column = self.place[name] = self.found.add_column(name)
        return column

    def _coefficient(self, term: re.Match[str], name: str | None) -> float:
        sign, digits = term["sign"], term["number"]
        value = 1.0
        if digits is not None:
            try:
                value = self.number(digits)
            except ValueError as error:
                raise self.error(f"{digits!r} {error}", term.start("number")) from None
            if name is not None and not term["gap"]:
                first = name[0]
                if not first.isalpha() or first in "eEdD" or (first in "xX" and digits == "0"):
                    raise self.error(
                        f"{digits + name!r} can be read in two ways: write a blank between number and name",
                        term.start("number"),
                    )
        return -value if sign is not None and sign.count("-") == 1 else value

    def _expression(self, objective: bool) -> Expression:
        """Read as many terms as there are."""
        text, end, place = self.text, self.end, self.place
        columns: list[int] = []
        values: list[float] = []
        constants: list[float] = []
        squares: Terms = []
        bracket = False
        first = True
        while True:
            term = _TERM.match(text, self.at, end)
            assert term is not None  # every part of it may be missing
            sign, digits, name = term["sign"], term["number"], term["name"]
            if sign is None and not first:
                break
            stop = term.end("gap") if name is None else term.end()
            follows = text[stop : stop + 1] if stop < end else ""
            if name is None and follows == "[":
                if digits is not None and "*" in term["gap"]:
                    raise self.error("'*' before a bracket is not of this format", stop)
                self.at = stop
                squares += self._bracketed(self._coefficient(term, None), objective)
                bracket = True
            elif name is not None:
                if digits is None and "*" in term["gap"]:
                    raise self.error(f"{self.here()} begins with '*'")
                column = place.get(name)
                if column is None:
                    column = self._column(name, term.start("name"))
                columns.append(column)
                values.append(self._coefficient(term, name))
                self.at = stop
            elif digits is not None:
                self.at = term.end("number")
                if "*" in term["gap"] or text[self.at : min(self.at + 1, end)].strip(" \t\n\r<>=+-"):
                    raise self.error(f"after the number {digits} stands {self.here()}", self.at)
                constants.append(self._coefficient(term, None))
            elif sign is not None:
                self.at = term.end("sign")
                raise self.error(
                    f"after {sign!r} a number, a name or a bracket is missing: there is {self.here()}"
                )
            else:
                break
            first = False
        left = _FOREIGN_SIGN.match(text, self.at, end)
        if left is not None:
            what = {"*": "a product", "^": "a power", "/": "a division"}.get(
                left["sign"], "a bracket without a sign"
            )
            raise self.error(
                f"{what} at {self.here()} is not of this format here: products and squares stand in [ ], and a "
                "division is only [ ... ] / 2"
            )
        return Expression(columns, values, constants, squares, bracket)

    def _bracketed(self, factor: float, objective: bool) -> Terms:
        """Read ``[ ... ]`` or ``[ ... ] / 2``; what is returned adds up to it."""
        opened = self.at
        self.at += 1
        found: Terms = []
        while True:
            square = _SQUARE.match(self.text, self.at, self.end)
            if square is None:
                break
            if found and square["sign"] is None:
                raise self.error(f"a sign is missing before {self.here()}")
            if square["number"] is None and "*" in square["gap"]:
                raise self.error(f"{self.here()} begins with '*'")
            value = self._coefficient(square, square["first"])
            first = self._column(square["first"], square.start("first"))
            second = square["second"]
            other = first if second is None else self._column(second, square.start("second"))
            found.append((first, other, value))
            self.at = square.end()
        close = self._take(_CLOSE)
        if close is None:
            raise self.error(f"{self.here()} is not a quadratic term, such as 2 x ^ 2 or 3 x * y")
        if not found:
            raise self.error("the bracket is empty", opened)
        if objective and close["half"] is None:
            raise self.error("a bracket in the objective must end with ] / 2", opened)
        if not objective and close["half"] is not None:
            raise self.error("a bracket in a row cannot end with / 2: write the numbers themselves", opened)
        return [(i, j, v if factor == 1.0 else _product(factor, v)) for i, j, v in found]

    # ------------------------------------------------------------------ sides
    def _side(self, name: str) -> float:
        side = self._take(SIDE)
        if side is None:
            raise self.error(
                f"row {name}: the right side must be one number, with the variables on the left; there is {self.here()}"
            )
        return self._value(side)

    def _value(self, side: re.Match[str]) -> float:
        word = "".join(side["side"].split())
        try:
            return self.number.bound(word)
        except ValueError as error:
            raise self.error(f"{word!r} {error}", side.start("side")) from None

    def _sides(self, direction: str, value: float, low: float, high: float, at: int) -> tuple[float, float]:
        if direction in "=>":
            low = value
        if direction in "=<":
            high = value
        if low == inf or high == -inf:
            raise self.error(f"nothing is {direction} {value:g}", at)
        return low, high


def direction_of(relation: re.Match[str]) -> str:
    """Return which of ``<``, ``>`` and ``=`` a relation is."""
    word = relation["relation"]
    return "<" if "<" in word else ">" if ">" in word else "="


def _product(a: float, b: float) -> float:
    """Multiply as decimals, rounding once."""
    return a * b if abs(a) == 1.0 else float(Fraction(repr(a)) * Fraction(repr(b)))
