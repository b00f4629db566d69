"""z = when implies the rows: exactly the points that keep the implication are possible."""

import itertools

import numpy as np
import pytest

from proofolio import BadData, UnboundedExpression, between, implies
from proofolio.program.builder import Builder  # plain: numbers for M are used as they stand

LOWER = np.array([[-5.0, -2.0, 1.5], [-1e-4, -3e4, 0.25]])
UPPER = np.array([[-1.0, 3.0, 1.5], [1e-4, 2e4, 7.0]])
BOXES = {"scalar": (LOWER[0, 1], UPPER[0, 1]), "vector": (LOWER[0], UPPER[0]), "matrix": (LOWER, UPPER)}
GAP = 1e-3  # how far from the limit a point must be to count as breaking the rows


def limits(lower, upper):
    """A limit strictly inside each box (at the box where it has no width)."""
    return 0.75 * lower + 0.25 * upper


ROWS = {
    "<=": (lambda x, limit: x <= limit, lambda x, limit: x - limit),
    ">=": (lambda x, limit: x >= limit, lambda x, limit: limit - x),
    "==": (lambda x, limit: x == limit, lambda x, limit: np.abs(x - limit)),
    "affine": (lambda x, limit: 2 * x + 1 <= 2 * limit + 1, lambda x, limit: 2 * (x - limit)),
    "between": (
        lambda x, limit: between(limit - 0.5, x, limit + 0.25),
        lambda x, limit: np.maximum(limit - 0.5 - x, x - limit - 0.25),
    ),
}
LOWERINGS = {
    "big-m, interval": lambda reach: {},
    "big-m, published": lambda reach: {"big_m": "published"},
    "big-m, given": lambda reach: {"big_m": reach},
    "hull": lambda reach: {"lowering": "hull"},
}


def cases(lower, upper, limit):
    """Points where one entry at a time is switched on, at, near and far from its limit; the rest is off."""
    rng = np.random.default_rng(2)
    width = upper - lower
    for entry in np.ndindex(lower.shape):
        z = np.zeros(lower.shape)
        z[entry] = 1
        for share in (0.0, 0.25, 0.6, 1.0):
            x = np.array(rng.uniform(lower, upper))
            x[entry] = np.clip((lower + share * width)[entry], lower[entry], upper[entry])
            if share == 0.25:
                x[entry] = limit[entry]
            yield z, x
    yield np.ones(lower.shape), limit
    yield np.zeros(lower.shape), lower
    yield np.zeros(lower.shape), upper


def verdicts(points, excess, limit, when):
    """Whether each point keeps the implication; None when it breaks it by too little to matter."""
    for z, x in points:
        worst = np.where(z == when, excess(x, limit), -1.0).max()
        scale = np.maximum(1.0, np.abs(x)).max() if worst > 1 else 1.0
        yield True if worst <= 1e-12 * scale else (False if worst > 1e-9 else None)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("box", BOXES)
def test_exactly_the_points_that_keep_it_are_possible(box, lowering, rows, possible):
    lower, upper = BOXES[box]
    limit = limits(lower, upper)
    make, excess = ROWS[rows]
    reach = 2 * np.maximum(upper - limit, limit - lower) + 1.0
    model = Builder()
    z, x = model.variable("z", lower.shape, binary=True), model.variable("x", lower.shape, lower, upper)
    implies(model, "rule", z, make(x, limit), **LOWERINGS[lowering](reach))
    points = list(cases(lower, upper, limit))
    expected = list(verdicts(points, excess, limit, 1))
    assert None not in expected
    assert True in expected
    assert False in expected
    assert possible(model, [z, x], points) == expected


@pytest.mark.parametrize("lowering", ["big-m", "hull"])
@pytest.mark.parametrize("turn", ["when=0", "1 - z", "1 - z, when=0"])
def test_the_switch_may_be_turned(turn, lowering, possible):
    lower, upper = BOXES["matrix"]
    limit = limits(lower, upper)
    model = Builder()
    z, x = model.variable("z", lower.shape, binary=True), model.variable("x", lower.shape, lower, upper)
    switch = 1 - z if "1 - z" in turn else z
    when = 0 if "when=0" in turn else 1
    implies(model, "rule", switch, x <= limit, when=when, lowering=lowering)
    on = 1 if turn == "1 - z, when=0" else 0
    points = [(z if on == 1 else 1 - z, x) for z, x in cases(lower, upper, limit)]
    expected = list(verdicts(points, ROWS["<="][1], limit, on))
    assert possible(model, [z, x], points) == expected


@pytest.mark.parametrize("lowering", ["big-m", "hull"])
def test_one_switch_for_rows_that_share_variables(lowering, possible):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", 2, [-1.0, 0.0], [2.0, 3.0])
    A = np.array([[1.0, 1.0], [1.0, -2.0], [0.0, 1.0]])
    implies(model, "rule", z, A @ x <= [1.0, 0.5, 2.0], lowering=lowering)
    grid = [np.array(p) for p in itertools.product(np.linspace(-1, 2, 7), np.linspace(0, 3, 7))]
    points = [(np.array(on), p) for on in (0.0, 1.0) for p in grid]
    expected = [on == 0 or bool(np.all(A @ p <= np.array([1.0, 0.5, 2.0]) + 1e-12)) for on, p in points]
    assert possible(model, [z, x], points) == expected


# --------------------------------------------------------------------------- decided rows
@pytest.mark.parametrize("lowering", ["big-m", "hull"])
def test_rows_that_cannot_hold_switch_the_binary_off(lowering, possible):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", lower=2, upper=3)
    implies(model, "rule", z, x <= 1, lowering=lowering)
    implies(model, "numbers", z, 0 * x + 5 <= 4, lowering=lowering)
    points = [(np.array(on), np.array(2.5)) for on in (0.0, 1.0)]
    assert possible(model, [z, x], points) == [True, False]


