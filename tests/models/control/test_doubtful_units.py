"""Numbers of another unit: what cannot be right is refused, what hardly is is doubted, and the rest passes silently."""

import numpy as np
import pytest

import proofolio as pf

from .problems import G3

VOLATILITIES = np.array([0.18, 0.22, 0.09])  # a year: shares, technology, bonds and gold
CORRELATION = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.0], [0.1, 0.0, 1.0]])
ALPHA = np.array([[0.09, 0.12, 0.02], [0.02, 0.0, 0.03], [-0.12, -0.15, 0.04]])
PER_DAY, PER_MONTH = 1 / 252, 1 / 12


def covariances():
    return np.array([s**2 * np.outer(VOLATILITIES, VOLATILITIES) * CORRELATION for s in (0.8, 1.0, 1.6)])


def made(*, G=G3, alpha=1.0, Sigma=1.0, **options):
    """Return a problem whose drifts, covariances and generator are those of a year times factors."""
    return pf.RegimeControl(np.asarray(G), ALPHA * alpha, covariances() * Sigma, **options)


def test_a_year_of_each_passes_without_a_word():
    made(l1=0.0005, fixed=0.001, limits=1.0)
    made(alpha=0.0)
    made(G=np.zeros((3, 3)))  # regimes that never end have no length to doubt
    pf.RegimeControl(np.zeros((1, 1)), [[0.02]], [[[0.07**2]]])  # bonds alone


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"alpha": PER_DAY}, r"no drift is above 0.\d+ % of its volatility, as if alpha were of a day:"),
        (
            {"Sigma": PER_MONTH},
            r"Sigma has a volatility of 5.1 %, that of bonds in a year or of shares in a month",
        ),
        ({"alpha": PER_MONTH, "Sigma": PER_MONTH}, "shares in a month"),
        ({"alpha": 100.0}, r"alpha\[0,1\] is 68.2 times its volatility, as if it were in percents"),
        ({"alpha": 1.0, "Sigma": 1 / 252, "units": "year"}, None),
        ({"alpha": PER_DAY, "units": "year"}, None),
        (
            {"G": G3 * PER_DAY},
            "no regime lasts less than 1.26e[+]03 years, as if the generator were of a day or month",
        ),
        ({"G": G3 * PER_MONTH}, "no regime lasts less than 60 years"),
        ({"l1": 0.5}, "l1 holds 0.5, 50 % of what is traded: 5 basis points are 0.0005"),
        ({"fixed": 5.0, "limits": 1.0}, "fixed is 5 for asset 0, whose largest trade within the limits is 2"),
    ],
)
def test_units_that_are_hardly_right_are_doubted(given, words):
    if words is None:
        made(**given)  # insisted on: warnings are errors here
        return
    with pytest.warns(pf.DoubtfulUnits, match=words) as said:
        made(**given)
    assert len(said) == 1
    assert said[0].filename == __file__


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Sigma": PER_DAY}, r"Sigma\[0\] looks daily \(volatility 0.91 %\): give yearly"),
        ({"Sigma": 1e4}, r"Sigma\[0\] looks like that of percents \(volatility 1440 %\): give fractions"),
        ({"alpha": 100.0, "Sigma": 1e4}, "looks like that of percents"),
        (
            {"l1": 5.0},
            "l1 holds 5: no trade costs all that is traded; give fractions, 0.0005 for 5 basis points",
        ),
        ({"l1": [0.001, 10.0, 0.0]}, "l1 holds 10: no trade"),
    ],
)
def test_units_that_cannot_be_right_are_refused(given, words):
    with pytest.raises(pf.BadData, match=words):
        made(**given)


def test_costs_of_a_simulation_are_fractions_too():
    control = made()
    for call in (lambda costs: control.simulate(control.one_step(), 2, 0.1, 52, costs), control.match_costs):
        with pytest.raises(pf.BadData, match="costs holds 2: no trade costs all that is traded"):
            call(2)
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, (300, 2)), axis=0))
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(prices, index=pd.bdate_range("2020-01-01", periods=300), columns=["A", "B"])
    with pytest.raises(pf.BadData, match="costs holds 5: no trade"):
        pf.RegimeControl.fit(frame, 2, costs=5)
    frame["B"] = 50.0
    with pytest.raises(pf.BadData, match="the price of B never moves"):
        pf.RegimeControl.fit(frame, 2)
