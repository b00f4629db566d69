r"""Rows whose coefficients HiGHS takes: it drops what is too small without a word, and refuses what is too large.

Dropping :math:`a_j x_j` from :math:`\ell \le a'x \le u` changes what the row says. It stays a relaxation when the
sides move by what the term can be worth,

.. math::
    \ell - \max_j a_j x_j \le a'x - a_j x_j \le u - \min_j a_j x_j,

over the bounds of the column; where these are infinite so is the side. Rows may be multiplied by powers of two
beforehand, so that only a term that is nothing beside the rest of its row has to go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Sparse

__all__ = ["LimitedRows", "has_small", "limited_rows"]


# HiGHS refuses coefficients from 1e15: rows that are scaled stay a thousand times below.
LARGEST = 2.0**40
# HiGHS takes sides from 1e20 for infinite: a side that matters is not scaled beyond a hundredth of that.
FARTHEST, INFINITE = 1e18, 1e20
# A term worth less than this part of the largest in its row may go: far below every tolerance of a row (1e-10).
NEGLIGIBLE = 1e-12
# The sum of what dropped terms are worth is rounded too: by less than this part of it.
SUMMING = 1e-12


class LimitedRows(NamedTuple):
    """Rows in compressed form, `factor` times the given ones but for dropped terms, their sides moved for these.

    Attributes
    ----------
    data, indices, pointer : ndarray
    lower, upper : ndarray, shape (m,)
        The sides, `factor` times the given ones and moved by what the dropped terms can be worth.
    factor : ndarray, shape (m,)
        Powers of two.
    most, least : ndarray, shape (m,)
        The largest and smallest worth of the dropped terms of a row, after the factor; zero where none was dropped.
    """

    data: Floats
    indices: NDArray[np.int32]
    pointer: NDArray[np.int32]
    lower: Floats
    upper: Floats
    factor: Floats
    most: Floats
    least: Floats

    def sides(self, rows: Any, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        """Return sides of some rows, given in their own unit, as they are here."""
        factor = self.factor[rows]
        return _within_reach(
            _moved(lower * factor, self.most[rows], -np.inf), _moved(upper * factor, self.least[rows], np.inf)
        )

    def followed_by(self, others: LimitedRows) -> LimitedRows:
        """Return the record of these rows and others, without their coefficients."""
        return self._recorded(*(np.concatenate(pair) for pair in zip(self[3:], others[3:], strict=True)))

    def without(self, rows: Integers) -> LimitedRows:
        """Return the record of the rows that are left, without their coefficients."""
        return self._recorded(*(np.delete(part, rows) for part in self[3:]))

    @staticmethod
    def _recorded(*parts: Floats) -> LimitedRows:
        none = np.empty(0, np.int32)
        return LimitedRows(np.empty(0), none, none, *parts)


def limited_rows(
    matrix: Sparse,
    sides: tuple[Floats, Floats],
    box: tuple[Floats, Floats],
    factor: Floats,
    smallest: float,
    largest: float = LARGEST,
) -> LimitedRows:
    """Return rows that HiGHS takes as they are, a relaxation of the given ones.

    Parameters
    ----------
    matrix : csr_array, shape (m, n)
    sides : (ndarray, ndarray), shape (m,)
    box : (ndarray, ndarray), shape (n,)
        Bounds of the columns wherever the rows are used.
    factor : ndarray, shape (m,)
        Powers of two to multiply the rows by; changed where the limits ask for that.
    smallest : float
        HiGHS's ``small_matrix_value``: coefficients up to it it drops.
    largest : float
        Rows are multiplied so that no coefficient is larger.
    """
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(lengths.size), lengths)
    size = np.abs(matrix.data)
    widest = np.zeros(lengths.size)
    np.maximum.at(widest, row, size)
    # a side that all points would miss must stay one
    needed = np.maximum(np.maximum(sides[0], -sides[1]), 0.0)
    needed = np.where(np.isfinite(needed), needed, 0.0)
    most = np.minimum(_quotient(largest, widest), _quotient(FARTHEST, needed))
    factor = np.where(factor > most, _power_below(most), factor)
    small = size * factor[row] <= smallest
    if small.any():
        reach = np.maximum(np.abs(box[0]), np.abs(box[1]))[matrix.indices]
        worth = size * np.where(np.isfinite(reach), reach, 1.0)
        whole = np.zeros(lengths.size)
        np.maximum.at(whole, row, worth)
        heavy = small & (size > 0.0) & (~np.isfinite(reach) | (worth > NEGLIGIBLE * whole[row]))
        least = np.full(lengths.size, np.inf)
        np.minimum.at(least, row[heavy], size[heavy])
        wanted = np.minimum(np.ceil(np.log2(smallest) + 1.0 - np.log2(least)), 1000.0)
        factor = np.where(np.isfinite(least), np.minimum(np.exp2(wanted), _power_below(most)), factor)
        small = size * factor[row] <= smallest
    data = matrix.data * factor[row]
    most_worth, least_worth = np.zeros(lengths.size), np.zeros(lengths.size)
    if small.any():
        given = matrix.data[small]
        gone = np.nextafter(data[small], np.copysign(np.inf, given))  # the product may have come to nothing
        with np.errstate(invalid="ignore"):
            ends = [np.where(given == 0.0, 0.0, gone * side[matrix.indices[small]]) for side in box]
        most_worth = _total(row[small], np.maximum(*ends), lengths.size, 1.0)
        least_worth = _total(row[small], np.minimum(*ends), lengths.size, -1.0)
    lower, upper = _within_reach(
        _moved(sides[0] * factor, most_worth, -np.inf), _moved(sides[1] * factor, least_worth, np.inf)
    )
    pointer = np.concatenate([[0], np.cumsum(~small)])[matrix.indptr]
    kept = np.flatnonzero(~small)
    return LimitedRows(
        data[kept],
        matrix.indices[kept].astype(np.int32),
        pointer.astype(np.int32),
        lower,
        upper,
        factor,
        most_worth,
        least_worth,
    )


def has_small(matrix: Sparse, smallest: float) -> bool:
    """Whether HiGHS would drop a coefficient."""
    return bool(np.any((matrix.data != 0.0) & (np.abs(matrix.data) <= smallest)))


def _quotient(limit: float, size: Floats) -> Floats:
    with np.errstate(over="ignore"):
        quotient: Floats = np.divide(limit, size, out=np.full(size.size, np.inf), where=size > 0.0)
    return quotient


def _power_below(limit: Floats) -> Floats:
    """Return the power of two at or below each positive number; the largest one for infinity."""
    below: Floats = np.exp2(np.floor(np.log2(np.minimum(limit, 2.0**1000))))
    return below


def _total(row: Integers, worth: Floats, rows: int, sign: float) -> Floats:
    """Return by row what dropped terms are worth together, rounded away in the direction of the sign."""
    total, size = np.bincount(row, worth, minlength=rows), np.bincount(row, np.abs(worth), minlength=rows)
    return np.asarray(total + sign * SUMMING * size)


def _moved(side: Floats, worth: Floats, away: float) -> Floats:
    """Subtract from the sides of rows what dropped terms can be worth, rounded away."""
    with np.errstate(invalid="ignore"):
        moved = np.where(worth == 0.0, side, np.nextafter(side - worth, away))
    return np.where(np.isinf(side) | np.isnan(moved), np.where(np.isinf(side), side, away), moved)


def _within_reach(lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    return np.where(lower <= -INFINITE, -np.inf, lower), np.where(upper >= INFINITE, np.inf, upper)
