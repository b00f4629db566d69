r"""The interior point of `multiperiod` on many problems of equal size at once.

Every array has the problems as its last axis, so that one numpy call serves them all, and what the method decides
(how far to step, where to aim, when to stop) it decides for each. The equations of a problem are one band matrix
over all periods, factorised column by column across the problems,

.. math:: K = LDL', \qquad K\delta + E\nu = r, \quad E'\delta = 0,

with E the budgets, whose Schur complement :math:`E'K^{-1}E` has one row a period.

A problem stops when the gap it proves is within the tolerance, and is taken out with the others that have stopped
once these are a quarter. Every problem's gap is returned, whether it is small enough or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.solvers.quadratic.multiperiod import Iterate, Multiperiod, Prices, trade_balance
from proofolio.solvers.quadratic.multiperiod_kernel import ITERATIONS, OF_HELD, UNBLOCKED

__all__ = ["MultiperiodAnswers", "MultiperiodBatch"]


MEMORY = 2**24  # bytes of the equations that are solved together
FEWEST = 16  # problems together, whatever they need
FINISHED = 0.25  # of the problems: when so many have stopped the others go on without them


@dataclass(frozen=True, eq=False)
class MultiperiodAnswers:
    """Of each problem the iterate with the smallest proven gap.

    Attributes
    ----------
    W : ndarray, shape (B, H, n)
        Strictly within the bounds, adding up to 1 to rounding.
    s : ndarray, shape (B, H, n)
        Multipliers of the trades.
    gap : ndarray, shape (B,)
        Relative, as of `Multiperiod.solve`; infinite where nothing is proved.
    iterations : ndarray of int, shape (B,)
        After which that iterate was found.
    """

    W: Floats
    s: Floats
    gap: Floats
    iterations: Integers


class MultiperiodBatch(Multiperiod):
    """Solver of many problems of one size, with the same bounds; arguments as for `Multiperiod`.

    `cost` and `power` are those of every problem, times what `solve_many` is given.
    """

    def __init__(
        self, n: int, H: int, cost: Floats, lower: Floats, upper: Floats, power: Floats | None = None
    ) -> None:
        super().__init__(n, H, cost, lower, upper, power)
        self._lower, self._upper = self._lower[..., None], self._upper[..., None]
        self._room, self._centre = self._room[..., None], self._centre[..., None]

    def solve_many(
        self, P: Floats, q: Floats, before: Floats, size: Floats, tolerance: float, times: Floats
    ) -> MultiperiodAnswers:
        """Solve for many sets of numbers.

        Parameters
        ----------
        P : ndarray, shape (B, H, n, n)
            Symmetric positive semidefinite.
        q : ndarray, shape (B, H, n)
        before : ndarray, shape (B, n)
        size : ndarray, shape (B,)
            Of each objective's largest coefficient, above 0.
        tolerance : float
        times : ndarray, shape (B,)
            How many times the costs count in each.
        """
        B, H, n = q.shape
        together = max(FEWEST, MEMORY // (8 * (H * n) ** 2))
        W, s = np.empty((B, H, n)), np.zeros((B, H, n))
        gap, iterations = np.full(B, np.inf), np.zeros(B, dtype=np.intp)
        cost, power = self._prices
        with np.errstate(all="ignore"):  # an iterate that leaves the range of floats is not taken
            for first in range(0, B, together):
                some = slice(first, first + together)
                part, scale = times[some] / size[some], size[some]
                prices = Prices(cost[:, None] * part, None if power is None else power[:, None] * part)
                found = self._all_of(
                    np.ascontiguousarray(P[some].transpose(1, 2, 3, 0)) / scale,
                    np.ascontiguousarray(q[some].transpose(1, 2, 0)) / scale,
                    prices,
                    np.ascontiguousarray(before[some].T),
                    tolerance,
                )
                W[some], gap[some], iterations[some] = found[0].transpose(2, 0, 1), found[2], found[3]
                s[some] = (self._wide(found[1]) * scale).transpose(2, 0, 1)
        return MultiperiodAnswers(W, s, gap, iterations)

    def _all_of(
        self, P: Floats, q: Floats, prices: Prices, before: Floats, tolerance: float
    ) -> tuple[Floats, Floats, Floats, Integers]:
        held = before[self._traded]
        now = self._start(prices, before)
        W, s = now.W.copy(), now.s.copy()
        gap, iterations = np.full(q.shape[-1], np.inf), np.zeros(q.shape[-1], dtype=np.intp)
        open_ = np.arange(q.shape[-1])
        for k in range(ITERATIONS + 1):
            PW = self._curved(P, now.W)
            g = PW + q + self._wide(trade_balance(now.s))
            found = self._gap(now, PW, q, g, prices, held)
            # what is finished stays as it is while others go on: an answer does not depend on its companions
            better = np.flatnonzero((found < gap[open_]) & (gap[open_] > tolerance))
            place = open_[better]
            W[..., place], s[..., place] = now.W[..., better], now.s[..., better]
            gap[place], iterations[place] = found[better], k
            left = np.flatnonzero((gap[open_] > tolerance) & np.isfinite(found))
            if not left.size or k == ITERATIONS:
                break
            if left.size <= (1.0 - FINISHED) * open_.size:
                now = Iterate(*(np.ascontiguousarray(part[..., left]) for part in now))
                P, q, g, held = (np.ascontiguousarray(part[..., left]) for part in (P, q, g, held))
                prices = Prices(*(None if part is None else part[..., left] for part in prices))  # type: ignore[arg-type]
                open_ = open_[left]
            now = self._newton(now, P, g, prices)  # type: ignore[assignment]  # it always has one
        return W, s, gap, iterations

    def _curved(self, P: Floats, W: Floats) -> Floats:
        product: Floats = np.einsum("tijb,tjb->tib", P, W)
        return product

    def _start(self, prices: Prices, before: Floats) -> Iterate:
        W = np.repeat(self._centre, before.shape[-1], axis=-1)
        if self._all:
            moved = W + 0.5 * (np.clip(before, self._lower, self._upper) - W)
            excess = moved.sum(axis=1, keepdims=True) - 1.0
            low = self._lower
            moved -= excess * (moved - low) / (1.0 - low.sum(axis=1, keepdims=True) + excess)
            near = np.abs(before.sum(axis=0) - 1.0) < OF_HELD
            if self._capped:
                near &= (moved < self._upper).all(axis=(0, 1))
            W = np.where(near, moved, W)
        return self._started(W, prices, before[self._traded])

    @staticmethod
    def _total(x: Floats) -> Any:
        return x.reshape(-1, x.shape[-1]).sum(axis=0)

    @staticmethod
    def _longest(ratios: list[Floats]) -> Any:
        most = np.full(ratios[0].shape[-1], UNBLOCKED)
        for ratio in ratios:
            np.maximum(most, ratio.reshape(-1, ratio.shape[-1]).max(axis=0, initial=0.0), out=most)
        return 1.0 / most

    def _worth(self, a: Any, step: Iterate) -> bool:
        """Go on: the gaps say which steps were no good."""
        return True

    def _factor(self, P: Floats, barrier: Floats, tied: Floats) -> bool:
        n, H, B = self._n, self._H, P.shape[-1]
        N = n * H
        diagonal = barrier + tied
        diagonal[:-1] += tied[1:]
        K = np.zeros((N, N, B)) if H > 1 else P[0].copy()
        each = np.arange(n)
        for t in range(H):
            here = slice(t * n, (t + 1) * n)
            if H > 1:
                K[here, here] = P[t]
            K[t * n + each, t * n + each] += diagonal[t]
            if t:
                K[t * n + each, (t - 1) * n + each] = -tied[t]
        D = np.empty((N, B))
        for k in range(N):
            low, high = max(0, k - n), min(N, k + n + 1)
            if k:
                K[k:high, k] -= np.einsum("ijb,jb->ib", K[k:high, low:k], K[k, low:k] * D[low:k])
            D[k] = K[k, k]
            K[k + 1 : high, k] /= D[k]
        self._band, self._pivots, self._given, self._diagonal = K, D, P, diagonal
        # the budgets: one column a period
        E = np.zeros((N, H, B))
        for t in range(H):
            E[t * n : (t + 1) * n, t] = 1.0
        self._sides = self._solved(E)
        sums = self._sides.reshape(H, n, H, B).sum(axis=1)
        self._schur = 1.0 / sums if H == 1 else np.linalg.inv(sums.transpose(2, 0, 1)).transpose(1, 2, 0)
        return True

    def _solved(self, right: Floats) -> Floats:
        """Solve with the factors for columns (N, columns, B), in place."""
        K, n, N = self._band, self._n, len(right)
        for k in range(1, N):
            low = max(0, k - n)
            right[k] -= np.einsum("jb,jrb->rb", K[k, low:k], right[low:k])
        right /= self._pivots[:, None]
        for k in range(N - 2, -1, -1):
            high = min(N, k + n + 1)
            right[k] -= np.einsum("jb,jrb->rb", K[k + 1 : high, k], right[k + 1 : high])
        return right

    def _substitute(self, right: Floats, tied: Floats) -> Floats:
        found = self._balanced(right)
        # once more for what rounding left: near the end K is so scaled that the budgets cancel its largest numbers
        left = right - self._curved(self._given, found) - self._diagonal * found
        left[1:] += tied[1:] * found[:-1]
        left[:-1] += tied[1:] * found[1:]
        return found + self._balanced(left - left.mean(axis=1, keepdims=True))

    def _balanced(self, right: Floats) -> Floats:
        """Solve on the plane of zero sums, but for rounding."""
        H, n, B = right.shape
        found = self._solved(right.reshape(H * n, 1, B).copy())[:, 0]
        sums = found.reshape(H, n, B).sum(axis=1)
        found -= np.einsum("itb,tb->ib", self._sides, np.einsum("tsb,sb->tb", self._schur, sums))
        found = found.reshape(H, n, B)
        return found
