r"""An interior point for weights over periods that only their trades tie together.

.. math::
    \min\ \sum_{t=1}^H \tfrac12 w_t'P_tw_t + q_t'w_t
    + \sum_i c_i |w_{t,i} - w_{t-1,i}| + k_i |w_{t,i} - w_{t-1,i}|^{3/2}
    \quad\text{s.t.}\quad 1'w_t = 1,\ \ \ell_t \le w_t \le u_t

Each trade is split, :math:`w_t - w_{t-1} = b_t - p_t` with b, p >= 0 and a multiplier s. Without the power 3/2 those
of b and p are c - s and c + s; with it they are variables of their own, and Newton's method closes

.. math:: c + \tfrac32 k \sqrt{b} - s - x_b = 0, \qquad c + \tfrac32 k \sqrt{p} + s - x_p = 0.

Newton's equations for b, p, s and the multipliers of the bounds are eliminated by hand, which leaves one n x n block
a period,

.. math:: (P_t + Z_t + D_t + D_{t+1})\,\delta_t - D_t\,\delta_{t-1} - D_{t+1}\,\delta_{t+1} + 1\nu_t = r_t,

with diagonal Z (bounds) and :math:`1/D = 1/H_b + 1/H_p`, :math:`H_b = \tfrac34 k/\sqrt{b} + x_b/b` (trades): block
tridiagonal with diagonal neighbours. Eliminated forward in time the inverse N of each block on the plane 1'δ = 0
passes to the next as :math:`D N D` (a Riccati recursion): one Cholesky inverse a period, cost H n^3, where a general
sparse factorisation pays several times that.

Source: Mehrotra's predictor-corrector (Nocedal & Wright, *Numerical Optimization*, 2nd ed., algorithm 16.4); the
elimination in time follows Rao, Wright, Rawlings, "Application of interior-point methods to model predictive
control", JOTA 99 (1998).

`multiperiod_kernel` has the same method as machine code; this form in numpy is its reference, and is quicker where the
blocks are large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import blas, lapack

from proofolio.arrays import Floats
from proofolio.solvers.quadratic.multiperiod_kernel import (
    ITERATIONS,
    LEAST,
    NEARLY_ZERO,
    OF_HELD,
    SHORTEST,
    TO_THE_BOUNDARY,
    UNBLOCKED,
)

__all__ = ["Iterate", "Multiperiod", "MultiperiodAnswer", "Prices", "trade_balance"]


@dataclass(frozen=True, eq=False)
class MultiperiodAnswer:
    """The iterate with the smallest proven gap.

    Attributes
    ----------
    converged : bool
        Whether the gap it proves is within the tolerance; see the models' own certificate before believing it.
    W : ndarray, shape (H, n)
        Strictly within the bounds, adding up to 1 to rounding.
    s : ndarray, shape (H, n)
        Multipliers of the trades; without the power 3/2 at most the cost in size.
    iterations : int
    """

    converged: bool
    W: Floats
    s: Floats
    iterations: int


class Iterate(NamedTuple):
    """Weights with the multipliers z, y of their bounds; trades with s; what is bought and sold, v, with theirs, x."""

    W: Floats
    z: Floats
    y: Floats
    s: Floats
    v: Floats
    x: Floats


class Prices(NamedTuple):
    """Of trades: c, and k or None where no trade has a cost of the power 3/2."""

    cost: Floats
    power: Floats | None


class Multiperiod:
    """Solver for given sizes; it keeps its blocks between solves.

    Parameters
    ----------
    n, H : int
        Assets and periods.
    cost : ndarray, shape (n,)
        Of the size of each trade, from 0. Assets whose trades cost nothing are not tied over time.
    lower, upper : ndarray, shape (H, n)
        Finite, lower < upper, with sums below and above 1.
    power : ndarray, shape (n,), optional
        k, of the size of each trade to the power 3/2, from 0.
    """

    def __init__(
        self, n: int, H: int, cost: Floats, lower: Floats, upper: Floats, power: Floats | None = None
    ) -> None:
        self._n, self._H = n, H
        self._traded = np.flatnonzero(cost if power is None else (cost > 0.0) | (power > 0.0))
        self._all = self._traded.size == n
        powered = power is not None and bool(power.any())
        self._prices = Prices(cost[self._traded], power[self._traded] if powered else None)  # type: ignore[index]
        room = 1.0 - lower.sum(axis=1, keepdims=True)
        self._lower, self._room = lower, room
        self._capped = bool(np.any(upper - lower < room))
        # where no cap binds, the other lower bounds and the budget are the cap
        self._upper = np.minimum(upper, lower + room)
        reach = self._upper - lower
        self._centre = lower + reach * (room / reach.sum(axis=1, keepdims=True))
        # of all products of a bound and its multiplier
        self._count = H * n * (2 if self._capped else 1) + 2 * H * self._traded.size
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
            largest = (
                np.ptp(q),
                np.abs(P).max(),
                *(each.max(initial=0.0) for each in self._prices if each is not None),
            )
            size = max(*map(float, largest), 1e-300)
        P, q = P / size, q / size
        prices, before = self._priced(size), before[self._traded]
        # far from the end numbers may leave the range of floats; such an iterate is not taken
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            best, k, gap = self._iterate(P, q, prices, before, tolerance)
        return MultiperiodAnswer(gap <= tolerance, best.W, size * self._wide(best.s), k)

    def _priced(self, size: Any) -> Prices:
        cost, power = self._prices
        return Prices(cost / size, None if power is None else power / size)

    def _iterate(
        self, P: Floats, q: Floats, prices: Prices, before: Floats, tolerance: float
    ) -> tuple[Iterate, int, float]:
        now, k = self._start(prices, before), 0
        best, least = now, np.inf
        for k in range(ITERATIONS + 1):
            PW = self._curved(P, now.W)
            g = PW + q + self._wide(trade_balance(now.s))
            gap = self._gap(now, PW, q, g, prices, before)
            if gap < least:
                best, least = now, gap
            if k == ITERATIONS or gap <= tolerance:
                break
            step = self._newton(now, P, g, prices)
            if step is None:
                break
            now = step
        return best, k, least

    def _curved(self, P: Floats, W: Floats) -> Floats:
        product: Floats = np.matmul(P, W[:, :, None])[:, :, 0]
        return product

    def _start(self, prices: Prices, before: Floats) -> Iterate:
        W = self._centre.copy()
        if self._all and abs(before.sum() - 1.0) < OF_HELD:
            # halfway to what is held: most of it is kept
            W += 0.5 * (np.clip(before, self._lower, self._upper) - W)
            excess = W.sum(axis=1, keepdims=True) - 1.0
            W -= excess * (W - self._lower) / (1.0 - self._lower.sum(axis=1, keepdims=True) + excess)
            if self._capped and np.any(W >= self._upper):
                W = self._centre.copy()
        return self._started(W, prices, before)

    def _started(self, W: Floats, prices: Prices, before: Floats) -> Iterate:
        apart = 0.1 / self._n
        u = self._trades(W, before)
        v = np.array((np.maximum(u, 0.0), np.maximum(-u, 0.0))) + apart
        z = np.maximum(apart / (W - self._lower), LEAST)
        y = np.maximum(apart / (self._upper - W), LEAST) if self._capped else W[:0]
        x = prices.cost + np.zeros_like(v)
        if prices.power is not None:
            x = np.where(prices.power > 0.0, np.maximum(x + 1.5 * prices.power * np.sqrt(v), LEAST), x)
        return Iterate(W, z, y, np.zeros_like(u), v, x)

    def _trades(self, W: Floats, before: Floats | float) -> Floats:
        w = W if self._all else W[:, self._traded]
        u = w.copy()
        u[0] -= before
        u[1:] -= w[:-1]
        return u

    def _wide(self, narrow: Floats) -> Floats:
        if self._all:
            return narrow
        full = np.zeros((self._H, self._n, *narrow.shape[2:]))
        full[:, self._traded] = narrow
        return full

    @staticmethod
    def _total(x: Floats) -> Any:
        """Add up what belongs to one problem."""
        return float(x.sum())

    @staticmethod
    def _longest(ratios: list[Floats]) -> Any:
        """Return how far a step may go before a ratio of what it takes from something and that reaches 1."""
        return 1.0 / max(max(float(ratio.max(initial=0.0)) for ratio in ratios), UNBLOCKED)

    def _gap(self, now: Iterate, PW: Floats, q: Floats, g: Floats, prices: Prices, before: Floats) -> Any:
        """Return the objective less what its linearisation and the multipliers prove, relative to it."""
        total = self._total
        curved = total(now.W * PW)
        amount = np.abs(self._trades(now.W, before))
        objective = 0.5 * curved + total(q * now.W) + total(amount * prices.cost)
        proved = -0.5 * curved - total(now.s[:1] * before)
        if prices.power is not None:
            k = prices.power
            objective = objective + total(amount * np.sqrt(amount) * k)
            # without the power s stays within the cost but for rounding, which the models' certificate minds
            beyond = np.where(k > 0.0, np.maximum(np.abs(now.s) - prices.cost, 0.0), 0.0)
            proved = proved - (4.0 / 27.0) * total(beyond**3 / np.where(k > 0.0, k, 1.0) ** 2)
        if self._capped:
            nu = (g - now.z + now.y).mean(axis=1, keepdims=True)
            r = g - nu
            proved = proved + total(nu) + total(np.minimum(r * self._lower, r * self._upper))
        else:
            proved = proved + total(g * self._lower) + total(g.min(axis=1, keepdims=True) * self._room)
        return (objective - proved) / np.maximum(np.abs(objective), NEARLY_ZERO)

    def _newton(self, now: Iterate, P: Floats, g: Floats, prices: Prices) -> Iterate | None:
        """Take one predictor-corrector step; None where it cannot be had or goes nowhere."""
        W, z, y, s, v, x = now
        total, power = self._total, prices.power
        low = W - self._lower
        high = self._upper - W if self._capped else y
        products = (low * z, high * y, v * x)
        mu = (total(products[0]) + total(products[1]) + total(products[2])) / self._count
        dual = g - z + y if self._capped else g - z
        dual = dual - dual.mean(axis=1, keepdims=True)
        if power is None:
            give = v / x  # of a trade to its multiplier
        else:
            pull = power * np.sqrt(v)
            off = prices.cost + 1.5 * pull - x
            off[0] -= s
            off[1] += s
            give = v / (0.75 * pull + x)
        D = 1.0 / (give[0] + give[1])
        barrier = z / low + y / high if self._capped else z / low
        tied = self._wide(D)
        if not self._factor(P, barrier, tied):
            return None

        def direction(around: Iterate | None, target: Any) -> Iterate:
            """Solve for the products to become the target, less the predictor's own second-order part."""
            rz, ry, rv = (target - product for product in products)
            if around is not None:
                rz, rv = rz - around.W * around.z, rv - around.v * around.x
                if self._capped:
                    ry = ry + around.W * around.y
            pushed = rv / x if power is None else (rv / v - off) * give
            push = D * (pushed[0] - pushed[1])
            right = rz / low - dual + self._wide(trade_balance(push))
            if self._capped:
                right -= ry / high
            dW = self._substitute(right, tied)
            du = self._trades(dW, 0.0)
            ds = D * du - push
            dv = np.empty_like(v)
            np.add(give[0] * ds, pushed[0], out=dv[0])
            np.subtract(dv[0], du, out=dv[1])
            dx = (rv - x * dv) / v
            dz = (rz - z * dW) / low
            dy = (ry + y * dW) / high if self._capped else y
            return Iterate(dW, dz, dy, ds, dv, dx)

        def longest(d: Iterate) -> Any:
            blocked = [d.W / -low, d.z / -z, d.v / -v, d.x / -x]
            if self._capped:
                blocked += [d.W / high, d.y / -y]
            return self._longest(blocked)

        guess = direction(None, 0.0)
        a = np.minimum(1.0, longest(guess))
        after = total((low + a * guess.W) * (z + a * guess.z)) + total((v + a * guess.v) * (x + a * guess.x))
        if self._capped:
            after = after + total((high - a * guess.W) * (y + a * guess.y))
        ahead = after / self._count
        final = direction(guess, mu * (ahead / mu) ** 3)
        a = np.minimum(1.0, TO_THE_BOUNDARY * longest(final))
        if not self._worth(a, final):
            return None
        made = Iterate(*(part + a * change for part, change in zip(now, final, strict=True)))
        return (
            made
            if power is not None
            else made._replace(x=np.array((prices.cost - made.s, prices.cost + made.s)))
        )

    def _worth(self, a: Any, step: Iterate) -> bool:
        return bool(a > SHORTEST and np.isfinite(step.W).all())

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


def trade_balance(s: Floats) -> Floats:
    """Return s_t - s_{t+1}: what the multipliers of the trades add to the gradient of each period."""
    made = s.copy()
    made[:-1] -= s[1:]
    return made
