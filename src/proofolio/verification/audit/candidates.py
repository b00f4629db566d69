r"""Which rows of a model may be Big-M rows, and what each would need.

A candidate is (row, binary y, side): a finite side of a row with a column that is not binary, in which y has
the coefficient d of largest size among the binaries (each of several equal ones is a candidate). The side is
written :math:`\mathrm{body} + d\,y \le \mathrm{rhs}`, a lower side negated. y is *off* at the value that
leaves more room:

.. math::
    \mathrm{off} = [d < 0],\quad \mathrm{loose} = \mathrm{rhs} - \min(0, d),\quad
    \mathrm{tight} = \mathrm{rhs} - \max(0, d),\quad M = |d| = \mathrm{loose} - \mathrm{tight}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.program.program import Program, RowBlock
from proofolio.program.quadratic import Form
from proofolio.verification.exact.certificate import evaluate
from proofolio.verification.exact.lp_bounds import Freed, as_decimal

__all__ = ["CROWD", "Candidate", "Candidates", "Place", "candidates", "implied_rows", "ulp"]


SIDES = ("upper", "lower")
LITTLE = Fraction(1, 100)  # part of M that is little beside it
CROWD, LIKE = (
    3,
    0.1,
)  # so many binaries with at least this part of the largest one's coefficient: no one is the switch


@dataclass(frozen=True)
class Place:
    """Where a side stands: its row and binary, by position (-1 where there is none) and by name."""

    row: int
    name: str
    side: str
    binary: int
    binary_name: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A side of a row that a binary may switch off.

    Attributes
    ----------
    place : Place
    off : int
        The value of the binary that leaves more room.
    columns, values : ndarray
        The body without the binary, negated for a lower side.
    big_m, loose, tight : Fraction
        M, and what the body may reach with the binary off and on.
    declared : bool
        Whether the user, a formulation or a suffix says that this is a Big-M row.
    forms : tuple of Form
        The quadratic part of the body, negated for a lower side.
    kind : str
        ``"row"``, ``"quadratic row"``, ``"indicator"`` or ``"expression"``.
    why_not : str
        Why the side cannot be judged; empty when it can.
    auxiliary : bool
        Whether a column of the body is one that a modelling tool made, which may be larger than what it stands for:
        a point that the side cuts off is none of the user's model then.
    """

    place: Place
    off: int
    columns: NDArray[np.int32]
    values: Floats
    big_m: Fraction
    loose: Fraction
    tight: Fraction
    declared: bool = False
    forms: tuple[Form, ...] = ()
    kind: str = "row"
    why_not: str = ""
    auxiliary: bool = False

    @property
    def freed(self) -> Freed | None:
        """The side of the linear rows that is set free when its M is asked for."""
        return (self.place.row, self.place.side) if self.kind == "row" else None

    def held(self, value: int) -> dict[int, int]:
        """Return the column that is held at a value: the binary, or none for a body that nothing switches."""
        return {} if self.place.binary < 0 else {self.place.binary: value}

    @cached_property
    def own_ulp(self) -> Fraction:
        """The larger unit in the last place of M and of the row's side."""
        return max(ulp(self.big_m), ulp(self.loose - self.big_m if self.off else self.loose))

    @cached_property
    def limit(self) -> Fraction:
        """What the body may reach with the binary off, and the rounding of M and of the row's side more."""
        return self.loose + 4 * self.own_ulp

    @cached_property
    def tight_float(self) -> float:
        """What the body certainly exceeds `tight` beyond, in floating numbers."""
        return float(self.tight) + 1e-6 * max(1.0, abs(float(self.tight)))

    @property
    def on(self) -> int:
        """The value of the binary at which the side must hold."""
        return 1 - self.off

    @property
    def body(self) -> dict[int, Fraction]:
        """The body's coefficients as the decimals they were written as."""
        return {j: as_decimal(v) for j, v in zip(self.columns.tolist(), self.values.tolist(), strict=True)}

    def value(self, point: Mapping[int, Fraction]) -> Fraction:
        """Evaluate the linear body at an exact point."""
        return evaluate(self.body, point)


def ulp(value: Fraction) -> Fraction:
    """Return the distance from a number, read as a double, to the next larger one in size."""
    return Fraction(math.ulp(float(value)))


class Candidates(NamedTuple):
    """The candidates of a program, and how many sides were skipped because no one binary switches them."""

    asked: list[Candidate]
    skipped: int


