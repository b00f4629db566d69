"""How far a count is: a bar on a terminal, and elsewhere a line on stderr now and then."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["CountProgress"]

QUIET_SECONDS = 1.0


class CountProgress:
    """A function of (what, done, total) that shows its last news from one second on.

    On a terminal a bar is kept up to date; elsewhere a line is written at 1, 2, 4... seconds.
    """

    def __init__(self, console: Console, title: str, time_limit: float = math.inf) -> None:
        self._console, self._title, self._limit = console, title, time_limit
        self._started = time.perf_counter()
        self._next = QUIET_SECONDS
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
            self._next = seconds + 0.1
            self._shown(what, done, total)
            return
        self._next *= 2
        limit = "" if self._limit == math.inf else f" of {self._limit:g}"
        words = f"{self._title}: {what}, {done} of {total} ({seconds:.0f}{limit} s)"
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)

    def _shown(self, what: str, done: int, total: int) -> None:
        if self._bar is None or self._task is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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
