"""How sure a ratio of times is: a geometric mean, and a bootstrap interval around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Ratio", "ratio_of"]

DRAWS = 2000
LEVEL = 0.95
# seconds added to both times: below a millisecond a ratio tells of the clock
SHIFT = 0.001
FEWEST = 3


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios.

    Attributes
    ----------
    value : float
    low, high : float or None
        The 95 % interval; None with fewer than three cases.
    runs, cases : int
    """

    value: float
    low: float | None
    high: float | None
    runs: int
    cases: int

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 1."""
        return self.low is not None and self.low > 1.0

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 1."""
        return self.high is not None and self.high < 1.0


def ratio_of(pairs: Mapping[str, Sequence[tuple[float, float]]], shift: float = SHIFT) -> Ratio | None:
    r"""Return the geometric mean of :math:`(a + s) / (b + s)` over pairs of times; None without any.

    The bootstrap draws whole cases, with all their seeds and shuffles, since those of one case are alike; a case
    counts by the number of its pairs. The draws are always the same ones.

    Parameters
    ----------
    pairs : mapping from cases to pairs (a, b) in seconds
    shift : float
        s, in seconds.

    Examples
    --------
    >>> found = ratio_of({"one": [(2.0, 1.0)], "two": [(2.0, 1.0)], "three": [(2.0, 1.0)]}, shift=0.0)
    >>> round(found.value, 9), round(found.low, 9), round(found.high, 9)
    (2.0, 2.0, 2.0)
    """
    names = sorted(name for name, found in pairs.items() if found)
    if not names:
        return None
    sums = np.array(
        [math.fsum(math.log((a + shift) / (b + shift)) for a, b in pairs[name]) for name in names]
    )
    counts = np.array([len(pairs[name]) for name in names], dtype=float)
    value = math.exp(float(sums.sum() / counts.sum()))
    runs, cases = int(counts.sum()), len(names)
    if cases < FEWEST:
        return Ratio(value, None, None, runs, cases)
    drawn = np.random.default_rng(0).integers(0, cases, (DRAWS, cases))
    means = np.exp(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(value, float(low), float(high), runs, cases)
