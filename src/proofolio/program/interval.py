"""Interval bounds of affine and quadratic functions over a box, rounded outward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.program.quadratic import Form

__all__ = ["affine_bounds", "quadratic_bounds"]


_SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant for doubles
_LARGEST, _SMALLEST = float(np.finfo(float).max), float(np.finfo(float).smallest_subnormal)
_SAFE = (1e-270, 1e290)  # between these the error term of a product is itself exact


def affine_bounds(matrix: Any, constant: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    r"""Bound :math:`Ax + b` over a box, each bound the nearest double on the safe side.

    Parameters
    ----------
    matrix : csr_array, shape (m, k)
        Coefficients with merged entries.
    constant : ndarray, shape (m,)
    lower, upper : ndarray, shape (>= k,)
        The box; infinite bounds give infinite results.

    Returns
    -------
    lower, upper : ndarray, shape (m,)

    Notes
    -----
    Products are split into value and rounding error (Dekker 1971), their exact sum is rounded once
    (`math.fsum`), and the sign of what that rounding lost decides whether to step outward.
    """
    data, columns = matrix.data, matrix.indices
    positive = data > 0
    highest = _directed(matrix, constant, np.where(positive, upper[columns], lower[columns]), +1.0)
    lowest = _directed(matrix, constant, np.where(positive, lower[columns], upper[columns]), -1.0)
    return lowest, highest


def _directed(matrix: Any, constant: Floats, point: Floats, sign: float) -> Floats:
    data, pointer = matrix.data, matrix.indptr
    finite = np.isfinite(point)
    used = np.where(finite, point, 0.0)
    with np.errstate(over="ignore"):
        product = data * used
    error = _product_error(data, used, product)
    size = np.abs(product)
    unsafe = (
        ((size < _SAFE[0]) & (product != 0))
        | (size > _SAFE[1])
        | ((product == 0) & (data != 0) & (used != 0))
    )
    unsafe |= ~np.isfinite(error)
    result = np.array(constant, dtype=float)
    infinite = np.zeros(result.size, dtype=bool)
    row_of = np.repeat(np.arange(result.size), np.diff(pointer))
    infinite[row_of[~finite & (data != 0)]] = True
    careful = np.zeros(result.size, dtype=bool)
    careful[row_of[unsafe]] = True
    careful |= np.abs(result) > _SAFE[1]
    inexact = np.zeros(result.size, dtype=bool)
    inexact[row_of[error != 0]] = True
    pairs = _pairs(product, row_of, result, sign)
    few = ~(infinite | careful | inexact) & np.isfinite(pairs)
    result[few] = pairs[few]
    products, errors = product.tolist(), error.tolist()
    for k in np.flatnonzero(~infinite & ~few & (np.diff(pointer) > 0)):
        a, b = pointer[k], pointer[k + 1]
        if careful[k]:
            total = sum(
                (
                    Fraction(d) * Fraction(x)
                    for d, x in zip(data[a:b].tolist(), used[a:b].tolist(), strict=True)
                ),
                Fraction(float(constant[k])),
            )
            result[k] = _round(total, sign)
            continue
        terms = [*products[a:b], float(constant[k])]
        if inexact[k]:
            terms += errors[a:b]
        nearest = math.fsum(terms)
        terms.append(-nearest)
        result[k] = math.nextafter(nearest, sign * math.inf) if math.fsum(terms) * sign > 0 else nearest
    result[infinite] = sign * np.inf
    return result


def _pairs(product: Floats, row_of: Integers, constant: Floats, sign: float) -> Floats:
    """Return the sums of rows with at most two terms that are not zero, rounded to the safe side; NaN for others."""
    at = np.flatnonzero(product)
    row = row_of[at]
    begins = np.concatenate([[True], row[1:] != row[:-1]])[: row.size]
    first, second = np.zeros(constant.size), np.array(constant, dtype=float)
    first[row[begins]] = product[at[begins]]
    count = np.bincount(row, minlength=constant.size)
    others, alone = ~begins, constant[row] == 0.0
    second[row[others & alone]] = product[at[others & alone]]
    # the sum of two doubles and what its rounding lost (Knuth, volume 2)
    with np.errstate(over="ignore", invalid="ignore"):
        total = first + second
        part = total - first
        lost = (first - (total - part)) + (second - part)
        rounded = np.where(lost * sign > 0, np.nextafter(total, sign * np.inf), total)
    return np.where(count + (constant != 0.0) <= 2, rounded, np.nan)


def _product_error(a: Floats, b: Floats, product: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        big = _SPLITTER * a
        a_high = big - (big - a)
        big = _SPLITTER * b
        b_high = big - (big - b)
        a_low, b_low = a - a_high, b - b_high
        error: Floats = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return np.where(np.isfinite(error), error, np.inf)


def _round(value: Fraction, sign: float) -> float:
    try:
        nearest = float(value)
    except OverflowError:
        # beyond the largest double, which is then the nearest bound on the side towards zero
        size = math.inf if (value > 0) == (sign > 0) else _LARGEST
        return size if value > 0 else -size
    lost = (value - Fraction(nearest)) * int(sign)
    return math.nextafter(nearest, sign * math.inf) if lost > 0 else nearest


def quadratic_bounds(forms: Sequence[Form], lower: Floats, upper: Floats) -> tuple[float, float]:
    """Bound a sum of quadratic forms over a box: term by term, squares never negative, padded outward."""
    low, high = 0.0, 0.0
    for form in forms:
        a, b = lower[form.columns], upper[form.columns]
        Q = form.matrix
        with np.errstate(invalid="ignore", over="ignore"):
            corners = np.stack([np.outer(a, a), np.outer(a, b), np.outer(b, a), np.outer(b, b)])
            corners = np.where(np.isnan(corners), 0.0, corners)  # 0 * inf: the other corners are infinite
            smallest, largest = corners.min(axis=0), corners.max(axis=0)
            diagonal = np.arange(a.size)
            smallest[diagonal, diagonal] = np.where((a <= 0) & (b >= 0), 0.0, np.minimum(a * a, b * b))
            largest[diagonal, diagonal] = np.maximum(a * a, b * b)
            # an overflow may not turn a lower bound into +inf or an upper one into -inf
            smallest, largest = np.minimum(smallest, _LARGEST), np.maximum(largest, -_LARGEST)
            top = np.where(Q == 0, 0.0, np.maximum(Q * smallest, Q * largest))
            bottom = np.where(Q == 0, 0.0, np.minimum(Q * smallest, Q * largest))
            top, bottom = np.maximum(top, -_LARGEST), np.minimum(bottom, _LARGEST)
            # k^2 products, each of two roundings, summed in any order: the classical a-priori bound; a
            # product that underflows loses up to the smallest number, times Q when it is the inner one
            unit = 2.0 * (Q.size + 2) * float(np.finfo(float).eps)
            lost = 2.0 * _SMALLEST * (float(np.abs(Q).sum()) + Q.size + 1)
            high = _outward(high, float(top.sum()) + (unit * float(np.abs(top).sum()) + lost), math.inf)
            low = _outward(low, float(bottom.sum()) - (unit * float(np.abs(bottom).sum()) + lost), -math.inf)
    return low, high


def _outward(total: float, term: float, limit: float) -> float:
    moved = total + term
    return limit if math.isnan(moved) else math.nextafter(moved, limit)
