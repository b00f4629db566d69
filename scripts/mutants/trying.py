"""Tries mutants with the tests that cover them, inside one pytest session.

The session collects the tests once. A forked process runs them all and notes which lines of the modules each one
covers (coverage's contexts) and what it costs. Then every mutant gets a forked process of its own: there the code of
the mutant takes the place of the module's in memory, wherever it was imported, and the covering tests run, the cheapest
first, until one fails. So nothing is written into the tree, and nothing is imported or collected twice.

A test has ten times its usual processor time and two seconds; a mutant whose test needs more is one that timed out.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import coverage
import pytest
from mutations import Mutant

__all__ = ["Failure", "Outcome", "Trial", "put_in_place"]

PROCESSES = 2
SLACK, FACTOR = 2.0, 10.0  # seconds, and times the usual processor time, that a test may take
HANGS = 120.0  # seconds of a mutant's process without progress on the processor
MEMORY = 8 << 30  # bytes: a mutant whose loop never ends must not take the machine with it
END = b"\n"
RECENT = 3  # tests that killed the last mutants of a module, tried first


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: killed, survived or timed out, and the test that decided."""

    mutant: Mutant
    word: str
    test: str = ""


class Failure(Exception):
    """The mutants cannot be tried; the text says why."""


class Trial:
    """A plugin of pytest that tries mutants instead of running the tests.

    Parameters
    ----------
    mutants : sequence of Mutant
        In the order in which they are tried.
    seconds : float
        Of processor time that the tests of one mutant take unmutated, at most: the cheapest ones that fit.
    progress : function
        Called with every outcome.
    """

    def __init__(
        self, mutants: Sequence[Mutant], seconds: float, progress: Callable[[Outcome], None]
    ) -> None:
        self.mutants, self.seconds, self.progress = mutants, seconds, progress
        self.outcomes: list[Outcome] = []
        self.scratch = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed."""
        self.failed = self.failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which tests cover which lines, then try every mutant."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        sys.stdout.flush()
        try:
            covering, costs = self._covering(session.items)
            self._try_all(session.items, covering, costs)
        except Failure as error:
            raise pytest.exit.Exception(str(error), returncode=3) from None
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        return True

    # ------------------------------------------------------------ which tests cover a line
    def _covering(self, items: list[pytest.Item]) -> tuple[dict[tuple[str, int], set[int]], list[float]]:
        """Return the tests that cover a line of a file, and the processor seconds of every test."""
        parts = [range(k, len(items), PROCESSES) for k in range(PROCESSES)]
        jobs = {
            k: _Job(lambda part=part: self._measured(items, part), self.scratch)
            for k, part in enumerate(parts)
        }
        covering: dict[tuple[str, int], set[int]] = {}
        costs = [0.0] * len(items)
        for job in jobs.values():
            found = job.all()
            if found is None or "lines" not in found:
                raise Failure(f"without a mistake in the code a test fails: {found}")
            for file, line, tests in found["lines"]:
                covering.setdefault((file, line), set()).update(tests)
            for k, cost in found["costs"]:
                costs[k] = cost
        return covering, costs

    def _measured(self, items: list[pytest.Item], part: Sequence[int]) -> dict[str, Any]:
        files = sorted({str(mutant.file) for mutant in self.mutants})
        watch = coverage.Coverage(data_file=None, include=files, config_file=False)
        costs = []
        watch.set_option("run:disable_warnings", ["no-data-collected"])
        watch.start()
        for place, k in enumerate(part):
            watch.switch_context(str(k))
            began = process_time()
            following = items[part[place + 1]] if place + 1 < len(part) else None
            items[k].config.hook.pytest_runtest_protocol(item=items[k], nextitem=following)
            costs.append((k, process_time() - began))
            if self.failed:
                return {"failed": items[k].nodeid}
        watch.stop()
        data = watch.get_data()
        lines = [
            (file, line, [int(k) for k in contexts if k])
            for file in data.measured_files()
            for line, contexts in data.contexts_by_lineno(file).items()
        ]
        return {"lines": lines, "costs": costs}

    # ------------------------------------------------------------ one process a mutant
    def _try_all(
        self, items: list[pytest.Item], covering: dict[tuple[str, int], set[int]], costs: list[float]
    ) -> None:
        waiting = list(reversed(self.mutants))
        running: dict[_Job, Mutant] = {}
        killers: dict[Path, list[int]] = {}
        of_file: dict[str, set[int]] = {}
        for (file, _), tests in covering.items():
            of_file.setdefault(file, set()).update(tests)
        with selectors.DefaultSelector() as selector:
            while waiting or running:
                while waiting and len(running) < PROCESSES:
                    mutant = waiting.pop()
                    file = str(mutant.file)
                    own = set().union(*(covering.get((file, line), set()) for line in mutant.lines))
                    if not mutant.function:  # what runs at import counts for all that uses the module
                        own = of_file.get(file, set())
                    tests = self._affordable(own, costs, killers.get(mutant.file, []))
                    if not tests:
                        self._note(Outcome(mutant, "survived", "no test covers it"))
                        continue
                    job = _Job(
                        lambda mutant=mutant, tests=tests: self._tried(items, costs, mutant, tests),
                        self.scratch,
                    )
                    running[job] = mutant
                    selector.register(job.pipe, selectors.EVENT_READ, job)
                for key, _ in selector.select(timeout=1.0):
                    key.data.read()
                for job in [job for job in running if job.over()]:
                    mutant = running.pop(job)
                    selector.unregister(job.pipe)
                    outcome, killer = self._outcome(items, mutant, job.close())
                    if killer is not None:
                        recent = killers.setdefault(mutant.file, [])
                        recent[:] = [killer, *(k for k in recent if k != killer)][:RECENT]
                    self._note(outcome)

    def _affordable(self, own: set[int], costs: list[float], recent: list[int]) -> list[int]:
        """Return the cheapest tests that take at most so many seconds together, those that killed lately first."""
        chosen, total = [], 0.0
        for k in sorted(own, key=lambda k: (costs[k], k)):
            total += costs[k]
            if total > self.seconds and chosen:
                break
            chosen.append(k)
        return [*(k for k in recent if k in chosen), *(k for k in chosen if k not in recent)]

    def _outcome(
        self, items: list[pytest.Item], mutant: Mutant, found: dict[str, Any] | None
    ) -> tuple[Outcome, int | None]:
        if found is None:
            return Outcome(mutant, "timed out"), None
        if "error" in found:
            raise Failure(f"a mutant cannot be tried: {mutant.file}:{mutant.line} {found['error']}")
        k = found["killer"]
        if k is None:
            return Outcome(mutant, "survived"), None
        return Outcome(mutant, "killed", "at import" if k < 0 else items[k].nodeid), k if k >= 0 else None

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.progress(outcome)

    def _tried(
        self, items: list[pytest.Item], costs: list[float], mutant: Mutant, tests: list[int]
    ) -> dict[str, Any]:
        try:
            put_in_place(mutant)
        except NotInPlace as error:
            return {"error": str(error)}
        except Exception:  # noqa: BLE001  (whatever an import raises shows the mistake)
            return {"killer": -1}
        for place, k in enumerate(tests):
            following = items[tests[place + 1]] if place + 1 < len(tests) else None
            signal.setitimer(signal.ITIMER_PROF, SLACK + FACTOR * costs[k])
            items[k].config.hook.pytest_runtest_protocol(item=items[k], nextitem=following)
            if self.failed:
                return {"killer": k}
        return {"killer": None}


class _Job:
    """A forked process that calls a function and writes what it returns into a pipe."""

    def __init__(self, work: Callable[[], dict[str, Any]], scratch: Path) -> None:
        self.pipe, inner = os.pipe()
        self.began, self.text, self.ended = monotonic(), b"", False
        self.gone = False
        self.folder = Path(tempfile.mkdtemp(dir=scratch))
        self.pid = os.fork()
        if self.pid:
            os.close(inner)
            return
        status = 1
        try:
            os.setsid()
            os.close(self.pipe)
            self._alone()
            try:
                found = work()
            except BaseException:  # noqa: BLE001  (a process must never return into the session of its parent)
                found = {"error": traceback.format_exc()}
            answer = json.dumps(found).encode()
            with os.fdopen(inner, "wb") as stream:
                stream.write(answer + END)
            status = 0
        finally:
            os._exit(status)

    def _alone(self) -> None:
        """Say nothing, keep all files in a folder that is thrown away, and take no more memory than is allowed."""
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        for name in ("TMPDIR", "PYTEST_DEBUG_TEMPROOT"):
            os.environ[name] = str(self.folder)
        tempfile.tempdir = None
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def read(self) -> None:
        """Take what the process wrote so far."""
        more = os.read(self.pipe, 1 << 20)
        self.text += more
        self.ended = self.ended or not more or self.text.endswith(END)

    def over(self) -> bool:
        """Whether the process has said all, has ended, or takes too long."""
        if not self.ended and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.ended, self.gone = True, True
            os.set_blocking(self.pipe, False)
            with suppress(BlockingIOError):
                while more := os.read(self.pipe, 1 << 20):
                    self.text += more
        return self.ended or monotonic() - self.began > HANGS

    def all(self) -> dict[str, Any] | None:
        """Return what the function returned, however long it takes; None where the process died."""
        while not self.ended:
            self.read()
        return self.close()

    def close(self) -> dict[str, Any] | None:
        """Stop the process and return what the function returned; None where it was not at its end."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if not self.gone:
            os.waitpid(self.pid, 0)
        os.close(self.pipe)
        shutil.rmtree(self.folder, ignore_errors=True)
        return json.loads(self.text) if self.text.endswith(END) else None


