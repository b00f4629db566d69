"""The words of `solve`: what each rests on, and that none is better than what stands behind it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from proofolio import BadData, Model, explain_infeasible, solve
from proofolio.errors import SolverFailure
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import Solution, gap_size
from proofolio.verification.checks.checking import status_after
from proofolio.verification.solving import confirm_budget, solve_program

BOTH = pytest.mark.parametrize("solver", ["highs", "scip"])


def cover():
    model = Model()
    x = model.variable("x", 3, binary=True)
    model.add("two", x.sum() >= 2)
    model.minimise(np.array([3, 2, 4]) @ x)
    return model


def plan(upper=10.0):
    """Minimise x + 2 y where x + y >= 5: the optimum is 5."""
    model = Model()
    x = model.variable("x", 2, 0.0, upper)
    model.add("enough", x.sum() >= 5)
    model.minimise(x[0] + 2 * x[1])
    return model


def claims(monkeypatch, name, **said):
    """Let a solver claim something, whatever it is asked."""
    entry = SOLVERS[name]

    def claim(program, settings):
        answer = Solution(program, "optimal", None, None, None, 0.0, name, entry.version)
        return replace(answer, **said)

    monkeypatch.setitem(SOLVERS, name, replace(entry, solve=claim))


@BOTH
@pytest.mark.parametrize(
    ("how", "word"),
    [("none", "solver"), ("second", "verified"), ("certificate", "certified"), ("auto", "certified")],
)
def test_an_optimum_over_integers_is_called_by_what_it_rests_on(solver, how, word):
    answer = solve(cover(), solver, confirm=how)
    assert (answer.status, answer.objective, answer.ok) == (f"{word}-optimal", 5.0, True)
    assert answer.certified == (word == "certified")
    assert (answer.confirm_seconds > 0) == (how != "none")


def test_multipliers_prove_a_continuous_optimum_at_once_and_one_solvers_word_does_not():
    assert solve(plan(), "highs", confirm="none").status == "verified-optimal"
    assert solve(plan(), "scip", confirm="none").status == "solver-optimal"  # it gives no multipliers
    assert solve(plan(), "scip", confirm="second").status == "verified-optimal"
    assert solve(plan(), "scip").status == "certified-optimal"


def test_programs_inside_the_package_are_not_confirmed():
    answer = solve_program(cover().freeze())
    assert (answer.status, answer.confirm_seconds, answer.certificate) == ("solver-optimal", 0.0, None)


@BOTH
def test_no_point_and_no_limit_are_certified_corroborated_or_one_solvers_word(solver):
    odd = Model()
    x = odd.variable("x", 2, lower=0, upper=9, integer=True)
    odd.add("odd", 2 * x.sum() == 3)
    free = Model()
    k, y = free.variable("k", lower=0, integer=True), free.variable("y", lower=0)
    free.add("together", 3 * k - 2 * y <= 1)
    free.maximise(k)
    for model, word in ((odd, "infeasible"), (free, "unbounded")):
        for how in ("auto", "certificate", "second"):
            answer = solve(model, solver, confirm=how)
            assert (answer.status, answer.certified, answer.ok) == (word, how != "second", False), (word, how)
        assert solve(model, solver, confirm="none").status == f"solver-{word}"


@pytest.mark.parametrize("how", ["auto", "certificate", "second"])
@pytest.mark.parametrize("said", ["infeasible", "unbounded"])
def test_a_better_answer_takes_the_place_of_a_false_claim(monkeypatch, how, said):
    claims(monkeypatch, "highs", status=said)
    answer = solve(cover(), "highs", confirm=how)
    if (how, said) == ("certificate", "unbounded"):  # a certificate finds no ray, and asks no other solver
        assert answer.status == "solver-unbounded"
        return
    assert (answer.ok, answer.objective) == (True, 5.0)
    assert [(c.solver, c.status) for c in answer.claims] == [("highs", said)]
    assert answer.status in ("certified-optimal", "verified-optimal", "solver-optimal")
    assert answer.status == "certified-optimal" or how == "second"


@pytest.mark.parametrize("how", ["auto", "certificate", "second"])
def test_a_false_optimum_is_replaced_and_recorded_with_its_solver(monkeypatch, how):
    claims(monkeypatch, "scip", x=np.array([1.0, 0.0, 1.0]), objective=7.0, bound=7.0)
    answer = solve(cover(), "scip", confirm=how)
    assert (answer.objective, answer.ok) == (5.0, True)
    (claim,) = answer.claims
    assert (claim.solver, claim.status, claim.objective) == ("scip", "optimal", 7.0)
    assert str(claim).startswith("scip claims that 7 is optimal, and ")
    # nobody corroborates when the only other solver is the one that has just refuted the claim and it lies
    assert answer.status == "certified-optimal" or how == "second"


def test_an_answer_within_the_gap_that_was_asked_for_is_not_called_refuted(monkeypatch):
    claims(monkeypatch, "scip", x=np.array([1.0, 0.0, 1.0]), objective=7.0, bound=5.0)
    answer = solve(cover(), "scip", gap=0.5)
    assert answer.claims == ()
    assert answer.status == "certified-optimal"
    assert answer.objective <= 7.0


def test_a_point_that_only_tolerances_allow_is_never_called_infeasible_nor_certified():
    """2e-7 is missing on the row: no point satisfies it, and every solver's tolerance does."""
    model = Model()
    x, y = model.variable("x", 2, binary=True), model.variable("y", lower=0, upper=1)
    model.add("nearly", x.sum() + y >= 3 + 2e-7)
    model.minimise(x.sum() + y)
    seen = set()
    for how in ("none", "second", "certificate", "auto"):
        answer = solve(model, "scip", confirm=how)
        assert answer.status in ("solver-optimal", "verified-optimal"), (how, answer)
        assert answer.objective == pytest.approx(3.0, abs=1e-6)
        assert not answer.certified
        seen.add(answer.exactly_infeasible)
        if how in ("certificate", "auto"):
            assert answer.exactly_infeasible
        if answer.status == "verified-optimal":
            assert "within tolerances" in answer.message
    assert seen == {True, False}


