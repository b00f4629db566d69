"""The quick steps are hmmlearn's own steps."""

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio.forecasts import forward_backward
from proofolio.forecasts.expectation_maximisation import PRIOR, Parameters, ascend
from proofolio.forecasts.forward_backward import (
    Expectations,
    filtered,
    forward,
    log_densities,
    log_sum_exp,
)
from proofolio.forecasts.forward_backward import smoothed as smooth
from proofolio.forecasts.regime_kernels import walk


def random_start(seed, K, d):
    random = np.random.default_rng(seed)
    roots = random.standard_normal((K, d, d))
    return Parameters(
        random.dirichlet(np.ones(K)),
        random.dirichlet(np.ones(K), size=K),
        random.standard_normal((K, d)),
        roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(d),
    )


def hmmlearn_after(series, start, steps):
    K, d = start.means.shape
    model = GaussianHMM(
        K,
        "full",
        covars_prior=PRIOR * np.eye(d),
        n_iter=steps,
        tol=-np.inf,
        init_params="",
        implementation="log",
    )
    model.startprob_, model.transmat_ = start.initial, start.transition
    model.means_, model.covars_ = start.means, start.covariances
    model.n_features = d
    return model.fit(series) if steps else model


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3), st.integers(0, 6))
def test_every_step_is_hmmlearns(seed, K, d, steps):
    series = np.random.default_rng(seed + 1).standard_normal((150, d))
    start = random_start(seed, K, d)
    estimate, smoothed = ascend(series, start, steps, -np.inf)
    model = hmmlearn_after(series, start, steps)
    assert estimate.iterations == steps
    np.testing.assert_allclose(estimate.parameters.initial, model.startprob_, atol=1e-9)
    np.testing.assert_allclose(estimate.parameters.transition, model.transmat_, atol=1e-9)
    np.testing.assert_allclose(estimate.parameters.means, model.means_, atol=1e-8)
    np.testing.assert_allclose(estimate.parameters.covariances, model.covars_, atol=1e-8)
    # What is said about the days is said under the parameters given back, not those a step before.
    assert estimate.log_likelihood == pytest.approx(model.score(series), abs=1e-7)
    np.testing.assert_allclose(smoothed, model.predict_proba(series), atol=1e-8)
    np.testing.assert_allclose(estimate.shares, smoothed.mean(axis=0))


def test_the_likelihood_never_falls_and_the_end_is_a_maximum():
    random = np.random.default_rng(0)
    wild = np.repeat(random.integers(0, 2, 40), 25)
    series = random.standard_normal((1000, 2)) * np.where(wild, 2.0, 0.7)[:, None]
    start = random_start(1, 2, 2)
    likelihoods = [ascend(series, start, steps, -np.inf)[0].log_likelihood for steps in range(25)]
    assert (np.diff(likelihoods) > -1e-6).all()
    end, _ = ascend(series, start, 1000, 1e-9)
    assert end.converged
    shorter, _ = ascend(series, start, 3, 1e-9)
    assert not shorter.converged
    assert shorter.iterations == 3
    for step in random.standard_normal((20, 2, 2)) * 0.01:
        moved = Parameters(
            end.parameters.initial,
            end.parameters.transition,
            end.parameters.means + step,
            end.parameters.covariances,
        )
        assert ascend(series, moved, 0, 1e-9)[0].log_likelihood < end.log_likelihood


def test_a_day_a_hundred_deviations_away_is_taken_in():
    series = np.random.default_rng(0).standard_normal((300, 1))
    series[150] = 100.0
    start = random_start(0, 2, 1)
    estimate, smoothed = ascend(series, start, 0, 1e-4)
    assert estimate.log_likelihood == pytest.approx(hmmlearn_after(series, start, 0).score(series))
    np.testing.assert_allclose(smoothed.sum(axis=1), 1)


def test_a_broken_start_is_none():
    series = np.random.default_rng(0).standard_normal((100, 1))
    start = random_start(0, 2, 1)
    flat = Parameters(start.initial, start.transition, start.means, np.zeros((2, 1, 1)))
    assert ascend(series, flat, 10, 1e-4) is None
    nowhere = Parameters(start.initial, start.transition, start.means * np.nan, start.covariances)
    assert ascend(series, nowhere, 10, 1e-4) is None


@pytest.mark.parametrize("K", [1, 2, 3, 4])
@pytest.mark.parametrize("d", [1, 3, 10])
def test_a_window_of_two_thousand_days_is_hmmlearns_to_ten_digits(K, d):
    random = np.random.default_rng(100 * K + d)
    wild = np.repeat(random.integers(0, K, 40), 50)
    series = random.standard_normal((2000, d)) * (0.5 + wild)[:, None]
    start = random_start(K, K, d)
    estimate, smoothed = ascend(series, start, 2, -np.inf)
    model = hmmlearn_after(series, start, 2)
    log_likelihood, expected = model.score_samples(series)
    assert estimate.log_likelihood == pytest.approx(log_likelihood, rel=1e-10)
    np.testing.assert_allclose(smoothed, expected, atol=1e-10)
    np.testing.assert_allclose(estimate.parameters.transition, model.transmat_, atol=1e-10)
    np.testing.assert_allclose(estimate.parameters.covariances, model.covars_, rtol=1e-10, atol=1e-10)


