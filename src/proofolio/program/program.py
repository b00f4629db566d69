"""The frozen program: a mixed-integer program in matrix form, with names and the purpose of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.errors import BadData
from proofolio.program.exporters import exporter
from proofolio.program.quadratic import Form

__all__ = [
    "Block",
    "Cones",
    "Indicators",
    "Program",
    "QuadraticRows",
    "RowBlock",
    "SpecialOrderedSet",
    "Switch",
]


@dataclass(frozen=True, eq=False)
class Switch:
    """What Big-M rows are for: each row holds as written while its binary is at its on-value.

    Arrays have one entry a row. With the binary on, the term in the binary vanishes and the row says what
    was meant; with it off, the row is relaxed by `big_m`.

    Attributes
    ----------
    construct : str
        The formulation that made the rows, such as ``"maximum"``.
    binary : ndarray of int
        Column of the binary of each row.
    on : ndarray of int
        The value (0 or 1) at which the row must hold.
    big_m : ndarray
        The constant M of each row.
    tier : str
        Where M came from: ``"interval"``, ``"lp"``, ``"mip"``, ``"published"`` or ``"given"``.
    """

    construct: str
    binary: Integers
    on: Integers
    big_m: Floats
    tier: str

    def take(self, keep: Any) -> Switch:
        """Return the switch of a selection of the rows."""
        return Switch(self.construct, self.binary[keep], self.on[keep], self.big_m[keep], self.tier)


@dataclass(frozen=True, eq=False)
class Block:
    """A named array of variables: columns ``start .. start + size`` in row-major order."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """The number of variables."""
        return prod(self.shape)

    def columns(self) -> Integers:
        """Return the columns, in the block's shape."""
        return (self.start + np.arange(self.size)).reshape(self.shape)

    def element_names(self) -> Iterator[str]:
        """Yield ``name`` for a scalar, ``name[i,t]`` for arrays."""
        if not self.shape:
            return iter((self.name,))
        return (f"{self.name}[{index}]" for index in index_texts(self.shape))


@dataclass(frozen=True, eq=False)
class RowBlock:
    """A named array of rows: entry ``positions[k]`` of the array is row ``start + k``.

    Rows that turned out constant and true are not kept, so `positions` may skip some.
    """

    name: str
    shape: tuple[int, ...]
    start: int
    positions: Integers
    switch: Switch | None = None

    @property
    def size(self) -> int:
        """The number of rows kept."""
        return int(self.positions.size)

    @property
    def rows(self) -> slice:
        """The rows of the matrix."""
        return slice(self.start, self.start + self.size)

    def element_names(self) -> Iterator[str]:
        """Yield ``name`` for a scalar, ``name[r,t]`` for arrays."""
        if not self.shape:
            return iter((self.name,) * self.size)
        axes = [axis.tolist() for axis in np.unravel_index(self.positions, self.shape)]
        return (f"{self.name}[{','.join(map(str, index))}]" for index in zip(*axes, strict=True))


def index_texts(shape: tuple[int, ...]) -> Iterator[str]:
    """Yield ``"0,0", "0,1", ...``, what stands between the brackets of an array's names, in row-major order."""
    return map(",".join, product(*([str(i) for i in range(size)] for size in shape)))


