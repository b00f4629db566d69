"""Regime costs: quadratic functions with max terms, their bounds over a box with a budget, and what these decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.brief import brief
from proofolio.program.interval import affine_bounds

__all__ = ["MaxTerm", "RegimeCosts", "difference_rounding", "quadratic_range", "settled"]


SMALLEST = 5e-324  # the smallest positive double: what a product that underflows can lose


def quadratic_range(
    D: Floats, g: Floats, h: Floats, lower: Floats, upper: Floats, budget: float | None = None
) -> tuple[Floats, Floats]:
    r"""Bound :math:`f(w) = w'Dw + g'w + h` over :math:`\ell \le w \le u`, and :math:`1'w = \beta` if given.

    Two bounds are intersected. The interval rule takes each product over its box, squares never negative.
    With a budget, put :math:`w = \ell + y`, :math:`y \ge 0`, :math:`1'y = s = \beta - 1'\ell`: then

    .. math::
        f(w) = f(\ell) + \sum_{ij} y_i y_j \Bigl(D_{ij} + \frac{p_i + p_j}{2 s}\Bigr), \qquad p = 2D\ell + g

    and since the :math:`y_i y_j` are not negative and add up to :math:`s^2`, f lies between
    :math:`f(\ell) + s^2 \min_{ij}(\cdot)` and :math:`f(\ell) + s^2 \max_{ij}(\cdot)`.

    Parameters
    ----------
    D : ndarray, shape (..., n, n)
        Symmetric, definite or not.
    g : ndarray, shape (..., n)
    h : ndarray, shape (...)
    lower, upper : ndarray, shape (..., n)
        Finite.
    budget : float, optional

    Returns
    -------
    lower, upper : ndarray, shape (...)
        True bounds: every rounding is paid for by an a-priori error bound.
    """
    low, high = _interval(D, g, h, lower, upper)
    if budget is not None:
        tight = _budget(D, g, h, lower, budget)
        low, high = np.maximum(low, tight[0]), np.minimum(high, tight[1])
    # a product that underflows loses less than the smallest double; beside any other number this is nothing
    n = g.shape[-1]
    present = np.any(D != 0.0, axis=(-1, -2)) | np.any(g != 0.0, axis=-1)
    lost = np.where(present, (n * n + n + 2) * SMALLEST, 0.0)
    low, high = low - lost, high + lost
    return low, high


def difference_rounding(D: Floats, g: Floats, h: Floats, lower: Floats, upper: Floats) -> Floats:
    """Bound what w'Dw + g'w + h can lose because D, g and h are differences that were rounded once."""
    reach = np.maximum(np.abs(lower), np.abs(upper))
    curved = (np.abs(D) * reach[..., :, None] * reach[..., None, :]).sum(axis=(-1, -2))
    rounding: Floats = 4.0 * np.finfo(float).eps * (curved + (np.abs(g) * reach).sum(-1) + np.abs(h))
    return rounding


def _interval(D: Floats, g: Floats, h: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    n = g.shape[-1]
    a, b = lower[..., :, None], lower[..., None, :]
    c, d = upper[..., :, None], upper[..., None, :]
    corners = np.stack([a * b, a * d, c * b, c * d])
    smallest, largest = corners.min(axis=0), corners.max(axis=0)
    i = np.arange(n)
    smallest[..., i, i] = np.where((lower <= 0) & (upper >= 0), 0.0, np.minimum(lower**2, upper**2))
    largest[..., i, i] = np.maximum(lower**2, upper**2)
    top = np.maximum(D * smallest, D * largest).sum(axis=(-1, -2)) + np.maximum(g * lower, g * upper).sum(-1)
    bottom = np.minimum(D * smallest, D * largest).sum(axis=(-1, -2)) + np.minimum(g * lower, g * upper).sum(
        -1
    )
    reach = np.maximum(np.abs(smallest), np.abs(largest))
    size = (np.abs(D) * reach).sum(axis=(-1, -2)) + (
        np.abs(g) * np.maximum(np.abs(lower), np.abs(upper))
    ).sum(-1)
    return _padded(bottom + h, top + h, size + np.abs(h), n)


def _budget(D: Floats, g: Floats, h: Floats, lower: Floats, budget: float) -> tuple[Floats, Floats]:
    n = g.shape[-1]
    s = budget - lower.sum(-1)
    pushed = (D @ lower[..., None])[..., 0]
    at_lower = (pushed * lower).sum(-1) + (g * lower).sum(-1) + h
    p = 2.0 * pushed + g
    spread = s[..., None, None]
    # s D + (p_i + p_j) / 2, times s: no division, so a budget that fixes w (s = 0) needs no case of its own
    entries = spread * D + 0.5 * (p[..., :, None] + p[..., None, :])
    low, high = at_lower + s * entries.min(axis=(-1, -2)), at_lower + s * entries.max(axis=(-1, -2))
    largest = np.abs(D).max(axis=(-1, -2))
    reach = np.abs(lower).sum(-1) + np.abs(budget) + 1.0
    size = reach**2 * largest * (n + 1) + reach * np.abs(g).max(-1) * (n + 1) + np.abs(h)
    return _padded(low, high, size, n)


def _padded(low: Floats, high: Floats, size: Floats, n: int) -> tuple[Floats, Floats]:
    # any order of summing n^2 products loses at most (n^2 + small) units of their total size; 8 covers the rest
    unit = float(np.finfo(float).eps) * (n * n + 8.0)
    return low - unit * size, high + unit * size


@dataclass(frozen=True, eq=False)
class MaxTerm:
    r"""A term :math:`\sigma \max(\alpha'w + \beta, \phi)` of one regime's cost.

    Attributes
    ----------
    regime : int
        The regime whose cost carries it (counted from 0).
    sign : {+1, -1}
        The sign :math:`\sigma`: +1 is convex in a minimised cost, -1 concave.
    alpha : ndarray, shape (n,)
    beta, floor : float
    """

    regime: int
    sign: int
    alpha: Floats
    beta: float
    floor: float

    __repr__ = brief

    def value(self, w: Floats) -> Floats:
        """Return the maximum (without its sign) at weights of shape (..., n)."""
        reached: Floats = np.maximum(w @ self.alpha + self.beta, self.floor)
        return reached

    def argument(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        r"""Bound :math:`\alpha'w + \beta` over a box of shape (..., n), rounded outward."""
        shape = low.shape[:-1]
        count, used = int(np.prod(shape, dtype=int)), np.flatnonzero(self.alpha)
        columns = np.arange(count)[:, None] * self.alpha.size + used
        each = sparse.csr_array(
            (np.tile(self.alpha[used], count), columns.ravel(), np.arange(count + 1) * used.size),
            shape=(count, count * self.alpha.size),
        )
        least, most = affine_bounds(each, np.full(count, self.beta), low.ravel(), high.ravel())
        return least.reshape(shape), most.reshape(shape)

    def reach(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Bound the maximum (without its sign) over a box of shape (..., n)."""
        least, most = self.argument(low, high)
        return np.maximum(least, self.floor), np.maximum(most, self.floor)


