"""The documentation does what it says: examples run and print what is shown, commands, options, files and links exist.

Pages whose examples show their output are compared with it, to the digits that are the same everywhere; a block with a
title is a file that the reader saves. Of the other pages the Python blocks run, and of every command line that any page
mentions the names and options are checked.
"""

import ast
import doctest
import json
import logging
import re
import shlex
import shutil
import sys
import tomllib
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from proofolio.cli.group import command_line
from tests.command_line import CliRunner

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [
    DOCS / "audit.md",
    DOCS / "prove.md",
    DOCS / "regime-options.md",
    DOCS / "solve.md",
    DOCS / "mpc.md",
    DOCS / "risk-parity.md",
    DOCS / "views.md",
    *sorted((DOCS / "tutorials").glob("*.md")),
    *sorted((DOCS / "how-to").glob("*.md")),
    *sorted((DOCS / "coming-from").glob("*.md")),
]
# Blocks of another tool are marked as such, and run where that tool is installed.
PEER = "{.python .peer}"
PEERS = {
    "pyomo-gdp.md": "pyomo",
    "linopy.md": "linopy",
    "cvxportfolio.md": "cvxportfolio",
    "skfolio.md": "skfolio",
    "pypfopt.md": "pypfopt",
}
# Whose blocks stand in a test of their own: they need pieces of the page, or say what is printed in a comment.
ELSEWHERE = {"custom-formulation.md", "README.md"}
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r'^```(\w*|\{\.python \.peer\})(?: title="(\S+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
# Times differ from run to run, and nodes from machine to machine.
CHANGING = (
    (r"\(\d+ s in all\)", "(_ s in all)"),
    (r"\d+\.\d\d s\b", "_ s"),
    (r"\b\d+ nodes", "_ nodes"),
    (r"\d+\.\d\d$", "_"),
)


def blocks(page):
    """Language and text of each block but those that a reader saves as a file."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(language, text) for language, title, text in found if not title]


def saved(page):
    """Name and text of each file that a page asks its reader to save."""
    return [(title, text) for _, title, text in FENCE.findall(page.read_text(encoding="utf-8")) if title]


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


def printed_here(text):
    """What a page shows, with the installed HiGHS in the place of the pinned one, which the pages were made with."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split())
    return text.replace(f"highs {pins['highspy']}", f"highs {version('highspy')}")


def settled(text):
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the examples, from where the pages' commands run."""
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # `import plant`, as from the folder of the reader
    before = set(sys.modules)
    with warnings.catch_warnings():  # a page of another tool hides that tool's warnings
        yield tmp_path
    logging.disable(logging.NOTSET)  # and its log
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_block_of_a_page_does_what_it_shows(page, folder):
    for name, text in saved(page):
        (folder / name).write_text(text, encoding="utf-8")
    shown = doctest.OutputChecker()
    names = {}
    missing = PEERS.get(page.name) if find_spec(PEERS.get(page.name, "proofolio")) is None else None
    assert {language for language, _ in blocks(page)} <= {"console", "python", "toml", PEER}
    for language, text in blocks(page):
        if language == PEER and missing is not None:
            continue
        if language in ("python", PEER):
            case = doctest.DocTestParser().get_doctest(text, names, page.name, None, None)
            said = []
            runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)  # not as loud as `pytest -v`
            runner.run(case, out=said.append, clear_globs=False)
            names = case.globs
            assert not said, "".join(said)
            continue
        if language == "toml":
            tomllib.loads(text)
        for line, expected in commands(printed_here(text)):
            found = run(line)
            assert shown.check_output(settled(expected), settled(found), OPTIONS), (
                f"$ {line}\n{shown.output_difference(doctest.Example('', settled(expected)), settled(found), OPTIONS)}"
            )
    if missing is not None:
        pytest.skip(f"{missing} is not installed: its blocks were not run, all others were")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "page", [p for p in TEXTS if p not in PAGES and p.name not in ELSEWHERE], ids=name_of
)
def test_python_blocks_of_the_other_pages_run(page):
    names = {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), names)


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_file_that_is_named_exists(page):
    """In backquotes, from the root, from the package, from the tests of the benchmarks, or beside the page."""
    places = (ROOT, ROOT / "src" / "proofolio", ROOT / "tests" / "benchmarking", page.parent)
    for path in re.findall(
        r"`([\w./-]+/[\w./-]+\.(?:py|md|jsonl)|tests/[\w/]+|src/[\w/]+)`", page.read_text("utf-8")
    ):
        assert any((place / path).exists() for place in places), f"{page.name} names {path}"


