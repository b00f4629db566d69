"""Returns in units of the volatility expected of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.exponential_mean import check_half_life, exponential_mean, shifted
from proofolio.forecasts.transformers.transformer import columns_as_fitted, table

# Of the training volatility: after months without a trade a first small return is not a crash.
LEAST = 0.05


@dataclass(frozen=True, eq=False)
class VolatilityNormalised:
    """Divides each return by the volatility of the days before it.

        y_t   = s r_t / max(v_{t-1}, 0.05 s)
        v_t^2 = k v_{t-1}^2 + (1 - k) r_t^2,   k = 2^(-1 / half_life),   v_{-1} = s

    with ``s`` the root mean square of the training window, so that y keeps the units and about the size of
    the returns. The volatility of day t knows the days before t only: a shock stands out on its day and
    raises what is expected from the next day on.

    Parameters
    ----------
    half_life : float
        Days.
    level : (d,) array, optional
        ``s``; learnt by `fit`.

    Raises
    ------
    BadData
        If `half_life` is not positive.
    """

    half_life: float = 63.0
    level: Floats | None = None

    def __post_init__(self) -> None:
        """Check the half-life."""
        check_half_life(self.half_life)

    def fit(self, rows: ArrayLike) -> Self:
        """Return a copy that has learnt ``s`` from (T, d) returns.

        Raises
        ------
        BadData
            If a series is zero throughout, or a number is missing.
        """
        level = np.sqrt((table(rows) ** 2).mean(axis=0))
        if (level == 0).any():
            raise BadData(f"series {int(np.argmin(level)) + 1} is zero on every day; drop it.")
        return replace(self, level=level)

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) normalised returns."""
        values, level = columns_as_fitted(rows, self.level, "VolatilityNormalised")
        variance = shifted(exponential_mean(values**2, self.half_life, level**2), level**2)
        return np.asarray(level * values / np.maximum(np.sqrt(variance), LEAST * level))
