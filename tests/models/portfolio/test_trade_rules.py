"""Rules of trades with binaries: proved by claim and meaning, and against the enumeration of all patterns."""

from itertools import product

import numpy as np
import pytest

import proofolio as pf
from proofolio.errors import BadData, SolverFailure, UnsupportedProgram
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.trade_rules import ConditionalCap, smallest_trade
from proofolio.models.portfolio.trading import add_plan
from proofolio.program.builder import Builder
from proofolio.verification.proofs.claim import Box, Claim

LEAST = 0.1


def claim(write, outputs=("z",)):
    """Two assets, with bounds and smallest trades of their own."""
    m = np.array([0.125, 0.5])
    lower = np.array([0.0, 0.25])

    def one(condition):
        if outputs:
            return lambda w, before, z: [z == condition[0], *condition[1](w, before)]
        return lambda w, before: condition[1](w, before)

    pieces = [
        (0, lambda w, b: [w == b]),
        (1, lambda w, b: [w - b >= m]),
        (1, lambda w, b: [b - w >= m]),
        (1, lambda w, b: [w == lower, b >= w]),
    ]
    boxes = {"w": Box(2, lower, [1.0, 0.875]), "before": Box(2, lower, [1.0, 0.875])}
    return Claim(write, boxes, outputs, [one(piece) for piece in pieces], name="smallest trade")


def test_the_rows_of_a_smallest_trade_are_proved():
    m = np.array([0.125, 0.5])
    proof = pf.prove(claim(lambda model, w, before: smallest_trade(model, "trade", w, before, m)))
    assert proof.verdict == "proved", proof


def test_without_one_side_only_the_proof_fails():
    m = np.array([0.125, 0.5])

    def both_sides(model, w, before):
        """The rows without the last: what is bought and sold at once may be less than the smallest trade."""
        u = w - before
        bought, part, whole = (model.variable(name, 2, binary=True) for name in ("b", "p", "o"))
        model.add("from", u >= m * bought - 1.0 * (part + whole))
        model.add("to", u <= 1.0 * bought - m * part)
        model.add("out", w <= np.array([0.0, 0.25]) + 1.0 * (1 - whole))

    assert pf.prove(claim(both_sides, outputs=())).verdict == "refuted"


def day(seed):
    g = np.random.default_rng(seed)
    F = g.standard_normal((4, 2))
    sigma = 4e-4 * (F @ F.T + np.diag(g.uniform(0.2, 1.0, 4)))
    return 2e-3 * g.standard_normal(4), sigma, np.array([0.05, 0.35, 0.4, 0.2])


def by_enumeration(mu, sigma, w0, costs, least, fee):
    """The best of all patterns: each asset left alone, bought, sold in part or sold as a whole."""
    best = -np.inf
    for pattern in product("0+-w", repeat=4):
        lower, upper = np.zeros(4), np.ones(4)
        for i, what in enumerate(pattern):
            if what == "0":
                lower[i] = upper[i] = w0[i]
            elif what == "+":
                lower[i] = w0[i] + least
            elif what == "-":
                upper[i] = w0[i] - least
            else:
                upper[i] = 0.0
        if (lower > upper).any() or lower.sum() > 1.0 or upper.sum() < 1.0:
            continue
        try:
            found = (
                MeanVariance(4, 1, 1.25, 1.0, **costs, lower=lower, upper=upper)
                .stepper("clarabel")
                .solve(mu, sigma, w0)
            )
        except SolverFailure:
            continue
        best = max(best, found.objective - fee * sum(what != "0" for what in pattern))
    return best


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fee", [0.0, 2e-5])
def test_smallest_trade_and_fee_are_those_of_the_enumeration(seed, fee):
    mu, sigma, w0 = day(seed)
    costs = {"half_spread": 2e-6, "power_impact": 1e-4}
    model = MeanVariance(4, 1, 1.25, 1.0, **costs, minimum_trade=LEAST, fixed_cost=fee)
    found = model.solve(mu, sigma, w0, solver="scip", confirm="none")
    u = found["W"][:, 0] - w0
    moved = np.abs(u) > 1e-6
    kept = (np.abs(u) >= LEAST - 1e-6) | (found["W"][:, 0] <= 1e-6)
    assert (kept | ~moved).all(), u
    best = by_enumeration(mu, sigma, w0, costs, LEAST, fee)
    size = max(np.abs(mu).max(), np.abs(sigma).max())
    assert found.objective == pytest.approx(best, abs=1e-5 * size)


