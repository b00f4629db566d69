"""Programs whose building harms its neighbours, and solvers that cannot be warmed up."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from proofolio import Model
from proofolio.benchmarking import Answer, problem
from proofolio.solvers.capabilities import SOLVERS as SHIPPED
from proofolio.solvers.capabilities import SolverEntry

HIGHS = SHIPPED["highs"]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
EATER = [sys.executable, "-c", "import time; x = bytearray(500 * 2**20); time.sleep(60)"]
CALLS = []


def least(n=4):
    model = Model("least")
    x = model.variable("x", n, 0.0, 10.0)
    model.add("some", x.sum() >= n)
    model.minimise(x.sum() + x[0])
    return model.freeze()


@problem(what=["threads", "nothing a", "closes", "nothing b", "moves", "nothing c", "child", "nothing d"])
def harm(what):
    if what == "threads":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    elif what == "closes":
        os.close(1)
        os.close(2)
    elif what == "moves":
        os.chdir("/")
    elif what == "child":
        subprocess.Popen(SLEEPER, start_new_session=True)
    return least()


@problem(k=[0, 1, 2, 3])
def orphan(k):
    if k == 1:
        os.kill(os.getppid(), 9)
        time.sleep(5.0)
    time.sleep(0.2)
    return least()


@problem
def hungry_child():
    with subprocess.Popen(EATER, start_new_session=True) as child:
        child.wait()
    return least()


@problem
def hangs_with_child():
    """Leave two processes in sessions of their own, one of which has lost its parent."""
    apart = "start_new_session=True, stdout=-3, stderr=-3"
    script = f"import subprocess; print(subprocess.Popen({SLEEPER!r}, {apart}).pid)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    child = subprocess.Popen(SLEEPER, start_new_session=True)
    Path(os.environ["HARMFUL_PIDS"]).write_text(f"{child.pid} {done.stdout}", encoding="utf-8")
    time.sleep(600)


@problem
def easy():
    return least()


@problem
def unsayable():
    raise ValueError("file \udce8 " + "x" * 10_000)


@problem(solvers=["counts"], n=[1, 2], warm={"n": 7})
def counted(n, solver):
    def work(settings):
        CALLS.append(n)
        said = str(CALLS)
        value = float(len(CALLS))
        return Answer("verified-optimal", value, value, verify=lambda: ("verified-optimal", said))

    return work


def _tiny_first(on_tiny):
    def solve(program, settings):
        if program.name == "warm-up":
            on_tiny()
        settings.progress(0.0, None, None)
        return HIGHS.solve(program, settings)

    return solve


def _refuse():
    raise RuntimeError("it does not do three columns")


def _nodes(program, settings):
    return replace(HIGHS.solve(program, settings), nodes="many")


SOLVERS = {
    name: SolverEntry(name, "1", HIGHS.can, solve)
    for name, solve in {
        "picky": _tiny_first(_refuse),
        "slow-start": _tiny_first(lambda: time.sleep(2.0)),
        "dies-warming": _tiny_first(lambda: os._exit(3)),
        "many-nodes": _nodes,
    }.items()
}
