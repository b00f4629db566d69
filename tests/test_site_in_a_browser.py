"""Pages of the site in a browser, at the widths of a laptop and of a phone, light and dark.

Measured is what `make docs` has built, a page of each kind; without a site or a browser these tests are skipped.
"""

from pathlib import Path

import pytest

from tests.browser import measure, needs_browser

SITE = Path(__file__).resolve().parents[1] / "build" / "site"
PAGES = (
    "index",
    "tutorials/prices",
    "notebooks/prices",
    "coming-from/linopy",
    "gallery/index",
    "reference/solve/solve",
    "reference/commands/backtest",
    "risk-parity",
)
pytestmark = [
    needs_browser,
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="there is no site: make docs"),
]


@pytest.fixture(scope="module", params=["light", "dark"])
def measured(request, tmp_path_factory):
    pages = [SITE / f"{name}.html" for name in PAGES]
    sheet = tmp_path_factory.mktemp("sheet")
    return measure(pages, request.param, sheet, within=".md-content", unread=".headerlink")


@pytest.mark.parametrize("fault", ["wider", "small", "faint"])
def test_nothing_is_wider_than_the_page_scrolls_without_a_cue_is_small_or_faint(measured, fault):
    found, _ = measured
    assert {(own["page"], own["width"]): own[fault] for own in found if own[fault]} == {}


def test_the_console_is_empty(measured):
    assert measured[1] == []
