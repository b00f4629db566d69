"""The forecasts of a backtest: their options, and a book of them made once a period and read by every strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats, Mask
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategy import Needs
from proofolio.backtesting.tasks import Progress, TaskRunner, digest
from proofolio.errors import BadData
from proofolio.forecasts.calendars import DAILY, Calendar
from proofolio.forecasts.covariance import Covariance
from proofolio.forecasts.forecast import Forecast, Forecaster
from proofolio.forecasts.hidden_markov import scale_of
from proofolio.forecasts.historical import Historical
from proofolio.forecasts.rolling_regimes import RollingRegimes

__all__ = ["ForecastBook", "ForecastPlan", "record_forecasts", "usual_window"]


PREFERRED = ("VTI", "TLT")  # the regime assets where both are in the table: stocks and long bonds
# Looked back on, eight years, in which a market has had both regimes: 2000 trading days, 413 weeks, 95 months.
WINDOW_YEARS = 2000 / 252


def usual_window(calendar: Calendar) -> int:
    """Return how many periods the forecasts look back on when nothing is said."""
    return calendar.periods(WINDOW_YEARS)


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
            f"the forecasts need {forecaster.window} periods before the first one and there are {start}; use a "
            "shorter window or start later."
        )
    if not start < stop <= len(returns):
        raise BadData(
            f"{len(returns)} periods leave nothing to trade on after the first {start}; give a longer history or use "
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


@dataclass(frozen=True)
class ForecastPlan:
    """Options of the forecasts with regimes (`RollingRegimes`) and without (`Historical`).

    Parameters
    ----------
    driving : tuple of int
        Columns the hidden Markov model is fitted to.
    window : int
        Periods looked back on, by both.
    K : int
        Regimes.
    refit : int
        Periods between fits of the hidden Markov model.
    weighting : {"labels", "soft"}
    hysteresis : float
        Probability a new regime needs before it is believed, and the forecast then starts in the regime believed;
        0 starts from the filtered probabilities as they are.
    covariance : {"sample", "ewma", "ledoit-wolf"}
    half_life : float
        Periods, for ``"ewma"``.
    seed : int
        Of the random starts.
    """

    driving: tuple[int, ...]
    window: int = usual_window(DAILY)
    K: int = 2
    refit: int = 1
    weighting: Literal["labels", "soft"] = "labels"
    hysteresis: float = 0.0
    covariance: Covariance = "sample"
    half_life: float = 63.0
    seed: int = 0

    @classmethod
    def for_market(
        cls, market: Market, regime_assets: Sequence[str] | None = None, **options: Any
    ) -> ForecastPlan:
        """Return a plan whose regime assets are named, with a window of eight years, and at most half of the periods.

        Parameters
        ----------
        market : Market
        regime_assets : sequence of str, optional
            VTI and TLT where there are both, else the first two assets, when left out.
        **options
            Of `ForecastPlan`.

        Raises
        ------
        BadData
            When a regime asset is not in the market.
        """
        if regime_assets is None:
            named = all(name in market.names for name in PREFERRED)
            regime_assets = PREFERRED if named else market.names[:2]
        driving = tuple(market.column(name) for name in regime_assets)
        return cls(
            driving, **({"window": min(usual_window(market.calendar), len(market.dates) // 2)} | options)
        )

    def forecaster(self, needs: Needs, horizon: int) -> Forecaster:
        """Return the forecaster of what a strategy needs."""
        if needs == "regimes":
            return RollingRegimes(
                self.driving,
                K=self.K,
                window=self.window,
                H=horizon,
                refit=self.refit,
                weighting=self.weighting,
                hysteresis=self.hysteresis,
                start_from="regime" if self.hysteresis > 0 else "probabilities",
                covariance=self.covariance,
                half_life=self.half_life,
                seed=self.seed,
            )
        if needs == "history":
            return Historical(self.window, horizon, covariance=self.covariance, half_life=self.half_life)
        raise BadData(f"there is no forecaster of {needs!r}; strategies need regimes, history or nothing.")

    def require_regimes(self, known: Market, needs: Needs) -> None:
        """Refuse regime assets whose first window tells regimes from nothing, by their names and its dates.

        Raises
        ------
        BadData
            When one never moves in the last `window` periods known, or two move as one.
        """
        if needs != "regimes" or len(known.dates) < self.window or len(set(self.driving)) < len(self.driving):
            return  # the forecaster's own messages say it all
        dates, names = known.dates[-self.window :], tuple(known.names[i] for i in self.driving)
        try:
            scale_of(known.returns[-self.window :][:, self.driving], names)
        except BadData as error:
            raise BadData(
                f"other regime assets are needed: from {dates[0]} to {dates[-1]}, {error}"
            ) from None

    def book(
        self,
        market: Market,
        needs: Needs,
        horizon: int,
        start: int,
        stop: int,
        runner: TaskRunner,
        progress: Progress | None = None,
    ) -> ForecastBook:
        """Return the forecasts for days ``start`` to ``stop - 1``, from the runner's folder if they are there."""
        key = digest("forecasts", self, needs, horizon, start, market.returns[:stop])
        found = runner.found(key, ForecastBook)
        if found is None:
            self.require_regimes(market.until(start), needs)
            forecaster = self.forecaster(needs, horizon)
            found = record_forecasts(market.returns, forecaster, start, stop, progress)
            runner.keep(key, found)
        return found
