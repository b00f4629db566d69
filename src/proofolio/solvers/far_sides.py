"""Finite sides that solvers take for infinite ones, and what may still be said of a program that has some.

From 1e20 on HiGHS, SCIP and Clarabel take a number for infinite. A side left out for that makes a relaxation:
infeasible stays infeasible, a bound stays a bound, and a point is held to the program's own data afterwards.
Only a ray of the relaxation is none of the program's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.solvers.solution import Solution

__all__ = ["INFINITE", "has_far_sides", "without_false_ray"]


INFINITE = 1e20


def has_far_sides(program: Program) -> bool:
    r"""Whether a bound is finite and 1e20 or more, or a row may keep one of its columns within such a bound.

    A row does so when :math:`|s| \ge 10^{20} |a_j|` for a finite side s and a coefficient :math:`a_j \ne 0`;
    solvers that multiply rows, so that their coefficients are of order one, lose such a side too.
    """
    columns = np.concatenate([program.lower, program.upper])
    rows, curved, implied = program, program.quadratic, program.indicators
    return bool(
        np.any(np.isfinite(columns) & (np.abs(columns) >= INFINITE))
        or _far_row(rows.A, rows.row_lower, rows.row_upper)
        or _far_row(curved.matrix, curved.lower, curved.upper)
        or _far_row(implied.matrix, implied.lower, implied.upper)
    )


def without_false_ray(claim: Solution, lost: bool) -> Solution:
    """Return a claim that is not ``unbounded`` where a finite side was lost: then nobody knows, ``limit``."""
    if claim.status != "unbounded" or not lost:
        return claim
    said = f"{claim.message}, but numbers of 1e20 and more count as infinite: tighten such bounds or rescale"
    return replace(claim, status="limit", message=said)


def _far_row(matrix: Any, lower: Floats, upper: Floats) -> bool:
    rows = matrix.tocsr()
    least = np.full(lower.size, np.inf)
    used = rows.data != 0.0
    row = np.repeat(np.arange(lower.size), np.diff(rows.indptr))
    np.minimum.at(least, row[used], np.abs(rows.data[used]))
    least = np.minimum(least, 1.0)  # a side of a curved row may bound what its linear part does not
    sides = (np.where(np.isfinite(side), np.abs(side), 0.0) for side in (lower, upper))
    return any(bool(np.any(side >= INFINITE * least)) for side in sides)
