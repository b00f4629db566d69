r"""From floating multipliers to bounds that hold in exact arithmetic.

For any multipliers y and :math:`r = c - A'y`, every point of the continuous relaxation has

.. math:: c'x \le \sum_i \max(y_i a_i, y_i b_i) + \sum_j \max(r_j l_j, r_j u_j)

(the dual bound of an LP; Jansson 2004, Neumaier and Shcherbina 2004, here without any rounding). A solver's
multipliers are close to good ones; what makes the right-hand side infinite is a wrong sign at an absent side
or a nonzero r_j at an absent bound. So: wrong signs are set to zero; denominators up to 1e3, then up to 1e6
are tried, which finds most multipliers exactly; then the few rows that touch unbounded columns are repaired
by exact elimination; and last the numbers are taken as the dyadic fractions they are. The best result is
kept.

Numbers of the model are read as the decimals they were written as: ``Fraction(repr(x))``. All sums run over
plain integers with common denominators, which is much faster than fractions and as exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.program.program import Program
from proofolio.verification.exact.certificate import System
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.numbers import Multipliers, WholeRows, as_decimal

__all__ = ["Certified", "ExactRows", "Question", "system_of"]


Rows = Integers
Freed = tuple[int, str]
Box = tuple[Fraction | None, Fraction | None]

NOISE = 1e-11  # multipliers below this are the solver's rounding
SMALL, MIDDLE = 1_000, 1_000_000
GOOD = 1e-9  # relative growth of the bound at which no further attempt is made
DUAL_TIGHT = 1e-6  # an unbounded column with a reduced cost below this is meant to have none
LOCAL = 400  # rows of a local repair
FEW = 4  # multipliers up to which plain Python is faster than arrays


@dataclass(frozen=True)
class Question:
    """What differs from the program's relaxation: sides set free, and columns with other bounds."""

    freed: frozenset[Freed] = frozenset()
    boxes: Mapping[int, Box] = field(default_factory=dict)

    @staticmethod
    def of(freed: Iterable[Freed] = (), fixed: Mapping[int, int] | None = None) -> Question:
        """Free some sides and fix some columns at integers."""
        held = {j: (Fraction(v), Fraction(v)) for j, v in (fixed or {}).items()}
        return Question(frozenset(freed), held)


@dataclass(frozen=True)
class Certified:
    """A bound and the multipliers, by row, that prove it."""

    bound: Fraction
    multipliers: Mapping[int, Fraction]


