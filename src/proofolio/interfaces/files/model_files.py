"""Programs from and to .mps and .lp files, with names, to the last bit."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.interfaces.files.lp import lift_lp, lp_text
from proofolio.interfaces.files.mps import lift_mps, mps_text
from proofolio.interfaces.files.names import NameMap, map_path, row_blocks, variable_blocks
from proofolio.interfaces.files.rows import Beyond, LinearPart, read_by_highs
from proofolio.program.program import (
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    SpecialOrderedSet,
    empty_matrix,
)
from proofolio.program.quadratic import Form, split_forms

__all__ = ["read_program", "write_program"]


def write_program(program: Program, path: str | Path) -> list[Path]:
    """Write a program to ``.mps``, ``.lp``, ``.mps.gz`` or ``.lp.gz`` and return the files written.

    Numbers are written so that they read back to the same doubles. Names an MPS file can spell (all without
    blanks) stay; LP files cannot spell ``w[0,1]``, so a map ``model.lp.names.json`` is written beside them
    and `read_program` applies it. Rotated cones are written as quadratic rows. What rows are
    for (`Switch`) is not kept.

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
        part = read_by_highs(copy, file)
    names = NameMap.read(map_path(file))
    return _program(part, beyond, names, file)


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


def _program(part: LinearPart, beyond: Beyond, names: NameMap, file: Path) -> Program:
    names.check(map_path(file), part.columns, part.rows, [s[0] for s in beyond.sos])
    _check_known({*beyond.quadratic, *beyond.indicators}, {*part.rows}, "row", file)
    _check_known(_mentioned(beyond), {*part.columns}, "column", file)
    place = {name: j for j, name in enumerate(part.columns)}
    n = len(part.columns)
    rows, first, lower, upper = _joined(part, beyond, names, file)
    matrix, given = part.matrix[first], [part.rows[k] for k in first]
    quadratic = np.array([name in beyond.quadratic for name in given], dtype=bool)
    implied = np.array([name in beyond.indicators for name in given], dtype=bool)
    if np.any(quadratic & implied):
        raise UnsupportedProgram(f"{file} has implied quadratic rows, which a Program has no place for")
    linear, curved, implications = (np.flatnonzero(k) for k in (~(quadratic | implied), quadratic, implied))
    switches = [beyond.indicators[given[k]] for k in implications]
    binary = _places(place, [name for name, _ in switches])
    wrong = ~part.integer[binary] | (part.lower[binary] < 0) | (part.upper[binary] > 1)
    if np.any(wrong):
        raise BadData(
            f"{file} has an indicator on {switches[int(np.argmax(wrong))][0]!r}, which is not binary"
        )
    return Program(
        P=part.P,
        q=part.q,
        c=part.c,
        A=matrix[linear],
        row_lower=lower[linear],
        row_upper=upper[linear],
        lower=part.lower,
        upper=part.upper,
        integer=part.integer,
        variables=variable_blocks([names.variables.get(c, c) for c in part.columns]),
        rows=row_blocks([rows[k] for k in linear]),
        quadratic=QuadraticRows(
            matrix[curved],
            tuple(_forms(beyond.quadratic[given[k]], place, n) for k in curved),
            lower[curved],
            upper[curved],
            row_blocks([rows[k] for k in curved]),
        ),
        cones=Cones(empty_matrix(0, n), np.empty(0), np.zeros(1, dtype=np.intp)),
        indicators=Indicators(
            binary,
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
        maximise=part.maximise,
        name=beyond.name or file.name.split(".")[0],
    )


def _places(place: dict[str, int], names: list[str]) -> Integers:
    return np.array([place[name] for name in names], dtype=np.intp)


def _mentioned(beyond: Beyond) -> set[str]:
    found = {c for terms in beyond.quadratic.values() for a, b, _ in terms for c in (a, b)}
    found |= {binary for binary, _ in beyond.indicators.values()}
    return found.union(*(columns for _, _, columns, _ in beyond.sos))


def _check_known(used: set[str], known: set[str], what: str, file: Path) -> None:
    stray = sorted(used - known)
    if stray:
        raise BadData(f"{file} speaks of a {what} {stray[0]!r} that it does not define")


def _forms(terms: list[tuple[str, str, float]], place: dict[str, int], n: int) -> tuple[Form, ...]:
    rows = [place[a] for a, _, _ in terms]
    cols = [place[b] for _, b, _ in terms]
    given = sparse.csr_array((np.array([v for *_, v in terms]), (rows, cols)), shape=(n, n))
    turned = sparse.csr_array(given.T)
    return split_forms((given + turned) / 2.0)  # exact where the file gives both halves


def _joined(
    part: LinearPart, beyond: Beyond, names: NameMap, file: Path
) -> tuple[list[str], Integers, Floats, Floats]:
    """Give rows their names of the model, and join the two sides of a row that the file holds as two."""
    named = [names.rows.get(name, name) for name in (beyond.ranged.get(r, r) for r in part.rows)]
    first: dict[str, int] = {}
    low, high = part.row_lower.copy(), part.row_upper.copy()
    for k, name in enumerate(named):
        j = first.setdefault(name, k)
        if j == k:
            continue
        if (part.matrix[[j]] != part.matrix[[k]]).nnz:
            raise BadData(f"{file} gives the name {name!r} to two different rows: delete its map of names")
        low[j], high[j] = max(low[j], low[k]), min(high[j], high[k])
    kept = np.array(list(first.values()), dtype=np.intp)
    return list(first), kept, low[kept], high[kept]
