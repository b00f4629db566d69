r"""A convex program as :math:`Ax + s = b` with s in a product of cones, in natural units.

A rotated cone :math:`\|Y\|^2 \le t z` is the second-order cone :math:`\|(t - z, 2Y)\| \le t + z`, and a
convex quadratic row :math:`x'G'Gx + a'x \le u` is the rotated cone of :math:`Y = Gx,\ t = u - a'x,\ z = 1`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.program.program import Program
from proofolio.solvers.natural_units import power_of_two

__all__ = ["ConicForm", "conic_form", "row_multipliers"]


class ConicForm(NamedTuple):
    """Rows in the order equalities, inequalities, second-order cones; `factor` scales each linear row."""

    P: Any
    q: Floats
    A: Any
    b: Floats
    equalities: int
    inequalities: int
    orders: Integers
    factor: Floats
    worth: float


def conic_form(program: Program, unit: Floats) -> ConicForm:
    """Write a convex program in units of its columns; `worth` is the unit of its objective."""
    scale: Any = sparse.diags_array(unit)
    P, q = sparse.csc_matrix(sparse.triu(scale @ program.P @ scale)), unit * program.q
    largest = max(np.max(np.abs(P.data), initial=0.0), np.max(np.abs(q), initial=0.0))
    worth = float(power_of_two(largest)) if largest > 0.0 else 1.0
    # Every linear restriction is a row: those of the program, then one for each column.
    rows = sparse.vstack([program.A, sparse.eye_array(program.n)], format="csr")
    lower = np.concatenate([program.row_lower, program.lower])
    upper = np.concatenate([program.row_upper, program.upper])
    equal, above, below = _sides(lower, upper)
    linear = sparse.vstack([rows[equal], rows[above], -rows[below]], format="csr") @ scale
    side = np.concatenate([upper[equal], upper[above], -lower[below]])
    largest_entry = np.asarray(abs(linear).max(axis=1).todense()).ravel() if linear.shape[0] else np.ones(0)
    factor = 1.0 / power_of_two(np.where(largest_entry > 0.0, largest_entry, 1.0))
    balance: Any = sparse.diags_array(factor)
    inside, inside_side, orders = _second_order(program, scale)
    A = sparse.csc_matrix(sparse.vstack([balance @ linear, inside]))
    b = np.concatenate([factor * side, inside_side])
    return ConicForm(P / worth, q / worth, A, b, equal.size, above.size + below.size, orders, factor, worth)


def _sides(lower: Floats, upper: Floats) -> tuple[Any, Any, Any]:
    """Return which rows are equalities, which have an upper and which a lower side."""
    equal = (lower == upper) & np.isfinite(lower)
    return (
        np.flatnonzero(equal),
        np.flatnonzero(np.isfinite(upper) & ~equal),
        np.flatnonzero(np.isfinite(lower) & ~equal),
    )


def row_multipliers(program: Program, form: ConicForm, z: Floats) -> Floats:
    """Return y with Px + q = A'y + multipliers of the bounds, in the program's own units."""
    equal, above, below = _sides(
        np.concatenate([program.row_lower, program.lower]), np.concatenate([program.row_upper, program.upper])
    )
    linear = form.worth * form.factor * z[: form.factor.size]
    y = np.zeros(program.m + program.n)
    y[equal] = -linear[: equal.size]
    y[above] -= linear[equal.size : equal.size + above.size]
    y[below] += linear[equal.size + above.size :]
    return y[: program.m]


def _second_order(program: Program, scale: Any) -> tuple[Any, Floats, Integers]:
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


def _quadratic_cones(program: Program) -> tuple[Any, Floats, list[int]]:
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
        keep = values > 1e-14 * max(values[-1], 0.0) if values.size else values > 0
        known[key] = (np.sqrt(values[keep])[:, None] * vectors[:, keep].T).copy()
    return known[key]
