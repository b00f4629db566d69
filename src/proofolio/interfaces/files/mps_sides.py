"""The sections RHS, RANGES and BOUNDS of an MPS file, and the sides of rows and bounds of columns they amount to."""

from __future__ import annotations

from math import inf

from proofolio.interfaces.files.mps_bounds import bounds_of
from proofolio.interfaces.files.mps_rows import sides_of
from proofolio.interfaces.files.mps_sections import Sections
from proofolio.program.decimals import exact_sum

__all__ = ["SideSections"]


_BOUND_TYPES = frozenset({"LO", "UP", "FX", "FR", "MI", "PL", "BV", "LI", "UI", "SC", "SI"})
_WITHOUT_NUMBER = frozenset({"FR", "MI", "PL", "BV"})
_LOWER, _UPPER = {"FR": -inf, "MI": -inf, "BV": 0.0}, {"FR": inf, "PL": inf, "BV": 1.0}
_SET_LOWER, _SET_UPPER = frozenset({"LO", "LI", "FX"}), frozenset({"UP", "UI", "FX", "SC", "SI"})


class SideSections(Sections):
    """Reads right-hand sides, ranges and bounds."""

    def __init__(self, file: str, fixed: bool) -> None:
        super().__init__(file, fixed)
        self.rhs: dict[int, float] = {}
        self.constants: dict[str, float] = {}
        self.ranges: dict[int, tuple[float, int]] = {}
        self.sides: tuple[dict[int, float], dict[int, float]] = ({}, {})  # lower and upper bounds given
        self.bounded: set[int] = set()
        self.negative: dict[int, int] = {}  # columns with a negative UP, and its line
        self.marked: set[int] = set()

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

    def _pairs_of(self, words: list[str], line: int) -> list[tuple[str, str]]:
        """Return pairs of row and number; a word more is the name of the set."""
        if not 2 <= len(words) <= 5:
            raise self._unfit(words, line, "the name of a set and one or two pairs of row and number")
        named = len(words) % 2
        self._one_set(words[0] if named else "", line)
        rest = words[named:]
        return list(zip(rest[::2], rest[1::2], strict=True))

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
