"""Short loops as machine code where numba is installed (extra ``fast``): one algorithm, two back ends.

numpy is quick on long arrays and slow on loops over arrays of ten numbers. A `Kernel` is such a loop, written in the
part of Python that numba compiles; whoever has one keeps the form in numpy beside it as the reference, and a test holds
the two together to 1e-12. Compiled code is kept on disk, so that a fresh process only loads it. Kernels may call
kernels: a change of one, or of a constant it reads, makes those that call it compile anew. Array expressions and
assignments of slices take numba several times as long to compile as the loops that do the same.

Where there is nothing on disk, as after installing, a line on stderr says after two seconds what is being waited for.

``PROOFOLIO_COMPILED=0`` in the environment keeps to numpy, as does a machine without numba or with one that does not
import. Where nothing can be written, neither beside the package nor at home, every process compiles for itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["Kernel", "active", "why_numpy"]

QUIET = 2.0  # seconds of compilation until the news
NEWS = "proofolio: compiling short loops for this machine, once (up to half a minute)"

Given = ParamSpec("Given")
Result = TypeVar("Result")


@cache
def active() -> bool:
    """Return whether kernels run as machine code in this process, as far as is known before numba is imported."""
    return os.environ.get("PROOFOLIO_COMPILED", "1") != "0" and find_spec("numba") is not None and not _failed


_failed: list[str] = []  # why numba does not import, once that was tried in vain


@cache
def _numba() -> Any:
    """Return numba; None where it does not import, as beside a numpy that it does not know."""
    try:
        import numba
    except Exception as error:  # noqa: BLE001  # whatever a package that is broken raises
        _failed.append(str(error) or type(error).__name__)
        active.cache_clear()
        return None
    return numba


def why_numpy() -> str | None:
    """Import numba and return why kernels run in numpy; None where they run as machine code."""
    if os.environ.get("PROOFOLIO_COMPILED", "1") == "0":
        return "PROOFOLIO_COMPILED is 0"
    if find_spec("numba") is None:
        return "extra: fast"
    return None if _numba() is not None else f"numba does not import: {_failed[0].splitlines()[0]}"


class Kernel(Generic[Given, Result]):
    """A function that is compiled when it is first called.

    numba itself takes half a second to import, so nothing is compiled, nor numba imported, before.

    Parameters
    ----------
    source : function
        Loops over numpy arrays, with division by zero as in numpy. Kept as `source`, which runs without numba.
    """

    def __init__(self, source: Callable[Given, Result]) -> None:
        """Keep the function."""
        self.source = source
        self._compiled: Callable[Given, Result] | None = None
        self._asked = 0

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Run the machine code, or the source where there is none."""
        if not active():
            return self.source(*args, **kwargs)
        if self._compiled is None:
            self._compiled = self.source if _numba() is None else _dispatcher(self)
        return self._compiled(*args, **kwargs)

    def worth_loading(self, after: float = 1) -> bool:
        """Return whether machine code is to be used where numpy would be done sooner than numba is imported.

        It is not for the first questions in a process, which may be the only ones: they count up to `after`.
        """
        self._asked += 1
        return active() and (self._asked > after or self._compiled is not None)

    def forget(self) -> None:
        """Let the kernel, and what it calls, be compiled anew when it is next called: its constants have changed."""
        self._compiled = None
        _dispatcher.cache_clear()
        _digest.cache_clear()


@cache
def _dispatcher(kernel: Kernel[Any, Any]) -> Any:
    """Return numba's form of a kernel, which compiles it, or loads it, for the types it is called with."""
    _known_to_numba()
    source = kernel.source
    # numba looks at the date of the kernel's own file alone; by this name code on disk is that of its callees, too
    named = FunctionType(source.__code__, source.__globals__, source.__name__)
    named.__module__, named.__qualname__ = source.__module__, f"{source.__name__}_{_digest(kernel)}"
    try:
        return _numba().njit(cache=True, nogil=True, error_model="numpy")(named)
    except RuntimeError:  # there is no place to keep it
        return _numba().njit(nogil=True, error_model="numpy")(named)


@cache
def _digest(kernel: Kernel[Any, Any]) -> str:
    """Return a name for what a kernel does: its code, the constants it reads, and the kernels it calls."""
    code, known = kernel.source.__code__, kernel.source.__globals__
    parts = [code.co_code.hex(), repr(code.co_consts), repr(code.co_varnames)]
    for name in code.co_names:
        value = known.get(name)
        if isinstance(value, Kernel):
            parts.append(_digest(value))
        elif isinstance(value, bool | int | float | str):
            parts.append(repr(value))
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def _known_to_numba() -> None:
    """Let kernels call kernels, inside of one the name of another means its machine code; and hear of compilations."""
    from numba.core import event, types
    from numba.extending import typeof_impl

    typeof_impl.register(Kernel)(lambda kernel, _: types.Dispatcher(_dispatcher(kernel)))
    event.Listener.register(_News)
    listen: Any = event.register  # numba has no annotations
    listen("numba:compile", _News())


class _News:
    """Hears from numba when it compiles, one function at a time with all that it calls, and has nothing on disk."""

    def __init__(self) -> None:
        self._inside = 0  # compilations that are on their way, one in the other
        self._timer: threading.Timer | None = None

    def notify(self, event: Any) -> None:
        """Take the start, or the end, of a compilation."""
        self._inside += 1 if event.is_start else -1
        if event.is_start and self._inside == 1:
            if event.data["dispatcher"].py_func.__module__.partition(".")[0] == __name__.partition(".")[0]:
                self._timer = threading.Timer(QUIET, self._say)
                self._timer.daemon = True
                self._timer.start()
        elif self._inside == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(NEWS + "\n")
            sys.stderr.flush()
