"""Takes slow drift out of returns by a regression that is refitted every day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.exponential_mean import check_half_life, shifted
from proofolio.forecasts.transformers.transformer import columns_as_fitted, table


@dataclass(frozen=True, eq=False)
class DriftCorrection:
    """Subtracts the drift that a recursive regression with exponential forgetting foretold.

    Each day a line (``degree=1``) or a constant (0) is fitted to all earlier days, a day of age
    ``u = t - s`` weighing ``k^(u - 1)``, ``k = 2^(-1 / half_life)``, and read off at day t:

        (a_t, b_t) = argmin sum_{s < t} k^(t - 1 - s) (r_s - a - b (s - t))^2
        y_t        = r_t - (a_t - m)

    with m the mean of the training window, which the endless days before the first row are taken to have
    had; so y keeps that mean, and a regime's parameters learnt long ago still fit it. The sums that the
    regression needs are recursive (Y_0 and Y_1 below), and a day costs the same however many came before:

        Y_0(t) = k Y_0(t-1) + r_{t-1},        Y_1(t) = k (Y_1(t-1) + Y_0(t-1)) + r_{t-1}

    Source: Ljung and Soderstrom (1983), "Theory and practice of recursive identification", chapter 2.

    Parameters
    ----------
    half_life : float
        Days.
    degree : {0, 1}
        Of the polynomial fitted.
    level : (d,) array, optional
        m; learnt by `fit`.

    Raises
    ------
    BadData
        If `half_life` is not positive or `degree` is another.
    """

    half_life: float = 252.0
    degree: Literal[0, 1] = 0
    level: Floats | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        check_half_life(self.half_life)
        if self.degree not in (0, 1):
            raise BadData(f"degree is {self.degree}; choose 0, a constant, or 1, a line.")

    def fit(self, rows: ArrayLike) -> Self:
        """Return a copy that has learnt m from (T, d) returns.

        Raises
        ------
        BadData
            If a number is missing.
        """
        return replace(self, level=table(rows).mean(axis=0))

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) returns without the drift foretold."""
        values, level = columns_as_fitted(rows, self.level, "DriftCorrection")
        keep = 0.5 ** (1 / self.half_life)
        past = shifted(values - level, np.zeros_like(level))
        # Sums of weights times powers 0, 1, 2 of the age, over an endless past.
        s0, s1, s2 = 1 / (1 - keep), 1 / (1 - keep) ** 2, (1 + keep) / (1 - keep) ** 3
        y0 = lfilter([1], [1, -keep], past, axis=0)
        if self.degree == 0:
            return np.asarray(values - y0 / s0)
        y1 = lfilter([1], [1, -keep], keep * shifted(y0, np.zeros_like(level)) + past, axis=0)
        return np.asarray(values - (s2 * y0 - s1 * y1) / (s0 * s2 - s1**2))
