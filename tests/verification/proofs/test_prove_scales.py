"""What a proof forgives: the rounding of the rows it uses, and nothing that another row's size would lend."""

import math
from fractions import Fraction

import pytest

from proofolio.errors import BadData
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.strengths import strength


def settled(claim):
    proof = prove(claim)
    if proof.certificates is not None:
        assert proof.certificates.check(claim).ok
    return proof


@pytest.mark.parametrize("off", [0.5, 1e-3, 1e-8])
def test_the_box_of_another_input_lends_nothing(off):
    def wrong(model, u, wealth):
        v = model.variable("v", lower=-1e9, upper=1e9)
        model.add("r", v == u + off)
        model.add("j", wealth >= 0 * u)
        model.add("k", 1e-9 * wealth + u <= 5)
        return v

    def meaning(u, wealth, v):
        return [v == u, 1e-9 * wealth + u <= 5]

    claim = Claim(wrong, {"u": Box((), 0, 1), "wealth": Box((), 0, 1e9)}, ("v",), [meaning])
    assert settled(claim).verdict == "refuted"


@pytest.mark.parametrize(("big_m", "expected"), [(5e-10, "refuted"), (9.99e-10, "refuted"), (1e-9, "proved")])
def test_a_small_box_has_no_floor_of_one(big_m, expected):
    def either(model, u):
        v = model.variable("v", lower=0, upper=1e-6)
        b = model.variable("b", binary=True)
        model.add("a", v <= u)
        model.add("c", v <= big_m * b)
        model.add("d", v >= u - 1e-9 * (1 - b))
        return v

    claim = Claim(either, {"u": Box((), 0, 1e-9)}, ("v",), [lambda u, v: [v == 0], lambda u, v: [v == u]])
    assert settled(claim).verdict == expected


@pytest.mark.parametrize(("upper", "expected"), [(0.5, "refuted"), (0.999999, "refuted"), (1, "proved")])
def test_an_output_bound_that_cuts_is_refuted(upper, expected):
    def cut(model, u):
        v = model.variable("v", lower=0, upper=upper)
        model.add("r", v == u)
        return v

    claim = Claim(cut, {"u": Box((), 0, 1)}, ("v",), [lambda u, v: [v == u]])
    proof = settled(claim)
    assert proof.verdict == expected
    if expected == "refuted":
        assert proof.witness.values["v"] > Fraction(str(upper))


def test_a_hair_above_rounding_is_refuted():
    def shifted(model, u, by):
        v = model.variable("v", lower=-2, upper=2)
        model.add("r", v == u + by)
        return v

    def claim(by):
        return Claim(lambda m, u: shifted(m, u, by), {"u": Box((), 0, 1)}, ("v",), [lambda u, v: [v == u]])

    assert settled(claim(0.0)).verdict == "proved"
    assert settled(claim(1e-12)).verdict == "refuted"


@pytest.mark.parametrize("limit", [0, -1, math.nan, "10", None, True])
def test_a_time_limit_is_a_positive_number(limit):
    claim = Claim(lambda model, u: None, {"u": Box((), 0, 1)}, (), [lambda u: u >= 0])
    for decide in (prove, strength):
        with pytest.raises(BadData, match=r"time_limit is .*: give seconds, a number above 0"):
            decide(claim, time_limit=limit)


def square(z):
    return z.owner.quadratic([[1.0]], z.reshape((1,)))


@pytest.mark.parametrize(
    ("box", "off", "reach", "limit"), [(1e9, 0.5, 1e9, 1e12), (1e9, 9e-3, 1e9, 1e8), (1.0, 1e-8, 3.0, 1.0)]
)
def test_a_quadratic_row_of_another_input_lends_nothing(box, off, reach, limit):
    def wrong(model, u, w, z):
        model.add("l", w <= u + off)
        model.add("q", square(z) <= limit)

    def meaning(u, w, z):
        return [w <= u, square(z) <= limit]

    inputs = {"u": Box((), 0, box), "w": Box((), 0, box), "z": Box((), 0, reach)}
    assert settled(Claim(wrong, inputs, (), [meaning])).verdict == "refuted"
