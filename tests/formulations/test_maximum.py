"""v = max_k u_k and its two sides: forced and possible at every input, whatever wins."""

import itertools

import numpy as np
import pytest

from proofolio import BadData, Expression, UnboundedExpression, maximum, stack
from proofolio.program.builder import Builder  # plain: numbers for M are used as they stand

# negative, straddling, zero width, tiny, large: one box for each entry and each of two inputs
LOWER = np.array([[[-5.0, -2.0, 1.5], [-1e-4, -3e4, 0.25]], [[-6.0, -1.0, 0.5], [-2e-4, -1e4, -0.5]]])
UPPER = np.array([[[-1.0, 3.0, 1.5], [1e-4, 2e4, 7.0]], [[-0.5, 0.5, 2.5], [5e-5, 4e4, 3.0]]])
BOXES = {
    "scalar": (LOWER[:, 0, 1], UPPER[:, 0, 1]),
    "vector": (LOWER[:, 0], UPPER[:, 0]),
    "matrix": (LOWER, UPPER),
}


def two(x, y):
    return [x, y]


def three(x, y):
    """Terms that share inputs, with constants inside, and one that is now and then the largest."""
    return [x, 0.5 * y - 1.0, 2.0 - x - y]


def with_a_number(x, y):
    return [x - y, 0.75]


TERMS = {"two": two, "three, shared inputs": three, "a number": with_a_number}


def needed(terms, lower, upper):
    """The M each row needs: the largest u_j - u_k over the vertices of the box."""
    corners = [
        np.where(np.reshape(pick, (2, *[1] * (lower.ndim - 1))), lower, upper)
        for pick in itertools.product((0, 1), repeat=2)
    ]
    values = [np.stack(np.broadcast_arrays(*terms(*corner))) for corner in corners]
    return np.max([u.max(axis=0) - u for u in values], axis=0)


LOWERINGS = {
    "big-m, interval": lambda M: {},
    "big-m, published": lambda M: {"big_m": "published"},
    "big-m, given": lambda M: {"big_m": M + 1e-9},
    "hull": lambda M: {"lowering": "hull"},
}


def inputs(model, lower, upper):
    return model.variable("x", lower.shape[1:], lower[0], upper[0]), model.variable(
        "y", lower.shape[1:], lower[1], upper[1]
    )


def points(lower, upper, more=6):
    rng = np.random.default_rng(1)
    for pick in itertools.product((0.0, 0.5, 1.0), repeat=2):
        share = np.reshape(pick, (2, *[1] * (lower.ndim - 1)))
        yield tuple(np.clip(lower + share * (upper - lower), lower, upper))
    for _ in range(more):
        yield tuple(rng.uniform(lower, upper))
    tie = np.clip(rng.uniform(lower[0], upper[0]), lower[1], upper[1])
    yield np.clip(tie, lower[0], upper[0]), tie


def meaning_of(terms, side="exact"):
    def meaning(x, y):
        top = np.max(np.broadcast_arrays(*terms(x, y)), axis=0)
        unlimited = np.full(np.shape(top), np.inf)
        return (-unlimited if side == "at_most" else top), (unlimited if side == "at_least" else top)

    return meaning


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS.keys())
@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("box", BOXES)
def test_the_maximum_is_forced_and_possible(box, lowering, terms, disagreements):
    lower, upper = BOXES[box]
    model = Builder()
    x, y = inputs(model, lower, upper)
    v = maximum(model, "v", terms(x, y), **LOWERINGS[lowering](needed(terms, lower, upper)))
    assert v.shape == lower.shape[1:]
    more = 0 if lowering == "hull" else 6
    assert disagreements(model, [x, y], v, points(lower, upper, more), meaning_of(terms)) == []


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("side", ["at_least", "at_most"])
def test_one_side_asks_for_that_side_only(side, lowering, disagreements):
    lower, upper = BOXES["vector"]
    model = Builder()
    x, y = inputs(model, lower, upper)
    options = LOWERINGS[lowering](needed(three, lower, upper))
    v = maximum(model, "v", three(x, y), side=side, **options)
    assert disagreements(model, [x, y], v, points(lower, upper, 2), meaning_of(three, side)) == []
    assert model.freeze().integer.any() == (side == "at_most")


