"""Path graphs: splits keep the paths, passes over arcs are sums over paths, prices at nodes give true bounds."""

import itertools
from functools import partial

import numpy as np
import pytest

from proofolio import random_instance
from proofolio.models.regime_switching.methods import path as path_method
from proofolio.models.regime_switching.methods.path_graph import IN, OUT, path_graph
from proofolio.models.regime_switching.methods.prices import (
    NodePrices,
    TradePrices,
    best_along,
    through_every_state,
)
from proofolio.solvers.limits import Deadline
from proofolio.solvers.quadratic.batch import convexity_defect

ALLOWED = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1]], dtype=bool)
SWITCH = 0.4 * (1 - np.eye(3))
SPLITS = ({1: IN}, {2: OUT}, {0: OUT, 2: IN}, {1: IN, 2: IN, 3: IN}, {1: OUT, 2: IN}, {1: IN, 2: OUT, 3: OUT})


def paths(graph):
    """All paths of a graph, as tuples of arcs."""
    found = [(int(a),) for a in np.flatnonzero(graph.period == 0)]
    for t in range(1, len(graph.layers)):
        after = np.flatnonzero(graph.period == t)
        found = [(*p, int(a)) for p in found for a in after if graph.tail[a] == graph.head[p[-1]]]
    return found


def states(graph, path):
    return tuple(int(s) for s in graph.piece[list(path)])


def twice_split(seed=0):
    rng = np.random.default_rng(seed)
    graph = path_graph(ALLOWED, SWITCH)
    for how in rng.permutation(len(SPLITS))[:2]:
        graph = graph.split(SPLITS[how])[0]
    return graph


def test_paths_are_the_sequences_of_allowed_pieces():
    graph = path_graph(ALLOWED, SWITCH)
    sequences = [s for s in itertools.product(range(3), repeat=4) if ALLOWED[list(s), range(4)].all()]
    assert sorted(states(graph, p) for p in paths(graph)) == sequences
    for p in paths(graph):
        s = states(graph, p)
        assert graph.toll[list(p)].sum() == pytest.approx(sum(SWITCH[a, b] for a, b in itertools.pairwise(s)))
    np.testing.assert_array_equal(graph.pieces_left(3), ALLOWED)


@pytest.mark.parametrize("how", SPLITS)
@pytest.mark.parametrize("seed", range(3))
def test_a_split_keeps_every_path_once(how, seed):
    graph = twice_split(seed)
    split, nodes, arcs = graph.split(how)
    tails, heads = graph.copies(how)
    np.testing.assert_array_equal(tails * heads, np.bincount(arcs, minlength=graph.period.size))
    np.testing.assert_array_equal(nodes[split.tail], graph.tail[arcs])
    np.testing.assert_array_equal(nodes[split.head], graph.head[arcs])
    assert np.all(np.diff(split.boundary) >= 0)
    assert np.all(np.diff(split.period) >= 0)
    old = sorted(paths(graph))
    assert sorted(tuple(int(a) for a in arcs[list(p)]) for p in paths(split)) == old
    for t, word in how.items():
        own = split.period == (t - 1 if word == IN else t)
        ends = split.head[own] if word == IN else split.tail[own]
        by_node = {int(v): set(arcs[own][ends == v].tolist()) for v in np.unique(ends)}
        assert all(len(known) == 1 for known in by_node.values())


@pytest.mark.parametrize("seed", range(3))
def test_passes_over_the_arcs_are_those_over_all_paths(seed):
    graph = twice_split(seed)
    rng = np.random.default_rng(seed)
    cost = rng.standard_normal(graph.period.size)
    start = np.where(graph.boundary == 0, rng.standard_normal(graph.boundary.size), np.inf)
    every = {p: start[graph.tail[p[0]]] + cost[list(p)].sum() for p in paths(graph)}
    best = min(every, key=every.get)
    assert tuple(graph.cheapest(start, cost)) == states(graph, best)
    through = graph.through(start, cost)
    tau = 0.3
    total = sum(np.exp(-v / tau) for v in every.values())
    value, marginal = graph.softened(start, cost, tau)
    assert value == pytest.approx(-tau * np.log(total))
    for a in range(graph.period.size):
        own = [v for p, v in every.items() if a in p]
        assert through[a] == pytest.approx(min(own))
        assert marginal[a] == pytest.approx(sum(np.exp(-v / tau) for v in own) / total)
    # far below the smallest number there is, and still the right path
    assert graph.softened(start, 1e6 * cost, tau)[0] == pytest.approx(
        min(start[graph.tail[p[0]]] + 1e6 * cost[list(p)].sum() for p in every)
    )


