"""HiGHS: linear and mixed-integer linear programs directly, convex curved ones by outer approximation."""

from __future__ import annotations

import time
from typing import Any

import highspy
import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure, UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.capabilities import SolverEntry
from proofolio.solvers.far_sides import has_far_sides, without_false_ray
from proofolio.solvers.highs.session import VERSION, LimitedRows, dual_bound, open_highs, rows_for_highs, run
from proofolio.solvers.outer_approximation import tree as outer_approximation
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "ENTRY", "VERSION", "solve"]


CAN = frozenset({"integer", "quadratic-objective", "quadratic-rows", "cones"})
FEASIBLE = 2  # HiGHS's kSolutionStatusFeasible
EVERY = 0.1  # seconds between two words of progress
POLLED = ("cbMipInterrupt", "cbSimplexInterrupt", "cbIpmInterrupt")


def solve(program: Program, settings: Settings) -> Solution:
    """Solve a program with HiGHS.

    Linear programs (``method="LP"``) and mixed-integer linear programs (``"MILP"``) go to HiGHS as arrays.
    Convex quadratic objectives, convex quadratic rows and rotated cones, with or without integers, are solved
    by ``"outer approximation"`` (see `proofolio.solvers.outer_approximation.tree`): HiGHS's own quadratic solver
    has neither integers nor quadratic rows.

    Raises
    ------
    UnsupportedProgram
        For nonconvex terms, indicators and special ordered sets.
    BadData
        For an option HiGHS does not have.
    SolverFailure
        When HiGHS gives up.
    """
    curved = program.P.nnz or len(program.quadratic) or len(program.cones)
    if curved or len(program.indicators) or program.sos:
        lacking = features(program) - CAN
        if lacking:
            raise UnsupportedProgram(f"highs cannot take {', '.join(sorted(lacking))}: scip can")
        claim = outer_approximation.solve(program, settings, VERSION)
    else:
        claim = _linear(program, settings)
    return without_false_ray(claim, claim.status == "unbounded" and has_far_sides(program))


def _linear(program: Program, settings: Settings) -> Solution:
    started = time.perf_counter()
    highs = open_highs(settings.seed, settings.threads, settings.options)
    discrete = bool(program.integer.any())
    # the absolute gap is 1e-6 by default, and whole objectives can be smaller than that
    for name, value in (("mip_rel_gap", float(settings.gap)), ("mip_abs_gap", 0.0)):
        if name not in settings.options:
            highs.setOptionValue(name, value)
    passed = _pass(highs, program, program.q)
    if settings.start is not None:
        _start(highs, np.asarray(settings.start, dtype=float))
    _listen(highs, program, settings, started)
    _limit(highs, settings, started)
    word = run(highs)
    if word == "either":
        word = _which(program, settings, started)
    info = highs.getInfo()
    x = None
    if word in ("optimal", "limit"):
        values = np.array(highs.getSolution().col_value, dtype=float)
        if word == "optimal" or info.primal_solution_status == FEASIBLE:
            x = values if values.size == program.n else np.zeros(program.n)
    if word == "optimal" and x is None:
        raise SolverFailure("HiGHS says optimal and gives no point")
    status = "feasible" if word == "limit" and x is not None else word
    duals = None if discrete or x is None else _duals(highs, passed)
    known = word == "optimal" or (discrete and word == "limit")
    bound = _bound(program, passed, info, x, duals) if known else None
    sign = -1.0 if program.maximise else 1.0
    return Solution(
        program=program,
        status=status,
        objective=None if x is None else program.objective(x),
        bound=sign * bound if bound is not None and np.isfinite(bound) else None,
        x=x,
        seconds=time.perf_counter() - started,
        solver="highs",
        version=VERSION,
        method="MILP" if discrete else "LP",
        nodes=max(0, int(info.mip_node_count)) if discrete else 0,
        message=highs.modelStatusToString(highs.getModelStatus()),
        duals=duals,
    )


def _pass(highs: Any, program: Program, cost: Floats) -> LimitedRows:
    rows = rows_for_highs(program, highs)
    kind = program.integer.astype(np.int32)
    arrays = (cost, program.lower, program.upper, rows.lower, rows.upper)
    matrix = (rows.pointer, rows.indices, rows.data)
    rowwise, minimise = int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize)
    sizes = (program.n, program.m, rows.data.size)
    done = highs.passModel(*sizes, rowwise, minimise, program.c, *arrays, *matrix, kind)
    if done == highspy.HighsStatus.kError:
        raise SolverFailure("HiGHS refused the program: its numbers may be too large or too small for it")
    return rows


def _start(highs: Any, start: Floats) -> None:
    known = np.flatnonzero(~np.isnan(start)).astype(np.int32)
    if known.size:
        highs.setSolution(known.size, known, start[known])


def _limit(highs: Any, settings: Settings, started: float) -> None:
    if np.isfinite(settings.time_limit):
        used = time.perf_counter() - started
        highs.setOptionValue("time_limit", max(1e-3, settings.time_limit - used))


def _listen(highs: Any, program: Program, settings: Settings, started: float) -> None:
    """Let Python in now and then: a pending KeyboardInterrupt is raised there, and progress is told there."""
    tell = settings.progress if program.integer.any() else None
    sign = -1.0 if program.maximise else 1.0
    last = started

    def poll(event: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        if tell is not None and now - last >= EVERY:
            last = now
            found, bound = event.data_out.mip_primal_bound, event.data_out.mip_dual_bound
            tell(
                now - started,
                sign * found if abs(found) < highspy.kHighsInf else None,
                sign * bound if abs(bound) < highspy.kHighsInf else None,
            )

    for name in POLLED:
        event = getattr(highs, name)
        event += poll


def _which(program: Program, settings: Settings, started: float) -> str:
    """Tell unbounded from infeasible, by asking for any feasible point."""
    highs = open_highs(settings.seed, settings.threads, settings.options)
    _pass(highs, program, np.zeros(program.n))
    _limit(highs, settings, started)
    word = run(highs)
    return {"optimal": "unbounded", "infeasible": "infeasible"}.get(word, "limit")


def _duals(highs: Any, passed: LimitedRows) -> dict[str, Floats] | None:
    solution = highs.getSolution()
    if not solution.dual_valid:
        return None
    reduced = np.array(solution.col_dual, dtype=float)
    return {
        "rows": np.array(solution.row_dual, dtype=float) * passed.factor,
        "bounds": reduced,
        "lower": np.maximum(reduced, 0.0),
        "upper": np.maximum(-reduced, 0.0),
    }


def _bound(
    program: Program, passed: LimitedRows, info: Any, x: Floats | None, duals: dict[str, Floats] | None
) -> float | None:
    if program.integer.any():
        return float(info.mip_dual_bound)
    if x is None or duals is None:
        return None
    rows = passed.lower / passed.factor, passed.upper / passed.factor
    columns = program.lower, program.upper
    return dual_bound(rows, columns, x, duals["rows"], duals["bounds"]) + program.c


ENTRY = SolverEntry("highs", VERSION, CAN, solve)
