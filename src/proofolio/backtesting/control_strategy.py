"""The strategy ``control``: trade at a rate, with the next regime in mind, from each close's own regimes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from proofolio.arrays import Floats
from proofolio.backtesting.policy import Decision, Needs, Policy
from proofolio.errors import BadData, DoubtfulEstimate, SolverFailure
from proofolio.forecasts.calendars import DAILY
from proofolio.forecasts.forecast import Forecast
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.regime_control import RegimeControl
from proofolio.models.portfolio.plan_set import PlanSet

__all__ = ["ControlStrategy"]


DISCOUNT = 0.02  # a year; positions of a strategy that lives for days hardly depend on it
ITERATIONS = 2000  # at most: plans on the simplex settle slowly where speed costs next to nothing
LEAST = 1e-8  # eta of a strategy that is told that trades are free


@dataclass(frozen=True)
class ControlStrategy:
    """The next step of `proofolio.RegimeControl` with the regimes, drifts and covariances of this close.

    The policy is `lookahead`, fully invested and without short sales, and it is given the filter's probabilities of the
    next period. Means by regime are estimated from few days: they are moved towards their common mean.

    Attributes
    ----------
    horizon : int
        Periods that it plans ahead.
    gamma_risk : float
        gamma, of returns a year.
    gamma_trade : float
        eta, the cost of speed; Lambda is the mean covariance. `RegimeControl.match_costs` finds one for real costs.
    shrinkage : float
        0 believes the mean of each regime, 1 only the mean of all.
    """

    name: str = "control"
    horizon: int = 5
    gamma_risk: float = 5.0
    gamma_trade: float = 0.01
    shrinkage: float = 0.5
    periods_per_year: float = DAILY.periods_per_year
    needs: Needs = field(default="regimes", init=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0.0 < self.gamma_risk < np.inf:
            raise BadData(f"gamma_risk of {self.name} is {self.gamma_risk:g}; give a positive number.")
        if not 0.0 <= self.gamma_trade < np.inf:
            raise BadData(f"gamma_trade of {self.name} is {self.gamma_trade:g}; give 0 or a positive number.")
        if not 0.0 <= self.shrinkage <= 1.0:
            raise BadData(f"shrinkage of {self.name} is {self.shrinkage:g}; it must lie between 0 and 1.")
        if self.horizon < 1:
            raise BadData(f"horizon of {self.name} is {self.horizon}; give 1 period or more.")

    def start(self, history: Floats) -> Policy:
        """Begin; no past is needed."""
        return _ControlPolicy(self)


class _ControlPolicy:
    def __init__(self, strategy: ControlStrategy) -> None:
        self._strategy = strategy

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        given, known = self._strategy, forecast
        if (
            known is None
            or known.probabilities is None
            or known.means is None
            or known.covariances is None
            or known.transition is None
        ):
            raise BadData(f"{given.name} needs forecasts with regimes, and these have none.")
        probabilities, year = known.probabilities[1], given.periods_per_year
        alpha = (1.0 - given.shrinkage) * known.means + given.shrinkage * (probabilities @ known.means)
        n = len(holdings)
        try:
            with warnings.catch_warnings():
                # regimes of markets last days, which is news in a study of one fit and none at every close
                warnings.simplefilter("ignore", DoubtfulEstimate)
                chain = RegimeChain.from_transition(known.transition, year)
            control = RegimeControl(
                chain, alpha * year, known.covariances * year, given.gamma_risk, max(given.gamma_trade, LEAST),
                rho=DISCOUNT, limits=PlanSet(n, 1), units="year",
            )  # fmt: skip
            policy = control.lookahead(given.horizon / year, steps_per_year=year, iterations=ITERATIONS)
            bought = policy.trade(holdings, probabilities)
        except (BadData, np.linalg.LinAlgError) as error:  # of this close's forecast
            raise SolverFailure(f"after row {day}, {error}") from None
        return Decision(np.maximum(holdings + bought, 0.0))
