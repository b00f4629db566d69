"""Arrays of affine expressions, with numpy's shapes, broadcasting and elementwise arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import BadData
from proofolio.program.decimals import divided, matrix_product, plus, sparse_sum, sums, times

__all__ = [
    "Expression",
    "Function",
    "Rows",
    "apply_matrix",
    "as_constant",
    "as_expression",
    "between",
    "broadcast_to",
    "common_shape",
    "concatenate",
    "stack",
]


class Function:
    """An array of functions of one model's variables: what affine and quadratic expressions share.

    It has a numpy shape and no truth value. ``<=``, ``>=`` and ``==`` make `Rows`; arithmetic and comparison
    with a function of higher degree are left to that function.

    Attributes
    ----------
    owner : object or None
        The model whose columns these are; None for a constant.
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]  # == makes rows, so equality cannot be hashed on
    degree: ClassVar[int]
    owner: object | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The numpy shape."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """The number of entries."""
        raise NotImplementedError

    @property
    def affine(self) -> Expression:
        """The affine part."""
        raise NotImplementedError

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise BadData(
            "numpy cannot hold proofolio expressions: use proofolio.stack, proofolio.concatenate or the "
            "expression's own methods"
        )

    def __bool__(self) -> bool:
        raise BadData("an expression has no truth value: write rows with <=, >= or ==")

    def __neg__(self) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError

    def __sub__(self, other: Any) -> Any:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        raise NotImplementedError

    def value(self, x: ArrayLike) -> Floats:
        """Evaluate at a point of the model's columns (at least as many entries as columns used)."""
        raise NotImplementedError

    def yields_to(self, other: Any) -> bool:
        """Whether an operation with the other operand is that operand's to do: its degree is higher."""
        return isinstance(other, Function) and other.degree > self.degree

    def __le__(self, other: Any) -> Any:
        return self._compare(other, -np.inf, 0.0)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, 0.0, np.inf)

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, 0.0, 0.0)

    def __ne__(self, other: object) -> NoReturn:
        raise BadData("!= is not a closed condition: use a binary and proofolio.implies")

    def __lt__(self, other: Any) -> NoReturn:
        raise BadData("a strict < is not a closed condition: write <= with an explicit gap")

    def __gt__(self, other: Any) -> NoReturn:
        raise BadData("a strict > is not a closed condition: write >= with an explicit gap")

    def _compare(self, other: Any, lower: float, upper: float) -> Any:
        if self.yields_to(other):
            return NotImplemented
        body = self - other
        return Rows(body, np.full(body.shape, lower), np.full(body.shape, upper))


