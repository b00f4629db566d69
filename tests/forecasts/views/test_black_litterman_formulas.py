"""The posterior, against the precision form, whitened least squares and fractions, none of which the product uses."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proofolio as pf
from proofolio.forecasts.views.formulas import copies

TAU = 0.05


def market(seed, n):
    """A covariance of daily size with correlations, a prior about its scale, and a generator to go on with."""
    rng = np.random.default_rng(seed)
    loadings = rng.standard_normal((n, n + 3))
    sd = 10 ** rng.uniform(-2.5, -1.5, n)
    correlation = loadings @ loadings.T
    scale = np.sqrt(np.diagonal(correlation))
    Sigma = correlation / np.outer(scale, scale) * np.outer(sd, sd)
    return 0.5 * (Sigma + Sigma.T), 3e-4 * rng.standard_normal(n), rng


def precision_form(pi, Sigma, P, v, c, tau):
    """Mean and covariance by Bayes' rule on precisions: needs every confidence inside (0, 1)."""
    omega = np.array([(1 - ci) / ci * tau * p @ Sigma @ p for p, ci in zip(P, c, strict=True)])
    prior = np.linalg.inv(tau * Sigma)
    M = np.linalg.inv(prior + P.T @ np.diag(1 / omega) @ P)
    return M @ (prior @ pi + P.T @ (v / omega)), Sigma + M


def close(a, b, tolerance=1e-12):
    scale = max(float(np.abs(b).max()), 1e-300)
    assert float(np.abs(np.asarray(a) - b).max()) <= tolerance * scale


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 6), st.floats(0.01, 2.0))
def test_mean_covariance_and_omega_are_those_of_the_precision_form(seed, n, m, tau):
    Sigma, pi, rng = market(seed, n)
    P, v, c = rng.standard_normal((m, n)), 1e-3 * rng.standard_normal(m), rng.uniform(0.05, 0.95, m)
    found = pf.posterior(pi, Sigma, P, v, c, tau)
    mean, S = precision_form(pi, Sigma, P, v, c, tau)
    # inverting Sigma costs the check its digits: condition numbers reach 1e4 here
    close(found.mean, mean, 1e-10)
    close(found.covariance, S, 1e-10)
    close(found.omega, (1 - c) / c * tau * np.diagonal(P @ Sigma @ P.T))
    assert np.array_equal(found.covariance, found.covariance.T)


def whitened(pi, Sigma, P, v, c, tau):
    """Generalised least squares of prior and views, by QR of whitened rows: no inverse of Sigma."""
    L = np.linalg.cholesky(tau * Sigma)
    omega = (1 - c) / c * np.diagonal(P @ (tau * Sigma) @ P.T)
    rows = np.vstack([np.eye(len(pi)), (P @ L) / np.sqrt(omega)[:, None]])
    right = np.concatenate([np.zeros(len(pi)), (v - P @ pi) / np.sqrt(omega)])
    return pi + L @ np.linalg.lstsq(rows, right, rcond=None)[0]


def test_two_hundred_random_sets_of_views_agree_with_whitened_least_squares():
    for seed in range(200):
        Sigma, pi, rng = market(seed, 8)
        m = int(rng.integers(1, 12))
        P, v, c = rng.standard_normal((m, 8)), 1e-3 * rng.standard_normal(m), rng.uniform(0.05, 0.95, m)
        found = pf.posterior(pi, Sigma, P, v, c, TAU)
        close(found.mean - pi, whitened(pi, Sigma, P, v, c, TAU) - pi, 1e-12)


def test_two_hundred_views_on_eight_assets():
    Sigma, pi, rng = market(1, 8)
    P, v, c = rng.standard_normal((200, 8)), 1e-3 * rng.standard_normal(200), rng.uniform(0.01, 0.2, 200)
    close(pf.posterior(pi, Sigma, P, v, c, TAU).mean, whitened(pi, Sigma, P, v, c, TAU), 1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(1e-3, 10))
