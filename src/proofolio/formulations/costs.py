"""Regime costs: quadratic functions with max terms, and what bounds decide about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.interval import affine_bounds

__all__ = ["MaxTerm", "RegimeCosts", "settled"]

Floats = NDArray[np.float64]


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

    def value(self, w: Floats) -> Floats:
        """Return the maximum (without its sign) at weights of shape (..., n)."""
        reached: Floats = np.maximum(w @ self.alpha + self.beta, self.floor)
        return reached

    def argument(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        r"""Bound :math:`\alpha'w + \beta` over a box of shape (..., n), rounded outward."""
        shape = low.shape[:-1]
        count = int(np.prod(shape, dtype=int))
        each = sparse.kron(sparse.eye_array(count), self.alpha[None, :], format="csr")
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
