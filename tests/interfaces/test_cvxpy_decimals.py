"""What CVXPY adds and multiplies in doubles is read as the decimals that were written: against fractions."""

from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest

from proofolio import solve
from proofolio.interfaces.cvxpy.columns import affine_parts, evaluated
from proofolio.interfaces.cvxpy.reading import from_cvxpy

N = 3


def decimals(rng, shape=()):
    """Numbers of one or two digits, as doubles and as fractions."""
    whole = rng.integers(-30, 40, shape)
    tens = 10 ** int(rng.integers(0, 3))
    return np.asarray(whole / tens), np.asarray(whole) * Fraction(1, tens)


def grown(rng, expression, point):
    """Return an affine atom of a vector of N entries, and its value at a point in fractions."""
    kind = int(rng.integers(11))
    a, exact = decimals(rng)
    v, exact_v = decimals(rng, N)
    M, exact_M = decimals(rng, (N, N))
    if kind == 0:
        return float(a) * expression, exact * point
    if kind == 1:
        return expression + v, point + exact_v
    if kind == 2:
        return float(a) - expression, exact - point
    if kind == 3:
        return cp.multiply(v, expression), exact_v * point
    if kind == 4:
        return M @ expression, exact_M.dot(point)
    if kind == 5:
        return cp.sum(expression) + v, point.sum() + exact_v
    if kind == 6:
        return cp.cumsum(expression), np.cumsum(point)
    if kind == 7:
        return expression[::-1] + expression, point[::-1] + point
    if kind == 8:
        return expression[[0, 0, 2]] - 0.3, point[[0, 0, 2]] - Fraction(3, 10)
    if kind == 9:
        square = cp.vstack([expression, v, float(a) * expression])
        return cp.sum(square.T, axis=1), point + exact_v + exact * point
    joined = cp.reshape(cp.hstack([expression, expression + float(a)]), (2, N), order="C")
    return v[:2] @ joined, exact_v[0] * point + exact_v[1] * (point + exact)


@pytest.mark.parametrize("seed", range(120))
def test_an_affine_expression_has_the_value_of_its_decimals(seed):
    rng = np.random.default_rng(seed)
    x, t = cp.Variable(N), cp.Variable()
    at, at_t = (rng.integers(-9, 9, shape).astype(object) for shape in (N, ()))
    expression, value = x, at * Fraction(1)
    for _ in range(int(rng.integers(1, 5))):
        expression, value = grown(rng, expression, value)
    other, other_value = grown(rng, x, at * Fraction(1))
    a, exact = decimals(rng)
    expression = expression + other - float(a) * t + 0.1
    value = value + other_value - exact * at_t + Fraction(1, 10)
    (part,) = affine_parts([evaluated(expression)], [x, t])
    matrix = np.vectorize(lambda v: Fraction(repr(float(v))), otypes=[object])(part.matrix.toarray())
    constant = np.array([Fraction(repr(v)) for v in part.constant.tolist()])
    found = matrix.dot(np.append(at, at_t)) + constant
    assert found.tolist() == value.tolist(), str(expression)


@pytest.mark.parametrize(
    "atom",
    [
        lambda X: cp.kron(np.array([[0.1, 0.2]]), X),
        lambda X: cp.convolve(np.array([0.1, 0.2]), X[0]),
        cp.trace,
        cp.diag,
        cp.upper_tri,
        lambda X: cp.bmat([[X, np.eye(N)], [0.1 * X, X.T]]),
        lambda X: cp.diff(X, axis=1),
        lambda X: cp.sum(X, axis=0, keepdims=True) @ np.array([[0.1], [0.2], [0.3]]),
        lambda X: X / 10,
    ],
)
def test_every_atom_of_a_sum_is_that_of_its_decimal(atom):
    X = cp.Variable((N, N))
    (twice,) = affine_parts([evaluated(atom(0.1 * X + 0.2 * X))], [X])
    (once,) = affine_parts([evaluated(atom(0.3 * X))], [X])
    np.testing.assert_allclose(twice.matrix.toarray(), once.matrix.toarray(), rtol=2e-16, atol=0)
    np.testing.assert_array_equal(twice.constant, once.constant)


def test_long_numbers_beside_decimals_stay_as_they_are():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 4, N))
    x = cp.Variable(N)
    (part,) = affine_parts([A @ x + B @ x + 0.1 * x[0] + 0.2 * x[0] + 0.4 - 0.7], [x])
    expected = A + B
    expected[:, 0] += 0.1 + 0.2
    np.testing.assert_allclose(part.matrix.toarray(), expected, rtol=1e-14)
    np.testing.assert_array_equal(part.constant, -0.3)


def test_large_numbers_that_cancel_leave_the_decimal():
    x = cp.Variable()
    (part,) = affine_parts([1e13 * x + 0.3 * x - 1e13 * x + 1000.1 - 1000.0], [x])
    assert (part.matrix.toarray().tolist(), part.constant.tolist()) == ([[0.3]], [0.1])


@pytest.mark.parametrize("written", ["shift", "twice", "vector", "infeasible"])
def test_the_optimum_is_that_of_the_decimals(written):
    x = cp.Variable(2, integer=True)
    rows = {
        "shift": [0.1 * x[0] + 0.4 <= 0.7, x[1] <= 0],
        "twice": [0.1 * x[0] + 0.2 * x[0] <= 0.9, x[1] <= 0],
        "vector": [0.1 * x + 0.2 * x + 0.4 <= np.array([1.3, 0.4])],
        "infeasible": [0.1 * x + 0.2 * x[::-1] + 0.4 == np.array([0.7, 0.72])],
    }[written]
    problem = cp.Problem(cp.Maximize(cp.sum(x)), [*rows, x >= 0, x <= 9])
    answer = solve(problem)
    expected = ("infeasible", None) if written == "infeasible" else ("certified-optimal", 3.0)
    assert (answer.status, answer.objective) == expected
    assert not answer.exactly_infeasible


def test_a_free_direction_that_decimals_leave_is_unbounded():
    x = cp.Variable(integer=True)
    y = cp.Variable()
    # the row is 0 x + y <= 1; in doubles x has the coefficient 5.6e-17 and the objective an end
    problem = cp.Problem(cp.Maximize(x + y), [0.1 * x + 0.2 * x - 0.3 * x + y <= 1])
    assert from_cvxpy(problem).A.nnz <= 1
    assert solve(problem).status == "unbounded"
