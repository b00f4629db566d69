"""The recursion in steps, against Bellman's equation and an enumeration of every path."""

import numpy as np
import pytest

from proofolio.models.control.policies import Projected, in_steps

from .policy_problems import every_path, random_control


@pytest.mark.parametrize("horizon", [None, 0.5])
@pytest.mark.parametrize("m", [1, 3])
def test_no_step_beats_the_target_and_the_target_earns_the_value(horizon, m):
    rng = np.random.default_rng(3)
    control = random_control(rng, m, 3, horizon=horizon)
    discrete = in_steps(control, 12)
    for z in range(m):
        theta = rng.normal(size=(1, 3))
        regime = np.array([z])

        def worth(y, theta=theta, z=z, regime=regime):
            y = y.reshape(1, 3)
            after = [discrete.value(y, np.array([j]), 1)[0] for j in range(m)]
            u = y - theta
            earned = (
                y[0] @ control.alpha[z] / 12
                - 0.5 * control.gamma * y[0] @ control.Sigma[z] @ y[0] / 12
                - 0.5 * control.eta * 12 * u[0] @ control.Lambda @ u[0]
            )
            assert discrete.reward(theta, y, regime, control)[0] == pytest.approx(earned, abs=1e-14)
            return earned + np.exp(-control.rho / 12) * discrete.P[z] @ after

        best = discrete.target(theta, regime, 0)
        assert worth(best) == pytest.approx(discrete.value(theta, regime, 0)[0], rel=1e-12)
        for _ in range(20):
            y = best + 0.1 * rng.normal(size=best.shape)
            loss = discrete.loss(theta, y, regime, 0, np.zeros(3), np.zeros(3))[0]
            assert loss > 0
            assert worth(best) - worth(y) == pytest.approx(loss, abs=1e-11)


def test_the_loss_form_is_exact_for_a_policy_that_does_something_else():
    rng = np.random.default_rng(5)
    control = random_control(rng, 2, 2, horizon=0.5, l1=0.01, limits=0.3)
    discrete, policy = in_steps(control, 12), Projected(control)
    paths, chances = every_path(control, 6, 12, 0)
    theta = np.tile([0.1, -0.2], (len(paths), 1))
    first = discrete.value(theta, paths[:, 0])
    earned, lost = np.zeros(len(paths)), np.zeros(len(paths))
    for k in range(6):
        z = paths[:, k]
        y = theta + policy.trade(theta, z, k / 12)
        cost = np.abs(y - theta) @ control.l1
        earned += discrete.r**k * (discrete.reward(theta, y, z, control) - cost)
        lost += discrete.r**k * discrete.loss(theta, y, z, k, control.l1, control.fixed)
        theta = y
    assert chances.sum() == pytest.approx(1.0)
    assert lost.max() > 1e-4
    assert chances @ earned == pytest.approx(chances @ (first - lost), abs=1e-13)


def test_a_long_finite_horizon_is_the_infinite_one():
    rng = np.random.default_rng(7)
    options = {"m": 3, "d": 2, "rho": 0.3}
    state = rng.bit_generator.state
    without = random_control(rng, **options)
    rng.bit_generator.state = state
    finite = random_control(rng, horizon=60.0, **options)
    one, other = in_steps(without, 12), in_steps(finite, 12)
    for name in "Abc":
        assert np.abs(getattr(one, name)[0] - getattr(other, name)[0]).max() < 1e-7
    assert one.steps is None
    assert len(other.A) == 721


def test_small_steps_come_near_the_rate_in_continuous_time():
    rng = np.random.default_rng(11)
    control = random_control(rng, 2, 2)
    value = control.riccati()
    errors = []
    for steps in (500, 1000):
        discrete = in_steps(control, steps)
        errors.append(np.abs(discrete.A[0] - value.A).max() / np.abs(value.A).max())
    assert errors[1] < 0.6 * errors[0] < 0.01
