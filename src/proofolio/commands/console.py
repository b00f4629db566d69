"""Rich consoles: one for progress, one for tables."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["answer_console", "progress_console"]


def progress_console() -> Console:
    """Return a console on stderr."""
    return Console(file=sys.stderr, highlight=False)


def answer_console() -> Console:
    """Return a console on stdout; where that is no terminal, tables are as wide as they need to be."""
    console = Console(file=sys.stdout, highlight=False)
    return console if console.is_terminal else Console(file=sys.stdout, highlight=False, width=160)
