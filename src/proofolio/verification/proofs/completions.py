"""Completions at every vertex and ray of a cell: with integers fixed, enough for the whole cell.

Cells by their vertices and rays, and completions of these, in fractions for prover and checker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofolio.verification.exact.certificate import Row, System
from proofolio.verification.exact.vertices import generators
from proofolio.verification.proofs.lifts import active_lines
from proofolio.verification.proofs.small_lp import SmallLP
from proofolio.verification.proofs.statement import Line, Statement, Undecidable, facets, freed_rows

__all__ = ["Blocked", "cell_generators", "completed_generators", "excess", "recession"]


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


MOST_COLUMNS = 9


class Blocked(Exception):
    """A vertex has no completion: the hyperplane, valid for every point that has one, and the vertex."""

    def __init__(self, terms: Row, limit: Fraction, point: dict[int, Fraction]) -> None:
        super().__init__("a vertex without a completion")
        self.terms, self.limit, self.point = terms, limit, point


def completed_generators(
    part: Statement,
    lines: Sequence[Line],
    given: Mapping[int, Fraction],
    fixed: Mapping[int, Fraction],
    deadline: float,
) -> tuple[dict[str, Any], Fraction]:
    """Return auxiliary values for each vertex and ray of a cell, and the delta they needed.

    Raises
    ------
    Blocked
        At a vertex without auxiliary values.
    Undecidable
        For a cell of more than 9 dimensions, or when a ray has no completion.
    """
    if len([j for j in part.points if j not in given]) > MOST_COLUMNS:
        raise Undecidable(
            f"no affine lift was found, and vertices are enumerated in up to {MOST_COLUMNS} dimensions only"
        )
    points, rays = cell_generators(part, lines, given)
    freed = freed_rows(part.rows, fixed)
    lp, ray_lp = SmallLP(part.relaxed, deadline), SmallLP(recession(part), deadline)
    completed, delta = [], Fraction(0)
    for point in points:
        _pinned_outputs(part, fixed, point)
        held = {**point, **fixed}
        system = lp.question(freed, held)
        answer = lp.maximise({}, system)
        whole = lp.exact_point(system, answer) if answer.status == "optimal" else None
        if whole is None:
            raise _blocked(part, freed, fixed, point, deadline)
        delta = max(delta, excess(part, fixed, whole))
        completed.append(_auxiliary(part, whole))
    directions = []
    for ray in rays:
        if any(ray.get(j) for j in fixed):
            raise Undecidable("a ray of a cell moves an integer output")
        held = {**ray, **{j: Fraction(0) for j in fixed}}
        system = ray_lp.question(freed, held)
        answer = ray_lp.maximise({}, system)
        whole = ray_lp.exact_point(system, answer) if answer.status == "optimal" else None
        if whole is None:
            raise Undecidable("a ray of a cell has no completion that could be shown")
        directions.append(_auxiliary(part, whole))
    return {"points": completed, "rays": directions}, delta


def _pinned_outputs(part: Statement, fixed: Mapping[int, Fraction], point: dict[int, Fraction]) -> None:
    """Raise `Blocked` where an integer output of a vertex is not the value that was fixed."""
    for j, value in fixed.items():
        if j in point and point[j] != value:
            sign = Fraction(1 if point[j] > value else -1)
            whole = {**point, **{k: v for k, v in fixed.items() if part.kinds[k] == "input"}}
            raise Blocked({j: sign}, sign * value, whole)


def _auxiliary(part: Statement, point: Mapping[int, Fraction]) -> dict[str, str]:
    return {
        str(j): str(point.get(j, Fraction(0)))
        for j, kind in enumerate(part.kinds)
        if kind == "auxiliary" and not part.integer[j]
    }


def _blocked(
    part: Statement,
    freed: frozenset[tuple[int, str]],
    fixed: Mapping[int, Fraction],
    point: dict[int, Fraction],
    deadline: float,
) -> Blocked:
    """Return the valid hyperplane that a Farkas vector at the vertex gives."""
    lp = SmallLP(part.program, deadline)
    system = lp.question(freed, {**point, **fixed})
    answer = lp.maximise({}, system)
    y = lp.certify_empty(system, answer) if answer.status == "empty" else None
    if y is None:
        raise Undecidable("whether a vertex of a cell has a completion could not be settled exactly")
    terms, limit = _hyperplane(part, replace(system, fixed=fixed), y)
    return Blocked(terms, limit, {**point, **{j: v for j, v in fixed.items() if part.kinds[j] == "input"}})


def _hyperplane(part: Statement, system: System, y: Mapping[int, Fraction]) -> tuple[Row, Fraction]:
    """Return (terms, limit) with terms x <= limit for every point x that has a completion."""
    reduced: dict[int, Fraction] = {}
    total = Fraction(0)
    for i, factor in y.items():
        side = system.side(i, "upper" if factor > 0 else "lower")
        assert side is not None
        total += factor * side
        for j, a in system.rows[i].items():
            reduced[j] = reduced.get(j, Fraction(0)) + factor * a
    free = {j for j in part.points if j not in system.fixed}
    for (
        j,
        factor,
    ) in reduced.items():  # what the columns outside the points can give at least moves to the right
        if j not in free and factor:
            low, high = system.box(j)
            end = low if factor > 0 else high
            assert end is not None
            total -= factor * end
    return {j: a for j, a in reduced.items() if j in free and a}, total
