"""Free MPS: the text of a program, and the sections HiGHS does not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.files_names import NameMap, Spelling, changed, mps_name
from proofolio.program.files_rows import Beyond, FileRows, number
from proofolio.program.program import Program

__all__ = ["lift_mps", "mps_text"]

_PLAIN = frozenset(
    {"NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "QUADOBJ", "QMATRIX", "ENDATA"}
)
_BEYOND = frozenset({"QCMATRIX", "INDICATORS", "SOS", "SOS1", "SOS2"})
_FOREIGN = frozenset(
    {"CSECTION", "GENCONS", "LAZYCONS", "USERCUTS", "PWLOBJ", "SCENARIOS", "QSECTION", "MODELCUTS", "SETS"}
)
FREE_ROW = "-1e30"
_Taker = Callable[[list[str], int], None]


def mps_text(program: Program) -> tuple[str, NameMap]:
    """Return the program as free MPS, and a map of the names that had to be spelled differently.

    Raises
    ------
    UnsupportedProgram
        For second-order cones, and for finite bounds of 1e20 and more.
    """
    rows = FileRows.of(program, "an .mps file")
    columns = Spelling(mps_name)(program.column_names)
    spell = Spelling(mps_name)
    row_names = spell(rows.names)
    (objective,) = spell(["obj"])
    lines = [f"NAME {mps_name(program.name)}"]
    if program.maximise:
        lines += ["OBJSENSE", "    MAX"]
    lines += ["ROWS", f" N {objective}"]
    sides = list(map(_sides, rows.lower.tolist(), rows.upper.tolist(), rows.names))
    lines += [f" {kind} {name}" for (kind, _, _), name in zip(sides, row_names, strict=True)]
    lines += _columns_section(program, rows.matrix, columns, row_names, objective)
    sign = -1.0 if program.maximise else 1.0
    lines.append("RHS")
    if program.c:
        lines.append(f"    RHS {objective} {number(-sign * program.c)}")
    lines += [f"    RHS {name} {rhs}" for (_, rhs, _), name in zip(sides, row_names, strict=True)]
    lines.append("RANGES")
    lines += [f"    RNG {name} {gap}" for (_, _, gap), name in zip(sides, row_names, strict=True) if gap]
    lines += ["BOUNDS", *_bounds_section(program, columns)]
    triangle = sparse.tril(sparse.csc_array(program.P), format="coo")
    if triangle.nnz:
        lines.append("QUADOBJ")
        lines += [f"    {columns[j]} {columns[i]} {number(sign * v)}" for i, j, v in _entries(triangle)]
    for name, form in zip(row_names, rows.quadratic, strict=True):
        if form is not None and form.nnz:
            lines.append(f"QCMATRIX {name}")
            lines += [f"    {columns[i]} {columns[j]} {number(v)}" for i, j, v in _entries(form.tocoo())]
    if len(program.indicators):
        lines.append("INDICATORS")
        lines += [
            f" IF {name} {columns[switch[0]]} {switch[1]}"
            for name, switch in zip(row_names, rows.implied, strict=True)
            if switch is not None
        ]
    sets = Spelling(mps_name)(s.name for s in program.sos)
    if sets:
        lines.append("SOS")
        for group, name in zip(program.sos, sets, strict=True):
            lines.append(f" S{group.kind} {name}")
            members = zip(group.columns, group.weights, strict=True)
            lines += [f"    {columns[j]} {number(weight)}" for j, weight in members]
    lines.append("ENDATA")
    names = NameMap(
        changed(columns, program.column_names),
        changed(row_names, rows.names),
        changed(sets, [s.name for s in program.sos]),
    )
    return "\n".join(lines) + "\n", names


def _entries(matrix: Any) -> Iterator[tuple[int, int, float]]:
    rows, cols = matrix.coords
    return zip(rows.tolist(), cols.tolist(), matrix.data.tolist(), strict=True)


def _sides(low: float, high: float, name: str) -> tuple[str, str, str]:
    """Return the row's type, right-hand side and range such that readers find both sides to the bit."""
    if low == high:
        return "E", number(low), ""
    if np.isneginf(low):
        return ("G", FREE_ROW, "") if np.isposinf(high) else ("L", number(high), "")
    if np.isposinf(high):
        return "G", number(low), ""
    for width in (high - low, np.nextafter(high - low, 0.0), np.nextafter(high - low, np.inf)):
        if low + width == high:
            return "G", number(low), number(width)
        if high - width == low:
            return "L", number(high), number(width)
    raise UnsupportedProgram(
        f"an .mps file cannot hold both sides of row {name!r} to the bit: split it in two"
    )


