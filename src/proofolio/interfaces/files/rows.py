"""The rows of a program in the order files list them, all of one kind: linear, quadratic, implied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import UnsupportedProgram
from proofolio.interfaces.files.contents import INFINITE
from proofolio.program.interval import affine_bounds
from proofolio.program.program import Program
from proofolio.program.quadratic import gathered_forms

__all__ = ["FREE_ROW", "FileRows", "number"]


FREE_ROW = "-1e30"  # the lower side of a row without sides: every reader takes it as none


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
