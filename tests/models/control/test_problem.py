"""What a control problem refuses, each in a sentence, and how it reads limits."""

import numpy as np
import pytest

import proofolio as pf

from .problems import market


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"Lambda": [[1.0, 2.0], [2.0, 1.0]]}, r"Lambda is not positive definite \(smallest eigenvalue -1\)"),
        ({"Lambda": [1.0, 0.0]}, "Lambda is not positive definite"),
        ({"Lambda": [[1.0, 2.0], [0.0, 1.0]]}, "Lambda is not symmetric"),
        ({"Lambda": np.eye(3)}, r"Lambda has shape \(3, 3\); it must be \(2, 2\)"),
        ({"alpha": np.zeros((2, 2))}, r"alpha has shape \(2, 2\); it must be \(3, d\)"),
        ({"Sigma": np.eye(2)}, r"Sigma has shape \(2, 2\); it must be \(3, 2, 2\)"),
        (
            {"Sigma": np.array([np.eye(2), np.eye(2), [[1, 2], [2, 1]]])},
            r"Sigma\[2\] is not positive semidef",
        ),
        ({"gamma": 0.0}, "gamma is 0; it must be positive"),
        ({"eta": -1.0}, "eta is -1; it must be positive"),
        ({"rho": -0.1}, "rho is -0.1; it must be not negative"),
        ({"horizon": 0.0}, "horizon is 0"),
        ({"terminal": (np.eye(2), np.zeros(2), 0.0)}, "horizon is None"),
        ({"horizon": 1.0, "terminal": 3.0}, r"terminal must be \(A, b, c\)"),
        ({"limits": (0.5, 0.5)}, "low must be below high"),
        ({"limits": [1.0, 2.0, 3.0]}, "limits must be one number"),
        ({"limits": pf.PlanSet(3, 1)}, "limits are of 3 assets"),
        ({"l1": -0.1}, "l1 holds -0.1; it cannot be negative"),
        ({"l1": [0.1, 0.1, 0.1]}, r"l1 has shape \(3,\)"),
        ({"factors": {"B": np.zeros((2, 1))}}, "factors must have B, Phi, mean, S"),
        ({"units": "daily"}, "units is 'daily'"),
        ({"horizon": np.inf}, "horizon is infinite: leave it out"),
        ({"horizon": np.nan}, "horizon holds NaN"),
        ({"limits": 0.0}, "limits is 0; give the largest size of a position, above 0"),
        ({"limits": -1.0}, "limits is -1; give the largest size"),
        ({"limits": np.nan}, "limits holds NaN"),
        ({"factors": 3}, "factors must be Factors"),
        ({"fixed": -0.1}, "fixed holds -0.1; it cannot be negative"),
        (
            {"Sigma": np.array([np.full((2, 2), 0.04)] * 3)},
            "some portfolio has no risk, as where an asset repeats",
        ),
        (
            {"chain": [[0.9, 0.1], [0.2, 0.8]]},
            "row 0 sums to 1, not 0: a matrix of probabilities is read by Regime",
        ),
        ({"chain": np.full((3, 3), np.nan)}, "generator holds NaN"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(changed, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.RegimeControl(**market(2, **changed))


def test_a_daily_covariance_is_noticed_and_can_be_insisted_on():
    given = market(2)
    daily = given["Sigma"].copy()
    daily[1] = np.array([[1e-4, 0.0], [0.0, 1e-4]])
    with pytest.raises(pf.BadData, match=r"Sigma\[1\] looks daily \(volatility 1 %\): give yearly"):
        pf.RegimeControl(**{**given, "Sigma": daily})
    pf.RegimeControl(**{**given, "Sigma": daily}, units="year")


def test_drifting_positions_with_factors_are_refused_in_words():
    factors = {"B": np.zeros((2, 1)), "Phi": [[1.0]], "mean": [0.0], "S": [[1.0]]}
    with pytest.raises(pf.BadData, match="no longer quadratic"):
        pf.RegimeControl(**market(2, factors=factors, drift=True))


def test_limits_are_read_as_a_box_where_they_are_one():
    size = pf.RegimeControl(**market(2, limits=0.5))
    assert (size.low.tolist(), size.high.tolist(), size.plan_set) == ([-0.5, -0.5], [0.5, 0.5], None)
    pair = pf.RegimeControl(**market(2, limits=([0.0, -1.0], 1.0)))
    assert (pair.low.tolist(), pair.high.tolist()) == ([0.0, -1.0], [1.0, 1.0])
    bounds = pf.PlanSet(2, 1, [0.0, 0.1], 0.7, net=(-np.inf, np.inf))
    assert pf.RegimeControl(**market(2, limits=bounds)).plan_set is None
    budget = pf.RegimeControl(**market(2, limits=pf.PlanSet(2, 1)))
    assert budget.plan_set is not None
    assert not budget.linear_quadratic
    assert pf.RegimeControl(**market(2)).linear_quadratic


def test_the_cost_left_out_is_the_mean_covariance():
    control = pf.RegimeControl(**market(3))
    np.testing.assert_allclose(control.Lambda, market(3)["Sigma"].mean(axis=0))
    assert pf.RegimeControl(**market(3, Lambda=np.diag([1.0, 2, 3]))).Lambda_diagonal.tolist() == [1, 2, 3]


STEPS = ({"steps_per_year": 0}, "steps_per_year is 0; it must be a positive number")


@pytest.mark.parametrize(
    ("method", "arguments", "sentence"),
    [
        *((name, *STEPS) for name in ("lookahead", "receding", "one_step", "projected")),
        ("one_step", {"steps_per_year": np.inf}, "steps_per_year is inf"),
        ("one_step", {"steps_per_year": np.nan}, "steps_per_year holds NaN"),
        ("lookahead", {"years": "two"}, "years is not an array of numbers"),
        ("lookahead", {"iterations": 0}, "iterations is 0; it must be a whole number from 1"),
        ("bound", {"policy": None, **STEPS[0]}, STEPS[1]),
        ("bound", {"policy": None, "seed": -1}, "seed is -1; it must be a whole number from 0"),
        ("bound", {"policy": None, "seconds_per_path": -1}, "seconds_per_path is -1; give seconds"),
        ("choose", {"policies": [], "seed": 0.5}, "seed is 0.5"),
        ("simulate", {"policies": {"mine": 3}}, "a policy has a method trade"),
        ("simulate", {"policies": [], "years": np.inf}, "there is no policy"),
        ("match_costs", {"costs": 0.001, "etas": []}, "etas is empty"),
        ("policy_iteration", {"theta_grid": None}, "theta_grid is None; give increasing positions"),
        ("policy_iteration", {"theta_grid": 5}, "theta_grid is 5; give increasing positions"),
        ("policy_iteration", {"theta_grid": [-1, 0, 1], "tol": "a"}, "tol is not an array of numbers"),
        ("policy_iteration", {"theta_grid": [-1, 0, 1], "report": 3}, "report is 3; give a function"),
    ],
)
def test_methods_refuse_bad_arguments_in_a_sentence(method, arguments, sentence):
    control = pf.RegimeControl(**market(2, Lambda=[0.02, 0.03], limits=1.0))
    with pytest.raises(pf.BadData, match=sentence):
        getattr(control, method)(**arguments)


def test_simulations_refuse_what_they_cannot_hold_or_draw():
    control = pf.RegimeControl(**market(2))
    policy = control.one_step()
    for years, words in (
        (np.inf, "years is inf"),
        ("a", "years is not an array"),
        (0.01, "two periods or more"),
    ):
        with pytest.raises(pf.BadData, match=words):
            control.simulate(policy, 2, years, 52)
    with pytest.raises(
        pf.BadData, match=r"1,000,000,000 paths of 1,260 steps need 1.01e\+04 GB and more: give fewer"
    ):
        control.simulate(policy, 10**9)
    with pytest.raises(pf.BadData, match="filtered names one, which is no policy"):
        control.simulate(policy, 2, 1, 12, filtered="one")
    flat = pf.RegimeControl(**market(2, Sigma=np.array([np.full((2, 2), 0.04)] * 3), Lambda=[0.02, 0.03]))
    with pytest.raises(
        pf.BadData, match="Sigma is not positive definite in some regime, so no returns are drawn"
    ):
        flat.simulate(flat.one_step(), 2, 1, 12)


def test_values_on_a_grid_refuse_what_is_no_position_or_regime():
    grid = pf.RegimeControl(**market(1, l1=0.01, limits=1.0)).policy_iteration([-1, 0, 1])
    for call, words in (
        (lambda: grid.rate([np.nan], 0), "theta holds NaN"),
        (lambda: grid.value([np.nan], 0), "theta holds NaN"),
        (lambda: grid.no_trade_region("calm"), "z is 'calm'"),
    ):
        with pytest.raises(pf.BadData, match=words):
            call()
