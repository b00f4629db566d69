"""The method `path`: prices on trades, the cheapest regime path, and branching where the path is ambiguous.

At a node some (piece, period) pairs are allowed. Prices y (see the module `prices` beside this one) give a true
bound; the cheapest path through a pair at those prices, when it is no better than the incumbent, excludes the pair
(forward-backward fixing); the path itself gives an incumbent, by the convex program along it. What is left is
unfolded into a graph of paths (the module `path_graph`), whose nodes have prices of their own and are split
where that sharpens the bound the most. Only where this stalls does the search branch, best bound first, on the
period whose marginal is the most ambiguous.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import optimize

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import SolverFailure
from proofolio.models.regime_switching.methods.path_graph import PathGraph, path_graph
from proofolio.models.regime_switching.methods.prices import (
    NodePrices,
    Priced,
    TradePrices,
    best_along,
    seconds_along,
    through_every_state,
)
from proofolio.models.regime_switching.problem import (
    Pieces,
    RegimeProblem,
    objective_size,
    within_budget,
)
from proofolio.models.regime_switching.solution import RegimeSolution, declared_answer
from proofolio.solvers.limits import Deadline
from proofolio.solvers.quadratic.batch import convexity_defect
from proofolio.solvers.solution import Settings

__all__ = ["PathMethod"]


# Temperatures of the smoothing, in parts of a period's cost, and evaluations at each: at the root, and below.
ROOT = ((3e-2, 30), (6e-3, 40), (1.5e-3, 60))
BELOW = ((1.5e-3, 25),)
# Below the root the convex program along a path costs as much as a node: only every so many nodes ask for it.
EVERY = 4
# Of the gap asked for, what fixing may use up.
OF_GAP = 0.9
# A graph: temperature, evaluations in the first round and in the longest, rounds, and arcs at most.
GRAPH, ROUND, LONGEST, ROUNDS, ARCS = 1.5e-3, 30, 120, 10, 12_000
# A split must promise this part of the best one's gain, and of what is left of the gap.
WORTH, LEAST = 0.1, 1e-3
# Of what is left of the gap, what the smoothing may hide before it is made colder.
LOOSE = 0.3
LEAST_SIZE = 1e-3


class PathMethod:
    """The method `path`: for coupled problems whose costs are convex quadratics, up to their concave maxima.

    Beside regimes and costs only bounds, a budget of 1, a fixed path, costs of turnover and switching and first
    holdings are known here.
    """

    name = "path"

    def fits(self, problem: RegimeProblem) -> str | None:
        """Return why the problem does not fit; None where it does."""
        if problem.options:
            return f"the path method does not know {', '.join(problem.options)}"
        if convexity_defect(problem.costs.Q) is None:
            return "the path method needs convex costs and Q is indefinite"
        if not problem.pieces.quadratic:
            return "the path method takes no convex maxima"
        return None

    def solve(self, problem: RegimeProblem, settings: Settings, deadline: Deadline) -> RegimeSolution:
        """Solve a problem that fits by its regime paths and check the answer against the raw data."""
        defect = convexity_defect(problem.costs.Q)
        assert defect is not None
        pieces = problem.pieces
        search = _Search(problem, pieces, defect, settings, deadline)
        search.run()
        if search.best is None:
            raise SolverFailure("no path could be solved for its weights: use method='whole'")
        W, states = search.best
        return declared_answer(
            problem,
            W.T,
            pieces.regime[states],
            search.bound,
            settings,
            deadline,
            self.name,
            nodes=search.nodes,
        )


# An open node: its bound, its number, its (piece, period) pairs or its graph, and prices.
_Open = tuple[float, int, "Mask | PathGraph", Floats]


class _OutOfTime(Exception):
    """Ends a maximisation inside its function."""


class _Search:
    """Best-first search over allowed pairs; `bound` and `best` are what is proved and found so far."""

    def __init__(
        self, problem: RegimeProblem, pieces: Pieces, defect: float, settings: Settings, deadline: Deadline
    ) -> None:
        self.problem, self.pieces, self.settings, self.deadline = problem, pieces, settings, deadline
        self.dual = TradePrices(problem, pieces, defect, deadline)
        self.best: tuple[Floats, Integers] | None = None
        self.value, self.bound, self.closed = np.inf, -np.inf, np.inf
        self.nodes = 0
        self._seen: set[bytes] = set()
        self._prices: Floats | None = None
        self._count = itertools.count()
        self._size = 1.0
        self._along = seconds_along(problem)

    @property
    def cutoff(self) -> float:
        """Bounds from here on close a node."""
        if not np.isfinite(self.value):
            return np.inf
        return self.value - OF_GAP * self.settings.gap * max(1e-10, abs(self.value))

    def run(self) -> None:
        """Search until the gap is closed or time is up."""
        D, T = self.pieces.regime.size, self.problem.T
        allowed = np.ones((D, T), dtype=bool)
        if self.problem.path is not None:
            allowed = self.pieces.regime[:, None] == self.problem.path
        y = 0.5 * self.dual.upper()
        first = self.dual.at(y, allowed)
        self._offer_unsolved(first)
        self._offer_path(first.phi)
        # where all costs are nothing, temperatures must stay above the rounding of what trades and switches cost
        least = LEAST_SIZE * objective_size(self.problem, 0.0) / T
        self._size = max(_size(np.where(allowed, first.phi, np.nan), self.value), least)
        if self._prices is not None:
            y = self._prices
        self.bound = min(self.dual.bound(first), self.value)
        heap: list[_Open] = [(self.bound, next(self._count), allowed, y)]
        while heap and not self.deadline.passed:
            known, _, place, y = heap[0]
            if known >= self.cutoff:
                break
            heapq.heappop(heap)
            self.nodes += 1
            if isinstance(place, PathGraph):
                children = self._unfold(known, place, y)
            else:
                children = self._node(known, place, y)
            for child in children:
                heapq.heappush(heap, child)
            self.bound = max(self.bound, min(self.closed, heap[0][0] if heap else np.inf, self.value))
            if self.settings.progress is not None:
                self.settings.progress(self.deadline.elapsed, self.value, self.bound)
        self.bound = max(self.bound, min(self.closed, heap[0][0] if heap else np.inf, self.value))

    def _node(self, known: float, allowed: Mask, y: Floats) -> list[_Open]:
        """Bound a node, fix, look for an incumbent, and return its children."""
        stages = ROOT if self.nodes == 1 else BELOW
        bound, y, marginal, allowed, late = self._maximise(known, allowed, y, stages)
        if late:
            return [(bound, next(self._count), allowed, y)]
        if bound >= self.cutoff or marginal is None:
            self.closed = min(self.closed, bound)
            return []
        sure = marginal.max(axis=0)
        t = int(np.where(allowed.sum(axis=0) > 1, sure, 2.0).argmin())
        if allowed[:, t].sum() <= 1:
            self.closed = min(self.closed, max(bound, self._last_path(allowed)))
            return []
        width = allowed.sum(axis=0)
        if (width[1:] * width[:-1]).sum() <= ARCS:
            graph = path_graph(allowed, self.dual.switch)
            return self._unfold(bound, graph, np.vstack([y, np.zeros((1, y.shape[1]))])[graph.boundary])
        d = int(marginal[:, t].argmax())
        taken, left = allowed.copy(), allowed.copy()
        taken[:, t] = False
        taken[d, t] = True
        left[d, t] = False
        return [(bound, next(self._count), taken, y), (bound, next(self._count), left, y)]

    def _unfold(self, known: float, graph: PathGraph, y: Floats) -> list[_Open]:
        """Bound the paths of a graph, splitting its nodes while that helps, and return what is left open."""
        prices, best, temperature = NodePrices(self.dual, graph), known, GRAPH * self._size
        count = ROUND
        share = np.zeros((self.pieces.regime.size, self.problem.T))
        for _ in range(ROUNDS):
            if prices.graph.one_path:
                break
            try:
                y = self._ascend(y, prices.upper(), partial(prices.softened, temperature), count)
            except _OutOfTime:
                return [(best, next(self._count), prices.graph, y)]
            priced = prices.at(y)
            through = prices.graph.through(priced.start, priced.cost)
            bound = float(through.min())
            best = max(best, bound)
            self._try(prices.graph.cheapest(priced.start, priced.cost))
            # an arc of a path that is kept may be lost to rounding, and then takes the path with it
            kept = prices.graph.connected(through < self.cutoff)
            if best >= self.cutoff or not np.any(kept):
                self.closed = min(self.closed, best)
                return []
            self.closed = min(self.closed, float(through[~kept].min(initial=np.inf)))
            value, _, marginal = prices.smoothed(priced, temperature)
            gains = prices.gains(priced, marginal)
            share = np.zeros_like(share)
            np.add.at(share, (prices.graph.piece, prices.graph.period), marginal)
            prices, y = prices.restricted(kept, y)
            left, loose = self.cutoff - bound, bound - value
            how = prices.worth_splitting(gains, max(WORTH * float(np.max(gains)), LEAST * left), ARCS)
            if loose > LOOSE * left:
                temperature *= max(0.1, LOOSE * left / loose)
            elif not how:
                break
            if float(np.maximum(*gains).sum()) < left and count < LONGEST:
                count *= 2  # splitting alone cannot close the gap: these prices are not the best ones yet
            else:
                prices, y = prices.split(how, y)
        return self._halves(best, prices.graph, share, y)

    def _halves(self, bound: float, graph: PathGraph, share: Floats, y: Floats) -> list[_Open]:
        """Split the paths of a graph by their piece in the period where the shares are the most ambiguous."""
        allowed = graph.pieces_left(share.shape[0])
        if graph.one_path:
            self.closed = min(self.closed, max(bound, self._last_path(allowed)))
            return []
        share = np.where(allowed, share, 0.0)
        open_ = allowed.sum(axis=0) > 1
        t = int(np.where(open_, share.max(axis=0) / np.maximum(share.sum(axis=0), 1e-300), 2.0).argmin())
        d = int(np.where(allowed[:, t], share[:, t], -1.0).argmax())
        here, taken = graph.period == t, graph.piece == d
        halves: list[_Open] = []
        for kept in (~here | taken, ~here | ~taken):
            half, nodes = graph.restricted(graph.connected(kept))
            halves.append((bound, next(self._count), half, y[nodes]))
        return halves

    def _last_path(self, allowed: Mask) -> float:
        """Return the bound of a node with one path, at the prices of the convex program along it."""
        states = allowed.argmax(axis=0).astype(np.intp)
        solved = self._solved_along(states)
        if solved is None:
            return -np.inf
        self._keep(states, *solved)
        return self.dual.bound(self.dual.at(solved[1], allowed))

    def _maximise(
        self, known: float, allowed: Mask, y: Floats, stages: tuple[tuple[float, int], ...]
    ) -> tuple[float, Floats, Floats | None, Mask, bool]:
        best, best_y = known, y
        marginal: Floats | None = None
        for part, count in stages:
            temperature = part * self._size
            try:
                smoothed = partial(self.dual.softened, allowed, temperature)
                y = self._ascend(best_y, self.dual.upper(), smoothed, count)
            except _OutOfTime:
                return best, best_y, marginal, allowed, True
            priced = self.dual.at(y, allowed)
            through = through_every_state(priced.phi, self.dual.switch) + priced.constant
            bound = float(through.min(axis=0).max())
            if bound > best or best_y is not y:
                best, best_y = max(best, bound), y
            self._offer_path(priced.phi)
            _, _, marginal = self.dual.smoothed(priced, temperature)
            self._offer(marginal.argmax(axis=0))
            useless = allowed & (through >= self.cutoff)
            if np.any(useless):
                self.closed = min(self.closed, float(through[useless].min()))
                allowed = allowed & ~useless
            if not np.all(allowed.any(axis=0)):
                return max(best, self.cutoff), best_y, None, allowed, False
            if best >= self.cutoff:
                return best, best_y, None, allowed, False
        return best, best_y, marginal, allowed, False

    def _ascend(
        self, y: Floats, upper: Floats, smoothed: Callable[[Floats], tuple[float, Floats]], count: int
    ) -> Floats:
        """Maximise the smoothing from y on, in units of the largest price and of a period's cost."""
        limit = self.dual.limit
        if limit == 0.0:
            return y

        def negative(flat: Floats) -> tuple[float, Floats]:
            if self.deadline.passed:
                raise _OutOfTime
            value, gradient = smoothed(limit * flat.reshape(y.shape))
            return -value / self._size, -(limit / self._size) * gradient.ravel()

        most = upper.ravel() / limit
        found = optimize.minimize(
            negative,
            y.ravel() / limit,
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(np.zeros(most.size), most),
            options={"maxfun": count, "maxiter": count, "maxcor": 12, "ftol": 1e-10, "gtol": 1e-9},
        )
        prices: Floats = limit * np.clip(found.x, 0.0, most).reshape(y.shape)
        return prices

    def _offer_path(self, phi: Floats) -> None:
        """Solve for the weights along the cheapest path, unless it was solved before."""
        self._offer(_cheapest(phi, self.dual.switch))

    def _offer(self, states: Integers) -> None:
        if self.nodes <= 1 or self.nodes % EVERY == 0:
            self._try(states)

    def _try(self, states: Integers) -> None:
        key = states.tobytes()
        if key in self._seen:
            return
        self._seen.add(key)
        solved = self._solved_along(states)
        if solved is not None:
            self._keep(states, *solved)

    def _offer_unsolved(self, priced: Priced) -> None:
        """Offer the weights that each period of the cheapest path would choose by itself: an incumbent at once."""
        states = _cheapest(priced.phi, self.dual.switch)
        W = priced.W[states, np.arange(self.problem.T)]
        self._keep(states, within_budget(W, self.problem.lower, self.problem.upper), None)

    def _solved_along(self, states: Integers) -> tuple[Floats, Floats] | None:
        """Solve for the weights along a path, which nothing can stop once begun: only where time suffices."""
        if self.deadline.left < self._along:
            return None
        before = self.deadline.elapsed
        solved = best_along(self.problem, self.pieces, states)
        self._along = max(self._along, self.deadline.elapsed - before)
        return solved

    def _keep(self, states: Integers, W: Floats, prices: Floats | None) -> None:
        value = self.problem.objective(W.T, self.pieces.regime[states])
        if value < self.value:
            self.value, self.best, self._prices = value, (W, states), prices


def _size(phi: Floats, value: float) -> float:
    """Return the size of a period's cost: its mean, or a tenth of its spread over the pieces."""
    spread = 0.1 * float(np.mean(np.nanmax(phi, axis=0) - np.nanmin(phi, axis=0)))
    mean = abs(value) / phi.shape[1] if np.isfinite(value) else float(np.nanmean(np.abs(phi)))
    return max(mean, spread, 1e-300)


def _cheapest(phi: Floats, switch: Floats) -> Integers:
    """Return the cheapest path of states."""
    D, T = phi.shape
    reach, before = phi[:, 0], np.zeros((T, D), dtype=np.intp)
    for t in range(1, T):
        arrivals = reach[:, None] + switch
        before[t] = arrivals.argmin(axis=0)
        reach = arrivals.min(axis=0) + phi[:, t]
    states = np.empty(T, dtype=np.intp)
    states[-1] = reach.argmin()
    for t in range(T - 1, 0, -1):
        states[t - 1] = before[t, states[t]]
    return states
