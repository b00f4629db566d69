"""The algebra of expressions is numpy's: whatever is built from variables evaluates as numpy would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proofolio
from proofolio import Model, between, concatenate, stack
from proofolio.program.expression import apply_matrix, as_expression, broadcast_to

POINT = np.array([3.0, -1.0, 4.0, 1.5, -9.0, 2.0, 6.0, 5.0, -3.0, 5.5])  # x (2, 3), y (3,), s ()


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def x(model):
    return model.variable("x", (2, 3))


@pytest.fixture
def y(model, x):
    return model.variable("y", 3)


@pytest.fixture
def s(model, y):
    return model.variable("s")


X, Y, S = POINT[:6].reshape(2, 3), POINT[6:9], np.array(POINT[9])
ROW, COLUMN, SCALAR0 = np.array([1.0, -2.0, 4.0]), np.array([[2.0], [-8.0]]), np.array(4.0)


def same(expression, expected):
    expected = np.asarray(expected)
    assert isinstance(expression, proofolio.Expression)
    assert expression.shape == expected.shape
    assert (expression.size, expression.ndim) == (expected.size, expected.ndim)
    np.testing.assert_array_equal(expression.value(POINT), expected)


BOTH_WAYS = {
    "scalars": lambda x, y, s: 2 * x + 1 - x * 0.5,
    "vectors broadcast": lambda x, y, s: x + y,
    "a column broadcasts": lambda x, y, s: COLUMN * y + s,
    "elementwise product": lambda x, y, s: x * np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "array on the left of minus": lambda x, y, s: ROW - x,
    "array on the left of times and plus": lambda x, y, s: ROW * x + (COLUMN + y),
    "list on the left": lambda x, y, s: [1.0, 2.0, 3.0] - y,
    "np.float64 on the left": lambda x, y, s: np.float64(2) * x - np.float64(3) - (np.float64(1) - s),
    "np.int64 on the left": lambda x, y, s: np.int64(3) * y + (np.int64(1) - y),
    "0-d array on the left": lambda x, y, s: SCALAR0 - x + SCALAR0 * s,
    "0-d array on the right": lambda x, y, s: x - SCALAR0 + s * SCALAR0,
    "division": lambda x, y, s: x / 4 + x / ROW - s / SCALAR0,
    "signs": lambda x, y, s: -x + (+x) - (-(+s)),
    "booleans are numbers": lambda x, y, s: x * np.array([True, False, True]),
    "python sum": lambda x, y, s: sum(y[i] * (i + 1) for i in range(3)),
    "sum of all": lambda x, y, s: x.sum(),
    "sum of a scalar": lambda x, y, s: s.sum() + x[0, 0].sum(),
    "sum over the first axis": lambda x, y, s: x.sum(0),
    "sum over the last axis": lambda x, y, s: x.sum(axis=-1),
    "sum over a tuple": lambda x, y, s: x.reshape(2, 3, 1).sum((0, 2)),
    "sum over no axis": lambda x, y, s: x.sum(()),
    "sum keeps axes": lambda x, y, s: x.sum(1, keepdims=True) + x.sum(keepdims=True),
    "matrix times vector": lambda x, y, s: np.arange(6.0).reshape(2, 3) @ y,
    "vector times vector": lambda x, y, s: ROW @ y + y @ ROW,
    "matrix times matrix": lambda x, y, s: np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 5.0]]) @ x,
    "matrix on the right": lambda x, y, s: x @ np.arange(12.0).reshape(3, 4),
    "vector on the right": lambda x, y, s: x @ ROW,
    "vector on the left of a matrix": lambda x, y, s: np.array([1.0, -2.0]) @ x,
    "list on the left of @": lambda x, y, s: [1.0, -2.0] @ x,
    "transpose": lambda x, y, s: x.T,
    "transpose of three axes": lambda x, y, s: x.reshape(1, 2, 3).transpose(2, 0, 1),
    "transpose of a vector": lambda x, y, s: y.T,
    "reshape": lambda x, y, s: x.reshape(3, 2) + x.reshape((3, 2)),
    "reshape with minus one": lambda x, y, s: x.reshape(3, -1),
    "reshape after transpose": lambda x, y, s: x.T.reshape(2, 3),
    "ravel": lambda x, y, s: x.T.ravel(),
    "index": lambda x, y, s: x[1, 2] + x[0, -1],
    "row": lambda x, y, s: x[1] - x[-2],
    "slices": lambda x, y, s: x[:, ::-1][:1, 1:],
    "ellipsis": lambda x, y, s: x[..., 0],
    "new axis": lambda x, y, s: y[:, None] + y[None, :],
    "fancy": lambda x, y, s: x[[1, 0, 1], [2, 2, -3]],
    "fancy rows, twice the same": lambda x, y, s: x[np.array([1, 1, 0])],
    "boolean": lambda x, y, s: x[np.array([[True, False, True], [False, False, True]])],
    "boolean axis": lambda x, y, s: x[:, np.array([True, False, True])],
    "ellipsis of a scalar": lambda x, y, s: s[...],
    "empty selection": lambda x, y, s: y[:0].sum() + s,
    "terms cancel": lambda x, y, s: x - x + y - y,
    "times zero": lambda x, y, s: 0 * x + y * np.array([0.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("build", BOTH_WAYS.values(), ids=BOTH_WAYS.keys())
def test_the_same_text_means_the_same_to_numpy(build, x, y, s):
    same(build(x, y, s), build(X, Y, S))


def test_iteration_and_length_follow_the_first_axis(x, s):
    assert len(x) == 2
    for row, expected in zip(x, X, strict=True):
        same(row, expected)
    with pytest.raises(TypeError):
        len(s)


def test_joining(x, y, s):
    same(stack([y, ROW, x[0]]), np.stack([Y, ROW, X[0]]))
    same(stack([y, ROW], axis=-1), np.stack([Y, ROW], axis=-1))
    same(stack([y, 1.0, s]), np.stack([Y, np.ones(3), np.full(3, S)]))
    same(stack([s, 2.0]), [S, 2.0])
    same(concatenate([x, y[None, :]]), np.concatenate([X, Y[None, :]]))
    same(concatenate([x, COLUMN, x], axis=1), np.concatenate([X, COLUMN, X], axis=1))
    same(as_expression([[s, 1.0], [y[0], y[1]]]), [[S, 1.0], [Y[0], Y[1]]])
    same(broadcast_to(y, (4, 3)), np.broadcast_to(Y, (4, 3)))
    same(apply_matrix(np.array([[1.0, 0, 2, 0, 0, -1]]), x), [X[0, 0] + 2 * X[0, 2] - X[1, 2]])


def test_a_quotient_is_rounded_once(model, y):
    """x * (1/49) * 49 is not x: a proof about the numbers as written must not lose a bit on the way."""
    assert (49 * y / 49).matrix.data.tolist() == [1.0, 1.0, 1.0]
    assert ((y * 1e-300) / 1e-310).matrix.data.tolist() == [1e-300 / 1e-310] * 3


def test_columns_made_later_count_as_zero(model, x, y, s):
    early = x.sum()
    late = model.variable("late", 2)
    point = np.concatenate([POINT, [100.0, 1000.0]])
    assert early.value(point) == X.sum()
    assert (early + late[1]).value(point) == X.sum() + 1000.0
    assert concatenate([x[0], late]).value(point).tolist() == [*X[0], 100.0, 1000.0]


def test_operations_do_not_change_their_operands(x, y, s):
    operands = [2 * x + 1, y - 3, x.T @ np.ones(2), 4 * s, x[[1, 1]] + y]
    before = [(e.matrix.toarray(), e.constant.copy(), e.shape) for e in operands]
    array, kept = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    for e in operands:
        (e + 1, 1 - e, e * 2, 0 * e, e / 3, -e, e.sum(), e.T, e.ravel(), e[...], e <= 1, e == e)
        stack([e, e + 1])
        concatenate([e.ravel(), e.ravel()])
        e.sum().value(POINT)
        if e.shape[-1:] == (3,):
            (e + array, array - e, array * e, e / array, e <= array, e @ array, between(array, e, array))
            total = e
            total += array  # makes a new expression, as with numbers
            assert total is not e
    for e, (matrix, constant, shape) in zip(operands, before, strict=True):
        width = matrix.shape[1]
        np.testing.assert_array_equal(e.matrix.toarray()[:, :width], matrix)
        np.testing.assert_array_equal(e.constant, constant)
        assert e.shape == shape
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(
    ("compare", "lower", "upper"),
    [
        (lambda a, b: a <= b, -np.inf, 0.0),
        (lambda a, b: a >= b, 0.0, np.inf),
        (lambda a, b: a == b, 0.0, 0.0),
    ],
)
def test_comparisons_make_rows(compare, lower, upper, x, y):
    for left, right, shape in ((x, y, (2, 3)), (y, ROW, (3,)), (x, 2.0, (2, 3)), (y, COLUMN, (2, 3))):
        rows = compare(left, right)
        difference = (left - right).value(POINT)
        np.testing.assert_array_equal(rows.body.value(POINT), difference)
        assert rows.shape == shape
        assert np.all(rows.lower == lower)
        assert np.all(rows.upper == upper)
        assert rows.lower.shape == rows.upper.shape == shape


def test_comparisons_with_the_number_on_the_left(y):
    for number, rows in ((ROW, ROW >= y), (1.0, np.float64(1) >= y), (4.0, SCALAR0 >= y), (1.0, 1 >= y)):
        np.testing.assert_array_equal(rows.body.value(POINT), Y - number)
        assert (rows.lower.max(), rows.upper.min()) == (-np.inf, 0.0)


def test_between_and_selection_of_rows(x):
    rows = between([-1.0, 0.0, 1.0], x, 5.0)
    assert rows.lower.tolist() == [[-1.0, 0.0, 1.0]] * 2
    assert rows.upper.tolist() == [[5.0] * 3] * 2
    one = rows[1, 2]
    assert (one.shape, float(one.lower), float(one.upper)) == ((), 1.0, 5.0)
    assert one.body.value(POINT) == X[1, 2]
    assert between(COLUMN, x[0], 10.0).shape == (2, 3)


def test_an_expression_is_constant_when_its_terms_cancel(x, y):
    assert (x - x).is_constant
    assert ((y @ ROW) - ROW @ y).is_constant
    assert not y.is_constant
    same((x - x + 2.0) * y, 2 * np.broadcast_to(Y, (2, 3)))


NUMBERS = st.integers(-4, 4).map(float)
KEYS = (0, -1, slice(None, None, -1), slice(1, None), None, Ellipsis, [0, -1, 0])


@st.composite
def constants(draw, shape):
    count = int(np.prod(shape, dtype=int))
    return np.array(draw(st.lists(NUMBERS, min_size=count, max_size=count))).reshape(shape)


def random_step(draw, pool):
    """One operation on a random member of the pool, said once and done to both readings."""
    both = draw(st.sampled_from(pool))
    shape = both[1].shape
    kind = draw(st.integers(0, 9))
    if kind == 0:
        other = draw(st.sampled_from([p for p in pool if p[1].shape in (shape, ())] or [both]))
        sign = draw(NUMBERS)
        return tuple(a + sign * b for a, b in zip(both, other, strict=True))
    if kind == 1:
        factor = draw(constants(shape))
        return tuple(factor * a for a in both)
    if kind == 2:
        shift = draw(constants(shape[-1:]))
        return tuple(shift - a for a in both)
    if kind == 3:
        divisor = 2.0 ** draw(st.integers(-2, 2))
        return tuple(a / divisor for a in both)
    if kind == 4 and shape:
        axis = draw(st.integers(-len(shape), len(shape) - 1))
        keep = draw(st.booleans())
        return tuple(a.sum(axis=axis, keepdims=keep) for a in both)
    if kind == 5:
        return tuple(a.T for a in both)
    if kind == 6:
        return tuple(a.reshape(-1) for a in both)
    if kind == 7 and len(shape) in (1, 2) and all(shape):
        left, right = draw(constants((2, shape[0]))), draw(constants((shape[-1], 2)))
        on_left = draw(st.booleans())
        return tuple(left @ a if on_left else a @ right for a in both)
    if kind == 8 and shape and shape[0] > 0 and len(shape) < 4:
        key = draw(st.sampled_from(KEYS))
        return tuple(a[key] for a in both)
    other = draw(constants(shape))
    axis = draw(st.integers(0, len(shape)))
    return stack([both[0], other], axis=axis), np.stack([both[1], other], axis=axis)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_expressions_evaluate_as_numpy_does(data):
    model = Model()
    x, y, s = model.variable("x", (2, 3)), model.variable("y", 3), model.variable("s")
    # small integers and halves: every operation is exact in both, so equal means equal
    point = data.draw(constants((10,)))
    pool = [(x, point[:6].reshape(2, 3)), (y, point[6:9]), (s, point[9])]
    for _ in range(data.draw(st.integers(1, 8))):
        made = random_step(data.draw, pool)
        if made[1].size <= 200:
            pool.append((made[0], np.asarray(made[1])))
    for expression, expected in pool:
        assert expression.shape == np.asarray(expected).shape
        np.testing.assert_array_equal(expression.value(point), expected)
