"""Newton's method for risk budgets as machine code; `risk_budgeting` has it in numpy, and the mathematics.

Sweeps that solve for one asset after the other (Griveau-Billion, Richard & Roncalli, "A Fast Algorithm for Computing
High-dimensional Risk Parity Portfolios", 2013) lead near the answer, which is the only one; numpy would be too slow for
them. From there it is the same method, but that a factorisation is kept while it brings the error down fast.

A kernel judges what it is given, and answers only where all is well. It can make no sentence: everything else is left
to numpy.
"""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats
from proofolio.compiled import Kernel

__all__ = ["ERROR", "INDEFINITE", "ROUNDING", "SMALL", "STEPS", "SYMMETRIC", "budgets_kernel", "factored"]


SYMMETRIC = 1e-9  # of the largest entry: covariances computed in another order differ by less
ERROR = 1e-12  # of a risk contribution
INDEFINITE = 1e-10  # of the trace of the correlations: what rounding leaves below zero is less
ROUNDING = 4e-16  # of a risk contribution: two units in the last place of 1
STEPS = 60  # of Newton: far more than it needs, unless the covariance is close to singular
# Below so many assets short loops are quicker than BLAS and a factorisation than conjugate gradients, measured by
# `python -m benchmarks step_sizes`.
SMALL = 33
SWEEPS = 5  # the most; where they do not lead near the answer, Newton's line search does
NEAR = 0.02  # of a weight: a sweep that changes none by more is the last
KEPT = 0.05  # a step that leaves more of the error than this asks for new factors


@Kernel
def budgets_kernel(sigma: Floats, b: Floats, start: Floats, definite: bool, w: Floats) -> bool:
    """Fill w (m, n) with the weights whose risk contributions are the budgets, and return whether all is well.

    Parameters
    ----------
    sigma : ndarray, shape (m, n, n)
        Anything; what is not a covariance is not well.
    b : ndarray, shape (m, n)
        Positive, each row adding up to 1; without rows they are equal.
    start : ndarray, shape (m, n)
        Positive; without rows the method begins at the last covariance's answer, and for the first where b says.
    definite : bool
        Whether somebody else knows that no portfolio has a negative variance.
    w : ndarray, shape (m, n)
    """
    m, n = w.shape
    C, F, work = np.empty((n, n)), np.empty((n, n)), np.empty((5, n))
    scale, budget, y = np.empty(n), np.empty(n), np.empty(n)
    for k in range(m):
        if not _standardised(sigma[k], scale, C):
            return False
        if not definite:
            for i in range(n):
                for j in range(n):
                    F[i, j] = C[i, j]
                F[i, i] += INDEFINITE * n
            if not factored(F):
                return False
        for i in range(n):
            budget[i] = b[k, i] if len(b) else 1.0 / n
            if len(start):
                y[i] = start[k, i] * scale[i]
            elif k:
                y[i] = w[k - 1, i] * scale[i]
            else:
                y[i] = math.sqrt(budget[i])
        if not _newton(C, budget, y, F, work):
            return False
        total = 0.0
        for i in range(n):
            w[k, i] = y[i] / scale[i]
            total += w[k, i]
        for i in range(n):
            w[k, i] /= total
        if not _error(sigma[k], w[k], budget, work[0]) <= ERROR:
            return False
    return True


@Kernel
def _standardised(sigma: Floats, scale: Floats, C: Floats) -> bool:
    """Fill `scale` with the volatilities and C with the correlations; return whether sigma can be a covariance."""
    n = len(sigma)
    most, apart = 0.0, 0.0
    for i in range(n):
        if not 0.0 < sigma[i, i] < math.inf:
            return False
        scale[i] = math.sqrt(sigma[i, i])
    for i in range(n):
        for j in range(i):
            size, other = abs(sigma[i, j]), abs(sigma[i, j] - sigma[j, i])
            if not size < math.inf or not other < math.inf:  # NaN is not below infinity either
                return False
            most, apart = max(most, size), max(apart, other)
            product = scale[i] * scale[j]
            C[i, j] = sigma[i, j] / product
            C[j, i] = sigma[j, i] / product
        C[i, i] = sigma[i, i] / (scale[i] * scale[i])
        most = max(most, sigma[i, i])
    return apart <= SYMMETRIC * most


@Kernel
def factored(F: Floats) -> bool:
    """Put the U with U'U = F into the upper triangle; return whether F is positive definite."""
    n = len(F)
    for j in range(n):
        if not F[j, j] > 0.0:
            return False
        inverse = 1.0 / math.sqrt(F[j, j])
        for k in range(j, n):
            F[j, k] *= inverse
        for i in range(j + 1, n):
            part = F[j, i]
            for k in range(i, n):
                F[i, k] -= part * F[j, k]
    return True


@Kernel
def _solve(F: Floats, x: Floats) -> None:
    """Replace x by the solution of U'U z = x."""
    n = len(x)
    for i in range(n):
        x[i] /= F[i, i]
        for k in range(i + 1, n):
            x[k] -= F[i, k] * x[i]
    for i in range(n - 1, -1, -1):
        total = x[i]
        for k in range(i + 1, n):
            total -= F[i, k] * x[k]
        x[i] = total / F[i, i]


@Kernel
def _times(C: Floats, x: Floats, product: Floats) -> None:
    """Fill `product` with Cx."""
    n = len(x)
    if n >= SMALL:
        by_blas = np.dot(C, x)
        for i in range(n):
            product[i] = by_blas[i]
        return
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += C[i, j] * x[j]
        product[i] = total


