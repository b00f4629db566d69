"""Proofs as documents: saved to JSON, loaded, and checked again without a solver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofolio.errors import BadData
from proofolio.verification.proofs.checker import NUMBERS, Recheck, digest, recheck
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import Statement, Undecidable

__all__ = ["Certificates"]


@dataclass(frozen=True, eq=False)
class Certificates:
    """Everything a reader needs to believe a verdict: the statement in rationals, and the proof or the point.

    Numbers of the model are read as the decimals they are written as: ``Fraction(repr(x))``.
    """

    document: Mapping[str, Any]

    @staticmethod
    def of(statement: Statement, content: Mapping[str, Any]) -> Certificates:
        """Return the certificates of a statement, sealed with a digest."""
        document = {"numbers": NUMBERS, "statement": statement.document(), **content}
        return Certificates({**document, "digest": digest(document)})

    def check(self, claim: Claim | None = None) -> Recheck:
        """Check everything in exact arithmetic; with a claim, that it is this claim they are about."""
        if claim is None:
            return recheck(self.document)
        try:
            statement = state(claim).statement
        except Undecidable as missing:
            return Recheck(False, f"the claim has no statement to compare with: {missing}")
        return recheck(self.document, statement)

    def save(self, path: str | Path) -> None:
        """Write the document as JSON."""
        Path(path).write_text(json.dumps(self.document, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: str | Path) -> Certificates:
        """Read a document that `save` wrote.

        Raises
        ------
        BadData
            When the file is no JSON object.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadData(f"{path} cannot be read as a certificate: {error}") from None
        if not isinstance(document, dict):
            raise BadData(f"{path} is not a certificate: it must hold one JSON object")
        return Certificates(document)
