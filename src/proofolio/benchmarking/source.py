"""Python files brought in by their path, and what they raise said in one sentence."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from proofolio.errors import BadData, ProofolioError

__all__ = ["blamed", "digest", "import_file", "importable"]


def digest(file: Path) -> str:
    """Return a short hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


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
    folders = [str(file.parent)]
    if file.parent.name == "suites" and file.parent.parent.name == "benchmarks":
        folders.append(str(file.parent.parent.parent))
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            if folder in sys.path:
                sys.path.remove(folder)


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
