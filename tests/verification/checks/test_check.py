"""What counts as held: rows, bounds, cones and integers at small, ordinary and large scale."""

import numpy as np
import pytest

from proofolio import BadData, Model, check, write_program
from proofolio.verification.checks.checking import status
from proofolio.verification.checks.rows import Tolerances


def failed(checks):
    return {c.name for c in checks if not c.ok}


def budget(scale, slack):
    """Two amounts of a given scale that must add up, and values that miss by a part of it."""
    model = Model()
    x = model.variable("x", 2, 0, scale)
    model.add("budget", x.sum() == scale)
    model.minimise(x[0])
    return model, np.array([0.25, 0.75 + slack]) * scale


@pytest.mark.parametrize("scale", [1e-6, 1e-5, 1e-4, 1.0, 1e4, 1e8])
def test_a_hundredth_of_a_row_is_never_noise(scale):
    model, point = budget(scale, 0.01)
    assert "rows" in failed(check(model, point))


@pytest.mark.parametrize("scale", [1e-6, 1e-5, 1e-4, 1.0, 1e4, 1e8])
def test_the_last_digits_are_always_noise(scale):
    model, point = budget(scale, 1e-9)
    assert status(check(model, point)) == "verified-feasible"


def test_flows_of_1e8_may_be_off_by_what_their_digits_carry():
    model = Model()
    flow = model.variable("flow", 3)
    model.add("balance", flow[0] + flow[1] - flow[2] == 0)
    model.minimise(flow[0])
    assert status(check(model, [1e8, 2e8, 3e8 + 10])) == "verified-feasible"
    assert failed(check(model, [1e8, 2e8, 3e8 + 1e4])) == {"rows"}


@pytest.mark.parametrize("M", [1e3, 1e6, 1e9])
def test_a_big_m_gives_its_row_no_room(M):
    model = Model()
    x, z = model.variable("x", lower=0, upper=100), model.variable("z", binary=True)
    model.add("held", x + M * z <= 10 + M)
    model.maximise(x)
    assert failed(check(model, {"x": 10.001, "z": 1})) >= {"rows"}
    assert not failed(check(model, {"x": 10, "z": 1}))
    assert not failed(check(model, {"x": 100, "z": 0}))


def test_a_row_of_integers_is_held_exactly_beside_any_coefficient():
    model = Model()
    z = model.variable("z", 3, binary=True)
    model.add("knapsack", 1e8 * z[0] + 3 * z[1] + 5 * z[2] <= 1e8 + 7)
    model.maximise(z.sum())
    checks = check(model, [1, 1, 1])
    assert status(checks) == "infeasible-solution"
    assert "knapsack" in next(c.detail for c in checks if c.name == "rows")
    assert status(check(model, [1, 0, 1])) == "verified-feasible"


def test_integers_off_by_what_they_may_be_do_not_break_their_rows():
    model = Model()
    n = model.variable("n", 2, 0, 9, integer=True)
    model.add("lots", 1000 * n.sum() == 3000)
    model.minimise(n[0])
    assert status(check(model, [1 + 9e-7, 2])) == "verified-feasible"


def test_bounds_of_small_columns_are_held_at_their_scale():
    model = Model()
    model.minimise(model.variable("variance", lower=0, upper=1e-5))
    assert failed(check(model, [-1e-7])) == {"bounds"}
    assert not failed(check(model, [-1e-12]))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8])
def test_a_cone_is_held_at_its_own_scale(scale):
    model = Model()
    Y = model.variable("Y", 2, -np.sqrt(scale), np.sqrt(scale))
    cost = model.variable("cost", lower=0)
    model.cone("epigraph", Y, cost)
    model.minimise(cost)
    side = np.sqrt(scale / 2)
    assert not failed(check(model, [side, side, scale * (1 + 1e-12)]))
    assert "cones" in failed(check(model, [side, side, 0.99 * scale]))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8])
def test_a_quadratic_row_is_held_at_its_own_scale(scale):
    model = Model()
    w = model.variable("w", 2, 0, 1)
    cost = model.variable("cost", lower=0, upper=10 * scale)
    model.add("covers", model.quadratic(scale * np.eye(2), w) - cost <= 0)
    model.minimise(cost)
    assert not failed(check(model, [0.6, 0.8, scale]))
    assert "quadratic rows" in failed(check(model, [0.6, 0.8, 0.99 * scale]))


