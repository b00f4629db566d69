r"""A global certificate of one period of risk parity, for few assets: spatial branch and bound.

Boxes of weights are halved, the least bounded first, and put away where `OnePeriod.lower` reaches the value at hand
within the gap. The order depends on nothing but the data, and the limit is a number of boxes, so that the answer is the
same in every run. A better plan that is met on the way ends the search: the descent goes on from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from proofolio.arrays import Floats
from proofolio.models.portfolio.risk_parity_bounds import Multipliers, OnePeriod, on_the_plane
from proofolio.models.portfolio.risk_parity_problem import RiskParityProblem

__all__ = ["ABSOLUTE", "BOXES", "RELATIVE", "Certificate", "certificate"]


BOXES = 200_000  # bounded at most
BATCH = 512  # boxes of one array operation
RELATIVE, ABSOLUTE = 1e-4, 1e-9  # the gap that is called none, of the value at hand
LEVEL = 1e-3  # of a box's largest curvature, added to all: a long box is cut along its length at last
WIDENED = 1e-12  # of bounds and limits: rounding of what was given leaves no plan out, nor the point itself


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is known of all plans of one period.

    Attributes
    ----------
    value : float
        At least the objective at the point, rounded up.
    bound : float
        No plan that keeps the rules has an objective below it; at most `value`.
    certified : bool
        Whether `value` is above the bound by no more than the gap: 1e-4 of it and 1e-9.
    boxes : int
        How many were bounded.
    better : ndarray, shape (n,), optional
        A plan that is better than the point by more than the gap, where the search met one.
    """

    value: float
    bound: float
    certified: bool
    boxes: int
    better: Floats | None = None


def certificate(
    program: RiskParityProblem, sigma: Floats, w0: Floats, w: Floats, boxes: int = BOXES
) -> Certificate:
    """Bound the objective over all plans of one period, to compare with that of weights.

    Parameters
    ----------
    program : RiskParityProblem
        Of one period, declared with ``certify=True``, which refuses more than five assets.
    sigma : ndarray, shape (n, n)
    w0, w : ndarray, shape (n,)
    boxes : int
        The most that are bounded.

    """
    plans = program.plan_set
    one = OnePeriod(
        sigma=0.5 * (sigma + sigma.T), budgets=program.budgets[0], cost=program.step.cost, w0=w0,
        members=plans.group_members, least=plans.group_lower - WIDENED, most=plans.group_upper + WIDENED,
        counted=plans.counted.astype(float), limit=float(plans.turnover_limit[0]) + WIDENED,
    )  # fmt: skip
    with np.errstate(all="ignore"):  # what overflows is a bound that says nothing
        return _searched(program, one, w, boxes)


def _searched(program: RiskParityProblem, one: OnePeriod, w: Floats, boxes: int) -> Certificate:
    """Halve boxes until all are bounded enough, or there are too many."""
    plans = program.plan_set
    value = float(one.value(w[None]).high[0])
    gap = RELATIVE * value + ABSOLUTE
    near = on_the_plane(w[None])
    tried = _multipliers(program, one, w)
    low, high = np.maximum(plans.lower, 0.0) - WIDENED, np.minimum(plans.upper, 1.0) + WIDENED
    low, high, _ = one.tightened(low, high)
    bound, known = np.zeros(len(low)), np.inf
    count = 0
    while len(low):  # `bound` is of the open boxes, `known` of those put away
        order = np.argsort(bound, kind="stable")
        low, high, bound = low[order], high[order], bound[order]
        if count >= boxes:
            known = min(known, float(bound[0]))
            break
        take = slice(0, min(BATCH, boxes - count))
        rest = slice(take.stop, None)
        a, b, before = low[take], high[take], bound[take]
        count += len(a)
        width = b - a
        c = _centres(a, b)
        by_point = np.all((near >= a - width) & (near <= b + width), axis=1)
        found, alpha = one.lower(a, b, np.where(by_point[:, None], near, c), tried)
        found = np.maximum(found, before)
        better = _better(program, one, c, value - gap)
        if better is not None:
            least = min(known, float(found.min()), float(bound.min()))
            return Certificate(value, min(least, value), False, count, better)
        done = found >= value - gap
        known = min(known, float(found[done].min(initial=np.inf)))
        a, b, found, alpha = a[~done], b[~done], found[~done], alpha[~done]
        a, b, kept = one.tightened(*_halved(a, b, alpha))
        low, high = np.vstack([low[rest], a]), np.vstack([high[rest], b])
        bound = np.concatenate([bound[rest], np.concatenate([found, found])[kept]])
    if known == np.inf:  # what the point keeps within tolerances, no plan keeps exactly
        return Certificate(value, 0.0, False, count)
    return Certificate(value, min(known, value), bool(known >= value - gap), count)


