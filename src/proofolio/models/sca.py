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
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData, SolverFailure
from proofolio.models.arguments import finite
from proofolio.models.equal_risk_newton import budgeted_weights
from proofolio.models.mpc_form import DirectForm
from proofolio.models.mpc_step import Multipliers, Rules
from proofolio.models.periods import Periods
from proofolio.models.risk_parity import RiskParity
from proofolio.models.risk_parity_step import DEAD, RiskParityStep, checked_step, ruled
from proofolio.models.sca_methods import Run, gauss_newton, published, solved

__all__ = ["Stepper"]

Floats = NDArray[np.float64]
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
    def _runs(self, sigma: Floats) -> NDArray[np.intp]:
        """Return the first period of each run of equal ones."""
        if len(sigma) == 1 or not self._steady.any():
            return np.arange(len(sigma))
        same = self._steady & np.all(sigma[1:] == sigma[:-1], axis=(1, 2))
        return np.flatnonzero(np.concatenate([[True], ~same]))

    def _periods(self, sigma: Floats, held: Floats, runs: NDArray[np.intp]) -> Periods:
        if len(runs) == len(sigma):
            return Periods(sigma, self.program.budgets, self._once, self._rules, held)
        rules = self._rules._replace(lower=self._rules.lower[runs], upper=self._rules.upper[runs])
        times = np.diff(runs, append=len(sigma)).astype(float)
        return Periods(sigma[runs], self.program.budgets[runs], times, rules, held)

    def _form(self, runs: NDArray[np.intp], rules: Rules) -> DirectForm:
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
