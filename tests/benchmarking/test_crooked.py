"""What a crooked solver could get out of the judging: nothing for itself, and nothing against honest ones."""

from pathlib import Path

import pytest

from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.judgement import boxed_in, judged, program_hash, reached
from proofolio.benchmarking.permutation import shuffled
from proofolio.benchmarking.suite import import_file
from proofolio.benchmarking.summary import summarise
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import bench_markdown
from proofolio.solvers.limits import NEVER

from .test_liars import record, recorded, status_of

CROOKED = Path(__file__).parent / "crooked.py"
SOLVABLE = ("cover", "whole")


def asked(solvers, problems, seeds=1, time_limit=5.0):
    runs = plan([open_suite(CROOKED)], solvers, problems, seeds=seeds, time_limit=time_limit)
    return recorded(runs)


def found(records, solver, problem):
    return {r["status"] for r in judged(records) if (r["solver"], r["problem"]) == (solver, problem)}


@pytest.fixture(scope="module")
def solvable():
    crooks = ["vandal", "sloppy", "says-infeasible", "says-unbounded", "refuses", "counts-in-words"]
    return asked(["highs", "scip", *crooks], SOLVABLE, seeds=2)


@pytest.mark.parametrize("problem", SOLVABLE)
def test_honest_solvers_among_crooked_ones_keep_their_optima(solvable, problem):
    for solver in ("highs", "scip", "counts-in-words"):
        # multipliers prove the bound of a continuous program; for integers it is the solver's word
        proved = problem == "cover" and solver != "scip"
        assert found(solvable, solver, problem) == {"verified-optimal" if proved else "solver-optimal"}


@pytest.mark.parametrize("problem", SOLVABLE)
@pytest.mark.parametrize("solver", ["vandal", "says-infeasible", "says-unbounded"])
def test_a_false_claim_is_called_one(solvable, solver, problem):
    assert found(solvable, solver, problem) == {"claim-wrong"}


def test_every_instance_counts_whatever_a_crooked_way_says_of_it(solvable):
    (field,) = summarise(solvable).fields
    assert field.compared == 4  # two programs, two seeds
    lines = {line.name: line for line in field.lines}
    assert lines["refuses"].statuses == {"error": 4}
    assert lines["refuses"].mean == pytest.approx(5.0)
    assert lines["highs"].solved == 4


@pytest.mark.parametrize("solver", ["vandal", "says-infeasible", "says-unbounded", "refuses", "contradicts"])
def test_alone_it_gets_no_further(solver):
    for problem in SOLVABLE:
        expected = "error" if solver == "refuses" else "claim-wrong"
        assert found(asked([solver], [problem]), solver, problem) == {expected}


def test_a_point_inside_the_tolerance_of_rows_refutes_nobody(solvable):
    sloppy = [r for r in solvable if r["solver"] == "sloppy" and r["problem"] == "cover"]
    assert {r["objective"] < 5.0 for r in sloppy} == {True}
    assert {r["reached"] for r in sloppy} == {None}
    bounds = record("a", "verified-feasible", 1000.0, 999.999, reached=None)
    cheap = record("b", "verified-optimal", 999.9, 999.9, reached=None)
    assert status_of([bounds, cheap], "a") == "verified-feasible"
    assert status_of([bounds, cheap | {"reached": 999.9}], "a") == "claim-wrong"


def test_what_is_reached_is_the_value_with_integers_exact_and_rows_firm():
    module = import_file(CROOKED)
    cover, whole = module.cover(), module.whole()
    assert reached(cover, [5.0, 0.0], NEVER) == 5.0
    assert reached(cover, [5.0 - 4e-6, 0.0], NEVER) is None  # within the tolerance, not firm
    assert reached(whole, [3.0 - 1e-7, 0.0], NEVER) == 3.0
    assert reached(cover, [float("nan"), 0.0], NEVER) is None


def test_infeasible_and_unbounded_that_are_true_are_confirmed_and_count_for_nobody():
    records = asked(["highs"], ["cover", "impossible", "endless"])
    assert found(records, "highs", "impossible") == {"infeasible"}
    assert found(records, "highs", "endless") == {"unbounded"}
    (field,) = summarise(records).fields
    assert field.compared == 1


def test_only_bounds_that_the_cost_pulls_at_keep_an_objective_finite():
    module = import_file(CROOKED)
    assert boxed_in(module.cover())
    assert not boxed_in(module.endless())


@pytest.mark.parametrize("said", ["infeasible", "unbounded"])
def test_on_its_own_word_alone_a_way_takes_no_instance_from_the_others(said):
    alone = record("a", said, confirmed=False)
    stuck = record("b", "limit")
    assert status_of([alone, stuck], "a") == f"solver-{said}"
    assert status_of([alone, record("b", said)], "a") == said
    # numbers so large or so small that two solvers may well be wrong together
    assert status_of([alone | {"modest": False}, record("b", said)], "a") == f"solver-{said}"
    assert status_of([alone | {"confirmed": True}, stuck], "a") == said
    (field,) = summarise([alone, stuck]).fields
    assert field.compared == 1


