"""Processes that do runs, each under hard limits: one that misbehaves is killed, and no other knows of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import connection, resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofolio.benchmarking.processes import Family, is_alive
from proofolio.benchmarking.runs import Run
from proofolio.benchmarking.worker import READY, WARM_LIMIT, WARMED, WARMING, work
from proofolio.errors import SolverFailure

__all__ = ["Pool"]


START_LIMIT = 120.0
STARTS_TRIED = 3
POLL = 0.02
# What a worker's predecessors leave in memory is not for the rest of a long benchmark to carry.
RUNS_EACH = 250
LOG_READ = 4000
PRELOADED = ("proofolio.benchmarking.worker", "proofolio.interfaces.files.model_files")
PRELOADED_IF_USED = ("pyomo.environ", "cvxpy", "proofolio.models", "proofolio.formulations")
NEAR_LIMIT = 0.9
REFUSALS, PAUSE = 100, 0.02
LOST_ALLOCATIONS = ("bad_alloc", "MemoryError", "Cannot allocate memory", "out of memory")


class _Worker:
    """A process, the run it is at, and until when."""

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
        self.run: Run | None = None
        self.done = 0
        self.peak = 0.0
        self.began = time.monotonic()
        self.until = self.began + START_LIMIT

    def give(self, run: Run, warm: bool) -> None:
        self.run, self.began, self.peak = run, time.monotonic(), 0.0
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
        return time.monotonic() - self.began

    def last_words(self) -> str:
        """Return what was printed during the run, the end of it."""
        with suppress(OSError):
            data = self.log.read_bytes()
            return data[-LOG_READ:].decode("utf-8", "replace").strip()
        return ""


class Pool:
    """Workers from a fork server that has everything imported already.

    Many short runs share a worker; one that overruns its time or memory, or crashes, takes its worker with it and
    nothing else.

    Parameters
    ----------
    jobs : int
        Processes at a time.

    Examples
    --------
    >>> from proofolio.benchmarking import Pool
    >>> with Pool(2) as pool:
    ...     list(pool.measure([]))
    []
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = max(1, jobs)
        self._context = multiprocessing.get_context("forkserver")
        used = [name for name in PRELOADED_IF_USED if name in sys.modules]
        self._context.set_forkserver_preload([*PRELOADED, *used])
        _quiet_tracker()
        self._folder = tempfile.TemporaryDirectory(prefix="proofolio-bench-", ignore_cleanup_errors=True)
        self._workers: list[_Worker] = []
        self._started = 0
        self._failed_starts = 0
        # whoever failed to warm up, and does without
        self._cold: set[tuple[str, str]] = set()
        # lost together, one of them by its own doing: each is tried again with nobody beside it
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
            self._workers.append(_Worker(self._context, Path(self._folder.name), self._started))
        for worker in self._workers:
            queue = self._suspects or waiting
            if worker.ready and worker.run is None and queue and not (alone and self._busy()):
                run = queue.popleft()
                worker.give(run, _kind(run) not in self._cold)

    def _is_suspect(self, run: Run) -> bool:
        return run.key in self._tried_again

    def _again(self, worker: _Worker) -> bool:
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
        doors: list[Any] = [w.connection for w in self._workers] + [w.process.sentinel for w in self._workers]
        return set(connection.wait(doors, timeout=max(0.0, min(room, POLL))))

    def _ended(self, news: set[Any]) -> Iterator[tuple[Run, dict[str, Any]]]:
        for worker in list(self._workers):
            measured = self._looked_at(worker, news)
            if measured is None:
                continue
            run = worker.run
            worker.run = None
            if run is not None:
                worker.done += 1
                yield run, measured

    def _looked_at(self, worker: _Worker, news: Sequence[Any] | set[Any]) -> dict[str, Any] | None:
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
        held = worker.family.megabytes()
        worker.peak = max(worker.peak, held or 0.0)
        if worker.run is not None and worker.peak > worker.run.memory_limit:
            return self._killed(worker, "memory", f"killed above its limit of {worker.run.memory_limit:g} MB")
        if time.monotonic() > worker.until:
            limit = worker.run.hard_limit if worker.run is not None else START_LIMIT
            return self._killed(worker, "limit", f"killed: it was still running after {limit:g} s")
        return None

    def _killed(self, worker: _Worker, status: str, message: str) -> dict[str, Any] | None:
        elapsed = worker.elapsed
        self._drop(worker)
        if self._again(worker):
            return None
        if worker.run is None:
            self._not_started(worker, message)
            return None
        return _lost(worker, status, message, elapsed)

    def _died(self, worker: _Worker) -> dict[str, Any] | None:
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
        words = worker.last_words()
        refused = any(sign in words for sign in LOST_ALLOCATIONS)
        if refused or worker.peak > NEAR_LIMIT * worker.run.memory_limit:
            return _lost(worker, "memory", f"{how}, at its memory limit", elapsed)
        return _lost(worker, "crash", f"{how}{_quoted(words)}", elapsed)

    def _not_started(self, worker: _Worker, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= STARTS_TRIED:
            raise SolverFailure(
                f"no process can be started for the runs: {how}{_quoted(worker.last_words())}"
            )

    def _drop(self, worker: _Worker) -> None:
        worker.kill()
        self._workers.remove(worker)


def _kind(run: Run) -> tuple[str, str]:
    return run.source, run.way


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


def _lost(worker: _Worker, status: str, message: str, elapsed: float) -> dict[str, Any]:
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


def _quoted(words: str) -> str:
    """Return the line of a process's last words that says most: the first that Python's own handler writes."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    places = [line for line in lines if line.startswith("File ")]
    if fatal:
        return f" ({fatal[-1]}{f', {places[0]}' if places else ''})"
    return f" ({lines[-1][:300]})" if lines else ""
