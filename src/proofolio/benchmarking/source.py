"""Python files brought in by their path, and what they raise said in one sentence."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import ModuleType

from proofolio.errors import BadData, ProofolioError

__all__ = ["blamed", "digest", "import_file", "importable", "module_digest"]


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
