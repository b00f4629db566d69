"""Why there is no solution: small, true and in the model's own names."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import BadData, Model, read_program, write_program
from proofolio.errors import SolverFailure
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import Settings
from proofolio.verification.checks import infeasibility
from proofolio.verification.checks.elements import elements, members, part_of
from proofolio.verification.checks.infeasibility import explain_infeasible


def only(program, names):
    """The program that asks for some members of an explanation and nothing else, made anew."""
    return part_of(program, [e for e in elements(program) if members(program, [e])[0].name in names])


def has_solution(program):
    """What SCIP says, which did not take part in the search unless integers or curves did."""
    return SOLVERS["scip"].solve(program, Settings(time_limit=20)).x is not None


def linear():
    model = Model()
    W = model.variable("W", (2, 2), 0, 0.4)
    model.add("budget", W.sum(0) == 1)
    model.add("idle", W[0] - W[1] <= 3)
    return model, {"row budget[0]", "upper bound of W[0,0]", "upper bound of W[1,0]"}


def parity():
    model = Model()
    Z, x = model.variable("Z", (1, 2), binary=True), model.variable("x", lower=0)
    model.add("half", 2 * Z[0, 0] - 2 * Z[0, 1] == 1)
    model.add("idle", x + Z.sum() >= 1)
    return model, {"row half", "integrality of Z[0,0]", "integrality of Z[0,1]"}


def quadratic():
    model = Model()
    w = model.variable("w", 3, 0, 1)
    model.add("budget", w.sum() == 1)
    model.add("risk", model.quadratic(np.eye(3), w) <= 0.2)
    model.add("idle", w[0] <= 0.9)
    return model, {"row budget", "quadratic row risk"}


def conic():
    model = Model()
    w, t = model.variable("w", 3, 0, 1), model.variable("t", lower=0, upper=0.2)
    model.add("budget", w.sum() == 1)
    model.cone("risk", w, t)
    return model, {"row budget", "cone risk", "upper bound of t"}


def implied():
    model = Model()
    x, on = model.variable("x", lower=0, upper=1), model.variable("on", binary=True)
    model.indicator("held", on, x >= 2)
    model.add("forced", on >= 1)
    return model, {"indicator held", "row forced", "upper bound of x"}


def one_of():
    model = Model()
    x = model.variable("x", 2, 0, 1)
    model.sos1("single", x)
    model.add("both", x.sum() >= 1.5)
    bounds = {"upper bound of x[0]", "upper bound of x[1]"}
    return model, {"special ordered set single", "row both"} | bounds


CASES = [linear, parity, quadratic, conic, implied, one_of]


@pytest.mark.parametrize("case", CASES)
def test_an_explanation_is_infeasible_and_every_member_is_needed(case):
    model, expected = case()
    program = model.freeze()
    found = explain_infeasible(model)
    names = set(found.names)
    if case is linear:  # either period will do
        names = {name.replace(",1]", ",0]").replace("budget[1]", "budget[0]") for name in names}
    assert names == expected
    assert found.irreducible
    assert not found.barely
    assert not has_solution(only(program, found.names))
    assert all(has_solution(only(program, set(found.names) - {name})) for name in found.names)


def test_the_sentence_says_what_each_member_asks_for():
    model = Model()
    x = model.variable("x", 2, lower=0)
    model.add("most", x[0] + 2 * x[1] <= 1)
    model.add("least", x[0] >= 2)
    assert explain_infeasible(model).sentence == (
        "these 3 cannot hold together: row most (x[0] + 2 x[1] <= 1), row least (x[0] >= 2), "
        "lower bound of x[1] (x[1] >= 0)"
    )


def test_the_two_sides_of_a_row_are_one_member():
    model, _ = parity()
    assert "row half (2 Z[0,0] - 2 Z[0,1] = 1)" in explain_infeasible(model).sentence


def test_many_members_alike_are_said_once():
    model = Model()
    w = model.variable("w", 30, 0, 0.03)
    model.add("budget", w.sum() == 1)
    found = explain_infeasible(model)
    assert len(found.members) == 31
    assert "and 29 more upper bound of w[...]" in found.sentence
    assert len(found.sentence) < 250


def test_bounds_that_cross_are_the_explanation():
    model = Model()
    x = model.variable("x", 2, 0, 1)
    model.add("row", x.sum() <= 1)
    program = replace(model.freeze(), lower=np.array([0.0, 2.0]))
    assert explain_infeasible(program).names == ("lower bound of x[1]", "upper bound of x[1]")


def test_bounds_without_a_whole_number_between_them_are_the_explanation():
    model = Model()
    model.variable("n", integer=True, lower=0, upper=5)
    program = replace(model.freeze(), lower=np.array([0.2]), upper=np.array([0.8]))
    assert set(explain_infeasible(program).names) == {
        "lower bound of n",
        "upper bound of n",
        "integrality of n",
    }


def test_a_file_and_a_pyomo_model_are_explained_in_their_own_names(tmp_path):
    import pyomo.environ as pyo

    model, expected = parity()
    write_program(model.freeze(), tmp_path / "model.mps")
    assert set(explain_infeasible(tmp_path / "model.mps").names) == expected
    native = pyo.ConcreteModel()
    native.x = pyo.Var(["a", "b"], bounds=(0, 1))
    native.both = pyo.Constraint(expr=native.x["a"] + native.x["b"] >= 3)
    native.cost = pyo.Objective(expr=native.x["a"])
    assert set(explain_infeasible(native).names) == {
        "row both",
        "upper bound of x[a]",
        "upper bound of x[b]",
    }
    assert read_program(tmp_path / "model.mps").n == 3


def test_what_fails_by_less_than_tolerances_is_said_to():
    model = Model()
    x = model.variable("x", 2, 0, 1)
    model.add("more", x.sum() >= 1 + 1e-7)
    model.add("less", x.sum() <= 1)
    found = explain_infeasible(model)
    assert set(found.names) == {"row more", "row less"}
    assert found.barely
    assert "less than 1e-6" in found.sentence


def test_a_model_with_a_solution_is_not_explained_away():
    model = Model()
    x = model.variable("x", 2, binary=True)
    model.add("one", x.sum() == 1)
    with pytest.raises(BadData, match="nothing to explain"):
        explain_infeasible(model)


def test_no_time_is_no_answer_and_little_time_is_a_true_one():
    model, _ = parity()
    with pytest.raises(SolverFailure, match="time limit"):
        explain_infeasible(model, time_limit=1e-9)
    rng = np.random.default_rng(2)
    big = Model()
    x = big.variable("x", 60, binary=True)
    big.add("even", 2 * (rng.integers(1, 9, (40, 60)) @ x) >= 3)
    big.add("odd", 2 * x.sum() == 31)
    found = explain_infeasible(big, time_limit=0.3)
    assert found.seconds < 3
    assert not has_solution(only(big.freeze(), found.names))


def test_a_subset_that_highs_could_have_made_smaller_is_made_smaller(monkeypatch):
    model, expected = linear()
    monkeypatch.setattr(infeasibility, "_highs_subset", lambda program, every, seconds: list(every))
    found = explain_infeasible(model)
    assert found.irreducible
    assert len(found.members) == len(expected)


def test_a_subset_not_held_to_be_needed_is_not_called_irreducible(monkeypatch):
    model, _ = parity()
    program = model.freeze()
    # the relaxation has a point, the whole has none, and then nothing is known
    asked = iter([True, False, *[None] * 1000])
    monkeypatch.setattr(infeasibility, "has_point", lambda part, seconds: next(asked))
    found = explain_infeasible(program)
    assert not found.irreducible
    assert "perhaps fewer of them" in found.sentence
    assert not has_solution(only(program, found.names))


@pytest.mark.parametrize("seed", range(12))
def test_random_infeasible_programs_are_explained_irreducibly(seed):
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable("x", 5, -2, 2, integer=bool(seed % 2))
    model.add("rows", rng.integers(-3, 4, (12, 5)) @ x >= rng.integers(0, 9, 12))
    program = model.freeze()
    if has_solution(program):
        with pytest.raises(BadData):
            explain_infeasible(program)
        return
    found = explain_infeasible(program)
    assert found.irreducible
    assert not has_solution(only(program, found.names))
    assert all(has_solution(only(program, set(found.names) - {name})) for name in found.names)
