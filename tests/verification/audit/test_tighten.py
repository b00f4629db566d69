"""Tightened models say what they said before, through every interface."""

import itertools

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest

from proofolio import BadData, Model, UnprovenBigM, read_program, solve
from proofolio.verification.audit.auditing import audit
from proofolio.verification.audit.tightening import confirm, tighten, tightened

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyomo")


def facilities(M=1000.0):
    rng = np.random.default_rng(3)
    model = Model("facilities")
    x, y = model.variable("x", (4, 3), lower=0), model.variable("y", 4, binary=True)
    demand = np.array([3.5, 4.25, 2.1])
    model.add("demand", x.sum(0) == demand)
    model.add("open", x.sum(1) <= M * y)
    model.minimise((rng.integers(1, 9, (4, 3)) * x).sum() + (rng.integers(9, 20, 4) * y).sum())
    return model.freeze()


@pytest.mark.parametrize("sense", ["<=", ">="])
@pytest.mark.parametrize("when", [0, 1])
def test_each_sense_and_phase_keeps_the_row_s_meaning(sense, when):
    model = Model()
    x, z = model.variable("x", lower=-3, upper=8), model.variable("z", binary=True)
    on = z if when else 1 - z
    model.add("link", x <= 2.5 + 50 * (1 - on) if sense == "<=" else x >= 2.5 - 50 * (1 - on))
    program = model.freeze()
    after, rows = tightened(audit(program))
    assert [row.big_m for row in rows] == [5.5]
    for value, switch in itertools.product(np.linspace(-3, 8, 23), (0.0, 1.0)):
        point = np.array([value, switch])
        inside = [
            bool(np.all(p.A @ point <= p.row_upper + 1e-12) and np.all(p.A @ point >= p.row_lower - 1e-12))
            for p in (program, after)
        ]
        assert inside[0] == inside[1]
    assert audit(after).rows[0].verdict == "tight"


def test_the_optimum_stays_and_the_relaxation_rises():
    before = facilities()
    after = tighten(before)
    result = confirm(before, after)
    assert result.same
    assert result.before.objective == pytest.approx(result.after.objective)
    assert {row.verdict for row in audit(after).rows} == {"tight"}
    assert not np.any(before.A.data == 9.85)
    assert np.sum(np.isclose(after.A.data, -9.85)) == 4


def test_a_switch_remembers_its_new_m():
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=[3, 4]), model.variable("z", 2, binary=True)
    model.add("link", x <= 100 * z, model.switch("fixed charge", z, 0, 100.0, "given", (2,)))
    after = tighten(model)
    assert after.rows[0].switch.big_m.tolist() == [3.0, 4.0]


def test_capacities_and_rows_with_two_sides_stay():
    model = Model()
    x, z = model.variable("x", lower=-4, upper=6), model.variable("z", binary=True)
    model.add("same", x - 6 * z == 0)
    model.add("capacity", x <= 2 * z)
    program = model.freeze()
    after, rows = tightened(audit(program, big_m="*"))
    assert rows == ()
    assert (after.A != program.A).nnz == 0


def test_a_row_whose_binary_is_not_needed_loses_it():
    model = Model()
    x, z = model.variable("x", lower=0), model.variable("z", 2, binary=True)
    model.add("half", x + 4 * z.sum() <= 8)
    model.add("link", x <= 4 + 100 * (1 - z[0]) - 4 * z[1])
    after, rows = tightened(audit(model, tiers=["interval", "lp"]))
    assert all(row.big_m >= 0 for row in rows)
    for point in itertools.product((0.0, 2.0, 4.0, 8.0), (0.0, 1.0), (0.0, 1.0)):
        before = model.freeze()
        p = np.array(point)
        assert np.all(before.A @ p <= before.row_upper) == np.all(after.A @ p <= after.row_upper + 1e-12)


def test_two_binaries_of_one_row_do_not_change_together():
    model = Model()
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", 2, binary=True)
    model.add("link", x <= 20 * z[0] + 20 * z[1])
    after, rows = tightened(audit(model))
    assert len(rows) == 1
    assert audit(after).summary["invalid"] == 0
    for a, b in itertools.product((0.0, 1.0), repeat=2):
        for value in (0.0, 5.0, 9.0):
            point = np.array([value, a, b])
            assert (after.A @ point <= after.row_upper).all() == (value <= 20 * (a + b))


