"""Exact points of a statement: one that its rows allow, one that its meaning allows, and true ones.

A point is true when quadratic parts have the values of their forms. `true_points` looks for such points near one
at which a claim seemed to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations as pairs_of
from itertools import islice, product

from proofolio.verification.exact.certificate import Undecidable, evaluate
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import Point, combinations
from proofolio.verification.proofs.small_lp import SmallLP
from proofolio.verification.proofs.statement import Facet, Statement, facets, freed_rows

__all__ = ["held_at", "meaning_point", "program_point", "true_points"]


CORNERS = 16  # of a box that are tried: of four inputs all
HALVINGS = 60  # of a wide box: a point must lie closer to a facet than errors are large
OFFSETS = tuple(
    sign * Fraction(1, 10**k) for k in (6, 8) for sign in (1, -1)
)  # of a row's size, beyond delta


def program_point(part: Statement, deadline: float) -> Point:
    """Return a point that satisfies the rows of a part; `Undecidable` when none was found."""
    lp = SmallLP(part.program, deadline)
    columns = [j for j in range(len(part.names)) if part.integer[j]]
    point = _search(part, lp, part.rows, columns, {})
    if point is None:
        raise Undecidable("the rows of another part allow no point at all")
    return point


def meaning_point(part: Statement, deadline: float) -> Point:
    """Return inputs and outputs that the meaning of a part allows; `Undecidable` when none was found."""
    for way in combinations(part):
        lines = [line for entry, k in zip(part.entries, way, strict=True) for line in entry[k]]
        lp = SmallLP(part.cell(lines), deadline)
        point = _search(part, lp, (), list(part.given), {})
        if point is not None:
            return {j: point[j] for j in part.points}
    raise Undecidable("the meaning of another part allows no point at all")


def _search(
    part: Statement,
    lp: SmallLP,
    rows: Sequence[Line],
    columns: list[int],
    fixed: Point,
) -> Point | None:
    system = lp.question(freed_rows(rows, fixed), fixed)
    answer = lp.maximise({}, system)
    if answer.status != "optimal":
        return None
    column = next((j for j in columns if j not in fixed), None)
    if column is None:
        return lp.exact_point(system, answer)
    for v in part.values(column):
        point = _search(part, lp, rows, columns, {**fixed, column: Fraction(v)})
        if point is not None:
            return point
    return None


def true_points(statement: Statement, near: Mapping[str, Fraction]) -> Iterator[Point]:
    """Yield values of all inputs.

    The inputs of the point itself come first, then corners of the box, then points of segments between these
    that lie just inside and just outside a quadratic row of the meaning.
    """
    own = {atom.column for atom in statement.atoms}
    inputs = [j for j, kind in enumerate(statement.kinds) if kind == "input" and j not in own]
    start = {j: near[statement.names[j]] for j in inputs}
    yield _whole(statement, start)
    middle = {j: sum(_ends(statement, j), Fraction(0)) / 2 for j in inputs}
    yield _whole(statement, middle)
    of_atom = {atom.column: {j for i, k, _ in atom.terms for j in (i, k)} for atom in statement.atoms}
    for used in of_atom.values():
        for corner in _corners(statement, start, used):
            yield _whole(statement, corner)
    lines = [
        line for entry in statement.entries for piece in entry for line in piece if own & set(line.terms)
    ]
    given = own | set(inputs)
    for facet in facets(statement, [line for line in lines if set(line.terms) <= given]):
        used = {i for j in facet.terms for i in of_atom.get(j, {j})}
        inside = start | {j: middle[j] for j in used}
        for a, b in pairs_of([inside, start, *_corners(statement, start, used)], 2):
            yield from _across(statement, facet, a, b)


def _ends(statement: Statement, j: int) -> tuple[Fraction, Fraction]:
    return statement.lower[j] or Fraction(0), statement.upper[j] or Fraction(0)


def _corners(statement: Statement, start: Point, used: Iterable[int]) -> list[Point]:
    """Return a point with some of its inputs at ends of their boxes."""
    columns = sorted(used)
    ends = product(*(_ends(statement, j) for j in columns))
    return [start | dict(zip(columns, corner, strict=True)) for corner in islice(ends, CORNERS)]


def _across(statement: Statement, facet: Facet, a: Point, b: Point) -> Iterator[Point]:
    """Yield points of the segment from a to b just inside and just outside a facet, where it crosses that."""
    for offset in OFFSETS:
        wanted = facet.limit + offset * facet.scale

        def beyond(share: Fraction, wanted: Fraction = wanted) -> bool:
            point = _whole(statement, {j: a[j] + share * (b[j] - a[j]) for j in a})
            return evaluate(facet.terms, point) > wanted

        low, high = Fraction(0), Fraction(1)
        if beyond(low) == beyond(high):
            continue
        first = beyond(low)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if beyond(middle) == first else (low, middle)
        yield _whole(statement, {j: a[j] + low * (b[j] - a[j]) for j in a})


def _whole(statement: Statement, inputs: Point) -> Point:
    """Return the point with its atoms."""
    point = {j: Fraction(round(v)) if statement.integer[j] else v for j, v in inputs.items()}
    return point | {atom.column: atom.value(point) for atom in statement.atoms}


def held_at(statement: Statement, point: Mapping[int, Fraction]) -> Statement:
    """Return the statement with its inputs held at a point."""
    return replace(
        statement,
        lower=tuple(point.get(j, end) for j, end in enumerate(statement.lower)),
        upper=tuple(point.get(j, end) for j, end in enumerate(statement.upper)),
        atoms=(),
        given_sizes=statement.curved_sizes,
    )
