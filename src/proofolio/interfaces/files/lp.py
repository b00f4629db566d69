"""The LP text of a program; `lp_reader` holds the grammar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.interfaces.files.names import NameMap, Spelling, changed, lp_name
from proofolio.interfaces.files.rows import FREE_ROW, FileRows, number
from proofolio.program.program import Program

__all__ = ["lp_text"]


_TERMS_A_LINE = 6  # some readers stop at 255 or 560 characters


def lp_text(program: Program) -> tuple[str, NameMap]:
    """Return the program as LP text, and the map of names LP files cannot spell.

    A row with two sides becomes two rows, which the map makes one again.

    Raises
    ------
    UnsupportedProgram
        For finite bounds of 1e20 and more, and cones whose t or z has no lower bound of zero.
    """
    rows = FileRows.of(program, "an .lp file")
    columns = Spelling(lp_name)(program.column_names)
    sign = -1.0 if program.maximise else 1.0
    lines = [rf"\ Problem name: {lp_name(program.name)}", "Maximize" if program.maximise else "Minimize"]
    # every column stands in the objective: the order of first mention is the order readers give back
    cost = zip((sign * program.q).tolist(), columns, strict=True)
    terms = [_term(value, name) for value, name in cost]
    square = sparse.tril(sparse.csc_array(program.P), format="csc").tocoo()
    if square.nnz:
        terms += [*_bracket(square, columns, sign), "] / 2"]
    if program.c:
        terms.append(_term(sign * program.c, ""))
    lines += ["obj:", *_wrapped(terms), "Subject To"]
    spell, spelled = Spelling(lp_name), _row_spellings(rows)
    file_names = spell(name for name, *_ in spelled)
    for file_name, (_, k, relation, rhs) in zip(file_names, spelled, strict=True):
        lines += _row(rows, k, columns, f"{file_name}:", f"{relation} {rhs}")
    lines += ["Bounds", *_bounds(program, columns)]
    binary = program.integer & (program.lower == 0) & (program.upper == 1)
    for section, which in (("Binaries", binary), ("Generals", program.integer & ~binary)):
        if which.any():
            lines += [section, *(f" {columns[j]}" for j in np.flatnonzero(which))]
    sets = Spelling(lp_name)(s.name for s in program.sos)
    if sets:
        lines.append("SOS")
    for group, name in zip(program.sos, sets, strict=True):
        members = [f"{columns[j]}:{number(w)}" for j, w in zip(group.columns, group.weights, strict=True)]
        lines += [f" {name}: S{group.kind}::", *_wrapped(members)]
    lines.append("End")
    names = NameMap(
        changed(columns, program.column_names),
        changed(file_names, (rows.names[k] for _, k, *_ in spelled)),
        changed(sets, (s.name for s in program.sos)),
    )
    return "\n".join(lines) + "\n", names


def _term(value: float, name: str) -> str:
    return f"{'-' if value < 0 else '+'} {number(abs(value))} {name}".rstrip()


def _wrapped(terms: list[str]) -> Iterator[str]:
    return (" " + " ".join(terms[k : k + _TERMS_A_LINE]) for k in range(0, len(terms), _TERMS_A_LINE))


def _bracket(triangle: Any, columns: list[str], sign: float) -> list[str]:
    terms = ["+ ["]
    rows, cols = triangle.coords
    for i, j, value in zip(rows.tolist(), cols.tolist(), (sign * triangle.data).tolist(), strict=True):
        terms.append(
            f"{_term(value, columns[i])} ^2" if i == j else f"{_term(2.0 * value, columns[j])} * {columns[i]}"
        )
    return terms


def _row_spellings(rows: FileRows) -> list[tuple[str, int, str, str]]:
    found = []
    sides = zip(rows.names, rows.lower.tolist(), rows.upper.tolist(), strict=True)
    for k, (name, low, high) in enumerate(sides):
        if low == high:
            found.append((name, k, "=", number(low)))
        elif np.isneginf(low) and np.isposinf(high):
            found.append((name, k, ">=", FREE_ROW))
        else:
            both = np.isfinite(low) and np.isfinite(high)
            if np.isfinite(low):
                found.append((f"{name}_low" if both else name, k, ">=", number(low)))
            if np.isfinite(high):
                found.append((f"{name}_high" if both else name, k, "<=", number(high)))
    return found


def _row(rows: FileRows, k: int, columns: list[str], name: str, side: str) -> Iterator[str]:
    matrix, switch, form = rows.matrix, rows.implied[k], rows.quadratic[k]
    entries = range(matrix.indptr[k], matrix.indptr[k + 1])
    terms = [_term(float(matrix.data[e]), columns[matrix.indices[e]]) for e in entries]
    if form is not None and not form.nnz:
        terms.append(f"+ [ 0 {columns[0]} ^2 ]")
    elif form is not None:
        terms += [*_bracket(sparse.tril(form, format="coo"), columns, 1.0), "]"]
    if not terms and columns:
        terms = [_term(0.0, columns[0])]
    implied = [] if switch is None else [f"{columns[switch[0]]} = {switch[1]} ->"]
    return _wrapped([name, *implied, *terms, side])


def _bounds(program: Program, columns: list[str]) -> Iterator[str]:
    for name, low, high in zip(columns, program.lower.tolist(), program.upper.tolist(), strict=True):
        if low == high:
            yield f" {name} = {number(low)}"
        elif np.isneginf(low) and np.isposinf(high):
            yield f" {name} free"
        elif np.isposinf(high):
            if low:
                yield f" {name} >= {number(low)}"
        else:
            yield f" {'-inf' if np.isneginf(low) else number(low)} <= {name} <= {number(high)}"
