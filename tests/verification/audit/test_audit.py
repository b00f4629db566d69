"""The audit on models whose answers are known: links, facilities, flows, disjunctions, curved rows, interfaces."""

import json
import math
from fractions import Fraction

import numpy as np
import pyomo.environ as pyo
import pytest

from proofolio import BadData, InvalidBigM, Model, between
from proofolio.program.program import Switch
from proofolio.verification.audit.auditing import Audit as AuditResult
from proofolio.verification.audit.auditing import assert_valid, audit
from proofolio.verification.exact.certificate import violation
from proofolio.verification.exact.lp_bounds import system_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyomo")
ROW_KEYS = [
    "row", "binary", "side", "off_value", "big_m", "needed", "ratio", "verdict", "tier", "certified", "leak",
    "safe", "suggested_big_m", "witness", "reason", "short", "family", "leak_witness",
]  # fmt: skip


def link(M=1000.0, upper=(30.0, 7.0)):
    model = Model("link")
    x, y = model.variable("x", lower=0, upper=upper[0]), model.variable("y", lower=0, upper=upper[1])
    model.add("link", x + y <= M * model.variable("z", binary=True))
    model.maximise(x + y)
    return model.freeze()


def fixed_charge(M, demand_sense="=="):
    rng = np.random.default_rng(5)
    sites, products = 6, 3
    unit = np.round(rng.uniform(1, 3, (sites, products)), 6)
    fixed = np.round(rng.uniform(30, 50, sites), 6)
    demand = np.round(rng.uniform(9, 12, products), 6)
    model = Model("fixed charge")
    x = model.variable("x", (sites, products), lower=0)
    y = model.variable("y", sites, binary=True)
    served = x.sum(0)
    model.add("demand", served == demand if demand_sense == "==" else served >= demand)
    model.add("open", x.sum(1) <= M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    return model.freeze(), float(demand.sum())


def only(program, **options):
    (row,) = audit(program, **options).rows
    return row


def confirmed(program, row):
    """The witness, checked against everything but its side by the exact checker alone."""
    column = {name: j for j, name in enumerate(program.column_names)}
    point = {column[name]: Fraction(v) for name, v in row.witness.items()}
    i = program.row_names.index(row.row)
    y = column[row.binary]
    system = system_of(program)
    free = type(system)(
        system.rows, system.low, system.high, system.lower, system.upper,
        frozenset({(i, row.side)}), {y: Fraction(row.off_value)},
    )  # fmt: skip
    whole = violation(type(system)(system.rows, system.low, system.high, system.lower, system.upper), point)
    integral = all(point.get(j, Fraction(0)).denominator == 1 for j in np.flatnonzero(program.integer))
    return violation(free, point) == 0 and integral and whole > 0


def test_a_loose_link():
    row = only(link())
    assert row.verdict == "loose"
    assert round(row.ratio, 2) == 27.03
    assert row.suggested_big_m == 37.0
    assert row.needed == (37.0, 37.0)
    assert row.certified
    assert row.safe is True


@pytest.mark.parametrize("M", [37.0, math.nextafter(37.0, 0.0), math.nextafter(37.0, 38.0), 37.3])
def test_tight_within_a_percent_and_within_a_rounding(M):
    assert only(link(M)).verdict == "tight"


def test_half_of_tight_sums_are_a_rounding_short_and_still_tight():
    rng = np.random.default_rng(1)
    short = 0
    for _ in range(40):
        u = rng.uniform(0.1, 9, 3)
        model = Model()
        x = model.variable("x", 3, lower=0, upper=u)
        M = float(u[0] + u[1] + u[2])
        short += Fraction(repr(M)) < sum(Fraction(repr(float(v))) for v in u)
        model.add("link", x.sum() <= M * model.variable("z", binary=True))
        row = only(model.freeze())
        assert row.verdict == "tight"
        assert row.certified
    assert short > 5


def test_a_capacity_is_binding_until_it_is_declared():
    program = link(20.0)
    row = only(program)
    assert row.verdict == "binding"
    assert row.needed == (37.0, 37.0)
    assert confirmed(program, row)
    declared = only(program, big_m="li*")
    assert declared.verdict == "invalid"
    assert declared.suggested_big_m == 37.0
    assert audit(program, big_m="li*").bad
    assert not audit(program).bad
    assert only(program, big_m=["other*"]).verdict == "binding"


def test_patterns_take_brackets_as_they_are():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=9)
    model.add("link", x <= 5 * model.variable("z", 2, binary=True))
    verdicts = {row.row: row.verdict for row in audit(model, big_m="link[1]").rows}
    assert verdicts == {"link[0]": "binding", "link[1]": "invalid"}