def test_pyomo_in_place():
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(3), bounds=(0, 4))
    model.z = pyo.Var(range(3), domain=pyo.Binary)
    model.M = pyo.Param(initialize=50.0, mutable=True)
    model.link = pyo.Constraint(range(3), rule=lambda m, i: m.x[i] <= m.M * m.z[i])
    model.need = pyo.Constraint(expr=sum(model.x.values()) >= 7)
    model.cost = pyo.Objective(expr=sum((i + 2) * model.z[i] + model.x[i] for i in range(3)))
    before = solve(model).objective
    with pytest.warns(UnprovenBigM, match="3 new M's"):  # whoever sets M later has to know
        assert tighten(model) is model
    assert {row.verdict for row in audit(model).rows} == {"tight"}
    assert pyo.value(model.link[1].body) <= 0
    assert solve(model).objective == pytest.approx(before)


def test_cvxpy_rebuilt():
    x, z = cp.Variable(2, name="x"), cp.Variable(2, boolean=True, name="z")
    problem = cp.Problem(
        cp.Minimize(cp.sum(x) + 3 * cp.sum(z)), [x >= 0, x <= 6, cp.sum(x) >= 5, x <= 100 * z]
    )
    before = solve(problem).objective
    rebuilt = tighten(problem)
    assert isinstance(rebuilt, cp.Problem)
    assert solve(rebuilt).objective == pytest.approx(before)
    assert audit(rebuilt).summary["loose"] == 0
    assert audit(problem).summary["loose"] == 2


@pytest.mark.parametrize("suffix", [".mps", ".lp", ".mps.gz"])
def test_files_out(tmp_path, suffix):
    source, target = tmp_path / "in.mps", tmp_path / f"out{suffix}"
    facilities().write(source)
    tighten(source, out=target)
    assert confirm(source, target).same
    assert audit(target).summary["tight"] == 4
    assert read_program(target).row_names == facilities().row_names


def test_an_audit_of_another_model_is_refused():
    found = audit(facilities())
    with pytest.raises(BadData, match="another model"):
        tighten(facilities(), found=found)
    assert tighten(found.opened.program, found=found).n == found.opened.program.n


def fixed_in_a_loop():
    """x <= 100 y and x <= 2 + 8 z over x in [0, 10], z in [0, 1]: with x = 3, z = 0 less than M = 10 looks enough."""
    m = pyo.ConcreteModel()
    m.x, m.y, m.z = pyo.Var(bounds=(0, 10)), pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 1))
    m.big = pyo.Constraint(expr=m.x <= 100 * m.y)
    m.lim = pyo.Constraint(expr=m.x <= 2 + 8 * m.z)
    m.cost = pyo.Objective(expr=m.y - m.x)
    return m


def test_a_fixed_pyomo_variable_lends_its_declared_bounds_only(tmp_path):
    m = fixed_in_a_loop()
    m.x.fix(3)
    m.z.fix(0.5)
    found = audit(m)
    assert "2 variables are fixed (x, z)" in found.notes[0]
    with pytest.raises(BadData, match=r"takes the values of fixed variables \('x', 'z'\)"):
        tighten(m, found=found)
    tighten(m, out=tmp_path / "after.lp")
    assert (m.x.fixed, m.x.value, m.z.fixed, m.z.value) == (True, 3, True, 0.5)
    assert audit(m).rows[0].big_m == 10
    written = read_program(tmp_path / "after.lp")  # the file is the model as it stands
    assert dict(zip(written.column_names, written.lower.tolist(), strict=True))["x"] == 3
    m.x.unfix()
    m.z.unfix()
    assert solve(m).objective == -9  # x = 10 with y = 1 is there again
    m.x.setub(20)
    m.x.fix(30)  # a value beyond the bounds counts as well
    m.big.set_value(m.x <= 100 * m.y)
    m.lim.set_value(m.x <= 2 + 50 * m.z)
    tighten(m)
    assert audit(m).rows[0].big_m == 30


def test_a_row_that_is_linear_while_a_variable_is_fixed_is_refused_in_words():
    m = fixed_in_a_loop()
    m.z.fix(1)
    m.product = pyo.Constraint(expr=m.x**3 * m.z - m.x**3 * m.z + pyo.sin(m.z) * m.x <= 5)
    m.x.fix(1)
    with pytest.raises(BadData, match=r"has to hold once its fixed variables .* are free"):
        tighten(m)
    assert (m.z.fixed, m.z.value) == (True, 1)


def test_values_that_can_change_are_refused_or_named():
    U, x = cp.Parameter(name="U", value=10), cp.Variable(name="x")
    y = cp.Variable(boolean=True, name="y")
    problem = cp.Problem(cp.Minimize(y - x), [x <= 100 * y, x <= U, x >= 0])
    assert any("(U)" in note for note in audit(problem).notes)
    with pytest.raises(BadData, match=r"Parameters \('U'\)"):
        tighten(problem)
    m = fixed_in_a_loop()
    m.U = pyo.Param(initialize=7, mutable=True)
    m.most = pyo.Constraint(expr=m.x <= m.U)
    with pytest.warns(UnprovenBigM, match=r"present values of Params \('U'\) only"):
        tighten(m)
    assert audit(m).rows[0].big_m == 7


