"""`proofolio doctor` tries every solver and says which is broken."""

import json
from dataclasses import replace

import proofolio
from proofolio import compiled
from proofolio.solvers.capabilities import SOLVERS


def test_doctor_tries_every_solver(run):
    result = run("doctor", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert {entry["name"] for entry in document["solvers"]} == set(SOLVERS)
    assert all(entry["status"] == "solver-optimal" for entry in document["solvers"])
    assert document["packages"]["proofolio"] == proofolio.__version__
    words = run("doctor").stdout
    assert "quadratic-objective" in words
    assert "test" in words


def test_doctor_says_which_solver_is_broken(monkeypatch, run, one_sentence):
    def broken(program, settings):
        raise OSError("no such library")

    monkeypatch.setitem(SOLVERS, "scip", replace(SOLVERS["scip"], solve=broken))
    result = run("doctor", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [entry["ok"] for entry in document["solvers"] if entry["name"] == "scip"] == [False]
    assert "scip is broken: OSError: no such library" in one_sentence(result)


def test_doctor_says_which_back_end_runs_short_loops(monkeypatch, run):
    compiled.active.cache_clear()
    monkeypatch.setenv("PROOFOLIO_COMPILED", "0")
    try:
        assert json.loads(run("doctor", "--json").stdout)["compiled"] is False
        assert "by numpy" in run("doctor").stdout
    finally:
        compiled.active.cache_clear()
