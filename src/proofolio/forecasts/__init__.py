"""What the data says: prices, returns, market regimes, and moments in each of them."""

from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.forecasts.moments import (
    forecast_probabilities,
    mixed_moments,
    regime_moments,
)
from proofolio.forecasts.prices import (
    load_market,
    load_prices,
    read_prices,
    read_returns,
    simple_returns,
    validate_prices,
    validate_returns,
)
from proofolio.forecasts.regime_fit import RegimeFit

__all__ = [
    "RegimeFit",
    "fit_regimes",
    "forecast_probabilities",
    "load_market",
    "load_prices",
    "mixed_moments",
    "read_prices",
    "read_returns",
    "regime_moments",
    "simple_returns",
    "validate_prices",
    "validate_returns",
]
