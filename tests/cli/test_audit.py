"""What `proofolio audit` answers: verdicts, witnesses, tightening, certificates, solutions, pages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import proofolio

MODELS = """
from proofolio import Model


def link(M=1000.0):
    model = Model("link")
    x, y = model.variable("x", lower=0, upper=30), model.variable("y", lower=0, upper=7)
    model.add("link", x + y <= M * model.variable("z", binary=True))
    model.maximise(x + y)
    return model


def short():
    return link(20.0)


def huge():
    return link(1e7)


def leaking():
    model = Model("leaking")
    x, y = model.variable("x", lower=0, upper=30), model.variable("y", lower=0, upper=7)
    z, dear = model.variable("z", binary=True), model.variable("dear", lower=0, upper=9)
    model.add("link", x + y <= 1e7 * z)
    model.add("five", x + y + dear >= 5)
    model.minimise(x + y + 50 * z + 100 * dear)
    return model


def wrong_way_round():
    model = Model("if-then")
    x, z = model.variable("x", 2, lower=0, upper=10), model.variable("z", binary=True)
    model.add("then", x[0] - x[1] <= 5 - 100 * z)
    model.maximise(x[0] - x[1])
    return model


def pointless():
    model = Model("no objective")
    model.add("link", model.variable("x", lower=0, upper=9) <= 50 * model.variable("z", binary=True))
    return model


def knapsack():
    model = Model("knapsack")
    x, z = model.variable("x", lower=0, upper=9), model.variable("z", 5, binary=True)
    model.add("room", 3 * z.sum() + x <= 11)
    model.maximise(x + 2 * z.sum())
    return model


def unbounded():
    model = Model("unbounded")
    x, z = model.variable("x", lower=0), model.variable("z", binary=True)
    model.add("switched", x <= 50 * z)
    model.minimise(x)
    return model


def several():
    model = Model("several")
    x, z = model.variable("x", 14, lower=0, upper=9), model.variable("z", 14, binary=True)
    model.add("link", x <= [20.0 + k for k in range(14)] * z)
    model.minimise(x.sum())
    return model


def no_binary():
    model = Model("no binary")
    model.minimise(model.variable("x", lower=1))
    return model
