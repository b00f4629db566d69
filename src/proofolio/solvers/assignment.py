"""The continuous convex program left when the integers are fixed, made as small and smooth as it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.program import Block, Cones, Indicators, Program, QuadraticRows, RowBlock
from proofolio.solvers.cuts import Lifted

__all__ = ["Assignment", "assign"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Mask = NDArray[np.bool_]

FORCED = 1e-9
PASSES = 4


@dataclass(frozen=True, eq=False)
class Assignment:
    """What is left of a lifted program with its integers fixed.

    Attributes
    ----------
    program : Program
        Continuous and convex, over the columns that are neither fixed nor eliminated.
    columns : ndarray of int
        Where its columns stand in the lifted program.
    fixed : ndarray
        A lifted point with the fixed columns at their values and 0 elsewhere.
    epigraphs : tuples of (cone, column, coefficient of the column in t)
        Cones whose t is one column met only in the objective: there t = |Y|^2 / z.
    resolved : tuples of (row, column)
        Rows that hold with equality and give a column met nowhere else.
    merged : tuples of (column, other column, factor)
        Columns that are a constant (in `fixed`) plus a multiple of another.
    """

    lifted: Lifted
    program: Program
    columns: Integers
    fixed: Floats
    epigraphs: tuple[Integers, Integers, Floats]
    resolved: tuple[Integers, Integers, Floats]
    merged: tuple[Integers, Integers, Floats]

    def expand(self, x: Floats) -> Floats:
        """Return the lifted point of a point of the program, clipped to its bounds."""
        lifted = self.lifted
        point = self.fixed.copy()
        point[self.columns] = np.clip(x, self.program.lower, self.program.upper)
        cone, column, scale = self.epigraphs
        if cone.size:
            members = lifted.members(point)
            heads = lifted.pointer[:-1]
            tails = members.copy()
            tails[heads] = tails[heads + 1] = 0.0
            squares = np.add.reduceat(tails * tails, heads)[cone]
            z = members[heads + 1][cone]
            height = np.divide(squares, z, out=np.zeros(cone.size), where=z > 0)
            point[column] = np.maximum((height - lifted.k[heads[cone]]) / scale, lifted.lower[column])
        copy, of, factor = self.merged
        point[copy] += factor * point[of]
        rows, own, side = self.resolved
        if rows.size:
            coefficient = lifted.A[rows, own]
            point[own] = 0.0
            point[own] = (side - lifted.A[rows] @ point) / np.asarray(coefficient).ravel()
        return point


def assign(lifted: Lifted, low: Floats, high: Floats, skip: Mask | None = None) -> Assignment | None:
    r"""Bound the integers and return the continuous program left, or None when a row shows that nothing is left.

    Five reductions, each exact:

    - a row that its fixed columns push to its limit fixes the others (:math:`\sum_i V_i = Z = 0, V \ge 0`);
    - a cone with z = 0 becomes Y = 0, and one with constant z > 0 becomes a quadratic;
    - an equation left with two columns makes one a multiple of the other (:math:`W = V_r`);
    - a free column met in one row only is resolved from it, when the row is an equation or the objective
      presses against it;
    - an epigraph column that is then met only in the objective goes, and its quadratic enters P.

    Regime programs in hull form become quadratic programs this way, which interior-point methods solve much
    faster than cones.

    Parameters
    ----------
    low, high : ndarray
        Bounds of the integer columns of the lifted program, in order; equal where an integer is fixed.
    skip : ndarray of bool, optional
        Rows of A to leave out (the caller then checks them at the answer).
    """
    lower, upper = lifted.lower.copy(), lifted.upper.copy()
    lower[lifted.integer], upper[lifted.integer] = low, high
    if not _propagate(lifted, lower, upper):
        return None
    live = lower < upper
    fixed = np.where(live, 0.0, lower)
    kept = np.ones(lifted.row_lower.size, dtype=bool) if skip is None else ~skip
    _single_rows(lifted, live, kept, fixed, lower, upper)
    heads = lifted.pointer[:-1]
    length = np.diff(lifted.pointer)
    constant = lifted.members(fixed)
    touched = _count(lifted.K, live)
    simple = (touched[heads + 1] == 0) & (constant[heads + 1] > -FORCED)
    flat = simple & (constant[heads + 1] <= FORCED)
    curved = simple & ~flat
    in_cones = np.bincount(lifted.K.indices, minlength=live.size)
    A, q, merged = _merge(lifted, live, kept, fixed, lower, upper, in_cones)
    resolved, q = _resolve(lifted, A, q, live, kept, in_cones, merged[1])
    used = np.bincount(A.indices, np.repeat(kept, np.diff(A.indptr)), minlength=live.size)
    first = lifted.K.indptr[heads]
    single = np.diff(lifted.K.indptr)[heads] == 1
    own = np.where(single, lifted.K.indices[np.minimum(first, max(lifted.K.nnz - 1, 0))], 0) if lifted.K.nnz else first
    scale = np.where(single, lifted.K.data[np.minimum(first, max(lifted.K.nnz - 1, 0))], 1.0) if lifted.K.nnz else first
    alone = simple & single & live[own] & (in_cones[own] == 1) & (used[own] == 0) & (scale > 0)
    alone &= (q[own] >= 0) & (lower[own] <= -lifted.k[heads] / scale + FORCED) & np.isinf(upper[own])
    gone = np.zeros(live.size, dtype=bool)
    gone[own[alone]] = True
    gone[resolved[1]] = True
    columns = np.flatnonzero(live & ~gone)
    P = sparse.csc_array((columns.size, columns.size))
    bent = np.flatnonzero(alone & curved)
    extra = np.zeros(columns.size)
    if bent.size:
        weight = q[own[bent]] / (scale[bent] * constant[heads[bent] + 1])
        rows = _tail_rows(lifted, bent)
        Y = lifted.K[rows][:, columns]
        w = np.repeat(weight, length[bent] - 2)
        P = sparse.csc_array(2.0 * (Y.T @ (sparse.diags_array(w) @ Y)))
        P.sort_indices()
        extra = 2.0 * (Y.T @ (w * constant[rows]))
    tail = np.setdiff1d(np.arange(heads.size), bent)
    program = _program(lifted, A, columns, fixed, kept, (lower, upper), (P, q[columns] + extra), tail, flat, alone)
    if program is None:
        return None
    where = np.flatnonzero(alone)
    return Assignment(lifted, program, columns, fixed, (where, own[where], scale[where]), resolved, merged)


def _propagate(lifted: Lifted, lower: Floats, upper: Floats) -> bool:
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
            if np.any(smallest > lifted.row_upper + 1e3 * room) or np.any(largest < lifted.row_lower - 1e3 * room):
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


def _single_rows(lifted: Lifted, live: Mask, kept: Mask, fixed: Floats, lower: Floats, upper: Floats) -> None:
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


def _merge(
    lifted: Lifted, live: Mask, kept: Mask, fixed: Floats, lower: Floats, upper: Floats, in_cones: Any
) -> tuple[Any, Floats, tuple[Integers, Integers, Floats]]:
    """Merge columns tied by an equation (in place: live, kept, fixed and the bounds); return A and q without them."""
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entry = np.flatnonzero(live[matrix.indices] & (matrix.data != 0))
    pairs = (np.bincount(row[entry], minlength=matrix.shape[0]) == 2) & (lifted.row_lower == lifted.row_upper) & kept
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
        (np.concatenate([keep, factor]), (np.concatenate([n, copy]), np.concatenate([n, of]))), shape=(n.size, n.size)
    )
    A = sparse.csr_array(matrix @ T)
    A.eliminate_zeros()
    return A, T.T @ lifted.q, (copy, of, factor)


def _resolve(
    lifted: Lifted, matrix: Any, q: Floats, live: Mask, kept: Mask, in_cones: Any, tied: Integers
) -> tuple[tuple[Integers, Integers, Floats], Floats]:
    """Resolve free columns met in one kept row; marks those rows as not kept, returns them and the new costs."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    entry = kept[row] & live[matrix.indices]
    met = np.bincount(matrix.indices[entry], minlength=live.size)
    free = live & np.isinf(lifted.lower) & np.isinf(lifted.upper) & (met == 1) & (in_cones == 0)
    free[tied] = False
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