@pytest.mark.parametrize("lowering", ["big-m", "hull"])
def test_rows_that_always_hold_cut_nothing(lowering, possible):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", lower=2, upper=3)
    implies(model, "rule", z, x <= 3, lowering=lowering)
    implies(model, "numbers", z, 0 * x + 3 <= 4, lowering=lowering)
    points = [(np.array(on), np.array(at)) for on in (0.0, 1.0) for at in (2.0, 2.5, 3.0)]
    assert possible(model, [z, x], points) == [True] * 6


def test_a_switch_that_is_a_number_is_already_thrown(possible):
    model = Builder()
    x = model.variable("x", lower=2, upper=3)
    implies(model, "on", 1, x <= 2.5)
    implies(model, "off", 0, x <= 2.0)
    assert possible(model, [x], [(np.array(2.4),), (np.array(2.6),)]) == [True, False]


# -------------------------------------------------------------------------------- mutants
def wrong_rule(change):
    def build(model, z, x, limit):
        M = np.array(model.bounds(x).upper) - limit
        on = z
        if change == "M too small":
            M = M - 1e-3 * np.maximum(1.0, M)
        if change == "M too small by its axis":
            M = M[:, ::-1]
        if change == "wrong phase":
            on = 1 - z
        if change == "shared binary":
            on = z[:, [0, 0, 2]]
        if change == "wrong sense":
            model.add("rule", x >= limit - 1e5 * (1 - on))
        elif change != "missing":
            model.add("rule", x <= limit + M * (1 - on))

    return build


WRONG = ("M too small", "M too small by its axis", "wrong phase", "shared binary", "wrong sense", "missing")


@pytest.mark.parametrize("change", [None, *WRONG])
def test_the_checker_sees_what_is_wrong_and_only_that(change, possible):
    lower, upper = BOXES["matrix"]
    limit = limits(lower, upper)
    model = Builder()
    z, x = model.variable("z", lower.shape, binary=True), model.variable("x", lower.shape, lower, upper)
    wrong_rule(change)(model, z, x, limit)
    points = list(cases(lower, upper, limit))
    found = possible(model, [z, x], points)
    assert (found == list(verdicts(points, ROWS["<="][1], limit, 1))) == (change is None)


# ------------------------------------------------------------------- M, its provenance, errors
def test_each_side_has_the_m_it_needs():
    model = Builder()
    z, x = model.variable("z", 2, binary=True), model.variable("x", 2, [-1.0, 0.0], [4.0, 6.0])
    implies(model, "rule", z, between([0.0, 1.0], 2 * x, [3.0, 20.0]), when=0)
    switches = {block.name: block.switch for block in model.freeze().rows}
    assert switches["rule_upper"].big_m.tolist() == [5.0, 0.0]
    assert switches["rule_lower"].big_m.tolist() == [2.0, 1.0]
    for switch in switches.values():
        assert (switch.construct, switch.tier, switch.on.tolist()) == ("implies", "interval", [0, 0])
        assert switch.binary.tolist() == [0, 1]


def test_the_published_m_is_the_size_of_body_and_limit():
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", lower=-4, upper=3)
    implies(model, "rule", z, x <= -2, big_m="published")
    (block,) = model.freeze().rows
    assert (block.switch.big_m.tolist(), block.switch.tier) == ([6.0], "published")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda m, z, x: implies(m, "r", z, x <= 1, lowering="magic"), "no lowering 'magic'"),
        (lambda m, z, x: implies(m, "r", z, x <= 1, when=2), "when is 2"),
        (lambda m, z, x: implies(m, "r", z, x <= 1, big_m=-1.0), "not negative"),
        (lambda m, z, x: implies(m, "r", z, x <= 1, big_m=[1.0, 2.0]), r"shape \(2,\)"),
        (lambda m, z, x: implies(m, "r", z, x <= 1, big_m="lp"), "tier 'lp'"),
        (lambda m, z, x: implies(m, "r", z, m.quadratic(np.eye(3), x) == 1), "one finite side"),
        (lambda m, z, x: implies(m, "r", z, True), "affine"),
        (lambda m, z, x: implies(m, "r", z, x), "affine"),
        (lambda m, z, x: implies(m, "r", m.variable("zz", 3, binary=True), x[0] <= 1), "broadcast"),
        (lambda m, z, x: implies(m, "r", x[0], x <= 1), "must be binary"),
        (lambda m, z, x: implies(m, "r", z, x < 1), "strict"),
    ],
)
def test_bad_arguments_are_named(build, words):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", 3, 0, 1)
    with pytest.raises(BadData, match=words):
        build(model, z, x)


@pytest.mark.parametrize("lowering", ["big-m", "hull"])
def test_unbounded_bodies_are_refused_by_name(lowering):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", 2, 0, [1.0, np.inf])
    with pytest.raises(UnboundedExpression, match=r"finite bounds to x\[1\]$"):
        implies(model, "rule", z, x.sum() <= 1, lowering=lowering)


def test_only_the_side_that_is_asked_for_needs_a_bound(possible):
    model = Builder()
    z, x = model.variable("z", binary=True), model.variable("x", upper=5)
    implies(model, "rule", z, x <= 1)
    points = [(np.array(on), np.array(at)) for on in (0.0, 1.0) for at in (-1e6, 1.0, 5.0)]
    assert possible(model, [z, x], points) == [True, True, True, True, True, False]
