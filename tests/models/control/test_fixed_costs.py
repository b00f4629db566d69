"""Fixed costs: trade or not, and a bound of each path from a mixed-integer program."""

from itertools import product

import numpy as np
import pytest
from scipy import optimize

import proofolio as pf
from proofolio.models.control.bound import least_losses
from proofolio.models.control.policies import Lookahead, OneStep, in_steps
from proofolio.models.portfolio.plan_set import PlanSet

from .policy_problems import random_control
from .test_bound import quiet

FIXED = 0.02  # more than a month of a trade earns, less than two years of it


def by_enumeration(control, discrete, z, held):
    """Min L on one path with one asset: every pattern of steps with and without a trade, each by a general solver."""
    N, best = len(z) - 1, np.inf
    for pattern in product((0, 1), repeat=N):
        traded = np.flatnonzero(pattern)

        def loss(values, traded=traded, pattern=pattern):
            total, before, position = 0.0, held, dict(zip(traded, values, strict=True))
            for k in range(N):
                y = position.get(k, before)
                M, q = discrete.M[discrete.row(k)][z[k]][0, 0], discrete.q[discrete.row(k)][z[k]][0]
                away = y - (q + discrete.K[0, 0] * before) / M
                total += discrete.r**k * (
                    0.5 * M * away**2 + control.fixed[0] * pattern[k] + control.l1[0] * abs(y - before)
                )
                before = y
            return total

        if len(traded):
            found = optimize.minimize(loss, np.zeros(len(traded)), bounds=[(-0.3, 0.3)] * len(traded))
            best = min(best, found.fun)
        else:
            best = min(best, loss([]))
    return best


def test_a_path_is_bounded_by_its_mixed_integer_program():
    control = random_control(np.random.default_rng(3), 2, 1, horizon=1.0, limits=0.3, fixed=0.002, eta=0.01)
    discrete = in_steps(control, 4)
    z = np.array([[0, 0, 1, 1, 0], [1, 1, 1, 0, 0]])
    held, never = np.zeros((2, 1)), np.full(2, np.inf)
    loose, _ = least_losses(control, discrete, z, held, never)
    close, _ = least_losses(control, discrete, z, held, never, 5.0)
    for path in range(2):
        right = by_enumeration(control, discrete, z[path], held[path, 0])
        assert loose[path] <= right + 1e-9
        assert close[path] <= right + 1e-7
        assert close[path] == pytest.approx(right, rel=1e-3)
    assert loose.sum() < close.sum() - 1e-3


def test_a_trade_is_made_where_it_pays_over_the_plan():
    control = random_control(np.random.default_rng(3), 2, 2, limits=0.3, fixed=FIXED, eta=0.01)
    theta, z = np.zeros((1, 2)), np.zeros(1, dtype=int)
    assert (OneStep(control).trade(theta, z) == 0.0).all()
    far = Lookahead(control, 2.0).trade(theta, z)
    assert np.abs(far).max() > 0.01
    settled = theta + far
    assert (Lookahead(control, 2.0).trade(settled, z) == 0.0).all()
    dear = random_control(np.random.default_rng(3), 2, 2, limits=0.3, fixed=10.0, eta=0.01, units="year")
    assert (Lookahead(dear, 2.0).trade(theta, z) == 0.0).all()


def test_the_gap_with_fixed_costs_is_never_negative_and_closer_with_programs():
    control = random_control(
        np.random.default_rng(5), 2, 1, years=5.0, horizon=1.0, limits=0.3, fixed=0.001, eta=0.01
    )
    policy = Lookahead(control, 1.0)
    loose = quiet(control, policy, 4, 0, 4.0)
    close = quiet(control, policy, 4, 0, 4.0, seconds_per_path=5.0)
    assert loose.per_path.min() >= -1e-9
    assert close.per_path.min() >= -1e-7
    assert close.upper < loose.upper
    assert close.value == loose.value


