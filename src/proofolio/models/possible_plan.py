"""Whether any plan keeps all rules: asked only where a solver has come to none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from proofolio.models.mpc_step import Rules

__all__ = ["possible"]

INFEASIBLE = 2  # what `scipy.optimize.linprog` says where there is no point


def possible(rules: Rules, w0: NDArray[np.float64]) -> bool:
    r"""Return whether weights over all periods meet bounds, budgets, groups and turnover limits from w0.

    A linear program without an objective, in the weights W and the sizes v of the counted trades,
    :math:`-v_t \le W_t - W_{t-1} \le v_t`, :math:`1'v_t \le L_t`. Only where it is found to have no point is the
    answer False: a solver that gives up proves nothing.

    Parameters
    ----------
    rules : Rules
    w0 : ndarray, shape (n,)
    """
    H, n = rules.lower.shape
    N = H * n
    every = sparse.eye_array(H)
    budget = sparse.hstack([sparse.kron(every, np.ones((1, n))), sparse.csr_array((H, N))])
    blocks: list[Any] = []
    most: list[NDArray[np.float64]] = []
    if rules.turnover_limit is not None:
        change = sparse.eye_array(N) - sparse.eye_array(N, k=-n)
        held = np.zeros(N)
        held[:n] = w0
        limited = np.isfinite(rules.turnover_limit)
        counted = sparse.kron(every, rules.counted.astype(float)[None, :]).tocsr()[limited]
        blocks += [
            sparse.hstack([change, -sparse.eye_array(N)]),
            sparse.hstack([-change, -sparse.eye_array(N)]),
            sparse.hstack([sparse.csr_array(counted.shape), counted]),
        ]
        most += [held, -held, rules.turnover_limit[limited]]
    if rules.groups is not None:
        rows = sparse.kron(every, rules.groups)
        for sign, side in ((1.0, rules.group_upper), (-1.0, -rules.group_lower)):
            kept = np.tile(np.isfinite(side), H)
            both = sparse.csr_array(sparse.hstack([sign * rows, sparse.csr_array(rows.shape)]))
            blocks.append(both[kept])
            most.append(np.tile(side, H)[kept])
    bounds = np.column_stack(
        [
            np.concatenate([rules.lower.ravel(), np.zeros(N)]),
            np.concatenate([rules.upper.ravel(), np.full(N, np.inf)]),
        ]
    )
    linprog: Any = optimize.linprog  # its annotations leave sparse matrices out
    found = linprog(
        np.zeros(2 * N),
        A_ub=sparse.vstack(blocks) if blocks else None,
        b_ub=np.concatenate(most) if most else None,
        A_eq=budget,
        b_eq=np.ones(H),
        bounds=bounds,
        method="highs",
    )
    return bool(found.status != INFEASIBLE)
