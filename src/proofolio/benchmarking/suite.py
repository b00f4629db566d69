"""Suites: the repository's own by name, a user's file of functions, or a folder of model files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from proofolio.benchmarking.measured import encodable
from proofolio.benchmarking.problem import Problem, problem_of
from proofolio.benchmarking.source import blamed, digest, import_file, importable, module_digest
from proofolio.errors import BadData
from proofolio.solvers import SOLVERS, SolverEntry

__all__ = ["Suite", "find_suites", "open_suite"]

MODELS = (".mps", ".lp", ".mps.gz", ".lp.gz")
PLACE = Path("benchmarks") / "suites"
FORMS = "give the name of a suite, a .py file, or an .mps or .lp file or a folder of them"


@dataclass(frozen=True, eq=False)
class Suite:
    """Problems that belong together, and who may be asked to solve them.

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
            "with proofolio.benchmarking.problem"
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
