"""Why the objective has no limit: a direction that can be followed for ever, in the model's own names."""

import numpy as np
import pytest

from proofolio import Model
from proofolio.errors import SolverFailure
from proofolio.verification.checks.unboundedness import explain_unbounded


def holds(program, point):
    """Whether rows, bounds and integers hold, to 1e-9 of their own terms."""
    x, body = point, program.A @ point
    room = 1e-9 * (1 + np.abs(x).max())
    rows = np.all(body >= program.row_lower - room) and np.all(body <= program.row_upper + room)
    whole = np.all(np.abs(x - np.round(x))[program.integer] <= 1e-9)
    return bool(rows and whole and np.all(x >= program.lower - room) and np.all(x <= program.upper + room))


def follows(program, ray, steps=(0, 1, 10, 10**5)):
    names = program.column_names
    start = np.array([ray.start[name] for name in names])
    d = np.array([ray.direction.get(name, 0.0) for name in names])
    values = [program.objective(start + s * d) for s in steps]
    better = np.diff(values) > 0 if program.maximise else np.diff(values) < 0
    assert all(holds(program, start + s * d) for s in steps)
    assert np.all(better)
    assert abs(values[1] - values[0]) == pytest.approx(ray.gain)


def test_a_direction_is_one_the_objective_can_follow_for_ever():
    model = Model()
    x = model.variable("x", 3, lower=0)
    model.add("tied", x[0] - 2 * x[1] <= 5)
    model.maximise(2 * x[0] - x[1] - x[2])
    ray = explain_unbounded(model)
    assert ray.direction == {"x[0]": 1.0, "x[1]": 0.5}
    follows(model.freeze(), ray)
    assert ray.sentence == (
        "nothing stops x[0] +1, x[1] +0.5: with every such step the objective rises by 1.5; "
        "one of them lacks a bound"
    )


def test_integers_move_by_whole_steps():
    model = Model()
    n, y = model.variable("n", 2, lower=0, integer=True), model.variable("y", lower=0)
    model.add("tied", 3 * n[0] - 2 * n[1] - y == 0)
    model.minimise(-n[0] - 0.1 * n[1])
    ray = explain_unbounded(model)
    assert all(step == round(step) for name, step in ray.direction.items() if name.startswith("n"))
    follows(model.freeze(), ray)


def test_a_direction_has_no_curvature():
    model = Model()
    x = model.variable("x", 3)
    model.minimise(model.quadratic(np.diag([1.0, 1.0, 0.0]), x) - x[2] + x[0])
    ray = explain_unbounded(model)
    assert set(ray.direction) == {"x[2]"}
    follows(model.freeze(), ray)


@pytest.mark.parametrize("solver", ["switch", "set", "cone"])
def test_switches_sets_and_cones_leave_a_direction_open(solver):
    model = Model()
    x = model.variable("x", 2, lower=0)
    if solver == "switch":
        on = model.variable("on", binary=True)
        model.indicator("held", on, x.sum() <= 2)
        model.maximise(x.sum() - on)
    elif solver == "set":
        model.sos1("one", x)
        model.add("first", x[0] <= 3)
        model.maximise(x.sum())
    else:
        model.cone("inside", x[:1], x[1])
        model.maximise(x[1])
    ray = explain_unbounded(model)
    assert "x[1]" in ray.direction or "x[0]" in ray.direction
    follows(model.freeze(), ray)


@pytest.mark.parametrize("what", ["bounded", "infeasible", "curved"])
def test_no_direction_is_made_up(what):
    model = Model()
    x = model.variable("x", 2, 0, 1 if what == "bounded" else np.inf)
    if what == "infeasible":
        model.add("never", x.sum() <= -1)
    model.minimise(model.quadratic(-np.eye(2), x) if what == "curved" else -x.sum())
    with pytest.raises(SolverFailure):
        explain_unbounded(model)
