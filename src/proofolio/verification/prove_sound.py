r"""Soundness: every point of the rows lies in some piece, by a search for a point outside all of them.

A point is outside a piece when it breaks one of its facets. With t the common violation and one facet picked for
each piece,

.. math:: \max t \quad\text{s.t. rows},\quad a_p'x - s_p t \ge b_p \ \ (p = 1, \dots, P),\quad -1 \le t \le 1

is at most delta for every choice exactly when the rows lie in the union of the pieces, each widened by delta. The
search branches on the values of integer columns, then on the facets of a piece that holds the current point, and
prunes where the program is empty or its dual bound is at most delta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np

from proofolio.verification.certificate import Row, System
from proofolio.verification.small_lp import Answer, SmallLP
from proofolio.verification.statement import DELTA, Facet, Line, Statement, Undecidable, facets, freed_rows

__all__ = ["Outside", "OutsideSearch", "outside_system", "search_outside"]

SAMPLES = 6
TRIED = 0.9 * float(DELTA)


class Outside(Exception):
    """A point outside every piece was found."""

    def __init__(self, point: dict[int, Fraction]) -> None:
        super().__init__("a point outside every piece")
        self.point = point


def outside_system(base: System, pieces: Sequence[Sequence[Facet]]) -> System:
    """Return the rows with one more column, t, and below them every facet of every piece, violated by t."""
    t = len(base.lower)
    broken = [facet for piece in pieces for facet in piece]
    return System(
        (*base.rows, *({**f.terms, t: -f.scale} for f in broken)),
        (*base.low, *(f.limit for f in broken)),
        (*base.high, *(None for _ in broken)),
        (*base.lower, Fraction(-1)),
        (*base.upper, Fraction(1)),
    )


def search_outside(
    statement: Statement, base: System, rows: Sequence[Line], pieces: Sequence[Sequence[Facet]], deadline: float = inf
) -> tuple[dict[str, Any], Fraction]:
    """Return the tree that proves that the rows lie in the union of the pieces, and the delta it needed.

    Parameters
    ----------
    statement : Statement
        Says which columns are integer; all of them are enumerated.
    base : System
        The rows; `rows` says when each holds.
    pieces : sequence of facets of each piece

    Raises
    ------
    Outside
        With a point of the rows that breaks a facet of every piece by more than delta.
    Undecidable
        When a program could not be settled exactly, or time ran out.
    """
    search = OutsideSearch(statement, base, rows, pieces, deadline)
    return search.node({}, {}), search.delta


class OutsideSearch:
    """The search, holding one linear program for all its nodes."""

    def __init__(
        self,
        statement: Statement,
        base: System,
        rows: Sequence[Line],
        pieces: Sequence[Sequence[Facet]],
        deadline: float,
    ) -> None:
        self.statement, self.rows, self.pieces = statement, rows, pieces
        self.columns = [j for j in range(len(statement.names)) if statement.integer[j]]
        self.lp = SmallLP(outside_system(base, pieces), deadline)
        self.t = len(base.lower)
        self.goal: Row = {self.t: Fraction(1)}
        starts = [len(base.rows)]
        for piece in pieces:
            starts.append(starts[-1] + len(piece))
        self.starts = starts
        self.delta = Fraction(0)
        self.seen = sorted({j for piece in pieces for f in piece for j in f.terms})
        self.random = np.random.default_rng(0)

    def node(self, fixed: Mapping[int, Fraction], chosen: Mapping[int, int]) -> dict[str, Any]:
        """Return the tree below one node: fixed integer columns, and the facet chosen for some pieces."""
        system = self.lp.question(self._freed(fixed, chosen), fixed)
        answer = self.lp.maximise(self.goal, system)
        if answer.status == "empty":
            y = self.lp.certify_empty(system, answer)
            if y is not None:
                return {"empty": written(y)}
        elif answer.status == "optimal" and answer.value <= TRIED:
            y = self.lp.certify(self.goal, system, answer, DELTA)
            if y is not None:
                return self._leaf(system, y)
        column = next((j for j in self.columns if j not in fixed), None)
        if column is not None:
            values = self.statement.values(column)
            return {
                "column": column,
                "cases": [self.node({**fixed, column: Fraction(v)}, chosen) for v in values],
            }
        rest = [p for p in range(len(self.pieces)) if p not in chosen]
        if not rest:
            self._settle(system, answer)
        inside = self._middle(system, answer.point)
        piece = min(rest, key=lambda p: self._breach(p, inside))
        return {
            "piece": piece,
            "facets": [self.node(fixed, {**chosen, piece: k}) for k in range(len(self.pieces[piece]))],
        }

    def _freed(self, fixed: Mapping[int, Fraction], chosen: Mapping[int, int]) -> frozenset[tuple[int, str]]:
        return freed_rows(self.rows, fixed) | unchosen(self.pieces, self.starts, chosen)

    def _leaf(self, system: System, y: dict[int, Fraction]) -> dict[str, Any]:
        from proofolio.verification.certificate import bound

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
                for f in self.pieces[piece]
            ),
            default=-inf,
        )

    def _settle(self, system: System, answer: Answer) -> None:
        """Raise `Outside` with the point of a node where every piece has its facet chosen."""
        if answer.status == "optimal":

            def far(point: dict[int, Fraction]) -> bool:
                return point.get(self.t, Fraction(0)) > DELTA

            point = self.lp.exact_point(self._settled(system), answer, far)
            if point is not None:
                raise Outside({j: v for j, v in point.items() if j != self.t})
        raise Undecidable("a linear program of the soundness search could be settled neither way exactly")

    def _settled(self, system: System) -> System:
        return replace(system)


def unchosen(
    pieces: Sequence[Sequence[Facet]], starts: Sequence[int], chosen: Mapping[int, int]
) -> frozenset[tuple[int, str]]:
    """Return the facet rows that are not asked for."""
    return frozenset(
        (starts[p] + k, "lower") for p, piece in enumerate(pieces) for k in range(len(piece)) if chosen.get(p) != k
    )


def written(y: Mapping[int, Fraction]) -> dict[str, str]:
    """Return multipliers as JSON can hold them."""
    return {str(i): str(v) for i, v in y.items() if v}


def prove_sound(part: Statement, entry: int, deadline: float = inf) -> tuple[dict[str, Any], Fraction]:
    """Prove that the rows of a part put one entry into one of its pieces; see `search_outside`."""
    pieces = [facets(part, piece) for piece in part.entries[entry]]
    return search_outside(part, part.program, part.rows, pieces, deadline)
