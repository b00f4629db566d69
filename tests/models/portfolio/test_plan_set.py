"""What may be held and traded, once: rows, projection, cheapest point, CVXPY and checks say the same."""

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.portfolio.plan_set import Group, PlanSet
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.models.portfolio.trading import add_plan
from proofolio.program.builder import Builder
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.solution import Settings

SETS = {
    "simplex": {},
    "box": {"lower": 0.05, "upper": 0.5},
    "short": {"lower": -0.4, "upper": 0.9},
    "net": {"lower": -0.2, "upper": 0.6, "net": (0.3, 0.8)},
    "groups": {"groups": (Group((0, 1), 0.2, 0.5), Group((2, 3), upper=0.6))},
    "limited": {"turnover_limit": [0.3, np.inf], "cash": 3},
    "all": {"upper": 0.6, "groups": (Group((0, 2), lower=0.3),), "turnover_limit": 0.4, "net": (0.9, 1.0)},
}
W0 = np.array([0.4, 0.3, 0.2, 0.1])


def plans(name):
    return PlanSet(4, 2, **SETS[name])


@pytest.mark.parametrize("name", SETS)
def test_builder_and_cvxpy_and_rows_have_the_same_cheapest_plan(name):
    g = np.random.default_rng(1).standard_normal((2, 4))
    made = plans(name)
    W = cp.Variable((4, 2))
    problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(g.T, W))), made.to_cvxpy(W, W0))
    problem.solve(cp.CLARABEL)
    model = Builder("cheapest")
    built, cost = add_plan(model, made, W0, TradeCost.of(len(W0)))
    model.minimise((g.T * built).sum() + cost)
    assert solve_continuous(model.freeze(), Settings()).objective == pytest.approx(problem.value, abs=1e-6)
    traded = np.flatnonzero(made.counted)
    rows = made.rows(traded)
    high, low = np.isfinite(rows.upper), np.isfinite(rows.lower)
    found = linprog(
        np.concatenate([g.ravel(), np.zeros(2 * traded.size)]),
        A_ub=np.vstack([rows.A.toarray()[high], -rows.A.toarray()[low]]),
        b_ub=np.concatenate([rows.upper_from(W0)[high], -rows.lower[low]]),
        bounds=np.column_stack(
            [
                np.concatenate([made.lower.ravel(), np.zeros(2 * traded.size)]),
                np.concatenate([made.upper.ravel(), np.full(2 * traded.size, np.inf)]),
            ]
        ),
    )
    assert found.fun == pytest.approx(problem.value, abs=1e-6)
    if not (made.groups or made.limited):
        assert made.least(g) == pytest.approx(problem.value, abs=1e-6)
    else:
        assert made.least(g) <= problem.value + 1e-9
    assert made.reachable(W0)
    assert max(made.violations(W.value, W0).values()) <= 1e-6
    assert made.violation(W.value.T, np.abs(np.diff(W.value.T, axis=0, prepend=W0[None]))) <= 1e-6


@pytest.mark.parametrize("name", SETS)
def test_a_settled_plan_keeps_bounds_and_net(name):
    made, rng = plans(name), np.random.default_rng(2)
    for _ in range(30):
        W = made.settle(rng.dirichlet(np.ones(4), 2) + rng.normal(0, 0.1, (2, 4)))
        assert made._beyond_bounds(W) <= 1e-15
        assert made._beyond_net(W.sum(axis=1)) <= 1e-14
        assert made.settle(W) == pytest.approx(W, abs=1e-14)


def test_both_checks_of_a_plan_see_the_same():
    made = plans("all")
    W = np.array([[0.7, 0.0, 0.3, 0.1], [0.1, 0.5, 0.1, 0.2]])
    found = made.violations(W.T, W0)
    assert found == pytest.approx(
        {
            "weights in bounds": 0.1,
            "net exposure": 0.1,
            "groups": 0.1,
            "turnover within its limit": 1.4 - 0.4,
        }
    )
    sizes = np.abs(np.diff(W, axis=0, prepend=W0[None]))
    assert made.violation(W, sizes) == pytest.approx(max(found.values()))
    assert not made.contains(W, W0)
    assert "turnover within its limit" in made.violations(W.T)  # without holdings the first purchase is free
    assert made.contains(np.tile(W0, (2, 1)), W0)


def test_other_bounds_and_no_limits_keep_the_rest():
    made = plans("all")
    one = made.bounded(made.lower[:1], 0.5 * np.ones((1, 4)))
    assert (one.periods, one.limited, len(one.groups), one.net) == (1, True, 1, made.net)
    free = made.unlimited()
    assert free.options == ("groups", "net")
    assert free.unlimited() is free
    with pytest.raises(BadData, match="adds up to"):
        made.bounded(made.lower, np.full((2, 4), 0.1))


def test_what_cvxpy_cannot_say_is_refused():
    W = cp.Variable((2, 1))
    for options in ({"minimum_position": 0.1}, {"round_lots": 0.1}):
        with pytest.raises(UnsupportedProgram, match="no CVXPY form"):
            PlanSet(2, 1, **options).to_cvxpy(W, np.zeros(2))
    gross = PlanSet(2, 1, lower=-1.0, upper=2.0, gross=1.5).to_cvxpy(W, np.zeros(2))
    problem = cp.Problem(cp.Minimize(W[0, 0]), gross)
    problem.solve(cp.CLARABEL)
    assert problem.value == pytest.approx(-0.25, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cash": 2}, "cash is 2"),
        ({"turnover_limit": -1.0}, "cannot be negative"),
        ({"turnover_limit": [1.0, 1.0]}, "turnover_limit has shape"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(BadData, match=words):
        PlanSet(2, 1, **options)