def _halved(low: Floats, high: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Return the halves of boxes (k, n), cut where curvature costs most: first all lower, then all upper ones."""
    known = np.where(np.isfinite(alpha), alpha, 1.0)
    known = known + LEVEL * known.max(axis=1, keepdims=True)
    axis = np.argmax((high - low) * np.sqrt(known), axis=1)
    rows = np.arange(len(low))
    middle = 0.5 * (low[rows, axis] + high[rows, axis])
    ends, begins = high.copy(), low.copy()
    ends[rows, axis], begins[rows, axis] = middle, middle
    return np.vstack([low, begins]), np.vstack([ends, high])


def _centres(low: Floats, high: Floats) -> Floats:
    """Return points (k, n) in the middle of boxes, whose weights add up to 1."""
    middle = 0.5 * (low + high)
    missing = 1.0 - middle.sum(axis=1, keepdims=True)
    room = high - low
    total = room.sum(axis=1, keepdims=True)
    return on_the_plane(middle + missing * room / np.where(total > 0.0, total, 1.0))


def _better(program: RiskParityProblem, one: OnePeriod, c: Floats, below: float) -> Floats | None:
    """Return the best of points (k, n) that is allowed and has an objective below a number."""
    part = c * (c @ one.sigma)
    g = part / part.sum(axis=1, keepdims=True) - one.budgets
    values = (g * g).sum(axis=1) + np.abs(c - one.w0) @ one.cost
    for k in np.argsort(values, kind="stable"):
        if not values[k] < below:
            return None
        if program.plan_set.contains(c[k : k + 1], one.w0):
            found: Floats = c[k]
            return found
    return None


def _multipliers(program: RiskParityProblem, one: OnePeriod, w: Floats) -> tuple[Multipliers, ...]:
    """Return the multipliers to try: none, and those of the linear program at w, where there are such rules."""
    groups = len(one.members)
    none = Multipliers(np.zeros(groups), np.zeros(groups), 0.0)
    limited = bool(np.isfinite(one.limit))
    if not groups and not limited:
        return (none,)
    n = len(w)
    slope = one.slope(w)
    eye, zero = np.eye(n), np.zeros((groups, n))
    A = np.vstack([
        np.hstack([eye, -eye]), np.hstack([-eye, -eye]),
        np.hstack([one.members, zero]), np.hstack([-one.members, zero]),
        np.concatenate([np.zeros(n), one.counted])[None],
    ])  # fmt: skip
    b = np.concatenate([one.w0, -one.w0, one.most, -one.least, [one.limit]])
    used = np.isfinite(b)
    found = optimize.linprog(
        np.concatenate([slope, one.cost]), A[used], b[used], np.concatenate([np.ones(n), np.zeros(n)])[None], [1.0],
        bounds=[*zip(program.plan_set.lower[0], program.plan_set.upper[0], strict=True), *[(0.0, None)] * n],
    )  # fmt: skip
    if found.status != 0:
        return (none,)
    duals = np.zeros(len(b))
    duals[used] = np.maximum(-found.ineqlin.marginals, 0.0)
    most, least = duals[2 * n : 2 * n + groups], duals[2 * n + groups : 2 * n + 2 * groups]
    return none, Multipliers(most, least, float(duals[-1]))
