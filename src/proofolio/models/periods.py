"""The data of a risk-parity step as its methods see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.models.mpc_step import Rules
from proofolio.models.risk_errors import risk_errors

__all__ = ["Periods"]

Floats = NDArray[np.float64]


class Periods(NamedTuple):
    """The data of a step, runs of equal periods taken together; `times` counts each."""

    sigma: Floats
    budgets: Floats
    times: Floats
    rules: Rules
    w0: Floats

    def objective(self, W: Floats) -> float:
        """Return the objective at weights (h, n)."""
        g = risk_errors(W, self.sigma, self.budgets)
        return float(self.times @ (g * g).sum(axis=1)) + self.trading(W)

    def trading(self, W: Floats) -> float:
        """Return the cost of trading at weights (h, n)."""
        cost = float(np.abs(W[0] - self.w0) @ self.rules.cost)
        return cost + float((np.abs(W[1:] - W[:-1]) @ self.rules.cost).sum()) if len(W) > 1 else cost
