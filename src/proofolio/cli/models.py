"""What arguments mean: MODEL, FILE.py:NAME, a file of values, names separated by commas."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from proofolio.errors import BadData, ProofolioError
from proofolio.interfaces.files.model_files import read_program
from proofolio.interfaces.opening import Opened

__all__ = [
    "MAX_SIZE",
    "FileSize",
    "called",
    "is_file",
    "line_in",
    "load_model",
    "named",
    "names_in",
    "read_values",
]


FORMS = "give an .mps or .lp file (also .gz), FILE.py:FUNCTION or package.module:function"
SUFFIXES = (".mps", ".lp", ".mps.gz", ".lp.gz")
MODULE_NAME = "proofolio_model_file"
VALUES_FORM = '{"values": {"name": number, ...}}'


BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class FileSize(click.ParamType):  # type: ignore[type-arg]  # generic in click's newer releases only
    """A number of bytes: ``200000``, ``500M``, ``2G``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)B?", str(value), re.IGNORECASE)
        size = 0 if found is None else int(float(found[1]) * BYTES[found[2].lower()])
        if size < 1:
            self.fail(f"{value!r} is not a size; give one such as 500M or 2G", param, ctx)
        return size


MAX_SIZE = click.option(
    "--max-size",
    type=FileSize(),
    default="1G",
    show_default=True,
    metavar="SIZE",
    help="Refuse a model file with more text than this, unpacked.",
)


def is_file(spec: str) -> bool:
    """Return whether MODEL names a model file, and no function."""
    return spec.endswith(SUFFIXES) or ":" not in spec


def load_model(spec: str, max_size: int | None = None) -> Any:
    """Return what MODEL names: a path of a model file, or what the function returns.

    Functions are called without arguments and may return a Program, a builder, a declared model such
    as `RegimeSwitching`, a Pyomo model or a CVXPY problem.

    With `max_size` a file is read at once, and no more than so many bytes of it.

    Raises
    ------
    BadData
        In one sentence: the file, module or function is missing, the code raises, or what it returns is no
        model.
    """
    file = Path(spec)
    if is_file(spec):
        _file(spec, file)
        return file if max_size is None else Opened(read_program(file, max_size), "file", file)
    found = named(spec, "model", FORMS)
    if not _is_model(found):
        found = called(spec, found, "model")
    if hasattr(found, "to_program"):
        found = found.to_program()
    if not _is_model(found):
        raise BadData(
            f"{spec} returned {_article(type(found).__name__)}, which is no model: return a Program, a "
            "Pyomo model or a CVXPY problem"
        )
    return found


def named(spec: str, what: str, forms: str) -> Any:
    """Return what ``FILE.py:NAME`` or ``package.module:NAME`` names; `forms` ends the sentence when nothing does.

    Raises
    ------
    BadData
        In one sentence: the file, module or name is missing, or the code raises.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise BadData(f"{spec} names no {what}: {forms}")
    from_file = place.endswith(".py") or "/" in place
    module = _from_file(Path(place), forms) if from_file else _from_module(place, forms)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise BadData(f"{place} has no {name!r}: {_offers(module)}")
        found = getattr(found, part)
    return found


def _file(spec: str, file: Path) -> None:
    if spec.endswith(".py") and file.is_file():
        raise BadData(f"{spec} needs the function that returns the model: write {spec}:FUNCTION")
    if file.is_dir():
        raise BadData(f"{spec} is a folder: {FORMS}")
    if not file.is_file():
        raise BadData(f"{spec} does not exist: {FORMS}")


def _from_file(file: Path, forms: str) -> ModuleType:
    if not file.is_file():
        raise BadData(f"{file} does not exist: {forms}")
    specification = importlib.util.spec_from_file_location(MODULE_NAME, file)
    if specification is None or specification.loader is None:
        raise BadData(f"{file} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[MODULE_NAME] = module  # dataclasses and pickling look the module up by its name
    with _importable(file.resolve().parent), _blamed(str(file), file):
        specification.loader.exec_module(module)
    return module


def _from_module(name: str, forms: str) -> ModuleType:
    with _importable(Path.cwd()):
        try:
            missing = importlib.util.find_spec(name) is None
        except (ImportError, ValueError):
            missing = True
        if missing:
            raise BadData(f"there is no module {name!r} to import, here or installed: {forms}")
        with _blamed(name, None):
            return importlib.import_module(name)


def called(spec: str, function: Any, what: str) -> Any:
    """Call a function of the user's without arguments and return what it returns.

    Raises
    ------
    BadData
        In one sentence, for anything but a function without arguments that returns.
    """
    if not callable(function):
        raise BadData(f"{spec} is {_article(type(function).__name__)}, not a function that returns a {what}")
    try:
        needed = [
            name
            for name, p in inspect.signature(function).parameters.items()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):  # built in C, without a signature
        needed = []
    if needed:
        raise BadData(f"{spec} needs arguments ({', '.join(needed)}): name a function that needs none")
    code = inspect.unwrap(function)
    source = inspect.getsourcefile(code) if inspect.isroutine(code) else None
    folder = Path(source).resolve().parent if source else Path.cwd()
    with _importable(folder), _blamed(spec, Path(source) if source else None):
        return function()


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a model file import its neighbours."""
    path = str(folder)
    sys.path.insert(0, path)
    try:
        yield
    finally:
        if path in sys.path:
            sys.path.remove(path)


