"""Numbers of 1e20 and more, which solvers take for infinite: an answer is right, or it is not given."""

import numpy as np
import pytest

from proofolio import Model, SolverFailure, solve
from proofolio.solvers.answers import has_far_sides
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import Settings

SOLVERS = ["highs", "scip"]


def with_upper(upper):
    m = Model()
    x = m.variable("x", lower=0, upper=upper)
    m.minimise(-x)
    return m.freeze()


def with_row(coefficient, side, integer):
    m = Model()
    x = m.variable("x", lower=0, integer=integer)
    m.add("most", coefficient * x <= side)
    m.minimise(-x)
    return m.freeze()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_far_bound_is_no_bound_to_a_solver_and_the_program_not_unbounded(solver):
    answer = solve(with_upper(1e21), solver)
    assert answer.status == "limit"
    assert "1e20" in answer.message
    assert solve(with_upper(np.inf), solver).status == "unbounded"
    assert solve(with_upper(1e9), solver).objective == pytest.approx(-1e9)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize(("coefficient", "side"), [(1e-70, 1.5), (1e-320, 1.5), (1.0, 3e20)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_row_that_keeps_a_column_far_away_does_not_make_it_unbounded(solver, coefficient, side, integer):
    assert solve(with_row(coefficient, side, integer), solver).status == "limit"


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("lower", [1e21, 3e20])
def test_a_side_that_no_point_may_miss_is_refused_rather_than_called_infeasible(solver, lower):
    row, bound = Model(), Model()
    x = row.variable("x", lower=0, upper=1e30)
    row.add("least", x >= lower)
    row.minimise(x)
    bound.minimise(bound.variable("x", lower=lower))
    for model in (row, bound):
        with pytest.raises(SolverFailure):
            solve(model, solver)


def test_what_scip_cannot_be_given_is_named():
    m = Model()
    x, b = m.variable("x", lower=0, upper=1e19), m.variable("b", 2, binary=True)
    m.add("least", x >= 1e21 * b)
    m.minimise(x)
    with pytest.raises(SolverFailure, match=r"a coefficient of least\[0\] is 1e20 or more"):
        solve(m, "scip")
    m = Model()
    x = m.variable("x", 2, lower=0, upper=1e30)
    m.add("least", x >= np.array([1.0, 3e20]))
    m.minimise(x.sum())
    with pytest.raises(SolverFailure, match=r"a side of least\[1\]"):
        solve(m, "scip")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_row_that_says_nothing_changes_nothing(solver):
    """-1e-70 b >= -1.5 holds for every binary b, so the optimum is that of the other row: x = 0, b = 1 or x = 1."""
    m = Model()
    b, x = m.variable("b", binary=True), m.variable("x", lower=0, upper=3)
    m.add("nothing", -1e-70 * b >= -1.5)
    m.add("some", x + b >= 1)
    m.minimise(x + 2 * b)
    assert solve(m, solver).objective == pytest.approx(1.0)
    m.add("never", x + b <= -1)
    assert solve(m, solver).status == "infeasible"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_row_out_of_reach_of_the_bounds_is_infeasible(sign):
    m = Model()
    x = m.variable("x", lower=0, upper=1)
    m.add("far", sign * 1e-70 * x >= 1.5 if sign > 0 else sign * 1e-70 * x <= -1.5)
    m.minimise(x)
    assert solve(m, "scip").status == "infeasible"


@pytest.mark.parametrize(("least", "on"), [(1.5, 0.0), (-1.5, 1.0)])
def test_an_indicator_of_a_tiny_row_holds_where_it_can(least, on):
    """1e-70 x >= 1.5 is out of reach, so its binary is 0; 1e-70 x >= -1.5 always holds, so it may be 1."""
    m = Model()
    x, b = m.variable("x", lower=0, upper=1), m.variable("b", binary=True)
    m.indicator("tiny", b, 1e-70 * x >= least)
    m.minimise(-b)
    assert solve(m, "scip")["b"] == pytest.approx(on)


def test_far_sides_are_those_beyond_1e20():
    assert has_far_sides(with_upper(1e21))
    assert has_far_sides(with_row(1e-15, 1e6, False))
    assert not has_far_sides(with_upper(1e19))
    assert not has_far_sides(with_upper(np.inf))
    assert not has_far_sides(with_row(1e-5, 1e6, False))


def test_an_error_of_scips_own_is_a_solver_failure(monkeypatch):
    def refuses(program, deadline):
        raise Exception("SCIP: error in input data!")

    monkeypatch.setattr(scip, "ScipModel", refuses)
    with pytest.raises(SolverFailure, match="error in input data"):
        scip.solve(with_upper(1.0), Settings())


@pytest.mark.parametrize("size", [1e3, 1e10, 1e13, 1e15, 1e17])
def test_a_small_coefficient_of_a_large_column_is_not_lost(size):
    """y <= x / size with x up to 10 size allows y = 5; without its term the row would say y <= 0."""
    m = Model()
    x, y = m.variable("x", lower=0, upper=10 * size), m.variable("y", lower=0, upper=10)
    m.add("small", y <= x / size)
    m.add("least", y >= 5)
    m.minimise(y)
    answer = solve(m, "scip")
    assert answer.status != "infeasible"
    assert answer.bound == pytest.approx(5.0)


@pytest.mark.parametrize("size", [1e3, 1e12, 1e17])
def test_a_program_that_a_small_coefficient_makes_infeasible_is_never_verified(size):
    """x is at most 4 size, so y <= x / size cuts off y = 5; where the row is too much for SCIP the checks say it."""
    m = Model()
    x, y = m.variable("x", lower=0, upper=4 * size), m.variable("y", lower=0, upper=10)
    m.add("small", y <= x / size)
    m.add("least", y >= 5)
    m.minimise(y)
    assert solve(m, "scip").status in ("infeasible", "infeasible-solution")
