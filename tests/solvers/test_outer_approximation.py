"""Outer approximation against enumeration of the integers with an independent conic solver (Clarabel)."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import cvxpy
import numpy as np
import pytest

from proofolio.program.expression import stack
from proofolio.program.model import Model
from proofolio.program.program import Program
from proofolio.solvers.cuts import cuts_at, tangents
from proofolio.solvers.highs import solve
from proofolio.solvers.lifted import lift
from proofolio.solvers.solution import Settings, Solution

RELATIVE = 2e-6


def definite(rng: np.random.Generator, n: int, rank: int | None = None) -> np.ndarray:
    A = rng.standard_normal((n, rank or n))
    return A @ A.T / n


def best_with(program: Program) -> Callable[[np.ndarray], float]:
    """The minimum as a function of the integers, by Clarabel; infinite where there is none."""
    x = cvxpy.Variable(program.n)
    own = np.flatnonzero(program.integer)
    fixed = cvxpy.Parameter(own.size) if own.size else None
    rows = [] if fixed is None else [x[own] == fixed]
    low, high = np.flatnonzero(np.isfinite(program.lower)), np.flatnonzero(np.isfinite(program.upper))
    rows += [x[low] >= program.lower[low], x[high] <= program.upper[high]]
    low, high = np.flatnonzero(np.isfinite(program.row_lower)), np.flatnonzero(np.isfinite(program.row_upper))
    rows += [program.A[low] @ x >= program.row_lower[low], program.A[high] @ x <= program.row_upper[high]]
    for k in range(len(program.quadratic)):
        affine = program.quadratic.matrix[[k]].toarray()[0] @ x
        forms = program.quadratic.forms[k]
        for sign, side in ((1, program.quadratic.upper[k]), (-1, -program.quadratic.lower[k])):
            if np.isfinite(side):
                curved = sum(cvxpy.quad_form(x[f.columns], cvxpy.psd_wrap(sign * f.matrix)) for f in forms)
                rows.append(curved + sign * affine <= side)
    cones = program.cones
    for a, b in itertools.pairwise(cones.pointer):
        member = cones.matrix[a:b].toarray() @ x + cones.constant[a:b]
        t, z = member[0], member[1]
        rows += [cvxpy.SOC(t + z, cvxpy.hstack([t - z, 2 * member[2:]])), t >= 0, z >= 0]
    P = program.P.toarray()
    goal = program.q @ x + program.c + (0.5 * cvxpy.quad_form(x, cvxpy.psd_wrap(P)) if P.any() else 0)
    problem = cvxpy.Problem(cvxpy.Minimize(goal), [r for r in rows if r.size])

    def best(integers: np.ndarray) -> float:
        if fixed is not None:
            fixed.value = integers
        problem.solve(solver=cvxpy.CLARABEL)
        return float(problem.value) if problem.status.startswith("optimal") else np.inf

    return best


def enumerated(program: Program) -> float:
    own = np.flatnonzero(program.integer)
    best = best_with(program)
    discrete = np.flatnonzero(abs(program.A) @ ~program.integer == 0)
    ranges = [np.arange(program.lower[j], program.upper[j] + 1) for j in own]
    smallest = np.inf
    for values in itertools.product(*ranges):
        body = program.A[discrete][:, own] @ np.array(values)
        if np.all((body >= program.row_lower[discrete]) & (body <= program.row_upper[discrete])):
            smallest = min(smallest, best(np.array(values)))
    return -smallest if program.maximise else smallest


def violation(program: Program, x: np.ndarray) -> float:
    lifted = lift(program)
    return lifted.violation(lifted.raised(np.concatenate([x, np.zeros(lifted.q.size - x.size)])))


def assert_right(program: Program, answer: Solution, truth: float, gap: float = 1e-6) -> None:
    sign = -1.0 if program.maximise else 1.0
    room = RELATIVE * max(1e-6, abs(truth))
    assert answer.status == "optimal"
    assert answer.objective is not None
    assert answer.bound is not None
    assert sign * answer.objective >= sign * truth - room
    assert sign * answer.bound <= sign * truth + room
    assert answer.gap <= gap * (1 + 1e-9)
    assert abs(answer.objective - truth) <= (gap + RELATIVE) * max(1e-6, abs(truth))
    assert violation(program, answer.point) <= 1e-7
    integers = answer.point[program.integer]
    assert np.array_equal(integers, np.round(integers))
    assert answer.objective == program.objective(answer.point)
    assert answer.method == "outer approximation"


def quadratic_objective(seed: int) -> Program:
    rng = np.random.default_rng(seed)
    model = Model()
    w = model.variable("w", 5, lower=0, upper=1)
    z = model.variable("z", 5, binary=True)
    lots = model.variable("lots", lower=-2, upper=2, integer=True)
    model.add("budget", w.sum() == 1)
    model.add("only_if", w <= z)
    model.add("few", z.sum() <= 2)
    model.add("minimum", w >= 0.2 * z)
    e = w - rng.dirichlet(np.ones(5)) + 0.1 * lots
    goal = model.quadratic(definite(rng, 5, 3), e) + 0.3 * (rng.standard_normal(5) @ w) + 2.0
    if seed % 2:
        model.maximise(-1.0 * goal)
    else:
        model.minimise(goal)
    return model.freeze()


def quadratic_rows(seed: int) -> Program:
    rng = np.random.default_rng(seed)
    model = Model()
    w = model.variable("w", (2, 3), lower=-1, upper=1)
    y = model.variable("y", 4, binary=True)
    risk = model.quadratic(definite(rng, 3), w)
    model.add("risk", risk <= 0.05 + 0.3 * y[:2])
    model.add("both", -1.0 * model.quadratic(np.eye(3), w).sum() >= -1.5 + 0.7 * y[2])
    model.add("open", y.sum() >= 1)
    model.maximise((w * rng.standard_normal((2, 3))).sum() - rng.uniform(0.05, 0.3, 4) @ y)
    return model.freeze()


def big_m(seed: int, scale: float = 1.0) -> Program:
    rng = np.random.default_rng(seed)
    n, T, R = 3, 2, 3
    model = Model()
    W = model.variable("W", (T, n), lower=0, upper=1)
    Z = model.variable("Z", (R, T), binary=True)
    cost = model.variable("cost", T)
    model.add("one", Z.sum(0) == 1)
    model.add("budget", W.sum(-1) == 1)
    for r in range(R):
        f = model.quadratic(scale * definite(rng, n), W) + scale * (W @ rng.standard_normal(n))
        model.add(f"cost_at_{r}", cost >= f - 10.0 * scale * (1 - Z[r]))
    trade = model.variable("trade", n, lower=0)
    model.add("buy", trade >= W[1] - W[0])
    model.minimise(cost.sum() + 0.1 * scale * trade.sum())
    return model.freeze()


def hull(seed: int, scale: float = 1.0) -> Program:
    rng = np.random.default_rng(seed)
    n, T, R = 3, 2, 3
    model = Model()
    Z = model.variable("Z", (R, T), binary=True)
    V = model.variable("V", (R, T, n), lower=0, upper=1)
    s = model.variable("s", (R, T))
    cost = model.variable("cost", T)
    model.add("one", Z.sum(0) == 1)
    model.add("budget", V.sum(-1) == Z)
    Y = stack([V[r] @ np.linalg.cholesky(scale * definite(rng, n)) for r in range(R)])
    model.cone("curve", Y, s, Z)
    model.add("cost_is", cost == (s + (V * (scale * rng.standard_normal((R, 1, n)))).sum(-1)).sum(0))
    trade = model.variable("trade", n, lower=0)
    model.add("buy", trade >= V[:, 1].sum(0) - V[:, 0].sum(0))
    model.minimise(cost.sum() + 0.1 * scale * trade.sum())
    return model.freeze()


def cones(seed: int) -> Program:
    rng = np.random.default_rng(seed)
    model = Model()
    w = model.variable("w", 4, lower=-1, upper=1)
    k = model.variable("k", 2, lower=0, upper=2, integer=True)
    t = model.variable("t", upper=50)
    z = model.variable("z", lower=0, upper=4)
    model.cone("turned", stack([w[0] + w[1], w[2] - 0.5, w[3] + 0.2 * k[0]]), t + 0.3 * k[1], z)
    model.cone("norm", w, 0.4 + 0.3 * k.sum(), 0.5 + 0.2 * k[0])
    model.add("spread", z <= 1 + 0.5 * k[1])
    model.minimise(t + 0.1 * (np.array([1.0, 2.0]) @ k) + rng.standard_normal(4) @ w + 0.2 * z)
    return model.freeze()


KINDS = {
    "objective": quadratic_objective,
    "rows": quadratic_rows,
    "big-m": big_m,
    "hull": hull,
    "cones": cones,
}


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")  # of the enumeration
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_what_enumeration_finds(kind: str, seed: int) -> None:
    program = KINDS[kind](seed)
    assert_right(program, solve(program, Settings()), enumerated(program))


@pytest.mark.parametrize("build", [hull, big_m])
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_answers_do_not_depend_on_the_unit_of_cost(build, scale: float) -> None:
    plain, scaled = solve(build(0), Settings()), solve(build(0, scale), Settings())
    assert plain.objective is not None
    assert scaled.objective is not None
    assert scaled.status == "optimal"
    assert scaled.gap <= 1e-6
    assert scaled.objective == pytest.approx(scale * plain.objective, rel=1e-5)


@pytest.mark.parametrize("kind", ["objective", "rows", "hull", "cones"])
def test_continuous_programs_get_the_same_treatment(kind: str) -> None:
    program = replace(KINDS[kind](0), integer=np.zeros(KINDS[kind](0).n, dtype=bool))
    truth = best_with(program)(np.empty(0))
    assert_right(program, solve(program, Settings()), -truth if program.maximise else truth)


def test_an_infeasible_program_is_called_infeasible() -> None:
    model = Model()
    w = model.variable("w", 2, lower=0, upper=1)
    z = model.variable("z", 2, binary=True)
    model.add("ball", model.quadratic(np.eye(2), w) <= 0.3)
    model.add("sum", w.sum() >= 1)
    model.add("one", z.sum() == 1)
    model.minimise(z[0])
    answer = solve(model.freeze(), Settings())
    assert answer.status == "infeasible"
    assert answer.x is None


def test_integers_alone_can_make_it_infeasible() -> None:
    model = Model()
    k = model.variable("k", lower=0, upper=3, integer=True)
    w = model.variable("w", lower=-5, upper=5)
    model.add("near", model.quadratic([[1.0]], (k - 1.5 + 0 * w).reshape(1)) <= 0.1)
    model.minimise(w)
    assert solve(model.freeze(), Settings()).status == "infeasible"


def test_an_unbounded_program_is_called_unbounded() -> None:
    model = Model()
    w = model.variable("w", 2)
    z = model.variable("z", binary=True)
    model.minimise(model.quadratic([[1.0]], w[:1]) + w[1] + z)
    assert solve(model.freeze(), Settings()).status == "unbounded"


def test_an_unbounded_box_is_no_obstacle_to_a_bounded_program() -> None:
    model = Model()
    w = model.variable("w", 2)
    k = model.variable("k", integer=True)
    model.minimise(
        model.quadratic(np.eye(2), w - 0.3) + model.quadratic([[1.0]], (k - 2.4 + w[0]).reshape(1)) - w[1]
    )
    answer = solve(model.freeze(), Settings())
    # k = 2: (w0 - .3)^2 + (w0 - .4)^2 is least at .35; (w1 - .3)^2 - w1 at .8
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(0.005 + 0.25 - 0.8, abs=1e-6)


def test_the_time_limit_is_kept_and_the_incumbent_returned() -> None:
    rng = np.random.default_rng(0)
    model = Model()
    w = model.variable("w", 40, lower=0, upper=1)
    z = model.variable("z", 40, binary=True)
    model.add("budget", w.sum() == 1)
    model.add("only_if", w <= z)
    model.add("few", z.sum() <= 8)
    model.add("minimum", w >= 0.08 * z)
    model.minimise(model.quadratic(definite(rng, 40), w) + 0.05 * (rng.standard_normal(40) @ w))
    started = time.perf_counter()
    answer = solve(model.freeze(), Settings(time_limit=0.7, gap=0.0))
    assert time.perf_counter() - started < 1.5
    assert answer.status == "feasible"
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.bound <= answer.objective
    assert violation(answer.program, answer.point) <= 1e-7


def test_a_start_is_used_and_progress_told_in_the_users_sense() -> None:
    program = quadratic_objective(1)
    first = solve(program, Settings())
    told: list[tuple[float, float | None, float | None]] = []
    again = solve(program, Settings(start=first.point, progress=lambda *now: told.append(now)))
    assert again.objective == pytest.approx(first.objective, rel=1e-6)
    assert told
    assert first.objective is not None
    assert all(value is None or value <= first.objective + 1e-6 for _, value, _ in told)
    assert all(bound is None or bound >= first.objective - 1e-6 for _, _, bound in told)


@pytest.mark.parametrize("seed", range(5))
def test_cuts_hold_on_the_cones_and_touch_where_they_were_made(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lifted = lift(cones(seed) if seed % 2 else hull(seed))
    outside = rng.standard_normal(lifted.q.size)
    cuts = cuts_at(lifted, tangents(lifted, lifted.members(outside)), np.arange(lifted.cones))
    for _ in range(20):
        t, z, inside = _inside(lifted, rng)
        members = inside.copy()
        heads = lifted.pointer[:-1]
        members[heads], members[heads + 1] = t, z
        slopes = tangents(lifted, members)
        values = _cut_of_members(lifted, slopes, members)
        assert np.allclose(values, 0.0, atol=1e-9)
        random = tangents(lifted, lifted.members(rng.standard_normal(lifted.q.size)))
        assert np.all(_cut_of_members(lifted, random, members) >= -1e-9)
    assert np.all(np.isfinite(cuts.matrix.data))


def _inside(lifted, rng):
    members = rng.standard_normal(lifted.K.shape[0])
    z = rng.uniform(0.1, 2, lifted.cones)
    heads = lifted.pointer[:-1]
    members[heads] = members[heads + 1] = 0.0
    squares = np.add.reduceat(members**2, heads)
    return squares / z, z, members


def _cut_of_members(lifted, slopes, members):
    heads = lifted.pointer[:-1]
    inner = np.add.reduceat(slopes * members, heads)
    return members[heads] - 2 * inner + np.add.reduceat(slopes**2, heads) * members[heads + 1]
