r"""An interior point for weights over periods that only their trades tie together.

.. math::
    \min\ \sum_{t=1}^H \tfrac12 w_t'P_tw_t + q_t'w_t + \sum_i c_i |w_{t,i} - w_{t-1,i}|
    \quad\text{s.t.}\quad 1'w_t = 1,\ \ \ell_t \le w_t \le u_t

Each trade is split, :math:`w_t - w_{t-1} = b_t - p_t` with b, p >= 0, and its multiplier s gives those of b and p
as c - s and c + s. Newton's equations for b, p, s and the multipliers of the bounds are eliminated by hand, which
leaves one n x n block a period,

.. math:: (P_t + Z_t + D_t + D_{t+1})\,\delta_t - D_t\,\delta_{t-1} - D_{t+1}\,\delta_{t+1} + 1\nu_t = r_t,

with diagonal Z (bounds) and D (trades): block tridiagonal with diagonal neighbours. Eliminated forward in time
the inverse N of each block on the plane 1'δ = 0 passes to the next as :math:`D N D` (a Riccati recursion): one
Cholesky inverse a period, cost H n^3, where a general sparse factorisation pays several times that.

Source: Mehrotra's predictor-corrector (Nocedal & Wright, *Numerical Optimization*, 2nd ed., algorithm 16.4); the
elimination in time follows Rao, Wright, Rawlings, "Application of interior-point methods to model predictive
control", JOTA 99 (1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import blas, lapack

from proofolio.arrays import Floats

__all__ = ["Multiperiod", "MultiperiodAnswer"]


ITERATIONS = 60
TO_THE_BOUNDARY = 0.99
NEARLY_ZERO = 1e-3  # of an objective whose largest coefficient is 1
SHORTEST = 1e-9  # a step shorter than this goes nowhere
LEAST = 0.05  # of a multiplier at the start, where the objective's largest number is 1


@dataclass(frozen=True, eq=False)
class MultiperiodAnswer:
    """The last iterate.

    Attributes
    ----------
    converged : bool
        Whether the gap it proves is within the tolerance; see the models' own certificate before believing it.
    W : ndarray, shape (H, n)
        Strictly within the bounds, adding up to 1 to rounding.
    s : ndarray, shape (H, n)
        Multipliers of the trades, at most the cost in size.
    iterations : int
    """

    converged: bool
    W: Floats
    s: Floats
    iterations: int


class _Step(NamedTuple):
    W: Floats
    z: Floats
    y: Floats
    s: Floats
    b: Floats
    p: Floats


class Multiperiod:
    """Solver for given sizes; it keeps its blocks between solves.

    Parameters
    ----------
    n, H : int
        Assets and periods.
    cost : ndarray, shape (n,)
        Of the size of each trade, from 0. Assets with cost 0 are not tied over time.
    lower, upper : ndarray, shape (H, n)
        Finite, lower < upper, with sums below and above 1.
    """

    def __init__(self, n: int, H: int, cost: Floats, lower: Floats, upper: Floats) -> None:
        self._n, self._H = n, H
        self._traded = np.flatnonzero(cost > 0.0)
        self._all = self._traded.size == n
        self._cost = cost[self._traded]
        room = 1.0 - lower.sum(axis=1, keepdims=True)
        self._lower, self._room = lower, room
        self._capped = bool(np.any(upper - lower < room))
        # where no cap binds, the other lower bounds and the budget are the cap
        self._upper = np.minimum(upper, lower + room)
        reach = self._upper - lower
        self._centre = lower + reach * (room / reach.sum(axis=1, keepdims=True))
        self._blocks = np.zeros((H, n, n))
        self._columns = [self._blocks[t].T for t in range(H)]
        self._diagonals = [self._blocks[t].reshape(-1)[:: n + 1] for t in range(H)]
        self._ones = np.ones(n)

    def solve(
        self, P: Floats, q: Floats, before: Floats, tolerance: float = 1e-7, size: float | None = None
    ) -> MultiperiodAnswer:
        """Solve for one set of numbers.

        Parameters
        ----------
        P : ndarray, shape (H, n, n)
            Symmetric positive semidefinite.
        q : ndarray, shape (H, n)
        before : ndarray, shape (n,)
            Weights before the first period.
        tolerance : float
            Of the proven gap, relative to the objective, or to a thousandth of its size where that is more.
        size : float, optional
            Of the objective's largest coefficient; found when left out.
        """
        if size is None:
            steepest = max(float(np.ptp(q)), float(np.abs(P).max()), float(self._cost.max(initial=0.0)))
            size = max(steepest, 1e-300)
        P, q = P / size, q / size
        cost, before = self._cost / size, before[self._traded]
        # far from the end numbers may leave the range of floats; such an iterate is not taken
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return self._iterate(P, q, cost, before, tolerance, size)

    def _iterate(
        self, P: Floats, q: Floats, cost: Floats, before: Floats, tolerance: float, size: float
    ) -> MultiperiodAnswer:
        now, k, gap = self._start(cost, before), 0, np.inf
        for k in range(ITERATIONS + 1):
            PW = np.matmul(P, now.W[:, :, None])[:, :, 0]
            g = PW + q + self._wide(_apart(now.s))
            gap = self._gap(now, PW, q, g, cost, before)
            if k == ITERATIONS or gap <= tolerance:
                break
            step = self._newton(now, P, g, cost)
            if step is None:
                break
            now = step
        return MultiperiodAnswer(gap <= tolerance, now.W, size * self._wide(now.s), k)

    def _start(self, cost: Floats, before: Floats) -> _Step:
        W = self._centre.copy()
        if self._all and abs(before.sum() - 1.0) < 1e-3:
            # halfway to what is held: most of it is kept
            W += 0.5 * (np.clip(before, self._lower, self._upper) - W)
            excess = W.sum(axis=1, keepdims=True) - 1.0
            W -= excess * (W - self._lower) / (1.0 - self._lower.sum(axis=1, keepdims=True) + excess)
            if self._capped and np.any(W >= self._upper):
                W = self._centre.copy()
        apart = 0.1 / self._n
        u = self._trades(W, before)
        b = np.maximum(u, 0.0) + apart
        z = np.maximum(0.1 / self._n / (W - self._lower), LEAST)
        y = np.maximum(0.1 / self._n / (self._upper - W), LEAST) if self._capped else np.zeros((0, 0))
        return _Step(W, z, y, np.zeros((self._H, cost.size)), b, b - u)

    def _trades(self, W: Floats, before: Floats) -> Floats:
        w = W if self._all else W[:, self._traded]
        u = w.copy()
        u[0] -= before
        u[1:] -= w[:-1]
        return u

    def _wide(self, narrow: Floats) -> Floats:
        if self._all:
            return narrow
        full = np.zeros((self._H, self._n))
        full[:, self._traded] = narrow
        return full

    def _gap(self, now: _Step, PW: Floats, q: Floats, g: Floats, cost: Floats, before: Floats) -> float:
        """Return the objective less what its linearisation and the multipliers prove, relative to it."""
        curved = float((now.W * PW).sum())
        traded = float(np.abs(self._trades(now.W, before)).sum(axis=0) @ cost)
        objective = 0.5 * curved + float((q * now.W).sum()) + traded
        proved = -0.5 * curved - float(now.s[0] @ before)
        if self._capped:
            nu = (g - now.z + now.y).mean(axis=1, keepdims=True)
            r = g - nu
            proved += float(nu.sum() + np.minimum(r * self._lower, r * self._upper).sum())
        else:
            proved += float((g * self._lower).sum() + (g.min(axis=1) * self._room[:, 0]).sum())
        return (objective - proved) / max(abs(objective), NEARLY_ZERO)

    def _newton(self, now: _Step, P: Floats, g: Floats, cost: Floats) -> _Step | None:
        """Take one predictor-corrector step; None where it cannot be had or goes nowhere."""
        W, z, y, s, b, p = now
        low, zb, zp = W - self._lower, cost - s, cost + s
        high = self._upper - W if self._capped else y
        products = (low * z, high * y, b * zb, p * zp)
        mu = sum(float(product.sum()) for product in products) / sum(product.size for product in products)
        dual = g - z + y if self._capped else g - z
        dual = dual - dual.mean(axis=1, keepdims=True)
        D = 1.0 / (b / zb + p / zp)
        barrier = z / low + y / high if self._capped else z / low
        tied = self._wide(D)
        if not self._factor(P, barrier, tied):
            return None

        def direction(around: _Step | None, target: float) -> _Step:
            """Solve for the products to become the target, less the predictor's own second-order part."""
            rz, ry, rb, rp = (target - product for product in products)
            if around is not None:
                rz, rb, rp = rz - around.W * around.z, rb + around.b * around.s, rp - around.p * around.s
                if self._capped:
                    ry = ry + around.W * around.y
            push = D * (rb / zb - rp / zp)
            right = rz / low - dual + self._wide(_apart(push))
            if self._capped:
                right -= ry / high
            dW = self._substitute(right, tied)
            du = self._trades(dW, np.zeros(cost.size))
            ds = D * du - push
            db = (rb + b * ds) / zb
            dz = (rz - z * dW) / low
            dy = (ry + y * dW) / high if self._capped else y
            return _Step(dW, dz, dy, ds, db, db - du)

        def longest(d: _Step) -> float:
            blocked = [-d.W / low, -d.z / z, d.s / zb, -d.s / zp, -d.b / b, -d.p / p]
            if self._capped:
                blocked += [d.W / high, -d.y / y]
            return 1.0 / max(max(float(ratio.max(initial=0.0)) for ratio in blocked), 1e-12)

        guess = direction(None, 0.0)
        a = min(1.0, longest(guess))
        after = float(((low + a * guess.W) * (z + a * guess.z)).sum())
        after += float(((b + a * guess.b) * (zb - a * guess.s)).sum())
        after += float(((p + a * guess.p) * (zp + a * guess.s)).sum())
        if self._capped:
            after += float(((high - a * guess.W) * (y + a * guess.y)).sum())
        ahead = after / sum(product.size for product in products)
        final = direction(guess, mu * (ahead / mu) ** 3)
        a = min(1.0, TO_THE_BOUNDARY * longest(final))
        if not (a > SHORTEST and np.isfinite(final.W).all()):
            return None
        return _Step(*(part + a * change for part, change in zip(now, final, strict=True)))

    def _factor(self, P: Floats, barrier: Floats, tied: Floats) -> bool:
        """Put into each block the inverse, on the plane of zero sums, of what is left of it going forward."""
        diagonal = barrier + tied
        diagonal[:-1] += tied[1:]
        for t in range(self._H):
            block = self._blocks[t]
            if t:
                np.multiply(self._blocks[t - 1], tied[t][:, None], out=block)
                block *= tied[t]
                np.subtract(P[t], block, out=block)
            else:
                block[:] = P[0]
            self._diagonals[t] += diagonal[t]
            column = self._columns[t]
            _, failed = lapack.dpotrf(column, lower=1, overwrite_a=1, clean=1)
            if failed:
                return False
            lapack.dpotri(column, lower=1, overwrite_c=1)
            total = blas.dsymv(1.0, column, self._ones, lower=1)
            blas.dsyr(-1.0 / float(total.sum()), total, lower=1, a=column, overwrite_a=1)
        return True

    def _substitute(self, right: Floats, tied: Floats) -> Floats:
        columns, H = self._columns, self._H
        ahead = [blas.dsymv(1.0, columns[0], right[0], lower=1)]
        for t in range(1, H):
            ahead.append(blas.dsymv(1.0, columns[t], right[t] + tied[t] * ahead[t - 1], lower=1))
        for t in range(H - 2, -1, -1):
            ahead[t] += blas.dsymv(1.0, columns[t], tied[t + 1] * ahead[t + 1], lower=1)
        return np.array(ahead)


def _apart(s: Floats) -> Floats:
    """Return s_t - s_{t+1}: what the multipliers of the trades add to the gradient of each period."""
    made = s.copy()
    made[:-1] -= s[1:]
    return made
