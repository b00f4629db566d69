"""The builder: names, bounds, rows decided at once, and the book kept of every block."""

import numpy as np
import pytest

from proofolio import BadData, ContradictoryRows, Model, ProofolioError, between
from proofolio.program.structure import features


@pytest.fixture
def model():
    return Model("test")


@pytest.fixture
def x(model):
    return model.variable("x", (2, 3), -1, [1.0, 2.0, 3.0])


@pytest.fixture
def b(model, x):
    return model.variable("b", 3, binary=True)


def dense(matrix):
    return matrix.toarray()


# ------------------------------------------------------------------ variables and names
def test_variables_stand_in_row_major_order_under_their_element_names(model, x, b):
    model.variable("s", lower=2, upper=2)
    program = model.freeze()
    assert program.column_names == (
        *(f"x[{i},{j}]" for i in range(2) for j in range(3)), "b[0]", "b[1]", "b[2]", "s",
    )  # fmt: skip
    assert program.n == model.n == 10
    assert program.lower.tolist() == [-1.0] * 6 + [0.0] * 3 + [2.0]
    assert program.upper.tolist() == [1.0, 2.0, 3.0] * 2 + [1.0] * 3 + [2.0]
    assert program.integer.tolist() == [False] * 6 + [True] * 3 + [False]
    assert program.binary.tolist() == program.integer.tolist()
    assert program.columns("x").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert program.columns("s").shape == ()
    assert [model.column_name(j) for j in range(10)] == list(program.column_names)
    assert x[1, 2].value(np.arange(10.0)) == 5.0
    assert program.name == "test"


def test_bounds_of_integers_are_rounded_inward(model):
    z = model.variable("z", 2, -1.5, [2.9, 3.0], integer=True)
    b = model.variable("b", 3, [-5.0, 0.2, 0.0], [7.0, 1.0, 0.9], binary=True)
    program = model.freeze()
    assert program.lower.tolist() == [-1.0, -1.0, 0.0, 1.0, 0.0]
    assert program.upper.tolist() == [2.0, 3.0, 1.0, 1.0, 0.0]
    assert program.binary.tolist() == [False, False, True, True, True]
    assert (z.shape, b.shape) == ((2,), (3,))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lower": 1, "upper": 0}, r"'v'.*\(0, 0\)"),
        ({"lower": 0, "upper": [1.0, -1.0]}, r"'v'.*\(0, 1\)"),
        ({"lower": np.inf}, "'v'"),
        ({"upper": -np.inf}, "'v'"),
        ({"lower": 0.2, "upper": 0.8, "integer": True}, "'v'"),
        ({"lower": 2, "upper": 3, "binary": True}, "'v'"),
        ({"lower": [0.0, np.nan]}, "lower bound of 'v' holds NaN"),
        ({"upper": np.zeros(3)}, r"upper bound of 'v' has shape \(3,\).*\(2, 2\)"),
        ({"upper": "much"}, "upper bound of 'v'"),
    ],
)
def test_bounds_that_leave_nothing_are_refused_and_leave_nothing_behind(arguments, words, model):
    with pytest.raises(BadData, match=words):
        model.variable("v", (2, 2), **arguments)
    assert model.n == 0
    assert model.variable("v", (2, 2)).shape == (2, 2)


def test_every_name_is_used_once(model, x):
    model.add("row", x <= 0)
    cases = (
        lambda name: model.variable(name),
        lambda name: model.add(name, x >= 0),
        lambda name: model.add(name, True),
        lambda name: model.cone(name, x, 1.0),
        lambda name: model.sos1(name, x[0]),
    )
    for name in ("x", "row", ""):
        for make in cases:
            with pytest.raises(BadData, match=r"taken|empty"):
                make(name)


def test_no_two_columns_have_the_same_element_name(model, x):
    with pytest.raises(BadData, match=r"'x\[0,1\]'"):
        model.variable("x[0,1]")
    model.variable("y[0]")
    with pytest.raises(BadData, match="'y'"):
        model.variable("y", 2)
    model.variable("y[1]")
    model.variable("y")
    names = model.freeze().column_names
    assert len(set(names)) == len(names) == 9


