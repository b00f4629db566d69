"""Rows, and quadratic forms as columns: what intervals, atoms and sizes say, against points and hand calculation."""

import itertools
import random
from fractions import Fraction
from math import ulp

import pytest

from proofolio.verification.exact.certificate import Undecidable
from proofolio.verification.exact.trees import semidefinite
from proofolio.verification.proofs.lines import (
    Atom,
    Atoms,
    CurvedSizes,
    Line,
    interval,
    line_document,
    read_line,
    squares,
)

F = Fraction


def value(form, point):
    return sum((a * point[i] * point[j] for (i, j), a in form.items()), F(0))


def drawn_form(rng, n):
    pairs = list(itertools.combinations_with_replacement(range(n), 2))
    return {key: F(rng.randint(-3, 3), rng.choice((1, 2))) for key in pairs if rng.random() < 0.8}


@pytest.mark.parametrize(
    "line",
    [
        Line({0: F(1, 3), 2: F(-2)}, None, F(5)),
        Line({}, F(-1, 7), None, (3, frozenset({0, -2, 5}))),
        Line({1: F(1)}, F(0), F(0), (0, frozenset())),
    ],
)
def test_a_line_survives_its_document(line):
    assert read_line(line_document(line)) == line
    assert ("when" in line_document(line)) is (line.when is not None)


def test_an_atom_is_its_form():
    atom = Atom(4, ((0, 0, F(2)), (0, 1, F(-1, 3)), (1, 1, F(5))))
    assert atom.value({0: F(3), 1: F(1, 2)}) == 18 - F(1, 2) + F(5, 4)
    assert Atom.read(atom.document()) == atom
    assert atom.interval((F(0), F(0)), (F(1), F(3))) == (0, 47)  # semidefinite
    assert Atom(1, ()).value({}) == 0


@pytest.mark.parametrize(
    ("form", "ends"),
    [
        ({(0, 0): F(1)}, (0, 4)),  # x in [-1, 2]
        ({(0, 0): F(-1)}, (-4, 0)),
        ({(1, 1): F(2)}, (2, 18)),  # y in [1, 3]
        ({(2, 2): F(1)}, (4, 25)),  # z in [-5, -2]
        ({(2, 2): F(-1)}, (-25, -4)),
        ({(3, 3): F(1)}, (0, 9)),  # v in [0, 3]
        ({(4, 4): F(1)}, (0, 9)),  # w in [-3, 0]
        ({(0, 1): F(1)}, (-3, 6)),
        ({(0, 1): F(-2)}, (-12, 6)),
        ({(0, 2): F(1)}, (-10, 5)),
        ({(1, 2): F(1)}, (-15, -2)),
        ({(0, 0): F(1), (0, 1): F(-2), (1, 1): F(1)}, (0, 19)),  # (x - y)^2 is never negative: not -11
        ({(0, 0): F(1), (0, 1): F(-3), (1, 1): F(1)}, (-17, 22)),
        ({}, (0, 0)),
    ],
)
def test_a_form_is_bounded_term_by_term(form, ends):
    lower, upper = (-1, 1, -5, 0, -3), (2, 3, -2, 3, 0)
    assert interval(form, tuple(map(F, lower)), tuple(map(F, upper))) == ends


def test_no_value_of_a_form_lies_outside_its_interval():
    rng = random.Random(1)
    met = 0
    for _ in range(200):
        n = rng.randint(1, 3)
        form = drawn_form(rng, n)
        lower = [F(rng.randint(-3, 2)) for _ in range(n)]
        upper = [low + rng.randint(0, 3) for low in lower]
        low, high = interval(form, lower, upper)
        grid = [[a + (b - a) * F(k, 4) for k in range(5)] for a, b in zip(lower, upper, strict=True)]
        values = [value(form, x) for x in itertools.product(*grid)]
        assert low <= min(values)
        assert max(values) <= high
        met += low == min(values)
    assert met > 50