def test_unbounded_is_refuted_by_an_optimum_whatever_the_names_and_the_other_points():
    optimum = record("z", "verified-optimal", 5.0, 5.0)
    # a better point that was not proved to be best comes first in every order
    point = record("a", "verified-feasible", 5.0, 1.0, reached=4.9999999999)
    liar = record("b", "unbounded", confirmed=False)
    assert status_of([point, optimum, liar], "b") == "claim-wrong"
    assert status_of([point, optimum, liar | {"confirmed": True}], "b") == "solver-unbounded"
    word = record("z", "solver-optimal", 5.0, 5.0)
    assert status_of([point, word, liar], "b") == "solver-unbounded"  # one word against another


def test_infeasible_beside_a_point_within_tolerances_is_undecided_and_beside_a_firm_one_wrong():
    loose = record("a", "verified-optimal", 5.0, 5.0, reached=None)
    said = record("b", "infeasible", confirmed=True)
    assert status_of([loose, said], "b") == "solver-infeasible"
    assert status_of([loose | {"reached": 5.0}, said], "b") == "claim-wrong"
    assert status_of([loose, said | {"certified": True}], "b") == "infeasible"  # no point holds exactly


def test_an_answer_after_the_time_limit_counts_as_limit_and_beats_nobody():
    records = asked(["dawdles", "highs"], ["cover"], time_limit=0.2)
    assert found(records, "dawdles", "cover") == {"limit"}
    assert found(records, "highs", "cover") == {"verified-optimal"}
    (late,) = [r for r in judged(records) if r["solver"] == "dawdles"]
    assert late["seconds"] > 1.2
    assert late["objective"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("limit", "seconds", "status"),
    [
        (1.0, 1.9, "verified-optimal"),
        (1.0, 2.1, "limit"),
        (100.0, 104.0, "verified-optimal"),
        (100.0, 106.0, "limit"),
    ],
)
def test_a_limit_is_kept_to_a_second_or_a_twentieth(limit, seconds, status):
    run = record("a", "verified-optimal", 1.0, 1.0, time_limit=limit, seconds=seconds)
    assert status_of([run], "a") == status


def test_a_lie_that_comes_late_is_still_a_lie():
    late = record("a", "verified-optimal", 2.0, 2.0, seconds=9.0)
    assert status_of([late, record("b", "verified-optimal", 1.0, 1.0)], "a") == "claim-wrong"


def test_an_unseeded_case_is_told_in_a_sentence_and_its_runs_are_not_held_against_each_other():
    records = asked(["highs", "scip"], ["unseeded"])
    summary = summarise(records)
    assert summary.by_status == {"solver-optimal": 1, "verified-optimal": 1}  # SCIP gives no multipliers
    assert {r["objective"] for r in summary.records} != {summary.records[0]["objective"]}
    (sentence,) = summary.notes
    assert "unseeded: its runs were given 2 different programs" in sentence
    assert sentence in bench_markdown(summary, "t")
    assert sentence in bench_page(summary, "t")
    assert summarise(asked(["highs", "scip"], ["cover"], seeds=2)).notes == ()


def test_the_hash_of_a_program_changes_with_each_of_its_numbers_and_not_with_its_building():
    module = import_file(CROOKED)
    program = module.cover()
    assert program_hash(program) == program_hash(module.cover())
    assert program_hash(program) != program_hash(module.whole())
    two = next(s for k in range(1, 9) if list((s := shuffled(program, k)).columns) == [1, 0])
    assert program_hash(program) != program_hash(two.program)
    for name in ("q", "row_lower", "upper"):
        other = module.cover()
        getattr(other, name)[0] += 1e-12
        assert program_hash(other) != program_hash(program), name


@pytest.mark.parametrize(
    ("solver", "status"),
    [
        ("checked", "verified-optimal"),
        ("unchecked", "error"),
        ("no-number", "claim-wrong"),
        ("far-bound", "verified-feasible"),
        ("late-refusal", "error"),
    ],
)
def test_a_solver_of_a_problems_own_is_believed_only_what_was_checked(solver, status):
    records = asked(["checked", solver], ["errand"])
    assert found(records, solver, "errand") == {status}
    assert found(records, "checked", "errand") == {"verified-optimal"}


def test_no_claims_are_not_called_claims_that_held():
    records = [record(solver, "error", message="no licence", load=0.0) for solver in ("a", "b")]
    summary = summarise(records)
    assert summary.claims == 0
    for text in (bench_markdown(summary, "t"), bench_page(summary, "t")):
        assert "No claims were made in 2 runs." in text
    assert summarise([*records, record("c", "verified-optimal", 1.0, 1.0)]).claims == 1
