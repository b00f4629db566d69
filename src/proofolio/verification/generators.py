"""Cells by their vertices and rays, and completions of these, in fractions for prover and checker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from proofolio.verification.certificate import System
from proofolio.verification.lifted import active_lines
from proofolio.verification.statement import Line, Statement, facets
from proofolio.verification.vertices import generators

__all__ = ["cell_generators", "excess", "recession"]

Point = dict[int, Fraction]


def cell_generators(
    part: Statement, lines: Sequence[Line], given: Mapping[int, Fraction]
) -> tuple[list[Point], list[Point]]:
    """Return the vertices and rays of the cell that lines cut out of the box, its integer inputs fixed."""
    columns = [j for j in part.points if j not in given]
    box = [Line({j: Fraction(1)}, part.lower[j], part.upper[j]) for j in columns if part.kinds[j] == "input"]
    found = []
    for facet in facets(part, [*box, *lines]):
        constant = sum((a * given[j] for j, a in facet.terms.items() if j in given), Fraction(0))
        found.append(([facet.terms.get(j, Fraction(0)) for j in columns], facet.limit - constant))
    points, rays = generators(found, len(columns))
    return (
        [dict(zip(columns, v, strict=True)) for v in points],
        [dict(zip(columns, v, strict=True)) for v in rays],
    )


def excess(part: Statement, fixed: Mapping[int, Fraction], point: Mapping[int, Fraction]) -> Fraction:
    """Return the largest violation of a row or bound at a point, each over its scale."""
    worst = Fraction(0)
    for facet in facets(part, active_lines(part, fixed)):
        value = sum((a * point.get(j, Fraction(0)) for j, a in facet.terms.items()), Fraction(0))
        worst = max(worst, (value - facet.limit) / facet.scale)
    return worst


def recession(part: Statement) -> System:
    """Return the directions along which the rows hold for ever: every finite side becomes zero."""
    zero = Fraction(0)

    def flat(sides: tuple[Fraction | None, ...]) -> tuple[Fraction | None, ...]:
        return tuple(None if side is None else zero for side in sides)

    program = part.program
    return replace(
        program,
        low=flat(program.low),
        high=flat(program.high),
        lower=flat(program.lower),
        upper=flat(program.upper),
    )
