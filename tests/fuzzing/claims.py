"""Random claims about formulations, right ones and mutants, and whether they are true.

A case is plain data: inputs in a box, one output, binaries, rows, and the pieces of the meaning. The truth is found by
covering one union of polyhedra with another, in rational arithmetic: a region is covered unless some point of it
breaks, for every set of the cover, one side of that set by the same t > 0.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import proofolio as pf
from tests.fuzzing.exact import Bound, Exact, Limit, bounded, optimum, rational
from tests.fuzzing.problem import Column, Row
from tests.fuzzing.shrinker import simpler_columns, smaller_rows

__all__ = ["Case", "Truth", "case_steps", "claim_of", "drawn_case", "truth_of"]

SCALES = (1.0, 1.0, 1.0, 1e-9, 1e-6, 1e3, 1e6)
PROGRAMS = 1500  # solved for one case before its truth is left open
Side = tuple[dict[int, Fraction], Fraction]  # terms <= right side


@dataclass(frozen=True)
class Case:
    """A formulation of one output and what it is meant to say; columns of rows are inputs, ``v`` and ``b0, b1...``."""

    inputs: tuple[Column, ...]
    output: Column
    binaries: int
    rows: tuple[Row, ...]
    pieces: tuple[tuple[Row, ...], ...]

    @property
    def names(self) -> list[str]:
        return [*(c.name for c in self.inputs), self.output.name]

    def numbers(self) -> list[float]:
        """Return every finite nonzero number, as sizes."""
        rows = [*self.rows, *itertools.chain(*self.pieces)]
        found = [v for c in (*self.inputs, self.output) for v in (c.lower, c.upper)]
        found += [v for row in rows for v in (row.lower, row.upper, *(a for _, a in row.terms))]
        return [abs(v) for v in found if v and math.isfinite(v)]


@dataclass(frozen=True)
class Truth:
    """By how much a row of the meaning is missed by a point the rows allow, and the other way round; 0 is exact.

    `untrue` is what is missed when every side that covers is moved by `rounding`: what the rounding of the numbers
    cannot explain.
    """

    unsound: Fraction
    incomplete: Fraction
    untrue: Fraction
    rounding: Fraction


# --- from data to a claim ---------------------------------------------------------------------------------------


def claim_of(case: Case) -> pf.Claim:
    """Return the claim as users write it."""

    def function(model: Any, **inputs: Any) -> Any:
        x = dict(inputs)
        x["v"] = model.variable("v", lower=case.output.lower, upper=case.output.upper)
        for k in range(case.binaries):
            x[f"b{k}"] = model.variable(f"b{k}", binary=True)
        for row in case.rows:
            for n, rows in enumerate(comparisons(row, x)):
                model.add(f"{row.name}_{n}", rows)
        return x["v"]

    def piece(rows: tuple[Row, ...]) -> Any:
        def meant(*values: Any) -> list[Any]:
            x = dict(zip(case.names, values, strict=True))
            return [one for row in rows for one in comparisons(row, x)]

        return meant

    boxes = {c.name: pf.Box((), c.lower, c.upper, integer=c.integer) for c in case.inputs}
    return pf.Claim(function, boxes, ("v",), [piece(rows) for rows in case.pieces], name="fuzz")


def comparisons(row: Row, x: dict[str, Any]) -> list[Any]:
    body = sum(a * x[name] for name, a in row.terms)
    if row.lower == row.upper:
        return [body == row.lower]
    found = [body >= row.lower] if math.isfinite(row.lower) else []
    return [*found, body <= row.upper] if math.isfinite(row.upper) else found


# --- the truth --------------------------------------------------------------------------------------------------


def truth_of(case: Case) -> Truth | None:
    """Return what is true of a case, or None where that takes too long."""
    at = {name: j for j, name in enumerate(case.names)}
    chosen = []
    for values in itertools.product((0, 1), repeat=case.binaries):
        fixed = {f"b{k}": Fraction(v) for k, v in enumerate(values)}
        sides = [side for row in case.rows for side in sides_of(row, at, fixed)]
        chosen.append([*sides, *sides_of(box_row(case.output), at, {})])
    pieces = [[side for row in rows for side in sides_of(row, at, {})] for rows in case.pieces]
    try:
        unsound, incomplete = Coverage(case).both(chosen, pieces)
        room = rounding(case)
        untrue = max(Coverage(case, room).both(chosen, pieces)) if room else max(unsound, incomplete)
    except TimeoutError:
        return None
    return Truth(unsound, incomplete, untrue, room)


def box_row(column: Column) -> Row:
    return Row(column.name, ((column.name, 1.0),), column.lower, column.upper)


def sides_of(row: Row, at: dict[str, int], fixed: dict[str, Fraction]) -> list[Side]:
    moved = sum((rational(a) * fixed[n] for n, a in row.terms if n in fixed), Fraction(0))
    terms = {at[n]: rational(a) for n, a in row.terms if n not in fixed}
    low, high = bounded(row.lower), bounded(row.upper)
    found: list[Side] = []
    if high is not None:
        found.append((terms, high - moved))
    if low is not None:
        found.append(({j: -a for j, a in terms.items()}, moved - low))
    return found


class Coverage:
    """Counts the programs that are solved for one case, and gives up after `PROGRAMS`."""

    def __init__(self, case: Case, room: Fraction = Fraction(0)) -> None:
        self.case = case
        self.room = room
        self.solved = 0

    def both(
        self, chosen: Sequence[Sequence[Side]], pieces: Sequence[Sequence[Side]]
    ) -> tuple[Fraction, Fraction]:
        """Return what pieces leave of the choices, and what the choices leave of the pieces."""
        return self.uncovered(chosen, pieces), self.uncovered(pieces, chosen)

    def uncovered(self, regions: Sequence[Sequence[Side]], cover: Sequence[Sequence[Side]]) -> Fraction:
        """Return the largest t <= 1 by which a point of a region breaks a side of every set of the cover, or 0.

        Sets are taken one after the other: where one holds all that is left of the region, nothing is uncovered.
        """
        found = Fraction(0)
        moved = [[(terms, high + self.room) for terms, high in one] for one in cover]
        sets = [one for one in moved if self.most(one, []) >= 0]

        def left(region: Sequence[Side], broken: list[Side], rest: Sequence[Sequence[Side]]) -> None:
            nonlocal found
            t = self.most(region, broken)
            if t <= found:
                return
            if not rest:
                found = t
                return
            for side in rest[0]:
                left(region, [*broken, side], rest[1:])

        for region in regions:
            left(region, [], sets)
        return found

    def most(self, region: Sequence[Side], broken: Sequence[Side]) -> Fraction:
        """Maximise t <= 1 over a region where each side of `broken` is missed by t; -1 when nothing is left."""
        self.solved += 1
        if self.solved > PROGRAMS:
            raise TimeoutError
        return most(self.case, region, broken)


def most(case: Case, region: Sequence[Side], broken: Sequence[Side]) -> Fraction:
    """Maximise t <= 1 over a region where each side of `broken` is missed by t; -1 when nothing is left."""
    columns = [*case.inputs, Column("v", -math.inf, math.inf)]
    t = len(columns)
    lower: list[Bound] = [*(bounded(c.lower) for c in columns), None]
    upper: list[Bound] = [*(bounded(c.upper) for c in columns), Fraction(1)]
    rows: list[tuple[dict[int, Fraction], Bound, Bound]] = [(terms, None, high) for terms, high in region]
    rows += [(terms | {t: Fraction(-1)}, high, None) for terms, high in broken]
    cost = [Fraction(0)] * t + [Fraction(-1)]
    answer = optimum(
        Exact(lower, upper, [*(c.integer for c in columns), False], cost, rows=rows), Limit(200, 1.0)
    )
    if answer.status == "unknown":
        raise TimeoutError
    if answer.value is None:
        return Fraction(-1) if answer.status == "infeasible" else Fraction(1)
    return -answer.value


def rounding(case: Case) -> Fraction:
    """Return a generous bound on what the rounding of the numbers in the rows may explain: zero for integers.

    Twice an ulp of a right side or of a coefficient times the largest value of its column, over the numbers that are
    no integers; a thousand times that, for the multipliers of a certificate.
    """
    sizes = {c.name: max(abs(c.lower), abs(c.upper)) for c in case.inputs}
    values = [abs(v) for v in (case.output.lower, case.output.upper) if math.isfinite(v)]
    sizes["v"] = max(values, default=1.0)
    found = [0.0]
    for row in [*case.rows, *itertools.chain(*case.pieces), box_row(case.output)]:
        found += [math.ulp(v) for v in (row.lower, row.upper) if math.isfinite(v) and v != round(v)]
        found += [math.ulp(a) * sizes.get(name, 1.0) for name, a in row.terms if a != round(a)]
    for c in case.inputs:
        found += [math.ulp(v) for v in (c.lower, c.upper) if v != round(v)]
    return 2000 * Fraction(max(found))


# --- the generator ----------------------------------------------------------------------------------------------


def drawn_case(rng: random.Random) -> Case:
    """Draw a formulation that is right up to rounding, or in two of three cases a mutant of one."""
    unit = rng.choice(SCALES)
    case = rng.choice((maximum, absolute, product, implied, pieced, disjunction))(rng, unit)
    if rng.random() < 0.3:  # an input that has nothing to do with the rest lends no tolerance
        far = Column("w", 0.0, rng.choice((1e9, 1e6)), False)
        names = [c.name for c in case.inputs]
        row = Row("far", ((names[0], 0.0), ("w", 1.0)), lower=0.0)
        case = replace(case, inputs=(*case.inputs, far), rows=(*case.rows, row))
    return mutant(rng, case) if rng.random() < 2 / 3 else case


def span(rng: random.Random, unit: float, *, around_zero: bool = False) -> tuple[float, float]:
    whole = rng.random() < 0.5
    low = rng.randint(-5, 2) if whole else round(rng.uniform(-5, 2), 2)
    high = low + (rng.randint(1, 8) if whole else round(rng.uniform(0.5, 8), 2))
    if around_zero:
        low, high = -abs(low) - 1, abs(high) + 1
    return float(low) * unit, float(high) * unit


def maximum(rng: random.Random, unit: float) -> Case:
    """v = max(u0, u1), with an M for each side."""
    boxes = [span(rng, unit), span(rng, unit)]
    inputs = tuple(Column(f"u{k}", *box) for k, box in enumerate(boxes))
    top = max(high for _, high in boxes)
    ms = [max(boxes[1 - k][1] - boxes[k][0], 0.0) for k in (0, 1)]
    rows = [Row(f"ge{k}", (("v", 1.0), (f"u{k}", -1.0)), lower=0.0) for k in (0, 1)]
    # u_k is the larger one when b0 = k
    rows.append(Row("le0", (("v", 1.0), ("u0", -1.0), ("b0", -ms[0])), upper=0.0))
    rows.append(Row("le1", (("v", 1.0), ("u1", -1.0), ("b0", ms[1])), upper=ms[1]))
    equal = [Row("e", (("v", 1.0), (f"u{k}", -1.0)), 0.0, 0.0) for k in (0, 1)]
    order = Row("o", (("u0", 1.0), ("u1", -1.0)), lower=0.0)
    pieces = ((equal[0], order), (equal[1], replace(order, lower=-math.inf, upper=0.0)))
    return Case(inputs, Column("v", min(low for low, _ in boxes), top), 1, tuple(rows), pieces)


def absolute(rng: random.Random, unit: float) -> Case:
    low, high = span(rng, unit, around_zero=True)
    rows = (
        Row("p", (("v", 1.0), ("u0", -1.0)), lower=0.0),
        Row("n", (("v", 1.0), ("u0", 1.0)), lower=0.0),
        Row("up", (("v", 1.0), ("u0", -1.0), ("b0", 2 * low)), upper=0.0),  # b0 = 0: v <= u
        Row("down", (("v", 1.0), ("u0", 1.0), ("b0", 2 * high)), upper=2 * high),
    )
    pieces = (
        (Row("e", (("v", 1.0), ("u0", -1.0)), 0.0, 0.0), Row("s", (("u0", 1.0),), lower=0.0)),
        (Row("e", (("v", 1.0), ("u0", 1.0)), 0.0, 0.0), Row("s", (("u0", 1.0),), upper=0.0)),
    )
    return Case((Column("u0", low, high),), Column("v", 0.0, max(-low, high)), 1, rows, pieces)


def product(rng: random.Random, unit: float) -> Case:
    """v = u1 u0 for a binary input u1."""
    low, high = span(rng, unit)
    rows = (
        Row("a", (("v", 1.0), ("u1", -high)), upper=0.0),
        Row("b", (("v", 1.0), ("u1", -low)), lower=0.0),
        Row("c", (("v", 1.0), ("u0", -1.0), ("u1", -low)), upper=-low),
        Row("d", (("v", 1.0), ("u0", -1.0), ("u1", -high)), lower=-high),
    )
    pieces = (
        (Row("z", (("u1", 1.0),), 0.0, 0.0), Row("e", (("v", 1.0),), 0.0, 0.0)),
        (Row("z", (("u1", 1.0),), 1.0, 1.0), Row("e", (("v", 1.0), ("u0", -1.0)), 0.0, 0.0)),
    )
    inputs = (Column("u0", low, high), Column("u1", 0.0, 1.0, True))
    return Case(inputs, Column("v", min(low, 0.0), max(high, 0.0)), 0, rows, pieces)


def implied(rng: random.Random, unit: float) -> Case:
    """u1 = 1 implies a u0 + v <= c, for a v within its box."""
    low, high = span(rng, unit)
    least, top = span(rng, unit)
    a = float(rng.choice((1, 2, -1, 0.5, 0.1)))
    body = max(a * low, a * high) + top
    c = float(f"{rng.uniform(0, 0.9) * body:.3g}")
    rows = (Row("m", (("u0", a), ("v", 1.0), ("u1", body - c)), upper=body),)
    box = Row("box", (("v", 1.0),), least, top)
    pieces = (
        (Row("z", (("u1", 1.0),), 0.0, 0.0), box),
        (Row("z", (("u1", 1.0),), 1.0, 1.0), box, Row("r", (("u0", a), ("v", 1.0)), upper=c)),
    )
    inputs = (Column("u0", low, high), Column("u1", 0.0, 1.0, True))
    return Case(inputs, Column("v", least, top), 0, rows, pieces)


def pieced(rng: random.Random, unit: float) -> Case:
    """v has one slope below a kink and another above."""
    low, high = span(rng, unit)
    kink = low + (high - low) * rng.choice((0.25, 0.5, 0.75))
    below, above = (float(rng.randint(-3, 3)) for _ in range(2))
    shift = (below - above) * kink
    lines = (
        (Row("e", (("v", 1.0), ("u0", -below)), 0.0, 0.0), Row("s", (("u0", 1.0),), upper=kink)),
        (Row("e", (("v", 1.0), ("u0", -above)), shift, shift), Row("s", (("u0", 1.0),), lower=kink)),
    )
    values = [below * low, below * kink, above * high + shift]
    return by_big_m((Column("u0", low, high),), Column("v", min(values), max(values)), lines)


def disjunction(rng: random.Random, unit: float) -> Case:
    """(u0, v) lies in one of two or three random polygons."""
    low, high = span(rng, unit)
    output = Column("v", *span(rng, unit))
    pieces = []
    for _ in range(rng.choice((2, 2, 3))):
        rows = [Row("box", (("v", 1.0),), output.lower, output.upper)]
        for n in range(rng.randint(1, 2)):
            terms = (("u0", float(rng.choice((-2, -1, 1, 2)))), ("v", float(rng.choice((-1, 0, 1)))))
            middle = terms[0][1] * (low + high) / 2 + terms[1][1] * (output.lower + output.upper) / 2
            rows.append(Row(f"r{n}", tuple(t for t in terms if t[1]), upper=float(f"{middle:.6g}")))
        pieces.append(tuple(rows))
    return by_big_m((Column("u0", low, high),), output, tuple(pieces))


def by_big_m(inputs: tuple[Column, ...], output: Column, pieces: tuple[tuple[Row, ...], ...]) -> Case:
    """Write a union with a binary a piece, and for every side the M that its box asks for."""
    boxes = {c.name: (c.lower, c.upper) for c in (*inputs, output)}
    rows = []
    for k, piece in enumerate(pieces):
        for row in piece:
            ends = [sorted((a * boxes[n][0], a * boxes[n][1])) for n, a in row.terms]
            least, top = sum(e[0] for e in ends), sum(e[1] for e in ends)
            if math.isfinite(row.upper):
                m = max(top - row.upper, 0.0)
                rows.append(
                    Row(f"{row.name}{k}u", (*row.terms, (f"b{k}", m)), upper=row.upper + m) if m else row
                )
            if math.isfinite(row.lower):
                m = max(row.lower - least, 0.0)
                rows.append(
                    Row(f"{row.name}{k}l", (*row.terms, (f"b{k}", -m)), lower=row.lower - m) if m else row
                )
    one = tuple((f"b{k}", 1.0) for k in range(len(pieces)))
    kept = [replace(row, name=f"{row.name}_{n}") for n, row in enumerate(rows) if row.name != "box"]
    return Case(inputs, output, len(pieces), (*kept, Row("one", one, 1.0, 1.0)), pieces)


def mutant(rng: random.Random, case: Case) -> Case:
    """Change one number, one bound of the output, or leave a row out."""
    draw = rng.random()
    if draw < 0.15 and len(case.rows) > 1:
        k = rng.randrange(len(case.rows))
        return replace(case, rows=case.rows[:k] + case.rows[k + 1 :])
    if draw < 0.3:
        low, high = case.output.lower, case.output.upper
        changed = replace(case.output, lower=bent(rng, low), upper=bent(rng, high))
        return replace(case, output=changed) if changed.lower <= changed.upper else case
    k = rng.randrange(len(case.rows))
    row = case.rows[k]
    if rng.random() < 0.6:
        n = rng.randrange(len(row.terms))
        terms = (*row.terms[:n], (row.terms[n][0], bent(rng, row.terms[n][1])), *row.terms[n + 1 :])
        row = replace(row, terms=terms)
    elif row.lower == row.upper:
        side = bent(rng, row.lower)
        row = replace(row, lower=side, upper=side)
    else:
        row = replace(row, lower=bent(rng, row.lower), upper=bent(rng, row.upper))
    return replace(case, rows=(*case.rows[:k], row, *case.rows[k + 1 :]))


def bent(rng: random.Random, v: float) -> float:
    if not math.isfinite(v):
        return v
    if not v:
        return rng.choice((0.0, 0.5, 1e-9, -1e-6))
    factors = (0.5, 2.0, -1.0, 0.999, 1.001, 1 - 1e-6, 1 + 1e-9, 1 - 1e-12)
    return rng.choice((v * rng.choice(factors), math.nextafter(v, 0), math.nextafter(v, math.inf)))


# --- for the shrinker -------------------------------------------------------------------------------------------


def case_steps(case: Case) -> Iterator[Case]:
    """Yield smaller cases, the large steps first."""
    for k in range(len(case.rows)):
        yield replace(case, rows=case.rows[:k] + case.rows[k + 1 :])
    if len(case.pieces) > 1:
        for k in range(len(case.pieces)):
            yield replace(case, pieces=case.pieces[:k] + case.pieces[k + 1 :])
    used = {name for row in [*case.rows, *itertools.chain(*case.pieces)] for name, _ in row.terms}
    for c in case.inputs:
        if c.name not in used and len(case.inputs) > 1:
            yield replace(case, inputs=tuple(i for i in case.inputs if i != c))
    while case.binaries and f"b{case.binaries - 1}" not in used:
        yield replace(case, binaries=case.binaries - 1)
        break
    for k, row in enumerate(case.rows):
        for smaller in smaller_rows(row):
            yield replace(case, rows=(*case.rows[:k], smaller, *case.rows[k + 1 :]))
    for k, piece in enumerate(case.pieces):
        for n in range(len(piece)):
            rest = (piece[:n] + piece[n + 1 :],) if len(piece) > 1 else ()
            for rows in (*rest, *((*piece[:n], row, *piece[n + 1 :]) for row in smaller_rows(piece[n]))):
                yield replace(case, pieces=(*case.pieces[:k], rows, *case.pieces[k + 1 :]))
    for k, c in enumerate(case.inputs):
        if not c.integer:
            for simple in simpler_columns(c):
                yield replace(case, inputs=(*case.inputs[:k], simple, *case.inputs[k + 1 :]))
    for simple in simpler_columns(case.output):
        yield replace(case, output=simple)
