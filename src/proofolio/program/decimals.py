"""A sum of numbers that are read as the decimals they were written as, rounded once: 0.3 - 0.1 is 0.2."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

__all__ = ["exact_sum"]


def exact_sum(values: Iterable[float]) -> float:
    """Add numbers as the decimals they were written as, rounding once."""
    return float(sum((Fraction(repr(float(value))) for value in values), Fraction(0)))
