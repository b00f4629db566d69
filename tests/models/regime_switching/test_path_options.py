"""Rules of the regimes against enumeration of every path, or of every set of covered regimes."""

import itertools

import cvxpy as cp
import numpy as np
import pytest

from proofolio import BadData, Covered, RegimeSwitching, UnsupportedProgram

N, T, R = 2, 4, 3
WAYS = [("highs", None), ("scip", "big-m"), ("highs", "big-m"), ("scip", None), ("scip", "indicator")]
FORWARD = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]], dtype=bool)  # regime 2 is left at once


def data(seed, periods=T):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((R, N, N))
    Q = np.einsum("rij,rkj->rik", A, A) / N
    return (Q + np.swapaxes(Q, 1, 2)) / 2, 0.5 * rng.standard_normal((R, periods, N))


def declare(seed=0, **options):
    return RegimeSwitching(*data(seed), **options)


def least(regimes, Q, c):
    """The least cost that holds in every one of some regimes."""
    w, top = cp.Variable(N), cp.Variable()
    rows = [cp.quad_form(w, cp.psd_wrap(Q[r])) + c[r] @ w <= top for r in regimes]
    problem = cp.Problem(cp.Minimize(top), [*rows, cp.sum(w) == 1, w >= 0])
    problem.solve(cp.CLARABEL)
    assert problem.status == "optimal"
    return problem.value


def moves_allowed(path):
    return all(FORWARD[a, b] for a, b in itertools.pairwise(path))


def changes(path):
    return sum(a != b for a, b in itertools.pairwise(path))


def kept(periods):
    """Whatever regime is entered after period 0 stays for so many periods, or to the end."""

    def rule(path):
        entered = [t for t in range(1, T) if path[t] != path[t - 1]]
        return all(path[s] == path[t] for t in entered for s in range(t, min(t + periods, T)))

    return rule


CASES = {
    "transitions": ({"transitions": FORWARD}, moves_allowed, 0.0),
    "dwell": ({"dwell": 2}, kept(2), 0.0),
    "longer dwell": ({"dwell": 3}, kept(3), 0.0),
    "longest dwell": ({"dwell": 9}, kept(9), 0.0),
    "max switches": ({"max_switches": 1}, lambda path: changes(path) <= 1, 0.0),
    "no switches": ({"max_switches": 0}, lambda path: changes(path) == 0, 0.0),
    "all of them, at a cost": (
        {"transitions": FORWARD, "dwell": 2, "max_switches": 1, "switch_cost": 0.05},
        lambda path: moves_allowed(path) and kept(2)(path) and changes(path) <= 1,
        0.05,
    ),
    "dwell, at a cost": ({"dwell": 2, "switch_cost": 0.05}, kept(2), 0.05),
}


@pytest.mark.parametrize("name", CASES)
def test_rules_of_the_path_reach_the_optimum_of_enumeration(name, pytestconfig):
    options, rule, sigma = CASES[name]
    full = pytestconfig.getoption("--full")
    for seed in range(6 if full else 2):
        Q, c = data(seed)
        phi = [[least([r], Q, c[:, t]) for t in range(T)] for r in range(R)]
        paths = [path for path in itertools.product(range(R), repeat=T) if rule(path)]
        value = {path: sum(phi[r][t] for t, r in enumerate(path)) + sigma * changes(path) for path in paths}
        optimum = min(value.values())
        program = declare(seed, **options)
        for solver, lowering in WAYS if full else WAYS[: 2 - seed]:
            answer = program.solve(solver, lowering)
            assert answer.ok, (solver, lowering, answer.failed)
            assert answer.objective == pytest.approx(optimum, abs=5e-6)
            assert answer.bound == pytest.approx(optimum, abs=1e-5)
            assert value[tuple(answer.path.tolist())] == pytest.approx(optimum, abs=5e-6)
        assert not program.separable


def covers(p, epsilon):
    """Every set of regimes that is likely enough."""
    subsets = itertools.chain.from_iterable(itertools.combinations(range(R), m) for m in range(1, R + 1))
    return [s for s in subsets if sum(p[r] for r in s) >= 1.0 - epsilon - 1e-12]


@pytest.mark.parametrize("epsilon", [0.0, 0.25, 0.5, 0.95])
def test_covered_regimes_reach_the_optimum_over_all_likely_sets(epsilon):
    Q, c = data(2)
    p = np.array([[0.5, 0.2, 0.6, 0.1], [0.3, 0.2, 0.3, 0.1], [0.2, 0.6, 0.1, 0.8]])
    optimum = sum(min(least(s, Q, c[:, t]) for s in covers(p[:, t], epsilon)) for t in range(T))
    program = declare(2, covered=Covered(p, epsilon))
    for solver, lowering in [("highs", None), ("highs", "big-m"), ("scip", "big-m"), ("scip", "indicator")]:
        answer = program.solve(solver, lowering)
        assert answer.ok, (solver, lowering, answer.failed)
        assert answer.objective == pytest.approx(optimum, abs=5e-6)
        assert answer.bound == pytest.approx(optimum, abs=1e-5)
        assert np.all((p * answer.Z).sum(axis=0) >= 1.0 - epsilon - 1e-9)
        f = program.costs.value(answer.W.T)
        assert answer.cost == pytest.approx(np.where(answer.Z == 1, f, -np.inf).max(axis=0), abs=1e-6)
        assert program.objective(answer.W, answer.Z) == pytest.approx(optimum, abs=5e-6)
        with pytest.raises(UnsupportedProgram, match="read Z"):
            _ = answer.path


