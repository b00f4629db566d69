"""The audit's page is one file, needs nothing else, shows every verdict, stays small, and is the same every time."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from proofolio.report.audit import BINS, audit_page, ratio_bin, ratio_chart
from proofolio.verification.audit.auditing import audit
from proofolio.verification.audit.chart import needed_chart
from proofolio.verification.audit.verdicts import VERDICTS
from proofolio.verification.audit.words import VERDICT_TEXTS

MODELS = Path(__file__).with_name("models_for_audit.py")


def every_verdict():
    spec = importlib.util.spec_from_file_location("models_for_audit", MODELS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return audit(module.every_verdict(), big_m="invalid")


@pytest.fixture(scope="module")
def found():
    return every_verdict()


@pytest.fixture(scope="module")
def html(found):
    return audit_page(found)


def drawings(html):
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def test_the_model_has_every_verdict_and_the_texts_know_them(found):
    assert {row.verdict for row in found.rows} == set(VERDICTS)
    assert set(VERDICT_TEXTS) == {*VERDICTS, "unsafe"}
    assert found.summary["unsafe"] == 1


def test_the_page_stands_alone(html):
    assert html.startswith("<!DOCTYPE html>")
    assert "<script" not in html
    assert not re.search(r"\b(src|href)=(?!\"#)|url\((?!#)", html)
    assert "http://www.w3.org/2000/svg" in html
    assert len(drawings(html)) == 4  # two charts, each wide and narrow


def test_the_same_audit_gives_the_same_bytes(html):
    assert audit_page(every_verdict()) == html
    assert not re.search(r"\d+\.\d+ s\b", html)  # no times in it


def test_every_row_verdict_and_point_is_on_the_page(found, html):
    for row in found.rows:
        assert row.row in html
    for verdict in VERDICTS:
        assert re.search(rf"<h3 class='(bad)?'>\d+ {verdict}</h3>", html)
    assert (
        "<code>invalid</code> (invalid): with z[3] = 1 it cuts off x[3] = 50, which needs M = 50 and not 40."
        in html
    )
    assert "<code>capacity</code> (binding)" in html


def test_a_dot_stands_right_of_the_mark_when_m_is_loose_and_left_when_it_cuts(found):
    for verdict, right in (("loose", True), ("binding", False), ("invalid", False)):
        row = next(row for row in found.rows if row.verdict == verdict and row.safe is not False)
        (axes,) = needed_chart([row]).axes
        drawn = {points.get_label(): points.get_offsets()[:, 0] for points in axes.collections}
        (dot,), marks = drawn[verdict], drawn["needed"]
        assert len(marks)
        assert all((dot > mark) == right for mark in marks)


def test_leaks_are_marked(html):
    assert (
        html.count(">leaks</text>") == 4
    )  # the row's name and the mark, in the wide drawing and in the narrow one


@pytest.mark.parametrize(
    ("row", "bin_"),
    [
        ("invalid", "below 1"),
        ("capacity", "below 1"),
        ("tight", "1 to 1.01"),
        ("loose", "to 100"),
        ("leaks", "above"),
        ("redundant", "none needed"),
        ("undecided", "unknown"),
        ("forcing", "unknown"),
    ],
)
def test_rows_are_counted_where_they_belong(found, row, bin_):
    (given,) = [r for r in found.rows if r.row == row]
    assert BINS[ratio_bin(given)] == bin_


def test_the_bars_count_every_row(found):
    (axes,) = ratio_chart(found.rows * 3).axes
    assert sum(int(text.get_text()) for text in axes.texts) == 3 * len(found.rows)
    assert sum(bar.get_height() for bar in axes.patches) == 3 * len(found.rows)


def test_twenty_thousand_rows_stay_below_half_a_megabyte(found):
    times = 20_000 // len(found.rows) + 1
    rows = [replace(row, row=f"{row.row}[{k}]") for k in range(times) for row in found.rows]
    html = audit_page(replace(found, rows=tuple(rows), judged=found.judged * times))
    assert len(html.encode()) < 500_000
    assert "the worst 40 of" in html
    assert f"{len(rows) - 100} more rows" in html


def test_a_model_without_big_m_rows_says_so():
    from proofolio import Model

    model = Model("plain")
    model.minimise(model.variable("x", lower=1))
    html = audit_page(audit(model))
    assert "No row has a binary that may switch it off." in html
    assert not drawings(html)


def test_names_cannot_break_the_page():
    from proofolio import Model

    model = Model("<b>&")
    x = model.variable("x<1>", lower=0, upper=5)
    model.add("a<b&c>d", x <= 3 * model.variable("z", binary=True))
    html = audit_page(audit(model))
    assert "a<b" not in html
    assert "a&lt;b&amp;c&gt;d" in html
    assert len(drawings(html)) == 4  # two charts, each wide and narrow
