"""Steps in a batch: each is the single step's within the proven gaps, whatever its neighbours are."""

import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import Group


def days(seed, B, n, H):
    """Forecasts and holdings of B problems whose sizes differ by up to a million, and costs of all kinds."""
    g = np.random.default_rng(seed)
    F = g.standard_normal((B, H, n, 3))
    size = 10.0 ** g.uniform(-3.0, 3.0, (B, 1, 1))
    sigma = size[..., None] * 4e-4 * (F @ F.swapaxes(2, 3) / 3 + np.diag(g.uniform(0.2, 1.0, n)))
    mu = size * 2e-3 * g.standard_normal((B, H, n))
    w0 = g.dirichlet(np.ones(n), B)
    w0[0] = np.eye(n)[0]
    a = g.uniform(0.0, 1e-3, n)
    a[-1] = 0.0
    k = g.uniform(0.0, 2e-2, n) * (np.arange(n) % 3 > 0)
    return mu, sigma, w0, {"half_spread": a, "asymmetry": a * g.uniform(-1, 1, n), "power_impact": k}


def utility(W, mu, sigma, w0, costs, risk, price):
    u = np.diff(np.vstack([w0, W]), axis=0)
    a, c, k = (costs[name] for name in ("half_spread", "asymmetry", "power_impact"))
    paid = (a * np.abs(u) + c * u + k * np.abs(u) ** 1.5).sum()
    return (mu * W).sum() - risk * sum(w @ S @ w for w, S in zip(W, sigma, strict=True)) - price * paid


@pytest.mark.parametrize("H", [1, 3])
@pytest.mark.parametrize("bounds", [{}, {"upper": 0.4}, {"lower": -0.2, "upper": 0.8}], ids=str)
def test_a_batch_proves_what_single_steps_prove(bounds, H, back_end):
    B, n = 30, 6
    mu, sigma, w0, costs = days(H, B, n, H)
    g = np.random.default_rng(9)
    risk, price = 10.0 ** g.uniform(-1, 1, B), 10.0 ** g.uniform(-1, 2, B)
    price[1] = risk[2] = 0.0
    found = (
        MeanVariance(n, H, 1.25, 1.0, **costs, **bounds)
        .batch()
        .solve(mu, sigma, w0, gamma_risk=risk, gamma_trade=price)
    )
    assert found.ok.all()
    assert found.W.shape == (B, H, n)
    for b in range(B):
        one = MeanVariance(n, H, risk[b], price[b], **costs, **bounds).stepper(tolerance=1e-8)
        best = one.solve(mu[b], sigma[b], w0[b])
        value = utility(found.W[b], mu[b], sigma[b], w0[b], costs, risk[b], price[b])
        rounding = 1e-13 * np.abs(mu[b]).max()
        assert found.objective[b] == pytest.approx(value, rel=1e-9, abs=rounding)
        assert best.ok
        # each bounds the other: the better of two plans is within the gap that the worse one proves
        assert best.objective <= value + found.gap[b] + rounding
        assert value <= best.objective + best.residuals.gap + rounding


def test_what_a_problem_is_beside_does_not_matter(back_end):
    mu, sigma, w0, costs = days(5, 12, 4, 2)
    batch = MeanVariance(4, 2, 1.25, 1.0, **costs).batch()
    together, alone = batch.solve(mu, sigma, w0), batch.solve(mu[7:8], sigma[7:8], w0[7:8])
    np.testing.assert_allclose(together.W[7], alone.W[0], atol=1e-12)


def test_more_problems_than_are_solved_at_a_time(monkeypatch):
    from proofolio.solvers.quadratic import multiperiod_batch

    mu, sigma, w0, costs = days(6, 40, 4, 1)
    batch = MeanVariance(4, 1, 1.25, 1.0, **costs).batch()
    whole = batch.solve(mu, sigma, w0)
    monkeypatch.setattr(multiperiod_batch, "MEMORY", 1)
    parts = batch.solve(mu, sigma, w0)
    assert parts.ok.all()
    np.testing.assert_allclose(whole.W, parts.W, atol=1e-12)


def test_one_forecast_for_a_frontier(back_end):
    mu, sigma, w0, costs = days(7, 1, 5, 1)
    frontier = (
        MeanVariance(5, 1, 1.0, 1.0, **costs)
        .batch()
        .solve(mu, sigma, w0, gamma_risk=np.geomspace(0.1, 1e3, 20))
    )
    risks = np.einsum("bi,ij,bj->b", frontier.W[:, 0], sigma[0, 0], frontier.W[:, 0])
    assert frontier.ok.all()
    assert (np.diff(risks) <= 1e-6 * risks[0]).all()


def test_a_gap_that_is_not_proved_is_said(monkeypatch, back_end):
    from proofolio.models.portfolio import mean_variance_kernel
    from proofolio.solvers.quadratic import multiperiod_batch

    for module in (multiperiod_batch, mean_variance_kernel):
        monkeypatch.setattr(module, "ITERATIONS", 2)
    mu, sigma, w0, costs = days(8, 10, 5, 1)
    model = MeanVariance(5, 1, 1.25, 1.0, **costs)
    short = model.batch().solve(mu, sigma, w0)
    assert not short.ok.any()
    for b in range(10):  # and what is said is true
        best = model.stepper(tolerance=1e-8).solve(mu[b], sigma[b], w0[b])
        assert best.objective <= short.objective[b] + short.gap[b] + 1e-13


def test_without_any_cost_or_any_difference(back_end):
    found = (
        MeanVariance(3, 1, 1.0, 0.0)
        .batch()
        .solve(np.zeros((2, 3)), np.zeros((2, 3, 3)), np.full((2, 3), 1 / 3))
    )
    assert found.ok.all()
    assert found.objective == pytest.approx([0.0, 0.0])


def test_refusals_name_the_problem(back_end):
    mu, sigma, w0, costs = days(2, 3, 4, 1)
    batch = MeanVariance(4, 1, 1.25, 1.0, **costs).batch()
    for each in (batch, MeanVariance(4, 1, 1.25, 1.0, **costs).batch()):
        with pytest.raises(BadData, match="w0 of problem 0 adds up to"):
            each.solve(mu, sigma, 2.0 * w0[:1])  # one for all
    with pytest.raises(BadData, match="w0 of problem 2 adds up to"):
        batch.solve(mu, sigma, np.vstack([w0[:2], w0[2:] * 2]))
    bad = sigma.copy()
    bad[1, 0, 0, 0] = -1.0
    with pytest.raises(BadData, match="covariance of problem 1 has the eigenvalue"):
        batch.solve(mu, bad, w0)
    bad = sigma.copy()
    bad[2, 0, 0, 1] += 1.0
    with pytest.raises(BadData, match="covariance of problem 2 is not symmetric"):
        batch.solve(mu, bad, w0)
    with pytest.raises(BadData, match="numbers of problems differ: 2, 3"):
        batch.solve(mu, sigma, w0[:2])
    with pytest.raises(BadData, match="gamma_risk of problem 1 is -1"):
        batch.solve(mu, sigma, w0, gamma_risk=[1.0, -1.0, 1.0])
    with pytest.raises(BadData, match=r"mean has shape \(3, 1, 5\); it must be \(B, 1, 4\)"):
        batch.solve(np.zeros((3, 5)), sigma, w0)
    with pytest.raises(BadData, match="one by one"):
        MeanVariance(4, 1, 1.0, 1.0, groups=[Group((0,), 0.0, 0.5)]).batch()