def test_what_is_left_of_a_graph_are_the_paths_of_the_arcs_kept():
    graph = twice_split(1)
    rng = np.random.default_rng(4)
    kept = rng.random(graph.period.size) < 0.8
    expected = sorted(states(graph, p) for p in paths(graph) if kept[list(p)].all())
    on = graph.connected(kept)
    assert expected
    assert set(np.flatnonzero(on)) == {a for p in paths(graph) if kept[list(p)].all() for a in p}
    left, nodes = graph.restricted(on)
    assert sorted(states(left, p) for p in paths(left)) == expected
    np.testing.assert_array_equal(left.boundary, graph.boundary[nodes])
    assert not left.one_path
    single = graph.connected(np.isin(np.arange(graph.period.size), paths(graph)[3]))
    assert graph.restricted(single)[0].one_path


def instance(seed=0, **changes):
    return random_instance(3, 4, 3, seed, coupled=True, varying=True, kappa=0.15, **changes)


def unfolded(program):
    pieces = program.pieces
    dual = TradePrices(program, pieces, convexity_defect(program.costs.Q))
    allowed = np.ones((pieces.regime.size, program.T), dtype=bool)
    y = 0.5 * dual.upper()
    dual.at(y, allowed)
    graph = path_graph(allowed, dual.switch)
    return dual, allowed, NodePrices(dual, graph), np.vstack([y, np.zeros((1, program.n))])[graph.boundary]


@pytest.mark.parametrize("changes", [{}, {"initial": None}])
def test_one_price_for_all_paths_is_the_bound_of_before_and_splits_keep_it(changes):
    dual, allowed, prices, y = unfolded(instance(**changes))
    common = 0.5 * dual.upper()
    priced = dual.at(common, allowed)
    expected = through_every_state(priced.phi, dual.switch).min() + priced.constant
    for how in ({}, {1: IN}, {2: OUT, 3: IN}):
        prices, y = prices.split(how, y)
        arcs = prices.at(y)
        assert prices.graph.through(arcs.start, arcs.cost).min() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("changes", [{}, {"initial": None}, {"switch_cost": 0.0}])
def test_any_prices_at_nodes_give_a_true_bound_on_every_path(changes):
    program = instance(1, **changes)
    pieces = program.pieces
    value = {}
    for s in itertools.product(range(pieces.regime.size), repeat=program.T):
        W, _ = best_along(program, pieces, np.array(s))
        trades = np.abs(np.diff(W, axis=0, prepend=W[:1] if program.initial is None else [program.initial]))
        value[s] = program.turnover_cost * trades.sum() + program.switch_cost * np.count_nonzero(
            np.diff(pieces.regime[list(s)])
        )
        for t, d in enumerate(s):
            Q, c, k = pieces.Q[d, 0], np.broadcast_to(pieces.c[d], (4, 3))[t], np.ravel(pieces.k[d])[0]
            value[s] += W[t] @ Q @ W[t] + c @ W[t] + k
    _, _, prices, y = unfolded(program)
    rng = np.random.default_rng(0)
    for how in ({}, {1: IN}, {2: OUT, 3: IN}):
        prices, y = prices.split(how, y)
        for size in (0.05, 0.5, 2.0):
            y = np.clip(y + size * prices.upper() * rng.standard_normal(y.shape), 0.0, prices.upper())
            priced = prices.at(y)
            for p in paths(prices.graph):
                bound = priced.start[prices.graph.tail[p[0]]] + priced.cost[list(p)].sum()
                # the best weights along a path of pieces, up to the accuracy of the program solved for them
                assert bound <= value[states(prices.graph, p)] + 1e-7


