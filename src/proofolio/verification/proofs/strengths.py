"""How strong a formulation is, beside being right.

**Sharp**: its relaxation, seen in inputs and outputs, is the convex hull of its meaning: it bounds
every objective as well as any can. **Ideal**: every vertex of the relaxation has integer binaries
(Vielma 2015, Mixed integer linear programming formulation techniques, SIAM Review 57). Small parts are
decided exactly by the vertices of the relaxation; larger ones are tried in random directions.

The numbers of rows are rounded, so a vertex counts as integer where its binaries, rounded, satisfy every row within
the rounding of that row (`proofolio.verification.proofs.statement`), and the hull is that of rows moved by as much.
What is missed by more, and by no more than a solver could tell (1e-9 of a row's size), is left open; beyond that
the vertex or direction shown is exact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np

from proofolio.verification.exact.certificate import ZERO, Row, Side, System, Undecidable, evaluate
from proofolio.verification.exact.in_time import stopped_when
from proofolio.verification.exact.vertices import generators
from proofolio.verification.proofs.claim import Claim
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.proof import Strength
from proofolio.verification.proofs.questions import combinations
from proofolio.verification.proofs.reading import positive_seconds, state
from proofolio.verification.proofs.small_lp import SmallLP
from proofolio.verification.proofs.statement import DELTA, Facet, Statement, facets, freed_rows, parts

__all__ = ["strength"]


MOST_COLUMNS = 8  # of a part whose vertices are enumerated
MOST_CASES = 64  # polyhedra whose convex hull is written down
Point = dict[int, Fraction]


class _Found(NamedTuple):
    sharp: bool | None
    ideal: bool | None
    direction: Point
    vertex: Point
    tried: int


def strength(claim: Claim, *, directions: int = 200, seed: int = 0, time_limit: float = 60.0) -> Strength:
    """Decide whether a (proved) claim's formulation is sharp and ideal.

    Parameters
    ----------
    claim : Claim
    directions : int
        How many random directions to try in a part whose vertices are too many.
    seed : int
    time_limit : float
        Seconds, more than zero.
    """
    start = time.perf_counter()
    time_limit = positive_seconds(time_limit)
    found: list[tuple[Statement, _Found]] = []
    reason = ""
    try:
        with stopped_when(lambda: time.perf_counter() > start + time_limit):
            statement = state(claim).statement
            if statement.atoms:
                raise Undecidable("rows are quadratic: strength is decided for affine rows only")
            for part in parts(statement):
                search = _Strength(part, start + time_limit)
                found.append((part, search.exact() or search.random(directions, seed)))
    except Undecidable as missing:
        reason = str(missing)
    loose = next((p for p in found if p[1].sharp is False), None)
    fractional = next((p for p in found if p[1].ideal is False), None)
    tried = sum(f.tried for _, f in found)
    if not reason and tried:
        reason = f"none found in {tried} directions"
    elif not reason and any(f.ideal is None or f.sharp is None for _, f in found):
        reason = "the relaxation has a line, or misses by more than rounding explains and less than a solver can tell"
    return Strength(
        _all([f.sharp for _, f in found], bool(reason)),
        _all([f.ideal for _, f in found], bool(reason)),
        {} if loose is None else {loose[0].names[j]: v for j, v in loose[1].direction.items()},
        {} if fractional is None else {fractional[0].names[j]: v for j, v in fractional[1].vertex.items()},
        tried,
        reason,
        time.perf_counter() - start,
    )


def _all(values: list[bool | None], unfinished: bool) -> bool | None:
    if False in values:
        return False
    return None if None in values or unfinished else True


class _Strength:
    def __init__(self, part: Statement, deadline: float) -> None:
        self.part, self.deadline = part, deadline
        self.relaxation = SmallLP(part.program, deadline)
        self.question = self.relaxation.question(freed_rows(part.rows, {}))
        self.integer = [j for j in range(len(part.names)) if part.integer[j] and part.kinds[j] != "selector"]
        self.facets = facets(part, [*part.bound_lines, *(line for line in part.rows if line.when is None)])

    # ------------------------------------------------------------------ exact
    def exact(self) -> _Found | None:
        """Decide by every vertex and ray of the relaxation, None for a part that is too large."""
        part = self.part
        if len(part.names) > MOST_COLUMNS:
            return None
        columns = range(len(part.names))
        sides = [([f.terms.get(j, Fraction(0)) for j in columns], f.limit) for f in self.facets]
        try:
            points, rays = generators(sides, len(columns))
            hull, wide = _Hull(part, self.deadline), _Hull(part, self.deadline, DELTA)
        except Undecidable:
            return None
        found = [(p, self._is_fractional(dict(enumerate(p)))) for p in points]
        fractional = next((p for p, is_one in found if is_one), None)
        open_vertex = any(is_one is None for _, is_one in found)
        straight = {tuple(v) for v in rays}
        lines = any(tuple(-a for a in v) in straight for v in rays)
        ideal = None if lines else False if fractional is not None else None if open_vertex else True
        vertex = dict(enumerate(fractional)) if fractional is not None and not lines else {}
        sharp: bool | None = True
        for whole, vectors in ((Fraction(1), points), (Fraction(0), rays)):
            for vector in vectors:
                point = {j: vector[j] for j in part.points}
                if hull.separated(point, whole) is None:
                    continue
                direction = wide.separated(point, whole)
                if direction is not None:
                    return _Found(False, ideal, direction, vertex, 0)
                sharp = None
        return _Found(sharp, ideal, {}, vertex, 0)

    # ----------------------------------------------------------------- random
    def random(self, directions: int, seed: int) -> _Found:
        """Look for a witness along random directions."""
        rng = np.random.default_rng(seed)
        pieces = [
            (SmallLP(self.part.cell(lines), self.deadline), fixed) for lines, fixed in _cases(self.part)
        ]
        direction: Point = {}
        vertex: Point = {}
        for _ in range(directions):
            if direction and vertex:
                break
            if not direction:
                objective = _drawn(rng, self.part.points)
                if self._goes_beyond(objective, pieces):
                    direction = objective
            if not vertex:
                vertex = self._fractional(_drawn(rng, range(len(self.part.names))))
        sharp = False if direction else None
        ideal = False if vertex else None if self.integer else True
        return _Found(sharp, ideal, direction, vertex, directions)

    def _goes_beyond(self, objective: Row, pieces: list[tuple[SmallLP, Point]]) -> bool:
        """Whether a point of the relaxation goes further than the meaning, exactly."""
        answer = self.relaxation.maximise(objective, self.question)
        if answer.status != "optimal":
            return False
        furthest, systems = -np.inf, []
        for lp, fixed in pieces:
            system = lp.question(fixed=fixed)
            reached = lp.maximise(objective, system)
            if reached.status == "unbounded":
                return False
            furthest = max(furthest, reached.value)
            systems.append((lp, system))
        scale = max(abs(answer.value), abs(furthest))
        if not np.isfinite(furthest) or answer.value <= furthest + 1e-6 * scale:
            return False
        line = Fraction(furthest) + Fraction(5, 10**7) * Fraction(scale)
        for lp, system in systems:
            reached = lp.maximise(objective, system)
            empty = reached.status == "empty" and lp.certify_empty(system, reached) is not None
            if not empty and lp.certify(objective, system, reached, line) is None:
                return False
        self.relaxation.maximise(objective, self.question)
        return self.relaxation.exact_point(self.question, answer, objective, line) is not None

    def _fractional(self, objective: Row) -> Point:
        """Return the vertex of the relaxation in a direction when a binary is fractional, else nothing."""
        answer = self.relaxation.maximise(objective, self.question)
        if answer.status != "optimal":
            return {}
        if all(answer.point[j] == round(answer.point[j]) for j in self.integer):
            return {}
        vertex = self.relaxation.vertex(self.question)
        return vertex if vertex is not None and self._is_fractional(vertex) is True else {}

    def _is_fractional(self, vertex: Point) -> bool | None:
        """Whether a binary of a vertex is fractional by more than rounding; None where a solver could not tell."""
        rounded = vertex | {j: Fraction(round(vertex[j])) for j in self.integer}
        if rounded == vertex:
            return False
        missed = [(max(evaluate(f.terms, rounded) - f.limit, ZERO), f) for f in self.facets]
        if all(miss <= f.room for miss, f in missed):
            return False
        return None if all(miss <= DELTA * f.scale for miss, f in missed) else True


def _drawn(rng: np.random.Generator, columns: range | tuple[int, ...]) -> Point:
    drawn = rng.integers(-9, 10, len(columns))
    return {j: Fraction(int(d)) for j, d in zip(columns, drawn, strict=True) if d}


def _cases(part: Statement) -> Iterator[tuple[tuple[Line, ...], Point]]:
    """Yield each polyhedron of the meaning: the rows of a combination of pieces, integer inputs fixed."""
    grids = [part.values(j) for j in part.given]
    ways = combinations(part)
    count = len(ways) * int(np.prod([len(g) for g in grids], dtype=int))
    if count > MOST_CASES:
        raise Undecidable(f"the meaning is a union of {count} polyhedra, more than {MOST_CASES}")
    for way in ways:
        lines = tuple(line for entry, k in zip(part.entries, way, strict=True) for line in entry[k])
        for values in product(*grids):
            yield lines, {j: Fraction(v) for j, v in zip(part.given, values, strict=True)}


class _Hull:
    r"""The convex hull of the meaning, widened: the sums of :math:`G_p x_p \le h_p \lambda_p`.

    Rows are moved by their rounding, and by at least a part `share` of their size.
    """

    def __init__(self, part: Statement, deadline: float, share: Fraction = ZERO) -> None:
        self.share = share
        n = len(part.points)
        self.place = {j: k for k, j in enumerate(part.points)}
        rows: list[Row] = []
        low: list[Side] = []
        high: list[Side] = []
        sums: list[dict[int, Fraction]] = [{k: Fraction(-1)} for k in range(n + 1)]  # the last: sum of lambda
        columns = n + 1
        for lines, fixed in _cases(part):
            box = [
                Line({j: Fraction(1)}, fixed.get(j, part.lower[j]), fixed.get(j, part.upper[j]))
                for j in part.points
                if part.kinds[j] == "input"
            ]
            for k in range(n + 1):
                sums[k][columns + k] = Fraction(1)
            for facet in facets(part, [*lines, *box]):
                rows.append(self._row(facet, columns, n))
                low.append(None)
                high.append(Fraction(0))
            columns += n + 1
        self.first = len(rows)
        rows += sums
        low += [Fraction(0)] * (n + 1)
        high += [Fraction(0)] * (n + 1)
        lower: list[Side] = [None] * columns
        for k in range(n, columns, n + 1):
            lower[k] = Fraction(0)
        self.n = n
        self.lp = SmallLP(
            System(tuple(rows), tuple(low), tuple(high), tuple(lower), (None,) * columns), deadline
        )

    def _row(self, facet: Facet, start: int, n: int) -> Row:
        row = {start + self.place[j]: a for j, a in facet.terms.items()}
        limit = facet.limit + max(facet.room, self.share * facet.scale)
        return row | ({start + n: -limit} if limit else {})

    def separated(self, vector: Mapping[int, Fraction], whole: Fraction) -> Point | None:
        """Return a direction in which a point (whole = 1) or ray (0) leaves the hull, None inside."""
        fixed = {self.place[j]: v for j, v in vector.items()} | {self.n: whole}
        system = self.lp.question(fixed=fixed)
        answer = self.lp.maximise({}, system)
        if answer.status == "optimal":
            if self.lp.exact_point(system, answer) is None:
                raise Undecidable("whether a vertex lies in the convex hull could not be settled exactly")
            return None
        y = self.lp.certify_empty(system, answer)
        if y is None:
            raise Undecidable("whether a vertex lies in the convex hull could not be settled exactly")
        named = {k: j for j, k in self.place.items()}
        direction = {named[k]: -y[self.first + k] for k in range(self.n) if y.get(self.first + k)}
        outward = sum((a * vector[j] for j, a in direction.items()), Fraction(0))
        sums = -y.get(self.first + self.n, Fraction(0)) * whole
        return direction if outward + sums > 0 else {j: -a for j, a in direction.items()}
