"""The mean-variance MPC: every solver and interface against CVXPY and enumeration, and a gap that is a bound."""

from functools import cache
from itertools import combinations, product

import cvxpy as cp
import numpy as np
import pytest

from proofolio import compiled
from proofolio.errors import BadData, NoPlan, UnsupportedProgram
from proofolio.interfaces.cvxpy.reading import from_cvxpy
from proofolio.interfaces.pyomo.reading import from_pyomo
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.models.portfolio.step_sizes import compiled_up_to, sparse_up_to
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.solution import Settings

OPTIONS = {
    "plain": {},
    "box": {"lower": 0.02, "upper": 0.4},
    "short": {"lower": -0.3, "upper": 0.8},
    "groups": {"groups": (Group((0, 1), 0.2, 0.5), Group((2, 3, 4), upper=0.6))},
    "cash": {"cash": 2},
    "turnover": {"turnover_limit": 0.15},
    "everything": {
        "upper": 0.5,
        "cash": 4,
        "turnover_limit": [0.3, np.inf, 0.1],
        "groups": (Group((0, 3), lower=0.1),),
    },
}


def day(seed, n=5, H=3, size=1.0):
    """Means and covariances of daily returns, different in every period, and holdings."""
    rng = np.random.default_rng(seed)
    factor = 0.01 * rng.standard_normal((H, n, n))
    mean = 0.0005 * rng.standard_normal((H, n))
    return size * mean, size * factor @ factor.transpose(0, 2, 1) / 2.0, rng.dirichlet(np.ones(n))


def declared(name, gamma_trade=3e-4):
    return MeanVariance(5, 3, 3.0, gamma_trade, **OPTIONS[name])


def utility(mpc, mean, covariance, w0, W):
    """As the documentation says it, in a loop."""
    total, before = 0.0, w0
    for t, w in enumerate(W):
        traded = [abs(w[i] - before[i]) for i in range(len(w)) if i != mpc.cash]
        total += mean[t] @ w - mpc.gamma_risk * w @ covariance[t] @ w - mpc.gamma_trade * sum(traded)
        before = w
    return total


