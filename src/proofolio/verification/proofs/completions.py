r"""Completions of a whole cell: an affine lift of the auxiliary columns, or values at every vertex and ray.

**A lift** is what equations force (`forced_lift`), and for the columns they leave free it is found by one linear
program (Farkas' lemma). On the cell :math:`\{x : Gx \le h\}` the rows :math:`A_i x + B_i f \le c_i` hold with
:math:`f = Lx + l` exactly when multipliers :math:`Y \ge 0` exist with

.. math:: Y_i G = A_i + B_i L, \qquad Y_i h + B_i l \le c_i

(for a cell that is not empty), which is linear in (L, l, Y) together.

**Values at every vertex and ray** (`completed_generators`) are enough too: with the integers fixed the rows are
convex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import Any

from proofolio.verification.exact.certificate import Row, Side, System, Undecidable
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import (
    Lift,
    active_lines,
    cell_generators,
    excess,
    lifted_facets,
    recession,
    substituted,
)
from proofolio.verification.proofs.small_lp import DENOMINATORS, SmallLP
from proofolio.verification.proofs.statement import Facet, Statement, facets, freed_rows

__all__ = ["Blocked", "completed_generators", "forced_lift", "searched_lifts", "substituted_lift"]


LARGEST = 60_000  # rows times facets of the linear program for a lift; beyond it vertices are tried
MOST_COLUMNS = 9  # dimensions of a cell whose vertices are enumerated: a box has 2^9 of them


def forced_lift(
    part: Statement, fixed: Mapping[int, Fraction]
) -> tuple[dict[int, tuple[Row, Fraction]], list[int]]:
    """Return what equations force on the auxiliary columns, and the auxiliary columns left free.

    Bounds that meet and rows with equal sides are equations; each is solved for one auxiliary column. The
    functions are affine in the points and the free columns.
    """
    auxiliary = [j for j, kind in enumerate(part.kinds) if kind == "auxiliary" and not part.integer[j]]
    known = set(auxiliary)
    least, most = {j: part.lower[j] for j in auxiliary}, {j: part.upper[j] for j in auxiliary}
    equations: list[tuple[dict[int, Fraction], Fraction]] = []
    for line in active_lines(part, fixed):
        terms, constant = substituted(line.terms, fixed, {})
        if not known & set(terms):
            continue
        low = None if line.low is None else line.low - constant
        high = None if line.high is None else line.high - constant
        if low is not None and low == high:
            equations.append((terms, low))
        elif len(terms) == 1:
            ((j, a),) = terms.items()
            first, second = (low, high) if a > 0 else (high, low)
            if first is not None:
                old = least[j]
                least[j] = first / a if old is None else max(old, first / a)
            if second is not None:
                old = most[j]
                most[j] = second / a if old is None else min(old, second / a)
    single = [({j: Fraction(1)}, low) for j, low in least.items() if low is not None and low == most[j]]
    lift: dict[int, tuple[Row, Fraction]] = {}
    for terms, right in [*single, *equations]:
        rest, constant = substituted(terms, {}, lift)
        column = next((j for j in rest if j in known), None)
        if column is None:
            continue
        pivot = rest.pop(column)
        solved = ({j: -a / pivot for j, a in rest.items()}, (right - constant) / pivot)
        lift = {j: substituted_lift(value, {column: solved}) for j, value in lift.items()}
        lift[column] = solved
    return lift, [j for j in auxiliary if j not in lift]


def substituted_lift(value: tuple[Row, Fraction], lift: Lift) -> tuple[Row, Fraction]:
    """Return an affine function with some of its columns lifted."""
    terms, constant = substituted(value[0], {}, lift)
    return terms, constant + value[1]


def searched_lifts(
    part: Statement,
    lines: Sequence[Line],
    fixed: Mapping[int, Fraction],
    forced: Lift,
    free: Sequence[int],
    deadline: float = inf,
) -> list[dict[int, tuple[Row, Fraction]]]:
    """Return candidates for the free columns' lift on the cell of some lines, simplest numbers first.

    An empty list says that no affine lift was found (or that the program would be too large to try).
    """
    cell = _cell_facets(part, lines, fixed)
    rows = [f for f in lifted_facets(part, fixed, forced) if any(j in f.terms for j in free)]
    points = [j for j in part.points if j not in fixed]
    if len(rows) * len(cell) > LARGEST:
        return []
    system, width = _farkas(rows, cell, points, free)
    lp = SmallLP(system, deadline)
    answer = lp.maximise({}, lp.question())
    if answer.status != "optimal":
        return []
    numbers = answer.point[:width]
    found = []
    for limit in (*DENOMINATORS, None):
        values = [_rounded(x, limit) for x in numbers]
        lift: dict[int, tuple[Row, Fraction]] = {}
        for k, column in enumerate(free):
            start = k * (len(points) + 1)
            terms = {j: v for j, v in zip(points, values[start:], strict=False) if v}
            lift[column] = (terms, values[start + len(points)])
        found.append(lift)
    return found


def _rounded(x: float, limit: int | None) -> Fraction:
    return Fraction(x) if limit is None else Fraction(x).limit_denominator(limit)


def _cell_facets(part: Statement, lines: Sequence[Line], fixed: Mapping[int, Fraction]) -> list[Facet]:
    """Return the facets of a cell with integers fixed: its lines and the box of the inputs."""
    box = [
        Line({j: Fraction(1)}, part.lower[j], part.upper[j])
        for j, kind in enumerate(part.kinds)
        if kind == "input" and j not in fixed
    ]
    found = []
    for facet in facets(part, [*lines, *box]):
        constant = sum((a * fixed[j] for j, a in facet.terms.items() if j in fixed), Fraction(0))
        terms = {j: a for j, a in facet.terms.items() if j not in fixed}
        found.append(Facet(terms, facet.limit - constant, facet.scale, facet.room))
    return found


def _farkas(
    rows: Sequence[Facet], cell: Sequence[Facet], points: Sequence[int], free: Sequence[int]
) -> tuple[System, int]:
    """Return the system in (L, l) column by column of `free`, then Y row by row; and the size of (L, l)."""
    stride = len(points) + 1
    width = stride * len(free)
    found: list[Row] = []
    low: list[Side] = []
    high: list[Side] = []
    for i, row in enumerate(rows):
        start = width + i * len(cell)
        for p, j in enumerate(points):
            terms = {start + s: facet.terms[j] for s, facet in enumerate(cell) if j in facet.terms}
            terms |= {k * stride + p: -row.terms[f] for k, f in enumerate(free) if f in row.terms}
            found.append(terms)
            low.append(row.terms.get(j, Fraction(0)))
            high.append(row.terms.get(j, Fraction(0)))
        terms = {start + s: facet.limit for s, facet in enumerate(cell) if facet.limit}
        terms |= {k * stride + len(points): row.terms[f] for k, f in enumerate(free) if f in row.terms}
        found.append(terms)
        low.append(None)
        high.append(row.limit)
    columns = width + len(rows) * len(cell)
    lower = tuple(None if j < width else Fraction(0) for j in range(columns))
    return System(tuple(found), tuple(low), tuple(high), lower, (None,) * columns), width


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
