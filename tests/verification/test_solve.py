"""Solving anything: a Program, a builder, a Pyomo model, a CVXPY problem or a file, with any setting."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest

from proofolio import BadData, Model, SolverFailure, UnsupportedProgram, check, solve, write_program
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import Solution


def cover():
    model = Model()
    x = model.variable("x", 3, binary=True)
    model.add("enough", x.sum() >= 2)
    model.minimise(3 * x[0] + 2 * x[1] + 4 * x[2])
    return model


def cover_in_pyomo():
    model = pyo.ConcreteModel()
    model.x = pyo.Var([0, 1, 2], domain=pyo.Binary)
    model.enough = pyo.Constraint(expr=sum(model.x.values()) >= 2)
    model.cost = pyo.Objective(expr=3 * model.x[0] + 2 * model.x[1] + 4 * model.x[2])
    return model


def conic_row():
    """Y^2 <= t z as the quadratic row it is in a file: convex only because t and z are not negative."""
    model = pyo.ConcreteModel()
    model.y = pyo.Var(bounds=(0.5, 1))
    model.t, model.z = pyo.Var(bounds=(0, None)), pyo.Var(domain=pyo.Binary)
    model.row = pyo.Constraint(expr=model.y**2 - model.t * model.z <= 0)
    model.cost = pyo.Objective(expr=model.t + model.z)
    return model


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_everything_that_is_a_model_is_solved(tmp_path, solver):
    write_program(cover().freeze(), tmp_path / "model.mps")
    x = cp.Variable(3, boolean=True, name="x")
    problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply([3, 2, 4], x))), [cp.sum(x) >= 2])
    models = [
        cover(),
        cover().freeze(),
        cover_in_pyomo(),
        problem,
        tmp_path / "model.mps",
        str(tmp_path / "model.mps"),
    ]
    for model in models:
        answer = solve(model, solver)
        assert (answer.status, answer.objective) == ("certified-optimal", pytest.approx(5))
        assert list(answer.values.values()) == pytest.approx([1, 1, 0])
    np.testing.assert_allclose(x.value, [1, 1, 0], atol=1e-9)


def test_values_are_loaded_into_the_users_own_variables():
    model = cover_in_pyomo()
    solve(model)
    assert [pyo.value(v) for v in model.x.values()] == pytest.approx([1, 1, 0])


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_cone_that_came_as_a_quadratic_row_is_recognised(solver):
    answer = solve(conic_row(), solver)
    assert answer.status in ("solver-optimal", "verified-optimal")  # a cone: no tree can speak of it
    assert answer.objective == pytest.approx(1.25, rel=1e-6)
    assert {"cones"} <= {c.name for c in answer.checks}
    assert {"cones"} <= {c.name for c in check(conic_row(), answer.values)}


def test_a_start_may_be_names_numbers_or_an_earlier_answer():
    first = solve(cover())
    for start in ({"x[0]": 1}, [1, 1, np.nan], first, first.unchecked(), first.values):
        for solver in ("highs", "scip"):
            assert solve(cover(), solver, start=start).objective == pytest.approx(5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"solver": "cplex"}, "no solver is named 'cplex'"),
        ({"gaps": 1e-3}, "no setting is named 'gaps': there are time_limit, gap"),
        ({"gap": "small"}, "gap is 'small'; it must be a number"),
        ({"gap": float("nan")}, "gap is nan"),
        ({"gap": float("inf")}, "gap is inf; it must be a finite number"),
        ({"gap": -1}, "gap is -1"),
        ({"time_limit": 0}, "time_limit is 0"),
        ({"time_limit": None}, "time_limit is None; it must be a number"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": True}, "threads is True"),
        ({"options": ["presolve"]}, "options is a list"),
        ({"options": {"no_such": 1}}, "no option named 'no_such'"),
        ({"start": {"y": 1}}, "start has 1 unknown names, such as 'y'"),
        ({"start": {"x[0]": "one"}}, "start gives 'x\\[0\\]' the value 'one'"),
        ({"start": {"x[0]": float("inf")}}, "start gives 'x\\[0\\]' the value inf"),
        ({"start": [1, 2]}, "start has shape \\(2,\\); it must be \\(3,\\)"),
        ({"start": [1, 2, float("inf")]}, "start gives 'x\\[2\\]' an infinite value"),
        ({"start": "plan.json"}, "start holds something that is no number"),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings, words):
    with pytest.raises(BadData, match=words) as raised:
        solve(cover(), **settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("model", [3, None, [1.0], {"x": 1}])
def test_what_is_no_model_is_said(model):
    with pytest.raises(BadData, match="is no model: give a Program"):
        solve(model)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadData, match=r"none\.mps"):
        solve(tmp_path / "none.mps")


def test_what_a_solver_cannot_take_is_said_before_it_is_asked(monkeypatch):
    model = Model()
    x, on = model.variable("x", lower=0, upper=1), model.variable("on", binary=True)
    model.indicator("held", on, x >= 0.5)
    model.minimise(x - on)
    with pytest.raises(UnsupportedProgram, match=r"highs cannot take .*scip can"):
        solve(model, "highs")
    assert solve(model, "scip").objective == pytest.approx(-0.5)


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_no_solution_is_a_status_and_not_an_error(solver):
    model = Model()
    x = model.variable("x", 2, lower=0, integer=True)
    model.add("odd", 2 * x.sum() == 1)
    answer = solve(model, solver)
    assert (answer.status, answer.ok, answer.failed, answer.certified) == ("infeasible", False, (), True)
    answer = solve(model, solver, confirm="none")
    assert (answer.status, answer.ok, answer.failed) == ("solver-infeasible", False, ())
    assert [c.name for c in answer.checks] == ["infeasible"]
    free = Model()
    free.maximise(free.variable("x", lower=0))
    assert (solve(free, solver).status, solve(free, solver).certified) == ("unbounded", True)
    assert solve(free, solver, confirm="none").status == "solver-unbounded"


def test_an_infeasible_that_another_solver_refutes_is_a_wrong_claim(monkeypatch):
    model = Model()
    x = model.variable("x", 3, binary=True)
    model.add("two", x.sum() == 2)
    model.minimise(x.sum())
    program = model.freeze()
    entry = SOLVERS["highs"]

    def mistaken(asked, settings):
        return Solution(asked, "infeasible", None, None, None, 0.0, "highs", entry.version)

    monkeypatch.setitem(SOLVERS, "highs", replace(entry, solve=mistaken))
    answer = solve(program, confirm="none")
    assert answer.status == "claim-wrong"
    assert "scip found a point" in answer.failed[0].detail
    for how in ("auto", "second", "certificate"):
        answer = solve(program, confirm=how)
        assert (answer.ok, answer.objective) == (True, 2.0)
        assert [(c.solver, c.status, c.objective) for c in answer.claims] == [("highs", "infeasible", None)]
    assert answer.status == "certified-optimal"
    model.add("three", x.sum() >= 3)
    assert solve(model.freeze()).status == "infeasible"


def _says_infeasible(monkeypatch):
    entry = SOLVERS["highs"]

    def mistaken(asked, settings):
        return Solution(asked, "infeasible", None, None, None, 0.0, "highs", entry.version)

    monkeypatch.setitem(SOLVERS, "highs", replace(entry, solve=mistaken))


def test_a_point_refutes_infeasible_whatever_is_claimed_of_its_objective(monkeypatch):
    _says_infeasible(monkeypatch)
    model = cover()
    entry = SOLVERS["scip"]

    def boasting(point):
        def found(asked, settings):
            return Solution(asked, "optimal", 5.0, 100.0, np.array(point), 0.0, "scip", entry.version)

        return found

    for point, status in (([1.0, 1.0, 0.0], "claim-wrong"), ([1.0, 0.0, 0.0], "solver-infeasible")):
        monkeypatch.setitem(SOLVERS, "scip", replace(entry, solve=boasting(point)))
        assert solve(model, confirm="none").status == status


def test_a_feasible_program_of_large_numbers_is_not_called_infeasible():
    """x = -2e-14 and b = 0 satisfies the row, whatever HiGHS's presolve makes of it."""
    model = Model()
    b, x = model.variable("b", 2, binary=True), model.variable("x", lower=-3.3e17, upper=1.23e18)
    model.add("r", -0.256 * b[0] - 0.465 * b[1] + 80849603593068.64 * x <= -1.59)
    model.minimise(1.476 * b[0] - 1e-10 * b[1] - 1.661 * x)
    assert solve(model).status != "infeasible"


