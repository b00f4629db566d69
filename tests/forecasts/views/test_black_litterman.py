"""The front: from returns and views to a posterior with names; confidences read from the regimes of each asset."""

import warnings

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.forecasts.views.asset_regimes import AssetRegimes

ASSETS = ["AAPL", "GE", "KO"]
SMALL = AssetRegimes(window=300, restarts=2)


def returns(days=400, seed=0, start="2018-01-01"):
    """Three assets with calm and wild spells."""
    rng = np.random.default_rng(seed)
    wild = (np.arange(days) // 60) % 3 == 1
    sd = np.where(wild, 0.025, 0.008)[:, None] * [1.0, 1.3, 0.8]
    common = rng.standard_normal((days, 1))
    values = sd * (0.6 * common + 0.8 * rng.standard_normal((days, 3))) + np.where(wild, -1e-3, 1e-3)[:, None]
    return pd.DataFrame(values, index=pd.bdate_range(start, periods=days), columns=ASSETS)


R = returns()


def test_a_given_confidence_is_the_posterior_of_the_formulas():
    w = np.array([0.5, 0.3, 0.2])
    views = (
        pf.Views(ASSETS)
        .relative("AAPL", "GE", 0.04, per="year")
        .absolute("KO", 0.10, per="year", confidence=0.9)
    )
    found = pf.BlackLitterman(w, delta=3.0, confidence=0.4).fit(R).posterior(views)
    Sigma = np.cov(R.to_numpy()[-360:].T, bias=True)
    expected = pf.posterior(
        pf.equilibrium(Sigma, w, 3.0), Sigma, [[1, -1, 0], [0, 0, 1]], [0.04 / 252, 0.1 / 252], [0.4, 0.9]
    )
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-10)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10)
    assert list(found.mean.index) == list(found.covariance.columns) == ASSETS
    assert list(found.confidence) == [0.4, 0.9]  # its own wins
    assert list(found.pull.index) == ["AAPL - GE = +4 %", "KO = +10 %"]
    assert found.surprise["degrees"] == 2
    prior = pf.BlackLitterman(w, delta=3.0, confidence=0.4, risk="prior").fit(R).posterior(views)
    np.testing.assert_allclose(prior.covariance, Sigma, rtol=1e-10)


def test_the_order_of_the_assets_in_the_views_does_not_matter_and_some_are_enough():
    model = pf.BlackLitterman(confidence=0.4).fit(R)
    one = model.posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.04))
    other = model.posterior(pf.Views(["GE", "AAPL"]).relative("AAPL", "GE", 0.04))
    pd.testing.assert_series_equal(one.mean, other.mean)
    with pytest.raises(pf.BadData, match="the views are about TSLA, which the returns do not have"):
        model.posterior(pf.Views(["TSLA"]).absolute("TSLA", 0.1))


def test_the_market_drifts_from_equal_weights_on_the_first_day():
    found = pf.BlackLitterman(confidence=0.5).fit(R).posterior(pf.Views(ASSETS))
    wealth = (1 + R).prod()
    Sigma = np.cov(R.to_numpy()[-360:].T, bias=True)
    np.testing.assert_allclose(found.prior, 2.5 * Sigma @ (wealth / wealth.sum()), rtol=1e-10)
    pd.testing.assert_series_equal(found.mean, found.prior, check_names=False)
    named = (
        pf.BlackLitterman({"KO": 1.0, "AAPL": 2.0, "GE": 1.0}, confidence=0.5)
        .fit(R)
        .posterior(pf.Views(ASSETS))
    )
    np.testing.assert_allclose(named.prior, 2.5 * Sigma @ [0.5, 0.25, 0.25], rtol=1e-10)
    with pytest.raises(pf.BadData, match="differ in GE"):
        pf.BlackLitterman({"KO": 1.0, "AAPL": 2.0}).fit(R)


