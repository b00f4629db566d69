r"""Two ways down the risk-parity objective: safeguarded Gauss-Newton steps, and the published rule.

The quadratic program at :math:`w^k` gives :math:`\hat w`. Gauss-Newton steps, sharpened by the curvature of the errors
where that is convex, take of the way to it the longest of 1, 1/2, 1/4, ... that lowers the original objective enough
(Armijo). The objective never goes up, and an asset at weight 0 would put it above `death_threshold`: where the start
lies below, no asset can die, whatever the steps.

The published rule instead takes :math:`w^{k+1} = w^k + \gamma_k (\hat w - w^k)` with :math:`\gamma_0 = 0.8` and
:math:`\gamma_k = \gamma_{k-1} (1 - 10^{-7} \gamma_{k-1})` from the start it is given (Feng & Palomar, "SCRIP:
Successive Convex Optimization Methods for Risk Parity Portfolio Design", 2015).

A duality gap of 1e-11 leaves weights 1e-5 from the best along directions that hardly matter to the objective, and
trades of 1e-9 where none is meant. To first order both show: the gap there goes with the distance, not with its
square. So `polished` takes from an answer what is traded and in which direction, and what stands at a bound, and solves
linear equations for the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.errors import NoPlan, SolverFailure
from proofolio.models.portfolio.quadratic_step import DirectSolver, QuadraticStep, TradeMultipliers
from proofolio.models.portfolio.risk_parity_kernels import ARMIJO, HALVINGS, PROXIMAL, ROUNDING, STILL
from proofolio.models.portfolio.risk_parity_problem import (
    curvature,
    diagonals,
    errors_and_jacobian,
    risk_errors,
)
from proofolio.models.portfolio.risk_parity_step import Iteration, first_order_gap

__all__ = ["Descent", "Periods", "gauss_newton", "polished", "published", "solved", "step_length"]


DUST = 1e-6  # a trade smaller than this may be the solver's inaccuracy
# Parts of its cost below which the multiplier of a small trade says that there is none: one guess after the other.
WITHIN = (0.99, 1.0 - 1e-5, 1e300)
TOUCHING = 1e-8  # a weight so near its bound stands there
ROUNDS = 4  # corrections of the signs of trades
MOST = 400  # free levels; more take longer than they are worth
FIRST_STEP, SHRINKING = 0.8, 1e-7  # the published rule
PATIENCE = 5  # iterations of the published rule without a better objective
SHORT = (
    0.01  # a part of the way to the subproblem's answer: below it a first step is polished and tried again
)
NO_BETTER = 1e-13  # a lower objective by less is no improvement
INFEASIBLE = 1e-6  # an answer that misses its rules by more is none


class Periods(NamedTuple):
    """The data of a step, runs of equal periods taken together; `times` counts each."""

    sigma: Floats
    budgets: Floats
    times: Floats
    step: QuadraticStep
    w0: Floats

    def objective(self, W: Floats) -> float:
        """Return the objective at weights (h, n)."""
        g = risk_errors(W, self.sigma, self.budgets)
        return float(self.times @ (g * g).sum(axis=1)) + self.trading(W)

    def trading(self, W: Floats) -> float:
        """Return the cost of trading at weights (h, n)."""
        cost = float(np.abs(W[0] - self.w0) @ self.step.cost)
        return cost + float((np.abs(W[1:] - W[:-1]) @ self.step.cost).sum()) if len(W) > 1 else cost


def polished(periods: Periods, Q: Floats, q: Floats, V: Floats, held: TradeMultipliers) -> Floats:
    r"""Return better weights for min 1/2 v'Qv + q'v + trading, or the given ones where there are none.

    Periods of an asset between two of its trades share one level. With the signs of the trades held, the levels y
    solve the equations of Lagrange of the subproblem, in :math:`V = V_0 + By`. They are taken only where they are
    allowed and the subproblem's own objective, trades and all, is not above that of the given weights.

    Parameters
    ----------
    periods : Periods
    Q : ndarray, shape (h, n, n)
    q, V : ndarray, shape (h, n)
    held : TradeMultipliers
        Of the given weights.
    """
    plans, cost = periods.step.plan_set, periods.step.cost
    if plans.limited or plans.groups:
        return V

    def value(X: Floats) -> float:
        bent = 0.5 * np.matmul(Q, X[..., None])[..., 0] + q
        return float((bent * X).sum()) + periods.trading(X)

    u = np.diff(V, axis=0, prepend=periods.w0[None])
    enough, small, s = value(V), np.abs(u) < DUST, np.abs(held.s)
    priced = cost > 0.0  # what is traded for nothing has no reason to stand still
    for share in WITHIN:
        still = small & priced & (s <= share * cost)
        for _ in range(ROUNDS):
            found = _levelled(periods, Q, q, V, u, still)
            if found is None:
                break
            turned = ~still & priced & (np.diff(found, axis=0, prepend=periods.w0[None]) * u < 0.0)
            if not turned.any():
                break
            still = still | turned  # it wants to trade the other way, so for now not at all
        if found is not None and value(found) <= enough:
            return found
    return V


def _levelled(periods: Periods, Q: Floats, q: Floats, V: Floats, u: Floats, still: Mask) -> Floats | None:
    """Return the best weights whose trades are none where `still`, and elsewhere have the signs of u."""
    plans, cost, w0 = periods.step.plan_set, periods.step.cost, periods.w0
    H, n = V.shape
    segment = np.cumsum(~still, axis=0) * n + np.arange(n)  # below n: not yet traded
    fixed = segment < n
    at_bound = (V - plans.lower < TOUCHING) | (plans.upper - V < TOUCHING)
    fixed |= np.isin(segment, segment[at_bound])
    free, column = np.unique(segment[~fixed], return_inverse=True)
    if not 0 < free.size <= MOST:
        return None
    B = np.zeros((H, n, free.size))
    B[(*np.nonzero(~fixed), column)] = 1.0
    base = np.where(segment < n, w0, np.clip(V, plans.lower, plans.upper))
    base[at_bound] = np.where(V - plans.lower < TOUCHING, plans.lower, plans.upper)[at_bound]
    base[~fixed] = 0.0
    sign = np.where(still, 0.0, np.sign(u)) * cost
    linear = q + sign
    linear[:-1] -= sign[1:]
    slope = (np.matmul(Q, base[..., None])[..., 0] + linear).ravel()
    curved = np.tensordot(B, np.matmul(Q, B), axes=([0, 1], [0, 1]))
    rows, at = np.unique(B.sum(axis=1), axis=0, return_index=True)
    missing = (1.0 - base.sum(axis=1))[at]
    k = len(rows)
    equations = np.block([[curved, rows.T], [rows, np.zeros((k, k))]])
    known = np.concatenate([-slope @ B.reshape(H * n, -1), missing])
    try:
        levels = np.linalg.solve(equations, known)[: free.size]
    except np.linalg.LinAlgError:
        return None
    found: Floats = base + B @ levels
    if np.any(found < plans.lower) or np.any(found > plans.upper):
        return None
    if np.abs(found.sum(axis=1) - 1.0).max() > TOUCHING:
        return None
    return found


class Descent(NamedTuple):
    """Where a descent came to, and how."""

    W: Floats
    objective: float
    multipliers: TradeMultipliers
    iterations: tuple[Iteration, ...]
    begun: str


def gauss_newton(
    periods: Periods, solver: DirectSolver, W: Floats, begun: str, enough: float, limit: int
) -> Descent:
    """Descend from weights until the proven gap to first order is small enough.

    Parameters
    ----------
    periods : Periods
    solver : DirectSolver
        Of the periods' quadratic step.
    W : ndarray, shape (h, n)
        Allowed.
    begun : str
        What the run is called.
    enough : float
        The gap at which to end.
    limit : int
        The most iterations.
    """
    objective, times = periods.objective(W), periods.times[:, None]
    log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
    held = TradeMultipliers(np.zeros_like(W))
    for k in range(limit + 1):
        g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
        slope = 2.0 * times * np.matmul(g[:, None, :], A)[:, 0]
        if k:
            log[-1] = log[-1]._replace(
                residual=first_order_gap(periods.step, slope, periods.w0, W, held, enough)
            )
            if log[-1].residual <= enough or k == limit or log[-1].moved <= STILL:
                break
        Q = times[:, :, None] * curvature(W, periods.sigma, g, A)
        diagonals(Q)[:] += PROXIMAL
        q = slope - np.matmul(Q, W[..., None])[..., 0]
        V, held, kkt = solved(periods, solver, Q, q)
        # the first steps are long ones, and need not be exact, unless dust keeps them short
        for exact in (False, True):
            if exact or k > 1:
                V = polished(periods, Q, q, V, held)
            d = V - W
            predicted = float((slope * d).sum()) + periods.trading(V) - periods.trading(W)
            a, after = step_length(periods, W, d, objective, min(predicted, 0.0))
            if a >= SHORT or k > 1:
                break
        if a == 0.0:
            gap = first_order_gap(periods.step, slope, periods.w0, W, held, enough)
            log.append(Iteration(objective, 0.0, 0.0, gap, kkt))
            break
        W, objective = W + a * d, after
        log.append(Iteration(objective, a, a * float(np.abs(d).max()), np.nan, kkt))
    return Descent(W, objective, held, tuple(log), begun)


def step_length(
    periods: Periods, W: Floats, d: Floats, objective: float, predicted: float
) -> tuple[float, float]:
    """Return the longest of the steps 1, 1/2, ... that lowers the objective enough, or 0, and its objective."""
    a, noise = 1.0, ROUNDING * (objective + np.sqrt(objective))  # squares of errors that are exact to 1e-16
    for _ in range(HALVINGS):
        after = periods.objective(W + a * d)
        if after <= objective + ARMIJO * a * predicted + noise:
            return a, after
        a *= 0.5
    return 0.0, objective


def published(periods: Periods, solver: DirectSolver, W: Floats, begun: str, limit: int) -> Descent:
    """Apply the published rule from weights until the objective no longer improves; arguments as above.

    It may go up, and then down again: it ends after `PATIENCE` iterations without a better objective, at the best.
    """
    best, objective, times = W, periods.objective(W), periods.times[:, None]
    log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
    held, a, wasted = TradeMultipliers(np.zeros_like(W)), FIRST_STEP, 0
    while len(log) <= limit and wasted < PATIENCE:
        g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
        slope = 2.0 * times * np.matmul(g[:, None, :], A)[:, 0]
        Q = 2.0 * times[:, :, None] * np.matmul(A.swapaxes(1, 2), A)
        diagonals(Q)[:] += PROXIMAL
        V, found, kkt = solved(periods, solver, Q, slope - np.matmul(Q, W[..., None])[..., 0])
        gap = first_order_gap(periods.step, slope, periods.w0, W, found)
        W = W + a * (V - W)
        after = periods.objective(W)
        log.append(Iteration(after, a, a * float(np.abs(V - W).max()) / (1.0 - a), gap, kkt))
        wasted = 0 if after < objective - NO_BETTER else wasted + 1
        if after < objective:
            best, objective, held = W, after, found
        a *= 1.0 - SHRINKING * a
    return Descent(best, objective, held, tuple(log), begun)


def solved(
    periods: Periods, solver: DirectSolver, Q: Floats, q: Floats
) -> tuple[Floats, TradeMultipliers, float]:
    """Return the answer to min 1/2 w'Qw + q'w + trading, its multipliers, and its violation or proven gap.

    Raises
    ------
    NoPlan
        When no weights meet all rules.
    SolverFailure
        When the solver gives no numbers, or none that meet rules that some do.
    """
    size = periods.step.size(-q, Q)
    answer = solver.solve(-q, Q, periods.w0, size)
    if answer is None:
        raise SolverFailure("the solver gave no answer to a quadratic program of the approximation")
    found, held = answer
    kkt = periods.step.measure(-q, Q, periods.w0, found, held, size).kkt
    if not kkt.violation <= INFEASIBLE:
        if periods.step.plan_set.reachable(periods.w0):
            raise SolverFailure(
                "the solver found no allowed answer to a quadratic program of the approximation"
            )
        raise NoPlan(
            "no weights meet the bounds, groups and turnover limits from these first holdings: widen one of them"
        )
    return periods.step.plan_set.settle(found), held, max(kkt.violation, kkt.gap)
