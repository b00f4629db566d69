"""Planted liars show up as such, and never in a profile, a mean or a ratio."""

from pathlib import Path

import pytest

from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.execution import Executor
from proofolio.benchmarking.judgement import disagreements, judged
from proofolio.benchmarking.summary import summarise
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import bench_markdown

PLANTED = Path(__file__).parent / "planted.py"
LIARS = ("leaks", "wrong-bound", "too-early", "infeasible-point", "says-infeasible", "no-point")


def recorded(runs):
    """Records as they are read, of runs done in this process: none of these crashes."""
    execute = Executor()
    found = []
    for run in runs:
        known = {name: value for name, value in vars(run).items() if name not in ("source", "key")}
        known["gap_asked"] = known.pop("gap")
        environment = {"id": "here", "machine": {}, "versions": {}}
        found.append({**known, "key": run.key, "id": run.id, "case": run.case, "environment": environment})
        found[-1] |= execute(run)
    return found


@pytest.fixture(scope="module")
def summary():
    runs = plan([open_suite(PLANTED)], ["highs", "scip", *LIARS], seeds=2, time_limit=5.0)
    return summarise(recorded(runs))


def statuses(summary, solver, problem):
    return {r["status"] for r in summary.records if r["solver"] == solver and r["problem"] == problem}


@pytest.mark.parametrize(
    ("solver", "problem", "status"),
    [
        ("leaks", "leaky", "leaks"),
        ("leaks", "knapsack", "solver-optimal"),  # honest there
        ("wrong-bound", "knapsack", "claim-wrong"),
        ("wrong-bound", "leaky", "claim-wrong"),
        ("too-early", "knapsack", "claim-wrong"),
        ("too-early", "leaky", "claim-wrong"),
        ("infeasible-point", "knapsack", "claim-wrong"),
        ("says-infeasible", "knapsack", "claim-wrong"),
        ("no-point", "knapsack", "claim-wrong"),
        ("highs", "knapsack", "solver-optimal"),
        ("scip", "leaky", "solver-optimal"),
    ],
)
def test_a_liar_is_called_one_and_nobody_else(summary, solver, problem, status):
    assert statuses(summary, solver, problem) == {status}


def test_a_lie_has_no_time_in_a_profile_a_mean_or_a_ratio(summary):
    (field,) = summary.fields
    assert field.compared == 8  # three knapsacks and the leaky one, two seeds each
    assert all(t is not None for t in field.times["highs"])
    for solver in LIARS:
        honest = 6 if solver == "leaks" else 2 if solver == "infeasible-point" else 0
        assert sum(t is not None for t in field.times[solver]) == honest, solver
    lines = {line.name: line for line in field.lines}
    assert lines["too-early"].mean == pytest.approx(5.0)  # its time limit, for every run
    assert lines["too-early"].par10 == 50.0
    assert {name for first, second, _ in field.ratios for name in (first, second)} <= {
        "highs",
        "scip",
        "leaks",
        "infeasible-point",
    }


def test_lies_are_a_headline_of_both_reports(summary):
    wrong = len(summary.wrong)
    assert wrong == sum(line.wrong for line in summary.fields[0].lines) > 0
    page, text = bench_page(summary, "planted"), bench_markdown(summary, "planted")
    assert f"<dd class='bad'>{wrong}</dd><dt>claims that did not hold</dt>" in page
    assert text.index("Claims that did not hold") < text.index("## planted")
    assert not summary.ok


def record(solver, status, objective=None, bound=None, **rest):
    known = {
        "case": "s/p",
        "suite": "s",
        "problem": "p",
        "params": {},
        "seed": 0,
        "permutation": 0,
        "gap_asked": 0.0,
        "time_limit": 1.0,
        "seconds": 0.1,
        "id": f"s/p {solver}",
        "key": solver,
        "environment": {},
        "solver": solver,
        "status": status,
        "objective": objective,
        "bound": bound,
    }
    return known | rest


def status_of(records, solver):
    (found,) = [r["status"] for r in judged(records) if r["solver"] == solver]
    return found


def test_a_verified_point_refutes_the_bounds_it_beats_and_no_others():
    point = record("a", "verified-feasible", 10.0, 8.0)
    assert status_of([point, record("b", "verified-optimal", 12.0, 12.0)], "b") == "claim-wrong"
    assert status_of([point, record("b", "limit", None, 11.0)], "b") == "claim-wrong"
    assert status_of([point, record("b", "limit", None, 9.0)], "b") == "limit"
    assert status_of([point, record("b", "verified-optimal", 10.0, 10.0)], "b") == "verified-optimal"
    agreed = [point, record("b", "unbounded", confirmed=True)]
    assert status_of(agreed, "b") == "unbounded"  # a point alone is no proof


def test_a_maximum_is_refuted_from_above():
    point = record("a", "verified-optimal", 10.0, 10.0, maximise=True)
    low = record("b", "verified-optimal", 9.0, 9.0, maximise=True)
    high = record("b", "limit", None, 11.0, maximise=True)
    assert status_of([point, low], "b") == "claim-wrong"
    assert status_of([point, high], "b") == "limit"


def test_a_point_that_was_not_verified_refutes_nothing():
    for status in ("leaks", "claim-wrong", "limit"):
        other = record("b", "verified-optimal", 12.0, 12.0)
        assert status_of([record("a", status, 10.0, 10.0), other], "b") == "verified-optimal"


def test_a_gap_asked_for_is_forgiven_once_for_each_of_the_two():
    point = record("a", "verified-optimal", 100.0, 99.0, gap_asked=0.01)
    assert status_of([point, record("b", "verified-optimal", 101.0, 99.5, gap_asked=0.01)], "b") == (
        "verified-optimal"
    )
    assert (
        status_of([point, record("b", "verified-optimal", 104.0, 99.5, gap_asked=0.01)], "b") == "claim-wrong"
    )


def test_lowerings_with_different_optima_are_told_in_a_sentence():
    hull = record("a", "verified-optimal", 1.0, 1.0, params={"n": 3, "lowering": "hull"})
    other = record("b", "verified-optimal", 1.5, 1.5, params={"n": 3, "lowering": "big-m"})
    (sentence,) = disagreements([hull, other])
    assert sentence == "s/p[n=3]: the optimum is 1 with hull and 1.5 with big-m"
    assert disagreements([hull, other | {"objective": 1.0}]) == []
