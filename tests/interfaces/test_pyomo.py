"""Pyomo models come in and go out with the same matrices, and formulations land in a user's own block."""

import itertools

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyomo import gdp
from pyomo.contrib.solver.common.factory import SolverFactory
from scipy import optimize, sparse

from proofolio.errors import BadData, ContradictoryRows, UnboundedExpression, UnsupportedProgram
from proofolio.interfaces.pyomo.attaching import attach_pyomo
from proofolio.interfaces.pyomo.reading import from_pyomo, read_pyomo
from proofolio.interfaces.pyomo.writing import to_pyomo
from proofolio.program.builder import Builder
from proofolio.program.expression import between

INF = np.inf


def curvature(forms, n):
    """The sum of forms as one dense symmetric matrix."""
    total = np.zeros((n, n))
    for form in forms:
        np.add.at(total, np.ix_(form.columns, form.columns), form.matrix)
    return total


def assert_same(a, b):
    """Two programs agree to the bit in everything but how their forms are cut and their blocks grouped."""
    assert a.column_names == b.column_names
    assert a.row_names == b.row_names
    for name in ("q", "row_lower", "row_upper", "lower", "upper", "integer"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert (a.c, a.maximise, a.name) == (b.c, b.maximise, b.name)
    np.testing.assert_array_equal(a.A.toarray(), b.A.toarray())
    np.testing.assert_array_equal(a.P.toarray(), b.P.toarray())
    assert quadratic_names(a) == quadratic_names(b)
    np.testing.assert_array_equal(a.quadratic.matrix.toarray(), b.quadratic.matrix.toarray())
    np.testing.assert_array_equal(a.quadratic.lower, b.quadratic.lower)
    np.testing.assert_array_equal(a.quadratic.upper, b.quadratic.upper)
    for left, right in zip(a.quadratic.forms, b.quadratic.forms, strict=True):
        np.testing.assert_array_equal(curvature(left, a.n), curvature(right, b.n))
    assert [(s.name, s.kind) for s in a.sos] == [(s.name, s.kind) for s in b.sos]
    for left, right in zip(a.sos, b.sos, strict=True):
        np.testing.assert_array_equal(left.columns, right.columns)
        np.testing.assert_array_equal(left.weights, right.weights)


def quadratic_names(program):
    return [name for block in program.quadratic.blocks for name in block.element_names()]


def row(program, name):
    """Lower side, coefficients by name, upper side of one linear row."""
    k = program.row_names.index(name)
    coefficients = program.A[[k]].toarray().ravel()
    nonzero = {program.column_names[j]: coefficients[j] for j in np.flatnonzero(coefficients)}
    return program.row_lower[k], nonzero, program.row_upper[k]


def solve(model, solver):
    return SolverFactory(solver).solve(model)


def random_model(rng):
    model = Builder("random")
    shapes = [(), (3,), (2, 2)]
    variables = []
    for k, shape in enumerate(shapes):
        kind = rng.integers(4)
        lower = rng.choice([-INF, -2.5, 0.0, 1.0], shape)
        upper = rng.choice([INF, 1.0, 3.25], shape)
        variables.append(
            model.variable(f"x{k}", shape, lower=lower, upper=upper, binary=kind == 0, integer=kind == 1)
        )
    a, b, c = variables
    model.add("scalar", a - rng.normal() * b.sum() >= rng.normal())
    model.add("grid", c * rng.normal(size=(2, 2)) - a <= rng.normal(size=(2, 2)))
    model.add("range", between(-1.5, b * rng.normal(size=3) + c[0, 0], 2.5))
    model.add("fixed", c.sum(0) == rng.normal(size=2))
    # entries whose variables vanish are decided, so that the block has gaps
    model.add("gaps", b * np.array([1.0, 0.0, -3.0]) <= 4.0)
    G = rng.normal(size=(3, 3))
    model.add("curved", model.quadratic(G @ G.T, b) + c[0] <= 5.0 + rng.random(2))
    model.add("saddle", model.quadratic(G + G.T, b) - a == 1.0)
    model.sos1("one", b, weights=[3.0, 1.0, 2.0])
    model.sos2("two", c.ravel())
    H = rng.normal(size=(4, 4))
    objective = model.quadratic(H @ H.T, c.ravel()) + rng.normal() * a + b.sum() * 0.1 + rng.normal()
    if rng.integers(2):
        model.maximise(objective)
    else:
        model.minimise(objective)
    return model


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_there_and_back_is_the_same_program(seed):
    program = random_model(np.random.default_rng(seed)).freeze()
    back = from_pyomo(to_pyomo(program))
    assert_same(program, back)
    assert [(b.name, b.shape, b.start) for b in back.variables] == [
        (b.name, b.shape, b.start) for b in program.variables
    ]
    assert [(b.name, b.shape, b.positions.tolist()) for b in back.rows] == [
        (b.name, b.shape, b.positions.tolist()) for b in program.rows
    ]


def test_names_with_brackets_survive_there_and_back():
    m = pyo.ConcreteModel(name="cities")
    m.x = pyo.Var(["ann", "bob"], bounds=(0, 1))
    m.b = pyo.Block([1, 2])
    m.b[1].y = pyo.Var(pyo.RangeSet(0, 1), domain=pyo.Integers)
    m.c = pyo.Constraint(["ann"], rule=lambda m, i: m.x[i] + m.b[1].y[0] <= 1)
    program = from_pyomo(m)
    assert program.column_names == ("x[ann]", "x[bob]", "b[1].y[0]", "b[1].y[1]")
    assert program.row_names == ("c[ann]",)
    assert_same(from_pyomo(to_pyomo(program)), program)


def test_native_names_are_those_of_the_mathematics():
    model = Builder()
    W = model.variable("W", (2, 3), 0, 1)
    model.add("budget", W.sum(0) == 1)
    m = to_pyomo(model.freeze())
    assert m.W[1, 2].name == "W[1,2]"
    assert m.find_component("budget[2]") is m.budget[2]
    assert (m.W[0, 0].lb, m.W[0, 0].ub, m.W[0, 0].domain) == (0, 1, pyo.Reals)
    assert str(m.budget[0].expr) == "W[0,0] + W[1,0]  ==  1.0"


# ---------------------------------------------------------------- foreign models
def test_foreign_bounds_domains_and_names():
    m = pyo.ConcreteModel()
    m.grid = pyo.Var(pyo.RangeSet(0, 1), pyo.RangeSet(0, 2), bounds=(-1, 4))
    m.late = pyo.Var(pyo.RangeSet(1, 2), domain=pyo.NonNegativeIntegers, bounds=(None, 7.5))
    m.b = pyo.Var(domain=pyo.Binary)
    m.mixed = pyo.Var(pyo.RangeSet(0, 1))
    m.mixed[1].domain = pyo.Integers
    m.free = pyo.Var()
    m.above = pyo.Var(domain=pyo.PositiveReals, bounds=(-3, float("inf")))
    p = from_pyomo(m)
    assert p.column_names[:6] == (
        "grid[0,0]",
        "grid[0,1]",
        "grid[0,2]",
        "grid[1,0]",
        "grid[1,1]",
        "grid[1,2]",
    )
    assert p.column_names[6:] == ("late[1]", "late[2]", "b", "mixed[0]", "mixed[1]", "free", "above")
    assert [b.shape for b in p.variables] == [(2, 3), (), (), (), (2,), (), ()]
    np.testing.assert_array_equal(p.lower, [-1] * 6 + [0, 0, 0, -INF, -INF, -INF, 0])
    np.testing.assert_array_equal(p.upper, [4] * 6 + [7, 7, 1, INF, INF, INF, INF])
    np.testing.assert_array_equal(np.flatnonzero(p.integer), [6, 7, 8, 10])
    np.testing.assert_array_equal(np.flatnonzero(p.binary), [8])


def test_foreign_rows_of_every_kind():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(pyo.RangeSet(0, 2), bounds=(0, 1))
    m.p = pyo.Param(mutable=True, initialize=2.0, within=pyo.Reals)
    m.e = pyo.Expression(expr=m.x[0] - 3 * m.p)
    m.up = pyo.Constraint(expr=m.x[0] + m.p * m.x[1] + m.x[0] <= 3 + m.p)
    m.low = pyo.Constraint(expr=m.x[0] >= m.x[1] + 1)
    m.ranged = pyo.Constraint(expr=(-1, m.e / 2, m.p))
    m.equal = pyo.Constraint(expr=sum(m.x[i] * (i + 1) for i in range(3)) == 1)
    m.vanishing = pyo.Constraint(expr=m.x[0] - m.x[0] + m.x[2] <= 9)
    m.true = pyo.Constraint(expr=m.x[0] - m.x[0] <= 1)
    m.off = pyo.Constraint(expr=m.x[0] <= 0)
    m.off.deactivate()
    m.some = pyo.Constraint(
        pyo.RangeSet(0, 2), rule=lambda m, i: pyo.Constraint.Skip if i == 1 else m.x[i] <= 0.5
    )
    m.listed = pyo.ConstraintList()
    m.listed.add(m.x[1] + m.x[2] <= 1)
    m.nothing = pyo.Constraint(expr=(-INF, m.x[0], INF))
    p = from_pyomo(m)
    assert p.row_names == (
        "up", "low", "ranged", "equal", "vanishing", "some[0]", "some[2]", "listed[1]",
    )  # fmt: skip
    assert row(p, "up") == (-INF, {"x[0]": 2.0, "x[1]": 2.0}, 5.0)
    low = row(p, "low")
    assert low == (-INF, {"x[0]": -1.0, "x[1]": 1.0}, -1.0) or low == (1.0, {"x[0]": 1.0, "x[1]": -1.0}, INF)
    assert row(p, "ranged") == (2.0, {"x[0]": 0.5}, 5.0)
    assert row(p, "equal") == (1.0, {"x[0]": 1.0, "x[1]": 2.0, "x[2]": 3.0}, 1.0)
    assert row(p, "vanishing") == (-INF, {"x[2]": 1.0}, 9.0)
    m.p = 4.0
    assert row(from_pyomo(m), "up") == (-INF, {"x[0]": 2.0, "x[1]": 4.0}, 7.0)


def test_foreign_blocks_references_and_variables_of_other_blocks():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.on = pyo.Block()
    m.on.y = pyo.Var(bounds=(0, 2))
    m.on.c = pyo.Constraint(expr=m.on.y + m.x <= 1)
    m.off = pyo.Block()
    m.off.used = pyo.Var(bounds=(0, 3))
    m.off.unused = pyo.Var()
    m.off.c = pyo.Constraint(expr=m.off.used + m.x <= 1)
    m.off.deactivate()
    m.view = pyo.Reference(m.on.y)
    m.c = pyo.Constraint(expr=m.off.used - m.x >= 0)
    p = from_pyomo(m)
    assert p.column_names == ("x", "on.y", "off.used")
    assert set(p.row_names) == {"on.c", "c"}
    np.testing.assert_array_equal(p.upper, [1, 2, 3])
    part = from_pyomo(m.on)
    assert (part.column_names, part.row_names) == (("on.y", "x"), ("on.c",))


@pytest.mark.parametrize("degree", [1, 2])
def test_an_objective_may_be_the_only_one_to_hold_a_variable(degree):
    model, other = pyo.ConcreteModel(), pyo.ConcreteModel()
    model.b = pyo.Block([0, 1])
    other.x = pyo.Var(bounds=(0, 2))
    for i in (0, 1):
        model.b[i].x = pyo.Var(bounds=(0, 5))
    model.b[1].deactivate()
    model.o = pyo.Objective(expr=-(model.b[0].x ** degree) - model.b[1].x ** degree - other.x**degree)
    program = from_pyomo(model)
    assert program.upper.tolist() == [5, 5, 2]
    assert program.objective(np.array([5.0, 5.0, 2.0])) == -(2 * 5**degree + 2**degree)


def test_fixed_variables_keep_their_columns():
    m = pyo.ConcreteModel()
    m.x, m.y, m.z = pyo.Var(bounds=(0, 9)), pyo.Var(bounds=(0, 1)), pyo.Var(domain=pyo.Binary)
    m.y.fix(3)
    m.z.fix(0.9999999)
    m.plain = pyo.Constraint(expr=m.x + 2 * m.y + m.z <= 8)
    m.product = pyo.Constraint(expr=m.x * m.y + pyo.exp(m.y) * m.x + m.y <= 8)
    m.alone = pyo.Constraint(expr=m.y <= 4)
    m.decided = pyo.Constraint(expr=m.y * m.y <= 9)
    m.square = pyo.Constraint(expr=m.x**2 * m.y <= 8)
    p = from_pyomo(m)
    assert p.column_names == ("x", "y", "z")
    np.testing.assert_array_equal((p.lower, p.upper), [[0, 3, 1], [9, 3, 1]])
    assert p.integer[2]
    assert row(p, "plain") == (-INF, {"x": 1.0, "y": 2.0, "z": 1.0}, 8.0)
    assert row(p, "product") == (-INF, {"x": 3 + np.exp(3)}, 5.0)
    assert p.row_names == ("plain", "product", "alone")
    np.testing.assert_array_equal(curvature(p.quadratic.forms[0], 3), np.diag([3.0, 0, 0]))


def test_quadratic_rows_and_objective_are_merged():
    m = pyo.ConcreteModel()
    m.w = pyo.Var(pyo.RangeSet(0, 2))
    w = m.w
    m.q = pyo.Constraint(
        pyo.RangeSet(0, 1),
        rule=lambda m, i: (w[0] + 2 * w[1] - 1) ** 2 + w[0] * w[1] - w[2] <= 3 if i else w[0] <= 1,
    )
    m.o = pyo.Objective(expr=w[0] ** 2 + 3 * w[0] * w[1] + w[1] * w[0] - w[2] + 7, sense=pyo.maximize)
    p = from_pyomo(m)
    assert (p.row_names, quadratic_names(p)) == (("q[0]",), ["q[1]"])
    expected = np.array([[1, 2.5, 0], [2.5, 4, 0], [0, 0, 0]])
    np.testing.assert_array_equal(curvature(p.quadratic.forms[0], 3), expected)
    np.testing.assert_array_equal(p.quadratic.matrix.toarray(), [[-2, -4, -1]])
    np.testing.assert_array_equal((p.quadratic.lower, p.quadratic.upper), ([-INF], [2]))
    x = np.array([0.3, -1.2, 0.7])
    assert p.maximise
    assert p.objective(x) == pytest.approx(0.09 + 4 * 0.3 * -1.2 - 0.7 + 7, abs=1e-14)
    assert_same(from_pyomo(to_pyomo(p)), p)


def test_a_long_sum_of_squares_is_not_stored_densely():
    m = pyo.ConcreteModel()
    m.w = pyo.Var(pyo.RangeSet(0, 2999))
    m.ball = pyo.Constraint(expr=pyo.quicksum(v**2 for v in m.w.values()) + m.w[0] * m.w[7] <= 1)
    (forms,) = from_pyomo(m).quadratic.forms
    assert sum(f.matrix.size for f in forms) < 5000
    assert sum(float(f.matrix.sum()) for f in forms) == 3001


def test_sos_and_transformed_disjunctions():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(pyo.RangeSet(0, 2), bounds=(0, 5))
    m.s = pyo.SOSConstraint(var=m.x, sos=2)
    m.t = pyo.SOSConstraint(rule=lambda m: ([m.x[2], m.x[0]], [4, 1]), sos=1)
    m.d = gdp.Disjunct([0, 1])
    m.d[0].c = pyo.Constraint(expr=m.x[0] <= 1)
    m.d[1].c = pyo.Constraint(expr=m.x[0] >= 4)
    m.choice = gdp.Disjunction(expr=[m.d[0], m.d[1]])
    with pytest.raises(UnsupportedProgram, match=r"'(choice|d\[0\])' is a Disjunct.*gdp.bigm"):
        from_pyomo(m)
    pyo.TransformationFactory("gdp.bigm").apply_to(m, bigM=10)
    p = from_pyomo(m)
    assert [(s.name, s.kind, s.columns.tolist(), s.weights.tolist()) for s in p.sos] == [
        ("s", 2, [0, 1, 2], [1, 2, 3]),
        ("t", 1, [2, 0], [4, 1]),
    ]
    assert p.column_names[3:] == ("d[0].binary_indicator_var", "d[1].binary_indicator_var")
    assert p.binary.tolist() == [False] * 3 + [True] * 2
    assert p.m == 3
    assert any(row(p, n)[1:] == ({"x[0]": 1.0, "d[0].binary_indicator_var": 10.0}, 11.0) for n in p.row_names)


def test_load_sets_values_and_rounds_integers():
    m = pyo.ConcreteModel()
    m.x, m.k, m.f = pyo.Var(), pyo.Var(domain=pyo.Integers), pyo.Var()
    m.f.fix(2.5)
    reading = read_pyomo(m)
    reading.load([0.3, 3.9999999, 2.4999])
    assert (m.x.value, m.k.value, m.f.value) == (0.3, 4.0, 2.5)
    with pytest.raises(BadData, match="3 columns"):
        reading.load([1.0])


def nonlinear(m):
    m.bad = pyo.Constraint(expr=pyo.exp(m.x) <= 1)


def cubic(m):
    m.bad = pyo.Constraint([5], rule=lambda m, i: m.x**3 <= 1)


def curved_objective(m):
    m.bad = pyo.Objective(expr=pyo.sin(m.x))


def two_objectives(m):
    m.o, m.bad = pyo.Objective(expr=m.x), pyo.Objective(expr=-m.x)


def logic(m):
    m.y = pyo.BooleanVar()
    m.bad = pyo.LogicalConstraint(expr=m.y.implies(m.y))


def third_order_set(m):
    m.v = pyo.Var(pyo.RangeSet(0, 3))
    m.bad = pyo.SOSConstraint(var=m.v, sos=3)


def holes(m):
    m.bad = pyo.Var(domain=pyo.Set(initialize=[1, 3, 7]))


def steps(m):
    m.bad = pyo.Var(domain=pyo.RangeSet(0, 10, 2))


@pytest.mark.parametrize(
    "spoil", [nonlinear, cubic, curved_objective, two_objectives, logic, third_order_set, holes, steps]
)
def test_what_no_program_can_say_is_refused_by_name(spoil):
    m = pyo.ConcreteModel()
    m.x = pyo.Var()
    spoil(m)
    with pytest.raises(UnsupportedProgram, match="bad"):
        from_pyomo(m)


def test_bad_numbers_are_refused_by_name():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(2, 1))
    with pytest.raises(BadData, match="'x' has no value between its bounds"):
        from_pyomo(m)
    m.x.setlb(0)
    m.p = pyo.Param(mutable=True, within=pyo.Any, initialize=float("nan"))
    m.bad = pyo.Constraint(expr=m.p * m.x <= 1)
    with pytest.raises(BadData, match="constraint 'bad'"):
        from_pyomo(m)
    m.p = 1e400
    with pytest.raises(BadData, match="constraint 'bad'"):
        from_pyomo(m)
    m.p = 1.0
    m.x.fix(None)
    with pytest.raises(BadData, match="'x' is fixed at None"):
        from_pyomo(m)
    m.x.unfix()
    m.k = pyo.Var(domain=pyo.Binary)
    m.k.fix(0.5, skip_validation=True)
    with pytest.raises(BadData, match=r"'k' is fixed at 0\.5"):
        from_pyomo(m)
    m.k.unfix()
    m.false = pyo.Constraint(expr=m.x - m.x >= 1)
    with pytest.raises(ContradictoryRows, match="'false'"):
        from_pyomo(m)
    with pytest.raises(BadData, match="create_instance"):
        from_pyomo(pyo.AbstractModel())
    m.many = pyo.Block([1, 2])
    for wrong, kind in (([], "list"), (m.many, "IndexedBlock"), (m.x, "ScalarVar")):
        with pytest.raises(BadData, match=f"{kind} is not a Pyomo model"):
            from_pyomo(wrong)