def test_a_weekly_plan_on_daily_returns_is_the_daily_one_times_the_days_of_a_week():
    views = pf.Views(ASSETS).relative("AAPL", "GE", 0.04, per="year")
    model = pf.BlackLitterman(confidence="calibrated", regimes=SMALL).fit(R)
    day, week = model.posterior(views), model.posterior(views, periods=52)
    np.testing.assert_allclose(week.mean, day.mean * 252 / 52, rtol=1e-12)
    np.testing.assert_allclose(week.covariance, day.covariance * 252 / 52, rtol=1e-12)
    stated = pf.Views(ASSETS, periods=52).relative("AAPL", "GE", 0.04, per="year")
    pd.testing.assert_series_equal(model.posterior(stated).mean, week.mean)
    # a View of v per period is one of the plan
    raw = pf.Views(ASSETS, [pf.View([1, -1, 0], 0.04 / 52, "AAPL - GE")], periods=52)
    np.testing.assert_allclose(model.posterior(raw).mean, week.mean, rtol=1e-12)
    np.testing.assert_allclose(model.posterior(raw).confidence, week.confidence, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", ["sigmoid", "error", "published", "cdf", "calibrated"])
def test_the_same_claim_per_day_week_and_year_has_the_same_confidence_to_1e_12(rule):
    confidence, scale = ("sigmoid", rule) if rule in ("error", "published") else (rule, "view")
    model = pf.BlackLitterman(confidence=confidence, scale=scale, regimes=SMALL).fit(R)
    found = [
        float(
            model.posterior(
                pf.Views(ASSETS).relative("AAPL", "GE", amount, per=per), periods=plan
            ).confidence.iloc[0]
        )
        for per, amount in (("day", 0.0504 / 252), ("week", 0.0504 / 52), ("year", 0.0504))
        for plan in (252, 52, 12, 1)
    ]
    assert max(found) - min(found) <= 1e-12
    assert 0 < found[0] < 1


def test_confidences_are_those_of_the_regimes_by_another_road():
    """hmmlearn fits the window; the rest is done by hand."""
    last = R.iloc[-300:]
    r_hat, variances = {}, {}
    for asset in ("AAPL", "GE"):
        fit = pf.fit_regimes(last[[asset]], 2, restarts=5, tolerance=1e-8)
        q, smoothed = fit.filtered_probabilities(last[[asset]]), fit.smoothed_probabilities(last[[asset]])
        sure = [int(row.argmax()) for row in q[(299 % 5) :: 5] if row.max() >= 0.975]
        k = sure[-1]
        r_hat[asset] = fit.means[k, 0]
        variances[asset] = fit.covariances[k, 0, 0] / smoothed[:, k].sum()
    regimes = AssetRegimes(window=300, restarts=5, tolerance=1e-8)
    found = pf.BlackLitterman(regimes=regimes).fit(R).posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.04))
    evidence = found.evidence.iloc[0]
    assert evidence["value"] == pytest.approx(400 / 252)
    assert evidence["r_hat"] == pytest.approx(1e4 * (r_hat["AAPL"] - r_hat["GE"]), abs=0.02)
    error = np.sqrt(sum(variances.values()))
    assert evidence["error"] == pytest.approx(1e4 * error, rel=1e-3)
    z = (r_hat["AAPL"] - r_hat["GE"] - 0.04 / 252) / error
    from scipy.stats import norm

    assert found.confidence.iloc[0] == pytest.approx(norm.cdf(z), abs=2e-4)


def test_a_published_scale_on_weekly_returns_is_refused_and_cdf_is_computed_in_days():
    weekly = returns(400).set_axis(pd.date_range("2010-01-01", periods=400, freq="W-FRI"))
    views = pf.Views(ASSETS).relative("AAPL", "GE", 0.04)
    with pytest.raises(pf.BadData, match="this plan's period is a week: use scale='view'"):
        pf.BlackLitterman(confidence="sigmoid", scale="published", regimes=SMALL).fit(weekly).posterior(views)
    model = pf.BlackLitterman(confidence="cdf", regimes=SMALL).fit(weekly)
    found = model.posterior(views)
    r_hat, v = found.evidence["r_hat"].iloc[0] / 1e4, 0.04 / 52
    Sigma = np.cov(weekly.to_numpy()[-360:].T, bias=True)
    p = np.array([1.0, -1.0, 0.0])
    from scipy.stats import norm

    z = (r_hat - v) * (52 / 252) / np.sqrt(p @ Sigma @ p * 52 / 252)
    assert found.confidence.iloc[0] == pytest.approx(norm.cdf(z), abs=1e-12)


def test_too_few_days_are_said_and_given_confidences_need_none():
    views = pf.Views(ASSETS).relative("AAPL", "GE", 0.04)
    with pytest.raises(pf.BadData, match="1,700 rows are needed before the first decision; there are 400"):
        pf.BlackLitterman().fit(R).posterior(views)
    sure = pf.Views(ASSETS).relative("AAPL", "GE", 0.04, confidence=0.5)
    assert pf.BlackLitterman().fit(R).posterior(sure).pull.iloc[0] == pytest.approx(0.5)


def test_a_view_of_zero_needs_a_direction():
    model = pf.BlackLitterman(regimes=SMALL).fit(R)
    with pytest.raises(pf.BadData, match="view 1 has the value 0, which has no direction"):
        model.posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.0))
    more, less = (
        model.posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.0, direction=d)).confidence.iloc[0]
        for d in (1, -1)
    )
    assert more + less == pytest.approx(1.0)


