"""Which regime to believe in: a change needs a minimum probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.transformer import table


@dataclass(frozen=True)
class Hysteresis:
    """Turns (T, K) probabilities into the regime believed, one 1 a row.

        s_t = k        if k = argmax_j q_tj and q_tk >= minimum
        s_t = s_{t-1}  otherwise

    so that a regime once believed is held until another is likely enough, and two changes a week for a
    few days of doubt are spared. On the first row the likeliest regime is believed whatever its
    probability. ``minimum = 0`` is the likeliest regime of each day. Source for the rule: Nystrup, Hansen,
    Madsen and Lindstrom (2015), "Regime-based versus static asset allocation", Journal of Portfolio
    Management 42.

    Parameters
    ----------
    minimum : float
        Probability, 0 to 1.

    Raises
    ------
    BadData
        If `minimum` is no probability.
    """

    minimum: float = 0.9

    def __post_init__(self) -> None:
        """Check the probability."""
        if not 0 <= self.minimum <= 1:
            raise BadData(f"the minimum probability is {self.minimum}; give a number from 0 to 1.")

    def fit(self, rows: ArrayLike) -> Self:
        """Return this transformer: nothing is learnt."""
        table(rows)
        return self

    def believed(self, yesterday: int | None, probabilities: Floats) -> int:
        """Return the regime believed today, given yesterday's and today's (K,) probabilities."""
        likeliest = int(probabilities.argmax())
        if yesterday is None or probabilities[likeliest] >= self.minimum:
            return likeliest
        return yesterday

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, K) rows with a 1 for the regime believed and 0 for the others."""
        values = table(rows)
        believed = np.zeros_like(values)
        regime: int | None = None
        for t, probabilities in enumerate(values):
            regime = self.believed(regime, probabilities)
            believed[t, regime] = 1
        return believed
