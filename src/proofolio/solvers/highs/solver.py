"""HiGHS: linear and mixed-integer linear programs directly, convex curved ones by outer approximation."""

from __future__ import annotations

import time

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.answers import has_far_sides, without_false_ray
from proofolio.solvers.highs.session import VERSION, Session
from proofolio.solvers.outer_approximation import tree as outer_approximation
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "VERSION", "solve"]


CAN = frozenset({"integer", "quadratic-objective", "quadratic-rows", "cones"})


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
    discrete = bool(program.integer.any())
    # the absolute gap is 1e-6 by default, and whole objectives can be smaller than that
    gaps = {"mip_rel_gap": float(settings.gap), "mip_abs_gap": 0.0}
    session = Session(gaps | dict(settings.options), seed=settings.seed, threads=settings.threads)
    _load(session, program, program.q)
    if settings.start is not None:
        session.start_at(np.asarray(settings.start, dtype=float))
    session.listen(settings.progress if discrete else None, -1.0 if program.maximise else 1.0)
    status = session.solve(settings.time_limit - (time.perf_counter() - started))
    if status == "either":
        status = _which(program, settings, started)
    status = "limit" if status == "unknown" else status
    x = None
    if status == "optimal" or (status == "limit" and session.has_point):
        values = session.point()
        x = values if values.size == program.n else np.zeros(program.n)
    claim = "feasible" if status == "limit" and x is not None else status
    duals = None if discrete or x is None else _duals(session)
    bound = None
    if discrete and status in ("optimal", "limit"):
        bound = float(session.info.mip_dual_bound)
    elif status == "optimal" and duals is not None:
        bound = session.bound((program.lower, program.upper)) + program.c
    sign = -1.0 if program.maximise else 1.0
    return Solution(
        program=program,
        status=claim,
        objective=None if x is None else program.objective(x),
        bound=sign * bound if bound is not None and np.isfinite(bound) else None,
        x=x,
        seconds=time.perf_counter() - started,
        solver="highs",
        version=VERSION,
        method="MILP" if discrete else "LP",
        nodes=max(0, int(session.info.mip_node_count)) if discrete else 0,
        message=session.message,
        duals=duals,
    )


def _load(session: Session, program: Program, cost: Floats) -> None:
    sides = program.row_lower, program.row_upper
    session.load(cost, (program.lower, program.upper), program.A, sides, program.integer, program.c)


def _which(program: Program, settings: Settings, started: float) -> str:
    """Tell unbounded from infeasible, by asking for any feasible point."""
    session = Session(settings.options, seed=settings.seed, threads=settings.threads)
    _load(session, program, np.zeros(program.n))
    session.listen()
    status = session.solve(settings.time_limit - (time.perf_counter() - started))
    return {"optimal": "unbounded", "infeasible": "infeasible"}.get(status, "limit")


def _duals(session: Session) -> dict[str, Floats] | None:
    if not session.has_duals:
        return None
    reduced = session.reduced_costs()
    return {
        "rows": session.row_duals(),
        "bounds": reduced,
        "lower": np.maximum(reduced, 0.0),
        "upper": np.maximum(-reduced, 0.0),
    }
