"""What a statement says of its columns and rows: sizes, rounding, reach, parts; by hand and against enumeration."""

import itertools
import random
from dataclasses import replace
from fractions import Fraction
from math import ulp

import pytest

from proofolio.verification.exact.certificate import System, Undecidable, violation
from proofolio.verification.proofs.lines import Atom, Line
from proofolio.verification.proofs.statement import (
    DELTA,
    Facet,
    Statement,
    facets,
    freed_rows,
    lent,
    lent_in_cell,
    narrowed,
    parts,
    reach,
)

F = Fraction
TENTH = F(1, 10)


def unit(number):
    return F(ulp(float(number)))


# u in [0, 1.1] and b in {0, 1, 2} are given, v is an output, w and z in {-1, 0, 1} were added, s is a selector
ROWS = (
    Line({2: F(1), 0: F(-1)}, F(-1), F(1, 10)),  # v - u
    Line({3: F(1, 3), 2: F(1)}, None, F(2)),  # w / 3 + v
    Line({4: F(1), 0: F(7)}, F(0), None, (5, frozenset({0, 2}))),
)
MEANING = (((Line({2: F(1), 0: F(-1, 3)}, F(0), F(0)),), (Line({2: F(2)}, None, F(1, 10)),)),)
STATEMENT = Statement(
    names=("u", "b", "v", "w", "z", "s"),
    kinds=("input", "input", "output", "auxiliary", "auxiliary", "selector"),
    lower=(F(0), F(0), F(-3), None, F(-1), F(0)),
    upper=(F(11, 10), F(2), F(3), F(1, 7), F(1), F(2)),
    integer=(False, True, False, False, True, True),
    rows=ROWS,
    entries=MEANING,
)


def test_columns_by_what_they_are():
    assert STATEMENT.points == (0, 1, 2)
    assert STATEMENT.chosen == (4, 5)
    assert STATEMENT.given == (1,)
    integer_output = replace(STATEMENT, integer=(False, True, True, False, True, True))
    assert integer_output.chosen == (2, 4, 5)
    assert integer_output.given == (1,)


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (F(-1), F(1), [-1, 0, 1]),
        (F(-3, 2), F(3, 2), [-1, 0, 1]),
        (F(1, 3), F(2, 3), []),
        (F(1, 2), F(2), [1, 2]),
        (F(4), F(4), [4]),
        (F(2), F(1), []),
        (F(-5, 2), F(-1, 2), [-2, -1]),
    ],
)
def test_the_values_of_an_integer_are_those_within_its_bounds(low, high, values):
    one = replace(STATEMENT, lower=(low, *STATEMENT.lower[1:]), upper=(high, *STATEMENT.upper[1:]))
    assert list(one.values(0)) == values


def test_an_integer_without_bounds_has_no_values():
    for name in ("lower", "upper"):
        one = replace(STATEMENT, **{name: (None, *getattr(STATEMENT, name)[1:])})
        with pytest.raises(Undecidable, match="the integer u has no finite bounds"):
            one.values(0)


def test_what_was_added_counts_for_no_more_than_the_inputs():
    assert STATEMENT.sizes == (F(11, 10), 0, 2, F(1, 7), 0, 0)  # the largest end of an input is 2
    wide = replace(STATEMENT, lower=(F(-5), *STATEMENT.lower[1:]))
    assert wide.sizes[:3] == (5, 0, 3)
    free = replace(STATEMENT, upper=(F(1, 2), F(0), F(3), None, F(1), F(2)))
    assert free.sizes == (F(1, 2), 0, 1, 1, 0, 0)  # at least one, and one where nothing is known
    assert STATEMENT.extent({0: F(10), 2: F(-20), 4: F(10**6)}) == 40
    assert STATEMENT.extent({0: F(1, 2)}) == 1


def test_the_reach_is_what_bounds_and_rows_leave():
    # u <= 1.1 gives v <= 1.2 and v >= -1; w / 3 <= 2 - v gives no lower end
    assert STATEMENT.reach == (F(11, 10), 2, F(6, 5), None, 1, 2)
    closed = replace(STATEMENT, rows=(*ROWS, Line({3: F(1)}, F(-4), None)))
    assert closed.reach[3] == 4
    conditional = replace(STATEMENT, rows=(*ROWS, Line({3: F(1)}, F(-4), None, (5, frozenset({0})))))
    assert conditional.reach[3] is None  # it does not hold always


