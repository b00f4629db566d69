"""Piecewise linear functions: sizes of the lowerings, optima, and the proved error of approximations."""

import numpy as np
import pytest

from proofolio import BadData, Model, maximum, piecewise_linear, piecewise_linear_of, solve
from proofolio.formulations.piecewise import gray_bits, interpolation_error

X = np.array([-1.0, 0.0, 0.5, 2.0, 3.0, 4.5])
Y = np.array([2.0, -1.0, 0.25, -2.0, 1.0, 0.0])


def built(lowering, side="exact", shape=(), y=Y):
    model = Model()
    u = model.variable("u", shape, -1, 4.5)
    v = piecewise_linear(model, "v", u, X, y, side=side, lowering=lowering)
    return model, u, v


def test_the_logarithmic_lowering_has_logarithmically_many_binaries():
    count = {low: int(built(low)[0].freeze().integer.sum()) for low in ("sos2", "logarithmic", "incremental")}
    assert count == {"sos2": 0, "logarithmic": 3, "incremental": 4}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9])
def test_neighbouring_codes_differ_in_one_bit_and_all_codes_differ(n):
    bits = gray_bits(n)
    assert np.unique(bits, axis=0).shape[0] == n
    assert (np.abs(np.diff(bits, axis=0)).sum(axis=1) == 1).all()


@pytest.mark.parametrize("lowering", ["sos2", "logarithmic", "incremental"])
@pytest.mark.parametrize("at", [-1.0, -0.3, 0.5, 1.1, 2.9, 4.5])
def test_the_value_is_the_interpolant(lowering, at):
    for sign in (1, -1):
        model, u, v = built(lowering)
        model.add("at", u == at)
        model.minimise(sign * v)
        answer = solve(model.freeze(), solver="scip" if lowering == "sos2" else "highs")
        assert answer.objective == pytest.approx(sign * np.interp(at, X, Y), abs=1e-6)


def test_a_convex_side_needs_no_binary_and_a_wavy_one_is_refused_rows_only():
    convex = X**2
    model, _, _ = built(None, "at_least", y=convex)
    program = model.freeze()
    assert not program.integer.any()
    assert program.A.shape[0] == X.size - 1
    assert built(None, "at_most", y=-convex)[0].freeze().n == 2
    assert built(None, "at_most", y=convex)[0].freeze().integer.any()
    with pytest.raises(BadData, match="not convex"):
        built("convex", "at_least")


@pytest.mark.parametrize(
    ("x", "y", "side", "low", "high"),
    [
        ([-1, 2], [3, -1], "exact", -1, 3),
        ([-1, 0, 2], [1, -2, 3], "at_least", -2, np.inf),
        ([-1, 0, 2], [1, 4, 3], "at_most", -np.inf, 4),
    ],
)
def test_rows_only_bound_the_value_as_the_other_lowerings_do(x, y, side, low, high):
    for lowering in ("convex", "logarithmic", "incremental", "sos2"):
        model = Model()
        u = model.variable("u", 2, [-1, 0], [2, 1])
        v = piecewise_linear(model, "v", u, x, y, side=side, lowering=lowering)
        found = model.interval(v)
        assert (found.lower == low).all()
        assert (found.upper == high).all()


def test_what_follows_from_a_straight_line_needs_no_bound_of_the_user():
    model = Model()
    u = model.variable("u", 1, 0, 2)
    v = piecewise_linear(model, "v", u, [-1, 2], [3, -1.5])
    top = maximum(model, "top", [v, u - 1], lowering="big-m")
    model.minimise(top.sum())
    assert solve(model.freeze(), solver="highs").objective == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([0, 1, 1], [0, 1, 2], "must increase"),
        ([0, 1], [0, 1, 2], "one value for each"),
        ([0], [0], "two breakpoints"),
        ([0, 1], [0, np.nan], "finite"),
        ("ab", [0, 1], "numbers"),
    ],
)
def test_bad_points_are_named(x, y, words):
    model = Model()
    with pytest.raises(BadData, match=words):
        piecewise_linear(model, "v", model.variable("u", lower=0, upper=1), x, y)


FUNCTIONS = {
    "3/2 power": (lambda u: np.abs(u) ** 1.5, "convex"),
    "square": (np.square, "convex"),
    "minus exponential": (lambda u: -np.exp(u), "concave"),
    "absolute": (np.abs, "convex"),
    "affine": (lambda u: 2 * u + 1, "concave"),
}


@pytest.mark.parametrize("points", [2, 4, 7])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_error_bound_holds_and_is_close(name, points):
    function, shape = FUNCTIONS[name]
    x = np.linspace(-1, 1.7, points)
    errors = interpolation_error(function, x, shape=shape)
    for a, b, bound in zip(x[:-1], x[1:], errors, strict=True):
        t = np.linspace(a, b, 20001)
        chord = function(a) + (function(b) - function(a)) * (t - a) / (b - a)
        true = np.abs(chord - function(t)).max()
        assert true <= bound <= true * 1.03 + 1e-9


def test_the_error_of_a_square_is_a_quarter_of_the_squared_step():
    assert interpolation_error(np.square, [0, 0.5, 2]) == pytest.approx([0.0625, 0.5625], rel=1e-3)


def test_centring_halves_the_error_and_the_approximation_keeps_it():
    function, t = FUNCTIONS["3/2 power"][0], np.linspace(-1, 1, 4001)
    for centred in (False, True):
        model = Model()
        u = model.variable("u", lower=-1, upper=1)
        made = piecewise_linear_of(model, "v", function, u, np.linspace(-1, 1, 6), centred=centred)
        off = np.abs(np.interp(t, made.breakpoints, made.values) - function(t)).max()
        assert off <= made.error
        assert made.error <= 1.03 * off
        assert made.errors.max() <= made.error
    assert made.error == pytest.approx(interpolation_error(function, made.breakpoints).max() / 2, rel=1e-9)


def test_a_function_of_another_shape_is_refused_with_the_place():
    with pytest.raises(BadData, match="shape it was said"):
        interpolation_error(lambda u: u**3, [-1, 1])
    with pytest.raises(BadData, match="finite number"):
        interpolation_error(lambda u: 1 / np.where(u > 0, u, np.nan), [0, 1])
    with pytest.raises(BadData, match="'convex' or 'concave'"):
        interpolation_error(np.square, [0, 1], shape="flat")
