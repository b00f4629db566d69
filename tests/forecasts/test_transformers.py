import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio.errors import BadData
from proofolio.forecasts.transformers import (
    AdaptiveTrend,
    AsymmetricWeights,
    Beside,
    Chain,
    DriftCorrection,
    Hysteresis,
    LocalLevel,
    RunningMedian,
    VolatilityNormalised,
)

OF_RETURNS = {
    "volatility": VolatilityNormalised(10.0),
    "trend": AdaptiveTrend(),
    "median": RunningMedian(5),
    "level": LocalLevel(),
    "constant drift": DriftCorrection(20.0),
    "linear drift": DriftCorrection(20.0, degree=1),
    "chain": Chain(VolatilityNormalised(10.0), RunningMedian(3), LocalLevel()),
    "beside": Beside(RunningMedian(1), AdaptiveTrend()),
}
OF_PROBABILITIES = {
    "hysteresis": Hysteresis(0.8),
    "weights": AsymmetricWeights((1.0, 3.0)),
    "both": Chain(AsymmetricWeights((1.0, 3.0)), Hysteresis(0.8)),
}


def returns(days=300, d=2, seed=0):
    return 0.0005 + 0.01 * np.random.default_rng(seed).standard_normal((days, d))


def probabilities(days=300, seed=0):
    q = np.random.default_rng(seed).uniform(size=days)
    return np.column_stack([q, 1 - q])


@pytest.mark.parametrize("name", [*OF_RETURNS, *OF_PROBABILITIES])
def test_no_row_knows_a_later_one_and_nothing_given_is_changed(name):
    step = OF_RETURNS.get(name) or OF_PROBABILITIES[name]
    rows = returns() if name in OF_RETURNS else probabilities()
    before = rows.copy()
    fitted = step.fit(rows[:150])
    whole = fitted.transform(rows)
    for prefix in (1, 2, 7, 150, 299):
        np.testing.assert_allclose(fitted.transform(rows[:prefix]), whole[:prefix], atol=1e-15)
    # Fitting looks at the training window only, and transforming changes nothing learnt.
    np.testing.assert_array_equal(step.fit(rows[:150]).transform(rows), whole)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("name", ["volatility", "trend", "level", "linear drift", "chain", "beside"])
def test_unfitted_or_other_columns_are_refused(name):
    step = OF_RETURNS[name]
    with pytest.raises(BadData, match="has not been fitted"):
        step.transform(returns())
    with pytest.raises(BadData, match="fitted to 2 series, but 3"):
        step.fit(returns()).transform(returns(d=3))
    with pytest.raises(BadData, match="row 5, column 1 is inf"):
        step.fit(np.where(np.arange(600).reshape(300, 2) == 9, np.inf, returns()))


def test_volatility_is_that_of_the_days_before():
    rows = returns(80)
    step = VolatilityNormalised(10.0).fit(rows)
    keep, expected = 0.5 ** (1 / 10), []
    variance = level = (rows**2).mean(axis=0)
    for row in rows:
        expected.append(np.sqrt(level) * row / np.sqrt(variance))
        variance = keep * variance + (1 - keep) * row**2
    np.testing.assert_allclose(step.transform(rows), expected)


def test_normalising_takes_the_calm_and_the_wild_away():
    random = np.random.default_rng(0)
    volatility = np.repeat([0.005, 0.03, 0.005, 0.03], 500)[:, None]
    rows = volatility * random.standard_normal((2000, 1))
    normalised = VolatilityNormalised(20.0).fit(rows).transform(rows).ravel()
    calm, wild = normalised[700:1000].std(), normalised[1200:1500].std()
    assert wild / calm == pytest.approx(1, abs=0.2)
    assert normalised.std() == pytest.approx(rows.std(), rel=0.2)


def test_a_long_time_without_a_move_does_not_blow_up():
    rows = returns(400)
    step = VolatilityNormalised(10.0).fit(rows)
    still = np.vstack([np.zeros((3000, 2)), rows[:1]])
    assert np.abs(step.transform(still)[-1] / rows[0]).max() <= 20.0001


