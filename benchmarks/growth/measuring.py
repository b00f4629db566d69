"""Time and memory of one solver as a size grows: a curve, drawn by a process of its own, every answer checked."""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from proofolio.processes import forget_peak, peak_megabytes, resident_megabytes
from proofolio.report.environment import cores

__all__ = ["Curve", "Job", "Limits", "Part", "Point", "Stopped", "Task", "Verdict", "judged", "measured"]

MOST = 40  # runs after which a median is settled
FEWEST, LONG = 3, 1.0  # runs, of less than so many seconds each; a longer one is made once
PATIENCE = (
    4.0  # limits of a run that one size may take, set-up and check included, before its process is ended
)
WARMING = 180.0  # seconds in which solvers are loaded; machine code is compiled once on a machine
READY = "ready"
UNRELATED = 1e-300  # values below it have no relative difference


class Stopped(Exception):
    """A size that is not measured, and why: `str` of it is a short sentence without a full stop."""


class Verdict(NamedTuple):
    """What checking came to: why the answers are wrong, or "", and what they are worth (the least is the best)."""

    wrong: str
    value: float | None = None


class Part(NamedTuple):
    """An answer of a run of which only a part counts, with the CPU seconds of that part."""

    answer: Any
    seconds: float


class Task(NamedTuple):
    """A job of one size: what sets it up and returns its runs, made in turn, and what checks an answer of each."""

    setup: Callable[[], Sequence[Callable[[], Any]]]
    check: Callable[[Sequence[Any]], Verdict]


@dataclass(frozen=True)
class Job:
    """A job whose size grows.

    Attributes
    ----------
    name, title, across : str
        On the command line, as a heading, and below the chart: what grows.
    sizes, quick : tuple of int
    solvers : mapping
        By name: what makes the task of a size; its data are made there and not in the task's set-up.
    checked : str
        How answers are checked, in a sentence.
    tolerance : float
        By how much, relatively, a value may be worse than the best of a size.
    same : bool
        Whether values must agree, instead of being no worse than the best.
    """

    name: str
    title: str
    across: str
    sizes: tuple[int, ...]
    quick: tuple[int, ...]
    solvers: Mapping[str, Callable[[int], Task]]
    checked: str
    tolerance: float = 1e-6
    same: bool = False


class Limits(NamedTuple):
    """CPU seconds of a run and of a whole curve with set-up and checks, at which it ends, and of runs for a median."""

    run: float = 5.0
    curve: float = 14.0
    settled: float = 0.2


@dataclass(frozen=True)
class Point:
    """One size: median CPU seconds of the runs, megabytes above what the process held, and what checking found."""

    size: int
    seconds: float
    megabytes: float
    runs: int
    wrong: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Curve:
    """The points of one solver, and where and why it ended before the last size: 0 and "" where it did not."""

    solver: str
    points: tuple[Point, ...] = ()
    ended_at: int = 0
    ended: str = ""
    loads: tuple[float, ...] = field(default=())

    @property
    def right(self) -> tuple[Point, ...]:
        """The points that may be drawn: those whose answers were checked and hold."""
        return tuple(point for point in self.points if not point.wrong)


# ------------------------------------------------------------------ in the process of a curve
def _draw(send: Any, make: Callable[[int], Task], sizes: Sequence[int], limits: Limits) -> None:
    past: list[tuple[int, float]] = []
    with threadpool_limits(1):
        with suppress(Stopped):  # the first size says so itself
            first = make(sizes[0])
            for run in first.setup():  # solvers are loaded, machine code too
                run()
        send.send(READY)
        began = time.process_time()
        for size in sizes:
            expected = _expected(past, size)
            if expected > limits.run:
                send.send((size, f"a run would take about {expected:.2g} s"))
                return
            if time.process_time() - began > limits.curve:
                send.send((size, f"the curve had its {limits.curve:g} s"))
                return
            try:
                point = _point(make(size), size, limits)
            except Stopped as reason:
                send.send((size, str(reason)))
                return
            past.append((size, point.seconds))
            send.send(point)
    send.send(None)


