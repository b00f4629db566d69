"""Pages in a browser, at the widths of a laptop and of a phone, light and dark: nothing is cut off, small or faint.

Chromium lays out every page in frames of 1280 and 400 pixels, and a script measures them (`tests.browser`). Without
a browser these tests are skipped.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.charts.figures import ON_COLOUR, chart_style, inline_svg, legend_beside, new_figure, shortened
from proofolio.cli.group import command_line
from proofolio.report import page as pages
from proofolio.report.audit import audit_page
from proofolio.report.demo import run_demo
from proofolio.report.demo_case import CaseSettings
from proofolio.report.demo_page import regime_page
from tests.browser import LEAST_CONTRAST, measure, needs_browser
from tests.command_line import CliRunner
from tests.report.models_for_audit import every_verdict

RECORDS = Path(__file__).parents[2] / "benchmarks" / "results" / "peers"


class Unheard:
    def started(self, title): ...

    def going(self, words): ...

    def done(self, words, seconds, ok): ...


def run(*args):
    done = CliRunner().invoke(command_line, [*map(str, args)])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of each kind, from small data with many long names."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(3)
    days = pd.bdate_range("2015-01-01", periods=420)
    prices = folder / "prices.csv"
    paths = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal((len(days), 18)), axis=0))
    pd.DataFrame(paths, days, [f"FUND{k:02d}" for k in range(18)]).to_csv(prices, index_label="Date")
    short = ("--window", 250, "--regime-assets", "FUND00")
    run(
        "backtest", prices, *short, "--strategies", "mpo,mpo-no-hmm,erc,fix-mix", "--out", folder / "backtest"
    )
    gammas = ("--horizon", "1,2", "--gamma-risk", "1,5", "--gamma-trade", "1e-4,1e-3,.01,.1,1,5,10,25")
    run("tune", prices, *short, *gammas, "--out", folder / "tune")
    run("control", "--experiment", "eta", "--paths", 5, "--out", folder / "control")
    run("views", "planted", "--opposite-pairs", 2, "--weeks", 30, "--shifts", 2, "--out", folder / "views")
    for name, text in {
        "audit": audit_page(pf.audit(every_verdict(), big_m="invalid")),
        "bench": (RECORDS / "report.html").read_text(encoding="utf-8"),
        "demo": regime_page(
            run_demo(Unheard(), CaseSettings(assets=("AAPL", "JNJ", "XOM"), periods=6, most=0.6))
        ),
        "legend": many_series(),
    }.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return sorted(folder.rglob("*.html"))


def many_series():
    """A chart whose legend is longer than the chart is high."""

    @chart_style
    def drawn():
        figure = new_figure("many", "Eighteen series", height=2.0)
        axes = figure.add_subplot()
        for k in range(18):
            axes.plot(
                pd.date_range("2004-01-01", periods=20, freq="YS"),
                np.arange(20) + k,
                label=f"series number {k}",
            )
        legend_beside(figure, axes)
        return figure

    return pages.page("Legend", "", [pages.chart(inline_svg(drawn()))])


@pytest.fixture(scope="module", params=["light", "dark"])
def measured(request, written, tmp_path_factory):
    within = ".scroll, .drawing, table"  # here nothing scrolls sideways at all
    return measure(written, request.param, tmp_path_factory.mktemp("sheet"), within=within, unread="thead")


@needs_browser
@pytest.mark.parametrize("fault", ["wider", "small", "faint", "cut", "over"])
def test_nothing_is_wider_than_the_page_small_faint_cut_or_over_another(measured, fault):
    found, _ = measured
    assert {(own["page"], own["width"]): own[fault] for own in found if own[fault]} == {}


@needs_browser
def test_the_console_is_empty(measured):
    assert measured[1] == []


def luminance(colour):
    shares = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in shares]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_what_it_stands_on(scheme):
    blocks = re.findall(r":root\{([^}]*)\}", pages.STYLE)
    colours = dict(re.findall(r"--(\w+):(#\w{6});", blocks[scheme]))
    for text in ("ink", "muted", "good", "bad", "accent"):
        assert (
            min(contrast(colours[text], colours[ground]) for ground in ("ground", "panel")) >= LEAST_CONTRAST
        )
    for name, colour in colours.items():
        if re.fullmatch(r"[sr]\d", name):
            assert contrast(ON_COLOUR, colour) >= LEAST_CONTRAST, name


def test_names_are_cut_only_as_far_as_they_stay_apart():
    names = [f"U.{k:04d}.bigm.{end}" for k in range(30) for end in ("north", "south")]
    for longest in range(4, 20):
        assert len(set(shortened(names, longest))) == len(names)
    assert shortened(["a" * 50], 10) == ["aaaaa…aaaa"]
