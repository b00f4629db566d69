"""Points of a convex mixed-integer program: integers chosen, the rest solved exactly, the best one kept.

In this order: from a point of a relaxation to integers (one-hot groups, rounding), the points known of a program,
and a first feasible one within a few convex programs, before anything long begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.outer_approximation.assignment import assign, feasible_at_no_cost
from proofolio.solvers.outer_approximation.lifted import Lifted, lift
from proofolio.solvers.outer_approximation.reductions import substitute
from proofolio.solvers.solution import Settings

__all__ = [
    "DECIDED",
    "Incumbents",
    "early_point",
    "first_choices",
    "leaves",
    "one_hot_groups",
    "rounded",
    "roundings",
]


# How far a row or cone may be missed, relative to its terms: a tenth of what solvers allow.
ACCEPTED = 1e-7
# How far from whole an integer that is decided may be: HiGHS's own tolerance.
DECIDED = 1e-6
# Seconds an entry of rows and of cones, for fixing the integers of a lifted program.
PER_ROW_ENTRY, PER_CONE_ENTRY = 5e-7, 4e-8


def one_hot_groups(lifted: Lifted, binary: Mask) -> Integers:
    """Return, for each column, the number of the row ``sum of binaries == 1`` it stands in, or -1."""
    matrix = lifted.A
    rows = matrix.shape[0]
    row = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    fits = (matrix.data == 1.0) & binary[matrix.indices]
    whole = np.bincount(row, fits, minlength=rows) == np.diff(matrix.indptr)
    chosen = np.flatnonzero(whole & (lifted.row_lower == 1.0) & (lifted.row_upper == 1.0))
    group = np.full(lifted.q.size, -1, dtype=np.intp)
    for i in chosen:
        own = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]]
        if np.all(group[own] < 0):
            group[own] = i
    return group


def leaves(lifted: Lifted, group: Integers, binary: Mask) -> Integers:
    """Return the one-hot groups with each member that a row makes a sum of other binaries replaced by those.

    In regime programs a regime whose cost has a concave maximum is the sum of its convex pieces: only with a
    piece chosen are the cones of the regime quadratics.
    """
    group = group.copy()
    matrix = lifted.A
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    fits = (np.abs(matrix.data) == 1.0) & binary[matrix.indices]
    whole = np.bincount(row, fits, minlength=matrix.shape[0]) == np.diff(matrix.indptr)
    for i in np.flatnonzero(whole & (lifted.row_lower == 0.0) & (lifted.row_upper == 0.0)):
        entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
        own, sign = matrix.indices[entries], matrix.data[entries]
        head = group[own] >= 0
        if np.count_nonzero(head) == 1 and np.all(sign[~head] == -sign[head]):
            group[own[~head]] = group[own[head]]
            group[own[head]] = -1
    return group


def roundings(lifted: Lifted, group: Integers, x: Floats) -> Iterator[Floats]:
    """Yield the integers of a point rounded (see `rounded`), and those of no group rounded up.

    Nearly everything that is bought at all is bought in small parts, whose switches round to zero.
    """
    nearest = rounded(lifted, group, x)
    yield nearest
    alone = group[lifted.integer] < 0
    up = np.where(alone, np.ceil(x[lifted.integer] - DECIDED), nearest)
    yield np.clip(up, lifted.lower[lifted.integer], lifted.upper[lifted.integer])


def rounded(lifted: Lifted, group: Integers, x: Floats) -> Floats:
    """Round the integers: the largest of each one-hot group to one, the others to the nearest."""
    point = np.round(x)
    members = np.flatnonzero(group >= 0)
    if members.size:
        order = members[np.lexsort((-x[members], group[members]))]
        first = np.concatenate([[True], np.diff(group[order]) != 0])
        point[members] = 0.0
        point[order[first]] = 1.0
    values: Floats = point[lifted.integer]
    return np.clip(values, lifted.lower[lifted.integer], lifted.upper[lifted.integer])


class Incumbents:
    """The best point known of a program, and every assignment of its integers that was tried.

    Points are lifted ones, and values those of the minimisation, whatever sense the user speaks in.
    """

    def __init__(self, lifted: Lifted, deadline: Deadline) -> None:
        self.lifted = lifted
        self.deadline = deadline
        self.point: Floats | None = None
        self.value = np.inf
        self.longest = 0.0
        self._tried: set[bytes] = set()

    def tried(self, values: Floats) -> bool:
        """Whether an assignment of the integers has been solved before."""
        return (np.round(values) + 0.0).tobytes() in self._tried

    def dismiss(self, values: Floats) -> None:
        """Count an assignment as tried."""
        self._tried.add((np.round(values) + 0.0).tobytes())

    def consider(self, values: Floats) -> Floats | None:
        """Solve the program with its integers fixed; return the lifted point, or None when there is none."""
        values = np.round(values) + 0.0
        if values.tobytes() in self._tried:
            return None
        self._tried.add(values.tobytes())
        point = self.solve(values, values)
        if point is not None:
            self.offer(point)
        return point

    def offer(self, point: Floats) -> bool:
        """Keep a lifted point when it is feasible and better than the best so far."""
        point = self.lifted.raised(point)
        value = self.lifted.value(point)
        if value < self.value and self.lifted.violation(point) <= ACCEPTED:
            self.value, self.point = value, point
            return True
        return False

    def quick(self, lower: Floats, upper: Floats, within: float = np.inf) -> Floats | None:
        """Solve as `solve` does where leaving out what seldom matters gives a feasible point; None elsewhere."""
        return self._timed(lower, upper, within, (True,))

    def solve(self, lower: Floats, upper: Floats, within: float = np.inf) -> Floats | None:
        """Solve the convex program with the integers between these bounds, integrality dropped.

        None as well when time is short: not every solver can be stopped, so once there is an incumbent
        nothing is begun that may take longer than what is left. `within` is a limit of its own, in seconds.
        """
        return self._timed(lower, upper, within, (True, False))

    def _timed(self, lower: Floats, upper: Floats, within: float, hopes: tuple[bool, ...]) -> Floats | None:
        if self.deadline.passed or (self.point is not None and self.deadline.left < self.longest):
            return None
        before, until = self.deadline.elapsed, self.deadline.within(within)
        if _reducing_seconds(self.lifted) > until.left:
            return None
        point = None
        for hopeful in hopes:
            left = assign(self.lifted, lower, upper, hopeful)
            found = left.solve(Settings(gap=1e-9).until(until)) if left is not None else None
            if found is None:
                break
            if not hopeful:
                point = found
                break
            point = feasible_at_no_cost(self.lifted, found, ACCEPTED, until)
            if point is not None or not until.left:
                break
        self.longest = max(self.longest, self.deadline.elapsed - before)
        return point


def first_choices(lifted: Lifted, group: Integers) -> Iterator[tuple[Floats, Floats]]:
    """Yield bounds of the integers for the first convex programs to solve.

    Where there are one-hot groups: the first member of each group chosen, then the second, and so on: in
    regime programs that visits every cone where it matters. Members that are sums of other binaries leave the
    choice to those. Otherwise the relaxation.

    Parameters
    ----------
    group : ndarray of int
        The one-hot group of each column, or -1 (see `one_hot_groups`).
    """
    integers = np.flatnonzero(lifted.integer)
    low, high = lifted.lower[integers].copy(), lifted.upper[integers].copy()
    binary = lifted.integer & (lifted.lower >= 0) & (lifted.upper <= 1)
    group = leaves(lifted, group, binary)
    members = np.flatnonzero(group >= 0)
    if not members.size:
        yield low, high
        return
    order = members[np.argsort(group[members], kind="stable")]
    _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
    place = np.searchsorted(integers, order)
    for k in range(int(sizes.max())):
        chosen = place[starts + k % sizes]
        below, above = low.copy(), high.copy()
        above[place] = 0.0
        below[chosen] = above[chosen] = 1.0
        yield below, above


def early_point(program: Program, deadline: Deadline) -> Floats | None:
    """Return the first feasible point that fixing or rounding the integers gives; None when it gives none.

    Parameters
    ----------
    program : Program
        Convex, without indicators and special ordered sets.
    """
    if not program.integer.any():
        return None
    small = substitute(lift(program))
    lifted = small.lifted
    incumbents = Incumbents(lifted, deadline)
    binary = lifted.integer & (lifted.lower >= 0) & (lifted.upper <= 1)
    group = one_hot_groups(lifted, binary)
    choices = list(first_choices(lifted, group))
    for solve in (incumbents.quick, incumbents.solve):
        for low, high in choices:
            point = solve(low, high)
            if point is not None:
                values = point[lifted.integer]
                if np.array_equal(values, np.round(values)):
                    incumbents.offer(point)
                for whole in roundings(lifted, group, point):
                    if incumbents.point is None:
                        incumbents.consider(whole)
            if incumbents.point is not None:
                return small.expand(incumbents.point)[: program.n]
            if deadline.passed:
                return None
    return None


def _reducing_seconds(lifted: Lifted) -> float:
    """Return about how many seconds it takes to fix the integers of a lifted program and see what is left."""
    return PER_ROW_ENTRY * float(lifted.A.nnz) + PER_CONE_ENTRY * float(lifted.K.nnz)
