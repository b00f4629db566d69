r"""A step of a model-predictive control as a quadratic program over a plan set: set up once, solved, and proved.

With :math:`f(W) = \sum_t \gamma w_t'\Sigma_t w_t - \mu_t'w_t + \sum_i c_i |u_{t,i}|`, trades
:math:`u_t = w_t - w_{t-1}`, any multipliers :math:`|s_{t,i}| \le c_i + \lambda_t` of the trades,
:math:`\lambda_t \ge 0` of the limits :math:`\|u_t\|_1 \le L_t` and y of the groups :math:`a \le Gw_t \le b`, and
any W, convexity gives for **every** feasible V

.. math::
    f(V) \ge \sum_t \Bigl(-\gamma w_t'\Sigma_t w_t - \lambda_t L_t - h(y_t)
    + \min_{1'v = 1,\ \ell_t \le v \le u_t} g_t'v\Bigr) - s_1'w_0, \qquad
    g_t = 2\gamma\Sigma_t w_t - \mu_t + s_t - s_{t+1} + G'y_t

(h supports the interval [a, b]). The minimum is a knapsack, solved exactly. So the gap between f(W) and the
right-hand side, zero exactly where the KKT conditions of the original problem hold, needs no solver's word.

What a direct solver is given has columns for the weights, period by period, and for each traded asset what is bought,
:math:`b \ge u, b \ge 0`. Since :math:`|u| = 2b - u` at the optimum and the trades of all periods add up to
:math:`w_H - w_0`,

.. math:: \sum_t c'|u_t| = \sum_t 2c'b_t - c'w_H + c'w_0

exactly, whatever the weights before the first period add up to. Only numbers change from step to step.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import BadData
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.solvers.quadratic.power_costs import solve_with_powers
from proofolio.solvers.quadratic.problem import QP
from proofolio.solvers.quadratic.table import DirectQP, direct_qp

__all__ = ["ACCEPTED", "DirectSolver", "Kkt", "QuadraticStep", "TradeMultipliers"]


ACCEPTED = 1e-8  # a plan that misses its rules by at most this is taken: ten times a solver's own accuracy
CONIC = 1e-10  # tolerance of the conic program, where none is asked for
NEARLY_ZERO = 1e-3  # of the largest coefficient: an objective below it has no relative error of its own


@dataclass(frozen=True)
class Kkt:
    """KKT residuals of the original problem, from its data; all zero exactly at an optimum.

    The multipliers of bounds and budget are those that the gradient asks for, so that stationarity holds by
    construction, and what is left of the conditions is feasibility and complementarity.

    Attributes
    ----------
    violation : float
        The largest amount by which a weight, the budget, a group or the turnover limit is missed.
    gap : float
        The sum of all complementarity products, of bounds, trades, groups and limits: how much better than W
        any feasible point can be at most.
    gap_relative : float
        Of the objective's size, or of a thousandth of its largest coefficient where that is more: an objective
        that is zero, or nearly, has no relative error of its own.
    """

    violation: float
    gap: float
    gap_relative: float


class TradeMultipliers(NamedTuple):
    """What a solver answers of the trades, shape (H, n), the turnover limits (H,) and the groups (H, groups)."""

    s: Floats
    limit: Floats | None = None
    groups: Floats | None = None


class Measured(NamedTuple):
    """The minimised objective and the residuals."""

    value: float
    kkt: Kkt


@dataclass(frozen=True, eq=False)
class QuadraticStep:
    r"""A program over a plan set.

    .. math:: \min \sum_t \gamma w_t'\Sigma_t w_t - \mu_t'w_t + \sum_i c_i |u_{t,i}| + p_i |u_{t,i}|^{3/2}

    Attributes
    ----------
    plan_set : PlanSet
        Its bounds, net exposure, groups and turnover limits.
    cost : ndarray, shape (n,)
        c, of the size of each trade.
    gamma : float
        Risk aversion.
    power : ndarray, shape (n,), optional
        p, of the size of each trade to the power 3/2; nothing when left out.
    """

    plan_set: PlanSet
    cost: Floats
    gamma: float
    power: Floats | None = None

    @property
    def powered(self) -> Integers:
        """The assets whose trades cost something to the power 3/2."""
        return np.flatnonzero(self.power) if self.power is not None else np.arange(0)

    @classmethod
    def priced(cls, plan_set: PlanSet, price: float, gamma: float) -> QuadraticStep:
        """Return the step in which every trade costs the same, but those of cash nothing."""
        return cls(plan_set, price * plan_set.counted.astype(float), gamma)

    def size(self, mean: Floats, covariance: Floats) -> float:
        """Return the largest coefficient of the objective; a fixed budget makes only differences of means count."""
        # the largest entry of a semidefinite matrix stands on its diagonal
        curved = 2.0 * self.gamma * float(covariance.max())
        power = 0.0 if self.power is None else float(self.power.max())
        fixed = self.plan_set.budget is not None
        earned = float(mean.max()) - float(mean.min()) if fixed else float(np.abs(mean).max())
        return max(earned, curved, float(self.cost.max()), power, 1e-300)

    def measure(
        self,
        mean: Floats,
        covariance: Floats,
        w0: Floats,
        W: Floats,
        multipliers: TradeMultipliers,
        size: float,
    ) -> Measured:
        """Evaluate a plan and prove how far from optimal it can be; `size` is that of `QuadraticStep.size`."""
        plans = self.plan_set
        u = np.empty_like(W)
        u[0] = W[0] - w0
        np.subtract(W[1:], W[:-1], out=u[1:])
        amount = np.abs(u)
        risk_gradient = np.matmul(covariance, W[:, :, None])[:, :, 0]
        risk_gradient *= 2.0 * self.gamma
        risk = 0.5 * float(np.vdot(risk_gradient, W))
        earned = float(np.vdot(mean, W))
        traded = float((amount @ self.cost).sum())
        value = risk - earned + traded

        most: Floats = self.cost
        proved = -risk
        if plans.limited and multipliers.limit is not None:
            price = np.where(np.isfinite(plans.turnover_limit), np.maximum(multipliers.limit, 0.0), 0.0)
            most = self.cost + price[:, None] * plans.counted
            proved -= float((price * np.where(price > 0.0, plans.turnover_limit, 0.0)).sum())
        if self.power is None:
            s = np.minimum(np.maximum(multipliers.s, -most), most)
        else:
            value += float((amount**1.5 @ self.power).sum())
            s, worth = _with_power(multipliers.s, most, self.power, plans)
            proved -= worth
        g = risk_gradient
        g -= mean
        g += s
        g[:-1] -= s[1:]
        proved -= float(s[0] @ w0)
        if plans.groups and multipliers.groups is not None:
            y, support = _supported(multipliers.groups, plans.group_lower, plans.group_upper)
            g += y @ plans.group_members
            proved -= support
        proved += plans.least(g)
        gap = value - proved
        relative = gap / max(abs(value), NEARLY_ZERO * size)
        return Measured(value, Kkt(plans.violation(W, amount), gap, abs(relative)))


def _with_power(s: Floats, most: Floats, power: Floats, plans: PlanSet) -> tuple[Floats, float]:
    r"""Return multipliers of trades moved where they prove something, and what the costs' conjugate takes from it.

    .. math:: \min_u\ m |u| + p |u|^{3/2} - s u = -\tfrac{4}{27} \frac{(|s| - m)_+^3}{p^2}

    The least is at :math:`|u| = (2 (|s| - m) / 3p)^2`, so multipliers for trades larger than there can be help nothing.
    """
    largest = 1.5 * power * np.sqrt(np.maximum(np.abs(plans.upper).max(), np.abs(plans.lower).max()) + 1.0)
    beyond = np.minimum(np.maximum(np.abs(s) - most, 0.0), largest)
    worth = (4.0 / 27.0) * beyond**3 / np.where(power > 0.0, power, 1.0) ** 2
    return np.sign(s) * (np.minimum(np.abs(s), most) + beyond), float(worth.sum())


def _supported(y: Floats, low: Floats, high: Floats) -> tuple[Floats, float]:
    """Return multipliers of intervals without those of infinite sides, and the support function at them."""
    limit = np.where(y > 0.0, high, low)
    finite = np.isfinite(limit)
    kept = np.where(finite, y, 0.0)
    return kept, float((kept * np.where(finite, limit, 0.0)).sum())


class DirectSolver:
    """A step inside a direct solver, which keeps its factorisation from one solve to the next.

    Parameters
    ----------
    step : QuadraticStep
    solver : a name in `QP_SOLVERS` ("piqp", "osqp", "clarabel")
    **options
        Passed on to the solver.
    """

    def __init__(self, step: QuadraticStep, solver: str, **options: Any) -> None:
        plans, cost = step.plan_set, step.cost
        H, n = plans.lower.shape
        self._step, self._H, self._n, self._N = step, H, n, H * n
        self._name, self._options = solver, options
        traded = np.flatnonzero((cost > 0.0) | (plans.counted if plans.limited else False))
        k = traded.size
        self._rows = plans.rows(traded)
        # a slice is read and written without copying
        self._traded: Any = slice(0, n) if k == n else traded
        self._count = k
        self._bought = 2.0 * cost[self._traded]
        self._wide = self._N + H * k
        self._lower = np.concatenate([plans.lower.ravel(), np.zeros(H * k)])
        self._upper = np.concatenate([plans.caps.ravel(), np.full(H * k, np.inf)])
        pointer = np.concatenate([n * np.arange(self._N + 1), np.full(H * k, n * self._N)])
        rows = n * np.repeat(np.arange(H), n * n) + np.tile(np.arange(n), self._N)
        self._P = sparse.csc_matrix((np.zeros(rows.size), rows, pointer), shape=(self._wide, self._wide))
        self._solver: DirectQP | None = None
        self._powered = step.powered
        self._trades: Sparse | None = None
        if self._powered.size:
            if solver != "clarabel":
                raise BadData(f"solver {solver!r} takes no costs of the power 3/2: name clarabel")
            m = self._powered.size
            pick = sparse.csr_array((np.ones(m), (np.arange(m), self._powered)), shape=(m, n))
            u = sparse.kron(sparse.eye_array(H) - sparse.eye_array(H, k=-1), pick)
            self._trades = sparse.csr_array(sparse.hstack([u, sparse.csr_array((H * m, H * k))]))

    def solve(
        self, mean: Floats, covariance: Floats, w0: Floats, size: float
    ) -> tuple[Floats, TradeMultipliers] | None:
        """Return weights (H, n) and multipliers; None when the solver has none.

        The objective is divided by its `size` (see `QuadraticStep.size`): solvers' tolerances are absolute.
        """
        H, n, N = self._H, self._n, self._N
        q = np.empty(self._wide)
        q[:N] = mean.ravel()
        q[:N] *= -1.0 / size
        q[N - n : N] -= self._step.cost / size
        q[N:].reshape(H, -1)[:] = self._bought / size
        row_upper = self._rows.upper_from(w0)
        # the one matrix gets its new numbers: to make another takes longer than to update the solver
        P = self._P
        P.data = covariance.ravel() * (2.0 * self._step.gamma / size)
        if self._trades is not None:
            return self._conic(q, row_upper, w0, size)
        if self._solver is None:
            qp = QP(P, q, self._rows.A, self._rows.lower, row_upper, self._lower, self._upper)
            self._solver = direct_qp(self._name, qp, **self._options)
        else:
            self._solver.update(P=P, q=q, row_upper=row_upper)
        answer = self._solver.solve()
        if not isfinite(np.vdot(answer.x, answer.x) + np.vdot(answer.y, answer.y)):
            self._solver = None  # what is left inside it is not to be started from
            return None
        return self._answer(answer.x, answer.y, size)

    def _answer(self, x: Floats, y: Floats, size: float) -> tuple[Floats, TradeMultipliers]:
        plans, H, n, N, k = self._step.plan_set, self._H, self._n, self._N, self._count
        prices = -size * y  # of upper sides, which all of these rows have
        price = prices[self._rows.limits] if plans.limited else None
        s = np.zeros((H, n))
        s[:, self._traded] = prices[self._rows.trades].reshape(H, k) - 0.5 * self._bought
        if price is not None:
            s -= price[:, None] * plans.counted
        groups = prices[self._rows.groups].reshape(H, -1) if plans.groups else None
        return x[:N].reshape(H, n), TradeMultipliers(s, price, groups)

    def _conic(
        self, q: Floats, row_upper: Floats, w0: Floats, size: float
    ) -> tuple[Floats, TradeMultipliers] | None:
        """Solve with costs of the power 3/2, anew each time."""
        assert self._step.power is not None
        assert self._trades is not None
        H, some = self._H, self._powered
        qp = QP(self._P, q, self._rows.A, self._rows.lower, row_upper, self._lower, self._upper)
        first = np.concatenate([w0[some], np.zeros((H - 1) * some.size)])
        tolerance = float(self._options.get("tolerance", CONIC))
        found = solve_with_powers(
            qp, self._trades, first, np.tile(self._step.power[some] / size, H), tolerance
        )
        if found is None or not isfinite(np.vdot(found.x, found.x) + np.vdot(found.y, found.y)):
            return None
        W, held = self._answer(found.x, found.y, size)
        held.s[:, some] += size * found.s.reshape(H, -1)
        return W, held
