"""Kernels call kernels, and code on disk is known by all that it is made from."""

import io
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import FunctionType

import pytest

from proofolio import compiled
from proofolio.compiled import Kernel

TIMES = 3.0


def _inner(a: float) -> float:
    return TIMES * a


inner = Kernel(_inner)


def _outer(a: float) -> float:
    return inner(a) + 1.0


def remade(source, **changed):
    """Return the kernel of a function that sees other globals."""
    return Kernel(FunctionType(source.__code__, source.__globals__ | changed, source.__name__))


def test_a_kernel_calls_a_kernel(back_end):
    assert Kernel(_outer)(2.0) == 7.0


def test_the_name_of_code_on_disk_follows_constants_and_callees():
    def _inner(a: float) -> float:
        return TIMES * a * a

    def same() -> Kernel:
        return remade(_outer, inner=remade(globals()["_inner"]))

    digest = compiled._digest
    assert digest(same()) == digest(same()) == digest(Kernel(_outer))
    assert digest(remade(_outer, inner=Kernel(_inner))) != digest(Kernel(_outer))
    assert digest(remade(_outer, inner=remade(globals()["_inner"], TIMES=4.0))) != digest(Kernel(_outer))


def test_a_kernel_that_calls_an_edited_one_is_compiled_anew():
    pytest.importorskip("numba", reason="numba is not installed")
    assert remade(_outer)(2.0) == 7.0
    assert remade(_outer, inner=remade(_inner, TIMES=5.0))(2.0) == 11.0


class Terminal(io.StringIO):
    """A stderr that is a terminal, or a pipe."""

    def __init__(self, terminal: bool = True) -> None:
        super().__init__()
        self.terminal, self.written = terminal, threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


@pytest.fixture
def news(monkeypatch, tmp_path):
    """A call that has a kernel of this name compiled or loaded, and returns what stderr then holds."""
    numba = pytest.importorskip("numba", reason="numba is not installed")
    from numba.core import event

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    compiled._known_to_numba()
    compilations = event.RecordingListener()
    event.register("numba:compile", compilations)

    def made(quiet: float, terminal: bool = True, module: str = "proofolio.somewhere") -> tuple[str, int]:
        stderr = Terminal(terminal)
        monkeypatch.setattr("sys.stderr", stderr)
        monkeypatch.setattr(compiled, "QUIET", quiet)
        compilations.buffer.clear()
        kernel = Kernel(FunctionType(_inner.__code__, _inner.__globals__, _inner.__name__))
        kernel.source.__module__ = module
        slow = compiled._dispatcher(kernel)
        compile_it = slow._compiler.compile

        def waiting(*args, **kwargs):
            stderr.written.wait(0.5)  # a compilation that is long enough for the news, and a second at most
            return compile_it(*args, **kwargs)

        slow._compiler.compile = waiting
        assert kernel(2.0) == 6.0
        return stderr.getvalue(), len(compilations.buffer)

    yield made
    event.unregister("numba:compile", compilations)


def test_a_long_compilation_is_announced_on_a_terminal_once(news):
    assert news(0.0) == (compiled.NEWS + "\n", 2)
    assert news(0.0) == ("", 0)  # it is on disk


def test_a_compilation_that_is_over_soon_says_nothing(news):
    assert news(60.0) == ("", 2)


def test_a_compilation_says_nothing_in_a_pipe(news):
    assert news(0.0, terminal=False) == ("", 2)


def test_another_packages_compilation_is_not_ours_to_announce(news):
    assert news(0.0, module="another") == ("", 2)


def test_machine_code_is_not_loaded_for_one_question(back_end):
    kernel, machine = Kernel(_inner), back_end != "numpy"
    assert [kernel.worth_loading() for _ in range(3)] == [False, machine, machine]
    used = Kernel(_inner)
    used(1.0)
    assert used.worth_loading() is machine


BUDGETS = "import proofolio as pf; print(pf.equal_risk([[1.0, 0.2], [0.2, 4.0]]).round(9).tolist())"
WEIGHTS = "[0.666666667, 0.333333333]"  # inverse to volatilities, as there are two


def told(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout.strip()


def test_a_numba_that_does_not_import_leaves_numpy_and_doctor_says_so(tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('Numba needs NumPy 2.4 or less.')")
    path = os.pathsep.join([str(tmp_path), str(Path(compiled.__file__).parents[1])])
    assert told(BUDGETS, PYTHONPATH=path) == WEIGHTS
    doctor = "import sys; from proofolio.cli import main; sys.argv[1:] = ['doctor']; main()"
    assert "by numpy (numba does not import: Numba needs NumPy" in told(
        doctor, PYTHONPATH=path, COLUMNS="160"
    )


def test_where_nothing_can_be_written_a_process_compiles_for_itself(tmp_path):
    pytest.importorskip("numba", reason="numba is not installed")
    shutil.copytree(
        Path(compiled.__file__).parent, tmp_path / "proofolio", ignore=shutil.ignore_patterns("__pycache__")
    )
    no_place = "from numba.core.caching import CacheImpl; CacheImpl._locator_classes = []; "
    assert told(no_place + BUDGETS, PYTHONPATH=str(tmp_path)) == WEIGHTS
