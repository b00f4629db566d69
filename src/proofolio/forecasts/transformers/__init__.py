"""What may be done to returns before regimes are read from them, and to probabilities afterwards."""

from proofolio.forecasts.transformers.adaptive_trend import AdaptiveTrend
from proofolio.forecasts.transformers.asymmetric_weights import AsymmetricWeights
from proofolio.forecasts.transformers.drift_correction import DriftCorrection
from proofolio.forecasts.transformers.hysteresis import Hysteresis
from proofolio.forecasts.transformers.local_level import LocalLevel
from proofolio.forecasts.transformers.running_median import RunningMedian
from proofolio.forecasts.transformers.transformer import Beside, Chain, Transformer
from proofolio.forecasts.transformers.volatility_normalised import VolatilityNormalised

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
