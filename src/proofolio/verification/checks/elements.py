"""What a program is made of, one piece at a time: sides of rows, bounds, integrality, cones; and parts of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Cones, Indicators, Program, QuadraticRows, RowBlock

__all__ = ["Element", "Member", "elements", "members", "part_of"]


SHOWN_TERMS = 5
KINDS = {
    "row": "row",
    "quadratic": "quadratic row",
    "cone": "cone",
    "indicator": "indicator",
    "sos": "special ordered set",
}


@dataclass(frozen=True)
class Element:
    """One thing a program asks for: the side "lower" or "upper" of a row or column, or a part without sides.

    `part` is ``"row"``, ``"bound"``, ``"integer"``, ``"quadratic"``, ``"cone"``, ``"indicator"`` or ``"sos"``.
    """

    part: str
    index: int
    side: str = ""


@dataclass(frozen=True)
class Member:
    """One requirement in the model's own names.

    Attributes
    ----------
    kind : str
        ``"row"``, ``"lower bound"``, ``"upper bound"``, ``"integrality"``, ``"quadratic row"``, ``"cone"``,
        ``"indicator"`` or ``"special ordered set"``.
    name : str
        What a person would call it, such as ``"row budget"`` or ``"upper bound of W[0,1]"``.
    says : str
        What it asks for, such as ``"x[0] + x[1] <= 1"``; empty where that is long.
    """

    kind: str
    name: str
    says: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.says})" if self.says else self.name


def elements(program: Program) -> list[Element]:
    """Return everything a program asks for, except of the binaries that switch indicators: those stay binary."""
    found: list[Element] = []
    for part, lower, upper in (
        ("row", program.row_lower, program.row_upper),
        ("quadratic", program.quadratic.lower, program.quadratic.upper),
    ):
        found += _sided(part, lower, upper, range(lower.size))
    found += [Element("cone", k) for k in range(len(program.cones))]
    found += [Element("indicator", k) for k in range(len(program.indicators))]
    found += [Element("sos", k) for k in range(len(program.sos))]
    switching = set(program.indicators.binary.tolist())
    loose = [j for j in range(program.n) if j not in switching]
    found += _sided("bound", program.lower, program.upper, loose)
    return found + [Element("integer", j) for j in loose if program.integer[j]]


def _sided(part: str, lower: Floats, upper: Floats, which: Iterable[int]) -> list[Element]:
    return [
        Element(part, i, side)
        for i in which
        for side, limit in (("lower", lower[i]), ("upper", upper[i]))
        if np.isfinite(limit)
    ]


def part_of(program: Program, kept: Sequence[Element]) -> Program:
    """Return the program that asks only for some elements, and has no objective."""
    switching = np.zeros(program.n, dtype=bool)
    switching[program.indicators.binary] = True
    row_lower, row_upper = _masked(program.row_lower, program.row_upper, "row", kept)
    lower, upper = _masked(program.lower, program.upper, "bound", kept)
    integer = np.zeros(program.n, dtype=bool)
    integer[[e.index for e in kept if e.part == "integer"]] = True
    curved, ind = program.quadratic, program.indicators
    q_lower, q_upper = _masked(curved.lower, curved.upper, "quadratic", kept)
    some = np.flatnonzero(np.isfinite(q_lower) | np.isfinite(q_upper))
    implied = np.array([e.index for e in kept if e.part == "indicator"], dtype=np.intp)
    return replace(
        program,
        P=sparse.csc_array((program.n, program.n)),
        q=np.zeros(program.n),
        c=0.0,
        maximise=False,
        row_lower=row_lower,
        row_upper=row_upper,
        lower=np.where(switching, program.lower, lower),
        upper=np.where(switching, program.upper, upper),
        integer=integer | switching,
        quadratic=QuadraticRows(
            curved.matrix[some], tuple(curved.forms[k] for k in some), q_lower[some], q_upper[some]
        ),
        cones=_cones(program.cones, [e.index for e in kept if e.part == "cone"], program.n),
        indicators=Indicators(
            ind.binary[implied], ind.on[implied], ind.matrix[implied], ind.lower[implied], ind.upper[implied]
        ),
        sos=tuple(program.sos[e.index] for e in kept if e.part == "sos"),
    )


def _masked(lower: Floats, upper: Floats, part: str, kept: Sequence[Element]) -> tuple[Floats, Floats]:
    low, high = np.full(lower.size, -np.inf), np.full(upper.size, np.inf)
    for e in kept:
        if e.part == part and e.side == "lower":
            low[e.index] = lower[e.index]
        elif e.part == part:
            high[e.index] = upper[e.index]
    return low, high


def _cones(cones: Cones, which: Sequence[int], n: int) -> Cones:
    slices = [np.arange(cones.pointer[k], cones.pointer[k + 1]) for k in which]
    rows = np.concatenate(slices) if slices else np.empty(0, dtype=np.intp)
    pointer = np.concatenate([[0], np.cumsum([s.size for s in slices])]).astype(np.intp)
    matrix = cones.matrix[rows] if rows.size else sparse.csr_array((0, n))
    return Cones(matrix, cones.constant[rows], pointer)


def members(program: Program, found: Sequence[Element]) -> tuple[Member, ...]:
    """Say elements in the model's own names; the two sides of a row become one member."""
    names = {
        "row": program.row_names,
        "quadratic": _names(program.quadratic.blocks),
        "cone": _names(program.cones.blocks),
        "indicator": _names(program.indicators.blocks),
        "sos": [s.name for s in program.sos],
    }
    said: dict[tuple[str, int], list[str]] = {}
    for e in found:
        key = (f"{e.side} bound" if e.part == "bound" else e.part, e.index)
        said.setdefault(key, []).append(e.side)
    made = []
    for (part, i), sides in said.items():
        if part == "integer":
            made.append(Member("integrality", f"integrality of {program.column_names[i]}"))
        elif part.endswith("bound"):
            limit = program.lower[i] if part.startswith("lower") else program.upper[i]
            sign = ">=" if part.startswith("lower") else "<="
            name = program.column_names[i]
            made.append(Member(part, f"{part} of {name}", f"{name} {sign} {limit:.9g}"))
        else:
            says = _row(program, i, sides) if part == "row" else ""
            made.append(Member(KINDS[part], f"{KINDS[part]} {names[part][i]}", says))
    return tuple(made)


def _names(blocks: Sequence[RowBlock]) -> list[str]:
    return [name for block in blocks for name in block.element_names()]


def _row(program: Program, i: int, sides: Sequence[str]) -> str:
    low, high = program.row_lower[i], program.row_upper[i]
    A: Any = program.A
    entries = slice(A.indptr[i], A.indptr[i + 1])
    body = _sum(A.data[entries].tolist(), [program.column_names[j] for j in A.indices[entries]])
    if len(sides) == 2:
        return f"{body} = {low:.9g}" if low == high else f"{low:.9g} <= {body} <= {high:.9g}"
    return f"{body} >= {low:.9g}" if sides[0] == "lower" else f"{body} <= {high:.9g}"


def _sum(data: Sequence[float], names: Sequence[str]) -> str:
    terms = []
    for a, name in list(zip(data, names, strict=True))[:SHOWN_TERMS]:
        factor = "" if abs(a) == 1.0 else f"{abs(a):.9g} "
        terms.append(f"{'-' if a < 0 else '+'} {factor}{name}")
    if len(names) > SHOWN_TERMS:
        terms.append("+ ...")
    text = " ".join(terms)
    return text.removeprefix("+ ") if text.startswith("+") else text.replace("- ", "-", 1)
