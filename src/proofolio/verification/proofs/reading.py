r"""From a claim to the statement its proof is about: the rows and the meaning, in rational numbers.

Cones under a binary, as rows that a proof can read.

With z binary, :math:`\sum Y^2 \le t z,\ t \ge 0` says Y = 0 where z = 0, and :math:`\sum Y^2 \le t` where z = 1.
The members of Y are copies y of the inputs x; that y = x where z = 1 is a lemma, proved in exact arithmetic
from the linear rows (by one row within the bounds that the others leave, else by the multipliers of a linear program),
after which :math:`\sum Y^2` is a quadratic form of inputs alone: an atom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from proofolio.errors import BadData
from proofolio.program.expression import Expression, as_expression, broadcast_to
from proofolio.program.program import Block, Program
from proofolio.verification.exact.certificate import Row, Side, System, Undecidable, bound
from proofolio.verification.proofs.claim import (
    Built,
    Claim,
    build,
    call,
    exact,
    form_polynomial,
    rational_terms,
)
from proofolio.verification.proofs.lines import Atoms, Line, squares
from proofolio.verification.proofs.statement import Statement, narrowed

__all__ = ["AuthorLift", "Stated", "cone_lines", "state"]


Affine = tuple[Row, Fraction]


def cone_lines(
    program: Program,
    place: Mapping[int, int],
    rows: Sequence[Line],
    lower: Sequence[Side],
    upper: Sequence[Side],
    integer: Sequence[bool],
    atoms: Atoms,
) -> list[Line]:
    """Return what the cones of a program say.

    Parameters
    ----------
    program : Program
    place : mapping
        From its columns to the statement's.
    rows : sequence of Line
        What is known besides, in the statement's columns: the lemma is proved from it.
    lower, upper, integer : sequences
        Of the statement's columns.
    atoms : Atoms

    Raises
    ------
    Undecidable
        For a z that is no binary, and when copies are not shown to equal inputs.
    """
    cones = program.cones
    terms = rational_terms(cones.matrix)
    members: list[Affine] = [
        ({place[j]: a for j, a in row.items()}, Fraction(repr(float(constant))))
        for row, constant in zip(terms, cones.constant, strict=True)
    ]
    copies = _Copies(rows, lower, upper, atoms.inputs)
    found: list[Line] = []
    for start, stop in zip(cones.pointer[:-1], cones.pointer[1:], strict=True):
        t, z, *Y = members[start:stop]
        found.append(Line(t[0], -t[1], None))
        binary, on, factor = _switch(z, integer, lower, upper)
        if binary is not None:
            off = (binary, frozenset([1 - on]))
            found += [Line(row, -constant, -constant, off) for row, constant in Y if row or constant]
        inside = [copies.of_inputs(y, binary, on) for y in Y]
        curved, linear, constant = squares(inside)
        total = dict(atoms.near_terms(curved))
        for row, share in ((linear, Fraction(1)), (t[0], -factor)):
            for j, a in row.items():
                total[j] = total.get(j, Fraction(0)) + share * a
        when = None if binary is None else (binary, frozenset([on]))
        found.append(Line({j: a for j, a in total.items() if a}, None, factor * t[1] - constant, when))
    return [line for line in found if line.terms or line.when is not None or not _true(line)]


def _true(line: Line) -> bool:
    return (line.low is None or line.low <= 0) and (line.high is None or line.high >= 0)


def _switch(
    z: Affine, integer: Sequence[bool], lower: Sequence[Side], upper: Sequence[Side]
) -> tuple[int | None, int, Fraction]:
    """Return the binary, its on-value and what z is then; no binary when z is a positive number."""
    terms, constant = z
    if not terms and constant > 0:
        return None, 1, constant
    if len(terms) == 1:
        ((j, a),) = terms.items()
        binary = integer[j] and lower[j] is not None and upper[j] is not None
        if binary and lower[j] >= 0 and upper[j] <= 1 and a in (1, -1) and constant == (1 - a) / 2:  # type: ignore[operator]
            return j, 1 if a == 1 else 0, Fraction(1)
    raise Undecidable("the function writes a cone that no binary switches: only perspectives are proved")


class _Copies:
    """Which columns equal which functions of inputs while a binary is on."""

    def __init__(
        self, rows: Sequence[Line], lower: Sequence[Side], upper: Sequence[Side], inputs: int
    ) -> None:
        self.rows = [line for line in rows if line.when is None and all(j >= 0 for j in line.terms)]
        self.inputs = inputs
        self.system = System(
            tuple(line.terms for line in self.rows),
            tuple(line.low for line in self.rows),
            tuple(line.high for line in self.rows),
            tuple(lower),
            tuple(upper),
        )
        self._lp: Any = None  # a `SmallLP`, once a claim needs it
        self._known: dict[tuple[int, int | None, int], Row] = {}
        self._boxes: dict[tuple[int, int | None, int], System] = {}

    def of_inputs(self, y: Affine, binary: int | None, on: int) -> Affine:
        """Return an affine function with its copies replaced by the inputs they equal."""
        found: dict[int, Fraction] = {}
        for j, a in y[0].items():
            for i, b in self._copied(j, binary, on).items():
                found[i] = found.get(i, Fraction(0)) + a * b
        return {i: a for i, a in found.items() if a}, y[1]

    def _copied(self, column: int, binary: int | None, on: int) -> Row:
        if column < self.inputs:
            return {column: Fraction(1)}
        key = column, binary, on
        if key not in self._known:
            self._known[key] = self._proved(column, binary, on)
        return self._known[key]

    def _proved(self, column: int, binary: int | None, on: int) -> Row:
        tried: list[Row] = []
        for line in self.rows:
            share = line.terms.get(column)
            given = {j: a for j, a in line.terms.items() if j < self.inputs and j != binary}
            if not share or not given:
                continue
            candidate = {j: -a / share for j, a in given.items()}
            if candidate in tried:
                continue
            tried.append(candidate)
            body = {column: Fraction(1), **{j: -a for j, a in candidate.items()}}
            sides = (body, {j: -a for j, a in body.items()})
            if all(self._follows(side, column, binary, on) for side in sides):
                return candidate
            if all(self._never_above(side, binary, on) for side in sides):
                return candidate
        raise Undecidable("a cone holds a variable that is not shown to equal inputs while its binary is on")

    def _follows(self, body: Row, column: int, binary: int | None, on: int) -> bool:
        """Whether one row, in the bounds that the others leave while the binary is on, keeps a function at most 0."""
        system = self._left(column, binary, on)
        rows = [(i, row[column]) for i, row in enumerate(system.rows) if column in row]
        proved = (bound(system, body, {i: body[column] / a}) for i, a in rows)
        return any(limit is not None and limit <= 0 for limit in proved)

    def _left(self, column: int, binary: int | None, on: int) -> System:
        """Return the rows that have to do with a column, within the bounds that they leave while the binary is on."""
        key = column, binary, on
        if key not in self._boxes:
            lines: list[Line] = []
            rest, seen = self.rows, {column}
            while near := [line for line in rest if not seen.isdisjoint(line.terms)]:
                lines += near
                rest = [line for line in rest if seen.isdisjoint(line.terms)]
                seen.update(j for line in near for j in line.terms)
            fixed = {} if binary is None else {binary: Fraction(on)}
            lower = [fixed.get(j, end) for j, end in enumerate(self.system.lower)]
            upper = [fixed.get(j, end) for j, end in enumerate(self.system.upper)]
            low, high = narrowed(lines, lower, upper)
            rows = tuple(line.terms for line in lines)
            sides = tuple(line.low for line in lines), tuple(line.high for line in lines)
            self._boxes |= {(j, binary, on): System(rows, *sides, tuple(low), tuple(high)) for j in seen}
        return self._boxes[key]

    def _never_above(self, body: Row, binary: int | None, on: int) -> bool:
        """Whether a linear function is at most zero while the binary is on: proved by exact multipliers."""
        if self._lp is None:
            from proofolio.verification.proofs.small_lp import SmallLP  # a solver, which few claims need

            self._lp = SmallLP(self.system)
        system = self._lp.question(fixed={} if binary is None else {binary: Fraction(on)})
        answer = self._lp.maximise(body, system)
        if answer.status != "optimal" or answer.value > 1e-6:
            return False
        y = self._lp.certify(body, system, answer, Fraction(0))
        proved = None if y is None else bound(system, body, y)
        return proved is not None and proved <= 0


AuthorLift = Mapping[str, tuple[Mapping[str, Fraction], Fraction]]
"""For the name of a column, the affine function it equals: coefficients by name, and the constant."""


class Stated(NamedTuple):
    """A claim's statement, and its author's lifts: one for each piece, or none at all."""

    statement: Statement
    lifts: tuple[AuthorLift, ...] = ()


def positive_seconds(limit: object) -> float:
    """Return a time limit as a float; `BadData` when it is no number above zero."""
    if isinstance(limit, bool) or not isinstance(limit, Real) or not float(limit) > 0:
        raise BadData(f"time_limit is {limit!r}: give seconds, a number above 0")
    return float(limit)


def state(claim: Claim) -> Stated:
    """Return what the claim's function wrote and what it was meant to say, in rational numbers.

    Raises
    ------
    Undecidable
        For quadratic parts of anything but bounded inputs, and cones that no binary switches.
    """
    built = build(claim)
    program = built.program
    order, links = _order(claim, built)
    place = {j: k for k, j in enumerate(order) if j >= 0}
    given = sum(block.size for block in program.variables[: len(claim.inputs)])
    outs = built.space.n - given
    point_names = built.space.freeze().column_names
    names = [point_names[k] if k < built.space.n else program.column_names[j] for k, j in enumerate(order)]
    kinds = ["input"] * given + ["output"] * outs + ["auxiliary"] * (len(order) - given - outs)
    lower = [exact(program.lower[j]) if j >= 0 else None for j in order]
    upper = [exact(program.upper[j]) if j >= 0 else None for j in order]
    integer = [bool(program.integer[j]) if j >= 0 else False for j in order]
    rows = [_moved(line, place) for line in _program_rows(program)]
    rows += [_linked(line, k, place) for k, line in links]
    rows += [_moved(line, place) for line in _quadratic_rows(program, built.atoms)]
    if len(program.cones):
        rows += cone_lines(program, place, rows, lower, upper, integer, built.atoms)
    for members in _choices(program):
        selector = len(names)
        names.append(f"selector of {members[0]}")
        kinds.append("selector")
        lower.append(Fraction(0))
        upper.append(Fraction(len(members[2]) - 1))
        integer.append(True)
        for column in members[1]:
            allowed = frozenset(v for v, group in enumerate(members[2]) if column not in group)
            if allowed:
                rows.append(Line({place[column]: Fraction(1)}, Fraction(0), Fraction(0), (selector, allowed)))
    start = len(names)
    atoms = built.atoms.placed(start)
    for atom in atoms:
        ends = atom.interval(lower, upper)
        if ends is None:
            raise Undecidable("a quadratic part holds an input without finite bounds: bound it")
        names.append(f"quadratic {atom.column - start} in {names[atom.terms[0][0]]}")
        kinds.append("input")
        lower.append(ends[0])
        upper.append(ends[1])
        integer.append(False)
    entries = tuple(
        tuple(tuple(Atoms.moved(line, start) for line in piece) for piece in entry) for entry in built.entries
    )
    statement = Statement(
        tuple(names), tuple(kinds), tuple(lower), tuple(upper), tuple(integer),
        tuple(Atoms.moved(line, start) for line in rows), entries, atoms,
    )  # fmt: skip
    return Stated(statement, _author_lifts(claim, built, names))


def _order(claim: Claim, built: Built) -> tuple[list[int], list[tuple[int, tuple[Row, float]]]]:
    """Return program columns in the statement's order (-1: an output without a column), and links."""
    program = built.program
    given = sum(block.size for block in program.variables[: len(claim.inputs)])
    order, taken = list(range(given)), set(range(given))
    links = []
    for output in built.outputs:
        constants = output.constant.ravel().tolist()
        for terms, constant in zip(rational_terms(output.matrix), constants, strict=True):
            (column,) = terms if len(terms) == 1 else (-1,)
            if column in taken or column < 0 or constant != 0 or terms[column] != 1:
                links.append((len(order), (terms, constant)))
                column = -1
            order.append(column)
            taken.add(column)
    order += [j for j in range(program.n) if j not in taken]
    return order, links


