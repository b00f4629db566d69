"""Policies: what they trade, what they refuse, and that they know nothing of the future."""

import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.control.bound import losses_of, regime_paths
from proofolio.models.control.filtering import filtered_regimes, simulated_returns
from proofolio.models.control.policies import Lookahead, OneStep, Policy, Projected, Receding, in_steps
from proofolio.models.control.simulation import run
from proofolio.models.portfolio.plan_set import PlanSet

from .policy_problems import random_control

KINDS = (OneStep, Projected, Receding, Lookahead)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_is_traded_like_many_and_certainty_like_a_regime(kind):
    rng = np.random.default_rng(0)
    policy = kind(random_control(rng, 3, 2, limits=0.2, l1=0.002))
    theta, z = rng.uniform(-0.2, 0.2, (5, 2)), np.array([0, 2, 1, 1, 0])
    many = policy.trade(theta, z)
    assert many.shape == (5, 2)
    for row in range(5):
        assert policy.trade(theta[row], z[row]) == pytest.approx(many[row], abs=1e-6)
    assert policy.trade(theta, np.eye(3)[z]) == pytest.approx(many, abs=1e-6)
    assert np.abs(theta + many).max() <= 0.2 + 1e-12


def test_without_costs_and_limits_the_exact_policies_are_one():
    rng = np.random.default_rng(1)
    control = random_control(rng, 2, 3)
    theta, z = rng.normal(size=(4, 3)), np.array([0, 1, 0, 1])
    right = in_steps(control, 12).target(theta, z, 0) - theta
    for policy in (OneStep(control), Projected(control), Lookahead(control, 1.0), Lookahead(control, 1.0, 1)):
        assert policy.trade(theta, z) == pytest.approx(right, abs=1e-12)
    assert np.abs(Receding(control).trade(theta, z) - right).max() > 1e-5


def test_a_step_in_one_dimension_is_thresholded_and_clipped():
    control = random_control(np.random.default_rng(2), 2, 1, limits=0.05, l1=0.003)
    discrete = in_steps(control, 12)
    theta = np.linspace(-0.05, 0.05, 21)[:, None]
    z = np.zeros(21, dtype=int)
    target, M = discrete.target(theta, z, 0), discrete.M[0][0][0, 0]
    step = np.sign(target - theta) * np.maximum(np.abs(target - theta) - 0.003 / M, 0.0)
    right = np.clip(theta + step, -0.05, 0.05) - theta
    found = OneStep(control).trade(theta, z)
    assert found == pytest.approx(right, abs=1e-9)
    assert (found[right == 0.0] == 0.0).all()
    assert (right == 0.0).any()


def test_looking_further_ahead_does_not_lose_more():
    control = random_control(np.random.default_rng(3), 2, 2, years=5.0, limits=0.3, l1=0.01, horizon=2.0)
    discrete = in_steps(control, 12)
    z = regime_paths(control, discrete, 20, 0, 12)
    held = np.zeros((20, 2))
    lost = [
        losses_of(control, policy, discrete, z, z, held).mean()
        for policy in (Lookahead(control, 0.1), Lookahead(control, 0.5), Lookahead(control, 1.5))
    ]
    assert lost[1] < 0.96 * lost[0]
    assert lost[2] <= lost[1] * 1.001


def test_positions_before_a_day_do_not_depend_on_what_comes_after():
    rng = np.random.default_rng(4)
    control = random_control(rng, 2, 2, years=1.0, limits=0.3, l1=0.001)
    z = control.chain.simulate(4, 1.0, 12, 0)[:, :-1]
    returns = simulated_returns(control, z, 12, 0)
    changed_z, changed = z.copy(), returns.copy()
    changed_z[:, 6:], changed[:, 6:] = 1 - z[:, 6:], rng.normal(0.0, 0.1, returns[:, 6:].shape)
    beliefs, others = (filtered_regimes(control, r, 12) for r in (returns, changed))
    assert (beliefs[:, :7] == others[:, :7]).all()
    assert (beliefs[:, 7:] != others[:, 7:]).any()
    for policy in (OneStep(control), Lookahead(control, 0.25)):
        for seen, other in ((None, None), (beliefs, others)):
            one = run(control, policy, z, returns, np.zeros(2), 12, seen).profits
            two = run(control, policy, changed_z, changed, np.zeros(2), 12, other).profits
            assert (one[:, :6] == two[:, :6]).all()
            assert (one[:, 6:] != two[:, 6:]).any()


def test_a_filter_is_bayes_rule_over_every_path():
    control = random_control(np.random.default_rng(5), 2, 2, years=1.0)
    P, dt = control.chain.transition(1 / 12), 1 / 12
    returns = np.random.default_rng(6).normal(0.0, 0.06, (1, 3, 2))
    found = filtered_regimes(control, returns, 12)
    assert np.abs(found.sum(-1) - 1.0).max() < 1e-12
    assert found[0, 0] == pytest.approx(control.chain.stationary)

    def density(r, z):
        S, away = control.Sigma[z] * dt, r - control.alpha[z] * dt
        return np.exp(-0.5 * away @ np.linalg.solve(S, away)) / np.sqrt(np.linalg.det(S))

    for k in range(1, 4):
        weight = np.zeros(2)
        for number in range(2 ** (k + 1)):
            path = [number >> j & 1 for j in range(k + 1)]
            chance = control.chain.stationary[path[0]]
            for j in range(k):
                chance *= density(returns[0, j], path[j]) * P[path[j], path[j + 1]]
            weight[path[-1]] += chance
        assert found[0, k] == pytest.approx(weight / weight.sum(), rel=1e-9)


def test_limits_of_a_plan_set_are_kept_from_outside_too():
    control = random_control(np.random.default_rng(7), 2, 3, limits=PlanSet(3, 1), l1=0.001)
    for kind in KINDS:
        y = kind(control).trade(np.zeros(3), 0)
        assert y.sum() == pytest.approx(1.0, abs=1e-12)
        assert y.min() >= 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.1], 0), r"theta has shape \(1,\); it must be \(2,\) or \(B, 2\)"),
        (([0.1, np.nan], 0), "theta holds NaN"),
        (([0.1, 0.1], 2), "z must be regimes from 0 to 1"),
        (([0.1, 0.1], [0.5, 0.6]), "negative or do not add to 1"),
    ],
)
def test_bad_input_is_a_sentence(arguments, message):
    policy = OneStep(random_control(np.random.default_rng(8), 2, 2))
    with pytest.raises(BadData, match=message):
        policy.trade(*arguments)


def test_what_has_no_form_in_steps_is_refused():
    rng = np.random.default_rng(9)
    with pytest.raises(BadData, match="positions that do not drift"):
        OneStep(random_control(rng, 2, 2, drift=True)).trade(np.zeros(2), 0)
    with pytest.raises(BadData, match="shorter than a step"):
        OneStep(random_control(rng, 2, 2, horizon=0.01)).trade(np.zeros(2), 0)
    control = random_control(rng, 2, 2)
    for make in (
        lambda: Lookahead(control, -1.0),
        lambda: Lookahead(control, 1.0, 2),
        lambda: Receding(control, 0),
    ):
        with pytest.raises(BadData, match=r"give|plan"):
            make()
    assert issubclass(Lookahead, Policy)
