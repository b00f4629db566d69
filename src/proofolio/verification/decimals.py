"""Numbers of a model as exact decimals, and exact numbers as doubles on the safe side."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

__all__ = ["as_decimal", "outward"]


@lru_cache(maxsize=1 << 18)
def as_decimal(x: float) -> Fraction:
    """Return the shortest decimal that reads back as the double x, as a fraction."""
    if x.is_integer() and abs(x) < 2**53:
        return Fraction(int(x))
    return Fraction(repr(x))


def outward(value: Fraction, sign: int) -> float:
    """Return the nearest double that is not below (sign 1) or not above (sign -1) a fraction."""
    try:
        nearest = float(value)
    except OverflowError:
        nearest = math.copysign(math.inf, value)
    if math.isinf(nearest):
        return nearest if nearest * sign > 0 else math.copysign(float(np.finfo(float).max), nearest)
    return nearest if (Fraction(nearest) - value) * sign >= 0 else math.nextafter(nearest, sign * math.inf)
