"""What a model file says, by its own names, and the program it makes.

Both readers fill one `Contents`; everything that does not depend on the format happens here: numbers, the names
map, rows sorted into linear, quadratic and implied ones, and semi-continuous columns.
"""

from __future__ import annotations

import re
import warnings
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isinf
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.errors import BadData, DoubtfulFile, UnsupportedProgram
from proofolio.formulations.positions import semicontinuous
from proofolio.interfaces.files.names import NameMap, fresh_name, row_blocks, variable_blocks
from proofolio.program.builder import Builder
from proofolio.program.program import (
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    SpecialOrderedSet,
    empty_matrix,
)
from proofolio.program.quadratic import Form, split_forms

__all__ = ["INFINITE", "Contents", "Entries", "FileNumbers", "Terms", "has_twice"]


INFINITE = 1e20  # HiGHS, SCIP, GLPK, CPLEX and Gurobi all take this and more as no bound
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?")
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
Terms = list[tuple[int, int, float]]


class FileNumbers:
    """Reads numbers; what is no finite decimal is refused with the reason."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def __call__(self, word: str) -> float:
        """Return a finite number; ``1.0D0`` is Fortran's way of writing 1.0e0.

        Raises
        ------
        ValueError
            With the rest of a sentence that begins with the word.
        """
        value = self._known.get(word)
        if value is None:
            value = self._known[word] = self._read(word)
        return value

    def bound(self, word: str) -> float:
        """Return a bound: also ``inf`` and ``infinity``, and infinite from 1e20 on."""
        if _INFINITY.fullmatch(word):
            return -inf if word[0] == "-" else inf
        value = self(word)
        return value if abs(value) < INFINITE else inf if value > 0 else -inf

    @staticmethod
    def _read(word: str) -> float:
        if not _NUMBER.fullmatch(word):
            if _INFINITY.fullmatch(word) or word.lower().lstrip("+-") == "nan":
                raise ValueError("is not a finite number")
            raise ValueError("is not a number")
        plain = word.replace("D", "e").replace("d", "e") if "D" in word or "d" in word else word
        value = float(plain)
        if isinf(value):
            raise ValueError("is too large for a double")
        if value == 0.0 and re.search("[1-9]", re.split("[eE]", plain)[0]):
            raise ValueError("is too small for a double")
        return value + 0.0


class Entries(NamedTuple):
    """Row, column and value of coefficients, in the order in which they are read."""

    rows: array[int]
    columns: array[int]
    values: array[float]

    @staticmethod
    def none() -> Entries:
        """Return a record without coefficients."""
        return Entries(array("q"), array("q"), array("d"))

    def add(self, row: int, column: int, value: float) -> None:
        """Add one coefficient."""
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)

    def take(self, rows: Integers, columns: Integers, values: Floats) -> None:
        """Add many coefficients."""
        self.rows.frombytes(rows.astype(np.int64).tobytes())
        self.columns.frombytes(columns.astype(np.int64).tobytes())
        self.values.frombytes(values.astype(np.float64).tobytes())

    def arrays(self) -> tuple[Integers, Integers, Floats]:
        """Return rows, columns and values."""
        return np.array(self.rows, np.int64), np.array(self.columns, np.int64), np.array(self.values, float)

    def keep(self, which: Mask) -> None:
        """Forget the coefficients but for some."""
        rows, columns, values = self.arrays()
        self.cut(0)
        self.take(rows[which], columns[which], values[which])

    def cut(self, count: int) -> None:
        """Forget the coefficients but for so many of the first."""
        for part in self:
            del part[count:]

    def renumber(self, place: Integers) -> None:
        """Give each row another place."""
        rows, columns, values = self.arrays()
        self.cut(0)
        self.take(place[rows], columns, values)


def has_twice(rows: Integers, columns: Integers, shape: tuple[int, int]) -> bool:
    """Whether two coefficients have one place."""
    entries = sparse.csr_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=shape)
    return bool(entries.nnz < rows.size)


@dataclass
class Contents:
    """A model as its file states it; a maximisation is not negated yet.

    Attributes
    ----------
    file : str
        What errors call the file.
    columns, rows : list of str
        Names in the order of the file; ``row_lines`` are the lines the rows stand on.
    entries : Entries
        Row, column and value of every coefficient of a row, each place once.
    curved : list of (column, column, value)
        Half of ``value x_i x_j``, summed, is the quadratic part of the objective; each pair stands in both orders.
    quadratic : dict
        Row -> (column, column, value); the sum of ``value x_i x_j`` is added to the row; both orders are given.
    indicators : dict
        Row -> the binary's column and the value at which the row must hold.
    semicontinuous : dict
        Column -> line; its bounds hold where it is not zero.
    """

    file: str
    name: str = ""
    maximise: bool = False
    columns: list[str] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    constant: float = 0.0
    curved: Terms = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    row_lines: list[int] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    entries: Entries = field(default_factory=Entries.none)
    quadratic: dict[int, Terms] = field(default_factory=dict)
    indicators: dict[int, tuple[int, int]] = field(default_factory=dict)
    sos: list[tuple[str, int, list[int], list[float]]] = field(default_factory=list)
    semicontinuous: dict[int, int] = field(default_factory=dict)

    def error(self, line: int, sentence: str) -> BadData:
        """Return the error that a line cannot be used."""
        return BadData(f"{self.file}, line {line}: {sentence}")

    def unsupported(self, line: int, sentence: str) -> UnsupportedProgram:
        """Return the error that a Program has no place for what a line says."""
        return UnsupportedProgram(f"{self.file}, line {line}: {sentence}")

    def warn(self, line: int, sentence: str) -> None:
        """Warn that a line may not say what its author meant."""
        warnings.warn(f"{self.file}, line {line}: {sentence}", DoubtfulFile, stacklevel=2)

    def add_column(self, name: str) -> int:
        """Add a column with the bounds every format gives, zero and infinity, and return its place."""
        self.add_columns([name], [False])
        return len(self.columns) - 1

    def add_columns(self, names: Sequence[str], integer: Sequence[bool]) -> None:
        """Add columns with these bounds."""
        count = len(names)
        self.columns.extend(names)
        self.lower.extend([0.0] * count)
        self.upper.extend([inf] * count)
        self.integer.extend(integer)
        self.cost.extend([0.0] * count)

    def program(self, names: NameMap, map_file: Path, default_name: str) -> Program:
        """Return the program, with the names the map gives.

        Raises
        ------
        BadData
            For indicators on columns that are not binary, and a map of another model.
        UnsupportedProgram
            For implied quadratic rows.
        """
        names.check(map_file, self.columns, self.rows, [s[0] for s in self.sos])
        n = len(self.columns)
        for row in self.quadratic.keys() & self.indicators.keys():
            raise self.unsupported(
                self.row_lines[row],
                f"row {self.rows[row]!r} is quadratic and implied by a binary; a Program has no place for that",
            )
        for row, (column, _) in self.indicators.items():
            if not (self.integer[column] and self.lower[column] >= 0 and self.upper[column] <= 1):
                raise self.error(
                    self.row_lines[row],
                    f"row {self.rows[row]!r} has an indicator on {self.columns[column]!r}, which is not binary",
                )
        for column, line in self.semicontinuous.items():
            if self.lower[column] > self.upper[column]:
                raise self.error(
                    line,
                    f"the semi-continuous column {self.columns[column]!r} has no value between its bounds "
                    f"{self.lower[column]:g} and {self.upper[column]:g}",
                )
        matrix, lower, upper, model_names = self._joined(names)
        kinds = np.zeros(len(self.rows), dtype=np.intp)
        kinds[list(self.quadratic)] = 1
        kinds[list(self.indicators)] = 2
        kept = np.array(list(model_names), dtype=np.intp)
        linear, curved, implied = (kept[kinds[kept] == kind] for kind in range(3))
        switches = [self.indicators[k] for k in implied.tolist()]
        sign = -1.0 if self.maximise else 1.0

        def blocks(which: Integers) -> list[str]:
            return [model_names[k] for k in which.tolist()]

        program = Program(
            P=_symmetric(self.curved, n, sign).tocsc(),
            q=sign * np.array(self.cost, dtype=float) + 0.0,
            c=sign * self.constant + 0.0,
            A=matrix[linear],
            row_lower=lower[linear],
            row_upper=upper[linear],
            lower=np.array(self.lower, dtype=float),
            upper=np.array(self.upper, dtype=float),
            integer=np.array(self.integer, dtype=bool),
            variables=variable_blocks(names.of_variables(self.columns)),
            rows=row_blocks(blocks(linear)),
            quadratic=QuadraticRows(
                matrix[curved],
                tuple(_forms(self.quadratic[k], n) for k in curved.tolist()),
                lower[curved],
                upper[curved],
                row_blocks(blocks(curved)),
            ),
            cones=Cones(empty_matrix(0, n), np.empty(0), np.zeros(1, dtype=np.intp)),
            indicators=Indicators(
                np.array([column for column, _ in switches], dtype=np.intp),
                np.array([on for _, on in switches], dtype=np.intp),
                matrix[implied],
                lower[implied],
                upper[implied],
                row_blocks(blocks(implied)),
            ),
            sos=tuple(
                SpecialOrderedSet(names.sets.get(s, s), kind, np.array(members, np.intp), np.array(weights))
                for s, kind, members, weights in self.sos
            ),
            maximise=self.maximise,
            name=self.name or default_name,
        )
        return with_semicontinuous(program, self.semicontinuous) if self.semicontinuous else program

    def _joined(self, names: NameMap) -> tuple[Sparse, Floats, Floats, dict[int, str]]:
        """Return matrix, sides and the model's name of each row; two sides that the map calls one row are joined."""
        row, column, value = self.entries.arrays()
        matrix = sparse.csr_array((value, (row, column)), shape=(len(self.rows), len(self.columns)))
        matrix.eliminate_zeros()
        low, high = np.array(self.row_lower, dtype=float), np.array(self.row_upper, dtype=float)
        first: dict[str, int] = {}
        for k, name in enumerate(self.rows):
            model_name = names.rows.get(name, name)
            j = first.setdefault(model_name, k)
            if j == k:
                continue
            if abs(matrix[[j]] - matrix[[k]]).nnz:
                raise self.error(
                    self.row_lines[k],
                    f"the map of names calls two different rows {model_name!r}: delete the map",
                )
            low[j], high[j] = max(low[j], low[k]), min(high[j], high[k])
        return matrix, low, high, {k: name for name, k in first.items()}


