"""The own step with costs of the power 3/2, on kinds of data that are hard for it, against CVXPY's cones."""

import warnings

import cvxpy as cp
import numpy as np
import pytest

from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.trading import add_plan
from proofolio.program.builder import Builder
from proofolio.solvers.quadratic.multiperiod import Multiperiod
from proofolio.verification.solving import solve

KINDS = (
    "plain", "no power for some", "no power at all", "no spread", "asymmetry is the spread", "caps", "held at a vertex",
    "small data", "large data", "power x 1e3", "power x 1e-6", "one is free", "two assets",
)  # fmt: skip


def day(kind, seed, H=2):
    """Means (H, n), covariance, holdings, costs a, c, k and the cap of a day of one kind."""
    n = 2 if kind == "two assets" else 5
    g = np.random.default_rng([seed, n])
    F = g.standard_normal((n, 3))
    S = 4e-4 * (F @ F.T / 3 + np.diag(g.uniform(0.2, 1.0, n)))
    mu, w0 = 2e-3 * g.standard_normal((H, n)), g.dirichlet(np.ones(n))
    a, k = g.uniform(1e-4, 1e-3, n), g.uniform(1e-3, 2e-2, n)
    c, cap = a * g.uniform(-1.0, 1.0, n), 1.0
    if kind == "no power for some":
        k = k * (np.arange(n) % 2)
    elif kind == "no power at all":
        k = 0.0 * k
    elif kind == "no spread":
        a, c = 0.0 * a, 0.0 * c
    elif kind == "asymmetry is the spread":
        c = a * np.sign(c)
    elif kind == "caps":
        cap = 0.3
    elif kind == "held at a vertex":
        w0 = np.eye(n)[1]
    elif kind.endswith("data"):
        mu, S, a, c, k = ((1e-4 if kind == "small data" else 1e3) * each for each in (mu, S, a, c, k))
    elif kind.startswith("power x"):
        k = float(kind.split()[-1]) * k
    elif kind == "one is free":
        a, c, k = (each * (np.arange(n) != 2) for each in (a, c, k))
    return mu, S, w0, (a, c, k), cap


def utility(W, mu, S, w0, costs):
    """What the plan earns less risk (1.25 times) and the costs of its trades."""
    a, c, k = costs
    u = np.diff(np.vstack([w0, W]), axis=0)
    risk = sum(w @ S @ w for w in W)
    return (mu * W).sum() - 1.25 * risk - (a * np.abs(u) + c * u + k * np.abs(u) ** 1.5).sum()


