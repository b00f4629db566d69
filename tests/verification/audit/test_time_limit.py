"""A time limit is that of the whole call, and what it leaves undone is not said to be verified."""

import math
import time

import numpy as np
import pytest

import proofolio as pf
from proofolio.solvers import limits as clockwork
from proofolio.solvers.capabilities import SOLVERS, SolverEntry
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.solution import Solution
from proofolio.verification.big_m.tiers import bounders_until
from proofolio.verification.checks.checking import check_until, status_after
from proofolio.verification.checks.leak import leak_check
from proofolio.verification.checks.rows import Tolerances

PAST = Deadline(0.0, 0.0)


def linked():
    """min x with x + z = 1 and a cap of 1 on both: optimum 0 at z = 1."""
    model = pf.Model()
    x, z = model.variable("x", lower=0, upper=1), model.variable("z", binary=True)
    model.add("link", x + z == 1)
    model.minimise(x + 2 * z)
    return model.freeze()


def claimed(program, values, status="optimal"):
    x = program.point(values)
    value = program.objective(x)
    return Solution(program, status, value, value, x, 0.0, "tests", "0")


def by_name(checks):
    return {c.name: c for c in checks}


def test_exact_integers_hold_without_time_but_prove_no_optimum():
    claim = claimed(linked(), {"x": 1, "z": 0})
    assert status_after(claim, check_until(claim.program, claim, NEVER), 1e-6) == "solver-optimal"
    checks = check_until(claim.program, claim, PAST)
    assert by_name(checks)["leak"].ok
    undone = by_name(checks)["time limit"]
    assert not undone.ok
    assert math.isnan(undone.value)
    assert "no time was left" in undone.detail
    assert status_after(claim, checks, 1e-6) == "verified-feasible"


def test_integers_nearly_exact_are_not_verified_without_time():
    claim = claimed(linked(), {"x": 1 - 1e-7, "z": 1e-7})
    assert status_after(claim, check_until(claim.program, claim, NEVER), 1e-6) == "solver-optimal"
    checks = check_until(claim.program, claim, PAST)
    assert math.isnan(by_name(checks)["leak"].value)
    assert status_after(claim, checks, 1e-6) == "limit"


def test_a_broken_point_is_called_so_however_late_it_is():
    claim = claimed(linked(), {"x": 0.5, "z": 0})
    checks = check_until(claim.program, claim, PAST)
    assert status_after(claim, checks, 1e-6) == "infeasible-solution"


def test_no_solver_is_begun_after_the_deadline(monkeypatch):
    from proofolio.verification.checks import leak

    monkeypatch.setattr(leak, "_solvers", lambda *_: pytest.fail("a solver was begun"))
    monkeypatch.setattr(leak, "solve_with_integers", lambda *_: pytest.fail("a solver was begun"))
    program = linked()
    found = leak_check(program, program.point({"x": 1, "z": 0}), Tolerances(), PAST)
    assert found.check.ok
    assert not found.finished


def test_the_solver_is_given_less_than_the_limit_by_what_opening_took(monkeypatch):
    asked = []
    entry = SOLVERS["highs"]
    monkeypatch.setitem(
        SOLVERS, "highs", SolverEntry("highs", entry.version, entry.can, spy_of(entry, asked))
    )
    now = [0.0]

    def clock():
        now[0] += 0.125
        return now[0]

    monkeypatch.setattr(clockwork, "perf_counter", clock)
    pf.solve(linked(), time_limit=100.0)
    pf.random_instance(3, 2, 2, coupled=True).solve(method="whole", time_limit=100.0)
    assert len(asked) == 2
    assert all(50.0 < seconds < 100.0 for seconds in asked)


def spy_of(entry, asked):
    def spy(program, settings):
        asked.append(settings.time_limit)
        return entry.solve(program, settings)

    return spy


@pytest.mark.parametrize("tier", ["lp", "mip"])
def test_bounds_not_reached_in_time_are_the_intervals(tier):
    model = pf.Model()
    x = model.variable("x", 2, lower=0, upper=1)
    model.add("together", x.sum() <= 1)
    low, high = bounders_until(NEVER)[tier](model, x.sum())
    assert (low, high) == pytest.approx((0.0, 1.0), abs=1e-5)
    low, high = bounders_until(PAST)[tier](model, x.sum())
    assert (low, high) == pytest.approx((0.0, 2.0))


def test_an_infeasible_claim_is_doubted_where_a_point_could_not_be_checked_in_time(monkeypatch):
    """A solver that calls a feasible program infeasible, and no time to check the point another one finds."""

    def wrong(program, settings):
        return Solution(program, "infeasible", None, None, None, 0.0, "highs", "0")

    def near(program, settings):
        return claimed(program, {"x": 1 - 1e-7, "z": 1e-7}, "feasible")

    for name, solver in (("highs", wrong), ("scip", near)):
        entry = SOLVERS[name]
        monkeypatch.setitem(SOLVERS, name, SolverEntry(name, entry.version, entry.can, solver))
    assert pf.solve(linked(), confirm="none").status == "claim-wrong"
    now = [0.0]

    def clock():
        now[0] += 10.0
        return now[0]

    monkeypatch.setattr(clockwork, "perf_counter", clock)
    answer = pf.solve(linked(), time_limit=1.0, confirm="none")
    assert answer.status == "limit"
    assert "no time was left to check it" in answer.checks[0].detail


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_limit_is_kept_by_a_wide_margin_for_a_loaded_machine(solver):
    rng = np.random.default_rng(0)
    model = pf.Model()
    w = model.variable("w", 60, lower=0, upper=1)
    z = model.variable("z", 60, binary=True)
    model.add("budget", w.sum() == 1)
    model.add("only_if", w <= z)
    model.add("few", z.sum() <= 10)
    model.add("minimum", w >= 0.05 * z)
    A = rng.standard_normal((60, 60))
    model.minimise(model.quadratic(A @ A.T / 60, w) + 0.05 * (rng.standard_normal(60) @ w))
    started = time.perf_counter()
    answer = pf.solve(model, solver, time_limit=1.0, gap=0.0)
    assert time.perf_counter() - started < 6.0
    assert answer.status in ("verified-feasible", "limit")
    assert answer.bound is None or answer.bound <= answer.objective
