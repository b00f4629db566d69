"""Strategies that follow views: what they hold, what they may know, and how they are named and read."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import begun
from proofolio.backtesting.strategies import strategies_named
from proofolio.backtesting.tuning import Grid, tunable
from proofolio.backtesting.view_strategies import HoldMarket, ViewControl
from proofolio.backtesting.views_file import EXAMPLE_VIEWS, read_views
from proofolio.errors import BadData
from proofolio.forecasts.views import AssetRegimes, Views

NAMES = ("A", "B", "C", "D")
DAYS, WINDOW = 220, 120


def market(seed=0, noise_from=None):
    """Four assets with calm and wild spans; from a row on other numbers, where that is asked for."""
    g = np.random.default_rng(seed)
    wild = (np.arange(DAYS) // 17) % 3 == 2
    sd = np.where(wild, 0.02, 0.006)[:, None] * np.array([1.0, 0.8, 1.2, 0.5])
    returns = np.where(wild, -1e-3, 8e-4)[:, None] + sd * g.standard_normal((DAYS, 4))
    if noise_from is not None:
        returns[noise_from:] = np.random.default_rng(99).standard_normal((DAYS - noise_from, 4)) * 0.05
    dates = pd.bdate_range("2020-01-01", periods=DAYS)
    return Market.from_returns(pd.DataFrame(returns, index=dates, columns=NAMES))


def views():
    return Views(NAMES).relative("A", "B", 0.04, per="year").absolute("C", 0.10, per="year")


def control(**options):
    return ViewControl.of(
        views(), regimes=AssetRegimes(window=WINDOW, threshold=0.9, restarts=1), covariance_days=90, **options
    )


ALL = {
    "views": control(),
    "ahead": control(horizon=2, ahead=True),
    "static": control(confidence=0.5, name="views-static:0.5"),
    "placebo": control(placebo=True, lag=4, name="views-placebo"),
    "market": HoldMarket(),
}


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
@pytest.mark.parametrize("kind", ALL)
def test_what_comes_later_changes_nothing_before(kind):
    start, until = 160, 190
    seen = [
        pf.simulate(made, ALL[kind], 0.0, start=start, rebalance="daily").weights[: until - start + 1]
        for made in (market(), market(noise_from=until))
    ]
    np.testing.assert_array_equal(*seen)
    assert np.ptp(seen[0], axis=0).max() > 0.0


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
def test_plans_are_made_once_a_week_and_holdings_kept_between():
    made = market()
    run = pf.simulate(made, ALL["static"], 0.0, start=160, rebalance="daily")
    days = pd.DatetimeIndex(made.dates[159 : DAYS - 1])  # closes of the trades
    first = np.append(True, np.diff(days.isocalendar().week.to_numpy(dtype=int)) != 0)
    traded = np.abs(run.trades).sum(axis=1)
    assert traded[~first].max() < 1e-15
    assert (traded[first] > 0.0).all()


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
def test_a_static_confidence_is_the_posteriors_plan():
    made = market()
    day, share = 170, 0.7
    held = np.array([0.1, 0.2, 0.3, 0.4])
    asked = replace(ALL["static"], confidence=share, half_spread=3e-4, impact=2.0, volume=1e7, value=1e6)
    W, proved, *_ = begun(asked, made, day).decide(day, made.returns[day], None, held)
    # independently: precision form of Black and Litterman, costs and plan by CVXPY
    known = made.returns[: day + 1]
    a_week = 252 / 52
    Sigma = np.cov(known[-90:].T, ddof=_ddof()) * a_week
    grown = np.cumprod(1.0 + known, axis=0)[-1]
    prior = 2.5 * Sigma @ (grown / grown.sum())
    P, v = np.array([[1.0, -1, 0, 0], [0, 0, 1, 0]]), np.array([0.04, 0.10]) / 52
    omega = np.diag(np.diag(P @ (0.05 * Sigma) @ P.T) * (1 - share) / share)
    M = np.linalg.inv(np.linalg.inv(0.05 * Sigma) + P.T @ np.linalg.inv(omega) @ P)
    mean = M @ (np.linalg.inv(0.05 * Sigma) @ prior + P.T @ np.linalg.inv(omega) @ v)
    S = Sigma + M
    sd = known[-90:].std(axis=0) * np.sqrt(a_week)
    k = 2.0 * sd * np.sqrt(1e6 / (1e7 * a_week))
    w = cp.Variable(4)
    u = w - held
    cost = cp.sum(3e-4 * cp.abs(u)) + k @ cp.power(cp.abs(u), 1.5)
    best = cp.Problem(
        cp.Maximize(1e3 * (mean @ w - 1.25 * cp.quad_form(w, cp.psd_wrap(S)) - cost)),
        [cp.sum(w) == 1, w >= 0],
    )
    best.solve(solver="CLARABEL")
    assert proved
    own = mean @ W - 1.25 * W @ S @ W - (3e-4 * np.abs(W - held) + k * np.abs(W - held) ** 1.5).sum()
    assert own == pytest.approx(best.value / 1e3, abs=1e-8)
    np.testing.assert_allclose(W, w.value, atol=2e-3)


def _ddof():
    """Of the package's sample covariance, seen from outside."""
    returns = 0.01 * np.random.default_rng(0).standard_normal((90, 2))
    found = pf.BlackLitterman(confidence=0.5, covariance_days=90, risk="prior").fit(returns)
    given = found.posterior(
        Views(("0", "1")).absolute("0", 0.0, direction=1), periods=252
    ).covariance.to_numpy()
    return int(np.argmin([np.abs(given - np.cov(returns.T, ddof=d)).max() for d in (0, 1)]))


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
def test_a_placebo_believes_what_was_believed_weeks_before():
    made = market()
    closes = range(160, 200, 5)
    seen = {}
    for kind in ("views", "placebo"):
        policy = begun(ALL[kind], made, closes[0])
        seen[kind] = []
        for day in closes:
            found = policy._posteriors(made.history(day + 1))[0]
            seen[kind].append(found.confidence.to_numpy())
    assert np.ptp(seen["views"], axis=0).max() > 0.01
    # its walk began 4 weeks before, so its beliefs are its own: those of week t are used in week t + 4
    policy = begun(ALL["placebo"], made, closes[0])
    own = [policy._believed[i].copy() for i in range(len(policy._believed))]
    for day in closes:
        policy._posteriors(made.history(day + 1))
        own.append(policy._believed[-1].copy())
    np.testing.assert_allclose(seen["placebo"], own[: len(closes)], atol=1e-12)


