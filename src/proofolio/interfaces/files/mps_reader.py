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

import numpy as np

from proofolio.brief import number_of
from proofolio.errors import BadData
from proofolio.interfaces.files.contents import Contents
from proofolio.interfaces.files.mps_columns import MARKER, indented, stretch_of
from proofolio.interfaces.files.mps_logic import LogicSections
from proofolio.interfaces.files.mps_rows import rows_of
from proofolio.interfaces.files.mps_sides import SideSections

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


class _Reader(SideSections, LogicSections):
    def __init__(self, file: str, fixed: bool) -> None:
        super().__init__(file, fixed)
        self.reached = 0  # the line that is read
        self.free_rows: dict[str, int] = {}  # N rows and their lines
        self.objective: str | None = None
        self.cuts: set[int] = set()
        self.open_marker = False
        self.seen: set[int] = set()  # rows of the last column
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

    def _comment(self, line: str, number: int) -> None:
        said = _SENSE_COMMENT.match(line)
        if said and said[1].lower() == "max":
            self.says_maximise = number

    def _stray(self, words: list[str], line: int) -> None:
        raise self.found.error(
            line, f"{' '.join(words)[:60]!r} stands in no section: ROWS, COLUMNS and ENDATA are needed"
        )

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
        # the last column may go on behind a comment
        self.seen = {*stretch.rows[stretch.columns == len(place) - 1].tolist()}
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

    def _without_cuts(self) -> None:
        found, cuts = self.found, self.cuts
        found.warn(
            self.begun["USERCUTS"],
            f"user cuts are left out ({number_of(len(cuts), 'row')}): they cut off no solution, or they are wrong",
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
