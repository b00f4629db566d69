r"""Upper bounds of a quadratic function over the rows of a model that speak of its variables alone.

For :math:`f(w) = w'Dw + g'w + h`, D of any sign, over :math:`\ell \le w \le u` and rows :math:`Aw \le b`:

- *vertices*: over the box and one row :math:`1'w = \beta`, every face holds a direction
  :math:`e_i - e_j`; when f is convex along all of them, :math:`D_{ii} + D_{jj} \ge 2 D_{ij}`, its maximum is
  at a vertex (without that row: along :math:`e_i`, :math:`D_{ii} \ge 0`). Few vertices are enumerated.
- *McCormick* (1976): with :math:`Y_{ij} = w_i w_j` f is linear; the products of bounds
  :math:`(w_i - \ell_i)(u_j - w_j) \ge 0`, ... and of equalities :math:`(a'w - b) w_j = 0` are linear in
  (w, Y), and the linear program's multipliers prove its bound in exact arithmetic.
- *global*: SCIP's dual bound, integers and all, inflated by 1e-6 and not certified.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import ProofolioError
from proofolio.formulations.costs import quadratic_range
from proofolio.program.builder import Builder
from proofolio.program.expression import Rows, apply_matrix, concatenate
from proofolio.program.program import Program
from proofolio.program.quadratic import Form
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import Settings
from proofolio.verification.audit.relaxation import Answer, Relaxation
from proofolio.verification.exact.lp_bounds import Certified, ExactRows, Question, as_decimal, outward

__all__ = ["Curved", "curved"]


INFLATION = 1e-6  # of its size, on the solver's dual bound: a thousand times the tolerances it is asked with
DIGITS = 6  # of the variables of an exact point
ENUMERATED = 10  # assets up to which the vertices of a box with a budget are listed


@dataclass(frozen=True, eq=False)
class Curved:
    """A quadratic function w'Dw + g'w + h of some columns, and the rows that hold nothing but those.

    Attributes
    ----------
    columns, g, lower, upper, integer : ndarray, shape (n,)
    D : ndarray, shape (n, n)
    A, low, high : the rows
    """

    columns: Integers
    D: Floats
    g: Floats
    h: float
    lower: Floats
    upper: Floats
    integer: Mask
    A: sparse.csr_array
    low: Floats
    high: Floats

    @property
    def key(self) -> tuple[bytes, ...]:
        """What the bounds depend on: questions that differ in names alone have the same key."""
        parts = (self.D, self.g, np.array(self.h), self.lower, self.upper, self.integer, self.low, self.high)
        return tuple(part.tobytes() for part in (*parts, self.A.toarray()))

    @property
    def budget(self) -> float | None:
        """The sum of the variables, where a row fixes it."""
        plain = self.A.toarray()
        found = np.flatnonzero((self.low == self.high) & np.all(plain == 1.0, axis=1))
        return float(self.high[found[0]]) if found.size else None

    def interval(self) -> float:
        """Bound f by intervals, and by the budget where there is one."""
        args = self.D, self.g, np.array(self.h), self.lower, self.upper
        return float(quadratic_range(*args, self.budget)[1])

    def tops(self, seconds: float = 0.0) -> dict[str, float]:
        """Return the upper bound of f by each tier, each at most the one before; "mip" when given seconds."""
        found = {"interval": self.interval()}
        sharp = [found["interval"], *([v] if (v := self.vertices()) is not None else [])]
        if self.proof is not None:
            sharp.append(outward(self.proof[0].bound + as_decimal(self.h), 1))
        found["lp"] = min(sharp)
        if seconds > 0:
            found["mip"] = min(found["lp"], self.globally(seconds)[0])
        return found

    def value(self, w: list[Fraction]) -> Fraction:
        """Evaluate f at an exact point."""
        n, total = len(w), as_decimal(self.h)
        total += sum((as_decimal(float(v)) * x for v, x in zip(self.g, w, strict=True) if v), Fraction(0))
        for i in range(n):
            for j in range(n):
                if self.D[i, j] and w[i] and w[j]:
                    total += as_decimal(float(self.D[i, j])) * w[i] * w[j]
        return total

    def exact(self, x: Floats) -> list[Fraction] | None:
        """Return a point of short decimals near x that satisfies box and rows exactly; None without one."""
        least = [as_decimal(float(v)) for v in self.lower]
        most = [as_decimal(float(v)) for v in self.upper]
        w = [
            min(max(Fraction(round(float(v), DIGITS)).limit_denominator(10**DIGITS), a), b)
            for v, a, b in zip(x, least, most, strict=True)
        ]
        if self.integer.any():
            w = [Fraction(round(v)) if whole else v for v, whole in zip(w, self.integer, strict=True)]
        if self.budget is not None:
            rest = as_decimal(self.budget) - sum(w, Fraction(0))
            for i in np.argsort(
                -np.abs(np.asarray(x))
            ).tolist():  # what rounding left goes where there is room
                if not self.integer[i]:
                    moved = min(max(w[i] + rest, least[i]), most[i])
                    rest, w[i] = rest - (moved - w[i]), moved
        rows = [[as_decimal(float(a)) for a in row] for row in self.A.toarray()]
        body = [sum((a * x for a, x in zip(row, w, strict=True)), Fraction(0)) for row in rows]
        sides = zip(self.low.tolist(), body, self.high.tolist(), strict=True)
        fits = all(
            (low == -np.inf or as_decimal(low) <= v) and (high == np.inf or v <= as_decimal(high))
            for low, v, high in sides
        )
        return w if fits else None

    # ---------------------------------------------------------------- vertices
    def vertices(self) -> float | None:
        """Bound f by its values at all vertices of box and budget; None when the maximum may be elsewhere."""
        n, budget = self.g.size, self.budget
        if n > ENUMERATED:
            return None
        D = [[as_decimal(float(v)) for v in row] for row in self.D]
        for i in range(n):
            along = [D[i][i]] if budget is None else [D[i][i] + D[j][j] - 2 * D[i][j] for j in range(i)]
            if any(v < 0 for v in along):
                return None
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        w = np.where(bits == 1, self.upper, self.lower)
        reach = float(np.maximum(np.abs(self.lower), np.abs(self.upper)).sum()) + abs(budget or 0.0) + 1.0
        if budget is not None:
            room = 1e-12 * reach
            found = []
            for i in range(n):
                v = w[bits[:, i] == 0]
                v[:, i] = budget - (v.sum(axis=1) - v[:, i])
                found.append(v[(v[:, i] >= self.lower[i] - room) & (v[:, i] <= self.upper[i] + room)])
            w = np.concatenate(found)
        if not len(w):
            return None
        values = np.einsum("ki,ij,kj->k", w, self.D, w) + w @ self.g + self.h
        size = reach**2 * float(np.abs(self.D).max()) + reach * float(np.abs(self.g).max()) + abs(self.h)
        return float(values.max()) + float(np.finfo(float).eps) * (4.0 * n * n + 16.0) * size

    # --------------------------------------------------------------- McCormick
    def lifted(self) -> tuple[Program, dict[int, Fraction]]:
        """Return the McCormick relaxation in (w, Y) and f without its constant, linear there."""
        n = self.g.size
        i, j = np.triu_indices(n)
        pair = np.zeros((n, n), dtype=np.intp)
        pair[i, j] = pair[j, i] = n + np.arange(i.size)
        model = Builder("mccormick")
        w = model.variable("w", n, self.lower, self.upper)
        ends = _products(self.lower, self.upper, i, j)
        Y = model.variable("Y", i.size, ends[0], ends[1])
        x, reach = concatenate([w, Y]), np.maximum(np.abs(self.lower), np.abs(self.upper))
        if self.A.shape[0]:
            model.add("rows", Rows(apply_matrix(self.A, w), self.low, self.high))
        for name, a, b, sign in (
            ("low_low", self.lower, self.lower, 1), ("up_up", self.upper, self.upper, 1),
            ("low_up", self.lower, self.upper, -1), ("up_low", self.upper, self.lower, -1),
        ):  # fmt: skip
            matrix = _table(
                np.repeat(np.arange(i.size), 3),
                np.stack([pair[i, j], j, i], axis=1).ravel(),
                np.stack([np.ones(i.size), -a[i], -b[j]], axis=1).ravel(),
                (i.size, n + i.size),
            )
            limit = np.array(
                [
                    _limit(float(a[p]), float(b[q]), float(reach[p]) if p == q else 0.0, sign)
                    for p, q in zip(i, j, strict=True)
                ]
            )
            none = np.full(i.size, np.inf)
            body = apply_matrix(matrix, x)
            model.add(name, Rows(body, limit, none) if sign > 0 else Rows(body, -none, limit))
        for r in np.flatnonzero(self.low == self.high):
            inside = slice(self.A.indptr[r], self.A.indptr[r + 1])
            a, at = self.A.data[inside], self.A.indices[inside]
            rows = np.repeat(np.arange(n), at.size + 1)
            columns = np.array([[*pair[at, k], k] for k in range(n)]).ravel()
            values = np.tile([*a, -self.high[r]], n)
            matrix = _table(rows, columns, values, (n, n + i.size))
            model.add(f"times_{r}", apply_matrix(matrix, x) == 0)
        terms = {k: as_decimal(float(v)) for k, v in enumerate(self.g) if v}
        for p, q in zip(i.tolist(), j.tolist(), strict=True):
            if self.D[p, q]:
                terms[int(pair[p, q])] = as_decimal(float(self.D[p, q])) * (1 if p == q else 2)
        return model.freeze(), terms

    @cached_property
    def _asked(self) -> tuple[Answer, Program, dict[int, Fraction]]:
        program, body = self.lifted()
        columns = np.array(list(body), dtype=np.int32)
        values = np.array([float(v) for v in body.values()])
        return Relaxation(program).maximise(columns, values), program, body

    @property
    def relaxed(self) -> Floats | None:
        """The variables at the optimum of the relaxation."""
        x = self._asked[0].x
        return None if x is None else x[: self.g.size]

    @cached_property
    def proof(self) -> tuple[Certified, Program, dict[int, Fraction]] | None:
        """The exact bound of the relaxation (without h), its program and body; None without one."""
        answer, program, body = self._asked
        if answer.status != "optimal" or answer.duals is None:
            return None
        proof = ExactRows(program).certify(body, answer.duals, Question(), answer.value)
        return None if proof is None else (proof, program, body)

    # ------------------------------------------------------------------ global
    def globally(self, seconds: float) -> tuple[float, Floats | None]:
        """Return SCIP's bound of f, inflated (infinite without one), and the best point it found."""
        model = Builder("curved")
        parts = [
            model.variable(
                f"w_{k}", lower=self.lower[k], upper=self.upper[k], integer=bool(self.integer[k])
            ).reshape((1,))
            for k in range(self.g.size)
        ]
        w = concatenate(parts)
        if self.A.shape[0]:
            model.add("rows", Rows(apply_matrix(self.A, w), self.low, self.high))
        model.maximise(model.quadratic(self.D, w) + (w * self.g).sum() + self.h)
        try:
            answer = SOLVERS["scip"].solve(model.freeze(), Settings(time_limit=seconds, gap=1e-5))
        except ProofolioError:
            return np.inf, None
        if answer.bound is None or not np.isfinite(answer.bound):
            return np.inf, answer.x
        return answer.bound + INFLATION * max(1.0, abs(answer.bound)), answer.x


