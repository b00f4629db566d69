r"""Prices on trades that differ from node to node of a path graph: the bound of `trade_prices`, made sharper.

With a price :math:`0 \le y_v \le 2\kappa` (n,) at every node v of a `PathGraph`, an arc a from u to v with piece d in
period t costs

.. math::
    \ell_a = \phi_{d,t}(c_{d,t} + y_u - y_v) + \text{toll}_a, \qquad y_{\text{end}} = 0,

and the cheapest path, :math:`-y_v'W_0` added at its first node v, bounds the program from below: along any one path
the prices are multipliers of that path's trades. Prices that may depend on the pieces near by close the gap that
one price for all paths leaves, and do it at all ambiguous periods at once where a tree would multiply them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.models.path_graph import IN, OUT, PathGraph
from proofolio.models.trade_prices import TradePrices
from proofolio.solvers.simplex_qp import SimplexQPs

__all__ = ["NodePrices", "PricedArcs"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Mask = NDArray[np.bool_]


class PricedArcs(NamedTuple):
    """What prices prove: the arcs' costs (A,) at their lower bounds and weights (A, n), the nodes' starts (N,)."""

    cost: Floats
    W: Floats
    start: Floats


class NodePrices:
    """The dual function of one declared program on one path graph.

    Parameters
    ----------
    dual : TradePrices
        Of the same program.
    graph : PathGraph
    family : SimplexQPs, optional
        One quadratic program an arc; those of `dual` are copied when left out.
    """

    def __init__(self, dual: TradePrices, graph: PathGraph, family: SimplexQPs | None = None) -> None:
        self.dual, self.graph = dual, graph
        T = dual.shape[0]
        self._family = dual.family.taken(graph.piece * T + graph.period) if family is None else family
        self._c = dual.c[graph.piece, graph.period]
        self._k = dual.k[graph.piece, graph.period] + graph.toll
        self._first: Mask = graph.boundary == 0
        N, A = graph.boundary.size, graph.period.size
        one, arc = np.ones(A), np.arange(A)
        self._out = sparse.csr_array((one, (graph.tail, arc)), shape=(N, A))
        self._in = sparse.csr_array((one, (graph.head, arc)), shape=(N, A))

    def upper(self) -> Floats:
        """Return the largest prices, shape (N, n)."""
        most = np.full((self.graph.boundary.size, self.dual.shape[1]), self.dual.limit)
        most[-1] = 0.0
        if self.dual.initial is None:
            most[self._first] = 0.0
        return most

    def at(self, y: Floats) -> PricedArcs:
        """Evaluate every arc at prices y (N, n)."""
        slope = self._c + (y[self.graph.tail] - y[self.graph.head])
        W, _, phi = self._family.minimise(slope[:, None], deadline=self.dual.deadline)
        start = np.full(y.shape[0], np.inf)
        start[self._first] = 0.0 if self.dual.initial is None else -(y[self._first] @ self.dual.initial)
        return PricedArcs(phi[:, 0] + self._k, W[:, 0], start)

    def softened(self, temperature: float, y: Floats) -> tuple[float, Floats]:
        """Return the smoothing of the bound at prices y (N, n), and its gradient."""
        return self.smoothed(self.at(y), temperature)[:2]

    def smoothed(self, priced: PricedArcs, temperature: float) -> tuple[float, Floats, Floats]:
        """Return the smoothing of the bound, its gradient (N, n) in y, and the marginals (A,) of the arcs."""
        value, marginal = self.graph.softened(priced.start, priced.cost, temperature)
        held = marginal[:, None] * priced.W
        gradient: Floats = np.asarray(self._out @ held) - np.asarray(self._in @ held)
        if self.dual.initial is None:
            gradient[self._first] = 0.0
        else:
            begun = np.asarray(self._out @ marginal)[self._first]
            gradient[self._first] -= begun[:, None] * self.dual.initial
        gradient[-1] = 0.0
        return value, gradient, marginal

    def gains(self, priced: PricedArcs, marginal: Floats) -> tuple[Floats, Floats]:
        """Estimate, for every boundary (T + 1,), what splitting it by incoming and by outgoing arcs would add.

        At the best prices the trades at a node are those of its mean weights before and after; a split charges
        each arc for the trades from (to) its own weights instead. Others' answers are taken to stay put.
        """
        graph, T = self.graph, self.dual.shape[0]
        held = marginal[:, None] * priced.W
        into, outof = np.asarray(self._in @ marginal), np.asarray(self._out @ marginal)
        before: Floats = np.asarray(self._in @ held) / np.maximum(into, 1e-300)[:, None]
        after: Floats = np.asarray(self._out @ held) / np.maximum(outof, 1e-300)[:, None]
        before[self._first] = after[self._first] if self.dual.initial is None else self.dual.initial
        after[-1] = before[-1]
        kappa = 0.5 * self.dual.limit
        together = kappa * outof * np.abs(after - before).sum(axis=1)
        by_in = kappa * marginal * np.abs(after[graph.head] - priced.W).sum(axis=1)
        by_out = kappa * marginal * np.abs(priced.W - before[graph.tail]).sum(axis=1)
        base = np.bincount(graph.boundary, together, T + 1)
        gain_in: Floats = np.bincount(graph.period + 1, by_in, T + 1).astype(float) - base
        gain_out: Floats = np.bincount(graph.period, by_out, T + 1).astype(float) - base
        gain_in[[0, T]] = gain_out[T] = 0.0
        if self.dual.initial is None:
            gain_out[0] = 0.0
        return gain_in, gain_out

    def restricted(self, kept: Mask, y: Floats) -> tuple[NodePrices, Floats]:
        """Return the function on the graph of some arcs, and prices there."""
        graph, nodes = self.graph.restricted(kept)
        return NodePrices(self.dual, graph, self._family.taken(np.flatnonzero(kept))), y[nodes]

    def split(self, how: dict[int, str], y: Floats) -> tuple[NodePrices, Floats]:
        """Return the function on the split graph, and prices of the same bound there."""
        graph, nodes, arcs = self.graph.split(how)
        return NodePrices(self.dual, graph, self._family.taken(arcs)), y[nodes]

    def worth_splitting(self, gains: tuple[Floats, Floats], least: float, most: int) -> dict[int, str]:
        """Return how to split the boundaries that promise at least so much, for at most so many arcs."""
        best = np.maximum(*gains)
        how: dict[int, str] = {}
        for t in np.argsort(-best).tolist():
            if best[t] < least:
                break
            how[t] = IN if gains[0][t] >= gains[1][t] else OUT
            tails, heads = self.graph.copies(how)
            if (tails * heads).sum() > most:
                del how[t]
        return how
