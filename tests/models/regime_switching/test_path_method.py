"""The path method: prices on trades bound the coupled program, and the answers are those of enumeration."""

import itertools
import time

import numpy as np
import pytest

from proofolio import MaxTerm, RegimeSwitching, UnsupportedProgram, random_instance
from proofolio.models.regime_switching.methods.prices import TradePrices, best_along, through_every_state
from proofolio.solvers.quadratic.batch import convexity_defect

SHORT = {"lower": -0.5, "upper": 1.0}
COUPLED = {
    "long only": lambda seed: random_instance(3, 4, 2, seed, coupled=True, varying=True),
    "concave maximum": lambda seed: random_instance(3, 3, 3, seed, coupled=True, varying=True, kappa=0.2),
    "long short": lambda seed: random_instance(
        3,
        3,
        3,
        seed,
        coupled=True,
        varying=True,
        maxima=(MaxTerm(1, -1, np.ones(3) * [1, -1, 0], 0.0, 0.1),),
        **SHORT,
    ),
    "switches alone": lambda seed: random_instance(3, 4, 3, seed, varying=True, switch_cost=0.3),
    "turnover alone, free first purchase": lambda seed: random_instance(
        3, 4, 2, seed, varying=True, turnover_cost=0.3
    ),
    "large costs": lambda seed: random_instance(
        3, 4, 2, seed, coupled=True, varying=True, kappa=2.0, sigma=1.0
    ),
    "fixed path": lambda seed: random_instance(3, 4, 3, seed, coupled=True, varying=True, path=[2, 0, 0, 1]),
    "one period": lambda seed: random_instance(4, 1, 3, seed, coupled=True),
}


def enumerated(program):
    """The least objective over all paths of pieces, each by the convex program along it."""
    pieces = program.pieces
    best = np.inf
    for states in itertools.product(range(pieces.regime.size), repeat=program.T):
        path = pieces.regime[list(states)]
        if program.path is None or np.array_equal(path, program.path):
            W, _ = best_along(program, pieces, np.array(states))
            best = min(best, program.objective(W.T, path))
    return best


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_of_enumeration_and_a_bound_below_it(name, seed):
    program = COUPLED[name](seed)
    optimum = enumerated(program)
    answer = program.solve(gap=1e-6)
    room = 2e-6 * max(1.0, abs(optimum))
    assert answer.method == "path"
    assert answer.status == "solver-optimal"
    assert answer.objective == pytest.approx(optimum, abs=room)
    assert answer.bound <= optimum + 1e-9
    assert answer.gap <= 1e-6
    assert program.objective(answer.W, answer.path) == pytest.approx(answer.objective, abs=1e-12)


@pytest.mark.parametrize("name", COUPLED)
def test_any_prices_give_a_true_bound(name):
    program = COUPLED[name](7)
    optimum = enumerated(program)
    dual = TradePrices(program, program.pieces, convexity_defect(program.costs.Q))
    allowed = np.ones((dual.k.shape[0], program.T), dtype=bool)
    if program.path is not None:
        allowed = program.pieces.regime[:, None] == program.path
    rng = np.random.default_rng(0)
    for size in (0.0, 0.01, 0.3, 1.0, 1.0, 1.0):
        y = dual.upper() * np.clip(0.5 + size * rng.standard_normal(dual.shape), 0.0, 1.0)
        priced = dual.at(y, allowed)
        assert dual.bound(priced) <= optimum + 1e-9
        for temperature in (1e-3, 0.1):
            assert dual.smoothed(priced, temperature)[0] <= dual.bound(priced) + 1e-9


def test_the_gradient_of_the_smoothing_is_that_of_differences():
    program = random_instance(4, 3, 3, 1, coupled=True, varying=True)
    dual = TradePrices(program, program.pieces, 0.0)
    allowed = np.ones((dual.k.shape[0], 3), dtype=bool)
    rng = np.random.default_rng(1)
    y = dual.upper() * rng.uniform(0.2, 0.8, dual.shape)
    direction = rng.standard_normal(dual.shape)
    _, gradient, marginal = dual.smoothed(dual.at(y, allowed), 0.05)
    h = 1e-5
    up, down = (dual.smoothed(dual.at(y + s * h * direction, allowed), 0.05)[0] for s in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(float((gradient * direction).sum()), abs=1e-6)
    np.testing.assert_allclose(marginal.sum(axis=0), 1.0)


def test_the_cheapest_path_through_a_state_is_that_of_all_paths():
    rng = np.random.default_rng(2)
    phi, switch = rng.standard_normal((3, 4)), 0.4 * (1 - np.eye(3))
    through = through_every_state(phi, switch)
    for d, t in itertools.product(range(3), range(4)):
        costs = [
            sum(phi[s, i] for i, s in enumerate(p)) + sum(switch[a, b] for a, b in itertools.pairwise(p))
            for p in itertools.product(range(3), repeat=4)
            if p[t] == d
        ]
        assert through[d, t] == pytest.approx(min(costs))


@pytest.mark.parametrize("seed", range(2))
def test_both_methods_agree_on_a_case_with_branching(seed):
    program = random_instance(6, 8, 4, seed, coupled=True, varying=True)
    path, whole = (program.solve(method=method, gap=1e-6) for method in ("path", "whole"))
    assert path.method != whole.method
    assert path.objective == pytest.approx(whole.objective, rel=3e-6)
    assert path.bound <= whole.objective + 1e-6 * abs(whole.objective)
    assert whole.bound <= path.objective + 1e-6 * abs(path.objective)


def test_small_costs_are_no_excuse():
    base = random_instance(3, 3, 2, 5, coupled=True, varying=True)
    s = 1e-4
    small = RegimeSwitching(
        s * base.costs.Q, s * base.costs.c, turnover_cost=s * 0.05, switch_cost=s * 0.05, initial=base.initial
    )
    answer = small.solve(gap=1e-6)
    assert answer.status == "solver-optimal"
    assert answer.objective == pytest.approx(s * enumerated(base), rel=1e-5)


def test_time_is_kept_and_the_incumbent_returned():
    program = random_instance(50, 100, 4, coupled=True, varying=True)
    started = time.process_time()
    answer = program.solve(gap=1e-9, time_limit=0.3)
    assert time.process_time() - started < 1.5
    assert answer.status == "verified-feasible"
    assert answer.bound is None or answer.bound <= answer.objective


def test_what_the_path_method_does_not_take():
    convex = MaxTerm(0, 1, np.array([1.0, -1.0, 0.0]), 0.0, 0.1)
    program = random_instance(3, 2, 2, 0, coupled=True, maxima=(convex,))
    with pytest.raises(UnsupportedProgram, match="no convex maxima"):
        program.solve(method="path")
    assert program.solve().method == "outer approximation"
