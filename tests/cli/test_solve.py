"""What `proofolio solve` answers: statuses, JSON documents alone on stdout, and values to start from."""

import json
from dataclasses import replace

import numpy as np
import pytest

import proofolio
import proofolio.cli.solve

SOLVE_KEYS = {
    "model",
    "solver",
    "solver_version",
    "status",
    "startup_seconds",
    "objective",
    "bound",
    "gap",
    "seconds",
    "nodes",
    "checks",
    "values",
}


@pytest.mark.parametrize("model", ["builder", "pyomo_model", "cvxpy_problem", "ready"])
@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_every_kind_of_model_is_solved_and_verified(folder, model, solver, run):
    result = run("solve", f"models.py:{model}", "--solver", solver, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(document) >= SOLVE_KEYS
    assert (document["status"], document["objective"], document["solver"]) == (
        "certified-optimal",
        2.0,
        solver,
    )
    assert document["bound"] == pytest.approx(2.0)
    assert list(document["values"].values()) == pytest.approx([0, 1])
    assert all(set(c) >= {"name", "ok", "value", "tolerance"} and c["ok"] for c in document["checks"])
    assert result.stderr == ""


def test_a_declared_model_and_a_module_are_models_too(folder, monkeypatch, run):
    assert json.loads(run("solve", "models.py:declared", "--json").stdout)["objective"] == pytest.approx(-1)
    assert json.loads(run("solve", "models:builder", "--json").stdout)["objective"] == 2


@pytest.mark.parametrize("name", ["model.mps", "model.lp", "model.mps.gz"])
def test_a_file_is_solved(folder, name, run):
    model = proofolio.Model()
    x = model.variable("x", 2, binary=True)
    model.add("enough", x.sum() >= 1)
    model.minimise(3 * x[0] + 2 * x[1])
    proofolio.write_program(model.freeze(), folder / name)
    document = json.loads(run("solve", name, "--json").stdout)
    assert document["objective"] == 2
    assert document["values"] == {"x[0]": 0, "x[1]": 1}


def test_the_answer_in_words_names_status_objective_checks_and_values(folder, run):
    result = run("solve", "models.py:builder")
    words = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert words["status"].startswith("certified-optimal")
    assert words["objective"] == "2"
    assert words["checks"] == "6 of 6 hold"
    assert words["values"] == "x[1] = 1"


@pytest.mark.parametrize(("model", "status"), [("infeasible", "infeasible"), ("unbounded", "unbounded")])
@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_bad_news_is_a_sentence_and_its_reason_and_status_1(folder, model, status, solver, run):
    words = run("solve", f"models.py:{model}", "--solver", solver)
    assert words.exit_code == 1
    assert words.stderr == ""
    news, reason = words.stdout.splitlines()
    assert news.startswith(f"{status}: ")
    assert "x" in reason
    document = json.loads(run("solve", f"models.py:{model}", "--solver", solver, "--json").stdout)
    assert (document["status"], document["objective"], document["values"]) == (status, None, None)
    assert document["checks"] == []


def test_an_infeasible_model_is_explained_in_its_own_names(folder, run):
    sentence = run("solve", "models.py:infeasible").stdout.splitlines()[1]
    assert sentence.startswith("these 3 cannot hold together: row most (x[0] + x[1] <= 1), ")
    iis = json.loads(run("solve", "models.py:infeasible", "--json").stdout)["iis"]
    assert {m["name"] for m in iis["members"]} == {"row most", "row least", "lower bound of x[1]"}
    assert (iis["irreducible"], iis["sentence"]) == (True, sentence)


def test_an_unbounded_model_is_explained_by_the_columns_that_run_away(folder, run):
    sentence = run("solve", "models.py:unbounded").stdout.splitlines()[1]
    assert sentence.startswith("nothing stops x +1: ")
    ray = json.loads(run("solve", "models.py:unbounded", "--json").stdout)["ray"]
    assert (ray["direction"], ray["gain"], ray["sentence"]) == ({"x": 1}, 1, sentence)


def test_bad_news_without_a_reason_in_time_is_still_bad_news(folder, monkeypatch, run):
    monkeypatch.setattr(proofolio.cli.solve, "EXPLAIN_SECONDS", 1e-9)
    assert len(run("solve", "models.py:infeasible").stdout.splitlines()) == 1
    document = json.loads(run("solve", "models.py:infeasible", "--json").stdout)
    assert (document["status"], "iis" in document) == ("infeasible", False)


@pytest.mark.parametrize(("M", "status", "code"), [(1e8, "leaks", 1), (1e6, "certified-optimal", 0)])
def test_a_leak_in_a_file_is_called_one(folder, M, status, code, run):
    rng = np.random.default_rng(5)
    unit, fixed = rng.uniform(1, 3, (6, 3)).round(6), rng.uniform(30, 50, 6).round(6)
    model = proofolio.Model()
    x, y = model.variable("x", (6, 3), lower=0), model.variable("y", 6, binary=True)
    model.add("demand", x.sum(0) >= rng.uniform(9, 12, 3).round(6))
    model.add("open", x.sum(1) <= M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    proofolio.write_program(model.freeze(), folder / "sites.mps")
    certified = json.loads(run("solve", "sites.mps", "--json").stdout)
    assert (certified["status"], len(certified["claims"])) == ("certified-optimal", code)
    assert certified["objective"] == pytest.approx(78.5307, abs=1e-3)
    how = ("--confirm", "none") if code else ()
    document = json.loads(run("solve", "sites.mps", *how, "--json").stdout)
    assert document["status"] == status
    assert document["objective"] == pytest.approx(40.634 if code else 78.5307, abs=1e-3)
    result = run("solve", "sites.mps", *how)
    assert result.exit_code == code
    assert result.stdout.startswith(f"status     {status}: ")
    assert ("failed     leak: " in result.stdout) == bool(code)


def test_a_leak_nobody_could_decide_is_said_in_words_and_json(folder, monkeypatch, run):
    solve = proofolio.cli.solve.solve_known

    def undecided(*arguments, **settings):
        answer = solve(*arguments, **settings)
        leak = proofolio.Check("leak", False, float("nan"), 1e-6, "could not be decided")
        return replace(answer, checks=(*answer.checks[:4], leak), status="verified-feasible")

    monkeypatch.setattr(proofolio.cli.solve, "solve_known", undecided)
    words = run("solve", "models.py:builder")
    assert words.exit_code == 0
    assert "failed     leak: could not be decided\n" in words.stdout
    document = json.loads(run("solve", "models.py:builder", "--json").stdout)
    assert document["checks"][-1]["value"] is None


def test_nothing_found_within_the_limit_is_bad_news(folder, run):
    result = run("solve", "models.py:hard", "--solver", "scip", "--time-limit", "0.001", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (1, "limit")
    assert (document["objective"], document["gap"], document["values"]) == (None, None, None)


def test_an_answer_that_does_not_hold_is_shown_and_is_bad_news(folder, monkeypatch, run):
    solve = proofolio.cli.solve.solve_known

    def leaking(*arguments, **settings):
        answer = solve(*arguments, **settings)
        leak = proofolio.Check("leak", False, float("inf"), 1e-6, "with the integers rounded it fails")
        return replace(answer, checks=(*answer.checks[:4], leak), status="leaks")

    monkeypatch.setattr(proofolio.cli.solve, "solve_known", leaking)
    words = run("solve", "models.py:builder")
    assert words.exit_code == 1
    assert "checks     4 of 5 hold" in words.stdout
    assert "failed     leak: inf where 1e-06 is allowed; with the integers rounded it fails" in words.stdout
    document = json.loads(run("solve", "models.py:builder", "--json").stdout)
    assert document["status"] == "leaks"
    assert document["checks"][-1]["value"] == "inf"


def test_a_row_that_is_false_as_written_is_infeasible(folder, run, one_sentence):
    result = run("solve", "models.py:constant_row", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "infeasible"
    assert "models.py:constant_row" in one_sentence(result)


@pytest.mark.parametrize(
    ("model", "what"), [("nonconvex", "nonconvex-objective"), ("indicators", "indicators")]
)
def test_what_a_solver_cannot_do_is_said_with_who_can(folder, model, what, run, one_sentence):
    result = run("solve", f"models.py:{model}", "--solver", "highs", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 2
    assert set(document) >= SOLVE_KEYS
    assert document["status"] == "unsupported"
    assert what in one_sentence(result)
    assert "scip can" in result.stderr
    assert run("solve", f"models.py:{model}", "--solver", "scip").exit_code == 0


def test_values_written_are_a_start_for_the_next_solve(folder, run):
    result = run("solve", "models.py:builder", "--out", "plan.json")
    assert result.exit_code == 0
    assert json.loads((folder / "plan.json").read_text())["values"] == {"x[0]": 0, "x[1]": 1}
    assert run("solve", "models.py:builder", "--start", "plan.json", "--solver", "scip").exit_code == 0


def test_nothing_is_written_without_a_solution(folder, run, one_sentence):
    result = run("solve", "models.py:infeasible", "--out", "plan.json")
    assert result.exit_code == 1
    assert "plan.json was not written" in one_sentence(result)
    assert not (folder / "plan.json").exists()


def test_seed_threads_gap_and_options_reach_the_solver(folder, run):
    asked = ("--seed", 3, "--threads", 1, "--gap", 0.1, "--option", "presolve=off", "--time-limit", 30)
    assert run("solve", "models.py:builder", *asked).exit_code == 0


def test_the_first_line_and_the_json_say_who_solved_it_and_how(folder, run):
    first, *_ = run("solve", "models.py:builder").stdout.splitlines()
    document = json.loads(run("solve", "models.py:builder", "--json").stdout)
    assert (document["solver"], document["method"]) == ("highs", "MILP")
    assert f"({document['solver']} {document['solver_version']}, {document['method']}, " in first
    # highs cannot take it
    assert json.loads(run("solve", "models.py:nonconvex", "--json").stdout)["solver"] == "scip"


def test_strict_counts_one_solvers_word_as_bad_news(folder, run):
    for options, code in (
        (["--confirm", "none"], 0),
        (["--confirm", "none", "--strict"], 1),
        (["--strict"], 0),
        (["--confirm", "second", "--strict"], 0),
    ):
        assert run("solve", "models.py:builder", *options).exit_code == code, options


def test_a_certificate_is_written_and_checked_again_without_a_solver(folder, run, one_sentence):
    result = run("solve", "models.py:builder", "--certificates", "proof.json", "--json")
    document = json.loads(result.stdout)
    assert (document["status"], document["certified"], document["certificates"]) == (
        "certified-optimal",
        True,
        "proof.json",
    )
    assert document["exactly_infeasible"] is False
    assert document["confirm_seconds"] > 0
    again = run("solve", "models.py:builder", "--check", "proof.json", "--json")
    found = json.loads(again.stdout)
    assert (again.exit_code, found["ok"], found["says"], found["objective"], found["bound"]) == (
        0,
        True,
        "optimal",
        2.0,
        2.0,
    )
    words = run("solve", "models.py:builder", "--check", "proof.json").stdout
    assert words.startswith("The certificate holds: 2 is reached, and nothing is better than 2 (")
    other = run("solve", "models.py:infeasible", "--check", "proof.json")
    assert other.exit_code == 2
    assert "speaks of another model" in one_sentence(other)
    run("solve", "models.py:builder", "--certificates", "proof.vipr")
    assert (folder / "proof.vipr").read_text().startswith("VER 1.0")


def test_without_a_proof_there_is_no_certificate_to_write(folder, run):
    result = run("solve", "models.py:builder", "--confirm", "none", "--certificates", "proof.json", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"], document["certificates"]) == (0, "solver-optimal", None)
    assert "proof.json was not written" in result.stderr
    assert not (folder / "proof.json").exists()


def test_a_refuted_claim_stands_in_the_document(folder, run):
    text = (
        "min\n obj: x0\nst\n l: x0 - on >= 0\n h: x0 - 3 on <= 0\n c: 9 x0 + 3 x1 >= 3\n e: x0 - x1 - x2 = 0\n"
        "bounds\n 0 <= x0 <= 3\n -inf <= x1 <= 0\n x2 free\ngenerals\n x1 x2\nbinaries\n on\nend\n"
    )
    (folder / "free.lp").write_text(text)
    plain = json.loads(run("solve", "free.lp", "--solver", "highs", "--confirm", "none", "--json").stdout)
    found = json.loads(run("solve", "free.lp", "--solver", "highs", "--json").stdout)
    assert (found["status"], found["objective"]) == ("certified-optimal", 1.0)
    if plain["objective"] != 1.0:  # a later HiGHS may be right
        (claim,) = found["claims"]
        assert (claim["solver"], claim["status"], claim["objective"]) == (
            "highs",
            "optimal",
            plain["objective"],
        )


def test_values_that_are_small_are_not_called_zero(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    for least, said in (("1e-7", "values     y = 1e-07"), ("0", "values     all are zero")):
        (tmp_path / "m.lp").write_text(f"Minimize\n obj: y\nSubject To\n d: y >= {least}\nEnd\n")
        assert said in run("solve", "m.lp").stdout
