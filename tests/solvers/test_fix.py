"""Fixing columns: the smaller program says what the original says at the fixed values, and nothing else."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from proofolio.errors import BadData, ContradictoryRows
from proofolio.program.builder import Builder
from proofolio.program.expression import between, stack
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.scip.solver import solve as scip
from proofolio.solvers.solution import Settings


def bounded_as(program, columns, values):
    """The same program with the columns fixed by their bounds alone."""
    lower, upper = program.lower.copy(), program.upper.copy()
    lower[columns] = upper[columns] = values
    return replace(program, lower=lower, upper=upper)


def of_every_class(seed):
    """A small program with every class of row, bounded, so that any fixing can be solved both ways."""
    rng = np.random.default_rng(seed)
    m = Builder()
    x = m.variable("x", (2, 3), -1, 2)
    z = m.variable("z", 3, binary=True)
    t = m.variable("t", 2, -1, 9)
    k = m.variable("k", lower=-2, upper=3, integer=True)
    A = np.round(rng.standard_normal((3, 6)), 1)
    m.add("mixed", between(-3, A @ x.ravel() + z * [1.0, -1.0, 2.0] + k, 3))
    m.add("switched", x[0] <= 2 * z)
    m.add("floor", x[0] >= -z)
    root = rng.standard_normal((3, 3))
    m.add("curved", m.quadratic(root @ root.T, x) + x.sum(1) + z[0] - t <= [2.0, 3.0])
    m.cone("cone", x * [1.0, 0.5, 2.0], t, stack([z[1], 1 + k * 0.1]))
    m.indicator("if_on", z[2], x[1] >= 0.1 * k)
    m.indicator("if_off", z[2], x[1].sum() + t[0] <= 1, when=0)
    m.sos1("one", x[1])
    m.sos2("two", stack([x[0, 0], x[1, 0], x[0, 1], t[1]]))
    m.minimise(
        m.quadratic(np.eye(3), x).sum() + t.sum() + rng.standard_normal(6) @ x.ravel() - z.sum() - 0.3 * k + 1
    )
    return m.freeze()


@pytest.mark.parametrize("seed", range(12))
def test_the_smaller_program_has_the_same_optimum(seed):
    rng = np.random.default_rng(100 + seed)
    program = of_every_class(seed)
    chosen = np.flatnonzero(program.integer) if seed % 2 else rng.choice(program.n, 6, replace=False)
    values = np.where(
        program.integer[chosen],
        rng.integers(np.maximum(program.lower[chosen], -1), np.minimum(program.upper[chosen], 1) + 1),
        np.round(rng.uniform(-0.2, 0.4, chosen.size), 1),
    )
    left = fix(program, chosen, values)
    whole = scip(bounded_as(program, chosen, values), Settings(time_limit=20))
    if left.infeasible is not None:
        assert whole.status == "infeasible"
        return
    small = scip(left.program, Settings(time_limit=20))
    assert small.status == whole.status
    if whole.status == "optimal":
        x = left.expand(small.x)
        assert small.objective == pytest.approx(whole.objective, rel=1e-5, abs=1e-5)
        assert program.objective(x) == pytest.approx(small.objective, rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(x[chosen], values)
        everything = np.concatenate([program.row_lower - program.A @ x, program.A @ x - program.row_upper])
        assert everything.max() <= 1e-6
        assert program.cones.violation(x).max() <= 1e-5


def test_names_are_kept_and_fixed_columns_are_gone():
    m = Builder()
    w = m.variable("w", (2, 2), 0, 1)
    z = m.variable("z", binary=True)
    m.add("budget", w.sum(1) == 1)
    m.add("cap", w <= z)
    m.minimise(w[0, 0] + 3 * w[1, 1] + z)
    program = m.freeze()
    left = fix(program, [program.columns("z"), program.columns("w")[0, 1]], [1, 0.25])
    # w[0,1] = .25 makes w[0,0] = .75 through its budget; the caps turn into bounds.
    assert left.program.column_names == ("w[1,0]", "w[1,1]")
    assert left.program.row_names == ("budget[1]",)
    np.testing.assert_allclose(left.expand([0.4, 0.6]), [0.75, 0.25, 0.4, 0.6, 1.0])
    assert left.program.objective([0.4, 0.6]) == pytest.approx(0.75 + 1.8 + 1)
    again = fix(left.program, [1], [0.6])
    assert again.program.n == 0
    np.testing.assert_allclose(left.expand(again.expand([])), [0.75, 0.25, 0.4, 0.6, 1.0])


def test_an_off_switch_fixes_what_hangs_on_it_and_decides_the_cone():
    m = Builder()
    v, s, z = m.variable("v", 3, 0, 1), m.variable("s", upper=5), m.variable("z", binary=True)
    m.add("cap", v <= z)
    m.add("part", v.sum() == z)
    m.cone("perspective", v, s, z)
    m.minimise(s)
    off = fix(m.freeze(), [4], [0])
    assert off.program.column_names == ("s",)
    assert off.program.lower[0] == 0
    assert len(off.program.cones) == 0
    on = fix(m.freeze(), [4], [1])
    assert on.program.column_names == ("v[0]", "v[1]", "v[2]", "s")
    assert len(on.program.cones) == 1
    assert on.program.m == 1


def test_a_zero_multiplier_makes_affine_members_rows():
    m = Builder()
    x, t, z = m.variable("x", 2, -5, 5), m.variable("t", upper=5), m.variable("z", lower=0, upper=1)
    m.cone("c", stack([x[0] + x[1] - 1, x[0] - x[1]]), t, z)
    m.minimise(t + x.sum())
    left = fix(m.freeze(), [3], [0])
    assert left.program.row_names == ("c_decided[2]", "c_decided[3]")
    found = clarabel.solve(left.program, Settings())
    np.testing.assert_allclose(left.expand(found.x), [0.5, 0.5, 0, 0], atol=1e-7)


def test_every_reason_for_infeasibility_is_named():
    m = Builder()
    x, z = m.variable("x", 2, 0, 1), m.variable("z", 2, binary=True)
    m.add("sum", x.sum() == z[0])
    m.cone("cone", x, 0.25, z[1])
    m.indicator("implied", z[0], x[0] + x[1] <= 0.5)
    m.sos1("set", x)
    m.minimise(x.sum())
    program = m.freeze()
    assert fix(program, [0, 1, 2], [0.5, 0.2, 1]).infeasible == "sum"
    assert fix(program, [0, 1, 3], [0.0, 0.8, 0]).infeasible == "cone"
    assert fix(program, [0, 1, 3], [0.9, 0.0, 1]).infeasible == "cone"
    assert fix(program, [0], [3.0]).infeasible == "x[0]"
    assert fix(program, [0, 1], [0.2, 0.2]).infeasible == "set"
    assert fix(program, [0, 1, 2], [1.0, 0.0, 1]).infeasible in ("implied", "cone")
    refused = fix(program, [0], [3.0])
    with pytest.raises(ContradictoryRows, match=r"x\[0\]"):
        _ = refused.program


def test_integers_left_in_a_singleton_row_are_rounded_inward():
    m = Builder()
    k, x = m.variable("k", lower=0, upper=9, integer=True), m.variable("x", lower=0, upper=9)
    m.add("row", between(2.5, k + x, 4.5))
    m.minimise(k)
    left = fix(m.freeze(), [1], [0.0])
    assert (left.program.lower[0], left.program.upper[0]) == (3.0, 4.0)
    np.testing.assert_allclose(fix(m.freeze(), [1], [3.9]).expand([]), [0.0, 3.9])
    assert fix(m.freeze(), [1], [4.6]).infeasible == "row"


def test_quadratic_rows_are_substituted():
    rng = np.random.default_rng(0)
    Q = rng.standard_normal((4, 4))
    Q = Q + Q.T
    m = Builder()
    x = m.variable("x", 4, -3, 3)
    m.add("row", m.quadratic(Q, x) + x @ [1.0, 2.0, 3.0, 4.0] <= 7)
    m.minimise(m.quadratic(Q, x) + x.sum() + 2)
    program = m.freeze()
    left = fix(program, [1, 3], [0.5, -1.5])
    point = rng.standard_normal(2)
    whole = left.expand(point)
    room = left.program.quadratic.upper - left.program.quadratic.value(point)
    np.testing.assert_allclose(room, program.quadratic.upper - program.quadratic.value(whole))
    assert left.program.objective(point) == pytest.approx(program.objective(whole))
    straight = fix(program, [0, 1, 2, 3], [0.1, 0.0, 0.2, 0.0])
    assert straight.program.n == 0


@pytest.mark.parametrize("fixed", list(itertools.combinations(range(4), 2)))
def test_sos2_keeps_its_neighbours(fixed):
    m = Builder()
    x = m.variable("x", 4, 0, 1)
    m.sos2("set", x)
    m.maximise(x @ [4.0, 3.0, 2.0, 4.5])
    program = m.freeze()
    left = fix(program, list(fixed), 0.0)
    best = max(
        sum([4.0, 3.0, 2.0, 4.5][j] for j in pair if j not in fixed) for pair in ((0, 1), (1, 2), (2, 3))
    )
    assert scip(left.program, Settings()).objective == pytest.approx(best)


def test_bad_columns_and_values_are_refused():
    m = Builder()
    m.minimise(m.variable("x", 2, 0, 1).sum())
    program = m.freeze()
    for columns, values in (([2], [0]), ([-1], [0]), ([0], [np.nan]), ([0, 1], [0, 0, 0])):
        with pytest.raises(BadData):
            fix(program, columns, values)


def test_nothing_fixed_is_the_same_program():
    program = of_every_class(3)
    left = fix(program, [], [])
    assert left.program.column_names == program.column_names
    assert left.program.row_names == program.row_names
    assert len(left.program.cones) == len(program.cones)
    assert len(left.program.indicators) == len(program.indicators)


def test_maximisation_keeps_its_sense():
    m = Builder()
    x = m.variable("x", 2, 0, 1)
    m.maximise(x @ [1.0, 2.0] + 1)
    left = fix(m.freeze(), [0], [0.5])
    assert left.program.maximise
    assert left.program.objective([1.0]) == pytest.approx(3.5)


def hull(n, T, R):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((R, n, n))
    L = np.linalg.cholesky(A @ A.swapaxes(1, 2) / n + 0.01 * np.eye(n))
    c = 0.5 * rng.standard_normal((R, T, n))
    m = Builder()
    W, Z = m.variable("W", (T, n), 0, 1), m.variable("Z", (R, T), binary=True)
    V, s, cost = m.variable("V", (R, T, n), 0, 1), m.variable("s", (R, T)), m.variable("cost", T)
    m.add("one", Z.sum(0) == 1)
    m.add("parts", V.sum(0) == W)
    m.add("share", V.sum(2) == Z)
    m.add("cap", V <= Z.reshape(R, T, 1))
    m.add("costs", cost == s.sum(0) + (V * c).sum((0, 2)))
    m.cone("perspective", stack([V[r] @ L[r] for r in range(R)]), s, Z)
    m.minimise(cost.sum())
    return m.freeze(), rng


def test_the_large_perspective_form_is_fixed_and_solved():
    program, rng = hull(30, 60, 4)
    Z = program.columns("Z")
    values = np.zeros(Z.shape)
    values[rng.integers(0, 4, 60), np.arange(60)] = 1
    left = fix(program, Z, values)
    assert left.program.cones.pointer.size == 61
    assert all(name.startswith(("W", "V", "s", "cost")) for name in left.program.column_names)
    found = solve_continuous(left.program, Settings())
    assert found.status == "optimal"
    x = left.expand(found.x)
    assert program.cones.violation(x).max() <= 1e-7
    assert np.abs(program.A @ x - np.clip(program.A @ x, program.row_lower, program.row_upper)).max() <= 1e-7


@pytest.mark.parametrize("coefficient", [1e-320, -1e-320])
def test_a_side_beyond_the_largest_number_is_not_taken_for_a_bound(coefficient):
    m = Builder()
    x, y = m.variable("x", lower=0.0), m.variable("y", upper=1.0)
    m.add("far", coefficient * x + y >= 2.0 if coefficient > 0 else coefficient * x + y <= -2.0)
    m.add("slack", coefficient * x + y >= -3.0)
    m.minimise(x)
    left = fix(m.freeze(), [1], 0.0).program
    assert np.isfinite(left.lower).all()
    assert list(left.row_names) == ["far"]