def test_a_holding_below_the_smallest_trade_can_be_sold_as_a_whole():
    mu, sigma, w0 = np.array([-0.05, 0.0, 0.0, 1e-3]), 1e-4 * np.eye(4), np.array([0.05, 0.35, 0.4, 0.2])
    model = MeanVariance(4, 1, 1.0, 1e-4, minimum_trade=[LEAST, 0.0, 0.0, 0.0])
    W = model.solve(mu, sigma, w0, confirm="none")["W"][:, 0]
    assert W[0] == pytest.approx(0.0, abs=1e-6)


def test_a_fee_is_paid_once_a_period_and_makes_trades_wait():
    mu = np.array([[1e-3, 0.0], [1e-3, 0.0], [1e-3, 0.0]])
    w0 = np.array([0.0, 1.0])
    for fee, expected in (
        (2.9e-3, 1.0),
        (3.1e-3, 0.0),
    ):  # bought for three periods, two assets pay a fee each
        model = MeanVariance(2, 3, 0.0, 0.0, fixed_cost=fee / 2)
        W = model.solve(mu, np.zeros((2, 2)), w0, confirm="none")["W"]
        np.testing.assert_allclose(W[0], expected, atol=1e-6)


def test_a_conditional_cap_holds_while_the_other_is_held():
    mu, sigma, w0 = np.array([3e-3, 2e-3, 0.0]), np.zeros((3, 3)), np.array([0.0, 0.0, 1.0])
    upper = [0.6, 1.0, 1.0]
    caps = [ConditionalCap(asset=1, limit=0.1, held=0)]
    free = MeanVariance(3, 1, 0.0, 0.0, upper=upper).solve(mu, sigma, w0, confirm="none")
    W = MeanVariance(3, 1, 0.0, 0.0, upper=upper, conditional_caps=caps).solve(mu, sigma, w0, confirm="none")[
        "W"
    ][:, 0]
    np.testing.assert_allclose(free["W"][:, 0], [0.6, 0.4, 0.0], atol=1e-6)
    # .6 of the first with .1 of the second earns .0020; the second alone .0020 too, so make it clear
    assert W[0] <= 1e-6 or W[1] <= 0.1 + 1e-6
    better = MeanVariance(3, 1, 0.0, 0.0, upper=upper, conditional_caps=caps)
    W = better.solve(np.array([2.5e-3, 2e-3, 0.0]), sigma, w0, confirm="none")["W"][:, 0]
    np.testing.assert_allclose(W, [0.0, 1.0, 0.0], atol=1e-6)
    W = better.solve(np.array([4e-3, 2e-3, 0.0]), sigma, w0, confirm="none")["W"][:, 0]
    np.testing.assert_allclose(W, [0.6, 0.1, 0.3], atol=1e-6)


def test_an_event_in_a_future_period_is_prepared_for():
    """From the second period on at most .2 may be held: what is expensive to sell at once is sold before."""
    mu, sigma, w0 = np.tile([1e-4, 0.0], (2, 1)), np.zeros((2, 2)), np.array([1.0, 0.0])
    upper = np.array([[1.0, 1.0], [0.2, 1.0]])
    model = MeanVariance(2, 2, 0.0, 1.0, power_impact=1e-2, upper=upper)
    W = model.stepper(tolerance=1e-9).solve(mu, sigma, w0).W
    # min 2 k (x^1.5 + (.8 - x)^1.5) + 1e-4 x over what is sold first, by a fine grid
    x = np.linspace(0.0, 0.8, 80_001)
    cost = 2e-2 * (x**1.5 + (0.8 - x) ** 1.5) + 1e-4 * x
    assert W[1, 0] == pytest.approx(0.2, abs=1e-6)
    assert 1.0 - W[0, 0] == pytest.approx(x[cost.argmin()], abs=1e-3)


@pytest.mark.parametrize("seed", range(2))
def test_cardinality_with_impact_is_that_of_enumeration(seed):
    mu, sigma, w0 = day(seed)
    costs = {"half_spread": 1e-4, "power_impact": 2e-3}
    found = MeanVariance(4, 1, 1.25, 1.0, **costs, cardinality=2).solve(
        mu, sigma, w0, solver="scip", confirm="none"
    )
    best = -np.inf
    for kept in product((False, True), repeat=4):
        if 1 <= sum(kept) <= 2:
            one = MeanVariance(4, 1, 1.25, 1.0, **costs, upper=np.where(kept, 1.0, 0.0))
            best = max(best, one.stepper("clarabel").solve(mu, sigma, w0).objective)
    size = max(np.abs(mu).max(), np.abs(sigma).max())
    assert found.objective == pytest.approx(best, abs=1e-5 * size)
    assert (found["W"] > 1e-6).sum() <= 2


