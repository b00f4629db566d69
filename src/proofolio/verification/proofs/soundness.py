"""Soundness: every point of the rows lies in some piece, by a search for a point outside all of them.

The search maximises the common violation t of `proofolio.verification.proofs.questions.Question`. It branches on the
values of integer columns, then on which facet of a piece is the first to be broken (the piece that holds a
point in the middle of the current rows: it closes fastest), and prunes where the program is empty or its
dual bound is at most delta. An empty tree of open nodes is the proof; a node with a facet for every piece
and t beyond delta is a point outside all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np

from proofolio.verification.exact.certificate import Row, System, Undecidable, bound, written
from proofolio.verification.proofs.questions import Question, sound_question, total_question
from proofolio.verification.proofs.small_lp import Answer, SmallLP
from proofolio.verification.proofs.statement import DELTA, Statement

__all__ = ["Outside", "prove_covered", "prove_sound"]


SAMPLES = 6  # random vertices, whose mean lies inside the rows of a node
TRIED = 0.9 * float(DELTA)  # a floating bound up to which making it exact is worth a try


class Outside(Exception):
    """A point outside every piece was found."""

    def __init__(self, point: dict[int, Fraction]) -> None:
        super().__init__("a point outside every piece")
        self.point = point


class _Search:
    """The search, holding one linear program for all its nodes."""

    def __init__(self, part: Statement, question: Question, deadline: float) -> None:
        self.part, self.question = part, question
        self.lp = SmallLP(question.system, deadline)
        self.goal: Row = {question.t: Fraction(1)}
        self.delta = Fraction(0)
        self.seen = sorted({j for piece in question.pieces for f in piece for j in f.terms})
        self.random = np.random.default_rng(0)

    def node(self, fixed: Mapping[int, Fraction], chosen: Mapping[int, int]) -> dict[str, Any]:
        """Return the tree below one node: fixed integer columns, and the facet chosen for some pieces."""
        system = self.lp.question(self.question.freed(fixed, chosen), fixed)
        answer = self.lp.maximise(self.goal, system)
        if answer.status == "empty":
            y = self.lp.certify_empty(system, answer)
            if y is not None:
                return {"empty": written(y)}
        elif answer.status == "optimal" and answer.value <= TRIED:
            y = self.lp.certify(self.goal, system, answer, DELTA)
            if y is not None:
                return self._leaf(system, y)
        column = next((j for j in self.question.columns if j not in fixed), None)
        if column is not None:
            values = self.part.values(column)
            return {
                "column": column,
                "cases": [self.node({**fixed, column: Fraction(v)}, chosen) for v in values],
            }
        rest = [p for p in range(len(self.question.pieces)) if p not in chosen]
        if not rest:
            self._settle(system, answer)
        inside = self._middle(system, answer.point)
        piece = min(rest, key=lambda p: self._breach(p, inside))
        return {
            "piece": piece,
            "facets": [
                self.node(fixed, {**chosen, piece: k}) for k in range(len(self.question.pieces[piece]))
            ],
        }

    def _leaf(self, system: System, y: dict[int, Fraction]) -> dict[str, Any]:
        proved = bound(system, self.goal, y)
        assert proved is not None
        self.delta = max(self.delta, proved)
        return {"bound": str(proved), "multipliers": written(y)}

    def _middle(self, system: System, point: list[float]) -> list[float]:
        """Return a point inside the node's rows: a vertex often lies in several pieces, and tells nothing."""
        found = [point] if point else []
        for _ in range(SAMPLES):
            direction = {j: Fraction(int(d), 8) for j in self.seen if (d := self.random.integers(-8, 9))}
            answer = self.lp.maximise(direction, system)
            if answer.status == "optimal":
                found.append(answer.point)
        return np.mean(found, axis=0).tolist() if found else []

    def _breach(self, piece: int, point: list[float]) -> float:
        """Return how far a point is outside a piece: at most zero inside."""
        if not point:
            return 0.0
        return max(
            (
                sum(float(a) * point[j] for j, a in f.terms.items()) - float(f.limit)
                for f in self.question.pieces[piece]
            ),
            default=-inf,
        )

    def _settle(self, system: System, answer: Answer) -> None:
        """Raise `Outside` with the point of a node where every piece has its facet chosen."""
        if answer.status == "optimal":
            point = self.lp.exact_point(system, answer, self.goal, DELTA)
            if point is not None:
                raise Outside({j: v for j, v in point.items() if j != self.question.t})
        raise Undecidable("a linear program of the soundness search could be settled neither way exactly")


def prove_sound(part: Statement, entry: int, deadline: float = inf) -> tuple[dict[str, Any], Fraction]:
    """Return the tree that proves that the rows of a part put an entry into a piece, and the delta it needed.

    Raises
    ------
    Outside
        With an exact point of the rows that breaks a facet of every piece by more than delta.
    Undecidable
        When a linear program could not be settled exactly, or time ran out.
    """
    search = _Search(part, sound_question(part, entry), deadline)
    return search.node({}, {}), search.delta


def prove_covered(part: Statement, entry: int, deadline: float = inf) -> tuple[dict[str, Any], Fraction]:
    """Return the tree that proves that every input has outputs in a piece; raises as `prove_sound`."""
    search = _Search(part, total_question(part, entry), deadline)
    return search.node({}, {}), search.delta
