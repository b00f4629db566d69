"""Quadratic programs over a budget and a box: right to the last digits, and bounds that are never too high."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio import Model
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.quadratic.batch import SimplexQPs, cheapest_point, convexity_defect
from proofolio.solvers.solution import Settings


def family(seed, D=2, T=4, n=5, rank=5, lower=-0.4, upper=0.7, shared=True):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((D, 1 if shared else T, n, rank))
    Q = A @ np.swapaxes(A, -1, -2)
    low = np.broadcast_to(lower, (T, n)) + 0.0
    return Q, rng.standard_normal((D, T, n)), low, np.broadcast_to(upper, (T, n)) + 0.0


def alone(Q, c, lower, upper):
    """The value another solver finds."""
    model = Model()
    w = model.variable("w", c.size, lower, upper)
    model.add("budget", w.sum() == 1)
    model.minimise(model.quadratic(Q, w) + (c * w).sum())
    return solve_continuous(model.freeze(), Settings()).objective


@pytest.mark.parametrize("rank", [0, 1, 2, 5])
@pytest.mark.parametrize("box", [(0.0, 1.0), (-0.4, 0.7), (0.1, 0.3), (0.2, 0.2)])
@pytest.mark.parametrize("shared", [True, False])
def test_the_minimum_is_that_of_another_solver(rank, box, shared):
    Q, c, lower, upper = family(rank, rank=rank, lower=box[0], upper=box[1], shared=shared)
    w, value, bound = SimplexQPs(Q, lower, upper, convexity_defect(Q)).minimise(c)
    assert np.all(w >= lower)
    assert np.all(w <= upper)
    assert np.abs(w.sum(axis=-1) - 1.0).max() < 1e-12
    assert np.all(bound <= value)
    assert np.all(value - bound < 1e-8)
    for d, t in itertools.product(range(2), range(4)):
        S = 0 if shared else t
        expected = alone(Q[d, S], c[d, t], lower[t], upper[t])
        assert value[d, t] == pytest.approx(expected, abs=1e-7)
        assert value[d, t] == pytest.approx(w[d, t] @ Q[d, S] @ w[d, t] + c[d, t] @ w[d, t], abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6), st.floats(0.0, 2.0))
def test_the_bound_holds_at_every_feasible_point_and_after_every_change_of_c(seed, rank, shift):
    Q, c, lower, upper = family(seed, n=6, rank=rank)
    program = SimplexQPs(Q, lower, upper, convexity_defect(Q))
    rng = np.random.default_rng(seed)
    for _ in range(3):
        _, value, bound = program.minimise(c)
        assert np.all(bound <= value)
        assert np.all(value - bound <= 1e-7)
        for point in cheapest_point(rng.standard_normal((20, 6)), lower[0], upper[0]):
            here = np.einsum("i,dsij,j->ds", point, Q, point) + c @ point
            assert np.all(bound <= here + 1e-12)
        c = c + shift * rng.standard_normal(c.shape)


def test_only_what_is_asked_for_is_solved():
    Q, c, lower, upper = family(3)
    only = np.zeros((2, 4), dtype=bool)
    only[1, 2] = True
    _, value, bound = SimplexQPs(Q, lower, upper).minimise(c, only)
    assert np.isfinite(value).tolist() == np.isfinite(bound).tolist() == only.tolist()


def test_a_singular_matrix_is_convex_and_an_indefinite_one_is_not():
    ones = np.ones((1, 1, 3, 3))
    assert convexity_defect(ones) == pytest.approx(0.0, abs=1e-9)
    assert convexity_defect(np.zeros((2, 1, 3, 3))) is not None
    assert convexity_defect(ones - 1.001 * np.eye(3)) is None
    assert convexity_defect(np.concatenate([ones, -1e-9 * ones])) is None


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(scale):
    Q, c, lower, upper = family(5)
    value = SimplexQPs(Q, lower, upper).minimise(c)[1]
    scaled = SimplexQPs(scale * Q, lower, upper).minimise(scale * c)[1]
    np.testing.assert_allclose(scaled, scale * value, rtol=1e-9)


def test_the_cheapest_point_fills_the_cheapest_first():
    point = cheapest_point(np.array([3.0, 1.0, 2.0]), np.zeros(3), np.array([1.0, 0.4, 0.5]))
    np.testing.assert_allclose(point, [0.1, 0.4, 0.5])
