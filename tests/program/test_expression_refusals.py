"""What has no closed affine meaning is refused in words, never turned into something else."""

import numpy as np
import pytest

from proofolio import BadData, Model, between, concatenate, stack
from proofolio.program.expression import apply_matrix, broadcast_to

ROW, SCALAR0 = np.array([1.0, -2.0, 4.0]), np.array(4.0)


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


REFUSED = {
    "nan": (lambda x, y, s: x + np.nan, "NaN"),
    "nan inside": (lambda x, y, s: [1.0, np.nan, 2.0] * y, "NaN"),
    "infinity": (lambda x, y, s: x * np.inf, "infinity"),
    "a missing value": (lambda x, y, s: x + None, "NaN|not a number"),
    "infinite side": (lambda x, y, s: x <= np.inf, "infinity"),
    "infinite range": (lambda x, y, s: between(-np.inf, x, 1), "infinity"),
    "division by nan": (lambda x, y, s: x / np.nan, "NaN"),
    "division by zero": (lambda x, y, s: x / ROW[[0, 1, 1]] / (ROW - ROW[0]), "zero"),
    "division by an expression": (lambda x, y, s: x / y, "numbers only"),
    "text": (lambda x, y, s: x + "3", "str"),
    "complex": (lambda x, y, s: y * np.array([1j, 2.0, 0]), "not a number"),
    "ragged": (lambda x, y, s: x[:, :2] + [[1.0, 2.0], [3.0]], "not a number"),
    "strictly less": (lambda x, y, s: x < 1, "strict <"),
    "strictly greater": (lambda x, y, s: x > 1, "strict >"),
    "number strictly less": (lambda x, y, s: np.float64(1) < x, "strict"),
    "array strictly less": (lambda x, y, s: ROW < y, "strict"),
    "not equal": (lambda x, y, s: x != 1, "!="),
    "array not equal": (lambda x, y, s: ROW != y, "!="),
    "chained": (lambda x, y, s: 0 <= y <= 1, "between"),
    "truth of rows": (lambda x, y, s: bool(y == y), "truth value"),
    "truth of an expression": (lambda x, y, s: bool(s), "truth value"),
    "not": (lambda x, y, s: not s, "truth value"),
    "product": (lambda x, y, s: x * y, "product of two"),
    "square": (lambda x, y, s: s * s, "product of two"),
    "matrix product of expressions": (lambda x, y, s: x @ y, "constant was needed"),
    "shapes": (lambda x, y, s: x + np.ones(2), "broadcast"),
    "shapes of a product": (lambda x, y, s: np.ones(2) @ y, "matrix product"),
    "three axes": (lambda x, y, s: np.ones((1, 2, 2)) @ x, "matrix product"),
    "0-d matrix product": (lambda x, y, s: y @ SCALAR0, "matrix product"),
    "shapes of between": (lambda x, y, s: between(np.zeros(2), x, 1), "broadcast"),
    "broadcast": (lambda x, y, s: broadcast_to(x, (2, 4)), "broadcast"),
    "stack of different shapes": (lambda x, y, s: stack([x, np.ones(4)]), "broadcast"),
    "stack beyond its axes": (lambda x, y, s: stack([y, y], axis=2), "axis 2"),
    "joining other lengths": (lambda x, y, s: concatenate([x, np.ones((2, 2))]), "joined"),
    "joining scalars": (lambda x, y, s: concatenate([s, s]), "joined"),
    "joining nothing": (lambda x, y, s: concatenate([]), "nothing to join"),
    "joining beyond the axes": (lambda x, y, s: concatenate([y, y], axis=3), "joined"),
    "matrix that does not fit": (lambda x, y, s: apply_matrix(np.ones((2, 2)), y), "does not fit"),
    "np.array": (lambda x, y, s: np.array(x), "proofolio.stack"),
    "np.stack": (lambda x, y, s: np.stack([y, y]), "proofolio.stack"),
    "np.asarray of a list": (lambda x, y, s: np.asarray([s, s], dtype=float), "proofolio.stack"),
    "np.dot": (lambda x, y, s: np.dot(ROW, y), "proofolio.stack"),
}


@pytest.mark.parametrize(("build", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_closed_affine_meaning_is_refused_in_words(build, words, x, y, s):
    with pytest.raises(BadData, match=words):
        build(x, y, s)


@pytest.mark.parametrize("function", [np.abs, np.exp, lambda e: np.maximum(ROW, e)])
def test_numpy_functions_do_not_swallow_expressions(function, y):
    with pytest.raises(TypeError):
        function(y)


def test_expressions_of_two_models_do_not_mix(x):
    foreign = Model().variable("x", (2, 3))
    for build in (
        lambda: x + foreign,
        lambda: foreign - x,
        lambda: x <= foreign,
        lambda: stack([x, foreign]),
        lambda: concatenate([foreign, x]),
    ):
        with pytest.raises(BadData, match="two different models"):
            build()
