"""The exponentially weighted mean that several transformers share."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats


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
    """Raise BadData unless `half_life` is a positive number of days."""
    if not (np.isfinite(half_life) and half_life > 0):
        raise BadData(f"half_life is {half_life}; give a number of days above 0.")
