"""Models whose solver does what no solver should: hold Python's lock for ever, crash, hang once it has an answer."""

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from proofolio import Model
from proofolio.solvers import capabilities
from proofolio.verification import solving
from proofolio.verification.audit.points import Search

HIGHS = capabilities.SOLVERS["highs"]


def small():
    model = Model()
    x = model.variable("x", 2, binary=True)
    model.add("one", x.sum() >= 1)
    model.minimise(3 * x[0] + 2 * x[1])
    return model


def _by(solver):
    capabilities.SOLVERS["highs"] = replace(HIGHS, solve=solver)
    return small()


def holds_the_lock():
    def solver(program, settings):
        settings.progress(0.1, 5.0, 1.0)
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        Path("child.pid").write_text(str(child.pid), encoding="utf-8")
        while True:
            with suppress(KeyboardInterrupt):
                ctypes.PyDLL(None).sleep(300)

    return _by(solver)


def loops():
    def solver(program, settings):
        while True:
            try:
                time.sleep(300)
            except KeyboardInterrupt:
                continue

    return _by(solver)


def crashes():
    return _by(lambda program, settings: os.abort())


def never_confirmed():
    solving.confirmed = lambda *_: ctypes.PyDLL(None).sleep(300)
    return small()


def never_audited():
    Search.by_interval = lambda *_: ctypes.PyDLL(None).sleep(300)
    model = Model()
    x = model.variable("x", lower=0, upper=3)
    model.add("link", x <= 100 * model.variable("z", binary=True))
    return model


def never_bounded():
    """Intervals judge a row, and the first linear program never comes back."""
    Search.watch = lambda *_: ctypes.PyDLL(None).sleep(300)
    model = Model()
    x = model.variable("x", lower=0, upper=3)
    y = model.variable("y", lower=0)
    z = model.variable("z", 2, binary=True)
    model.add("link", x <= 100 * z[0])
    model.add("open", y <= 100 * z[1])
    return model


def ends_itself():
    def solver(program, settings):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(300)

    return _by(solver)
