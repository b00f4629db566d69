"""Numbers are the decimals they were written as, wherever a constant of a body is moved to the side of its row."""

from fractions import Fraction

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from proofolio import Model, read_program, solve, write_program
from proofolio.interfaces.pyomo.reading import from_pyomo
from proofolio.program.decimals import divided, exact_sum, matrix_product, plus, sparse_sum, sums, times


@pytest.mark.parametrize("seed", range(5))
def test_a_sum_is_that_of_the_decimals_rounded_once(seed):
    rng = np.random.default_rng(seed)
    for pair in np.round(rng.normal(size=(50, 2)), int(rng.integers(1, 6))):
        assert exact_sum(pair) == float(sum(Fraction(str(v)) for v in pair.tolist()))
    assert exact_sum(np.array([0.7, -0.4])) == 0.3


def in_pyomo():
    model = pyo.ConcreteModel()
    model.x = pyo.Var(domain=pyo.NonNegativeIntegers)
    model.row = pyo.Constraint(expr=0.1 * model.x + 0.4 <= 0.7)
    model.cost = pyo.Objective(expr=model.x, sense=pyo.maximize)
    return model


def test_three_tenths_are_three_tenths_in_pyomo():
    answer = solve(in_pyomo())
    assert (answer.status, answer.objective) == ("certified-optimal", 3.0)


RANGED = """NAME r
ROWS
 N obj
 L c1
 G c2
 E c3
COLUMNS
 x obj 1 c1 1
 x c2 1 c3 1
RHS
 rhs c1 0.8 c2 0.3
 rhs c3 0.7
RANGES
 rng c1 0.1 c2 0.6
 rng c3 0.1
BOUNDS
 FR bnd x
ENDATA
"""


def test_ranges_of_a_file_are_decimals(tmp_path):
    file = tmp_path / "range.mps"
    file.write_text(RANGED)
    program = read_program(file)
    assert program.row_lower.tolist() == [0.7, 0.3, 0.7]
    assert program.row_upper.tolist() == [0.8, 0.9, 0.8]
    answer = solve(file)
    assert (answer.status, answer.objective, answer.exactly_infeasible) == ("certified-optimal", 0.7, False)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_as_a_range_is_read_again_to_the_last_digit(seed, tmp_path):
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable("x", 40)
    low = rng.normal(size=40) * 10.0 ** rng.integers(-3, 6, 40)
    high = low + np.abs(rng.normal(size=40))
    low, high = (np.where(rng.random(40) < 0.5, np.round(side, 2), side) for side in (low, high))
    keep = low < high
    model.add("lower", x[keep] >= low[keep])
    program = model.freeze()
    program.row_upper[:] = high[keep]
    write_program(program, tmp_path / "model.mps")
    again = read_program(tmp_path / "model.mps")
    sides = {name.removesuffix("_low").removesuffix("_high"): (-np.inf, np.inf) for name in again.row_names}
    for name, a, b in zip(again.row_names, again.row_lower, again.row_upper, strict=True):
        key = name.removesuffix("_low").removesuffix("_high")
        sides[key] = (max(sides[key][0], a), min(sides[key][1], b))
    assert list(sides.values()) == list(zip(program.row_lower, program.row_upper, strict=True))


def test_a_variable_of_an_inactive_block_may_stand_in_the_objective_alone():
    model = pyo.ConcreteModel()
    model.b = pyo.Block([0, 1])
    for i in (0, 1):
        model.b[i].x = pyo.Var(bounds=(0, 5))
    model.b[1].deactivate()
    straight, curved = -model.b[0].x - model.b[1].x, (model.b[1].x - 2) ** 2 - model.b[0].x
    for cost, best in ((straight, -10), (curved, -5)):
        model.del_component("cost")
        model.cost = pyo.Objective(expr=cost)
        assert solve(model).objective == pytest.approx(best, abs=1e-6)


def decimal(value):
    return Fraction(repr(float(value)))


def short_numbers(rng, count):
    """Decimals of up to eight digits, positive and negative, and integers."""
    return np.round(rng.normal(size=count) * 10.0 ** rng.integers(-2, 3, count), int(rng.integers(0, 5)))


