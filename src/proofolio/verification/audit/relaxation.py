"""One linear relaxation in memory, asked many questions: each starts from the basis of the last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.program.program import Program

__all__ = ["Answer", "Relaxation"]


Freed = tuple[int, str]

TOLERANCE = 1e-9
# a question changes the cost and two bounds: from the last basis the primal method takes half the time
PRIMAL_SIMPLEX = {"simplex_strategy": 4, "primal_simplex_bound_perturbation_multiplier": 0.0}
DUAL_SIMPLEX = {"simplex_strategy": 1, "primal_simplex_bound_perturbation_multiplier": 1.0}
# scaling anew costs a few iterations after every change; it returns where something fails without it
UNSCALED = {"simplex_scale_strategy": 0, "simplex_initial_condition_check": False}
SCALED = {"simplex_scale_strategy": 2}
_Status = highspy.HighsModelStatus
_WORDS = {
    _Status.kOptimal: "optimal",
    _Status.kModelEmpty: "optimal",
    _Status.kInfeasible: "infeasible",
    _Status.kUnbounded: "unbounded",
    _Status.kTimeLimit: "limit",
    _Status.kIterationLimit: "limit",
}


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
    x : ndarray (n,) or None
        The optimal point.
    message : str
        The solver's own words when it failed.
    """

    status: str
    value: float = math.inf
    duals: Floats | None = None
    x: Floats | None = None
    message: str = ""


class Relaxation:
    """The linear rows and bounds of a program, without integrality and objective, held by HiGHS.

    Quadratic rows, cones, indicators and special ordered sets are left out, so a maximum found here is at
    least the true one.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._highs = _loaded(program, discrete=False)
        self._mip: Any = None
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
    ) -> Answer:
        """Maximise a linear body with one side set free and some columns given other bounds.

        Everything is as before afterwards, except for the basis, from which the next question starts.

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
        """
        at = np.asarray(columns, dtype=np.int32)
        if margin:
            self._all_sides(margin)
        self._change(self._highs, at, -np.asarray(values, dtype=float), freed, boxes or {}, cap)
        try:
            answer = self._run(time_limit, point_only)
            if answer.status == "failed":
                answer = self._from_scratch(time_limit)
        finally:
            self._restore(self._highs, at, freed, boxes or {})
            if margin:
                self._all_sides(0.0)
        self.solved += 1
        return answer

    def maximise_integer(
        self,
        columns: NDArray[Any],
        values: Floats,
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
        time_limit: float,
    ) -> tuple[Answer, float]:
        """Maximise over the integers; returns the answer with its point, and the solver's upper bound."""
        if self._mip is None:
            self._mip = _loaded(self.program, discrete=True)
            # without a listener in Python a Ctrl-C would wait for the end of the solve
            self._mip.cbMipInterrupt += _do_nothing
        highs = self._mip
        at = np.asarray(columns, dtype=np.int32)
        self._change(highs, at, -np.asarray(values, dtype=float), freed, boxes, math.inf)
        try:
            highs.clearSolver()
            highs.setOptionValue("time_limit", highs.getRunTime() + max(1e-3, time_limit))
            highs.run()
            status = _WORDS.get(highs.getModelStatus(), "failed")
            info = highs.getInfo()
            found = info.primal_solution_status == 2 and math.isfinite(info.objective_function_value)
            x = np.array(highs.getSolution().col_value, dtype=float) if found else None
            bound = -float(info.mip_dual_bound)
            if status == "infeasible":
                bound = -math.inf
            words = highs.modelStatusToString(highs.getModelStatus())
            value = -float(info.objective_function_value) if found else -math.inf
            return Answer(status, value, None, x, words), bound
        finally:
            self._restore(highs, at, freed, boxes)

    # -------------------------------------------------------------- the solver
    def _change(
        self,
        highs: Any,
        columns: NDArray[np.int32],
        cost: Floats,
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
        cap: float,
    ) -> None:
        highs.changeColsCost(columns.size, columns, cost)
        if freed is not None:
            i, side = freed
            low, high = float(self.program.row_lower[i]), float(self.program.row_upper[i])
            low, high = (-cap, high) if side == "lower" else (low, cap)
            highs.changeRowBounds(i, low, high)
        if boxes:
            at = np.fromiter(boxes, dtype=np.int32, count=len(boxes))
            ends = np.array(list(boxes.values()), dtype=float)
            highs.changeColsBounds(at.size, at, ends[:, 0].copy(), ends[:, 1].copy())

    def _restore(
        self,
        highs: Any,
        columns: NDArray[np.int32],
        freed: Freed | None,
        boxes: Mapping[int, tuple[float, float]],
    ) -> None:
        p = self.program
        highs.changeColsCost(columns.size, columns, np.zeros(columns.size))
        if freed is not None:
            i = freed[0]
            highs.changeRowBounds(i, float(p.row_lower[i]), float(p.row_upper[i]))
        if boxes:
            at = np.fromiter(boxes, dtype=np.int32, count=len(boxes))
            highs.changeColsBounds(at.size, at, p.lower[at], p.upper[at])

    def _all_sides(self, margin: float) -> None:
        p, highs = self.program, self._highs
        rows, columns = np.arange(p.m, dtype=np.int32), np.arange(p.n, dtype=np.int32)
        highs.changeRowsBounds(p.m, rows, *_shrunk(p.row_lower, p.row_upper, margin))
        highs.changeColsBounds(p.n, columns, *_shrunk(p.lower, p.upper, margin))

    def _run(self, time_limit: float, point_only: bool = False) -> Answer:
        highs = self._highs
        if math.isfinite(time_limit):
            highs.setOptionValue("time_limit", highs.getRunTime() + max(1e-3, time_limit))
        highs.run()
        status = highs.getModelStatus()
        if status == _Status.kUnboundedOrInfeasible:
            status = self._without_presolve()
        word = _WORDS.get(status, "failed")
        if word == "optimal":
            solution = highs.getSolution()
            duals = -np.array(solution.row_dual, dtype=float)
            x = np.array(solution.col_value, dtype=float)
            return Answer(word, -highs.getObjectiveValue(), duals, x)
        if word == "infeasible":
            return Answer(word, -math.inf, None if point_only else self._dual_ray())
        return Answer(word, math.inf, message=highs.modelStatusToString(status))

    def _from_scratch(self, time_limit: float) -> Answer:
        """Try once more without the last basis, by the dual simplex method with its perturbations."""
        self._highs.clearSolver()
        for option, value in (DUAL_SIMPLEX | SCALED).items():
            self._highs.setOptionValue(option, value)
        try:
            return self._run(time_limit)
        finally:
            for option, value in (PRIMAL_SIMPLEX | UNSCALED).items():
                self._highs.setOptionValue(option, value)

    def _without_presolve(self) -> Any:
        self._highs.setOptionValue("presolve", "off")
        self._highs.run()
        status = self._highs.getModelStatus()
        self._highs.setOptionValue("presolve", "choose")
        return status

    def _dual_ray(self) -> Floats | None:
        _, known, ray = self._highs.getDualRay()
        if not known:
            # presolve says infeasible without saying why
            self._highs.clearSolver()
            self._without_presolve()
            _, known, ray = self._highs.getDualRay()
        return np.array(ray, dtype=float) if known else None

    def elastic(self, freed: Freed | None, boxes: Mapping[int, tuple[float, float]]) -> Floats | None:
        r"""Return a Farkas vector: the multipliers of :math:`\min \sum s,\ \ell \le Ax + s_1 - s_2 \le u`."""
        p, highs = self.program, _loaded(self.program, discrete=False)
        self._change(highs, np.zeros(0, dtype=np.int32), np.zeros(0), freed, boxes, math.inf)
        at = np.arange(p.m, dtype=np.int32)
        for sign in (1.0, -1.0):
            taken = highs.addCols(
                p.m, np.ones(p.m), np.zeros(p.m), np.full(p.m, math.inf), p.m, at, at, np.full(p.m, sign)
            )
            if taken == highspy.HighsStatus.kError:
                return None
        highs.run()
        if highs.getModelStatus() != _Status.kOptimal or highs.getObjectiveValue() <= TOLERANCE:
            return None
        return -np.array(highs.getSolution().row_dual, dtype=float)