# ------------------------------------------------------------- native solutions
def test_highs_solves_what_to_pyomo_writes():
    rng = np.random.default_rng(3)
    c, A = rng.normal(size=6), rng.normal(size=(4, 6))
    model = Builder()
    x = model.variable("x", 6, 0, 3, integer=True)
    y = model.variable("y", 6, -1, 2)
    model.add("rows", between(-4.0, A @ x + A @ y, 3.0))
    model.maximise(c @ x - c[::-1] @ y + 2.0)
    m = to_pyomo(model.freeze())
    expected = optimize.milp(
        np.concatenate([-c, c[::-1]]),
        constraints=optimize.LinearConstraint(np.hstack([A, A]), -4, 3),
        bounds=optimize.Bounds(np.repeat([0, -1], 6), np.repeat([3, 2], 6)),
        integrality=np.repeat([1, 0], 6),
    )
    assert solve(m, "highs").incumbent_objective == pytest.approx(2 - expected.fun, abs=1e-6)
    assert pyo.value(m.objective) == pytest.approx(2 - expected.fun, abs=1e-6)


def test_scip_solves_integers_quadratics_and_sets_natively():
    rng = np.random.default_rng(5)
    G = rng.normal(size=(4, 4))
    Q, c = G @ G.T, rng.normal(size=4) * 4
    model = Builder()
    x = model.variable("x", 4, 0, 2, integer=True)
    model.add("ball", model.quadratic(np.eye(4), x) <= 5.5)
    model.sos2("pair", x)
    model.minimise(model.quadratic(Q, x) + c @ x)
    m = to_pyomo(model.freeze())
    best = min(
        p @ Q @ p + c @ p
        for p in map(np.array, itertools.product(range(3), repeat=4))
        if p @ p <= 5.5 and len(np.flatnonzero(p)) <= 2 and np.ptp([*np.flatnonzero(p), np.argmax(p)]) <= 1
    )
    solve(m, "scip_direct")
    assert pyo.value(m.objective) == pytest.approx(best, abs=1e-5)


