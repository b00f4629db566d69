"""Small models on which an audit's words were wrong, built here; the right answers are by hand or from enumeration."""

from fractions import Fraction

import cvxpy
import numpy as np
import pytest

from proofolio import Model, solve
from proofolio.errors import InvalidBigM
from proofolio.verification.audit.auditing import assert_valid, audit
from proofolio.verification.audit.tightening import confirm, tighten, tightened


def only(model, **options):
    (row,) = audit(model, **options).rows
    return row


def test_an_m_of_1e_10_is_too_small_where_1e_9_is_needed():
    model = Model("tiny M")
    x, y = model.variable("x", lower=0, upper=1e-9), model.variable("y", binary=True)
    model.add("link", x <= 1e-10 * y)
    model.maximise(1e9 * x)
    row = only(model, big_m="link")
    assert (row.verdict, row.suggested_big_m) == ("invalid", 1e-9)
    assert row.short == pytest.approx(9e-10, rel=1e-9)
    assert only(model).verdict == "binding"


def test_what_is_missing_beside_an_m_of_1e9_is_said():
    model = Model("huge M")
    x, y = model.variable("x", lower=0, upper=1000000000.9), model.variable("y", binary=True)
    model.add("link", x <= 1e9 * y)
    model.maximise(x)
    row = only(model, big_m="*")
    assert row.verdict == "invalid"
    assert row.short == pytest.approx(0.9, abs=1e-6)


def test_a_tiny_column_needs_five():
    model = Model("tiny column")
    x, y = model.variable("x", lower=0), model.variable("y", binary=True)
    model.add("link", 5e9 * x <= 1.0 * y)
    model.add("cap", 2 * x <= 2e-9)
    model.maximise(1e9 * x)
    row = only(model, big_m="link")
    assert row.verdict in ("invalid", "undecided")
    assert row.needed[1] >= 5.0
    assert tightened(audit(model))[1] == ()


def test_rows_with_points_on_both_sides_force_nothing():
    model = Model("forcing")
    x, y = model.variable("x", 2, lower=[0, 2e6]), model.variable("y", binary=True)
    model.add("r2", -1.0 * x[1] - 0.9 * x[0] == -8.3e6)
    model.add("r4", -2.25 * x[1] - 2.0 * x[0] + y == -1.85e7)
    # x1 = 8.3e6 - 0.9 x0: r4 reads 0.025 x0 + y = 175000, and x0 = 7e6 or 6.99996e6 are both inside
    for row in audit(model).rows:
        assert row.verdict not in ("forcing", "dead")


def trickle():
    model = Model("trickle")
    y, b = model.variable("y", lower=0, upper=90000), model.variable("b", binary=True)
    model.add("link", y <= 1e7 * b)
    model.add("need", y >= 1)
    model.minimise(y + 1000 * b)
    return model


def trickle_through_an_exact_m():
    model = Model("trickle")
    y, b = model.variable("y", lower=0.05, upper=90000), model.variable("b", binary=True)
    model.add("link", y <= 90000 * b)
    model.minimise(y + 1000 * b)
    return model


@pytest.mark.parametrize("built", [trickle, trickle_through_an_exact_m])
def test_a_trickle_where_a_trickle_is_all_that_is_needed_is_not_safe(built):
    row = only(built())
    assert row.safe is False
    point = row.leak_witness["point"]
    assert 0 < point["b"] <= Fraction(1, 10**6)
    assert row.leak_witness["rounded"] == "infeasible"
    assert row.leak_witness["objective"] < 2
    assert audit(built()).bad


def test_what_leaks_is_tightened_although_its_switch_is_dead():
    after = tighten(trickle())
    assert audit(after).rows[0].big_m == 90000.0
    assert confirm(trickle(), after).same
    assert solve(after).objective == pytest.approx(1001)


def test_a_leak_that_a_solver_would_gain_nothing_by_is_safe():
    model = Model("link")
    x, z = model.variable("x", lower=0, upper=37), model.variable("z", binary=True)
    model.add("link", x <= 1000 * z)
    model.maximise(x)
    assert only(model).safe is True  # 0.001 leaks, and 37 is to be had


def test_without_an_objective_nothing_is_said_of_a_leak():
    for M in (50.0, 1.0):
        model = Model("no objective")
        model.add("link", model.variable("x", lower=0, upper=9) <= M * model.variable("z", binary=True))
        assert only(model).safe is None


