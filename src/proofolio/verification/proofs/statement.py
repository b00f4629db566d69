r"""What a claim says, in rational numbers: columns, rows, and the pieces of its meaning.

Nothing here but `fractions.Fraction`: the prover and the checker of proofs both start from a `Statement`,
cut it into independent parts (`parts`) and read tolerances from `Statement.scale`.

A proof may miss a row by what the rounding of numbers explains (`Statement.rounding`):

.. math:: 2 \max(\mathrm{ulp}(b), \mathrm{ulp}(a_j) \max|x_j|)

over the numbers of the row that are not integers, plus :math:`|y_i|` times the same for every row that its
certificate uses with a multiplier :math:`y_i`, bounds of inputs among them. Integers and rows with multiplier 0 lend
nothing; :math:`\max|x_j|` is what the inputs' boxes and the rows leave a column (`Statement.reach`). A row with
quadratic parts may be missed by the rounding of the roots of its cone as well, and by no more than
:math:`\delta = 10^{-9}` of a size: `proofolio.verification.proofs.lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ulp
from typing import Any

from proofolio.verification.exact.certificate import (
    ZERO,
    Row,
    Side,
    System,
    Undecidable,
    is_basic,
    read_side,
    side_text,
)
from proofolio.verification.proofs.lines import (
    Atom,
    CurvedSizes,
    Line,
    line_document,
    read_line,
)

__all__ = [
    "DELTA",
    "Facet",
    "Piece",
    "Statement",
    "facets",
    "freed_rows",
    "lent",
    "lent_in_cell",
    "narrowed",
    "parts",
    "reach",
]


DELTA = Fraction(1, 10**9)  # of a row's size: no proof may need more, whatever its multipliers lend
SWEEPS = 5  # through the rows, to see how large columns can be


@dataclass(frozen=True)
class Facet:
    """One side of a row as ``terms x <= limit``, the size of the row, and what rounding explains."""

    terms: Row
    limit: Fraction
    scale: Fraction
    room: Fraction = ZERO


Piece = tuple[Line, ...]


@dataclass(frozen=True)
class Statement:
    """A claim in rationals.

    Attributes
    ----------
    names : tuple of str
        Of the columns: inputs, outputs, then what the function added.
    kinds : tuple of str
        ``"input"``, ``"output"``, ``"auxiliary"``, or ``"selector"`` (which member of an ordered set may
        be nonzero: an integer without coefficients).
    lower, upper : tuples of Fraction or None
    integer : tuple of bool
    rows : tuple of Line
        What the function wrote.
    entries : tuple of tuples of pieces
        The meaning: every entry must lie in one of its pieces, each entry in a piece of its own.
    atoms : tuple of Atom
        Inputs that stand for quadratic parts of others; empty in the parts of a statement.
    given_sizes : CurvedSizes or None
        For a part of a statement: what the atoms of the whole say about its rows.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    lower: tuple[Side, ...]
    upper: tuple[Side, ...]
    integer: tuple[bool, ...]
    rows: tuple[Line, ...]
    entries: tuple[tuple[Piece, ...], ...]
    atoms: tuple[Atom, ...] = ()
    given_sizes: CurvedSizes | None = None

    @cached_property
    def points(self) -> tuple[int, ...]:
        """The columns of inputs and outputs: the space the meaning speaks of."""
        return tuple(j for j, kind in enumerate(self.kinds) if kind in ("input", "output"))

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """The integer columns that are not inputs: what a point may choose freely."""
        return tuple(j for j, kind in enumerate(self.kinds) if self.integer[j] and kind != "input")

    @cached_property
    def given(self) -> tuple[int, ...]:
        """The integer columns among the inputs."""
        return tuple(j for j, kind in enumerate(self.kinds) if self.integer[j] and kind == "input")

    def values(self, j: int) -> range:
        """Return the values of an integer column."""
        low, high = self.lower[j], self.upper[j]
        if low is None or high is None:
            raise Undecidable(f"the integer {self.names[j]} has no finite bounds: bound it")
        return range(-int(-low // 1), int(high // 1) + 1)

    @cached_property
    def curved_sizes(self) -> CurvedSizes | None:
        """What quadratic parts say about the sizes of rows; None where there are none.

        Raises
        ------
        Undecidable
            For a quadratic row of the meaning that holds at one point or for one value only.
        """
        if not self.atoms:
            return self.given_sizes
        lines = [line for entry in self.entries for piece in entry for line in piece]
        own: list[tuple[Side, Side]] = [
            (low, high) if kind == "input" else (None, None)  # bounds that the function gave say no size
            for low, high, kind in zip(self.lower, self.upper, self.kinds, strict=True)
        ]
        lower, upper = zip(*own, strict=True)
        found = CurvedSizes.of(self.atoms, lower, upper, lines)
        if found.curved == 0:
            raise Undecidable(
                "a quadratic row of the meaning has no size to measure errors by: it is met at a single point, "
                "which linear rows can say"
            )
        return found

    @cached_property
    def sizes(self) -> tuple[Fraction, ...]:
        """The size of each column: 0 for integers, at most the inputs' for what the function added."""
        ends = [
            [abs(end) for end in pair if end is not None] for pair in zip(self.lower, self.upper, strict=True)
        ]
        one = Fraction(1)
        own = {} if self.curved_sizes is None else self.curved_sizes.sizes
        given = [
            max(e, default=one)
            for j, (e, kind) in enumerate(zip(ends, self.kinds, strict=True))
            if kind == "input" and j not in own
        ]
        reach = max([one, *given])
        return tuple(
            own[j] if j in own else Fraction(0) if whole else min(reach, max(e, default=one))
            for j, (e, whole) in enumerate(zip(ends, self.integer, strict=True))
        )

    @cached_property
    def reach(self) -> tuple[Side, ...]:
        """The largest absolute value of each column that its bounds and the rows leave it; None: no limit."""
        return reach([line for line in self.rows if line.when is None], self.lower, self.upper)

    def scale(self, terms: Row) -> Fraction:
        """Return the size of a row, by which its violations are measured."""
        if self.curved_sizes is not None:
            size = self.extent(terms)
            most = self.curved_sizes.most(terms, self.sizes)
            return size if most is None else min(size, most)
        ends = [(abs(a), self.reach[j]) for j, a in terms.items() if not self.integer[j]]
        own = [a * end for a, end in ends if end]
        return max(own or [a for a, _ in ends] or [abs(a) for a in terms.values()], default=Fraction(1))

    def rounding(self, terms: Row, *limits: Side) -> Fraction:
        """Return how far a row may be missed because its numbers that are not integers were rounded.

        A row with quadratic parts is never missed by more than `DELTA` of its size.
        """
        found = [_ulp(limit) for limit in limits if limit is not None]
        found += [_ulp(a) * (self.reach[j] or ZERO) for j, a in terms.items()]
        curved = self.curved_sizes
        if curved is None or terms.keys().isdisjoint(curved.sizes):
            return 2 * max(found, default=ZERO)
        return min(2 * max([*found, curved.roots(terms)]), DELTA * self.scale(terms))

    @cached_property
    def _measured(self) -> dict[int, tuple[Line, Fraction, Fraction]]:
        return {}

    def measured(self, line: Line) -> tuple[Fraction, Fraction]:
        """Return the size of a line and its rounding; remembered, because lines are asked for in every cell."""
        known = self._measured.get(id(line))
        if known is None:  # the line is kept, so that its id stays its own
            known = (line, self.scale(line.terms), self.rounding(line.terms, line.low, line.high))
            self._measured[id(line)] = known
        return known[1], known[2]

    @cached_property
    def bound_lines(self) -> tuple[Line, ...]:
        """The bounds of each column as a line."""
        ends = enumerate(zip(self.lower, self.upper, strict=True))
        return tuple(Line({j: Fraction(1)}, low, high) for j, (low, high) in ends)

    @cached_property
    def rooms(self) -> tuple[Fraction, ...]:
        """The rounding of every row of the program."""
        return tuple(self.measured(line)[1] for line in self.rows)

    def _own_ends(self, terms: Row) -> Fraction:
        """Return the rounding of the values that the terms of a row take where a column is at its end."""
        return 2 * max((abs(a) * _ulp(self.reach[j] or ZERO) for j, a in terms.items()), default=ZERO)

    def cell_rooms(self, lines: Iterable[Line]) -> tuple[Fraction, ...]:
        """Return the rounding of rows of a cell: cuts, which are no rows of the meaning, lend nothing."""
        meant = [line for entry in self.entries for piece in entry for line in piece]
        return tuple(self.measured(line)[1] if line in meant else ZERO for line in lines)

    def extent(self, terms: Row) -> Fraction:
        """Return how far the terms of a row reach, at least 1."""
        return max([Fraction(1), *(abs(a) * self.sizes[j] for j, a in terms.items())])

    @cached_property
    def program(self) -> System:
        """The rows the function wrote, with the bounds of all columns."""
        return System(
            tuple(line.terms for line in self.rows),
            tuple(line.low for line in self.rows),
            tuple(line.high for line in self.rows),
            self.lower,
            self.upper,
        )

    @cached_property
    def relaxed(self) -> System:
        """The same with every row, and every bound but those of the inputs, moved outward by its rounding."""
        return self._moved(self.rooms, [ZERO] * len(self.names))

    @cached_property
    def excused(self) -> System:
        """The same moved by what values at the ends of boxes, and outputs as meant, are rounded by: it refutes less."""
        meant = [self._meant(j) if kind == "output" else ZERO for j, kind in enumerate(self.kinds)]
        rooms = [
            room + self._own_ends(line.terms) + sum((abs(a) * meant[j] for j, a in line.terms.items()), ZERO)
            for line, room in zip(self.rows, self.rooms, strict=True)
        ]
        return self._moved(rooms, meant)

    def _meant(self, j: int) -> Fraction:
        """Return how far the rounding of the rows of the meaning moves an output, at most."""
        lines = (line for entry in self.entries for piece in entry for line in piece if j in line.terms)
        return max((self.measured(line)[1] / abs(line.terms[j]) for line in lines), default=ZERO)

    def _moved(self, rooms: Sequence[Fraction], meant: Sequence[Fraction]) -> System:
        rows = [(line.low, line.high, room) for line, room in zip(self.rows, rooms, strict=True)]
        ends = [
            (low, high, ZERO if kind == "input" else more + self.rounding({j: Fraction(1)}, low, high))
            for j, (low, high, kind, more) in enumerate(
                zip(self.lower, self.upper, self.kinds, meant, strict=True)
            )
        ]
        return replace(
            self.program,
            low=tuple(None if low is None else low - room for low, _, room in rows),
            high=tuple(None if high is None else high + room for _, high, room in rows),
            lower=tuple(None if low is None else low - room for low, _, room in ends),
            upper=tuple(None if high is None else high + room for _, high, room in ends),
        )

    def cell(self, lines: Iterable[Line]) -> System:
        """Return the points in the box of the inputs that satisfy rows of the meaning; outputs are free."""
        rows = tuple(lines)
        none: Side = None
        zero: Side = Fraction(0)
        return System(
            tuple(line.terms for line in rows),
            tuple(line.low for line in rows),
            tuple(line.high for line in rows),
            tuple(self._end(j, self.lower, none, zero) for j in range(len(self.names))),
            tuple(self._end(j, self.upper, none, zero) for j in range(len(self.names))),
        )

    def _end(self, j: int, ends: tuple[Side, ...], none: Side, zero: Side) -> Side:
        kind = self.kinds[j]
        return ends[j] if kind == "input" else none if kind == "output" else zero

    def document(self) -> dict[str, Any]:
        """Return the statement as JSON can hold it."""
        document: dict[str, Any] = {
            "columns": [
                {"name": n, "kind": k, "lower": side_text(low), "upper": side_text(high), "integer": i}
                for n, k, low, high, i in zip(
                    self.names, self.kinds, self.lower, self.upper, self.integer, strict=True
                )
            ],
            "rows": [line_document(line) for line in self.rows],
            "meaning": [
                [[line_document(line) for line in piece] for piece in entry] for entry in self.entries
            ],
        }
        if self.atoms:
            document["atoms"] = [atom.document() for atom in self.atoms]
        return document

    @staticmethod
    def read(document: Mapping[str, Any]) -> Statement:
        """Return the statement of a document made by `document`."""
        columns = document["columns"]
        return Statement(
            tuple(str(c["name"]) for c in columns),
            tuple(str(c["kind"]) for c in columns),
            tuple(read_side(c["lower"]) for c in columns),
            tuple(read_side(c["upper"]) for c in columns),
            tuple(bool(c["integer"]) for c in columns),
            tuple(read_line(line) for line in document["rows"]),
            tuple(
                tuple(tuple(read_line(line) for line in piece) for piece in entry)
                for entry in document["meaning"]
            ),
            tuple(Atom.read(atom) for atom in document.get("atoms", ())),
        )


def facets(statement: Statement, lines: Iterable[Line]) -> list[Facet]:
    """Return every finite side of the rows, in order: the upper before the lower."""
    found = []
    for line in lines:
        scale, room = statement.measured(line)
        if line.high is not None:
            found.append(Facet(line.terms, line.high, scale, room))
        if line.low is not None:
            found.append(Facet({j: -a for j, a in line.terms.items()}, -line.low, scale, room))
    return found


def reach(
    lines: Sequence[Line], lower: Sequence[Side], upper: Sequence[Side], sweeps: int = SWEEPS
) -> tuple[Side, ...]:
    """Return the largest absolute value of each column that bounds and rows leave it; None: no limit."""
    low, high = narrowed(lines, lower, upper, sweeps)
    return tuple(
        None if a is None or b is None else max(abs(a), abs(b)) for a, b in zip(low, high, strict=True)
    )


def narrowed(
    lines: Sequence[Line], lower: Sequence[Side], upper: Sequence[Side], sweeps: int = SWEEPS
) -> tuple[list[Side], list[Side]]:
    """Return bounds of columns that hold at every point within bounds that satisfies rows."""
    low, high = list(lower), list(upper)
    for _ in range(sweeps):
        if not sum(_narrowed(line, low, high) for line in lines):
            break
    return low, high


def lent(rooms: Sequence[Fraction], system: System, terms: Row, multipliers: Row) -> Fraction:
    """Return what the rounding of rows lends to a bound on terms: each row as much as its multiplier says.

    Only basic multipliers are lent anything: among dependent rows, multiples that cancel in the bound would lend
    without limit.
    """
    total = _lent_by_rows(rooms, multipliers)
    return total if total and is_basic(system, terms, multipliers) else ZERO


def lent_in_cell(rooms: Sequence[Fraction], system: System, terms: Row, multipliers: Row) -> Fraction:
    """Return what the rounding of a cell's rows, and of the inputs' bounds, lends to a bound on terms."""
    total = _lent_by_rows(rooms, multipliers) + _lent_by_bounds(system, terms, multipliers)
    return total if total and is_basic(system, terms, multipliers) else ZERO


def _lent_by_rows(rooms: Sequence[Fraction], multipliers: Row) -> Fraction:
    return sum((abs(y) * rooms[i] for i, y in multipliers.items()), ZERO)


def _lent_by_bounds(system: System, terms: Row, multipliers: Row) -> Fraction:
    left = dict(terms)
    for i, y in multipliers.items():
        for j, a in system.rows[i].items():
            left[j] = left.get(j, ZERO) - y * a
    total = ZERO
    for j, r in left.items():
        end = None if j in system.fixed or not r else system.box(j)[1 if r > 0 else 0]
        total += ZERO if end is None else 2 * abs(r) * _ulp(end)
    return total


def _ulp(number: Fraction) -> Fraction:
    return ZERO if number.denominator == 1 else Fraction(ulp(float(number)))


def _narrowed(line: Line, lower: list[Side], upper: list[Side]) -> bool:
    """Narrow bounds by what one row says; whether an end was missing and is known now, or fell by half."""
    changed = False
    for sign, limit in ((1, line.high), (-1, None if line.low is None else -line.low)):
        if limit is None:
            continue
        least = {j: _least(sign * a, lower[j], upper[j]) for j, a in line.terms.items()}
        missing = [j for j, value in least.items() if value is None]
        if len(missing) > 1:
            continue
        total = sum((value for value in least.values() if value is not None), ZERO)
        for j in missing or least:
            a = sign * line.terms[j]
            end = (limit - total + (least[j] or ZERO)) / a
            ends, other = (upper, lower) if a > 0 else (lower, upper)
            old, low = ends[j], other[j]
            if old is None or (end < old if a > 0 else end > old):
                changed |= old is None or 2 * abs(end) < abs(old)
                ends[j] = end if low is None else max(end, low) if a > 0 else min(end, low)
    return changed


def _least(a: Fraction, low: Side, high: Side) -> Side:
    end = low if a > 0 else high
    return None if end is None else a * end


def freed_rows(rows: Iterable[Line], fixed: Mapping[int, Fraction]) -> frozenset[tuple[int, str]]:
    """Return the sides of conditional rows that do not hold, or do not hold yet, under fixed columns."""
    return frozenset(
        (i, side)
        for i, line in enumerate(rows)
        if line.when is not None and not (line.when[0] in fixed and fixed[line.when[0]] in line.when[1])
        for side in ("lower", "upper")
    )


def parts(statement: Statement) -> list[Statement]:
    """Return the statement cut into parts that share no column, each with columns of its own.

    A point satisfies the whole when each part is satisfied, and means something when each part does, so the
    parts are proved one by one. Columns in no row and no piece are left out.
    """
    parent = list(range(len(statement.names) + len(statement.entries)))

    def root(j: int) -> int:
        while parent[j] != j:
            parent[j] = parent[parent[j]]
            j = parent[j]
        return j

    def join(members: list[int]) -> None:
        for j in members[1:]:
            parent[root(j)] = root(members[0])

    for line in statement.rows:
        join(_columns(line))
    for k, entry in enumerate(statement.entries):
        join([len(statement.names) + k, *(j for piece in entry for line in piece for j in _columns(line))])
    groups: dict[int, tuple[list[int], list[Line], list[tuple[Piece, ...]]]] = {}

    def group(j: int) -> tuple[list[int], list[Line], list[tuple[Piece, ...]]]:
        return groups.setdefault(root(j), ([], [], []))

    for j in range(len(statement.names)):
        group(j)[0].append(j)
    for line in statement.rows:
        group(_columns(line)[0])[1].append(line)
    for k, entry in enumerate(statement.entries):
        group(len(statement.names) + k)[2].append(entry)
    return [_restricted(statement, *found) for found in groups.values() if found[1] or found[2]]


def _restricted(
    statement: Statement, columns: list[int], rows: list[Line], entries: list[tuple[Piece, ...]]
) -> Statement:
    place = {j: k for k, j in enumerate(columns)}

    def moved(line: Line) -> Line:
        when = None if line.when is None else (place[line.when[0]], line.when[1])
        return Line({place[j]: a for j, a in line.terms.items()}, line.low, line.high, when)

    return Statement(
        tuple(statement.names[j] for j in columns),
        tuple(statement.kinds[j] for j in columns),
        tuple(statement.lower[j] for j in columns),
        tuple(statement.upper[j] for j in columns),
        tuple(statement.integer[j] for j in columns),
        tuple(moved(line) for line in rows),
        tuple(tuple(tuple(moved(line) for line in piece) for piece in entry) for entry in entries),
        given_sizes=None if statement.curved_sizes is None else statement.curved_sizes.moved(place),
    )


def _columns(line: Line) -> list[int]:
    return [*line.terms, *(() if line.when is None else (line.when[0],))]