def test_scip_solves_cones_natively():
    model = Builder()
    w = model.variable("w", 2, 0, 1)
    t = model.variable("t", lower=0, upper=10)
    s = model.variable("s")
    L = np.array([[1.0, 0.5], [0.0, 2.0]])
    model.add("budget", w.sum() == 1)
    model.cone("norm", L.T @ w, t, 1)  # t >= |L'w|^2
    model.cone("ratio", np.array([[3.0]]) + 0.0 * s, s - 1, 2 * t - 1)  # (s - 1)(2 t - 1) >= 9
    model.minimise(t + 0.01 * s)
    program = model.freeze()
    m = to_pyomo(program)
    assert m.find_component("norm_t") is None
    assert list(m.ratio_t) == [0]
    assert str(m.ratio_t[0].expr) == "0.0  <=  s - 1.0"
    assert list(m.ratio_z) == [0]
    solve(m, "scip_direct")
    risk = optimize.minimize_scalar(
        lambda a: float(np.sum((L.T @ [a, 1 - a]) ** 2)), bounds=(0, 1), method="bounded"
    ).fun
    found = optimize.minimize_scalar(
        lambda v: v + 0.01 * (1 + 9 / (2 * v - 1)), bounds=(max(risk, 0.5 + 1e-9), 10), method="bounded"
    ).fun
    assert pyo.value(m.objective) == pytest.approx(found, abs=1e-4)
    point = [m.w[0].value, m.w[1].value, m.t.value, m.s.value]
    assert program.cones.violation(np.array(point)).max() < 1e-5