def test_what_cannot_be_is_refused_in_words():
    with pytest.raises(BadData, match="conditional cap 1 is of asset 0 while 0 is held"):
        MeanVariance(3, 1, 1.0, 0.0, conditional_caps=[ConditionalCap(0, 0.1, 0)])
    with pytest.raises(BadData, match="minimum_trade"):
        MeanVariance(3, 1, 1.0, 0.0, minimum_trade=-0.1)
    ruled = MeanVariance(3, 1, 1.0, 0.0, fixed_cost=1e-4)
    assert ruled.mixed_integer
    for ask in (ruled.stepper, ruled.to_cvxpy):
        with pytest.raises(UnsupportedProgram):
            ask()
    with pytest.raises(BadData, match="one by one"):
        ruled.batch()


@pytest.mark.parametrize("charge", [0.0, 2e-4, 1e-2])
def test_the_periods_to_trade_in_are_those_of_a_mixed_integer_program(charge):
    """A binary a period switches all of its trades on; SCIP."""
    g = np.random.default_rng(5)
    _, sigma, w0 = day(5)
    mu = 1e-3 * g.standard_normal((3, 4))
    upper = np.array([[1.0] * 4, [1.0] * 4, [0.38] * 4])  # the third asset must be sold by the third period
    costs = {"half_spread": 1e-4, "power_impact": 2e-3, "asymmetry": 5e-5}
    model = MeanVariance(4, 3, 1.25, 1.0, **costs, upper=upper)
    found = model.best_trading_periods(mu, sigma, w0, charge)
    assert found.ok
    written = Builder("trade_or_not")
    W, cost = add_plan(written, model.plan_set, w0, model.charged)
    on = written.variable("on", 3, binary=True)
    for t in range(3):
        u = W[:, t] - (w0 if t == 0 else W[:, t - 1])
        written.add(f"most_{t}", u <= on[t])
        written.add(f"least_{t}", u >= -1.0 * on[t])
    risk = written.quadratic(1.25 * np.stack([sigma] * 3), W.T).sum()
    written.maximise((mu.T * W).sum() - cost - risk - charge * on.sum())
    other = pf.solve(written.freeze(), "scip", confirm="none")
    size = max(np.abs(mu).max(), np.abs(sigma).max(), 2e-3)
    assert found.objective == pytest.approx(other.objective, abs=1e-5 * size)
    assert found.gap <= 1e-5 * size
    u = np.diff(np.vstack([w0, found.W]), axis=0)
    assert (np.abs(u[~found.trades]) == 0.0).all()
    assert found.trades.any()
    paid = 1e-4 * np.abs(u) + 2e-3 * np.abs(u) ** 1.5 + 5e-5 * u
    value = (mu * found.W).sum() - 1.25 * sum(w @ sigma @ w for w in found.W) - paid.sum()
    assert found.objective == pytest.approx(value - charge * found.trades.sum(), abs=1e-12)


def test_cash_is_traded_without_rules():
    """All of the fund is sold for cash, which is less than cash's smallest trade would be, and one fee is paid."""
    model = MeanVariance(2, 1, 0.0, 0.0, minimum_trade=0.5, fixed_cost=1e-3, cash=1)
    found = model.solve([-1.5e-2, 0.0], np.zeros((2, 2)), [0.1, 0.9], confirm="none")
    np.testing.assert_allclose(found["W"][:, 0], [0.0, 1.0], atol=1e-6)
    assert found.objective == pytest.approx(-1e-3, abs=1e-8)


def test_bad_data_is_no_pattern_that_cannot_be_kept():
    model = MeanVariance(2, 2, 1.0, 1e-3)
    with pytest.raises(BadData, match="positive semidefinite"):
        model.best_trading_periods([0.0, 0.0], np.diag([1.0, -1.0]), [0.5, 0.5], 1e-4)


def test_patterns_are_refused_where_they_are_too_many():
    with pytest.raises(BadData, match="up to 10 periods"):
        MeanVariance(2, 11, 1.0, 1e-3).best_trading_periods([0.0, 0.0], np.eye(2), [0.5, 0.5], 1e-4)
