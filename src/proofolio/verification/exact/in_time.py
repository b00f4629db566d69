"""Whether exact arithmetic may go on: one question, which its inner loops ask.

Fractions grow, and one elimination or one node of a tree may take longer than a whole call was given. Whoever has a
time limit says so once, by `stopped_when`; everything in fractions that runs inside asks `check_time` at each row or
pivot and ends there with `TimeIsUp`. Without it nothing is limited: a certificate that is checked on its own takes the
time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["TimeIsUp", "Undecidable", "check_time", "stopped_when"]

EVERY = 16  # questions for one look at the clock: a row in fractions takes 10 to 1000 times as long as the question


class Undecidable(Exception):
    """Exact arithmetic cannot go on; the text says what was missing."""


class TimeIsUp(Undecidable):
    """Exact arithmetic was stopped by the time limit of the call that it works for."""

    def __init__(self) -> None:
        super().__init__("the time limit was reached")


class _Limit:
    """When to stop, and how often that was asked."""

    def __init__(self, is_up: Callable[[], bool], outer: _Limit | None) -> None:
        self.is_up, self.outer, self.asked = is_up, outer, 0

    def passed(self) -> bool:
        return self.is_up() or (self.outer is not None and self.outer.passed())


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def stopped_when(is_up: Callable[[], bool]) -> Iterator[None]:
    """Stop exact arithmetic inside, by `TimeIsUp`, once a function says so, or one that stands around this one.

    Parameters
    ----------
    is_up : function
        Whether the time is up, as ``lambda: deadline.passed``; asked often.
    """
    token = _limit.set(_Limit(is_up, _limit.get()))
    try:
        yield
    finally:
        _limit.reset(token)


def check_time() -> None:
    """Raise `TimeIsUp` where the time is up; to be called at every row or pivot in fractions."""
    limit = _limit.get()
    if limit is None:
        return
    if limit.asked % EVERY == 0 and limit.passed():
        raise TimeIsUp
    limit.asked += 1
