"""Which integers complete a point of the meaning: those that do, or a Farkas vector for every case."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import inf
from typing import Any

from proofolio.verification.small_lp import SmallLP
from proofolio.verification.statement import DELTA, Statement, freed_rows, written

__all__ = ["Incomplete", "Integers"]

Point = dict[int, Fraction]


class Incomplete(Exception):
    """A point of the meaning without a completion was found; a tree of Farkas vectors shows it."""

    def __init__(self, point: Point, tree: dict[str, Any]) -> None:
        super().__init__("a point of the meaning without a completion")
        self.point, self.tree = point, tree


class Integers:
    """The integers a part's points may choose, tried on the rows moved outward by delta."""

    def __init__(self, part: Statement, deadline: float = inf) -> None:
        self.part = part
        self.relaxed = SmallLP(part.relaxed, deadline)

    def working(self, point: Point, fixed: Point) -> Iterator[Point]:
        """Yield the integers that complete a point, rows moved by delta: nearest values first."""
        here = {j: point[j] for j in self.part.points if j not in self.part.chosen} | fixed

        def below(values: Point) -> Iterator[Point]:
            held = {**here, **values}
            system = self.relaxed.question(freed_rows(self.part.rows, held), held)
            answer = self.relaxed.maximise({}, system)
            if answer.status != "optimal":
                return
            column = next((j for j in self.part.chosen if j not in values), None)
            if column is None:
                yield values
                return
            for v in sorted(self.part.values(column), key=lambda v: abs(v - answer.point[column])):
                if column in self.part.points and abs(v - point[column]) > DELTA:
                    continue
                yield from below({**values, column: Fraction(v)})

        yield from below({})

    def refute(self, point: Point, fixed: Point) -> None:
        """Raise `Incomplete` when no integers complete a point, each case with its Farkas vector."""
        here = {j: point[j] for j in self.part.points} | fixed
        tree = self._empty_tree(here, {})
        if tree is not None:
            raise Incomplete(here, tree)

    def _empty_tree(self, here: Point, values: Point) -> dict[str, Any] | None:
        pinned = {**here, **values}
        clash = next((j for j in values if j in here and abs(values[j] - here[j]) > DELTA), None)
        if clash is not None:
            return {"clash": clash}
        system = self.relaxed.question(freed_rows(self.part.rows, pinned), pinned)
        answer = self.relaxed.maximise({}, system)
        if answer.status == "empty":
            y = self.relaxed.certify_empty(system, answer)
            if y is not None:
                return {"empty": written(y)}
        column = next((j for j in self.part.chosen if j not in values), None)
        if column is None:
            return None
        cases = []
        for v in self.part.values(column):
            tree = self._empty_tree(here, {**values, column: Fraction(v)})
            if tree is None:
                return None
            cases.append(tree)
        return {"column": column, "cases": cases}
