"""The linear relaxation of a lifted program, warm in HiGHS: cuts come and go, bounds move, the basis stays.

In this order: the cuts that rotated cones give, the units in which the relaxation is well scaled (geometric means
of rows and columns, powers of two), and the relaxation itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.solvers.highs.session import Session
from proofolio.solvers.limits import Deadline
from proofolio.solvers.outer_approximation.lifted import Lifted

__all__ = [
    "CutRelaxation",
    "Cuts",
    "Relaxed",
    "column_units",
    "cut_values",
    "cuts_at",
    "row_units",
    "tangents",
]


# Where z is below this part of the length of Y, Y / z is mostly rounding.
NEAR_APEX = 1e-7


@dataclass(frozen=True, eq=False)
class Cuts:
    """Rows ``matrix x >= lower`` valid for every point of the cones."""

    matrix: Sparse
    lower: Floats

    def __len__(self) -> int:
        return self.lower.size


def tangents(lifted: Lifted, members: Floats) -> Floats:
    r"""Return, for each cone, the slope ``y`` of the cut that fits its members; the rows of t and z hold 0.

    It is :math:`y = Y / z`. Near z = 0, where that quotient means nothing, z is replaced by the value that
    the supporting hyperplane of the second-order cone :math:`\|(2Y, t - z)\| \le t + z` has in its place,
    :math:`2|Y|^2 / (\|(2Y, t - z)\| + t - z)`.
    """
    t, z = members[lifted.pointer[:-1]], members[lifted.pointer[:-1] + 1]
    squares = lifted.squares(members)
    reach = np.sqrt(4.0 * squares + (t - z) ** 2) + np.abs(t - z)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = np.where(t >= z, 2.0 * squares / reach, (reach) / 2.0)
    divisor = np.where(z > NEAR_APEX * np.maximum(1.0, np.sqrt(squares)), z, np.maximum(z, other))
    divisor = np.where(divisor > 0, divisor, 1.0)
    return lifted.tails(members / np.repeat(divisor, np.diff(lifted.pointer)))


def cuts_at(lifted: Lifted, slopes: Floats, chosen: Integers) -> Cuts:
    r"""Return the cut of each chosen cone at its slope.

    For every y, :math:`t \ge \|Y\|^2 / z \ge 2 y'Y - |y|^2 z` on the cone, with equality along
    :math:`Y = y z`: the perspective cut of Frangioni and Gentile (2006), and the gradient cut where z = 1.
    """
    lengths = np.diff(lifted.pointer)[chosen]
    pointer = np.concatenate([[0], np.cumsum(lengths)])
    entries = np.arange(pointer[-1]) + np.repeat(lifted.pointer[chosen] - pointer[:-1], lengths)
    multipliers = -2.0 * slopes[entries]
    multipliers[pointer[:-1]] = 1.0
    multipliers[pointer[:-1] + 1] = lifted.squares(slopes)[chosen]
    combine = sparse.csr_array((multipliers, entries, pointer), shape=(chosen.size, lifted.K.shape[0]))
    return Cuts(sparse.csr_array(combine @ lifted.K), -np.asarray(combine @ lifted.k))


def cut_values(lifted: Lifted, slopes: Floats, members: Floats) -> Floats:
    """Return, for each cone, by how much a point with these members violates the cut at its slope."""
    starts = lifted.pointer[:-1]
    product = np.add.reduceat(slopes * members, starts) if starts.size else np.empty(0)
    return 2.0 * product - lifted.squares(slopes) * members[starts + 1] - members[starts]


# Rows and columns in turn: the fit changes by less than a power of two after about so many.
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


def row_units(matrix: Sparse) -> Floats:
    """Return the factor of each row that brings the geometric mean of its coefficients near one."""
    telling, row = _telling(matrix)
    logs, row = np.log2(np.abs(matrix.data[telling])), row[telling]
    count = np.bincount(row, minlength=matrix.shape[0])
    mean = np.bincount(row, logs, minlength=matrix.shape[0]) / np.maximum(1, count)
    return np.asarray(np.exp2(-np.clip(np.round(mean), -500, 500)))


def _telling(matrix: Sparse) -> tuple[Mask, Integers]:
    """Return which entries are no specks in their rows, and the row of each entry."""
    size = np.abs(matrix.data)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, row, size)
    return (size > 0.0) & (size >= SPECK * largest[row]), row


def _cone_rows(lifted: Lifted) -> Sparse:
    K, heads = lifted.K, lifted.pointer[:-1]
    kind = np.ones(K.shape[0])
    kind[heads + 1] = 0.0
    is_t = np.zeros(K.shape[0], dtype=bool)
    is_t[heads] = True
    of_t = np.flatnonzero(np.repeat(is_t, np.diff(K.indptr)))
    weights = np.square(K.data)
    weights[of_t] = np.abs(K.data[of_t])
    gather = sparse.csr_array((kind, np.arange(kind.size), lifted.pointer), shape=(lifted.cones, kind.size))
    rows = sparse.csr_array(gather @ sparse.csr_array((weights, K.indices, K.indptr), shape=K.shape))
    rows.eliminate_zeros()
    return rows


# Bounds are recomputed from multipliers, so this decides how good they are and not whether they hold.
TOLERANCE = 1e-9
OPTIONS = {
    "primal_feasibility_tolerance": TOLERANCE,
    "dual_feasibility_tolerance": TOLERANCE,
    "small_matrix_value": 1e-12,  # the least that HiGHS keeps when asked
    "simplex_scale_strategy": 0,  # scaled here already; twice as fast without a second time
}


class Relaxed(NamedTuple):
    """What a linear relaxation answered: state, lower bound, point, multipliers of cuts, reduced costs."""

    status: str
    bound: float
    x: Floats
    cut_duals: Floats
    reduced: Floats


class CutRelaxation:
    """The linear rows of a lifted program and the cuts added so far, in well-scaled units.

    Its bound is that of `proofolio.solvers.highs.session.Session.bound`, recomputed from the multipliers and not read
    from the solver.
    """

    def __init__(self, lifted: Lifted, seed: int, deadline: Deadline, options: Mapping[str, Any]) -> None:
        self.lifted = lifted
        self.deadline = deadline
        self.units = column_units(lifted)
        self.cost = lifted.q * self.units
        self.cost_unit = float(np.max(np.abs(self.cost), initial=0.0)) or 1.0
        self.cost_unit = float(np.exp2(np.round(np.log2(self.cost_unit))))
        self.cost = self.cost / self.cost_unit
        self.lower = lifted.lower / self.units
        self.upper = lifted.upper / self.units
        self.session = Session(OPTIONS | dict(options), seed=seed)
        # what every row must hold for, whatever bounds a node of the tree has at the time
        self.box = self.lower.copy(), self.upper.copy()
        no_rows = np.empty(0), np.empty(0)
        self.session.load(self.cost, self.box, sparse.csr_array((0, self.cost.size)), no_rows)
        first = np.arange(lifted.row_lower.size) if lifted.lazy is None else np.flatnonzero(~lifted.lazy)
        self._add(lifted.A[first], lifted.row_lower[first], lifted.row_upper[first])
        self.linear_rows = self.session.rows

    @property
    def cuts(self) -> int:
        """The number of cuts in place."""
        return self.session.rows - self.linear_rows

    def _add(self, matrix: Sparse, lower: Floats, upper: Floats) -> None:
        scaled = type(matrix)(
            (matrix.data * self.units[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape
        )
        self.session.add_rows(scaled, (lower, upper), self.box, row_units(scaled))

    def add(self, cuts: Cuts) -> None:
        """Add cuts; their slacks enter the basis, so the next solve goes on from here."""
        if len(cuts):
            self._add(cuts.matrix, cuts.lower, np.full(len(cuts), np.inf))

    def remove(self, cuts: Integers) -> None:
        """Remove cuts by their positions."""
        if cuts.size:
            self.session.delete_rows(self.linear_rows + cuts)

    def column_bounds(self, columns: Integers) -> tuple[Floats, Floats]:
        """Return the present bounds of some columns."""
        return self.lower[columns] * self.units[columns], self.upper[columns] * self.units[columns]

    def bound_columns(self, columns: Integers, lower: Floats, upper: Floats) -> None:
        """Replace the bounds of some columns."""
        self.lower[columns], self.upper[columns] = lower / self.units[columns], upper / self.units[columns]
        self.session.change_box(columns.astype(np.int32), self.lower[columns], self.upper[columns])

    def ray(self) -> Floats | None:
        """Return the direction along which the last solve found no end, if HiGHS has one."""
        ray = self.session.primal_ray()
        return None if ray is None else ray * self.units

    def solve(self) -> Relaxed:
        """Solve from the last basis.

        The status is ``"optimal"``, ``"infeasible"``, ``"unbounded"``, ``"limit"`` (time) or ``"stuck"``
        (HiGHS could not solve it); the bound is true in each (minus infinity where nothing is known).
        """
        nothing = np.full(self.cost.size, np.nan)
        remaining = self.deadline.left
        if not remaining:
            return Relaxed("limit", -np.inf, nothing, np.zeros(self.cuts), nothing)
        status = self.session.solve(remaining)
        if status in ("limit", "unknown") and not self.deadline.passed:
            self.session.forget()  # the simplex method lost its way from the old basis: start afresh
            status = self.session.solve(self.deadline.left)
        if status in ("limit", "unknown"):
            status = "limit" if self.deadline.passed else "stuck"
        status = "unbounded" if status == "either" else status
        if status != "optimal":
            bound = np.inf if status == "infeasible" else -np.inf
            return Relaxed(status, bound, nothing, np.zeros(self.cuts), nothing)
        bound = self.session.bound((self.lower, self.upper)) * self.cost_unit + self.lifted.c
        duals = self.session.row_duals()[self.linear_rows :]
        reduced = self.session.reduced_costs() * (self.cost_unit / self.units)
        return Relaxed(status, bound, self.session.point() * self.units, duals, reduced)
