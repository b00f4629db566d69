import itertools

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from proofolio.errors import BadData, ContradictoryRows, UnboundedExpression, UnsupportedProgram
from proofolio.interfaces.cvxpy.attaching import CvxpyModel, attach_cvxpy
from proofolio.interfaces.cvxpy.reading import from_cvxpy, read_cvxpy
from proofolio.interfaces.cvxpy.writing import to_cvxpy
from proofolio.program.builder import Builder
from proofolio.program.expression import between, stack
from proofolio.program.program import Program
from proofolio.program.quadratic import gathered_forms

SHAPES = [(), (4,), (2, 3), (3, 1), (2, 2, 2)]


def milp_optimum(program: Program) -> float:
    found = milp(
        program.q,
        integrality=program.integer,
        bounds=Bounds(program.lower, program.upper),
        constraints=LinearConstraint(program.A.toarray(), program.row_lower, program.row_upper)
        if program.m
        else (),
    )
    assert found.success
    return program.objective(found.x)


def named_rows(program: Program) -> dict[str, tuple[dict[str, float], float, float]]:
    names = program.column_names
    A = program.A.tocsr()
    found = {}
    for k, row in enumerate(program.row_names):
        part = slice(A.indptr[k], A.indptr[k + 1])
        terms = {names[j]: v for j, v in zip(A.indices[part], A.data[part], strict=True)}
        found[row] = (terms, program.row_lower[k], program.row_upper[k])
    return found


def random_model(seed: int, quadratic: bool = False, maximise: bool = False) -> Builder:
    rng = np.random.default_rng(seed)
    model = Builder()
    x = model.variable("x", (2, 3), lower=-2, upper=rng.uniform(0.5, 3, (2, 3)))
    free = model.variable("free", 2, lower=[-5, -np.inf], upper=[np.inf, 4])
    z = model.variable("z", 3, binary=True)
    n = model.variable("n", lower=-3, upper=5, integer=True)
    s = model.variable("s", (2, 1, 2), lower=-1, upper=1)
    G = rng.normal(size=(3, 2))
    model.add("cover", x @ G <= 1.5)
    model.add("switch", between(-3.1, x[0] - 2.5 * z + n, 4.7))
    model.add("budget", x.sum() + free.sum() == 1.25)
    model.add("mixed", s.sum(0) + free * np.array([1, 0.3]) >= [[-2, -1]])
    model.add("partly", np.array([[1, 0], [2, 1.0]]) * (x[:, :2] + free) <= 2.2)
    cost = (rng.normal(size=(2, 3)) * x).sum() + 0.3 * n - z.sum() * 0.2 + 0.1 * s.sum() + 2.5
    if quadratic:
        H = rng.normal(size=(3, 3))
        cost = cost * 0.3 + model.quadratic(H @ H.T + np.eye(3), x[1]) * (-1.0 if maximise else 1.0)
        cost = cost + model.quadratic(np.eye(2), free) * (-0.5 if maximise else 0.5)
        model.add("ball", model.quadratic(np.diag([1, 2.0, 0.5]), x) + free <= [4.5, 5])
        model.cone("risk", x, free + 6.0, n + 4.0)
        model.cone("norm", s, 1.5 + n * 0.1, 1.5 + n * 0.1)
    (model.maximise if maximise else model.minimise)(cost)
    return model


def by_names(program: Program, names: list[str]) -> np.ndarray:
    return np.array([program.column_names.index(n) for n in names])


