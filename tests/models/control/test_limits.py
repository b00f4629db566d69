"""Projections onto limits and their support functions, against a general solver."""

import cvxpy as cp
import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.control.limits import limits_of
from proofolio.models.portfolio.plan_set import Group, PlanSet

from .policy_problems import random_control

SETS = {
    "box": (-0.2, 0.5),
    "gross": PlanSet(3, 1, -0.4, 0.6, net=(-np.inf, np.inf), gross=0.7),
    "simplex": PlanSet(3, 1),
    "groups": PlanSet(3, 1, -1.0, 1.0, groups=(Group((0, 1), -0.3, 0.2),), net=(0.1, 0.5)),
}


def of(name):
    return limits_of(random_control(np.random.default_rng(0), 2, 3, limits=SETS[name]))


def nearest(limits, y):
    """By Clarabel over longs and shorts."""
    longs, shorts = cp.Variable((2, len(y)), nonneg=True)
    x = longs - shorts
    rows = [x >= limits.lower, x <= limits.upper]
    if len(limits.rows):
        high, low = np.isfinite(limits.row_upper), np.isfinite(limits.row_lower)
        rows.append(limits.rows[high] @ x <= limits.row_upper[high])
        rows.append(limits.rows[low] @ x >= limits.row_lower[low])
    if limits.gross is not None:
        rows.append(cp.sum(longs + shorts) <= limits.gross)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - y)), rows)
    problem.solve(solver="CLARABEL", tol_feas=1e-12, tol_gap_abs=1e-12, tol_gap_rel=1e-12)
    assert problem.status == "optimal"
    return x.value


@pytest.mark.parametrize("name", SETS)
def test_a_projection_keeps_every_limit_and_is_the_nearest_point(name):
    limits = of(name)
    points = np.random.default_rng(1).normal(0.0, 0.6, (8, 3))
    found = limits.project(points)
    assert limits.violation(found) <= 1e-12
    for y, x in zip(points, found, strict=True):
        assert np.abs(x - nearest(limits, y)).max() < 2e-6
    assert np.abs(limits.project(found) - found).max() < 1e-12
    assert limits.violation(limits.inside) <= 1e-12


@pytest.mark.parametrize(("name", "part"), [("box", "box"), ("gross", "gross"), ("groups", "rows")])
def test_a_support_function_is_the_largest_value_over_its_part(name, part):
    limits, rng = of(name), np.random.default_rng(2)
    for multiplier in rng.normal(size=(5, 2 if part == "rows" else 3)):
        kept, value = limits.support(part, multiplier)
        points = limits.nearest(part, 5.0 * rng.normal(size=(20_000, len(multiplier))))
        assert (kept == multiplier).all()
        reached = (points @ multiplier).max()
        assert reached <= value + 1e-12
        assert reached >= value - 0.05 * abs(value)


def test_a_side_without_limit_has_no_multiplier():
    limits = limits_of(
        random_control(np.random.default_rng(0), 2, 2, limits=([-np.inf, -1.0], [1.0, np.inf]))
    )
    kept, value = limits.support("box", np.array([-2.0, 3.0]))
    assert (kept == 0.0).all()
    assert value == 0.0


def test_rules_that_are_not_convex_are_refused():
    plans = PlanSet(3, 1, cardinality=2)
    with pytest.raises(BadData, match="limits must be convex and the same at every step"):
        limits_of(random_control(np.random.default_rng(0), 2, 3, limits=plans))
