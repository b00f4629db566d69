"""A solve in a process of its own: the answer comes back whole, and in time whatever a solver does."""

import time

import numpy as np
import pyomo.environ as pyo
import pytest

from proofolio import BadData, Model, SolverFailure, UnsupportedProgram, solve
from proofolio.verification.isolation import SERVE

BUSY = 8.0  # seconds that a busy machine takes to start Python


# HiGHS as a solver that sleeps, keeps Python's lock meanwhile and so hears no Ctrl-C.
NEVER_RETURNS = """
import ctypes
from dataclasses import replace
from proofolio.solvers.capabilities import SOLVERS
SOLVERS["highs"] = replace(SOLVERS["highs"], solve=lambda program, settings: ctypes.PyDLL(None).sleep(300))
"""


def test_the_answer_comes_back_whole_and_is_loaded():
    model = pyo.ConcreteModel()
    model.x = pyo.Var([0, 1], domain=pyo.Binary)
    model.one = pyo.Constraint(expr=model.x[0] + model.x[1] >= 1)
    model.cost = pyo.Objective(expr=3 * model.x[0] + 2 * model.x[1])
    heard = []
    answer = solve(
        model,
        isolate=True,
        confirm="certificate",
        start=np.array([1.0, 0.0]),
        progress=lambda *n: heard.append(n),
    )
    assert answer.status == "certified-optimal"
    assert answer.objective == 2.0
    assert answer.certificate is not None
    assert answer.certificate.bound == 2
    assert answer.checks
    assert answer.program.n == 2
    assert [pyo.value(model.x[i]) for i in (0, 1)] == [0.0, 1.0]


def test_a_solver_that_never_returns_is_late_by_less_than_a_second(monkeypatch):
    monkeypatch.setattr("proofolio.verification.isolation.SERVE", NEVER_RETURNS + SERVE)
    model = Model()
    model.minimise(model.variable("y", binary=True))
    began = time.monotonic()
    answer = solve(model, "highs", isolate=True, time_limit=0.3)
    assert answer.status == "limit"
    assert answer.x is None
    assert answer.seconds < 0.3 + 1.0
    assert time.monotonic() - began < 0.3 + 1.0 + BUSY
    assert "did not come back" in answer.message


def test_what_is_refused_and_what_fails_is_raised_here():
    model = Model()
    x = model.variable("x", 2)
    model.add("curved", model.quadratic(np.array([[0.0, 1.0], [1.0, 0.0]]), x) >= 1)
    model.minimise(x.sum())
    with pytest.raises(UnsupportedProgram, match="highs cannot take"):
        solve(model, "highs", isolate=True)
    good = Model()
    y = good.variable("y", upper=1, lower=0)
    good.minimise(y)
    with pytest.raises(BadData, match="HiGHS has no option named 'nonsense'"):
        solve(good, "highs", isolate=True, options={"nonsense": 1})


def test_a_process_that_cannot_start_is_a_failure_in_words(monkeypatch):
    monkeypatch.setattr("proofolio.verification.isolation.SERVE", "import os; os.abort()")
    good = Model()
    y = good.variable("y", upper=1, lower=0)
    good.minimise(y)
    with pytest.raises(SolverFailure, match="ended with status -6 and no answer"):
        solve(good, isolate=True)