def test_the_gap_at_an_objective_of_nothing_is_that_of_rounding():
    program = plan().freeze()
    claim = Solution(program, "optimal", 0.0, -1e-16, np.zeros(2), 0.0, "tests", "")
    assert status_after(claim, (), 1e-6) == "solver-optimal"
    assert status_after(replace(claim, bound=-1e-12), (), 1e-6) == "verified-feasible"
    assert gap_size(program, np.zeros(2), 0.0) == 1e-9
    assert gap_size(program, np.array([4.0, 1.0]), -3.0) == 3.0
    # terms of 4e6 and 2e6 that cancel: the objective is known to a thousandth of their sum
    assert gap_size(program, np.array([4e6, 1e6]), 0.0) == pytest.approx(6e3)


def test_confirming_takes_a_budget_by_what_the_search_took():
    assert confirm_budget("auto", 0.001) < 0.5
    assert confirm_budget("auto", 0.09) < 0.5
    assert confirm_budget("second", 10.0) == pytest.approx(12.0)
    assert confirm_budget("certificate", 0.1) == pytest.approx(30.0)
    assert confirm_budget("certificate", 5.0) == pytest.approx(50.0)


def test_the_time_limit_covers_the_confirmation(monkeypatch):
    rng = np.random.default_rng(3)
    model = Model()
    x = model.variable("x", 40, binary=True)
    # equal sums: the tree has millions of nodes, and a point is known at once
    model.add("rooms", rng.integers(50, 100, (6, 40)).astype(float) @ x <= 1000)
    model.maximise(rng.integers(50, 100, 40).astype(float) @ x)
    program = model.freeze()
    point = np.zeros(40)
    claims(monkeypatch, "highs", x=point, objective=0.0, bound=0.0)
    began = time.perf_counter()
    answer = solve(program, "highs", confirm="certificate", time_limit=0.5)
    assert time.perf_counter() - began < 3.0  # on a machine that others use
    # whether the search has come upon a better point by then or not, nothing is proved
    assert answer.status in ("solver-optimal", "verified-feasible")
    assert answer.message


def test_what_no_solver_may_be_believed_about_is_explained_by_nothing():
    """scipy issue 20116: x = 0 satisfies both rows, and HiGHS calls them infeasible."""
    model = Model()
    x = model.variable("x", 2, 0, 1, integer=True)
    model.add("first", 100.4534 * x[0] + 1e12 * x[1] <= 1e12)
    model.add("second", 100.4534 * x[0] - 1e12 * x[1] <= 0)
    answer = solve(model, "highs")
    assert (answer.status, answer.objective) == ("certified-optimal", 0.0)
    for how in ("auto", "second", "certificate"):
        assert solve(model, "highs", confirm=how).ok
    with pytest.raises(
        (SolverFailure, BadData), match=r"no explanation was found that is true|has a solution"
    ):
        explain_infeasible(model)


def test_an_explanation_says_what_proves_it():
    model = Model()
    x = model.variable("x", 2, lower=0)
    model.add("most", x.sum() <= 1)
    model.add("least", x[0] >= 2)
    found = explain_infeasible(model)
    assert (found.proved, found.document["proved"]) == ("certified", "certified")
