"""Options of the regime-switching program together: the interfaces, the methods, and what is refused."""

import numpy as np
import pytest

import proofolio as pf
from proofolio import Covered, Group, RegimeSwitching, UnsupportedProgram
from proofolio.solvers.solution import OPTIMAL

N, T, R = 3, 3, 2


def data(seed, indefinite=False):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((R, N, N))
    Q = np.einsum("rij,rkj->rik", A, A) / N
    Q = (Q + np.swapaxes(Q, 1, 2)) / 2
    return Q - indefinite * 0.5 * np.eye(N), 0.5 * rng.standard_normal((R, T, N))


def declare(seed=0, indefinite=False, **options):
    return RegimeSwitching(*data(seed, indefinite), **options)


SEVERAL = {
    "lower": -0.5,
    "net": (0.6, 1.0),
    "gross": 1.6,
    "groups": [Group([0, 2], upper=0.8)],
    "minimum_position": 0.2,
    "cardinality": 2,
    "transitions": [[True, True], [False, True]],
    "dwell": 2,
    "max_switches": 1,
    "switch_cost": 0.01,
    "turnover_cost": 0.01,
    "quadratic_impact": 0.05,
    "power_impact": 0.05,
    "turnover_limit": 1.0,
    "initial": [0.3, 0.3, 0.3],
}
LOTS = {"round_lots": 0.2, "turnover_cost": 0.01, "covered": Covered([0.7, 0.3], 0.3), "power_impact": 0.1}


@pytest.mark.parametrize(
    "options", [SEVERAL, SEVERAL | {"impact_pieces": 4}, LOTS], ids=["cones", "pieces", "lots"]
)
def test_the_interfaces_give_the_optimum_of_the_matrix_form(options, pytestconfig):
    program = declare(4, **options)
    answer = program.solve()
    assert answer.claim == "optimal"  # of the form built, chords and all
    assert answer.ok, answer.failed
    as_built = answer.program.objective(answer.x)
    for lowering in (None, "big-m") if pytestconfig.getoption("--full") else (None,):
        pyomo, problem = program.to_pyomo(lowering), program.to_cvxpy(lowering)
        for built in (pyomo, problem, program.to_program(lowering)):
            found = pf.solve(built, "highs")
            assert found.ok, found.failed
            assert found.objective == pytest.approx(as_built, abs=2e-6)
        W = np.array([[pyomo.W[i, t].value for t in range(T)] for i in range(N)])
        Z = np.array([[pyomo.Z[r, t].value for t in range(T)] for r in range(R)])
        assert program.objective(W, Z) <= as_built + 2e-6
        assert program.objective(W, Z) >= answer.bound - 2e-6
        assert max(program.holdings.violations(W).values()) < 1e-6
        assert not any(program.rules.violations(np.round(Z)).values())
        assert sum(pyomo.cost[t].value for t in range(T)) == pytest.approx(answer.cost.sum(), abs=1e-3)
        assert {"W", "Z", "cost"} <= {v.name() for v in problem.variables()}


def test_both_solvers_agree_on_several_options(pytestconfig):
    program = declare(4, **SEVERAL)
    optimum = program.solve().objective
    ways = [("highs", "big-m"), ("scip", None), ("scip", "big-m"), ("highs", "multiple-big-m")]
    for way in ways if pytestconfig.getoption("--full") else ways[:2]:
        answer = program.solve(*way)
        assert answer.ok, (way, answer.failed)
        assert answer.objective == pytest.approx(optimum, abs=2e-6), way


def test_minimum_positions_with_indicators_are_solved_by_scip_to_the_optimum():
    """With a tolerance below its own epsilon SCIP cut the optimum off here and called -0.3802 optimal."""
    program = declare(0, minimum_position=0.3, lower=-1.0)
    truth = program.solve()
    assert program.solve("scip", "indicator").objective == pytest.approx(truth.objective, abs=2e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("groups", {"groups": [Group([0], upper=0.9)]}),
        ("cardinality", {"cardinality": 2}),
        ("minimum_position", {"minimum_position": 0.1}),
        ("round_lots", {"round_lots": 0.1}),
        ("net", {"net": (0.0, 1.0)}),
        ("gross", {"gross": 1.0}),
        ("transitions", {"transitions": np.ones((R, R))}),
        ("dwell", {"dwell": 2}),
        ("max_switches", {"max_switches": 1}),
        ("covered", {"covered": Covered([0.5, 0.5], 0.1)}),
        ("quadratic_impact", {"quadratic_impact": 0.1}),
        ("power_impact", {"power_impact": 0.1}),
        ("turnover_limit", {"turnover_limit": 0.5}),
    ],
)  # fmt: skip
def test_an_option_goes_by_the_built_form_only(name, options):
    program = declare(0, **options)
    assert program.options == (name,)
    for method in ("separation", "path"):
        with pytest.raises(UnsupportedProgram, match=f"does not know {name}: use method='whole'"):
            program.solve(method=method)
    answer = program.solve()
    assert answer.ok, answer.failed
    assert answer.method not in ("separation", "path")


