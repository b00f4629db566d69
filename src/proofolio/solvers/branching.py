"""Best-first branch and bound over one warm linear program, cutting as it goes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from proofolio.solvers.outer_approximation import OuterApproximation

__all__ = ["branch_and_bound"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

INTEGRAL = 1e-6
CUT_ROUNDS = 30
PROGRESS = 0.1


def branch_and_bound(state: OuterApproximation) -> str:
    lifted, integers = state.lifted, state.integers
    low, high = lifted.lower[integers].copy(), lifted.upper[integers].copy()
    heap: list[tuple[float, int, Floats, Floats]] = [(state.bound, 0, low, high)]
    serial = 0
    status = "optimal"
    while heap:
        if state.late:
            return "limit"
        bound, _, low, high = heapq.heappop(heap)
        state.bound = max(state.bound, min(bound, state.incumbents.value))
        if bound >= state.cutoff:
            state.bound = max(state.bound, state.cutoff)
            return "closed"
        children = _process(state, bound, low, high, serial)
        if children is None:
            heapq.heappush(heap, (bound, serial, low, high))
            return "limit"
        state.nodes += 1
        for child in children:
            serial += 1
            heapq.heappush(heap, (child[0], serial, child[1], child[2]))
        if state.nodes % 20 == 0:
            state.report()
    state.bound = max(state.bound, state.cutoff if np.isfinite(state.cutoff) else np.inf)
    return "infeasible" if state.incumbents.point is None else "closed"


def _process(state, bound, low, high, serial):
    lifted, integers = state.lifted, state.integers
    relaxation = state.relaxation
    relaxation.bound_columns(integers, low, high)
    last = -np.inf
    for k in range(CUT_ROUNDS):
        answer = relaxation.solve()
        if answer.status == "infeasible":
            return []
        if answer.status != "optimal":
            return None
        bound = max(bound, answer.bound)
        if bound >= state.cutoff:
            return []
        x = answer.x[integers]
        fraction = np.abs(x - np.round(x))
        integral = bool(np.all(fraction <= INTEGRAL))
        if integral:
            state.try_values(np.round(x))
            if bound >= state.cutoff:
                return []
        added = state.cut(answer)
        if integral and not added:
            break
        if not added:
            break
        if not integral and k >= 2 and bound - last < PROGRESS * max(state.cutoff - bound, 0.0) and np.isfinite(state.cutoff):
            break
        last = bound
    if not integral:
        state.dive(answer.x)
        if bound >= state.cutoff:
            return []
    return _children(state, bound, low, high, answer.x)


def _children(state, bound, low, high, x):
    integers = state.integers
    values = x[integers]
    fraction = np.abs(values - np.round(values))
    group = state.group[integers]
    best, score = -1, 0.0
    open_ = low < high
    if np.all(fraction <= INTEGRAL):
        fraction = np.where(open_, 0.5, 0.0)
        if not np.any(open_):
            return [] if False else []
    j = int(np.argmax(np.where(open_, fraction, -1)))
    children = []
    if group[j] >= 0:
        members = np.flatnonzero((group == group[j]) & (high > 0))
        for i in members[np.argsort(-values[members])]:
            a, b = low.copy(), high.copy()
            b[members] = 0.0
            a[i] = b[i] = 1.0
            children.append((bound, a, b))
        return children
    a, b = low.copy(), high.copy()
    b[j] = np.floor(values[j]) if fraction[j] > INTEGRAL else np.round(values[j])
    children.append((bound, low.copy(), b))
    a[j] = b[j] + 1
    if a[j] <= high[j]:
        children.append((bound, a, high.copy()))
    return children
