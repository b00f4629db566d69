"""The published case: every form, lowering and solver reaches the optimum that enumeration finds.

Twelve instances by default, the slowest routes on a few; ``pytest --full`` takes all routes on all 30.
"""

from __future__ import annotations

import itertools
import warnings
from functools import cache
from typing import Any

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.contrib.solver.common.factory import SolverFactory

import proofolio as pf
from proofolio.models import RegimeSwitching, random_instance

ROUTES = list(itertools.product(("hull", "big-m"), ("highs", "scip")))


def brute_force(program: RegimeSwitching) -> float:
    """Enumerate regimes and the pieces of concave maxima, period by period, with Clarabel."""
    assert program.separable
    costs, n = program.costs, program.n
    total = 0.0
    known: dict[int, float] = {}
    for t in range(program.T):
        at = t if costs.varies else 0
        if at in known:
            total += known[at]
            continue
        best = np.inf
        for r in range(program.R):
            Q, c, k = (part[r, at if part.shape[1] > 1 else 0] for part in (costs.Q, costs.c, costs.k))
            own = [term for term in costs.maxima if term.regime == r]
            concave = [term for term in own if term.sign < 0]
            for wins in itertools.product((True, False), repeat=len(concave)):
                w = cp.Variable(n)
                f = cp.quad_form(w, cp.psd_wrap(Q)) + c @ w + k
                for term in own:
                    argument = term.alpha @ w + term.beta
                    if term.sign > 0:
                        f = f + cp.maximum(argument, term.floor)
                for term, argument_wins in zip(concave, wins, strict=True):
                    f = f - (term.alpha @ w + term.beta if argument_wins else term.floor)
                limits = [cp.sum(w) == 1, w >= program.lower[t], w <= program.upper[t]]
                value = cp.Problem(cp.Minimize(f), limits).solve(solver=cp.CLARABEL)
                best = min(best, float(value))
        known[at] = best
        total += best
    return total


def instance(seed: int) -> RegimeSwitching:
    changes: dict[str, Any] = {"lower": -0.5} if seed % 3 == 1 else {}
    return random_instance(3, 5, 4, seed, varying=seed % 3 == 2, **changes)


@cache
def truth_of(seed: int) -> float:
    return brute_force(instance(seed))


def agree(found: float | None, truth: float, gap: float) -> None:
    assert found is not None
    assert abs(found - truth) <= (1e-6 + gap) * max(1.0, abs(truth))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        every = metafunc.config.getoption("--full")
        metafunc.parametrize("seed", range(30 if every else metafunc.function.seeds))


def seeds(count: int) -> Any:
    """Run a test on so many instances, or on all 30 with ``pytest --full``."""

    def mark(test: Any) -> Any:
        test.seeds = count
        return test

    return mark


@seeds(12)
def test_matrix_form_equals_enumeration(seed: int, pytestconfig: pytest.Config) -> None:
    full = pytestconfig.getoption("--full")
    program, truth = instance(seed), truth_of(seed)
    for lowering, solver in ROUTES if full or seed < 3 else ROUTES[:3]:  # one of each kind takes all
        answer = program.solve(solver=solver, lowering=lowering)
        assert answer.status == "solver-optimal", (lowering, solver, answer.failed)
        agree(answer.objective, truth, answer.gap)


@seeds(1)  # shorts go through every interface in test_hard_scales.py
@pytest.mark.parametrize(("lowering", "solver"), ROUTES)
def test_pyomo_and_cvxpy_forms_equal_enumeration(seed: int, lowering: str, solver: str) -> None:
    program, truth = instance(seed), truth_of(seed)
    for built in (program.to_pyomo(lowering), program.to_cvxpy(lowering)):
        answer = pf.solve(built, solver=solver)
        assert answer.status == "solver-optimal", answer.failed
        agree(answer.objective, truth, answer.gap)


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_the_users_own_call_to_scip_agrees(lowering: str) -> None:
    program, truth = instance(0), truth_of(0)
    model = program.to_pyomo(lowering)
    result = SolverFactory("scip_direct").solve(model)
    agree(result.incumbent_objective, truth, 1e-5)
    assert sum(pyo.value(model.Z[r, 0]) for r in range(4)) == pytest.approx(1.0)
    problem = program.to_cvxpy(lowering)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CVXPY warns of what SCIP's interface does with its own options
        agree(problem.solve(solver=cp.SCIP), truth, 1e-5)


def test_values_are_loaded_into_the_users_model() -> None:
    program = instance(2)
    model, problem = program.to_pyomo(), program.to_cvxpy()
    answer = pf.solve(model)
    pf.solve(problem)
    for i, t in itertools.product(range(3), range(5)):
        assert pyo.value(model.W[i, t]) == pytest.approx(answer["W"][i, t], abs=1e-9)
    assert problem.var_dict["W"].value == pytest.approx(answer["W"], abs=1e-4)
    assert problem.var_dict["Z"].value == pytest.approx(answer["Z"], abs=1e-6)


def test_the_published_bound_is_reported_as_cutting_off_the_optimum() -> None:
    program = RegimeSwitching(np.zeros((2, 3, 3)), [[1, 1, 1], [-1, -1, -1]], periods=1)
    for solver in ("highs", "scip"):
        answer = program.solve(solver=solver, lowering="big-m", big_m="published")
        assert answer.status == "claim-wrong"
        assert answer.objective == pytest.approx(1 - 3**0.5, abs=1e-6)
        assert answer.cut_off is not None
        assert answer.cut_off.objective == pytest.approx(-1.0, abs=1e-6)
        assert answer.cut_off.big_m == pytest.approx(3**0.5)
        assert answer.cut_off.needed == pytest.approx(2.0)
        assert program.solve(solver=solver, lowering="big-m").objective == pytest.approx(-1.0, abs=1e-6)
