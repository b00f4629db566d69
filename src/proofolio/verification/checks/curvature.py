r"""What quadratic forms that are convex only up to rounding may hide.

Solvers and multipliers take a form :math:`\tfrac12 x'Px` for convex when its least eigenvalue is a rounding error below
zero. Two points d apart then differ from what convexity says by at most
:math:`\tfrac12 \max(0, -\lambda_{\min}) \|d\|^2`: nothing over weights between 0 and 1, everything over columns without
bounds. A form that is positive semidefinite in exact arithmetic hides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.program.structure import diagonal_blocks, features, recognise_cones
from proofolio.verification.exact.lp_bounds import as_decimal
from proofolio.verification.exact.trees import semidefinite

__all__ = ["barely_convex", "hidden_by_objective", "hidden_by_rows", "objective_is_convex"]

EXACT = 24  # up to so many columns a block is decided in exact arithmetic
PASSES = 3  # over the rows, for bounds of columns that have none
OF_ROWS = 1e-9  # quadratic rows that differ from convex ones by less, of their own size, are convex
OF_OBJECTIVE = 1e-6  # what an objective may hide, of its own size at a point
OF_TERMS = 1e-9  # an objective is at least so large, of the sum of its terms


def barely_convex(program: Program, x: Floats | None = None) -> bool:
    """Whether forms that solvers take for convex hide what matters: of the objective at a point, or of a row."""
    if not (program.P.nnz or len(program.quadratic)):
        return False
    program = recognise_cones(program)
    found = features(program)
    if x is not None and "nonconvex-objective" not in found and not objective_is_convex(program, x):
        return True
    return "nonconvex-rows" not in found and hidden_by_rows(program) > OF_ROWS


def objective_is_convex(program: Program, x: Floats) -> bool:
    """Whether what the objective hides is little beside its size at a point."""
    hidden = hidden_by_objective(program)
    if hidden == 0.0:
        return True
    linear, curved = program.q * x, 0.5 * x * (program.P @ x)
    terms = np.abs(linear).sum() + 0.5 * np.abs(x) @ (abs(program.P) @ np.abs(x))
    return bool(hidden <= OF_OBJECTIVE * max(abs(linear.sum() + curved.sum()), OF_TERMS * terms))


def hidden_by_objective(program: Program) -> float:
    """Return how far the objective may fall below what convexity and multipliers say, in its own units."""
    if not program.P.nnz:
        return 0.0
    parts = [(columns, defect(dense)) for columns, dense in diagonal_blocks(program.P)]
    return _hidden([part for part in parts if part[1] > 0.0], program)


def hidden_by_rows(program: Program) -> float:
    """Return the most by which a quadratic row may differ from what convexity says, of the row's own size."""
    rows, worst, known = program.quadratic, 0.0, dict[tuple[int, int], float]()
    for i, forms in enumerate(rows.forms):
        for sign, side in ((1, rows.upper[i]), (-1, rows.lower[i])):
            if not np.isfinite(side):
                continue
            parts = []
            for form in forms:
                key = (id(form.matrix), sign)
                if key not in known:
                    known[key] = defect(2.0 * sign * np.asarray(form.matrix))
                if known[key] > 0.0:
                    parts.append((form.columns, known[key]))
            worst = max(worst, _hidden(parts, program) / max(1.0, abs(float(side))))
    return worst


def defect(dense: Any) -> float:
    """Return how far the least eigenvalue of a symmetric matrix may be below zero; 0 where it is not."""
    top = float(np.max(np.abs(dense).sum(axis=1), initial=0.0))  # no eigenvalue is larger
    noise = len(dense) * float(np.finfo(float).eps) * top
    try:
        np.linalg.cholesky(dense - 4.0 * noise * np.eye(len(dense)))
        return 0.0
    except np.linalg.LinAlgError:
        pass
    if len(dense) <= EXACT:
        entries = {(int(i), int(j)): as_decimal(float(dense[i, j])) for i, j in np.argwhere(dense)}
        if semidefinite(entries):
            return 0.0
    return max(0.0, noise - float(np.linalg.eigvalsh(dense)[0]))


def _hidden(parts: list[tuple[Any, float]], program: Program) -> float:
    if not parts:
        return 0.0
    width = _widths(program)
    return float(sum(0.5 * least * (width[columns] ** 2).sum() for columns, least in parts))


def _widths(program: Program) -> Floats:
    """Return how far two points may differ in each column, by the bounds and what single rows make of them."""
    lower, upper, A = program.lower.copy(), program.upper.copy(), program.A
    row = np.repeat(np.arange(program.m), np.diff(A.indptr))
    column, a = A.indices, A.data
    for _ in range(PASSES):
        for sign, side in ((1.0, program.row_upper), (-1.0, -program.row_lower)):
            ends = np.where(sign * a > 0, lower[column], upper[column])
            term = np.where(np.isfinite(ends), sign * a * np.where(np.isfinite(ends), ends, 0.0), 0.0)
            endless = np.isinf(ends) & (a != 0.0)
            least = np.bincount(row, term, program.m)
            count = np.bincount(row, endless, program.m)
            known = (count[row] - endless == 0) & np.isfinite(side[row]) & (a != 0.0)
            at, s = column[known], sign * a[known]
            end = (side[row] - (least[row] - term))[known] / s
            up = s > 0
            np.minimum.at(upper, at[up], end[up])
            np.maximum.at(lower, at[~up], end[~up])
    return np.maximum(upper - lower, 0.0)