"""
KEYS = {"model", "rows_total", "candidates", "skipped", "rows", "summary", "seconds"}
ROW = {
    "row", "binary", "side", "off_value", "big_m", "needed", "ratio", "verdict", "tier", "certified", "leak", "safe",
    "suggested_big_m", "witness", "reason", "short", "family", "leak_witness",
}  # fmt: skip
SUMMARY = {
    "tight", "loose", "valid", "redundant", "forcing", "dead", "binding", "invalid", "undecided", "unsafe",
    "safe_unknown", "larger_than_needed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "m.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def audited(run):
    """The exit status and the document of an audit."""

    def asked(*arguments):
        result = run("audit", *arguments, "--json")
        assert "Traceback" not in result.output
        return result.exit_code, json.loads(result.stdout)

    return asked


def test_a_loose_model_is_plain_news_with_the_keys_that_are_promised(audited):
    code, document = audited("m.py:link")
    assert code == 0
    assert set(document) == KEYS
    (row,) = document["rows"]
    assert set(row) == ROW
    assert set(document["summary"]) == SUMMARY
    assert (row["verdict"], row["suggested_big_m"], row["needed"], row["safe"]) == (
        "loose",
        37,
        [37, 37],
        True,
    )
    assert row["ratio"] == pytest.approx(27.027, abs=1e-3)
    assert document["model"] == "m.py:link"


def test_a_small_m_is_a_capacity_until_it_is_declared_and_then_bad_news(audited):
    assert [audited("m.py:short")[0], audited("m.py:short", "--big-m", "li*")[0]] == [0, 1]
    (row,) = audited("m.py:short", "--big-m", "link")[1]["rows"]
    assert row["verdict"] == "invalid"
    assert row["witness"] == {"x": 30, "y": 7, "z": 1}


def test_words_show_the_table_the_point_the_verdict_and_what_to_type(run):
    words = run("audit", "m.py:short", "--big-m", "link").stdout
    assert re.search(r"link +z +<= +20 +37 +0\.541 +invalid +2e-05 +yes +37", words)
    assert "link: with z = 1 it cuts off x = 30, y = 7, which needs M = 37 and not 20" in words
    assert re.search(r"1  invalid +declared as Big-M", words)
    words = run("audit", "m.py:link").stdout
    assert "proofolio audit m.py:link --tighten tighter.mps --confirm" in words
    assert "proofolio audit m.py:short --big-m link" in run("audit", "m.py:short").stdout
    assert "--meaningful 1" in run("audit", "m.py:pointless").stdout


def test_many_rows_are_shown_by_families_with_their_worst_member(run, audited):
    words = run("audit", "m.py:several").stdout
    assert re.search(r"^link\[13\], worst of 14 link\[\*\] ", words, flags=re.MULTILINE)
    assert len(re.findall(r"^link\[", words, flags=re.MULTILINE)) == 1
    assert {row["family"] for row in audited("m.py:several")[1]["rows"]} == {"link[*]"}


def test_a_dead_switch_says_how_the_row_should_read_and_is_bad_news_when_strict(run):
    result = run("audit", "m.py:wrong_way_round")
    assert result.exit_code == 0
    assert "then: the switch is dead: with z = 1 the row asks its other terms for <= -95" in result.stdout
    assert "should read <= 5 + 5 z" in result.stdout
    assert run("audit", "m.py:wrong_way_round", "--strict").exit_code == 1


def test_rows_of_many_like_binaries_are_counted_and_not_judged(run, audited):
    _, document = audited("m.py:knapsack")
    assert (document["candidates"], document["skipped"]) == (0, 5)
    assert "5 sides of rows with 3 or more binaries of like size" in run("audit", "m.py:knapsack").stdout
    _, document = audited("m.py:knapsack", "--big-m", "room")
    assert (document["candidates"], document["skipped"]) == (5, 0)


def test_the_model_that_is_read_is_not_overwritten_unless_asked(run, audited):
    audited("m.py:leaking", "--tighten", "plan.mps")
    before = Path("plan.mps").read_text()
    Path("link.mps").symlink_to("plan.mps")
    for out in ("plan.mps", "link.mps", "./plan.mps"):
        result = run("audit", "plan.mps", "--tighten", out)
        assert result.exit_code == 2
        assert "would overwrite the model that is read" in result.stderr
    assert Path("plan.mps").read_text() == before
    assert run("audit", "plan.mps", "--tighten", "plan.mps", "--in-place").exit_code == 0


def test_a_leak_is_bad_news_and_a_model_without_candidates_is_none(run):
    result = run("audit", "m.py:leaking")
    assert result.exit_code == 1
    assert "NO" in result.stdout
    assert "1  unsafe" in result.stdout
    empty = run("audit", "m.py:no_binary")
    assert empty.exit_code == 0
    assert "0 sides that a binary may switch off" in empty.stdout


def test_undecided_is_plain_news_and_bad_news_when_strict(run, audited):
    code, document = audited("m.py:unbounded")
    assert (code, document["summary"]["undecided"]) == (0, 1)
    assert document["rows"][0]["needed"] == ["-inf", "inf"] or document["rows"][0]["needed"][1] == "inf"
    assert run("audit", "m.py:unbounded", "--strict").exit_code == 1
    assert "give finite bounds" in run("audit", "m.py:unbounded").stdout


def test_the_smallest_meaningful_amount_decides_what_leaks(audited):
    assert audited("m.py:link", "--meaningful", "1")[1]["rows"][0]["safe"] is True
    code, document = audited("m.py:link", "--meaningful", "0.1")
    assert (code, document["rows"][0]["safe"]) == (1, False)


@pytest.mark.parametrize("name", ["tighter.mps", "tighter.lp", "tighter.mps.gz"])
def test_tightened_models_are_written_and_tight(audited, name):
    code, document = audited("m.py:leaking", "--tighten", name, "--confirm")
    assert code == 1  # the model as it was still leaks
    assert document["tightened"]["rows"] == 1
    assert document["tightened"]["files"][0] == name
    assert document["confirmed"]["same"] is True
    assert document["confirmed"]["settled"] is True
    assert document["confirmed"]["after"]["objective"] == pytest.approx(55)
    code, after = audited(name)
    assert code == 0
    assert after["rows"][0]["verdict"] == "tight"
    assert after["rows"][0]["row"] == "link"


def test_an_optimum_that_changes_is_bad_news(run, monkeypatch):
    import proofolio.cli.audit as command

    def wrong(found):
        model = proofolio.Model()
        model.maximise(model.variable("x", lower=0, upper=5))
        return model.freeze(), ()

    monkeypatch.setattr(command, "tightened", wrong)
    result = run("audit", "m.py:link", "--confirm")
    assert result.exit_code == 1
    assert "The optimum has changed." in result.stdout
    assert "Before: 37, certified-optimal" in result.stdout


def test_certificates_are_written_checked_and_a_change_is_caught(here, run, audited):
    _, document = audited("m.py:several", "--certificates", "proofs")
    assert document["certificates"] == {"file": str(Path("proofs", "certificates.json")), "certified": 14}
    good = run("audit", "m.py:several", "--check", "proofs")
    assert good.exit_code == 0
    assert good.stdout == "14 of 14 certificates hold (14 loose), checked without a solver.\n"
    file = here / "proofs" / "certificates.json"
    saved = json.loads(file.read_text())
    saved["certificates"][3]["bound"] = "8"
    file.write_text(json.dumps(saved))
    result = run("audit", "m.py:several", "--check", "proofs")
    assert result.exit_code == 1
    assert "fails  row link[3], upper side, z[3] (loose)" in result.stdout
    code, document = audited("m.py:several", "--check", "proofs")
    assert code == 1
    assert document["summary"] == {"hold": 13, "fail": 1, "uncertified": 0}
    assert [one["row"] for one in document["certificates"] if not one["ok"]] == ["link[3]"]


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"x": 30, "y": 7, "z": 1}, "verified-feasible", 0),
        ({"x": 8, "y": 0, "z": 9e-7}, "leaks", 1),
        ({"x": 31, "y": 7, "z": 1}, "infeasible-solution", 1),
        ({"x": 1, "y": 1, "z": 0}, "infeasible-solution", 1),
    ],
)
def test_a_solution_is_held_against_the_model(here, run, audited, values, status, code):
    (here / "plan.json").write_text(json.dumps({"values": values}))
    asked = ("m.py:huge", "--meaningful", "1e5", "--solution", "plan.json")
    found, document = audited(*asked)
    assert document["solution"]["status"] == status
    assert found == code
    words = run("audit", *asked).stdout
    assert f"Solution plan.json: {status}" in words
    assert (" is allowed" in words) == (code == 1)


def test_a_page_is_written(here, run):
    result = run("audit", "m.py:several", "--html", "audit.html")
    assert result.exit_code == 0
    assert "Page: audit.html" in result.stdout
    page = (here / "audit.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Big-M audit of m.py:several" in page


def test_a_file_and_pyomo_and_cvxpy_models_are_audited(here, audited):
    (here / "doors.py").write_text(
        "def pyomo_model():\n"
        "    import pyomo.environ as pyo\n"
        "    m = pyo.ConcreteModel()\n"
        "    m.x, m.z = pyo.Var(bounds=(0, 5)), pyo.Var(domain=pyo.Binary)\n"
        "    m.link = pyo.Constraint(expr=m.x <= 50 * m.z)\n"
        "    m.cost = pyo.Objective(expr=m.x)\n"
        "    return m\n"
        "def cvxpy_problem():\n"
        "    import cvxpy as cp\n"
        "    x, z = cp.Variable(name='x', bounds=[0, 5]), cp.Variable(boolean=True, name='z')\n"
        "    return cp.Problem(cp.Minimize(x), [x <= 50 * z])\n",
        encoding="utf-8",
    )
    for model in ("doors.py:pyomo_model", "doors.py:cvxpy_problem"):
        code, document = audited(model)
        assert (code, document["rows"][0]["suggested_big_m"]) == (0, 5)


ROWS = """
import proofolio as pf


