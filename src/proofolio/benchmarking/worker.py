"""A process that does runs: the pool's end of it, and what the process itself does.

The process is alone in its session, prints nothing, and ends when the main process ends.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import json
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from proofolio.benchmarking.execution import Executor
from proofolio.benchmarking.judgement import LATE, LATE_PART
from proofolio.benchmarking.records import fit
from proofolio.benchmarking.runs import Run
from proofolio.processes import Family, adopt_orphans, is_alive, limited, threads

__all__ = ["READY", "SEARCHED", "SEARCHING", "START_LIMIT", "WARMED", "WARMING", "Worker", "work"]


# What a process says beside its answers, which are JSON.
READY, WARMING, WARMED = b"ready", b"warming", b"warmed"
SEARCHING, SEARCHED = b"searching", b"searched"
# Seconds until a process must be ready, and that a warm-up may take: imports are slow on a busy machine.
START_LIMIT, WARM_LIMIT = 120.0, 30.0
# How often, and after which pause in seconds, a start is tried again that a dying fork server refused.
REFUSALS, PAUSE = 100, 0.02
# Bytes of a log that are read: the end, where the reason stands.
LOG_READ = 4000
ON_PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG
# Seconds that threads which were asked to end are given.
ENDING = 0.1
# Seconds after the latest moment at which the pool would have killed a run: then the system does.
LATER = 30.0


class Worker:
    """A process as the pool sees it: the run it does, and until when it may.

    Parameters
    ----------
    context : multiprocessing context
    folder : Path
        Where its log is written.
    number : int
        Names the log.
    """

    def __init__(self, context: Any, folder: Path, number: int) -> None:
        self.log = folder / f"worker-{number}.log"
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, str(self.log)), daemon=True)
        _start(self.process)
        theirs.close()
        self.family = Family(self.process.pid)
        self.ready = False
        self.server = 0
        # what is left of a run's limit while it waits for a warm-up
        self.left: float | None = None
        # when the run ends while the solver's own limit is the nearer one
        self.hard: float | None = None
        self.run: Run | None = None
        self.done = 0
        self.peak = 0.0
        self.began = time.monotonic()
        self.until = self.began + START_LIMIT

    def give(self, run: Run, warm: bool) -> None:
        """Send a run, whose clock starts now."""
        self.run, self.began, self.peak, self.hard = run, time.monotonic(), 0.0, None
        self.until = self.began + run.hard_limit
        with suppress(OSError):  # one that has just died is noticed by its end
            self.connection.send_bytes(json.dumps({"run": run.to_json(), "warm": warm}).encode())

    def warming(self, begins: bool) -> None:
        """Stop the clock of the run for a warm-up that begins, or let it go on after one that has ended."""
        now = time.monotonic()
        if begins:
            self.left, self.until = self.until - now, now + WARM_LIMIT
        elif self.left is not None:
            self.until, self.left = now + self.left, None

    def searching(self, begins: bool) -> None:
        """Hold the solver, from here on, to its own limit as it is judged; afterwards the run to what it has left."""
        if begins and self.run is not None:
            limit = self.run.time_limit
            nearer = time.monotonic() + limit + max(LATE, LATE_PART * limit)
            if nearer < self.until:
                self.hard, self.until = self.until, nearer
        elif self.hard is not None:
            self.until, self.hard = self.hard, None

    def orphaned(self) -> bool:
        """Return whether the fork server, whose end is that of all its children, has ended."""
        return self.server > 0 and not is_alive(self.server)

    def kill(self) -> None:
        """End the process and all it has started; a signal that cannot be ignored."""
        self.family.kill()
        with suppress(OSError, AttributeError):
            self.process.kill()
        self.process.join()
        self.connection.close()

    @property
    def elapsed(self) -> float:
        """Seconds since the run was given."""
        return time.monotonic() - self.began

    def last_output(self) -> str:
        """Return the end of what was printed during the run."""
        with suppress(OSError):
            data = self.log.read_bytes()
            return data[-LOG_READ:].decode("utf-8", "replace").strip()
        return ""


def _start(process: Any) -> None:
    """Start a process; a fork server that is dying refuses until Python has noticed and made another."""
    for _ in range(REFUSALS):
        try:
            process.start()
        except (ConnectionError, EOFError):
            time.sleep(PAUSE)
        else:
            return
    process.start()


def work(connection: Connection, log: str) -> None:
    """Do the runs that come, one at a time, until the other end is closed.

    Parameters
    ----------
    connection : Connection
        Runs arrive as JSON, and what was measured goes back as JSON.
    log : str
        The file that takes what is printed meanwhile; it begins anew with every run.
    """
    _alone()
    with open(log, "w+b") as file:  # noqa: PTH123  # its descriptor is wanted
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        faulthandler.enable(file)
        place, before, pythons = Path.cwd(), 0, 0

        def warming(begins: bool) -> None:
            nonlocal before, pythons
            # what a solver keeps for good, such as a pool of threads, it has after its warm-up; what building
            # loads may keep some too, but then none of Python's
            pythons += threading.active_count() * (-1 if begins else 1)
            before = threads() or 0
            connection.send_bytes(WARMING if begins else WARMED)

        def searching(begins: bool) -> None:
            connection.send_bytes(SEARCHING if begins else SEARCHED)

        execute = Executor(warming, searching)
        with suppress(EOFError, OSError):
            connection.send_bytes(READY + str(os.getppid()).encode())
            while True:
                asked = json.loads(connection.recv_bytes())
                run = Run.from_json(asked["run"])
                file.seek(0)
                file.truncate()
                before, pythons = threads() or 0, threading.active_count()
                # if the main process no longer exists to kill this one, the system's own clock ends it
                signal.setitimer(signal.ITIMER_REAL, run.hard_limit + WARM_LIMIT + LATER)
                with limited(run.memory_limit):
                    measured = execute(run, warm=asked["warm"])
                signal.setitimer(signal.ITIMER_REAL, 0.0)
                spoiled = _spoiled(file.fileno(), before, pythons)
                connection.send_bytes(json.dumps({"measured": fit(measured), "spoiled": spoiled}).encode())
                with suppress(OSError):
                    os.chdir(place)
    # what a broken solver left behind must not spoil the end
    os._exit(0)


def _alone() -> None:
    """Leave the terminal's session, so that Ctrl-C is for the parent, and die when the parent dies."""
    with suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            # this is for the fork server, which is the parent to the system
            ctypes.CDLL(None).prctl(ON_PARENT_DEATH, signal.SIGKILL)
    adopt_orphans()  # children of children stay in the family, where they are found
    _die_with_main()


def _die_with_main() -> None:
    """Have the system end this process and its children when the main process is gone, whatever hangs here.

    The main process holds the other end of the sentinel's pipe, and never writes to it again. Once that is
    closed the system sends SIGIO, which ends a process by default; a thread would have to wait for Python's lock.
    """
    main = parent_process()
    if main is None:
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    with suppress(OSError):
        own = os.getpid() if os.getpgrp() != os.getpid() else -os.getpgrp()
        fcntl.fcntl(main.sentinel, fcntl.F_SETOWN, own)
        fcntl.fcntl(main.sentinel, fcntl.F_SETFL, fcntl.fcntl(main.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([main.sentinel], [], [], 0.0)[0]:
            os._exit(1)


def _spoiled(log: int, before: int, pythons: int) -> bool:
    """Return whether a run left something that later runs here would suffer from."""
    try:
        if not all(os.path.samestat(os.fstat(stream), os.fstat(log)) for stream in (1, 2)):
            return True
    except OSError:
        return True
    patience = time.monotonic() + ENDING  # threads that are asked to end take a moment
    while (threads() or 0) > before or threading.active_count() > pythons:
        if time.monotonic() > patience:
            return True
        time.sleep(0.005)
    return bool(Family(os.getpid()).look())