def test_the_trend_is_the_recursion_with_the_half_life_that_foretold_best():
    random = np.random.default_rng(0)
    slow, fast = np.cumsum(random.standard_normal((2, 3000)) * [[0.01], [0.3]], axis=1)
    rows = np.column_stack([slow, fast, np.zeros(3000)]) + random.standard_normal((3000, 3))
    step = AdaptiveTrend((2.0, 20.0, 200.0)).fit(rows)
    trends = {}
    for half_life in (2.0, 20.0, 200.0):
        keep, level, trend = 0.5 ** (1 / half_life), rows.mean(axis=0), []
        for row in rows:
            level = keep * level + (1 - keep) * row
            trend.append(level)
        trends[half_life] = np.array(trend)
    errors = {h: ((rows[1:] - trend[:-1]) ** 2).sum(axis=0) for h, trend in trends.items()}
    best = [min(errors, key=lambda h: errors[h][i]) for i in range(3)]
    assert step.half_lives.tolist() == best
    assert best[1] < best[0] <= best[2]
    for i, half_life in enumerate(best):
        np.testing.assert_allclose(step.transform(rows)[:, i], trends[half_life][:, i], atol=1e-12)


def test_a_constant_series_has_the_longest_half_life():
    assert AdaptiveTrend((5.0, 50.0)).fit(np.ones((30, 1))).half_lives.tolist() == [50.0]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
def test_the_median_is_that_of_the_last_days(seed, days, length):
    rows = returns(days, seed=seed)
    expected = [np.median(rows[max(0, t - length + 1) : t + 1], axis=0) for t in range(days)]
    np.testing.assert_array_equal(RunningMedian(length).fit(rows).transform(rows), expected)


@pytest.mark.parametrize("ratio", [0.0, 0.05, 3.0])
def test_the_level_is_the_best_linear_estimate_from_the_days_so_far(ratio):
    rows = returns(8, d=1)
    filtered = LocalLevel(np.array([ratio])).transform(rows).ravel()
    # Level and noise as one normal vector, the first level all but unknown.
    days = np.arange(8)
    levels = 1e8 + ratio * np.minimum.outer(days, days)
    for t in range(8):
        seen = slice(0, t + 1)
        weights = np.linalg.solve((levels + np.eye(8))[seen, seen], levels[t, seen])
        # The weights add to one but for the doubt about the first level.
        assert filtered[t] == pytest.approx(weights @ rows[seen, 0], abs=1e-8)


@pytest.mark.parametrize("ratio", [0.01, 0.3])
def test_the_signal_to_noise_ratio_is_recovered(ratio):
    random = np.random.default_rng(1)
    level = np.cumsum(np.sqrt(ratio) * random.standard_normal(4000))
    series = (level + random.standard_normal(4000))[:, None]
    assert 1 / 1.5 < LocalLevel().fit(series).ratios[0] / ratio < 1.5
    # In other units the ratio is the same.
    other = LocalLevel().fit(0.01 * series).ratios[0]
    assert other == pytest.approx(LocalLevel().fit(series).ratios[0], rel=1e-2)


def test_a_series_too_short_or_constant_has_no_ratio():
    for rows in (returns(9), np.ones((50, 1))):
        with pytest.raises(BadData, match="constant series or fewer than 10"):
            LocalLevel().fit(rows)


@pytest.mark.parametrize("degree", [0, 1])
def test_the_drift_is_the_weighted_least_squares_line_of_the_days_before(degree):
    rows, keep = returns(40), 0.5 ** (1 / 15.0)
    step = DriftCorrection(15.0, degree=degree).fit(rows)
    mean = rows.mean(axis=0)
    corrected = step.transform(rows)
    for t in range(40):
        # Days of the mean before the first, so many that more would weigh nothing.
        past = np.vstack([np.tile(mean, (900, 1)), rows[:t]])
        age = np.arange(len(past), 0, -1)
        root = np.sqrt(keep ** (age - 1.0))[:, None]
        powers = np.column_stack([np.ones(len(past)), -age])[:, : degree + 1]
        fitted = np.linalg.lstsq(root * powers, root * past, rcond=None)[0][0]
        np.testing.assert_allclose(corrected[t], rows[t] - (fitted - mean), atol=1e-10)


def test_a_drift_is_taken_out():
    random = np.random.default_rng(0)
    drift = np.linspace(-1.0, 1.0, 4000)
    rows = (drift + 0.3 * random.standard_normal(4000))[:, None]
    corrected = DriftCorrection(50.0, degree=1).fit(rows).transform(rows).ravel()[500:]
    assert np.corrcoef(corrected, drift[500:])[0, 1] < 0.05
    assert corrected.std() == pytest.approx(0.3, rel=0.05)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_a_change_of_regime_needs_the_minimum_probability(calm, minimum):
    rows = np.column_stack([calm, 1 - np.array(calm)])
    believed = Hysteresis(minimum).fit(rows).transform(rows)
    np.testing.assert_array_equal(believed.sum(axis=1), 1)
    regimes = believed.argmax(axis=1)
    assert regimes[0] == rows[0].argmax()
    for t in range(1, len(rows)):
        if regimes[t] != regimes[t - 1]:
            assert rows[t, regimes[t]] == rows[t].max() >= minimum
        else:
            other = 1 - regimes[t]
            assert rows[t, other] < minimum or rows[t, other] <= rows[t, regimes[t]]