def test_parts_of_the_window_and_logarithms_give_the_same(monkeypatch):
    random = np.random.default_rng(5)
    start = random_start(5, 4, 2)
    # every regime is far from the next, and no day says which one it is: the guesses are far off
    series = random.standard_normal((600, 2)) * np.repeat([0.3, 3.0, 0.3, 3.0], 150)[:, None]
    log_b = log_densities(series, start.means, start.covariances)
    whole = Expectations(600, 4)(start.initial, start.transition, log_b)
    cut = Expectations(600, 4)
    monkeypatch.setattr(forward_backward, "SAFE_RANGE", (1e-3, 1e3))
    parts = cut(start.initial, start.transition, log_b)
    assert cut._part < 600
    monkeypatch.setattr(forward_backward, "LEAST_PART", 1000)
    logarithms = Expectations(600, 4)(start.initial, start.transition, log_b)
    for found in (parts, logarithms):
        assert found.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(found.smoothed, whole.smoothed, atol=1e-11)
        np.testing.assert_allclose(found.transitions, whole.transitions, rtol=1e-9, atol=1e-9)


def both_ways(log_b, start):
    """Return the expectations by banded systems, and the kernel's: compiled where numba is, else as it stands."""
    T, K = log_b.shape
    smoothed, transitions = np.empty((T, K)), np.empty((K, K))
    nats = walk(start.initial, start.transition, log_b.copy(), smoothed, transitions)
    expected = Expectations(T, K)(start.initial, start.transition, log_b)
    if not np.isfinite(nats):  # left to the reference, but only where a regime has lost its weight for good
        with np.errstate(divide="ignore"):
            alpha = forward(np.log(start.initial), np.log(start.transition), log_b)
        assert start.transition.min() == 0.0
        assert (alpha - log_sum_exp(alpha, axis=1)[:, None]).min() < np.log(1e-290)
        return expected, tuple(expected)
    return expected, (nats, smoothed, transitions)


@pytest.mark.parametrize("seed", range(40))
def test_both_back_ends_agree_to_twelve_digits(seed):
    random = np.random.default_rng(seed)
    K, T, d = int(random.integers(1, 6)), int(random.integers(1, 200)), int(random.integers(1, 4))
    start = random_start(seed, K, d)
    if seed % 3 == 0 and K > 1:  # a step that is impossible
        start.transition[0, 1:] = 0.0
        start.transition[0, 0] = 1.0
    series = random.standard_normal((T, d)) * 10.0 ** random.integers(-1, 2)
    log_b = log_densities(series, start.means, start.covariances)
    expected, (nats, smoothed, transitions) = both_ways(log_b, start)
    assert nats == pytest.approx(expected.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(smoothed, expected.smoothed, atol=1e-12)
    np.testing.assert_allclose(transitions, expected.transitions, rtol=1e-12, atol=1e-12 * T)


def test_a_day_that_no_regime_can_explain_is_no_answer_of_the_kernel():
    start = random_start(1, 2, 1)
    log_b = np.zeros((5, 2))
    log_b[2] = -np.inf
    with np.errstate(invalid="ignore"):
        nats = walk(start.initial, start.transition, log_b, np.empty((5, 2)), np.empty((2, 2)))
    assert not np.isfinite(nats)


@pytest.mark.parametrize("K", [2, 3])
def test_a_regime_that_cannot_be_entered_keeps_a_weight_no_double_can_hold(K):
    # regime 0 is likelier by exp(-1000) on ten days, and then less likely by exp(1100) on ten others; none can be left
    log_b = np.zeros((20, K))
    log_b[:10, 1:] = -100.0
    log_b[10:, 0] = -110.0
    log_b[10:, 2:] = -1000.0
    initial, transition = np.full(K, 1 / K), np.eye(K)
    last, nats = filtered(initial, transition, log_b)
    np.testing.assert_allclose(last[-1], np.eye(K)[1], atol=1e-40)
    assert nats == pytest.approx(-1000.0 - np.log(K))
    np.testing.assert_allclose(smooth(initial, transition, log_b), np.eye(K)[[1] * 20], atol=1e-40)
    found = Expectations(20, K)(initial, transition, log_b)
    assert found.log_likelihood == pytest.approx(-1000.0 - np.log(K))
    np.testing.assert_allclose(found.transitions, 19.0 * np.eye(K) * np.eye(K)[1], atol=1e-10)
