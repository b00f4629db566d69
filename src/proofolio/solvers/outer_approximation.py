r"""Convex mixed-integer quadratic and conic programs, solved by cuts over HiGHS's linear programs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from proofolio.program.program import Program
from proofolio.solvers.branching import branch_and_bound
from proofolio.solvers.cutting_planes import Approximation
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.lifted import lift
from proofolio.solvers.solution import Settings, Solution
from proofolio.solvers.substitution import Substituted, substitute

__all__ = ["solve"]

AGAIN = 3


def solve(program: Program, settings: Settings, version: str) -> Solution:
    r"""Solve a convex mixed-integer program by outer approximation.

    1. Quadratic terms and cones become rotated cones over linear rows (`lifted.lift`).
       columns that an equation defines are taken out (`substitution.substitute`).
    2. Convex programs solved exactly, with an integral choice made or integrality dropped, give the first
       points and cuts (`Approximation.prime`).
    3. The linear relaxation is cut until that stops paying (`Approximation.root`).
    4. What gap is left is closed by branch and bound with cuts in every node (`branch_and_bound`), in each
       part separately when the program falls into parts that nothing ties together.

    Returns
    -------
    Solution
        `bound` is true (see `highs_engine.dual_bound` for the one caveat, rounding); `objective` is that of a
        point whose integers are integral and whose rest solves the convex program that is left; status
        ``"optimal"`` means that the two are within the gap asked for.

    Notes
    -----
    Duran and Grossmann (1986) and Fletcher and Leyffer (1994) for the method, Quesada and Grossmann (1992)
    for cutting inside one tree, Kelley (1960) for the relaxation, Ben-Ameur and Neto (2007) for in-out cut
    points, Frangioni and Gentile (2006) for perspective cuts.
    """
    deadline = Deadline.after(settings.time_limit)
    small = substitute(lift(program))
    if settings.start is not None:
        start = np.concatenate([settings.start, np.full(small.shift.size - program.n, np.nan)])
        settings = replace(settings, start=start[small.kept])
    state = Approximation(small.lifted, settings, deadline, -1.0 if program.maximise else 1.0)
    state.prime()
    status = state.root()
    if status == "optimal" and state.integers.size:
        parts = state.lifted.components()
        status = _apart(state, parts) if len(parts) > 1 else branch_and_bound(state)
    if status == "unbounded":
        status = _unbounded(state)
    return _solution(program, state, small, status, version)


def _unbounded(state: Approximation) -> str:
    """Tell unbounded from infeasible: a ray in all cones improves for ever, and a point is wanted."""
    flat = replace(state.lifted, q=np.zeros(state.lifted.q.size))
    any_point = Approximation(flat, replace(state.settings, start=None, progress=None), state.deadline)
    any_point.prime()
    status = any_point.root()
    if status == "optimal" and any_point.integers.size and any_point.incumbents.point is None:
        status = branch_and_bound(any_point)
    return "unbounded" if any_point.incumbents.point is not None else status


def _apart(state: Approximation, parts: list[Any]) -> str:
    """Solve each part by itself, again where what was allowed beside the incumbent of then is too much now."""
    for _ in range(AGAIN):
        before = state.incumbents.value
        status = _each_part(state, parts)
        if status != "limit" or state.late or state.incumbents.value >= before:
            break
    return status


def _each_part(state: Approximation, parts: list[Any]) -> str:
    """Solve each part by itself; the gap allowed is shared between them.

    A part that time does not suffice for keeps the incumbent's point, and leaves the whole program's bound.
    """
    whole = state.incumbents.point
    point = np.zeros(state.lifted.q.size) if whole is None else whole.copy()
    bound, found = state.lifted.c, True
    allowed = 0.9 * state.settings.gap * abs(state.incumbents.value) / len(parts)
    known = whole is not None
    settings = replace(
        state.settings, start=None, progress=None, gap=0.0 if known else 0.9 * state.settings.gap
    )
    for own in parts:
        if state.late:
            bound, found = -np.inf, found and known
            break
        part = Approximation(state.lifted.part(own), settings, state.deadline)
        if whole is not None:
            part.absolute_gap = allowed
            part.incumbents.offer(whole[own])
            part.learn(whole[own])
        else:
            part.prime()
        status = part.root()
        if status == "optimal" and part.integers.size:
            status = branch_and_bound(part)
        state.nodes += part.nodes
        if status in ("infeasible", "unbounded"):
            return status
        bound += min(part.bound, part.incumbents.value)
        found = found and part.incumbents.point is not None
        if part.incumbents.point is not None:
            point[own] = part.incumbents.point
    if found:
        state.incumbents.offer(point)
    state.bound = max(state.bound, bound)
    return "closed" if state.bound >= state.cutoff else "limit"


def _solution(
    program: Program, state: Approximation, small: Substituted, status: str, version: str
) -> Solution:
    found = state.incumbents.point
    x = None if found is None else small.expand(found)[: program.n]
    objective = None if x is None else program.objective(x)
    bound: float | None = None
    if np.isfinite(state.bound):
        bound = state.sign * min(state.bound, np.inf if objective is None else state.sign * objective)
    if x is not None:
        said = "optimal" if state.bound >= state.cutoff else "feasible"
    elif status in ("infeasible", "closed"):
        said, bound = "infeasible", None
    elif status == "unbounded":
        said, bound = "unbounded", None
    else:
        said = "limit"
    return Solution(
        program=program,
        status=said,
        objective=objective,
        bound=bound,
        x=x,
        seconds=state.deadline.elapsed,
        solver="highs",
        version=version,
        method="outer approximation",
        nodes=state.nodes,
    )
