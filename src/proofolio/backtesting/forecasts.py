"""The forecasts of a backtest: their options, and a book of them made once a period and read by every strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats, Mask
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Needs
from proofolio.backtesting.tasks import TaskRunner, digest
from proofolio.errors import BadData, did_you_mean, shown_value
from proofolio.forecasts.calendars import DAILY, Calendar
from proofolio.forecasts.covariance import Covariance
from proofolio.forecasts.forecast import Forecast, Forecaster
from proofolio.forecasts.hidden_markov import scale_of
from proofolio.forecasts.historical import Historical
from proofolio.forecasts.rolling_regimes import RollingRegimes
from proofolio.forecasts.transformers.transformer import Transformer
from proofolio.progress import Progress

__all__ = ["ForecastBook", "ForecastPlan", "record_forecasts", "spread_over", "usual_window"]


PREFERRED = ("VTI", "TLT")  # the regime assets where both are in the table: stocks and long bonds
# Looked back on, eight years, in which a market has had both regimes: 2000 trading days, 413 weeks, 95 months.
WINDOW_YEARS = 2000 / 252


def usual_window(calendar: Calendar) -> int:
    """Return how many periods the forecasts look back on when nothing is said."""
    return calendar.periods(WINDOW_YEARS)


@dataclass(frozen=True, eq=False)
class ForecastBook:
    """The forecasts made after the closes of rows ``first, first + 1, ...``, stacked; the arrays are read-only.

    An asset outside the universe of a close has NaN there.

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
    transition : (D, K, K) array or None
    """

    first: int
    mean: Floats
    covariance: Floats
    probabilities: Floats | None = None
    regime: NDArray[np.int64] | None = None
    means: Floats | None = None
    covariances: Floats | None = None
    collapsed: Mask | None = None
    transition: Floats | None = None

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

    def members(self, day: int) -> Mask:
        """Return which assets are forecast after the close of row `day`."""
        found: Mask = np.isfinite(self.mean[self._number(day), 0])
        return found

    def _number(self, day: int) -> int:
        k = day - self.first
        if not 0 <= k < len(self):
            raise BadData(
                f"there are forecasts for rows {self.first} to {self.first + len(self) - 1}, not {day}."
            )
        return k

    def at(self, day: int, horizon: int, members: Mask | None = None) -> Forecast:
        """Return the forecast made after the close of row `day`, of the first `horizon` periods.

        Parameters
        ----------
        day, horizon : int
        members : (n,) booleans, optional
            The assets wanted; all by default.

        Raises
        ------
        BadData
            When there is none for this day, or it looks less far ahead.
        """
        k = self._number(day)
        if horizon > self.horizon:
            raise BadData(f"the forecasts look {self.horizon} periods ahead, and {horizon} are asked for.")
        mean, covariance = self.mean[k, :horizon], self.covariance[k, :horizon]
        means = None if self.means is None else self.means[k]
        covariances = None if self.covariances is None else self.covariances[k]
        if members is not None and not members.all():
            mean, covariance = mean[:, members], _among(covariance, members)
            means = None if means is None else means[:, members]
            covariances = None if covariances is None else _among(covariances, members)
        return Forecast(
            mean=mean,
            covariance=covariance,
            probabilities=None if self.probabilities is None else self.probabilities[k, : horizon + 1],
            regime=None if self.regime is None else int(self.regime[k]),
            means=means,
            covariances=covariances,
            collapsed=self.collapsed is not None and bool(self.collapsed[k]),
            transition=None if self.transition is None else self.transition[k],
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
        transition=_stacked([f.transition for f in made]),
    )


def _among(covariance: Floats, members: Mask) -> Floats:
    """Return the covariances (..., n, n) among some of the assets."""
    return np.ascontiguousarray(covariance[..., members, :][..., members])


_Spread = TypeVar("_Spread", Forecast, ForecastBook)


def spread_over(known: _Spread, members: Mask) -> _Spread:
    """Return the forecasts of some assets at their places among all n of them, NaN elsewhere."""
    n, places = len(members), np.flatnonzero(members)

    def wide(array: Floats) -> Floats:
        found = np.full((*array.shape[:-1], n), np.nan)
        found[..., places] = array
        return found

    def square(array: Floats) -> Floats:
        found = np.full((*array.shape[:-2], n, n), np.nan)
        found[..., places[:, None], places] = array
        return found

    return replace(
        known,
        mean=wide(known.mean),
        covariance=square(known.covariance),
        means=None if known.means is None else wide(known.means),
        covariances=None if known.covariances is None else square(known.covariances),
    )


def _joined(books: Sequence[ForecastBook]) -> ForecastBook:
    """Return the forecasts of one span after another as one book."""

    def one(name: str) -> Any:
        parts = [getattr(book, name) for book in books]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    names = [f.name for f in fields(ForecastBook) if f.name != "first"]
    return ForecastBook(books[0].first, **{name: one(name) for name in names})


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
    evidence : tuple of K floats, optional
        Weights of the evidence for each regime: with (1, 2) leaving the calm one needs less of it.
    features : Transformer, optional
        What is made of the driving series before regimes are read from them, see
        `proofolio.forecasts.transformers`.
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
    evidence: tuple[float, ...] | None = None
    features: Transformer | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that are none; the forecasters check the rest."""
        for name in ("window", "K", "refit"):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1:
                raise BadData(f"{name} is {shown_value(given)}; give a whole number, 1 or more.")

    @classmethod
    def for_market(
        cls,
        market: Market,
        regime_assets: Sequence[str] | None = None,
        more_options: Sequence[str] = (),
        **options: Any,
    ) -> ForecastPlan:
        """Return a plan whose regime assets are named, with a window of eight years, and at most half of the periods.

        Parameters
        ----------
        market : Market
        regime_assets : sequence of str, optional
            VTI and TLT where there are both, else the first two assets, when left out.
        more_options : sequence of str
            What else the caller takes by name: a misspelt one may be meant for these.
        **options
            Of `ForecastPlan`.

        Raises
        ------
        BadData
            When a regime asset is not in the market, or an option does not exist.
        """
        if regime_assets is None:
            named = all(name in market.names for name in PREFERRED)
            regime_assets = PREFERRED if named else market.names[:2]
        if isinstance(regime_assets, str):
            raise BadData(f"regime_assets is {regime_assets!r}; give a list of names, [{regime_assets!r}].")
        given: Any = regime_assets  # whatever a user gave
        listed = list(given) if isinstance(given, Iterable) else [given]
        if isinstance(given, Mapping) or not all(isinstance(name, str) for name in listed):
            raise BadData(f"regime_assets is {shown_value(regime_assets)}; give a list of names of assets.")
        driving = tuple(market.column(name) for name in listed)
        known = [f.name for f in fields(cls) if f.name != "driving"]
        for name in options:
            if name not in known:
                close = did_you_mean(name, (*known, *more_options, "regime_assets"))
                raise BadData(
                    f"there is no option {name!r}{close}; those of the forecasts are regime_assets, {', '.join(known)}."
                )
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
                evidence=self.evidence,
                features=self.features,
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
        """Return the forecasts for rows ``start`` to ``stop - 1``, from the runner's folder if they are there."""
        key = digest("forecasts", self, needs, horizon, start, market.returns[:stop])
        found = runner.found(key, ForecastBook)
        if found is None:
            found = self._recorded(market, needs, horizon, start, stop, progress)
            runner.keep(key, found)
        return found

    def _recorded(
        self, market: Market, needs: Needs, horizon: int, start: int, stop: int, progress: Progress | None
    ) -> ForecastBook:
        """Return the forecasts, made anew from the window wherever an asset enters the universe or leaves it."""
        if market.complete or not self.window <= start < stop:
            self.require_regimes(market.until(start), needs)
            return record_forecasts(market.returns, self.forecaster(needs, horizon), start, stop, progress)
        universes = [market.universe(row, self.window) for row in range(start - 1, stop - 1)]
        changes = [k for k in range(len(universes)) if k == 0 or (universes[k] != universes[k - 1]).any()]
        books = []
        for first, last in zip(changes, [*changes[1:], len(universes)], strict=True):
            members, begin, end = universes[first], start + first, start + last
            plan, some, skipped = self.among(market, members, begin, needs)
            plan.require_regimes(some.until(begin - skipped), needs)
            book = record_forecasts(
                some.returns, plan.forecaster(needs, horizon), begin - skipped, end - skipped, progress
            )
            books.append(replace(spread_over(book, members), first=begin - 1))
        return _joined(books)

    def among(
        self, market: Market, members: Mask, start: int, needs: Needs
    ) -> tuple[ForecastPlan, Market, int]:
        """Return the plan and the market of the universe at the close of row ``start - 1``, and how many rows are cut.

        Those are the rows before the youngest asset's first return.

        Raises
        ------
        BadData
            When no asset is in the universe, or a regime asset is not.
        """
        date = market.dates[start - 1]
        if not members.any():
            raise BadData(
                f"at the close of {date} no asset has a price and {self.window} returns before it; use a shorter "
                "window or another span."
            )
        if needs == "regimes":
            for column in self.driving:
                if not members[column]:
                    raise BadData(
                        f"the regime asset {market.names[column]} has no {self.window} returns up to {date}, and "
                        "regimes are read from it; name other regime assets, a shorter window or another span."
                    )
        places = np.cumsum(members) - 1
        driving = tuple(int(places[column]) for column in self.driving if members[column])
        some = market.of(members)
        skipped = start - len(some.history(start))
        return replace(self, driving=driving), some.since(skipped), skipped
