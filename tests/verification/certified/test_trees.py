"""The checker of trees: it accepts what is proved, and nothing that was tampered with."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from proofolio.verification.exact.certificate import System
from proofolio.verification.exact.trees import (
    Branch,
    ExactProgram,
    Leaf,
    QuadraticRow,
    Tangent,
    proved_bound,
    semidefinite,
)


def knapsack():
    """Minimise -3x - 2y over 2x + 2y <= 3, x and y in {0, 1}: -3."""
    rows = ({0: Fraction(2), 1: Fraction(2)},)
    system = System(rows, (None,), (Fraction(3),), (Fraction(0), Fraction(0)), (Fraction(1), Fraction(1)))
    return ExactProgram(system, frozenset({0, 1}), {0: Fraction(-3), 1: Fraction(-2)})


TREE = (Branch(1, 0, 1, 2), Leaf({}, False), Leaf({0: Fraction(3, 2)}, False))


def test_a_tree_proves_the_smaller_of_its_halves():
    # with y = 0 the bounds give -3; with y = 1 the row gives 3x <= 3/2: -3/2 - 2
    assert proved_bound(
        replace(knapsack(), linear={0: Fraction(-3), 1: Fraction(-2), 2: Fraction(0)}), (), TREE
    ) == Fraction(-3)


def test_bounds_count_as_the_next_multiple_of_the_objective_s_step():
    tree = (Leaf({0: Fraction(3, 2)}, False),)  # the relaxation alone: -9/2 + (3 - 2) y at y = 0
    assert proved_bound(knapsack(), (), tree) == Fraction(-4)
    continuous = replace(knapsack(), integer=frozenset({1}))
    assert proved_bound(continuous, (), tree) == Fraction(-9, 2)


@pytest.mark.parametrize(
    "tree",
    [
        (),
        (Branch(1, 0, 1, 1), Leaf({}, False)),  # a node used twice
        (Branch(1, 0, 1, 2), Leaf({}, False)),  # a node is missing
        (Branch(5, 0, 1, 2), Leaf({}, False), Leaf({}, False)),  # no integer column
        (Branch(1, 0, 1, 0), Leaf({}, False)),  # a circle
        (Leaf({}, True),),  # nothing proves that it is empty
        (Leaf({0: Fraction(-1)}, False),),  # the wrong side of a row without it
    ],
)
def test_what_is_no_tree_proves_nothing(tree):
    assert proved_bound(knapsack(), (), tree) is None


def test_a_branch_leaves_no_integer_out():
    # the halves of a branch at 0 are y <= 0 and y >= 1: a tree cannot claim other boxes
    tree = (Branch(0, 0, 1, 2), Leaf({0: Fraction(1)}, False), Leaf({0: Fraction(1)}, False))
    bound = proved_bound(knapsack(), (), tree)
    assert bound is not None
    assert bound <= -3


def test_multipliers_moved_by_a_little_prove_less():
    loose = (*TREE[:2], Leaf({0: Fraction(2)}, False))
    bound = proved_bound(replace(knapsack(), integer=frozenset({1})), (), loose)
    assert bound == min(Fraction(-3), Fraction(-6) + Fraction(2))


@pytest.mark.parametrize(
    ("matrix", "right"),
    [
        ({}, True),
        ({(0, 0): Fraction(1)}, True),
        ({(0, 0): Fraction(-1)}, False),
        ({(0, 0): Fraction(1), (0, 1): Fraction(1), (1, 0): Fraction(1), (1, 1): Fraction(1)}, True),
        (
            {
                (0, 0): Fraction(1),
                (0, 1): Fraction(1),
                (1, 0): Fraction(1),
                (1, 1): Fraction(1) - Fraction(1, 10**30),
            },
            False,
        ),
        ({(0, 1): Fraction(1), (1, 0): Fraction(1)}, False),
        ({(0, 0): Fraction(1), (0, 1): Fraction(1)}, False),  # not symmetric
    ],
)
def test_semidefinite_is_decided_exactly(matrix, right):
    assert semidefinite(matrix) is right


def test_tangents_of_what_is_not_convex_prove_nothing():
    box = System((), (), (), (Fraction(-1),), (Fraction(1),))
    concave = ExactProgram(box, frozenset(), {}, {(0, 0): Fraction(-2)})
    assert proved_bound(concave, (Tangent(None, {}),), (Leaf({0: Fraction(1)}, False),)) is None
    row = QuadraticRow({(0, 0): Fraction(2)}, {}, Fraction(1), None)  # x^2 >= 1 is no convex row
    program = ExactProgram(box, frozenset(), {0: Fraction(1)}, {}, Fraction(0), (row,))
    assert proved_bound(program, (Tangent(0, {0: Fraction(1)}),), (Leaf({0: Fraction(-1)}, False),)) is None


def test_a_tangent_bounds_a_curve_from_below():
    box = System((), (), (), (Fraction(-5),), (Fraction(5),))
    square = ExactProgram(
        box, frozenset(), {0: Fraction(-2)}, {(0, 0): Fraction(2)}, Fraction(7)
    )  # x^2 - 2x + 7 >= 6
    assert proved_bound(square, (Tangent(None, {0: Fraction(1)}),), (Leaf({0: Fraction(1)}, False),)) == 6
    assert proved_bound(square, (Tangent(None, {0: Fraction(2)}),), (Leaf({0: Fraction(1)}, False),)) < 6
