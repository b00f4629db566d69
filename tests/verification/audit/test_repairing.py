"""Invalid rows put right: what they cut off is feasible again, nothing else is, and the last audit proves it."""

import itertools

import numpy as np
import pytest

import proofolio as pf
from proofolio.errors import BadData, SolverFailure
from proofolio.verification.audit.repairing import repaired
from proofolio.verification.audit.tightening import tightened


def nested(bounds, big_m, budget):
    """x[i+1] <= x[i] <= bound, ``x[i] <= M[i] on[i]``, and a budget: what a row needs depends on those before it."""
    n = len(bounds)
    model = pf.Model("nested")
    x = model.variable("x", n, lower=0, upper=bounds, integer=True)
    on = model.variable("on", n, binary=True)
    model.add("nested", x[1:] <= x[:-1])
    model.add("budget", x.sum() <= budget)
    model.add("only_if_on", x <= np.asarray(big_m) * on)
    model.maximise(x.sum() - 0.5 * on.sum())
    return model


def points(program, bounds):
    """Every integer point of the program, one by one."""
    found = set()
    for x in itertools.product(*(range(b + 1) for b in bounds)):
        for on in itertools.product((0, 1), repeat=len(bounds)):
            row = program.A @ np.array([*x, *on], dtype=float)
            if (row <= program.row_upper + 1e-9).all() and (row >= program.row_lower - 1e-9).all():
                found.add((x, on))
    return found


def meant(bounds, budget):
    """Every integer point that the rows should allow: nothing is made where nothing is on."""
    return {
        (x, on)
        for x in itertools.product(*(range(b + 1) for b in bounds))
        for on in itertools.product((0, 1), repeat=len(bounds))
        if sum(x) <= budget
        and all(later <= earlier for earlier, later in itertools.pairwise(x))
        and all(amount == 0 or switch for amount, switch in zip(x, on, strict=True))
    }


@pytest.mark.parametrize("seed", range(6))
def test_a_repaired_model_has_the_points_that_were_meant_and_no_others(seed):
    rng = np.random.default_rng(seed)
    bounds, budget = rng.integers(2, 6, 3).tolist(), int(rng.integers(5, 12))
    model = nested(bounds, rng.integers(1, 9, 3).astype(float), budget)
    program = pf.tighten(model, repair=True, big_m="only_if_on*")
    assert points(program, bounds) == meant(bounds, budget)
    after = pf.audit(program, big_m="only_if_on*")
    assert {row.verdict for row in after.rows} <= {"tight", "valid", "redundant", "loose"}
    assert all(row.certified for row in after.rows)


def test_what_is_enough_beside_an_invalid_row_is_raised_in_its_turn():
    """x[1] <= x[0] <= 4 beside the first row's M of 4, so that 4 is enough for the second, until the first has 9."""
    model = nested([9, 9], [4.0, 4.0], 18)
    before = pf.audit(model, big_m="only_if_on*")
    assert [row.verdict for row in before.rows] == ["invalid", "tight"]
    found, rows = repaired(before)
    assert [row.big_m for row in found.rows] == [9.0, 9.0]
    assert sorted(row.name for row in rows.values()) == ["only_if_on[0]", "only_if_on[1]"]
    assert [row.verdict for row in found.rows] == ["tight", "tight"]
    assert all(row.certified for row in found.rows)
    assert pf.solve(pf.tighten(model, big_m="only_if_on*"), confirm="none").objective == pytest.approx(8 - 1)
    repaired_model = pf.tighten(model, big_m="only_if_on*", repair=True)
    assert pf.solve(repaired_model, confirm="none").objective == pytest.approx(18 - 1)


def test_a_model_without_an_invalid_row_is_only_tightened():
    model = nested([5, 5], [7.0, 5.0], 10)
    found = pf.audit(model, big_m="only_if_on*")
    assert repaired(found) == (found, {})
    one, other = tightened(found)[0], pf.tighten(model, found=found, repair=True)
    np.testing.assert_array_equal(one.A.toarray(), other.A.toarray())
    np.testing.assert_array_equal(one.row_upper, other.row_upper)


def test_a_pyomo_model_is_repaired_in_place_and_its_suffix_still_declares():
    pyo = pytest.importorskip("pyomo.environ")
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(bounds=(0, 30)), pyo.Var(domain=pyo.Binary)
    m.link = pyo.Constraint(expr=m.x <= 10 * m.y)
    m.BigM = pyo.Suffix()
    m.BigM[m.link] = 10
    m.cost = pyo.Objective(expr=m.y - m.x)
    assert [row.verdict for row in pf.audit(m).rows] == ["invalid"]
    assert pf.tighten(m, repair=True) is m
    assert [(row.verdict, row.big_m) for row in pf.audit(m).rows] == [("tight", 30.0)]
    assert pf.solve(m, confirm="none").objective == pytest.approx(-29)


def linked(**bounds):
    model = pf.Model("linked")
    x, y = model.variable("x", lower=0, **bounds), model.variable("y", binary=True)
    return model, x, y


def test_a_row_that_cannot_be_repaired_is_named():
    model, x, y = linked()
    model.add("open", x <= 10 * y)
    model.minimise(y - x)
    with pytest.raises(BadData, match="'open' is invalid, and no M is proved to be enough"):
        pf.tighten(model, repair=True, big_m="open")
    model, x, y = linked(upper=30)
    model.add("both", pf.between(-5, x - 10 * y, 0))
    model.minimise(y - x)
    with pytest.raises(BadData, match="'both' is invalid, and its M cannot be raised by itself"):
        pf.tighten(model, repair=True, big_m="both")


def test_two_rows_that_drive_each_other_up_end():
    model = pf.Model("spiral")
    x = model.variable("x", 2, lower=0)
    on = model.variable("on", 2, binary=True)
    model.add("twice", x <= 2 * x[[1, 0]] + 1)
    model.add("only_if_on", x <= on)
    model.maximise(x.sum())
    with pytest.raises(SolverFailure, match="after 20 rounds 2 rows"):
        pf.tighten(model, repair=True, big_m="only_if_on*")


def test_without_time_for_the_last_audit_nothing_is_called_repaired():
    found = pf.audit(nested([9, 9], [4.0, 4.0], 18), big_m="only_if_on*")
    with pytest.raises(SolverFailure, match="time is up"):
        repaired(found, time_limit=0.05)


def test_what_stays_undecided_after_a_repair_is_said(monkeypatch):
    from proofolio.verification.audit import tightening

    model = nested([9, 9], [4.0, 4.0], 18)
    unsure = pf.audit(model, big_m="only_if_on*", tiers=["interval"])
    assert unsure.summary["undecided"]
    monkeypatch.setattr(tightening, "repaired", lambda found, **_: (unsure, {}))
    with pytest.warns(pf.UnprovenBigM, match="not known whether their M is enough"):
        pf.tighten(model, repair=True, big_m="only_if_on*")
