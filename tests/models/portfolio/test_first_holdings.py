"""Holdings before the first period add up like a plan, in every model that takes them."""

import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models import MeanVariance, RiskParity

SIGMA = np.diag([1e-4, 2e-4, 3e-4])
MEAN = [0.002, 0.001, 0.0]


@pytest.mark.parametrize("w0", [[0.0, 0.0, 0.0], [0.5, 0.3, 0.1], [5.0, 5.0, 5.0]])
def test_weights_that_do_not_add_up_are_refused(w0):
    mean_variance = MeanVariance(3, 2, gamma_risk=5.0, gamma_trade=0.001)
    parity = RiskParity(3, 2, gamma_trade=0.001)
    asked = [
        lambda: mean_variance.stepper().solve(MEAN, SIGMA, w0),
        lambda: mean_variance.to_program(MEAN, SIGMA, w0),
        lambda: mean_variance.to_cvxpy().assign(MEAN, SIGMA, w0),
        lambda: parity.stepper().solve(SIGMA, w0),
        lambda: parity.to_program(np.full((2, 3), 1 / 3), SIGMA, w0),
    ]
    for ask in asked:
        with pytest.raises(BadData, match=rf"w0 adds up to {sum(w0):g}; .* must add up to 1"):
            ask()


def test_money_in_no_asset_is_said_and_invested():
    """From cash alone every plan buys as much at first: the best one is that without any price of trading."""
    model = MeanVariance(3, 1, gamma_risk=5.0, gamma_trade=0.05)
    alone = MeanVariance(3, 1, gamma_risk=5.0, gamma_trade=0.0)
    # the objective hardly changes around its best plan: weights are as near to it as the root of the gap
    free = alone.stepper(tolerance=1e-9).solve(MEAN, SIGMA, [1.0, 0.0, 0.0])
    step = model.stepper(tolerance=1e-9).solve(MEAN, SIGMA, np.zeros(3), uninvested=1.0)
    assert step.ok
    assert pytest.approx(free.W, abs=2e-4) == step.W
    assert step.objective == pytest.approx(free.objective - 0.05, abs=1e-7)
    parity = RiskParity(3, 1, gamma_trade=0.01).stepper().solve(SIGMA, np.zeros(3), uninvested=1.0)
    inverse = 1 / np.sqrt(np.diag(SIGMA))
    assert parity.W[0] == pytest.approx(inverse / inverse.sum(), abs=1e-5)


def test_how_numbers_lie_in_memory_changes_nothing():
    """A part of a larger stack of covariances, as a universe of some assets has it, is not contiguous."""
    rng = np.random.default_rng(5)
    root = rng.normal(size=(5, 5, 5)) * 0.01
    whole = root @ root.transpose(0, 2, 1) + 1e-5 * np.eye(5)
    part = whole[..., [0, 1, 2, 4], :][..., [0, 1, 2, 4]]
    turned = np.asarray(np.asfortranarray(part))
    held = np.full(4, 0.25)
    expected = RiskParity(4, 5, gamma_trade=0.001).stepper(starts="erc").solve(part.copy(order="C"), held)
    assert expected.ok
    for given in (part, turned):
        assert not given.flags.c_contiguous
        step = RiskParity(4, 5, gamma_trade=0.001).stepper(starts="erc").solve(given, held)
        assert step.ok
        assert (step.W == expected.W).all()
