"""The steps of expectation maximisation against formulas written out."""

import numpy as np
import pytest
from scipy.stats import norm

from proofolio.forecasts.expectation_maximisation import (
    PRIOR,
    Parameters,
    _moved,
    ascend,
)
from proofolio.forecasts.forward_backward import log_densities


def test_the_density_of_one_series_is_that_of_a_normal():
    rng = np.random.default_rng(0)
    x, means, variances = rng.standard_normal((40, 1)), np.array([[0.3], [-0.2]]), np.array([0.4, 2.5])
    found = log_densities(x, means, variances[:, None, None])
    expected = np.stack(
        [norm.logpdf(x[:, 0], m[0], np.sqrt(v)) for m, v in zip(means, variances, strict=True)], axis=1
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan])
def test_a_variance_that_is_none_ends_a_run_of_one_series(variance):
    x = np.random.default_rng(0).standard_normal((40, 1))
    broken = Parameters(np.full(2, 0.5), np.full((2, 2), 0.5), np.zeros((2, 1)), np.full((2, 1, 1), variance))
    assert ascend(x, broken, 5, 1e-4) is None


@pytest.mark.parametrize("d", [1, 2])
def test_new_parameters_are_weighted_moments(d):
    rng = np.random.default_rng(1)
    x, transitions = rng.standard_normal((50, d)), np.array([[30.0, 2.0], [1.0, 16.0]])
    smoothed = rng.dirichlet(np.ones(2), 50)
    found = _moved(x, smoothed, transitions)
    for k in range(2):
        weights, days = smoothed[:, k], smoothed[:, k].sum()
        mean = weights @ x / days
        away = x - mean
        np.testing.assert_allclose(found.means[k], mean, rtol=1e-12)
        expected = (away.T * weights) @ away / days + PRIOR / days * np.eye(d)
        np.testing.assert_allclose(found.covariances[k], expected, rtol=1e-12)
    np.testing.assert_allclose(
        found.transition, transitions / transitions.sum(axis=1, keepdims=True), rtol=1e-15
    )
