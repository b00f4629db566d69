"""M by tiers for users: bounds against enumeration, given numbers refuted, proved, tightened or left open."""

import itertools
import re
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

import proofolio
from proofolio import (
    InvalidBigM,
    Model,
    RegimeSwitching,
    UnprovenBigM,
    implies,
    maximum,
    product,
    selected_cost,
)
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.program.builder import Builder

TIERS = ("interval", "lp", "mip")


def switches(model):
    program = model.freeze()
    blocks = (*program.rows, *program.quadratic.blocks)
    return {b.name: b.switch for b in blocks if b.switch is not None}


# ---------------------------------------------------------------------------------- tiers
def needed(program, a, binaries):
    """max a'x over the rows of a program, every assignment of the binaries tried."""
    A, best = program.A.toarray(), -np.inf
    for bits in itertools.product((0.0, 1.0), repeat=len(binaries)):
        lower, upper = program.lower.copy(), program.upper.copy()
        lower[binaries] = upper[binaries] = bits
        above, below = np.isfinite(program.row_upper), np.isfinite(program.row_lower)
        rows = np.vstack([A[above], -A[below]])
        limits = np.concatenate([program.row_upper[above], -program.row_lower[below]])
        answer = linprog(-a, rows, limits, bounds=np.stack([lower, upper], axis=1))
        best = max(best, -answer.fun if answer.status == 0 else -np.inf)
    return best


def random_model(seed, big_m):
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable(
        "x", 3, lower=np.round(-rng.uniform(0, 2, 3), 2), upper=np.round(rng.uniform(0, 3, 3), 2)
    )
    b = model.variable("b", 3, binary=True)
    model.add("mixed", x + 2 * b <= 2.5)
    model.add("half", 2 * b.sum() + x.sum() <= np.round(rng.uniform(2, 4), 2))
    program = model.freeze()
    z = model.variable("z", binary=True)
    row = np.round(rng.normal(size=(2, 6)), 2)
    u, v = (x @ r[:3] + b @ r[3:] for r in row)
    implies(model, "rule", z, u <= -0.25, big_m=big_m)
    maximum(model, "top", [u, v], big_m=big_m)
    product(model, "times", z, u, lowering="big-m", big_m=big_m)
    model.freeze()
    M = switches(model)
    top = lambda r: needed(program, r, [3, 4, 5])  # noqa: E731
    needs = {
        "rule_upper": [top(row[0]) + 0.25],
        "top_at_most": [top(row[1] - row[0]), top(row[0] - row[1])],
        "times_on_upper": [max(top(row[0]), top(-row[0]))],
    }
    return M, needs


@pytest.mark.parametrize("seed", range(6))
def test_no_tier_is_below_what_is_needed_and_each_is_at_most_the_one_before(seed):
    before = None
    for tier in TIERS:
        M, needs = random_model(seed, tier)
        for name, least in needs.items():
            if name in M:
                assert M[name].tier == tier
                assert np.all(M[name].big_m >= np.maximum(least, 0) - 1e-9)
                if before is not None:
                    assert np.all(M[name].big_m <= before[name].big_m + 1e-12)
        before = M
    for name, least in needs.items():  # the last tier knows all there is
        if name in M:
            assert M[name].big_m == pytest.approx(np.maximum(least, 0), abs=1e-4)


def budget(tier="interval", **options):
    model = Model()
    w, z = model.variable("w", 3, lower=0, upper=1), model.variable("z", binary=True)
    model.add("budget", w.sum() == 1)
    implies(model, "rule", z, 2 * w[0] + w[1] + w[2] <= 0.5, big_m=tier, **options)
    return model


def test_a_linear_program_knows_the_budget():
    assert float(switches(budget("interval"))["rule_upper"].big_m[0]) == 3.5
    model = budget("lp")
    assert float(switches(model)["rule_upper"].big_m[0]) == 1.5
    record = model.proofs[0]
    assert (record.name, record.tier, float(record.upper)) == ("rule_upper", "lp", 1.5)
    assert record.certified
    assert record.recheck()
    assert str(record) == "rule_upper: 2 w[0] + 1 w[1] + 1 w[2] + -0.5 <= 1.5 (lp, certified)"


