"""From what a builder has collected to the matrices of a frozen program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.program.decimals import entries_sum, merged_sum
from proofolio.program.expression import Expression
from proofolio.program.program import Cones, Indicators, QuadraticRows, RowBlock
from proofolio.program.quadratic import Form, Quadratic

__all__ = [
    "ConeRows",
    "ImpliedRows",
    "LinearRows",
    "indicators",
    "merged",
    "objective_arrays",
    "quadratic_rows",
    "stacked",
    "stacked_cones",
]


class LinearRows(NamedTuple):
    """One named array of rows ``lower <= matrix x <= upper``."""

    block: RowBlock
    matrix: Sparse
    lower: Floats
    upper: Floats


class ConeRows(NamedTuple):
    """One named array of cones, all of one length, whose members are ``matrix x + constant``."""

    block: RowBlock
    matrix: Sparse
    constant: Floats
    lengths: Integers


class ImpliedRows(NamedTuple):
    """One named array of rows that hold where ``x[binary] = on``."""

    rows: LinearRows
    binary: Integers
    on: Integers


def merged(matrix: Sparse) -> Sparse:
    """Return a matrix with equal entries added up and zeros left out; itself when it has neither."""
    clean = sparse.csr_array(matrix)
    if clean.has_canonical_format and np.all(clean.data):
        return clean
    if not clean.has_canonical_format:
        return merged_sum(clean)
    clean = clean.copy()
    clean.eliminate_zeros()
    return clean


def stacked(parts: Sequence[LinearRows], width: int) -> tuple[Sparse, Floats, Floats, tuple[RowBlock, ...]]:
    """Return matrix, bounds and blocks of arrays of rows, one below the other."""
    blocks, start = [], 0
    for part in parts:
        b = part.block
        blocks.append(RowBlock(b.name, b.shape, start, b.positions, b.switch))
        start += b.size
    lower = np.concatenate([np.empty(0), *(p.lower for p in parts)])
    upper = np.concatenate([np.empty(0), *(p.upper for p in parts)])
    return _vertical([p.matrix for p in parts], width), lower, upper, tuple(blocks)


def quadratic_rows(
    parts: Sequence[tuple[LinearRows, tuple[tuple[Form, ...], ...]]], width: int
) -> QuadraticRows:
    """Return arrays of quadratic rows, one below the other."""
    matrix, lower, upper, blocks = stacked([linear for linear, _ in parts], width)
    return QuadraticRows(matrix, tuple(f for _, forms in parts for f in forms), lower, upper, blocks)


def indicators(parts: Sequence[ImpliedRows], width: int) -> Indicators:
    """Return arrays of implied rows, one below the other."""
    matrix, lower, upper, blocks = stacked([part.rows for part in parts], width)
    binary = np.concatenate([np.empty(0, np.intp), *(part.binary for part in parts)])
    on = np.concatenate([np.empty(0, np.intp), *(part.on for part in parts)])
    return Indicators(binary, on, matrix, lower, upper, blocks)


def stacked_cones(parts: Sequence[ConeRows], width: int) -> Cones:
    """Return arrays of cones, one below the other."""
    blocks, start = [], 0
    for part in parts:
        blocks.append(RowBlock(part.block.name, part.block.shape, start, part.block.positions))
        start += part.block.size
    lengths = np.concatenate([np.empty(0, np.intp), *(part.lengths for part in parts)])
    return Cones(
        _vertical([part.matrix for part in parts], width),
        np.concatenate([np.empty(0), *(part.constant for part in parts)]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
        tuple(blocks),
    )


def objective_arrays(objective: Expression | Quadratic, width: int) -> tuple[sparse.csc_array, Floats, float]:
    """Return P, q and c of an objective with one entry, as a program holds them: x'Px / 2 + q'x + c."""
    affine = objective.affine
    q = np.zeros(width)
    linear = merged(affine.matrix)
    q[linear.indices] = linear.data
    forms = objective.forms[0] if isinstance(objective, Quadratic) else ()
    rows = [np.repeat(f.columns, f.columns.size) for f in forms]
    cols = [np.tile(f.columns, f.columns.size) for f in forms]
    data = [2.0 * f.matrix.ravel() for f in forms]
    P = entries_sum(
        np.concatenate([np.empty(0), *data]),
        np.concatenate([np.empty(0, int), *rows]),
        np.concatenate([np.empty(0, int), *cols]),
        (width, width),
    ).tocsc()
    return P, q, float(affine.constant.ravel()[0])


def _vertical(matrices: Sequence[Sparse], width: int) -> Sparse:
    counts = [np.diff(m.indptr) for m in matrices]
    pointer = np.concatenate([[0], np.cumsum(np.concatenate([np.empty(0, int), *counts]))])
    if max(pointer[-1], width) < np.iinfo(np.int32).max:
        pointer = pointer.astype(np.int32)  # as the indices are, or scipy copies both
    return sparse.csr_array(
        (
            np.concatenate([np.empty(0), *(m.data for m in matrices)]),
            np.concatenate([np.empty(0, np.int32), *(m.indices for m in matrices)]),
            pointer,
        ),
        shape=(pointer.size - 1, width),
    )
