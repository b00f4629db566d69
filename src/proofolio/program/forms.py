"""Sparse quadratic forms, cut into small dense ones that share no column."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from proofolio.program.quadratic import Form

__all__ = ["gathered_forms", "split_forms"]


def split_forms(matrix: Any) -> tuple[Form, ...]:
    """Return x'Qx as one dense form for each group of columns that Q ties together.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Q, symmetric to the bit. Entries are copied, never recomputed.
    """
    rows = sparse.csr_array(matrix)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    used = np.flatnonzero(np.diff(rows.indptr))
    if not used.size:
        return ()
    inner = rows[used][:, used]
    count, label = csgraph.connected_components(inner, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1])
    entries = inner.tocoo()
    place = np.empty(used.size, dtype=np.intp)
    for group in groups:
        place[group] = np.arange(group.size)
    dense = [np.zeros((group.size, group.size)) for group in groups]
    for i, j, value in zip(*entries.coords, entries.data, strict=True):
        dense[label[i]][place[i], place[j]] = value
    return tuple(Form(used[group].astype(np.intp), Q) for group, Q in zip(groups, dense, strict=True))


def gathered_forms(forms: tuple[Form, ...], columns: int) -> Any:
    """Return the sum of quadratic forms as one sparse symmetric matrix over all columns."""
    rows = [np.repeat(f.columns, f.columns.size) for f in forms]
    cols = [np.tile(f.columns, f.columns.size) for f in forms]
    data = [f.matrix.ravel() for f in forms]
    gathered = sparse.csr_array(
        (
            np.concatenate([np.empty(0), *data]),
            (np.concatenate([np.empty(0, int), *rows]), np.concatenate([np.empty(0, int), *cols])),
        ),
        shape=(columns, columns),
    )
    gathered.sum_duplicates()
    gathered.eliminate_zeros()
    return gathered
