"""Upper bounds of quadratic functions: never below what sampling, vertices and enumeration reach."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq

from proofolio import Model
from proofolio.program.builder import Builder
from proofolio.verification.big_m.curved import curved
from proofolio.verification.big_m.tiers import lp_bounder, mip_bounder
from proofolio.verification.exact.certificate import bound
from proofolio.verification.exact.lp_bounds import system_of


def quadratic(D, g, h, low, high, budget=1.0, rows=(), integer=False):
    model = Builder()
    w = model.variable("w", len(g), low, high, integer=integer)
    if budget is not None:
        model.add("budget", w.sum() == budget)
    for k, (a, b) in enumerate(rows):
        model.add(f"row_{k}", w @ a <= b)
    program, e = model.freeze(), model.quadratic(D, w) + w @ g + h
    found = curved(program, e.forms[0], np.arange(len(g)), np.asarray(g, float), float(h))
    assert found is not None
    return found


def onto_budget(v, low, high, budget):
    """The nearest point of box and budget: clip(v - shift) whose sum is right."""
    total = lambda shift: np.clip(v - shift, low, high).sum() - budget  # noqa: E731
    reach = np.abs(v).max() + np.abs(low).max() + np.abs(high).max() + 1
    return np.clip(v - brentq(total, -2 * reach, 2 * reach, xtol=1e-15), low, high)


def random_instance(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    A, B = rng.normal(size=(2, n, n))
    D = [A @ A.T - B @ B.T, A @ A.T, -A @ A.T][seed % 3] / n
    low = np.round(-rng.uniform(0, 0.4, n), 2) * (seed % 2)
    high = np.round(rng.uniform(1.1 / n, 1.0, n), 2)
    points = [onto_budget(v, low, high, 1.0) for v in 2 * rng.normal(size=(150, n))]
    return D, rng.normal(size=n), float(rng.normal()), low, high, np.array(points)


def test_each_tier_is_at_least_the_next_and_the_last_at_least_what_sampling_finds(pytestconfig):
    count, least = (100, 30) if pytestconfig.getoption("--full") else (36, 9)
    sharper = {"lp": 0, "mip": 0}
    for seed in range(count):
        D, g, h, low, high, points = random_instance(seed)
        q = quadratic(D, g, h, low, high)
        found = q.tops(seconds=10.0)
        sampled = (np.einsum("ki,ij,kj->k", points, D, points) + points @ g + h).max()
        assert found["interval"] >= found["lp"] >= found["mip"] >= sampled - 1e-9, seed
        assert found["mip"] <= sampled + 0.25 * (1 + abs(sampled)), seed
        sharper["lp"] += found["lp"] < found["interval"] - 1e-6
        sharper["mip"] += found["mip"] < found["lp"] - 1e-5
    assert min(sharper.values()) >= least


def vertices(low, high, budget):
    """All vertices of box and budget in exact arithmetic: one coordinate is free."""
    low, high = ([Fraction(repr(float(v))) for v in side] for side in (low, high))
    n, found = len(low), []
    for i, bits in itertools.product(range(n), itertools.product((0, 1), repeat=n)):
        w = [(low, high)[b][j] for j, b in enumerate(bits)]
        w[i] = budget - sum(w) + w[i]
        if low[i] <= w[i] <= high[i]:
            found.append(w)
    return found


@pytest.mark.parametrize("seed", range(1, 30, 3))
def test_a_convex_function_is_largest_at_a_vertex(seed):
    D, g, h, low, high, _ = random_instance(seed)
    q = quadratic(D, g, h, low, high)
    best = max(q.value(w) for w in vertices(low, high, Fraction(1)))
    top = q.vertices()
    assert best <= Fraction(top) <= best + Fraction(1, 10**11)
    box = quadratic(D, g, h, low, high, budget=None)
    corners = [[Fraction(repr(float(v))) for v in w] for w in itertools.product(*zip(low, high, strict=True))]
    best = max(box.value(w) for w in corners)
    assert best <= Fraction(box.vertices()) <= best + Fraction(1, 10**11)


def test_vertices_say_nothing_where_the_maximum_may_be_inside():
    assert quadratic(-np.eye(2), [1, 1], 0, [0, 0], [1, 1]).vertices() is None
    assert quadratic(-np.eye(2), [1, 1], 0, [0, 0], [1, 1], budget=None).vertices() is None
    # concave along the budget alone: convex along each axis, and largest in the middle, where it is 3/2
    D = np.array([[1.0, 2.0], [2.0, 1.0]])
    q = quadratic(D, [0, 0], 0, [0, 0], [1, 1])
    assert q.vertices() is None
    assert q.tops(0.5)["mip"] >= 1.5
    assert quadratic(np.eye(11), [0] * 11, 0, [0] * 11, [1] * 11).vertices() is None  # too many to list


@pytest.mark.parametrize("seed", range(0, 60, 7))
def test_the_certificate_of_a_mccormick_bound_is_checked_without_a_solver(seed):
    D, g, h, low, high, points = random_instance(seed)
    q = quadratic(D, g, h, low, high)
    proof, program, body = q.proof
    system = system_of(program)
    assert bound(system, body, proof.multipliers) == proof.bound
    i, j = np.triu_indices(len(g))
    for w in points[:40]:  # the lifted program holds every point, and its body there is f
        lifted = np.concatenate([w, w[i] * w[j]])
        assert np.all(program.A @ lifted >= program.row_lower - 1e-9)
        assert np.all(program.A @ lifted <= program.row_upper + 1e-9)
        value = sum(float(a) * lifted[k] for k, a in body.items())
        assert value == pytest.approx(w @ D @ w + w @ g, abs=1e-9)
        assert value <= float(proof.bound) + 1e-9
    row = next(iter(proof.multipliers))
    spoiled = bound(system, body, {**proof.multipliers, row: 3 * proof.multipliers[row]})
    assert spoiled is None or spoiled > proof.bound


def test_products_of_a_row_with_the_weights_are_used():
    """w1 w2 + w1 w3 over the simplex is w1 (1 - w1): at most 1/4, and the LP knows at most 1/2."""
    D = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]]) / 2
    q = quadratic(D, [0, 0, 0], 0, [0, 0, 0], [1, 1, 1])
    assert 0.25 <= q.tops(0.5)["mip"] <= 0.3  # SCIP is slow to close in on a maximum inside
    assert q.tops()["lp"] <= 0.5 + 1e-12


def test_other_rows_and_integers_count():
    rows = [(np.array([1.0, 1.0]), 1.5)]
    q = quadratic(np.eye(2), [0, 0], 0, [0, 0], [1, 1], None, rows, integer=True)
    found = q.tops(5.0)
    assert found["interval"] >= 2.0
    assert found["lp"] <= 1.5 + 1e-9
    assert 1.0 <= found["mip"] <= 1.0 + 1e-5


def test_the_bounders_ask_and_leave_a_record():
    D, g, h, low, high, points = random_instance(3)
    model = Builder()
    w = model.variable("w", len(g), low, high)
    model.add("budget", w.sum() == 1)
    e = model.quadratic(D, w) + w @ g + h
    tops = [float(b.upper) for b in (model.interval(e), lp_bounder(model, e), mip_bounder(model, e))]
    assert tops[0] >= tops[1] >= tops[2]
    assert tops[2] >= (np.einsum("ki,ij,kj->k", points, D, points) + points @ g + h).max() - 1e-9
    assert {(r.tier, r.certified) for r in model.proofs} >= {("lp", True)}
    assert all(r.recheck() == r.certified for r in model.proofs)


def test_a_variable_without_a_bound_leaves_the_interval_s_word():
    model = Model()
    w = model.variable("w", 2, lower=0)
    e = model.quadratic(np.eye(2), w)
    assert lp_bounder(model, e).upper == np.inf
    assert lp_bounder(model, -e).upper >= 0
