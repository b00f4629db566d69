r"""Many small quadratic programs over a budget and a box, solved together.

.. math::
    \phi(c) = \min\ w'Qw + c'w \quad\text{s.t.}\quad \textstyle\sum_i w_i = 1,\ \ \ell \le w \le u

A primal active-set method (Nocedal & Wright, *Numerical Optimization*, 2nd ed., algorithm 16.3) runs on all
programs at once, in numpy or as machine code (`simplex_kernel`). With the free weights F and the projection
:math:`C = I - 11'/|F|`, the step is :math:`p = -Hg_F` with :math:`H = C(2CQ_{FF}C + \delta I + s(I - C))^{-1}C`, in
numpy kept from call to call: a program whose active set survives a change of c costs one product. The :math:`\delta`
makes a singular Q no special case: a direction without curvature becomes a long step, which the ratio test stops at a
bound.

Whatever the weights are, convexity gives the bound of Frank & Wolfe (1956)

.. math::
    \phi(c) \ge f(w) + \min_{v} \nabla f(w)'(v - w),

a knapsack over the same set. Every value reported as a bound is this one.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.compiled import active
from proofolio.errors import SolverFailure
from proofolio.program.builder import Builder
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.quadratic.simplex_kernel import RESIDUAL, ROUGH, step_kernel
from proofolio.solvers.solution import Settings

__all__ = ["SimplexQPs", "cheapest_point", "convexity_defect"]


PROXIMAL = 1e-11
# A gap beyond this part of the value's terms is handed to an interior-point method.
GAP = 1e-9
DEFECT = 1e-12
# What a family keeps of each of its programs.
OF_EACH = (
    *("_which", "lower", "upper", "_movable", "_rest", "_margin", "_delta"),
    *("w", "_free", "_index", "_count", "_H", "_started"),
)


def convexity_defect(Q: Floats) -> float | None:
    """Return d >= 0 such that Q + d I is positive semidefinite for every matrix of a stack, or None.

    Only a defect of rounding size (1e-12 of the trace) is forgiven; beyond it the answer is None.
    """
    n = Q.shape[-1]
    size = DEFECT * float(np.maximum(np.trace(Q, axis1=-2, axis2=-1), np.finfo(float).tiny).max())
    shift = np.maximum(DEFECT * np.trace(Q, axis1=-2, axis2=-1), np.finfo(float).tiny)
    flat = np.abs(Q).max(axis=(-2, -1)) == 0.0
    try:
        np.linalg.cholesky(Q[~flat] + shift[~flat][..., None, None] * np.eye(n))
    except np.linalg.LinAlgError:
        return None
    return size


def cheapest_point(g: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the v minimising g'v over the budget and the box, for every row of g (..., n)."""
    order = np.argsort(g, axis=-1, kind="stable")
    room = np.take_along_axis(np.broadcast_to(upper - lower, g.shape), order, -1)
    rest = 1.0 - lower.sum(axis=-1, keepdims=True)
    taken = np.clip(rest - (np.cumsum(room, axis=-1) - room), 0.0, room)
    v = np.empty_like(g)
    np.put_along_axis(v, order, taken, -1)
    point: Floats = np.minimum(lower + v, upper)
    return point


