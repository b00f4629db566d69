"""The package's structure: imports between layers go down, and inside a package they make no circle."""

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import pytest

import proofolio

# Packages that share a layer must not import each other.
LAYERS = (
    {
        "errors",
        "arrays",
        "brief",
        "charts",
        "compiled",
        "processes",
        "progress",
        "public_names",
        "whole_files",
    },
    {"watching", "cluster"},
    {"program", "forecasts"},
    {"formulations", "solvers"},
    {"interfaces"},
    {"verification"},
    {"models", "testing"},
    {"backtesting"},
    {"benchmarking"},
    {"report"},
    {"studies"},
    {"cli"},
    {"proofolio", "__main__"},  # they see everything, nothing sees them
)
HEIGHT = {unit: height for height, layer in enumerate(LAYERS) for unit in layer}
PACKAGE = Path(proofolio.__file__).parent


def unit_of(module: str) -> str:
    """The part of the package a dotted module name belongs to: proofolio.program.expression -> program."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imported_units(source: str, package: str) -> list[tuple[int, str]]:
    """Line and unit of every import of proofolio in the source, wherever it stands."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            # `from proofolio import program` is program; `from proofolio import solve` is the whole package.
            modules = [
                f"{base}.{alias.name}" if base == "proofolio" and alias.name in HEIGHT else base
                for alias in node.names
            ]
        else:
            continue
        found += [(node.lineno, unit_of(module)) for module in modules if module.split(".")[0] == "proofolio"]
    return found


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Sentences about every import in a module's source that does not go down."""
    unit = unit_of(module)
    if unit not in HEIGHT:
        return [f"{module} stands in no layer: give {unit} a place in LAYERS"]
    package = module if is_package else module.rpartition(".")[0]
    return [
        f"{module}, line {line}: {unit} imports {target}, which is not below it"
        for line, target in imported_units(source, package)
        if target != unit and HEIGHT.get(target, len(LAYERS)) >= HEIGHT[unit]
    ]


def module_name(file: Path) -> str:
    parts = ("proofolio", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_go_down(file):
    source = file.read_text(encoding="utf-8")
    assert violations(module_name(file), source, is_package=file.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("proofolio.program.expression", "import proofolio.solvers.highs.solver", "solvers"),
        ("proofolio.program.expression", "from proofolio.forecasts import regimes", "forecasts"),
        ("proofolio.forecasts.regimes", "from proofolio import program", "program"),
        ("proofolio.formulations.extrema", "from ..solvers import highs", "solvers"),
        ("proofolio.formulations.extrema", "from .. import solvers", "solvers"),
        (
            "proofolio.solvers.highs.solver",
            "from proofolio.formulations.extrema import maximum",
            "formulations",
        ),
        (
            "proofolio.solvers.highs.solver",
            "def f():\n    import proofolio.verification as v",
            "verification",
        ),
        (
            "proofolio.verification.audit.auditing",
            "if TYPE_CHECKING:\n    from ...models import erc",
            "models",
        ),
        ("proofolio.models.erc", "import numpy, proofolio.backtesting", "backtesting"),
        ("proofolio.backtesting.simulator", "from proofolio import benchmarking, models", "benchmarking"),
        ("proofolio.benchmarking.runner", "from proofolio.report import page", "report"),
        ("proofolio.report.page", "from proofolio import cli", "cli"),
        ("proofolio.errors", "from .program import Program", "program"),
        ("proofolio.cli.group", "import proofolio", "proofolio"),
        ("proofolio.cli.group", "from .. import solve", "proofolio"),
        ("proofolio.models.erc", "from proofolio.attic import ladder", "attic"),
    ],
)
def test_an_import_that_does_not_go_down_is_caught(module, source, target):
    (sentence,) = violations(module, source)
    assert f"imports {target}," in sentence


def test_a_part_without_a_layer_is_caught():
    assert "LAYERS" in violations("proofolio.attic.ladder", "x = 1")[0]


