"""How far a long call is: a bar in a notebook, and elsewhere only what the caller's own function shows.

The command line has bars and lines of its own (`proofolio.cli.progress`).
"""

from __future__ import annotations

import html
import math
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["EVERY", "QUIET", "Progress", "progress_line", "shows_progress"]


P = ParamSpec("P")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]  # what is done, how many of it, of how many
QUIET, EVERY = 1.0, 0.1  # seconds until the first news, as what is over soon needs none, and between two
BAR = '<progress value="{done}" max="{total}" style="width: 14em; vertical-align: middle"></progress> {line}'
NOTHING = {"text/plain": "", "text/html": ""}  # what stays of a bar
# Whether a call that is under way takes the news: what it calls itself then shows none.
_taken: ContextVar[bool] = ContextVar("_taken", default=False)


def shows_progress(title: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a function with a keyword `progress` a bar in a notebook, where its caller gives no function.

    The bar appears after a second, and goes when the function ends, however it ends.

    Parameters
    ----------
    title : str
        What the bar calls it.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def with_bar(*args: P.args, **kwargs: P.kwargs) -> R:
            given = kwargs.get("progress") is not None
            display = None if given or _taken.get() else _notebook_display()
            bar = None if display is None else _Bar(title, display)
            if bar is not None:
                kwargs["progress"] = bar
            token = _taken.set(True)
            try:
                return function(*args, **kwargs)
            finally:
                _taken.reset(token)
                if bar is not None:
                    bar.close()

        return with_bar

    return decorated


def progress_line(
    title: str, what: str, done: int, total: int, seconds: float, limit: float = math.inf
) -> str:
    """Return how far a call is as one line.

    Examples
    --------
    >>> progress_line("backtest", "forecasts", 30, 400, 2.3)
    'backtest: forecasts, 30 of 400 (2 s)'
    >>> progress_line("audit", "lp bounds", 5, 7, 8.0, 60.0)
    'audit: lp bounds, 5 of 7 (8 of 60 s)'
    """
    of = "" if limit == math.inf else f" of {limit:g}"
    return f"{title}: {what}, {done} of {total} ({seconds:.0f}{of} s)"


def _notebook_display() -> Callable[..., Any] | None:
    """Return IPython's `display` where the kernel of a notebook runs us: only its shell has a kernel."""
    ipython = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        return None
    from IPython.display import display

    return display


class _Bar:
    """A function of (what, done, total) that keeps a bar in the output of a cell up to date."""

    def __init__(self, title: str, display: Callable[..., Any]) -> None:
        self._title, self._display = title, display
        self._started = time.perf_counter()
        self._next = QUIET
        self._place: Any = None  # in the cell's output, once there is a bar

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take the news."""
        seconds = time.perf_counter() - self._started
        if seconds < self._next:
            return
        self._next = seconds + EVERY
        line = progress_line(self._title, what, done, total, seconds)
        self._show(
            {"text/plain": line, "text/html": BAR.format(done=done, total=total, line=html.escape(line))}
        )

    def _show(self, drawn: dict[str, str]) -> None:
        if self._place is None:
            self._place = self._display(drawn, raw=True, display_id=True)
        else:
            self._place.update(drawn, raw=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._place is not None:
            self._show(NOTHING)
