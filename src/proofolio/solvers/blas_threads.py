"""One thread for the linear algebra of many small programs, where a second one only waits for the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg  # noqa: F401  its BLAS is loaded before the libraries are looked for
from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside; also a decorator.

    Batches of matrices of 50 x 50 took ten times as long with two threads on two busy processors: each product is
    over before the second thread has begun, and waiting threads spin. Entering and leaving costs microseconds.
    The number of threads of a solver (`Settings.threads`) is another matter and stays.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
