"""Disjunctions and implications of convex quadratic sets, against closed forms; numbers given for M."""

from dataclasses import replace

import numpy as np
import pytest

import proofolio.verification.model as checked
from proofolio import (
    BadData,
    InvalidBigM,
    Model,
    UnboundedExpression,
    UnprovenBigM,
    UnsupportedProgram,
    disjunction,
    implies,
    solve,
)

LOWERINGS = ("big-m", "multiple-big-m", "hull", "indicator")
CENTRES = np.array([[-1.0, 1.0], [2.0, 0.5], [0.5, -2.0]])
SHAPES = np.array([[[1, 0.25], [0.25, 0.5]], [[2.0, 0], [0, 0.5]], [[1, 0.75], [0.75, 1]]])
SIZES = np.array([0.5, 0.25, 0.75])


def ellipse(model, x, k):
    """(x - m)'Q(x - m) <= r."""
    Q, m = SHAPES[k], CENTRES[k]
    return model.quadratic(Q, x) - 2 * ((Q @ m) * x).sum() + m @ Q @ m <= SIZES[k]


def lowest(price, k):
    """The least of price'x over an ellipse, in closed form."""
    return price @ CENTRES[k] - np.sqrt(SIZES[k] * price @ np.linalg.solve(SHAPES[k], price))


def built(lowering, several=False, **options):
    model = Model(m_checker=None)
    x = model.variable("x", 2, [-3, -4], [4, 3])
    sets = [ellipse(model, x, 0), [ellipse(model, x, 1)], [ellipse(model, x, 2), x[1] <= 1]]
    chosen = disjunction(model, "d", sets, lowering=lowering, at_least_one=several, **options)
    return model, x, chosen


PRICES = [np.array(p) for p in ([1.0, 0.5], [-1.0, 0.25], [0.25, 1.0], [0.5, -1.0])]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_optima_are_those_of_the_best_ellipse(lowering, several):
    for price in PRICES:
        model, x, _ = built(lowering, several)
        model.minimise((x * price).sum())
        best = min(lowest(price, k) for k in range(3))
        solvers = ("scip",) if lowering == "indicator" else ("scip", "highs")
        for solver in solvers if price is PRICES[0] else solvers[-1:]:
            assert solve(model.freeze(), solver=solver).objective == pytest.approx(best, abs=2e-5)


def test_every_point_is_allowed_exactly_where_it_lies_in_a_set(pytestconfig):
    rng, said = np.random.default_rng(0), set()
    count = 12 if pytestconfig.getoption("--full") else 5
    for lowering in LOWERINGS:
        model, _, _ = built(lowering)
        program = model.freeze()
        at, switches = program.columns("x"), program.columns("d")
        for point in rng.uniform([-2.5, -3], [3, 2.5], (count, 2)):
            inside = [
                (point - m) @ Q @ (point - m) - r for m, Q, r in zip(CENTRES, SHAPES, SIZES, strict=True)
            ]
            for k in range(3):
                if abs(inside[k]) < 1e-3:
                    continue
                lower, upper = program.lower.copy(), program.upper.copy()
                lower[at] = upper[at] = point
                lower[switches[k]] = 1
                answer = solve(replace(program, lower=lower, upper=upper), solver="scip")
                assert (answer.status in ("infeasible", "solver-infeasible")) == (inside[k] > 0)
                said.add(bool(inside[k] > 0))
    assert said == {True, False}


def test_the_relaxed_hull_is_the_convex_hull_and_relaxed_big_m_is_not():
    gaps = {}
    for lowering in ("hull", "big-m"):
        gaps[lowering] = []
        for price in PRICES:
            model, x, _ = built(lowering)
            model.minimise((x * price).sum())
            program = model.freeze()
            relaxed = replace(program, integer=np.zeros(program.n, bool))
            best = min(lowest(price, k) for k in range(3))
            gaps[lowering].append(best - solve(relaxed, solver="highs").objective)
    assert np.abs(gaps["hull"]).max() < 2e-5
    assert min(gaps["big-m"]) > 0.05


def test_perspective_rows_read_as_they_are_written():
    program = built("hull")[0].freeze()
    assert len(program.cones) == 3
    assert not len(program.quadratic)
    assert [block.name for block in program.cones.blocks] == [f"d_{k}_0_square_cone" for k in range(3)]