def test_plain_cones_are_plain_quadratic_rows():
    model = Builder()
    y = model.variable("y", (2, 2))
    t = model.variable("t", 2, lower=0)
    z = model.variable("z", 2, lower=[0, -1])
    model.cone("k", y, t, z)
    m = to_pyomo(model.freeze())
    assert list(m.k_z) == [1]
    assert m.find_component("k_t") is None
    p = from_pyomo(m)
    np.testing.assert_array_equal(
        curvature(p.quadratic.forms[0], p.n)[np.ix_([0, 1, 4, 6], [0, 1, 4, 6])],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -0.5], [0, 0, -0.5, 0]],
    )
    constant = Builder()
    v = constant.variable("v", 1)
    constant.cone("never", v, -1.0)
    with pytest.raises(ContradictoryRows, match="never"):
        to_pyomo(constant.freeze())


def test_what_pyomo_cannot_hold_is_refused():
    model = Builder()
    x, b = model.variable("x", 2, 0, 1), model.variable("b", binary=True)
    model.indicator("when", b, x <= 0.5)
    with pytest.raises(UnsupportedProgram, match=r"'when'.*SCIP"):
        to_pyomo(model.freeze())
    kept = Builder()
    kept.variable("name")
    with pytest.raises(BadData, match="'name' is kept by Pyomo"):
        to_pyomo(kept.freeze())
    taken = Builder()
    taken.variable("objective", upper=1)
    assert to_pyomo(taken.freeze()).find_component("objective_") is not None