def test_terms_may_come_as_one_array(disagreements):
    lower, upper = BOXES["vector"]
    model = Builder()
    both = model.variable("both", lower.shape, lower, upper)
    v = maximum(model, "v", both)
    cases = [(np.stack(pair),) for pair in points(lower, upper)]
    assert disagreements(model, [both], v, cases, lambda u: (u.max(0), u.max(0))) == []


# ------------------------------------------------------------------- terms that bounds decide
def test_a_term_that_always_wins_is_returned_as_it_is():
    model = Builder()
    x = model.variable("x", 3, 0, 1)
    before = model.n
    for decided, expected in (
        ([x, -0.1], x),
        ([x - 5, x[::-1] + 1], x[::-1] + 1),
        ([x, x - 1, 0.0], x),
        ([x[0]], x[0]),
        (x[None, :], x),
        ([x, np.full(3, 2.0)], np.full(3, 2.0)),
    ):
        for side, lowering in itertools.product(("exact", "at_least", "at_most"), ("big-m", "hull")):
            v = maximum(model, "v", decided, side=side, lowering=lowering)
            assert isinstance(v, Expression)
            np.testing.assert_array_equal(
                v.value([0.25, 0.5, 0.75]), (expected + 0 * x).value([0.25, 0.5, 0.75])
            )
    assert (model.n, model.freeze().m) == (before, 0)


def test_of_terms_that_touch_at_one_point_one_is_kept():
    model = Builder()
    x = model.variable("x", lower=2, upper=3)
    assert maximum(model, "v", [2.0, x]).value([2.5]) == 2.5
    assert maximum(model, "w", [1.0, 1.0, x - 2]).value([2.5]) == 1.0
    assert model.n == 1


def test_a_term_that_never_wins_gets_no_binary(disagreements):
    model = Builder()
    x, y = inputs(model, *BOXES["scalar"])
    v = maximum(model, "v", [x, x - 9, y, -40.0])
    assert model.freeze().columns("v_chosen").shape == (2,)
    assert disagreements(model, [x, y], v, points(*BOXES["scalar"]), meaning_of(two)) == []


def test_a_term_may_be_decided_in_one_entry_only(disagreements):
    lower, upper = np.array([[0.0, -1.0], [-3.0, -1.0]]), np.array([[1.0, 2.0], [-2.0, 1.0]])
    for lowering in ("big-m", "hull"):
        model = Builder()
        x, y = inputs(model, lower, upper)
        v = maximum(model, "v", [x, y], lowering=lowering)
        assert disagreements(model, [x, y], v, points(lower, upper), meaning_of(two)) == []
        program = model.freeze()
        assert program.upper[program.columns("v_chosen")].tolist() == [[1.0, 1.0], [0.0, 1.0]]


def test_equal_terms_may_choose_either(disagreements):
    model = Builder()
    x, y = inputs(model, *BOXES["vector"])
    v = maximum(model, "v", [x, x, y])
    assert disagreements(model, [x, y], v, points(*BOXES["vector"]), meaning_of(two)) == []


def test_one_side_of_open_ended_terms_needs_no_bounds(disagreements):
    model = Builder()
    x, y = model.variable("x", 2), model.variable("y", 2, 0)
    v = maximum(model, "v", [x, y], side="at_least")
    cases = [(np.array([1.0, -3.0]), np.array([0.0, 2.0]))]
    assert disagreements(model, [x, y], v, cases, meaning_of(two, "at_least")) == []


