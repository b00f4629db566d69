r"""Continuous convex programs: the fastest solver whose answer passes the optimality conditions.

Epigraphs are first taken back into the objective, so that a conic program becomes a quadratic one:

:math:`\min s + \dots` with :math:`\sum_k Y_k^2 \le z s` and z a positive number is
:math:`\min \sum_k Y_k^2 / z + \dots` when s stands nowhere else. With the regimes fixed the perspective form
of the regime-switching program is of this kind, and as a quadratic program it is solved many times faster.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import UnsupportedProgram
from proofolio.program.program import Cones, Program
from proofolio.program.structure import features
from proofolio.solvers.answers import seconds_left
from proofolio.solvers.highs.linear import solve_linear
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.quadratic import clarabel, piqp
from proofolio.solvers.solution import Settings, Solution

__all__ = ["Absorbed", "absorb_epigraphs", "kkt_residual", "solve_continuous"]


# How far from optimal PIQP's answer may be, relative to its own terms (see `kkt_residual`).
RESIDUAL = 1e-7


def solve_continuous(program: Program, settings: Settings) -> Solution:
    """Solve a continuous convex program with the solver that suits its class.

    Linear programs go to HiGHS, quadratic objectives over linear rows to PIQP, quadratic rows and cones to
    Clarabel, after cones that are mere epigraphs were taken into the objective. PIQP's answer is checked against
    the optimality conditions; when they fail by more than 1e-7, or it claims anything but a solution,
    Clarabel is asked instead.

    Parameters
    ----------
    program : Program
        Without integers, indicators or special ordered sets, and convex.
    settings : Settings
        Options are for particular solvers and are not passed on.

    Raises
    ------
    UnsupportedProgram
        For a program that is not continuous and convex.
    """
    started = time.perf_counter()
    used = features(program)
    beyond = used - clarabel.CAN
    if beyond:
        has = ", ".join(sorted(beyond))
        raise UnsupportedProgram(f"a continuous convex program was needed, and this has {has}: try scip")
    plain = replace(settings, options={})
    absorbed = absorb_epigraphs(program) if "cones" in used else None
    if absorbed is not None:
        return _lifted(absorbed, program, plain, started)
    if not used:
        return solve_linear(program, plain)
    if used == {"quadratic-objective"}:
        first = piqp.solve(program, plain)
        if first.x is not None and kkt_residual(program, first) <= RESIDUAL:
            return first
    left = replace(plain, time_limit=max(seconds_left(settings, started), 1e-3))
    second = clarabel.solve(program, left)
    return replace(second, seconds=time.perf_counter() - started)


def _lifted(absorbed: Absorbed, program: Program, settings: Settings, started: float) -> Solution:
    """Solve the program without its epigraphs and speak of the original."""
    found = solve_continuous(absorbed.program, settings)
    seconds = time.perf_counter() - started
    if found.x is None:
        return replace(found, program=program, seconds=seconds)
    x = np.clip(absorbed.point(found.x), program.lower, program.upper)
    duals = None if found.duals is None else {"rows": absorbed.multipliers(found.duals["rows"])}
    value = program.objective(x)
    return replace(found, program=program, x=x, objective=value, seconds=seconds, duals=duals)


def kkt_residual(program: Program, solution: Solution) -> float:
    r"""Return how far a solution of a program with linear rows is from optimal, relative to its own terms.

    The largest of: the violation of each row, over the size of its terms in natural units; and the gap
    between the objective and the bound its multipliers prove, over the sum of the objective's terms.
    """
    if solution.objective is None or solution.bound is None:
        return float("inf")
    x = solution.point
    body = program.A @ x
    over = np.maximum(np.maximum(program.row_lower - body, body - program.row_upper), 0.0)
    size = np.maximum(np.abs(x), natural_units(program))
    rows = float(np.max(over / np.maximum(abs(program.A) @ size, 1e-300), initial=0.0))
    terms = np.abs(program.q) @ np.abs(x) + 0.5 * np.abs(x) @ np.abs(program.P @ x) + abs(program.c)
    gap = abs(solution.objective - solution.bound)
    return max(rows, gap / max(float(terms), 1e-300)) if gap else rows


@dataclass(frozen=True, eq=False)
class _Slacks:
    """Free columns that stand in one row and the objective: each is what the side of its row makes it."""

    columns: Integers
    rows: Integers
    coefficients: Floats
    sides: Floats


@dataclass(frozen=True, eq=False)
class _Tops:
    """Columns s with ``slope s + shift >= sum Y^2 / weight``, Y the members of a cone; sums by cone."""

    columns: Integers
    cones: Integers
    slope: Floats
    shift: Floats
    weight: Floats
    members: Sparse
    constant: Floats
    of: Integers


@dataclass(frozen=True, eq=False)
class Absorbed:
    """A program, without names, in the columns that are left; and the way back.

    Attributes
    ----------
    program : Program
    columns, rows : ndarray of int
        The columns and linear rows of the original that are left.
    resting : ndarray
        The original's columns that stand nowhere but in the objective, at their best bound; zero elsewhere.
    """

    program: Program
    columns: Integers
    rows: Integers
    resting: Floats
    _original: Program
    _slacks: _Slacks
    _tops: _Tops

    def point(self, x_small: Floats) -> Floats:
        """Return the point of the original: each epigraph column at its lowest, each slack from its row."""
        p, tops, slacks = self._original, self._tops, self._slacks
        x = self.resting.copy()
        x[self.columns] = x_small
        Y = tops.members @ x + tops.constant
        squares = np.bincount(tops.of, Y**2, minlength=tops.columns.size)
        x[tops.columns] = (squares / tops.weight - tops.shift) / tops.slope
        x[slacks.columns] = (slacks.sides - p.A[slacks.rows] @ x) / slacks.coefficients
        return x

    def multipliers(self, rows_small: Floats) -> Floats:
        """Return the multipliers of the original's linear rows."""
        y = np.zeros(self._original.m)
        y[self.rows] = rows_small
        y[self._slacks.rows] = self._original.q[self._slacks.columns] / self._slacks.coefficients
        return y


