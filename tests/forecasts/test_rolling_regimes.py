"""Forecasts of the rolling hidden Markov model: what they mean, and what they may know."""

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from proofolio.errors import BadData
from proofolio.forecasts import (
    RollingRegimes,
    ewma,
    fit_regimes,
    ledoit_wolf,
    load_market,
    load_prices,
    sample,
    simple_returns,
)
from proofolio.forecasts.transformers import (
    AdaptiveTrend,
    AsymmetricWeights,
    Beside,
    Chain,
    Hysteresis,
    RunningMedian,
    VolatilityNormalised,
)


def simulate(days, n=3, seed=0, stay=(0.99, 0.97)):
    """Simulate n assets in two regimes, 11 and 30 % a year; return them and the regimes."""
    random = np.random.default_rng(seed)
    regimes = np.zeros(days, dtype=int)
    for t in range(1, days):
        last = regimes[t - 1]
        regimes[t] = last if random.random() < stay[last] else 1 - last
    mixing = np.eye(n) + 0.5 * random.standard_normal((2, n, n))
    noise = random.standard_normal((days, n))
    volatility = np.array([0.007, 0.019])[regimes]
    mean = np.array([0.0008, -0.001])[regimes]
    returns = mean[:, None] + volatility[:, None] * np.einsum("tij,tj->ti", mixing[regimes], noise)
    # The driving asset has exactly the volatility said.
    returns[:, 0] = mean + volatility * noise[:, 0]
    return returns, regimes


@pytest.fixture(scope="module")
def planted():
    return simulate(1600)


@pytest.fixture(scope="module")
def market():
    """The index, and three stocks beside it."""
    index = simple_returns(load_market()).to_numpy()
    stocks = simple_returns(load_prices()).to_numpy()[-len(index) :, :3]
    return np.column_stack([index[-len(stocks) :], stocks])


def stream(forecaster, returns, until=None):
    fitted = forecaster.fit(returns[: forecaster.window])
    return [fitted.predict_online(row) for row in returns[forecaster.window : until]]


def same(one, other):
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def density(model, k, x):
    variance = model.covariances[k, 0, 0]
    return np.exp(-0.5 * (x - model.means[k, 0]) ** 2 / variance) / np.sqrt(2 * np.pi * variance)


def by_enumeration(model, returns, H, weighting):
    """Probabilities, mean and covariance of each day ahead, summed over all paths of regimes."""
    days, n = returns.shape
    paths = np.array(list(itertools.product((0, 1), repeat=days + H)))
    weight = model.initial[paths[:, 0]]
    for t in range(1, days + H):
        weight = weight * model.transition[paths[:, t - 1], paths[:, t]]
    for t in range(days):
        weight = weight * density(model, paths[:, t], returns[t, 0])
    weight = weight / weight.sum()
    marginal = np.array([[weight[paths[:, t] == k].sum() for k in (0, 1)] for t in range(days + H)])
    of_day = marginal[:days]
    if weighting == "labels":
        of_day = (of_day >= 0.5).astype(float)
    few = of_day.sum(axis=0) ** 2 / (of_day**2).sum(axis=0) < n + 1
    of_day = of_day + few * (n + 1) / days
    means = [
        sum(w * r for w, r in zip(of_day[:, k], returns, strict=True)) / of_day[:, k].sum() for k in (0, 1)
    ]
    covariances = [np.cov(returns.T, aweights=of_day[:, k], ddof=0) for k in (0, 1)]
    ahead = []
    for j in range(H):
        # Of the mixture: E[r] and E[rr'] - E[r]E[r]'.
        mean = sum(weight_of * means[path[days + j]] for weight_of, path in zip(weight, paths, strict=True))
        second = sum(
            q * (covariances[k] + np.outer(means[k], means[k])) for k, q in enumerate(marginal[days + j])
        )
        ahead.append((mean, second - np.outer(mean, mean)))
    return marginal[days - 1 :], ahead


