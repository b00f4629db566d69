"""Which classes of mathematics a program uses: what a solver's capability is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csgraph

from proofolio.program.program import Program
from proofolio.program.quadratic import Form

__all__ = ["FEATURES", "features", "is_positive_semidefinite"]

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

CONVEXITY = 1e-10


def is_positive_semidefinite(matrix: Any) -> bool:
    """Whether no eigenvalue is below -1e-10 of the largest, decided block by block for sparse matrices."""
    if not hasattr(matrix, "tocsr"):
        dense = np.asarray(matrix, dtype=float)
        return _dense_psd(dense)
    rows = matrix.tocsr()
    _, label = csgraph.connected_components(rows, directed=False)
    used = np.flatnonzero(np.diff(rows.indptr))
    order = used[np.argsort(label[used], kind="stable")]
    sizes = np.bincount(label)
    alone = order[sizes[label[order]] == 1]  # thousands where every trade has a square of its own
    if np.any(rows.diagonal()[alone] < 0.0):
        return False
    order = order[sizes[label[order]] > 1]
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if order.size else []
    return all(_dense_psd(rows[group][:, group].toarray()) for group in groups)


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
