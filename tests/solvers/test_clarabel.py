"""Clarabel against closed forms, other solvers and its own optimality conditions."""

import numpy as np
import pytest
from scipy.optimize import linprog

from proofolio.errors import BadData
from proofolio.program.builder import Builder
from proofolio.program.expression import between
from proofolio.solvers.answers import answer
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import Settings

PLAIN = Settings()


def simplex_qp(n, seed, scale=1.0, maximise=False):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n))
    m = Builder()
    w = m.variable("w", n, 0, 0.5)
    m.add("budget", w.sum() == 1)
    m.add("group", between(0.2, w[: n // 2].sum(), 0.6))
    value = scale * (m.quadratic(A @ A.T / n, w) + rng.standard_normal(n) @ w) + scale
    if maximise:
        m.maximise(-value)
    else:
        m.minimise(value)
    return m.freeze()


def stationarity(program, found):
    """The largest entry of Px + q - A'rows - lower + upper, and of the products that must vanish."""
    x, duals = found.x, found.duals
    g = program.P @ x + program.q - program.A.T @ duals["rows"] - duals["lower"] + duals["upper"]
    body = program.A @ x
    room = np.minimum(np.abs(body - program.row_lower), np.abs(program.row_upper - body))
    products = [np.abs(duals["rows"]) * room]
    for name, side in (("lower", program.lower), ("upper", program.upper)):
        assert np.all(duals[name] >= 0)
        products.append(duals[name] * np.where(np.isfinite(side), np.abs(x - side), np.abs(x)))
    return np.max(np.abs(g), initial=0.0), max(float(p.max(initial=0.0)) for p in products)


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
@pytest.mark.parametrize("maximise", [False, True])
def test_a_quadratic_program_comes_with_its_proof(scale, maximise):
    program = simplex_qp(12, 3, scale, maximise)
    found = clarabel.solve(program, PLAIN)
    assert found.status == "optimal"
    assert found.gap <= 1e-7
    assert (found.bound >= found.objective) == maximise or found.bound == found.objective
    residual, products = stationarity(program, found)
    assert residual <= 1e-12 * scale
    assert products <= 1e-6 * scale


@pytest.mark.parametrize("seed", range(5))
def test_linear_programs_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    A, c = rng.standard_normal((4, 6)), rng.standard_normal(6)
    b = A @ rng.uniform(-1, 1, 6)
    m = Builder()
    x = m.variable("x", 6, -1, 2)
    m.add("up", A[:2] @ x <= b[:2] + 0.1)
    m.add("down", A[2:3] @ x >= b[2:3] - 0.1)
    m.add("equal", A[3:] @ x == b[3:])
    m.minimise(c @ x)
    theirs = linprog(
        c, np.vstack([A[:2], -A[2:3]]), np.r_[b[:2] + 0.1, -b[2:3] + 0.1], A[3:], b[3:], bounds=[(-1, 2)] * 6
    )
    found = clarabel.solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(theirs.fun, rel=1e-7, abs=1e-7)
    np.testing.assert_allclose(found.duals["rows"][3], theirs.eqlin.marginals[0], atol=1e-6)
    np.testing.assert_allclose(found.duals["rows"][:2], theirs.ineqlin.marginals[:2], atol=1e-6)
    np.testing.assert_allclose(found.duals["rows"][2], -theirs.ineqlin.marginals[2], atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 1e4])
def test_quadratic_rows_and_cones_have_the_closed_form_optimum(scale):
    # min t + t' over |x - a|^2 <= t (a row), |x - b|^2 <= scale t' z (a cone), z <= 1: x halfway.
    a, b = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    m = Builder()
    x, t, u, z = m.variable("x", 2), m.variable("t"), m.variable("u"), m.variable("z", upper=1)
    m.add("row", m.quadratic(scale * np.eye(2), x - a) <= t)
    m.cone("cone", np.sqrt(scale) * (x - b), u, z)
    m.minimise(t + u)
    found = clarabel.solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(2.5 * scale, rel=1e-7)
    assert found.bound <= found.objective
    np.testing.assert_allclose(found["x"], [0.5, 1.0], atol=1e-4)


def test_a_concave_row_from_below_is_convex():
    m = Builder()
    x = m.variable("x", 3)
    m.add("row", -1.0 * m.quadratic(np.diag([1.0, 4.0, 0.0]), x) >= -1)
    m.add("flat", x[2] == 2)
    m.maximise(x.sum())
    found = clarabel.solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(np.sqrt(1.25) + 2, rel=1e-8)
    assert found.bound >= found.objective


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_scip_on_quadratically_constrained_programs(seed):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((2, 4, 4))
    m = Builder()
    x = m.variable("x", 4, -1, 1)
    for k, G in enumerate(roots):
        m.add(f"risk_{k}", m.quadratic(G.T @ G, x) + rng.standard_normal(4) @ x <= 0.3)
    m.maximise(rng.standard_normal(4) @ x - 0.1 * m.quadratic(np.eye(4), x))
    program = m.freeze()
    ours = clarabel.solve(program, PLAIN)
    theirs = scip.solve(program, Settings(time_limit=20))
    assert ours.status == "optimal"
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-5)


def test_infeasible_unbounded_and_neither():
    m = Builder()
    x = m.variable("x", 2, lower=0)
    m.add("row", x.sum() <= -1)
    m.minimise(m.quadratic(np.eye(2), x))
    assert clarabel.solve(m.freeze(), PLAIN).status == "infeasible"
    m = Builder()
    x = m.variable("x", 2)
    m.add("row", x[0] - x[1] == 1)
    m.minimise(x.sum())
    found = clarabel.solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x) == ("unbounded", None, None, None)
    m = Builder()
    x, y = m.variable("x"), m.variable("y", lower=0, upper=1)
    m.add("row", y >= 2)
    m.minimise(x)
    assert clarabel.solve(m.freeze(), PLAIN).status == "infeasible"


def test_without_rows_without_columns_and_with_an_objective_of_zero():
    m = Builder()
    x = m.variable("x", 3, -1, 1)
    m.minimise(x.sum())
    assert clarabel.solve(m.freeze(), PLAIN).objective == pytest.approx(-3)
    m = Builder()
    m.minimise(2.0)
    found = clarabel.solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound) == ("optimal", 2.0, 2.0)
    m = Builder()
    x = m.variable("x", 3)
    m.add("sum", x.sum() == 1)
    m.minimise(0.0)
    assert clarabel.solve(m.freeze(), PLAIN).status == "optimal"


def test_options_pass_through_and_a_time_limit_holds(capfd):
    program = simplex_qp(12, 0)
    assert clarabel.solve(program, Settings(options={"max_iter": 1})).status == "limit"
    with pytest.raises(BadData, match="max_iterations"):
        clarabel.solve(program, Settings(options={"max_iterations": 1}))
    with pytest.raises(BadData, match="max_iter"):
        clarabel.solve(program, Settings(options={"max_iter": "one"}))
    assert clarabel.solve(program, Settings(time_limit=1e-9)).status == "limit"
    assert capfd.readouterr() == ("", "")


def test_a_point_that_is_no_number_is_no_answer():
    program = simplex_qp(4, 0)
    who = ("clarabel", clarabel.VERSION, "interior point")
    claim = answer(program, PLAIN, 0.0, who, "Solved", "solved", np.full(program.n, np.nan), 0.0)
    assert claim.status == "limit"
    assert claim.x is None
    assert claim.objective is None
