"""The global certificate of risk parity: its bounds hold in exact arithmetic, and its word on grids."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.portfolio.outward_intervals import Interval
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.risk_budgeting import equal_risk
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.risk_parity_bounds import Multipliers, OnePeriod, on_the_plane
from proofolio.models.portfolio.risk_parity_certificate import certificate

POINTS = {2: 400, 3: 120, 4: 30}  # of a grid along each weight


def market(n, seed):
    g = np.random.default_rng((17, n, seed))
    F = g.standard_normal((n, 2))
    return F @ F.T + np.diag(g.uniform(0.05, 1.0, n)), g.dirichlet(np.full(n, 0.7)), g


def objectives(W, S, w0, gamma):
    """The objective of each plan (k, n), written out."""
    part = W * (W @ S)
    errors = part / part.sum(axis=1, keepdims=True) - 1.0 / W.shape[1]
    return (errors**2).sum(axis=1) + gamma * np.abs(W - w0).sum(axis=1)


def grid(n):
    """All plans whose weights are multiples of one over the points."""
    k = POINTS[n]
    first = np.array([p for p in product(range(k + 1), repeat=n - 1) if sum(p) <= k], dtype=float)
    return np.column_stack([first, k - first.sum(axis=1)]) / k


def exact(w, S, w0, b, cost):
    """The objective at rational weights, in rationals."""
    m = [sum((Fraction(S[i, j]) * w[j] for j in range(len(w))), Fraction(0)) for i in range(len(w))]
    variance = sum((x * y for x, y in zip(w, m, strict=True)), Fraction(0))
    errors = [x * y / variance - Fraction(c) for x, y, c in zip(w, m, b, strict=True)]
    trades = [Fraction(k) * abs(x - Fraction(y)) for k, x, y in zip(cost, w, w0, strict=True)]
    return sum((e * e for e in errors), Fraction(0)) + sum(trades, Fraction(0))


def one_period(n, S, w0, gamma, members=(), least=(), most=(), limit=np.inf):
    return OnePeriod(
        S, np.full(n, 1.0 / n), np.full(n, gamma), w0, np.array(members, dtype=float).reshape(-1, n),
        np.array(least, dtype=float), np.array(most, dtype=float), np.ones(n), limit,
    )  # fmt: skip


def points_on_the_plane(low, high, g, count=12):
    """Rational plans in a box: corners of its section with the plane, and mixtures of them."""
    n = len(low)
    corners = []
    for i in range(n):
        for ends in product((0, 1), repeat=n - 1):
            w = [
                Fraction((low, high)[e][j])
                for j, e in zip([j for j in range(n) if j != i], ends, strict=True)
            ]
            rest = 1 - sum(w, Fraction(0))
            if low[i] <= rest <= high[i]:
                corners.append([*w[:i], rest, *w[i:]])
    mixed = []
    for _ in range(count if corners else 0):
        parts = [Fraction(int(x)) for x in g.integers(0, 50, len(corners))]
        total = sum(parts, Fraction(0))
        if total:
            mixed.append(
                [
                    sum((p * c[j] for p, c in zip(parts, corners, strict=True)), Fraction(0)) / total
                    for j in range(n)
                ]
            )
    return corners + mixed


def test_interval_arithmetic_holds_the_exact_results():
    g = np.random.default_rng(1)
    ends = np.sort(g.standard_normal((4, 200)) * 10.0 ** g.integers(-9, 9, (4, 200)), axis=0)
    x, y = Interval(ends[0], ends[2]), Interval(ends[1], ends[3])
    above = Interval(np.abs(ends[1]), np.abs(ends[1]) + np.abs(ends[3]))
    for part in np.linspace(0.0, 1.0, 3):
        for k in range(200):
            a = Fraction(x.low[k]) + Fraction(part) * (Fraction(x.high[k]) - Fraction(x.low[k]))
            b = Fraction(y.high[k]) - Fraction(part) * (Fraction(y.high[k]) - Fraction(y.low[k]))
            c = Fraction(above.low[k]) + Fraction(part) * (Fraction(above.high[k]) - Fraction(above.low[k]))
            for found, truth in (
                (x + y, a + b), (x - y, a - b), (x * y, a * b), (x.square(), a * a), (x / above, a / c),
                (x * -3.3, a * Fraction(-3.3)),
            ):  # fmt: skip
                assert Fraction(found.low[k]) <= truth <= Fraction(found.high[k])
    third = Interval.of(np.ones(1)) / Interval.of(np.full(1, 3.0))
    assert third.low[0] < Fraction(1, 3) < third.high[0]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bounds_of_boxes_hold_in_rationals(n):
    tight = 0
    for seed in range(12):
        S, w0, g = market(n, seed)
        gamma = float(10.0 ** g.uniform(-3.0, 0.0))
        size = 10.0 ** g.uniform(-6.0, -0.3, (8, 1))
        c = g.dirichlet(np.ones(n), 8)
        one = one_period(n, S, w0, gamma, [np.arange(n) == 0], [0.0], [0.4])
        low, high = np.maximum(c - size * g.uniform(0.2, 1.0, (8, n)), 0.0), np.minimum(c + size, 1.0)
        away = on_the_plane(
            np.clip(c + size * g.standard_normal((8, n)), 0.0, 1.0)
        )  # the point may be outside
        tried = (
            Multipliers(np.zeros(1), np.zeros(1), 0.0),
            Multipliers(np.array([0.3]), np.array([0.1]), 0.0),
        )
        bounds, _ = one.lower(low, high, away, tried)
        for k in range(8):
            plans = [w for w in points_on_the_plane(low[k], high[k], g) if 0 <= w[0] <= Fraction(0.4)]
            values = [exact(w, S, w0, one.budgets, one.cost) for w in plans]
            assert all(Fraction(bounds[k]) <= value for value in values)
            tight += bool(values) and float(min(values)) - bounds[k] <= 0.05 * float(min(values))
    assert tight >= 20  # and they are bounds worth having


def test_a_turnover_limit_bounds_by_its_multiplier():
    S, w0, g = market(3, 1)
    one = one_period(3, S, w0, 0.01, limit=0.2)
    low, high = np.maximum(w0 - 0.1, 0.0)[None], np.minimum(w0 + 0.1, 1.0)[None]
    none, priced = Multipliers(np.zeros(0), np.zeros(0), 0.0), Multipliers(np.zeros(0), np.zeros(0), 0.5)
    bound, _ = one.lower(low, high, on_the_plane(w0[None]), (none, priced))
    plans = points_on_the_plane(low[0], high[0], g, 200)
    allowed = [
        w for w in plans if sum(abs(x - Fraction(y)) for x, y in zip(w, w0, strict=True)) <= Fraction(0.2)
    ]
    assert len(allowed) > 20
    assert all(Fraction(bound[0]) <= exact(w, S, w0, one.budgets, one.cost) for w in allowed)


@pytest.mark.parametrize(("n", "cases"), [(2, 60), (3, 36), (4, 4)])
def test_random_plans_are_certified_and_no_grid_has_a_better_one(n, cases):
    W = grid(n)
    for seed in range(cases):
        S, w0, g = market(n, seed)
        gamma = (0.0, 1.0, float(10.0 ** g.uniform(-4.0, 0.0)))[min(seed % 6, 2)]
        rules, allowed = {}, np.ones(len(W), dtype=bool)
        if seed % 2:
            high = float(g.uniform(0.55, 0.9))
            rules["upper"], allowed = high, allowed & (W <= high).all(axis=1)
            w0 = np.full(n, 1.0 / n)
        if seed % 4 == 1:
            rules["groups"] = [Group((0,), 0.3, 0.5)]
            allowed &= (W[:, 0] >= 0.3) & (W[:, 0] <= 0.5)
        if seed % 3 == 1:
            limit = float(g.uniform(0.4, 0.8))
            rules["turnover_limit"] = limit
            allowed &= np.abs(W - w0).sum(axis=1) <= limit
        program = RiskParity(n, 1, gamma, certify=True, **rules)
        step = program.stepper(starts="erc").solve(S, w0)
        assert step.certified
        assert 0.0 <= step.objective - step.bound <= step.gap <= 1e-4 * step.objective + 1.001e-9
        assert allowed.any()
        least = objectives(W[allowed], S, w0, gamma).min()
        assert step.bound <= least
        assert step.objective <= least + 1e-4 * least + 1e-9


def test_five_assets_agree_with_many_starts():
    S, w0, _ = market(5, 2)
    program = RiskParity(5, 1, 0.03, certify=True)
    step = program.stepper(starts="erc").solve(S, w0)
    many = RiskParity(5, 1, 0.03).stepper().solve(S, w0)
    assert step.certified
    assert step.bound <= many.objective
    assert step.objective <= many.objective + step.gap
    assert np.isnan(many.bound)
    assert not many.certified


def test_a_planted_worse_plan_is_not_certified_and_a_better_one_is_named():
    S, w0, _ = market(3, 4)
    program = RiskParity(3, 1, 0.5, certify=True)
    step = program.stepper().solve(S, w0)
    for planted in (equal_risk(S), np.array([1.0, 0.0, 0.0]), np.full(3, 1.0 / 3.0)):
        known = certificate(program, S, w0, planted)
        assert not known.certified
        assert known.bound <= step.objective
        assert known.better is not None
        assert objectives(known.better[None], S, w0, 0.5)[0] < objectives(planted[None], S, w0, 0.5)[0]


def test_a_descent_that_ends_at_a_worse_plan_goes_on_from_what_the_search_meets():
    S, w0, _ = market(3, 1)
    once = RiskParity(3, 1, 0.5).stepper(starts="erc").solve(S, w0)
    step = RiskParity(3, 1, 0.5, certify=True).stepper(starts="erc").solve(S, w0)
    many = RiskParity(3, 1, 0.5).stepper().solve(S, w0)
    assert once.objective > 1.2 * many.objective  # a local optimum, planted by the start
    assert (step.begun, step.certified, step.ok) == ("search", True, True)
    assert step.objective == pytest.approx(many.objective, rel=1e-4)
    assert (step.starts, step.elsewhere) == (2, 1)


def test_at_the_limit_of_boxes_the_bound_holds_and_nothing_is_certified():
    S, w0, _ = market(4, 1)
    program = RiskParity(4, 1, 0.02, certify=True)
    whole = program.stepper().solve(S, w0)
    short = program.stepper(boxes=40).solve(S, w0)
    assert whole.certified
    assert (short.certified, short.boxes) == (False, 40)
    assert 0.0 <= short.bound < whole.bound <= whole.objective
    assert short.gap >= short.objective - short.bound
    assert short.ok  # its checks hold; only the certificate is missing


def test_the_certificate_is_the_same_in_every_run():
    S, w0, _ = market(3, 5)
    first, again = (RiskParity(3, 1, 0.1, certify=True).stepper().solve(S, w0) for _ in range(2))
    assert (first.bound, first.gap, first.boxes) == (again.bound, again.gap, again.boxes)
    assert np.array_equal(first.W, again.W)


def test_cash_with_a_limit_is_certified():
    S, w0, _ = market(3, 6)
    S[2] = S[:, 2] = 0.0
    program = RiskParity(3, 1, 0.05, cash=2, upper=[1.0, 1.0, 0.4], certify=True)
    step = program.stepper().solve(S, w0)
    W = grid(3)
    W = W[W[:, 2] <= 0.4]
    part = W * (W @ S)
    errors = part / part.sum(axis=1, keepdims=True) - [0.5, 0.5, 0.0]
    values = (errors**2).sum(axis=1) + 0.05 * np.abs(W - w0)[:, :2].sum(axis=1)
    assert step.certified
    assert step.bound <= values.min()
    assert step.objective <= values.min() + 1e-4 * values.min() + 1e-9


@pytest.mark.parametrize(("n", "H"), [(6, 1), (3, 2)])
def test_larger_programs_are_refused(n, H):
    with pytest.raises(
        BadData, match=f"certify is for H = 1 and n of at most 5, and this program has H = {H} and n = {n}"
    ):
        RiskParity(n, H, 0.1, certify=True)


def test_an_asset_is_called_kept_out_only_where_no_plan_with_it_alone_alive_is_better():
    explained = 0
    for seed in range(20):
        S, w0, _ = market(4, seed)
        w0 = np.where(np.arange(4) < 2, w0, 0.0)
        w0 /= w0.sum()
        step = RiskParity(4, 1, 0.3).stepper(starts="erc").solve(S, w0)
        for i in step.penalty_choice:
            least = np.where(np.arange(4) == i, 0.1 * equal_risk(S), 0.0)
            alive = RiskParity(4, 1, 0.3, lower=least).stepper(starts="erc").solve(S, w0)
            assert alive.objective >= step.objective
            explained += len(step.penalty_choice) > 1
    assert explained >= 2
