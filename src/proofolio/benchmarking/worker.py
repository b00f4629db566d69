"""The process that does runs: alone in its session, silent, and gone when the one that asked is gone."""

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

from proofolio.benchmarking.execution import Executor
from proofolio.benchmarking.measured import fit
from proofolio.benchmarking.processes import Family, limited, threads
from proofolio.benchmarking.runs import Run

__all__ = ["READY", "WARMED", "WARMING", "WARM_LIMIT", "work"]


READY, WARMING, WARMED = b"ready", b"warming", b"warmed"
WARM_LIMIT = 30.0
ON_PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG
ADOPTS = 36  # prctl's PR_SET_CHILD_SUBREAPER
ENDING = 0.1
LATER = 30.0


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

        execute = Executor(warming)
        with suppress(EOFError, OSError):
            connection.send_bytes(READY + str(os.getppid()).encode())
            while True:
                asked = json.loads(connection.recv_bytes())
                run = Run.from_json(asked["run"])
                file.seek(0)
                file.truncate()
                before, pythons = threads() or 0, threading.active_count()
                # should nobody be left to kill this process, the system's own clock ends it
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
            # children of children stay in the family, where they are found
            ctypes.CDLL(None).prctl(ADOPTS, 1)
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
