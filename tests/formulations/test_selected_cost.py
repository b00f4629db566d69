"""The selected regime's cost: with weights and regimes given, both lowerings cost what the formula says."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from proofolio import BadData, Expression, MaxTerm, UnsupportedProgram, selected_cost
from proofolio.formulations.costs import RegimeCosts
from proofolio.program.builder import Builder  # plain: numbers for M are used as they stand

N, R = 3, 3
FIRST, SECOND = np.eye(N)[0], np.eye(N)[1]
PUBLISHED = (MaxTerm(2, +1, FIRST, 0.0, -0.1), MaxTerm(2, -1, -SECOND, 0.0, -0.1))
BOTH_SIGNS = (
    MaxTerm(0, +1, np.array([1.0, -1.0, 0.5]), 0.1, 0.2),
    MaxTerm(1, -1, np.array([-1.0, 2.0, 0.0]), -0.3, 0.05),
    MaxTerm(1, +1, np.array([0.0, 1.0, -1.0]), 0.0, 0.0),
)
LONG_ONLY, LONG_SHORT = (0.0, 1.0), (-0.5, 1.0)
LOWERINGS = ("hull", "big-m")


def random_costs(seed, T=1, maxima=(), period=True):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(R, T if period else 1, N, N))
    return RegimeCosts(
        A @ np.swapaxes(A, -1, -2) / N,
        0.5 * rng.normal(size=A.shape[:3]),
        rng.normal(size=A.shape[:2]),
        tuple(maxima),
    )


def by_hand(costs, r, t, w):
    Q, c, k = (part[r, min(t, part.shape[1] - 1)] for part in costs[:3])
    value = w @ Q @ w + c @ w + k
    return value + sum(m.sign * max(m.alpha @ w + m.beta, m.floor) for m in costs.maxima if m.regime == r)


def build(costs, T, box, lowering, budget=1.0, **options):
    model = Builder()
    w = model.variable("W", (T, N), *box)
    Z = model.variable("Z", (R, T), binary=True)
    if budget is not None:
        model.add("budget", w.sum(1) == budget)
    model.add("one", Z.sum(0) == 1)
    cost = selected_cost(model, "cost", Z, w, costs, lowering=lowering, budget=budget, **options)
    assert cost.shape == (T,)
    model.minimise(cost.sum())
    return model


def weights(rng, T, box, concentration=0.6):
    low, high = box
    while True:
        w = low + rng.dirichlet(np.full(N, concentration), size=T) * (1 - N * low)
        if np.all(w <= high):
            return w


def one_hot(path):
    return (np.arange(R)[:, None] == np.asarray(path)).astype(float)


@pytest.mark.parametrize("box", [LONG_ONLY, LONG_SHORT], ids=["long only", "long short"])
@pytest.mark.parametrize("maxima", [(), PUBLISHED, BOTH_SIGNS], ids=["no maxima", "published", "both signs"])
@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("exact", [False, True])
def test_the_cost_is_that_of_the_active_regime(exact, lowering, maxima, box, least_objectives):
    rng = np.random.default_rng(17)
    costs = random_costs(1, maxima=maxima)
    program = build(costs, 1, box, lowering, exact=exact).freeze()
    for r, _ in itertools.product(range(R), range(4)):
        w = weights(rng, 1, box)
        found = least_objectives(program, {"W": w, "Z": one_hot([r])})
        assert min(found) == pytest.approx(by_hand(costs, r, 0, w[0]), abs=2e-6)
        if exact:  # whichever binaries are possible, the cost cannot come out larger
            assert max(found) == pytest.approx(min(found), abs=2e-6)


@pytest.mark.parametrize("period", [True, False])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_costs_may_vary_from_period_to_period(lowering, period, least_objectives):
    rng = np.random.default_rng(18)
    costs = random_costs(2, T=3, maxima=PUBLISHED[1:], period=period)
    program = build(costs, 3, LONG_SHORT, lowering).freeze()
    for path in ([0, 1, 2], [2, 2, 0]):
        w = weights(rng, 3, LONG_SHORT)
        found = least_objectives(program, {"W": w, "Z": one_hot(path)})
        assert min(found) == pytest.approx(
            sum(by_hand(costs, r, t, w[t]) for t, r in enumerate(path)), abs=5e-6
        )


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_weights_without_a_budget_stay_in_their_box(lowering, least_objectives):
    costs = random_costs(5, maxima=BOTH_SIGNS)
    program = build(costs, 1, LONG_SHORT, lowering, budget=None).freeze()
    for r, w in itertools.product(range(R), ([-0.5, -0.5, -0.5], [1.0, 1.0, 1.0], [-0.5, 1.0, 0.2])):
        found = least_objectives(program, {"W": [w], "Z": one_hot([r])})
        assert min(found) == pytest.approx(by_hand(costs, r, 0, np.array(w)), abs=2e-6)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_without_curvature_the_program_is_linear(lowering, least_objectives):
    costs = random_costs(3)._replace(Q=np.zeros((R, 1, N, N)))
    program = build(costs, 1, LONG_ONLY, lowering).freeze()
    assert (len(program.quadratic), len(program.cones)) == (0, 0)
    w = np.array([[0.2, 0.5, 0.3]])
    for r in range(R):
        found = least_objectives(program, {"W": w, "Z": one_hot([r])})
        assert found == [pytest.approx(by_hand(costs, r, 0, w[0]), abs=1e-7)]


def test_exact_maxima_are_forced_on_both_sides_at_every_point(disagreements):
    """No quadratic, so that enumeration and LPs decide: the variables of the maxima equal the maxima."""
    rng = np.random.default_rng(5)
    points = [(weights(rng, 1, LONG_SHORT), one_hot([r])) for r in range(R) for _ in range(4)]
    for term, exact in itertools.product(BOTH_SIGNS, (True, False)):
        costs = random_costs(4, maxima=(term,))._replace(Q=np.zeros((R, 1, N, N)))
        model = Builder()
        W = model.variable("W", (1, N), *LONG_SHORT)
        Z = model.variable("Z", (R, 1), binary=True)
        selected_cost(model, "cost", Z, W, costs, lowering="big-m", exact=exact, budget=1.0)

        def meaning(w, Z, term=term):
            top = np.array([max(term.alpha @ w[0] + term.beta, term.floor)])
            return top, top

        found = disagreements(model, [W, Z], _variable(model, "cost_max_0"), points, meaning)
        assert bool(found) != exact


def _variable(model, name):
    """The expression of a variable that a formulation made."""
    columns = model.freeze().columns(name).ravel()
    matrix = sparse.csr_array(
        (np.ones(columns.size), (np.arange(columns.size), columns)), shape=(columns.size, model.n)
    )
    return Expression(matrix, np.zeros(columns.size), model)


# ------------------------------------------------------------------------------ Big-M
def switch_of(model):
    program = model.freeze()
    blocks = [*program.rows, *program.quadratic.blocks]
    (found,) = [b.switch for b in blocks if b.name == "cost_at_least"]
    return found


@pytest.mark.parametrize("box", [LONG_ONLY, LONG_SHORT], ids=["long only", "long short"])
@pytest.mark.parametrize("maxima", [(), PUBLISHED, BOTH_SIGNS], ids=["no maxima", "published", "both signs"])
def test_every_m_covers_the_largest_difference_found(maxima, box):
    rng = np.random.default_rng(23)
    for seed in range(5):
        costs = random_costs(seed, T=2, maxima=maxima)
        switch = switch_of(build(costs, 2, box, "big-m"))
        assert (switch.construct, switch.tier, switch.on.tolist()) == ("selected_cost", "interval", [1] * 6)
        M = switch.big_m.reshape(R, 2)
        low, high = box
        corners = [
            w
            for w in itertools.product((low, high, 1 - 2 * low, 1 - low - high), repeat=N)
            if abs(sum(w) - 1) < 1e-12 and max(w) <= high
        ]
        points = np.array([*corners, *(weights(rng, 1, box, 0.3)[0] for _ in range(200))])
        for r, t in np.ndindex(R, 2):
            mine = np.array([by_hand(costs, r, t, w) for w in points])
            others = [np.array([by_hand(costs, s, t, w) for w in points]) for s in range(R) if s != r]
            needed = max((mine - other).max() for other in others)
            assert M[r, t] >= needed
            assert M[r, t] <= 20 * max(needed, 1.0)


def test_differences_that_cancel_cost_nothing():
    """Regimes that differ by a constant need exactly that constant, whatever their common curvature."""
    Q = np.broadcast_to(np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 1.0]]), (R, 1, N, N))
    costs = RegimeCosts(Q, np.ones((R, 1, N)), np.array([[0.0], [1.0], [5.0]]))
    M = switch_of(build(costs, 2, LONG_ONLY, "big-m")).big_m.reshape(R, 2)
    np.testing.assert_allclose(M, [[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], atol=1e-12)


def test_the_published_m_is_that_of_the_data_as_declared():
    """2|Q| + |c| and |floor| + 1, before bounds fold anything into c."""
    costs = random_costs(6, maxima=(*PUBLISHED, MaxTerm(0, 1, FIRST, 0.0, -7.5)))
    M = switch_of(build(costs, 1, LONG_ONLY, "big-m", big_m="published")).big_m
    rule = [2 * np.linalg.norm(costs.Q[r, 0], 2) + np.linalg.norm(costs.c[r, 0]) for r in range(R)]
    np.testing.assert_allclose(M, [max(rule[0], 8.5), rule[1], max(rule[2], 1.1)], rtol=1e-12)


def test_a_given_m_is_taken_as_it_is():
    costs = random_costs(7, T=2, maxima=PUBLISHED)
    for given, expected in (
        (9.0, np.full((R, 2), 9.0)),
        (np.arange(6.0).reshape(R, 2), np.arange(6.0).reshape(R, 2)),
    ):
        switch = switch_of(build(costs, 2, LONG_SHORT, "big-m", big_m=given))
        assert switch.tier == "given"
        assert switch.big_m.tolist() == expected.ravel().tolist()


def test_an_m_too_small_raises_the_cost_of_other_regimes(least_objectives):
    """The checker of this file sees a wrong M: with regime 1 active, the row of regime 0 still binds."""
    costs = RegimeCosts(
        np.zeros((R, 1, N, N)), np.array([[[1.0] * N], [[-1.0] * N], [[-1.0] * N]]), np.zeros((R, 1))
    )
    w = np.full((1, N), 1 / 3)
    for given, expected in ((2.0, -1.0), (np.sqrt(3), 1 - np.sqrt(3))):
        program = build(costs, 1, LONG_ONLY, "big-m", big_m=given).freeze()
        found = least_objectives(program, {"W": w, "Z": one_hot([1])})
        assert found == [pytest.approx(expected, abs=1e-7)]


# ------------------------------------------------------------------- structure and errors
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_maxima_that_bounds_decide_leave_nothing(lowering):
    decided = (MaxTerm(2, 1, FIRST, 0.0, -0.1), MaxTerm(2, -1, -SECOND, 0.0, 0.0))
    names = {
        b.name for b in build(random_costs(1, maxima=decided), 2, LONG_ONLY, lowering).freeze().variables
    }
    assert not any("max" in name or "piece" in name for name in names)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_convex_maximum_needs_no_binary_and_a_concave_one_does(lowering):
    for sign, exact, more in ((1, False, False), (1, True, True), (-1, False, True)):
        term = MaxTerm(0, sign, FIRST, 0.0, 0.3)
        program = build(random_costs(1, maxima=(term,)), 2, LONG_ONLY, lowering, exact=exact).freeze()
        assert (int(program.integer.sum()) > 2 * R) == more


def test_indefinite_costs_have_no_hull_and_keep_their_big_m():
    costs = random_costs(1)._replace(Q=np.broadcast_to(np.diag([1.0, -1.0, 0.0]), (R, 1, N, N)))
    with pytest.raises(UnsupportedProgram, match="indefinite"):
        build(costs, 1, LONG_ONLY, "hull")
    assert len(build(costs, 1, LONG_ONLY, "big-m").freeze().quadratic) == R


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lowering": "magic"}, "no lowering 'magic'"),
        ({"lowering": "big-m", "big_m": "lp"}, "tier 'lp'"),
        ({"lowering": "big-m", "big_m": -1.0}, "not negative"),
        ({"lowering": "big-m", "big_m": np.ones(5)}, r"shape \(5,\).*\(3, 2\)"),
    ],
)
def test_bad_arguments_are_named(options, words):
    with pytest.raises(BadData, match=words):
        build(random_costs(1), 2, LONG_ONLY, **options)


def test_bad_shapes_and_switches_are_named():
    model = Builder()
    w, Z = model.variable("w", (2, N), 0, 1), model.variable("Z", (R, 2), binary=True)
    continuous = model.variable("C", (R, 2), 0, 1)
    for bad_Z, bad_w in ((Z.T, w), (Z, w.T), (Z[:2], w), (Z[:, :1], w), (Z[:, 0], w)):
        with pytest.raises(BadData, match=r"\(3, T\) and \(T, 3\)"):
            selected_cost(model, "cost", bad_Z, bad_w, random_costs(1))
    with pytest.raises(BadData, match="must be binary"):
        selected_cost(model, "cost", continuous, w, random_costs(1))
