"""Bounds of quadratics over a box with a budget, and what bounds decide about regime costs."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio import MaxTerm, UnsupportedProgram
from proofolio.formulations.costs import RegimeCosts, quadratic_range, settled
from proofolio.formulations.perspective import square_root

SIXTEENTHS = st.integers(-16, 32).map(lambda k: k / 16)
COEFFICIENT = st.one_of(st.floats(-3, 3), st.sampled_from([0.1, -0.3, 1e8, -1e8, 1e-9, 1 / 3, 0.0]))


def vertices(lower, upper, budget):
    """Points of box and budget: fill up from the lower bounds, asset after asset, in every order."""
    for order in itertools.permutations(range(lower.size)):
        w = lower.copy()
        for i in order:
            w[i] += min(upper[i] - w[i], budget - w.sum())
        if w.sum() == budget:
            yield w


def feasible_points(lower, upper, budget, rng, count=50):
    corners = np.array(list(vertices(lower, upper, budget)))
    return np.vstack([corners, rng.dirichlet(np.full(len(corners), 0.3), size=count) @ corners])


def exact(D, g, h, w):
    n = range(len(w))
    F = Fraction
    curved = sum((F(D[i, j]) * F(w[i]) * F(w[j]) for i in n for j in n), F(0))
    return curved + sum((F(g[i]) * F(w[i]) for i in n), F(0)) + F(h)


@st.composite
def problems(draw):
    n = draw(st.integers(1, 4))
    numbers = draw(st.lists(COEFFICIENT, min_size=n * n + n + 1, max_size=n * n + n + 1))
    D = np.array(numbers[: n * n]).reshape(n, n)
    sides = [sorted(draw(st.tuples(SIXTEENTHS, SIXTEENTHS))) for _ in range(n)]
    lower, upper = np.array([p[0] for p in sides]), np.array([p[1] for p in sides])
    share = draw(st.integers(0, 16)) / 16
    budget = float(lower.sum() + share * (upper - lower).sum())
    return (
        np.triu(D) + np.triu(D, 1).T,
        np.array(numbers[n * n : -1]),
        float(numbers[-1]),
        lower,
        upper,
        budget,
    )


@settings(max_examples=150, deadline=None)
@given(problems())
def test_the_range_is_never_wrong_in_exact_arithmetic(problem):
    """Bounds and budgets are in 256ths, so vertices are exact; f is then evaluated in rational numbers."""
    D, g, h, lower, upper, budget = problem
    low, high = quadratic_range(D, g, np.array(h), lower, upper, budget)
    for w in vertices(lower, upper, budget):
        assert Fraction(float(low)) <= exact(D, g, h, w) <= Fraction(float(high))
    low, high = quadratic_range(D, g, np.array(h), lower, upper)
    for w in itertools.product(*zip(lower.tolist(), upper.tolist(), strict=True)):
        assert Fraction(float(low)) <= exact(D, g, h, w) <= Fraction(float(high))


@pytest.mark.parametrize("seed", range(20))
def test_the_range_holds_inside_the_feasible_set(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    D = rng.normal(size=(n, n))
    D, g, h = D + D.T, rng.normal(size=n), float(rng.normal())
    lower = rng.uniform(-0.5, 0.1, n) * rng.integers(0, 2)
    upper = rng.uniform(0.4, 1.0, n) + np.maximum(0.0, 1.0 / n - 0.2)
    points = feasible_points(np.round(lower * 16) / 16, np.round(upper * 16) / 16, 1.0, rng)
    lower, upper = np.round(lower * 16) / 16, np.round(upper * 16) / 16
    values = np.einsum("mi,ij,mj->m", points, D, points) + points @ g + h
    with_budget = quadratic_range(D, g, np.array(h), lower, upper, 1.0)
    without = quadratic_range(D, g, np.array(h), lower, upper)
    assert with_budget[0] <= values.min()
    assert with_budget[1] >= values.max()
    assert without[0] <= with_budget[0]
    assert with_budget[1] <= without[1]


def test_the_range_is_tight_where_it_can_be():
    simplex = np.zeros(3), np.ones(3), 1.0
    g = np.array([0.3, -1.2, 2.0])
    low, high = quadratic_range(np.zeros((3, 3)), g, np.array(5.0), *simplex)
    assert (low, high) == (pytest.approx(3.8, rel=1e-13), pytest.approx(7.0, rel=1e-13))
    # a convex function on the simplex is largest at a vertex, and there the bound is reached
    D = np.array([[2.0, 0.1, 0.0], [0.1, 1.0, -0.2], [0.0, -0.2, 0.5]])
    _, high = quadratic_range(D, g, np.array(0.0), *simplex)
    assert high == pytest.approx(max(D[i, i] + g[i] for i in range(3)), rel=1e-13)
    low, high = quadratic_range(
        np.diag([1.0, 4.0]), np.zeros(2), np.array(0.0), np.array([-1.0, 1.0]), np.array([2.0, 3.0])
    )
    assert (low, high) == (pytest.approx(4.0, rel=1e-13), pytest.approx(40.0, rel=1e-13))


def test_a_budget_that_fixes_the_weights_leaves_one_value():
    lower = np.array([0.25, 0.75])
    low, high = quadratic_range(np.eye(2), np.array([1.0, 2.0]), np.array(0.5), lower, np.ones(2), 1.0)
    value = 0.0625 + 0.5625 + 0.25 + 1.5 + 0.5
    assert low <= value <= high
    assert high - low < 1e-12


def test_batches_are_bounded_entry_by_entry():
    rng = np.random.default_rng(5)
    D = rng.normal(size=(4, 2, 3, 3))
    D, g, h = D + np.swapaxes(D, -1, -2), rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2))
    lower, upper = np.array([[0.0, 0.0, 0.0], [-0.5, 0.1, 0.0]]), np.array([[1.0, 1.0, 1.0], [0.5, 0.9, 0.7]])
    low, high = quadratic_range(D, g, h, lower, upper, 1.0)
    assert low.shape == high.shape == (4, 2)
    for r, t in np.ndindex(4, 2):
        one = quadratic_range(D[r, t], g[r, t], h[r, t], lower[t], upper[t], 1.0)
        assert (low[r, t], high[r, t]) == pytest.approx(one, rel=1e-12)


# ------------------------------------------------------------------------- costs
def random_costs(rng, R, T, n, maxima=(), period=True):
    Q = rng.normal(size=(R, T if period else 1, n, n))
    return RegimeCosts(
        Q @ np.swapaxes(Q, -1, -2),
        rng.normal(size=(R, T if period else 1, n)),
        rng.normal(size=(R, T if period else 1)),
        tuple(maxima),
    )


def by_hand(costs, w):
    R, T = costs.Q.shape[0], len(w)
    value = np.zeros((R, T))
    for r in range(R):
        for t in range(T):
            Q, c, k = (part[r, min(t, part.shape[1] - 1)] for part in costs[:3])
            value[r, t] = w[t] @ Q @ w[t] + c @ w[t] + k
            for term in costs.maxima:
                if term.regime == r:
                    value[r, t] += term.sign * max(float(term.alpha @ w[t]) + term.beta, term.floor)
    return value


@pytest.mark.parametrize("period", [True, False])
def test_the_value_of_regime_costs_is_what_the_formula_says(period):
    rng = np.random.default_rng(8)
    maxima = [
        MaxTerm(0, 1, rng.normal(size=3), 0.3, 0.1),
        MaxTerm(2, -1, rng.normal(size=3), 0.0, -0.4),
        MaxTerm(2, 1, np.ones(3), -1.0, 0.0),
    ]
    costs = random_costs(rng, 3, 4, 3, maxima, period)
    w = rng.normal(size=(4, 3))
    np.testing.assert_allclose(costs.value(w), by_hand(costs, w), rtol=1e-12, atol=1e-12)
    assert costs.varies == period


def test_settling_changes_no_value_on_the_box():
    rng = np.random.default_rng(9)
    low = np.array([[-0.5, 0.0, 0.1], [0.0, -0.2, 0.0]])
    high = np.array([[1.0, 0.5, 0.1], [0.3, 1.0, 1.0]])
    kept = 0
    for _ in range(60):
        maxima = [
            MaxTerm(
                int(rng.integers(2)),
                int(rng.choice([-1, 1])),
                rng.normal(size=3),
                float(rng.normal()),
                float(3 * rng.normal()),
            )
            for _ in range(4)
        ]
        costs = random_costs(rng, 2, 2, 3, maxima, bool(rng.integers(2)))
        before = (costs.c.copy(), costs.k.copy())
        simple = settled(costs, low, high)
        kept += len(simple.maxima)
        w = rng.uniform(low, high, size=(40, 2, 3))
        w = np.concatenate([w, np.where(rng.random((20, 2, 3)) < 0.5, low, high)])
        for point in w:
            np.testing.assert_allclose(simple.value(point), by_hand(costs, point), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(costs.c, before[0])
        np.testing.assert_array_equal(costs.k, before[1])
    assert 0 < kept < 240


def test_bounds_that_just_touch_the_floor_decide():
    first, second = np.eye(3)[0], np.eye(3)[1]
    terms = [
        MaxTerm(0, 1, first, 0.0, 0.0),
        MaxTerm(0, -1, -second, 0.0, 0.0),
        MaxTerm(0, 1, first, 0.0, 1.0),
    ]
    costs = RegimeCosts(np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 3)), np.zeros((1, 1)), tuple(terms))
    simple = settled(costs, np.zeros((2, 3)), np.ones((2, 3)))
    assert simple.maxima == ()
    assert simple.c.tolist() == [[[1.0, 0.0, 0.0]]]
    assert simple.k.tolist() == [[1.0]]


def test_a_term_undecided_in_one_period_is_kept():
    term = MaxTerm(0, 1, np.ones(1), 0.0, 0.5)
    costs = RegimeCosts(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1)), np.zeros((1, 1)), (term,))
    assert settled(costs, np.array([[0.6], [0.4]]), np.ones((2, 1))).maxima == (term,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10), st.floats(-1, 1))
def test_the_reach_of_a_term_is_never_wrong(alpha, beta):
    """Ten times 0.1 adds up to less or more than 1 in doubles: the bound must be on the safe side."""
    term = MaxTerm(0, 1, np.array(alpha), beta, -50.0)
    low, high = np.zeros((2, len(alpha))), np.ones((2, len(alpha)))
    least, most = term.argument(low, high)
    exact_most = sum((Fraction(a) for a in alpha if a > 0), Fraction(beta))
    exact_least = sum((Fraction(a) for a in alpha if a < 0), Fraction(beta))
    assert all(Fraction(float(v)) <= exact_least for v in least)
    assert all(Fraction(float(v)) >= exact_most for v in most)
    bottom, top = term.reach(low, high)
    assert np.all(bottom == np.maximum(least, -50.0))
    assert np.all(top >= least)


# ------------------------------------------------------------------ the perspective's factor
def test_the_factor_of_the_perspective_gives_q_back():
    rng = np.random.default_rng(4)
    for scale, rank in itertools.product((1.0, 1e-9, 1e6), (1, 2, 4)):
        A = rng.normal(size=(3, 4, rank))
        Q = scale * A @ np.swapaxes(A, -1, -2)
        F = square_root(Q)
        assert F.shape == (3, 4, rank)
        np.testing.assert_allclose(F @ np.swapaxes(F, -1, -2), Q, atol=1e-13 * np.abs(Q).max())


def test_zero_needs_no_cone_and_periods_may_differ_in_rank():
    assert square_root(np.zeros((2, 3, 3))).shape == (2, 3, 0)
    Q = np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 4.0]), np.zeros((2, 2))])
    F = square_root(Q)
    np.testing.assert_allclose(F @ np.swapaxes(F, -1, -2), Q, atol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_an_indefinite_q_has_no_perspective_and_says_who_can(scale):
    with pytest.raises(UnsupportedProgram, match=r"indefinite.*big-m.*scip"):
        square_root(scale * np.array([[[1.0, 2.0], [2.0, 1.0]]]))