def test_a_package_s_own_relative_imports_count_from_the_package():
    assert violations("proofolio.solvers", "from ..formulations import maximum", is_package=True)
    assert violations("proofolio.solvers", "from .formulations import maximum", is_package=True) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("proofolio.program.expression", "import numpy as np\nfrom proofolio.errors import BadData"),
        ("proofolio.program.expression", "from . import matrix\nfrom .matrix import stack"),
        ("proofolio.solvers.highs.solver", "from proofolio import errors, program"),
        (
            "proofolio.verification.audit.auditing",
            "from ...solvers.highs import solve\nfrom ... import formulations",
        ),
        ("proofolio.report.page", "from proofolio import backtesting, benchmarking"),
        ("proofolio.cli.group", "def main():\n    from proofolio.report import page"),
        ("proofolio", "from proofolio.cli.group import command_line"),
        ("proofolio.models.erc", "import proofoliology, models"),
    ],
)
def test_an_import_that_goes_down_is_let_through(module, source):
    assert violations(module, source, is_package=module == "proofolio") == []


# ------------------------------------------------------------------------- circles
def imported_modules(source: str, module: str, modules: set[str], *, is_package: bool) -> set[str]:
    """The modules of ours that a module's source imports, wherever the import stands."""
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names = {f"{base}.{alias.name}" for alias in node.names}
            # a name that is no module is an attribute of its package or module
            found |= {name if name in modules else base for name in names}
    return (found & modules) - {module, "proofolio"}


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """The groups of modules that import one another in a circle (Tarjan 1972: strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        index[module] = low[module] = len(index)
        path.append(module)
        for target in sorted(graph.get(module, ())):
            if target not in index:
                yield from visit(target)
            if target in path:
                low[module] = min(low[module], low[target])
        if low[module] == index[module]:
            group = path[path.index(module) :]
            del path[path.index(module) :]
            if len(group) > 1:
                yield sorted(group)

    for module in sorted(graph):
        if module not in index:
            yield from visit(module)


def test_no_modules_import_one_another_in_a_circle():
    modules = {module_name(file) for file in FILES}
    graph = {
        module_name(file): imported_modules(
            file.read_text(encoding="utf-8"),
            module_name(file),
            modules,
            is_package=file.name == "__init__.py",
        )
        for file in FILES
        if module_name(file) != "proofolio"  # it serves names of every module and is imported by none
    }
    assert list(circles(graph)) == []


def test_a_circle_is_caught():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}
    assert list(circles(graph)) == [["b", "c"]]
    source = "def f():\n    from .b import x\nif TYPE_CHECKING:\n    from proofolio import c"
    modules = {"proofolio.a", "proofolio.b", "proofolio.c"}
    assert imported_modules(source, "proofolio.a", modules, is_package=False) == {
        "proofolio.b",
        "proofolio.c",
    }


# ----------------------------------------------------- imports for type checkers only
def own_imports_for_types(source: str) -> list[int]:
    """Lines inside ``if TYPE_CHECKING`` that import our own modules."""
    return [
        node.lineno
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
        if (
            isinstance(node, ast.ImportFrom)
            and (node.level or (node.module or "").partition(".")[0] == "proofolio")
        )
        or (
            isinstance(node, ast.Import)
            and any(alias.name.partition(".")[0] == "proofolio" for alias in node.names)
        )
    ]


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_nothing_of_ours_is_imported_for_types_only(file):
    assert own_imports_for_types(file.read_text(encoding="utf-8")) == []


def test_an_import_for_types_only_is_caught():
    source = "import numpy\nif TYPE_CHECKING:\n    import numpy\n    from proofolio import program\n    from . import x"
    assert own_imports_for_types(source) == [4, 5]


# ------------------------------------------------------------------------ shadowing
PACKAGES = [module_name(file) for file in FILES if file.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_exports_a_name_that_is_one_of_its_modules(package):
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    modules = {f.stem for f in folder.glob("*.py")} | {f.parent.name for f in folder.glob("*/__init__.py")}
    assert modules & set(getattr(import_module(package), "__all__", ())) == set()
