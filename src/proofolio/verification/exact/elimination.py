"""Whether a small linear system has a point, decided in fractions.

The general simplex of Dutertre & de Moura 2006 (A fast linear-arithmetic solver for DPLL(T)): every row has
a slack :math:`s_i = a_i'x`, bounds stand on columns and slacks alike, and a basic variable outside its
bounds is moved in by a pivot; Bland's rule ends it. Slow and sure: used where the floating answer could not
be made exact.

Exact elimination for small sparse systems of equations, in fractions.

Small square linear systems solved in fractions.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import inf

from proofolio.verification.exact.certificate import Side, System
from proofolio.verification.proofs.statement import Undecidable

__all__ = ["exact_feasible", "solve_exactly", "solve_square"]


LARGEST = 4000  # bits of a numerator or denominator; beyond it the system is not "small" and is given up


def solve_exactly(
    equations: Sequence[tuple[Mapping[int, Fraction], Fraction]],
    optional: frozenset[int] = frozenset(),
    budget: int = 200_000,
) -> dict[int, Fraction] | None:
    r"""Return one solution of :math:`\sum_j a_{ij} \delta_j = b_i`, or None.

    Unknowns no equation determines are zero. Gaussian elimination with the pivot of fewest neighbours
    (Markowitz 1957), so that systems which are trees, as those of flows, fill in nothing.

    Parameters
    ----------
    equations : sequence of (coefficients by unknown, right-hand side)
    optional : frozenset of int
        Equations that may stay unsolved when they contradict the others.
    budget : int
        Number of multiplications after which the system is given up.
    """
    rows = [{j: a for j, a in coefficients.items() if a} for coefficients, _ in equations]
    sides = [side for _, side in equations]
    where: dict[int, set[int]] = {}
    for i, row in enumerate(rows):
        for j in row:
            where.setdefault(j, set()).add(i)
    waiting = set(range(len(rows)))
    order: list[tuple[int, int]] = []
    heap = [(i in optional, len(row), i) for i, row in enumerate(rows)]
    heapq.heapify(heap)
    while heap:
        _, length, i = heapq.heappop(heap)
        if i not in waiting or length != len(rows[i]):
            continue  # it has changed since, and stands in the heap again
        waiting.discard(i)
        row = rows[i]
        if not row:
            if sides[i] and i not in optional:
                return None
            continue
        pivot = min(row, key=lambda j: (len(where[j]), j))
        order.append((i, pivot))
        for k in [k for k in where[pivot] if k in waiting]:
            factor = rows[k].pop(pivot) / row[pivot]
            budget -= len(row)
            if budget < 0 or factor.denominator.bit_length() > LARGEST:
                return None
            sides[k] -= factor * sides[i]
            for j, a in row.items():
                if j == pivot:
                    continue
                value = rows[k].get(j, Fraction(0)) - factor * a
                if value:
                    rows[k][j] = value
                    where[j].add(k)
                elif j in rows[k]:
                    del rows[k][j]
                    where[j].discard(k)
            heapq.heappush(heap, (k in optional, len(rows[k]), k))
        for j in row:
            where[j].discard(i)
    solution: dict[int, Fraction] = {}
    for i, pivot in reversed(order):
        rest = sum((a * solution[j] for j, a in rows[i].items() if j in solution), Fraction(0))
        solution[pivot] = (sides[i] - rest) / rows[i][pivot]
    return solution


def solve_square(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """Return the one solution of a square system, by Gauss-Jordan elimination, or None."""
    size = len(matrix)
    if any(len(row) != size for row in matrix):
        return None
    work = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = next((i for i in range(k, size) if work[i][k] != 0), None)
        if pivot is None:
            return None
        work[k], work[pivot] = work[pivot], work[k]
        head = work[k]
        scale = head[k]
        head[k:] = [v / scale for v in head[k:]]
        for i in range(size):
            factor = work[i][k]
            if i != k and factor != 0:
                work[i] = [a - factor * b if b else a for a, b in zip(work[i], head, strict=True)]
    return [row[size] for row in work]


LARGEST_exact_simplex = 20_000  # entries of the tableau
Point = dict[int, Fraction]


def exact_feasible(system: System, deadline: float = inf) -> tuple[Point | None, Point]:
    """Return a point of the system, or None and multipliers for which `proves_empty` holds.

    Raises
    ------
    Undecidable
        For a system too large to try, or past the deadline.
    """
    n, m = len(system.lower), len(system.rows)
    if n * m > LARGEST_exact_simplex:
        raise Undecidable("a linear program is too large to be solved in fractions")
    ends: list[tuple[Side, Side]] = [system.box(j) for j in range(n)]
    ends += [(system.side(i, "lower"), system.side(i, "upper")) for i in range(m)]
    value = [low if low is not None else high if high is not None else Fraction(0) for low, high in ends[:n]]
    for low, high in ends:
        if low is not None and high is not None and low > high:
            return None, _crossed(ends, n)
    tableau: dict[int, dict[int, Fraction]] = {
        n + i: {j: a for j, a in row.items() if a} for i, row in enumerate(system.rows)
    }
    value += [sum((a * value[j] for j, a in row.items()), Fraction(0)) for row in tableau.values()]
    while True:
        if time.perf_counter() > deadline:
            raise Undecidable("the time limit was reached")
        wrong = next((b for b in sorted(tableau) if not _inside(value[b], ends[b])), None)
        if wrong is None:
            return {j: value[j] for j in range(n)}, {}
        low, high = ends[wrong]
        rising = low is not None and value[wrong] < low
        target = low if rising else high
        assert target is not None
        row = tableau[wrong]
        entering = next((j for j in sorted(row) if _movable(value[j], ends[j], (row[j] > 0) == rising)), None)
        if entering is None:
            sign = Fraction(1 if rising else -1)
            whole = {**{j: -a for j, a in row.items()}, wrong: Fraction(1)}
            return None, {k - n: -sign * a for k, a in whole.items() if k >= n}
        _pivot(tableau, value, wrong, entering, target)


def _crossed(ends: list[tuple[Side, Side]], n: int) -> Point:
    """Return the multipliers of a row whose sides cross; crossing bounds of a column need none."""
    for k, (low, high) in enumerate(ends):
        if low is not None and high is not None and low > high:
            return {k - n: Fraction(1)} if k >= n else {}
    return {}


def _inside(value: Fraction, ends: tuple[Side, Side]) -> bool:
    low, high = ends
    return (low is None or value >= low) and (high is None or value <= high)


def _movable(value: Fraction, ends: tuple[Side, Side], up: bool) -> bool:
    end = ends[1] if up else ends[0]
    return end is None or value != end


def _pivot(
    tableau: dict[int, dict[int, Fraction]],
    value: list[Fraction],
    leaving: int,
    entering: int,
    target: Fraction,
) -> None:
    """Move a basic variable to its bound, and let a nonbasic one stand for it."""
    row = tableau.pop(leaving)
    factor = row.pop(entering)
    step = (target - value[leaving]) / factor
    solved = {j: -a / factor for j, a in row.items()}
    solved[leaving] = 1 / factor
    value[leaving] = target
    value[entering] += step
    for b, other in tableau.items():
        share = other.pop(entering, None)
        if share is None:
            continue
        value[b] += share * step
        for j, a in solved.items():
            merged = other.get(j, Fraction(0)) + share * a
            if merged:
                other[j] = merged
            else:
                del other[j]
    tableau[entering] = solved