# ------------------------------------------------------------------ the code of a mutant in place of the module's
class NotInPlace(Failure):
    """The code of a mutant cannot take the place of the module's."""


def put_in_place(mutant: Mutant) -> None:
    """Give every function of a module the code that it has in a mutant, and every constant its value.

    Whoever imported a function keeps the same object and calls the new code. A constant that is a plain value is
    replaced under its name wherever a module of the package imported it.
    """
    file = str(mutant.file)
    module = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == file), None)
    if module is None:
        raise NotInPlace("no test imports the module")
    code = compile(mutant.source, file, "exec", dont_inherit=True)
    changed = types.ModuleType(module.__name__, module.__doc__)
    changed.__dict__.update({key: module.__dict__[key] for key in ("__file__", "__package__", "__spec__")})
    exec(code, changed.__dict__)
    if not mutant.function:
        _replace_constants(module, changed)
    count = _replace_functions(vars(module), vars(changed), module.__name__)
    if mutant.function and not count:
        raise NotInPlace(f"no function of the module has the changed code ({mutant.function})")


def _replace_constants(module: types.ModuleType, changed: types.ModuleType) -> None:
    package = module.__name__.partition(".")[0]
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == package]
    for name, new in vars(changed).items():
        old = vars(module).get(name)
        if (
            name.startswith("__")
            or isinstance(new, type | types.ModuleType | types.FunctionType)
            or old == new
        ):
            continue
        for other in modules:
            if name in vars(other) and vars(other)[name] is old:
                setattr(other, name, new)


