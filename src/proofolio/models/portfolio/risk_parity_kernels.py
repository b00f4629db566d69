"""The risk-parity step as machine code: descents by `active_trades`, and what is checked of their ends.

The forms in numpy are `active_trades.best_by_trades` and `risk_parity_step.measured`; the mathematics is there and
in `risk_parity_problem`. Where something does not go as it mostly does, a kernel says so and answers nothing.
"""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.compiled import Kernel
from proofolio.models.arguments import FEASIBLE
from proofolio.models.portfolio.active_trades_kernel import exchanged, inverse
from proofolio.models.portfolio.budget_kernels import budgets_kernel, factored

__all__ = ["descent_kernel", "measure_kernel", "step_kernel"]


PROXIMAL = (
    1e-9  # of the proximal term: a subproblem is strictly convex, its answer moved by less than a solver does
)
CONVEX = 1e-9  # of the trace: a Hessian with an eigenvalue below this is not taken for convex
DEAD = 1e-6  # a weight of at most this size is taken for none
ARMIJO = 1e-4  # part of the predicted descent that a step must keep: the usual number
HALVINGS = 40  # a step of 1e-12 is none
ROUNDING = 1e-15  # errors are differences of numbers near 1
STILL = 1e-11  # a step that moves every weight less than this is the last
LEAST = 3e-10  # of a gap that rounding allows to ask for
FULL = 1e-9  # holdings that add up to 1 within this are a plan
KKT = 1e-7  # violation and gap of a quadratic program that is called solved; they are asked for to 1e-12
NOT_ABOVE = 1e-12  # relative, or absolute below 1: rounding of two objectives
TIED = 1e-12  # relative: an objective that is lower by less is as good


@Kernel
def step_kernel(
    sigma: Floats, b: Floats, steady: Mask, definite: bool, price: float, w0: Floats, tolerance: float, limit: int,
    W: Floats, contributions: Floats, log: Floats, numbers: Floats,
) -> int:  # fmt: skip
    """Make a whole step: each period's ERC, the descent over runs of equal periods, and what is measured of its end.

    Parameters
    ----------
    sigma, b, w0 : ndarray, shapes (H, n, n), (H, n), (n,)
        Anything; what is not a covariance, or holdings, is not plain.
    steady : ndarray of bool, shape (H - 1,)
        Whether a period has the budgets of the one before.
    definite : bool
        As for `budgets_kernel`.
    price, tolerance, limit
        As for `descent_kernel`.
    W, contributions : ndarray, shape (H, n)
        Filled with the weights and the risk contributions.
    log : ndarray, shape (limit + 2, 5)
        Filled with the iterations.
    numbers : ndarray, shape (8,)
        Filled with the three of `descent_kernel`, the four of `measure_kernel`, and 1 where all checks hold, else 0.

    Returns
    -------
    int
        How many rows of `log` are filled; 0 where something is not plain.
    """
    H, n = W.shape
    first, h = np.empty(H, np.int64), 0
    for t in range(H):
        if t == 0 or not (steady[t - 1] and _same(sigma[t], sigma[t - 1])):
            first[h] = t
            h += 1
    times, s = np.ones(h), np.empty((H, n))
    given, budgets, V, held, erc = sigma, b, W, s, np.empty((h, n))
    if h < H:
        given, budgets, V, held = np.empty((h, n, n)), np.empty((h, n)), np.empty((h, n)), np.empty((h, n))
        for k in range(h):
            for i in range(n):
                budgets[k, i] = b[first[k], i]
                for j in range(n):
                    given[k, i, j] = sigma[first[k], i, j]
            times[k] = (first[k + 1] if k + 1 < h else H) - first[k]
    if not budgets_kernel(given, budgets, np.empty((0, 0)), definite, erc):
        return 0
    rows = descent_kernel(given, budgets, times, price, w0, tolerance, limit, erc, V, held, log, numbers)
    if rows == 0:
        return 0
    if h < H:
        for k in range(h):
            count = int(times[k])
            for j in range(count):
                part = j / times[k]  # multipliers go in equal steps from one end of a run to the other
                for i in range(n):
                    W[first[k] + j, i] = V[k, i]
                    s[first[k] + j, i] = (1.0 - part) * held[k, i] + (
                        part * held[k + 1, i] if k + 1 < h else 0.0
                    )
    measure_kernel(sigma, b, w0, W, s, price, numbers[1], contributions, numbers[3:])
    kkt = 0.0
    for k in range(1, rows):
        kkt = max(kkt, log[k, 4])
    start, enough, gap, missed, objective = numbers[0], numbers[1], numbers[3], numbers[4], numbers[5]
    above = objective > start + NOT_ABOVE * max(1.0, start)
    numbers[7] = gap <= enough and missed <= FEASIBLE and kkt <= KKT and not above
    return rows


