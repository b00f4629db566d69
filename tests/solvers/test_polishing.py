"""What is solved again with its integers fixed, and what is not."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import Model
from proofolio.solvers import polishing
from proofolio.solvers.limits import NEVER
from proofolio.solvers.solution import Settings, Solution


def claimed(x, bound):
    """A claim of the optimum (1, 3) of: 2 x + y, x >= y / 3, 3 <= y, with a whole number y and a Big-M."""
    model = Model()
    a = model.variable("x", lower=0)
    y = model.variable("y", lower=3, upper=10, integer=True)
    model.add("row", 3 * a - y >= 0)
    model.add("switch", a - 1e7 * y <= 5 - 3e7)
    model.minimise(2 * a + y)
    program = model.freeze()
    point = np.array(x)
    return Solution(program, "optimal", program.objective(point), bound, point, 0.0, "a solver", "")


def polished(claim, monkeypatch):
    asked = []
    again = polishing.solve_continuous
    monkeypatch.setattr(polishing, "solve_continuous", lambda *a: asked.append(a) or again(*a))
    return polishing.polish(claim.program, claim, Settings(), NEVER), bool(asked)


def test_an_optimum_that_holds_outright_is_left(monkeypatch):
    claim = claimed([1.0, 3.0], 5.0)
    found, asked = polished(claim, monkeypatch)
    assert found is claim
    assert not asked


@pytest.mark.parametrize(
    ("x", "bound"),
    [([1.0 - 1e-7, 3.0], 5.0 - 2e-7), ([1.0 + 1e-6, 3.0], 5.0), ([1.0, 3.0 + 1e-12], 5.0)],
    ids=["a row misses", "slack in the costs", "no whole number"],
)
def test_what_misses_a_little_is_solved_again(x, bound, monkeypatch):
    found, asked = polished(claimed(x, bound), monkeypatch)
    assert asked
    np.testing.assert_allclose(found.x, [1.0, 3.0], atol=1e-9, rtol=0.0)


def test_a_big_m_lends_its_row_no_room(monkeypatch):
    claim = claimed([5.0 + 1e-6, 3.0], 5.0)
    _, asked = polished(replace(claim, bound=claim.objective), monkeypatch)
    assert asked
