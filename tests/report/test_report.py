"""The report is one file, needs nothing else, says what was found, and is the same for the same results."""

import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from proofolio.charts.figures import add_tips, chart_style, inline_svg, new_figure
from proofolio.cli.group import command_line
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.forecasts.prices import load_market, load_prices, simple_returns
from proofolio.report.demo import Refutation, agreement, run_demo
from proofolio.report.demo_case import CaseSettings, market_case
from proofolio.report.demo_page import refutation_chart, regime_page
from proofolio.report.page import page, paragraph
from proofolio.report.table import Table
from proofolio.solvers.solution import VERIFIED
from tests.command_line import CliRunner

SVG = "{http://www.w3.org/2000/svg}"


class Heard:
    def __init__(self):
        self.steps = []

    def started(self, title):
        pass

    def going(self, words):
        pass

    def done(self, words, seconds, ok):
        self.steps.append((words, seconds, ok))


@pytest.fixture(scope="module")
def heard():
    return Heard()


@pytest.fixture(scope="module")
def result(heard):
    """A small demo: 3 stocks, 4 months."""
    settings = CaseSettings(assets=("AAPL", "JNJ", "XOM"), periods=4, most=0.6)
    return run_demo(heard, settings)


@pytest.fixture(scope="module")
def html(result):
    return regime_page(result)


def test_the_small_demo_agrees_and_refutes(result):
    assert result.ok
    assert [(run.lowering, run.solver) for run in result.runs] == [
        ("hull", "highs"),
        ("hull", "scip"),
        ("big-m", "highs"),
        ("big-m", "scip"),
    ]
    values = [run.objective for run in result.runs]
    assert np.ptp(values) <= 3e-6 * max(map(abs, values))
    assert max(values) <= result.baseline + 1e-6
    assert result.refutation.big_m == pytest.approx(3**0.5)
    assert result.refutation.needed_m == pytest.approx(2)
    assert (result.refutation.claimed, result.refutation.optimum) == pytest.approx((1 - 3**0.5, -1))


def test_each_step_is_told_with_its_time(result, heard):
    titles = [words.partition(":")[0] for words, _, _ in heard.steps]
    assert titles[:2] == ["Reading the bundled prices", "Fitting the market's regimes"]
    assert "Solving big-m with scip" in titles
    assert titles[-1] == "Trying the published bound on M"
    assert all(ok and seconds >= 0 for _, seconds, ok in heard.steps)


def test_the_moments_of_a_month_know_only_earlier_days(result):
    prices, market = load_prices(), load_market()
    fit = fit_regimes(simple_returns(market), 3)
    changed = prices.copy()
    changed.loc["2022-11"] *= np.linspace(1.0, 1.3, len(prices.loc["2022-11"]))[:, None]
    before, after = (
        market_case(p, market, fit, result.case.settings).program.costs for p in (prices, changed)
    )
    assert np.array_equal(before.Q[:, :3], after.Q[:, :3])
    assert np.array_equal(before.c[:, :3], after.c[:, :3])
    assert np.all(after.c[1:, 3] != before.c[1:, 3])


def test_the_case_is_the_last_months_and_prices_doubt(result):
    program, evidence = result.case.program, result.case.evidence
    assert result.case.months == ("2022-09", "2022-10", "2022-11", "2022-12")
    assert program.costs.Q.shape == (3, 4, 3, 3)
    assert np.allclose(evidence.sum(axis=0), 1)
    assert np.allclose(program.costs.k, -0.02 * np.log(np.maximum(evidence, 0.01)))
    assert np.allclose(result.history.probability[:, -4:], evidence)


def test_the_page_is_well_formed_small_and_needs_nothing_else(html):
    ElementTree.fromstring(html)
    assert len(html.encode()) < 500_000
    assert re.findall(r"https?://[^\"]*", html) == ["http://www.w3.org/2000/svg"] * html.count("<svg ")
    # url(#...) and href="#..." lead to another part of the same drawing
    assert not re.search(r"<(script|link|img|iframe|object)|@import|url\((?!#)|\b(src|href)=(?!\"#)", html)


def test_the_page_is_the_same_in_another_process(result, html, tmp_path):
    stored = tmp_path / "result.pickle"
    stored.write_bytes(pickle.dumps(result))
    code = (
        "import pickle, sys; from proofolio.report.demo_page import regime_page; "
        "sys.stdout.reconfigure(encoding='utf-8'); "
        "print(regime_page(pickle.load(open(sys.argv[1], 'rb'))), end='')"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, str(stored)],
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert again.stdout.decode() == html


def test_the_page_says_what_was_found(result, html):
    for run in result.runs:
        assert f"{run.solver} {run.version}" in html
    for words in ("AAPL", "JNJ", "turbulent", "claim-wrong", "1.732", "solver-optimal", "S&amp;P 500"):
        assert words in html
    for number in (f"{result.runs[0].objective:.8f}", f"{result.baseline:.6f}"):
        assert number.replace("-", "−") in html.replace("-0.", "−0.")


