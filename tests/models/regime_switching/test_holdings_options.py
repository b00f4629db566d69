"""Holdings of the regime-switching program against enumeration of what is held, from the definitions."""

import itertools

import cvxpy as cp
import numpy as np
import pytest

from proofolio import BadData, Group, RegimeSwitching

N, T, R = 3, 2, 2
WAYS = [("highs", None), ("scip", "big-m"), ("highs", "big-m"), ("scip", None), ("scip", "indicator")]


def data(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((R, N, N))
    Q = np.einsum("rij,rkj->rik", A, A) / N
    return (Q + np.swapaxes(Q, 1, 2)) / 2, 0.5 * rng.standard_normal((R, T, N))


def declare(seed=0, **options):
    return RegimeSwitching(*data(seed), **options)


def least(Q, c, low, high, rules):
    """The least of w'Qw + c'w between bounds, under rules given as functions of w."""
    w = cp.Variable(N)
    constraints = [w >= low, w <= high, *(rule for each in rules for rule in each(w))]
    problem = cp.Problem(cp.Minimize(cp.quad_form(w, cp.psd_wrap(Q)) + c @ w), constraints)
    problem.solve(cp.CLARABEL)
    return problem.value if problem.status in ("optimal", "optimal_inaccurate") else np.inf


def fully_invested(w):
    return [cp.sum(w) == 1]


def sides(signs, smallest=0.0):
    """Every asset long, short or not held, as its sign says."""

    def rules(w):
        return [w[i] == 0 if s == 0 else s * w[i] >= smallest for i, s in enumerate(signs)]

    return rules


def enumerated(seed, cases, low=0.0, high=1.0):
    """Every period takes its best regime and case: nothing ties the periods together."""
    Q, c = data(seed)
    return sum(
        min(least(Q[r], c[r, t], low, high, case) for r in range(R) for case in cases) for t in range(T)
    )


def any_sign(allowed, few=N, smallest=0.0, low=-0.5, high=1.0):
    """The signs of all assets that leave weights adding up to 1."""
    reach = {-1: (low, -smallest), 0: (0.0, 0.0), 1: (smallest, high)}
    return [
        signs
        for signs in itertools.product(allowed, repeat=N)
        if np.count_nonzero(signs) <= few
        and sum(reach[s][0] for s in signs) <= 1.0 <= sum(reach[s][1] for s in signs)
    ]


CASES = {
    "group": (
        {"groups": [Group([0, 1], 0.2, 0.5), Group([2], upper=0.6)]},
        [[fully_invested, lambda w: [w[0] + w[1] >= 0.2, w[0] + w[1] <= 0.5, w[2] <= 0.6]]],
    ),
    "cardinality": ({"cardinality": 2}, [[fully_invested, sides(s)] for s in any_sign((0, 1), 2)]),
    "one asset": ({"cardinality": 1}, [[fully_invested, sides(s)] for s in any_sign((0, 1), 1)]),
    "cardinality, long and short": (
        {"cardinality": 2, "lower": -1.0},
        [[fully_invested, sides(s)] for s in any_sign((-1, 0, 1), 2, low=-1.0)],
    ),
    "minimum position": (
        {"minimum_position": 0.3},
        [[fully_invested, sides(s, 0.3)] for s in any_sign((0, 1), N, 0.3)],
    ),
    "minimum position, long and short": (
        {"minimum_position": 0.3, "lower": -0.5},
        [[fully_invested, sides(s, 0.3)] for s in any_sign((-1, 0, 1), N, 0.3)],
    ),
    "minimum position and cardinality, long and short": (
        {"minimum_position": 0.2, "lower": -0.5, "cardinality": 2},
        [[fully_invested, sides(s, 0.2)] for s in any_sign((-1, 0, 1), 2, 0.2)],
    ),
    "minimum position and gross, long and short": (
        {"minimum_position": 0.2, "lower": -0.5, "gross": 1.6},
        [
            [fully_invested, sides(s, 0.2), lambda w: [cp.norm1(w) <= 1.6]]
            for s in any_sign((-1, 0, 1))
        ],
    ),
    "net": (
        {"net": (0.2, 0.9), "lower": -0.5},
        [[lambda w: [cp.sum(w) >= 0.2, cp.sum(w) <= 0.9]]],
    ),
    "net of zero": ({"net": (0.0, 0.0), "lower": -0.5}, [[lambda w: [cp.sum(w) == 0]]]),
    "gross": (
        {"gross": 1.3, "lower": -1.0},
        [[fully_invested, lambda w: [cp.norm1(w) <= 1.3]]],
    ),
    "gross, long only": (
        {"gross": 0.7, "net": (0.2, 0.9)},
        [[lambda w: [cp.sum(w) >= 0.2, cp.sum(w) <= 0.7]]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_option_alone_reaches_the_optimum_of_enumeration(name, pytestconfig):
    options, cases = CASES[name]
    full = pytestconfig.getoption("--full")
    for seed in range(5 if full else 1):
        optimum = enumerated(seed, cases, options.get("lower", 0.0))
        program = declare(seed, **options)
        for solver, lowering in WAYS if full else WAYS[:2]:
            answer = program.solve(solver, lowering)
            assert answer.ok, (solver, lowering, answer.failed)
            assert answer.objective == pytest.approx(optimum, abs=5e-6)
            assert answer.bound == pytest.approx(optimum, abs=1e-5)
    assert program.separable
    assert program.options


def test_the_options_bind_in_these_instances():
    for name in ("one asset", "cardinality, long and short", "minimum position", "gross", "group"):
        options, cases = CASES[name]
        low = options.get("lower", 0.0)
        gained = [enumerated(s, cases, low) - enumerated(s, [[fully_invested]], low) for s in range(2)]
        assert max(gained) > 1e-3, name


def test_lots_reach_the_best_of_all_whole_multiples():
    lots = np.array([0.1, 0.25, 0.05])
    Q, c = data(3)
    grid = [np.arange(-4, 11) * 0.1, np.arange(-1, 5) * 0.25, np.arange(-8, 21) * 0.05]
    points = np.array([w for w in itertools.product(*grid) if abs(sum(w) - 1.0) < 1e-9])
    points = points[np.all((points >= -0.4 - 1e-9) & (points <= 1.0 + 1e-9), axis=1)]
    values = np.array(
        [[((points @ Q[r]) * points).sum(1) + points @ c[r, t] for r in range(R)] for t in range(T)]
    )
    optimum = values.min(axis=(1, 2)).sum()
    program = declare(3, round_lots=lots, lower=-0.4)
    for solver, lowering in WAYS:
        answer = program.solve(solver, lowering)
        assert answer.ok, answer.failed
        assert answer.objective == pytest.approx(optimum, abs=1e-6)
        assert np.allclose(answer.W.T / lots, np.round(answer.W.T / lots), atol=1e-5)


@pytest.mark.parametrize(
    ("W", "name", "options"),
    [
        ([[0.5, 0.5], [0.2, 0.2], [0.3, 0.3]], "groups", {"groups": [Group([0, 1], upper=0.6)]}),
        ([[0.5, 0.5], [0.2, 0.2], [0.3, 0.3]], "cardinality", {"cardinality": 2}),
        ([[0.5, 0.8], [0.3, 0.2], [0.2, 0.0]], "minimum positions", {"minimum_position": 0.25}),
        ([[0.5, 0.5], [0.2, 0.2], [0.3, 0.3]], "round lots", {"round_lots": 0.25}),
        ([[0.5, 0.5], [0.2, 0.2], [0.3, 0.1]], "net exposure", {"net": (0.9, 1.0)}),
        ([[1.0, 1.0], [0.3, 0.2], [-0.3, -0.2]], "gross exposure", {"gross": 1.5, "lower": -1.0}),
        ([[1.2, 1.0], [0.1, 0.0], [-0.3, 0.0]], "weights in bounds", {"gross": 2.0, "lower": -1.0}),
    ],
)  # fmt: skip
def test_a_check_of_each_rule_sees_weights_that_break_it_alone(W, name, options):
    violated = {
        rule: by for rule, by in declare(**options).holdings.violations(np.array(W)).items() if by > 1e-6
    }
    assert list(violated) == [name]


def test_weights_of_no_size_are_no_positions():
    W = np.array([[1.0, 1.0 - 1e-7], [0.0, 1e-7], [0.0, 0.0]])
    holdings = declare(cardinality=1, minimum_position=0.5).holdings
    assert max(holdings.violations(W).values()) < 1e-6


BAD = {
    "group of an unknown asset": ({"groups": [Group([0, 3])]}, r"groups\[0\].members is \[0, 3\].*0 to 2"),
    "empty group": ({"groups": [Group([])]}, r"groups\[0\].members"),
    "group with a twin": ({"groups": [Group([1, 1])]}, r"groups\[0\].members.*different"),
    "group crossed": ({"groups": [Group([0], 0.5, 0.4)]}, r"groups\[0\].lower is 0.5, above"),
    "group NaN": ({"groups": [Group([0], np.nan)]}, r"groups\[0\].lower and upper holds NaN"),
    "group out of reach": (
        {"groups": [Group([0], 0.8)], "upper": 0.6},
        r"groups\[0\] asks for a sum from 0.8 to inf.*0 to 0.6",
    ),
    "no groups": ({"groups": [[0, 1]]}, "groups must be a sequence of Group"),
    "cardinality of none": ({"cardinality": 0}, "cardinality is 0; it must be a whole number from 1"),
    "cardinality of halves": ({"cardinality": 1.5}, "cardinality is 1.5"),
    "minimum position negative": ({"minimum_position": -0.1}, "minimum_position holds -0.1"),
    "minimum position of others": ({"minimum_position": [0.1, 0.1]}, r"minimum_position has shape \(2,\).*\(3,\)"),
    "lots of nothing": ({"round_lots": [0.1, 0.0, 0.1]}, "round_lots must be positive"),
    "lots too large": ({"round_lots": 0.4, "lower": 0.1, "upper": [0.5, 0.5, 0.3]}, "asset 2 no multiple"),
    "net crossed": ({"net": (1.0, 0.5)}, r"net is \(1, 0.5\)"),
    "net of one": ({"net": 1.0}, "net has shape"),
    "net out of reach": ({"net": (3.5, 4.0)}, "upper adds up to 3 in period 0: net asks for at least 3.5"),
    "net too low": ({"net": (-2.0, -1.0)}, "lower adds up to 0 in period 0: net asks for at most -1"),
    "gross below net": ({"gross": 0.9}, "gross is 0.9; it must be finite and at least 1"),
    "gross of two": ({"gross": [1.0, 2.0]}, "gross has shape"),
    "initial beyond net": (
        {"net": (0.5, 0.9), "initial": [0.4, 0.3, 0.3]},
        "initial adds up to 1; .* add up to something from 0.5 to 0.9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_in_one_sentence(name):
    options, said = BAD[name]
    with pytest.raises(BadData, match=said) as refused:
        declare(**options)
    assert "\n" not in str(refused.value)
