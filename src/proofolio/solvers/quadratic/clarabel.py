r"""Clarabel: continuous convex programs with quadratic objectives, quadratic rows and rotated cones.

`Clarabel` is set up, updated and solved like the other solvers of quadratic programs; `solve` is for a program, which
is given in natural units, because Clarabel's tolerances are absolute where the objective is small.

Both are written as :math:`Ax + s = b` with s in a product of cones. A rotated cone :math:`\|Y\|^2 \le t z` is the
second-order cone :math:`\|(t - z, 2Y)\| \le t + z`, and a convex quadratic row :math:`x'G'Gx + a'x \le u` is the
rotated cone of :math:`Y = Gx,\ t = u - a'x,\ z = 1`.

Source: Goulart, Chen, "Clarabel: An interior-point solver for conic programs with quadratic objectives",
2024.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import clarabel
import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.program.program import Program
from proofolio.solvers.answers import answer, apply_options, empty, seconds_left
from proofolio.solvers.natural_units import natural_units, power_of_two
from proofolio.solvers.quadratic.problem import QP, DirectAnswer
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "VERSION", "Clarabel", "Sides", "configured", "solve"]


VERSION: str = clarabel.__version__
CAN = frozenset({"quadratic-objective", "quadratic-rows", "cones"})
WHO = ("clarabel", VERSION, "interior point")
# What is asked for first; ten and a hundred times as much where the last digits cannot be had.
TOLERANCE, STEPS = 1e-9, (1.0, 10.0, 100.0)
# An answer that good counts as solved where Clarabel could not go on.
REDUCED = 1e-7
# Units this many times too small or too large are measured again; a size below NOTHING is noise.
FAR, NOTHING = 64.0, 1e-8
# Eigenvalues below this part of the largest are rounding.
RANK = 1e-14
STATUS = {
    "Solved": "solved",
    "AlmostSolved": "solved",
    "PrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
}


class Clarabel:
    """Clarabel on a quadratic program: the accurate reference. Nothing is kept between solves.

    Parameters
    ----------
    qp : QP
    tolerance : float
        Absolute and relative; ten and a hundred times as much where the last digits cannot be had.
    **options
        Clarabel's own settings.
    """

    def __init__(self, qp: QP, *, tolerance: float = 0.1 * TOLERANCE, **options: Any) -> None:
        self._qp, self._tolerance, self._options = qp, tolerance, options
        configured(tolerance, options, 1, math.inf)  # wrong options are refused here

    @property
    def qp(self) -> QP:
        """The program as it stands."""
        return self._qp

    def update(self, **changes: Any) -> None:
        """Replace some of P, q, A, row_lower, row_upper, lower, upper."""
        self._qp = self._qp.with_changes(changes)

    def solve(self) -> DirectAnswer:
        """Solve the program as it stands."""
        qp = self._qp
        linear = Sides(qp.A, (qp.row_lower, qp.row_upper), (qp.lower, qp.upper))
        P = sparse.csc_matrix(sparse.triu(sparse.csc_matrix(qp.P)))
        A, none = sparse.csc_matrix(linear.matrix), np.empty(0, dtype=np.intp)
        form = ConicForm(P, qp.q, A, linear.side, linear, none, np.ones(linear.side.size), 1.0)
        found = form.solve(self._tolerance, self._options, 1, math.inf)
        y, z = form.multipliers(np.array(found.z))
        status = STATUS.get(str(found.status), "limit")
        return DirectAnswer(status, np.array(found.x), y, z, int(found.iterations), qp, str(found.status))


def solve(program: Program, settings: Settings) -> Solution:
    """Solve a continuous convex program with Clarabel.

    Parameters
    ----------
    program : Program
        Convex, without integers (`require` has the table to ask first).
    settings : Settings
        `options` are the names of Clarabel's own settings. It cannot use a start.

    Returns
    -------
    Solution
        With linear rows alone, ``duals["rows"]``, ``["lower"]`` and ``["upper"]`` satisfy
        ``Px + q = A'rows + lower - upper`` for the minimised objective, and the bound is what they prove;
        otherwise the bound is Clarabel's dual objective and only ``rows`` are given.

    Raises
    ------
    BadData
        For an option Clarabel does not have or does not take.
    """
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    unit = natural_units(program)
    form = conic_form(program, unit)
    found = form.solve(TOLERANCE, settings.options, settings.threads, seconds_left(settings, started))
    if STATUS.get(str(found.status)) == "solved":
        measured = _measured(program, unit, unit * np.array(found.x))
        if measured is not None:
            better = conic_form(program, measured)
            left = seconds_left(settings, started)
            again = better.solve(TOLERANCE, settings.options, settings.threads, left)
            if STATUS.get(str(again.status)) == "solved":
                unit, form, found = measured, better, again
    said, iterations = str(found.status), int(found.iterations)
    status = STATUS.get(said, "limit")
    if status == "unbounded" and not _feasible(program, settings, started):
        status = "infeasible"
    if status != "solved":
        return answer(program, settings, started, WHO, said, status, iterations=iterations)
    x = unit * np.array(found.x)
    rows, _ = form.multipliers(np.array(found.z))
    if not form.orders.size:
        return answer(program, settings, started, WHO, said, status, x, None, rows, iterations)
    bound = form.worth * float(found.obj_val_dual) + program.c
    claim = answer(program, settings, started, WHO, said, status, x, bound, None, iterations)
    return replace(claim, duals={"rows": rows})


def _measured(program: Program, unit: Floats, x: Floats) -> Floats | None:
    """Return better units once a solution is known; None when the units were about right.

    They were not when a column without two bounds turned out far larger than its unit, or the objective far
    smaller than its own: both cost digits.
    """
    size = np.abs(x) / unit
    guessed = ~(np.isfinite(program.lower) & np.isfinite(program.upper))
    terms = np.abs(program.q * x)
    worth = np.max(np.abs(program.q) * unit, initial=0.0)
    too_large = bool(np.any(size[guessed] > FAR))
    too_small = not program.P.nnz and 0.0 < float(terms.sum()) < worth / FAR**2
    if not (too_large or too_small):
        return None
    seen = guessed & (size > NOTHING)
    measured = unit.copy()
    measured[seen] = power_of_two(np.abs(x[seen]))
    return measured


def _feasible(program: Program, settings: Settings, started: float) -> bool:
    """Whether a program with a ray that improves for ever has a point: solved with a zero objective."""
    still = replace(program, P=sparse.csc_array((program.n, program.n)), q=np.zeros(program.n), c=0.0)
    left = replace(settings, time_limit=max(seconds_left(settings, started), 1e-3))
    return solve(still, left).status != "infeasible"


class Sides:
    """The sides of rows and bounds as rows of their own: equalities, then upper sides, then lower ones negated."""

    def __init__(self, A: Any, rows: tuple[Floats, Floats], box: tuple[Floats, Floats]) -> None:
        self.m, self.n = A.shape
        lower, upper = np.concatenate([rows[0], box[0]]), np.concatenate([rows[1], box[1]])
        equal = (lower == upper) & np.isfinite(lower)
        self.equal = np.flatnonzero(equal)
        self.above = np.flatnonzero(np.isfinite(upper) & ~equal)
        self.below = np.flatnonzero(np.isfinite(lower) & ~equal)
        body = sparse.vstack([sparse.csr_array(A), sparse.eye_array(self.n)], format="csr")
        self.matrix = sparse.vstack([body[self.equal], body[self.above], -body[self.below]], format="csr")
        self.side = np.concatenate([upper[self.equal], upper[self.above], -lower[self.below]])

    def multipliers(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the multipliers of rows and bounds, positive at a lower side."""
        y = np.zeros(self.m + self.n)
        upto = self.equal.size + self.above.size
        y[self.equal] = -z[: self.equal.size]
        y[self.above] -= z[self.equal.size : upto]
        y[self.below] += z[upto : upto + self.below.size]
        return y[: self.m], y[self.m :]


