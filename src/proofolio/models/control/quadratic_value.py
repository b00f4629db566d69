r"""A quadratic value of every regime, and the rate of trading that it asks for."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.models.control.problem import ControlProblem

__all__ = ["Coefficients", "QuadraticValue", "Source"]


class Coefficients(Protocol):
    """Where A, b, c and, with factors, C, H, h come from at one time."""

    b: Floats
    c: Floats
    C: Floats | None
    H: Floats | None
    h: Floats | None

    def matrices(self) -> Floats:
        """Return A, (m, d, d)."""

    def times(self, theta: Floats, z: Integers) -> Floats:
        """Return A_z theta, for theta (..., d)."""


class Source(Protocol):
    """A solved problem: coefficients at each time."""

    def at(self, t: float) -> Coefficients:
        """Return the coefficients at time t."""

    def change(self, t: float) -> Coefficients | None:
        """Return their change a year of t, None where nothing changes."""

    def residual(self) -> float:
        """Return how far the equations are from holding, relative to their largest term."""


class QuadraticValue:
    r"""The exact value without limits, :math:`V = -\tfrac12\theta'A_z\theta + b_z'\theta + c_z`, at one time.

    With factors it gains :math:`\theta'C_z x + \tfrac12 x'H_z x + h_z'x`. Made by `RegimeControl.riccati`.

    Attributes
    ----------
    A : ndarray, shape (m, d, d)
        Positive semidefinite.
    b : ndarray, shape (m, d)
    c : ndarray, shape (m,)
        NaN for an infinite horizon without discount; see `ergodic_rate`.
    C, H, h : ndarray, shapes (m, d, k), (m, k, k), (m, k), or None
        With factors.
    time : float
        Years from the start, 0 for the value that `riccati` returns.
    """

    def __init__(self, problem: ControlProblem, source: Source, time: float = 0.0) -> None:
        self._problem, self._source, self.time = problem, source, time
        self._now = source.at(time)
        self.b, self.c = self._now.b, self._now.c
        self.C, self.H, self.h = self._now.C, self._now.H, self._now.h

    @cached_property
    def A(self) -> Floats:  # noqa: N802  named as in the mathematics
        """Curvature of each regime, (m, d, d)."""
        return self._now.matrices()

    def value(self, theta: ArrayLike, z: ArrayLike, x: ArrayLike | None = None) -> Floats:
        """Return V at positions (..., d) in regimes (...), with factors (..., k)."""
        return np.asarray(self._evaluate(self._now, *self._point(theta, z, x)))

    def slope(self, theta: ArrayLike, z: ArrayLike, x: ArrayLike | None = None) -> Floats:
        """Return how fast V changes with time t at a fixed position, a year; 0 for an infinite horizon.

        From the polynomial that was stored between the steps of the integration, not from the equations.
        """
        position, regime, factor = self._point(theta, z, x)
        change = self._source.change(self.time)
        if change is None:
            return np.zeros(position.shape[:-1])
        return np.asarray(self._evaluate(change, position, regime, factor))

    def gradient(self, theta: ArrayLike, z: ArrayLike, x: ArrayLike | None = None) -> Floats:
        """Return the derivative of V by the positions, (..., d)."""
        position, regime, factor = self._point(theta, z, x)
        found = self.b[regime] - self._now.times(position, regime)
        if factor is not None:
            assert self.C is not None
            found = found + np.einsum("...dk,...k->...d", self.C[regime], factor)
        return np.asarray(found)

    def rate(self, theta: ArrayLike, z: ArrayLike, x: ArrayLike | None = None) -> Floats:
        r"""Return the best rate of trading, :math:`u = \Lambda^{-1}\nabla V/\eta`, (..., d), a year.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Positions.
        z : int or array_like of int, shape (...)
            Regimes, from 0.
        x : array_like, shape (..., k), optional
            Factors, where the problem has some.
        """
        p = self._problem
        slope = self.gradient(theta, z, x)
        if p.Lambda_diagonal is not None:
            return np.asarray(slope / (p.eta * p.Lambda_diagonal))
        solved = cho_solve(self._factor, slope.reshape(-1, p.d).T, check_finite=False).T
        return np.asarray(solved.reshape(slope.shape) / p.eta)

    @cached_property
    def _factor(self) -> tuple[Floats, bool]:
        found, lower = cho_factor(self._problem.Lambda, lower=True)
        return np.asarray(found), bool(lower)

    def targets(self, x: ArrayLike | None = None) -> Floats:
        """Return the positions at which each regime would not trade, (m, d), at factors x (k,), 0 if left out.

        Raises
        ------
        BadData
            Where a position without risk has none.
        """
        b = self.b
        if x is not None:
            if self.C is None:
                raise BadData("the problem has no factors, so x says nothing: leave it out")
            b = b + self.C @ np.asarray(x, dtype=float)
        try:
            return np.asarray(np.linalg.solve(self.A, b[..., None])[..., 0])
        except np.linalg.LinAlgError:
            raise BadData(
                "some position carries no risk in a regime, so it has no target: see Sigma"
            ) from None

    def speed(self) -> Floats:
        r"""Return how fast positions approach the targets, (m, d), a year: the eigenvalues of
        :math:`\Lambda^{-1}A_z/\eta`, slowest first.
        """  # noqa: D205
        p = self._problem
        if p.Lambda_diagonal is not None:
            root = np.sqrt(p.Lambda_diagonal)
            return np.asarray(np.linalg.eigvalsh(self.A / np.outer(root, root)) / p.eta)
        inverse = np.linalg.inv(np.linalg.cholesky(p.Lambda))
        return np.asarray(np.linalg.eigvalsh(inverse @ self.A @ inverse.T) / p.eta)

    @property
    def ergodic_rate(self) -> float:
        r"""Reward a year in the long run without discount, :math:`\sum_i \pi_i b_i'\Lambda^{-1}b_i/(2\eta)`.

        Raises
        ------
        BadData
            With a discount, a finite horizon, or factors.
        """
        p = self._problem
        if p.rho != 0 or p.horizon is not None or p.factors is not None:
            raise BadData("ergodic_rate is for rho=0, an infinite horizon and no factors; elsewhere read c")
        each = (self.b * np.linalg.solve(p.Lambda, self.b.T).T).sum(axis=1) / (2.0 * p.eta)
        return float(p.chain.stationary @ each)

    @cached_property
    def residual(self) -> float:
        """The largest miss of the Riccati equations, relative to their largest term."""
        return self._source.residual()

    def at(self, t: float) -> QuadraticValue:
        """Return the value t years from the start; the same one at all times for an infinite horizon.

        Raises
        ------
        BadData
            Before the start or after the end.
        """
        if self._problem.horizon is None:
            return self
        if not 0.0 <= t <= self._problem.horizon:
            raise BadData(f"t is {t}; it must lie between 0 and the horizon, {self._problem.horizon:g} years")
        return QuadraticValue(self._problem, self._source, float(t))

    def _point(self, theta: ArrayLike, z: ArrayLike, x: ArrayLike | None) -> tuple[Any, Integers, Any]:
        position = np.asarray(theta)
        d, m = self._problem.d, self._problem.m
        if position.dtype.kind not in "iufc" or not position.ndim or position.shape[-1] != d:
            raise BadData(f"theta has shape {position.shape}; it must be (..., {d})")
        regime = np.asarray(z)
        if regime.dtype.kind not in "iu" or (regime.size and (regime.min() < 0 or regime.max() >= m)):
            raise BadData(f"z must be regimes from 0 to {m - 1}")
        if (x is None) != (self.C is None):
            raise BadData("x must be given where the problem has factors, and only there")
        shape = np.broadcast_shapes(position.shape[:-1], regime.shape)
        factor = None if x is None else np.asarray(x)
        return np.broadcast_to(position, (*shape, d)), np.broadcast_to(regime, shape).astype(np.intp), factor

    def _evaluate(self, q: Coefficients, theta: Any, z: Integers, x: Any) -> Any:
        found = ((q.b[z] - q.times(theta, z) / 2.0) * theta).sum(axis=-1) + q.c[z]
        if x is not None:
            assert q.C is not None
            assert q.H is not None
            assert q.h is not None
            found = found + np.einsum("...d,...dk,...k->...", theta, q.C[z], x)
            found = found + np.einsum("...k,...kl,...l->...", x, q.H[z], x) / 2.0
            found = found + (q.h[z] * x).sum(axis=-1)
        return found