# ---------------------------------------------------------------- formulations
def either(model, name, binary, body, upper):
    """Big-M rows: body <= upper wherever the binary is one."""
    body = model.lift(body) if hasattr(model, "lift") else body
    binary = model.lift(binary) if hasattr(model, "lift") else binary
    M = model.bounds(body).upper - upper
    slack = model.variable(f"{name}_slack", body.shape, lower=0, upper=np.maximum(M, 0.0))
    model.add(f"{name}_row", body - slack <= upper)
    model.add(f"{name}_off", slack + M * binary <= M)
    return slack


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_an_attached_formulation_is_the_plain_one_to_the_bit(shape):
    rng = np.random.default_rng(7)
    size = int(np.prod(shape))
    low, high = -rng.random(size) / 3, rng.random(size) / 7 + 0.1
    slope, shift = rng.normal(size=shape) / 3, rng.normal(size=shape) / 7
    upper = rng.random(shape) / 11

    plain = Builder()
    x = plain.variable("x", shape, low.reshape(shape), high.reshape(shape))
    b = plain.variable("b", shape, binary=True)
    either(plain, "e", b, x * slope + shift + x / 3, upper)
    expected = plain.freeze()

    m = pyo.ConcreteModel()
    sets = [pyo.RangeSet(0, n - 1) for n in shape]
    m.x, m.b = pyo.Var(*sets), pyo.Var(*[pyo.RangeSet(0, n - 1) for n in shape], domain=pyo.Binary)
    for v, a, z in zip(m.x.values(), low.tolist(), high.tolist(), strict=True):
        v.setlb(a)
        v.setub(z)
    with attach_pyomo(m) as model:
        # arithmetic on the Pyomo side, coefficient for coefficient that of the plain side
        body = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            v = m.x[index] if shape else m.x
            body[index] = float(slope[index] if shape else slope) * v + float(
                shift[index] if shape else shift
            )
        third = model.lift(m.x) / 3
        native = model.lift(body) + third
        model.lift(m.b)
        either(model, "e", m.b, native, upper)
    found = from_pyomo(m)
    assert_same_but_name(found, expected)
    assert m.find_component("e_row") is m.e_row
    assert m.e_row.ctype is pyo.Constraint
    last = tuple(n - 1 for n in shape)
    assert m.find_component(f"e_slack[{','.join(map(str, last))}]" if shape else "e_slack").ctype is pyo.Var
    again = from_pyomo(to_pyomo(expected))
    np.testing.assert_array_equal(again.A.toarray(), found.A.toarray())