def test_the_size_of_a_row_is_how_far_its_terms_reach():
    assert STATEMENT.scale({0: F(2), 2: F(-5), 1: F(100)}) == 6
    assert STATEMENT.scale({0: F(2), 3: F(50)}) == F(11, 5)  # how far w reaches is not known
    assert STATEMENT.scale({3: F(-50)}) == 50
    assert STATEMENT.scale({3: F(-50), 4: F(1000)}) == 50
    assert STATEMENT.scale({1: F(-7), 4: F(3)}) == 7  # integers alone
    assert STATEMENT.scale({}) == 1


def test_a_row_is_rounded_by_its_numbers_that_are_no_integers():
    assert STATEMENT.rounding({0: F(1)}, F(0), F(1, 10)) == 2 * unit(0.1)
    assert STATEMENT.rounding({0: F(1)}, F(1, 10), None) == 2 * unit(0.1)
    assert STATEMENT.rounding({0: F(3), 1: F(7)}, F(5), None) == 0
    assert STATEMENT.rounding({2: F(1, 3)}, F(1)) == 2 * unit(1 / 3) * F(6, 5)
    assert STATEMENT.rounding({2: F(1, 3)}, F(1000001, 10)) == 2 * unit(100000.1)
    assert STATEMENT.rounding({3: F(1, 3)}) == 0  # no limit to what it multiplies: nothing is lent
    assert STATEMENT.rounding({}) == 0


def test_rows_are_measured_once_and_right():
    line = ROWS[1]
    assert STATEMENT.measured(line) == (STATEMENT.scale(line.terms), STATEMENT.rounding(line.terms, F(2)))
    assert STATEMENT.measured(line) == STATEMENT.measured(line)
    assert STATEMENT.rooms == tuple(STATEMENT.measured(row)[1] for row in ROWS)
    assert STATEMENT.rooms[0] == 2 * unit(0.1)
    assert STATEMENT.bound_lines[3] == Line({3: F(1)}, None, F(1, 7))
    assert len(STATEMENT.bound_lines) == 6


def test_the_sides_of_rows_are_facets_upper_ones_first():
    up, down = facets(STATEMENT, [ROWS[0]])
    scale, room = STATEMENT.measured(ROWS[0])
    assert up == Facet({2: F(1), 0: F(-1)}, F(1, 10), scale, room)
    assert down == Facet({2: F(-1), 0: F(1)}, F(1), scale, room)
    assert [f.limit for f in facets(STATEMENT, ROWS[1:])] == [2, 0]


def test_cells_have_the_box_of_the_inputs_and_no_other_bounds():
    cell = STATEMENT.cell(MEANING[0][0])
    assert cell.rows == ({2: F(1), 0: F(-1, 3)},)
    assert (cell.low, cell.high) == ((0,), (0,))
    assert cell.lower == (0, 0, None, 0, 0, 0)
    assert cell.upper == (F(11, 10), 2, None, 0, 0, 0)
    cut = Line({2: F(1, 3)}, None, F(1, 10))
    rooms = STATEMENT.cell_rooms([MEANING[0][1][0], cut])
    assert rooms == (2 * unit(0.1), 0)  # a cut is no row of the meaning


def test_the_program_is_relaxed_by_the_rounding_of_its_rows_and_bounds():
    program, relaxed, excused = STATEMENT.program, STATEMENT.relaxed, STATEMENT.excused
    assert program == System(
        tuple(row.terms for row in ROWS), (-1, None, 0), (TENTH, 2, None), STATEMENT.lower, STATEMENT.upper
    )
    first, second, third = STATEMENT.rooms
    assert relaxed.low == (-1 - first, None, 0 - third)
    assert relaxed.high == (TENTH + first, 2 + second, None)
    assert relaxed.lower == STATEMENT.lower
    assert relaxed.upper == (F(11, 10), 2, 3, F(1, 7) + 2 * unit(1 / 7), 1, 2)  # inputs keep their bounds
    # an output may stand where the meaning's rounding puts it, and inputs at rounded ends
    meant = max(2 * unit(1 / 3) * F(11, 10), 2 * unit(0.1) / 2)
    ends = 2 * unit(1.2)
    assert excused.upper[2] == 3 + meant
    assert excused.lower[2] == -3 - meant
    assert excused.high[0] == TENTH + first + max(ends, 2 * unit(1.1)) + meant
    assert excused.low[0] == -1 - first - max(ends, 2 * unit(1.1)) - meant
    assert excused.high[1] == 2 + second + ends + meant
    assert excused.low[2] == 0 - third - 2 * 7 * unit(1.1)
    assert excused.upper[:2] == STATEMENT.upper[:2]
    assert excused.upper[3] == relaxed.upper[3]
    second = replace(STATEMENT, entries=((MEANING[0][1],),))
    assert second.excused.upper[2] == 3 + unit(0.1)  # of a row of 2 v


