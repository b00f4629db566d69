"""Entropy pooling, against a conic solver, closed forms and its conditions of optimality."""

import numpy as np
import pytest

import proofolio as pf

RNG = np.random.default_rng(0)
X = 0.01 * RNG.standard_normal((400, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 1]])


def test_a_mean_view_is_met_and_the_answer_is_an_exponential_tilt():
    found = pf.entropy_pooling(X, [[1, -1, 0]], [1e-3])
    assert found.mean[0] - found.mean[1] == pytest.approx(1e-3, abs=1e-12)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-12)
    tilt = np.exp(found.multipliers[0] * (X[:, 0] - X[:, 1]))
    np.testing.assert_allclose(found.probabilities, tilt / tilt.sum(), rtol=1e-8)
    assert 0 < found.relative_entropy
    assert found.effective == pytest.approx(400 * np.exp(-found.relative_entropy), rel=1e-9)


def test_a_conic_solver_finds_the_same():
    cp = pytest.importorskip("cvxpy")
    columns = np.column_stack([X, (X[:, 0] - X[:, 0].mean()) ** 2, X[:, 1] <= -0.01])
    A = np.array([[1, -1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]], dtype=float)
    b = np.array([1e-3, columns[:, 3].mean() * 1.3, 0.3, -1.0])
    senses = ["=", ">=", "<=", ">="]
    found = pf.entropy_pooling(columns, A, b, senses)
    q = cp.Variable(400)
    scaled = A / np.array([[1e-2], [1e-4], [1.0], [1.0]])
    target = b / [1e-2, 1e-4, 1.0, 1.0]
    means = scaled @ (columns.T @ q)
    rows = [cp.sum(q) == 1, means[0] == target[0], means[1] >= target[1], means[2] <= target[2]]
    problem = cp.Problem(cp.Minimize(cp.sum(cp.kl_div(q, np.full(400, 1 / 400)))), rows)
    problem.solve(solver="CLARABEL")
    assert found.relative_entropy == pytest.approx(float(problem.value), abs=1e-7)
    np.testing.assert_allclose(found.probabilities, q.value, atol=1e-6)
    assert found.multipliers[1] > 0  # binds
    assert found.multipliers[3] == 0  # is slack


def test_of_two_scenarios_and_an_inequality_that_holds_already():
    coin = [[0.0], [1.0]]
    assert pf.entropy_pooling(coin, [[1.0]], [0.3]).probabilities == pytest.approx([0.7, 0.3], abs=1e-12)
    assert pf.entropy_pooling(coin, [[1.0]], [1.0]).effective == pytest.approx(
        1.0
    )  # the edge of what is allowed
    slack = pf.entropy_pooling(coin, [[1.0]], [0.3], ">=")
    assert slack.probabilities == pytest.approx([0.5, 0.5], abs=1e-12)
    assert slack.multipliers[0] == 0
    binding = pf.entropy_pooling(coin, [[1.0]], [0.3], "<=", prior=[0.2, 0.8])
    assert binding.probabilities == pytest.approx([0.7, 0.3], abs=1e-12)


def test_confidences_mix_opinions():
    full, prior = pf.entropy_pooling(X, [[1, 0, 0]], [2e-3]), np.full(400, 1 / 400)
    half = pf.entropy_pooling(X, [[1, 0, 0]], [2e-3], confidence=0.5)
    np.testing.assert_allclose(half.probabilities, 0.5 * (full.probabilities + prior), atol=1e-12)
    assert half.mean[0] == pytest.approx(0.5 * (2e-3 + X[:, 0].mean()))
    two = [[1, 0, 0], [0, 0, 1]]
    several = pf.entropy_pooling(X, two, [2e-3, 1e-3], confidence=[0.25, 0.75])
    both, second = pf.entropy_pooling(X, two, [2e-3, 1e-3]), pf.entropy_pooling(X, two[1:], [1e-3])
    expected = 0.25 * prior + 0.25 * both.probabilities + 0.5 * second.probabilities
    np.testing.assert_allclose(several.probabilities, expected, atol=1e-10)
    nothing = pf.entropy_pooling(X, two, [2e-3, 1e-3], confidence=0.0)
    np.testing.assert_allclose(nothing.probabilities, prior)


@pytest.mark.parametrize(
    ("rows", "values", "sense", "sentence"),
    [
        ([[1, 0, 0]], [1.0], "=", "satisfy view 1: no scenario reaches its value"),
        ([[1, 0, 0], [1, 0, 0]], [1e-3, 2e-3], ["<=", ">="], "the views contradict one another"),
        ([[1, 0]], [1.0], "=", "give .T, n., .m, n., .m,."),
        ([[1, 0, 0]], [np.nan], "=", "missing or infinite"),
        ([[1, 0, 0]], [1e-3], "==", "give '=', '<=' or '>='"),
    ],
)
def test_what_cannot_be_met_or_meant_is_refused(rows, values, sense, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.entropy_pooling(X, rows, values, sense)


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(pf.BadData, match="give shares from 0 to 1"):
        pf.entropy_pooling(X, [[1, 0, 0]], [0.0], confidence=2.0)
    with pytest.raises(pf.BadData, match="prior must hold one probability"):
        pf.entropy_pooling(X, [[1, 0, 0]], [0.0], prior=[1.0])
