"""v = b u: at every input and both values of the binary v is forced, and possible."""

import itertools

import numpy as np
import pytest

from proofolio import BadData, UnboundedExpression, product
from proofolio.program.builder import Builder  # plain: numbers for M are used as they stand

# negative, straddling, zero width, tiny, large: one box for each entry
LOWER = np.array([[-5.0, -2.0, 1.5], [-1e-4, -3e4, 0.25]])
UPPER = np.array([[-1.0, 3.0, 1.5], [1e-4, 2e4, 7.0]])
BOXES = {
    "scalar": (np.array(-2.0), np.array(3.0)),
    "vector": (LOWER[0], UPPER[0]),
    "matrix": (LOWER, UPPER),
}
LOWERINGS = {
    "hull": {"lowering": "hull"},
    "big-m, interval": {"lowering": "big-m"},
    "big-m, published": {"lowering": "big-m", "big_m": "published"},
    "big-m, given": {"lowering": "big-m", "big_m": np.maximum(np.abs(LOWER), np.abs(UPPER)) + 0.5},
}


def inputs(model, lower, upper):
    return model.variable("b", lower.shape, binary=True), model.variable("u", lower.shape, lower, upper)


def points(lower, upper):
    """Both values of every binary, at the vertices and inside; entries in different states at once."""
    rng = np.random.default_rng(0)
    middle = np.clip(0.0, lower, upper)
    for u in (lower, upper, middle, *(rng.uniform(lower, upper) for _ in range(4))):
        mixed = rng.integers(0, 2, lower.shape)
        for b in (np.zeros(lower.shape), np.ones(lower.shape), mixed, 1 - mixed):
            yield b, u


def meaning(b, u):
    return b * u, b * u


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
@pytest.mark.parametrize("options", LOWERINGS.values(), ids=LOWERINGS.keys())
def test_the_product_is_forced_and_possible(options, box, disagreements):
    lower, upper = box
    if isinstance(options.get("big_m"), np.ndarray):
        options = options | {"big_m": np.maximum(np.abs(lower), np.abs(upper)) + 0.5}
    model = Builder()
    b, u = inputs(model, lower, upper)
    v = product(model, "v", b, u, **options)
    assert v.shape == lower.shape
    assert disagreements(model, [b, u], v, points(lower, upper), meaning) == []


@pytest.mark.parametrize("options", LOWERINGS.values(), ids=LOWERINGS.keys())
def test_one_minus_a_binary_switches_the_other_way(options, disagreements):
    model = Builder()
    b, u = inputs(model, LOWER, UPPER)
    v = product(model, "v", 1 - b, u, **options)
    assert disagreements(model, [b, u], v, points(LOWER, UPPER), lambda b, u: meaning(1 - b, u)) == []


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_one_binary_for_a_row_and_an_affine_quantity(lowering, disagreements):
    model = Builder()
    b, u = model.variable("b", binary=True), model.variable("u", 3, LOWER[0], UPPER[0])
    v = product(model, "v", b, 2 * u - 1, lowering=lowering)
    cases = [(np.array(on), x) for on, (_, x) in itertools.product((0.0, 1.0), points(LOWER[0], UPPER[0]))]
    assert disagreements(model, [b, u], v, cases, lambda b, u: meaning(b, 2 * u - 1)) == []


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_binary_times_binary(lowering, disagreements):
    model = Builder()
    a, b = model.variable("a", binary=True), model.variable("b", binary=True)
    v = product(model, "v", a, b, lowering=lowering)
    cases = [tuple(map(np.array, pair)) for pair in itertools.product((0.0, 1.0), repeat=2)]
    assert disagreements(model, [a, b], v, cases, meaning) == []