def test_hysteresis_changes_less_often_the_more_it_asks_for():
    rows = probabilities()
    changes = [
        int(np.abs(np.diff(Hysteresis(m).transform(rows)[:, 0])).sum()) for m in (0.0, 0.7, 0.9, 0.99, 1.0)
    ]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > changes[2] > changes[4] == 0


def test_leaving_calm_needs_less_evidence_than_entering_it():
    step = AsymmetricWeights((1.0, 4.0))
    # From 1 / (1 + 4) on, the wild regime is the likelier.
    rows = np.array([[0.81, 0.19], [0.79, 0.21], [1.0, 0.0], [0.0, 1.0]])
    weighted = step.fit(rows).transform(rows)
    assert weighted.argmax(axis=1).tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(weighted[1], [0.79 / (0.79 + 0.84), 0.84 / (0.79 + 0.84)])
    np.testing.assert_array_equal(weighted[2:], rows[2:])
    np.testing.assert_allclose(AsymmetricWeights((2.0, 8.0)).transform(rows), weighted)


def test_a_chain_is_its_steps_one_after_another_and_beside_is_side_by_side():
    rows = returns()
    first = VolatilityNormalised(10.0).fit(rows)
    second = LocalLevel().fit(first.transform(rows))
    chain = Chain(VolatilityNormalised(10.0), LocalLevel()).fit(rows)
    np.testing.assert_array_equal(chain.transform(rows), second.transform(first.transform(rows)))
    beside = Beside(RunningMedian(1), Chain(VolatilityNormalised(10.0), LocalLevel())).fit(rows)
    np.testing.assert_array_equal(beside.transform(rows), np.hstack([rows, chain.transform(rows)]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VolatilityNormalised(0.0), "half_life is 0"),
        (lambda: VolatilityNormalised().fit(np.zeros((5, 1))), "series 1 is zero"),
        (lambda: AdaptiveTrend(()), "no candidates"),
        (lambda: AdaptiveTrend((5.0, -1.0)), "half_life is -1"),
        (lambda: RunningMedian(0), "0 periods"),
        (lambda: LocalLevel(np.array([-1.0])), "signal-to-noise"),
        (lambda: DriftCorrection(degree=2), "degree is 2"),
        (lambda: DriftCorrection(np.inf), "half_life is inf"),
        (lambda: Hysteresis(1.1), "minimum probability is 1.1"),
        (lambda: AsymmetricWeights((1.0, 0.0)), "positive number"),
        (lambda: AsymmetricWeights((1.0, 2.0, 3.0)).transform(probabilities()), "3 weights for 2"),
        (Chain, "no steps"),
        (Beside, "no parts"),
        (lambda: RunningMedian().transform(np.zeros(5)), "shape"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(BadData, match=message):
        make()


@pytest.mark.parametrize("name", [*OF_RETURNS, *OF_PROBABILITIES])
def test_scikit_learn_clones_them_unfitted_and_pickle_keeps_what_they_learnt(name):
    from sklearn.base import clone

    step = OF_RETURNS.get(name) or OF_PROBABILITIES[name]
    rows = returns() if name in OF_RETURNS else probabilities()
    fitted = step.fit(rows[:150])
    expected = fitted.transform(rows)
    again = clone(fitted)
    assert type(again) is type(step)
    if name not in ("median", "hysteresis", "weights", "both"):  # these learn nothing
        with pytest.raises(BadData, match="not been fitted"):
            again.transform(rows)
    np.testing.assert_array_equal(again.fit(rows[:150]).transform(rows), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(rows), expected)


def test_parameters_are_given_and_set_by_name():
    step = DriftCorrection(20.0, degree=1).fit(returns())
    assert step.get_params() == {"half_life": 20.0, "degree": 1}
    assert step.set_params(half_life=5.0) is step
    assert (step.half_life, step.degree, step.level) == (5.0, 1, None)
    with pytest.raises(BadData, match=r"no parameter 'half_live' \(did you mean 'half_life'\?\)"):
        step.set_params(half_live=1.0)
    with pytest.raises(BadData):
        step.set_params(half_life=-1.0)
    assert step.half_life == 5.0
    assert LocalLevel().get_params() == {}
    chain = Chain(step, RunningMedian(3))
    assert chain.get_params()["steps"] == (step, chain.steps[1])