def _expected(past: Sequence[tuple[int, float]], size: int) -> float:
    """Return the seconds that the next size will take, if the curve goes on as it did."""
    if len(past) < 2:
        return 0.0 if not past else past[-1][1]
    (before, less), (last, seconds) = past[-2:]
    slope = math.log(max(seconds, 1e-9) / max(less, 1e-9)) / math.log(last / before)
    return seconds * (size / last) ** max(slope, 0.0)


def _point(task: Task, size: int, limits: Limits) -> Point:
    _trim()
    forget_peak()
    held = resident_megabytes() or 0.0
    runs = task.setup()
    answers, seconds = [], []
    for run in runs:
        answer, took = _timed(run)
        answers.append(answer)
        seconds.append(took)
        if took > limits.run:
            break
    while (
        len(seconds) < MOST
        and (len(seconds) < FEWEST or sum(seconds) < limits.settled)
        and max(seconds) < LONG
    ):
        seconds += [_timed(run)[1] for run in runs]
    megabytes = max(peak_megabytes() - held, 0.0)
    verdict = task.check(answers)
    median = statistics.median(seconds)
    return Point(size, median, megabytes, len(seconds), verdict.wrong, verdict.value)


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    answer = run()
    seconds = time.process_time() - started
    return (answer.answer, answer.seconds) if isinstance(answer, Part) else (answer, seconds)


def _trim() -> None:
    """Give what smaller sizes left behind back to the system, where it has a call for that."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


# ------------------------------------------------------------------ in the process that asks for it
def measured(job: Job, solver: str, sizes: Sequence[int], limits: Limits) -> Curve:
    """Return the curve of one solver of a job; a size that does not end is ended, and said so."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_draw, args=(send, job.solvers[solver], sizes, limits))
    child.start()
    send.close()
    points: list[Point] = []
    ended_at, ended, patience = 0, "", WARMING
    while True:
        if not receive.poll(patience):
            ended = f"not done in {patience:.0f} s, set-up and check included"
            break
        try:
            said = receive.recv()
        except EOFError:
            ended = "its process ended"
            break
        patience = PATIENCE * limits.run * _crowded()
        if said == READY:
            continue
        if not isinstance(said, Point):
            ended_at, ended = said or (0, "")
            break
        points.append(said)
    if ended and not ended_at:
        child.kill()
    child.join()
    if ended and not ended_at:
        ended_at = sizes[len(points)] if len(points) < len(sizes) else sizes[-1]
    return Curve(solver, tuple(points), ended_at, ended)


def _crowded() -> float:
    """Return how many times longer than on a quiet machine CPU seconds take."""
    return min(5.0, max(1.0, 1.5 * os.getloadavg()[0] / cores()))


def judged(curves: Sequence[Curve], tolerance: float, *, same: bool = False) -> list[Curve]:
    """Call answers wrong that another solver's answer of the same size refutes."""
    at: dict[int, list[float]] = {}
    for curve in curves:
        for point in curve.right:
            if point.value is not None:
                at.setdefault(point.size, []).append(point.value)
    return [
        replace(curve, points=tuple(_judged(point, at.get(point.size, []), tolerance, same) for point in curve.points))
        for curve in curves
    ]  # fmt: skip


def _judged(point: Point, values: Sequence[float], tolerance: float, same: bool) -> Point:
    if point.wrong or point.value is None:
        return point
    if not math.isfinite(point.value):
        return replace(point, wrong="its value is not a number")
    best = min(values)
    worse = (max(values) if same else point.value) - best
    relative = worse / max(abs(best), UNRELATED)
    if relative <= tolerance:
        return point
    said = "answers differ" if same else "worse than another's answer"
    return replace(point, wrong=f"{said} by {relative:.1e}")


def announce(text: str) -> None:
    """Show progress on the terminal, away from what the command prints."""
    print(text, file=sys.stderr, flush=True)
