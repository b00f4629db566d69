"""A feasible point of a convex mixed-integer program within a few convex programs, before anything long begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from proofolio.program.program import Program
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.incumbents import Incumbents
from proofolio.solvers.lifted import Lifted, lift
from proofolio.solvers.rounding import leaves, one_hot_groups, roundings
from proofolio.solvers.substitution import substitute

__all__ = ["early_point", "first_choices"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def first_choices(lifted: Lifted, group: Integers) -> Iterator[tuple[Floats, Floats]]:
    """Yield bounds of the integers for the first convex programs to solve.

    Where there are one-hot groups: the first member of each group chosen, then the second, and so on: in
    regime programs that visits every cone where it matters. Members that are sums of other binaries leave the
    choice to those. Otherwise the relaxation.

    Parameters
    ----------
    group : ndarray of int
        The one-hot group of each column, or -1 (see `proofolio.solvers.rounding.one_hot_groups`).
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