# ------------------------------------------------------------ programs out and back
@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_program_survives_cvxpy_to_the_bit(seed, maximise):
    program = random_model(seed, quadratic=True, maximise=maximise).freeze()
    problem = to_cvxpy(program)
    again = from_cvxpy(problem)
    order = by_names(again, list(program.column_names))
    assert sorted(again.column_names) == sorted(program.column_names)
    assert again.maximise == maximise
    np.testing.assert_array_equal(again.lower[order], program.lower)
    np.testing.assert_array_equal(again.upper[order], program.upper)
    np.testing.assert_array_equal(again.integer[order], program.integer)
    np.testing.assert_array_equal(again.q[order], program.q)
    assert again.c == program.c
    np.testing.assert_allclose(again.P.toarray()[np.ix_(order, order)], program.P.toarray(), rtol=1e-15)
    before, after = named_rows(program), named_rows(again)
    partly = [name for name in before if name.startswith("partly")]
    for k, name in enumerate(partly):  # a block with gaps comes back without them
        after[name] = after[f"partly[{k}]"]
    for name, (terms, low, high) in before.items():
        ranged = name.startswith("switch")
        names = [name.replace("switch", f"switch_{kind}") for kind in ("le", "ge")] if ranged else [name]
        sides = [after[k] for k in names]
        assert all(found[0] == terms for found in sides)
        assert (max(s[1] for s in sides), min(s[2] for s in sides)) == (low, high)
    for k, (forms, high) in enumerate(zip(program.quadratic.forms, program.quadratic.upper, strict=True)):
        Q = gathered_forms(again.quadratic.forms[k], again.n).toarray()
        np.testing.assert_array_equal(Q[np.ix_(order, order)], gathered_forms(forms, program.n).toarray())
        assert again.quadratic.upper[k] == high
    np.testing.assert_array_equal(again.cones.matrix.toarray()[:, order], program.cones.matrix.toarray())
    np.testing.assert_array_equal(again.cones.constant, program.cones.constant)


@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_native_linear_solves_agree_with_scipy(seed, maximise):
    program = random_model(seed, maximise=maximise).freeze()
    truth = milp_optimum(program)
    problem = to_cvxpy(program)
    for solver in (cp.HIGHS, cp.SCIP):
        problem.solve(solver, canon_backend=cp.SCIPY_CANON_BACKEND)
        assert problem.value == pytest.approx(truth, abs=1e-5)
    x = np.concatenate([np.ravel(problem.var_dict[b.name].value) for b in program.variables])
    assert program.objective(x) == pytest.approx(truth, abs=1e-5)
    assert np.all(program.A @ x <= program.row_upper + 1e-5)
    assert milp_optimum(from_cvxpy(problem)) == pytest.approx(truth, abs=1e-7)


def test_native_quadratic_solves_agree_with_enumeration():
    program = random_model(1, quadratic=True).freeze()
    program.upper[program.columns("n")] = -2  # fewer cases to go through
    problem = to_cvxpy(program)
    problem.solve(cp.SCIP, canon_backend=cp.SCIPY_CANON_BACKEND)
    z, n = problem.var_dict["z"], problem.var_dict["n"]
    best = np.inf
    for choice in itertools.product([0, 1], repeat=3):
        for whole in (-3, -2):
            fixed = cp.Problem(problem.objective, [*problem.constraints, z == np.array(choice), n == whole])
            relaxed = to_cvxpy(_without_integers(from_cvxpy(fixed)))
            relaxed.solve(cp.CLARABEL, canon_backend=cp.SCIPY_CANON_BACKEND)
            if relaxed.status in ("optimal", "optimal_inaccurate"):
                best = min(best, relaxed.value)
    assert problem.value == pytest.approx(best, abs=1e-4)


def _without_integers(program: Program) -> Program:
    program.integer[:] = False
    return program


def test_a_variable_no_row_uses_is_still_in_the_problem():
    model = Builder()
    model.variable("idle", (2, 2), lower=1, upper=2)
    model.minimise(model.variable("x", lower=3))
    problem = to_cvxpy(model.freeze())
    problem.solve(cp.HIGHS, canon_backend=cp.SCIPY_CANON_BACKEND)
    assert problem.value == pytest.approx(3)
    assert problem.var_dict["idle"].shape == (2, 2)


def test_integrality_may_differ_inside_a_block():
    x = cp.Variable((2, 2), name="x", bounds=[0, 2.5], integer=((0, 1), (1, 0)), boolean=((1,), (1,)))
    problem = cp.Problem(cp.Maximize(cp.sum(x)))
    program = from_cvxpy(problem)
    assert program.integer.tolist() == [False, True, True, True]
    assert program.upper.tolist() == [2.5, 2, 2, 1]
    native = to_cvxpy(program)
    native.solve(cp.HIGHS, canon_backend=cp.SCIPY_CANON_BACKEND)
    assert native.value == pytest.approx(7.5)
    assert from_cvxpy(native).integer.tolist() == [False, True, True, True]


