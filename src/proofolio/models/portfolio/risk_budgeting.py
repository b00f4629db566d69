r"""Equal risk contributions (ERC), and risk budgets in general, of one covariance or of a stack of them.

The weights whose risk contributions :math:`c_i(w) = w_i (\Sigma w)_i / w'\Sigma w` are the budgets b are those of

.. math:: \min_{x > 0}\ \tfrac12 x'\Sigma x - \sum_i b_i \log x_i, \qquad w = x / \textstyle\sum_i x_i,

which is strictly convex, so that there is one answer and no start to choose (Maillard, Roncalli & Teiletche,
"The Properties of Equally Weighted Risk Contribution Portfolios", 2010; Spinu, "An Algorithm for Computing Risk
Parity Weights", 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.arguments import finite
from proofolio.models.portfolio.risk_budgeting_newton import budgeted_weights, risk_contributions

__all__ = [
    "EqualRisk",
    "budgeted_weights",
    "equal_risk",
    "read_budgets",
    "read_covariance",
    "risk_contributions",
]


SYMMETRIC = 1e-9


def equal_risk(
    covariance: ArrayLike, budgets: ArrayLike | None = None, start: ArrayLike | None = None
) -> Floats:
    r"""Return the weights whose risk contributions are the budgets.

    Parameters
    ----------
    covariance : array_like, shape (n, n) or (m, n, n)
        Symmetric positive semidefinite, without a riskless portfolio of positive weights.
    budgets : array_like, shape (n,) or (m, n), optional
        Positive; they are scaled to add up to 1. Equal when left out.
    start : array_like, shape (n,) or (m, n), optional
        Positive weights to begin at. They change the time it takes, not the answer.

    Returns
    -------
    ndarray, shape (n,) or (m, n)
        Positive, adding up to 1; every risk contribution is within 1e-12 of its budget.

    Raises
    ------
    BadData
        For arrays of other shapes, NaN, a zero variance, budgets that are not positive, and a covariance that
        is not positive semidefinite or has a riskless portfolio.
    SolverFailure
        When rounding keeps the contributions from coming within 1e-12 of the budgets.

    Notes
    -----
    Newton's method on standardised assets, with a line search. The error is recomputed from the covariance as
    given.

    Examples
    --------
    >>> equal_risk([[1.0, 0.0], [0.0, 4.0]]).round(6)
    array([0.666667, 0.333333])
    """
    sigma = read_covariance(covariance)
    b = read_budgets(budgets, sigma.shape[-1])
    first = None if start is None else _start(start, sigma.shape[:-1])
    if sigma.ndim == 2 and b.ndim != 1:
        raise BadData(f"budgets have shape {b.shape}; one covariance takes ({sigma.shape[-1]},)")
    if b.ndim == 2 and b.shape != sigma.shape[:-1]:
        raise BadData(
            f"budgets have shape {b.shape}; they must be {sigma.shape[:-1]}, or ({sigma.shape[-1]},)"
        )
    return budgeted_weights(sigma, np.broadcast_to(b, sigma.shape[:-1]), first)


def read_covariance(covariance: ArrayLike) -> Floats:
    """Return a covariance (n, n) or a stack of them, symmetric and with positive variances.

    Raises
    ------
    BadData
        Naming what is wrong.
    """
    sigma = finite("covariance", covariance)
    if sigma.ndim not in (2, 3) or sigma.shape[-1] != sigma.shape[-2] or not sigma.shape[-1]:
        raise BadData(f"covariance has shape {sigma.shape}; it must be (n, n), or (m, n, n) for m of them")
    if np.abs(sigma - sigma.swapaxes(-1, -2)).max(initial=0.0) > SYMMETRIC * np.abs(sigma).max(initial=0.0):
        raise BadData("covariance is not symmetric")
    variances = np.diagonal(sigma, axis1=-2, axis2=-1)
    if variances.size and not variances.min() > 0.0:
        asset = int(np.argwhere(~(variances > 0.0))[0][-1])
        raise BadData(f"asset {asset} has no variance, so no weight of it carries risk: leave it out")
    return sigma


def read_budgets(budgets: ArrayLike | None, n: int) -> Floats:
    """Return positive budgets (n,) or (m, n), each row scaled to add up to 1.

    Raises
    ------
    BadData
        Naming what is wrong.
    """
    if budgets is None:
        return np.full(n, 1.0 / n)
    b = finite("budgets", budgets)
    if b.ndim not in (1, 2) or b.shape[-1] != n:
        raise BadData(f"budgets have shape {b.shape}; they must be ({n},), or (m, {n}) for m covariances")
    if not np.all(b > 0.0):
        raise BadData(f"budgets hold {b.min():.6g}; every asset needs a positive one (leave out the others)")
    scaled: Floats = b / b.sum(axis=-1, keepdims=True)
    return scaled


def _start(start: ArrayLike, shape: tuple[int, ...]) -> Floats:
    x = finite("start", start)
    if x.ndim not in (1, len(shape)) or x.shape[-1] != shape[-1]:
        raise BadData(f"start has shape {x.shape}; it must be {shape}")
    if not np.all(x > 0.0):
        raise BadData(
            f"start holds {x.min():.6g}; a weight of zero never comes to life: begin at positive ones"
        )
    return np.broadcast_to(x, shape)


@dataclass(frozen=True, eq=False, init=False)
class EqualRisk:
    r"""The convex program of ERC and risk budgets, declared once: solve it, or take it to CVXPY or Pyomo.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
    budgets : array_like, shape (n,), optional

    Raises
    ------
    BadData
        As for `equal_risk`.

    Examples
    --------
    >>> program = EqualRisk([[1.0, 0.0], [0.0, 4.0]], [0.2, 0.8])
    >>> program.solve().round(6)
    array([0.5, 0.5])
    """

    covariance: Floats
    budgets: Floats

    def __init__(self, covariance: ArrayLike, budgets: ArrayLike | None = None) -> None:
        sigma = read_covariance(covariance)
        if sigma.ndim != 2:
            raise BadData(
                f"covariance has shape {sigma.shape}; EqualRisk declares one program: it must be (n, n)"
            )
        b = read_budgets(budgets, sigma.shape[0])
        if b.ndim != 1:
            raise BadData(f"budgets have shape {b.shape}; they must be ({sigma.shape[0]},)")
        object.__setattr__(self, "covariance", sigma)
        object.__setattr__(self, "budgets", b)

    def solve(self) -> Floats:
        """Return the weights, shape (n,)."""
        return equal_risk(self.covariance, self.budgets)

    def to_cvxpy(self) -> Any:
        r"""Return the CVXPY problem in ``x`` (n,) > 0, whose weights are ``x / sum(x)``.

        Its Parameters are ``root`` (n, n), any F with :math:`FF' = \Sigma`, and ``budgets`` (n,): with them
        the problem is DPP, so a new covariance does not compile it again.
        """
        import cvxpy  # heavy: opened only when used

        cp: Any = cvxpy  # its annotations cover a part of what it exports
        n = self.budgets.size
        x = cp.Variable(n, name="x")
        root, budgets = cp.Parameter((n, n), name="root"), cp.Parameter(n, name="budgets", nonneg=True)
        values, vectors = np.linalg.eigh(self.covariance)
        root.value, budgets.value = vectors * np.sqrt(np.maximum(values, 0.0)), self.budgets
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ x) - budgets @ cp.log(x)))

    def to_pyomo(self) -> Any:
        """Return the Pyomo model in ``x[i]`` > 0, for a nonlinear solver; weights are ``x[i] / sum(x)``."""
        import pyomo.environ as pyo  # heavy: opened only when used

        n = self.budgets.size
        scale = np.sqrt(self.covariance.diagonal())
        model = pyo.ConcreteModel()
        assets = pyo.RangeSet(0, n - 1)
        model.covariance = pyo.Param(
            assets, assets, mutable=True, initialize=lambda _, i, j: float(self.covariance[i, j])
        )
        model.budgets = pyo.Param(assets, mutable=True, initialize=lambda _, i: float(self.budgets[i]))
        model.x = pyo.Var(
            assets, bounds=(1e-12, None), initialize=lambda _, i: float(np.sqrt(self.budgets[i]) / scale[i])
        )
        model.cost = pyo.Objective(
            expr=0.5
            * sum(model.covariance[i, j] * model.x[i] * model.x[j] for i in range(n) for j in range(n))
            - sum(model.budgets[i] * pyo.log(model.x[i]) for i in range(n))
        )
        return model

    def to_program(self) -> Any:
        """Refuse: a Program has no logarithm.

        Raises
        ------
        UnsupportedProgram
            Always.
        """
        raise UnsupportedProgram(
            "a Program cannot express the logarithm of risk budgeting: use to_cvxpy(), to_pyomo() or solve()"
        )
