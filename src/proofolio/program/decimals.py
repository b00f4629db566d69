r"""Arithmetic on numbers that are read as the decimals they were written as: 0.1 + 0.2 is 0.3, and 0.7 - 0.4 is 0.3.

The double nearest to a decimal of at most 15 significant digits belongs to no other such decimal, so the decimal can be
read off it: it is :math:`r / 10^k` with whole r. Sums, products and quotients of such numbers are made of the r, and
rounded once. Anything longer was rounded before it came here; it is added and multiplied as doubles are. Whole
arrays are worked at once, and only where a number is no integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse

__all__ = [
    "broken",
    "composed",
    "divided",
    "entries_sum",
    "exact_product",
    "exact_sum",
    "matrix_product",
    "merged_sum",
    "plus",
    "rounded",
    "short",
    "sparse_sum",
    "sums",
    "times",
]

DIGITS = 15  # of a decimal that a double keeps
FEW = 9  # digits that no rounded number has but by chance: one of a million
# The powers of ten that are doubles.
POWERS = np.array([float(10**k) for k in range(23)])
# Of more scalar products than this a matrix product is left to doubles: its numbers are measured or computed.
MOST = 500_000


def exact_sum(values: Iterable[float]) -> float:
    """Add numbers as the decimals they were written as, rounding once."""
    return float(sum((Fraction(repr(float(value))) for value in values), Fraction(0)))


def exact_product(a: float, b: float) -> float:
    """Multiply two numbers as the decimals they were written as, rounding once."""
    whole = float(a).is_integer() and float(b).is_integer()
    if whole or abs(a) == 1.0 or abs(b) == 1.0 or not (isfinite(a) and isfinite(b)):
        return float(a) * float(b)
    return float(Fraction(repr(float(a))) * Fraction(repr(float(b))))


def plus(a: ArrayLike, b: ArrayLike) -> Floats:
    """Add two arrays as decimals."""
    left, right = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    total: Floats = np.asarray(left + right)
    at = np.flatnonzero((broken(left) | broken(right)) & (left != 0.0) & (right != 0.0) & np.isfinite(total))
    if at.size:
        pair = np.concatenate([left.ravel()[at], right.ravel()[at]])
        total = total.copy()
        total.ravel()[at] = sums(pair, np.tile(np.arange(at.size), 2), at.size)
    return total


def sums(values: Floats, group: Integers, count: int) -> Floats:
    """Return the sum of the values in each of so many groups, as decimals."""
    found: Floats = np.bincount(group, values, count).astype(float)
    if not np.any(broken(values)):
        return found
    power = POWERS[_places(np.bincount(group, np.abs(values), count).astype(float))]
    whole = np.rint(values * power[group])
    short = whole / power[group] == values
    kept = np.bincount(group, ~short, count) == 0
    exact = np.bincount(group, whole, count) / power
    return np.where(kept, exact, found)


def times(a: ArrayLike, b: ArrayLike) -> Floats:
    """Multiply two arrays as decimals."""
    left, right = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    product: Floats = np.asarray(left * right)
    odd = (broken(left) | broken(right)) & (np.abs(left) != 1.0) & (np.abs(right) != 1.0)
    at = np.flatnonzero(odd & (product != 0.0) & np.isfinite(product))
    if at.size:
        product = product.copy()
        digits = _digits(left.ravel()[at]) + _digits(right.ravel()[at])
        # a product of so few digits is the decimal nearest to the product of the doubles
        at = at[digits <= DIGITS]
        nearest = product.ravel()[at]
        power = POWERS[_places(np.abs(nearest))]
        product.ravel()[at] = np.rint(nearest * power) / power
    return product


def divided(a: ArrayLike, b: ArrayLike) -> Floats:
    """Divide two arrays as decimals; what has no end is rounded once."""
    left, right = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    quotient: Floats = np.asarray(left / right)
    at = np.flatnonzero((broken(left) | broken(right)) & np.isfinite(quotient))
    if at.size:
        top, below = left.ravel()[at], right.ravel()[at]
        power = POWERS[_places(np.maximum(np.abs(top), np.abs(below)))]
        r, s = np.rint(top * power), np.rint(below * power)
        short = (r / power == top) & (s / power == below)
        quotient = quotient.copy()
        quotient.ravel()[at[short]] = r[short] / s[short]
    return quotient


def sparse_sum(a: Sparse, b: Sparse) -> Sparse:
    """Add two sparse matrices of one shape as decimals."""
    total = sparse.csr_array(a + b)
    if total.nnz == a.nnz + b.nnz or not (np.any(broken(a.data)) or np.any(broken(b.data))):
        return total  # no entry is a sum
    rows = np.flatnonzero(np.diff(a.indptr) + np.diff(b.indptr) != np.diff(total.indptr))
    stacked = sparse.hstack([a[rows], b[rows]], format="csr")
    stacked = sparse.csr_array(
        (stacked.data, stacked.indices % max(a.shape[1], 1), stacked.indptr), shape=(rows.size, a.shape[1])
    )
    return _with_rows(total, rows, merged_sum(stacked))


def merged_sum(matrix: Sparse) -> Sparse:
    """Return a matrix whose equal entries are added as decimals, without zeros."""
    found = matrix.copy()
    found.sum_duplicates()
    rows = np.flatnonzero(np.diff(found.indptr) != np.diff(matrix.indptr))
    if rows.size and np.any(broken(matrix.data)):
        some = matrix[rows]
        row = np.repeat(np.arange(rows.size), np.diff(some.indptr))
        found = _with_rows(
            found, rows, entries_sum(some.data, row, some.indices.astype(np.int64), some.shape)
        )
    found.eliminate_zeros()
    return found


def entries_sum(data: Floats, row: Integers, column: Integers, shape: tuple[int, int]) -> Sparse:
    """Return the sparse matrix of entries of which equal ones are added as decimals, without zeros."""
    if np.any(broken(data)):
        width = max(shape[1], 1)
        key, group = np.unique(row.astype(np.int64) * width + column, return_inverse=True)
        data, (row, column) = sums(data, group, key.size), np.divmod(key, width)
    found = sparse.csr_array((data, (row, column)), shape=shape)
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def matrix_product(a: Sparse, b: Sparse) -> Sparse:
    """Multiply two sparse matrices as decimals: rows of short numbers whose entries are sums or true products."""
    found = sparse.csr_array(a @ b)
    if not (np.any(broken(a.data)) or np.any(broken(b.data))):
        return found
    count = np.diff(b.indptr)[a.indices]  # the scalar products of each entry of a
    row = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    odd_a, odd_b = np.abs(a.data) != 1.0, np.abs(b.data) != 1.0
    terms = np.bincount(row, count, a.shape[0])
    wanted = terms > np.diff(found.indptr)
    if np.any(odd_a) and np.any(odd_b):
        wanted |= np.bincount(row, odd_a, a.shape[0]) > 0
    rows = np.flatnonzero(wanted)
    if not rows.size or terms[rows].sum() > MOST:
        return found
    chosen = wanted[row]
    used = np.unique(a.indices[chosen])
    inner = b[used]
    long_rows = np.bincount(np.repeat(used, np.diff(inner.indptr)), ~short(inner.data), b.shape[0]) > 0
    bad = np.zeros(a.nnz, dtype=bool)
    bad[chosen] = ~short(a.data[chosen]) | long_rows[a.indices[chosen]]
    rows = np.flatnonzero(wanted & (np.bincount(row, bad, a.shape[0]) == 0))
    if not rows.size:
        return found
    return _with_rows(found, rows, _multiplied(a[rows], b))


def composed(a: Sparse, b: Sparse) -> Sparse:
    """Multiply two sparse matrices as decimals, entry by entry: an entry with a longer number is left to doubles.

    Of rows that need more than `MOST` scalar products together, the longest are left to doubles as well.
    """
    row = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    terms = np.bincount(row, np.diff(b.indptr)[a.indices], a.shape[0])
    order = np.argsort(terms, kind="stable")
    rows = np.sort(order[np.cumsum(terms[order]) <= MOST])
    if rows.size == a.shape[0]:
        return _multiplied(a, b)
    return _with_rows(sparse.csr_array(a @ b), rows, _multiplied(a[rows], b))


def _multiplied(a: Sparse, b: Sparse) -> Sparse:
    """Multiply two sparse matrices, every scalar product and every sum as decimals."""
    count = np.diff(b.indptr)[a.indices]
    ends = np.concatenate([[0], np.cumsum(count)])
    entry = np.repeat(b.indptr[a.indices] - ends[:-1], count) + np.arange(ends[-1])
    data = times(np.repeat(a.data, count), b.data[entry])
    group = np.repeat(np.arange(a.shape[0]), np.diff(ends[a.indptr]))
    return entries_sum(data, group, b.indices[entry], (a.shape[0], b.shape[1]))


def broken(values: Floats) -> Mask:
    """Whether numbers are no integers."""
    return np.asarray(values != np.rint(values))


def short(values: Floats) -> Mask:
    """Whether numbers are decimals of at most 15 significant digits."""
    power = POWERS[_places(np.abs(values))]
    return np.asarray(np.rint(values * power) / power == values)


def rounded(values: Floats) -> Mask:
    """Whether numbers may be what doubles made of a sum or product of short decimals.

    Those have more than nine digits; but where large numbers cancelled, a few binary places are left.
    """
    size = np.abs(values)
    power = POWERS[np.maximum(_places(size) - (DIGITS - FEW), 0)]
    many = np.rint(values * power) / power != values
    return np.asarray(many | (broken(values * 16.0) & ~broken(values * 4096.0)))


def _with_rows(matrix: Sparse, rows: Integers, instead: Sparse) -> Sparse:
    """Return a matrix with some of its rows replaced."""
    if rows.size == matrix.shape[0]:
        return instead
    order = np.arange(matrix.shape[0])
    order[rows] = matrix.shape[0] + np.arange(rows.size)
    return sparse.csr_array(sparse.vstack([matrix, instead], format="csr")[order])


def _places(size: Floats) -> Integers:
    """Return how many decimal places numbers up to a size have within 15 significant digits."""
    exponent = np.floor(np.log10(np.where((size > 0.0) & np.isfinite(size), size, 1.0)))
    return np.asarray(np.clip(DIGITS - 1 - exponent, 0, POWERS.size - 1).astype(np.intp))


def _digits(values: Floats) -> Integers:
    """Return how many significant digits numbers have as decimals: more than 15 where they are longer."""
    digits = np.full(values.shape, DIGITS + 1)
    places = _places(np.abs(values))
    left = np.flatnonzero(short(values))
    for some in range(1, DIGITS + 1):
        k = places[left] - (DIGITS - some)
        v, up, down = values[left], POWERS[np.maximum(k, 0)], POWERS[np.maximum(-k, 0)]
        so_few = np.rint(v * up / down) * down / up == v
        digits[left[so_few]] = some
        left = left[~so_few]
        if not left.size:
            break
    return digits