def test_what_cvxpy_cannot_express_is_named_with_who_can():
    model = Builder()
    x, z = model.variable("x", 2, lower=-1, upper=1), model.variable("z", binary=True)
    model.minimise(model.quadratic([[1, 0], [0, -1]], x))
    with pytest.raises(UnsupportedProgram, match=r"nonconvex objective.*scip"):
        to_cvxpy(model.freeze())
    model.minimise(x.sum())
    model.add("hollow", model.quadratic(np.eye(2), x) >= 1)
    with pytest.raises(UnsupportedProgram, match=r"nonconvex quadratic row 'hollow'.*scip"):
        to_cvxpy(model.freeze())
    model = Builder()
    x, z = model.variable("x", 2, lower=-1, upper=1), model.variable("z", binary=True)
    model.indicator("when", z, x <= 0)
    with pytest.raises(UnsupportedProgram, match=r"indicator 'when'.*scip"):
        to_cvxpy(model.freeze())
    model = Builder()
    model.sos1("one", model.variable("x", 2))
    with pytest.raises(UnsupportedProgram, match=r"special ordered set 'one'.*scip"):
        to_cvxpy(model.freeze())


# ----------------------------------------------------------------- reading problems
def test_affine_constraints_come_through_one_to_one():
    x = cp.Variable((2, 3), name="x")
    y = cp.Variable(name="y", nonneg=True)
    gamma = cp.Parameter(value=0.1)
    M = np.arange(6).reshape(2, 3) + 0.1
    problem = cp.Problem(
        cp.Minimize(cp.sum(x) + gamma * y),
        [x <= M + 3 * y, x[0] >= 2, cp.multiply(M, x).T @ np.array([1, 0.3]) == gamma, y <= 7],
    )
    program = from_cvxpy(problem)
    assert program.column_names[:4] == ("x[0,0]", "x[0,1]", "x[0,2]", "x[1,0]")
    rows = named_rows(program)
    assert rows["constraint0[1,2]"] == ({"x[1,2]": 1.0, "y": -3.0}, -np.inf, 5.1)
    assert rows["constraint2[1]"] == ({"x[0,1]": 1.1, "x[1,1]": 1.23}, 0.1, 0.1)
    # bounds posted as constraints are bounds
    assert not [r for r in rows if r.startswith(("constraint1", "constraint3"))]
    assert program.lower.tolist() == [2, 2, 2, -np.inf, -np.inf, -np.inf, 0]
    assert program.upper[program.columns("y")] == 7
    assert program.q.tolist() == [1, 1, 1, 1, 1, 1, 0.1]


def test_single_entry_rows_become_bounds_only_when_exact_and_possible():
    x = cp.Variable(4, name="x", integer=True)
    y = cp.Variable(2, name="y")
    problem = cp.Problem(
        cp.Minimize(0),
        [2 * x[0] >= 3, x[1] >= 5, x[1] <= 4, 3 * y[0] <= 1, -4 * y[1] <= 2, x[2] == 0.5, x[3] == 2],
    )
    program = from_cvxpy(problem)
    assert program.lower.tolist() == [2, -np.inf, -np.inf, 2, -np.inf, -0.5]
    assert program.upper.tolist() == [np.inf, np.inf, np.inf, 2, np.inf, np.inf]
    assert program.row_names == ("constraint1", "constraint2", "constraint3", "constraint5")


def test_column_major_traps():
    x = cp.Variable((2, 3), name="x")
    v = np.arange(6.0)
    cases = {
        "transpose": (x.T, lambda a: a.T),
        "c": (cp.reshape(x, (3, 2), order="C"), lambda a: a.reshape(3, 2)),
        "f": (cp.reshape(x, (3, 2), order="F"), lambda a: a.reshape((3, 2), order="F")),
        "vec": (cp.vec(x, order="F"), lambda a: a.ravel(order="F")),
        "hstack": (cp.hstack([x, 2 * x[:, :1]]), lambda a: np.hstack([a, 2 * a[:, :1]])),
        "kron": (cp.kron(np.array([[1, 2.0]]), x), lambda a: np.kron([[1, 2.0]], a)),
        "cumsum": (cp.cumsum(x, axis=1), lambda a: a.cumsum(axis=1)),
        "flat cumsum": (cp.cumsum(x, axis=None), lambda a: a.cumsum()),
        "fancy": (x[[1, 0, 1]], lambda a: a[[1, 0, 1]]),
        "mask": (x[np.array([[True, False, True], [False, True, True]])], None),
        "trace": (cp.trace(x @ np.ones((3, 2))), lambda a: np.trace(a @ np.ones((3, 2)))),
        "diff": (cp.diff(x, axis=1), lambda a: np.diff(a, axis=1)),
        "power": (x**1, lambda a: a),
    }
    for name, (expression, rule) in cases.items():
        model = attach_cvxpy()
        lifted = model.lift(expression)
        x.value = v.reshape(2, 3)
        assert lifted.shape == expression.shape, name
        np.testing.assert_allclose(lifted.value(v), expression.value, err_msg=name)
        if rule:
            np.testing.assert_allclose(lifted.value(v), rule(x.value), err_msg=name)
        back = model.native(lifted)
        assert back.shape == expression.shape, name
        np.testing.assert_allclose(back.value, expression.value, err_msg=name)


