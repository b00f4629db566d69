"""Points at which quadratic parts are what they stand for, near one at which a claim seemed to fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, islice, product

from proofolio.verification.proofs.statement import Facet, Statement, facets

__all__ = ["held_at", "true_points"]


Point = dict[int, Fraction]
CORNERS = 16
HALVINGS = 60  # of a wide box: a point must lie closer to a facet than errors are large
OFFSETS = tuple(sign * Fraction(1, 10**k) for k in (6, 8) for sign in (1, -1))


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
        for a, b in combinations([inside, start, *_corners(statement, start, used)], 2):
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
            return sum((v * point[j] for j, v in facet.terms.items()), Fraction(0)) > wanted

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
