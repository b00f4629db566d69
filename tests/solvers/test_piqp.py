"""PIQP against Clarabel, closed forms and the optimality conditions."""

import numpy as np
import pytest
from scipy.optimize import linprog

from proofolio.errors import BadData
from proofolio.program.builder import Builder
from proofolio.program.expression import between
from proofolio.solvers.quadratic import clarabel, piqp
from proofolio.solvers.solution import Settings

PLAIN = Settings()


def random_qp(seed, n=8, scale=1.0, maximise=False):
    """Equalities, one-sided and ranged rows, finite and missing bounds, P without full rank; feasible."""
    rng = np.random.default_rng(seed)
    root, A = rng.standard_normal((n // 2, n)), rng.standard_normal((5, n))
    inside = rng.uniform(-0.5, 0.5, n)
    b = A @ inside
    lower, upper = np.where(rng.random(n) < 0.2, -np.inf, -1.0), np.full(n, 1.0)
    m = Builder()
    x = m.variable("x", n, lower, upper)
    m.add("equal", A[0] @ x == b[0])
    m.add("below", A[1] @ x <= b[1] + 0.1)
    m.add("above", A[2] @ x >= b[2] - 0.1)
    m.add("range", between(b[3:] - 0.2, A[3:] @ x, b[3:] + 0.2))
    c = rng.standard_normal(n)
    # Push away from the missing bounds, so that the program is bounded.
    c[np.isinf(lower)] = -np.abs(c[np.isinf(lower)])
    value = scale * (0.5 * m.quadratic(root.T @ root, x) + c @ x + 0.25)
    if maximise:
        m.maximise(-value)
    else:
        m.minimise(value)
    return m.freeze()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
def test_random_programs_agree_with_clarabel_and_prove_it(seed, scale):
    program = random_qp(seed, scale=scale, maximise=bool(seed % 2))
    found = piqp.solve(program, PLAIN)
    reference = clarabel.solve(program, PLAIN)
    assert found.status == reference.status == "optimal"
    assert found.objective == pytest.approx(reference.objective, rel=1e-6, abs=1e-7 * scale)
    sense = -1.0 if program.maximise else 1.0
    assert sense * found.bound <= sense * found.objective
    assert sense * found.bound <= sense * reference.objective + 1e-7 * scale
    duals, x = found.duals, found.x
    g = program.P @ x + program.q - program.A.T @ duals["rows"] - duals["lower"] + duals["upper"]
    assert np.abs(g).max() <= 1e-12 * scale
    body = program.A @ x
    assert np.all(body >= program.row_lower - 1e-7)
    assert np.all(body <= program.row_upper + 1e-7)
    free = (body > program.row_lower + 1e-4) & (body < program.row_upper - 1e-4)
    assert np.abs(duals["rows"][free]).max(initial=0.0) <= 1e-3 * scale
    inner = (x > program.lower + 1e-4) & (x < program.upper - 1e-4)
    assert (duals["lower"] + duals["upper"])[inner].max(initial=0.0) <= 1e-4 * scale


def test_row_multipliers_are_the_prices_of_the_sides():
    def value(side, budget):
        m = Builder()
        x = m.variable("x", 3)
        m.add("budget", x.sum() == budget)
        m.add("cap", x[0] <= side)
        m.minimise(m.quadratic(np.diag([0.5, 1.0, 1.5]), x) - x[0])
        return piqp.solve(m.freeze(), PLAIN)

    h = 1e-4
    found = value(0.3, 1.0)
    slope_budget = (value(0.3, 1 + h).objective - value(0.3, 1 - h).objective) / (2 * h)
    slope_cap = (value(0.3 + h, 1).objective - value(0.3 - h, 1).objective) / (2 * h)
    np.testing.assert_allclose(found.duals["rows"], [slope_budget, slope_cap], atol=1e-4)


def test_linear_programs_agree_with_scipy():
    rng = np.random.default_rng(4)
    A, c = rng.standard_normal((3, 5)), rng.standard_normal(5)
    b = A @ rng.uniform(0, 1, 5)
    m = Builder()
    x = m.variable("x", 5, 0, 1)
    m.add("rows", A @ x <= b)
    m.minimise(c @ x)
    theirs = linprog(c, A, b, bounds=[(0, 1)] * 5)
    found = piqp.solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(theirs.fun, rel=1e-6)
    np.testing.assert_allclose(found.duals["rows"], theirs.ineqlin.marginals, atol=1e-5)


def test_columns_fixed_by_their_bounds_are_fine():
    m = Builder()
    x = m.variable("x", 3, [0.25, 0, 0], [0.25, 1, 1])
    m.add("budget", x.sum() == 1)
    m.minimise(m.quadratic(np.eye(3), x))
    found = piqp.solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    np.testing.assert_allclose(found.x, [0.25, 0.375, 0.375], atol=1e-6)


def test_infeasible_and_unbounded():
    m = Builder()
    x = m.variable("x", 2, lower=0)
    m.add("row", x.sum() <= -1)
    m.minimise(m.quadratic(np.eye(2), x))
    found = piqp.solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x) == ("infeasible", None, None, None)
    m = Builder()
    x = m.variable("x", 2)
    m.minimise(m.quadratic(np.diag([1.0, 0.0]), x) + x[1])
    assert piqp.solve(m.freeze(), PLAIN).status == "unbounded"


def test_without_rows_and_without_columns():
    m = Builder()
    x = m.variable("x", 2)
    m.minimise(m.quadratic(np.eye(2), x) - x.sum())
    np.testing.assert_allclose(piqp.solve(m.freeze(), PLAIN).x, 0.5, atol=1e-6)
    m = Builder()
    m.maximise(2.0)
    found = piqp.solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound) == ("optimal", 2.0, 2.0)


