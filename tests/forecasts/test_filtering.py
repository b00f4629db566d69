"""Filtered and smoothed probabilities mean what Bayes' rule says over all paths of regimes."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from proofolio.errors import BadData
from proofolio.forecasts import RegimeFit, load_market, simple_returns


def model(initial, transition, means, covariances):
    initial, means = np.asarray(initial, float), np.asarray(means, float)
    K, d = means.shape
    return RegimeFit(
        initial=initial,
        transition=np.asarray(transition, float),
        means=means,
        covariances=np.asarray(covariances, float),
        log_likelihood=np.nan,
        converged=True,
        iterations=0,
        order_by="volatility",
        names=tuple(f"series {i + 1}" for i in range(d)),
        shares=np.full(K, 1 / K),
        collapsed=False,
        cold=True,
    )


def random_model(random, K, d, *, zeros=False):
    roots = random.standard_normal((K, d, d)) * 0.01
    covariances = roots @ roots.transpose(0, 2, 1) + 1e-5 * np.eye(d)
    initial = random.dirichlet(np.ones(K))
    transition = random.dirichlet(np.ones(K), size=K)
    if zeros and K > 1:
        # Every regime can be left only upwards, and the first day is in regime 0.
        transition = np.triu(transition)
        transition /= transition.sum(axis=1, keepdims=True)
        initial = np.eye(K)[0]
    return model(initial, transition, random.standard_normal((K, d)) * 0.01, covariances)


def joint_of_paths(fit, returns):
    """Yield every path of regimes with its joint density with the returns."""
    K = len(fit.initial)
    normals = [multivariate_normal(m, c) for m, c in zip(fit.means, fit.covariances, strict=True)]
    for path in itertools.product(range(K), repeat=len(returns)):
        density = fit.initial[path[0]]
        for yesterday, today in itertools.pairwise(path):
            density *= fit.transition[yesterday, today]
        for k, row in zip(path, returns, strict=True):
            density *= normals[k].pdf(row)
        yield path, density


def marginal(fit, returns, day):
    weights = np.zeros(len(fit.initial))
    for path, density in joint_of_paths(fit, returns):
        weights[path[day]] += density
    return weights / weights.sum()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.booleans())
def test_probabilities_are_those_of_all_paths_enumerated(seed, K, d, days, zeros):
    random = np.random.default_rng(seed)
    fit = random_model(random, K, d, zeros=zeros)
    returns = random.standard_normal((days, d)) * 0.01
    filtered, smoothed = fit.filtered_probabilities(returns), fit.smoothed_probabilities(returns)
    for day in range(days):
        np.testing.assert_allclose(filtered[day], marginal(fit, returns[: day + 1], day), atol=1e-12)
        np.testing.assert_allclose(smoothed[day], marginal(fit, returns, day), atol=1e-12)
    total = sum(density for _, density in joint_of_paths(fit, returns))
    assert fit.score(returns) == pytest.approx(np.log(total))


@pytest.fixture(scope="module")
def market():
    return simple_returns(load_market()).to_numpy()[-1500:, None]


@pytest.fixture(scope="module")
def calm_and_wild():
    return model([0.6, 0.4], [[0.99, 0.01], [0.03, 0.97]], [[0.0007], [-0.001]], [[[0.007**2]], [[0.02**2]]])


def test_filtered_is_the_last_row_of_what_hmmlearn_smooths(market, calm_and_wild):
    reference = GaussianHMM(2, "full", init_params="")
    reference.startprob_, reference.transmat_ = calm_and_wild.initial, calm_and_wild.transition
    reference.means_, reference.covars_ = calm_and_wild.means, calm_and_wild.covariances
    filtered = calm_and_wild.filtered_probabilities(market)
    for prefix in (1, 2, 3, 17, 256, 257, 1000, 1500):
        expected = reference.predict_proba(market[:prefix])
        np.testing.assert_allclose(filtered[prefix - 1], expected[-1], atol=1e-9)
    np.testing.assert_allclose(calm_and_wild.smoothed_probabilities(market), expected, atol=1e-9)
    assert calm_and_wild.score(market) == pytest.approx(reference.score(market))
    # The difference that makes smoothed probabilities a look ahead.
    assert np.abs(filtered - expected).max() > 0.5


def test_filtering_does_not_see_the_future(market, calm_and_wild):
    shuffled = market.copy()
    np.random.default_rng(0).shuffle(shuffled[700:])
    before, after = (calm_and_wild.filtered_probabilities(r) for r in (market, shuffled))
    np.testing.assert_allclose(before[:700], after[:700], atol=1e-13)
    assert np.abs(before[700:] - after[700:]).max() > 0.1


def test_probabilities_survive_a_return_of_a_hundred_standard_deviations(market, calm_and_wild):
    crash = market.copy()
    crash[500] = -2.0
    for probabilities in (
        calm_and_wild.filtered_probabilities(crash),
        calm_and_wild.smoothed_probabilities(crash),
    ):
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
        assert probabilities[500, 1] == 1


def test_a_regime_that_cannot_be_left_is_kept_however_unlikely():
    trapped = model([1, 0], np.eye(2), [[0.0], [0.5]], [[[1e-6]], [[1e-6]]])
    returns = np.full((200, 1), 0.5)
    assert trapped.filtered_probabilities(returns)[:, 0].tolist() == [1.0] * 200
    assert trapped.labels(returns).tolist() == [0] * 200


def test_labels_are_the_likelier_regime(market, calm_and_wild):
    labels = calm_and_wild.labels(market)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels == 1, calm_and_wild.smoothed_probabilities(market)[:, 1] > 0.5)


def test_series_and_columns_are_taken_by_name(calm_and_wild, market):
    named = pd.Series(market[:, 0], name="SP500")
    np.testing.assert_array_equal(
        calm_and_wild.filtered_probabilities(named), calm_and_wild.filtered_probabilities(market)
    )
    with pytest.raises(BadData, match="fitted on series 1 but the returns are SP500"):
        calm_and_wild.filtered_probabilities(named.to_frame())
    with pytest.raises(BadData, match="series 1, series 2"):
        calm_and_wild.labels(np.zeros((3, 2)))
    with pytest.raises(BadData, match=r"1 returns are missing.*series 1, row 4"):
        calm_and_wild.smoothed_probabilities(np.where(np.arange(9) == 3, np.nan, 0.0))