class Expression(Function):
    r"""An array of affine functions of one model's variables.

    Entry :math:`k` (in row-major order) is :math:`\sum_j A_{kj} x_j + b_k`. Arithmetic is numpy's: ``*`` is
    elementwise, shapes broadcast, ``@`` is the matrix product with a constant, and a sum or an index that
    leaves one number gives an expression of shape ``()``. ``<=``, ``>=`` and ``==`` give `Rows`.

    Parameters
    ----------
    matrix : csr_array, shape (size, columns)
        Coefficients, one row an entry. Columns of variables made later are understood to be zero.
    constant : ndarray
        The constant part; its shape is the expression's shape.
    owner : object, optional
        The model whose columns these are; None for a constant.

    Raises
    ------
    BadData
        For NaN, infinities, ``<``, ``>``, ``!=`` and for expressions of two different models.
    """

    degree = 1

    def __init__(self, matrix: Sparse, constant: ArrayLike, owner: object | None = None) -> None:
        self.constant: Floats = np.asarray(constant, dtype=float)
        self.matrix: Sparse = matrix
        self.owner = owner

    # ------------------------------------------------------------------ shape
    @property
    def shape(self) -> tuple[int, ...]:
        """The numpy shape."""
        return self.constant.shape

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.constant.size

    @property
    def affine(self) -> Expression:
        """The expression itself."""
        return self

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.constant.ndim

    @property
    def T(self) -> Expression:
        """The expression with its axes reversed."""
        return self.transpose()

    @property
    def is_constant(self) -> bool:
        """Whether no variable appears, after equal terms are merged."""
        return not np.any(self.matrix.data)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an expression of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Expression]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Expression(shape={self.shape}, variables={np.unique(self.matrix.indices).size})"

    def _gather(self, positions: Integers) -> Expression:
        flat = positions.ravel()
        constant = self.constant.ravel()[flat].reshape(positions.shape)
        return Expression(self.matrix[flat], constant, self.owner)

    def _positions(self) -> Integers:
        return np.arange(self.size).reshape(self.shape)

    def __getitem__(self, key: Any) -> Expression:
        return self._gather(np.asarray(self._positions()[key]))

    def reshape(self, *shape: int | tuple[int, ...]) -> Expression:
        """Return the same entries in row-major order under another shape."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Expression(self.matrix, self.constant.reshape(wanted), self.owner)

    def ravel(self) -> Expression:
        """Return the entries in row-major order as one axis."""
        return self.reshape(self.size)

    def transpose(self, *axes: int) -> Expression:
        """Permute the axes (reverse them when none are given), as numpy does."""
        return self._gather(self._positions().transpose(*axes))

    # ------------------------------------------------------------- arithmetic
    def __neg__(self) -> Expression:
        return Expression(-self.matrix, -self.constant, self.owner)

    def __pos__(self) -> Expression:
        return self

    def __add__(self, other: Any) -> Any:
        if self.yields_to(other):
            return NotImplemented
        left, right, owner = _aligned(self, as_expression(other))
        return Expression(sparse_sum(left.matrix, right.matrix), plus(left.constant, right.constant), owner)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if self.yields_to(other):
            return NotImplemented
        return self + (-as_expression(other))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Expression:
        other = as_expression(other)
        if not other.is_constant:
            if not self.is_constant:
                raise BadData(
                    "a product of two expressions is not affine: use model.quadratic(Q, w) for w'Qw, or the "
                    "formulation proofolio.product when one of them is binary"
                )
            flipped: Expression = other * self
            return flipped
        left, right, owner = _aligned(self, Expression(other.matrix, other.constant, None))
        factor = right.constant.ravel()
        matrix = left.matrix.copy()
        matrix.data = times(matrix.data, np.repeat(factor, np.diff(matrix.indptr)))
        return Expression(matrix, times(left.constant, right.constant), owner)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Expression:
        divisor = as_expression(other)
        if not divisor.is_constant:
            raise BadData("an expression can be divided by numbers only")
        if np.any(divisor.constant == 0):
            raise BadData("division of an expression by zero")
        left, right, owner = _aligned(self, Expression(divisor.matrix, divisor.constant, None))
        matrix = left.matrix.copy()
        matrix.data = divided(matrix.data, np.repeat(right.constant.ravel(), np.diff(matrix.indptr)))
        return Expression(matrix, divided(left.constant, right.constant), owner)

    def __matmul__(self, other: Any) -> Expression:
        right = as_constant(other)
        if self.ndim not in (1, 2) or right.ndim not in (1, 2) or self.shape[-1] != right.shape[0]:
            raise BadData(f"shapes {self.shape} and {right.shape} do not fit the matrix product")
        rows = 1 if self.ndim == 1 else self.shape[0]
        factor = right.reshape(right.shape[0], -1)
        operator = _block_diagonal(sparse.csr_array(factor.T), rows)
        return Expression(matrix_product(operator, self.matrix), _inner(self.constant, right), self.owner)

    def __rmatmul__(self, other: Any) -> Expression:
        left = as_constant(other)
        if self.ndim not in (1, 2) or left.ndim not in (1, 2) or left.shape[-1] != self.shape[0]:
            raise BadData(f"shapes {left.shape} and {self.shape} do not fit the matrix product")
        columns = 1 if self.ndim == 1 else self.shape[1]
        factor = left.reshape(-1, left.shape[-1])
        operator = sparse.kron(factor, sparse.eye_array(columns), format="csr")
        return Expression(matrix_product(operator, self.matrix), _inner(left, self.constant), self.owner)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Expression:
        """Sum over the given axes (all by default); the result of a full sum has shape ``()``."""
        constant = np.asarray(self.constant.sum(axis=axis, keepdims=keepdims))
        kept = np.arange(constant.size).reshape(np.sum(np.zeros(self.shape), axis=axis, keepdims=True).shape)
        target = np.broadcast_to(kept, self.shape).ravel()
        constant = sums(self.constant.ravel(), target, constant.size).reshape(constant.shape)
        operator = sparse.csr_array(
            (np.ones(self.size), (target, np.arange(self.size))), shape=(constant.size, self.size)
        )
        return Expression(matrix_product(operator, self.matrix), constant, self.owner)

    # -------------------------------------------------------------- evaluation
    def value(self, x: ArrayLike) -> Floats:
        """Evaluate at a point of the model's columns (at least as many entries as columns used)."""
        point = np.asarray(x, dtype=float)
        flat: Floats = self.matrix @ point[: self.matrix.shape[1]]
        return flat.reshape(self.shape) + self.constant


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows ``lower <= body <= upper``, entry by entry; what a comparison of expressions makes.

    Attributes
    ----------
    body : Expression or Quadratic
        The left-hand sides, constants included.
    lower, upper : ndarray
        Bounds of the body's shape; infinite where a side is absent.
    """

    body: Function
    lower: Floats
    upper: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """The numpy shape of the rows."""
        return self.body.shape

    def __bool__(self) -> bool:
        raise BadData(
            "rows have no truth value: a chained comparison must be written proofolio.between(low, e, high), "
            "and == between expressions makes rows"
        )

    def __getitem__(self, key: Any) -> Rows:
        return Rows(self.body[key], self.lower[key], self.upper[key])


def between(lower: ArrayLike, expression: Function, upper: ArrayLike) -> Rows:
    """Return ranged rows ``lower <= expression <= upper`` with constant sides."""
    low, high = as_constant(lower), as_constant(upper)
    shape = common_shape(low.shape, expression.shape, high.shape)
    return Rows(
        expression + np.zeros(shape), np.broadcast_to(low, shape).copy(), np.broadcast_to(high, shape).copy()
    )


def as_expression(value: Any) -> Expression:
    """Return the value as an expression: numbers and arrays of numbers become constants.

    Lists of expressions are stacked along a new first axis. NaN and infinities are refused.
    """
    if isinstance(value, Expression):
        return value
    if _holds_expressions(value):
        return stack([as_expression(v) for v in value])
    constant = as_constant(value)
    return Expression(sparse.csr_array((constant.size, 0)), constant)


def broadcast_to(value: Any, shape: tuple[int, ...]) -> Expression:
    """Return the expression broadcast to a shape, as numpy does."""
    expression = as_expression(value)
    if expression.shape == shape:
        return expression
    try:
        positions = np.broadcast_to(expression._positions(), shape)
    except ValueError:
        raise BadData(f"an expression of shape {expression.shape} does not broadcast to {shape}") from None
    return expression._gather(positions)


def _block_diagonal(block: Sparse, count: int) -> Sparse:
    """Return a matrix with the block repeated along its diagonal (kron with the identity, many times faster)."""
    m, n = block.shape
    nnz = block.nnz
    small = max(count * nnz, count * n) < np.iinfo(np.int32).max
    kind = np.int32 if small else np.int64
    steps = np.arange(count, dtype=kind)[:, None]
    pointer = np.empty(count * m + 1, dtype=kind)
    pointer[0] = 0
    pointer[1:] = (steps * nnz + block.indptr[1:].astype(kind)).ravel()
    indices = (steps * n + block.indices.astype(kind)).ravel()
    return sparse.csr_array((np.tile(block.data, count), indices, pointer), shape=(count * m, count * n))


def concatenate(values: Sequence[Any], axis: int = 0) -> Expression:
    """Join expressions along an existing axis, as numpy does."""
    parts = [as_expression(v) for v in values]
    if not parts:
        raise BadData("nothing to join: give at least one expression")
    offsets = np.cumsum([0, *(p.size for p in parts)])
    try:
        positions = np.concatenate(
            [p._positions() + o for p, o in zip(parts, offsets, strict=False)], axis=axis
        )
    except ValueError as error:
        raise BadData(f"expressions of shapes {[p.shape for p in parts]} cannot be joined: {error}") from None
    width = max(p.matrix.shape[1] for p in parts)
    matrix = sparse.vstack([_widened(p.matrix, width) for p in parts], format="csr")
    constant = np.concatenate([p.constant.ravel() for p in parts])
    return Expression(matrix, constant, _common_owner(parts))._gather(positions)


def stack(values: Sequence[Any], axis: int = 0) -> Expression:
    """Join expressions of equal shape (after broadcasting) along a new axis."""
    parts = [as_expression(v) for v in values]
    shape = common_shape(*(p.shape for p in parts))
    if not -len(shape) - 1 <= axis <= len(shape):
        raise BadData(f"axis {axis} is out of range for a stack of expressions of shape {shape}")
    position = axis % (len(shape) + 1)
    lifted = (*shape[:position], 1, *shape[position:])
    return concatenate([broadcast_to(p, shape).reshape(lifted) for p in parts], axis=position)


def apply_matrix(operator: Any, expression: Expression) -> Expression:
    """Return a sparse matrix times the expression's entries, in row-major order, as one axis."""
    rows = sparse.csr_array(operator)
    if rows.shape[1] != expression.size:
        raise BadData(
            f"a matrix of shape {rows.shape} does not fit an expression of {expression.size} entries"
        )
    constant = _inner(rows, expression.constant.ravel())
    return Expression(matrix_product(rows, expression.matrix), constant, expression.owner)


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that shapes broadcast to; `BadData` when they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise BadData(f"shapes {' and '.join(map(str, shapes))} do not broadcast together") from None


