"""`HJBSolver`: the class of the published page, on the methods of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.arguments import whole
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.grid_solution import Keep, grid_estimate, values_in_time
from proofolio.models.control.grid_value import LazyRates
from proofolio.models.control.grids import MEMORY_LIMIT, GridEstimate
from proofolio.models.control.problem import FactorCovariance
from proofolio.models.control.regime_control import RegimeControl

__all__ = ["HJBSolver"]


class HJBSolver:
    r"""The Hamilton-Jacobi-Bellman equation of a finite horizon on a grid of positions, in time steps.

    The names are those of the published skeleton ("Adaptive portfolio construction & execution"); `RegimeControl` is
    the same problem with all methods.

    Parameters
    ----------
    mu : array_like, shape (m, d)
        Expected excess returns by regime, a year.
    sigma : array_like, shape (m, d, d)
        **Covariances** by regime, a year (the page writes :math:`\Sigma_z` for them).
    chain : RegimeChain, or array_like, shape (m, m)
    gamma, eta : float
    exec_cost_matrix : array_like, shape (d, d) or (d,), optional
        Lambda; the mean covariance when left out.
    horizon : float
        Years.
    n_steps : int
        Steps of time, implicit: no step is too long to be stable, and the error is of the order of one.
    rho : float
    limits, l1
        As in `RegimeControl`.

    Examples
    --------
    >>> import numpy as np
    >>> solver = HJBSolver([[0.05], [-0.05]], [[[0.04]], [[0.09]]], [[-0.2, 0.2], [0.2, -0.2]], horizon=1.0, n_steps=4)
    >>> V, U = solver.policy_iteration(np.linspace(-1, 1, 5))
    >>> V.shape, U.shape
    ((5, 2, 5), (5, 2, 1, 5))
    """

    def __init__(
        self,
        mu: ArrayLike,
        sigma: ArrayLike | FactorCovariance,
        chain: RegimeChain | ArrayLike,
        gamma: float = 3.0,
        eta: float = 0.1,
        exec_cost_matrix: ArrayLike | None = None,
        horizon: float = 1.0,
        n_steps: int = 252,
        *,
        rho: float = 0.02,
        limits: Any = None,
        l1: ArrayLike = 0.0,
    ) -> None:
        if not isinstance(sigma, FactorCovariance):
            given = np.asarray(sigma)
            if given.ndim == 3 and not np.allclose(given, given.swapaxes(1, 2), rtol=1e-8, atol=0.0):
                raise BadData(
                    "sigma is not symmetric: give covariances, s @ s.T for a matrix s of volatilities"
                )
        self.control = RegimeControl(
            chain, mu, sigma, gamma, eta, exec_cost_matrix, rho, horizon, limits=limits, l1=l1
        )
        self.n_steps = whole("n_steps", n_steps, 1)

    def __repr__(self) -> str:
        return f"HJBSolver({self.control.d} assets, {self.control.m} regimes, {self.n_steps} steps)"

    def estimate(self, theta_grid: Any, *, keep: Keep = "all") -> GridEstimate:
        """Return what `policy_iteration` would take, without doing it."""
        return grid_estimate(self.control, theta_grid, self.n_steps, keep=keep)

    def policy_iteration(
        self,
        theta_grid: Any,
        tol: float = 1e-6,
        max_iter: int = 60,
        *,
        keep: Keep = "all",
        memory_limit: float = MEMORY_LIMIT,
        report: Callable[[str], object] | None = None,
    ) -> tuple[Floats, LazyRates]:
        """Return V (n_steps + 1, m, N...) from the start to the horizon, and the rates of trading U at these times.

        U is not an array: ``U[k]``, (m, d, N...), is made from V when it is asked for.

        Parameters
        ----------
        theta_grid : array_like, or sequence of d of them
            One axis of positions for all assets, or one an asset.
        tol : float
            Largest change of a step's value at which its policy is taken for the best, relative.
        max_iter : int
            Policies a step.
        keep : {"all", "first"}
            ``"first"`` keeps the start alone: V is (1, m, N...).
        memory_limit : float
            Bytes.
        report : callable, optional
            Called before it begins with a sentence that says what it will take, ``print`` say.

        Raises
        ------
        BadData
            Where it would need more memory; the sentence says how much, how long, and what fits.
        UnsupportedProgram
            For limits or linear costs with a matrix that is not diagonal; the sentence names what takes them.
        """
        return values_in_time(
            self.control, theta_grid, tol, max_iter, self.n_steps, keep, memory_limit, report
        )