def test_a_formulation_s_tag_declares_its_rows():
    model = Model()
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", binary=True)
    tag = model.switch("implies", z, 0, 5.0, "given", ())
    assert isinstance(tag, Switch)
    model.add("link", x <= 5 * z, tag)
    assert only(model.freeze()).verdict == "invalid"
    with pytest.raises(InvalidBigM, match="needs at least 9"):
        assert_valid(model)


def test_assert_valid_returns_the_audit_of_a_good_model():
    assert isinstance(assert_valid(link()), AuditResult)
    with pytest.raises(InvalidBigM, match="row 'link' has M = 20"):
        assert_valid(link(20.0))
    assert assert_valid(link(20.0), big_m="nothing").summary["binding"] == 1


def test_the_amount_that_matters_may_be_given():
    assert only(link(), meaningful=1.0).safe is True
    assert only(link(), meaningful=0.99).safe is False


def test_a_row_that_needs_no_m():
    model = Model()
    x, z = model.variable("x", lower=-5, upper=0), model.variable("z", binary=True)
    model.add("link", x <= 100 * z)
    row = only(model.freeze())
    assert row.verdict == "redundant"
    assert row.ratio == math.inf
    assert row.suggested_big_m == 0.0


def test_a_flow_needs_the_relaxation():
    model = Model("flow")
    arcs = [(0, 1), (0, 2), (1, 3), (2, 3), (1, 2)]
    x, y = model.variable("x", len(arcs), lower=0), model.variable("y", len(arcs), binary=True)
    supply = [10.5, 0.0, 0.0, -10.5]
    for node, amount in enumerate(supply):
        out = sum(x[k] for k, (i, _) in enumerate(arcs) if i == node) + 0 * x[0]
        into = sum(x[k] for k, (_, j) in enumerate(arcs) if j == node) + 0 * x[0]
        model.add(f"node{node}", out - into == amount)
    model.add("arc", x <= 100 * y)
    program = model.freeze()
    intervals = audit(program, tiers=["interval"])
    assert intervals.summary["undecided"] == 5
    assert "no bound" in intervals.rows[0].reason
    rows = audit(program).rows
    assert {row.verdict for row in rows} == {"loose"}
    assert {row.tier for row in rows} == {"lp"}
    assert all(row.certified and row.suggested_big_m == 10.5 for row in rows)


def test_a_stochastic_facility_location_with_unbounded_flows_is_undecided():
    program, _ = fixed_charge(100.0, ">=")
    for row in audit(program).rows:
        assert row.verdict == "undecided"
        assert "finite bounds" in row.reason
        assert row.needed[1] == math.inf
    declared = audit(program, big_m="open*")
    assert {row.verdict for row in declared.rows} == {"invalid"}
    assert all(confirmed(program, row) for row in declared.rows)


def test_integers_prove_what_the_relaxation_cannot():
    model = Model()
    x, b = model.variable("x", lower=0), model.variable("b", 3, binary=True)
    model.add("sum", x <= 3 * b.sum())
    model.add("half", 2 * b.sum() <= 3)
    model.add("link", x <= 3 * model.variable("z", binary=True))
    found = {row.row: row for row in audit(model).rows}["link"]
    assert found.verdict == "tight"
    assert found.tier == "mip"
    assert found.certified
    without = {row.row: row for row in audit(model, tiers=["interval", "lp"]).rows}["link"]
    assert without.verdict == "undecided"
    assert without.needed[1] == 4.5


def test_forcing_has_a_proof_of_emptiness():
    model = Model()
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", binary=True)
    model.add("must", x + 10 * z >= 12)
    model.add("link", x <= 5 + 4 * (1 - z))
    found = {row.row: row for row in audit(model).rows}
    assert found["link"].verdict == "forcing"
    assert found["link"].certified
    assert found["link"].needed == (-math.inf, -math.inf)