def absorb_epigraphs(program: Program) -> Absorbed | None:
    """Take epigraph columns of cones into the objective; None when there is nothing to take.

    The program is continuous and has no quadratic rows. Free columns that stand in one row and nowhere else are
    substituted first, so that the costs of periods do not hide the epigraphs in them: the row is an equality, or
    the objective presses the column against one of its sides.
    """
    if not len(program.cones) or len(program.quadratic):
        return None
    slacks = _find_slacks(program)
    q, c = _without_slacks(program, slacks)
    rows = np.setdiff1d(np.arange(program.m), slacks.rows)
    tops = _find_tops(program, q, program.A[rows])
    if not tops.columns.size:
        return None
    # sum_k Y_k^2 / weight replaces slope s + shift, each worth q_s / slope in the objective.
    price = q[tops.columns] / tops.slope
    worth: Any = sparse.diags_array((price / tops.weight)[tops.of])
    P = program.P + 2.0 * (tops.members.T @ (worth @ tops.members))
    q = q + 2.0 * (tops.members.T @ (worth @ tops.constant))
    c += float(tops.constant @ (worth @ tops.constant) - price @ tops.shift)
    resting = np.zeros(program.n)
    gone = np.concatenate([slacks.columns, tops.columns, _rest(program, rows, P, q, resting)])
    columns = np.setdiff1d(np.arange(program.n), gone)
    c += float(q @ resting)
    small = replace(
        program,
        P=sparse.csc_array(P)[:, columns][columns],
        q=q[columns],
        c=c,
        A=program.A[rows][:, columns],
        row_lower=program.row_lower[rows],
        row_upper=program.row_upper[rows],
        lower=program.lower[columns],
        upper=program.upper[columns],
        integer=program.integer[columns],
        variables=(),
        rows=(),
        cones=_without_cones(program.cones, tops.cones, columns),
        quadratic=replace(program.quadratic, matrix=sparse.csr_array((0, columns.size))),
        indicators=replace(program.indicators, matrix=sparse.csr_array((0, columns.size))),
    )
    return Absorbed(small, columns, rows, resting, program, slacks, tops)