def mentioned(page):
    """Every command line of a page that begins with one of our programs, continued lines joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    spans = re.findall(r"`([^`\n]+)`", text) + [
        line for _, block in blocks(page) for line in block.splitlines()
    ]
    spans += re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    for span in spans:
        line = span.strip().removeprefix("$ ").removeprefix("# ")
        line = line.partition(" #")[0].partition("; echo")[0]
        if re.match(r"(proofolio|make|python -m benchmarks) +[a-z-]", line):
            yield line


def wrong_in(line):
    """What is wrong with a command line of ours: an unknown command, option, benchmark or target; empty if nothing."""
    program, *words = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return [word for word in words[:1] if word not in targets]
    if program == "python":
        return benchmark_wrong(words[2:])
    if not words:
        return []
    command = command_line.get_command(click.Context(command_line), words[0])
    if command is None:
        return [words[0]] if re.fullmatch(r"[a-z]+", words[0]) else []
    if words[:2] == ["bench", "compare"]:
        return [word for word in words if word.startswith("--") and word != "--json"]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
    asked = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
    return [word for word in asked if word not in known and not re.fullmatch(r"-\d.*", word)]


def benchmark_wrong(words):
    """What `python -m benchmarks` does not have of a name and options, which are read from its source."""
    if not words or words[0].startswith("-"):
        return []
    folder = ROOT / "benchmarks"
    files = [folder / f"{words[0]}.py", folder / words[0] / "command.py"]
    if not any(file.exists() for file in files):
        return [words[0]]
    read = [file.read_text("utf-8") for file in (*files, folder / "record.py") if file.exists()]
    texts = {n.value for text in read for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)}
    return [word for word in words[1:] if word.startswith("--") and word not in texts]


@pytest.mark.parametrize("page", [*TEXTS, ROOT / "benchmarks" / "results" / "README.md"], ids=name_of)
def test_every_command_that_is_named_exists_with_its_options(page):
    wrong = {line: found for line in mentioned(page) if (found := wrong_in(line))}
    assert wrong == {}


def test_a_command_line_that_does_not_exist_is_caught():
    assert wrong_in("proofolio solve model.mps --sovler scip") == ["--sovler"]
    assert wrong_in("proofolio slove model.mps") == ["slove"]
    assert wrong_in("python -m benchmarks mcp --quick") == ["mcp"]
    assert wrong_in("python -m benchmarks mpc --quik") == ["--quik"]
    assert wrong_in("make tset") == ["tset"]
    assert wrong_in("proofolio solve model.mps --solver scip --json") == []


def test_tightening_the_futures_saves_more_than_half_of_the_nodes(folder):
    arguments = ["audit", "docs/examples/futures.py:positions", "--confirm", "--json"]
    document = json.loads(CliRunner().invoke(command_line, arguments).stdout)
    before, after = document["confirmed"]["before"], document["confirmed"]["after"]
    assert document["confirmed"]["equal"]
    assert 2 * after["nodes"] < before["nodes"]


def test_a_page_that_shows_something_else_is_caught(folder):
    shown = doctest.OutputChecker()
    found = run("proofolio solve docs/examples/machines.py:large_enough")
    assert "objective  200" in found
    assert not shown.check_output(found.replace("200", "201"), found, OPTIONS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve", "docs/examples/machines.py:large_enough"],
        ["audit", "docs/examples/machines.py:too_small"],
        ["sample-data", "prices.csv"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_key_of_the_json_is_described(folder, arguments):
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {arguments[0]}\n")[2].partition("\n## ")[0]
    described = set(re.findall(r"`(\w+)`", section))
    document = json.loads(CliRunner().invoke(command_line, [*arguments, "--json"]).stdout)
    keys = set(document)
    if arguments[0] == "audit":
        keys |= {key for row in document["rows"] for key in row}
    assert keys - described == set()
