r"""Mean-variance model-predictive control: a plan over the horizon, of which the first move is made.

.. math::
    \max\ \sum_{\tau=1}^H \mu_\tau'w_\tau - \gamma_{risk}\, w_\tau'\Sigma_\tau w_\tau
    - \gamma_{trade} \|w_\tau - w_{\tau-1}\|_1
    \quad\text{s.t.}\quad 1'w_\tau = 1,\ \ w_\tau \ge 0

and what the options add: instead of :math:`\|u_\tau\|_1`, :math:`u_\tau = w_\tau - w_{\tau-1}`, the costs of each
trade as they are charged, :math:`\sum_i a_i |u_i| + p_i |u_i|^{3/2} + c_i u_i`; bounds, groups, cash that is traded
for nothing, a turnover limit, a limit of the number of positions (then mixed-integer). H = 1 is the single-period
model.

Source: Boyd, Busseti, Diamond, Kahn, Koh, Nystrup, Speth, "Multi-Period Trading via Convex Optimization",
Foundations and Trends in Optimization 3 (2017), section 4; with regime-switching forecasts: Nystrup, Boyd,
Lindström, Madsen, "Multi-period portfolio selection with drawdown control", Annals of OR 282 (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.arguments import not_negative, whole
from proofolio.models.portfolio.mean_variance_batch import MeanVarianceBatch
from proofolio.models.portfolio.mean_variance_step import MeanVarianceStep, MeanVarianceStepper, step_data
from proofolio.models.portfolio.plan_set import Group, PlanSet, plan_set_of
from proofolio.models.portfolio.quadratic_step import QuadraticStep
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.models.portfolio.trade_or_not import MOST_PERIODS, TradingPeriods, trading_periods
from proofolio.models.portfolio.trade_rules import ConditionalCap, TradeRules
from proofolio.models.portfolio.trading import add_plan
from proofolio.program.builder import Builder
from proofolio.program.program import Program
from proofolio.solvers.solution import Solution
from proofolio.verification.solving import solve

__all__ = ["MeanVariance", "MpcProblem"]


TOLERANCE = 1e-6  # of the proven relative gap: a hundredth of a basis point of the objective


class MeanVariance:
    r"""The mean-variance MPC, declared once; what is known only on the day is given to its methods.

    Parameters
    ----------
    n, H : int
        Assets and periods planned.
    gamma_risk : float
        Risk aversion, from 0.
    gamma_trade : float
        Price of trading, from 0: a fraction of what is traded (10 bp = 0.001), or where costs are given below, how
        many times they count (1 = as charged).
    half_spread, power_impact, asymmetry : float or array_like, shape (n,), optional
        a, p and c of `proofolio.models.portfolio.trade_cost.TradeCost`, of which `gamma_trade` is then the multiple;
        where one is given the others are 0 by default. Cash costs nothing.
    lower, upper : array_like, shape () or (n,) or (H, n)
        Bounds of the weights (default 0 and 1).
    groups : sequence of Group
        Limits of the weights of some assets together.
    cash : int, optional
        An asset whose trades cost nothing and do not count as turnover; its return and risk are those of the
        forecast.
    turnover_limit : float or array_like, shape (H,)
        Of :math:`\|w_\tau - w_{\tau-1}\|_1` without the cash; infinite where there is none.
    cardinality : int, optional
        The most weights that may differ from zero: mixed-integer, for `solve` and the interfaces.
    minimum_trade : float or array_like, shape (n,)
        Of each asset in each period: nothing, at least so much, or the holding sold as a whole; mixed-integer.
    fixed_cost : float or array_like, shape (n,)
        Of each trade whatever its size, a fraction of the portfolio; mixed-integer.
    conditional_caps : sequence of ConditionalCap
        Limits that hold while something else is held; mixed-integer.
    plan_set : PlanSet, optional
        All of these rules, and those that have no argument here, as one object instead.

    Attributes
    ----------
    plan_set : PlanSet
        What may be held and traded.
    trade_rules : TradeRules
    charged : TradeCost
        What each trade costs in the objective, `gamma_trade` included; nothing for cash.

    Raises
    ------
    BadData
        Naming the argument and what it needs.

    Examples
    --------
    >>> import numpy as np
    >>> mpc = MeanVariance(n=3, H=2, gamma_risk=5.0, gamma_trade=0.001)
    >>> step = mpc.stepper().solve([0.002, 0.001, 0.0], 1e-4 * np.eye(3), w0=[0.0, 0.5, 0.5])
    >>> step.ok, step.W[0].round(3).tolist()
    (True, [0.5, 0.5, 0.0])
    """

    def __init__(
        self,
        n: int,
        H: int,
        gamma_risk: float,
        gamma_trade: float,
        *,
        half_spread: ArrayLike | None = None,
        power_impact: ArrayLike | None = None,
        asymmetry: ArrayLike | None = None,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        groups: Sequence[Group] = (),
        cash: int | None = None,
        turnover_limit: ArrayLike = np.inf,
        cardinality: int | None = None,
        minimum_trade: ArrayLike = 0.0,
        fixed_cost: ArrayLike = 0.0,
        conditional_caps: Sequence[ConditionalCap] = (),
        plan_set: PlanSet | None = None,
    ) -> None:
        self.n, self.H = whole("n", n, 1), whole("H", H, 1)
        self.gamma_risk = not_negative("gamma_risk", gamma_risk)
        self.gamma_trade = not_negative("gamma_trade", gamma_trade)
        self.plan_set = plan_set_of(
            self.n, self.H, plan_set, lower=lower, upper=upper, groups=groups, cardinality=cardinality,
            turnover_limit=turnover_limit, cash=cash,
        )  # fmt: skip
        self.trade_rules = TradeRules.of(self.n, minimum_trade, fixed_cost, conditional_caps).without(
            self.cash
        )
        given = half_spread, power_impact, asymmetry
        alone = all(each is None for each in given)
        a, p, c = (1.0, 0.0, 0.0) if alone else (0.0 if each is None else each for each in given)
        each, counted = TradeCost.of(self.n, a, p, c), self.plan_set.counted
        self._costs = TradeCost(
            counted * each.half_spread, counted * each.power_impact, counted * each.asymmetry
        )
        self.charged = self._costs.times(self.gamma_trade)
        power = self.charged.power_impact if self.charged.power_impact.any() else None
        self.step = QuadraticStep(self.plan_set, self.charged.half_spread, self.gamma_risk, power)

    def __repr__(self) -> str:
        return f"MeanVariance(n={self.n}, H={self.H}, gamma_risk={self.gamma_risk:g}, gamma_trade={self.gamma_trade:g})"

    @property
    def cash(self) -> int | None:
        """The asset traded for nothing, or None."""
        return self.plan_set.cash

    @property
    def mixed_integer(self) -> bool:
        """Whether a rule counts positions, or asks for sizes with gaps between them."""
        return self.plan_set.mixed_integer or not self.trade_rules.empty

    @property
    def direct(self) -> bool:
        """Whether `stepper` takes the rules: none is mixed-integer, and gross exposure follows from the others."""
        return not (self.mixed_integer or self.plan_set.gross_binds)

    # ------------------------------------------------------------- interfaces
    def model(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, *, uninvested: float = 0.0
    ) -> Builder:
        """Return the builder, to add rows of your own; variables ``W`` (n, H), ``buy`` or ``traded``."""
        mu, sigma, held = step_data(self.plan_set, mean, covariance, w0, uninvested)
        model = Builder("mean_variance")
        W, cost = add_plan(model, self.plan_set, held, self.charged)
        utility = (mu.T * W).sum() - cost - self.trade_rules.add(model, W, held)
        if self.gamma_risk > 0.0:
            utility = utility - model.quadratic(self.gamma_risk * sigma, W.T).sum()
        model.maximise(utility)
        return model

    def to_program(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, *, uninvested: float = 0.0
    ) -> Program:
        """Return the program of one day in matrix form; arguments as for `MeanVarianceStepper.solve`."""
        return self.model(mean, covariance, w0, uninvested=uninvested).freeze()

    def to_pyomo(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Any:
        """Return a Pyomo model of one day with variables ``W[i,t]``."""
        return self.to_program(mean, covariance, w0).to_pyomo()

    def to_cvxpy(self) -> MpcProblem:
        r"""Return a CVXPY problem with Parameters (DPP): compiled once, given new numbers every day.

        Risk enters through factors, :math:`w'\Sigma w = \|F'w\|^2` with :math:`\Sigma = FF'`, since a Parameter
        must appear affinely.
        """
        import cvxpy  # heavy: opened only when used

        if not self.trade_rules.empty:
            raise UnsupportedProgram(
                "rules of trades have no CVXPY form here: use to_program() or to_pyomo()"
            )
        cp: Any = cvxpy  # its annotations cover a part of what it exports
        n, H = self.n, self.H
        W = cp.Variable((n, H), name="W")
        mean, w0 = cp.Parameter((n, H), name="mean"), cp.Parameter(n, name="w0")
        factors = [cp.Parameter((n, n), name=f"factor_{t}") for t in range(H)]
        utility: Any = 0
        for t in range(H):
            w, before = W[:, t], w0 if t == 0 else W[:, t - 1]
            utility += mean[:, t] @ w - self.gamma_risk * cp.sum_squares(factors[t].T @ w)
            utility -= self.step.cost @ cp.abs(w - before) + self.charged.asymmetry @ (w - before)
            if self.step.power is not None:
                utility -= self.step.power @ cp.power(cp.abs(w - before), 1.5)
        problem = cp.Problem(cp.Maximize(utility), self.plan_set.to_cvxpy(W, w0))
        return MpcProblem(problem, W, mean, factors, w0, self.plan_set)

    def stepper(
        self, solver: str = "auto", *, tolerance: float = TOLERANCE, **options: Any
    ) -> MeanVarianceStepper:
        """Return the direct solver of one step after another.

        Parameters
        ----------
        solver : "auto", "riccati", or a name in `QP_SOLVERS` ("piqp", "osqp", "clarabel")
            Costs of the power 3/2 are taken by "riccati" (with bounds as the only rules) and "clarabel".
        tolerance : float
            Of the proven relative gap.
        **options
            Of the solver, by its own names.

        Raises
        ------
        UnsupportedProgram
            With rules that are mixed-integer, or gross exposure of plans with shorts: use `solve`.
        """
        if not self.direct:
            what = (
                "a cardinality, minimum position, rule of trades or round lot makes the step mixed-integer"
                if self.mixed_integer
                else "gross exposure of plans with shorts has no rows of its own in the step"
            )
            raise UnsupportedProgram(f"{what}, which the direct solvers cannot take: use .solve()")
        return MeanVarianceStepper(self.step, solver, tolerance, self.charged, **options)

    def batch(self, *, tolerance: float = TOLERANCE) -> MeanVarianceBatch:
        """Return the solver of many steps at once, for frontiers and for paths beside each other.

        Parameters
        ----------
        tolerance : float
            Of the proven relative gap.

        Raises
        ------
        BadData
            Where the rules are more than bounds with room between them.

        Examples
        --------
        >>> import numpy as np
        >>> mpc = MeanVariance(n=3, H=1, gamma_risk=5.0, gamma_trade=0.001)
        >>> mean, covariance, held = [3e-3, 1e-3, 0.0], 1e-4 * np.eye(3), [0.0, 0.5, 0.5]
        >>> frontier = mpc.batch().solve([mean], [covariance], [held], gamma_risk=[1, 9, 90])
        >>> frontier.ok.all(), frontier.W[:, 0].round(2).tolist()
        (np.True_, [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.35, 0.35, 0.3]])
        """
        if not self.trade_rules.empty:
            raise BadData("steps in a batch take no rules of trades: take them one by one, by solve()")
        return MeanVarianceBatch(self.plan_set, self._costs, self.gamma_risk, self.gamma_trade, tolerance)

    def best_trading_periods(
        self,
        mean: ArrayLike,
        covariance: ArrayLike,
        w0: ArrayLike,
        charge: float,
        *,
        tolerance: float = TOLERANCE,
    ) -> TradingPeriods:
        """Return the best plan where each period with trades costs a fee, by all 2^H patterns of such periods.

        Parameters
        ----------
        mean, covariance, w0
            As for `MeanVarianceStepper.solve`.
        charge : float
            A fraction of the portfolio, from 0.
        tolerance : float
            Of the proven relative gap of each pattern's step.

        Raises
        ------
        BadData
            Where the rules are more than bounds, or the periods more than 10.
        NoPlan
            When no plan keeps the bounds from these first holdings.
        """
        fee = not_negative("charge", charge)
        plans = self.plan_set
        if self.H > MOST_PERIODS or not (plans.linear_bounds and self.trade_rules.empty):
            raise BadData(
                f"patterns of trades are enumerated for bounds as the only rules and up to {MOST_PERIODS} periods: use "
                "fixed_cost and solve()"
            )
        mu, sigma, held = step_data(plans, mean, covariance, w0)
        power = self.step.power

        def solved(merged: PlanSet, mean: Floats, covariance: Floats, w0: Floats) -> MeanVarianceStep:
            step = QuadraticStep(merged, self.step.cost, self.gamma_risk, power)
            return MeanVarianceStepper(step, "auto", tolerance, self.charged).solve(mean, covariance, w0)

        return trading_periods(plans, solved, self.gamma_risk, mu, sigma, held, fee)

    def solve(
        self,
        mean: ArrayLike,
        covariance: ArrayLike,
        w0: ArrayLike,
        solver: str | None = None,
        *,
        uninvested: float = 0.0,
        **settings: Any,
    ) -> Solution:
        """Solve one day's program by a mixed-integer solver, and check the answer; ``answer["W"]`` is (n, H).

        Arguments as for `MeanVarianceStepper.solve`, then those of `proofolio.solve`.
        """
        return solve(self.to_program(mean, covariance, w0, uninvested=uninvested), solver, **settings)


@dataclass(frozen=True, eq=False)
class MpcProblem:
    """A CVXPY problem and its Parameters.

    Attributes
    ----------
    problem : cvxpy.Problem
        To be maximised; ``problem.is_dcp(dpp=True)``.
    W : cvxpy.Variable, shape (n, H)
    mean : cvxpy.Parameter, shape (n, H)
    factors : list of cvxpy.Parameter, shape (n, n) each
        F with covariance FF'.
    w0 : cvxpy.Parameter, shape (n,)
    plan_set : PlanSet
    """

    problem: Any
    W: Any
    mean: Any
    factors: Any
    w0: Any
    plan_set: PlanSet

    def assign(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> None:
        """Give the Parameters the numbers of a day; arguments as for `MeanVarianceStepper.solve`."""
        mu, sigma, held = step_data(self.plan_set, mean, covariance, w0)
        self.mean.value, self.w0.value = mu.T, held
        for parameter, factor in zip(self.factors, _factors(sigma), strict=True):
            parameter.value = factor

    @property
    def weights(self) -> Floats:
        """The plan found last, shape (H, n)."""
        found: Floats = np.asarray(self.W.value).T
        return found


def _factors(sigma: Floats) -> Floats:
    """Return F with FF' = Sigma, also of a singular one."""
    try:
        return np.asarray(np.linalg.cholesky(sigma), dtype=float)
    except np.linalg.LinAlgError:
        value, vector = np.linalg.eigh(sigma)
        return np.asarray(vector * np.sqrt(np.maximum(value, 0.0))[:, None, :], dtype=float)
