r"""The mean-variance step as a CVXPY problem whose numbers are Parameters, in the form DPP asks for.

Risk enters through factors, :math:`w'\Sigma w = \|F'w\|^2` with :math:`\Sigma = FF'`, since a Parameter must appear
affinely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.models.portfolio.step import Rules
from proofolio.models.portfolio.stepper import step_data

__all__ = ["MpcProblem", "mpc_problem"]


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
    """

    problem: Any
    W: Any
    mean: Any
    factors: Any
    w0: Any

    def assign(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> None:
        """Give the Parameters the numbers of a day; arguments as for `MpcStepper.solve`."""
        n, H = self.W.shape
        mu, sigma, held = step_data(H, n, mean, covariance, w0)
        self.mean.value, self.w0.value = mu.T, held
        for parameter, factor in zip(self.factors, _factors(sigma), strict=True):
            parameter.value = factor

    @property
    def weights(self) -> Floats:
        """The plan found last, shape (H, n)."""
        found: Floats = np.asarray(self.W.value).T
        return found


def mpc_problem(rules: Rules, gamma: float, cardinality: int | None = None) -> MpcProblem:
    """Build the problem; see `MeanVariance.to_cvxpy`."""
    import cvxpy  # the doors are heavy: opened only when used

    cp: Any = cvxpy
    H, n = rules.lower.shape
    W = cp.Variable((n, H), name="W")
    mean, w0 = cp.Parameter((n, H), name="mean"), cp.Parameter(n, name="w0")
    factors = [cp.Parameter((n, n), name=f"factor_{t}") for t in range(H)]
    utility: Any = 0
    rows = [W >= rules.lower.T, W <= rules.upper.T, cp.sum(W, axis=0) == 1]
    for t in range(H):
        w, before = W[:, t], w0 if t == 0 else W[:, t - 1]
        size = cp.abs(w - before)
        utility += mean[:, t] @ w - gamma * cp.sum_squares(factors[t].T @ w) - rules.cost @ size
        if rules.turnover_limit is not None and np.isfinite(rules.turnover_limit[t]):
            rows.append(rules.counted.astype(float) @ size <= rules.turnover_limit[t])
    if rules.groups is not None:
        held = rules.groups @ W
        low, high = np.isfinite(rules.group_lower), np.isfinite(rules.group_upper)
        if low.any():
            rows.append(held[low] >= np.tile(rules.group_lower[low, None], (1, H)))
        if high.any():
            rows.append(held[high] <= np.tile(rules.group_upper[high, None], (1, H)))
    if cardinality is not None:
        chosen = cp.Variable((n, H), name="held", boolean=True)
        rows += [W <= cp.multiply(rules.upper.T, chosen), W >= cp.multiply(rules.lower.T, chosen)]
        rows.append(cp.sum(chosen, axis=0) <= cardinality)
    return MpcProblem(cp.Problem(cp.Maximize(utility), rows), W, mean, factors, w0)


def _factors(sigma: Floats) -> Floats:
    """Return F with FF' = Sigma, also of a singular one."""
    try:
        return np.asarray(np.linalg.cholesky(sigma), dtype=float)
    except np.linalg.LinAlgError:
        value, vector = np.linalg.eigh(sigma)
        return np.asarray(vector * np.sqrt(np.maximum(value, 0.0))[:, None, :], dtype=float)
