"""Which points count as points of a model: near ones to 1e-9, exact ones to nothing, each part of a model by itself."""

import math
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, stack
from proofolio.verification.exact.certificate import System, Undecidable
from proofolio.verification.exact.lp_bounds import ExactRows, Question, outward
from proofolio.verification.exact.points import Nearness, broken_beyond, exact_point, fits
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.whole_points import whole_point

F = Fraction


def everything():
    """Columns x0, x1, x2 in [-4, 4] and a binary z; z on asks for x0 >= 1, and (x1, x2) lies within x0."""
    model = Model()
    x, z = model.variable("x", 3, lower=-4, upper=4), model.variable("z", binary=True)
    model.add("sum", x.sum() <= 5)
    model.indicator("implied", z, x[0] >= 1)
    model.cone("ball", stack([x[1], x[2]]), x[0], x[0])
    model.sos1("one", stack([x[1], x[2]]))
    return model.freeze()


FINE = (2.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("x", "fixed", "near"),
    [
        (FINE, {}, True),
        (FINE, {3: 1}, True),
        (FINE, {3: 0}, False),
        ((2.0, 1.0, 0.0, 0.5), {}, False),
        ((5.0, -1.0, 0.0, 1.0), {}, False),
        ((4.0, 3.0, 0.0, 1.0), {}, False),  # the sum
        ((0.5, 0.25, 0.0, 1.0), {}, False),  # the indicator
        ((0.5, 0.25, 0.0, 0.0), {}, True),
        ((1.0, 2.0, 0.0, 1.0), {}, False),  # the cone
        ((-1.0, 0.0, 0.0, 0.0), {}, False),
        ((3.0, 1.0, 1.0, 1.0), {}, False),  # the set
    ],
)
def test_near_points_and_exact_ones_agree_about_small_numbers(x, fixed, near):
    program = everything()
    point = {j: F(v) for j, v in enumerate(x)}
    assert Nearness(program)(np.array(x), None, fixed) is near
    assert fits(program, ExactRows(program), point, None, fixed) is near


def test_near_is_not_exact():
    program = everything()
    x = np.array([2.0, 3.0 + 1e-10, 0.0, 1.0])
    assert not fits(program, ExactRows(program), {j: F(float(v)) for j, v in enumerate(x)}, None, {})
    assert "ball" in str(broken_beyond(program, {0: F(1), 1: F(2)}))
    assert broken_beyond(program, {0: F(2), 1: F(2)}) is None


def test_no_point_is_sought_when_time_is_up():
    model = Model()
    x = model.variable("x", 3, lower=0, upper=1)
    a = np.array([3.0, 7.0, 11.0])
    model.add("sum", a @ x == 5.0)
    program = model.freeze()
    first, second = math.sqrt(2) / 10, math.sqrt(3) / 10
    near = np.array([first, second, (5 - 3 * first - 7 * second) / 11])
    made = exact_point(program, ExactRows(program), near, None, {})
    assert made is not None
    assert sum(F(c) * made[j] for j, c in enumerate((3, 7, 11))) == 5
    assert exact_point(program, ExactRows(program), near, None, {}, ends=-math.inf) is None


def test_a_column_held_beyond_its_bounds_has_no_point():
    model = Model()
    k = model.variable("k", 2, lower=0.5, upper=2.5, integer=True)
    model.add("sum", k.sum() <= 4)
    program = model.freeze()
    rows = ExactRows(program)
    assert whole_point(program, rows, np.array([1.0, 3.0]), None, {1: 3}) is None
    made = whole_point(program, rows, np.array([0.0, 3.0]), None, {})  # clipped to whole numbers, or none
    assert made is None or all(v.denominator == 1 and 0.5 <= v <= 2.5 for _, v in made.items())


def test_the_simplex_method_in_fractions_gives_up_in_words():
    system = System(({0: F(1), 1: F(1)},), (None,), (F(1),), (F(0), F(0)), (None, None))
    assert exact_maximum(system, {0: F(1)}).value == 1
    with pytest.raises(Undecidable, match="too large"):
        exact_maximum(system, {0: F(1)}, largest=1)
    with pytest.raises(Undecidable, match="time limit"):
        exact_maximum(system, {0: F(1)}, deadline=-math.inf)


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_beyond_doubles_are_rounded_outward_too(sign):
    for value in (F(10) ** 400, -(F(10) ** 400)):
        near = outward(value, sign)
        assert near == math.copysign(math.inf, sign) or (math.isfinite(near) and (F(near) - value) * sign > 0)


def test_multipliers_of_a_side_that_is_free_or_not_there_bound_nothing():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3)
    model.add("sum", x.sum() <= 4)
    rows, body = ExactRows(model.freeze()), {0: F(1), 1: F(1)}
    assert rows.evaluate(body, {0: F(1)}, Question())[0] == 4
    assert rows.evaluate(body, {0: F(-1)}, Question())[0] is None
    for which, bound in (("upper", None), ("lower", 4)):
        assert rows.evaluate(body, {0: F(1)}, Question(frozenset({(0, which)})))[0] == bound
