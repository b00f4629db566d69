"""Numbers at the ends of double precision: rows HiGHS would drop or refuse stay what they mean, or are looser."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from proofolio import MaxTerm, Model, RegimeSwitching, solve
from proofolio.errors import SolverFailure
from proofolio.solvers.highs.coefficient_limits import limited_rows
from proofolio.solvers.limits import NEVER
from proofolio.solvers.outer_approximation.lifted import lift
from proofolio.solvers.outer_approximation.relaxation import CutRelaxation, row_units

SMALLEST = 1e-9


@pytest.mark.parametrize("seed", range(30))
def test_limited_rows_hold_wherever_the_given_ones_do_and_no_coefficient_is_dropped_in_silence(seed):
    rng = np.random.default_rng(seed)
    m, n = 6, 4
    A = (
        rng.standard_normal((m, n))
        * 10.0 ** rng.uniform(-320, 30, (m, 1))
        * 10.0 ** rng.uniform(-25, 0, (m, n))
    )
    A[rng.random((m, n)) < 0.3] = 0.0
    low, high = -rng.uniform(0, 5, n), rng.uniform(0, 5, n)
    low[0], high[1] = -np.inf, np.inf
    inside = np.clip(rng.standard_normal((200, n)) * 3, np.maximum(low, -1e3), np.minimum(high, 1e3))
    body = inside @ A.T
    middle = np.median(body, axis=0)
    for sides in ((middle, np.full(m, np.inf)), (np.full(m, -np.inf), middle)):
        matrix = sparse.csr_array(A)
        given = limited_rows(matrix, sides, (low, high), row_units(matrix), SMALLEST)
        assert np.all(np.abs(given.data) > SMALLEST)
        assert np.all(np.abs(given.data) <= 2.0**40)
        again = sparse.csr_array((given.data, given.indices, given.pointer), shape=(m, n)) @ inside.T
        allowed = (body >= sides[0]) & (body <= sides[1])
        room = 1e-12 * (
            np.abs(sparse.csr_array((np.abs(given.data), given.indices, given.pointer), shape=(m, n)))
            @ np.abs(inside.T)
        )
        kept = (again >= given.lower[:, None] - room) & (again <= given.upper[:, None] + room)
        assert np.all(kept.T[allowed])


def test_a_small_coefficient_on_a_column_that_reaches_far_is_kept_by_scaling_its_row():
    matrix, wide = (
        sparse.csr_array([[1e-20, 0, 0], [0, 1.0, 1e-20]]),
        (np.zeros(3), np.array([1e22, 1, 1e19])),
    )
    rows = limited_rows(matrix, (np.array([0.5, 0.5]), np.full(2, np.inf)), wide, np.ones(2), SMALLEST)
    assert np.array_equal(rows.pointer, [0, 1, 3])
    assert np.allclose(rows.lower / rows.factor, 0.5)


@pytest.mark.parametrize("tiny", [5e-324, 1e-300, 1e-40, 1e-30, 1e-12])
@pytest.mark.parametrize("curved", [False, True])
def test_a_coefficient_that_is_nothing_changes_nothing(tiny, curved):
    model = Model()
    w, b, t = model.variable("w", 2, 0, 10), model.variable("b", binary=True), model.variable("t", lower=0)
    model.add("needed", tiny * b + 2 * w[0] >= 3)
    model.add("above", (model.quadratic(np.eye(2), w) if curved else w.sum()) <= t)
    model.minimise(t + b)
    answer = solve(model.freeze())
    best = 2.25 if curved else 1.5
    assert answer.status == "certified-optimal"
    assert answer.objective == pytest.approx(best, rel=2e-6)
    assert answer.bound <= best * (1 + 1e-12)


@pytest.mark.parametrize("integer", [False, True])
def test_a_small_coefficient_that_decides_is_not_dropped(integer):
    model = Model()
    x, y = model.variable("x", lower=0, upper=1e12), model.variable("y", lower=0, upper=9, integer=integer)
    model.add("needed", 1e-11 * x + y >= 3)
    model.minimise(y)
    answer = solve(model.freeze())
    assert answer.status == "certified-optimal"
    assert answer.objective == pytest.approx(0.0, abs=1e-9)  # x = 3e11 is enough


def test_rows_that_highs_refuses_are_an_error_and_not_left_out():
    model = Model()
    w, t = model.variable("w", 2, 0, 10), model.variable("t")
    model.add("above", model.quadratic(np.eye(2), w) <= t)
    model.minimise(t)
    relaxation = CutRelaxation(lift(model.freeze()), 0, NEVER, {})
    twice = sparse.csr_array(
        (np.ones(2), np.zeros(2, dtype=int), np.array([0, 2])), shape=(1, relaxation.cost.size)
    )
    with pytest.raises(SolverFailure, match="HiGHS refused"):
        relaxation._add(twice, np.zeros(1), np.ones(1))


TERM = MaxTerm(1, +1, [0.8, -0.5], 0.0, 0.0)


@pytest.mark.parametrize(
    ("lowering", "impact", "terms"),
    [*itertools.product(["big-m", "multiple-big-m"], [0.0, 0.5], [(), (TERM,)])],
)
@pytest.mark.parametrize("curved", [0.0, 1.0])
def test_regimes_of_equal_costs_need_no_m_and_are_solved(lowering, impact, terms, curved):
    """The optimum is by a grid over the weights, constant over the periods: trading gains nothing here."""
    c = np.array([-2.147, 0.3])
    program = RegimeSwitching(
        np.repeat(curved * np.eye(2)[None], 2, axis=0),
        [c, c],
        periods=2,
        quadratic_impact=impact,
        maxima=terms,
    )
    w = np.linspace(0.0, 1.0, 200_001)
    best = 2.0 * (curved * (w**2 + (1 - w) ** 2) + c[0] * w + c[1] * (1 - w)).min()  # in regime 0
    answer = program.solve(lowering=lowering, method="whole")
    assert answer.status == "solver-optimal"
    assert answer.objective == pytest.approx(best, rel=2e-6)
    assert answer.bound <= best + 1e-9
