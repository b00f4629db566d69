"""Returns in units of the volatility expected of them.

The exponentially weighted mean that several transformers share.

The trend of a series, over a half-life chosen by the data.

Takes slow drift out of returns by a regression that is refitted every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.transformers.transformer import LEARNT, Parameters, columns_as_fitted, table


def exponential_mean(values: Floats, half_life: float, before: Floats) -> Floats:
    """Return ``m_t = k m_{t-1} + (1 - k) y_t`` with ``k = 2^(-1 / half_life)`` and ``m_{-1} = before``.

    `values` and the result are (T, d), `before` is (d,).
    """
    keep = 0.5 ** (1 / half_life)
    result, _ = lfilter([1 - keep], [1, -keep], values, axis=0, zi=keep * before[None, :])
    return np.asarray(result, dtype=np.float64)


def shifted(values: Floats, first: Floats) -> Floats:
    """Return the rows a day later: `first`, then all of `values` but the last."""
    return np.vstack([first[None, :], values[:-1]])


def check_half_life(half_life: float) -> None:
    """Raise BadData unless `half_life` is a positive number of periods."""
    if not (np.isfinite(half_life) and half_life > 0):
        raise BadData(f"half_life is {half_life}; give a number of periods above 0.")


@dataclass(frozen=True, eq=False)
class AdaptiveTrend(Parameters):
    """Replaces each return by the exponentially weighted mean up to its day.

        m_t = k m_{t-1} + (1 - k) r_t,   k = 2^(-1 / h),   m_{-1} = the mean of the training window

    For each series, `fit` chooses the half-life h, among the candidates, whose trend has best foretold the
    next day of the training window: the least ``sum_t (r_t - m_{t-1})^2``. A series without a trend gets
    the longest.

    Parameters
    ----------
    candidates : sequence of float
        Half-lives to choose from, periods.
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
    half_lives: Floats | None = field(default=None, metadata=LEARNT)
    level: Floats | None = field(default=None, metadata=LEARNT)

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


@dataclass(frozen=True, eq=False)
class DriftCorrection(Parameters):
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
    level: Floats | None = field(default=None, metadata=LEARNT)

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


# Of the training volatility: after months without a trade a first small return is not a crash.
LEAST = 0.05


@dataclass(frozen=True, eq=False)
class VolatilityNormalised(Parameters):
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
    level: Floats | None = field(default=None, metadata=LEARNT)

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
            raise BadData(f"series {int(np.argmin(level)) + 1} is zero in every period; drop it.")
        return replace(self, level=level)

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) normalised returns."""
        values, level = columns_as_fitted(rows, self.level, "VolatilityNormalised")
        variance = shifted(exponential_mean(values**2, self.half_life, level**2), level**2)
        return np.asarray(level * values / np.maximum(np.sqrt(variance), LEAST * level))
