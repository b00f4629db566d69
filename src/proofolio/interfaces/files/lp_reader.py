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
from math import inf

from proofolio.brief import number_of
from proofolio.errors import BadData
from proofolio.interfaces.files.contents import Contents, Terms
from proofolio.interfaces.files.lp_at_once import SectionsAtOnce
from proofolio.interfaces.files.lp_expressions import RELATION, SIDE, Expression, direction_of
from proofolio.interfaces.files.lp_words import NAME, NUM, SECTION, heads
from proofolio.interfaces.files.names import fresh_name
from proofolio.program.decimals import exact_sum

__all__ = ["read_lp"]


_SIGN = re.compile(r"\s*[+-]")
_ANY_RELATION = re.compile("[<>=]")
_LABEL = re.compile(r"\s*(?P<label>[^\s:<>=]+)\s*:(?!:)")
_SWITCH = re.compile(rf"\s*(?P<name>{NAME})\s*=\s*(?P<on>[01])\s*->")
_PLAIN_NAME = re.compile(rf"\s*(?P<name>{NAME})")
_FREE = re.compile(rf"\s*(?P<name>{NAME})\s+free(?!\S)", re.I)
_SET = re.compile(r"\s*(?:(?P<label>[^\s:]+)\s*:)?\s*[sS](?P<kind>[12])\s*::")
_MEMBER = re.compile(rf"\s*(?P<name>{NAME})\s*:(?!:)\s*(?P<weight>[+-]?{NUM})(?!\S)")
_PROBLEM = re.compile(r"(?m)^\\\s*Problem name\s*:\s*(\S.*?)\s*$")
_LP_SOLVE = re.compile(r"(?i)(?<!\S)(?:max|min)(?:imi[sz]e)?\s*:.*;", re.DOTALL)
_OPPOSITE = {"<": ">", ">": "<", "=": "="}


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


class _Reader(SectionsAtOnce):
    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        named = _PROBLEM.search(text)
        self.found.name = named[1] if named else ""
        self.unnamed: list[int] = []  # rows to be named when all names are known
        self.binary: dict[int, int] = {}
        self.listed: dict[str, int] = {}

    # -------------------------------------------------------------- sections
    def read(self) -> Contents:
        text, found = self.text, self.found
        begins = heads(text, self.words)
        if not any(head.lastgroup == "objective" for head in begins):
            other = " (it may be lp_solve's format, which is another one)" if _LP_SOLVE.search(text) else ""
            raise BadData(f"{found.file} is not an .lp file: it has no line Minimize or Maximize{other}")
        ends = [head for head in begins if head.lastgroup == "end"]
        if not ends:
            raise BadData(f"{found.file} is not a whole .lp file: it has no line End")
        begins = [head for head in begins if head.start() <= ends[0].start()]
        self.end = begins[0].start()
        if text[: self.end].strip():
            raise self.error(f"{self.here()} stands before Minimize or Maximize")
        begun: dict[str, int] = {}
        for head, following in zip(begins, [*begins[1:], None], strict=True):
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
                line,
                f"user cuts are left out ({number_of(count, 'row')}): they cut off no solution, or they are wrong",
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
            if SECTION.fullmatch(name):
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

    def _body(self, name: str) -> tuple[float, float, Expression]:
        """Read ``expression relation side``, ``side relation expression`` or the sum between two sides."""
        begin = self.at
        side = self._take(SIDE)
        relation = self._take(RELATION) if side is not None else None
        low, high = -inf, inf
        if side is None or relation is None:
            self.at = begin
            body = self._expression(objective=False)
            relation = self._take(RELATION)
            if relation is None:
                raise self.error(f"row {name}: a relation such as <= is missing before {self.here()}")
            direction = direction_of(relation)
            low, high = self._sides(direction, self._side(name), low, high, relation.start())
        else:
            first = _OPPOSITE[direction_of(relation)]
            low, high = self._sides(first, self._value(side), low, high, begin)
            body = self._expression(objective=False)
            second = self._take(RELATION)
            if second is not None:
                direction = direction_of(second)
                if "=" in (first, direction) or direction == first:
                    raise self.error(
                        f"row {name}: its two relations do not point the same way", second.start()
                    )
                low, high = self._sides(direction, self._side(name), low, high, second.start())
        if not body.columns and not body.bracket:
            raise self.error(f"row {name} has no variable on its left side", begin)
        return low, high, body

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
            side = self._take(SIDE)
            relation = self._take(RELATION) if side is not None else None
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
                first = _OPPOSITE[direction_of(relation)]
                low, high = self._sides(first, self._value(side), low, high, begin)
            second = self._take(RELATION)
            if second is not None:
                direction = direction_of(second)
                if first and ("=" in (first, direction) or direction == first):
                    raise self.error(
                        f"the two relations of {name['name']!r} do not point the same way", begin
                    )
                given = self._take(SIDE)
                if given is None:
                    raise self.error(
                        f"the bound of {name['name']!r} must be a number; there is {self.here()}"
                    )
                low, high = self._sides(direction, self._value(given), low, high, second.start())
            elif not first:
                raise self.error(f"a bound of {name['name']!r} is missing before {self.here()}")
            found.lower[column], found.upper[column] = low, high

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
