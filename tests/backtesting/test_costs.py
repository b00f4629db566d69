"""What trades cost, by hand."""

import numpy as np
import pytest

from proofolio.backtesting.costs import LinearCost, SpreadAndImpact
from proofolio.errors import BadData

NO_PAST = np.empty((0, 3))


def test_ten_basis_points_of_what_is_bought_and_sold():
    assert LinearCost(0.001).at(NO_PAST, 1.0).each([0.2, -0.3, 0.1]) == pytest.approx([2e-4, 3e-4, 1e-4])


def test_spread_and_impact_by_hand():
    past = np.array([[0.01, 0.0], [-0.01, 0.02], [0.0, 0.01]])  # standard deviation 0.01 both
    costs = SpreadAndImpact(0.0005, 1.0, (1e6, 4e6), 0.0002, memory=3)
    paid = costs.at(past, 1e6).each([0.25, -0.16])
    assert paid[0] == pytest.approx(0.0005 * 0.25 + 0.01 * 0.25**1.5 / 1.0 + 0.0002 * 0.25)
    assert paid[1] == pytest.approx(0.0005 * 0.16 + 0.01 * 0.16**1.5 / 2.0 - 0.0002 * 0.16)
    # a portfolio four times as rich moves the price twice as much
    richer = costs.at(past, 4e6).each([0.25, -0.16])
    assert richer[0] - paid[0] == pytest.approx(0.01 * 0.25**1.5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LinearCost(-0.1),
        lambda: LinearCost(10.0),
        lambda: SpreadAndImpact(0.001, 1.0, 1.0, asymmetry=0.002),
        lambda: SpreadAndImpact(0.001, 1.0, 0.0),
        lambda: SpreadAndImpact(0.001, 1.0),
        lambda: SpreadAndImpact((0.001, 0.001), (1.0, 1.0, 1.0), 1e6),
        lambda: SpreadAndImpact(0.001, 1.0, (1.0,), memory=2).at(np.ones((2, 2)), 1.0),
    ],
)
def test_costs_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(BadData):
        wrong()
