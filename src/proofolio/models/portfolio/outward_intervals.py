"""Arithmetic on arrays of intervals that is rounded outward: what it returns holds every real result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Mask

__all__ = ["Interval"]


@dataclass(frozen=True, eq=False)
class Interval:
    """An array of intervals; arrays and numbers beside it are taken for exact.

    Every operation is the one of IEEE 754, rounded to nearest, and then moved to the next double outward.

    Attributes
    ----------
    low, high : ndarray
        Of one shape, ``low <= high``.

    Examples
    --------
    >>> third = Interval.of(np.array([1.0])) / Interval.of(np.array([3.0]))
    >>> bool(third.low[0] < third.high[0]), third.high.round(6)
    (True, array([0.333333]))
    """

    low: Floats
    high: Floats

    @classmethod
    def of(cls, exact: Floats) -> Interval:
        """Return the intervals that hold one number each."""
        return cls(exact, exact)

    def __add__(self, other: Interval | Floats | float) -> Interval:
        low, high = _ends(other)
        return Interval(_down(self.low + low), _up(self.high + high))

    def __sub__(self, other: Interval | Floats | float) -> Interval:
        low, high = _ends(other)
        return Interval(_down(self.low - high), _up(self.high - low))

    def __mul__(self, other: Interval | Floats | float) -> Interval:
        if not isinstance(other, Interval):
            a, b = self.low * other, self.high * other
            return Interval(_down(np.minimum(a, b)), _up(np.maximum(a, b)))
        a, b, c, d = (
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        )
        least, most = (
            np.minimum(np.minimum(a, b), np.minimum(c, d)),
            np.maximum(np.maximum(a, b), np.maximum(c, d)),
        )
        return Interval(_down(least), _up(most))

    def __truediv__(self, positive: Interval) -> Interval:
        """Divide by intervals above 0."""
        a, b = self.low / positive.low, self.low / positive.high
        c, d = self.high / positive.low, self.high / positive.high
        return Interval(_down(np.minimum(a, b)), _up(np.maximum(c, d)))

    def __getitem__(self, key: Any) -> Interval:
        return Interval(self.low[key], self.high[key])

    def square(self) -> Interval:
        """Return the squares, which are not negative."""
        least = np.maximum(np.maximum(self.low, -self.high), 0.0)
        most = np.maximum(-self.low, self.high)
        return Interval(np.maximum(_down(least * least), 0.0), _up(most * most))

    def sum(self) -> Interval:
        """Return the sums over the last axis."""
        total = self[..., 0]
        for k in range(1, self.low.shape[-1]):
            total = total + self[..., k]
        return total

    def meet(self, other: Interval) -> Interval:
        """Return what two intervals that hold the same numbers have in common."""
        return Interval(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def middle(self) -> Floats:
        """Return a number of each interval."""
        return self.low + 0.5 * (self.high - self.low)

    def size(self) -> Floats:
        """Return the largest size of a number in each interval."""
        return np.maximum(-self.low, self.high)

    def above_zero(self) -> Mask:
        """Return which hold positive numbers alone."""
        positive: Mask = self.low > 0.0
        return positive


def _ends(other: Interval | Floats | float) -> tuple[Floats | float, Floats | float]:
    return (other.low, other.high) if isinstance(other, Interval) else (other, other)


def _down(x: Floats) -> Floats:
    return np.nextafter(x, -np.inf)


def _up(x: Floats) -> Floats:
    return np.nextafter(x, np.inf)
