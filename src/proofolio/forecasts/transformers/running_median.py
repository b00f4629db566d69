"""Noise reduction by the median of the last few days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.transformer import table


@dataclass(frozen=True)
class RunningMedian:
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
            raise BadData(f"a RunningMedian of {self.days} days; give 1 or more.")

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
