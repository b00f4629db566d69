"""Processes that do runs, each under hard limits: one that misbehaves is killed, and the others go on."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import connection, resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofolio.benchmarking.runs import Run
from proofolio.benchmarking.worker import READY, SEARCHED, SEARCHING, START_LIMIT, WARMED, WARMING, Worker
from proofolio.errors import SolverFailure

__all__ = ["Pool"]


# Processes in a row that may fail to start before the benchmark is given up.
STARTS_TRIED = 3
# Seconds between two looks at the memory and the clocks of the workers.
POLL = 0.02
# Runs that a process does before it is replaced: what runs leave in memory must not grow over a long benchmark.
RUNS_EACH = 250
PRELOADED = ("proofolio.benchmarking.worker", "proofolio.interfaces.files.model_files")
PRELOADED_IF_USED = ("pyomo.environ", "cvxpy", "proofolio.models", "proofolio.formulations")
# A process that dies with this share of its memory limit in use has died of it.
NEAR_LIMIT = 0.9
# What a process prints that dies of a refused allocation.
LOST_ALLOCATIONS = ("bad_alloc", "MemoryError", "Cannot allocate memory", "out of memory")


class Pool:
    """Workers from a fork server that has everything imported already.

    Many short runs share a worker; one that overruns its time or memory, or crashes, takes its worker with it and
    nothing else.

    Parameters
    ----------
    jobs : int
        Processes at a time.
    given : function of a run, optional
        Called when a process is given a run.

    Examples
    --------
    >>> from proofolio.benchmarking import Pool
    >>> with Pool(2) as pool:
    ...     list(pool.measure([]))
    []
    """

    def __init__(self, jobs: int = 1, given: Callable[[Run], None] | None = None) -> None:
        self._jobs = max(1, jobs)
        self._given = given
        self._context = multiprocessing.get_context("forkserver")
        used = [name for name in PRELOADED_IF_USED if name in sys.modules]
        self._context.set_forkserver_preload([*PRELOADED, *used])
        _quiet_tracker()
        self._folder = tempfile.TemporaryDirectory(prefix="proofolio-bench-", ignore_cleanup_errors=True)
        self._workers: list[Worker] = []
        self._started = 0
        self._failed_starts = 0
        # solvers whose warm-up failed, and is left out from then on
        self._cold: set[tuple[str, str]] = set()
        # runs lost together, of which one is the cause: each is tried again alone
        self._suspects: deque[Run] = deque()
        self._tried_again: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill whatever still runs."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        self._folder.cleanup()

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(w.process.pid for w in self._workers if w.process.pid is not None)

    def measure(self, runs: Iterable[Run]) -> Iterator[tuple[Run, dict[str, Any]]]:
        """Do runs, and yield each with what was measured of it, as they end.

        Raises
        ------
        SolverFailure
            When processes cannot be started at all.
        """
        waiting = deque(runs)
        while waiting or self._suspects or self._busy():
            self._supply(waiting)
            yield from self._ended(self._news())

    def _busy(self) -> int:
        return sum(w.run is not None for w in self._workers)

    def _supply(self, waiting: deque[Run]) -> None:
        alone = bool(self._suspects) or any(
            w.run is not None and self._is_suspect(w.run) for w in self._workers
        )
        wanted = min(1 if alone else self._jobs, len(waiting) + len(self._suspects) + self._busy())
        while len(self._workers) < wanted:
            self._started += 1
            self._workers.append(Worker(self._context, Path(self._folder.name), self._started))
        for worker in self._workers:
            queue = self._suspects or waiting
            if worker.ready and worker.run is None and queue and not (alone and self._busy()):
                run = queue.popleft()
                worker.give(run, _kind(run) not in self._cold)
                if self._given is not None:
                    self._given(run)

    def _is_suspect(self, run: Run) -> bool:
        return run.key in self._tried_again

    def _again(self, worker: Worker) -> bool:
        """Put a run back that was lost by no doing of its own, as far as is known; say whether it was."""
        run = worker.run
        if run is None:
            return False
        if worker.left is not None:  # it was only warming up
            self._cold.add(_kind(run))
        elif worker.orphaned() and not self._is_suspect(run):
            self._tried_again.add(run.key)
        else:
            return False
        self._suspects.append(run)
        worker.run = None
        return True

    def _news(self) -> set[Any]:
        """Wait for an answer, an end or a limit."""
        now = time.monotonic()
        watched = [w for w in self._workers if w.run is not None or not w.ready]
        room = min((w.until - now for w in watched), default=0.0)
        sources: list[Any] = [w.connection for w in self._workers] + [
            w.process.sentinel for w in self._workers
        ]
        return set(connection.wait(sources, timeout=max(0.0, min(room, POLL))))

    def _ended(self, news: set[Any]) -> Iterator[tuple[Run, dict[str, Any]]]:
        for worker in list(self._workers):
            measured = self._outcome(worker, news)
            if measured is None:
                continue
            run = worker.run
            worker.run = None
            if run is not None:
                worker.done += 1
                yield run, measured

    def _outcome(self, worker: Worker, news: Sequence[Any] | set[Any]) -> dict[str, Any] | None:
        """Return what is to be recorded of a worker's run if it has ended, one way or another."""
        if worker.connection in news:
            try:
                message = worker.connection.recv_bytes()
            except (EOFError, OSError):
                return self._died(worker)
            if message.startswith(READY):
                worker.ready, worker.server, self._failed_starts = True, int(message[len(READY) :]), 0
                return None
            if message in (WARMING, WARMED):
                worker.warming(message == WARMING)
                return None
            if message in (SEARCHING, SEARCHED):
                worker.searching(message == SEARCHING)
                return None
            answer = json.loads(message)
            measured: dict[str, Any] = answer["measured"]
            measured["memory_peak"] = max(measured["memory_peak"] or 0.0, worker.peak) or None
            if answer["spoiled"] or measured["status"] == "memory" or worker.done + 1 >= RUNS_EACH:
                self._drop(worker)
            return measured
        if worker.process.sentinel in news:
            return self._died(worker)
        if worker.run is None and worker.ready:
            return None
        worker.peak = max(worker.peak, worker.family.megabytes() or 0.0)
        if worker.run is not None and worker.peak > worker.run.memory_limit:
            return self._killed(worker, "memory", f"killed above its limit of {worker.run.memory_limit:g} MB")
        if time.monotonic() > worker.until:
            limit = worker.run.hard_limit if worker.run is not None else START_LIMIT
            how = f"it was still running after {limit:g} s"
            if worker.run is not None and worker.hard is not None:
                how = f"its solver did not come back soon after its limit of {worker.run.time_limit:g} s"
            return self._killed(worker, "limit", f"killed: {how}")
        return None

    def _killed(self, worker: Worker, status: str, message: str) -> dict[str, Any] | None:
        elapsed = worker.elapsed
        self._drop(worker)
        if self._again(worker):
            return None
        if worker.run is None:
            self._not_started(worker, message)
            return None
        return _lost(worker, status, message, elapsed)

    def _died(self, worker: Worker) -> dict[str, Any] | None:
        elapsed = worker.elapsed
        worker.process.join(1.0)
        code = worker.process.exitcode
        self._drop(worker)
        how = _ending(code)
        if self._again(worker):
            return None
        if worker.run is None:
            if not worker.ready:
                self._not_started(worker, how)
            return None
        printed = worker.last_output()
        refused = any(sign in printed for sign in LOST_ALLOCATIONS)
        if refused or worker.peak > NEAR_LIMIT * worker.run.memory_limit:
            return _lost(worker, "memory", f"{how}, at its memory limit", elapsed)
        return _lost(worker, "crash", f"{how}{_quoted(printed)}", elapsed)

    def _not_started(self, worker: Worker, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= STARTS_TRIED:
            raise SolverFailure(
                f"no process can be started for the runs: {how}{_quoted(worker.last_output())}"
            )

    def _drop(self, worker: Worker) -> None:
        worker.kill()
        self._workers.remove(worker)


def _kind(run: Run) -> tuple[str, str]:
    return run.source, run.solver


def _quiet_tracker() -> None:
    """Start Python's tracker of shared resources so that it cleans up after killed processes without a word."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    try:
        resource_tracker.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _lost(worker: Worker, status: str, message: str, elapsed: float) -> dict[str, Any]:
    return {
        "status": status,
        "message": message,
        "seconds": elapsed,
        "memory_peak": worker.peak or None,
        "runs_before": worker.done,
    }


def _ending(code: int | None) -> str:
    if code is None:
        return "its process ended"
    if code >= 0:
        return f"its process ended by itself with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"its process was ended by signal {name}"


def _quoted(printed: str) -> str:
    """Return the most telling line of what a process printed: the first that Python's own handler writes."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    places = [line for line in lines if line.startswith("File ")]
    if fatal:
        return f" ({fatal[-1]}{f', {places[0]}' if places else ''})"
    return f" ({lines[-1][:300]})" if lines else ""
