r"""Linear rows whose coefficients SCIP keeps: those below its epsilon (1e-9) it drops without moving the sides.

As in `proofolio.solvers.coefficient_limits`: a row is multiplied until every term that can be worth something is
large enough, and where that would go too far the term goes with its worth,

.. math::
    \ell - \max_x a x \le \text{rest} \le u - \min_x a x,

which is a relaxation.
"""

from __future__ import annotations

import math
from typing import Any

from proofolio.solvers.far_sides import INFINITE

__all__ = ["MOST", "reach", "without_small_terms"]

SMALLEST = 2.0**-28  # a coefficient SCIP keeps
WIDEST, FARTHEST = 2.0**20, 2.0**60  # coefficients and sides of rows that were multiplied for a small one
MOST = 2.0**1000  # that rows are multiplied by
NEGLIGIBLE = 1e-10  # what a term may be worth, in a row of natural size, without mattering
ROUNDING = 1e-12


def reach(terms: dict[Any, float]) -> tuple[float, float]:
    """Return the least and the largest value of the terms over the bounds that SCIP was given."""
    least = most = 0.0
    for term, a in terms.items():
        ends = (a, a)
        for v in term.vartuple:
            bounds = (v.getLbOriginal(), v.getUbOriginal())
            far = [b if abs(b) < INFINITE else math.copysign(math.inf, b) for b in bounds]
            products = [x * y if x and y else 0.0 for x in ends for y in far]
            ends = (min(products), max(products))
        least, most = least + ends[0], most + ends[1]
    return least, most


def without_small_terms(
    terms: dict[Any, float], low: float, high: float, factor: float
) -> tuple[dict[Any, float], float, float, float]:
    """Return a linear row that SCIP keeps as it stands when multiplied by the factor returned with it."""
    largest = max(map(abs, terms.values()), default=0.0)
    if largest == 0.0 or min(map(abs, terms.values())) * factor >= SMALLEST:
        return terms, low, high, factor
    worth = {term: max(map(abs, reach({term: a}))) for term, a in terms.items()}
    heavy = [abs(a) for term, a in terms.items() if worth[term] * factor > NEGLIGIBLE]
    needed = max(low, -high, 0.0)
    most = min(WIDEST / largest, FARTHEST / needed if needed > 0.0 else math.inf, MOST)
    while heavy and min(heavy) * factor < SMALLEST and 2.0 * factor <= most:
        factor *= 2.0
    kept = {term: a for term, a in terms.items() if abs(a) * factor >= SMALLEST}
    least, top = reach({term: a for term, a in terms.items() if term not in kept})
    room = ROUNDING * sum(w for term, w in worth.items() if term not in kept and w < math.inf)
    return kept, low - top - room, high - least + room, factor
