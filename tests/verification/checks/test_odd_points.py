"""Points and models that are hardly any: not a number, of another size, contradictions of one row, irrational rays."""

import math

import numpy as np
import pytest

from proofolio import BadData, Model, check, solve
from proofolio.solvers.solution import Solution
from proofolio.verification.checks.checking import status
from proofolio.verification.checks.infeasibility import explain_infeasible
from proofolio.verification.checks.unboundedness import explain_unbounded


def pair():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3)
    model.add("sum", x.sum() <= 4)
    model.sos2("both", x)  # two neighbours of two: nothing is asked
    model.minimise(x[0] - x[1])
    return model


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_no_solution(bad):
    with pytest.raises(BadData):
        check(pair(), np.array([1.0, bad]))


def test_a_set_as_small_as_its_kind_asks_nothing():
    assert status(check(pair(), np.array([1.0, 2.0]))) == "verified-feasible"
    assert status(check(pair(), np.array([3.0, 2.0]))) not in ("verified-feasible", "verified-optimal")


def test_an_answer_of_another_model_is_refused():
    other = Model()
    x = other.variable("x", 3, lower=0, upper=1)
    other.minimise(x.sum())
    with pytest.raises(BadData, match="has 3 values and the model 2 columns"):
        check(pair(), solve(other))


def test_one_row_may_contradict_itself():
    model = Model()
    x = model.variable("x", 2)
    model.add("circle", model.quadratic(np.eye(2), x) <= -1)
    found = explain_infeasible(model)
    assert len(found.members) == 1
    assert found.sentence.startswith("this cannot hold by itself: ")


def test_a_direction_of_irrational_steps_is_followed_as_it_is():
    model = Model()
    x = model.variable("x", 2, lower=0)
    model.add("slope", x[0] - math.sqrt(2.0) * x[1] == 0)
    model.maximise(x[1])
    found = explain_unbounded(model)
    assert found.direction["x[0]"] / found.direction["x[1]"] == pytest.approx(math.sqrt(2.0), rel=1e-9)
    assert found.gain > 0


def test_a_solver_that_answers_with_no_numbers_is_not_believed():
    program = pair().freeze()
    made = Solution(program, "optimal", 0.0, 0.0, np.array([1.0, math.nan]), 0.1, "highs", "0")
    checks = check(program, made)
    assert [c.detail for c in checks] == ["x[1] is not a finite number"]
    assert status(checks) not in ("verified-feasible", "verified-optimal")
