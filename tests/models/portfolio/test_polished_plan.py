"""The exact finish of a subproblem: what an interior point leaves inexact, and never anything worse."""

import numpy as np
import pytest

from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.risk_parity_descent import Periods, polished

from .trap_market import N, periods

EQUAL = np.full(N, 1.0 / N)


def data(H, gamma, w0=EQUAL):
    program = RiskParity(N, H, gamma)
    sigma, held = program.read(periods(H), w0)
    return program, Periods(sigma, program.budgets, np.ones(H), program.step, held)


def value(given, Q, q, X):
    return 0.5 * np.einsum("ti,tij,tj", X, Q, X) + (q * X).sum() + given.trading(X)


@pytest.mark.parametrize("H", [1, 4])
def test_dust_is_swept_and_the_rest_put_right(H):
    """min of distances to a target, plus trading: with one period, soft thresholding around the budget's price."""
    gamma = 0.01
    _, given = data(H, gamma)
    Q = np.tile(np.eye(N), (H, 1, 1))
    target = EQUAL + np.array([0.06, -0.06, 0.03, -0.03, 0.002, -0.002, 0.001, -0.001, 0.0, 0.0])
    q = np.tile(-target, (H, 1))
    # with the same target in every period all is traded at once, for gamma / H a period
    move = np.sign(target - EQUAL) * np.maximum(np.abs(target - EQUAL) - gamma / H, 0.0)
    best = np.tile(EQUAL + move, (H, 1))
    s = np.zeros((H, N))
    s[0] = np.clip(H * (target - EQUAL), -gamma, gamma)
    rng = np.random.default_rng(0)
    near = best + 1e-8 * rng.standard_normal(best.shape)
    near -= (near.sum(axis=1, keepdims=True) - 1.0) / N
    found = polished(given, Q, q, near, TradeMultipliers(s))
    assert np.abs(found - best).max() < 1e-13
    assert value(given, Q, q, found) < value(given, Q, q, near)
    assert (np.diff(found, axis=0, prepend=EQUAL[None])[:, np.abs(move) == 0.0] == 0.0).all()


def test_nothing_worse_is_ever_taken():
    rng = np.random.default_rng(1)
    for _ in range(50):
        _, given = data(3, 10.0 ** rng.uniform(-4, -1), rng.dirichlet(np.ones(N)))
        root = rng.standard_normal((3, N, N))
        Q, q = root @ root.swapaxes(1, 2), rng.standard_normal((3, N))
        V = rng.dirichlet(np.full(N, 0.5), size=3)
        V[1] = V[0]
        s = rng.uniform(-1, 1, V.shape) * given.step.cost
        found = polished(given, Q, q, V, TradeMultipliers(s))
        assert value(given, Q, q, found) <= value(given, Q, q, V)
        assert found.min() >= 0.0
        assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize(("H", "gamma"), [(1, 0.01), (5, 0.001)])
def test_day_after_day_next_to_the_last_plan_every_step_is_proved(H, gamma):
    """Covariances that forget slowly, and holdings that drift by their returns: two days fail without the finish."""
    stepper, rng, w0 = RiskParity(N, H, gamma).stepper(starts="erc"), np.random.default_rng(2), EQUAL
    sigma, root = periods(H), np.linalg.cholesky(periods(1)[0])
    for _ in range(120):
        row = root @ rng.standard_normal(N)
        sigma = (1.0 - 5e-4) * sigma + 5e-4 * np.outer(row, row)
        step = stepper.solve(sigma, w0)
        assert step.ok
        grown = step.W[0] * (1.0 + 0.01 * row)
        w0 = grown / grown.sum()