def test_what_a_binary_switches_holds_with_the_binary_exact():
    model = Model()
    x, z = model.variable("x", lower=0, upper=100), model.variable("z", binary=True)
    rows = x + 1e8 * z <= 10 + 1e8
    model.add("held", rows, model.switch("implies", z, 1, 1e8, "given", rows.shape))
    model.maximise(x + 50 * z)
    leaking = check(model, {"x": 20, "z": 1 - 5e-7})
    assert {"logic", "leak"} <= failed(leaking)
    assert "rows" not in failed(leaking)
    assert status(leaking) == "leaks"
    assert status(check(model, {"x": 10, "z": 1})) == "verified-feasible"


def test_indicators_and_special_ordered_sets_are_held():
    model = Model()
    x, on = model.variable("x", 3, 0, 1), model.variable("on", binary=True)
    model.indicator("least", on, x[0] >= 0.5)
    model.sos1("one", x)
    model.maximise(x.sum() + on)
    assert failed(check(model, [0.2, 0, 0, 1])) >= {"indicators"}
    assert failed(check(model, [0.6, 0.1, 0, 1])) >= {"sos"}
    assert status(check(model, [1, 0, 0, 1])) == "verified-feasible"


def test_adjacent_members_of_an_sos2_may_both_be_nonzero():
    model = Model()
    x = model.variable("x", 3, 0, 1)
    model.sos2("pair", x)
    model.maximise(x.sum())
    assert not failed(check(model, [0, 1, 1]))
    assert "sos" in failed(check(model, [1, 0, 1]))


def test_integers_are_held_to_the_tolerance_asked_for():
    model = Model()
    z = model.variable("z", binary=True)
    model.minimise(z)
    assert failed(check(model, [1e-4])) == {"integrality"}
    assert not failed(check(model, [1e-4], Tolerances(integrality=1e-3)))


def test_values_come_by_name_by_column_or_as_an_answer(tmp_path):
    model, point = budget(1.0, 0.0)
    program = model.freeze()
    write_program(program, tmp_path / "model.mps")
    by_name = {"x[0]": 0.25, "x[1]": 0.75}
    expected = check(program, point)
    assert check(model, by_name) == expected
    assert status(check(tmp_path / "model.mps", by_name)) == "verified-feasible"


def test_values_of_a_pyomo_model_and_a_cvxpy_problem_are_checked():
    import cvxpy as cp
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    model.z = pyo.Var(domain=pyo.Binary)
    model.x = pyo.Var(bounds=(0, 10))
    model.held = pyo.Constraint(expr=model.x <= 1e7 * model.z)
    model.cost = pyo.Objective(expr=3 * model.z - model.x)
    assert status(check(model, {"x": 9, "z": 9e-7})) == "leaks"
    x = cp.Variable(2, name="x")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x)), [cp.sum(x) == 1, x >= 0])
    assert status(check(problem, {"x[0]": 0.5, "x[1]": 0.5})) == "verified-feasible"
    assert status(check(problem, {"x[0]": 0.5, "x[1]": 0.4})) == "infeasible-solution"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x[0]": 0.5}, "lacks 1 names, such as 'x\\[1\\]'"),
        ({"x[0]": 0.5, "x[1]": 0.5, "y": 1}, "unknown 1 names, such as 'y'"),
        ({"x[0]": "half", "x[1]": 0.5}, "'x\\[0\\]' is 'half'"),
        ({"x[0]": float("nan"), "x[1]": 0.5}, "'x\\[0\\]' is nan"),
        ([0.5, float("inf")], "'x\\[1\\]' is not finite"),
        ([0.5], "shape \\(1,\\)"),
        ("half", "no solution"),
    ],
)
def test_values_that_cannot_be_used_are_said_in_one_sentence(values, words):
    model, _ = budget(1.0, 0.0)
    with pytest.raises(BadData, match=words):
        check(model, values)


def test_something_that_is_no_model_is_said():
    with pytest.raises(BadData, match="is no model"):
        check(3, [1.0])