def test_one_view_moves_its_share_whatever_tau_is(seed, c, tau):
    Sigma, pi, rng = market(seed, 5)
    p, v = rng.standard_normal(5), 2e-3
    found = pf.posterior(pi, Sigma, [p], [v], [c], tau)
    expected = c * (Sigma @ p) / (p @ Sigma @ p) * (v - p @ pi)
    assert np.abs(found.mean - pi - expected).max() <= 1e-12 * max(np.abs(pi).max(), np.abs(expected).max())
    assert found.pull[0] == pytest.approx(c, abs=1e-12)
    S = (1 + tau) * Sigma - c * tau * np.outer(Sigma @ p, Sigma @ p) / (p @ Sigma @ p)
    close(found.covariance, S)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_both_opposite_views_are_one_view_of_the_share_in_the_specification(c1, c2):
    Sigma, pi, rng = market(3, 4)
    p, v = rng.standard_normal(4), 1e-3
    both = pf.posterior(pi, Sigma, [p, -p], [v, v], [c1, c2], TAU)
    k1, k2 = c1 / (1 - c1), c2 / (1 - c2)
    one = pf.posterior(pi, Sigma, [p], [v * (k1 - k2) / (k1 + k2)], [(k1 + k2) / (1 + k1 + k2)], TAU)
    # k loses the digits of 1 - c: 1e-13 at the ends
    close(both.mean, one.mean, 1e-11)
    close(both.covariance, one.covariance, 1e-11)


def test_opposite_views_at_nine_tenths_leave_a_nineteenth_of_the_prior():
    Sigma = np.diag([1e-4, 4e-4])
    pi, p = np.array([3e-4, 1e-4]), np.array([1.0, -1.0])
    found = pf.posterior(pi, Sigma, [p, -p], [1e-3, 1e-3], [0.9, 0.9], TAU)
    assert p @ found.mean == pytest.approx(p @ pi / 19, rel=1e-13)


def test_copies_of_a_view_at_one_half_move_as_the_specification_says():
    Sigma, pi, _ = market(5, 4)
    p = np.array([1.0, -1.0, 0.0, 0.0])
    moved = [
        pf.posterior(pi, Sigma, np.tile(p, (k, 1)), np.full(k, 1e-3), 0.5, TAU).pull[0] for k in (1, 2, 5, 20)
    ]
    assert moved == pytest.approx([1 / 2, 2 / 3, 5 / 6, 20 / 21], abs=1e-12)


@pytest.mark.parametrize("c", [1e-300, 1e-16, 1 - 1e-16, 1 - 2**-53, 1.0])
def test_confidences_at_the_ends_stay_finite_and_right(c):
    Sigma, pi, rng = market(2, 4)
    P, v = rng.standard_normal((2, 4)), np.array([1e-3, -1e-3])
    found = pf.posterior(pi, Sigma, P, v, [c, 0.4], TAU)
    limit = 0.0 if c < 0.5 else 1.0
    expected = pf.posterior(pi, Sigma, P, v, [limit, 0.4], TAU)
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.covariance).all()
    close(found.mean, expected.mean, 1e-12)


def test_a_confidence_of_zero_drops_the_row_and_certainty_is_exact():
    Sigma, pi, rng = market(4, 5)
    P, v = rng.standard_normal((3, 5)), 1e-3 * rng.standard_normal(3)
    without = pf.posterior(pi, Sigma, P[[0, 2]], v[[0, 2]], [0.3, 0.6], TAU)
    dropped = pf.posterior(pi, Sigma, P, v, [0.3, 0.0, 0.6], TAU)
    close(dropped.mean, without.mean)
    assert (dropped.dropped.tolist(), dropped.rank, dropped.omega[1]) == ([1], 2, np.inf)
    certain = pf.posterior(pi, Sigma, P, v, 1.0, TAU)
    close(P @ certain.mean, v)
    assert np.abs(certain.residual).max() < 1e-15
    assert (
        np.abs(P @ (certain.covariance - Sigma) @ P.T).max() < 1e-15
    )  # nothing of the prior's doubt is left
    nothing = pf.posterior(pi, Sigma, P, v, 0.0, TAU)
    assert np.array_equal(nothing.mean, pi)
    close(nothing.covariance, (1 + TAU) * Sigma)
    assert (nothing.surprise, nothing.surprise_p, nothing.rank) == (0.0, 1.0, 0)


