"""What may be done to returns before regimes are read from them, and to probabilities afterwards."""

from proofolio.forecasts.transformers.asymmetric_weights import AsymmetricWeights
from proofolio.forecasts.transformers.hysteresis import Hysteresis
from proofolio.forecasts.transformers.transformer import Chain, Transformer

__all__ = ["AsymmetricWeights", "Chain", "Hysteresis", "Transformer"]
