"""``proofolio prove``: whether formulations say what they are meant to say, in exact arithmetic.

``proofolio prove --check``: saved proofs checked again, in exact arithmetic and without a solver.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proofolio.cli.models import Asked, asked_claims, blamed_on, file_names, shipped, slug
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, stdout_kept_free
from proofolio.errors import BadData

if TYPE_CHECKING:
    from proofolio.verification.proofs.proving import Proof
    from proofolio.verification.proofs.strengths import Strength

__all__ = ["Judged", "check_proofs", "prove_command"]


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


def check_proofs(folder: Path, names: Sequence[str], as_json: bool) -> int:
    """Check the proofs in a folder: all of them, or those of the claims named; says which hold."""
    from proofolio.cli.output import CountProgress, progress_console

    if not folder.is_dir():
        raise BadData(f"--check {folder} is no folder: give one that --certificates wrote")
    found: list[_Checked] = []
    interrupted = False
    with stdout_kept_free(), CountProgress(progress_console(), "check") as progress:
        asked = asked_claims(names)
        known = {folder / name: one for one, name in zip(asked, file_names(asked), strict=True)}
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
    from proofolio.report.proofs_text import leaves
    from proofolio.verification.proofs.proving import Certificates

    started = time.perf_counter()
    saved = Certificates.load(file)
    claim = asked.claim if asked is not None else None
    if asked is None:
        result = saved.check()
    else:
        with blamed_on(asked):
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
    from fractions import Fraction

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
    from rich.markup import escape
    from rich.table import Table

    from proofolio.cli.output import answer_console

    console = answer_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("claim", "lowering", "says", "certificates", "checked", "about"):
        table.add_column(name, justify="right" if name == "certificates" else "left", overflow="fold")
    for one in found:
        holds = "[green]holds[/]" if one.ok else "[red]fails[/]"
        count = str(one.certificates) if one.ok else ""
        table.add_row(escape(one.name), escape(one.lowering), escape(one.verdict), count, holds, one.about)
    console.print(table)
    for one in found:
        if not one.ok:
            console.print(f"\nfails  {one.file}: {one.reason}", markup=False, soft_wrap=True)
    hold = sum(one.ok for one in found)
    console.print(f"\n{hold} of {len(found)} proofs hold, checked without a solver.", markup=False)


EXAMPLE = """
\b
Examples:
  proofolio prove maximum
  proofolio prove product/hull --certificates proofs
  proofolio prove mine.py:claim --strict
  proofolio prove mine.py:claim --check proofs
"""


@dataclass(frozen=True, eq=False)
class Judged:
    """A claim with its proof, how strong it is when proved, and the file of its certificates."""

    asked: Asked
    proof: Proof
    strength: Strength | None = None
    file: Path | None = None

    @property
    def seconds(self) -> float:
        """Of the proof and of the search for weaknesses."""
        return self.proof.seconds + (self.strength.seconds if self.strength is not None else 0.0)


@click.command("prove", epilog=EXAMPLE, short_help="Prove that formulations say what they mean.")
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
@click.option("--list", "listed", is_flag=True, help="List the claims that ship.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def prove_command(
    names: tuple[str, ...],
    strict: bool,
    certificates: Path | None,
    checked: Path | None,
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
    if listed:
        return _list(as_json)
    if checked is not None and certificates is not None:
        raise BadData("--certificates writes proofs and --check reads them: give one of the two")
    if checked is not None:
        return check_proofs(checked, names, as_json)
    with stdout_kept_free():
        asked = asked_claims(names)
        found, interrupted = _all(asked, certificates)
    if as_json:
        from proofolio.report.proofs_text import document

        print_document(document(found, interrupted))
    else:
        from proofolio.report.proofs_text import show

        show(found)
    if interrupted:
        complain(f"interrupted: {len(found)} of {len(asked)} claims were looked at")
        return INTERRUPTED
    verdicts = {one.proof.verdict for one in found}
    bad = "refuted" in verdicts or (strict and "undecided" in verdicts)
    return BAD_NEWS if bad else GOOD


def _all(asked: Sequence[Asked], folder: Path | None) -> tuple[list[Judged], bool]:
    from proofolio.cli.output import (
        CountProgress,
        progress_console,  # rich and the prover are slow to import
    )

    files = [None if folder is None else folder / name for name in file_names(asked)]
    if folder is not None:
        _made(folder)
    found: list[Judged] = []
    with CountProgress(progress_console(), "prove") as progress:
        try:
            for k, (one, file) in enumerate(zip(asked, files, strict=True)):
                progress(f"{one.claim.title} {one.claim.lowering}".strip(), k, len(asked))
                found.append(_judged(one, file))
        except KeyboardInterrupt:
            return found, True
    return found, False


def _judged(asked: Asked, file: Path | None) -> Judged:
    from proofolio.verification.proofs.proving import prove
    from proofolio.verification.proofs.strengths import strength

    with blamed_on(asked):
        proof = prove(asked.claim)
        strong = strength(asked.claim) if proof.verdict == "proved" else None
    if file is None or proof.certificates is None:
        return Judged(asked, proof, strong)
    try:
        proof.certificates.save(file)
    except OSError as error:
        raise BadData(f"{file} cannot be written: {error.strerror}") from None
    return Judged(asked, proof, strong, file)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"{folder} cannot be made: {error.strerror}") from None


def _list(as_json: bool) -> int:
    with stdout_kept_free():
        asked = shipped()
    if as_json:
        claims = [{"name": one.claim.title, "lowering": one.claim.lowering} for one in asked]
        print_document({"claims": claims, "summary": {"claims": len(claims)}})
        return GOOD
    lowerings: dict[str, dict[str, int]] = {}
    for one in asked:
        count = lowerings.setdefault(slug(one.formulation), {})
        count[slug(one.claim.lowering)] = count.get(slug(one.claim.lowering), 0) + 1
    width = max(len(name) for name in lowerings)
    for name, count in lowerings.items():
        click.echo(f"{name:<{width}}  {', '.join(count)}")
    families = dict.fromkeys(one.claim.title.partition(" [")[2].rstrip("]") for one in asked)
    click.echo(f"Each over the bounds {', '.join(filter(None, families))}: {len(asked)} claims in all.")
    click.echo(
        "NAME may be cut short (maximum), and name a lowering (maximum/hull) or bounds (maximum-tiny)."
    )
    return GOOD