def _holds_expressions(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(isinstance(v, Expression) or _holds_expressions(v) for v in value)
    return False


def as_constant(value: Any) -> Floats:
    """Return the numbers of a constant: a number, an array of finite numbers or an expression without variables."""
    if isinstance(value, Expression):
        if not value.is_constant:
            raise BadData("a constant was needed here, and the expression has variables")
        return value.constant
    try:
        given = np.asarray(value)
        if given.dtype.kind in "cSUmM":  # numpy would turn text into numbers and drop imaginary parts
            raise TypeError
        constant = given.astype(float, copy=False)
    except (TypeError, ValueError):
        raise BadData(
            f"{type(value).__name__} is not a number, an array of numbers or an expression"
        ) from None
    if not np.all(np.isfinite(constant)):
        raise BadData("NaN or an infinity in an expression: give finite numbers, or leave the row out")
    return constant


def _inner(left: Any, right: Floats) -> Floats:
    """Return a matrix product of constants, as decimals."""
    if not np.any(right):
        return np.asarray(left @ right)
    shape = (left @ right).shape
    rows = sparse.csr_array(left if left.ndim == 2 else left[None, :])
    found = matrix_product(rows, sparse.csr_array(right.reshape(right.shape[0], -1)))
    return np.asarray(found.toarray().reshape(shape))


def _common_owner(parts: Sequence[Expression]) -> object | None:
    owners = {id(p.owner): p.owner for p in parts if p.owner is not None}
    if len(owners) > 1:
        raise BadData("expressions of two different models were combined: lift both into one model")
    return next(iter(owners.values()), None)


def _widened(matrix: Sparse, width: int) -> Sparse:
    if matrix.shape[1] == width:
        return matrix
    return sparse.csr_array(
        (matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width), copy=False
    )


def _aligned(a: Expression, b: Expression) -> tuple[Expression, Expression, object | None]:
    owner = _common_owner([a, b])
    shape = common_shape(a.shape, b.shape)
    width = max(a.matrix.shape[1], b.matrix.shape[1])
    wide = [
        Expression(_widened(e.matrix, width), e.constant, e.owner)
        for e in (broadcast_to(a, shape), broadcast_to(b, shape))
    ]
    return wide[0], wide[1], owner
