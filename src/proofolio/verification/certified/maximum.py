r"""Certified maxima of linear functions over a program with integers, asked one after the other.

What an audit asks: how large can a row's body become when one of its sides is gone and its binary is off? The answer is
a bound that a tree of exact leaves proves (`search`), and points that satisfy everything exactly. No solver's word is
in either. Rows that are not linear, indicators and sets are left out of the bound, which stays true without them, and
points have to satisfy them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from time import perf_counter

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Program, QuadraticRows
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.search import Relaxed, grow
from proofolio.verification.exact.certificate import Row
from proofolio.verification.exact.lp_bounds import ExactRows, Freed
from proofolio.verification.exact.points import exact_point, fits
from proofolio.verification.exact.trees import ExactProgram, Node, proved_bound

__all__ = ["Maxima", "Maximum"]

NODES = 2_000
SMALLEST = Fraction(1, 10**9)  # what a maximum of 0 is taken to be, for a relative gap


@dataclass(frozen=True)
class Maximum:
    """What is known of the maximum of a linear function.

    Attributes
    ----------
    status : str
        ``"proved"``: no point has more than `bound`, which is the target or less (without a target: is within the gap
        of `value`). ``"exceeded"``: `point` has more than the target. ``"empty"``: no point satisfies the rest.
        ``"open"``: none of these within the limits; `point` may be known all the same.
    bound : Fraction or None
        What `nodes` prove for ``"proved"``.
    point, value : mapping and Fraction, or None
        The best point found; it satisfies everything but the freed side exactly.
    program : ExactProgram
        What `nodes` speak of: `trees.proved_bound(program, (), nodes)` is -bound, or ``"empty"``.
    nodes : tuple of Node
        The tree, for ``"proved"`` and ``"empty"``.
    count : int
        Nodes solved.
    reason : str
        Why it is open.
    """

    status: str
    bound: Fraction | None
    point: Mapping[int, Fraction] | None
    value: Fraction | None
    program: ExactProgram
    nodes: tuple[Node, ...]
    count: int
    reason: str = ""


class _Exceeded(Exception):
    """A point beyond the target ends the search."""


class Maxima:
    """Maxima over one program: one relaxation in memory, every question starts from the basis of the last.

    Parameters
    ----------
    program : Program
        Its own objective does not matter.
    rows : ExactRows, optional
        Its rows in fractions, where they are known already.
    """

    def __init__(self, program: Program, rows: ExactRows | None = None) -> None:
        self.program = program
        self.rows = rows or ExactRows(program)
        integer = frozenset(np.flatnonzero(program.integer).tolist())
        n, none = program.n, np.zeros(0)
        uncurved = QuadraticRows(sparse.csr_array((0, n)), (), none, none)
        linear = replace(program, P=sparse.csc_array((n, n)), q=np.zeros(n), c=0.0, quadratic=uncurved)
        self._relaxed = Relaxed(linear, ExactProgram(self.rows.system, integer, {}), self.rows)

    def maximum(
        self,
        body: Row,
        freed: Freed | None = None,
        fixed: Mapping[int, int] | None = None,
        target: Fraction | None = None,
        gap: float = 1e-6,
        seconds: float = 10.0,
        nodes: int = NODES,
    ) -> Maximum:
        """Bound a linear function over all points that satisfy the rest.

        Parameters
        ----------
        body : mapping from column to Fraction
        freed : (row, "lower" or "upper"), optional
            A side that points need not satisfy.
        fixed : mapping from column to integer, optional
            Columns held at a value.
        target : Fraction, optional
            The search ends as soon as it is decided whether the maximum is beyond it: two targets, M and M / 1.01,
            decide whether an M is too small, right or loose. Without one the maximum itself is sought.
        gap : float
            Relative distance of bound and value at which the maximum counts as found, without a target.
        seconds : float
        nodes : int
            Nodes solved, after which it is left open.
        """
        held, ends = dict(fixed or {}), perf_counter() + seconds
        asked = self._relaxed.ask({j: -a for j, a in body.items() if a}, freed, held)
        best: list[tuple[Mapping[int, Fraction], Fraction]] = []

        def exactly(x: Floats | Mapping[int, Fraction]) -> Mapping[int, Fraction] | None:
            if isinstance(x, Mapping):
                return x if fits(self.program, self.rows, x, freed, held) else None
            return exact_point(self.program, self.rows, x, freed, held, ends)

        def better(x: Floats | Mapping[int, Fraction]) -> bool:
            made = exactly(x)
            if made is None:
                return False
            value = sum((a * made[j] for j, a in body.items() if j in made), Fraction(0))
            if best and value <= best[0][1]:
                return False
            best[:] = [(made, value)]
            if target is not None and value > target:
                raise _Exceeded
            return target is None

        def goal() -> Fraction | None:
            if target is not None:
                return -target
            if not best:
                return None
            value = best[0][1]
            return -value - Fraction(gap) * max(abs(value), SMALLEST)

        def answer(
            status: str,
            bound: Fraction | None = None,
            proof: tuple[Node, ...] = (),
            count: int = 0,
            why: str = "",
        ) -> Maximum:
            point, value = best[0] if best else (None, None)
            return Maximum(status, bound, point, value, asked, proof, count, why)

        try:
            grown = grow(self._relaxed, goal, better, Deadline.after(seconds), nodes)
        except _Exceeded:
            return answer("exceeded")
        if grown.status != "proved":
            return answer("open", count=grown.count, why=grown.reason)
        proved = proved_bound(asked, (), grown.nodes)
        if proved == "empty" and not best:
            return answer("empty", None, grown.nodes, grown.count)
        if not isinstance(proved, Fraction) or (best and best[0][1] > -proved):
            return answer("open", count=grown.count, why="the tree and the points contradict")
        return answer("proved", -proved, grown.nodes, grown.count)
