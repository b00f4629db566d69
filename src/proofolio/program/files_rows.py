"""What a model file says beyond linear rows, and the rows of a program in the order files list them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import UnsupportedProgram
from proofolio.program.forms import gathered_forms
from proofolio.program.program import Program

__all__ = ["INFINITE", "Beyond", "FileRows", "number"]

Floats = NDArray[np.float64]
INFINITE = 1e20  # readers take this and more as no bound


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
    """All rows of a program: the linear ones, then the quadratic, then the implied."""

    names: list[str]
    matrix: Any
    lower: Floats
    upper: Floats
    quadratic: list[Any]
    implied: list[tuple[int, int] | None]

    @staticmethod
    def of(program: Program, form: str) -> FileRows:
        """Gather the rows; `form` names the format in the error for what no file can hold."""
        if len(program.cones):
            raise UnsupportedProgram(
                f"{form} cannot hold the second-order cones {program.cones.blocks[0].name!r}: build them as "
                "quadratic rows with model.quadratic, or keep the model in Python"
            )
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
        names = [
            *program.row_names,
            *(n for b in quadratic.blocks for n in b.element_names()),
            *(n for b in implied.blocks for n in b.element_names()),
        ]
        none: list[Any] = [None] * program.m
        matrix = sparse.vstack(
            [sparse.csr_array(part) for part in (program.A, quadratic.matrix, implied.matrix)], format="csr"
        )
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return FileRows(
            names,
            matrix,
            np.concatenate([program.row_lower, quadratic.lower, implied.lower]),
            np.concatenate([program.row_upper, quadratic.upper, implied.upper]),
            [*none, *(gathered_forms(f, program.n) for f in quadratic.forms), *[None] * len(implied)],
            [
                *none,
                *[None] * len(quadratic),
                *zip(implied.binary.tolist(), implied.on.tolist(), strict=True),
            ],
        )


def number(value: float) -> str:
    """Return the shortest decimal that reads back to the same double."""
    return repr(float(value) + 0.0)