@pytest.mark.parametrize("solver", [cp.SCIP, cp.CLARABEL])
def test_quadratic_parts_are_read_natively(solver):
    rng = np.random.default_rng(3)
    x, t = cp.Variable((2, 3), name="x"), cp.Variable(name="t")
    F, b, P = rng.normal(size=(5, 3)), rng.normal(size=5), np.array([[2, 0.5], [0.5, 1]])
    problem = cp.Problem(
        cp.Minimize(
            cp.sum_squares(F @ x[0] - b) + 0.5 * cp.quad_form(x[:, 1] - 1, P) + cp.sum(cp.square(x)) / 3 - t
            + cp.quad_over_lin(x[1], 2.0) + cp.sum(cp.quad_over_lin(x, 4.0, axis=1))
        ),
        [cp.square(x) <= 4, cp.sum_squares(x[1] - 0.3) + t <= 2, 3 >= cp.quad_form(x[:, 0], P), t <= 5],
    )  # fmt: skip
    reading = read_cvxpy(problem)
    program = reading.program
    assert program.n == 7  # no auxiliary columns
    assert len(program.cones) == 0
    assert len(program.quadratic) == 6 + 1 + 1
    point = rng.normal(size=7)
    reading.load(point)
    assert program.objective(point) == pytest.approx(problem.objective.value)
    curved = [problem.constraints[k].args[0].value for k in (1, 2)]
    wanted = [*np.ravel(x.value**2) - 4, curved[0] - 2, curved[1] - 3]
    np.testing.assert_allclose(program.quadratic.value(point) - program.quadratic.upper, wanted)
    problem.solve(solver, canon_backend=cp.SCIPY_CANON_BACKEND)
    truth = problem.value
    native = to_cvxpy(program)
    native.solve(solver, canon_backend=cp.SCIPY_CANON_BACKEND)
    assert native.value == pytest.approx(truth, abs=1e-4)


def test_other_convex_atoms_bring_auxiliary_columns_and_the_same_optimum():
    rng = np.random.default_rng(5)
    x, y = cp.Variable(4, name="x", bounds=[-1, 2]), cp.Variable(name="y")
    pieces = [
        cp.norm1(x - 0.5),
        cp.max(x),
        2 * cp.norm(x, 2),
        cp.huber(x[0]),
        cp.quad_over_lin(x, y) - 0.1 * y,
        cp.pos(x[1] - 1),
        cp.norm_inf(x),
        cp.max(cp.hstack([cp.sum_squares(x), y])),
    ]
    constraints = [
        cp.norm(rng.normal(size=(3, 4)) @ x + 1, 2) <= y,
        cp.abs(x) <= 1.7,
        y <= 6,
        cp.SOC(y + 1, x[:2]),
        cp.SOC(cp.hstack([y, 3]), cp.reshape(x, (2, 2), order="F"), axis=1),
    ]
    problem = cp.Problem(cp.Minimize(sum(pieces)), constraints)
    problem.solve(cp.CLARABEL, canon_backend=cp.SCIPY_CANON_BACKEND)
    program = from_cvxpy(problem)
    assert any(name.startswith("aux") for name in program.column_names)
    native = to_cvxpy(program)
    native.solve(cp.CLARABEL, canon_backend=cp.SCIPY_CANON_BACKEND)
    assert native.value == pytest.approx(problem.value, abs=1e-5)
    point = np.zeros(program.n)
    for block in program.variables:
        point[block.columns()] = native.var_dict[block.name].value
    assert program.cones.violation(point).max() < 1e-5
    assert program.objective(point) == pytest.approx(problem.value, abs=1e-5)