def test_the_switch_is_held_where_the_row_need_not_hold():
    for tier, M in (("interval", 8.0), ("lp", 3.0), ("mip", 3.0)):
        for z_of, when in ((lambda z: z, 1), (lambda z: 1 - z, 0)):
            model = Model()
            x, z = model.variable("x", lower=0, upper=9), model.variable("z", binary=True)
            model.add("other", x <= 4 + 5 * z)
            implies(model, "rule", z_of(z), x <= 1, when=when, big_m=tier)
            assert switches(model)["rule_upper"].big_m == pytest.approx([M], abs=1e-5)
            implies(model, "again", z_of(z), x <= 1, when=when, big_m=3.0)
            assert switches(model)["again_upper"].big_m.tolist() == [3.0]
            assert all(r.recheck() for r in model.proofs if r.certified)
            with pytest.raises(InvalidBigM, match="3 is needed at x = 4, z = 0"):
                implies(model, "short", z_of(z), x <= 1, when=when, big_m=2.5)


def test_integers_know_more_and_are_not_certified():
    def built(tier):
        model = Model()
        b, z = model.variable("b", 3, binary=True), model.variable("z", binary=True)
        model.add("half", 2 * b.sum() <= 3)
        implies(model, "rule", z, b.sum() <= 0, big_m=tier)
        return model

    lp, mip = built("lp"), built("mip")
    assert float(switches(lp)["rule_upper"].big_m[0]) == 1.5
    assert 1.0 <= float(switches(mip)["rule_upper"].big_m[0]) <= 1.0 + 1e-5
    assert [(r.tier, r.certified, r.recheck()) for r in mip.proofs if r.upper > 0] == [("mip", False, False)]


def test_a_wrong_record_is_not_believed():
    record = budget("lp").proofs[0]
    assert not replace(record, upper=record.upper - 1).recheck()
    assert not replace(record, multipliers={}).recheck()


# -------------------------------------------------------------------------- a user's numbers
def witness(error, program):
    """The point in a message, by column, and the two numbers."""
    text = str(error.value)
    given = float(re.search(r"big_m = (\S+) of", text)[1])
    least, said = re.search(r"too small: (\S+) is needed at (.*)", text).groups()
    point = np.zeros(program.n)
    for part in said.split(", "):
        if part == "...":
            continue
        name, value = part.split(" = ")
        point[program.column_names.index(name)] = float(value)
    return given, float(least), point


def test_the_witness_is_feasible_and_cut_off():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        model = Model()
        w = model.variable("w", 4, lower=0, upper=[0.5, 0.4, 0.6, 0.9])
        z = model.variable("z", binary=True)
        model.add("budget", w.sum() == 1)
        model.add("link", w[0] + w[1] <= 0.3 + 0.4 * z)
        program, a = model.freeze(), np.round(rng.normal(size=4), 2)
        least = needed(program, np.append(a, 0), [4]) + 1
        with pytest.raises(InvalidBigM) as error:
            implies(model, "rule", z, w @ a <= -1, when=0, big_m=least - 0.01)
        given, said, point = witness(error, program)
        assert (given, said) == (pytest.approx(least - 0.01), pytest.approx(least))
        assert point[4] == 1  # the switch, where the row need not hold
        body = program.A @ point
        assert np.all((body >= program.row_lower - 1e-9) & (body <= program.row_upper + 1e-9))
        assert np.all((point >= program.lower) & (point <= program.upper))
        assert point[:4] @ a + 1 > given


def test_larger_than_proved_is_tightened_unless_kept():
    short = np.nextafter(np.nextafter(1.5, 0), 0)  # of rounding
    for big_m, M in ((9.0, 3.5), (2.0, 1.5), (1.5, 1.5), (np.nextafter(1.5, 0),) * 2, (short, short)):
        for keep, expected in ((False, M), (True, big_m)):
            switch = switches(budget(big_m, keep=keep))["rule_upper"]
            assert (switch.tier, float(switch.big_m[0])) == ("given", expected)
    for shortage in (1e-6, 1e-10):
        with pytest.raises(InvalidBigM):
            budget(1.5 - shortage)