@contextmanager
def _blamed(what: str, source: Path | None) -> Iterator[None]:
    """Turn whatever foreign code raises into one sentence that names it, and the line in the user's file."""
    try:
        yield
    except ProofolioError:
        raise
    except SyntaxError as error:
        raise BadData(f"{what}, line {error.lineno}: {error.msg}") from None
    except SystemExit as error:
        raise BadData(f"{what} ended Python (exit status {error.code}) instead of returning") from None
    except Exception as error:  # noqa: BLE001  # a user's file may raise anything, and none of it is ours
        line = line_in(error, source)
        reason = str(error) or "it gives no reason"
        raise BadData(f"{what} raised {type(error).__name__}{line}: {reason}") from None


def line_in(error: BaseException, source: Path | None) -> str:
    """Say which line of the user's own file led to an error; empty when none did."""
    trace, found = error.__traceback__, None
    while trace is not None:
        if source is not None and Path(trace.tb_frame.f_code.co_filename).resolve() == source.resolve():
            found = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {found}" if found is not None else ""


def _is_model(thing: Any) -> bool:
    """Whether a thing is something `proofolio.solve` takes, judged without importing pyomo or cvxpy."""
    if isinstance(thing, type) or inspect.isroutine(thing):
        return False
    if hasattr(thing, "freeze") or hasattr(thing, "to_program"):
        return True
    ancestry = {f"{base.__module__}.{base.__qualname__}" for base in type(thing).__mro__}
    return bool(
        ancestry
        & {
            "proofolio.program.program.Program",
            "pyomo.core.base.block.BlockData",
            "cvxpy.problems.problem.Problem",
        }
    )


def _offers(module: ModuleType) -> str:
    names = [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and inspect.isfunction(thing) and thing.__module__ == module.__name__
    ]
    claims = [name for name, thing in vars(module).items() if type(thing).__name__ == "Claim"]
    known = [f"its functions are {', '.join(names)}"] if names else []
    known += [f"its claims are {', '.join(claims)}"] if claims else []
    return ", ".join(known) or "it defines no function"


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def read_values(option: str, file: Path) -> dict[str, Any]:
    """Return the values of a JSON file ``{"values": {name: number}}``, as they stand in it.

    Raises
    ------
    BadData
        For a file that cannot be read or holds no values; the sentence begins with the option.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{option} {file} cannot be read: {error.strerror}; give another file.") from None
    except ValueError as error:
        raise BadData(f"{option} {file} is not JSON: {error}; write {VALUES_FORM}.") from None
    values = document.get("values") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise BadData(f"{option} {file} holds no values; write {VALUES_FORM}.")
    return values


def names_in(text: str) -> list[str]:
    """Return what commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]
