"""The way back into rules, against enumeration on a grid of weights."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.errors import SolverFailure
from proofolio.models.portfolio.plan_set import Group, PlanSet
from proofolio.models.portfolio.way_back import way_back

STEP = 20  # weights of the grid are multiples of 1/20, and so is every number of the cases: a corner is on the grid


def _excess(weights, lower, upper, groups):
    found = sum(max(0.0, lo - w) + max(0.0, w - up) for w, lo, up in zip(weights, lower, upper, strict=True))
    for group in groups:
        total = sum(weights[i] for i in group.members)
        found += max(0.0, group.lower - total) + max(0.0, total - group.upper)
    return found


def _ranked(held, limit, lower, upper, groups):
    """Return the least of (turnover beyond the limit, excess, turnover) over all weights of the grid that add to 1."""
    found = []
    for some in product(range(STEP + 1), repeat=2):
        if sum(some) > STEP:
            continue
        weights = np.array([*some, STEP - sum(some)]) / STEP
        turnover = float(np.abs(weights - held).sum())
        rank = max(0.0, turnover - limit), _excess(weights, lower, upper, groups), turnover
        found.append(tuple(round(value, 9) for value in rank))
    return min(found)


@pytest.mark.parametrize("seed", range(40))
def test_ranks_as_enumeration_does(seed):
    rng = np.random.default_rng(seed)
    cut = np.sort(rng.integers(0, STEP + 1, 2))
    held = np.diff([0, *cut, STEP]) / STEP
    if seed % 4 == 0 and held[0] >= 4 / STEP:
        held[0] -= 4 / STEP  # money paid out that is not invested yet
    lower, upper = rng.integers(0, 4, 3) / STEP, rng.integers(8, 13, 3) / STEP
    limit = 2 * rng.integers(1, 5) / STEP  # even: half is sold and half bought
    groups = (Group((0, 1), -np.inf, 14 / STEP),) if seed % 2 else ()
    plans = PlanSet(3, 1, lower, upper, groups=groups, turnover_limit=limit)
    weights, missed = way_back(plans, held)
    turnover = float(np.abs(weights - held).sum())
    own = max(0.0, turnover - limit), _excess(weights, lower, upper, groups), turnover
    assert weights.sum() == pytest.approx(1.0, abs=1e-7)  # three solves, each held by the next up to 1e-9
    np.testing.assert_allclose(own, _ranked(held, limit, lower, upper, groups), atol=1e-7)
    assert bool(missed) == (own[0] > 1e-7 or own[1] > 1e-7)


def test_cash_is_no_turnover_and_leaves_its_bounds_first():
    plans = PlanSet(2, 1, [0.0, 0.5], [0.5, 1.0], turnover_limit=0.1, cash=1)
    weights, missed = way_back(plans, np.array([0.8, 0.2]))
    np.testing.assert_allclose(weights, [0.7, 0.3], atol=1e-8)
    assert missed == ("weights in bounds",)


def test_counted_positions_have_none():
    plans = PlanSet(3, 1, upper=0.6, cardinality=2, turnover_limit=0.1)
    with pytest.raises(SolverFailure, match="positions counted"):
        way_back(plans, np.array([1.0, 0.0, 0.0]))


def test_a_backtest_comes_back_step_by_step_and_says_so():
    rng = np.random.default_rng(0)
    growth = np.exp(np.cumsum(rng.normal(0.0, 0.01, (140, 3)), axis=0))
    prices = pd.DataFrame(growth, pd.bdate_range("2020-01-01", periods=140), ["A", "B", "C"])
    rules = {"weights": {"assets": {"A": {"upper": 0.05}}}, "trading": {"turnover": 0.1}}
    result = pf.backtest(prices, ["spo-no-hmm", "erc-no-hmm"], rules=rules, window=100)
    for run in result.runs:
        # 1/3 to 0.05 with at most 0.05 sold at each close: 6 closes, of which the last arrives
        assert 4 <= run.rules_missed.sum() <= 8, run.name
        assert run.rules_missed[:4].all(), run.name
        assert not run.unanswered.any()
        assert np.abs(run.trades).sum(axis=1).max() <= 0.1 + 1e-6
        assert run.weights[-10:, 0].max() <= 0.05 + 1e-6
    assert any("no single trade" in sentence for sentence in result.warnings)