def test_a_leak_within_the_feasibility_tolerance_is_not_safe_for_that():
    # z >= .5 needs x of 5e-7, and y = 0 within the tolerances lets that through: solvers say 5e-7 where 1000 is right
    amplified = Model("amplified")
    x, z = amplified.variable("x", lower=0, upper=1), amplified.variable("z", lower=0.5, upper=1)
    y = amplified.variable("y", binary=True)
    amplified.add("big", x <= y)
    amplified.add("amp", z <= 1e6 * x)
    amplified.minimise(x + 1000 * y)
    # the trickle flow, its row written in units of ten millions
    scaled = Model("scaled")
    x, y = scaled.variable("x", lower=1, upper=100), scaled.variable("y", binary=True)
    scaled.add("big", 1e-7 * x <= y)
    scaled.minimise(x + 1000 * y)
    for model in (amplified, scaled):
        row = next(row for row in audit(model).rows if row.row.startswith("big"))
        assert row.safe is not True


@pytest.mark.parametrize(
    ("sense", "when", "reads"),
    [
        ("<=", 1, "should read <= 5 + 5 z"),
        ("<=", 0, "should read <= 5 + 5 (1 - z)"),
        (">=", 1, "should read >= -5 - 5 z"),
        (">=", 0, "should read >= -5 - 5 (1 - z)"),
    ],
)
def test_an_if_then_the_wrong_way_round_is_dead_and_says_how_it_should_read(sense, when, reads):
    model = Model("if-then")
    x, z = model.variable("x", 2, lower=0, upper=10), model.variable("z", binary=True)
    on = z if when else 1 - z
    body = x[0] - x[1]
    model.add("then", body <= 5 - 100 * on if sense == "<=" else body >= -5 + 100 * on)
    model.maximise(x[0] + x[1])
    row = only(model, big_m="*")
    assert row.verdict == "dead"
    assert row.certified
    assert f"z = {when}" in row.reason
    assert row.reason.endswith(reads)
    assert not audit(model).bad


def test_ms_too_small_are_said_although_they_make_each_other_s_switches_dead():
    """x >= 7 or x <= 2 within [0, 10]: 7 and 8 are needed, and with 4 nothing at all is left."""
    model = Model("disjunction")
    x, y = model.variable("x", lower=0, upper=10), model.variable("y", 2, binary=True)
    model.add("high", x >= 7 - 4 * (1 - y[0]))
    model.add("low", x <= 2 + 4 * (1 - y[1]))
    model.add("one", y.sum() == 1)
    found = audit(model, big_m=["high", "low"])
    assert [(row.verdict, row.short) for row in found.rows] == [("dead", 3.0), ("dead", 4.0)]
    assert found.bad
    assert all("M is too small" in row.reason for row in found.rows)
    with pytest.raises(InvalidBigM, match="needs at least"):
        assert_valid(model)
    assert not audit(model).bad  # undeclared


@pytest.mark.parametrize("free", [True, False])
def test_columns_that_cancel_lend_no_rounding(free):
    """x + u/2 - v/2 <= 4 y with u = v cuts off x = 5, however large u and v may be."""
    model = Model("cancelling")
    x, y = model.variable("x", lower=0, upper=5), model.variable("y", binary=True)
    far = -1e16 if free else 0
    u, v, w = (model.variable(name, lower=far, upper=1e16) for name in "uvw")
    model.add("big", x + 0.5 * u - 0.5 * v <= 4 * y)
    model.add("same", u - v == 0)
    if not free:
        model.add("one", u + w >= 1e16)
    model.minimise(x)
    assert only(model, big_m="big").verdict == "invalid"


def test_an_integer_between_a_half_and_one_is_no_switch():
    model = Model("one value")
    x = model.variable("x", lower=1, upper=6)
    y = model.variable("y", lower=0.5, upper=1, integer=True)
    model.add("big", x + 5 * y <= 8)
    model.minimise(x)
    assert audit(model).rows == ()


def test_needed_between_three_and_five_is_not_tight_at_five():
    """A bound alone never makes an M tight: 4 is needed, and 5 is enough."""
    model = Model("4 of 5")
    x, b = model.variable("x", lower=0), model.variable("b", 4, binary=True)
    model.add("sum", x <= b.sum())
    model.add("most", 2 * b.sum() <= 9)
    model.add("link", x <= 4.4 * model.variable("z", binary=True))
    assert {row.row: row.verdict for row in audit(model).rows}["link"] == "loose"
    few = {row.row: row for row in audit(model, tiers=["interval"]).rows}["link"]
    assert few.verdict in ("undecided", "valid")


