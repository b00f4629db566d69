"""What trades are charged in a backtest: at each close, one `TradeCost` made of what is known then."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Protocol

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.portfolio.trade_cost import TradeCost

__all__ = ["Costs", "LinearCost", "SpreadAndImpact", "costs_of", "terms_of"]


PerAsset = float | tuple[float, ...]  # one number for all assets, or one for each


class Costs(Protocol):
    """How trades are charged."""

    @property
    def memory(self) -> int:
        """Rows of recent returns that `at` wants; 0 for none."""

    def at(self, recent: Floats, value: float) -> TradeCost:
        """Return what trades cost at one close.

        Parameters
        ----------
        recent : (memory, n) array
            The last returns known when the trade is made; NaN where an asset had none.
        value : float
            Money of the portfolio before the trade.
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

    def at(self, recent: Floats, value: float) -> TradeCost:
        """Return the rate, whatever the value."""
        return _linear(recent.shape[1], self.rate)


@lru_cache(maxsize=64)
def _linear(n: int, rate: float) -> TradeCost:
    # The same at every close: making it there again took half of the time of a fix-mix.
    return TradeCost.of(n, rate)


@dataclass(frozen=True)
class SpreadAndImpact:
    r"""Half-spread, 3/2-power temporary impact and asymmetry, for each asset its own or the same for all.

    .. math:: cost_i(u) = a_i |u| + b_i \sigma_i \sqrt{value / V_i} \, |u|^{3/2} + c_i u

    with :math:`\sigma_i` the asset's volatility over the last `memory` periods known, V the money traded in it in
    one period, and `value` the portfolio's money at this close, in the same currency.

    Parameters
    ----------
    half_spread : float or tuple of float
        a, as a fraction.
    impact : float or tuple of float
        b, about 1; 0 for no impact.
    volume : float or tuple of float
        V; wanted where there is impact.
    asymmetry : float or tuple of float
        c; above zero buying is dearer than selling. |c| <= a, so that no trade earns money.
    memory : int
        Periods of the volatility.

    Notes
    -----
    Source: Boyd et al. (2017), "Multi-period trading via convex optimization", section 2.3.
    """

    half_spread: PerAsset
    impact: PerAsset = 0.0
    volume: PerAsset = ()
    asymmetry: PerAsset = 0.0
    memory: int = 250

    def __post_init__(self) -> None:
        lengths = {len(v) for v in (self.half_spread, self.impact, self.asymmetry) if isinstance(v, tuple)}
        if len(lengths) > 1:
            raise BadData(
                f"costs are given for {' and '.join(map(str, sorted(lengths)))} assets; give one each."
            )
        n = lengths.pop() if lengths else 1
        TradeCost.of(n, self.half_spread, self.impact, self.asymmetry)
        volume = np.atleast_1d(np.asarray(self.volume, dtype=np.float64))
        if self._impacts and not volume.size:
            raise BadData("impact follows the money traded in an asset in one period; give its volume.")
        if not (np.all(volume > 0) and self.memory >= 2):
            raise BadData("every volume must be above zero, and memory at least 2 periods.")

    @property
    def _impacts(self) -> bool:
        return bool(np.any(np.asarray(self.impact) > 0))

    def at(self, recent: Floats, value: float) -> TradeCost:
        """Return the formula above at this close.

        Raises
        ------
        BadData
            When the numbers are of another number of assets, or an asset has a single return; one without any, which
        cannot be traded, has no impact.
        """
        n = recent.shape[1]
        if not self._impacts:
            return TradeCost.of(n, self.half_spread, 0.0, self.asymmetry)
        if isinstance(self.volume, tuple) and len(self.volume) != n:
            raise BadData(f"{len(self.volume)} volumes are given for {n} assets; give one each.")
        known = np.isfinite(recent)
        count = known.sum(axis=0)
        if (count == 1).any():
            raise BadData(
                "market impact follows volatility, which one return does not have; know 2 periods or more before the "
                "first trade."
            )
        rows = np.where(known, recent, 0.0)
        mean = rows.sum(axis=0) / np.maximum(count, 1)
        spread = np.where(known, rows - mean, 0.0)
        sigma = np.sqrt((spread**2).sum(axis=0) / np.maximum(count - 1, 1))
        return TradeCost.square_root_law(
            self.half_spread, self.impact, self.asymmetry, sigma, self.volume, value
        )


def terms_of(costs: Costs, known: Floats, trade: Floats, value: float) -> TradeCost:
    """Return what a trade costs after the rows known; what is not traded needs no volatility.

    Parameters
    ----------
    costs : Costs
    known : (t, n) array
        Returns up to the close of the trade.
    trade : (n,) array
    value : float
        Money of the portfolio before the trade.
    """
    recent = known[max(0, len(known) - costs.memory) :] if costs.memory else known[:0]
    return costs.at(np.where(trade != 0.0, recent, np.nan), value)


def costs_of(given: Costs | float | None, cost_bps: float = 10.0) -> Costs:
    """Return a model of costs as it is, the linear one of a fraction, or where there is none that of basis points.

    Parameters
    ----------
    given : Costs, float or None
        A number is a fraction of what is traded: 0.001 is 10 basis points.
    cost_bps : float
        Basis points of what is traded.

    Raises
    ------
    BadData
        For a fraction or basis points out of range.
    """
    if given is None:
        if not 0.0 <= cost_bps < 5000.0:  # NaN fails too
            raise BadData(f"cost_bps is {cost_bps:g}; give basis points of what is traded, from 0 to 5000.")
        return LinearCost(cost_bps / 1e4)
    return LinearCost(float(given)) if isinstance(given, int | float | Real) else given
