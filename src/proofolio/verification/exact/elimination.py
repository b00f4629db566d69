"""The one Gaussian elimination in fractions: sparse systems of linear equations, solved exactly.

It solves the equations that an almost feasible point should meet, the equations that repair a solver's
multipliers, the square system of a basis, and the stationary point of a quadratic form. The simplex method in
fractions (`proofolio.verification.exact.simplex`) is apart: it pivots on bounds.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import inf
from time import perf_counter

from proofolio.verification.exact.in_time import check_time

__all__ = ["solve_exactly", "solve_square"]


# A system whose numbers grow beyond these is given up: that costs its caller a bound or a point, never their truth.
LARGEST = 4000  # bits of a factor's denominator
BUDGET = 200_000  # multiplications of fractions: well under a second each time while they are short
Equation = tuple[Mapping[int, Fraction], Fraction]


def solve_exactly(
    equations: Sequence[Equation],
    optional: frozenset[int] = frozenset(),
    budget: float = BUDGET,
    largest: float = LARGEST,
    ends: float = inf,
) -> dict[int, Fraction] | None:
    r"""Return one solution of :math:`\sum_j a_{ij} \delta_j = b_i`, or None.

    Unknowns that no equation determines are zero and not in the answer. Gaussian elimination with the pivot of
    fewest neighbours
    (Markowitz 1957), so that systems which are trees, as those of flows, fill in nothing.

    Parameters
    ----------
    equations : sequence of (coefficients by unknown, right-hand side)
    optional : frozenset of int
        Equations that may stay unsolved when they contradict the others.
    budget : float
        Number of multiplications after which the system is given up.
    largest : float
        Bits of a denominator beyond which the system is given up.
    ends : float
        Time of `time.perf_counter` at which the system is given up.
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
            check_time()
            factor = rows[k].pop(pivot) / row[pivot]
            budget -= len(row)
            if budget < 0 or factor.denominator.bit_length() > largest or perf_counter() > ends:
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
        check_time()
        rest = sum((a * solution[j] for j, a in rows[i].items() if j in solution), Fraction(0))
        solution[pivot] = (sides[i] - rest) / rows[i][pivot]
    return solution


def solve_square(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """Return the one solution of a square system; None when it is not square or has not exactly one."""
    size = len(matrix)
    if any(len(row) != size for row in matrix):
        return None
    equations = [({j: a for j, a in enumerate(row) if a}, b) for row, b in zip(matrix, right, strict=True)]
    solution = solve_exactly(equations, budget=inf, largest=inf)
    return None if solution is None or len(solution) < size else [solution[j] for j in range(size)]
