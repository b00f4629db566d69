"""Native and new lowerings of the older constructs: optima agree, doors refuse in words, M is never worse."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import (
    Model,
    UnboundedExpression,
    UnsupportedProgram,
    absolute,
    implies,
    maximum,
    minimum,
    positive_part,
    product,
    selected_cost,
    solve,
)
from proofolio.formulations.costs import RegimeCosts

POINTS = [(-2.0, 1.0), (1.5, 1.5), (0.25, -0.75)]


@pytest.mark.parametrize("lowering", ["big-m", "six-row", "hull", "indicator", "sos1"])
@pytest.mark.parametrize("at", POINTS)
def test_extrema_take_their_value(lowering, at):
    for function, value in ((maximum, max(*at, -1.0)), (minimum, min(*at, -1.0))):
        for sign in (1, -1):
            model = Model()
            u = model.variable("u", 2, -3, 3)
            v = function(model, "v", [u[0], u[1], -1.0], lowering=lowering)
            model.add("at", u == np.array(at))
            model.minimise(sign * v)
            native = lowering in ("indicator", "sos1")
            answer = solve(model.freeze(), solver="scip" if native else "highs")
            assert answer.objective == pytest.approx(sign * value, abs=1e-6)


@pytest.mark.parametrize("lowering", ["hull", "big-m", "six-row", "indicator", "sos1"])
@pytest.mark.parametrize("at", [-2.0, 0.0, 1.25])
def test_signs_take_their_value(lowering, at):
    for function, value in ((absolute, abs(at)), (positive_part, max(at, 0.0))):
        for sign in (1, -1):
            model = Model()
            u = model.variable("u", lower=-2, upper=3)
            v = function(model, "v", u, lowering=lowering)
            model.add("at", u == at)
            model.minimise(sign * v)
            native = lowering in ("indicator", "sos1")
            answer = solve(model.freeze(), solver="scip" if native else "highs")
            assert answer.objective == pytest.approx(sign * value, abs=1e-6)


def test_bounds_that_decide_leave_nothing_to_choose():
    model = Model()
    low, high = model.variable("low", 2, -3, -1), model.variable("high", 2, 2, 5)
    before = model.n
    assert minimum(model, "a", [low, high]) is not None
    absolute(model, "b", low)
    positive_part(model, "c", high)
    assert model.n == before


@pytest.mark.parametrize("function", [absolute, positive_part])
def test_native_lowerings_need_no_bounds_and_the_others_name_what_is_missing(function):
    model = Model()
    free = model.variable("free", 2)
    function(model, "a", free, lowering="sos1")
    function(model, "b", free, lowering="indicator")
    for lowering in ("hull", "big-m", "six-row"):
        with pytest.raises(UnboundedExpression, match="free"):
            function(model, f"c_{lowering}", free, lowering=lowering)


def test_a_language_without_the_construct_refuses_in_words():
    for lowering, doors in (("indicator", ("to_pyomo", "to_cvxpy")), ("sos1", ("to_cvxpy",))):
        model = Model()
        z = model.variable("z", binary=True)
        implies(model, "cap", z, model.variable("x", lower=0, upper=4) <= 1, lowering=lowering)
        for door in doors:
            with pytest.raises(UnsupportedProgram, match="cap"):
                getattr(model.freeze(), door)()


@pytest.mark.parametrize("when", [0, 1])
@pytest.mark.parametrize("lowering", ["big-m", "hull", "indicator", "sos1"])
def test_implied_rows_hold_exactly_while_switched_on(lowering, when):
    for z_at in (0, 1):
        model = Model()
        z, x = model.variable("z", binary=True), model.variable("x", lower=0, upper=4)
        implies(model, "cap", z, x <= 1, when=when, lowering=lowering)
        model.add("at", z == z_at)
        model.maximise(x)
        solver = "scip" if lowering in ("indicator", "sos1") else "highs"
        assert solve(model.freeze(), solver=solver).objective == pytest.approx(1 if z_at == when else 4)


def test_the_published_rows_with_one_m_are_looser_than_one_m_a_row():
    """The order rows cut nothing off the relaxation, and one M for all is the largest of them."""
    bounds = {}
    for lowering in ("big-m", "six-row"):
        model = Model()
        u = model.variable("u", 2, [0, 0], [1, 8])
        v = maximum(model, "v", u, lowering=lowering)
        chosen = model.freeze()
        M = {b.name: b.switch.big_m for b in chosen.rows if b.switch is not None}
        bounds[lowering] = M["v_at_most"].tolist()
        assert v.shape == ()
    assert bounds == {"big-m": [8.0, 1.0], "six-row": [8.0, 8.0]}


def test_a_product_of_binaries_takes_three_rows():
    model = Model()
    a, b = model.variable("a", 3, binary=True), model.variable("b", 3, binary=True)
    product(model, "both", a, b, lowering="binary")
    assert model.freeze().A.shape[0] == 9
    product(model, "four", a, b)
    assert model.freeze().A.shape[0] == 9 + 12


COSTS = RegimeCosts(
    np.stack([np.diag([1.0, 2.0]), np.diag([3.0, 0.5])])[:, None],
    np.array([[[0.5, -0.25]], [[-0.75, 1.0]]]),
    np.array([[0.1], [-0.2]]),
)


@pytest.mark.parametrize("quadratic", [False, True])
def test_every_lowering_of_the_selected_cost_has_one_optimum(quadratic):
    costs = COSTS if quadratic else RegimeCosts(0 * COSTS.Q, COSTS.c, COSTS.k)
    found = {}
    for lowering in ("big-m", "multiple-big-m", "indicator", "hull"):
        model = Model()
        w, Z = model.variable("w", (3, 2), 0, 1), model.variable("Z", (2, 3), binary=True)
        model.add("budget", w.sum(-1) == 1)
        model.add("one", Z.sum(0) == 1)
        model.add("each", Z[0].sum() == 2)  # two periods in regime 0
        cost = selected_cost(model, "cost", Z, w, costs, lowering=lowering, budget=1.0)
        model.minimise(cost.sum())
        found[lowering] = solve(model.freeze(), solver="scip").objective
    assert np.ptp(list(found.values())) < 1e-5, found


def test_multiple_big_m_is_at_least_as_tight_in_the_relaxation():
    values = {}
    for lowering in ("big-m", "multiple-big-m"):
        model = Model()
        w, Z = model.variable("w", (1, 2), 0, 1), model.variable("Z", (3, 1), 0, 1, integer=True)
        model.add("budget", w.sum(-1) == 1)
        model.add("one", Z.sum(0) == 1)
        c = np.array([[[1.0, 0.5]], [[-1.0, 2.0]], [[4.0, 4.5]]])
        costs = RegimeCosts(np.zeros((3, 1, 2, 2)), c, np.zeros((3, 1)))
        cost = selected_cost(model, "cost", Z, w, costs, lowering=lowering, budget=1.0)
        model.add("mixed", Z[:, 0] == np.array([0.5, 0.25, 0.25]))
        model.minimise(cost.sum())
        program = model.freeze()
        values[lowering] = solve(
            replace(program, integer=np.zeros(program.n, bool)), solver="highs"
        ).objective
    assert values["multiple-big-m"] > values["big-m"] + 0.1