def test_a_name_is_free_again_when_nothing_came_of_it(model, x, b):
    attempts = {
        "contradiction": lambda n: model.add(n, 0 * x >= 1),
        "not rows": lambda n: model.add(n, x),
        "cone": lambda n: model.cone(n, x[0, 0], 1.0),
        "indicator": lambda n: model.indicator(n, x[0, 0], x <= 1),
        "sos": lambda n: model.sos1(n, 2 * x),
    }
    for attempt in attempts.values():
        with pytest.raises(ProofolioError):
            attempt("again")
        assert "again" not in model._names
    model.add("again", x <= 1)


# ----------------------------------------------------------------------------- rows
def test_rows_hold_the_numbers_as_written(model, x, b):
    model.add("low", 2 * x[0] - b >= 1)
    model.add("band", between(-1, x.sum() + 3, 4))
    model.add("same", x[:, 0] == x[:, 1] + 0.5)
    model.add("right", 5 >= x[1, 2])
    program = model.freeze()
    A = dense(program.A)
    expected = np.zeros((7, 9))
    expected[:3, :3], expected[:3, 6:] = 2 * np.eye(3), -np.eye(3)
    expected[3, :6] = 1
    expected[4, [0, 1]], expected[5, [3, 4]] = [1, -1], [1, -1]
    expected[6, 5] = 1
    np.testing.assert_array_equal(A, expected)
    assert program.row_lower.tolist() == [1.0, 1.0, 1.0, -4.0, 0.5, 0.5, -np.inf]
    assert program.row_upper.tolist() == [np.inf] * 3 + [1.0, 0.5, 0.5, 5.0]
    assert program.row_names == ("low[0]", "low[1]", "low[2]", "band", "same[0]", "same[1]", "right")
    assert [(r.start, r.size) for r in program.rows] == [(0, 3), (3, 1), (4, 2), (6, 1)]


def test_true_rows_without_variables_are_dropped_and_the_book_stays_right(model, x, b):
    mask = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    M = np.arange(6.0).reshape(2, 3) + 10
    switch = model.switch("test", b, 1, M, "given", (2, 3))
    model.add("some", mask * x <= 1, switch)
    model.add("none", 0 * x <= 1)
    model.add("plain truth", 1 <= 2)
    model.add("after", x[0] <= 7)
    program = model.freeze()
    assert program.row_names == ("some[0,1]", "some[1,0]", "some[1,2]", "after[0]", "after[1]", "after[2]")
    block, after = program.rows
    assert (block.shape, block.start, block.positions.tolist()) == ((2, 3), 0, [1, 3, 5])
    assert (after.start, after.rows) == (3, slice(3, 6))
    assert block.switch.big_m.tolist() == [11.0, 13.0, 15.0]
    assert block.switch.binary.tolist() == [7, 6, 8]
    assert block.switch.on.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(dense(program.A)[block.rows].sum(1), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (lambda x: 0 * x >= [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], r"'wrong'.*\(1, 1\)"),
        (lambda x: x[0, 0] - x[0, 0] == 1e-3, "'wrong'"),
        (lambda x: between(1, 0 * x[0] + 3, 2), "'wrong'"),
        (lambda x: 2 <= 1, "'wrong'"),
        (lambda x: np.array([1.0, 2.0]) <= 1, "'wrong'"),
    ],
)
def test_false_rows_without_variables_are_a_contradiction_that_names_the_row(rows, where, model, x):
    with pytest.raises(ContradictoryRows, match=where):
        model.add("wrong", rows(x))
    assert model.freeze().m == 0


def test_rounding_of_constants_is_no_contradiction(model, x):
    model.add("sums", 0 * x[0, 0] + (0.1 + 0.2) == 0.3)
    assert model.freeze().m == 0