def test_a_statement_survives_its_document():
    assert Statement.read(STATEMENT.document()) == STATEMENT
    assert "atoms" not in STATEMENT.document()
    assert [c["integer"] for c in STATEMENT.document()["columns"]] == list(STATEMENT.integer)
    with_atom = replace(
        STATEMENT,
        names=(*STATEMENT.names, "t"),
        kinds=(*STATEMENT.kinds, "input"),
        lower=(*STATEMENT.lower, F(0)),
        upper=(*STATEMENT.upper, F(2)),
        integer=(*STATEMENT.integer, False),
        atoms=(Atom(6, ((0, 0, F(1)),)),),
    )
    assert Statement.read(with_atom.document()) == with_atom


# ------------------------------------------------------------------ bounds from rows
def drawn_lines(rng, n, m):
    return [
        Line(
            {j: F(rng.choice((-2, -1, 1, 3))) for j in range(n) if rng.random() < 0.7},
            F(rng.randint(-6, 2)) if rng.random() < 0.6 else None,
            F(rng.randint(-2, 6)) if rng.random() < 0.6 else None,
        )
        for _ in range(m)
    ]


def test_narrowed_bounds_leave_no_point_out():
    rng = random.Random(1)
    grid = [F(k, 2) for k in range(-8, 9)]
    narrower = 0
    for _ in range(150):
        n = rng.randint(1, 2)
        lines = drawn_lines(rng, n, rng.randint(1, 3))
        lower = [F(rng.randint(-4, 0)) if rng.random() < 0.7 else None for _ in range(n)]
        upper = [F(rng.randint(1, 4)) if rng.random() < 0.7 else None for _ in range(n)]
        low, high = narrowed(lines, lower, upper)
        system = System(
            tuple(line.terms for line in lines),
            tuple(line.low for line in lines),
            tuple(line.high for line in lines),
            tuple(lower),
            tuple(upper),
        )
        for x in itertools.product(grid, repeat=n):
            if violation(system, dict(enumerate(x))) == 0:
                assert all(low[j] is None or low[j] <= x[j] for j in range(n))
                assert all(high[j] is None or x[j] <= high[j] for j in range(n))
        for j in range(n):
            assert lower[j] is None or low[j] >= lower[j]
            assert upper[j] is None or high[j] <= upper[j]
            narrower += (low[j], high[j]) != (lower[j], upper[j])
        for known, ends in zip(reach(lines, lower, upper), zip(low, high, strict=True), strict=True):
            assert known == (None if None in ends else max(map(abs, ends)))
    assert narrower > 50


def test_bounds_follow_from_one_row_after_the_other():
    chain = [Line({k + 1: F(1), k: F(-2)}, None, F(0)) for k in range(3)]  # each at most twice the one before
    low, high = narrowed(chain, [F(0)] * 4, [F(1), None, None, None])
    assert high == [1, 2, 4, 8]
    assert low == [0, 0, 0, 0]
    backwards = narrowed(chain[::-1], [F(0)] * 4, [F(1), None, None, None], sweeps=1)
    assert backwards[1] == [1, 2, None, None]
    assert narrowed(chain[::-1], [F(0)] * 4, [F(1), None, None, None], sweeps=3)[1] == [1, 2, 4, 8]
    # two columns without an end: nothing follows for either
    assert narrowed([Line({0: F(1), 1: F(1)}, None, F(1))], [None, None], [None, None]) == (
        [None] * 2,
        [None] * 2,
    )
    # one without: its end follows, and the others' does not
    low, high = narrowed([Line({0: F(1), 1: F(-3)}, None, F(2))], [None, F(-1)], [None, F(5)])
    assert (low, high) == ([None, -1], [17, 5])
    low, high = narrowed([Line({0: F(1), 1: F(-3)}, F(2), None)], [None, F(-1)], [None, F(5)])
    assert (low, high) == ([-1, -1], [None, 5])
    # of one side two ends are missing, of the other none
    low, high = narrowed([Line({0: F(1), 1: F(1)}, F(0), F(5))], [None, None], [F(1), F(2)])
    assert (low, high) == ([-2, -1], [1, 2])
    # an end that rows contradict stays within the other one
    assert narrowed([Line({0: F(2)}, None, F(-8))], [F(1)], [F(3)]) == ([1], [1])
    assert narrowed([Line({0: F(-2)}, None, F(-8))], [F(1)], [F(3)]) == ([3], [3])


