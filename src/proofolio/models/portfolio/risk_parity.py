r"""Multi-period risk parity: weights over H periods whose risk contributions stay near their budgets.

.. math::
    \min_{w_1 \ldots w_H}\ \sum_\tau \sum_i g_{\tau,i}(w_\tau)^2 + \gamma \sum_\tau \|w_\tau - w_{\tau-1}\|_1
    \quad\text{s.t.}\quad 1'w_\tau = 1,\ \ell \le w_\tau \le u, \qquad
    g_{\tau,i}(w) = \frac{w_i (\Sigma_\tau w)_i}{w'\Sigma_\tau w} - b_{\tau,i}

The objective is not convex, and on real data it has stationary points with an asset at weight 0 that every descent from
equal weights may end in. So the method begins at each period's ERC, which is a convex program with one answer from any
positive start (`equal_risk`). There the risk errors are 0, so that the objective is the cost of trading alone, and from
there it descends (`proofolio.models.portfolio.risk_parity_descent`).

Costs of trading, bounds, groups and turnover limits leave several optima. With ``starts="all"`` the descent is made
from many starts (`proofolio.models.portfolio.risk_parity_starts`), the best end is kept, and the step says how many
ended elsewhere. With ``starts="erc"``, the step of a backtest, it is made once, and under rules again from the
holdings. What is kept is a stationary point; that no better one exists is said only with ``certify=True``
(`proofolio.models.portfolio.risk_parity_certificate`).

Consecutive periods with equal covariances, budgets and bounds are solved as one: on any path, moving all of them to the
best one's weights raises no risk error and, by the triangle inequality, no cost of trading.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers, Mask
from proofolio.compiled import active
from proofolio.errors import BadData, SolverFailure
from proofolio.models.arguments import finite, whole
from proofolio.models.portfolio.active_trades import best_by_trades
from proofolio.models.portfolio.quadratic_step import DirectSolver, QuadraticStep, TradeMultipliers
from proofolio.models.portfolio.risk_budgeting import budgeted_weights
from proofolio.models.portfolio.risk_parity_certificate import BOXES, Certificate, certificate
from proofolio.models.portfolio.risk_parity_compiled import ACTIVE_SET, CompiledStep
from proofolio.models.portfolio.risk_parity_descent import Descent, Periods, gauss_newton, published, solved
from proofolio.models.portfolio.risk_parity_kernels import DEAD, FULL, LEAST
from proofolio.models.portfolio.risk_parity_problem import (
    RiskParityProblem,
    approximation,
    errors_and_jacobian,
)
from proofolio.models.portfolio.risk_parity_starts import POOL, STARTS, neighbours, wanted_starts
from proofolio.models.portfolio.risk_parity_step import (
    RiskParityStep,
    checked_step,
    measured,
)
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.models.portfolio.trading import add_plan
from proofolio.program.builder import Builder
from proofolio.program.program import Program

__all__ = ["RiskParity", "RiskParityStepper"]


METHODS = ("gauss-newton", "published")
EXACT = 1e-12  # tolerance of a quadratic program
ROUNDING = 1e-12  # weights that add up to 1 within this are invested in full
HELD = 0.1  # of its weight in the ERC: a dead asset is tried again with at least so much
NEAR = 1e3  # weight of the distance to the ERC against the cost of trading, where bounds keep it out
SHARP = 1e-7  # of the objective: the gap to first order of descents whose ends are compared
ELSEWHERE = 1e-6  # relative: an end that is worse by more is another one
SAME = 1e-4  # ends with all weights nearer than this are one
MOST = 400  # starts of one step


class RiskParity(RiskParityProblem):
    r"""The risk-parity program over H periods, declared once; its data come with every step.

    Parameters
    ----------
    n, H : int
        Assets and periods.
    gamma_trade : float
        :math:`\gamma`, the cost of each unit traded, in squared risk contributions.
    budgets : array_like, shape (n,) or (H, n), optional
        Scaled to add up to 1 in each period; equal when left out. That of cash is 0 whatever is given.
    lower, upper : array_like, shape () or (n,) or (H, n)
        Bounds of the weights, from 0.
    groups : sequence of Group
        Limits of the weights of some assets together, in every period.
    cash : int, optional
        The asset that carries no risk and is traded for nothing: its row of every covariance is ignored, and its
        trades do not count as turnover. Its weight changes no risk contribution; what decides it are its bounds
        and the cost of trading the others.
    turnover_limit : float or array_like, shape (H,)
        Of :math:`\|w_\tau - w_{\tau-1}\|_1` without the cash.
    plan_set : PlanSet, optional
        All of these rules as one object instead.
    certify : bool
        Bound the objective over all plans as well, by branch and bound, where H = 1 and n is at most 5. The step's
        `bound` is a lower bound of every plan's objective, rounded outward; `certified` says that `objective` is above
        it by no more than 1e-4 of itself and 1e-9. The covariance is taken for symmetric. On one core that is .2 s with
        three assets, .5 s with four and 1 to 3 s with five. Where the limit of boxes is reached first,
        `certified` is False and the bound holds.

    Raises
    ------
    BadData
        Naming the argument and the shape or property it needs.

    Examples
    --------
    >>> import numpy as np
    >>> program = RiskParity(n=2, H=1, gamma_trade=1e-6)
    >>> step = program.stepper().solve([np.diag([1.0, 4.0])], w0=[0.5, 0.5])
    >>> step.W.round(3), step.ok
    (array([[0.667, 0.333]]), True)
    >>> RiskParity(n=2, H=1, gamma_trade=0.01, certify=True).stepper().solve(np.diag([1.0, 4.0]), [0.5, 0.5]).certified
    True
    """

    def model(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Builder:
        r"""Return the builder of the convex subproblem at an iterate, to add rows of your own.

        With the errors g and their Jacobian A there, it minimises :math:`\sum_\tau \|g_\tau + A_\tau (w_\tau -
        w^k_\tau)\|^2 + \tfrac12 \delta \|w_\tau - w^k_\tau\|^2` plus the cost of trading. Variables: ``W`` (n, H),
        and ``buy`` or ``traded``. Its objective is that of the original at the iterate.

        Parameters
        ----------
        at : array_like, shape (H, n)
            Where the risk contributions are linearised.
        covariance : array_like, shape (H, n, n)
        w0 : array_like, shape (n,)
        """
        sigma, held = self.read(covariance, w0)
        point = self.weights_given(at)
        Q, q, constant = approximation(point, sigma, self.budgets)
        model = Builder("risk_parity")
        W, cost = add_plan(model, self.plan_set, held, TradeCost.of(self.n, self.gamma_trade))
        smooth = sum(model.quadratic(0.5 * Q[t], W[:, t]) for t in range(self.H)) + (q.T * W).sum()
        model.minimise(smooth + cost + constant)
        return model

    def to_program(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Program:
        """Return the convex subproblem at an iterate in matrix form; arguments as for `model`."""
        return self.model(at, covariance, w0).freeze()

    def to_pyomo(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Any:
        """Return the convex subproblem at an iterate as a Pyomo model with variables ``W[i,t]``."""
        return self.to_program(at, covariance, w0).to_pyomo()

    def to_cvxpy(self) -> Any:
        """Return the convex subproblem as a CVXPY problem whose data are Parameters, compiled once (DPP).

        Its variable ``W`` is (H, n). `subproblem_data` gives the values of its Parameters ``slope_0`` ...
        (n, n), ``intercept`` (H, n) and ``w0`` (n,) at an iterate, by name, for ``problem.param_dict``.

        Examples
        --------
        >>> import numpy as np
        >>> program, sigma = RiskParity(n=2, H=1, gamma_trade=1e-6), np.diag([1.0, 4.0])
        >>> problem = program.to_cvxpy()
        >>> for name, value in program.subproblem_data([[0.6, 0.4]], sigma, w0=[0.5, 0.5]).items():
        ...     problem.param_dict[name].value = value
        >>> _ = problem.solve(solver="CLARABEL")
        >>> problem.var_dict["W"].value.round(2)
        array([[0.67, 0.33]])
        """
        import cvxpy  # heavy: opened only when used

        cp: Any = cvxpy  # its annotations cover a part of what it exports
        n, H = self.n, self.H
        W = cp.Variable((H, n), name="W")
        slopes = [cp.Parameter((n, n), name=f"slope_{t}") for t in range(H)]
        intercept, w0 = cp.Parameter((H, n), name="intercept"), cp.Parameter(n, name="w0")
        risky = self.risky
        trades = [(W[0] - w0)[risky], *((W[t] - W[t - 1])[risky] for t in range(1, H))]
        cost = sum(cp.sum_squares(slopes[t] @ W[t] + intercept[t]) for t in range(H))
        rows = self.plan_set.to_cvxpy(W.T, w0)
        return cp.Problem(cp.Minimize(cost + self.gamma_trade * sum(cp.norm1(u) for u in trades)), rows)

    def subproblem_data(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> dict[str, Floats]:
        """Return the values of the Parameters of `to_cvxpy` at an iterate, by name."""
        sigma, held = self.read(covariance, w0)
        point = self.weights_given(at)
        g, A = errors_and_jacobian(point, sigma, self.budgets)
        data = {f"slope_{t}": A[t] for t in range(self.H)}
        return data | {"intercept": g - np.matmul(A, point[..., None])[..., 0], "w0": held}

    def stepper(self, method: str = "gauss-newton", **settings: Any) -> RiskParityStepper:
        """Return what solves step after step of this program.

        Parameters
        ----------
        method : {"gauss-newton", "published"}
        **settings
            As for `RiskParityStepper`.
        """
        return RiskParityStepper(self, method, **settings)


class RiskParityStepper:
    """Solves step after step of one risk-parity program; keeps only what is set up once.

    Parameters
    ----------
    program : RiskParityProblem
    method : {"gauss-newton", "published"}
    solver : "auto", or a name in `QP_SOLVERS` ("piqp", "osqp", "clarabel")
        Of the quadratic programs. "auto" is piqp, but where one start is asked for and no more than weights from 0 that
        add up to 1: there it is an active set over trades (`proofolio.models.portfolio.active_trades`), many times
        faster, with piqp behind it.
    tolerance : float
        The iterations end where `first_order_gap` is at most this part of the ERC start's objective, or 3e-10.
    limit : int
        The most iterations.
    starts : {"all", "erc"}
        Of Gauss-Newton: many, of which the best end is kept, or the ERC (and under rules the holdings),
        which is faster.
    boxes : int
        The most that a certificate bounds, where the program asks for one; five assets took 10,000 to 30,000.
    """

    def __init__(
        self,
        program: RiskParityProblem,
        method: str = "gauss-newton",
        *,
        starts: str = "all",
        solver: str = "auto",
        tolerance: float = 1e-5,
        limit: int = 200,
        boxes: int = BOXES,
    ) -> None:
        if method not in METHODS:
            raise BadData(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
        if starts not in STARTS:
            raise BadData(f"starts is {starts!r}; it must be one of {', '.join(STARTS)}")
        self.program, self.method, self.asked, self.starts = program, method, solver, starts
        self.solver = "piqp" if solver == "auto" else solver
        self.tolerance, self.limit, self.boxes = tolerance, limit, whole("boxes", boxes, 1)
        plans = program.plan_set
        self._plain = (
            (solver, method, starts) == ("auto", "gauss-newton", "erc")
            and plans.only_long
            and plans.cash is None
            and not program.certify
        )
        same = plans.lower[1:] == plans.lower[:-1], plans.upper[1:] == plans.upper[:-1]
        steady = np.all(same[0] & same[1], axis=1) & np.all(
            program.budgets[1:] == program.budgets[:-1], axis=1
        )
        self._alike = bool(np.all(same[0] & same[1]))
        # with a turnover limit the best weights may be out of reach in the run's first period
        self._steady = steady & (not plans.limited)
        self._once = np.ones(program.H)
        self._solvers: dict[tuple[int, ...], tuple[QuadraticStep, DirectSolver]] = {}
        self._free: RiskParityStepper | None = None
        self._machine: CompiledStep | None = None

    def __repr__(self) -> str:
        return (
            f"RiskParityStepper({self.program!r}, {self.method!r}, starts={self.starts!r}, solver={self.asked!r}, "
            f"tolerance={self.tolerance:g})"
        )

    def solve(
        self,
        covariance: ArrayLike,
        w0: ArrayLike,
        start: ArrayLike | None = None,
        *,
        uninvested: float = 0.0,
    ) -> RiskParityStep:
        """Return the weights of the H periods, checked.

        Parameters
        ----------
        covariance : array_like, shape (H, n, n) or (n, n)
        w0 : array_like, shape (n,)
            Holdings before the first period; with what is uninvested they add up to 1.
        start : array_like, shape (n,) or (H, n), optional
            Positive weights where the method begins. Gauss-Newton goes from there to the ERC first, so that the
            answer does not depend on it; the published rule is applied from there as it is.
        uninvested : float
            Weight of money held in none of the n assets; the plan invests it.

        Raises
        ------
        BadData
            For data of other shapes, NaN, and weights that do not add up.
        NoPlan
            When no weights meet all rules from these first holdings; a `BadData`, and a `SolverFailure`.
        SolverFailure
            When a quadratic program has no answer.
        """
        began = time.perf_counter()
        program, solver_name = self.program, self.solver
        compiled = self._plain and start is None and abs(uninvested) <= ROUNDING and active()
        if compiled:
            if self._machine is None:
                self._machine = CompiledStep(program, self._steady, self.tolerance, self.limit, self.method)
            step = self._machine.solve(covariance, w0, began)
            if step is not None:
                return step
        sigma, held = program.read(covariance, w0, uninvested)
        runs = self._runs(sigma)
        quadratic, solver = self._solver(runs)
        periods = self._periods(sigma, held, runs, quadratic)
        given = None if start is None else self._given(start)[runs]
        erc = self._erc(periods, solver, given if self.method == "gauss-newton" else None)
        start_objective = periods.objective(erc)
        enough = max(self.tolerance * start_objective, LEAST)
        begun_from, elsewhere = 1, 0
        if self.method == "published":
            begun = "erc" if given is None else "given"
            found = published(periods, solver, erc if given is None else given, begun, self.limit)
        else:
            alone = None
            if self._plain and not compiled:
                alone = best_by_trades(periods, erc, enough, self.limit)
            if alone is not None:
                found, solver_name = alone, ACTIVE_SET
            else:
                found = gauss_newton(periods, solver, erc, "erc", enough, self.limit)
                if self.starts == "all":
                    found, begun_from, elsewhere = self._best(periods, solver, erc, found, enough)
                else:
                    found = self._from_holdings(periods, solver, found, enough)
        found, alternative = self._revived(periods, solver, erc, found, enough)
        known = None
        if program.certify:
            known, found, alternative = self._certified(periods, solver, erc, found, alternative, enough)
            begun_from, elsewhere = (
                (begun_from + 1, begun_from) if found.begun == "search" else (begun_from, elsewhere)
            )
        unruled = None
        if self.method != "published" and np.any((found.W <= DEAD) & (periods.budgets > 0.0)):
            unruled = self._unruled(sigma, held)
        W, multipliers = self._spread(found, periods.times)
        return checked_step(
            program, held, W, measured(program, sigma, held, W, multipliers, enough), found.iterations,
            begun=found.begun, start_objective=start_objective, alternative=alternative, unruled=unruled,
            tolerance=enough, solver=solver_name, method=self.method, starts=begun_from, elsewhere=elsewhere,
            certificate=known, seconds=time.perf_counter() - began,
        )  # fmt: skip

    # ------------------------------------------------------------------ periods
    def _runs(self, sigma: Floats) -> Integers:
        """Return the first period of each run of equal ones."""
        if len(sigma) == 1 or not self._steady.any():
            return np.arange(len(sigma))
        same = self._steady & np.all(sigma[1:] == sigma[:-1], axis=(1, 2))
        return np.flatnonzero(np.concatenate([[True], ~same]))

    def _periods(self, sigma: Floats, held: Floats, runs: Integers, step: QuadraticStep) -> Periods:
        if len(runs) == len(sigma):
            return Periods(sigma, self.program.budgets, self._once, step, held)
        times = np.diff(runs, append=len(sigma)).astype(float)
        return Periods(sigma[runs], self.program.budgets[runs], times, step, held)

    def _solver(self, runs: Integers) -> tuple[QuadraticStep, DirectSolver]:
        """Return the quadratic step over the runs, and what solves it, set up when it is first asked for."""
        key = (len(runs),) if self._alike else tuple(int(t) for t in runs)
        if key not in self._solvers:
            step, plans = self.program.step, self.program.plan_set
            if len(runs) < self.program.H:
                step = replace(step, plan_set=plans.bounded(plans.lower[runs], plans.upper[runs]))
            self._solvers[key] = step, DirectSolver(step, self.solver, tolerance=EXACT)
        return self._solvers[key]

    def _spread(self, found: Descent, counts: Floats) -> tuple[Floats, TradeMultipliers]:
        """Return weights and multipliers of all H periods.

        Within a run the gradient is the same in each period, so the trades' multipliers go in equal steps from one
        end to the other and stay between them.
        """
        held = found.multipliers
        if len(counts) == self.program.H:
            return found.W, held
        times = counts.astype(int)
        W = np.repeat(found.W, times, axis=0)
        ends = np.vstack([held.s[1:], np.zeros((1, W.shape[1]))])
        first = np.repeat(np.cumsum(times) - times, times)
        part = ((np.arange(len(W)) - first) / np.repeat(times, times))[:, None]
        s = (1.0 - part) * np.repeat(held.s, times, axis=0) + part * np.repeat(ends, times, axis=0)
        groups = None if held.groups is None else np.repeat(held.groups / counts[:, None], times, axis=0)
        return W, TradeMultipliers(s, None, groups)

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
                f"start holds {given.min():.6g}; a descent may never raise a weight of zero: begin above it"
            )
        return np.broadcast_to(given, (program.H, program.n))

    def _erc(self, periods: Periods, solver: DirectSolver, given: Floats | None) -> Floats:
        """Return each period's ERC, moved to the nearest allowed weights where it is not allowed."""
        program = self.program
        if program.cash is None:
            W = budgeted_weights(periods.sigma, periods.budgets, given)
        else:
            risky = program.risky
            inner = periods.sigma[:, risky[:, None], risky]
            plans = periods.step.plan_set
            cash = np.clip(periods.w0[program.cash], plans.lower, plans.upper)[:, program.cash]
            W = np.empty_like(plans.lower)
            W[:, program.cash] = cash
            first = None if given is None else given[:, risky]
            W[:, risky] = budgeted_weights(inner, periods.budgets[:, risky], first) * (1.0 - cash)[:, None]
        return self._moved_in(periods, solver, W)

    def _moved_in(self, periods: Periods, solver: DirectSolver, W: Floats, relative: bool = True) -> Floats:
        """Return weights themselves where they are allowed, else the nearest that are, small ones kept or all moved."""
        if periods.step.plan_set.contains(W, periods.w0):
            return W
        size = np.maximum(W, 1e-3) if relative else np.ones_like(W)
        near = NEAR * (1.0 + self.program.gamma_trade) / size
        return solved(periods, solver, near[:, :, None] * np.eye(W.shape[1]), -near * W)[0]

    def _from_holdings(
        self, periods: Periods, solver: DirectSolver, found: Descent, enough: float
    ) -> Descent:
        """Begin once more from no trade at all, and return the better plan.

        Without rules only where that alone is better than what was found. With rules always, from the nearest
        allowed weights: the ERC moved inside them may stand in the valley of a worse optimum.
        """
        plans = periods.step.plan_set
        stay: Floats = np.broadcast_to(periods.w0, found.W.shape)
        if not plans.only_long:
            stay = self._moved_in(periods, solver, stay)
        elif abs(float(periods.w0.sum()) - 1.0) > FULL or not plans.contains(stay, periods.w0):
            return found
        with np.errstate(invalid="ignore", divide="ignore"):
            value = periods.objective(stay)
        # NaN: holdings without any risk have no risk contributions to begin from
        if not value < (found.objective if plans.only_long else np.inf):
            return found
        other = gauss_newton(periods, solver, stay, "holdings", enough, self.limit)
        return other if other.objective < found.objective else found

    def _best(
        self, periods: Periods, solver: DirectSolver, erc: Floats, found: Descent, enough: float
    ) -> tuple[Descent, int, int]:
        """Return the best end of all starts, how many there were, and how many ended at a worse one."""
        ends = [found]

        def descend(name: str, wanted: Floats, relative: bool = True) -> None:
            try:
                begin = self._moved_in(periods, solver, wanted, relative)
                with np.errstate(invalid="ignore", divide="ignore"):
                    if not np.isfinite(periods.objective(begin)):
                        return  # weights without any risk
                sharp = min(max(SHARP * ends[0].objective, 0.1 * LEAST), enough)
                ends.append(gauss_newton(periods, solver, begin, name, sharp, self.limit))
            except SolverFailure:
                return

        for name, wanted in wanted_starts(erc, periods.w0, periods.step.plan_set):
            descend(name, wanted)
            if not periods.step.plan_set.contains(wanted, periods.w0):
                descend(name, wanted, relative=False)
        tried: list[Descent] = []
        while len(ends) < MOST:
            ends.sort(key=lambda end: end.objective)
            ahead = next((end for end in _apart(ends)[:POOL] if not _known(end, tried)), None)
            if ahead is None:
                break
            tried.append(ahead)
            for wanted in neighbours(ahead.W, erc, periods.w0):
                descend("neighbour", wanted)
        ends.sort(key=lambda end: end.objective)
        least = ends[0].objective * (1.0 + ELSEWHERE) + LEAST
        return ends[0], len(ends), sum(end.objective > least for end in ends)

    def _unruled(self, sigma: Floats, w0: Floats) -> Floats | None:
        """Return the plan that bounds, groups and limits change, where there are any and it passes its checks."""
        if self.program.plan_set.only_long:
            return None
        if self._free is None:
            program = self.program
            alone = RiskParityProblem(
                program.n, program.H, program.gamma_trade, budgets=program.budgets, cash=program.cash
            )
            self._free = RiskParityStepper(
                alone, starts=self.starts, solver=self.asked, tolerance=self.tolerance, limit=self.limit
            )
        step = self._free.solve(sigma, w0, uninvested=1.0 - float(w0.sum()))
        return step.W if step.ok else None

    def _revived(
        self, periods: Periods, solver: DirectSolver, erc: Floats, found: Descent, enough: float
    ) -> tuple[Descent, float]:
        """Try to do better with dead assets held, all and each alone; return the better plan, and the best try.

        The best try is infinite where no allowed plan holds any of them, and NaN where it is not known: nothing is
        dead, the method does not look, or a solver failed.
        """
        for _ in range(self.program.n):
            dead = (found.W <= DEAD) & (periods.budgets > 0.0)
            if self.method == "published" or not dead.any():
                return found, np.nan
            assets = np.flatnonzero(dead.any(axis=0))
            wanted = [dead] + [dead & (np.arange(dead.shape[1]) == i) for i in assets if len(assets) > 1]
            tries = [self._alive(periods, erc, each, enough) for each in wanted]
            values = [each.objective if isinstance(each, Descent) else each for each in tries]
            best = float(np.min(values))  # NaN where one is
            better = min(
                (each for each in tries if isinstance(each, Descent)),
                key=lambda end: end.objective,
                default=None,
            )
            if better is None or not better.objective < found.objective:
                return found, best
            found = gauss_newton(periods, solver, better.W, "revived", enough, self.limit)
        return found, np.nan

    def _alive(self, periods: Periods, erc: Floats, dead: Mask, enough: float) -> Descent | float:
        """Return the end of a descent with some assets held; inf where no plan holds them, NaN without an end."""
        plans = periods.step.plan_set
        least = np.where(dead, np.minimum(np.maximum(plans.lower, HELD * erc), plans.upper), plans.lower)
        if np.any(least.sum(axis=1) > 1.0):
            return np.inf
        try:
            step = replace(periods.step, plan_set=plans.bounded(least, plans.upper))
            held, strict = periods._replace(step=step), DirectSolver(step, self.solver, tolerance=EXACT)
            return gauss_newton(held, strict, self._moved_in(held, strict, erc), "erc", enough, self.limit)
        except BadData:  # the limits leave no plan that holds them; NoPlan is one
            return np.inf
        except SolverFailure:
            return np.nan

    # -------------------------------------------------------------- certificate
    def _certified(
        self,
        periods: Periods,
        solver: DirectSolver,
        erc: Floats,
        found: Descent,
        alternative: float,
        enough: float,
    ) -> tuple[Certificate, Descent, float]:
        """Return a certificate, of a better plan where the search for it meets one, and that one's best try."""
        while True:
            known = certificate(self.program, periods.sigma[0], periods.w0, found.W[0], self.boxes)
            if known.better is None or self.method == "published":
                return known, found, alternative
            better = gauss_newton(periods, solver, known.better[None], "search", enough, self.limit)
            if not better.objective < found.objective:
                return known, found, alternative
            better, alternative = self._revived(periods, solver, erc, better, enough)
            found = better._replace(begun="search")


def _apart(ends: list[Descent]) -> list[Descent]:
    """Return the ends, best first, without those that are another one once more."""
    kept: list[Descent] = []
    for end in ends:
        if len(kept) < POOL and not _known(end, kept):
            kept.append(end)
    return kept


def _known(end: Descent, others: list[Descent]) -> bool:
    """Return whether an end is one of the others: as good, or with the same weights."""
    return any(
        abs(end.objective - other.objective) <= ELSEWHERE * other.objective + LEAST
        or float(np.abs(end.W - other.W).max()) <= SAME
        for other in others
    )
