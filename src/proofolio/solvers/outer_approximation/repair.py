"""A point that breaks rows which seldom matter, repaired where nothing curved is touched."""

from __future__ import annotations

import highspy
import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.solvers.highs.session import open_highs, run
from proofolio.solvers.limits import Deadline
from proofolio.solvers.outer_approximation.lifted import Lifted

__all__ = ["feasible_at_no_cost"]


TOLERANCE = 1e-10
LOST = 1e-9


def feasible_at_no_cost(lifted: Lifted, point: Floats, violation: float, deadline: Deadline) -> Floats | None:
    """Return the point, raised and repaired where it must be; None when it stays infeasible or gets worse.

    The repair is a linear program in the continuous columns that stand in no cone. In regime programs these
    are the costs of periods and their maxima: a best point without the rows of the regimes not chosen may
    leave the maxima in those rows anywhere. At no cost the point stays the best there is with those rows too.

    Parameters
    ----------
    violation : float
        The most that rows and cones may be violated, relative to the size of their terms.
    """
    point = lifted.raised(point)
    if lifted.violation(point) <= violation:
        return point
    better = _repaired(lifted, point, deadline)
    if better is None or lifted.violation(better) > violation:
        return None
    before = lifted.value(point)
    return better if lifted.value(better) - before <= LOST * abs(before - lifted.c) else None


def _repaired(lifted: Lifted, point: Floats, deadline: Deadline) -> Floats | None:
    loose = ~lifted.integer
    loose[lifted.K.indices] = False
    columns = np.flatnonzero(loose)
    A = lifted.A[:, columns]
    met = np.flatnonzero(np.diff(A.indptr))
    if not met.size or not deadline.left:
        return None
    body = np.asarray(lifted.A @ np.where(loose, 0.0, point))
    rows, none = A[met], np.empty(0, dtype=np.int32)
    sides = ((side - body)[met] for side in (lifted.row_lower, lifted.row_upper))
    highs = open_highs(0, 1, {"primal_feasibility_tolerance": TOLERANCE})
    if np.isfinite(deadline.left):
        highs.setOptionValue("time_limit", deadline.left)
    box = lifted.lower[columns], lifted.upper[columns]
    taken = [highs.addCols(columns.size, lifted.q[columns], *box, 0, none, none, np.empty(0))]
    starts, indices = rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32)
    taken.append(highs.addRows(met.size, *sides, rows.nnz, starts, indices, rows.data))
    if highspy.HighsStatus.kError in taken:
        return None
    try:
        said = run(highs)
    except SolverFailure:
        return None
    if said != "optimal":
        return None
    better = point.copy()
    better[columns] = np.clip(np.array(highs.getSolution().col_value), *box)
    return better
