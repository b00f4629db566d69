"""The file door: programs from and to .mps and .lp files, with names, to the last bit."""

from __future__ import annotations

import ctypes
import gzip
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.files_lp import lift_lp, lp_text
from proofolio.program.files_mps import lift_mps, mps_text
from proofolio.program.files_names import NameMap, map_path, row_blocks, variable_blocks
from proofolio.program.files_rows import INFINITE, Beyond
from proofolio.program.forms import split_forms
from proofolio.program.program import (
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    SpecialOrderedSet,
    empty_matrix,
)
from proofolio.program.quadratic import Form

__all__ = ["read_program", "write_program"]

Floats = NDArray[np.float64]
_LARGEST = 1e300
_SMALLEST = 1e-12  # the least that HiGHS can be told to keep


def write_program(program: Program, path: str | Path) -> list[Path]:
    """Write a program to ``.mps``, ``.lp``, ``.mps.gz`` or ``.lp.gz`` and return the files written.

    Numbers are written so that they read back to the same doubles. Names an MPS file can spell (all without
    blanks) stay; LP files cannot spell ``w[0,1]``, so a map ``model.lp.names.json`` is written beside them
    and `read_program` applies it. Rotated cones are written as quadratic rows. What rows are for (`Switch`) is not kept.

    Raises
    ------
    UnsupportedProgram
        For what the format cannot hold: finite bounds of 1e20 and more, and cones whose t or z has no lower
        bound of zero.
    BadData
        For another suffix, or a place that cannot be written to.
    """
    file = Path(path)
    kind, packed = _kind(file)
    text, names = (mps_text if kind == ".mps" else lp_text)(program)
    written = [file]
    try:
        raw = text.encode("utf-8")
        file.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
        if names or kind == ".lp" or map_path(file).exists():
            names.write(map_path(file))
            written.append(map_path(file))
    except OSError as error:
        raise BadData(f"{file} cannot be written: {error.strerror}") from None
    return written


def read_program(path: str | Path) -> Program:
    """Read a program from ``.mps``, ``.lp``, ``.mps.gz`` or ``.lp.gz``.

    HiGHS reads the linear part and the quadratic objective; quadratic rows, indicators, special ordered sets
    and two-sided LP rows, which it does not read, are taken out of the text first. Names that stand in order
    (``w[0,0], w[0,1], ...``) become arrays again, and a name map beside the file is applied.

    Raises
    ------
    BadData
        For a file that is missing, is cut short, or that HiGHS cannot read or reads only in part.
    UnsupportedProgram
        For semi-continuous columns and sections a Program has no place for.
    """
    file = Path(path)
    kind, packed = _kind(file)
    plain, beyond = (lift_mps if kind == ".mps" else lift_lp)(_text(file, packed), str(file))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{kind}"
        copy.write_text(plain, encoding="utf-8", errors="surrogateescape")
        model = _read_by_highs(copy, file)
    names = NameMap.read(map_path(file))
    return _program(model, beyond, names, file)


def _kind(file: Path) -> tuple[str, bool]:
    packed = file.name.endswith(".gz")
    kind = Path(file.name.removesuffix(".gz")).suffix
    if kind not in (".mps", ".lp"):
        raise BadData(f"{file} is not a model file: its name must end in .mps, .lp, .mps.gz or .lp.gz")
    return kind, packed


