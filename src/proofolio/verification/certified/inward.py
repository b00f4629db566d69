r"""Points a little inside of curved rows: a solver's point moved to where an exact one can be next to it.

An optimum lies on its curved rows, mostly at numbers that no fraction equals, and outside of them by the solver's
tolerance. Linearised at the point, a direction d goes inward when :math:`\nabla f_i'd \le -s` for every curved row
:math:`f_i \le b_i` and no linear row or bound is left; the largest s is a linear program. Where rows have no inside
(:math:`(x - y)^2 \le 0`) there is no such direction, and a tolerance e lets a solver be off by the root of e.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.solvers.highs.session import Session

__all__ = ["inward_points", "steady"]

# Steps along the direction, whose entries are at most 1 or the size of the column.
STEPS = (1e-9, 1e-8, 1e-7, 1e-6)
LEAST = 1e-6  # an inside of less than this, of the rows' size, is none
STEADY = 1e-3  # a tolerance of 1e-9 moves such rows by a millionth


def inward_points(program: Program, x: Floats, seconds: float) -> Iterator[Floats]:
    """Yield points next to a given one, further and further inside of the curved rows.

    Parameters
    ----------
    program : Program
    x : ndarray
    seconds : float
        For the linear program.
    """
    direction, inside = _inward(program, x, seconds, 0.0)
    if inside <= LEAST:
        return
    for step in STEPS:
        yield x + step * direction


def steady(program: Program, x: Floats, seconds: float) -> bool:
    """Whether short steps make good what a tolerance lets curved equations be off by, to either side.

    Parameters
    ----------
    program : Program
    x : ndarray
    seconds : float
        For each of two linear programs.
    """
    return all(_inward(program, x, seconds, sign)[1] > STEADY for sign in (-1.0, 1.0))


def _inward(program: Program, x: Floats, seconds: float, sign: float) -> tuple[Floats, float]:
    """Return a direction and how far it goes inward; equations change by that much times a sign."""
    size = np.maximum(1.0, np.abs(x))
    slopes, room = _curved(program, x)
    if not slopes:
        return np.zeros(program.n), 0.0
    gradients = sparse.csr_array(sparse.vstack(slopes))
    free = np.array([limit is not None for limit in room])
    scale = np.maximum(abs(gradients @ sparse.diags_array(size)).max(axis=1).toarray(), LEAST)
    scale = np.where(free, scale, sign * scale)
    high = np.array([0.0 if limit is None else max(limit, 0.0) for limit in room])
    low = np.where(free, -np.inf, 0.0)
    straight, below, above = _straight(program, x)
    A = sparse.vstack(
        [
            sparse.hstack([straight, sparse.csr_array((straight.shape[0], 1))]),
            sparse.hstack([gradients, sparse.csr_array(scale[:, None])]),
        ]
    )
    fixed = program.integer.copy()
    for group in program.sos:
        fixed[group.columns[x[group.columns] == 0]] = True
    reach = np.where(fixed, 0.0, size)
    lower = np.append(np.clip(program.lower - x, -reach, 0.0), 0.0)
    upper = np.append(np.clip(program.upper - x, 0.0, reach), 1.0)
    session = Session()
    session.load(
        np.append(np.zeros(program.n), -1.0),
        (lower, upper),
        sparse.csr_array(A),
        (np.append(below, low), np.append(above, high)),
    )
    if session.solve(seconds) != "optimal":
        return np.zeros(program.n), 0.0
    found = session.point()
    return found[:-1], float(found[-1])


def _curved(program: Program, x: Floats) -> tuple[list[sparse.csr_array], list[float | None]]:
    """Return gradients of what has to stay at most something, and how far it is from that; None: it has to stay."""
    slopes: list[sparse.csr_array] = []
    room: list[float | None] = []
    rows = program.quadratic
    values = rows.value(x) if len(rows) else np.empty(0)
    for i, forms in enumerate(rows.forms):
        slope = rows.matrix[[i]].toarray()[0]
        for form in forms:
            slope[form.columns] += 2.0 * (form.matrix @ x[form.columns])
        low, high = float(rows.lower[i]), float(rows.upper[i])
        if low == high:
            slopes.append(sparse.csr_array(slope[None, :]))
            room.append(None)
            continue
        for sign, distance in ((1.0, high - values[i]), (-1.0, values[i] - low)):
            if np.isfinite(distance):
                slopes.append(sparse.csr_array(sign * slope[None, :]))
                room.append(float(distance))
    cones = program.cones
    for c, (t, z, *Y) in enumerate(cones.members(x)):
        at = slice(int(cones.pointer[c]), int(cones.pointer[c + 1]))
        part = sparse.csr_array(cones.matrix[at])
        weights = sparse.csr_array(np.array([[-z, -t, *(2.0 * y for y in Y)]]))
        for slope, distance in (
            (weights @ part, t * z - sum(y * y for y in Y)),
            (-part[[0]], t),
            (-part[[1]], z),
        ):
            slopes.append(slope)
            room.append(float(distance))
    return slopes, room


def _straight(program: Program, x: Floats) -> tuple[sparse.csr_array, Floats, Floats]:
    """Return the linear rows that hold at a point, those of indicators included, and how far it may move in them."""
    implied = program.indicators
    on = np.flatnonzero(np.round(x[implied.binary]) == implied.on)
    A = sparse.csr_array(sparse.vstack([program.A, implied.matrix[on]]))
    body = np.asarray(A @ x)
    low = np.append(program.row_lower, implied.lower[on]) - body
    high = np.append(program.row_upper, implied.upper[on]) - body
    return A, np.minimum(low, 0.0), np.maximum(high, 0.0)
