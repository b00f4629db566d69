"""`bench --confirm`: a lie that nobody else's answer gives away is found out, and the truth gets a better word."""

import json
from pathlib import Path

import pytest

from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.judgement import judged
from proofolio.benchmarking.records import read_records
from proofolio.benchmarking.summary import summarise
from proofolio.report.benchmark_text import bench_markdown, lines_table
from proofolio.solvers.solution import OPTIMAL

from .test_liars import record, recorded, status_of

PLANTED, CROOKED = (Path(__file__).parent / name for name in ("planted.py", "crooked.py"))


def asked(suite, solver, problem, confirm, **settings):
    runs = plan(
        [open_suite(suite)], [solver], [problem], seeds=1, time_limit=5.0, confirm=confirm, **settings
    )
    return recorded(runs)


def words(records):
    return {r["status"] for r in judged(records)}


def test_a_wrong_optimum_with_a_wrong_bound_to_match_is_one_solvers_word_until_it_is_confirmed():
    assert words(asked(PLANTED, "too-early", "knapsack", "none")) == {"solver-optimal"}
    for how in ("auto", "second", "certificate"):
        found = asked(PLANTED, "too-early", "knapsack", how)
        assert words(found) == {"claim-wrong"}, how
        assert all(r["better"] < r["objective"] == 0.0 and "0 is optimal" in r["message"] for r in found)
        assert not summarise(found).ok


def test_the_point_that_refutes_one_lie_refutes_the_same_lie_of_another():
    liar = asked(PLANTED, "too-early", "knapsack", "second")
    copies = [r | {"id": r["id"] + "x", "key": r["key"] + "x", "solver": "twin"} for r in liar]
    for copy in copies:
        copy.update(status="solver-optimal", better=None, reached=0.0, bound=0.0)
    assert words(copies) == {"solver-optimal"}
    twins = [r for r in judged([*liar, *copies]) if r["solver"] == "twin"]
    assert {r["status"] for r in twins} == {"claim-wrong"}
    assert all("confirming the claim of too-early" in r["message"] for r in twins)


def test_the_truth_is_certified_outside_its_time():
    found = asked(PLANTED, "highs", "knapsack", "auto")
    assert words(found) == {"certified-optimal"}
    assert all(r["confirm_seconds"] > 0.0 for r in found)
    summary = summarise(found)
    assert summary.ok
    (line,) = summary.fields[0].lines
    assert (line.solved, line.certified, line.verified) == (3, 3, 0)
    (row,) = lines_table([line]).records()
    assert float(row["confirm s"]) == pytest.approx(line.confirm, rel=1e-2)
    assert (row["optimal"], row["certified"], row["verified"]) == ("3", "3", "0")
    assert "| certified-optimal | every check holds" in bench_markdown(summary, "t")


def test_an_optimum_within_the_gap_asked_for_is_not_called_wrong():
    near = [r for r in asked(PLANTED, "within-a-gap", "knapsack", "auto", gap=0.5) if r["objective"] < 0.0]
    assert len(near) == 2
    assert words(near) <= set(OPTIMAL)
    assert words(asked(PLANTED, "within-a-gap", "knapsack", "auto")) == {"claim-wrong"}


@pytest.mark.parametrize("how", ["none", "auto", "certificate"])
def test_what_has_no_point_or_no_limit_is_told_from_what_is_said_to_have_none(how):
    for said in ("infeasible", "unbounded"):
        for problem in ("cover", "whole"):
            assert words(asked(CROOKED, f"says-{said}", problem, how)) == {"claim-wrong"}
    assert words(asked(CROOKED, "highs", "impossible", how)) == {"infeasible"}
    assert words(asked(CROOKED, "highs", "endless", how)) == {"unbounded"}


def test_what_is_certified_stands_against_every_float():
    point = record("a", "solver-optimal", 10.0, 10.0, reached=10.0)
    proved = record("b", "certified-optimal", 10.0 + 1e-5, 10.0 + 1e-5, certified=True)
    assert status_of([point, proved], "b") == "certified-optimal"
    assert status_of([point, proved | {"certified": False, "status": "solver-optimal"}], "b") == "claim-wrong"


def test_a_record_of_before_confirmations_is_read_as_one_solvers_word(tmp_path):
    old = record("a", "verified-optimal", 1.0, 1.0) | {"kind": "run", "environment": "e"}
    lines = [json.dumps({"kind": "environment", "id": "e"}), json.dumps(old)]
    (tmp_path / "runs.jsonl").write_text("\n".join(lines) + "\n")
    assert [r["status"] for r in read_records(tmp_path)] == ["solver-optimal"]
    lines[1] = json.dumps(old | {"confirm": "none"})
    (tmp_path / "runs.jsonl").write_text("\n".join(lines) + "\n")
    assert [r["status"] for r in read_records(tmp_path)] == ["verified-optimal"]
