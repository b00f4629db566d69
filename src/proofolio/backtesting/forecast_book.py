"""Forecasts made once, day by day, and read by every strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData
from proofolio.forecasts.forecast import Forecast, Forecaster

__all__ = ["ForecastBook", "record_forecasts"]


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class ForecastBook:
    """The forecasts made after the closes of rows ``first, first + 1, ...``, stacked; the arrays are read-only.

    Parameters
    ----------
    first : int
        Row of the last return that the first forecast knows.
    mean : (D, H, n) array
    covariance : (D, H, n, n) array
    probabilities : (D, H + 1, K) array or None
        Row 0 of each is filtered, of the same day.
    regime : (D,) integers or None
    means : (D, K, n) array or None
    covariances : (D, K, n, n) array or None
    collapsed : (D,) booleans or None
        Where a regime had collapsed, see `Forecast`.
    """

    first: int
    mean: Floats
    covariance: Floats
    probabilities: Floats | None = None
    regime: NDArray[np.int64] | None = None
    means: Floats | None = None
    covariances: Floats | None = None
    collapsed: Mask | None = None

    def __post_init__(self) -> None:
        for array in (getattr(self, f.name) for f in fields(self)):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def horizon(self) -> int:
        """H, the periods ahead that are forecast."""
        return int(self.mean.shape[1])

    def at(self, day: int, horizon: int) -> Forecast:
        """Return the forecast made after the close of row `day`, of the first `horizon` periods.

        Raises
        ------
        BadData
            When there is none for this day, or it looks less far ahead.
        """
        k = day - self.first
        if not 0 <= k < len(self):
            raise BadData(
                f"there are forecasts for rows {self.first} to {self.first + len(self) - 1}, not {day}."
            )
        if horizon > self.horizon:
            raise BadData(f"the forecasts look {self.horizon} periods ahead, and {horizon} are asked for.")
        return Forecast(
            mean=self.mean[k, :horizon],
            covariance=self.covariance[k, :horizon],
            probabilities=None if self.probabilities is None else self.probabilities[k, : horizon + 1],
            regime=None if self.regime is None else int(self.regime[k]),
            means=None if self.means is None else self.means[k],
            covariances=None if self.covariances is None else self.covariances[k],
            collapsed=self.collapsed is not None and bool(self.collapsed[k]),
        )


def record_forecasts(
    returns: Floats,
    forecaster: Forecaster,
    start: int,
    stop: int | None = None,
    progress: Progress | None = None,
) -> ForecastBook:
    """Return the forecasts made after the closes of rows ``start - 1`` to ``stop - 2``.

    The forecaster is fitted to the rows before `start` and then handed one row at a time: it cannot look ahead,
    whatever it does.

    Parameters
    ----------
    returns : (T, n) array
    forecaster : Forecaster
    start : int
        Row of the first return earned on a forecast; at least ``forecaster.window``.
    stop : int, optional
        Row after the last return earned; T by default.
    progress : function of (what, done, total), optional

    Raises
    ------
    BadData
        When there are too few rows before `start`, or none after it.
    """
    stop = len(returns) if stop is None else stop
    if start < forecaster.window:
        raise BadData(
            f"the forecasts need {forecaster.window} days before the first one and there are {start}; use a "
            "shorter window or start later."
        )
    if not start < stop <= len(returns):
        raise BadData(
            f"{len(returns)} days leave nothing to trade on after the first {start}; give a longer history or use "
            "a shorter window."
        )
    # On matrices this small several BLAS threads wait for one another, many times slower than one; and the
    # last digits would depend on how many there are.
    with threadpool_limits(1):
        fitted = forecaster.fit(returns[:start].copy())
        made = [fitted.predict()]
        for day in range(start, stop - 1):
            made.append(fitted.predict_online(returns[day].copy()))
            if progress is not None:
                progress("forecasts", len(made), stop - start)
    return ForecastBook(
        first=start - 1,
        mean=np.stack([f.mean for f in made]),
        covariance=np.stack([f.covariance for f in made]),
        probabilities=_stacked([f.probabilities for f in made]),
        regime=None if made[0].regime is None else np.array([f.regime for f in made], dtype=np.int64),
        means=_stacked([f.means for f in made]),
        covariances=_stacked([f.covariances for f in made]),
        collapsed=np.array([f.collapsed for f in made], dtype=np.bool_),
    )


def _stacked(arrays: list[Floats | None]) -> Floats | None:
    given = [a for a in arrays if a is not None]
    return np.stack(given) if len(given) == len(arrays) else None
