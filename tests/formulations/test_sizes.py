"""Minimum positions, counts, lots and fixed charges: tight boxes, optima, and bad input."""

import itertools

import numpy as np
import pytest

from proofolio import (
    BadData,
    Model,
    UnboundedExpression,
    cardinality,
    fixed_charge,
    round_lot,
    semicontinuous,
    solve,
)


@pytest.mark.parametrize("lowering", ["big-m", "indicator"])
def test_a_minimum_position_is_kept(lowering):
    for target, best in ((0.05, 0.0), (0.12, 0.2), (0.3, 0.3), (0.9, 0.6)):
        model = Model()
        w = model.variable("w", lower=0, upper=1)
        off = model.variable("off", lower=0)
        semicontinuous(model, "held", w, 0.2, 0.6, lowering=lowering)
        model.add("above", off >= w - target)
        model.add("below", off >= target - w)
        model.minimise(off)
        answer = solve(model.freeze(), solver="scip" if lowering == "indicator" else "highs")
        assert answer.objective == pytest.approx(abs(best - target), abs=1e-6)


def test_limits_are_the_tightest_that_the_box_allows():
    model = Model()
    u = model.variable("u", 3, [-1, 0, 0], [5, 2, 1])
    z = semicontinuous(model, "z", u, [1, 0.5, 3], 4)
    program = model.freeze()
    rows = {b.name: program.A[b.rows].toarray() for b in program.rows}
    columns = program.columns("z")
    assert (-rows["z_upper"][[0, 1, 2], columns]).tolist() == [4, 2, 0]
    assert (-rows["z_lower"][[0, 1, 2], columns]).tolist() == [1, 0.5, 0]
    assert program.upper[columns].tolist() == [1, 1, 0]  # a limit beyond the box: never held
    assert z.shape == (3,)


@pytest.mark.parametrize("lowering", ["big-m", "indicator"])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_few_are_held(lowering, seed):
    rng = np.random.default_rng(seed)
    price, upper = rng.normal(size=6), rng.uniform(0.5, 2, 6)
    best = min(sum(min(price[i] * upper[i], 0) for i in held) for held in itertools.combinations(range(6), 2))
    model = Model()
    u = model.variable("u", 6, 0, upper)
    cardinality(model, "held", u, 2, lowering=lowering)
    model.minimise((u * price).sum())
    answer = solve(model.freeze(), solver="scip" if lowering == "indicator" else "highs")
    assert answer.objective == pytest.approx(best, abs=1e-6)


def test_at_least_so_many_are_marked():
    model = Model()
    u = model.variable("u", 4, 0, 1)
    held = cardinality(model, "held", u, 3, least=2)
    model.minimise(held.sum())
    assert solve(model.freeze(), solver="highs").objective == pytest.approx(2)


def test_lots_have_the_tightest_whole_bounds():
    model = Model()
    k = round_lot(model, "lots", model.variable("u", 2, [-0.35, 0.1], [0.3, 0.7]), [0.1, 0.3])
    program = model.freeze()
    assert program.lower[program.columns("lots")].tolist() == [-3, 1]
    assert program.upper[program.columns("lots")].tolist() == [3, 2]  # 0.3 / 0.1 is below 3 in floats
    assert k.shape == (2,)


@pytest.mark.parametrize("lowering", ["big-m", "indicator"])
def test_a_ticket_fee_is_charged_once_either_way(lowering):
    for trade, due in ((0.0, 0.0), (0.4, 2.5), (-0.7, 2.5)):
        model = Model()
        u = model.variable("u", lower=-1, upper=1)
        fee = fixed_charge(model, "fee", u, 2.5, lowering=lowering)
        model.add("trade", u == trade)
        model.minimise(fee)
        answer = solve(model.freeze(), solver="scip" if lowering == "indicator" else "highs")
        assert answer.objective == pytest.approx(due, abs=1e-6)


def test_bad_input_is_named():
    model = Model()
    u, free = model.variable("u", 2, 0, 1), model.variable("free", 2)
    for k, (call, words) in enumerate(
        [
            (lambda n: semicontinuous(model, n, u, 0.5, 0.2), "lower <= upper"),
            (lambda n: semicontinuous(model, n, u, [1, 2, 3]), "broadcast"),
            (lambda n: cardinality(model, n, u, 1, least=2), "0 <= least <= most"),
            (lambda n: cardinality(model, n, u, 1.5), "whole numbers"),
            (lambda n: cardinality(model, n, u[0], 1), "first axis"),
            (lambda n: cardinality(model, n, u, 2, lowering="sos1"), "most=1"),
            (lambda n: round_lot(model, n, u, 0.0), "positive"),
            (lambda n: round_lot(model, n, u + 0.2, [2, 1]), r"no multiple .* at \(0,\)"),
            (lambda n: fixed_charge(model, n, u, np.nan), "finite"),
            (lambda n: fixed_charge(model, n, u, [1, 2, 3]), "broadcast"),
        ]
    ):
        with pytest.raises(BadData, match=words):
            call(f"case_{k}")
    for k, call in enumerate(
        [
            lambda n: semicontinuous(model, n, free, 0.5),
            lambda n: cardinality(model, n, free, 1),
            lambda n: round_lot(model, n, free, 1),
            lambda n: fixed_charge(model, n, free, 1),
        ]
    ):
        with pytest.raises(UnboundedExpression, match=r"free\[0\]"):
            call(f"unbounded_{k}")
