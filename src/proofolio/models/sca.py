r"""Successive convex approximation of the risk-parity program, and how it keeps out of the dead-asset trap.

The method has two parts. First each period's ERC, which is a convex program with one answer from any positive start
(`equal_risk`). There the risk errors are 0, so that the objective is the cost of trading alone. Then Gauss-Newton steps:
the quadratic program at :math:`w^k` gives :math:`\hat w`, and of the way to it the longest of 1, 1/2, 1/4, ... is taken
that lowers the original objective enough (Armijo). The objective never goes up, and an asset at weight 0 would put it
above `death_threshold`: where the start lies below, no asset can die, whatever the steps.

The published rule instead takes :math:`w^{k+1} = w^k + \gamma_k (\hat w - w^k)` with :math:`\gamma_0 = 0.8` and
:math:`\gamma_k = \gamma_{k-1} (1 - 10^{-7} \gamma_{k-1})` from wherever it is told to begin (Scutari, Facchinei & Lampariello,
"Parallel and Distributed Methods for Constrained Nonconvex Optimization", 2017; Feng & Palomar, "SCRIP", 2015).

Consecutive periods with equal covariances, budgets and bounds are solved as one: on any path, moving all of them to the
best one's weights raises no risk error and, by the triangle inequality, no cost of trading.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.models.arguments import finite
from proofolio.models.equal_risk import equal_risk
from proofolio.models.risk_errors import curvature, errors_and_jacobian, risk_errors
from proofolio.models.risk_parity import PROXIMAL, RiskParity
from proofolio.models.risk_parity_qp import Limits, Multipliers, StepQP, first_order_gap
from proofolio.models.risk_parity_step import Iteration, RiskParityStep, checked_step

__all__ = ["Stepper"]

Floats = NDArray[np.float64]
METHODS = ("gauss-newton", "published")
FIRST_STEP, SHRINKING = 0.8, 1e-7  # the published rule
ARMIJO = 1e-4
HALVINGS = 40
ROUNDING = 1e-15
NEAR = 1e3  # weight of the distance to the ERC against the cost of trading, where bounds keep it out


class _Periods(NamedTuple):
    """The data of a step, runs of equal periods taken together; `times` counts each."""

    sigma: Floats
    budgets: Floats
    times: Floats
    limits: Limits
    w0: Floats
    gamma: float

    def objective(self, W: Floats) -> float:
        g = risk_errors(W, self.sigma, self.budgets)
        return float(self.times @ (g * g).sum(axis=1)) + self.gamma * self.traded(W)

    def traded(self, W: Floats) -> float:
        return float(np.abs(W[0] - self.w0).sum() + np.abs(W[1:] - W[:-1]).sum())


class _Run(NamedTuple):
    W: Floats
    objective: float
    multipliers: Multipliers | None
    iterations: tuple[Iteration, ...]
    begun: str


class Stepper:
    """Solves step after step of one risk-parity program; keeps only what is set up once.

    Parameters
    ----------
    program : RiskParity
    method : {"gauss-newton", "published"}
    solver : {"piqp", "osqp", "clarabel"}
        Of the quadratic programs.
    tolerance : float
        The iterations end where `first_order_gap` is at most this, in units of the objective.
    limit : int
        The most iterations.
    """

    def __init__(
        self,
        program: RiskParity,
        method: str = "gauss-newton",
        *,
        solver: str = "piqp",
        tolerance: float = 1e-9,
        limit: int = 200,
    ) -> None:
        if method not in METHODS:
            raise BadData(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
        self.program, self.method, self.solver = program, method, solver
        self.tolerance, self.limit = tolerance, limit
        holdings = program.holdings
        same = holdings.lower[1:] == holdings.lower[:-1], holdings.upper[1:] == holdings.upper[:-1]
        steady = np.all(same[0] & same[1], axis=1) & np.all(program.budgets[1:] == program.budgets[:-1], axis=1)
        self._alike = bool(np.all(same[0] & same[1]))
        # with a turnover limit the best weights may be out of reach in the run's first period
        self._steady = steady & ~np.isfinite(program.turnover_limit).any()
        self._qps: dict[tuple[int, ...], StepQP] = {}

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
            For data of other shapes, NaN, and limits that no weights meet.
        SolverFailure
            When a quadratic program has no answer.
        """
        began = time.perf_counter()
        program = self.program
        sigma, held = program.read(covariance, w0)
        runs = self._runs(sigma)
        periods = self._periods(sigma, held, runs)
        qp = self._qp(runs, periods)
        given = None if start is None else self._given(start)[runs]
        erc = self._erc(periods, qp, given if self.method == "gauss-newton" else None)
        start_objective = periods.objective(erc)
        if self.method == "published":
            begun = "erc" if given is None else "given"
            found = self._published(periods, qp, erc if given is None else given, begun)
        else:
            found = self._gauss_newton(periods, qp, erc, "erc")
            found = self._from_holdings(periods, qp, found)
        step = checked_step(
            program, sigma, held, *self._spread(found, periods), found.iterations, begun=found.begun,
            start_objective=start_objective, tolerance=self.tolerance, solver=self.solver, method=self.method,
        )  # fmt: skip
        return replace(step, seconds=time.perf_counter() - began)

    # ------------------------------------------------------------------ periods
    def _runs(self, sigma: Floats) -> NDArray[np.intp]:
        """Return the first period of each run of equal ones."""
        if len(sigma) == 1 or not self._steady.any():
            return np.arange(len(sigma))
        same = self._steady & np.all(sigma[1:] == sigma[:-1], axis=(1, 2))
        return np.flatnonzero(np.concatenate([[True], ~same]))

    def _periods(self, sigma: Floats, held: Floats, runs: NDArray[np.intp]) -> _Periods:
        program, holdings = self.program, self.program.holdings
        times = np.diff(runs, append=len(sigma)).astype(float)
        limits = Limits(
            holdings.lower[runs], holdings.upper[runs], holdings.groups, program.turnover_limit[runs]
        )
        return _Periods(sigma[runs], program.budgets[runs], times, limits, held, program.gamma_trade)

    def _qp(self, runs: NDArray[np.intp], periods: _Periods) -> StepQP:
        key = (len(runs),) if self._alike else tuple(int(t) for t in runs)
        if key not in self._qps:
            self._qps[key] = StepQP(periods.limits, periods.gamma, self.solver)
        self._qps[key].at(periods.w0)
        return self._qps[key]

    def _spread(self, found: _Run, periods: _Periods) -> tuple[Floats, Multipliers | None]:
        """Return weights and multipliers of all H periods.

        Within a run the gradient is the same in each period, so the trades' multipliers go in equal steps from one
        end to the other and stay between them.
        """
        times = periods.times.astype(int)
        held = found.multipliers
        if np.all(times == 1):
            return found.W, held
        W = np.repeat(found.W, times, axis=0)
        if held is None:
            return W, None
        ends = np.vstack([held.trade[1:], np.zeros((1, W.shape[1]))])
        first = np.repeat(np.cumsum(times) - times, times)
        part = ((np.arange(len(W)) - first) / np.repeat(times, times))[:, None]
        trade = (1.0 - part) * np.repeat(held.trade, times, axis=0) + part * np.repeat(ends, times, axis=0)
        groups = np.repeat(held.groups / periods.times[:, None], times, axis=0)
        return W, Multipliers(trade, np.repeat(held.turnover, times), groups)

    # ------------------------------------------------------------------- starts
    def _given(self, start: ArrayLike) -> Floats:
        program = self.program
        given = finite("start", start)
        if given.shape not in ((program.n,), (program.H, program.n)):
            raise BadData(f"start has shape {given.shape}; it must be ({program.n},) or ({program.H}, {program.n})")
        if not np.all(given[..., program.risky] > 0.0):
            raise BadData(f"start holds {given.min():.6g}; a weight of zero may never come to life: begin above it")
        return np.broadcast_to(given, (program.H, program.n))

    def _erc(self, periods: _Periods, qp: StepQP, given: Floats | None) -> Floats:
        """Return each period's ERC, moved to the nearest allowed weights where it is not allowed."""
        program = self.program
        if program.cash is None:
            W = equal_risk(periods.sigma, periods.budgets, given)
        else:
            risky = program.risky
            inner = periods.sigma[:, risky[:, None], risky]
            cash = np.clip(periods.w0[program.cash], periods.limits.lower, periods.limits.upper)[:, program.cash]
            W = np.empty_like(periods.limits.lower)
            W[:, program.cash] = cash
            first = None if given is None else given[:, risky]
            W[:, risky] = equal_risk(inner, periods.budgets[:, risky], first) * (1.0 - cash)[:, None]
        if self._allowed(periods, W):
            return W
        near = NEAR * (1.0 + periods.gamma) / np.maximum(W, 1e-3)
        Q = near[:, :, None] * np.eye(W.shape[1])
        moved, _, _ = qp.solve(Q, -near * W)
        return moved

    def _allowed(self, periods: _Periods, W: Floats) -> bool:
        limits = periods.limits
        if np.any(limits.lower > W) or np.any(limits.upper < W):
            return False
        for group in limits.groups:
            held = W[:, list(group.members)].sum(axis=1)
            if np.any(held < group.lower) or np.any(held > group.upper):
                return False
        if np.isfinite(limits.turnover).any():
            traded = np.abs(np.diff(W, axis=0, prepend=periods.w0[None])).sum(axis=1)
            return bool(np.all(traded <= limits.turnover))
        return True

    def _from_holdings(self, periods: _Periods, qp: StepQP, found: _Run) -> _Run:
        """Begin once more from no trade at all, where that alone is better than what was found."""
        stay = np.broadcast_to(periods.w0, found.W.shape)
        if abs(float(periods.w0.sum()) - 1.0) > 1e-9 or not self._allowed(periods, stay):
            return found
        with np.errstate(invalid="ignore", divide="ignore"):
            value = periods.objective(stay)
        if not value < found.objective:
            return found
        other = self._gauss_newton(periods, qp, stay, "holdings")
        return other if other.objective < found.objective else found

    # ------------------------------------------------------------------ methods
    def _gauss_newton(self, periods: _Periods, qp: StepQP, W: Floats, begun: str) -> _Run:
        objective = periods.objective(W)
        log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
        held: Multipliers | None = None
        times = periods.times[:, None, None]
        for _ in range(self.limit):
            g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
            slope = 2.0 * periods.times[:, None] * np.matmul(g[:, None, :], A)[:, 0]
            if held is not None and self._gap(periods, slope, W, held) <= self.tolerance:
                break
            Q = times * curvature(W, periods.sigma, g, A)
            Q.reshape(len(Q), -1)[:, :: Q.shape[1] + 1] += PROXIMAL
            V, held, kkt = qp.solve(Q, slope - np.matmul(Q, W[..., None])[..., 0])
            gap = self._gap(periods, slope, W, held)
            d = V - W
            predicted = float((slope * d).sum()) + periods.gamma * (periods.traded(V) - periods.traded(W))
            if gap <= self.tolerance or not predicted < 0.0:
                log.append(Iteration(objective, 0.0, 0.0, gap, kkt))
                break
            a = 1.0
            for _ in range(HALVINGS):
                after = periods.objective(W + a * d)
                if after <= objective + ARMIJO * a * predicted + ROUNDING * objective:
                    break
                a *= 0.5
            else:
                log.append(Iteration(objective, 0.0, 0.0, gap, kkt))
                break
            W, objective = W + a * d, after
            log.append(Iteration(objective, a, a * float(np.abs(d).max()), gap, kkt))
        return _Run(W, objective, held, tuple(log), begun)

    def _published(self, periods: _Periods, qp: StepQP, W: Floats, begun: str) -> _Run:
        objective = periods.objective(W)
        log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
        held: Multipliers | None = None
        a, times = FIRST_STEP, periods.times[:, None, None]
        for _ in range(self.limit):
            g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
            slope = 2.0 * periods.times[:, None] * np.matmul(g[:, None, :], A)[:, 0]
            Q = 2.0 * times * np.matmul(A.swapaxes(1, 2), A)
            Q.reshape(len(Q), -1)[:, :: Q.shape[1] + 1] += PROXIMAL
            V, held, kkt = qp.solve(Q, slope - np.matmul(Q, W[..., None])[..., 0])
            moved = W + a * (V - W)
            after = periods.objective(moved)
            log.append(
                Iteration(after, a, a * float(np.abs(V - W).max()), self._gap(periods, slope, W, held), kkt)
            )
            if not after < objective - 1e-13:
                break
            W, objective = moved, after
            a *= 1.0 - SHRINKING * a
        return _Run(W, objective, held, tuple(log), begun)

    def _gap(self, periods: _Periods, slope: Floats, W: Floats, held: Multipliers) -> float:
        return first_order_gap(slope, W, periods.w0, periods.gamma, periods.limits, held)