# ------------------------------------------------------------------------------- mutants
def wrong_maximum(change):
    """Write the Big-M rows by hand with one thing wrong."""

    def build(model, x, y, M):
        u = [x, y]
        v = model.variable("v", x.shape, -1e5, 1e5)
        chosen = model.variable("chosen", (2, *x.shape), binary=True)
        on = chosen
        if change == "M too small":
            M = M - 1e-3 * np.maximum(1.0, np.abs(M))
        if change == "M of the wrong axis":
            M = M[:, :, ::-1]
        if change == "M of the wrong term":
            M = M[::-1]
        if change == "wrong phase":
            on = stack([1 - chosen[0], chosen[1]])
        if change == "shared binary":
            on = chosen[:, :, [0, 0, 2]]
        for k in range(2):
            if (change, k) != ("missing side", 1):
                model.add(f"at_least_{k}", v <= u[k] if change == "wrong sense" else v >= u[k])
            model.add(f"at_most_{k}", v <= u[k] + M[k] * (1 - on[k]))
        if change != "no choice":
            model.add("one", chosen.sum(0) == 1)
        return v

    return build


WRONG = (
    "M too small",
    "M of the wrong axis",
    "M of the wrong term",
    "wrong phase",
    "shared binary",
    "missing side",
    "wrong sense",
    "no choice",
)


@pytest.mark.parametrize("change", [None, *WRONG])
def test_the_checker_sees_what_is_wrong_and_only_that(change, disagreements):
    lower, upper = BOXES["matrix"]
    model = Builder()
    x, y = inputs(model, lower, upper)
    v = wrong_maximum(change)(model, x, y, np.maximum(needed(two, lower, upper), 0))
    found = disagreements(model, [x, y], v, points(lower, upper), meaning_of(two))
    assert bool(found) == (change is not None)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_given_m_a_thousandth_too_small_is_seen(k, disagreements):
    lower, upper = BOXES["scalar"]
    model = Builder()
    x, y = inputs(model, lower, upper)
    M = needed(three, lower, upper)
    M[k] -= 1e-3
    v = maximum(model, "v", three(x, y), big_m=M)
    assert disagreements(model, [x, y], v, points(lower, upper), meaning_of(three))


# --------------------------------------------------------------------- M and its provenance
def test_each_row_has_the_m_it_needs():
    lower, upper = BOXES["matrix"]
    model = Builder()
    x, y = inputs(model, lower, upper)
    maximum(model, "v", three(x, y))
    (switch,) = [block.switch for block in model.freeze().rows if block.switch is not None]
    M = needed(three, lower, upper).ravel()
    assert (switch.construct, switch.tier, switch.on.tolist()) == ("maximum", "interval", [1] * 18)
    assert np.all(switch.big_m >= M * (1 - 1e-12))
    # with two other terms the rule bounds each difference apart, which is exact; merged terms make it so
    np.testing.assert_allclose(switch.big_m, M, rtol=1e-9, atol=1e-12)


def test_one_m_for_all_terms_is_the_published_rule():
    model = Builder()
    x = model.variable("x", 2, [-3.0, 1.0], [2.0, 5.0])
    maximum(model, "v", [x, 1 - x], big_m="published")
    (switch,) = [block.switch for block in model.freeze().rows if block.switch is not None]
    np.testing.assert_allclose(switch.big_m, [3.0 + 4.0, 5.0 + 4.0] * 2, rtol=1e-12)
    assert switch.tier == "published"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lowering": "magic"}, "no lowering 'magic'"),
        ({"side": "above"}, "side is 'above'"),
        ({"big_m": -1.0}, "not negative"),
        ({"big_m": np.nan}, "finite"),
        ({"big_m": np.ones(7)}, r"shape \(7,\).*\(2, 3\)"),
        ({"big_m": "mip"}, "tier 'mip'"),
    ],
)
def test_bad_arguments_are_named(options, words):
    model = Builder()
    x, y = inputs(model, *BOXES["vector"])
    with pytest.raises(BadData, match=words):
        maximum(model, "v", [x, y], **options)


def test_bad_terms_are_named():
    model = Builder()
    x = model.variable("x", 3)
    with pytest.raises(BadData, match=r"nothing to join|at least one"):
        maximum(model, "v", [])
    with pytest.raises(BadData, match="at least one"):
        maximum(model, "v", x[:0])
    with pytest.raises(BadData, match="broadcast"):
        maximum(model, "v", [x, np.zeros(2)])
    for side in ("exact", "at_most"):
        with pytest.raises(UnboundedExpression, match=r"x\[0\], x\[1\], x\[2\]$"):
            maximum(model, "v", [x, 1.0], side=side)