# ------------------------------------------------------------------ what rounding lends
SYSTEM = System(
    ({0: F(1), 1: F(1)}, {0: F(1), 1: F(1)}, {1: F(1)}),
    (None,) * 3,
    (F(1),) * 3,
    (F(1, 10), F(-1, 3)),
    (F(7, 10), F(5)),
)
ROOMS = (F(2), F(3), F(5))


def test_rows_lend_as_much_as_their_multipliers_say():
    goal = {0: F(4), 1: F(4)}
    assert lent(ROOMS, SYSTEM, goal, {0: F(4)}) == 8
    assert lent(ROOMS, SYSTEM, goal, {0: F(-4), 2: F(1, 2)}) == 0  # with the bounds they are not independent
    assert lent(ROOMS, SYSTEM, {0: F(1), 1: F(2)}, {0: F(1), 2: F(1)}) == 7
    assert lent(ROOMS, SYSTEM, {0: F(-1), 1: F(-2)}, {0: F(-1), 2: F(-1)}) == 7
    assert lent(ROOMS, SYSTEM, goal, {0: F(5), 1: F(-1)}) == 0  # rows that cancel
    assert lent(ROOMS, SYSTEM, goal, {}) == 0
    assert lent((F(0),) * 3, SYSTEM, goal, {0: F(4)}) == 0


def test_in_a_cell_the_bounds_of_inputs_lend_as_well():
    # 4 x + 4 y less the row once: 3 x + 3 y by bounds, x <= .7 and y <= 5
    assert lent_in_cell(ROOMS, SYSTEM, {0: F(4)}, {}) == 8 * unit(0.7)
    assert lent_in_cell(ROOMS, SYSTEM, {0: F(-4)}, {}) == 8 * unit(0.1)
    assert lent_in_cell(ROOMS, SYSTEM, {1: F(-6)}, {}) == 12 * unit(1 / 3)
    assert lent_in_cell(ROOMS, SYSTEM, {1: F(6)}, {}) == 0  # 5 is an integer
    assert lent_in_cell(ROOMS, SYSTEM, {0: F(3), 1: F(2)}, {0: F(2)}) == 4 + 2 * unit(0.7)
    assert lent_in_cell(ROOMS, SYSTEM, {0: F(1), 1: F(1)}, {0: F(2), 1: F(-1)}) == 0
    double = replace(SYSTEM, rows=({0: F(2), 1: F(1)}, *SYSTEM.rows[1:]))
    assert lent_in_cell(ROOMS, double, {0: F(7), 1: F(3)}, {0: F(3)}) == 6 + 2 * unit(0.7)
    fixed = replace(SYSTEM, fixed={0: F(1, 10)})
    assert lent_in_cell(ROOMS, fixed, {0: F(4)}, {}) == 0
    free = replace(SYSTEM, upper=(None, F(5)))
    assert lent_in_cell(ROOMS, free, {0: F(4)}, {}) == 0


def test_conditional_rows_are_freed_until_their_column_says_so():
    rows = [ROWS[0], ROWS[2], Line({0: F(1)}, None, F(1), (1, frozenset({1})))]
    both = {(1, "lower"), (1, "upper")}
    assert freed_rows(rows, {}) == both | {(2, "lower"), (2, "upper")}
    assert freed_rows(rows, {5: F(2), 1: F(0)}) == {(2, "lower"), (2, "upper")}
    assert freed_rows(rows, {5: F(1), 1: F(1)}) == both
    assert freed_rows(rows, {5: F(0), 1: F(1)}) == frozenset()


