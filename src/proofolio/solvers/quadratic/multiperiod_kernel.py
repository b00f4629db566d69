r"""The interior point of `multiperiod` as loops over small arrays: machine code.

The start, the steps and the gap are those of `Multiperiod`, whose form in numpy is the reference; see there for the
mathematics. How a block is inverted differs (`small_blocks`), which changes nothing but rounding.

Arrays are (H, n), with zeros for the trades of assets that trade for nothing.
"""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats
from proofolio.compiled import Kernel
from proofolio.solvers.quadratic.small_blocks import factor, substitute, times_matrices

__all__ = [
    "ITERATIONS",
    "LEAST",
    "NEARLY_ZERO",
    "OF_HELD",
    "SHORTEST",
    "TO_THE_BOUNDARY",
    "UNBLOCKED",
    "optimise",
]

ITERATIONS = 60
TO_THE_BOUNDARY = 0.99
NEARLY_ZERO = 1e-3  # of an objective whose largest coefficient is 1
SHORTEST = 1e-9  # a step shorter than this goes nowhere
LEAST = 0.05  # of a multiplier at the start, where the objective's largest number is 1
OF_HELD = 1e-3  # holdings whose sum is so near to 1 are a place to start from
UNBLOCKED = 1e-12  # a ratio of a change to what it takes away from, below which nothing is in the way


@Kernel
def _start(before: Floats, lower: Floats, upper: Floats, capped: bool, from_held: bool, W: Floats) -> None:
    """Fill W with a point inside of the bounds: halfway from their centre to what is held, or the centre."""
    H, n = W.shape
    inside = False
    while not inside:
        inside = True
        for t in range(H):
            room, reach = 1.0, 0.0
            for i in range(n):
                room -= lower[t, i]
                reach += upper[t, i] - lower[t, i]
            total = 0.0
            for i in range(n):
                W[t, i] = lower[t, i] + (upper[t, i] - lower[t, i]) * (room / reach)
                if from_held:
                    W[t, i] += 0.5 * (min(max(before[i], lower[t, i]), upper[t, i]) - W[t, i])
                total += W[t, i]
            if from_held:
                excess = total - 1.0
                for i in range(n):
                    W[t, i] -= excess * (W[t, i] - lower[t, i]) / (room + excess)
                    if capped and W[t, i] >= upper[t, i]:
                        inside = False
        from_held = False


