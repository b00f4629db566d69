"""One step of the active-set method of `proofolio.solvers.quadratic.batch` in many programs, as machine code.

The form in numpy, `SimplexQPs._step`, is the reference; the mathematics is there. The reference keeps its step matrices
from call to call; here a step of k free weights is k^3/6 multiplications, and is made anew.
"""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.compiled import Kernel
from proofolio.solvers.quadratic.small_blocks import factorised, solve

__all__ = ["RESIDUAL", "ROUGH", "step_kernel"]


RESIDUAL = 1e-11  # of the largest derivative: a gain below it is rounding
OPTIMAL, AGAIN = -1, -2  # no weight is to be freed; a step is to be refined
ROUGH = 1e3  # times that: free weights whose derivatives differ by more are stepped again


@Kernel
def step_kernel(
    Q: Floats, kind: Integers, lower: Floats, upper: Floats, delta: Floats, slope: Floats, which: Integers,
    w: Floats, free: Mask, left: Mask,
) -> None:  # fmt: skip
    """Take one step in each of some programs.

    Parameters
    ----------
    Q : ndarray, shape (K, n, n)
    kind : ndarray of int, shape (B,)
        Which matrix a program has.
    lower, upper, slope : ndarray, shape (B, n)
    delta : ndarray, shape (B,)
    which : ndarray of int, shape (m,)
        The programs that are asked for.
    w, free : ndarray, shape (B, n)
        Changed where they are asked for.
    left : ndarray of bool, shape (m,)
        Filled with which programs are not optimal yet.
    """
    n = w.shape[1]
    g, p, K, index = np.empty(n), np.empty(n), np.empty((n, n)), np.empty(n, np.int64)
    for a in range(len(which)):
        b = which[a]
        C, weights, low, high = Q[kind[b]], w[b], lower[b], upper[b]
        count = 0
        for i in range(n):
            if free[b, i]:
                index[count] = i
                count += 1
        blocking, shortest = -1, 1.0
        if count > 1:
            _gradient(C, weights, slope[b], g)
            _direction(C, index[:count], delta[b], g, K[:count, :count], p[:count])
            shortest = math.inf
            for k in range(count):
                i = index[k]
                if p[k] != 0.0:
                    ratio = ((high[i] if p[k] > 0.0 else low[i]) - weights[i]) / p[k]
                    if ratio < shortest:
                        blocking, shortest = k, ratio
            length = min(max(shortest, 0.0), 1.0)
            for k in range(count):
                i = index[k]
                weights[i] = min(max(weights[i] + length * p[k], low[i]), high[i])  # rounding may lead out
        if shortest < 1.0:
            i = index[blocking]
            weights[i] = high[i] if p[blocking] > 0.0 else low[i]
            free[b, i] = False
            left[a] = True
            continue
        _gradient(C, weights, slope[b], g)
        entering = _entering(g, slope[b], weights, low, high, free[b])
        if entering >= 0:
            free[b, entering] = True
        left[a] = entering != OPTIMAL


@Kernel
def _gradient(C: Floats, w: Floats, c: Floats, g: Floats) -> None:
    """Fill g with that of w'Cw + c'w."""
    n = len(w)
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += C[i, j] * w[j]
        g[i] = 2.0 * total + c[i]


@Kernel
def _direction(C: Floats, index: Integers, delta: float, g: Floats, K: Floats, p: Floats) -> None:
    """Fill p with the step of the free weights, in which they keep their sum."""
    k = len(index)
    whole, trace, mean = 0.0, 0.0, 0.0
    for i in range(k):
        p[i] = 0.0
        for j in range(k):
            K[i, j] = 2.0 * C[index[i], index[j]]
            p[i] += K[i, j]
        whole += p[i]
    for i in range(k):
        for j in range(k):
            K[i, j] += whole / (k * k) - (p[i] + p[j]) / k
        trace += K[i, i]
    for i in range(k):
        mean += g[index[i]] / k
    size = max(trace / (k - 1), delta)
    for i in range(k):
        p[i] = mean - g[index[i]]
        for j in range(k):
            K[i, j] += size / k
        K[i, i] += delta
    if not factorised(K):  # rounding has spoilt it: only what is shortest is taken
        for i in range(k):
            for j in range(k):
                K[i, j] = size if i == j else 0.0
    solve(K, p)
    mean = 0.0
    for i in range(k):
        mean += p[i] / k
    for i in range(k):
        p[i] -= mean


@Kernel
def _entering(g: Floats, c: Floats, w: Floats, low: Floats, high: Floats, free: Mask) -> int:
    """Return the weight to free; `OPTIMAL` where none is, and `AGAIN` where a step is to be refined."""
    n = len(w)
    level, count, largest, given = 0.0, 0, 0.0, 0.0
    for i in range(n):
        largest, given = max(largest, abs(g[i])), max(given, abs(c[i]))
        if free[i]:
            level += g[i]
            count += 1
    level /= max(count, 1)
    tolerance = RESIDUAL * max(largest, given)
    found, most = OPTIMAL, tolerance
    for i in range(n):
        off = g[i] - level
        if free[i]:
            if abs(off) > ROUGH * tolerance:
                return AGAIN
        elif high[i] > low[i]:
            gain = off if w[i] >= high[i] else -off if w[i] <= low[i] else 0.0
            if gain > most:
                found, most = i, gain
    return found if count else OPTIMAL
