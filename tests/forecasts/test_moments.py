import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from proofolio.errors import BadData
from proofolio.forecasts import forecast_probabilities, mixed_moments, regime_moments


def sample(days=400, assets=3, regimes=2, seed=0):
    random = np.random.default_rng(seed)
    returns = 0.01 * random.standard_normal((days, assets)) @ random.standard_normal((assets, assets))
    return returns, random.integers(regimes, size=days)


def test_labels_give_the_moments_of_the_days_they_choose():
    returns, labels = sample()
    means, covariances = regime_moments(returns, labels)
    for k in range(2):
        np.testing.assert_allclose(means[k], returns[labels == k].mean(axis=0))
        np.testing.assert_allclose(covariances[k], np.cov(returns[labels == k].T, bias=True))


def test_certain_probabilities_are_labels():
    returns, labels = sample()
    for hard, soft in zip(
        regime_moments(returns, labels), regime_moments(pd.DataFrame(returns), np.eye(2)[labels]), strict=True
    ):
        np.testing.assert_allclose(hard, soft)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.floats(0, 500))
def test_mixing_the_regimes_gives_back_the_whole_sample(seed, K, n, shrink):
    random = np.random.default_rng(seed)
    returns = 0.02 * random.standard_normal((200, n)) + 0.001
    weights = random.dirichlet(np.full(K, 2.0), size=200)
    means, covariances = regime_moments(returns, weights, shrink=shrink)
    # `shrink` days of the whole sample were added to every regime.
    q = (weights.sum(axis=0) + shrink) / (200 + K * shrink)
    mean, covariance = mixed_moments(q, means, covariances)
    np.testing.assert_allclose(mean, returns.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(returns.T, bias=True).reshape(n, n), atol=1e-12)
    assert (covariances == covariances.transpose(0, 2, 1)).all()
    assert np.linalg.eigvalsh(covariances).min() > -1e-15


def test_shrinkage_moves_from_the_regime_to_the_whole_sample():
    returns, labels = sample()
    pooled_mean, pooled = returns.mean(axis=0), np.cov(returns.T, bias=True)
    own, _ = regime_moments(returns, labels)
    half, _ = regime_moments(returns, labels, shrink=float((labels == 0).sum()))
    np.testing.assert_allclose(half[0], (own[0] + pooled_mean) / 2)
    means, covariances = regime_moments(returns, labels, shrink=1e12)
    np.testing.assert_allclose(means, [pooled_mean, pooled_mean], atol=1e-10)
    np.testing.assert_allclose(covariances, [pooled, pooled], atol=1e-10)


def test_an_empty_regime_takes_the_moments_of_the_whole_sample():
    returns, labels = sample()
    means, covariances = regime_moments(returns, labels, regimes=3, shrink=10)
    np.testing.assert_allclose(means[2], returns.mean(axis=0))
    np.testing.assert_allclose(covariances[2], np.cov(returns.T, bias=True))


def test_a_regime_with_too_few_days_is_named():
    returns, _ = sample()
    labels = np.zeros(400, dtype=int)
    labels[[5, 50]] = 1
    with pytest.raises(BadData, match=r"regime 1 has 2 periods.*3 assets needs 4.*shrink=4"):
        regime_moments(returns, labels)
    assert np.linalg.eigvalsh(regime_moments(returns, labels, shrink=4)[1]).min() > 0


def test_probabilities_count_as_many_days_as_they_are_worth():
    returns, _ = sample()
    weights = np.full((400, 2), [1 - 1e-6, 1e-6])
    weights[:2] = [0.0, 1.0]
    with pytest.raises(BadData, match="regime 1 has 2"):
        regime_moments(returns, weights)
    # The same two days in all, spread evenly, rest on 400 days.
    even = np.full((400, 2), [0.995, 0.005])
    np.testing.assert_allclose(regime_moments(returns, even)[1][1], np.cov(returns.T, bias=True))


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (np.zeros(399, int), {}, "399.*400 labels"),
        (np.full(400, 0.5), {}, "integers from 0"),
        (np.full(400, -1), {}, "integers from 0"),
        (np.full(400, 2), {"regimes": 2}, "label 2 is outside the 2 regimes"),
        (np.full((400, 2), 0.6), {}, "row 1 of the probabilities"),
        (np.full((400, 2), 0.5), {"regimes": 3}, "2 columns but regimes is 3"),
        (np.full((400, 2), 0.5), {"shrink": -1.0}, "shrink is -1"),
        (np.full((400, 2), np.nan), {}, "row 1 of the probabilities"),
    ],
)
def test_wrong_weights_are_refused(weights, options, message):
    with pytest.raises(BadData, match=message):
        regime_moments(sample()[0], weights, **options)


