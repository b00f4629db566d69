"""Risk budgets by machine code: the numpy form's weights to 1e-12, and its sentences where something is wrong."""

import numpy as np
import pytest

from proofolio import compiled
from proofolio.errors import BadData, Imprecise
from proofolio.models.portfolio import risk_budgeting
from proofolio.models.portfolio.budget_kernels import SMALL, budgets_kernel
from proofolio.models.portfolio.risk_budgeting import equal_risk, risk_contributions, weights_by_numpy


def drawn(seed, most=14):
    """Return covariances of a factor model (m, n, n), budgets, and positive weights to begin at."""
    random = np.random.default_rng(seed)
    n = int(random.integers(1, most))
    m = int(random.integers(1, 5))
    loads = random.standard_normal((m, n, int(random.integers(1, 5)))) + random.uniform(-0.5, 1.5)
    own = random.uniform(0.05, 1.0, (m, n))
    volatility = 10.0 ** random.uniform(-3.0, 1.0, n)
    sigma = (loads @ loads.swapaxes(1, 2) + own[:, None, :] * np.eye(n)) * np.outer(volatility, volatility)
    b = random.dirichlet(np.full(n, 2.0), m) + 1e-4
    return sigma, b / b.sum(axis=1, keepdims=True), random.dirichlet(np.ones(n), m) + 1e-6


def by_kernel(sigma, b, start):
    """Return the kernel's weights: compiled where numba is, else as it stands."""
    run = budgets_kernel if compiled.active() else budgets_kernel.source
    w = np.empty(b.shape)
    assert run(sigma, b, start, False, w)
    return w


def agree(seed):
    sigma, b, start = drawn(seed)
    first = start if seed % 3 else np.empty((0, 0))
    w = by_kernel(sigma, b, first)
    expected = [weights_by_numpy(s, each) for s, each in zip(sigma, b, strict=True)]
    # the weights are known as well as their contributions are: both stop where those are right to rounding
    assert np.abs(w - expected).max() <= 1e-12
    contributions = w * (sigma @ w[..., None])[..., 0]
    assert np.abs(contributions / contributions.sum(axis=1, keepdims=True) - b).max() <= 1e-12


@pytest.mark.parametrize("part", range(10))
def test_both_back_ends_agree_to_twelve_digits(part, request):
    each = 1_000 if request.config.getoption("--full") and compiled.active() else 20
    for seed in range(part * each, (part + 1) * each):
        agree(seed)


@pytest.mark.parametrize("n", [30, SMALL - 1, SMALL, 100, 180])
def test_both_back_ends_agree_on_many_assets(n):
    random = np.random.default_rng(n)
    loads = random.standard_normal((n, 3)) + 1.0
    sigma = loads @ loads.T + np.diag(random.uniform(0.2, 1.0, n))
    b = random.uniform(0.5, 1.5, n)
    w = equal_risk(sigma, b)
    assert np.abs(w - weights_by_numpy(sigma, b / b.sum())).max() <= 1e-12
    assert np.abs(risk_contributions(w, sigma) - b / b.sum()).max() <= 1e-12


BAD = {
    "not symmetric": ([[1.0, 0.1], [0.1 + 1e-6, 1.0]], "not symmetric"),
    "NaN": ([[1.0, np.nan], [np.nan, 1.0]], "NaN"),
    "infinite": ([[1.0, np.inf], [np.inf, 1.0]], "infinity"),
    "no variance": ([[0.0, 0.0], [0.0, 1.0]], "asset 0 has no variance"),
    "negative variance": ([[1.0, 0.0], [0.0, -1.0]], "asset 1 has no variance"),
    "indefinite": ([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]], "not positive semidefinite"),
    "riskless": ([[1.0, -1.0], [-1.0, 1.0]], "no risk"),
    "no matrix": ([1.0, 2.0], "shape"),
    "not square": ([[1.0, 2.0]], "shape"),
    "text": ([["1", "0"], ["0", "1"]], "not an array of numbers"),
    "empty": (np.empty((0, 0)), "shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_words(name):
    covariance, words = BAD[name]
    with pytest.raises(BadData, match=words):
        equal_risk(covariance)
    if name not in ("no matrix", "not square", "text", "empty"):  # in a stack, behind a good one
        with pytest.raises(BadData, match=words):
            equal_risk([np.eye(len(covariance)), covariance])


@pytest.mark.parametrize("n", [120, 5])
def test_an_indefinite_covariance_of_any_size_is_refused(n):
    sigma = np.eye(n)
    sigma[:2, :2] = [[1.0, 1.1], [1.1, 1.0]]
    with pytest.raises(BadData, match="not positive semidefinite"):
        equal_risk(sigma)


def test_contributions_that_double_precision_cannot_hold_are_not_the_kernel_s_to_promise():
    d = 1e-11
    sigma = np.array([[1.0, -1.0 + d], [-1.0 + d, 1.0]])
    run = budgets_kernel if compiled.active() else budgets_kernel.source
    asked = (sigma[None], np.array([[0.3, 0.7]]), np.empty((0, 2)), False, np.empty((1, 2)))
    with np.errstate(all="ignore"):
        if run(*asked):  # then they are right
            shares = risk_contributions(asked[-1][0], sigma)
            assert np.abs(shares - asked[1][0]).max() <= 1e-12
        else:
            with pytest.warns(Imprecise):
                equal_risk(sigma, [0.3, 0.7])


def test_layouts_of_memory_and_kinds_of_numbers_change_nothing():
    sigma, _, _ = drawn(3)
    expected = equal_risk(sigma)
    again = np.asfortranarray(sigma)
    frozen = sigma.copy()
    frozen.flags.writeable = False
    doubled = np.repeat(np.repeat(sigma, 2, axis=1), 2, axis=2)[:, ::2, ::2]
    for other in (again, frozen, doubled, sigma.tolist()):
        assert np.abs(equal_risk(other) - expected).max() <= 1e-12
    assert equal_risk([[4, 0], [0, 1]]).round(9).tolist() == [0.333333333, 0.666666667]
    before = sigma.copy()
    equal_risk(sigma)
    assert np.array_equal(sigma, before)


def test_the_kernel_is_what_equal_risk_runs(monkeypatch):
    if not compiled.active():
        pytest.skip("numba is not installed")
    monkeypatch.setattr(risk_budgeting, "weights_by_numpy", None)
    assert equal_risk(np.eye(4)).tolist() == [0.25] * 4
    assert equal_risk(np.diag([1.0, 4.0]), [0.2, 0.8]).round(9).tolist() == [0.5, 0.5]


def test_kernels_call_each_other_with_and_without_numba(monkeypatch):
    made = budgets_kernel.source
    w = np.empty((1, 2))
    assert made(np.diag([1.0, 4.0])[None], np.empty((0, 0)), np.empty((0, 0)), False, w)
    assert w[0] == pytest.approx([2.0 / 3.0, 1.0 / 3.0], abs=1e-14)
