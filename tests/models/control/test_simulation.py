"""Simulated markets: the value in the theory is the mean of what is earned, and costs find their eta."""

import numpy as np
import pytest

from proofolio.errors import BadData, DoubtfulEstimate
from proofolio.models.control.filtering import simulated_returns
from proofolio.models.control.policies import OneStep, in_steps
from proofolio.models.control.published import EqualWeights, Jump, Scaled, Static, published_control
from proofolio.models.control.simulation import run

from .policy_problems import random_control


def test_what_is_earned_on_average_is_the_value_less_the_loss():
    control = random_control(np.random.default_rng(0), 2, 2, years=1.0, horizon=1.0, l1=0.004, limits=0.1)
    discrete, policy = in_steps(control, 12), OneStep(control)
    z = control.chain.simulate(3000, 1.0, 12, 1)
    theta, worth = np.zeros((3000, 2)), -discrete.value(np.zeros((3000, 2)), z[:, 0])
    for k in range(12):
        y = theta + policy.trade(theta, z[:, k], k / 12)
        worth += discrete.r**k * (
            discrete.reward(theta, y, z[:, k], control)
            - np.abs(y - theta) @ control.l1
            + discrete.loss(theta, y, z[:, k], k, control.l1, control.fixed)
        )
        theta = y
    error = worth.std() / np.sqrt(3000)
    assert abs(worth.mean()) <= 3 * error
    assert 0.0 < error < 0.01


def test_returns_have_the_moments_of_their_regime():
    control = published_control()
    z = np.repeat([[0], [2]], 20_000, axis=1)
    returns = simulated_returns(control, z, 252, 3)
    for path, regime in ((0, 0), (1, 2)):
        cov = np.cov(returns[path].T) * 252
        assert np.diag(cov) == pytest.approx(np.diag(control.Sigma[regime]), rel=0.05)
        error = np.sqrt(np.diag(control.Sigma[regime]) * 252 / 20_000)
        assert (np.abs(returns[path].mean(0) * 252 - control.alpha[regime]) < 4 * error).all()
    assert (simulated_returns(control, z, 252, 3) == returns).all()


def test_figures_by_hand():
    control = published_control()
    table = control.simulate({"equal": EqualWeights(), "jump": Jump(control)}, 3, 0.05, 252, 1e-3, 5)
    z = control.chain.simulate(3, 0.05, 252, 5)[:, :-1]
    returns = simulated_returns(control, z, 252, 5)
    profits, traded, held = np.zeros((3, 13)), np.zeros(3), np.zeros((3, 5))
    for k in range(13):
        trade = 0.2 - held
        traded += np.abs(trade).sum(1)
        profits[:, k] = returns[:, k].sum(1) * 0.2 - 1e-3 * np.abs(trade).sum(1)
        held = 0.2 * (1 + returns[:, k])
    found = table.paths["equal"]
    assert found["turnover"].to_numpy() == pytest.approx(traded / 0.05)
    assert found["sharpe"].to_numpy() == pytest.approx(
        profits.mean(1) / profits.std(1, ddof=1) * np.sqrt(252)
    )
    wealth = np.cumsum(np.pad(profits, ((0, 0), (1, 0))), 1)
    worst = [max(wealth[p, : k + 1].max() - wealth[p, k] for k in range(14)) for p in range(3)]
    assert found["drawdown"].to_numpy() == pytest.approx(worst)
    mean, half = table.paired("equal", "jump", "turnover")
    apart = table.paths["equal"]["turnover"] - table.paths["jump"]["turnover"]
    assert (mean, half) == pytest.approx((apart.mean(), 1.96 * apart.std() / np.sqrt(3)))
    assert list(table.frame.index) == ["equal", "jump"]


def test_scaling_and_quarters():
    control = published_control()
    z = np.zeros(2, dtype=int)
    held = np.array([[0.3, 0.0, 0.1, 0.0, 0.2], [0.0, 0.0, 0.0, 0.0, 0.0]])
    after = held + Scaled(Jump(control), 1.0).trade(held, z)
    assert np.abs(after).sum(1) == pytest.approx(1.0)
    quarterly = Static(control, 0.25)
    assert (quarterly.trade(held, z, 1 / 252) == 0.0).all()
    assert (quarterly.trade(held, z, 63 / 252) != 0.0).any()
    target = held + Static(control).trade(held, z)
    shares = control.chain.stationary
    mean, cov = shares @ control.alpha, np.tensordot(shares, control.Sigma, 1)
    assert 3.0 * cov @ target[0] == pytest.approx(mean)


def test_a_filter_costs_and_the_matched_eta_is_best_on_its_list():
    control = published_control(speed=5.0)
    both = {"known": control.one_step(), "filtered": control.one_step()}
    table = control.simulate(both, 60, 2.0, 252, 0.0, 1, ["filtered"])
    known, half = table.paired("known", "filtered", "utility")
    assert known > -half
    assert table.paths["known"]["turnover"].mean() != table.paths["filtered"]["turnover"].mean()
    with pytest.warns(DoubtfulEstimate, match=r"eta 0\.0001 is at the end of those tried"):
        free = control.match_costs(0.0, paths=10, years=1.0, etas=(1e-4, 1e-1, 10.0))
    with pytest.warns(DoubtfulEstimate, match="eta 10 is at the end"):
        dear = control.match_costs(0.05, paths=10, years=1.0, etas=(1e-4, 1e-1, 10.0))
    assert free == 1e-4
    assert dear > free


def test_bad_requests_are_sentences():
    control = published_control()
    with pytest.raises(BadData, match="two policies are called onestep"):
        control.simulate([control.one_step(), control.one_step()], 3, 0.1)
    with pytest.raises(BadData, match="filtered names known, which is no policy"):
        control.simulate({"a": control.one_step()}, 3, 0.1, filtered=["known"])
    with pytest.raises(BadData, match="two periods or more"):
        control.simulate(control.one_step(), 3, 0.001)
    with pytest.raises(BadData, match=r"a policy has a method trade"):
        control.simulate([3], 3, 0.1)


def test_a_run_without_trades_earns_nothing():
    control = random_control(np.random.default_rng(1), 2, 2)

    class Idle:
        def trade(self, theta, z, t=0.0):
            return np.zeros_like(theta)

    z = np.zeros((2, 5), dtype=int)
    done = run(control, Idle(), z, np.ones((2, 5, 2)), np.ones(2), 12)
    assert (done.profits == 0.0).all()
    frame = control.simulate({"idle": Idle()}, 2, 1.0, 12).frame
    assert np.isnan(frame.loc["idle", "sharpe"])
