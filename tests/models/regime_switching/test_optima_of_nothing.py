"""Optima of zero, where relative errors have nothing to be relative to but the terms that cancel."""

import numpy as np
import pytest

from proofolio import RegimeSwitching
from proofolio.models.regime_switching.solution import raw_data_checks
from proofolio.solvers.solution import OPTIMAL

CASES = {
    # w'w is 1/2 at (1/2, 1/2) and no less, and nothing is traded: 1/2 - 1/2 in each period
    "costs that cancel": RegimeSwitching(
        np.eye(2)[None].repeat(2, 0), np.zeros((2, 2)), [-0.5, -0.5], periods=2, turnover_cost=0.1, switch_cost=0.1
    ),
    "costs that are zero": RegimeSwitching(
        np.zeros((2, 2, 2)), np.zeros((2, 2)), periods=2, turnover_cost=0.1, switch_cost=0.1, initial=[0.5, 0.5]
    ),
    "nothing but trades": RegimeSwitching(
        np.zeros((1, 1, 1)), np.zeros((1, 1)), periods=1, quadratic_impact=0.5, turnover_cost=0.1, initial=[1.0],
        cardinality=1, minimum_position=0.4,
    ),
}  # fmt: skip
WAYS = {
    "auto": {},
    "whole": {"method": "whole"},
    "hull": {"lowering": "hull"},
    "big-m": {"lowering": "big-m"},
    "scip": {"solver": "scip"},
    "scip big-m": {"solver": "scip", "lowering": "big-m"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_an_optimum_of_zero_is_no_wrong_claim(name, way):
    answer = CASES[name].solve(**WAYS[way])
    assert answer.ok, answer.failed
    assert answer.objective == pytest.approx(0.0, abs=1e-8)
    assert answer.bound <= 1e-9
    assert answer.status not in OPTIMAL or answer.gap <= 1e-6


def test_beside_an_optimum_of_zero_a_wrong_objective_is_still_seen():
    program = CASES["nothing but trades"]
    one = np.ones((1, 1))
    for off, good in ((1e-16, True), (1e-8, False), (-1e-8, False)):
        assert all(c.ok for c in raw_data_checks(program, one, one, np.zeros(1), off)) is good, off


def test_a_value_next_to_the_budget_is_not_reached():
    """At large scales a point that misses the budget by 1e-6 is worth more than the gap: it refutes no bound."""
    Q = np.array([[2121.0878996985334, 1691.114140310903], [1691.114140310903, 1348.301989731756]])
    c = np.array([48.22404083901172, 937.8804750418878])
    w = np.linspace(0.0, 1.0, 1_000_001)
    W = np.stack([w, 1.0 - w])
    best = (np.einsum("ik,ij,jk->k", W, Q, W) + c @ W).min()
    answer = RegimeSwitching(Q[None], c[None], periods=1, switch_cost=300.0).solve("scip", "indicator")
    assert answer.status in OPTIMAL, answer.failed
    assert answer.objective == pytest.approx(best, rel=1e-6)
    assert answer.bound <= best * (1 + 1e-6)
