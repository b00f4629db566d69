r"""What one trade costs: the same numbers in a plan and where the trade is charged.

A trade :math:`u_i` in asset i, a fraction of the portfolio's value, bought above zero and sold below, costs

.. math:: a_i |u_i| + p_i |u_i|^{3/2} + c_i u_i

of that value: half of the spread, market impact, and what buying costs more than selling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.arguments import each_asset, finite

__all__ = ["TradeCost"]


@dataclass(frozen=True, eq=False)
class TradeCost:
    """Costs of n assets; make it with `of` or `square_root_law`, which check the numbers.

    Attributes
    ----------
    half_spread : (n,) array
        a, a fraction of what is traded: 0.001 is 10 basis points.
    power_impact : (n,) array
        p, of the trade to the power 3/2; trade and cost are fractions of the portfolio's value.
    asymmetry : (n,) array
        c; buying costs ``a + c`` and selling ``a - c`` of what is traded. ``|c| <= a``, so that no trade earns money.
    """

    half_spread: Floats
    power_impact: Floats
    asymmetry: Floats

    @classmethod
    def of(
        cls,
        n: int,
        half_spread: ArrayLike = 0.0,
        power_impact: ArrayLike = 0.0,
        asymmetry: ArrayLike = 0.0,
    ) -> TradeCost:
        """Return the costs of n assets; each argument is one number for all, or one an asset.

        Raises
        ------
        BadData
            When one has another length, is not finite or negative, or a trade would earn money.

        Examples
        --------
        >>> TradeCost.of(2, half_spread=[0.001, 0.002], power_impact=0.01).each([0.04, -0.25])
        array([0.00012, 0.00175])
        """
        a, p = each_asset("half_spread", half_spread, n), each_asset("power_impact", power_impact, n)
        c = np.broadcast_to(finite("asymmetry", asymmetry), (n,)).copy()
        if (np.abs(c) > a).any():
            i = int(np.argmax(np.abs(c) - a))
            raise BadData(
                f"asymmetry of asset {i + 1} is {c[i]:g} and its half_spread {a[i]:g}; it is at most that, or a trade "
                "would earn money."
            )
        return cls(a, p, c)

    @classmethod
    def square_root_law(
        cls,
        half_spread: ArrayLike,
        impact: ArrayLike,
        asymmetry: ArrayLike,
        volatility: Floats,
        volume: ArrayLike,
        value: float,
    ) -> TradeCost:
        r"""Return the costs with impact by the square-root law, :math:`p_i = b_i \sigma_i \sqrt{value / V_i}`.

        Parameters
        ----------
        half_spread, impact, asymmetry : float or (n,) array
            a, b and c; b is a number without a unit, about 1.
        volatility : (n,) array
            Standard deviation of the return of one period.
        volume : float or (n,) array
            V, the money traded in each asset in one period, above 0.
        value : float
            Money of the portfolio, in the same currency.

        Raises
        ------
        BadData
            As `of`; or when a volume or the value is not above 0.

        Notes
        -----
        Source: Boyd et al. (2017), "Multi-period trading via convex optimization", section 2.3.
        """
        n = len(volatility)
        V, b = each_asset("volume", volume, n), each_asset("impact", impact, n)
        if not (V.min(initial=1.0) > 0.0 and value > 0.0):
            raise BadData("the value of the portfolio and every volume must be above 0.")
        return cls.of(n, half_spread, b * volatility * np.sqrt(value / V), asymmetry)

    @property
    def buy(self) -> Floats:
        """(n,) rates of what is bought, without impact."""
        return self.half_spread + self.asymmetry

    @property
    def sell(self) -> Floats:
        """(n,) rates of what is sold, without impact."""
        return self.half_spread - self.asymmetry

    def times(self, factor: float) -> TradeCost:
        """Return the same costs so many times over."""
        return TradeCost(factor * self.half_spread, factor * self.power_impact, factor * self.asymmetry)

    def each(self, trade: ArrayLike) -> Floats:
        """Return what each asset's trade costs; (..., n) trades and costs are fractions of the portfolio."""
        u = np.asarray(trade, dtype=np.float64)
        size = np.abs(u)
        cost: Floats = self.half_spread * size + self.power_impact * size**1.5 + self.asymmetry * u
        return cost

    def total(self, trade: ArrayLike) -> float:
        """Return the sum of `each`."""
        return float(self.each(trade).sum())
