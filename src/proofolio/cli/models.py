"""The claims that `proofolio prove` is asked about: names of the catalogue, and claims in files.

What FILE.py:NAME means on the command line, and MODEL: a file, or a function that returns a model.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from proofolio.errors import BadData, ProofolioError

if TYPE_CHECKING:
    from proofolio.verification.proofs.claim import Claim

__all__ = [
    "MAX_SIZE",
    "Asked",
    "FileSize",
    "asked_claims",
    "blamed_on",
    "called",
    "file_names",
    "line_in",
    "load_model",
    "named",
    "shipped",
    "slug",
]


FORMS = "give an .mps or .lp file (also .gz), FILE.py:FUNCTION or package.module:function"
SUFFIXES = (".mps", ".lp", ".mps.gz", ".lp.gz")
MODULE_NAME = "proofolio_model_file"


class FileSize(click.ParamType):  # type: ignore[type-arg]  # generic in click's newer releases only
    """A number of bytes: ``200000``, ``500M``, ``2G``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)B?", str(value), re.IGNORECASE)
        size = 0 if found is None else int(float(found[1]) * _BYTES[found[2].lower()])
        if size < 1:
            self.fail(f"{value!r} is not a size such as 500M or 2G", param, ctx)
        return size


_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
MAX_SIZE = click.option(
    "--max-size",
    type=FileSize(),
    default="1G",
    show_default=True,
    metavar="SIZE",
    help="Refuse a model file with more text than this, unpacked.",
)


def load_model(spec: str, max_size: int | None = None) -> Any:
    """Return what MODEL names: a path of a model file, or what the function returns.

    With `max_size` a file is read at once, and no more than so many bytes of it.

    Functions are called without arguments and may return a Program, a builder, a declared model such
    as `RegimeSwitching`, a Pyomo model or a CVXPY problem.

    Raises
    ------
    BadData
        In one sentence: the file, module or function is missing, the code raises, or what it returns is no
        model.
    """
    file = Path(spec)
    if spec.endswith(SUFFIXES) or ":" not in spec:
        _file(spec, file)
        return file if max_size is None else _read(file, max_size)
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


def _read(file: Path, max_size: int) -> Any:
    from proofolio.interfaces.files.model_files import read_program  # slow to import
    from proofolio.interfaces.opening import Opened

    return Opened(read_program(file, max_size), "file", file)


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
        words = str(error) or "it gives no reason"
        raise BadData(f"{what} raised {type(error).__name__}{line}: {words}") from None


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
    words = [f"its functions are {', '.join(names)}"] if names else []
    words += [f"its claims are {', '.join(claims)}"] if claims else []
    return ", ".join(words) or "it defines no function"


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


FORMS_claims = "give a name that `proofolio prove --list` shows, or FILE.py:NAME"


@dataclass(frozen=True, eq=False)
class Asked:
    """A claim and where it came from; `spec` is empty for one that ships."""

    claim: Claim
    spec: str = ""

    @property
    def formulation(self) -> str:
        """The claim's name without its family of bounds."""
        return self.claim.title.partition(" [")[0]


def slug(words: str) -> str:
    """Return words as a name that needs no quotes in a shell.

    Examples
    --------
    >>> slug("maximum at_most [zero-width]")
    'maximum-at-most-zero-width'
    """
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def file_names(asked: Iterable[Asked]) -> list[str]:
    """Return a file name for each claim, no two alike."""
    found: list[str] = []
    for one in asked:
        stem = "--".join(filter(None, (slug(one.claim.title), slug(one.claim.lowering)))) or "claim"
        again = sum(name == f"{stem}.json" or name.startswith(f"{stem}--again-") for name in found)
        found.append(f"{stem}--again-{again}.json" if again else f"{stem}.json")
    return found


def shipped() -> list[Asked]:
    """Return the claims of the catalogue."""
    from proofolio.verification.proofs.catalogue.claims import shipped_claims

    return [Asked(claim) for claim in shipped_claims()]


def asked_claims(names: Iterable[str]) -> list[Asked]:
    """Return the claims that names stand for; all that ship when there are none.

    Raises
    ------
    BadData
        For a name nobody knows, and for files as `load_model` does.
    """
    specs = list(names)
    if not specs:
        return shipped()
    return [
        one for spec in specs for one in (_from_file_claims(spec) if ":" in spec else _from_catalogue(spec))
    ]


def _from_catalogue(spec: str) -> list[Asked]:
    if spec.endswith(".py"):
        raise BadData(f"{spec} needs the claim, or the function that returns it: write {spec}:NAME")
    wanted, slash, lowering = spec.partition("/")
    everything = shipped()
    of_name = [one for one in everything if _begins(one.claim.title, wanted)]
    if not wanted or not of_name:
        known = dict.fromkeys(slug(one.formulation) for one in everything)
        raise BadData(
            f"no shipped claim is called {spec!r}: there are {', '.join(known)}, or write FILE.py:NAME"
        )
    found = [one for one in of_name if not slash or _begins(one.claim.lowering, lowering)]
    if not found:
        known = dict.fromkeys(slug(one.claim.lowering) for one in of_name)
        raise BadData(f"{wanted} has no lowering {lowering!r}: it has {', '.join(known)}")
    return found


def _begins(title: str, wanted: str) -> bool:
    return f"{slug(title)}-".startswith(f"{slug(wanted)}-")


def _from_file_claims(spec: str) -> list[Asked]:
    from proofolio.verification.proofs.claim import Claim

    found: Any = named(spec, "claim", FORMS_claims)
    if not isinstance(found, (Claim, list, tuple)):
        found = called(spec, found, "Claim")
    several = list(found) if isinstance(found, (list, tuple)) else [found]
    wrong = [thing for thing in several if not isinstance(thing, Claim)]
    if wrong or not several:
        kind = type(wrong[0]).__name__ if wrong else "an empty list"
        raise BadData(f"{spec} gives {kind} where a Claim is needed: return a Claim or a list of them")
    return [Asked(claim, spec) for claim in several]


@contextmanager
def blamed_on(asked: Asked) -> Iterator[None]:
    """Turn what a claim's own functions raise into one sentence that names the file and the line."""
    try:
        yield
    except ProofolioError as error:
        if not asked.spec:
            raise
        raise BadData(f"{asked.spec}: {error}") from None
    except Exception as error:
        where = _line(asked, error)
        if not where:  # ours, and not the user's
            raise
        raise BadData(f"{asked.spec} raised {type(error).__name__}{where}: {error}") from None


def _line(asked: Asked, error: Exception) -> str:
    for function in (asked.claim.function, *asked.claim.meaning, asked.claim.lift):
        try:
            source = inspect.getsourcefile(inspect.unwrap(function)) if function is not None else None
        except TypeError:  # a partial, or an object that can be called
            continue
        where = line_in(error, Path(source)) if asked.spec and source else ""
        if where:
            return where
    return ""
