import dataclasses
import time
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

import proofolio as pf
from proofolio.errors import BadData
from proofolio.forecasts import fit_regimes, load_market, load_prices, regime_moments, simple_returns

YEAR = 252


def simulate(days=3000, seed=0, means=((0.0006, 0.0002), (-0.001, 0.0001)), stay=(0.99, 0.97)):
    """Simulate a stock and a bond, volatility 11 / 30 % and 3.5 / 10.5 % a year."""
    random = np.random.default_rng(seed)
    volatility = np.array([[0.11, 0.035], [0.30, 0.105]]) / np.sqrt(YEAR)
    correlation = np.array([[[1, 0.3], [0.3, 1]], [[1, -0.4], [-0.4, 1]]])
    covariances = correlation * volatility[:, :, None] * volatility[:, None, :]
    regimes = np.zeros(days, dtype=int)
    for t in range(1, days):
        last = regimes[t - 1]
        regimes[t] = last if random.random() < stay[last] else 1 - last
    draws = [random.multivariate_normal(m, c, size=days) for m, c in zip(means, covariances, strict=True)]
    returns = np.where(regimes[:, None] == 0, draws[0], draws[1])
    return pd.DataFrame(returns, columns=["stock", "bond"]), regimes, covariances


def yearly(fit):
    """Volatility by regime and series, in percent a year."""
    return 100 * np.sqrt(YEAR * np.diagonal(fit.covariances, axis1=1, axis2=2))


@pytest.fixture(scope="module")
def planted():
    return simulate()


@pytest.fixture(scope="module")
def fit(planted):
    return fit_regimes(planted[0])


@pytest.fixture(scope="module")
def market():
    return simple_returns(load_market())


def test_planted_regimes_are_recovered(planted, fit):
    returns, regimes, covariances = planted
    assert (fit.labels(returns) == regimes).mean() > 0.97
    np.testing.assert_allclose(np.diagonal(fit.transition), [0.99, 0.97], atol=0.01)
    np.testing.assert_allclose(yearly(fit), [[11, 3.5], [30, 10.5]], rtol=0.08)
    np.testing.assert_allclose(fit.covariances, covariances, atol=6e-5)
    np.testing.assert_allclose(fit.means, [[0.0006, 0.0002], [-0.001, 0.0001]], atol=0.0013)
    np.testing.assert_allclose(fit.shares, np.bincount(regimes) / 3000, atol=0.02)
    np.testing.assert_allclose(fit.transition.sum(axis=1), 1)
    assert fit.initial.sum() == pytest.approx(1)
    assert fit.converged
    assert fit.cold
    assert not fit.collapsed
    assert fit.names == ("stock", "bond")


def test_the_likelihood_is_that_of_the_parameters_given_back(planted, fit):
    assert fit.score(planted[0]) == pytest.approx(fit.log_likelihood, abs=1e-6)


def test_the_likelihood_is_no_less_than_that_of_the_truth(planted, fit):
    returns, _, covariances = planted
    truth = dataclasses.replace(
        fit,
        initial=np.array([1.0, 0.0]),
        transition=np.array([[0.99, 0.01], [0.03, 0.97]]),
        means=np.array([[0.0006, 0.0002], [-0.001, 0.0001]]),
        covariances=covariances,
    )
    assert fit.log_likelihood > truth.score(returns)


def test_hmmlearn_with_its_own_prior_ruins_decimals_and_this_fit_does_not(planted, fit):
    returns = planted[0].to_numpy()
    spoilt = GaussianHMM(2, "full", n_iter=500, tol=1e-4, random_state=0).fit(returns)
    volatility = 100 * np.sqrt(YEAR * np.diagonal(spoilt.covars_, axis1=1, axis2=2))
    assert volatility[:, 1].min() > 1.2 * 3.5
    assert yearly(fit)[0, 1] == pytest.approx(3.5, rel=0.05)


@cache
def in_decimals():
    returns, _, _ = simulate(days=800)
    return returns, fit_regimes(returns, restarts=2)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from([1e-4, 0.01, 3.0, 100.0, 1e4]), st.sampled_from([0.01, 1.0, 50.0]))