def test_a_certain_view_wins_against_a_doubtful_one():
    Sigma, pi, _ = market(6, 3)
    p = np.array([1.0, -1.0, 0.0])
    found = pf.posterior(pi, Sigma, [p, p], [1e-3, -5e-3], [1.0, 0.9], TAU)
    assert p @ found.mean == pytest.approx(1e-3, abs=1e-16)


def test_redundant_certain_views_that_agree_are_repaired_and_change_nothing():
    Sigma, pi, rng = market(7, 5)
    P, v = rng.standard_normal((2, 5)), np.array([1e-3, -2e-3])
    alone = pf.posterior(pi, Sigma, P, v, 1.0, TAU)
    rows, values = np.vstack([P, P[0] - 3 * P[1]]), np.append(v, v[0] - 3 * v[1])
    found = pf.posterior(pi, Sigma, rows, values, 1.0, TAU)
    assert (found.repaired, found.rank, alone.repaired) == (True, 2, False)
    close(found.mean, alone.mean, 1e-11)
    close(found.covariance, alone.covariance, 1e-11)


def test_certain_views_that_contradict_are_named():
    Sigma, pi, rng = market(8, 4)
    p = np.array([1.0, -1.0, 0.0, 0.0])
    with pytest.raises(
        pf.ContradictoryViews, match="views 1 and 3 are both certain and contradict each other"
    ):
        pf.posterior(pi, Sigma, [p, rng.standard_normal(4), -p], [1e-3, 1e-3, 1e-3], [1, 0.5, 1], TAU)
    circle = np.array([[1.0, -1, 0, 0], [0, 1, -1, 0], [-1, 0, 1, 0]])
    with pytest.raises(pf.ContradictoryViews, match="views 1, 2 and 3 are certain"):
        pf.posterior(pi, Sigma, circle, [1e-3] * 3, 1.0, TAU)
    assert pf.posterior(pi, Sigma, circle, [1e-3, 1e-3, -2e-3], 1.0, TAU).rank == 2


@pytest.mark.parametrize("eps", [1e-6, 3e-7, 1e-9])
def test_nearly_equal_certain_rows_with_different_values_are_not_averaged_silently(eps):
    Sigma, pi, _ = market(9, 4)
    p, e = np.array([1.0, -1.0, 0.0, 0.0]), np.eye(4)[2]
    with pytest.raises(pf.ContradictoryViews, match="views 1 and 2 are nearly the same row"):
        pf.posterior(pi, Sigma, [p, p + eps * e], [1e-3, 1e-3 + 1e-4], 1.0, TAU)


def test_nearly_equal_rows_that_are_kept_apart_surprise():
    Sigma, pi, _ = market(9, 4)
    p, e = np.array([1.0, -1.0, 0.0, 0.0]), np.eye(4)[2]
    found = pf.posterior(pi, Sigma, [p, p + 1e-4 * e], [1e-3, 1e-3 + 1e-4], 1.0, TAU)
    assert found.surprise_p < 1e-6


def test_surprise_is_theils_statistic():
    Sigma, pi, rng = market(10, 5)
    P, v, c = rng.standard_normal((3, 5)), 2e-3 * rng.standard_normal(3), np.array([0.2, 0.5, 0.9])
    found = pf.posterior(pi, Sigma, P, v, c, TAU)
    A = P @ (TAU * Sigma) @ P.T
    M = A + np.diag(np.diagonal(A) * (1 - c) / c)
    gap = v - P @ pi
    assert found.surprise == pytest.approx(gap @ np.linalg.inv(M) @ gap, rel=1e-10)
    # three degrees: the tail has a closed form with the normal's
    x = found.surprise
    tail = math.erfc(math.sqrt(x / 2)) + math.sqrt(2 * x / math.pi) * math.exp(-x / 2)
    assert found.surprise_p == pytest.approx(tail, rel=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3))
def test_scaling_a_row_with_its_value_changes_nothing(seed, scales):
    Sigma, pi, rng = market(seed, 4)
    P, v, c = rng.standard_normal((3, 4)), 1e-3 * rng.standard_normal(3), np.array([0.2, 0.7, 1.0])
    D = np.array(scales) * [1, -1, 1]
    one, other = pf.posterior(pi, Sigma, P, v, c, TAU), pf.posterior(pi, Sigma, D[:, None] * P, D * v, c, TAU)
    close(other.mean, one.mean)
    close(other.covariance, one.covariance)
    close(other.pull, one.pull, 1e-9)
    assert other.surprise == pytest.approx(one.surprise, rel=1e-9)


