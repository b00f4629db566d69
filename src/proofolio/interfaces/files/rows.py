"""The part of a model file that HiGHS reads: linear rows, bounds, integers, a quadratic objective.

What a model file says beyond linear rows, and the rows of a program in the order files list them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.interval import affine_bounds
from proofolio.program.program import Program
from proofolio.program.quadratic import gathered_forms

__all__ = ["FREE_ROW", "INFINITE", "Beyond", "FileRows", "LinearPart", "number", "read_by_highs"]


INFINITE = 1e20  # readers take this and more as no bound
FREE_ROW = "-1e30"  # the side of a row without sides: >= a number that every reader takes as no bound


@dataclass
class Beyond:
    """The parts of a model file that HiGHS does not read, by the names in the file.

    Attributes
    ----------
    name : str
        The model's name; empty where the file gives none.
    quadratic : dict
        Row name -> terms ``(column, column, coefficient)`` whose sum is added to the row.
    indicators : dict
        Row name -> the binary's name and the value at which the row must hold.
    sos : list
        ``(name, kind, columns, weights)``.
    ranged : dict
        Name of a second row -> name of the row whose other side it is.
    """

    name: str = ""
    quadratic: dict[str, list[tuple[str, str, float]]] = field(default_factory=dict)
    indicators: dict[str, tuple[str, int]] = field(default_factory=dict)
    sos: list[tuple[str, int, list[str], list[float]]] = field(default_factory=list)
    ranged: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FileRows:
    """All rows of a program: the linear ones, the quadratic, the cones as quadratic ones, the implied."""

    names: list[str]
    matrix: Any
    lower: Floats
    upper: Floats
    quadratic: list[Any]
    implied: list[tuple[int, int] | None]

    @staticmethod
    def of(program: Program, form: str) -> FileRows:
        """Gather the rows; `form` names the format in the error for what no file can hold."""
        for what, bound in (
            ("column", program.lower),
            ("column", program.upper),
            ("row", program.row_lower),
            ("row", program.row_upper),
        ):
            huge = np.isfinite(bound) & (np.abs(bound) >= INFINITE)
            if np.any(huge):
                at = int(np.argmax(huge))
                name = (program.column_names if what == "column" else program.row_names)[at]
                raise UnsupportedProgram(
                    f"{form} cannot hold the bound {bound[at]:g} of {what} {name!r}: "
                    "its readers take 1e20 and more as no bound"
                )
        quadratic, implied = program.quadratic, program.indicators
        cone_names = [n for b in program.cones.blocks for n in b.element_names()]
        cones = [_cone_row(program, k, name, form) for k, name in enumerate(cone_names)]
        names = [
            *program.row_names,
            *(n for b in quadratic.blocks for n in b.element_names()),
            *cone_names,
            *(n for b in implied.blocks for n in b.element_names()),
        ]
        none: list[Any] = [None] * program.m
        linear = (program.A, quadratic.matrix, *(row for row, _, _ in cones), implied.matrix)
        matrix = sparse.vstack([sparse.csr_array(part) for part in linear], format="csr")
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return FileRows(
            names,
            matrix,
            np.concatenate([program.row_lower, quadratic.lower, np.full(len(cones), -np.inf), implied.lower]),
            np.concatenate([program.row_upper, quadratic.upper, [side for *_, side in cones], implied.upper]),
            [
                *none,
                *(gathered_forms(f, program.n) for f in quadratic.forms),
                *(curved for _, curved, _ in cones),
                *[None] * len(implied),
            ],
            [
                *none,
                *[None] * (len(quadratic) + len(cones)),
                *zip(implied.binary.tolist(), implied.on.tolist(), strict=True),
            ],
        )


def _cone_row(program: Program, k: int, name: str, form: str) -> tuple[Any, Any, float]:
    """Return the cone ``sum Y^2 <= t z`` as ``matrix x + x'Qx <= side``; files have no cones."""
    cones = program.cones
    part = slice(cones.pointer[k], cones.pointer[k + 1])
    A, b = sparse.csr_array(cones.matrix[part]), cones.constant[part]
    least, _ = affine_bounds(A[:2], b[:2], program.lower, program.upper)
    if np.any(least < 0):
        raise UnsupportedProgram(
            f"{form} holds the cone {name!r} as a row sum Y^2 <= t z, which needs t >= 0 and z >= 0: "
            "give them that bound"
        )
    t, z, Y = A[[0]], A[[1]], A[2:]
    product = t.T @ z
    Q = sparse.csr_array(Y.T @ Y - (product + product.T) / 2.0)
    linear = 2.0 * (b[None, 2:] @ Y) - b[0] * z.toarray() - b[1] * t.toarray()
    return sparse.csr_array(linear + 0.0), Q, float(b[0] * b[1] - b[2:] @ b[2:]) + 0.0