def test_units_do_not_matter(a, b):
    returns, decimal = in_decimals()
    scaled = fit_regimes(returns * [a, b], restarts=2)
    np.testing.assert_allclose(scaled.transition, decimal.transition, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(scaled.means, decimal.means * [a, b], rtol=1e-4)
    np.testing.assert_allclose(scaled.covariances, decimal.covariances * np.outer([a, b], [a, b]), rtol=1e-4)
    assert scaled.log_likelihood == pytest.approx(decimal.log_likelihood - 800 * np.log(a * b), abs=1e-3)


def test_the_same_seed_gives_the_same_fit_and_other_seeds_the_same_regimes(planted, fit):
    again = fit_regimes(planted[0])
    assert again.log_likelihood == fit.log_likelihood
    for seed in (1, 2):
        other = fit_regimes(planted[0], seed=seed)
        np.testing.assert_allclose(other.means, fit.means, atol=1e-5)
        assert (other.labels(planted[0]) == fit.labels(planted[0])).mean() > 0.999


def test_regimes_are_numbered_by_volatility_calm_first(market):
    fit = fit_regimes(market, 3)
    assert (np.diff(fit.covariances[:, 0, 0]) > 0).all()
    assert fit.order_by == "volatility"


def test_regimes_are_numbered_by_mean_highest_first():
    # The wilder regime is the one with the higher mean here, so the two rules disagree.
    returns, _, _ = simulate(means=((-0.001, 0.0), (0.004, 0.0)))
    by_mean = fit_regimes(returns, order_by="mean")
    by_volatility = fit_regimes(returns, order_by="volatility")
    assert by_mean.means[0, 0] > by_mean.means[1, 0]
    np.testing.assert_allclose(by_mean.means, by_volatility.means[::-1])
    np.testing.assert_allclose(by_mean.transition, by_volatility.transition[::-1, ::-1])
    np.testing.assert_array_equal(by_mean.labels(returns), 1 - by_volatility.labels(returns))


def swapped(fit):
    return dataclasses.replace(
        fit,
        initial=fit.initial[::-1],
        transition=fit.transition[::-1, ::-1],
        means=fit.means[::-1],
        covariances=fit.covariances[::-1],
    )


def test_a_start_with_the_regimes_exchanged_does_not_exchange_the_labels(planted, fit):
    warm = fit_regimes(planted[0], start=swapped(fit))
    np.testing.assert_allclose(warm.means, fit.means, atol=1e-5)
    np.testing.assert_array_equal(warm.labels(planted[0]), fit.labels(planted[0]))


def test_labels_do_not_flip_from_one_daily_refit_to_the_next(market):
    last, previous = None, None
    for day in range(40):
        window = market.iloc[4000 + day : 6000 + day]
        last = fit_regimes(window, start=last, seed=day)
        labels = pd.Series(last.labels(window), index=window.index)
        if previous is not None:
            both = labels.index.intersection(previous.index)
            assert (labels[both] == previous[both]).mean() > 0.97
        previous = labels


def test_a_search_ends_within_its_limit_and_says_so(market):
    started = time.monotonic()
    with pytest.warns(pf.DoubtfulEstimate, match=r"8 regimes on .*cut short by its limit of 0\.5 s"):
        short = fit_regimes(market, 8, time_limit=0.5)
    assert time.monotonic() - started < 10  # a step takes a tenth of a second; all starts, half a minute
    assert not short.converged
    np.testing.assert_allclose(short.transition.sum(axis=1), 1)
    assert np.isfinite(short.log_likelihood)


def test_a_limit_that_is_not_reached_changes_nothing_and_progress_is_told(planted, fit):
    heard = []
    same = fit_regimes(planted[0], time_limit=1e4, progress=lambda *news: heard.append(news))
    np.testing.assert_array_equal(same.means, fit.means)
    assert same.log_likelihood == fit.log_likelihood
    assert heard == [("starts of 2 regimes", k, 5) for k in range(1, 6)]
    with pytest.raises(BadData, match="time_limit is 0"):
        fit_regimes(planted[0], time_limit=0)


def test_a_warm_start_finds_the_cold_likelihood_in_fewer_steps(market):
    yesterday, today = market.iloc[4000:6000], market.iloc[4001:6001]
    cold = fit_regimes(today)
    warm = fit_regimes(today, start=fit_regimes(yesterday))
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=0.05)
    assert warm.iterations < cold.iterations
    assert not warm.cold


