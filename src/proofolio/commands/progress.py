"""How far a solve is: one line on stderr, from two seconds on."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

__all__ = ["SolveProgress", "solve_line"]

QUIET_SECONDS = 2.0


def solve_line(seconds: float, objective: float | None, bound: float | None) -> str:
    """Return objective, bound and gap in words.

    Examples
    --------
    >>> solve_line(3.2, 10.0, 9.0)
    '3 s: objective 10, bound 9, gap 1e-01'
    >>> solve_line(2.0, None, None)
    '2 s: no solution yet'
    """
    parts = ["no solution yet"] if objective is None else [f"objective {objective:.8g}"]
    if bound is not None:
        parts.append(f"bound {bound:.8g}")
    if objective is not None and bound is not None:
        parts.append(f"gap {abs(objective - bound) / max(1e-10, abs(objective)):.0e}")
    return f"{seconds:.0f} s: {', '.join(parts)}"


class SolveProgress:
    """A function for `Settings.progress` that shows its last news, and remembers it for Ctrl-C.

    On a terminal one line is kept up to date; elsewhere a line is written at 2, 4, 8... seconds.
    """

    def __init__(self, console: Console, title: str) -> None:
        self.seconds = 0.0
        self.objective: float | None = None
        self.bound: float | None = None
        self._console, self._title = console, title
        self._status: Status | None = None
        self._next = QUIET_SECONDS
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._started
        if self._status is not None:
            self._status.stop()

    def __call__(self, seconds: float, objective: float | None, bound: float | None) -> None:
        """Take the solver's news; see `proofolio.solvers.Settings`."""
        self.seconds, self.objective, self.bound = seconds, objective, bound
        if seconds < self._next:
            return
        words = f"{self._title}, {solve_line(seconds, objective, bound)}"
        if not self._console.is_terminal:
            self._next *= 2
            self._console.print(words, markup=False, highlight=False, soft_wrap=True)
        elif self._status is None:
            self._status = self._console.status(words)
            self._status.start()
        else:
            self._status.update(words)
