"""A whole benchmark: the runs without a record are done, here or on a dask cluster, and recorded as they end.

On a cluster too each run has a process of its own under its hard limits: a worker hands its runs to this module, run
as a program (``python -m proofolio.benchmarking.benchmark``), since a worker of dask may not have children.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from proofolio.benchmarking.execution import rebuilt_hash
from proofolio.benchmarking.pool import Pool
from proofolio.benchmarking.records import Records
from proofolio.benchmarking.runs import Run
from proofolio.cluster import on_cluster
from proofolio.errors import SolverFailure
from proofolio.progress import Progress, shows_progress

__all__ = ["benchmark", "measure_on_cluster", "measured_apart"]


# Runs that a worker of the cluster takes at a time.
TOGETHER = 16
# Seconds beyond the hard limits of its runs after which a worker's program is given up: it has to import everything.
SPARE = 180.0


@shows_progress("benchmark")
def benchmark(
    runs: Sequence[Run],
    folder: Path,
    environment: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    running: Progress | None = None,
) -> list[dict[str, Any]]:
    """Do the runs that the folder has no record of, and return the records of all.

    Each case of a Python file that is recorded is built once more: where its program is no longer the recorded one,
    as after a change of the data that it reads, its runs are done again.

    Whatever ends the benchmark early, what was recorded stays, and the same call does the rest.

    Parameters
    ----------
    runs : sequence of Run
        From `plan`.
    folder : Path
        Where ``runs.jsonl`` is, or is made.
    environment : mapping, optional
        What the records are made on: ``machine``, ``versions``, ``command``.
    jobs : int
        Processes at a time on this machine.
    scheduler : str, optional
        Address of a dask scheduler whose workers do the runs instead.
    progress : function of (what, done, total), optional
        Called when a run has ended. A bar by default in a notebook, and nothing elsewhere.
    running : function of (what, done, total), optional
        Called when a run begins on this machine.

    Raises
    ------
    BadData
        When the folder cannot be used, or no scheduler answers.
    """
    say, tell = progress or _quiet, running or _quiet
    done = 0

    def begun(run: Run) -> None:
        tell(f"{run.case} {run.solver}", done, len(runs))

    with ExitStack() as stack:
        records = stack.enter_context(Records(folder, environment or {}))
        missing = _outdated(runs, records)
        done = len(runs) - len(missing)
        if missing and scheduler is not None:
            measured = measure_on_cluster(missing, scheduler)
        else:
            measured = stack.enter_context(Pool(jobs, begun)).measure(missing)
        for run, found in measured:
            records.add(run, found)
            done += 1
            say(f"{run.case} {run.solver}: {found['status']}", done, len(runs))
        return records.of(runs)


def _outdated(runs: Sequence[Run], records: Records) -> list[Run]:
    """Return the runs without a record, and those whose record is of another program than is built now."""
    now: dict[str, str] = {}

    def changed(run: Run) -> bool:
        known = records.program(run)
        if not known or not run.source.endswith(".py"):
            return False
        if run.case not in now:
            now[run.case] = rebuilt_hash(run)
        return now[run.case] != known

    missing = {run.key for run in records.missing(runs)}
    return [run for run in runs if run.key in missing or changed(run)]


def _quiet(what: str, done: int, total: int) -> None:
    pass


def measure_on_cluster(runs: Sequence[Run], address: str) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Do runs on a cluster's workers, and yield each with what was measured of it, as they end.

    A worker takes a handful of runs of one suite at a time, and gives them to a process of its own that isolates
    each. The file or folder of the suite must lie at the same path on every worker.

    Parameters
    ----------
    runs : sequence of Run
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    BadData
        When dask.distributed is not installed, or nothing answers at the address.
    LostCluster
        When the scheduler is lost, or has no workers.
    """
    together = _together(runs)
    inputs = [[run.to_json() for run in some] for some in together]
    for k, found, failure in on_cluster(address, _measured, None, inputs):
        # a handful of runs whose workers are lost each time is recorded
        lost = {"status": "crash", "message": f"the cluster lost it: {failure}", "seconds": None}
        yield from zip(together[k], found if failure is None else [lost] * len(together[k]), strict=True)


def _measured(_: None, lines: Sequence[str]) -> list[dict[str, Any]]:
    return measured_apart(lines)


def _together(runs: Sequence[Run]) -> list[list[Run]]:
    found: list[list[Run]] = []
    for run in runs:
        if found and len(found[-1]) < TOGETHER and found[-1][0].source == run.source:
            found[-1].append(run)
        else:
            found.append([run])
    return found


def measured_apart(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Do runs, given as lines of JSON, in a Python of their own: a worker of dask may not have children itself.

    Raises
    ------
    SolverFailure
        When that Python ends without an answer for each.
    """
    patience = sum(Run.from_json(line).hard_limit for line in lines) + SPARE
    with tempfile.TemporaryDirectory(prefix="proofolio-bench-") as folder:
        # not by stdout, where a solver may print
        answers = Path(folder) / "answers.jsonl"
        command = [sys.executable, "-m", "proofolio.benchmarking.benchmark", str(answers)]
        done = subprocess.run(
            command, input="\n".join(lines), capture_output=True, text=True, timeout=patience, check=False
        )
        found = [json.loads(line) for line in answers.read_text().splitlines()] if answers.exists() else []
    if len(found) != len(lines):
        raise SolverFailure(f"{len(lines) - len(found)} runs gave no answer: {done.stderr.strip()[-300:]}")
    return found


def _main(answers: str) -> None:
    runs = [Run.from_json(line) for line in sys.stdin]
    with Pool(1) as pool:
        measured = {run.key: found for run, found in pool.measure(runs)}
    Path(answers).write_text("".join(json.dumps(measured[run.key]) + "\n" for run in runs))


if __name__ == "__main__":
    _main(sys.argv[1])
