"""The quadratic value of a finite horizon: the Riccati equations integrated back from the end.

Dormand and Prince's method of order 8, with the polynomial of order 7 between its steps. A horizon of a year is not
stiff; a much longer one ends where the stationary solution is reached, and goes on with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import DOP853
from scipy.linalg import expm

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.models.control.equations import Equations
from proofolio.models.control.stationary import stationary

__all__ = ["Trajectory"]


RELATIVE = 3e-11  # of an entry, a step: values come out to about 1e-9
ABSOLUTE = 1e-12  # of the largest entry of what drives them
REACHED = 3e-11  # of the largest entry: so near the stationary solution is there
PATIENCE = 48  # steps before it is looked for
FINER = 4  # times finer steps under the polynomial, whose derivative is less exact than its value
KEPT = 2**28  # bytes of stored steps; beyond, every second one is dropped


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
        scale = max(float(np.abs(equations.R).max()), float(np.abs(start).max()), 1e-300)
        self._tolerances: dict[str, Any] = {"rtol": RELATIVE, "atol": ABSOLUTE * scale}
        self._times: list[float] = [0.0]
        self._points: list[Floats] = [start.ravel().copy()]
        self._steps: list[float | None] = [None]  # that begin there
        self._reached: float | None = None
        self._limit: Floats | None = None
        self.evaluations = 0
        self._integrate()

    def _right(self, _s: float, y: Floats) -> Floats:
        return self._equations.change(y.reshape(self._shape)).ravel()

    def _integrate(self) -> None:
        solver: Any = DOP853(self._right, 0.0, self._points[0], self.T, **self._tolerances)
        self._steps[0] = float(solver.h_abs)
        count, stride = 0, 1
        while solver.status == "running":
            before = solver.t
            solver.step()
            count += 1
            if solver.status == "failed" or not np.all(np.isfinite(solver.y)):
                raise SolverFailure(
                    f"the value grows without bound {before:.3g} years before the end: the terminal reward asks "
                    "for ever larger positions"
                )
            if count % stride == 0 or solver.status == "finished":
                self._times.append(float(solver.t))
                self._points.append(solver.y.copy())
                self._steps.append(float(solver.h_abs))
                if len(self._points) * solver.y.nbytes > KEPT and len(self._points) > 4:
                    last = len(self._points) - 1
                    keep = [i for i in range(last + 1) if i % 2 == 0 or i == last]
                    self._times = [self._times[i] for i in keep]
                    self._points = [self._points[i] for i in keep]
                    self._steps = [self._steps[i] for i in keep]
                    stride *= 2
            if count >= PATIENCE and count % 8 == 0 and self._there(solver.y):
                if self._times[-1] != solver.t:
                    self._times.append(float(solver.t))
                    self._points.append(solver.y.copy())
                    self._steps.append(float(solver.h_abs))
                self._reached = float(solver.t)
                break
        self.evaluations = solver.nfev

    def _there(self, y: Floats) -> bool:
        """Return whether all but the constant is the stationary solution to rounding."""
        if self._limit is None:
            try:
                self._limit = stationary(self._equations)[0]
            except (SolverFailure, np.linalg.LinAlgError):
                self._limit = np.full(self._shape, np.nan)
        left = np.abs(y.reshape(self._shape) - self._limit)
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
        """Return Q and its change a year of s, both (m, n, n), from the polynomial between two steps."""
        if self._reached is not None and s >= self._reached:
            return self._beyond(s)
        i = int(np.clip(np.searchsorted(self._times, s, side="right") - 1, 0, len(self._times) - 2))
        solver: Any = DOP853(
            self._right, self._times[i], self._points[i], self._times[i + 1],
            first_step=self._first(i) / FINER, max_step=self._first(i) / FINER, **self._tolerances,
        )  # fmt: skip
        while True:
            solver.step()
            if solver.status == "failed":
                raise SolverFailure("a step that was taken before could not be repeated")
            if solver.t >= s or solver.status == "finished":
                break
        value, slope = _with_slope(solver.dense_output(), s)
        return value.reshape(self._shape), slope.reshape(self._shape)

    @property
    def first(self) -> Floats:
        """Q at the start, s = T."""
        if self._reached is not None and self._reached < self.T:
            return self._beyond(self.T)[0]
        return self._points[-1].reshape(self._shape)

    def _first(self, i: int) -> float:
        step, whole = self._steps[i], self._times[i + 1] - self._times[i]
        return whole if step is None else min(step, whole)

    def _beyond(self, s: float) -> tuple[Floats, Floats]:
        """Return Q where only the constants still move."""
        assert self._limit is not None
        assert self._reached is not None
        e, m = self._equations, self._equations.m
        found = self._limit.copy()
        source = e.constant_source(found)
        step = np.zeros((m + 1, m + 1))
        step[:m, :m], step[:m, m] = e.coupling, source
        corner = self._points[-1].reshape(self._shape)[:, -1, -1]
        moved = expm(step * (s - self._reached)) @ np.append(corner, 1.0)
        found[:, -1, -1] = moved[:m]
        slope = np.zeros_like(found)
        slope[:, -1, -1] = e.coupling @ moved[:m] + source
        return found, slope


def _with_slope(polynomial: Any, s: float) -> tuple[Floats, Floats]:
    """Return value and derivative of the interpolating polynomial of one step, by Horner's rule."""
    h, old, start = polynomial.h, polynomial.t_old, polynomial.y_old
    x = (s - old) / h
    value, slope = np.zeros_like(start), np.zeros_like(start)
    for i, term in enumerate(reversed(polynomial.F)):
        value = value + term
        if i % 2 == 0:
            value, slope = value * x, slope * x + value
        else:
            value, slope = value * (1 - x), slope * (1 - x) - value
    return start + value, slope / h
