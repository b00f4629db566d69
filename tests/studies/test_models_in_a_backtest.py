"""What the models and transformers can do reaches a backtest: the same is computed here from its forecasts."""

import numpy as np
import pytest

import proofolio as pf
from proofolio.backtesting.strategies import RegimeBudgets
from proofolio.backtesting.tasks import digest
from proofolio.forecasts.transformers import Beside, Chain, DriftCorrection, RunningMedian

WINDOW = 120


def test_persistence_and_clusters_of_volatility_reach_regime_erc(prices):
    options = {"kappa": 0.9, "clip": 1.0, "persistence": 30.0, "volatility_damping": 0.5, "clusters": 2}

    def by_hand(context):
        known, model = context.forecast, pf.RegimeEqualRisk(**options)
        assert known.transition.sum(axis=1) == pytest.approx(1.0)
        assert known.probabilities[1] == pytest.approx(known.probabilities[0] @ known.transition)
        return model.weights(
            known.probabilities[0], known.means, known.covariances, known.transition, known.covariance[0]
        )

    own = pf.strategy(by_hand, forecasts="regimes")
    found = pf.backtest(
        prices, [RegimeBudgets("damped", **options), "regime-erc", own], window=WINDOW, stop=150
    )
    assert found["damped"].weights.to_numpy() == pytest.approx(found["by_hand"].weights.to_numpy(), abs=1e-12)
    assert np.abs(found["damped"].weights - found["regime-erc"].weights).to_numpy().max() > 1e-4


def test_features_and_evidence_reach_the_forecasts(prices):
    plans = ({}, {"features": DriftCorrection(20.0)}, {"evidence": (1.0, 3.0)})
    runs = [pf.backtest(prices, "erc", window=WINDOW, stop=150, **plan) for plan in plans]
    plain, corrected, weighed = (run["erc"].forecasts["probability"].to_numpy() for run in runs)
    assert np.abs(plain - corrected).max() > 1e-6
    # q'_k = w_k q_k / sum_j w_j q_j
    expected = plain * [1.0, 3.0]
    assert weighed == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-9)


def test_results_with_other_features_are_other_results():
    chains = [Chain(RunningMedian(3)), Chain(RunningMedian(5)), Beside(RunningMedian(3)), RunningMedian(3)]
    assert len({digest(chain) for chain in chains}) == 4
    assert digest(Chain(RunningMedian(3))) == digest(Chain(RunningMedian(3)))
