"""Best-first branch and bound over one warm linear program, cutting in every node."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.solvers.rounding import round_and_try

if TYPE_CHECKING:
    from proofolio.solvers.cutting_planes import Approximation

__all__ = ["branch_and_bound"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

INTEGRAL = 1e-6
CUT_ROUNDS = 40
LAST_ROUNDS = 400
PATIENT_ROUNDS = 2
PROGRESS = 0.1
REPORT_EVERY = 20


class Node(NamedTuple):
    """A box of the integers and a lower bound on the program in it; `serial` settles ties, newest first."""

    bound: float
    serial: int
    low: Floats
    high: Floats


def branch_and_bound(state: Approximation) -> str:
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
        state.bound = max(state.bound, min(node.bound, state.floor))
        if node.bound >= state.cutoff:
            state.floor = min(state.floor, node.bound)
            break
        if state.late:
            return "limit"
        outcome, children = _process(state, node)
        if isinstance(outcome, str):
            return outcome
        if not children:
            state.floor = min(state.floor, outcome)
        state.nodes += 1
        for low, high in children:
            serial -= 1
            heapq.heappush(heap, Node(outcome, serial, low, high))
        if state.nodes % REPORT_EVERY == 0:
            state.report()
    state.bound = max(state.bound, min(state.incumbents.value, state.floor))
    return "infeasible" if state.incumbents.point is None and np.isinf(state.floor) else "closed"


def _process(state: Approximation, node: Node) -> tuple[float | str, list[tuple[Floats, Floats]]]:
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
        round_and_try(state, answer.x)
    if bound >= state.cutoff:
        return bound, []
    children = [] if integral and not added else _children(state, node, values)
    return bound, children


def _children(state: Approximation, node: Node, values: Floats) -> list[tuple[Floats, Floats]]:
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