def test_a_program_without_options_still_takes_its_methods():
    assert declare(0).solve().method == "separation"
    assert declare(0, turnover_cost=0.01, switch_cost=0.01).solve().method == "path"


INDEFINITE = {"cardinality": 2, "turnover_cost": 0.01}


def test_indefinite_costs_need_scip():
    program = declare(2, indefinite=True, **INDEFINITE)
    assert not program.convex
    for call in (lambda: program.solve("highs"), lambda: program.solve(lowering="hull"), program.to_cvxpy):
        with pytest.raises(UnsupportedProgram, match="scip"):
            call()


def test_indefinite_costs_are_solved_to_the_global_optimum_over_a_grid_of_lots():
    Q, c = data(2, indefinite=True)
    assert np.linalg.eigvalsh(Q).min() < -0.1
    points = np.array([(i, j, 5 - i - j) for i in range(6) for j in range(6 - i)]) / 5.0
    values = np.array(
        [[((points @ Q[r]) * points).sum(1) + points @ c[r, t] for t in range(T)] for r in range(R)]
    )
    optimum = values.min(axis=(0, 2)).sum()
    program = declare(2, indefinite=True, round_lots=0.2)
    for way in (("scip", None), ("scip", "big-m"), ("scip", "indicator")):
        answer = program.solve(*way)
        assert answer.ok, (way, answer.failed)
        assert answer.objective == pytest.approx(optimum, abs=2e-6)
    assert pf.solve(program.to_pyomo(), "scip").objective == pytest.approx(optimum, abs=2e-6)


def test_an_m_that_nothing_proves_makes_no_optimum():
    program = declare(0, cardinality=1)
    needed = program.solve(lowering="big-m")
    assert needed.status == "solver-optimal"
    ample = program.solve(lowering="big-m", big_m=100.0)
    assert ample.status == "solver-optimal"
    small = program.solve(lowering="big-m", big_m=1e-3)
    assert small.status not in OPTIMAL
    assert any(c.name == "M" and not c.ok for c in small.checks)


def test_numbers_for_multiple_big_m_make_no_optimum():
    program = declare(1)
    assert program.solve(lowering="multiple-big-m").status == "solver-optimal"
    given = program.solve(lowering="multiple-big-m", big_m=np.full((R, R, T), 50.0))
    assert given.status == "verified-feasible"
    assert [c.name for c in given.failed] == ["M"]


def test_sums_of_weights_that_may_vary_do_not_sharpen_bounds():
    """With net (0, 1) no weights at all are feasible, where f_1 - f_0 = 2 is more than on the budget."""
    program = RegimeSwitching(np.zeros((2, 2, 2)), [[2, 2], [0, 0]], [-2.0, 0.0], periods=1, net=(0, 1))
    for way in (("highs", "big-m"), ("highs", "hull"), ("highs", "multiple-big-m"), ("scip", "big-m")):
        answer = program.solve(*way)
        assert answer.ok
        assert answer.objective == pytest.approx(-2.0, abs=1e-6)
        assert answer.W == pytest.approx(np.zeros((2, 1)), abs=1e-6)


def test_fixing_and_uncoupling_keep_the_rules_they_can():
    program = declare(4, **SEVERAL)
    with pytest.raises(pf.BadData, match="path breaks a rule given beside it: transitions"):
        program.with_path([1, 0, 0])
    fixed = program.with_path([0, 1, 1])
    assert fixed.solve().objective >= program.solve().objective - 1e-6
    free = program.uncoupled()
    assert free.separable
    kept = tuple(name for name in program.holdings.options if name != "turnover_limit")
    assert free.holdings.options == kept
    assert free.holdings.cardinality == program.holdings.cardinality
    assert (free.holdings.upper == program.holdings.upper).all()
    assert free.solve().objective <= program.solve().objective + 1e-6


def test_the_costliest_regime_counts_where_several_are_marked():
    program = declare(0, covered=Covered([0.5, 0.5], 0.9))
    W = np.full((N, T), 1 / 3)
    f = program.costs.value(W.T)
    assert program.objective(W, np.ones((R, T))) == pytest.approx(f.max(axis=0).sum())
    assert declare(0).objective(W, [0, 1, 0]) == pytest.approx(f[[0, 1, 0], range(T)].sum())
    for path in ([0, 1, 0], np.zeros((R, T)), np.full((R, T), 2.0), np.ones((R, 1))):
        with pytest.raises(pf.BadData, match="path has shape"):
            program.objective(W, path)
