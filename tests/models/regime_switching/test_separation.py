"""Separation: where nothing ties the periods together, one small program for each regime and period."""

import highspy
import numpy as np
import pytest

from proofolio import BadData, MaxTerm, RegimeSwitching, Solution, UnsupportedProgram, random_instance
from proofolio.solvers.quadratic.batch import cheapest_point

MIXED = (
    MaxTerm(0, -1, np.array([1.0, -1.0, 0.5]), 0.1, 0.2),
    MaxTerm(0, -1, np.array([-1.0, 0.5, 0.5]), 0.0, -0.1),
    MaxTerm(1, +1, np.array([-1.0, 2.0, 0.0]), -0.3, 0.05),
    MaxTerm(1, -1, np.array([0.0, 1.0, -1.0]), 0.0, 0.0),
)
SHORT = {"lower": -0.5, "upper": 1.0}
SEPARABLE = {
    "published": lambda: random_instance(4, 3, 4, 0),
    "varying": lambda: random_instance(3, 4, 3, 1, varying=True),
    "long short": lambda: random_instance(4, 3, 3, 2, **SHORT),
    "maxima of both signs": lambda: random_instance(3, 2, 2, 3, maxima=MIXED, **SHORT),
    "exact": lambda: random_instance(3, 2, 2, 4, maxima=MIXED, exact=True, **SHORT),
    "fixed path": lambda: random_instance(3, 4, 3, 5, varying=True, path=[2, 0, 2, 1]),
    "bounds by period": lambda: random_instance(
        2, 2, 3, 6, lower=np.array([[0.1, 0.0], [-0.5, 0.3]]), upper=np.array([[0.8, 0.9], [0.6, 1.0]])
    ),
    "Q by period": lambda: RegimeSwitching(
        np.array([[np.eye(3) * s for s in (1.0, 0.1)], [np.diag([1.0, 0.0, 2.0])] * 2]),
        [[0.1, 0.2, 0.3], [0.3, 0.1, 0.1]],
    ),
    "k by period": lambda: RegimeSwitching(
        np.zeros((2, 2, 2)), np.zeros((2, 2)), [[0.0, 3.0, 1.0], [2.0, 1.0, 1.5]]
    ),
}


@pytest.mark.parametrize("name", SEPARABLE)
def test_the_built_form_agrees(name):
    program = SEPARABLE[name]()
    answer = program.solve()
    built = program.solve(method="whole")
    assert answer.method == "separation"
    assert built.method != "separation"
    # where a maximum is left, a solver of small programs bounds them
    kinked = name in ("long short", "maxima of both signs", "exact", "bounds by period")
    assert answer.status == ("solver-optimal" if kinked else "verified-optimal")
    assert built.status == "solver-optimal"
    room = 2e-6 * max(1.0, abs(built.objective))
    assert answer.objective == pytest.approx(built.objective, abs=room)
    assert answer.bound <= answer.objective
    assert answer.gap < 1e-7
    # the interior point under the built form keeps its rows to 1e-9
    assert answer.bound <= built.objective + 1e-9
    assert program.objective(answer.W, answer.path) == pytest.approx(answer.objective, abs=1e-12)
    np.testing.assert_allclose(answer.cost.sum(), answer.objective)
    if program.path is not None:
        assert answer.path.tolist() == program.path.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_no_feasible_point_is_below_the_bound(seed):
    program = random_instance(3, 2, 3, seed, varying=True, maxima=MIXED, **SHORT)
    bound = program.solve().bound
    rng = np.random.default_rng(seed)
    for _ in range(50):
        W = np.array([cheapest_point(g, program.lower[0], program.upper[0]) for g in rng.normal(size=(2, 3))])
        mixed = 0.5 * (W + 1 / 3)
        for w in (W, mixed):
            assert program.objective(w.T, rng.integers(0, 3, 2)) >= bound - 1e-12


def test_what_asks_for_the_built_form_gets_it():
    program = random_instance(3, 2, 3, 0)
    for asked in ({"lowering": "hull"}, {"lowering": "big-m"}, {"method": "whole"}, {"solver": "scip"}):
        assert program.solve(**asked).method != "separation"
    published = program.solve(lowering="big-m", big_m="published")
    assert published.cut_off is not None


def test_a_coupled_or_indefinite_program_does_not_separate():
    with pytest.raises(UnsupportedProgram, match="tie its periods together"):
        random_instance(3, 2, 2, 0, coupled=True).solve(method="separation")
    saddle = RegimeSwitching(np.array([np.diag([1.0, -1.0])]), np.zeros((1, 2)), periods=1)
    with pytest.raises(UnsupportedProgram, match="indefinite"):
        saddle.solve(method="separation")
    assert saddle.solve("scip", "big-m").objective == pytest.approx(-1.0, abs=1e-6)


def test_bad_arguments_are_named():
    program = random_instance(3, 2, 2, 0)
    with pytest.raises(BadData, match="method is 'guess'"):
        program.solve(method="guess")
    with pytest.raises(BadData, match="no setting is named 'seconds'"):
        program.solve(seconds=3)


def test_the_gap_of_fifty_assets_and_a_hundred_periods():
    answer = random_instance(50, 100, 4).solve(gap=1e-6)
    assert answer.status == "verified-optimal"
    assert answer.gap < 1e-6
    assert answer.W.shape == (50, 100)
    assert answer.values["W[49,99]"] == answer.W[49, 99]


def test_a_solver_that_is_named_is_used_even_where_the_program_separates(monkeypatch):
    runs = []
    once = highspy.Highs.run
    monkeypatch.setattr(highspy.Highs, "run", lambda highs: runs.append(1) or once(highs))
    program = random_instance(3, 2, 3, 0)
    chosen = program.solve()
    assert (chosen.method, chosen.solver, len(runs)) == ("separation", "proofolio", 0)
    named = program.solve(solver="highs")
    assert (named.solver, named.ok) == ("highs", True)
    assert named.method not in ("separation", "path")
    assert len(runs) > 0
    assert named.objective == pytest.approx(chosen.objective, abs=2e-6)


def test_without_a_name_the_whole_form_goes_to_the_first_solver_that_can_take_it():
    saddle = RegimeSwitching(np.array([np.diag([1.0, -1.0])]), np.zeros((1, 2)), periods=1)
    answer = saddle.solve()
    assert (answer.solver, answer.objective) == ("scip", pytest.approx(-1.0, abs=1e-6))
    with pytest.raises(UnsupportedProgram, match=r"highs cannot take .*scip can"):
        saddle.solve("highs")


def test_a_solution_of_the_model_is_a_solution_with_views():
    program = random_instance(3, 2, 3, 0)
    for answer in (program.solve(), program.solve(lowering="hull")):
        assert isinstance(answer, Solution)
        np.testing.assert_array_equal(answer.weights, answer["W"])
        assert answer.cost.sum() == pytest.approx(answer.objective, abs=1e-6)
        assert program.objective(answer.weights, answer.path) == pytest.approx(answer.objective, abs=1e-6)
        assert answer.claim == "optimal"
        assert {"leak", "objective from raw data"} <= {check.name for check in answer.checks}
        assert answer.method in repr(answer)
