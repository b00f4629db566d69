r"""Steps of the mean-variance MPC with bounds as the only rules, from numbers to a proved plan, as machine code.

`steps` reads and checks the numbers of one problem after another, optimises (`multiperiod_kernel`), puts the plan
right, and proves its gap from the data. The reference in numpy: `step_data`, `PlanSet.settle` and
`QuadraticStep.measure`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.compiled import Kernel
from proofolio.models.arguments import FEASIBLE
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.quadratic_step import ACCEPTED, NEARLY_ZERO
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.solvers.quadratic.multiperiod_kernel import ITERATIONS, optimise
from proofolio.solvers.quadratic.small_blocks import factorised, times_matrices

__all__ = ["CONVEX", "FLAT", "NOTHING", "PROVED", "SYMMETRIC", "CompiledSteps", "Found", "aimed", "steps"]

SYMMETRIC = 1e-9  # of the largest entry: covariances computed in another order differ by less
CONVEX = 1e-12  # of the largest entry: far below what a gap of the tolerance could notice
FLAT = 1e-14  # of the largest mean: differences below it are rounding
NOTHING = 1e-200  # an objective this small would lose its digits when it is scaled

# Of the tolerance, and no finer than that: one or two iterations more, and weights 10 to 50 times as near to the best
# plan's, whose objective hardly changes around it. Another plan of the same worth is no error, but looks like one.
AIM, FINEST = 1e-2, 1e-10

PROVED, DOUBTFUL = 0.0, 1.0  # what `steps` says of a problem


@Kernel
def _read(given: Floats, sigma: Floats, work: Floats) -> float:
    """Copy covariances (H, n, n), symmetric, and return their largest entry; NaN where they are not convex."""
    H, n = sigma.shape[:2]
    largest = off = 0.0
    for t in range(H):
        for i in range(n):
            largest = max(largest, given[t, i, i])
            for j in range(i, n):
                one, other = given[t, i, j], given[t, j, i]
                if one != other:
                    off = max(off, abs(one - other))
                    one = 0.5 * (one + other)
                sigma[t, i, j] = sigma[t, j, i] = one
    if not (off <= SYMMETRIC * largest and largest < math.inf):
        return math.nan
    if largest == 0.0:  # then nothing but zeros is semidefinite
        for t in range(H):
            for i in range(n):
                for j in range(n):
                    if sigma[t, i, j] != 0.0:
                        return math.nan
        return 0.0
    for t in range(H):
        for i in range(n):
            for j in range(i, n):
                work[i, j] = sigma[t, i, j]
            work[i, i] += CONVEX * largest
        if not factorised(work):
            return math.nan
    return largest


@Kernel
def _settle(W: Floats, lower: Floats, upper: Floats) -> None:
    """Move weights into their bounds and onto a sum of 1: `PlanSet.settle`."""
    H, n = W.shape
    for t in range(H):
        simplex, total = True, 0.0
        for i in range(n):
            simplex = simplex and lower[t, i] == 0.0 and upper[t, i] == math.inf
            W[t, i] = min(max(W[t, i], lower[t, i]), upper[t, i])
            total += W[t, i]
        if simplex:
            for i in range(n):
                W[t, i] /= total
            continue
        missing, rooms = 1.0 - total, 0.0
        for i in range(n):
            rooms += upper[t, i] - W[t, i] if missing > 0.0 else W[t, i] - lower[t, i]
        if rooms > 0.0:
            for i in range(n):
                room = upper[t, i] - W[t, i] if missing > 0.0 else W[t, i] - lower[t, i]
                W[t, i] += missing * room / rooms


@Kernel
def _least(g: Floats, lower: Floats, upper: Floats, taken: Floats) -> float:
    """Return the least of g'v over bounds and a sum of 1, for g (n,): the cheapest are filled up first."""
    n = g.shape[0]
    found, left = 0.0, 1.0
    for i in range(n):
        found += g[i] * lower[i]
        left -= lower[i]
        taken[i] = 0.0
    while left > 0.0:
        cheapest = -1
        for i in range(n):
            if taken[i] == 0.0 and (cheapest < 0 or g[i] < g[cheapest]):
                cheapest = i
        if cheapest < 0:
            break
        taken[cheapest] = 1.0
        put = min(left, upper[cheapest] - lower[cheapest])
        found += g[cheapest] * put
        left -= put
    return found


