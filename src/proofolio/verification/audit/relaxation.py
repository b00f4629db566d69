"""One linear relaxation in HiGHS's memory, asked many questions: each starts from the basis of the last.

A question takes back what the last one changed and it does not, and changes the rest: those of one switch, one after
the other, differ in the costs of a body alone. A small program's bounds come from a tableau in machine code instead,
where there is one and it finds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.highs.session import Session
from proofolio.verification.audit.tableau import Tableau, is_small, maximise_kernel
from proofolio.verification.exact.lp_bounds import Freed

__all__ = ["DISCRETE", "OPTIONS", "Answer", "Boxes", "Relaxation"]


Boxes = Mapping[int, tuple[float, float]]

# Bounds are made exact afterwards, so this decides how often that works and not whether they hold.
TOLERANCE = 1e-9
OPTIONS = {
    "primal_feasibility_tolerance": TOLERANCE,
    "dual_feasibility_tolerance": TOLERANCE,
    "small_matrix_value": 1e-12,  # the least that HiGHS keeps when asked
    "large_matrix_value": 1e300,
}
DISCRETE = {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0, "mip_feasibility_tolerance": TOLERANCE}
NO_LIMIT = 2**31 - 1
MANY = 2_000  # questions in a process that take HiGHS as much longer as it takes to import numba
LOADED_IN = 20.0  # seconds that must be left for it, since the machine code may have to be compiled first
# a question changes the cost and two bounds: from the last basis the primal method takes half the time
PRIMAL_SIMPLEX = {"simplex_strategy": 4, "primal_simplex_bound_perturbation_multiplier": 0.0}
DUAL_SIMPLEX = {"simplex_strategy": 1, "primal_simplex_bound_perturbation_multiplier": 1.0}
# Every solve otherwise factorises its last basis anew where a check of its own finds an error of 1e-8, a sixth of its
# time; what comes out is checked in exact arithmetic here, and asked again from scratch where that fails.
WARM = {"rebuild_refactor_solution_error_tolerance": -1.0}
FRESH = {"rebuild_refactor_solution_error_tolerance": 1e-8}
# scaling anew costs a few iterations after every change; it returns where something fails without it
UNSCALED = {"simplex_scale_strategy": 0}
SCALED = {"simplex_scale_strategy": 2}
_NARROW = 4.0  # ranges narrower than so many margins are left as they are


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of one question.

    Attributes
    ----------
    status : str
        ``"optimal"``, ``"infeasible"``, ``"unbounded"``, ``"limit"`` or ``"failed"``.
    value : float
        The optimum; infinite where there is none.
    duals : ndarray (m,) or None
        Multipliers of the rows, positive where upper sides push; for ``"infeasible"`` a Farkas vector.
    message : str
        The solver's own words when it failed.
    point : function, optional
        Reads the optimal point, which most who ask for a bound have no use for.
    """

    status: str
    value: float = math.inf
    duals: Floats | None = None
    message: str = ""
    point: Callable[[], Floats] | None = None

    @cached_property
    def x(self) -> Floats | None:
        """The optimal point, or None."""
        return None if self.point is None else self.point()


@dataclass(frozen=True, eq=False)
class _Posed:
    """What a question changed: the columns with costs, the side set free, and the columns' other bounds."""

    columns: NDArray[np.int32]
    freed: Freed | None
    boxes: Boxes


