r"""An affine lift by one linear program (Farkas' lemma).

On the cell :math:`\{x : Gx \le h\}` the rows :math:`A_i x + B_i f \le c_i` hold with :math:`f = Lx + l`
exactly when multipliers :math:`Y \ge 0` exist with

.. math:: Y_i G = A_i + B_i L, \qquad Y_i h + B_i l \le c_i

(for a cell that is not empty), which is linear in (L, l, Y) together.

Rows seen from the inputs and outputs, once integers are fixed and the other variables are affine in them.

With :math:`a = Lx + l` the row :math:`A_i x + B_i a \le b_i` reads
:math:`(A_i + B_i L)x \le b_i - B_i l`. Where every row read so holds on a polyhedron of points x, each of
these points has a completion: the given integers and :math:`Lx + l`. Fractions only: the checker of proofs
reads this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import inf

from proofolio.verification.exact.certificate import Row, Side, System
from proofolio.verification.proofs.small_lp import DENOMINATORS, SmallLP
from proofolio.verification.proofs.statement import Facet, Line, Statement, facets, freed_rows

__all__ = ["Lift", "active_lines", "forced_lift", "lifted_facets", "searched_lifts", "substituted"]


Lift = Mapping[int, tuple[Row, Fraction]]
"""For a column, the coefficients and constant of the affine function it equals."""


def substituted(
    terms: Row, fixed: Mapping[int, Fraction], lift: Lift
) -> tuple[dict[int, Fraction], Fraction]:
    """Return the terms and the constant of an expression with columns fixed or lifted."""
    found: dict[int, Fraction] = {}
    constant = Fraction(0)
    for j, a in terms.items():
        if j in fixed:
            constant += a * fixed[j]
        elif j in lift:
            inner, offset = lift[j]
            constant += a * offset
            for k, b in inner.items():
                found[k] = found.get(k, Fraction(0)) + a * b
        else:
            found[j] = found.get(j, Fraction(0)) + a
    return {j: a for j, a in found.items() if a}, constant


def active_lines(part: Statement, fixed: Mapping[int, Fraction]) -> list[Line]:
    """Return the rows that hold under fixed integers, and the bounds of every column that is not an input."""
    freed = freed_rows(part.rows, fixed)
    lines = [line for i, line in enumerate(part.rows) if (i, "lower") not in freed]
    for j, kind in enumerate(part.kinds):
        if kind in ("output", "auxiliary"):
            one = {j: Fraction(1)}
            if j in fixed and kind == "output":
                lines.append(Line(one, fixed[j], fixed[j], (j, frozenset())))
            elif part.lower[j] is not None or part.upper[j] is not None:
                lines.append(Line(one, part.lower[j], part.upper[j]))
    return lines


def lifted_facets(part: Statement, fixed: Mapping[int, Fraction], lift: Lift) -> list[Facet]:
    """Return every row side and bound as a facet in the points, in a fixed order."""
    found = []
    for line in active_lines(part, fixed):
        pinned = line.when is not None and not line.when[1]  # an integer output must be what was fixed
        for facet in facets(part, [line]):
            terms, constant = (facet.terms, Fraction(0)) if pinned else substituted(facet.terms, fixed, lift)
            found.append(Facet(terms, facet.limit - constant, facet.scale))
    return found


def forced_lift(
    part: Statement, fixed: Mapping[int, Fraction]
) -> tuple[dict[int, tuple[Row, Fraction]], list[int]]:
    """Return what equations force on the auxiliary columns, and the auxiliary columns left free.

    Bounds that meet and rows with equal sides are equations; each is solved for one auxiliary column. The
    functions are affine in the points and the free columns.
    """
    auxiliary = [j for j, kind in enumerate(part.kinds) if kind == "auxiliary" and not part.integer[j]]
    known = set(auxiliary)
    floor, ceiling = {j: part.lower[j] for j in auxiliary}, {j: part.upper[j] for j in auxiliary}
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
                old = floor[j]
                floor[j] = first / a if old is None else max(old, first / a)
            if second is not None:
                old = ceiling[j]
                ceiling[j] = second / a if old is None else min(old, second / a)
    single = [({j: Fraction(1)}, low) for j, low in floor.items() if low is not None and low == ceiling[j]]
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
