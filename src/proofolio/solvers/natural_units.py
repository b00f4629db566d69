"""Natural units: the size each column is expected to have, so that absolute tolerances mean something.

A solver that accepts a row violated by 1e-6 is exact for weights of order one and useless for daily variances
of order 1e-4. Measured in its natural unit every continuous column is of order one, and so is every row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Sparse
from proofolio.program.program import Program

__all__ = ["natural_units", "power_of_two"]


SMALLEST, LARGEST = 2.0**-24, 2.0**24
PASSES = 10


def natural_units(program: Program) -> Floats:
    r"""Return the unit of each column: a power of two, and 1 for integers.

    A column is as large as the larger of its finite bounds (zero says nothing), or its square root above
    one, because large bounds are more often a precaution than a size. A column without such bounds, such as
    the epigraph of a cost, is as large as the rest of its rows: in :math:`\sum_k a_k x_k = b` it is
    :math:`\max(|b|, \max_k |a_k| u_k) / |a_j|` over the columns whose unit is known, the least over the rows;
    and in a cone :math:`\|Y\|^2 \le t z` it is :math:`\max Y^2` over the size of the other, or its square
    root when that is not known either.
    """
    largest = _finite_side(program.lower, program.upper)
    known = (largest > 0.0) | (np.isfinite(program.lower) & np.isfinite(program.upper))
    size = np.where(known, np.where(largest > 1.0, np.sqrt(largest), largest), np.nan)
    size[size == 0.0] = 1.0
    size[program.integer & ~known] = 1.0
    rows = _affine_rows(program)
    for _ in range(PASSES):
        unknown = np.isnan(size)
        if not unknown.any():
            break
        guess = np.minimum(_from_rows(*rows, size), _from_cones(program, size, alone=False))
        if not np.any(unknown & np.isfinite(guess)):
            guess = _from_cones(program, size, alone=True)
        learned = unknown & np.isfinite(guess)
        if not learned.any():
            break
        size[learned] = guess[learned]
    size[np.isnan(size)] = 1.0
    unit: Floats = power_of_two(np.clip(size, SMALLEST, LARGEST))
    unit[known] = np.minimum(unit[known], 1.0)
    unit[program.integer] = 1.0
    return unit


def power_of_two(values: Any) -> Any:
    """Return the power of two nearest to each positive number, so that scaling by it rounds nothing."""
    return np.exp2(np.round(np.log2(values)))


def _affine_rows(program: Program) -> tuple[Sparse, Floats]:
    """Return |coefficients| and |constant| of all rows; a quadratic row's forms count as a constant."""
    q = program.quadratic
    curved = np.array([sum(_form_size(program, f) for f in forms) for forms in q.forms], dtype=float)
    matrix = abs(sparse.vstack([program.A, q.matrix, program.indicators.matrix], format="csr"))
    sides = [
        _finite_side(program.row_lower, program.row_upper),
        np.maximum(_finite_side(q.lower, q.upper), curved),
        _finite_side(program.indicators.lower, program.indicators.upper),
    ]
    return matrix, np.concatenate(sides)


def _form_size(program: Program, form: Any) -> float:
    bound = np.maximum(np.abs(program.lower[form.columns]), np.abs(program.upper[form.columns]))
    bound = np.where(np.isfinite(bound), np.minimum(bound, 1.0), 1.0)
    return float(np.max(np.abs(form.matrix) * np.multiply.outer(bound, bound), initial=0.0))


def _finite_side(lower: Floats, upper: Floats) -> Floats:
    low = np.where(np.isfinite(lower), np.abs(lower), 0.0)
    high = np.where(np.isfinite(upper), np.abs(upper), 0.0)
    return np.maximum(low, high)


def _row_sizes(matrix: Sparse, constant: Floats, size: Floats) -> Floats:
    """Return the largest known term of each row."""
    terms = matrix.data * np.nan_to_num(size, nan=0.0)[matrix.indices]
    found = constant.copy()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    np.maximum.at(found, rows, terms)
    return found


def _from_rows(matrix: Sparse, constant: Floats, size: Floats) -> Floats:
    guess = np.full(size.size, np.inf)
    total = _row_sizes(matrix, constant, size)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    use = (total[rows] > 0.0) & np.isnan(size[matrix.indices]) & (matrix.data > 0.0)
    with np.errstate(over="ignore"):  # a guess beyond the largest number is none
        np.minimum.at(guess, matrix.indices[use], total[rows[use]] / matrix.data[use])
    return guess


def _from_cones(program: Program, size: Floats, alone: bool) -> Floats:
    """Let t be as large as Y^2 / z, and z as Y^2 / t; where that is not known, as Y if `alone`."""
    cones = program.cones
    if not len(cones):
        return np.full(size.size, np.inf)
    matrix = abs(cones.matrix.tocsr())
    total = _row_sizes(matrix, np.abs(cones.constant), size)
    t, z = cones.pointer[:-1], cones.pointer[:-1] + 1
    squares = total**2
    squares[t] = squares[z] = 0.0
    inner = np.maximum.reduceat(squares, t)
    constant = np.zeros(total.size)
    for mine, other in ((t, z), (z, t)):
        known = total[other] > 0.0
        unknown = np.sqrt(inner) if alone else np.zeros(inner.size)
        constant[mine] = np.where(known, inner / np.where(known, total[other], 1.0), unknown)
    heads = np.sort(np.concatenate([t, z]))
    return _from_rows(matrix[heads], constant[heads], size)
