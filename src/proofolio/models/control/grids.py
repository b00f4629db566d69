"""A grid of positions: its axes, neighbours, what a quadratic is on it, and what work on it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData, shown_value
from proofolio.models.arguments import finite
from proofolio.models.control.problem import ControlProblem

__all__ = ["Grid", "GridEstimate", "estimated"]


MEMORY_LIMIT = 4e9  # bytes; more is refused unless asked for
# Measured with `python -m benchmarks control`: seconds an unknown and policy iteration, and iterations.
SECONDS = 4e-6
ITERATIONS = 25
EXACT_SECONDS = 2e-9  # an unknown and pair of assets, where the value is quadratic
STEP_ITERATIONS = 2  # of one step of a finite horizon
RESTART = 30  # vectors that GMRES keeps


SAME = 1e-9  # of an axis: a node as near to a limit as this is the limit, or rounding would make two of it


class Grid:
    """A product of one axis an asset.

    Parameters
    ----------
    axes : sequence of ndarray
        Increasing positions.
    low, high : ndarray, shape (d,)
        Limits of the positions: an end of an axis that is there cannot be crossed.

    Attributes
    ----------
    shape : tuple of int
    N : int
        Nodes.
    """

    def __init__(self, axes: Sequence[Floats], low: Floats, high: Floats) -> None:
        self.axes = tuple(axes)
        self.shape = tuple(len(axis) for axis in self.axes)
        self.d = len(self.axes)
        self.N = int(np.prod(self.shape))
        self.walled_low = tuple(bool(axis[0] <= low[k]) for k, axis in enumerate(self.axes))
        self.walled_high = tuple(bool(axis[-1] >= high[k]) for k, axis in enumerate(self.axes))

    @classmethod
    def of(cls, problem: ControlProblem, theta_grid: Any) -> Grid:
        """Return the grid asked for, cut at the problem's limits.

        One axis serves all assets, or there is one an asset. Nodes beyond a limit are left out, and the limit
        becomes a node.
        """
        d = problem.d
        try:
            given = list(theta_grid)
        except TypeError:
            given = []
        if not given or isinstance(theta_grid, str):
            raise BadData(
                f"theta_grid is {shown_value(theta_grid)}; give increasing positions, or such an axis each asset"
            )
        one = all(np.ndim(part) == 0 for part in given)
        parts = [given] * d if one else given
        if len(parts) != d:
            raise BadData(
                f"theta_grid has {len(parts)} axes; it must be one axis for all, or {d}, one an asset"
            )
        axes = []
        for k, part in enumerate(parts):
            axis = finite(f"theta_grid[{k}]", part)
            if axis.ndim != 1 or len(axis) < 3 or np.any(np.diff(axis) <= 0):
                raise BadData(f"theta_grid[{k}] must be 3 or more increasing numbers")
            low, high = problem.low[k], problem.high[k]
            near = SAME * (axis[-1] - axis[0])
            for end, limit in ((axis[0], low), (axis[-1], high)):
                if np.isfinite(limit) and abs(end - limit) > near and low < end < high:
                    raise BadData(
                        f"theta_grid[{k}] ends at {end:g}, short of the limit {limit:g} of asset {k}, and positions "
                        "between them would have no value: let it reach the limit"
                    )
            inside = axis[(axis > low + near) & (axis < high - near)]
            ends = [[low] if axis[0] <= low + near else [], [high] if axis[-1] >= high - near else []]
            axis = np.concatenate([ends[0], inside, ends[1]])
            if len(axis) < 3:
                raise BadData(f"theta_grid[{k}] has fewer than 3 nodes within the limits of asset {k}")
            axes.append(axis)
        return cls(axes, problem.low, problem.high)

    def coordinate(self, k: int) -> Floats:
        """Return axis k, shaped so that it broadcasts over the grid."""
        shape = [1] * self.d
        shape[k] = -1
        return self.axes[k].reshape(shape)

    def spacing(self, k: int) -> tuple[Floats, Floats]:
        """Return the steps up and down along axis k, broadcasting; infinite at the ends."""
        steps = np.diff(self.axes[k])
        shape = [1] * self.d
        shape[k] = -1
        return np.append(steps, np.inf).reshape(shape), np.append(np.inf, steps).reshape(shape)

    def blocked(self, k: int) -> tuple[Mask, Mask]:
        """Return where no trade up, and none down, is allowed along axis k, broadcasting."""
        n = self.shape[k]
        up, down = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        up[-1], down[0] = self.walled_high[k], self.walled_low[k]
        shape = [1] * self.d
        shape[k] = -1
        return up.reshape(shape), down.reshape(shape)

    def quadratic(self, A: Floats, b: Floats, c: float) -> Floats:
        """Return -theta'A theta/2 + b'theta + c at the nodes."""
        found = np.full(self.shape, c)
        for k in range(self.d):
            x = self.coordinate(k)
            found += (b[k] - A[k, k] / 2.0 * x) * x
            for other in range(k):
                found -= A[k, other] * x * self.coordinate(other)
        return found

    def slope(self, A: Floats, b: Floats, k: int) -> Floats:
        """Return the derivative of that by position k at the nodes."""
        found = np.full(self.shape, b[k])
        for other in range(self.d):
            found -= A[k, other] * self.coordinate(other)
        return found


class GridEstimate(NamedTuple):
    """What work on a grid will take, before it begins.

    Attributes
    ----------
    unknowns : int
        Regimes times nodes.
    memory : float
        Bytes while it runs, results included.
    seconds : float
        Of one processor like that of the benchmark; a guess within a factor of about 3.
    slice_memory : float
        Bytes of V at one time.
    """

    unknowns: int
    memory: float
    seconds: float
    slice_memory: float

    def __str__(self) -> str:
        """Return it as one sentence."""
        return (
            f"{self.unknowns:,} unknowns: about {_bytes(self.memory)} of memory and {_time(self.seconds)}; "
            f"V at one time has {_bytes(self.slice_memory)}"
        )


def estimated(m: int, shape: Sequence[int], *, exact: bool, times: int = 1, steps: int = 0) -> GridEstimate:
    """Return the estimate for m regimes on a grid.

    Parameters
    ----------
    exact : bool
        Whether the value is the quadratic one, so that nothing is solved on the grid.
    times : int
        Times at which V is kept.
    steps : int
        Of a finite horizon, 0 for an infinite one.
    """
    d, n = len(shape), m * float(np.prod([float(size) for size in shape]))
    kept = 8.0 * n * times
    if exact:
        return GridEstimate(int(n), kept + 32.0 * n / m, EXACT_SECONDS * n * d * d * times, 8.0 * n)
    entries = 1.0 + d + (m - 1.0)
    work = n * (2 * 16.0 * entries + 20.0 * (d + 2.0) + 8.0 * (RESTART + 6.0 * d + 10.0))
    solves = ITERATIONS if not steps else STEP_ITERATIONS * steps
    return GridEstimate(int(n), work + kept, SECONDS * n * solves, 8.0 * n)


def _bytes(size: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


def _time(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.2g} hours"
    if seconds >= 90:
        return f"{seconds / 60:.2g} minutes"
    return f"{seconds:.2g} seconds"


def affordable(asked: GridEstimate, limit: float, advice: str) -> None:
    """Raise BadData where the memory needed is above the limit."""
    if asked.memory > limit:
        raise BadData(f"{asked}: the memory limit is {_bytes(limit)}; {advice}")


def tell(report: Callable[[str], object] | None, asked: GridEstimate) -> None:
    """Call `report` with the estimate, where there is one."""
    if report is None:
        return
    if not callable(report):
        raise BadData(f"report is {shown_value(report)}; give a function of a sentence, such as print")
    report(str(asked))


def read_limit(memory_limit: ArrayLike) -> float:
    """Return the limit in bytes."""
    given = finite("memory_limit", memory_limit)
    if given.shape or given <= 0:
        raise BadData(f"memory_limit is {memory_limit!r}; give bytes, a positive number")
    return float(given)
