"""Convex mixed-integer quadratic and conic programs, solved by cuts over HiGHS's linear programs.

Best-first branch and bound over one warm linear program, cutting in every node.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.outer_approximation.cutting_planes import CuttingPlanes
from proofolio.solvers.outer_approximation.lifted import lift
from proofolio.solvers.outer_approximation.reductions import Substituted, substitute
from proofolio.solvers.solution import Settings, Solution

__all__ = ["branch_and_bound", "solve"]


# How far from whole an integer may be: HiGHS's own tolerance.
INTEGRAL = 1e-6
# Rounds of cuts in a node, and in one whose integers are all fixed, where nothing but cutting is left.
CUT_ROUNDS, LAST_ROUNDS = 40, 400
# After so many rounds a node is branched on as soon as one closes less than this part of its gap.
PATIENT_ROUNDS, PROGRESS = 2, 0.1
REPORT_EVERY = 20  # nodes
# How often the parts of a program are solved anew with the gap that a better incumbent leaves them.
AGAIN = 3


class Node(NamedTuple):
    """A box of the integers and a lower bound on the program in it; `serial` settles ties, newest first."""

    bound: float
    serial: int
    low: Floats
    high: Floats


def branch_and_bound(state: CuttingPlanes) -> str:
    """Close the gap by branching; return ``"closed"``, ``"infeasible"``, ``"unbounded"`` or ``"limit"``.

    The node of the least bound is next, so the bound of the program is that of the next node. In a node the
    relaxation is cut until that stops paying or its integers are integral; integral ones are solved exactly.
    Branching is on a whole one-hot group at once (a child for each member) where there is one, and on one
    integer otherwise. Cuts hold everywhere, so all nodes share them.
    """
    integers = state.integers
    serial = 0
    heap = [Node(state.bound, 0, state.lifted.lower[integers], state.lifted.upper[integers])]
    while heap:
        node = heapq.heappop(heap)
        state.bound = max(state.bound, min(node.bound, state.pruned))
        if node.bound >= state.cutoff:
            state.pruned = min(state.pruned, node.bound)
            break
        if state.late:
            return "limit"
        outcome, children = _process(state, node)
        if isinstance(outcome, str):
            return outcome
        if not children:
            state.pruned = min(state.pruned, outcome)
        state.nodes += 1
        for low, high in children:
            serial -= 1
            heapq.heappush(heap, Node(outcome, serial, low, high))
        if state.nodes % REPORT_EVERY == 0:
            state.report()
    state.bound = max(state.bound, min(state.incumbents.value, state.pruned))
    return "infeasible" if state.incumbents.point is None and np.isinf(state.pruned) else "closed"


def _process(state: CuttingPlanes, node: Node) -> tuple[float | str, list[tuple[Floats, Floats]]]:
    """Bound a node; return its bound and the boxes of its children (or why it could not be bounded)."""
    integers, bound = state.integers, node.bound
    state.relaxation.bound_columns(integers, node.low, node.high)
    before = -np.inf
    added = 0
    settled = bool(np.all(node.low == node.high))
    for k in range(LAST_ROUNDS if settled else CUT_ROUNDS):
        answer = state.relax()
        if answer.status == "infeasible":
            return np.inf, []
        if answer.status == "stuck":
            return bound, []
        if answer.status != "optimal":
            return answer.status, []
        bound = max(bound, answer.bound)
        if bound >= state.cutoff:
            return bound, []
        values = answer.x[integers]
        integral = bool(np.all(np.abs(values - np.round(values)) <= INTEGRAL))
        if integral:
            state.try_values(values)
            if bound >= state.cutoff:
                return bound, []
        added = state.cut(answer)
        if not added:
            break
        if (
            not integral
            and k >= PATIENT_ROUNDS
            and bound - before < PROGRESS * min(state.cutoff - bound, abs(bound))
        ):
            break
        before = bound
    if integral and not added:
        point = answer.x.copy()
        point[integers] = np.round(values)
        state.incumbents.offer(point)
    elif not integral:
        state.round_and_try(answer.x)
    if bound >= state.cutoff:
        return bound, []
    children = [] if integral and not added else _children(state, node, values)
    return bound, children


def _children(state: CuttingPlanes, node: Node, values: Floats) -> list[tuple[Floats, Floats]]:
    group = state.group[state.integers]
    fraction = np.where(node.low < node.high, np.abs(values - np.round(values)), -1.0)
    j = int(np.argmax(fraction))
    if fraction[j] < 0:
        return []
    children = []
    if group[j] >= 0:
        members = np.flatnonzero((group == group[j]) & (node.high > 0))
        for i in members[np.argsort(values[members])]:
            low, high = node.low.copy(), node.high.copy()
            high[members] = 0.0
            low[i] = high[i] = 1.0
            children.append((low, high))
        return children
    cut = np.floor(values[j]) if fraction[j] > INTEGRAL else min(np.round(values[j]), node.high[j] - 1)
    below, above = node.high.copy(), node.low.copy()
    below[j], above[j] = cut, cut + 1
    sides = [(node.low, below), (above, node.high)]
    return sides if values[j] - cut > 0.5 else sides[::-1]


def solve(program: Program, settings: Settings, version: str) -> Solution:
    r"""Solve a convex mixed-integer program by outer approximation.

    1. Quadratic terms and cones become rotated cones over linear rows (`lifted.lift`).
       columns that an equation defines are taken out (`reductions.substitute`).
    2. Convex programs solved exactly, with an integral choice made or integrality dropped, give the first
       points and cuts (`CuttingPlanes.prime`).
    3. The linear relaxation is cut until that stops paying (`CuttingPlanes.root`).
    4. What gap is left is closed by branch and bound with cuts in every node (`branch_and_bound`), in each
       part separately when the program falls into parts that nothing ties together.

    Returns
    -------
    Solution
        `bound` is true (see `Session.bound` for the one caveat, rounding); `objective` is that of a
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
    state = CuttingPlanes(small.lifted, settings, deadline, -1.0 if program.maximise else 1.0)
    state.prime()
    status = state.root()
    if status == "optimal" and state.integers.size:
        parts = state.lifted.components()
        status = _apart(state, parts) if len(parts) > 1 else branch_and_bound(state)
    if status == "unbounded":
        status = _unbounded(state)
    return _solution(program, state, small, status, version)


def _unbounded(state: CuttingPlanes) -> str:
    """Tell unbounded from infeasible: a ray in all cones improves for ever, and a point is wanted."""
    flat = replace(state.lifted, q=np.zeros(state.lifted.q.size))
    any_point = CuttingPlanes(flat, replace(state.settings, start=None, progress=None), state.deadline)
    any_point.prime()
    status = any_point.root()
    if status == "optimal" and any_point.integers.size and any_point.incumbents.point is None:
        status = branch_and_bound(any_point)
    return "unbounded" if any_point.incumbents.point is not None else status


def _apart(state: CuttingPlanes, parts: list[Integers]) -> str:
    """Solve each part by itself, again where what was allowed beside the incumbent of then is too much now."""
    for _ in range(AGAIN):
        before = state.incumbents.value
        status = _each_part(state, parts)
        if status != "limit" or state.late or state.incumbents.value >= before:
            break
    return status


def _each_part(state: CuttingPlanes, parts: list[Integers]) -> str:
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
        part = CuttingPlanes(state.lifted.part(own), settings, state.deadline)
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
    program: Program, state: CuttingPlanes, small: Substituted, status: str, version: str
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
