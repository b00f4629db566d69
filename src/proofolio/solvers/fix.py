r"""Fixing columns: a smaller program in the columns that are left.

Fixing the indicators of a regime-switching program decides most of it: :math:`\ell z \le v \le u z` with
:math:`z = 0` fixes v at 0, a cone :math:`\|Y\|^2 \le t z` becomes :math:`Y = 0`, and an indicator becomes a
row or nothing. The affine parts of all rows stand in one matrix and are looked at together, pass after pass,
until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData, ContradictoryRows
from proofolio.program.program import Program
from proofolio.solvers.affine_parts import DROPPED, ROW, WAITING, AffineParts
from proofolio.solvers.fixed_program import smaller_program

__all__ = ["Fixed", "fix"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
# How far a decided row or a pair of bounds may be from true, relative to its own terms.
SLACK = 1e-7
# Below this a number that multiplies a cone is zero.
ZERO = 1e-12
PASSES = 100


@dataclass(frozen=True, eq=False)
class Fixed:
    """What is left of a program once columns are fixed.

    Attributes
    ----------
    small : Program or None
        The smaller program; None when a row cannot hold any more.
    columns : ndarray of int
        The columns of the original that `small` still has, in its order.
    values : ndarray
        The original's columns where they are fixed, zero where they are not.
    infeasible : str or None
        The name of a row, cone or column that cannot hold.
    """

    small: Program | None
    columns: Integers
    values: Floats
    infeasible: str | None = None

    @property
    def program(self) -> Program:
        """The smaller program; `ContradictoryRows` when there is none."""
        if self.small is None:
            raise ContradictoryRows(f"with these values {self.infeasible} cannot hold: fix other ones")
        return self.small

    def expand(self, x_small: ArrayLike) -> Floats:
        """Return the point of the original program for a point of the smaller one."""
        x = self.values.copy()
        x[self.columns] = np.asarray(x_small, dtype=float)
        return x


def fix(program: Program, columns: ArrayLike, values: ArrayLike) -> Fixed:
    """Substitute columns by values, and everything that follows from it.

    Bounds are tightened from rows with one column left, columns whose bounds meet are fixed, rows without
    columns are decided. The program left has the optimum of the original among the points with these values.
    Names are kept; a cone with a zero t or z leaves rows ``<cone>_decided``.

    Parameters
    ----------
    program : Program
    columns : array_like of int
    values : array_like
        One number for each of the columns, or one for all.

    Raises
    ------
    BadData
        For columns that do not exist, values that are not finite numbers, and numbers of them that differ.
    """
    where, given = np.asarray(columns, dtype=np.intp).ravel(), np.asarray(values, dtype=float).ravel()
    if where.size and (where.min() < 0 or where.max() >= program.n):
        raise BadData(f"columns to fix must be between 0 and {program.n - 1}")
    if given.size not in (1, where.size):
        raise BadData(f"{where.size} columns to fix need as many values (or one for all), not {given.size}")
    given = np.broadcast_to(given, where.shape)
    if not np.all(np.isfinite(given)):
        raise BadData("values to fix columns at must be finite numbers")
    deduction = _Deduction(program, where, given)
    passes = 0
    while deduction.bad is None and passes < PASSES and deduction.improve():
        passes += 1
    if deduction.bad is not None:
        return Fixed(None, np.empty(0, np.intp), deduction.point(), deduction.bad)
    kept = np.flatnonzero(~deduction.fixed | deduction.needed)
    lower, upper, sets = deduction.lower, deduction.upper, tuple(deduction.sets)
    small = smaller_program(program, deduction.parts, deduction.state, kept, lower, upper, sets)
    values_left = deduction.point()
    values_left[kept] = 0.0
    return Fixed(small, kept, values_left)


class _Deduction:
    """Bounds, fixed columns and the state of every affine part, improved in passes."""

    def __init__(self, program: Program, where: Integers, given: Floats) -> None:
        self.program = program
        self.parts = AffineParts.of(program)
        self.state = self.parts.initial_state()
        self.lower, self.upper = program.lower.copy(), program.upper.copy()
        self.bad: str | None = None
        room = SLACK * np.maximum(1.0, np.abs(given))
        outside = (given < self.lower[where] - room) | (given > self.upper[where] + room)
        if outside.any():
            self.bad = program.column_names[int(where[np.argmax(outside)])]
        self.lower[where] = self.upper[where] = given
        self.fixed = self.lower == self.upper
        self.sets = list(program.sos)
        self.needed = np.zeros(program.n, dtype=bool)
        forms = program.quadratic.forms
        counts = [sum(f.columns.size for f in entry) for entry in forms]
        self._form_row = np.repeat(np.arange(len(forms)), counts)
        self._form_columns = np.concatenate([np.empty(0, np.intp), *(f.columns for e in forms for f in e)])

    def point(self) -> Floats:
        """Return the values of the fixed columns, zero elsewhere."""
        return np.where(self.fixed, self.lower, 0.0)

    def improve(self) -> bool:
        """Make one pass; return whether anything changed."""
        parts, x = self.parts, self.point()
        free = ~self.fixed
        base = parts.matrix @ x + parts.constant
        count = parts.pattern @ free.astype(float)
        state, fixed = self.state.copy(), int(self.fixed.sum())
        self._switch_indicators()
        self._straighten_quadratics(x)
        self._decide_cones(base, count)
        self._decide_rows(base, count, x)
        if self.bad is None:
            self._tighten(base, count, free)
            self._settle_sets()
        changed = int(self.fixed.sum()) > fixed or not np.array_equal(self.state, state)
        return self.bad is None and changed

    def _switch_indicators(self) -> None:
        implied, rows = self.program.indicators, self.parts.indicators
        decided = self.fixed[implied.binary] & (self.state[rows] == WAITING)
        on = np.round(self.lower[implied.binary]) == implied.on
        self.state[rows] = np.where(decided, np.where(on, ROW, DROPPED), self.state[rows])

    def _straighten_quadratics(self, x: Floats) -> None:
        """Let quadratic rows whose curved columns are all fixed be linear rows."""
        quadratic, rows = self.program.quadratic, self.parts.quadratic
        if not len(quadratic):
            return
        free = np.bincount(self._form_row, ~self.fixed[self._form_columns], minlength=len(quadratic))
        for k in np.flatnonzero((free == 0) & (self.state[rows] == WAITING)).tolist():
            curved = sum(f.value(x) for f in quadratic.forms[k])
            self.parts.lower[rows.start + k] -= curved
            self.parts.upper[rows.start + k] -= curved
            self.state[rows.start + k] = ROW

    def _decide_cones(self, base: Floats, count: Floats) -> None:
        cones, offset = self.program.cones, self.parts.cones.start
        if not len(cones):
            return
        start = offset + cones.pointer[:-1]
        of = np.repeat(np.arange(len(cones)), np.diff(cones.pointer))
        inside = np.arange(of.size) - cones.pointer[:-1][of] >= 2
        members = slice(offset, offset + of.size)
        unknown = np.bincount(of, count[members] > 0, minlength=len(cones))
        unknown_inside = np.bincount(of, (count[members] > 0) & inside, minlength=len(cones))
        squares = np.bincount(of, np.where(inside, base[members] ** 2, 0.0), minlength=len(cones))
        t, z = base[start], base[start + 1]
        flat = ((count[start] == 0) & (t <= ZERO)) | ((count[start + 1] == 0) & (z <= ZERO))
        flat |= (unknown_inside == 0) & (squares == 0.0)
        waiting = self.state[start] == WAITING
        # With all members known, the cone is true or false as it stands.
        known = waiting & (unknown == 0) & ~flat
        false = known & (squares > t * z + SLACK * np.maximum(squares, np.abs(t * z)))
        if false.any():
            self.bad = self.parts.name(int(start[np.argmax(false)]))
        self.state[members][known[of]] = DROPPED
        self.state[members][(waiting & flat)[of]] = ROW

    def _decide_rows(self, base: Floats, count: Floats, x: Floats) -> None:
        decided = np.flatnonzero((self.state == ROW) & (count == 0))
        low, high, value = self.parts.lower[decided], self.parts.upper[decided], base[decided]
        size = abs(self.parts.matrix[decided]) @ np.abs(x) if decided.size else value
        for side in (low, high):
            size = np.maximum(size, np.where(np.isfinite(side), np.abs(side), 0.0))
        false = (value < low - SLACK * size - ZERO) | (value > high + SLACK * size + ZERO)
        if false.any():
            self.bad = self.parts.name(int(decided[np.argmax(false)]))
        self.state[decided] = DROPPED

    def _tighten(self, base: Floats, count: Floats, free: Any) -> None:
        """Turn rows with one column left into bounds, and fix the columns whose bounds meet."""
        single = np.flatnonzero((self.state == ROW) & (count == 1))
        if single.size:
            part = self.parts.matrix[single]
            mine = free[part.indices] & (part.data != 0.0)
            j, a = part.indices[mine], part.data[mine]
            with np.errstate(invalid="ignore", over="ignore"):
                first = (self.parts.lower[single] - base[single]) / a
                last = (self.parts.upper[single] - base[single]) / a
            low, high = np.where(a > 0, first, last), np.where(a > 0, last, first)
            # a side beyond the largest number is no bound: such a row stays a row
            told = (low < np.inf) & (high > -np.inf)
            single, j, low, high = single[told], j[told], low[told], high[told]
            whole = self.program.integer[j]
            low[whole], high[whole] = np.ceil(low[whole] - SLACK), np.floor(high[whole] + SLACK)
            np.maximum.at(self.lower, j, low)
            np.minimum.at(self.upper, j, high)
            self.state[single] = DROPPED
            room = SLACK * np.maximum(np.abs(self.lower[j]), np.abs(self.upper[j])) + ZERO
            crossed = self.lower[j] > self.upper[j] + room
            if crossed.any():
                self.bad = self.parts.name(int(single[np.argmax(crossed)]))
                return
        width = self.upper - self.lower
        met = ~self.fixed & np.isfinite(width)
        met[met] = width[met] <= ZERO * np.maximum(1.0, np.abs(self.lower[met]))
        middle = 0.5 * (self.lower[met] + self.upper[met])
        middle[(self.lower[met] == 0.0) | (self.upper[met] == 0.0)] = 0.0
        self.lower[met] = self.upper[met] = middle
        self.fixed |= met

    def _settle_sets(self) -> None:
        """Fix the columns that a nonzero member forces to zero; keep the sets that still say something."""
        left = []
        self.needed[:] = False
        for group in self.sets:
            order = np.argsort(group.weights, kind="stable")
            columns, position = group.columns[order], np.arange(order.size)
            nonzero = position[self.fixed[columns] & (self.lower[columns] != 0.0)]
            far = np.abs(position[:, None] - nonzero).max(axis=1, initial=0) >= group.kind
            banned = columns[far]
            if np.any((self.lower[banned] > 0.0) | (self.upper[banned] < 0.0)):
                self.bad = group.name
                return
            self.lower[banned] = self.upper[banned] = 0.0
            self.fixed[banned] = True
            open_ended = position[~self.fixed[columns] | (self.lower[columns] != 0.0)]
            if open_ended.size and np.ptp(open_ended) >= group.kind:
                left.append(group)
                self.needed[columns] = True
        self.sets = left
