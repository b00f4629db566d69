r"""The question whether a set lies in a union of pieces, as one linear system; fractions only.

A point is outside all pieces by t > 0 when each piece has a facet :math:`a'x \le b` (of size s) with
:math:`a'x \ge b + s t`. With k the **first** such facet of a piece, the facets before it have
:math:`a'x \le b + s t`: one choice of k for each piece gives a system in (x, t), with :math:`-1 \le t \le
1`, and the set lies in the union of the pieces, each widened by delta, when every choice is empty or has
:math:`t \le \delta`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

from proofolio.verification.exact.certificate import Row, System
from proofolio.verification.proofs.statement import Facet, Line, Statement, Undecidable, facets, freed_rows

__all__ = ["Question", "combinations", "disjoint_outputs", "projected", "sound_question", "total_question"]


MOST = 400
MOST_COMBINATIONS = 4096


@dataclass(frozen=True)
class Question:
    """Rows, the integer columns to enumerate, and the facets of each piece."""

    base: System
    rows: tuple[Line, ...]
    columns: tuple[int, ...]
    pieces: tuple[tuple[Facet, ...], ...]

    @property
    def t(self) -> int:
        """The column of the common violation."""
        return len(self.base.lower)

    @cached_property
    def system(self) -> System:
        """The rows, and below them every facet of every piece, to be freed unless it is picked."""
        broken = [facet for piece in self.pieces for facet in piece]
        return System(
            (*self.base.rows, *({**f.terms, self.t: -f.scale} for f in broken)),
            (*self.base.low, *(f.limit for f in broken)),
            (*self.base.high, *(f.limit for f in broken)),
            (*self.base.lower, Fraction(-1)),
            (*self.base.upper, Fraction(1)),
        )

    def freed(self, fixed: Mapping[int, Fraction], chosen: Mapping[int, int]) -> frozenset[tuple[int, str]]:
        """Return the sides not asked for: all but the breach of a picked facet and the facets before it."""
        start, free = len(self.base.rows), []
        for p, piece in enumerate(self.pieces):
            first = chosen.get(p, -1)
            free += [(start + k, "lower") for k in range(len(piece)) if k != first]
            free += [(start + k, "upper") for k in range(len(piece)) if k >= first]
            start += len(piece)
        return freed_rows(self.rows, fixed) | frozenset(free)


def sound_question(part: Statement, entry: int) -> Question:
    """Ask whether the rows of a part put an entry into one of its pieces."""
    columns = tuple(j for j in range(len(part.names)) if part.integer[j])
    pieces = tuple(tuple(facets(part, piece)) for piece in part.entries[entry])
    return Question(part.program, part.rows, columns, pieces)


def total_question(part: Statement, entry: int) -> Question:
    """Ask whether every input of a part has outputs that put an entry into one of its pieces."""
    pieces = tuple(projected(part, piece) for piece in part.entries[entry])
    return Question(part.cell(()), (), part.given, pieces)


def combinations(part: Statement) -> list[tuple[int, ...]]:
    """Return every choice of one piece for each entry of a part."""
    count = 1
    for entry in part.entries:
        count *= len(entry)
    if count > MOST_COMBINATIONS:
        raise Undecidable(
            f"entries that share columns choose their pieces in {count} ways, more than {MOST_COMBINATIONS}"
        )
    return list(product(*(range(len(entry)) for entry in part.entries)))


def disjoint_outputs(part: Statement) -> bool:
    """Whether no output stands in the pieces of two entries."""
    seen: set[int] = set()
    for entry in part.entries:
        own = {j for piece in entry for line in piece for j in line.terms if part.kinds[j] == "output"}
        if own & seen:
            return False
        seen |= own
    return True


def projected(part: Statement, piece: Sequence[Line]) -> tuple[Facet, ...]:
    """Return the inputs of a piece, its outputs eliminated: by equations, then as Fourier and Motzkin do.

    Raises
    ------
    Undecidable
        When more than 400 rows come of it.
    """
    rows = [(dict(line.terms), line.low, line.high) for line in piece]
    outputs = {j for j, kind in enumerate(part.kinds) if kind == "output"}
    sides: list[tuple[Row, Fraction]] = []
    while rows:
        terms, low, high = rows.pop()
        column = next((j for j in terms if j in outputs), None)
        if low is None or low != high or column is None:
            sides += [(terms, high)] if high is not None else []
            sides += [({j: -a for j, a in terms.items()}, -low)] if low is not None else []
            continue
        for other, (row, below, above) in enumerate(rows):
            share = row.get(column, Fraction(0)) / terms[column]
            moved = share * low
            rows[other] = (
                _less(row, share, terms),
                None if below is None else below - moved,
                None if above is None else above - moved,
            )
        sides = [_reduced(row, limit, terms, low, column) for row, limit in sides]
    for column in outputs:
        over = [(row, limit) for row, limit in sides if row.get(column, 0) > 0]
        under = [(row, limit) for row, limit in sides if row.get(column, 0) < 0]
        sides = [(row, limit) for row, limit in sides if not row.get(column)]
        for top, limit in over:
            for bottom, end in under:
                factor = top[column] / bottom[column]
                sides.append((_less(top, factor, bottom), limit - factor * end))
        if len(sides) > MOST:
            raise Undecidable(f"eliminating the outputs of a piece gave more than {MOST} rows")
    return tuple(Facet(row, limit, part.scale(row)) for row, limit in sides if row or limit < 0)


def _reduced(row: Row, limit: Fraction, terms: Row, value: Fraction, column: int) -> tuple[Row, Fraction]:
    """Return the side row <= limit with a column eliminated by the equation terms = value."""
    factor = row.get(column, Fraction(0)) / terms[column]
    return _less(row, factor, terms), limit - factor * value


def _less(row: Row, factor: Fraction, other: Row) -> dict[int, Fraction]:
    """Return row - factor * other without its zeros."""
    found = dict(row)
    for j, a in other.items():
        found[j] = found.get(j, Fraction(0)) - factor * a
    return {j: a for j, a in found.items() if a}
