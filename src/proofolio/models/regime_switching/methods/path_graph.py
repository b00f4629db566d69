"""Regime paths as the paths of a layered graph, which can tell apart as much of the past and future as is wanted.

Boundary t lies before period t; an arc of period t leads from a node at boundary t to one at boundary t + 1 and
stands for one convex piece of the costs in that period. Paths from boundary 0 to boundary T and the sequences
of pieces that are allowed correspond one to one. At first the node at boundary t says which piece follows.
Splitting a node by its incoming (outgoing) arcs gives every such arc a copy of the node of its own with all its
outgoing (incoming) arcs: the paths stay the same, and the nodes know one period more.

Source: Bergman, Cire, van Hoeve and Hooker (2016), *Decision Diagrams for Optimization*, chapter 4 (exact
compilation by separation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from proofolio.arrays import Floats, Integers, Mask

__all__ = ["IN", "OUT", "PathGraph", "path_graph"]


# How a boundary is split: its nodes by their incoming arcs, or by their outgoing ones.
IN, OUT = "in", "out"


@dataclass(frozen=True, eq=False)
class PathGraph:
    """Nodes in order of their boundaries and arcs in order of their periods.

    Attributes
    ----------
    boundary : ndarray of int, shape (N,)
        Of each node; there is one node at boundary T.
    period, piece, tail, head : ndarray of int, shape (A,)
        Of each arc.
    toll : ndarray, shape (A,)
        What an arc costs besides its piece: the switch to the next one.
    """

    boundary: Integers
    period: Integers
    piece: Integers
    tail: Integers
    head: Integers
    toll: Floats

    @cached_property
    def layers(self) -> tuple[slice, ...]:
        """The arcs of each period."""
        ends = np.searchsorted(self.period, np.arange(self.boundary[-1] + 1))
        return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))

    @property
    def one_path(self) -> bool:
        """Whether there is no choice left."""
        return self.period.size == len(self.layers)

    def pieces_left(self, count: int) -> Mask:
        """Return which of the pieces (count,) are left in each period, shape (count, T)."""
        left = np.zeros((count, len(self.layers)), dtype=bool)
        left[self.piece, self.period] = True
        return left

    def reach(self, start: Floats, cost: Floats) -> Floats:
        """Return the cost of the cheapest path to each node; `start` (N,) is finite at boundary 0 alone."""
        reach = start.copy()
        for arcs in self.layers:
            np.minimum.at(reach, self.head[arcs], reach[self.tail[arcs]] + cost[arcs])
        return reach

    def leave(self, cost: Floats) -> Floats:
        """Return the cost of the cheapest path from each node to the end."""
        leave = np.full(self.boundary.size, np.inf)
        leave[-1] = 0.0
        for arcs in reversed(self.layers):
            np.minimum.at(leave, self.tail[arcs], leave[self.head[arcs]] + cost[arcs])
        return leave

    def through(self, start: Floats, cost: Floats) -> Floats:
        """Return the cost of the cheapest path through each arc; costs may be infinite."""
        return self.reach(start, cost)[self.tail] + cost + self.leave(cost)[self.head]

    def cheapest(self, start: Floats, cost: Floats) -> Integers:
        """Return the pieces of the cheapest path."""
        leave = self.leave(cost)
        node = int((start + leave).argmin())
        states = np.empty(len(self.layers), dtype=np.intp)
        for t, arcs in enumerate(self.layers):
            arrivals = np.where(self.tail[arcs] == node, cost[arcs] + leave[self.head[arcs]], np.inf)
            arc = arcs.start + int(arrivals.argmin())
            states[t], node = self.piece[arc], int(self.head[arc])
        return states

    def softened(self, start: Floats, cost: Floats, temperature: float) -> tuple[float, Floats]:
        """Return -tau log of the sum over paths of exp(-cost / tau), and the marginals (A,) of the arcs."""
        N = self.boundary.size
        forward, backward = start.copy(), np.full(N, np.inf)
        backward[-1] = 0.0
        for arcs in self.layers:
            _soften(forward, self.head[arcs], forward[self.tail[arcs]] + cost[arcs], temperature)
        for arcs in reversed(self.layers):
            _soften(backward, self.tail[arcs], backward[self.head[arcs]] + cost[arcs], temperature)
        value = float(forward[-1])
        marginal = np.exp(
            np.minimum((value - forward[self.tail] - cost - backward[self.head]) / temperature, 0.0)
        )
        return value, marginal / np.bincount(self.period, marginal)[self.period]

    def restricted(self, kept: Mask) -> tuple[PathGraph, Integers]:
        """Return the graph of some arcs and the old numbers of its nodes.

        Every arc kept must lie on a path of arcs kept.
        """
        alive = np.zeros(self.boundary.size, dtype=bool)
        alive[self.tail[kept]] = alive[self.head[kept]] = True
        new = np.cumsum(alive) - 1
        arcs = (
            self.period[kept],
            self.piece[kept],
            new[self.tail[kept]],
            new[self.head[kept]],
            self.toll[kept],
        )
        return PathGraph(self.boundary[alive], *arcs), np.flatnonzero(alive)

    def connected(self, kept: Mask) -> Mask:
        """Return which arcs lie on a path of arcs kept."""
        start = np.where(self.boundary == 0, 0.0, np.inf)
        on: Mask = np.isfinite(self.through(start, np.where(kept, 0.0, np.inf)))
        return on

    def copies(self, how: Mapping[int, str]) -> tuple[Integers, Integers]:
        """Return how many tails and how many heads each arc has after a split."""
        tails, heads = np.ones_like(self.tail), np.ones_like(self.head)
        into = np.bincount(self.head, minlength=self.boundary.size)
        outof = np.bincount(self.tail, minlength=self.boundary.size)
        by_in, by_out = self._split_nodes(how, IN), self._split_nodes(how, OUT)
        tails = np.where(by_in[self.tail], into[self.tail], tails)
        heads = np.where(by_out[self.head], outof[self.head], heads)
        return tails, heads

    def split(self, how: Mapping[int, str]) -> tuple[PathGraph, Integers, Integers]:
        """Split the nodes of some boundaries by their `IN` or `OUT` arcs.

        Returns
        -------
        graph : PathGraph
        nodes, arcs : ndarray of int
            Which old node, and which old arc, each new one is a copy of.
        """
        N, A = self.boundary.size, self.period.size
        by_in, by_out = self._split_nodes(how, IN), self._split_nodes(how, OUT)
        # a copy belongs to an arc, or to the node itself where it is not split
        entering, leaving = np.flatnonzero(by_in[self.head]), np.flatnonzero(by_out[self.tail])
        whole = np.flatnonzero(~(by_in | by_out))
        nodes = np.concatenate([whole, self.head[entering], self.tail[leaving]])
        order = np.argsort(nodes, kind="stable")
        place = np.empty(order.size, dtype=np.intp)
        place[order] = np.arange(order.size)
        nodes = nodes[order]
        first = np.searchsorted(nodes, np.arange(N))
        tail, head = first[self.tail], first[self.head]
        head[entering] = place[whole.size : whole.size + entering.size]
        tail[leaving] = place[whole.size + entering.size :]
        tails, heads = self.copies(how)
        many = tails * heads
        arcs = np.repeat(np.arange(A), many)
        inner = np.arange(arcs.size) - np.repeat(np.cumsum(many) - many, many)
        return (
            PathGraph(
                self.boundary[nodes],
                self.period[arcs],
                self.piece[arcs],
                tail[arcs] + inner // heads[arcs],
                head[arcs] + inner % heads[arcs],
                self.toll[arcs],
            ),
            nodes,
            arcs,
        )

    def _split_nodes(self, how: Mapping[int, str], by: str) -> Mask:
        chosen = np.zeros(int(self.boundary[-1]) + 1, dtype=bool)
        chosen[[t for t, word in how.items() if word == by]] = True
        return chosen[self.boundary]


def path_graph(allowed: Mask, switch: Floats) -> PathGraph:
    """Return the graph of all sequences of allowed pieces (D, T), with a cost (D, D) for each change."""
    T = allowed.shape[1]
    piece_of = [np.flatnonzero(allowed[:, t]) for t in range(T)]
    first = np.concatenate([[0], np.cumsum([p.size for p in piece_of])])
    period, piece, tail, head, toll = [], [], [], [], []
    for t, here in enumerate(piece_of):
        after = piece_of[t + 1] if t + 1 < T else np.zeros(1, dtype=np.intp)
        i, j = np.divmod(np.arange(here.size * after.size), after.size)
        period.append(np.full(i.size, t))
        piece.append(here[i])
        tail.append(first[t] + i)
        head.append(first[t + 1] + j)
        toll.append(switch[here[i], after[j]] if t + 1 < T else np.zeros(i.size))
    boundary = np.repeat(np.arange(T + 1), [*(p.size for p in piece_of), 1])
    return PathGraph(
        boundary,
        np.concatenate(period),
        np.concatenate(piece),
        np.concatenate(tail),
        np.concatenate(head),
        np.concatenate(toll),
    )


def _soften(value: Floats, node: Integers, arrivals: Floats, temperature: float) -> None:
    """Set the nodes' values to the softened minima of the arrivals there."""
    least = np.full(value.size, np.inf)
    np.minimum.at(least, node, arrivals)
    total = np.bincount(node, np.exp((least[node] - arrivals) / temperature), value.size)
    there = total > 0.0
    value[there] = least[there] - temperature * np.log(total[there])
