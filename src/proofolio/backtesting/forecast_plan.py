"""Which forecasts a backtest is to make: the options of both forecasters in one declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proofolio.backtesting.forecast_book import ForecastBook, Progress, record_forecasts
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategy import Needs
from proofolio.backtesting.tasks import Workshop, digest
from proofolio.errors import BadData
from proofolio.forecasts.covariance import Covariance
from proofolio.forecasts.forecast import Forecaster
from proofolio.forecasts.hidden_markov import scale_of
from proofolio.forecasts.historical import Historical
from proofolio.forecasts.rolling_regimes import RollingRegimes

__all__ = ["ForecastPlan"]


@dataclass(frozen=True)
class ForecastPlan:
    """Options of the forecasts with regimes (`RollingRegimes`) and without (`Historical`).

    Parameters
    ----------
    driving : tuple of int
        Columns the hidden Markov model is fitted to.
    window : int
        Days looked back on, by both.
    K : int
        Regimes.
    refit : int
        Days between fits of the hidden Markov model.
    weighting : {"labels", "soft"}
    hysteresis : float
        Probability a new regime needs before it is believed, and the forecast then starts in the regime believed;
        0 starts from the filtered probabilities as they are.
    covariance : {"sample", "ewma", "ledoit-wolf"}
    half_life : float
        Days, for ``"ewma"``.
    seed : int
        Of the random starts.
    """

    driving: tuple[int, ...]
    window: int = 2000
    K: int = 2
    refit: int = 1
    weighting: Literal["labels", "soft"] = "labels"
    hysteresis: float = 0.0
    covariance: Covariance = "sample"
    half_life: float = 63.0
    seed: int = 0

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
            When one never moves in the last `window` days known, or two move as one.
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
        workshop: Workshop,
        progress: Progress | None = None,
    ) -> ForecastBook:
        """Return the forecasts for days ``start`` to ``stop - 1``, from the workshop's folder if they are there."""
        key = digest("forecasts", self, needs, horizon, start, market.returns[:stop])
        found = workshop.found(key, ForecastBook)
        if found is None:
            self.require_regimes(market.until(start), needs)
            forecaster = self.forecaster(needs, horizon)
            found = record_forecasts(market.returns, forecaster, start, stop, progress)
            workshop.keep(key, found)
        return found
