"""A forecast without regimes: the moments of the last window, for every period ahead."""

from __future__ import annotations

from copy import copy
from typing import Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.forecasts.covariance import Covariance, estimate
from proofolio.forecasts.forecast import Forecast, Options
from proofolio.forecasts.rolling_fit import RollingWindow


class Historical(Options):
    """The moments of the last `window` periods, repeated for each of the H periods ahead.

    What a strategy without a hidden Markov model believes; same use as `RollingRegimes`.

    Parameters
    ----------
    window : int
        Periods looked back on.
    H : int
        Periods ahead.
    covariance : {"sample", "ewma", "ledoit-wolf"}
        Estimator of the moments, see `proofolio.forecasts.covariance`.
    half_life : float
        Periods, for ``"ewma"``.

    Raises
    ------
    BadData
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> fitted = Historical(window=2, H=3).fit([[0.01, 0.0], [0.03, 0.0]])
    >>> fitted.predict_online([0.01, 0.02]).mean
    array([[0.02, 0.01],
           [0.02, 0.01],
           [0.02, 0.01]])
    """

    __repr__ = brief

    def __init__(
        self, window: int = 2000, H: int = 5, *, covariance: Covariance = "sample", half_life: float = 63.0
    ) -> None:
        """Check the options."""
        if window < 2 or H < 1:
            raise BadData(f"window={window} and H={H}; give at least 2 periods to look back on and 1 ahead.")
        if covariance not in get_args(Covariance):
            raise BadData(f"covariance is {covariance!r}; choose one of {', '.join(get_args(Covariance))}.")
        if not half_life > 0:
            raise BadData(f"half_life is {half_life}; give a number of periods above 0.")
        self.window = window
        self.H = H
        self.covariance: Covariance = covariance
        self.half_life = half_life
        self._seen: RollingWindow | None = None

    def fit(self, returns: ArrayLike) -> Self:
        """Return a copy that has seen `returns`, (T, n) with T >= `window`, oldest first.

        Raises
        ------
        BadData
            If there are too few rows, or a number is missing.
        """
        fitted = copy(self)
        fitted._seen = RollingWindow(returns, self.window)
        return fitted

    def predict(self) -> Forecast:
        """Return the forecast of the H periods after the last row seen.

        Raises
        ------
        BadData
            If the forecaster has not been fitted.
        """
        if self._seen is None:
            raise BadData("this Historical has seen no returns; call fit first and use what it returns.")
        mean, covariance = estimate(self.covariance, self._seen.rows, self.half_life)
        return Forecast(np.tile(mean, (self.H, 1)), np.tile(covariance, (self.H, 1, 1)))

    def predict_online(self, row: ArrayLike) -> Forecast:
        """Take in the (n,) returns of one new period and return the forecast of the H periods after it.

        Raises
        ------
        BadData
            If the forecaster has not been fitted, the row has another length, or a number is missing.
        """
        if self._seen is None:
            raise BadData("this Historical has seen no returns; call fit first and use what it returns.")
        self._seen.append(row)
        return self.predict()
