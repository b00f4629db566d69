"""Certified maxima over integers, one side free and a column held, against enumeration in fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, stack
from proofolio.verification.certified.maximum import Maxima
from proofolio.verification.exact.trees import proved_bound


def random_program(rng):
    n, m = int(rng.integers(3, 6)), int(rng.integers(2, 6))
    model = Model()
    lower = -rng.integers(0, 3, n).astype(float)
    upper = lower + rng.integers(1, 4, n)
    x = stack([model.variable(f"x{j}", (), lower[j], upper[j], integer=True) for j in range(n)])
    A = np.round(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.8), 1)
    A[:, 0] += ~A.any(axis=1)
    b = np.round(2 * rng.normal(size=m), 1)
    for i in range(m):
        model.add(f"r{i}", A[i] @ x <= b[i])
    model.minimise(x.sum())
    return model.freeze()


def by_enumeration(program, body, freed, fixed):
    exact = [[Fraction(repr(a)) for a in row] for row in program.A.toarray().tolist()]
    high = [Fraction(repr(b)) for b in program.row_upper.tolist()]
    ranges = [range(int(lo), int(hi) + 1) for lo, hi in zip(program.lower, program.upper, strict=True)]
    values = [
        sum(body.get(j, 0) * v for j, v in enumerate(x))
        for x in itertools.product(*ranges)
        if all(x[j] == v for j, v in fixed.items())
        and all(
            sum(a * v for a, v in zip(row, x, strict=True)) <= high[i]
            for i, row in enumerate(exact)
            if freed != (i, "upper")
        )
    ]
    return max(values, default=None)


@pytest.mark.parametrize("seed", range(15))
def test_maxima_agree_with_enumeration_whatever_was_asked_before(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    maxima = Maxima(program)
    for _ in range(8):
        i = int(rng.integers(program.m))
        freed = None if rng.random() < 0.3 else (i, "upper")
        row = np.asarray(program.A[[i]].toarray())[0]
        body = {j: Fraction(repr(float(a))) for j, a in enumerate(row.tolist()) if a}
        j = int(rng.integers(program.n))
        fixed = {} if rng.random() < 0.3 else {j: int(rng.integers(program.lower[j], program.upper[j] + 1))}
        truth = by_enumeration(program, body, freed, fixed)
        found = maxima.maximum(body, freed, fixed)
        assert found.status == ("empty" if truth is None else "proved")
        assert proved_bound(found.program, (), found.nodes) == ("empty" if truth is None else -found.bound)
        if truth is None:
            continue
        assert found.value == truth <= found.bound
        assert found.bound - truth <= Fraction(1, 10**5)
        for target in (truth, truth - Fraction(1, 100), truth + Fraction(1, 100)):
            asked = maxima.maximum(body, freed, fixed, target)
            assert asked.status == ("exceeded" if truth > target else "proved")
            if truth > target:
                assert asked.value > target
            else:
                assert truth <= asked.bound <= target


def test_the_limit_of_nodes_leaves_it_open():
    model = Model()
    x = model.variable("x", 30, binary=True)
    model.add("odd", 2 * x.sum() == 31)
    model.minimise(x.sum())
    program = model.freeze()
    found = Maxima(program).maximum({0: Fraction(1)}, nodes=20)
    assert (found.status, found.bound, found.point) == ("open", None, None)
    assert found.reason


def test_a_bound_leaves_no_side_out_that_is_not_free():
    model = Model()
    x, y = model.variable("x", lower=0, upper=9), model.variable("y", binary=True)
    model.add("capacity", x <= 4 + 5 * y)
    model.add("other", x <= 7.5)
    model.minimise(x)
    maxima = Maxima(model.freeze())
    body = {0: Fraction(1)}
    assert maxima.maximum(body, None, {1: 0}).bound == 4
    assert maxima.maximum(body, (0, "upper"), {1: 0}).bound == Fraction(15, 2)
    assert maxima.maximum(body, None, {1: 0}).bound == 4
