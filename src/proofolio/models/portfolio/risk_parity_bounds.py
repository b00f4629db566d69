r"""Lower bounds of the one-period risk-parity objective over boxes of weights that add up to 1.

.. math:: f(w) = F(w) + \sum_i \kappa_i |w_i - w^0_i|, \qquad
          F(w) = \sum_i \Big(\frac{w_i (\Sigma w)_i}{w'\Sigma w} - b_i\Big)^2

At a point c whose weights add up to 1 too, d = w - c has :math:`1'd = 0`, and where :math:`\nabla^2 F + s1' + 1s' +
\rho 11' \succeq -\mathrm{diag}(\alpha)` holds between c and the box for any s and :math:`\rho`,

.. math:: f(w) \ge F(c) +
          \sum_i \Big[(\nabla F(c)_i - \nu)\,d_i - \tfrac12 \alpha_i d_i^2 + \kappa_i |c_i + d_i - w^0_i|\Big]

for every :math:`\nu`. Each bracket is concave on either side of :math:`w^0_i`, so that its least value stands at an end
of the box or at :math:`w^0_i`. Groups and turnover limits enter by multipliers, as in weak duality. Where F is convex,
:math:`\alpha = 0` and c is stationary, the bound is the value at c: no box near the optimum has to be small.

Hessian, gradient and value are intervals rounded outward, the matrix that shows :math:`\alpha` enough is a product
:math:`YY'` of doubles plus an error that is bounded entry by entry, and c adds up to 1 exactly. Multipliers and
:math:`\nu` are found without such care: any of them is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.models.portfolio.outward_intervals import Interval

__all__ = ["Multipliers", "OnePeriod", "on_the_plane"]


GRID = 2.0**-50  # weights that are multiples of it add up without rounding


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Multipliers of linear rules: of groups at most and at least, and of the turnover limit; all from 0."""

    most: Floats
    least: Floats
    limit: float