class SimplexQPs:
    """A family of such programs in (state d, period t) that keeps its active sets from one c to the next.

    Parameters
    ----------
    Q : ndarray, shape (D, S, n, n)
        Symmetric positive semidefinite; S is T, or 1 where Q is the same in every period.
    lower, upper : ndarray, shape (T, n)
        Bounds that leave room for a budget of 1.
    defect : float
        What `convexity_defect` says of Q; the bounds make up for it.
    """

    def __init__(self, Q: Floats, lower: Floats, upper: Floats, defect: float = 0.0) -> None:
        D, S, n = Q.shape[:3]
        T = lower.shape[0]
        self.shape = (D, T, n)
        self._curved = np.require(Q, np.float64, ["C", "W"]).reshape(D * S, n, n)
        self._which = (np.arange(D)[:, None] * S + (np.arange(T) if S > 1 else np.zeros(T, int))).ravel()
        self.lower = np.tile(lower, (D, 1))
        self.upper = np.tile(upper, (D, 1))
        self._movable = self.upper > self.lower
        rest = 1.0 - self.lower.sum(axis=1)
        self._simple = bool(np.all(self.upper - self.lower >= rest[:, None]))
        self._rest = rest
        reach = np.minimum(self.upper - self.lower, rest[:, None])
        self._margin = defect * np.minimum((reach * reach).sum(axis=1), 2.0 * rest * rest)
        B = D * T
        self.w = np.zeros((B, n))
        self._free = np.zeros((B, n), dtype=bool)
        self._index: Integers = np.zeros((B, 1), dtype=np.intp)
        self._count = np.zeros(B, dtype=np.intp)
        self._H: Floats = np.zeros((B, 1, 1))
        self._started = np.zeros(B, dtype=bool)
        self._compiled = active()
        size = np.trace(self._curved, axis1=1, axis2=2) / n
        self._delta = PROXIMAL * np.maximum(size, 1e-6 * max(float(size.max()), 1e-12))[self._which]

    def taken(self, programs: Integers) -> SimplexQPs:
        """Return a family of some programs (B,), numbered d T + t, repeated or not: its shape is (B, 1, n).

        Each goes on from the active set of the program it is a copy of.
        """
        family = copy(self)
        family.shape = (programs.size, 1, self.shape[2])
        for name in OF_EACH:
            setattr(family, name, getattr(self, name)[programs])
        return family

    def minimise(
        self, c: Floats, only: Mask | None = None, deadline: Deadline = NEVER
    ) -> tuple[Floats, Floats, Floats]:
        """Return the weights (D, T, n), their values (D, T), and lower bounds on the minima (D, T).

        Parameters
        ----------
        c : ndarray, shape (D, T, n)
        only : ndarray of bool, shape (D, T), optional
            Which of the programs are asked for; the others keep old weights and have infinite values.
        deadline : Deadline
            When it has passed the weights stay where they have come to: feasible, their bounds true but weak.
        """
        D, T, n = self.shape
        slope = np.require(c.reshape(D * T, n), np.float64, ["C", "W"])
        asked = np.arange(D * T) if only is None else np.flatnonzero(only.ravel())
        fresh = asked[~self._started[asked]]
        if fresh.size:
            self._start(fresh, slope)
        self._iterate(asked, slope, deadline)
        value, bound, g = self._bounded(asked, slope)
        terms = np.abs(slope[asked]).max(axis=1) + np.abs(g).max(axis=1)
        for place in np.flatnonzero(value - bound - self._margin[asked] > GAP * terms):
            if deadline.passed:
                break
            self._interior_point(int(asked[place]), slope, deadline)
            one = asked[place : place + 1]
            value[place : place + 1], bound[place : place + 1], _ = self._bounded(one, slope)
        values, bounds = np.full(D * T, np.inf), np.full(D * T, np.inf)
        values[asked], bounds[asked] = value, bound
        return self.w.copy().reshape(D, T, n), values.reshape(D, T), bounds.reshape(D, T)

    def _gradient(self, which: Integers, slope: Floats) -> Floats:
        kind, w = self._which[which], self.w[which]
        kinds = self._curved.shape[0]
        if 4 * kinds > which.size:
            g: Floats = np.matmul(self._curved[kind], w[..., None])[..., 0]
        else:
            g = np.empty_like(w)
            for each in range(kinds):
                same = np.flatnonzero(kind == each)
                g[same] = w[same] @ self._curved[each]
        return 2.0 * g + slope[which]

    def _bounded(self, which: Integers, slope: Floats) -> tuple[Floats, Floats, Floats]:
        g, w, c = self._gradient(which, slope), self.w[which], slope[which]
        value = 0.5 * ((g + c) * w).sum(axis=1)
        low = self.lower[which]
        if self._simple:
            least = (g * low).sum(axis=1) + self._rest[which] * g.min(axis=1)
        else:
            least = (g * cheapest_point(g, low, self.upper[which])).sum(axis=1)
        rounding = 1e-15 * self.shape[2] * (np.abs(g) + np.abs(c)).max(axis=1)
        return value, value + np.minimum(least - (g * w).sum(axis=1), 0.0) - self._margin[which] - rounding, g

    def _start(self, which: Integers, slope: Floats) -> None:
        """Begin at the vertex that is cheapest for the slope at its own corner."""
        low, high = self.lower[which], self.upper[which]
        diagonal = np.diagonal(self._curved, axis1=1, axis2=2)[self._which[which]]
        w = cheapest_point(slope[which] + diagonal, low, high)
        inside = self._movable[which]
        # the one between its bounds is free, or else the one with the most weight
        between = inside & (w > low) & (w < high)
        key = np.where(between, np.inf, np.where(inside, w - low, -1.0))
        first = key.argmax(axis=1)
        self.w[which] = w
        self._free[which] = False
        self._free[which, first] = inside[np.arange(which.size), first]
        self._started[which] = True
        if not self._compiled:
            self._factor(which)

    def _factor(self, which: Integers) -> None:
        """Renew the step matrices of programs whose free weights changed."""
        free = self._free[which]
        count = free.sum(axis=1)
        k = int(count.max(initial=1))
        if k > self._index.shape[1]:
            self._grow(min(self.shape[2], k + 4))
        order = np.argsort(~free, axis=1, kind="stable")[:, :k]
        held = np.arange(k) < count[:, None]
        K = 2.0 * self._curved[self._which[which][:, None, None], order[:, :, None], order[:, None, :]]
        # C = I - 11'/k over the free weights, nothing elsewhere; K then acts where the budget lets weights move
        C = np.eye(k) - 1.0 / np.maximum(count, 1)[:, None, None]
        C *= held[:, :, None] & held[:, None, :]
        K = C @ K @ C
        size = np.trace(K, axis1=1, axis2=2) / np.maximum(count - 1, 1)
        K += np.maximum(size, self._delta[which])[:, None, None] * (np.eye(k) - C)
        K[:, np.arange(k), np.arange(k)] += self._delta[which][:, None]
        H = C @ np.linalg.inv(K) @ C
        self._index[which, :k], self._index[which, k:] = order, 0
        self._count[which] = count
        self._H[which] = 0.0
        self._H[which, :k, :k] = H

    def _grow(self, k: int) -> None:
        B, old = self._index.shape
        index, H = np.zeros((B, k), dtype=np.intp), np.zeros((B, k, k))
        index[:, :old], H[:, :old, :old] = self._index, self._H
        self._index, self._H = index, H

    def _iterate(self, asked: Integers, slope: Floats, deadline: Deadline) -> None:
        n = self.shape[2]
        open_, passes = asked, 0
        while open_.size and passes < 20 + 10 * n and not deadline.passed:
            passes += 1
            if not self._compiled:
                open_ = self._step(open_, slope)
                continue
            left = np.empty(open_.size, dtype=bool)
            step_kernel(
                self._curved, self._which, self.lower, self.upper, self._delta, slope, open_, self.w, self._free, left
            )  # fmt: skip
            open_ = open_[left]

    def _step(self, which: Integers, slope: Floats) -> Integers:
        """Take one step in every program and return those that are not optimal yet."""
        k = max(int(self._count[which].max(initial=1)), 1)
        rows = np.arange(which.size)[:, None]
        index = self._index[which, :k]
        count = self._count[which]
        held = (np.arange(k) < count[:, None]) & (count > 1)[:, None]  # one free weight is held by the budget
        g = self._gradient(which, slope)
        own = np.take_along_axis(g, index, 1)
        p = -np.matmul(self._H[which, :k, :k], own[..., None])[..., 0]
        w = np.take_along_axis(self.w[which], index, 1)
        high = np.take_along_axis(self.upper[which], index, 1)
        low = np.take_along_axis(self.lower[which], index, 1)
        side = np.where(p > 0, high, low)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(held & (p != 0.0), (side - w) / p, np.inf)
        blocking = ratio.argmin(axis=1)
        step = np.take_along_axis(ratio, blocking[:, None], 1)[:, 0]
        blocked = step < 1.0
        step = np.clip(step, 0.0, 1.0)
        moved = np.where(held, np.clip(w + step[:, None] * p, low, high), 0.0)  # rounding may lead out
        hit = np.flatnonzero(blocked)
        moved[hit, blocking[hit]] = side[hit, blocking[hit]]
        full = self.w[which]
        full[np.broadcast_to(rows, index.shape)[held], index[held]] = moved[held]
        self.w[which] = full
        if hit.size:
            self._free[which[hit], index[hit, blocking[hit]]] = False
        done = np.flatnonzero(~blocked)
        entering = self._entering(which[done], slope)
        enters = np.flatnonzero(entering >= 0)
        self._free[which[done[enters]], entering[enters]] = True
        changed = np.concatenate([hit, done[enters]])
        if changed.size:
            self._factor(which[changed])
        left: Integers = which[np.sort(np.concatenate([changed, done[entering == -2]]))]
        return left

    def _entering(self, which: Integers, slope: Floats) -> Integers:
        """Return the weight to free in each program; -1 where it is optimal, -2 where a step is to be refined."""
        if not which.size:
            return np.empty(0, dtype=np.intp)
        g, free, w = self._gradient(which, slope), self._free[which], self.w[which]
        count = np.maximum(free.sum(axis=1), 1)
        level = (g * free).sum(axis=1) / count
        tolerance = RESIDUAL * np.maximum(np.abs(g).max(axis=1), np.abs(slope[which]).max(axis=1))
        off = g - level[:, None]
        gain = np.where(w >= self.upper[which], off, np.where(w <= self.lower[which], -off, 0.0))
        gain = np.where(free | ~self._movable[which], 0.0, gain)
        best = gain.argmax(axis=1)
        found = np.where(gain[np.arange(which.size), best] > tolerance, best, -1)
        rough = np.where(free, np.abs(off), 0.0).max(axis=1) > ROUGH * tolerance
        chosen: Integers = np.where(rough, -2, np.where(free.any(axis=1), found, -1))
        return chosen

    def _interior_point(self, one: int, slope: Floats, deadline: Deadline) -> None:
        """Replace the weights of one program by an interior-point method's, where those are better."""
        model = Builder()
        w = model.variable("w", self.shape[2], self.lower[one], self.upper[one])
        model.add("budget", w.sum() == 1)
        model.minimise(model.quadratic(self._curved[self._which[one]], w) + (slope[one] * w).sum())
        try:
            found = solve_continuous(model.freeze(), Settings().until(deadline))
        except SolverFailure:
            return
        if found.x is None:
            return
        which = np.array([one])
        before, old = self._bounded(which, slope), self.w[one].copy()
        self.w[one] = np.clip(found.x, self.lower[one], self.upper[one])
        after = self._bounded(which, slope)
        if after[0] - after[1] >= before[0] - before[1] or abs(self.w[one].sum() - 1.0) > 1e-9:
            self.w[one] = old
        else:
            self._started[one] = False
