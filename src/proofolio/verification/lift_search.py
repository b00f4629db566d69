r"""An affine lift by one linear program (Farkas' lemma).

On the cell :math:`\{x : Gx \le h\}` the rows :math:`A_i x + B_i f \le c_i` hold with :math:`f = Lx + l`
exactly when multipliers :math:`Y \ge 0` exist with

.. math:: Y_i G = A_i + B_i L, \qquad Y_i h + B_i l \le c_i

(for a cell that is not empty), which is linear in (L, l, Y) together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import inf

from proofolio.verification.certificate import Row, Side, System
from proofolio.verification.lifted import Lift, lifted_facets
from proofolio.verification.small_lp import DENOMINATORS, SmallLP
from proofolio.verification.statement import Facet, Line, Statement, facets

__all__ = ["searched_lifts"]

LARGEST = 60_000


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
        found.append(Facet(terms, facet.limit - constant, facet.scale))
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
