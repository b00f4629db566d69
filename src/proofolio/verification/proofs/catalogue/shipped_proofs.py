"""Proofs that ship with the package: found by their statement, and checked again before they count.

One file a construct holds, for each statement that was proved, its key and what `proofolio.verification.proofs.checker`
needs: branches and multipliers, nothing else. The key is the SHA-256 of the whole statement, so of every row, bound and
piece in exact numbers: a formulation or a meaning that has changed finds no proof. What is found is believed only as
far as the checker derives it again from the claim as it is today, in fractions and without a solver; a key that
was wrong, or a file that was changed, makes no claim true.

``python scripts/make_proofs.py`` makes the files.
"""

from __future__ import annotations

import gzip
import io
import json
import time
import zlib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import inf
from typing import Any

from proofolio.errors import BadData
from proofolio.verification.exact.certificate import NUMBERS, Undecidable, digest
from proofolio.verification.exact.in_time import stopped_when
from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.proof import Certificates, Proof
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import Statement

__all__ = ["FOLDER", "packed", "shipped_proof", "statement_key", "unpacked"]


FOLDER: Traversable = files("proofolio.verification.proofs.catalogue").joinpath("shipped")
KEPT = ("verdict", "delta", "total", "gap", "parts")  # of a proof's document: the statement is made again
ABSENT = "no proof of its rows and meaning as they are today ships"


def statement_key(statement: Statement) -> str:
    """Return the key of a statement: equal for equal columns, rows, pieces and quadratic parts, in exact numbers."""
    return digest({"numbers": NUMBERS, "statement": statement.document()})


def packed(proofs: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return proofs by their key as one file: a line of JSON each, in the order of keys, compressed."""
    lines = [
        json.dumps(
            [key, {name: proofs[key][name] for name in KEPT if name in proofs[key]}], separators=(",", ":")
        )
        for key in sorted(proofs)
    ]
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    return buffer.getvalue()


def unpacked(content: bytes) -> dict[str, dict[str, Any]]:
    """Return the proofs that `packed` wrote.

    Raises
    ------
    BadData
        For a file that is cut off or holds anything else.
    """
    try:
        pairs = [json.loads(line) for line in gzip.decompress(content).splitlines()]
        return {str(key): dict(proof) for key, proof in pairs}
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        raise BadData(f"the proofs that ship cannot be read ({error}): install proofolio again") from None


@cache
def _shipped(construct: str) -> dict[str, dict[str, Any]]:
    try:
        content = FOLDER.joinpath(f"{construct}.jsonl.gz").read_bytes()
    except OSError:
        return {}
    return unpacked(content)


def shipped_proof(construct: str, claim: Claim, *, time_limit: float = inf) -> Proof:
    """Check the proof of a claim that ships, in exact arithmetic and without a solver.

    Parameters
    ----------
    construct : str
        Of `proofolio.verification.proofs.catalogue.claims.CONSTRUCTS`: the file to look in.
    claim : Claim
    time_limit : float
        Seconds.

    Returns
    -------
    Proof
        ``proved`` where a proof ships and holds; else ``undecided``, with the reason.
    """
    start = time.perf_counter()
    outcome: dict[str, Any]
    try:
        with stopped_when(lambda: time.perf_counter() > start + time_limit):
            outcome = _outcome(construct, state(claim).statement)
    except (BadData, Undecidable) as error:
        outcome = {"verdict": "undecided", "reason": str(error)}
    return Proof(claim.title, claim.lowering, **outcome, seconds=time.perf_counter() - start)


def _outcome(construct: str, statement: Statement) -> dict[str, Any]:
    content = _shipped(construct).get(statement_key(statement))
    if content is None:
        return {"verdict": "undecided", "reason": ABSENT}
    checked = holds(statement, content)
    if not checked.ok or content["verdict"] != "proved":
        return {"verdict": "undecided", "reason": f"the proof that ships does not hold: {checked.reason}"}
    return {
        "verdict": "proved",
        "delta": Fraction(content["delta"]),
        "total": content["total"],
        "certificates": Certificates.of(statement, content),
    }