class Relaxation:
    """The linear rows and bounds of a program, without integrality and objective, held by HiGHS.

    Quadratic rows, cones, indicators and special ordered sets are left out, so a maximum found here is at
    least the true one.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._linear = _loaded(program, OPTIONS | PRIMAL_SIMPLEX | UNSCALED | WARM)
        self._posed = _Posed(np.zeros(0, dtype=np.int32), None, {})  # what HiGHS has beside the program
        self._discrete: Session | None = None
        self._tableau: Tableau | None = None
        self.solved = 0

    def maximise(
        self,
        columns: NDArray[Any],
        values: Floats,
        freed: Freed | None = None,
        boxes: Mapping[int, tuple[float, float]] | None = None,
        cap: float = math.inf,
        time_limit: float = math.inf,
        margin: float = 0.0,
        point_only: bool = False,
        afresh: bool = False,
    ) -> Answer:
        """Maximise a linear body with one side set free and some columns given other bounds.

        The next question starts from the last basis, and changes only what is not as in this one.

        Parameters
        ----------
        columns, values : ndarray
            The body; each column once.
        freed : (row, "lower" or "upper"), optional
        boxes : mapping from column to (lower, upper), optional
        cap : float
            Where the freed side is moved to, as an amount of ``sign * row`` (infinite: away).
        time_limit : float
            Seconds.
        margin : float
            How far to stay from the sides of ranges and bounds, relative to their size.
        point_only : bool
            Whether a Farkas vector is of no use where nothing satisfies the question.
        afresh : bool
            Whether to forget the last basis.
        """
        at = np.asarray(columns, dtype=np.int32)
        if not (margin or point_only or afresh or math.isfinite(cap)):
            answer = self._by_tableau(at, values, freed, boxes or {}, time_limit)
            if answer is not None:
                return answer
        if margin:
            self._pose(np.zeros(0, dtype=np.int32), np.zeros(0), None, {}, math.inf)
            self._all_sides(margin)
        try:
            self._pose(at, -np.asarray(values, dtype=float), freed, boxes or {}, cap)
            answer = Answer("failed") if afresh else self._run(time_limit, point_only)
            if answer.status == "failed":
                answer = self._from_scratch(time_limit)
        finally:
            if margin:
                self._pose(np.zeros(0, dtype=np.int32), np.zeros(0), None, {}, math.inf)
                self._all_sides(0.0)
        self.solved += 1
        return answer

    def _by_tableau(
        self, columns: NDArray[np.int32], values: Floats, freed: Freed | None, boxes: Boxes, seconds: float
    ) -> Answer | None:
        """Maximise without the solver; None where it is to be asked."""
        if self._tableau is None:
            after = MANY if seconds > LOADED_IN else math.inf
            if not is_small(self.program) or not maximise_kernel.worth_loading(after):
                return None
            self._tableau = Tableau(self.program)
        found = self._tableau.maximise(columns, values, freed, boxes)
        if found is None:
            return None
        self.solved += 1
        value, x, duals = found
        return Answer("optimal", value, duals, point=lambda: x)

    def _pose(
        self, columns: NDArray[np.int32], cost: Floats, freed: Freed | None, boxes: Boxes, cap: float
    ) -> None:
        """Take back what the last question changed and this one does not, and change what this one does."""
        last, session = self._posed, self._linear
        same = boxes == last.boxes
        left = last.columns if not np.array_equal(last.columns, columns) else columns[:0]
        self._restore(session, left, last.freed, {} if same else last.boxes)
        self._posed = _Posed(columns, freed, dict(boxes))
        self._change(session, columns, cost, freed, {} if same else boxes, cap)

    def maximise_integer(
        self,
        columns: NDArray[Any],
        values: Floats,
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
        time_limit: float,
        first: bool = False,
    ) -> tuple[Answer, float]:
        """Maximise over the integers; returns the answer with its point, and the solver's upper bound.

        With `first` it ends at the first point found.
        """
        if self._discrete is None:
            self._discrete = _loaded(self.program, OPTIONS | DISCRETE, discrete=True)
            self._discrete.listen()  # otherwise a Ctrl-C would wait for the end of the solve
        session = self._discrete
        at = np.asarray(columns, dtype=np.int32)
        self._change(session, at, -np.asarray(values, dtype=float), freed, boxes, math.inf)
        try:
            session.forget()
            session.configure({"mip_max_improving_sols": 1 if first else NO_LIMIT})
            try:
                status = session.solve(max(time_limit, 0.0))
            except SolverFailure:
                status = "failed"
            status = "failed" if status in ("either", "unknown") else status
            info = session.info
            found = session.has_point and math.isfinite(info.objective_function_value)
            x = session.point() if found else None
            bound = -math.inf if status == "infeasible" else -float(info.mip_dual_bound)
            value = -float(info.objective_function_value) if found else -math.inf
            return Answer(status, value, None, session.message, None if x is None else lambda: x), bound
        finally:
            self._restore(session, at, freed, boxes)

    # -------------------------------------------------------------- the solver
    def _change(
        self,
        session: Session,
        columns: NDArray[np.int32],
        cost: Floats,
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
        cap: float,
    ) -> None:
        if columns.size:
            session.change_cost(columns, cost)
        if freed is not None:
            i, side = freed
            low, high = float(self.program.row_lower[i]), float(self.program.row_upper[i])
            low, high = (-cap, high) if side == "lower" else (low, cap)
            session.change_row(i, low, high)
        if boxes:
            at = np.fromiter(boxes, dtype=np.int32, count=len(boxes))
            ends = np.array(list(boxes.values()), dtype=float)
            session.change_box(at, ends[:, 0].copy(), ends[:, 1].copy())

    def _restore(
        self,
        session: Session,
        columns: NDArray[np.int32],
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
    ) -> None:
        p = self.program
        if columns.size:
            session.change_cost(columns, np.zeros(columns.size))
        if freed is not None:
            i = freed[0]
            session.change_row(i, float(p.row_lower[i]), float(p.row_upper[i]))
        if boxes:
            at = np.fromiter(boxes, dtype=np.int32, count=len(boxes))
            session.change_box(at, p.lower[at], p.upper[at])

    def _all_sides(self, margin: float) -> None:
        p, session = self.program, self._linear
        rows, columns = np.arange(p.m, dtype=np.int32), np.arange(p.n, dtype=np.int32)
        session.change_rows(rows, *_shrunk(p.row_lower, p.row_upper, margin))
        session.change_box(columns, *_shrunk(p.lower, p.upper, margin))

    def _run(self, time_limit: float, point_only: bool = False) -> Answer:
        session = self._linear
        try:
            status = session.solve_decided(time_limit)
        except SolverFailure:
            status = "failed"
        if status == "optimal":
            return Answer(status, -session.value, -session.row_duals(), "", session.later_point())
        if status == "infeasible":
            return Answer(status, -math.inf, None if point_only else self._dual_ray())
        status = "failed" if status in ("either", "unknown") else status
        return Answer(status, math.inf, message=session.message)

    def _from_scratch(self, time_limit: float) -> Answer:
        """Try once more without the last basis, by the dual simplex method with its perturbations."""
        self._linear.forget()
        self._linear.configure(DUAL_SIMPLEX | SCALED | FRESH)
        try:
            return self._run(time_limit)
        finally:
            self._linear.configure(PRIMAL_SIMPLEX | UNSCALED | WARM)

    def _dual_ray(self) -> Floats | None:
        try:
            return self._linear.dual_ray()
        except SolverFailure:
            return None

    def elastic(
        self,
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
        time_limit: float = math.inf,
    ) -> Floats | None:
        r"""Return a Farkas vector: the multipliers of :math:`\min \sum s,\ \ell \le Ax + s_1 - s_2 \le u`."""
        p, unit = self.program, sparse.eye_array(self.program.m, format="csr")
        slack, far = np.zeros(2 * p.m), np.full(2 * p.m, math.inf)
        session = Session(OPTIONS | PRIMAL_SIMPLEX | UNSCALED)
        try:
            session.load(
                np.concatenate([np.zeros(p.n), slack + 1.0]),
                (np.concatenate([p.lower, slack]), np.concatenate([p.upper, far])),
                sparse.csr_array(sparse.hstack([p.A, unit, -unit], format="csr")),
                (p.row_lower, p.row_upper),
            )
            self._change(session, np.zeros(0, dtype=np.int32), np.zeros(0), freed, boxes, math.inf)
            if session.solve(max(time_limit, 1e-3)) != "optimal" or session.value <= TOLERANCE:
                return None
        except SolverFailure:
            return None
        return -session.row_duals()


def _shrunk(low: Floats, high: Floats, margin: float) -> tuple[Floats, Floats]:
    size = np.maximum(1.0, np.maximum(*(np.where(np.isfinite(v), np.abs(v), 0.0) for v in (low, high))))
    inward = np.where(high - low > _NARROW * margin * size, margin * size, 0.0)
    return low + inward, high - inward


def _loaded(program: Program, options: Mapping[str, Any], discrete: bool = False) -> Session:
    session = Session(options)
    box, sides = (program.lower, program.upper), (program.row_lower, program.row_upper)
    session.load(np.zeros(program.n), box, program.A, sides, program.integer if discrete else None)
    return session
