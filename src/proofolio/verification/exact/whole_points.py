r"""Points as integers over one denominator, checked against all rows at once in 64 bits.

A solver's point :math:`x` is rounded to :math:`n / L` with L a multiple of the denominator of all sides and bounds, so
that whatever lies on one stays there. Whether :math:`n / L` satisfies every row is then a product of integers, which
`proofolio.verification.exact.lp_bounds.WholeRows` computes where it certainly fits into 64 bits.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.verification.exact.lp_bounds import ExactRows, Freed
from proofolio.verification.exact.points import broken_beyond

__all__ = ["WholePoint", "whole_point"]


FINER = (1, 1_000, 1_000_000)  # how much finer than the sides a point's grid is, one after the other
FITS = 2.0**52  # numerators that a rounded double gives exactly


class WholePoint(Mapping[int, Fraction]):
    """The nonzero values of a point by column; 12 bytes each, because thousands of points are kept."""

    __slots__ = ("columns", "denominator", "numerators")

    def __init__(self, numerators: NDArray[np.int64], denominator: int) -> None:
        self.columns = np.flatnonzero(numerators).astype(np.int32)
        self.numerators, self.denominator = numerators[self.columns], denominator

    def __len__(self) -> int:
        return self.columns.size

    def __iter__(self) -> Iterator[int]:
        return iter(self.columns.tolist())

    def __getitem__(self, j: int) -> Fraction:
        k = int(np.searchsorted(self.columns, j))
        if k == self.columns.size or self.columns[k] != j:
            raise KeyError(j)
        return Fraction(int(self.numerators[k]), self.denominator)

    def items(self) -> ItemsView[int, Fraction]:
        """Return pairs of column and value."""
        pairs = zip(self.columns.tolist(), self.numerators.tolist(), strict=True)
        known = dict[int, Fraction]()  # most values stand in many columns
        found = dict[int, Fraction]()
        for j, n in pairs:
            if n not in known:
                known[n] = Fraction(n, self.denominator)
            found[j] = known[n]
        return found.items()


def whole_point(
    program: Program, exact: ExactRows, x: Floats, freed: Freed | None, fixed: Mapping[int, int]
) -> WholePoint | None:
    """Return a point of the model next to x, one side free and some columns fixed; None if none is next to it.

    Parameters
    ----------
    program : Program
    exact : ExactRows
        Its rows.
    x : ndarray
        Its integers are rounded.
    freed : (row, "lower" or "upper"), optional
    fixed : mapping from column to value
    """
    whole, size = exact.whole, float(np.max(np.abs(x), initial=0.0))
    for finer in FINER:
        L = exact.side_scale * finer
        if not max(size, 1.0) * L < FITS:
            return None
        n = np.rint(x * L).astype(np.int64)
        n[program.integer] = np.rint(x[program.integer]).astype(np.int64) * L
        for j, v in fixed.items():
            n[j] = v * L
        inside = whole.clipped(n, finer)
        if inside is None:
            return None
        if any(int(inside[j]) != v * L for j, v in fixed.items()):
            return None
        integers = inside[program.integer]
        if np.any(integers != integers // L * L):
            return None
        holds = whole.holds(inside, finer, freed)
        if holds is None:
            return None
        if holds:
            point = WholePoint(inside, L)
            return point if broken_beyond(program, point) is None else None
    return None
