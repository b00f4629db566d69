r"""Fixing columns: a smaller program in the columns that are left.

Fixing the indicators of a regime-switching program decides most of it: :math:`\ell z \le v \le u z` with
:math:`z = 0` fixes v at 0, a cone :math:`\|Y\|^2 \le t z` becomes :math:`Y = 0`, and an indicator becomes a
row or nothing. The affine parts of all rows stand in one matrix and are looked at together, pass after pass,
until nothing changes.

The affine parts of all of a program's rows in one matrix, and what has become of each.

The smaller program made of what is left when columns are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import BadData, ContradictoryRows
from proofolio.program.program import (
    Block,
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    RowBlock,
    SpecialOrderedSet,
    Switch,
    element_name,
)
from proofolio.program.quadratic import Form

__all__ = ["DROPPED", "ROW", "WAITING", "AffineParts", "Fixed", "KeptBlock", "fix", "smaller_program"]


# An affine part is a row in force, part of something that is not decided yet, or gone.
ROW, WAITING, DROPPED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class AffineParts:
    """All affine parts, ``lower <= matrix x + constant <= upper``: rows, implied rows, quadratic rows, cones.

    The sides of a part that is not a row of its own are those it will have if it becomes one: zero for the
    members Y of a cone, at least zero for t and z.
    """

    program: Program
    matrix: Sparse
    pattern: Sparse
    constant: Floats
    lower: Floats
    upper: Floats
    indicators: slice
    quadratic: slice
    cones: slice

    @classmethod
    def of(cls, program: Program) -> AffineParts:
        """Stack the parts of a program."""
        implied, quadratic, cones = program.indicators, program.quadratic, program.cones
        ends = np.cumsum([program.m, len(implied), len(quadratic), cones.constant.size]).tolist()
        matrix = sparse.vstack([program.A, implied.matrix, quadratic.matrix, cones.matrix], format="csr")
        pattern = sparse.csr_array(
            ((matrix.data != 0.0).astype(float), matrix.indices, matrix.indptr), shape=matrix.shape
        )
        high = np.zeros(cones.constant.size)
        high[cones.pointer[:-1]] = high[cones.pointer[:-1] + 1] = np.inf
        return cls(
            program,
            matrix,
            pattern,
            np.concatenate([np.zeros(ends[2]), cones.constant]),
            np.concatenate([program.row_lower, implied.lower, quadratic.lower, np.zeros(high.size)]),
            np.concatenate([program.row_upper, implied.upper, quadratic.upper, high]),
            slice(ends[0], ends[1]),
            slice(ends[1], ends[2]),
            slice(ends[2], ends[3]),
        )

    def initial_state(self) -> NDArray[np.int8]:
        """Return the state of every part before anything is known."""
        state = np.full(self.constant.size, WAITING, dtype=np.int8)
        state[: self.program.m] = ROW
        return state

    def name(self, part: int) -> str:
        """Return the name of the row, indicator, quadratic row or cone a part belongs to."""
        p = self.program
        if part >= self.cones.start:
            part = int(np.searchsorted(p.cones.pointer, part - self.cones.start, side="right")) - 1
            blocks = p.cones.blocks
        elif part >= self.quadratic.start:
            part, blocks = part - self.quadratic.start, p.quadratic.blocks
        elif part >= self.indicators.start:
            part, blocks = part - self.indicators.start, p.indicators.blocks
        else:
            blocks = p.rows
        block = next(b for b in blocks if b.rows.start <= part < b.rows.stop)
        at = np.unravel_index(int(block.positions[part - block.start]), block.shape)
        return element_name(block.name, tuple(int(i) for i in at))


@dataclass(frozen=True, eq=False)
class KeptBlock(Block):
    """What is left of a block of variables: a flat array of the elements at `positions` of the `whole`."""

    positions: Integers
    whole: tuple[int, ...]

    def element_names(self) -> Iterator[str]:
        """Yield the names the elements had in the whole block."""
        for indices in zip(*(a.tolist() for a in np.unravel_index(self.positions, self.whole)), strict=True):
            yield element_name(self.name, indices)


def smaller_program(
    program: Program,
    parts: AffineParts,
    state: NDArray[np.int8],
    kept: Integers,
    lower: Floats,
    upper: Floats,
    sets: tuple[SpecialOrderedSet, ...],
) -> Program:
    """Return the program in the kept columns; the others are at `lower`."""
    x = lower.copy()
    x[kept] = 0.0
    base = parts.matrix @ x + parts.constant
    new = np.full(program.n, -1, dtype=np.intp)
    new[kept] = np.arange(kept.size)

    def body(chosen: Any) -> Any:
        return parts.matrix[np.flatnonzero(chosen)][:, kept]

    rows = state == ROW
    P = sparse.csc_array(program.P)
    pull = P @ x
    return Program(
        P=P[:, kept][kept],
        q=(program.q + pull)[kept],
        c=float(program.c + program.q @ x + 0.5 * x @ pull),
        A=body(rows),
        row_lower=(parts.lower - base)[rows],
        row_upper=(parts.upper - base)[rows],
        lower=lower[kept],
        upper=upper[kept],
        integer=program.integer[kept],
        variables=_kept_variables(program, new),
        rows=_kept_rows(parts, rows, new),
        quadratic=_kept_quadratics(parts, state, new, x, base, kept),
        cones=_kept_cones(parts, state, base, body),
        indicators=_kept_indicators(parts, state, new, base, body),
        sos=tuple(SpecialOrderedSet(s.name, s.kind, new[s.columns], s.weights) for s in sets),
        maximise=program.maximise,
        name=program.name,
    )


def _kept_variables(program: Program, new: Integers) -> tuple[Block, ...]:
    blocks: list[Block] = []
    before = [0, *np.cumsum(new >= 0).tolist()]  # how many columns are left before each
    for block in program.variables:
        start, count = before[block.start], before[block.start + block.size] - before[block.start]
        if count == block.size and not isinstance(block, KeptBlock):
            blocks.append(Block(block.name, block.shape, start))
        elif count:
            left = np.flatnonzero(new[block.start : block.start + block.size] >= 0)
            positions, whole = (
                (block.positions[left], block.whole) if isinstance(block, KeptBlock) else (left, block.shape)
            )
            blocks.append(KeptBlock(block.name, (count,), start, positions, whole))
    return tuple(blocks)


def _selected(
    blocks: tuple[RowBlock, ...], chosen: Any, start: int, new: Integers | None = None
) -> list[RowBlock]:
    """Return the blocks of the chosen rows, which stand from `start` on."""
    found = []
    before = [0, *np.cumsum(chosen).tolist()]  # how many rows are chosen before each
    for block in blocks:
        first = before[block.start]
        if before[block.start + block.size] > first:
            keep = chosen[block.rows]
            switch = None if new is None else _kept_switch(block.switch, keep, new)
            found.append(RowBlock(block.name, block.shape, start + first, block.positions[keep], switch))
    return found


def _kept_switch(switch: Switch | None, keep: Any, new: Integers) -> Switch | None:
    if switch is None or np.any(new[switch.binary[keep]] < 0):
        return None
    s = switch.take(keep)
    return Switch(s.construct, new[s.binary], s.on, s.big_m, s.tier)


def _kept_rows(parts: AffineParts, rows: Any, new: Integers) -> tuple[RowBlock, ...]:
    p = parts.program
    counts = [int(rows[s].sum()) for s in (slice(0, p.m), parts.indicators, parts.quadratic)]
    found = _selected(p.rows, rows[: p.m], 0, new)
    found += _selected(p.indicators.blocks, rows[parts.indicators], counts[0])
    found += _selected(p.quadratic.blocks, rows[parts.quadratic], sum(counts[:2]))
    start = sum(counts)
    for block in p.cones.blocks:
        first, last = p.cones.pointer[block.start], p.cones.pointer[block.start + block.size]
        left = np.flatnonzero(rows[parts.cones][first:last])
        if left.size:
            found.append(RowBlock(f"{block.name}_decided", (int(last - first),), start, left))
        start += left.size
    return tuple(found)


def _kept_indicators(parts: AffineParts, state: Any, new: Integers, base: Floats, body: Any) -> Indicators:
    p, left = parts.program, state == WAITING
    left[: parts.indicators.start] = left[parts.indicators.stop :] = False
    mine = left[parts.indicators]
    return Indicators(
        new[p.indicators.binary[mine]],
        p.indicators.on[mine],
        body(left),
        (parts.lower - base)[left],
        (parts.upper - base)[left],
        tuple(_selected(p.indicators.blocks, mine, 0)),
    )


def _kept_cones(parts: AffineParts, state: Any, base: Floats, body: Any) -> Cones:
    p, left = parts.program, state == WAITING
    left[: parts.cones.start] = False
    mine = left[parts.cones][p.cones.pointer[:-1]]
    lengths = np.diff(p.cones.pointer)[mine]
    pointer = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    return Cones(body(left), base[left], pointer, tuple(_selected(p.cones.blocks, mine, 0)))


def _kept_quadratics(
    parts: AffineParts, state: Any, new: Integers, x: Floats, base: Floats, kept: Integers
) -> QuadraticRows:
    r"""Substitute: x'Mx = k'M_kk k + 2 f'M_fk k + f'M_ff f over kept and fixed columns k, f."""
    p = parts.program
    mine = np.flatnonzero(state[parts.quadratic] == WAITING)
    pulls = np.zeros((mine.size, p.n))
    constants = base[parts.quadratic][mine].copy()
    forms: list[tuple[Form, ...]] = []
    shared: dict[tuple[int, bytes], Floats] = {}
    for row, k in enumerate(mine.tolist()):
        entry = []
        for f in p.quadratic.forms[k]:
            columns = new[f.columns]
            left = columns >= 0
            fixed = x[f.columns[~left]]
            if not left.all():
                pulls[row, f.columns[left]] += 2.0 * (fixed @ f.matrix[np.ix_(~left, left)])
                constants[row] += float(fixed @ f.matrix[np.ix_(~left, ~left)] @ fixed)
            if left.any():
                # Rows that shared a matrix share what is left of it, so its convexity is decided once.
                key = (id(f.matrix), left.tobytes())
                matrix = shared.setdefault(key, f.matrix if left.all() else f.matrix[np.ix_(left, left)])
                entry.append(Form(columns[left], matrix))
        forms.append(tuple(entry))
    matrix = parts.matrix[parts.quadratic.start + mine][:, kept] + sparse.csr_array(pulls[:, kept])
    waiting = state[parts.quadratic] == WAITING
    return QuadraticRows(
        sparse.csr_array(matrix),
        tuple(forms),
        parts.lower[parts.quadratic][mine] - constants,
        parts.upper[parts.quadratic][mine] - constants,
        tuple(_selected(p.quadratic.blocks, waiting, 0)),
    )


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
            finite = (low < np.inf) & (high > -np.inf)
            single, j, low, high = single[finite], j[finite], low[finite], high[finite]
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
