"""The best exact point with a pattern: against an independent solver, and against hand-made emptiness."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from proofolio import Model, solve, stack
from proofolio.program.quadratic import quadratic_form
from proofolio.verification.certified.patterns import best_with_pattern, exact_near
from proofolio.verification.exact.certificate import Undecidable
from proofolio.verification.exact.lp_bounds import ExactRows

FOR_EVER = float("inf")


def with_pattern(seed):
    """A model with integers, an indicator and a set, and a point of small numbers that need not satisfy it."""
    rng = np.random.default_rng(seed)
    model = Model()
    i = model.variable("i", 2, lower=-2, upper=2, integer=True)
    on = model.variable("on", binary=True)
    x = model.variable("x", 4, lower=-1.0, upper=3.0)
    A = np.round(rng.normal(size=(3, 4)), 2)
    for k in range(3):
        model.add(f"row{k}", A[k] @ x + i[k % 2] <= float(np.round(rng.normal(), 1)))
    model.indicator("implied", on, x[0] + x[1] >= 0.3, when=int(rng.integers(2)))
    model.sos2("set", x)
    model.minimise(np.round(rng.normal(size=4), 2) @ x + i[0])
    point = np.concatenate([rng.integers(-2, 3, 2), rng.integers(0, 2, 1), np.zeros(4)]).astype(float)
    first = int(rng.integers(3))
    point[3 + first : 5 + first] = rng.uniform(0.1, 1.0, 2)
    return model.freeze(), point


@pytest.mark.parametrize("seed", range(25))
def test_the_best_point_with_a_pattern_is_that_of_the_linear_program_it_leaves(seed):
    program, x = with_pattern(seed)
    implied = program.indicators
    A = [program.A.toarray()[k] for k in range(program.m)]
    b = list(program.row_upper)
    if x[2] == implied.on[0]:
        A.append(-implied.matrix.toarray()[0])
        b.append(-implied.lower[0])
    held = np.append(np.arange(3), [3 + k for k in range(4) if x[3 + k] == 0])
    bounds = [(x[j], x[j]) if j in held else (program.lower[j], program.upper[j]) for j in range(program.n)]
    truth = linprog(program.q, np.array(A), b, bounds=bounds)
    found = best_with_pattern(program, ExactRows(program), x, FOR_EVER)
    assert (found is None) == (truth.status == 2)
    if found is not None:
        value = sum(Fraction(repr(float(program.q[j]))) * v for j, v in found.items())
        assert float(value) == pytest.approx(truth.fun, abs=1e-9)
        assert all(found.get(int(j), 0) == x[j] for j in held)


def test_random_patterns_are_of_both_kinds():
    seen = [best_with_pattern(p, ExactRows(p), x, FOR_EVER) is None for p, x in map(with_pattern, range(25))]
    assert True in seen
    assert False in seen


def test_what_cannot_be_said_is_said():
    model = Model()
    x = model.variable("x", 2)
    model.add("ball", quadratic_form(np.eye(2), x) <= 1)
    model.minimise(x.sum())
    program = model.freeze()
    with pytest.raises(Undecidable, match="curved"):
        exact_near(program, ExactRows(program), np.full(2, -0.7071068), FOR_EVER)
    endless = Model()
    y, k = endless.variable("y", lower=0), endless.variable("k", integer=True)
    endless.add("over", y >= k)
    endless.maximise(y)
    program = endless.freeze()
    with pytest.raises(Undecidable, match="unbounded"):
        best_with_pattern(program, ExactRows(program), np.zeros(2), time.perf_counter() + 5)


def nearly(missing, *, kind):
    """Minimise i0 where x1 = 3.48 - i0 has to be 4.48 (and a little more), i0 in {-1, 0}; a set or an indicator."""
    model = Model()
    i0 = model.variable("i0", lower=-1, upper=0, integer=True)
    x1, x2 = model.variable("x1", lower=-9, upper=9), model.variable("x2", lower=0, upper=1)
    on = model.variable("on", binary=True)
    model.add("sum", 9 * i0 + 9 * x1 == 31.32)
    model.add("x2 is free", x2 + on >= 1)
    if kind == "set":
        model.add("edge", 8 * x1 >= 35.84 + missing)
        model.sos1("set", stack([x1, x2]))
    else:
        model.indicator("edge", on, 8 * x1 >= 35.84 + missing)
        model.add("no x2", x2 == 0)
    model.minimise(i0 + x2)
    return model


@pytest.mark.parametrize("kind", ["set", "indicator"])
@pytest.mark.parametrize("how", ["auto", "second"])
def test_a_second_run_vouches_only_where_an_exact_point_has_the_pattern(kind, how):
    answer = solve(nearly(0.0, kind=kind), "scip", confirm=how)
    assert (answer.status, answer.objective) == ("verified-optimal", -1.0)
    answer = solve(nearly(2e-10, kind=kind), "scip", confirm=how)  # no solver sees what is missing
    assert answer.status == "solver-optimal"
    assert "satisfies the model exactly" in answer.message


def sets_of(integer=False, upper=2.0):
    model = Model()
    x = model.variable("x", 3, lower=0, upper=upper, integer=integer)
    model.sos1("one", x)
    model.sos2("pair", stack([x[0], x[1]]))
    model.maximise(x.sum())
    return model.freeze()


@pytest.mark.parametrize(
    ("integer", "x", "best"),
    [
        (False, (0.0, 1.0, 0.0), {1: Fraction(2)}),
        (True, (0.0, 1.0, 0.0), {1: Fraction(1)}),
        (True, (0.0, 1.0, 1.0), None),  # integers that a set leaves at zero
        (True, (0.0, 3.0, 0.0), None),  # beyond its bound
    ],
)
def test_integers_that_a_pattern_cannot_hold_have_no_point(integer, x, best):
    program = sets_of(integer)
    assert best_with_pattern(program, ExactRows(program), np.array(x), FOR_EVER) == best
