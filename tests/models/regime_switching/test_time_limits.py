"""Regime-switching programs stopped early: an incumbent that is checked, and a bound that is one, on every method."""

import time

import numpy as np
import pytest

from proofolio import MaxTerm, RegimeSwitching, random_instance
from proofolio.solvers import limits as clockwork
from proofolio.solvers.solution import OPTIMAL, VERIFIED

MIXED = (
    MaxTerm(0, -1, np.array([1.0, -1.0, 0.5]), 0.1, 0.2),
    MaxTerm(1, +1, np.array([-1.0, 2.0, 0.0]), -0.3, 0.05),
    MaxTerm(1, -1, np.array([0.0, 1.0, -1.0]), 0.0, 0.0),
)
SHORT = {"lower": -0.5, "upper": 1.0}
SEPARABLE = {
    "long only": lambda: random_instance(8, 5, 4, 1, varying=True),
    "maxima of both signs": lambda: random_instance(3, 4, 2, 3, varying=True, maxima=MIXED, **SHORT),
    "fixed path": lambda: random_instance(4, 4, 3, 5, varying=True, path=[2, 0, 2, 1]),
    "linear": lambda: RegimeSwitching(np.zeros((2, 3, 3)), [[1, 2, 3], [3, 1, 2]], periods=2),
}
COUPLED = {
    "coupled": lambda: random_instance(5, 6, 3, 1, coupled=True, varying=True),
    "switches alone": lambda: random_instance(4, 5, 3, 2, varying=True, switch_cost=0.3),
    "fixed path": lambda: random_instance(4, 4, 3, 3, coupled=True, varying=True, path=[2, 0, 0, 1]),
}


@pytest.fixture
def ticking(monkeypatch):
    """Make the clock move on by a second whenever it is read."""

    def start():
        now = [0.0]

        def clock():
            now[0] += 1.0
            return now[0]

        monkeypatch.setattr(clockwork, "perf_counter", clock)

    return start


def hold(program, answer, optimum):
    room = 2e-6 * max(1.0, abs(optimum))
    assert answer.bound is None or answer.bound <= optimum + room
    if answer.x is None:
        assert answer.status == "limit"
        return
    assert answer.objective >= optimum - room
    assert program.objective(answer.W, answer.path) <= answer.objective + room
    assert answer.status in (*VERIFIED, "limit")
    if answer.status in OPTIMAL:
        assert answer.objective == pytest.approx(optimum, abs=room)


@pytest.mark.parametrize("name", SEPARABLE)
def test_separation_out_of_time_returns_weights_and_a_true_finite_bound(name, ticking):
    program = SEPARABLE[name]()
    optimum = program.solve().objective
    ticking()
    gaps = []
    for seconds in (0.5, 2.0, 4.0, 8.0, 16.0, 1e4):
        answer = program.solve(method="separation", time_limit=seconds)
        hold(program, answer, optimum)
        assert answer.ok
        assert np.isfinite(answer.bound)
        gaps.append(answer.objective - answer.bound)
    assert gaps[0] >= gaps[-1] - 1e-9
    assert gaps[-1] <= 1e-6 * max(1.0, abs(optimum))
    assert name == "linear" or gaps[0] > 1e-3


@pytest.mark.parametrize("name", COUPLED)
def test_the_path_road_out_of_time_returns_an_incumbent_and_a_true_finite_bound(name, ticking):
    program = COUPLED[name]()
    optimum = program.solve(gap=1e-8).objective
    ticking()
    for seconds in (0.5, 2.0, 5.0, 20.0, 100.0, 1e5):
        answer = program.solve(method="path", time_limit=seconds, gap=1e-6)
        hold(program, answer, optimum)
        assert answer.ok
        assert np.isfinite(answer.bound)
    assert answer.status == "solver-optimal"


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_built_forms_out_of_time_claim_only_what_is_true(solver, lowering, ticking):
    program = COUPLED["coupled"]()
    optimum = program.solve(gap=1e-8).objective
    ticking()
    for seconds in (2.0, 20.0, 60.0, 200.0):
        hold(program, program.solve(solver, lowering, time_limit=seconds), optimum)


def test_an_m_that_there_was_no_time_to_test_proves_no_optimum(ticking):
    program = random_instance(3, 3, 2, 0, varying=True)
    assert program.solve(lowering="big-m", big_m=np.full((2, 3), 50.0)).status == "solver-optimal"
    optimum = program.solve().objective
    ticking()
    for seconds in (20.0, 60.0, 120.0, 200.0):
        answer = program.solve(lowering="big-m", big_m=np.full((2, 3), 50.0), time_limit=seconds)
        hold(program, answer, optimum)
        if any(c.name == "time limit" for c in answer.checks):
            assert answer.status in ("verified-feasible", "limit")


SOLVES = {
    "path": {"method": "path"},
    "whole": {"method": "whole"},
    "big-m by highs": {"lowering": "big-m"},
    "hull by scip": {"solver": "scip", "lowering": "hull"},
    "big-m by scip": {"solver": "scip", "lowering": "big-m"},
}


@pytest.mark.parametrize("method", SOLVES)
def test_a_limit_is_kept_by_a_wide_margin_for_a_loaded_machine(method):
    program = random_instance(25, 40, 4, coupled=True, varying=True, kappa=0.2)
    started = time.perf_counter()
    answer = program.solve(time_limit=1.0, gap=0.0, **SOLVES[method])
    assert time.perf_counter() - started < 6.0
    assert answer.status in (*VERIFIED, "limit")
    assert answer.bound is None or answer.objective is None or answer.bound <= answer.objective