def candidates(
    program: Program, declared: frozenset[str] = frozenset(), is_late: Callable[[], bool] = lambda: False
) -> Candidates:
    """Return all candidates of a program, in the order of its rows; upper sides before lower ones.

    A row with three or more binaries of like size (knapsacks, parities) is none, unless it is declared or one of its
    binaries switches the side alone: see `_Crowd.switched_alone`.

    Parameters
    ----------
    program : Program
    declared : frozenset of str
        Names of rows declared to be Big-M rows, besides those that formulations tagged.
    is_late : function
        Whether the time is up; every side of a crowded row then counts as a candidate, unseen.
    """
    found, skipped = list[Candidate](), 0
    crowd = _Crowd(program)
    for candidate in _of_rows(program, declared):
        known = candidate.place.row not in crowd or candidate.declared or is_late()
        if known or crowd.switched_alone(candidate):
            found.append(candidate)
        else:
            skipped += 1
    return Candidates([*found, *_of_quadratic_rows(program, declared)], skipped)


class _Crowd:
    """The rows in which several binaries are of like size, and what their sides read apart from the binaries.

    That is the same for all binaries of a side, so it is counted once.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        A, self._switch = program.A, _switches(program)
        row = np.repeat(np.arange(program.m), np.diff(A.indptr))
        size = np.where(self._switch[A.indices], np.abs(A.data), 0.0)
        top = np.zeros(program.m)
        np.maximum.at(top, row, size)
        alike = np.bincount(row, (size > 0) & (size >= LIKE * top[row]), program.m)
        self._rows = frozenset(np.flatnonzero(alike >= CROWD).tolist())
        self._known: dict[tuple[int, str], _Rest] = {}

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def switched_alone(self, candidate: Candidate) -> bool:
        r"""Whether a side can bind with all binaries but its own where they leave less room, and its own gives way.

        With s what the other binaries take at most, and the rest of the body between l and h over its bounds, the side
        reads :math:`\mathrm{rest} \le t = \mathrm{tight} - s` with the binary on: it binds when :math:`t < h`, and the
        binary gives way when :math:`l \le t`. Where nothing is left with the binary on, :math:`t < l`, it is a switch
        all the same when it frees the rest, :math:`h \le t + M`, or when l is above t by a small part of M only.
        Where the rest moves in steps g, integers times integer columns, it gives way when
        :math:`\lfloor (t + M) / g \rfloor > \lfloor t / g \rfloor`. An equality does not give way at all.
        """
        place = candidate.place
        if self._program.row_lower[place.row] == self._program.row_upper[place.row]:
            return False
        key = place.row, place.side
        if key not in self._known:
            self._known[key] = self._rest(*key)
        rest = self._known[key]
        # its own binary is among those that take room where its coefficient is positive, which is when it is on at 1
        room = candidate.tight - rest.taken + (candidate.big_m if candidate.on else 0)
        M, low, high = candidate.big_m, rest.low, rest.high
        if high is not None and high <= room:
            return False
        if low is not None and low > room + LITTLE * M and not (high is not None and low < high <= room + M):
            return False
        if rest.step is not None:
            return (room + M) // rest.step > room // rest.step
        return True

    def _rest(self, row: int, side: str) -> _Rest:
        p, sign = self._program, 1 if side == "upper" else -1
        taken = low = high = Fraction(0)
        bounded, steps = [True, True], list[Fraction]()
        for k in range(int(p.A.indptr[row]), int(p.A.indptr[row + 1])):
            j, a = int(p.A.indices[k]), sign * as_decimal(float(p.A.data[k]))
            if not a:
                continue
            if self._switch[j]:
                taken += max(a, Fraction(0))
                continue
            ends = [float(p.lower[j]), float(p.upper[j])]
            below, above = ends if a > 0 else ends[::-1]
            bounded = [bounded[0] and math.isfinite(below), bounded[1] and math.isfinite(above)]
            low += a * as_decimal(below) if math.isfinite(below) else 0
            high += a * as_decimal(above) if math.isfinite(above) else 0
            steps.append(abs(a) if p.integer[j] else Fraction(0))
        step = None
        if all(steps):
            L = math.lcm(*(a.denominator for a in steps))
            step = Fraction(math.gcd(*(int(a * L) for a in steps)), L)
        return _Rest(taken, low if bounded[0] else None, high if bounded[1] else None, step)


class _Rest(NamedTuple):
    """Of a side: what all its binaries take at most, the ends of the rest, and the steps that it moves in."""

    taken: Fraction
    low: Fraction | None
    high: Fraction | None
    step: Fraction | None


def _switches(program: Program) -> Mask:
    """Mark the binaries that can still take both values."""
    free: Mask = program.binary & (program.lower <= 0) & (program.upper >= 1)
    return free


def _tagged(blocks: Sequence[RowBlock]) -> dict[int, int]:
    """Return the binary of every row that a formulation tagged."""
    found: dict[int, int] = {}
    for block in blocks:
        if block.switch is not None:
            found.update(
                zip(range(block.rows.start, block.rows.stop), block.switch.binary.tolist(), strict=True)
            )
    return found


def _largest(matrix: Sparse, switch: Mask, binary: Mask) -> Integers:
    """Return the positions of the largest entries among the binaries of rows that have other columns."""
    m = matrix.shape[0]
    row = np.repeat(np.arange(m), np.diff(matrix.indptr))
    size = np.where(switch[matrix.indices], np.abs(matrix.data), 0.0)
    top, other = np.zeros(m), np.zeros(m, dtype=bool)
    np.maximum.at(top, row, size)
    other[row[~binary[matrix.indices] & (matrix.data != 0)]] = True
    return np.flatnonzero((size > 0) & (size == top[row]) & other[row])


def _of_rows(program: Program, declared: frozenset[str]) -> Iterator[Candidate]:
    A, names = program.A, program.row_names
    tagged, indices = _tagged(program.rows), A.indices.astype(np.int32)
    columns = program.column_names
    at = _largest(A, _switches(program), program.binary)
    of = np.searchsorted(A.indptr, at, side="right") - 1
    for k, row in zip(at.tolist(), of.tolist(), strict=True):
        a, b = int(A.indptr[row]), int(A.indptr[row + 1])
        binary = int(A.indices[k])
        kept = A.data[a:b] != 0
        kept[k - a] = False
        index, values = indices[a:b][kept], A.data[a:b][kept]
        is_declared = names[row] in declared or tagged.get(row) == binary
        for side, limit, sign in _sides(program.row_lower[row], program.row_upper[row]):
            place = Place(row, names[row], side, binary, columns[binary])
            d = sign * float(A.data[k])
            yield _candidate(place, d, sign * limit, index, sign * values, is_declared)


def _sides(low: float, high: float) -> list[tuple[str, float, float]]:
    both = ((SIDES[0], float(high), 1.0), (SIDES[1], float(low), -1.0))
    return [side for side in both if math.isfinite(side[1])]


def _candidate(
    place: Place,
    d: float,
    limit: float,
    columns: NDArray[np.int32],
    values: Floats,
    declared: bool,
    **more: Any,
) -> Candidate:
    big_m, loose, tight = _ends(d, limit)
    return Candidate(place, int(d < 0), columns, values, big_m, loose, tight, declared, **more)


@lru_cache(maxsize=1 << 14)
def _ends(d: float, limit: float) -> tuple[Fraction, Fraction, Fraction]:
    """Return M, and what the body may reach with the binary off and on."""
    slope, rhs = as_decimal(d), as_decimal(limit)
    return abs(slope), rhs - min(Fraction(0), slope), rhs - max(Fraction(0), slope)


def _of_quadratic_rows(program: Program, declared: frozenset[str]) -> Iterator[Candidate]:
    rows = program.quadratic
    names = [name for block in rows.blocks for name in block.element_names()]
    tagged, columns, switch = _tagged(rows.blocks), program.column_names, _switches(program)
    for row, forms in enumerate(rows.forms):
        a, b = int(rows.matrix.indptr[row]), int(rows.matrix.indptr[row + 1])
        index, data = rows.matrix.indices[a:b], rows.matrix.data[a:b]
        size = np.where(switch[index], np.abs(data), 0.0)
        for k in np.flatnonzero((size > 0) & (size == np.max(size, initial=0.0))).tolist():
            binary = int(index[k])
            inside = any(binary in form.columns and _enters(form, binary) for form in forms)
            why = "the binary also stands in the row's quadratic part" if inside else ""
            rest = np.r_[0:k, k + 1 : index.size]
            is_declared = names[row] in declared or tagged.get(row) == binary
            for side, limit, sign in _sides(rows.lower[row], rows.upper[row]):
                place = Place(row, names[row], side, binary, columns[binary])
                curved = tuple(Form(f.columns, sign * f.matrix) for f in forms)
                yield _candidate(
                    place, sign * float(data[k]), sign * limit, index[rest].astype(np.int32),
                    sign * data[rest], is_declared, forms=curved, kind="quadratic row", why_not=why,
                )  # fmt: skip


def _enters(form: Form, column: int) -> bool:
    at = form.columns == column
    return bool(np.any(form.matrix[at] != 0))


def implied_rows(program: Program) -> Iterator[Candidate]:
    """Yield each side of each native indicator: what M would replace it is asked like that of a Big-M row."""
    implied = program.indicators
    names = [name for block in implied.blocks for name in block.element_names()]
    columns = program.column_names
    for row in range(len(implied)):
        a, b = int(implied.matrix.indptr[row]), int(implied.matrix.indptr[row + 1])
        index, data = implied.matrix.indices[a:b].astype(np.int32), implied.matrix.data[a:b]
        binary, on = int(implied.binary[row]), int(implied.on[row])
        for side, limit, sign in _sides(implied.lower[row], implied.upper[row]):
            place = Place(row, names[row], side, binary, columns[binary])
            rhs = as_decimal(sign * limit)
            yield Candidate(place, 1 - on, index, sign * data, Fraction(0), rhs, rhs, kind="indicator")
