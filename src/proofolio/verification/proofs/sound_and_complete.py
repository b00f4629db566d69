"""Soundness and completeness: the two halves of a proof that rows say what their meaning says.

*Sound*: every point of the rows lies in some piece of the meaning, by a search for a point outside all of them. It
maximises the common violation t of `proofolio.verification.proofs.questions.Question`, branching on the values of
integer columns and then on which facet of a piece is the first to be broken (the piece that holds a point in the
middle of the current rows: it closes fastest), and prunes where the program is empty or its dual bound is at most
delta. An empty tree of open nodes is the proof; a node with a facet for every piece and t beyond delta is a point
outside all of them.

*Complete*: every point of the meaning has integers and auxiliary values that satisfy the rows. The points of one piece
(one for each entry of a part) are cut into cells, and each cell is settled whole:

- the integer inputs are enumerated; a cell without points is proved empty;
- integers that work in the middle of the cell are tried on all of it: with an affine lift of the continuous
  auxiliary columns (the author's, then what equations force, then one found by a linear program) every row
  is a linear program over the cell; without a lift, every vertex and ray of the cell gets auxiliary values
  of its own, which suffices because with the integers fixed the rows are convex;
- where a row fails at a point, all integers are tried there: those that complete it, or a Farkas vector for every
  case. If none works the claim is refuted; otherwise the cell is split along the failing row and both halves are
  settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import islice
from math import inf
from typing import Any

import numpy as np

from proofolio.verification.exact.certificate import Row, System, Undecidable, bound, written
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.proofs.completions import (
    Blocked,
    completed_generators,
    forced_lift,
    searched_lifts,
    substituted_lift,
)
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import (
    Lift,
    Question,
    lifted_facets,
    outside_bounds,
    sound_question,
    total_question,
)
from proofolio.verification.proofs.reading import AuthorLift
from proofolio.verification.proofs.small_lp import Answer, SmallLP
from proofolio.verification.proofs.statement import DELTA, Statement, facets, freed_rows, lent_in_cell

__all__ = ["Incomplete", "Integers", "Outside", "prove_complete", "prove_covered", "prove_sound"]


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
            y = self.lp.certify(self.goal, system, answer, Fraction(0), partial(self.question.lent, system))
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
            return self._settle(system, answer, chosen)
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

    def _settle(self, system: System, answer: Answer, chosen: Mapping[int, int]) -> dict[str, Any]:
        """Settle a node where every piece has its facet chosen: `Outside` with its point, or its leaf after all."""
        picked = [self.question.pieces[p][k] for p, k in chosen.items()]
        explained = max((f.room / f.scale for f in picked), default=Fraction(0))
        point = None
        if answer.status == "optimal" and answer.value > TRIED:
            point = self.lp.exact_point(system, answer, self.goal, explained)
        if point is None:  # HiGHS is wrong, or rounding may explain so little
            best = exact_maximum(system, self.goal, self.lp.deadline)
            if best.status == "empty":
                return {"empty": written(best.multipliers)}
            if best.value is not None and best.value <= self.question.lent(system, best.multipliers):
                return self._leaf(system, best.multipliers)
            if best.value is not None and best.value > explained:
                point = {j: best.point.get(j, Fraction(0)) for j in range(len(system.lower))}
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
        self.relaxed = SmallLP(part.excused, deadline)

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
        beyond = next((j for j in self.part.points if outside_bounds(self.part, j, here[j])), None)
        if beyond is not None:
            return {"beyond": beyond}
        clash = next((j for j in values if j in here and abs(values[j] - here[j]) > DELTA), None)
        if clash is not None:
            return {"clash": clash}
        system = self.relaxed.question(freed_rows(self.part.rows, pinned), pinned)
        answer = self.relaxed.maximise({}, system)
        column = next((j for j in self.part.chosen if j not in values), None)
        # what HiGHS calls a point may miss rows by its tolerance
        if column is None and answer.status == "optimal" and self.relaxed.has_point(system, answer):
            return None
        if answer.status == "empty" or column is None:
            y = self.relaxed.certify_empty(system, answer)
            if y is not None:
                return {"empty": written(y)}
        if column is None:
            return None
        cases = []
        for v in self.part.values(column):
            tree = self._empty_tree(here, {**values, column: Fraction(v)})
            if tree is None:
                return None
            cases.append(tree)
        return {"column": column, "cases": cases}


TRIALS = 6  # assignments of integers tried on a cell before it is split
MOST_CELLS = 2000  # of one piece, after which completeness stays undecided


class _Split(Exception):
    """Integers fail on a cell: beyond a hyperplane, at a point."""

    def __init__(self, terms: Row, limit: Fraction, point: Point) -> None:
        super().__init__("these integers do not serve the whole cell")
        self.terms, self.limit, self.point = terms, limit, point


def prove_complete(
    part: Statement, combination: Sequence[int], lift: AuthorLift | None = None, deadline: float = inf
) -> tuple[dict[str, Any], Fraction]:
    """Return the tree that proves one combination of pieces complete, and the delta it needed.

    Parameters
    ----------
    part : Statement
    combination : sequence of int
        The piece of each entry of the part.
    lift : mapping, optional
        The author's, for these pieces.

    Raises
    ------
    Incomplete
        With an exact point for which no integers leave room for the rest, even with every row moved by delta.
    Undecidable
        When neither was shown.
    """
    search = _Cover(part, combination, lift, deadline)
    return search.cell(search.lines, {}), search.delta


class _Cover:
    def __init__(
        self, part: Statement, combination: Sequence[int], lift: AuthorLift | None, deadline: float
    ) -> None:
        self.part, self.deadline = part, deadline
        pieces = zip(part.entries, combination, strict=True)
        self.lines = tuple(line for entry, k in pieces for line in entry[k])
        self.integers = Integers(part, deadline)
        self.author = _author(part, lift)
        self.delta = Fraction(0)
        self.cells = 0

    # ------------------------------------------------------------------ cells
    def cell(self, lines: tuple[Line, ...], fixed: Point) -> dict[str, Any]:
        """Return the tree of one cell."""
        self.cells += 1
        if self.cells > MOST_CELLS:
            raise Undecidable(f"more than {MOST_CELLS} cells were needed to cover a piece")
        return self._given(SmallLP(self.part.cell(lines), self.deadline), lines, fixed)

    def _given(self, lp: SmallLP, lines: tuple[Line, ...], fixed: Point) -> dict[str, Any]:
        """Enumerate the integer inputs that are not fixed yet, then settle the cell."""
        system = lp.question(fixed=fixed)
        answer = lp.maximise({}, system)
        if answer.status == "empty":
            y = lp.certify_empty(system, answer)
            if y is not None:
                return {"empty": written(y)}
        column = next((j for j in self.part.given if j not in fixed), None)
        if column is not None:
            values = self.part.values(column)
            return {
                "column": column,
                "cases": [self._given(lp, lines, {**fixed, column: Fraction(v)}) for v in values],
            }
        return self._settle(lp, system, lines, fixed)

    def _settle(self, lp: SmallLP, system: System, lines: tuple[Line, ...], fixed: Point) -> dict[str, Any]:
        failure: _Split | None = None
        for values in self._trials(lp, system, lines, fixed):
            try:
                return self._leaf(lp, system, lines, {**fixed, **values})
            except _Split as split:
                self.integers.refute(split.point, fixed)
                failure = failure or split
        if failure is None:
            raise Undecidable("no integers were found that serve the middle of a cell")
        inside = Line(failure.terms, None, failure.limit)
        beyond = Line(failure.terms, failure.limit, None)
        if inside in lines or beyond in lines:  # rounding finds the row broken where it was cut already
            raise Undecidable("a row of the completeness proof fails by less than a solver can tell")
        return {
            "cut": {str(j): str(a) for j, a in failure.terms.items()},
            "limit": str(failure.limit),
            "inside": self.cell((*lines, inside), fixed),
            "beyond": self.cell((*lines, beyond), fixed),
        }

    # --------------------------------------------------------------- integers
    def _trials(self, lp: SmallLP, system: System, lines: tuple[Line, ...], fixed: Point) -> Iterator[Point]:
        """Yield integers that work in the middle of the cell; refute there when none do."""
        if self.author is not None:
            chosen = self.part.chosen
            own = {j: self.author[j][1] for j in chosen if j in self.author and not self.author[j][0]}
            if len(own) == len(chosen):
                yield own
        if not self.part.chosen:
            yield {}
            return
        middle = self._middle(lp, system, lines, exactly=False)
        some = False
        for values in islice(self.integers.working(middle, fixed), TRIALS):
            some = True
            yield values
        if not some:
            self.integers.refute(self._middle(lp, system, lines, exactly=True), fixed)

    def _middle(self, lp: SmallLP, system: System, lines: tuple[Line, ...], exactly: bool) -> Point:
        """Return a point inside the cell: the mean of points far from each facet in turn."""
        sizes = [self.part.scale(line.terms) for line in lines]
        if self.part.curved_sizes is not None:
            sizes = [self.part.extent(line.terms) for line in lines]
        sizes += [abs(end) for line in lines for end in (line.low, line.high) if end is not None]
        far = 10 * max(sizes, default=Fraction(1))
        boxed = SmallLP(_boxed(self.part, lp.system, far), self.deadline)
        question = boxed.question(fixed=system.fixed)
        box = [Line({j: Fraction(1)}, lp.system.lower[j], lp.system.upper[j]) for j in self.part.points]
        found: list[Point] = []
        for facet in facets(self.part, [*lines, *box]):
            answer = boxed.maximise({j: -a for j, a in facet.terms.items()}, question)
            if answer.status == "optimal":
                near = {j: Fraction(x) for j, x in enumerate(answer.point)}
                point = boxed.exact_point(question, answer) if exactly else near
                found += [] if point is None else [point]
        if not found:
            answer = lp.maximise({}, system)
            point = lp.exact_point(system, answer) if answer.status == "optimal" else None
            if point is None:
                raise Undecidable("no exact point of a cell was found, and the cell was not proved empty")
            return point
        return {j: sum((p[j] for p in found), Fraction(0)) / len(found) for j in found[0]}

    # ------------------------------------------------------------------ leaves
    def _leaf(self, lp: SmallLP, system: System, lines: tuple[Line, ...], fixed: Point) -> dict[str, Any]:
        """Return the proof that some integers serve the whole cell, or raise `_Split`."""
        chosen = {str(j): int(fixed[j]) for j in self.part.chosen}
        if self.author is not None:
            own = {j: v for j, v in self.author.items() if not self.part.integer[j]}
            found = self._by_lift(lp, system, lines, fixed, own)
            if isinstance(found, dict):
                return {"values": chosen, **found}
        forced, free = forced_lift(self.part, fixed)
        if not free:
            found = self._by_lift(lp, system, lines, fixed, forced)
            if isinstance(found, _Split):
                raise found
            return {"values": chosen, **found}
        given = {j: fixed[j] for j in self.part.given}
        for lift in searched_lifts(self.part, lines, {**fixed}, forced, free, self.deadline):
            whole = {j: substituted_lift(value, lift) for j, value in forced.items()} | lift
            found = self._by_lift(lp, system, lines, fixed, whole)
            if isinstance(found, dict):
                return {"values": chosen, **found}
        try:
            pairs, delta = completed_generators(self.part, lines, given, fixed, self.deadline)
        except Blocked as blocked:
            raise _Split(blocked.terms, blocked.limit, blocked.point) from None
        self.delta = max(self.delta, delta)
        return {"values": chosen, **pairs}

    def _by_lift(
        self, lp: SmallLP, system: System, lines: tuple[Line, ...], fixed: Point, lift: Lift
    ) -> dict[str, Any] | _Split:
        """Return multipliers for every row of the cell under a lift, or the row that fails and where."""
        proofs: dict[str, dict[str, str]] = {}
        reached = self.delta
        rooms = self.part.cell_rooms(lines)

        for k, facet in enumerate(lifted_facets(self.part, fixed, lift)):
            room = facet.limit + facet.room
            proved = bound(system, facet.terms, {})
            if proved is None or proved > facet.limit:
                answer = lp.maximise(facet.terms, system)
                y = None
                if answer.status == "optimal" and answer.value <= float(room) + 1e-9 * float(facet.scale):
                    y = lp.certify(
                        facet.terms, system, answer, room, partial(lent_in_cell, rooms, system, facet.terms)
                    )
                if y is None:
                    return _Split(
                        facet.terms, facet.limit, self._beyond(lp, system, answer, facet.terms, room)
                    )
                proofs[str(k)] = written(y)
                proved = bound(system, facet.terms, y)
            assert proved is not None
            reached = max(reached, (proved - facet.limit) / facet.scale)
        self.delta = reached
        written_lift = {
            str(j): {"terms": {str(i): str(a) for i, a in terms.items()}, "constant": str(constant)}
            for j, (terms, constant) in lift.items()
        }
        return {"lift": written_lift, "multipliers": proofs}

    def _beyond(self, lp: SmallLP, system: System, answer: Answer, terms: Row, room: Fraction) -> Point:
        """Return an exact point of the cell where a row fails by more than delta."""
        if answer.status == "optimal":
            point = lp.exact_point(system, answer, terms, room)
            if point is not None:
                return point
        if answer.status == "unbounded":
            far = 10 * abs(room) + 1000
            for _ in range(3):
                boxed = SmallLP(_boxed(self.part, lp.system, far), self.deadline)
                question = boxed.question(fixed=system.fixed)
                found = boxed.maximise(terms, question)
                point = boxed.exact_point(question, found, terms, room) if found.status == "optimal" else None
                if point is not None:
                    return point
                far *= 1000
        raise Undecidable("a row of the completeness proof could be settled neither way exactly")


def _boxed(part: Statement, cell: System, far: Fraction) -> System:
    """Return a cell with outputs held within +- far."""
    free = [kind == "output" for kind in part.kinds]
    return replace(
        cell,
        lower=tuple(-far if f else end for f, end in zip(free, cell.lower, strict=True)),
        upper=tuple(far if f else end for f, end in zip(free, cell.upper, strict=True)),
    )


def _author(part: Statement, lift: Mapping[str, Any] | None) -> dict[int, tuple[Row, Fraction]] | None:
    """Return the author's lift in the part's columns, None unless it names every auxiliary column."""
    if not lift:
        return None
    place = {name: j for j, name in enumerate(part.names)}
    found: dict[int, tuple[Row, Fraction]] = {}
    for j, name in enumerate(part.names):
        if part.kinds[j] == "auxiliary":
            if name not in lift:
                return None
            terms, constant = lift[name]
            if any(other not in place for other in terms):
                return None
            found[j] = ({place[other]: a for other, a in terms.items()}, constant)
    return found
