"""Exact arithmetic ends when it is told to, at its next row or pivot, and never where it is not."""

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, solve
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.verification.certified.optimum import certify
from proofolio.verification.exact.certificate import System, bound, violation
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.in_time import EVERY, TimeIsUp, check_time, stopped_when
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.rays import falls_for_ever
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.trees import ExactProgram, Tangent, semidefinite, with_tangents
from proofolio.verification.exact.vertices import generators

SIZE = 20
HILBERT = [[Fraction(1, i + j + 1) for j in range(SIZE)] for i in range(SIZE)]
ROWS = tuple(dict(enumerate(row)) for row in HILBERT)
ZEROS, ONES = (Fraction(0),) * SIZE, (Fraction(1),) * SIZE
SYSTEM = System(ROWS, (None,) * SIZE, ONES, ZEROS, ONES)
FORM = {(i, j): a for i, row in enumerate(HILBERT) for j, a in enumerate(row)}
OPEN = System(ROWS, (None,) * SIZE, (None,) * SIZE, ZEROS, ONES)
CUBE = [
    (tuple(Fraction(s if i == j else 0) for j in range(5)), Fraction(1)) for i in range(5) for s in (1, -1)
]
MODEL = Model()
_x = MODEL.variable("x", SIZE, lower=0, upper=1)
MODEL.add("h", np.array([[1 / (i + j + 1) for j in range(SIZE)] for i in range(SIZE)]) @ _x <= 1)
MODEL.maximise(_x.sum())
HALF = {j: Fraction(1, 2) for j in range(SIZE)}

WORK = {
    "elimination": lambda: solve_exactly([(dict(row), Fraction(1)) for row in ROWS[:20]], budget=1e9),
    "semidefinite": lambda: semidefinite(FORM),
    "simplex": lambda: exact_maximum(SYSTEM, dict.fromkeys(range(SIZE), Fraction(1))),
    "multipliers": lambda: bound(SYSTEM, {0: Fraction(1)}, dict.fromkeys(range(SIZE), Fraction(1))),
    "violation": lambda: violation(SYSTEM, HALF),
    "ray": lambda: falls_for_ever(ExactProgram(OPEN, frozenset(), {}), {0: Fraction(1)}),
    "tangents": lambda: with_tangents(
        ExactProgram(SYSTEM, frozenset(), {}, FORM), [Tangent(None, HALF)] * SIZE
    ),
    "vertices": lambda: generators(CUBE, 5),
    "rows": lambda: ExactRows(MODEL.freeze()).system,
    "point": lambda: ExactRows(MODEL.freeze()).holds({0: Fraction(1, 2)}),
}


def counted(after):
    """A clock that says it is late from its `after`-th reading on, and how often it was read."""
    readings = itertools.count(1)
    return lambda: next(readings) > after


@pytest.mark.parametrize("name", WORK)
def test_the_work_asks_and_stops_in_the_middle(name):
    with pytest.raises(TimeIsUp, match="the time limit was reached"), stopped_when(counted(1)):
        WORK[name]()


@pytest.mark.parametrize("name", WORK)
def test_nothing_is_limited_that_nobody_limits(name):
    before = WORK[name]()
    with stopped_when(lambda: False):
        assert WORK[name]() == before
    with pytest.raises(TimeIsUp), stopped_when(lambda: True):
        WORK[name]()
    WORK[name]()  # the limit has gone with its block


def test_the_narrower_of_two_limits_counts_wherever_it_stands():
    def ask():
        for _ in range(EVERY + 1):
            check_time()

    for outer, inner in ((True, False), (False, True)):
        with pytest.raises(TimeIsUp), stopped_when(lambda at=outer: at), stopped_when(lambda at=inner: at):
            ask()
    with stopped_when(lambda: False):
        with pytest.raises(TimeIsUp), stopped_when(lambda: True):
            ask()
        ask()


def portfolio(n, seed):
    """At most n / 4 assets of n, each between .01 and .3 where it is held: convex quadratic with n binaries."""
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(n, n))
    model = Model()
    held, w = model.variable("held", n, binary=True), model.variable("w", n, lower=0, upper=1)
    model.add("whole", w.sum() == 1)
    model.add("least", w >= 0.01 * held)
    model.add("most", w <= 0.3 * held)
    model.add("few", held.sum() <= n // 4)
    model.minimise(model.quadratic(F @ F.T / n, w) - rng.uniform(0, 1, n) @ w)
    return model


def test_a_certificate_gives_up_when_its_deadline_passes_wherever_it_is():
    """Whichever of its readings of the clock finds it late, the answer is an open outcome, never a wrong word."""
    model = Model()
    x = model.variable("x", 6, lower=0, upper=3, integer=True)
    model.add("r", np.array([[3, 7, 2, 5, 4, 6], [6, 1, 5, 3, 7, 2]]) @ x <= np.array([17.5, 16.5]))
    model.maximise(np.array([5.0, 6.0, 4.0, 5.0, 7.0, 3.0]) @ x)
    program = model.freeze()
    whole = certify(program, None, 1e-9, NEVER)
    assert whole.status == "optimal"
    words = []
    for late in range(0, 60, 3):
        clock = counted(late)

        class Late(Deadline):
            left = property(lambda self, late=clock: 0.0 if late() else 10.0)

        found = certify(program, None, 1e-9, Late(0.0, 1e9))
        words.append(found.status)
        assert found.status in ("open", "optimal")
        if found.status == "open":
            assert found.certificate is None
            assert found.reason
        else:
            assert found.value == whole.value
    assert words[0] == "open"


def test_a_curved_program_comes_back_in_time():
    """Its exact tangents took ten seconds inside one node, whatever the limit was."""
    model = portfolio(30, 3)
    began = time.process_time()
    answer = solve(model, time_limit=0.5, confirm="certificate")
    assert answer.status in (
        "solver-optimal",
        "verified-optimal",
        "certified-optimal",
        "verified-feasible",
        "limit",
    )
    assert time.process_time() - began < 3.0
