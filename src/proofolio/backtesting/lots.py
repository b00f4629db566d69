r"""The nearest plan that can be traded: whole lots, and no trade that is too small.

Of n assets with prices p, a shares held now, a target in money for each and cash m, the trades in lots are whole
numbers :math:`k_i` of :math:`l_i` shares, and

.. math::
    \min_k \sum_i |p_i (a_i + l_i k_i) - target_i| \quad \text{with} \quad
    m - \sum_i p_i l_i k_i - cost(k) \ge 0, \quad a_i + l_i k_i \ge 0, \quad
    k_i = 0 \text{ or } p_i l_i |k_i| \ge smallest.

Not to trade at all is always a plan where m is not negative.

Market impact makes the cost convex, not linear. Tangents take its place, which are never above it; at each plan that
they let pass and the true cost does not, tangents of that very plan are added. A plan is never met twice, and the first
that the true cost lets pass is the nearest of all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, SolverFailure
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.program.builder import Builder
from proofolio.solvers.solution import Solution
from proofolio.verification.solving import solve

__all__ = ["LotPlan", "nearest_lots"]

WHOLE = 1e-9  # lots this near a whole number are whole: amounts went through weights or money
DEBT = 1e-9  # of the book: rounding, not a debt


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
        What vouches that no plan is nearer: of `proofolio.solve`, such as ``certified-optimal``, or
        ``solver-optimal`` where one solver's word is all there is; ``feasible`` where impact was not settled in time.
    """

    shares: Floats
    distance: float
    cash: float
    status: str

    @property
    def proved(self) -> bool:
        """Whether it was checked that no plan is nearer."""
        return self.status in ("certified-optimal", "verified-optimal")


def _down(lots: Floats) -> Floats:
    """Return the whole numbers below, or those that are meant."""
    return np.asarray(np.floor(lots + WHOLE), dtype=np.float64)


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
        Of trades as fractions of the book.
    lot : int
        Shares that are traded at once.
    smallest : float
        Money of the smallest trade.
    time_limit : float
        Seconds. Where impact is not settled in half of them, the plan is one that impact, over-estimated, allows, and
        its status is ``feasible``.

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
            "lots are planned for holdings, targets and cash of 0 or more; short positions have none, so leave out "
            "lots and the smallest trade, or rule shorts and debts out."
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
    most_sold, most_bought = _down(held / lot), _down(value / (prices * lot))
    least = np.ceil(smallest / (prices * lot) - WHOLE)

    def planned(tangents: list[Floats], rate: Floats, seconds: float) -> Solution:
        """Return the nearest plan with tangents of the impact at so many lots, or a rate of it."""
        model = Builder("lots")
        bought = model.variable("bought", n, 0.0, most_bought, integer=True)
        sold = model.variable("sold", n, 0.0, most_sold, integer=True)
        missed = model.variable("missed", n, 0.0, (value + target.max(initial=0.0)) / unit)
        gap = step * (bought - sold) + (prices * held - target) / unit
        model.add("above", missed >= gap)
        model.add("below", missed >= -gap)
        pay = (step * (1.0 + cost.buy + rate) * bought).sum() - (step * (1.0 - cost.sell - rate) * sold).sum()
        if tangents:
            impact = model.variable("impact", n, 0.0, cost.power_impact * full**1.5 * value / unit)
            for j, lots in enumerate(tangents):
                traded = prices * lot * lots / value
                slope = 1.5 * cost.power_impact * np.sqrt(traded)
                back = 0.5 * cost.power_impact * traded**1.5 * value / unit
                model.add(f"impact_{j}", impact >= slope * step * (bought + sold) - back)
            pay = pay + impact.sum()
        model.add("cash", pay <= cash / unit)
        if smallest > 0.0:
            buys = model.variable("buys", n, binary=True)
            sells = model.variable("sells", n, binary=True)
            for k, most, on in ((bought, most_bought, buys), (sold, most_sold, sells)):
                model.add(f"most_{'bought' if on is buys else 'sold'}", k <= most * on)
                model.add(f"least_{'bought' if on is buys else 'sold'}", k >= least * on)
            model.add("one_way", buys + sells <= 1.0)
        model.minimise(missed.sum())
        return solve(model.freeze(), time_limit=seconds)

    def spent(lots: Floats) -> float:
        money = prices * lot * lots
        return float(money.sum()) + value * cost.total(money / value)

    def net(answer: Solution) -> Floats:
        return np.asarray(np.rint(answer["bought"] - answer["sold"]), dtype=np.float64)

    none, unproved = np.zeros(n), False
    full = prices * lot * np.maximum(most_bought, most_sold) / value
    if not cost.power_impact.any():
        answer = planned([], none, time_limit)
    else:
        end = time.monotonic() + time_limit / 2.0
        wish = np.abs(target - prices * held) / (prices * lot)
        tangents = [np.round(part * wish) for part in (0.5, 1.0)]
        while True:
            answer = planned(tangents, none, max(end - time.monotonic(), 0.01))
            if answer.x is None or spent(net(answer)) <= cash + DEBT * value:
                break
            tangents.append(np.abs(net(answer)))
        if answer.x is None:  # out of time: impact at its rate at the largest trade there is
            answer = planned([], cost.power_impact * np.sqrt(full), time_limit / 2.0)
            unproved = True
    if answer.x is None:
        raise SolverFailure(f"no plan of lots was found in {time_limit:g} seconds ({answer.status}).")
    lots = net(answer)
    shares = lots * lot
    return LotPlan(
        shares=shares,
        distance=float(np.abs(prices * (held + shares) - target).sum()),
        cash=cash - spent(lots),
        status="feasible" if unproved else answer.status,
    )
