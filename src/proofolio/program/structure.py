r"""What a program contains: the classes of mathematics a solver must be capable of, and rotated cones in disguise.

Pyomo and model files know a cone :math:`\sum_k Y_k^2 \le t z` only as a quadratic row, which is not convex as it
stands: it is so because t and z are not negative. `recognise_cones` finds such rows for solvers of convex programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from proofolio.arrays import Floats, Integers
from proofolio.program.program import Cones, Program, QuadraticRows, RowBlock
from proofolio.program.quadratic import Form

__all__ = ["FEATURES", "diagonal_blocks", "features", "is_positive_semidefinite", "recognise_cones"]


FEATURES = (
    "integer",
    "quadratic-objective",
    "nonconvex-objective",
    "quadratic-rows",
    "nonconvex-rows",
    "cones",
    "indicators",
    "sos1",
    "sos2",
)

# A least eigenvalue above -1e-10 of the largest counts as zero: eigvalsh errs by some 1e-15 of the largest, and
# covariances estimated in doubles are semidefinite only up to their rounding.
CONVEXITY = 1e-10


def is_positive_semidefinite(matrix: Any) -> bool:
    """Whether no eigenvalue is below -1e-10 of the largest, decided block by block for sparse matrices."""
    if not hasattr(matrix, "tocsr"):
        dense = np.asarray(matrix, dtype=float)
        return _dense_psd(dense)
    return all(_dense_psd(block) for _, block in diagonal_blocks(matrix))


def diagonal_blocks(matrix: Any) -> Iterator[tuple[Any, Any]]:
    """Yield columns and matrix of each block of a sparse symmetric matrix; a column alone only where it is negative."""
    rows = matrix.tocsr()
    _, label = csgraph.connected_components(rows, directed=False)
    used = np.flatnonzero(np.diff(rows.indptr))
    order = used[np.argsort(label[used], kind="stable")]
    sizes = np.bincount(label)
    alone = order[sizes[label[order]] == 1]  # thousands where every trade has a square of its own
    for j in alone[rows.diagonal()[alone] < 0.0]:
        yield np.array([j]), np.array([[rows[j, j]]])
    order = order[sizes[label[order]] > 1]
    for group in np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if order.size else []:
        yield group, rows[group][:, group].toarray()


def _dense_psd(dense: Any) -> bool:
    if not dense.size:
        return True
    values = np.linalg.eigvalsh(dense)
    return bool(values[0] >= -CONVEXITY * max(abs(values[0]), abs(values[-1])))


def features(program: Program) -> frozenset[str]:
    """Return the classes of mathematics a program uses, out of `FEATURES`."""
    found = set()
    if program.integer.any():
        found.add("integer")
    if program.P.nnz:
        found.add("quadratic-objective")
        if not is_positive_semidefinite(program.P):
            found.add("nonconvex-objective")
    if len(program.quadratic):
        found.add("quadratic-rows")
        if not _convex_rows(program):
            found.add("nonconvex-rows")
    if len(program.cones):
        found.add("cones")
    if len(program.indicators):
        found.add("indicators")
    found.update(f"sos{s.kind}" for s in program.sos)
    return frozenset(found)


def _convex_rows(program: Program) -> bool:
    rows = program.quadratic
    known: dict[tuple[int, int], bool] = {}

    def definite(form: Form, sign: int) -> bool:
        key = (id(form.matrix), sign)
        if key not in known:
            known[key] = is_positive_semidefinite(sign * form.matrix)
        return known[key]

    for forms, low, high in zip(rows.forms, rows.lower, rows.upper, strict=True):
        if np.isfinite(high) and not all(definite(f, +1) for f in forms):
            return False
        if np.isfinite(low) and not all(definite(f, -1) for f in forms):
            return False
    return True


NEGLIGIBLE = 1e-14  # of the largest eigenvalue: directions below it are rounding, and are left out of a root


class _Cone(NamedTuple):
    t: int
    z: int
    factor: float
    columns: Integers
    root: Floats


def recognise_cones(program: Program) -> Program:
    r"""Return the program with rows :math:`v'Qv - a\,t z \le 0` written as rotated cones.

    A row is one when Q is positive semidefinite, a is positive, t and z are variables that appear in no other
    term of it, neither has a negative lower bound, and nothing else stands in the row. Other rows stay.
    """
    rows = program.quadratic
    found = {i: cone for i in range(len(rows)) if (cone := _as_cone(program, i)) is not None}
    if not found:
        return program
    kept = np.array([i for i in range(len(rows)) if i not in found], dtype=np.intp)
    names = [name for block in rows.blocks for name in block.element_names()]
    return replace(
        program,
        quadratic=QuadraticRows(
            rows.matrix[kept],
            tuple(rows.forms[i] for i in kept),
            rows.lower[kept],
            rows.upper[kept],
            _kept_blocks(rows.blocks, kept),
        ),
        cones=_with(program.cones, found, names, program.n),
    )


def _as_cone(program: Program, i: int) -> _Cone | None:
    rows = program.quadratic
    upward = np.isfinite(rows.upper[i]) and not np.isfinite(rows.lower[i])
    downward = np.isfinite(rows.lower[i]) and not np.isfinite(rows.upper[i])
    side = rows.upper[i] if upward else rows.lower[i]
    if not (upward or downward) or side != 0.0 or rows.matrix[[i]].nnz:
        return None
    form = _merged(rows.forms[i])
    Q = form.matrix if upward else -form.matrix
    off = np.argwhere(np.triu(Q, 1) < 0)
    zero_diagonal = np.flatnonzero(np.diag(Q) == 0.0)
    for a, b in off:
        if a not in zero_diagonal or b not in zero_diagonal:
            continue
        if np.count_nonzero(Q[a]) != 1 or np.count_nonzero(Q[b]) != 1:
            continue
        t, z = _epigraph_first(program, int(form.columns[a]), int(form.columns[b]))
        if program.lower[t] < 0 or program.lower[z] < 0:
            continue
        rest = np.setdiff1d(np.arange(Q.shape[0]), [a, b])
        inner = Q[np.ix_(rest, rest)]
        if not is_positive_semidefinite(inner):
            return None
        return _Cone(t, z, -2.0 * float(Q[a, b]), form.columns[rest], _root(inner))
    return None


def _epigraph_first(program: Program, t: int, z: int) -> tuple[int, int]:
    """Return the two factors so that z is the one that reads as a switch: integer, or bounded above."""
    swap = program.integer[t] > program.integer[z] or (
        program.integer[t] == program.integer[z]
        and np.isfinite(program.upper[t])
        and not np.isfinite(program.upper[z])
    )
    return (z, t) if swap else (t, z)


def _merged(forms: tuple[Form, ...]) -> Form:
    if len(forms) == 1 and np.unique(forms[0].columns).size == forms[0].columns.size:
        return forms[0]
    columns = np.unique(np.concatenate([np.empty(0, np.intp), *(f.columns for f in forms)]))
    matrix = np.zeros((columns.size, columns.size))
    for f in forms:
        at = np.searchsorted(columns, f.columns)
        np.add.at(matrix, (at[:, None], at[None, :]), f.matrix)
    return Form(columns, matrix)


def _root(Q: Floats) -> Floats:
    if np.count_nonzero(Q) == np.count_nonzero(np.diag(Q)):
        root: Floats = np.diag(np.sqrt(np.diag(Q)))
        return root
    values, vectors = np.linalg.eigh(Q)
    kept = values > NEGLIGIBLE * max(float(np.abs(values).max(initial=0.0)), 0.0)
    factor: Floats = vectors[:, kept] * np.sqrt(values[kept])
    return factor


def _kept_blocks(blocks: tuple[RowBlock, ...], kept: Integers) -> tuple[RowBlock, ...]:
    result, start = [], 0
    for block in blocks:
        inside = kept[(kept >= block.start) & (kept < block.start + block.size)] - block.start
        if inside.size:
            switch = None if block.switch is None else block.switch.take(inside)
            result.append(RowBlock(block.name, block.shape, start, block.positions[inside], switch))
            start += inside.size
    return tuple(result)


def _with(cones: Cones, found: dict[int, _Cone], names: list[str], n: int) -> Cones:
    parts: list[Any] = [cones.matrix]
    lengths, blocks = [], list(cones.blocks)
    for start, (i, cone) in enumerate(found.items(), start=len(cones)):
        k = cone.root.shape[1]
        rows = np.concatenate([[0, 1], 2 + np.repeat(np.arange(k), cone.columns.size)])
        columns = np.concatenate([[cone.t, cone.z], np.tile(cone.columns, k)])
        # sum Y^2 <= a t z: the factor goes with t
        data = np.concatenate([[cone.factor, 1.0], cone.root.T.ravel()])
        part = sparse.csr_array((data, (rows, columns)), shape=(k + 2, n))
        part.eliminate_zeros()
        parts.append(part)
        lengths.append(k + 2)
        name = names[i] if i < len(names) else f"cone[{i}]"
        blocks.append(RowBlock(name, (), start, np.zeros(1, dtype=np.intp)))
    matrix = sparse.vstack(parts, format="csr")
    constant = np.concatenate([cones.constant, np.zeros(sum(lengths))])
    pointer = np.concatenate([cones.pointer, cones.pointer[-1] + np.cumsum(lengths)]).astype(np.intp)
    return Cones(matrix, constant, pointer, tuple(blocks))