@pytest.mark.parametrize(
    ("lower", "upper"), [((None, 0), (1, 1)), ((0, 0), (1, None)), ((0, None), (1, 1)), ((0, 0), (None, 1))]
)
def test_a_form_without_a_bound_has_no_interval(lower, upper):
    assert interval({(0, 1): F(1)}, lower, upper) is None
    assert interval({(0, 0): F(1), (1, 1): F(1)}, lower, upper) is None


def test_only_semidefinite_forms_are_never_negative():
    """On a box around zero the interval begins at zero exactly where the form is semidefinite."""
    rng = random.Random(2)
    counts = {True: 0, False: 0}
    for _ in range(400):
        n = rng.randint(1, 3)
        if rng.random() < 0.5:
            form = {}
            for _ in range(rng.randint(1, n)):
                curved, _, _ = squares([({j: F(rng.randint(-2, 2)) for j in range(n)}, F(0))])
                form = {
                    key: form.get(key, F(0)) + curved.get(key, F(0)) for key in form.keys() | curved.keys()
                }
            if rng.random() < 0.4:
                form[0, 0] = form.get((0, 0), F(0)) - F(1, rng.choice((1, 1000)))
        else:
            form = drawn_form(rng, n)
        both = {}
        for (i, j), a in form.items():
            both[i, j] = both.get((i, j), F(0)) + a / 2
            both[j, i] = both.get((j, i), F(0)) + a / 2
        right = semidefinite(both)
        low, _ = interval(form, (F(-3),) * n, (F(3),) * n)
        assert (low == 0) is right
        assert low <= 0
        counts[right] += 1
    assert min(counts.values()) > 80


def test_squares_are_multiplied_out():
    rng = random.Random(3)
    for _ in range(100):
        parts = [
            ({j: F(rng.randint(-3, 3)) for j in range(3) if rng.random() < 0.7}, F(rng.randint(-2, 2), 3))
            for _ in range(rng.randint(1, 3))
        ]
        curved, linear, constant = squares(parts)
        assert all(i <= j for i, j in curved)
        assert all(linear.values())
        x = [F(rng.randint(-5, 5), 2) for _ in range(3)]
        left = sum(((sum((a * x[j] for j, a in terms.items()), F(0)) + c) ** 2 for terms, c in parts), F(0))
        assert value(curved, x) + sum((a * x[j] for j, a in linear.items()), F(0)) + constant == left


# ------------------------------------------------------------------ atoms
def test_multiples_of_a_form_are_one_atom():
    atoms = Atoms(2)
    assert atoms.terms({(0, 0): F(2), (0, 1): F(-4)}) == {-1: -4}
    assert atoms.terms({(0, 0): F(1), (0, 1): F(-2), (1, 1): F(0)}) == {-1: -2}
    assert atoms.terms({(1, 1): F(3)}) == {-2: 3}
    assert atoms.terms({}) == {}
    assert atoms.terms({(0, 0): F(0)}) == {}
    assert atoms.terms({(1, 1): F(5)}, scaled=False) == {-3: 1}
    one, two, three = atoms.placed(7)
    assert one == Atom(7, ((0, 0, F(-1, 2)), (0, 1, F(1))))
    assert two == Atom(8, ((1, 1, F(1)),))
    assert three == Atom(9, ((1, 1, F(5)),))
    moved = Atoms.moved(Line({0: F(1), -1: F(2), -3: F(4)}, F(1), None, (1, frozenset({0}))), 7)
    assert moved == Line({0: F(1), 7: F(2), 9: F(4)}, F(1), None, (1, frozenset({0})))
    plain = Line({0: F(1), 1: F(1)}, None, F(1))
    assert Atoms.moved(plain, 7) is plain


