"""Small programs of every kind, and solvers that try to get something out of how answers are judged."""

import itertools
import time
from dataclasses import replace

import numpy as np

from proofolio import Model
from proofolio.benchmarking import Answer, problem
from proofolio.errors import ContradictoryRows, UnsupportedProgram
from proofolio.solvers.capabilities import SOLVERS as SHIPPED
from proofolio.solvers.capabilities import SolverEntry

CAN = SHIPPED["highs"].can
HONEST = SHIPPED["highs"].solve
BUILT = itertools.count()


@problem
def cover():
    """Minimise x1 + 2 x2 with x1 + x2 >= 5, both at most 10: the optimum is 5."""
    model = Model("cover")
    x = model.variable("x", 2, 0.0, 10.0)
    model.add("row", x.sum() >= 5.0)
    model.minimise(x[0] + 2 * x[1])
    return model.freeze()


@problem
def whole():
    """Minimise x1 + 3 x2 over integers that add up to 3: the optimum is 3."""
    model = Model("whole")
    x = model.variable("x", 2, 0.0, 10.0, integer=True)
    model.add("row", x.sum() >= 3.0)
    model.minimise(x[0] + 3 * x[1])
    return model.freeze()


@problem
def impossible():
    """Ask two rows for what they cannot both give; no bound of a column says so."""
    model = Model("impossible")
    x = model.variable("x", 2, 0.0, 10.0)
    model.add("more", x[0] + x[1] >= 5.0)
    model.add("less", x[0] + 2 * x[1] <= 4.0)
    model.minimise(x[0] + x[1])
    return model.freeze()


@problem
def endless():
    """Maximise what nothing holds back."""
    model = Model("endless")
    x = model.variable("x", 2, 0.0)
    model.add("row", x[0] - x[1] <= 1.0)
    model.maximise(x[0] + x[1])
    return model.freeze()


@problem
def unseeded():
    """Build another program every time."""
    model = Model("unseeded")
    x = model.variable("x", 2, 0.0, 10.0)
    model.add("row", x.sum() >= 5.0 + next(BUILT))
    model.minimise(x[0] + 2 * x[1])
    return model.freeze()


@problem(solvers=("checked", "unchecked", "no-number", "far-bound", "late-refusal"))
def errand(solver):
    def work(settings):
        if solver == "late-refusal":
            raise UnsupportedProgram("not today")
        verify = None if solver == "unchecked" else lambda: ("verified-optimal", "")
        objective = float("nan") if solver == "no-number" else 3.0
        bound = -1e9 if solver == "far-bound" else 3.0
        return Answer("verified-optimal", objective, bound, verify=verify)

    return work


SOLVERS = {}


def crooked(function):
    def solve(program, settings):
        return HONEST(program, settings) if program.name == "warm-up" else function(program, settings)

    name = function.__name__.replace("_", "-")
    SOLVERS[name] = SolverEntry(name, "1.0", CAN, solve)
    return function


@crooked
def vandal(program, settings):
    """Take the rows out of the program, in place, and solve what is left."""
    program.row_lower[:] = -np.inf
    program.A.data[:] = 0.0
    program.q[:] = 0.0
    program.lower[:] = 0.0
    return replace(HONEST(program, settings), program=program)


@crooked
def sloppy(program, settings):
    """Take all that the tolerance of rows gives: feasible for a solver, and cheaper than anything feasible."""
    claim = HONEST(program, settings)
    if program.integer.any() or claim.x is None:
        return claim
    x = claim.x * (1 - 9e-7)
    return replace(claim, x=x, objective=program.objective(x), bound=program.objective(x), duals=None)


@crooked
def says_infeasible(program, settings):
    return replace(HONEST(program, settings), status="infeasible", x=None, objective=None, bound=None)


@crooked
def says_unbounded(program, settings):
    return replace(HONEST(program, settings), status="unbounded", x=None, objective=None, bound=None)


@crooked
def refuses(program, settings):
    raise UnsupportedProgram("too hard")


@crooked
def contradicts(program, settings):
    raise ContradictoryRows("row 1 cannot hold")


@crooked
def dawdles(program, settings):
    claim = HONEST(program, settings)
    time.sleep(settings.time_limit + 1.2)
    return claim


@crooked
def counts_in_words(program, settings):
    return replace(HONEST(program, settings), nodes="many")