@pytest.mark.parametrize("changes", [{}, {"initial": None}])
def test_the_gradient_is_that_of_differences(changes):
    _, _, prices, y = unfolded(instance(2, **changes))
    prices, y = prices.split({2: IN}, y)
    rng = np.random.default_rng(1)
    upper = prices.upper()
    y = upper * rng.uniform(0.2, 0.8, y.shape)
    direction = np.where(upper > 0.0, rng.standard_normal(y.shape), 0.0)
    h = 1e-5
    up, down = (prices.softened(0.05, y + s * h * direction)[0] for s in (1, -1))
    gradient = prices.softened(0.05, y)[1]
    assert (up - down) / (2 * h) == pytest.approx(float((gradient * direction).sum()), abs=1e-6)
    assert np.all(gradient[upper == 0.0] == 0.0)


def test_splits_promise_nothing_where_a_boundary_is_known_and_keep_to_the_arcs_allowed():
    _, _, prices, y = unfolded(random_instance(6, 4, 3, 3, coupled=True, varying=True))
    prices, y = prices.split({2: IN}, y)
    priced = prices.at(y)
    by_in, by_out = prices.gains(priced, prices.smoothed(priced, 0.5)[2])
    assert by_in[2] == pytest.approx(0.0, abs=1e-12)
    assert by_in[0] == by_in[-1] == by_out[-1] == 0.0
    assert np.maximum(by_in, by_out).max() > 1e-3
    how = prices.worth_splitting((by_in, by_out), 1e-3, 10_000)
    assert how
    assert all((by_in if word == IN else by_out)[t] >= 1e-3 for t, word in how.items())
    tails, heads = prices.graph.copies(how)
    fewer = int((tails * heads).sum()) - 1
    tails, heads = prices.graph.copies(prices.worth_splitting((by_in, by_out), 1e-3, fewer))
    assert (tails * heads).sum() <= fewer


@pytest.mark.parametrize("how", ["graphs branch", "pairs branch", "both branch"])
@pytest.mark.parametrize("seed", range(2))
def test_branching_finds_the_optimum_where_graphs_may_not_grow(how, seed, monkeypatch):
    program = random_instance(4, 5, 3, seed, coupled=True, varying=True, kappa=0.15)
    sharp = program.solve(method="path", gap=1e-7)
    monkeypatch.setattr(path_method, "ROOT", ((3e-2, 1),))
    monkeypatch.setattr(path_method, "BELOW", ((1.5e-3, 1),))
    if how != "graphs branch":
        monkeypatch.setattr(path_method, "ARCS", 0 if how == "pairs branch" else 40)
    if how != "pairs branch":
        monkeypatch.setattr(path_method, "ROUNDS", 1)
        monkeypatch.setattr(path_method, "ROUND", 1)
    blunt = program.solve(method="path", gap=1e-7)
    assert blunt.status == sharp.status == "solver-optimal"
    assert blunt.objective == pytest.approx(sharp.objective, rel=2e-7)
    assert blunt.bound <= sharp.objective + 1e-9
    nodes = blunt.nodes
    assert nodes > sharp.nodes
    assert nodes > 1


def test_where_time_runs_out_among_graphs_the_bound_is_still_one(monkeypatch):
    program = random_instance(5, 8, 4, 1, coupled=True, varying=True, kappa=0.5)
    optimum = program.solve(method="path", gap=1e-7).objective
    for name, value in (("ROOT", ((3e-2, 1),)), ("ROUND", 1), ("LONGEST", 1), ("ROUNDS", 1)):
        monkeypatch.setattr(path_method, name, value)
    search, seen = path_method._Search, set()
    for questions in (8, 20, 40, 80):
        monkeypatch.setattr(path_method, "_Search", partial(_asking, search, questions))
        answer = program.solve(method="path", gap=1e-9)
        assert answer.status == "verified-feasible"
        assert answer.bound <= optimum + 1e-9
        assert answer.objective >= optimum - 1e-6 * abs(optimum)
        seen.add(answer.nodes)
    assert len(seen) == 4


class _Questions(Deadline):
    """A deadline that is over after so many questions, whatever the clock says."""

    asked = itertools.count()
    most = 0

    @property
    def passed(self):
        return next(self.asked) > self.most


def _asking(search, questions, program, pieces, defect, settings, deadline):
    began = search(program, pieces, defect, settings, deadline)
    began.deadline = _Questions(deadline.started, deadline.at)
    object.__setattr__(began.deadline, "asked", itertools.count())
    object.__setattr__(began.deadline, "most", questions)
    return began
