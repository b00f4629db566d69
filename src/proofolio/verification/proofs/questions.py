r"""What is to be proved about a part of a statement, for prover and checker alike; fractions only.

**Sound and total**: does a set lie in a union of pieces (`Question`)? A point is outside all pieces by t > 0 when
each piece has a facet :math:`a'x \le b` (of size s) with :math:`a'x \ge b + s t`. With k the **first** such facet
of a piece, the facets before it have :math:`a'x \le b + s t`: one choice of k for each piece gives a system in
(x, t), with :math:`-1 \le t \le 1`, and the set lies in the union of the pieces, each widened by delta, when every
choice is empty or has a t that rounding explains.

**Complete**: rows seen from the inputs and outputs, once integers are fixed. With the other variables affine in
the points, :math:`f = Lx + l`, the row :math:`A_i x + B_i f \le b_i` reads
:math:`(A_i + B_i L)x \le b_i - B_i l` (`lifted_facets`): where every row read so holds on a cell, each of its
points has a completion. Without such a lift, values at every vertex and ray of the cell (`cell_generators`) will
do, because the rows are convex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product

from proofolio.verification.exact.certificate import ZERO, Row, System, Undecidable, evaluate
from proofolio.verification.exact.in_time import check_time
from proofolio.verification.exact.vertices import generators
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.statement import Facet, Statement, facets, freed_rows, lent

__all__ = [
    "Lift",
    "Point",
    "Question",
    "active_lines",
    "cell_generators",
    "combinations",
    "disjoint_outputs",
    "excess",
    "lifted_facets",
    "outside_bounds",
    "projected",
    "recession",
    "sound_question",
    "substituted",
    "total_question",
]


MOST_ROWS = 400  # of a piece whose outputs are eliminated: each output may square their number
MOST_COMBINATIONS = 4096  # of pieces of entries that share columns, each a proof of its own
Point = dict[int, Fraction]
Lift = Mapping[int, tuple[Row, Fraction]]
"""For a column, the coefficients and constant of the affine function it equals."""


# -------------------------------------------------------------- sound and total
@dataclass(frozen=True)
class Question:
    """Rows, the integer columns to enumerate, and the facets of each piece."""

    base: System
    rows: tuple[Line, ...]
    columns: tuple[int, ...]
    pieces: tuple[tuple[Facet, ...], ...]
    rooms: tuple[Fraction, ...] = ()

    def lent(self, multipliers: Row) -> Fraction:
        """Return the largest t that rounding explains under multipliers of `system`."""
        return lent((*self.rooms, *(f.room for piece in self.pieces for f in piece)), multipliers)

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
    return Question(part.program, part.rows, columns, pieces, part.rooms)


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
            share = row.get(column, ZERO) / terms[column]
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
            check_time()
            for bottom, end in under:
                factor = top[column] / bottom[column]
                sides.append((_less(top, factor, bottom), limit - factor * end))
        if len(sides) > MOST_ROWS:
            raise Undecidable(f"eliminating the outputs of a piece gave more than {MOST_ROWS} rows")
    return tuple(
        Facet(row, limit, part.scale(row), part.rounding(row, limit))
        for row, limit in sides
        if row or limit < 0
    )


def _reduced(row: Row, limit: Fraction, terms: Row, value: Fraction, column: int) -> tuple[Row, Fraction]:
    """Return the side row <= limit with a column eliminated by the equation terms = value."""
    factor = row.get(column, ZERO) / terms[column]
    return _less(row, factor, terms), limit - factor * value


def _less(row: Row, factor: Fraction, other: Row) -> dict[int, Fraction]:
    """Return row - factor * other without its zeros."""
    found = dict(row)
    for j, a in other.items():
        found[j] = found.get(j, ZERO) - factor * a
    return {j: a for j, a in found.items() if a}


# --------------------------------------------------------------------- complete
def substituted(
    terms: Row, fixed: Mapping[int, Fraction], lift: Lift
) -> tuple[dict[int, Fraction], Fraction]:
    """Return the terms and the constant of an expression with columns fixed or lifted."""
    found: dict[int, Fraction] = {}
    constant = ZERO
    for j, a in terms.items():
        if j in fixed:
            constant += a * fixed[j]
        elif j in lift:
            inner, offset = lift[j]
            constant += a * offset
            for k, b in inner.items():
                found[k] = found.get(k, ZERO) + a * b
        else:
            found[j] = found.get(j, ZERO) + a
    return {j: a for j, a in found.items() if a}, constant


def active_lines(part: Statement, fixed: Mapping[int, Fraction]) -> list[Line]:
    """Return the rows that hold under fixed integers, and the bounds of every column that is not an input."""
    freed = freed_rows(part.rows, fixed)
    lines = [line for i, line in enumerate(part.rows) if (i, "lower") not in freed]
    for j, kind in enumerate(part.kinds):
        if kind in ("output", "auxiliary"):
            if j in fixed and kind == "output":
                lines.append(Line({j: Fraction(1)}, fixed[j], fixed[j], (j, frozenset())))
            elif part.lower[j] is not None or part.upper[j] is not None:
                lines.append(part.bound_lines[j])
    return lines


def lifted_facets(part: Statement, fixed: Mapping[int, Fraction], lift: Lift) -> list[Facet]:
    """Return every row side and bound as a facet in the points, in a fixed order."""
    found = []
    for line in active_lines(part, fixed):
        pinned = line.when is not None and not line.when[1]  # an integer output must be what was fixed
        for facet in facets(part, [line]):
            terms, constant = (facet.terms, ZERO) if pinned else substituted(facet.terms, fixed, lift)
            found.append(Facet(terms, facet.limit - constant, facet.scale, facet.room))
    return found


def cell_generators(
    part: Statement, lines: Sequence[Line], given: Mapping[int, Fraction]
) -> tuple[list[Point], list[Point]]:
    """Return the vertices and rays of the cell that lines cut out of the box, its integer inputs fixed."""
    columns = [j for j in part.points if j not in given]
    box = [part.bound_lines[j] for j in columns if part.kinds[j] == "input"]
    found = []
    for facet in facets(part, [*box, *lines]):
        constant = sum((a * given[j] for j, a in facet.terms.items() if j in given), ZERO)
        found.append(([facet.terms.get(j, ZERO) for j in columns], facet.limit - constant))
    points, rays = generators(found, len(columns))
    return (
        [dict(zip(columns, v, strict=True)) for v in points],
        [dict(zip(columns, v, strict=True)) for v in rays],
    )


def excess(part: Statement, fixed: Mapping[int, Fraction], point: Mapping[int, Fraction]) -> Fraction:
    """Return the largest violation of a row or bound at a point, each over its scale.

    Raises
    ------
    Undecidable
        When a violation is more than the rounding of its row explains.
    """
    worst = ZERO
    for facet in facets(part, active_lines(part, fixed)):
        missed = evaluate(facet.terms, point) - facet.limit
        if missed > facet.room:
            raise Undecidable("a vertex is completed by less than its rows ask for")
        worst = max(worst, missed / facet.scale)
    return worst


def outside_bounds(part: Statement, j: int, value: Fraction) -> bool:
    """Whether an output has a value that its bounds exclude, rounding apart."""
    low, high = part.relaxed.lower[j], part.relaxed.upper[j]
    return part.kinds[j] == "output" and (
        (low is not None and value < low) or (high is not None and value > high)
    )


def recession(part: Statement) -> System:
    """Return the directions along which the rows hold for ever: every finite side becomes zero."""

    def flat(sides: tuple[Fraction | None, ...]) -> tuple[Fraction | None, ...]:
        return tuple(None if side is None else ZERO for side in sides)

    program = part.program
    return replace(
        program,
        low=flat(program.low),
        high=flat(program.high),
        lower=flat(program.lower),
        upper=flat(program.upper),
    )
