"""Evidence for one regime counts for more than evidence for another.

Which regime to believe in: a change needs a minimum probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.transformers.transformer import Parameters, table


@dataclass(frozen=True)
class Hysteresis(Parameters):
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


@dataclass(frozen=True)
class AsymmetricWeights(Parameters):
    """Turns (T, K) probabilities of regimes into weighted ones.

        q'_k  =  w_k q_k / sum_j w_j q_j

    With two regimes, the calm one first, and weights (1, w), the wild regime becomes the likelier at a
    probability of ``1 / (1 + w)`` and the calm one at ``w / (1 + w)``: for w > 1, leaving the calm regime
    needs less evidence than entering it. That is the decision of least expected cost if mistaking wild for
    calm costs w times as much as mistaking calm for wild.

    Parameters
    ----------
    weights : sequence of float
        One a regime, above 0; only their ratios matter.

    Raises
    ------
    BadData
        If a weight is not positive and finite.
    """

    weights: Sequence[float] = (1.0, 2.0)

    def __post_init__(self) -> None:
        """Check the weights."""
        values = np.asarray(self.weights, dtype=np.float64)
        if values.ndim != 1 or not (np.isfinite(values) & (values > 0)).all():
            raise BadData(f"the weights are {self.weights}; give one positive number a regime.")

    def fit(self, rows: ArrayLike) -> Self:
        """Return this transformer: nothing is learnt."""
        self._check(table(rows))
        return self

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, K) weighted probabilities."""
        values = table(rows)
        self._check(values)
        weighted = values * np.asarray(self.weights, dtype=np.float64)
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))

    def _check(self, values: Floats) -> None:
        if values.shape[1] != len(self.weights):
            raise BadData(
                f"{len(self.weights)} weights for {values.shape[1]} regimes; give one weight a regime."
            )