def assert_same_but_name(a, b):
    object.__setattr__(a, "name", b.name)
    assert_same(a, b)


def test_every_kind_of_row_is_written_back():
    m = pyo.ConcreteModel()
    m.x = pyo.Var([1, 2], bounds=(0, 2))
    m.part = pyo.Block()
    with attach_pyomo(m.part) as model:
        x = model.lift(m.x)
        y = model.variable("y", 2, 0, 1)
        z = model.variable("z", binary=True)
        model.add("linear", y <= x * z.constant + x)
        model.add("curve", model.quadratic([[2, 1], [1, 3]], x - y) <= z)
        model.cone("cone", y, x[0], x[1])
        model.sos1("set", y)
        with pytest.raises(BadData, match="'y\\[0\\]' is not native yet"):
            model.native(y)
    assert {c.local_name for c in m.part.component_objects()} == {"y", "z", "linear", "curve", "cone", "set"}
    assert str(m.part.cone.expr) == "part.y[0]**2 + part.y[1]**2 - x[1]*x[2]  <=  0.0"
    p = from_pyomo(m)
    at = np.array([0.25, 1.5, 0.5, 1.0, 1.0])  # x, y, z
    d = at[:2] - at[2:4]
    assert p.quadratic.value(at)[0] == pytest.approx(d @ [[2, 1], [1, 3]] @ d - 1.0)
    native = model.native(y * 2 - x)
    assert [str(e) for e in native] == ["- x[1] + 2.0*part.y[0]", "- x[2] + 2.0*part.y[1]"]
    assert model.native(y)[1] is m.part.y[1]
    assert model.native(y.sum() * 0 + 2.5) == 2.5
    for v, value in zip([m.x[1], m.x[2], *m.part.y.values(), m.part.z], at, strict=True):
        v.value = value
    assert pyo.value(model.native(model.quadratic(np.eye(2), y) + z)) == pytest.approx(2.25)
    # more can be added later, and only that is written
    model.add("later", y.sum() <= 1.5)
    model.write_back()
    assert m.part.later.upper == 1.5


