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

__all__ = ["factor", "factorised", "solve", "substitute", "times_matrices"]


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
    """Replace the upper triangle of A (n, n) by that of DL', A = LDL'; return whether every pivot is above zero.

    Two rows at a time: half as often as one by one are the others read and written.
    """
    n = A.shape[0]
    for k in range(0, n, 2):
        one = A[k, k]
        if not one > 0.0:
            return False
        if k + 1 == n:
            break
        share = A[k, k + 1] / one
        for j in range(k + 1, n):
            A[k + 1, j] -= share * A[k, j]
        other = A[k + 1, k + 1]
        if not other > 0.0:
            return False
        for i in range(k + 2, n):
            of_one, of_other = A[k, i] / one, A[k + 1, i] / other
            for j in range(i, n):
                A[i, j] -= of_one * A[k, j] + of_other * A[k + 1, j]
    return True


@Kernel
def solve(A: Floats, x: Floats) -> None:
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
def _invert_on_plane(A: Floats, columns: Floats, sums: Floats) -> bool:
    """Replace A (n, n), of which the upper triangle is read, by its inverse on the plane of zero sums.

    With the inverse B that is B less r r' / 1'r, r = B1. Return whether every pivot is above zero. Gauss-Jordan
    elimination by blocks of two pivots, which leaves -B; `columns` (2, n) is room for theirs.
    """
    n = A.shape[0]
    for k in range(0, n, 2):
        last = k + 1 == n
        one = A[k, k]
        share = 0.0 if last else A[k, k + 1] / one
        other = 1.0 if last else A[k + 1, k + 1] - share * A[k, k + 1]
        if not (one > 0.0 and other > 0.0):
            return False
        for i in range(n):
            if i < k:
                columns[0, i], columns[1, i] = A[i, k], 0.0 if last else A[i, k + 1]
            elif i > k + 1:
                columns[0, i], columns[1, i] = A[k, i], A[k + 1, i]
            else:
                columns[0, i] = columns[1, i] = 0.0
        for i in range(n):
            of_other = (columns[1, i] - share * columns[0, i]) / other
            of_one = columns[0, i] / one - share * of_other
            for j in range(i, n):
                A[i, j] -= of_one * columns[0, j] + of_other * columns[1, j]
            if i < k:
                A[i, k] = of_one
                if not last:
                    A[i, k + 1] = of_other
            elif i > k + 1:
                A[k, i], A[k + 1, i] = of_one, of_other
        A[k, k] = -1.0 / one
        if not last:
            A[k, k] -= share * share / other
            A[k, k + 1], A[k + 1, k + 1] = share / other, -1.0 / other
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

    `sides` is (3, n): its first row is what the last block's inverse makes of ones, the others are room for work.
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
            if not _invert_on_plane(A, sides[1:], sides[0]):
                return False
        elif not factorised(A):
            return False
    for i in range(n):
        sides[0, i] = 1.0
    solve(blocks[H - 1], sides[0])
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
    solve(blocks[H - 1], last)
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
