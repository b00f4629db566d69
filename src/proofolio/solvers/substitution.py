"""Columns that an equation defines, taken out of a lifted program before anything is solved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.solvers.lifted import Lifted

__all__ = ["Substituted", "substitute"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

FILL = 20
MANY = 2000
IMPLIED = 1e-12


@dataclass(frozen=True, eq=False)
class Substituted:
    """A smaller lifted program, and the way back: ``x = matrix u + shift``."""

    lifted: Lifted
    kept: Integers
    matrix: Any
    shift: Floats

    def expand(self, u: Floats) -> Floats:
        """Return the point of the larger program."""
        return np.asarray(self.matrix @ u) + self.shift


def substitute(lifted: Lifted) -> Substituted:
    r"""Take out continuous columns that equations define, :math:`x_j = (b_i - \sum_k a_{ik} x_k) / a_{ij}`.

    In a regime program these are the holdings :math:`W_t = \sum_r V_{rt}` and the costs of the periods;
    without them a simplex basis is half as large. A column goes when it stands in no cone, may take either
    sign or has no cost of its own, and its row is short or the only one it stands in. Its bounds become rows;
    unless the bounds of the others imply them, they are *lazy*: the relaxation gets them when it violates
    them. So are variable bounds :math:`v \le u z` when there are thousands of them.
    """
    A = sparse.csr_array(lifted.A)
    row, column, a = _chosen(lifted, A)
    size = lifted.q.size
    gone = np.zeros(size, dtype=bool)
    gone[column] = True
    kept = np.flatnonzero(~gone)
    place = np.cumsum(~gone) - 1
    shift = np.zeros(size)
    shift[column] = lifted.row_lower[row] / a
    terms = (
        sparse.csr_array(sparse.diags_array(-1.0 / a) @ A[row]) if row.size else sparse.csr_array((0, size))
    )
    inside = ~gone[terms.indices]
    of = np.repeat(column, np.diff(terms.indptr))[inside]
    matrix = sparse.csr_array(
        (
            np.concatenate([np.ones(kept.size), terms.data[inside]]),
            (np.concatenate([kept, of]), np.concatenate([place[kept], place[terms.indices[inside]]])),
        ),
        shape=(size, kept.size),
    )
    left = np.setdiff1d(np.arange(A.shape[0]), row)
    moved = np.asarray(A[left] @ shift)
    rest = sparse.csr_array(A[left] @ matrix)
    bounds = sparse.csr_array(matrix[column])
    low, high = lifted.lower[column] - shift[column], lifted.upper[column] - shift[column]
    least, most = _activity(bounds, lifted.lower[kept], lifted.upper[kept])
    low[least >= low - IMPLIED] = -np.inf
    high[most <= high + IMPLIED] = np.inf
    needed = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
    row_lower = np.concatenate([lifted.row_lower[left] - moved, low[needed]])
    row_upper = np.concatenate([lifted.row_upper[left] - moved, high[needed]])
    smaller = replace(
        lifted,
        n=int(np.count_nonzero(kept < lifted.n)),
        q=np.asarray(matrix.T @ lifted.q),
        c=lifted.c + float(lifted.q @ shift),
        A=sparse.csr_array(sparse.vstack([rest, bounds[needed]], format="csr")),
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lifted.lower[kept],
        upper=lifted.upper[kept],
        integer=lifted.integer[kept],
        K=sparse.csr_array(lifted.K[:, kept]),
    )
    lazy = np.concatenate([_variable_bounds(smaller, left.size), np.ones(needed.size, dtype=bool)])
    return Substituted(replace(smaller, lazy=lazy), kept, matrix, shift)


def _chosen(lifted: Lifted, A: Any) -> tuple[Integers, Integers, Floats]:
    """Return rows, the column each one defines, and its coefficient; no defined column defines another."""
    length = np.diff(A.indptr)
    row = np.repeat(np.arange(A.shape[0]), length)
    met = np.bincount(A.indices, minlength=lifted.q.size)
    in_cones = np.bincount(lifted.K.indices, minlength=lifted.q.size) > 0
    free = (lifted.lower < 0) & (lifted.upper > 0)
    able = ~lifted.integer & ~in_cones & (free | (lifted.q == 0))
    entry = able[A.indices] & (lifted.row_lower == lifted.row_upper)[row] & (np.abs(A.data) >= 1e-3)
    entry &= (met[A.indices] == 1) | ((length[row] - 1) * (met[A.indices] - 1) <= FILL)
    found = np.flatnonzero(entry)
    found = found[np.lexsort((met[A.indices[found]], row[found]))]
    found = found[np.unique(row[found], return_index=True)[1]]
    found = found[np.unique(A.indices[found], return_index=True)[1]]
    defined = np.zeros(lifted.q.size, dtype=bool)
    defined[A.indices[found]] = True
    several = np.bincount(row, defined[A.indices], minlength=A.shape[0])
    found = found[several[row[found]] == 1]
    return row[found].astype(np.intp), A.indices[found].astype(np.intp), A.data[found]


def _activity(matrix: Any, lower: Floats, upper: Floats) -> tuple[Any, Any]:
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    up = matrix.data > 0
    low = matrix.data * np.where(up, lower[matrix.indices], upper[matrix.indices])
    high = matrix.data * np.where(up, upper[matrix.indices], lower[matrix.indices])
    count = matrix.shape[0]
    return np.bincount(row, low, minlength=count), np.bincount(row, high, minlength=count)


def _variable_bounds(lifted: Lifted, rows: int) -> NDArray[np.bool_]:
    A = lifted.A
    integers = np.bincount(
        np.repeat(np.arange(A.shape[0]), np.diff(A.indptr)), lifted.integer[A.indices], minlength=A.shape[0]
    )
    pair = (np.diff(A.indptr) == 2) & (integers == 1) & (lifted.row_lower != lifted.row_upper)
    pair = pair[:rows]
    return pair if np.count_nonzero(pair) > MANY else np.zeros(rows, dtype=bool)