def test_lift_reads_shapes_and_values():
    m = pyo.ConcreteModel()
    m.W = pyo.Var(["a", "b"], pyo.RangeSet(1, 3), bounds=(0, 1))
    m.arcs = pyo.Set(initialize=[(1, 2), (2, 3), (5, 1)])
    m.flow = pyo.Var(m.arcs, bounds=(0, 9))
    m.p = pyo.Param(pyo.RangeSet(1, 3), mutable=True, initialize=2.0, within=pyo.Reals)
    m.cost = pyo.Expression(pyo.RangeSet(1, 3), rule=lambda m, t: m.W["a", t] * m.p[t] + 1)
    m.s = pyo.Var(bounds=(-1, 1))
    model = attach_pyomo(m)
    W = model.lift(m.W)
    assert W.shape == (2, 3)
    assert model.freeze().column_names[:4] == ("W[a,1]", "W[a,2]", "W[a,3]", "W[b,1]")
    assert model.lift(m.flow).shape == (3,)
    assert model.lift(m.s).shape == ()
    assert model.lift(m.W["a", :]).shape == (3,)
    x = np.arange(1.0, 11.0)  # W: 1..6, flow: 7..9, s: 10
    np.testing.assert_array_equal(model.lift(m.cost).value(x), [3, 5, 7])
    np.testing.assert_array_equal(
        model.lift([[m.s, 1], [2 * m.s - m.p[1], m.flow[1, 2]]]).value(x), [[10, 1], [18, 7]]
    )
    np.testing.assert_array_equal(model.lift([m.cost, W[1]]).value(x), [[3, 5, 7], [4, 5, 6]])
    np.testing.assert_array_equal(model.lift([[W[1, 0], m.s], [1, W[0, 0]]]).value(x), [[4, 10], [1, 1]])
    np.testing.assert_array_equal(model.lift(m.p).constant, [2, 2, 2])
    np.testing.assert_array_equal(model.lift(np.eye(2)).constant, np.eye(2))
    nested = sum(sum(m.W[i, t] - m.p[t] for t in (1, 2)) / 2 for i in ("a", "b")) + m.W["a", 1]
    assert model.lift(nested).value(x) == (1 + 2 + 4 + 5) / 2 - 4 + 1
    m.p[2] = 7.0
    assert model.lift(m.cost[2]).value(x) == 2 * 7 + 1
    assert model.n == 10
    assert model.lift(W) is W


def test_bounds_are_what_the_model_says_of_the_variables():
    m = pyo.ConcreteModel()
    m.x, m.y, m.z = pyo.Var(), pyo.Var(domain=pyo.Integers, bounds=(-10.5, None)), pyo.Var(bounds=(0, 1))
    m.k = pyo.Var(domain=pyo.Binary)
    m.part = pyo.Block()
    m.c1, m.c2 = pyo.Constraint(expr=m.x <= 5), pyo.Constraint(expr=-3 * m.x + 1 <= 2)
    m.c3, m.c4 = pyo.Constraint(expr=2 * m.y <= 7), pyo.Constraint(expr=m.x <= 1)
    m.c5 = pyo.Constraint(expr=m.x + m.z <= 0)
    m.c4.deactivate()
    m.k.fix(1)
    with attach_pyomo(m.part) as model:
        low, high = model.bounds(model.lift(m.x))
        assert high == 5.0
        assert low <= -1 / 3
        assert low == np.nextafter(-1 / 3, -1) or low == -1 / 3
        assert model.bounds(model.lift(m.y)) == (-10.0, 3.0)
        assert model.bounds(model.lift(m.k)) == (1.0, 1.0)
        assert model.bounds(model.lift(m.k * m.z + m.k)) == (1.0, 2.0)
        assert model.freeze().column_names == ("x", "y", "k", "z")
        m.c6 = pyo.Constraint(expr=m.z >= 2)
        with pytest.raises(BadData, match="'z' has no value between its bounds and constraints"):
            attach_pyomo(m).lift(m.z)
        m.free = pyo.Var()
        with pytest.raises(UnboundedExpression, match="free"):
            model.bounds(model.lift(2 * m.free - m.x))


def test_an_exception_leaves_the_block_untouched():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))

    def fails():
        with attach_pyomo(m) as model:
            v = model.variable("v", 3, 0, 1)
            model.add("r", v <= model.lift(m.x))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        fails()
    assert [c.name for c in m.component_objects()] == ["x"]


def test_a_name_in_use_is_refused_and_nothing_is_written():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.r = pyo.Param(initialize=1)
    model = attach_pyomo(m)
    v = model.variable("v", 3, 0, 1)
    model.add("r", v <= model.lift(m.x))
    with pytest.raises(BadData, match="'r' is taken"):
        model.write_back()
    assert [c.name for c in m.component_objects()] == ["x", "r"]
    with pytest.raises(BadData, match="not native yet"):
        model.native(v)
    with pytest.raises(BadData, match="'x'"):
        model.variable("x")


