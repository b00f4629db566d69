"""The experiment with views: portfolios by another road, intervals, placebos; the planted is told from noise."""

import json
from dataclasses import replace

import numpy as np
import pytest

import proofolio as pf
from proofolio.backtesting.planted_regimes import planted_returns
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.view_experiment import horizon_differences, view_experiment
from proofolio.backtesting.view_paths import WeeklyMarket, both_at_once, follow, held
from proofolio.backtesting.view_trial import ViewDesign, difference_of
from proofolio.forecasts.views.asset_regimes import AssetRegimes

SMALL = ViewDesign(
    confidence="calibrated", regimes=AssetRegimes(window=300, restarts=2), pairs=4, weeks=20, shifts=3,
    covariance_days=120,
)  # fmt: skip


def market(D=6, n=4, seed=0):
    rng = np.random.default_rng(seed)
    Sigma = np.stack([np.cov(0.03 * rng.standard_normal((n, 40))) for _ in range(D)])
    w = rng.dirichlet(np.ones(n), D)
    return WeeklyMarket(
        Sigma=Sigma,
        prior=2.5 * np.einsum("dij,dj->di", Sigma, w),
        market=w,
        returns=0.03 * rng.standard_normal((D, n)),
        half_spread=np.full(n, 2.5e-4),
        power_impact=np.full(n, 4e-4),
        gamma_risk=1.25,
        gamma_trade=1.0,
        tau=0.05,
    )


def test_a_portfolio_is_that_of_single_steps_over_the_posterior():
    known = market()
    share, value = np.array([[0.3, 0.9, 0.0, 1.0]]), np.full((1, 4), 2e-3)
    found = follow(known, np.array([[2, 0]]), np.array([1]), share, value)
    stepper = pf.MeanVariance(
        4, 1, 1.25, 1.0, half_spread=known.half_spread, power_impact=known.power_impact
    ).stepper(tolerance=1e-9)
    w = known.market[1]
    p = np.array([-1.0, 0, 1, 0])
    for t in range(4):
        at = 1 + t
        said = pf.posterior(known.prior[at], known.Sigma[at], [p], [2e-3], [share[0, t]], 0.05)
        plan = stepper.solve(said.mean, said.covariance, w)
        u = np.abs(plan.W[0] - w)
        cost = known.half_spread @ u + known.power_impact @ u**1.5
        grown = plan.W[0] * (1 + known.returns[at])
        assert found.turnover[0, t] == pytest.approx(
            u.sum(), abs=2e-3
        )  # both proved to 1e-6 of a flat objective
        assert found.net[0, t] == pytest.approx((1 - cost) * grown.sum() - 1, abs=1e-4)
        w = grown / grown.sum()
    assert not found.unproved.any()
    assert found.gap.max() <= 1e-6


def test_with_constant_forecasts_a_horizon_only_divides_the_price_of_trading():
    known = replace(market(), power_impact=np.zeros(4))
    asked = (np.array([[2, 0]]), np.array([1]), np.full((1, 4), 0.8), np.full((1, 4), 5e-3))
    two = follow(replace(known, horizon=2), *asked, tolerance=1e-8)
    half = follow(replace(known, gamma_trade=0.5), *asked, tolerance=1e-8)
    one = follow(known, *asked, tolerance=1e-8)
    np.testing.assert_allclose(two.turnover, half.turnover, atol=2e-4)
    assert np.abs(one.turnover - half.turnover).max() > 1e-3


def test_both_views_at_once_are_one_view():
    known = market()
    up, down = np.array([0.2, 0.9, 0.5, 0.0]), np.array([0.7, 0.9, 0.1, 1.0])
    share, value = both_at_once(up, down)
    p = np.array([1.0, -1, 0, 0])
    for c1, c2, c, v in zip(up, down, share, value, strict=True):
        both = pf.posterior(known.prior[0], known.Sigma[0], [p, p], [1e-3, -1e-3], [c1, c2])
        one = pf.posterior(known.prior[0], known.Sigma[0], [p], [1e-3 * v], [c])
        np.testing.assert_allclose(both.mean, one.mean, rtol=1e-6)


def test_the_market_held_is_its_own_wealth():
    known = market()
    found = held(known, np.array([2]), 3)[0]
    money = known.market[2].copy()
    for t in range(3):
        after = money * (1 + known.returns[2 + t])
        assert found[t] == pytest.approx(after.sum() / money.sum() - 1)
        money = after


def test_an_interval_of_blocks_is_wider_where_weeks_of_a_block_move_together():
    random = np.random.default_rng(0)
    blocks = np.arange(520)[None] // 26
    draws = np.random.default_rng(1).integers(0, 20, (2000, 20))
    alone = random.standard_normal((1, 520))
    together = np.repeat(random.standard_normal(20), 26)[None]
    narrow, wide = (difference_of("", 1e-3 * x, blocks, draws).half_width for x in (alone, together))
    # sd of a mean of 520 and of 20: per year in %, times 1.96
    assert narrow == pytest.approx(5.2 * 1.96 * alone.std() / 520**0.5, rel=0.35)
    assert wide == pytest.approx(5.2 * 1.96 * together.std() / 20**0.5, rel=0.2)
    same = difference_of("", np.full((1, 520), 1e-3), blocks, draws)
    assert (same.mean, same.low, same.high) == pytest.approx((5.2, 5.2, 5.2))
    assert same.decided


