"""``proofolio prove``: whether formulations mean what they should, in exact arithmetic.

With ``--check``, saved proofs are checked again, without a solver.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from proofolio.cli.models import called, line_in, named
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData, ProofolioError
from proofolio.report.proofs import Asked, Judged, leaves, proofs_document, show_proofs
from proofolio.report.table import Cell, Table
from proofolio.verification.proofs.catalogue.claims import shipped_claims
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.proof import Certificates
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.strengths import strength

__all__ = ["prove_command"]


FORMS = "give a name that `proofolio prove --list` shows, or FILE.py:NAME"
EXAMPLE = """
\b
Examples:
  proofolio prove maximum
  proofolio prove product/hull --certificates proofs
  proofolio prove mine.py:claim --strict
  proofolio prove mine.py:claim --check proofs
"""


@click.command("prove", epilog=EXAMPLE)
@click.argument("names", nargs=-1, metavar="[NAME | FILE.py:NAME]...")
@click.option("--strict", is_flag=True, help="Count what is undecided as bad news.")
@click.option(
    "--certificates", type=click.Path(path_type=Path), metavar="DIR", help="Write every proof to a folder."
)
@click.option(
    "--check",
    "checked",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Prove nothing: check the proofs in a folder again, without a solver.",
)
@click.option(
    "--time-limit",
    type=float,
    default=60.0,
    show_default=True,
    metavar="S",
    help="Leave a claim undecided after this many seconds.",
)
@click.option("--list", "listed", is_flag=True, help="List the claims that ship.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def prove_command(
    names: tuple[str, ...],
    strict: bool,
    certificates: Path | None,
    checked: Path | None,
    time_limit: float,
    listed: bool,
    as_json: bool,
) -> int:
    """Prove that the rows a formulation writes say what it is meant to say, or refute it with a point.

    NAME is a formulation that ships, such as maximum or product/hull (--list shows all), or FILE.py:NAME or
    package.module:NAME for a Claim of your own, or a function that returns one. Without names all that ship
    are proved, over six families of bounds, in a few minutes.

    Of every proved formulation it is also said whether it is sharp (its relaxation is as tight as any can
    be) and ideal (its relaxation has no fractional corner).

    The exit status is 0 when nothing is refuted, 1 when something is, and 2 for input that cannot be used.
    """
    if not time_limit > 0:
        raise BadData(f"--time-limit is {time_limit:g}: give seconds, a number above 0")
    if listed:
        return _list(as_json)
    if checked is not None and certificates is not None:
        raise BadData("--certificates writes proofs and --check reads them: give one of the two")
    if checked is not None:
        return _check_proofs(checked, names, as_json)
    with stdout_kept_free():
        asked = _asked(names)
        found, interrupted = _all(asked, certificates, time_limit)
    if as_json:
        print_document(proofs_document(found, interrupted))
    else:
        show_proofs(answer_console(), found)
    if interrupted:
        complain(f"interrupted: {len(found)} of {len(asked)} claims were tried")
        return INTERRUPTED
    verdicts = {one.proof.verdict for one in found}
    bad = "refuted" in verdicts or (strict and "undecided" in verdicts)
    return BAD_NEWS if bad else GOOD


def _all(asked: Sequence[Asked], folder: Path | None, time_limit: float) -> tuple[list[Judged], bool]:
    files = [None if folder is None else folder / name for name in _file_names(asked)]
    if folder is not None:
        _made(folder)
    found: list[Judged] = []
    with CountProgress(progress_console(), "prove") as progress:
        try:
            for k, (one, file) in enumerate(zip(asked, files, strict=True)):
                progress(f"{one.claim.title} {one.claim.lowering}".strip(), k, len(asked))
                found.append(_judged(one, file, time_limit))
        except KeyboardInterrupt:
            return found, True
    return found, False


def _judged(asked: Asked, file: Path | None, time_limit: float) -> Judged:
    with _blamed_on(asked):
        proof = prove(asked.claim, time_limit=time_limit)
        left = time_limit - proof.seconds
        strong = strength(asked.claim, time_limit=left) if proof.verdict == "proved" and left > 0 else None
    if file is None or proof.certificates is None:
        return Judged(asked, proof, strong)
    try:
        proof.certificates.save(file)
    except OSError as error:
        raise BadData(f"{file} cannot be written: {error.strerror}; choose another --certificates.") from None
    return Judged(asked, proof, strong, file)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"{folder} cannot be made: {error.strerror}; choose another --certificates.") from None


def _list(as_json: bool) -> int:
    with stdout_kept_free():
        asked = _shipped()
    if as_json:
        claims = [{"name": one.claim.title, "lowering": one.claim.lowering} for one in asked]
        print_document({"claims": claims, "summary": {"claims": len(claims)}})
        return GOOD
    lowerings: dict[str, dict[str, int]] = {}
    for one in asked:
        count = lowerings.setdefault(_slug(one.formulation), {})
        count[_slug(one.claim.lowering)] = count.get(_slug(one.claim.lowering), 0) + 1
    console = answer_console()
    rows = [(name, ", ".join(count)) for name, count in lowerings.items()]
    console.print(Table(("formulation", "lowerings"), rows).terminal(console.width))
    families = dict.fromkeys(one.claim.title.partition(" [")[2].rstrip("]") for one in asked)
    say(f"Each over the bounds {', '.join(filter(None, families))}: {len(asked)} claims in all.")
    say("NAME may be cut short (maximum), and name a lowering (maximum/hull) or bounds (maximum-tiny).")
    return GOOD


# ------------------------------------------------------- what is asked about
def _slug(text: str) -> str:
    """Return a text as a name that needs no quotes in a shell.

    Examples
    --------
    >>> _slug("maximum at_most [zero-width]")
    'maximum-at-most-zero-width'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _file_names(asked: Iterable[Asked]) -> list[str]:
    """Return a file name for each claim, no two alike."""
    found: list[str] = []
    for one in asked:
        stem = "--".join(filter(None, (_slug(one.claim.title), _slug(one.claim.lowering)))) or "claim"
        again = sum(name == f"{stem}.json" or name.startswith(f"{stem}--again-") for name in found)
        found.append(f"{stem}--again-{again}.json" if again else f"{stem}.json")
    return found


