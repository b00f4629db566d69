"""Bounds made exact: a certified bound is a bound, whatever multipliers it was made from."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofolio import Model, between
from proofolio.verification.audit.relaxation import Relaxation
from proofolio.verification.exact.certificate import bound, proves_empty, violation
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.lp_bounds import ExactRows, Question, as_decimal, outward, system_of

tenths = st.integers(-40, 40).map(lambda k: k / 10)


def solve_by_cramer(G, h):
    """One exact solution of a square system by elimination; None when it is singular."""
    n = len(h)
    rows = [[*map(Fraction, row), Fraction(b)] for row, b in zip(G, h, strict=True)]
    for k in range(n):
        p = next((i for i in range(k, n) if rows[i][k]), None)
        if p is None:
            return None
        rows[k], rows[p] = rows[p], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[n] for row in rows]


def exact_maximum(c, system, n):
    """The largest c'x over all vertices, in fractions; None when there is none."""
    planes = []
    for row, low, high in zip(system.rows, system.low, system.high, strict=True):
        a = [row.get(j, Fraction(0)) for j in range(n)]
        planes += [(a, side) for side in (low, high) if side is not None]
    for j in range(n):
        unit = [Fraction(int(k == j)) for k in range(n)]
        planes += [(unit, side) for side in (system.lower[j], system.upper[j]) if side is not None]
    best = None
    for chosen in itertools.combinations(planes, n):
        x = solve_by_cramer([a for a, _ in chosen], [b for _, b in chosen])
        if x is not None and violation(system, dict(enumerate(x))) == 0:
            value = sum(a * v for a, v in zip(c, x, strict=True))
            best = value if best is None else max(best, value)
    return best


@st.composite
def programs(draw):
    n, m = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    model = Model()
    low = [draw(tenths) for _ in range(n)]
    x = model.variable("x", n, lower=low, upper=[v + abs(draw(tenths)) for v in low])
    for i in range(m):
        a = np.array([draw(tenths) for _ in range(n)])
        if not a.any():
            continue
        at, width = draw(tenths), abs(draw(tenths))
        model.add(f"r{i}", between(at, (a * x).sum(), at + width))
    return model.freeze()


@settings(max_examples=60, deadline=None)
@given(programs(), st.data())
def test_a_certified_bound_is_a_bound(program, data):
    c = np.array([data.draw(tenths) for _ in range(program.n)])
    exact, system = ExactRows(program), system_of(program)
    body = {j: as_decimal(float(v)) for j, v in enumerate(c)}
    truth = exact_maximum([body[j] for j in range(program.n)], system, program.n)
    answer = Relaxation(program).maximise(np.arange(program.n, dtype=np.int32), c)
    noise = np.array([data.draw(st.floats(-3, 3)) for _ in range(program.m)])
    for duals in (noise, *([answer.duals] if answer.status == "optimal" else [])):
        proof = exact.certify(
            body, duals, Question(), value=answer.value if np.isfinite(answer.value) else None
        )
        assert proof is not None  # every column is bounded
        assert bound(system, body, proof.multipliers) == proof.bound
        assert truth is None or proof.bound >= truth
    if answer.status == "optimal" and truth is not None:
        assert float(proof.bound - truth) <= 1e-9 * max(1.0, abs(float(truth)))


@settings(max_examples=40, deadline=None)
@given(programs())
def test_a_proof_of_emptiness_is_one(program):
    exact, system = ExactRows(program), system_of(program)
    answer = Relaxation(program).maximise(np.array([0], dtype=np.int32), np.array([1.0]))
    if answer.status == "infeasible":
        rays = [r for r in (answer.duals, Relaxation(program).elastic(None, {})) if r is not None]
        proofs = [
            exact.certify({}, s * r, Question(), goal=Fraction(-1, 10**9)) for r in rays for s in (1, -1)
        ]
        found = [p for p in proofs if p is not None and p.bound < 0]
        assert found
        assert all(proves_empty(system, p.multipliers) for p in found)
        assert exact_maximum([Fraction(1)] + [Fraction(0)] * (program.n - 1), system, program.n) is None


def flow(thirds):
    """A path of flows without upper bounds: only exact multipliers prove anything."""
    model = Model()
    x = model.variable("x", 4, lower=0)
    model.add("source", thirds * x[0] == 1.0)
    for k in range(3):
        model.add(f"node{k}", 0.7 * x[k] - 0.3 * x[k + 1] == 0)
    return model.freeze()