def by_cvxpy(mpc, mean, covariance, w0, supports=None):
    """The optimum written out again, or the best of those where only one of the `supports` may be held."""
    H, n = mean.shape
    W = cp.Variable((H, n))
    counted = np.array([i for i in range(n) if i != mpc.cash])
    terms, rows = 0, [W >= mpc.plan_set.lower, W <= mpc.plan_set.upper]
    for t in range(H):
        u = (W[t] - (W[t - 1] if t else w0))[counted]
        terms += 1e4 * (mean[t] @ W[t] - mpc.gamma_trade * cp.norm1(u))
        terms -= 1e4 * mpc.gamma_risk * cp.quad_form(W[t], cp.psd_wrap(covariance[t]))
        rows += [cp.sum(W[t]) == 1]
        if np.isfinite(mpc.plan_set.turnover_limit[t]):
            rows += [cp.norm1(u) <= mpc.plan_set.turnover_limit[t]]
        for group in mpc.plan_set.groups:
            held = cp.sum(W[t, list(group.members)])
            rows += [held >= max(group.lower, -9), held <= min(group.upper, 9)]
    allowed = cp.Parameter((H, n), nonneg=True)  # a parameter: the problem is compiled once for all supports
    problem = cp.Problem(cp.Maximize(terms), rows if supports is None else [*rows, W <= allowed])
    found = []
    for support in supports or [np.ones((H, n))]:
        allowed.value = support
        problem.solve(cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
        found += [] if W.value is None else [utility(mpc, mean, covariance, w0, W.value)]
    return max(found)


@cache
def optimum(name, seed):
    """The best utility of `declared(name)` on a day, by CVXPY; several tests hold their answers to it."""
    return by_cvxpy(declared(name), *day(seed))


@pytest.mark.parametrize("solver", ["auto", "piqp", "clarabel", "riccati"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_solver_finds_the_optimum_and_proves_it(name, solver):
    mpc = declared(name)
    if solver == "riccati" and name in ("groups", "turnover", "everything"):
        with pytest.raises(BadData, match="riccati"):
            mpc.stepper(solver)
        return
    stepper = mpc.stepper(solver)
    for seed in range(3):
        data = day(seed)
        best = optimum(name, seed)
        step = stepper.solve(*data)
        assert step.ok
        inner = compiled.active() and name in ("plain", "box", "short", "cash")
        assert step.solver == (solver if solver != "auto" else "riccati" if inner else "piqp")
        assert step.objective == pytest.approx(utility(mpc, *data, step.W), rel=1e-12)
        assert abs(step.objective - best) <= 2e-6 * abs(best)
        assert best - step.objective <= step.residuals.gap + 1e-9 * abs(best)
        assert step.residuals.violation <= 1e-8


def test_osqp_is_believed_only_where_the_gap_is_proved():
    mpc, good = declared("plain"), 0
    stepper = mpc.stepper("osqp", tolerance=1e-5)
    for seed in range(6):
        data = day(seed)
        step = stepper.solve(*data)
        best = optimum("plain", seed)
        good += step.ok
        assert step.ok == (step.residuals.gap_relative <= 1e-5 and step.residuals.violation <= 1e-8)
        if step.ok:
            assert best - step.objective <= 1.1e-5 * abs(best)
    assert good >= 4


def test_a_solver_stopped_early_is_not_ok():
    data = day(0)
    step = declared("plain").stepper("piqp", max_iter=2).solve(*data)
    assert not step.ok
    assert step.residuals.gap_relative > 1e-6
    assert not declared("plain").stepper("osqp", max_iter=2, polishing=False).solve(*data).ok


@pytest.mark.parametrize("name", OPTIONS)
def test_the_gap_is_a_bound_whatever_the_point_and_the_multipliers(name):
    mpc, rng = declared(name), np.random.default_rng(5)
    for seed in range(3):
        mean, covariance, w0 = day(seed)
        best = optimum(name, seed)
        smallest = np.inf
        for _ in range(40):
            W = mpc.plan_set.settle(rng.dirichlet(np.ones(5), 3))
            s = rng.uniform(-2e-3, 2e-3, (3, 5))
            multipliers = TradeMultipliers(
                s, rng.uniform(-1e-4, 1e-4, 3), rng.uniform(-1e-3, 1e-3, (3, len(mpc.plan_set.groups)))
            )
            value, kkt = mpc.step.measure(mean, covariance, w0, W, multipliers, 1e-3)
            assert -value == pytest.approx(utility(mpc, mean, covariance, w0, W), abs=1e-15)
            assert kkt.gap >= best + value - 1e-12
            smallest = min(smallest, kkt.gap)
        assert smallest > 1e-7  # random points are not optimal, and the gap says so


def test_residuals_tell_what_is_wrong_with_a_point():
    mpc = declared("everything")
    mean, covariance, w0 = day(1)
    step = mpc.stepper().solve(mean, covariance, w0)
    nothing = TradeMultipliers(np.zeros((3, 5)))
    for change, missed in (((0, 0, 0.2), 0.2), ((1, 1, -1.0), None)):
        t, i, by = change
        W = step.W.copy()
        W[t, i] += by
        _, kkt = mpc.step.measure(mean, covariance, w0, W, nothing, 1e-3)
        assert kkt.violation >= (missed or 0.5) - 1e-9
    _, kkt = mpc.step.measure(mean, covariance, w0, step.W, nothing, 1e-3)
    assert kkt.violation <= 1e-8
    assert kkt.gap > 1e-6  # the multipliers are part of the proof


def test_settled_weights_keep_budget_and_bounds():
    rng = np.random.default_rng(2)
    for name in ("plain", "box", "short"):
        plans = declared(name).plan_set
        for _ in range(50):
            W = plans.settle(rng.dirichlet(np.ones(5), 3) + rng.normal(0, 0.1, (3, 5)))
            np.testing.assert_allclose(W.sum(axis=1), 1.0, atol=1e-14)
            assert np.all(W >= plans.lower - 1e-15)
            assert np.all(W <= plans.upper + 1e-15)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_interfaces_say_the_same(name):
    mpc, data = declared(name), day(4)
    best = optimum(name, 4)
    program = mpc.to_program(*data)
    assert program.maximise
    solution = solve_continuous(program, Settings())
    assert solution.objective == pytest.approx(best, rel=1e-6)
    assert utility(mpc, *data, solution["W"].T) == pytest.approx(best, rel=1e-6)
    read = from_pyomo(mpc.to_pyomo(*data))
    again = solve_continuous(read, Settings())
    assert again.objective == pytest.approx(best, rel=1e-6)
    assert (
        read.column_names[:15]
        == program.column_names[:15]
        == tuple(f"W[{i},{t}]" for i in range(5) for t in range(3))
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_the_cvxpy_problem_is_compiled_once_and_follows_its_parameters(name):
    mpc = declared(name)
    made = mpc.to_cvxpy()
    assert made.problem.is_dcp(dpp=True)
    stepper = mpc.stepper()
    for seed in (1, 2):
        data = day(seed)
        made.assign(*data)
        made.problem.solve(cp.CLARABEL, ignore_dpp=False)
        step = stepper.solve(*data)
        assert made.problem.value == pytest.approx(step.objective, rel=1e-3)
        np.testing.assert_allclose(made.weights.sum(axis=1), 1.0, atol=1e-6)


def test_a_price_that_no_gain_can_pay_leaves_everything_where_it_is():
    mean, covariance, w0 = day(3)
    step = MeanVariance(5, 3, 3.0, 1.0).stepper().solve(mean, covariance, w0)
    np.testing.assert_allclose(step.W, np.tile(w0, (3, 1)), atol=1e-7)


def test_without_a_price_the_periods_do_not_know_of_each_other():
    mean, covariance, w0 = day(3)
    plan = MeanVariance(5, 3, 3.0, 0.0).stepper().solve(mean, covariance, w0)
    assert plan.ok
    single = MeanVariance(5, 1, 3.0, 0.0).stepper()
    alone = [single.solve(mean[t : t + 1], covariance[t : t + 1], w0).W[0] for t in range(3)]
    np.testing.assert_allclose(plan.W, alone, atol=1e-3)


def test_two_assets_by_hand():
    # mu'w - g (a w^2 + b (1-w)^2): the derivative d - 2 g a w + 2 g b (1 - w) is zero at (d + 2 g b) / (2 g (a + b))
    g, a, b, d = 5.0, 4e-4, 1e-4, 5e-4
    step = MeanVariance(2, 1, g, 0.0).stepper(tolerance=1e-9).solve([d, 0.0], np.diag([a, b]), [0.5, 0.5])
    assert step.W[0, 0] == pytest.approx((d + 2 * g * b) / (2 * g * (a + b)), abs=1e-6)
    # with a price k, every step from 0.5 upwards costs 2 k (one is bought, the other sold)
    k = 2e-5
    step = MeanVariance(2, 1, g, k).stepper(tolerance=1e-9).solve([d, 0.0], np.diag([a, b]), [0.2, 0.8])
    assert step.W[0, 0] == pytest.approx((d - 2 * k + 2 * g * b) / (2 * g * (a + b)), abs=1e-6)


def test_units_do_not_matter():
    mean, covariance, w0 = day(6)
    one = MeanVariance(5, 3, 3.0, 3e-4).stepper().solve(mean, covariance, w0)
    for size in (1e-4, 100.0):
        # returns, risk (of squared returns) and price in the same new unit
        other = MeanVariance(5, 3, 3.0, 3e-4 * size).stepper().solve(size * mean, size * covariance, w0)
        assert other.ok
        np.testing.assert_allclose(other.W, one.W, atol=1e-5)


@pytest.mark.parametrize("solver", ["auto", "riccati"])
def test_an_objective_of_zero_is_no_trouble(solver):
    # no return, no risk aversion: the best is to do nothing, for nothing
    w0 = np.array([0.1, 0.0, 0.4, 0.5, 0.0])
    step = MeanVariance(5, 3, 0.0, 1e-3).stepper(solver).solve(np.zeros(5), 1e-4 * np.eye(5), w0)
    assert step.ok
    np.testing.assert_allclose(step.W, np.tile(w0, (3, 1)), atol=1e-6)
    assert abs(step.objective) <= 1e-9


def test_singular_covariances_and_one_for_all_periods_are_taken():
    mean, _, w0 = day(7)
    load = np.array([1.0, 0.5, -0.2, 0.3, 0.8]) * 0.01
    for solver in ("piqp", "riccati"):
        step = MeanVariance(5, 3, 3.0, 1e-4).stepper(solver).solve(mean[0], np.outer(load, load), w0)
        assert step.ok
    made = MeanVariance(5, 3, 3.0, 1e-4).to_cvxpy()
    made.assign(mean[0], np.outer(load, load), w0)
    made.problem.solve(cp.CLARABEL)
    assert made.problem.value == pytest.approx(step.objective, rel=1e-3)


def test_many_assets_take_the_interior_point_by_blocks(back_end):
    n = 2 + int(max(sparse_up_to(5), 0.0 if back_end == "numpy" else compiled_up_to(5)))
    mpc, data = MeanVariance(n, 5, 5.0, 1e-3), day(8, n=n, H=5)
    steps = [mpc.stepper(solver).solve(*data) for solver in ("auto", "piqp")]
    assert [step.solver for step in steps] == ["riccati", "piqp"]
    assert all(step.ok for step in steps)
    assert steps[0].objective == pytest.approx(steps[1].objective, rel=2e-6)


def test_where_the_first_solver_fails_the_next_answers(monkeypatch):
    from proofolio.models.portfolio import mean_variance_step

    monkeypatch.setitem(mean_variance_step.SHARES, "piqp", 1e5)  # a tolerance that is worth nothing
    step = declared("groups").stepper().solve(*day(0))
    assert (step.solver, step.ok) == ("clarabel", True)


def test_rules_that_contradict_each_other_are_never_ok_and_spoil_nothing():
    mpc = MeanVariance(3, 2, 3.0, 1e-3, lower=[0.0, 0.0, 0.5], turnover_limit=0.2)
    mean, covariance = np.zeros((2, 3)), np.tile(1e-4 * np.eye(3), (2, 1, 1))
    stepper = mpc.stepper()
    with pytest.raises(NoPlan, match="no weights meet"):
        stepper.solve(mean, covariance, [1.0, 0.0, 0.0])  # half of it would have to be sold
    assert mpc.solve(mean, covariance, [1.0, 0.0, 0.0]).status == "infeasible"
    assert stepper.solve(mean, covariance, [0.2, 0.2, 0.6]).ok


def test_a_day_on_which_group_and_turnover_limit_contradict_is_said_to_be_one():
    mpc = MeanVariance(3, 1, 5.0, 1e-3, groups=(Group((0, 1), 0.5, 1.0),), turnover_limit=0.05)
    stepper = mpc.stepper()
    with pytest.raises(NoPlan, match="no weights meet"):
        stepper.solve(np.zeros(3), 1e-4 * np.eye(3), [0.0, 0.0, 1.0])
    assert stepper.solve(np.zeros(3), 1e-4 * np.eye(3), [0.3, 0.19, 0.51]).ok  # 0.02 is enough


@pytest.mark.parametrize("seed", range(8))
def test_whether_a_plan_is_possible_is_what_another_solver_says(seed):
    g = np.random.default_rng(seed)
    n, H = 4, 2
    mpc = MeanVariance(
        n, H, 1.0, 1e-3, lower=g.uniform(0, 0.25, n), upper=g.uniform(0.3, 1.0, n), cash=0 if seed % 2 else None,
        groups=(Group((0, 2), g.uniform(0.1, 0.6), g.uniform(0.6, 0.9)),), turnover_limit=[g.uniform(0, 1), np.inf],
    )  # fmt: skip
    for _ in range(6):
        w0 = g.dirichlet(np.ones(n) * 0.5)
        W = cp.Variable((H, n))
        traded = cp.abs(W[0] - w0) @ mpc.plan_set.counted.astype(float)
        rows = [cp.sum(W, axis=1) == 1, mpc.plan_set.lower <= W, mpc.plan_set.upper >= W]
        rows += [traded <= mpc.plan_set.turnover_limit[0]]
        group = mpc.plan_set.groups[0]
        rows += [W[:, 0] + W[:, 2] >= group.lower, W[:, 0] + W[:, 2] <= group.upper]
        problem = cp.Problem(cp.Minimize(0), rows)
        problem.solve(solver="CLARABEL")
        assert mpc.plan_set.reachable(w0) == (problem.status == "optimal")


@pytest.mark.parametrize(
    ("n", "solver"), [(1, "auto"), (3, "auto"), (3, "clarabel"), (5, "riccati"), (60, "auto")]
)
@pytest.mark.parametrize("level", [0.0, 0.01])
def test_where_every_plan_is_worth_the_same_any_is_answered(n, solver, level):
    for H in (1, 3):
        w0 = np.random.default_rng(n).dirichlet(np.ones(n))
        for options in ({}, {"upper": 0.6, "turnover_limit": 0.3} if n > 1 and solver != "riccati" else {}):
            mpc = MeanVariance(n, H, 5.0, 0.0, **options)
            step = mpc.stepper(solver).solve(np.full(n, level), np.zeros((n, n)), np.full(n, 1 / n))
            assert step.ok
            assert step.objective == pytest.approx(H * level, abs=1e-12)
            assert step.W.sum(axis=1) == pytest.approx(1.0)
            assert step.residuals.violation <= 1e-8
        # equal but for rounding
        tilted = MeanVariance(n, H, 0.0, 0.0).stepper(solver).solve(level * (1 + 1e-16 * w0), np.eye(n), w0)
        assert tilted.ok


# ------------------------------------------------------------------- cardinality
@pytest.mark.parametrize("seed", range(3))
def test_the_cardinality_is_that_of_enumeration(seed):
    n, H, most = 4, 2, 2
    mpc = MeanVariance(n, H, 20.0, 2e-4, cardinality=most)
    data = day(seed, n, H)
    masks = [np.isin(range(n), members).astype(float) for members in combinations(range(n), most)]
    best = by_cvxpy(mpc, *data, supports=[np.array(chosen) for chosen in product(masks, repeat=H)])
    found = mpc.solve(*data, gap=1e-6)
    assert found.ok
    assert found.objective == pytest.approx(best, rel=1e-4)
    assert np.all((found["W"] > 1e-6).sum(axis=0) <= most)


def test_a_cardinality_is_refused_where_it_cannot_be_kept():
    mpc = MeanVariance(4, 2, 5.0, 1e-3, cardinality=2)
    with pytest.raises(UnsupportedProgram, match="solve"):
        mpc.stepper()
    assert from_cvxpy(_assigned(mpc, day(0, 4, 2)).problem).integer.sum() == 8
    MeanVariance(4, 2, 5.0, 1e-3, cardinality=4).stepper()  # no limit at all


def _assigned(mpc, data):
    made = mpc.to_cvxpy()
    made.assign(*data)
    return made


# ---------------------------------------------------------------------- refusals
def test_data_that_cannot_be_is_refused_by_name():
    stepper = declared("plain").stepper()
    mean, covariance, w0 = day(0)
    tilted = covariance.copy()
    tilted[1, 0, 1] += 1e-5
    hollow = covariance - 1e-3 * np.eye(5)
    for data, word in (
        ((mean[:2], covariance, w0), "mean has shape"),
        ((mean, covariance[:, :4], w0), "covariance has shape"),
        ((mean, covariance, w0[:4]), "w0 has shape"),
        ((mean * np.nan, covariance, w0), "mean holds NaN"),
        ((mean, tilted, w0), "not symmetric"),
        ((mean, hollow, w0), "positive semidefinite"),
    ):
        with pytest.raises(BadData, match=word):
            stepper.solve(*data)


def test_declarations_that_cannot_be_are_refused():
    for arguments, options, word in (
        ((0, 1, 1.0, 0.0), {}, "n is 0"),
        ((3, 0, 1.0, 0.0), {}, "H is 0"),
        ((3, 1, -1.0, 0.0), {}, "gamma_risk"),
        ((3, 1, 1.0, -1.0), {}, "gamma_trade"),
        ((3, 1, 1.0, 0.0), {"cash": 3}, "cash is 3"),
        ((3, 1, 1.0, 0.0), {"upper": 0.2}, "add up"),
        ((3, 1, 1.0, 0.0), {"turnover_limit": [1.0, 1.0]}, "turnover_limit"),
    ):
        with pytest.raises(BadData, match=word):
            MeanVariance(*arguments, **options)
    mpc = declared("plain")
    for solver, options, word in (
        ("simplex", {}, "solver is"),
        ("auto", {"max_iter": 3}, "takes no options"),
        ("piqp", {"tolerance": 2.0}, "tolerance"),
    ):
        with pytest.raises(BadData, match=word):
            mpc.stepper(solver, **options)
