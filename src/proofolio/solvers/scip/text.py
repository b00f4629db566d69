r"""Columns and linear rows as a text that SCIP reads: in half the time that its Python interface takes one by one.

SCIP's reader of LP files rounds numbers as Python does, so the shortest decimals that Python reads back to the same
doubles arrive as they are. It has no rows with two sides: of these the text holds the upper one.
"""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats, Integers, Sparse

__all__ = ["linear_text"]


def linear_text(
    cost: Floats, box: tuple[Floats, Floats], matrix: Sparse, sides: tuple[Floats, Floats]
) -> str:
    r"""Return :math:`\min q'x` over :math:`\ell \le Ax \le u` and bounds as LP text, without :math:`\ell` of two sides.

    Parameters
    ----------
    cost : ndarray, shape (n,)
    box : (ndarray, ndarray), shape (n,)
        Bounds, infinite where there is none.
    matrix : csr_array, shape (m, n)
    sides : (ndarray, ndarray), shape (m,)
        Of each row at least one is finite.
    """
    names = np.array([f" x{j}" for j in range(cost.size)], dtype=object)
    parts = ["Minimize\no:", *(_signed(cost) + names).tolist(), "\nSubject To"]
    terms = (_signed(matrix.data) + names[matrix.indices]).tolist()
    ends = matrix.indptr.tolist()
    for i, (low, high) in enumerate(zip(*(side.tolist() for side in sides), strict=True)):
        parts.append(f"\nr{i}:")
        parts += terms[ends[i] : ends[i + 1]]
        parts.append(
            f"\n= {low!r}" if low == high else f"\n<= {high!r}" if high < np.inf else f"\n>= {low!r}"
        )
    parts.append("\nBounds")
    other = np.flatnonzero((box[0] != 0.0) | (box[1] < np.inf))
    for j, low, high in zip(other.tolist(), *(side[other].tolist() for side in box), strict=True):
        parts.append(
            f"\nx{j} free" if low == -np.inf and high == np.inf else f"\n{low!r} <= x{j} <= {high!r}"
        )
    return "".join([*parts, "\nEnd\n"])


def _signed(values: Floats) -> Integers:
    """Return numbers as decimals with a sign, each on a line of its own."""
    different, which = np.unique(values, return_inverse=True)
    texts = [f"\n{value!r}" if value < 0.0 else f"\n+{value!r}" for value in (different + 0.0).tolist()]
    return np.array(texts, dtype=object)[which]
