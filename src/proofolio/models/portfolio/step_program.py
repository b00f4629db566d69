r"""The mean-variance step as a quadratic program that a direct solver keeps: only its numbers change by the day.

Columns are the weights, period by period, and for each traded asset what is bought, :math:`b \ge u, b \ge 0`. Since
:math:`|u| = 2b - u` at the optimum and the trades of all periods add up to :math:`w_H - w_0`,

.. math:: \sum_t c'|u_t| = \sum_t 2c'b_t - c'w_H + c'w_0

exactly, whatever the weights before the first period add up to.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.models.portfolio.step import Multipliers, Rules
from proofolio.solvers.quadratic.choice import DirectQP, direct_qp
from proofolio.solvers.quadratic.problem import QP

__all__ = ["DirectForm"]


class DirectForm:
    """The program of a step inside a direct solver.

    Parameters
    ----------
    rules : Rules
    gamma : float
        Risk aversion.
    solver : {"piqp", "osqp", "clarabel"}
    **options
        Passed on to the solver.
    """

    def __init__(self, rules: Rules, gamma: float, solver: str, **options: Any) -> None:
        H, n = rules.lower.shape
        self._rules, self._gamma, self._H, self._n, self._N = rules, gamma, H, n, H * n
        self._name, self._options = solver, options
        limited = rules.turnover_limit is not None
        traded = np.flatnonzero((rules.cost > 0.0) | (rules.counted if limited else False))
        k = traded.size
        # a slice is read and written without copying
        self._traded: Any = slice(0, n) if k == n else traded
        self._count = k
        self._bought = 2.0 * rules.cost[self._traded]
        self._wide = self._N + H * k
        A, self._row_lower, self._row_upper = self._rows()
        self._A = sparse.csc_matrix(A)
        self._lower = np.concatenate([rules.lower.ravel(), np.zeros(H * k)])
        above = np.full(self._N, np.inf) if rules.simplex else rules.upper.ravel()
        self._upper = np.concatenate([above, np.full(H * k, np.inf)])
        pointer = np.concatenate([n * np.arange(self._N + 1), np.full(H * k, n * self._N)])
        rows = n * np.repeat(np.arange(H), n * n) + np.tile(np.arange(n), self._N)
        self._P = sparse.csc_matrix((np.zeros(rows.size), rows, pointer), shape=(self._wide, self._wide))
        self._solver: DirectQP | None = None

    def _rows(self) -> tuple[Any, Floats, Floats]:
        """Return the rows: budgets, trades, turnover limits, groups; with w0 taken as zero."""
        rules, H, n, k = self._rules, self._H, self._n, self._count
        pick = sparse.csr_array((np.ones(k), (np.arange(k), np.arange(n)[self._traded])), shape=(k, n))
        apart = sparse.eye_array(H) - sparse.eye_array(H, k=-1)
        none = sparse.csr_array((H, H * k))
        blocks: list[list[Any]] = [[sparse.kron(sparse.eye_array(H), np.ones((1, n))), none]]
        low, high = [np.ones(H)], [np.ones(H)]
        blocks.append([sparse.kron(apart, pick), -sparse.eye_array(H * k)])
        low.append(np.full(H * k, -np.inf))
        high.append(np.zeros(H * k))
        self._at_trades = slice(H, H + H * k)
        self._at_limits = slice(H + H * k, H + H * k)
        if rules.turnover_limit is not None:
            counted = rules.counted.astype(float)
            bought = 2.0 * counted[self._traded]
            blocks.append(
                [-sparse.kron(apart, counted[None, :]), sparse.kron(sparse.eye_array(H), bought[None, :])]
            )
            low.append(np.full(H, -np.inf))
            high.append(rules.turnover_limit)
            self._at_limits = slice(self._at_limits.start, self._at_limits.start + H)
        if rules.groups is not None:
            count = rules.groups.shape[0]
            blocks.append(
                [sparse.kron(sparse.eye_array(H), rules.groups), sparse.csr_array((H * count, H * k))]
            )
            low.append(np.tile(rules.group_lower, H))
            high.append(np.tile(rules.group_upper, H))
        return sparse.block_array(blocks, format="csc"), np.concatenate(low), np.concatenate(high)

    def solve(
        self, mean: Floats, covariance: Floats, w0: Floats, size: float
    ) -> tuple[Floats, Multipliers] | None:
        """Return weights (H, n) and multipliers; None when the solver has none.

        The objective is divided by its `size` (see `objective_size`): solvers' tolerances are absolute.
        """
        rules, H, n, N = self._rules, self._H, self._n, self._N
        cost = rules.cost
        q = np.empty(self._wide)
        q[:N] = mean.ravel()
        q[:N] *= -1.0 / size
        q[N - n : N] -= cost / size
        q[N:].reshape(H, -1)[:] = self._bought / size
        row_upper = self._row_upper.copy()
        k = self._count
        row_upper[H : H + k] = w0[self._traded]
        if rules.turnover_limit is not None:
            row_upper[self._at_limits.start] -= w0 @ rules.counted
        # the one matrix gets its new numbers: to make another takes longer than to update the solver
        P = self._P
        P.data = covariance.ravel() * (2.0 * self._gamma / size)
        if self._solver is None:
            qp = QP(P, q, self._A, self._row_lower, row_upper, self._lower, self._upper)
            self._solver = direct_qp(self._name, qp, **self._options)
        else:
            self._solver.update(P=P, q=q, row_upper=row_upper)
        answer = self._solver.solve()
        if not isfinite(np.vdot(answer.x, answer.x) + np.vdot(answer.y, answer.y)):
            self._solver = None  # what is left inside it is not to be started from
            return None
        prices = -size * answer.y  # of upper sides, which all of these rows have
        price = prices[self._at_limits] if rules.turnover_limit is not None else None
        s = np.zeros((H, n))
        s[:, self._traded] = prices[self._at_trades].reshape(H, k) - 0.5 * self._bought
        if price is not None:
            s -= price[:, None] * rules.counted
        groups = None
        if rules.groups is not None:
            groups = prices[self._at_limits.stop :].reshape(H, -1)
        return answer.x[:N].reshape(H, n), Multipliers(s, price, groups)