def test_numbers_of_every_formulation_are_checked():
    def variables():
        model = Model()
        return model, model.variable("x", 2, lower=[-1, 0], upper=[2, 3]), model.variable("b", binary=True)

    for big_m, keep, M in ((3.0, False, 2.0), (3.0, True, 3.0), (2.0, False, 2.0)):
        model, x, b = variables()
        product(model, "v", b, x[0], lowering="big-m", big_m=big_m, keep=keep)
        assert set(np.concatenate([s.big_m for s in switches(model).values()])) == {M}
    for big_m, keep, M in (([5, 6], False, [4, 2]), ([5, 6], True, [5, 6])):
        model, x, b = variables()
        maximum(model, "v", [x[0], x[1]], big_m=big_m, keep=keep)
        assert switches(model)["v_at_most"].big_m.tolist() == M
    for build in (
        lambda m, x, b: product(m, "v", b, x[0], lowering="big-m", big_m=1.9),
        lambda m, x, b: maximum(m, "v", [x[0], x[1]], big_m=[3.9, 2]),
        lambda m, x, b: maximum(m, "v", [x[0], x[1]], side="at_most", big_m=[4, 1.9]),
    ):
        model, x, b = variables()
        before = model.n
        with pytest.raises(InvalidBigM, match="of 'v' is too small"):
            build(model, x, b)
        assert model.n == before  # nothing is left of a formulation that was refused
    plain = Builder()
    x, b = plain.variable("x", lower=-1, upper=2), plain.variable("b", binary=True)
    product(plain, "v", b, x, lowering="big-m", big_m=0.5)
    assert set(np.concatenate([s.big_m for s in switches(plain).values()])) == {0.5}


def test_what_is_open_is_warned_of_with_both_bounds():
    model = Model()
    x, z = model.variable("x", lower=-1), model.variable("z", binary=True)
    with pytest.warns(UnprovenBigM, match=r"big_m = 7 .* between \S+ and inf"):
        implies(model, "rule", z, x <= 2, big_m=7.0)
    assert float(switches(model)["rule_upper"].big_m[0]) == 7.0


# ------------------------------------------------------------------------------ regime costs
def costs(R=2, n=2, maxima=()):
    Q, c = np.zeros((R, 1, n, n)), np.zeros((R, 1, n))
    Q[0, 0], c[1, 0] = np.eye(n), 1.0
    return RegimeCosts(Q, c, np.zeros((R, 1)), tuple(maxima))


def regimes(big_m, data=None, upper=1.0, **options):
    data = data or costs()
    model = Model()
    W, Z = model.variable("W", (1, 2), 0, upper), model.variable("Z", (len(data.Q), 1), binary=True)
    model.add("budget", W.sum(1) == 1)
    model.add("one", Z.sum(0) == 1)
    selected_cost(model, "cost", Z, W, data, lowering="big-m", big_m=big_m, budget=1.0, **options)
    return model


def test_regime_costs_use_sharper_bounds_and_check_numbers():
    """w'w - 1 is at most 0.6^2 + 0.4^2 - 1 < 0 on the box, and 1 - w'w at most 1/2."""
    M = {tier: switches(regimes(tier, upper=0.6))["cost_at_least"].big_m for tier in TIERS}
    assert M["lp"][0] == pytest.approx(0.0, abs=1e-9)
    assert np.all(M["interval"] >= M["lp"] - 1e-12)
    assert np.all(M["lp"] >= M["mip"])
    assert 0.5 <= M["mip"][1] <= 0.5 + 1e-4
    with pytest.raises(InvalidBigM) as error:
        regimes(0.4)
    given, least, point = witness(error, regimes("interval").freeze())
    assert given == 0.4
    w = point[:2]
    assert w.sum() == pytest.approx(1)
    assert 1 - w @ w == pytest.approx(least)
    assert least > given
    assert point[2] == 1  # regime 0 is active, and the row of regime 1 cuts
    kept = switches(regimes(50.0, keep=True))["cost_at_least"].big_m
    assert kept.tolist() == [50.0, 50.0]
    tight = switches(regimes(50.0))["cost_at_least"].big_m
    assert np.all(tight >= [0, 0.5])
    assert np.all(tight <= 3)