def wrong_product(change):
    """Write the four rows by hand with one thing wrong."""

    def build(model, b, u):
        L, U = (np.array(side) for side in model.bounds(u))
        v = model.variable("v", u.shape)
        below, above, low_off, high_off, on = L, U, L, U, b
        if change == "U too small":
            above = U - 1e-3 * np.maximum(1, np.abs(U))
        if change == "L of the wrong axis":
            below = L[:, ::-1]
        if change == "sides swapped":
            low_off, high_off = U, L
        if change == "wrong phase":
            on = 1 - b
        if change == "one binary for two entries":
            on = b[:, [0, 0, 2]]
        model.add("on_lower", v >= below * on)
        model.add("on_upper", v <= above * on)
        if change != "missing row":
            model.add("same_lower", v >= u - high_off * (1 - on))
        model.add("same_upper", v <= u - low_off * (1 - on))
        return v

    return build


WRONG = (
    "U too small",
    "L of the wrong axis",
    "sides swapped",
    "wrong phase",
    "one binary for two entries",
    "missing row",
)


@pytest.mark.parametrize("change", WRONG)
def test_the_checker_sees_what_is_wrong(change, disagreements):
    model = Builder()
    b, u = inputs(model, LOWER, UPPER)
    v = wrong_product(change)(model, b, u)
    assert disagreements(model, [b, u], v, points(LOWER, UPPER), meaning)


def test_the_checker_accepts_the_same_rows_written_right(disagreements):
    model = Builder()
    b, u = inputs(model, LOWER, UPPER)
    v = wrong_product(None)(model, b, u)
    assert disagreements(model, [b, u], v, points(LOWER, UPPER), meaning) == []


def test_a_given_m_a_thousandth_too_small_is_seen(disagreements):
    model = Builder()
    b, u = inputs(model, *BOXES["scalar"])
    v = product(model, "v", b, u, lowering="big-m", big_m=2.999)
    assert disagreements(model, [b, u], v, points(*BOXES["scalar"]), meaning)


def test_rows_say_what_they_are_for():
    model = Builder()
    b, u = inputs(model, LOWER, UPPER)
    product(model, "v", b, u, lowering="big-m")
    switches = {block.name: block.switch for block in model.freeze().rows}
    size = np.maximum(np.abs(LOWER), np.abs(UPPER)).ravel()
    for name, on in {"v_on_lower": 0, "v_on_upper": 0, "v_same_lower": 1, "v_same_upper": 1}.items():
        assert switches[name].construct == "product"
        assert switches[name].on.tolist() == [on] * 6
        assert switches[name].binary.tolist() == list(range(6))
        assert switches[name].tier == "interval"
        np.testing.assert_allclose(switches[name].big_m, size, rtol=1e-15)


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (BadData, "no lowering 'sos'", {"lowering": "sos"}),
        (BadData, "not negative", {"lowering": "big-m", "big_m": -1.0}),
        (BadData, "finite", {"lowering": "big-m", "big_m": np.inf}),
        (BadData, r"shape \(2,\).*\(3,\)", {"lowering": "big-m", "big_m": [1.0, 2.0]}),
        (BadData, "tier 'lp'", {"lowering": "big-m", "big_m": "lp"}),
    ],
)
def test_bad_arguments_are_named(error, words, options):
    model = Builder()
    b, u = inputs(model, LOWER[0], UPPER[0])
    with pytest.raises(error, match=words):
        product(model, "v", b, u, **options)


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_an_unbounded_quantity_is_refused_by_name(lowering):
    model = Builder()
    b, u = model.variable("b", binary=True), model.variable("u", lower=0)
    with pytest.raises(UnboundedExpression, match=r"finite bounds to u$"):
        product(model, "v", b, u, lowering=lowering)


@pytest.mark.parametrize("lowering", ["hull", "big-m"])
def test_what_is_not_binary_has_no_product(lowering):
    model = Builder()
    u = model.variable("u", 3, 0, 1)
    for b in (
        model.variable("c", 3, 0, 1),
        model.variable("i", 3, 0, 2, integer=True),
        2 * model.variable("b", binary=True),
    ):
        with pytest.raises(BadData, match="binary"):
            product(model, "v", b, u, lowering=lowering)


def test_shapes_that_disagree_are_refused():
    model = Builder()
    with pytest.raises(BadData, match="broadcast"):
        product(model, "v", model.variable("b", 2, binary=True), model.variable("u", 3, 0, 1))
