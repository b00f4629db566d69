r"""Rows seen from the inputs and outputs, once integers are fixed and the other variables are affine in them.

With :math:`a = Lx + l` the row :math:`A_i x + B_i a \le b_i` reads
:math:`(A_i + B_i L)x \le b_i - B_i l`. Where every row read so holds on a polyhedron of points x, each of
these points has a completion: the given integers and :math:`Lx + l`. Fractions only: the checker of proofs
reads this.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from proofolio.verification.certificate import Row
from proofolio.verification.statement import Facet, Line, Statement, facets, freed_rows

__all__ = ["Lift", "active_lines", "forced_lift", "lifted_facets", "substituted"]

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
