"""What a command says and where: the answer on stdout, progress and errors on stderr.

Rich consoles: one for progress, one for tables.

How far a count is: a bar on a terminal, and elsewhere a line on stderr now and then.

How far a solve is: one line on stderr, from two seconds on.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import UnsupportedOperation
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
from rich.console import Console

from proofolio.errors import BadData

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.status import Status

__all__ = [
    "BAD_INPUT",
    "BAD_NEWS",
    "GOOD",
    "INTERRUPTED",
    "CountProgress",
    "SolveProgress",
    "answer_console",
    "complain",
    "plain",
    "print_document",
    "progress_console",
    "solve_line",
    "stdout_kept_free",
    "write_json",
]


def progress_console() -> Console:
    """Return a console on stderr."""
    return Console(file=sys.stderr, highlight=False)


def answer_console() -> Console:
    """Return a console on stdout; where that is no terminal, tables are as wide as they need to be."""
    console = Console(file=sys.stdout, highlight=False)
    return console if console.is_terminal else Console(file=sys.stdout, highlight=False, width=160)


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


QUIET_SECONDS_progress = 2.0


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
        self._next = QUIET_SECONDS_progress
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
        """Take the solver's news; see `proofolio.solvers.solution.Settings`."""
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


GOOD, BAD_NEWS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def plain(value: Any) -> Any:
    """Return data that JSON can hold: infinities as ``"inf"`` and ``"-inf"``, NaN as null, numpy as Python.

    Examples
    --------
    >>> plain({"gap": float("inf"), "values": (1, float("nan"))})
    {'gap': 'inf', 'values': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document to a file.

    Raises
    ------
    BadData
        When the file cannot be written.
    """
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}") from None


def complain(sentence: str) -> None:
    """Say one sentence on stderr, whatever line breaks the words came with."""
    click.echo(f"proofolio: {' '.join(sentence.split())}", err=True)


@contextmanager
def stdout_kept_free() -> Iterator[None]:
    """Send to stderr whatever is printed meanwhile, by a user's model or by a solver's own C code."""
    with redirect_stdout(sys.stderr):
        try:
            out, err = sys.__stdout__.fileno(), sys.__stderr__.fileno()  # type: ignore[union-attr]
            kept = os.dup(out)
        except (AttributeError, OSError, UnsupportedOperation):  # closed, or replaced in a test or notebook
            yield
            return
        try:
            os.dup2(err, out)
            yield
        finally:
            os.dup2(kept, out)
            os.close(kept)