def number(value: float) -> str:
    """Return the shortest decimal that reads back to the same double."""
    return repr(float(value) + 0.0)


_LARGEST = 1e300
_SMALLEST = 1e-12  # the least that HiGHS can be told to keep


class LinearPart(NamedTuple):
    """What HiGHS read, under the file's own names; a maximisation is held negated."""

    columns: list[str]
    rows: list[str]
    P: Any
    q: Floats
    c: float
    matrix: Any
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: Mask
    maximise: bool


@contextmanager
def _silence() -> Iterator[None]:
    """Keep from stdout what HiGHS prints there past its own log (about indicators in LP files)."""
    flush = ctypes.CDLL(None).fflush
    sys.stdout.flush()
    flush(None)
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)


def read_by_highs(copy: Path, file: Path) -> LinearPart:
    """Read a plain file; `file` is the name errors give it.

    Raises
    ------
    BadData
        For what HiGHS cannot read, or reads with parts left out; its own words are repeated.
    UnsupportedProgram
        For semi-continuous columns.
    """
    log = copy.with_name("highs.log")
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is annotated in part
    for option, value in (
        ("log_to_console", False),
        ("log_file", str(log)),
        ("small_matrix_value", _SMALLEST),
        ("large_matrix_value", _LARGEST),
    ):
        highs.setOptionValue(option, value)
    with _silence():
        status = highs.readModel(str(copy))
    model = highs.getModel()
    del highs  # closes the log
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    complaints = [" ".join(s.split()) for s in said if s.startswith(("ERROR", "WARN"))]
    words = "; ".join(complaints).replace(str(copy), str(file))
    lost = [c for c in complaints if "ignored" in c or "duplicate" in c.lower()]
    if status == highspy.HighsStatus.kError:
        raise BadData(f"{file} is not a model HiGHS can read: {words or 'it gives no reason'}")
    if lost:
        raise BadData(f"{file} is a model HiGHS reads only in part: {'; '.join(lost)}")
    lp = model.lp_
    if len(lp.col_names_) != lp.num_col_ or len(lp.row_names_) != lp.num_row_:
        raise BadData(f"{file} gives one name to two columns or two rows: give every one its own")
    columns = list(lp.col_names_)
    maximise = lp.sense_ == highspy.ObjSense.kMaximize
    sign = -1.0 if maximise else 1.0
    return LinearPart(
        columns,
        list(lp.row_names_),
        _hessian(model.hessian_, len(columns)) * sign,
        sign * np.array(lp.col_cost_, dtype=float) + 0.0,
        sign * lp.offset_ + 0.0,
        _matrix(lp),
        *_bounds(lp.row_lower_, lp.row_upper_),
        *_bounds(lp.col_lower_, lp.col_upper_),
        _integer(lp, columns, file),
        maximise,
    )


def _bounds(lower: Sequence[float], upper: Sequence[float]) -> tuple[Floats, Floats]:
    low, high = np.array(lower, dtype=float), np.array(upper, dtype=float)
    return np.where(low <= -INFINITE, -np.inf, low), np.where(high >= INFINITE, np.inf, high)


def _arrays(part: Any) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32]]:
    return np.array(part.value_), np.array(part.index_, dtype=np.int32), np.array(part.start_, dtype=np.int32)


def _matrix(lp: Any) -> Any:
    part = lp.a_matrix_
    by_column = part.format_ == highspy.MatrixFormat.kColwise
    data, shape = _arrays(part), (lp.num_row_, lp.num_col_)
    return (sparse.csc_array(data, shape=shape) if by_column else sparse.csr_array(data, shape=shape)).tocsr()


def _hessian(hessian: Any, n: int) -> Any:
    if not hessian.dim_:
        return sparse.csc_array((n, n))
    part = sparse.csc_array(_arrays(hessian), shape=(n, n))
    if hessian.format_ == highspy.HessianFormat.kTriangular:
        part = part + sparse.tril(part, -1, format="csc").T
    full = sparse.csc_array(part)
    full.eliminate_zeros()
    return full


def _integer(lp: Any, columns: list[str], file: Path) -> Mask:
    kinds = list(lp.integrality_) or [highspy.HighsVarType.kContinuous] * len(columns)
    known = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    for name, kind in zip(columns, kinds, strict=True):
        if kind not in known:
            raise UnsupportedProgram(
                f"{file} has a semi-continuous column {name!r}: write it with a binary, l y <= x <= u y"
            )
    return np.array([kind == highspy.HighsVarType.kInteger for kind in kinds], dtype=bool)