@pytest.mark.parametrize("form", [{(0, 2): F(1)}, {(2, 2): F(1)}, {(0, 0): F(1), (1, 3): F(1)}])
def test_forms_of_what_is_no_input_are_left_open(form):
    with pytest.raises(Undecidable, match="holds an output or a variable"):
        Atoms(2).terms(form)


def test_a_form_close_to_a_known_one_is_that_and_a_rest():
    atoms = Atoms(2)
    atoms.terms({(0, 0): F(3), (1, 1): F(-6)})  # one atom: -1/2 xx + yy, first met six times with a minus
    shaken = {(0, 0): F(3) + F(1, 10**9), (1, 1): F(-6)}
    row = atoms.near_terms(shaken)
    assert row == {-1: -6, -2: 1}
    assert atoms.forms[1] == {(0, 0): F(1, 10**9)}
    # the same number off in a corner where there was none; up to 1e-6 of the largest coefficient
    assert Atoms(2).near_terms({(0, 1): F(5)}) == {-1: 5}
    edge = Atoms(2)
    edge.terms({(0, 0): F(2)})
    assert edge.near_terms({(0, 0): F(2), (0, 1): F(2, 10**6)}) == {-1: 2, -2: 1}
    assert edge.near_terms({(0, 0): F(2), (1, 1): F(2, 10**6) + F(1, 10**12)}) == {-3: 2}
    assert edge.near_terms({(0, 0): F(2)}) == {-1: 2}
    assert edge.near_terms({(0, 0): F(2), (0, 1): F(0)}) == {-1: 2}
    uneven = Atoms(2)
    uneven.terms({(1, 1): F(5)})
    uneven.terms({(0, 0): F(1), (1, 1): F(100)})
    rest = {(0, 0): F(1), (1, 1): F(100), (0, 1): F(1, 20000)}
    assert uneven.near_terms(rest) == {-2: 100, -3: 1}
    # what is a known form by another factor is that atom, not one and a rest
    assert edge.near_terms({(0, 0): F(8)}) == {-1: 8}
    assert edge.near_terms({}) == {}


def test_a_rest_that_is_a_known_atom_adds_to_it():
    atoms = Atoms(1)
    atoms.terms({(0, 0): F(1)})
    row = atoms.near_terms({(0, 0): F(1) + F(1, 10**8)})
    assert row == {-1: 1, -2: 1}
    written_out = sum((a * atoms.forms[-1 - j][0, 0] for j, a in row.items()), F(0))
    assert written_out == F(1) + F(1, 10**8)


def test_a_rest_that_is_the_known_form_adds_to_it():
    atoms = Atoms(1)
    atoms.terms({(0, 0): F(10**7)})
    assert atoms.near_terms({(0, 0): F(10**7) + 1}) == {-1: 10**7 + 1}
    several = Atoms(2)
    several.terms({(1, 1): F(1)})
    several.terms({(0, 0): F(10**7)})
    assert several.near_terms({(0, 0): F(10**7) + 1}) == {-2: 10**7 + 1}


def test_atoms_that_do_not_make_up_a_form_are_noticed():
    atoms = Atoms(2)
    form = {(0, 0): F(1), (1, 1): F(2)}
    atoms.terms(form)
    with pytest.raises(Undecidable, match="not the sum of its atoms"):
        atoms._confirmed({-1: F(2)}, {(0, 0): F(1), (1, 1): F(3)})


# ------------------------------------------------------------------ sizes beside quadratic parts
SQUARE = Atom(2, ((0, 0, F(2)), (1, 1, F(1))))  # t = 2 xx + yy


