"""``proofolio prove``: whether formulations say what they are meant to say, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proofolio.commands.claims import Asked, asked_claims, blamed_on, file_names, shipped, slug
from proofolio.commands.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, stdout_kept_free
from proofolio.errors import BadData

if TYPE_CHECKING:
    from proofolio.verification.prove import Proof
    from proofolio.verification.strength import Strength

__all__ = ["Judged", "prove_command"]

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
        from proofolio.commands.proof_files import check_proofs

        return check_proofs(checked, names, as_json)
    with stdout_kept_free():
        asked = asked_claims(names)
        found, interrupted = _all(asked, certificates)
    if as_json:
        from proofolio.commands.proof_words import document

        print_document(document(found, interrupted))
    else:
        from proofolio.commands.proof_words import show

        show(found)
    if interrupted:
        complain(f"interrupted: {len(found)} of {len(asked)} claims were looked at")
        return INTERRUPTED
    verdicts = {one.proof.verdict for one in found}
    bad = "refuted" in verdicts or (strict and "undecided" in verdicts)
    return BAD_NEWS if bad else GOOD


def _all(asked: Sequence[Asked], folder: Path | None) -> tuple[list[Judged], bool]:
    from proofolio.commands.console import progress_console  # rich and the prover are slow to import
    from proofolio.commands.counting import CountProgress

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
    from proofolio.verification.prove import prove
    from proofolio.verification.strength import strength

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
