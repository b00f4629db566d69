r"""The checker of certificates: no solver, no floating point, nothing but fractions and the model's data.

A bound on a linear expression over a polyhedron is proved by multipliers. For any y, with
:math:`r = c - A'y`, every x with :math:`a \le Ax \le b` and :math:`l \le x \le u` has

.. math:: c'x = y'Ax + r'x \le \sum_i \max(y_i a_i, y_i b_i) + \sum_j \max(r_j l_j, r_j u_j)

where a term with an infinite factor proves nothing unless its multiplier is zero. With c = 0 and a right-hand
side below zero the polyhedron is empty. That is all there is to check.

The checkers of documents stand on this module: `proofolio.verification.audit.checker` and
`proofolio.verification.proofs.checker`. Both read and write numbers by the functions at its end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from proofolio.verification.exact.in_time import Undecidable, check_time

__all__ = [
    "NUMBERS",
    "UNREADABLE",
    "ZERO",
    "Row",
    "Side",
    "System",
    "Undecidable",
    "bound",
    "digest",
    "evaluate",
    "is_basic",
    "proves_empty",
    "read_number",
    "read_numbers",
    "read_side",
    "side_text",
    "violation",
    "written",
]


ZERO = Fraction(0)
Row = Mapping[int, Fraction]
Side = Fraction | None
RATIONAL = re.compile(r"-?[0-9]+(/[0-9]+)?")
# What reading a document may raise that somebody else wrote: other types, missing keys, numbers beyond doubles.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
NUMBERS = "decimals as written"  # how documents say that a model's double x is meant as Fraction(repr(x))


@dataclass(frozen=True)
class System:
    """Linear rows ``low <= row x <= high`` and bounds of columns; None is an infinite side.

    `freed` holds (row, "lower" | "upper") sides to be ignored and `fixed` columns held at a value, so that
    one system serves many questions.
    """

    rows: tuple[Row, ...]
    low: tuple[Side, ...]
    high: tuple[Side, ...]
    lower: tuple[Side, ...]
    upper: tuple[Side, ...]
    freed: frozenset[tuple[int, str]] = frozenset()
    fixed: Mapping[int, Fraction] = field(default_factory=dict)

    def side(self, i: int, which: str) -> Side:
        """Return one side of a row."""
        return None if (i, which) in self.freed else (self.low if which == "lower" else self.high)[i]

    def box(self, j: int) -> tuple[Side, Side]:
        """Return the bounds of a column."""
        return (self.fixed[j], self.fixed[j]) if j in self.fixed else (self.lower[j], self.upper[j])


def bound(system: System, c: Row, y: Row) -> Side:
    """Return the upper bound of c'x that the multipliers y prove, None when they prove nothing."""
    reduced = dict(c)
    total = ZERO
    for i, factor in y.items():
        if not factor:
            continue
        check_time()
        side = system.side(i, "upper" if factor > 0 else "lower") if 0 <= i < len(system.rows) else None
        if side is None:
            return None
        total += factor * side
        for j, a in system.rows[i].items():
            reduced[j] = reduced[j] - factor * a if j in reduced else -factor * a
    for j, factor in reduced.items():
        if not factor:
            continue
        low, high = system.box(j)
        end = high if factor > 0 else low
        if end is None:
            return None
        total += factor * end
    return total


def is_basic(system: System, c: Row, y: Row) -> bool:
    """Whether the rows and the bounds of columns by which the multipliers bound c'x are linearly independent.

    Such multipliers are the only ones on their rows and bounds: multiples of rows that cancel cannot be added to them.
    A fixed column is one whose bounds are equal: a row may be needed to leave nothing of it.
    """
    reduced = dict(c)
    for i, factor in y.items():
        for j, a in system.rows[i].items():
            reduced[j] = reduced.get(j, ZERO) - factor * a
    done: list[tuple[int, Row]] = []  # a pivot, and its row with 1 there
    for i in (i for i, factor in y.items() if factor):
        row = {j: a for j, a in system.rows[i].items() if not reduced[j]}
        for pivot, known in done:
            factor = row.get(pivot, ZERO)
            if factor:
                row = {j: row.get(j, ZERO) - factor * known.get(j, ZERO) for j in row.keys() | known.keys()}
        left = {j: a for j, a in row.items() if a}
        if not left:
            return False
        first = next(iter(left))
        done.append((first, {j: a / left[first] for j, a in left.items()}))
    return True


def proves_empty(system: System, y: Row) -> bool:
    """Whether the multipliers prove that no point satisfies the system."""
    proved = bound(system, {}, y)
    return proved is not None and proved < 0


def evaluate(terms: Row, point: Row) -> Fraction:
    """Evaluate a linear function at a point (absent columns are zero)."""
    return sum((a * point[j] for j, a in terms.items() if j in point), ZERO)


def violation(system: System, x: Row) -> Fraction:
    """Return the largest violation of any row or bound at a point (absent columns are zero)."""
    worst = ZERO
    for i, row in enumerate(system.rows):
        check_time()
        worst = max(worst, _outside(evaluate(row, x), system.side(i, "lower"), system.side(i, "upper")))
    for j in range(len(system.lower)):
        worst = max(worst, _outside(x.get(j, ZERO), *system.box(j)))
    return worst


def _outside(value: Fraction, low: Side, high: Side) -> Fraction:
    above = ZERO if high is None else value - high
    below = ZERO if low is None else low - value
    return max(above, below, ZERO)


# ------------------------------------------------------------------ numbers in documents
def side_text(value: Side) -> str | None:
    """Return a side as JSON can hold it."""
    return None if value is None else str(value)


def read_number(text: Any) -> Fraction:
    """Return the number that stands in a document as ``"3"`` or ``"-1/2"``; `ValueError` for anything else."""
    if not (isinstance(text, str) and RATIONAL.fullmatch(text)):
        raise ValueError(f"{text!r} is no rational number")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} is no rational number") from None


def read_side(text: str | None) -> Side:
    """Return the side that `side_text` wrote."""
    return None if text is None else read_number(text)


def written(numbers: Row) -> dict[str, str]:
    """Return the nonzero numbers of a row, a point or multipliers as JSON can hold them."""
    return {str(j): str(v) for j, v in numbers.items() if v}


def read_numbers(document: Mapping[str, str]) -> dict[int, Fraction]:
    """Return the numbers that `written` wrote."""
    return {int(j): read_number(v) for j, v in document.items()}


def digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything in a document but its own digest."""
    content = {key: part for key, part in document.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
