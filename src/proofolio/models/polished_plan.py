r"""The exact answer to a subproblem whose active rules an interior point has found.

A duality gap of 1e-11 leaves weights 1e-5 from the best along directions that hardly matter to the objective, and
trades of 1e-9 where none is meant. To first order both show: the gap there goes with the distance, not with its
square. So what is traded and in which direction, and what stands at a bound, is taken from the answer, and the rest
is the solution of linear equations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.models.mpc_step import Multipliers
from proofolio.models.periods import Periods

__all__ = ["polished"]

Floats = NDArray[np.float64]
DUST = 1e-6  # a trade smaller than this may be the solver's inaccuracy
WITHIN = (
    0.99,
    1.0 - 1e-5,
    1e300,
)  # of its cost, the multiplier of a trade that is none: one guess after the other
TOUCHING = 1e-8  # a weight so near its bound stands there
ROUNDS = 4
MOST = 400  # free levels; more take longer than they are worth


def polished(periods: Periods, Q: Floats, q: Floats, V: Floats, held: Multipliers) -> Floats:
    r"""Return better weights for min 1/2 v'Qv + q'v + trading, or the given ones where there are none.

    Periods of an asset between two of its trades share one level. With the signs of the trades held, the levels y
    solve the equations of Lagrange of the subproblem, in :math:`V = V_0 + By`. They are taken only where they are
    allowed and the subproblem's own objective, trades and all, is not above that of the given weights.

    Parameters
    ----------
    periods : Periods
    Q : ndarray, shape (h, n, n)
    q, V : ndarray, shape (h, n)
    held : Multipliers
        Of the given weights.
    """
    rules = periods.rules
    if rules.turnover_limit is not None or rules.groups is not None:
        return V

    def value(X: Floats) -> float:
        bent = 0.5 * np.matmul(Q, X[..., None])[..., 0] + q
        return float((bent * X).sum()) + periods.trading(X)

    u = np.diff(V, axis=0, prepend=periods.w0[None])
    enough, small, s = value(V), np.abs(u) < DUST, np.abs(held.s)
    priced = rules.cost > 0.0  # what is traded for nothing has no reason to stand still
    for share in WITHIN:
        still = small & priced & (s <= share * rules.cost)
        for _ in range(ROUNDS):
            found = _levelled(periods, Q, q, V, u, still)
            if found is None:
                break
            turned = ~still & priced & (np.diff(found, axis=0, prepend=periods.w0[None]) * u < 0.0)
            if not turned.any():
                break
            still = still | turned  # it wants to trade the other way, so for now not at all
        if found is not None and value(found) <= enough:
            return found
    return V


def _levelled(
    periods: Periods, Q: Floats, q: Floats, V: Floats, u: Floats, still: NDArray[np.bool_]
) -> Floats | None:
    """Return the best weights whose trades are none where `still`, and elsewhere have the signs of u."""
    rules, w0 = periods.rules, periods.w0
    H, n = V.shape
    segment = np.cumsum(~still, axis=0) * n + np.arange(n)  # below n: not yet traded
    fixed = segment < n
    at_bound = (V - rules.lower < TOUCHING) | (rules.upper - V < TOUCHING)
    fixed |= np.isin(segment, segment[at_bound])
    free, column = np.unique(segment[~fixed], return_inverse=True)
    if not 0 < free.size <= MOST:
        return None
    B = np.zeros((H, n, free.size))
    B[(*np.nonzero(~fixed), column)] = 1.0
    base = np.where(segment < n, w0, np.clip(V, rules.lower, rules.upper))
    base[at_bound] = np.where(V - rules.lower < TOUCHING, rules.lower, rules.upper)[at_bound]
    base[~fixed] = 0.0
    sign = np.where(still, 0.0, np.sign(u)) * rules.cost
    linear = q + sign
    linear[:-1] -= sign[1:]
    slope = (np.matmul(Q, base[..., None])[..., 0] + linear).ravel()
    curved = np.tensordot(B, np.matmul(Q, B), axes=([0, 1], [0, 1]))
    rows, at = np.unique(B.sum(axis=1), axis=0, return_index=True)
    missing = (1.0 - base.sum(axis=1))[at]
    k = len(rows)
    equations = np.block([[curved, rows.T], [rows, np.zeros((k, k))]])
    known = np.concatenate([-slope @ B.reshape(H * n, -1), missing])
    try:
        levels = np.linalg.solve(equations, known)[: free.size]
    except np.linalg.LinAlgError:
        return None
    found: Floats = base + B @ levels
    if np.any(found < rules.lower) or np.any(found > rules.upper):
        return None
    if np.abs(found.sum(axis=1) - 1.0).max() > TOUCHING:
        return None
    return found
