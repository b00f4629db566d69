"""Every command and example of the pages on proofs and audits runs, and prints what the page shows."""

import doctest
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from proofolio.cli.group import command_line

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [
    DOCS / "audit.md",
    DOCS / "prove.md",
    DOCS / "regime-options.md",
    DOCS / "mpc.md",
    DOCS / "risk-parity.md",
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
# Times differ from run to run, and nodes from machine to machine.
CHANGING = ((r"\d+\.\d\d s\b", "_ s"), (r"\b\d+ nodes", "_ nodes"), (r"\d+\.\d\d$", "_"))


def blocks(page):
    return FENCE.findall(page.read_text(encoding="utf-8"))


def commands(text):
    """Each command of a console block and the output below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0], part.split("\n", 1)[1] if "\n" in part else "") for part in parts]


def run(line):
    """What a command of a page prints on stdout, and below it the exit status when the page asks for it."""
    line, _, after = line.partition("; echo ")
    program, *arguments = shlex.split(line)
    assert program == "proofolio"
    result = CliRunner().invoke(command_line, arguments)
    assert after in ("", '"exit $?"')
    assert after or result.exit_code == 0, result.output
    return result.stdout + (f"exit {result.exit_code}\n" if after else "")


def settled(text):
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the examples, from where the pages' commands run."""
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_does_what_it_shows(page, folder):
    shown = doctest.OutputChecker()
    names = {}
    assert {language for language, _ in blocks(page)} <= {"console", "python"}
    for language, text in blocks(page):
        if language == "python":
            case = doctest.DocTestParser().get_doctest(text, names, page.name, None, None)
            said = []
            runner = doctest.DocTestRunner(optionflags=OPTIONS)
            runner.run(case, out=said.append, clear_globs=False)
            names = case.globs
            assert not said, "".join(said)
            continue
        for line, expected in commands(text):
            found = run(line)
            assert shown.check_output(settled(expected), settled(found), OPTIONS), (
                f"$ {line}\n{shown.output_difference(doctest.Example('', settled(expected)), settled(found), OPTIONS)}"
            )


def test_every_link_leads_somewhere():
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_tightening_the_futures_saves_more_than_half_of_the_nodes(folder):
    arguments = ["audit", "docs/examples/futures.py:positions", "--confirm", "--json"]
    document = json.loads(CliRunner().invoke(command_line, arguments).stdout)
    before, after = document["confirmed"]["before"], document["confirmed"]["after"]
    assert document["confirmed"]["same"]
    assert 2 * after["nodes"] < before["nodes"]


def test_a_page_that_shows_something_else_is_caught(folder):
    shown = doctest.OutputChecker()
    found = run("proofolio solve docs/examples/machines.py:large_enough")
    assert "objective  200" in found
    assert not shown.check_output(found.replace("200", "201"), found, OPTIONS)
