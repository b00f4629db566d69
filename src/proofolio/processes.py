"""A process and all that it has started, also in sessions of their own: found in /proc, summed, and ended.

What memory this process takes, and a limit on it; how many threads its linear algebra takes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import resource
if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = [
    "Family",
    "adopt_orphans",
    "alive_for",
    "forget_peak",
    "is_alive",
    "limited",
    "one_blas_thread",
    "peak_megabytes",
    "resident_megabytes",
    "threads",
]


PROC = Path("/proc")
STATUS = PROC / "self" / "status"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MEGABYTE = 2**20
# The limit that the system keeps is a little above the one the pool watches, whose message is the clearer one.
ROOM = 1.25
# Rounds of looking for new children while a family is ended: one that starts children as fast never ends otherwise.
ROUNDS = 20
ADOPTS = 36  # prctl's PR_SET_CHILD_SUBREAPER


def _field(name: str) -> float | None:
    """Return a field of /proc/self/status in megabytes; None where there is no such file."""
    try:
        text = STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return float(line.split()[1]) / 1024
    return None


def peak_megabytes() -> float:
    """Return the most memory this process has held since `forget_peak` (VmHWM; elsewhere since it began)."""
    found = _field("VmHWM")
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEGABYTE if sys.platform == "darwin" else peak / 1024


def forget_peak() -> None:
    """Let the peak begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_megabytes(process: int | None = None) -> float | None:
    """Return the memory a process holds now; None where that cannot be read, as of one that has ended."""
    try:
        numbers = Path(f"/proc/{process or 'self'}/statm").read_text(encoding="ascii").split()
        return int(numbers[1]) * PAGE / MEGABYTE
    except (OSError, IndexError, ValueError):
        return None


@contextmanager
def limited(megabytes: float) -> Iterator[None]:
    """Let allocations fail that would take this process far beyond a limit, all at once."""
    before = _field("VmData")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if before is None:
        yield
        return
    wanted = int((before + ROOM * megabytes) * MEGABYTE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Family:
    """A process, and its descendants as they were last looked for.

    A child is remembered with when it began: one whose parent has died is still found, and a stranger that was
    given its number is left alone.

    Parameters
    ----------
    head : int
    """

    def __init__(self, head: int) -> None:
        self.head = head
        self._head_began = _began(head)
        self._known: dict[int, str] = {}

    def look(self) -> tuple[int, ...]:
        """Return the descendants that live, nearest first; where there is no /proc, none."""
        found: list[int] = []
        found += (pid for pid, began in self._known.items() if _began(pid) == began)
        front = [*([self.head] if self._head_lives() else []), *found]
        seen = {self.head, *front}
        while front:
            near = [child for pid in front for child in _children(pid) if child not in seen]
            seen.update(near)
            found += near
            front = near
        self._known = {pid: began for pid in found if (began := _began(pid)) is not None}
        return tuple(self._known)

    def megabytes(self) -> float | None:
        """Return the memory that all of them hold now; pages they share count for each that has them."""
        own = resident_megabytes(self.head)
        if own is None:
            return None
        return own + sum(resident_megabytes(pid) or 0.0 for pid in self.look())

    def kill(self) -> None:
        """End the head and its descendants: it is held first, so that it starts no more of them meanwhile."""
        if not PROC.exists():  # its children are not found there
            _send(self.head, getattr(signal, "SIGKILL", signal.SIGTERM))
            return
        if self._head_lives():
            _send(self.head, signal.SIGSTOP)
        self.kill_others()
        if self._head_lives():
            _send(self.head, signal.SIGKILL)

    def kill_others(self) -> None:
        """End the descendants alone."""
        for _ in range(ROUNDS):
            left = self.look()
            if not left:
                break
            for pid in left:
                _send(pid, signal.SIGKILL)

    def _head_lives(self) -> bool:
        return _began(self.head) == self._head_began


def is_alive(pid: int) -> bool:
    """Return whether a process runs: one that has ended and waits to be asked how does not."""
    if PROC.joinpath("self").exists():
        return _began(pid) is not None
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, where the system can (Linux): then they are found."""
    if sys.platform != "linux":
        return
    import ctypes  # only here: most processes need none

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ADOPTS, 1)


def alive_for() -> float:
    """Return the seconds since this process began; 0 where there is no /proc."""
    try:
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - float(_began(os.getpid()) or "nan") / os.sysconf(
            "SC_CLK_TCK"
        )
    except (AttributeError, OSError, ValueError):
        return 0.0
    return age if age > 0.0 else 0.0


def threads() -> int | None:
    """Return how many threads this process has, Python's and others; None where there is no /proc."""
    try:
        return sum(1 for _ in (PROC / "self" / "task").iterdir())
    except OSError:
        return None


def _send(pid: int, what: int) -> None:
    with suppress(OSError):
        os.kill(pid, what)


def _children(pid: int) -> list[int]:
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
    except OSError:
        return []
    found: list[int] = []
    for task in tasks:
        with suppress(OSError, ValueError):
            text = (task / "children").read_text(encoding="ascii")
            found += [int(word) for word in text.split()]
    return found


def _began(pid: int) -> str | None:
    """Return when a process began, in the system's ticks; None when it has ended, also as a zombie."""
    try:
        state = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if len(state) < 20 or state[0] in "ZX" else state[19]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside; also a decorator.

    Batches of matrices of 50 x 50 took ten times as long with two threads on two busy processors: each product is
    over before the second thread has begun, and waiting threads spin. Entering and leaving costs microseconds.
    The number of threads of a solver (`Settings.threads`) is another matter and stays.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # its BLAS is there before the libraries are looked for
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
