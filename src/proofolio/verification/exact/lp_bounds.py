r"""From floating multipliers to bounds that hold in exact arithmetic.

For any multipliers y and :math:`r = c - A'y`, every point of the continuous relaxation has

.. math:: c'x \le \sum_i \max(y_i a_i, y_i b_i) + \sum_j \max(r_j l_j, r_j u_j)

(the dual bound of an LP; Jansson 2004, Neumaier and Shcherbina 2004, here without any rounding). A solver's
multipliers are close to good ones; what makes the right-hand side infinite is a wrong sign at an absent side
or a nonzero r_j at an absent bound. So: wrong signs are set to zero; denominators up to 1e3, then up to 1e6
are tried, which finds most multipliers exactly; then the few rows that touch unbounded columns are repaired
by exact elimination; and last the numbers are taken as the dyadic fractions they are. The best result is
kept.

Numbers of the model are read as the decimals they were written as (`as_decimal`). All sums run over integers
with common denominators, which is much faster than fractions and as exact: over all rows at once in 64 bits where
a bound on every partial sum says that they fit (`WholeRows`), else in Python's integers (`ExactRows.evaluate`).
What comes out is a claim for the checker (`proofolio.verification.exact.certificate.bound`), which computes it anew.
"""

from __future__ import annotations

import math
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.program.program import Program
from proofolio.verification.exact.certificate import System
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.in_time import check_time

__all__ = [
    "Certified",
    "ExactRows",
    "Multipliers",
    "Question",
    "WholeRows",
    "as_decimal",
    "nearest",
    "outward",
    "system_of",
]


Whole = NDArray[np.int64]
WholeMatrix: TypeAlias = "sparse.csr_array[np.int64, tuple[int, int]]"
Rows = Integers
Freed = tuple[int, str]
Box = tuple[Fraction | None, Fraction | None]

# None of these numbers decides whether a bound is true, only how good it is and how long it takes.
NOISE = 1e-11  # multipliers below this part of the largest are the solver's rounding
INTEGERS = 1e-9  # multipliers all closer than this to integers are meant to be integers
SMALL, MIDDLE = 1_000, 1_000_000  # denominators tried first: they find most multipliers exactly
DYADIC = 24  # bits of the largest multiplier, where a goal is to be proved and no best bound is wanted
GOOD = 1e-9  # relative growth of the bound at which no further attempt is made
DUAL_TIGHT = 1e-6  # an unbounded column with a reduced cost below this is meant to have none
NEARLY = 1e-6  # relative distance from a goal at which a bound is worth being made that of its basis
LOCAL = 400  # rows of a local repair: beyond them elimination fills in
FEW = 12  # multipliers up to which plain Python is faster than arrays
FITS = 2.0**61  # sums of absolute values below this leave room for the rounding of the test itself


@lru_cache(maxsize=1 << 18)
def as_decimal(x: float) -> Fraction:
    """Return the shortest decimal that reads back as the double x, as a fraction."""
    if x.is_integer() and abs(x) < 2**53:
        return Fraction(int(x))
    return Fraction(repr(x))


