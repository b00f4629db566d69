"""`RegimeControl`: a control problem with the methods that solve it."""

from __future__ import annotations

from typing import Any

from proofolio.models.control.grid_solution import grid_estimate, policy_iteration
from proofolio.models.control.grid_value import GridValue
from proofolio.models.control.grids import MEMORY_LIMIT, GridEstimate
from proofolio.models.control.problem import ControlProblem
from proofolio.models.control.quadratic_value import QuadraticValue
from proofolio.models.control.riccati import riccati

__all__ = ["RegimeControl"]


class RegimeControl(ControlProblem):
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
    [0.607, -0.102]
    >>> bool(value.rate([0.0], 0)[0] > 0)
    True
    """

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
            ``False`` takes differences of the whole value: for comparison, ten times less exact.
        memory_limit : float
            Bytes.

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
            self, theta_grid, tol, max_iter, n_steps=n_steps, lift=lift, memory_limit=memory_limit
        )

    def grid_estimate(self, theta_grid: Any, n_steps: int | None = None) -> GridEstimate:
        """Return the memory and time that `policy_iteration` would take, without doing it."""
        return grid_estimate(self, theta_grid, n_steps)
