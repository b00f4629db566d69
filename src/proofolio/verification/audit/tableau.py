r"""The linear relaxation as a simplex tableau in machine code: small programs that are asked many questions.

Variables are the columns and, as :math:`z = Ax`, the rows, each between its bounds. The tableau T says how the basic
ones follow from the nonbasic ones, :math:`v_B = T'v_N`; it starts as A'. A question changes bounds and the body that is
maximised, and goes on from the last tableau: nonbasic variables move to where they may stand, the sum of what basic
ones lack to their bounds is made zero, then the body is raised. What gains most enters (Dantzig 1963); of what blocks
within the tolerance, the largest entry leaves (Harris 1973). A nonbasic variable may stand between its bounds, and
then moves either way: so do free ones, and those whose bounds a question has just taken back.

Most entries of T are zero and a pivot touches few of them: a question takes some microseconds, where to call a solver
takes ten times that. Nothing is believed: the point and the multipliers are checked against A at the end, whoever asks
makes the bound exact, and what comes to no optimum is left to the solver.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers
from proofolio.compiled import Kernel
from proofolio.program.program import Program
from proofolio.verification.exact.lp_bounds import Freed

__all__ = ["LARGEST", "LOST", "OPEN", "OPTIMAL", "Tableau", "is_small", "maximise_kernel"]


LARGEST = 1_000_000  # entries: beyond, the first question alone can take a tenth of a second more than HiGHS
TOLERANCE = 1e-9  # of bounds, and of what a body gains; relative where they are large
AGREES = 1e-8  # the same when the answer is checked: rounding that has grown to this needs a new tableau
ZERO = 1e-13  # entries that cancelled
PIVOT = 1e-9  # the least entry that is divided by
FIRST = 2  # pivots for every variable, which the first question may take
EACH = 30  # pivots for every question: with more of them HiGHS is the faster
OPTIMAL, OPEN, LOST = 0, 1, 2  # OPEN: infeasible or unbounded; LOST: too many pivots, or too much rounding

Ends = Mapping[int, tuple[float, float]]
Indices = NDArray[np.int32]


@Kernel
def maximise_kernel(
    T: Floats, nonbasic: Integers, basic: Integers, place: Integers, v: Floats, low: Floats, high: Floats,
    pointer: Indices, indices: Indices, data: Floats, columns: Indices, values: Floats, y: Floats, most: int,
) -> tuple[int, int, float]:  # fmt: skip
    """Maximise a body from the last tableau; returns `OPTIMAL`, `OPEN` or `LOST`, the pivots it took, and the maximum.

    That is summed over the nonbasic variables, which stand exactly where they should; basic ones have been moved to and
    fro.

    Parameters
    ----------
    T : ndarray, shape (n, m)
        What a unit of each nonbasic variable adds to each basic one; changed.
    nonbasic, basic : ndarray of int, shapes (n,) and (m,)
        Columns have the numbers from 0 on, rows those from n on; changed.
    place : ndarray of int, shape (n + m,)
        Where a variable stands in `basic`, or minus one minus where in `nonbasic`; changed.
    v, low, high : ndarray, shape (n + m,)
        Values, which are changed, and bounds.
    pointer, indices, data : ndarray
        A by rows.
    columns, values : ndarray
        The body, each column once.
    y : ndarray, shape (m,)
        Zeros; filled with the multipliers of the rows, positive where upper sides push.
    most : int
        Pivots that it may take.
    """
    n, m = T.shape
    d, some, size = np.empty(n), np.empty(m, np.int64), 0.0
    for k in range(len(values)):
        size = max(size, abs(values[k]))
    _stand(T, nonbasic, basic, v, low, high)
    feasible = False
    for turn in range(most + 1):
        if not feasible:
            feasible = _gains_of_basic(T, basic, v, low, high, d)
        if feasible:
            _gains_of_body(T, place, columns, values, d)
        e = _entering(nonbasic, v, low, high, d, TOLERANCE * size if feasible else TOLERANCE)
        if e >= 0:
            done = _move(T, nonbasic, basic, place, v, low, high, e, 1.0 if d[e] > 0.0 else -1.0, some)
            if done != OPTIMAL:
                return done, turn, 0.0
        elif not feasible:
            return OPEN, turn, 0.0
        else:
            value = 0.0
            for q in range(n):
                value += d[q] * v[nonbasic[q]]
                if nonbasic[q] >= n:
                    y[nonbasic[q] - n] = d[q]
            good = _holds(v, low, high, pointer, indices, data, columns, values, y, AGREES * size)
            return OPTIMAL if good else LOST, turn, value
    return LOST, most, 0.0


@Kernel
def _stand(T: Floats, nonbasic: Integers, basic: Integers, v: Floats, low: Floats, high: Floats) -> None:
    """Move the nonbasic variables to between their bounds, and the basic ones with them."""
    for q in range(len(nonbasic)):
        j = nonbasic[q]
        by = min(max(v[j], low[j]), high[j]) - v[j]
        if by != 0.0:
            v[j] = min(max(v[j], low[j]), high[j])
            for i in range(len(basic)):
                if T[q, i] != 0.0:
                    v[basic[i]] += by * T[q, i]


@Kernel
def _gains_of_basic(T: Floats, basic: Integers, v: Floats, low: Floats, high: Floats, d: Floats) -> bool:
    """Whether the basic variables stand between their bounds; d says how fast each nonbasic one brings them there."""
    n, inside = len(d), True
    for q in range(n):
        d[q] = 0.0
    for i in range(len(basic)):
        side = _beyond(v[basic[i]], low[basic[i]], high[basic[i]])
        if side != 0.0:
            inside = False
            for q in range(n):
                d[q] -= side * T[q, i]
    return inside


@Kernel
def _beyond(value: float, low: float, high: float) -> float:
    """Return -1 below the lower bound, 1 above the upper one, else 0."""
    if value < low - TOLERANCE * max(1.0, abs(low)):
        return -1.0
    return 1.0 if value > high + TOLERANCE * max(1.0, abs(high)) else 0.0


@Kernel
def _gains_of_body(T: Floats, place: Integers, columns: Indices, values: Floats, d: Floats) -> None:
    """Let d say how fast each nonbasic variable raises the body."""
    n = len(d)
    for q in range(n):
        d[q] = 0.0
    for k in range(len(columns)):
        at = place[columns[k]]
        if at < 0:
            d[-1 - at] += values[k]
        else:
            for q in range(n):
                d[q] += values[k] * T[q, at]


@Kernel
def _entering(nonbasic: Integers, v: Floats, low: Floats, high: Floats, d: Floats, least: float) -> int:
    """Return the nonbasic variable that gains most of those that can move, -1 where none gains enough."""
    found, most = -1, least
    for q in range(len(d)):
        j = nonbasic[q]
        if abs(d[q]) > most and (v[j] < high[j] if d[q] > 0.0 else v[j] > low[j]):
            found, most = q, abs(d[q])
    return found


@Kernel
def _move(
    T: Floats, nonbasic: Integers, basic: Integers, place: Integers, v: Floats, low: Floats, high: Floats,
    e: int, sign: float, some: Integers,
) -> int:  # fmt: skip
    """Move a nonbasic variable to its other bound, or until a basic one blocks, which then leaves the basis."""
    count, shortest = 0, math.inf
    for i in range(len(basic)):
        a = sign * T[e, i]
        if a != 0.0:
            some[count] = i
            count += 1
            if abs(a) > PIVOT:
                j = basic[i]
                end = _blocks(v[j], low[j], high[j], a)
                if not math.isinf(end):
                    shortest = min(
                        shortest, (end - v[j] + math.copysign(TOLERANCE * max(1.0, abs(end)), a)) / a
                    )
    entering = nonbasic[e]
    end = high[entering] if sign > 0.0 else low[entering]
    step, r = abs(end - v[entering]), -1
    if step > shortest:
        best = 0.0
        for k in range(count):
            a = sign * T[e, some[k]]
            if abs(a) > max(best, PIVOT):
                j = basic[some[k]]
                blocks = _blocks(v[j], low[j], high[j], a)
                if not math.isinf(blocks) and (blocks - v[j]) / a <= shortest:
                    r, best, step, end = some[k], abs(a), (blocks - v[j]) / a, blocks
    elif math.isinf(step):
        return OPEN
    for k in range(count):
        v[basic[some[k]]] += step * sign * T[e, some[k]]
    if r < 0:
        v[entering] = end
        return OPTIMAL
    leaving = basic[r]
    v[entering] += step * sign
    v[leaving] = end
    _pivot(T, e, r, some, count)
    basic[r], nonbasic[e] = entering, leaving
    place[entering], place[leaving] = r, -1 - e
    return OPTIMAL


@Kernel
def _blocks(value: float, low: float, high: float, a: float) -> float:
    """Return the bound at which a basic variable that moves by a has to stop, infinite where there is none.

    One that is outside stops when it is inside, and not while it goes further away.
    """
    side = _beyond(value, low, high)
    if a > 0.0:
        return low if side < 0.0 else high if side == 0.0 else math.inf
    return high if side > 0.0 else low if side == 0.0 else math.inf


@Kernel
def _pivot(T: Floats, e: int, r: int, some: Integers, count: int) -> None:
    """Exchange a nonbasic variable, whose entries that are not zero are `some`, and a basic one."""
    pivot = T[e, r]
    for q in range(len(T)):
        if q != e and T[q, r] != 0.0:
            f = T[q, r] / pivot
            for k in range(count):
                left = T[q, some[k]] - f * T[e, some[k]]
                T[q, some[k]] = left if abs(left) > ZERO else 0.0
            T[q, r] = -f
    for k in range(count):
        T[e, some[k]] /= pivot
    T[e, r] = 1.0 / pivot


@Kernel
def _holds(
    v: Floats, low: Floats, high: Floats, pointer: Indices, indices: Indices, data: Floats, columns: Indices,
    values: Floats, y: Floats, least: float,
) -> bool:  # fmt: skip
    """Whether the values satisfy rows and bounds, and the multipliers of the rows leave no column anything to gain."""
    n = len(v) - len(y)
    d = np.zeros(n)
    for k in range(len(columns)):
        d[columns[k]] = values[k]
    for i in range(len(y)):
        body = 0.0
        for k in range(pointer[i], pointer[i + 1]):
            body += data[k] * v[indices[k]]
            d[indices[k]] -= data[k] * y[i]
        if not abs(body - v[n + i]) <= TOLERANCE * max(1.0, abs(body)):  # NaN does not hold
            return False
    for j in range(len(v)):
        if v[j] < low[j] - AGREES * max(1.0, abs(low[j])) or v[j] > high[j] + AGREES * max(1.0, abs(high[j])):
            return False
        if j < n and ((d[j] > least and v[j] < high[j]) or (d[j] < -least and v[j] > low[j])):
            return False
    return True


def is_small(program: Program) -> bool:
    """Whether a program has a tableau of a size that is worth keeping."""
    return 0 < program.n * program.m <= LARGEST


class Tableau:
    """The relaxation of one program, from question to question."""

    def __init__(self, program: Program) -> None:
        """Begin with all rows basic, and all columns at the bound that is nearest to zero."""
        self._A, self._n = program.A, program.n
        data = self._A.data.copy()  # numba compiles anew for arrays that are read-only
        self._rows = self._A.indptr.astype(np.int32), self._A.indices.astype(np.int32), data
        self._least = np.concatenate([program.lower, program.row_lower])
        self._most = np.concatenate([program.upper, program.row_upper])
        self._left = FIRST * self._least.size  # pivots; once they are used up, all questions are for HiGHS
        self._begin()

    def _begin(self) -> None:
        n, (m, _) = self._n, self._A.shape
        self._low, self._high = self._least.copy(), self._most.copy()
        self._changed: dict[int, tuple[float, float]] = {}
        x = np.clip(0.0, self._low[:n], self._high[:n])
        nonbasic, basic = np.arange(n), np.arange(n, n + m)
        place = np.concatenate([-1 - nonbasic, np.arange(m)])
        self._state = self._A.T.toarray(order="C"), nonbasic, basic, place, np.concatenate([x, self._A @ x])

    def maximise(
        self, columns: Indices, values: Floats, freed: Freed | None, boxes: Ends
    ) -> tuple[float, Floats, Floats] | None:
        """Maximise a body with one side set free and some columns given other bounds.

        Returns
        -------
        (float, ndarray, ndarray) or None
            The maximum, a point, shape (n,), and the multipliers of the rows, shape (m,), positive where upper sides
            push; None where the question is one for a solver.
        """
        said = LOST
        while self._left > 0 and said == LOST:
            self._pose(freed, boxes)
            body, y = (columns, np.array(values, dtype=float)), np.zeros(self._A.shape[0])
            said, pivots, value = maximise_kernel(
                *self._state, self._low, self._high, *self._rows, *body, y, self._left
            )
            self._left -= pivots
            if said == OPTIMAL:
                self._left += EACH
                return float(value), self._state[4][: self._n].copy(), y
            if said == LOST:
                self._left -= self._n  # a new tableau counts as a pivot for every column: this ends
                self._begin()
        return None

    def _pose(self, freed: Freed | None, boxes: Ends) -> None:
        """Take back the bounds that the last question changed, and change those of this one."""
        asked = dict(boxes)
        if freed is not None:
            k = self._n + freed[0]
            asked[k] = (-math.inf, self._most[k]) if freed[1] == "lower" else (self._least[k], math.inf)
        if asked != self._changed:
            for j in self._changed:
                self._low[j], self._high[j] = self._least[j], self._most[j]
            for j, (low, high) in asked.items():
                self._low[j], self._high[j] = low, high
            self._changed = asked
