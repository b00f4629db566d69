"""From a claim to the statement its proof is about: the rows and the meaning, in rational numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from proofolio.errors import BadData
from proofolio.program.expression import Expression, as_expression, broadcast_to
from proofolio.program.program import Block, Program
from proofolio.verification.atoms import Atoms, form_polynomial
from proofolio.verification.certificate import Row
from proofolio.verification.claim import Built, Claim, build, call, exact, rational_terms
from proofolio.verification.cone_lines import cone_lines
from proofolio.verification.statement import Line, Statement, Undecidable

__all__ = ["AuthorLift", "Stated", "state"]

AuthorLift = Mapping[str, tuple[Mapping[str, Fraction], Fraction]]
"""For the name of a column, the affine function it equals: coefficients by name, and the constant."""


class Stated(NamedTuple):
    """A claim's statement, and its author's lifts: one for each piece, or none at all."""

    statement: Statement
    lifts: tuple[AuthorLift, ...] = ()


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