def test_options_pass_through_silently(capfd):
    program = random_qp(0)
    assert piqp.solve(program, Settings(options={"max_iter": 1})).status == "limit"
    with pytest.raises(BadData, match="nonsense"):
        piqp.solve(program, Settings(options={"nonsense": 1}))
    with pytest.raises(BadData, match="max_iter"):
        piqp.solve(program, Settings(options={"max_iter": "one"}))
    assert capfd.readouterr() == ("", "")


def test_large_programs_take_the_sparse_solver():
    rng = np.random.default_rng(0)
    n, T = 20, 12
    A = rng.standard_normal((n, n))
    m = Builder()
    w, buy = m.variable("w", (T, n), 0, 1), m.variable("buy", (T, n), lower=0)
    m.add("budget", w.sum(1) == 1)
    m.add("buys", buy[1:] >= w[1:] - w[:-1])
    m.minimise(m.quadratic(A @ A.T / n, w).sum() + (rng.standard_normal((T, n)) * w).sum() + 0.1 * buy.sum())
    program = m.freeze()
    assert program.n > piqp.DENSE
    found = piqp.solve(program, PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(clarabel.solve(program, PLAIN).objective, rel=1e-7)


def test_a_small_program_is_set_up_once_and_in_dense_arrays(monkeypatch):
    """What makes a plan of fifty assets take a millisecond: no second set-up, and no sparse factors."""
    made, real = [], piqp.Piqp
    monkeypatch.setattr(piqp, "Piqp", lambda qp, **options: made.append(qp) or real(qp, **options))
    rng = np.random.default_rng(3)
    A = rng.standard_normal((50, 50))
    m = Builder()
    w = m.variable("w", 50, 0, 1)
    m.add("budget", w.sum() == 1)
    m.minimise(m.quadratic(A @ A.T / 50, w) + rng.standard_normal(50) @ w)
    found = piqp.solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    (qp,) = made
    assert isinstance(qp.P, np.ndarray)
    assert isinstance(qp.A, np.ndarray)


def test_piqp_does_not_begin_what_its_first_iteration_says_is_too_long():
    rng = np.random.default_rng(3)
    m = Builder()
    x = m.variable("x", (300, 6), 0.0)
    m.add("budget", x.sum(1) == 1)
    m.minimise(
        m.quadratic(np.diag(rng.uniform(1.0, 2.0, 6)), x).sum() + (rng.standard_normal((300, 6)) * x).sum()
    )
    program = m.freeze()
    hurried = piqp.solve(program, Settings(time_limit=1e-4))
    assert (hurried.status, hurried.x) == ("limit", None)
    assert hurried.message.endswith(piqp.NOT_BEGUN)
    free, limited = piqp.solve(program, PLAIN), piqp.solve(program, Settings(time_limit=1e4))
    assert free.status == limited.status == "optimal"
    np.testing.assert_array_equal(free.x, limited.x)


def test_trying_one_iteration_first_does_not_change_the_answer(monkeypatch):
    program = random_qp(5, n=160)
    free = piqp.solve(program, PLAIN)
    monkeypatch.setattr(piqp, "SETUPS", 1e12)
    tried = piqp.solve(program, Settings(time_limit=1e3))
    assert tried.message == free.message
    np.testing.assert_array_equal(tried.x, free.x)
