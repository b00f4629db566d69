"""When a call has to be done: one moment, fixed at the start and handed to everything that works for the call."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter

__all__ = ["NEVER", "Deadline"]


@dataclass(frozen=True)
class Deadline:
    """A moment of the wall clock, and the one the work began at.

    Attributes
    ----------
    started, at : float
        Readings of `time.perf_counter`, in seconds; `at` is infinite where there is no limit.

    Examples
    --------
    >>> deadline = Deadline.after(60.0)
    >>> deadline.passed, deadline.earlier(100.0).passed
    (False, True)
    """

    started: float
    at: float

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
        return max(self.at - perf_counter(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return perf_counter() >= self.at

    def earlier(self, seconds: float) -> Deadline:
        """Return the same work's moment moved forward, to keep that many seconds for something else."""
        return replace(self, at=self.at - seconds)

    def later(self, seconds: float) -> Deadline:
        """Return the same work's moment moved back."""
        return replace(self, at=self.at + seconds)

    def within(self, seconds: float) -> Deadline:
        """Return this moment or the one that many seconds from now, whichever is first."""
        return replace(self, at=min(self.at, perf_counter() + seconds))


NEVER = Deadline(0.0, math.inf)
