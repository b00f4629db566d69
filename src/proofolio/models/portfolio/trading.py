r"""What trading costs: functions of the trades between periods.

With :math:`u_t = W_t - W_{t-1}`, the first period counting only where the holdings before it are given,

.. math::
    \sum_t \Bigl(\kappa \|u_t\|_1 + \sum_i a_i |u_{i,t}| + c_i u_{i,t} + q_i u_{i,t}^2 + p_i |u_{i,t}|^{3/2}\Bigr).

All of it grows with the size :math:`v \ge |u|`. The power 3/2 is exact by two rotated cones,

.. math:: v^2 \le s y, \qquad y^2 \le v \qquad\Longrightarrow\qquad s \ge v^{3/2},

or joined from chords, which lie above it by no more than a proved error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.piecewise import interpolation_error, piecewise_linear_of
from proofolio.formulations.signs import absolute
from proofolio.models.arguments import each_asset, finite, not_negative, whole
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, concatenate

__all__ = ["Trading", "add_plan"]


ROUNDING = 1e-12  # relative, of the sums behind the error of the chords


class Trading:
    """Costs of trades over T periods; it knows nothing of regimes.

    Parameters
    ----------
    n, periods : int
    turnover_cost : float
        Of the sum of the sizes of the trades.
    quadratic_impact, power_impact : float or array_like, shape (n,)
        Of the squares of the trades, and of their sizes to the power 3/2.
    half_spread, asymmetry : float or array_like, shape (n,)
        a and c: as in `proofolio.models.portfolio.trade_cost.TradeCost`, |c| at most a.
    impact_pieces : int, optional
        Chords to the power 3/2 for each trade; exact cones when left out.
    initial : array_like, shape (n,), optional
        Holdings before the first period.

    Raises
    ------
    BadData
        Naming the argument.
    """

    def __init__(
        self,
        n: int,
        periods: int,
        *,
        turnover_cost: float = 0.0,
        quadratic_impact: ArrayLike = 0.0,
        power_impact: ArrayLike = 0.0,
        half_spread: ArrayLike = 0.0,
        asymmetry: ArrayLike = 0.0,
        impact_pieces: int | None = None,
        initial: ArrayLike | None = None,
    ) -> None:
        self.periods = periods
        self.turnover_cost = not_negative("turnover_cost", turnover_cost)
        self.quadratic_impact = each_asset("quadratic_impact", quadratic_impact, n)
        charged = TradeCost.of(n, half_spread, power_impact, asymmetry)
        self.half_spread, self.power_impact, self.asymmetry = (
            charged.half_spread,
            charged.power_impact,
            charged.asymmetry,
        )
        self.impact_pieces = None if impact_pieces is None else whole("impact_pieces", impact_pieces, 1)
        self.initial = None if initial is None else _initial(initial, n)

    @property
    def first(self) -> int:
        """The first period whose trades count."""
        return 1 if self.initial is None else 0

    @property
    def couples(self) -> bool:
        """Whether any trade costs anything, so that one period's weights matter to the next."""
        priced = self.half_spread.any() or self.quadratic_impact.any() or self.power_impact.any()
        return bool(self.turnover_cost or priced)

    @property
    def options(self) -> tuple[str, ...]:
        """What is asked for beyond a cost of turnover."""
        asked = {
            "half_spread": self.half_spread.any(),
            "quadratic_impact": self.quadratic_impact.any(),
            "power_impact": self.power_impact.any(),
        }
        return tuple(name for name, present in asked.items() if present)

    # ------------------------------------------------------------------ build
    def add(self, model: Builder, W: Expression, limit: Floats, balanced: bool) -> Any:
        """Write the variables and rows on weights of shape (n, T), and return the cost: an expression or 0.

        Parameters
        ----------
        model : Builder
        W : Expression, shape (n, T)
        limit : ndarray, shape (T,)
            Of the turnover of each period, see `PlanSet`.
        balanced : bool
            Whether rows of the model fix the same sum of the weights in every period, and the first holdings have
            it: then what is bought equals what is sold, and buys alone give the turnover.
        """
        if not (self.couples or np.isfinite(limit).any()) or self.first >= self.periods:
            return 0.0
        u = W[:, 1:] - W[:, :-1] if self.periods > 1 else None
        if self.initial is not None:
            bought = W[:, :1] - self.initial[:, None]
            u = bought if u is None else concatenate([bought, u], axis=1)
        assert u is not None
        each = bool(self.half_spread.any() or self.quadratic_impact.any() or self.power_impact.any())
        if balanced and not each:
            buy = model.variable("buy", u.shape, 0.0)
            model.add("bought", buy >= u)
            turnover = 2.0 * buy.sum(0)
            cost: Any = 0.0
        else:
            traded = absolute(model, "traded", u, side="at_least")
            turnover = traded.sum(0)
            cost = self._impact(model, traded, _reach(model.bounds(u)))
            if self.half_spread.any():
                cost = cost + (self.half_spread[:, None] * traded + self.asymmetry[:, None] * u).sum()
        limit = limit[self.first :]
        limited = np.flatnonzero(np.isfinite(limit))
        if limited.size:
            model.add("turnover", turnover[limited] <= limit[limited])
        return cost + self.turnover_cost * turnover.sum() if self.turnover_cost else cost

    def _impact(self, model: Builder, traded: Expression, reach: Floats) -> Any:
        cost: Any = 0.0
        square = np.flatnonzero(self.quadratic_impact)
        if square.size:
            weights = np.diag(self.quadratic_impact[square])
            cost = cost + model.quadratic(weights, traded[square].T).sum()
        power = np.flatnonzero(self.power_impact)
        if not power.size:
            return cost
        p, v = self.power_impact[power][:, None], traded[power]
        if self.impact_pieces is not None:
            unit = np.where(reach[power] > 0.0, reach[power], 1.0)  # a trade that cannot be has no size
            pieces = piecewise_linear_of(
                model, "impact", _three_halves, v / unit, _chords(self.impact_pieces), side="at_least"
            )
            return cost + (p * unit**1.5 * pieces.value).sum()
        size = model.variable("impact", v.shape, 0.0)
        root = model.variable("impact_root", v.shape, 0.0)
        model.cone("impact_cone", v.reshape((*v.shape, 1)), size, root)
        model.cone("impact_root_cone", root.reshape((*v.shape, 1)), v)
        return cost + (p * size).sum()

    def impact_error(self, lower: Floats, upper: Floats) -> float:
        """Bound how far above the cost of trades between bounds (T, n) the built cost can be."""
        if self.impact_pieces is None or not self.power_impact.any() or self.first >= self.periods:
            return 0.0
        before, after = (lower[:-1], upper[:-1]), (lower[1:], upper[1:])
        if self.initial is not None:
            before = (np.vstack([self.initial, before[0]]), np.vstack([self.initial, before[1]]))
            after = (lower, upper)
        reach = np.maximum(after[1] - before[0], before[1] - after[0])
        each = float(interpolation_error(_three_halves, _chords(self.impact_pieces)).max())
        return float((self.power_impact * reach**1.5).sum()) * each * (1.0 + ROUNDING)

    # --------------------------------------------------------------- evaluate
    @property
    def largest_cost(self) -> float:
        """What a trade of size 1 costs at most."""
        each = self.half_spread + np.abs(self.asymmetry) + self.quadratic_impact + self.power_impact
        return float(self.turnover_cost + np.max(each))

    def trades(self, W: Floats) -> Floats:
        """Return the trades that count at weights (n, T)."""
        return np.diff(W, axis=1) if self.initial is None else np.diff(np.column_stack([self.initial, W]))

    def cost(self, W: Floats) -> float:
        """Return what trading costs at weights (n, T), the power 3/2 taken as it is."""
        u = self.trades(W)
        size = np.abs(u)
        total = self.turnover_cost * size.sum()
        total += (self.half_spread @ size).sum() + (self.asymmetry @ u).sum()
        total += (self.quadratic_impact @ size**2).sum() + (self.power_impact @ size**1.5).sum()
        return float(total)


