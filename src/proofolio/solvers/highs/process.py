"""What HiGHS does to the process it runs in: it writes to stdout, and swallows signals. Neither is let happen."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import highspy

__all__ = ["Interrupts", "new_highs"]


# what users and schedulers stop a process with
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]
_lock = threading.Lock()
_made: list[bool] = []  # not empty once a HiGHS object was made in this process


@contextmanager
def _silent_stdout() -> Iterator[None]:
    """Keep from stdout what a library in C writes there, past `sys.stdout`."""
    flush = ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush
    if sys.stdout is not None:
        sys.stdout.flush()
    flush(None)
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)


def new_highs() -> Any:
    """Return a new HiGHS object. From 1.16 on the first of a process prints a banner before any option can be set."""
    make: Any = highspy.Highs
    with _lock:
        if not _made:
            with _silent_stdout():
                highs = make()
            _made.append(True)
            return highs
    return make()


class Interrupts:
    """What wants HiGHS to stop while it runs: signals such as Ctrl-C, and what a callback raises.

    A handler of a signal runs when Python is next let in, and that is in highspy's own code: 1.16 drops what is
    raised there. So both are noted, and acted on once HiGHS has stopped.
    """

    def __init__(self) -> None:
        self._raised: list[BaseException] = []
        self._signals: list[tuple[int, Any]] = []

    @property
    def came(self) -> bool:
        """Whether HiGHS should stop."""
        return bool(self._raised or self._signals)

    def note(self, error: BaseException) -> None:
        """Keep what a callback raised."""
        self._raised.append(error)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note signals inside; afterwards call their handlers, and raise what callbacks raised."""
        self._raised.clear()
        self._signals.clear()
        handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # only there handlers run and can be set
            handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            handlers = {number: handler for number, handler in handlers.items() if callable(handler)}

        def keep(number: int, frame: Any) -> None:
            self._signals.append((number, frame))

        for number in handlers:
            signal.signal(number, keep)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        for number, frame in self._signals:
            handlers[number](number, frame)
        for error in self._raised:
            raise error