def test_redundant_whether_on_or_off():
    model = Model()
    x, z = model.variable("x", lower=0), model.variable("z", binary=True)
    model.add("cap", 2 * x <= 4)
    model.add("link", x <= 5 + 10 * (1 - z))
    row = audit(model).rows[0]
    assert row.verdict == "redundant"
    assert row.certified


@pytest.mark.parametrize("sense", ["<=", ">="])
@pytest.mark.parametrize("when", [0, 1])
def test_both_senses_and_both_phases(sense, when):
    model = Model()
    x, z = model.variable("x", lower=-3, upper=8), model.variable("z", binary=True)
    on = z if when else 1 - z
    model.add("link", x <= 2 + 50 * (1 - on) if sense == "<=" else x >= 2 - 50 * (1 - on))
    row = only(model.freeze())
    assert (row.side, row.off_value) == (("upper" if sense == "<=" else "lower"), 1 - when)
    assert row.verdict == "loose"
    assert row.suggested_big_m == (6.0 if sense == "<=" else 5.0)


def test_both_sides_of_a_ranged_row_and_of_an_equality():
    model = Model()
    x, z = model.variable("x", lower=-4, upper=6), model.variable("z", binary=True)
    model.add("ranged", between(-4, x - 4 * z, 2))
    model.add("same", x - 6 * z == 0)
    found = {(row.row, row.side): row for row in audit(model).rows}
    assert set(found) == {(row, side) for row in ("ranged", "same") for side in ("upper", "lower")}
    assert found["ranged", "upper"].off_value == 1
    assert found["ranged", "lower"].off_value == 0


def test_only_rows_with_other_columns_are_candidates():
    model = Model()
    x, z = model.variable("x", lower=0, upper=4), model.variable("z", 3, binary=True)
    n = model.variable("n", lower=0, upper=5, integer=True)
    model.add("pack", z.sum() <= 1)
    model.add("plain", x + n <= 7)
    model.add("count", n <= 5 * z[0])
    model.add("tied", x <= 4 * z[0] + 4 * z[1] + z[2])
    found = [(row.row, row.binary) for row in audit(model).rows]
    assert found == [("count", "z[0]"), ("tied", "z[0]"), ("tied", "z[1]")]


def test_quadratic_rows_are_judged_by_intervals_or_say_why_not():
    model = Model()
    x, z = model.variable("x", 2, lower=-1, upper=1), model.variable("z", binary=True)
    model.add("enough", model.quadratic(np.eye(2), x) <= 1 + 1 * (1 - z))
    model.add("open", model.quadratic(np.eye(2), x) <= 1 + 0.5 * (1 - z))
    found = {row.row: row for row in audit(model).rows}
    assert found["enough"].verdict == "valid"  # no point is looked for beside curved rows
    assert not found["enough"].certified
    assert found["open"].verdict == "undecided"
    assert "quadratic" in found["open"].reason


def test_a_witness_respects_quadratic_rows():
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=10), model.variable("z", binary=True)
    model.add("ball", model.quadratic(np.eye(2), x) <= 4)
    model.add("link", x.sum() <= 3 * z)
    row = {row.row: row for row in audit(model, big_m="*").rows}["link"]
    assert row.verdict == "undecided"  # the box allows 20, the ball 2.83: no point of the rest is cut off


def test_indicators_are_listed_with_the_m_they_would_need():
    model = Model()
    x, z = model.variable("x", lower=0), model.variable("z", binary=True)
    model.add("cap", x <= 12)
    model.indicator("native", z, x <= 4)
    model.sos1("pair", [x, z])
    found = audit(model)
    assert found.rows == ()
    (row,) = found.indicators
    assert (row.row, row.off_value, row.needed[1]) == ("native", 0, 8.0)
    assert any("indicator" in note for note in found.notes)
    assert any("special ordered" in note for note in found.notes)
    assert found.document()["indicators"][0]["needed"] == [8.0, 8.0]


def test_the_document_has_the_promised_keys_and_is_json():
    for program in (link(), link(20.0), fixed_charge(100.0, ">=")[0]):
        document = json.loads(json.dumps(audit(program).document(), allow_nan=False))
        assert list(document) == [
            "model", "rows_total", "candidates", "skipped", "rows", "summary", "seconds",
        ]  # fmt: skip
        assert document["candidates"] == len(document["rows"])
        assert all(list(row) == ROW_KEYS for row in document["rows"])
        assert list(document["summary"]) == [
            "tight", "loose", "valid", "redundant", "forcing", "dead", "binding", "invalid", "undecided", "unsafe",
            "safe_unknown", "larger_than_needed",
        ]  # fmt: skip
    assert document["rows"][0]["needed"][1] == "inf"