class ConicForm(NamedTuple):
    """Rows in the order equalities, inequalities, second-order cones; `factor` scales each linear row."""

    P: Any
    q: Floats
    A: Any
    b: Floats
    linear: Sides
    orders: Integers
    factor: Floats
    worth: float

    def solve(self, tolerance: float, options: Mapping[str, Any], threads: int, seconds: float) -> Any:
        """Return Clarabel's answer; where the last digits cannot be had, to larger tolerances."""
        ends = time.perf_counter() + seconds
        equalities = self.linear.equal.size
        kinds = [(clarabel.ZeroConeT, equalities), (clarabel.NonnegativeConeT, self.factor.size - equalities)]
        kinds += [(clarabel.SecondOrderConeT, size) for size in self.orders.tolist()]
        cones = [kind(int(size)) for kind, size in kinds if size]
        for step in STEPS:
            left = max(ends - time.perf_counter(), 0.0)
            config = configured(step * tolerance, options, threads, left)
            found = clarabel.DefaultSolver(self.P, self.q, self.A, self.b, cones, config).solve()
            if str(found.status) not in ("InsufficientProgress", "NumericalError"):
                break
        return found

    def multipliers(self, z: Floats) -> tuple[Floats, Floats]:
        """Return y and r with Px + q = A'y + r in the program's own units."""
        return self.linear.multipliers(self.worth * self.factor * z[: self.factor.size])


def configured(tolerance: float, options: Mapping[str, Any], threads: int, seconds: float) -> Any:
    """Return Clarabel's settings with a tolerance, absolute and relative, and its own options."""
    config = clarabel.DefaultSettings()
    config.verbose = False
    config.max_threads = threads
    config.time_limit = seconds
    config.tol_gap_abs = config.tol_gap_rel = config.tol_feas = tolerance
    config.reduced_tol_gap_abs = config.reduced_tol_gap_rel = config.reduced_tol_feas = REDUCED
    if options:
        names = [
            name for name in dir(config) if not name.startswith("_") and not callable(getattr(config, name))
        ]
        apply_options("clarabel", options, names, partial(setattr, config))
    return config


