"""How long it takes to finish an answer once the search is over, by the size of the program."""

from __future__ import annotations

import numpy as np

from proofolio.program.program import Program

__all__ = ["finishing_seconds"]

# Measured on programs of 4e5 to 2e6 entries, one thread; on a busy machine it takes twice as long.
PER_ENTRY = 2e-7
PER_CUBE = 4e-9


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