@dataclass(frozen=True, eq=False)
class OnePeriod:
    """The objective and the rules of one period; bounds of weights are the boxes themselves.

    Attributes
    ----------
    sigma : ndarray, shape (n, n)
    budgets, cost, w0 : ndarray, shape (n,)
    members : ndarray, shape (groups, n)
        1 where an asset is in a group.
    least, most : ndarray, shape (groups,)
    counted : ndarray, shape (n,)
        1 where trades count as turnover.
    limit : float
        Of turnover.
    """

    sigma: Floats
    budgets: Floats
    cost: Floats
    w0: Floats
    members: Floats
    least: Floats
    most: Floats
    counted: Floats
    limit: float

    # ------------------------------------------------------------------- boxes
    def tightened(self, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
        """Return boxes (k, n) without what cannot add up to 1 or to a group's limits, and which are not empty."""
        n = low.shape[1]
        rows = [np.ones(n), *self.members]
        ends = [(1.0, 1.0), *zip(self.least, self.most, strict=True)]
        for _ in range(2):
            for row, (least, most) in zip(rows, ends, strict=True):
                inside = np.flatnonzero(row)
                for i in inside:
                    others = Interval(low[:, inside[inside != i]], high[:, inside[inside != i]])
                    rest = others.sum() if inside.size > 1 else Interval.of(np.zeros(len(low)))
                    low, high = low.copy(), high.copy()
                    low[:, i] = np.maximum(low[:, i], np.nextafter(least - rest.high, -np.inf))
                    high[:, i] = np.minimum(high[:, i], np.nextafter(most - rest.low, np.inf))
        kept = np.all(low <= high, axis=1)
        if np.isfinite(self.limit):
            nearest = np.clip(self.w0, low, np.maximum(low, high))
            apart = (Interval.of(nearest) - self.w0).low, (Interval.of(nearest) - self.w0).high
            size = np.maximum(np.maximum(apart[0], -apart[1]), 0.0) * self.counted
            kept &= Interval.of(size).sum().low <= self.limit
        return low[kept], high[kept], kept

    # ------------------------------------------------------------------- values
    def value(self, w: Floats) -> Interval:
        """Return intervals that hold the objective at points (k, n)."""
        at = self._at(Interval.of(w))
        return at.value + (_size(Interval.of(w) - self.w0) * self.cost).sum()

    def slope(self, w: Floats) -> Floats:
        """Return the gradient (n,) of F at weights (n,), not rounded outward."""
        found: Floats = self._slope(self._at(Interval.of(w[None]))).middle()[0]
        return found

    def _at(self, w: Interval) -> _Smooth:
        m = (w[:, None, :] * self.sigma).sum()
        variance = (w * m).sum()
        u = m / variance[:, None]
        g = w * u - self.budgets
        return _Smooth(w, u, g, variance, g.square().sum())

    def lower(
        self, low: Floats, high: Floats, c: Floats, tried: tuple[Multipliers, ...]
    ) -> tuple[Floats, Floats]:
        """Return lower bounds (k,) over boxes from points on the plane, and the curvature that they pay for.

        Parameters
        ----------
        low, high, c : ndarray, shape (k, n)
            The points need not be in the boxes.
        tried : tuple of Multipliers
            The best bound of them is taken.
        """
        hull = Interval(np.minimum(low, c), np.maximum(high, c))
        d = hull - c
        around, valid = self._around(hull, c, d)
        none = np.zeros_like(low)
        rough = around.g.square().sum().low
        rough = np.where(
            valid & (rough > 0.0), rough, 0.0
        )  # NaN where it overflowed: squares are not negative
        bound = np.maximum.reduce([rough + self._separable(low, high, c, none, none, each) for each in tried])
        alpha = np.full_like(low, np.inf)
        if valid.any():
            some = np.flatnonzero(valid)
            a, slope, value, loss = self._taylor(around, c, some)
            alpha[some] = a
            fine = np.maximum.reduce([
                self._separable(low[some], high[some], c[some], slope, a, each) for each in tried
            ])  # fmt: skip
            fine = np.nextafter(np.nextafter(value + fine, -np.inf) - loss, -np.inf)
            bound[some] = np.maximum(bound[some], np.where(np.isnan(fine), -np.inf, fine))
        return bound, alpha

    def _around(self, w: Interval, c: Floats, d: Interval) -> tuple[_Smooth, Mask]:
        """Return what is between the points c and the boxes: products with sums of 0 are centred first."""
        S = self.sigma
        centre = np.median(S, axis=1)
        centred = Interval.of(S) - centre[:, None]
        at = Interval.of(c)
        mc = (at[:, None, :] * S).sum()
        moved = (d[:, None, :] * centred).sum()
        m = mc + moved
        middle = np.median(mc.middle(), axis=1)
        bent = (d * moved).sum()
        variance = (at * mc).sum() + ((mc - middle[:, None]) * d).sum() * 2.0 + bent
        variance = variance.meet((w * m).sum())
        valid = variance.above_zero()
        safe = Interval(np.where(valid, variance.low, 1.0), np.where(valid, variance.high, 1.0))
        u = m / safe[:, None]
        g = w * u - self.budgets
        return _Smooth(w, u, g, safe, g.square().sum()), valid

    def _taylor(self, around: _Smooth, c: Floats, some: Integers) -> tuple[Floats, Floats, Floats, Floats]:
        """Return alpha (k, n), the slope (k, n) and value (k,) at c, and what their rounding costs at most."""
        box = around.pick(some)
        c = c[some]
        at = self._at(Interval.of(c))
        slope = self._slope(at)
        s = slope.middle()
        off = (Interval.of(s) - slope).size()
        reach = (box.w - c).size()
        loss = (Interval.of(off) * reach).sum().high
        hessian = self._hessian(box)
        shift = np.abs(hessian.middle()[:, np.arange(len(s[0])), np.arange(len(s[0]))]).max(axis=1)
        flat = hessian + (Interval.of(s)[:, :, None] + s[:, None, :]) + shift[:, None, None]
        return _curvature(flat), s, at.value.low, loss

    def _slope(self, at: _Smooth) -> Interval:
        """Return the gradient of F."""
        gw = at.g * at.w
        pulled = (gw[:, None, :] * self.sigma).sum() / at.variance[:, None]
        phi = (gw * at.u).sum()
        return (at.g * at.u + pulled - at.u * phi[:, None] * 2.0) * 2.0

    def _hessian(self, x: _Smooth) -> Interval:
        """Return the Hessian of F; see `risk_parity_problem.curvature`."""
        n = self.sigma.shape[0]
        eye = np.eye(n)
        v = x.variance[:, None, None]
        share = x.w * x.u
        scaled = Interval.of(np.broadcast_to(self.sigma, (len(x.w.low), n, n))) / v
        J = x.w[:, :, None] * scaled + x.u[:, :, None] * eye - share[:, :, None] * x.u[:, None, :] * 2.0
        gauss = _outer(J[:, 0])
        for i in range(1, n):
            gauss = gauss + _outer(J[:, i])
        phi = (x.g * share).sum()[:, None, None]
        K = (x.g[:, :, None] + x.g[:, None, :] - phi * 2.0) * scaled
        Kw = x.g * x.u + ((x.g * x.w)[:, None, :] * scaled).sum()
        cross = Kw[:, :, None] * x.u[:, None, :]
        cross = cross + Interval(cross.low.swapaxes(1, 2), cross.high.swapaxes(1, 2))
        return (gauss + K - cross * 2.0 + _outer(x.u) * phi * 8.0) * 2.0

    # ------------------------------------------------------------------- duals
    def _separable(
        self, low: Floats, high: Floats, c: Floats, slope: Floats, alpha: Floats, by: Multipliers
    ) -> Floats:
        """Return a lower bound of the sum of the brackets, at the best nu that is found."""
        kink = np.clip(self.w0, low, high)
        x = np.stack([low, kink, high], axis=-1)
        const = Interval.of(np.zeros(len(low)))
        linear = Interval.of(slope)
        for row, most, least, up, down in zip(
            self.members, self.most, self.least, by.most, by.least, strict=True
        ):
            held = (Interval.of(c) * row).sum()
            if up > 0.0:
                const, linear = const + (held - most) * up, linear + row * up
            if down > 0.0:
                const, linear = const + (held * -1.0 + least) * down, linear - row * down
        cost = Interval.of(self.cost)
        if by.limit > 0.0:
            const, cost = (
                const + (Interval.of(np.array(-self.limit)) * by.limit),
                cost + self.counted * by.limit,
            )
        d = Interval.of(x) - c[:, :, None]
        rough = (
            linear.middle()[:, :, None] * d.middle() + cost.middle()[:, None] * np.abs(x - self.w0[:, None])
            - 0.5 * alpha[:, :, None] * d.middle() ** 2
        )  # fmt: skip
        nu = _best(rough, d.middle())
        brackets = (
            (linear - nu[:, None])[:, :, None] * d
            + _size(Interval.of(x) - self.w0[:, None]) * cost[:, None]
            - d.square() * (0.5 * alpha)[:, :, None]
        )
        least_of = brackets.low.min(axis=-1)
        return (Interval.of(least_of).sum() + const).low


@dataclass(frozen=True, eq=False)
class _Smooth:
    """Weights, marginal risks over variance, errors, variance and F, as intervals."""

    w: Interval
    u: Interval
    g: Interval
    variance: Interval
    value: Interval

    def pick(self, some: Integers) -> _Smooth:
        return _Smooth(self.w[some], self.u[some], self.g[some], self.variance[some], self.value[some])


def on_the_plane(c: Floats) -> Floats:
    """Return points (k, n) near c whose weights add up to 1 exactly."""
    near: Floats = np.round(c / GRID) * GRID
    largest = np.argmax(near, axis=1)
    near[np.arange(len(near)), largest] += 1.0 - near.sum(axis=1)
    return near


def _curvature(hessian: Interval) -> Floats:
    r"""Return alpha (k, n) from 0 with :math:`H + \mathrm{diag}(\alpha) \succeq 0` for symmetric H in intervals.

    :math:`H = YY' + E` with any Y, and :math:`d'Ed \ge -\sum_i d_i^2 \sum_j |E_{ij}|`.
    """
    middle = hessian.middle()
    middle = 0.5 * (middle + middle.swapaxes(1, 2))
    finite: Mask = np.all(np.isfinite(middle), axis=(1, 2))
    middle = np.where(finite[:, None, None], middle, 0.0)
    values, vectors = np.linalg.eigh(middle)
    Y = Interval.of(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
    product = (Y[:, :, None, :] * Y[:, None, :, :]).sum()
    return np.where(finite[:, None], Interval.of((hessian - product).size()).sum().high, np.inf)


def _best(brackets: Floats, d: Floats) -> Floats:
    """Return the nu (k,) of the best bound: that is concave in nu, with breaks where two points of an asset tie."""
    slopes = []
    for a, b in ((0, 1), (1, 2), (0, 2)):
        run = d[..., b] - d[..., a]
        rise = brackets[..., b] - brackets[..., a]
        slopes.append(np.where(run > 0.0, rise / np.where(run > 0.0, run, 1.0), 0.0))
    nu = np.concatenate(slopes, axis=1)
    worth = (brackets[:, None] - nu[:, :, None, None] * d[:, None]).min(axis=-1).sum(axis=-1)
    best: Floats = nu[np.arange(len(nu)), np.argmax(worth, axis=1)]
    return best


def _outer(x: Interval) -> Interval:
    """Return products (k, n, n) of vectors (k, n) with themselves, the squares on the diagonal tighter."""
    product, square = x[:, :, None] * x[:, None, :], x.square()
    low, high = product.low.copy(), product.high.copy()
    k = np.arange(low.shape[-1])
    low[:, k, k], high[:, k, k] = square.low, square.high
    return Interval(low, high)


def _size(x: Interval) -> Interval:
    """Return sizes."""
    return Interval(np.maximum(np.maximum(x.low, -x.high), 0.0), np.maximum(-x.low, x.high))