def exact_posterior(pi, Sigma, P, v, c, tau):
    """The mean in fractions, by Gaussian elimination."""

    def fractions(array):
        return [[Fraction(float(x)) for x in row] for row in np.atleast_2d(array)]

    S, rows, values = fractions(Sigma), fractions(P), fractions(v)[0]
    n, m = len(S), len(rows)
    tS = [[Fraction(tau) * x for x in row] for row in S]
    cross = [[sum(tS[i][k] * row[k] for k in range(n)) for row in rows] for i in range(n)]
    M = [[sum(rows[i][k] * cross[k][j] for k in range(n)) for j in range(m)] for i in range(m)]
    for i in range(m):
        M[i][i] /= Fraction(float(c[i]))
    start = fractions(pi)[0]
    right = [values[i] - sum(rows[i][k] * start[k] for k in range(n)) for i in range(m)]
    for i in range(m):
        for j in range(i + 1, m):
            factor = M[j][i] / M[i][i]
            M[j] = [a - factor * b for a, b in zip(M[j], M[i], strict=True)]
            right[j] -= factor * right[i]
    solved = [Fraction(0)] * m
    for i in reversed(range(m)):
        solved[i] = (right[i] - sum(M[i][j] * solved[j] for j in range(i + 1, m))) / M[i][i]
    return np.array([float(start[i] + sum(cross[i][j] * solved[j] for j in range(m))) for i in range(n)])


def test_the_mean_is_that_of_exact_fractions():
    for seed in range(5):
        Sigma, pi, rng = market(seed, 4)
        P, v, c = rng.integers(-2, 3, (3, 4)).astype(float), 1e-3 * rng.standard_normal(3), [0.25, 0.5, 0.875]
        P[:, 0] += 5  # no row is zero
        close(pf.posterior(pi, Sigma, P, v, c, TAU).mean, exact_posterior(pi, Sigma, P, v, c, TAU), 1e-13)


def test_skfolio_says_the_same():
    prior = pytest.importorskip(
        "skfolio.prior", reason="skfolio is not installed: pip install proofolio[dev]"
    )
    import pandas as pd

    rng = np.random.default_rng(0)
    X = pd.DataFrame(0.01 * rng.standard_normal((300, 4)), columns=list("ABCD"))
    views, c = ["A - B = 0.0004", "C = 0.0001"], [0.3, 0.8]
    peer = prior.BlackLitterman(views, view_confidences=c, tau=TAU)
    peer.fit(X)
    start = peer.prior_estimator_.return_distribution_
    P = np.array([[1.0, -1, 0, 0], [0, 0, 1, 0]])
    found = pf.posterior(start.mu, start.covariance, P, [4e-4, 1e-4], c, TAU)
    close(found.mean, peer.return_distribution_.mu, 1e-12)
    close(found.covariance, peer.return_distribution_.covariance, 1e-12)


def test_pyportfolioopt_says_the_same():
    peer = pytest.importorskip(
        "pypfopt", reason="PyPortfolioOpt is not installed: pip install PyPortfolioOpt"
    )
    Sigma, pi, rng = market(1, 4)
    P, v, c = rng.standard_normal((2, 4)), np.array([1e-3, -1e-3]), np.array([0.3, 0.8])
    model = peer.BlackLittermanModel(Sigma, pi=pi, P=P, Q=v, omega="idzorek", view_confidences=c, tau=TAU)
    close(pf.posterior(pi, Sigma, P, v, c, TAU).mean, model.bl_returns().to_numpy(), 1e-10)


