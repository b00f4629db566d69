r"""Lower bounds on what weights of limited gross exposure cost, by conditional gradients for all periods at once.

Weights that add up to 1 with :math:`\|w\|_1 \le L` are long (1 + L)/2 and short (L - 1)/2 at most, so the least of a
slope g over them is :math:`\tfrac{1 + L}{2} \min_i g_i - \tfrac{L - 1}{2} \max_i g_i`, and by convexity

.. math:: f(v) \ge f(w) + g'(v - w), \qquad g = 2Qw + c.

The best of these bounds over the steps is kept (Frank and Wolfe 1956; Jaggi 2013 for the bound).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.models.pieces import Pieces
from proofolio.solvers.deadline import Deadline

__all__ = ["least_with_gross"]

Floats = NDArray[np.float64]
STEPS = 60
ROUNDING = 1e-15


def least_with_gross(pieces: Pieces, periods: int, gross: float, defect: float, deadline: Deadline) -> Floats:
    """Return lower bounds (D, periods) on pieces over weights that add up to 1 with a gross limit.

    Other bounds of the weights are left out, and convex maxima taken at their floors, which can only lower these.
    When the deadline has passed they are true but weak.

    Parameters
    ----------
    pieces : Pieces
    gross : float
        L, at least 1.
    defect : float
        What `convexity_defect` says of Q.
    """
    D, n = pieces.regime.size, pieces.Q.shape[-1]
    floors = np.array([sum(term.floor for term in terms) for terms in pieces.convex])
    c = np.broadcast_to(pieces.c, (D, periods, n))
    k = np.broadcast_to(pieces.k + floors[:, None], (D, periods))
    long, short = 0.5 * (gross + 1.0), 0.5 * (gross - 1.0)
    w = np.full((D, periods, n), 1.0 / n)
    least = np.full((D, periods), -np.inf)
    # |v - w| is at most 2 L
    margin = defect * 4.0 * gross**2
    for _ in range(STEPS):
        Qw = _times(pieces.Q, w)
        g = 2.0 * Qw + c
        towards = -w
        first, last = g.argmin(axis=2)[..., None], g.argmax(axis=2)[..., None]
        np.put_along_axis(towards, first, np.take_along_axis(towards, first, axis=2) + long, axis=2)
        np.put_along_axis(towards, last, np.take_along_axis(towards, last, axis=2) - short, axis=2)
        value, gain = ((Qw + c) * w).sum(axis=2) + k, (g * towards).sum(axis=2)
        size = gross * (np.abs(Qw).max(axis=2) + np.abs(c).max(axis=2)) + np.abs(k)
        least = np.maximum(least, value + np.minimum(gain, 0.0) - margin - 10.0 * n * ROUNDING * size)
        if deadline.passed:
            break
        bend = 2.0 * (towards * _times(pieces.Q, towards)).sum(axis=2)
        step = np.where(bend > 0.0, -gain / np.where(bend > 0.0, bend, 1.0), np.where(gain < 0.0, 1.0, 0.0))
        w = w + np.clip(step, 0.0, 1.0)[..., None] * towards
    return least


def _times(Q: Floats, w: Floats) -> Floats:
    """Return Q w for Q (D, S, n, n), S being 1 or the number of periods, and w (D, periods, n)."""
    if Q.shape[1] == 1:
        same: Floats = w @ Q[:, 0]
        return same
    each: Floats = np.matmul(Q, w[..., None])[..., 0]
    return each
