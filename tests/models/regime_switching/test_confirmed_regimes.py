"""What the answer of each method rests on, alone and confirmed."""

from dataclasses import replace

import numpy as np
import pytest

import proofolio as pf
from proofolio.errors import BadData
from proofolio.models.regime_switching.methods.whole import corroborated
from proofolio.solvers.limits import NEVER
from proofolio.solvers.solution import Settings

Q = np.array([np.diag([1.0, 2.0]), np.diag([3.0, 1.0])])
C = np.array([[0.5, 0.0], [0.0, 0.25]])


def coupled():
    return pf.RegimeSwitching(Q, C, periods=3, switch_cost=0.1)


def best_by_hand():
    """The least over both regimes held throughout (a change costs more than it saves), each a parabola in w."""
    w = np.linspace(0.0, 1.0, 100_001)
    one = w**2 + 2.0 * (1.0 - w) ** 2 + 0.5 * w
    two = 3.0 * w**2 + (1.0 - w) ** 2 + 0.25 * (1.0 - w)
    return 3.0 * min(one.min(), two.min())


def test_gradients_verify_and_a_search_is_one_word_until_the_whole_form_agrees():
    separable = pf.RegimeSwitching(Q, C, periods=3)
    assert separable.solve().status == "verified-optimal"
    alone = coupled().solve(method="path")
    assert alone.status == "solver-optimal"
    assert alone.objective == pytest.approx(best_by_hand(), rel=1e-6)
    # as if it had taken long, so that a busy machine has the time to confirm it
    confirmed = corroborated(coupled(), replace(alone, seconds=20.0), "second", Settings(), NEVER)
    assert (confirmed.status, confirmed.method) == ("verified-optimal", "path")
    assert confirmed.objective == alone.objective
    assert confirmed.confirm_seconds > 0.0
    asked = coupled().solve(method="path", confirm="second")
    assert asked.status in ("verified-optimal", "solver-optimal")
    assert asked.confirm_seconds > 0.0


def test_the_whole_form_of_linear_costs_is_certified():
    program = pf.RegimeSwitching(0.0 * Q, C - 0.5, periods=2, switch_cost=0.25)
    assert program.solve(method="whole").status == "solver-optimal"
    certified = program.solve(confirm="certificate")
    assert (certified.status, certified.method) == ("certified-optimal", "MILP")
    # in the second regime the first asset costs -1/2 in each period
    assert certified.objective == pytest.approx(-1.0, abs=1e-9)
    assert certified.certificate is not None


def test_a_wrong_m_is_no_less_wrong_for_being_confirmed():
    wrong = pf.RegimeSwitching(0.0 * np.ones((2, 3, 3)), [[1, 1, 1], [-1, -1, -1]], periods=1)
    answer = wrong.solve("highs", lowering="big-m", big_m="published", confirm="auto")
    assert answer.status == "claim-wrong"


def test_a_better_plan_takes_the_place_of_a_claim_and_says_so():
    program = coupled()
    right = program.solve(method="path")
    worse = program.with_path(np.array([0, 1, 0])).solve(method="path")
    assert worse.objective > right.objective + 0.1
    answer = corroborated(program, replace(worse, seconds=20.0), "second", Settings(), NEVER)
    assert answer.objective == pytest.approx(right.objective, rel=1e-6)
    (claim,) = answer.claims
    assert (claim.status, claim.objective) == ("optimal", worse.objective)


def test_what_means_nothing_is_refused():
    with pytest.raises(BadData, match="confirm is 'twice'"):
        coupled().solve(confirm="twice")
    with pytest.raises(BadData, match="confirm"):
        coupled().solve(method="path", confirm="certificate")
