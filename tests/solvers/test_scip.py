"""SCIP against enumeration, closed forms and scipy, on every class of program it is said to take."""

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from proofolio.errors import BadData
from proofolio.models.regime_switching.instances import random_instance
from proofolio.program.builder import Builder
from proofolio.program.expression import between, stack
from proofolio.program.structure import FEATURES
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.fixing import fix
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.scip.solver import CAN, VERSION, solve
from proofolio.solvers.solution import Settings

PLAIN = Settings(time_limit=60)


def perspective(n=4, T=3, R=3, scale=1.0, switching=0.05, seed=0, maximise=False):
    """The hull form of the regime-switching program, with a cost per switch."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((R, n, n))
    L = np.linalg.cholesky(A @ A.swapaxes(1, 2) / n + 0.01 * np.eye(n)) * np.sqrt(scale)
    c = scale * 0.5 * rng.standard_normal((R, T, n))
    m = Builder()
    W, Z = m.variable("W", (T, n), 0, 1), m.variable("Z", (R, T), binary=True)
    V, s = m.variable("V", (R, T, n), 0, 1), m.variable("s", (R, T))
    cost, switch = m.variable("cost", T), m.variable("switch", (R, T - 1), lower=0)
    m.add("one", Z.sum(0) == 1)
    m.add("parts", V.sum(0) == W)
    m.add("budget", V.sum(2) == Z)
    m.add("at_most", V <= Z.reshape(R, T, 1))
    m.add("costs", cost == s.sum(0) + (V * c).sum((0, 2)))
    m.add("switches", switch >= Z[:, 1:] - Z[:, :-1])
    m.cone("perspective", stack([V[r] @ L[r] for r in range(R)]), s, Z)
    total = cost.sum() + switching * scale * switch.sum()
    if maximise:
        m.maximise(-total)
    else:
        m.minimise(total)
    return m.freeze()


def enumerated(program):
    """The optimum over all values of the binaries, each continuous rest by Clarabel."""
    columns = np.flatnonzero(program.integer)
    best = np.inf
    for values in itertools.product((0.0, 1.0), repeat=columns.size):
        left = fix(program, columns, values)
        if left.infeasible is None:
            found = clarabel.solve(left.program, Settings())
            if found.objective is not None:
                best = min(best, -found.objective if program.maximise else found.objective)
    return -best if program.maximise else best


def test_it_takes_every_class_and_says_its_version():
    assert frozenset(FEATURES) == CAN == SOLVERS["scip"].can
    assert VERSION.split(".")[0].isdigit()
    assert SOLVERS["scip"].name == "scip"


@pytest.mark.parametrize("seed", range(8))
def test_a_milp_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    n, rows = 8, 5
    A = np.round(rng.standard_normal((rows, n)), 1)
    c = rng.standard_normal(n)
    whole = rng.random(n) < 0.5
    lower, upper = -rng.integers(0, 3, n).astype(float), rng.integers(1, 5, n).astype(float)
    middle = A @ np.round((lower + upper) / 2)
    low, high = middle - rng.random(rows), np.where(rng.random(rows) < 0.4, np.inf, middle + rng.random(rows))
    m = Builder()
    w = m.variable("w", int(whole.sum()), lower[whole], upper[whole], integer=True)
    x = m.variable("x", n - int(whole.sum()), lower[~whole], upper[~whole])
    body = A[:, whole] @ w + A[:, ~whole] @ x
    m.add("low", body >= low)
    capped = np.flatnonzero(np.isfinite(high))
    m.add("range", between(low[capped] - 0.1, body[capped], high[capped]))
    sign = 1 if seed % 2 else -1
    value = c[whole] @ w + c[~whole] @ x + 2.5
    if sign > 0:
        m.minimise(value)
    else:
        m.maximise(value)
    ours = solve(m.freeze(), PLAIN)
    theirs = milp(
        sign * c,
        integrality=whole.astype(int),
        bounds=(lower, upper),
        constraints=LinearConstraint(A, low, high),
    )
    if theirs.status == 2:
        assert ours.status == "infeasible"
        return
    assert ours.status == "optimal"
    assert ours.objective == pytest.approx(sign * theirs.fun + 2.5, abs=1e-7)
    assert sign * ours.bound <= sign * ours.objective


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-6, 1e4])
@pytest.mark.parametrize("maximise", [False, True])
def test_a_perspective_program_agrees_with_enumeration_at_every_scale(scale, maximise):
    program = perspective(scale=scale, maximise=maximise)
    found = solve(program, PLAIN)
    assert found.status == "optimal"
    assert found.gap <= 1e-6
    assert found.objective == pytest.approx(enumerated(program), rel=1.5e-6)
    assert (found.bound <= found.objective) != maximise or found.bound == found.objective


@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("seed", range(3))
def test_big_m_quadratic_rows_agree_with_enumeration(seed, scale):
    rng = np.random.default_rng(seed)
    n, R = 4, 3
    A = rng.standard_normal((R, n, n))
    Q, c = scale * A @ A.swapaxes(1, 2) / n, scale * rng.standard_normal((R, n))
    m = Builder()
    w, z, cost = m.variable("w", n, 0, 1), m.variable("z", R, binary=True), m.variable("cost")
    m.add("budget", w.sum() == 1)
    m.add("one", z.sum() == 1)
    big = scale * 40.0
    for r in range(R):
        m.add(f"cost_{r}", m.quadratic(Q[r], w) + c[r] @ w - big * (1 - z[r]) <= cost)
    m.minimise(cost)
    program = m.freeze()
    found = solve(program, PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(enumerated(program), rel=2e-6, abs=1e-7 * scale)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_a_quadratic_objective_in_blocks_with_integers_agrees_with_enumeration(scale):
    rng = np.random.default_rng(5)
    A = rng.standard_normal((2, 3, 3))
    m = Builder()
    x, k = m.variable("x", (2, 3), -1, 1), m.variable("k", 3, binary=True)
    m.add("switched", x.sum(0) <= k)
    m.add("enough", x.sum() + 0.5 * k.sum() >= 1)
    curved = m.quadratic(scale * A @ A.swapaxes(1, 2), x).sum()
    m.minimise(curved - scale * 0.3 * x.sum() + scale * k.sum() - 2 * scale)
    program = m.freeze()
    found = solve(program, PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(enumerated(program), rel=2e-6)


def test_minimising_a_concave_form_ends_in_the_best_corner():
    rng = np.random.default_rng(1)
    A = rng.standard_normal((5, 5))
    Q = -(A @ A.T)
    c = rng.standard_normal(5)
    m = Builder()
    x = m.variable("x", 5, -1, 2)
    m.minimise(m.quadratic(Q, x) + c @ x)
    corners = np.array(list(itertools.product((-1.0, 2.0), repeat=5)))
    best = np.min(np.einsum("ki,ij,kj->k", corners, Q, corners) + corners @ c)
    found = solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
def test_an_indefinite_form_on_the_simplex_is_solved_globally(scale):
    # With Q = [[1, a], [a, 1]], x'Qx at (t, 1 - t) is 1 - 2 t (1 - t)(1 - a), least at t = 1/2.
    m = Builder()
    x = m.variable("x", 2, 0, 1)
    m.add("budget", x.sum() == 1)
    m.minimise(m.quadratic(scale * np.array([[1.0, -3.0], [-3.0, 1.0]]), x))
    found = solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(-1.0 * scale, rel=1e-6)
    np.testing.assert_allclose(found["x"], 0.5, atol=1e-3)


def test_a_nonconvex_row_has_the_closed_form_optimum():
    m = Builder()
    x = m.variable("x", 2, 0, 10)
    m.add("product", m.quadratic([[0, 0.5], [0.5, 0]], x) >= 4)
    m.minimise(x @ [1.0, 4.0])
    found = solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(8.0, rel=1e-6)
    np.testing.assert_allclose(found["x"], [4, 1], atol=1e-2)


def test_cones_with_free_affine_and_constant_members():
    m = Builder()
    x, t, z = m.variable("x", 2), m.variable("t"), m.variable("z")
    m.cone("free", x - [1.0, 2.0], 2 * t + 1, z)
    m.cone("disc", x, 1.0, 0.25)
    m.minimise(t + z)
    # The disc of radius 1/2 comes as near to (1, 2) as d; then (2t + 1) z = d^2 with the least t + z.
    d = np.hypot(1, 2) - 0.5
    found = solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(np.sqrt(2) * d - 0.5, rel=1e-6)


def test_t_and_z_of_a_cone_cannot_be_negative():
    m = Builder()
    x, t, z = (
        m.variable("x", 1, -1, 1),
        m.variable("t", lower=-5, upper=5),
        m.variable("z", lower=-5, upper=5),
    )
    m.cone("c", x, t, z)
    m.add("sum", t + z <= -1)
    m.minimise(x.sum())
    assert solve(m.freeze(), PLAIN).status == "infeasible"
    m = Builder()
    m.cone("c", m.variable("x", 1), m.variable("t"), -1.0)
    m.minimise(0.0)
    assert solve(m.freeze(), PLAIN).status == "infeasible"


@pytest.mark.parametrize(("when", "best", "binary"), [(1, 3.0, 1.0), (0, 3.0, 0.0)])
def test_an_indicator_holds_at_its_value_only(when, best, binary):
    m = Builder()
    x, z = m.variable("x", lower=0, upper=10), m.variable("z", binary=True)
    m.indicator("low", z, between(1, x, 3), when=when)
    reward = 8 * z if when else 8 * (1 - z)
    m.maximise(x + reward - 8)
    found = solve(m.freeze(), PLAIN)
    assert found.objective == pytest.approx(best)
    assert found["z"] == pytest.approx(binary)


def test_an_indicator_needs_a_binary():
    m = Builder()
    x = m.variable("x", lower=0, upper=10)
    m.indicator("low", m.variable("z", binary=True), x <= 3)
    m.minimise(-x)
    program = m.freeze()
    with pytest.raises(BadData, match="z"):
        solve(replace(program, integer=np.zeros(program.n, dtype=bool)), PLAIN)


@pytest.mark.parametrize("seed", range(3))
def test_special_ordered_sets_agree_with_enumeration_of_supports(seed):
    rng = np.random.default_rng(seed)
    gain, share = rng.random(4) + 0.1, 0.5 + rng.random(4)
    for kind, supports in ((1, [{0}, {1}, {2}, {3}]), (2, [{0, 1}, {1, 2}, {2, 3}])):
        m = Builder()
        x = m.variable("x", 4, 0, 1)
        (m.sos1 if kind == 1 else m.sos2)("set", x)
        m.add("room", share @ x <= 1)
        m.maximise(gain @ x)
        best = 0.0
        for support in supports:
            keep = np.array([j in support for j in range(4)])
            best = max(
                best, -milp(-gain, bounds=(0, keep.astype(float)), constraints=(share[None], -np.inf, 1)).fun
            )
        found = solve(m.freeze(), PLAIN)
        assert found.objective == pytest.approx(best, rel=1e-7)


def test_without_rows_and_without_columns():
    m = Builder()
    x = m.variable("x", 3, -1, 1)
    m.maximise(2 * x.sum() + 1)
    assert solve(m.freeze(), PLAIN).objective == pytest.approx(7)
    m = Builder()
    m.minimise(3.0)
    found = solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x.size) == ("optimal", 3.0, 3.0, 0)


def test_an_objective_of_zero_is_optimal():
    m = Builder()
    x = m.variable("x", 3, 0, 1)
    m.minimise(m.quadratic(np.eye(3), x))
    found = solve(m.freeze(), PLAIN)
    assert found.status == "optimal"
    assert found.objective == pytest.approx(0.0, abs=1e-9)


def _unbounded_line(m):
    m.minimise(m.variable("x"))


def _unbounded_concave(m):
    m.minimise(m.quadratic([[-1.0]], m.variable("x", 1)))


def _unbounded_integers(m):
    x, y = m.variable("x", integer=True), m.variable("y", lower=0)
    m.add("row", x - y >= 0.5)
    m.maximise(x)


@pytest.mark.parametrize("build", [_unbounded_line, _unbounded_concave, _unbounded_integers])
def test_unbounded_programs_are_said_to_be(build):
    m = Builder()
    build(m)
    found = solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x) == ("unbounded", None, None, None)


def test_infeasible_is_told_from_unbounded():
    m = Builder()
    x, y = m.variable("x", integer=True, lower=0, upper=5), m.variable("y")
    m.add("odd", 2 * x == 3)
    m.minimise(y)
    found = solve(m.freeze(), PLAIN)
    assert (found.status, found.objective, found.bound, found.x) == ("infeasible", None, None, None)


# Nothing but the start can be the first solution: presolving, heuristics and propagation are off.
ONLY_THE_START = {
    "limits/solutions": 1,
    "presolving/maxrounds": 0,
    "propagating/maxroundsroot": 0,
    "heuristics/trivial/freq": -1,
}


@pytest.mark.parametrize("known", ["all", "integers"])
def test_a_start_is_used(known):
    program = perspective()
    Z = program.columns("Z")
    values = np.zeros(Z.shape)
    values[1] = 1
    left = fix(program, Z, values)
    complete = left.expand(clarabel.solve(left.program, Settings()).point)
    start = complete.copy()
    if known == "integers":
        start[~program.integer] = np.nan
    found = solve(program, Settings(start=start, options=ONLY_THE_START))
    np.testing.assert_allclose(found["Z"], values, atol=1e-9)
    assert found.objective == pytest.approx(program.objective(complete), rel=1e-5)


def test_a_start_of_the_wrong_length_is_bad_data():
    with pytest.raises(BadData, match="start has shape"):
        solve(perspective(), Settings(start=np.zeros(3)))


def test_a_time_limit_counts_building_and_leaves_a_true_bound():
    program = perspective(n=12, T=12, R=4)
    found = solve(program, Settings(time_limit=0.4, gap=0.0))
    assert found.status in ("feasible", "limit")
    assert found.seconds < 3
    if found.bound is not None and found.objective is not None:
        assert found.bound <= found.objective


def test_options_pass_through_and_unknown_ones_are_named():
    program = perspective()
    assert solve(program, Settings(options={"limits/nodes": 1, "separating/maxroundsroot": 0})).nodes <= 1
    with pytest.raises(BadData, match="limits/nonsense"):
        solve(program, Settings(options={"limits/nonsense": 1}))
    with pytest.raises(BadData, match="limits/nodes"):
        solve(program, Settings(options={"limits/nodes": "many"}))
    with pytest.raises(BadData, match="limits/gap"):
        solve(program, Settings(options={"limits/gap": -3.0}))


def test_nothing_is_printed(capfd):
    solve(perspective(), PLAIN)
    m = Builder()
    x = m.variable("x", 2, 0, 3)
    m.add("product", m.quadratic([[0, 0.5], [0.5, 0]], x) >= 1)
    m.minimise(x.sum())
    solve(m.freeze(), Settings(start=np.array([np.nan, 1.0])))
    assert capfd.readouterr() == ("", "")


def test_progress_speaks_in_the_user_s_sense_and_its_errors_come_out():
    program = perspective(n=8, T=6, R=4, maximise=True)
    heard = []
    found = solve(program, Settings(progress=lambda *news: heard.append(news), time_limit=20))
    assert heard
    assert [seconds for seconds, *_ in heard] == sorted(seconds for seconds, *_ in heard)
    slack = 1e-6 * abs(found.objective)
    assert all(objective is None or objective <= found.bound + slack for _, objective, _ in heard)
    assert all(bound is None or bound >= found.objective - slack for *_, bound in heard)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(program, Settings(progress=stop))


def test_the_same_seed_gives_the_same_answer():
    program = perspective()
    first, second = (solve(program, Settings(seed=7)) for _ in range(2))
    assert first.nodes == second.nodes
    np.testing.assert_array_equal(first.x, second.x)


def test_programs_of_equal_periods_are_solved_to_the_true_optimum():
    """With its symmetry handling SCIP 10 calls -3.849 optimal here; separation, and enumeration of periods, -4.363."""
    model = random_instance(10, 8, 4)
    found = model.solve(solver="scip", lowering="indicator", time_limit=60)
    assert found.objective == pytest.approx(model.solve(method="separation").objective, abs=1e-6)


def test_an_error_of_scip_is_an_error_after_cvxpy_redirected_its_output():
    """From then on PySCIPOpt prints SCIP's errors in Python: a run without Python's lock ended the process."""
    code = """
import pyscipopt
import proofolio as pf
pyscipopt.Model().redirectOutput()
m = pf.Model()
x, b = m.variable("x", 3, -1, 1), m.variable("b", 3, binary=True)
m.minimise(m.quadratic([[1, 2, 0], [2, -1, 1], [0, 1, -2]], x) + b.sum())
m.add("r", x.sum() + b[0] >= 0.3)
options = {"numerics/feastol": 1e-13, "numerics/lpfeastolfactor": 1e-6, "presolving/maxrounds": 0}
try:
    print(pf.solve(m.freeze(), solver="scip", confirm="none", options=options).status)
except pf.SolverFailure as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.strip() in ("solver-optimal", "SCIP failed: SCIP: error in LP solver!")