def test_indicators_cannot_be_written_back():
    m = pyo.ConcreteModel()
    m.b = pyo.Var(domain=pyo.Binary)
    model = attach_pyomo(m)
    v = model.variable("v", lower=0, upper=1)
    model.indicator("i", model.lift(m.b), v <= 0)
    with pytest.raises(UnsupportedProgram, match="'i'"):
        model.write_back()
    assert m.find_component("v") is None


def test_what_cannot_be_lifted_is_named():
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    m.p = pyo.Param(mutable=True, within=pyo.Reals)
    m.f = pyo.BooleanVar()
    model = attach_pyomo(m)
    with pytest.raises(BadData, match=r"'x\*y' is not affine"):
        model.lift(m.x * m.y)
    with pytest.raises(BadData, match=r"exp\(x\)"):
        model.lift([m.x, pyo.exp(m.x)])
    with pytest.raises(BadData, match=r"'p\*x' cannot be read"):
        model.lift(m.p * m.x)
    for wrong in (m.x <= 1, m.f, "x", None):
        with pytest.raises(BadData, match="not a number, a Pyomo expression"):
            model.lift(wrong)
    with pytest.raises(BadData, match="NaN"):
        model.lift([m.x, float("nan")])
    with pytest.raises(BadData, match="shapes"):
        model.lift([[m.x, 1], [2]])
    with pytest.raises(BadData, match="objective belongs"):
        model.minimise(model.lift(m.x))
    with pytest.raises(BadData, match="objective belongs"):
        model.maximise(model.lift(m.x))
    with pytest.raises(BadData, match="not one Pyomo block"):
        attach_pyomo(pyo.Var())
    m.many = pyo.Block([1, 2])
    with pytest.raises(BadData, match="not one Pyomo block"):
        attach_pyomo(m.many)


def test_a_formulation_in_a_users_model_is_solved_natively():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(pyo.RangeSet(0, 3), bounds=(-1, 1))
    m.on = pyo.Var(pyo.RangeSet(0, 3), domain=pyo.Binary)
    m.most = pyo.Constraint(expr=sum(m.on.values()) >= 3)
    with attach_pyomo(m) as model:
        slack = either(model, "cut", m.on, m.x, np.array([-0.5, 0.0, -1.0, 0.25]))
    m.gain = pyo.Objective(expr=sum(m.x.values()) - 0.0 * model.native(slack.sum()), sense=pyo.maximize)
    solve(m, "highs")
    assert pyo.value(m.gain) == pytest.approx(1 - 0.5 + 0.0 + 0.25, abs=1e-6)


def test_sparse_columns_stay_sparse():
    model = Builder()
    x = model.variable("x", 2000, 0, 1)
    model.add("chain", x[1:] - x[:-1] <= 0.1)
    program = model.freeze()
    back = from_pyomo(to_pyomo(program))
    assert back.A.nnz == program.A.nnz == 2 * 1999
    assert sparse.linalg.norm(back.A - program.A) == 0


def test_a_component_indexed_by_python_ranges_has_their_shape():
    m = pyo.ConcreteModel()
    m.W = pyo.Var(range(2), range(3), bounds=(0, 1))
    model = attach_pyomo(m)
    assert model.lift(m.W).shape == (2, 3)
    assert [model.column_name(j) for j in range(6)] == [f"W[{i},{t}]" for i in range(2) for t in range(3)]


@pytest.mark.parametrize(
    ("body", "cure"),
    [
        (abs, r"constraint 'c' holds abs\(\): write it with proofolio\.absolute"),
        (pyo.exp, r"constraint 'c' holds exp\(\): approximate it with proofolio\.piecewise_linear_of"),
        (lambda x: x**3, r"constraint 'c' holds the power 'x\*\*3': approximate it"),
        (lambda x: 1 / (x + 2), r"constraint 'c' divides by a variable, as gdp\.hull does"),
        (lambda x: x * x * x, r"constraint 'c' is neither affine nor quadratic: multiply no more than two"),
    ],
)
def test_a_row_that_cannot_be_read_names_a_cure(body, cure):
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(-1, 1))
    m.c = pyo.Constraint(expr=body(m.x) <= 1)
    with pytest.raises(UnsupportedProgram, match=cure):
        read_pyomo(m)


def test_the_hull_of_quadratic_rows_names_a_cure():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(-1, 1))
    m.d = gdp.Disjunction(expr=[[m.x**2 <= 0.25], [m.x >= 0.7]])
    pyo.TransformationFactory("gdp.hull").apply_to(m)
    with pytest.raises(UnsupportedProgram, match=r"transform such a disjunction with gdp\.bigm"):
        read_pyomo(m)


def test_a_constant_is_taken_from_a_side_as_decimals_are():
    """x + 0.1 <= 0.3 is x <= 0.2, and not the 0.19999999999999998 of floating point."""
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0.2, 5))
    model.c = pyo.Constraint(expr=2 * model.x + 0.1 <= 0.5)
    model.o = pyo.Objective(expr=model.x)
    assert from_pyomo(model).row_upper.tolist() == [0.4]
