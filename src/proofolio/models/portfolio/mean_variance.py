r"""Mean-variance model-predictive control: a plan over the horizon, of which the first move is made.

.. math::
    \max\ \sum_{\tau=1}^H \mu_\tau'w_\tau - \gamma_{risk}\, w_\tau'\Sigma_\tau w_\tau
    - \gamma_{trade} \|w_\tau - w_{\tau-1}\|_1
    \quad\text{s.t.}\quad 1'w_\tau = 1,\ \ w_\tau \ge 0

and what the options add: bounds, groups, cash that is traded for nothing, a turnover limit, a limit of the number of
positions (then mixed-integer). H = 1 is the single-period model.

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

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.arguments import not_negative, whole
from proofolio.models.portfolio.mean_variance_cvxpy import MpcProblem, mpc_problem
from proofolio.models.portfolio.plan_set import Group, Holdings
from proofolio.models.portfolio.step import Rules
from proofolio.models.portfolio.stepper import MpcStepper, step_data
from proofolio.models.portfolio.trading import Trading
from proofolio.program.builder import Builder
from proofolio.program.program import Program
from proofolio.solvers.solution import Solution
from proofolio.verification.solving import solve_program

__all__ = ["MeanVariance"]


TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False, init=False)
class MeanVariance:
    r"""The mean-variance MPC, declared once; what is known only on the day is given to each of its doors.

    Parameters
    ----------
    n, H : int
        Assets and periods planned.
    gamma_risk : float
        Risk aversion, from 0.
    gamma_trade : float
        Price of trading, a fraction of what is traded (10 bp = 0.001), from 0.
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
        The most weights that may differ from zero: mixed-integer, for `solve` and the doors.

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

    n: int
    H: int
    gamma_risk: float
    gamma_trade: float
    holdings: Holdings
    cash: int | None
    turnover_limit: Any

    def __init__(
        self,
        n: int,
        H: int,
        gamma_risk: float,
        gamma_trade: float,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        groups: Sequence[Group] = (),
        cash: int | None = None,
        turnover_limit: ArrayLike = np.inf,
        cardinality: int | None = None,
    ) -> None:
        n, H = whole("n", n, 1), whole("H", H, 1)
        if cash is not None and not 0 <= whole("cash", cash, 0) < n:
            raise BadData(f"cash is {cash}; it must be one of the assets, counted 0 to {n - 1}")
        fields = {
            "n": n,
            "H": H,
            "gamma_risk": not_negative("gamma_risk", gamma_risk),
            "gamma_trade": not_negative("gamma_trade", gamma_trade),
            "holdings": Holdings(n, H, lower, upper, groups=groups, cardinality=cardinality),
            "cash": None if cash is None else int(cash),
            "turnover_limit": Trading(n, H, turnover_limit=turnover_limit).turnover_limit,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def mixed_integer(self) -> bool:
        """Whether the number of positions is limited below n."""
        return self.holdings.cardinality is not None and self.holdings.cardinality < self.n

    @property
    def rules(self) -> Rules:
        """The rules of the plan as arrays, without the cardinality."""
        holdings, n = self.holdings, self.n
        lower, upper = holdings.lower, holdings.upper
        counted = np.arange(n) != (-1 if self.cash is None else self.cash)
        groups = np.zeros((len(holdings.groups), n))
        for row, group in zip(groups, holdings.groups, strict=True):
            row[list(group.members)] = 1.0
        return Rules(
            lower=lower,
            upper=upper,
            cost=self.gamma_trade * counted,
            counted=counted,
            turnover_limit=self.turnover_limit if np.isfinite(self.turnover_limit).any() else None,
            groups=groups if holdings.groups else None,
            group_lower=np.array([group.lower for group in holdings.groups]),
            group_upper=np.array([group.upper for group in holdings.groups]),
            simplex=bool(np.all(lower == 0.0) and np.all(upper >= 1.0)),
            dearest=float(np.max(self.gamma_trade * counted)),
        )

    # ------------------------------------------------------------------ doors
    def model(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Builder:
        """Return the builder, to add rows of your own; variables ``W`` (n, H), ``buy`` or ``traded``."""
        n, H = self.n, self.H
        mu, sigma, held = step_data(H, n, mean, covariance, w0)
        model = Builder("mean_variance")
        W = model.variable("W", (n, H), self.holdings.lower.T, self.holdings.upper.T)
        self.holdings.add(model, W)
        traded = [i for i in range(n) if i != self.cash]
        trading = Trading(
            len(traded), H, turnover_cost=self.gamma_trade, turnover_limit=self.turnover_limit,
            initial=held[traded],
        )  # fmt: skip
        balanced = self.cash is None and float(held.sum()) == 1.0
        utility = (mu.T * W).sum() - trading.add(model, W[traded], balanced)
        if self.gamma_risk > 0.0:
            utility = utility - model.quadratic(self.gamma_risk * sigma, W.T).sum()
        model.maximise(utility)
        return model

    def to_program(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Program:
        """Return the program of one day in matrix form; arguments as for `MpcStepper.solve`."""
        return self.model(mean, covariance, w0).freeze()

    def to_pyomo(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Any:
        """Return a Pyomo model of one day with variables ``W[i,t]``."""
        return self.to_program(mean, covariance, w0).to_pyomo()

    def to_cvxpy(self) -> MpcProblem:
        """Return a CVXPY problem with Parameters (DPP): compiled once, given new numbers every day."""
        return mpc_problem(
            self.rules, self.gamma_risk, self.holdings.cardinality if self.mixed_integer else None
        )

    def stepper(self, solver: str = "auto", *, tolerance: float = TOLERANCE, **options: Any) -> MpcStepper:
        """Return the direct solver of one step after another.

        Parameters
        ----------
        solver : {"auto", "riccati", "piqp", "osqp", "clarabel"}
        tolerance : float
            Of the proven relative gap.
        **options
            Of the solver, by its own names.

        Raises
        ------
        UnsupportedProgram
            With a limit of the number of positions, which is mixed-integer: use `solve`.
        """
        if self.mixed_integer:
            raise UnsupportedProgram(
                "a cardinality makes the step mixed-integer, which the direct solvers cannot take: use .solve()"
            )
        return MpcStepper(self.rules, self.gamma_risk, solver, tolerance, **options)

    def solve(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, solver: str | None = None, **settings: Any
    ) -> Solution:
        """Solve one day's program by a mixed-integer solver, and check the answer; ``answer["W"]`` is (n, H).

        Arguments as for `MpcStepper.solve`, then those of `proofolio.solve`.
        """
        return solve_program(self.to_program(mean, covariance, w0), solver, **settings)
