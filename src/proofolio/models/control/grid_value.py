"""A value on a grid of positions, its policy, and where it does not trade."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData
from proofolio.models.arguments import finite, whole
from proofolio.models.control.grids import Grid, GridEstimate
from proofolio.models.control.problem import ControlProblem

__all__ = ["GridValue", "LazyRates", "NoTradeRegion"]


class NoTradeRegion(NamedTuple):
    """Positions from which no asset is traded.

    Attributes
    ----------
    mask : ndarray of bool, shape (N...)
        Of the grid's nodes.
    low, high : ndarray, shape (d,)
        The least and largest position of each asset in it. With one asset they are interpolated between nodes,
        so that they are given for a region narrower than a step too; with more they are those of nodes, NaN where
        no node is inside.
    """

    mask: Mask
    low: Floats
    high: Floats


class GridValue:
    """The value of a problem with a box or linear costs, at one time; made by `RegimeControl.policy_iteration`.

    Attributes
    ----------
    axes : tuple of ndarray
        The grid: what was asked for, cut at the limits.
    V : ndarray, shape (m, N...)
        At the nodes.
    U : ndarray, shape (m, d, N...)
        Rates of trading at the nodes, a year.
    iterations : int
        Policies tried, of all time steps together.
    history : list of float
        Largest change of each, relative to the size of what is solved for (for a finite horizon, of the last step).
    converged : bool
        Whether the last change was within the tolerance, in every step.
    estimate : GridEstimate
        What was expected before it began.
    """

    def __init__(
        self,
        problem: ControlProblem,
        grid: Grid,
        V: Callable[[], Floats],
        U: Callable[[], Floats],
        history: list[float],
        iterations: int,
        converged: bool,
        estimate: GridEstimate,
    ) -> None:
        self._problem, self._grid, self._V, self._U = problem, grid, V, U
        self.axes = grid.axes
        self.history, self.iterations, self.converged = history, iterations, converged
        self.estimate = estimate

    @cached_property
    def V(self) -> Floats:  # noqa: N802  named as in the mathematics
        """Value at the nodes, (m, N...)."""
        return self._V()

    @cached_property
    def U(self) -> Floats:  # noqa: N802  named as in the mathematics
        """Rates at the nodes, (m, d, N...)."""
        return self._U()

    @cached_property
    def _rates(self) -> list[RegularGridInterpolator]:
        return [RegularGridInterpolator(self.axes, np.moveaxis(u, 0, -1)) for u in self.U]

    @cached_property
    def _values(self) -> list[RegularGridInterpolator]:
        return [RegularGridInterpolator(self.axes, v) for v in self.V]

    def rate(self, theta: ArrayLike, z: ArrayLike) -> Floats:
        """Return the rate of trading at positions (..., d) in regimes (...), (..., d), a year.

        Linear between the nodes; a position outside of the grid has the rate of the nearest one on it.
        """
        return self._interpolated(self._rates, theta, z, (self._grid.d,))

    def value(self, theta: ArrayLike, z: ArrayLike) -> Floats:
        """Return V at positions (..., d) in regimes (...), linear between the nodes.

        Raises
        ------
        BadData
            For a position outside of the grid.
        """
        position = finite("theta", theta)
        for k, axis in enumerate(self.axes):
            part = position[..., k] if position.ndim and position.shape[-1] == len(self.axes) else axis
            if part.size and (part.min() < axis[0] or part.max() > axis[-1]):
                raise BadData(
                    f"theta leaves the grid: asset {k} has values from {axis[0]:g} to {axis[-1]:g} only"
                )
        return self._interpolated(self._values, theta, z, ())

    def _interpolated(
        self, found: list[RegularGridInterpolator], theta: ArrayLike, z: ArrayLike, tail: tuple[int, ...]
    ) -> Floats:
        position, regime = finite("theta", theta), np.asarray(z)
        d, m = self._grid.d, len(found)
        if not position.ndim or position.shape[-1] != d:
            raise BadData(f"theta has shape {position.shape}; it must be (..., {d})")
        if regime.dtype.kind not in "iu" or (regime.size and (regime.min() < 0 or regime.max() >= m)):
            raise BadData(f"z must be regimes from 0 to {m - 1}")
        shape = np.broadcast_shapes(position.shape[:-1], regime.shape)
        low, high = (np.array([axis[end] for axis in self.axes]) for end in (0, -1))
        points = np.clip(np.broadcast_to(position, (*shape, d)), low, high).reshape(-1, d)
        regimes = np.broadcast_to(regime, shape).ravel()
        out = np.empty((len(points), *tail))
        for i in range(m):
            here = regimes == i
            if here.any():
                out[here] = found[i](points[here])
        return out.reshape((*shape, *tail))

    def no_trade_region(self, z: int) -> NoTradeRegion:
        """Return the positions from which nothing is traded in regime z."""
        m = self._problem.m
        if whole("z", z, 0) >= m:
            raise BadData(f"z is {z}; regimes are numbered 0 to {m - 1}")
        mask = np.asarray(~self.U[z].any(axis=0))
        d = self._grid.d
        low, high = np.full(d, np.nan), np.full(d, np.nan)
        if d == 1:
            low[0], high[0] = self._ends(self.U[z, 0])
        elif mask.any():
            for k in range(d):
                inside = np.flatnonzero(mask.any(axis=tuple(axis for axis in range(d) if axis != k)))
                low[k], high[k] = self.axes[k][inside[0]], self.axes[k][inside[-1]]
        return NoTradeRegion(mask, low, high)

    def _ends(self, u: Floats) -> tuple[float, float]:
        """Return where buying and where selling stops, continued from the last two nodes that trade."""
        x = self.axes[0]
        buying, selling = np.flatnonzero(u > 0), np.flatnonzero(u < 0)
        low = x[0] if not buying.size else _zero(x, u, int(buying[-1]), -1)
        high = x[-1] if not selling.size else _zero(x, u, int(selling[0]), 1)
        return float(low), float(high)

    def __repr__(self) -> str:
        """Return the size and how it ended."""
        size = " x ".join(str(n) for n in self._grid.shape)
        ended = "converged" if self.converged else "not converged"
        return f"GridValue({self._problem.m} regimes, {size} nodes, {self.iterations} iterations, {ended})"


def _zero(x: Floats, u: Floats, last: int, outward: int) -> float:
    """Return where the line through the last trading node and the one outward of it meets 0, one step on at most."""
    before, after = last + outward, last - outward
    if not 0 <= before < len(x) or u[before] == u[last]:
        return float(x[last])
    found = x[last] - u[last] * (x[last] - x[before]) / (u[last] - u[before])
    limit = x[after] if 0 <= after < len(x) else x[last]
    return float(np.clip(found, min(x[last], limit), max(x[last], limit)))


class LazyRates:
    """Rates of trading at every stored time, each made when it is asked for: ``U[k]`` is (m, d, N...).

    All of them as one array would be d times as large as V at all times.

    Attributes
    ----------
    shape : tuple of int
        Of the array that is never made, (times, m, d, N...).
    """

    def __init__(self, make: Callable[[int], Floats], shape: tuple[int, ...]) -> None:
        self._make, self.shape = make, shape

    def __len__(self) -> int:
        """Return the number of times."""
        return self.shape[0]

    def __getitem__(self, k: int) -> Floats:
        """Return the rates at stored time k."""
        count = self.shape[0]
        if not -count <= k < count:
            raise IndexError(f"time {k} of {count}")
        return self._make(k % count)

    def __repr__(self) -> str:
        """Return the shape."""
        return f"LazyRates(shape={self.shape})"
