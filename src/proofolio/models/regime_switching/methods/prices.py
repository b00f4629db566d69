r"""Prices on trades that differ from node to node of a path graph: the bound of `TradePrices`, made sharper.

With a price :math:`0 \le y_v \le 2\kappa` (n,) at every node v of a `PathGraph`, an arc a from u to v with piece d in
period t costs

.. math::
    \ell_a = \phi_{d,t}(c_{d,t} + y_u - y_v) + \text{toll}_a, \qquad y_{\text{end}} = 0,

and the cheapest path, :math:`-y_v'W_0` added at its first node v, bounds the program from below: along any one path
the prices are multipliers of that path's trades. Prices that may depend on the pieces near by close the gap that
one price for all paths leaves, and do it at all ambiguous periods at once where a tree would multiply them.

Prices on trades: a bound on the coupled regime-switching program that separates given the regime path.

With buys :math:`b_t \ge W_t - W_{t-1}`, :math:`b_t \ge 0`, each at :math:`2\kappa` (the budget makes buys equal
sales), and multipliers :math:`0 \le y_t \le 2\kappa`, the Lagrangian dual function is

.. math::
    D(y) = -y_1'W_0 + \min_{d_1, \dots, d_T} \sum_t \phi_{d_t,t}(c_{d_t,t} + y_t - y_{t+1})
        + \sigma\,\#\{t : r(d_t) \ne r(d_{t-1})\}, \quad y_{T+1} = 0,

a shortest path over the convex pieces d of the regimes' costs; :math:`y_1 = 0` where there are no first holdings.
Each :math:`\phi` is a small quadratic program taken at its lower bound, so that D(y) is a true bound for *any* y. It
is concave but not smooth; its log-sum-exp smoothing at a temperature :math:`\tau` is both, and its gradient in
:math:`y_t` is the mean of :math:`W_t - W_{t-1}` under the marginals of the paths.

The convex quadratic program that is left when the path is fixed gives weights, and its multipliers of the buys are
prices again (`best_along`):

.. math::
    \min \sum_t W_t'Q_tW_t + c_t'W_t + 2\kappa 1'b_t \quad\text{s.t.}\quad b_t \ge W_t - W_{t-1},\ b \ge 0,
    \ \ 1'W_t = 1,\ \ \ell \le W \le u

Source: Lemaréchal (2001), "Lagrangian relaxation"; Nesterov (2005), "Smooth minimization of non-smooth functions".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import piqp
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask
from proofolio.models.regime_switching.methods.path_graph import IN, OUT, PathGraph
from proofolio.models.regime_switching.problem import Pieces, RegimeProblem, within_budget
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.quadratic.batch import SimplexQPs

__all__ = [
    "NodePrices",
    "Priced",
    "PricedArcs",
    "TradePrices",
    "best_along",
    "seconds_along",
    "through_every_state",
]


# A switch costs at most so many temperatures, or the marginals would underflow.
COLDEST = 300.0


class Priced(NamedTuple):
    """What prices y prove: costs phi (D, T) at their lower bounds, the weights (D, T, n), and the constant."""

    phi: Floats
    W: Floats
    constant: float


class TradePrices:
    """The dual function of one declared problem.

    Parameters
    ----------
    problem : RegimeProblem
    pieces : Pieces
        Without maxima left.
    defect : float
        Of the convexity of Q, as `convexity_defect` says.
    deadline : Deadline
        What is evaluated after it is a true bound still, but a weak one.
    """

    def __init__(
        self, problem: RegimeProblem, pieces: Pieces, defect: float, deadline: Deadline = NEVER
    ) -> None:
        D, T, n = pieces.regime.size, problem.T, problem.n
        self.shape = (T, n)
        self.initial = problem.initial
        self.deadline = deadline
        self.limit = 2.0 * problem.turnover_cost
        self.c = np.broadcast_to(pieces.c, (D, T, n))
        self.k = np.broadcast_to(pieces.k, (D, T))
        self.switch: Floats = problem.switch_cost * (pieces.regime[:, None] != pieces.regime)
        self.family = SimplexQPs(pieces.Q, problem.lower, problem.upper, defect)

    def upper(self) -> Floats:
        """Return the largest prices, shape (T, n)."""
        most = np.full(self.shape, self.limit)
        if self.initial is None:
            most[0] = 0.0
        return most

    def at(self, y: Floats, allowed: Mask) -> Priced:
        """Evaluate every allowed piece at prices y (T, n)."""
        after = np.vstack([y[1:], np.zeros((1, self.shape[1]))])
        W, _, phi = self.family.minimise(self.c + (y - after), allowed, self.deadline)
        constant = 0.0 if self.initial is None else -float(y[0] @ self.initial)
        return Priced(phi + self.k, W, constant)

    def bound(self, priced: Priced) -> float:
        """Return D(y)."""
        return priced.constant + float(through_every_state(priced.phi, self.switch).min(axis=0).max())

    def softened(self, allowed: Mask, temperature: float, y: Floats) -> tuple[float, Floats]:
        """Return the smoothing of D at prices y (T, n), and its gradient."""
        return self.smoothed(self.at(y, allowed), temperature)[:2]

    def smoothed(self, priced: Priced, temperature: float) -> tuple[float, Floats, Floats]:
        """Return the smoothing of D, its gradient (T, n) in y, and the marginals (D, T) of the paths."""
        value, marginal = _softened(priced.phi, self.switch, temperature)
        mean = np.matmul(marginal.T[:, None, :], np.swapaxes(priced.W, 0, 1))[:, 0]
        before = np.zeros(self.shape)
        before[1:] = mean[:-1]
        if self.initial is not None:
            before[0] = self.initial
        gradient = mean - before
        if self.initial is None:
            gradient[0] = 0.0
        return priced.constant + value, gradient, marginal


def through_every_state(phi: Floats, switch: Floats) -> Floats:
    """Return, for every state and period, the cost of the cheapest path through it; phi may be infinite."""
    D, T = phi.shape
    reach, leave = np.empty((D, T)), np.zeros((D, T))
    reach[:, 0] = phi[:, 0]
    for t in range(1, T):
        reach[:, t] = (reach[:, t - 1, None] + switch).min(axis=0) + phi[:, t]
    for t in range(T - 2, -1, -1):
        leave[:, t] = (switch + (phi[:, t + 1] + leave[:, t + 1])).min(axis=1)
    return reach + leave


def _softened(phi: Floats, switch: Floats, temperature: float) -> tuple[float, Floats]:
    """Return -tau log of the sum over paths of exp(-cost / tau), and the marginals (forward and backward)."""
    D, T = phi.shape
    least = phi.min(axis=0)
    temperature = max(temperature, float(switch.max()) / COLDEST)
    move = np.exp(-switch / temperature)
    weight = np.exp((least - phi) / temperature).T
    forward, backward = np.empty((T, D)), np.ones((T, D))
    total = 0.0
    a = weight[0]
    for t in range(T):
        if t:
            a = (a @ move) * weight[t]
        size = a.sum()
        a = a / size
        forward[t] = a
        total += np.log(size)
    b = backward[T - 1]
    for t in range(T - 2, -1, -1):
        b = move @ (b * weight[t + 1])
        b = b / b.sum()
        backward[t] = b
    marginal = forward * backward
    marginal /= marginal.sum(axis=1, keepdims=True)
    return float(least.sum() - temperature * total), marginal.T


class PricedArcs(NamedTuple):
    """What prices prove: the arcs' costs (A,) at their lower bounds and weights (A, n), the nodes' starts (N,)."""

    cost: Floats
    W: Floats
    start: Floats


class NodePrices:
    """The dual function of one declared problem on one path graph.

    Parameters
    ----------
    dual : TradePrices
        Of the same problem.
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


