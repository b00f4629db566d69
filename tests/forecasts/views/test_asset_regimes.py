"""The regime of each asset: beliefs and their age by another walk, no look-ahead, collapsed and stale ones."""

import numpy as np
import pytest

import proofolio as pf
from proofolio.forecasts.expectation_maximisation import Parameters, ascend
from proofolio.forecasts.rolling_fit import RollingFit
from proofolio.forecasts.views.asset_regimes import AssetRegimes

OPTIONS = AssetRegimes(window=300, restarts=2)


def spells(days, seed=0, n=2):
    rng = np.random.default_rng(seed)
    wild = (np.arange(days) // 50) % 3 == 1
    return np.where(wild, 0.025, 0.008)[:, None] * rng.standard_normal((days, n)) + 2e-4


R = spells(420)


def test_each_decision_knows_the_last_window_and_what_is_used_follows_the_belief():
    found = OPTIONS.history(R)
    assert found.rows.tolist() == list(range(300, 421, 5))
    rolling = RollingFit(R[:300, :1], 2, "volatility", 0, 2, 1e-4, 8)
    believed, age = None, 0
    for d, end in enumerate(found.rows):
        if d:
            rolling.update(R[end - 300 : end, :1], refit=True, days=5)
        q = rolling.smoothed[-1]
        np.testing.assert_allclose(found.probability[d, 0], q, atol=1e-12)
        if believed is None or q.max() >= 0.975:
            believed, age = int(q.argmax()), 0
        else:
            age += 1
        k = believed
        assert (found.regime[d, 0], found.stale[d, 0]) == (k, age)
        assert found.believed[d, 0] == (q.max() >= 0.975)
        assert found.mean[d, 0] == pytest.approx(rolling.fit.means[k, 0])
        days = rolling.smoothed[:, k].sum()
        assert found.error[d, 0] == pytest.approx(np.sqrt(rolling.fit.covariances[k, 0, 0] / days))
    assert found.stale.max() > 0  # the walk above is no formality
    assert (found.sds[..., 0] <= found.sds[..., 1]).all()  # calm first
    np.testing.assert_allclose(found.transition.sum(axis=-1), 1.0)
    assert found.stay.shape == (25, 2, 2)


def test_noise_in_the_future_changes_nothing_in_the_past():
    other = R.copy()
    other[360:] = 0.05 * np.random.default_rng(9).standard_normal((60, 2))
    one, changed = OPTIONS.history(R), OPTIONS.history(other)
    past = one.rows <= 360
    for name in ("mean", "sd", "error", "probability", "stale", "volatility", "transition"):
        np.testing.assert_array_equal(getattr(one, name)[past], getattr(changed, name)[past])
    assert (one.mean[~past] != changed.mean[~past]).any()


def test_scaled_returns_have_scaled_regimes():
    one, percents = OPTIONS.history(R[:330]), OPTIONS.history(100 * R[:330])
    np.testing.assert_allclose(percents.mean, 100 * one.mean, rtol=1e-9)
    np.testing.assert_array_equal(percents.regime, one.regime)


def test_a_refit_starts_from_the_probability_of_the_day_that_is_now_the_first():
    for days in (1, 5):
        rolling = RollingFit(R[:300, :1], 2, "volatility", 0, 2, 1e-4, 8)
        before, smoothed = rolling.fit, rolling.smoothed
        window = R[days : 300 + days, :1]
        rolling.update(window, refit=True, days=days)
        scale = R[:300, :1].std(axis=0)
        start = Parameters(
            np.maximum(smoothed[days], 1e-3) / np.maximum(smoothed[days], 1e-3).sum(),
            before.transition,
            before.means / scale,
            before.covariances / scale**2,
        )
        expected, _ = ascend(window / scale, start, 200, 1e-4)
        np.testing.assert_allclose(rolling.transition, expected.parameters.transition, rtol=1e-9)
        np.testing.assert_allclose(rolling.fit.means, expected.parameters.means * scale, rtol=1e-9)
    for days in (0, 300):
        with pytest.raises(pf.BadData, match=f"the window moved by {days} days; it must be 1 to 299"):
            rolling.update(R[:300, :1], refit=True, days=days)


def test_cash_has_no_regimes_and_keeps_its_unconditional_mean():
    returns = np.column_stack([R[:, 0], np.full(420, 1e-4)])
    found = OPTIONS.history(returns)
    assert found.collapsed[:, 1].all()
    assert not found.collapsed[:, 0].any()
    np.testing.assert_allclose(found.mean[:, 1], 1e-4)
    np.testing.assert_allclose(found.error[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.ahead(3)[:, 1], 1e-4)


@pytest.mark.parametrize("stale", ["mix", "unconditional"])
def test_old_beliefs_give_way_where_that_is_asked(stale):
    keep = OPTIONS.history(R)
    found = AssetRegimes(window=300, restarts=2, stale=stale, stale_after=1).history(R)
    old = keep.stale > 1
    assert old.any()
    np.testing.assert_array_equal(found.mean[~old], keep.mean[~old])
    if stale == "mix":
        expected = (keep.probability * keep.means).sum(axis=2)
    else:
        expected = np.stack([R[end - 300 : end].mean(axis=0) for end in keep.rows])
    np.testing.assert_allclose(found.mean[old], expected[old], rtol=1e-9)


def test_ahead_is_the_chain_to_that_day():
    found = OPTIONS.history(R[:310])
    for d in range(len(found.rows)):
        q = found.probability[d, 1].copy()
        for _ in range(4):
            q = q @ found.transition[d, 1]
        assert found.ahead(4)[d, 1] == pytest.approx(q @ found.means[d, 1])


def test_volatility_is_exponentially_weighted():
    found = OPTIONS.history(R[:305])
    weights = 0.5 ** (np.arange(305)[::-1] / 20)
    assert found.volatility[-1, 0] == pytest.approx(np.sqrt(weights @ R[:305, 0] ** 2 / weights.sum()))


def test_now_is_the_last_window_with_the_belief_of_the_weeks_in_it():
    found = OPTIONS.now(R)
    assert found.rows.tolist() == [420]
    np.testing.assert_allclose(found.volatility, OPTIONS.history(R).volatility[-1:])
    assert found.mean.shape == (1, 2)


def test_refusals():
    with pytest.raises(
        pf.BadData,
        match=r"there are 420: .*behind each view, as in \"\(60 %\)\", or use a shorter window, such as window=200",
    ):
        AssetRegimes().history(R)
    with pytest.raises(pf.BadData, match="300 rows are needed before the first decision; there are 200"):
        OPTIONS.history(R, [200, 300])
    with pytest.raises(pf.BadData, match="increasing row numbers up to 420"):
        OPTIONS.history(R, [300, 300])
    with pytest.raises(pf.BadData, match="missing or infinite"):
        OPTIONS.history(np.where(R == R[5, 1], np.nan, R))
    for options, sentence in (
        ({"K": 0}, "K is 0"),
        ({"window": 4}, "not longer than refit"),
        ({"stale": "drop"}, "choose one of 'keep', 'mix', 'unconditional'"),
        ({"threshold": 2}, "minimum probability is 2"),
        ({"half_life": 0}, "must be positive"),
    ):
        with pytest.raises(pf.BadData, match=sentence):
            AssetRegimes(**options)
