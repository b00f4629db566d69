"""The command line in a process of its own, so that it ends in time whatever a solver does.

The process that the user started only waits: it is forked before anything heavy is imported, which costs milliseconds.
The other one does the command. It says when its clock starts (`start_clock`), what is to be printed if it has to
be killed (`draft`), and when it has its answer (`answering`). It is killed, with all it has started, when it is later
than its limit, or when Ctrl-C has not been answered at once; then its last draft is printed.

Where there is no fork (Windows), or a command is called from Python, a command runs as it is, and a thread takes the
place of the other process: it ends what hangs in native code, unless that code keeps Python's lock.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from proofolio.cli.unanswered import unanswered
from proofolio.processes import Family, adopt_orphans, alive_for
from proofolio.watching import LATE, LIMIT, Messages, Watched, die_with_parent
from proofolio.whole_files import write_whole

__all__ = ["answering", "draft", "has_answered", "run_watched", "start_clock", "stop_clock"]


BAD_NEWS, INTERRUPTED = 1, 130  # as in `output`
DRAFT = "draft"
# A terminal sends Ctrl-C to both processes, and what is sent to the first one only is sent on: it counts once.
ONCE = 0.5
_BEGAN = time.monotonic() - alive_for()  # kept in the process that is forked
_LATE = "time is up, and the solver did not come back: it was stopped from outside"
_INTERRUPTED = "interrupted: the solver did not answer at once and was stopped from outside"
_link: Messages | None = None
_answering = False
_timer: threading.Timer | None = None
_Draft = tuple[str, str, int, dict[str, str]]
_drafted: _Draft = ("", "", BAD_NEWS, {})


# ------------------------------------------------------------------ in the process that works
def start_clock(seconds: float | None) -> float:
    """Say that start-up is over and that the command has so many seconds; return how many start-up took.

    May be called again where a command begins something that has a limit of its own.
    """
    global _timer
    if _link is not None:
        _send(LIMIT, math.inf if seconds is None else float(seconds))
    elif os.name == "nt":
        if _timer is not None:
            _timer.cancel()
        if seconds is not None and seconds < threading.TIMEOUT_MAX:
            _timer = threading.Timer(seconds + LATE, _end_here)
            _timer.daemon = True
            _timer.start()
    return time.monotonic() - _BEGAN


def stop_clock() -> None:
    """Say that what follows has no limit, such as writing files."""
    start_clock(None)


def draft(
    if_late: str, if_interrupted: str, status: int = BAD_NEWS, files: Mapping[str, str] | None = None
) -> None:
    """Leave what is to be printed on stdout if this process is killed: for being late, and after Ctrl-C.

    With `status` the command ends when it was late; `files` are written in both cases, by path.
    """
    global _drafted
    _drafted = if_late, if_interrupted, status, dict(files or {})
    if _link is not None:
        _send(DRAFT, _drafted)


def answering() -> None:
    """Say, once, that the answer is there and is printed from now on; nothing is late after that."""
    global _answering
    if _answering:
        return
    if _timer is not None:
        _timer.cancel()
    _answering = True
    if _link is not None:
        with suppress(OSError, EOFError):
            _link.answering()


def has_answered() -> bool:
    """Return whether something of the answer may have been printed."""
    return _answering


def _send(kind: str, what: Any) -> None:
    with suppress(OSError):
        assert _link is not None
        _link.send(kind, what)


def _end_here() -> NoReturn:
    _print(_drafted[0])
    _write_files(_drafted[3])
    _complain(_LATE)
    os._exit(_drafted[2])


# ------------------------------------------------------------------ in the process that waits
def run_watched(command: Callable[[], None]) -> None:
    """Do a command in a process of its own and end as it ends; without fork, do it here."""
    if not hasattr(os, "fork") or threading.active_count() > 1:
        command()
        return
    ours, theirs, answers, acks = *os.pipe(), *os.pipe()
    # `ours` reads what the worker writes to `theirs`; `answers` reads what the watcher writes to `acks`
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    watcher = os.getpid()
    blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    worker = os.fork()
    if worker == 0:
        os.close(ours)
        os.close(acks)
        _work(command, watcher, Messages(_unbuffered(answers, "rb"), _unbuffered(theirs, "wb")), blocked)
    os.close(theirs)
    os.close(answers)
    os._exit(_watch(worker, Messages(_unbuffered(ours, "rb"), _unbuffered(acks, "wb")), blocked))


def _unbuffered(descriptor: int, mode: str) -> Any:
    return open(descriptor, mode, buffering=0)  # of a descriptor


def _work(command: Callable[[], Any], watcher: int, link: Messages, blocked: set[signal.Signals]) -> None:
    global _link
    _link = link
    last = -ONCE

    def heard(number: int, frame: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= ONCE:
            last = now
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, heard)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
        die_with_parent(watcher)
        command()
    except KeyboardInterrupt:  # while the command was imported
        if "--json" in sys.argv and not has_answered():
            answering()
            _print(_unknown())
        _complain("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _watch(worker: int, link: Messages, blocked: set[signal.Signals]) -> int:
    """Wait for the worker and return the exit status of the command."""
    seen = Watched(worker, link, lambda: os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))

    def interrupted(number: int, _: Any) -> None:
        with suppress(OSError):
            os.kill(worker, number)
        seen.hurry()

    def ended(number: int, _: Any) -> None:
        seen.kill()
        Family(os.getpid()).kill_others()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    adopt_orphans()
    for number, handler in ((signal.SIGINT, interrupted), (signal.SIGTERM, ended), (signal.SIGHUP, ended)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
    drafted: _Draft = _unknown(), _unknown(), BAD_NEWS, {}
    for kind, what in seen.news():
        if kind == DRAFT:
            drafted = what
    status = seen.ended()
    if seen.late or seen.interrupted:  # what it has started and left behind is a child of this process now
        Family(os.getpid()).kill_others()
    if seen.late:
        if not seen.answering:
            _print(drafted[1] if seen.interrupted else drafted[0])
            _write_files(drafted[3])
        _complain(_INTERRUPTED if seen.interrupted else _LATE)
        return INTERRUPTED if seen.interrupted else drafted[2]
    if status < 0:
        if -status == signal.SIGINT:
            if not seen.answering:
                _print(drafted[1])
                _write_files(drafted[3])
            _complain("interrupted")
            return INTERRUPTED
        _complain(f"native code ended the command by signal {-status} ({_named(-status)}), as a crash does")
        return BAD_NEWS
    return status


def _unknown() -> str:
    """Return what is printed of a command that has left no draft."""
    return json.dumps(unanswered(sys.argv[1:]), indent=2) if "--json" in sys.argv else ""


def _write_files(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        try:
            write_whole(Path(name), text)
        except OSError as error:
            _complain(f"{name} cannot be written: {error.strerror}")


def _named(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return "unknown"


def _print(text: str) -> None:
    _write(1, f"{text}\n" if text else "")


def _complain(sentence: str) -> None:
    _write(2, f"proofolio: {sentence}\n")


def _write(descriptor: int, text: str) -> None:
    """Write to a descriptor; a reader that has left is no error."""
    data = text.encode()
    with suppress(OSError):
        while data:
            data = data[os.write(descriptor, data) :]