def conic_form(program: Program, unit: Floats) -> ConicForm:
    """Write a convex program in units of its columns; `worth` is the unit of its objective."""
    scale: Any = sparse.diags_array(unit)
    P, q = sparse.csc_matrix(sparse.triu(scale @ program.P @ scale)), unit * program.q
    largest = max(np.max(np.abs(P.data), initial=0.0), np.max(np.abs(q), initial=0.0))
    worth = float(power_of_two(largest)) if largest > 0.0 else 1.0
    rows = Sides(program.A, (program.row_lower, program.row_upper), (program.lower, program.upper))
    linear = rows.matrix @ scale
    largest_entry = np.asarray(abs(linear).max(axis=1).todense()).ravel() if linear.shape[0] else np.ones(0)
    factor = 1.0 / power_of_two(np.where(largest_entry > 0.0, largest_entry, 1.0))
    balance: Any = sparse.diags_array(factor)
    inside, inside_side, orders = _second_order(program, scale)
    A = sparse.csc_matrix(sparse.vstack([balance @ linear, inside]))
    b = np.concatenate([factor * rows.side, inside_side])
    return ConicForm(P / worth, q / worth, A, b, rows, orders, factor, worth)


def _second_order(program: Program, scale: Any) -> tuple[Sparse, Floats, Integers]:
    """Return matrix and side of all cones as second-order cones, each member in its own size."""
    curved, curved_constant, sizes = _quadratic_cones(program)
    matrix = sparse.vstack([program.cones.matrix, curved], format="csr") @ scale
    constant = np.concatenate([program.cones.constant, curved_constant])
    orders = np.concatenate([np.diff(program.cones.pointer), sizes]).astype(np.intp)
    if not orders.size:
        return matrix, constant, orders
    t = np.concatenate([[0], np.cumsum(orders)[:-1]])
    z = t + 1
    entry = np.asarray(abs(matrix).max(axis=1).todense()).ravel()
    size = np.maximum(entry, np.abs(constant))
    size = power_of_two(np.where(size > 0.0, size, 1.0))
    inner = np.repeat(np.sqrt(size[t] * size[z]), orders)
    inner[t], inner[z] = size[t], size[z]
    turn = np.full(inner.size, 2.0)
    turn[t], turn[z] = 1.0, -1.0
    everything = np.arange(inner.size)
    rotate = sparse.csr_array(
        (
            np.concatenate([turn / inner, 1.0 / inner[z], 1.0 / inner[t]]),
            (np.concatenate([everything, t, z]), np.concatenate([everything, z, t])),
        ),
        shape=(inner.size, inner.size),
    )
    return -(rotate @ matrix), rotate @ constant, orders


def _quadratic_cones(program: Program) -> tuple[Sparse, Floats, list[int]]:
    """Return each side of the quadratic rows as a rotated cone: t = side - affine part, z = 1, Y = Gx."""
    rows = program.quadratic
    roots: dict[tuple[int, float], Floats] = {}
    blocks, constants, sizes = [], [], []
    for k, forms in enumerate(rows.forms):
        for sign, side in ((1.0, rows.upper[k]), (-1.0, -rows.lower[k])):
            if not np.isfinite(side):
                continue
            tall = [_root(f.matrix, sign, roots) for f in forms]
            data = np.concatenate([np.empty(0), *(g.ravel() for g in tall)])
            columns = [np.tile(f.columns, g.shape[0]) for f, g in zip(forms, tall, strict=True)]
            counts = np.concatenate([np.empty(0, int), *(np.full(*g.shape) for g in tall)]).astype(np.intp)
            ends = np.concatenate([[0], np.cumsum(counts)])
            inner = sparse.csr_array(
                (data, np.concatenate([np.empty(0, int), *columns]), ends),
                shape=(counts.size, program.n),
            )
            blocks += [-sign * rows.matrix[[k]], sparse.csr_array((1, program.n)), inner]
            constants += [np.array([side, 1.0]), np.zeros(counts.size)]
            sizes.append(2 + counts.size)
    if not blocks:
        return sparse.csr_array((0, program.n)), np.empty(0), sizes
    return sparse.vstack(blocks, format="csr"), np.concatenate(constants), sizes


def _root(matrix: Floats, sign: float, known: dict[tuple[int, float], Floats]) -> Floats:
    """Return G with G'G = sign * matrix, computed once for a matrix that many rows share."""
    key = (id(matrix), sign)
    if key not in known:
        values, vectors = np.linalg.eigh(sign * matrix)
        keep = values > RANK * max(values[-1], 0.0) if values.size else values > 0
        known[key] = (np.sqrt(values[keep])[:, None] * vectors[:, keep].T).copy()
    return known[key]
