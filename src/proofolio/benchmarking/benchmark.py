"""A whole benchmark: the runs without a record are done, recorded as they end, and all are returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from proofolio.benchmarking.cluster import measure_on_cluster
from proofolio.benchmarking.pool import Pool
from proofolio.benchmarking.records import Records
from proofolio.benchmarking.runs import Run

__all__ = ["benchmark"]


Progress = Callable[[str, int, int], None]


def benchmark(
    runs: Sequence[Run],
    folder: Path,
    environment: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Do the runs that the folder has no record of, and return the records of all.

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

    Raises
    ------
    BadData
        When the folder cannot be used, or no scheduler answers.
    """
    tell = progress or _quiet
    with ExitStack() as stack:
        records = stack.enter_context(Records(folder, environment or {}))
        missing = records.missing(runs)
        done = len(runs) - len(missing)
        if missing and scheduler is not None:
            measured = measure_on_cluster(missing, scheduler)
        else:
            measured = stack.enter_context(Pool(jobs)).measure(missing)
        for run, found in measured:
            records.add(run, found)
            done += 1
            tell(f"{run.case} {run.way}: {found['status']}", done, len(runs))
        return records.of(runs)


def _quiet(what: str, done: int, total: int) -> None:
    pass
