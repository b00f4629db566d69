"""Independent tasks: run in parallel, with progress, and their results kept under a digest of all that decides them.

A result is a data class of arrays in an .npz file, written whole or not at all.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile

from proofolio.cluster import on_cluster
from proofolio.errors import BadData, LostCluster
from proofolio.progress import Progress
from proofolio.whole_files import whole_file

__all__ = ["Task", "TaskRunner", "digest", "digested", "read_arrays", "write_arrays"]


T = TypeVar("T")


def write_arrays(path: Path, record: Any) -> None:
    """Write the fields of a data class (arrays, numbers, texts; None is left out) to an .npz file.

    The file appears under its name only when it is complete: an interrupted run leaves no half of one.
    """
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    with whole_file(path) as place, place.open("wb") as file:
        arrays: dict[str, Any] = {name: _plain(np.asarray(v)) for name, v in values.items() if v is not None}
        np.savez(file, **arrays)


def _plain(array: Any) -> Any:
    """Return an array without metadata of its type: dates that another process sent have an empty one, kept nowhere."""
    return array if array.dtype.metadata is None else array.view(array.dtype.str)


def read_arrays(path: Path, kind: type[T]) -> T | None:
    """Return what `write_arrays` wrote, or None: no such file, not to be read, or of something else than a `kind`."""
    try:
        # Opened here: of a broken file numpy would leave its own handle open.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, NpzFile):  # a lone array
                return None
            with found:
                values = {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None
    known = fields(kind)  # type: ignore[arg-type]  # T is a data class
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    if not needed <= set(values) <= {f.name for f in known if f.init}:
        return None
    return kind(**{name: value.item() if value.ndim == 0 else value for name, value in values.items()})


# Raised when the same inputs would give another result or another file.
FORMAT = 5


def digest(*parts: Any) -> str:
    """Return 32 hexadecimal digits that differ when any part differs.

    Parts are numbers, texts, None, numpy arrays, dataclasses (all their fields count, and their class), and
    tuples, lists and dictionaries of these; of an estimator its parameters count. The package's version counts too.

    Raises
    ------
    BadData
        When a part is anything else: what cannot be compared must not be taken for the same.

    Examples
    --------
    >>> digest(1, "a") == digest(1, "a"), digest(1, "a") == digest(1, "b"), digest("1") == digest(1)
    (True, False, False)
    """
    hashed = hashlib.sha256(f"{FORMAT} {version('proofolio')}".encode())
    _feed(hashed, parts)
    return hashed.hexdigest()[:32]


def digested(*parts: Any) -> str | None:
    """Return the `digest`, or None where a part, like a function, cannot be told from another."""
    try:
        return digest(*parts)
    except BadData:
        return None


def _feed(hashed: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        hashed.update(f"array {part.dtype.str} {part.shape} ".encode())
        hashed.update(np.ascontiguousarray(part).tobytes())
    elif is_dataclass(part) and not isinstance(part, type):
        hashed.update(f"{type(part).__module__}.{type(part).__qualname__}(".encode())
        for f in fields(part):
            hashed.update(f"{f.name}=".encode())
            _feed(hashed, getattr(part, f.name))
        hashed.update(b")")
    elif isinstance(part, (tuple, list)):
        hashed.update(f"({len(part)} ".encode())
        for item in part:
            _feed(hashed, item)
        hashed.update(b")")
    elif isinstance(part, dict):
        _feed(hashed, sorted(part.items()))
    elif hasattr(part, "get_params") and not isinstance(part, type):  # an estimator
        hashed.update(f"{type(part).__module__}.{type(part).__qualname__}(".encode())
        _feed(hashed, part.get_params(deep=False))
    elif part is None or isinstance(part, (bool, int, float, str, np.generic)):
        hashed.update(f"{type(part).__name__} {part!r};".encode())
    else:
        raise BadData(f"a {type(part).__name__} cannot be part of a digest; use a dataclass of plain values.")


S = TypeVar("S")


@dataclass(frozen=True)
class Task:
    """One task: the key of its result (see `digest`), its title for progress, and the input of the work.

    Without a key its result is neither kept nor found again.
    """

    key: str | None
    title: str
    inputs: Any


@dataclass(frozen=True)
class TaskRunner:
    """Where and how tasks are run; the results are the same whatever is chosen here.

    Parameters
    ----------
    jobs : int
        Processes on this machine; 1 works in this one.
    folder : Path, optional
        Results are kept here as they come, and what is found here is not done again.
    scheduler : str, optional
        Address of a dask scheduler (``tcp://host:8786``): the tasks then go to its workers; needs
        ``proofolio[dask]``.
    progress : function of (what, done, total), optional
    """

    jobs: int = 1
    folder: Path | None = None
    scheduler: str | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise BadData(f"jobs is {self.jobs}; give the number of processes, 1 or more.")

    def run(self, work: Callable[[S, Any], T], shared: S, tasks: Sequence[Task], kind: type[T]) -> list[T]:
        """Return ``work(shared, task.inputs)`` for each task, in their order.

        Parameters
        ----------
        work : function
            Of a module, so that it can be sent to another process.
        shared : object
            What all tasks need; its large arrays reach other processes once, through memory they share.
        tasks : sequence of Task
        kind : type
            The data class of the results, to read them back.

        Raises
        ------
        BadData
            When no scheduler answers at the address.
        LostCluster
            When a scheduler that has answered is lost, or has no workers, or loses every worker that takes a task. What
            is lost once is done again, and what is done is kept.
        """
        done: dict[int, T] = {}
        for k, task in enumerate(tasks):
            found = self.found(task.key, kind)
            if found is not None:
                done[k] = found
        self._say("found", len(done), len(tasks))
        waiting = [k for k in range(len(tasks)) if k not in done]
        try:
            for k, result in self._worked(work, shared, tasks, waiting):
                done[k] = result
                self.keep(tasks[k].key, result)
                self._say(tasks[k].title, len(done), len(tasks))
        except LostCluster as error:
            kept = " and kept" if self.folder is not None else ""
            raise LostCluster(
                f"{error}, and {len(done)} of {len(tasks)} tasks are done{kept}; look at the cluster, and call again."
            ) from error
        return [done[k] for k in range(len(tasks))]

    def found(self, key: str | None, kind: type[T]) -> T | None:
        """Return a result kept earlier, or None."""
        return None if self.folder is None or key is None else read_arrays(self.folder / f"{key}.npz", kind)

    def keep(self, key: str | None, result: Any) -> None:
        """Keep a result for another time.

        Raises
        ------
        BadData
            When the folder cannot be written to.
        """
        if self.folder is None or key is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_arrays(self.folder / f"{key}.npz", result)
        except OSError as error:
            raise BadData(f"results cannot be kept in {self.folder}: {error.strerror}.") from None

    def _worked(
        self, work: Callable[[S, Any], T], shared: S, tasks: Sequence[Task], waiting: Sequence[int]
    ) -> Iterator[tuple[int, T]]:
        if self.scheduler is not None:
            found = on_cluster(self.scheduler, work, shared, [tasks[k].inputs for k in waiting])
            for number, result, failure in found:
                if failure is not None:
                    raise _lost(failure)
                yield waiting[number], result
            return
        if self.jobs == 1 or len(waiting) < 2:
            for k in waiting:
                yield k, work(shared, tasks[k].inputs)
            return
        import joblib

        with joblib.parallel_config(backend="loky"):
            parallel = joblib.Parallel(
                n_jobs=min(self.jobs, len(waiting)), return_as="generator_unordered", batch_size=1
            )
            yield from parallel(joblib.delayed(_numbered)(work, shared, k, tasks[k].inputs) for k in waiting)

    def _say(self, what: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(what, done, total)


def _lost(failure: BaseException) -> BaseException:
    """Return what a task raised on a cluster; a task whose workers are killed each time is no bad input."""
    from distributed import KilledWorker

    if isinstance(failure, KilledWorker):
        return LostCluster(f"every worker that took a task was lost ({failure})")
    return failure


def _numbered(work: Callable[[S, Any], T], shared: S, k: int, inputs: Any) -> tuple[int, T]:
    return k, work(shared, inputs)
