"""The quadratic programs of `active_trades` as machine code: exchanges of active trades until none is wrong."""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.compiled import Kernel
from proofolio.models.portfolio.budget_kernels import factored

__all__ = ["exchanged", "inverse"]


ROUNDS = 100  # exchanges of one quadratic program: more are slower than the interior point
TOGETHER = 20  # exchanges that may leave as many trades wrong, before one is exchanged at a time
SLACK = 1e-9  # of the price: a multiplier beyond it by less is rounding
NONE = 1e-13  # a trade of less is rounding
SUMS = 1e-12  # weights that are all held add up to 1 within this
SPOILT = 1e-9  # weights whose sum is off by more come of equations that rounding has spoilt


@Kernel
def inverse(Q: Floats, P: Floats, work: Floats) -> bool:
    """Fill P with the inverse of Q on the directions whose sum is 0; return whether there is one."""
    n = len(Q)
    F, G = work[0], work[1]
    level = 0.0
    for i in range(n):
        level += Q[i, i]
    for i in range(n):
        for j in range(n):
            F[i, j] = Q[i, j] + level
            G[i, j] = 0.0
    if not factored(F):
        return False
    for j in range(n):  # row j of G solves U'x = e_j: G'G... is the inverse, as UU^-1 = I
        G[j, j] = 1.0 / F[j, j]
        for i in range(j + 1, n):
            total = 0.0
            for k in range(j, i):
                total -= F[k, i] * G[j, k]
            G[j, i] = total / F[i, i]
    whole = 0.0
    ones = F[0]  # of no more use
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(max(i, j), n):
                total += G[i, k] * G[j, k]
            P[i, j] = total
    for i in range(n):
        ones[i] = 0.0
        for j in range(n):
            ones[i] += P[i, j]
        whole += ones[i]
    for i in range(n):
        for j in range(n):
            P[i, j] -= ones[i] * ones[j] / whole
    return True


@Kernel
def exchanged(
    P: Floats, slope: Floats, W: Floats, w0: Floats, price: float, signs: Integers, V: Floats, s: Floats
) -> bool:
    """Fill V, s and signs by exchanges of active trades; return whether they ended at weights above 0."""
    h, n = W.shape
    base, r, wrong = np.empty((h, n)), np.empty((h, n)), np.empty((h, n), np.int64)
    L, first, place = np.empty((h * n, 2 * n)), np.empty(h * n, np.int64), np.empty((h * n, 2), np.int64)
    for t in range(h):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += P[t, i, j] * slope[t, j]
            base[t, i] = W[t, i] - total
            r[t, i] = base[t, i] - (base[t - 1, i] if t else w0[i])
    lowest, patience = h * n + 1, TOGETHER
    for _ in range(ROUNDS):
        for t in range(h):
            for i in range(n):
                s[t, i] = price * signs[t, i]
        if not _levelled(P, r, signs, s, L, first, place):
            return False
        for t in range(h):
            for i in range(n):
                total = base[t, i]
                for j in range(n):
                    total -= P[t, i, j] * (s[t, j] - (s[t + 1, j] if t + 1 < h else 0.0))
                V[t, i] = total
        count = 0
        for t in range(h):
            for i in range(n):
                wrong[t, i] = 0
                u = V[t, i] - (V[t - 1, i] if t else w0[i])
                if signs[t, i] == 0:
                    if not abs(s[t, i]) <= price * (1.0 + SLACK):
                        wrong[t, i] = 1 if s[t, i] > 0.0 else -1
                elif price > 0.0 and signs[t, i] * u < -NONE:
                    wrong[t, i] = 2
                if wrong[t, i]:
                    count += 1
        if count == 0:
            for t in range(h):
                if _traded(signs[t]) == 1:  # a trade alone is none, whatever sign rounding has left it
                    _centre(s[t])
                    for i in range(n):
                        signs[t, i] = 0
            return _settled(V, w0, signs)
        if count < lowest:
            lowest, patience = count, TOGETHER
        elif patience > 0:
            patience -= 1
            _farthest(wrong, s, V, w0)
        else:
            _last(wrong, signs)
        for t in range(h):
            for i in range(n):
                if wrong[t, i]:
                    signs[t, i] = wrong[t, i] if wrong[t, i] != 2 else 0
    return False


