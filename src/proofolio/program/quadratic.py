"""Arrays of quadratic functions: an affine expression plus small dense quadratic forms on a few columns each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse import csgraph

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.program.decimals import divided, entries_sum, times
from proofolio.program.expression import (
    Expression,
    Function,
    as_constant,
    as_expression,
    broadcast_to,
    common_shape,
)

__all__ = ["Form", "Quadratic", "gathered_forms", "quadratic_form", "split_forms", "symmetric"]


ASYMMETRY = (
    1e-12  # of the largest entry: products such as F F' come out asymmetric by rounding, some 1e-16 each
)


@dataclass(frozen=True, eq=False)
class Form:
    """One quadratic form ``x[columns]' matrix x[columns]``; the matrix is symmetric.

    Forms of different periods may share one matrix object: nothing is copied.
    """

    columns: Integers
    matrix: Floats

    def value(self, x: Floats) -> float:
        """Evaluate at a point of the model's columns."""
        v = x[self.columns]
        return float(v @ self.matrix @ v)

    def gradient(self, x: Floats) -> Floats:
        """Return the gradient with respect to ``x[columns]``."""
        return 2.0 * (self.matrix @ x[self.columns])


class Quadratic(Function):
    """An array of quadratic functions of one model's variables: entry k is ``affine[k] + sum of forms[k]``.

    Made by ``model.quadratic(Q, w)``. It can be added, scaled by constants, indexed, summed and compared.

    Attributes
    ----------
    forms : tuple of tuples of Form
        The quadratic part of each entry, in row-major order.
    """

    degree = 2

    def __init__(self, affine: Expression, forms: tuple[tuple[Form, ...], ...]) -> None:
        self._affine = affine
        self.forms = forms
        self.owner = affine.owner

    @property
    def affine(self) -> Expression:
        """The affine part; its shape is the shape of the array."""
        return self._affine

    @property
    def shape(self) -> tuple[int, ...]:
        """The numpy shape."""
        return self.affine.shape

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.affine.size

    def __repr__(self) -> str:
        return f"Quadratic(shape={self.shape})"

    def __getitem__(self, key: Any) -> Quadratic:
        positions = np.asarray(np.arange(self.size).reshape(self.shape)[key])
        return Quadratic(self.affine[key], tuple(self.forms[p] for p in positions.ravel()))

    def _broadcast(self, shape: tuple[int, ...]) -> Quadratic:
        if shape == self.shape:
            return self
        positions = np.broadcast_to(np.arange(self.size).reshape(self.shape), shape)
        return Quadratic(broadcast_to(self.affine, shape), tuple(self.forms[p] for p in positions.ravel()))

    def __neg__(self) -> Quadratic:
        return self * -1.0

    def __add__(self, other: Any) -> Quadratic:
        if not isinstance(other, Quadratic):
            affine = self.affine + as_expression(other)
            return Quadratic(affine, self._broadcast(affine.shape).forms)
        affine = self.affine + other.affine
        left, right = self._broadcast(affine.shape), other._broadcast(affine.shape)
        return Quadratic(affine, tuple(a + b for a, b in zip(left.forms, right.forms, strict=True)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Quadratic:
        return self.__add__(-other if isinstance(other, Quadratic) else -as_expression(other))

    def __rsub__(self, other: Any) -> Quadratic:
        negated: Quadratic = -self
        return negated.__add__(other)

    def __mul__(self, other: Any) -> Quadratic:
        return self._scaled(other, times)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Quadratic:
        divisor = as_constant(other)
        if np.any(divisor == 0):
            raise BadData("division of an expression by zero")
        return self._scaled(divisor, divided)

    def _scaled(self, other: Any, operation: Callable[[ArrayLike, ArrayLike], Floats]) -> Quadratic:
        factor = as_constant(other)
        shape = common_shape(self.shape, factor.shape)
        wide = self._broadcast(shape)
        scale = np.broadcast_to(factor, shape).ravel()
        forms = tuple(
            tuple(Form(f.columns, operation(f.matrix, s)) for f in entry)
            for entry, s in zip(wide.forms, scale, strict=True)
        )
        return Quadratic(wide.affine * factor if operation is times else wide.affine / factor, forms)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Quadratic:
        """Sum over the given axes (all by default)."""
        affine = self.affine.sum(axis)
        kept = np.arange(affine.size).reshape(np.sum(np.zeros(self.shape), axis=axis, keepdims=True).shape)
        gathered: list[list[Form]] = [[] for _ in range(affine.size)]
        for position, entry in zip(np.broadcast_to(kept, self.shape).ravel(), self.forms, strict=True):
            gathered[position].extend(entry)
        return Quadratic(affine, tuple(tuple(entry) for entry in gathered))

    def value(self, x: ArrayLike) -> Floats:
        """Evaluate at a point of the model's columns."""
        point = np.asarray(x, dtype=float)
        curved = np.array([sum(f.value(point) for f in entry) for entry in self.forms], dtype=float)
        values: Floats = self.affine.value(point) + curved.reshape(self.shape)
        return values


def symmetric(Q: ArrayLike, name: str = "Q") -> Floats:
    """Return Q symmetrised over its last two axes.

    Raises
    ------
    BadData
        When Q is not square, not finite, or asymmetric by more than 1e-12 of its largest entry.
    """
    matrix = as_constant(Q)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise BadData(f"{name} has shape {matrix.shape}; a quadratic form needs (..., n, n)")
    turned = np.swapaxes(matrix, -1, -2)
    worst = float(np.max(np.abs(matrix - turned), initial=0.0))
    if worst > ASYMMETRY * float(np.max(np.abs(matrix), initial=0.0)):
        raise BadData(
            f"{name} is not symmetric (largest difference {worst:.3g}): give ({name} + {name}') / 2"
        )
    symmetrised: Floats = (matrix + turned) / 2.0 if worst else matrix
    return symmetrised


def quadratic_form(Q: ArrayLike, w: Expression) -> Quadratic:
    r"""Return :math:`w'Qw` over the last axis of w.

    Parameters
    ----------
    Q : array_like, shape (n, n) or (..., n, n)
        Symmetric matrices; leading axes broadcast against those of w.
    w : Expression, shape (..., n)
        Affine vectors.
    """
    matrix = symmetric(Q)
    n = matrix.shape[-1]
    if w.ndim < 1 or w.shape[-1] != n:
        raise BadData(f"w has shape {w.shape}; with Q of shape {matrix.shape} its last axis must be {n}")
    shape = common_shape(matrix.shape[:-2], w.shape[:-1])
    which = np.broadcast_to(
        np.arange(int(np.prod(matrix.shape[:-2]))).reshape(matrix.shape[:-2]), shape
    ).ravel()
    vectors = broadcast_to(w, (*shape, n))
    stacked = matrix.reshape(-1, n, n)
    plain = _plain_columns(vectors)
    if plain is not None:
        columns = plain.reshape(-1, n)
        zero = as_expression(np.zeros(shape))
        curved = np.any(stacked != 0.0, axis=(1, 2))
        forms = tuple(
            (Form(c, stacked[k]),) if curved[k] else () for c, k in zip(columns, which, strict=True)
        )
        return Quadratic(Expression(zero.matrix, zero.constant, w.owner), forms)
    entries, affine = [], []
    flat = vectors.reshape((-1, n))
    for v, k in zip(flat, which, strict=True):
        Qk = stacked[k]
        columns = np.unique(v.matrix.indices).astype(np.intp)
        A = v.matrix[:, columns].toarray()
        inner = A.T @ Qk @ A
        inner = (inner + inner.T) / 2.0  # the products round differently on the two sides of the diagonal
        entries.append((Form(columns, inner),) if np.any(inner) else ())
        homogeneous = Expression(v.matrix, np.zeros(n), v.owner)
        affine.append((2.0 * (v.constant @ Qk)) @ homogeneous + v.constant @ Qk @ v.constant)
    return Quadratic(as_expression(affine).reshape(shape), tuple(entries))


def _plain_columns(w: Expression) -> Integers | None:
    """Return the column of each entry when every entry is one variable with coefficient one."""
    matrix = w.matrix
    plain = matrix.nnz == w.size and np.all(np.diff(matrix.indptr) == 1) and np.all(matrix.data == 1.0)
    if not plain or np.any(w.constant):
        return None
    columns: Integers = matrix.indices.astype(np.intp)
    return columns


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
    return entries_sum(
        np.concatenate([np.empty(0), *data]),
        np.concatenate([np.empty(0, int), *rows]),
        np.concatenate([np.empty(0, int), *cols]),
        (columns, columns),
    )
