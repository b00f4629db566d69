r"""Block tridiagonal equations with diagonal neighbours and one budget a period, as loops over small arrays.

.. math::
    (F P_t + B_t + D_t + D_{t+1}) \delta_t - D_t \delta_{t-1} - D_{t+1} \delta_{t+1} + 1 \nu_t = r_t,
    \qquad 1'\delta_t = 0

with a number F, matrices P and diagonals B (barriers) and D (ties). `factor` and `substitute` eliminate forward in
time as `proofolio.solvers.quadratic.multiperiod` does by LAPACK: each block is inverted in place by symmetric
Gauss-Jordan elimination; of the last period, whose inverse nobody needs, the factors LDL' are enough.
"""

from __future__ import annotations

from proofolio.arrays import Floats
from proofolio.compiled import Kernel

__all__ = ["factor", "factorised", "substitute", "times_matrices"]


@Kernel
def times_matrices(scale: float, matrices: Floats, W: Floats, product: Floats) -> None:
    """Fill (H, n) `product` with the symmetric `matrices` (H, n, n) times W, times the scale."""
    H, n = W.shape
    for t in range(H):
        for i in range(n):
            product[t, i] = 0.0
        for j in range(n):
            w = scale * W[t, j]
            for i in range(n):
                product[t, i] += matrices[t, j, i] * w


@Kernel
def factorised(A: Floats) -> bool:
    """Replace the upper triangle of A (n, n) by that of DL', A = LDL'; return whether every pivot is above zero."""
    n = A.shape[0]
    for k in range(n):
        pivot = A[k, k]
        if not pivot > 0.0:
            return False
        for i in range(k + 1, n):
            share = A[k, i] / pivot
            for j in range(i, n):
                A[i, j] -= share * A[k, j]
    return True


@Kernel
def _solve(A: Floats, x: Floats) -> None:
    """Solve in place with the factors of `factorised`."""
    n = A.shape[0]
    for k in range(n):
        x[k] /= A[k, k]
        known = x[k]
        for i in range(k + 1, n):
            x[i] -= A[k, i] * known
    for k in range(n - 2, -1, -1):
        left = 0.0
        for i in range(k + 1, n):
            left += A[k, i] * x[i]
        x[k] -= left / A[k, k]


@Kernel
def _invert_on_plane(A: Floats, column: Floats, sums: Floats) -> bool:
    """Replace A (n, n), of which the upper triangle is read, by its inverse on the plane of zero sums.

    With the inverse B that is B less r r' / 1'r, r = B1. Return whether every pivot is above zero.
    """
    n = A.shape[0]
    for k in range(n):
        pivot = A[k, k]
        if not pivot > 0.0:
            return False
        for i in range(k):
            column[i] = A[i, k]
        for i in range(k + 1, n):
            column[i] = A[k, i]
        column[k] = 0.0
        for i in range(n):
            share = column[i] / pivot
            for j in range(i, n):
                A[i, j] -= share * column[j]
        for i in range(k):
            A[i, k] = column[i] / pivot
        for i in range(k + 1, n):
            A[k, i] = column[i] / pivot
        A[k, k] = -1.0 / pivot
    for i in range(n):
        sums[i] = 0.0
    for i in range(n):
        sums[i] += A[i, i]
        for j in range(i + 1, n):
            sums[i] += A[i, j]
            sums[j] += A[i, j]
    total = 0.0
    for i in range(n):
        total += sums[i]
    for i in range(n):
        share = sums[i] / total
        for j in range(i, n):
            A[i, j] = share * sums[j] - A[i, j]
        for j in range(i + 1, n):
            A[j, i] = A[i, j]
    return True


@Kernel
def factor(
    scale: float, matrices: Floats, barrier: Floats, tied: Floats, blocks: Floats, sides: Floats
) -> bool:
    """Put into each of the blocks (H, n, n) the inverse on the plane of zero sums, into the last the factors.

    `sides` is (2, n): what the last block's inverse makes of ones, after work of another kind.
    """
    H, n = barrier.shape
    for t in range(H):
        A = blocks[t]
        for i in range(n):
            for j in range(i, n):
                A[i, j] = scale * matrices[t, i, j]
            if t > 0:
                own = tied[t, i]
                for j in range(i, n):
                    A[i, j] -= own * blocks[t - 1, i, j] * tied[t, j]
            A[i, i] += barrier[t, i] + tied[t, i]
            if t < H - 1:
                A[i, i] += tied[t + 1, i]
        if t < H - 1:
            if not _invert_on_plane(A, sides[0], sides[1]):
                return False
        elif not factorised(A):
            return False
    for i in range(n):
        sides[0, i] = 1.0
    _solve(blocks[H - 1], sides[0])
    return True


@Kernel
def substitute(blocks: Floats, tied: Floats, sides: Floats, right: Floats, found: Floats) -> None:
    """Solve the equations whose blocks `factor` made for a right-hand side (H, n), which is used up."""
    H, n = right.shape
    for t in range(H):
        if t > 0:
            for i in range(n):
                right[t, i] += tied[t, i] * found[t - 1, i]
        if t < H - 1:
            for i in range(n):
                found[t, i] = 0.0
            for j in range(n):
                each = right[t, j]
                for i in range(n):
                    found[t, i] += blocks[t, j, i] * each
    last = right[H - 1]
    _solve(blocks[H - 1], last)
    total = whole = 0.0
    for i in range(n):
        total += last[i]
        whole += sides[0, i]
    for i in range(n):
        found[H - 1, i] = last[i] - total / whole * sides[0, i]
    for t in range(H - 2, -1, -1):
        for j in range(n):
            each = tied[t + 1, j] * found[t + 1, j]
            for i in range(n):
                found[t, i] += blocks[t, j, i] * each