def curved(
    program: Program, forms: tuple[Form, ...], columns: NDArray[Any], values: Floats, h: float
) -> Curved | None:
    """Gather one entry of a quadratic expression; None when a variable of it lacks a bound."""
    at = np.unique(np.concatenate([columns.astype(np.intp), *(f.columns for f in forms)]))
    if not (np.all(np.isfinite(program.lower[at])) and np.all(np.isfinite(program.upper[at]))):
        return None
    D, g = np.zeros((at.size, at.size)), np.zeros(at.size)
    for form in forms:
        place = np.searchsorted(at, form.columns)
        D[np.ix_(place, place)] += form.matrix
    g[np.searchsorted(at, columns)] = values
    inside = np.zeros(program.n)
    inside[at] = 1.0
    A = sparse.csr_array(program.A)
    ones = sparse.csr_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape)
    count = np.diff(A.indptr)
    rows = np.flatnonzero((count > 0) & (np.asarray(ones @ inside) == count))
    return Curved(
        at, D, g, h, program.lower[at], program.upper[at], program.integer[at],
        sparse.csr_array(A[rows][:, at]), program.row_lower[rows], program.row_upper[rows],
    )  # fmt: skip


def _table(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=shape))


def _products(lower: Floats, upper: Floats, i: Integers, j: Integers) -> tuple[Floats, Floats]:
    """Bound w_i w_j over the box, rounded outward."""
    corners = np.stack([a[i] * b[j] for a in (lower, upper) for b in (lower, upper)])
    least, most = corners.min(axis=0), corners.max(axis=0)
    least = np.where(i == j, np.where((lower[i] <= 0) & (upper[i] >= 0), 0.0, least), least)
    return np.where(least == 0, 0.0, np.nextafter(least, -np.inf)), np.nextafter(most, np.inf)


def _limit(a: float, b: float, reach: float, sign: int) -> float:
    """Return -a b rounded to the side that keeps (w_i - a)(w_j - b) true, coefficients read as decimals."""
    exact = -as_decimal(a) * as_decimal(b)
    if reach:  # of a square, whose two coefficients have been added up in floating point
        exact -= sign * abs(as_decimal(a + b) - as_decimal(a) - as_decimal(b)) * as_decimal(reach)
    return outward(exact, -sign)
