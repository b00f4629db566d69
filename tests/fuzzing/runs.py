"""A run of many instances in processes of their own, so that nothing the product does can end or stop it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.fuzzing.instances import drawn, examined, reproduction, smallest
from tests.fuzzing.judges import Report, Wrong

__all__ = ["Run", "made_small", "searched", "tasks"]

PATIENCE = 40.0  # seconds after which an instance that was given 5 counts as one that never returns
SHRINKING = 60.0  # seconds for making one failing input small


def examine(kind: str, seed: int, index: int) -> Report:
    return examined(drawn(kind, seed, index))


def make_small(kind: str, seed: int, index: int, word: str) -> str:
    found = smallest(drawn(kind, seed, index), word, SHRINKING)
    said = [w for w in examined(found).wrong if w.word == word]
    return "\n".join([reproduction(found), *map(str, said)])


def work(pipe: multiprocessing.connection.Connection) -> None:
    """Answer tasks until there are no more."""
    while (task := pipe.recv()) is not None:
        function, arguments = task
        pipe.send(function(*arguments))


@dataclass
class Worker:
    """A process with one task at a time."""

    process: Any
    pipe: multiprocessing.connection.Connection
    task: tuple[Any, ...] = ()
    began: float = 0.0

    @classmethod
    def started(cls) -> Worker:
        context = multiprocessing.get_context("spawn")
        mine, yours = context.Pipe()
        process = context.Process(target=work, args=(yours,), daemon=True)
        process.start()
        yours.close()
        return cls(process, mine)

    def give(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.task, self.began = arguments, time.monotonic()
        self.pipe.send((function, arguments))

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Run:
    """All that was found so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.done: Counter[str] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.wrong: dict[tuple[str, str], list[tuple[int, Wrong]]] = {}
        self.notes: dict[tuple[str, str], list[tuple[int, Wrong]]] = {}

    def take(self, kind: str, index: int, report: Report) -> None:
        self.done[kind] += 1
        self.counts.update({(kind, name): n for name, n in report.counts.items()})
        for where, found in ((self.wrong, report.wrong), (self.notes, report.notes)):
            for one in found:
                where.setdefault((kind, one.word), []).append((index, one))

    def lost(self, kind: str, index: int, word: str, came: str) -> None:
        self.take(
            kind, index, Report(Counter({word: 1}), [Wrong(word, "process", came, "an answer in time")])
        )

    @property
    def faults(self) -> int:
        return sum(map(len, self.wrong.values()))


def tasks(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return all tasks, the kinds well mixed, so that a run that is cut short has seen all of them."""
    every = [((k + 0.5) / count, kind, k) for kind, count in counts.items() for k in range(count)]
    return [(kind, k) for _, kind, k in sorted(every)]


def searched(run: Run, waiting: list[tuple[str, int]], seconds: float, processes: int) -> None:
    deadline = time.monotonic() + seconds
    waiting = waiting[::-1]
    workers = [Worker.started() for _ in range(processes)]
    total, shown, began = len(waiting), time.monotonic(), time.monotonic()
    while True:
        for k, worker in enumerate(workers):
            if worker.task:
                kind, _, index = worker.task
                if worker.pipe.poll():
                    try:
                        run.take(kind, index, worker.pipe.recv())
                    except (EOFError, OSError):
                        worker.process.join()
                        run.lost(kind, index, "died", f"exit status {worker.process.exitcode}")
                        workers[k] = worker = Worker.started()
                    worker.task = ()
                elif time.monotonic() - worker.began > PATIENCE:
                    worker.stop()
                    run.lost(kind, index, "never returns", f"nothing after {PATIENCE:g} s")
                    workers[k] = worker = Worker.started()
            if not worker.task and waiting and time.monotonic() < deadline:
                kind, index = waiting.pop()
                worker.give(examine, (kind, run.seed, index))
        busy = [w.pipe for w in workers if w.task]
        if not busy:
            break
        multiprocessing.connection.wait(busy, timeout=1.0)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            done = sum(run.done.values())
            print(f"  {done} of {total} in {shown - began:.0f} s, {run.faults} wrong words", file=sys.stderr)
    for worker in workers:
        worker.stop()


def made_small(kind: str, seed: int, index: int, word: str) -> str:
    """Return how to reproduce a wrong word with a small input."""
    worker = Worker.started()
    worker.give(make_small, (kind, seed, index, word))
    try:
        if worker.pipe.poll(SHRINKING + PATIENCE):
            return str(worker.pipe.recv())
        return "  (the process did not come back while the input was made smaller)"
    except (EOFError, OSError):
        return "  (the process died while the input was made smaller)"
    finally:
        worker.stop()