def _with(names):
    model = pf.Model("rows")
    x = model.variable("x", lower=0, upper=5)
    y = model.variable("y", binary=True)
    for name in names:
        model.add(name, x <= 5 * y)
    model.minimise(y - x)
    return model


def none():
    return _with("")


def one():
    return _with("c")


def three():
    return _with("abc")


def four():
    return _with("abcd")
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.mps"], "none.mps does not exist"),
        (["m.py"], "write m.py:FUNCTION"),
        (
            ["m.py:link", "--big-m", "lonk*"],
            "--big-m lonk* matches no row of the model: its only row is link,",
        ),
        (["rows.py:one", "--big-m", "zz*"], "matches no row of the model: its only row is c, and * stands"),
        (["rows.py:three", "--big-m", "zz*"], "its rows are a, b, c, and * stands"),
        (["rows.py:three", "--big-m", "bb"], "its rows are b, ..., and * stands"),
        (["rows.py:four", "--big-m", "zz*"], "its rows are a, b, c, ..., and * stands"),
        (["rows.py:none", "--big-m", "zz*"], "matches no row of the model, which has none."),
        (["m.py:link", "--tighten", "out.txt"], "--tighten out.txt is not a model file"),
        (["m.py:link", "--repair"], "--repair changes the model that --tighten writes"),
        (["m.py:link", "--tighten", "no/out.mps"], "--tighten no/out.mps cannot be written"),
        (
            ["m.py:link", "--html", "no/a.html"],
            "--html no/a.html cannot be written: its folder does not exist",
        ),
        (["m.py:link", "--html", "."], "it is a folder"),
        (["m.py:link", "--solution", "none.json"], "--solution none.json cannot be read"),
        (["m.py:link", "--solution", "m.py"], "--solution m.py is not JSON"),
        (["m.py:link", "--solution", "list.json"], "holds no values"),
        (["m.py:link", "--solution", "few.json"], "few.json: "),
        (["m.py:link", "--solution", "words.json"], "words.json: "),
        (["m.py:link", "--time-limit", "0"], "time_limit is 0.0"),
        (["m.py:link", "--meaningful", "-1"], "meaningful is -1.0"),
        (["m.py:link", "--check", "none"], "none"),
        (["m.py:link", "--certificates", "m.py"], "m.py"),
        ([], "MODEL"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(here, arguments, words, run, one_sentence):
    (here / "rows.py").write_text(ROWS)
    (here / "list.json").write_text("[1]")
    (here / "few.json").write_text('{"values": {"x": 1}}')
    (here / "words.json").write_text('{"values": {"x": "one", "y": 1, "z": 1}}')
    for extra in ([], ["--json"]):
        result = run("audit", *arguments, *extra)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert words in one_sentence(result)


def test_ctrl_c_shows_what_is_known(here, run, monkeypatch):
    import proofolio.verification.audit.auditing as engine

    once = []

    def pressed(self, candidate, finding):
        once.append(candidate)
        if len(once) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(engine.Tiers, "_by_lp", pressed)
    result = run("audit", "m.py:several", "--json", "--tighten", "t.mps", "--confirm")
    document = json.loads(result.stdout)
    assert result.exit_code == 130
    assert document["interrupted"] is True
    assert len(document["rows"]) == 14
    assert "confirmed" not in document
    assert "interrupted" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("seconds", ["nan", "-5", "0"])
def test_a_time_limit_that_is_no_positive_number_is_bad_input(tmp_path, seconds):
    file = tmp_path / "m.lp"
    file.write_text(
        "Minimize\n obj: x + y\nSubject To\n big: x - 5 y <= 0\nBounds\n x <= 3\nBinary\n y\nEnd\n"
    )
    command = [sys.executable, "-m", "proofolio", "audit", str(file), "--time-limit", seconds]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "give a positive number" in done.stderr


FACILITIES = """
import numpy as np
from proofolio import Model


def build(total=(500.0, 400.0, 300.0), pair=500.0):
    model = Model()
    ship, on = model.variable("ship", (3, 4), lower=0), model.variable("on", 3, binary=True)
    model.add("demand", ship.sum(0) == [3, 4, 5, 6])
    model.add("capacity", ship.sum(1) <= [12, 9, 15])
    model.add("total_if_on", ship.sum(1) <= np.array(total) * on)
    model.add("pair_if_on", ship <= pair * on.reshape(3, 1))
    model.minimise((ship * np.arange(12).reshape(3, 4)).sum() + (on * [5, 4, 3]).sum())
    return model


def short():
    return build(pair=2.0)


def open_ended():
    # no M is proved to be enough
    model = Model()
    x, z = model.variable("x", lower=0), model.variable("z", binary=True)
    dear = model.variable("dear", lower=0, upper=9)
    model.add("link", x <= 1e7 * z)
    model.add("five", x + dear >= 5)
    model.minimise(x + 50 * z + 100 * dear)
    return model


def capacities():
    model = Model()
    x, y = model.variable("x", 3, lower=0, upper=9), model.variable("y", 3, lower=0, upper=9)
    z = model.variable("z", 3, binary=True)
    model.add("first", x <= 5 * z)
    model.add("second", y <= 6 * z)
    model.minimise(z.sum() - x.sum() - y.sum())
    return model
"""


@pytest.fixture
def facilities(here):
    (here / "f.py").write_text(FACILITIES, encoding="utf-8")


@pytest.mark.usefixtures("facilities")
def test_redundant_rows_that_are_too_large_are_counted_and_tightened(run, audited):
    status, document = audited("f.py:build", "--big-m", "*_if_on", "--tighten", "t.mps")
    assert document["summary"]["redundant"] == document["summary"]["larger_than_needed"] == 15
    assert document["tightened"] == {"files": ["t.mps"], "rows": 15, "invalid": 0}
    status, document = audited("t.mps")
    assert status == 0
    assert document["summary"]["larger_than_needed"] == 0
    text = " ".join(run("audit", "f.py:build").stdout.split())
    assert "Larger than needed: the M of 15 redundant rows is, too" in text
    assert "may still strengthen the relaxation" in text
    assert "drop" not in text
    assert "--tighten tighter.mps --confirm" in text


@pytest.mark.usefixtures("facilities")
def test_invalid_rows_are_named_and_left(run):
    text = " ".join(run("audit", "f.py:short", "--big-m", "*_if_on", "--tighten", "t.mps").stdout.split())
    assert "invalid: pair_if_on[" in text
    assert "and 6 more: --json or --html lists them" in text
    assert "12 invalid rows are left as in the model" in text
    assert "--html audit.html" in text


@pytest.mark.usefixtures("facilities")
def test_all_families_that_cut_are_proposed(run):
    text = run("audit", "f.py:capacities").stdout
    assert "--big-m 'first*'" in text
    assert "--big-m 'second*'" in text
    assert text.count("if these rows are meant as Big-M") == 1


@pytest.mark.usefixtures("facilities")
def test_a_pattern_that_matches_nothing_names_near_ones(run):
    result = run("audit", "f.py:build", "--big-m", "pair_if_onn*")
    assert result.exit_code == 2
    assert "its rows are pair_if_on[0,0]" in result.stderr


@pytest.mark.usefixtures("facilities")
def test_what_to_do_about_a_leak_follows_what_was_tightened(run):
    """A row whose need is not known cannot be tightened: nobody is sent to --tighten."""
    text = " ".join(run("audit", "f.py:open_ended", "--tighten", "t.mps").stdout.split())
    assert "Tightened: 0 rows" in text
    assert "1 unsafe" in text
    assert "bound the variables so that a smaller M is enough" in text
    assert "--tighten)" not in text
    lowered = " ".join(run("audit", "m.py:leaking", "--tighten", "u.mps").stdout.split())
    assert "Tightened: 1 row," in lowered
    assert "To do: audit the tightened model" in lowered


@pytest.mark.usefixtures("facilities")
def test_a_row_with_two_sides_keeps_its_m_and_nobody_is_sent_to_tighten_it_again(here, run):
    (here / "two.py").write_text(
        "from proofolio import Model, between\n\n\ndef sides():\n    model = Model()\n"
        "    x, z = model.variable('x', lower=0, upper=9), model.variable('z', binary=True)\n"
        "    model.add('link', between(-100, x - 50 * z, 0))\n    model.minimise(z - x)\n    return model\n",
        encoding="utf-8",
    )
    text = " ".join(run("audit", "two.py:sides", "--tighten", "t.mps").stdout.split())
    assert "Tightened: 0 rows" in text
    assert "keep their M's" in text
    assert "tighten it with --tighten" not in text
    assert "--confirm" not in text


SHORT = """
import proofolio as pf


def build():
    model = pf.Model("short")
    x = model.variable("x", 2, lower=0, upper=9)
    on = model.variable("on", 2, binary=True)
    model.add("nested", x[1] <= x[0])
    model.add("link", x <= 4 * on)
    model.maximise(x.sum() - on.sum())
    return model
"""


def test_repair_writes_a_model_in_which_no_row_is_invalid(here, run, audited):
    """x[0] may be 9 and so may x[1]: both need 9, the second only once the first has it; 18 - 2 is the optimum then."""
    (here / "short.py").write_text(SHORT)
    asked = ("short.py:build", "--big-m", "link", "--tighten", "repaired.mps", "--repair", "--confirm")
    code, document = audited(*asked)
    assert code == 1  # the model that was given is wrong
    assert document["summary"]["invalid"] == 1
    assert document["tightened"]["repaired"] == {"link[0]": 9.0, "link[1]": 9.0}
    assert document["tightened"]["invalid"] == 0
    found = document["confirmed"]
    assert (found["before"]["objective"], found["after"]["objective"]) == (6, 16)
    text = run("audit", *asked).stdout
    assert (
        "Repaired: 2 invalid rows have an M that is proved to be enough (link[0]: M = 9, link[1]: M = 9)"
        in text
    )
    assert "an invalid row had cut it off" in text
    code, again = audited("repaired.mps", "--big-m", "link*")
    assert code == 0
    assert [row["verdict"] for row in again["rows"]] == ["tight", "tight"]
    left = audited("short.py:build", "--big-m", "link", "--tighten", "left.mps")[1]["tightened"]
    assert left["invalid"] == 1
    assert "repaired" not in left
