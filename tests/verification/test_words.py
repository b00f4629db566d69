"""The words of `solve`: what each rests on, and that none is better than what stands behind it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from proofolio import BadData, Model, between, check, explain_infeasible, solve, stack
from proofolio.errors import SolverFailure
from proofolio.program.quadratic import quadratic_form
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Solution, gap_size
from proofolio.verification.certified.confirming import _stays_good, heard
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


def test_a_cost_that_a_solver_drops_beside_a_large_objective_is_not_lost():
    """HiGHS and SCIP call -136400000 optimal, or say that there is no limit: x3 can grow for ever."""
    model = Model()
    x0, x3 = model.variable("x0", lower=-137.4, upper=-136.4), model.variable("x3", lower=0)
    b = model.variable("b", binary=True)
    model.add("link", x0 + b <= 0)
    model.minimise(-1e6 * x0 - 9e-5 * x3)
    for solver in ("highs", "scip"):
        answer = solve(model, solver)
        assert (answer.status, answer.certified, answer.x) == ("unbounded", True, None), solver
        assert solve(model, solver, confirm="second").status not in ("verified-optimal", "infeasible"), solver


def test_costs_count_by_what_they_can_reach():
    def with_top(top):
        model = Model()
        x, y, k = (
            model.variable("x", lower=0, upper=top),
            model.variable("y", lower=1),
            model.variable("k", binary=True),
        )
        model.add("row", x + k <= 1e6)
        model.minimise(1e9 * y - 1e-6 * x)
        program = model.freeze()
        claim = Solution(program, "optimal", 1e9, 1e9, np.array([0.0, 1.0, 0.0]), 0.0, "tests", "")
        return heard(program, claim, 1e-6)

    assert with_top(1e6)  # at most 1 of 1e9
    assert not with_top(1e12)
    assert not with_top(np.inf)


@BOTH
@pytest.mark.parametrize("how", ["auto", "second"])
def test_no_limit_is_not_said_of_a_model_without_an_exact_point(solver, how):
    """9 i - 3.141592653589793 k = 48.1415926536 with i <= 5 and k >= -1 is missed by 7e-12."""
    model = Model()
    i, k = model.variable("i", lower=-50, upper=5, integer=True), model.variable("k", lower=-1, integer=True)
    x = model.variable("x")
    model.add("nearly", 9 * i - 3.141592653589793 * k == 48.1415926536)
    model.minimise(x)
    answer = solve(model, solver, confirm=how)
    assert answer.status in ("solver-unbounded", "solver-infeasible", "infeasible")
    if answer.status == "solver-unbounded":
        assert "exact" in answer.message


@pytest.mark.parametrize("how", ["auto", "certificate", "second"])
@pytest.mark.parametrize("gap", [0.5, 1e-3])
def test_a_claim_is_refuted_only_by_more_than_the_gap_that_was_asked_for(monkeypatch, how, gap):
    """10,000 is claimed; 9,999.96 is better by 4e-6 of it, which is more than the 1e-6 of a second run."""
    model = Model()
    b = model.variable("b", 2, binary=True)
    model.add("one", b.sum() >= 1)
    model.minimise(10_000 * b[0] + 9_999.96 * b[1])
    claims(
        monkeypatch,
        "scip",
        x=np.array([1.0, 0.0]),
        objective=10_000.0,
        bound=5_000.0 if gap == 0.5 else 9_999.0,
    )
    answer = solve(model, "scip", confirm=how, gap=gap)
    assert answer.claims == ()
    assert answer.status in ("certified-optimal", "verified-optimal")
    claims(monkeypatch, "scip", x=np.array([1.0, 0.0]), objective=10_000.0, bound=10_000.0)
    (claim,) = solve(model, "scip", confirm=how).claims
    assert claim.objective == 10_000.0


@pytest.mark.parametrize("how", ["auto", "certificate", "second"])
def test_where_the_point_of_a_claim_leaks_the_answer_is_another_point(monkeypatch, how):
    """On needs 1000; b = 1e-7 lets the unit through that is needed."""
    model = Model()
    y, b = model.variable("y", lower=0, upper=90_000), model.variable("b", binary=True)
    model.add("link", y <= 1e7 * b)
    model.add("need", y >= 1)
    model.minimise(y + 1000 * b)
    claims(monkeypatch, "highs", x=np.array([1.0, 1e-7]), objective=1.0001, bound=1.0001)
    assert solve(model, "highs", confirm="none").status == "leaks"
    answer = solve(model, "highs", confirm=how)
    assert (answer.ok, answer.objective) == (True, 1001.0)
    assert answer.status == "certified-optimal" or how == "second"
    (claim,) = answer.claims
    assert str(claim) == "highs claims that 1.0001 is optimal, and the check of its point found otherwise"


def test_a_point_that_breaks_rows_of_a_model_without_any_gives_way_to_infeasible(monkeypatch):
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3, integer=True)
    model.add("odd", 2 * x.sum() == 3)
    model.minimise(x.sum())
    claims(monkeypatch, "highs", x=np.array([1.0, 0.0]), objective=1.0, bound=1.0)
    assert solve(model, "highs", confirm="none").status == "infeasible-solution"
    answer = solve(model, "highs")
    assert (answer.status, answer.certified, answer.x, answer.checks) == ("infeasible", True, None, ())
    assert [(c.status, c.objective) for c in answer.claims] == [("optimal", 1.0)]


def test_a_broken_point_that_nobody_can_replace_stays_what_it_is(monkeypatch):
    for name in ("highs", "scip"):
        claims(monkeypatch, name, x=np.array([1.0, 0.0, 0.0]), objective=3.0, bound=3.0)
    answer = solve(cover(), "highs", confirm="second")
    assert (answer.status, answer.claims) == ("infeasible-solution", ())


def endless(*, integer=False):
    """1000 - t with z = 1e9 t, v = 1e6 t, u = 1e3 t: the reduced cost of z is -1e-9, and nothing stops z."""
    model = Model()
    x, u, v, z = (model.variable(name, lower=0, integer=integer and name in "xz") for name in "xuvz")
    model.add("c1", u <= 0.001 * v)
    model.add("c2", v <= 0.001 * z)
    model.add("c4", x >= 1000)
    model.minimise(x - 0.001 * u)
    return model


@BOTH
@pytest.mark.parametrize("integer", [False, True])
def test_a_small_reduced_cost_proves_nothing_where_a_column_has_no_bound(solver, integer):
    for how in ("none", "second"):
        answer = solve(endless(integer=integer), solver, confirm=how)
        assert answer.status in ("solver-optimal", "solver-unbounded", "unbounded"), how
        assert answer.status == "solver-optimal" or answer.claims == ()
    answer = solve(endless(integer=integer), solver)
    assert (answer.status, answer.certified) == ("unbounded", True)


@BOTH
def test_a_quadratic_row_without_an_inside_is_not_vouched_for_by_a_second_run(solver):
    """(x - y)^2 <= 0: only x = y, and a tolerance of 1e-9 is worth 1e-3 of an objective of 1000 (x - y)."""
    model = Model()
    x, y = model.variable("x", lower=0, upper=100), model.variable("y", lower=0, upper=100, integer=True)
    model.add("same", quadratic_form(np.array([[0.001, -0.001], [-0.001, 0.001]]), stack([x, y])) <= 0)
    model.maximise(1000 * x - 1000 * y)
    answer = solve(model, solver)
    assert answer.status not in ("certified-optimal", "verified-optimal") or abs(answer.objective) <= 1e-6
    wide = Model()
    w, k = wide.variable("w", 2, lower=0, upper=1), wide.variable("k", 2, binary=True)
    wide.add("risk", quadratic_form(np.array([[0.04, 0.01], [0.01, 0.09]]), w) <= 0.02)
    wide.add("held", w <= k)
    wide.maximise(np.array([0.05, 0.08]) @ w - 0.001 * k.sum())
    assert solve(wide, solver, confirm="second").status == "verified-optimal"


def test_an_optimum_that_only_tolerances_reach_is_named_beside_the_exact_one():
    """0.1 x <= 0.7 - 0.4 of floats is 0.1 x <= 0.29999999999999993: exactly 2, and 3 within tolerances."""
    model = Model()
    x = model.variable("x", lower=0, upper=100, integer=True)
    model.add("row", 0.1 * x <= 0.7 - 0.4)
    model.maximise(x)
    answer = solve(model, "highs")
    assert (answer.status, answer.objective) == ("certified-optimal", 2.0)
    assert [claim.objective for claim in answer.claims] == [3.0]
    assert "3 is reached only by points that satisfy the model within tolerances" in answer.message


def test_an_optimum_whose_bound_is_a_rounding_beside_nothing_is_certified(monkeypatch):
    model = Model()
    x = model.variable("x", 2, lower=0)
    model.add("a", 3 * x[0] + 2 * x[1] <= 4)
    model.add("b", x.sum() >= 2)
    model.maximise(x[0])
    claims(monkeypatch, "highs", x=np.array([0.0, 2.0]), objective=0.0, bound=8e-12)
    assert solve(model, "highs", confirm="none").status == "verified-feasible"
    assert solve(model, "highs").status == "certified-optimal"


def test_an_infinite_gap_is_refused():
    with pytest.raises(BadData, match="gap is inf"):
        solve(cover(), gap=float("inf"))


@pytest.mark.parametrize("flat", [False, True])
def test_a_cone_without_an_inside_is_not_vouched_for(flat):
    """|.03 (x - y)| <= 0 holds where x = y only; a tolerance of 1e-9 lets x - y come to 1e-3."""
    model = Model()
    x, y = model.variable("x", lower=-20, upper=20), model.variable("y", lower=-9, upper=9, integer=True)
    model.cone("cone", stack([0.03 * (x - y)]), 0.0 if flat else 0.09, 1.0)
    model.maximise(1000 * x - 1000 * y)
    program = model.freeze()
    gain = 1e-3 if flat else 10.0
    point = np.array([gain, 0.0])
    claim = Solution(program, "optimal", 1000 * gain, 1000 * gain, point, 0.0, "highs", "")
    claim = claim.checked(check(program, claim), "solver-optimal")
    assert _stays_good(program, claim, 1e-6, Deadline.after(5.0)) is not flat


@BOTH
def test_the_greatest_sum_on_a_disk_is_corroborated(solver):
    rows, cones = Model(), Model()
    for model in (rows, cones):
        w = model.variable("w", 2, lower=-5, upper=5)
        if model is rows:
            model.add("disk", model.quadratic(np.eye(2), w) <= 1)
        else:
            model.cone("disk", w, 1.0, 1.0)
        model.maximise(w.sum())
        answer = solve(model, solver)
        assert (answer.status, answer.objective) == ("verified-optimal", pytest.approx(2**0.5, rel=1e-6))


def test_an_objective_of_zero_is_an_optimum_like_any_other():
    model = Model()
    x, y = model.variable("x", lower=0), model.variable("y", lower=0)
    model.add("room", 3 * x + 2 * y <= 4)
    model.add("enough", between(2, x + y, 1e30))
    model.maximise(x)
    answer = solve(model)
    assert (answer.status, answer.objective, answer.bound) == ("certified-optimal", 0, 0)
