"""One thread for the linear algebra of many small programs, where a second one only waits for the first.

When a call has to be done: one moment, fixed at the start and handed to everything that works for the call.

How long it takes to finish an answer once the search is over, by the size of the program.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter, process_time

import numpy as np

from proofolio.program.program import Program

__all__ = ["NEVER", "Deadline", "convex_seconds", "finishing_seconds"]

# How many times longer than on an idle machine a budget of work may take.
BUSY = 4.0


@dataclass(frozen=True)
class Deadline:
    """A moment of the wall clock, and the one the work began at.

    Attributes
    ----------
    started, at : float
        Readings of `time.perf_counter`, in seconds; `at` is infinite where there is no limit.
    worked : float
        The reading of `time.process_time` at which a budget of work is used up, which a busy machine does not shorten.

    Examples
    --------
    >>> deadline = Deadline.after(60.0)
    >>> deadline.passed, deadline.earlier(100.0).passed
    (False, True)
    """

    started: float
    at: float
    worked: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the moment that many seconds from now."""
        now = perf_counter()
        return cls(now, now + seconds)

    @property
    def elapsed(self) -> float:
        """Seconds since the work began."""
        return perf_counter() - self.started

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(min(self.at - perf_counter(), self.worked - process_time()), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.left <= 0.0

    def earlier(self, seconds: float) -> Deadline:
        """Return the same work's moment moved forward, to keep that many seconds for something else."""
        return replace(self, at=self.at - seconds)

    def later(self, seconds: float) -> Deadline:
        """Return the same work's moment moved back."""
        return replace(self, at=self.at + seconds)

    def within(self, seconds: float) -> Deadline:
        """Return this moment or the one that many seconds from now, whichever is first."""
        return replace(self, at=min(self.at, perf_counter() + seconds))

    def working(self, seconds: float) -> Deadline:
        """Return the moment by which that many seconds of work are done, on a machine at most `BUSY` times as slow."""
        found = self.within(BUSY * seconds)
        return replace(found, worked=min(self.worked, process_time() + seconds))


NEVER = Deadline(0.0, math.inf)

# Measured on programs of 4e5 to 2e6 entries, one thread; on a busy machine it takes twice as long.
PER_ENTRY = 2e-7
PER_CUBE = 4e-9
# Measured on regime programs of n = 50 and 100, T from 60 to 120, solved whole: 13 to 17 iterations of PIQP
# (0.09 to 0.86 s), 17 to 20 of Clarabel (0.6 to 3.8 s). Clarabel takes longer for the same blocks.
QUADRATIC, CONIC, OF_CONE = 6.5e-9, 1.7e-8, 1.7e-8


def finishing_seconds(program: Program) -> float:
    r"""Return about how many seconds it takes to solve a program once with its integers fixed and to check the point.

    Reading the program costs :math:`2 \cdot 10^{-7}` a stored number, and the factors of the convex program that
    is left :math:`4 \cdot 10^{-9} k^3` for each form or cone of k members. It is an estimate, for sharing out a
    time limit.
    """
    P, cones, quadratic = program.P, program.cones, program.quadratic
    columns = np.diff(P.tocsc().indptr).astype(float)
    members = np.diff(cones.pointer).astype(float)
    forms = np.array([form.columns.size for row in quadratic.forms for form in row], dtype=float)
    entries = program.A.nnz + P.nnz + cones.matrix.nnz + quadratic.matrix.nnz + float(forms @ forms)
    cubes = float(columns @ columns + (members**3).sum() + (forms**3).sum())
    return PER_ENTRY * float(entries) + PER_CUBE * cubes


def convex_seconds(program: Program) -> float:
    r"""Return about how many seconds an interior-point method takes for a continuous convex program.

    Factors cost the cube of each dense block of P, for as many iterations as there usually are, and those of
    programs with cones as much for each cone's. Blocks that rows tie to their neighbours, as trades tie
    periods, fill in to a multiple that is in these numbers; other fill-in is not: PIQP looks for that itself.
    """
    columns = np.diff(program.P.tocsc().indptr).astype(float)
    blocks = float(columns @ columns)
    if not len(program.cones):
        return QUADRATIC * blocks
    return CONIC * blocks + OF_CONE * float((np.diff(program.cones.pointer).astype(float) ** 3).sum())