@Kernel
def optimise(
    scale: float, matrices: Floats, q: Floats, before: Floats, cost: Floats, power: Floats, lower: Floats,
    upper: Floats, tolerance: float, most: int, best: Floats, multipliers: Floats,
) -> tuple[float, int]:  # fmt: skip
    """Minimise, and return the smallest relative gap that an iterate proves, and after how many steps.

    Parameters
    ----------
    scale, matrices, q, cost, power
        Of an objective whose largest coefficient is 1: P is scale times the `matrices`.
    before : ndarray, shape (n,)
    lower, upper : ndarray, shape (H, n)
        As `Multiperiod` takes them.
    tolerance, most
        When to stop: the gap, or the number of steps.
    best, multipliers : ndarray, shape (H, n)
        Filled with the weights and the multipliers of trades of that iterate.
    """
    H, n = q.shape
    ties, tied_count, powered = np.empty(n, dtype=np.intp), 0, False
    held = 0.0
    for i in range(n):
        held += before[i]
        if cost[i] > 0.0 or power[i] > 0.0:
            ties[tied_count] = i
            tied_count += 1
        if power[i] > 0.0:
            powered = True
    cap, room, capped = np.empty((H, n)), np.empty(H), False
    for t in range(H):
        room[t] = 1.0
        for i in range(n):
            room[t] -= lower[t, i]
        for i in range(n):
            if upper[t, i] - lower[t, i] < room[t]:
                capped = True
            cap[t, i] = min(upper[t, i], lower[t, i] + room[t])
    count = H * n * (2 if capped else 1) + 2 * H * tied_count

    W, z, y, s = np.empty((H, n)), np.empty((H, n)), np.zeros((H, n)), np.zeros((H, n))
    v, x = np.zeros((2, H, n)), np.zeros((2, H, n))
    _start(before, lower, cap, capped, tied_count == n and abs(held - 1.0) < OF_HELD, W)
    apart = 0.1 / n
    for t in range(H):
        for i in range(n):
            z[t, i] = max(apart / (W[t, i] - lower[t, i]), LEAST)
            if capped:
                y[t, i] = max(apart / (cap[t, i] - W[t, i]), LEAST)
        for each in range(tied_count):
            i = ties[each]
            u = W[t, i] - (before[i] if t == 0 else W[t - 1, i])
            v[0, t, i], v[1, t, i] = max(u, 0.0) + apart, max(-u, 0.0) + apart
            for side in range(2):
                x[side, t, i] = cost[i]
                if power[i] > 0.0:
                    x[side, t, i] = max(cost[i] + 1.5 * power[i] * math.sqrt(v[side, t, i]), LEAST)

    g, dual = np.empty((H, n)), np.empty((H, n))
    barrier, tied = np.empty((H, n)), np.zeros((H, n))
    blocks, sides = np.empty((H, n, n)), np.empty((3, n))
    give, off, pushed = np.zeros((2, H, n)), np.zeros((2, H, n)), np.zeros((2, H, n))
    push, right = np.zeros((H, n)), np.empty((H, n))
    dW, dz, dy, ds = np.empty((H, n)), np.empty((H, n)), np.zeros((H, n)), np.zeros((H, n))
    dv, dx = np.zeros((2, H, n)), np.zeros((2, H, n))
    # one over each of the factors of the products: they are divided by again and again
    by_low, by_high, by_z, by_y = np.empty((H, n)), np.empty((H, n)), np.empty((H, n)), np.empty((H, n))
    by_v, by_x = np.empty((2, H, n)), np.empty((2, H, n))
    # what the predictor leaves of each product
    left_z, left_y, left_v = np.zeros((H, n)), np.zeros((H, n)), np.zeros((2, H, n))
    least, steps = math.inf, 0
    for k in range(most + 1):
        steps = k
        times_matrices(scale, matrices, W, g)
        # the gap: the objective less what its linearisation and the multipliers prove
        value = proved = 0.0
        for t in range(H):
            curved = 0.0
            for i in range(n):
                curved += W[t, i] * g[t, i]
                value += q[t, i] * W[t, i]
                g[t, i] += q[t, i] + s[t, i]
                if t < H - 1:
                    g[t, i] -= s[t + 1, i]
            value += 0.5 * curved
            proved -= 0.5 * curved
            for each in range(tied_count):
                i = ties[each]
                amount = abs(W[t, i] - (before[i] if t == 0 else W[t - 1, i]))
                value += amount * cost[i]
                if power[i] > 0.0:
                    value += amount * math.sqrt(amount) * power[i]
                    beyond = max(abs(s[t, i]) - cost[i], 0.0)
                    proved -= (4.0 / 27.0) * beyond**3 / power[i] ** 2
                if t == 0:
                    proved -= s[t, i] * before[i]
            if capped:
                level = 0.0
                for i in range(n):
                    level += g[t, i] - z[t, i] + y[t, i]
                level /= n
                proved += level
                for i in range(n):
                    off_level = g[t, i] - level
                    proved += min(off_level * lower[t, i], off_level * cap[t, i])
            else:
                smallest = math.inf
                for i in range(n):
                    proved += g[t, i] * lower[t, i]
                    smallest = min(smallest, g[t, i])
                proved += smallest * room[t]
        gap = (value - proved) / max(abs(value), NEARLY_ZERO)
        if gap < least:
            least = gap
            for t in range(H):
                for i in range(n):
                    best[t, i], multipliers[t, i] = W[t, i], s[t, i]
        if k == most or gap <= tolerance:
            break

        # the equations
        mean_product = 0.0
        for t in range(H):
            level = 0.0
            for i in range(n):
                low = W[t, i] - lower[t, i]
                by_low[t, i], by_z[t, i] = 1.0 / low, 1.0 / z[t, i]
                barrier[t, i] = z[t, i] * by_low[t, i]
                dual[t, i] = g[t, i] - z[t, i]
                mean_product += low * z[t, i]
                if capped:
                    high = cap[t, i] - W[t, i]
                    by_high[t, i], by_y[t, i] = 1.0 / high, 1.0 / y[t, i]
                    barrier[t, i] += y[t, i] * by_high[t, i]
                    dual[t, i] += y[t, i]
                    mean_product += high * y[t, i]
                level += dual[t, i]
            level /= n
            for i in range(n):
                dual[t, i] -= level
            for each in range(tied_count):
                i = ties[each]
                for side in range(2):
                    mean_product += v[side, t, i] * x[side, t, i]
                    by_v[side, t, i], by_x[side, t, i] = 1.0 / v[side, t, i], 1.0 / x[side, t, i]
                    if powered:
                        pull = power[i] * math.sqrt(v[side, t, i])
                        off[side, t, i] = (
                            cost[i] + 1.5 * pull - x[side, t, i] + (s[t, i] if side else -s[t, i])
                        )
                        give[side, t, i] = v[side, t, i] / (0.75 * pull + x[side, t, i])
                    else:
                        give[side, t, i] = v[side, t, i] * by_x[side, t, i]
                tied[t, i] = 1.0 / (give[0, t, i] + give[1, t, i])
        mean_product /= count
        if not factor(scale, matrices, barrier, tied, blocks, sides):
            break

        # the predictor aims at products of zero, the corrector at what the predictor says can be reached
        target, longest = 0.0, 1.0
        for stage in range(2):
            for t in range(H):
                for i in range(n):
                    low = W[t, i] - lower[t, i]
                    right[t, i] = (target - low * z[t, i] - left_z[t, i] * stage) * by_low[t, i] - dual[t, i]
                    if capped:
                        high = cap[t, i] - W[t, i]
                        right[t, i] -= (target - high * y[t, i] - left_y[t, i] * stage) * by_high[t, i]
                for each in range(tied_count):
                    i = ties[each]
                    for side in range(2):
                        rv = target - v[side, t, i] * x[side, t, i] - left_v[side, t, i] * stage
                        if powered:
                            pushed[side, t, i] = (rv * by_v[side, t, i] - off[side, t, i]) * give[side, t, i]
                        else:
                            pushed[side, t, i] = rv * by_x[side, t, i]
                    push[t, i] = tied[t, i] * (pushed[0, t, i] - pushed[1, t, i])
                    right[t, i] += push[t, i]
                    if t > 0:
                        right[t - 1, i] -= push[t, i]
            substitute(blocks, tied, sides, right, dW)
            blocked = UNBLOCKED
            for t in range(H):
                for i in range(n):
                    low = W[t, i] - lower[t, i]
                    rz = target - low * z[t, i] - left_z[t, i] * stage
                    dz[t, i] = (rz - z[t, i] * dW[t, i]) * by_low[t, i]
                    blocked = max(blocked, -dW[t, i] * by_low[t, i], -dz[t, i] * by_z[t, i])
                    if capped:
                        high = cap[t, i] - W[t, i]
                        ry = target - high * y[t, i] - left_y[t, i] * stage
                        dy[t, i] = (ry + y[t, i] * dW[t, i]) * by_high[t, i]
                        blocked = max(blocked, dW[t, i] * by_high[t, i], -dy[t, i] * by_y[t, i])
                for each in range(tied_count):
                    i = ties[each]
                    du = dW[t, i] - (0.0 if t == 0 else dW[t - 1, i])
                    ds[t, i] = tied[t, i] * du - push[t, i]
                    dv[0, t, i] = give[0, t, i] * ds[t, i] + pushed[0, t, i]
                    dv[1, t, i] = dv[0, t, i] - du
                    for side in range(2):
                        rv = target - v[side, t, i] * x[side, t, i] - left_v[side, t, i] * stage
                        dx[side, t, i] = (rv - x[side, t, i] * dv[side, t, i]) * by_v[side, t, i]
                        blocked = max(
                            blocked, -dv[side, t, i] * by_v[side, t, i], -dx[side, t, i] * by_x[side, t, i]
                        )
            longest = 1.0 / blocked
            if stage == 0:
                a, after = min(1.0, longest), 0.0
                for t in range(H):
                    for i in range(n):
                        low = W[t, i] - lower[t, i]
                        after += (low + a * dW[t, i]) * (z[t, i] + a * dz[t, i])
                        left_z[t, i] = dW[t, i] * dz[t, i]
                        if capped:
                            high = cap[t, i] - W[t, i]
                            after += (high - a * dW[t, i]) * (y[t, i] + a * dy[t, i])
                            left_y[t, i] = -dW[t, i] * dy[t, i]
                    for each in range(tied_count):
                        i = ties[each]
                        for side in range(2):
                            after += (v[side, t, i] + a * dv[side, t, i]) * (
                                x[side, t, i] + a * dx[side, t, i]
                            )
                            left_v[side, t, i] = dv[side, t, i] * dx[side, t, i]
                reached = after / count / mean_product
                target = mean_product * reached**3
        a = min(1.0, TO_THE_BOUNDARY * longest)
        total = 0.0
        for t in range(H):
            for i in range(n):
                total += dW[t, i]
        if not (a > SHORTEST and math.isfinite(total)):
            break
        for t in range(H):
            for i in range(n):
                W[t, i] += a * dW[t, i]
                z[t, i] += a * dz[t, i]
                y[t, i] += a * dy[t, i]
            for each in range(tied_count):
                i = ties[each]
                s[t, i] += a * ds[t, i]
                for side in range(2):
                    v[side, t, i] += a * dv[side, t, i]
                    if powered:
                        x[side, t, i] += a * dx[side, t, i]
                x0, x1 = cost[i] - s[t, i], cost[i] + s[t, i]
                if not powered:
                    x[0, t, i], x[1, t, i] = x0, x1
    return least, steps
