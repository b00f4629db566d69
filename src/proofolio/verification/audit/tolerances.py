r"""What all points gain that a solver takes for integer: bounds over them, by trees with exact leaves.

A solver takes a point for integer when each of its integers is within eps of a whole number. These are the points
:math:`x + e` with x whole and :math:`|e_j| \le \mathrm{eps}` in every integer column j, so that one more
continuous column for each integer makes a program of them, whose rows and bounds are those of the model:

.. math:: \min\ q'x + q_I'e \quad\text{with}\quad a \le A x + A_I e \le b,\quad l_I \le x_I + e \le u_I

A bound on it holds for whatever several binaries let through together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy import sparse

from proofolio.program.program import (
    Block,
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    RowBlock,
    empty_matrix,
)
from proofolio.verification.certified.maximum import Maxima
from proofolio.verification.exact.lp_bounds import as_decimal

__all__ = ["NearlyWhole"]


class NearlyWhole:
    """The points of a program whose integers are within a tolerance of whole numbers.

    Rows that are not linear, cones, indicators and sets are left out: the bounds hold without them.

    Parameters
    ----------
    program : Program
        Its objective is linear.
    eps : float
    """

    def __init__(self, program: Program, eps: float) -> None:
        self.columns = np.flatnonzero(program.integer)
        self._beside = {int(j): program.n + k for k, j in enumerate(self.columns)}
        relaxed = _nearly_whole(program, eps)
        self._maxima = Maxima(relaxed)
        self._upward = {int(j): -as_decimal(float(relaxed.q[j])) for j in np.flatnonzero(relaxed.q)}

    def at_least(
        self,
        value: Fraction,
        seconds: float,
        held: Mapping[int, int] | None = None,
        alone: int | None = None,
    ) -> bool:
        """Whether it is proved that no such point has a smaller objective (without its constant).

        Parameters
        ----------
        value : Fraction
        seconds : float
        held : mapping, optional
            Integer columns and the whole number that each is next to.
        alone : int, optional
            The only column that need not be whole; by default none has to be.
        """
        if seconds <= 0:
            return False
        whole = () if alone is None else (e for j, e in self._beside.items() if j != alone)
        fixed = dict(held or {}) | dict.fromkeys(whole, 0)
        found = self._maxima.maximum(self._upward, None, fixed, target=-value, seconds=seconds)
        return found.status in ("proved", "empty")


def _nearly_whole(program: Program, eps: float) -> Program:
    columns, none = np.flatnonzero(program.integer), np.zeros(0)
    k, n = columns.size, program.n + columns.size
    unit = sparse.csr_array((np.ones(k), (np.arange(k), columns)), shape=(k, program.n))
    rows = sparse.vstack(
        [sparse.hstack([program.A, program.A[:, columns]]), sparse.hstack([unit, sparse.eye_array(k)])]
    )
    positions = np.zeros(0, dtype=np.intp)
    return replace(
        program,
        P=sparse.csc_array((n, n)),
        q=np.concatenate([program.q, program.q[columns]]),
        A=sparse.csr_array(rows),
        row_lower=np.concatenate([program.row_lower, program.lower[columns]]),
        row_upper=np.concatenate([program.row_upper, program.upper[columns]]),
        lower=np.concatenate([program.lower, np.full(k, -eps)]),
        upper=np.concatenate([program.upper, np.full(k, eps)]),
        integer=np.concatenate([program.integer, np.zeros(k, dtype=bool)]),
        variables=(*program.variables, Block("tolerances of integers", (k,), program.n)),
        rows=(*program.rows, RowBlock("bounds of integers", (k,), program.m, np.arange(k))),
        quadratic=QuadraticRows(empty_matrix(0, n), (), none, none),
        cones=Cones(empty_matrix(0, n), none, np.zeros(1, dtype=np.intp)),
        indicators=Indicators(positions, positions, empty_matrix(0, n), none, none),
        sos=(),
    )