# Measured on n = 50, T = 100 and n = 100, T = 250, one thread.
PER_CUBE = 1e-8


def best_along(problem: RegimeProblem, pieces: Pieces, states: Integers) -> tuple[Floats, Floats] | None:
    """Return weights (T, n) along a path of pieces, and prices on trades (T, n); None when the solver fails."""
    T, n = problem.T, problem.n
    N, when = T * n, np.arange(T)
    Q = pieces.Q[states, when if pieces.Q.shape[1] > 1 else 0]
    c = pieces.c[states, when if pieces.c.shape[1] > 1 else 0].ravel()
    kappa = 2.0 * problem.turnover_cost
    unit = max(float(np.abs(c).max()), float(np.abs(Q).max()), kappa, 1e-300)
    eye = sparse.eye_array(N, format="csc")
    P = sparse.block_diag([*(2.0 / unit * Q), sparse.csc_array((N, N))], format="csc")
    budget = sparse.hstack([sparse.kron(sparse.eye_array(T), np.ones((1, n))), sparse.csc_array((T, N))])
    change = sparse.hstack([eye - sparse.eye_array(N, k=-n), -eye], format="csr")
    held = np.zeros(N)
    skipped = 0
    if problem.initial is None:
        skipped = n
    else:
        held[:n] = problem.initial
    solver = piqp.SparseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-8, 1e-9
    infinite = np.full(N, np.inf)
    solver.setup(
        sparse.csc_matrix(P),
        np.concatenate([c, np.full(N, kappa)]) / unit,
        sparse.csc_matrix(budget),
        np.ones(T),
        sparse.csc_matrix(change[skipped:]),
        np.full(N - skipped, -np.inf),
        held[skipped:],
        np.concatenate([problem.lower.ravel(), np.zeros(N)]),
        np.concatenate([problem.upper.ravel(), infinite]),
    )
    solver.solve()
    x = np.asarray(solver.result.x)
    if not np.all(np.isfinite(x)):
        return None
    y = np.zeros(N)
    y[skipped:] = np.clip(unit * np.nan_to_num(solver.result.z_u), 0.0, kappa)
    return within_budget(x[:N].reshape(T, n), problem.lower, problem.upper), y.reshape(T, n)


def seconds_along(problem: RegimeProblem) -> float:
    """Return about how many seconds `best_along` takes: 1e-8 T n^3."""
    return PER_CUBE * problem.T * float(problem.n) ** 3
