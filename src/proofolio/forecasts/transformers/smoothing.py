"""Noise reduction by the median of the last few periods.

Noise reduction by the Kalman filter of a local level.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.transformers.transformer import LEARNT, Parameters, columns_as_fitted, table


@dataclass(frozen=True, eq=False)
class LocalLevel(Parameters):
    """Replaces each return by the level filtered out of it and the days before.

        r_t     = level_t + e_t          e ~ N(0, s^2)
        level_t = level_{t-1} + u_t      u ~ N(0, q s^2)

    The filter starts without an opinion, ``a_0 = r_0``, and goes on

        g_t = (g_{t-1} + q) / (g_{t-1} + q + 1),   g_0 = 1
        a_t = a_{t-1} + g_t (r_t - a_{t-1})

    For each series, `fit` finds the signal-to-noise ratio q of the greatest likelihood on the training
    window. Source: Durbin and Koopman (2012), "Time series analysis by state space methods", chapter 2.

    Parameters
    ----------
    ratios : (d,) array, optional
        q, a series each; learnt by `fit`.

    Raises
    ------
    BadData
        If a ratio is negative or infinite.
    """

    ratios: Floats | None = field(default=None, metadata=LEARNT)

    def __post_init__(self) -> None:
        """Check the ratios."""
        if self.ratios is not None and not (np.isfinite(self.ratios) & (np.asarray(self.ratios) >= 0)).all():
            raise BadData(f"the signal-to-noise ratios are {self.ratios}; give numbers of 0 or more.")

    def fit(self, rows: ArrayLike) -> Self:
        """Return a copy that has estimated q for each of (T, d) series.

        Raises
        ------
        BadData
            If there are fewer than 10 rows, a series is constant, or a number is missing.
        """
        values = table(rows)
        if len(values) < 10 or (np.ptp(values, axis=0) == 0).any():
            raise BadData(f"{len(values)} rows with a constant series or fewer than 10 rows; give more.")
        return replace(self, ratios=np.array([_likeliest_ratio(column.tolist()) for column in values.T]))

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) filtered levels."""
        values, ratios = columns_as_fitted(rows, self.ratios, "LocalLevel")
        columns = zip(values.T, ratios.tolist(), strict=True)
        return np.column_stack([_filter(column.tolist(), ratio)[0] for column, ratio in columns])


def _filter(series: list[float], ratio: float) -> tuple[list[float], list[float], list[float]]:
    """Return the levels, the surprises, and the variances of these in units of s^2."""
    level, gain = series[0], 1.0
    levels, surprises, variances = [level], [], []
    for value in series[1:]:
        variance = gain + ratio + 1
        gain = (gain + ratio) / variance
        surprise = value - level
        level += gain * surprise
        levels.append(level)
        surprises.append(surprise)
        variances.append(variance)
    return levels, surprises, variances


def _likeliest_ratio(series: list[float]) -> float:
    def loss(log_ratio: float) -> float:
        _, surprises, variances = _filter(series, float(np.exp(log_ratio)))
        scales = np.asarray(variances)
        # The best s^2 for this q is known in closed form.
        noise = (np.asarray(surprises) ** 2 / scales).mean()
        return float(np.log(noise) + np.log(scales).mean())

    # Several local maxima are possible, so a coarse grid comes first.
    grid = np.arange(-18.0, 8.0, 2.0)
    best = float(grid[np.argmin([loss(point) for point in grid.tolist()])])
    found = minimize_scalar(loss, bounds=(best - 2, best + 2), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


@dataclass(frozen=True)
class RunningMedian(Parameters):
    """Replaces each row by the median of the last `days` rows, its own among them.

    The window looks back only, so it lags by half its length; the first rows take the median of those
    there are. A single outlier changes nothing for more than one rank.

    Parameters
    ----------
    days : int
        Rows of the window.

    Raises
    ------
    BadData
        If `days` is below 1.
    """

    days: int = 5

    def __post_init__(self) -> None:
        """Check the length."""
        if self.days < 1:
            raise BadData(f"a RunningMedian of {self.days} periods; give 1 or more.")

    def fit(self, rows: ArrayLike) -> Self:
        """Return this transformer: nothing is learnt."""
        table(rows)
        return self

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) medians."""
        values = table(rows)
        result = np.empty_like(values)
        for t in range(min(self.days - 1, len(values))):
            result[t] = np.median(values[: t + 1], axis=0)
        if len(values) >= self.days:
            result[self.days - 1 :] = np.median(sliding_window_view(values, self.days, axis=0), axis=-1)
        return result
