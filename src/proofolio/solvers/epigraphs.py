r"""Epigraphs taken back into the objective, so that a conic program becomes a quadratic one.

:math:`\min s + \dots` with :math:`\sum_k Y_k^2 \le z s` and z a positive number is
:math:`\min \sum_k Y_k^2 / z + \dots` when s stands nowhere else. With the regimes fixed the perspective form of the
regime-switching program is of this kind, and as a quadratic program it is solved many times faster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.program import Block, Cones, Program
from proofolio.solvers.fixed_program import kept_rows_of, kept_variables

__all__ = ["Absorbed", "absorb_epigraphs"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Absorbed:
    """A program without its epigraph columns, and the way back."""

    program: Program
