"""Growth: exponents of made-up powers, wrong answers that are not drawn, and one cheap job end to end."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth import command, main, portfolio_jobs, program_jobs
from benchmarks.growth.fitting import fitted
from benchmarks.growth.measuring import Job, Limits, Part, Stopped, Task, Verdict, judged, measured
from benchmarks.growth.page import growth_page
from benchmarks.growth.record import exponents_table, markdown, points_table, record_of
from tests.pages import comparable

ROOT = Path(__file__).parents[2]
SIZES = (5, 10, 20, 50, 100, 200)
LIMITS = Limits(run=5.0, curve=20.0, settled=0.0)
RESULTS = ROOT / "benchmarks" / "results" / "growth"


def power(exponent, factor=1e-4, sizes=SIZES):
    return [(size, factor * size**exponent) for size in sizes]


# ---------------------------------------------------------------------------------- the fit
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5, 3.0])
def test_the_exponent_of_a_power_is_found(exponent):
    fit = fitted(power(exponent))
    assert fit.exponent == pytest.approx(exponent, abs=1e-9)
    assert fit.error < 1e-9
    assert not fit.doubt
    assert (fit.first, fit.last) == (20, 200)  # above the geometric middle, but four points at least


def test_a_noisy_power_lies_within_its_standard_errors():
    rng = np.random.default_rng(0)
    within = 0
    for _ in range(200):
        noisy = [
            (n, y * np.exp(0.05 * rng.standard_normal())) for n, y in power(2.0, sizes=range(10, 110, 10))
        ]
        fit = fitted(noisy)
        within += abs(fit.exponent - 2.0) <= 2.0 * fit.error
    assert within >= 160  # of 200; about 180 by the t-distribution


def test_the_lower_part_of_a_curve_has_no_say():
    overhead = [(n, 1.0 + y) for n, y in power(3.0, 1e-3, (1, 2, 3))] + power(3.0, 1e-3, (100, 200, 400, 800))
    assert fitted(overhead).exponent == pytest.approx(3.0, abs=1e-6)


def test_a_curve_that_bends_is_called_no_power():
    fit = fitted([(n, n + 1e-6 * n**4) for n in (10, 20, 40, 80, 160, 320, 640)])
    assert "no power" in fit.doubt
    assert "at first" in fit.doubt


def test_a_curve_that_jumps_is_called_scattered():
    assert "scatters" in fitted([(10, 1.0), (20, 8.0), (40, 2.0), (80, 20.0), (160, 3.0)]).doubt


def test_two_points_have_no_exponent():
    assert fitted(power(2.0, sizes=(5, 10))) is None
    assert fitted([]) is None


# ---------------------------------------------------------------------------------- answers
def job(solvers, **options):
    return Job("made-up", "A made-up job", "size", SIZES, SIZES[:2], solvers, "It is checked.", **options)


def task(size, answer, verdict, seconds=None):
    return Task(lambda: [lambda: Part(answer, seconds or 1e-5 * size)], lambda found: verdict(found[0]))


def honest(size):
    return task(size, size, lambda found: Verdict("" if found == size else "not the size", float(found)))


def wrong_from_50(size):
    return task(size, -size if size >= 50 else size, lambda found: Verdict("" if found > 0 else "below zero"))


def worse_from_50(size):
    return task(size, size, lambda found: Verdict("", found * (1.1 if size >= 50 else 1.0)))


def record(solvers, **options):
    given = job(solvers, **options)
    curves = judged(
        [measured(given, name, given.sizes, LIMITS) for name in solvers], given.tolerance, same=given.same
    )
    return record_of([(given, curves)], LIMITS, "a test", 0.0)


def drawn_sizes(found, solver):
    (curve,) = (curve for curve in found["jobs"][0]["curves"] if curve["solver"] == solver)
    return [point["size"] for point in curve["points"] if not point["wrong"]]


def test_a_wrong_answer_is_not_drawn_and_named():
    found = record({"ours": honest, "wrong": wrong_from_50})
    assert drawn_sizes(found, "ours") == list(SIZES)
    assert drawn_sizes(found, "wrong") == [5, 10, 20]
    page = growth_page(found)
    assert "not drawn at 50, 100, 200: below zero" in page
    assert "3</dd><dt>points not drawn" in page.replace("<dd class=''>", "")
    tip = page.partition("<title>wrong")[2].partition("</title>")[0]
    assert "20: " in tip
    assert "50: " not in tip
    assert [row[2] for row in points_table(found["jobs"][0], "seconds").rows][3:] == [("wrong", "bad")] * 3


def test_an_answer_that_another_refutes_is_not_drawn():
    found = record({"ours": honest, "worse": worse_from_50}, tolerance=1e-3)
    assert drawn_sizes(found, "ours") == list(SIZES)
    assert drawn_sizes(found, "worse") == [5, 10, 20]


def test_where_values_must_agree_none_is_believed_that_differs():
    found = record({"ours": honest, "worse": worse_from_50}, tolerance=1e-3, same=True)
    assert drawn_sizes(found, "ours") == drawn_sizes(found, "worse") == [5, 10, 20]


def test_a_wrong_point_is_in_no_exponent():
    found = record({"ours": honest, "wrong": wrong_from_50})
    (fit,) = (curve["time"] for curve in found["jobs"][0]["curves"] if curve["solver"] == "wrong")
    assert fit["last"] == 20


# ----------------------------------------------------------------------------------- limits
def cubic(size):
    return task(size, size, lambda found: Verdict(""), 1e-4 * size**3)


def refusing(size):
    def refuse():
        raise Stopped("it is not for that many")

    return honest(size) if size < 50 else Task(lambda: [refuse], lambda found: Verdict(""))


def ends_its_process(size):
    if size == 50:
        sys.exit(3)
    return honest(size)


def endless(size):
    return honest(size) if size < 50 else Task(lambda: [lambda: time.sleep(3600)], lambda found: Verdict(""))


@pytest.mark.parametrize(
    ("make", "reason"),
    [(cubic, "would take"), (refusing, "it is not for that many"), (ends_its_process, "its process ended")],
)
def test_a_curve_says_where_and_why_it_ends(make, reason):
    curve = measured(job({"one": make}), "one", SIZES, LIMITS)
    assert reason in curve.ended
    assert curve.ended_at == 50
    assert [point.size for point in curve.points] == [5, 10, 20]


def test_a_run_that_never_ends_is_ended():
    curve = measured(job({"one": endless}), "one", SIZES, Limits(run=1.0, curve=8.0, settled=0.0))
    assert "not done" in curve.ended
    assert curve.ended_at == 50
    assert len(curve.points) == 3


# ------------------------------------------------------------------------------- end to end
def test_a_quick_run_of_one_job_writes_page_table_and_record(tmp_path, capsys):
    assert (
        main(["--quick", "--jobs", "erc", "--out", str(tmp_path), "--json", str(tmp_path / "own.json")]) == 0
    )
    found = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "own.json").read_text(encoding="utf-8"))["jobs"] == found["jobs"]
    (ours,) = (curve for curve in found["jobs"][0]["curves"] if curve["solver"] == "ours")
    assert len(drawn_sizes(found, "ours")) == len(ours["points"]) > 0
    assert all(point["seconds"] > 0 for point in ours["points"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == growth_page(found)
    assert 'role="img"' in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert (tmp_path / "report.md").read_text(encoding="utf-8").endswith(markdown(found))
    printed = capsys.readouterr()
    assert "ERC of one covariance" in printed.out
    assert "[1/1]" in printed.err


def test_a_job_that_is_unknown_is_named(tmp_path):
    with pytest.raises(SystemExit, match="no job 'nonsense'"):
        main(["--jobs", "nonsense", "--out", str(tmp_path)])


def test_every_job_has_names_sizes_that_grow_and_a_check_in_words():
    jobs = [*portfolio_jobs.jobs(), *program_jobs.jobs()]
    assert len({each.name for each in jobs}) == len(jobs)
    for each in jobs:
        assert list(each.sizes) == sorted(set(each.sizes))
        assert set(each.quick) <= set(each.sizes)
        assert each.checked.endswith(".")
        assert each.solvers
    assert command.QUICK.run < Limits().run


def test_the_likelihood_is_that_of_all_paths():
    x, P = np.array([0.1, -0.3, 0.2]), np.array([[0.9, 0.1], [0.3, 0.7]])
    first, means, variances = np.array([0.6, 0.4]), np.array([0.0, 0.1]), np.array([0.04, 0.2])
    density = np.exp(-0.5 * (x[:, None] - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances)
    paths = (
        first[i] * density[0, i] * P[i, j] * density[1, j] * P[j, k] * density[2, k]
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    )
    assert portfolio_jobs.likelihood(first, P, means, variances, x) == pytest.approx(np.log(sum(paths)))


# ---------------------------------------------------------------------------- what is published
@pytest.mark.skipif(not RESULTS.is_dir(), reason="a wheel has no results")
def test_the_published_page_and_table_are_those_of_the_record():
    found = json.loads((RESULTS / "record.json").read_text(encoding="utf-8"))
    assert comparable((RESULTS / "report.html").read_text(encoding="utf-8")) == comparable(growth_page(found))
    assert (RESULTS / "report.md").read_text(encoding="utf-8").endswith(markdown(found))
    for given in found["jobs"]:
        assert exponents_table(given).rows
