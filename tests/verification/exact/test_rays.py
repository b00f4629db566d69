"""The checker of unboundedness: what a direction has to leave alone."""

from dataclasses import replace
from fractions import Fraction

import pytest

from proofolio.verification.exact.certificate import System
from proofolio.verification.exact.rays import falls_for_ever
from proofolio.verification.exact.trees import ExactProgram, QuadraticRow

F = Fraction
# minimise -x over x - y <= 2, x + z >= 1, x >= 0, z <= 5
SYSTEM = System(
    ({0: F(1), 1: F(-1)}, {0: F(1), 2: F(1)}),
    (None, F(1)),
    (F(2), None),
    (F(0), None, None),
    (None, None, F(5)),
)
PROGRAM = ExactProgram(SYSTEM, frozenset({0}), {0: F(-1)})
RAY = {0: F(1), 1: F(1)}


def test_a_direction_within_all_rows_along_which_the_objective_falls():
    assert falls_for_ever(PROGRAM, RAY)
    assert falls_for_ever(PROGRAM, {0: F(1, 3), 1: F(5), 2: F(-1, 3)})  # both rows at their sides


@pytest.mark.parametrize(
    "ray",
    [
        {},
        {1: F(1)},  # the objective stays
        {0: F(-1), 1: F(-1)},  # x falls below its bound, and the objective rises
        {0: F(1)},  # x - y grows
        {0: F(1), 1: F(1), 2: F(-2)},  # x + z falls
        {0: F(1), 1: F(1), 2: F(1, 100)},  # z grows beyond its bound
        {0: F(1), 1: F(1), 3: F(1)},  # there is no column 3
        {0: F(1), 1: F(1), -1: F(0)},
    ],
)
def test_other_directions_are_none(ray):
    assert falls_for_ever(PROGRAM, ray) is False


@pytest.mark.parametrize("sign", [1, -1])
def test_every_bound_and_side_stops_one_sense(sign):
    """One column: each bound, and each side of a row, stops the direction that it stands in the way of."""
    open_ = System(({0: F(1)},), (None,), (None,), (None,), (None,))
    falling = ExactProgram(open_, frozenset(), {0: F(-sign)})
    ray = {0: F(sign)}
    assert falls_for_ever(falling, ray)
    assert falls_for_ever(falling, {0: F(-sign)}) is False
    for name in ("low", "high", "lower", "upper"):
        shut = replace(falling, system=replace(open_, **{name: (F(0),)}))
        stops = name in ("high", "upper") if sign > 0 else name in ("low", "lower")
        assert falls_for_ever(shut, ray) is not stops
    for low, high in ((F(0), None), (None, F(0))):
        row = QuadraticRow({}, {0: F(1)}, low, high)
        assert falls_for_ever(replace(falling, quadratic=(row,)), ray) is ((high is None) == (sign > 0))


def test_nothing_is_curved_along_a_direction():
    system = System((), (), (), (None,) * 2, (None,) * 2)
    ray = {0: F(1), 1: F(1)}
    flat = {(0, 0): F(1), (0, 1): F(-1), (1, 0): F(-1), (1, 1): F(1)}  # (x - y)^2 / 2
    bent = {(0, 0): F(1)}
    program = ExactProgram(system, frozenset(), {0: F(-1)}, flat)
    assert falls_for_ever(program, ray)
    assert falls_for_ever(replace(program, matrix=bent), ray) is False
    assert (
        falls_for_ever(replace(program, matrix={(0, 1): F(1), (1, 0): F(1)}), {0: F(1)}) is False
    )  # Pd moves y
    leaning = {(0, 0): F(4), (0, 1): F(-2), (1, 0): F(-2), (1, 1): F(1)}  # (2x - y)^2 / 2
    assert falls_for_ever(replace(program, matrix=leaning), {0: F(1), 1: F(2)})
    assert falls_for_ever(replace(program, matrix=leaning), {0: F(2), 1: F(1)}) is False
    for matrix, linear, right in (
        (flat, {}, True),
        (bent, {}, False),
        (flat, {0: F(1)}, False),  # the linear part grows
        (flat, {0: F(1), 1: F(-2)}, True),
    ):
        row = QuadraticRow(matrix, linear, None, F(1))
        assert falls_for_ever(replace(program, quadratic=(row,)), ray) is right
