r"""Prove a claim, refute it with a point, or say what was missing.

A claim is **sound** when every point of the rows lies in some piece of its meaning, and **complete** when
every point of the meaning has integers and auxiliary values that satisfy the rows. Both are decided in
rational arithmetic on the numbers as written, up to what the rounding of the numbers in the rows that a
certificate uses explains; see `prove_sound` and `prove_complete` for how.
"""

from __future__ import annotations

import time
from fractions import Fraction
from math import log2, prod
from typing import Any

from proofolio.errors import BadData
from proofolio.processes import one_blas_thread
from proofolio.verification.exact.certificate import Undecidable, written
from proofolio.verification.exact.in_time import stopped_when
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.points import held_at, meaning_point, program_point, true_points
from proofolio.verification.proofs.proof import ALLOWED, MEANT, Certificates, Proof, Witness
from proofolio.verification.proofs.questions import combinations, disjoint_outputs
from proofolio.verification.proofs.reading import Stated, positive_seconds, state
from proofolio.verification.proofs.sound_and_complete import (
    Incomplete,
    Outside,
    prove_complete,
    prove_covered,
    prove_sound,
)
from proofolio.verification.proofs.statement import Statement, parts

__all__ = ["prove"]


FREE = (
    "with its quadratic parts anywhere within their bounds the claim does not hold, and no point was found where "
    "it fails: the lemma about their differences must be proved apart"
)


@one_blas_thread()
def prove(claim: Claim, *, max_binaries: int = 12, time_limit: float = 60.0) -> Proof:
    """Decide whether the rows a function writes say what they are meant to say.

    Parameters
    ----------
    claim : Claim
    max_binaries : int
        Integers that share rows or pieces are enumerated up to ``2 ** max_binaries`` assignments.
    time_limit : float
        Seconds, more than zero (``inf``: no limit); past them the verdict is ``undecided``.

    Returns
    -------
    Proof
        ``proved`` and ``refuted`` carry certificates, already checked without a solver.

    Raises
    ------
    ProofolioError
        What the function itself raises, and `BadData` for what is no `Claim`, a meaning that does not fit the
        outputs or a time limit that is no positive number.
    """
    start = time.perf_counter()
    if not isinstance(claim, Claim):
        raise BadData(
            f"prove takes a Claim, not a {type(claim).__name__}; one that ships is shipped_claims('maximum')[0]"
        )
    time_limit = positive_seconds(time_limit)
    try:
        with stopped_when(lambda: time.perf_counter() > start + time_limit):
            stated = state(claim)
            outcome = _Attempt(stated, max_binaries, start + time_limit).outcome()
            if stated.statement.atoms and outcome["verdict"] == "refuted":
                outcome = _at_true_points(stated, outcome["witness"], max_binaries, start + time_limit)
    except Undecidable as missing:
        outcome = {"verdict": "undecided", "reason": str(missing)}
    return Proof(claim.title, claim.lowering, **outcome, seconds=time.perf_counter() - start)


def _at_true_points(stated: Stated, near: Witness, max_binaries: int, deadline: float) -> dict[str, Any]:
    """Look for a refutation where quadratic parts are what they stand for; the first one may not be there."""
    for point in true_points(stated.statement, near.values):
        held = Stated(held_at(stated.statement, point), stated.lifts)
        outcome = _Attempt(held, max_binaries, deadline, stated.statement).outcome()
        if outcome["verdict"] == "refuted":
            return outcome
        if time.perf_counter() > deadline:
            break
    return {"verdict": "undecided", "reason": FREE}


