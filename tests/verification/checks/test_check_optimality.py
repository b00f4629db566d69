"""What is claimed of the objective: its value, its bound, and the optimality conditions of continuous programs."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import Model, RegimeSwitching, check
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.quadratic import piqp
from proofolio.solvers.solution import OPTIMAL, Settings, Solution
from proofolio.verification.checks.checking import status, status_after

SCALES = [1e-8, 1e-6, 1e-4, 1.0, 1e8]
CONDITIONS = {"dual feasibility", "complementarity", "duality gap"}


def failed(checks):
    return {c.name for c in checks if not c.ok}


def cheapest(scale, curved=False, maximise=False):
    """Weights that add up to one, at a cost of a given scale."""
    rng = np.random.default_rng(3)
    G, c, R = rng.normal(size=(6, 6)), rng.uniform(1, 2, 6), rng.normal(size=(2, 6))
    model = Model()
    w = model.variable("w", 6, 0, 0.6)
    model.add("budget", w.sum() == 1)
    model.add("limits", R @ w <= 0.3)
    cost = scale * (c @ w)
    if curved:
        cost = cost + model.quadratic(scale * G @ G.T, w)
    if maximise:
        model.maximise(-cost)
    else:
        model.minimise(cost)
    return model.freeze()


def optimum(program):
    found = solve_continuous(program, Settings())
    assert found.status == "optimal"
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("curved", [False, True], ids=["LP", "QP"])
@pytest.mark.parametrize("maximise", [False, True], ids=["min", "max"])
def test_an_optimum_satisfies_the_conditions_at_every_scale(scale, curved, maximise):
    program = cheapest(scale, curved, maximise)
    claim = optimum(program)
    checks = check(program, claim)
    assert {c.name for c in checks} >= CONDITIONS
    assert not failed(checks)
    assert status_after(claim, checks, 1e-6) == "verified-optimal"


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("curved", [False, True], ids=["LP", "QP"])
def test_a_point_a_thousandth_worse_is_not_an_optimum_at_any_scale(scale, curved):
    program = cheapest(scale, curved)
    claim = optimum(program)
    worst = optimum(replace(program, q=-program.q, P=0 * program.P)).point
    x = 0.99 * claim.point + 0.01 * worst
    value = program.objective(x)
    assert value > (1 + 1e-3) * claim.objective
    wrong = replace(claim, x=x, objective=value, bound=value)
    assert failed(check(program, wrong)) & CONDITIONS
    assert status_after(wrong, check(program, wrong), 1e-6) == "claim-wrong"


@pytest.mark.parametrize("scale", SCALES)
def test_multipliers_of_nothing_prove_nothing(scale):
    program = cheapest(scale)
    claim = optimum(program)
    nothing = replace(claim, duals={"rows": np.zeros(program.m)})
    assert "duality gap" in failed(check(program, nothing))


def test_the_sign_of_a_multiplier_counts():
    program = cheapest(1.0)
    claim = optimum(program)
    rows = claim.duals["rows"].copy()
    rows[1] = 0.5  # a positive multiplier needs a lower side, and limits[0] has none
    checks = check(program, replace(claim, duals={"rows": rows}))
    assert "dual feasibility" in failed(checks)
    assert any("limits[0]" in c.detail for c in checks)


def test_a_multiplier_of_a_row_with_room_is_not_complementary():
    model = Model()
    x = model.variable("x", lower=0, upper=2)
    model.add("loose", x >= -1)
    model.minimise(x)
    program = model.freeze()
    claim = Solution(program, "optimal", 0.0, 0.0, np.zeros(1), 0.0, "tests", "0", duals={"rows": np.ones(1)})
    assert failed(check(program, claim)) == {"complementarity", "duality gap"}


def test_a_fast_solver_that_is_not_there_yet_is_caught():
    program = cheapest(1.0, curved=True)
    hasty = piqp.solve(
        program, Settings(options={"eps_abs": 1e-2, "eps_rel": 1e-2, "check_duality_gap": False})
    )
    claim = replace(hasty, status="optimal")
    assert status_after(claim, check(program, claim), 1e-6) not in OPTIMAL


def test_only_a_claimed_optimum_needs_multipliers():
    program = cheapest(1.0)
    claim = optimum(program)
    feasible = replace(claim, status="feasible", duals={"rows": np.zeros(program.m)})
    assert not failed(check(program, feasible))
    assert status_after(feasible, check(program, feasible), 1e-6) == "verified-feasible"


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e4])
def test_the_objective_is_recomputed(scale, constant):
    program = replace(cheapest(scale), c=scale * constant)
    claim = optimum(program)
    assert not failed(check(program, claim))
    wrong = replace(claim, objective=claim.objective + 1e-3 * scale)
    assert "objective" in failed(check(program, wrong))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("maximise", [False, True], ids=["min", "max"])
def test_a_bound_that_a_known_point_beats_is_wrong(scale, maximise):
    program = cheapest(scale, maximise=maximise)
    claim = optimum(program)
    better = claim.objective + (1e-3 if maximise else -1e-3) * scale
    assert "bound" in failed(check(program, claim, known=[better]))
    assert status(check(program, claim, known=[better])) == "claim-wrong"
    worse = claim.objective - (1e-3 if maximise else -1e-3) * scale
    assert not failed(check(program, claim, known=[worse]))


def test_a_bound_beyond_the_claims_own_point_is_wrong():
    program = cheapest(1.0)
    claim = replace(optimum(program), bound=optimum(program).objective + 0.1)
    assert "bound" in failed(check(program, claim))


@pytest.mark.parametrize("scale", [1e-6, 1e-4])
@pytest.mark.parametrize("lowering", ["big-m", "hull"])
def test_a_regime_program_of_tiny_costs_is_held_to_them(scale, lowering):
    rng = np.random.default_rng(7)
    G = rng.normal(size=(2, 3, 3))
    declared = RegimeSwitching(
        Q=scale * G @ G.transpose(0, 2, 1), c=scale * rng.normal(size=(2, 3)), periods=3
    )
    answer = declared.solve("highs", lowering)
    assert answer.ok
    program = declared.to_program(lowering)
    values = answer.values
    assert status(check(program, values)) == "verified-feasible"
    cheaper = {name: v - 1e-2 * scale * name.startswith("cost") for name, v in values.items()}
    assert status(check(program, cheaper)) in ("infeasible-solution", "leaks")


def tilted(Q, cost, lower=-np.inf):
    """w'Qw - cost w_0 + k with k at 1000 and w free: at w = 0 the reduced cost of w_0 is all that is left."""
    model = Model()
    w, k = model.variable("w", 2, lower=lower), model.variable("k", lower=1000)
    model.minimise(model.quadratic(Q, w) - cost * w[0] + k)
    program = model.freeze()
    x = np.array([0.0, 0.0, 1000.0])
    duals = {"rows": np.empty(0)}
    return Solution(program, "optimal", 1000.0, 1000.0, x, 0.0, "values", "", duals=duals)


@pytest.mark.parametrize(
    ("Q", "cost", "word"),
    [
        # (w_0 - w_1)^2 is flat along (1, 1), where 1e-9 a step comes in for ever
        ([[1.0, -1.0], [-1.0, 1.0]], 1e-9, "solver-optimal"),
        ([[1.0, -1.0], [-1.0, 1.0]], 0.0, "verified-optimal"),
        # curved along everything: moving gains 1e-18
        ([[1.0, -0.5], [-0.5, 1.0]], 1e-9, "verified-optimal"),
        # hardly curved: at w_0 = 5e8 the gain is .25
        ([[1e-18, 0.0], [0.0, 1.0]], 1e-9, "solver-optimal"),
        ([[0.0, 0.0], [0.0, 1.0]], 1e-9, "solver-optimal"),
    ],
)
def test_a_small_reduced_cost_proves_nothing_along_a_flat_direction(Q, cost, word):
    claim = tilted(np.array(Q), cost)
    assert status_after(claim, check(claim.program, claim), 1e-6) == word
