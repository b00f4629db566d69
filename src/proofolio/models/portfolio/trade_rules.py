r"""Rules of trades that need binaries: a smallest trade, a fee for each, and caps while something else is held.

A trade :math:`u = w - w_{before}` with :math:`-D \le u \le U` by the bounds is nothing, bought, sold in part or sold
as a whole, of which at most one is true,

.. math::
    m z^+ - D (z^- + z^0) \le u \le U z^+ - m z^-, \qquad
    z^0 = 1 \Rightarrow w \le \ell, \qquad z^+ + z^- + z^0 \le 1,

so that a holding below the smallest trade m can still be sold. Without the last row a purchase and a sale together
would break the rule: u = .064 is .138 bought less .074 sold. U and D are the M's, and what the rows say is proved by
`proofolio.prove` in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.implications import implies
from proofolio.models.arguments import each_asset
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, concatenate

__all__ = ["ConditionalCap", "TradeRules", "smallest_trade"]


@dataclass(frozen=True)
class ConditionalCap:
    """While more than `above` is held of one asset, another is held at most up to a limit, in every period.

    Attributes
    ----------
    asset : int
        The one that is capped.
    limit : float
    held : int
        The one whose weight decides.
    above : float
    """

    asset: int
    limit: float
    held: int
    above: float = 0.0


@dataclass(frozen=True, eq=False)
class TradeRules:
    """What every trade keeps; make it with `of`, which checks the numbers.

    Attributes
    ----------
    minimum_trade : ndarray, shape (n,)
        Of each asset: nothing, or at least so much, or a holding sold as a whole.
    fixed_cost : ndarray, shape (n,)
        Of each trade, whatever its size, a fraction of the portfolio.
    caps : tuple of ConditionalCap
    """

    minimum_trade: Floats
    fixed_cost: Floats
    caps: tuple[ConditionalCap, ...] = ()

    @classmethod
    def of(
        cls,
        n: int,
        minimum_trade: ArrayLike = 0.0,
        fixed_cost: ArrayLike = 0.0,
        caps: Sequence[ConditionalCap] = (),
    ) -> TradeRules:
        """Return the rules of n assets.

        Raises
        ------
        BadData
            For numbers below 0 or not finite, and caps of assets that are not there.
        """
        for number, cap in enumerate(caps, 1):
            if not isinstance(cap, ConditionalCap):
                raise BadData(
                    f"conditional cap {number} is a {type(cap).__name__}; give ConditionalCap(asset, limit, held)"
                )
            if not (0 <= cap.asset < n and 0 <= cap.held < n and cap.asset != cap.held):
                raise BadData(
                    f"conditional cap {number} is of asset {cap.asset} while {cap.held} is held; give two different "
                    f"assets, counted 0 to {n - 1}"
                )
            if not np.isfinite([cap.limit, cap.above]).all():
                raise BadData(f"conditional cap {number} has no finite limit; give numbers")
        least, fee = each_asset("minimum_trade", minimum_trade, n), each_asset("fixed_cost", fixed_cost, n)
        return cls(least, fee, tuple(caps))

    def without(self, cash: int | None) -> TradeRules:
        """Return the same rules, of which trades of cash are free."""
        traded = np.arange(self.minimum_trade.size) != (-1 if cash is None else cash)
        return TradeRules(self.minimum_trade * traded, self.fixed_cost * traded, self.caps)

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.minimum_trade.any() or self.fixed_cost.any() or self.caps)

    def add(self, model: Builder, W: Expression, w0: Floats) -> Any:
        """Write the rules on weights (n, T) after holdings (n,), and return what the fees cost: an expression or 0."""
        cost: Any = 0.0
        some = np.flatnonzero((self.minimum_trade > 0.0) | (self.fixed_cost > 0.0)).tolist()
        if some:
            # holdings as variables that are fixed, so that every period is written alike
            first = model.variable("held_before", (len(some), 1), w0[some][:, None], w0[some][:, None])
            w = W[some]
            before = concatenate([first, w[:, :-1]], axis=1) if W.shape[1] > 1 else first
            traded = smallest_trade(model, "trade", w, before, self.minimum_trade[some][:, None])
            if self.fixed_cost.any():
                cost = (self.fixed_cost[some][:, None] * traded).sum()
        for j, cap in enumerate(self.caps):
            on = model.variable(f"cap_{j}", (W.shape[1],), binary=True)
            implies(model, f"cap_{j}_off", on, W[cap.held] <= cap.above, when=0)
            implies(model, f"cap_{j}_on", on, W[cap.asset] <= cap.limit)
        return cost


def smallest_trade(model: Builder, name: str, w: Any, before: Any, least: ArrayLike) -> Expression:
    """Let each entry of w stay as it was, or move by at least so much, or down to its lower bound; return which move.

    Parameters
    ----------
    model : Builder
    name : str
        Binaries are ``{name}_bought``, ``{name}_part`` and ``{name}_whole``.
    w, before : Expression
        Of one shape, with finite bounds.
    least : array_like
        Broadcast to it, from 0.

    Returns
    -------
    Expression
        1 where something is traded, 0 where nothing is.

    Notes
    -----
    Adds: with S the shape of w, binaries ``{name}_bought``, ``{name}_part``, ``{name}_whole`` (S), rows
    ``{name}_from``, ``{name}_to``, ``{name}_one`` (S) and those of `implies` for ``{name}_out``.
    """
    u = w - before
    box, m = model.bounds(u), np.broadcast_to(np.asarray(least, dtype=float), w.shape)
    # what is out of reach, and what costs nothing to leave out, gets no binary
    bought = model.variable(f"{name}_bought", w.shape, upper=(box[1] >= m).astype(float), binary=True)
    part = model.variable(f"{name}_part", w.shape, upper=(-box[0] >= m).astype(float), binary=True)
    whole = model.variable(f"{name}_whole", w.shape, binary=True)
    up, down = np.maximum(box[1], 0.0), np.maximum(-box[0], 0.0)
    model.add(f"{name}_from", u >= m * bought - down * (part + whole))
    model.add(f"{name}_to", u <= up * bought - m * part)
    implies(model, f"{name}_out", whole, w <= model.bounds(w)[0])
    model.add(f"{name}_one", bought + part + whole <= 1)
    moved: Expression = bought + part + whole
    return moved