def _symmetric(terms: Terms, n: int, sign: float) -> Sparse:
    rows, cols = [i for i, _, _ in terms], [j for _, j, _ in terms]
    matrix = sparse.csr_array(([sign * v for *_, v in terms], (rows, cols)), shape=(n, n))
    matrix.eliminate_zeros()
    return matrix


def _forms(terms: Terms, n: int) -> tuple[Form, ...]:
    return split_forms(_symmetric(terms, n, 1.0))


def with_semicontinuous(program: Program, columns: Iterable[int]) -> Program:
    r"""Return the program with columns that are zero or within their bounds, lowered by `semicontinuous`.

    :math:`x \in \{0\} \cup [\ell, u]` with :math:`\ell \le 0 \le u` is :math:`[\ell, u]`, which needs no binary.
    Otherwise the column gets the box that holds zero and both limits, and a binary ``x_nonzero`` with rows
    :math:`\ell z \le x \le u z`, or, where a limit is infinite, the implications themselves.
    """
    lower, upper = program.lower.copy(), program.upper.copy()
    split = [j for j in columns if not lower[j] <= 0.0 <= upper[j]]
    builder = Builder("semicontinuous")
    limits = list(zip(lower[split].tolist(), upper[split].tolist(), strict=True))
    lower[split], upper[split] = np.minimum(lower[split], 0.0), np.maximum(upper[split], 0.0)
    parts = [
        builder.variable(f"x{k}", lower=lower[j], upper=upper[j])  # binaries come after all of them
        for k, j in enumerate(split)
    ]
    for k, (part, (low, high)) in enumerate(zip(parts, limits, strict=True)):
        finite = np.isfinite(low) and np.isfinite(high)
        semicontinuous(builder, f"z{k}", part, low, high, lowering="big-m" if finite else "indicator")
    added = builder.freeze()
    n, k = program.n, len(split)
    place = np.concatenate([np.array(split, dtype=np.intp), n + np.arange(k)])
    taken = {*program.column_names}
    binaries = [fresh_name(f"{program.column_names[j]}_nonzero", taken) for j in split]
    row_names = [*program.row_names]
    implied_names = [name for b in program.indicators.blocks for name in b.element_names()]
    rows_taken = {*row_names, *implied_names}

    def spelled(blocks: Sequence[str]) -> list[str]:
        named = (block.partition("_") for block in blocks)
        return [fresh_name(f"{binaries[int(z[1:])]}_{suffix}", rows_taken) for z, _, suffix in named]

    def wider(matrix: Sparse, more: Sparse | None = None) -> Sparse:
        whole = sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], n + k))
        if more is None:
            return whole
        moved = sparse.coo_array(more)
        below = sparse.csr_array(
            (moved.data, (moved.coords[0], place[moved.coords[1]])), shape=(moved.shape[0], n + k)
        )
        return sparse.vstack([whole, below], format="csr")

    old, new = program.indicators, added.indicators
    return Program(
        P=sparse.csc_array(sparse.block_diag([program.P, sparse.csc_array((k, k))])),
        q=np.concatenate([program.q, np.zeros(k)]),
        c=program.c,
        A=wider(program.A, added.A),
        row_lower=np.concatenate([program.row_lower, added.row_lower]),
        row_upper=np.concatenate([program.row_upper, added.row_upper]),
        lower=np.concatenate([lower, np.zeros(k)]),
        upper=np.concatenate([upper, np.ones(k)]),
        integer=np.concatenate([program.integer, np.ones(k, dtype=bool)]),
        variables=variable_blocks([*program.column_names, *binaries]),
        rows=row_blocks([*row_names, *spelled(added.row_names)]),
        quadratic=QuadraticRows(
            wider(program.quadratic.matrix),
            program.quadratic.forms,
            program.quadratic.lower,
            program.quadratic.upper,
            program.quadratic.blocks,
        ),
        cones=Cones(empty_matrix(0, n + k), np.empty(0), np.zeros(1, dtype=np.intp)),
        indicators=Indicators(
            np.concatenate([old.binary, place[new.binary]]),
            np.concatenate([old.on, new.on]),
            wider(old.matrix, new.matrix),
            np.concatenate([old.lower, new.lower]),
            np.concatenate([old.upper, new.upper]),
            row_blocks([*implied_names, *spelled([name for b in new.blocks for name in b.element_names()])]),
        ),
        sos=program.sos,
        maximise=program.maximise,
        name=program.name,
    )