def test_a_quadratic_row_has_the_size_of_the_set_that_it_describes():
    """2xx + yy + 4y <= 12 is 2xx + (y + 2)^2 <= 16: N = 16, rho = 8; rows get 1000 min(rho, sqrt rho, N)."""
    line = Line({2: F(1), 1: F(4)}, None, F(12))
    sizes = CurvedSizes.of([SQUARE], (F(-5), F(-3), F(0)), (F(4), F(7), F(99)), [line])
    assert sizes.sizes == {2: 14}  # the largest coefficient, and the largest end
    assert sizes.units == {2: 2}
    assert sizes.curved == 2000  # isqrt(8)
    assert sizes.straight == 2000
    assert sizes.whole == frozenset({2})
    small = CurvedSizes.of(
        [SQUARE], (F(-5), F(-3), F(0)), (F(4), F(7), F(99)), [Line({2: F(1), 1: F(4)}, None, F(-3))]
    )
    assert small.curved == 500  # N = 1, rho = 1/2
    assert small.straight == 500
    flat = CurvedSizes.of(
        [SQUARE], (F(-5), F(-3), F(0)), (F(4), F(7), F(99)), [Line({2: F(1, 8)}, None, F(1, 2))]
    )
    assert flat.curved == 1000 * 1  # rho = 2
    assert flat.straight == 1000 * F(1, 2)  # N


def test_every_side_of_every_quadratic_row_counts_and_straight_ones_do_not():
    lines = [
        Line({2: F(1)}, F(18), F(200)),  # rho = 9 and 100
        Line({0: F(1)}, None, F(1, 1000)),
        Line({2: F(1)}, None, None),
    ]
    sizes = CurvedSizes.of([SQUARE], (F(-1),) * 3, (F(1),) * 3, lines)
    assert sizes.curved == 3000
    assert sizes.straight == 3000
    assert sizes.sizes == {2: 2}  # a box within one counts as one
    none = CurvedSizes.of([SQUARE], (F(-1),) * 3, (F(1),) * 3, lines[1:])
    assert none.curved is None
    assert none.straight is None


def test_columns_that_are_only_linear_move_the_limit():
    """t + 3z <= 5 with z in [0, 2]: the limit is 5, or -1 at the other end; N = 1."""
    line = Line({2: F(1), 3: F(3)}, None, F(5))
    ends = (F(-9), F(-9), F(0), F(0)), (F(9), F(9), F(99), F(2))
    assert CurvedSizes.of([SQUARE], *ends, [line]).curved == 500
    # an end that takes the limit to zero is left out; 6 - 3z is 6 or 0
    line = Line({2: F(1), 3: F(3)}, None, F(6))
    assert CurvedSizes.of([SQUARE], *ends, [line]).curved == 1000  # rho = 3
    # where nothing but zero is left, one unit of the column counts: t + 3z <= 0 with z = 0
    line = Line({2: F(1), 3: F(3)}, None, F(0))
    shut = (F(-9), F(-9), F(0), F(0)), (F(9), F(9), F(99), F(0))
    assert CurvedSizes.of([SQUARE], *shut, [line]).curved == 1000  # N = 3, rho = 3/2
    assert CurvedSizes.of([SQUARE], *shut, [Line({2: F(1)}, None, F(0))]).curved == 0
    both = CurvedSizes.of(
        [SQUARE], *((*ends, F(0)) for ends in shut), [Line({2: F(1), 3: F(1, 2), 4: F(3)}, None, F(0))]
    )
    assert both.curved == 1000  # N = 3


def test_a_form_with_a_flat_direction_has_its_own_limit():
    """xx + y <= 4: no gradient of the form is zero at y, which is linear alone; xx + 2xy + yy + x has no centre."""
    flat = Atom(2, ((0, 0, F(1)), (0, 1, F(2)), (1, 1, F(1))))
    sizes = CurvedSizes.of([flat], (F(-9),) * 3, (F(9),) * 3, [Line({2: F(1), 0: F(1)}, None, F(8))])
    assert sizes.curved == 2000  # N = 8 without a centre; rho = 4 by the coefficient 2
    centred = CurvedSizes.of(
        [flat], (F(-9),) * 3, (F(9),) * 3, [Line({2: F(1), 0: F(2), 1: F(2)}, None, F(7))]
    )
    assert centred.curved == 2000  # (x + y + 1)^2 <= 8


