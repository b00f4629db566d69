r"""The grammar of LP files (CPLEX's, as most solvers write them), and the one reader of it.

Blanks and line ends separate words; ``LF``, ``CR LF`` and ``CR`` end lines; a backslash begins a comment to the end of
its line. Section words stand alone between blanks, in any case, anywhere: they cannot be names::

    file       = sense [ label ] expression { section } "End"
    sense      = Minimize | Minimise | Minimum | Min | Maximize | Maximise | Maximum | Max
    section    = ( "Subject To" | "Such That" | "S.T." | "St" ) { row }
               | "Lazy Constraints" { row }                                     ordinary rows
               | "User Cuts" { row }                                            left out, with a warning
               | ( "Bounds" | "Bound" ) { bound }
               | ( "Generals" | "General" | "Gen" | "Integers" | "Integer" | "Int" ) { name }
               | ( "Binaries" | "Binary" | "Bin" ) { name }
               | ( "Semi-Continuous" | "Semis" | "Semi" | "Semi-Integer" | "Semi-Integers" ) { name }
               | ( "SOS" | "SOS1" | "SOS2" ) { [ label ] ( "S1::" | "S2::" ) { name ":" number } }
    label      = word ":"
    row        = [ label ] [ name "=" ( 0 | 1 ) "->" ] body
    body       = expression relation side | side relation expression [ relation side ]
    expression = term { ( "+" | "-" ) term }                                    a sign may stand before the first
    term       = [sign] [ number [ "*" ] ] name | [sign] number | [sign] [number] bracket
    bracket    = "[" square { ( "+" | "-" ) square } "]" [ "/ 2" ]              "/ 2" in the objective, and only there
    square     = [ number [ "*" ] ] name ( "^ 2" | "*" name )
    bound      = name relation side | side relation name [ relation side ] | name "free"
    relation   = "<=" | "=<" | "<" | ">=" | "=>" | ">" | "="
    side       = [sign] ( number | "inf" | "infinity" )                         1e20 and more is infinite
    number     = decimal [ ( e | E ) [sign] digits ]
    name       = letters, digits and ! " # $ % & ' ( ) , . ? @ _ ` { | } ~ , and [...] anywhere but at the front; it
                 begins with no digit, dot, comma or (, ends with no comma, and its ( and { are closed

Meanings:

- Constants on the left of a row are moved to its right side, as decimals, rounded once; repeated names are added up
  (HiGHS drops the constant, SCIP refuses it; of ``x + x`` SCIP keeps one x).
- A number or a sign before a bracket multiplies it (HiGHS misreads it, SCIP refuses it).
- In ``a <= x + y <= b`` both relations point the same way; a row in which they do not is refused.
- A row ends with its right side. A row that begins on the same line as the one before needs a label, or begins with a
  name and ends on that line; ``x <= 5 + y`` is refused (HiGHS and SCIP begin a row ``+ y``).
- Rows without a label are called ``c`` and their number; where another row has that name, ``c1_2``.
- Bounds are read in order, the last one counts. A lower bound is zero unless given, also above a negative upper bound.
- Binaries are integers within [0, 1] and their bounds, wherever these stand (HiGHS and GLPK let ``x <= 10`` win).
- Semi-continuous columns are zero or within their bounds; with Generals, or under Semi-Integer, they are integer.
- A number and a name may touch (``2x``) unless the name could be part of the number (``2e``, ``0x1``, ``1_000``).
- User cuts never remove a solution, by their definition: the model without them is the same model. They are left out,
  since what is proved or certified must not rest on a row that its author only claims to follow from the others.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache, cached_property
from math import inf
from typing import Any, NamedTuple

import numpy as np

from proofolio.arrays import Integers, Mask
from proofolio.errors import BadData
from proofolio.interfaces.files.contents import INFINITE, Contents, FileNumbers, Terms, has_twice
from proofolio.interfaces.files.lp_sums import bounds_of, rows_of, sum_of
from proofolio.interfaces.files.names import fresh_name
from proofolio.interfaces.files.words import Words
from proofolio.program.decimals import exact_sum

__all__ = ["read_lp"]


_NUM = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_BODY = r"[^\s+\-*^/:;<>=\[\]\\]*"
_NAME = rf"(?![0-9.,(])[^\s+\-*^/:;<>=\[\]\\]{_BODY}(?:\[[^\s\[\]^*]*\]{_BODY})*"
_REL = r"(?:<=|=<|>=|=>|<|>|=)(?![<>=])"
_INF = r"inf(?:inity)?(?![^\s<>=+\-:])"

_TERM = re.compile(
    rf"\s*(?P<sign>[+-](?:\s*[+-])?)?\s*(?P<number>{_NUM})?(?P<gap>\s*\*?\s*)(?P<name>{_NAME})?"
)
_SIGN = re.compile(r"\s*[+-]")
_SQUARE = re.compile(
    rf"\s*(?P<sign>[+-](?:\s*[+-])?)?\s*(?P<number>{_NUM})?(?P<gap>\s*\*?\s*)(?P<first>{_NAME})"
    rf"\s*(?:\^\s*2(?![\w.])|\*\s*(?P<second>{_NAME}))",
)
_CLOSE = re.compile(r"\s*\](?P<half>\s*/\s*2(?:\.0*)?(?![\w.]))?")
_FOREIGN_SIGN = re.compile(r"\s*(?P<sign>[*^/\[])")
_ANY_RELATION = re.compile("[<>=]")
_LABEL = re.compile(r"\s*(?P<label>[^\s:<>=]+)\s*:(?!:)")
_SWITCH = re.compile(rf"\s*(?P<name>{_NAME})\s*=\s*(?P<on>[01])\s*->")
_RELATION = re.compile(rf"\s*(?P<relation>{_REL})")
_SIDE = re.compile(rf"\s*(?P<side>[+-]?\s*(?:{_NUM}|{_INF}))(?![^\s<>=])", re.I)
_PLAIN_NAME = re.compile(rf"\s*(?P<name>{_NAME})")
_FREE = re.compile(rf"\s*(?P<name>{_NAME})\s+free(?!\S)", re.I)
_SET = re.compile(r"\s*(?:(?P<label>[^\s:]+)\s*:)?\s*[sS](?P<kind>[12])\s*::")
_MEMBER = re.compile(rf"\s*(?P<name>{_NAME})\s*:(?!:)\s*(?P<weight>[+-]?{_NUM})(?!\S)")
_BLANK = re.compile(r"\s*")
_PROBLEM = re.compile(r"(?m)^\\\s*Problem name\s*:\s*(\S.*?)\s*$")
_WORDS = re.compile(
    r"(?<!\S)(?:(?P<objective>(?:max|min)(?:imi[sz]e|imum)?)|(?P<rows>subject\s+to|such\s+that|s\.t\.|st\.?)"
    r"|(?P<lazy>lazy\s+constraints)|(?P<cuts>user\s+cuts)|(?P<foreign>gen(?:eral)?\s*constraints|gencons|pwlobj|scenario)"
    r"|(?P<bounds>bounds?)|(?P<generals>gen(?:erals?)?|int(?:egers?)?)|(?P<binaries>bin(?:ary|aries)?)"
    r"|(?P<semi>semi-?continuous|semis?)|(?P<semi_integer>semi-?integers?)|(?P<sos>sos[12]?)|(?P<end>end))(?!\S)",
    re.I,
)
_LP_SOLVE = re.compile(r"(?i)(?<!\S)(?:max|min)(?:imi[sz]e)?\s*:.*;", re.DOTALL)
_OPPOSITE = {"<": ">", ">": "<", "=": "="}
_PLAIN_NUMBER = re.compile(_NUM)
_BRACKETED = re.compile(r"\[[^\s\[\]^*]*\]")
_IN_NO_NAME = re.compile(r"[+\-*^/:;<>=\[\]\\]")
_OF_BRACKETS = re.compile("[(){},]")
_NO_LABEL = re.compile("[:<>=]")
_LETTERS = 3  # of words that begin sections
_BEGINNINGS = ("max", "min", "sub", "suc", "s.t", "laz", "use", "gen", "pwl", "sce", "bou", "int", "bin", "sem", "sos",
    "end")  # fmt: skip
_NO_NAMES = frozenset({"inf", "infinity", "nan", "free"})


class _Expression(NamedTuple):
    columns: list[int]
    values: list[float]
    constants: list[float]
    squares: Terms  # column, column, value of x_i x_j, each product once
    bracket: bool


def read_lp(text: str, file: str) -> Contents:
    """Read LP text.

    Raises
    ------
    BadData
        For text that does not fit the grammar, with its line, and for a file without objective or end.
    UnsupportedProgram
        For sections a Program has no place for.
    """
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.found = Contents(file)
        named = _PROBLEM.search(text)
        self.found.name = named[1] if named else ""
        self.text = re.sub(r"\\[^\n]*", "", text)  # the line ends stay, so lines keep their numbers
        self.words = Words.of(self.text)
        self.at = 0
        self.end = 0  # of the section
        self.number = FileNumbers()
        self.place: dict[str, int] = {}
        self.labels: dict[str, int] = {}  # names of rows, and their lines
        self.unnamed: list[int] = []  # rows to be named when all names are known
        self.binary: dict[int, int] = {}
        self.listed: dict[str, int] = {}

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
        return self.found.error(self.line(at), sentence)

    def here(self) -> str:
        """Return the next words, for an error, or what ends the section."""
        words = self.text[self.at : self.end].split()
        if words:
            return repr(" ".join(words[:5])[:40])
        following = self.text[self.end :].split()
        return f"{following[0]!r} (which begins a section wherever it stands)" if following else "the end"

    # -------------------------------------------------------------- sections
    def read(self) -> Contents:
        text, found = self.text, self.found
        heads = self._heads()
        if not any(head.lastgroup == "objective" for head in heads):
            other = " (it may be lp_solve's format, which is another one)" if _LP_SOLVE.search(text) else ""
            raise BadData(f"{found.file} is not an .lp file: it has no line Minimize or Maximize{other}")
        ends = [head for head in heads if head.lastgroup == "end"]
        if not ends:
            raise BadData(f"{found.file} is not a whole .lp file: it has no line End")
        heads = [head for head in heads if head.start() <= ends[0].start()]
        self.end = heads[0].start()
        if text[: self.end].strip():
            raise self.error(f"{self.here()} stands before Minimize or Maximize")
        begun: dict[str, int] = {}
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            kind, line = str(head.lastgroup), self.line(head.start())
            self.at, self.end = head.end(), following.start() if following else len(text)
            if kind in ("objective", "rows") and kind in begun:
                raise found.error(
                    line,
                    f"{head[0]!r} begins a section that began in line {begun[kind]}; it cannot be a name",
                )
            begun.setdefault(kind, line)
            if text[self.at : self.end].lstrip().startswith(":"):
                raise found.error(line, f"{head[0]!r} begins a section: it cannot be a name")
            if kind == "foreign":
                raise found.unsupported(
                    line, f"there is a section {head[0]}, which a Program has no place for"
                )
            if kind == "end":
                if text[self.at : self.end].strip():
                    found.warn(self.line(), f"{self.here()} stands after End and is not read")
                continue
            if kind == "objective":
                found.maximise = head[0].lower().startswith("max")
            getattr(self, f"_{kind}")(head[0], line)
        self._finish()
        return found

    def _heads(self) -> list[re.Match[str]]:
        """Return the words that begin sections."""
        if self.words is None:
            return list(_WORDS.finditer(self.text))
        begins = self.words.begin
        three = [self.words.raw[begins + k].astype(np.intp) for k in range(_LETTERS)]
        likely = begins[_may_begin_section()[_letters(*three)]] - 1
        return [head for head in (_WORDS.match(self.text, at) for at in likely.tolist()) if head is not None]

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
        if not _SIDE.fullmatch(word):
            raise ValueError
        return self.number.bound(word)

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
            if name.lower() in _NO_NAMES:
                raise self.error(f"{name!r} cannot stand here, and cannot be a name", at)
            if not _is_closed(name):
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

    def _expression(self, objective: bool) -> _Expression:
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
        return _Expression(columns, values, constants, squares, bracket)

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

    # ------------------------------------------------------ objective and rows
    def _objective(self, word: str, line: int) -> None:
        found = self.found
        if self.text[self.at : self.end].split()[:1] == ["multi-objectives"]:
            raise found.unsupported(line, "there are several objectives, which a Program has no place for")
        if self._sum_taken():
            return
        self._take(_LABEL)
        sum_ = self._expression(objective=True)
        if self._more():
            raise self.error(f"{self.here()} is not a term of the objective, or a sign is missing before it")
        for column, value in zip(*_merged(sum_.columns, sum_.values), strict=True):
            found.cost[column] = value
        found.constant = exact_sum(sum_.constants)
        # [ a x^2 + b x*y ] / 2 = x'Px / 2 with P_xx = a and P_xy = P_yx = b / 2
        found.curved = _both_orders(sum_.squares)

    def _sum_taken(self) -> bool:
        """Take the objective at once, if nothing about it must be said."""
        found, words = self.found, self._section()
        try:
            sum_ = None if words is None else sum_of(words, self._plain_number)
        except ValueError:
            return False
        columns = None if sum_ is None else _Columns.of(sum_.names, self.place)
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
        columns = None if rows is None else _Columns.of(rows.terms.names, self.place)
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

    def _add(self, columns: _Columns) -> None:
        self.place.update(zip(columns.new, range(len(self.place), columns.end), strict=True))
        self.found.add_columns(columns.new, [False] * len(columns.new))

    def _are_labels(self, labels: Sequence[str]) -> bool:
        """Whether words can be names of rows, and are none yet."""
        fresh = len({*labels}) == len(labels) and self.labels.keys().isdisjoint(labels)
        return fresh and not _NO_LABEL.search("".join(labels)) and not any(map(_WORDS.fullmatch, labels))

    def _rows(self, word: str, line: int) -> None:
        if self._rows_taken():
            return
        last = 0  # line of the right side of the row before
        while self._more():
            last = self._row(last)

    _lazy = _rows

    def _cuts(self, word: str, line: int) -> None:
        """Read the cuts, so that what cannot be read is refused, and forget them."""
        found = self.found
        rows = len(found.rows)
        entries = len(found.entries[0])
        self._rows(word, line)
        count = len(found.rows) - rows
        for kept in (found.rows, found.row_lines, found.row_lower, found.row_upper):
            del kept[rows:]
        found.entries.cut(entries)
        found.quadratic = {k: v for k, v in found.quadratic.items() if k < rows}
        found.indicators = {k: v for k, v in found.indicators.items() if k < rows}
        self.unnamed = [k for k in self.unnamed if k < rows]
        if count:
            found.warn(
                line, f"user cuts are left out ({count} rows): they cut off no solution, or they are wrong"
            )

    def _row(self, last: int) -> int:
        """Read one row and return the line on which it ends; `last` is the line on which the one before does."""
        found, begin = self.found, self.at
        line = self.line(begin)
        label = self._take(_LABEL)
        row = len(found.rows)
        if label is None:
            self._check_begins_anew(last, line)
            self.unnamed.append(row)
            name = ""
        else:
            name = label["label"]
            if _WORDS.fullmatch(name):
                raise found.error(line, f"{name!r} begins a section: it cannot be a name")
            if name in self.labels:
                raise found.error(
                    line, f"two rows are called {name!r}: the first stands in line {self.labels[name]}"
                )
            self.labels[name] = line
        switch = self._take(_SWITCH)
        if switch is not None:
            found.indicators[row] = (self._column(switch["name"], switch.start("name")), int(switch["on"]))
        low, high, body = self._body(name or "without a name")
        shift = exact_sum(body.constants) if body.constants else 0.0
        if shift:
            low, high = (exact_sum([side, -shift]) if abs(side) < inf else side for side in (low, high))
        found.rows.append(name)
        found.row_lines.append(line)
        found.row_lower.append(low)
        found.row_upper.append(high)
        columns, values = _merged(body.columns, body.values)
        found.entries.rows.extend([row] * len(columns))
        found.entries.columns.extend(columns)
        found.entries.values.extend(values)
        if body.bracket:
            found.quadratic[row] = _both_orders(body.squares)
        return self.line(self.at - 1)

    def _check_begins_anew(self, last: int, line: int) -> None:
        """Refuse a row without a label that may be the rest of the row before."""
        if line != last:
            return
        stop = self.starts[line] if line < len(self.starts) else self.end
        rest = (self.text, self.at, min(stop, self.end))
        if _SIGN.match(*rest) or not _PLAIN_NAME.match(*rest) or not _ANY_RELATION.search(*rest):
            raise self.error(
                f"{self.here()} stands behind the right side of a row: variables stand on the left, the right "
                "side is one number, and a further row on the same line needs a name and a colon"
            )

    def _body(self, name: str) -> tuple[float, float, _Expression]:
        """Read ``expression relation side``, ``side relation expression`` or the sum between two sides."""
        begin = self.at
        side = self._take(_SIDE)
        relation = self._take(_RELATION) if side is not None else None
        low, high = -inf, inf
        if side is None or relation is None:
            self.at = begin
            body = self._expression(objective=False)
            relation = self._take(_RELATION)
            if relation is None:
                raise self.error(f"row {name}: a relation such as <= is missing before {self.here()}")
            direction = _direction(relation)
            low, high = self._sides(direction, self._side(name), low, high, relation.start())
        else:
            first = _OPPOSITE[_direction(relation)]
            low, high = self._sides(first, self._value(side), low, high, begin)
            body = self._expression(objective=False)
            second = self._take(_RELATION)
            if second is not None:
                direction = _direction(second)
                if "=" in (first, direction) or direction == first:
                    raise self.error(
                        f"row {name}: its two relations do not point the same way", second.start()
                    )
                low, high = self._sides(direction, self._side(name), low, high, second.start())
        if not body.columns and not body.bracket:
            raise self.error(f"row {name} has no variable on its left side", begin)
        return low, high, body

    def _side(self, name: str) -> float:
        side = self._take(_SIDE)
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

    # ------------------------------------------------------- bounds and lists
    def _bounds(self, word: str, line: int) -> None:
        if self._bounds_taken():
            return
        found = self.found
        while self._more():
            begin = self.at
            free = self._take(_FREE)
            if free is not None:
                column = self._column(free["name"], free.start("name"))
                found.lower[column], found.upper[column] = -inf, inf
                continue
            side = self._take(_SIDE)
            relation = self._take(_RELATION) if side is not None else None
            name = self._take(_PLAIN_NAME)
            if name is None or (side is not None and relation is None):
                self.at = begin
                raise self.error(
                    f"{self.here()} is not a bound, such as x <= 3, -1 <= x <= 1 or x free (a bound has no factor)"
                )
            column = self._column(name["name"], name.start("name"))
            low, high = found.lower[column], found.upper[column]
            first = ""
            if side is not None and relation is not None:
                first = _OPPOSITE[_direction(relation)]
                low, high = self._sides(first, self._value(side), low, high, begin)
            second = self._take(_RELATION)
            if second is not None:
                direction = _direction(second)
                if first and ("=" in (first, direction) or direction == first):
                    raise self.error(
                        f"the two relations of {name['name']!r} do not point the same way", begin
                    )
                given = self._take(_SIDE)
                if given is None:
                    raise self.error(
                        f"the bound of {name['name']!r} must be a number; there is {self.here()}"
                    )
                low, high = self._sides(direction, self._value(given), low, high, second.start())
            elif not first:
                raise self.error(f"a bound of {name['name']!r} is missing before {self.here()}")
            found.lower[column], found.upper[column] = low, high

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

    def _names(self) -> list[int]:
        """Read the names of a list, each a column."""
        columns = [self.place.get(name, -1) for name in self.text[self.at : self.end].split()]
        if -1 not in columns:
            return columns
        columns = []
        while self._more():
            name = self._take(_PLAIN_NAME)
            if name is None or (self.at < self.end and not self.text[self.at].isspace()):
                raise self.error(f"{self.here()} is not a name")
            if name["name"] not in self.place:
                self.listed.setdefault(name["name"], self.line(name.start("name")))
            columns.append(self._column(name["name"], name.start("name")))
        return columns

    def _generals(self, word: str, line: int) -> None:
        for column in self._names():
            self.found.integer[column] = True

    def _binaries(self, word: str, line: int) -> None:
        for column in self._names():
            self.found.integer[column] = True
            self.binary[column] = line

    def _semi(self, word: str, line: int) -> None:
        self.found.semicontinuous |= dict.fromkeys(self._names(), line)

    def _semi_integer(self, word: str, line: int) -> None:
        columns = self._names()
        self.found.semicontinuous |= dict.fromkeys(columns, line)
        for column in columns:
            self.found.integer[column] = True

    def _sos(self, word: str, line: int) -> None:
        sets = self.found.sos
        while self._more():
            begin = self.at
            head = self._take(_SET)
            if head is None:
                raise self.error(
                    f"{self.here()} does not begin a special ordered set, such as s: S1:: x:1 y:2"
                )
            kind, name = int(head["kind"]), head["label"] or f"sos{len(sets) + 1}"
            if word[3:] and int(word[3:]) != kind:
                raise self.error(f"section {word} holds a set S{kind}", begin)
            if any(name == known for known, *_ in sets):
                raise self.error(f"two special ordered sets are called {name!r}", begin)
            members: list[int] = []
            weights: list[float] = []
            while (member := self._member()) is not None:
                if member["name"] not in self.place:
                    raise self.error(
                        f"{member['name']!r} stands in a special ordered set and in no objective, row or bound",
                        member.start("name"),
                    )
                column, weight = self.place[member["name"]], self.number(member["weight"])
                if column in members or (kind == 2 and weight in weights):
                    what = member["name"] if column in members else f"the weight {member['weight']}"
                    raise self.error(
                        f"the special ordered set {name!r} holds {what} twice", member.start("name")
                    )
                members.append(column)
                weights.append(weight)
            if not members:
                raise self.error(f"the special ordered set {name!r} has no members, such as x:1")
            sets.append((name, kind, members, weights))

    def _member(self) -> re.Match[str] | None:
        return None if _SET.match(self.text, self.at, self.end) else self._take(_MEMBER)

    # ---------------------------------------------------------------- the end
    def _finish(self) -> None:
        found = self.found
        taken = {name for name in found.rows if name}
        for row in self.unnamed:
            found.rows[row] = fresh_name(f"c{row + 1}", taken)
        for column, line in self.binary.items():
            low, high = found.lower[column], found.upper[column]
            if low < 0.0 or 1.0 < high < inf:
                found.warn(
                    line,
                    f"the binary column {found.columns[column]!r} has the bounds {low:g} and {high:g}: it is read as "
                    "0 or 1 (HiGHS and GLPK read an integer within the bounds)",
                )
            found.lower[column], found.upper[column] = max(low, 0.0), min(high, 1.0)
        for name, line in self.listed.items():
            found.warn(line, f"column {name!r} stands in no objective, row or bound: is its name misspelled?")


class _Columns(NamedTuple):
    """Columns of many terms: the place of each, the names that are new, and how many columns there are with them."""

    at: Integers
    different: int
    new: list[str]
    end: int

    @classmethod
    def of(cls, words: Words, known: Mapping[str, int]) -> _Columns | None:
        """Return the columns; None where a new one may have no name that the format allows."""
        found = words.distinct()
        if found is None:
            return None
        first, which = found
        names = words[first].texts()
        new = [name for name in names if name not in known]
        if not _are_names(new):
            return None
        place = dict(zip(new, range(len(known), len(known) + len(new)), strict=True))
        places = np.array([place[name] if name in place else known[name] for name in names], dtype=np.intp)
        return cls(places[which], len(names), new, len(known) + len(new))


def _are_names(words: Sequence[str]) -> bool:
    """Whether words that begin like names are names."""
    together = " ".join(words)
    if not _NO_NAMES.isdisjoint(map(str.lower, words)) or _IN_NO_NAME.search(_BRACKETED.sub("", together)):
        return False
    return not _OF_BRACKETS.search(together) or all(map(_is_closed, words))


def _is_closed(name: str) -> bool:
    return name[-1] != "," and name.count("(") == name.count(")") and name.count("{") == name.count("}")


def _letters(*letters: Any) -> Any:
    """Return a number of three letters, the same for small and large ones."""
    number = letters[0] & 31
    for letter in letters[1:]:
        number = number * 32 + (letter & 31)
    return number


@cache
def _may_begin_section() -> Mask:
    """Return by the number of its three letters whether a word may begin a section."""
    found = np.zeros(32**_LETTERS, dtype=bool)
    # after St can come anything
    words = [*_BEGINNINGS, *(f"st{chr(k)}" for k in range(32))]
    found[[_letters(*map(ord, word)) for word in words]] = True
    return found


def _direction(relation: re.Match[str]) -> str:
    word = relation["relation"]
    return "<" if "<" in word else ">" if ">" in word else "="


def _product(a: float, b: float) -> float:
    """Multiply as decimals, rounding once."""
    return a * b if abs(a) == 1.0 else float(Fraction(repr(a)) * Fraction(repr(b)))


def _merged(columns: list[int], values: list[float]) -> tuple[list[int], list[float]]:
    """Add up what belongs to one column."""
    if len(set(columns)) == len(columns):
        return columns, values
    sums: dict[int, list[float]] = {}
    for column, value in zip(columns, values, strict=True):
        sums.setdefault(column, []).append(value)
    return list(sums), [exact_sum(parts) for parts in sums.values()]


def _both_orders(squares: Terms) -> Terms:
    """Share each product x_i x_j between both orders, and add up what belongs to one place."""
    sums: dict[tuple[int, int], list[float]] = {}
    for i, j, value in squares:
        sums.setdefault((min(i, j), max(i, j)), []).append(value)
    found: Terms = []
    for (i, j), parts in sums.items():
        value = parts[0] if len(parts) == 1 else exact_sum(parts)
        found += [(i, i, value)] if i == j else [(i, j, value / 2.0), (j, i, value / 2.0)]
    return found
