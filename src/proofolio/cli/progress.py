"""Consoles of rich, and how far a long run is: a bar or a line on stderr.

Nothing is shown of what is over soon, and where stderr is no terminal a line is written now and then.
"""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.status import Status

from proofolio.cli.output import silence
from proofolio.cli.watched import answering
from proofolio.progress import EVERY, QUIET, progress_line

__all__ = ["CountProgress", "SolveProgress", "answer_console", "progress_console", "solve_line"]


SOLVE_QUIET = 2.0  # seconds until the first news of a solve
PIPE_WIDTH = 160  # columns of a table where stdout is no terminal


class _Console(Console):
    """A console whose reader may leave, as `head` does: the command goes on in silence."""

    def on_broken_pipe(self) -> None:
        """Take what is still to be printed away."""
        self.quiet = True
        silence(self.file)


def progress_console() -> Console:
    """Return a console on stderr; where that is no terminal it draws no bar, whatever ``FORCE_COLOR`` says."""
    return _Console(file=sys.stderr, highlight=False, force_terminal=sys.stderr.isatty())


def answer_console() -> Console:
    """Return a console on stdout; where that is no terminal, tables are as wide as they need to be."""
    answering()
    return _Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


class CountProgress:
    """A function of (what, done, total) that shows its last news from one second on.

    On a terminal a bar is kept up to date; elsewhere a line is written at 1, 2, 4... seconds.
    """

    def __init__(self, console: Console, title: str, time_limit: float = math.inf) -> None:
        self._console, self._title, self._limit = console, title, time_limit
        self._started = time.perf_counter()
        self._next = QUIET
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take the news."""
        seconds = time.perf_counter() - self._started
        if seconds < self._next:
            return
        if self._console.is_terminal:
            self._next = seconds + EVERY
            self._shown(what, done, total)
            return
        self._next *= 2
        line = progress_line(self._title, what, done, total, seconds, self._limit)
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def running(self, what: str, done: int, total: int) -> None:
        """Show at once what has begun, on a terminal; elsewhere the news of what has ended are enough."""
        if self._console.is_terminal:
            self._shown(what, done, total)

    def _shown(self, what: str, done: int, total: int) -> None:
        if self._bar is None or self._task is None:
            limit = [] if self._limit == math.inf else [TextColumn(f"of {self._limit:g} s")]
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                *limit,
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total)
            self._bar.start()
        self._bar.update(self._task, description=what, completed=done, total=total)


def solve_line(seconds: float, objective: float | None, bound: float | None) -> str:
    """Return seconds, objective, bound and gap as one line.

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
        self._next = SOLVE_QUIET
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
        """Take the solver's news; see `proofolio.Settings`."""
        self.seconds, self.objective, self.bound = seconds, objective, bound
        if seconds < self._next:
            return
        line = f"{self._title}, {solve_line(seconds, objective, bound)}"
        if not self._console.is_terminal:
            self._next *= 2
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif self._status is None:
            self._status = self._console.status(line)
            self._status.start()
        else:
            self._status.update(line)