def test_the_market_is_bought_equally_on_the_first_day_and_held():
    made = market()
    run = pf.simulate(made, HoldMarket(), 0.0, start=160, rebalance="weekly")
    worth = np.cumprod(1.0 + made.returns, axis=0)
    expected = worth[159 : DAYS - 1] / worth[159 : DAYS - 1].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(run.weights, expected, atol=1e-12)
    assert np.abs(run.trades[1:]).max() < 1e-12


def test_names():
    made = strategies_named(["market", "views", "views-static:0.5", "views-placebo"], NAMES, views=views())
    assert [s.name for s in made] == ["market", "views", "views-static:0.5", "views-placebo"]
    assert [getattr(s, "confidence", None) for s in made] == [None, "calibrated", 0.5, "calibrated"]
    assert made[3].placebo
    assert made[1].assets == ("A", "B", "C")
    # a share a view states itself is not that of views-static
    sure = Views(NAMES).relative("A", "B", 0.04, confidence=0.9)
    (static,) = strategies_named(["views-static:0.2"], NAMES, views=sure)
    assert static.views[0].confidence is None
    for name, given, message in (
        ("views", None, "follows views, and none are given"),
        ("views-static:x", views(), "views-static:0.5"),
        ("views-static:1.5", views(), "1.5"),
        ("views:0.5", views(), "only views-static takes a confidence"),
        ("viws", views(), "did you mean"),
    ):
        with pytest.raises(BadData, match=message):
            strategies_named([name], NAMES, views=given)
    with pytest.raises(BadData, match="placebo"):
        control(placebo=True, confidence=0.5)


def test_a_grid_varies_horizon_risk_and_costs():
    found = Grid((1, 2), (1.0,), (0.5, 2.0)).candidates(tunable("views", NAMES, views()))
    assert [(s.horizon, s.gamma_risk, s.gamma_trade) for s in found] == [
        (1, 1.0, 0.5), (1, 1.0, 2.0), (2, 1.0, 0.5), (2, 1.0, 2.0)
    ]  # fmt: skip