def test_a_second_order_cone_is_read_as_a_rotated_one():
    x, t, z = cp.Variable(3, name="x"), cp.Variable(name="t"), cp.Variable(name="z")
    program = from_cvxpy(cp.Problem(cp.Minimize(t), [cp.SOC(t + 1, 2 * x), cp.quad_over_lin(x, z) <= t]))
    cone = program.cones.matrix.toarray()[:5]
    np.testing.assert_array_equal(cone[0], cone[1])
    assert program.cones.constant[:2].tolist() == [1, 1]
    inside = dict.fromkeys(program.column_names, 0.0) | {"t": 1.0, "z": 2.0, "x[0]": 1.0, "aux0[0]": 0.5}
    np.testing.assert_allclose(program.cones.violation(program.point(inside)), [0.0, 0.0])
    assert program.cones.constant[5:].tolist() == [0] * 5  # sum x^2 <= z aux0, not its disguise
    assert np.count_nonzero(program.cones.matrix.toarray()[5:7]) == 2


@pytest.mark.filterwarnings("ignore::FutureWarning")  # CVXPY's own solve
def test_finite_sets_symmetric_and_sparse_variables():
    x = cp.Variable(2, name="x")
    S = cp.Variable((2, 2), name="S", symmetric=True)
    D = cp.Variable((2, 2), name="D", diag=True)
    problem = cp.Problem(
        cp.Minimize(cp.sum(cp.square(x - 1.4)) - S[0, 1] - cp.trace(D)),
        [cp.constraints.FiniteSet(x, [0, 1, 3]), S <= 4, S[1, 0] <= 3, cp.sum(D) <= 2],
    )
    problem.solve(cp.SCIP, canon_backend=cp.SCIPY_CANON_BACKEND)
    program = from_cvxpy(problem)
    native = to_cvxpy(program)
    native.solve(cp.SCIP, canon_backend=cp.SCIPY_CANON_BACKEND)
    assert native.value == pytest.approx(problem.value, abs=1e-5)
    assert "S_symmetric" in program.row_names[-1]
    assert program.upper[program.columns("D")].tolist() == [[np.inf, 0], [0, np.inf]]


def test_names_are_stable_and_unique():
    def build():
        a, b, c = cp.Variable(2), cp.Variable(name="w"), cp.Variable(name="w")
        k = cp.Variable(name="constraint0")
        return cp.Problem(
            cp.Minimize(cp.sum(a) + b + c), [a >= b, (c + k >= b).set_label("mine"), c + b >= 0]
        )

    first, second = from_cvxpy(build()), from_cvxpy(build())
    assert first.column_names == second.column_names == ("var0[0]", "var0[1]", "w", "w_2", "constraint0")
    assert first.row_names == ("constraint0_2[0]", "constraint0_2[1]", "mine", "constraint2")


def test_load_sets_the_users_variables():
    x, n = cp.Variable((2, 2), name="x"), cp.Variable(integer=True)
    problem = cp.Problem(cp.Minimize(cp.norm1(x) + n), [n >= 2])
    reading = read_cvxpy(problem)
    reading.load(np.arange(reading.program.n, dtype=float))
    np.testing.assert_array_equal(x.value, [[0, 1], [2, 3]])
    assert n.value == reading.program.columns("var1")
    with pytest.raises(BadData, match="columns"):
        reading.load(np.zeros(2))


def test_problems_that_cannot_be_read_are_named():
    x, y = cp.Variable(2, name="x"), cp.Variable(name="y")
    X = cp.Variable((2, 2), PSD=True, name="X")
    cases = [
        (cp.Problem(cp.Minimize(y), [cp.sum(cp.exp(x)) <= 3]), "constraint0: exp.*ExpCone"),
        (cp.Problem(cp.Maximize(cp.sum(cp.log(x)))), "objective: log.*ExpCone"),
        (cp.Problem(cp.Minimize(cp.trace(X))), "'X' is PSD"),
        (cp.Problem(cp.Minimize(y), [cp.bmat([[y, 1], [1, y]]) >> 0]), "constraint0.*PSD"),
        (
            cp.Problem(cp.Minimize(y), [cp.constraints.PowCone3D(x[0], x[1], y, 0.3)]),
            "constraint0.*PowCone3D",
        ),
        (cp.Problem(cp.Minimize(y), [cp.lambda_max(cp.bmat([[y, 1], [1, y]])) <= 1]), "lambda_max.*PSD"),
        (cp.Problem(cp.Minimize(-cp.sum_squares(x))), "objective is not DCP"),
        (cp.Problem(cp.Minimize(y), [x[0] * x[1] >= 1]), "constraint0 is not DCP"),
        (cp.Problem(cp.Minimize(y), [cp.square(y) == 1]), "constraint0 is not DCP"),
        (cp.Problem(cp.Minimize(cp.real(cp.Variable(complex=True, name="c")))), "c"),
        (cp.Problem(cp.Minimize(cp.abs(cp.Variable(complex=True, name="size")))), "size"),
    ]
    for problem, words in cases:
        with pytest.raises(UnsupportedProgram, match=words):
            from_cvxpy(problem)


