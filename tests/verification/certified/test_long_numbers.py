"""Trees and cuts over coefficients of sixteen digits: certificates hold, and agree with enumeration in fractions."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, solve
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.optimum import certify, exact_program


def mixed(seed):
    """Switches with Big-M rows of random doubles, free and one-sided continuous columns, and a cost for each."""
    rng = np.random.default_rng(seed)
    model = Model()
    n = 5
    y = model.variable("y", n, binary=True)
    x = model.variable("x", n, lower=0)
    s = model.variable("s", 2)
    model.add("switch", x <= rng.uniform(5, 30, n) * y)
    model.add("demand", (rng.uniform(0.5, 1.5, n) * x).sum() >= float(rng.uniform(20, 30)))
    model.add("room", rng.uniform(1, 9, n) @ y <= 25 * float(rng.uniform(0.8, 1.1)))
    model.add("free", s == np.array([[1.0, -1.0, 0.37, 0, 0], [0, 0.21, 1.0, -1.0, 0.5]]) @ x)
    model.minimise((rng.uniform(20, 60, n) * y).sum() + (rng.uniform(1, 4, n) * x).sum() + 0.01 * s.sum())
    return model.freeze()


@pytest.mark.parametrize("seed", range(6))
def test_certified_optima_of_long_numbers_are_those_of_enumeration(seed):
    program = mixed(seed)
    outcome = certify(program, solve(program, confirm="none").x, 1e-6, Deadline.after(30.0))
    best = None
    for y in itertools.product((0.0, 1.0), repeat=5):
        lower, upper = program.lower.copy(), program.upper.copy()
        lower[:5] = upper[:5] = y
        found = solve(replace(program, lower=lower, upper=upper), confirm="none")
        if found.x is not None and (best is None or found.objective < best):
            best = found.objective
    assert (best is None) is (outcome.status == "infeasible")
    if best is not None:
        assert outcome.status == "optimal"
        assert outcome.certificate.holds(exact_program(program))
        assert float(outcome.value) == pytest.approx(best, rel=1e-6)
        assert Fraction(outcome.certificate.bound) <= outcome.value


def rounds_of_rows(seed):
    """Pure integer rows of random doubles, whose cuts have long numbers."""
    rng = np.random.default_rng(seed)
    model = Model()
    k = model.variable("k", 4, lower=0, upper=3, integer=True)
    A = rng.uniform(0.1, 9.9, (3, 4))
    model.add("rows", A @ k <= A @ np.full(4, 1.5))
    cost = rng.uniform(1, 9, 4)
    model.maximise(cost @ k)
    return model.freeze(), A, cost


@pytest.mark.parametrize("seed", range(8))
def test_integer_rows_of_long_numbers(seed):
    program, A, cost = rounds_of_rows(seed)
    outcome = certify(program, solve(program, confirm="none").x, 1e-6, Deadline.after(30.0))
    exact = [[Fraction(repr(float(a))) for a in row] for row in A]
    sides = [Fraction(repr(float(v))) for v in program.row_upper]
    worth = [Fraction(repr(float(c))) for c in cost]
    best = max(
        sum(c * v for c, v in zip(worth, point, strict=True))
        for point in itertools.product(range(4), repeat=4)
        if all(
            sum(a * v for a, v in zip(row, point, strict=True)) <= b
            for row, b in zip(exact, sides, strict=True)
        )
    )
    assert outcome.status == "optimal"
    assert -outcome.value <= best
    assert -outcome.certificate.bound >= best
    assert outcome.certificate.holds(exact_program(program))
