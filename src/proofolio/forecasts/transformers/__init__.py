"""What may be done to returns before regimes are read from them, and to probabilities afterwards."""

from proofolio.forecasts.transformers.probabilities import AsymmetricWeights, Hysteresis
from proofolio.forecasts.transformers.smoothing import LocalLevel, RunningMedian
from proofolio.forecasts.transformers.transformer import Beside, Chain, Transformer
from proofolio.forecasts.transformers.trends import AdaptiveTrend, DriftCorrection, VolatilityNormalised

__all__ = [
    "AdaptiveTrend",
    "AsymmetricWeights",
    "Beside",
    "Chain",
    "DriftCorrection",
    "Hysteresis",
    "LocalLevel",
    "RunningMedian",
    "Transformer",
    "VolatilityNormalised",
]
