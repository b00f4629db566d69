"""``proofolio prove``: whether formulations mean what they should, in exact arithmetic.

What ships was proved before: its proofs are checked again, without a solver. With ``--check``, so are saved ones.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import click

from proofolio.cli.claims import asked_claims, blamed_on, file_names, shipped, slug
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.cli.saved_proofs import check_proofs
from proofolio.errors import BadData
from proofolio.report.proofs import Asked, Judged, leaves, proofs_document, show_proofs
from proofolio.report.table import Table
from proofolio.verification.proofs.catalogue.shipped_proofs import shipped_proof
from proofolio.verification.proofs.proof import Proof, Strength

__all__ = ["prove_command"]


# Claims for which processes are started: each takes a second of work to start, in which about so many are done.
MANY_SHIPPED, MANY_ANEW = 60, 8
USUAL_JOBS = 2
LEAST_TIME = 1e-6  # seconds for `prove`, where looking for a proof that ships took all
EXAMPLE = """
\b
Examples:
  proofolio prove
  proofolio prove maximum --strength
  proofolio prove product/hull --fresh --certificates proofs
  proofolio prove mine.py:claim --strict
  proofolio prove mine.py:claim --check proofs
"""


@click.command("prove", epilog=EXAMPLE)
@click.argument("names", nargs=-1, metavar="[NAME | FILE.py:NAME]...")
@click.option("--strict", is_flag=True, help="Count what is undecided as bad news.")
@click.option(
    "--fresh", is_flag=True, help="Prove anew what ships, instead of checking the proofs that ship."
)
@click.option(
    "--strength", "strong", is_flag=True, help="Say of what is proved whether it is sharp and ideal as well."
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Processes; all cores up to {USUAL_JOBS} by default.",
)
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
    fresh: bool,
    strong: bool,
    jobs: int | None,
    certificates: Path | None,
    checked: Path | None,
    time_limit: float,
    listed: bool,
    as_json: bool,
) -> int:
    """Prove that the rows a formulation writes say what it is meant to say, or refute it with a point.

    NAME is a formulation that ships, such as maximum or product/hull (--list shows all), or FILE.py:NAME or
    package.module:NAME for a Claim of your own, or a function that returns one. Without names all that ship
    are proved, over six families of bounds, in less than a minute: the rows and their meaning are made as they
    are today, and their proofs, which ship with the package, are checked again in exact arithmetic, without a
    solver. What finds no proof there is proved anew, as everything is with --fresh (some minutes).

    With --strength it is also said of every proved formulation whether it is sharp (its relaxation is as tight
    as any can be) and ideal (its relaxation has no fractional corner).

    The exit status is 0 when nothing is refuted, 1 when something is, and 2 for input that cannot be used.
    """
    if not time_limit > 0:
        raise BadData(f"--time-limit is {time_limit:g}: give seconds, a number above 0")
    if listed:
        return _list(as_json)
    if checked is not None and certificates is not None:
        raise BadData("--certificates writes proofs and --check reads them: give one of the two")
    if checked is not None:
        return check_proofs(checked, names, as_json)
    with stdout_kept_free():
        asked = asked_claims(names)
        way = _Way(names, certificates, time_limit, fresh, strong)
        found, interrupted = _all(asked, way, jobs or min(USUAL_JOBS, os.cpu_count() or 1))
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


@dataclass(frozen=True)
class _Way:
    """What was asked for: `names` are what claims are found by in every process."""

    names: tuple[str, ...]
    folder: Path | None
    time_limit: float
    fresh: bool
    strong: bool

    def file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / name


class _Found(NamedTuple):
    """A verdict as it comes from a process; without the certificates of what is proved, which nothing shows."""

    proof: Proof
    strength: Strength | None
    leaves: int
    shipped: bool
    why_anew: str


def _all(asked: Sequence[Asked], way: _Way, jobs: int) -> tuple[list[Judged], bool]:
    """Return what is found, in the order asked for, and whether Ctrl-C came before all was."""
    names = file_names(asked) if way.folder is not None else [""] * len(asked)
    if way.folder is not None:
        _made(way.folder)
    found: list[Judged] = []
    with (
        CountProgress(progress_console(), "prove") as progress,
        closing(_each(asked, names, way, jobs)) as each,
    ):
        try:
            for k, (one, name) in enumerate(zip(asked, names, strict=True)):
                progress(f"{one.claim.title} {one.claim.lowering}".strip(), k, len(asked))
                new = next(each)
                file = way.file(name) if new.proof.verdict != "undecided" else None
                found.append(
                    Judged(one, new.proof, new.strength, file, new.leaves, new.shipped, new.why_anew)
                )
        except KeyboardInterrupt:
            return found, True
    return found, False


def _each(
    asked: Sequence[Asked], files: Sequence[str], way: _Way, jobs: int
) -> Generator[_Found, None, None]:
    quick = not way.fresh and not way.strong and all(one.construct for one in asked)
    jobs = min(jobs, len(asked) // (MANY_SHIPPED if quick else MANY_ANEW))
    if jobs < 2:
        for one, file in zip(asked, files, strict=True):
            yield _judged(one, file, way)
        return
    import joblib

    with joblib.parallel_config(backend="loky"):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
        yield from parallel(joblib.delayed(_in_process)(way, k, file) for k, file in enumerate(files))


def _in_process(way: _Way, k: int, file: str) -> _Found:
    with stdout_kept_free():
        return _judged(_asked_again(way.names)[k], file, way)


@lru_cache(maxsize=1)
def _asked_again(names: tuple[str, ...]) -> list[Asked]:
    return asked_claims(names)


def _judged(asked: Asked, name: str, way: _Way) -> _Found:
    with blamed_on(asked):
        proof, why_anew, left = None, "", way.time_limit
        if asked.construct and not way.fresh:
            proof = shipped_proof(asked.construct, asked.claim, time_limit=left)
            why_anew = proof.reason
            left -= proof.seconds
        is_shipped = proof is not None and proof.verdict == "proved"
        if proof is None or not is_shipped:
            from proofolio.verification.proofs.proving import prove  # and with it a solver

            proof = prove(asked.claim, time_limit=max(left, LEAST_TIME))
        strong = _strength(asked, proof, way)
    count = 0 if proof.certificates is None else leaves(proof.certificates.document)
    file = way.file(name)
    if file is not None and proof.certificates is not None:
        try:
            proof.certificates.save(file)
        except OSError as error:
            raise BadData(
                f"{file} cannot be written: {error.strerror}; choose another --certificates."
            ) from None
    if proof.verdict == "proved":
        proof = replace(proof, certificates=None)
    return _Found(proof, strong, count, is_shipped, why_anew)


def _strength(asked: Asked, proof: Proof, way: _Way) -> Strength | None:
    left = way.time_limit - proof.seconds
    if not way.strong or proof.verdict != "proved" or left <= 0:
        return None
    from proofolio.verification.proofs.strengths import strength

    return strength(asked.claim, time_limit=left)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"{folder} cannot be made: {error.strerror}; choose another --certificates.") from None


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
    console = answer_console()
    rows = [(name, ", ".join(count)) for name, count in lowerings.items()]
    console.print(Table(("formulation", "lowerings"), rows).terminal(console.width))
    families = dict.fromkeys(one.claim.title.partition(" [")[2].rstrip("]") for one in asked)
    say(f"Each over the bounds {', '.join(filter(None, families))}: {len(asked)} claims in all.")
    say("NAME may be cut short (maximum), and name a lowering (maximum/hull) or bounds (maximum-tiny).")
    return GOOD
