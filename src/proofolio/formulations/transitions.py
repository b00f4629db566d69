r"""Moves of a one-hot path through states, and which of them are allowed.

Meaning, for :math:`Z_{r,t} \in \{0, 1\}` with :math:`\sum_r Z_{r,t} = 1` (the caller's rows say so): where
:math:`Z_{r,t} = Z_{q,t+1} = 1` the pair (r, q) is allowed.

Lowering ``"network"``: a unit of flow through one node a state and period; ideal, since the rows are those of a
network.

.. math:: \sum_q y_{r,q,t} = Z_{r,t}, \qquad \sum_r y_{r,q,t} = Z_{q,t+1}, \qquad y \ge 0

with :math:`y_{r,q,t} = 0` for the pairs that are not allowed.

Lowering ``"rows"``, without variables: :math:`Z_{r,t} \le \sum_{q: (r,q)} Z_{q,t+1}`, and the same backwards.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.program.expression import Expression, as_expression
from proofolio.program.model import Model

__all__ = ["moves", "one_hot_paths", "transitions", "transitions_meaning"]


def transitions(
    model: Model, name: str, Z: Any, allowed: ArrayLike, *, lowering: str = "network"
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


def moves(model: Model, name: str, Z: Expression, allowed: NDArray[np.bool_]) -> Expression:
    """Return the flow y of shape (R, R, T - 1) along a one-hot path."""
    R, T = Z.shape
    limit = np.broadcast_to(allowed[:, :, None], (R, R, T - 1)).astype(float)
    y = model.variable(name, (R, R, T - 1), 0.0, limit)
    model.add(f"{name}_from", y.sum(1) == Z[:, :-1])
    model.add(f"{name}_to", y.sum(0) == Z[:, 1:])
    return y


def _sum(Z: Expression, chosen: NDArray[np.bool_]) -> Any:
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