def test_a_warm_start_leaves_probabilities_that_were_zero(planted, fit):
    returns, _, _ = planted
    stuck = dataclasses.replace(
        fit, initial=np.array([0.0, 1.0]), transition=np.array([[1.0, 0.0], [0.5, 0.5]])
    )
    warm = fit_regimes(returns, start=stuck)
    assert not warm.cold
    np.testing.assert_allclose(warm.transition, fit.transition, atol=1e-3)
    assert warm.initial[0] > 0.9


@pytest.fixture(scope="module")
def with_outliers(planted):
    """Six days of the stock near 15 % in a row: a regime of 0.2 % of the days is likelier than a real one."""
    returns = planted[0].copy()
    returns.iloc[1000:1006, 0] = 0.15 * np.linspace(0.97, 1.03, 6)
    return returns


def test_a_start_that_collapses_is_repaired_cold(with_outliers, fit):
    on_outliers = dataclasses.replace(
        fit,
        means=np.array([[0.0, 0.0], [0.15, 0.0]]),
        covariances=np.stack([fit.covariances[1], 1e-5 * np.eye(2)]),
        shares=np.array([0.998, 0.002]),
    )
    repaired = fit_regimes(with_outliers, start=on_outliers)
    assert repaired.cold
    assert not repaired.collapsed
    assert repaired.shares.min() > 0.2
    assert repaired.log_likelihood == fit_regimes(with_outliers).log_likelihood


def test_a_start_far_from_all_days_is_repaired_cold(planted, fit):
    lost = dataclasses.replace(fit, means=np.add(fit.means, [[0.0, 0.0], [9.0, 9.0]]))
    repaired = fit_regimes(planted[0], start=lost)
    assert repaired.cold
    assert repaired.log_likelihood == fit.log_likelihood


def test_a_real_regime_is_preferred_to_a_likelier_handful_of_outliers(with_outliers):
    assert fit_regimes(with_outliers, 3).shares.min() > 0.01


@pytest.mark.parametrize("factor", [0.01, 30, 100])
def test_a_start_in_other_units_does_no_harm(planted, fit, factor):
    other = fit_regimes(factor * planted[0], start=fit)
    assert other.cold
    np.testing.assert_allclose(other.means, factor * fit.means, rtol=1e-3)


def test_a_day_impossible_under_the_start_is_taken_in(planted, fit):
    # 47 standard deviations even of the wild regime: its density underflows.
    returns = planted[0].copy()
    returns.iloc[-1, 0] = -0.9
    warm = fit_regimes(returns, start=fit)
    assert not warm.cold
    assert warm.score(returns) == pytest.approx(warm.log_likelihood, abs=1e-6)


def test_a_collapse_that_cannot_be_repaired_is_reported():
    # One regime in truth, and four days far away from it.
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    returns[[100, 101, 102, 103]] = [0.9, 0.95, 1.0, 1.05]
    fit = fit_regimes(returns)
    assert fit.collapsed
    assert fit.shares.min() == pytest.approx(0.004, abs=1e-3)


def test_a_run_of_repeated_prices_does_not_become_a_regime(planted):
    returns = planted[0]["stock"].to_numpy().copy()
    returns[500:700] = 0.0
    # A regime of these 200 days alone would have an unbounded likelihood.
    fit = fit_regimes(returns)
    assert not fit.collapsed
    np.testing.assert_allclose(yearly(fit)[:, 0], [11, 30], rtol=0.1)


def test_an_outlier_on_the_last_day_is_reported_and_leaves_a_usable_fit():
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    returns[-1] = 5.0
    fit = fit_regimes(returns)
    assert fit.collapsed
    np.testing.assert_allclose(fit.transition.sum(axis=1), 1)
    assert np.isfinite(fit.filtered_probabilities(returns)).all()


def test_restarts_are_worth_having(market):
    window = market.iloc[300:2300]
    assert fit_regimes(window, 3).log_likelihood > fit_regimes(window, 3, restarts=1).log_likelihood + 1


def test_a_cold_fit_goes_on_until_nothing_is_left_to_gain(market):
    window = market.iloc[-2000:]
    fit = fit_regimes(window, 3)
    exact = fit_regimes(window, 3, tolerance=1e-8, max_iterations=5000, start=fit)  # goes on from there
    assert not exact.cold
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(exact.log_likelihood, abs=2e-3)
    percent = 100 * window.to_numpy()[:, None]
    default = GaussianHMM(3, "full", covars_prior=0, random_state=0).fit(percent)
    assert fit.log_likelihood > default.score(percent) + len(window) * np.log(100) + 1