# ------------------------------------------------------------------- the market's prior
def optimum(mean, Sigma, gamma):
    """The full portfolio of max mean'w - gamma w'Sigma w, from its two equations."""
    n = len(mean)
    system = np.block([[2 * gamma * Sigma, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    return np.linalg.solve(system, np.append(mean, 1.0))[:n]


def test_the_market_is_held_without_costs_at_the_right_risk_aversion_only():
    Sigma, _, rng = market(11, 5)
    w = rng.dirichlet(np.ones(5))
    delta = 2.5
    pi = pf.equilibrium(Sigma, w, delta)
    close(optimum(pi, Sigma, delta / 2), w, 1e-8)
    S = pf.posterior(pi, Sigma, np.empty((0, 5)), [], [], TAU).covariance
    close(optimum(pi, S, delta / (2 * (1 + TAU))), w, 1e-8)
    wrong = optimum(pi, S, delta / 2)
    assert np.abs(wrong - w).sum() > 1e-4


def test_a_view_equal_to_the_prior_leaves_the_weights_alone_and_mirrored_views_mirror_tilts():
    Sigma, _, rng = market(12, 5)
    w, delta = rng.dirichlet(np.ones(5)), 2.5
    pi = pf.equilibrium(Sigma, w, delta)
    p = np.array([1.0, -1.0, 0, 0, 0])
    for c in (0.1, 0.5, 0.9, 1.0):
        same = pf.posterior(pi, Sigma, [p], [p @ pi], [c], TAU)
        close(optimum(same.mean, Sigma, delta / 2), w, 1e-8)  # risk="prior"
        assert np.isnan(same.pull[0])
        up, down = (pf.posterior(pi, Sigma, [p], [p @ pi + d], [c], TAU).mean for d in (1e-5, -1e-5))
        tilt, mirror = (optimum(mean, Sigma, delta / 2) - w for mean in (up, down))
        assert np.abs(tilt + mirror).max() < 1e-8
        assert np.abs(tilt[2:]).max() < 1e-8 < np.abs(tilt[:2]).min()
    # with S the same view trades
    moved = optimum(same.mean, same.covariance, delta / (2 * (1 + TAU))) - w
    assert np.abs(moved).sum() > 1e-3


def test_drifted_weights_are_those_of_wealth_held():
    rng = np.random.default_rng(0)
    returns, w0 = 0.05 * rng.standard_normal((40, 3)), np.array([0.2, 0.3, 0.5])
    money = w0.copy()
    for row, weights in zip(returns, pf.drifted(w0, returns), strict=True):
        money = money * (1 + row)
        np.testing.assert_allclose(weights, money / money.sum(), rtol=1e-12)
    with pytest.raises(pf.BadData, match=r"\(n,\) and \(D, n\)"):
        pf.drifted([0.5, 0.5], returns)
    with pytest.raises(pf.BadData, match="worth nothing after row 1"):
        pf.drifted([1.0, 0.0], [[-1.0, 0.0]])


# ----------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"P": [[0.0, 0.0]]}, "view 1 has no asset: all its weights are zero"),
        ({"confidence": [1.2]}, "the confidence of view 1 is 1.2; give a share from 0 to 1"),
        ({"confidence": [np.nan]}, "the confidence of view 1 is nan"),
        ({"confidence": [0.5, 0.5]}, "give one for each of 1 views"),
        ({"v": [np.nan]}, "v has a missing or infinite number"),
        ({"P": [[1.0]]}, "for 2 assets and m views"),
        ({"tau": 0.0}, "tau is 0.0; give a positive number"),
        ({"Sigma": [[1.0, 2.0], [2.0, 1.0]]}, "Sigma has a negative eigenvalue"),
        ({"Sigma": [[1.0, 0.5], [0.2, 1.0]]}, "Sigma is not symmetric"),
        ({"Sigma": [[1.0, 1.0], [1.0, 1.0]]}, "view 1 has no risk under this covariance"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(change, sentence):
    good = {
        "pi": [0.0, 0.0],
        "Sigma": np.eye(2),
        "P": [[1.0, -1.0]],
        "v": [1.0],
        "confidence": [0.5],
        "tau": 0.05,
    }
    with pytest.raises(pf.BadData, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        pf.posterior(**{**good, **change})


def test_copies_are_views_that_claim_the_same_way():
    Sigma, _, _ = market(13, 3)
    p = np.array([1.0, -1.0, 0.0])
    other = np.array([0.0, 0.0, 1.0])
    assert [pair[:2] for pair in copies(Sigma, [p, other, -2 * p], [1.0, 1.0, -2.0])] == [(0, 2)]
    assert copies(Sigma, [p, -p], [1.0, 1.0]) == []
