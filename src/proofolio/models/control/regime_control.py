"""`RegimeControl`: a control problem with the methods that solve it."""

from __future__ import annotations

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