def add_plan(model: Builder, plan_set: PlanSet, w0: Floats, charged: TradeCost) -> tuple[Expression, Any]:
    """Add variables ``W`` (n, T) of a plan after holdings (n,), its rules, and what its trades are charged, cash free.

    Returns W, and the cost of trading: an expression or 0.

    Adds: ``W`` with the rows of `PlanSet.add`, and of `Trading.add` ``buy`` or ``traded``.
    """
    W = model.variable("W", (plan_set.n, plan_set.periods), plan_set.lower.T, plan_set.upper.T)
    plan_set.add(model, W)
    traded = np.flatnonzero(plan_set.counted).tolist()
    a, p, c = charged.half_spread[traded], charged.power_impact[traded], charged.asymmetry[traded]
    alike = (
        a.size > 0 and not p.any() and not c.any() and bool((a == a[0]).all())
    )  # then what is bought will do
    trading = Trading(
        len(traded), plan_set.periods, turnover_cost=float(a[0]) if alike else 0.0, initial=w0[traded],
        half_spread=0.0 if alike else a, power_impact=p, asymmetry=c,
    )  # fmt: skip
    balanced = plan_set.cash is None and float(w0.sum()) == plan_set.budget
    return W, trading.add(model, W[traded], plan_set.turnover_limit, balanced)


def _three_halves(v: Floats) -> Floats:
    raised: Floats = v**1.5
    return raised


def _chords(pieces: int) -> Floats:
    # the second derivative falls as v^(-1/2): segments so spaced share the error evenly
    points: Floats = (np.arange(pieces + 1) / pieces) ** (4.0 / 3.0)
    return points


def _reach(bounds: tuple[Floats, Floats]) -> Floats:
    return np.maximum(np.maximum(-bounds[0], bounds[1]), 0.0)


def _initial(initial: ArrayLike, n: int) -> Floats:
    holdings = finite("initial", initial)
    if holdings.shape != (n,):
        raise BadData(f"initial has shape {holdings.shape}; it must be ({n},)")
    return holdings
