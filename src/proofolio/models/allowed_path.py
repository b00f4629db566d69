r"""The cheapest regime path that obeys the rules, by dynamic programming, where costs of periods are numbers.

With covered regimes, which are no path, the cheapest sets are found period by period instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.models.regime_path import SURE, RegimePath

__all__ = ["cheapest_allowed"]

Floats = NDArray[np.float64]


def cheapest_allowed(rules: RegimePath, phi: Floats) -> tuple[Floats, float] | None:
    r"""Return the indicators (R, T) that are the cheapest among those allowed, and what they cost.

    .. math:: \min_Z \sum_t \max_{r:\ Z_{r,t} = 1} \phi_{r,t} + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}

    Parameters
    ----------
    rules : RegimePath
    phi : ndarray, shape (R, T)
        The cost of each regime in each period.

    Returns
    -------
    (Z, cost) or None
        None where the rules leave no path.
    """
    if rules.covered is not None:
        return _cover(np.asarray(rules.covered.probability), rules.covered.epsilon, phi)
    if rules.path is not None:
        phi = np.where(np.arange(rules.R)[:, None] == rules.path, phi, np.inf)
    states = _path(rules, phi)
    if states is None:
        return None
    total = float(phi[states, np.arange(rules.periods)].sum())
    changes = int(np.count_nonzero(np.diff(states)))
    return (np.arange(rules.R)[:, None] == states).astype(float), total + rules.switch_cost * changes


def _cover(p: Floats, epsilon: float, phi: Floats) -> tuple[Floats, float]:
    """Cover the cheapest regimes of each period until they are likely enough."""
    order = np.argsort(phi, axis=0, kind="stable")
    reached = np.cumsum(np.take_along_axis(p, order, axis=0), axis=0) >= 1.0 - epsilon - SURE / 2.0
    last = np.where(reached.any(axis=0), reached.argmax(axis=0), phi.shape[0] - 1)
    Z = np.zeros(phi.shape)
    np.put_along_axis(Z, order, (np.arange(phi.shape[0])[:, None] <= last).astype(float), axis=0)
    return Z, float(np.take_along_axis(phi, order, axis=0)[last, np.arange(phi.shape[1])].sum())


def _path(rules: RegimePath, phi: Floats) -> NDArray[np.intp] | None:
    """Return the cheapest path over (changes so far, periods since the last one, regime)."""
    R, T, dwell = rules.R, rules.periods, rules.dwell
    moves = np.ones((R, R), dtype=bool) if rules.transitions is None else rules.transitions
    counted = rules.max_switches is not None
    K = min(rules.max_switches, T - 1) + 1 if rules.max_switches is not None else 1
    stay = np.where(np.diag(moves), 0.0, np.inf)
    change = np.where(moves & ~np.eye(R, dtype=bool), rules.switch_cost, np.inf)
    flat = np.arange(K * dwell * R).reshape(K, dwell, R)
    reach = np.full((K, dwell, R), np.inf)
    reach[0, -1] = phi[:, 0]  # the first regime may be left at once
    before = np.zeros((T, K, dwell, R), dtype=np.intp)
    for t in range(1, T):
        after = np.full((K, dwell, R), np.inf)
        kept = reach + stay
        after[:, 1:], before[t, :, 1:] = kept[:, :-1], flat[:, :-1]
        longer = kept[:, -1] < after[:, -1]
        after[:, -1] = np.where(longer, kept[:, -1], after[:, -1])
        before[t, :, -1] = np.where(longer, flat[:, -1], before[t, :, -1])
        ways = reach[:, -1, :, None] + change
        cost, start = ways.min(axis=1), np.take_along_axis(flat[:, -1], ways.argmin(axis=1), axis=1)
        into = slice(1, None) if counted else slice(None)
        out = slice(None, -1) if counted else slice(None)
        cheaper = cost[out] < after[into, 0]
        after[into, 0] = np.where(cheaper, cost[out], after[into, 0])
        before[t, into, 0] = np.where(cheaper, start[out], before[t, into, 0])
        reach = after + phi[:, t]
    at = int(reach.argmin())
    if not np.isfinite(reach.ravel()[at]):
        return None
    states = np.empty(T, dtype=np.intp)
    for t in range(T - 1, -1, -1):
        states[t] = at % R
        at = int(before[t].ravel()[at])
    return states
