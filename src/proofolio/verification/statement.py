r"""What a claim says, in rational numbers: columns, rows, and the pieces of its meaning.

Nothing here but `fractions.Fraction`: the prover and the checker of proofs both start from a `Statement`,
cut it into independent parts with `parts`, and read tolerances from `Statement.scale`.

A row of size s (the largest :math:`|a_j| \max(|\ell_j|, |u_j|)` over its continuous columns, at least 1)
counts as satisfied within :math:`\delta s`, with :math:`\delta = 10^{-9}`; the \delta a proof needed is part
of its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from proofolio.verification.certificate import Row, Side, System

__all__ = ["DELTA", "Facet", "Line", "Statement", "Undecidable", "facets", "freed_rows", "parts", "written"]

DELTA = Fraction(1, 10**9)


class Undecidable(Exception):
    """The proof cannot go on; the text says what was missing."""


@dataclass(frozen=True)
class Line:
    """A row ``low <= terms x <= high``, asked for only where a column takes one of some values (`when`)."""

    terms: Row
    low: Side
    high: Side
    when: tuple[int, frozenset[int]] | None = None


@dataclass(frozen=True)
class Facet:
    """One side of a row as ``terms x <= limit``, and the size of the row."""

    terms: Row
    limit: Fraction
    scale: Fraction


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
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    lower: tuple[Side, ...]
    upper: tuple[Side, ...]
    integer: tuple[bool, ...]
    rows: tuple[Line, ...]
    entries: tuple[tuple[Piece, ...], ...]

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

    def scale(self, terms: Row) -> Fraction:
        """Return the size of a row: its tolerance is delta times this."""
        size = Fraction(1)
        for j, a in terms.items():
            if not self.integer[j]:
                ends = [abs(end) for end in (self.lower[j], self.upper[j]) if end is not None]
                size = max(size, abs(a) * max(ends, default=Fraction(1)))
        return size

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
        """The same with every row, and every bound but those of the inputs, moved outward by delta."""
        rows = [(line.low, line.high, DELTA * self.scale(line.terms)) for line in self.rows]
        ends = [
            (low, high, Fraction(0) if kind == "input" else DELTA * self.scale({j: Fraction(1)}))
            for j, (low, high, kind) in enumerate(zip(self.lower, self.upper, self.kinds, strict=True))
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
        return {
            "columns": [
                {"name": n, "kind": k, "lower": _text(low), "upper": _text(high), "integer": i}
                for n, k, low, high, i in zip(
                    self.names, self.kinds, self.lower, self.upper, self.integer, strict=True
                )
            ],
            "rows": [_line_document(line) for line in self.rows],
            "meaning": [
                [[_line_document(line) for line in piece] for piece in entry] for entry in self.entries
            ],
        }

    @staticmethod
    def read(document: Mapping[str, Any]) -> Statement:
        """Return the statement of a document made by `document`."""
        columns = document["columns"]
        return Statement(
            tuple(str(c["name"]) for c in columns),
            tuple(str(c["kind"]) for c in columns),
            tuple(_number(c["lower"]) for c in columns),
            tuple(_number(c["upper"]) for c in columns),
            tuple(bool(c["integer"]) for c in columns),
            tuple(_read_line(line) for line in document["rows"]),
            tuple(
                tuple(tuple(_read_line(line) for line in piece) for piece in entry)
                for entry in document["meaning"]
            ),
        )


def facets(statement: Statement, lines: Iterable[Line]) -> list[Facet]:
    """Return every finite side of the rows, in order: the upper before the lower."""
    found = []
    for line in lines:
        scale = statement.scale(line.terms)
        if line.high is not None:
            found.append(Facet(line.terms, line.high, scale))
        if line.low is not None:
            found.append(Facet({j: -a for j, a in line.terms.items()}, -line.low, scale))
    return found


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
    )


def written(y: Mapping[int, Fraction]) -> dict[str, str]:
    """Return multipliers as JSON can hold them."""
    return {str(i): str(v) for i, v in y.items() if v}


def _columns(line: Line) -> list[int]:
    return [*line.terms, *(() if line.when is None else (line.when[0],))]


def _text(value: Side) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> Side:
    return None if text is None else Fraction(text)


def _line_document(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = {
        "terms": {str(j): str(a) for j, a in line.terms.items()},
        "low": _text(line.low),
        "high": _text(line.high),
    }
    if line.when is not None:
        document["when"] = [line.when[0], sorted(line.when[1])]
    return document


def _read_line(document: Mapping[str, Any]) -> Line:
    when = document.get("when")
    return Line(
        {int(j): Fraction(a) for j, a in document["terms"].items()},
        _number(document["low"]),
        _number(document["high"]),
        None if when is None else (int(when[0]), frozenset(int(v) for v in when[1])),
    )
