"""One table says the same on a terminal, in HTML, in Markdown and as JSON."""

from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from proofolio.report.table import Table

TABLE = Table(
    ("row", "M", "verdict"),
    [("a[b]", "1e+07", ("invalid", "bad")), ("<c|d>", "5", "tight")],
    (1,),
    "Big-M rows",
)


def shown(table, width=120, colour=False):
    out = StringIO()
    Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None).print(
        table.terminal(width)
    )
    return out.getvalue()


def test_a_terminal_shows_text_as_it_is_and_numbers_to_the_right():
    title, head, first, second = (line.rstrip() for line in shown(TABLE).splitlines())
    assert title == "Big-M rows"
    assert head.split() == ["row", "M", "verdict"]
    assert first.split() == ["a[b]", "1e+07", "invalid"]
    assert second.split() == ["<c|d>", "5", "tight"]
    assert first.index("1e+07") + 5 == second.index("5") + 1 == head.index("M") + 1


def test_marks_are_colours_on_a_terminal_and_classes_on_a_page():
    assert "\x1b[1;31minvalid" in shown(TABLE, colour=True)
    root = ElementTree.fromstring(TABLE.html("dense"))
    assert root.find("table").get("class") == "dense"
    cells = [(cell.text, cell.get("class")) for cell in root.iter("td")]
    assert cells == [
        ("a[b]", None),
        ("1e+07", "number"),
        ("invalid", "bad"),
        ("<c|d>", None),
        ("5", "number"),
        ("tight", None),
    ]


def test_markdown_and_json_have_every_cell():
    assert TABLE.markdown().splitlines() == [
        "| row | M | verdict |",
        "| --- | ---: | --- |",
        "| a[b] | 1e+07 | invalid |",
        "| <c\\|d> | 5 | tight |",
    ]
    assert TABLE.records() == [
        {"row": "a[b]", "M": "1e+07", "verdict": "invalid"},
        {"row": "<c|d>", "M": "5", "verdict": "tight"},
    ]


def test_columns_are_chosen_with_their_alignment():
    chosen = TABLE.columns((2, 1))
    assert chosen.markdown().splitlines()[:2] == ["| verdict | M |", "| --- | ---: |"]


def test_a_status_is_never_broken_however_narrow_the_terminal():
    table = Table(("case", "status"), [("a-case-with-a-rather-long-name" * 3, "verified-feasible")])
    assert "verified-feasible" in shown(table, 40)


def test_an_unknown_mark_is_an_error():
    with pytest.raises(KeyError):
        Table(("a",), [[("x", "purple")]]).terminal()