def _shrunk(low: Floats, high: Floats, margin: float) -> tuple[Floats, Floats]:
    size = np.maximum(1.0, np.maximum(*(np.where(np.isfinite(v), np.abs(v), 0.0) for v in (low, high))))
    inward = np.where(high - low > 4.0 * margin * size, margin * size, 0.0)
    return low + inward, high - inward


def _do_nothing(_: Any) -> None:
    """Give the interpreter a moment to raise a pending KeyboardInterrupt."""


def _loaded(program: Program, discrete: bool) -> Any:
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is annotated in part
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("primal_feasibility_tolerance", TOLERANCE),
        ("dual_feasibility_tolerance", TOLERANCE),
        ("small_matrix_value", 1e-12),
        ("large_matrix_value", 1e300),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.0),
        ("mip_feasibility_tolerance", TOLERANCE),
        *(() if discrete else (PRIMAL_SIMPLEX | UNSCALED).items()),
    ):
        highs.setOptionValue(option, value)
    A = program.A
    arrays = (np.zeros(program.n), program.lower, program.upper, program.row_lower, program.row_upper)
    matrix = (A.indptr.astype(np.int32), A.indices.astype(np.int32), A.data.astype(float))
    kind = (program.integer & discrete).astype(np.int32)
    rowwise, minimise = int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize)
    done = highs.passModel(program.n, program.m, A.nnz, rowwise, minimise, 0.0, *arrays, *matrix, kind)
    if done == highspy.HighsStatus.kError:
        raise SolverFailure("HiGHS refused the relaxation: its numbers may be too large or too small for it")
    return highs