@Kernel
def _copy(source: Floats, target: Floats) -> None:
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@Kernel
def _same(one: Floats, other: Floats) -> bool:
    for i in range(len(one)):
        for j in range(len(one)):
            if one[i, j] != other[i, j]:
                return False
    return True


@Kernel
def descent_kernel(
    sigma: Floats, b: Floats, times: Floats, price: float, w0: Floats, tolerance: float, limit: int, erc: Floats,
    W: Floats, s: Floats, log: Floats, numbers: Floats,
) -> int:  # fmt: skip
    """Descend from the ERC, and from the holdings where these alone are better than its end.

    Parameters
    ----------
    sigma, b, times, w0, erc : ndarray, shapes (h, n, n), (h, n), (h,), (n,), (h, n)
    price, tolerance, limit
        The cost of a trade, and as for `RiskParityStepper`.
    W, s : ndarray, shape (h, n)
        Filled with the weights and the multipliers of the trades.
    log : ndarray, shape (limit + 2, 5)
        Filled with the iterations.
    numbers : ndarray, shape (3,) or more
        Its first three are the objective at the ERC, the gap that is enough, and 1 where the holdings were the start,
        else 0.

    Returns
    -------
    int
        How many rows of `log` are filled; 0 where the holdings do not add up to 1, an asset came to nothing, or the
        exchanges did not end.
    """
    h, n = erc.shape
    total, lowest = 0.0, math.inf
    for i in range(n):
        total += w0[i]
        lowest = min(lowest, w0[i])
    if not abs(total - 1.0) <= FULL:  # NaN is not within it either
        return 0
    start = _objective(erc, sigma, b, times, w0, price)
    enough = max(tolerance * start, LEAST)
    numbers[0], numbers[1], numbers[2] = start, enough, 0.0
    _copy(erc, W)
    rows = _descend(sigma, b, times, price, w0, enough, limit, W, s, log)
    if rows == 0:
        return 0
    if lowest >= 0.0:
        stay = np.empty((h, n))
        for t in range(h):
            for i in range(n):
                stay[t, i] = w0[i]
        objective = log[rows - 1, 0] * (1.0 - TIED)
        if _objective(stay, sigma, b, times, w0, price) < objective:
            others, found = np.zeros((h, n)), np.zeros(log.shape)
            count = _descend(sigma, b, times, price, w0, enough, limit, stay, others, found)
            if count == 0:
                return 0
            if found[count - 1, 0] < objective:
                _copy(stay, W)
                _copy(others, s)
                _copy(found, log)
                rows, numbers[2] = count, 1.0
    for t in range(h):
        for i in range(n):
            if not W[t, i] > DEAD:
                return 0
    return rows


