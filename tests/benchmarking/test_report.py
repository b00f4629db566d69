"""Reports are whole, offline, small, and the same bytes for the same records; a comparison says what got slower."""

import copy
import io
import random
import re

import numpy as np
import pytest
from rich.console import Console

from proofolio.benchmarking.comparison import compare
from proofolio.benchmarking.summary import summarise
from proofolio.errors import BadData
from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_cases import CASES_SHOWN, case_lines, cases_table
from proofolio.report.benchmark_text import bench_markdown, changes_table, comparison_sentences, show_bench

ENVIRONMENT = {
    "id": "e",
    "machine": {"processor": "P", "cores": "2"},
    "versions": {"highspy": "1"},
    "command": "x y",
}


def record(case, solver, seconds, status="verified-optimal", seed=0, **rest):
    known = {
        "id": f"{case} {solver} seed={seed}",
        "key": f"{case}{solver}{seed}",
        "case": case,
        "suite": "s",
        "problem": "p",
        "params": {"lowering": "hull" if case.endswith("hull") else "big-m"},
        "solver": solver,
        "seed": seed,
        "permutation": seed,
        "status": status,
        "objective": 1.0,
        "bound": 1.0,
        "seconds": seconds,
        "integral": seconds,
        "build_seconds": 0.1,
        "nodes": 3,
        "memory_peak": 100.0,
        "gap_asked": 1e-6,
        "time_limit": 10.0,
        "load": 1.0,
        "message": "",
        "environment": ENVIRONMENT,
    }
    return known | rest


