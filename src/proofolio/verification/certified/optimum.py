r"""Certificates of optimality and infeasibility: an exact point, and a tree that proves that nothing is better.

A certificate says: the point satisfies every row, bound and integrality of the program, its numbers read as the
decimals they are written as, and has the value v; and no such point has a value below the bound b. Both are checked by
`proofolio.verification.exact.trees` in fractions, without a solver.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.cuts import with_cuts
from proofolio.verification.certified.search import OPTIONS, Relaxed, grow
from proofolio.verification.exact.certificate import Undecidable
from proofolio.verification.exact.in_time import TimeIsUp, check_time, stopped_when
from proofolio.verification.exact.lp_bounds import ExactRows, as_decimal, nearest
from proofolio.verification.exact.points import exact_point
from proofolio.verification.exact.rays import falls_for_ever
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.trees import (
    Cut,
    ExactProgram,
    Node,
    QuadraticRow,
    Tangent,
    boxed,
    proved_bound,
)

__all__ = ["Certificate", "Outcome", "certify", "exact_program", "lacking"]

BEYOND = "its numbers lie beyond those of double precision"
SMALLEST = Fraction(1, 10**9)  # what an objective of 0 is taken to be, for a relative gap
UNCUT = 50  # nodes that are tried before the relaxation is cut
CUTTING = 0.3  # of the time that is left, at most, for that
# An exact point that is worse than the claim by more of the objective is solved for exactly, in part of the time.
POLISHED, POLISHING = 1e-9, 0.25
STRICT = 1_000  # a bound above v - step by a thousandth of the step rounds up to v


@dataclass(frozen=True)
class Certificate:
    """What proves an answer, in fractions.

    Attributes
    ----------
    point : mapping from column to value, or None
        None where nothing satisfies the program.
    value, bound : Fraction or None
        Of the point, and the least that any point can have, both of the minimisation (a maximisation is negated).
    tangents, nodes : tuple
        The tree.
    ray : mapping from column to value, or None
        A direction from the point in which the objective falls for ever; the certificate then says that there is
        no bound.
    cuts : tuple
        Rows that hold for all points with integers, each with its proof; the tree uses them.
    gap : Fraction or None
        Of an optimum: what the bound may lie below the value, as a part of the value's size, for it to count as one.
    """

    point: Mapping[int, Fraction] | None
    value: Fraction | None
    bound: Fraction | None
    tangents: tuple[Tangent, ...]
    nodes: tuple[Node, ...]
    ray: Mapping[int, Fraction] | None = None
    cuts: tuple[Cut, ...] = ()
    gap: Fraction | None = None

    def __repr__(self) -> str:
        ends = "" if self.value is None else f", value {float(self.value):.10g}"
        ends += "" if self.bound is None else f", bound {float(self.bound):.10g}"
        return f"Certificate({self.says}{ends}, {len(self.nodes)} nodes, {len(self.cuts)} cuts)"

    @property
    def proved_gap(self) -> Fraction | None:
        """How far the bound lies below the value, as a part of the value's size; None without both."""
        if self.value is None or self.bound is None:
            return None
        return (self.value - self.bound) / max(abs(self.value), SMALLEST)

    @property
    def says(self) -> str:
        """What is proved: ``"optimal"``, ``"infeasible"`` or ``"unbounded"``."""
        if self.ray is not None:
            return "unbounded"
        return "infeasible" if self.point is None else "optimal"

    def holds(self, program: ExactProgram) -> bool:
        """Whether the certificate proves what it says of a program; no solver, no floating point."""
        if self.point is None:
            if self.value is not None or self.ray is not None:
                return False
        elif not program.holds(self.point) or program.objective(self.point) != self.value:
            return False
        if (self.bound is None) != (self.says != "optimal"):
            return False
        if self.ray is not None:
            return falls_for_ever(program, self.ray)
        proved = proved_bound(program, self.tangents, self.nodes, self.cuts)
        if self.point is None:
            return proved == "empty"
        if not isinstance(proved, Fraction) or self.bound is None or proved < self.bound:
            return False
        return self.gap is not None and self.proved_gap is not None and self.proved_gap <= self.gap


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt at a certificate.

    Attributes
    ----------
    status : str
        ``"optimal"`` or ``"infeasible"``, certified; ``"open"`` otherwise.
    certificate : Certificate or None
    point, value : mapping and Fraction, or None
        The best exact point known, also where the tree did not end.
    reason : str
        Why it is open.
    nodes : int
    seconds : float
    """

    status: str
    certificate: Certificate | None
    point: Mapping[int, Fraction] | None
    value: Fraction | None
    reason: str
    nodes: int
    seconds: float = 0.0


def lacking(program: Program) -> str | None:
    """Return what of a program a certificate cannot speak of, None if it can be tried."""
    if len(program.cones):
        return "cones"
    if len(program.indicators):
        return "native indicators"
    if program.sos:
        return "special ordered sets"
    if any(
        np.isfinite(q.lower).any() and np.isfinite(q.upper).any() for q in [program.quadratic] if len(q)
    ) and any(
        np.isfinite(low) and np.isfinite(high)
        for low, high in zip(program.quadratic.lower, program.quadratic.upper, strict=True)
    ):
        return "quadratic rows with two sides"
    return None


def exact_program(program: Program, rows: ExactRows | None = None) -> ExactProgram:
    """Return a program in fractions: every number read as the decimal it is written as."""
    quadratic = program.quadratic
    some = []
    for i in range(len(quadratic)):
        matrix: dict[tuple[int, int], Fraction] = {}
        for form in quadratic.forms[i]:
            at = form.columns.tolist()
            for (k, t), a in np.ndenumerate(form.matrix):
                check_time()
                if a:
                    # a form is x'Mx; here it is x'Px / 2
                    key = (at[k], at[t])
                    matrix[key] = matrix.get(key, Fraction(0)) + 2 * as_decimal(float(a))
        begin, end = quadratic.matrix.indptr[i], quadratic.matrix.indptr[i + 1]
        linear = {
            int(j): as_decimal(float(a))
            for j, a in zip(
                quadratic.matrix.indices[begin:end], quadratic.matrix.data[begin:end], strict=True
            )
        }
        some.append(QuadraticRow(matrix, linear, _side(quadratic.lower[i]), _side(quadratic.upper[i])))
    P = program.P.tocoo()
    curved: dict[tuple[int, int], Fraction] = {}
    for i, j, a in zip(P.row.tolist(), P.col.tolist(), P.data.tolist(), strict=True):
        check_time()
        if a:
            curved[i, j] = as_decimal(a)
    return ExactProgram(
        (rows or ExactRows(program)).system,
        frozenset(np.flatnonzero(program.integer).tolist()),
        {int(j): as_decimal(float(program.q[j])) for j in np.flatnonzero(program.q)},
        curved,
        as_decimal(program.c),
        tuple(some),
    )


def certify(
    program: Program, x: Floats | None, gap: float, deadline: Deadline, most: int = 20_000
) -> Outcome:
    """Try to certify that a point is optimal within a gap, or with no point that nothing satisfies the program.

    Parameters
    ----------
    program : Program
        For which `lacking` is None; its quadratic parts have to be convex for the attempt to succeed.
    x : ndarray or None
        A solver's point; better ones that the search comes upon take its place.
    gap : float
        Relative to the objective's size.
    deadline : Deadline
    most : int
        Nodes.
    """
    best: list[tuple[dict[int, Fraction], Fraction]] = []
    began = time.perf_counter()
    try:
        with stopped_when(lambda: deadline.passed):
            found = _certified(program, x, gap, deadline, most, best)
    except TimeIsUp:
        point, value = _known(best)
        found = Outcome("open", None, point, value, "the time allowed was used up", 0)
    except OverflowError:
        found = Outcome("open", None, None, None, BEYOND, 0)
    if found.point is not None and any(math.isinf(nearest(v)) for v in found.point.values()):
        found = Outcome("open", None, None, None, BEYOND, 0)
    return replace(found, seconds=time.perf_counter() - began)


def _certified(
    program: Program,
    x: Floats | None,
    gap: float,
    deadline: Deadline,
    most: int,
    best: list[tuple[dict[int, Fraction], Fraction]],
) -> Outcome:
    """Do what `certify` says; the best exact point and its value are put into a list as soon as they are known."""
    began = time.perf_counter()
    rows = ExactRows(program)
    exact = exact_program(program, rows)

    def better(point: Floats | Mapping[int, Fraction]) -> bool:
        if isinstance(point, Mapping):
            made = {j: v for j, v in point.items() if j < program.n}
        else:
            made = exact_point(program, rows, point[: program.n], None, {}) or {}
        if not exact.holds(made):
            return False
        value = exact.objective(made)
        if best and value >= best[0][1]:
            return False
        best[:] = [(made, value)]
        return True

    if x is not None:
        better(x)
        if best and _is_worse(program, x, best[0][1]):
            better(_polished(exact, best[0][0], began + POLISHING * deadline.left))
    step, allowed = exact.step, as_decimal(gap)

    def goal() -> Fraction | None:
        if not best:
            return None
        value = best[0][1] - exact.constant
        if step is not None:
            return value - step + step / STRICT
        return value - allowed * max(abs(best[0][1]), SMALLEST)

    relaxed, cuts = Relaxed(program, exact, rows), tuple[Cut, ...]()
    grown = grow(relaxed, goal, better, deadline, min(most, UNCUT) if exact.integer else most, x)
    left = deadline.left
    if grown.status == "limit" and most > UNCUT and left > 0:
        cut, cuts = with_cuts(program, rows, OPTIONS, CUTTING * left)
        if cuts:
            rows_cut = ExactRows(cut)
            relaxed = Relaxed(cut, replace(exact, system=rows_cut.system), rows_cut)
        grown = grow(relaxed, goal, better, deadline, most, x)
    point, value = _known(best)
    if grown.status != "proved":
        return Outcome("open", None, point, value, grown.reason, grown.count)
    proved = proved_bound(exact, grown.tangents, grown.nodes, cuts)
    if proved == "empty":
        if point is not None:
            return Outcome("open", None, point, value, "the tree and the point contradict", grown.count)
        proof = Certificate(None, None, None, grown.tangents, grown.nodes, cuts=cuts)
        return Outcome("infeasible", proof, None, None, "", grown.count)
    if point is None or value is None or not isinstance(proved, Fraction) or not exact.holds(point):
        return Outcome("open", None, point, value, "the tree does not prove the bound", grown.count)
    certificate = Certificate(
        point, value, min(proved, value), grown.tangents, grown.nodes, cuts=cuts, gap=allowed
    )
    if certificate.proved_gap is None or certificate.proved_gap > allowed:
        return Outcome("open", None, point, value, "the bound is not within the gap", grown.count)
    return Outcome("optimal", certificate, point, value, "", grown.count)


def _known(
    best: list[tuple[dict[int, Fraction], Fraction]],
) -> tuple[dict[int, Fraction], Fraction] | tuple[None, None]:
    return best[0] if best else (None, None)


def _is_worse(program: Program, x: Floats, value: Fraction) -> bool:
    """Whether an exact value, minimised, is visibly worse than that of the point it was made from."""
    claimed = program.objective(x)
    worse = float(value) - (-claimed if program.maximise else claimed)
    return worse > POLISHED * max(abs(float(value)), float(SMALLEST))


def _polished(exact: ExactProgram, point: Mapping[int, Fraction], ends: float) -> Mapping[int, Fraction]:
    """Return the best point with the integers of another one, by an exact simplex method; that one if too large."""
    if exact.matrix or exact.quadratic:
        return point
    held = {j: (point.get(j, Fraction(0)),) * 2 for j in exact.integer}
    try:
        found = exact_maximum(boxed(exact.system, held), {j: -a for j, a in exact.linear.items()}, ends)
    except Undecidable:
        return point
    return found.point if found.status == "optimal" else point


def _side(value: Any) -> Fraction | None:
    return as_decimal(float(value)) if np.isfinite(value) else None