@pytest.mark.parametrize("weighting", ["labels", "soft"])
@pytest.mark.parametrize("seed", [0, 1])
def test_forecasts_are_those_of_all_paths_enumerated(weighting, seed):
    # 14 days are the fewest that two regimes on one series are fitted to.
    random = np.random.default_rng(seed)
    wild = np.array([0] * 6 + [1] * 6 + [0, 0, 1])
    returns = random.standard_normal((15, 2)) * np.where(wild, 0.05, 0.01)[:, None]
    forecaster = RollingRegimes([0], window=14, H=2, weighting=weighting).fit(returns[:14])
    forecast = forecaster.predict_online(returns[14])
    probabilities, ahead = by_enumeration(forecaster.regime_fit, returns[1:], 2, weighting)
    np.testing.assert_allclose(forecast.probabilities, probabilities, atol=1e-10)
    assert 0 < forecast.probabilities[0, 0] < 1
    assert forecast.regime == probabilities[0].argmax()
    for j, (mean, covariance) in enumerate(ahead):
        np.testing.assert_allclose(forecast.mean[j], mean, atol=1e-12)
        np.testing.assert_allclose(forecast.covariance[j], covariance, atol=1e-13)


@pytest.mark.parametrize(("K", "refit"), [(2, 1), (2, 5), (3, 2)])
def test_filtered_probabilities_are_the_last_row_of_what_hmmlearn_predicts(market, K, refit):
    window = 600
    returns = market[3000 : 3000 + window + 30]
    fitted = RollingRegimes([0, 1], K=K, window=window, refit=refit).fit(returns[:window])
    for day in range(window, len(returns)):
        forecast = fitted.predict_online(returns[day])
        seen = returns[day - window + 1 : day + 1, :2]
        model = GaussianHMM(K, "full", init_params="")
        model.startprob_, model.transmat_ = fitted.regime_fit.initial, fitted.regime_fit.transition
        model.means_, model.covars_ = fitted.regime_fit.means, fitted.regime_fit.covariances
        smoothed = model.predict_proba(seen)
        np.testing.assert_allclose(forecast.probabilities[0], smoothed[-1], atol=1e-9)
        np.testing.assert_allclose(fitted.smoothed_probabilities, smoothed, atol=1e-8)
        np.testing.assert_allclose(
            forecast.probabilities[1:],
            [smoothed[-1] @ np.linalg.matrix_power(model.transmat_, j) for j in range(1, 6)],
            atol=1e-9,
        )
        assert fitted.regime_fit.score(seen) == pytest.approx(fitted.regime_fit.log_likelihood, abs=1e-6)


def test_between_refits_the_parameters_stay_and_the_probabilities_move(planted):
    returns, _ = planted
    fitted = RollingRegimes([0], window=500, refit=10).fit(returns[:500])
    changed, probabilities = [], set()
    for day in range(500, 540):
        before = fitted.regime_fit.means
        probabilities.add(float(fitted.predict_online(returns[day]).probabilities[0, 0]))
        changed.append(bool((fitted.regime_fit.means != before).any()))
    assert [day for day, moved in enumerate(changed) if moved] == [9, 19, 29, 39]
    assert len(probabilities) == 40


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weighting": "soft", "covariance": "ewma", "refit": 3, "hysteresis": 0.9},
        {
            "features": Beside(Chain(VolatilityNormalised(), RunningMedian(3)), AdaptiveTrend()),
            "covariance": "ledoit-wolf",
        },
    ],
    ids=["plain", "soft", "features"],
)
def test_returns_after_a_day_change_no_forecast_up_to_it(planted, options):
    returns = planted[0][:340]
    other = returns.copy()
    # The future in another order and twice as wild: as different as can be.
    other[320:] = 2 * other[:319:-1]
    forecaster = RollingRegimes([0, 1], window=300, cold_every=4, **options)
    one, two = stream(forecaster, returns), stream(forecaster, other)
    for before, after in zip(one[:20], two[:20], strict=True):
        same(before, after)
    assert all((before.mean != after.mean).all() for before, after in zip(one[20:], two[20:], strict=True))


