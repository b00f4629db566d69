"""How long it takes to finish an answer once the search is over, by the size of the program."""

from __future__ import annotations

import numpy as np

from proofolio.program.program import Program
from proofolio.solvers.lifted import Lifted

__all__ = ["convex_seconds", "finishing_seconds", "reducing_seconds"]

# Measured on programs of 4e5 to 2e6 entries, one thread; on a busy machine it takes twice as long.
PER_ENTRY = 2e-7
PER_CUBE = 4e-9
# Measured on regime programs of n = 50 and 100, T from 60 to 120, solved whole: 13 to 17 iterations of PIQP
# (0.09 to 0.86 s), 17 to 20 of Clarabel (0.6 to 3.8 s). Clarabel takes longer for the same blocks.
QUADRATIC, CONIC, OF_CONE = 6.5e-9, 1.7e-8, 1.7e-8
# Fixing the integers of a lifted program, by entries of its rows and of its cones.
PER_ROW_ENTRY, PER_CONE_ENTRY = 5e-7, 4e-8


def finishing_seconds(program: Program) -> float:
    r"""Return about how many seconds it takes to solve a program once with its integers fixed and to check the point.

    Reading the program costs :math:`2 \cdot 10^{-7}` a stored number, and the factors of the convex program that
    is left :math:`4 \cdot 10^{-9} k^3` for each form or cone of k members. It is an estimate, for sharing out a
    time limit.
    """
    P, cones, quadratic = program.P, program.cones, program.quadratic
    columns = np.diff(P.tocsc().indptr).astype(float)
    members = np.diff(cones.pointer).astype(float)
    forms = np.array([form.columns.size for row in quadratic.forms for form in row], dtype=float)
    entries = program.A.nnz + P.nnz + cones.matrix.nnz + quadratic.matrix.nnz + float(forms @ forms)
    cubes = float(columns @ columns + (members**3).sum() + (forms**3).sum())
    return PER_ENTRY * float(entries) + PER_CUBE * cubes


def convex_seconds(program: Program) -> float:
    r"""Return about how many seconds an interior-point method takes for a continuous convex program.

    Factors cost the cube of each dense block of P, for as many iterations as there usually are, and those of
    programs with cones as much for each cone's. Blocks that rows tie to their neighbours, as trades tie
    periods, fill in to a multiple that is in these numbers; other fill-in is not: PIQP looks for that itself.
    """
    columns = np.diff(program.P.tocsc().indptr).astype(float)
    blocks = float(columns @ columns)
    if not len(program.cones):
        return QUADRATIC * blocks
    return CONIC * blocks + OF_CONE * float((np.diff(program.cones.pointer).astype(float) ** 3).sum())


def reducing_seconds(lifted: Lifted) -> float:
    """Return about how many seconds it takes to fix the integers of a lifted program and see what is left."""
    return PER_ROW_ENTRY * float(lifted.A.nnz) + PER_CONE_ENTRY * float(lifted.K.nnz)
