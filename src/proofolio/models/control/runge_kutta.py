"""Steps of the Riccati equations by Dormand and Prince's method of order 8, for many assets."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import DOP853

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.models.control.equations import Equations

__all__ = ["RungeKutta"]


RELATIVE = 3e-11  # of an entry, a step: values come out to about 1e-9
ABSOLUTE = 1e-12  # of the largest entry of what drives them
FINER = 4  # times finer steps under the polynomial, whose derivative is less exact than its value
KEPT = 2**28  # bytes of stored steps; beyond, every second one is dropped


class RungeKutta:
    """Q(s) for s from 0 to T, a step at a time, with the polynomial of order 7 between the steps.

    Parameters and attributes are those of `PowerSeries`.
    """

    PATIENCE = 48  # steps after which it may have settled: a year at a usual speed takes 28

    def __init__(self, equations: Equations, start: Floats, T: float) -> None:
        self._equations, self._shape = equations, start.shape
        scale = max(float(np.abs(equations.R).max()), float(np.abs(start).max()), 1e-300)
        self._tolerances: dict[str, Any] = {"rtol": RELATIVE, "atol": ABSOLUTE * scale}
        self._solver: Any = DOP853(self._right, 0.0, start.ravel().copy(), T, **self._tolerances)
        self._times: list[float] = [0.0]
        self._points: list[Floats] = [start.ravel().copy()]
        self._steps: list[float] = [float(self._solver.h_abs)]  # that begin there
        self._count, self._stride = 0, 1
        self.s, self.Q, self.failed = 0.0, start.copy(), False

    def _right(self, _s: float, y: Floats) -> Floats:
        return self._equations.change(y.reshape(self._shape)).ravel()

    def step(self) -> None:
        """Go on by one step, or say that there is none."""
        solver = self._solver
        solver.step()
        self._count += 1
        if solver.status == "failed" or not np.all(np.isfinite(solver.y)):
            self.failed = True
            return
        self.s, self.Q = float(solver.t), solver.y.reshape(self._shape)
        if self._count % self._stride == 0:
            self._keep()

    def _keep(self) -> None:
        """Store where it stands."""
        self._times.append(self.s)
        self._points.append(self.Q.ravel().copy())
        self._steps.append(float(self._solver.h_abs))
        last = len(self._points) - 1
        if last > 3 and (last + 1) * self.Q.nbytes > KEPT:
            kept = [i for i in range(last + 1) if i % 2 == 0 or i == last]
            self._times = [self._times[i] for i in kept]
            self._points = [self._points[i] for i in kept]
            self._steps = [self._steps[i] for i in kept]
            self._stride *= 2

    def at(self, s: float) -> tuple[Floats, Floats]:
        """Return Q and its change a unit of s, for an s that was passed: from the polynomial between two steps."""
        if self._times[-1] < self.s:
            self._keep()
        i = int(np.clip(np.searchsorted(self._times, s, side="right") - 1, 0, len(self._times) - 2))
        first = min(self._steps[i], self._times[i + 1] - self._times[i]) / FINER
        solver: Any = DOP853(
            self._right, self._times[i], self._points[i], self._times[i + 1], first_step=first, max_step=first,
            **self._tolerances,
        )  # fmt: skip
        while True:
            solver.step()
            if solver.status == "failed":
                raise SolverFailure("a step that was taken before could not be repeated")
            if solver.t >= s or solver.status == "finished":
                break
        value, slope = _with_slope(solver.dense_output(), s)
        return value.reshape(self._shape), slope.reshape(self._shape)


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
