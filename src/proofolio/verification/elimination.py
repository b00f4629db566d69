"""Exact elimination for small sparse systems of equations, in fractions."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction

__all__ = ["solve_exactly"]

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
