"""ERC and risk budgets: the contributions are the budgets, from any start, and CVXPY finds the same weights."""

import re
from fractions import Fraction

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from proofolio.errors import BadData, Imprecise, SolverFailure, UnsupportedProgram
from proofolio.models.portfolio.regime_equal_risk import RegimeEqualRisk
from proofolio.models.portfolio.risk_budgeting import EqualRisk, equal_risk, risk_contributions
from proofolio.models.portfolio.risk_parity import RiskParity

from .trap_market import CALM, N, periods


def covariance(n, seed, factors=3):
    g = np.random.default_rng(seed)
    F = g.normal(size=(n, factors)) * g.uniform(0.001, 0.02, factors)
    return F @ F.T + np.diag(g.uniform(0.003, 0.03, n) ** 2)


@given(n=st.integers(1, 60), seed=st.integers(0, 10**6), equal=st.booleans())
@settings(max_examples=60, deadline=None)
def test_contributions_are_the_budgets(n, seed, equal):
    sigma = covariance(n, seed)
    b = None if equal else np.random.default_rng(seed + 1).uniform(0.05, 3.0, n)
    w = equal_risk(sigma, b)
    wanted = np.full(n, 1.0 / n) if equal else b / b.sum()
    assert w.min() > 0.0
    assert abs(w.sum() - 1.0) < 1e-14
    # by hand, not by risk_contributions
    assert np.abs(w * (sigma @ w) / (w @ sigma @ w) - wanted).max() < 1e-12


def test_two_assets_have_equal_risk_at_inverse_volatility():
    sigma = [[0.04, 0.018], [0.018, 0.09]]
    assert equal_risk(sigma) == pytest.approx([0.6, 0.4], abs=1e-14)


@pytest.mark.parametrize("n", [200, 300])
def test_many_assets_by_conjugate_gradients(n):
    sigma = covariance(n, 5)
    b = np.random.default_rng(6).uniform(0.1, 2.0, n)
    assert np.abs(risk_contributions(equal_risk(sigma, b), sigma) - b / b.sum()).max() < 1e-12


def test_many_assets_of_a_covariance_too_close_to_singular_for_conjugate_gradients():
    n = 160
    F = np.random.default_rng(1).normal(size=(n, n + 2))
    sigma = F @ F.T  # the smallest eigenvalue is a tiny part of the largest
    assert np.abs(risk_contributions(equal_risk(sigma), sigma) - 1.0 / n).max() < 1e-12


def test_every_positive_start_gives_the_same_weights():
    g = np.random.default_rng(0)
    expected = equal_risk(CALM)
    for _ in range(50):
        start = g.dirichlet(np.full(N, 0.2)) + 1e-9
        assert np.abs(equal_risk(CALM, start=start) - expected).max() < 1e-12


def test_a_stack_is_its_members_one_by_one():
    sigma = periods(7)
    b = np.random.default_rng(2).uniform(0.5, 1.5, (7, N))
    stack = equal_risk(sigma, b)
    assert stack.shape == (7, N)
    for t in range(7):
        assert np.abs(stack[t] - equal_risk(sigma[t], b[t])).max() < 1e-12
    assert np.abs(equal_risk(sigma[:2]) - equal_risk(sigma)[:2]).max() < 1e-12
    assert (
        np.abs(equal_risk(np.repeat(covariance(50, 1)[None], 3, 0)) - equal_risk(covariance(50, 1))).max()
        < 1e-13
    )


def test_a_stack_of_unlike_covariances():
    # far from the first one's answer, where the line search works
    sigma = np.array([covariance(6, k) for k in range(40)])
    sigma[3] *= 1e6
    sigma[5] = np.diag([1e-8, 1.0, 1e4, 1e-4, 1.0, 1.0])
    shares = risk_contributions(equal_risk(sigma), sigma)
    assert np.abs(shares - 1.0 / 6).max() < 1e-12


# SLSQP of SciPy 1.13 steps over the bounds, clips and says so.
@pytest.mark.filterwarnings("ignore:Values in x were outside bounds:RuntimeWarning")
def test_no_long_only_weights_have_contributions_closer_to_the_budgets():
    sigma, b = CALM[:4, :4], np.array([0.1, 0.2, 0.3, 0.4])
    g = np.random.default_rng(0)

    def error(w):
        return float(((risk_contributions(w, sigma) - b) ** 2).sum())

    ends = [
        minimize(error, g.dirichlet(np.ones(4)), bounds=[(1e-6, 1)] * 4, method="SLSQP", options={"ftol": 1e-16},
                 constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0})
        for _ in range(5)
    ]  # fmt: skip
    best = min(ends, key=lambda end: end.fun)
    assert best.fun < 1e-8
    assert np.abs(equal_risk(sigma, b) - best.x).max() < 1e-3


def test_the_cvxpy_door_finds_the_same_weights_and_takes_new_parameters():
    b = np.arange(1.0, N + 1)
    problem = EqualRisk(CALM, b).to_cvxpy()
    assert problem.is_dcp(dpp=True)
    problem.solve(solver="CLARABEL")
    x = problem.var_dict["x"].value
    assert np.abs(x / x.sum() - equal_risk(CALM, b)).max() < 1e-4
    other = periods(20)[-1]
    problem.param_dict["root"].value = np.linalg.cholesky(other)
    problem.param_dict["budgets"].value = np.full(N, 1.0 / N)
    problem.solve(solver="CLARABEL")
    x = problem.var_dict["x"].value
    assert np.abs(x / x.sum() - equal_risk(other)).max() < 1e-4