def nearest(value: Fraction | float) -> float:
    """Return the nearest double; an infinity where a fraction is beyond them all."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def outward(value: Fraction, sign: int) -> float:
    """Return a nearest double that is not below (sign 1) or not above (sign -1) a fraction.

    That holds of the double and of the decimal it prints as, which is how readers of models take it.
    """
    near = nearest(value)
    if math.isinf(near):
        return near if near * sign > 0 else math.copysign(float(np.finfo(float).max), near)
    if (Fraction(near) - value) * sign < 0 or (Fraction(repr(near)) - value) * sign < 0:
        return math.nextafter(near, sign * math.inf)
    return near


@lru_cache(maxsize=1 << 16)
def _near(x: float, largest: int) -> tuple[int, int]:
    near = Fraction(x).limit_denominator(largest)
    return near.numerator, near.denominator


class Multipliers(Mapping[int, Fraction]):
    """Nonzero rational multipliers by row, kept as integers over one denominator."""

    __slots__ = ("denominator", "numerators", "rows")

    def __init__(self, rows: Rows, numerators: list[int], denominator: int) -> None:
        self.rows, self.numerators, self.denominator = rows.astype(np.int32), numerators, denominator

    @property
    def whole(self) -> Whole | None:
        """The numerators in 64 bits, None where they do not fit."""
        largest = max(map(abs, self.numerators), default=0)
        return np.array(self.numerators, dtype=np.int64) if largest < 2**62 else None

    @staticmethod
    def near(rows: Rows, values: Floats, largest: int | None) -> Multipliers:
        """Read floating multipliers as fractions with small denominators, or as what they are (None)."""
        floats = values.tolist()
        if largest is not None and all(abs(v) < 2.0**53 and abs(v - round(v)) <= INTEGERS for v in floats):
            pairs = [(round(v), 1) for v in floats]
        else:
            pairs = [v.as_integer_ratio() if largest is None else _near(v, largest) for v in floats]
        L = math.lcm(1, *{q for _, q in pairs})
        numbers = [p * (L // q) for p, q in pairs]
        keep = [k for k, p in enumerate(numbers) if p]
        return Multipliers(rows[keep], [numbers[k] for k in keep], L)

    @staticmethod
    def dyadic(rows: Rows, values: Floats) -> Multipliers:
        """Round floating multipliers to a part of the largest that is a power of two: short, and not the best."""
        largest = float(np.max(np.abs(values), initial=0.0))
        if not 0.0 < largest < 2.0**DYADIC:
            return Multipliers(rows[:0], [], 1)
        bits = min(DYADIC - math.frexp(largest)[1], 1_000)
        near = np.rint(np.ldexp(values, bits))
        keep = near != 0
        return Multipliers(rows[keep], near[keep].astype(np.int64).tolist(), 2**bits)

    @staticmethod
    def of(values: Mapping[int, Fraction]) -> Multipliers:
        """Take fractions."""
        some = {i: v for i, v in values.items() if v}
        L = math.lcm(1, *{v.denominator for v in some.values()})
        numbers = [v.numerator * (L // v.denominator) for v in some.values()]
        return Multipliers(np.fromiter(some, dtype=np.intp, count=len(some)), numbers, L)

    def __len__(self) -> int:
        return len(self.numerators)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __getitem__(self, i: int) -> Fraction:
        at = np.flatnonzero(self.rows == i)
        if not at.size:
            raise KeyError(i)
        return Fraction(self.numerators[int(at[0])], self.denominator)

    def items(self) -> ItemsView[int, Fraction]:
        """Return pairs of row and multiplier."""
        L = self.denominator
        return {i: Fraction(v, L) for i, v in zip(self.rows.tolist(), self.numerators, strict=True)}.items()

    def values(self) -> ValuesView[Fraction]:
        """Return the multipliers."""
        return dict(self.items()).values()


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


def scaled(values: Floats, scale: int) -> tuple[Whole, Mask, float] | None:
    """Return decimals times a scale as integers, which of them are finite, and the largest size."""
    finite = np.isfinite(values)
    some, back = np.unique(np.where(finite, values, 0.0), return_inverse=True)
    numbers = [d.numerator * (scale // d.denominator) for d in map(as_decimal, some.tolist())]
    largest = max(map(abs, numbers), default=0)
    if largest >= 2**61:
        return None
    return np.array(numbers, dtype=np.int64)[back].reshape(values.shape), finite, float(largest)


class WholeRows:
    """The rows and bounds of a relaxation as integers over two common denominators, in arrays.

    Every method returns None where a sum might not fit into 64 bits; the caller then counts in Python.
    """

    def __init__(
        self,
        A: Sparse,
        scale: int,
        side_scale: int,
        sides: tuple[Floats, Floats],
        boxes: tuple[Floats, Floats],
    ) -> None:
        self._A, self.scale, self.side_scale = A, scale, side_scale
        self._given = (*sides, *boxes)

    @cached_property
    def _matrix(self) -> tuple[WholeMatrix, WholeMatrix, float] | None:
        """Rows, columns as rows, and the size of the largest coefficient."""
        A = self._A
        found = scaled(A.data, self.scale)
        if found is None:
            return None
        whole = sparse.csr_array((found[0], A.indices, A.indptr), shape=A.shape)
        return whole, whole.T.tocsr(), found[2]

    @cached_property
    def _limits(self) -> tuple[tuple[Whole, Mask, float], ...] | None:
        found = [scaled(values, self.side_scale) for values in self._given]
        return tuple(f for f in found if f is not None) if None not in found else None

    def evaluate(
        self,
        body: Mapping[int, Fraction],
        y: Multipliers,
        freed: Collection[tuple[int, str]],
        boxes: Mapping[int, Box],
    ) -> tuple[Fraction | None, list[int]] | None:
        """Return the bound that multipliers prove (None when infinite) and the columns that make it so."""
        matrix, limits, v, rows, L = self._matrix, self._limits, y.whole, y.rows, y.denominator
        D, E = self.scale, self.side_scale
        if matrix is None or limits is None or v is None or any(D % c.denominator for c in body.values()):
            return None
        (low, has_low, low_size), (high, has_high, high_size) = limits[:2]
        (lower, has_lower, lower_size), (upper, has_upper, upper_size) = limits[2:]
        up = v > 0
        if not np.all(np.where(up, has_high[rows], has_low[rows])):
            return None, []
        for i, which in freed:
            if np.any((rows == i) & (up == (which == "upper"))):
                return None, []
        size = float(np.sum(np.abs(v.astype(float))))
        whole = [c.numerator * (D // c.denominator) * L for c in body.values()]
        if size * max(matrix[2], low_size, high_size) + max(map(abs, whole), default=0) > FITS:
            return None
        total = int(np.dot(v, np.where(up, high[rows], low[rows])))
        dense = np.zeros(matrix[0].shape[0], dtype=np.int64)
        dense[rows] = -v
        r = np.asarray(matrix[1] @ dense)
        for j, c in zip(body, whole, strict=True):
            r[j] += c
        rest, bad = Fraction(0), list[int]()
        for j, box in boxes.items():
            k = int(r[j])
            end = box[1] if k > 0 else box[0]
            if k and end is None:
                bad.append(j)
            elif k and end:
                rest += k * end
            r[j] = 0
        at = np.flatnonzero(r)
        some = r[at]
        up = some > 0
        bad += at[~np.where(up, has_upper[at], has_lower[at])].tolist()
        if bad:
            return None, bad
        if float(np.sum(np.abs(some.astype(float)))) * max(lower_size, upper_size) > FITS:
            return None
        mixed = int(np.dot(some, np.where(up, upper[at], lower[at])))
        bound = Fraction(total * D + mixed, D * L * E)
        return bound + rest / (D * L) if rest else bound, []

    def clipped(self, n: Whole, finer: int) -> Whole | None:
        """Move a point, as integers over `finer` times `side_scale`, between the bounds of its columns."""
        limits = self._limits
        if limits is None:
            return None
        (lower, has_lower, lower_size), (upper, has_upper, upper_size) = limits[2:]
        if finer * max(lower_size, upper_size) > FITS:
            return None
        above = np.where(has_lower, np.maximum(n, lower * finer), n)
        clipped: Whole = np.where(has_upper, np.minimum(above, upper * finer), above)
        return clipped

    def holds(self, n: Whole, finer: int, freed: Freed | None) -> bool | None:
        """Whether such a point, between its bounds, satisfies all rows but one freed side."""
        matrix, limits, sizes = self._matrix, self._limits, self._sizes
        if matrix is None or limits is None or sizes is None:
            return None
        (low, has_low, low_size), (high, has_high, high_size) = limits[:2]
        factor = self.scale * finer
        terms = float(np.max(sizes @ np.abs(n.astype(float)), initial=0.0))
        if max(terms, factor * max(low_size, high_size, 1.0)) > FITS:
            return None
        body = np.asarray(matrix[0] @ n)
        below, above = has_low & (body < low * factor), has_high & (body > high * factor)
        if freed is not None:
            (below if freed[1] == "lower" else above)[freed[0]] = False
        return not (below.any() or above.any())

    @cached_property
    def _sizes(self) -> Sparse | None:
        matrix = self._matrix
        if matrix is None:
            return None
        A = matrix[0]
        return sparse.csr_array((np.abs(A.data).astype(float), A.indices, A.indptr), shape=A.shape)


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
            check_time()
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
    def whole(self) -> WholeRows:
        """The same in arrays of 64-bit integers."""
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
            check_time()
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
            found = self.whole.evaluate(body, y, question.freed, question.boxes)
            if found is not None:
                return found
        D, E = self.scale, self.side_scale
        if isinstance(y, Multipliers):
            pairs, L = zip(y.rows.tolist(), y.numerators, strict=True), y.denominator
        else:
            L = math.lcm(1, *(v.denominator for v in y.values()))
            pairs = zip(y, [v.numerator * (L // v.denominator) for v in y.values()], strict=True)
        body_scale = math.lcm(1, *(c.denominator for c in body.values()))
        finer = body_scale // math.gcd(D, body_scale)
        L *= finer
        reduced = {j: c.numerator * (D * L // c.denominator) for j, c in body.items()}
        total = 0
        for i, v in pairs:
            check_time()
            factor = v * finer
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
                elif end:
                    rest += r * end
                continue
            limit = upper[j] if r > 0 else lower[j]
            if limit is None:
                bad.append(j)
            else:
                mixed += r * limit
        if bad:
            return None, bad
        bound = Fraction(total * D + mixed, D * L * E)
        return bound + rest / (D * L) if rest else bound, []

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
            A bound at or below this needs no further attempt, when no value is given. With a value, a bound that
            misses the goal by rounding is made exact.
        """
        rows, floats = self._projected(duals, question)
        best: Certified | None = None
        if value is None and goal is not None:
            y = Multipliers.dyadic(rows, floats)
            bound, _ = self.evaluate(body, y, question)
            if bound is not None and bound <= goal:
                return Certified(bound, y)
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
        if best is not None and value is not None and goal is not None and best.bound > goal:
            return self._polished(body, best, value, goal, question)
        return best

    def _polished(
        self, body: Mapping[int, Fraction], best: Certified, value: float, goal: Fraction, question: Question
    ) -> Certified:
        """Make a bound that misses a goal by rounding alone that of its basis: reduced costs near zero are zero."""
        if value > float(goal) + NEARLY * max(abs(value), abs(float(goal))):
            return best
        y = dict(best.multipliers)
        reduced = dict(body)
        for i, v in y.items():
            check_time()
            for j, a in self.coefficients(i).items():
                reduced[j] = reduced.get(j, Fraction(0)) - v * a
        size = max((abs(float(a)) for a in body.values()), default=1.0)
        near = [
            j
            for j, r in reduced.items()
            if r and j not in question.boxes and abs(float(r)) <= DUAL_TIGHT * size
        ]
        repaired = self._repaired(body, y, near, question) if near else None
        if repaired is None:
            return best
        exact = Multipliers.of(repaired)
        bound, _ = self.evaluate(body, exact, question)
        return Certified(bound, exact) if bound is not None and bound < best.bound else best

    def _projected(self, duals: Floats, question: Question) -> tuple[Rows, Floats]:
        """Return the rows and multipliers that push a side which is there."""
        rows = np.flatnonzero(duals)
        y = duals[rows]
        size = np.abs(y)
        keep = size > NOISE * max(1.0, float(np.max(size, initial=0.0)))
        keep &= np.isfinite(np.where(y > 0, self._sides[1][rows], self._sides[0][rows]))
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
                check_time()
                for k in self.row(i)[0]:
                    if k in columns or not self.free_column[k] or k in question.boxes:
                        continue
                    if abs(self._reduced(body, y, k)) < DUAL_TIGHT:
                        columns.add(k)
                        todo.append(k)
        equations = []
        for j in sorted(columns):
            check_time()
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
