import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf as reference_ledoit_wolf

from proofolio.errors import BadData
from proofolio.forecasts import ewma, ledoit_wolf, sample
from proofolio.forecasts.covariance import estimate

ESTIMATORS = {"sample": sample, "ewma": lambda r, w=None: ewma(r, 5.0, w), "ledoit-wolf": ledoit_wolf}


def draw(seed, days, n):
    random = np.random.default_rng(seed)
    return 0.001 + 0.01 * random.standard_normal((days, n)) @ random.standard_normal((n, n))


def by_definition(returns, weights):
    """Mean and covariance as sums over the days."""
    weights = np.asarray(weights, float) / np.sum(weights)
    mean = sum(v * r for v, r in zip(weights, returns, strict=True))
    return mean, sum(v * np.outer(r - mean, r - mean) for v, r in zip(weights, returns, strict=True))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 5))
def test_moments_are_the_weighted_sums_they_are_said_to_be(seed, days, n):
    returns = draw(seed, days, n)
    weights = np.random.default_rng(seed + 1).uniform(size=days)
    for mine, weighing in (
        (sample(returns), np.ones(days)),
        (sample(returns, weights), weights),
        (ewma(returns, 3.0), [2 ** (-(days - 1 - t) / 3.0) for t in range(days)]),
        (ewma(returns, 3.0, weights), [weights[t] * 2 ** (-(days - 1 - t) / 3.0) for t in range(days)]),
    ):
        mean, covariance = by_definition(returns, weighing)
        np.testing.assert_allclose(mine[0], mean, atol=1e-15)
        np.testing.assert_allclose(mine[1], covariance, atol=1e-16)


@pytest.mark.parametrize(("days", "n"), [(10, 1), (15, 20), (60, 5), (500, 18)])
def test_ledoit_wolf_is_that_of_scikit_learn(days, n):
    returns = draw(3, days, n)
    mean, covariance = ledoit_wolf(returns)
    np.testing.assert_allclose(covariance, reference_ledoit_wolf(returns)[0], rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(mean, returns.mean(axis=0))
    if days < n:
        # The sample has no inverse; this one has.
        assert np.linalg.eigvalsh(sample(returns)[1])[0] < 1e-15
        assert np.linalg.eigvalsh(covariance)[0] > 1e-6


def test_days_of_weight_zero_are_as_if_not_there():
    returns = draw(0, 40, 3)
    weights = np.arange(40) % 3 == 0
    for kind in ("sample", "ledoit-wolf"):
        for mine, alone in zip(
            ESTIMATORS[kind](returns, weights), ESTIMATORS[kind](returns[weights]), strict=True
        ):
            np.testing.assert_allclose(mine, alone, atol=1e-17)


def test_a_regime_last_seen_ages_ago_keeps_its_moments():
    # 2^-3000 is no float; only the ratios of the weights matter.
    returns = draw(0, 3020, 2)
    weights = np.arange(3020) < 20
    recent = ewma(returns[:20], 1.0)
    for mine, expected in zip(ewma(returns, 1.0, weights), recent, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-17)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_covariances_are_symmetric_semidefinite_and_in_squared_units(kind):
    returns = draw(1, 25, 30)
    mean, covariance = ESTIMATORS[kind](returns)
    assert (covariance == covariance.T).all()
    assert np.linalg.eigvalsh(covariance)[0] > -1e-17
    percent_mean, percent = ESTIMATORS[kind](100 * returns)
    np.testing.assert_allclose(percent, 1e4 * covariance, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(percent_mean, 100 * mean)
    for named, direct in zip(estimate(kind, returns, 5.0), (mean, covariance), strict=True):
        np.testing.assert_array_equal(named, direct)


def test_what_cannot_be_estimated_is_refused():
    returns = draw(0, 5, 2)
    with pytest.raises(BadData, match="covariance is 'oracle'"):
        estimate("oracle", returns, 5.0)
    with pytest.raises(BadData, match="half_life is 0"):
        ewma(returns, 0.0)
    with pytest.raises(BadData, match="row 2, column 1 is nan"):
        sample(np.where(np.arange(10).reshape(5, 2) == 3, np.nan, returns))
    with pytest.raises(BadData, match="one weight for each of 5 rows"):
        sample(returns, [1.0])
    for weights in ([0] * 5, [1, 1, 1, 1, -1], [1, 1, 1, 1, np.nan]):
        with pytest.raises(BadData, match="must not be negative"):
            ledoit_wolf(returns, weights)
    with pytest.raises(BadData, match="shape"):
        sample(returns[:, 0])