class _Attempt:
    """A statement to be decided; what is found is certified as being about another, of which it is a part."""

    def __init__(
        self, stated: Stated, max_binaries: int, deadline: float, about: Statement | None = None
    ) -> None:
        self.statement, self.lifts = stated
        self.about = self.statement if about is None else about
        self.parts = parts(self.statement)
        self.max_binaries, self.deadline = max_binaries, deadline
        self.missing: list[str] = []
        self.delta = Fraction(0)

    def outcome(self) -> dict[str, Any]:
        """Return the fields of the proof."""
        proofs = []
        for index, part in enumerate(self.parts):
            proof: dict[str, Any] = {"sound": [], "complete": []}
            proofs.append(proof)
            try:
                self._countable(part)
                ways = combinations(part)
            except Undecidable as missing:
                self.missing.append(str(missing))
                continue
            for question in [*range(len(part.entries)), *ways]:
                try:
                    self._ask(part, question, proof)
                except (Outside, Incomplete) as found:
                    refuted = self._refuted(index, question, found)
                    if refuted is not None:
                        return refuted
                except Undecidable as missing:
                    self.missing.append(str(missing))
        if self.missing:
            return {"verdict": "undecided", "reason": self.missing[0]}
        return self._proved(proofs)

    def _countable(self, part: Statement) -> None:
        columns = [*part.given, *part.chosen]
        assignments = prod(len(part.values(j)) for j in columns)
        if assignments > 2**self.max_binaries:
            raise Undecidable(
                f"{len(columns)} integers that share rows have 2^{log2(assignments):.3g} assignments, more "
                f"than 2^{self.max_binaries}: prove smaller sizes, or raise max_binaries"
            )

    def _ask(self, part: Statement, question: int | tuple[int, ...], proof: dict[str, Any]) -> None:
        if isinstance(question, int):
            tree, delta = prove_sound(part, question, self.deadline)
            proof["sound"].append(tree)
        else:
            same = len(set(question)) == 1 and bool(self.lifts)
            lift = self.lifts[question[0]] if same else None
            tree, delta = prove_complete(part, question, lift, self.deadline)
            proof["complete"].append(tree)
        self.delta = max(self.delta, delta)

    # ---------------------------------------------------------------- refuted
    def _refuted(
        self, index: int, question: int | tuple[int, ...], found: Outside | Incomplete
    ) -> dict[str, Any] | None:
        """Return the refutation with its point filled in for the other parts, None when they have none."""
        points = []
        sound = isinstance(found, Outside)
        for k, part in enumerate(self.parts):
            try:
                if k != index:
                    point = (program_point if sound else meaning_point)(part, self.deadline)
                else:
                    columns = range(len(part.names)) if sound else part.points
                    point = {j: found.point[j] for j in columns}
            except Undecidable as missing:
                self.missing.append(f"a part of the claim is refuted, but another is not settled: {missing}")
                return None
            points.append(point)
        refutation: dict[str, Any] = {
            "direction": "sound" if sound else "complete",
            "part": index,
            "points": [{str(j): str(v) for j, v in point.items()} for point in points],
        }
        if isinstance(found, Outside):
            refutation["entry"] = question
        else:
            refutation["tree"] = found.tree
        if self.about.atoms:
            inputs = [j for j, kind in enumerate(self.about.kinds) if kind == "input"]
            refutation["inputs"] = {str(j): str(self.statement.lower[j]) for j in inputs}
        certificates = Certificates.of(self.about, {"verdict": "refuted", "refutation": refutation})
        if self.about is self.statement and self.about.atoms:  # where to look, not yet a refutation
            return {"verdict": "refuted", "witness": self._witness(refutation["direction"], points)}
        checked = certificates.check()
        if not checked.ok:
            self.missing.append(f"a refutation was found and not confirmed: {checked.reason}")
            return None
        witness = self._witness(refutation["direction"], points)
        return {
            "verdict": "refuted",
            "reason": ALLOWED if sound else MEANT,
            "witness": witness,
            "certificates": certificates,
        }

    def _witness(self, direction: str, points: list[dict[int, Fraction]]) -> Witness:
        named: dict[str, Fraction] = {}
        auxiliary: dict[str, Fraction] = {}
        for part, point in zip(self.parts, points, strict=True):
            for j, value in point.items():
                target = named if j in part.points else auxiliary
                if part.kinds[j] != "selector":
                    target[part.names[j]] = value
        for j in self.statement.points:  # an input that no row speaks of: any value of its box will do
            ends = (self.statement.lower[j], self.statement.upper[j])
            named.setdefault(self.statement.names[j], next((e for e in ends if e is not None), Fraction(0)))
        atoms = {atom.column for atom in self.about.atoms} if self.about is not self.statement else set()
        order = [self.statement.names[j] for j in self.statement.points if j not in atoms]
        return Witness(direction, {name: named[name] for name in order}, auxiliary)

    # ----------------------------------------------------------------- proved
    def _proved(self, proofs: list[dict[str, Any]]) -> dict[str, Any]:
        total, gap = self._total(proofs)
        content: dict[str, Any] = {
            "verdict": "proved",
            "delta": str(self.delta),
            "total": total,
            "parts": proofs,
        }
        if gap is not None:
            content["gap"] = gap
        certificates = Certificates.of(self.statement, content)
        checked = certificates.check()
        if not checked.ok:
            return {"verdict": "undecided", "reason": f"the proof was not confirmed: {checked.reason}"}
        return {"verdict": "proved", "delta": self.delta, "total": total, "certificates": certificates}

    def _total(self, proofs: list[dict[str, Any]]) -> tuple[bool | None, dict[str, Any] | None]:
        """Return whether every input has an output, and the input that has none."""
        delta = self.delta
        found = []
        for index, part in enumerate(self.parts):
            trees = []
            for entry in range(len(part.entries)):
                try:
                    if not disjoint_outputs(part):
                        return None, None
                    tree, needed = prove_covered(part, entry, self.deadline)
                except Outside as outside:
                    if self.about.atoms:  # a point where they need not be what they stand for
                        return None, None
                    point = {
                        j: outside.point.get(j, Fraction(0)) for j in part.points if part.kinds[j] == "input"
                    }
                    return False, {"part": index, "entry": entry, "point": _all_written(point)}
                except Undecidable:
                    return None, None
                delta = max(delta, needed)
                trees.append(tree)
            found.append(trees)
        for proof, trees in zip(proofs, found, strict=True):
            proof["total"] = trees
        self.delta = delta
        return True, None


def _all_written(point: dict[int, Fraction]) -> dict[str, str]:
    return {**{str(j): "0" for j in point}, **written(point)}