def test_an_audit_of_what_the_model_was_before_is_refused():
    """Needed is 5 while x <= 5, and 12 afterwards: an M of 5 would then cut off the optimum."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 5))
    m.b = pyo.Var(domain=pyo.Binary)
    m.c = pyo.Constraint(expr=m.x <= 100 * m.b)
    m.o = pyo.Objective(expr=-m.x + m.b)
    before = audit(m)
    m.x.setub(12)
    with pytest.raises(BadData, match="has changed since the audit"):
        tighten(m, found=before)
    m.x.setub(5)
    m.o.set_value(m.x - m.b)  # another objective needs no other M
    assert solve(tighten(m, found=before)).objective == pytest.approx(-1.0)


def two_families(total=(700.0, 500.0), pair=(300.0, 400.0), room=(4, 3)):
    """Two sites, two customers, whole units; either family of Big-M rows makes the other one redundant."""
    model = Model("two families")
    ship, on = model.variable("ship", (2, 2), lower=0, integer=True), model.variable("on", 2, binary=True)
    model.add("demand", ship.sum(0) == [3, 2])
    model.add("room", ship.sum(1) <= list(room))
    model.add("total", ship.sum(1) <= np.array(total) * on)
    model.add("pair", ship <= np.array(pair) * on.reshape(2, 1))
    model.minimise((ship * [[2, 3], [4, 1]]).sum() + (on * [5, 4]).sum())
    return model.freeze()


def whole_points(program, top):
    """All points in whole numbers, within their bounds and up to `top`, that satisfy the rows, exactly."""
    ends = np.minimum(program.upper, top)
    points = np.array(list(itertools.product(*(range(int(end) + 1) for end in ends))), dtype=float)
    body = points @ program.A.toarray().T
    inside = np.all((body <= program.row_upper) & (body >= program.row_lower), axis=1)
    return {tuple(map(int, point)) for point in points[inside]}


def test_rows_that_make_each_other_redundant_are_tightened_and_nothing_is_lost():
    before = two_families()
    found = audit(before, big_m=["total", "pair"])
    assert {row.verdict for row in found.rows} == {"redundant"}
    assert found.summary["larger_than_needed"] == 6
    after, rows = tightened(found)
    assert {row.name: row.big_m for row in rows} == {
        "total[0]": 4.0, "total[1]": 3.0,
        "pair[0,0]": 3.0, "pair[0,1]": 2.0, "pair[1,0]": 3.0, "pair[1,1]": 2.0,
    }  # fmt: skip
    points = whole_points(before, 4)
    assert points
    assert whole_points(after, 4) == points
    assert audit(after, big_m=["total", "pair"]).summary["larger_than_needed"] == 0
    assert confirm(before, after).same


@pytest.mark.parametrize("seed", range(25))
def test_the_feasible_set_stays_when_many_rows_change_at_once(seed):
    rng = np.random.default_rng(seed)
    model = Model()
    x, z = model.variable("x", 3, lower=0, upper=[4, 3, 4], integer=True), model.variable("z", 3, binary=True)
    for k in range(7):
        weights, M = rng.integers(-2, 3, 3), float(rng.integers(1, 40))
        weights[rng.integers(3)] = 1
        switch, side = z[int(rng.integers(3))], float(rng.integers(-1, 5))
        on = switch if rng.random() < 0.5 else 1 - switch
        body = (x * weights).sum()
        model.add(
            f"row{k}", body <= side + M * (1 - on) if rng.random() < 0.6 else body >= side - M * (1 - on)
        )
    model.add("beside", x.sum() + z.sum() >= 2)
    before = model.freeze()
    after, rows = tightened(audit(before))
    assert whole_points(after, 4) == whole_points(before, 4)
    assert all(row.big_m < float(abs(before.A[[row.row], [row.binary]][0])) for row in rows)


def test_an_invalid_row_stays_and_says_what_it_needs():
    before = two_families(total=(2.0, 500.0), pair=(1.0, 400.0))
    found = audit(before, big_m="*")
    invalid = {row.row: row for row in found.rows if row.verdict == "invalid"}
    assert len(invalid) > 1
    for row in invalid.values():  # enough is proved for each of them, also where a point decided at once
        assert row.suggested_big_m is not None
        assert row.suggested_big_m >= row.needed[0] > row.big_m
    after, rows = tightened(found)
    assert not {row.name for row in rows} & set(invalid)
    assert whole_points(after, 4) == whole_points(before, 4)
