"""Deadlines: one moment for a whole call, on a clock that the tests turn by hand."""

import numpy as np
import pytest

from proofolio import Model, random_instance
from proofolio.solvers import limits as module
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.outer_approximation.incumbents import early_point
from proofolio.solvers.outer_approximation.tree import solve as outer_approximation
from proofolio.solvers.polishing import solve_with_integers
from proofolio.solvers.quadratic.batch import SimplexQPs
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.scip.loading import OutOfTime
from proofolio.solvers.solution import Settings
from proofolio.verification.checks.rows import Tolerances, feasibility_checks


class Clock:
    """A clock that moves on by `step` whenever it is read."""

    def __init__(self, step=0.0):
        self.now, self.step = 100.0, step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch):
    hand = Clock()
    monkeypatch.setattr(module, "perf_counter", hand)
    return hand


def test_a_deadline_counts_from_where_the_work_began(clock):
    deadline = Deadline.after(10.0)
    clock.now += 4.0
    assert (deadline.elapsed, deadline.left, deadline.passed) == (4.0, 6.0, False)
    assert (deadline.earlier(5.0).left, deadline.later(5.0).left) == (1.0, 11.0)
    assert (deadline.within(2.0).left, deadline.within(20.0).left) == (2.0, 6.0)
    assert deadline.within(2.0).elapsed == 4.0
    clock.now += 6.0
    assert deadline.passed
    assert deadline.left == 0.0
    assert not NEVER.passed
    assert NEVER.left == NEVER.earlier(1e9).left == np.inf


def test_settings_ask_for_no_more_than_what_is_left(clock):
    deadline = Deadline.after(10.0)
    clock.now += 4.0
    assert Settings().until(deadline).time_limit == 6.0
    assert Settings(time_limit=2.0).until(deadline).time_limit == 2.0
    clock.now += 60.0
    assert 0.0 < Settings().until(deadline).time_limit <= 1e-3


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 20])
def test_small_programs_stopped_at_any_moment_are_feasible_and_bounded(clock, steps):
    rng = np.random.default_rng(3)
    A = rng.standard_normal((3, 12, 12))
    Q = (A @ np.swapaxes(A, 1, 2) / 12.0)[:, None]
    c = rng.standard_normal((3, 5, 12))
    lower, upper = np.full((5, 12), -0.1), np.full((5, 12), 0.4)
    _, optimum, _ = SimplexQPs(Q, lower, upper).minimise(c)
    clock.step = 1.0
    w, value, bound = SimplexQPs(Q, lower, upper).minimise(c, deadline=Deadline.after(steps))
    np.testing.assert_allclose(w.sum(axis=2), 1.0)
    assert np.all((w >= lower - 1e-12) & (w <= upper + 1e-12))
    assert np.all(bound <= optimum + 1e-12)
    assert np.all(value >= optimum - 1e-12)
    assert np.all(np.isfinite(bound))
    assert steps >= 20 or np.any(value > optimum + 1e-6)


def program(lowering="hull", seed=0):
    return random_instance(5, 6, 3, seed, coupled=True, varying=True).to_program(lowering)


def feasible(program, x):
    return all(c.ok for c in feasibility_checks(program, x, Tolerances()))


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_outer_approximation_stopped_at_any_moment_claims_only_what_is_true(clock, lowering):
    whole = program(lowering)
    optimum = outer_approximation(whole, Settings(gap=1e-8), "").objective
    clock.step = 1.0
    seen = set()
    for seconds in (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 3e4):
        found = outer_approximation(whole, Settings(time_limit=seconds, gap=1e-6), "")
        seen.add(found.status)
        assert found.bound is None or found.bound <= optimum + 1e-7 * abs(optimum)
        assert (found.x is None) == (found.status == "limit")
        if found.x is not None:
            assert feasible(whole, found.x)
            assert found.objective >= optimum - 1e-6 * abs(optimum)
    assert seen == {"limit", "feasible", "optimal"}


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_an_early_point_is_feasible(lowering):
    whole = program(lowering)
    assert feasible(whole, early_point(whole, NEVER))


def test_an_early_point_of_a_program_without_one_hot_groups():
    rng = np.random.default_rng(0)
    model = Model()
    w = model.variable("w", 8, lower=0, upper=1)
    z = model.variable("z", 8, binary=True)
    model.add("budget", w.sum() == 1)
    model.add("only_if", w <= z)
    model.minimise(model.quadratic(np.eye(8), w) + 0.1 * (rng.standard_normal(8) @ w) + 0.01 * z.sum())
    whole = model.freeze()
    assert feasible(whole, early_point(whole, NEVER))


def test_no_time_no_early_point(clock):
    late = Deadline.after(1.0)
    clock.now += 2.0
    assert early_point(program(), late) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_the_quick_way_to_fix_integers_agrees_with_the_long_one(lowering, seed):
    whole = program(lowering, seed)
    columns = np.flatnonzero(whole.integer)
    best = early_point(whole, NEVER)  # any feasible point: it gives the integers
    quick = solve_with_integers(whole, np.round(best[columns]), Settings(), 1e-9)
    left = fix(whole, columns, np.round(best[columns]))
    slow = left.expand(solve_continuous(left.program, Settings()).point)
    assert quick is not None
    assert feasible(whole, quick)
    assert np.array_equal(quick[columns], np.round(best[columns]))
    assert whole.objective(quick) == pytest.approx(whole.objective(slow), rel=1e-6)


def test_the_quick_way_says_nothing_where_integers_leave_no_point_or_nothing_is_curved():
    model = Model()
    x = model.variable("x", 2, binary=True)
    model.add("one", x.sum() == 1)
    model.minimise(x[0])
    assert solve_with_integers(model.freeze(), np.ones(2), Settings(), 1e-9) is None
    whole = program()
    assert solve_with_integers(whole, np.ones(int(whole.integer.sum())), Settings(), 1e-9) is None


@pytest.mark.parametrize("limited", [True, False])
def test_a_program_scip_could_not_be_given_in_time_keeps_its_early_point(monkeypatch, limited):
    def never_written(*_, **__):
        raise OutOfTime

    monkeypatch.setattr(scip, "ScipModel", never_written)
    whole = program()
    found = scip.solve(whole, Settings(time_limit=60.0 if limited else np.inf))
    assert found.bound is None
    assert found.status == ("feasible" if limited else "limit")
    assert "no time was left" in found.message
    if limited:
        assert feasible(whole, found.x)
        assert found.objective == pytest.approx(whole.objective(found.x))


def test_writing_a_program_into_scip_ends_with_the_time(clock):
    clock.step = 1.0
    found = scip.solve(program(), Settings(time_limit=50.0))
    assert found.status in ("limit", "feasible")
    assert "no time was left" in found.message