@pytest.mark.parametrize("tier", ["interval", "lp", "mip"])
def test_big_m_of_covered_regimes_cuts_no_covered_point_off(tier):
    """At any weights, and any set of regimes, cost = the costliest satisfies every row."""
    program = declare(3, covered=Covered([0.4, 0.3, 0.3], 0.5), lower=-0.5, upper=1.5)
    built = program.to_program("big-m", tier)
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = np.zeros(built.n)
        first = rng.uniform(-0.5, 1.5, T)
        W = np.stack([first, 1.0 - first])
        Z = np.zeros((R, T))
        for t in range(T):
            Z[rng.choice(R, size=rng.integers(2, R + 1), replace=False), t] = 1.0
        f = program.costs.value(W.T)
        cost = np.where(Z == 1, f, -np.inf).max(axis=0)
        for name, value in (("W", W), ("Z", Z), ("cost", cost)):
            x[built.columns(name)] = value
        rows = built.quadratic
        assert len(rows) == R * T
        for i, forms in enumerate(rows.forms):
            body = rows.matrix[[i]] @ x + sum(form.value(x) for form in forms)
            assert rows.lower[i] - 1e-9 <= body[0] <= rows.upper[i] + 1e-9


@pytest.mark.parametrize("lowering", ["hull", "multiple-big-m"])
def test_covered_regimes_have_no_lowering_that_needs_one_regime(lowering):
    with pytest.raises(UnsupportedProgram, match="big-m"):
        declare(covered=Covered([0.4, 0.3, 0.3], 0.5)).to_program(lowering)


@pytest.mark.parametrize(
    ("path", "name", "options"),
    [
        ([0, 2, 0, 1], "transitions allowed", {"transitions": FORWARD}),
        ([0, 1, 0, 0], "dwell kept", {"dwell": 2}),
        ([0, 1, 1, 2], "switches within their limit", {"max_switches": 1}),
        ([0, 1, 1, 1], "regime path as fixed", {"path": [0, 1, 1, 0]}),
    ],
)
def test_a_check_of_each_rule_sees_a_path_that_breaks_it_alone(path, name, options):
    program = declare(**options)
    violated = program.rules.violations(program.indicators(path))
    assert [rule for rule, by in violated.items() if by] == [name]


def test_a_check_sees_covers_that_are_too_unlikely_or_empty():
    rules = declare(covered=Covered([0.5, 0.3, 0.2], 0.4)).rules
    Z = np.ones((R, T))
    assert not any(rules.violations(Z).values())
    Z[0, 2] = 0.0
    assert rules.violations(Z) == {"some regime a period": 0.0, "covered probability": pytest.approx(0.1)}
    Z[:, 2] = 0.0
    assert rules.violations(Z)["some regime a period"] == 1.0


HALF = Covered([0.5, 0.25, 0.25], 0.1)
BAD = {
    "transitions of others": ({"transitions": np.ones((2, 2))}, r"transitions has shape \(2, 2\).*\(3, 3\)"),
    "transitions of chances": ({"transitions": FORWARD / 2}, "transitions must hold truth values"),
    "no dwell": ({"dwell": 0}, "dwell is 0; it must be a whole number from 1"),
    "half a dwell": ({"dwell": 1.5}, "dwell is 1.5"),
    "switches negative": ({"max_switches": -1}, "max_switches is -1; it must be a whole number from 0"),
    "path against dwell": ({"path": [0, 1, 0, 0], "dwell": 2}, "path breaks a rule given beside it: dwell"),
    "path against transitions": ({"path": [2, 2, 0, 0], "transitions": FORWARD}, "path breaks .* transitions"),
    "path against switches": ({"path": [0, 1, 0, 0], "max_switches": 1}, "path breaks .* switches"),
    "chances of others": ({"covered": Covered([0.5, 0.5], 0.1)}, r"covered.probability has shape \(2,\)"),
    "chances short": ({"covered": Covered([0.5, 0.2, 0.2], 0.1)}, "add up to 1, not to 0.9"),
    "chances negative": ({"covered": Covered([1.2, -0.1, -0.1], 0.1)}, "covered.probability must be not negative"),
    "epsilon of one": ({"covered": Covered([0.5, 0.25, 0.25], 1.0)}, "covered.epsilon is 1.0"),
    "epsilon NaN": ({"covered": Covered([0.5, 0.25, 0.25], np.nan)}, "covered.epsilon holds NaN"),
    "covered by a number": ({"covered": 0.1}, "covered is a float"),
    "covered path": ({"covered": HALF, "path": [0] * T}, "covered cannot be combined with path"),
    "covered rules": (
        {"covered": HALF, "dwell": 2, "transitions": FORWARD, "max_switches": 1, "switch_cost": 0.1},
        "covered cannot be combined with transitions, dwell, max_switches, switch_cost",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    options, said = BAD[name]
    with pytest.raises(BadData, match=said):
        declare(**options)
