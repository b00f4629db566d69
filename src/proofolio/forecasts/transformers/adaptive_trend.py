"""The trend of a series, over a half-life chosen by the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.exponential_mean import check_half_life, exponential_mean, shifted
from proofolio.forecasts.transformers.transformer import columns_as_fitted, table


@dataclass(frozen=True, eq=False)
class AdaptiveTrend:
    """Replaces each return by the exponentially weighted mean up to its day.

        m_t = k m_{t-1} + (1 - k) r_t,   k = 2^(-1 / h),   m_{-1} = the mean of the training window

    For each series, `fit` chooses the half-life h, among the candidates, whose trend has best foretold the
    next day of the training window: the least ``sum_t (r_t - m_{t-1})^2``. A series without a trend gets
    the longest.

    Parameters
    ----------
    candidates : sequence of float
        Half-lives to choose from, days.
    half_lives : (d,) array, optional
        The choice, a series each; learnt by `fit`.
    level : (d,) array, optional
        The mean of the training window; learnt by `fit`.

    Raises
    ------
    BadData
        If a candidate is not positive, or there is none.
    """

    candidates: Sequence[float] = (5.0, 10.0, 21.0, 42.0, 63.0, 126.0, 252.0)
    half_lives: Floats | None = None
    level: Floats | None = None

    def __post_init__(self) -> None:
        """Check the candidates."""
        if len(self.candidates) == 0:
            raise BadData("AdaptiveTrend has no candidates; give one half-life at least.")
        for half_life in self.candidates:
            check_half_life(half_life)

    def fit(self, rows: ArrayLike) -> Self:
        """Return a copy that has chosen a half-life for each of (T, d) series.

        Raises
        ------
        BadData
            If a number is missing.
        """
        values = table(rows)
        level = values.mean(axis=0)
        # The longest first, so that it wins a draw.
        candidates = np.array(sorted(self.candidates, reverse=True))
        errors = [
            ((values - shifted(exponential_mean(values, half_life, level), level)) ** 2).sum(axis=0)
            for half_life in candidates
        ]
        return replace(self, half_lives=candidates[np.argmin(errors, axis=0)], level=level)

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) trends, per period, in the units of the returns."""
        values, level = columns_as_fitted(rows, self.level, "AdaptiveTrend")
        trends = [
            exponential_mean(values[:, [i]], half_life, level[[i]])
            for i, half_life in enumerate(np.asarray(self.half_lives).tolist())
        ]
        return np.hstack(trends)