@pytest.mark.parametrize("when", [0, 1])
@pytest.mark.parametrize("lowering", ["big-m", "hull", "indicator", "sos1"])
def test_implied_balls_hold_where_the_switch_says(lowering, when):
    for fixed in (0, 1):
        model = Model()
        z, x = model.variable("z", 2, binary=True), model.variable("x", (2, 2), -3, [[3, 2], [1, 4]])
        implies(
            model, "r", z, -2.0 * model.quadratic(np.eye(2), x) + x[:, 0] >= -3, when=when, lowering=lowering
        )
        model.add("held", z == fixed)
        model.minimise(-x.sum())
        # 2 |x|^2 - x_0 <= 3 is a disc around (1/4, 0)
        disc = 0.25 + np.sqrt(2 * (1.5 + 1 / 16))
        best = -2 * disc if fixed == when else -10.0
        # the box of the second row, x_0 <= 1, cuts its disc nowhere near x_0 = x_1 = 1.13 - but for this
        found = solve(model.freeze(), solver="scip").objective
        if fixed == when:
            top = np.sqrt(1.5 + 1 / 16 - 0.75**2)
            best = -disc - (1 + top)
        assert found == pytest.approx(best, abs=1e-5)


def test_numbers_for_m_are_used_as_they_stand_without_a_checker():
    model, _, _ = built("big-m", big_m=[30.0, 60.0, 40.0])
    program = model.freeze()
    rows = {block.name: block for block in program.quadratic.blocks}
    for k, M in enumerate([30.0, 60.0, 40.0]):
        row = program.quadratic.matrix[rows[f"d_{k}_0"].rows].toarray()[0]
        assert row[program.columns("d")[k]] == M
        assert rows[f"d_{k}_0"].switch.tier == "given"
    pairs = np.arange(9.0).reshape(3, 3)
    program = built("multiple-big-m", big_m=pairs)[0].freeze()
    rows = {block.name: block for block in program.quadratic.blocks}
    for k in range(3):
        row = program.quadratic.matrix[rows[f"d_{k}_0"].rows].toarray()[0]
        assert row[program.columns("d")].tolist() == [-pairs[k, s] if s != k else 0 for s in range(3)]


def stripes(big_m, lowering="big-m", keep=False, several=False):
    """x in [0, 2], [4, 5] or [9, 10] of [0, 10]."""
    model = checked.Model()
    x = model.variable("x", (), 0, 10)
    sets = [[x <= 2], [x >= 4, x <= 5], [x >= 9]]
    disjunction(model, "d", sets, lowering=lowering, big_m=big_m, keep=keep, at_least_one=several)
    return model.freeze()


def big_m_of(program):
    return {block.name: float(block.switch.big_m[0]) for block in program.rows if block.switch is not None}


@pytest.mark.parametrize("several", [False, True])
def test_given_m_is_held_against_the_other_sets(several):
    # x <= 2 needs 8 (set 2), x >= 4 needs 4 (set 0), x <= 5 needs 5 (set 2), x >= 9 needs 9 (set 0)
    need = {"d_0_0": 8.0, "d_1_0": 4.0, "d_1_1": 5.0, "d_2_0": 9.0}
    assert big_m_of(stripes(50.0, several=several)) == pytest.approx(need)
    assert big_m_of(stripes(50.0, keep=True, several=several)) == dict.fromkeys(need, 50.0)
    assert big_m_of(stripes([8, 5, 9], several=several)) == pytest.approx(need)
    for short, name in (([7.99, 5, 9], "d_0_0"), ([8, 4.99, 9], "d_1_1"), ([8, 5, 8.99], "d_2_0")):
        with pytest.raises(InvalidBigM, match=f"{name}.*is needed at x = "):
            stripes(short, several=several)


def test_given_pairs_are_held_against_their_set_and_may_be_negative():
    need = np.array([[0, 3, 8.0], [4, 0, 5], [9, 5, 0]])
    program = stripes(need, "multiple-big-m")
    rows = {block.name: block for block in program.rows}
    row = program.A[rows["d_2_0"].rows].toarray()[0]  # 9 - x <= 9 d_0 + 5 d_1
    assert row[program.columns("d")].tolist() == [-9, -5, 0]
    row = program.A[rows["d_1_0"].rows].toarray()[0]  # 4 - x needs 4 in set 0 and -5 in set 2: tightened to 0
    assert row[program.columns("d")].tolist() == [-4, 0, 0]
    row = program.A[rows["d_1_1"].rows].toarray()[
        0
    ]  # x - 5 <= 5 d_2, and 0 d_0: x <= 2 leaves three to spare
    assert row[program.columns("d")].tolist() == [0, 0, -5]
    stripes(np.array([[0, 3, 8.0], [4, 0, 5], [9, 5, 0]]) + np.diag([-1.0, -1, -1]), "multiple-big-m")
    for k, s in ((0, 1), (0, 2), (1, 0), (2, 0), (2, 1)):
        short = need.copy()
        short[k, s] -= 0.01
        with pytest.raises(InvalidBigM, match="is needed"):
            stripes(short, "multiple-big-m")