def test_days_before_the_window_do_not_matter(planted):
    returns, _ = planted
    forecaster = RollingRegimes([0], window=300)
    same(forecaster.fit(returns[:500]).predict(), forecaster.fit(returns[200:500]).predict())


def test_the_same_rows_give_the_same_forecasts_which_do_not_change_later(planted):
    returns, _ = planted
    forecaster = RollingRegimes([0, 1], window=300, cold_every=4)
    fitted = forecaster.fit(returns[:300])
    first = fitted.predict()
    copies = {f.name: np.copy(getattr(first, f.name)) for f in dataclasses.fields(first)}
    run = [fitted.predict_online(row) for row in returns[300:340]]
    for name, value in copies.items():
        np.testing.assert_array_equal(getattr(first, name), value)
    same(fitted.predict(), run[-1])
    for one, other in zip(run, stream(forecaster, returns, 340), strict=True):
        same(one, other)


def test_the_regime_believed_is_the_true_one_and_labels_never_flip(planted):
    returns, regimes = planted
    fitted = RollingRegimes([0], window=1000).fit(returns[:1000])
    hits, yesterday = [], None
    for day in range(1000, 1400):
        forecast = fitted.predict_online(returns[day])
        hits.append(forecast.regime == regimes[day])
        assert fitted.regime_fit.covariances[0, 0, 0] < fitted.regime_fit.covariances[1, 0, 0]
        labels = fitted.smoothed_probabilities.argmax(axis=1)
        if yesterday is not None:
            assert (labels[:-1] == yesterday[1:]).mean() > 0.98
        yesterday = labels
    assert np.mean(hits) > 0.93
    assert fitted.restarts_taken == 0