def _uses(matrix: Sparse) -> Integers:
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def _find_slacks(program: Program) -> _Slacks:
    A = sparse.csr_array(program.A)
    lonely = (_uses(A) == 1) & (_uses(program.cones.matrix) == 0) & (np.diff(program.P.indptr) == 0)
    lonely &= np.isinf(program.lower) & np.isinf(program.upper)
    row = np.repeat(np.arange(program.m), np.diff(A.indptr))
    low, high = program.row_lower[row], program.row_upper[row]
    pressed = program.q[A.indices] * np.sign(A.data)
    side = np.where((low == high) | (pressed > 0.0), low, np.where(pressed < 0.0, high, np.nan))
    fits = lonely[A.indices] & np.isfinite(side) & (A.data != 0.0)
    rows, first = np.unique(row[fits], return_index=True)
    return _Slacks(A.indices[fits][first].astype(np.intp), rows, A.data[fits][first], side[fits][first])


def _without_slacks(program: Program, slacks: _Slacks) -> tuple[Floats, float]:
    """Return the linear objective once the slacks are substituted from their rows."""
    price = program.q[slacks.columns] / slacks.coefficients
    q = program.q - program.A[slacks.rows].T @ price
    q[slacks.columns] = 0.0
    return q, float(program.c + price @ slacks.sides)


def _find_tops(program: Program, q: Floats, A: Sparse) -> _Tops:
    cones = program.cones
    matrix = sparse.csr_array(cones.matrix)
    count = np.diff(matrix.indptr)
    alone = (_uses(matrix) == 1) & (_uses(sparse.csr_array(A)) == 0) & (np.diff(program.P.indptr) == 0)
    alone &= np.isinf(program.upper) & (q > 0.0)
    t, z = cones.pointer[:-1], cones.pointer[:-1] + 1
    top = np.where(count[t] == 1, t, z)
    other = t + z - top
    first = np.minimum(matrix.indptr[top], matrix.nnz - 1)
    single = count[top] == 1
    column = np.where(single, matrix.indices[first], 0)
    slope = np.where(single, matrix.data[first], 0.0)
    fits = single & (count[other] == 0) & (cones.constant[other] > 0.0) & (slope > 0.0) & alone[column]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A lower bound above the cone's own would still say something.
        fits &= program.lower[column] <= -cones.constant[top] / slope
    chosen = np.flatnonzero(fits)
    position = np.full(len(cones), -1)
    position[chosen] = np.arange(chosen.size)
    of = np.repeat(position, np.diff(cones.pointer))
    inside = of >= 0
    inside[t] = inside[z] = False
    return _Tops(
        column[chosen].astype(np.intp),
        chosen,
        slope[chosen],
        cones.constant[top[chosen]],
        cones.constant[other[chosen]],
        matrix[np.flatnonzero(inside)],
        cones.constant[inside],
        of[inside],
    )


def _rest(program: Program, rows: Integers, P: Any, q: Floats, resting: Floats) -> Integers:
    """Put columns that stand nowhere but in the objective at their best bound, and return them."""
    idle = (_uses(program.A[rows]) == 0) & (_uses(program.cones.matrix) == 0)
    idle &= np.diff(sparse.csc_array(P).indptr) == 0
    nearest = np.clip(0.0, program.lower, program.upper)
    best = np.where(q > 0.0, program.lower, np.where(q < 0.0, program.upper, nearest))
    idle &= np.isfinite(best)
    resting[idle] = best[idle]
    return np.flatnonzero(idle)


def _without_cones(cones: Cones, gone: Integers, columns: Integers) -> Cones:
    left = np.ones(len(cones), dtype=bool)
    left[gone] = False
    lengths = np.diff(cones.pointer)
    members = np.flatnonzero(np.repeat(left, lengths))
    pointer = np.concatenate([[0], np.cumsum(lengths[left])]).astype(np.intp)
    return Cones(cones.matrix[members][:, columns], cones.constant[members], pointer)
