"""A linear relaxation held in one HiGHS object: cuts come and go, bounds move, the basis stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.solvers.coefficient_limits import limited_rows
from proofolio.solvers.cuts import Cuts
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.highs_engine import accepted, dual_bound, open_highs, run
from proofolio.solvers.lifted import Lifted
from proofolio.solvers.scaling import column_units, row_units

__all__ = ["Answer", "Relaxation"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

TOLERANCE = 1e-9
SMALLEST = 1e-12


class Answer(NamedTuple):
    """What a linear relaxation answered: state, lower bound, point, multipliers of cuts, reduced costs."""

    status: str
    bound: float
    x: Floats
    cut_duals: Floats
    reduced: Floats


class Relaxation:
    """The linear rows of a lifted program and the cuts added so far, in well-scaled units.

    Its bound is `proofolio.solvers.highs_engine.dual_bound`, recomputed from the multipliers and not read
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
        self.highs = open_highs(
            seed,
            1,
            {
                "primal_feasibility_tolerance": TOLERANCE,
                "dual_feasibility_tolerance": TOLERANCE,
                "small_matrix_value": SMALLEST,
                "simplex_scale_strategy": 0,  # scaled here already; twice as fast without a second time
                **options,
            },
        )
        empty = np.empty(0)
        none = np.empty(0, dtype=np.int32)
        # what every row must hold for, whatever bounds a node of the tree has at the time
        self.box = self.lower.copy(), self.upper.copy()
        taken = self.highs.addCols(self.cost.size, self.cost, self.lower, self.upper, 0, none, none, empty)
        accepted(taken, "the columns of a linear relaxation")
        self.row_lower, self.row_upper = empty, empty
        self.linear_rows = 0
        first = np.arange(lifted.row_lower.size) if lifted.lazy is None else np.flatnonzero(~lifted.lazy)
        self._add(lifted.A[first], lifted.row_lower[first], lifted.row_upper[first])
        self.linear_rows = self.row_lower.size
        self.iterations = 0

    @property
    def cuts(self) -> int:
        """The number of cuts in place."""
        return self.row_lower.size - self.linear_rows

    def _add(self, matrix: Any, lower: Floats, upper: Floats) -> None:
        scaled = type(matrix)(
            (matrix.data * self.units[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape
        )
        rows = limited_rows(scaled, (lower, upper), self.box, row_units(scaled), SMALLEST)
        taken = self.highs.addRows(
            rows.lower.size,
            rows.lower,
            rows.upper,
            rows.data.size,
            rows.pointer[:-1],
            rows.indices,
            rows.data,
        )
        accepted(taken, "rows of a linear relaxation")
        self.row_lower = np.concatenate([self.row_lower, rows.lower])
        self.row_upper = np.concatenate([self.row_upper, rows.upper])

    def add(self, cuts: Cuts) -> None:
        """Add cuts; their slacks enter the basis, so the next solve goes on from here."""
        if len(cuts):
            self._add(cuts.matrix, cuts.lower, np.full(len(cuts), np.inf))

    def remove(self, cuts: Integers) -> None:
        """Remove cuts by their positions."""
        if cuts.size:
            rows = (self.linear_rows + cuts).astype(np.int32)
            accepted(self.highs.deleteRows(rows.size, rows), "to drop cuts")
            self.row_lower = np.delete(self.row_lower, rows)
            self.row_upper = np.delete(self.row_upper, rows)

    def column_bounds(self, columns: Integers) -> tuple[Floats, Floats]:
        """Return the present bounds of some columns."""
        return self.lower[columns] * self.units[columns], self.upper[columns] * self.units[columns]

    def bound_columns(self, columns: Integers, lower: Floats, upper: Floats) -> None:
        """Replace the bounds of some columns."""
        self.lower[columns], self.upper[columns] = lower / self.units[columns], upper / self.units[columns]
        taken = self.highs.changeColsBounds(
            columns.size, columns.astype(np.int32), self.lower[columns], self.upper[columns]
        )
        accepted(taken, "bounds of columns")

    def ray(self) -> Floats | None:
        """Return the direction along which the last solve found no end, if HiGHS has one."""
        known, ray = self._primal_ray()
        if not known:
            self.highs.setOptionValue("presolve", "off")
            self.highs.clearSolver()
            run(self.highs)
            known, ray = self._primal_ray()
        return ray * self.units if known else None

    def _primal_ray(self) -> tuple[bool, Floats]:
        _, known, ray = self.highs.getPrimalRay()
        return bool(known), np.asarray(ray, dtype=float)

    def solve(self) -> Answer:
        """Solve from the last basis.

        The status is ``"optimal"``, ``"infeasible"``, ``"unbounded"``, ``"limit"`` (time) or ``"stuck"``
        (HiGHS could not solve it); the bound is true in each (minus infinity where nothing is known).
        """
        nothing = np.full(self.cost.size, np.nan)
        remaining = self.deadline.left
        if not remaining:
            return Answer("limit", -np.inf, nothing, np.zeros(self.cuts), nothing)
        if np.isfinite(remaining):
            self.highs.setOptionValue("time_limit", self.highs.getRunTime() + remaining)
        word = run(self.highs)
        if word == "limit" and not self.deadline.passed:
            self.highs.clearSolver()  # the simplex method lost its way from the old basis: start afresh
            word = run(self.highs)
        if word == "limit" and not self.deadline.passed:
            word = "stuck"
        state = "unbounded" if word == "either" else word
        if state != "optimal":
            return Answer(
                state, np.inf if state == "infeasible" else -np.inf, nothing, np.zeros(self.cuts), nothing
            )
        solution = self.highs.getSolution()
        x = np.array(solution.col_value)
        rows = np.array(solution.row_dual)
        reduced = np.array(solution.col_dual)
        sides = (self.row_lower, self.row_upper), (self.lower, self.upper)
        bound = dual_bound(*sides, x, rows, reduced) * self.cost_unit + self.lifted.c
        return Answer(
            state, bound, x * self.units, rows[self.linear_rows :], reduced * (self.cost_unit / self.units)
        )
