"""Short loops as machine code where numba is installed (extra ``fast``): one algorithm, two back ends.

numpy is quick on long arrays and slow on loops over arrays of ten numbers. A `Kernel` is such a loop, written in the
part of Python that numba compiles; whoever has one keeps the form in numpy beside it as the reference, and a test holds
the two together to 1e-12. Compiled code is kept on disk, so that a fresh process only loads it.

``PROOFOLIO_COMPILED=0`` in the environment keeps to numpy, as does a machine without numba.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["Kernel", "active"]

Given = ParamSpec("Given")
Result = TypeVar("Result")


@cache
def active() -> bool:
    """Return whether kernels run as machine code in this process."""
    return os.environ.get("PROOFOLIO_COMPILED", "1") != "0" and find_spec("numba") is not None


class Kernel(Generic[Given, Result]):
    """A function that is compiled when it is first called.

    numba itself takes half a second to import, so nothing is compiled, nor numba imported, before. Kernels of one
    module may call each other. They may not call those of another: the date of the file tells numba whether the
    machine code on disk is today's.

    Parameters
    ----------
    source : function
        Loops over numpy arrays, with division by zero as in numpy. Kept as `source`, which runs without numba.
    """

    def __init__(self, source: Callable[Given, Result]) -> None:
        """Keep the function."""
        self.source = source
        self._compiled: Callable[Given, Result] | None = None

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Run the machine code, or without numba the function."""
        if self._compiled is None:
            self._compiled = self._made() if active() else self.source
        return self._compiled(*args, **kwargs)

    def _made(self) -> Callable[Given, Result]:
        """Return what numba makes of the function, in which other kernels stand for their machine code."""
        import numba

        source: Any = self.source
        called = {
            name: source.__globals__[name]._made()
            for name in source.__code__.co_names
            if isinstance(source.__globals__.get(name), Kernel)
        }
        if called:
            source = FunctionType(source.__code__, source.__globals__ | called, source.__name__)
        made: Callable[Given, Result] = numba.njit(cache=True, nogil=True, error_model="numpy")(source)
        return made
