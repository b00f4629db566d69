"""A suite of programs whose optimum is known, and solvers that misbehave, each in a way of its own."""

import ctypes
import os
import time
from dataclasses import replace

import numpy as np

from proofolio import Model
from proofolio.benchmarking import problem
from proofolio.solvers.capabilities import SOLVERS as SHIPPED
from proofolio.solvers.capabilities import SolverEntry

CAN = SHIPPED["highs"].can
HONEST = SHIPPED["highs"].solve


@problem(size=[4, 5, 6])
def knapsack(size):
    rng = np.random.default_rng(size)
    model = Model("knapsack")
    x = model.variable("x", size, binary=True)
    model.add("room", (rng.integers(1, 9, size) * x).sum() <= 2 * size)
    model.minimise(-(rng.integers(1, 9, size) * x).sum())
    return model.freeze()


@problem
def leaky():
    """Minimise y / 2 - x with x <= 1e6 y: the optimum is -1/2; y = 1e-6 pretends -1."""
    model = Model("leaky")
    x = model.variable("x", 1, 0.0, 1.0)
    y = model.variable("y", 1, binary=True)
    model.add("open", x <= 1e6 * y)
    model.minimise((0.5 * y - x).sum())
    return model.freeze()


def _warming_up(program):
    return program.name == "warm-up"


def planted(name):
    """Make a solver that is honest while it warms up, and then what the function makes of it."""

    def made(function):
        def solve(program, settings):
            return HONEST(program, settings) if _warming_up(program) else function(program, settings)

        SOLVERS[name] = SolverEntry(name, "1.0", CAN, solve)
        return function

    return made


SOLVERS = {}


@planted("leaks")
def leaks(program, settings):
    claim = HONEST(program, settings)
    if program.n != 2:
        return claim
    x = np.where(program.integer, 1e-6, 1.0)
    return replace(claim, x=x, objective=-1.0, bound=-1.0)


@planted("wrong-bound")
def wrong_bound(program, settings):
    claim = HONEST(program, settings)
    return replace(claim, bound=claim.objective + 1.0)


@planted("too-early")
def too_early(program, settings):
    """Call nothing at all the optimum: a point that is feasible, and a bound to match."""
    claim = HONEST(program, settings)
    x = np.zeros(program.n)
    return replace(claim, x=x, objective=0.0, bound=0.0)


@planted("within-a-gap")
def within_a_gap(program, settings):
    """Call one step from the best the optimum: right within a gap of a half, and wrong without."""
    claim = HONEST(program, settings)
    x = claim.x.round()
    used = np.flatnonzero(x)
    x[used[np.argmin(np.abs(program.q[used]))]] = 0.0
    value = program.objective(x)
    return replace(claim, x=x, objective=value, bound=value)


@planted("infeasible-point")
def infeasible_point(program, settings):
    return replace(HONEST(program, settings), x=np.ones(program.n))


@planted("says-infeasible")
def says_infeasible(program, settings):
    return replace(HONEST(program, settings), status="infeasible", x=None, objective=None, bound=None)


@planted("no-point")
def no_point(program, settings):
    return replace(HONEST(program, settings), x=None)


@planted("nothing")
def nothing(program, settings):
    return None


@planted("hangs")
def hangs(program, settings):
    time.sleep(600)


@planted("eats")
def eats(program, settings):
    held = []
    while True:
        held.append(np.ones(2**20))
        time.sleep(0.001)


@planted("swallows")
def swallows(program, settings):
    """Ask for far too much at once."""
    return np.ones(2**36)


@planted("segfaults")
def segfaults(program, settings):
    ctypes.string_at(0)


@planted("exits")
def exits(program, settings):
    os._exit(3)


@planted("raises")
def raises(program, settings):
    raise RuntimeError("no licence")


@planted("killed")
def killed(program, settings):
    """End itself as an outside kill would."""
    os.kill(os.getpid(), 9)
