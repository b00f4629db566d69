r"""Fixed costs on one path: the least loss as a mixed-integer program, whose solver's bound is a bound of it.

.. math:: \min \tfrac12 y'Hy + g'y + \sum_k r^k (l's_k + f'b_k), \quad -s_k \le y_k - y_{k-1} \le s_k \le w\,b_k, \quad
    b_k \in \{0, 1\}^d

with w the width of the limits: no trade is larger, so nothing is cut off. Of a limit of gross exposure only what it
leaves each asset alone is kept, which can only lower the bound.
"""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.control.limits import Limits
from proofolio.verification.model import Model
from proofolio.verification.solving import solve

__all__ = ["least_with_fixed_costs"]


def least_with_fixed_costs(
    diagonal: Floats, coupling: Floats, linear: Floats, weights: Floats, held: Floats, l1: Floats, fixed: Floats,
    limits: Limits, seconds: float,
) -> float | None:  # fmt: skip
    """Return a lower bound of the loss on one path, its constant apart; None where the solver found none in time.

    Parameters
    ----------
    diagonal, coupling : (N, d, d) arrays
        Blocks of H, with the step before; the first coupling is with what is held.
    linear : (N, d) array
        g, without the term of what is held.
    weights : (N,) array
        Discounts.
    held, l1, fixed : (d,) arrays
    limits : Limits
    seconds : float

    Raises
    ------
    BadData
        Where positions have no limits, as then trades have none.
    """
    N, d = linear.shape
    lower, upper = limits.reach
    width = np.tile(upper - lower, (N, 1))
    if not np.isfinite(width).all():
        raise BadData("fixed costs are bounded path by path only where every position has limits")
    # the first trade may come from outside the limits
    width[0] = np.maximum(upper, held) - np.minimum(lower, held)
    H = np.zeros((N, d, N, d))
    for k in range(N):
        H[k, :, k] = diagonal[k]
        if k:
            H[k, :, k - 1], H[k - 1, :, k] = coupling[k], coupling[k].T
    g = linear.copy()
    g[0] += coupling[0] @ held
    whole = H.reshape(N * d, N * d)
    model = Model("trade or not")
    y = model.variable("y", (N, d), np.tile(lower, (N, 1)), np.tile(upper, (N, 1)))
    size = model.variable("size", (N, d), 0.0, width)
    traded = model.variable("traded", (N, d), binary=True)
    for k in range(N):
        moved = y[k] - (y[k - 1] if k else held)
        model.add(f"up_{k}", moved <= size[k])
        model.add(f"down_{k}", -moved <= size[k])
        model.add(f"switched_{k}", size[k] <= width[k] * traded[k])
        for r, (row, low, high) in enumerate(
            zip(limits.rows, limits.row_lower, limits.row_upper, strict=True)
        ):
            if np.isfinite(low):
                model.add(f"row_low_{k}_{r}", (row * y[k]).sum() >= low)
            if np.isfinite(high):
                model.add(f"row_high_{k}_{r}", (row * y[k]).sum() <= high)
    linear_part = (g * y).sum() + ((weights[:, None] * l1) * size).sum()
    model.minimise(
        model.quadratic(0.5 * whole, y.ravel()) + linear_part + ((weights[:, None] * fixed) * traded).sum()
    )
    answer = solve(model, confirm="none", time_limit=seconds)
    return None if answer.bound is None or not np.isfinite(answer.bound) else float(answer.bound)