def test_a_belief_goes_with_its_regime_when_two_regimes_pass_each_other():
    # Two regimes told apart by the second series; the rule looks at the first, whose mean drifts across.
    random = np.random.default_rng(0)
    days = 700
    regimes = np.repeat(np.arange(days // 25) % 2, 25)
    across = np.where(regimes == 0, 1.0, -1.0) * np.linspace(-0.006, 0.006, days)
    second = 0.01 * random.standard_normal(days) * np.where(regimes == 0, 1.0, 4.0)
    returns = np.column_stack([across + 0.01 * random.standard_normal(days), second])
    fitted = RollingRegimes([0, 1], window=300, order_by="mean", hysteresis=1.0).fit(returns[:300])
    # Hysteresis of 1: never believe in a change, so the belief can only follow its regime.
    calm = []
    for row in returns[300:]:
        regime = fitted.predict_online(row).regime
        variances = fitted.regime_fit.covariances[:, 1, 1]
        assert fitted.regime_fit.means[0, 0] >= fitted.regime_fit.means[1, 0]
        calm.append((regime, bool(variances[regime] == variances.min())))
    assert fitted.restarts_taken == 0
    assert len({regime for regime, _ in calm}) == 2
    assert len({is_calm for _, is_calm in calm}) == 1


def test_warm_fits_are_as_likely_as_cold_ones(market, pytestconfig):
    full = pytestconfig.getoption("full")
    each, count = (10, 10) if full else (33, 3)
    for K, window, start in ((2, 1000, 5000), (2, 2000, 2000), (3, 2000, 3000))[: 3 if full else 1]:
        returns = market[start : start + window + 100]
        fitted = RollingRegimes([0], K=K, window=window).fit(returns[:window])
        gaps = []
        for day in range(window, len(returns)):
            fitted.predict_online(returns[day])
            if (day - window) % each == each - 1:
                # By hmmlearn's own fit, 500 steps at 1e-4, the best of five starts.
                cold = fit_regimes(returns[day - window + 1 : day + 1, 0], K)
                gaps.append(fitted.regime_fit.log_likelihood - cold.log_likelihood)
        # 95 % of ten days is all of them.
        assert len(gaps) == count
        assert min(gaps) > -0.1


def test_a_fit_that_has_fallen_short_is_given_up(market):
    """On a short window the highest maximum becomes another one after a few weeks."""
    window, first = 500, 5450
    gaps, cold = {}, {}
    for cold_every in (8, 10**9):
        fitted = RollingRegimes([0], window=window, cold_every=cold_every).fit(market[first : first + window])
        gaps[cold_every] = []
        for day in range(first + window, first + window + 71):
            fitted.predict_online(market[day])
            if day % 20 == 0:
                if day not in cold:
                    cold[day] = fit_regimes(market[day - window + 1 : day + 1, 0]).log_likelihood
                gaps[cold_every].append(fitted.regime_fit.log_likelihood - cold[day])
        assert (fitted.restarts_taken > 0) == (cold_every == 8)
    assert min(gaps[8]) > -0.1
    assert min(gaps[10**9]) < -1


def test_a_collapsed_regime_is_repaired():
    # One regime and four outliers, which make a regime of 0.4 % of the days; then two real regimes.
    random = np.random.default_rng(0)
    before = 0.01 * random.standard_normal(1000)
    before[[100, 101, 102, 103]] = [0.9, 0.95, 1.0, 1.05]
    regimes = np.repeat(np.arange(12) % 2, 50)
    after = random.standard_normal(600) * np.where(regimes == 0, 0.01, 0.04)
    returns = np.concatenate([before, after])[:, None]
    fitted = RollingRegimes([0], window=1000).fit(returns[:1000])
    assert fitted.regime_fit.collapsed
    assert np.isfinite(fitted.predict().covariance).all()
    for row in returns[1000:]:
        forecast = fitted.predict_online(row)
        assert np.isfinite(forecast.mean).all()
    assert not fitted.regime_fit.collapsed
    assert fitted.restarts_taken > 0
    assert np.sqrt(fitted.regime_fit.covariances.ravel()) == pytest.approx([0.01, 0.04], rel=0.2)


def test_a_regime_that_dies_out_is_replaced_on_the_day():
    # Thirty days of 15 % make a regime for as long as ten of them, 1 %, are in the window.
    returns, _ = simulate(1040, n=1, seed=3)
    returns[:30, 0] = np.random.default_rng(0).uniform(0.145, 0.155, 30)
    fitted = RollingRegimes([0], window=1000, cold_every=10**9).fit(returns[:1000])
    assert fitted.regime_fit.shares.min() == pytest.approx(0.03, abs=1e-4)
    means = []
    for row in returns[1000:1030]:
        fitted.predict_online(row)
        assert not fitted.regime_fit.collapsed
        means.append(np.abs(fitted.regime_fit.means).max())
    assert fitted.restarts_taken == 1
    assert means[18] == pytest.approx(0.15, abs=0.002)
    assert means[21] < 0.02


@pytest.mark.parametrize("refit", [1, 7])
def test_a_series_that_goes_constant_is_flagged_and_then_refused(refit):
    returns, _ = simulate(400, seed=2)
    returns[200:, 1] = 0.0004  # a price that grows by itself: constant, not zero
    fitted = RollingRegimes([0, 1], window=200, restarts=2, refit=refit).fit(returns[:200])
    assert not fitted.predict().collapsed
    for t in range(200, 399):  # one row of the window still moves at the end
        forecast = fitted.predict_online(returns[t])
        assert np.isfinite(forecast.mean).all()
        assert np.isfinite(forecast.covariance).all()
        assert np.isfinite(fitted.regime_fit.covariances).all()
        # no variance of a regime is above what the days of the window have
        largest = np.square(returns[t - 199 : t + 1, :2]).max()
        if (t - 199) % refit == 0:
            assert fitted.regime_fit.covariances.max() <= 1.01 * largest
            variance = np.linalg.eigvalsh(fitted.regime_fit.covariances / returns[:200, 1].var()).min()
            assert forecast.collapsed or variance > 1e-5
    assert forecast.collapsed  # regimes of a series that stood still on 199 of 200 days
    with pytest.raises(BadData, match="series 2 is constant"):
        fitted.predict_online(returns[399])


def test_a_regime_without_variance_is_left_for_one_with_as_soon_as_there_is_one():
    # Every day of a holiday is 0: a regime of its own, that no restart avoids while it is half of the window.
    returns, _ = simulate(900, n=2, seed=4)
    returns[300:420] = 0.0
    fitted = RollingRegimes([0], window=300, restarts=3).fit(returns[:300])
    flags = np.array([fitted.predict_online(row).collapsed for row in returns[300:]])
    assert flags[100:120].all()
    assert not flags[430:].any()  # 120 + 300 days on the window holds none of them


def test_a_day_never_seen_the_like_of_does_no_harm(planted):
    returns = planted[0][:330].copy()
    returns[310] = -0.5
    for forecast in stream(RollingRegimes([0, 1], window=300), returns):
        assert np.isfinite(forecast.mean).all()
        np.testing.assert_allclose(forecast.probabilities.sum(axis=1), 1)
        assert np.linalg.eigvalsh(forecast.covariance).min() > 0


@pytest.mark.parametrize(
    ("kind", "direct"),
    [("sample", sample), ("ewma", lambda r, w: ewma(r, 40.0, w)), ("ledoit-wolf", ledoit_wolf)],
)
@pytest.mark.parametrize("weighting", ["labels", "soft"])
def test_moments_of_a_regime_are_those_of_its_days(planted, kind, direct, weighting):
    returns, _ = planted
    fitted = RollingRegimes(
        [0], window=600, H=3, covariance=kind, half_life=40.0, weighting=weighting, start_from="regime"
    ).fit(returns[:700])
    forecast = fitted.predict_online(returns[700])
    weights = fitted.smoothed_probabilities
    if weighting == "labels":
        weights = (weights > 0.5).astype(float)
    for k in (0, 1):
        mean, covariance = direct(returns[101:701], weights[:, k])
        np.testing.assert_allclose(forecast.means[k], mean)
        np.testing.assert_allclose(forecast.covariances[k], covariance)
    # It starts in the regime believed in, with certainty.
    np.testing.assert_array_equal(forecast.probabilities[0], np.eye(2)[forecast.regime])
    transition = fitted.regime_fit.transition
    np.testing.assert_allclose(forecast.probabilities[1], transition[forecast.regime])
    q = forecast.probabilities[3]
    np.testing.assert_allclose(forecast.mean[2], q @ forecast.means)
    apart = forecast.means - forecast.mean[2]
    within = np.einsum("k,kij->ij", q, forecast.covariances)
    np.testing.assert_allclose(
        forecast.covariance[2], within + np.einsum("k,ki,kj->ij", q, apart, apart), atol=1e-18
    )


def test_a_regime_of_a_few_days_borrows_from_the_window():
    # 25 wild days, 40 assets: their own covariance would have rank 24.
    random = np.random.default_rng(0)
    returns = 0.01 * random.standard_normal((800, 40))
    returns[400:425] *= 5
    forecast = RollingRegimes([0, 1, 2], window=800).fit(returns).predict()
    assert np.linalg.eigvalsh(forecast.covariances[1])[0] > 1e-6
    calm = np.trace(forecast.covariances[0])
    assert 3 * calm < np.trace(forecast.covariances[1]) < 25 * calm


def test_hysteresis_and_evidence_do_what_the_transformers_do(planted):
    returns = planted[0][120:820]
    plain = stream(RollingRegimes([0], window=400), returns)
    filtered = np.array([forecast.probabilities[0] for forecast in plain])
    weighed = stream(RollingRegimes([0], window=400, evidence=(1.0, 3.0), hysteresis=0.95), returns)
    expected = AsymmetricWeights((1.0, 3.0)).transform(filtered)
    np.testing.assert_allclose([forecast.probabilities[0] for forecast in weighed], expected, atol=1e-12)
    believed = Hysteresis(0.95).transform(expected).argmax(axis=1)
    # Beyond doubt on the first day, so that it does not matter what was believed before.
    assert expected[0].max() > 0.95
    np.testing.assert_array_equal([forecast.regime for forecast in weighed], believed)
    np.testing.assert_array_equal([forecast.regime for forecast in plain], filtered.argmax(axis=1))
    changes = [np.abs(np.diff([forecast.regime for forecast in run])).sum() for run in (plain, weighed)]
    assert 0 < changes[1] < changes[0]


def test_features_are_what_the_regimes_are_read_from(planted):
    returns, _ = planted
    step = Beside(RunningMedian(3), VolatilityNormalised(30.0))
    fitted = RollingRegimes([0], window=500, features=step).fit(returns[:500])
    fitted.predict_online(returns[500])
    rows = step.fit(returns[:500, :1]).transform(returns[1:501, :1])
    assert fitted.regime_fit.names == ("series 1", "series 2")
    np.testing.assert_allclose(
        fitted.regime_fit.filtered_probabilities(rows)[-1], fitted.smoothed_probabilities[-1], atol=1e-9
    )
    assert step.parts[1].level is None


def test_one_regime_is_a_window_without_regimes(planted):
    returns, _ = planted
    forecast = RollingRegimes([0], K=1, window=300, H=2).fit(returns[:300]).predict_online(returns[300])
    mean, covariance = sample(returns[1:301])
    np.testing.assert_allclose(forecast.mean, [mean, mean])
    np.testing.assert_allclose(forecast.covariance, [covariance, covariance])
    np.testing.assert_allclose(forecast.probabilities, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"K": 0}, "K=0"),
        ({"H": 0}, "H=0"),
        ({"cold_every": 0}, "cold_every=0"),
        ({"tolerance": float("nan")}, "tolerance=nan"),
        ({"driving": []}, "driving is"),
        ({"driving": [1, 1]}, "different column numbers"),
        ({"weighting": "hard"}, "weighting is 'hard'"),
        ({"order_by": "size"}, "order_by is 'size'"),
        ({"covariance": "oracle"}, "covariance is 'oracle'"),
        ({"start_from": "hope"}, "start_from is 'hope'"),
        ({"hysteresis": 2.0}, "minimum probability is 2"),
        ({"evidence": (1.0,)}, "1 weights for 2 regimes"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(BadData, match=message):
        RollingRegimes(**options)


def test_returns_that_cannot_be_used_are_refused(planted):
    returns, _ = planted
    unfitted = RollingRegimes([0], window=300)
    with pytest.raises(BadData, match="seen no returns"):
        unfitted.predict_online(returns[0])
    with pytest.raises(BadData, match="column 3, but the returns have columns 0 to 2"):
        RollingRegimes([3], window=300).fit(returns)
    with pytest.raises(BadData, match="10 rows are too few for the 7 parameters"):
        RollingRegimes([0], window=10).fit(returns)
    with pytest.raises(BadData, match="series 1 is constant"):
        unfitted.fit(returns * [0.0, 1.0, 1.0])
    fitted = unfitted.fit(returns[:300])
    with pytest.raises(BadData, match="3 assets were fitted"):
        fitted.predict_online(returns[0, :2])
    # The unfitted options are as they were.
    with pytest.raises(BadData, match="seen no returns"):
        unfitted.predict()


def test_scikit_learn_can_clone_and_set_the_options():
    from sklearn.base import clone  # takes a second

    made = RollingRegimes([0, 1], K=3, window=500, hysteresis=0.2, evidence=[1.0, 0.5, 1.0])
    twin = clone(made)
    assert twin is not made
    assert twin.get_params() == made.get_params()
    assert clone(RollingRegimes()).get_params() == RollingRegimes().get_params()
    assert twin.set_params(K=2, evidence=None).get_params()["K"] == 2
    with pytest.raises(BadData, match="has no option 'k'"):
        twin.set_params(k=2)
    with pytest.raises(BadData, match="must all be positive"):
        twin.set_params(K=0)


def test_importing_and_updating_forecasts_loads_no_scikit_learn():
    code = (
        "import sys, numpy as np\n"
        "from proofolio import RollingRegimes\n"
        "returns = np.random.default_rng(0).normal(size=(120, 2)) * 0.01\n"
        "RollingRegimes(window=100).fit(returns[:110]).predict_online(returns[110])\n"
        "print('sklearn' in sys.modules, 'hmmlearn' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
