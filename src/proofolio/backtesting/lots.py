r"""The nearest plan that can be traded: whole lots, and no trade that is too small.

Of n assets with prices p, a shares held now, a target in money for each and cash m, the trades in lots are whole
numbers :math:`k_i` of :math:`l_i` shares, and

.. math::
    \min_k \sum_i |p_i (a_i + l_i k_i) - target_i| \quad \text{with} \quad
    m - \sum_i p_i l_i k_i - cost(k) \ge 0, \quad a_i + l_i k_i \ge 0, \quad
    k_i = 0 \text{ or } p_i l_i |k_i| \ge smallest.

Not to trade at all is always a plan where m is not negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, SolverFailure
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.program.builder import Builder
from proofolio.verification.solving import solve

__all__ = ["LotPlan", "nearest_lots"]


@dataclass(frozen=True, eq=False)
class LotPlan:
    """Trades that can be made, nearest to what is wanted.

    Attributes
    ----------
    shares : (n,) array
        Bought (+) and sold (-): whole multiples of the lot.
    distance : float
        Money between the plan and the target, ``sum |p (a + shares) - target|``.
    cash : float
        Money left after trades and costs.
    status : str
        What vouches that no plan is nearer: of `proofolio.solve`, such as ``certified-optimal``.
    """

    shares: Floats
    distance: float
    cash: float
    status: str


def nearest_lots(
    prices: Floats,
    held: Floats,
    cash: float,
    target: Floats,
    cost: TradeCost,
    *,
    lot: int = 1,
    smallest: float = 0.0,
    time_limit: float = 10.0,
) -> LotPlan:
    """Return the tradable plan nearest to a target; see the head of this module.

    Parameters
    ----------
    prices : (n,) array
        Of a share, above 0.
    held : (n,) array
        Shares, 0 or more; they need not be whole.
    cash : float
        Money, 0 or more.
    target : (n,) array
        Money wanted in each asset, 0 or more.
    cost : TradeCost
        Of trades as fractions of the book. Its linear part is charged exactly. Impact is over-estimated by its rate
        at the largest trade looked at, which is then at most the trade wanted and one lot, or the smallest one.
    lot : int
        Shares that are traded at once.
    smallest : float
        Money of the smallest trade.
    time_limit : float
        Seconds.

    Raises
    ------
    BadData
        For numbers that cannot be meant.
    SolverFailure
        When no plan was found in time.
    """
    n = len(prices)
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise BadData("every price of a share must be above 0.")
    if not (min(held.min(initial=0.0), target.min(initial=0.0), cash) >= 0.0):  # NaN fails too
        raise BadData(
            "lots are planned for holdings, targets and cash of 0 or more; short positions have none."
        )
    if lot < 1 or not 0.0 <= smallest < math.inf:
        raise BadData(
            f"the lot is {lot} and the smallest trade {smallest:g}; give 1 or more shares, and money from 0."
        )
    value = float(prices @ held) + cash
    if not value > 0.0:
        raise BadData("nothing is held; there is nothing to plan.")
    # Money is counted in a power of two, which leaves the digits of prices as they are.
    unit = 2.0 ** math.floor(math.log2(value))
    step = prices * lot / unit
    most_sold = np.floor(held / lot)
    most_bought = np.floor(value / (prices * lot))
    impact = np.zeros(n)
    if cost.power_impact.any():
        wanted = np.abs(target - prices * held) / value
        reach = np.maximum(wanted + prices * lot / value, smallest / value + prices * lot / value)
        most = np.floor(reach * value / (prices * lot))
        most_sold, most_bought = np.minimum(most_sold, most), np.minimum(most_bought, most)
        impact = cost.power_impact * np.sqrt(reach)

    model = Builder("lots")
    bought = model.variable("bought", n, 0.0, most_bought, integer=True)
    sold = model.variable("sold", n, 0.0, most_sold, integer=True)
    missed = model.variable("missed", n, 0.0, (value + target.max(initial=0.0)) / unit)
    gap = step * (bought - sold) + (prices * held - target) / unit
    model.add("above", missed >= gap)
    model.add("below", missed >= -gap)
    pay = (step * (1.0 + cost.buy + impact) * bought).sum() - (step * (1.0 - cost.sell - impact) * sold).sum()
    model.add("cash", pay <= cash / unit)
    if smallest > 0.0:
        least = np.ceil(smallest / (prices * lot))
        buys = model.variable("buys", n, binary=True)
        sells = model.variable("sells", n, binary=True)
        for k, most, on in ((bought, most_bought, buys), (sold, most_sold, sells)):
            model.add(f"most_{'bought' if on is buys else 'sold'}", k <= most * on)
            model.add(f"least_{'bought' if on is buys else 'sold'}", k >= least * on)
        model.add("one_way", buys + sells <= 1.0)
    model.minimise(missed.sum())
    answer = solve(model.freeze(), time_limit=time_limit)
    if answer.x is None:
        raise SolverFailure(f"no plan of lots was found in {time_limit:g} seconds ({answer.status}).")
    lots: Integers = np.rint(answer["bought"] - answer["sold"]).astype(np.int64)
    shares = lots.astype(np.float64) * lot
    spent = float(prices @ shares)
    return LotPlan(
        shares=shares,
        distance=float(np.abs(prices * (held + shares) - target).sum()),
        cash=cash - spent - value * cost.total(prices * shares / value),
        status=answer.status,
    )
