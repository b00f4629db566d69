r"""Certificates of unboundedness: an exact point, and a rational direction in which nothing stops the objective."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from time import perf_counter

from proofolio.errors import ProofolioError
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.optimum import Certificate, exact_program
from proofolio.verification.certified.patterns import exact_near
from proofolio.verification.checks.unboundedness import explain_unbounded
from proofolio.verification.exact.certificate import Row, Side, System, Undecidable
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.rays import falls_for_ever
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.trees import ExactProgram

__all__ = ["certify_unbounded"]

ZERO, ONE = Fraction(0), Fraction(1)


def certify_unbounded(
    program: Program, deadline: Deadline, start: Mapping[int, Fraction] | None = None
) -> Certificate | None:
    """Return a certificate that a program is unbounded, None where none is found.

    Numbers of a file are rational: where an exact point exists, a direction in which the relaxation's objective falls
    for ever is one for the integers as well (Meyer 1974).

    Parameters
    ----------
    program : Program
        For which `proofolio.verification.certified.optimum.lacking` is None.
    deadline : Deadline
    start : mapping from column to Fraction, optional
        An exact point, where one is known.
    """
    rows = ExactRows(program)
    exact = exact_program(program, rows)
    point: Row | None = start
    ray: Row | None = None
    if point is None:
        with suppress(ProofolioError, Undecidable):
            found = explain_unbounded(program, deadline.left)
            point = exact_near(program, rows, program.point(found.start), perf_counter() + deadline.left)
            index = {name: j for j, name in enumerate(program.column_names)}
            ray = {index[name]: Fraction(step) for name, step in found.direction.items()}
    if point is None:
        return None
    if ray is None or not falls_for_ever(exact, ray):
        ray = _exact_ray(exact, deadline)
    if ray is None:
        return None
    certificate = Certificate(point, exact.objective(point), None, (), (), ray)
    return certificate if certificate.holds(exact) else None


def _exact_ray(program: ExactProgram, deadline: Deadline) -> Row | None:
    """Return the best direction with entries in [-1, 1], by the simplex method in fractions."""
    system = program.system
    rows = [*system.rows, *(curve.linear for curve in program.quadratic)]
    low = [*system.low, *(curve.low for curve in program.quadratic)]
    high = [*system.high, *(curve.high for curve in program.quadratic)]
    straight: list[Row] = []
    for matrix in (program.matrix, *(curve.matrix for curve in program.quadratic)):
        lines: dict[int, dict[int, Fraction]] = {}
        for (i, j), a in matrix.items():
            lines.setdefault(i, {})[j] = a
        straight += lines.values()
    none: list[Side] = [ZERO] * len(straight)
    recession = System(
        (*rows, *straight),
        (*(None if v is None else ZERO for v in low), *none),
        (*(None if v is None else ZERO for v in high), *none),
        tuple(-ONE if v is None else ZERO for v in system.lower),
        tuple(ONE if v is None else ZERO for v in system.upper),
    )
    try:
        best = exact_maximum(recession, {j: -a for j, a in program.linear.items()}, deadline.at)
    except Undecidable:
        return None
    ray = {j: v for j, v in best.point.items() if v}
    return ray if falls_for_ever(program, ray) else None