def test_entries_that_share_variables_are_checked_one_at_a_time():
    # entry 0 in set 1 says x >= 8; entry 1 in set 1 says x >= 3: only its own set bounds an entry
    model = checked.Model()
    x = model.variable("x", (), 0, 10)
    sets = [np.ones(2) * x <= [1, 2], np.ones(2) * x >= [8, 3]]
    disjunction(model, "d", sets, lowering="big-m", big_m=100.0)
    blocks = {block.name: block.switch.big_m.tolist() for block in model.freeze().rows if block.switch}
    assert blocks["d_0_0"] == pytest.approx([9, 8])
    assert blocks["d_1_0"] == pytest.approx([8, 3])


def test_given_m_of_quadratic_rows_is_proved_or_warned_of():
    def discs(M, keep=False):
        model = checked.Model()
        x = model.variable("x", 2, -2, 3)
        ball = model.quadratic(np.eye(2), x)
        disjunction(model, "d", [ball <= 1, x.sum() >= 4], lowering="big-m", big_m=M, keep=keep)
        block = {b.name: b for b in model.freeze().quadratic.blocks}["d_0_0"]
        return float(block.switch.big_m[0])

    assert discs(17.0) == pytest.approx(17.0)  # at (3, 3)
    assert discs(40.0) == pytest.approx(17.0)
    assert discs(40.0, keep=True) == 40.0
    with pytest.raises(InvalidBigM, match=r"17 is needed at x\[0\] = 3"):
        discs(16.5)
    model = checked.Model()
    x = model.variable("x", 2, -2, 3)
    ball = model.quadratic(np.eye(2), x)
    # the other disc reaches x_0 = 1, not 3: points are held against linear rows alone, so no refutation
    with pytest.warns(UnprovenBigM, match="not proved"):
        disjunction(model, "d", [x[0] <= 0, ball <= 1], lowering="big-m", big_m=[1.0, 20.0])


def test_what_is_not_such_a_disjunction_is_named():
    model = Model()
    x, free = model.variable("x", 2, 0, 1), model.variable("free", 2)
    ball = model.quadratic(np.eye(2), x)
    with pytest.raises(BadData, match="one finite side"):
        disjunction(model, "a", [ball == 1, x[0] >= 0.5])
    with pytest.raises(UnsupportedProgram, match="indefinite"):
        disjunction(model, "b", [ball >= 1, x[0] >= 0.5])
    for lowering in ("big-m", "multiple-big-m", "hull"):
        with pytest.raises(UnboundedExpression, match="free"):
            disjunction(
                model,
                f"c_{lowering}",
                [model.quadratic(np.eye(2), free) <= 1, free[0] >= 2],
                lowering=lowering,
            )
    for big_m, words in (
        (-1.0, "not negative"),
        (np.inf, "finite"),
        ([1, 2, 3], "broadcast"),
        ("magic", "tier"),
    ):
        with pytest.raises(BadData, match=words):
            disjunction(model, f"d{words}", [ball <= 1, x[0] >= 1], lowering="big-m", big_m=big_m)
    with pytest.raises(BadData, match="interval bounds or numbers"):
        disjunction(model, "e", [ball <= 1, x[0] >= 1], lowering="multiple-big-m", big_m="lp")


def test_a_copy_of_a_model_is_apart():
    model = Model()
    model.add("row", model.variable("x", 2, 0, 1).sum() <= 1)
    copy = model.copy()
    copy.variable("y")
    assert (model.n, copy.n) == (2, 3)
    assert model.freeze().column_names == ("x[0]", "x[1]")
    model.variable("y", 3)
    assert copy.freeze().column_names == ("x[0]", "x[1]", "y")
    assert copy.freeze().row_names == ("row",)
