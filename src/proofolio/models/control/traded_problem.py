"""The methods of a control problem that trade, bound, simulate and match costs; `RegimeControl` has them all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from proofolio.errors import BadData
from proofolio.models.arguments import number, positive, whole
from proofolio.models.control.bound import Gap, bound_of, least_lossy
from proofolio.models.control.learned import Learned, trained
from proofolio.models.control.policies import Lookahead, OneStep, Projected, Receding, Trades
from proofolio.models.control.problem import ControlProblem
from proofolio.models.control.simulation import ETAS, SimulationTable, best_eta, simulated

__all__ = ["TradedProblem"]


STEPS = "steps_per_year"
ONE_THREAD = 1  # of BLAS: its threads wait for each other longer than batches of small matrices take
T = TypeVar("T", bound="TradedProblem")


class TradedProblem(ControlProblem):
    """A control problem with its policies, and what judges them."""

    # ------------------------------------------------------------------ policies
    def lookahead(
        self, years: float = 2.0, switches: int = 0, *, steps_per_year: float = 12.0, iterations: int = 60
    ) -> Lookahead:
        """Return the policy that plans on as if the present regime stayed: the recommended one under limits and costs.

        Parameters
        ----------
        years : float
            Length of the plan: it must span the time in which a trade pays for itself.
        switches : {0, 1}
            With 1 the plan branches at three steps into each other regime; slower, better where regimes are short.
        steps_per_year : float
            A trade is that of one such step; `bound` and `simulate` set their own.
        iterations : int
            Of the plan's method.

        Raises
        ------
        BadData
            For a length that is not above 0 or another number of switches; when it first trades, for a control with
            drifting positions, with factors, or with limits that are not convex.
        """
        return Lookahead(
            self,
            number("years", years),
            switches,
            steps_per_year=positive(STEPS, steps_per_year),
            iterations=whole("iterations", iterations, 1),
        )

    def receding(self, H: int = 6, *, steps_per_year: float = 12.0) -> Receding:
        """Return the policy that plans H steps with expected drifts and covariances.

        It does not approach the optimum as H grows: the plan forgets that regimes are random. See `lookahead`.
        """
        return Receding(self, H, steps_per_year=positive(STEPS, steps_per_year))

    def projected(self, *, steps_per_year: float = 12.0) -> Projected:
        """Return the exact step without limits, thresholded and clipped asset by asset: for comparison only."""
        return Projected(self, steps_per_year=positive(STEPS, steps_per_year))

    def one_step(self, *, steps_per_year: float = 12.0) -> OneStep:
        """Return the policy whose step loses least now; exact where there are no limits and linear costs."""
        return OneStep(self, steps_per_year=positive(STEPS, steps_per_year))

    def learned(
        self, steps: int = 200, paths: int = 128, seed: int = 0, *, steps_per_year: float = 12.0
    ) -> Learned:
        """Return a small network on top of the exact step, trained on the losses of simulated paths; an experiment.

        For a box and linear costs: `bound` says what came out, and `lookahead` stands beside it.

        Parameters
        ----------
        steps : int
            Of training, each on new paths.
        paths, seed : int
        steps_per_year : float
            It trades in steps of this length only.

        Raises
        ------
        UnsupportedProgram
            Without PyTorch, the extra ``learned``.
        BadData
            For other limits, or fixed costs.
        """
        return trained(self, steps, paths, seed, steps_per_year)

    def choose(
        self, policies: Sequence[Trades], paths: int = 100, seed: int = 0, steps_per_year: float = 12.0
    ) -> Trades:
        """Return the policy that loses least, on paths that `bound` never uses, whatever its seed.

        The first of equals. What `bound` says of the choice is then not flattered by having chosen.
        """
        with threadpool_limits(ONE_THREAD):
            return least_lossy(self, policies, paths, whole("seed", seed, 0), positive(STEPS, steps_per_year))

    # ------------------------------------------------------------------ judgement
    def bound(
        self, policy: Trades, paths: int = 200, seed: int = 0, steps_per_year: float = 12.0, *,
        filtered: bool = False, theta: ArrayLike | None = None, seconds_per_path: float = 0.0,
    ) -> Gap:  # fmt: skip
        r"""Return the value of a policy, an upper bound of the best value, and their distance.

        On each path the policy's loss against the exact step without limits is compared with the least loss of any plan
        that knows the path, bounded from below by Lagrange multipliers; see `proofolio.models.control.bound`.

        Parameters
        ----------
        policy : anything with ``trade(theta, z, t)``
            Asked with positions (paths, d) and regimes (paths,), or with `filtered` probabilities (paths, m).
        paths, seed : int
        steps_per_year : float
        filtered : bool
            Whether the policy sees the probabilities of a filter of simulated returns instead of the regimes. The bound
            is still that of known regimes, so that the gap includes what knowing them is worth.
        theta : array_like, shape (d,), optional
            First positions; zero by default.
        seconds_per_path : float
            With fixed costs and limits: time for each path's mixed-integer program "trade or not", whose solver's bound
            is then used where it is the better one. It is that solver's word, in floating point.

        Returns
        -------
        Gap
            Of the problem in steps, with positions that do not drift. Without a horizon over five years, with the value
            without limits after them in both sides: compare gaps of one horizon only.

        Raises
        ------
        BadData
            For a control with drifting positions or factors, limits that are not convex, or a policy that leaves them.

        Warns
        -----
        Imprecise
            When a step is longer than a tenth of the shortest regime: part of the gap is then the bound's own.
        """
        seconds = number("seconds_per_path", seconds_per_path)
        if not 0.0 <= seconds < np.inf:
            raise BadData(f"seconds_per_path is {seconds:g}; give seconds, 0 for none")
        with threadpool_limits(ONE_THREAD):
            return bound_of(
                self,
                policy,
                paths,
                whole("seed", seed, 0),
                positive(STEPS, steps_per_year),
                filtered=filtered,
                theta=theta,
                seconds_per_path=seconds,
            )

    def simulate(
        self, policies: Any, paths: int = 1000, years: float = 5.0, periods_per_year: float = 252.0,
        costs: ArrayLike = 0.0, seed: int = 0, filtered: bool | Collection[str] = False,
    ) -> SimulationTable:  # fmt: skip
        """Return what policies earn on the same simulated paths, after costs; positions drift with prices.

        Parameters
        ----------
        policies : policy, sequence of them, or mapping from names
        paths : int
        years, periods_per_year : float
        costs : float or array_like, shape (d,)
            Fractions of what is traded. The policies are charged these, whatever they plan with.
        seed : int
        filtered : bool or names
            Whether they, or those of these names, see a filter's probabilities instead of the regime; the filter knows
            the parameters, and the returns so far.
        """
        with threadpool_limits(ONE_THREAD):
            return simulated(self, policies, paths, years, periods_per_year, costs, seed, filtered=filtered)

    def match_costs(
        self, costs: ArrayLike, *, paths: int = 100, years: float = 5.0, periods_per_year: float = 252.0,
        seed: int = 0, filtered: bool = False, etas: Sequence[float] = ETAS,
    ) -> float:  # fmt: skip
        """Return the eta of the list whose exact policy is worth most once these linear costs are paid.

        The value is flat over a factor of ten round the best one. The paths are its own: `simulate` and `bound` use
        others, whatever their seeds.

        Parameters
        ----------
        costs : float or array_like, shape (d,)
            Fractions of what is traded.
        paths, years, periods_per_year, seed, filtered
            Of the simulation, as for `simulate`.
        etas : sequence of float
            Tried.
        """
        with threadpool_limits(ONE_THREAD):
            eta, _ = best_eta(
                self, costs, self.with_eta, paths, years, periods_per_year, seed, etas, filtered
            )
        return eta

    def with_eta(self: T, eta: float) -> T:
        """Return the same problem with another cost of speed, without limits, linear and fixed costs."""
        return type(self)(
            self.chain, self.alpha, self.Sigma, self.gamma, eta, self.Lambda, self.rho, self.horizon, self.terminal,
            units="year",
        )  # fmt: skip