def many(factor=1.0, cases=12, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for k in range(cases):
        base = float(rng.uniform(0.5, 5.0))
        for s in range(2):
            for solver, slow in (("highs", 1.0), ("scip", factor)):
                noise = float(np.exp(0.05 * rng.standard_normal()))
                found.append(
                    record(f"{k},{'hull' if k % 2 else 'big-m'}", solver, base * slow * noise, seed=s)
                )
    return found


def test_the_same_records_in_any_order_give_the_same_bytes():
    records = many()
    records[3] |= {"status": "leaks", "message": "leaks | <b>much</b>"}
    mixed = copy.deepcopy(records)
    random.Random(1).shuffle(mixed)
    for write in (bench_page, bench_markdown):
        assert write(summarise(records), "t") == write(summarise(mixed), "t")


def test_the_page_is_one_file_without_anything_from_outside():
    page = bench_page(summarise(many(cases=400)), "t")
    assert len(page.encode()) < 500_000
    # url(#...) and href="#..." lead to another part of the same drawing
    assert not re.search(r"(?:src|href)=(?!\"#)|@import|url\((?!#)|<script", page)
    assert page.count("<svg") == 4  # two charts, each for a wide and for a narrow page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_thousand_failures_and_a_hundred_ways_stay_small_and_whole():
    records = [
        record(f"{k}", f"w{w}", 1.0, "crash", message="<i>" * 50) for k in range(30) for w in range(100)
    ]
    page = bench_page(summarise(records), "t")
    assert len(page.encode()) < 500_000
    assert "<i>" not in page


def test_a_table_by_hand():
    records = [
        record("a", "highs", 1.0),
        record("b", "highs", 7.0, "limit", objective=None),
        record("a", "scip", 2.0),
        record("b", "scip", 3.0, "unsupported", objective=None),
    ]
    (field,) = summarise(records).fields
    lines = {line.name: line for line in field.lines}
    # only a is for both: b is unsupported by one of them
    assert field.compared == 1
    assert lines["highs"].mean == pytest.approx(1.0)
    assert (lines["highs"].runs, lines["highs"].solved) == (2, 1)
    assert lines["scip"].unsupported == 1
    ((first, second, ratio),) = field.ratios
    assert (first, second) == ("highs", "scip")
    assert ratio.value == pytest.approx((1.0 + 0.001) / (2.0 + 0.001))
    assert (ratio.runs, ratio.cases, ratio.models) == (1, 1, 1)


def test_cases_of_one_model_are_counted_as_one_model():
    """Five cases of one model and one of another: six cases, and two models, wherever the ratio is printed."""
    records = [
        record(f"{model}[n={n}]", solver, seconds, problem=model)
        for model, sizes in (("big", range(5)), ("other", range(1)))
        for n in sizes
        for solver, seconds in (("highs", 1.0), ("scip", 2.0))
    ]
    (field,) = summarise(records).fields
    ((_, _, ratio),) = field.ratios
    assert (ratio.runs, ratio.cases, ratio.models) == (6, 6, 2)
    text = bench_markdown(summarise(records), "t")
    assert "| time of | over that of | ratio (95 % interval) | runs | cases | models |" in text
    assert re.search(r"\| highs \| scip \| .* \| 6 \| 6 \| 2 \|", text)
    assert "cases of one model are alike" in text
    assert "cases of one model are alike" in bench_page(summarise(records), "t")
    slower = [r | {"seconds": 2 * r["seconds"]} for r in copy.deepcopy(records)]
    change = next(c for c in compare(records, slower).changes if (c.problem, c.solver) == ("", "highs"))
    assert (change.ratio.cases, change.ratio.models) == (6, 2)
    table = changes_table(compare(records, slower))
    assert list(table.head[-3:]) == ["runs", "cases", "models"]


def test_the_gap_reached_at_a_limit_stands_in_the_summary():
    """The largest of the runs that ended with a point and no optimum; those that ended otherwise have none."""
    records = [
        record("a", "highs", 1.0, gap=0.0),
        record("b", "highs", 9.0, "verified-feasible", gap=0.03),
        record("c", "highs", 9.0, "verified-feasible", gap=0.2),
        record("d", "highs", 9.0, "limit", objective=None, gap=None),
        record("e", "highs", 9.0, "claim-wrong", gap=7.0),
    ]
    (field,) = summarise(records).fields
    assert field.lines[0].gap == 0.2
    lines = bench_markdown(summarise(records), "t").splitlines()
    head = next(line for line in lines if "| gap at limit |" in line).split(" | ")
    row = next(line for line in lines if line.startswith("| highs")).split(" | ")
    assert row[head.index("gap at limit")] == "0.2"
    assert "gap at limit" in printed(records, 200)
    assert "gap at limit" not in printed(records[:1], 200)


def test_a_way_that_can_take_nothing_leaves_the_others_their_comparison():
    records = [record(c, w, 1.0) for c in "ab" for w in ("highs", "scip")]
    records += [record(c, "missing", None, "unsupported", objective=None) for c in "ab"]
    (field,) = summarise(records).fields
    assert field.compared == 2
    assert set(field.times) == {"highs", "scip"}
    assert {line.name: line.compared for line in field.lines} == {"highs": 2, "scip": 2, "missing": 0}


def test_a_program_that_all_call_infeasible_counts_for_nobody():
    records = [record("a", w, 1.0) for w in ("highs", "scip")]
    records += [record("b", w, 0.1, "infeasible", objective=None, bound=None) for w in ("highs", "scip")]
    (field,) = summarise(records).fields
    assert field.compared == 1
    assert [line.mean for line in field.lines] == [pytest.approx(1.0)] * 2


def test_all_failed_and_one_way_only_are_reported():
    failed = [record(str(k), solver, 1.0, "limit", objective=None) for k in range(3) for solver in ("a", "b")]
    summary = summarise(failed)
    lines = {line.name: line for line in summary.fields[0].lines}
    assert lines["a"].mean == pytest.approx(10.0)
    assert lines["a"].par10 == 100.0
    assert bench_page(summary, "t").count("<svg") == 4
    alone = summarise([record("x", "only", 0.5)])
    assert alone.fields[0].ratios == ()
    assert "only" in bench_page(alone, "t")
    assert summarise([]).fields == ()
    assert bench_markdown(summarise([]), "t")


def test_twice_as_slow_is_called_slower_and_the_same_is_not():
    before, after = many(1.0, seed=1), many(2.0, seed=2)
    # the same times apart from noise, and the factor on one solver
    for old, new in zip(before, after, strict=True):
        scale = 2.0 if new["solver"] == "scip" else 1.0
        new["seconds"] = old["seconds"] * scale * (1.01 if int(new["case"].partition(",")[0]) % 2 else 0.99)
    found = compare(before, after)
    verdicts = {c.solver: c.verdict for c in found.changes}
    assert verdicts == {"scip": "slower", "highs": "same"}
    assert not found.ok
    (slow, _) = changes_table(found).rows
    assert slow[2] == "scip"
    assert slow[4].startswith("2.0")
    assert compare(before, before).ok
    assert {c.verdict for c in compare(after, before).changes} == {"faster", "same"}


def test_what_was_lost_gained_and_went_wrong_is_told():
    before = [record("a", "highs", 1.0), record("b", "highs", 1.0, "limit"), record("c", "highs", 1.0)]
    after = [
        record("a", "highs", 9.0, "crash"),
        record("b", "highs", 1.0),
        record("c", "highs", 1.0, "leaks"),
    ]
    found = compare(before, after)
    assert [b["case"] for _, b in found.lost] == ["a"]
    assert [b["case"] for _, b in found.gained] == ["b"]
    assert [r["case"] for r in found.wrong] == ["c"]
    assert "1 lost, 1 gained, 1 claims" in " ".join(comparison_sentences(found))


def test_another_machine_is_a_warning_and_nothing_in_common_an_error():
    before = many(cases=3)
    other = [r | {"environment": ENVIRONMENT | {"machine": {"processor": "Q"}}} for r in before]
    assert any("machine" in s for s in comparison_sentences(compare(before, other)))
    with pytest.raises(BadData, match="no run in common"):
        compare(before, [record("else", "highs", 1.0)])


def test_each_model_has_a_line_for_each_solver():
    records = [
        record("a", "highs", 1.0, objective=4.000001, gap=1e-7),
        record("a", "highs", 3.0, "limit", seed=1, objective=None, gap=None),
        record("a", "highs", 2.0, seed=2, objective=4.0, gap=3e-7),
        record("a", "scip", 7.0, "leaks", objective=1.0, gap=0.0),
    ]
    ours, theirs = case_lines(records)
    assert (ours.status, ours.objective, ours.gap) == ("1 limit, 2 verified-optimal", 4.0, 3e-7)
    assert ours.seconds == 2.0
    # a wrong answer has no time
    assert (theirs.status, theirs.objective, theirs.seconds) == ("leaks", None, None)
    (largest,) = case_lines([r | {"maximise": True} for r in records if r["solver"] == "highs"])
    assert largest.objective == 4.000001
    assert "| a | highs | 3 | 1 limit, 2 verified-optimal | 4 | 3e-07 | 2 |" in bench_markdown(
        summarise(records), "t"
    )
    assert "Model by model" in bench_page(summarise(records), "t")


def test_cases_beyond_those_shown_are_counted():
    records = [record(f"{k:03}", w, 1.0) for k in range(CASES_SHOWN + 2) for w in ("highs", "scip")]
    lines = case_lines(records)
    assert len(lines) == 2 * (CASES_SHOWN + 2)
    assert len(cases_table(lines).rows) == 2 * CASES_SHOWN
    said = f"The first {CASES_SHOWN} of {CASES_SHOWN + 2} cases are shown; 2 were left out"
    assert said in bench_markdown(summarise(records), "t")
    assert said in bench_page(summarise(records), "t")


@pytest.mark.parametrize(("cases", "verdict"), [(5, "too few"), (6, "slower")])
def test_few_cases_or_short_runs_are_no_change_beyond_doubt(cases, verdict):
    def runs(factor, cpu):
        return [record(str(k), "highs", factor * (1.0 + k / 10), cpu_seconds=cpu) for k in range(cases)]

    (change,) = compare(runs(1.0, 1.0), runs(2.0, 2.0)).changes
    assert (change.verdict, change.ratio.cases) == (verdict, cases)
    (change,) = compare(runs(1.0, 0.01), runs(2.0, 0.04)).changes
    assert change.verdict == "too short"
    found = compare(runs(1.0, 0.01), runs(2.0, 0.06))  # one of the two is long enough
    assert [c.verdict for c in found.changes] == [verdict]
    assert found.ok == (verdict == "too few")


def test_what_differs_beside_the_times_is_said():
    before = [r | {"confirm": "none"} for r in many(cases=3)]
    assert compare(before, before).notes == ()
    for change, words in (
        ({"confirm": "second"}, "--confirm"),
        ({"time_limit": 5.0}, "time limit"),
        ({"load": 2.0}, "was 1.0 in the first and 2.0 in the second"),
    ):
        (note,) = compare(before, [r | change for r in before]).notes
        assert words in note


def printed(records, width):
    console = Console(file=io.StringIO(), width=width)
    show_bench(console, summarise(records), ())
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_a_narrow_terminal_says_which_columns_it_leaves_out(width):
    records = [*many(cases=3), record("z", "highs", 1.0, "limit", objective=None)]
    text = printed(records, width)
    head = next(line for line in text.splitlines() if line.startswith("solver"))
    named = re.findall(r"Columns left out: (.*); --json", text)
    left = named[0].split(", ") if named else []
    assert bool(left) == (width == 80)
    for name in (
        "runs",
        "optimal",
        "certified",
        "verified",
        "claims that did not hold",
        "other",
        "mean s",
        "CPU s",
    ):
        assert (name in head) != (name in left)  # whole, or named below
    assert "other" in head
    assert "1 limit" in text


@pytest.mark.parametrize(("count", "said"), [(10, False), (12, True)])
def test_a_cut_list_of_wrong_claims_says_so(count, said):
    text = printed([record(f"{k:02}", "highs", 1.0, "leaks") for k in range(count)], 160)
    assert "Claims that did not hold" in text
    assert (f"(10 of {count} shown)" in text) == said
