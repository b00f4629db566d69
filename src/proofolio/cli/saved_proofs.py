"""``proofolio prove --check``: saved proofs checked again, without a solver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofolio.cli.claims import asked_claims, blamed_on, file_names
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData
from proofolio.report.proofs import Asked, leaves
from proofolio.report.table import Cell, Table
from proofolio.verification.proofs.proof import Certificates

__all__ = ["check_proofs"]


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
    """Check the proofs in a folder: all of them, or those of the claims named."""
    found: list[_Checked] = []
    interrupted = False
    with stdout_kept_free(), CountProgress(progress_console(), "check") as progress:
        asked = asked_claims(names)
        if not folder.is_dir():
            raise BadData(f"--check {folder} is no folder: give one that --certificates wrote")
        known = {folder / name: one for one, name in zip(asked, file_names(asked), strict=True)}
        files = list(known) if names else sorted(folder.glob("*.json"))
        if not files:
            raise BadData(f"--check {folder} holds no proof: give a folder that --certificates wrote")
        for file in files:
            if not file.exists():
                held = ", ".join(sorted(one.stem for one in folder.glob("*.json"))) or "none"
                title = known[file].claim.title
                raise BadData(f"--check {folder} holds no proof of {title!r} ({file.name}); it has {held}")
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
