"""Another process that does something, watched from here: it says how long it needs, and is killed when it is late.

Native code that loops, that hears no signal, or that keeps Python's lock, can be stopped from outside only. So what may
run such code runs in a process, and the one that waits for it does nothing else. A message is a pickled pair
(kind, what); two kinds are acted on here:

- ``LIMIT``: the process has so many seconds from now on. It is killed `LATE` seconds after that.
- ``ANSWERING``: the process has its answer and waits for leave to give it; from then on it is not late.

Of what is imported here all is light: the command line starts with it.
"""

from __future__ import annotations

import math
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from proofolio.processes import Family

__all__ = ["ANSWERING", "HEARD", "LATE", "LIMIT", "Messages", "Watched", "die_with_parent"]


LIMIT, ANSWERING = "limit", "answering"
_HURRY = "hurry"
# Seconds after its limit at which a process is killed: what is promised is a second, and ending it takes some of that.
LATE = 0.7
# Seconds in which an interrupt must be answered: the same second.
HEARD = 0.7
_HEAD = struct.Struct("<Q")
_ON_PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG


class Messages:
    """One end of two pipes, for messages of any size.

    Parameters
    ----------
    reads, writes : BinaryIO
        Unbuffered.
    """

    def __init__(self, reads: BinaryIO, writes: BinaryIO) -> None:
        self._reads, self._writes = reads, writes
        self._one = threading.Lock()

    def send(self, kind: str, what: Any = None) -> None:
        """Send a message; OSError where no reader is left."""
        data = pickle.dumps((kind, what))
        with self._one:
            for part in (_HEAD.pack(len(data)), data):
                left = memoryview(part)
                while left:
                    left = left[self._writes.write(left) :]

    def receive(self) -> tuple[str, Any]:
        """Return the next message; EOFError when the other end is closed."""
        (size,) = _HEAD.unpack(self._exactly(_HEAD.size))
        message: tuple[str, Any] = pickle.loads(self._exactly(size))
        return message

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._reads.read(min(size, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def answering(self) -> None:
        """Say that the answer is there, and wait until it may be given."""
        self.send(ANSWERING)
        self.receive()


class Watched:
    """A process with messages, killed with all that it has started when it is late.

    Parameters
    ----------
    pid : int
    messages : Messages
        Our end.
    wait : function
        Returns the exit status of the process once it has ended.

    Attributes
    ----------
    late, interrupted, answering : bool
        Whether it was killed for being late; whether it was asked to hurry; whether it has begun to answer.
    """

    def __init__(self, pid: int, messages: Messages, wait: Callable[[], int]) -> None:
        self.pid = pid
        self.late = self.interrupted = self.answering = False
        self._messages, self._wait = messages, wait
        self._family = Family(pid)
        self._until = math.inf
        self._come: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                self._come.put(self._messages.receive())
        except (EOFError, OSError, ValueError):
            self._come.put(None)

    def hurry(self) -> None:
        """Kill the process if it has not ended soon; may be called in a handler of a signal."""
        self.interrupted = True
        self._come.put((_HURRY, None))

    def limit(self, seconds: float) -> None:
        """Kill the process when that many seconds, and `LATE`, have passed; for the thread that reads the news."""
        self._until = math.inf if self.answering else time.monotonic() + seconds + LATE

    def news(self) -> Iterator[tuple[str, Any]]:
        """Yield the messages that come, until the process has ended or was late."""
        while True:
            left = self._until - time.monotonic()
            try:
                message = self._come.get(timeout=min(max(left, 0.0), threading.TIMEOUT_MAX))
            except queue.Empty:
                self.late = True
                self.kill()
                return
            if message is None:
                return
            kind, what = message
            if kind == LIMIT:
                self.limit(float(what))
            elif kind == ANSWERING:
                self.answering, self._until = True, math.inf
                with suppress(OSError):
                    self._messages.send(ANSWERING)
            elif kind == _HURRY:
                self._until = min(self._until, time.monotonic() + HEARD)
            else:
                yield kind, what

    def kill(self) -> None:
        """End the process and all that it has started; a signal that cannot be ignored."""
        self._family.kill()

    def ended(self) -> int:
        """Return the exit status, when there will be no more news: negative for the signal that ended it."""
        return self._wait()


def die_with_parent(parent: int) -> None:
    """Have the system end this process when its parent has ended, where it can (Linux)."""
    if sys.platform != "linux":
        return
    import ctypes  # only here: most command lines need none

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_ON_PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
