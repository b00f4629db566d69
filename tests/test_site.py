"""The site of `make docs`: which pages are made, how formulas are read, and what the build refuses."""

import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import proofolio
from proofolio.cli.group import COMMANDS, command_line
from proofolio.public_names import HOMES

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "site"
pytest.importorskip("mkdocs", reason="the extra docs is not installed")
markdown = pytest.importorskip("markdown", reason="the extra docs is not installed")


@pytest.fixture(scope="module")
def site():
    """The modules that make the site."""
    if not SCRIPTS.exists():
        pytest.skip("what makes the site is in the repository, not in the sdist")
    sys.path.insert(0, str(SCRIPTS))
    try:
        import docstrings
        import mathematics
        import pages

        yield SimpleNamespace(docstrings=docstrings, mathematics=mathematics, pages=pages)
    finally:
        sys.path.remove(str(SCRIPTS))


def test_every_public_name_has_a_page_made_from_its_docstring(site):
    made = site.pages.pages()
    for name in proofolio.__all__:
        (place,) = [p for p in made if p.endswith(f"/{name}.md") and not p.startswith("reference/commands/")]
        assert f"::: {HOMES[name]}.{name}\n" in made[place]
        assert f"[`{name}`]({name}.md)" in made[f"{place.rpartition('/')[0]}/index.md"]


def test_names_that_share_a_line_are_shown_one_by_one_with_their_shape(site):
    text = "Sum.\n\nParameters\n----------\na, b : array_like, shape (n,), optional\n    Of a.\n\n    More.\nc : int\n"
    assert site.docstrings.apart(text) == (
        "Sum.\n\nParameters\n----------\na : array_like of shape (n,), optional\n    Of a.\n\n    More.\n"
        "b : array_like of shape (n,), optional\n    Of a.\n\n    More.\nc : int\n"
    )


def test_what_an_option_takes_may_be_broken_over_lines(site):
    assert site.pages.option_code("--kind [a|b]") == "`--kind` `[a|\u200bb]`"
    assert site.pages.option_code("-h, --help") == "`-h, --help`"
    assert site.pages.option_code("--on / --off") == "`--on / --off`"
    assert site.pages.option_code("FILE|stocks") == "`FILE|\u200bstocks`"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_each_of_its_options(site, name):
    page = site.pages.command_page(name)
    command = command_line.get_command(click.Context(command_line), name)
    options = [o for p in command.params if isinstance(p, click.Option) and not p.hidden for o in p.opts]
    assert [option for option in options if option not in page] == []


def html(site, text):
    return markdown.markdown(text, extensions=[site.mathematics.Mathematics(), "fenced_code"])


def test_a_formula_in_a_line_becomes_mathml(site):
    found = html(site, r"The weight :math:`w_i \le 1` of each.")
    assert "<math" in found
    assert "<msub>" in found
    assert "&#x02264;" in found or "\u2264" in found
    assert ":math:" not in found


def test_a_formula_of_several_lines_ends_where_the_indent_ends(site):
    found = html(site, ".. math::\n    x = \\sum_k\n    y_k\n\nAfter it.")
    assert found.count('display="block"') == 1
    assert "<p>After it.</p>" in found
    assert "y_k" not in found


def test_what_stands_in_code_is_no_formula(site):
    assert ":math:" in html(site, "```\n:math:`x`\n```\n")


def test_a_public_name_in_a_docstring_is_a_link_but_not_on_its_own_page(site):
    linked = site.docstrings.linked
    assert linked("see `solve`, not ``solve`` or `nothing`", "x") == (
        f"see [`solve`][{HOMES['solve']}.solve], not ``solve`` or `nothing`"
    )
    assert linked("as `solve` does", f"{HOMES['solve']}.solve") == "as `solve` does"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p>as it is</p>", "the public name Model has no reference page"),
        ('<script src="https://elsewhere.example/x.js"></script>', "fetches"),
        ("<p>:math:`x`</p>", "shows a formula as it was typed"),
    ],
)
def test_a_site_that_is_not_whole_is_refused(site, tmp_path, text, said):
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    with pytest.raises(site.pages.PluginError, match=said):
        site.pages.on_post_build(SimpleNamespace(site_dir=tmp_path))