def test_unbounded_columns_get_a_reduced_cost_of_zero():
    program = flow(0.9)
    exact = ExactRows(program)
    at = np.array([3], dtype=np.int32)
    answer = Relaxation(program).maximise(at, np.ones(1))
    shaken = answer.duals * (1 + 1e-9 * np.array([1.0, -1.0, 1.0, -1.0]))
    proof = exact.certify({3: Fraction(1)}, shaken, Question(), answer.value)
    assert proof is not None
    assert proof.bound == Fraction(10, 9) * Fraction(7, 3) ** 3
    assert bound(system_of(program), {3: Fraction(1)}, proof.multipliers) == proof.bound


def test_the_freed_side_proves_nothing():
    model = Model()
    x = model.variable("x", lower=0)
    model.add("cap", x <= 4)
    exact = ExactRows(model.freeze())
    assert exact.certify({0: Fraction(1)}, np.ones(1), Question()).bound == 4
    assert exact.certify({0: Fraction(1)}, np.ones(1), Question.of([(0, "upper")])) is None
    assert exact.certify({0: Fraction(1)}, np.ones(1), Question.of([(0, "upper")], {0: 3})).bound == 3


def test_the_relaxation_is_as_before_after_each_question():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=[5, 7])
    model.add("sum", x.sum() <= 6)
    relaxation = Relaxation(model.freeze())
    at, ones = np.arange(2, dtype=np.int32), np.ones(2)
    assert relaxation.maximise(at, ones).value == pytest.approx(6)
    assert relaxation.maximise(at, ones, freed=(0, "upper")).value == pytest.approx(12)
    assert relaxation.maximise(at, ones, boxes={0: (1.0, 1.0)}, freed=(0, "upper")).value == pytest.approx(8)
    assert relaxation.maximise(at, ones, freed=(0, "upper"), cap=9.0).value == pytest.approx(9)
    assert relaxation.maximise(at, ones, margin=1e-3).value < 6
    assert relaxation.maximise(at[:1], ones[:1]).value == pytest.approx(5)
    assert relaxation.maximise(at, ones).value == pytest.approx(6)


def test_infeasible_and_unbounded_are_told_apart():
    model = Model()
    x = model.variable("x", lower=0)
    model.add("cap", x <= 4)
    model.add("far", x >= 3)
    relaxation = Relaxation(model.freeze())
    at, one = np.zeros(1, dtype=np.int32), np.ones(1)
    assert relaxation.maximise(at, one, freed=(0, "upper")).status == "unbounded"
    assert relaxation.maximise(at, one, boxes={0: (9.0, 9.0)}).status == "infeasible"
    assert relaxation.maximise(at, one).value == pytest.approx(4)


@pytest.mark.parametrize("x", [0.1, 1e22, 5e-324, 1.7976931348623157e308, -3.0, 2.0**53 + 2, 123456.789])
def test_numbers_are_read_as_the_decimals_they_print_as(x):
    assert as_decimal(x) == Fraction(repr(x))


@settings(max_examples=100)
@given(st.fractions())
def test_outward_is_outward_as_a_double_and_as_the_decimal_it_prints_as(value):
    up, down = outward(value, 1), outward(value, -1)
    assert max(Fraction(down), Fraction(repr(down))) <= value <= min(Fraction(up), Fraction(repr(up)))
    assert up <= np.nextafter(np.nextafter(down, np.inf), np.inf)


def test_a_sum_of_decimals_that_the_nearest_double_prints_short():
    value = Fraction("20.812") + Fraction("0.3333333333333333")
    near = float(value)
    assert Fraction(repr(near)) < value < Fraction(near)
    assert Fraction(repr(outward(value, 1))) >= value


def test_elimination():
    equations = [
        ({0: Fraction(2), 1: Fraction(1)}, Fraction(5)),
        ({1: Fraction(3)}, Fraction(3)),
        ({7: Fraction(1)}, Fraction(0)),
    ]
    assert solve_exactly(equations) == {0: Fraction(2), 1: Fraction(1), 7: Fraction(0)}
    assert solve_exactly([({0: Fraction(1)}, Fraction(1)), ({0: Fraction(1)}, Fraction(2))]) is None
    kept = solve_exactly([({0: Fraction(1)}, Fraction(1)), ({0: Fraction(1)}, Fraction(2))], frozenset({1}))
    assert kept == {0: Fraction(1)}