class ExactRows:
    """The linear rows and bounds of a program's continuous relaxation, in exact arithmetic.

    Everything is built when first asked for, and shared by all questions.
    """

    def __init__(self, program: Program) -> None:
        self._A = program.A
        self.n, self.m = program.n, program.m
        self._sides = (program.row_lower, program.row_upper)
        self._boxes = (program.lower, program.upper)
        self._rows: dict[int, tuple[list[int], list[int]]] = {}
        self.free_column = ~np.isfinite(program.lower) | ~np.isfinite(program.upper)

    @cached_property
    def scale(self) -> int:
        """The common denominator of all coefficients."""
        return math.lcm(1, *{as_decimal(a).denominator for a in np.unique(self._A.data).tolist()})

    @cached_property
    def side_scale(self) -> int:
        """The common denominator of all sides and bounds."""
        values = np.unique(np.concatenate([*self._sides, *self._boxes]))
        return math.lcm(1, *{as_decimal(v).denominator for v in values[np.isfinite(values)].tolist()})

    @cached_property
    def low(self) -> list[int | None]:
        """Lower sides of the rows times `side_scale`."""
        return self._scaled(self._sides[0])

    @cached_property
    def high(self) -> list[int | None]:
        """Upper sides of the rows times `side_scale`."""
        return self._scaled(self._sides[1])

    @cached_property
    def lower(self) -> list[int | None]:
        """Lower bounds of the columns times `side_scale`."""
        return self._scaled(self._boxes[0])

    @cached_property
    def upper(self) -> list[int | None]:
        """Upper bounds of the columns times `side_scale`."""
        return self._scaled(self._boxes[1])

    def _scaled(self, values: Floats) -> list[int | None]:
        return [self.on_side(as_decimal(v)) if math.isfinite(v) else None for v in values.tolist()]

    def on_side(self, value: Fraction) -> int:
        """Return a fraction times `side_scale`, which its denominator must divide."""
        return value.numerator * (self.side_scale // value.denominator)

    def row(self, i: int) -> tuple[list[int], list[int]]:
        """Return columns and coefficients times `scale` of a row."""
        found = self._rows.get(i)
        if found is None:
            a, b = self._A.indptr[i], self._A.indptr[i + 1]
            columns = self._A.indices[a:b].tolist()
            numbers = [as_decimal(v) for v in self._A.data[a:b].tolist()]
            found = self._rows[i] = (columns, [v.numerator * (self.scale // v.denominator) for v in numbers])
        return found

    def coefficients(self, i: int) -> dict[int, Fraction]:
        """Return the coefficients of a row as fractions."""
        columns, numbers = self.row(i)
        return {j: Fraction(a, self.scale) for j, a in zip(columns, numbers, strict=True)}

    @cached_property
    def _whole(self) -> WholeRows:
        return WholeRows(self._A, self.scale, self.side_scale, self._sides, self._boxes)

    @cached_property
    def system(self) -> System:
        """The same rows as the certificate checker reads them."""
        sides = [None if v is None else Fraction(v, self.side_scale) for v in (*self.low, *self.high)]
        boxes = [None if v is None else Fraction(v, self.side_scale) for v in (*self.lower, *self.upper)]
        rows = tuple(self.coefficients(i) for i in range(self.m))
        m, n = self.m, self.n
        return System(rows, tuple(sides[:m]), tuple(sides[m:]), tuple(boxes[:n]), tuple(boxes[n:]))

    def holds(self, point: Mapping[int, Fraction], freed: Freed | None = None) -> bool:
        """Whether a point satisfies all rows but one freed side, and all bounds (absent columns are zero)."""
        L = math.lcm(1, *(v.denominator for v in point.values()))
        x = {j: v.numerator * (L // v.denominator) for j, v in point.items()}
        E, D = self.side_scale, self.scale
        for j, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            v = x.get(j, 0) * E
            if (low is not None and v < low * L) or (high is not None and v > high * L):
                return False
        DL = D * L
        for i, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            columns, numbers = self.row(i)
            body = E * sum([a * x[j] for j, a in zip(columns, numbers, strict=True) if j in x])
            if low is not None and body < low * DL and freed != (i, "lower"):
                return False
            if high is not None and body > high * DL and freed != (i, "upper"):
                return False
        return True

    # ------------------------------------------------------------------ bounds
    def evaluate(
        self, body: Mapping[int, Fraction], y: Mapping[int, Fraction], question: Question
    ) -> tuple[Fraction | None, list[int]]:
        """Return the bound that multipliers prove (None when infinite) and the columns that make it so."""
        if isinstance(y, Multipliers) and len(y) > FEW:
            found = self._whole.evaluate(body, y, question.freed, question.boxes)
            if found is not None:
                return found
        D, E = self.scale, self.side_scale
        L = math.lcm(1, *(v.denominator for v in y.values()))
        body_scale = math.lcm(1, *(c.denominator for c in body.values()))
        if D % body_scale:
            L *= body_scale // math.gcd(D, body_scale)
        reduced = {j: c.numerator * (D * L // c.denominator) for j, c in body.items()}
        total = 0
        for i, v in y.items():
            factor = v.numerator * (L // v.denominator)
            side, which = (self.high[i], "upper") if factor > 0 else (self.low[i], "lower")
            if side is None or (i, which) in question.freed:
                return None, []
            total += factor * side
            columns, numbers = self.row(i)
            for j, a in zip(columns, numbers, strict=True):
                reduced[j] = reduced.get(j, 0) - factor * a
        rest, bad = Fraction(0), []
        mixed = 0
        lower, upper, boxes = self.lower, self.upper, question.boxes
        for j, r in reduced.items():
            if not r:
                continue
            if j in boxes:
                end = boxes[j][1] if r > 0 else boxes[j][0]
                if end is None:
                    bad.append(j)
                else:
                    rest += r * end
                continue
            limit = upper[j] if r > 0 else lower[j]
            if limit is None:
                bad.append(j)
            else:
                mixed += r * limit
        if bad:
            return None, bad
        return Fraction(total * D + mixed, D * L * E) + rest / (D * L), []

    def certify(
        self,
        body: Mapping[int, Fraction],
        duals: Floats,
        question: Question,
        value: float | None = None,
        goal: Fraction | None = None,
    ) -> Certified | None:
        """Return the best bound on a linear body that a solver's multipliers can be made to prove.

        Parameters
        ----------
        body : mapping from column to coefficient
            Empty for a proof that nothing satisfies the rows (a bound below zero).
        duals : ndarray (m,)
            Floating multipliers, positive where upper sides push.
        question : Question
        value : float, optional
            The solver's optimum: what the bound is compared with.
        goal : Fraction, optional
            A bound at or below this needs no further attempt, when no value is given.
        """
        rows, floats = self._projected(duals, question)
        best: Certified | None = None
        for attempt in (SMALL, MIDDLE, None):
            y = Multipliers.near(rows, floats, attempt)
            bound, bad = self.evaluate(body, y, question)
            if bad and attempt != SMALL:
                repaired = self._repaired(body, dict(y), bad, question)
                if repaired is not None:
                    y = Multipliers.of(repaired)
                    bound, bad = self.evaluate(body, y, question)
            if bound is not None and (best is None or bound < best.bound):
                best = Certified(bound, y)
            if best is not None and _good(best.bound, value, goal):
                break
        return best

    def _projected(self, duals: Floats, question: Question) -> tuple[Rows, Floats]:
        """Return the rows and multipliers that push a side which is there."""
        size = np.abs(duals)
        rows = np.flatnonzero(size > NOISE * max(1.0, float(np.max(size, initial=0.0))))
        y = duals[rows]
        keep = np.isfinite(np.where(y > 0, self._sides[1][rows], self._sides[0][rows]))
        for i, which in question.freed:
            keep &= (rows != i) | ((y > 0) != (which == "upper"))
        return rows[keep], y[keep]

    @cached_property
    def _by_column(self) -> tuple[list[int], list[int]]:
        A = self._A.tocsc()
        return A.indptr.tolist(), A.indices.tolist()

    def _repaired(
        self, body: Mapping[int, Fraction], y: dict[int, Fraction], bad: Sequence[int], question: Question
    ) -> dict[int, Fraction] | None:
        """Change the multipliers of a few rows so that unbounded columns get a reduced cost of zero."""
        pointer, touching = self._by_column
        columns, rows, todo = set(bad), set[int](), list(bad)
        while todo:
            j = todo.pop()
            fresh = [i for i in touching[pointer[j] : pointer[j + 1]] if i in y and i not in rows]
            rows.update(fresh)
            if len(rows) > LOCAL:
                return None
            for i in fresh:
                for k in self.row(i)[0]:
                    if k in columns or not self.free_column[k] or k in question.boxes:
                        continue
                    if abs(self._reduced(body, y, k)) < DUAL_TIGHT:
                        columns.add(k)
                        todo.append(k)
        equations = []
        for j in sorted(columns):
            terms = {i: self._entry(i, j) for i in touching[pointer[j] : pointer[j + 1]] if i in rows}
            equations.append((terms, self._reduced(body, y, j)))
        change = solve_exactly(equations)
        if change is None:
            return None
        moved = {i: v + change.get(i, Fraction(0)) for i, v in y.items()}
        return {i: v for i, v in moved.items() if v}

    def _entry(self, i: int, j: int) -> Fraction:
        columns, numbers = self.row(i)
        return Fraction(numbers[columns.index(j)], self.scale)

    def _reduced(self, body: Mapping[int, Fraction], y: Mapping[int, Fraction], j: int) -> Fraction:
        pointer, touching = self._by_column
        used = [i for i in touching[pointer[j] : pointer[j + 1]] if i in y]
        return body.get(j, Fraction(0)) - sum((y[i] * self._entry(i, j) for i in used), Fraction(0))


def _good(bound: Fraction, value: float | None, goal: Fraction | None) -> bool:
    if value is not None:
        # which attempt is kept is no matter of soundness: floating numbers may say
        return float(bound) - value <= GOOD * max(1.0, abs(value))
    return goal is not None and bound <= goal


def system_of(program: Program) -> System:
    """Return the continuous relaxation of a program's linear rows as the certificate checker reads it."""
    return ExactRows(program).system