def test_like_binaries_are_no_switches_and_two_switches_stay():
    model = Model("candidates")
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", 6, binary=True)
    w = model.variable("w", lower=-50, upper=50, integer=True)
    model.add("two", x <= 5 * z[0] + 6 * z[1])
    model.add("knapsack", x + 3 * z[:4].sum() <= 11)
    model.add("parity", z.sum() - 2 * w == 1)
    model.add("modules", x <= 4 * z[0] + 4 * z[1] + 4 * z[2])
    found = audit(model)
    assert {row.row for row in found.rows} == {"two", "modules"}
    assert found.skipped == 4 + 2 * 6
    assert audit(model, big_m="knapsack").skipped == 2 * 6
    assert any("16 sides" in note for note in found.notes)


def test_what_leaks_into_a_row_in_small_units_is_not_safe():
    """1e-3 x <= 5 y with x >= 1e-3: y = 2e-7 is enough, and 1000 is due."""
    model = Model("small units")
    x, y = model.variable("x", lower=1e-3, upper=1), model.variable("y", binary=True)
    model.add("big", 1e-3 * x <= 5 * y)
    model.minimise(x + 1000 * y)
    (row,) = audit(model).rows
    assert row.safe is False
    assert row.leak_witness["rounded"] == "infeasible"
    assert row.leak_witness["objective"] < 1


def test_leaks_of_an_ordinary_fixed_charge_are_harmless_though_its_relaxation_is_far_away():
    """M = 20 lets 2e-5 through, which saves no more than 2e-5 beside an optimum of 96."""
    model = Model("fixed charge")
    x, y = model.variable("x", 3, lower=0, upper=8), model.variable("y", 3, binary=True)
    model.add("demand", x.sum() == 12)
    model.add("link", x <= 20 * y)
    model.minimise((np.array([2.0, 2.5, 3.0]) * x).sum() + (np.array([40.0, 30.0, 35.0]) * y).sum())
    assert [row.safe for row in audit(model).rows] == [True] * 3


def test_two_binaries_that_leak_together_are_not_safe():
    """Demand 1.5 with two M's of 1e6 that leak 1 each: neither alone is enough, both together save 1000."""
    model = Model("together")
    x, y = model.variable("x", 2, lower=0, upper=2), model.variable("y", 2, binary=True)
    model.add("demand", x.sum() >= 1.5)
    model.add("link", x <= 1e6 * y)
    model.minimise(x.sum() + 1000 * y.sum())
    assert all(row.safe is not True for row in audit(model).rows)


def test_a_row_with_many_switches_stays_whatever_its_column_starts_at():
    """x <= y0 + ... + y39 with x in [3e-5, 1]: one binary alone allows nothing or all, as with x in [0, 1]."""
    cases = ((0.0, 1.0, True), (3e-5, 1.0, True), (0.4, 1.0, True), (3e-5, np.inf, True), (0.4, 2.0, False))
    for least, most, stays in cases:
        model = Model("many")
        x, y = model.variable("x", lower=least, upper=most), model.variable("y", 40, binary=True)
        model.add("big", x <= y.sum())
        found = audit(model, tiers=["interval"])
        assert (len(found.rows), found.skipped) == ((40, 0) if stays else (0, 40)), (least, most)


def test_one_of_two_equal_rows_is_redundant_given_the_other_and_both_stay():
    model = Model("twice")
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", binary=True)
    model.add("one", x <= 3 + 6 * z)
    model.add("two", x <= 3 + 6 * z)
    found = audit(model)
    assert [row.verdict for row in found.rows] == ["redundant", "redundant"]
    assert all(row.reason.startswith("given the other rows") for row in found.rows)
    after, rows = tightened(found)
    assert rows == ()
    assert after.row_upper.tolist() == [3.0, 3.0]
    assert after.A.toarray().tolist() == [[1.0, -6.0]] * 2


@pytest.mark.parametrize("of", ["abs", "norm1", "max"])
def test_a_column_that_cvxpy_made_for_a_function_is_no_witness(of):
    """abs(x) <= 100 y with x in [-10, 10] cuts off nothing, though the column made for abs(x) could be 1100."""
    x, y = cvxpy.Variable(2, name="x"), cvxpy.Variable(boolean=True, name="y")
    body = {"abs": cvxpy.abs(x[0]), "norm1": cvxpy.norm1(x), "max": cvxpy.max(x)}[of]
    problem = cvxpy.Problem(cvxpy.Minimize(-x[0] + y), [body <= 100 * y, x <= 10, x >= -10])
    found = assert_valid(problem)
    assert not found.bad
    assert {row.verdict for row in found.rows} <= {"undecided", "loose", "valid"}
