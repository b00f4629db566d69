"""On no path of random problems does a policy, however bad, lose less than the bound says a plan must."""

import warnings

import numpy as np
import pytest

import proofolio as pf
from proofolio.errors import Imprecise
from proofolio.models.control.limits import limits_of
from proofolio.models.portfolio.plan_set import Group, PlanSet

FREE = (-np.inf, np.inf)
SPEEDS = (0.03, 0.3, 3.0, 30.0)  # of regimes: from decades to weeks


class Bad:
    """Within the limits, and otherwise as wrong as it can be."""

    def __init__(self, name, limits, wanted):
        self.name, self._limits, self._wanted = name, limits, wanted

    def trade(self, theta, z, t=0.0):
        return self._limits.project(self._wanted(theta, z, t)) - theta


def bad_policies(control, steps):
    limits, exact = limits_of(control), control.projected(steps_per_year=steps)

    def anywhere(theta, z, t):
        return np.random.default_rng(round(t * steps)).uniform(-2.0, 2.0, theta.shape)

    return [
        Bad("never", limits, lambda theta, z, t: theta),
        Bad("back and forth", limits, lambda theta, z, t: np.full_like(theta, (-1.0) ** round(t * steps))),
        Bad("backwards", limits, lambda theta, z, t: theta - exact.trade(theta, z, t)),
        Bad("noise", limits, anywhere),
    ]


def definite(rng, d, size):
    root = rng.normal(size=(d, d))
    return size**2 * (root @ root.T / d + 0.3 * np.eye(d))


def random_problem(rng, d, m, limits, l1, fixed, speed):
    G = rng.uniform(0.1, 1.0, (m, m)) * speed
    np.fill_diagonal(G, 0.0)
    return pf.RegimeControl(
        G - np.diag(G.sum(1)), rng.normal(0.0, 0.1, (m, d)), [definite(rng, d, 0.25) for _ in range(m)],
        gamma=rng.uniform(1.0, 8.0), eta=10.0 ** rng.uniform(-3.0, 0.0), Lambda=definite(rng, d, 0.25),
        rho=rng.choice([0.0, 0.02, 0.5]), horizon=1.0, limits=limits, l1=l1, fixed=fixed, units="year",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("d", "m", "limits", "l1", "fixed"),
    [
        (1, 1, 0.3, 0.0, 0.002),
        (1, 3, (-0.1, 0.4), 0.004, 0.001),
        (2, 2, 0.2, 0.01, 0.0005),
        (2, 4, PlanSet(2, 1, -0.5, 0.5, net=FREE, gross=0.3), 0.0, 0.001),
        (3, 1, None, 0.01, 0.0),
        (4, 3, (-0.1, 0.3), 0.002, 0.0),
        (5, 2, PlanSet(5, 1, -1.0, 1.0, net=FREE, gross=0.6), 0.003, 0.0),
        (6, 4, PlanSet(6, 1, -1.0, 1.0, groups=(Group((0, 1), -0.2, 0.3),), net=(-0.3, 0.7)), 0.0, 0.0),
        (6, 2, 0.15, 0.02, 0.0),
        (3, 4, PlanSet(3, 1, 0.0, 0.6, net=(0.0, 1.0)), 0.001, 0.0),
    ],
    ids=range(10),
)
def test_no_policy_loses_less_than_the_bound_on_any_path(monkeypatch, d, m, limits, l1, fixed):
    # the bound holds however far its method got, and quick is enough here
    monkeypatch.setattr("proofolio.models.control.bound.ROUNDS", 2)
    rng, steps = np.random.default_rng([7, d, m]), 6.0
    control = random_problem(rng, d, m, limits, l1, fixed, SPEEDS[(d + m) % 4])
    theta = rng.choice([-1.0, 1.0], d) * rng.uniform(0.7, 1.5, d)
    assert limits is None or limits_of(control).violation(theta) > 0  # it begins outside of them
    good = (control.one_step(), control.lookahead(0.7))[d % 2]
    for policy in (good, *bad_policies(control, steps)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Imprecise)
            gap = control.bound(policy, 4, 1, steps, theta=theta)
        assert gap.per_path.min() >= -1e-9 * abs(gap.value), policy.name
        assert gap.value <= gap.upper + 1e-9 * abs(gap.value)
        if policy.name in ("back and forth", "noise"):
            assert gap.per_path.min() > 1e-6  # and these are far from it