def test_copies_are_warned_of_and_merged_and_opposite_views_are_neither():
    model = pf.BlackLitterman(confidence=0.5).fit(R)
    twice = pf.Views(ASSETS).relative("AAPL", "GE", 0.04).relative("AAPL", "GE", 0.06)
    with pytest.warns(pf.DoubtfulViews, match="views 1 and 2 say nearly the same"):
        both = model.posterior(twice)
    assert both.pull.iloc[0] > 0.5
    merged = model.posterior(twice, merge=True)
    once = model.posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.05))
    np.testing.assert_allclose(merged.mean, once.mean, rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.04).relative("GE", "AAPL", 0.04))


def test_a_yearly_number_in_a_weekly_model_surprises():
    model = pf.BlackLitterman(confidence=0.9).fit(R)
    with pytest.warns(pf.DoubtfulViews, match=r"view 1: \+4 % a week is \+208 % a year; if a year was meant"):
        wrong = pf.Views(ASSETS, periods=52).relative("AAPL", "GE", 0.04, per="week")
    assert wrong.names == ["AAPL - GE = +4 % a week"]
    with pytest.warns(pf.DoubtfulViews, match=r"v is 0.04 a period, 208 % a year .*use View.annual"):
        model.posterior(wrong)


def test_contradictory_views_are_named_as_stated():
    views = (
        pf.Views(ASSETS).relative("AAPL", "GE", 0.04, confidence=1).relative("GE", "AAPL", 0.04, confidence=1)
    )
    with pytest.raises(
        pf.ContradictoryViews, match=r"AAPL - GE = \+4 % and GE - AAPL = \+4 %; lower a confidence"
    ):
        pf.BlackLitterman(confidence=0.5).fit(R).posterior(views)


def test_it_shows_itself():
    found = pf.BlackLitterman(regimes=SMALL).fit(R).posterior(pf.Views(ASSETS).relative("AAPL", "GE", 0.04))
    assert "AAPL - GE = +4 %" in repr(found)
    assert "r_hat (bp)" in found._repr_html_()
    assert len(found.plot().axes) == 2
    assert found.table()["posterior (bp)"].iloc[0] == pytest.approx(
        1e4 * (found.mean["AAPL"] - found.mean["GE"])
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"confidence": "calibratd"}, "did you mean 'calibrated'"),
        ({"confidence": 1.5}, "its confidence is 1.5"),
        ({"confidence": [0.5, -1]}, "view 2: its confidence is -1"),
        ({"risk": "both"}, "choose 'posterior' or 'prior'"),
        ({"tau": 0}, "give a positive tau"),
        ({"eta": -1.0}, "eta is -1.0"),
        ({"scale": "week"}, "scale is 'week'"),
        ({"threshold": 1.5}, "minimum probability is 1.5"),
    ],
)
def test_options_out_of_range_are_refused(options, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.BlackLitterman(**options)


def test_what_is_not_fitted_or_does_not_fit_is_said():
    with pytest.raises(pf.BadData, match="has seen no returns"):
        pf.BlackLitterman().posterior(pf.Views(ASSETS))
    with pytest.raises(pf.BadData, match="missing or infinite"):
        pf.BlackLitterman().fit(R.replace(R.iloc[3, 1], np.nan))
    with pytest.raises(pf.BadData, match="there are 2 confidences for 1 views"):
        pf.BlackLitterman(confidence=[0.5, 0.5]).fit(R).posterior(pf.Views(ASSETS).absolute("GE", 0.1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pf.BlackLitterman(confidence=None), "confidence is None; give a rule"),
        (
            lambda: pf.Views(ASSETS).relative("AAPL", "GE", 0.04, confidence="30%"),
            "its confidence is '30%'; give a share",
        ),
        (lambda: pf.Views(ASSETS).relative("AAPL", "GE", "4 %"), "v is '4 %'; give a finite return"),
        (
            lambda: pf.Views(ASSETS).group(["AAPL"], by=0.04),
            "view 1: a group is .*; give a mapping of assets to weights",
        ),
        (
            lambda: pf.BlackLitterman(confidence=0.5).fit(R).posterior(one_view(), periods=0),
            "periods is 0; give how many",
        ),
        (
            lambda: pf.BlackLitterman(confidence=0.5).fit(R).posterior(one_view(), periods="week"),
            "periods is 'week'",
        ),
        (lambda: pf.Views.parse("-GE = 4 % a year", ASSETS), "turn it around: 'GE = -4 % a year'"),
        (lambda: pf.Views.parse("GE = 4", ASSETS), "write '4 % a year', say"),
    ],
)
def test_wrong_arguments_are_sentences(make, said):
    with pytest.raises(pf.BadData, match=said):
        make()


def one_view():
    return pf.Views(ASSETS).relative("AAPL", "GE", 0.04)