class BackAtOnce:
    """Goes to the nearest limit at once, and stays."""

    name = "back at once"

    def trade(self, theta, z, t):
        return np.clip(theta, -0.3, 0.3) - theta


@pytest.mark.parametrize("start", [0.3, 0.5, 3.0, -40.0])
@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_the_bound_holds_for_positions_that_begin_outside_of_the_limits(start, seconds):
    """The first trade is then larger than any between the limits, and pays the same fixed cost."""
    control = random_control(np.random.default_rng(3), 2, 1, horizon=1.0, limits=0.3, fixed=0.05, eta=0.01)
    gap = quiet(control, BackAtOnce(), 2, theta=[start], steps_per_year=4, seconds_per_path=seconds)
    assert gap.per_path.min() >= -1e-9 * abs(gap.value)
    assert gap.value <= gap.upper + 1e-9 * abs(gap.value)


def test_from_outside_of_the_limits_the_mixed_integer_program_is_enumeration():
    control = random_control(np.random.default_rng(3), 2, 1, horizon=1.0, limits=0.3, fixed=0.002, eta=0.01)
    discrete = in_steps(control, 4)
    z = np.array([[0, 0, 1, 1, 0]])
    close, _ = least_losses(control, discrete, z, np.full((1, 1), 2.0), np.full(1, np.inf), 5.0)
    # from outside the first step must trade: those without are left out by their position
    N, best = 4, np.inf
    for pattern in product((0, 1), repeat=N - 1):
        found = optimize.minimize(
            lambda v, p=(1, *pattern): path_loss(control, discrete, z[0], 2.0, v, p), np.zeros(1 + sum(pattern)),
            bounds=[(-0.3, 0.3)] * (1 + sum(pattern)),
        )  # fmt: skip
        best = min(best, found.fun)
    assert close[0] == pytest.approx(best, rel=1e-5)


def path_loss(control, discrete, z, held, values, pattern):
    total, before, given = 0.0, held, iter(values)
    for k, trades in enumerate(pattern):
        y = next(given) if trades else before
        M, q = discrete.M[discrete.row(k)][z[k]][0, 0], discrete.q[discrete.row(k)][z[k]][0]
        away = y - (q + discrete.K[0, 0] * before) / M
        total += discrete.r**k * (
            0.5 * M * away**2 + control.fixed[0] * trades + control.l1[0] * abs(y - before)
        )
        before = y
    return total


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_gross_exposure_of_one_asset_is_a_box_for_fixed_costs_too(seconds):
    gross = PlanSet(1, 1, -5.0, 5.0, net=(-np.inf, np.inf), gross=0.3)
    z = np.array([[0, 0, 1, 1, 0], [1, 1, 1, 0, 0]])
    found = []
    for limits in (0.3, gross):
        control = random_control(
            np.random.default_rng(3), 2, 1, horizon=1.0, limits=limits, fixed=0.002, eta=0.01
        )
        held, never = np.full((2, 1), 0.1), np.full(2, np.inf)
        found.append(least_losses(control, in_steps(control, 4), z, held, never, seconds)[0])
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert found[0].min() > 1e-4


def test_the_inner_error_pays_fixed_costs_in_full():
    """What better plans could take away from the gap: a plan that pays a part of the fixed costs is none."""
    chain = pf.RegimeChain([[-0.5, 0.5], [0.7, -0.7]])
    control = pf.RegimeControl(
        chain, [[0.08], [-0.05]], [[[0.04]], [[0.09]]], eta=0.01, horizon=1.0, limits=0.5, fixed=0.01
    )
    policy = control.lookahead(1.0)
    loose = control.bound(policy, paths=4, seed=1, steps_per_year=8)
    tight = control.bound(policy, paths=4, seed=1, steps_per_year=8, seconds_per_path=4)
    assert tight.upper < loose.upper
    # As much as the programs took away was open before, and no more than was said to be.
    assert loose.inner_error * abs(loose.upper) >= 0.99 * (loose.upper - tight.upper)
