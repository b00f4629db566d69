"""The free MPS text of a program; `mps_reader` holds the grammar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from proofolio.interfaces.files.names import NameMap, Spelling, changed, mps_name
from proofolio.interfaces.files.rows import FREE_ROW, FileRows, number
from proofolio.program.decimals import exact_sum
from proofolio.program.program import Program

__all__ = ["mps_text"]


def mps_text(program: Program) -> tuple[str, NameMap]:
    """Return the program as free MPS, and a map of the names that had to be spelled differently.

    A row whose two sides no range can give to the bit becomes two rows, which the map makes one again.

    Raises
    ------
    UnsupportedProgram
        For finite bounds of 1e20 and more, and cones whose t or z has no lower bound of zero.
    """
    rows = FileRows.of(program, "an .mps file")
    columns = Spelling(mps_name)(program.column_names)
    sides = [
        _Side(suffix, k, *rest)
        for k, (low, high) in enumerate(zip(rows.lower.tolist(), rows.upper.tolist(), strict=True))
        for suffix, *rest in _sides(low, high)
    ]
    spell = Spelling(mps_name)
    names = spell(rows.names[side.row] + side.suffix for side in sides)
    (objective,) = spell(["obj"])
    named = list(zip(names, sides, strict=True))
    sets = Spelling(mps_name)(s.name for s in program.sos)
    sign = -1.0 if program.maximise else 1.0
    lines = [f"NAME {mps_name(program.name)}", *(["OBJSENSE", "    MAX"] if program.maximise else [])]
    lines += ["ROWS", f" N {objective}", *(f" {side.kind} {name}" for name, side in named)]
    lines += _columns_section(program, rows.matrix[[side.row for side in sides]], columns, names, objective)
    lines += ["RHS", *([f"    RHS {objective} {number(-sign * program.c)}"] if program.c else [])]
    lines += [f"    RHS {name} {side.rhs}" for name, side in named]
    lines += ["RANGES", *(f"    RNG {name} {side.width}" for name, side in named if side.width)]
    lines += ["BOUNDS", *_bounds_section(program, columns)]
    lines += _beyond_sections(program, rows, named, columns, sets)
    lines.append("ENDATA")
    spelled = NameMap(
        changed(columns, program.column_names),
        changed(names, (rows.names[side.row] for side in sides)),
        changed(sets, (s.name for s in program.sos)),
    )
    return "\n".join(lines) + "\n", spelled


class _Side(NamedTuple):
    """A row of the file: which row of the program it is, or which side of it."""

    suffix: str
    row: int
    kind: str
    rhs: str
    width: str


def _sides(low: float, high: float) -> list[tuple[str, str, str, str]]:
    """Return suffix, type, right-hand side and range of the file's rows for one row of the program."""
    if low == high:
        return [("", "E", number(low), "")]
    if np.isneginf(low):
        return [("", "G", FREE_ROW, "") if np.isposinf(high) else ("", "L", number(high), "")]
    if np.isposinf(high):
        return [("", "G", number(low), "")]
    whole = exact_sum((high, -low))
    for width in (whole, float(np.nextafter(whole, 0.0)), float(np.nextafter(whole, np.inf))):
        if exact_sum((low, width)) == high:
            return [("", "G", number(low), number(width))]
        if exact_sum((high, -width)) == low:
            return [("", "L", number(high), number(width))]
    return [("_low", "G", number(low), ""), ("_high", "L", number(high), "")]


def _beyond_sections(
    program: Program, rows: FileRows, named: list[tuple[str, _Side]], columns: list[str], sets: list[str]
) -> Iterator[str]:
    """Yield the sections after BOUNDS, in the one order SCIP reads them."""
    triangle = sparse.tril(sparse.csc_array(program.P), format="coo")
    if triangle.nnz:
        sign = -1.0 if program.maximise else 1.0
        yield "QUADOBJ"
        for i, j, value in _entries(triangle):
            yield f"    {columns[j]} {columns[i]} {number(sign * value)}"
    if sets:
        yield "SOS"
    for group, name in zip(program.sos, sets, strict=True):
        yield f" S{group.kind} {name}"
        for j, weight in zip(group.columns, group.weights, strict=True):
            yield f"    {columns[j]} {number(weight)}"
    for name, side in named:
        form = rows.quadratic[side.row]
        if form is not None:
            yield f"QCMATRIX {name}"
            for i, j, value in _entries(form.tocoo()):
                yield f"    {columns[i]} {columns[j]} {number(value)}"
    if len(program.indicators):
        yield "INDICATORS"
    for name, side in named:
        switch = rows.implied[side.row]
        if switch is not None:
            yield f" IF {name} {columns[switch[0]]} {switch[1]}"


def _entries(matrix: Any) -> Iterator[tuple[int, int, float]]:
    rows, cols = matrix.coords
    return zip(rows.tolist(), cols.tolist(), matrix.data.tolist(), strict=True)


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
