"""Points as integers over one denominator: only those that satisfy every row exactly."""

from fractions import Fraction

import numpy as np

from proofolio import Model
from proofolio.verification.exact.certificate import violation
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.whole_points import whole_point


def program(side=0.3):
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=1.5), model.variable("z", binary=True)
    model.add("sum", x.sum() == side)
    model.add("link", x[0] <= 0.2 * z)
    return model.freeze()


def test_a_point_with_the_solvers_noise_becomes_exact():
    p = program()
    exact = ExactRows(p)
    point = whole_point(p, exact, np.array([0.2 + 1e-12, 0.1 - 1e-12, 1.0 + 1e-9]), None, {})
    assert dict(point.items()) == {0: Fraction(1, 5), 1: Fraction(1, 10), 2: Fraction(1)}
    assert point[0] == Fraction(1, 5)
    assert 3 not in point
    assert len(point) == 3
    assert violation(exact.system, point) == 0


def test_a_point_that_breaks_a_row_is_one_only_where_that_side_is_free():
    p = program()
    cut = np.array([0.25, 0.05, 1.0])
    assert whole_point(p, ExactRows(p), cut, None, {}) is None
    assert whole_point(p, ExactRows(p), cut, (1, "upper"), {2: 1})[0] == Fraction(1, 4)
    assert whole_point(p, ExactRows(p), cut, (0, "upper"), {}) is None


def test_no_point_on_the_grid_is_no_point():
    model = Model()
    x = model.variable("x", lower=0, upper=1)
    model.add("third", 3.0 * x == 1.0)
    p = model.freeze()
    assert whole_point(p, ExactRows(p), np.array([1 / 3]), None, {}) is None


def test_numbers_too_large_for_64_bits_are_left_to_others():
    p = program()
    assert whole_point(p, ExactRows(p), np.array([1e300, 0.1, 1.0]), None, {}) is None