def by_cones(mu, S, w0, costs, cap):
    """The same by CVXPY and Clarabel, in units in which the largest number is 1."""
    a, c, k = costs
    size = max(np.abs(mu).max(), np.abs(S).max(), *(each.max() for each in costs))
    W = cp.Variable(mu.shape)
    u = W - cp.vstack([w0[None], W[:-1]])
    total = cp.sum(cp.multiply(mu / size, W)) - 1.25 * sum(cp.quad_form(w, cp.psd_wrap(S / size)) for w in W)
    total -= cp.sum(cp.abs(u) @ (a / size) + u @ (c / size) + cp.power(cp.abs(u), 1.5) @ (k / size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers it calls inaccurate: the test says how good they are
        cp.Problem(cp.Maximize(total), [cp.sum(W, axis=1) == 1, W >= 0, W <= cap]).solve(solver="CLARABEL")
    inside = np.clip(W.value, 0.0, cap)
    return inside + (1.0 - inside.sum(axis=1, keepdims=True)) / inside.shape[1], size


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_hard_kinds_are_proved_and_agree_with_cones(kind, seed, back_end):
    mu, S, w0, costs, cap = day(kind, seed)
    a, c, k = costs
    model = MeanVariance(len(w0), 2, 1.25, 1.0, half_spread=a, asymmetry=c, power_impact=k, upper=cap)
    step = model.stepper("riccati", tolerance=1e-8).solve(mu, S, w0)
    assert step.ok
    assert step.residuals.violation <= 1e-12
    value = utility(step.W, mu, S, w0, costs)
    assert step.objective == pytest.approx(value, rel=1e-12, abs=1e-15)
    theirs, size = by_cones(mu, S, w0, costs, cap)
    other = utility(theirs, mu, S, w0, costs)
    assert other <= value + step.residuals.gap + 1e-7 * size * cap  # theirs may miss a bound by as much
    assert value - other <= 1e-6 * max(abs(value), size)


def test_the_first_to_answer_is_the_own_step_and_clarabel_where_rules_are_more():
    mu, S, w0, (a, c, k), _ = day("plain", 0)
    plain = MeanVariance(5, 2, 1.25, 1.0, half_spread=a, asymmetry=c, power_impact=k)
    assert plain.stepper().solve(mu, S, w0).solver == "riccati"
    limited = MeanVariance(5, 2, 1.25, 1.0, half_spread=a, power_impact=k, turnover_limit=0.1)
    assert limited.stepper().solve(mu, S, w0).solver == "clarabel"


def test_gamma_trade_multiplies_the_costs():
    mu, S, w0, (a, c, k), _ = day("plain", 1)
    twice = MeanVariance(5, 2, 1.25, 2.0, half_spread=a, asymmetry=c, power_impact=k)
    doubled = MeanVariance(5, 2, 1.25, 1.0, half_spread=2 * a, asymmetry=2 * c, power_impact=2 * k)
    one, other = (model.stepper(tolerance=1e-9).solve(mu, S, w0) for model in (twice, doubled))
    np.testing.assert_array_equal(one.W, other.W)
    # without costs of its own a trade costs gamma_trade of what is traded
    alone = MeanVariance(5, 2, 1.25, 1e-3)
    spelt = MeanVariance(5, 2, 1.25, 1.0, half_spread=1e-3)
    np.testing.assert_array_equal(alone.step.cost, spelt.step.cost)


def test_a_stationary_trade_in_closed_form():
    """Two riskless assets: mu d - k 2 d^1.5 is best at d = (mu / 3k)^2, whatever the holdings."""
    engine = Multiperiod(2, 1, np.zeros(2), np.zeros((1, 2)), np.ones((1, 2)), np.full(2, 0.5))
    found = engine.solve(np.zeros((1, 2, 2)), np.array([[-0.9, 0.0]]), np.array([0.3, 0.7]), 1e-12)
    assert found.converged
    assert found.W[0] == pytest.approx([0.3 + 0.6**2, 0.7 - 0.6**2], abs=1e-6)
    assert found.s[0] == pytest.approx(
        [1.5 * 0.5 * 0.6 + found.s[0].mean(), -0.45 + found.s[0].mean()], abs=1e-6
    )


def test_the_iterate_with_the_smallest_proven_gap_is_returned(monkeypatch):
    mu, S, w0, (a, _, k), _ = day("plain", 2)
    engine = Multiperiod(5, 2, a, np.zeros((2, 5)), np.ones((2, 5)), k)
    seen, gap = [], engine._gap

    def watched(now, *rest):
        found = gap(now, *rest)
        seen.append(now.W)
        return max(found, 1.0) if len(seen) != 6 else 0.5  # as if the sixth had been the best

    monkeypatch.setattr(engine, "_gap", watched)
    found = engine.solve(np.stack([2.5 * S] * 2), -mu, w0, 1e-13)
    np.testing.assert_array_equal(found.W, seen[5])
    assert len(seen) > 6
    assert not found.converged


NEAR = 1e-5  # of the largest coefficient of the objective, which itself crosses zero


def mixed(model, mu, S, w0):
    """The program with a binary that changes nothing, so that the mixed-integer solvers get it as it is."""
    written = Builder("four_ways")
    W, cost = add_plan(written, model.plan_set, w0, model.charged)
    z = written.variable("allowed", binary=True)
    written.add("allowed_first", W[0, 0] <= z)
    risk = written.quadratic(1.25 * np.stack([S] * len(mu)), W.T).sum()
    written.maximise((mu.T * W).sum() - cost - risk)
    return written.freeze()


@pytest.mark.parametrize("kind", ["plain", "no spread", "held at a vertex"])
def test_four_methods_agree_by_the_certificate(kind):
    mu, S, w0, costs, cap = day(kind, 0)
    a, c, k = costs
    model = MeanVariance(len(w0), 2, 1.25, 1.0, half_spread=a, asymmetry=c, power_impact=k)
    step = model.stepper("riccati", tolerance=1e-8).solve(mu, S, w0)
    assert step.ok
    best = step.objective + step.residuals.gap  # no plan has more
    plans = {"own": step.W, "cvxpy": by_cones(mu, S, w0, costs, cap)[0]}
    for solver in ("scip", "highs"):
        found = solve(mixed(model, mu, S, w0), solver, confirm="none")
        plans[solver] = model.plan_set.settle(np.asarray(found["W"]).T)
    size = model.step.size(mu, S[None])
    for name, W in plans.items():
        short = best - utility(W, mu, S, w0, costs)
        assert -1e-9 * size <= short <= NEAR * size, (name, short / size)
