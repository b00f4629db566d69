r"""How much a row may be off: a violation in units of what the row is made of.

With the integers at their rounded values a row :math:`\ell \le a'x \le u` says
:math:`\ell - a_I'x_I \le a_C'x_C \le u - a_I'x_I`; its size is the largest of that side and of the terms of
:math:`a_C'x_C`, so that a Big-M, which cancels there, lends it no room. A violation counts

- relative to the size where that is above 1: a balance of flows of 1e8 may be off by 100 at a tolerance of 1e-6;
- absolutely where the size is between a thousandth and 1;
- a thousandth of the size as 1e-6 where it is smaller still: a cost of 1e-5 may not be off by more than 1e-8.

The columns' natural units (`proofolio.solvers.natural_units`) stand in for terms that happen to be zero.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofolio.program.program import Program

__all__ = ["NOISE", "Sides", "largest_terms"]

Floats = NDArray[np.float64]
# No violation of more than this part of a row's own size is noise, however small the row is.
NOISE = 1e-3
# The sum of a row is known to this part of its terms.
ROUNDING = 16 * float(np.finfo(float).eps)


class Sides:
    """Rows at a point: their sides, how large each side is, and which rows have integers only.

    Attributes
    ----------
    lower, upper, scale_low, scale_high : ndarray
        The sides, and what a violation of each is measured in.
    whole : ndarray of bool
        The rows of integers alone.
    rounding : ndarray
        What a sum in floating point may be off.
    """

    def __init__(
        self,
        program: Program,
        matrix: Any,
        lower: Floats,
        upper: Floats,
        x: Floats,
        unit: Floats,
        curved: tuple[Floats, Floats] | None = None,
    ) -> None:
        absolute = abs(matrix.tocsr())
        loose = ~program.integer
        self.whole = absolute @ loose.astype(float) == 0.0
        terms = largest_terms(absolute, np.where(loose, np.abs(x), 0.0))
        natural = largest_terms(absolute, np.where(loose, np.maximum(np.abs(x), unit), 0.0))
        if curved is not None:
            self.whole &= curved[1] == 0.0
            terms, natural = np.maximum(terms, curved[0]), np.maximum(natural, curved[1])
        natural = np.where(self.whole, largest_terms(absolute, np.maximum(np.abs(x), 1.0)), natural)
        self.rounding = ROUNDING * np.asarray(absolute @ np.abs(x))
        self.lower, self.upper = lower, upper
        given = np.asarray(matrix @ np.where(program.integer, np.round(x), 0.0))
        self.scale_low, self.scale_high = (
            _scale(np.where(self.whole, 0.0, side - given), terms, natural) for side in (lower, upper)
        )

    @classmethod
    def of_quadratic(cls, program: Program, x: Floats, unit: Floats) -> Sides:
        """Return the sides of the program's quadratic rows."""
        rows = program.quadratic
        sizes = (_largest_curved(program, np.abs(x)), _largest_curved(program, np.maximum(np.abs(x), unit)))
        return cls(program, rows.matrix, rows.lower, rows.upper, x, unit, sizes)

    def violation(self, body: Floats) -> Floats:
        """Return how far bodies are beyond their sides, in units of the rows' sizes; negative inside."""
        low = (self.lower - body - self.rounding) / self.scale_low
        high = (body - self.upper - self.rounding) / self.scale_high
        worst: Floats = np.maximum(low, high)
        return worst

    def take(self, rows: slice) -> Sides:
        """Return the sides of some of the rows."""
        some = copy(self)
        for name in ("whole", "rounding", "lower", "upper", "scale_low", "scale_high"):
            setattr(some, name, getattr(self, name)[rows])
        return some


def _scale(side: Floats, terms: Floats, natural: Floats) -> Floats:
    size = np.maximum(np.where(np.isfinite(side), np.abs(side), 0.0), terms)
    scale: Floats = np.maximum(size, np.minimum(1.0, np.maximum(natural, size) / NOISE))
    # a row of nothing but zeros has no size of its own
    return np.where(scale > 0.0, scale, 1.0)


def largest_terms(absolute: Any, size: Floats) -> Floats:
    """Return the largest term of each row of a matrix of sizes."""
    found = np.zeros(absolute.shape[0])
    rows = np.repeat(np.arange(absolute.shape[0]), np.diff(absolute.indptr))
    np.maximum.at(found, rows, absolute.data * size[absolute.indices])
    return found


def _largest_curved(program: Program, size: Floats) -> Floats:
    found = np.zeros(len(program.quadratic))
    for k, forms in enumerate(program.quadratic.forms):
        for f in forms:
            terms = np.abs(f.matrix) * np.outer(size[f.columns], size[f.columns])
            found[k] = max(found[k], float(np.max(terms, initial=0.0)))
    return found
