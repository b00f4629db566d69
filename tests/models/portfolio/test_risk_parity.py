"""Multi-period risk parity: no asset dies, no local method is better, and what is claimed is so."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.models.portfolio.risk_budgeting import equal_risk, risk_contributions
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.risk_parity_problem import (
    curvature,
    death_threshold,
    errors_and_jacobian,
    risk_errors,
)
from proofolio.models.portfolio.risk_parity_step import first_order_gap

from .trap_market import CALM, N, periods

EQUAL = np.full(N, 1.0 / N)


def objective(W, sigma, w0, gamma, b=1.0 / N):
    """The objective, written out."""
    total, before = 0.0, w0
    for w, S in zip(W, sigma, strict=True):
        total += sum((w[i] * (S @ w)[i] / (w @ S @ w) - b) ** 2 for i in range(len(w)))
        total += gamma * np.abs(w - before).sum()
        before = w
    return total


def slsqp(sigma, w0, gamma, start):
    """What SLSQP makes of a start: (objective, weights); trades are split so that all is smooth."""
    H, n = sigma.shape[:2]
    size = H * n
    b = np.full((H, n), 1.0 / n)

    def value(x):
        g, A = errors_and_jacobian(x[:size].reshape(H, n), sigma, b)
        slope = 2.0 * np.einsum("hi,hij->hj", g, A)
        return (g * g).sum() + 2.0 * gamma * x[size:].sum(), np.append(
            slope.ravel(), np.full(size, 2.0 * gamma)
        )

    change = np.hstack([np.eye(size) - np.eye(size, k=-n), -np.eye(size)])
    budget = np.hstack([np.kron(np.eye(H), np.ones((1, n))), np.zeros((H, size))])
    first = np.append(w0, np.zeros(size - n))
    bought = np.maximum(np.diff(start, axis=0, prepend=w0[None]), 0.0)
    found = minimize(
        value, np.append(start.ravel(), bought.ravel()), jac=True, method="SLSQP",
        bounds=[(0.0, 1.0)] * size + [(0.0, None)] * size,
        constraints=[
            {"type": "eq", "fun": lambda x: budget @ x - 1.0, "jac": lambda _: budget},
            {"type": "ineq", "fun": lambda x: first - change @ x, "jac": lambda _: -change},
        ],
        options={"ftol": 1e-13, "maxiter": 300},
    ).x[:size].reshape(H, n)  # fmt: skip
    W = np.maximum(found, 0.0)
    W /= W.sum(axis=1, keepdims=True)
    return objective(W, sigma, w0, gamma, 1.0 / n), W


# ------------------------------------------------------------------- the trap
@pytest.mark.parametrize("H", [1, 5, 15])
@pytest.mark.parametrize("gamma", [1e-3, 1e-5])
def test_no_asset_dies_from_any_start_and_all_starts_agree(H, gamma, pytestconfig):
    stepper = RiskParity(N, H, gamma).stepper(starts="erc")
    sigma, g = periods(H), np.random.default_rng(H)
    first = stepper.solve(sigma, EQUAL, start=EQUAL)
    assert first.ok
    assert first.cannot_die
    assert first.smallest_weight > 0.03
    for _ in range(100 if pytestconfig.getoption("full") else 12):
        step = stepper.solve(sigma, EQUAL, start=g.dirichlet(np.ones(N), size=H) + 1e-12)
        assert step.ok
        assert step.objective == pytest.approx(first.objective, abs=1e-12)
        assert np.abs(step.W - first.W).max() < 1e-6


@pytest.mark.parametrize("H", [1, 5])
def test_no_asset_dies_from_any_holdings(H, pytestconfig):
    stepper = RiskParity(N, H, 1e-3).stepper(starts="erc")
    g = np.random.default_rng(H)
    for _ in range(100 if pytestconfig.getoption("full") else 20):
        step = stepper.solve(periods(H), g.dirichlet(np.ones(N)))
        assert step.ok
        assert step.cannot_die
        assert step.dead == ()
        assert step.smallest_weight > 0.01


@pytest.mark.parametrize(("H", "starts"), [(1, 10), (3, 3)])
def test_the_objective_is_never_above_what_slsqp_finds(H, starts, pytestconfig):
    g = np.random.default_rng(7)
    sigma, gamma = periods(H, drift=0.3), 1e-3
    starts = 20 if pytestconfig.getoption("full") else starts
    for w0 in (EQUAL, g.dirichlet(np.ones(N))):
        step = RiskParity(N, H, gamma).stepper(starts="erc").solve(sigma, w0)
        assert step.objective == pytest.approx(objective(step.W, sigma, w0, gamma), rel=1e-12)
        begins = [np.tile(equal_risk(sigma[0]), (H, 1))]
        begins += [g.dirichlet(np.ones(N), size=H) for _ in range(starts - 1)]
        best = min(slsqp(sigma, w0, gamma, start)[0] for start in begins)
        assert step.objective <= best + 1e-9
        assert best == pytest.approx(step.objective, abs=1e-7)  # from the ERC SLSQP finds it too


@pytest.mark.parametrize("H", [1, 5])
def test_the_published_rule_from_equal_weights_ends_in_the_trap(H):
    step = RiskParity(N, H, 1e-3).stepper("published").solve(periods(H), EQUAL, start=EQUAL)
    assert step.dead
    assert step.smallest_weight < 1e-6
    assert np.abs(step.contributions - 1.0 / N).max() > 0.09
    assert not step.ok
    failed = {check.name: check for check in step.checks if not check.ok}
    assert "dead-asset trap" in failed["no asset dead"].detail
    assert "objective not above the ERC start's" in failed
    assert step.begun == "given"
    assert step.iterations[1].step == pytest.approx(0.8)
    assert step.iterations[2].step == pytest.approx(0.8 * (1.0 - 0.8e-7), abs=1e-15)


def test_the_published_rule_from_the_erc_finds_what_gauss_newton_finds():
    sigma = periods(5)
    published = RiskParity(N, 5, 1e-3).stepper("published").solve(sigma, EQUAL)
    assert published.dead == ()
    assert published.objective == pytest.approx(
        RiskParity(N, 5, 1e-3).stepper(starts="erc").solve(sigma, EQUAL).objective, abs=1e-8
    )


def test_staying_out_is_the_trade_penaltys_choice_and_truly_best():
    w0 = np.full(N, 1.0 / (N - 1))
    w0[0] = 0.0
    step = RiskParity(N, 1, 0.1).stepper(starts="erc").solve(CALM, w0)
    assert step.ok
    assert step.dead == step.penalty_choice == (0,)
    assert step.rules_choice == ()
    assert not step.cannot_die
    assert step.alternative > step.objective
    (said,) = [check.detail for check in step.checks if check.name == "no asset dead"]
    assert "buying them costs more than it is worth" in said
    g = np.random.default_rng(1)
    begins = [equal_risk(CALM)[None], w0[None]] + [g.dirichlet(np.ones(N))[None] for _ in range(15)]
    ends = [slsqp(CALM[None], w0, 0.1, begin) for begin in begins]
    assert min(value for value, _ in ends) >= step.objective - 1e-9
    # buying a little of it, paid for by any mixture of the others, makes things worse
    for _ in range(200):
        w = step.W[0] + 0.01 * (np.eye(N)[0] - g.dirichlet(np.full(N - 1, 0.3), 1) @ np.eye(N)[1:])[0]
        if w.min() >= 0.0:
            assert objective(w[None], CALM[None], w0, 0.1) > step.objective
    cheap = RiskParity(N, 1, 1e-3).stepper(starts="erc").solve(CALM, w0)
    assert cheap.ok
    assert cheap.dead == ()


# ------------------------------------------------------------------ the claims
def test_a_step_says_what_is_so():
    sigma, w0 = periods(4), np.random.default_rng(0).dirichlet(np.ones(N))
    step = RiskParity(N, 4, 1e-4).stepper(starts="erc").solve(sigma, w0)
    erc = equal_risk(sigma)
    assert step.start_objective == pytest.approx(objective(erc, sigma, w0, 1e-4), abs=1e-15)
    assert step.objective <= step.start_objective
    assert step.contributions == pytest.approx(risk_contributions(step.W, sigma), abs=1e-14)
    assert step.smallest_weight == step.W.min()
    values = [each.objective for each in step.iterations]
    assert values[0] == pytest.approx(step.start_objective)
    assert values[-1] == pytest.approx(step.objective)
    assert values == sorted(values, reverse=True)
    assert all(each.kkt < 1e-8 for each in step.iterations[1:])
    assert step.iterations[-1].residual <= 1e-8
    assert step.seconds > 0.0
    assert np.isnan(step.alternative)


def test_the_gap_bounds_every_direction_and_vanishes_only_where_stationary():
    sigma, w0, gamma = periods(3), EQUAL, 1e-3
    program = RiskParity(N, 3, gamma)
    g = np.random.default_rng(0)
    step = program.stepper(starts="erc").solve(sigma, w0)

    def linear_gain(W, slope, V):
        cost = [gamma * np.abs(np.diff(X, axis=0, prepend=w0[None])).sum() for X in (W, V)]
        return (slope * (W - V)).sum() + cost[0] - cost[1]

    for W in (step.W, equal_risk(sigma), np.tile(EQUAL, (3, 1))):
        e, A = errors_and_jacobian(W, sigma, program.budgets)
        slope = 2.0 * np.einsum("hi,hij->hj", e, A)
        for s in (g.uniform(-2 * gamma, 2 * gamma, W.shape), np.zeros_like(W)):
            gap = first_order_gap(program.step, slope, w0, W, TradeMultipliers(s))
            corners = np.eye(N)[g.integers(N, size=(100, 3))]
            others = np.concatenate([corners, g.dirichlet(np.ones(N), size=(100, 3)), step.W[None]])
            assert gap >= max(linear_gain(W, slope, V) for V in others) - 1e-15
    assert step.stationarity < 1e-8


def test_equal_periods_are_solved_as_one_and_the_answer_is_that_of_all():
    sigma = np.concatenate([periods(1), periods(1), periods(9)[-2:], periods(9)[-1:], periods(9)[-1:]])
    w0 = np.random.default_rng(4).dirichlet(np.ones(N))
    program = RiskParity(N, 6, 1e-3)
    step = program.stepper(starts="erc").solve(sigma, w0)
    assert step.ok
    assert np.array_equal(step.W[0], step.W[1])
    assert np.array_equal(step.W[3], step.W[5])
    # a breath of difference keeps them apart
    apart = program.stepper(starts="erc").solve(sigma * (1.0 + 1e-13 * np.arange(6))[:, None, None], w0)
    assert step.objective == pytest.approx(apart.objective, abs=1e-11)
    assert np.abs(step.W - apart.W).max() < 1e-4
    once = program.stepper(starts="erc").solve(CALM, w0)  # one covariance stands for all
    assert once.objective == pytest.approx(
        program.stepper(starts="erc").solve(np.tile(CALM, (6, 1, 1)), w0).objective, abs=0
    )


def test_unequal_budgets_by_period():
    b = np.random.default_rng(5).uniform(0.5, 2.0, (3, N))
    step = RiskParity(N, 3, 1e-7, budgets=b).stepper(starts="erc").solve(periods(3), EQUAL)
    assert step.ok
    assert np.abs(step.contributions - b / b.sum(axis=1, keepdims=True)).max() < 1e-3


@pytest.mark.parametrize("solver", ["osqp", "clarabel"])
def test_other_solvers_find_the_same(solver):
    sigma = periods(3)
    step = RiskParity(N, 3, 1e-3).stepper(solver=solver, starts="erc").solve(sigma, EQUAL)
    wanted = RiskParity(N, 3, 1e-3).stepper(starts="erc").solve(sigma, EQUAL)
    assert step.objective == pytest.approx(wanted.objective, abs=1e-8)
    assert step.dead == ()


def test_one_asset_and_one_period():
    step = RiskParity(1, 1, 0.1).stepper(starts="erc").solve([[[0.04]]], [1.0])
    assert step.ok
    assert step.W.tolist() == [[1.0]]
    assert step.objective == 0.0


# ------------------------------------------------------------- the mathematics
def test_the_jacobian_is_the_derivative_of_the_errors():
    g = np.random.default_rng(0)
    W, sigma = g.dirichlet(np.ones(4), size=2), periods(2, 4)
    b = np.full((2, 4), 0.25)
    _, A = errors_and_jacobian(W, sigma, b)
    for t in range(2):
        for i in range(4):
            wrong = check_grad(
                lambda w, t=t, i=i: risk_errors(w[None], sigma[t : t + 1], b[:1])[0, i],
                lambda _, t=t, i=i: A[t, i],
                W[t],
            )
            assert wrong < 1e-6


def test_the_curvature_is_that_of_the_objective_where_weights_add_up_to_one():
    w = equal_risk(CALM[:4, :4]) * [1.05, 0.97, 1.0, 0.98]
    w /= w.sum()
    b = np.full((1, 4), 0.25)

    def f(x):
        return float((risk_errors(x[None], CALM[None, :4, :4], b) ** 2).sum())

    g, A = errors_and_jacobian(w[None], CALM[None, :4, :4], b)
    Q = curvature(w[None], CALM[None, :4, :4], g, A)[0]
    gauss = 2.0 * A[0].T @ A[0]
    plane = np.eye(4)[1:] - np.eye(4)[0]
    h = 1e-4
    for d in plane:
        numeric = (f(w + h * d) - 2.0 * f(w) + f(w - h * d)) / h**2
        assert d @ Q @ d == pytest.approx(numeric, rel=1e-4)
        assert abs(d @ gauss @ d - numeric) > 1e-3 * abs(numeric)  # else the test would say nothing
    assert np.abs(Q @ w).max() < 1e-12
    # far from its minimum the objective is not convex: there Gauss and Newton's part remains
    far = np.array([[0.001, 0.001, 0.001, 0.997]])
    g, A = errors_and_jacobian(far, CALM[None, :4, :4], b)
    Q = curvature(far, CALM[None, :4, :4], g, A)[0]
    assert np.linalg.eigvalsh(Q)[0] > -1e-9 * np.trace(Q)


def test_below_the_threshold_every_asset_is_held():
    g = np.random.default_rng(0)
    b = g.dirichlet(np.ones(5))[None]
    threshold = death_threshold(b)
    for seed in range(300):
        F = np.random.default_rng(seed).normal(size=(5, 6))
        w = g.dirichlet(np.ones(5))
        w[g.integers(5)] = 0.0
        w /= w.sum()
        assert (risk_errors(w[None], (F @ F.T)[None], b) ** 2).sum() >= threshold - 1e-15
