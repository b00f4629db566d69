r"""How often a one-hot path changes its state, counted and limited.

Meaning, for :math:`Z_{r,t} \in \{0, 1\}` with :math:`\sum_r Z_{r,t} = 1` (the caller's rows say so): :math:`c_t = 1`
where :math:`Z_{\cdot,t+1} \ne Z_{\cdot,t}`, else 0 (``"network"``), or c at least that (``"starts"``: what a cost or a
limit needs); and :math:`\sum_t c_t \le K` where a limit is given.

Lowering ``"starts"``, one variable for each state and period:

.. math:: s_{r,t} \ge Z_{r,t+1} - Z_{r,t}, \qquad s \ge 0, \qquad c_t = \sum_r s_{r,t}

Lowering ``"network"``: :math:`c_t = 1 - \sum_r y_{r,r,t}` with the moves y of `transitions`; without a limit ideal.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.transitions import moves, one_hot_paths
from proofolio.program.expression import Expression, as_expression, stack
from proofolio.program.model import Model

__all__ = ["switches", "switches_meaning"]


def switches(
    model: Model, name: str, Z: Any, most: int | None = None, *, lowering: str = "starts"
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