@Kernel
def _prove(
    gamma: float, sigma: Floats, mean: Floats, before: Floats, cost: Floats, power: Floats, lower: Floats,
    upper: Floats, W: Floats, s: Floats, g: Floats, taken: Floats,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the minimised objective, the proven gap and the violation of W: `QuadraticStep.measure`.

    The multipliers s are moved where they prove something; g and `taken` are room to work in.
    """
    H, n = W.shape
    size = 0.0
    for t in range(H):
        room = 1.0
        for i in range(n):
            room -= lower[t, i]
        for i in range(n):
            size = max(size, abs(lower[t, i]), abs(min(upper[t, i], lower[t, i] + room)))
    times_matrices(2.0 * gamma, sigma, W, g)
    value = proved = violation = 0.0
    for t in range(H):
        total = 0.0
        for i in range(n):
            w = W[t, i]
            total += w
            violation = max(violation, lower[t, i] - w, w - upper[t, i])
            value += 0.5 * g[t, i] * w - mean[t, i] * w
            proved -= 0.5 * g[t, i] * w
            amount = abs(w - (before[i] if t == 0 else W[t - 1, i]))
            value += cost[i] * amount
            most, beyond = cost[i], 0.0
            if power[i] > 0.0:
                value += power[i] * amount * math.sqrt(amount)
                beyond = min(max(abs(s[t, i]) - most, 0.0), 1.5 * power[i] * math.sqrt(size + 1.0))
                proved -= (4.0 / 27.0) * beyond**3 / power[i] ** 2
            s[t, i] = math.copysign(min(abs(s[t, i]), most) + beyond, s[t, i])
            if t == 0:
                proved -= s[t, i] * before[i]
        violation = max(violation, abs(total - 1.0))
    for t in range(H):
        for i in range(n):
            g[t, i] += s[t, i] - mean[t, i]
            if t < H - 1:
                g[t, i] -= s[t + 1, i]
        proved += _least(g[t], lower[t], upper[t], taken)
    return value, value - proved, violation


@Kernel
def steps(
    mean: Floats, covariance: Floats, held: Floats, own: Floats, costs: Floats, limits: Floats, tolerance: float,
    aim: float, most: int, W: Floats, found: Floats,
) -> None:  # fmt: skip
    """Plan B steps, each by itself; a first axis of length 1 is the same for all.

    Parameters
    ----------
    mean, covariance, held : ndarray, shapes (B, H, n), (B, H, n, n) and (B, n)
    own : ndarray, shape (B, 3)
        Of each problem: its aversion to risk, how many times the costs count, and what is uninvested.
    costs : ndarray, shape (3, n)
        Of the size of a trade, of its power 3/2, and of what is bought more than sold.
    limits : ndarray, shape (2, H, n)
        Bounds of the weights; upper ones are infinite on the simplex.
    tolerance, aim : float
        Of the proven relative gap: what is good enough, and what is better still and tried for.
    most : int
        Iterations.
    W : ndarray, shape (B, H, n)
        Filled with the plans.
    found : ndarray, shape (B, 6)
        Filled with what is minimised, the proven gap, that of the objective's size, the violation, the iterations, and
        `PROVED` or `DOUBTFUL`: the plan is not proved as good as asked for, or is NaN, as are the numbers before the
        iterations, because the data are not what a plan needs.
    """
    B, H, n = W.shape
    lower, upper = limits[0], limits[1]
    sigma, work, mu, q = np.empty((H, n, n)), np.empty((n, n)), np.empty((H, n)), np.empty((H, n))
    cost, power, s, g, taken = np.empty(n), np.empty(n), np.empty((H, n)), np.empty((H, n)), np.empty(n)
    largest = math.nan
    for b in range(B):
        means, before = mean[b % mean.shape[0]], held[b % held.shape[0]]
        gamma, times, total = own[b, 0], own[b, 1], own[b, 2]
        if b < covariance.shape[0]:
            largest = _read(covariance[b], sigma, work)
        for i in range(n):
            total += before[i]
        high, low, far = -math.inf, math.inf, 0.0
        for t in range(H):
            for i in range(n):
                mu[t, i] = means[t, i] - (times * costs[2, i] if t == H - 1 else 0.0)
                far += abs(mu[t, i])  # NaN and infinities stay in it
                high, low = max(high, mu[t, i]), min(low, mu[t, i])
        found[b, 4], found[b, 5] = 0.0, DOUBTFUL
        if not (abs(total - 1.0) <= FEASIBLE and far < math.inf and largest < math.inf):
            for i in range(4):
                found[b, i] = math.nan
            for t in range(H):
                for i in range(n):
                    W[b, t, i] = math.nan
            continue
        size = max(high - low, 2.0 * gamma * largest, 1e-300)
        for i in range(n):
            size = max(size, times * costs[0, i], times * costs[1, i])
        # the objective may be the same for every plan; then any that is allowed is best
        flat = size <= FLAT * max(high, -low) or size <= NOTHING
        if flat:
            size = 1.0
        for i in range(n):
            cost[i], power[i] = times * costs[0, i] / size, times * costs[1, i] / size
            for t in range(H):
                q[t, i] = 0.0 if flat else -mu[t, i] / size
        _, iterations = optimise(
            2.0 * gamma / size, sigma, q, before, cost, power, lower, upper, aim, most, W[b], s
        )
        begun = 0.0  # what the asymmetries take for being here: those of all trades add up to c'(w_H - w_0)
        for i in range(n):
            begun += times * costs[2, i] * before[i]
            cost[i], power[i] = times * costs[0, i], times * costs[1, i]
            for t in range(H):
                s[t, i] *= size
        _settle(W[b], lower, upper)
        value, gap, violation = _prove(gamma, sigma, mu, before, cost, power, lower, upper, W[b], s, g, taken)
        relative = abs(gap) / max(abs(value), NEARLY_ZERO * size)
        found[b, 0], found[b, 1], found[b, 2], found[b, 3] = value - begun, gap, relative, violation
        found[b, 4] = iterations
        if relative <= tolerance and violation <= ACCEPTED:
            found[b, 5] = PROVED


def aimed(tolerance: float) -> float:
    """Return the gap that the interior point tries for where one of `tolerance` is good enough."""
    return min(0.5 * tolerance, max(AIM * tolerance, FINEST))


class Found(NamedTuple):
    """Of one plan: the objective, minimised, its proven gap, that relative to its size, and the violation."""

    value: float
    gap: float
    gap_relative: float
    violation: float


class CompiledSteps:
    """Steps of one model by `steps`, where bounds with room between them are the only rules.

    Parameters
    ----------
    plan_set : PlanSet
    charged : TradeCost
    tolerance : float
        Of the proven relative gap.
    """

    def __init__(self, plan_set: PlanSet, charged: TradeCost, tolerance: float) -> None:
        H, n = plan_set.lower.shape
        self._shape, self._tolerance, self._aim = (H, n), tolerance, aimed(tolerance)
        self._costs = np.array([charged.half_spread, charged.power_impact, charged.asymmetry])
        self._limits = np.array([plan_set.lower, plan_set.caps])
        # one problem's numbers, copied so that the code sees arrays of one kind
        self._mean, self._covariance, self._held = (
            np.empty((1, H, n)),
            np.empty((1, H, n, n)),
            np.empty((1, n)),
        )
        self._own, self._found = np.ones((1, 3)), np.empty((1, 6))

    def one(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, gamma: float, uninvested: float
    ) -> tuple[Floats, Found] | None:
        """Return one plan (H, n) that is proved, else None: the reference then says what is wrong, or finds another."""
        H, n = self._shape
        for given, room, shapes in (
            (mean, self._mean, ((H, n), (n,))),
            (covariance, self._covariance, ((H, n, n), (n, n))),
            (w0, self._held, ((n,),)),
        ):
            array = given if type(given) is np.ndarray else np.asarray(given, dtype=float)
            if array.shape not in shapes:
                return None
            room[0] = array
        own = self._own[0]
        own[0], own[2] = gamma, uninvested
        W = np.empty((1, H, n))
        steps(
            self._mean, self._covariance, self._held, self._own, self._costs, self._limits, self._tolerance,
            self._aim, ITERATIONS, W, self._found,
        )  # fmt: skip
        value, gap, relative, violation, _, doubtful = self._found[0].tolist()
        return None if doubtful else (W[0], Found(value, gap, relative, violation))

    def many(self, mean: Floats, covariance: Floats, w0: Floats, own: Floats) -> tuple[Floats, Floats] | None:
        """Return plans (B, H, n) and what `steps` says of them (B, 6); None where the reference must look at data."""
        B, (H, n) = len(own), self._shape
        W, found = np.empty((B, H, n)), np.empty((B, 6))
        mean, covariance, w0, own = (
            np.require(each, np.float64, ["C", "W"]) for each in (mean, covariance, w0, own)
        )
        steps(
            mean, covariance, w0, own, self._costs, self._limits, self._tolerance, self._aim, ITERATIONS, W, found
        )  # fmt: skip
        return None if np.isnan(found[:, 0]).any() else (W, found)
