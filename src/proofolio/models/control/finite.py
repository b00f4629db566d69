"""The quadratic value of a finite horizon: the Riccati equations integrated back from the end.

By power series for a few assets, by a Runge-Kutta method for many. A horizon of a year is not stiff; a much longer one
ends where the stationary solution is reached, and goes on with it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.models.control.equations import Equations
from proofolio.models.control.power_series import PowerSeries
from proofolio.models.control.runge_kutta import RungeKutta
from proofolio.models.control.stationary import stationary

__all__ = ["Trajectory"]


# Rows of Q up to which power series are the faster (`python -m benchmarks step_sizes`): their sums grow with the cube.
FEW = 16
REACHED = 3e-11  # of the largest entry: so near the stationary solution is there
EVERY = 2  # steps between looks for it, once the method has taken so many as make it likely


class Trajectory:
    """Q(s) for the time to the end s from 0 to T.

    Parameters
    ----------
    equations : Equations
    start : ndarray, shape (m, n, n)
        At the end, s = 0.
    T : float
        Years.
    """

    def __init__(self, equations: Equations, start: Floats, T: float) -> None:
        self._equations, self._shape, self.T = equations, start.shape, T
        method = PowerSeries if start.shape[-1] <= FEW else RungeKutta
        self._march: PowerSeries | RungeKutta = method(equations, start, T)
        self._reached: float | None = None
        self._limit: Floats | None = None
        self.steps = 0
        self._integrate()

    def _integrate(self) -> None:
        march = self._march
        while march.s < self.T:
            march.step()
            self.steps += 1
            if march.failed:
                raise SolverFailure(
                    f"the value grows without bound {march.s:.3g} years before the end: the terminal reward asks "
                    "for ever larger positions"
                )
            if self.steps >= march.PATIENCE and self.steps % EVERY == 0 and self._there(march.Q):
                self._reached = march.s
                break

    def _there(self, Q: Floats) -> bool:
        """Return whether all but the constant is the stationary solution to rounding."""
        if self._limit is None:
            try:
                self._limit = stationary(self._equations)[0]
            except (SolverFailure, np.linalg.LinAlgError):
                self._limit = np.full(self._shape, np.nan)
        left = np.abs(Q - self._limit)
        left[:, -1, -1] = 0.0
        size = np.abs(self._limit)
        size[:, -1, -1] = 0.0
        d = self._equations.d
        blocks = ((slice(0, d), slice(0, d)), (slice(None), slice(d, None)))
        return all(
            bool(left[:, rows, columns].max() <= REACHED * size[:, rows, columns].max())
            for rows, columns in blocks
        )

    def at(self, s: float) -> tuple[Floats, Floats]:
        """Return Q and its change a year of s, both (m, n, n), from what lies between two steps."""
        if self._reached is not None and s >= self._reached:
            return self._beyond(s)
        return self._march.at(s)

    @property
    def first(self) -> Floats:
        """Q at the start, s = T."""
        if self._reached is not None and self._reached < self.T:
            return self._beyond(self.T)[0]
        return self._march.Q

    def _beyond(self, s: float) -> tuple[Floats, Floats]:
        """Return Q where only the constants still move."""
        assert self._limit is not None
        assert self._reached is not None
        e, m = self._equations, self._equations.m
        found = self._limit.copy()
        source = e.constant_source(found)
        step = np.zeros((m + 1, m + 1))
        step[:m, :m], step[:m, m] = e.coupling, source
        moved = expm(step * (s - self._reached)) @ np.append(self._march.Q[:, -1, -1], 1.0)
        found[:, -1, -1] = moved[:m]
        slope = np.zeros_like(found)
        slope[:, -1, -1] = e.coupling @ moved[:m] + source
        return found, slope
