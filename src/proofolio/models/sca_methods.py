"""Two ways to descend in the risk-parity program: safeguarded Gauss-Newton steps, and the published rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.errors import NoPlan, SolverFailure
from proofolio.models.mpc_form import DirectForm
from proofolio.models.mpc_step import Multipliers, measure, objective_size, settle
from proofolio.models.periods import Periods
from proofolio.models.polished_plan import polished
from proofolio.models.possible_plan import possible
from proofolio.models.risk_errors import curvature, errors_and_jacobian
from proofolio.models.risk_parity import PROXIMAL
from proofolio.models.risk_parity_step import Iteration, first_order_gap

__all__ = ["Periods", "Run", "gauss_newton", "published", "solved"]

Floats = NDArray[np.float64]
FIRST_STEP, SHRINKING = 0.8, 1e-7  # the published rule
PATIENCE = 5
ARMIJO = 1e-4
HALVINGS = 40
SHORT = 0.01  # a part of the way to the subproblem's answer
ROUNDING = 1e-15
STILL = 1e-11  # a step that moves every weight less than this
NO_BETTER = 1e-13
INFEASIBLE = 1e-6


class Run(NamedTuple):
    """Where a descent came to, and how."""

    W: Floats
    objective: float
    multipliers: Multipliers
    iterations: tuple[Iteration, ...]
    begun: str


def gauss_newton(periods: Periods, form: DirectForm, W: Floats, begun: str, enough: float, limit: int) -> Run:
    """Descend from weights until the proven gap to first order is small enough.

    Parameters
    ----------
    periods : Periods
    form : DirectForm
        Of the periods' rules, with risk aversion 1/2.
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
    held = Multipliers(np.zeros_like(W))
    for k in range(limit + 1):
        g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
        slope = 2.0 * times * np.matmul(g[:, None, :], A)[:, 0]
        if k:
            log[-1] = log[-1]._replace(
                residual=first_order_gap(periods.rules, slope, periods.w0, W, held, enough)
            )
            if log[-1].residual <= enough or k == limit or log[-1].moved <= STILL:
                break
        Q = times[:, :, None] * curvature(W, periods.sigma, g, A)
        Q.reshape(len(Q), -1)[:, :: Q.shape[1] + 1] += PROXIMAL
        q = slope - np.matmul(Q, W[..., None])[..., 0]
        V, held, kkt = solved(periods, form, Q, q)
        # the first steps are long ones, and need not be exact, unless dust keeps them short
        for exact in (False, True):
            if exact or k > 1:
                V = polished(periods, Q, q, V, held)
            d = V - W
            predicted = float((slope * d).sum()) + periods.trading(V) - periods.trading(W)
            a, after = _length(periods, W, d, objective, min(predicted, 0.0))
            if a >= SHORT or k > 1:
                break
        if a == 0.0:
            gap = first_order_gap(periods.rules, slope, periods.w0, W, held, enough)
            log.append(Iteration(objective, 0.0, 0.0, gap, kkt))
            break
        W, objective = W + a * d, after
        log.append(Iteration(objective, a, a * float(np.abs(d).max()), np.nan, kkt))
    return Run(W, objective, held, tuple(log), begun)


def _length(
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


def published(periods: Periods, form: DirectForm, W: Floats, begun: str, limit: int) -> Run:
    """Apply the published rule from weights until the objective no longer improves; arguments as above.

    It may go up, and then down again: it ends after `PATIENCE` iterations without a better objective, at the best.
    """
    best, objective, times = W, periods.objective(W), periods.times[:, None]
    log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
    held, a, wasted = Multipliers(np.zeros_like(W)), FIRST_STEP, 0
    while len(log) <= limit and wasted < PATIENCE:
        g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
        slope = 2.0 * times * np.matmul(g[:, None, :], A)[:, 0]
        Q = 2.0 * times[:, :, None] * np.matmul(A.swapaxes(1, 2), A)
        Q.reshape(len(Q), -1)[:, :: Q.shape[1] + 1] += PROXIMAL
        V, found, kkt = solved(periods, form, Q, slope - np.matmul(Q, W[..., None])[..., 0])
        gap = first_order_gap(periods.rules, slope, periods.w0, W, found)
        W = W + a * (V - W)
        after = periods.objective(W)
        log.append(Iteration(after, a, a * float(np.abs(V - W).max()) / (1.0 - a), gap, kkt))
        wasted = 0 if after < objective - NO_BETTER else wasted + 1
        if after < objective:
            best, objective, held = W, after, found
        a *= 1.0 - SHRINKING * a
    return Run(best, objective, held, tuple(log), begun)


def solved(periods: Periods, form: DirectForm, Q: Floats, q: Floats) -> tuple[Floats, Multipliers, float]:
    """Return the answer to min 1/2 w'Qw + q'w + trading, its multipliers, and its violation or proven gap.

    Raises
    ------
    NoPlan
        When no weights meet all rules.
    SolverFailure
        When the solver gives no numbers, or none that meet rules that some do.
    """
    size = objective_size(periods.rules, -q, Q, 0.5)
    answer = form.solve(-q, Q, periods.w0, size)
    if answer is None:
        raise SolverFailure("the solver gave no answer to a quadratic program of the approximation")
    found, held = answer
    kkt = measure(periods.rules, -q, Q, 0.5, periods.w0, found, held, size).kkt
    if not kkt.violation <= INFEASIBLE:
        if possible(periods.rules, periods.w0):
            raise SolverFailure(
                "the solver found no allowed answer to a quadratic program of the approximation"
            )
        raise NoPlan(
            "no weights meet the bounds, groups and turnover limits from these first holdings: widen one of them"
        )
    return settle(found, periods.rules), held, max(kkt.violation, kkt.gap)
