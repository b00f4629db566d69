"""Which claims a command line asks about: those that ship, by name, and a user's own from a file or module."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proofolio.cli.models import called, line_in, named
from proofolio.errors import BadData, ProofolioError
from proofolio.report.proofs import Asked
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, shipped_claims
from proofolio.verification.proofs.claim import Claim

__all__ = ["asked_claims", "blamed_on", "file_names", "shipped", "slug"]


FORMS = "give a name that `proofolio prove --list` shows, or FILE.py:NAME"


def slug(text: str) -> str:
    """Return a text as a name that needs no quotes in a shell.

    Examples
    --------
    >>> slug("maximum at_most [zero-width]")
    'maximum-at-most-zero-width'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


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
    return [Asked(claim, construct=word) for word in CONSTRUCTS for claim in shipped_claims(word)]


def asked_claims(names: Iterable[str]) -> list[Asked]:
    """Return the claims that names stand for; all that ship when there are none.

    Raises
    ------
    BadData
        For a name that is none, and for files as `load_model` does.
    """
    specs = list(names)
    if not specs:
        return shipped()
    return [one for spec in specs for one in (_from_file(spec) if ":" in spec else _from_catalogue(spec))]


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


def _from_file(spec: str) -> list[Asked]:
    found: Any = named(spec, "claim", FORMS)
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
