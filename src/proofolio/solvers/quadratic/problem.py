r"""A convex quadratic program as plain arrays, and how far a point and its multipliers are from solving it.

.. math::
    \min\ \tfrac12 x'Px + q'x \quad\text{s.t.}\quad \ell \le Ax \le u, \quad \underline x \le x \le \overline x

Multipliers y of the rows and z of the bounds are positive at a lower side, negative at an upper one, as everywhere
in this package:

.. math:: Px + q = A'y + z
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["QP", "DirectAnswer", "Residuals", "residuals"]


FIELDS = ("P", "q", "A", "row_lower", "row_upper", "lower", "upper")


class QP:
    """Data of a convex quadratic program; what is left out does not bind. Do not write into its arrays.

    Attributes
    ----------
    P : ndarray or scipy.sparse, shape (n, n)
        Symmetric positive semidefinite, both triangles. Whether P and A are arrays or sparse says how the
        solver is to store them; of a sparse one the pattern stays, so put a zero where a number may come.
    q : ndarray, shape (n,)
    A : ndarray or scipy.sparse, shape (m, n), optional
    row_lower, row_upper : ndarray, shape (m,), optional
    lower, upper : ndarray, shape (n,), optional

    Raises
    ------
    BadData
        For shapes that do not fit, NaN, and limits that cross.
    """

    def __init__(
        self,
        P: Any,
        q: Floats,
        A: Any = None,
        row_lower: Floats | None = None,
        row_upper: Floats | None = None,
        lower: Floats | None = None,
        upper: Floats | None = None,
    ) -> None:
        n = np.size(q)
        self.P, self.q, self.A = P, q, np.zeros((0, n)) if A is None else A
        m = self.A.shape[0]
        self.row_lower: Floats = np.full(m, -np.inf) if row_lower is None else row_lower
        self.row_upper: Floats = np.full(m, np.inf) if row_upper is None else row_upper
        self.lower: Floats = np.full(n, -np.inf) if lower is None else lower
        self.upper: Floats = np.full(n, np.inf) if upper is None else upper
        self._check(FIELDS)

    def with_changes(self, changes: Mapping[str, Any]) -> QP:
        """Return the program with some of its arrays replaced; only those are looked at again."""
        for name in changes:
            if name not in FIELDS:
                raise BadData(f"a quadratic program has no {name!r}: it has {', '.join(FIELDS)}")
        made = copy(self)
        vars(made).update(changes)  # plain: this runs in control loops
        made._check(tuple(changes))
        return made

    def _check(self, names: Collection[str]) -> None:
        m, n = self.A.shape[0], np.size(self.q)
        shapes = {"P": (n, n), "A": (m, n), "row_lower": (m,), "row_upper": (m,)}
        values = vars(self)
        for name in names:
            value: Any = values[name]
            stored = not isinstance(value, np.ndarray) and sparse.issparse(value)
            if not stored:
                value = values[name] = np.asarray(value, dtype=float)
            if value.shape != shapes.get(name, (n,)):
                raise BadData(f"{name} has shape {value.shape}; it must be {shapes.get(name, (n,))}")
            numbers = value.data if stored else value
            # the fastest way to ask; a product would be BLAS's, whose threads then spin beside the solver
            if numbers.size and isnan(numbers.min()):
                raise BadData(f"{name} holds NaN: fill or drop the missing numbers first")
        for low, high in (("row_lower", "row_upper"), ("lower", "upper")):
            if low in names or high in names:
                crossed = values[low] > values[high]
                if crossed.any():
                    raise BadData(f"{low} is above {high} at {int(np.argmax(crossed))}")

    @property
    def n(self) -> int:
        """The number of variables."""
        return int(self.q.size)

    @property
    def m(self) -> int:
        """The number of rows."""
        return int(self.A.shape[0])


@dataclass(frozen=True)
class Residuals:
    """How far a point and its multipliers are from optimal, from the raw data; 0 everywhere is optimal.

    Attributes
    ----------
    primal : float
        The largest amount by which a row or bound is missed.
    dual : float
        The largest entry of Px + q - A'y - z, multipliers of an infinite side taken as zero.
    gap : float
        Objective minus the dual objective, in size: for a feasible pair the sum of all complementarity products.
    primal_relative, dual_relative, gap_relative : float
        The same over the largest term of the sum each comes from (of the gap: of the objective's size).
    """

    primal: float
    dual: float
    gap: float
    primal_relative: float
    dual_relative: float
    gap_relative: float

    def within(self, tolerance: float) -> bool:
        """Whether all three relative residuals are at most a tolerance; NaN never is."""
        return (
            self.primal_relative <= tolerance
            and self.dual_relative <= tolerance
            and self.gap_relative <= tolerance
        )


@dataclass(frozen=True, eq=False)
class DirectAnswer:
    """What a direct solver found.

    Attributes
    ----------
    status : str
        The solver's claim: ``"solved"``, ``"limit"`` (no answer to its own tolerance), ``"infeasible"`` or
        ``"unbounded"``. Look at `residuals` before believing it.
    x, y, z : ndarray
        The last iterate: point, multipliers of rows, multipliers of bounds.
    iterations : int
    qp : QP
        What was solved.
    message : str
        The solver's own word for its status.
    """

    status: str
    x: Floats
    y: Floats
    z: Floats
    iterations: int
    qp: QP
    message: str = ""

    @cached_property
    def residuals(self) -> Residuals:
        """How far from optimal the iterate is, computed from the data when asked for."""
        return residuals(self.qp, self.x, self.y, self.z)


def residuals(qp: QP, x: Floats, y: Floats, z: Floats) -> Residuals:
    """Measure a point and its multipliers against the data of a program.

    Parameters
    ----------
    qp : QP
    x : ndarray, shape (n,)
    y : ndarray, shape (m,)
    z : ndarray, shape (n,)

    Returns
    -------
    Residuals
    """
    Px, Ax = qp.P @ x, qp.A @ x
    missed_rows, least_rows, y = _side(Ax, y, qp.row_lower, qp.row_upper)
    missed_box, least_box, z = _side(x, z, qp.lower, qp.upper)
    Ay = qp.A.T @ y
    dual = _size(Px + qp.q - Ay - z)
    curved, linear = float(x @ Px), float(qp.q @ x)
    gap = abs(curved + linear - least_rows - least_box)
    primal = max(missed_rows, missed_box)
    return Residuals(
        primal,
        dual,
        gap,
        primal / max(_size(Ax), _size(x), 1e-12),
        dual / max(_size(Px), _size(qp.q), _size(Ay), _size(z), 1e-12),
        gap / max(abs(0.5 * curved + linear), 1e-12),
    )


def _side(body: Floats, multiplier: Floats, low: Any, high: Any) -> tuple[float, float, Floats]:
    """Return the worst violation, the least of multipliers times the interval, and the multipliers, admissible."""
    if not body.size:
        return 0.0, 0.0, multiplier
    missed = float(max(np.max(low - body), np.max(body - high), 0.0))
    limit = np.where(multiplier > 0.0, low, high)
    admissible = np.where(np.isfinite(limit), multiplier, 0.0)
    least = float(admissible @ np.where(np.isfinite(limit), limit, 0.0))
    return missed, least, admissible


def _size(values: Floats) -> float:
    return float(np.abs(values).max()) if values.size else 0.0