def test_maxima_are_covered_and_what_they_leave_open_is_said():
    data = costs(maxima=[MaxTerm(1, 1, np.array([1.0, -1.0]), 0.0, 0.0)])  # between 0 and 1
    assert switches(regimes("lp", data))["cost_at_least"].big_m[1] >= 1.0
    with pytest.warns(UnprovenBigM, match=r"between \S+ and \S+"):
        regimes([[9.0], [1.2]], data)
    with pytest.raises(InvalidBigM):
        regimes([[9.0], [0.4]], data)


def test_the_regime_switching_program_takes_every_tier_and_refutes_wrong_numbers():
    program = RegimeSwitching(Q=np.zeros((2, 3, 3)), c=[[1, 1, 1], [-1, -1, -1]], periods=1)
    for tier in TIERS:
        solved = program.solve(lowering="big-m", big_m=tier)
        assert solved.status == "solver-optimal"
        assert solved.objective == pytest.approx(-1)
    for big_m in ("published", 1.5):
        wrong = program.solve(lowering="big-m", big_m=big_m)
        assert wrong.status == "claim-wrong"
        assert wrong.cut_off is not None


# -------------------------------------------------------------------------------- interfaces
def add_all(model, w, big_m, numbers):
    z, t = model.variable("z", 3, binary=True), model.variable("t", binary=True)
    model.add("budget", w.sum() == 1)
    implies(model, "small", z, w <= 0.3, big_m=big_m)
    implies(model, "given", t, w[0] + w[1] >= 0.2, big_m=numbers)
    maximum(model, "top", w, big_m=big_m)
    product(model, "part", t, w[2], lowering="big-m", big_m=numbers)
    return model.freeze()


@pytest.mark.parametrize("big_m", ["lp", "mip", 5.0])
def test_the_rows_are_the_same_through_every_door(big_m):
    upper = [0.5, 0.75, 1.0]
    plain = Model()
    programs = [add_all(plain, plain.variable("w", 3, 0, upper), big_m, 4.0)]
    m = pyo.ConcreteModel()
    m.w = pyo.Var(range(3), bounds=lambda m, i: (0, upper[i]))
    with proofolio.attach(m) as model:
        programs.append(add_all(model, model.lift(m.w), big_m, 4.0))
    w = cp.Variable(3, name="w", bounds=[np.zeros(3), np.array(upper)])
    with proofolio.attach(cp.Problem(cp.Minimize(0))) as model:
        programs.append(add_all(model, model.lift(w), big_m, 4.0))
    for other in programs[1:]:
        assert (programs[0].A != other.A).nnz == 0
        for side in ("row_lower", "row_upper", "lower", "upper"):
            assert getattr(programs[0], side).tolist() == getattr(other, side).tolist()


def test_an_attached_model_with_other_constraints_is_not_accused():
    for constrained in (False, True):
        m = pyo.ConcreteModel()
        m.w = pyo.Var(range(3), bounds=(0, 1))
        if constrained:
            m.half = pyo.Constraint(expr=m.w[0] + m.w[1] <= 0.5)
        model = proofolio.attach(m)
        w, z = model.lift(m.w), model.variable("z", binary=True)
        if constrained:
            with pytest.warns(UnprovenBigM, match="unless constraints that were not lifted exclude it"):
                implies(model, "rule", z, w[0] + w[1] <= 0, big_m=0.5)
        else:
            with pytest.raises(InvalidBigM):
                implies(model, "rule", z, w[0] + w[1] <= 0, big_m=0.5)
    unchecked = proofolio.attach(cp.Problem(cp.Minimize(0)), m_checker=None)
    w, z = unchecked.lift(cp.Variable(nonneg=True)), unchecked.variable("z", binary=True)
    implies(unchecked, "rule", z, w <= 0, big_m=0.5)
    assert switches(unchecked)["rule_upper"].big_m.tolist() == [0.5]