def element_name(name: str, index: tuple[int, ...]) -> str:
    """Return ``name`` or ``name[i,t]``."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


@dataclass(frozen=True, eq=False)
class QuadraticRows:
    """Rows ``lower <= matrix x + sum of forms <= upper``, one tuple of forms a row."""

    matrix: Sparse
    forms: tuple[tuple[Form, ...], ...]
    lower: Floats
    upper: Floats
    blocks: tuple[RowBlock, ...] = ()

    def __len__(self) -> int:
        return len(self.forms)

    def value(self, x: Floats) -> Floats:
        """Evaluate the bodies at a point."""
        curved = np.array([sum(f.value(x) for f in entry) for entry in self.forms], dtype=float)
        bodies: Floats = np.asarray(self.matrix @ x) + curved
        return bodies


@dataclass(frozen=True, eq=False)
class Cones:
    r"""Rotated second-order cones :math:`\sum_k Y_k^2 \le t z,\ t \ge 0,\ z \ge 0`.

    Cone j stands in rows ``pointer[j] .. pointer[j + 1]`` of ``matrix x + constant``, in the order t, z, Y.
    """

    matrix: Sparse
    constant: Floats
    pointer: Integers
    blocks: tuple[RowBlock, ...] = ()

    def __len__(self) -> int:
        return self.pointer.size - 1

    def members(self, x: Floats) -> list[Floats]:
        """Return the vector (t, z, Y...) of each cone at a point."""
        flat = np.asarray(self.matrix @ x) + self.constant
        return np.split(flat, self.pointer[1:-1]) if len(self) else []

    def violation(self, x: Floats) -> Floats:
        """Return ``sum Y^2 - t z`` of each cone, or the worst negative side, at a point (<= 0 is inside)."""
        return np.array([max(float(m[2:] @ m[2:] - m[0] * m[1]), -m[0], -m[1]) for m in self.members(x)])


@dataclass(frozen=True, eq=False)
class Indicators:
    """Implications ``x[binary] = on  =>  lower <= matrix x <= upper``, one a row."""

    binary: Integers
    on: Integers
    matrix: Sparse
    lower: Floats
    upper: Floats
    blocks: tuple[RowBlock, ...] = ()

    def __len__(self) -> int:
        return self.binary.size


@dataclass(frozen=True, eq=False)
class SpecialOrderedSet:
    """At most `kind` of the columns, neighbours in weight order when kind is 2, are nonzero."""

    name: str
    kind: int
    columns: Integers
    weights: Floats


@dataclass(frozen=True, eq=False)
class Program:
    r"""A mixed-integer program in matrix form.

    .. math::
        \min\ \tfrac12 x'Px + q'x + c \quad\text{s.t.}\quad
        \ell_A \le Ax \le u_A,\ \ \ell \le x \le u,\ \ x_j \in \mathbb{Z}\ (j \in I)

    together with quadratic rows, rotated cones, indicators and special ordered sets. A maximisation is stored
    negated, with `maximise` set; `objective` gives values in the user's own sense.

    Attributes
    ----------
    P : csc_array, shape (n, n)
        Symmetric; may be empty of entries.
    q, c : ndarray (n,), float
    A : csr_array, shape (m, n)
    row_lower, row_upper : ndarray (m,)
    lower, upper : ndarray (n,)
    integer : ndarray of bool (n,)
        Binaries are integers with bounds inside [0, 1].
    variables, rows : tuples of Block, RowBlock
        Names; every column, and every row of A, stands in exactly one block.
    """

    P: sparse.csc_array
    q: Floats
    c: float
    A: Sparse
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: Mask
    variables: tuple[Block, ...]
    rows: tuple[RowBlock, ...]
    quadratic: QuadraticRows
    cones: Cones
    indicators: Indicators
    sos: tuple[SpecialOrderedSet, ...] = ()
    maximise: bool = False
    name: str = "program"

    def __repr__(self) -> str:
        kinds = {
            "integer": int(self.integer.sum()),
            "quadratic rows": len(self.quadratic),
            "cones": len(self.cones),
            "indicators": len(self.indicators),
        }
        more = "".join(f", {count} {kind}" for kind, count in kinds.items() if count)
        return f"Program({self.name!r}, {self.n} columns, {self.m} rows{more})"

    @property
    def n(self) -> int:
        """The number of columns."""
        return self.q.size

    @property
    def m(self) -> int:
        """The number of linear rows."""
        return self.row_lower.size

    @cached_property
    def binary(self) -> Mask:
        """Which columns are integers within [0, 1]."""
        inside: Mask = self.integer & (self.lower >= 0) & (self.upper <= 1)
        return inside

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The name of every column."""
        return tuple(name for block in self.variables for name in block.element_names())

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """The name of every linear row."""
        return tuple(name for block in self.rows for name in block.element_names())

    @cached_property
    def _blocks(self) -> dict[str, Block]:
        return {block.name: block for block in self.variables}

    def columns(self, name: str) -> Integers:
        """Return the columns of a block of variables, in its shape."""
        if name not in self._blocks:
            raise BadData(f"no variable is named {name!r}: there are {', '.join(sorted(self._blocks))}")
        return self._blocks[name].columns()

    def objective(self, x: ArrayLike) -> float:
        """Evaluate the objective, in the user's own sense, at a point."""
        point = np.asarray(x, dtype=float)
        value = float(0.5 * point @ (self.P @ point) + self.q @ point + self.c)
        return -value if self.maximise else value

    def to_pyomo(self) -> Any:
        """Return a Pyomo model with the same names; see `proofolio.interfaces.pyomo.writing`."""
        return exporter("pyomo")(self)

    def to_cvxpy(self) -> Any:
        """Return a CVXPY problem with the same names; see `proofolio.interfaces.cvxpy.writing`."""
        return exporter("cvxpy")(self)

    def write(self, path: str | Path) -> None:
        """Write an .mps or .lp file; see `proofolio.interfaces.files.model_files`."""
        exporter("file")(self, path)

    def values(self, x: ArrayLike) -> dict[str, float]:
        """Return the point as a dictionary from column names to numbers."""
        return dict(zip(self.column_names, np.asarray(x, dtype=float).tolist(), strict=True))

    def point(self, values: Mapping[str, float]) -> Floats:
        """Return the point of a dictionary of column names; a missing or unknown name is `BadData`."""
        missing = [name for name in self.column_names if name not in values]
        unknown = sorted(set(values) - set(self.column_names))
        if missing or unknown:
            wrong, names = ("lacks", missing) if missing else ("has unknown", unknown)
            raise BadData(f"the solution {wrong} {len(names)} names, such as {names[0]!r}")
        return np.array([values[name] for name in self.column_names], dtype=float)


def empty_matrix(rows: int, columns: int) -> Sparse:
    """Return a sparse matrix without entries."""
    return sparse.csr_array((rows, columns))
