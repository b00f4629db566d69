"""Sums in 64-bit integers: the same numbers as the exact checker's, and never a number that overflowed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, between
from proofolio.verification.exact.certificate import bound, violation
from proofolio.verification.exact.lp_bounds import ExactRows, Multipliers, Question, system_of


def program(rng, size, digits):
    model = Model()
    low = np.round(rng.uniform(-9, 0, 6), digits)
    high = np.where(rng.random(6) < 0.8, np.round(rng.uniform(1, 9, 6), digits), np.inf)
    x = model.variable("x", 6, lower=low, upper=high)
    for i in range(9):
        a = np.round(rng.uniform(-size, size, 6) * (rng.random(6) < 0.6), digits)
        a[i % 6] = 1.0
        side = round(float(rng.uniform(0, size)), digits)
        model.add(f"r{i}", (a * x).sum() <= side if i % 2 else between(-side, (a * x).sum(), side))
    return model.freeze()


@pytest.mark.parametrize(("size", "digits"), [(9, 0), (9, 2), (1e6, 3), (1e9, 6), (1e17, 0)])
def test_bounds_are_those_of_the_checker(size, digits):
    rng = np.random.default_rng(int(size) % 97 + digits)
    finite = 0
    for _ in range(40):
        p = program(rng, size, digits)
        exact, system = ExactRows(p), system_of(p)
        freed = frozenset({(int(rng.integers(9)), "lower")})
        boxes = {int(rng.integers(6)): (Fraction(1), Fraction(1))}
        values = rng.uniform(-3, 3, 9) * (1.0 if rng.random() < 0.5 else 1e-3)
        y = Multipliers.near(np.arange(9), values, 7 if rng.random() < 0.5 else None)
        body = {int(j): Fraction(int(rng.integers(-9, 9)), int(rng.choice([1, 3, 10]))) for j in range(3)}
        found, _ = exact.evaluate(body, y, Question(freed, boxes))
        fixed = {j: v for j, (v, _) in boxes.items()}
        expected = bound(replace(system, freed=freed, fixed=fixed), body, dict(y))
        assert found == expected
        finite += found is not None
    assert finite


def test_points_hold_as_for_the_checker():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        p = program(rng, 5, 1)
        exact, system = ExactRows(p), system_of(p)
        point = {j: Fraction(int(rng.integers(-3, 4)), int(rng.integers(1, 9))) for j in range(6)}
        freed = (int(rng.integers(9)), "upper")
        outside = violation(replace(system, freed=frozenset({freed})), point)
        assert exact.holds(point, freed) is (outside == 0)
        held += outside == 0
    assert held


def test_multipliers_are_a_mapping_of_fractions():
    y = Multipliers.near(np.array([1, 4, 5]), np.array([0.5, 1e-9, 1 / 3]), 1000)
    assert dict(y) == {1: Fraction(1, 2), 5: Fraction(1, 3)}
    assert dict(Multipliers.of(dict(y))) == dict(y.items())
    assert [*y.values()] == [y[1], y[5]]
    with pytest.raises(KeyError):
        y[4]
