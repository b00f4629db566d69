"""A verdict on a claim: the point that refutes it, the certificates that a reader needs, a formulation's strength.

Nothing here asks a solver: certificates are checked without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofolio.brief import facts
from proofolio.errors import BadData
from proofolio.verification.exact.certificate import NUMBERS, Undecidable, digest
from proofolio.verification.proofs.checker import Recheck, recheck
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import Statement
from proofolio.whole_files import write_whole

__all__ = ["ALLOWED", "MEANT", "Certificates", "Proof", "Strength", "Witness"]


MEANT = "the rows cut off a point that the meaning allows"
ALLOWED = "the rows allow a point that lies in no piece of the meaning"


LONGEST = 280  # characters of a repr


@dataclass(frozen=True)
class Witness:
    """A rational point that refutes a claim.

    Attributes
    ----------
    direction : str
        ``"sound"``: the rows allow it and the meaning does not; ``"complete"``: the other way around.
    values : dict
        Inputs and outputs by name.
    auxiliary : dict
        The function's other variables by name, when the rows allow the point.
    """

    direction: str
    values: dict[str, Fraction]
    auxiliary: dict[str, Fraction]

    def __str__(self) -> str:
        sentence = ALLOWED if self.direction == "sound" else MEANT
        return f"{sentence}: " + ", ".join(f"{name} = {value}" for name, value in self.values.items())


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
        write_whole(Path(path), json.dumps(self.document, indent=1) + "\n")

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


@dataclass(frozen=True, eq=False)
class Proof:
    """The verdict on a claim.

    Attributes
    ----------
    name, lowering : str
    verdict : {"proved", "refuted", "undecided"}
    delta : Fraction or None
        For ``proved``: the largest part of a row's size by which any bound was missed (0: exactly true).
    reason : str
        One sentence: what fails, or what was missing; empty when proved.
    witness : Witness or None
    total : bool or None
        Whether every input of the box has an output; None where that was not decided.
    certificates : Certificates or None
        None when undecided.
    seconds : float
    """

    name: str
    lowering: str
    verdict: str
    delta: Fraction | None = None
    reason: str = ""
    witness: Witness | None = None
    total: bool | None = None
    certificates: Certificates | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        said = f"Proof({self.name!r}, {self.lowering!r}, {self.verdict}{why}, {self.seconds:.2f} s)"
        return said if len(said) <= LONGEST else f"{said[: LONGEST - 5]}, ...)"

    def _repr_html_(self) -> str:
        """Return the verdict and the point that refutes the claim, for a notebook."""
        said: dict[str, object] = {"claim": self.name, "lowering": self.lowering, "verdict": self.verdict}
        if self.delta is not None:
            said["delta"] = f"{float(self.delta):.3g}"
        if self.reason:
            said["reason"] = self.reason
        if self.witness is not None:
            said |= {name: f"{float(value):.6g}" for name, value in self.witness.values.items()}
        return facts(said)


@dataclass(frozen=True)
class Strength:
    """Whether a formulation is sharp and ideal; None where no witness was found and no proof either.

    Attributes
    ----------
    sharp, ideal : bool or None
    direction : dict
        When not sharp: coefficients, by name, of an objective that the relaxation carries beyond the meaning.
    vertex : dict
        When not ideal: a vertex of the relaxation with a fractional binary, by name.
    tried : int
        Random directions tried in parts too large for their vertices.
    reason : str
    seconds : float
    """

    sharp: bool | None
    ideal: bool | None
    direction: dict[str, Fraction]
    vertex: dict[str, Fraction]
    tried: int
    reason: str
    seconds: float
