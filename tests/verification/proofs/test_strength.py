"""Sharp and ideal, with a witness when not."""

from fractions import Fraction

import numpy as np
import pytest

from proofolio import implies, maximum, product
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.implications import implies_meaning
from proofolio.formulations.products import product_meaning
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.strengths import strength

BU = {"b": Box(1, 0, 1, integer=True), "u": Box(1, -1, 2)}


def of_product(lowering):
    return Claim(lambda m, b, u: product(m, "w", b, u, lowering=lowering), BU, ("v",), product_meaning())


def of_maximum(K, lowering):
    rng = np.random.default_rng(K)
    box = Box((K, 1), np.round(rng.uniform(-2, 0, (K, 1)), 2), np.round(rng.uniform(0.5, 2, (K, 1)), 2))
    return Claim(lambda m, u: maximum(m, "w", u, lowering=lowering), {"u": box}, ("v",), maximum_meaning(K))


def test_the_hull_of_a_product_is_sharp_and_ideal():
    found = strength(of_product("hull"))
    assert (found.sharp, found.ideal, found.reason) == (True, True, "")


def test_one_m_for_a_product_is_neither_and_the_witnesses_say_so():
    found = strength(of_product("big-m"))
    assert (found.sharp, found.ideal) == (False, False)
    # the relaxation -2b <= v <= 2b, |v - u| <= 2(1 - b) goes further in the direction named
    d = {name[0]: float(value) for name, value in found.direction.items()}

    def value(b, u, v):
        return d.get("b", 0) * b + d.get("u", 0) * u + d.get("v", 0) * v

    meant = max([value(0, u, 0) for u in (-1, 2)] + [value(1, u, u) for u in (-1, 2)])
    grid = np.linspace(0, 1, 41)
    v_grid = np.linspace(-1, 2, 121)
    loose = max(
        value(b, u, v)
        for b in grid
        for u in (-1, 2)
        for v in v_grid
        if abs(v) <= 2 * b + 1e-12 and abs(v - u) <= 2 * (1 - b) + 1e-12
    )
    assert loose > meant + 1e-6
    assert found.vertex["b[0]"].denominator > 1


@pytest.mark.parametrize("K", [2, 3])
def test_the_big_m_maximum_is_neither(K):
    found = strength(of_maximum(K, "big-m"))
    assert (found.sharp, found.ideal) == (False, False)
    assert found.direction
    assert any(value.denominator > 1 for name, value in found.vertex.items() if "chosen" in name)


def test_large_parts_are_tried_in_random_directions():
    found = strength(of_maximum(3, "hull"), directions=40)
    assert (found.sharp, found.ideal, found.tried) == (None, None, 40)
    assert found.reason == "none found in 40 directions"
    again = strength(of_maximum(4, "big-m"), directions=200, seed=3)
    assert (again.sharp, again.ideal) == (False, False)
    assert again.direction == strength(of_maximum(4, "big-m"), directions=200, seed=3).direction


def test_implications():
    inputs = {"z": Box(1, 0, 1, integer=True), "x": Box((2, 1), [[-1], [-2]], [[1], [2]])}

    def claim(lowering):
        return Claim(
            lambda m, z, x: implies(m, "w", z, x.sum(0) <= -2, lowering=lowering),
            inputs,
            (),
            implies_meaning(lambda x: x.sum(0) <= -2),
        )

    hull, loose = strength(claim("hull")), strength(claim("big-m"))
    assert (hull.sharp, hull.ideal) == (True, True)
    assert loose.sharp is False
    assert Fraction(0) < max(abs(v) for v in loose.direction.values())


def test_formulations_without_binaries_are_ideal():
    found = strength(
        Claim(
            lambda m, u: maximum(m, "w", u, side="at_least"),
            {"u": Box((2, 1), -1, [[1], [2]])},
            ("v",),
            maximum_meaning(2, "at_least"),
        )
    )
    assert (found.sharp, found.ideal) == (True, True)


def test_what_cannot_be_read_has_its_reason():
    def rows(model, u):
        v = model.variable("w")
        model.cone("square", u, v)
        return v

    found = strength(Claim(rows, {"u": Box(1, 0, 1)}, ("v",), [lambda u, v: v >= 0]))
    assert (found.sharp, found.ideal) == (None, None)
    assert "quadratic" in found.reason


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_strength_is_the_same_at_every_size(size):
    """v <= M b for v in [0, size]: with M = size every vertex is whole, with twice that one has b = 1/2."""

    def claim(share):
        def function(model):
            v = model.variable("v", lower=0, upper=size)
            b = model.variable("b", binary=True)
            model.add("on", v <= share * size * b)
            return v

        return Claim(function, {}, ("v",), [lambda v: [v >= 0, v <= size]])

    assert strength(claim(1)).ideal is True
    assert strength(claim(2)).ideal is False


def test_a_small_share_of_a_large_m_is_no_whole_number():
    """v <= 1 and v <= 1e10 b: the vertex v = 1, b = 1e-10 is not whole, though a solver takes it for that."""

    def function(model):
        v = model.variable("v", lower=0, upper=1)
        b = model.variable("b", binary=True)
        model.add("on", v <= 1e10 * b)
        return v

    found = strength(Claim(function, {}, ("v",), [lambda v: [v >= 0, v <= 1]]))
    assert found.ideal is False
    assert found.vertex["b"] == Fraction(1, 10**10)