def _text(file: Path, packed: bool) -> str:
    try:
        raw = file.read_bytes()
        raw = gzip.decompress(raw) if packed else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadData(f"{file} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from None
    if b"\0" in raw:
        raise BadData(f"{file} is not a text file")
    return raw.decode("utf-8", errors="surrogateescape")


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


def _read_by_highs(copy: Path, file: Path) -> Any:
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
    return model


def _program(model: Any, beyond: Beyond, names: NameMap, file: Path) -> Program:
    lp = model.lp_
    columns, rows = list(lp.col_names_), list(lp.row_names_)
    names.check(map_path(file), columns, rows, [s[0] for s in beyond.sos])
    place = {name: j for j, name in enumerate(columns)}
    matrix = _matrix(lp)
    lower, upper = _bounds(lp.row_lower_, lp.row_upper_)
    rows, first, lower, upper = _joined(rows, lower, upper, beyond, names, matrix, file)
    matrix = matrix[first]
    quadratic = np.array([lp.row_names_[k] in beyond.quadratic for k in first], dtype=bool)
    implied = np.array([lp.row_names_[k] in beyond.indicators for k in first], dtype=bool)
    _check_known({*beyond.quadratic, *beyond.indicators}, {*lp.row_names_}, "row", file)
    _check_known(_mentioned(beyond), {*columns}, "column", file)
    if np.any(quadratic & implied):
        raise UnsupportedProgram(f"{file} has implied quadratic rows, which a Program has no place for")
    linear, curved, implications = (np.flatnonzero(k) for k in (~(quadratic | implied), quadratic, implied))
    switches = [beyond.indicators[lp.row_names_[first[k]]] for k in implications]
    low, high = _bounds(lp.col_lower_, lp.col_upper_)
    n = len(columns)
    maximise = lp.sense_ == highspy.ObjSense.kMaximize
    sign = -1.0 if maximise else 1.0
    return Program(
        P=_hessian(model.hessian_, n) * sign,
        q=sign * np.array(lp.col_cost_, dtype=float) + 0.0,
        c=sign * lp.offset_ + 0.0,
        A=matrix[linear],
        row_lower=lower[linear],
        row_upper=upper[linear],
        lower=low,
        upper=high,
        integer=_integer(lp, columns, file),
        variables=variable_blocks([names.variables.get(c, c) for c in columns]),
        rows=row_blocks([rows[k] for k in linear]),
        quadratic=QuadraticRows(
            matrix[curved],
            tuple(_forms(beyond.quadratic[lp.row_names_[first[k]]], place, n) for k in curved),
            lower[curved],
            upper[curved],
            row_blocks([rows[k] for k in curved]),
        ),
        cones=Cones(empty_matrix(0, n), np.empty(0), np.zeros(1, dtype=np.intp)),
        indicators=Indicators(
            _places(place, [b for b, _ in switches]),
            np.array([on for _, on in switches], dtype=np.intp),
            matrix[implications],
            lower[implications],
            upper[implications],
            row_blocks([rows[k] for k in implications]),
        ),
        sos=tuple(
            SpecialOrderedSet(names.sets.get(s, s), kind, _places(place, members), np.array(weights))
            for s, kind, members, weights in beyond.sos
        ),
        maximise=maximise,
        name=beyond.name or file.name.split(".")[0],
    )


def _places(place: dict[str, int], names: list[str]) -> NDArray[np.intp]:
    return np.array([place[name] for name in names], dtype=np.intp)


def _mentioned(beyond: Beyond) -> set[str]:
    found = {c for terms in beyond.quadratic.values() for a, b, _ in terms for c in (a, b)}
    found |= {binary for binary, _ in beyond.indicators.values()}
    return found.union(*(columns for _, _, columns, _ in beyond.sos))


def _check_known(used: set[str], known: set[str], what: str, file: Path) -> None:
    stray = sorted(used - known)
    if stray:
        raise BadData(f"{file} speaks of a {what} {stray[0]!r} that it does not define")


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


def _forms(terms: list[tuple[str, str, float]], place: dict[str, int], n: int) -> tuple[Form, ...]:
    rows = [place[a] for a, _, _ in terms]
    cols = [place[b] for _, b, _ in terms]
    given = sparse.csr_array((np.array([v for *_, v in terms]), (rows, cols)), shape=(n, n))
    turned = sparse.csr_array(given.T)
    return split_forms((given + turned) / 2.0)  # exact where the file gives both halves


def _joined(
    rows: list[str], lower: Floats, upper: Floats, beyond: Beyond, names: NameMap, matrix: Any, file: Path
) -> tuple[list[str], NDArray[np.intp], Floats, Floats]:
    """Give rows their names of the model, and join the two sides of a row that the file holds as two."""
    named = [names.rows.get(name, name) for name in (beyond.ranged.get(r, r) for r in rows)]
    first: dict[str, int] = {}
    low, high = lower.copy(), upper.copy()
    for k, name in enumerate(named):
        j = first.setdefault(name, k)
        if j == k:
            continue
        if (matrix[[j]] != matrix[[k]]).nnz:
            raise BadData(f"{file} gives the name {name!r} to two different rows: delete its map of names")
        low[j], high[j] = max(low[j], low[k]), min(high[j], high[k])
    kept = np.array(list(first.values()), dtype=np.intp)
    return list(first), kept, low[kept], high[kept]
