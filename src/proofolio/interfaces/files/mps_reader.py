"""The grammar of MPS files, fixed and free, and the one reader of it.

One statement a line; ``LF``, ``CR LF`` and ``CR`` end lines. A line that begins with ``*`` is a comment::

    file      = { section } "ENDATA"            what stands after ENDATA is no part of the model
    section   = "NAME" [ words ]
              | "OBJSENSE" [ sense ]   { sense }                sense = MAX[IMI[SZ]E] | MIN[IMI[SZ]E]
              | "OBJNAME"              { row }                  which N row is the objective; else the first
              | "ROWS"                 { kind row }             kind = N | L | G | E
              | "LAZYCONS"             { kind row }             ordinary rows
              | "USERCUTS"             { kind row }             left out, with a warning: see below
              | "COLUMNS"              { column row number [ row number ] | marker }
              | "RHS"                  { [ set ] row bound [ row bound ] }
              | "RANGES"               { [ set ] row number [ row number ] }
              | "BOUNDS"               { type [ set ] column [ bound ] }
              | "QUADOBJ"              { column column number } one triangle of P, objective + x'Px / 2
              | "QSECTION" [ objective ] { as QUADOBJ }
              | "QMATRIX"              { column column number } all of P
              | "QCMATRIX" row         { column column number } all of Q, row + x'Qx
              | "INDICATORS"           { "IF" row column ( 0 | 1 ) }
              | ( "SOS" | "SOS1" | "SOS2" ) { ( S1 | S2 ) [ word ] set [ priority ] { [ word ] column weight } }
    marker    = word "'MARKER'" ( "'INTORG'" | "'INTEND'" )     columns between them are integer
    bound     = number | [sign] ( "inf" | "infinity" )          1e20 and more is infinite
    number    = [sign] decimal [ ( e | E | d | D ) [sign] digits ]

A section word stands at the beginning of its line, data lines may be indented. *Free*: words are separated by blanks.
A file that cannot be read so, and whose every line keeps to the columns of the *fixed* format (2-3, 5-12, 15-22, 25-36,
40-47, 50-61), is read by those columns: there names may hold blanks.

Meanings that readers do not all share (HiGHS 1.15, SCIP 10, GLPK 5, and the manuals of CPLEX and Gurobi):

- An integer column between markers without any line in BOUNDS is binary; with any line its upper bound is infinite
  unless given (HiGHS, SCIP, CPLEX, Gurobi; GLPK keeps the upper bound 1).
- ``UP`` below zero, no lower bound given: the lower bound is minus infinity, with a warning (CPLEX, SAS, QSopt).
  HiGHS, SCIP and GLPK keep zero, which leaves the column no value. ``UP`` of zero fixes the column at zero (all).
- A side set twice to different values is refused: HiGHS takes the first, SCIP the last.
- A right-hand side of the objective is minus its constant (all but GLPK). Other N rows are left out, and so is what
  RHS says of them (HiGHS adds that to the objective).
- Half of QMATRIX or QCMATRIX, both halves of QUADOBJ: refused; readers differ by a factor of two. A place that QMATRIX
  or QCMATRIX gives twice is added up (SCIP writes squares so).
- A column in BOUNDS that COLUMNS does not have is refused (HiGHS and SCIP make a new one).
- ``*SENSE:Maximize`` is a comment (PuLP writes it beside an objective it did not turn): a warning.
- User cuts never remove a solution, by their definition: the model without them is the same model. They are left out,
  since what is proved or certified must not rest on a row that its author only claims to follow from the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import inf

import numpy as np

from proofolio.errors import BadData
from proofolio.interfaces.files.contents import Contents, FileNumbers, Terms
from proofolio.interfaces.files.mps_bounds import bounds_of
from proofolio.interfaces.files.mps_columns import MARKER, indented, stretch_of
from proofolio.interfaces.files.mps_rows import rows_of, sides_of
from proofolio.program.decimals import exact_sum

__all__ = ["read_mps"]


# how many words may stand beside a section word
_SECTIONS = {
    "NAME": 1000,
    "OBJSENSE": 1,
    "OBJNAME": 0,
    "ROWS": 0,
    "LAZYCONS": 0,
    "USERCUTS": 0,
    "COLUMNS": 0,
    "RHS": 0,
    "RANGES": 0,
    "BOUNDS": 0,
    "QUADOBJ": 0,
    "QSECTION": 1,
    "QMATRIX": 0,
    "QCMATRIX": 1,
    "INDICATORS": 0,
    "SOS": 0,
    "SOS1": 0,
    "SOS2": 0,
    "ENDATA": 0,
}
_FOREIGN = frozenset({"CSECTION", "GENCONS", "PWLOBJ", "SCENARIOS", "MODELCUTS", "SETS", "DELAYEDROWS"})
_SENSES = {f"{m}{rest}": m == "MAX" for m in ("MAX", "MIN") for rest in ("", "IMIZE", "IMISE", "IMUM")}
_BOUND_TYPES = frozenset({"LO", "UP", "FX", "FR", "MI", "PL", "BV", "LI", "UI", "SC", "SI"})
_WITHOUT_NUMBER = frozenset({"FR", "MI", "PL", "BV"})
_LOWER, _UPPER = {"FR": -inf, "MI": -inf, "BV": 0.0}, {"FR": inf, "PL": inf, "BV": 1.0}
_SET_LOWER, _SET_UPPER = frozenset({"LO", "LI", "FX"}), frozenset({"UP", "UI", "FX", "SC", "SI"})
_FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
_GAPS = ((0, 1), (3, 4), (12, 14), (22, 24), (36, 39), (47, 49))
_SENSE_COMMENT = re.compile(r"\*\s*sense\s*:\s*(max|min)", re.IGNORECASE)
_Handler = Callable[[list[str], int], None]


def read_mps(text: str, file: str) -> Contents:
    """Read MPS text, fixed or free.

    Raises
    ------
    BadData
        For a line that does not fit the grammar, with its number, and for a file that is cut short.
    UnsupportedProgram
        For sections a Program has no place for.
    """
    free = _Reader(file, fixed=False)
    try:
        return free.read(text)
    except BadData:
        if not _fits_columns(text.split("\n")):
            raise
        fixed = _Reader(file, fixed=True)
        try:
            return fixed.read(text)
        except BadData:
            if fixed.reached > free.reached:  # the file is fixed MPS, and this is what is wrong with it
                raise
        raise


def _fits_columns(lines: Sequence[str]) -> bool:
    """Whether every data line keeps to the columns of fixed MPS."""
    for line in lines:
        if line.upper().startswith("ENDATA"):
            return True
        if not line.startswith(" ") or not line.strip():
            continue
        if "\t" in line or any(line[a:b].strip() for a, b in _GAPS) or line[61:].strip():
            return False
    return True


class _Reader:
    def __init__(self, file: str, fixed: bool) -> None:
        self.found = Contents(file)
        self.fixed = fixed
        self.number = FileNumbers()
        self.section = ""
        self.reached = 0  # the line that is read
        self.begun: dict[str, int] = {}  # sections and their lines
        self.kinds: list[str] = []  # of each row: L, G or E
        self.row_place: dict[str, int] = {}  # -1, -2, ... for N rows
        self.free_rows: dict[str, int] = {}  # N rows and their lines
        self.objective: str | None = None
        self.cuts: set[int] = set()
        self.column_place: dict[str, int] = {}
        self.open_marker = False
        self.seen: set[int] = set()  # rows of the last column
        self.marked: set[int] = set()
        self.rhs: dict[int, float] = {}
        self.constants: dict[str, float] = {}
        self.ranges: dict[int, tuple[float, int]] = {}
        self.sets: dict[str, str] = {}  # section -> name of its one set
        self.sides: tuple[dict[int, float], dict[int, float]] = ({}, {})  # lower and upper bounds given
        self.bounded: set[int] = set()
        self.negative: dict[int, int] = {}  # columns with a negative UP, and its line
        self.pairs: dict[tuple[int, int], float] = {}
        self.whole: dict[tuple[int, int], list[float]] = {}
        self.curved_row = -1
        self.says_maximise = 0  # line of the comment *SENSE:Maximize
        self.handlers: dict[str, _Handler] = {
            "NAME": self._stray,
            "OBJSENSE": self._sense,
            "OBJNAME": self._objective_name,
            "ROWS": self._row,
            "LAZYCONS": self._row,
            "USERCUTS": self._row,
            "COLUMNS": self._column,
            "RHS": self._rhs,
            "RANGES": self._range,
            "BOUNDS": self._bound,
            "QUADOBJ": self._pair,
            "QSECTION": self._pair,
            "QMATRIX": self._entry,
            "QCMATRIX": self._entry,
            "INDICATORS": self._indicator,
            "SOS": self._set,
            "SOS1": self._set,
            "SOS2": self._set,
        }
        # sections of many lines, taken at once where nothing must be said of one
        self.takers: dict[str, Callable[[str], bool]] = {
            "ROWS": self._rows_taken,
            "COLUMNS": self._columns_taken,
            "RHS": self._sides_taken,
            "BOUNDS": self._bounds_taken,
        }

    # ---------------------------------------------------------------- lines
    def read(self, text: str) -> Contents:
        handle: _Handler = self._stray
        fixed, number, at = self.fixed, 0, 0
        while at < len(text):
            stop = text.find("\n", at)
            line = text[at:stop] if stop >= 0 else text[at:]
            at = stop + 1 if stop >= 0 else len(text)
            self.reached = number = number + 1
            if line.startswith("*"):
                self._comment(line, number)
                continue
            words = line.split()
            if not words:
                continue
            if not line[0].isspace():
                head = words[0].upper()
                if head in _FOREIGN:
                    raise self.found.unsupported(
                        number, f"there is a section {head}, which a Program has no place for"
                    )
                if head in _SECTIONS and len(words) - 1 <= _SECTIONS[head]:
                    self._end_section()
                    if head == "ENDATA":
                        self.begun[head] = number
                        break
                    self._begin(head, words[1:], line, number)
                    handle = self.handlers[head]
                    take = self.takers.get(head)
                    if take is not None and not fixed:
                        lines = indented(text, at)
                        if take(lines):
                            at += len(lines)
                            self.reached = number = number + lines.count("\n")
                    continue
            handle(_columns_of(line, self.section) if fixed else words, number)
        for needed in ("ROWS", "COLUMNS", "ENDATA"):
            if needed not in self.begun:
                raise BadData(f"{self.found.file} is not a whole .mps file: it has no line {needed}")
        return self._finished()

    def _begin(self, head: str, words: list[str], line: str, number: int) -> None:
        if head in self.begun and head != "QCMATRIX":
            raise self.found.error(
                number, f"section {head} stands twice: it began in line {self.begun[head]} already"
            )
        self.section = head
        self.begun[head] = number
        if head == "NAME":
            words = line[4:].split()
            if words and words[-1].upper() in ("FREE", "FIXED") and len(words) > 1:
                words.pop()
            self.found.name = " ".join(words)
        elif head == "OBJSENSE" and words:
            self._sense(words, number)
        elif head == "QCMATRIX":
            if not words:
                raise self.found.error(number, "section QCMATRIX names no row")
            self.curved_row = self._row_of(words[0], number)
            if self.curved_row in self.found.quadratic:
                raise self.found.error(number, f"row {words[0]!r} has two sections QCMATRIX")
            self.found.quadratic[self.curved_row] = []
            self.whole = {}
        elif head == "QSECTION" and words and words[0] not in self.free_rows:
            raise self.found.error(
                number,
                f"section QSECTION is read for the objective only, not for {words[0]!r} (readers differ by a "
                "factor of two): use QCMATRIX",
            )
        elif head == "QMATRIX":
            self.whole = {}
        quadratic = [s for s in ("QUADOBJ", "QSECTION", "QMATRIX") if s in self.begun]
        if len(quadratic) > 1:
            raise self.found.error(number, f"the objective has sections {' and '.join(quadratic)}: keep one")

    def _end_section(self) -> None:
        if self.section in ("QMATRIX", "QCMATRIX"):
            line = self.begun[self.section]
            whole = {place: exact_sum(values) for place, values in self.whole.items()}
            for (i, j), value in whole.items():
                if whole.get((j, i)) != value:
                    a, b = self.found.columns[i], self.found.columns[j]
                    raise self.found.error(
                        line,
                        f"section {self.section} is not symmetric: it must hold {a!r}, {b!r} and {b!r}, {a!r} "
                        "with the same number",
                    )
            terms: Terms = [(i, j, value) for (i, j), value in whole.items()]
            if self.section == "QMATRIX":
                self.found.curved = terms
            else:
                self.found.quadratic[self.curved_row] = terms
        self.section = ""

    def _comment(self, line: str, number: int) -> None:
        said = _SENSE_COMMENT.match(line)
        if said and said[1].lower() == "max":
            self.says_maximise = number

    def _stray(self, words: list[str], line: int) -> None:
        raise self.found.error(
            line, f"{' '.join(words)[:60]!r} stands in no section: ROWS, COLUMNS and ENDATA are needed"
        )

    def _unfit(self, words: list[str], line: int, form: str) -> BadData:
        shown = " ".join(w for w in words if w)[:80]
        return self.found.error(
            line, f"{shown!r} does not fit its section: a line of {self.section} is {form}"
        )

    def _number(self, word: str, line: int) -> float:
        try:
            return self.number(word)
        except ValueError as error:
            raise self.found.error(line, f"{word!r} {error}") from None

    def _side(self, word: str, line: int) -> float:
        try:
            return self.number.bound(word)
        except ValueError as error:
            raise self.found.error(line, f"{word!r} {error}") from None

    def _row_of(self, name: str, line: int) -> int:
        place = self.row_place.get(name)
        if place is None or place < 0:
            why = "is not a row of ROWS" if place is None else "is an objective (kind N)"
            raise self.found.error(line, f"{name!r} {why}")
        return place

    def _column_of(self, name: str, line: int) -> int:
        place = self.column_place.get(name)
        if place is None:
            raise self.found.error(line, f"{name!r} is not a column of COLUMNS")
        return place

    # ------------------------------------------------------- rows and columns
    def _sense(self, words: list[str], line: int) -> None:
        sense = _SENSES.get(words[0].upper()) if len(words) == 1 else None
        if sense is None:
            raise self._unfit(words, line, "MAX or MIN")
        self.found.maximise = sense

    def _objective_name(self, words: list[str], line: int) -> None:
        if len(words) != 1:
            raise self._unfit(words, line, "the name of a row of kind N")
        self.objective = words[0]

    def _row(self, words: list[str], line: int) -> None:
        if len(words) != 2 or words[0].upper() not in ("N", "L", "G", "E"):
            raise self._unfit(words, line, "N, L, G or E and a name")
        kind, name = words[0].upper(), words[1]
        if name in self.row_place:
            raise self.found.error(line, f"two rows are called {name!r}: give every row its own name")
        if kind == "N":
            if self.section != "ROWS":
                raise self._unfit(words, line, "L, G or E and a name")
            self.free_rows[name] = line
            self.row_place[name] = -len(self.free_rows)
            return
        if self.section == "USERCUTS":
            self.cuts.add(len(self.kinds))
        self.row_place[name] = len(self.kinds)
        self.kinds.append(kind)
        self.found.rows.append(name)
        self.found.row_lines.append(line)

    def _rows_taken(self, lines: str) -> bool:
        """Take all lines of ROWS at once, if nothing about them must be said."""
        rows = rows_of(lines)
        if rows is None or not self.row_place.keys().isdisjoint(rows.names):
            return False
        place, found, first = self.row_place, self.found, self.reached + 1
        for kind, name, line in zip(*rows, strict=True):
            if kind == "N":
                self.free_rows[name] = first + line
                place[name] = -len(self.free_rows)
            else:
                place[name] = len(self.kinds)
                self.kinds.append(kind)
                found.rows.append(name)
                found.row_lines.append(first + line)
        return True

    def _sides_taken(self, lines: str) -> bool:
        """Take all lines of RHS at once, if nothing about them must be said."""
        sides = sides_of(lines, self.number.bound)
        if sides is None or not self.row_place.keys() >= {*sides.names}:
            return False
        places = [self.row_place[name] for name in sides.names]
        for place, value in zip(places, sides.values, strict=True):
            if value in (inf, -inf) and (place < 0 or self.kinds[place] != ("L" if value > 0 else "G")):
                return False
        self.sets["RHS"] = sides.set_name
        for name, place, value in zip(sides.names, places, sides.values, strict=True):
            if place < 0:
                self.constants[name] = value
            else:
                self.rhs[place] = value
        return True

    def _columns_taken(self, lines: str) -> bool:
        """Take all lines of COLUMNS at once, if nothing about them must be said."""
        stretch = stretch_of(lines, self.row_place, self.open_marker, self.number)
        if stretch is None:
            return False
        place = dict(zip(stretch.names, range(len(stretch.names)), strict=True))
        if len(place) < len(stretch.names):
            return False
        found = self.found
        found.add_columns(stretch.names, stretch.integer.tolist())
        found.entries.take(stretch.rows, stretch.columns, stretch.values)
        self.column_place = place
        self.marked.update(np.flatnonzero(stretch.integer).tolist())
        self.open_marker = stretch.open_marker
        last = stretch.columns.size - int(np.argmax(stretch.columns[::-1] != len(place) - 1))
        self.seen = {*stretch.rows[last:].tolist()}
        return True

    def _column(self, words: list[str], line: int) -> None:
        count = len(words)
        if count == 3 and words[1] == MARKER:
            self._marker(words, line)
            return
        if count != 3 and count != 5:
            raise self._unfit(words, line, "a column and one or two pairs of row and number")
        found, name = self.found, words[0]
        column = self.column_place.get(name)
        if column is None:
            column = self.column_place[name] = found.add_column(name)
            self.seen = set()
            if self.open_marker:
                found.integer[column] = True
                self.marked.add(column)
        elif column != len(found.columns) - 1:
            raise found.error(
                line, f"column {name!r} goes on after another column: its lines must stand together"
            )
        for k in range(1, count, 2):
            row_name = words[k]
            row = self.row_place.get(row_name)
            if row is None:
                raise found.error(line, f"{row_name!r} is not a row of ROWS")
            value = self._number(words[k + 1], line)
            if row in self.seen:
                raise found.error(line, f"column {name!r} has two numbers in row {row_name!r}")
            self.seen.add(row)
            found.entries.add(row, column, value)

    def _marker(self, words: list[str], line: int) -> None:
        opens = {"'INTORG'": True, "'INTEND'": False}.get(words[2].upper())
        if opens is None:
            raise self._unfit(words, line, "a marker 'INTORG' or 'INTEND'")
        if opens is self.open_marker:
            raise self.found.error(line, f"a marker {words[2]} stands where none can be")
        self.open_marker = opens

    # --------------------------------------------------- right-hand sides, bounds
    def _pairs_of(self, words: list[str], line: int) -> list[tuple[str, str]]:
        """Return pairs of row and number; a word more is the name of the set."""
        if not 2 <= len(words) <= 5:
            raise self._unfit(words, line, "the name of a set and one or two pairs of row and number")
        named = len(words) % 2
        self._one_set(words[0] if named else "", line)
        rest = words[named:]
        return list(zip(rest[::2], rest[1::2], strict=True))

    def _one_set(self, name: str, line: int) -> None:
        if not name:
            return
        first = self.sets.setdefault(self.section, name)
        if name != first:
            raise self.found.error(
                line,
                f"section {self.section} holds two sets, {first!r} and {name!r}: keep the one that counts",
            )

    def _rhs(self, words: list[str], line: int) -> None:
        for name, word in self._pairs_of(words, line):
            row = self.row_place.get(name)
            if row is None:
                raise self.found.error(line, f"{name!r} is not a row of ROWS")
            if name in self.constants or row in self.rhs:
                raise self.found.error(line, f"row {name!r} has two right-hand sides")
            if row < 0:
                self.constants[name] = self._number(word, line)
                continue
            value, kind = self._side(word, line), self.kinds[row]
            if value in (inf, -inf) and kind != ("L" if value > 0 else "G"):
                raise self.found.error(
                    line, f"row {name!r} of kind {kind} can have no right-hand side {word}"
                )
            self.rhs[row] = value

    def _range(self, words: list[str], line: int) -> None:
        for name, word in self._pairs_of(words, line):
            row = self._row_of(name, line)
            if row in self.ranges:
                raise self.found.error(line, f"row {name!r} has two ranges")
            self.ranges[row] = (self._number(word, line), line)

    def _bounds_taken(self, lines: str) -> bool:
        """Take all lines of BOUNDS at once, if nothing about them must be said."""
        bounds = bounds_of(lines, self.column_place, self.number.bound)
        if bounds is None:
            return False
        self.sets["BOUNDS"] = bounds.name
        self.bounded.update(bounds.columns)
        self.sides[0].update(bounds.lower)
        self.sides[1].update(bounds.upper)
        for column in bounds.binary:
            self.found.integer[column] = True
        return True

    def _bound(self, words: list[str], line: int) -> None:
        kind = words[0].upper()
        if kind not in _BOUND_TYPES:
            raise self._unfit(
                words, line, f"one of {', '.join(sorted(_BOUND_TYPES))}, a set, a column, a number"
            )
        word: str | None
        if self.fixed or len(words) == 4:
            set_name, name, word = (*words[1:], "", "")[:3]
        elif kind in _WITHOUT_NUMBER and len(words) == 3 and words[2] in self.column_place:
            set_name, name, word = words[1], words[2], ""
        elif len(words) == 3:
            set_name, name, word = "", words[1], words[2]
        elif len(words) == 2 and kind in _WITHOUT_NUMBER:
            set_name, name, word = "", words[1], ""
        else:
            raise self._unfit(words, line, "a type, the name of a set, a column and a number")
        self._one_set(set_name, line)
        column = self._column_of(name, line)
        self.bounded.add(column)
        found = self.found
        if kind in _WITHOUT_NUMBER:
            if word:
                self._side(word, line)  # it counts for nothing, but it must be a number
            value = 0.0
        elif not word:
            raise self._unfit(words, line, f"{kind}, the name of a set, a column and a number")
        else:
            value = self._side(word, line)
        if kind in ("BV", "LI", "UI", "SI"):
            found.integer[column] = True
        if kind in ("SC", "SI"):
            if value <= 0.0:
                raise found.error(
                    line,
                    f"the upper limit of the semi-continuous column {name!r} is {word}: give a positive one",
                )
            found.semicontinuous[column] = line
        low = _LOWER.get(kind, value if kind in _SET_LOWER else None)
        high = _UPPER.get(kind, value if kind in _SET_UPPER else None)
        if low == inf or high == -inf:
            raise found.error(line, f"column {name!r} cannot have the bound {word}")
        for side, which, bound in (("lower", 0, low), ("upper", 1, high)):
            if bound is None:
                continue
            if self.sides[which].setdefault(column, bound) != bound:
                raise found.error(
                    line,
                    f"the {side} bound of column {name!r} is set twice, to {self.sides[which][column]:g} and "
                    f"{bound:g}: keep one (readers differ in which counts)",
                )
        if kind in ("UP", "UI") and value < 0.0:
            self.negative[column] = line

    # -------------------------------------------------- quadratic parts and logic
    def _triple(self, words: list[str], line: int) -> tuple[int, int, float]:
        if len(words) != 3:
            raise self._unfit(words, line, "two columns and a number")
        first, second = self._column_of(words[0], line), self._column_of(words[1], line)
        return first, second, self._number(words[2], line)

    def _pair(self, words: list[str], line: int) -> None:
        i, j, value = self._triple(words, line)
        key = (min(i, j), max(i, j))
        if key in self.pairs:
            raise self.found.error(
                line,
                f"section {self.section} holds the pair {words[0]!r}, {words[1]!r} twice: it must hold one "
                "triangle, each pair once (QMATRIX holds both)",
            )
        self.pairs[key] = value

    def _entry(self, words: list[str], line: int) -> None:
        i, j, value = self._triple(words, line)
        self.whole.setdefault((i, j), []).append(value)

    def _indicator(self, words: list[str], line: int) -> None:
        if len(words) != 4 or words[0].upper() != "IF" or words[3] not in ("0", "1"):
            raise self._unfit(words, line, "IF, a row, a binary column and 0 or 1")
        row = self._row_of(words[1], line)
        if row in self.found.indicators:
            raise self.found.error(line, f"row {words[1]!r} has two indicators")
        self.found.indicators[row] = (self._column_of(words[2], line), int(words[3]))

    def _set(self, words: list[str], line: int) -> None:
        kind = words[0].upper()
        begins = kind in ("S1", "S2") and len(words) >= 2
        if begins and len(words) in (2, 3) and words[-2] in self.column_place and _is_number(words[-1]):
            begins = False  # a member whose name, or whose first word, is S1
        sets = self.found.sos
        if begins:
            names = [w for w in words[1:] if not _is_number(w)] or words[1:]
            if len(words) > 4 or (self.section != "SOS" and self.section[-1] != kind[1]):
                raise self._unfit(
                    words, line, f"{'S' + self.section[3:] or 'S1 or S2'} and the name of a set"
                )
            if any(names[-1] == known for known, *_ in sets):
                raise self.found.error(line, f"two special ordered sets are called {names[-1]!r}")
            sets.append((names[-1], int(kind[1]), [], []))
            return
        last = words[-1].rsplit(":", 1) if ":" in words[-1] else words[-2:]
        if not sets or len(words) > 3 or len(last) != 2:
            raise self._unfit(words, line, "S1 or S2 and the name of a set, or a column and its weight")
        name, kind_, members, weights = sets[-1]
        column, weight = self._column_of(last[0], line), self._number(last[1], line)
        if column in members or (kind_ == 2 and weight in weights):
            what = f"column {last[0]!r}" if column in members else f"the weight {last[1]}"
            raise self.found.error(line, f"the special ordered set {name!r} holds {what} twice")
        members.append(column)
        weights.append(weight)

    # ------------------------------------------------------------------ the end
    def _finished(self) -> Contents:
        found = self.found
        objective = next(iter(self.free_rows), None) if self.objective is None else self.objective
        if self.objective is not None and self.objective not in self.free_rows:
            raise found.error(self.begun["OBJNAME"], f"{self.objective!r} is not a row of kind N")
        row, column, value = found.entries.arrays()
        cost = np.zeros(len(found.columns))
        if objective is not None:
            chosen = row == self.row_place[objective]
            cost[column[chosen]] = value[chosen]
        found.cost = cost.tolist()
        found.entries.keep(row >= 0)
        if objective is not None and objective in self.constants:
            found.constant = 0.0 - self.constants[objective]
        self._sides_of_rows()
        self._bounds_of_columns()
        if self.pairs:
            found.curved = [(i, j, v) for (a, b), v in self.pairs.items() for i, j in {(a, b), (b, a)}]
        if self.says_maximise and not found.maximise:
            found.warn(
                self.says_maximise,
                "a comment says that the objective is maximised, which no section OBJSENSE says: it is minimised",
            )
        if self.cuts:
            self._without_cuts()
        return found

    def _sides_of_rows(self) -> None:
        found = self.found
        for row, kind in enumerate(self.kinds):
            rhs = self.rhs.get(row, 0.0)
            low = rhs if kind != "L" else -inf
            high = rhs if kind != "G" else inf
            if row in self.ranges:
                width, line = self.ranges[row]
                if rhs in (inf, -inf):
                    raise found.error(
                        line, f"row {found.rows[row]!r} has a range and no finite right-hand side"
                    )
                if kind == "L" or (kind == "E" and width < 0):
                    low = exact_sum((rhs, -abs(width)))
                else:
                    high = exact_sum((rhs, abs(width)))
            found.row_lower.append(low)
            found.row_upper.append(high)

    def _bounds_of_columns(self) -> None:
        found = self.found
        lower, upper = self.sides
        for column in self.marked - self.bounded:
            found.upper[column] = 1.0
        for column, bound in lower.items():
            found.lower[column] = bound
        for column, bound in upper.items():
            found.upper[column] = bound
        for column, line in self.negative.items():
            if column not in lower:
                found.lower[column] = -inf
                found.warn(
                    line,
                    f"column {found.columns[column]!r} has a negative upper bound and no lower one: it is read as "
                    "minus infinity, as CPLEX does (HiGHS and SCIP keep zero); a line MI or LO says it",
                )

    def _without_cuts(self) -> None:
        found, cuts = self.found, self.cuts
        found.warn(
            self.begun["USERCUTS"],
            f"user cuts are left out ({len(cuts)} rows): they cut off no solution, or they are wrong",
        )
        if cuts & (found.quadratic.keys() | found.indicators.keys()):
            raise found.error(self.begun["USERCUTS"], "a user cut is quadratic or implied by a binary")
        kept = [row for row in range(len(self.kinds)) if row not in cuts]
        place = {row: k for k, row in enumerate(kept)}
        found.rows = [found.rows[row] for row in kept]
        found.row_lines = [found.row_lines[row] for row in kept]
        found.row_lower = [found.row_lower[row] for row in kept]
        found.row_upper = [found.row_upper[row] for row in kept]
        inside = np.array([row not in cuts for row in range(len(self.kinds))])
        found.entries.keep(inside[found.entries.arrays()[0]])
        found.entries.renumber(np.cumsum(inside) - 1)
        found.quadratic = {place[row]: terms for row, terms in found.quadratic.items()}
        found.indicators = {place[row]: switch for row, switch in found.indicators.items()}


def _is_number(word: str) -> bool:
    try:
        FileNumbers()(word)
    except ValueError:
        return False
    return True


def _columns_of(line: str, section: str) -> list[str]:
    """Cut a line of fixed MPS into the words that a line of free MPS would have; blank sets stay, as ''."""
    first, *rest = (line[a:b].strip() for a, b in _FIELDS)
    while rest and not rest[-1]:
        rest.pop()
    if section in ("ROWS", "LAZYCONS", "USERCUTS", "BOUNDS", "INDICATORS"):
        return [first, *rest]
    if section not in ("RHS", "RANGES"):
        rest = [word for word in rest if word]
    return [first, *rest] if first else rest
