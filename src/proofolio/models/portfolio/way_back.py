r"""The way back into the rules from holdings out of which no single trade leads to a plan.

Prices move holdings past bounds, and with a turnover limit it may take more than one trade to come back. The rules then
rank: net exposure is kept; turnover is passed by no more than that asks for (nothing, where all is invested); what
is left out of bounds and groups is the least possible; and among such trades the smallest is made. With holdings h,
trades :math:`|w - h|` of the counted assets and the first period's limits,

.. math::
    z^* = \min z, \quad e^* = \min \sum_i (l_i - w_i)^+ + (w_i - u_i)^+ + \sum_j \text{what group j misses}, \quad
    \min \sum_{counted} |w_i - h_i|, \\
    1'w \in [a, b], \quad \sum_{counted} |w_i - h_i| \le L_1 + z,

three linear programs, one after another, each holding what the ones before it found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, sparse

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.models.portfolio.plan_set import PlanSet

__all__ = ["way_back"]


SLACK = 1e-9  # what an earlier program found is held up to this: two answers of a solver differ by rounding
MISSED = 1e-7  # a rule missed by no more is kept: well above the slack and the solver's rounding


def way_back(plans: PlanSet, held: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Return the weights (n,) of the nearest trade towards the rules, and which rules they still miss.

    Parameters
    ----------
    plans : PlanSet
        Its first period counts. Rules that count positions, and gross exposure that does not follow from bounds, have
        no way back here.
    held : ndarray, shape (n,)
        Before the trade; what they miss of the net exposure is money that is not invested yet.

    Raises
    ------
    SolverFailure
        When the set has such rules, or the solver gives up.

    Examples
    --------
    >>> plans = PlanSet(3, 1, upper=0.5, turnover_limit=0.2)
    >>> weights, missed = way_back(plans, np.array([0.9, 0.1, 0.0]))
    >>> float(weights[0].round(6)), missed
    (0.8, ('weights in bounds',))
    """
    if plans.mixed_integer or plans.gross_binds:
        raise SolverFailure(
            "no weights meet the rules from these holdings, and with positions counted or gross exposure limited no "
            "way back is planned"
        )
    n, groups = plans.n, len(plans.groups)
    # columns: weights, sizes of trades, what is beyond a bound, what is beyond a group, turnover beyond its limit
    sizes = n + np.arange(n)
    columns = 3 * n + groups + 1
    beyond = np.arange(2 * n, columns - 1)
    each, nothing = sparse.eye_array(n), sparse.csr_array((n, n))
    of_groups, of_one = sparse.csr_array((n, groups)), sparse.csr_array((n, 1))
    members, ones = sparse.csr_array(plans.group_members), np.ones((1, n))
    limit = plans.turnover_limit[0]
    rows: list[list[Any]] = [
        [each, -each, nothing, of_groups, of_one],  # w - size <= h
        [each, each, nothing, of_groups, of_one],  # w + size >= h
        [each, nothing, -each, of_groups, of_one],  # w - beyond <= u
        [each, nothing, each, of_groups, of_one],  # w + beyond >= l
        [ones, None, None, None, sparse.csr_array((1, 1))],
        [None, plans.counted[None].astype(float), None, None, -np.ones((1, 1))],
    ]
    low = [np.full(n, -np.inf), held, np.full(n, -np.inf), plans.lower[0], [plans.net[0]], [-np.inf]]
    high = [held, np.full(n, np.inf), plans.upper[0], np.full(n, np.inf), [plans.net[1]], [limit]]
    if groups:
        of_each = sparse.eye_array(groups)
        rows += [[members, None, None, -of_each, None], [members, None, None, of_each, None]]
        low += [np.full(groups, -np.inf), plans.group_lower]
        high += [plans.group_upper, np.full(groups, np.inf)]
    A: Any = sparse.csr_array(sparse.block_array(rows, format="csr"))
    kept: Any = optimize.LinearConstraint(A, np.concatenate(low), np.concatenate(high))
    lower, upper = np.zeros(columns), np.full(columns, np.inf)
    lower[:n] = -np.inf
    aims = (np.array([columns - 1]), beyond, sizes[plans.counted])
    constraints = [kept]
    for aim in aims:
        cost = np.zeros(columns)
        cost[aim] = 1.0
        found = optimize.milp(cost, constraints=constraints, bounds=optimize.Bounds(lower, upper))
        if found.x is None:
            raise SolverFailure("no way back into the rules was found from these holdings")
        constraints.append(optimize.LinearConstraint(cost[None], -np.inf, found.fun + SLACK))
    assert found.x is not None
    weights: Floats = found.x[:n]
    missed = {
        name: by for name, by in plans.bounded(plans.lower[:1], plans.upper[:1])
        .violations(weights[:, None], held).items() if by > MISSED
    }  # fmt: skip
    return weights, tuple(missed)
