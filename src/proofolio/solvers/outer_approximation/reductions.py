"""Columns that an equation defines, taken out of a lifted program before anything is solved.

Then exact reductions of linear rows once some columns are fixed: steps of `assignment.assign`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.solvers.outer_approximation.lifted import Lifted

__all__ = [
    "FORCED",
    "Substituted",
    "leave_switched_off",
    "merge",
    "propagate",
    "resolve",
    "single_rows",
    "substitute",
]


FORCED = 1e-9
PASSES = 4


def propagate(lifted: Lifted, lower: Floats, upper: Floats) -> bool:
    """Fix what rows at their limit force (in place: the bounds); return whether every row can still hold."""
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    column, data = matrix.indices, matrix.data
    up = data > 0
    for _ in range(PASSES):
        low, high = np.where(up, lower[column], upper[column]), np.where(up, upper[column], lower[column])
        smallest = np.bincount(row, data * low, minlength=matrix.shape[0])
        largest = np.bincount(row, data * high, minlength=matrix.shape[0])
        room = FORCED * np.maximum(1.0, np.bincount(row, np.abs(data), minlength=matrix.shape[0]))
        with np.errstate(invalid="ignore"):
            if np.any(smallest > lifted.row_upper + 1e3 * room) or np.any(
                largest < lifted.row_lower - 1e3 * room
            ):
                return False
            at_low = np.isfinite(smallest) & (smallest >= lifted.row_upper - room)
            at_high = np.isfinite(largest) & (largest <= lifted.row_lower + room)
        live = lower[column] < upper[column]
        sink, rise = live & at_low[row], live & at_high[row] & ~at_low[row]
        if not (np.any(sink) or np.any(rise)):
            return True
        target = np.where(sink, low, high)[sink | rise]
        moved = column[sink | rise]
        lower[moved] = target
        upper[moved] = target
    return True


def single_rows(lifted: Lifted, live: Mask, kept: Mask, fixed: Floats, lower: Floats, upper: Floats) -> None:
    """Turn rows left with one column into bounds (in place: kept and the bounds)."""
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entry = np.flatnonzero(live[matrix.indices] & (matrix.data != 0))
    single = kept & (np.bincount(row[entry], minlength=matrix.shape[0]) == 1)
    entry = entry[single[row[entry]]]
    rows, own, a = row[entry], matrix.indices[entry], matrix.data[entry]
    shift = np.asarray(matrix @ fixed)[rows]
    ends = (lifted.row_lower[rows] - shift) / a, (lifted.row_upper[rows] - shift) / a
    np.maximum.at(lower, own, np.minimum(*ends))
    np.minimum.at(upper, own, np.maximum(*ends))
    close = live & (lower > upper) & (lower - upper <= 1e-7 * np.maximum(1.0, np.abs(upper)))
    upper[close] = lower[close]
    kept[rows[lower[own] <= upper[own]]] = False


def merge(
    lifted: Lifted, live: Mask, kept: Mask, fixed: Floats, lower: Floats, upper: Floats, in_cones: Any
) -> tuple[Sparse, Floats, tuple[Integers, Integers, Floats]]:
    """Merge columns tied by an equation (in place: all but `in_cones`); return A and q without them."""
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entry = np.flatnonzero(live[matrix.indices] & (matrix.data != 0))
    pairs = (
        (np.bincount(row[entry], minlength=matrix.shape[0]) == 2)
        & (lifted.row_lower == lifted.row_upper)
        & kept
    )
    entry = entry[pairs[row[entry]]].reshape(-1, 2)
    turned = in_cones[matrix.indices[entry[:, 0]]] > 0
    entry[turned] = entry[turned][:, ::-1]
    copy, of = matrix.indices[entry[:, 0]], matrix.indices[entry[:, 1]]
    good = in_cones[copy] == 0
    _, first = np.unique(np.where(good, copy, -1), return_index=True)
    good &= np.isin(np.arange(copy.size), first)
    good &= ~np.isin(of, copy[good])
    entry, copy, of = entry[good], copy[good].astype(np.intp), of[good].astype(np.intp)
    if not copy.size:
        return matrix, lifted.q, (copy, of, np.empty(0))
    rows = row[entry[:, 0]]
    a, b = matrix.data[entry[:, 0]], matrix.data[entry[:, 1]]
    level = (lifted.row_lower[rows] - np.asarray(matrix[rows] @ fixed)) / a
    factor = -b / a
    ends = (lower[copy] - level) / factor, (upper[copy] - level) / factor
    np.maximum.at(lower, of, np.minimum(*ends))
    np.minimum.at(upper, of, np.maximum(*ends))
    upper[of] = np.maximum(upper[of], lower[of])
    live[copy], kept[rows], fixed[copy] = False, False, level
    keep = np.ones(live.size)
    keep[copy] = 0.0
    n = np.arange(live.size)
    T = sparse.csr_array(
        (np.concatenate([keep, factor]), (np.concatenate([n, copy]), np.concatenate([n, of]))),
        shape=(n.size, n.size),
    )
    A = sparse.csr_array(matrix @ T)
    A.eliminate_zeros()
    return A, T.T @ lifted.q, (copy, of, factor)


def leave_switched_off(
    lifted: Lifted, matrix: Sparse, q: Floats, live: Mask, kept: Mask, fixed: Floats, free: Mask
) -> None:
    r"""Leave out rows that fixed integers switch off (in place: kept).

    A free column c with a positive cost is the largest of its rows' right-hand sides
    :math:`f_i(x) + b_i`. Where integers decide the :math:`b_i`, as in :math:`c \ge f_i(x) - M (1 - z_i)`,
    only the rows with the largest one are likely to count.
    """
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    column, a = matrix.indices, matrix.data
    switched = np.bincount(row, lifted.integer[column] & ~live[column], minlength=matrix.shape[0]) > 0
    from_below = np.where(a > 0, np.isinf(lifted.row_upper[row]), np.isinf(lifted.row_lower[row]))
    mine = kept[row] & free[column] & (q[column] > 0)
    wrong = np.bincount(column[mine & ~from_below], minlength=live.size) > 0
    entry = np.flatnonzero(mine & ~wrong[column])
    side = np.where(a[entry] > 0, lifted.row_lower[row[entry]], lifted.row_upper[row[entry]])
    level = (side - np.asarray(lifted.A @ fixed)[row[entry]]) / a[entry]
    top = np.full(live.size, -np.inf)
    np.maximum.at(top, column[entry], level)
    off = switched[row[entry]] & (level < top[column[entry]] - FORCED * (1.0 + np.abs(top[column[entry]])))
    kept[row[entry[off]]] = False


def resolve(
    lifted: Lifted, matrix: Sparse, q: Floats, live: Mask, kept: Mask, free: Mask
) -> tuple[tuple[Integers, Integers, Floats], Floats]:
    """Resolve free columns met in one kept row (in place: kept); return rows, columns, sides and costs."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entry = kept[row] & live[matrix.indices]
    met = np.bincount(matrix.indices[entry], minlength=live.size)
    free = free & (met == 1)
    q = q.copy()
    candidates = np.flatnonzero(entry & free[matrix.indices])
    a, own, at = matrix.data[candidates], matrix.indices[candidates], row[candidates]
    equation = lifted.row_lower[at] == lifted.row_upper[at]
    pressed_low = (q[own] / a > 0) & np.isfinite(lifted.row_lower[at])
    pressed_high = (q[own] / a < 0) & np.isfinite(lifted.row_upper[at])
    good = np.flatnonzero(equation | pressed_low | pressed_high)
    _, firsts = np.unique(at[good], return_index=True)
    good = good[firsts]
    a, own, at = a[good], own[good], at[good]
    side = np.where(equation[good] | pressed_low[good], lifted.row_lower[at], lifted.row_upper[at])
    if at.size:
        price = q[own] / a
        q = q - matrix[at].T @ price
        q[own] = 0.0
        kept[at] = False
    return (at.astype(np.intp), own.astype(np.intp), side), q