def test_the_example_of_a_file_is_read(tmp_path):
    file = tmp_path / "views.toml"
    file.write_text(EXAMPLE_VIEWS)
    assets = ["AAPL", "GE", "XOM", "JPM", "BAC", "KO"]
    found = read_views(file, assets)
    assert len(found.views) == 3
    assert found.views[1].confidence == pytest.approx(0.3)
    assert (found.half_spread, found.volume, found.regimes.window) == (pytest.approx(2.5e-4), 1e9, 1700)
    for text, message in {
        "views = []": "views is",
        'views = ["AAPL - TSLA = 4 % a year"]': "TSLA",
        'vews = ["AAPL = 4 % a year"]': "did you mean",
        'views = ["AAPL = 4 % a year"]\n[plan]\ngama_risk = 1': "did you mean",
        'views = ["AAPL = 4 % a year"]\n[plan]\nhalf_spread_bps = 1\nasymmetry_bps = 4': "asymmetry",
        'views = ["AAPL = 4 % a year"]\nplan = 3': "as a table",
        'views = ["AAPL = 4 % a year"]\nconfidence = "sure"': "confidence is 'sure'",
        "views = [": "is not TOML",
    }.items():
        file.write_text(text)
        with pytest.raises(BadData, match=message):
            read_views(file, assets)
    with pytest.raises(BadData, match="cannot be read"):
        read_views(tmp_path / "none.toml", assets)


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
def test_an_asset_that_cannot_be_held_leaves_no_answer():
    returns = pd.DataFrame(market().returns.copy(), index=pd.DatetimeIndex(market().dates), columns=NAMES)
    returns.loc[returns.index[190] :, "C"] = np.nan
    made = Market.from_returns(returns)
    run = pf.simulate(made, ALL["static"], 0.0, start=160, rebalance="weekly")
    assert run.unanswered.any()
    assert not run.unanswered[:29].any()


def test_trades_of_today_say_how_far_each_view_is_believed():
    rng = np.random.default_rng(0)
    wild = (np.arange(420) // 50) % 3 == 1
    values = np.where(wild, 0.02, 0.007)[:, None] * rng.standard_normal((420, 3)) + 3e-4
    dates = pd.bdate_range("2020-01-01", periods=421)
    prices = pd.DataFrame(
        100 * np.vstack([np.ones(3), np.cumprod(1 + values, axis=0)]), dates, ["A", "B", "C"]
    )
    views = pf.Views(prices.columns).relative("A", "B", 0.04).absolute("C", 0.08, confidence=0.5)
    control = ViewControl.of(views, regimes=pf.AssetRegimes(window=300, restarts=2))
    today = pf.trades_today(prices, {"A": 0.4, "B": 0.3, "C": 0.3}, control, window=300)
    direct = pf.BlackLitterman(regimes=pf.AssetRegimes(window=300, restarts=2)).fit(
        prices.pct_change().iloc[1:]
    )
    expected = direct.posterior(views, periods=52)
    pd.testing.assert_series_equal(today.views.confidence, expected.confidence, rtol=1e-9)
    pd.testing.assert_series_equal(today.views.mean, expected.mean, rtol=1e-9)
    text = "\n".join(today.reasons())
    assert "A - B = +4 %: claims +1.59 bp, the regimes say" in text
    assert "confidence 0.50; it has moved" in text
    assert "surprise  Theil's test of prior and views: p =" in text
    assert today.document()["views"]["views"][1]["confidence"] == 0.5


@pytest.mark.filterwarnings("ignore::proofolio.errors.DoubtfulViews")
def test_backtest_tune_and_trade_take_views():
    made = market()
    prices = pd.DataFrame(
        100.0 * np.cumprod(1.0 + made.returns, axis=0), index=pd.DatetimeIndex(made.dates), columns=NAMES
    )
    options = {"views": control(), "window": WINDOW + 10}
    names = ["market", "views", "views-static:0.5", "views-placebo"]
    result = pf.backtest(prices, names, rebalance="weekly", **options)
    assert list(result.figures.index) == names
    assert (result.figures["unanswered"] == 0).all()
    assert (result.figures["unproved"] == 0).all()
    grid = {"horizon": [1], "gamma_risk": [1.25], "gamma_trade": [1.0, 4.0]}
    found = pf.tune(prices, "views", grid, rebalance="weekly", **options)
    assert {trial.strategy.gamma_trade for trial in found.trials} == {1.0, 4.0}
    today = pf.trades_today(prices, {"A": 0.5, "D": 0.5}, "views", **options)
    assert today.proved
    assert today.wanted.sum() == pytest.approx(1.0)