@pytest.mark.parametrize("seed", range(5))
def test_sums_products_and_quotients_of_arrays_are_those_of_the_decimals(seed):
    rng = np.random.default_rng(seed)
    a, b = short_numbers(rng, 300), short_numbers(rng, 300)
    b[b == 0.0] = 0.5
    pairs = [(decimal(x), decimal(y)) for x, y in zip(a, b, strict=True)]
    assert plus(a, b).tolist() == [float(x + y) for x, y in pairs]
    assert times(a, b).tolist() == [float(x * y) for x, y in pairs]
    assert divided(a, b).tolist() == [float(x / y) for x, y in pairs]
    group = rng.integers(0, 40, 300)
    whole = [sum((decimal(v) for v in a[group == g]), Fraction(0)) for g in range(40)]
    assert sums(a, group, 40).tolist() == [float(v) for v in whole]


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_more_digits_than_a_decimal_of_a_double_are_added_as_doubles(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=200), rng.normal(size=200)
    assert np.array_equal(plus(a, b), a + b)
    assert np.array_equal(times(a, b), a * b)
    assert np.array_equal(plus([1e300, np.inf, -np.inf], [1e300, 0.1, 0.1]), [2e300, np.inf, -np.inf])


@pytest.mark.parametrize("seed", range(30))
def test_sparse_products_and_sums_are_those_of_the_decimals(seed):
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 6, 3)
    a, b, c = (
        np.round(rng.choice([0.0, 1.0, 0.37], shape) * rng.normal(size=shape), 2)
        for shape in ((m, k), (k, n), (m, k))
    )
    a[0] = rng.choice([0.0, 1.0, -1.0], k)
    product = [
        [float(sum(decimal(x) * decimal(y) for x, y in zip(r, s, strict=True))) for s in b.T] for r in a
    ]
    assert np.array_equal(matrix_product(sparse.csr_array(a), sparse.csr_array(b)).toarray(), product)
    total = [
        [float(decimal(x) + decimal(y)) for x, y in zip(r, s, strict=True)] for r, s in zip(a, c, strict=True)
    ]
    assert np.array_equal(sparse_sum(sparse.csr_array(a), sparse.csr_array(c)).toarray(), total)


# what the greatest x up to 9 is, y being nothing
WRITTEN = [
    (lambda x, y: 0.1 * x + 0.2 * x <= 0.3, 1),
    (lambda x, y: 0.1 * x + 0.4 <= 0.7, 3),
    (lambda x, y: 0.1 * x + 0.4 == 0.7, 3),
    (lambda x, y: (x + y) / 10 + x / 5 <= 0.3, 1),
    (lambda x, y: 3 * (0.1 * x + 0.2 * y) <= 0.3, 1),
    (lambda x, y: 0.1 * (x + 0.2) + 0.28 <= 0.6, 3),
    (lambda x, y: 0.1 * x <= 0.7 - (0.4 + y), 3),
]


@pytest.mark.parametrize("number", range(len(WRITTEN)))
def test_terms_are_added_and_multiplied_as_decimals_in_a_model_and_in_pyomo(number):
    row, best = WRITTEN[number]
    model = Model()
    x, y = model.variable("x", lower=0, upper=9, integer=True), model.variable("y", lower=0, upper=0)
    model.add("row", row(x, y))
    model.maximise(x)
    other = pyo.ConcreteModel()
    other.x, other.y = pyo.Var(bounds=(0, 9), domain=pyo.Integers), pyo.Var(bounds=(0, 0))
    other.row = pyo.Constraint(expr=row(other.x, other.y))
    other.cost = pyo.Objective(expr=other.x, sense=pyo.maximize)
    for written in (model, other):
        answer = solve(written)
        assert (answer.status, answer.objective) == ("certified-optimal", best), type(written)


def test_squares_are_added_as_decimals_too():
    other = pyo.ConcreteModel()
    other.x = pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    other.row = pyo.Constraint(expr=0.1 * other.x**2 + 0.2 * (other.x * other.x) <= 0.3)
    other.cost = pyo.Objective(expr=-0.1 * other.x**2 - 0.2 * other.x**2 + 0.5 * other.x)
    program = from_pyomo(other)
    assert program.quadratic.forms[0][0].matrix.tolist() == [[0.3]]
    assert program.P.toarray().tolist() == [[-0.6]]
    model = Model()
    x = model.variable("x", 1)
    form = model.quadratic([[0.1]], x)
    model.minimise(form + 3 * form + form / 5 - 0.12 * form)
    assert model.freeze().P.toarray().tolist() == [[0.816]]


def test_stacked_and_summed_entries_are_added_as_decimals():
    model = Model()
    x = model.variable("x", 3)
    coefficients = np.array([[0.1, 0.7, 1.1], [0.2, 0.1, 2.2]])
    model.add("rows", (coefficients * x + 0.1).sum(axis=0) <= np.array([0.3, 0.4, 0.7]))
    model.add("product", np.array([0.1, 3.0]) @ (coefficients * x) <= 0)
    program = model.freeze()
    assert program.A[:3].toarray().tolist() == np.diag([0.3, 0.8, 3.3]).tolist()
    assert program.A[3:].toarray().tolist() == np.diag([0.61, 0.37, 6.71]).tolist()
    assert program.row_upper.tolist() == [0.1, 0.2, 0.5, 0, 0, 0]
