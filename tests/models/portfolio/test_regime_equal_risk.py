"""The regime ERC: budgets from regime scores, damped and clipped; without them plain ERC."""

import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.models.portfolio.regime_equal_risk import RegimeEqualRisk, volatility_clusters
from proofolio.models.portfolio.risk_budgeting import equal_risk, risk_contributions

from .trap_market import CALM, N, periods

Q = np.array([0.7, 0.3])
MEANS = np.random.default_rng(3).normal(0.0, 0.05, (2, N))
SIGMAS = np.array([CALM, periods(30)[-1]])
STAYS = np.array([[0.99, 0.01], [0.05, 0.95]])


def mixture():
    mean = Q @ MEANS
    return sum(q * (S + np.outer(m - mean, m - mean)) for q, S, m in zip(Q, SIGMAS, MEANS, strict=True))


def test_kappa_zero_is_plain_erc():
    weights = RegimeEqualRisk(kappa=0.0).weights(Q, MEANS, SIGMAS)
    assert weights == pytest.approx(equal_risk(mixture()), abs=1e-13)


def test_the_contributions_are_the_budgets_of_the_mixture():
    model = RegimeEqualRisk(kappa=0.8)
    b = model.budgets(Q, MEANS, SIGMAS)
    assert b.min() > 0.0
    assert b.sum() == pytest.approx(1.0)
    weights = model.weights(Q, MEANS, SIGMAS)
    assert np.abs(risk_contributions(weights, mixture()) - b).max() < 1e-12


def test_budgets_follow_the_formula():
    model = RegimeEqualRisk(kappa=0.5, clip=0.4, periods_per_year=4.0)
    sharpe = np.array(
        [[m / np.sqrt(v) * 2.0 for m, v in zip(MEANS[k], np.diag(SIGMAS[k]), strict=True)] for k in (0, 1)]
    )
    score = sum(Q[k] * np.clip(sharpe[k], -0.4, 0.4) for k in (0, 1))
    assert model.scores(Q, MEANS, SIGMAS) == pytest.approx(score)
    raised = 1.0 + 0.5 * score
    assert model.budgets(Q, MEANS, SIGMAS) == pytest.approx(raised / raised.sum())


def test_scores_are_clipped():
    loud = RegimeEqualRisk(kappa=0.9, clip=1.0).scores(Q, 100.0 * np.sign(MEANS), SIGMAS)
    assert loud == pytest.approx(Q @ np.sign(MEANS))


def test_a_regime_that_is_soon_over_has_less_of_a_say():
    plain = RegimeEqualRisk(periods_per_year=4.0)
    damped = RegimeEqualRisk(periods_per_year=4.0, persistence=20.0)
    only = [damped.scores(q, MEANS, SIGMAS, STAYS) / plain.scores(q, MEANS, SIGMAS) for q in np.eye(2)]
    # they are expected to last 100 and 20 periods
    assert only[0] == pytest.approx(np.full(N, 100.0 / 120.0))
    assert only[1] == pytest.approx(np.full(N, 20.0 / 40.0))
    never = damped.scores(np.eye(2)[0], MEANS, SIGMAS, np.eye(2))
    assert never == pytest.approx(plain.scores(np.eye(2)[0], MEANS, SIGMAS))


def test_louder_clusters_have_less_of_a_say():
    plain = RegimeEqualRisk(periods_per_year=4.0)
    damped = RegimeEqualRisk(periods_per_year=4.0, volatility_damping=1.0, clusters=2)
    ratio = damped.scores(Q, MEANS, SIGMAS) / plain.scores(Q, MEANS, SIGMAS)
    volatility = np.sqrt(np.diag(mixture()))
    calm = volatility_clusters(volatility, 2) == 0
    assert ratio[calm] == pytest.approx(np.ones(calm.sum()))
    assert ratio[~calm] == pytest.approx(
        np.full((~calm).sum(), volatility[calm].mean() / volatility[~calm].mean())
    )


def test_clusters_are_cut_at_the_widest_ratios():
    assert volatility_clusters([1.0, 4.0, 1.1, 4.2, 9.0], 3).tolist() == [0, 1, 0, 1, 2]
    assert volatility_clusters([1.0, 1.0, 1.0], 3).tolist() == [0, 0, 0]
    assert volatility_clusters([2.0, 1.0], 1).tolist() == [0, 0]


def test_a_covariance_of_one_s_own_takes_the_place_of_the_mixture():
    model = RegimeEqualRisk()
    weights = model.weights(Q, MEANS, SIGMAS, covariance=np.eye(N))
    assert np.abs(risk_contributions(weights, np.eye(N)) - model.budgets(Q, MEANS, SIGMAS)).max() < 1e-12


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ({"kappa": 1.0, "clip": 1.0}, {}, "below 1"),
        ({"kappa": -0.1}, {}, "cannot be negative"),
        ({"volatility_damping": 1.5}, {}, "from 0 to 1"),
        ({"persistence": 5.0}, {}, "needs the transition matrix"),
        ({"persistence": 5.0}, {"transition": np.ones((2, 2))}, "rows that add up to 1"),
        ({}, {"probabilities": [0.5, 0.4]}, "adding up to 1"),
        ({}, {"means": MEANS[:1]}, "means have shape"),
        ({}, {"covariances": SIGMAS[:, :3, :3]}, "covariances have shape"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(options, data, words):
    with pytest.raises(BadData, match=words):
        RegimeEqualRisk(**options).weights(
            **{"probabilities": Q, "means": MEANS, "covariances": SIGMAS} | data
        )
