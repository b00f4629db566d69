"""Tasks on a dask cluster: each is given out until it has a result, whatever workers are lost meanwhile.

Written on dask's futures, and not on joblib's dask backend, because of what a killed worker does there (measured by
``tests/test_lost_workers.py``): data that were scattered are gone with the workers that held them, and a future that is
cancelled ends the coroutine that collects the results, so that the caller waits for ever. Here the shared data are the
result of a task, which the scheduler does again like any other, and the states of the futures are read by the caller.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from proofolio.errors import BadData, LostCluster, StalledCluster

__all__ = ["on_cluster"]

VAIN = 3  # times that the scheduler may be lost without a result in between
PATIENCE = 10.0  # seconds in which a scheduler has to answer
STALL = 30.0  # seconds without a result after which the caller is informed
ABANDONED = (
    300.0  # seconds without any worker after which waiting ends; clusters that grow by need take minutes
)
TICK = 0.02  # seconds between two looks at the futures, whose states are known here


def on_cluster(
    address: str, work: Callable[[Any, Any], Any], shared: Any, inputs: Sequence[Any]
) -> Iterator[tuple[int, Any, BaseException | None]]:
    """Yield, as they end, the number of each input, ``work(shared, input)``, and what it raised or None.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://192.0.2.1:8786``.
    work : function
        Of a module that the workers can import.
    shared : object
        What all tasks need; it reaches a worker once.
    inputs : sequence

    Raises
    ------
    BadData
        When dask is not installed, or no scheduler answers at the address.
    LostCluster
        When a scheduler that has answered is lost again and again, or has no worker for five minutes.

    Warns
    -----
    StalledCluster
        When 30 seconds bring no result; the text says what the workers do.
    """
    waiting, vain, met = list(range(len(inputs))), 0, False
    while waiting:
        before = len(waiting)
        try:
            with _client(address, met) as client:
                met = True
                data = client.submit(_given, shared, pure=False)
                own = version("proofolio")
                futures = {k: client.submit(_done, own, work, data, inputs[k], pure=False) for k in waiting}
                for k, result, failure in _ended(client, address, futures):
                    waiting.remove(k)
                    yield k, result, failure
        except OSError as error:  # a closed stream and a time out are OSErrors
            vain = vain + 1 if len(waiting) == before else 0
            if vain == VAIN:
                raise LostCluster(
                    f"the dask scheduler at {address} was lost {vain} times without a result ({error})"
                ) from error


@contextmanager
def _client(address: str, met: bool) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise BadData('a dask scheduler needs distributed: pip install "proofolio[dask]".') from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call,unused-ignore]
    except (OSError, ValueError) as error:
        if met:
            raise ConnectionError(f"it answers no more: {error}") from None
        raise BadData(f"no dask scheduler answers at {address} ({error}).") from None
    with client, dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        yield client


def _ended(
    client: Any, address: str, futures: Mapping[int, Any]
) -> Iterator[tuple[int, Any, BaseException | None]]:
    waiting = dict(futures)
    news = said = time.monotonic()
    while waiting:
        for k, future in [(k, f) for k, f in waiting.items() if f.status != "pending"]:
            if future.status == "finished":
                try:
                    found = k, future.result(timeout=PATIENCE), None
                except TimeoutError:  # the worker that had the result is gone, and it is computed again
                    continue
            elif future.status == "error":
                found = k, None, future.exception(timeout=PATIENCE)
            else:
                raise ConnectionError(f"a task is {future.status}")
            del waiting[k]
            news = said = time.monotonic()
            yield found
        now = time.monotonic()
        if now - said >= STALL:
            said = now
            _say_stall(client, address, waiting, now - news)
        time.sleep(TICK)


def _say_stall(client: Any, address: str, waiting: Mapping[int, Any], seconds: float) -> None:
    """Warn of what the workers do; raise where tasks have to be given out again, or nobody is there to take them."""
    at_work: Mapping[str, Sequence[Any]] = client.sync(
        client.scheduler.processing, workers=None, callback_timeout=PATIENCE
    )
    keys = {future.key for future in waiting.values()}
    taken = sum(key in keys for some in at_work.values() for key in some)
    if not at_work and seconds >= ABANDONED:
        raise LostCluster(f"the dask scheduler at {address} has had no worker for {seconds:.0f} s")
    what = (
        f"{taken} of {len(waiting)} tasks are at {len(at_work)} workers"
        if at_work
        else f"it has no worker: start one with `dask worker {address}`"
    )
    warnings.warn(
        f"no result from the dask scheduler at {address} for {seconds:.0f} s; {what}",
        StalledCluster,
        stacklevel=4,
    )
    if at_work and not taken and any(future.status == "pending" for future in waiting.values()):
        raise ConnectionError("no worker has any of the tasks")


def _given(shared: Any) -> Any:
    return shared


def _done(asked: str, work: Callable[[Any, Any], Any], shared: Any, inputs: Any) -> Any:
    own = version("proofolio")
    if own != asked:
        raise BadData(
            f"a worker has proofolio {own}, and what called it {asked}; install the same version on every machine."
        )
    return work(shared, inputs)
