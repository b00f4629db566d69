"""What a trade costs, as a fraction of the portfolio's value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["Costs", "LinearCost", "SpreadAndImpact", "costs_of"]


class Costs(Protocol):
    """How trades are charged."""

    @property
    def memory(self) -> int:
        """Rows of recent returns that `paid` wants; 0 for none."""

    def paid(self, trade: Floats, recent: Floats, wealth: float) -> Floats:
        """Return what each asset's trade costs, as a fraction of the portfolio's value.

        Parameters
        ----------
        trade : (n,) array
            Bought (+) and sold (-), as fractions of the portfolio's value.
        recent : (memory, n) array
            The last returns known when the trade is made.
        wealth : float
            The portfolio's value, 1 at the start.
        """


@dataclass(frozen=True)
class LinearCost:
    """The same for every asset and both directions: ``rate * |u|``; 10 basis points are 0.001."""

    rate: float = 0.001

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate < 0.5:
            raise BadData(f"the cost is {self.rate:g} of what is traded; give a fraction, 0.001 for 10 bp.")

    @property
    def memory(self) -> int:
        """No past is needed."""
        return 0

    def paid(self, trade: Floats, recent: Floats, wealth: float) -> Floats:
        """Return ``rate * |u|``."""
        return self.rate * np.abs(trade)


@dataclass(frozen=True)
class SpreadAndImpact:
    """Half-spread, 3/2-power temporary impact and asymmetry.

        cost(u) = a |u| + b sigma |u|^(3/2) / sqrt(V / value) + c u

    with ``sigma`` the asset's daily volatility over the last `memory` days known, V the value traded in a day
    and ``value`` the portfolio's, in the same currency: it starts at `value` and moves with wealth.

    Parameters
    ----------
    half_spread : float
        a, as a fraction.
    impact : float
        b, about 1.
    volume : tuple of float
        V of each asset.
    value : float
        Of the portfolio when the backtest begins.
    asymmetry : float
        c; above zero buying is dearer than selling. |c| <= a, so that no trade earns money.
    memory : int
        Days of the volatility.

    Notes
    -----
    Source: Boyd et al. (2017), "Multi-period trading via convex optimization", section 2.3.
    """

    half_spread: float
    impact: float
    volume: tuple[float, ...]
    value: float
    asymmetry: float = 0.0
    memory: int = 250

    def __post_init__(self) -> None:
        if not (self.half_spread >= 0 and self.impact >= 0 and abs(self.asymmetry) <= self.half_spread):
            raise BadData(
                f"half_spread={self.half_spread:g}, impact={self.impact:g}, asymmetry={self.asymmetry:g}: "
                "none may be negative, and asymmetry at most half_spread, or a trade would earn money."
            )
        if not (self.value > 0 and all(v > 0 for v in self.volume) and self.memory >= 2):
            raise BadData("value and every volume must be above zero, and memory at least 2 days.")

    def paid(self, trade: Floats, recent: Floats, wealth: float) -> Floats:
        """Return the formula above for each asset."""
        if len(self.volume) != len(trade):
            raise BadData(f"{len(self.volume)} volumes are given for {len(trade)} assets; give one each.")
        if len(recent) < 2:
            raise BadData(
                f"market impact follows volatility, which {len(recent)} days do not have; know 2 days or more before "
                "the first trade."
            )
        size = np.abs(trade)
        sigma = recent.std(axis=0, ddof=1)
        share = np.sqrt(size * self.value * wealth / np.array(self.volume))
        cost: Floats = self.half_spread * size + self.impact * sigma * size * share + self.asymmetry * trade
        return cost


def costs_of(given: Costs | float) -> Costs:
    """Return costs as they are, or those of a rate: 0.001 is 10 basis points of what is traded."""
    return LinearCost(float(given)) if isinstance(given, (int, float)) else given
