"""The chain of regimes: what is refused, what it says of time, and how it is read from transition matrices."""

import warnings

import numpy as np
import pytest
from scipy.linalg import expm

import proofolio as pf

from .problems import G3

SLOW = [[-0.3, 0.2, 0.1], [0.4, -0.5, 0.1], [0.0, 0.6, -0.6]]


@pytest.mark.parametrize(
    ("generator", "sentence"),
    [
        ([[-1, 1, 0], [1, -2, 1], [0, 1.03, -1]], r"generator row 2 sums to 0\.03, not 0"),
        ([[0.1, -0.1], [1, -1]], r"G\[0,1\] = -0\.1: rates between regimes must be >= 0"),
        ([[-1, 1]], r"shape \(1, 2\); it must be \(m, m\)"),
        ([[-1, np.nan], [1, -1]], "generator holds NaN"),
        ([["a"]], "not an array of numbers"),
    ],
)
def test_what_is_no_generator_is_refused_in_a_sentence(generator, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.RegimeChain(generator)


def test_rounding_in_a_row_is_taken_out():
    chain = pf.RegimeChain([[-0.3, 0.1 + 0.2], [1.0, -1.0]])
    assert np.all(chain.generator.sum(axis=1) == 0)


def test_shares_and_lengths_are_those_of_the_published_generator():
    chain = pf.RegimeChain(G3)
    np.testing.assert_allclose(chain.mean_length, [5, 5, 5])  # the page says 5, 7, 5
    np.testing.assert_allclose(chain.stationary @ G3, 0, atol=1e-15)
    np.testing.assert_allclose(chain.stationary, [0.28571429, 0.42857143, 0.28571429], atol=1e-8)


def test_a_regime_that_is_never_left_lasts_for_ever():
    chain = pf.RegimeChain([[-1.0, 1.0], [0.0, 0.0]])
    assert chain.mean_length.tolist() == [1.0, np.inf]
    np.testing.assert_allclose(chain.stationary, [0, 1], atol=1e-12)
    apart = pf.RegimeChain([[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(pf.BadData, match="depend on the first regime"):
        _ = apart.stationary


def test_two_steps_are_one_twice_as_long():
    chain = pf.RegimeChain(SLOW)
    np.testing.assert_allclose(
        chain.transition(0.7) @ chain.transition(0.7), chain.transition(1.4), atol=1e-14
    )
    np.testing.assert_array_equal(chain.transition(0.0), np.eye(3))
    dt = 1e-6
    np.testing.assert_allclose((chain.transition(dt) - np.eye(3)) / dt, SLOW, atol=1e-5)
    with pytest.raises(pf.BadData, match="years, 0 or more"):
        chain.transition(-1.0)


def test_simulated_regimes_have_the_shares_and_switches_of_the_chain():
    chain = pf.RegimeChain(SLOW)
    paths = chain.simulate(400, 20.0, 52, seed=3)
    assert paths.shape == (400, 20 * 52 + 1)
    np.testing.assert_allclose(np.bincount(paths.ravel()) / paths.size, chain.stationary, atol=0.03)
    moved = np.zeros((3, 3))
    np.add.at(moved, (paths[:, :-1].ravel(), paths[:, 1:].ravel()), 1)
    P, stays = chain.transition(1 / 52), moved.sum(axis=1, keepdims=True)
    error = np.sqrt(P * (1 - P) / stays)
    assert np.all(np.abs(moved / stays - P) <= 4.5 * error + 1e-12)
    np.testing.assert_array_equal(paths, chain.simulate(400, 20.0, 52, seed=3))
    assert not np.array_equal(paths, chain.simulate(400, 20.0, 52, seed=4))
    assert np.all(chain.simulate(5, 1.0, 4, start=2)[:, 0] == 2)
    with pytest.raises(pf.BadData, match="numbered 0 to 2"):
        chain.simulate(5, 1.0, 4, start=3)


def test_the_logarithm_gives_a_chain_back():
    chain = pf.RegimeChain.from_transition(expm(np.array(SLOW) / 12), 12)
    assert chain.method == "logarithm"
    np.testing.assert_allclose(chain.generator, SLOW, atol=1e-12)
    assert chain.distance < 1e-14


def test_where_no_chain_has_this_period_the_nearest_rates_are_weighted():
    P = np.array(
        [[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.9]]
    )  # 0 -> 2 needs two switches, and has none
    chain = pf.RegimeChain.from_transition(P, 4)
    assert chain.method == "weighted"
    assert np.all(chain.generator - np.diag(np.diag(chain.generator)) >= 0)
    assert chain.distance == np.abs(expm(chain.generator / 4) - P).max()
    assert 1e-4 < chain.distance < 0.02
    # By hand: log P is circulant, a on the next regime and -e on the one after, so the row's lack is e.
    a = chain.generator[0, 1] / 4
    eigenvalue = np.log(0.9 + 0.1 * np.exp(2j * np.pi / 3))
    e = -np.real((0.0 + 2 * np.real(eigenvalue * np.exp(2j * np.pi * 2 / 3) ** -1)) / 3)
    full = np.real(2 * np.real(eigenvalue * np.exp(2j * np.pi / 3) ** -1) / 3)
    assert e > 0
    assert a == pytest.approx(full * (1 - e / ((full - e) + full)), rel=1e-10)


def test_a_matrix_with_a_negative_eigenvalue_is_weighted():
    chain = pf.RegimeChain.from_transition([[0.45, 0.55], [0.55, 0.45]], 4)
    assert chain.method == "weighted"
    assert np.isfinite(chain.generator).all()
    assert chain.distance > 0.01


@pytest.mark.parametrize(
    ("P", "sentence"),
    [
        ([[0.9, 0.1], [0.0, 1.0]], "regime 1 never leaves: its exit rate cannot be estimated"),
        ([[0.9, 0.2], [0.1, 0.9]], r"P row 0 sums to 1\.1, not 1"),
        ([[1.1, -0.1], [0.1, 0.9]], r"P\[0,1\] = -0\.1"),
        ([[0.5, 0.5], [0.5, 0.5]], "singular"),
        ([0.5, 0.5], "shape"),
    ],
)
def test_what_is_no_transition_matrix_is_refused(P, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.RegimeChain.from_transition(P, 252)


def test_few_switches_and_fast_regimes_are_said():
    P = expm(np.array(SLOW) / 12)
    counts = np.array([[0, 9, 3], [12, 0, 4], [0, 8, 0]])
    with pytest.warns(pf.DoubtfulEstimate, match=r"regime 2 was left 8 times .* about 35 %"):
        chain = pf.RegimeChain.from_transition(P, 12, switches=counts)
    assert chain.standard_error[0, 1] == pytest.approx(0.2 / 3)
    np.testing.assert_array_equal(chain.switches, counts)
    with pytest.warns(pf.DoubtfulEstimate, match=r"lasts 3\.78 days"):
        pf.RegimeChain.from_transition([[0.7, 0.3], [0.1, 0.9]], 252)


def test_a_fitted_model_gives_its_chain_and_its_switches():
    truth = pf.RegimeChain([[-4.0, 4.0], [6.0, -6.0]])
    path = truth.simulate(1, 40.0, 52, seed=1)[0]
    rng = np.random.default_rng(0)
    returns = np.where(path == 0, 0.01, -0.02) + np.where(path == 0, 0.01, 0.03) * rng.standard_normal(
        path.size
    )
    fit = pf.fit_regimes(returns, 2, seed=0, restarts=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain = pf.RegimeChain.from_hmm(fit, returns, periods_per_year=52)
    np.testing.assert_allclose(chain.transition(1 / 52), fit.transition, atol=2 * chain.distance + 1e-12)
    labels = fit.labels(returns)
    assert chain.switches[0, 1] == np.sum((labels[:-1] == 0) & (labels[1:] == 1))
    error = np.abs(chain.generator - truth.generator)
    assert np.all(error[[0, 1], [1, 0]] <= 4 * chain.standard_error[[0, 1], [1, 0]])
    with pytest.raises(pf.BadData, match="neither transition nor transmat_"):
        pf.RegimeChain.from_hmm(object())


def test_names_are_one_a_regime():
    chain = pf.RegimeChain(SLOW, names=["bull", "range", "bear"])
    assert "bull" in repr(chain)
    with pytest.raises(pf.BadData, match="3 different names"):
        pf.RegimeChain(SLOW, names=["a", "a", "b"])


def test_regimes_that_alternate_are_no_chain_in_continuous_time():
    with pytest.warns(
        pf.DoubtfulEstimate, match="off by up to 1; regimes that alternate need shorter periods"
    ):
        pf.RegimeChain.from_transition([[0.0, 1.0], [1.0, 0.0]], 12)


def test_times_and_seeds_that_are_none_are_refused_in_a_sentence():
    chain = pf.RegimeChain([[-1.0, 1.0], [3.0, -3.0]])
    for call, words in (
        (lambda: chain.transition("a"), "dt is not an array of numbers"),
        (lambda: chain.transition(-1.0), "dt is -1; give years, 0 or more"),
        (lambda: chain.simulate(2, "a", 12), "years is not an array of numbers"),
        (lambda: chain.simulate(2, 1, 0), "periods_per_year is 0; it must be a positive number"),
        (lambda: chain.simulate(2, 1, 12, -3), "seed is -3; it must be a whole number from 0"),
        (lambda: chain.simulate(10**9, 1000, 252), "GB and more: give fewer paths"),
        (
            lambda: pf.RegimeChain.from_transition([[0.9, 0.1], [0.1, 0.9]], "a"),
            "periods_per_year is not an array",
        ),
    ):
        with pytest.raises(pf.BadData, match=words):
            call()


def test_a_model_of_another_package_is_read_by_what_it_has():
    class Fitted:
        transmat_ = np.array([[0.99, 0.01], [0.02, 0.98]])

        def predict(self, X):
            assert X.ndim == 2  # what hmmlearn asks for
            return np.repeat([0, 1] * 12, 5)

    chain = pf.RegimeChain.from_hmm(Fitted(), np.zeros(120), periods_per_year=12)
    assert chain.switches.tolist() == [[0, 12], [11, 0]]

    class Silent:
        transmat_ = Fitted.transmat_

    with pytest.raises(pf.BadData, match="Silent does not say the regimes of returns"):
        pf.RegimeChain.from_hmm(Silent(), np.zeros(120))
    assert pf.RegimeChain.from_hmm(Silent(), periods_per_year=12).switches is None
