"""Quadratic forms are w'Qw, whatever is inside w and however the arrays are indexed, added and summed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio import BadData, Model, concatenate, stack
from proofolio.program.quadratic import Quadratic, symmetric
from proofolio.program.structure import features, is_positive_semidefinite

RNG = np.random.default_rng(7)
POINT = RNG.normal(size=8)
X, Y = POINT[:6].reshape(2, 3), POINT[6:]
Q3 = np.array([[2.0, 0.5, -1.0], [0.5, 1.0, 0.25], [-1.0, 0.25, 3.0]])
Q2 = np.array([[1.0, -2.0], [-2.0, -3.0]])


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def x(model):
    return model.variable("x", (2, 3))


@pytest.fixture
def y(model, x):
    return model.variable("y", 2)


def value(Q, w):
    return np.einsum("...i,...ij,...j->...", w, np.asarray(Q), w)


def close(quadratic, expected):
    expected = np.asarray(expected)
    assert isinstance(quadratic, Quadratic)
    assert quadratic.shape == expected.shape
    np.testing.assert_allclose(quadratic.value(POINT), expected, rtol=1e-12, atol=1e-12)
    for entry in quadratic.forms:
        for form in entry:
            np.testing.assert_array_equal(form.matrix, form.matrix.T)


def test_one_matrix_for_every_entry(model, x):
    close(model.quadratic(Q3, x), value(Q3, X))
    close(model.quadratic(Q3, x[0]), value(Q3, X[0]))
    close(model.quadratic(Q2, x.T), value(Q2, X.T))


def test_a_matrix_for_each_entry(model, x):
    batch = np.stack([Q3, -2 * Q3, np.zeros((3, 3)), np.eye(3)]).reshape(2, 2, 3, 3)
    close(model.quadratic(batch, x), value(batch, np.broadcast_to(X, (2, 2, 3))))
    close(model.quadratic(batch[:, :1], x), value(batch[:, :1], X))
    close(model.quadratic(batch, x[1]), value(batch, np.broadcast_to(X[1], (2, 2, 3))))


def test_affine_vectors_with_constants_and_shared_columns(model, x, y):
    left = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0], [1.0, 1.0, 1.0]])
    close(model.quadratic(Q3, x @ left + [1.0, -2.0, 0.5]), value(Q3, X @ left + [1.0, -2.0, 0.5]))
    close(model.quadratic(Q2, stack([y[0], y[0]])), value(Q2, np.array([Y[0], Y[0]])))
    same = stack([x[0, 0] + y[1], y[1] - 1.0])
    close(model.quadratic(Q2, same), value(Q2, np.array([X[0, 0] + Y[1], Y[1] - 1.0])))
    mixed = concatenate([y, np.array([4.0])])
    close(model.quadratic(Q3, mixed), value(Q3, np.array([*Y, 4.0])))


def test_a_form_of_constants_is_a_number(model):
    q = model.quadratic(Q2, np.array([1.0, 2.0])) + 1.0
    assert q.forms == ((),)
    assert q.value([]) == value(Q2, np.array([1.0, 2.0])) + 1.0


def test_arithmetic(model, x, y):
    q, expected = model.quadratic(Q3, x), value(Q3, X)
    two, wanted = model.quadratic(Q2, y), value(Q2, Y)
    factor, column = np.array([2.0, -0.5]), np.array([[1.0], [2.0], [-3.0]])
    close(q + 1.0, expected + 1)
    close(1.0 - q, 1 - expected)
    close(factor - q * factor, factor - expected * factor)
    close(np.float64(2) * q - np.array(3.0), 2 * expected - 3)
    close(-q / 4, -expected / 4)
    close(q / factor, expected / factor)
    close(q + two, expected + wanted)
    close(two - q + y, wanted - expected + Y)
    close(y - q, Y - expected)
    close(x.sum() + q - y @ factor, X.sum() + expected - Y @ factor)
    close(column * q, column * expected)
    close(q + column, expected + column)
    close(q[1] - q[0] + x[0, 0], expected[1] - expected[0] + X[0, 0])


def test_indexing_and_sums(model, x):
    batch = RNG.normal(size=(4, 1, 3, 3))
    batch = batch + np.swapaxes(batch, -1, -2)
    q, expected = model.quadratic(batch, x) + x.sum(1), value(batch, np.broadcast_to(X, (4, 2, 3))) + X.sum(1)
    for key in (
        1,
        -1,
        (slice(None), 0),
        (slice(None, None, -2),),
        (..., 1),
        ([0, 0, 3], [1, 0, 1]),
        (None, 2),
    ):
        close(q[key], expected[key])
    close(q[expected > 0], expected[expected > 0])
    close(q.sum(), expected.sum())
    close(q.sum(0), expected.sum(0))
    close(q.sum(-1), expected.sum(-1))
    close(q.sum((0, 1)), expected.sum())


def test_operations_do_not_change_their_operands(model, x):
    Q = Q3.copy()
    q = model.quadratic(Q, x)
    shape, point = q.shape, q.value(POINT)
    (q + 1, q * 2, -q, q / 3, q.sum(), q[0], q <= 1, q + q, q - x.sum(1))
    np.testing.assert_array_equal(Q, Q3)
    np.testing.assert_array_equal(q.value(POINT), point)
    assert q.shape == shape


def test_comparisons_make_rows(model, x, y):
    q, expected = model.quadratic(Q3, x), value(Q3, X)
    for rows, body, lower, upper in (
        (q <= 1.0, expected - 1, -np.inf, 0.0),
        (q >= y, expected - Y, 0.0, np.inf),
        (q == model.quadratic(Q2, y), expected - value(Q2, Y), 0.0, 0.0),
        (y >= q, expected - Y, -np.inf, 0.0),
        (np.array([1.0, 2.0]) <= q, expected - [1.0, 2.0], 0.0, np.inf),
    ):
        np.testing.assert_allclose(rows.body.value(POINT), body, rtol=1e-12)
        assert np.all(rows.lower == lower)
        assert np.all(rows.upper == upper)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda m, x, y: m.quadratic(Q2, x), r"last axis must be 2"),
        (lambda m, x, y: m.quadratic(Q2, y[0]), r"last axis must be 2"),
        (lambda m, x, y: m.quadratic(np.ones((2, 3)), y), r"needs \(\.\.\., n, n\)"),
        (lambda m, x, y: m.quadratic(np.ones((5, 3, 3)), x), "broadcast"),
        (lambda m, x, y: m.quadratic([[1.0, np.nan], [np.nan, 1.0]], y), "NaN"),
        (lambda m, x, y: m.quadratic([[1.0, 1.0], [0.0, 1.0]], y), "not symmetric"),
        (lambda m, x, y: m.quadratic([[1e-6, 1e-6], [0.0, 1e-6]], y), "not symmetric"),
        (lambda m, x, y: m.quadratic([[1e-14, 1e-14], [0.0, 1e-14]], y), "not symmetric"),
        (lambda m, x, y: m.quadratic(Q2, y) * y, "a constant was needed"),
        (lambda m, x, y: m.quadratic(Q2, y) * m.quadratic(Q2, y), "not a number"),
        (lambda m, x, y: y * m.quadratic(Q2, y), "not a number"),
        (lambda m, x, y: m.quadratic(Q2, y) / 0.0, "zero"),
        (lambda m, x, y: m.quadratic(Q3, x) * np.ones(5), "broadcast"),
        (lambda m, x, y: m.quadratic(Q2, y) + np.inf, "infinity"),
        (lambda m, x, y: m.quadratic(Q2, y) < 1, "strict <"),
        (lambda m, x, y: m.quadratic(Q2, y) > 1, "strict >"),
        (lambda m, x, y: m.quadratic(Q2, y) != 1, "!="),
        (lambda m, x, y: 0 <= m.quadratic(Q2, y) <= 1, "between"),
        (lambda m, x, y: bool(m.quadratic(Q2, y)), "truth value"),
        (lambda m, x, y: np.array([m.quadratic(Q2, y)]), "numpy cannot hold"),
        (lambda m, x, y: m.quadratic(Q2, y) + Model().variable("z"), "two different models"),
    ],
)
def test_what_is_not_a_quadratic_is_refused_in_words(build, words, model, x, y):
    with pytest.raises(BadData, match=words):
        build(model, x, y)


def test_rounding_noise_in_a_symmetric_matrix_is_taken_away():
    noisy = Q2.copy()
    noisy[0, 1] *= 1 + 1e-15
    found = symmetric(noisy)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, Q2, rtol=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_random_forms_agree_with_numpy(n, columns, seed):
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable("x", columns)
    A, b = rng.integers(-2, 3, (n, columns)).astype(float), rng.integers(-2, 3, n).astype(float)
    Q = rng.normal(size=(n, n))
    Q = Q + Q.T
    point = rng.normal(size=columns)
    q = model.quadratic(Q, A @ x + b)
    assert q.value(point) == pytest.approx(value(Q, A @ point + b), rel=1e-10, abs=1e-10)


def test_convexity_is_seen_row_by_row_and_side_by_side():
    convex, concave = np.array([[2.0, 1.0], [1.0, 2.0]]), -np.eye(2)

    def found(make):
        model = Model()
        w = model.variable("w", 2)
        model.add("row", make(model, w))
        return features(model.freeze())

    assert found(lambda m, w: m.quadratic(convex, w) <= 1) == {"quadratic-rows"}
    assert found(lambda m, w: m.quadratic(concave, w) >= -1) == {"quadratic-rows"}
    for bad in (
        lambda m, w: m.quadratic(convex, w) >= 1,
        lambda m, w: m.quadratic(concave, w) <= 1,
        lambda m, w: m.quadratic(convex, w) == 1,
        lambda m, w: m.quadratic(np.stack([convex, concave]), w) <= 1,
    ):
        assert found(bad) == {"quadratic-rows", "nonconvex-rows"}
    assert is_positive_semidefinite(np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert not is_positive_semidefinite(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert not is_positive_semidefinite(1e-9 * np.array([[0.0, 1.0], [1.0, 0.0]]))
