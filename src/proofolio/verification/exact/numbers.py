"""Exact sums over all rows at once: 64-bit integers where a bound on every partial sum says they fit.

Numbers of a model as exact decimals, and exact numbers as doubles on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask

__all__ = ["Multipliers", "WholeRows", "as_decimal", "outward"]


@lru_cache(maxsize=1 << 18)
def as_decimal(x: float) -> Fraction:
    """Return the shortest decimal that reads back as the double x, as a fraction."""
    if x.is_integer() and abs(x) < 2**53:
        return Fraction(int(x))
    return Fraction(repr(x))


def outward(value: Fraction, sign: int) -> float:
    """Return the nearest double that is not below (sign 1) or not above (sign -1) a fraction."""
    try:
        nearest = float(value)
    except OverflowError:
        nearest = math.copysign(math.inf, value)
    if math.isinf(nearest):
        return nearest if nearest * sign > 0 else math.copysign(float(np.finfo(float).max), nearest)
    return nearest if (Fraction(nearest) - value) * sign >= 0 else math.nextafter(nearest, sign * math.inf)


Whole = NDArray[np.int64]
Rows = Integers
Box = tuple[Fraction | None, Fraction | None]

FITS = 2.0**61  # sums of absolute values below this leave room for the rounding of the test itself
INTEGERS = 1e-9


@lru_cache(maxsize=1 << 16)
def _near(x: float, largest: int) -> tuple[int, int]:
    near = Fraction(x).limit_denominator(largest)
    return near.numerator, near.denominator


class Multipliers(Mapping[int, Fraction]):
    """Nonzero rational multipliers by row, kept as integers over one denominator."""

    __slots__ = ("denominator", "numerators", "rows", "whole")

    def __init__(self, rows: Rows, numerators: list[int], denominator: int) -> None:
        self.rows, self.numerators, self.denominator = rows.astype(np.int32), numerators, denominator
        largest = max((abs(v) for v in numerators), default=0)
        self.whole = np.array(numerators, dtype=np.int64) if largest < 2**62 else None

    @staticmethod
    def near(rows: Rows, values: Floats, largest: int | None) -> Multipliers:
        """Read floating multipliers as fractions with small denominators, or as what they are (None)."""
        if largest is not None:
            near = np.round(values)
            if np.all(np.abs(values - near) <= INTEGERS) and np.max(np.abs(near), initial=0.0) < 2.0**53:
                return Multipliers(rows[near != 0], near[near != 0].astype(np.int64).tolist(), 1)
        pairs = [v.as_integer_ratio() if largest is None else _near(v, largest) for v in values.tolist()]
        L = math.lcm(1, *{q for _, q in pairs})
        numbers = [p * (L // q) for p, q in pairs]
        keep = [k for k, p in enumerate(numbers) if p]
        return Multipliers(rows[keep], [numbers[k] for k in keep], L)

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

    def items(self) -> Any:
        """Return pairs of row and multiplier."""
        L = self.denominator
        return [(i, Fraction(v, L)) for i, v in zip(self.rows.tolist(), self.numerators, strict=True)]

    def values(self) -> Any:
        """Return the multipliers."""
        return [Fraction(v, self.denominator) for v in self.numerators]


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
        A: Any,
        scale: int,
        side_scale: int,
        sides: tuple[Floats, Floats],
        boxes: tuple[Floats, Floats],
    ) -> None:
        self._A, self.scale, self.side_scale = A, scale, side_scale
        self._given = (*sides, *boxes)

    @cached_property
    def _matrix(self) -> tuple[Any, Any, float] | None:
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
        r = matrix[1] @ dense
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