def test_the_drawn_weights_are_the_weights(result, html):
    tips = [e.text for e in ElementTree.fromstring(html).iter(f"{SVG}title") if e.text]
    W = result.best.W
    for t, month in enumerate(("Sep 2022", "Oct 2022", "Nov 2022", "Dec 2022")):
        for i, asset in enumerate(result.case.settings.assets):
            drawn = f"{month}: {asset} {W[i, t]:.1%}" in tips
            assert drawn == (W[i, t] > 0.0005)


def test_bad_news_is_shown_as_bad_news(result):
    run = replace(result.runs[1], status="leaks", message="leak: it got worse")
    found = replace(
        result,
        runs=(result.runs[0], run),
        agreement=agreement((result.runs[0], run)),
        refutation=Refutation("verified-optimal", None, None, -1.0, None),
    )
    assert not found.ok
    shown = regime_page(found)
    ElementTree.fromstring(shown)
    assert re.search(r"class='bad'[^>]*>leaks</td>", shown)
    assert "leak: it got worse" in shown
    assert "was not caught" in shown


# ------------------------------------------------------------------ agreement
def moved(run, by, status="verified-optimal"):
    answer = replace(run.answer, objective=run.answer.objective + by, bound=run.answer.bound + by)
    return replace(run, status=status, answer=answer)


def test_optima_that_differ_are_a_disagreement(result):
    first, second, *_ = result.runs
    apart = agreement([first, moved(second, 1e-4 * abs(first.objective))])
    assert not apart.ok
    assert "disagree" in apart.sentence
    assert agreement([first, moved(second, 1e-7 * abs(first.objective))]).ok


def test_a_run_without_a_verified_answer_is_no_agreement(result):
    first, second, *_ = result.runs
    assert agreement([first, replace(second, status="limit", answer=None)]).sentence == (
        "no answer whose checks hold from hull · scip"
    )


def test_a_run_stopped_early_must_leave_room_for_the_optimum(result):
    first, second, *_ = result.runs
    assert agreement([first, moved(second, 0.0, "verified-feasible")]).ok
    for by in (1e-3, -1e-3):
        assert "leaves no room" in agreement([first, moved(second, by, "verified-feasible")]).sentence


# -------------------------------------------------------------------- drawing
def test_text_in_drawings_and_tables_is_escaped():
    @chart_style
    def drawn():
        figure = new_figure("test", 'a "b" <c>')
        axes = figure.add_subplot(title="<&>")
        add_tips(axes.bar([0], [1]), ['x < "y" & z\nthen 0.123456 and #4c78a8'])
        return figure

    both = ElementTree.fromstring(f"<figure>{inline_svg(drawn())}</figure>".replace(' xmlns="', ' about="'))
    assert [drawing.get("class") for drawing in both] == ["wide", "narrow"]
    for root in both:
        assert root.get("aria-label") == 'a "b" <c>'
        assert "<&>" in {e.text for e in root.iter("text")}
        (tip,) = root.iter("title")
        assert tip.text == 'x < "y" & z\nthen 0.123456 and #4c78a8'
    whole = page("<t>", "a & b", [Table(("<h>",), [[("<c>", "bad")]]).html(), paragraph("see `a < b` & c")])
    root = ElementTree.fromstring(whole)
    assert root.find(".//td").text == "<c>"
    assert root.find(".//code").text == "a < b"


def test_the_refuted_figure_names_both_numbers():
    drawn = inline_svg(refutation_chart(Refutation("claim-wrong", 1.7320508, 2.0, -0.7320508, -1.0)))
    words = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn))
    assert words >= {"1.732", "2.000", "-0.732", "-1.000", "published", "needed", "claimed", "true"}


# ----------------------------------------------------------------- end to end
def test_the_demo_from_the_command_line(tmp_path):
    out = tmp_path / "report here"
    found = CliRunner().invoke(command_line, ["demo", "--out", str(out), "--json"])
    document = json.loads(found.stdout)
    assert found.exit_code == 0
    assert "Traceback" not in found.stderr
    assert set(document) >= {"solves", "refuted", "files", "seconds"}
    assert document["files"] == [str(out / "report.html")]
    written = (out / "report.html").read_text(encoding="utf-8")
    ElementTree.fromstring(written)
    for solve in document["solves"]:
        assert f"{solve['objective']:.8f}".replace("-", "−") in written
        assert solve["method"]
        assert solve["method"] in written
    assert document["agree"]
    assert document["seconds"] >= max(solve["seconds"] for solve in document["solves"])
    assert {(s["lowering"], s["solver"]) for s in document["solves"]} == {
        (lowering, solver) for lowering in ("hull", "big-m") for solver in ("highs", "scip")
    }
    for solve in document["solves"]:
        assert solve["status"] in VERIFIED
        assert solve["checks"]
        assert all(check["ok"] for check in solve["checks"])
    assert document["refuted"]["status"] == "claim-wrong"
    assert document["refuted"]["needed_m"] == pytest.approx(2)
    for words in ("Fitting the market's regimes", "Solving big-m with scip", "Writing the report"):
        assert words in found.stderr
