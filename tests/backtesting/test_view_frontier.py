"""Frontiers: returns at equal risk against interpolation by numpy, halves of the calendar, and what is refused."""

import numpy as np
import pytest

from proofolio.backtesting.planted_regimes import planted_returns
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.view_frontier import HALVES, equal_risk_shares, view_frontier
from proofolio.backtesting.view_paths import follow
from proofolio.backtesting.view_trial import ViewDesign, known_before
from proofolio.errors import BadData
from proofolio.forecasts.views.asset_regimes import AssetRegimes

SMALL = ViewDesign(
    confidence="calibrated", regimes=AssetRegimes(window=300, restarts=2), pairs=3, weeks=20, shifts=2,
    covariance_days=120,
)  # fmt: skip
NAMES = ("A", "B", "C", "D")
GAMMAS = (0.3, 1.0, 4.0)


@pytest.fixture(scope="module")
def returns():
    return planted_returns(300 + 5 * 60, seed=3)[0]


@pytest.fixture(scope="module")
def found(returns):
    return view_frontier(returns, NAMES, SMALL, GAMMAS)


def test_shares_interpolate_as_numpy_does_and_never_beyond_the_ends():
    rng = np.random.default_rng(0)
    for _ in range(50):
        others = np.sort(rng.uniform(5, 30, 5))
        earned, risks = rng.standard_normal(5), rng.uniform(0, 35, 7)
        for order in (slice(None), slice(None, None, -1)):  # risk falls with risk aversion
            shares = equal_risk_shares(risks, others[order])
            inside = (risks >= others[0]) & (risks <= others[-1])
            assert (shares.any(axis=1) == inside).all()
            expected = np.interp(risks, others, earned)[inside]
            np.testing.assert_allclose((shares @ earned[order])[inside], expected, atol=1e-12)
            np.testing.assert_allclose(shares[inside].sum(axis=1), 1.0, atol=1e-12)


def test_points_and_differences_are_those_of_portfolios_followed_one_by_one(returns, found):
    known, _, decisions = known_before(returns, SMALL, TaskRunner())
    v = 0.04 / 52
    weeks = known.starts[:, None] + np.arange(20)
    chosen = {HALVES[0]: weeks >= 0, HALVES[1]: weeks < decisions // 2, HALVES[2]: weeks >= decisions // 2}
    net = {}
    for gamma in GAMMAS:
        market = type(known.market)(**(vars(known.market) | {"gamma_risk": gamma}))
        for name, (up, down) in {
            "rule": (known.up, known.down), "50 %": (np.full_like(known.up, 0.5),) * 2
        }.items():  # fmt: skip
            sides = [
                follow(market, known.pairs, known.starts, share, np.full_like(share, sign * v)).net
                for share, sign in ((up, 1), (down, -1))
            ]
            net[name, gamma] = np.stack(sides)
    for half, mask in chosen.items():
        frontier = {}
        for name in ("rule", "50 %"):
            counted = [net[name, g][:, mask] for g in GAMMAS]
            risks, earned = [100 * np.sqrt(52) * x.std() for x in counted], [5200 * x.mean() for x in counted]
            points = found.of(name, 1, half)
            # other plans stand beside these in a batch, so that they end elsewhere within their proved 1e-6
            np.testing.assert_allclose([p.risk for p in points], risks, rtol=1e-6)
            np.testing.assert_allclose([p.net for p in points], earned, rtol=1e-5, atol=1e-5)
            frontier[name] = np.array([(p.risk, p.net) for p in points]).T
        (risks, earned), (others, theirs) = frontier["rule"], frontier["50 %"]
        order = np.argsort(others)
        inside = (risks >= others.min()) & (risks <= others.max())
        told = [d for d in found.differences[1, half] if d.name == "50 %"]
        assert bool(told) == inside.any()
        if told:
            expected = (earned - np.interp(risks, others[order], theirs[order]))[inside].mean()
            assert told[0].mean == pytest.approx(expected, abs=1e-9)
            assert told[0].low <= told[0].mean <= told[0].high


def test_a_strategy_beside_itself_has_no_difference(returns):
    """Confidences of .5 in both views for the rule: at equal risk it is the constant 50 %."""
    always = ViewDesign(**(vars(SMALL) | {"confidence": "sigmoid", "scale": "view", "eta": 1e-12}))
    found = view_frontier(returns, NAMES, always, GAMMAS)
    (same,) = (d for d in found.differences[1, HALVES[0]] if d.name == "50 %")
    assert max(abs(same.mean), abs(same.low), abs(same.high)) < 1e-6
    assert not same.decided


def test_every_plan_is_proved_and_the_document_says_all(found):
    assert found.unproved == 0
    assert 0 < found.largest_gap <= 1e-6
    document = found.document()
    assert {row["strategy"] for row in document["points"]} == {
        "rule",
        "10 %",
        "50 %",
        "90 %",
        "shifted confidences",
    }
    assert document["plans"] == 3 * 3 * 20 * (2 * (1 + 3 + 2) + 2)
    assert all(half in document["sentence"] for half in HALVES)


@pytest.mark.parametrize(
    ("gammas", "horizons", "message"),
    [
        ((1.0,), (1,), "two risk aversions"),
        ((1.0, 1.0), (1,), "two risk aversions"),
        ((1.0, np.nan), (1,), "two risk aversions"),
        ((1.0, -1.0), (1,), "two risk aversions"),
        ((1.0, 2.0), (0,), "give weeks"),
        ((1.0, 2.0), (), "give weeks"),
    ],
)
def test_what_is_no_frontier_is_refused(returns, gammas, horizons, message):
    with pytest.raises(BadData, match=message):
        view_frontier(returns, NAMES, SMALL, gammas, horizons)