def test_bad_problems_are_named():
    x, gamma = cp.Variable(name="x"), cp.Parameter(name="gamma")
    with pytest.raises(BadData, match="'gamma' has no value"):
        from_cvxpy(cp.Problem(cp.Minimize(gamma * x)))
    with pytest.raises(BadData, match="no CVXPY problem"):
        from_cvxpy(cp.Minimize(x))
    with pytest.raises(BadData, match="NaN or an infinity"):
        from_cvxpy(cp.Problem(cp.Minimize(x), [x >= cp.Constant(np.nan)]))
    with pytest.raises(ContradictoryRows, match="constraint0"):
        from_cvxpy(cp.Problem(cp.Minimize(x), [cp.Constant(1) <= 0]))


# -------------------------------------------------------------------------- attach
def big_m_maximum(model: Builder, name: str, terms) -> object:
    """Big-M lowering of the maximum of terms over their first axis, with an M for each entry."""
    low, high = model.bounds(terms)
    shape = terms.shape[1:]
    v = model.variable(name, shape, lower=low.max(0), upper=high.max(0))
    chosen = model.variable(f"{name}_chosen", terms.shape, binary=True)
    M = high.max(0) - low
    model.add(f"{name}_at_least", v >= terms)
    model.add(f"{name}_at_most", v <= terms + M * (1 - chosen))
    model.add(f"{name}_one", chosen.sum(0) == 1)
    return v


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_added_to_a_problem_are_the_models_own_to_the_bit(shape):
    rng = np.random.default_rng(len(shape))
    lower, upper = -rng.uniform(0.1, 2, shape), rng.uniform(0.1, 2, shape)
    factor = rng.normal(size=shape)
    x, y = cp.Variable(shape, name="x", bounds=[lower, upper]), cp.Variable(shape, name="y", nonneg=True)
    problem = cp.Problem(cp.Minimize(cp.sum(x) * 0.1), [y <= 3.3])
    with attach_cvxpy(problem) as model:
        terms = model.lift([cp.multiply(factor, x), y - 1.7])
        v = big_m_maximum(model, "v", terms)
        model.add("cap", v <= 1.9)
    plain = Builder()
    px, py = plain.variable("x", shape, lower, upper), plain.variable("y", shape, 0, 3.3)
    big_m_maximum(plain, "v", stack([factor * px, py - 1.7]))
    ours, theirs = named_rows(plain.freeze()), named_rows(from_cvxpy(model.problem))
    for name, row in ours.items():
        assert theirs[name] == row
    assert [c.label for c in model.constraints] == ["v_at_least", "v_at_most", "v_one", "cap"]
    assert model.constraints[0].shape == (2, *shape)
    assert all(k.label is None for k in problem.constraints)
    problem = cp.Problem(cp.Minimize(cp.sum(model.native(v)) - 0.5 * cp.sum(y)), model.problem.constraints)
    problem.solve(cp.HIGHS, canon_backend=cp.SCIPY_CANON_BACKEND)
    reached = np.maximum(factor * x.value, y.value - 1.7)
    np.testing.assert_allclose(model.native(v).value, reached, atol=1e-6)


def test_lift_keeps_shapes_orders_and_parameters():
    x = cp.Variable((2, 2), name="x")
    p = cp.Parameter((2, 2), value=np.array([[1, 2], [3, 4.0]]))
    model = attach_cvxpy()
    v = np.array([5.0, 7, 11, 13])
    np.testing.assert_allclose(model.lift(cp.multiply(p, x)).value(v), p.value * v.reshape(2, 2))
    p.value = p.value * 10
    np.testing.assert_allclose(model.lift(cp.multiply(p, x)).value(v), p.value * v.reshape(2, 2))
    mixed = model.lift([[x[0, 0], 3], [x[1, 1] - 1, x[0, 1]]])
    np.testing.assert_allclose(mixed.value(v), [[5, 3], [12, 7]])
    held = np.empty(2, dtype=object)
    held[:] = [x[0], x[1] * 2]
    np.testing.assert_allclose(model.lift(held).value(v), [[5, 7], [22, 26]])
    assert model.lift(2.5).constant == 2.5
    assert model.lift(mixed) is mixed
    assert model.n == 4