def test_room_for_a_row_is_measured_by_its_largest_coefficient():
    line = Line({2: F(1)}, None, F(32))  # rho = 16
    sizes = CurvedSizes.of([SQUARE], (F(-1),) * 3, (F(1),) * 3, [line])
    columns = (F(7), F(1, 4), F(2))
    assert sizes.most({2: F(3), 0: F(100)}, columns) == 4000 * 6  # the quadratic part alone
    assert sizes.most({0: F(3), 1: F(-40)}, columns) == 4000 * 10  # columns count for at most one
    assert sizes.most({0: F(-30), 1: F(8)}, columns) == 4000 * 30
    assert sizes.most({}, columns) is None
    two = CurvedSizes.of([SQUARE, Atom(3, ((0, 0, F(1)),))], (F(-1),) * 4, (F(1),) * 4, [line])
    assert two.most({2: F(3), 3: F(-7)}, (*columns, F(1))) == 4000 * 7
    assert two.most({2: F(3), 3: F(-5)}, (*columns, F(1))) == 4000 * 6
    free = CurvedSizes.of([SQUARE], (F(-1),) * 3, (F(1),) * 3, [])
    assert free.most({2: F(3)}, columns) is None
    assert free.most({0: F(3)}, columns) is None


def test_rows_of_a_form_and_its_rest_are_moved_by_rounded_roots():
    third = Atom(3, ((0, 0, F(1, 3)),))
    rest = Atom(4, ((0, 0, F(1, 10**9)), (1, 1, F(1, 7))))
    lower, upper = (F(-2), F(-1), None, F(0), F(0)), (F(5), F(3), F(1), F(9), F(9))
    sizes = CurvedSizes.of([third, rest], lower, upper, [])
    large = F(ulp(1 / 3)) * 25
    assert sizes.rounded[3] == large
    assert sizes.rounded[4] == 2 * max(F(ulp(1e-9)) * 25, F(ulp(1 / 7)) * 9)
    assert sizes.whole == frozenset()
    assert sizes.roots({3: F(-2), 4: F(1), 0: F(8)}) == max(2 * large, sizes.rounded[4])
    assert sizes.roots({3: F(1), 4: F(10)}) == max(large, 10 * sizes.rounded[4])
    assert sizes.roots({3: F(1)}) == 0  # one form alone was not divided
    assert sizes.roots({0: F(1)}) == 0
    whole = CurvedSizes.of([SQUARE, Atom(3, ((0, 0, F(1)),))], (F(-1),) * 4, (F(1),) * 4, [])
    assert whole.whole == frozenset({2, 3})
    assert whole.roots({2: F(1), 3: F(1)}) == 0
    half = Atom(3, ((0, 0, F(1)), (1, 1, F(1, 2))))
    assert CurvedSizes.of([SQUARE, half], (F(-1),) * 4, (F(1),) * 4, []).whole == frozenset({2})
    mixed = CurvedSizes.of([SQUARE, Atom(3, ((0, 0, F(1, 3)),))], (F(-1),) * 4, (F(1),) * 4, [])
    assert mixed.roots({2: F(1), 3: F(1)}) > 0


def test_the_sizes_of_a_part_are_those_of_its_columns():
    other = Atom(3, ((0, 0, F(1, 3)),))
    sizes = CurvedSizes.of([SQUARE, other], (F(-1),) * 4, (F(2),) * 4, [Line({2: F(1)}, None, F(2))])
    moved = sizes.moved({2: 0, 1: 5})
    assert moved.sizes == {0: 4}
    assert moved.units == {0: 2}
    assert moved.rounded == {0: sizes.rounded[2]}
    assert moved.whole == frozenset({0})
    assert (moved.curved, moved.straight) == (sizes.curved, sizes.straight)
    assert sizes.moved({3: 1}).whole == frozenset()
    assert sizes.moved({0: 0, 1: 1}) is None
