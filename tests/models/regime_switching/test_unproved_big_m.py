"""Where nothing proves an M to be enough, what a solver says of the built form is no bound on the declared program."""

import numpy as np
import pytest

from proofolio import RegimeSwitching
from proofolio.solvers.solution import OPTIMAL

from .option_oracle import brute_force, random_options

# Published, and numbers: each was seen to cut off the optimum of one of these instances and not to be caught at it.
SEEDS = (20521, 21941)
WAYS = (
    ("highs", "big-m", "published"),
    ("highs", "big-m", 0.01),
    ("highs", "multiple-big-m", 0.05),
    ("scip", "big-m", "published"),
)


@pytest.mark.parametrize("limit", [{}, {"time_limit": 30}], ids=["no limit", "a limit"])
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_called_a_bound_is_one_and_the_gap_is_of_it(seed, way, limit):
    declared = random_options(seed)
    optimum = brute_force(declared)
    answer = RegimeSwitching(**declared).solve(*way, **limit)
    assert answer.status not in OPTIMAL or answer.objective == pytest.approx(optimum, rel=1e-6)
    if answer.bound is None:
        assert answer.gap == np.inf
    else:
        assert answer.bound <= optimum + 1e-6 * abs(optimum)


def test_an_m_that_bounds_prove_keeps_its_bound():
    program = RegimeSwitching(np.stack([np.eye(2), 2 * np.eye(2)]), np.zeros((2, 2)), periods=2)
    answer = program.solve(lowering="big-m", big_m=100.0)
    assert answer.status == "solver-optimal"
    assert answer.bound == pytest.approx(answer.objective, rel=1e-6)
