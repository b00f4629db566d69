"""What the package promises as a package: types, a version, public names, and the links at the top."""

import ast
import re
import tomllib
from importlib import import_module, metadata, resources
from pathlib import Path
from types import ModuleType

import pytest

import proofolio
from proofolio.program.exporters import EXPORTERS
from proofolio.public_names import HOMES

ROOT = Path(__file__).resolve().parents[1]


def test_package_is_marked_as_typed():
    assert resources.files(proofolio).joinpath("py.typed").is_file()


def test_version_is_the_one_in_pyproject_and_in_the_metadata():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert proofolio.__version__ == declared
    assert metadata.version("proofolio") == declared


@pytest.mark.parametrize("name", proofolio.__all__)
def test_every_public_name_can_be_imported(name):
    home = HOMES[name]
    assert getattr(proofolio, name) is getattr(import_module(home), name)
    assert not isinstance(getattr(proofolio, name), ModuleType)


def test_public_names_are_named_once():
    assert len(set(proofolio.__all__)) == len(proofolio.__all__)
    stub = resources.files(proofolio).joinpath("__init__.pyi").read_text(encoding="utf-8")
    imported = [line.split(" as ")[1] for line in stub.splitlines() if line.startswith("from ")]
    assert sorted(imported) == sorted(proofolio.__all__)


@pytest.mark.parametrize(("kind", "place"), EXPORTERS.items())
def test_every_exporter_exists(kind, place):
    module, name = place
    assert callable(getattr(import_module(module), name))


# ------------------------------------------------------------ names that the pages mention
MENTION = re.compile(r"(?<![\w./-])(?:pf|proofolio)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
SOURCES = sorted((ROOT / "src" / "proofolio").rglob("*.py"))
PAGES = [f for f in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if f.exists()]


def docstrings(source: str) -> str:
    """All docstrings of a module, one below the other."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n".join(
        ast.get_docstring(node, clean=False) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds)
    )


def reached(path: str) -> bool:
    """Whether a dotted path below proofolio leads to something, through modules and attributes."""
    found: object = proofolio
    at = "proofolio"
    for part in path.split("."):
        at = f"{at}.{part}"
        if hasattr(found, part):
            found = getattr(found, part)
            continue
        if not isinstance(found, ModuleType):
            return False
        try:
            found = import_module(at)
        except ModuleNotFoundError:
            return False
    return True


@pytest.mark.parametrize("file", PAGES + SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_every_name_that_is_mentioned_exists(file):
    text = file.read_text(encoding="utf-8")
    mentioned = set(MENTION.findall(docstrings(text) if file.suffix == ".py" else text))
    mentioned -= {path for path in mentioned if path.rpartition(".")[2] in ("html", "json", "md", "py")}
    assert sorted(path for path in mentioned if not reached(path)) == []


def test_a_name_that_does_not_exist_is_caught():
    assert MENTION.findall("`proofolio.backtest` and pf.nothing.at_all, not my.pf.x") == [
        "backtest",
        "nothing.at_all",
    ]
    assert reached("backtest")
    assert reached("program.expression.Expression.sum")
    assert not reached("nothing.at_all")
    assert not reached("program.expression.Expression.nothing")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the links are in the repository, not in the sdist")
@pytest.mark.parametrize("name", ["models", "formulations", "solvers"])
def test_link_at_the_top_leads_to_the_package(name):
    link = ROOT / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / "src" / "proofolio" / name
    assert link.is_dir()