# ------------------------------------------------------------------ parts
def test_parts_share_no_column_and_keep_their_rows_and_entries():
    statement = Statement(
        names=tuple("abcdefg"),
        kinds=("input", "input", "input", "output", "auxiliary", "output", "input"),
        lower=tuple(map(F, range(7))),
        upper=tuple(map(F, range(10, 17))),
        integer=(False, True, False, False, False, True, False),
        rows=(
            Line({3: F(1), 0: F(2)}, F(0), F(1)),
            Line({4: F(3)}, None, F(2), (1, frozenset({1}))),
            Line({5: F(1), 2: F(-1)}, None, F(5)),
        ),
        entries=(
            ((Line({3: F(1), 4: F(1)}, F(0), None),), (Line({3: F(7)}, None, F(1)),)),
            ((Line({5: F(1)}, None, F(8)),),),
        ),
    )
    first, second = parts(statement)
    assert first.names == (
        "a",
        "b",
        "d",
        "e",
    )  # joined by rows, by a condition and by an entry; g is in nothing
    assert first.kinds == ("input", "input", "output", "auxiliary")
    assert (first.lower, first.upper) == ((0, 1, 3, 4), (10, 11, 13, 14))
    assert first.integer == (False, True, False, False)
    assert first.rows == (
        Line({2: F(1), 0: F(2)}, F(0), F(1)),
        Line({3: F(3)}, None, F(2), (1, frozenset({1}))),
    )
    assert first.entries == (((Line({2: F(1), 3: F(1)}, F(0), None),), (Line({2: F(7)}, None, F(1)),)),)
    assert second.names == ("c", "f")
    assert second.rows == (Line({1: F(1), 0: F(-1)}, None, F(5)),)
    assert second.entries == (((Line({1: F(1)}, None, F(8)),),),)
    assert first.given_sizes is None
    rows_only = replace(statement, entries=statement.entries[:1])
    assert [part.entries for part in parts(rows_only)] == [first.entries, ()]
    entries_only = replace(statement, rows=statement.rows[:2])
    assert [part.rows for part in parts(entries_only)] == [first.rows, ()]


# ------------------------------------------------------------------ beside quadratic parts
def curved(limit, size=100):
    """t = xx with x in a box: the meaning asks for t <= limit; v = x is an output beside it."""
    box = F(size)
    return Statement(
        names=("x", "t", "v"),
        kinds=("input", "input", "output"),
        lower=(-box, F(0), F(-5)),
        upper=(box, box * box, F(5)),
        integer=(False,) * 3,
        rows=(Line({1: F(1)}, None, limit), Line({2: F(1), 0: F(-1)}, F(0), F(0))),
        entries=(((Line({1: F(1)}, None, limit), Line({2: F(1), 0: F(-1)}, F(0), F(0))),),),
        atoms=(Atom(1, ((0, 0, F(1)),)),),
    )


def test_quadratic_rows_count_no_more_than_the_set_they_describe():
    statement = curved(F(4))
    assert statement.curved_sizes.curved == 2000
    assert statement.sizes == (100, 100, 5)  # the atom as its linear twin
    assert statement.scale({1: F(3)}) == 300
    wide = curved(F(4), 10**6)
    assert wide.scale({1: F(3)}) == 6000
    assert wide.scale({0: F(3)}) == 6000
    assert curved(F(4)).scale({0: F(1, 100)}) == 1
    far = replace(statement, lower=(F(-100), F(0), F(-5000)), upper=(F(100), F(10000), F(5000)))
    assert far.sizes == (100, 100, 100)  # the ends of an atom are those of its form, and no input's
    # rounding of a quadratic row is at most delta of its size
    assert statement.rounding({1: F(1)}, F(1, 10)) == 2 * unit(0.1)
    assert wide.rounding({1: F(1, 3)}, F(1, 10)) == 2 * 4 * unit(1 / 3)  # the row leaves t no more than 4
    large = F(10**12) + F(1, 3)
    assert wide.rounding({1: F(1, 3)}, large) == DELTA * wide.scale({1: F(1, 3)}) < 2 * unit(large)
    assert wide.rounding({0: F(1, 3)}, large) == 2 * unit(large)  # not of other rows
    assert wide.rounding({0: F(1, 3)}) == 2 * 5 * unit(1 / 3)  # as v is at most 5


def test_a_set_of_one_point_has_no_size():
    with pytest.raises(Undecidable, match="no size to measure errors by"):
        _ = curved(F(0)).curved_sizes


def test_parts_measure_by_the_sizes_of_the_whole():
    (part,) = parts(curved(F(4), 10**6))
    assert part.atoms == ()
    assert part.curved_sizes == curved(F(4), 10**6).curved_sizes
    assert part.scale({1: F(3)}) == 6000
