"""Costs and limits of trades against enumeration of the regime paths, from the definitions."""

import itertools

import cvxpy as cp
import numpy as np
import pytest

from proofolio import BadData, RegimeSwitching
from proofolio.models.regime_switching.solution import raw_data_checks

N, T, R = 3, 3, 2
WAYS = [("highs", None), ("scip", "big-m"), ("highs", "big-m"), ("scip", None), ("scip", "indicator")]
START = np.array([0.5, 0.1, 0.4])


def data(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((R, N, N))
    Q = np.einsum("rij,rkj->rik", A, A) / N
    return (Q + np.swapaxes(Q, 1, 2)) / 2, 0.5 * rng.standard_normal((R, T, N))


def declare(seed=0, **options):
    return RegimeSwitching(*data(seed), **options)


def enumerated(seed, cost, rules=lambda trades: [], initial=None, net=(1.0, 1.0), low=0.0, signs=None):
    """The least objective over all paths; `cost` and `rules` are given the list of trades that count."""
    Q, c = data(seed)
    best = np.inf
    for path in itertools.product(range(R), repeat=T):
        w = cp.Variable((T, N))
        total = sum(cp.quad_form(w[t], cp.psd_wrap(Q[r])) + c[r, t] @ w[t] for t, r in enumerate(path))
        held = [] if initial is None else [initial]
        held += [w[t] for t in range(T)]
        trades = [after - before for before, after in itertools.pairwise(held)]
        sums = cp.sum(w, axis=1)
        within = [w >= low, w <= 1, sums >= net[0], sums <= net[1], *rules(trades)]
        problem = cp.Problem(cp.Minimize(total + cost(trades)), within)
        problem.solve(cp.CLARABEL)
        assert problem.status == "optimal"
        best = min(best, problem.value)
    return best


def squares(q):
    return lambda trades: sum(cp.sum(cp.multiply(q, cp.square(u))) for u in trades)


def three_halves(p):
    return lambda trades: sum(cp.sum(cp.multiply(p, cp.power(cp.abs(u), 1.5))) for u in trades)


def sizes(p):
    return lambda trades: sum(cp.sum(cp.multiply(p, cp.abs(u))) for u in trades)


def limits(*each):
    return lambda trades: [cp.norm1(u) <= L for u, L in zip(trades, each, strict=True) if np.isfinite(L)]


EACH = np.array([0.3, 0.0, 0.2])
NONE = sizes(np.zeros(N))
CASES = {
    "quadratic": ({"quadratic_impact": EACH}, {"cost": squares(EACH)}),
    "quadratic, first holdings": (
        {"quadratic_impact": 0.3, "initial": START},
        {"cost": squares(np.full(N, 0.3)), "initial": START},
    ),
    "power": ({"power_impact": 0.2}, {"cost": three_halves(np.full(N, 0.2))}),
    "power, first holdings": (
        {"power_impact": EACH, "initial": START},
        {"cost": three_halves(EACH), "initial": START},
    ),
    "limit": ({"turnover_limit": 0.2}, {"cost": NONE, "rules": limits(0.2, 0.2)}),
    "limits, first holdings": (
        {"turnover_limit": [0.3, np.inf, 0.1], "initial": START},
        {"cost": NONE, "rules": limits(0.3, np.inf, 0.1), "initial": START},
    ),
    "no trading": (
        {"turnover_limit": 0.0, "initial": START},
        {"cost": NONE, "rules": lambda trades: [u == 0 for u in trades], "initial": START},
    ),
    "turnover, net range": (
        {"turnover_cost": 0.1, "net": (0.2, 0.9), "lower": -0.5},
        {"cost": sizes(np.full(N, 0.1)), "net": (0.2, 0.9), "low": -0.5},
    ),
    "turnover and limit, net range, first holdings": (
        {"turnover_cost": 0.05, "turnover_limit": 0.3, "net": (0.2, 0.9), "initial": 0.5 * START},
        {"cost": sizes(np.full(N, 0.05)), "rules": limits(*[0.3] * T), "net": (0.2, 0.9), "initial": 0.5 * START},
    ),
    "all of them": (
        {
            "turnover_cost": 0.02, "quadratic_impact": 0.1, "power_impact": EACH, "turnover_limit": 0.5,
            "initial": START, "lower": -0.2,
        },
        {
            "cost": lambda u: sizes(np.full(N, 0.02))(u) + squares(np.full(N, 0.1))(u) + three_halves(EACH)(u),
            "rules": limits(0.5, 0.5, 0.5), "initial": START, "low": -0.2,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_option_reaches_the_optimum_of_enumeration(name, pytestconfig):
    options, meaning = CASES[name]
    full = pytestconfig.getoption("--full")
    for seed in range(4 if full else 1):
        optimum = enumerated(seed, **meaning)
        program = declare(seed, **options)
        for solver, lowering in WAYS if full else WAYS[:2]:
            answer = program.solve(solver, lowering)
            assert answer.ok, (solver, lowering, answer.failed)
            assert answer.objective == pytest.approx(optimum, abs=5e-6)
            assert answer.bound == pytest.approx(optimum, abs=1e-5)
            assert program.objective(answer.W, answer.path) == pytest.approx(optimum, abs=5e-6)
    assert not program.separable
    assert program.impact_error == 0.0


def test_one_chord_is_a_line_from_nothing_to_the_largest_trade():
    # weights of 0 to 0.6 trade at most 0.6 after the first period; the first trade reaches max(START, 0.6 - START)
    reach = np.vstack([np.maximum(START, 0.6 - START), np.full((T - 1, N), 0.6)])
    Q, c = data(1)
    program = RegimeSwitching(Q, c, power_impact=EACH, impact_pieces=1, initial=START, upper=0.6)

    def chord(trades):
        slopes = EACH * np.sqrt(reach)
        return sum(cp.sum(cp.multiply(p, cp.abs(u))) for p, u in zip(slopes, trades, strict=True))

    best = np.inf
    for path in itertools.product(range(R), repeat=T):
        w = cp.Variable((T, N))
        held = [START, *(w[t] for t in range(T))]
        trades = [after - before for before, after in itertools.pairwise(held)]
        total = sum(cp.quad_form(w[t], cp.psd_wrap(Q[r])) + c[r, t] @ w[t] for t, r in enumerate(path))
        problem = cp.Problem(cp.Minimize(total + chord(trades)), [w >= 0, w <= 0.6, cp.sum(w, axis=1) == 1])
        best = min(best, problem.solve(cp.CLARABEL))
    answer = program.solve()
    assert answer.ok, answer.failed
    assert answer.program.objective(answer.x) == pytest.approx(best, abs=5e-6)
    # the chord of v^1.5 over [0, 1] is farthest above it at 4/9, by 4/27
    assert program.impact_error == pytest.approx(4 / 27 * (EACH * reach**1.5).sum(), rel=1e-2)
    assert program.impact_error >= 4 / 27 * (EACH * reach**1.5).sum()


@pytest.mark.parametrize("pieces", [2, 8])
@pytest.mark.parametrize("way", [("highs", None), ("scip", "big-m")])
def test_pieces_of_the_power_stay_within_their_proved_error(pieces, way):
    options = {"power_impact": EACH, "initial": START}
    exact = enumerated(0, three_halves(EACH), initial=START)
    program = declare(0, impact_pieces=pieces, **options)
    answer = program.solve(*way)
    assert answer.ok, answer.failed
    assert answer.impact_error == program.impact_error > 0.0
    built = answer.program.objective(answer.x)
    assert exact - 1e-6 <= built <= exact + program.impact_error
    assert answer.objective == program.objective(answer.W, answer.path)
    assert exact - 1e-6 <= answer.objective <= built + 1e-6
    assert built - 1.001 * program.impact_error <= answer.bound <= exact
    assert answer.gap == pytest.approx((answer.objective - answer.bound) / abs(answer.objective))
    assert answer.status == ("solver-optimal" if answer.gap <= 1e-6 else "verified-feasible")
    finer = declare(0, impact_pieces=2 * pieces, **options)
    assert finer.impact_error < 0.3 * program.impact_error


def test_with_pieces_the_bound_is_not_that_of_the_chords_and_the_status_says_what_is_left_open():
    # one trade of 1/2 each way: the weights must leave (1, 0) for (1/2, 1/2), and no other path of weights is allowed
    program = RegimeSwitching(
        np.zeros((1, 2, 2)), np.zeros((1, 2)), periods=1, power_impact=1.0, impact_pieces=1,
        initial=[1.0, 0.0], lower=0.0, upper=[0.5, 1.0], maxima=[],
    )  # fmt: skip
    optimum = 2 * 0.5**1.5  # selling less than a half is not allowed, and buying the rest has no other place
    answer = program.solve()
    assert answer.objective == pytest.approx(optimum, abs=1e-6)
    assert answer.program.objective(answer.x) > optimum + 0.1  # the chords cost more
    assert answer.bound <= optimum
    assert answer.status == "verified-feasible"
    # asked for no more than the pieces can give, the answer is within the gap
    assert program.solve(gap=1.0).status == "solver-optimal"


def test_a_claim_beyond_the_proved_error_is_wrong():
    program = declare(0, power_impact=EACH, impact_pieces=4)
    W = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.5]])
    Z = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    Q, c = data(0)
    cost = np.array([W[:, t] @ Q[r] @ W[:, t] + c[r, t] @ W[:, t] for t, r in enumerate([0, 1, 0])])
    declared = cost.sum() + (EACH @ np.abs(np.diff(W)) ** 1.5).sum()
    assert program.objective(W, [0, 1, 0]) == pytest.approx(declared, rel=1e-12)
    for off, good in ((0.0, True), (0.99, True), (1.01, False), (-0.01, False)):
        checks = raw_data_checks(program, W, Z, cost, declared + off * program.impact_error)
        assert all(c.ok for c in checks) is good, off


def test_a_check_sees_trades_beyond_their_limit():
    program = declare(0, turnover_limit=[0.0, 0.3, 0.3])
    W = np.array([[1.0, 0.9, 0.7], [0.0, 0.1, 0.3], [0.0, 0.0, 0.0]])
    assert program.holdings.violations(W)["turnover within its limit"] == pytest.approx(0.1)
    held = declare(0, turnover_limit=[0.0, 0.3, 0.5], initial=START)
    assert held.holdings.violations(W, held.initial)["turnover within its limit"] == pytest.approx(1.0)


def test_one_period_without_first_holdings_trades_nothing():
    Q, c = data(0)
    free = RegimeSwitching(Q, c[:, :1], periods=1).solve().objective
    costly = RegimeSwitching(
        Q, c[:, :1], periods=1, power_impact=9.0, quadratic_impact=9.0, turnover_limit=0.0
    )
    assert costly.solve().objective == pytest.approx(free, abs=1e-6)


BAD = {
    "impact negative": ({"quadratic_impact": [-1.0, 0, 0]}, "quadratic_impact holds -1"),
    "impact of others": ({"power_impact": [1.0, 2.0]}, r"power_impact has shape \(2,\).*\(3,\)"),
    "impact infinite": ({"power_impact": np.inf}, "power_impact holds an infinity"),
    "no pieces": ({"impact_pieces": 0}, "impact_pieces is 0; it must be a whole number from 1"),
    "half a piece": ({"impact_pieces": 2.5}, "impact_pieces is 2.5"),
    "limit negative": ({"turnover_limit": -0.1}, "turnover_limit holds -0.1"),
    "limit NaN": ({"turnover_limit": np.nan}, "turnover_limit holds NaN"),
    "limit of other periods": ({"turnover_limit": [0.1, 0.1]}, r"turnover_limit has shape \(2,\).*\(3,\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    options, said = BAD[name]
    with pytest.raises(BadData, match=said):
        declare(**options)