def test_the_pyomo_door_states_the_objective_that_the_weights_minimise():
    b = np.arange(1.0, N + 1)
    b /= b.sum()
    model = EqualRisk(CALM, b).to_pyomo()
    w = equal_risk(CALM, b)

    def value(x):
        for i in range(N):
            model.x[i].set_value(float(x[i]))
        return pyo.value(model.cost)

    x = w / np.sqrt(w @ CALM @ w)  # where x'Sx = sum b
    assert value(x) == pytest.approx(0.5 - b @ np.log(x), abs=1e-12)
    least = value(x)
    g = np.random.default_rng(0)
    for _ in range(20):
        assert value(x * np.exp(0.01 * g.normal(size=N))) > least


def test_the_door_that_has_no_logarithm_refuses():
    with pytest.raises(UnsupportedProgram, match="logarithm"):
        EqualRisk(CALM).to_program()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[1.0, 0.5], [0.2, 1.0]],), "not symmetric"),
        (([[1.0, np.nan], [np.nan, 1.0]],), "NaN"),
        (([[0.0, 0.0], [0.0, 1.0]],), "asset 0 has no variance"),
        (([[1.0, 0.2], [0.2, 1.0]], [0.5, 0.0]), "every asset needs a positive"),
        (([[1.0, -1.0], [-1.0, 1.0]],), "positive semidefinite, or a portfolio"),
        (([[1.0, -2.0], [-2.0, 1.0]],), "positive semidefinite"),
        ((np.eye(3), [0.5, 0.5]), "budgets have shape"),
        ((np.eye(3), np.ones((2, 3))), "budgets have shape"),
        ((np.ones(3),), "covariance has shape"),
        ((np.eye(2), None, [1.0, 0.0]), "start holds 0"),
        ((np.eye(2), None, [1.0, 1.0, 1.0]), "start has shape"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments, words):
    with pytest.raises((BadData, SolverFailure), match=words):
        equal_risk(*arguments)


# ------------------------------------------------------- close to singular, and beyond
def fund_and_its_inverse(noise):
    """The sample covariance of a fund, the same fund sold short with a tracking error, and a calm one."""
    g = np.random.default_rng(0)
    x = 0.01 * g.standard_normal(1000)
    return np.cov([x, -x + noise * g.standard_normal(1000), 0.004 * g.standard_normal(1000)])


def exact_error(w, sigma):
    """The largest distance of a contribution from 1/n, in rational arithmetic."""
    W, S = [Fraction(float(v)) for v in w], [[Fraction(float(v)) for v in row] for row in sigma]
    part = [W[i] * sum(S[i][j] * W[j] for j in range(len(W))) for i in range(len(W))]
    return float(max(abs(p / sum(part) - Fraction(1, len(W))) for p in part))


@pytest.mark.parametrize("noise", [3e-5, 1e-5, 3e-6, 1e-7])
@pytest.mark.parametrize("stacked", [False, True])
def test_close_to_singular_the_answer_comes_with_an_error_that_holds_exactly(noise, stacked):
    sigma = fund_and_its_inverse(noise)
    with pytest.warns(Imprecise, match="within") as said:
        w = equal_risk(np.array([sigma] * 4) if stacked else sigma)
    stated = float(re.search(r"within (\S+) of", str(said[0].message)).group(1))
    error = max(exact_error(each, sigma) for each in np.reshape(w, (-1, 3)))
    assert 1e-13 < error <= 1.05 * stated  # two digits are printed
    assert stated < 1e-4  # a wild bound would be no news


def test_not_yet_close_to_singular_nothing_is_said_and_the_promise_holds():
    sigma = fund_and_its_inverse(1e-4)  # warnings are errors here
    assert exact_error(equal_risk(sigma), sigma) < 1e-12


def test_where_rounding_hides_all_it_fails_in_words():
    with pytest.raises(SolverFailure, match="double precision knows them to"):
        equal_risk(fund_and_its_inverse(1e-9))


# the pairs were measured on different days
INDEFINITE = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.2], [0.9, -0.2, 1.0]])


@pytest.mark.parametrize(
    "ask",
    [
        equal_risk,
        EqualRisk,
        lambda S: equal_risk(np.asfortranarray(1e-4 * S)),
        lambda S: equal_risk(np.array([np.eye(3), S, np.eye(3), np.eye(3)])),
        lambda S: equal_risk(np.pad(S, (0, 40)) + np.diag([0.0] * 3 + [1.0] * 40)),
        lambda S: RiskParity(3, 1, 1e-6).stepper().solve(S, np.full(3, 1 / 3)),
        lambda S: RegimeEqualRisk().weights([1.0], np.zeros((1, 3)), S[None]),
    ],
)
def test_an_indefinite_covariance_is_refused_wherever_it_goes(ask):
    with pytest.raises(BadData, match=r"not positive semidefinite: .* eigenvalue -0\.38"):
        ask(INDEFINITE)


def test_a_sample_covariance_of_few_days_is_not_called_indefinite():
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal((30, 8)) + 3.0 * np.random.default_rng(
            seed + 99
        ).standard_normal((1, 8))
        sigma = np.cov(x)  # 30 assets, 8 days: rank 7
        EqualRisk(sigma)
        RiskParity(30, 1, 1e-3).read(sigma, np.full(30, 1 / 30))
