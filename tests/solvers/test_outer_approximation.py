"""Outer approximation against enumeration of the integers with an independent conic solver (Clarabel)."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import cvxpy
import numpy as np
import pytest

from proofolio import random_instance
from proofolio.program.builder import Builder
from proofolio.program.expression import stack
from proofolio.program.program import Program
from proofolio.solvers.highs.solver import solve
from proofolio.solvers.limits import NEVER
from proofolio.solvers.outer_approximation.assignment import assign
from proofolio.solvers.outer_approximation.cutting_planes import CuttingPlanes
from proofolio.solvers.outer_approximation.incumbents import leaves, one_hot_groups
from proofolio.solvers.outer_approximation.lifted import lift
from proofolio.solvers.outer_approximation.reductions import substitute
from proofolio.solvers.outer_approximation.relaxation import cuts_at, tangents
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.solution import Settings, Solution

RELATIVE = 2e-6
# CVXPY says so of the enumeration, where an assignment is nearly infeasible
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")


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
    model = Builder()
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
    model = Builder()
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
    model = Builder()
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
    model = Builder()
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
    model = Builder()
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
    model = Builder()
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
    model = Builder()
    k = model.variable("k", lower=0, upper=3, integer=True)
    w = model.variable("w", lower=-5, upper=5)
    model.add("near", model.quadratic([[1.0]], (k - 1.5 + 0 * w).reshape(1)) <= 0.1)
    model.minimise(w)
    assert solve(model.freeze(), Settings()).status == "infeasible"


def test_an_unbounded_program_is_called_unbounded() -> None:
    model = Builder()
    w = model.variable("w", 2)
    z = model.variable("z", binary=True)
    model.minimise(model.quadratic([[1.0]], w[:1]) + w[1] + z)
    assert solve(model.freeze(), Settings()).status == "unbounded"


def test_an_unbounded_box_is_no_obstacle_to_a_bounded_program() -> None:
    model = Builder()
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
    model = Builder()
    w = model.variable("w", 40, lower=0, upper=1)
    z = model.variable("z", 40, binary=True)
    model.add("budget", w.sum() == 1)
    model.add("only_if", w <= z)
    model.add("few", z.sum() <= 8)
    model.add("minimum", w >= 0.08 * z)
    model.minimise(model.quadratic(definite(rng, 40), w) + 0.05 * (rng.standard_normal(40) @ w))
    started = time.perf_counter()
    answer = solve(model.freeze(), Settings(time_limit=0.7, gap=0.0))
    assert time.perf_counter() - started < 0.7 + 1.0  # the promise: a second beyond the limit
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


def test_parts_that_nothing_ties_together_are_closed_one_by_one() -> None:
    rng = np.random.default_rng(3)
    n, T, R = 4, 8, 3
    Q, c = np.stack([definite(rng, n) for _ in range(R)]), rng.standard_normal((R, T, n))
    model = Builder()
    W = model.variable("W", (T, n), lower=0, upper=1)
    Z = model.variable("Z", (R, T), binary=True)
    cost = model.variable("cost", T)
    model.add("one", Z.sum(0) == 1)
    model.add("budget", W.sum(-1) == 1)
    for r in range(R):
        f = model.quadratic(Q[r], W) + (W * c[r]).sum(-1)
        model.add(f"cost_at_{r}", cost >= f - 20.0 * (1 - Z[r]))
    model.minimise(cost.sum())
    program = model.freeze()
    answer = solve(program, Settings(gap=1e-5))
    w = cvxpy.Variable(n)
    truth = 0.0
    for t in range(T):
        goals = [cvxpy.quad_form(w, cvxpy.psd_wrap(Q[r])) + c[r, t] @ w for r in range(R)]
        simplex = [w >= 0, cvxpy.sum(w) == 1]
        truth += min(
            float(cvxpy.Problem(cvxpy.Minimize(g), simplex).solve(solver=cvxpy.CLARABEL)) for g in goals
        )
    assert len(lift(program).components()) == T
    assert_right(program, answer, truth, gap=1e-5)


@pytest.mark.parametrize("binding", [False, True])
def test_bounds_on_costs_and_epigraphs_count_when_they_matter(binding: bool) -> None:
    rng = np.random.default_rng(1)
    model = Builder()
    V = model.variable("V", (2, 3), lower=0, upper=0.6)
    Z = model.variable("Z", 2, binary=True)
    s = model.variable("s", 2, lower=0, upper=0.05 if binding else 9.0)
    W = model.variable("W", 3, lower=0, upper=0.45 if binding else 1.0)
    cost = model.variable("cost", lower=-9, upper=9)
    model.add("one", Z.sum() == 1)
    model.add("budget", V.sum(-1) == Z)
    model.add("whole", W == V.sum(0))
    L = np.linalg.cholesky(definite(rng, 3) + 0.05 * np.eye(3))
    model.cone("curve", V @ L, s, Z)
    model.add("cost_is", cost == s.sum() + (V * rng.standard_normal((2, 3))).sum())
    model.minimise(cost)
    program = model.freeze()
    truth = enumerated(program)
    answer = solve(program, Settings())
    if np.isinf(truth):
        assert answer.status == "infeasible"
    else:
        assert_right(program, answer, truth)


def test_thousands_of_variable_bounds_are_added_only_when_violated() -> None:
    rng = np.random.default_rng(2)
    n = 2100
    model = Builder()
    w = model.variable("w", n, lower=0)
    z = model.variable("z", n, binary=True)
    model.add("only_if", w <= 0.5 * z)
    model.add("budget", w.sum() == 1)
    model.add("few", z.sum() <= 4)
    level = rng.uniform(1, 3, n)
    model.minimise(model.quadratic(np.diag(level[:20]), w[:20]) + level @ w)
    small = substitute(lift(model.freeze()))
    assert small.lifted.lazy is not None
    assert np.count_nonzero(small.lifted.lazy) == n
    answer = solve(model.freeze(), Settings(gap=1e-6))
    held = np.sort(level)[:2]
    assert answer.status == "optimal"
    assert np.all(answer["w"] <= 0.5 * answer["z"] + 1e-9)
    assert answer.objective is not None
    assert answer.objective <= 0.5 * held.sum() + 0.25 * level[:20].max() + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_columns_taken_out_come_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lifted = lift(hull(seed))
    small = substitute(lifted)
    assert small.kept.size < lifted.q.size
    u = rng.standard_normal(small.kept.size)
    x = small.expand(u)
    equations = np.flatnonzero(lifted.row_lower == lifted.row_upper)
    missing = lifted.A[equations] @ x - lifted.row_lower[equations]
    assert np.count_nonzero(np.abs(missing) < 1e-9) >= lifted.q.size - small.kept.size
    assert small.lifted.value(u) == pytest.approx(lifted.value(x))
    assert np.allclose(small.lifted.members(u), lifted.members(x))


@pytest.mark.parametrize("build", [hull, big_m, quadratic_objective, quadratic_rows, cones])
def test_the_program_left_by_an_assignment_has_the_same_optimum(build) -> None:
    program = build(5)
    lifted = lift(program)
    best = best_with(program)
    own = np.flatnonzero(program.integer)
    for values in itertools.islice(
        itertools.product(*[(program.lower[j], program.upper[j]) for j in own]), 40
    ):
        integers = np.array(values)
        left = assign(lifted, integers, integers)
        point = left.solve(Settings()) if left is not None else None
        truth = best(integers)
        if point is None:
            assert np.isinf(truth)
            continue
        point = lifted.raised(point)
        assert lifted.violation(point) <= 1e-7
        assert lifted.value(point) == pytest.approx(truth, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("gap", [0.3, 0.03])
@pytest.mark.parametrize("kind", KINDS)
def test_a_wide_gap_is_honest(kind: str, gap: float) -> None:
    for seed in range(10, 16):
        program = KINDS[kind](seed)
        sign = -1.0 if program.maximise else 1.0
        exact, rough = solve(program, Settings(gap=1e-7)), solve(program, Settings(gap=gap))
        assert rough.gap <= gap
        assert exact.objective is not None
        assert rough.objective is not None
        assert rough.bound is not None
        room = 1e-6 * abs(exact.objective)
        assert sign * rough.bound <= sign * exact.objective + room
        assert sign * rough.objective >= sign * exact.objective - room
        assert sign * rough.bound <= sign * rough.objective


def test_a_choice_among_sums_is_one_among_their_parts() -> None:
    m = Builder()
    z, part = m.variable("z", 4, binary=True), m.variable("part", 6, binary=True)
    other = m.variable("other", 2, binary=True)
    m.add("one", z[:3].sum() == 1)
    m.add("same", part[0] == z[0])
    m.add("two", part[1] + part[2] == z[1])
    m.add("turned", z[2] - part[3] - part[4] == 0)
    m.add("no_member", part[5] == z[3])
    m.add("no_sum", other[0] + other[1] >= z[0])
    m.minimise(z.sum() + part.sum())
    lifted = lift(m.freeze())
    group = one_hot_groups(lifted, lifted.integer)
    assert np.unique(group[:3]).size == 1
    parts = leaves(lifted, group, lifted.integer)
    np.testing.assert_array_equal(parts >= 0, [False] * 4 + [True] * 5 + [False] * 3)
    assert np.unique(parts[4:9]).tolist() == np.unique(group[:3]).tolist()


def test_priming_solves_quadratic_programs_where_a_regime_has_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_instance(4, 3, 4, varying=True).to_program("hull")
    asked = []
    monkeypatch.setattr(clarabel, "solve", lambda program, settings: asked.append(program))
    small = substitute(lift(program))
    state = CuttingPlanes(small.lifted, Settings(), NEVER)
    state.prime()
    assert not asked
    point = small.expand(state.incumbents.point)
    assert state.incumbents.value == pytest.approx(program.objective(point[: program.n]))
