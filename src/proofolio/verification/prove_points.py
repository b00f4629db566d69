"""Exact points: one that satisfies the rows of a part, one that its meaning allows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from proofolio.verification.outside import combinations
from proofolio.verification.small_lp import SmallLP
from proofolio.verification.statement import Line, Statement, Undecidable, freed_rows

__all__ = ["meaning_point", "program_point"]

Point = dict[int, Fraction]


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
