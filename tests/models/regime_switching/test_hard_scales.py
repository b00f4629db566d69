"""Answers whose optimum is zero, or tiny, or of one asset, are judged like any other."""

import itertools

import numpy as np
import pytest

import proofolio as pf
from proofolio.interfaces.pyomo.interface import from_pyomo

ROUTES = list(itertools.product(("highs", "scip"), ("hull", "big-m")))


@pytest.mark.parametrize(("solver", "lowering"), ROUTES)
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_an_optimum_of_zero_is_verified(solver, lowering, scale):
    still = np.zeros((2, 3, 3))
    linear = pf.RegimeSwitching(still, scale * np.array([[0, 1, 2], [3, 4, 5.0]]), periods=3)
    curved = pf.RegimeSwitching(
        scale * np.stack([np.eye(3), 2 * np.eye(3)]),
        np.zeros((2, 3)),
        scale * np.array([-1 / 3, 0]),
        periods=2,
    )
    for program in (linear, curved):
        for built in (program.to_program(lowering), program.to_pyomo(lowering), program.to_cvxpy(lowering)):
            answer = pf.solve(built, solver=solver)
            assert answer.ok, (answer.status, answer.failed)
            assert answer.objective == pytest.approx(0.0, abs=1e-7 * scale)


@pytest.mark.parametrize(("solver", "lowering"), ROUTES)
def test_one_asset_and_tiny_costs_go_through_every_door(solver, lowering):
    alone = pf.random_instance(1, 1, 1)
    drawn = pf.random_instance(3, 3, 3, 29, lower=-0.5)
    tiny = pf.RegimeSwitching(2e-5 * drawn.costs.Q, 2e-5 * drawn.costs.c, periods=3)
    for program in (alone, tiny):
        truth = program.solve(solver=solver, lowering=lowering)
        assert truth.ok, (truth.status, truth.failed)
        for built in (program.to_pyomo(lowering), program.to_cvxpy(lowering)):
            answer = pf.solve(built, solver=solver)
            assert answer.ok, (answer.status, answer.failed)
            assert answer.objective == pytest.approx(truth.objective, rel=1e-5)


def test_a_hull_read_from_pyomo_can_be_given_to_cvxpy():
    program = pf.random_instance(3, 2, 3, lower=-0.5)
    problem = from_pyomo(program.to_pyomo()).to_cvxpy()
    assert pf.solve(problem).objective == pytest.approx(program.solve().objective, abs=1e-6)


def test_a_spoiled_max_variable_is_noticed():
    from dataclasses import replace

    from proofolio.models.regime_switching.methods.whole import max_term_checks

    program = pf.random_instance(3, 2, 4, lower=-0.5, exact=True)
    built = program.to_program("big-m")
    answer = pf.solve(built)
    assert all(c.ok for c in max_term_checks(program, built, answer))
    for name in ("cost_max_0", "cost_max_1"):
        x = answer.x.copy()
        x[built.columns(name)[0]] += 0.01
        spoiled = replace(answer, x=x)
        assert not all(c.ok for c in max_term_checks(program, built, spoiled))


@pytest.mark.parametrize("field", ["objective", "bound"])
def test_a_claim_that_is_no_number_is_wrong(field):
    from dataclasses import replace

    from proofolio.verification.checks.checking import status_after

    solution = pf.solve(pf.random_instance(3, 2, 3).to_program()).unchecked()
    claim = replace(solution, **{field: float("nan")})
    assert status_after(claim, pf.check(solution.program, claim), 1e-6) == "claim-wrong"
