"""HiGHS on linear and mixed-integer linear programs, against scipy's own build of it and by hand."""

import signal

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.builder import Builder
from proofolio.program.expression import between
from proofolio.program.program import Program
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.highs.solver import CAN, solve
from proofolio.solvers.solution import Settings


def random_program(seed: int, discrete: bool) -> Program:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 9), rng.integers(1, 7)
    model = Builder()
    x = model.variable("x", n, lower=rng.integers(-3, 1, n), upper=rng.integers(1, 5, n))
    y = model.variable("y", n, lower=-2, upper=3, integer=discrete)
    A, B = rng.integers(-4, 5, (m, n)) * 1.0, rng.integers(-4, 5, (m, n)) * 1.0
    centre = A @ rng.uniform(0, 1, n) + B @ rng.integers(-1, 2, n)
    model.add("ranged", between(centre - rng.uniform(0, 2, m), A @ x + B @ y, centre + rng.uniform(0, 2, m)))
    model.add("at_most", x.sum() + y.sum() <= 6)
    model.add("tie", x[0] - 2 * y[1] == float(rng.integers(-1, 2)))
    goal = rng.standard_normal(n) @ x + rng.standard_normal(n) @ y + 3.0
    if seed % 2:
        model.maximise(goal)
    else:
        model.minimise(goal)
    return model.freeze()


