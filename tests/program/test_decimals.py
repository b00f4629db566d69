"""Numbers are the decimals they were written as, wherever a constant of a body is moved to the side of its row."""

from fractions import Fraction

import numpy as np
import pyomo.environ as pyo
import pytest

from proofolio import Model, read_program, solve, write_program
from proofolio.program.decimals import exact_sum


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
