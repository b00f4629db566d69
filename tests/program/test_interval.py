"""Interval bounds are never wrong, in exact rational arithmetic, and hardly wider than they must be."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse

from proofolio import BadData, UnboundedExpression
from proofolio.program.builder import Builder
from proofolio.program.interval import affine_bounds, quadratic_bounds
from proofolio.program.quadratic import Form

ANY = st.floats(allow_nan=False, allow_infinity=False)  # subnormal, tiny, huge, both signs
PLAIN = st.one_of(
    st.floats(-10, 10),
    st.sampled_from([0.1, 0.2, 0.3, -0.3, 1 / 3, 1e16, -1e16, 1e-17, 1.0, -1.0, 0.0, 5e-324]),
)
LARGEST = np.finfo(float).max


@st.composite
def affine(draw, numbers):
    k = draw(st.integers(1, 6))
    a = draw(st.lists(numbers, min_size=k, max_size=k))
    sides = [sorted(draw(st.tuples(numbers, numbers))) for _ in range(k)]
    return np.array(a), draw(numbers), np.array([p[0] for p in sides]), np.array([p[1] for p in sides])


def exact_bounds(a, b, lower, upper):
    low, high = Fraction(b), Fraction(b)
    for coefficient, least, most in zip(a.tolist(), lower.tolist(), upper.tolist(), strict=True):
        ends = [Fraction(coefficient) * Fraction(least), Fraction(coefficient) * Fraction(most)]
        low, high = low + min(ends), high + max(ends)
    return low, high


def assert_nearest(found, exact, outward):
    """The bound is on the safe side, and the next double towards the exact value is not."""
    found = float(found)
    inward = math.nextafter(found, -outward * math.inf)
    if math.isinf(found):
        assert math.copysign(1, found) == math.copysign(1, outward)
        assert outward * exact > outward * Fraction(inward)
        return
    assert outward * Fraction(found) >= outward * exact
    if math.isinf(inward):  # the bound is the largest double, on the side towards zero
        return
    assert outward * Fraction(inward) < outward * exact


def check_affine(problem):
    a, b, lower, upper = problem
    low, high = affine_bounds(sparse.csr_array(a[None, :]), np.array([b]), lower, upper)
    least, most = exact_bounds(a, b, lower, upper)
    assert_nearest(low[0], least, -1)
    assert_nearest(high[0], most, +1)


@settings(max_examples=300, deadline=None)
@given(affine(PLAIN))
@example((np.array([0.1, 0.2]), 0.0, np.zeros(2), np.ones(2)))
@example((np.array([1e16, 1.0, -1e16]), 0.0, np.ones(3), np.ones(3)))
def test_affine_bounds_are_the_nearest_doubles_on_the_safe_side(problem):
    check_affine(problem)


@settings(max_examples=300, deadline=None)
@given(affine(ANY))
@example((np.array([1e308, 1e308]), 0.0, np.ones(2), np.full(2, 10.0)))
@example((np.array([1e305]), 0.0, np.zeros(1), np.array([1e-300])))
@example((np.array([1e-200, -1e-200]), 0.0, np.zeros(2), np.full(2, 1e-200)))
@example((np.array([5e-324]), 5e-324, np.array([-0.5]), np.array([0.5])))
@example((np.full(6, 1e290), LARGEST, np.zeros(6), np.full(6, 100.0)))
@example((np.array([1e308, 1e308]), -LARGEST, np.full(2, -10.0), np.full(2, 1.0)))
def test_the_same_for_subnormal_and_huge_numbers(problem):
    check_affine(problem)


def test_many_rows_at_once_share_nothing():
    rng = np.random.default_rng(3)
    A = np.where(
        rng.random((40, 9)) < 0.4, rng.normal(size=(40, 9)) * 10.0 ** rng.integers(-9, 9, (40, 9)), 0.0
    )
    b, lower = rng.normal(size=40), rng.normal(size=9)
    upper = lower + rng.random(9)
    low, high = affine_bounds(sparse.csr_array(A), b, lower, upper)
    for k in range(40):
        least, most = exact_bounds(A[k], b[k], lower, upper)
        assert_nearest(low[k], least, -1)
        assert_nearest(high[k], most, +1)


@pytest.fixture
def model():
    return Builder()


@pytest.fixture
def x(model):
    return model.variable("x", 3, [-1.0, 0.0, 0.5], [2.0, np.inf, 0.5])


def test_merged_coefficients_are_bounded_not_each_term(model, x):
    lower, upper = model.bounds(x[0] - 0.5 * x[0] - 0.5 * x[0] + 2 * x[2])
    assert (lower, upper) == (1.0, 1.0)
    assert model.bounds(x[1] - x[1] + 3.0) == (3.0, 3.0)


def test_infinite_bounds_stay_on_their_side(model, x):
    free = model.variable("free")
    found = model.interval([x[0] + x[1], x[0] - x[1], free + x[0], 0 * free + x[0]])
    assert found.lower.tolist() == [-1.0, -np.inf, -np.inf, -1.0]
    assert found.upper.tolist() == [np.inf, 2.0, np.inf, 2.0]


def test_bounds_have_the_expression_s_shape(model, x):
    assert model.bounds(x[[0, 2]][:, None] * np.ones((1, 4))).lower.shape == (2, 4)
    assert model.bounds(x[0]).upper.shape == ()
    assert model.bounds([[1.0, 2.0]]).lower.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m, x, f: x.sum() + f,
        lambda m, x, f: [x[0], x[1] + f],
        lambda m, x, f: m.quadratic([[1, 2], [2, 1]], [x[1], f]),
    ],
)
def test_unbounded_expressions_name_the_variables_that_need_a_bound(wrap, model, x):
    free = model.variable("free")
    with pytest.raises(UnboundedExpression, match=r"x\[1\], free$"):
        model.bounds(wrap(model, x, free))


def test_the_list_of_names_is_cut_short(model):
    y = model.variable("y", (3, 3))
    with pytest.raises(UnboundedExpression, match=r"y\[0,0\], .*y\[1,1\], \.\.\.$"):
        model.bounds(y.sum())


def test_a_bound_beyond_the_doubles_is_said_to_be_so(model, x):
    with pytest.raises(UnboundedExpression, match="1e308"):
        model.bounds(1e308 * (x[0] + x[2]))


def test_integer_columns_are_bounded_by_whole_numbers(model):
    z = model.variable("z", 2, -1.5, [2.9, 3.0], integer=True)
    b = model.variable("b", binary=True)
    assert model.bounds(z).lower.tolist() == [-1.0, -1.0]
    assert model.bounds(2 * z + b).upper.tolist() == [5.0, 7.0]


def test_tiers_are_asked_for_by_name():
    asked = []

    def bounder(model, e):
        asked.append(e)
        return model.interval(e)

    model = Builder(bounders={"lp": bounder})
    x = model.variable("x", 2, 0, 1)
    assert model.bounds(x.sum(), "lp").upper == 2.0
    assert len(asked) == 1
    with pytest.raises(BadData, match=r"'mip'.*interval, lp"):
        model.bounds(x, "mip")


def test_an_expression_of_another_model_is_not_bounded(model, x):
    foreign = Builder().variable("u", 3, 0, 5)
    with pytest.raises(BadData, match="another model"):
        model.bounds(foreign)


def exact_form(Q, w):
    return sum(
        Fraction(Q[i, j]) * Fraction(w[i]) * Fraction(w[j]) for i in range(len(w)) for j in range(len(w))
    )


@st.composite
def forms(draw, numbers):
    n = draw(st.integers(1, 3))
    Q = np.array(draw(st.lists(numbers, min_size=n * n, max_size=n * n))).reshape(n, n)
    Q = np.triu(Q) + np.triu(Q, 1).T
    sides = [sorted(draw(st.tuples(numbers, numbers))) for _ in range(n)]
    return Q, np.array([p[0] for p in sides]), np.array([p[1] for p in sides])


def check_quadratic(problem):
    Q, lower, upper = problem
    low, high = quadratic_bounds([Form(np.arange(len(lower)), Q)], lower, upper)
    middle = [min(max(0.0, a), b) for a, b in zip(lower, upper, strict=True)]
    for w in itertools.product(*zip(lower.tolist(), middle, upper.tolist(), strict=True)):
        value = exact_form(Q, w)
        assert math.isinf(low) or Fraction(low) <= value
        assert math.isinf(high) or value <= Fraction(high)
    assert low < math.inf
    assert high > -math.inf


@settings(max_examples=200, deadline=None)
@given(forms(PLAIN))
def test_quadratic_bounds_hold_at_every_vertex_and_at_zero(problem):
    check_quadratic(problem)


@settings(max_examples=200, deadline=None)
@given(forms(ANY))
@example((np.array([[1e300]]), np.array([0.0]), np.array([1e-200])))
@example((np.array([[1.0]]), np.array([1e200]), np.array([1e210])))
@example((np.array([[-1e300, -1e300], [-1e300, -1e300]]), np.full(2, 1e100), np.full(2, 1e200)))
def test_the_same_for_quadratics_of_subnormal_and_huge_numbers(problem):
    check_quadratic(problem)


def test_squares_are_not_negative_and_bounds_are_tight_where_they_can_be(model):
    x = model.variable("x", 2, [-1.0, 2.0], [3.0, 5.0])
    low, high = model.bounds(model.quadratic(np.diag([1.0, 2.0]), x) + 1.0)
    assert low == pytest.approx(9.0, rel=1e-12)
    assert high == pytest.approx(60.0, rel=1e-12)
    low, high = model.bounds(model.quadratic([[0.0, -1.0], [-1.0, 0.0]], x))
    assert (low, high) == (pytest.approx(-30.0, rel=1e-12), pytest.approx(10.0, rel=1e-12))


def test_bounds_of_quadratic_expressions_hold_on_random_points(model):
    rng = np.random.default_rng(11)
    x = model.variable("x", (4, 3), rng.normal(size=(4, 3)) - 1, rng.normal(size=(4, 3)) + 3)
    Q = rng.normal(size=(4, 3, 3))
    q = 2 * model.quadratic(Q + np.swapaxes(Q, 1, 2), x @ rng.normal(size=(3, 3)) + 1.0) - x.sum(1) + x[0, 0]
    found = model.bounds(q)
    points = np.vstack(
        [rng.uniform(*model.box, size=(500, 12)), np.where(rng.random((500, 12)) < 0.5, *model.box)]
    )
    values = np.array([q.value(point) for point in points])
    assert np.all(values >= found.lower)
    assert np.all(values <= found.upper)
    assert np.all(found.upper - found.lower < 50 * np.ptp(values, axis=0))


def test_a_quadratic_over_an_open_box_is_bounded_only_where_it_is(model):
    x = model.variable("x", 2, [0.0, 0.0], [np.inf, 0.0])
    found = model.interval(model.quadratic(np.stack([np.eye(2), -np.eye(2), [[0.0, 1.0], [1.0, 0.0]]]), x))
    assert found.lower == pytest.approx([0.0, -np.inf, 0.0], abs=1e-300)
    assert found.upper == pytest.approx([np.inf, 0.0, 0.0], abs=1e-300)