def by_scipy(program: Program) -> float | None:
    if program.integer.any():
        found = milp(
            program.q,
            integrality=program.integer,
            bounds=Bounds(program.lower, program.upper),
            constraints=LinearConstraint(program.A.toarray(), program.row_lower, program.row_upper),
        )
    else:
        low, high = np.isfinite(program.row_lower), np.isfinite(program.row_upper)
        A = np.vstack([-program.A.toarray()[low], program.A.toarray()[high]])
        b = np.concatenate([-program.row_lower[low], program.row_upper[high]])
        box = np.column_stack([program.lower, program.upper])
        found = linprog(program.q, A_ub=A, b_ub=b, bounds=box, method="highs-ipm")
    if found.x is None:
        return None
    value = float(found.fun) + program.c
    return -value if program.maximise else value


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_it_agrees_with_scipy(seed: int, discrete: bool) -> None:
    program = random_program(seed, discrete)
    answer, truth = solve(program, Settings()), by_scipy(program)
    assert answer.method == ("MILP" if discrete else "LP")
    if truth is None:
        assert answer.status == "infeasible"
        assert answer.x is None
        return
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(truth, rel=1e-6, abs=1e-7)
    assert answer.bound == pytest.approx(truth, rel=2e-6, abs=1e-6)
    assert answer.objective == program.objective(answer.point)
    body = program.A @ answer.point
    assert np.all(body >= program.row_lower - 1e-6)
    assert np.all(body <= program.row_upper + 1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_the_multipliers_of_a_linear_program_are_stationary_and_prove_its_value(seed: int) -> None:
    program = random_program(seed, False)
    answer = solve(program, Settings())
    if answer.status == "infeasible":
        pytest.skip("this one has no solution")
    assert answer.duals is not None
    y, r = answer.duals["rows"], answer.duals["bounds"]
    assert np.allclose(program.q - program.A.T @ y - r, 0, atol=1e-9)
    sign = -1.0 if program.maximise else 1.0
    assert answer.bound is not None
    assert answer.objective is not None
    assert sign * answer.bound <= sign * answer.objective + 1e-9


@pytest.mark.parametrize("integer", [False, True])
def test_infeasible_and_unbounded_are_told_apart(integer: bool) -> None:
    model = Builder()
    x = model.variable("x", 2, integer=integer)
    model.add("apart", x[0] - x[1] == 0.0)
    model.minimise(x.sum())
    assert solve(model.freeze(), Settings()).status == "unbounded"
    model.add("above", x[0] >= 1.0)
    model.add("below", x[1] <= 0.0)
    answer = solve(model.freeze(), Settings())
    assert answer.status == "infeasible"
    assert (answer.objective, answer.bound, answer.x) == (None, None, None)


def test_programs_without_rows_or_without_columns() -> None:
    model = Builder()
    model.minimise(2.5)
    empty = solve(model.freeze(), Settings())
    assert (empty.status, empty.objective, empty.point.size) == ("optimal", 2.5, 0)
    model = Builder()
    model.maximise(model.variable("x", 3, lower=-1, upper=2, integer=True).sum())
    assert solve(model.freeze(), Settings()).objective == 6.0


def knapsack(n: int = 60, m: int = 30) -> Program:
    rng = np.random.default_rng(0)
    model = Builder()
    x = model.variable("x", n, binary=True)
    A = rng.integers(1, 60, (m, n)) * 1.0
    model.add("room", A @ x <= A.sum(1) / 2)
    model.maximise(rng.uniform(1, 60, n) @ x)
    return model.freeze()


def test_the_time_limit_counts_from_the_call_and_leaves_an_incumbent_and_a_bound() -> None:
    told: list[tuple[float, float | None, float | None]] = []
    answer = solve(knapsack(90), Settings(time_limit=0.5, progress=lambda *now: told.append(now)))
    assert answer.seconds < 0.5 + 1.0  # the promise: a second beyond the limit
    assert answer.status == "feasible"
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.bound >= answer.objective
    assert 0 < answer.gap < 0.5
    assert any(value is not None and value > 0 for _, value, _ in told)


def test_a_start_with_unknowns_is_completed() -> None:
    program = knapsack(12, 4)
    best = solve(program, Settings())
    start = best.point.copy()
    start[5:] = np.nan
    assert solve(program, Settings(start=start)).objective == pytest.approx(best.objective)


def test_a_wide_gap_is_honest() -> None:
    answer = solve(knapsack(30, 8), Settings(gap=0.05))
    exact = solve(knapsack(30, 8), Settings())
    assert answer.bound is not None
    assert exact.objective is not None
    assert answer.gap <= 0.05
    assert answer.bound >= exact.objective - 1e-9


def test_options_pass_through_and_unknown_ones_are_named() -> None:
    program = knapsack()
    stopped = solve(program, Settings(options={"mip_max_nodes": 1, "presolve": "off"}))
    assert stopped.status == "feasible"
    with pytest.raises(BadData, match="nonsense"):
        solve(program, Settings(options={"nonsense": 1}))
    with pytest.raises(BadData, match="presolve"):
        solve(program, Settings(options={"presolve": "maybe"}))
    with pytest.raises(BadData, match="mip_rel_gap"):
        solve(program, Settings(options={"mip_rel_gap": [1]}))


def test_the_number_of_threads_can_change_between_calls() -> None:
    for threads in (1, 2, 1):
        assert solve(knapsack(12, 4), Settings(threads=threads)).status == "optimal"


def test_it_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    solve(knapsack(12, 4), Settings())
    with pytest.raises(BadData):
        solve(knapsack(12, 4), Settings(options={"nonsense": 1}))
    assert capfd.readouterr().out == ""


def test_control_c_stops_it() -> None:
    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        solve(knapsack(), Settings(time_limit=60, progress=interrupt))


def test_what_it_cannot_express_is_refused_by_name() -> None:
    model = Builder()
    x = model.variable("x", 2, lower=-1, upper=1)
    z = model.variable("z", binary=True)
    model.minimise(model.quadratic([[1.0, 0.0], [0.0, -1.0]], x))
    with pytest.raises(UnsupportedProgram, match="nonconvex-objective"):
        solve(model.freeze(), Settings())
    model.minimise(x.sum())
    model.indicator("off", z, x[0] <= 0)
    with pytest.raises(UnsupportedProgram, match="indicators"):
        solve(model.freeze(), Settings())
    assert "indicators" not in CAN
    assert SOLVERS["highs"].lacks(model.freeze()) == {"indicators"}
