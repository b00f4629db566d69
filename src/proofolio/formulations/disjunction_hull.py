"""The hull lowering of a disjunction: copies of the variables in every set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.formulations.convex_rows import affine_part, curved_columns, is_curved, perspective_squares
from proofolio.program.expression import Expression, Rows, apply_matrix, broadcast_to
from proofolio.program.model import Model

__all__ = ["hull_of_sets"]


def hull_of_sets(model: Model, name: str, groups: Sequence[Sequence[Rows]], chosen: Expression) -> None:
    """Add the copies and rows of `disjunction`'s hull; chosen has shape (K, *S).

    Entries of S share no copies; ``{name}_copies`` has one column for each entry and each variable in the rows
    of that entry, in whatever set.
    """
    K = len(groups)
    entry, column = _used(groups)
    count = entry.size
    body = affine_part(groups[0][0])
    width = int(column.max(initial=-1)) + 1
    picked = sparse.csr_array((np.ones(count), (np.arange(count), column)), shape=(count, width))
    x = Expression(picked, np.zeros(count), body.owner)
    bounds = model.bounds(x)
    case = chosen.reshape((K, -1))[:, entry]
    y = model.variable(
        f"{name}_copies", (K, count), np.minimum(bounds.lower, 0.0), np.maximum(bounds.upper, 0.0)
    )
    model.add(f"{name}_copies_sum", y.sum(0) == x)
    model.add(f"{name}_copies_lower", y >= broadcast_to(bounds.lower, (K, count)) * case)
    model.add(f"{name}_copies_upper", y <= broadcast_to(bounds.upper, (K, count)) * case)
    place = {(int(e), int(j)): i for i, (e, j) in enumerate(zip(entry, column, strict=True))}
    for k, group in enumerate(groups):
        for index, rows in enumerate(group):
            value = _on_copies(rows, place, y[k])
            if is_curved(rows):
                value = value + perspective_squares(
                    model, f"{name}_{k}_{index}_square", rows, place, y[k], chosen[k]
                )
            for word, limit in (("upper", rows.upper), ("lower", rows.lower)):
                if np.all(np.isfinite(limit)):
                    bound = (limit - affine_part(rows).constant) * chosen[k]
                    side = value <= bound if word == "upper" else value >= bound
                    model.add(f"{name}_{k}_{index}_{word}", side)


def _merged(rows: Rows) -> Any:
    matrix = sparse.csr_array(affine_part(rows).matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _used(groups: Sequence[Sequence[Rows]]) -> tuple[Any, Any]:
    """Return, sorted and once each, the entries and the columns that their rows use."""
    found: set[tuple[int, int]] = set()
    for rows in (rows for group in groups for rows in group):
        matrix = _merged(rows)
        entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        found |= set(zip(entry.tolist(), matrix.indices.tolist(), strict=True)) | set(curved_columns(rows))
    pairs = np.array(sorted(found), dtype=np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _on_copies(rows: Rows, place: dict[tuple[int, int], int], y: Expression) -> Expression:
    matrix = _merged(rows)
    entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    columns = [place[e, j] for e, j in zip(entry.tolist(), matrix.indices.tolist(), strict=True)]
    gather = sparse.csr_array((matrix.data, (entry, columns)), shape=(matrix.shape[0], y.size))
    return apply_matrix(gather, y).reshape(rows.shape)
