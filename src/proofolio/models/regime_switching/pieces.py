r"""The convex pieces of regime costs: what is left of f once its concave maxima have been decided.

:math:`-\max(u, \phi) = \min(-u, -\phi)`, so a regime's cost is the least of convex functions, one for each
choice of the argument or the floor in its concave maxima, and no restriction of w goes with a choice:

.. math::
    f_{r,t}(w) = \min_{d \in D_r} \ w'Q_{r,t}w + c_{d,t}'w + k_{d,t}
        + \sum_{j\ \mathrm{convex}} \max(\alpha_j'w + \beta_j, \phi_j)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as cartesian
from typing import TYPE_CHECKING

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.formulations.costs import MaxTerm, RegimeCosts, settled

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["Pieces", "convex_pieces", "distinct_periods"]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Convex costs, D of them, each a piece of one regime's cost.

    Attributes
    ----------
    regime : ndarray of int, shape (D,)
    Q : ndarray, shape (D, S, n, n)
        S is 1 where the periods share it.
    c, k : ndarray, shape (D, S, n), (D, S)
    convex : tuple of tuple of MaxTerm
        The maxima with a positive sign that bounds do not decide, for each piece.
    """

    regime: Integers
    Q: Floats
    c: Floats
    k: Floats
    convex: tuple[tuple[MaxTerm, ...], ...]

    @property
    def quadratic(self) -> bool:
        """Whether no piece has a maximum left."""
        return not any(self.convex)


def distinct_periods(program: RegimeSwitching) -> int:
    """Return T, or 1 where neither costs nor bounds vary from period to period."""
    still = np.all(program.lower == program.lower[0]) and np.all(program.upper == program.upper[0])
    return 1 if still and not program.costs.varies else program.T


def convex_pieces(program: RegimeSwitching) -> Pieces:
    """Return the pieces of a program's costs, after its bounds have settled what they can."""
    costs = program.costs
    if costs.maxima:
        still = np.all(program.lower == program.lower[0]) and np.all(program.upper == program.upper[0])
        box = slice(0, 1) if still else slice(None)
        costs = settled(costs, program.lower[box], program.upper[box])
    regime, c, k, convex = [], [], [], []
    for r in range(program.R):
        own = [term for term in costs.maxima if term.regime == r]
        concave = [term for term in own if term.sign < 0]
        for wins in cartesian((True, False), repeat=len(concave)):
            slope, shift = _decided(costs, r, concave, wins)
            regime.append(r)
            c.append(slope)
            k.append(shift)
            convex.append(tuple(term for term in own if term.sign > 0))
    chosen = np.array(regime, dtype=np.intp)
    return Pieces(chosen, costs.Q[chosen], np.array(c), np.array(k), tuple(convex))


def _decided(
    costs: RegimeCosts, r: int, concave: list[MaxTerm], wins: tuple[bool, ...]
) -> tuple[Floats, Floats]:
    slope, shift = costs.c[r].copy(), costs.k[r].copy()
    for term, argument in zip(concave, wins, strict=True):
        if argument:
            slope -= term.alpha
            shift -= term.beta
        else:
            shift -= term.floor
    return slope, shift
