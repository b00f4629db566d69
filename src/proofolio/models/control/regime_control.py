"""`RegimeControl`: a control problem with the methods that solve it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from proofolio.models.control.calibration import PRIOR_SHARPE, Calibration, calibrated
from proofolio.models.control.grid_solution import grid_estimate, policy_iteration
from proofolio.models.control.grid_value import GridValue
from proofolio.models.control.grids import MEMORY_LIMIT, GridEstimate
from proofolio.models.control.quadratic_value import QuadraticValue
from proofolio.models.control.riccati import riccati
from proofolio.models.control.traded_problem import TradedProblem

__all__ = ["RegimeControl"]


class RegimeControl(TradedProblem):
    r"""Positions moved at a finite rate, under regimes that switch, at quadratic (and other) costs.

    .. math::
        d\theta = u\,dt, \qquad \max_u\ E \int_0^T e^{-\rho t} \bigl(\theta'\alpha_{z} - \tfrac{\gamma}{2}
        \theta'\Sigma_{z}\theta - \tfrac{\eta}{2} u'\Lambda u - l'|u|\bigr) dt + e^{-\rho T} V_T(\theta)

    Everything is a year: drifts, covariances, rates, the discount. Costs are fractions of what is traded.

    Parameters
    ----------
    chain : RegimeChain, or array_like, shape (m, m)
        The regimes, or their generator.
    alpha : array_like, shape (m, d)
        Expected excess return of each asset in each regime.
    Sigma : array_like, shape (m, d, d), or FactorCovariance
        Covariance of the returns in each regime.
    gamma : float
        Risk aversion.
    eta : float
        Size of the quadratic cost of trading fast.
    Lambda : array_like, shape (d, d) or (d,) for a diagonal, optional
        Its shape; the mean of Sigma over the regimes when left out.
    rho : float
        Discount.
    horizon : float, optional
        Years; infinite when left out.
    terminal : (A, b, c), optional
        The reward at the horizon, :math:`-\tfrac12\theta'A\theta + b'\theta + c`, one for all regimes or a stack.
    limits : float, (low, high) or PlanSet, optional
        Of the positions: one size for all, a box, or what a `PlanSet` allows in its first period.
    l1 : float or array_like, shape (d,)
        Cost of a unit traded, beside the quadratic one.
    fixed : float or array_like, shape (d,)
        Cost of any trade.
    factors : Factors, or mapping with B, Phi, mean and S, optional
        Forecasts that fade.
    drift : bool
        Whether positions also move with prices, :math:`d\theta = u\,dt + \theta\,dS/S`.
    units : {"guess", "year"}
        ``"year"`` keeps covariances that look daily.

    Raises
    ------
    BadData
        Where a number, shape, sign or unit is wrong.

    Examples
    --------
    >>> control = RegimeControl([[-0.2, 0.2], [0.2, -0.2]], [[0.08], [-0.04]], [[[0.04]], [[0.09]]])
    >>> value = control.riccati()
    >>> value.targets().round(3).ravel().tolist()
    [0.615, -0.133]
    >>> bool(value.rate([0.0], 0)[0] > 0)
    True
    """

    # What it was fitted to, where `fit` made it.
    calibration: Calibration | None = None

    @classmethod
    def fit(
        cls,
        prices: pd.DataFrame,
        regimes: int = 3,
        *,
        driving: str | Sequence[str] | None = None,
        costs: ArrayLike | None = None,
        risk_free: float = 0.0,
        prior_sharpe: float = PRIOR_SHARPE,
        periods_per_year: float | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Self:
        r"""Return a control problem whose numbers are read from prices.

        A hidden Markov model (`fit_regimes`) gives regimes, its transition matrix the generator, and its smoothed
        probabilities the moments of all assets in each regime. Means are shrunk to the common one, by as much as a
        prior asks for that lets them differ by `prior_sharpe` volatilities a year: as they are they say little.
        All of it knows the prices to the last row; to trade on a day, fit to the prices up to that day.

        Parameters
        ----------
        prices : DataFrame
            By date, a column an asset, without gaps.
        regimes : int
        driving : str or sequence of str, optional
            Assets whose returns tell the regimes; an equally weighted basket of all when left out.
        costs : float or array_like, shape (d,), optional
            Linear costs as fractions of what is traded. Lambda gets their shape, with the average of the variances as
            its size: at equal rates the quadratic costs of assets stand in the ratio of the linear ones. How large
            they are is eta's part. Lambda is the mean of Sigma when left out.
        risk_free : float
            A year; taken off all drifts.
        prior_sharpe : float
            0 gives every regime the common mean.
        periods_per_year : float, optional
            Read from the dates when left out.
        seed : int
        **options
            Of the constructor: gamma, eta, rho, horizon, limits, l1, ...

        Returns
        -------
        RegimeControl
            With `calibration`: what was fitted, and how well it is known.

        Warns
        -----
        DoubtfulEstimate
            Where a regime was left fewer than 10 times, or lasts less than a month.

        Raises
        ------
        BadData
            For prices with gaps, too few rows, or a regime that is never left.
        """
        found = calibrated(
            prices, regimes, driving=driving, costs=costs, risk_free=risk_free, prior_sharpe=prior_sharpe,
            periods_per_year=periods_per_year, seed=seed,
        )  # fmt: skip
        given = {"Lambda": found.Lambda, "units": "year", **options}
        control = cls(found.chain, found.alpha, found.Sigma, **given)
        control.calibration = found
        return control

    def riccati(self) -> QuadraticValue:
        """Return the value without limits, L1 and fixed costs, and its policy.

        It is exact where the problem has none of them, and above every policy's value where it has.

        Raises
        ------
        BadData
            For more than 1000 assets without a `FactorCovariance` whose own variances D are Lambda's diagonal.
        SolverFailure
            Where the equations have no solution that stays bounded.
        """
        return riccati(self)

    def policy_iteration(
        self,
        theta_grid: Any,
        tol: float = 1e-6,
        max_iter: int = 60,
        *,
        n_steps: int | None = None,
        lift: bool = True,
        memory_limit: float = MEMORY_LIMIT,
        report: Callable[[str], object] | None = None,
    ) -> GridValue:
        r"""Return the value with a box and linear costs on a grid of positions, by policy iteration.

        Differences are taken of what the value lacks to the exact one without limits and linear costs (`riccati`),
        against the wind of the trades: an order 1 scheme that cannot overshoot. Where the problem has neither limits
        nor linear costs nothing lacks, and the answer is exact.

        Parameters
        ----------
        theta_grid : array_like, or sequence of d of them
            One axis of positions for all assets, or one an asset, for 1 to 3 assets; cut at the limits. Without
            limits it must hold the positions worth having: beyond its ends the value is the one without costs, moved.
        tol : float
            Change at which a policy is taken for the best, relative to the size of what is solved for.
        max_iter : int
            Policies tried, at most.
        n_steps : int, optional
            Implicit steps of a finite horizon; 252 a year when left out.
        lift : bool
            ``False`` takes differences of the whole value: for comparison, several times less exact.
        memory_limit : float
            Bytes.
        report : callable, optional
            Called before it begins with a sentence that says what it will take, ``print`` say.

        Warns
        -----
        Imprecise
            Where `max_iter` policies were not enough.

        Raises
        ------
        BadData
            Where it would need more memory; the sentence says how much and how long (see `grid_estimate`).
        UnsupportedProgram
            For a matrix Lambda that is not diagonal, limits that are no box, fixed costs, factors and drift; the
            sentence names the method that takes them.
        """
        return policy_iteration(
            self,
            theta_grid,
            tol,
            max_iter,
            n_steps=n_steps,
            lift=lift,
            memory_limit=memory_limit,
            report=report,
        )

    def grid_estimate(self, theta_grid: Any, n_steps: int | None = None) -> GridEstimate:
        """Return the memory and time that `policy_iteration` would take, without doing it."""
        return grid_estimate(self, theta_grid, n_steps)