class RegimeCosts(NamedTuple):
    """The data of f: Q (R, T, n, n), c (R, T, n), k (R, T), and the max terms.

    T may be 1 where nothing varies from period to period.
    """

    Q: Floats
    c: Floats
    k: Floats
    maxima: tuple[MaxTerm, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether the costs have a period axis longer than one."""
        return any(part.shape[1] > 1 for part in (self.Q, self.c, self.k))

    def value(self, w: Floats) -> Floats:
        """Return f at weights w of shape (T, n), for every regime: shape (R, T)."""
        turned = (
            np.matmul(w, self.Q[:, 0]) if self.Q.shape[1] == 1 else np.matmul(self.Q, w[:, :, None])[..., 0]
        )
        total: Floats = ((turned + self.c) * w).sum(axis=-1) + self.k
        for term in self.maxima:
            total[term.regime] += term.sign * term.value(w)
        return total


def settled(costs: RegimeCosts, low: Floats, high: Floats) -> RegimeCosts:
    r"""Fold the max terms that bounds decide into the linear part.

    Parameters
    ----------
    costs : RegimeCosts
    low, high : ndarray, shape (T, n)
        Bounds of w.

    Notes
    -----
    Where :math:`\alpha'w + \beta \ge \phi` on the whole box of every period, the term is
    :math:`\sigma(\alpha'w + \beta)`; where it is at most :math:`\phi`, it is :math:`\sigma\phi`.
    """
    c, k = costs.c.copy(), costs.k.copy()
    kept = []
    for term in costs.maxima:
        least, most = term.argument(low, high)
        if np.all(least >= term.floor):
            c[term.regime] += term.sign * term.alpha
            k[term.regime] += term.sign * term.beta
        elif np.all(most <= term.floor):
            k[term.regime] += term.sign * term.floor
        else:
            kept.append(term)
    return RegimeCosts(costs.Q, c, k, tuple(kept))