def _shipped() -> list[Asked]:
    """Return the claims of the catalogue."""
    return [Asked(claim) for claim in shipped_claims()]


def _asked(names: Iterable[str]) -> list[Asked]:
    """Return the claims that names stand for; all that ship when there are none.

    Raises
    ------
    BadData
        For a name that is none, and for files as `load_model` does.
    """
    specs = list(names)
    if not specs:
        return _shipped()
    return [one for spec in specs for one in (_from_file(spec) if ":" in spec else _from_catalogue(spec))]


def _from_catalogue(spec: str) -> list[Asked]:
    if spec.endswith(".py"):
        raise BadData(f"{spec} needs the claim, or the function that returns it: write {spec}:NAME")
    wanted, slash, lowering = spec.partition("/")
    everything = _shipped()
    of_name = [one for one in everything if _begins(one.claim.title, wanted)]
    if not wanted or not of_name:
        known = dict.fromkeys(_slug(one.formulation) for one in everything)
        raise BadData(
            f"no shipped claim is called {spec!r}: there are {', '.join(known)}, or write FILE.py:NAME"
        )
    found = [one for one in of_name if not slash or _begins(one.claim.lowering, lowering)]
    if not found:
        known = dict.fromkeys(_slug(one.claim.lowering) for one in of_name)
        raise BadData(f"{wanted} has no lowering {lowering!r}: it has {', '.join(known)}")
    return found


def _begins(title: str, wanted: str) -> bool:
    return f"{_slug(title)}-".startswith(f"{_slug(wanted)}-")


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
def _blamed_on(asked: Asked) -> Iterator[None]:
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


# ------------------------------------------------------------------------ --check
@dataclass(frozen=True)
class _Checked:
    """One file; `about` says whether its statement was compared with a claim's, or taken at its word."""

    name: str
    lowering: str
    file: Path
    verdict: str
    delta: float | None
    certificates: int
    ok: bool
    reason: str
    about: str
    seconds: float


def _check_proofs(folder: Path, names: Sequence[str], as_json: bool) -> int:
    """Check the proofs in a folder: all of them, or those of the claims named."""
    if not folder.is_dir():
        raise BadData(f"--check {folder} is no folder: give one that --certificates wrote")
    found: list[_Checked] = []
    interrupted = False
    with stdout_kept_free(), CountProgress(progress_console(), "check") as progress:
        asked = _asked(names)
        known = {folder / name: one for one, name in zip(asked, _file_names(asked), strict=True)}
        files = list(known) if names else sorted(folder.glob("*.json"))
        if not files:
            raise BadData(f"--check {folder} holds no proof: give a folder that --certificates wrote")
        try:
            for k, file in enumerate(files):
                progress(file.stem, k, len(files))
                found.append(_checked(file, known.get(file)))
        except KeyboardInterrupt:
            interrupted = True
    print_document(_document(found)) if as_json else _show(found)
    if interrupted:
        complain(f"interrupted: {len(found)} of {len(files)} proofs were checked")
        return INTERRUPTED
    return GOOD if all(one.ok and one.verdict == "proved" for one in found) else BAD_NEWS


def _checked(file: Path, asked: Asked | None) -> _Checked:
    started = time.perf_counter()
    saved = Certificates.load(file)
    claim = asked.claim if asked is not None else None
    if asked is None:
        result = saved.check()
    else:
        with _blamed_on(asked):
            result = saved.check(claim)
    verdict, delta = str(saved.document.get("verdict", "unknown")), saved.document.get("delta")
    return _Checked(
        claim.title if claim is not None else file.stem,
        claim.lowering if claim is not None else "",
        file,
        verdict,
        _float(delta) if result.ok else None,
        leaves(saved.document) if result.ok else 0,
        result.ok,
        result.reason,
        "this claim" if claim is not None else "the rows in the file",
        time.perf_counter() - started,
    )


def _float(text: Any) -> float | None:
    return None if text is None else float(Fraction(str(text)))


def _document(found: Sequence[_Checked]) -> dict[str, Any]:
    claims = [
        {
            "name": one.name,
            "lowering": one.lowering,
            "verdict": one.verdict,
            "delta": one.delta,
            "witness": None,
            "sharp": None,
            "ideal": None,
            "certificates": one.certificates,
            "seconds": one.seconds,
            "file": str(one.file),
            "ok": one.ok,
            "about": one.about,
            "reason": one.reason,
        }
        for one in found
    ]
    hold = sum(one.ok for one in found)
    return {"claims": claims, "summary": {"hold": hold, "fail": len(found) - hold}}


def _show(found: Sequence[_Checked]) -> None:
    rows: list[Sequence[Cell]] = [
        (
            one.name,
            one.lowering,
            one.verdict,
            str(one.certificates) if one.ok else "",
            ("holds", "good") if one.ok else ("fails", "bad"),
            one.about,
        )
        for one in found
    ]
    console = answer_console()
    head = ("claim", "lowering", "says", "certificates", "checked", "about")
    console.print(Table(head, rows, (3,)).terminal(console.width))
    for one in found:
        if not one.ok:
            say(f"\nfails  {one.file}: {one.reason}")
    hold = sum(one.ok for one in found)
    say(f"\n{hold} of {len(found)} proofs hold, checked without a solver.")
