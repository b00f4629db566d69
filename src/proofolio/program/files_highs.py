"""The part of a model file that HiGHS reads: linear rows, bounds, integers, a quadratic objective."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.files_rows import INFINITE

__all__ = ["LinearPart", "read_by_highs"]

Floats = NDArray[np.float64]
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
    integer: NDArray[np.bool_]
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


def _integer(lp: Any, columns: list[str], file: Path) -> NDArray[np.bool_]:
    kinds = list(lp.integrality_) or [highspy.HighsVarType.kContinuous] * len(columns)
    known = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    for name, kind in zip(columns, kinds, strict=True):
        if kind not in known:
            raise UnsupportedProgram(
                f"{file} has a semi-continuous column {name!r}: write it with a binary, l y <= x <= u y"
            )
    return np.array([kind == highspy.HighsVarType.kInteger for kind in kinds], dtype=bool)