def test_a_missing_return_is_named():
    returns, labels = sample()
    frame = pd.DataFrame(returns, columns=["SPY", "TLT", "GLD"])
    frame.iloc[9, 1] = np.nan
    with pytest.raises(BadData, match="'TLT', row 10"):
        regime_moments(frame, labels)
    with pytest.raises(BadData, match="one row a period"):
        regime_moments(returns[:, 0], labels)


def test_forecast_of_two_regimes_is_the_scalar_recursion():
    p_nn, p_cc, q = 0.98, 0.9, 0.7
    ahead = forecast_probabilities([q, 1 - q], [[p_nn, 1 - p_nn], [1 - p_cc, p_cc]], 30)
    for row in ahead:
        q = q * p_nn + (1 - q) * (1 - p_cc)
        np.testing.assert_allclose(row, [q, 1 - q])


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 40))
def test_forecast_is_a_power_of_the_transition_matrix(seed, K, H):
    random = np.random.default_rng(seed)
    transition, q = random.dirichlet(np.ones(K), size=K), random.dirichlet(np.ones(K))
    ahead = forecast_probabilities(q, transition, H)
    assert ahead.shape == (H, K)
    np.testing.assert_allclose(ahead[-1], q @ np.linalg.matrix_power(transition, H))
    np.testing.assert_allclose(ahead.sum(axis=1), 1)


@given(
    arrays(float, (2,), elements=st.floats(-0.1, 0.1)), st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.1)
)
def test_mixture_of_two_has_its_textbook_variance(mu, p, s0, s1):
    mean, covariance = mixed_moments([p, 1 - p], mu[:, None], np.array([s0, s1]).reshape(2, 1, 1))
    assert mean[0] == pytest.approx(p * mu[0] + (1 - p) * mu[1], abs=1e-15)
    # Second moment less squared mean, the other way to compute it.
    second = p * (s0 + mu[0] ** 2) + (1 - p) * (s1 + mu[1] ** 2)
    assert covariance[0, 0] == pytest.approx(second - mean[0] ** 2, abs=1e-15)


def test_mixing_many_periods_is_mixing_each():
    random = np.random.default_rng(1)
    means = random.standard_normal((3, 4))
    roots = random.standard_normal((3, 4, 4))
    covariances = roots @ roots.transpose(0, 2, 1)
    q = random.dirichlet(np.ones(3), size=6)
    together = mixed_moments(q, means, covariances)
    for h in range(6):
        alone = mixed_moments(q[h], means, covariances)
        np.testing.assert_allclose(together[0][h], alone[0])
        np.testing.assert_allclose(together[1][h], alone[1])
        assert (alone[1] == alone[1].T).all()


def test_certainty_of_a_regime_is_its_own_moments():
    means, covariances = regime_moments(*sample())
    mean, covariance = mixed_moments([0.0, 1.0], means, covariances)
    np.testing.assert_allclose(mean, means[1])
    np.testing.assert_allclose(covariance, covariances[1])


def test_wrong_probabilities_and_shapes_are_refused():
    transition = np.eye(2)
    with pytest.raises(BadData, match="row 1 of q"):
        forecast_probabilities([0.5, 0.6], transition, 1)
    with pytest.raises(BadData, match="row 2 of transition"):
        forecast_probabilities([0.5, 0.5], [[1, 0], [0, 0.5]], 1)
    with pytest.raises(BadData, match="H is 0"):
        forecast_probabilities([0.5, 0.5], transition, 0)
    with pytest.raises(BadData, match="give \\(K,\\) and"):
        forecast_probabilities([1.0], transition, 1)
    with pytest.raises(BadData, match="row 1 of q"):
        mixed_moments([0.5, 0.4], np.zeros((2, 1)), np.zeros((2, 1, 1)))
    with pytest.raises(BadData, match="shapes"):
        mixed_moments([0.5, 0.5], np.zeros((2, 3)), np.zeros((2, 1, 1)))
