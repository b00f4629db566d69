"""The gap: zero where it must be, never negative, and on the right side of the optimum."""

import warnings

import numpy as np
import pytest
from scipy import optimize

from proofolio.errors import BadData, Imprecise
from proofolio.models.control.bound import bound_of, least_losses, losses_of
from proofolio.models.control.limits import limits_of
from proofolio.models.control.policies import Lookahead, OneStep, Projected, Receding, in_steps
from proofolio.models.portfolio.plan_set import Group, PlanSet

from .policy_problems import every_path, random_control


def quiet(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Imprecise)
        return bound_of(*arguments, **options)


def test_without_limits_and_costs_the_gap_is_zero():
    rng = np.random.default_rng(0)
    for horizon in (None, 1.0):
        control = random_control(rng, 3, 3, horizon=horizon)
        for policy in (OneStep(control), Lookahead(control, 0.5), Projected(control)):
            gap = quiet(control, policy, 20)
            assert abs(gap.gap) < 1e-12
            assert gap.value == pytest.approx(gap.upper, rel=1e-12)
            assert str(gap).endswith("gap 0.000% (0.000% to 0.000%)")


def test_no_path_of_100_random_problems_has_a_negative_gap(monkeypatch):
    monkeypatch.setattr(
        "proofolio.models.control.bound.ROUNDS", 2
    )  # the bound holds however far the method got
    monkeypatch.setattr("proofolio.models.control.policies.SINGLE_ITERATIONS", 40)  # and for poor policies
    rng = np.random.default_rng(1)
    sets = (
        None,
        0.2,
        (-0.1, 0.3),
        PlanSet(2, 1, -1.0, 1.0, net=(-np.inf, np.inf), gross=0.5),
        PlanSet(2, 1, 0.0, 1.0, groups=(Group((0,), 0.2, 0.6),), net=(0.0, 1.0)),
    )
    positive = 0
    for case in range(100):
        limits = sets[case % len(sets)]
        control = random_control(
            rng, 2, 2, horizon=(None, 1.0)[case % 2], limits=limits, l1=rng.choice([0.0, 0.003, 0.02]),
            rho=rng.choice([0.02, 0.3]), years=rng.choice([0.5, 5.0]),
        )  # fmt: skip
        policy = (OneStep, Projected, Receding, Lookahead)[case % 4](control)
        if case % 4 == 3:
            policy = Lookahead(control, 1.0, switches=case // 4 % 2)
        held = np.array([0.3, 0.1]) if isinstance(limits, PlanSet) else np.zeros(2)
        gap = quiet(control, policy, 4, case, (1.0, 4.0)[case % 2], theta=held)
        assert gap.per_path.min() >= -1e-9 * abs(gap.value)
        positive += gap.gap > 1e-6
    assert positive > 60


def test_the_best_policy_in_one_dimension_lies_between_a_policy_and_the_bound():
    rng = np.random.default_rng(2)
    control = random_control(rng, 2, 1, horizon=1.0, limits=0.4, l1=0.005)
    discrete, steps = in_steps(control, 8), 8
    grid = np.linspace(-0.4, 0.4, 401)
    best = np.zeros((2, len(grid)))
    trades = control.l1[0] * np.abs(grid[:, None] - grid)
    for _ in range(steps):
        later = discrete.r * discrete.P @ best
        for z in range(2):
            worth = (
                (control.alpha[z, 0] * grid - 1.5 * control.Sigma[z, 0, 0] * grid**2) / 8
                + later[z]
                - 0.5 * control.eta * control.Lambda[0, 0] * 8 * (grid[:, None] - grid) ** 2
                - trades
            )
            best[z] = worth.max(1)
    for start in range(2):
        optimum = best[start, 200]
        paths, chances = every_path(control, steps, 8, start)
        held = np.zeros((len(paths), 1))
        first = discrete.value(held, paths[:, 0])
        policy = Lookahead(control, 1.0, switches=1, steps_per_year=8)
        lost = losses_of(control, policy, discrete, paths, paths, held)
        least, _ = least_losses(control, discrete, paths, held, lost)
        value, upper = chances @ (first - lost), chances @ (first - least)
        assert value <= optimum + 2e-6  # the grid's own error
        assert upper >= optimum - 1e-9  # what is on the grid can be had
        assert upper - value < 0.1 * abs(upper)
        assert value < chances @ first - 1e-4


def whole_path_minimum(control, discrete, z, held):
    """min L on one path by a general solver, for limits of a box and gross exposure."""
    N, d = len(z) - 1, control.d
    limits = limits_of(control)

    def parts(v):
        y, u = v[: N * d].reshape(N, d), v[N * d :].reshape(N, d)
        return y, u

    def loss(v):
        y, u = parts(v)
        total, before = 0.0, held
        for k in range(N):
            away = y[k] - np.linalg.solve(
                discrete.M[discrete.row(k)][z[k]], discrete.q[discrete.row(k)][z[k]] + discrete.K @ before
            )
            total += discrete.r**k * (
                0.5 * away @ discrete.M[discrete.row(k)][z[k]] @ away + control.l1 @ u[k]
            )
            before = y[k]
        return total

    def room(v):
        y, u = parts(v)
        moved = np.diff(y, axis=0, prepend=held[None])
        rows = [(u - moved).ravel(), (u + moved).ravel()]
        if limits.gross is not None:
            rows += [limits.gross - y @ np.array(s) for s in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        return np.concatenate(rows)

    box = [(low, high) for _ in range(N) for low, high in zip(limits.lower, limits.upper, strict=True)]
    found = optimize.minimize(
        loss, np.full(2 * N * d, 0.01), bounds=box + [(0.0, 1.0)] * (N * d),
        constraints={"type": "ineq", "fun": room}, method="SLSQP", options={"maxiter": 500, "ftol": 1e-13},
    )  # fmt: skip
    assert found.success
    return found.fun


@pytest.mark.parametrize("gross", [None, 0.15])
def test_the_bound_of_a_path_is_the_minimum_found_by_a_general_solver(gross):
    rng = np.random.default_rng(4)
    limits = 0.1 if gross is None else PlanSet(2, 1, -0.1, 0.1, net=(-np.inf, np.inf), gross=gross)
    control = random_control(rng, 2, 2, horizon=0.5, limits=limits, l1=0.004)
    discrete = in_steps(control, 12)
    z = np.array([[0, 0, 1, 1, 0, 1, 1], [1, 1, 1, 0, 0, 0, 0]])
    held = np.array([[0.05, 0.0], [0.0, -0.05]])
    least, reached = least_losses(control, discrete, z, held, np.full(2, np.inf))
    for path in range(2):
        right = whole_path_minimum(control, discrete, z[path], held[path])
        assert right > 1e-4
        assert least[path] <= right + 1e-9
        assert least[path] == pytest.approx(right, rel=2e-3)
        assert reached[path] >= right - 1e-9


def test_the_lagrangian_is_a_bound_after_one_iteration_too(monkeypatch):
    rng = np.random.default_rng(6)
    control = random_control(rng, 2, 2, horizon=1.0, limits=0.1, l1=0.004)
    discrete = in_steps(control, 12)
    z = control.chain.simulate(30, 1.0, 12, 0)
    held, never = np.zeros((30, 2)), np.full(30, np.inf)
    good, _ = least_losses(control, discrete, z, held, never)
    monkeypatch.setattr("proofolio.models.control.bound.ITERATIONS", 1)
    monkeypatch.setattr("proofolio.models.control.bound.ROUNDS", 2)
    poor, reached = least_losses(control, discrete, z, held, never)
    assert np.all(poor <= good + 1e-6 * good.max())
    assert (good - poor).mean() > 1e-3 * good.mean()
    assert np.all(reached >= poor)


def test_fast_regimes_are_said_to_leave_the_bound_loose():
    rng = np.random.default_rng(8)
    fast = random_control(rng, 2, 1, years=0.2, limits=0.1, l1=0.01, horizon=0.25)
    with pytest.warns(Imprecise, match="loose here: steps of 30.4 days, regimes of"):
        gap = bound_of(fast, OneStep(fast), 10)
    assert gap.steps_per_shortest_regime == pytest.approx(12 * fast.chain.mean_length.min())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bound_of(fast, OneStep(fast), 4, steps_per_year=252.0)  # steps of a day are short enough


def test_with_filtered_regimes_the_gap_says_that_it_holds_the_value_of_knowing():
    rng = np.random.default_rng(9)
    control = random_control(rng, 2, 2, years=5.0)
    known, seen = quiet(control, OneStep(control), 50), quiet(control, OneStep(control), 50, filtered=True)
    assert known.known
    assert not seen.known
    assert seen.upper == pytest.approx(known.upper)
    assert seen.gap > 1e-4
    assert "knowing the regime" in str(seen)
    assert "knowing the regime" not in str(known)


class Wild:
    name = "wild"

    def trade(self, theta, z, t=0.0):
        return np.full(np.shape(theta), 0.3)


def test_a_policy_that_leaves_the_limits_has_no_gap():
    control = random_control(np.random.default_rng(10), 2, 2, limits=1.0)
    with pytest.raises(BadData, match=r"leaves the limits by 0.2 at step 3"):
        bound_of(control, Wild(), 3)


def test_any_policy_can_be_bounded():
    control = random_control(np.random.default_rng(10), 2, 2, limits=20.0, horizon=1.0)
    gap = quiet(control, Wild(), 5)
    assert gap.policy == "wild"
    assert gap.gap > 0.1
    assert gap.per_path.shape == (5,)
    low, high = gap.interval
    assert low <= gap.gap <= high