def _replace_functions(old: Any, new: Any, module: str) -> int:
    """Replace the code of all functions in a namespace; return how many of them changed."""
    count = 0
    for name, made in new.items():
        known = old.get(name)
        if isinstance(made, type):
            if made.__module__ == module and isinstance(known, type) and known.__module__ == module:
                count += _replace_functions(vars(known), vars(made), module)
            continue
        for mine, its in zip(_functions(known), _functions(made), strict=False):
            if its.__module__ != module or mine is its:
                continue
            same = mine.__code__ == its.__code__
            if same and (mine.__defaults__, mine.__kwdefaults__) == (its.__defaults__, its.__kwdefaults__):
                continue
            if len(mine.__code__.co_freevars) != len(its.__code__.co_freevars):
                raise NotInPlace(f"{name} has other variables of an outer function")
            mine.__code__, mine.__defaults__, mine.__kwdefaults__ = (
                its.__code__,
                its.__defaults__,
                its.__kwdefaults__,
            )
            count += 1
    return count


def _functions(thing: Any) -> list[types.FunctionType]:
    """Return the functions behind a name: its own, those of a property, the one that a decorator wraps."""
    found = []
    for part in (getattr(thing, key, None) for key in ("fget", "fset", "func", "__func__", "__wrapped__")):
        found += _functions(part) if part is not None and part is not thing else []
    return [*found, thing] if isinstance(thing, types.FunctionType) and not found else found
