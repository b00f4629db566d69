"""The choice among continuous solvers, the linear road, and epigraphs taken into the objective."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from proofolio.errors import UnsupportedProgram
from proofolio.program.builder import Builder
from proofolio.program.expression import between, stack
from proofolio.solvers import continuous as module
from proofolio.solvers.continuous import absorb_epigraphs, kkt_residual, solve_continuous
from proofolio.solvers.highs.linear import solve_linear
from proofolio.solvers.quadratic import clarabel, piqp
from proofolio.solvers.solution import Settings

PLAIN = Settings()


def simplex_qp(scale=1.0):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    m = Builder()
    w = m.variable("w", 6, 0, 1)
    m.add("budget", w.sum() == 1)
    m.minimise(scale * (m.quadratic(A @ A.T, w) + rng.standard_normal(6) @ w))
    return m.freeze()


@pytest.mark.parametrize("seed", range(6))
def test_linear_programs_agree_with_scipy_in_value_and_prices(seed):
    rng = np.random.default_rng(seed)
    A, c = rng.standard_normal((4, 7)), rng.standard_normal(7)
    b = A @ rng.uniform(-1, 1, 7)
    scale = 10.0 ** rng.integers(-6, 6)
    m = Builder()
    x = m.variable("x", 7, -1, 1)
    m.add("rows", A[:2] @ x <= b[:2])
    m.add("range", between(b[2] - 0.1, A[2] @ x, b[2] + 0.1))
    m.add("equal", A[3] @ x == b[3])
    value = scale * (c @ x) + scale
    if seed % 2:
        m.maximise(-value)
    else:
        m.minimise(value)
    program = m.freeze()
    theirs = linprog(
        c,
        np.vstack([A[:2], A[2], -A[2]]),
        np.r_[b[:2], b[2] + 0.1, 0.1 - b[2]],
        A[3:],
        b[3:],
        bounds=[(-1, 1)] * 7,
    )
    found = solve_continuous(program, PLAIN)
    assert (found.solver, found.status) == ("highs", "optimal")
    expected = scale * (theirs.fun + 1)
    assert found.objective == pytest.approx(-expected if seed % 2 else expected, rel=1e-8, abs=1e-10 * scale)
    assert found.gap <= 1e-8
    np.testing.assert_allclose(found.duals["rows"][:2] / scale, theirs.ineqlin.marginals[:2], atol=1e-7)
    assert kkt_residual(program, found) <= 1e-9


def test_linear_programs_without_a_solution():
    m = Builder()
    x = m.variable("x", 2, lower=0)
    m.add("row", x.sum() <= -1)
    m.minimise(-x.sum())
    assert solve_continuous(m.freeze(), PLAIN).status == "infeasible"
    m = Builder()
    x = m.variable("x", 2, lower=0)
    m.add("row", x[0] - x[1] <= 1)
    m.maximise(x.sum())
    found = solve_continuous(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x) == ("unbounded", None, None, None)


def test_programs_without_rows_or_columns():
    m = Builder()
    x = m.variable("x", 2, -1, 3)
    m.minimise(x @ [1.0, -1.0])
    assert solve_linear(m.freeze(), PLAIN).objective == pytest.approx(-4)
    m = Builder()
    m.minimise(5.0)
    assert solve_continuous(m.freeze(), PLAIN).objective == 5.0


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
def test_quadratic_programs_go_to_piqp(scale):
    program = simplex_qp(scale)
    found = solve_continuous(program, PLAIN)
    assert (found.solver, found.status) == ("piqp", "optimal")
    assert found.objective == pytest.approx(clarabel.solve(program, PLAIN).objective, rel=1e-7)


def test_a_wrong_answer_of_piqp_is_noticed_and_replaced(monkeypatch):
    program = simplex_qp()
    right = piqp.solve(program, PLAIN)

    def liar(program, settings):
        x = np.full(program.n, 1.0 / program.n)
        return replace(right, x=x, objective=program.objective(x))

    monkeypatch.setattr(module.piqp, "solve", liar)
    found = solve_continuous(program, PLAIN)
    assert found.solver == "clarabel"
    assert found.objective == pytest.approx(right.objective, rel=1e-7)

    def shifted(program, settings):
        return replace(right, x=right.x + 1e-4)

    monkeypatch.setattr(module.piqp, "solve", shifted)
    assert solve_continuous(program, PLAIN).solver == "clarabel"


def test_an_infeasible_quadratic_program_is_confirmed():
    m = Builder()
    x = m.variable("x", 2, lower=0)
    m.add("row", x.sum() <= -1)
    m.minimise(m.quadratic(np.eye(2), x))
    assert solve_continuous(m.freeze(), PLAIN).status == "infeasible"


def test_what_is_not_continuous_and_convex_is_refused():
    m = Builder()
    m.minimise(m.variable("z", binary=True))
    with pytest.raises(UnsupportedProgram, match="integer"):
        solve_continuous(m.freeze(), PLAIN)
    m = Builder()
    m.minimise(m.quadratic([[-1.0]], m.variable("x", 1, -1, 1)))
    with pytest.raises(UnsupportedProgram, match="nonconvex-objective"):
        solve_continuous(m.freeze(), PLAIN)


def epigraphs(scale=1.0, maximise=False, capped=False, costs="equal"):
    """Costs defined by rows, epigraphs in them, shifted and scaled cones, and a column nothing holds."""
    rng = np.random.default_rng(2)
    m = Builder()
    w, cost = m.variable("w", (3, 4), 0, 1), m.variable("cost", 3)
    s, idle = m.variable("s", 3, upper=0.1 if capped else np.inf), m.variable("idle", lower=-1, upper=5)
    L = rng.standard_normal((4, 4))
    m.add("budget", w.sum(1) == 1)
    paid = 2 * s + (w * rng.standard_normal((3, 4)) * scale).sum(1) + scale
    rows = {"equal": cost == paid, "at least": cost >= paid, "below zero": 3 * paid - 3 * cost <= 0}
    m.add("costs", {**rows, "range": between(0, cost - paid, 1), "at most": cost <= paid}[costs])
    m.add("coupling", between(-0.5, w[0] - w[1], 0.5))
    root = np.sqrt(scale)
    m.cone("first", (root * (w[0] @ L)).reshape(1, 4), stack([2 * s[0] + 0.3 * scale]), 0.5)
    m.cone("second", root * (w[1] @ L) - root * 0.1, 3.0, s[1])
    m.cone("third", root * (w[2] @ L), s[2], 1.0)
    total = cost.sum() + 0.5 * scale * m.quadratic(np.eye(4), w).sum() + scale * idle
    if maximise:
        m.maximise(-total)
    else:
        m.minimise(total)
    return m.freeze()


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("costs", ["equal", "at least", "below zero", "range"])
def test_epigraphs_are_absorbed_without_a_trace(scale, maximise, costs):
    program = epigraphs(scale, maximise, costs=costs)
    absorbed = absorb_epigraphs(program)
    assert len(absorbed.program.cones) == 0
    assert absorbed.program.n == 12
    found, reference = solve_continuous(program, PLAIN), clarabel.solve(program, PLAIN)
    assert (found.solver, found.status) == ("piqp", "optimal")
    assert found.objective == pytest.approx(reference.objective, rel=1e-7)
    assert found.objective == pytest.approx(program.objective(found.x), rel=1e-12)
    assert (found.bound >= found.objective) == maximise or found.bound == found.objective
    np.testing.assert_allclose(found["w"], reference["w"], atol=1e-4)
    assert program.cones.violation(found.x).max() <= 1e-9 * scale
    np.testing.assert_allclose(found.duals["rows"], reference.duals["rows"], atol=1e-4 * scale)


def test_a_row_the_objective_does_not_press_against_stays():
    assert absorb_epigraphs(epigraphs(costs="at most")) is None


def test_an_epigraph_that_something_else_holds_stays():
    program = epigraphs(capped=True)
    assert absorb_epigraphs(program) is None
    found = solve_continuous(program, PLAIN)
    assert found.solver == "clarabel"
    assert found.status in ("optimal", "infeasible")
    m = Builder()
    x, s = m.variable("x", 2, -1, 1), m.variable("s", lower=0.7)
    m.cone("c", x, s, 1.0)
    m.add("sum", x.sum() == 1)
    m.minimise(s)
    assert solve_continuous(m.freeze(), PLAIN).objective == pytest.approx(0.7)