def test_running_out_of_iterations_is_not_convergence(planted):
    short = fit_regimes(planted[0], max_iterations=3)
    assert not short.converged
    assert short.iterations == 3


def test_nothing_is_printed_logged_or_warned(planted, fit, capfd, caplog, recwarn):
    fit_regimes(planted[0].iloc[:200], 4, max_iterations=2)
    lost = dataclasses.replace(fit, means=np.add(fit.means, [[0.0, 0.0], [9.0, 9.0]]))
    fit_regimes(planted[0], start=lost)
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    returns[-1] = 5.0
    fit_regimes(returns, 3)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""
    assert not caplog.records
    assert not recwarn.list


def test_the_arguments_are_left_alone_and_the_fit_is_frozen(planted, fit):
    before, means = planted[0].copy(), fit.means.copy()
    fit_regimes(planted[0], start=fit)
    assert planted[0].equals(before)
    assert (fit.means == means).all()
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.converged = False


def test_one_regime_is_the_plain_normal_fit(market):
    fit = fit_regimes(market, 1)
    assert fit.means[0, 0] == pytest.approx(market.mean())
    assert fit.covariances[0, 0, 0] == pytest.approx(market.var(ddof=0))
    assert fit.transition.tolist() == [[1.0]]
    assert fit.names == ("SP500",)


def test_from_prices_to_moments_of_all_assets_in_each_regime(market):
    returns = simple_returns(load_prices())
    fit = fit_regimes(market, 3)
    means, covariances = regime_moments(returns, fit.labels(market))
    assert means.shape == (3, 20)
    assert np.linalg.eigvalsh(covariances).min() > 0
    # Every stock is wilder where the market is.
    assert (np.diff(np.diagonal(covariances, axis1=1, axis2=2), axis=0) > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"K": 0}, "K=0"),
        ({"restarts": 0}, "restarts=0"),
        ({"tolerance": float("nan")}, "tolerance=nan"),
        ({"order_by": "size"}, "order_by is 'size'"),
    ],
)
def test_options_out_of_range_are_refused(planted, options, message):
    with pytest.raises(BadData, match=message):
        fit_regimes(planted[0], **options)


def test_series_that_cannot_be_fitted_are_refused(planted, fit):
    returns = planted[0]
    with pytest.raises(BadData, match="bond is constant"):
        fit_regimes(returns.assign(bond=0.01))
    with pytest.raises(BadData, match="stock, bond are linearly dependent"):
        fit_regimes(returns.assign(bond=-2 * returns["stock"]))
    with pytest.raises(BadData, match="20 rows are too few for the 13 parameters"):
        fit_regimes(returns.iloc[:20])
    gap = returns.set_index(pd.date_range("2020-01-01", periods=3000))
    gap.iloc[7, 1] = np.nan
    with pytest.raises(BadData, match=r"1 returns are missing.*bond, row 8 \(2020-01-08"):
        fit_regimes(gap)
    with pytest.raises(BadData, match="shape \\(0, 2\\)"):
        fit_regimes(returns.iloc[:0])


def test_a_start_of_another_model_is_refused(planted, fit):
    with pytest.raises(BadData, match="start has 2 regimes on stock, bond, but 3"):
        fit_regimes(planted[0], 3, start=fit)
    with pytest.raises(BadData, match="but 2 on stock are asked"):
        fit_regimes(planted[0][["stock"]], start=fit)


def test_a_fit_says_in_a_line_what_it_is(planted):
    fit = fit_regimes(planted[0], restarts=1)
    assert len(repr(fit)) <= 200
    assert "\n" not in repr(fit)
    assert f"{fit.shares[0]:.0%}" in repr(fit)
    assert f"{fit.log_likelihood:.1f}" in repr(fit)


def test_a_fit_keeps_linear_algebra_to_one_thread():
    """Products of matrices this small are over before a second thread has begun, and waiting threads spin."""
    seen = []

    def look(*_):
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    fit_regimes(np.random.default_rng(0).standard_normal((200, 2)), 2, restarts=2, progress=look)
    assert {*seen} == {1}
