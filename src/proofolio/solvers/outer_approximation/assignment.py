"""The continuous convex program left when the integers are fixed, made as small and smooth as it can be.

Its point may break rows that seldom matter and were left out: it is repaired where nothing curved is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.errors import ProofolioError, SolverFailure
from proofolio.program.program import Block, Cones, Indicators, Program, QuadraticRows, RowBlock
from proofolio.solvers.continuous import kkt_residual, solve_continuous
from proofolio.solvers.highs.session import Session
from proofolio.solvers.limits import Deadline, convex_seconds
from proofolio.solvers.outer_approximation.lifted import Lifted
from proofolio.solvers.outer_approximation.reductions import (
    FORCED,
    leave_switched_off,
    merge,
    propagate,
    resolve,
    single_rows,
)
from proofolio.solvers.quadratic import piqp
from proofolio.solvers.solution import Settings

__all__ = ["Assignment", "assign", "feasible_at_no_cost"]


# How far PIQP's answer may be from optimal, relative to its own terms; otherwise another solver is asked.
RESIDUAL = 1e-7
# Repairs go to the least tolerance HiGHS takes, and may cost this part of the objective: its rounding.
REPAIR_TOLERANCE, LOST = 1e-10, 1e-9


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

    def solve(self, settings: Settings) -> Floats | None:
        """Solve the program left and return the lifted point, or None when no solver can in the time there is."""
        program, deadline = self.program, Deadline.after(settings.time_limit)
        if not program.n:
            return self.expand(np.empty(0))
        if convex_seconds(program) > deadline.left:
            return None
        try:
            if program.P.nnz and not len(program.cones):
                # convex by construction, so the check of that in solve_continuous would be time lost
                first = piqp.solve(program, settings)
                if first.x is not None and kkt_residual(program, first) <= RESIDUAL:
                    return self.expand(first.x)
                if first.message.endswith(piqp.NOT_BEGUN):
                    return None
            answer = solve_continuous(program, settings.until(deadline))
        except ProofolioError:
            return None
        return None if answer.x is None else self.expand(answer.x)

    def expand(self, x: Floats) -> Floats:
        """Return the lifted point of a point of the program, clipped to its bounds."""
        lifted = self.lifted
        point = self.fixed.copy()
        point[self.columns] = np.clip(x, self.program.lower, self.program.upper)
        cone, column, scale = self.epigraphs
        if cone.size:
            members = lifted.members(point)
            heads = lifted.pointer[:-1]
            squares = lifted.squares(members)[cone]
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


def assign(lifted: Lifted, low: Floats, high: Floats, hopeful: bool = False) -> Assignment | None:
    r"""Bound the integers and return the continuous program left, or None when a row leaves nothing.

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
    hopeful : bool
        Take costs and epigraphs with bounds on both sides of zero for free ones, and leave out lazy rows and
        Big-M rows that are switched off, as these seldom matter; the caller then checks the point.
    """
    lower, upper = lifted.lower.copy(), lifted.upper.copy()
    lower[lifted.integer], upper[lifted.integer] = low, high
    if not propagate(lifted, lower, upper):
        return None
    live, fixed, kept = _bounded(lifted, lower, upper)
    if np.any(
        live & (lower == upper)
    ):  # rows such as l z <= V <= u z with z = 0: what they fix may force more
        if not propagate(lifted, lower, upper):
            return None
        live, fixed, kept = _bounded(lifted, lower, upper)
    if np.any(lower > upper):
        return None
    if hopeful and lifted.lazy is not None:
        kept &= ~lifted.lazy
    heads = lifted.pointer[:-1]
    length = np.diff(lifted.pointer)
    constant = lifted.members(fixed)
    touched = _count(lifted.K, live)
    simple = (touched[heads + 1] == 0) & (constant[heads + 1] > -FORCED)
    flat = simple & (constant[heads + 1] <= FORCED)
    curved = simple & ~flat
    in_cones = np.bincount(lifted.K.indices, minlength=live.size)
    A, q, merged = merge(lifted, live, kept, fixed, lower, upper, in_cones)
    free = _free(lifted, live, in_cones, merged[1], hopeful)
    if hopeful:
        leave_switched_off(lifted, A, q, live, kept, fixed, free)
    resolved, q = resolve(lifted, A, q, live, kept, free)
    used = np.bincount(A.indices, np.repeat(kept, np.diff(A.indptr)), minlength=live.size)
    single, own, scale = lifted.height_columns()
    alone = simple & single & live[own] & (in_cones[own] == 1) & (used[own] == 0) & (scale > 0)
    alone &= (q[own] >= 0) & (lower[own] <= -lifted.k[heads] / scale + FORCED)
    alone &= np.isinf(upper[own]) | hopeful
    gone = np.zeros(live.size, dtype=bool)
    gone[own[alone]] = True
    gone[resolved[1]] = True
    columns = np.flatnonzero(live & ~gone)
    P = sparse.csc_array((columns.size, columns.size))
    bent = np.flatnonzero(alone & curved & (q[own] > 0))
    extra = np.zeros(columns.size)
    if bent.size:
        weight = q[own[bent]] / (scale[bent] * constant[heads[bent] + 1])
        rows = _tail_rows(lifted, bent)
        Y = lifted.K[rows][:, columns]
        w = np.repeat(weight, length[bent] - 2)
        P = sparse.csc_array(2.0 * (Y.T @ (sparse.diags_array(w) @ Y)))
        P.sort_indices()
        extra = np.asarray(2.0 * (Y.T @ (w * constant[rows])), dtype=float)
    tail = np.setdiff1d(np.arange(heads.size), bent)
    program = _program(
        lifted, A, columns, fixed, kept, (lower, upper), (P, q[columns] + extra), tail, flat, alone
    )
    if program is None:
        return None
    where = np.flatnonzero(alone)
    return Assignment(lifted, program, columns, fixed, (where, own[where], scale[where]), resolved, merged)


def _bounded(lifted: Lifted, lower: Floats, upper: Floats) -> tuple[Mask, Floats, Mask]:
    """Tighten the bounds (in place) by rows left with one column; return what is live, a point, the rows left."""
    live = lower < upper
    fixed = np.where(live, 0.0, lower)
    kept = np.ones(lifted.row_lower.size, dtype=bool)
    single_rows(lifted, live, kept, fixed, lower, upper)
    return live, fixed, kept


def _free(lifted: Lifted, live: Mask, in_cones: Any, tied: Integers, hopeful: bool) -> Mask:
    free = np.isinf(lifted.lower) & np.isinf(lifted.upper)
    if hopeful:
        free |= (lifted.lower < 0) & (lifted.upper > 0)
    free &= live & (in_cones == 0)
    free[tied] = False
    return np.asarray(free)


def _program(
    lifted: Lifted,
    matrix: Sparse,
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


def _count(matrix: Sparse, mask: Mask) -> Any:
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.bincount(row, mask[matrix.indices], minlength=matrix.shape[0])


def feasible_at_no_cost(lifted: Lifted, point: Floats, violation: float, deadline: Deadline) -> Floats | None:
    """Return the point, raised and repaired where it must be; None when it stays infeasible or gets worse.

    The repair is a linear program in the continuous columns that stand in no cone. In regime programs these
    are the costs of periods and their maxima: a best point without the rows of the regimes not chosen may
    leave the maxima in those rows anywhere. At no cost the point stays the best there is with those rows too.

    Parameters
    ----------
    violation : float
        The most that rows and cones may be violated, relative to the size of their terms.
    """
    point = lifted.raised(point)
    if lifted.violation(point) <= violation:
        return point
    better = _repaired(lifted, point, deadline)
    if better is None or lifted.violation(better) > violation:
        return None
    before = lifted.value(point)
    return better if lifted.value(better) - before <= LOST * abs(before - lifted.c) else None


def _repaired(lifted: Lifted, point: Floats, deadline: Deadline) -> Floats | None:
    loose = ~lifted.integer
    loose[lifted.K.indices] = False
    columns = np.flatnonzero(loose)
    A = lifted.A[:, columns]
    met = np.flatnonzero(np.diff(A.indptr))
    if not met.size or not deadline.left:
        return None
    body = np.asarray(lifted.A @ np.where(loose, 0.0, point))
    sides = tuple((side - body)[met] for side in (lifted.row_lower, lifted.row_upper))
    box = lifted.lower[columns], lifted.upper[columns]
    session = Session({"primal_feasibility_tolerance": REPAIR_TOLERANCE})
    try:
        session.load(lifted.q[columns], box, A[met], (sides[0], sides[1]))
        status = session.solve(deadline.left)
    except SolverFailure:
        return None
    if status != "optimal":
        return None
    better = point.copy()
    better[columns] = np.clip(session.point(), *box)
    return better