@Kernel
def _descend(
    sigma: Floats, b: Floats, times: Floats, price: float, w0: Floats, enough: float, limit: int,
    W: Floats, s: Floats, log: Floats,
) -> int:  # fmt: skip
    """Descend from W to where the gap to first order is small enough; return the rows of `log`, 0 where it gave up."""
    h, n = W.shape
    P, slope, Q = np.empty((h, n, n)), np.empty((h, n)), np.empty((h, n, n))
    V, gradient, U, work = np.empty((h, n)), np.empty((h, n)), np.empty((h, n)), np.empty((2, n, n))
    A, u, g, pulled = np.empty((h, n, n)), np.empty((h, n)), np.empty((h, n)), np.empty((h, n))
    variance = np.empty(h)
    signs = np.empty((h, n), np.int64)
    for t in range(h):
        for i in range(n):
            traded = W[t, i] - (W[t - 1, i] if t else w0[i])
            signs[t, i] = 1 if traded > 0.0 else -1 if traded < 0.0 else 0
            s[t, i] = 0.0
    objective = _objective(W, sigma, b, times, w0, price)
    log[0, 0], log[0, 1], log[0, 2], log[0, 3], log[0, 4] = objective, 0.0, 0.0, math.nan, math.nan
    rows = 1
    for k in range(limit + 1):
        for t in range(h):
            variance[t] = _differentiated(
                W[t], sigma[t], b[t], times[t], slope[t], A[t], u[t], g[t], pulled[t]
            )
        if k:
            gap = _first_order_gap(slope, W, w0, s, price, enough, gradient)
            log[rows - 1, 3] = gap
            if gap <= enough or k == limit or log[rows - 1, 2] <= STILL:
                break
        for t in range(h):
            _curved(W[t], sigma[t], times[t], variance[t], A[t], u[t], g[t], pulled[t], Q[t], work)
            if not inverse(Q[t], P[t], work):
                return 0
        if not exchanged(P, slope, W, w0, price, signs, V, s):
            return 0
        missed, moved, predicted = 0.0, 0.0, _trading(V, w0, price) - _trading(W, w0, price)
        for t in range(h):
            total = 0.0
            for i in range(n):
                total += V[t, i]
                d = V[t, i] - W[t, i]
                predicted += slope[t, i] * d
                moved = max(moved, abs(d))
                bent = slope[t, i]
                for j in range(n):
                    bent += Q[t, i, j] * (V[t, j] - W[t, j])
                gradient[t, i] = bent
            missed = max(missed, abs(total - 1.0))
        kkt = max(missed, _gap(gradient, V, w0, s, price))
        a, after = 1.0, objective
        noise = ROUNDING * (objective + math.sqrt(objective))
        halvings = 0
        while halvings < HALVINGS:
            for t in range(h):
                for i in range(n):
                    U[t, i] = V[t, i] if a == 1.0 else W[t, i] + a * (V[t, i] - W[t, i])
            after = _objective(U, sigma, b, times, w0, price)
            if after <= objective + ARMIJO * a * min(predicted, 0.0) + noise:
                break
            a *= 0.5
            halvings += 1
        log[rows, 3], log[rows, 4] = math.nan, kkt
        if halvings == HALVINGS:
            log[rows, 0], log[rows, 1], log[rows, 2] = objective, 0.0, 0.0
            log[rows, 3] = _first_order_gap(slope, W, w0, s, price, enough, gradient)
            rows += 1
            break
        _copy(U, W)
        objective = after
        log[rows, 0], log[rows, 1], log[rows, 2] = objective, a, a * moved
        rows += 1
    return rows


# ------------------------------------------------------------------ the errors of risk contributions
@Kernel
def _objective(W: Floats, sigma: Floats, b: Floats, times: Floats, w0: Floats, price: float) -> float:
    h, n = W.shape
    total = _trading(W, w0, price)
    part = np.empty(n)
    for t in range(h):
        variance, squares = 0.0, 0.0
        for i in range(n):
            product = 0.0
            for j in range(n):
                product += sigma[t, i, j] * W[t, j]
            part[i] = W[t, i] * product
            variance += part[i]
        for i in range(n):
            error = part[i] / variance - b[t, i]
            squares += error * error
        total += times[t] * squares
    return total


@Kernel
def _trading(W: Floats, w0: Floats, price: float) -> float:
    h, n = W.shape
    total = 0.0
    for t in range(h):
        for i in range(n):
            total += abs(W[t, i] - (W[t - 1, i] if t else w0[i]))
    return price * total


@Kernel
def _differentiated(
    w: Floats,
    sigma: Floats,
    b: Floats,
    times: float,
    slope: Floats,
    A: Floats,
    u: Floats,
    g: Floats,
    pulled: Floats,
) -> float:
    """Fill the derivatives of a period's squares, counted `times` over, and what they are made of; return w'Cw."""
    n = len(w)
    variance = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += sigma[i, j] * w[j]
        u[i] = total
        variance += w[i] * total
    for i in range(n):
        u[i] /= variance
        g[i] = w[i] * u[i] - b[i]
        pulled[i] = 0.0
    for i in range(n):
        scale, share = w[i] / variance, 2.0 * (w[i] * u[i])
        for j in range(n):
            A[i, j] = scale * sigma[i, j] - share * u[j]
        A[i, i] += u[i]
        for j in range(n):
            pulled[j] += g[i] * A[i, j]
    for j in range(n):
        slope[j] = 2.0 * times * pulled[j]
    return variance


@Kernel
def _curved(
    w: Floats, sigma: Floats, times: float, variance: float, A: Floats, u: Floats, g: Floats, pulled: Floats,
    Q: Floats, work: Floats,
) -> None:  # fmt: skip
    """Fill Q (see `curvature`), counted `times` over, from what `_differentiated` leaves."""
    n = len(w)
    N, F, Kw = work[0], work[1], np.empty(n)
    phi, size = 0.0, 0.0
    flat = True
    for i in range(n):
        flat = flat and g[i] == 0.0
        phi += g[i] * w[i] * u[i]
        for j in range(i, n):
            Q[i, j] = 0.0
    for i in range(n):
        for j in range(n):
            part = 2.0 * A[i, j]
            for k in range(j, n):
                Q[j, k] += part * A[i, k]
    for j in range(n):
        size += Q[j, j]
        for k in range(j):
            Q[j, k] = Q[k, j]
    if not flat:
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += (g[i] + g[j]) * sigma[i, j] * w[j]
            Kw[i] = total / variance
        twice = 2.0 / variance
        for j in range(n):
            for k in range(n):
                half = pulled[j] + pulled[k] - 2.0 * (u[j] * Kw[k] + u[k] * Kw[j])
                bent = (g[j] + g[k] - 2.0 * phi) * sigma[j, k] * twice
                N[j, k] = Q[j, k] + bent + 16.0 * phi * u[j] * u[k] + 2.0 * half
                F[j, k] = N[j, k] + size
            F[j, j] -= CONVEX * size
        if factored(F):
            for j in range(n):
                for k in range(n):
                    Q[j, k] = N[j, k]
    for j in range(n):
        for k in range(n):
            Q[j, k] *= times
        Q[j, j] += PROXIMAL


