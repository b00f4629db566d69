"""Units in which a linear relaxation is well scaled: geometric means of rows and columns, powers of two."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.solvers.lifted import Lifted

__all__ = ["column_units", "row_units"]

Floats = NDArray[np.float64]

SWEEPS = 6
# A coefficient below this part of the largest in its row says nothing about units.
SPECK = 2.0**-60
# A finite bound of a column in its unit, at most; HiGHS takes 1e20 for infinite.
FARTHEST = 2.0**50


def column_units(lifted: Lifted) -> Floats:
    r"""Return the unit d of each column: the relaxation is solved in :math:`x_j / d_j`.

    Solvers hold rows and reduced costs to absolute tolerances near 1e-7, which is 1e-4 of an objective of
    1e-3. Columns with bounds keep them as their unit (integers and weights: 1); columns without, such as
    costs and epigraphs, get the unit that the rows they stand in suggest: the least-squares fit of
    :math:`\log|a_{ij}| + \rho_i + \log d_j \approx 0` (Curtis and Reid 1972), rows and columns in turn. A
    cone counts as the row that weighs t against the squared coefficients of each column in Y.

    Returns
    -------
    ndarray, shape (columns,)
        Powers of two, so that changing units rounds nothing.
    """
    matrix = sparse.csr_array(sparse.vstack([lifted.A, _cone_rows(lifted)], format="csr"))
    telling, row = _telling(matrix)
    logs, row, column = np.log(np.abs(matrix.data[telling])), row[telling], matrix.indices[telling]
    reach = np.maximum(np.abs(lifted.lower), np.abs(lifted.upper))
    bounded = np.isfinite(reach)
    units = np.zeros(lifted.q.size)
    small = bounded & ~lifted.integer & (reach < 1.0) & (reach > 0)
    units[small] = np.log(reach[small])
    open_ended = ~bounded & ~lifted.integer
    rows_count = np.maximum(1, np.bincount(row, minlength=matrix.shape[0]))
    columns_count = np.maximum(1, np.bincount(column, minlength=units.size))
    for _ in range(SWEEPS):
        factor = -np.bincount(row, logs + units[column], minlength=matrix.shape[0]) / rows_count
        wanted = -np.bincount(column, logs + factor[row], minlength=units.size) / columns_count
        units[open_ended] = wanted[open_ended]
    exponent = np.clip(np.round(units / np.log(2.0)), -60, 60)
    side = np.where(np.isfinite(lifted.lower), np.abs(lifted.lower), 0.0)
    side = np.maximum(side, np.where(np.isfinite(lifted.upper), np.abs(lifted.upper), 0.0))
    least = np.ceil(np.log2(np.maximum(side / FARTHEST, 2.0**-60)))
    return np.asarray(np.exp2(np.where(open_ended, np.maximum(exponent, least), exponent)))


def row_units(matrix: Any) -> Floats:
    """Return the factor of each row that brings the geometric mean of its coefficients near one."""
    telling, row = _telling(matrix)
    logs, row = np.log2(np.abs(matrix.data[telling])), row[telling]
    count = np.bincount(row, minlength=matrix.shape[0])
    mean = np.bincount(row, logs, minlength=matrix.shape[0]) / np.maximum(1, count)
    return np.asarray(np.exp2(-np.clip(np.round(mean), -500, 500)))


def _telling(matrix: Any) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return which entries are no specks in their rows, and the row of each entry."""
    size = np.abs(matrix.data)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, row, size)
    return (size > 0.0) & (size >= SPECK * largest[row]), row


def _cone_rows(lifted: Lifted) -> Any:
    weights = abs(lifted.K)
    weights.data = weights.data**2
    heads = lifted.pointer[:-1]
    kind = np.ones(lifted.K.shape[0])
    kind[heads + 1] = 0.0
    is_t = np.zeros(lifted.K.shape[0], dtype=bool)
    is_t[heads] = True
    entries = np.repeat(is_t, np.diff(weights.indptr))
    weights.data[entries] = np.sqrt(weights.data[entries])
    gather = sparse.csr_array((kind, np.arange(kind.size), lifted.pointer), shape=(lifted.cones, kind.size))
    rows = sparse.csr_array(gather @ weights)
    rows.eliminate_zeros()
    return rows