def _program(
    lifted: Lifted,
    matrix: Any,
    columns: Integers,
    fixed: Floats,
    kept: Mask,
    box: tuple[Floats, Floats],
    objective: tuple[Any, Floats],
    others: Integers,
    flat: Mask,
    alone: Mask,
) -> Program | None:
    shift = lifted.A @ fixed
    A = matrix[kept][:, columns]
    low, high = (lifted.row_lower - shift)[kept], (lifted.row_upper - shift)[kept]
    heads = lifted.pointer[:-1]
    constant = lifted.members(fixed)
    level = others[flat[others]]
    zeros = _tail_rows(lifted, level)
    heights = heads[level[~alone[level]]]
    A = sparse.vstack([A, lifted.K[zeros][:, columns], lifted.K[heights][:, columns]], format="csr")
    low = np.concatenate([low, -constant[zeros], -constant[heights]])
    high = np.concatenate([high, -constant[zeros], np.full(heights.size, np.inf)])
    filled = np.diff(A.indptr) > 0
    room = 1e-7 * np.maximum(1.0, np.where(np.isfinite(low), np.abs(low), 0.0))
    if np.any(~filled & ((low > room) | (high < -room))):
        return None
    A, low, high = sparse.csr_array(A[filled]), low[filled], high[filled]
    open_cones = others[~flat[others] & ~alone[others]]
    members = _rows(lifted, open_cones)
    lengths = np.diff(lifted.pointer)[open_cones]
    empty = np.empty(0)
    none = np.empty(0, dtype=np.intp)
    n = columns.size
    blank = sparse.csr_array((0, n))
    return Program(
        P=objective[0],
        q=objective[1],
        c=0.0,
        A=A,
        row_lower=low,
        row_upper=high,
        lower=box[0][columns],
        upper=box[1][columns],
        integer=np.zeros(n, dtype=bool),
        variables=(Block("x", (n,), 0),),
        rows=(RowBlock("rows", (low.size,), 0, np.arange(low.size)),),
        quadratic=QuadraticRows(blank, (), empty, empty),
        cones=Cones(
            sparse.csr_array(lifted.K[members][:, columns]),
            constant[members],
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
            (RowBlock("cones", (open_cones.size,), 0, np.arange(open_cones.size)),),
        ),
        indicators=Indicators(none, none, blank, empty, empty),
        name="assignment",
    )


def _rows(lifted: Lifted, cones: Integers) -> Integers:
    lengths = np.diff(lifted.pointer)[cones]
    starts = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(lifted.pointer[cones] - starts, lengths))


def _tail_rows(lifted: Lifted, cones: Integers) -> Integers:
    rows = _rows(lifted, cones)
    lengths = np.diff(lifted.pointer)[cones]
    starts = np.cumsum(lengths) - lengths
    return np.delete(rows, np.concatenate([starts, starts + 1]))


def _count(matrix: Any, mask: Mask) -> Any:
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.bincount(row, mask[matrix.indices], minlength=matrix.shape[0])
