"""Suites: the repository's own by name, a user's file of functions, or a folder of model files.

Python files are imported by their path, and what they raise becomes one sentence.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

from proofolio.benchmarking.problems import Problem, problem_of
from proofolio.errors import BadData, ProofolioError
from proofolio.solvers.capabilities import SOLVERS, SolverEntry

__all__ = [
    "Suite",
    "blamed",
    "digest",
    "encodable",
    "find_suites",
    "import_file",
    "importable",
    "module_digest",
    "open_suite",
]


def encodable(text: str) -> str:
    r"""Return a text with what UTF-8 cannot hold, such as bytes of a file name, written out.

    Examples
    --------
    >>> encodable("file \udce8")
    'file \\udce8'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def digest(file: Path) -> str:
    """Return a short hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def module_digest(file: Path) -> str:
    """Return a short hash of a Python file and of all it imports, however far, from where `importable` lets it.

    Neither modules that are installed nor files read as data are in it, and where the files lie is not.
    """
    file = file.resolve()
    folders = _folders(file)
    found = {file: ""}
    front = [file]
    while front:
        front = [near for some in front for near in _imported(some, folders) if near not in found]
        for near in front:
            found[near] = next(near.relative_to(f).as_posix() for f in folders if near.is_relative_to(f))
    lines = sorted(f"{name} {digest(path)}" for path, name in found.items())
    return hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _imported(file: Path, folders: Sequence[Path]) -> list[Path]:
    """Return the files of some folders that the import statements of a file can mean."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []  # importing it says what is wrong
    found: dict[Path, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            places, names = folders, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            places = [file.parents[node.level - 1]] if 0 < node.level <= len(file.parents) else folders
            module = f"{node.module}." if node.module else ""
            names = [module + alias.name for alias in node.names]
        else:
            continue
        for place, name in product(places, names):
            found.update(dict.fromkeys(_files(place, name)))
    return [path for path in found if any(path.is_relative_to(folder) for folder in folders)]


def _files(place: Path, name: str) -> Iterator[Path]:
    """Yield the files that importing a dotted name executes, as far as they lie in a folder."""
    for part in name.split("."):
        place = place / part
        for path in (place.with_name(part + ".py"), place / "__init__.py"):
            if path.is_file():
                yield path.resolve()


def import_file(file: Path) -> ModuleType:
    """Import a Python file by its path; its own folder, and the one above `benchmarks`, can be imported from.

    Raises
    ------
    BadData
        In one sentence, for whatever the file raises.
    """
    file = file.resolve()
    name = f"proofolio_suite_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, file)
    if specification is None or specification.loader is None:
        raise BadData(f"{file} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickling look the module up by its name
    try:
        with importable(file), blamed(str(file), file):
            specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def importable(file: Path) -> Iterator[None]:
    """Let a file import its neighbours, and one of the repository's suites the package `benchmarks`."""
    folders = [str(folder) for folder in _folders(file)]
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            if folder in sys.path:
                sys.path.remove(folder)


def _folders(file: Path) -> list[Path]:
    suite = file.parent.name == "suites" and file.parent.parent.name == "benchmarks"
    return [file.parent, file.parent.parent.parent] if suite else [file.parent]


@contextmanager
def blamed(what: str, file: Path) -> Iterator[None]:
    """Turn whatever foreign code raises into one sentence that names it, and the line in its file."""
    try:
        yield
    except (ProofolioError, MemoryError):
        raise
    except SyntaxError as error:
        raise BadData(f"{what}, line {error.lineno}: {error.msg}") from None
    except SystemExit as error:
        raise BadData(f"{what} ended Python (exit status {error.code}) instead of returning") from None
    except Exception as error:  # noqa: BLE001  # a user's file may raise anything, and none of it is ours
        line = _line(error, file)
        raise BadData(
            f"{what} raised {type(error).__name__}{line}: {str(error) or 'it gives no reason'}"
        ) from None


def _line(error: BaseException, file: Path) -> str:
    trace, found = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            found = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {found}" if found is not None else ""


MODELS = (".mps", ".lp", ".mps.gz", ".lp.gz")
PLACE = Path("benchmarks") / "suites"
FORMS = "give the name of a suite, a .py file, or an .mps or .lp file or a folder of them"


@dataclass(frozen=True, eq=False)
class Suite:
    """Problems that belong together, and the solvers for them.

    Attributes
    ----------
    name : str
    source : Path
        The file or folder it was opened from.
    problems : mapping from names to Problem
    digests : mapping from problem names to str
        What a problem was read from, so that a record of an older file is not taken for one of this.
    solvers : mapping from names to SolverEntry
        proofolio's, and those in the dictionary ``SOLVERS`` of the file.
    """

    name: str
    source: Path
    problems: Mapping[str, Problem]
    digests: Mapping[str, str]
    solvers: Mapping[str, SolverEntry] = field(default_factory=lambda: dict(SOLVERS))

    def build(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call a problem's function; whatever it raises is `BadData` that names the line."""
        file = self.source.resolve()
        if not file.is_file() or file.suffix != ".py":
            return self.problems[name].function(**arguments)
        with importable(file), blamed(f"{self.name}/{name}", file):
            return self.problems[name].function(**arguments)


def find_suites(start: Path | None = None) -> dict[str, Path]:
    """Return the suites of a clone, by name: in ``benchmarks/suites`` here, above, or beside the package.

    A wheel does not hold them: they are found from inside a clone, or where the package was installed from one
    in place.
    """
    here = (start or Path.cwd()).resolve()
    beside = Path(__file__).resolve().parents[3]
    for folder in (here, *here.parents, beside):
        found = sorted((folder / PLACE).glob("[!_]*.py"))
        if found:
            return {file.stem: file for file in found}
    return {}


def open_suite(target: str | Path) -> Suite:
    """Open a suite by its name, a Python file, a model file, or a folder of model files.

    A folder that holds model files comes before a suite of its name; underscores may be written as hyphens.

    In a Python file the functions under `problem` count; where there is none, every function of the file that
    needs no argument does, but for those whose names begin with an underscore.

    Raises
    ------
    BadData
        In one sentence, when nothing can be made of the target.
    """
    path = Path(target)
    known = find_suites() if str(target).isidentifier() or "-" in str(target) else {}
    name = str(target).replace("-", "_")
    files = _model_files(path) if path.is_dir() else []
    if files:
        return _of_models(path, files, path)
    if name in known:  # a clone has folders called formulations and models too, of Python files
        return _of_module(known[name])
    if path.is_dir():
        raise BadData(f"{path} holds no model file: {FORMS}")
    if path.is_file():
        if path.suffix == ".py":
            return _of_module(path)
        if path.name.lower().endswith(MODELS):
            return _of_models(path, [path], path.parent)
        raise BadData(f"{path} is neither a Python file nor a model file: {FORMS}")
    known = find_suites()
    names = ", ".join(name.replace("_", "-") for name in known)
    offers = f"the suites here are {names}" if known else "no clone with benchmarks/suites is here"
    raise BadData(f"{target} does not exist: {FORMS} ({offers})")


def _model_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.name.lower().endswith(MODELS) and f.is_file())


def _of_models(source: Path, files: list[Path], folder: Path) -> Suite:
    problems, digests = {}, {}
    for file in files:
        name = encodable(file.relative_to(folder).as_posix())
        problems[name] = Problem(name, partial(_itself, file), {})
        digests[name] = digest(file)
    return Suite(encodable(source.resolve().name) or "models", source, problems, digests)


def _itself(file: Path) -> Path:
    return file


def _of_module(file: Path) -> Suite:
    module = import_file(file)
    marked = {p.name: p for p in map(problem_of, vars(module).values()) if p is not None}
    problems = marked or _plain(module)
    if not problems:
        raise BadData(
            f"{file} holds no benchmark: define a function without arguments that returns a model, or mark one "
            "with proofolio.benchmarking.problems"
        )
    mark = module_digest(file)
    name = encodable(file.stem.replace("_", "-"))
    return Suite(name, file, problems, dict.fromkeys(problems, mark), _solvers(module))


def _plain(module: ModuleType) -> dict[str, Problem]:
    found = {}
    for name, thing in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(thing) or thing.__module__ != module.__name__:
            continue
        parameters = inspect.signature(thing).parameters.values()
        if all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            found[name] = Problem(name, thing, {})
    return found


def _solvers(module: ModuleType) -> dict[str, SolverEntry]:
    own = getattr(module, "SOLVERS", {})
    if not isinstance(own, Mapping):
        return dict(SOLVERS)
    return {**SOLVERS, **{k: v for k, v in own.items() if isinstance(v, SolverEntry)}}
