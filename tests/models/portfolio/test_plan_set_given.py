"""A plan set given to a model: the same as its arguments, and what only a plan set can say."""

import numpy as np
import pytest

import proofolio as pf
from proofolio.models.portfolio.plan_set import Group, PlanSet


def data(n=4, H=3, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n)) * 0.01
    return rng.normal(0.0, 0.002, (H, n)), root @ root.T + 1e-5 * np.eye(n), rng.dirichlet(np.ones(n))


def test_a_plan_set_is_the_same_as_the_arguments():
    rules = {"upper": 0.5, "groups": [Group([0, 1], 0.2, 0.6)], "turnover_limit": 0.3}
    mean, covariance, w0 = data()
    steps = [
        pf.MeanVariance(4, 3, 5.0, 0.001, **given).stepper().solve(mean, covariance, w0)
        for given in (rules, {"plan_set": PlanSet(4, 3, **rules)})
    ]
    np.testing.assert_array_equal(steps[0].W, steps[1].W)
    plans = [
        pf.RiskParity(4, 3, 0.001, **given).stepper(starts="erc").solve(np.stack([covariance] * 3), w0)
        for given in (rules, {"plan_set": PlanSet(4, 3, **rules)})
    ]
    np.testing.assert_array_equal(plans[0].W, plans[1].W)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gamma_risk", [0.0, 5.0])
def test_net_exposure_is_what_cash_leaves(seed, gamma_risk):
    """The same plans written with a free asset without return and risk: another form of the same program."""
    mean, covariance, w0 = data(seed=seed)
    held = 0.7 * w0
    net = pf.MeanVariance(4, 3, gamma_risk, 0.0005, plan_set=PlanSet(4, 3, upper=0.5, net=(0.5, 0.9)))
    step = net.stepper().solve(mean, covariance, held)
    with_cash = pf.MeanVariance(
        5, 3, gamma_risk, 0.0005, lower=[0, 0, 0, 0, 0.1], upper=[0.5, 0.5, 0.5, 0.5, 0.5], cash=4
    )
    other = with_cash.stepper().solve(
        np.hstack([mean, np.zeros((3, 1))]), np.pad(covariance, ((0, 1), (0, 1))), np.append(held, 0.3)
    )
    assert step.ok
    assert other.ok
    assert step.objective == pytest.approx(other.objective, rel=3e-6, abs=1e-10)
    program = net.solve(mean, covariance, held)
    assert program.objective == pytest.approx(step.objective, rel=1e-5, abs=1e-9)


def test_equal_means_are_earned_by_being_invested():
    """Where net exposure is free, a mean that all assets share is no constant."""
    model = pf.MeanVariance(3, 1, 0.0, 0.0, plan_set=PlanSet(3, 1, net=(0.2, 0.8)))
    step = model.stepper().solve([0.001] * 3, np.eye(3) * 1e-4, [0.2, 0.1, 0.1])
    assert step.ok
    assert step.W[0].sum() == pytest.approx(0.8, abs=1e-7)


def test_gross_exposure_of_shorts_is_kept_by_solve():
    model = pf.MeanVariance(3, 1, 0.0, 0.0, plan_set=PlanSet(3, 1, lower=-1.0, upper=2.0, gross=1.5))
    with pytest.raises(pf.UnsupportedProgram, match="gross exposure"):
        model.stepper()
    # 1.25 in the best and -0.25 in the worst: the corner of the ball and the budget
    found = model.solve([0.003, 0.002, 0.001], np.eye(3) * 1e-4, [0.4, 0.3, 0.3])
    np.testing.assert_allclose(np.asarray(found["W"])[:, 0], [1.25, 0.0, -0.25], atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(pf.BadData, match="plan_set is of 3 assets"):
        pf.MeanVariance(4, 1, 5.0, 0.0, plan_set=PlanSet(3, 1))
    with pytest.raises(pf.BadData, match="upper is given beside plan_set"):
        pf.MeanVariance(4, 1, 5.0, 0.0, upper=0.5, plan_set=PlanSet(4, 1))
    for plans in (PlanSet(4, 1, cardinality=2), PlanSet(4, 1, net=(0.5, 1.0)), PlanSet(4, 1, lower=-0.1)):
        with pytest.raises(pf.BadData, match="risk parity"):
            pf.RiskParity(4, 1, 0.0, plan_set=plans)
