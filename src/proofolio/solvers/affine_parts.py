"""The affine parts of all of a program's rows in one matrix, and what has become of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.program import Program, element_name

__all__ = ["DROPPED", "ROW", "WAITING", "AffineParts"]

Floats = NDArray[np.float64]
# An affine part is a row in force, part of something that is not decided yet, or gone.
ROW, WAITING, DROPPED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class AffineParts:
    """All affine parts, ``lower <= matrix x + constant <= upper``: rows, implied rows, quadratic rows, cones.

    The sides of a part that is not a row of its own are those it will have if it becomes one: zero for the
    members Y of a cone, at least zero for t and z.
    """

    program: Program
    matrix: Any
    pattern: Any
    constant: Floats
    lower: Floats
    upper: Floats
    indicators: slice
    quadratic: slice
    cones: slice

    @classmethod
    def of(cls, program: Program) -> AffineParts:
        """Stack the parts of a program."""
        implied, quadratic, cones = program.indicators, program.quadratic, program.cones
        ends = np.cumsum([program.m, len(implied), len(quadratic), cones.constant.size]).tolist()
        matrix = sparse.vstack([program.A, implied.matrix, quadratic.matrix, cones.matrix], format="csr")
        pattern = sparse.csr_array(
            ((matrix.data != 0.0).astype(float), matrix.indices, matrix.indptr), shape=matrix.shape
        )
        high = np.zeros(cones.constant.size)
        high[cones.pointer[:-1]] = high[cones.pointer[:-1] + 1] = np.inf
        return cls(
            program,
            matrix,
            pattern,
            np.concatenate([np.zeros(ends[2]), cones.constant]),
            np.concatenate([program.row_lower, implied.lower, quadratic.lower, np.zeros(high.size)]),
            np.concatenate([program.row_upper, implied.upper, quadratic.upper, high]),
            slice(ends[0], ends[1]),
            slice(ends[1], ends[2]),
            slice(ends[2], ends[3]),
        )

    def initial_state(self) -> NDArray[np.int8]:
        """Return the state of every part before anything is known."""
        state = np.full(self.constant.size, WAITING, dtype=np.int8)
        state[: self.program.m] = ROW
        return state

    def name(self, part: int) -> str:
        """Return the name of the row, indicator, quadratic row or cone a part belongs to."""
        p = self.program
        if part >= self.cones.start:
            part = int(np.searchsorted(p.cones.pointer, part - self.cones.start, side="right")) - 1
            blocks = p.cones.blocks
        elif part >= self.quadratic.start:
            part, blocks = part - self.quadratic.start, p.quadratic.blocks
        elif part >= self.indicators.start:
            part, blocks = part - self.indicators.start, p.indicators.blocks
        else:
            blocks = p.rows
        block = next(b for b in blocks if b.rows.start <= part < b.rows.stop)
        at = np.unravel_index(int(block.positions[part - block.start]), block.shape)
        return element_name(block.name, tuple(int(i) for i in at))
