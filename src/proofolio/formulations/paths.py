r"""A state, once entered, is kept for some periods, and once left, is left for some.

Meaning, for a path :math:`z_0, \dots, z_{T-1}` of zeros and ones: every run of ones that starts after period 0 and
ends before the horizon has at least `up` ones; every run of zeros between two runs of ones at least `down` zeros. What
held before period 0 is not known: the first run may be the end of a longer one, and the last may go on.

Lowering (Rajan & Takriti 2005; with the starts s it is the convex hull of such paths):

.. math::
    s_t \ge z_t - z_{t-1}, \quad s \ge 0, \qquad
    \sum_{q = t - up + 1}^{t} s_q \le z_t, \qquad \sum_{q = t + 1}^{t + down} s_q \le 1 - z_t

Moves of a one-hot path through states, and which of them are allowed.

Meaning, for :math:`Z_{r,t} \in \{0, 1\}` with :math:`\sum_r Z_{r,t} = 1` (the caller's rows say so): where
:math:`Z_{r,t} = Z_{q,t+1} = 1` the pair (r, q) is allowed.

Lowering ``"network"``: a unit of flow through one node a state and period; ideal, since the rows are those of a
network.

.. math:: \sum_q y_{r,q,t} = Z_{r,t}, \qquad \sum_r y_{r,q,t} = Z_{q,t+1}, \qquad y \ge 0

with :math:`y_{r,q,t} = 0` for the pairs that are not allowed.

Lowering ``"rows"``, without variables: :math:`Z_{r,t} \le \sum_{q: (r,q)} Z_{q,t+1}`, and the same backwards.

How often a one-hot path changes its state, counted and limited.

Meaning, for :math:`Z_{r,t} \in \{0, 1\}` with :math:`\sum_r Z_{r,t} = 1` (the caller's rows say so): :math:`c_t = 1`
where :math:`Z_{\cdot,t+1} \ne Z_{\cdot,t}`, else 0 (``"network"``), or c at least that (``"starts"``: what a cost or a
limit needs); and :math:`\sum_t c_t \le K` where a limit is given.

Lowering ``"starts"``, one variable for each state and period:

.. math:: s_{r,t} \ge Z_{r,t+1} - Z_{r,t}, \qquad s \ge 0, \qquad c_t = \sum_r s_{r,t}

Lowering ``"network"``: :math:`c_t = 1 - \sum_r y_{r,r,t}` with the moves y of `transitions`; without a limit ideal.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Mask
from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, stack

__all__ = [
    "dwell",
    "dwell_meaning",
    "moves",
    "one_hot_paths",
    "switches",
    "switches_meaning",
    "transitions",
    "transitions_meaning",
]


def transitions(
    model: Builder, name: str, Z: Any, allowed: ArrayLike, *, lowering: str = "network"
) -> Expression | None:
    """Let a one-hot path move along allowed pairs of states only.

    Parameters
    ----------
    model : Model
    name : str
        Name of the moves; rows are ``{name}_from`` and ``{name}_to``, or ``{name}_next_{r}``, ``{name}_last_{r}``.
    Z : Expression, shape (R, T)
        Binaries with one 1 in each period (the caller's rows say so).
    allowed : array_like of bool, shape (R, R)
        ``allowed[r, q]``: from r in one period to q in the next; staying is allowed where the diagonal says so.
    lowering : {"network", "rows"}

    Returns
    -------
    Expression, shape (R, R, T - 1), or None
        The moves y, which equal the products of the indicators; None for ``"rows"``.

    Raises
    ------
    BadData
        For Z that is not binary, or shapes that disagree.
    """
    check_lowering("transitions", lowering, ("network", "rows"))
    path = as_expression(Z)
    pairs = np.asarray(allowed)
    if path.ndim != 2 or path.shape[1] < 2 or pairs.shape != (path.shape[0],) * 2:
        raise BadData(f"Z has shape {path.shape} and allowed {pairs.shape}; they must be (R, T) and (R, R)")
    if not np.all(np.isin(pairs, (0, 1))):
        raise BadData("allowed must hold truth values")
    model.check_binary(f"the path of transitions {name!r}", path)
    free = pairs.astype(bool)
    if lowering == "network":
        return moves(model, name, path, free)
    for r in range(path.shape[0]):
        model.add(f"{name}_next_{r}", path[r, :-1] <= _sum(path[:, 1:], free[r]))
        model.add(f"{name}_last_{r}", path[r, 1:] <= _sum(path[:, :-1], free[:, r]))
    return None


def moves(model: Builder, name: str, Z: Expression, allowed: Mask) -> Expression:
    """Return the flow y of shape (R, R, T - 1) along a one-hot path."""
    R, T = Z.shape
    limit = np.broadcast_to(allowed[:, :, None], (R, R, T - 1)).astype(float)
    y = model.variable(name, (R, R, T - 1), 0.0, limit)
    model.add(f"{name}_from", y.sum(1) == Z[:, :-1])
    model.add(f"{name}_to", y.sum(0) == Z[:, 1:])
    return y


def _sum(Z: Expression, chosen: Mask) -> Any:
    return Z[np.flatnonzero(chosen)].sum(0) if np.any(chosen) else np.zeros(Z.shape[1])


def one_hot_paths(R: int, T: int) -> list[tuple[int, ...]]:
    """Return every path of T periods through R states."""
    return list(product(range(R), repeat=T))


def transitions_meaning(allowed: ArrayLike, T: int) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in Z of shape (R, T): one for each path along allowed pairs."""
    pairs = np.asarray(allowed, dtype=bool)
    R = pairs.shape[0]
    paths = [p for p in one_hot_paths(R, T) if all(pairs[r, q] for r, q in pairwise(p))]
    return [
        lambda Z, path=path: [Z[r, t] == int(path[t] == r) for r in range(R) for t in range(T)]
        for path in paths
    ]


def switches(
    model: Builder, name: str, Z: Any, most: int | None = None, *, lowering: str = "starts"
) -> Expression:
    """Return, for each pair of neighbouring periods, whether the state changes.

    Parameters
    ----------
    model : Model
    name : str
        Name of the starts or moves; the limit is the row ``{name}_most``.
    Z : Expression, shape (R, T)
        Binaries with one 1 in each period (the caller's rows say so).
    most : int, optional
        The most changes over all periods.
    lowering : {"starts", "network"}

    Returns
    -------
    Expression, shape (T - 1,)
        Exact for ``"network"``; for ``"starts"`` at least the change, and equal to it where it costs something.

    Raises
    ------
    BadData
        For Z that is not binary or of the wrong shape, or a limit that is not a whole number.
    """
    check_lowering("switches", lowering, ("starts", "network"))
    path = as_expression(Z)
    if path.ndim != 2 or path.shape[1] < 2:
        raise BadData(f"Z of switches {name!r} has shape {path.shape}; it must be (R, T) with T at least 2")
    model.check_binary(f"the path of switches {name!r}", path)
    if most is not None and (most < 0 or int(most) != most):
        raise BadData(f"the limit of switches {name!r} is {most}; it must be a whole number from 0")
    R, T = path.shape
    if lowering == "network":
        y = moves(model, name, path, np.ones((R, R), bool))
        changed: Expression = 1 - stack([y[r, r] for r in range(R)]).sum(0)
    else:
        start = model.variable(name, (R, T - 1), 0.0, 1.0)
        model.add(f"{name}_starts", start >= path[:, 1:] - path[:, :-1])
        changed = start.sum(0)
    if most is not None:
        model.add(f"{name}_most", changed.sum() <= most)
    return changed


def switches_meaning(
    R: int, T: int, most: int | None = None, lowering: str = "starts"
) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (Z, changed): one for each path that changes at most so often."""

    def piece(path: tuple[int, ...]) -> Callable[..., list[Any]]:
        change = np.array([float(a != b) for a, b in pairwise(path)])

        def rows(Z: Any, changed: Any) -> list[Any]:
            own = [Z[r, t] == int(path[t] == r) for r in range(R) for t in range(T)]
            counted = [changed == change] if lowering == "network" else [changed >= change, changed <= R]
            limit = [] if most is None else [changed.sum() <= most]
            return [*own, *counted, *limit]

        return rows

    limit = T if most is None else most
    return [piece(p) for p in one_hot_paths(R, T) if sum(a != b for a, b in pairwise(p)) <= limit]


def dwell(model: Builder, name: str, Z: Any, up: int = 1, down: int = 1) -> Expression:
    """Keep each path in its state for at least `up` periods, and out of it for at least `down`.

    Parameters
    ----------
    model : Model
    name : str
        Name of the starts; rows are ``{name}_starts``, ``{name}_up_{t}``, ``{name}_down_{t}``.
    Z : Expression, shape (..., T)
        Binaries; the last axis is time. For regimes, shape (R, T): each regime is a path of its own.
    up, down : int
        Periods, at least 1.

    Returns
    -------
    Expression, shape (..., T - 1)
        At least 1 where a run of ones starts, from the second period on; exactly so where it costs something.

    Raises
    ------
    BadData
        For Z that is not binary or has no two periods, or periods that are not whole numbers from 1.
    """
    path = as_expression(Z)
    model.check_binary(f"the path of dwell {name!r}", path)
    if path.ndim < 1 or path.shape[-1] < 2:
        raise BadData(f"dwell {name!r} needs at least two periods along the last axis of Z")
    for word, periods in (("up", up), ("down", down)):
        if int(periods) != periods or periods < 1:
            raise BadData(
                f"{word} of dwell {name!r} is {periods}; it must be a whole number of periods from 1"
            )
    T = path.shape[-1]
    start = model.variable(name, (*path.shape[:-1], T - 1), 0.0, 1.0)  # start[t - 1] is s_t
    model.add(f"{name}_starts", start >= path[..., 1:] - path[..., :-1])
    for t in range(1, T):
        model.add(f"{name}_up_{t}", start[..., max(t - up, 0) : t].sum(-1) <= path[..., t])
    for t in range(T - 1):
        model.add(f"{name}_down_{t}", start[..., t : min(t + down, T - 1)].sum(-1) <= 1 - path[..., t])
    return start


def dwell_meaning(T: int, up: int = 1, down: int = 1) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in Z of shape (..., T): one for each path that is allowed."""
    return [
        lambda Z, path=path: [Z[..., t] == path[t] for t in range(T)]
        for path in product((0, 1), repeat=T)
        if _keeps(path, up, down)
    ]


def _keeps(path: tuple[int, ...], up: int, down: int) -> bool:
    runs = [(state, len(list(group))) for state, group in groupby(path)]
    return all(length >= (up if state else down) for state, length in runs[1:-1])
