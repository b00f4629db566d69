"""Families of bounds that claims are proved over: different in every entry, of every kind that goes wrong."""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats

__all__ = ["FAMILIES", "SHAPE", "bounds"]


FAMILIES = ("signs", "zero-width", "asymmetric", "large", "tiny", "two-decimal")
SHAPE = (2, 3)


def bounds(family: str, shape: tuple[int, ...], seed: int = 0) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of one family, different in every entry.

    Families: ``signs`` (negative, straddling zero, positive in turn), ``zero-width`` (every third fixed),
    ``asymmetric`` (one side a hundred times the other), ``large`` (up to 1e4), ``tiny`` (around 1e-4) and
    ``two-decimal`` (random, two decimals).
    """
    rng = np.random.default_rng([FAMILIES.index(family), seed])
    count = int(np.prod(shape, dtype=int))
    k = np.arange(count)
    low = np.round(-rng.uniform(0.5, 3.0, count), 2)
    high = np.round(rng.uniform(0.5, 3.0, count), 2)
    if family == "signs":
        shift = np.choose((k + seed) % 3, [-4.0, 0.0, 4.0])
        low, high = np.round(low + shift, 2), np.round(high + shift, 2)
    elif family == "zero-width":
        high = np.where((k + seed) % 3 == 0, low, high)
    elif family == "asymmetric":
        high = np.round(high * 100, 2)
    elif family == "large":
        low, high = np.round(low * 3333.0, 1), np.round(high * 3333.0, 1)
    elif family == "tiny":
        low, high = np.round(low * 1e-4, 8), np.round(high * 1e-4, 8)
    return low.reshape(shape), high.reshape(shape)
