r"""Cones under a binary, as rows that a proof can read.

With z binary, :math:`\sum Y^2 \le t z,\ t \ge 0` says Y = 0 where z = 0, and :math:`\sum Y^2 \le t` where z = 1.
The members of Y are copies y of the inputs x; that y = x where z = 1 is a lemma, proved in exact arithmetic
from the linear rows, after which :math:`\sum Y^2` is a quadratic form of inputs alone: an atom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from proofolio.program.program import Program
from proofolio.verification.atoms import Atoms, squares
from proofolio.verification.certificate import Row, Side, System, bound
from proofolio.verification.claim import rational_terms
from proofolio.verification.line import Line
from proofolio.verification.small_lp import SmallLP
from proofolio.verification.statement import Undecidable

__all__ = ["cone_lines"]

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
        self._lp: SmallLP | None = None
        self._known: dict[tuple[int, int | None, int], Row] = {}

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
        if self._lp is None:
            self._lp = SmallLP(self.system)
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
            if self._never_above(body, binary, on) and self._never_above(
                {j: -a for j, a in body.items()}, binary, on
            ):
                return candidate
        raise Undecidable("a cone holds a variable that is not shown to equal inputs while its binary is on")

    def _never_above(self, body: Row, binary: int | None, on: int) -> bool:
        """Whether a linear function is at most zero while the binary is on: proved by exact multipliers."""
        assert self._lp is not None
        system = self._lp.question(fixed={} if binary is None else {binary: Fraction(on)})
        answer = self._lp.maximise(body, system)
        if answer.status != "optimal" or answer.value > 1e-6:
            return False
        y = self._lp.certify(body, system, answer, Fraction(0))
        proved = None if y is None else bound(system, body, y)
        return proved is not None and proved <= 0
