"""Squares put back in place of their placeholders: quadratic forms over columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.cvxpy_canonical import Square
from proofolio.program.cvxpy_matrices import Affine

__all__ = ["Squares"]

Floats = NDArray[np.float64]
_DENSE = 64  # columns up to which substituting into a square costs nothing worth an auxiliary variable


class Squares:
    """The squares of a problem, and where their placeholders and variables stand among the columns.

    Parameters
    ----------
    squares : list of Square
    definitions : list of Affine or None
        What each square's variable equals, when it is an auxiliary one.
    start : dict
        First column of each variable, by its id.
    width : int
        The number of columns.

    Attributes
    ----------
    kept : list of Square
        Those whose auxiliary variable stays a column: substituting it would fill the matrix up.
    """

    def __init__(
        self, squares: list[Square], definitions: list[Affine | None], start: dict[int, int], width: int
    ) -> None:
        self._squares, self._start, self._width = squares, start, width
        self._first = np.array([start[s.placeholder.id] for s in squares], dtype=np.intp)
        self.definitions = definitions
        self.kept = [
            s for s, d in zip(squares, definitions, strict=True) if d is not None and not _stays_sparse(d)
        ]
        kept = {id(s) for s in self.kept}
        self._inside = [
            (_own_columns(s, start, width), np.zeros(s.variable.size))
            if d is None or id(s) in kept
            else _columnwise(s, d)
            for s, d in zip(squares, definitions, strict=True)
        ]

    def definition(self, square: Square) -> Affine:
        """Return ``definition - variable`` of a square that is kept, entries in row-major order."""
        found = self.definitions[self._squares.index(square)]
        assert found is not None
        x = square.variable
        own = sparse.eye_array(x.size, self._width, k=self._start[x.id], format="csr")
        return Affine(found.matrix - own, found.constant)

    def curved(self, part: Affine) -> bool:
        """Whether an expression has placeholders in it."""
        return bool(self._squares and part.matrix.nnz and part.matrix.indices.max() >= self._first[0])

    def resolved(self, part: Affine, k: int) -> tuple[Affine, Any]:
        """Return entry k without placeholders: its affine part, and its form x'Qx over the columns."""
        row, constant = part.matrix[[k]], float(part.constant[k])
        form = sparse.csr_array((self._width, self._width))
        if not self._squares:
            return Affine(row, np.array([constant])), form
        places, values = row.indices, row.data
        stands_in = places >= self._first[0]
        linear = sparse.csr_array(
            (values[~stands_in], places[~stands_in], np.array([0, np.count_nonzero(~stands_in)])),
            shape=row.shape,
        )
        which = np.searchsorted(self._first, places[stands_in], side="right") - 1
        for number in np.unique(which):
            square = self._squares[number]
            p = square.placeholder
            weight = np.zeros(p.size)
            weight[places[stands_in][which == number] - self._first[number]] = values[stands_in][
                which == number
            ]
            P = _weighted(square, weight.reshape(p.shape).ravel(order="F"))
            A, b = self._inside[number]
            form = form + A.T @ P @ A
            slope = 2.0 * (P @ b)
            linear = linear + sparse.csr_array(slope[None, :]) @ A
            constant += float(b @ slope) / 2.0
        return Affine(sparse.csr_array(linear), np.array([constant])), sparse.csr_array(form)


def _stays_sparse(definition: Affine) -> bool:
    counts = np.diff(definition.matrix.indptr)
    used = np.unique(definition.matrix.indices).size
    return bool(counts.size == 0 or counts.max() <= 1 or used <= max(_DENSE, counts.size))


def _column_order(square: Square) -> NDArray[np.intp]:
    x = square.variable
    return np.arange(x.size, dtype=np.intp).reshape(x.shape).ravel(order="F")


def _columnwise(square: Square, definition: Affine) -> tuple[Any, Floats]:
    order = _column_order(square)
    return definition.matrix[order], definition.constant[order]


def _own_columns(square: Square, start: dict[int, int], width: int) -> Any:
    order = _column_order(square)
    places = (np.ones(order.size), (np.arange(order.size), start[square.variable.id] + order))
    return sparse.csr_array(places, shape=(order.size, width))


def _weighted(square: Square, weight: Floats) -> Any:
    """Return P with each entry scaled by the weight of the form it belongs to."""
    entries = square.P.tocoo()
    i, j = entries.coords
    same = square.label[i] == square.label[j]
    data = entries.data[same] * weight[square.label[i[same]]]
    return sparse.csr_array((data, (i[same], j[same])), shape=square.P.shape)
