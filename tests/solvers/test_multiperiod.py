"""The interior point by blocks in time against Clarabel on random instances."""

import numpy as np
import pytest
from scipy import sparse

from proofolio.solvers.quadratic import multiperiod
from proofolio.solvers.quadratic.multiperiod import Multiperiod
from proofolio.solvers.quadratic.problem import QP
from proofolio.solvers.quadratic.table import direct_qp


def instance(seed):
    """Random sizes and numbers; some without curvature, some with caps, shorts, free assets, odd holdings."""
    rng = np.random.default_rng(seed)
    n, H = int(rng.integers(2, 8)), int(rng.integers(1, 6))
    factor = rng.standard_normal((H, n, n))
    if seed % 3 == 0:
        factor[:, :, 1:] = 0.0
    cost = rng.random(n) * (rng.random(n) > 0.3 if seed % 2 else 1.0)
    lower = np.full((H, n), -0.2 if seed % 4 == 0 else 0.0)
    upper = np.full((H, n), 0.6 if seed % 5 == 0 else 1.0)
    before = rng.standard_normal(n) if seed % 7 == 0 else rng.dirichlet(np.ones(n))
    return factor @ factor.transpose(0, 2, 1), rng.standard_normal((H, n)), cost, before, lower, upper


def value(P, q, cost, before, W):
    trades = np.diff(np.vstack([before, W]), axis=0)
    return 0.5 * np.einsum("hi,hij,hj", W, P, W) + (q * W).sum() + (np.abs(trades) @ cost).sum()


def by_clarabel(P, q, cost, before, lower, upper):
    H, n = q.shape
    N = n * H
    apart = sparse.eye_array(N) - sparse.eye_array(N, k=-n)
    start = np.concatenate([before, np.zeros(N - n)])
    budget = sparse.hstack([sparse.kron(sparse.eye_array(H), np.ones((1, n))), sparse.csr_array((H, N))])
    above = sparse.hstack([apart, -sparse.eye_array(N)])
    below = sparse.hstack([-apart, -sparse.eye_array(N)])
    qp = QP(
        sparse.block_diag([*P, np.zeros((N, N))], format="csc"),
        np.concatenate([q.ravel(), np.tile(cost, H)]),
        sparse.vstack([budget, above, below], format="csc"),
        np.concatenate([np.ones(H), np.full(2 * N, -np.inf)]),
        np.concatenate([np.ones(H), start, -start]),
        np.concatenate([lower.ravel(), np.full(N, -np.inf)]),
        np.concatenate([upper.ravel(), np.full(N, np.inf)]),
    )
    answer = direct_qp("clarabel", qp).solve()
    assert answer.status == "solved"
    return answer.x[:N].reshape(H, n)


@pytest.mark.parametrize("seed", range(40))
def test_the_value_is_clarabels_within_the_tolerance(seed):
    P, q, cost, before, lower, upper = instance(seed)
    n = cost.size
    if upper[0].sum() <= 1.0:
        upper = np.ones_like(upper)
    answer = Multiperiod(n, q.shape[0], cost, lower, upper).solve(P, q, before, 1e-7)
    best = value(P, q, cost, before, by_clarabel(P, q, cost, before, lower, upper))
    found = value(P, q, cost, before, answer.W)
    assert answer.converged
    assert -1e-8 <= found - best <= 1e-7 * abs(found) + 1e-9
    assert np.all(answer.W > lower)
    assert np.all(answer.W < upper + 1e-15)
    np.testing.assert_allclose(answer.W.sum(axis=1), 1.0, atol=1e-12)
    assert np.all(np.abs(answer.s) <= cost)


def test_one_engine_serves_many_days():
    engine, fresh = None, None
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        factor = rng.standard_normal((3, 5, 5))
        P, q, before = (
            factor @ factor.transpose(0, 2, 1),
            rng.standard_normal((3, 5)),
            rng.dirichlet(np.ones(5)),
        )
        cost, box = np.full(5, 0.3), (np.zeros((3, 5)), np.ones((3, 5)))
        engine = engine or Multiperiod(5, 3, cost, *box)
        fresh = Multiperiod(5, 3, cost, *box)
        np.testing.assert_array_equal(engine.solve(P, q, before).W, fresh.solve(P, q, before).W)


def test_the_units_of_the_objective_do_not_matter():
    P, q, cost, before, lower, upper = instance(1)
    plain = Multiperiod(cost.size, q.shape[0], cost, lower, upper).solve(P, q, before)
    small = Multiperiod(cost.size, q.shape[0], 1e-9 * cost, lower, upper).solve(1e-9 * P, 1e-9 * q, before)
    np.testing.assert_allclose(small.W, plain.W, atol=1e-9)
    np.testing.assert_allclose(1e9 * small.s, plain.s, atol=1e-9)


def test_running_out_of_iterations_is_not_called_convergence(monkeypatch):
    monkeypatch.setattr(multiperiod, "ITERATIONS", 2)
    P, q, cost, before, lower, upper = instance(1)
    answer = Multiperiod(cost.size, q.shape[0], cost, lower, upper).solve(P, q, before)
    assert not answer.converged
    assert answer.iterations == 2
