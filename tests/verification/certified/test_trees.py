"""The checker of trees: it accepts what is proved, and nothing that was tampered with."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction

import pytest

from proofolio.verification.exact.certificate import System, violation
from proofolio.verification.exact.trees import (
    Branch,
    Cut,
    ExactProgram,
    Leaf,
    QuadraticRow,
    Split,
    Tangent,
    boxed,
    improves,
    proved_bound,
    semidefinite,
    strengthened,
    with_tangents,
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


# ------------------------------------------------------------------ against enumeration
F = Fraction


def drawn_program(rng, quadratic=False):
    """A small program over integers and at most one continuous column, all within -2 ... 3."""
    n, m = rng.randint(1, 3), rng.randint(0, 3)
    rows = tuple({j: F(rng.randint(-3, 3)) for j in range(n) if rng.random() < 0.8} for _ in range(m))
    low = tuple(F(rng.randint(-4, 1)) if rng.random() < 0.5 else None for _ in range(m))
    high = tuple(F(rng.randint(0, 5)) if rng.random() < 0.7 else None for _ in range(m))
    lower = tuple(F(rng.randint(-2, 0)) for _ in range(n))
    upper = tuple(F(rng.randint(1, 3)) for _ in range(n))
    integer = frozenset(range(n)) if rng.random() < 0.6 else frozenset(range(n - 1))
    linear = {j: F(rng.randint(-4, 4), rng.choice((1, 2, 3))) for j in range(n) if rng.random() < 0.9}
    matrix = {}
    if quadratic:
        roots = [{j: F(rng.randint(-2, 2)) for j in range(n)} for _ in range(rng.randint(1, 2))]
        for i, j in itertools.product(range(n), repeat=2):
            a = sum((root[i] * root[j] for root in roots), F(0))
            if a:
                matrix[i, j] = a
    return ExactProgram(System(rows, low, high, lower, upper), integer, linear, matrix, F(rng.randint(-2, 2)))


def grid_points(program):
    """Integer points, the continuous column in thirds."""
    ranges = []
    for j, (low, high) in enumerate(zip(program.system.lower, program.system.upper, strict=True)):
        parts = 1 if j in program.integer else 3
        ranges.append([F(k, parts) for k in range(int(low) * parts, int(high) * parts + 1)])
    return [x for x in (dict(enumerate(p)) for p in itertools.product(*ranges)) if program.holds(x)]


def grown_tree(rng, program, tangents, depth):
    """A tree with branches, sums of columns and drawn multipliers at its leaves."""
    nodes = [None]
    todo = [(0, depth)]
    columns = sorted(program.integer)
    while todo:
        at, left = todo.pop()
        if left and columns and rng.random() < 0.8:
            below, above = len(nodes), len(nodes) + 1
            nodes += [None, None]
            k = rng.randint(-2, 2)
            if rng.random() < 0.7:
                nodes[at] = Branch(rng.choice(columns), k, below, above)
            else:
                nodes[at] = Split({j: rng.choice((-1, 1, 2)) for j in columns}, k, below, above)
            todo += [(below, left - 1), (above, left - 1)]
        else:
            m = len(program.system.rows)
            y = {i: F(rng.randint(-2, 2), 2) for i in range(m) if rng.random() < 0.5}
            curved = [k for k, tangent in enumerate(tangents) if tangent.row is None]
            if curved:
                y[m + rng.choice(curved)] = F(1)
            nodes[at] = Leaf(y, False)
    return tuple(nodes)


@pytest.mark.parametrize("quadratic", [False, True])
def test_what_a_tree_proves_holds_at_every_point(quadratic):
    rng = random.Random(11 + quadratic)
    proved = reached = 0
    for _ in range(250):
        program = drawn_program(rng, quadratic)
        points = grid_points(program)
        tangents = ()
        if program.matrix:
            n = len(program.system.lower)
            tangents = tuple(
                Tangent(None, {j: F(rng.randint(-4, 4), 2) for j in range(n)})
                for _ in range(rng.randint(1, 3))
            )
        found = proved_bound(program, tangents, grown_tree(rng, program, tangents, rng.randint(0, 3)))
        if found is None:
            continue
        if found == "empty":
            assert not points
        elif points:
            best = min(map(program.objective, points))
            assert best >= found
            proved += 1
            reached += best == found
    assert proved > 50
    assert reached > 5


def test_the_step_divides_every_value_of_the_objective():
    program = drawn_program(random.Random(1))
    for linear, integer, step in (
        ({0: F(4), 1: F(6)}, {0, 1}, F(2)),
        ({0: F(3, 4), 1: F(-1, 6)}, {0, 1}, F(1, 12)),
        ({0: F(3, 4), 1: F(9, 2)}, {0, 1}, F(3, 4)),
        ({0: F(4), 1: F(6)}, {0}, None),
        ({0: F(4), 1: F(0)}, {0}, F(4)),
        ({}, {0}, None),
    ):
        assert replace(program, linear=linear, integer=frozenset(integer), matrix={}).step == step
    assert replace(program, matrix={(0, 0): F(2)}, linear={0: F(4)}, integer=frozenset({0})).step is None


def test_a_point_holds_where_all_of_it_does():
    row = QuadraticRow({(0, 0): F(2)}, {1: F(1)}, F(0), F(4))  # 0 <= x^2 + y <= 4
    system = System(({0: F(1), 1: F(1)},), (F(-1),), (F(3),), (F(-2), F(-4)), (F(2), None))
    program = ExactProgram(system, frozenset({0}), {0: F(1)}, {(1, 1): F(2)}, F(5), (row,))
    assert program.holds({})
    assert program.holds({0: F(2)})
    assert program.holds({0: F(1), 1: F(2)})
    assert program.holds({0: F(1), 1: F(-1)})
    for x in (
        {0: F(1, 2)},  # no integer
        {0: F(2), 1: F(1)},  # 5 > 4
        {1: F(-1, 10)},  # below 0
        {0: F(3), 1: F(-6)},  # a bound
        {0: F(-2), 1: F(-1)},  # a row
        {2: F(0)},  # a column that there is not
        {-1: F(0)},
    ):
        assert not program.holds(x)
    assert program.objective({0: F(1), 1: F(2)}) == 10
    assert program.objective({}) == 5
    assert improves(program, {0: F(1), 1: F(2)}, F(11))
    assert not improves(program, {0: F(1), 1: F(2)}, F(10))
    assert not improves(program, {0: F(1, 2)}, F(11))
    assert program.owns([0, 1])
    assert not program.owns([2])
    assert not program.owns([0, -1])


def test_branches_of_a_box_leave_out_only_what_has_no_integers():
    """x in [1/2, 5/2]: at 0 a branch has no lower half, at 2 no upper half, and no node is looked at there."""
    system = System((), (), (), (F(1, 2),), (F(5, 2),))
    program = ExactProgram(system, frozenset({0}), {0: F(1)})
    leaf = Leaf({}, False)
    assert proved_bound(program, (), (Branch(0, 0, 9, 1), leaf)) == 1
    assert proved_bound(program, (), (Branch(0, 2, 1, 9), leaf)) == 1
    assert proved_bound(program, (), (Branch(0, 1, 1, 2), leaf, leaf)) == 1
    assert proved_bound(program, (), (Branch(0, 1, 1, 9), leaf)) is None
    assert proved_bound(program, (), (Branch(0, 1, 9, 1), leaf)) is None
    assert proved_bound(program, (), (Branch(0, 0, 9, 1), Branch(0, 1, 2, 3), leaf, leaf)) == 1
    # without an end, the half beyond is there
    half_line = replace(program, system=replace(system, lower=(None,)), linear={0: F(-1)})
    assert proved_bound(half_line, (), (Branch(0, 1, 1, 2), leaf, leaf)) == -2
    assert proved_bound(half_line, (), (Branch(0, 1, 9, 2), leaf, leaf)) is None
    upward = replace(program, system=replace(system, upper=(None,)))
    assert proved_bound(upward, (), (Branch(0, 7, 1, 2), leaf, leaf)) == 1
    assert proved_bound(upward, (), (Branch(0, 7, 1, 9), leaf, leaf)) is None
    # x >= 3 by a row alone: nothing is at most 1, and what is above is at least 2 by the branch
    row = replace(
        half_line, linear={0: F(1)}, system=System(({0: F(1)},), (F(3),), (None,), (None,), (None,))
    )
    empty = Leaf({0: F(-1)}, True)
    assert proved_bound(row, (), (Branch(0, 1, 1, 2), empty, leaf)) == 2
    # continuous: no branch at all
    assert proved_bound(replace(program, integer=frozenset()), (), (Branch(0, 1, 1, 2), leaf, leaf)) is None
    assert proved_bound(program, (), (Branch(0, F(1, 2), 1, 2), leaf, leaf)) is None


def test_an_interval_without_integers_is_empty():
    system = System((), (), (), (F(1, 3),), (F(2, 3),))
    program = ExactProgram(system, frozenset({0}), {0: F(1)})
    assert proved_bound(program, (), (Branch(0, 0, 1, 2),)) == "empty"


def test_sums_of_integers_are_split_without_a_gap():
    """x + y <= 3/2 over integers is x + y <= 1: the other half is empty by multipliers of the row."""
    system = System(({0: F(2), 1: F(2)},), (None,), (F(3),), (F(0),) * 2, (F(2),) * 2)
    program = ExactProgram(system, frozenset({0, 1}), {0: F(-1), 1: F(-1)})
    leaf, empty = Leaf({1: F(1)}, False), Leaf({0: F(1), 1: F(-2)}, True)
    assert proved_bound(program, (), (Split({0: 1, 1: 1}, 1, 1, 2), leaf, empty)) == -1
    assert proved_bound(program, (), (Split({0: 1, 1: 1}, 0, 1, 2), leaf, empty)) is None
    assert proved_bound(program, (), (Split({0: F(1, 2), 1: 1}, 1, 1, 2), leaf, empty)) is None
    assert proved_bound(program, (), (Split({0: 1, 1: 1}, F(1, 2), 1, 2), leaf, empty)) is None
    assert (
        proved_bound(
            replace(program, integer=frozenset({0})), (), (Split({0: 1, 1: 1}, 1, 1, 2), leaf, empty)
        )
        is None
    )
    above = Leaf({1: F(-1)}, False)  # x + y >= 2 bounds x + y from below
    upward = replace(program, linear={0: F(1), 1: F(1)}, system=replace(system, high=(F(9),)))
    assert proved_bound(upward, (), (Split({0: 1, 1: 1}, 1, 1, 2), Leaf({}, False), above)) == 0
    low = replace(upward, system=replace(system, low=(F(4),), high=(None,)))  # x + y >= 2
    assert proved_bound(low, (), (Split({0: 1, 1: 1}, 1, 1, 2), Leaf({0: F(-1), 1: F(2)}, True), above)) == 2


def test_a_split_at_a_fraction_would_leave_an_integer_out():
    """y <= x and y <= 2 - x: y is 1 at x = 1, between x <= 1/2 and x >= 3/2."""
    rows = ({1: F(1), 0: F(-1)}, {1: F(1), 0: F(1)})
    program = ExactProgram(
        System(rows, (None,) * 2, (F(0), F(2)), (F(0),) * 2, (F(2),) * 2), frozenset({0}), {1: F(-1)}
    )
    leaves = Leaf({0: F(1), 2: F(1)}, False), Leaf({1: F(1), 2: F(-1)}, False)
    assert proved_bound(program, (), (Split({0: 1}, 0, 1, 2), *leaves)) == -1
    assert proved_bound(program, (), (Split({0: 1}, F(1, 2), 1, 2), *leaves)) is None


def test_a_cut_counts_where_a_tree_proves_it():
    system = System(({0: F(2), 1: F(2)},), (None,), (F(3),), (F(0),) * 2, (F(2),) * 2)
    program = ExactProgram(system, frozenset({0, 1}), {0: F(-1), 1: F(-1)})
    tree = (Split({0: 1, 1: 1}, 1, 1, 2), Leaf({1: F(1)}, False), Leaf({0: F(1), 1: F(-2)}, True))
    cut = Cut({0: F(1), 1: F(1)}, F(1), tree)
    stronger = strengthened(program, (cut,))
    assert stronger is not None
    assert stronger.system.rows[-1] == {0: 1, 1: 1}
    assert (stronger.system.low[-1], stronger.system.high[-1]) == (None, 1)
    leaf = (Leaf({1: F(1)}, False),)
    assert proved_bound(program, (), leaf, (cut,)) == -1
    assert proved_bound(program, (), leaf, (replace(cut, side=F(2)),)) == -2
    assert proved_bound(program, (), leaf, (replace(cut, side=F(999, 1000)),)) is None
    assert strengthened(program, (replace(cut, nodes=()),)) is None
    assert strengthened(program, (replace(cut, nodes=(Leaf({}, True),)),)) is None
    for row in ({}, {0: F(1), 1: F(0)}, {0: F(1), 2: F(1)}, {0: F(1), -1: F(1)}):
        assert strengthened(program, (replace(cut, row=row),)) is None
    # one column: a bound and no row, in the sense of its sign
    up, down = Cut({0: F(2)}, F(3), (Leaf({0: F(1)}, False),)), Cut({1: F(-2)}, F(0), (Leaf({}, False),))
    both = strengthened(program, (up, down))
    assert both is not None
    assert both.system.rows == system.rows
    assert both.system.upper == (F(3, 2), 2)
    assert both.system.lower == (0, 0)
    assert strengthened(program, (replace(down, side=F(-1)),)) is None
    half, loose = Cut({0: F(1, 2)}, F(1), down.nodes), replace(down, side=F(1))
    both = strengthened(program, (half, loose))
    assert both is not None
    assert (both.system.lower, both.system.upper) == ((0, F(-1, 2)), (2, 2))
    # of an empty system everything holds
    nothing = replace(program, system=replace(system, high=(F(-1),)))
    anything = Cut({0: F(1), 1: F(1)}, F(-5), (Leaf({0: F(1)}, True),))
    assert strengthened(nothing, (anything,)) is not None


def test_tangents_of_rows_hold_at_every_point_of_them():
    """x^2 + y <= 4 from above and -x^2 + y >= -4 from below, cut by tangents at drawn points."""
    rng = random.Random(12)
    box = System((), (), (), (F(-3),) * 2, (F(5),) * 2)
    for sign in (1, -1):
        row = QuadraticRow(
            {(0, 0): F(2 * sign)}, {1: F(1)}, None if sign > 0 else F(-4), F(4) if sign > 0 else None
        )
        program = ExactProgram(box, frozenset(), {0: F(-1), 1: F(-sign)}, {}, F(0), (row,))
        points = [Tangent(0, {0: F(k, 4), 1: F(rng.randint(-3, 3))}) for k in range(-8, 9)]
        system, objective = with_tangents(program, points)
        assert objective == program.linear
        assert len(system.rows) == len(points)
        for x, y in itertools.product(range(-12, 13), repeat=2):
            at = {0: F(x, 4), 1: F(y, 3)}
            if replace(program, system=replace(box, upper=(None,) * 2, lower=(None,) * 2)).holds(at):
                assert violation(replace(system, upper=(None,) * 2, lower=(None,) * 2), at) == 0
        # the tangent at x = 1/2, where x + y is largest on the curve, proves that optimum
        best = next(k for k, tangent in enumerate(points) if tangent.point[0] == F(1, 2))
        assert proved_bound(program, points, (Leaf({best: F(sign)}, False),)) == F(-17, 4)
    assert proved_bound(program, (Tangent(1, {}),), (Leaf({}, False),)) is None  # there is no row 1
    assert proved_bound(program, (Tangent(-1, {}),), (Leaf({}, False),)) is None


def test_rows_with_two_sides_or_none_and_curves_that_are_none_have_no_tangents():
    box = System((), (), (), (F(-1),), (F(1),))
    leaf = (Leaf({}, False),)
    for low, high in ((F(0), F(1)), (None, None)):
        row = QuadraticRow({}, {0: F(1)}, low, high)
        program = ExactProgram(box, frozenset(), {0: F(1)}, {}, F(0), (row,))
        assert proved_bound(program, (), leaf) == -1
        assert proved_bound(program, (Tangent(0, {}),), leaf) is None
    curve = {(0, 0): F(2), (0, 1): F(1), (1, 0): F(1), (1, 1): F(1)}
    row = QuadraticRow(curve, {}, None, F(1))
    plane = ExactProgram(
        System((), (), (), (F(-1),) * 2, (F(1),) * 2), frozenset(), {0: F(1)}, {}, F(0), (row,)
    )
    assert proved_bound(plane, (Tangent(0, {}),), leaf) == -1
    straight = ExactProgram(box, frozenset(), {0: F(1)})
    assert proved_bound(straight, (Tangent(None, {}),), leaf) is None  # no curve, no column of its own


def test_with_curves_the_objective_is_a_column_that_tangents_bound():
    box = System(({0: F(1)},), (None,), (F(1),), (F(-5),), (F(5),))
    square = ExactProgram(box, frozenset(), {0: F(-2)}, {(0, 0): F(2)}, F(7))
    system, objective = with_tangents(square, (Tangent(None, {0: F(3)}),))
    assert objective == {1: 1}
    assert system.rows[1] == {0: 4, 1: -1}  # 4 x - t <= 9
    assert (system.low, system.high) == ((None, None), (1, 9))
    assert (system.lower, system.upper) == ((-5, None), (5, None))
    assert proved_bound(square, (Tangent(None, {0: F(3)}),), (Leaf({1: F(1)}, False),)) == -20 - 9 + 7
    assert proved_bound(square, (Tangent(None, {0: F(3)}),), (Leaf({}, False),)) is None


def test_semidefinite_agrees_with_the_principal_minors():
    rng = random.Random(13)
    counts = {True: 0, False: 0}
    for _ in range(300):
        n = rng.randint(1, 3)
        Q = [[F(0)] * n for _ in range(n)]
        if rng.random() < 0.5:
            for _ in range(rng.randint(1, n)):
                v = [F(rng.randint(-2, 2)) for _ in range(n)]
                Q = [[Q[i][j] + v[i] * v[j] for j in range(n)] for i in range(n)]
            if rng.random() < 0.5:
                Q[n - 1][n - 1] -= F(1, rng.choice((2, 1000)))
        else:
            for i, j in itertools.combinations_with_replacement(range(n), 2):
                Q[i][j] = Q[j][i] = F(rng.randint(-2, 3))
        right = all(
            minor(Q, chosen) >= 0 for k in range(1, n + 1) for chosen in itertools.combinations(range(n), k)
        )
        matrix = {(i, j): Q[i][j] for i in range(n) for j in range(n) if Q[i][j] or rng.random() < 0.3}
        assert semidefinite(matrix) is right
        counts[right] += 1
    assert min(counts.values()) > 50


def minor(Q, chosen):
    if not chosen:
        return F(1)
    i, *rest = chosen
    total = F(0)
    for sign, j in zip(itertools.cycle((1, -1)), chosen, strict=False):
        others = [k for k in chosen if k != j]
        total += sign * Q[i][j] * _minor(Q, rest, others)
    return total


def _minor(Q, rows, columns):
    if not rows:
        return F(1)
    return sum(
        (
            (-1) ** k * Q[rows[0]][j] * _minor(Q, rows[1:], [c for c in columns if c != j])
            for k, j in enumerate(columns)
        ),
        F(0),
    )


def test_bounds_of_columns_are_replaced_where_they_are_given():
    system = System((), (), (), (F(0), F(1)), (F(2), None))
    assert boxed(system, {1: (None, F(3))}).lower == (0, None)
    assert boxed(system, {1: (None, F(3))}).upper == (2, 3)
    assert boxed(system, {}) == system
