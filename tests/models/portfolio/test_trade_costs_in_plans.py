"""Costs as they are charged, in a plan: every form agrees, and the proven gap is a bound."""

import warnings

import cvxpy as cp
import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.solution import Settings

OPTIONS = {
    "plain": {},
    "cash and bounds": {"cash": 1, "upper": 0.6},
    "group and turnover": {"groups": [Group((0, 2), 0.2, 0.5)], "turnover_limit": 0.9},
    "shorts": {"lower": -0.3, "upper": 0.9},
}


def day(seed, n, H):
    """A forecast, holdings, and costs of which none is 0 for all assets."""
    g = np.random.default_rng(seed)
    F = g.standard_normal((n, 2))
    sigma = 1e-4 * (F @ F.T + np.diag(g.uniform(0.2, 1.0, n)))
    a = g.uniform(0.0, 1e-3, n)
    costs = {
        "half_spread": a,
        "asymmetry": a * g.uniform(-1.0, 1.0, n),
        "power_impact": g.uniform(0.0, 2e-3, n),
    }
    costs["power_impact"][0] = 0.0
    return 1e-3 * g.standard_normal((H, n)), sigma, g.dirichlet(np.ones(n)), costs


def utility(program, W, mean, sigma, w0, costs):
    """The objective written out, trade by trade, cash free."""
    total, before = 0.0, w0
    for w, mu in zip(W, mean, strict=True):
        u = w - before
        total += mu @ w - program.gamma_risk * (w @ sigma @ w)
        for i in range(len(w)):
            if i != program.cash:
                a, c, p = (costs[name][i] for name in ("half_spread", "asymmetry", "power_impact"))
                total -= program.gamma_trade * (a * abs(u[i]) + c * u[i] + p * abs(u[i]) ** 1.5)
        before = w
    return total


@pytest.mark.parametrize("H", [1, 3])
@pytest.mark.parametrize("name", OPTIONS)
def test_step_cvxpy_and_program_agree_to_the_proven_gap(name, H):
    for seed in range(2):
        mean, sigma, w0, costs = day(seed, 4, H)
        program = MeanVariance(4, H, 5.0, 1.5, **costs, **OPTIONS[name])
        step = program.stepper().solve(mean, sigma, w0)
        assert step.ok, step.residuals
        assert step.residuals.gap_relative <= 1e-6
        value = utility(program, step.W, mean, sigma, w0, costs)
        assert step.objective == pytest.approx(value, abs=1e-12)
        mpc = program.to_cvxpy()
        assert mpc.problem.is_dcp(dpp=True)
        mpc.assign(mean, sigma, w0)
        scaled = cp.Problem(1e3 * mpc.problem.objective, mpc.problem.constraints)  # tolerances are absolute
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # CVXPY writes the power 3/2 in cones that lose Clarabel some digits
            scaled.solve(solver="CLARABEL")
        solution = solve_continuous(program.to_program(mean, sigma, w0), Settings())
        size = max(abs(value), 1e-4)
        assert 1e-3 * scaled.value == pytest.approx(value, abs=2e-5 * size)
        theirs = program.plan_set.settle(mpc.weights)
        assert utility(program, theirs, mean, sigma, w0, costs) <= value + step.residuals.gap + 1e-9 * size
        mpc.W.value = step.W.T  # the same objective, at the same plan
        assert mpc.problem.objective.value == pytest.approx(value, abs=1e-12)
        assert solution.objective == pytest.approx(value, abs=2e-6 * size)


@pytest.mark.parametrize("names", [("half_spread",), ("half_spread", "asymmetry"), ("power_impact",)])
def test_the_gap_bounds_what_any_allowed_plan_gains(names):
    mean, sigma, w0, costs = day(7, 4, 2)
    costs = {name: each if name in names else np.zeros(4) for name, each in costs.items()}
    program = MeanVariance(4, 2, 5.0, 0.8, **costs)
    step = program.stepper().solve(mean, sigma, w0)
    assert step.ok
    g = np.random.default_rng(1)
    for k in range(300):
        near = 10.0 ** g.uniform(-6.0, 0.0)
        W = (1.0 - near) * step.W + near * g.dirichlet(np.full(4, 0.5), 2)
        if k % 3 == 0:
            W[0] = w0
        assert utility(program, W, mean, sigma, w0, costs) <= step.objective + step.residuals.gap + 1e-15


def test_poor_multipliers_prove_less_and_nothing_wrong():
    mean, sigma, w0, costs = day(3, 3, 1)
    program = MeanVariance(3, 1, 5.0, 1.0, **{**costs, "asymmetry": np.zeros(3)})
    best = program.stepper().solve(mean, sigma, w0)
    from proofolio.models.portfolio.quadratic_step import TradeMultipliers

    g = np.random.default_rng(0)
    covariance = sigma[None]
    size = program.step.size(mean, covariance)
    for scale in (1e-4, 1e-3, 1e-2, 1.0):
        s = TradeMultipliers(scale * g.standard_normal((1, 3)))
        for W in (best.W, g.dirichlet(np.ones(3), 1)):
            measured = program.step.measure(mean, covariance, w0, W, s, size)
            assert measured.value - measured.kkt.gap <= -best.objective + best.residuals.gap


def test_one_asset_is_bought_until_its_impact_eats_its_return_in_closed_form():
    # two assets without risk: mu u - 2a u - 2p u^1.5, best at u = ((mu - 2a) / 3p)^2
    mu, a, p = 0.003, 0.0005, 0.002
    step = MeanVariance(2, 1, 0.0, 1.0, half_spread=a, power_impact=p).stepper()
    found = step.solve([mu, 0.0], np.zeros((2, 2)), [0.1, 0.9])
    assert found.ok
    assert found.W[0, 0] - 0.1 == pytest.approx(((mu - 2 * a) / (3 * p)) ** 2, rel=1e-4)


def test_asymmetry_makes_the_dear_side_wait():
    # round trips cost the same, so over the horizon only what is bought in the end matters
    dear = MeanVariance(2, 1, 0.0, 1.0, half_spread=1e-3, asymmetry=[1e-3, 0.0])
    mean = [2.5e-3, 0.0]
    assert dear.stepper().solve(mean, np.zeros((2, 2)), [0.0, 1.0]).W[0] == pytest.approx(
        [0.0, 1.0], abs=1e-6
    )
    even = MeanVariance(2, 1, 0.0, 1.0, half_spread=1e-3)
    assert even.stepper().solve(mean, np.zeros((2, 2)), [0.0, 1.0]).W[0] == pytest.approx(
        [1.0, 0.0], abs=1e-6
    )


def test_what_cannot_be_is_refused_in_words():
    with pytest.raises(BadData, match="asymmetry of asset 2"):
        MeanVariance(2, 1, 1.0, 0.0, asymmetry=[0.0, 1e-3])
    with pytest.raises(BadData, match="power_impact"):
        MeanVariance(2, 1, 1.0, 0.0, power_impact=-1.0)
    with pytest.raises(BadData, match="takes no costs of the power 3/2"):
        MeanVariance(2, 1, 1.0, 1.0, power_impact=1e-3).stepper("piqp")


def test_the_costs_of_a_plan_are_those_that_are_charged():
    _, _, w0, costs = day(1, 4, 1)
    W = np.random.default_rng(2).dirichlet(np.ones(4))
    program = MeanVariance(4, 1, 0.0, 1.0, **costs)
    charged = TradeCost.of(4, **costs).total(W - w0)
    assert utility(program, W[None], np.zeros((1, 4)), np.zeros((4, 4)), w0, costs) == pytest.approx(-charged)