FILL = 20
MANY = 2000
IMPLIED = 1e-12


@dataclass(frozen=True, eq=False)
class Substituted:
    """A smaller lifted program, and the way back: ``x = matrix u + shift``."""

    lifted: Lifted
    kept: Integers
    matrix: Sparse
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
        # no column that goes stands in a cone
        K=sparse.csr_array(
            (lifted.K.data, place[lifted.K.indices], lifted.K.indptr), shape=(lifted.K.shape[0], kept.size)
        ),
    )
    lazy = np.concatenate([_variable_bounds(smaller, left.size), np.ones(needed.size, dtype=bool)])
    return Substituted(replace(smaller, lazy=lazy), kept, matrix, shift)


def _chosen(lifted: Lifted, A: Sparse) -> tuple[Integers, Integers, Floats]:
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


def _activity(matrix: Sparse, lower: Floats, upper: Floats) -> tuple[Any, Any]:
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    up = matrix.data > 0
    low = matrix.data * np.where(up, lower[matrix.indices], upper[matrix.indices])
    high = matrix.data * np.where(up, upper[matrix.indices], lower[matrix.indices])
    count = matrix.shape[0]
    return np.bincount(row, low, minlength=count), np.bincount(row, high, minlength=count)


def _variable_bounds(lifted: Lifted, rows: int) -> Mask:
    A = lifted.A
    integers = np.bincount(
        np.repeat(np.arange(A.shape[0]), np.diff(A.indptr)), lifted.integer[A.indices], minlength=A.shape[0]
    )
    pair = (np.diff(A.indptr) == 2) & (integers == 1) & (lifted.row_lower != lifted.row_upper)
    pair = pair[:rows]
    return pair if np.count_nonzero(pair) > MANY else np.zeros(rows, dtype=bool)