def test_bounds_come_from_attributes_and_posted_constraints():
    x, y = cp.Variable(3, name="x", nonneg=True), cp.Variable(name="y", boolean=True)
    cap = cp.Parameter(value=4)
    late = cp.Parameter()
    problem = cp.Problem(
        cp.Minimize(cp.sum_squares(x)),
        [x <= cap, 2 * x[1] <= 3, cp.hstack([y, x[2]]) <= 2, x[0] <= late, cp.norm(x) <= 9],
    )
    model = CvxpyModel(problem)
    np.testing.assert_array_equal(model.bounds(model.lift(x)).upper, [4, 1.5, 2])
    np.testing.assert_array_equal(model.bounds(model.lift(x)).lower, [0, 0, 0])
    assert model.bounds(model.lift(y)).upper == 1
    assert CvxpyModel([x <= 7]).lift(x).owner is not None
    free = cp.Variable(name="free")
    with pytest.raises(UnboundedExpression, match="free"):
        model.bounds(model.lift(free))


def test_quadratic_rows_and_cones_are_written_back():
    x = cp.Variable(2, name="x")
    with attach_cvxpy(cp.Problem(cp.Maximize(cp.sum(x)))) as model:
        w = model.lift(x)
        t = model.variable("t", 2, lower=0, upper=3)
        model.add("ball", model.quadratic(np.eye(2), w) <= 2)
        model.cone("persp", w.reshape(2, 1), t, 2.0)
        model.add("low", t.sum() <= 0.5)
    model.problem.solve(cp.CLARABEL, canon_backend=cp.SCIPY_CANON_BACKEND)
    np.testing.assert_allclose(x.value, [np.sqrt(0.5)] * 2, atol=1e-5)
    assert model.problem.is_dcp()


def test_what_attach_refuses():
    x = cp.Variable(2, name="x")
    model = attach_cvxpy(cp.Problem(cp.Minimize(cp.sum(x))))
    with pytest.raises(BadData, match=r"norm1\(x\) is not affine"):
        model.lift(cp.norm1(x))
    with pytest.raises(BadData, match="is not affine"):
        model.lift(x[0] * x[1])
    with pytest.raises(BadData, match="no CVXPY problem"):
        attach_cvxpy("model")
    with pytest.raises(BadData, match="objective belongs"):
        model.minimise(0)
    with pytest.raises(BadData, match="another model"):
        model.native(attach_cvxpy().lift(x))
    with pytest.raises(BadData, match=r"cvxpy\.quad_form"):
        model.native(model.quadratic(np.eye(2), model.lift(x)))
    with pytest.raises(BadData, match="given no problem"):
        _ = attach_cvxpy().problem
    with pytest.raises(UnsupportedProgram, match="'H' is hermitian"):
        model.lift(cp.trace(cp.real(cp.Variable((2, 2), hermitian=True, name="H"))))
    z = model.variable("z", binary=True)
    model.indicator("when", z, model.lift(x) <= 1)
    with pytest.raises(UnsupportedProgram, match="indicator 'when'"):
        model.write_back()


def test_a_failed_formulation_leaves_nothing_behind():
    x = cp.Variable(2, name="x")
    problem = cp.Problem(cp.Minimize(cp.sum(x)), [x >= 0])

    def fail() -> None:
        with attach_cvxpy(problem) as model:
            model.add("cap", model.lift(x) <= 1)
            model.bounds(model.lift(x))

    with pytest.raises(UnboundedExpression):
        fail()
    assert len(problem.constraints) == 1


def test_attaching_an_ordered_set_is_refused_by_name():
    x = cp.Variable(3, bounds=[0, 1], name="x")
    model = attach_cvxpy(cp.Problem(cp.Minimize(cp.sum(x))))
    model.sos1("one", model.lift(x))
    with pytest.raises(UnsupportedProgram, match="special ordered set 'one'"):
        model.write_back()
