"""Answers that only look right because a binary may be off by a millionth."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import Model, check, solve
from proofolio.errors import SolverFailure
from proofolio.solvers.limits import NEVER
from proofolio.solvers.solution import OPTIMAL, Solution
from proofolio.verification.checks import leak
from proofolio.verification.checks.checking import status, status_after

PLAIN = {"highs": {"presolve": "off"}, "scip": {"presolving/maxrounds": 0}}
FIXED_CHARGE = 78.530733315189


def fixed_charge(M):
    """Six sites, three products: what is shipped from a site needs the site to be open."""
    rng = np.random.default_rng(5)
    unit, fixed = rng.uniform(1, 3, (6, 3)).round(6), rng.uniform(30, 50, 6).round(6)
    demand = rng.uniform(9, 12, 3).round(6)
    model = Model()
    x, y = model.variable("x", (6, 3), lower=0), model.variable("y", 6, binary=True)
    model.add("demand", x.sum(0) >= demand)
    model.add("open", x.sum(1) <= M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    return model.freeze()


def tempting(M=1e7):
    """The truth is -7; with z = 1e-6 it looks like -10."""
    model = Model()
    x, z = model.variable("x", lower=0, upper=10), model.variable("z", binary=True)
    model.add("switched", x <= M * z)
    model.minimise(3 * z - x)
    return model.freeze()


@pytest.mark.parametrize("exponent", range(2, 10))
@pytest.mark.parametrize("options", [{}, PLAIN], ids=["default", "no presolve"])
@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_the_fixed_charge_is_never_verified_with_a_wrong_value(exponent, solver, options):
    answer = solve(fixed_charge(10.0**exponent), solver, options=options.get(solver, {}))
    if answer.ok:
        assert answer.objective == pytest.approx(FIXED_CHARGE, rel=1e-6)
    else:
        assert answer.status == "leaks"
        assert answer.objective < 0.99 * FIXED_CHARGE


def test_highs_is_caught_at_1e8_and_believed_at_1e6():
    caught, believed = solve(fixed_charge(1e8), confirm="none"), solve(fixed_charge(1e6))
    assert (caught.status, believed.status) == ("leaks", "certified-optimal")
    assert caught.claim == "optimal"
    assert caught.objective == pytest.approx(40.634, abs=1e-3)
    assert believed.objective == pytest.approx(FIXED_CHARGE, rel=1e-6)
    (failed,) = caught.failed
    assert failed.name == "leak"
    assert "open[" in failed.detail
    assert "y[" in failed.detail


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_cheap_leak_is_not_minus_ten(solver):
    answer = solve(tempting(), solver, options=PLAIN[solver])
    assert answer.ok == (answer.objective == pytest.approx(-7, rel=1e-6))
    assert status(check(tempting(), {"x": 9.99999, "z": 9.99999e-7})) == "leaks"
    assert status(check(tempting(), {"x": 10, "z": 1})) == "verified-feasible"


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("options", [{}, PLAIN], ids=["default", "no presolve"])
def test_semicontinuous_amounts_are_two_and_not_visibly_less(solver, options):
    model = Model()
    x, y = model.variable("x", lower=0, upper=10), model.variable("y", lower=0, upper=10)
    buy = model.variable("buy", 2, binary=True)
    model.add("x_least", x >= 2 * buy[0])
    model.add("x_most", x <= 10 * buy[0])
    model.add("y_least", y >= 3 * buy[1])
    model.add("y_most", y <= 10 * buy[1])
    model.add("cover", x + y >= 1)
    model.minimise(x + y)
    answer = solve(model, solver, options=options.get(solver, {}))
    assert answer.status == "certified-optimal"
    assert answer.objective == pytest.approx(2, rel=1e-6)
    below = {"x": 1.9999, "y": 0, "buy[0]": 1 - 5e-5, "buy[1]": 0}
    assert status(check(model, below)) == "infeasible-solution"


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1.0, 1e8])
def test_a_leak_is_one_at_any_scale_and_under_any_constant(scale):
    model = Model()
    x, z = model.variable("x", lower=0, upper=10), model.variable("z", binary=True)
    model.add("switched", x <= 1e7 * z)
    model.minimise(scale * (3 * z - x) + 1e6 * scale)
    assert status(check(model, {"x": 5, "z": 5e-7})) == "leaks"
    assert status(check(model, {"x": 10, "z": 1})) == "verified-feasible"


def test_a_maximisation_leaks_too():
    model = Model()
    x, z = model.variable("x", lower=0, upper=10), model.variable("z", binary=True)
    free = model.variable("free", lower=0, upper=5)
    model.add("switched", x <= 1e7 * z)
    model.maximise(x - 3 * z + free)
    checks = check(model, {"x": 9, "z": 9e-7, "free": 5})
    assert status(checks) == "leaks"
    assert any("becomes 5 once" in c.detail for c in checks)
    assert status(check(model, {"x": 9, "z": 1, "free": 5})) == "verified-feasible"


def test_a_quadratic_objective_leaks_too():
    model = Model()
    x, z = model.variable("x", lower=0, upper=10), model.variable("z", binary=True)
    model.add("switched", x <= 1e7 * z)
    model.minimise(model.quadratic([[1.0]], (x - 8).reshape(1)) + 3 * z)
    assert status(check(model, {"x": 8, "z": 8e-7})) == "leaks"
    assert status(check(model, {"x": 8, "z": 1})) == "verified-feasible"


def test_a_row_that_rounding_decides_is_not_forgiven_beside_a_huge_m():
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=100), model.variable("z", binary=True)
    model.add("fixed", x == [12, 10])
    model.add("twenty", x.sum() + 1e9 * z <= 20 + 1e9)
    model.minimise(-z)
    assert status(check(model, {"x[0]": 12, "x[1]": 10, "z": 1 - 1e-8})) == "leaks"


def test_digits_lost_in_the_data_are_no_leak():
    model = Model()
    third = 1 / 3 - 1e-7  # three of them miss 1 by less than rows may be off
    w, z = model.variable("w", 3, 0, third), model.variable("z", binary=True)
    model.add("budget", w.sum() == 1)
    model.minimise(w[0] + z)
    assert status(check(model, {"w[0]": third, "w[1]": third, "w[2]": third, "z": 0})) == "verified-feasible"


def failing(_):
    raise SolverFailure("it broke")


def numb(program):
    return Solution(program, "limit", None, None, None, 0.0, "numb", "0")


def with_solvers(monkeypatch, *solvers):
    monkeypatch.setattr(leak, "_solvers", lambda rest, deadline: iter(solvers))


def test_another_solver_is_asked_when_one_fails(monkeypatch):
    best = list(leak._solvers(tempting(), NEVER))[-1]
    with_solvers(monkeypatch, failing, numb, best)
    assert status(check(tempting(), {"x": 5, "z": 5e-7})) == "leaks"
    assert status(check(tempting(), {"x": 10, "z": 1})) == "verified-feasible"


def test_a_leak_test_nobody_can_decide_is_neither_a_pass_nor_a_leak(monkeypatch):
    program = tempting()
    with_solvers(monkeypatch, failing, numb)
    x = np.array([10.0, 1e-6])
    value = program.objective(x)
    claim = Solution(program, "optimal", value, value, x, 0.0, "tests", "0")
    checks = check(program, claim)
    (found,) = [c for c in checks if c.name == "leak"]
    assert not found.ok
    assert np.isnan(found.value)
    assert "could not be decided" in found.detail
    assert status_after(claim, checks, 1e-6) == "verified-feasible"


def test_exact_integers_need_no_solver(monkeypatch):
    with_solvers(monkeypatch, failing)
    assert all(c.ok for c in check(tempting(), {"x": 10, "z": 1}))


def test_a_worse_point_without_proof_is_no_leak(monkeypatch):
    program = tempting()

    def lazy(rest):
        x = np.zeros(rest.n)
        return Solution(rest, "feasible", rest.objective(x), -100.0, x, 0.0, "lazy", "0")

    with_solvers(monkeypatch, lazy)
    (found,) = [c for c in check(program, {"x": 9, "z": 1}) if c.name == "leak"]
    assert found.ok  # z is exact already
    (found,) = [c for c in check(program, {"x": 9, "z": 1 - 5e-7}) if c.name == "leak"]
    assert found.ok or np.isnan(found.value)


@pytest.mark.parametrize("kind", ["sos", "nonconvex", "indicator"])
def test_what_only_scip_can_solve_again_is_tested_too(kind):
    model = Model()
    x, z = model.variable("x", 2, 0, 10), model.variable("z", binary=True)
    model.add("switched", x.sum() <= 1e7 * z)
    objective = 3 * z - x.sum()
    if kind == "sos":
        model.sos1("one", x)
    elif kind == "indicator":
        model.indicator("least", z, x[0] >= 4)
    else:
        objective = 3 * z + model.quadratic(-0.1 * np.eye(2), x)
    model.minimise(objective)
    assert status(check(model, [9, 0, 9e-7])) == "leaks"
    assert status(check(model, [10, 0, 1])) == "verified-feasible"


def test_an_optimum_that_a_neighbour_beats_is_refuted_where_numbers_are_delicate():
    program = fixed_charge(1e6)
    best = solve(fixed_charge(100.0)).unchecked()
    x = best.point.copy()
    extra = int(np.flatnonzero(x[program.columns("y")] < 0.5)[0])
    x[program.columns("y")[extra]] = 1.0  # one more site than needed, claimed to be optimal
    value = program.objective(x)
    claim = replace(best, program=program, x=x, objective=value, bound=value)
    checks = check(program, claim)
    (found,) = [c for c in checks if not c.ok]
    assert found.name == "bound"
    assert f"y[{extra}] = 0" in found.detail
    assert status_after(claim, checks, 1e-6) == "claim-wrong"


def small_charge(seed, scale, M):
    """A fixed charge in any unit, and its optimum by going through the sites that may be open."""
    rng = np.random.default_rng(seed)
    demand = scale * rng.uniform(1, 12, 3).round(6)
    unit, fixed = rng.uniform(1, 3, (4, 3)).round(6), scale * rng.uniform(5, 50, 4).round(6)
    model = Model()
    x, y = model.variable("x", (4, 3), lower=0), model.variable("y", 4, binary=True)
    model.add("demand", x.sum(0) >= demand)
    model.add("open", x.sum(1) <= scale * M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    choices = [[i for i in range(4) if chosen >> i & 1] for chosen in range(1, 16)]
    return model.freeze(), min(unit[sites].min(0) @ demand + fixed[sites].sum() for sites in choices)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
@pytest.mark.parametrize("options", [{}, PLAIN["highs"]], ids=["default", "no presolve"])
def test_scaled_fixed_charges_are_never_verified_with_a_wrong_value(seed, scale, options):
    for M in (1e2, 1e5, 1e7, 1e9):
        program, truth = small_charge(seed, scale, M)
        answer = solve(program, options=options)
        if answer.status in OPTIMAL:
            assert answer.objective == pytest.approx(truth, rel=2e-6)