def test_the_same_seed_gives_the_same_and_kept_pieces_change_nothing(tmp_path):
    returns, _ = planted_returns(420, 3, seed=1)
    runner = TaskRunner(1, tmp_path)
    one = view_experiment(returns, ("A", "B", "C"), SMALL, runner)
    again = view_experiment(returns, ("A", "B", "C"), SMALL, runner)
    assert one.document() == again.document()
    assert json.dumps(one.document(), allow_nan=False)
    assert one.said["unproved"] == 0
    assert len(one.placebos) == 3
    assert 1 <= one.rank <= 4
    assert one.strategies["market"]["cost"] == 0
    assert {"10 %", "50 %", "90 %", "market", "shifted confidences"} <= {d.name for d in one.differences}


def test_noise_in_the_future_changes_no_confidence_before_it():
    returns, _ = planted_returns(420, 3, seed=2)
    other = returns.copy()
    other[-40:] = 0.03 * np.random.default_rng(5).standard_normal((40, 3))
    one, changed = (view_experiment(x, ("A", "B", "C"), SMALL) for x in (returns, other))
    for i, start in enumerate(one.starts):
        weeks = [t for t in range(20) if 300 + 5 * (start + t) <= 380]
        assert weeks
        np.testing.assert_array_equal(one.confidence[:, i, weeks], changed.confidence[:, i, weeks])


def test_planted_regimes_are_believed_where_the_view_is_true_and_shifted_ones_are_not():
    """Confidences, and not only earnings: the view on the asset that is calm while the other is wild is true."""
    returns, means = planted_returns(1300, 2, seed=3)
    decisions = np.arange(800, 1301, 5)
    history = AssetRegimes(window=800, restarts=2).history(returns, decisions)
    r_hat, v = history.mean[:, 0] - history.mean[:, 1], 0.04 / 252
    rule = ViewDesign().rule
    conf = [
        rule(r_hat, np.full(len(r_hat), s * v), np.ones(len(r_hat)), np.ones(len(r_hat))) for s in (1, -1)
    ]
    apart = means[decisions - 1, 0] - means[decisions - 1, 1]

    def told(shift):
        up, down = (np.roll(c, shift) for c in conf)
        true = np.concatenate([up[apart > v], down[-apart > v]])
        false = np.concatenate([up[-apart > v], down[apart > v]])
        assert min(len(true), len(false)) > 20
        return true.mean() - false.mean()

    assert told(0) > 0.2
    assert told(0) > max(told(shift) for shift in range(5, 96, 5))  # a placebo knows nothing


def test_planted_returns_have_the_moments_they_are_said_to_have():
    returns, means = planted_returns(60_000, 2, seed=0)
    wild = means < 0
    assert wild.mean() == pytest.approx(0.25, abs=0.03)
    assert returns[wild].std() == pytest.approx(150e-4, rel=0.03)
    assert returns[~wild].std() == pytest.approx(60e-4, rel=0.03)
    assert (wild[1:] == wild[:-1])[wild[:-1]].mean() == pytest.approx(0.97, abs=0.005)
    _, same = planted_returns(100, 2, equal_means=True)
    assert np.ptp(same) == 0
    assert same[0, 0] == pytest.approx(0.75 * 12e-4 - 0.25 * 24e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weeks": 0}, "give 1 or more of each"),
        ({"confidence": "0.5"}, "choose sigmoid, cdf or calibrated"),
        ({"volume": 0.0}, "no volume is known: give --volume or --no-impact"),
    ],
)
def test_designs_that_mean_nothing_are_refused(change, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        ViewDesign(**change)


def test_too_short_a_table_is_refused():
    returns, _ = planted_returns(350, 3)
    with pytest.raises(
        pf.BadData, match="300 rows are needed before the first decision and 20 weeks after it: 405"
    ):
        view_experiment(returns, ("A", "B", "C"), SMALL)
    with pytest.raises(pf.BadData, match="two assets or more"):
        view_experiment(returns[:, :1], ("A",), SMALL)


def test_a_longer_plan_is_held_against_cheaper_trades():
    returns, _ = planted_returns(500, 3, seed=2)
    design = replace(SMALL, impact=0.0, weeks=10, pairs=2)
    found = horizon_differences(returns, design, [1, 2])
    assert [d.name for d in found] == ["H = 2 less H = 1", "H = 2 less H = 1 at gamma_trade / 2"]
    # Each is what two experiments differ by.
    one, two, half = (
        view_experiment(returns, ("A", "B", "C"), changed).strategies["rule"]["certainty_equivalent"]
        for changed in (design, replace(design, horizon=2), replace(design, gamma_trade=0.5))
    )
    assert found[0].mean == pytest.approx(two - one, abs=1e-8)
    assert found[1].mean == pytest.approx(two - half, abs=1e-8)
    assert abs(found[1].mean) < abs(found[0].mean)