def _program_rows(program: Program) -> list[Line]:
    rows = [
        Line(terms, exact(low), exact(high))
        for terms, low, high in zip(
            rational_terms(program.A), program.row_lower.tolist(), program.row_upper.tolist(), strict=True
        )
    ]
    implied = program.indicators
    if not np.all(program.integer[implied.binary]):
        raise Undecidable("an indicator's switch is not an integer variable: declare it binary")
    for terms, low, high, column, on in zip(
        rational_terms(implied.matrix),
        implied.lower.tolist(),
        implied.upper.tolist(),
        implied.binary.tolist(),
        implied.on.tolist(),
        strict=True,
    ):
        rows.append(Line(terms, exact(low), exact(high), (column, frozenset([on]))))
    return rows


def _quadratic_rows(program: Program, atoms: Atoms) -> list[Line]:
    rows = program.quadratic
    found = []
    for terms, forms, low, high in zip(
        rational_terms(rows.matrix), rows.forms, rows.lower.tolist(), rows.upper.tolist(), strict=True
    ):
        curved = atoms.terms(form_polynomial(forms))
        found.append(Line({**terms, **curved}, exact(low), exact(high)))
    return found


def _choices(program: Program) -> Iterator[tuple[str, list[int], list[frozenset[int]]]]:
    """Yield each special ordered set: its name, columns, and the groups of which one may be nonzero."""
    for sos in program.sos:
        columns = [int(sos.columns[k]) for k in np.argsort(sos.weights, kind="stable")]
        if sos.kind == 1 or len(columns) == 1:
            groups = [frozenset([j]) for j in columns]
        else:
            groups = [frozenset(pair) for pair in pairwise(columns)]
        if groups:
            yield sos.name, columns, groups