def test_a_second_opinion_that_fails_leaves_the_first(monkeypatch):
    _says_infeasible(monkeypatch)

    def refuses(asked, settings):
        raise SolverFailure("SCIP cannot take it")

    monkeypatch.setitem(SOLVERS, "scip", replace(SOLVERS["scip"], solve=refuses))
    assert solve(cover(), confirm="none").status == "solver-infeasible"
    assert (solve(cover()).status, solve(cover()).objective) == ("certified-optimal", 5.0)


def test_a_solver_that_gives_up_is_replaced_only_where_none_was_named(monkeypatch):
    """1e6 (x - y) + z is 1 for no whole x and y: HiGHS 1.15 ends with "Solve error", SCIP says infeasible."""

    def gives_up(asked, settings):
        raise SolverFailure("HiGHS stopped without an answer")

    monkeypatch.setitem(SOLVERS, "highs", replace(SOLVERS["highs"], solve=gives_up))
    model = Model()
    x, y = model.variable("x", 2, integer=True, lower=0, upper=10)
    z = model.variable("z", lower=0, upper=0.5)
    model.add("c", 1e6 * x - 1e6 * y + z == 1)
    model.minimise(1.0 * x)
    answer = solve(model)
    assert answer.solver == "scip"
    assert answer.status in ("infeasible", "solver-infeasible")
    with pytest.raises(SolverFailure):
        solve(model, solver="highs")


def test_a_solution_says_who_found_it_and_keeps_the_claim(monkeypatch):
    model = Model()
    x = model.variable("x", 2, binary=True)
    model.add("one", x.sum() >= 1)
    model.minimise(3 * x[0] + 2 * x[1])
    answer = solve(model)
    assert isinstance(answer, Solution)
    assert (answer.status, answer.claim, answer.solver) == ("certified-optimal", "optimal", "highs")
    assert answer.statistics["solver"] == "highs"
    assert set(answer.statistics) == {"solver", "version", "method", "seconds", "nodes", "message"}
    assert f"{answer.solver} {answer.version}, {answer.method}" in repr(answer)
    assert len(repr(answer)) < 200
    bare = answer.unchecked()
    assert (bare.status, bare.checks, bare.claim, bare.ok) == ("optimal", (), "", False)


def test_without_a_name_the_first_solver_that_can_take_the_program_is_used():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=1)
    model.minimise(x[0] - model.quadratic(np.array([[0.0, 0.5], [0.5, 0.0]]), x))
    found = solve(model)
    assert (found.solver, found.ok) == ("scip", True)
    with pytest.raises(UnsupportedProgram, match=r"highs cannot take .*scip can"):
        solve(model, "highs")
