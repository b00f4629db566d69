r"""The quadratic program of one successive convex approximation, in plain arrays, and what its multipliers prove.

.. math::
    \min\ \sum_t \tfrac12 w_t'Q_t w_t + q_t'w_t + 2\gamma\, 1'u_t \quad\text{s.t.}\quad
    u_t \ge w_t - w_{t-1},\ u_t \ge 0,\ 1'w_t = 1,\ \ell_t \le w_t \le \bar w_t,\ \text{groups},\
    2\cdot 1'u_t \le \text{limit}_t + 1'w_t - 1'w_{t-1}

u is what is bought: since the weights add up to 1, :math:`\|w_t - w_{t-1}\|_1 = 2\cdot 1'u_t` but for a constant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import BadData, SolverFailure
from proofolio.models.holdings import Group
from proofolio.solvers.direct_qp import QP, DirectQP, direct_qp
from proofolio.solvers.simplex_qp import cheapest_point

__all__ = ["Limits", "Multipliers", "StepQP", "first_order_gap"]

Floats = NDArray[np.float64]
DENSE = 40  # variables up to which dense factors are faster
ABSOLUTE = 1e-11


class Limits(NamedTuple):
    """What may be held and traded in h periods: bounds (h, n), groups, limits of turnover (h,)."""

    lower: Floats
    upper: Floats
    groups: tuple[Group, ...]
    turnover: Floats


class Multipliers(NamedTuple):
    """Multipliers of the parts of a step's program.

    Attributes
    ----------
    trade : ndarray, shape (h, n)
        A subgradient of the trading cost: within ``gamma + turnover[:, None]`` in size.
    turnover : ndarray, shape (h,)
        From 0.
    groups : ndarray, shape (h, number of groups)
        Positive at an upper limit, negative at a lower one.
    """

    trade: Floats
    turnover: Floats
    groups: Floats


class StepQP:
    """The quadratic program of h periods, set up once.

    Parameters
    ----------
    limits : Limits
    gamma : float
        The cost of trading.
    solver : {"piqp", "osqp", "clarabel"}
    """

    def __init__(self, limits: Limits, gamma: float, solver: str) -> None:
        h, n = limits.lower.shape
        self.limits, self.gamma, self.solver = limits, gamma, solver
        self._h, self._n = h, n
        size = h * n
        self._dense = 2 * size <= DENSE
        eye, none = sparse.eye_array(size), sparse.csr_array((size, size))
        change = eye - sparse.eye_array(size, k=-n)
        each = sparse.kron(sparse.eye_array(h), np.ones((1, n)))
        rows = [sparse.hstack([each, sparse.csr_array((h, size))]), sparse.hstack([change, -eye])]
        low, high = [np.ones(h), np.full(size, -np.inf)], [np.ones(h), np.zeros(size)]
        for group in limits.groups:
            member = np.zeros((1, n))
            member[0, list(group.members)] = 1.0
            rows.append(sparse.hstack([sparse.kron(sparse.eye_array(h), member), sparse.csr_array((h, size))]))
            low.append(np.full(h, group.lower))
            high.append(np.full(h, group.upper))
        self._limited = np.flatnonzero(np.isfinite(limits.turnover))
        if self._limited.size:
            rows.append(sparse.hstack([sparse.csr_array((h, size)), 2.0 * each]).tocsr()[self._limited])
            low.append(np.full(self._limited.size, -np.inf))
            high.append(limits.turnover[self._limited])
        self._low, self._high = np.concatenate(low), np.concatenate(high)
        self._A = sparse.csc_array(sparse.vstack(rows))
        inner = np.arange(size).reshape(h, 1, n).repeat(n, axis=1).ravel().astype(np.int32)
        pointer = np.concatenate([np.arange(0, size * n, n), np.full(size + 1, size * n)]).astype(np.int32)
        self._pattern = (inner, pointer)
        self._direct: DirectQP | None = None
        self._moved = True

    def at(self, w0: Floats) -> None:
        """Take other first holdings."""
        self._high[self._h : self._h + self._n] = w0
        if self._limited.size and self._limited[0] == 0:
            self._high[-self._limited.size] = self.limits.turnover[0] + 1.0 - float(w0.sum())
        self._moved = True

    def solve(self, Q: Floats, q: Floats) -> tuple[Floats, Multipliers, float]:
        """Return the weights (h, n), the multipliers, and the worst KKT residual of the answer.

        Parameters
        ----------
        Q : ndarray, shape (h, n, n)
        q : ndarray, shape (h, n)

        Raises
        ------
        BadData
            When no weights meet all limits.
        SolverFailure
            When the solver gives no answer.
        """
        h, n = self._h, self._n
        slope = np.concatenate([q.ravel(), np.full(h * n, 2.0 * self.gamma)])
        P = self._curvature(Q)
        if self._direct is None:
            bounds = (
                np.concatenate([self.limits.lower.ravel(), np.zeros(h * n)]),
                np.concatenate([self.limits.upper.ravel(), np.full(h * n, np.inf)]),
            )
            A = self._A.toarray() if self._dense else self._A
            qp = QP(P, slope, A, self._low, self._high.copy(), *bounds)
            self._direct = direct_qp(self.solver, qp, tolerance=ABSOLUTE)
        elif self._moved:
            self._direct.update(P=P, q=slope, row_upper=self._high.copy())
        else:
            self._direct.update(P=P, q=slope)
        self._moved = False
        found = self._direct.solve()
        if found.status == "infeasible":
            raise BadData(
                "no weights meet the bounds, groups and turnover limits from these first holdings: widen one of them"
            )
        if not np.all(np.isfinite(found.x)):
            raise SolverFailure(f"{self.solver} gave no answer to a step's quadratic program ({found.status})")
        measured = found.residuals
        weights = np.clip(found.x[: h * n].reshape(h, n), self.limits.lower, self.limits.upper)
        return weights, self._multipliers(found.y), max(measured.primal, measured.dual, measured.gap)

    def _curvature(self, Q: Floats) -> Any:
        h, n = self._h, self._n
        if self._dense:
            P = np.zeros((2 * h * n, 2 * h * n))
            for t in range(h):
                P[t * n : (t + 1) * n, t * n : (t + 1) * n] = Q[t]
            return P
        return sparse.csc_array((Q.ravel(), *self._pattern), shape=(2 * h * n, 2 * h * n))

    def _multipliers(self, y: Floats) -> Multipliers:
        h, n = self._h, self._n
        turnover = np.zeros(h)
        if self._limited.size:
            turnover[self._limited] = np.maximum(y[-self._limited.size :], 0.0)
        most = (self.gamma + turnover)[:, None]
        trade = np.clip(y[h : h + h * n].reshape(h, n) - most, -most, most)
        count = len(self.limits.groups)
        groups = np.zeros((h, count))
        if count:
            groups = y[h + h * n : h + h * n + h * count].reshape(count, h).T.copy()
        return Multipliers(trade, turnover, groups)


def first_order_gap(
    gradient: Floats, W: Floats, w0: Floats, gamma: float, limits: Limits, held: Multipliers
) -> float:
    r"""Bound by how much any feasible point improves on W to first order; 0 where W is stationary.

    With the gradient c of the smooth part, and multipliers s of the trades, :math:`\kappa` of the turnover limits,
    y of the groups, weak duality gives for every feasible V

    .. math::
        c'V + \gamma \sum_t \|V_t - V_{t-1}\|_1 \ \ge\ \sum_t \min_v (c_t + s_t - s_{t+1} + \textstyle\sum_j y_{tj} a_j)'v
        - s_1'w_0 - \sum_t \kappa_t \text{limit}_t - \sum_{tj} \sup y_{tj} [\text{lower}_j, \text{upper}_j],

    the minimum being over the budget and the bounds. The bound is what the left side at W exceeds this by, whatever
    the multipliers: poor ones make it large, never wrong.

    Parameters
    ----------
    gradient, W : ndarray, shape (h, n)
    w0 : ndarray, shape (n,)
    gamma : float
    limits : Limits
    held : Multipliers
    """
    s = held.trade
    cost = gradient + s
    cost[:-1] -= s[1:]
    value = float((gradient * W).sum()) + gamma * _traded(W, w0)
    bound = -float(s[0] @ w0)
    if held.turnover.any():
        binding = np.flatnonzero(held.turnover)
        bound -= float(held.turnover[binding] @ limits.turnover[binding])
    for j, group in enumerate(limits.groups):
        y = held.groups[:, j]
        y = np.where((y > 0.0) & ~np.isfinite(group.upper), 0.0, y)
        y = np.where((y < 0.0) & ~np.isfinite(group.lower), 0.0, y)
        cost[:, list(group.members)] += y[:, None]
        bound -= float(sum(v * (group.upper if v > 0.0 else group.lower) for v in y if v))
    low = limits.lower
    rest = 1.0 - low.sum(axis=1)
    if np.all(limits.upper - low >= rest[:, None]):
        bound += float((cost * low).sum() + rest @ cost.min(axis=1))
    else:
        bound += float((cost * cheapest_point(cost, low, limits.upper)).sum())
    return value - bound


def _traded(W: Floats, w0: Floats) -> float:
    return float(np.abs(W[0] - w0).sum() + np.abs(W[1:] - W[:-1]).sum())
