"""Evidence for one regime counts for more than evidence for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats
from proofolio.forecasts.transformers.transformer import table


@dataclass(frozen=True)
class AsymmetricWeights:
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