def test_worst_rows_come_first():
    model = Model()
    x = model.variable("x", 4, lower=0, upper=10)
    z = model.variable("z", 4, binary=True)
    model.add("link", x <= np.array([10.0, 200.0, 5.0, 1e6]) * z)
    order = [row.row for row in audit(model, big_m="link[2]").worst()]
    assert order == ["link[2]", "link[3]", "link[1]", "link[0]"]


def gdp_model(big_m):
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, 20))
    model.y = pyo.Var(bounds=(0, 20))
    from pyomo.gdp import Disjunct, Disjunction

    model.a, model.b = Disjunct(), Disjunct()
    model.a.c = pyo.Constraint(expr=model.x + model.y <= 5)
    model.b.c = pyo.Constraint(expr=model.x - model.y <= 6)
    model.d = Disjunction(expr=[model.a, model.b])
    model.o = pyo.Objective(expr=model.x + model.y, sense=pyo.maximize)
    if big_m is None:
        pyo.TransformationFactory("gdp.mbigm").apply_to(model, solver=pyo.SolverFactory("appsi_highs"))
    else:
        pyo.TransformationFactory("gdp.bigm").apply_to(model, bigM=big_m)
    return model


def test_a_disjunction_with_a_big_m_too_small_is_invalid():
    found = audit(gdp_model(1))
    (wrong,) = [row for row in found.rows if row.verdict == "invalid"]
    assert wrong.binary == "a.binary_indicator_var"
    assert wrong.needed == (35.0, 35.0)
    assert confirmed(found.opened.program, wrong)
    assert audit(gdp_model(1000)).summary["invalid"] == 0


def test_the_same_disjunction_by_multiple_big_m_is_valid():
    found = audit(gdp_model(None))
    assert not found.bad
    # the second row reads x - y <= 6 - a: an M of -1 beside a, and so 6 is a limit of its own and no Big-M
    assert [row.verdict for row in found.rows] == ["tight", "binding"]


def test_a_pyomo_suffix_declares_rows():
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(2), bounds=(0, 9))
    model.z = pyo.Var(range(2), domain=pyo.Binary)
    model.link = pyo.Constraint(range(2), rule=lambda m, i: m.x[i] <= 5 * m.z[i])
    assert audit(model).summary["binding"] == 2
    model.BigM = pyo.Suffix()
    model.BigM[model.link[1]] = 5
    assert {row.row: row.verdict for row in audit(model).rows} == {"link[0]": "binding", "link[1]": "invalid"}


def test_ctrl_c_returns_what_is_known():
    def stop(tier, done, total):
        if tier == "points" and done == 2:
            raise KeyboardInterrupt

    program, _ = fixed_charge(100.0)
    found = audit(program, progress=stop)
    assert found.interrupted
    assert found.document()["interrupted"] is True
    assert found.summary["loose"] == 2
    assert found.summary["undecided"] == 4


def test_a_time_limit_leaves_the_rest_undecided_and_judges_the_worst_first():
    program, _ = fixed_charge(100.0)
    found = audit(program, time_limit=1e-9)
    assert found.summary["undecided"] == 6
    assert all("time limit" in row.reason or "no bound" in row.reason for row in found.rows)
    seen = []
    audit(program, progress=lambda tier, done, total: seen.append((tier, done, total)))
    assert ("points", 6, 6) in seen


@pytest.mark.parametrize(
    "options",
    [{"tiers": ["magic"]}, {"tiers": "lp"}, {"time_limit": 0}, {"meaningful": -1.0}, {"integrality": 0.0}],
)
def test_bad_options_are_said_in_a_sentence(options):
    with pytest.raises(BadData):
        audit(link(), **options)


def test_something_that_is_no_model():
    with pytest.raises(BadData, match="is no model"):
        audit(3)


def test_a_file_may_go_on_after_its_end(tmp_path):
    file = tmp_path / "model.mps"
    link().write(file)
    file.write_text("* a comment\n*\n" + file.read_text() + "IMPORTANCES\nz 2\n")
    assert audit(file).rows[0].suggested_big_m == 37.0
    assert audit(str(file)).model == str(file)