def _moved(line: Line, place: Mapping[int, int]) -> Line:
    when = None if line.when is None else (place[line.when[0]], line.when[1])
    terms = {place[j] if j >= 0 else j: a for j, a in line.terms.items()}  # atoms have their place later
    return Line(terms, line.low, line.high, when)


def _linked(link: tuple[Row, float], column: int, place: Mapping[int, int]) -> Line:
    """Return the row that says what an output equals."""
    terms, constant = link
    row = {place[j]: a for j, a in terms.items()}
    row[column] = Fraction(-1)
    side = exact(-constant)
    return Line(row, side, side)


def _author_lifts(claim: Claim, built: Built, names: list[str]) -> tuple[AuthorLift, ...]:
    if claim.lift is None:
        return ()
    blocks = {block.name: block for block in built.program.variables}
    found = []
    for piece in range(len(claim.meaning)):
        values = call(claim.lift, built.point, claim, piece)
        lift: dict[str, tuple[Mapping[str, Fraction], Fraction]] = {}
        for name, value in values.items():
            if name not in blocks:
                raise BadData(
                    f"the lift of claim {claim.title!r} names {name!r}, which its function does not make"
                )
            lift |= _lift_of(blocks[name], value, names)
        found.append(lift)
    return tuple(found)


def _lift_of(block: Block, value: Any, names: list[str]) -> AuthorLift:
    wide: Expression = broadcast_to(as_expression(value), block.shape)
    constants = [exact(c) or Fraction(0) for c in wide.constant.ravel().tolist()]
    return {
        element: ({names[j]: a for j, a in terms.items()}, constant)
        for element, terms, constant in zip(
            block.element_names(), rational_terms(wide.matrix), constants, strict=True
        )
    }
