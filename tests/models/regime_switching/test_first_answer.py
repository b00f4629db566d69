"""What is known before anything long begins: a point that breaks no rule, and a bound no feasible point beats."""

from itertools import product

import numpy as np
import pytest

from proofolio import RegimeSwitching, random_instance
from proofolio.errors import BadData
from proofolio.models import Covered
from proofolio.models.regime_switching.methods.separation import least_costs
from proofolio.models.regime_switching.methods.start import first_answer
from proofolio.models.regime_switching.rules import RegimePath, cheapest_allowed
from proofolio.solvers.limits import NEVER, Deadline

from .option_oracle import brute_force, random_options


def by_enumeration(rules, phi):
    """Return the least cost of any indicators that break no rule; None where all of them do."""
    R, T = phi.shape
    sets = [np.array(marks, float) for marks in product((0, 1), repeat=R) if any(marks)]
    if rules.covered is None:
        sets = [marks for marks in sets if marks.sum() == 1.0]
    costs = []
    for chosen in product(sets, repeat=T):
        Z = np.array(chosen).T
        if not any(rules.violations(Z).values()):
            costs.append(np.where(Z > 0, phi, -np.inf).max(axis=0).sum() + rules.cost(Z))
    return min(costs, default=None)


def rules_of(seed):
    rng = np.random.default_rng(seed)
    R, T = int(rng.integers(2, 4)), int(rng.integers(1, 6))
    if seed % 6 == 0:
        p = rng.dirichlet(np.ones(R), T).T
        return RegimePath(R, min(T, 3), covered=Covered(p[:, : min(T, 3)], float(rng.uniform(0.0, 0.8))))
    asked = {"switch_cost": float(rng.uniform(0.0, 0.5))}
    if rng.random() < 0.5:
        asked["transitions"] = rng.random((R, R)) < 0.7
    if rng.random() < 0.5:
        asked["dwell"] = int(rng.integers(2, 4))
    if rng.random() < 0.5:
        asked["max_switches"] = int(rng.integers(0, 4))
    return RegimePath(R, T, **asked)


@pytest.mark.parametrize("seed", range(60))
def test_the_cheapest_allowed_path_is_that_of_enumeration(seed):
    rules = rules_of(seed)
    phi = np.random.default_rng([seed, 1]).standard_normal((rules.R, rules.periods))
    best, found = by_enumeration(rules, phi), cheapest_allowed(rules, phi)
    if best is None:
        assert found is None
        return
    Z, cost = found
    assert not any(rules.violations(Z).values())
    assert cost == pytest.approx(best, abs=1e-12)
    assert np.where(Z > 0, phi, -np.inf).max(axis=0).sum() + rules.cost(Z) == pytest.approx(cost, abs=1e-12)


def test_a_fixed_path_is_the_cheapest_one():
    Z, cost = cheapest_allowed(RegimePath(2, 3, path=[1, 1, 0], switch_cost=0.5), np.zeros((2, 3)))
    assert Z.argmax(axis=0).tolist() == [1, 1, 0]
    assert cost == 0.5


@pytest.mark.parametrize("seed", range(24))
def test_point_and_bound_stand_on_both_sides_of_the_optimum(seed):
    arguments = random_options(seed)
    optimum = brute_force(arguments)
    try:
        known = first_answer(program := RegimeSwitching(**arguments), NEVER)
    except BadData:
        assert optimum is None
        return
    if optimum is None:
        assert known.weights is None
        return
    room = 1e-6 * max(1.0, abs(optimum))
    assert known.bound <= optimum + room
    assert known.value >= optimum - room
    if known.weights is not None:
        assert max(program.holdings.violations(known.weights).values()) <= 1e-7
        assert program.objective(known.weights, known.Z) == known.value


OPTIONS = {
    "few positions": {"cardinality": 5, "minimum_position": 0.05},
    "gross exposure": {"lower": -0.5, "gross": 1.6},
    "square impact": {"quadratic_impact": 0.2, "turnover_limit": 0.8},
    "power impact": {"power_impact": 0.1},
    "rules of the path": {"dwell": 3, "max_switches": 2},
    "net exposure": {"net": (0.5, 1.0)},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("asked", [{}, {"solver": "scip", "lowering": "indicator"}])
def test_a_limit_too_short_to_search_leaves_a_feasible_point_and_a_bound(name, asked):
    program = random_instance(12, 10, 3, coupled=True, varying=True, **OPTIONS[name])
    answer = program.solve(time_limit=0.3, **asked)
    assert answer.ok, answer.failed
    again = program.objective(answer.W, answer.path)
    assert again == pytest.approx(answer.objective, rel=1e-6)
    assert answer.bound is None or answer.bound <= again + 1e-6 * abs(again)
    if name != "net exposure":
        assert np.isfinite(answer.bound)


def test_covered_regimes_have_a_point_and_a_bound_too():
    program = random_instance(12, 10, 3, varying=True, covered=Covered([0.5, 0.3, 0.2], 0.25))
    answer = program.solve(time_limit=0.3)
    assert answer.ok, answer.failed
    assert answer.covered
    assert program.objective(answer.W, answer.Z) == pytest.approx(answer.objective, rel=1e-6)
    assert answer.bound <= answer.objective


def test_where_weights_cannot_be_held_throughout_there_is_no_point_and_still_a_bound():
    lower = np.array([[0.8, 0.0], [0.0, 0.8]])
    program = RegimeSwitching(np.zeros((1, 2, 2)), [[1.0, 2.0]], lower=lower, turnover_cost=0.1)
    known = first_answer(program, Deadline.after(10.0))
    assert known.weights is None
    assert known.bound == pytest.approx(1.0 + 1.8)
    assert known.bound <= program.solve().objective


@pytest.mark.parametrize("gross", [1.0, 1.3, 2.0])
def test_a_gross_limit_bounds_every_point_of_a_grid_and_comes_close(gross):
    rng = np.random.default_rng(7)
    A = rng.standard_normal((2, 3, 3))
    program = RegimeSwitching(
        A @ A.transpose(0, 2, 1), rng.standard_normal((2, 4, 3)), lower=-2, upper=3, gross=gross
    )
    least = least_costs(program, NEVER)
    a, b = (part.ravel() for part in np.meshgrid(*[np.linspace(-0.5, 1.5, 81)] * 2))
    grid = np.column_stack([a, b, 1.0 - a - b])
    grid = grid[np.abs(grid).sum(axis=1) <= gross + 1e-12]
    f = np.einsum("mi,rij,mj->rm", grid, program.costs.Q[:, 0], grid)[:, None] + program.costs.c @ grid.T
    assert np.all(least <= f.min(axis=2) + 1e-12)
    assert np.all(least >= f.min(axis=2) - 0.05)