def _columns_section(
    program: Program, matrix: Any, columns: list[str], rows: list[str], objective: str
) -> list[str]:
    by_column = sparse.csc_array(matrix)
    by_column.sort_indices()
    cost = (-program.q if program.maximise else program.q).tolist()
    pointer, entries = by_column.indptr.tolist(), by_column.indices.tolist()
    data = by_column.data.tolist()
    lines, inside = ["COLUMNS"], False
    for j, integer in enumerate(program.integer.tolist()):
        if integer != inside:
            lines.append(f"    MARKER 'MARKER' '{'INTORG' if integer else 'INTEND'}'")
            inside = integer
        start, stop = pointer[j], pointer[j + 1]
        if cost[j] or start == stop:
            lines.append(f"    {columns[j]} {objective} {number(cost[j])}")
        lines += [f"    {columns[j]} {rows[entries[k]]} {number(data[k])}" for k in range(start, stop)]
    if inside:
        lines.append("    MARKER 'MARKER' 'INTEND'")
    return lines


def _bounds_section(program: Program, columns: list[str]) -> Iterator[str]:
    triples = zip(program.lower.tolist(), program.upper.tolist(), program.integer.tolist(), strict=True)
    for name, (low, high, integer) in zip(columns, triples, strict=True):
        if low == high:
            yield f" FX BND {name} {number(low)}"
            continue
        if np.isneginf(low) and np.isposinf(high):
            yield f" FR BND {name}"
            continue
        if integer and (low, high) == (0.0, 1.0):
            yield f" BV BND {name}"
            continue
        if np.isneginf(low):
            yield f" MI BND {name}"
        elif low or integer or high < 0:
            yield f" LO BND {name} {number(low)}"
        if np.isfinite(high):
            yield f" UP BND {name} {number(high)}"
        elif integer:  # without it, readers take an integer column for a binary one
            yield f" PL BND {name}"


def lift_mps(text: str, file: str) -> tuple[str, Beyond]:
    """Return the text without the sections HiGHS does not read, and what those sections say.

    Raises
    ------
    BadData
        For a file without ENDATA (cut short), and for lines of a section that cannot be read.
    UnsupportedProgram
        For sections a Program has no place for, such as lazy constraints.
    """
    beyond = Beyond()
    kept: list[str] = []
    take: _Taker | None = None
    ended = False
    for line in text.splitlines():
        words = line.split()
        head = words[0].upper() if words and not line[0].isspace() and len(words) <= 2 else ""
        if head in _FOREIGN:
            raise UnsupportedProgram(f"{file} has a section {head}, which a Program has no place for")
        if head in _BEYOND:
            take = _taker(beyond, head, words[1:], file)
        elif head in _PLAIN or (words and words[0].upper() == "NAME" and not line[0].isspace()):
            take = None
            kept.append(line)
            beyond.name = beyond.name or (line[4:].strip() if words[0].upper() == "NAME" else "")
            ended = ended or head == "ENDATA"
        elif take is None:
            kept.append(line)
        elif words and not line.startswith("*"):
            try:
                take(words, len(line) - len(line.lstrip()))
            except (IndexError, ValueError, KeyError):
                why = f"the line {line.strip()!r} does not fit its section"
                raise BadData(f"{file} is not a model HiGHS can read: {why}") from None
    if not ended:
        raise BadData(f"{file} is not a whole .mps file: it has no line ENDATA")
    return "\n".join(kept) + "\n", beyond


def _taker(beyond: Beyond, head: str, words: list[str], file: str) -> _Taker:
    if head == "INDICATORS":

        def take(line: list[str], indent: int) -> None:
            _, row, binary, on = line
            beyond.indicators[row] = (binary, {"0": 0, "1": 1}[on])

        return take
    if head == "QCMATRIX":
        if not words:
            raise BadData(f"{file} has a section QCMATRIX that names no row")
        terms = beyond.quadratic.setdefault(words[0], [])

        def take_term(line: list[str], indent: int) -> None:
            first, second, value = line
            terms.append((first, second, float(value)))

        return take_term

    def take_member(line: list[str], indent: int) -> None:
        kind = line[0].upper()
        if indent <= 2 and kind in ("S1", "S2"):  # members stand further in, and may be called S1 too
            beyond.sos.append((line[-1], int(kind[1]), [], []))
            return
        column, weight = line[-1].rsplit(":", 1) if ":" in line[-1] else line[-2:]
        beyond.sos[-1][2].append(column)
        beyond.sos[-1][3].append(float(weight))

    return take_member
