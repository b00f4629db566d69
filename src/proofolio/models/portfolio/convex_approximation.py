r"""Successive convex approximation of the risk-parity program, and how it keeps out of the dead-asset trap.

The method has two parts. First each period's ERC, which is a convex program with one answer from any positive start
(`equal_risk`). There the risk errors are 0, so that the objective is the cost of trading alone. Then Gauss-Newton
steps, sharpened by the curvature of the errors where that is convex: the quadratic program at :math:`w^k` gives
:math:`\hat w`, and of the way to it the longest of 1, 1/2, 1/4, ... is taken that lowers the original objective enough
(Armijo). The objective never goes up, and an asset at weight 0 would put it above `death_threshold`: where the start
lies below, no asset can die, whatever the steps.

The published rule instead takes :math:`w^{k+1} = w^k + \gamma_k (\hat w - w^k)` with :math:`\gamma_0 = 0.8` and
:math:`\gamma_k = \gamma_{k-1} (1 - 10^{-7} \gamma_{k-1})` from wherever it is told to begin (Feng & Palomar,
"SCRIP: Successive Convex Optimization Methods for Risk Parity Portfolio Design", 2015).

Bounds, groups and turnover limits may leave several optima. With any of them in force the descent is made twice, from
the ERC moved inside the rules and from the holdings, and the better end is kept: a stationary point still, of which
nothing says that it is the best there is.

Consecutive periods with equal covariances, budgets and bounds are solved as one: on any path, moving all of them to the
best one's weights raises no risk error and, by the triangle inequality, no cost of trading.

The exact answer to a subproblem whose active rules an interior point has found.

A duality gap of 1e-11 leaves weights 1e-5 from the best along directions that hardly matter to the objective, and
trades of 1e-9 where none is meant. To first order both show: the gap there goes with the distance, not with its
square. So what is traded and in which direction, and what stands at a bound, is taken from the answer, and the rest
is the solution of linear equations.

Two ways to descend in the risk-parity program: safeguarded Gauss-Newton steps, and the published rule.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import BadData, NoPlan, SolverFailure
from proofolio.models.arguments import finite
from proofolio.models.portfolio.risk_budgeting_newton import budgeted_weights
from proofolio.models.portfolio.risk_errors import Periods, curvature, errors_and_jacobian
from proofolio.models.portfolio.risk_parity import PROXIMAL, RiskParity
from proofolio.models.portfolio.risk_parity_step import (
    DEAD,
    Iteration,
    RiskParityStep,
    checked_step,
    first_order_gap,
    ruled,
)
from proofolio.models.portfolio.step import Multipliers, Rules, measure, objective_size, settle
from proofolio.models.portfolio.step_program import DirectForm
from proofolio.models.portfolio.stepper import possible

__all__ = ["Periods", "Run", "Stepper", "gauss_newton", "polished", "published", "solved"]


DUST = 1e-6  # a trade smaller than this may be the solver's inaccuracy
WITHIN = (
    0.99,
    1.0 - 1e-5,
    1e300,
)  # of its cost, the multiplier of a trade that is none: one guess after the other
TOUCHING = 1e-8  # a weight so near its bound stands there
ROUNDS = 4
MOST = 400  # free levels; more take longer than they are worth


def polished(periods: Periods, Q: Floats, q: Floats, V: Floats, held: Multipliers) -> Floats:
    r"""Return better weights for min 1/2 v'Qv + q'v + trading, or the given ones where there are none.

    Periods of an asset between two of its trades share one level. With the signs of the trades held, the levels y
    solve the equations of Lagrange of the subproblem, in :math:`V = V_0 + By`. They are taken only where they are
    allowed and the subproblem's own objective, trades and all, is not above that of the given weights.

    Parameters
    ----------
    periods : Periods
    Q : ndarray, shape (h, n, n)
    q, V : ndarray, shape (h, n)
    held : Multipliers
        Of the given weights.
    """
    rules = periods.rules
    if rules.turnover_limit is not None or rules.groups is not None:
        return V

    def value(X: Floats) -> float:
        bent = 0.5 * np.matmul(Q, X[..., None])[..., 0] + q
        return float((bent * X).sum()) + periods.trading(X)

    u = np.diff(V, axis=0, prepend=periods.w0[None])
    enough, small, s = value(V), np.abs(u) < DUST, np.abs(held.s)
    priced = rules.cost > 0.0  # what is traded for nothing has no reason to stand still
    for share in WITHIN:
        still = small & priced & (s <= share * rules.cost)
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
    rules, w0 = periods.rules, periods.w0
    H, n = V.shape
    segment = np.cumsum(~still, axis=0) * n + np.arange(n)  # below n: not yet traded
    fixed = segment < n
    at_bound = (V - rules.lower < TOUCHING) | (rules.upper - V < TOUCHING)
    fixed |= np.isin(segment, segment[at_bound])
    free, column = np.unique(segment[~fixed], return_inverse=True)
    if not 0 < free.size <= MOST:
        return None
    B = np.zeros((H, n, free.size))
    B[(*np.nonzero(~fixed), column)] = 1.0
    base = np.where(segment < n, w0, np.clip(V, rules.lower, rules.upper))
    base[at_bound] = np.where(V - rules.lower < TOUCHING, rules.lower, rules.upper)[at_bound]
    base[~fixed] = 0.0
    sign = np.where(still, 0.0, np.sign(u)) * rules.cost
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
    if np.any(found < rules.lower) or np.any(found > rules.upper):
        return None
    if np.abs(found.sum(axis=1) - 1.0).max() > TOUCHING:
        return None
    return found


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


METHODS = ("gauss-newton", "published")
LEAST = 3e-10  # of a gap that rounding allows to ask for
EXACT = 1e-12  # tolerance of a quadratic program
HELD = 0.1  # of its weight in the ERC: a dead asset is tried again with at least so much
NEAR = 1e3  # weight of the distance to the ERC against the cost of trading, where bounds keep it out


class Stepper:
    """Solves step after step of one risk-parity program; keeps only what is set up once.

    Parameters
    ----------
    program : RiskParity
    method : {"gauss-newton", "published"}
    solver : {"piqp", "osqp", "clarabel"}
        Of the quadratic programs.
    tolerance : float
        The iterations end where `first_order_gap` is at most this part of the ERC start's objective, or 3e-10.
    limit : int
        The most iterations.
    """

    def __init__(
        self,
        program: RiskParity,
        method: str = "gauss-newton",
        *,
        solver: str = "piqp",
        tolerance: float = 1e-5,
        limit: int = 200,
    ) -> None:
        if method not in METHODS:
            raise BadData(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
        self.program, self.method, self.solver = program, method, solver
        self.tolerance, self.limit = tolerance, limit
        holdings = program.holdings
        same = holdings.lower[1:] == holdings.lower[:-1], holdings.upper[1:] == holdings.upper[:-1]
        steady = np.all(same[0] & same[1], axis=1) & np.all(
            program.budgets[1:] == program.budgets[:-1], axis=1
        )
        self._alike = bool(np.all(same[0] & same[1]))
        # with a turnover limit the best weights may be out of reach in the run's first period
        self._steady = steady & ~np.isfinite(program.turnover_limit).any()
        self._rules, self._once = program.rules, np.ones(program.H)
        self._forms: dict[tuple[int, ...], DirectForm] = {}
        self._free: Stepper | None = None

    def solve(self, covariance: ArrayLike, w0: ArrayLike, start: ArrayLike | None = None) -> RiskParityStep:
        """Return the weights of the H periods, checked.

        Parameters
        ----------
        covariance : array_like, shape (H, n, n) or (n, n)
        w0 : array_like, shape (n,)
            Holdings before the first period.
        start : array_like, shape (n,) or (H, n), optional
            Positive weights where the method begins. Gauss-Newton goes from there to the ERC first, so that the
            answer does not depend on it; the published rule is applied from there as it is.

        Raises
        ------
        BadData
            For data of other shapes, and NaN.
        NoPlan
            When no weights meet all rules from these first holdings; a `BadData`, and a `SolverFailure`.
        SolverFailure
            When a quadratic program has no answer.
        """
        began = time.perf_counter()
        program = self.program
        sigma, held = program.read(covariance, w0)
        runs = self._runs(sigma)
        periods = self._periods(sigma, held, runs)
        form = self._form(runs, periods.rules)
        given = None if start is None else self._given(start)[runs]
        erc = self._erc(periods, form, given if self.method == "gauss-newton" else None)
        start_objective = periods.objective(erc)
        enough = max(self.tolerance * start_objective, LEAST)
        if self.method == "published":
            begun = "erc" if given is None else "given"
            found = published(periods, form, erc if given is None else given, begun, self.limit)
        else:
            found = gauss_newton(periods, form, erc, "erc", enough, self.limit)
            found = self._from_holdings(periods, form, found, enough)
        alternative, unruled = np.nan, None
        if self.method != "published" and np.any((found.W <= DEAD) & (periods.budgets > 0.0)):
            found, alternative = self._revived(periods, form, erc, found, enough)
            unruled = self._unruled(sigma, held)
        step = checked_step(
            program, self._rules, sigma, held, *self._spread(found, periods), found.iterations, begun=found.begun,
            start_objective=start_objective, alternative=alternative, unruled=unruled,
            tolerance=enough, solver=self.solver, method=self.method,
        )  # fmt: skip
        return replace(step, seconds=time.perf_counter() - began)

    # ------------------------------------------------------------------ periods
    def _runs(self, sigma: Floats) -> Integers:
        """Return the first period of each run of equal ones."""
        if len(sigma) == 1 or not self._steady.any():
            return np.arange(len(sigma))
        same = self._steady & np.all(sigma[1:] == sigma[:-1], axis=(1, 2))
        return np.flatnonzero(np.concatenate([[True], ~same]))

    def _periods(self, sigma: Floats, held: Floats, runs: Integers) -> Periods:
        if len(runs) == len(sigma):
            return Periods(sigma, self.program.budgets, self._once, self._rules, held)
        rules = self._rules._replace(lower=self._rules.lower[runs], upper=self._rules.upper[runs])
        times = np.diff(runs, append=len(sigma)).astype(float)
        return Periods(sigma[runs], self.program.budgets[runs], times, rules, held)

    def _form(self, runs: Integers, rules: Rules) -> DirectForm:
        key = (len(runs),) if self._alike else tuple(int(t) for t in runs)
        if key not in self._forms:
            self._forms[key] = DirectForm(rules, 0.5, self.solver, tolerance=EXACT)
        return self._forms[key]

    def _spread(self, found: Run, periods: Periods) -> tuple[Floats, Multipliers]:
        """Return weights and multipliers of all H periods.

        Within a run the gradient is the same in each period, so the trades' multipliers go in equal steps from one
        end to the other and stay between them.
        """
        held = found.multipliers
        if len(periods.times) == self.program.H:
            return found.W, held
        times = periods.times.astype(int)
        W = np.repeat(found.W, times, axis=0)
        ends = np.vstack([held.s[1:], np.zeros((1, W.shape[1]))])
        first = np.repeat(np.cumsum(times) - times, times)
        part = ((np.arange(len(W)) - first) / np.repeat(times, times))[:, None]
        s = (1.0 - part) * np.repeat(held.s, times, axis=0) + part * np.repeat(ends, times, axis=0)
        groups = (
            None if held.groups is None else np.repeat(held.groups / periods.times[:, None], times, axis=0)
        )
        return W, Multipliers(s, None, groups)

    # ------------------------------------------------------------------- starts
    def _given(self, start: ArrayLike) -> Floats:
        program = self.program
        given = finite("start", start)
        if given.shape not in ((program.n,), (program.H, program.n)):
            raise BadData(
                f"start has shape {given.shape}; it must be ({program.n},) or ({program.H}, {program.n})"
            )
        if not np.all(given[..., program.risky] > 0.0):
            raise BadData(
                f"start holds {given.min():.6g}; a weight of zero may never come to life: begin above it"
            )
        return np.broadcast_to(given, (program.H, program.n))

    def _erc(self, periods: Periods, form: DirectForm, given: Floats | None) -> Floats:
        """Return each period's ERC, moved to the nearest allowed weights where it is not allowed."""
        program = self.program
        if program.cash is None:
            W = budgeted_weights(periods.sigma, periods.budgets, given)
        else:
            risky = program.risky
            inner = periods.sigma[:, risky[:, None], risky]
            cash = np.clip(periods.w0[program.cash], periods.rules.lower, periods.rules.upper)[
                :, program.cash
            ]
            W = np.empty_like(periods.rules.lower)
            W[:, program.cash] = cash
            first = None if given is None else given[:, risky]
            W[:, risky] = budgeted_weights(inner, periods.budgets[:, risky], first) * (1.0 - cash)[:, None]
        return self._moved_in(periods, form, W)

    def _moved_in(self, periods: Periods, form: DirectForm, W: Floats) -> Floats:
        """Return weights themselves where they are allowed, else the nearest that are."""
        if self._allowed(periods, W):
            return W
        near = NEAR * (1.0 + self.program.gamma_trade) / np.maximum(W, 1e-3)
        return solved(periods, form, near[:, :, None] * np.eye(W.shape[1]), -near * W)[0]

    def _allowed(self, periods: Periods, W: Floats) -> bool:
        rules = periods.rules
        if not rules.simplex and (np.any(rules.lower > W) or np.any(rules.upper < W)):
            return False
        if rules.groups is not None:
            held = W @ rules.groups.T
            if np.any(held < rules.group_lower) or np.any(held > rules.group_upper):
                return False
        if rules.turnover_limit is not None:
            traded = np.abs(np.diff(W, axis=0, prepend=periods.w0[None])) @ rules.counted
            return bool(np.all(traded <= rules.turnover_limit))
        return bool(W.min() >= 0.0)

    def _from_holdings(self, periods: Periods, form: DirectForm, found: Run, enough: float) -> Run:
        """Begin once more from no trade at all, and return the better plan.

        Without rules only where that alone is better than what was found. With rules always, from the nearest
        allowed weights: the ERC moved inside them may stand in the valley of a worse optimum.
        """
        stay: Floats = np.broadcast_to(periods.w0, found.W.shape)
        if ruled(periods.rules):
            stay = self._moved_in(periods, form, stay)
        elif abs(float(periods.w0.sum()) - 1.0) > 1e-9 or not self._allowed(periods, stay):
            return found
        with np.errstate(invalid="ignore", divide="ignore"):
            value = periods.objective(stay)
        # NaN: holdings without any risk have no risk contributions to begin from
        if not value < (np.inf if ruled(periods.rules) else found.objective):
            return found
        other = gauss_newton(periods, form, stay, "holdings", enough, self.limit)
        return other if other.objective < found.objective else found

    def _unruled(self, sigma: Floats, w0: Floats) -> Floats | None:
        """Return the plan that bounds, groups and limits change, where there are any and it passes its checks."""
        if not ruled(self._rules):
            return None
        if self._free is None:
            program = self.program
            alone = RiskParity(
                program.n, program.H, program.gamma_trade, budgets=program.budgets, cash=program.cash
            )
            self._free = Stepper(alone, solver=self.solver, tolerance=self.tolerance, limit=self.limit)
        step = self._free.solve(sigma, w0)
        return step.W if step.ok else None

    def _revived(
        self, periods: Periods, form: DirectForm, erc: Floats, found: Run, enough: float
    ) -> tuple[Run, float]:
        """Try to do better with all assets held that are dead; return the better plan, and what the try came to."""
        rules, dead = periods.rules, (found.W <= DEAD) & (periods.budgets > 0.0)
        least = np.where(dead, np.minimum(np.maximum(rules.lower, HELD * erc), rules.upper), rules.lower)
        if np.any(least.sum(axis=1) > 1.0):
            return found, np.nan
        held = periods._replace(rules=rules._replace(lower=least, simplex=False))
        strict = DirectForm(held.rules, 0.5, self.solver, tolerance=EXACT)
        try:
            alive = gauss_newton(held, strict, self._moved_in(held, strict, erc), "erc", enough, self.limit)
        except SolverFailure:  # the limits leave no plan that holds them all, or none is found
            return found, np.nan
        if alive.objective < found.objective:
            found = gauss_newton(periods, form, alive.W, "revived", enough, self.limit)
        return found, alive.objective