# ------------------------------------------------------------------ what is known of a plan
@Kernel
def _gap(G: Floats, W: Floats, w0: Floats, s: Floats, price: float) -> float:
    """Bound by how much a plan is better where the smooth part has the gradient G: see `QuadraticStep.measure`."""
    h, n = W.shape
    gap = 0.0
    for t in range(h):
        least, held = math.inf, 0.0
        for i in range(n):
            now = min(max(s[t, i], -price), price)
            ahead = min(max(s[t + 1, i], -price), price) if t + 1 < h else 0.0
            g = G[t, i] + now - ahead
            least = min(least, g)
            held += g * W[t, i]
            u = W[t, i] - (W[t - 1, i] if t else w0[i])
            gap += price * abs(u) - now * u
        gap += held - least
    return gap


@Kernel
def _first_order_gap(
    slope: Floats, W: Floats, w0: Floats, s: Floats, price: float, enough: float, asked: Floats
) -> float:
    """Return the gap with these multipliers or, where it is not enough, with those that the weights ask for."""
    h, n = W.shape
    gap = _gap(slope, W, w0, s, price)
    if gap <= enough:
        return gap
    _copy(s, asked)
    ahead, level = np.zeros((h, n)), np.empty(h)
    for t in range(h - 1, -1, -1):
        total, known, mean = 0.0, 0.0, 0.0
        for i in range(n):
            ahead[t, i] = slope[t, i] + (ahead[t + 1, i] if t + 1 < h else 0.0)
            u = W[t, i] - (W[t - 1, i] if t else w0[i])
            total += abs(u)
            known += abs(u) * ahead[t, i] + price * u
            mean += (ahead[t, i] + s[t, i]) / n
        level[t] = known / total if total > 0.0 else mean
    for i in range(n):
        lowest = math.inf
        for t in range(h):
            lowest = min(lowest, W[t, i])
        if lowest > DEAD:
            for t in range(h):
                asked[t, i] = level[t] - ahead[t, i]
    return min(gap, _gap(slope, W, w0, asked, price))


@Kernel
def measure_kernel(
    sigma: Floats, b: Floats, w0: Floats, W: Floats, s: Floats, price: float, enough: float,
    contributions: Floats, numbers: Floats,
) -> None:  # fmt: skip
    """Fill the risk contributions (H, n), and in `numbers` gap, violation, objective and smallest weight.

    All of it is recomputed from the raw data; the derivatives by another formula than the descent's.
    """
    h, n = W.shape
    slope, m, asked = np.empty((h, n)), np.empty(n), np.empty((h, n))
    missed, squares, smallest = 0.0, 0.0, math.inf
    for t in range(h):
        variance, total = 0.0, 0.0
        for i in range(n):
            m[i] = 0.0
            for j in range(n):
                m[i] += sigma[t, i, j] * W[t, j]
            variance += W[t, i] * m[i]
            total += W[t, i]
            missed = max(missed, -W[t, i])
            smallest = min(smallest, W[t, i])
        missed = max(missed, abs(total - 1.0))
        inner = 0.0
        for i in range(n):
            contributions[t, i] = W[t, i] * m[i] / variance
            g = contributions[t, i] - b[t, i]
            inner += g * contributions[t, i]
            squares += g * g
        for i in range(n):
            pulled = 0.0
            for j in range(n):
                pulled += sigma[t, i, j] * (contributions[t, j] - b[t, j]) * W[t, j]
            g = contributions[t, i] - b[t, i]
            slope[t, i] = (g * m[i] + pulled - 2.0 * inner * m[i]) * 2.0 / variance
    numbers[0] = _first_order_gap(slope, W, w0, s, price, enough, asked)
    numbers[1] = missed
    numbers[2] = squares + _trading(W, w0, price)
    numbers[3] = smallest