@Kernel
def _levelled(
    P: Floats, r: Floats, signs: Integers, s: Floats, L: Floats, first: Integers, place: Integers
) -> bool:
    """Fill s where signs are 0 so that nothing is traded there; return whether the equations have an answer."""
    h, n = r.shape
    m, before = 0, 0
    for t in range(h):
        begun = m
        for i in range(n):
            if signs[t, i] == 0:
                place[m, 0], place[m, 1], first[m] = t, i, before
                m += 1
        before = begun
    for a in range(m):
        t, i = place[a, 0], place[a, 1]
        right = r[t, i]
        for j in range(n):
            if signs[t, j]:
                right -= (P[t, i, j] + (P[t - 1, i, j] if t else 0.0)) * s[t, j]
            if t + 1 < h and signs[t + 1, j]:
                right += P[t, i, j] * s[t + 1, j]
            if t and signs[t - 1, j]:
                right += P[t - 1, i, j] * s[t - 1, j]
        begun = first[a]
        for c in range(begun, a + 1):
            if place[c, 0] == t:
                total = P[t, i, place[c, 1]] + (P[t - 1, i, place[c, 1]] if t else 0.0)
                if _traded(signs[t]) == 0:  # only differences of multipliers matter
                    total += P[t, 0, 0] + (P[t - 1, 0, 0] if t else 0.0)
            else:
                total = -P[t - 1, i, place[c, 1]]
            for k in range(max(begun, first[c]), c):
                total -= L[a, k - begun] * L[c, k - first[c]]
            if c < a:
                L[a, c - begun] = total / L[c, c - first[c]]
            elif total > 0.0:
                L[a, a - begun] = math.sqrt(total)
            else:
                return False
        for k in range(begun, a):
            right -= L[a, k - begun] * s[place[k, 0], place[k, 1]]
        s[t, i] = right / L[a, a - begun]
    for a in range(m - 1, -1, -1):
        t, i = place[a, 0], place[a, 1]
        s[t, i] /= L[a, a - first[a]]
        for k in range(first[a], a):
            s[place[k, 0], place[k, 1]] -= L[a, k - first[a]] * s[t, i]
    for t in range(h):
        if _traded(signs[t]) == 0:
            _centre(s[t])
    return True


@Kernel
def _centre(s: Floats) -> None:
    """Put the multipliers of a period, of which only differences matter, as near to 0 as can be."""
    low, high = math.inf, -math.inf
    for one in s:
        low, high = min(low, one), max(high, one)
    for i in range(len(s)):
        s[i] -= 0.5 * (low + high)


@Kernel
def _traded(signs: Integers) -> int:
    count = 0
    for sign in signs:
        count += abs(sign)
    return count


@Kernel
def _farthest(wrong: Integers, s: Floats, V: Floats, w0: Floats) -> None:
    """Of an asset's trades that are wrong in the same way in periods one after the other, leave only the most wrong."""
    h, n = s.shape
    for i in range(n):
        t = 0
        while t < h:
            kind, best, most = wrong[t, i], t, -1.0
            while t < h and wrong[t, i] == kind:
                far = abs(V[t, i] - (V[t - 1, i] if t else w0[i])) if kind == 2 else abs(s[t, i])
                if far > most:
                    wrong[best, i], most, best = 0, far, t
                    wrong[t, i] = kind
                else:
                    wrong[t, i] = 0
                t += 1


@Kernel
def _last(wrong: Integers, signs: Integers) -> None:
    """Leave only the last of the wrong trades, or all of its period where none is made: none can be made alone."""
    h, n = wrong.shape
    last, together = -1, False
    for t in range(h - 1, -1, -1):
        for i in range(n - 1, -1, -1):
            if wrong[t, i]:
                if last < 0:
                    last, together = t, _traded(signs[t]) == 0
                elif not (together and t == last):
                    wrong[t, i] = 0


@Kernel
def _settled(V: Floats, w0: Floats, signs: Integers) -> bool:
    """Make weights that are not traded the very same, and the others add up to 1 with them; return whether all is well.

    Rounding of sums would else be carried from one quadratic program to the next, and grow.
    """
    h, n = V.shape
    for t in range(h):
        total, traded = 0.0, 0
        for i in range(n):
            before = V[t - 1, i] if t else w0[i]
            if signs[t, i] == 0 or abs(V[t, i] - before) <= NONE:
                V[t, i] = before
            else:
                traded += 1
            total += V[t, i]
        excess = total - 1.0
        if not abs(excess) <= (SPOILT if traded else SUMS):
            return False
        for i in range(n):
            if traded and V[t, i] != (V[t - 1, i] if t else w0[i]):
                V[t, i] -= excess / traded
            if not V[t, i] > 0.0:
                return False
    return True