@pytest.mark.parametrize("rows", [1.0, None, "x <= 1", np.array([1.0])])
def test_what_is_not_rows_is_refused(rows, model):
    with pytest.raises(BadData, match="'r'"):
        model.add("r", rows)


def test_overflowed_coefficients_are_refused(model, x):
    with np.errstate(over="ignore"):
        wild = (1e200 * x[0]) * 1e200
    with pytest.raises(BadData, match="infinite"):
        model.add("wild", wild <= 1)


def test_variables_of_another_model_are_refused_everywhere(model, x, b):
    other = Model()
    foreign, flag = other.variable("y", 3, 0, 1), other.variable("z", binary=True)
    for attempt in (
        lambda: model.add("r", foreign <= 1),
        lambda: model.add("q", other.quadratic(np.eye(3), foreign) <= 1),
        lambda: model.cone("c", foreign, 1.0),
        lambda: model.cone("c", x, foreign[:2], 1.0),
        lambda: model.indicator("i", flag, x <= 1),
        lambda: model.indicator("i", b[0], foreign <= 1),
        lambda: model.sos1("s", foreign),
        lambda: model.minimise(foreign.sum()),
        lambda: model.maximise(other.quadratic(np.eye(3), foreign)),
    ):
        with pytest.raises(BadData, match=r"another model|two different models"):
            attempt()


def test_an_empty_model_is_a_program():
    program = Model().freeze()
    assert (program.n, program.m, len(program.quadratic), len(program.cones), len(program.indicators)) == (
        0,
    ) * 5
    assert program.P.shape == (0, 0)
    assert program.A.shape == (0, 0)
    assert program.objective([]) == 0.0
    assert program.point({}).size == 0
    assert features(program) == frozenset()


def test_arrays_without_entries_do_no_harm(model, x):
    empty = model.variable("none", (0, 2), 0, 1)
    model.add("rows", empty <= 1)
    model.add("real", x[0] <= 1)
    assert model.freeze().row_names == ("real[0]", "real[1]", "real[2]")


# ------------------------------------------------------------------------- switches
def test_a_switch_knows_column_and_on_value(model, x, b):
    plain = model.switch("c", b, 1, 2.0, "given", (2, 3))
    assert plain.binary.tolist() == [6, 7, 8] * 2
    assert plain.on.tolist() == [1] * 6
    assert plain.big_m.tolist() == [2.0] * 6
    turned = model.switch("c", 1 - b, 1, np.ones((2, 3)), "given", (2, 3))
    assert turned.on.tolist() == [0] * 6
    assert model.switch("c", 1 - b[0], 0, 1.0, "given", ()).on.tolist() == [1]
    for several in (b[0] + b[1], 2 * b, 1 + b, -b, 0 * b):
        assert model.switch("c", several, 1, 1.0, "given", (3,)) is None


# ------------------------------------------------------------------------ freezing
def test_a_model_can_be_frozen_twice_and_built_on(model, x):
    model.add("first", x[0] <= 1)
    before = model.freeze()
    y = model.variable("y")
    model.add("second", x[0, 0] + y == 0)
    model.minimise(y)
    after = model.freeze()
    assert (before.n, before.m, before.q.tolist()) == (6, 3, [0.0] * 6)
    assert before.A.shape == (3, 6)
    assert (after.n, after.m, after.q.tolist()) == (7, 4, [0.0] * 6 + [1.0])
    after.lower[:] = 99.0
    assert model.freeze().lower.max() == -1.0


def test_points_and_values_go_round(model, x, b):
    program = model.freeze()
    point = np.arange(9.0)
    values = program.values(point)
    assert values["x[1,0]"] == 3.0
    np.testing.assert_array_equal(program.point(values), point)
    with pytest.raises(BadData, match=r"lacks 2 names, such as 'x\[0,1\]'"):
        program.point({k: v for k, v in values.items() if k not in ("x[0,1]", "b[2]")})
    with pytest.raises(BadData, match="1 names, such as 'zebra'"):
        program.point(values | {"zebra": 1.0})
    with pytest.raises(BadData, match=r"'y'.*b, x"):
        program.columns("y")
