"""Small square linear systems solved in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

__all__ = ["solve_square"]


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