@Kernel
def _sweep(C: Floats, b: Floats, y: Floats, Cy: Floats) -> float:
    """Solve for one asset after the other, the rest as they are; return the largest relative change."""
    n = len(b)
    most = 0.0
    for i in range(n):
        others = Cy[i] - C[i, i] * y[i]
        root = math.sqrt(others * others + 4.0 * C[i, i] * b[i])
        # the positive root of C_ii y^2 + others y = b, without cancellation
        found = 2.0 * b[i] / (root + others) if others > 0.0 else 0.5 * (root - others) / C[i, i]
        moved = found - y[i]
        most = max(most, abs(moved) / found)
        y[i] = found
        for j in range(n):
            Cy[j] += C[i, j] * moved
    return most


@Kernel
def _newton(C: Floats, b: Floats, y: Floats, F: Floats, work: Floats) -> bool:
    """Replace y by the best point of Newton's method; return whether it ran."""
    n = len(b)
    Cy, best, p, rest = work[0], work[1], work[2], work[3]
    _times(C, y, Cy)
    variance = 0.0
    for i in range(n):
        variance += y[i] * Cy[i]
    if not 0.0 < variance < math.inf:
        return False
    size = math.sqrt(variance)
    for i in range(n):
        y[i] /= size
        Cy[i] /= size
    for _ in range(SWEEPS):
        if _sweep(C, b, y, Cy) <= NEAR:
            break
    error, before, wasted = math.inf, 0.0, 0
    for _ in range(STEPS):
        _times(C, y, Cy)
        now = 0.0
        for i in range(n):
            rest[i] = b[i] - y[i] * Cy[i]
            now = max(now, abs(rest[i]))
        if now < error:
            for i in range(n):
                best[i] = y[i]
            error, wasted = now, 0
        else:
            wasted += 1
        if error <= ROUNDING or (error <= 0.1 * ERROR and (wasted > 0 or error <= 0.01 * ERROR)):
            break
        if n < SMALL or not _inexact_direction(C, b, y, rest, now, p, work[4]):
            for i in range(n):
                p[i] = rest[i] / y[i]
            if n >= SMALL or not now <= KEPT * before:
                for i in range(n):
                    for j in range(n):
                        F[i, j] = C[i, j]
                    F[i, i] += b[i] / (y[i] * y[i])
                if not factored(F):
                    return False
            _solve(F, p)
        _move(C, b, y, Cy, p, rest, now, work[4])
        before = now
    for i in range(n):
        y[i] = best[i]
    return True


@Kernel
def _inexact_direction(
    C: Floats, b: Floats, y: Floats, rest: Floats, error: float, p: Floats, u: Floats
) -> bool:
    """Fill p with Newton's direction by conjugate gradients; return whether few of them did."""
    n = len(b)
    barrier, r = np.empty(n), np.empty(n)
    size, least = 0.0, math.inf
    for i in range(n):
        barrier[i], r[i], p[i] = b[i] / (y[i] * y[i]), rest[i] / y[i], 0.0
        u[i] = r[i] / (1.0 + barrier[i])
        size += r[i] * u[i]
        least = min(least, b[i])
    enough = max(min(0.1, error / least), 1e-3 * ERROR / error) ** 2 * size
    for _ in range(n // 5):
        Hu = np.dot(C, u)
        curvature = 0.0
        for i in range(n):
            Hu[i] += barrier[i] * u[i]
            curvature += u[i] * Hu[i]
        if not curvature > 0.0:
            return False
        a, before = size / curvature, size
        size = 0.0
        for i in range(n):
            p[i] += a * u[i]
            r[i] -= a * Hu[i]
            size += r[i] * r[i] / (1.0 + barrier[i])
        if size <= enough:
            return True
        for i in range(n):
            u[i] = r[i] / (1.0 + barrier[i]) + (size / before) * u[i]
    return False


@Kernel
def _move(
    C: Floats, b: Floats, y: Floats, Cy: Floats, p: Floats, rest: Floats, error: float, Cp: Floats
) -> None:
    """Move y by the longest of the steps 1, 1/2, ... along p that stays positive and goes down."""
    n = len(b)
    least, most, decrement = 0.0, 0.0, 0.0
    for i in range(n):
        ratio = p[i] / y[i]
        least, most = min(least, ratio), max(most, abs(ratio))
        decrement += rest[i] * ratio
    a = 1.0 if least > -0.99 else -0.99 / least
    if not (error < 1e-4 and a == 1.0 and most < 0.25):  # else Newton's steps are quadratic there
        _times(C, p, Cp)
        curvature, slope = 0.0, 0.0
        for i in range(n):
            curvature += p[i] * Cp[i]
            slope += p[i] * Cy[i]
        while a > 1e-12:
            change = a * slope + 0.5 * a * a * curvature
            for i in range(n):
                change -= b[i] * math.log1p(a * p[i] / y[i])
            if change <= -1e-4 * a * decrement:
                break
            a *= 0.5
    for i in range(n):
        y[i] += a * p[i]


@Kernel
def _error(sigma: Floats, w: Floats, b: Floats, part: Floats) -> float:
    """Return the largest distance of a risk contribution from its budget, from the covariance as given."""
    n = len(w)
    _times(sigma, w, part)
    variance, error = 0.0, 0.0
    for i in range(n):
        variance += w[i] * part[i]
    if not variance > 0.0:
        return math.inf
    for i in range(n):
        apart = abs(w[i] * part[i] / variance - b[i])
        if not apart <= error:  # NaN stays
            error = apart
    return error
