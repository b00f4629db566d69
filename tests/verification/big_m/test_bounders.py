"""Bounds by linear and integer programs for the builder, and users' constants checked against them."""

import warnings

import numpy as np
import pytest

from proofolio import BadData, InvalidBigM, Model, implies
from proofolio.errors import UnprovenBigM
from proofolio.verification.big_m.given import check_big_m
from proofolio.verification.big_m.tiers import BOUNDERS, lp_bounder, mip_bounder


def budget():
    model = Model(bounders=BOUNDERS)
    w = model.variable("w", 3, lower=0)
    model.add("budget", w.sum() == 1)
    return model, w


def test_the_relaxation_bounds_what_intervals_do_not():
    model, w = budget()
    found = lp_bounder(model, 2 * w - 0.25)
    assert found.lower.tolist() == [-0.25] * 3
    assert found.upper.tolist() == [1.75] * 3
    assert model.bounds(w[0] - w[1], "lp") == (-1.0, 1.0)


def test_integers_bound_more_tightly():
    model = Model(bounders=BOUNDERS)
    b = model.variable("b", 3, binary=True)
    model.add("half", 2 * b.sum() <= 3)
    assert model.bounds(b.sum(), "lp").upper == 1.5
    assert 1.0 <= mip_bounder(model, b.sum()).upper <= 1.0 + 1e-5
    assert model.bounds(b.sum(), "interval").upper == 3.0


def test_a_bound_is_never_worse_than_the_interval_s():
    model = Model()
    x = model.variable("x", 4, lower=-1, upper=[1, 2, 3, 4])
    rng = np.random.default_rng(0)
    e = rng.normal(size=(5, 4)) @ x + rng.normal(size=5)
    sharp, rule = lp_bounder(model, e), model.interval(e)
    assert np.all(sharp.upper <= rule.upper)
    assert np.all(sharp.lower >= rule.lower)
    assert np.all(rule.upper - sharp.upper < 1e-12)


def test_quadratics_and_constants():
    model, w = budget()
    found = lp_bounder(model, w[0] + 0 * w[1] + 3)
    assert (float(found.lower), float(found.upper)) == (3.0, 4.0)
    x = model.variable("x", 2, lower=-1, upper=1)
    quadratic = lp_bounder(model, model.quadratic(np.eye(2), x) + w[0])
    assert 3.0 <= float(quadratic.upper) < 3.0 + 1e-12
    assert float(quadratic.lower) == pytest.approx(0.0, abs=1e-12)


def test_formulations_ask_for_a_tier():
    model, w = budget()
    z = model.variable("z", 3, binary=True)
    implies(model, "small", z, w <= 0.25, big_m="lp")
    switch = model.freeze().rows[-1].switch
    assert switch.tier == "lp"
    assert switch.big_m.tolist() == [0.75] * 3


def test_a_user_s_m_is_tightened_kept_or_refuted():
    model, w = budget()
    body = w - 0.25
    assert check_big_m(model, "small", body, 10.0).tolist() == [0.75] * 3
    assert check_big_m(model, "small", body, 10.0, keep=True).tolist() == [10.0] * 3
    assert check_big_m(model, "small", body, [0.75, 0.8, 9.0]).tolist() == [0.75] * 3
    with pytest.raises(
        InvalidBigM, match=r"big_m = 0.5 of 'small' is too small: 0.75 is needed at w\[0\] = 1"
    ):
        check_big_m(model, "small", body, 0.5)


def test_the_binary_is_held_off():
    model = Model()
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", binary=True)
    model.add("other", x <= 4 + 5 * z)
    sharp = ("lp",)
    assert check_big_m(model, "link", x - 1, 8.0, binary=z, off=0, tiers=sharp) == 3.0
    assert check_big_m(model, "link", x - 1, 8.0, binary=1 - z, off=1, tiers=sharp) == 3.0
    assert check_big_m(model, "link", x - 1, 8.0, binary=1 - z, off=0, tiers=sharp) == 8.0
    assert check_big_m(model, "link", x - 1, 8.0, tiers=sharp) == 8.0
    with pytest.raises(InvalidBigM):
        check_big_m(model, "link", x - 1, 2.5, binary=z, off=0)


def test_integers_settle_what_the_relaxation_leaves_open():
    model = Model()
    b = model.variable("b", 3, binary=True)
    model.add("half", 2 * b.sum() <= 3)
    assert check_big_m(model, "sum", b.sum(), 1.0) == 1.0
    with pytest.warns(UnprovenBigM, match="between 1 and 1.5"):
        check_big_m(model, "sum", b.sum(), 1.2, tiers=("interval", "lp"))


def test_what_cannot_be_proved_is_said():
    model = Model()
    x = model.variable("x", lower=0)
    with pytest.warns(UnprovenBigM, match="not proved"):
        assert check_big_m(model, "open", x, 5.0) == 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.add("cap", x <= 5)
        assert check_big_m(model, "open", x, 5.0) == 5.0


def test_bad_arguments():
    model, w = budget()
    for M in (-1.0, np.inf, np.nan, [1.0, 2.0]):
        with pytest.raises(BadData):
            check_big_m(model, "small", w, M)
    with pytest.raises(BadData, match="binary"):
        check_big_m(model, "small", w, 1.0, binary=w.sum())
