r"""Rows whose coefficients HiGHS takes: it drops what is too small without a word, and refuses what is too large.

Dropping :math:`a_j x_j` from :math:`\ell \le a'x \le u` changes what the row says. It stays a relaxation when the
sides move by what the term can be worth,

.. math::
    \ell - \max_j a_j x_j \le a'x - a_j x_j \le u - \min_j a_j x_j,

over the bounds of the column; where these are infinite so is the side. Rows may be multiplied by powers of two
beforehand, so that only a term that is nothing beside the rest of its row has to go.

HiGHS through its array interface: opening it, its options, running it, and the words of its statuses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, SolverFailure
from proofolio.program.program import Program

__all__ = [
    "STATUS",
    "VERSION",
    "LimitedRows",
    "accepted",
    "dual_bound",
    "limited_rows",
    "open_highs",
    "rows_for_highs",
    "run",
]


VERSION = version("highspy")

_Model = highspy.HighsModelStatus
STATUS: dict[Any, str] = {
    _Model.kOptimal: "optimal",
    _Model.kModelEmpty: "optimal",
    _Model.kInfeasible: "infeasible",
    _Model.kUnbounded: "unbounded",
    _Model.kUnboundedOrInfeasible: "either",
    _Model.kTimeLimit: "limit",
    _Model.kIterationLimit: "limit",
    _Model.kSolutionLimit: "limit",
    _Model.kObjectiveBound: "limit",
    _Model.kObjectiveTarget: "limit",
    _Model.kInterrupt: "limit",
    _Model.kMemoryLimit: "limit",
    _Model.kUnknown: "limit",
}

ROUNDING = 1e-12
REACH = 10.0


def open_highs(seed: int, threads: int, options: Mapping[str, Any]) -> Any:
    """Return a silent HiGHS with the user's options set.

    Raises
    ------
    BadData
        For an option HiGHS does not have, or a value it does not take.
    """
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates only its compiled part
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", min(threads, os.cpu_count() or 1))  # more hang it
    highs.setOptionValue("random_seed", seed)
    for name, value in options.items():
        if highs.getOptionType(name)[0] == highspy.HighsStatus.kError:
            raise BadData(f"HiGHS has no option named {name!r}: its documentation lists them all")
        try:
            taken = highs.setOptionValue(name, value) != highspy.HighsStatus.kError
        except TypeError:
            taken = False
        if not taken:
            raise BadData(f"HiGHS does not take {value!r} as the value of its option {name!r}")
    return highs


def accepted(status: Any, what: str) -> None:
    """Raise `SolverFailure` when HiGHS refused what it was given, which it says by its return status alone."""
    if status == highspy.HighsStatus.kError:
        raise SolverFailure(f"HiGHS refused {what}: look for numbers beyond 1e15 among the model's")


def run(highs: Any) -> str:
    """Run HiGHS and return what it says as one of the words in `STATUS`.

    Raises
    ------
    SolverFailure
        When HiGHS gives up; the text repeats its own words.
    """
    if highs.run() == highspy.HighsStatus.kError:
        # its scheduler of threads is global and keeps the number of threads it was first used with
        highspy.Highs.resetGlobalScheduler(True)
        highs.run()
    status = highs.getModelStatus()
    if status not in STATUS:
        raise SolverFailure(f"HiGHS stopped without an answer: {highs.modelStatusToString(status)}")
    return STATUS[status]


def dual_bound(
    rows: tuple[Floats, Floats], columns: tuple[Floats, Floats], x: Floats, y: Floats, reduced: Floats
) -> float:
    r"""Return a lower bound on :math:`\min q'x` over linear rows and bounds, from multipliers.

    .. math::
        \min_x q'x \ge \sum_i \min(y_i \ell_i, y_i u_i) + \sum_j \min_{x_j} r_j x_j,\qquad r = q - A'y,

    for any y, so it holds whatever tolerance the simplex method stopped at (Neumaier and Shcherbina 2004).
    Where y or r has the wrong sign for a side that is absent, by less than the solver's tolerance, the row or
    column is taken to stay within ten times its present size; 1e-12 of the terms are deducted for the
    rounding of the sums. Up to these two the bound is true.
    """
    by_row = _least(y, rows, np.zeros(y.size))
    by_column = _least(reduced, columns, x)
    rounding = ROUNDING * float(np.abs(by_row).sum() + np.abs(by_column).sum())
    return float(by_row.sum() + by_column.sum()) - rounding


def _least(multiplier: Floats, sides: tuple[Floats, Floats], x: Floats) -> Floats:
    side = np.where(multiplier > 0, sides[0], sides[1])
    reach = np.copysign(REACH * np.maximum(1.0, np.abs(x)), -multiplier)
    least: Floats = multiplier * np.where(np.isfinite(side), side, reach)
    return least


# HiGHS refuses coefficients from 1e15, and sides beyond 1e20 are infinite to it.
LARGEST = 2.0**40
FARTHEST, INFINITE = 1e18, 1e20
# A term worth less than this part of the largest in its row may go.
NEGLIGIBLE = 1e-12


class LimitedRows(NamedTuple):
    """Rows in compressed form, `factor` times the given ones but for dropped terms, their sides moved for these."""

    data: Floats
    indices: NDArray[np.int32]
    pointer: NDArray[np.int32]
    lower: Floats
    upper: Floats
    factor: Floats


def limited_rows(
    matrix: Any,
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
    lower, upper = sides[0] * factor, sides[1] * factor
    if small.any():
        given = matrix.data[small]
        gone = np.nextafter(data[small], np.copysign(np.inf, given))  # the product may have come to nothing
        with np.errstate(invalid="ignore"):
            ends = [np.where(given == 0.0, 0.0, gone * side[matrix.indices[small]]) for side in box]
        lower = _moved(lower, row[small], np.maximum(*ends), -np.inf)
        upper = _moved(upper, row[small], np.minimum(*ends), np.inf)
    lower, upper = np.where(lower <= -INFINITE, -np.inf, lower), np.where(upper >= INFINITE, np.inf, upper)
    pointer = np.concatenate([[0], np.cumsum(~small)])[matrix.indptr]
    kept = np.flatnonzero(~small)
    return LimitedRows(
        data[kept],
        matrix.indices[kept].astype(np.int32),
        pointer.astype(np.int32),
        lower,
        upper,
        factor,
    )


def rows_for_highs(program: Program, highs: Any) -> LimitedRows:
    """Return a program's linear rows as they stand, those with coefficients HiGHS drops as `limited_rows` has them."""
    smallest = float(highs.getOptionValue("small_matrix_value")[1])
    A = program.A
    one, sides = np.ones(program.m), (program.row_lower, program.row_upper)
    if np.any((A.data != 0.0) & (np.abs(A.data) <= smallest)):
        return limited_rows(A, sides, (program.lower, program.upper), one, smallest, np.inf)
    return LimitedRows(
        A.data.astype(float), A.indices.astype(np.int32), A.indptr.astype(np.int32), *sides, one
    )


def _quotient(limit: float, size: Floats) -> Floats:
    with np.errstate(over="ignore"):
        quotient: Floats = np.divide(limit, size, out=np.full(size.size, np.inf), where=size > 0.0)
    return quotient


def _power_below(limit: Floats) -> Floats:
    """Return the power of two at or below each positive number; the largest one for infinity."""
    below: Floats = np.exp2(np.floor(np.log2(np.minimum(limit, 2.0**1000))))
    return below


def _moved(side: Floats, row: Integers, worth: Floats, away: float) -> Floats:
    """Subtract from the sides of rows what dropped terms can be worth, rounded away."""
    total = np.bincount(row, worth, minlength=side.size)
    # the sum of the worths is rounded too
    total = total + np.copysign(1e-12, -away) * np.bincount(row, np.abs(worth), minlength=side.size)
    with np.errstate(invalid="ignore"):
        moved = np.where(total == 0.0, side, np.nextafter(side - total, away))
    return np.where(np.isinf(side) | np.isnan(moved), np.where(np.isinf(side), side, away), moved)
