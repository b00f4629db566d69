"""The simplex method in fractions: feasible or not, and the optimum, for linear programs small enough.

The general simplex of Dutertre & de Moura 2006 (A fast linear-arithmetic solver for DPLL(T)): bounds stand on columns
and rows alike, a row being a variable too, the sum it stands for; a basic variable outside its bounds is moved in by a
pivot. Then the objective is raised. Bland's rule ends both phases. It is slow and always right: it is used where a
solver's floating answer could not be made exact. What comes out is checked by
`proofolio.verification.exact.certificate` like any other point and multipliers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from proofolio.verification.exact.certificate import Row, Side, System, Undecidable
from proofolio.verification.exact.in_time import check_time

__all__ = ["Optimum", "exact_feasible", "exact_maximum"]

LARGEST = 20_000  # rows times columns: larger tableaus take minutes in fractions, where HiGHS and a repair take none
ZERO, ONE = Fraction(0), Fraction(1)
Ends = tuple[Side, Side]


@dataclass(frozen=True)
class Optimum:
    """The maximum of a linear function over a system.

    Attributes
    ----------
    status : str
        ``"optimal"``, ``"empty"`` or ``"unbounded"``.
    value : Fraction or None
    point : dict
        The optimal point; where it is unbounded, a point from which the function grows for ever.
    multipliers : dict from row to Fraction
        Those for which `certificate.bound` is the value, or `certificate.proves_empty` holds.
    ray : dict
        The direction in which it grows.
    """

    status: str
    value: Fraction | None
    point: dict[int, Fraction]
    multipliers: dict[int, Fraction]
    ray: dict[int, Fraction]


def exact_feasible(
    system: System, deadline: float = inf
) -> tuple[dict[int, Fraction] | None, dict[int, Fraction]]:
    """Return a point of the system, or None and multipliers for which `proves_empty` holds.

    Raises
    ------
    Undecidable
        For a system too large to try, or past the deadline.
    """
    best = exact_maximum(system, {}, deadline)
    if best.status == "empty":
        return None, best.multipliers
    return {j: best.point.get(j, ZERO) for j in range(len(system.lower))}, {}


def exact_maximum(system: System, c: Row, deadline: float = inf, largest: int = LARGEST) -> Optimum:
    """Maximise c'x over a system in fractions.

    Raises
    ------
    Undecidable
        For a system with more than `largest` possible entries, or past the deadline (of `time.perf_counter`).
    """
    n, m = len(system.lower), len(system.rows)
    if n * m > largest:
        raise Undecidable("a linear program is too large to be solved in fractions")
    return _Tableau(system, deadline).maximise(c)


class _Tableau:
    """Rows of basic variables in terms of the others; variables are the columns, then the rows."""

    def __init__(self, system: System, deadline: float) -> None:
        self.n, m = len(system.lower), len(system.rows)
        self.deadline = deadline
        self.ends: list[Ends] = [system.box(j) for j in range(self.n)]
        self.ends += [(system.side(i, "lower"), system.side(i, "upper")) for i in range(m)]
        self.rows: dict[int, dict[int, Fraction]] = {
            self.n + i: {j: a for j, a in row.items() if a} for i, row in enumerate(system.rows)
        }
        self.value = [
            low if low is not None else high if high is not None else ZERO
            for low, high in self.ends[: self.n]
        ]
        self.value += [sum((a * self.value[j] for j, a in row.items()), ZERO) for row in self.rows.values()]

    def maximise(self, c: Row) -> Optimum:
        empty = self._feasible()
        if empty is not None:
            return Optimum("empty", None, {}, empty, {})
        while True:
            self._in_time()
            gain = self._gains(c)
            moving = next((j for j in sorted(gain) if self._free(j, gain[j] > 0)), None)
            if moving is None:
                value = sum((a * self.value[j] for j, a in c.items()), ZERO)
                return Optimum(
                    "optimal",
                    value,
                    self._point(),
                    {k - self.n: a for k, a in gain.items() if k >= self.n},
                    {},
                )
            up = gain[moving] > 0
            step, blocking = self._step(moving, up)
            if step is None:
                return Optimum("unbounded", None, self._point(), {}, self._ray(moving, up))
            if blocking == moving:
                self._shift(moving, step if up else -step)
                continue
            rising = (self.rows[blocking][moving] > 0) == up
            target = self.ends[blocking][1 if rising else 0]
            assert target is not None
            self._pivot(blocking, moving, target)

    def _feasible(self) -> dict[int, Fraction] | None:
        """Make every basic variable lie within its bounds; multipliers that prove it cannot be done, or None."""
        for k, (low, high) in enumerate(self.ends):
            if low is not None and high is not None and low > high:
                return {k - self.n: ONE} if k >= self.n else {}
        while True:
            self._in_time()
            wrong = next((b for b in sorted(self.rows) if not self._inside(b)), None)
            if wrong is None:
                return None
            low, high = self.ends[wrong]
            rising = low is not None and self.value[wrong] < low
            target = low if rising else high
            assert target is not None
            row = self.rows[wrong]
            moving = next((j for j in sorted(row) if self._free(j, (row[j] > 0) == rising)), None)
            if moving is None:
                sign = -ONE if rising else ONE
                whole = {**{j: -a for j, a in row.items()}, wrong: ONE}
                return {k - self.n: sign * a for k, a in whole.items() if k >= self.n}
            self._pivot(wrong, moving, target)

    def _gains(self, c: Row) -> dict[int, Fraction]:
        """The objective in terms of the variables outside the basis."""
        gain: dict[int, Fraction] = {}
        for j, a in c.items():
            for k, b in self.rows[j].items() if j in self.rows else ((j, ONE),):
                gain[k] = gain.get(k, ZERO) + a * b
        return {k: a for k, a in gain.items() if a}

    def _step(self, moving: int, up: bool) -> tuple[Fraction | None, int]:
        """How far a variable can move, None for ever, and which variable stops it first."""
        best: Fraction | None = None
        blocking = moving
        end = self.ends[moving][1 if up else 0]
        if end is not None:
            best = abs(end - self.value[moving])
        for b, row in self.rows.items():
            a = row.get(moving)
            if a is None:
                continue
            stop = self.ends[b][1 if (a > 0) == up else 0]
            if stop is None:
                continue
            length = abs((stop - self.value[b]) / a)
            if best is None or length < best or (length == best and b < blocking):
                best, blocking = length, b
        return best, blocking

    def _shift(self, moving: int, by: Fraction) -> None:
        self.value[moving] += by
        for b, row in self.rows.items():
            if moving in row:
                self.value[b] += row[moving] * by

    def _pivot(self, leaving: int, entering: int, target: Fraction) -> None:
        """Move a basic variable to a value, and let another one stand for it."""
        row = self.rows.pop(leaving)
        factor = row.pop(entering)
        step = (target - self.value[leaving]) / factor
        solved = {j: -a / factor for j, a in row.items()}
        solved[leaving] = ONE / factor
        self.value[leaving] = target
        self.value[entering] += step
        for b, other in self.rows.items():
            share = other.pop(entering, None)
            if share is None:
                continue
            check_time()
            self.value[b] += share * step
            for j, a in solved.items():
                merged = other.get(j, ZERO) + share * a
                if merged:
                    other[j] = merged
                else:
                    other.pop(j, None)
        self.rows[entering] = solved

    def _inside(self, k: int) -> bool:
        low, high = self.ends[k]
        return (low is None or self.value[k] >= low) and (high is None or self.value[k] <= high)

    def _free(self, j: int, up: bool) -> bool:
        end = self.ends[j][1 if up else 0]
        return end is None or self.value[j] != end

    def _point(self) -> dict[int, Fraction]:
        return {j: v for j, v in enumerate(self.value[: self.n]) if v}

    def _ray(self, moving: int, up: bool) -> dict[int, Fraction]:
        sign = ONE if up else -ONE
        ray = {b: sign * row[moving] for b, row in self.rows.items() if moving in row and b < self.n}
        return ray | ({moving: sign} if moving < self.n else {})

    def _in_time(self) -> None:
        if time.perf_counter() > self.deadline:
            raise Undecidable("the time limit was reached")
