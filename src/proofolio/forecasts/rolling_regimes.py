"""Forecasts from a hidden Markov model refitted every day to the last 2,000 days, say."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.forecasts.covariance import Covariance, estimate
from proofolio.forecasts.forecast import Forecast, Options
from proofolio.forecasts.moments import forecast_probabilities, mixed_moments
from proofolio.forecasts.regime_fit import OrderBy, RegimeFit
from proofolio.forecasts.rolling_fit import RollingFit, RollingWindow
from proofolio.forecasts.transformers.probabilities import AsymmetricWeights, Hysteresis
from proofolio.forecasts.transformers.transformer import Transformer

Weighting = Literal["labels", "soft"]
StartFrom = Literal["probabilities", "regime"]


class RollingRegimes(Options):
    """Regimes read from a few driving series; forecasts for all assets.

    At the end of day t a Gaussian hidden Markov model of K regimes is fitted to the last `window` days of
    the driving series, from yesterday's parameters. With ``q_t`` the *filtered* probabilities, P the
    transition matrix, and mean and covariance of all assets in each regime over the same window,

        q_{t+j}     = q_t P^j
        mu_{t+j}    = sum_k q_k mu_k
        Sigma_{t+j} = sum_k q_k Sigma_k + sum_k q_k (mu_k - mu)(mu_k - mu)'       j = 1..H

    Regimes are numbered by a stated rule on the first driving series, so a label keeps its meaning.
    Nothing after day t is used: the smoothed probabilities that label the days of the window, too, are
    those given the returns up to t.

    Parameters
    ----------
    driving : sequence of int
        Columns of the returns that the regimes are read from: US equities and Treasuries, say.
    K : int
        Regimes.
    window : int
        Days of each fit.
    H : int
        Days ahead.
    refit : int
        Days from one refit to the next; in between, probabilities and moments are brought up to date
        with the last parameters.
    weighting : {"labels", "soft"}
        A day of the window belongs to its likeliest regime (smoothed probability of 0.5 or more for two
        regimes), or to each by its smoothed probability.
    order_by : {"volatility", "mean"}
        The rule: calmest first, or highest mean first.
    hysteresis : float
        Least probability at which a change of the regime believed is believed, see `Hysteresis`.
    evidence : sequence of K floats, optional
        Weights of the evidence for each regime, see `AsymmetricWeights`: they change the filtered
        probabilities before anything else is done with them.
    start_from : {"probabilities", "regime"}
        What ``q_t`` is: the filtered probabilities, or 1 for the regime believed in.
    covariance : {"sample", "ewma", "ledoit-wolf"}
        Estimator in each regime, see `proofolio.forecasts.covariance`. ``"ewma"`` lets the moments of a
        regime drift, by forgetting its older days.
    half_life : float
        Days, for ``"ewma"``.
    features : Transformer, optional
        What the model is fitted to is ``features.transform`` of the driving series; fitted once, to the
        training window. By default the returns themselves.
    seed, restarts, tolerance : int, int, float
        Of cold fits, see `fit_regimes`. Warm ones stop at the same tolerance.
    cold_every : int
        Every so many refits a cold start is tried too, see `RollingFit`; a warm fit more than 0.1 nats
        short is given up. A collapsed or broken one is repaired by all cold starts at once.

    Raises
    ------
    BadData
        If an option is out of range.

    Notes
    -----
    A regime whose effective number of days (Kish) is below ``n + 1``, the least for a covariance of n
    assets, borrows that many average days of the window, as in `regime_moments`.
    """

    __repr__ = brief

    def __init__(
        self,
        driving: Sequence[int] = (0,),
        K: int = 2,
        window: int = 2000,
        H: int = 5,
        *,
        refit: int = 1,
        weighting: Weighting = "labels",
        order_by: OrderBy = "volatility",
        hysteresis: float = 0.0,
        evidence: Sequence[float] | None = None,
        start_from: StartFrom = "probabilities",
        covariance: Covariance = "sample",
        half_life: float = 63.0,
        features: Transformer | None = None,
        seed: int = 0,
        restarts: int = 5,
        tolerance: float = 1e-4,
        cold_every: int = 8,
    ) -> None:
        """Check the options."""
        if min(K, window, H, refit, restarts, cold_every) < 1 or not tolerance > 0 or not half_life > 0:
            raise BadData(
                f"K={K}, window={window}, H={H}, refit={refit}, restarts={restarts}, cold_every={cold_every}, "
                f"tolerance={tolerance} and half_life={half_life} must all be positive."
            )
        for name, value, choices in (
            ("weighting", weighting, get_args(Weighting)),
            ("order_by", order_by, get_args(OrderBy)),
            ("start_from", start_from, get_args(StartFrom)),
            ("covariance", covariance, get_args(Covariance)),
        ):
            if value not in choices:
                raise BadData(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}.")
        if len(driving) == 0 or len(set(driving)) < len(driving) or min(driving) < 0:
            raise BadData(f"driving is {tuple(driving)}; give different column numbers, from 0.")
        if evidence is not None and len(evidence) != K:
            raise BadData(f"evidence has {len(evidence)} weights for {K} regimes; give one a regime.")
        # a tuple stays the object that was given: scikit-learn's clone compares by identity
        self.driving = driving if isinstance(driving, tuple) else tuple(int(column) for column in driving)
        self.K = K
        self.window = window
        self.H = H
        self.refit = refit
        self.weighting: Weighting = weighting
        self.order_by: OrderBy = order_by
        self.hysteresis = hysteresis
        self.evidence = None if evidence is None else tuple(evidence)
        self._hysteresis = Hysteresis(hysteresis)
        self._evidence = None if self.evidence is None else AsymmetricWeights(self.evidence)
        self.start_from: StartFrom = start_from
        self.covariance: Covariance = covariance
        self.half_life = half_life
        self.features = features
        self.seed = seed
        self.restarts = restarts
        self.tolerance = tolerance
        self.cold_every = cold_every
        self._seen: RollingWindow | None = None
        self._rolling: RollingFit | None = None
        self._regime: int | None = None
        self._first = 0

    def fit(self, returns: ArrayLike) -> Self:
        """Return a copy that has seen `returns`, (T, n) with T >= `window`, oldest first.

        Only the last `window` rows matter.

        Raises
        ------
        BadData
            If there are too few rows, a number is missing, a driving column does not exist, or the
            regimes cannot be fitted (see `fit_regimes`).
        """
        fitted = copy(self)
        seen = RollingWindow(returns, self.window)
        if max(self.driving) >= seen.rows.shape[1]:
            raise BadData(
                f"driving asks for column {max(self.driving)}, but the returns have columns 0 to "
                f"{seen.rows.shape[1] - 1}."
            )
        if self.features is not None:
            fitted.features = self.features.fit(seen.rows[:, self.driving])
        fitted._seen, fitted._first = seen, seen.seen
        driving = fitted._driving_rows(seen)
        fitted._rolling = RollingFit(
            driving, self.K, self.order_by, self.seed, self.restarts, self.tolerance, self.cold_every
        )
        # Hysteresis has a memory: what it would have believed, day after day of the window.
        believed = self._hysteresis.transform(
            fitted._weighed(fitted._rolling.fit.filtered_probabilities(driving))
        )
        fitted._regime = int(believed[-1].argmax())
        return fitted

    @property
    def regime_fit(self) -> RegimeFit:
        """The model as of the last row seen.

        Raises
        ------
        BadData
            If the forecaster has not been fitted.
        """
        return self._state()[1].fit

    @property
    def smoothed_probabilities(self) -> Floats:
        """Of each regime on each day of the window, (window, K), given the returns up to its last day.

        Raises
        ------
        BadData
            If the forecaster has not been fitted.
        """
        return self._state()[1].smoothed.copy()

    @property
    def restarts_taken(self) -> int:
        """Refits in which a warm fit was given up for another one.

        Raises
        ------
        BadData
            If the forecaster has not been fitted.
        """
        return self._state()[1].restarts

    def predict_online(self, row: ArrayLike) -> Forecast:
        """Take in the (n,) returns of one new day and return the forecast of the H days after it.

        Raises
        ------
        BadData
            If the forecaster has not been fitted, the row has another length, a number is missing, or the
            window can no longer be fitted (a driving series that is constant in all of it, say).
        """
        seen, rolling = self._state()
        seen.append(row)
        order = rolling.update(self._driving_rows(seen), refit=(seen.seen - self._first) % self.refit == 0)
        if self._regime is not None:
            # Should two regimes pass each other in the rule, the belief goes with the regime.
            self._regime = int(np.flatnonzero(order == self._regime)[0])
        self._regime = self._hysteresis.believed(self._regime, self._weighed(rolling.smoothed[-1:])[0])
        return self.predict()

    def predict(self) -> Forecast:
        """Return the forecast of the H days after the last row seen.

        Raises
        ------
        BadData
            If the forecaster has not been fitted.
        """
        seen, rolling = self._state()
        today = self._weighed(rolling.smoothed[-1:])[0]
        if self.start_from == "regime":
            today = np.eye(self.K)[self._regime]
        ahead = forecast_probabilities(today, rolling.transition, self.H)
        means, covariances = self._regime_moments(seen.rows, rolling.smoothed)
        mean, covariance = mixed_moments(ahead, means, covariances)
        return Forecast(
            mean,
            covariance,
            np.vstack([today, ahead]),
            self._regime,
            means,
            covariances,
            rolling.collapsed,
            rolling.transition,
        )

    def _state(self) -> tuple[RollingWindow, RollingFit]:
        if self._seen is None or self._rolling is None:
            raise BadData("this RollingRegimes has seen no returns; call fit first and use what it returns.")
        return self._seen, self._rolling

    def _driving_rows(self, seen: RollingWindow) -> Floats:
        driving = seen.rows[:, self.driving]
        return driving if self.features is None else self.features.transform(driving)

    def _weighed(self, probabilities: Floats) -> Floats:
        return probabilities if self._evidence is None else self._evidence.transform(probabilities)

    def _regime_moments(self, rows: Floats, smoothed: Floats) -> tuple[Floats, Floats]:
        """Return (K, n) means and (K, n, n) covariances of all assets over the window."""
        days, n = rows.shape
        weights = smoothed.T
        if self.weighting == "labels":
            weights = (smoothed.argmax(axis=1) == np.arange(self.K)[:, None]).astype(np.float64)
        means, covariances = np.empty((self.K, n)), np.empty((self.K, n, n))
        for k, weight in enumerate(weights):
            squares = weight @ weight
            if squares == 0 or weight.sum() ** 2 / squares < n + 1:
                weight = weight + (n + 1) / days
            means[k], covariances[k] = estimate(self.covariance, rows, self.half_life, weight)
        return means, covariances
